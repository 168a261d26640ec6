# SPDX-License-Identifier: GPL-2.0
# Sourced by verbs that need a Debian package: what apt complained of, and a
# download that leaves the machine's apt as it is and needs no root.
# shellcheck shell=bash

# apt_cause LOG: the line of apt's output that says why it failed.
apt_cause() {
	local line
	line=$(grep -m1 'Could not get lock' "$1" || grep -m1 'Failed to fetch' "$1" ||
		grep '^E:' "$1" | tail -n1 || true)
	echo "${line#[EW]: }"
}

# private_apt COMMAND words...: apt with lists and cache of its own in $apt.
private_apt() {
	local words=("$1" -q "${apt_options[@]}"
		-o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache"
		-o APT::Sandbox::User=root -o Acquire::Languages=none
		-o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 "${@:2}")
	[[ $V == 0 ]] || printf '+ %s\n' "${words[*]}" >&2
	"${words[@]}" 2>>"$apt/log"
}

# debian_download SUITES COMPONENTS PACKAGE DESTDIR: fetches the newest PACKAGE
# that SUITES offer (a list parted by spaces; "" for those the machine's apt is
# set up with). Returns 0 with the file's path in DEBIAN_DEB, or 1 with the
# cause in DEBIAN_ERROR. The mirror and its key are those the machine's apt uses.
debian_download() {
	local apt=$4/.apt apt_options=() status=0
	DEBIAN_DEB='' DEBIAN_ERROR=''
	rm -rf "$apt"
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
	download_newest "$@" || status=1
	if ((status)) && [[ -z $DEBIAN_ERROR ]]; then
		DEBIAN_ERROR=$(apt_cause "$apt/log")
		: "${DEBIAN_ERROR:=no package $3 in ${1:-the suites of this machine}}"
	fi
	rm -rf "$apt"
	return "$status"
}

# look_in SUITES COMPONENTS: private_apt reads these and no others.
look_in() {
	local mirror suite
	if ! mirror=$(python3 "$ROOT/scripts/lib/apt_sources.py" "${APT_ETC:-/etc/apt}"); then
		DEBIAN_ERROR="the sources of apt name no Debian mirror"
		return 1
	fi
	for suite in $1; do
		echo "$mirror $suite $2"
	done >"$apt/sources.list"
	apt_options+=(-o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=-)
}

# debian_codename: of this machine.
debian_codename() {
	# shellcheck disable=SC1091 # a file of the machine
	(. /etc/os-release && echo "${VERSION_CODENAME:-}")
}

download_newest() {
	local suites=$1 components=$2 package=$3 dest=$4 version
	[[ -z $suites ]] || look_in "$suites" "$components" || return 1
	# A suite that cannot be had does not matter while another has the package.
	private_apt apt-get update >>"$apt/log" || true
	version=$(private_apt apt-cache madison "$package" |
		awk '/Packages$/ {print $3}' | sort -V | tail -n1) || return 1
	[[ -n $version ]] || return 1
	(cd "$dest" && private_apt apt-get download "$package=$version" >>"$apt/log") || return 1
	DEBIAN_DEB=$(find "$dest" -maxdepth 1 -name "${package}_*.deb")
	[[ -n $DEBIAN_DEB ]]
}

# debian_closure PACKAGES DESTDIR: unpacks the packages and all that they depend
# on, of the suites of this machine, into DESTDIR/root; PACKAGE/non-free is looked for in
# that component, too. Returns 1 with the cause in DEBIAN_ERROR. Nothing is installed:
# apt is told of a machine of $ARCH without a package.
debian_closure() {
	local apt=$2/.apt apt_options deb status=0 words
	DEBIAN_ERROR=''
	read -ra words <<<"${1//\/non-free/}"
	rm -rf "$apt"
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$2/root"
	: >"$apt/status"
	apt_options=(-o Dir::State::status="$apt/status" -o APT::Install-Recommends=no
		-o APT::Architecture="$(debian_arch)" -o APT::Architectures="$(debian_arch)")
	[[ $1 != */non-free* ]] || look_in "$(debian_codename)" "main non-free" || return 1
	private_apt apt-get update >>"$apt/log" || true
	private_apt apt-get install -y --download-only "${words[@]}" >>"$apt/log" || status=1
	((status == 0)) || DEBIAN_ERROR=$(apt_cause "$apt/log")
	for deb in "$apt"/cache/archives/*.deb; do
		((status == 0)) || break
		dpkg-deb -x "$deb" "$2/root" 2>>"$apt/log" || { status=1 DEBIAN_ERROR="$deb cannot be unpacked"; }
	done
	rm -rf "$apt"
	return "$status"
}
