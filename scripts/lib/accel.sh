# SPDX-License-Identifier: GPL-2.0
# Sourced by verbs that boot a guest: which QEMU accelerator works here.
# shellcheck shell=bash

KVM_DEVICE=${KVM_DEVICE:-/dev/kvm}
# With the second that timeout(1) may need to kill QEMU it stays within ten.
PROBE_SECONDS=${PROBE_SECONDS:-9}

# qemu_name: the emulator of $ARCH; that of x86_64 is i386 as well.
qemu_name() {
	case $ARCH in
	arm64) echo qemu-system-aarch64 ;;
	riscv64 | s390x) echo "qemu-system-$ARCH" ;;
	*) echo qemu-system-x86_64 ;;
	esac
}

# kvm_opens: without -e the test itself would make the file.
kvm_opens() { [[ -e $KVM_DEVICE ]] && (exec 3<>"$KVM_DEVICE") 2>/dev/null; }

# probe_kvm KERNEL: whether a guest under KVM gets as far as looking for a root
# file system. That /dev/kvm opens proves little: nested, it may never boot.
probe_kvm() {
	local log status=1
	log=$(mktemp)
	timeout -k 1 "$PROBE_SECONDS" qemu-system-x86_64 -M q35 -bios qboot.rom \
		-nodefaults -display none -m 256 -accel kvm -no-reboot -serial stdio \
		-kernel "$1" -append "console=ttyS0 panic=-1" </dev/null >"$log" 2>&1 || true
	if grep -qa 'Linux version' "$log" &&
		grep -qaE 'Unable to mount root|Kernel panic' "$log"; then
		status=0
	fi
	rm -f "$log"
	return "$status"
}

# accel_key: changes with the host's kernel, its boot and its QEMU.
accel_key() {
	{
		uname -r
		cat /proc/sys/kernel/random/boot_id
		qemu-system-x86_64 --version
	} 2>/dev/null | sha256sum | cut -d' ' -f1
}

# cached_accel: the result of the last probe of this host, or nothing.
cached_accel() {
	[[ ! -r $CACHE/accel ]] || sed -n "s/^$(accel_key) //p" "$CACHE/accel"
}

# choose_accel [KERNEL]: prints kvm or tcg; ACCEL= overrides the probe, and there is
# icount besides: TCG with a clock that counts instructions. A kernel is needed for
# the first probe only; without one tcg is taken, uncached, and for other architectures.
choose_accel() {
	local accel
	case ${ACCEL:-} in
	'') ;;
	kvm | tcg | icount) echo "$ACCEL"; return ;;
	*) die "ACCEL=$ACCEL is not known; use ACCEL=kvm, ACCEL=tcg or ACCEL=icount" ;;
	esac
	if [[ $(qemu_name) != *x86_64 ]] || ! kvm_opens; then
		echo tcg
		return
	fi
	accel=$(cached_accel)
	if [[ -z $accel && -r ${1:-} ]]; then
		say ACCEL kvm "probe boot, at most $((PROBE_SECONDS + 1)) seconds" >&2
		accel=tcg
		! probe_kvm "$1" || accel=kvm
		mkdir -p "$CACHE"
		echo "$(accel_key) $accel" >"$CACHE/accel.$$"
		mv "$CACHE/accel.$$" "$CACHE/accel"
	fi
	echo "${accel:-tcg}"
}

# accel_words ACCEL: what QEMU is told for it, one word a line.
accel_words() {
	case $1 in
	tcg) printf '%s\n' -accel tcg,thread=multi ;;
	icount) printf '%s\n' -accel tcg,thread=single -icount shift=0,sleep=off ;;
	*) printf '%s\n' -accel "$1" ;;
	esac
}
