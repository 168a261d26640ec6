#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# needs: python3
# files: scripts/foliostat scripts/lib/foliostat*.py
# The command foliostat where it belongs: on a machine with the module.
# shellcheck source=ktap.inc
. /parts/ktap.inc

foliostat() { python3 /scripts/foliostat "$@"; }

# ends STATUS TEXT command...: it must end with that code and say that.
ends() {
	wanted=$1 text=$2
	shift 2
	status=0
	said=$("$@" 2>&1) || status=$?
	expect "$status" "$wanted" "exit code of $* ($said)"
	case $said in
	*"$text"*) ;;
	*) fail "$*: '$said'; '$text' was due" ;;
	esac
}

# One file of 2 MiB and 12 KiB in folios of order 9 and 0.
make_file() {
	umount /mnt 2>/dev/null || :
	mount -t tmpfs -o huge=always none /mnt || skip "tmpfs without huge="
	dd if=/dev/zero of=/mnt/file bs=2M count=1 2>/dev/null
	mount -o remount,huge=never /mnt
	dd if=/dev/zero of=/mnt/file bs=4k seek=512 count=3 2>/dev/null
}

test_machine() {
	make_file
	ends 0 "in the page cache." foliostat
	ends 0 "tmpfs" foliostat
}

test_file() {
	make_file
	ends 0 "2 MiB       1     2 MiB" foliostat /mnt/file
	ends 0 "Why folios are not larger" foliostat /mnt/file
	json=$(foliostat --json /mnt/file)
	expect "$(echo "$json" | grep -c '"kind": "order"')" 2 "orders of the file"
	lines=$(foliostat --folios /mnt/file | wc -l)
	expect "$lines" 7 "lines for 4 folios"
}

test_mount_and_device() {
	make_file
	number=$(awk '$5 == "/mnt" { print $3 }' /proc/self/mountinfo)
	ends 0 "1 file or directory has something cached" foliostat --mount /mnt
	expect "$(foliostat --mount "$number" | tail -n +2)" "$(foliostat --mount /mnt | tail -n +2)" "by number"
	expect "$(foliostat "$number $(stat -c %i /mnt/file)" | tail -n +2)" \
		"$(foliostat /mnt/file | tail -n +2)" "by inode"
}

test_census() {
	ends 0 "32 bytes a page" foliostat --census
	ends 0 '"key": "online_pages"' foliostat --census --json
}

test_pictures() {
	make_file
	foliostat --svg /tmp/file.svg /mnt/file
	foliostat --census --svg /tmp/census.svg
	grep -q '</svg>' /tmp/file.svg
	grep -q '</svg>' /tmp/census.svg
}

test_no_such_file() {
	ends 1 "/nowhere: No such file or directory" foliostat /nowhere
	ends 1 "is neither a path nor" foliostat 1:2:3
	ends 1 "no filesystem in use has that device number" foliostat "999:9 1"
}

test_not_root() {
	chmod 755 / # the initramfs is root's alone
	ends 2 "only root may look" python3 -c '
import os
os.setuid(1000)
os.execv("/usr/bin/python3", ["python3", "/scripts/foliostat"])'
}

test_module_not_loaded() {
	rmmod foliolab
	ends 2 "foliolab is not loaded" foliostat
	insmod /modules/foliolab.ko
}

test_debugfs_not_mounted() {
	umount /sys/kernel/debug
	ends 2 "debugfs is not mounted" foliostat
	mount -t debugfs none /sys/kernel/debug
}

run_tests
