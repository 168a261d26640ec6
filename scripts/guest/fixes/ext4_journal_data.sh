#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# disk: blank 64M
# tools: e2fsprogs mapload
# kernel: EXT4_FS
# patch: 10-fixes ext4: zero the tail of a truncated file as part of a transaction
#
# With data=journal a file is written by mapping and others are cut inside of a page, while
# transactions are committed one after the other. A copy of the disk is what a crash leaves:
# its journal must be one that can be recovered.
rounds=8

# cut FILE: written and cut again and again, at the end of a page and inside.
cut() {
	while :; do
		yes "what is cut" | head -c 4096 >>"$1"
		truncate -s 100 "$1"
	done
}

bad=0
for round in $(seq $rounds); do
	mkfs.ext4 -q -F -b 4096 -J size=16 "$1" && mount -t ext4 -o data=journal "$1" /mnt || exit 1
	loads=
	mapload --truncate --rounds 1000 --length 1M --writers 3 --seed "$round" /mnt/file >/dev/null &
	loads="$loads $!"
	for file in a b; do
		cut /mnt/$file &
		loads="$loads $!"
	done
	(while :; do sync; done) &
	loads="$loads $!"
	sleep 5
	# shellcheck disable=SC2086 # several
	kill -9 $loads
	sleep 1
	# What is on the disk, not what is cached of it.
	dd if="$1" of=/tmp/copy bs=1M iflag=direct 2>/dev/null || exit 1
	umount /mnt || exit 1
	cat /tmp/copy >"$1"
	rm /tmp/copy
	if mount -t ext4 "$1" /mnt; then umount /mnt; else bad=$((bad + 1)); fi
done
echo "of $rounds copies $bad could not be mounted"
dmesg | grep 'JBD2: Invalid checksum' | tail -n 2
[ $bad = 0 ]
