# SPDX-License-Identifier: GPL-2.0
# Sourced by the verbs that can use the distribution's own kernel: its image and
# headers as they come from the packages, downloaded and unpacked, never installed.
# shellcheck shell=bash
. "$ROOT/scripts/lib/debian.sh"

# stock_dir: the packages of $BASE, unpacked.
stock_dir() { echo "$CACHE/stock/$BASE"; }

# fetch_stock PACKAGE DESTDIR: unpacks it and those of the same source that it needs.
fetch_stock() {
	local package=$1 dest=$2 suites='trixie-backports sid' name
	[[ $BASE != 6.12 ]] || suites=''
	[[ ! -e $dest/$package ]] || return 0
	say FETCH "$package" "Debian package, only unpacked"
	debian_download "$suites" main "$package" "$dest" || die "cannot get $package: $DEBIAN_ERROR"
	local deb=$DEBIAN_DEB
	dpkg-deb -x "$deb" "$dest/root" || die "cannot unpack $package into $dest; is the disk full?"
	dpkg-deb -f "$deb" Version >"$dest/$package"
	for name in $(dpkg-deb -f "$deb" Depends | sed 's/|[^,]*//g' |
		grep -oE 'linux-(image|binary|headers|kbuild)-[a-z0-9.+~-]+' | sort -u); do
		fetch_stock "$name" "$dest"
	done
	rm "$deb"
}

# need_stock: which kernel boots and which headers the module is built against.
need_stock() {
	[[ $ARCH == x86_64 ]] || die "STOCK=yes is for x86_64; leave it out for a kernel of ours for $ARCH"
	local dir image=linux-image-amd64 headers=linux-headers-amd64
	dir=$(stock_dir)
	[[ $BASE != 6.12 ]] || image=linux-image-6.12-amd64 headers=linux-headers-6.12-amd64
	if [[ ! -f $dir/complete ]]; then
		[[ ${OFFLINE:-no} == no ]] || die "OFFLINE=$OFFLINE and no stock kernel in $dir; run once with the network"
		mkdir -p "$dir"
		fetch_stock "$image" "$dir"
		fetch_stock "$headers" "$dir"
		wrap_tools "$dir"
		touch "$dir/complete"
	fi
	# shellcheck disable=SC2034 # for the verb
	KERNEL=$(find "$dir/root" -name 'vmlinuz*')
	OUT=$(find "$dir/root/usr/src" -maxdepth 1 -name 'linux-headers-*-amd64')
	[[ ${OUT##*/linux-headers-} == "$BASE".* ]] ||
		die "the suites offer ${OUT##*/} and not BASE=$BASE; give another BASE="
	# The headers name their other half where they would be installed.
	sed -i "s|\([= ]\)/usr/src/|\1${OUT%/*}/|" "$OUT/Makefile"
	MODULES=${MODULES:-$BUILD/stock/$BASE}
	# What the kernel's own compiler and pahole could do is no matter for a module
	# that others build; one without BTF is loaded as well.
	KMAKE="${KMAKE:-} CONFIG_DEBUG_INFO_BTF_MODULES="
	"${KCC:-gcc}" -fmin-function-alignment=16 -E - </dev/null >/dev/null 2>&1 ||
		KMAKE+=" CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT="
}

# wrap_tools DIR: the headers' host tools of a newer Debian may want a newer C
# library than this machine has: those are run with the one of their own suites.
wrap_tools() {
	local dir=$1 tool real
	while read -r tool; do
		(LD_BIND_NOW=1 "$tool" --help </dev/null 2>&1 || true) | grep -q 'GLIBC_.* not found' || continue
		if [[ ! -e $dir/libc ]]; then
			say FETCH libc6 "${tool##*/} of these headers needs it; only unpacked"
			debian_download sid main libc6 "$dir" || die "cannot get libc6: $DEBIAN_ERROR"
			dpkg-deb -x "$DEBIAN_DEB" "$dir/libc"
			rm "$DEBIAN_DEB"
		fi
		real=$(find "$dir/libc" -name 'ld-linux-x86-64.so.2' | head -n1)
		mv "$tool" "$tool.real"
		# shellcheck disable=SC2016 # for the wrapper's shell
		printf '#!/bin/sh\nexec %q --library-path %q --argv0 "$0" "$0.real" "$@"\n' "$real" "${real%/*}" >"$tool"
		chmod +x "$tool"
	done < <(find "$dir"/root/usr/lib/linux-kbuild-* -type f -perm -100)
}
