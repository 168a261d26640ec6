#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# disk: blank 32M
# tools: ntfs-3g setfattr
# modules: fs/ntfs3/ntfs3.ko
# kernel: NTFS3_FS
# patch: 10-fixes fs/ntfs3: do not mark pages uptodate that could not be read
#
# A compressed file whose first frame does not decompress: each read of it must fail, also
# when its pages are in the page cache, from readahead or from a read before.
grep -qw ntfs3 /proc/filesystems || insmod /modules/ntfs3.ko || exit 1
mkntfs -q -F -Q "$1" >/dev/null 2>&1 || exit 1
mount -t ntfs3 "$1" /mnt || exit 1
: >/mnt/file
# ARCHIVE and COMPRESSED, which an empty file can be made.
setfattr -n system.ntfs_attrib -v 0x20080000 /mnt/file || exit 1
yes "frames of a file" | head -c 131072 >/tmp/wanted
cat /tmp/wanted >/mnt/file || exit 1
umount /mnt
mount -t ntfs3 "$1" /mnt || exit 1
cmp /tmp/wanted /mnt/file || exit 1
umount /mnt

# Eight literals lie side by side behind two bytes of the chunk and one of flags. A chunk
# of all ones begins with a copy of what was before it.
at=$(strings -n 8 -t d "$1" | awk '/frames o$/ { print $1; exit }')
[ -n "$at" ] || { echo "no compressed frame on the disk"; exit 1; }
printf '\377\377\377\377\377' | dd of="$1" bs=1 seek=$((at - 3)) conv=notrunc 2>/dev/null
mount -t ntfs3 "$1" /mnt || exit 1
right=0
for try in first second; do
	if dd if=/mnt/file of=/tmp/read bs=64k count=1 2>/dev/null; then
		echo "the $try read of the broken frame: $(wc -c </tmp/read) bytes," \
			"$(tr -d '\0' </tmp/read | wc -c) of them not zero"
	else
		echo "the $try read of the broken frame: an error"
		right=$((right + 1))
	fi
done
umount /mnt
[ $right = 2 ]
