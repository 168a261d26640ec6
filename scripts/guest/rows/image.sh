#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# on: readonly
# needs: fsimage fstree
# A tree is packed into an image on the disk; each byte of it is read in every way.
# shellcheck source=load.inc
. /parts/load.inc
TREE=/tmp/tree
LARGE=$((OPS / 1250 + 1))

# names [option...]: the directories, links, attributes, times and small files. isofs keeps
# attributes of no file; only erofs keeps more of a time than seconds.
names() {
	[ "$TYPE" != iso9660 ] || set -- --without xattrs "$@"
	[ "$TYPE" = erofs ] || set -- --seconds "$@"
	fstree --seed "$SEED" --ops $((OPS / 2 + 1)) --processes 2 "$@"
}

# files [option...]: every byte of every file.
files() {
	is_mounted
	fsimage --seed "$SEED" --large $LARGE --check "$@" $TOP/files
}

is_mounted() { grep -q " $TOP $TYPE ro" /proc/mounts || fail "not mounted: $(grep " $TOP " /proc/mounts)"; }

sum_of_disk() { sha256sum <"$(disk)"; }

test_make() {
	load_modules
	mkdir $TREE
	names --keep $TREE/names
	fsimage --seed "$SEED" --large $LARGE --keep $TREE/files
	pack $TREE
	sum_of_disk >/tmp/sum
	mount_fs
	evict
}

test_names() {
	is_mounted
	names --check $TOP/names
}

test_read() { way read; }
test_pread() { way pread; }
test_map() { way map; }
test_splice() { way splice; }
test_direct() { way direct; }

# From the cache as the last way has left it, and by all of them in turn.
test_cached() { files; }

test_readahead() {
	queue=/sys/block/$(basename "$(disk)")/queue
	before=$(cat "$queue/read_ahead_kb")
	for kb in 0 4 64 1024 8192; do
		echo "read_ahead_kb $kb"
		echo $kb >"$queue/read_ahead_kb"
		evict
		files --by read,map
	done
	echo "$before" >"$queue/read_ahead_kb"
}

test_parallel_readers() {
	evict
	files --processes 4
}

test_readers_against_drop() {
	evict
	files --processes 3 --drop
}

# Folios are reclaimed while others are filled: half of the files' bytes fit.
test_small_memory() {
	is_mounted
	make_group 12M
	evict
	in_group fsimage --seed "$SEED" --large $LARGE --check --processes 2 $TOP/files
	grep -q '^max 0$' $GROUP/memory.events && fail "the limit of 12M was never reached"
	cat $GROUP/memory.events
}

test_after_remount() {
	umount $TOP
	mount_fs
	files
	names --check $TOP/names
}

# Whatever was read, an image that is mounted read-only stays as it was.
test_check() {
	is_mounted
	umount $TOP
	expect "$(sum_of_disk)" "$(cat /tmp/sum)" "sum of the disk"
	check_disk
}

# Five other bytes in one of the files.
test_difference_is_seen() {
	for file in "$TREE"/files/*-131073-*; do
		dd if="$file" of="/tmp/right.${file##*/}" bs=1 skip=70001 count=5 2>/dev/null
		printf wrong | dd of="$file" bs=1 seek=70001 conv=notrunc 2>/dev/null
	done
	pack $TREE
	for file in "$TREE"/files/*-131073-*; do
		dd if="/tmp/right.${file##*/}" of="$file" bs=1 seek=70001 conv=notrunc 2>/dev/null
	done
	mount_fs
	for ways in read pread map splice; do
		! (files --by $ways) || fail "$ways did not see five bytes that are others"
	done
	umount $TOP
}

# Blocks that were overwritten are an error or other bytes, and nothing worse.
test_damage_is_seen() {
	pack $TREE
	mount_fs
	files
	umount $TOP
	pages=$(($(tr -d '\000' <"$(disk)" | wc -c) / 4096))
	for at in 30 50 70; do
		dd if=/dev/urandom of="$(disk)" bs=4k seek=$((pages * at / 100)) count=40 conv=notrunc 2>/dev/null
	done
	evict
	if ! mount_fs; then return 0; fi
	! (files) || fail "nothing was seen of three places that were overwritten"
	umount $TOP
}

test_taint() { expect_untainted; }

run_tests
