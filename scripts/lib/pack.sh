# SPDX-License-Identifier: GPL-2.0
# Sourced by rows.sh: what the guest of a row gets, its initramfs and its disks. For what
# is asked for of a row see run_row().
# shellcheck shell=bash disable=SC2154 # suite, needs and size are run_row()'s, tools find_tools()'s

# pack_part DIR: a part of scripts/guest/rows with its tools and disks.
pack_part() {
	local dir=$1 part=$ROOT/scripts/guest/rows/$suite.sh names pairs word inc tests=$suite
	[[ ${T:-} != "$suite".* ]] || tests=$T
	"$ROOT/scripts/cases" --tests "$tests" "${part%/*}" >"$dir/expect"
	printf 'SEED=%s\nOPS=%s\n' "$SEED" "$OPS" >>"$dir/row"
	pairs=("due=$dir/expect" "row=$dir/row" "parts/$suite.sh=$part"
		"parts/ktap.inc=$ROOT/scripts/guest/ktap.inc")
	for inc in "${part%/*}"/{,fs/}*.inc; do pairs+=("parts/${inc#"${part%/*}"/}=$inc"); done
	find_upstream
	pairs+=("${upstream[@]}")
	read -ra names <<<"$(part_says needs)"
	for word in $needs; do
		case $word in
		foliolab.ko) pairs+=("modules/foliolab.ko=$MODULES/module/foliolab.ko") ;;
		*.ko) [[ ! -f $OUT/$word ]] || pairs+=("modules/${word##*/}=$OUT/$word") ;;
		*) names+=("$word") ;;
		esac
	done
	find_tools "${names[@]}"
	make_initramfs "$dir/initramfs" module "${pairs[@]}" "${tools[@]}"
	give_disk "$dir" "$size"
	! resets "$suite" || blank_disk 1M "$dir/notes.img" notes
}

# pack_kunit DIR: the suites as modules of this kernel.
pack_kunit() {
	"$ROOT/scripts/cases" >"$1/expect"
	pack_modules "$1" kunit
}

# pack_fixes DIR: the reproductions, each with a fresh disk.
pack_fixes() {
	local dir=$1 fix name kind pairs=()
	: >"$dir/expect"
	for fix in "$ROOT"/scripts/guest/fixes/*.sh; do
		name=$(basename "$fix" .sh)
		echo "fixes.$name" >>"$dir/expect"
		pairs+=("fixes/$name.sh=$fix")
		read -ra kind < <(sed -n 's/^# disk: //p' "$fix") || continue
		make_disk "$dir/$name.img" "${kind[@]}"
		add_disk "$dir/$name.img" "$name"
	done
	make_initramfs "$dir/initramfs" fixes "${pairs[@]}"
}
