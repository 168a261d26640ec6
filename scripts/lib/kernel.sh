# SPDX-License-Identifier: GPL-2.0
# Sourced by the verbs that configure and build a kernel.
# shellcheck shell=bash

# The fragments that every kernel gets; CFG adds others by name.
BASE_FRAGMENTS=(base guest block mm kunit)

# fragments: the files of the base fragments and of those that $CFG names, each
# followed by what only this base or architecture knows, NAME-BASE.config and
# NAME-ARCH.config.
fragments() {
	local name only
	for name in "${BASE_FRAGMENTS[@]}" ${CFG//,/ }; do
		[[ -f $ROOT/scripts/configs/$name.config ]] ||
			die "CFG names '$name', which is none of: $(cd "$ROOT/scripts/configs" && echo *.config | sed 's/\.config//g')"
		echo "$ROOT/scripts/configs/$name.config"
		for only in "$BASE" "$ARCH"; do
			[[ ! -f $ROOT/scripts/configs/$name-$only.config ]] || echo "$ROOT/scripts/configs/$name-$only.config"
		done
	done
}

# out_dir: one object directory for each base, config and compiler.
out_dir() {
	local name=$BASE cc=${KCC:-gcc}
	[[ -z ${CFG:-} ]] || name+=-${CFG//[ ,]/+}
	[[ $ARCH == x86_64 ]] || name+=-$ARCH
	[[ $cc == gcc ]] || name+=-$cc
	echo "$BUILD/out/$name"
}

# build_env: ccache hits in every checkout, and nothing in the result that depends
# on who builds it or when.
build_env() {
	export CCACHE_BASEDIR=$BUILD CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-10G}
	# It names the tree, and only makes __FILE__ the same wherever that lies.
	export CCACHE_IGNOREOPTIONS='-fmacro-prefix-map=*'
	export KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 1970'
	export KBUILD_BUILD_USER=foliolab KBUILD_BUILD_HOST=foliolab
}

# kmake OUT [argument...]: make in the object directory.
kmake() {
	local out=$1
	shift
	build_env
	# shellcheck disable=SC2086 # KMAKE is several words
	run make -s -C "$out" ARCH="$ARCH" CC="ccache ${KCC:-gcc}" -j"$JOBS" ${KMAKE:-} "$@"
}

# first_error LOG: the line a user needs, not the last hundred.
first_error() {
	grep -m1 -E '(error|fatal error|undefined reference|multiple definition|No rule to make target|ERROR: modpost)[: ]|\*\*\* ' "$1" ||
		tail -n1 "$1"
}

# seed_objects FROM TO: begins an object directory as a copy of another of the
# same tree. Kbuild then rebuilds only what depends on an option that differs.
seed_objects() {
	[[ ! -d $2 && -f $1/vmlinux ]] || return 0
	say COPY "${2##*/}" "objects of ${1##*/}"
	rm -rf "$2.new"
	cp -a --reflink=auto "$1" "$2.new"
	rm -rf "$2.new"/{foliolab,.fragments,build.log}
	mv "$2.new" "$2"
}

# merge_config TREE OUT file...: a .config from nothing but the fragments.
# Left alone when the fragments are what they were, so that nothing rebuilds.
merge_config() {
	local tree=$1 out=$2
	shift 2
	mkdir -p "$out"
	cat "$@" >"$out/.fragments.new"
	if [[ -f $out/.config ]] && cmp -s "$out/.fragments.new" "$out/.fragments"; then
		rm "$out/.fragments.new"
		return
	fi
	rm -f "$out/.fragments"
	run make -s -C "$tree" ARCH="$ARCH" O="$out" CC="ccache ${KCC:-gcc}" \
		KCONFIG_ALLCONFIG="$out/.fragments.new" allnoconfig >"$out/config.log" 2>&1 ||
		die "configuring $out failed: $(first_error "$out/config.log")"
	"$ROOT/scripts/check-config" "$tree" "$out/.config" "$@" || exit 2
	mv "$out/.fragments.new" "$out/.fragments"
}
