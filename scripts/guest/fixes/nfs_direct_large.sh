#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# disk: blank 512M
# tools: xfsprogs mapread
# kernel: NFSD_V4
# patch: 10-fixes nfs: mark large folios dirty after a direct read, too
#
# Reads from NFS by direct I/O into a mapping of a file on xfs, in large folios, that is
# synced meanwhile. What was read must be in the file when it comes from the disk again.
BOTTOM=/export
TOP=/mnt/source
# shellcheck disable=SC2034 # for mount_fs
OPTIONS=vers=4.2
# shellcheck source=../rows/fs/nfs4.inc
. /parts/fs/nfs4.inc
# shellcheck disable=SC2317 # mount_fs calls it
mount_bottom() { mount -t tmpfs none $BOTTOM; }
mkdir -p $BOTTOM $TOP /mnt/target
mkfs.xfs -q -f "$1" && mount -t xfs "$1" /mnt/target || exit 1
mount_fs || exit 1
wrong=0
mapread $TOP/file /mnt/target/file || wrong=1
unmount_fs
umount /mnt/target || exit 1
exit $wrong
