#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# The inspector while what it looks at is written, truncated, deleted, reclaimed,
# remounted and unmounted. What it then says is not compared: each answer must be
# well-formed or an error, and the kernel must have nothing to say.
# inspect_race=SECONDS on the kernel's command line: how long each case takes (10).
# needs: inspect_hammer
# shellcheck source=ktap.inc
. /parts/ktap.inc
LENGTH=$(sed -n 's/.*inspect_race=\([0-9]*\).*/\1/p' /proc/cmdline)

# again COMMAND...: in the background until /tmp/stop is there.
again() {
	while [ ! -e /tmp/stop ]; do
		"$@" || true
		usleep 100000
	done >/dev/null 2>&1 &
}

reclaim() {
	echo 3 >/proc/sys/vm/drop_caches
	echo 4M >/sys/fs/cgroup/race/memory.reclaim
}

remount() {
	mount -o remount,size=40M /tmp/race
	mount -o remount,ro /tmp/race
	mount -o remount,rw,size=64M /tmp/race
	sync
}

mount_tmpfs() {
	mount -t tmpfs -o huge=always,size=64M none /tmp/race
}

mount_ext4() {
	mount -t ext4 /dev/loop0 /tmp/race
}

# mount_again TYPE: while files of the old mount are still open.
mount_again() {
	umount -l /tmp/race
	"mount_$1"
}

# race TYPE COMMAND...: all of it around one file.
race() {
	mkdir -p /tmp/race
	[ -e /sys/fs/cgroup/cgroup.procs ] || mount -t cgroup2 none /sys/fs/cgroup
	mkdir -p /sys/fs/cgroup/race
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control || true
	umount /tmp/race 2>/dev/null || true
	losetup -d /dev/loop0 2>/dev/null || true
	rm -f /tmp/disk /tmp/stop
	type=$1
	if [ "$type" = ext4 ]; then
		[ -b /dev/loop0 ] || skip "no loop device: CONFIG_BLK_DEV_LOOP"
		truncate -s 64M /tmp/disk
		mke2fs -F -b 4096 /tmp/disk >/dev/null
		losetup /dev/loop0 /tmp/disk
	fi
	shift
	"mount_$type"
	again reclaim
	for also; do
		again "$also" "$type"
	done
	status=0
	sh -c "echo 0 >/sys/fs/cgroup/race/cgroup.procs
		exec inspect_hammer /tmp/race/file ${LENGTH:-10}" || status=$?
	touch /tmp/stop
	wait
	umount /tmp/race
	[ "$type" = tmpfs ] || losetup -d /dev/loop0
	[ "$status" = 0 ] || fail "inspect_hammer ended with $status"
}

test_ext4_under_load() { # slow
	race ext4
}

test_tmpfs_under_load() { # slow
	race tmpfs
}

test_ext4_remounted() { # slow
	race ext4 remount mount_again
}

test_tmpfs_remounted() { # slow
	race tmpfs remount mount_again
}

run_tests
