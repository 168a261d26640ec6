#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# on: disk memory stacked network
# needs: fsx
# The bytes of one file, by every way to read and write it that the filesystem has.
# shellcheck source=row.inc
. /parts/row.inc

test_make() { make_fs; }

# fsx_with FILE SHARE [option...]: OPS divided by SHARE operations. What they leave is
# there for the checker, and after a remount.
fsx_with() {
	is_mounted
	file=$1 share=$2
	shift 2
	fsx --seed "$SEED" --ops $((OPS / share + 1)) --op-max 64K --length 2M --keep "$@" "$TOP/$file"
}

# The file is short, so that an operation meets what earlier ones have left.
test_all_operations() { fsx_with all 1 --length 512K; }

# Folios as large as they get: long operations on a long file, with less between them.
test_large_folios() { fsx_with large 20 --length 32M --op-max 4M --check 500; }

# Only by the page cache's own ways, where blocks and folios meet at every byte.
test_mapped_and_buffered() { fsx_with cached 4 --op-mask read,write,mapread,mapwrite,private,truncate_down,truncate_up; }

# The end of the file must move, or it is where the longest may end.
test_direct_against_cached() {
	fsx_with direct 4 --op-mask direct_read,direct_write,read,write,mapread,truncate_down,dontneed,fsync
}

# Others read, map and drop the file meanwhile.
test_under_readers() { fsx_with shared 10 --noise 2; }

# Where it is to compress it must have done so with something.
expect_compressed() {
	evict
	filefrag -v $TOP/* >/tmp/extents
	grep -q encoded /tmp/extents || fail "no extent is compressed: $(tail -n 20 /tmp/extents)"
}

test_check() {
	case $OPTIONS in
	*compress*) expect_compressed ;;
	esac
	check_fs
}

test_taint() { expect_untainted; }

run_tests
