#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# kernel: COMPACTION,MIGRATION,TRANSPARENT_HUGEPAGE,HWPOISON_INJECT
# needs: fsx mapload poison
# Folios are moved and split under those who use them: by compaction, by split_huge_pages
# in debugfs, and by taking single pages offline, which moves what they hold.
# shellcheck source=load.inc
. /parts/load.inc
SPLIT=/sys/kernel/debug/split_huge_pages

test_make() { make_fs; }

fsx_beside() {
	is_mounted
	share=$1 disturb=$2
	shift 2
	beside "$disturb" fsx --seed "$SEED" --ops $((OPS / share + 1)) --length 8M --op-max 512K "$@" $TOP/fsx
}

# Memory in which every other page is free is what compaction moves.
compact() {
	worker mapload --holes --seed "$SEED" --rounds 1 --writers 1 --length 16M &
	for _ in 1 2 3; do
		usleep 100000
		echo 1 >/proc/sys/vm/compact_memory
	done
	wait $!
}

test_compaction() {
	need /proc/sys/vm/compact_memory "no compact_memory: CONFIG_COMPACTION"
	before=$(vmstat pgmigrate_success)
	fsx_beside 4 compact --noise 2
	expect_rise "$before" "$(vmstat pgmigrate_success)" pgmigrate_success
}

# Every folio of the machine; and those of the file, to an order that goes around.
order=0
split() {
	order=$(((order + 1) % 5))
	echo 1 >$SPLIT
	echo "$TOP/fsx,0x0,0x800,$order" >$SPLIT
	echo "$TOP/map,0x0,0x800,$order" >$SPLIT
}

# must_split: while nobody else does, for truncate splits folios, too.
must_split() {
	need $SPLIT "no split_huge_pages in debugfs"
	is_mounted
	dd if=/dev/zero of=$TOP/map bs=1M count=4 2>/dev/null
	sync
	before=$(thp_stat split)
	(set +e; order=4; split) 2>/dev/null
	after=$(thp_stat split)
	rm $TOP/map
	[ "$after" -gt "$before" ] || skip "split_huge_pages splits no folio of a file on $FS"
}

test_splits() {
	must_split
	before=$(thp_stat split)
	fsx_beside 4 split --noise 1
	expect_rise "$before" "$(thp_stat split)" "split folios"
}

test_splits_under_writers() {
	must_split
	before=$(thp_stat split)
	beside split mapload --seed "$SEED" --rounds $((OPS / 1000 + 2)) --truncate $TOP/map
	expect_rise "$before" "$(thp_stat split)" "split folios"
}

split_and_move() {
	split
	compact
	drop_all
}

test_anonymous() {
	need $SPLIT "no split_huge_pages in debugfs"
	before=$(vmstat pgmigrate_success)
	beside split_and_move mapload --anonymous --seed "$SEED" --rounds $((OPS / 500 + 2))
	expect_rise "$before" "$(vmstat pgmigrate_success)" pgmigrate_success
}

test_all_at_once() {
	before=$(vmstat pgmigrate_success)
	fsx_beside 4 split_and_move --noise 1
	expect_rise "$before" "$(vmstat pgmigrate_success)" pgmigrate_success
}

# A page that is taken offline gives away what it holds, while the file is used.
test_soft_offline() {
	before=$(vmstat pgmigrate_success)
	rm -f $TOP/fsx
	poison migrate $TOP/fsx "$SEED" 200 >/tmp/poison.log 2>&1 &
	offline=$!
	fsx_beside 4 compact
	status=0
	wait $offline || status=$?
	cat /tmp/poison.log
	[ $status != 4 ] || exit 4
	expect $status 0 "exit code of poison"
	expect_rise "$before" "$(vmstat pgmigrate_success)" pgmigrate_success
	expect "$(sed -n 's/^HardwareCorrupted: *//p' /proc/meminfo)" "0 kB" "memory that is offline still"
}

test_check() { check_fs; }

test_taint() { expect_untainted; }

run_tests
