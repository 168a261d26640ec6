# SPDX-License-Identifier: GPL-2.0
# Sourced by the verbs that know the rows of make qemu: which rows and which kernels.
# shellcheck shell=bash disable=SC2034,SC2154 # rows and out are for the verb, whole is its

# check_settings: those of the rows that the user has asked for, which are in $rows then;
# of a run that goes on they are in $whole/plan.
check_settings() {
	export CFG=${CFG:-} SEED=${SEED:-1} OPS=${OPS:-5000} TIMEOUT=${TIMEOUT:-900}
	export SUITE=${SUITE:-} FS=${FS:-} FILESYSTEMS=${FILESYSTEMS:+$(realpath "$FILESYSTEMS")} KERNELS=${KERNELS:-base patched}
	[[ $SEED =~ ^[1-9][0-9]{0,8}$ && $OPS =~ ^[1-9][0-9]{0,8}$ ]] ||
		die "SEED=$SEED OPS=$OPS: both are numbers above 0"
	need_guests
	as_many_pages
	[[ $KERNELS =~ ^(base|patched|base patched)$ ]] ||
		die "KERNELS=$KERNELS is not known; use base, patched, or both (the default)"
	[[ -f $(series_dir)/series ]] || die "BASE=$BASE has no series to compare with its base"
	if [[ -n ${RESUME:-} ]]; then
		rows=$(tail -n +2 "$whole/plan")
	else
		rows=$(matrix plan "$SUITE" "$FS") || exit 2
		[[ ",$CFG," == *,qemu,* ]] || CFG+=${CFG:+,}$(matrix config "$SUITE" "$FS")
		CFG=${CFG%,}
	fi
}

# need_kernels: built, or those that PATCHED= and PRISTINE= name; ${out[base]}, ${out[patched]}.
need_kernels() {
	local kernel image
	out=([base]=${PRISTINE:-$(BUILD=$BUILD/pristine out_dir)} [patched]=${PATCHED:-$(out_dir)})
	if [[ -z ${PATCHED:-}${PRISTINE:-} ]]; then
		"$ROOT/scripts/apply" --pristine
		"$ROOT/scripts/build"
		[[ $KERNELS == patched ]] || TREE=$(side_dir pristine) OUT=${out[base]} "$ROOT/scripts/build"
	fi
	for kernel in $KERNELS; do
		image=$(kernel_image "${out[$kernel]}")
		[[ -f $image ]] || die "no kernel $image; PATCHED= and PRISTINE= name object directories"
	done
}
