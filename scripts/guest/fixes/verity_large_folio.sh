#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# disk: blank 64M
# tools: e2fsprogs fsverity
# kernel: FS_VERITY
# only: DEBUG_VM_PGFLAGS
# patch: 10-fixes fsverity: keep the state of hash blocks by folio
#
# Blocks of 16 KiB, larger than a page, and hashes in blocks of 4 KiB and 1 KiB: four and
# sixteen of them in each folio of the Merkle tree. The kernel checks that nobody uses flags
# of the pages of a large folio. The reader whose work item met that BUG never ends.
bugs() { dmesg | grep -c 'kernel BUG at include/linux/page-flags.h'; }
mkfs.ext4 -q -F -b 16384 -O verity "$1" && mount -t ext4 "$1" /mnt || exit 1
head -c 2000000 /dev/urandom >/tmp/wanted
for size in 4096 1024; do
	cat /tmp/wanted >/mnt/$size && fsverity enable --block-size=$size /mnt/$size || exit 1
done
umount /mnt && mount -t ext4 "$1" /mnt || exit 1
for size in 4096 1024; do
	timeout -s KILL 60 cmp /tmp/wanted /mnt/$size && continue
	echo "hash blocks of $size: the file cannot be read; BUGs: $(bugs)"
	exit 1
done
echo "BUGs: $(bugs)"
umount /mnt && [ "$(bugs)" = 0 ]
