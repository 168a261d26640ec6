#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# The inspector against what the cases themselves have put into the page cache.
# needs: xfs_io
# files: scripts/guest/inspect.inc
# shellcheck source=ktap.inc
. /parts/ktap.inc
# shellcheck source=inspect.inc
. /scripts/guest/inspect.inc

# count PATH KIND COLUMN: of file_orders, the sum of a column over the rows of a kind.
count() {
	rows file_orders "$1" | awk -F '\t' -v kind="$2" -v column="$3" 'BEGIN {
		split("kind order folios bytes dirty writeback uptodate mapped past", name, " ")
		for (i in name) nr[name[i]] = i
	} $1 == kind { sum += $nr[column] } END { printf "%d", sum }'
}

# clear: what a case has mounted, or one before it has left.
clear() {
	umount $M 2>/dev/null || true
	losetup -d /dev/loop0 2>/dev/null || true
	rm -f /tmp/disk
}

# new_tmpfs HUGE: an empty one on $M.
new_tmpfs() {
	clear
	mount -t tmpfs -o "huge=$1" none $M || skip "tmpfs has no huge=$1"
}

# new_ext4: an empty one of 32 MiB on $M.
new_ext4() {
	clear
	[ -b /dev/loop0 ] || skip "no loop device: CONFIG_BLK_DEV_LOOP"
	grep -qw ext4 /proc/filesystems || skip "no ext4: CONFIG_EXT4_FS"
	truncate -s 32M /tmp/disk
	mke2fs -F -b 4096 /tmp/disk >/dev/null
	losetup /dev/loop0 /tmp/disk
	mount -t ext4 /dev/loop0 $M
}

# until_ok COMMAND...: waits, not for ever, until it succeeds.
until_ok() {
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		! "$@" || return 0
		sleep 0.5
	done
	fail "$*: not within 10 seconds"
}

# field PATH ROW FIELDS: of file, separated by spaces.
field() {
	rows file "$1" | sed -n "$2p" | cut -f "$3" | tr '\t' ' '
}

test_pages_and_holes() {
	new_tmpfs never
	xfs_io -f -c "pwrite -q 12k 4k" -c "pwrite -q 200k 4k" -c "truncate 400k" $M/a
	expect "$(field $M/a 1 1-3,5-7,14)" "3 0 folio 1 0 1 0" "the row of page 3"
	expect "$(field $M/a 2 1-3,5-7,14)" "50 0 folio 1 0 1 0" "the row of page 50"
	expect "$(field $M/a 3 1)" "" "a third row"
	expect "$(count $M/a hole folios)" 3 holes
	expect "$(count $M/a hole bytes)" $((98 * 4096)) "bytes of holes"
	expect "$(count $M/a total bytes)" 8192 "bytes of folios"
}

test_one_huge_page() {
	new_tmpfs always
	xfs_io -f -c "pwrite -q 0 4097" $M/a
	expect "$(field $M/a 1 1-3,14)" "0 9 folio 2088960" "the row"
	expect "$(count $M/a order past)" 2088960 "bytes past EOF"
	expect "$(count $M/a hole bytes)" 0 "bytes of holes"
}

test_dirty_then_clean_then_dropped() {
	new_ext4
	xfs_io -f -c "pwrite -q -b 1m 0 1m" $M/a
	expect "$(count $M/a total bytes)" 1048576 "bytes written"
	expect "$(count $M/a order dirty)" 1048576 "bytes dirty"
	sync
	expect "$(count $M/a order dirty)" 0 "bytes dirty after sync"
	expect "$(count $M/a order writeback)" 0 "bytes in writeback after sync"
	expect "$(count $M/a order uptodate)" 1048576 "bytes up to date after sync"
	echo 1 >/proc/sys/vm/drop_caches
	expect "$(rows file $M/a)" "" "rows after drop_caches"
	expect "$(count $M/a hole bytes)" 1048576 "bytes of holes after drop_caches"
}

test_truncated_and_punched() {
	new_ext4
	xfs_io -f -c "pwrite -q -b 1m 0 1m" -c fsync -c "fpunch 64k 128k" $M/a
	expect "$(count $M/a hole folios) $(count $M/a hole bytes)" "1 131072" "the hole"
	expect "$(count $M/a total bytes)" $((1048576 - 131072)) "bytes but the hole"
	truncate -s 300001 $M/a
	expect "$(($(count $M/a total bytes) - $(count $M/a total past)))" \
		$((74 * 4096 - 131072)) "bytes up to EOF after truncate"
	truncate -s 0 $M/a
	expect "$(rows file $M/a)" "" "rows of an empty file"
}

test_reclaimed_leaves_shadows() {
	[ -e /sys/fs/cgroup/cgroup.procs ] || mount -t cgroup2 none /sys/fs/cgroup
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control || skip "no memory controller"
	mkdir -p /sys/fs/cgroup/inspect
	new_ext4
	sh -c "echo 0 >/sys/fs/cgroup/inspect/cgroup.procs
		exec xfs_io -f -c 'pwrite -q 0 4m' -c fsync $M/a"
	echo 1M >/sys/fs/cgroup/inspect/memory.reclaim || true
	shadows=$(count $M/a shadow bytes)
	[ "$shadows" -gt 0 ] || fail "no shadows: $(rows file_orders $M/a)"
	expect $(($(count $M/a total bytes) + shadows + $(count $M/a hole bytes))) 4194304 \
		"folios, shadows and holes together"
	rows=0
	for order in $(rows file $M/a | awk '$3 == "shadow" { print $2 }'); do
		rows=$((rows + (4096 << order)))
	done
	expect "$rows" "$shadows" "shadows in file and in file_orders"
}

mapped() {
	[ "$(count $M/a order mapped)" != 0 ]
}

shared() {
	rows file $M/a | cut -f13 | grep -q 1
}

test_mapped_once_and_twice() {
	new_tmpfs never
	xfs_io -f -c "pwrite -q 0 64k" $M/a
	for nr in 1 2; do
		mkfifo /tmp/fifo$nr
		xfs_io $M/a <"/tmp/fifo$nr" >/tmp/log 2>&1 &
	done
	exec 5>/tmp/fifo1 6>/tmp/fifo2
	printf 'mmap -r 0 32k\nmread 0 32k\n' >&5
	until_ok mapped
	expect "$(field $M/a 3 10-13)" "1 1 1 0" "mapped once"
	printf 'mmap -r 0 16k\nmread 0 16k\n' >&6
	until_ok shared
	expect "$(field $M/a 3 10-13)" "2 2 2 1" "mapped twice"
	exec 5>&- 6>&-
	wait
	expect "$(count $M/a order mapped)" 0 "bytes mapped in the end"
	rm /tmp/fifo1 /tmp/fifo2
}

test_hugetlbfs() {
	clear
	mount -t hugetlbfs none $M
	echo 2 >/proc/sys/vm/nr_hugepages
	xfs_io -f -c "falloc 0 4m" $M/a
	expect "$(field $M/a 1 1-3,9) $(field $M/a 2 1-3,9)" "0 9 folio 512 512 9 folio 512" rows
	expect "$(rows file_why $M/a | cut -f1-3 | tr '\t\n' '_ ')" \
		"maximum_9_2 total_-_2 " "why they are no larger"
	rm $M/a
	echo 0 >/proc/sys/vm/nr_hugepages
}

run_tests
clear
