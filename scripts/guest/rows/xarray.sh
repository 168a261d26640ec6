#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# on: -
# kernel: TEST_XARRAY,TEST_MAPLE_TREE
# modules: test_xarray test_maple_tree
# Upstream's own tests of the trees that hold the page cache and the mappings, as modules
# of the kernel under test; they count what passed in its log.
# shellcheck source=row.inc
. /parts/row.inc

# load MODULE PREFIX: all of its tests must have passed, and some there must have been.
load() {
	[ -e "/modules/$1.ko" ] || skip "$1 is no module of this kernel"
	ended=0
	insmod "/modules/$1.ko" || ended=$?
	dmesg | sed "1,/$SUITE\.$1/d" >/tmp/said
	sed -n 's/^\[[^]]*\] //p' /tmp/said | tail -n 30
	counts=$(sed -n "s/.*$2: \([0-9]*\) of \([0-9]*\) tests passed$/\1 \2/p" /tmp/said)
	[ -n "$counts" ] || fail "$1 did not say how many tests passed; insmod ended with $ended"
	passed=${counts% *} run=${counts#* }
	[ "$run" -gt 0 ] || fail "$1 ran no test"
	expect "$passed" "$run" "tests that passed"
	expect "$ended" 0 "exit of insmod"
}

test_test_xarray() { load test_xarray XArray; }

test_test_maple_tree() { load test_maple_tree maple_tree; }

test_taint() { expect_untainted; }

run_tests
