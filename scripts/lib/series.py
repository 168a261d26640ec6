#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The quilt series of a base: reading it, showing it, and saying why a patch of it fails.

A line `# NN-topic: title` opens a topic; the lines after it name its patches.
"""
from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from email import policy
from email.parser import BytesParser
from pathlib import Path

COVER = "0000-cover-letter.patch"
TOPIC = re.compile(r"# *(\d\d-[a-z0-9-]+):")
PATCH = re.compile(r"(?P<topic>\d\d-[a-z0-9-]+)/(?P<file>\d{4}-[\w.+-]+\.patch)")
HUNK = re.compile(rb"@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@")


class SeriesError(Exception):
    """The series or a patch is not in the form that it must have."""


@dataclass
class Series:
    """`leads` are the comment lines by what they stand before: a topic, a patch, "end", "" for the top."""

    patches: list[str] = field(default_factory=list)
    leads: dict[str, list[str]] = field(default_factory=dict)

    def topics(self) -> list[str]:
        """The topics in order; one that comes twice is there twice."""
        names = [patch.split("/")[0] for patch in self.patches]
        return [name for at, name in enumerate(names) if at == 0 or names[at - 1] != name]


def read_series(path: Path) -> Series:
    """Keeps every line, so that a series written again loses no comment."""
    series, opened = Series(), ""
    pending: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        name = line.split("#")[0].strip()
        if topic := TOPIC.match(line):
            if not series.leads and not series.patches:
                blanks = [at for at, text in enumerate(pending) if not text.strip()]
                cut = blanks[-1] + 1 if blanks else len(pending)
                series.leads[""], pending = pending[:cut], pending[cut:]
            elif opened:
                series.leads[opened], pending = pending, []
            opened = topic[1]
        if not name:
            pending.append(line)
        elif not PATCH.fullmatch(name):
            raise SeriesError(f"{path.name}: '{name}' is not NN-topic/NNNN-subject.patch")
        else:
            topic_name = name.split("/")[0]
            first = not series.patches or series.topics()[-1] != topic_name
            series.leads[topic_name if first else name], pending, opened = pending, [], ""
            series.patches.append(name)
    series.leads[opened or "end"] = pending
    return series


@dataclass
class Patch:
    """One mail: its header, its text, and how many lines of which files it changes."""

    author: str
    subject: str
    body: str
    files: list[str]
    added: int
    removed: int


def read_patch(path: Path) -> Patch:
    """Reads a mail as git format-patch writes it."""
    raw = path.read_bytes()
    mail = BytesParser(policy=policy.default).parsebytes(raw.partition(b"\n")[2])
    text = raw.partition(b"\n\n")[2].decode("utf-8", "replace")
    body, _, diff = ("\n" + text).partition("\n---\n")
    counts = {"+": 0, "-": 0}
    files: dict[str, None] = {}
    in_hunk = False
    for line in diff.split("\n"):
        if line.startswith("diff --git "):
            in_hunk = False
            files.update(dict.fromkeys(name[2:] for name in line.split()[2:4]))
        elif line.startswith("@@ "):
            in_hunk = True
        elif in_hunk and line == "-- ":
            break
        elif in_hunk and line[:1] in counts:
            counts[line[0]] += 1
    subject = re.sub(r"^\[PATCH[^]]*\] ", "", str(mail["Subject"] or ""))
    return Patch(str(mail["From"] or ""), subject, body.strip("\n"), list(files), counts["+"], counts["-"])


def show_table(directory: Path) -> None:
    """One line a patch and a total."""
    series = read_series(directory / "series")
    rows = [("TOPIC", "PATCH", "+", "-", "FILES", "SUBJECT")]
    total = [0, 0]
    files: set[str] = set()
    for name in series.patches:
        if not (directory / name).is_file():
            raise SeriesError(f"series names {name}, which is missing; restore the file or take the line out")
        patch = read_patch(directory / name)
        topic, file = name.split("/")
        rows.append((topic, file[:4], f"+{patch.added}", f"-{patch.removed}", str(len(patch.files)), patch.subject))
        total = [total[0] + patch.added, total[1] + patch.removed]
        files.update(patch.files)
    rows.append(("total", str(len(series.patches)), f"+{total[0]}", f"-{total[1]}", str(len(files)), ""))
    wide = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        print(f"{row[0]:<{wide[0]}}  {row[1]:<{wide[1]}}  {row[2]:>{wide[2]}}  {row[3]:>{wide[3]}}  "
              f"{row[4]:>{wide[4]}}  {row[5]}".rstrip())


def explain_failure(patch: Path, log: str) -> str:
    """The file and the hunk out of what git apply and git am said."""
    if missing := re.search(r"error: (\S+): (does not exist in index|already exists in index)", log):
        state = "is not in the tree" if missing[2].startswith("does") else "is in the tree already"
        return f"{missing[1]} {state}"
    if failed := re.search(r"error: patch failed: (\S+):(\d+)", log):
        hunks: list[bytes] = []
        current = b""
        for line in patch.read_bytes().splitlines():
            if line.startswith(b"diff --git "):
                current = line.split()[3][2:]
            elif current == failed[1].encode() and HUNK.match(line):
                hunks.append(line)
        for number, hunk in enumerate(hunks, 1):
            if (match := HUNK.match(hunk)) and int(match[1]) == int(failed[2]):
                return f"{failed[1]}, hunk {number} of {len(hunks)} ({hunk.decode('utf-8', 'replace')})"
        return f"{failed[1]}, at line {failed[2]}"
    if corrupt := re.search(r"corrupt patch at \S+", log):
        return corrupt[0]
    lines = [line for line in log.splitlines() if line.strip()]
    return lines[0].removeprefix("error: ").removeprefix("fatal: ") if lines else "git am gives no reason"


def main(arguments: list[str]) -> int:
    """series.py table DIRECTORY, or series.py explain PATCH with the log on standard input."""
    try:
        match arguments:
            case ["table", directory]:
                show_table(Path(directory))
            case ["explain", patch]:
                print(explain_failure(Path(patch), sys.stdin.read()))
            case _:
                raise SeriesError(main.__doc__ or "")
    except (SeriesError, OSError) as error:
        print(f"series: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
