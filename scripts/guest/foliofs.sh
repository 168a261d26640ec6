#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# needs: fio fsx git tcc
# foliofs: what its options say must be what is had, and data must be right at all of
# them, with and without faults.
# shellcheck source=ktap.inc
. /parts/ktap.inc
FAULTS=/sys/kernel/debug/foliolab/foliofs
mkdir -p /mnt

# with OPTIONS: mounts /mnt, in the place of what a case that failed left there.
with() {
	umount /mnt 2>/dev/null || true
	mount -t foliofs -o "$1" none /mnt
}

# unmount: nothing may be left, neither files nor their blocks. Writeback, or somebody
# who was killed but is still being kept waiting, may hold a file for a moment.
unmount() {
	for file in /mnt/* /mnt/.[!.]*; do rm -rf "$file"; done
	sync
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ "$(stat -f -c %f /mnt)" != "$(stat -f -c %b /mnt)" ] || break
		sleep 1
	done
	expect "$(stat -f -c %f /mnt)" "$(stat -f -c %b /mnt)" "free blocks of an empty filesystem"
	umount /mnt
	! dmesg | grep 'foliofs.*left after' || fail "blocks left after unmounting"
}

all_aops() {
	case $(uname -r) in
	6.*) echo simple ;;
	*) echo simple iomap ;;
	esac
}

# refused OPTIONS WORD: the mount fails, and the kernel log says why in these words.
refused() {
	dmesg -c >/dev/null
	if with "$1" 2>/dev/null; then fail "mounted with $1"; fi
	dmesg | grep -q "foliofs: .*$2" || fail "$1: not said '$2': $(dmesg | tail -n 2)"
}

test_options_refused() {
	refused foo 'no option foo'
	refused min_order=x 'min_order=x is no value'
	refused min_order=-1 'min_order=-1 is no value'
	refused max_order=99 'orders up to'
	refused order=1,min_order=0 'give either'
	refused min_order=3,max_order=2 'max_order=2 is less'
	refused blocksize=1000 'no power of two'
	refused blocksize=128k 'no power of two'
	refused blocksize=64k,order=2 'order 2 is too small for blocks of 65536'
	refused size=-1 'size=-1 is no number'
	refused size=1q 'size=1q is no number'
	refused aops=none 'aops=none is no value'
	refused fault=bogus 'fault=bogus: operations'
	refused fault=read:prob=0 'prob is 1 to 100'
	refused fault=read:delay=5 'delay of slow operations'
	refused fault=slow_read:delay=99999 'delay 1 to 10000'
	refused mode=99999 'mode=99999 is no value'
	[ "$(all_aops)" != simple ] || refused aops=iomap 'needs the iomap of Linux 7.3'
}

test_options_shown_and_remounted() {
	with min_order=1,max_order=4,blocksize=1k,size=1m,fault=read:every=3:times=2
	for option in min_order=1 max_order=4 aops=simple blocksize=1024 size=1048576 \
		fault=read:every=3:times=2; do
		grep ' /mnt foliofs ' /proc/mounts | grep -q "[, ]${option}[, ]" || fail "$option is not shown"
	done
	mount -o remount,size=2m,fault=none /mnt
	grep -q ' /mnt .*size=2097152' /proc/mounts || fail "size was not changed"
	! grep ' /mnt .*fault=' /proc/mounts || fail "the fault is still there"
	! mount -o remount,max_order=5 /mnt 2>/dev/null || fail "orders were changed"
	dd if=/dev/zero of=/mnt/a bs=64k count=16 2>/dev/null
	! mount -o remount,size=64k /mnt 2>/dev/null || fail "less than is in use"
	unmount
}

# orders OF-FILE: the orders of its folios, a word each, from the inspector.
orders() {
	exec 3<>/sys/kernel/debug/foliolab/file_orders
	echo "$1" >&3
	awk '$1 == "order" { printf "%s%s", told++ ? " " : "", $2 }' <&3
	exec 3<&-
}

test_orders_are_those_asked_for() {
	[ -e /sys/kernel/debug/foliolab/file_orders ] || skip "no inspector in this module"
	for aops in $(all_aops); do
		for order in 0 1 2 3 5 9; do
			with "aops=$aops,order=$order,size=64m"
			dd if=/dev/zero of=/mnt/a bs=37k count=200 2>/dev/null
			expect "$(orders /mnt/a)" $order "$aops: orders of what was written"
			sync
			echo 3 >/proc/sys/vm/drop_caches
			expect "$(orders /mnt/a)" "" "$aops: orders of what was dropped"
			cat /mnt/a >/dev/null
			expect "$(orders /mnt/a)" $order "$aops: orders of what was read"
			unmount
		done
		with "aops=$aops,min_order=1,max_order=3,size=64m"
		dd if=/dev/zero of=/mnt/a bs=1M count=4 2>/dev/null
		expect "$(orders /mnt/a)" 3 "$aops: orders of a large write"
		dd if=/dev/zero of=/mnt/b bs=4k count=1 2>/dev/null
		expect "$(orders /mnt/b)" 1 "$aops: orders of a small write"
		unmount
	done
}

# fsx_at OPTIONS [fsx option...]: must find nothing wrong.
fsx_at() {
	options=$1
	shift
	with "$options"
	fsx "$@" /mnt/fsx >/tmp/fsx.log 2>&1 || {
		cat /tmp/fsx.log
		cat $FAULTS/*/faults
		fail "fsx at $options"
	}
	unmount
}

# each_shape COMMAND...: with options of all block sizes and orders appended.
each_shape() {
	for bs in 512 4096 16384 65536; do
		for order in order=0 order=2 order=4 order=9 max_order=9 min_order=3,max_order=5; do
			case $bs,$order in
			16384,order=0 | 65536,order=[02] | 65536,min*) continue ;;
			esac
			"$@" "blocksize=$bs,$order,size=64m"
		done
	done
}

fsx_shape() { fsx_at "aops=$1,$2" --ops 400 --seed 3; }
test_fsx_simple() {
	each_shape fsx_shape simple
}
test_fsx_iomap() {
	[ "$(all_aops)" != simple ] || skip "aops=iomap needs 7.3"
	each_shape fsx_shape iomap
}

# Ranges whose edge lies in a folio that a split has just made as small as it gets.
test_fsx_split_to_min_order() {
	for aops in $(all_aops); do
		fsx_at "aops=$aops,blocksize=16384,min_order=3,max_order=4,size=64m" --ops 800 --seed 2
	done
}

test_fsx_with_faults() {
	for aops in $(all_aops); do
		for fault in alloc:prob=5 space:prob=3 read:prob=3 writeback:prob=3; do
			fsx_at "aops=$aops,size=64m,order=2,blocksize=512,fault=$fault" --ops 300 --allow-errors
		done
		for fault in short_copy alloc_large:prob=30; do
			fsx_at "aops=$aops,size=64m,blocksize=512,fault=$fault" --ops 300
		done
		fsx_at "aops=$aops,size=64m,fault=slow_read:prob=5:delay=3,fault=slow_writeback:prob=5:delay=3" \
			--ops 200 --noise 2
	done
}

# fired OP: how often its rule did.
fired() { awk -v op="$1" '$1 == op { print $10 }' $FAULTS/*/faults; }

test_faults_by_count() {
	with fault=read:every=3:after=2:times=2,order=0,size=4m
	dd if=/dev/zero of=/mnt/a bs=4k count=20 2>/dev/null
	errors=0
	for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do
		dd if=/mnt/a of=/dev/null bs=4k skip=$i count=1 iflag=direct 2>/dev/null ||
			errors="$errors $i"
	done
	expect "$errors" "0 4 7" "reads that failed"
	expect "$(fired read)" 2 "fired"
	unmount
}

# failing: which of 60 writes fail.
failing() {
	i=0
	while [ $i -lt 60 ]; do
		dd if=/dev/zero of=/mnt/a bs=4k count=1 2>/dev/null || printf '%s ' $i
		i=$((i + 1))
	done
}

test_faults_repeat_by_seed() {
	with fault=alloc:prob=30,seed=11,size=4m
	first=$(failing)
	[ -n "$first" ] || fail "no fault in 60 at 30 %"
	for file in "$FAULTS"/*/faults; do echo seed=11 >"$file"; done
	expect "$(failing)" "$first" "faults of the same seed"
	for file in "$FAULTS"/*/faults; do echo seed=12 >"$file"; done
	[ "$(failing)" != "$first" ] || fail "the same faults at another seed"
	for file in "$FAULTS"/*/faults; do
		! echo bogus 2>/dev/null >"$file" || fail "a bogus rule was taken"
		echo none >"$file"
	done
	expect "$(failing)" "" "faults after none"
	unmount
}

test_writeback_error_is_reported_once() {
	for aops in $(all_aops); do
		with "aops=$aops,fault=writeback:times=1,size=4m"
		expect_error 'Input/output error' dd if=/dev/zero of=/mnt/a bs=4k count=4 conv=fsync
		dd if=/dev/zero of=/mnt/a bs=4k count=4 conv=fsync,notrunc 2>/dev/null
		unmount
	done
}

test_full_is_told_to_the_writer() {
	for aops in $(all_aops); do
		with "aops=$aops,size=1m"
		expect_error 'No space left' dd if=/dev/zero of=/mnt/a bs=64k count=32
		expect "$(stat -c %s /mnt/a)" 1048576 "size of what could be written"
		sync
		unmount
	done
}

test_holes_take_no_space() {
	for aops in $(all_aops); do
		with "aops=$aops,blocksize=512,order=3,size=1m"
		truncate -s 1073741824 /mnt/a
		expect "$(stat -c %b /mnt/a)" 0 "blocks of a hole"
		printf x | dd of=/mnt/a bs=1 seek=700 conv=notrunc 2>/dev/null
		expect "$(stat -c %b /mnt/a)" 1 "blocks of one byte"
		sync
		echo 3 >/proc/sys/vm/drop_caches
		expect "$(od -An -c -j 699 -N 3 /mnt/a | tr -d ' ')" '\0x\0' "the byte"
		unmount
	done
}

# fio writes at random, in blocks that name themselves, and reads them back, at first
# from the cache, then from the store.
test_fio_verifies() {
	# slow
	for aops in $(all_aops); do
		for shape in blocksize=512 blocksize=16384,min_order=2,max_order=9; do
			with "aops=$aops,$shape,size=64m"
			set -- --directory=/mnt --size=4m --bs=16k --verify=crc32c --group_reporting --minimal
			for engine in psync mmap; do
				fio --name=$engine --ioengine=$engine --rw=randwrite "$@" >/dev/null
			done
			fio --name=direct --ioengine=psync --direct=1 --rw=randwrite "$@" >/dev/null
			sync
			echo 3 >/proc/sys/vm/drop_caches
			for name in psync mmap direct; do
				fio --name=$name --ioengine=psync --rw=randwrite --verify_only "$@" >/dev/null
			done
			printf wrong | dd of=/mnt/psync.0.0 bs=1 seek=50000 conv=notrunc 2>/dev/null
			! fio --name=psync --ioengine=psync --rw=randwrite --verify_only "$@" >/dev/null 2>&1 ||
				fail "fio did not see five bytes that were overwritten"
			unmount
		done
	done
}

test_real_tools() {
	# slow
	export HOME=/mnt GIT_CONFIG_NOSYSTEM=1
	ln -sf "$(command -v git)" /bin/git-upload-pack
	for options in "aops=$(all_aops | awk '{ print $NF }'),order=2" blocksize=512 blocksize=16384,order=4; do
		with "$options"
		git config --global user.email a@b
		git config --global user.name a
		git init -q /mnt/one
		cp /bin/busybox /parts/* /mnt/one
		git -C /mnt/one add .
		git -C /mnt/one commit -qm one
		sync
		echo 3 >/proc/sys/vm/drop_caches
		git clone -q /mnt/one /mnt/two
		git -C /mnt/two fsck --full
		cmp /bin/busybox /mnt/two/busybox
		cd /mnt || exit
		printf '#include <stdio.h>\nint main(void) { return puts("hello") < 0; }\n' >hello.c
		tcc -o hello hello.c
		expect "$(./hello)" hello "what the program says"
		cd /tmp || exit
		unmount
	done
}

run_tests
