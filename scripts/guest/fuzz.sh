#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# needs: foliolab_fuzz
# Bad input for every file and mount option; what it does to the kernel, the console tells.
# shellcheck source=ktap.inc
. /parts/ktap.inc
# FUZZ=SECONDS[,SEED] of the verb.
ASKED=$(sed -n 's/.*foliolab\.fuzz=\([0-9,]*\).*/\1/p' /proc/cmdline)

test_bad_input() {
	seconds=${ASKED%,*}
	seed=1
	case $ASKED in *,*) seed=${ASKED#*,} ;; esac
	foliolab_fuzz "$seed" "${seconds:-10}"
}

test_module_still_answers() {
	for file in version mode fstypes census; do
		[ ! -e "/sys/kernel/debug/foliolab/$file" ] || cat "/sys/kernel/debug/foliolab/$file"
	done
}

test_unloads_afterwards() {
	awk '$3 == "foliofs" { print $2 }' /proc/mounts | while read -r mount; do umount "$mount"; done
	rmmod foliolab
	insmod /modules/foliolab.ko
}

run_tests
