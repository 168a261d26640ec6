#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# on: disk
# kernel: MAGIC_SYSRQ
# needs: crashload fstree
# reset: yes
# The machine is reset while files are written and synced. What had been synced must be
# there when it is up again, and the filesystem must be whole.
# shellcheck source=reset.inc
. /parts/reset.inc
BATCHES=$((OPS / 10 + 20))

# able: only these say what they are after a crash: by a journal, or as they never overwrite.
able() {
	case $TYPE in
	xfs | ext4 | btrfs | f2fs | jfs | nilfs2) ;;
	*) skip "$TYPE promises nothing after a crash" ;;
	esac
	[ -n "$(disk_named notes)" ] || skip "no disk 'notes': only make qemu boots a guest again"
}

test_make() {
	able
	make_fs
}

load() { crashload --seed "$SEED" --batches $BATCHES --notes "$(disk_named notes)" "$@" $TOP/files; }

# recover: jfs leaves its journal to its own fsck, which says 1 when it has replayed it.
recover() { [ "$TYPE" != jfs ] || jfs_fsck --replay_journal_only "$(disk)" || [ $? = 1 ]; }

# The first boot ends here; the second mounts what it left, which is where a filesystem
# recovers, and compares before anything is written.
test_synced_is_there_after_a_reset() {
	able
	if is_second_boot; then
		recover
		mount_fs
		load --check
		return
	fi
	is_mounted
	expect_untainted
	fstree --seed "$SEED" --ops 1000000 --processes 2 --keep $TOP/tree >/dev/null 2>&1 &
	load
	reset_guest
}

# The comparison is of no use when it would not see a difference.
test_difference_is_seen() {
	able
	is_mounted
	for file in "$TOP"/files/f*; do
		printf wrong | dd of="$file" bs=1 seek=3 conv=notrunc 2>/dev/null
	done
	! load --check || fail "crashload did not see five bytes that were overwritten in each file"
}

# What was not synced may be there or not, but no name may be one that cannot be removed.
test_remove() {
	able
	is_mounted
	rm -r $TOP/tree $TOP/files
	expect "$(find $TOP ! -path $TOP ! -name lost+found ! -name .nilfs)" "" "what is left after rm -r"
}

test_works_again() {
	able
	is_mounted
	fstree --seed "$SEED" --ops $((OPS / 4 + 1)) $TOP/tree
}

test_check() {
	able
	check_fs
}

test_taint() { expect_untainted; }

run_tests
