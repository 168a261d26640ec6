#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# disk: blank 64M
# tools: ntfs-3g
# kernel: NTFS_FS
# patch: 10-fixes ntfs: keep the access and modification times of a file that is linked
#
# Another name for a file changes its directory, and of the file itself the change time. When
# it was written and read before stays as it is.
mkntfs -q -F -Q "$1" >/dev/null && mount -t ntfs "$1" /mnt || exit 1
mkdir /mnt/dir
echo some >/mnt/dir/file
touch -d '2011-01-01 01:01:01' /mnt/dir/file /mnt/dir
set_to=$(date -d '2011-01-01 01:01:01' +%s)
ln /mnt/dir/file /mnt/dir/link
now=$(date +%s)
# shellcheck disable=SC2046 # words
set -- $(stat -c '%X %Y %Z' /mnt/dir/file) $(stat -c '%Y' /mnt/dir)
echo "after $set_to and a link at about $now: access $1, modification $2, change $3; directory $4"
umount /mnt || exit 1
[ "$1 $2" = "$set_to $set_to" ] && [ "$3" -gt $((now - 600)) ] && [ "$4" -gt $((now - 600)) ]
