#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# disk: blank 16M
# tools: squashfs-tools
# kernel: SQUASHFS
# patch: 21-squashfs squashfs: do not expand a readahead that ends with a block
#
# Reads 100 files of one block each, which has 32 pages. The page cache must not hold many
# more pages than they have.
FILES=100
# pages: that are in the page cache, with what each CPU has counted for itself.
pages() {
	cat /proc/sys/vm/stat_refresh
	sed -n 's/^nr_file_pages //p' /proc/vmstat
}
mkdir /tmp/tree
i=0
while [ $i -lt $FILES ]; do
	yes "what is packed in $i" | head -c 131072 >/tmp/tree/$i
	i=$((i + 1))
done
mksquashfs /tmp/tree "$1" -noappend -no-progress -b 128K >/dev/null || exit 1
mount -t squashfs "$1" /mnt || exit 1
ls /mnt >/dev/null
sync
echo 3 >/proc/sys/vm/drop_caches
before=$(pages)
cat /mnt/* >/dev/null || exit 1
more=$(($(pages) - before))
echo "$FILES files of 32 pages put $more pages into the page cache"
umount /mnt
[ $more -ge $((FILES * 32 * 3 / 4)) ] && [ $more -lt $((FILES * 32 * 5 / 4)) ]
