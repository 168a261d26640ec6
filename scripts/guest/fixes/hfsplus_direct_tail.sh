#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# disk: hfsplus 4096
# patch: 10-fixes hfsplus: count whole blocks when a direct write extends a file
#
# A direct write of three blocks over the end of a file of 5 bytes. When the file is
# closed, what follows the fifth byte of the last block must not become zeroes.
mount -t hfsplus "$1" /mnt || exit 1
yes | head -c 12288 >/tmp/wanted
printf short >/mnt/file
dd if=/tmp/wanted of=/mnt/file bs=12288 oflag=direct conv=notrunc 2>/dev/null || exit 1
sync
echo 3 >/proc/sys/vm/drop_caches
cmp /tmp/wanted /mnt/file && echo "12288 bytes are as they were written"
