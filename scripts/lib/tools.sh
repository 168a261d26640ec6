# SPDX-License-Identifier: GPL-2.0
# Sourced by deps and doctor: reads tools.tsv and probes the machine for a tool.
# shellcheck shell=bash

TOOLS=${FOLIOLAB_TOOLS:-$ROOT/scripts/lib/tools.tsv}
# depmod lies in sbin, which is not on every user's PATH.
PATH=$PATH:/usr/sbin:/sbin

# each_tool FUNCTION: calls it with every row of the table, and of that of another
# architecture, if ARCH= is one; empty columns as "".
each_tool() {
	local table
	for table in "$TOOLS" "${TOOLS%.tsv}-$ARCH.tsv"; do
		[[ ! -f $table ]] || each_row "$table" "$1"
	done
}

each_row() {
	local -a row
	local i
	while IFS=$'\t' read -ra row; do
		[[ -n ${row[*]} && ${row[0]} != '#'* ]] || continue
		for i in "${!row[@]}"; do
			[[ ${row[i]} != - ]] || row[i]=''
		done
		"$2" "${row[@]}" </dev/null
	done <"$1"
}

# has_tool PROBE: whether the machine has it; tools.tsv tells the forms of a probe.
has_tool() {
	case $1 in
	/*) [[ -r $1 ]] ;;
	# Packages serve the system's python3; another may come first on PATH.
	py:*) /usr/bin/python3 -c 'import importlib.util as u, sys
sys.exit(u.find_spec(sys.argv[1]) is None)' "${1#py:}" 2>/dev/null ;;
	# ldd names the libraries of a dynamic program by their path.
	static:*) [[ -x ${1#static:} ]] && ! ldd "${1#static:}" 2>/dev/null | grep -q / ;;
	*) type -P "$1" >/dev/null ;;
	esac
}
