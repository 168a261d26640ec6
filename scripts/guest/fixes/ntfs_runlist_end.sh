#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# disk: blank 64M
# tools: ntfs-3g mapload
# kernel: NTFS_FS
# patch: 10-fixes ntfs: map no negative length behind the end of the runlist
#
# Processes write a file by mapping it while it is cut and grown again. One that has seen the
# larger size waits for the lock of the truncate, and then reads where the file has nothing
# any more. iomap warns of a mapping that ends before it begins.
warned() { dmesg | grep -c 'WARNING.*iomap_iter'; }
mkntfs -q -F -Q "$1" >/dev/null && mount -t ntfs "$1" /mnt || exit 1
echo 1 >/sys/kernel/debug/clear_warn_once
before=$(warned)
# That bytes may be wrong as well is another defect: Documentation/found.rst.
mapload --truncate --rounds 20 --length 4M --writers 3 /mnt/file || echo "mapload failed: $?"
umount /mnt || exit 1
warnings=$(($(warned) - before))
echo "warnings of iomap: $warnings"
[ $warnings = 0 ]
