#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# The inspector while what it looks at is written, truncated, deleted, reclaimed,
# remounted and unmounted. What it then says is not compared: each answer must be
# well-formed or an error, and the kernel must have nothing to say.
# inspect_race=SECONDS on the kernel's command line: how long (20).
# needs: xfs_io
# shellcheck source=ktap.inc
. /parts/ktap.inc
D=/sys/kernel/debug/foliolab
SECONDS_EACH=$(sed -n 's/.*inspect_race=\([0-9]*\).*/\1/p' /proc/cmdline)

# again COMMAND...: in the background until /tmp/stop is there.
again() {
	while [ ! -e /tmp/stop ]; do
		"$@" || true
	done >/dev/null 2>&1 &
}

# inspect FILE REQUEST: complains to /tmp/bad about rows of another number of fields.
inspect() (
	exec 4<>"$D/$1"
	echo "$2" >&4 || return 0
	sed 1d <&4 | awk -F '\t' -v name="$1" 'NR == 1 { nf = NF }
		NF != nf { print name ": " $0 >>"/tmp/bad" }'
	echo "$1" >>/tmp/answers
)

look_at() {
	for file in file file_orders file_why; do
		inspect $file "$1"
	done
	inspect mount_orders "$(dirname "$1")"
}

look_by_number() {
	device=$(awk -v mnt="$(dirname "$1")" '$5 == mnt { print $3 }' /proc/self/mountinfo | tail -n 1)
	number=$(stat -c %i "$1")
	inspect file "$device $number"
	inspect mount_orders "$device"
	cat $D/fstypes
	echo fstypes >>/tmp/answers
}

# A reader that is killed at any moment.
look_and_die() {
	inspect file "$1" &
	usleep $((RANDOM % 20000))
	kill -9 $! 2>/dev/null
	wait $!
}

write_and_shrink() {
	xfs_io -f -c "pwrite -q -b 1m 0 4m" -c "fpunch $((RANDOM % 1000))k 300k" \
		-c "truncate $((RANDOM % 4000))k" -c "pwrite -q 3m 8k" -c "mmap -r 0 3m" \
		-c "mread 0 100k" "$1"
	[ $((RANDOM % 3)) != 0 ] || rm -f "$1"
}

reclaim() {
	echo $((RANDOM % 3 + 1)) >/proc/sys/vm/drop_caches
	[ ! -e /sys/fs/cgroup/memory.reclaim ] || echo 4M >/sys/fs/cgroup/memory.reclaim
	usleep 50000
}

remount() {
	mount -o "remount,size=$((RANDOM % 64 + 16))M" /tmp/tmpfs
	mount -o remount,ro /tmp/ext4
	mount -o remount,rw /tmp/ext4
	sync
	usleep 100000
}

mount_again() {
	umount -l /tmp/tmpfs
	mount -t tmpfs -o huge=always,size=64M none /tmp/tmpfs
	umount /tmp/ext4 && mount -t ext4 /dev/loop0 /tmp/ext4
	usleep 300000
}

# race FILE: everything at once around it.
race() {
	mkdir -p /tmp/ext4 /tmp/tmpfs
	umount /tmp/ext4 /tmp/tmpfs 2>/dev/null || true
	losetup -d /dev/loop0 2>/dev/null || true
	rm -f /tmp/disk /tmp/stop /tmp/bad /tmp/answers
	truncate -s 32M /tmp/disk
	mke2fs -F -b 4096 /tmp/disk >/dev/null
	losetup /dev/loop0 /tmp/disk
	mount -t ext4 /dev/loop0 /tmp/ext4
	mount -t tmpfs -o huge=always,size=64M none /tmp/tmpfs
	again write_and_shrink "$1"
	again write_and_shrink "$1.2"
	again reclaim
	again look_at "$1"
	again look_by_number "$1"
	again look_and_die "$1"
	shift
	for also; do
		again "$also"
	done
	sleep "${SECONDS_EACH:-20}"
	touch /tmp/stop
	wait
	[ ! -e /tmp/bad ] || fail "rows of the wrong form: $(head -n 5 /tmp/bad)"
	echo "answers: $(sort /tmp/answers | uniq -c | tr '\n' ' ')"
	for file in file file_orders file_why mount_orders fstypes; do
		grep -q "^$file\$" /tmp/answers || fail "$file never answered"
	done
	umount /tmp/ext4
	losetup -d /dev/loop0
	umount /tmp/tmpfs
}

test_ext4_under_load() { # slow
	race /tmp/ext4/a
}

test_tmpfs_under_load() { # slow
	race /tmp/tmpfs/a
}

test_ext4_remounted() { # slow
	race /tmp/ext4/a remount mount_again
}

test_tmpfs_remounted() { # slow
	race /tmp/tmpfs/a remount mount_again
}

run_tests
