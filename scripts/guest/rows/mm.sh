#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# on: -
# kernel: GUP_TEST,USERFAULTFD,TRANSPARENT_HUGEPAGE
# needs: bash xfsprogs
# selftests: mm
# memory: 2048
# time: 3600
# Upstream's selftests/mm, by their own run_vmtests.sh: a category is a case.
# shellcheck source=row.inc
. /parts/row.inc
LOGS=/tmp/logs
# Documentation/upstream.rst says why.
LEFT_OUT='hmm hugevm ksm_numa migration page_frag pkey vmalloc'

# What these tests take for granted on a machine.
prepare() {
	mkdir -p $LOGS /etc /dev/shm /dev/pts
	mount -t tmpfs none /dev/shm
	mount -t devpts none /dev/pts
	printf '%s\n' 'root:x:0:0:root:/:/bin/sh' 'nobody:x:65534:65534:nobody:/:/bin/sh' >/etc/passwd
	printf '%s\n' 'root:x:0:' 'nogroup:x:65534:' >/etc/group
	# run_vmtests.sh asks for one test to be run as nobody, who must be let into /, too.
	chmod 755 /
	# shellcheck disable=SC2016 # for the program itself
	printf '%s\n' '#!/bin/sh' '[ "$1" = -u ] || exit 2' 'user=$2' 'shift 2' 'exec su -s /bin/sh -c "$*" "$user"' >/bin/sudo
	chmod +x /bin/sudo
	# mremap_test maps 2 GiB and touches little of it.
	echo 1 >/proc/sys/vm/overcommit_memory
} 2>/dev/null

# run_once NAME SECONDS LOG: whether it ended in time.
run_once() {
	echo 0 >/proc/sys/vm/nr_hugepages
	echo 3 >/proc/sys/vm/drop_caches
	rm -f /tmp/killed
	setsid bash ./run_vmtests.sh -t "$1" >"$3" 2>&1 </dev/null &
	pid=$!
	(sleep "$2" && : >/tmp/killed && kill -KILL -- "-$pid") &
	watch=$!
	wait $pid || :
	kill $watch 2>/dev/null
	[ ! -e /tmp/killed ]
}

# run_category NAME SECONDS: what failed without being killed runs once more, for some of
# these tests are known to fail now and then on a slow machine.
run_category() {
	cd /selftests/mm || skip "no selftests/mm in the guest"
	set -- "$1" "$2" "$LOGS/$1.log" ''
	seconds=0
	if ! run_once "$1" "$2" "$3"; then
		seconds=$2
	elif grep -q '^not ok' "$3"; then
		set -- "$1" "$2" "$3" "$LOGS/$1-again.log"
		run_once "$1" "$2" "$4" || :
	fi
	awk -v killed="$seconds" -f /parts/tap.awk "$3" ${4:+"$4"} >$NESTED
	[ "$seconds" = 0 ] || fail "killed after $seconds s"
	# What its programs said is theirs; here is what to look at first.
	! grep -q '^not ok' $NESTED ||
		fail "$(sed -n 's/^# \(not ok.*\|Bail.*\)/\1/p; t; s/^not ok [0-9]* \(.*\)/\1 failed/p' $NESTED)"
	grep -q '^ok' $NESTED || fail "no result: $(tail -n 5 "$3")"
	! grep -q '^ok [^#]*$' $NESTED || return 0
	reasons=$(sed -n 's/^ok [0-9]* \(.*\) # SKIP \(.*\)/\1: \2/p' $NESTED)
	rm $NESTED
	skip "$(echo "$reasons" | tr '\n' ' ')"
}

# A category that is new in this tree wants a case, or a reason.
test_all_categories_known() {
	bash /selftests/mm/run_vmtests.sh -h >/tmp/usage
	found=$(sed -n 's/^- \([a-z_-]*\)$/\1/p' /tmp/usage)
	expect "$(echo "$found" | grep -cx -e mmap -e thp -e cow)" 3 "categories that run_vmtests.sh -h was seen to have"
	for name in $found; do
		case " $LEFT_OUT $(sed -n 's/^test_.* run_category \([^ ]*\) .*/\1/p' "$SELF" | tr '\n' ' ')" in
		*" $name "*) ;;
		*) fail "run_vmtests.sh has the category $name, which this suite does not know" ;;
		esac
	done
}

test_mmap() { run_category mmap 120; }
test_gup_test() { run_category gup_test 300; }
test_userfaultfd() { run_category userfaultfd 600; }
test_compaction() { run_category compaction 120; }
test_mlock() { run_category mlock 120; }
test_mremap() { run_category mremap 300; }
test_madv_guard() { run_category madv_guard 120; }
test_madv_populate() { run_category madv_populate 120; }
test_memfd_secret() { run_category memfd_secret 60; }
test_process_mrelease() { run_category process_mrelease 60; }
test_ksm() { run_category ksm 300; }
test_soft_dirty() { run_category soft_dirty 120; }
test_pagemap() { run_category pagemap 300; }
test_pfnmap() { run_category pfnmap 60; }
test_process_madv() { run_category process_madv 60; }
test_cow() { run_category cow 600; }
test_thp() { run_category thp 900; }
test_hugetlb() { run_category hugetlb 600; }
test_mkdirty() { run_category mkdirty 60; }
test_mdwe() { run_category mdwe 60; }
test_vma_merge() { run_category vma_merge 120; }
test_rmap() { run_category rmap 120; }
test_memory_failure() { run_category memory-failure 120; }

test_taint() { expect_untainted; }

prepare
run_tests
