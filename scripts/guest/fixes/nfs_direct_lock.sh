#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# disk: blank 128M
# tools: e2fsprogs mapread
# kernel: NFSD_V4
# patch: 10-fixes nfs: lock the pages that a direct read marks dirty
#
# Reads from NFS by direct I/O into a mapping of a file on ext4, in folios of a page, that
# is synced meanwhile, so that they can be clean when the read has ended. ext4 warns when
# one of them is marked dirty that is not locked.
BOTTOM=/export
TOP=/mnt/source
# shellcheck disable=SC2034 # for mount_fs
OPTIONS=vers=4.2
# shellcheck source=../rows/fs/nfs4.inc
. /parts/fs/nfs4.inc
# shellcheck disable=SC2317 # mount_fs calls it
mount_bottom() { mount -t tmpfs none $BOTTOM; }
warned() { dmesg | grep -c 'WARNING.*ext4_dirty_folio'; }
mkdir -p $BOTTOM $TOP /mnt/target
mkfs.ext4 -q -F "$1" && mount -t ext4 "$1" /mnt/target || exit 1
mount_fs || exit 1
echo 1 >/sys/kernel/debug/clear_warn_once
before=$(warned)
mapread --chunk 4K $TOP/file /mnt/target/file || exit 1
unmount_fs
umount /mnt/target || exit 1
warnings=$(($(warned) - before))
echo "warnings of ext4: $warnings"
[ $warnings = 0 ]
