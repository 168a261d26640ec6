#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# What a walk costs: it must grow with the folios of a file and not with its pages.
# Documentation/inspect.rst tells how to count instructions with it.
# needs: xfs_io inspect_cost
# shellcheck source=ktap.inc
. /parts/ktap.inc
M=/mnt

# Files of 16 MiB, whose folios follow the size of the writes where ext4 has large ones.
test_cost_follows_folios() {
	[ -b /dev/loop0 ] || skip "no loop device: CONFIG_BLK_DEV_LOOP"
	umount $M 2>/dev/null || true
	losetup -d /dev/loop0 2>/dev/null || true
	rm -f /tmp/disk
	truncate -s 256M /tmp/disk
	mke2fs -F -b 4096 /tmp/disk >/dev/null
	losetup /dev/loop0 /tmp/disk
	mount -t ext4 /dev/loop0 $M
	: >$M/empty
	for size in 4k 16k 64k 2m; do
		xfs_io -f -c "pwrite -q -b $size 0 16m" $M/$size
	done
	inspect_cost $M/empty $M/4k $M/16k $M/64k $M/2m | tee /tmp/cost
	# shellcheck disable=SC2046 # four numbers
	set -- $(awk -F '\t' '$1 ~ /4k$/ && !f { f = $2; t = $4 } $1 ~ /2m$/ { print f, t, $2, $4 }' /tmp/cost)
	[ "$1" != "$3" ] || skip "ext4 has no large folios"
	[ $(($4 * 8)) -lt "$2" ] || fail "$3 folios take $4 ns, $1 take $2 ns"
	umount $M
	losetup -d /dev/loop0
}

run_tests
