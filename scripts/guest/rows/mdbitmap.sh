#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# on: disk
# kernel: BLK_DEV_LOOP,BLK_DEV_MD,MD_RAID1,MD_BITMAP_FILE
# needs: mdadm
# A mirror whose write-intent bitmap is a file of the row's filesystem. md asks where its
# blocks are and writes these by itself. What was written while a half was away, and little
# else, is written to it when it comes back, also by an array that was assembled anew.
# shellcheck source=row.inc
. /parts/row.inc
MD=/dev/md0
SYS=/sys/block/md0
HALVES=/tmp/halves
BITMAP=$TOP/bitmap
MODEL=/tmp/halves/model
# In KiB. A chunk of 4 KiB has a bit: two pages of them, behind the 256 bytes of the head.
SIZE=147456
CHUNK=4
# No udev makes the nodes.
export MDADM_NO_UDEV=1

# make_halves: two sparse files in memory as disks.
make_halves() {
	mkdir -p $HALVES
	mount -t tmpfs -o size=512m none $HALVES
	for half in 0 1; do
		truncate -s $((SIZE + 8192))K $HALVES/$half
		losetup /dev/loop$half $HALVES/$half
	done
	truncate -s ${SIZE}K $MODEL
}

# put AT LENGTH: other bytes there, in KiB, on the array and in the model.
put() {
	dd if=/dev/urandom of=/tmp/piece bs=1k count="$2" 2>/dev/null
	dd if=/tmp/piece of=$MD bs=1k seek="$1" oflag=direct conv=notrunc 2>/tmp/dd.log ||
		fail "write at $1 KiB: $(cat /tmp/dd.log)"
	dd if=/tmp/piece of=$MODEL bs=1k seek="$1" conv=notrunc 2>/dev/null
}

# same_data DISK [FIRST]: what the array, or a half from there on, in KiB, holds.
same_data() {
	echo 3 >/proc/sys/vm/drop_caches
	found=$(dd if="$1" bs=64k skip=$((${2:-0} / 64)) count=$((SIZE / 64)) 2>/dev/null | md5sum)
	expect "$found" "$(md5sum <$MODEL)" "what is on $1"
}

# idle: waits until both halves are there and nothing is synchronized any more.
idle() {
	for _ in $(seq 600); do
		if [ "$(cat $SYS/md/sync_action)" = idle ] && [ "$(cat $SYS/md/degraded)" = 0 ]; then
			return 0
		fi
		usleep 200000
	done
	fail "not synchronized after two minutes: $(cat /proc/mdstat)"
}

# bits: how many the file has on the disk, past its head.
bits() {
	dd if=$BITMAP bs=4k iflag=direct 2>/dev/null | od -v -An -to1 -j256 -N$((SIZE / CHUNK / 8)) -w1 |
		awk 'BEGIN { split("0 1 1 2 1 2 2 3", n, " ") }
			{ for (at = 1; at <= 4; at++) found += n[substr($1, at, 1) + 1] } END { print found + 0 }'
}

# cleared: waits until the daemon, which looks each second, has cleared them all.
cleared() {
	for _ in $(seq 60); do
		[ "$(bits)" != 0 ] || return 0
		sleep 1
	done
	fail "$(bits) bits are still set"
}

# assemble [DISK...]: with what is there, be it a half.
assemble() { mdadm --assemble $MD --run --bitmap=$BITMAP "$@"; }

written() { awk '{ print int($7 / 2) }' /sys/block/loop1/stat; }

test_make() {
	case $TYPE in
	ext2 | ext4 | xfs | jfs) ;;
	*) skip "$FS does not keep the blocks of a file where they are, or was not tried" ;;
	esac
	make_fs
	block=$(stat -f -c %S $TOP)
	[ "$block" -le "$(getconf PAGESIZE 2>/dev/null || echo 4096)" ] ||
		skip "md wants blocks no larger than a page, these are of $block bytes"
	make_halves
	mdadm --create $MD --run --assume-clean --metadata=1.2 --level=1 --raid-devices=2 --size=$SIZE \
		--bitmap=$BITMAP --bitmap-chunk=${CHUNK}K --delay=1 /dev/loop0 /dev/loop1
	cat /proc/mdstat
	grep -q "file: $BITMAP" /proc/mdstat || fail "no bitmap in a file"
	idle
	cleared
	expect "$(cat $SYS/size)" $((SIZE * 2)) "sectors of the array"
}

# A bit for each chunk, on the disk before the data are, and in both pages of the file.
DIRTY="0 4
1000 64
70000 8
140000 128
147452 4"

test_dirty_bits() {
	put 20000 4096
	idle
	cleared
	mdadm $MD --fail /dev/loop1
	sleep 1
	mdadm $MD --remove /dev/loop1
	expect "$(cat $SYS/md/degraded)" 1 "halves that are away"
	echo "$DIRTY" | while read -r at length; do put "$at" "$length"; done
	expect "$(bits)" 52 "bits of what was written meanwhile"
	same_data $MD
}

# They are all that says so after the array and the filesystem were stopped.
test_bits_stay() {
	mdadm --stop $MD
	expect "$(bits)" 52 "bits after the array has stopped"
	unmount_fs
	check_disk
	mount_fs
	expect "$(bits)" 52 "bits after a remount"
	assemble /dev/loop0
	expect "$(cat $SYS/md/degraded)" 1 "halves that are away"
	put 100000 16
	expect "$(bits)" 56 "bits with one write more"
	same_data $MD
}

# 224 KiB are due; MiB that were not written stay away.
test_only_dirty() {
	before=$(written)
	mdadm $MD --re-add /dev/loop1
	idle
	kib=$(($(written) - before))
	echo "written to the half that came back: $kib KiB"
	if [ "$kib" -lt 224 ] || [ "$kib" -ge 2048 ]; then
		fail "$kib KiB were written where 224 were due"
	fi
	cleared
	offset=$(($(cat $SYS/md/dev-loop1/offset) / 2))
	same_data $MD
	mdadm --stop $MD
	same_data /dev/loop0 "$offset"
	same_data /dev/loop1 "$offset"
}

# What md cannot use it refuses, and the array is as it was.
test_refused() {
	assemble /dev/loop0 /dev/loop1
	idle
	mdadm --stop $MD
	cp $BITMAP /tmp/bitmap.kept
	for wrong in short hole uuid; do
		rm $BITMAP
		case $wrong in
		short) dd if=/tmp/bitmap.kept of=$BITMAP bs=1k count=2 ;;
		hole) dd if=/tmp/bitmap.kept of=$BITMAP bs=1k count=1 && truncate -s 8K $BITMAP ;;
		uuid) cp /tmp/bitmap.kept $BITMAP && printf another | dd of=$BITMAP bs=1 seek=8 conv=notrunc ;;
		esac 2>/dev/null
		sync
		if assemble /dev/loop0 /dev/loop1; then fail "a bitmap is taken that is wrong: $wrong"; fi
		mdadm --stop $MD || :
	done
	cp /tmp/bitmap.kept $BITMAP
	sync
	assemble /dev/loop0 /dev/loop1
	idle
	same_data $MD
}

test_check() {
	mdadm --stop $MD
	rm $BITMAP
	check_fs
}

test_taint() { expect_untainted; }

run_tests
