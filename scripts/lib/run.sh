# SPDX-License-Identifier: GPL-2.0
# Sourced by the verbs that leave a run behind: its directory, and what it was.
# shellcheck shell=bash

# new_run NAME: an empty directory for one run's results; prints its path. QEMU
# takes a comma in a path for the end of it.
new_run() {
	local dir
	set -- "${1//[ ,]/+}"
	dir=${OUTDIR:-$ROOT/out}/$(date +%Y%m%d-%H%M%S)-$1
	mkdir -p "${dir%/*}"
	while ! mkdir "$dir" 2>/dev/null; do dir+=x; done
	ln -sfn "${dir##*/}" "${dir%/*}/latest-$1"
	echo "$dir"
}

# describe_run RUN HOW OUT VERB: writes meta.json and repro.sh. REPEAT= is another
# command that repeats the run than the verb, for a run inside of another.
describe_run() {
	local run=$1 how=$2 out=$3 repeat
	repeat=${REPEAT:-$(command_again "$4")}
	RUN=$run HOW=$how OUT=$out REPEAT=$repeat \
		SOURCE=$BUILD/source-$BASE.meta SERIES=$(series_dir) \
		COMPILER=$("$(compiler)" --version | head -n1) QEMU=$("$(qemu_name)" --version | head -n1) \
		ACCELERATOR=$(choose_accel "$(kernel_image "$out")") \
		COMMIT=$(git -C "$ROOT" describe --always --dirty 2>/dev/null || echo unknown) \
		python3 "$ROOT/scripts/lib/describe.py"
	write_repro "$run" "$repeat"
}

# command_again VERB: with what it was told by its environment.
command_again() {
	local name
	for name in BASE ARCH CFG STOCK T FUZZ CYCLES KCC SMP MEM APPEND TIMEOUT ACCEL SEED \
		SUITE FS FILESYSTEMS OPS KERNELS PATCHED PRISTINE; do
		[[ -z ${!name:-} || ${!name} == no ]] || printf '%s=%s ' "$name" "${!name@Q}"
	done
	echo "scripts/$1"
}

# write_repro DIR COMMAND
write_repro() {
	printf '#!/bin/sh\n# Repeats this run.\ncd %q && exec env %s\n' "$ROOT" "$2" >"$1/repro.sh"
	chmod +x "$1/repro.sh"
}

# kunit_filter: what T= means, as parameters of the guest's kernel.
kunit_filter() {
	case ${T:-} in
	'') ;;
	fast) echo 'kunit.filter=speed>slow' ;;
	*) echo "kunit.filter_glob=$T" ;;
	esac
}

# still_going RUN SECONDS: whether the guest of RUN, that had so many, ended a case in
# the last third of them. Then the machine is slow, and nothing was seen to hang.
still_going() {
	awk -v seconds="$2" '/^\[ *[0-9.]+\] +(not )?ok / { sub(/^\[ */, ""); last = $1 + 0 }
		END { exit !(last > seconds * 2 / 3) }' "$1/console.log"
}
