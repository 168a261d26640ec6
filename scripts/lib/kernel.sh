# SPDX-License-Identifier: GPL-2.0
# Sourced by the verbs that configure and build a kernel.
# shellcheck shell=bash

# The fragments that every kernel gets; CFG adds others by name.
BASE_FRAGMENTS=(base guest block mm kunit)

# kernel_arch: what the kernel's own makefiles and kunit.py call $ARCH.
kernel_arch() {
	case $ARCH in
	riscv64) echo riscv ;;
	s390x) echo s390 ;;
	*) echo "$ARCH" ;;
	esac
}

# cross_prefix: what the names of its compiler and binutils begin with, if anything.
cross_prefix() {
	case $ARCH in
	x86_64 | i386) ;;
	arm64) echo aarch64-linux-gnu- ;;
	*) echo "$ARCH-linux-gnu-" ;;
	esac
}

# compiler: clang is one for all.
compiler() {
	case ${KCC:-gcc} in
	gcc) echo "$(cross_prefix)gcc" ;;
	*) echo "$KCC" ;;
	esac
}

# need_compiler: those of other architectures are not installed unless asked for.
need_compiler() {
	type -P "$(compiler)" >/dev/null || die "no $(compiler) here; run 'make deps ARCH=$ARCH'"
}

# arch_words: what make is told of them, one word a line.
arch_words() { printf '%s\n' "ARCH=$(kernel_arch)" "CROSS_COMPILE=$(cross_prefix)" "CC=ccache $(compiler)"; }

# fragments: the files of the base fragments and of those that $CFG names, each
# followed by what only this base or architecture knows, NAME-BASE.config and
# NAME-ARCH.config; x86 is both of its sizes. Where there are no guests of ours only the
# suites run, which need no disk. A line "# with: NAME" in a fragment brings another one along.
fragments() {
	local name only family=-
	[[ $ARCH != x86_64 && $ARCH != i386 ]] || family=x86
	for name in "${BASE_FRAGMENTS[@]}" ${CFG//,/ }; do
		[[ $name != block || $family == x86 || $ARCH == arm64 ]] || continue
		[[ -f $ROOT/scripts/configs/$name.config ]] ||
			die "CFG names '$name', which is none of: $(cd "$ROOT/scripts/configs" && echo *.config | sed 's/\.config//g')"
		sed -n "s|^# with: \(.*\)|$ROOT/scripts/configs/\1.config|p" "$ROOT/scripts/configs/$name.config"
		echo "$ROOT/scripts/configs/$name.config"
		for only in "$BASE" "$family" "$ARCH"; do
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
	local out=$1 words
	shift
	build_env
	mapfile -t words < <(arch_words)
	# shellcheck disable=SC2086 # KMAKE is several words
	run make -s -C "$out" "${words[@]}" -j"$JOBS" ${KMAKE:-} "$@"
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
	local tree=$1 out=$2 words
	shift 2
	mapfile -t words < <(arch_words)
	mkdir -p "$out"
	cat "$@" >"$out/.fragments.new"
	if [[ -f $out/.config ]] && cmp -s "$out/.fragments.new" "$out/.fragments"; then
		rm "$out/.fragments.new"
		return
	fi
	rm -f "$out/.fragments"
	run make -s -C "$tree" "${words[@]}" O="$out" \
		KCONFIG_ALLCONFIG="$out/.fragments.new" allnoconfig >"$out/config.log" 2>&1 ||
		die "configuring $out failed: $(first_error "$out/config.log")"
	"$ROOT/scripts/check-config" "$tree" "$out/.config" "$@" || exit 2
	mv "$out/.fragments.new" "$out/.fragments"
}
