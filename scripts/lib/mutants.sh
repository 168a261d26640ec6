# SPDX-License-Identifier: GPL-2.0
# Sourced by scripts/mutate: builds one mutant, runs what is to see it, and says whether
# it did. $tree, $out, $known and $latest are the verb's.
# shellcheck shell=bash disable=SC2154

# near AREA: the suites that are likeliest to catch a mutant of it; they run first.
near() {
	case $1 in
	rmap) echo 'mm_[mr]*ap*' ;; # mm_mapcount*, mm_rmap
	*) echo "mm_$1*" ;;
	esac
}

# run_suites MUTANT LOG: the suites that are near, and if they see nothing, all.
run_suites() {
	local tests status=0 seconds=$TIMEOUT
	for tests in "${T:-$(near "${1%/*}")}" "${T:-}"; do
		[[ -n $tests ]] || seconds=$((TIMEOUT * 5))
		status=0
		"$ROOT/scripts/cases" --tests "$tests" >"$2" 2>&1 || continue
		T=$tests OUT=$out TIMEOUT=$seconds REPEAT="MUTANT=$1 T='$tests' scripts/mutate" \
			"$ROOT/scripts/kunit-mod" >"$2" 2>&1 || status=$?
		[[ $status == 0 && -z ${T:-} ]] || break
	done
	[[ $status != 4 ]] || ! still_going "$latest" "$seconds" || status=5
	return "$status"
}

# run_its_row MUTANT LOG: the row of make qemu that is to see it, on the mutant alone.
run_its_row() {
	local words
	read -ra words < <(sed -n 's/^Row: //p' "$ROOT/scripts/mutants/$1")
	((${#words[@]})) || { echo "$1 has no line 'Row:'" >"$2"; return 2; }
	env "${words[@]}" KERNELS=patched PATCHED="$out" TIMEOUT=$((TIMEOUT * 5)) "$ROOT/scripts/qemu" >"$2" 2>&1
}

# caught_by MUTANT LOG: the cases that failed.
caught_by() {
	if [[ $1 == rows/* ]]; then
		sed -n 's/^FAILED [^ ]*  //p' "$2"
	else
		python3 "$ROOT/scripts/lib/failures.py" "$latest" "$known/${1//\//-}.cases"
	fi
}

# refuse MUTANT WHY: a line of the table for one that was not caught.
refuse() {
	printf '  %-44s %s\n' "$1" "$2"
	return 1
}

# judge MUTANT: builds it, runs the suites; prints a line of the table.
judge() {
	local mutant=$1 log=$ROOT/out/mutants/${1//\//-}.log status=0 by
	patch -d "$tree" -p1 --fuzz=0 -s -f <"$ROOT/scripts/mutants/$mutant" >"$log" 2>&1 ||
		{ refuse "$mutant" "does not apply: $(grep -m1 FAILED "$log")"; return; }
	TREE=$tree OUT=$out "$ROOT/scripts/build" >"$log" 2>&1 ||
		{ refuse "$mutant" "does not build: $(tail -n1 "$log")"; return; }
	! grep -q 'warning: ' "$out/build.log" ||
		{ refuse "$mutant" "builds with a warning: $(grep -m1 'warning: ' "$out/build.log")"; return; }
	case $mutant in
	rows/*) run_its_row "$mutant" "$log" || status=$? ;;
	*) run_suites "$mutant" "$log" || status=$? ;;
	esac
	case $status in
	1) by=$(caught_by "$mutant" "$log") ;;
	3) by="the guest crashed" ;;
	4) by="the guest hung" ;;
	0) refuse "$mutant" "${RED}MISSED$PLAIN"; return ;;
	*) refuse "$mutant" "no result; see $log"; return ;;
	esac
	printf '  %-44s %scaught%s  %s\n' "$mutant" "$GREEN" "$PLAIN" "$by"
}
