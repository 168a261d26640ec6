#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# disk: hfs 4096
# kernel: HFS_FS
# patch: 10-fixes hfs: leave direct writes behind EOF to the page cache
#
# A direct write that begins behind the end of a file, and not in its last block.
mount -t hfs "$1" /mnt || exit 1
yes | head -c 4096 >/tmp/block
{ cat /tmp/block && head -c 61440 /dev/zero && cat /tmp/block; } >/tmp/wanted
cp /tmp/block /mnt/file
dd if=/tmp/block of=/mnt/file bs=4096 seek=16 oflag=direct conv=notrunc || exit 1
sync
echo 3 >/proc/sys/vm/drop_caches
cmp /tmp/wanted /mnt/file || exit 1
echo "the gap has zeroes, and what is behind it is as it was written"
umount /mnt
