#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Checks a series: its form, its words, checkpatch, and that three tools apply it to the same result."""
from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path

from series import COVER, SeriesError, explain_failure, read_patch, read_series

BASE_KEYS = {"version", "tag", "tarball", "sha256"}
SUBJECT = re.compile(r"[\w./,{}*+ -]+: (?P<verb>\S+)")
NOT_IMPERATIVE = re.compile(r"(?!(need|embed|feed|seed|shed|bring|string|spring)$)\w+(ed|ing)$"
                            r"|(add|fix|mov|remov|us|mak|convert|drop|renam|chang|switch|introduc)e?s$")
ALLOWED_LONG = re.compile(r"^\s|^>|https?://|^[A-Z][\w-]+: |^\[")
AUTHOR = re.compile(r".*\S <[^@<>\s]+@[^@<>\s]+>")
TOOLS = ("git am", "quilt push -a", "patch -p1 --fuzz=0")
# What the module has for kernels without the series, of the files that this adds.
COPIES = {"include/linux/memdesc.h": "module/include/linux/memdesc.h", "mm/memdesc.c": "module/memdesc.c"}
Problems = list[str]


def run(command: list[str | Path], where: Path, **environment: str) -> tuple[int, str]:
    """Runs a command in `where`; returns its exit code and all that it said."""
    done = subprocess.run(command, cwd=where, env=os.environ | environment, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def check_form(patches: Path, names: list[str]) -> Problems:
    """Series and files agree, topics are whole and in order, each has a cover letter."""
    there = {str(path.relative_to(patches)) for path in patches.glob("*/*") if path.name != COVER}
    problems = [f"{name} is in the series and missing" for name in names if name not in there]
    problems += [f"{name} is there and not in the series" for name in sorted(there - set(names))]
    problems += [f"{name} is in the series twice" for name in sorted({n for n in names if names.count(n) > 1})]
    topics = read_series(patches / "series").topics()
    if topics != sorted(set(topics)):
        problems.append("topics are not each in one piece and in the order of their numbers: " + " ".join(topics))
    for topic in sorted(set(topics)):
        numbers = [name.split("/")[1][:4] for name in names if name.startswith(topic + "/")]
        if numbers != [f"{at:04}" for at in range(1, len(numbers) + 1)]:
            problems.append(f"{topic} is not numbered 0001 and on; run 'make refresh'")
        if not (patches / topic / COVER).is_file():
            problems.append(f"{topic}/{COVER} is missing; write it")
    return problems


def check_base(patches: Path) -> Problems:
    """BASE says what the series applies to."""
    if not (patches / "BASE").is_file():
        return ["BASE is missing"]
    text = (patches / "BASE").read_text(encoding="utf-8")
    keys = {line.split("=")[0] for line in text.splitlines() if line.partition("=")[2]}
    return [f"BASE has no {key}=" for key in sorted(BASE_KEYS - keys)]


def check_words(path: Path) -> Problems:
    """Author, sign-off, subject and line lengths of one patch."""
    patch = read_patch(path)
    problems = []
    if not path.read_bytes().startswith(b"From 0000000000000000000000000000000000000000 "):
        problems.append("its first line names a commit that nobody has; run 'make refresh'")
    if not AUTHOR.fullmatch(patch.author):
        problems.append(f"From: '{patch.author}' is not Name <mail@host>")
    if f"\nSigned-off-by: {patch.author}" not in "\n" + patch.body:
        problems.append(f"there is no Signed-off-by of its author, {patch.author}")
    if len(patch.subject) > 72:
        problems.append(f"subject of {len(patch.subject)} columns; at most 72")
    if not (match := SUBJECT.match(patch.subject)):
        problems.append(f"subject '{patch.subject}' is not 'subsys: Imperative summary'")
    elif NOT_IMPERATIVE.match(match["verb"].lower()):
        problems.append(f"subject: '{match['verb']}' is not imperative")
    for line in patch.body.splitlines():
        if len(line) > 75 and not ALLOWED_LONG.search(line):
            problems.append(f"line of {len(line)} columns in its text; at most 75: '{line[:40]}...'")
    return problems


def read_ignores(path: Path) -> list[tuple[str, str]]:
    """The pairs of TYPE and pattern; a line without a reason is an error."""
    pairs = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            parts = line.split(None, 2)
            if len(parts) < 3:
                raise SeriesError(f"{path.name}: '{line}' gives no reason")
            pairs.append((parts[0], parts[1]))
    return pairs


def run_checkpatch(tree: Path, patches: Path, name: str, ignores: list[tuple[str, str]]) -> Problems:
    """The tree's own checkpatch; one that dies or says nothing it can be judged by has failed."""
    types = [kind for kind, pattern in ignores if fnmatch(name, pattern)]
    command: list[str | Path] = ["perl", "scripts/checkpatch.pl", "--strict", "--show-types", "--color=never"]
    if types:
        command += ["--ignore", ",".join(types)]
    code, said = run([*command, patches / name], tree)
    lines = [line for line in said.splitlines() if line.strip()]
    if code == 0 and re.search(r"^total: 0 errors, 0 warnings, 0 checks", said, re.MULTILINE):
        return []
    # Each report is followed by where: `#12: FILE: mm/x.c:5:`.
    found = [f"{line} ({lines[at + 1].rstrip(':') if at + 1 < len(lines) else ''})"
             for at, line in enumerate(lines) if re.match(r"(ERROR|WARNING|CHECK):[A-Z_]+:", line)]
    return found or [f"checkpatch ended with {code}: {lines[-1] if lines else 'no output'}"]


class Workshop:
    """The files that the series touches, out of the pristine commit, once for each tool."""

    def __init__(self, tree: Path, patches: Path, names: list[str], scratch: Path) -> None:
        self.tree, self.patches, self.names, self.scratch = tree, patches, names, scratch
        self.files = sorted({file for name in names for file in read_patch(patches / name).files})

    def git(self, *arguments: str | Path, where: Path) -> tuple[int, str]:
        """Git in the work tree of a tool."""
        return run(["git", *arguments], where)

    def prepare(self, tool: str) -> Path:
        """A small repository with just these files, committed."""
        where = self.scratch / tool.split()[0]
        where.mkdir()
        listed = run(["git", "ls-tree", "-r", "--name-only", "pristine", "--", *self.files], self.tree)[1].splitlines()
        self.git("init", "-q", "--template=", where=where)
        if listed:
            archive = self.scratch / "pristine.tar"
            run(["git", "archive", "-o", archive, "pristine", "--", *listed], self.tree)
            run(["tar", "-xf", archive], where)
        self.git("add", "-A", "-f", where=where)
        self.git("commit", "-q", "--allow-empty", "-m", "pristine", where=where)
        return where

    def apply(self, tool: str) -> tuple[Problems, str]:
        """Applies the whole series; returns what went wrong and the git tree that came out."""
        where = self.prepare(tool)
        all_patches = [self.patches / name for name in self.names]
        if tool == "git am":
            code, said = self.git("am", "-q", "--no-3way", "--keep-non-patch", "--keep-cr", "--no-scissors",
                                  *all_patches, where=where)
            if code:
                at = int((where / ".git/rebase-apply/next").read_text(encoding="ascii"))
                said = self.git("apply", "--check", "--cached", all_patches[at - 1], where=where)[1] + said
                return [f"{self.names[at - 1]}: {explain_failure(all_patches[at - 1], said)}"], ""
        elif tool.startswith("quilt"):
            code, said = run(["quilt", "--quiltrc", "/dev/null", "push", "-a", "--fuzz=0"], where,
                             QUILT_PATCHES=str(self.patches), QUILT_PC=str(self.scratch / "pc"))
            if code:
                return ["; ".join(said.strip().splitlines()[-3:])], ""
        else:
            for name, path in zip(self.names, all_patches, strict=True):
                code, said = run(["patch", "-p1", "--fuzz=0", "--forward", "--no-backup-if-mismatch", "-s", "-i", path],
                                 where)
                if code:
                    return [f"{name}: {'; '.join(said.strip().splitlines()[:2])}"], ""
        self.git("add", "-A", "-f", where=where)
        return [], self.git("write-tree", where=where)[1].strip()


def check_applies(workshop: Workshop) -> Iterator[tuple[str, Problems]]:
    """Each tool on its own, then that they agree."""
    results = {}
    for tool in TOOLS:
        problems, results[tool] = workshop.apply(tool)
        yield f"{tool} applies the series", problems
    if all(results.values()):
        same = len(set(results.values())) == 1
        yield "the three give the same tree", [] if same else [f"{tool}: {results[tool]}" for tool in TOOLS]


def check_copies(workshop: Workshop, root: Path) -> Iterator[tuple[str, Problems]]:
    """The module's copy of a file is the one that the series makes, to the byte."""
    for name in sorted(COPIES.keys() & set(workshop.files)):
        made, copy = workshop.scratch / TOOLS[0].split()[0] / name, root / COPIES[name]
        same = made.is_file() and copy.is_file() and made.read_bytes() == copy.read_bytes()
        yield f"{COPIES[name]} is {name}", [] if same else ["they differ; copy the one that is right over the other, then 'make refresh'"]


def all_checks(tree: Path, patches: Path, ignore: Path) -> Iterator[tuple[str, Problems]]:
    """Every check as a name and what is wrong."""
    names = read_series(patches / "series").patches
    yield "BASE", check_base(patches)
    form = check_form(patches, names)
    yield "series and files agree", form
    names = [name for name in dict.fromkeys(names) if (patches / name).is_file()]
    for name in names:
        yield f"{name} reads well", check_words(patches / name)
    ignores = read_ignores(ignore)
    with ThreadPoolExecutor(int(os.environ.get("JOBS", "2"))) as pool:
        found = pool.map(lambda name: run_checkpatch(tree, patches, name, ignores), names)
        yield from ((f"{name} checkpatch --strict", problems) for name, problems in zip(names, found, strict=True))
    with tempfile.TemporaryDirectory(prefix="foliolab-check-") as scratch:
        workshop = Workshop(tree, patches, names, Path(scratch))
        yield from check_applies(workshop)
        yield from check_copies(workshop, ignore.resolve().parents[2])


def main() -> int:
    """See scripts/check-patches, which calls this."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("tree", "patches", "ignore"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    for tool in ("quilt", "patch", "perl"):
        if not shutil.which(tool):
            print(f"check-patches: {tool} is missing; run 'make deps'", file=sys.stderr)
            return 2
    passed = failed = 0
    try:
        for name, problems in all_checks(arguments.tree, arguments.patches, arguments.ignore):
            passed, failed = passed + (not problems), failed + bool(problems)
            print(f"{'FAIL' if problems else 'ok'} {name}")
            for problem in problems:
                print(f"  {problem}")
    except (SeriesError, OSError) as error:
        print(f"check-patches: {error}", file=sys.stderr)
        return 2
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
