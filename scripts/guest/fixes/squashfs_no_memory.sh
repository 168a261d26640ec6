#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# disk: blank 16M
# tools: squashfs-tools
# kernel: SQUASHFS,FAULT_INJECTION_DEBUG_FS
# patch: 10-fixes squashfs: unlock the pages when there is no page actor
#
# Reads the first line of a file while all allocations of one size fail for the reader
# alone, one size after the other; without failures all of the file must then be there.
# One who waits for a page that stays locked is killed after 20 seconds.
KNOBS=/sys/kernel/debug/failslab
mkdir /tmp/tree
yes "what is packed" | head -c 262144 >/tmp/tree/file
mksquashfs /tmp/tree "$1" -noappend -no-progress -no-fragments >/dev/null || exit 1
mount -t squashfs "$1" /mnt || exit 1
for knob in verbose ignore-gfp-wait interval; do echo 0 >$KNOBS/$knob || exit 1; done
echo -1 >$KNOBS/times
echo Y >$KNOBS/task-filter
echo Y >$KNOBS/cache-filter
failures=0

# read_line: by a shell of its own, which has opened the file before.
read_line() { (exec 4</mnt/file && echo 1 >/proc/self/make-it-fail && read -r _ <&4) 2>/dev/null; }

for size in 64 96 128 192 256 512 1k 2k 4k; do
	echo 3 >/proc/sys/vm/drop_caches
	echo 1 >/sys/kernel/slab/kmalloc-$size/failslab || exit 1
	echo 100 >$KNOBS/probability
	read_line || failures=$((failures + 1))
	echo 0 >$KNOBS/probability
	echo 0 >/sys/kernel/slab/kmalloc-$size/failslab
	timeout -s KILL 20 cmp /tmp/tree/file /mnt/file && continue
	# Nor would an umount end, which waits for the pages.
	echo "no allocation from kmalloc-$size: what comes next cannot read the file"
	exit 1
done
echo "reads that failed for want of memory, each before one that did not: $failures"
umount /mnt
[ $failures -gt 0 ]
