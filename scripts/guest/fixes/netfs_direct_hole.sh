#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# share: yes
# kernel: NET_9P_VIRTIO
# patch: 10-fixes 9p: clear what a direct read finds behind the server's end of file
#
# A file that is longer than the server knows, for its end is dirty in the page cache. A
# direct read of what lies between must give zeroes. When another client has made it shorter
# on the server, it must end there.
options=trans=virtio,version=9p2000.L,msize=262144
mkdir -p /tmp/other
mount -t 9p -o $options,cache=loose share /mnt || exit 1
wrong=0

# expect WANTED GOT WHAT
expect() {
	echo "$3: $2"
	[ "$1" = "$2" ] || wrong=1
}

# direct SKIP: of 64 KiB from there, how many bytes come and how many of them are not zero.
direct() {
	dd if=/mnt/file iflag=direct bs=64k skip="$1" count=1 2>/tmp/dd >/tmp/read ||
		sed -n 's/^dd: //p' /tmp/dd | tr '\n' ' '
	echo "$(wc -c </tmp/read) bytes, $(tr -d '\0' </tmp/read | wc -c) not zero"
}

# Held open and written to by this descriptor, for a close would write back. What dd writes
# begins a MiB behind the four bytes.
exec 4<>/mnt/file
printf head >&4
sync /mnt/file
printf tail | dd bs=1048576 seek=1 conv=notrunc >&4 2>/dev/null
expect "65536 bytes, 4 not zero" "$(direct 0)" "across the end of the server's file"
expect "65536 bytes, 0 not zero" "$(direct 4)" "behind it"
expect "8 bytes, 4 not zero" "$(direct 16)" "up to the end of the file"
expect "0 bytes, 0 not zero" "$(direct 20)" "behind the end"
mount -t 9p -o $options other /tmp/other || exit 1
truncate -s 2 /tmp/other/file
umount /tmp/other
expect "2 bytes, 2 not zero" "$(direct 0)" "cut to 2 bytes by another"
exec 4>&-
rm /mnt/file
umount /mnt || exit 1
exit $wrong
