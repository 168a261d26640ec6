#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# on: memory
# kernel: MEMCG,SWAP,ZRAM
# needs: fsx mapload
# Files in memory and anonymous memory, more than their group may have: large folios are
# swapped out to compressed memory and in again.
# shellcheck source=load.inc
. /parts/load.inc

test_make() {
	make_fs
	make_group max
	echo 256M >/sys/block/zram0/disksize
	mkswap /dev/zram0
	swapon /dev/zram0
}

# limit BYTES: beyond that the group must swap. It is no hard limit: with memory.max the
# kernel kills who maps a file in large folios, though there is swap enough.
limit() {
	limit=$1
	echo "$1" >$GROUP/memory.high
}

# swapped command...: in the group, and its pages must go out and in.
swapped() {
	is_mounted
	grep -q zram0 /proc/swaps || fail "no swap: $(cat /proc/swaps)"
	out=$(vmstat pswpout) in=$(vmstat pswpin) large=$(thp_stat swpout)
	no_kills "$@"
	expect_rise "$out" "$(vmstat pswpout)" pswpout
	expect_rise "$in" "$(vmstat pswpin)" pswpin
	expect_rise "$large" "$(thp_stat swpout)" "large folios swapped out in one piece"
}

test_anonymous() {
	limit 32M
	swapped in_group mapload --anonymous --seed "$SEED" --rounds $((OPS / 500 + 2)) --length 24M --writers 2
}

# Without what cuts a file in the middle of an entry of swap: that comes last.
test_fsx() {
	limit 20M
	swapped in_group fsx --seed "$SEED" --ops $((OPS / 4 + 1)) --length 16M --op-max 512K --noise 1 \
		--op-mask -truncate_down,-punch $TOP/fsx
}

test_mapped_writers() {
	limit 32M
	swapped in_group mapload --seed "$SEED" --rounds $((OPS / 1000 + 2)) --length 48M $TOP/map
}

# Everything comes in while it is used, and goes out again.
swap_off_and_on() {
	echo max >$GROUP/memory.high
	swapoff /dev/zram0 && echo off >>/tmp/swapoffs
	swapon /dev/zram0
	echo "$limit" >$GROUP/memory.high
	sleep 1
}

test_swapoff() {
	limit 20M
	: >/tmp/swapoffs
	swapped beside swap_off_and_on in_group fsx --seed "$SEED" --ops $((OPS / 4 + 1)) --length 16M \
		--op-max 512K --op-mask -truncate_down,-punch $TOP/off
	expect_rise 0 "$(wc -l </tmp/swapoffs)" "swapoffs while it ran"
}

test_anonymous_swapoff() {
	limit 32M
	: >/tmp/swapoffs
	swapped beside swap_off_and_on in_group mapload --anonymous --seed "$SEED" \
		--rounds $((OPS / 250 + 2)) --length 24M
	expect_rise 0 "$(wc -l </tmp/swapoffs)" "swapoffs while it ran"
}

# Truncates and holes where the file is swapped out.
test_cut_swapped() {
	limit 20M
	swapped in_group timeout $((OPS / 10 + 120)) fsx --seed "$SEED" --ops $((OPS / 4 + 1)) \
		--length 16M --op-max 512K --op-mask \
		read,write,mapread,mapwrite,punch,truncate_up,truncate_down,fallocate $TOP/cut
}

test_swap_is_empty() {
	rm -f $TOP/*
	swapoff /dev/zram0
	expect "$(awk '{ print ($1 > 0), ($5 > 0) }' /sys/block/zram0/stat)" "1 1" "reads and writes of zram"
}

test_check() { check_fs; }

test_taint() { expect_untainted; }

run_tests
