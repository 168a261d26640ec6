# SPDX-License-Identifier: GPL-2.0
# Sourced by the verbs that boot a guest of ours: what of it depends on $ARCH.
# shellcheck shell=bash

# need_guests: of other architectures kunit.py alone boots a kernel.
need_guests() {
	case $ARCH in
	x86_64 | arm64) ;;
	*) die "there are no guests of $ARCH, only of x86_64 and arm64; use 'make kunit ARCH=$ARCH'" ;;
	esac
}

# kernel_image OUT: what an object directory has for QEMU to boot.
kernel_image() {
	case $ARCH in
	arm64) echo "$1/arch/arm64/boot/Image" ;;
	*) echo "$1/arch/x86/boot/bzImage" ;;
	esac
}

# machine_words: the machine and its firmware, one word a line. What kunit.py gives to
# arm64, but for the algorithm of pointer authentication: TCG is slow with the standard's.
machine_words() {
	case $ARCH in
	arm64) printf '%s\n' -M virt -cpu max,pauth-impdef=on ;;
	*) printf '%s\n' -M q35 -bios qboot.rom ;;
	esac
}

# console_words: for the kernel, its serial port and what only this machine wants.
console_words() {
	case $ARCH in
	arm64) echo console=ttyAMA0 ;;
	*) echo console=ttyS0 no_timer_check ;;
	esac
}

# as_many_pages: memory for as many pages where they are larger.
as_many_pages() {
	case ,${CFG:-}, in
	*,64k,*) export MEM=${MEM:-8192} ;;
	*,16k,*) export MEM=${MEM:-4096} ;;
	esac
}

# debian_arch, triplet: what Debian calls it, and the directory of its libraries.
debian_arch() {
	case $ARCH in
	x86_64) echo amd64 ;;
	*) echo "$ARCH" ;;
	esac
}
triplet() {
	case $ARCH in
	arm64) echo aarch64-linux-gnu ;;
	*) echo "$ARCH-linux-gnu" ;;
	esac
}
