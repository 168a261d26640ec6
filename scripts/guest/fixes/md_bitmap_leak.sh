#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# disk: blank 64M
# tools: mdadm
# modules: drivers/md/md-mod.ko drivers/md/raid1.ko
# kernel: BLK_DEV_LOOP,MD_RAID1,MD_BITMAP_FILE
# patch: 24-buffer-head md/md-bitmap: free the pages of a bitmap that is not in a file
#
# Makes and stops a mirror with an internal bitmap, whose pages page_owner must not know
# any more after that.
rounds=5
export MDADM_NO_UDEV=1

# bitmap_pages: those that there are. One that was grown for a slab on the way is none.
bitmap_pages() {
	# shellcheck disable=SC2002 # page_owner wants to be read in large pieces
	cat /sys/kernel/debug/page_owner | awk 'BEGIN { RS = "" }
		/ bitmap_create\+/ && !/slab/ { found++ } END { print found + 0 }'
}

[ -e /proc/mdstat ] || insmod /modules/md-mod.ko || exit 1
grep -q raid1 /proc/mdstat || insmod /modules/raid1.ko || exit 1
losetup -o 0 /dev/loop0 "$1" && losetup -o $((32 << 20)) /dev/loop1 "$1" || exit 1
used=0
for _ in $(seq $rounds); do
	mdadm --create /dev/md0 --run --assume-clean --metadata=1.2 --level=1 --raid-devices=2 --size=16M \
		--bitmap=internal --bitmap-chunk=4K /dev/loop0 /dev/loop1 2>/tmp/mdadm || { cat /tmp/mdadm; exit 1; }
	used=$((used + $(bitmap_pages)))
	mdadm --stop /dev/md0 2>/tmp/mdadm || { cat /tmp/mdadm; exit 1; }
done
# Pages just freed may wait in a per-cpu batch of the LRU: drain them.
echo 1 >/proc/sys/vm/drop_caches
left=$(bitmap_pages)
echo "pages of bitmaps while $rounds arrays ran: $used; that are left after they were stopped: $left"
[ "$used" -gt 0 ] && [ "$left" = 0 ]
