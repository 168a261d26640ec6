# SPDX-License-Identifier: GPL-2.0
# Sourced by scripts/qemu and export-jobs: the guests of the rows. A row is a suite on a filesystem; on
# each kernel it has a guest and the directory of a run, $whole/rows/ROW/KERNEL.
# shellcheck shell=bash disable=SC2154 # whole, rows and out are the verb's, tools find_tools()'s
. "$ROOT/scripts/lib/kernel.sh"
. "$ROOT/scripts/lib/guest.sh"
. "$ROOT/scripts/lib/disks.sh"
. "$ROOT/scripts/lib/modules.sh"
. "$ROOT/scripts/lib/upstream.sh"
. "$ROOT/scripts/lib/reset.sh"
. "$ROOT/scripts/lib/pack.sh"

# matrix COMMAND...: what the table of the filesystems says.
matrix() { python3 "$ROOT/scripts/lib/matrix.py" "$@"; }

# has_result DIR: whether a row and kernel need not be run again.
has_result() {
	[[ -e $1/skipped ]] || grep -qs '^ "exit": [0-4],$' "$1/results.json"
}

# forget_failed: what is not as it should be is kept as KERNEL.before and due again.
forget_failed() {
	local row failed
	failed=$(python3 "$ROOT/scripts/lib/matrix_show.py" "$whole" --again)
	for row in $failed; do
		set_aside "$whole/rows/$row"
	done
}

set_aside() {
	[[ -e $1 ]] || return 0
	rm -rf "$1.before"
	mv "$1" "$1.before"
}

# use_kernel KERNEL: that whose modules are built and which boots.
use_kernel() {
	OUT=${out[$1]} MODULES=$BUILD/qemu/$1
}

# part_says WHAT: what the suite says of itself in its first comments.
part_says() { sed -n "s/^# $1: //p" "$ROOT/scripts/guest/rows/$suite.sh" 2>/dev/null || true; }

# build_row_modules: the suites, or foliolab.ko alone, where a row wants them, and
# upstream's tests.
build_row_modules() {
	local kernel what=''
	! grep -q '^mm ' <<<"$rows" || build_upstream
	[[ $rows != *foliolab.ko* ]] || what=module
	! grep -q '^kunit ' <<<"$rows" || what=suites
	[[ -n $what ]] || return 0
	need_suites
	for kernel in $KERNELS; do
		use_kernel "$kernel"
		build_modules "$what"
	done
}

# run_rows: each row on each kernel that has no result there yet, on both at once.
run_rows() {
	local list line name suite fs needs size kernel
	mapfile -t list <<<"$rows"
	for line in "${list[@]}"; do
		read -r name suite fs size needs <<<"$line"
		mkdir -p "$whole/rows/$name"
		write_repro "$whole/rows/$name" "$(SUITE=$suite FS=${fs#-} command_again qemu)"
		for kernel in $KERNELS; do
			has_result "$whole/rows/$name/$kernel" || run_row "$whole/rows/$name/$kernel"
		done
		await_rows
		say ROW "$name" "$(python3 "$ROOT/scripts/lib/matrix_show.py" "$whole" "$name")"
	done
}

# await_rows: ends with the first that could not be run at all.
await_rows() {
	local pid
	for pid in "${running[@]}"; do
		wait "$pid" || exit
	done
	running=()
}

# end_rows: the guests that run are ended with the verb.
running=()
end_rows() {
	((${#running[@]} == 0)) || kill "${running[@]}" 2>/dev/null || true
	wait
}

# run_row DIR: one guest, for what run_rows() has in $suite, $fs, $needs, $size, $kernel.
# It is packed here, one after the other, and boots in the background.
run_row() {
	local dir=$1 extra=''
	set_aside "$dir"
	mkdir -p "$dir"
	use_kernel "$kernel"
	matrix prepare "$suite" "$fs" "$OUT" "$dir"
	[[ ! -e $dir/skipped ]] || return 0
	disks=()
	case $suite in
	fixes) pack_fixes "$dir"; extra=page_owner=on ;;
	kunit) pack_kunit "$dir" ;;
	upstream-kunit) pack_upstream_kunit "$dir" ;;
	*)
		pack_part "$dir"
		extra=$(part_says append)
		;;
	esac
	KERNELS=$kernel SUITE=$suite FS=${fs#-} describe_run "$dir" module "$OUT" qemu
	say BOOT "${dir#"$whole/rows/"}" "$dir/console.log"
	if [[ -n ${GUEST:-} ]]; then # make shell, make gdb: it wants the terminal
		boot_row "$dir" "$extra"
		return
	fi
	boot_row "$dir" "$extra" &
	running+=($!)
}

# boot_row DIR EXTRA: whatever comes of it is in DIR and of no consequence for the next;
# only what the host lacks ends the run.
boot_row() {
	local dir=$1 status=0 seconds
	seconds=$(part_says time)
	((${seconds:-0} > TIMEOUT)) || seconds=$TIMEOUT
	trap 'exit 5' INT TERM
	trap end_guest EXIT
	APPEND="$2 ${APPEND:-}" MEM=${MEM:-$(part_says memory)} TIMEOUT=$seconds \
		boot_part "$suite" "$dir" "$(kernel_image "$OUT")" "$dir/initramfs" "${disks[@]}"
	rm -rf "$dir"/{*.img,initramfs,share}
	"$ROOT/scripts/report" "$dir" --expect "$dir/expect" >"$dir/report.log" || status=$?
	((status != 2)) || die "no verdict on $dir: $(tail -n1 "$dir/report.log")"
}
