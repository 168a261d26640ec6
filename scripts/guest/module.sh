#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# The module as a whole: its directory in debugfs, loading and unloading.
# shellcheck source=ktap.inc
. /parts/ktap.inc

test_debugfs_is_private() {
	expect "$(stat -c %a /sys/kernel/debug/foliolab)" 755 "mode of the directory"
	open=$(find /sys/kernel/debug/foliolab -type f -perm /077)
	expect "$open" "" "files that others than root may open"
}

test_unload_removes_all() {
	rmmod foliolab
	[ ! -e /sys/kernel/debug/foliolab ] || fail "debugfs/foliolab is still there"
	! grep -w foliofs /proc/filesystems || fail "foliofs is still registered"
	insmod /modules/foliolab.ko
}

test_unload_under_open_files() {
	exec 3</sys/kernel/debug/foliolab
	rmmod foliolab
	expect "$(ls /proc/self/fd/3/)" "" "files of an unloaded module"
	exec 3<&-
	insmod /modules/foliolab.ko
}

run_tests
