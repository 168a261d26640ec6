#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# disk: blank 128M
# tools: jfsutils
# kernel: JFS_FS
# patch: 10-fixes jfs: migrate a metapage with the reference that it has
#
# Fills directories of a JFS volume, and lets compaction move the pages of its metadata
# while they are dirty. page_owner says which of them outlive the umount.
rounds=5

# metapages [WHAT]: those that there are. One that was grown for a slab on the way is none.
metapages() {
	# shellcheck disable=SC2002 # page_owner wants to be read in large pieces
	cat /sys/kernel/debug/page_owner | awk -v what="${1:-.}" 'BEGIN { RS = "" }
		/__get_metapage/ && !/slab/ && $0 ~ what { found++ } END { print found + 0 }'
}

mkfs.jfs -q "$1" >/dev/null || exit 1
moved=0
for round in $(seq $rounds); do
	mount -t jfs "$1" /mnt || exit 1
	for dir in $(seq 40); do
		mkdir "/mnt/$round.$dir" || exit 1
		for name in $(seq 40); do : >"/mnt/$round.$dir/$name.of.a.directory.of.many.names"; done
	done
	echo 1 >/proc/sys/vm/compact_memory
	moved=$((moved + $(metapages "has been migrated")))
	umount /mnt || exit 1
done
# Pages just freed may wait in a per-cpu batch of the LRU: drain them.
echo 1 >/proc/sys/vm/drop_caches
leaked=$(metapages)
[ -n "$leaked" ] || exit 1
echo "pages of metadata that were moved: $moved; that are left after $rounds umounts: $leaked"
jfs_fsck -f -n "$1" >/tmp/fsck || { tail -n 5 /tmp/fsck; exit 1; }
[ "$moved" -gt 0 ] && [ "$leaked" = 0 ]
