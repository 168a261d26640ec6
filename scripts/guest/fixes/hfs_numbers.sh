#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# disk: hfs 4096
# kernel: HFS_FS
# patch: 10-fixes hfs: do not give out the numbers of other files
#
# The file with the last number is removed. That of a/y, the last but one, is not that of the
# last record in the catalog, b/x, and must not be given to another directory.
mount -t hfs "$1" /mnt || exit 1
cd /mnt || exit 1
mkdir a b b/x a/y
touch a/0
rm a/0
sync
mkdir z || exit 1
touch z/file
numbers=$(stat -c %i a b b/x a/y z z/file | sort -u | wc -l)
echo "6 files have $numbers numbers"
cd /
umount /mnt || exit 1
[ "$numbers" = 6 ]
