#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# The files of the inspector as files: their form, what they can be asked and how they
# are read.
# needs: xfs_io
# files: scripts/guest/inspect.inc
# shellcheck source=ktap.inc
. /parts/ktap.inc
# shellcheck source=inspect.inc
. /scripts/guest/inspect.inc

# ask FILE TEXT: a request alone, TEXT as for printf.
ask() {
	# shellcheck disable=SC2059 # TEXT has the newline, or a NUL
	printf "$2" | dd of="$D/$1" bs=64k conv=notrunc
}

# number PATH: as a request by MAJOR:MINOR INO.
number() {
	echo "$(awk -v mnt=$M '$5 == mnt { at = $3 } END { print at }' /proc/self/mountinfo)" \
		"$(stat -c %i "$1")"
}

# a mount of its own on $M, with a file of 100 pages.
new_mount() {
	umount $M 2>/dev/null || true
	mount -t tmpfs none $M
	xfs_io -f -c "pwrite -q -b 4k 0 400k" $M/a
}

expect_columns() {
	expect "$(look "$1" "$2" | head -n 1)" "# foliolab $1 1" "first line of $1"
	expect "$(look "$1" "$2" | sed -n 2p | tr '\t' ' ')" "$3" "columns of $1"
	expect "$(look "$1" "$2" | sed 1d | awk -F '\t' '{ print NF }' | uniq)" \
		"$(echo "$3" | wc -w)" "fields in each row of $1"
}

test_format() {
	new_mount
	states="dirty_bytes writeback_bytes"
	orders="kind order folios bytes $states uptodate_bytes mapped_bytes past_eof_bytes"
	expect_columns file $M/a "index order kind flags dirty writeback uptodate private refcount \
mapcount_large mapcount_entire mapcount_avg maybe_shared past_eof"
	expect_columns file_orders $M/a "$orders"
	expect_columns mount_orders $M "$orders"
	expect_columns file_why $M/a "reason order folios bytes min_order max_order"
	for name in "fstypes fstype order folios bytes $states" "mode key value" "version key value"; do
		expect "$(sed -n 1p "$D/${name%% *}")" "# foliolab ${name%% *} 1" "first line"
		expect "$(sed -n 2p "$D/${name%% *}" | tr '\t' ' ')" "${name#* }" columns
	done
	expect "$(sed -n 's/^kernel\t//p' $D/version)" "$(uname -r)" "kernel in version"
}

test_bad_requests() {
	new_mount
	for name in file file_orders file_why; do
		expect_error "No such file" ask $name "/no/such/file\n"
		expect_error "Not a directory" ask $name "$M/a/b"
		expect_error "Invalid argument" ask $name "\n"
		expect_error "Invalid argument" ask $name "$M/a\0b"
		expect_error "Invalid argument" ask $name "0:1"
		expect_error "Invalid argument" ask $name "0:1 2 3"
		expect_error "Invalid argument" ask $name "4096:0 1"
		expect_error "Invalid argument" ask $name "0:1048576 1"
		expect_error "Invalid argument" ask $name "0:0 99999999999999999999"
		expect_error "No such device" ask $name "4095:1048575 1"
		expect_error "No such file" ask $name "$(number $M/a | cut -d ' ' -f 1) 18446744073709551615"
		expect_error "name too long" ask $name "$(printf '%05000d' 0)"
		expect_error "No data" cat $D/$name
	done
	expect_error "Invalid argument" ask mount_orders "$(number $M/a)"
	expect_error "No such device" ask mount_orders "4095:1048575"
}

test_a_bad_request_keeps_the_old() {
	new_mount
	exec 4<>$D/file
	echo $M/a >&4
	! echo /no/such/file >&4 2>/dev/null || fail "no error"
	expect "$(wc -l <&4)" 102 lines
	exec 4<&-
}

test_by_number() {
	new_mount
	for name in file file_orders file_why; do
		expect "$(look $name "$(number $M/a)")" "$(look $name $M/a)" "$name by number"
	done
	expect "$(look mount_orders "$(number $M/a | cut -d ' ' -f 1)")" "$(look mount_orders $M/a)" \
		"mount_orders by number"
}

test_what_has_no_folios() {
	new_mount
	mkfifo $M/fifo
	ln -s a $M/link
	for path in $M $M/fifo /proc/self/status /dev/null $D/file; do
		expect "$(look file "$path" | wc -l)" 2 "lines of $path"
		expect "$(look file_orders "$path" | tail -n 1 | cut -f3,4)" "$(printf '0\t0')" "total of $path"
	done
	expect "$(look file $M/link)" "$(look file $M/a)" "a link and what it leads to"
}

# same START DD-OPERAND: what dd reads from byte START on is what one read gives. A folio
# may change between the two, as when it leaves the list of a CPU: one try of five.
same() {
	for _ in 1 2 3 4 5; do
		look file $M/a | tail -c +$(($1 + 1)) >/tmp/whole
		echo $M/a >&4
		# shellcheck disable=SC2086 # two operands
		dd $2 <&4 2>/dev/null | cmp - /tmp/whole && return
	done
	fail "dd $2 differs"
}

test_small_reads_and_seeks() {
	new_mount
	exec 4<>$D/file
	for size in 1 7 4095 1000000; do
		same 0 "bs=$size"
	done
	for start in 1 100 4096 5000; do
		same "$start" "bs=1 skip=$start"
	done
	for start in 1000000 9223372036854775807; do
		expect "$(dd bs=1 skip=$start <&4 2>/dev/null | wc -c)" 0 "bytes from $start"
	done
	exec 4<&-
}

test_umount() {
	new_mount
	exec 4<>$D/file
	echo $M/a >&4
	expect_error "busy" umount $M
	exec 4<&- 5<>$D/file
	number $M/a >&5
	umount $M
	expect "$(wc -l <&5)" 102 "lines of a file that no mount shows"
	exec 5<&-
}

run_tests
