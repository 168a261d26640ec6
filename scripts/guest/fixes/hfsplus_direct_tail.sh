#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# disk: hfsplus 4096
# patch: 10-fixes hfsplus: keep the end of a direct write that extends a file
#
# A direct write over the end of a file, which allocates blocks or stays in the last
# one. When the file is closed, or written to farther behind, what follows the old end
# must not become zeroes.
mount -t hfsplus "$1" /mnt || exit 1
yes | head -c 12288 >/tmp/wanted
wrong=0

# compare FILE SIZE WHAT: as far as it was written, from the disk.
compare() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	head -c "$2" /tmp/wanted >/tmp/part
	if head -c "$2" "$1" | cmp /tmp/part -; then
		echo "$3: $2 bytes as they were written"
	else
		wrong=1
	fi
}

# direct FILE SIZE: from its start, in one piece.
direct() { dd if=/tmp/wanted of="$1" bs="$2" count=1 oflag=direct conv=notrunc 2>/dev/null || wrong=1; }

printf short >/mnt/new
direct /mnt/new 12288
compare /mnt/new 12288 "new blocks, then closed"

# Held open, so that the close does not do it.
exec 4>/mnt/last
head -c 4096 /dev/zero >&4
truncate -s 5 /mnt/last
direct /mnt/last 4096
printf x | dd of=/mnt/last bs=1 seek=20000 conv=notrunc 2>/dev/null
compare /mnt/last 4096 "the last block, then written to behind it"
exec 4>&-
exit $wrong
