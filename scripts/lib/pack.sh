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

# pack_fixes DIR: the reproductions that T= means, each with a fresh disk; what they want
# is in their first comments. One that is for some kernels only is left out on others.
pack_fixes() {
	local dir=$1 fix name only disk words names=() kos=() ko part share=no pairs=()
	: >"$dir/expect"
	for fix in "$ROOT"/scripts/guest/fixes/*.sh; do
		name=$(basename "$fix" .sh)
		# shellcheck disable=SC2053 # a pattern
		[[ ${T:-} != fixes.* || $name == ${T#fixes.} ]] || continue
		only=$(sed -n 's/^# only: //p' "$fix")
		[[ -z $only ]] || grep -qx "CONFIG_$only=y" "$OUT/.config" || continue
		! grep -q '^# share: yes' "$fix" || share=yes
		echo "fixes.$name" >>"$dir/expect"
		pairs+=("fixes/$name.sh=$fix")
		read -ra words < <(sed -n 's/^# tools: //p' "$fix") && names+=("${words[@]}")
		read -ra words < <(sed -n 's/^# modules: //p' "$fix") && kos+=("${words[@]}")
		read -ra disk < <(sed -n 's/^# disk: //p' "$fix") || continue
		give_fix_disk "$dir/$name.img" "$name" "${disk[@]}"
	done
	[[ -s $dir/expect ]] ||
		die "T=${T:-} is none of scripts/guest/fixes, or for other kernels only: see '# only:' there"
	mapfile -t names < <(printf '%s\n' "${names[@]}" | sort -u | sed '/^$/d')
	find_tools "${names[@]}"
	# One that is not there is built in, or the reproduction says that it failed.
	for ko in "${kos[@]}"; do
		[[ ! -f $OUT/$ko ]] || pairs+=("modules/${ko##*/}=$OUT/$ko")
	done
	# Two ways to one directory: a client, and another that changes what is there.
	if [[ $share == yes ]]; then
		add_share "$dir/share"
		add_share "$dir/share" other
	fi
	for part in "$ROOT"/scripts/guest/rows/fs/*.inc; do pairs+=("parts/fs/${part##*/}=$part"); done
	for part in "$ROOT"/scripts/guest/fixes/*.inc; do pairs+=("parts/${part##*/}=$part"); done
	make_initramfs "$dir/initramfs" fixes "${pairs[@]}" "${tools[@]}"
}

# give_fix_disk FILE SERIAL KIND [what make_disk() wants]: "blank SIZE" is one that the
# reproduction makes a filesystem on by itself.
give_fix_disk() {
	if [[ $3 == blank ]]; then
		blank_disk "$4" "$1" "$2"
	else
		make_disk "$1" "${@:3}"
		add_disk "$1" "$2"
	fi
}
