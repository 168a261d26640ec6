#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# on: disk memory stacked network
# needs: fio
# fio fills files with blocks that name themselves, by write, by mapping and by direct
# I/O, and reads them back: from the cache, after a remount, and from the disk alone.
# shellcheck source=row.inc
. /parts/row.inc
SIZE=$((OPS / 1000 + 1))m

test_make() { make_fs; }

# verify NAME ENGINE BLOCK-SIZES [option...]: the same blocks whenever it is called.
verify() {
	name=$1 engine=$2 sizes=$3
	shift 3
	is_mounted
	fio --name="$name" --ioengine="$engine" --bsrange="$sizes" --directory=$TOP --size="$SIZE" \
		--rw=randwrite --randseed="$SEED" --verify=crc32c --verify_fatal=1 --minimal "$@" >/tmp/fio.log ||
		fail "$name: $(tail -n 20 /tmp/fio.log)"
}

# each [option...]: all of them, one after the other.
each() {
	verify small psync 4k-16k "$@"
	verify large psync 64k-1m "$@"
	verify mapped mmap 4k-64k "$@"
	verify direct psync 16k-256k --direct=1 "$@"
}

test_write_and_read() { each; }

test_after_remount() {
	remount_fs
	each --verify_only
}

test_after_eviction() {
	evict
	each --verify_only
}

# Four writers at once, so that the folios of several files are on their way together.
test_writers_at_once() { verify many psync 4k-256k --numjobs=4; }

# fio is of no use when it would not see a difference.
test_difference_is_seen() {
	printf wrong | dd of=$TOP/small.0.0 bs=1 seek=5000 conv=notrunc 2>/dev/null
	! (verify small psync 4k-16k --verify_only) || fail "fio did not see five bytes that were overwritten"
}

test_check() { check_fs; }

test_taint() { expect_untainted; }

run_tests
