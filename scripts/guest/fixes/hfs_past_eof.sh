#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# disk: hfs 4096
# tools: xfs_io
# kernel: HFS_FS
# patch: 10-fixes hfs: zero the rest of the last block when a file shrinks
#
# A file is cut inside a block and leaves the page cache. Whoever maps its last page must
# find zeroes behind the end, as mmap(2) says, and not what the file held before.
mount -t hfs "$1" /mnt || exit 1
yes | head -c 12288 >/mnt/file
sync
truncate -s 5008 /mnt/file
sync
echo 3 >/proc/sys/vm/drop_caches
# What xfs_io prints: the position, 16 bytes in hex, the same in letters.
stale=$(xfs_io -r -c 'mmap -r 0 8192' -c 'mread -v 5008 3184' /mnt/file |
	cut -c 12-58 | tr -d ' \n' | sed 's/00//g' | wc -c)
echo "$((stale / 2)) of 3184 bytes behind the end are not zero"
yes | head -c 5008 | cmp - /mnt/file || exit 1
umount /mnt || exit 1
[ "$stale" = 0 ]
