#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# The memdesc census against what the memory manager counts itself, and against
# memory that the cases allocate. Documentation/census.rst explains the bounds.
# shellcheck source=ktap.inc
. /parts/ktap.inc
DIR=/sys/kernel/debug/foliolab
# What may come and go between the walk and the counters: processes that end take four
# times 17 tables and as many anonymous pages. Files and slabs keep still: no more than 8.
SLACK=68

# take NAME: a census in /tmp/NAME, and the counters of the same moment: first the
# share of them that each CPU keeps to itself is added up. No process comes or goes
# in between, and what the census itself takes is there until the end.
take() {
	read -r _ </proc/sys/vm/stat_refresh || :
	exec 5<$DIR/census
	while read -r line; do echo "$line"; done </proc/vmstat >"/tmp/$1.vmstat"
	cat <&5 >"/tmp/$1"
	exec 5<&-
}

# total NAME FIELD TYPE [SUBTYPE [MINIMAL ORDER [MAXIMAL]]]: of a census, * is any.
total() {
	awk -v field="$2" -v type="$3" -v sub_="${4:-*}" -v min="${5:-0}" -v max="${6:-99}" '
		NR == 2 { for (i = 1; i <= NF; i++) column[$i] = i; next }
		NR > 2 && (type == "*" || $column["type"] == type) &&
		(sub_ == "*" || $column["subtype"] == sub_) &&
		$column["order"] >= min && $column["order"] <= max { sum += $column[field] }
		END { print sum + 0 }' "/tmp/$1"
}

# grown FIELD TYPE...: how much more the census "after" has than "before".
grown() { echo $(($(total after "$@") - $(total before "$@"))); }

# counter NAME KEY: from the vmstat of a census.
counter() { awk -v key="$2" '$1 == key { print $2 }' "/tmp/$1.vmstat"; }

cost() { awk -v key="$1" '$1 == key { print $2 }' /tmp/cost; }

# expect_near GOT WANTED SLACK WHAT
expect_near() {
	apart=$(($1 - $2))
	[ "${apart#-}" -le "$3" ] || fail "$4: $1 instead of $2, give or take $3"
}

expect_least() { [ "$1" -ge "$2" ] || fail "$3: $1 instead of $2 or more"; }

# The pages that have a struct page: those present, and holes that the boot reported.
pages_with_struct() {
	present=$(awk '$1 == "present" { sum += $2 } END { print sum }' /proc/zoneinfo)
	holes=$(dmesg | awk '/pages in unavailable ranges/ {
		sub(/ pages in unavailable ranges/, ""); sum += $NF } END { print sum + 0 }')
	echo $((present + holes))
}

test_format() {
	expect "$(sed -n 1p $DIR/census)" "# foliolab census 1" "the first line"
	expect "$(sed -n 2p $DIR/census | tr '\t' ' ')" "node type subtype order heads pages bytes" "columns"
	expect "$(sed -n 1p $DIR/census_cost)" "# foliolab census_cost 1" "the first line"
	expect "$(sed -n 2p $DIR/census_cost | tr '\t' ' ')" "key value" "columns"
	bad=$(awk -F '\t' '
		function size(order) { return order ? 2 * size(order - 1) : 1 }
		NR > 2 && (NF != 7 || $7 != $6 * 4096 || $5 * size($4) > $6)' $DIR/census)
	expect "$bad" "" "rows whose columns contradict each other"
	bad=$(awk -F '\t' 'NR > 2 && (NF != 2 || $2 !~ /^-?[0-9]+$/)' $DIR/census_cost)
	expect "$bad" "" "rows without a number"
}

test_only_to_read() {
	for file in census census_cost; do
		expect "$(stat -c %a $DIR/$file)" 400 "mode of $file"
		expect_error "Invalid argument" dd if=/dev/zero of=$DIR/$file conv=notrunc count=1
	done
}

test_total_is_every_page() {
	take now
	cat $DIR/census_cost >/tmp/cost
	expect "$(total now pages '*')" "$(pages_with_struct)" "pages"
	expect "$(cost online_pages)" "$(pages_with_struct)" "online_pages"
	expect "$(cost present_pages)" \
		"$(awk '$1 == "present" { sum += $2 } END { print sum }' /proc/zoneinfo)" "present_pages"
}

test_free_memory() {
	take now
	# One column an order, from the fifth on.
	blocks=$(awk '{ sum += $NF } END { print sum }' /proc/buddyinfo)
	largest=$(awk '{ print NF - 5; exit }' /proc/buddyinfo)
	expect_near "$(total now pages buddy)" "$(counter now nr_free_pages)" $SLACK "free pages"
	expect_near "$(total now heads buddy - "$largest" "$largest")" "$blocks" 4 "blocks of order $largest"
	expect "$(total now heads buddy - $((largest + 1)))" 0 "blocks of more than order $largest"
}

test_slabs() {
	take now
	slabs=$(($(counter now nr_slab_reclaimable) + $(counter now nr_slab_unreclaimable)))
	large=$(total now pages misc large_kmalloc)
	if [ "$large" = 0 ]; then # before 6.15 nothing marks them
		large=$((slabs - $(total now pages slab)))
		expect_least "$(total now pages misc unknown)" "$large" "unknown pages, large kmalloc() among them"
	fi
	expect_near "$(total now pages slab)" $((slabs - large)) 8 "pages of slabs"
}

test_page_tables() {
	take now
	expect_near "$(total now pages ptdesc)" "$(counter now nr_page_table_pages)" $SLACK "page tables"
}

test_page_cache() {
	take now
	cache=$(($(total now pages file) - $(total now pages file orphan) - $(total now pages file hugetlb)))
	expect_near "$cache" "$(counter now nr_file_pages)" 8 "pages of files"
}

test_anonymous_memory() {
	take now
	expect_near "$(total now pages anon)" "$(counter now nr_anon_pages)" $SLACK "anonymous pages"
}

# All that no page tells of is at least what other counters account for.
test_unknown_holds_the_rest() {
	take now
	cat $DIR/census_cost >/tmp/cost
	kb=$(awk '$1 == "VmallocUsed:" || $1 == "Percpu:" { sum += $2 } END { print sum }' /proc/meminfo)
	rest=$(($(total now pages misc unknown) + $(total now pages misc frozen) + $(total now pages misc reserved)))
	expect_least $((rest + SLACK)) $((kb / 4)) "pages unknown, frozen or reserved"
	expect_least $((SLACK + $(total now pages misc frozen))) "$(cost pcp_pages)" "frozen pages, per-CPU lists among them"
	expect "$(total now pages misc zero)" 1 "zero pages"
	expect "$(total now pages invalid)" 0 "invalid pages"
}

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
	expect_near "$(grown pages anon)" 8192 $SLACK "anonymous pages"
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
	expect_near $(($(grown pages slab) + $(grown pages misc large_kmalloc))) $slabs $SLACK "pages of slabs"
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
	expect_near "$(grown pages ptdesc)" $tables $SLACK "page tables"
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

# The sums of the cost, once more from the rows of a census.
test_cost_follows_from_the_census() {
	[ ! -e /proc/sys/vm/nr_hugepages ] || echo 4 >/proc/sys/vm/nr_hugepages
	take now
	cat $DIR/census_cost >/tmp/cost
	[ ! -e /proc/sys/vm/nr_hugepages ] || echo 0 >/proc/sys/vm/nr_hugepages
	awk -F '\t' '
		function ceil(n, per) { return int((n + per - 1) / per) }
		NR <= 2 { next }
		{ pages += $6 }
		$2 == "file" || $2 == "anon" || $2 == "ksm" { if ($4) large += $5; else small += $5 }
		$2 == "slab" { slabs += $5 }
		$2 == "ptdesc" || $2 == "netpool" || $2 == "zsmalloc" { other += $5 }
		END {
			desc = ceil(small, 51) + ceil(large, 32) + ceil(other, 64)
			desc += ceil(slabs + desc, 63)
			print small, large, slabs, other, desc * 4096, pages * 32 + desc * 4096 - pages * 64
		}' /tmp/now >/tmp/sums
	read -r small large slabs other desc delta </tmp/sums
	expect_near "$(cost small_folios)" "$small" $SLACK small_folios
	expect "$(cost large_folios)" "$large" large_folios
	expect_near "$(cost slabs)" "$slabs" 8 slabs
	expect_near "$(cost other_heads)" "$other" $SLACK other_heads
	expect_near "$(cost descriptor_bytes)" "$desc" 16384 descriptor_bytes
	expect_near "$(cost memdesc_32_delta)" "$delta" 16384 memdesc_32_delta
	for bytes in 64 32 8; do
		expect $(($(cost now_bytes) + $(cost memdesc_${bytes}_delta))) "$(cost memdesc_${bytes}_bytes)" "sum at $bytes"
	done
	expect "$(cost memdesc_64_delta)" "$(cost descriptor_bytes)" "cost at 64"
	expect "$(cost memdesc_64_break_even_permille)" 0 "break-even at 64"
}

# Where small folios take just the share that was named, nothing is won or lost.
test_break_even() {
	mkdir -p /tmp/fill
	mount -t tmpfs -o huge=never,size=95% none /tmp/fill
	cat $DIR/census_cost >/tmp/cost
	want=$((($(cost memdesc_32_break_even_permille) - $(cost order0_folio_permille)) * $(cost online_pages) / 1000))
	[ $want -le $(($(awk '$1 == "nr_free_pages" { print $2 }' /proc/vmstat) * 9 / 10)) ] || skip "too little free memory"
	dd if=/dev/zero of=/tmp/fill/file bs=4k count=$want 2>/dev/null
	cat $DIR/census_cost >/tmp/cost
	umount /tmp/fill
	now=$(cost now_bytes)
	expect_near "$(cost memdesc_32_delta)" 0 $((now / 100)) "bytes won or lost of $now"
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
	while [ -e /tmp/load.on ]; do timeout -s KILL 0.01 cat $DIR/census $DIR/census_cost >/dev/null; done &
	while [ -e /tmp/load.on ]; do cat $DIR/census >/dev/null; done &
	rounds=0
	while [ $rounds -lt 100 ]; do
		cat $DIR/census >/tmp/now
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
	for zone in $(grep -lx Movable /sys/devices/system/memory/memory*/valid_zones); do
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
	while [ -e /tmp/hotplug.on ]; do cat $DIR/census >/dev/null; done &
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
