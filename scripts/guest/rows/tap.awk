# SPDX-License-Identifier: GPL-2.0
# What one category of run_vmtests.sh printed, as a KTAP document of its programs: the plan
# first, without what is no result. A second file is the same once more: what failed in
# only one of the two has passed, and its diagnostics say so. With killed=SECONDS what was
# begun last has failed.
FNR == 1 { run++; said = 0 }

# What is worth repeating of a program: its failures, and how it ended.
/^# / {
	line = substr($0, 3)
	# The line above is drawn with a tr that busybox has only in part.
	if (line ~ /^running / && before ~ /^-/) {
		begun = substr(line, 9)
		sub(/^(bash )?\.\//, "", begun)
		said = 0
	}
	before = line
	told[++said] = line
	next
}

/^(not )?ok [0-9]+ / {
	name = $0
	sub(/^(not )?ok [0-9]+ /, "", name)
	status = $1 == "not" ? "not ok" : name ~ /# SKIP/ ? "skip" : "ok"
	sub(/ # .*/, "", name)
	note(++results[run], status, name)
	begun = ""
}

function note(number, status, name,    at, notes) {
	names[run, number] = name
	statuses[run, number] = status
	reasons[run, number] = ""
	for (at = 1; at <= said; at++) {
		if (told[at] ~ /SKIP/ && told[at] !~ /^\[SKIP\]|^# (Totals|SUMMARY)|[0-9] skipped test/)
			reasons[run, number] = told[at]
		if (at > said - 25 || told[at] ~ /not ok|[Bb]ail out|FAIL|[Ee]rror/)
			notes = notes "# " substr(told[at], 1, 300) "\n"
	}
	logs[run, number] = notes
	said = 0
}

END {
	if (killed && begun != "") {
		told[++said] = "killed after " killed " s"
		note(++results[run], "not ok", begun)
	}
	print "KTAP version 1"
	print "1.." results[1] + 0
	for (number = 1; number <= results[1]; number++) {
		status = statuses[1, number]
		name = names[1, number]
		if (status == "not ok") {
			printf "%s", logs[1, number]
			if (run > 1 && names[2, number] == name && statuses[2, number] == "ok") {
				print "# that was once: it passed when the category was run again"
				status = "ok"
			}
		}
		if (status == "skip") {
			reason = reasons[1, number]
			sub(/.*SKIP\]? */, "", reason)
			print "ok " number " " name " # SKIP " reason
		} else {
			print status " " number " " name
		}
	}
}
