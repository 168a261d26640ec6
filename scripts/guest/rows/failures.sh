#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# kernel: FAULT_INJECTION_DEBUG_FS,FAILSLAB,FAIL_PAGE_ALLOC
# needs: fsx fstree
# One allocation of a hundred fails, or one request of the disk. Operations may fail by it;
# what they did not touch must be right, and the machine must go on.
# shellcheck source=load.inc
. /parts/load.inc
DEBUG=/sys/kernel/debug
TIMES=1000000

test_make() { make_fs; }

# prepare KNOB...: 1 % of the attempts are to fail, of tasks that ask for it alone: those
# that write back for others do.
prepare() {
	for knob; do
		need "$DEBUG/$knob" "no $knob in debugfs: CONFIG_FAULT_INJECTION_DEBUG_FS"
		echo 0 >"$DEBUG/$knob/probability"
		echo $TIMES >"$DEBUG/$knob/times"
		echo 0 >"$DEBUG/$knob/verbose"
		echo Y >"$DEBUG/$knob/task-filter"
		for all in ignore-gfp-wait ignore-gfp-highmem min-order; do
			[ ! -e "$DEBUG/$knob/$all" ] || echo 0 >"$DEBUG/$knob/$all"
		done
	done
	for task in /proc/[0-9]*; do
		case $(cat "$task/comm") in
		kworker/* | kswapd* | jbd2/* | xfs* | btrfs* | f2fs*) echo 1 >"$task/make-it-fail" ;;
		esac
	done 2>/dev/null
}

# failing KNOBS command...: starts before its allocations begin to fail; its exit code.
failing() {
	knobs=$1
	shift
	# shellcheck disable=SC2016 # it is the inner shell's
	sh -c 'echo 1 >/proc/$$/make-it-fail && exec "$@"' sh "$@" >/tmp/failing.log 2>&1 &
	usleep 500000
	for knob in $knobs; do echo 1 >"$DEBUG/$knob/probability"; done
	status=0
	wait $! || status=$?
	for knob in $knobs; do echo 0 >"$DEBUG/$knob/probability"; done
	tail -n 60 /tmp/failing.log
	grep " $TOP " /proc/mounts
	return $status
}

# have_failed KNOB...: since prepare.
have_failed() {
	for knob; do
		expect_rise 0 $((TIMES - $(cat "$DEBUG/$knob/times"))) "failures by $knob"
	done
}

# A filesystem may stop itself after an error; then it must recover when it is mounted anew.
is_alive() {
	touch $TOP/alive && rm $TOP/alive && return
	echo "it has stopped; mounted again"
	umount $TOP
	mount_fs
	touch $TOP/alive
	rm $TOP/alive
}

fsx_failing() {
	is_alive
	# shellcheck disable=SC2086 # knobs
	prepare $1
	failing "$1" fsx --seed "$SEED" --ops $((OPS / 2 + 1)) --length 4M --allow-errors $TOP/fsx
	# shellcheck disable=SC2086 # knobs
	have_failed $1
}

test_slab() { fsx_failing failslab; }

test_pages() { fsx_failing fail_page_alloc; }

test_both() { fsx_failing "failslab fail_page_alloc"; }

# fstree does not know which of its changes took place, and ends: it only must not hang, nor
# the machine crash.
test_metadata() {
	prepare failslab fail_page_alloc
	for tree in 1 2 3 4 5; do
		is_alive
		failing "failslab fail_page_alloc" fstree --seed $((SEED + tree)) --ops $((OPS + 1)) \
			--processes 2 --keep "$TOP/tree$tree" || echo "fstree ended with $?"
	done
	have_failed failslab fail_page_alloc
}

# The disk itself: what a filesystem says of it is its own; it must be there again afterwards.
test_requests() {
	[ -n "$MAKE" ] || skip "$FS has no disk"
	name=$(basename "$(disk)")
	need "/sys/block/$name/make-it-fail" "no make-it-fail in /sys/block: CONFIG_FAIL_MAKE_REQUEST"
	echo 1 >"/sys/block/$name/make-it-fail"
	status=0
	(fsx_failing fail_make_request) || status=$?
	echo 0 >"/sys/block/$name/make-it-fail"
	return $status
}

# ext4 goes on after most errors; it says so, and that its checker must mend what it has
# left undone. What it does not tell of must be whole.
mend_ext4() {
	dmesg | grep 'EXT4-fs error' || return 0
	umount $TOP
	e2fsck -f -y "$(disk)" || [ $? = 1 ]
	mount_fs
}

test_check() {
	is_alive
	[ "$TYPE" != ext4 ] || mend_ext4
	check_fs
}

test_taint() { expect_untainted; }

run_tests
