#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# disk: blank 64M
# tools: e2fsprogs
# kernel: FAULT_INJECTION_DEBUG_FS
# patch: 10-fixes ext4: let fsync() say that extents stay unwritten
#
# The allocations of kernel threads fail while a file is synced: its blocks, allocated as
# unwritten extents, cannot be converted when their data are on the disk. fsync() must not
# say that all is well when the file then reads as zeroes.
KNOBS=/sys/kernel/debug/failslab
mkfs.ext4 -q -F "$1" || exit 1
mount -t ext4 "$1" /mnt || exit 1
for knob in verbose ignore-gfp-wait interval; do echo 0 >$KNOBS/$knob || exit 1; done
echo -1 >$KNOBS/times
echo N >$KNOBS/cache-filter
echo Y >$KNOBS/task-filter
yes "what was written" | head -c 12288 >/tmp/wanted

# fail_kworkers 0|1: also those that kthreadd starts meanwhile, which inherit it.
fail_kworkers() {
	for task in /proc/[0-9]*; do
		case $(cat "$task/comm") in
		kworker/* | kthreadd) echo "$1" >"$task/make-it-fail" ;;
		esac
	done 2>/dev/null
}

# sync_file FILE: its status is that of fsync().
sync_file() {
	fail_kworkers 1
	echo 100 >$KNOBS/probability
	status=0
	dd if=/dev/null of="$1" conv=fsync,notrunc 2>/dev/null || status=$?
	echo 0 >$KNOBS/probability
	fail_kworkers 0
	echo 1 >/proc/sys/vm/drop_caches
	return $status
}

lost=0
silent=0
for file in $(seq 10); do
	cat /tmp/wanted >"/mnt/$file" || exit 1
	synced=yes
	sync_file "/mnt/$file" || synced=no
	cmp -s /tmp/wanted "/mnt/$file" && continue
	lost=$((lost + 1))
	[ $synced = no ] || silent=$((silent + 1))
done
echo "of 10 files $lost lost their data, and of these $silent had been synced by fsync()"
umount /mnt
[ $lost -gt 0 ] && [ $silent = 0 ]
