#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# kernel: MEMORY_FAILURE,HWPOISON_INJECT,PROC_PAGE_MONITOR
# needs: fsx poison
# Pages of large folios turn out to be broken. The kernel complains of each with an error
# of its own, "Memory failure:", which neither taints it nor is a splat.
# shellcheck source=load.inc
. /parts/load.inc

test_make() { make_fs; }

# lose CASE [option...]: what must come of it; 4 when the case needs what is not there.
lose() {
	is_mounted
	status=0
	name=$1
	shift
	poison "$name" $TOP/poison "$@" || status=$?
	[ $status != 4 ] || exit 4
	expect $status 0 "exit code of poison $name"
}

test_clean_page() { lose clean; }

test_dirty_page() { lose dirty; }

test_dirty_page_of_small_folio() { lose small; }

test_other_mapper() { lose others; }

test_mapper_that_asked() { lose early; }

test_unmapped_page() { lose unmapped; }

test_anonymous_page() { lose anonymous; }

# Of what was dirty some is lost; of it fsx is told by errors, and all else is right.
test_under_fsx() {
	is_mounted
	rm -f $TOP/poison
	poison load $TOP/poison "$SEED" 100 >/tmp/poison.log 2>&1 &
	load=$!
	fsx --seed "$SEED" --ops $((OPS / 2 + 1)) --length 4M --allow-errors $TOP/poison
	status=0
	wait $load || status=$?
	cat /tmp/poison.log
	[ $status != 4 ] || exit 4
	expect $status 0 "exit code of poison load"
}

# A folio that could not be split is freed whole one day.
test_broken_page_is_not_used_again() { lose reuse; }

test_all_is_good_again() {
	drop_all
	poison heal $TOP/poison
	expect "$(sed -n 's/^HardwareCorrupted: *//p' /proc/meminfo)" "0 kB" "memory that is poisoned still"
}

test_check() { check_fs; }

test_taint() { expect_untainted; }

run_tests
