#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# needs: fsx
# The bytes of one file, by every way to read and write it that the filesystem has.
# shellcheck source=row.inc
. /parts/row.inc

test_make() { make_fs; }

# fsx_with SHARE [option...]: OPS divided by SHARE operations.
fsx_with() {
	is_mounted
	share=$1
	shift
	fsx --seed "$SEED" --ops $((OPS / share + 1)) --op-max 64K --length 2M "$@" $TOP/fsx
}

test_all_operations() { fsx_with 1; }

# Folios as large as they get: long operations on a long file, with less between them.
test_large_folios() { fsx_with 20 --length 32M --op-max 4M --check 500; }

# Only by the page cache's own ways, where blocks and folios meet at every byte.
test_mapped_and_buffered() { fsx_with 4 --op-mask read,write,mapread,mapwrite,private,truncate_down,truncate_up; }

test_direct_against_cached() { fsx_with 4 --op-mask direct_read,direct_write,read,write,mapread,dontneed,fsync; }

# Others read, map and drop the file meanwhile.
test_under_readers() { fsx_with 10 --noise 2; }

test_check() { check_fs; }

test_taint() { expect_untainted; }

run_tests
