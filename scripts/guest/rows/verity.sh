#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# on: disk
# kernel: FS_VERITY,MEMCG
# needs: fsverity fsimage filefrag
# append: bdev_allow_write_mounted=1
# Files get fs-verity, with hash blocks of several sizes: their digests are those that user
# space computes, every byte is read in every way, and what is changed on the disk behind
# the back of the filesystem is an error where it was changed and nowhere else.
# shellcheck source=verity.inc
. /parts/verity.inc
LARGE=$((OPS / 1250 + 1))

test_make() {
	can_verity
	make_fs
	mkdir $REF $TOP/sizes
	for size in $SIZES; do content "$size" >$REF/"$size"; done
}

test_enable() {
	can_verity
	is_mounted
	for_each make_one
	! (echo more >>$TOP/sizes/1024-4096) 2>/dev/null || fail "a file with verity could be written"
}

test_digest() {
	can_verity
	for_each digest_one
}

test_cached() {
	can_verity
	for_each compare_one
}

test_after_remount() {
	can_verity
	remount_fs
	for_each digest_one
	for_each compare_one
}

# tree_of FILE: the Merkle tree as the kernel returns it, by its sum.
tree_of() { fsverity dump_metadata merkle_tree "$1" | md5sum; }

# The tree is what user space computes of the same bytes.
test_merkle_tree() {
	can_verity
	for block in $(block_sizes); do
		fsverity digest --block-size="$block" --out-merkle-tree=/tmp/tree $REF/5000001 >/dev/null
		expect "$(tree_of $TOP/sizes/"$block"-5000001)" "$(md5sum </tmp/tree)" "tree of blocks of $block"
		evict
		expect "$(tree_of $TOP/sizes/"$block"-5000001)" "$(md5sum </tmp/tree)" "tree of blocks of $block, read again"
	done
}

# files [option...]: large and sparse ones, every byte of them.
files() { fsimage --seed "$SEED" --large $LARGE --check "$@" $TOP/files; }

test_enable_others() {
	can_verity
	is_mounted
	fsimage --seed "$SEED" --large $LARGE --keep $TOP/files
	for file in "$TOP"/files/*; do
		case $(stat -c %F "$file") in regular*) ;; *) continue ;; esac
		for block in $(block_sizes); do
			[ "$block" = 1024 ] || [ $((${#file} % 2)) = 0 ] || continue
			fsverity enable --block-size="$block" "$file" && break
		done || fail "no verity for $file"
	done
	remount_fs
}

test_read() { can_verity && way read; }
test_map() { can_verity && way map; }
test_splice() { can_verity && way splice; }
test_direct() { can_verity && way direct; }

test_readers_against_drop() {
	can_verity
	evict
	files --processes 3 --drop
}

# Hash blocks are reclaimed while data are read: half of the files' bytes fit.
test_small_memory() {
	can_verity
	is_mounted
	make_group 12M
	evict
	before=$(group_stat pgsteal)
	no_kills in_group fsimage --seed "$SEED" --large $LARGE --check --processes 2 $TOP/files
	expect_rise "$before" "$(group_stat pgsteal)" "pgsteal of the group"
}

# damage BYTE FROM TO: of the file of $block; errors from FROM up to TO.
damage() {
	file=$TOP/sizes/$block-1048577
	hold "$file"
	flip "$file" "$1"
	bad_range "$file" $REF/1048577 "$2" "$3"
	compare_one $TOP/sizes/"$block"-5000001 $REF/5000001
	unflip
	compare_one "$file" $REF/1048577
}

# A byte of data: an error there, and nowhere else.
test_damaged_data() {
	can_verity
	[ "$TYPE" != btrfs ] || skip "btrfs finds other data by its own sums"
	remount_fs
	for block in $(block_sizes); do damage 700000 700000 700001; done
}

# A byte of the second block of the lowest level, which has the hashes of as many blocks of
# data as fit into it: an error in these. The levels above come first in the tree.
test_damaged_hash() {
	can_verity
	[ "$TYPE" != btrfs ] || skip "btrfs keeps the tree of hashes among its own"
	remount_fs
	for block in $(block_sizes); do
		each=$((block / 32)) above=0
		blocks=$((1048577 / block / each + 1))
		while [ $blocks -gt 1 ]; do
			blocks=$(((blocks + each - 1) / each))
			above=$((above + blocks))
		done
		damage $(((1048577 + 65535) / 65536 * 65536 + (above + 1) * block + 5)) \
			$((block * each)) $((2 * block * each))
	done
}

test_check() {
	can_verity
	for_each digest_one
	for_each compare_one
	check_fs
}

test_taint() { expect_untainted; }

run_tests
