# SPDX-License-Identifier: GPL-2.0
# Sourced by every shell verb: where things are, how a step is told, how it ends.
# Exit codes of all verbs: 0 done or all passed, 1 a test failed, 2 usage or
# set-up, 3 guest crashed, 4 timeout, 5 no result.
# shellcheck shell=bash
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export ROOT
export BASE=${BASE:-7.3} ARCH=${ARCH:-x86_64}
export BUILD=${BUILD:-$ROOT/build}
export CACHE=${FOLIOLAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/foliolab}
export JOBS=${JOBS:-$(nproc)}
export V=${V:-0}
export LC_ALL=C.UTF-8

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
	BOLD=$'\e[1m' RED=$'\e[31m' GREEN=$'\e[32m' PLAIN=$'\e[0m'
else
	BOLD='' RED='' GREEN='' PLAIN=''
fi
export BOLD RED GREEN PLAIN

# say VERB object [detail]: one line a step.
say() { printf '  %-8s %-24s %s\n' "$1" "$2" "${3:-}"; }
warn() { printf '%s: warning: %s\n' "${0##*/}" "$*" >&2; }
# die message: what is wrong and what to do, in one line.
die() { printf '%s%s: %s%s\n' "$RED" "${0##*/}" "$*" "$PLAIN" >&2; exit 2; }

# show command...: with V=1; run command...: does it, too.
show() { [[ $V == 0 ]] || printf '+ %s\n' "${*@Q}" >&2; }
run() {
	show "$@"
	"$@"
}

# usage: the comment block at the head of the verb is its help text.
usage() { sed -n '3,/^[^#]/{/^#/!q;s/^# \{0,1\}//;p}' "$0"; }
case ${1:-} in -h|--help) usage; exit 0 ;; esac

check_base() {
	case $BASE in
	7.3|6.12) ;;
	*) die "BASE=$BASE is not known; use BASE=7.3 or BASE=6.12" ;;
	esac
	case $ARCH in
	x86_64|i386|arm64|riscv64|s390x) ;;
	*) die "ARCH=$ARCH is not known; use ARCH=x86_64, i386, arm64, riscv64 or s390x" ;;
	esac
}

# The patched tree, and others at its side (pristine, mutant, bisect). Objects are
# in out/ beside their tree: the same way from one to the other everywhere, or
# ccache would not know a file again.
tree_dir() { echo "$BUILD/linux-$BASE"; }
side_dir() { echo "$BUILD/$1/linux-$BASE"; }
series_dir() { echo "$ROOT/patches/$BASE"; }

# take_lock: one writer in a checkout; verbs called by a verb inherit the lock.
take_lock() {
	[[ -z ${FOLIOLAB_LOCKED:-} ]] || return 0
	mkdir -p "$BUILD"
	exec 9>"$BUILD/.lock"
	flock -n 9 || die "another run is using $BUILD; wait for it, or use BUILD=<another directory>"
	export FOLIOLAB_LOCKED=1
}

# need_space GIB: refuses before a step that would fill the disk.
need_space() {
	local free
	mkdir -p "$BUILD"
	free=$(df -Pk "$BUILD" | awk 'NR==2{print int($4/1048576)}')
	((free >= $1)) || die "$BUILD has $free GiB free and $1 are needed; free some, or use BUILD=<a larger disk>"
}
