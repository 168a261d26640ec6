#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# disk: hfs 4096
# kernel: HFS_FS
# patch: 20-hfs hfs: refuse B-tree nodes that do not fit into a page
#
# The catalog of an empty volume is made anew with nodes of 8 KiB. The kernel can read such
# nodes, but writes behind their first page into whatever is there in memory, so that it
# must not take them. It is only asked to: a write would hit somebody else in this guest.

# number AT BYTES: that there is on the disk.
number() { echo $((0x$(dd if="$disk" bs=1 skip="$1" count="$2" 2>/dev/null | od -An -tx1 | tr -d ' \n'))); }

# copy FROM TO BYTES
copy() { dd if="$disk" of="$disk" bs=1 skip="$1" seek="$2" count="$3" conv=notrunc 2>/dev/null; }

disk=$1
block=$(number 1044 4)
catalog=$(($(number 1052 2) * 512 + $(number 1174 2) * block))
[ "$(number $((catalog + 32)) 2)" = 512 ] || exit 1
# The leaf first, for it lies in the first node to be. Offsets of records are at the end.
copy $((catalog + 512)) $((catalog + 8192)) 512
copy $((catalog + 1016)) $((catalog + 16376)) 8
copy $((catalog + 504)) $((catalog + 8184)) 8
printf '\040\000' | dd of="$disk" bs=1 seek=$((catalog + 32)) conv=notrunc 2>/dev/null
sync
echo 3 >/proc/sys/vm/drop_caches
if mount -t hfs -o ro "$disk" /mnt; then
	echo "mounted with nodes of $(number $((catalog + 32)) 2) bytes"
	umount /mnt
	exit 1
fi
echo "nodes of $(number $((catalog + 32)) 2) bytes are refused"
