#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# needs: fsx
# Loading and unloading: again and again, and while everything is in use.
# shellcheck source=ktap.inc
. /parts/ktap.inc
DIR=/sys/kernel/debug/foliolab
CYCLES=$(sed -n 's/.*foliolab\.cycles=\([0-9]*\).*/\1/p' /proc/cmdline)
: "${CYCLES:=200}"

load() { insmod /modules/foliolab.ko; }
is_loaded() { grep -q '^foliolab ' /proc/modules; }

# use_all: reads and writes every file of the module, until it is killed; errors are due.
use_all() {
	while :; do
		for file in "$DIR"/*; do
			[ -f "$file" ] || continue
			{ echo /tmp/load.data >&3; cat <&3; } 3<>"$file"
		done
	done >/dev/null 2>&1
}

# work: what keeps the page cache busy meanwhile.
work() {
	while :; do
		dd if=/dev/zero of=/tmp/load.data bs=64k count=64
		echo 5 >/proc/sys/vm/drop_caches
	done >/dev/null 2>&1
}

# stop PID...: ends them, without a word of the shell.
stop() {
	kill "$@" 2>/dev/null || true
	wait "$@" 2>/dev/null || true
}

slab() { awk '/^SUnreclaim/ { print $2 }' /proc/meminfo; }

test_cycles_under_load() {
	work &
	pids=$!
	use_all &
	pids="$pids $!"
	use_all &
	pids="$pids $!"
	unloaded=0
	refused=0
	round=0
	before=$(slab)
	while [ $round -lt "$CYCLES" ]; do
		round=$((round + 1))
		# A reader that is inside may keep the module: that is an error, not a crash.
		if rmmod foliolab 2>/dev/null; then unloaded=$((unloaded + 1)); else refused=$((refused + 1)); fi
		is_loaded || load || fail "round $round: the module cannot be loaded again"
		[ $round != 20 ] || before=$(slab)
	done
	# shellcheck disable=SC2086 # pids, one a word
	stop $pids
	echo "$unloaded unloaded, $refused refused, slabs grew by $(($(slab) - before)) KiB"
	[ $unloaded -gt 0 ] || fail "not one of $CYCLES unloads succeeded"
	# 10 KiB a round would be a leak; what the load leaves behind is less.
	[ $(($(slab) - before)) -lt $((CYCLES * 10)) ] || fail "slabs grow with each round"
}

test_unload_with_open_files() {
	exec 4<"$DIR/version"
	# Refused, or the open file is dead; either way it answers.
	rmmod foliolab 2>/dev/null || true
	answer=$(cat <&4 2>/dev/null) || true
	is_loaded || expect "$answer" "" "what a file of an unloaded module gave"
	exec 4<&-
	! is_loaded || rmmod foliolab
	load
}

test_unload_while_mounted() {
	mkdir -p /mnt
	mount -t foliofs none /mnt || skip "no foliofs in this module"
	fsx --ops 500 /mnt/fsx &
	! rmmod foliolab 2>/dev/null || fail "unloaded under a mounted foliofs"
	wait $!
	exec 4</mnt
	! umount /mnt 2>/dev/null || fail "umount under an open directory"
	! rmmod foliolab 2>/dev/null || fail "unloaded under an open directory"
	exec 4<&-
	umount /mnt
	rmmod foliolab
	load
}

# Mounts come and go while the module is asked to.
test_mounts_against_unload() {
	(
		while :; do
			mount -t foliofs none /mnt && dd if=/dev/zero of=/mnt/a bs=64k count=4
			umount /mnt
		done >/dev/null 2>&1
	) &
	pid=$!
	round=0
	while [ $round -lt 50 ]; do
		round=$((round + 1))
		rmmod foliolab 2>/dev/null || true
		is_loaded || load
	done
	stop $pid
	umount /mnt 2>/dev/null || true
	is_loaded || load
}

run_tests
