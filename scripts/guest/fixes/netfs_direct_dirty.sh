#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# share: yes
# disk: blank 128M
# tools: e2fsprogs mapread
# kernel: NET_9P_VIRTIO
# patch: 10-fixes netfs: lock the folios that a direct read marks dirty
#
# Reads from 9p by direct I/O into a mapping of a file on ext4 that is synced meanwhile, so
# that its folios can be clean when the read has ended. ext4 warns when one of them is
# marked dirty that is not locked.
warned() { dmesg | grep -c 'WARNING.*ext4_dirty_folio'; }
mkdir -p /mnt/source /mnt/target
mkfs.ext4 -q -F "$1" && mount -t ext4 "$1" /mnt/target || exit 1
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 share /mnt/source || exit 1
echo 1 >/sys/kernel/debug/clear_warn_once
before=$(warned)
mapread /mnt/source/file /mnt/target/file || exit 1
rm /mnt/source/file
umount /mnt/source && umount /mnt/target || exit 1
warnings=$(($(warned) - before))
echo "warnings of ext4: $warnings"
[ $warnings = 0 ]
