#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# kernel: MEMCG
# needs: fsx mapload
# More data than memory: a group of processes whose pages are reclaimed all the time.
# shellcheck source=load.inc
. /parts/load.inc

test_make() {
	make_fs
	# A memory this small is full of dirty pages long before the machine would mind.
	echo $((4 << 20)) >/proc/sys/vm/dirty_bytes
	echo $((1 << 20)) >/proc/sys/vm/dirty_background_bytes
}

# reclaimed FUNCTION command...: in the group beside another, and pages of files must be
# taken from it.
reclaimed() {
	is_mounted
	before=$(group_stat pgsteal)
	other=$1
	shift
	no_kills beside "$other" in_group "$@"
	expect_rise "$before" "$(group_stat pgsteal)" "pgsteal of the group"
	grep . $GROUP/memory.events
}

# Beside what fsx itself needs, some six times its file, there is little left for the
# pages of both files.
churn() {
	worker in_group mapload --seed "$SEED" --rounds 2 --length 24M --truncate $TOP/churn
}

test_fsx() {
	[ "$TYPE" != tmpfs ] || skip "what tmpfs holds cannot be reclaimed without swap: suite swap"
	make_group 36M
	reclaimed churn fsx --seed "$SEED" --ops $((OPS / 4 + 1)) --op-max 256K --length 4M --noise 2 $TOP/fsx
}

drop_some() {
	drop_all
	sleep 1
}

# Writers by mapping, and somebody who cuts the file under them.
test_mapped_writers() {
	[ "$TYPE" != tmpfs ] || skip "what tmpfs holds cannot be reclaimed without swap: suite swap"
	make_group 12M
	reclaimed drop_some mapload --seed "$SEED" --rounds $((OPS / 500 + 2)) --length 24M --writers 3 --truncate $TOP/map
}

# All of the machine's clean pages go, again and again.
test_drop_caches() {
	is_mounted
	before=$(vmstat drop_pagecache)
	beside drop_all fsx --seed "$SEED" --ops $((OPS / 4 + 1)) --length 8M --op-max 512K --noise 1 $TOP/dropped
	expect_rise "$before" "$(vmstat drop_pagecache)" drop_pagecache
}

test_writers_against_drop_caches() {
	is_mounted
	beside drop_all mapload --seed "$SEED" --rounds $((OPS / 1000 + 2)) --truncate $TOP/map
}

test_check() { check_fs; }

test_taint() { expect_untainted; }

run_tests
