#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# on: hugetlb
# needs: hugefs
# append: hugepages=48
# The bytes and the pages of a file of hugetlbfs.
# shellcheck source=row.inc
. /parts/row.inc

test_make() { make_fs; }

test_operations() {
	is_mounted
	hugefs --seed "$SEED" --ops $((OPS / 5 + 1)) $TOP
}

# Another limit of the mount is another count.
test_small_mount() {
	mkdir -p /tmp/small
	mount -t hugetlbfs -o "$OPTIONS,size=68M,min_size=64M" none /tmp/small
	hugefs --seed "$((SEED + 1))" --ops $((OPS / 50 + 1)) /tmp/small
	umount /tmp/small
}

test_race() {
	is_mounted
	hugefs --seed "$SEED" --race $((OPS / 500 + 5)) $TOP
}

test_all_pages_are_back() {
	for pool in /sys/kernel/mm/hugepages/*; do
		expect "$(cat "$pool/free_hugepages")" "$(cat "$pool/nr_hugepages")" "free pages of $pool"
		expect "$(cat "$pool/resv_hugepages")" 0 "reserved pages of $pool"
	done
	echo 0 >/proc/sys/vm/nr_hugepages
	expect "$(cat /proc/sys/vm/nr_hugepages)" 0 "pages that do not go back to the system"
}

test_check() { check_fs; }

test_taint() { expect_untainted; }

run_tests
