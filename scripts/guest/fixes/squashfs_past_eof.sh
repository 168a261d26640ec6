#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# disk: blank 16M
# tools: squashfs-tools fsimage
# kernel: SQUASHFS
# patch: 21-squashfs squashfs: put no pages behind EOF into the page cache
#
# Maps files without readahead and reads them so; most end in a fragment. The page cache must
# not hold more pages than they have.
pages() {
	cat /proc/sys/vm/stat_refresh
	sed -n 's/^nr_file_pages //p' /proc/vmstat
}
fsimage --large 0 --keep /tmp/ends || exit 1
want=$(find /tmp/ends -type f -exec stat -c %s {} + | awk '{ n += int(($1 + 4095) / 4096) } END { print n }')
mksquashfs /tmp/ends "$1" -noappend -no-progress -b 128K -no-duplicates -always-use-fragments >/dev/null || exit 1
echo 0 >"/sys/block/${1##*/}/queue/read_ahead_kb"
mount -t squashfs "$1" /mnt || exit 1
ls /mnt >/dev/null
sync
echo 3 >/proc/sys/vm/drop_caches
before=$(pages)
fsimage --large 0 --check --by map /mnt || exit 1
more=$(($(pages) - before))
echo "files of $want pages put $more pages into the page cache"
umount /mnt
[ $more -ge $((want * 9 / 10)) ] && [ $more -lt $((want + want / 20)) ]
