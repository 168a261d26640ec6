#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# on: disk memory readonly stacked network
# needs: fscost
# What the operations of a filesystem cost, in instructions: with ACCEL=icount alone.
# shellcheck source=row.inc
. /parts/row.inc
DIR=$TOP/cost

test_make() {
	if [ "$KIND" != readonly ]; then
		make_fs
		return
	fi
	load_modules
	mkdir /tmp/tree
	fscost --keep /tmp/tree/cost
	pack /tmp/tree
	mount_fs
}

# The table is in logs/cost.tsv, too.
test_cost() {
	set -- --instructions
	[ "$KIND" != readonly ] || set -- "$@" --check
	status=0
	fscost "$@" "$DIR" >/tmp/cost || status=$?
	cat /tmp/cost
	[ $status != 4 ] || skip "the clock does not count instructions; use ACCEL=icount"
	mkdir -p /tmp/logs
	cp /tmp/cost /tmp/logs/cost.tsv
	return $status
}

test_check() {
	if [ "$KIND" != readonly ]; then
		check_fs
		return
	fi
	umount $TOP
	check_disk
}

test_taint() { expect_untainted; }

run_tests
