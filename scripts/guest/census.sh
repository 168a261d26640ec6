#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# files: scripts/guest/census.inc
# The memdesc census against what the memory manager counts itself, and its cost
# against the census. Documentation/census.rst explains the bounds.
# shellcheck source=ktap.inc
. /parts/ktap.inc
# shellcheck source=census.inc
. /scripts/guest/census.inc

test_format() {
	expect "$(sed -n 1p "$DIR"/census)" "# foliolab census 1" "the first line"
	expect "$(sed -n 2p "$DIR"/census | tr '\t' ' ')" "node type subtype order heads pages bytes" "columns"
	expect "$(sed -n 1p "$DIR"/census_cost)" "# foliolab census_cost 1" "the first line"
	expect "$(sed -n 2p "$DIR"/census_cost | tr '\t' ' ')" "key value" "columns"
	bad=$(awk -F '\t' '
		function size(order) { return order ? 2 * size(order - 1) : 1 }
		NR > 2 && (NF != 7 || $7 != $6 * 4096 || $5 * size($4) > $6)' "$DIR"/census)
	expect "$bad" "" "rows whose columns contradict each other"
	bad=$(awk -F '\t' 'NR > 2 && (NF != 2 || $2 !~ /^-?[0-9]+$/)' "$DIR"/census_cost)
	expect "$bad" "" "rows without a number"
}

test_only_to_read() {
	for file in census census_cost; do
		expect "$(stat -c %a "$DIR"/$file)" 400 "mode of $file"
		expect_error "Invalid argument" dd if=/dev/zero of="$DIR"/$file conv=notrunc count=1
	done
}

test_total_is_every_page() {
	take now
	cat "$DIR"/census_cost >/tmp/cost
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
	expect_near "$(total now pages buddy)" "$(counter now nr_free_pages)" "$SLACK" "free pages"
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
	expect_near "$(total now pages ptdesc)" "$(counter now nr_page_table_pages)" "$SLACK" "page tables"
}

test_page_cache() {
	take now
	cache=$(($(total now pages file) - $(total now pages file orphan) - $(total now pages file hugetlb)))
	expect_near "$cache" "$(counter now nr_file_pages)" 8 "pages of files"
}

test_anonymous_memory() {
	take now
	expect_near "$(total now pages anon)" "$(counter now nr_anon_pages)" "$SLACK" "anonymous pages"
}

# All that no page tells of is at least what other counters account for.
test_unknown_holds_the_rest() {
	take now
	cat "$DIR"/census_cost >/tmp/cost
	kb=$(awk '$1 == "VmallocUsed:" || $1 == "Percpu:" { sum += $2 } END { print sum }' /proc/meminfo)
	rest=$(($(total now pages misc unknown) + $(total now pages misc frozen) + $(total now pages misc reserved)))
	expect_least $((rest + SLACK)) $((kb / 4)) "pages unknown, frozen or reserved"
	expect_least $((SLACK + $(total now pages misc frozen))) "$(cost pcp_pages)" "frozen pages, per-CPU lists among them"
	expect "$(total now pages misc zero)" 1 "zero pages"
	expect "$(total now pages invalid)" 0 "invalid pages"
}

# The sums of the cost, once more from the rows of a census.
test_cost_follows_from_the_census() {
	[ ! -e /proc/sys/vm/nr_hugepages ] || echo 4 >/proc/sys/vm/nr_hugepages
	take now
	cat "$DIR"/census_cost >/tmp/cost
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
	expect_near "$(cost small_folios)" "$small" "$SLACK" small_folios
	expect "$(cost large_folios)" "$large" large_folios
	expect_near "$(cost slabs)" "$slabs" 8 slabs
	expect_near "$(cost other_heads)" "$other" "$SLACK" other_heads
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
	cat "$DIR"/census_cost >/tmp/cost
	want=$((($(cost memdesc_32_break_even_permille) - $(cost order0_folio_permille)) * $(cost online_pages) / 1000))
	[ $want -le $(($(awk '$1 == "nr_free_pages" { print $2 }' /proc/vmstat) * 9 / 10)) ] || skip "too little free memory"
	dd if=/dev/zero of=/tmp/fill/file bs=4k count=$want 2>/dev/null
	cat "$DIR"/census_cost >/tmp/cost
	umount /tmp/fill
	now=$(cost now_bytes)
	expect_near "$(cost memdesc_32_delta)" 0 $((now / 100)) "bytes won or lost of $now"
}

run_tests
