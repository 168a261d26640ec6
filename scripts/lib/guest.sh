# SPDX-License-Identifier: GPL-2.0
# Sourced by the verbs that boot a guest of ours: initramfs, QEMU, what comes back.
# shellcheck shell=bash
. "$ROOT/scripts/lib/accel.sh"
. "$ROOT/scripts/lib/machine.sh"
. "$ROOT/scripts/lib/guest_tools.sh"
. "$ROOT/scripts/lib/run.sh"

# An interruption ends the guest as well: timeout(1) has it in a process group of its
# own, where Ctrl-C does not come.
guest=''
end_guest() {
	[[ -n $guest ]] || return 0
	kill "$guest" 2>/dev/null || true
	wait "$guest" 2>/dev/null || true
}
trap 'exit 5' INT TERM
trap end_guest EXIT

# make_initramfs FILE JOB [guest-path=host-file...] [archive.cpio...]: busybox, our
# init, the job; archives are put behind, as the kernel allows. Another architecture's
# busybox is in such an archive.
make_initramfs() {
	local file=$1 job=$2 top pair archive archives=()
	shift 2
	if [[ $ARCH == x86_64 ]]; then
		set -- bin/busybox=/bin/busybox "$@"
	else
		debian_archive busybox
		archives+=("$archive")
	fi
	top=$(mktemp -d)
	mkdir -p "$top/modules"
	install -m 755 "$ROOT/scripts/guest/init" "$top/init"
	cp "$ROOT/scripts/guest/console.inc" "$top/console.inc"
	cp "$ROOT/scripts/guest/$job.job" "$top/job"
	for pair in "$@"; do
		[[ $pair == *=* ]] || { archives+=("$pair"); continue; }
		mkdir -p "$top/$(dirname "${pair%%=*}")"
		cp "${pair#*=}" "$top/${pair%%=*}"
	done
	(cd "$top" && find . -print0 | sort -z | cpio --null -o -H newc --quiet) >"$file.new"
	((${#archives[@]} == 0)) || cat "${archives[@]}" >>"$file.new"
	mv "$file.new" "$file"
	rm -rf "$top"
}

# qemu_machine KERNEL: the machine that every guest gets, one word a line.
qemu_machine() {
	local accel smp=${SMP:-4}
	accel=$(choose_accel "$1") || exit
	[[ $accel != icount ]] || smp=${SMP:-1}
	accel_words "$accel"
	machine_words
	printf '%s\n' -smp "$smp" -m "${MEM:-1024}" -nodefaults -display none -no-reboot
}

# kernel_line: what every guest's kernel is told.
kernel_line() { echo "$(console_words) panic=-1 oops=panic ${APPEND:-}"; }

# boot_guest RUN KERNEL INITRAMFS [qemu argument...]: boots, waits, unpacks the
# results into RUN and says in RUN/guest.status how it ended. A guest that hangs
# before its first process, which TCG with several threads can bring about, is
# booted once more: it says nothing of what is tested, unless it comes twice.
boot_guest() {
	run_guest "$@"
	if grep -qx timeout "$1/guest.status" && ! has_init "$1"; then
		mv "$1/console.log" "$1/console.log.1"
		warn "the guest never reached its init; booting once more"
		run_guest "$@"
	fi
}

# has_init RUN: whether its guest got as far as its first process.
has_init() { grep -qa 'Run /init' "$1/console.log" 2>/dev/null; }

# await_init RUN: ends the guest that has none by then, long before its TIMEOUT.
# timeout(1) takes the signal for that of its own clock.
await_init() {
	SECONDS=0
	while kill -0 "$guest" 2>/dev/null && ! has_init "$1"; do
		((SECONDS < ${BOOT_TIMEOUT:-240})) || { kill -ALRM "$guest"; break; }
		sleep 1
	done
}

# to_terminal: make shell: the guest is the user's, and the verb ends with it.
to_terminal() {
	"${command[@]}" || true
	leave
}

# to_gdb KERNEL: make gdb: the guest waits for gdb before its first instruction, and
# does not outlive it.
to_gdb() {
	local socket=$run/gdb words
	"${command[@]}" -S -gdb "unix:$socket,server=on,wait=off" </dev/null >"$run/qemu.log" 2>&1 &
	guest=$!
	while [[ ! -S $socket ]] && kill -0 "$guest" 2>/dev/null; do sleep 0.1; done
	say CONSOLE gdb "$run/console.log"
	read -ra words <<<"${GDB:-gdb}"
	"${words[0]}" -ex "target remote $socket" "${words[@]:1}" "${1%/arch/*}/vmlinux" || true
	leave
}

# leave: ends the verb without a verdict.
leave() {
	trap end_guest EXIT
	exit 0
}

# is_full DIR: less than a MiB is left. QEMU stops a guest whose disk cannot be written, and
# says nothing: it would end as one that hangs.
is_full() { (($(df -Pk "$1" | awk 'NR == 2 { print $4 }') < 1024)); }

# clock FILE: the time, and what has ended so far has used of the host's processors.
clock() {
	{
		date +%s
		times
	} >"$1"
}

# add_cost RUN: a line of RUN/guest.cost for a boot, the seconds from RUN/clock until now
# and those of processors.
add_cost() {
	clock "$1/clock.end"
	awk 'function seconds(text,  part) { split(text, part, /[ms]/); return part[1] * 60 + part[2] }
		FNR == 1 { since = $1 - since }
		FNR == 3 { used = seconds($1) + seconds($2) - used }
		END { printf "%d %.1f\n", since, used }' "$1/clock" "$1/clock.end" >>"$1/guest.cost"
	rm "$1"/clock{,.end}
}

run_guest() {
	local run=$1 kernel=$2 initramfs=$3 words machine command status=0
	local console="file,id=console,path=$run/console.log" limit=(timeout -k 5 "${TIMEOUT:-300}")
	shift 3
	echo error >"$run/guest.status"
	words=$(qemu_machine "$kernel")
	mapfile -t machine <<<"$words"
	: >"$run/results.raw"
	case ${GUEST:-} in
	shell) console=stdio,id=console,mux=on,signal=off limit=() APPEND+=' foliolab.shell' ;;
	gdb) limit=() ;;
	esac
	# shellcheck disable=SC2054 # commas are QEMU's
	command=("${limit[@]}" "$(qemu_name)" "${machine[@]}"
		-kernel "$kernel" -initrd "$initramfs"
		-append "$(kernel_line)"
		-chardev "$console" -serial chardev:console
		-device virtio-serial-pci -chardev "file,id=results,path=$run/results.raw"
		-device virtserialport,chardev=results,name=foliolab.results "$@")
	show "${command[@]}"
	case ${GUEST:-} in
	shell) command+=(-mon chardev=console); to_terminal ;;
	gdb) to_gdb "$kernel" ;;
	esac
	clock "$run/clock"
	"${command[@]}" </dev/null >"$run/qemu.log" 2>&1 &
	guest=$!
	await_init "$run" </dev/null >/dev/null 2>&1 9>&- &
	wait "$guest" || status=$?
	guest=''
	add_cost "$run"
	case $status in
	0) echo "done" ;;
	124 | 137) echo timeout ;;
	*) echo "qemu-exit $status" ;;
	esac >"$run/guest.status"
	if ! python3 "$ROOT/scripts/lib/receive.py" "$run/results.raw" "$run"; then
		[[ $status != 0 ]] || echo "incomplete" >"$run/guest.status"
	fi
	grep -qx "done" "$run/guest.status" || ! is_full "$run" || echo host-full >"$run/guest.status"
}
