# SPDX-License-Identifier: GPL-2.0
# Sourced by the verbs whose guests run more than busybox: our own selftests, and
# programs of Debian packages with the libraries that they need. Nothing of it is
# installed or run on this machine.
# shellcheck shell=bash
. "$ROOT/scripts/lib/debian.sh"
. "$ROOT/scripts/lib/machine.sh"

TOOLS_TABLE=$ROOT/scripts/lib/guest_tools.tsv

# kselftest_dir: of the tree that $OUT is built from, else of ours; theirs is the harness.
kselftest_dir() {
	local tree
	for tree in "${OUT:-}/source" "$(tree_dir)"; do
		[[ ! -d $tree/tools/testing/selftests ]] || break
	done
	realpath -m "$tree/tools/testing/selftests"
}

# selftests_dir: where those of this architecture are built.
selftests_dir() {
	local name=selftests
	[[ $ARCH == x86_64 ]] || name+=-$ARCH
	echo "$BUILD/$name"
}

# build_selftest NAME: static programs.
build_selftest() {
	local out words=()
	out=$(selftests_dir)
	[[ $ARCH == x86_64 ]] || words=(CC="$(cross_prefix)gcc")
	mkdir -p "$out"
	run make -s -C "$ROOT/selftests" "${words[@]}" OUTPUT="$out" KSELFTEST="$(kselftest_dir)" "$out/$1" >"$out.log" 2>&1 ||
		die "building selftests failed: $(grep -m1 -E 'error|\*\*\*' "$out.log" || tail -n1 "$out.log"); see $out.log"
}

# debian_archive TOOL: its path is in $archive; made once for each form of its row, and
# for each architecture.
debian_archive() {
	local row key name=$1 top
	local -a field
	[[ $ARCH == x86_64 ]] || name+=-$ARCH
	top=$CACHE/guest/$name.$$
	row=$(grep -P "^$1\t" "$TOOLS_TABLE") ||
		die "no guest tool '$1' is known; add it to ${TOOLS_TABLE#"$ROOT"/}, or to selftests/"
	row=${row//TRIPLET/$(triplet)}
	key=$(sha256sum <<<"$row")
	archive=$CACHE/guest/$name-${key:0:12}.cpio
	[[ ! -f $archive ]] || return 0
	read -ra field <<<"$row"
	[[ ${OFFLINE:-no} == no ]] || die "OFFLINE=$OFFLINE and $archive is not there; run once with the network"
	say FETCH "$name" "Debian packages for the guest: ${field[1]}"
	rm -rf "$top"
	mkdir -p "$top"
	debian_closure "${field[1]//,/ }" "$top" || die "cannot get $1: $DEBIAN_ERROR"
	python3 "$ROOT/scripts/lib/guest_tools.py" "$top/root" "$archive" "${field[@]:2}" ||
		die "cannot pack $1 for the guest"
	rm -rf "$top"
}

# find_tools NAME...: what make_initramfs needs for these is in the array $tools.
find_tools() {
	local name archive selftests dir
	tools=()
	dir=$(selftests_dir)
	selftests=$(make -s -C "$ROOT/selftests" OUTPUT="$dir" names)
	for name in "$@"; do
		if grep -qx "$name" <<<"$selftests"; then
			build_selftest "$name"
			tools+=("bin/$name=$dir/$name")
		else
			debian_archive "$name"
			tools+=("$archive")
		fi
	done
}
