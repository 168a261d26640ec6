#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# on: disk memory stacked network
# needs: fstree
# Names, links, modes, attributes and directories: against a model while they change,
# and again from the disk.
# shellcheck source=row.inc
. /parts/row.inc

test_make() {
	make_fs
	find $TOP | sort >/tmp/blank
}

# tree [option...]: the same tree each time; three processes work on it at once.
tree() {
	is_mounted
	fstree --seed "$SEED" --ops $((OPS / 2 + 1)) --processes 3 "$@" $TOP/tree
}

test_changes() { tree --keep; }

test_after_remount() {
	remount_fs
	tree --check
}

# The comparison is of no use when it would not see a difference.
test_difference_is_seen() {
	file=$(find $TOP/tree -type f -size +2 | head -n 1)
	chmod g-rwx "$file" || echo "$FS has no modes"
	chmod o+w,g+w "$file" || :
	printf wrong | dd of="$file" conv=notrunc 2>/dev/null
	! tree --check || fail "fstree did not see five bytes and a mode that were changed"
}

# All of it can be removed again, as deep as it is.
test_remove() {
	rm -r $TOP/tree
	expect "$(find $TOP | sort)" "$(cat /tmp/blank)" "what is left after rm -r"
}

test_check() { check_fs; }

# Nor is a checker that passes whatever it is given.
test_damage_is_seen() {
	[ -n "$CHECK" ] || skip "there is no checker for $FS"
	dd if=/dev/urandom of="$(disk)" bs=64k count=32 conv=notrunc 2>/dev/null
	# shellcheck disable=SC2086 # a command
	! $CHECK "$(disk)" || fail "$CHECK passes a disk whose first 2 MiB were overwritten"
}

test_taint() { expect_untainted; }

run_tests
