# SPDX-License-Identifier: GPL-2.0
# Sourced by the verbs that load the suites or the module itself into a guest.
# shellcheck shell=bash

# need_kernel: which kernel boots, and where the suites for it are built.
need_kernel() {
	need_guests
	as_many_pages
	OUT=${OUT:-$(out_dir)}
	KERNEL=${KERNEL:-$(kernel_image "$OUT")}
	MODULES=${MODULES:-$OUT/foliolab}
	[[ -f $KERNEL ]] || die "no kernel $KERNEL; run 'make build' first"
}

# need_suites: those that T= means are in $suites.
need_suites() { suites=$("$ROOT/scripts/cases" --suites --tests "${T:-}") || exit 2; }

# build_modules WHAT: builds `suites`, with all that there is, or `module` alone, in a
# copy, so that a checkout never holds objects.
build_modules() {
	local copy=$MODULES log=$MODULES.log top=$MODULES
	[[ $1 != module ]] || top=$copy/module
	mkdir -p "$copy"
	rsync -a --delete --exclude='*.mod.c' --include='*.[ch]' --include=Kbuild --include=include/ --include=linux/ \
		--include=/kunit/ --include=/module/ --exclude='*' "$ROOT/" "$copy/"
	say MODULES "${OUT##*/}" "log: $log"
	if ! kmake "$OUT" M="$top" modules >"$log" 2>&1; then
		! grep -q 'undefined!$' "$log" || warn "this kernel lacks an export that those of Linux 6.12 to 7.3 have"
		die "building the $1 failed: $(first_error "$log")"
	fi
	# Not the notices of kbuild about tools that were installed since, which begin a line.
	! grep -m1 ': warning:' "$log" || die "a warning from building the $1; see $log"
}

# pack_modules RUN JOB [guest-path=host-file...]: RUN/initramfs with the fixture,
# which is what the suites need, and these; they need nothing of each other.
pack_modules() {
	local run=$1 job=$2 suite order=$1/order pairs=()
	shift 2
	echo folio_kunit.ko >"$order"
	pairs+=("modules/folio_kunit.ko=$MODULES/kunit/folio_kunit.ko")
	for suite in $suites; do
		echo "${suite#mm_}_kunit.ko" >>"$order"
		pairs+=("modules/${suite#mm_}_kunit.ko=$MODULES/kunit/${suite#mm_}_kunit.ko")
	done
	make_initramfs "$run/initramfs" "$job" "modules/order=$order" "${pairs[@]}" "$@"
}
