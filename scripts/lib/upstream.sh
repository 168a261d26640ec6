# SPDX-License-Identifier: GPL-2.0
# Sourced by scripts/qemu: upstream's own tests, unmodified, from the tree of the kernel
# that a row boots. What is built lies beside our modules for it, $MODULES-mm.
# shellcheck shell=bash disable=SC2153 # OUT and MODULES are use_kernel()'s

# kernel_modules WORD...: what scripts/lib/kernel_modules.py finds is in the array $modules,
# as pairs for make_initramfs.
kernel_modules() {
	local list path
	modules=()
	list=$(python3 "$ROOT/scripts/lib/kernel_modules.py" "$OUT" "$@") || exit 2
	while read -r path; do
		[[ -z $path ]] || modules+=("modules/${path##*/}=$path")
	done <<<"$list"
}

# pack_upstream_kunit DIR: every KUnit suite that the kernel has as a module.
pack_upstream_kunit() {
	kernel_modules --kunit "$1/expect"
	printf '%s\n' "${modules[@]%%=*}" | sed 's,.*/,,' >"$1/order"
	make_initramfs "$1/initramfs" upstream-kunit "modules/order=$1/order" \
		"kunit.job=$ROOT/scripts/guest/kunit.job" "${modules[@]}"
}

# kernel_tree: the source of the kernel in $OUT; the same directory when it was built there.
kernel_tree() { realpath "$(if [[ -e $OUT/source ]]; then echo "$OUT/source"; else echo "$OUT"; fi)"; }

# copy_mm_tests TREE COPY: their Makefile writes beside itself, so that a copy is built:
# of the tests, and of the headers of the tree that they include.
copy_mm_tests() {
	local tests=tools/testing/selftests
	mkdir -p "$2"
	rsync -amR --delete --include='*/' --include="/$tests/mm/***" --include="/$tests/x86/*" \
		--include="/$tests/lib.mk" --include='*.h' --exclude='*' \
		"$1/./$tests" "$1/./tools/include" "$1/./include/vdso" "$1/./lib" "$1/./mm" "$2/"
}

# build_mm_tests: static programs in $MODULES-mm; without libraries of the machine.
build_mm_tests() {
	local top=$MODULES-mm log=$MODULES-mm.log tree archive
	tree=$(kernel_tree)
	mkdir -p "$top/libraries"
	debian_archive mm-libraries
	(cd "$top/libraries" && cpio -idu --quiet <"$archive")
	say TESTS "selftests/mm" "of $tree; log: $log"
	copy_mm_tests "$tree" "$top/tree"
	# page_frag, a module, is left out (KDIR): two of its three runs take hours.
	if ! { run make -s -C "$tree" O="$top/headers" ARCH=x86_64 INSTALL_HDR_PATH="$top/usr" headers_install &&
		run make -j"$JOBS" -C "$top/tree/tools/testing/selftests/mm" ARCH=x86_64 KDIR="$top/none" \
			CC="ccache ${KCC:-gcc}" KHDR_INCLUDES="-isystem $top/usr/include" USERCFLAGS="-static -s \
			-I$top/libraries/usr/include -L$top/libraries/usr/lib/x86_64-linux-gnu"; } >"$log" 2>&1; then
		die "building selftests/mm of $tree failed: $(first_error "$log"); see $log"
	fi
}

# build_upstream: for each of the kernels.
build_upstream() {
	local kernel
	for kernel in $KERNELS; do
		use_kernel "$kernel"
		build_mm_tests
	done
}

# find_upstream: what the suite says it wants of the kernel and of its tree is in the array
# $upstream, as pairs.
find_upstream() {
	local names file
	upstream=()
	read -ra names <<<"$(part_says modules)"
	if ((${#names[@]})); then
		kernel_modules "${names[@]}"
		upstream+=("${modules[@]}")
	fi
	[[ -n $(part_says selftests) ]] || return 0
	upstream+=("parts/tap.awk=$ROOT/scripts/guest/rows/tap.awk"
		"boot/config-$(<"$OUT/include/config/kernel.release")=$OUT/.config")
	for file in "$MODULES-mm/tree/tools/testing/selftests/mm"/*; do
		[[ ! -f $file || ! -x $file ]] || upstream+=("selftests/mm/${file##*/}=$file")
	done
}
