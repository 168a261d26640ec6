#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# disk: hfsplus 512
# patch: 10-fixes hfsplus: drop the page references of the allocation bitmap
#
# Allocates and frees blocks of an HFS+ volume, and asks page_owner which pages
# of its allocation file outlive the umount. Blocks of 512 bytes, so that 32
# thousand bits, the page of a bitmap, are no more than 16 MiB.
rounds=20
for _ in $(seq $rounds); do
	mount -t hfsplus "$1" /mnt || exit 1
	dd if=/dev/zero of=/mnt/file bs=64k count=128 2>/dev/null || exit 1
	rm /mnt/file
	umount /mnt || exit 1
done
# Pages just freed may wait in a per-cpu batch of the LRU: drain them. A slab that
# was grown on the way, for a node of the XArray, is no page of the file. And
# page_owner wants to be read in large pieces, as cat does.
echo 1 >/proc/sys/vm/drop_caches
# shellcheck disable=SC2002
leaked=$(cat /sys/kernel/debug/page_owner | awk 'BEGIN { RS = "" }
	/hfsplus_block_(allocate|free)/ && !/slab/ { leaked++ }
	END { print leaked + 0 }')
[ -n "$leaked" ] || exit 1
echo "pages of the allocation file after $rounds umounts: $leaked"
[ "$leaked" = 0 ]
