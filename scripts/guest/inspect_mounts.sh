#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# The inspector: sums over mounts and types, devices, reasons, swap, large files.
# needs: xfs_io
# files: scripts/guest/inspect.inc
# shellcheck source=ktap.inc
. /parts/ktap.inc
# shellcheck source=inspect.inc
. /scripts/guest/inspect.inc

# row FILE REQUEST KIND FIELDS: of the rows that begin with KIND, separated by spaces.
row() {
	rows "$1" "$2" | sed -n "/^$3\t/p" | cut -f "$4" | tr '\t\n' '  '
}

new_tmpfs() {
	swapoff /dev/loop1 2>/dev/null || true
	umount $M 2>/dev/null || true
	mount -t tmpfs "$@" none $M
}

# disk NR MIB: an empty /dev/loopNR.
disk() {
	[ -b /dev/loop0 ] || skip "no loop device: CONFIG_BLK_DEV_LOOP"
	losetup -d "/dev/loop$1" 2>/dev/null || true
	rm -f "/tmp/disk$1"
	truncate -s "$2M" "/tmp/disk$1"
	losetup "/dev/loop$1" "/tmp/disk$1"
}

test_mount_is_the_sum_of_its_files() {
	new_tmpfs
	mkdir $M/sub
	xfs_io -f -c "pwrite -q 0 40k" -c "truncate 100k" $M/a
	xfs_io -f -c "pwrite -q 0 12k" $M/sub/b
	: >$M/empty
	expect "$(row mount_orders $M total 3-5)" "13 53248 53248 " "total of the mount"
	expect "$(row mount_orders $M/sub/b hole 3,4)" "1 61440 " "holes of the mount"
	expect "$(row mount_orders $M inodes 3,4)" "2 114688 " "inodes of the mount"
}

# types TYPE: bytes of its folios.
types() {
	awk -F '\t' -v type="$1" '$1 == type { sum += $4 } END { printf "%d", sum }' $D/fstypes
}

test_types_see_every_mount() {
	new_tmpfs
	before=$(types tmpfs)
	xfs_io -f -c "pwrite -q 0 1m" $M/a
	expect "$(types tmpfs)" $((before + 1048576)) "bytes of tmpfs, 1 MiB later"
	umount $M
	expect "$(types tmpfs)" "$before" "bytes of tmpfs without that mount"
	root=$(row mount_orders / total 4)
	type=$(awk '$5 == "/" { sub(".* - ", ""); print $1 }' /proc/self/mountinfo)
	[ "$(types "$type")" -ge $((root)) ] || fail "the type $type has less than /"
}

test_block_device() {
	disk 0 16
	exec 5</dev/loop0
	dd bs=1M count=4 <&5 >/dev/null 2>&1
	cached=$(($(row file_orders /dev/loop0 total 4)))
	[ "$cached" -ge 4194304 ] || fail "$cached bytes cached of a device that was read"
	expect "$(row file_orders /dev/loop0 hole 4)" "$((16777216 - cached)) " "bytes not read"
	[ "$(types bdev)" -ge "$cached" ] || fail "the type bdev has less than one device"
	exec 5<&-
	expect "$(row file_orders /dev/loop0 total 4)" "0 " "bytes after the last close"
	mknod /tmp/nodev b 250 99
	exec 4<>$D/file
	! echo /tmp/nodev >&4 2>/dev/null || fail "no error for a device that is not there"
	exec 4<&-
}

test_why_each_reason() {
	new_tmpfs -o huge=never
	xfs_io -f -c "pwrite -q -b 4k 0 60k" -c "pwrite -q 80k 4k" -c "truncate 100k" $M/a
	if [ "$(row file_why $M/a total 6)" = "0 " ]; then
		expect "$(row file_why $M/a no_large_folios 2,3)" "0 16 " "folios that cannot be large"
		return
	fi
	expect "$(row file_why $M/a alignment 2-4)" "0 7 28672 " "odd pages"
	expect "$(row file_why $M/a neighbour 2-4)" "0 7 28672 " "even pages before another"
	expect "$(row file_why $M/a fallback 2-4)" "0 2 8192 " "pages 14 and 20"
	xfs_io -c "truncate 60k" $M/a
	expect "$(row file_why $M/a eof 2-4)" "0 1 4096 " "page 14 at the end"
	expect "$(row file_why $M/a total 3-6)" "15 61440 0 9 " "total and limits"
	new_tmpfs -o huge=always
	xfs_io -f -c "pwrite -q 0 4k" $M/a
	expect "$(row file_why $M/a maximum 2-4)" "9 1 2097152 " "a folio of the largest order"
}

test_swapped_out() {
	[ -e /sys/fs/cgroup/cgroup.procs ] || mount -t cgroup2 none /sys/fs/cgroup
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control || skip "no memory controller"
	mkdir -p /sys/fs/cgroup/swap
	new_tmpfs -o huge=never
	disk 1 32
	mkswap /dev/loop1 >/dev/null
	swapon /dev/loop1
	sh -c "echo 0 >/sys/fs/cgroup/swap/cgroup.procs; exec xfs_io -f -c 'pwrite -q 0 4m' $M/a"
	echo 2M >/sys/fs/cgroup/swap/memory.reclaim || true
	swapped=$(row file_orders $M/a swap 4)
	[ "${swapped:-0}" -gt 0 ] || fail "nothing in swap: $(rows file_orders $M/a)"
	expect "$(($(row file_orders $M/a total 4) + swapped))" 4194304 "folios and swap together"
	expect "$(rows file $M/a | cut -f3 | sort -u | tr '\n' ' ')" "folio swap " "kinds of rows"
	swapoff /dev/loop1
	expect "$(row file_orders $M/a total 4)" "4194304 " "bytes after swapoff"
	losetup -d /dev/loop1
}

test_many_folios() {
	new_tmpfs -o huge=never
	xfs_io -f -c "pwrite -q 0 80m" $M/a
	expect "$(rows file $M/a | awk '$1 != NR - 1 { bad++ } END { print NR, bad + 0 }')" "20480 0" \
		"rows, and those out of order"
	expect "$(look file $M/a head -n 5 | wc -l)" 5 "lines of a reader that leaves early"
	for delay in 1000 10000 50000; do
		sh -c "exec 4<>$D/file; echo $M/a >&4; exec cat <&4" >/tmp/rows &
		usleep $delay
		kill -9 $! 2>/dev/null || true
		wait $! || true
	done
	expect "$(row file_orders $M/a total 3)" "20480 " "folios in all"
}

run_tests
