# SPDX-License-Identifier: GPL-2.0
# Sourced by the verbs that open the guest of an earlier run. That run's repro.sh boots
# it again with GUEST= set, and run_guest() hands it to the terminal, or to gdb.
# shellcheck shell=bash

# find_run: the run that RUN= means, or the one whose guest was booted last; its
# directory is in $run. Of a run of make qemu it is a row on a kernel.
find_run() {
	local console
	if [[ -n ${RUN:-} ]]; then
		run=$(realpath "$RUN")
	else
		console=$({ find "${OUTDIR:-$ROOT/out}" -name console.log -printf '%T@ %p\n' 2>/dev/null || true; } | sort -n | tail -n1)
		[[ -n $console ]] || die "no guest was booted yet; run 'make kunit-mod' or 'make qemu' first, or use RUN=<directory>"
		run=$(dirname "${console#* }")
	fi
	[[ -x $run/repro.sh && ! -d $run/rows ]] ||
		die "RUN=$run is no run of a guest; of a run of make qemu name out/<run-id>/rows/ROW/KERNEL"
	! grep -q 'scripts/kunit$' "$run/repro.sh" ||
		die "$run was booted by kunit.py; use a run of make kunit-mod"
}

# boot_again HOW: what such a guest leaves is no result, and is not kept.
boot_again() {
	local top
	top=$(mktemp -d)
	# shellcheck disable=SC2064 # now, not then
	trap "rm -rf ${top@Q}" EXIT
	say OPEN "${run#"$ROOT"/}" "the same kernel, disks and tools"
	unset RUN FOLIOLAB_LOCKED
	OUTDIR=$top GUEST=$1 "$run/repro.sh"
}
