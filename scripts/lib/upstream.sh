# SPDX-License-Identifier: GPL-2.0
# Sourced by scripts/qemu: upstream's own tests, unmodified, from the tree of the kernel
# that a row boots. What is built lies beside our modules for it, $MODULES-mm.
# shellcheck shell=bash disable=SC2153,SC2154 # OUT and MODULES are use_kernel()'s

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

# copy_mm_tests TREE COPY: the tests and the headers of the tree that they are built with;
# prints what has changed.
copy_mm_tests() {
	local tests=tools/testing/selftests
	mkdir -p "$2"
	rsync -aimR --delete --include='*/' --include="/$tests/mm/***" --include="/$tests/x86/*" \
		--include="/$tests/lib.mk" --include='*.h' --exclude='*' "$1/./$tests" "$1/./tools/include" \
		"$1/./include/uapi" "$1/./include/vdso" "$1/./arch/x86/include/uapi" "$1/./lib" "$1/./mm" "$2/"
}

# make_mm_tests TREE TOP: static programs in TOP/tree, a copy, for their Makefile writes
# beside itself; $archive has the libraries. page_frag, a module, is left out (KDIR).
make_mm_tests() {
	local top=$2 words=(-static -s -I"$2/libraries/usr/include" -L"$2/libraries/usr/lib/x86_64-linux-gnu")
	rm -rf "$top"/{tree,libraries}
	cp -a "$top/source" "$top/tree"
	mkdir -p "$top/libraries"
	(cd "$top/libraries" && cpio -idu --quiet <"$archive")
	run make -s -C "$1" O="$top/headers" ARCH=x86_64 INSTALL_HDR_PATH="$top/usr" headers_install &&
		run make -j"$JOBS" -C "$top/tree/tools/testing/selftests/mm" ARCH=x86_64 KDIR="$top/none" \
			CC="${KCC:-gcc}" KHDR_INCLUDES="-isystem $top/usr/include" USERCFLAGS="${words[*]}"
}

# build_mm_tests: what is in $MODULES-mm is kept while the tree does not change.
build_mm_tests() {
	local top=$MODULES-mm log=$MODULES-mm.log tree changed archive
	tree=$(kernel_tree)
	changed=$(copy_mm_tests "$tree" "$top/source")
	[[ -n $changed || ! -e $top/built ]] || return 0
	rm -f "$top/built"
	debian_archive mm-libraries
	say TESTS "selftests/mm" "log: $log"
	make_mm_tests "$tree" "$top" >"$log" 2>&1 ||
		die "building selftests/mm of $tree failed: $(first_error "$log"); see $log"
	touch "$top/built"
}

# build_upstream: for each of the kernels.
build_upstream() {
	local kernel
	[[ $ARCH == x86_64 ]] || die "upstream's selftests are built for x86_64 only; leave SUITE=mm out"
	for kernel in $KERNELS; do
		use_kernel "$kernel"
		build_mm_tests
	done
}

# find_upstream: what the suite says it wants of the kernel and of its tree is in the array
# $upstream, as pairs.
find_upstream() {
	local names file top=$MODULES-mm/tree/tools/testing/selftests/mm
	upstream=()
	read -ra names <<<"$(part_says modules)"
	if ((${#names[@]})); then
		kernel_modules "${names[@]}"
		upstream+=("${modules[@]}")
	fi
	[[ -n $(part_says selftests) ]] || return 0
	upstream+=("parts/tap.awk=$ROOT/scripts/guest/rows/tap.awk"
		"boot/config-$(<"$OUT/include/config/kernel.release")=$OUT/.config")
	for file in "$top"/*; do
		[[ ! -f $file || ! -x $file ]] || upstream+=("selftests/mm/${file##*/}=$file")
	done
}
