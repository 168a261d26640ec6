#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Loads each KUnit suite of the folio series that is installed as a module, by kselftest's
# module.sh. That says whether it loads; what its cases say is in the kernel's log.
module_sh=$(dirname "$0")/../kselftest/module.sh
modules=/lib/modules/$(uname -r)

skip() {
	echo "1..0 # SKIP $*"
	exit 4
}

# suites: the modules that use the fixture of the series.
suites() {
	find "$modules" -name '*_kunit.ko*' ! -name 'folio_kunit.ko*' | sort | while read -r file; do
		modinfo -F depends "$file" | tr , '\n' | grep -qx folio_kunit || continue
		basename "$file" | sed 's/\.ko.*//'
	done
}

# said MARK: what the kernel said since.
said() {
	dmesg | sed "1,/$1/d"
}

[ -x "$module_sh" ] || skip "no $module_sh: not installed by kselftest's install"
[ -w /dev/kmsg ] || skip "please run as root"
[ -d "$modules" ] || skip "no modules of $(uname -r)"
names=$(suites)
[ -n "$names" ] || skip "no suite of the series in $modules"
# shellcheck disable=SC2086 # names, one a word
set -- $names
echo "TAP version 13"
echo "1..$#"
number=0 status=0
for name; do
	number=$((number + 1))
	mark="folio_kunit.sh $$ $name"
	echo "$mark" >/dev/kmsg
	"$module_sh" "folio: $name" "$name" 2>&1 | sed 's/^/# /'
	log=$(said "$mark")
	verdicts=$(echo "$log" | grep -E '(^|\] )(not )?ok [0-9]+ ')
	if [ -z "$verdicts" ] || echo "$verdicts" | grep -q '\(^\|\] \)not ok'; then
		echo "$log" | grep -E 'not ok|EXPECTATION|ASSERTION|Expected' | sed 's/^/# /'
		[ -n "$verdicts" ] || echo "# no result in the log; is kunit.enable=1?"
		echo "not ok $number $name"
		status=1
	else
		echo "ok $number $name"
	fi
done
exit "$status"
