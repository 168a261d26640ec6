#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# on: stacked
# needs: fsx fstree fsimage
# What is below before the filesystem is mounted, and what changes of it through it.
# shellcheck source=row.inc
. /parts/row.inc
EARLY=$((OPS / 4 + 1)) LATE=$((OPS / 2 + 2))

# names OPS [option...]: of two processes; the second half of the operations works on
# names, links and directories that the first has left below. WITHOUT is what this
# filesystem cannot keep then (fs/TYPE.inc).
names() {
	ops=$1
	shift
	fstree --seed "$SEED" --ops "$ops" --processes 2 ${WITHOUT:+--without "$WITHOUT"} "$@"
}

files() { fsimage --seed "$SEED" --large 1 "$@"; }

test_make() {
	make_disk
	mount_bottom
	mkdir -p "$LOWER"
	names $EARLY --keep "$LOWER/names"
	files --keep "$LOWER/files"
	dd if=/dev/urandom of="$LOWER/fsx" bs=64k count=40 2>/dev/null
	umount $BOTTOM
	mount_fs
}

test_seen_through() {
	is_mounted
	names $EARLY --check $TOP/names
	files --check $TOP/files
}

# A byte is written as it was, so that each file must be the same afterwards; those who
# have it open read on from below.
test_copied_while_read() {
	evict
	files --check --processes 3 $TOP/files >/tmp/readers.log &
	for file in "$TOP"/files/*; do
		[ -s "$file" ] || continue
		size=$(stat -c %s "$file")
		dd if="$file" of="$file" bs=1 skip=$((size / 2)) seek=$((size / 2)) count=1 conv=notrunc 2>/dev/null
	done
	wait $! || fail "$(cat /tmp/readers.log)"
	files --check --processes 2 $TOP/files
}

test_names_change() { names $LATE --from $((EARLY + 1)) --keep $TOP/names; }

test_fsx() { fsx --seed "$SEED" --ops $((OPS / 2 + 1)) --op-max 64K --length 2M $TOP/fsx; }

test_after_remount() {
	remount_fs
	names $LATE --check $TOP/names
	files --check $TOP/files
}

test_lower_is_as_it_was() {
	[ "$LOWER" = $BOTTOM/lower ] || skip "$FS writes to what is below"
	check_fs
	mount_bottom
	names $EARLY --check "$LOWER/names"
	files --check "$LOWER/files"
	umount $BOTTOM
	mount_fs
}

test_difference_is_seen() {
	for file in "$TOP"/files/*-131073-*; do
		printf wrong | dd of="$file" bs=1 seek=70001 conv=notrunc 2>/dev/null
	done
	! files --check $TOP/files || fail "fsimage did not see five bytes that were changed"
}

test_check() { check_fs; }

test_taint() { expect_untainted; }

run_tests
