# SPDX-License-Identifier: GPL-2.0
# Sourced by rows.sh: a guest that resets itself in the middle of its part, and is
# booted once more with the disks that it had. A part that does so says "# reset: yes",
# and has a second disk "notes", for what it wants to know afterwards.
# shellcheck shell=bash

# resets SUITE: whether it is such a part.
resets() { grep -qs '^# reset: yes$' "$ROOT/scripts/guest/rows/$1.sh"; }

# boot_part SUITE RUN KERNEL INITRAMFS [qemu argument...]: boot_guest(), twice if need be.
# Both boots share a console.log, and the second goes on with the report of the first: a
# guest that went away without a word, or resets itself again, is incomplete as ever.
boot_part() {
	local suite=$1 run=$2
	shift
	boot_guest "$@"
	resets "$suite" && has_reset "$run" || return 0
	mv "$run/console.log" "$run/console.first"
	add_report "$run" "$3"
	boot_guest "$@"
	cat "$run/console.first" "$run/console.log" >"$run/console.both"
	mv "$run/console.both" "$run/console.log"
	rm "$run/console.first"
}

# has_reset RUN: whether its guest said that it would, and was gone then.
has_reset() {
	grep -qx incomplete "$1/guest.status" && [[ -s $1/begun && $(tail -n 1 "$1/results.raw") == @reset ]]
}

# add_report RUN INITRAMFS: what the guest has sent is /begun when it boots again.
add_report() {
	(cd "$1" && echo begun | cpio -o -H newc --quiet) >>"$2"
}
