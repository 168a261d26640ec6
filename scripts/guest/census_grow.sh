#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# files: scripts/guest/census.inc
# The memdesc census against memory that the cases themselves allocate, and walks while
# memory comes and goes.
# shellcheck source=ktap.inc
. /parts/ktap.inc
# shellcheck source=census.inc
. /scripts/guest/census.inc

# fill MOUNT-OPTION ORDER MIB: a file on tmpfs of folios of that order, and no other.
fill() {
	mkdir -p /tmp/fill
	mount -t tmpfs -o "$1" none /tmp/fill || skip "tmpfs without huge="
	take before
	dd if=/dev/zero of=/tmp/fill/file bs=2M count=$(($3 / 2)) 2>/dev/null
	take after
	rm /tmp/fill/file
	take gone
	umount /tmp/fill
	heads=$(($3 * 256 >> $2))
	expect_near "$(grown heads file shmem "$2" "$2")" $heads 8 "heads of order $2"
	expect_near "$(grown pages file shmem)" $(($3 * 256)) 8 "pages"
	free=$(($(grown pages buddy) + $(grown pages misc frozen))) # per-CPU lists are frozen
	expect_near $((-free)) $(($3 * 256)) 512 "pages no longer free"
	expect_near "$(total gone pages file shmem)" "$(total before pages file shmem)" 8 "pages after rm"
}

test_small_folios_of_tmpfs() { fill huge=never 0 32; }
test_large_folios_of_tmpfs() { fill huge=always 9 64; }

# dd has filled its buffer when it hangs on the fifo.
test_anonymous_memory_grows() {
	mkfifo /tmp/fifo
	take before
	dd if=/dev/zero of=/tmp/fifo bs=32M count=1 2>/dev/null &
	sleep 1
	exec 4<>/tmp/fifo
	sleep 1
	take after
	kill $!
	exec 4>&-
	rm /tmp/fifo
	expect_near "$(grown pages anon)" 8192 "$SLACK" "anonymous pages"
}

test_slabs_grow() {
	mkdir -p /tmp/many
	take before
	i=0
	while [ $i -lt 3000 ]; do
		: >/tmp/many/$i
		i=$((i + 1))
	done
	take after
	rm -r /tmp/many
	slabs=$(($(counter after nr_slab_reclaimable) + $(counter after nr_slab_unreclaimable)))
	slabs=$((slabs - $(counter before nr_slab_reclaimable) - $(counter before nr_slab_unreclaimable)))
	expect_least "$(grown pages slab)" 400 "pages of slabs for 3000 inodes of half a KiB and more"
	expect_near $(($(grown pages slab) + $(grown pages misc large_kmalloc))) $slabs "$SLACK" "pages of slabs"
}

test_page_tables_grow() {
	take before
	pids=
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		sleep 100 &
		pids="$pids $!"
	done
	sleep 1
	take after
	# shellcheck disable=SC2086 # one a word
	kill $pids
	tables=$(($(counter after nr_page_table_pages) - $(counter before nr_page_table_pages)))
	expect_least "$(grown pages ptdesc)" 80 "tables of 20 processes, one at each of 4 levels and more"
	expect_near "$(grown pages ptdesc)" $tables "$SLACK" "page tables"
}

test_hugetlb() {
	[ -e /proc/sys/vm/nr_hugepages ] || skip "no CONFIG_HUGETLB_PAGE"
	take before
	echo 4 >/proc/sys/vm/nr_hugepages
	take after
	echo 0 >/proc/sys/vm/nr_hugepages
	expect "$(grown heads file hugetlb 9 9)" 4 "huge pages"
	expect "$(grown pages file hugetlb)" 2048 "their pages"
}

# Walks, killed and whole, while memory of all kinds comes and goes.
test_walks_under_load() { # slow
	mkdir -p /tmp/load
	mount -t tmpfs -o huge=always none /tmp/load
	wanted=$(pages_with_struct)
	: >/tmp/load.on
	trap "rm -f /tmp/load.on" EXIT
	while [ -e /tmp/load.on ]; do
		dd if=/dev/zero of=/tmp/load/a bs=2M count=16 2>/dev/null
		truncate -s 3M /tmp/load/a
		truncate -s 4096 /tmp/load/a
		dd if=/dev/zero of=/dev/null bs=16M count=1 2>/dev/null
	done &
	while [ -e /tmp/load.on ]; do timeout -s KILL 0.01 cat "$DIR"/census "$DIR"/census_cost >/dev/null; done &
	while [ -e /tmp/load.on ]; do cat "$DIR"/census >/dev/null; done &
	rounds=0
	while [ $rounds -lt 100 ]; do
		cat "$DIR"/census >/tmp/now
		got=$(total now pages '*')
		[ "$got" = "$wanted" ] || echo "walk $rounds: $got" >>/tmp/load.wrong
		rounds=$((rounds + 1))
	done
	rm /tmp/load.on
	wait
	umount /tmp/load
	expect "$(cat /tmp/load.wrong 2>/dev/null)" "" "walks that did not find $wanted pages"
}

# movable_block PAGES: the number of a block of memory that can go offline without the
# kernel's complaining: in ZONE_MOVABLE, and without bit 32 in kpageflags, reserved.
movable_block() {
	grep -lx Movable /sys/devices/system/memory/memory*/valid_zones | while read -r zone; do
		number=${zone%/valid_zones}
		number=${number##*/memory}
		dd if=/proc/kpageflags bs=$(($1 * 8)) skip="$number" count=1 2>/dev/null |
			od -An -v -w8 -t x8 | grep -q '^ *[0-9a-f]\{7\}[13579bdf]' || echo "$number"
	done | tail -n 1
}

test_memory_goes_offline() {
	[ -e /sys/devices/system/memory/block_size_bytes ] || skip "no CONFIG_MEMORY_HOTPLUG"
	size=$((0x$(cat /sys/devices/system/memory/block_size_bytes) / 4096))
	block=$(movable_block $size)
	[ "$block" ] || skip "no memory that can surely go offline: boot with movablecore=512M"
	block=/sys/devices/system/memory/memory$block
	: >/tmp/hotplug.on
	trap "rm -f /tmp/hotplug.on" EXIT
	while [ -e /tmp/hotplug.on ]; do cat "$DIR"/census >/dev/null; done &
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		take before
		echo offline >"$block/state"
		take after
		echo online_movable >"$block/state"
		expect $((-$(grown pages '*'))) $size "pages that went offline"
	done
	rm /tmp/hotplug.on
	wait
}

test_broken_page() {
	offline=/sys/devices/system/memory/soft_offline_page
	[ -e $offline ] || skip "no CONFIG_MEMORY_FAILURE"
	take before
	# The last page of the first 64 MiB is likely to be free, or can be migrated.
	echo 0x3fff000 >$offline || skip "that page is in use"
	take after
	expect "$(grown pages hwpoison)" 1 "broken pages"
}

run_tests
