# SPDX-License-Identifier: GPL-2.0
"""The cases that the sources promise, read without building them: those of kunit/,
and the parts of scripts/guest/ that try the module."""
from __future__ import annotations

import fnmatch
import json
import re
from pathlib import Path

Cases = dict[str, list[str]]

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|(\"(?:\\.|[^\"\\])*\")", re.S)
ARRAY = re.compile(r"\bstruct\s+kunit_case\s+(?:__\w+\s+)*(\w+)\s*\[\s*\]\s*=\s*\{(.*?)\}\s*;", re.S)
SUITE = re.compile(r"\bstruct\s+kunit_suite\s+(?:__\w+\s+)*(\w+)\s*=\s*\{(.*?)\n?\}\s*;", re.S)
ENTRY = re.compile(r"KUNIT_CASE(?:_\w+)?\s*\(\s*(\w+)|\{\s*\}|,|\s+")


SLOW = re.compile(r"\bKUNIT_CASE_SLOW\b|\bKUNIT_SPEED_(?:VERY_)?SLOW\b")
SHELL = re.compile(r"^test_([a-z0-9_]+)\(\) *\{( *# slow$)?", re.M)
SHARED = re.compile(r"^# cases: (\S+)$", re.M)


class CasesError(Exception):
    """The cases cannot be known from the source."""


def past_call(text: str, at: int) -> int:
    """Where the call ends whose opening parenthesis lies before at."""
    depth = 1
    while depth and at < len(text):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at += 1
    return at


def read_array(where: str, body: str) -> list[str]:
    """The cases of one array; anything that is not a KUNIT_CASE*() is refused,
    since a case that the list does not know would never be missed."""
    names: list[str] = []
    at = 0
    while at < len(body):
        entry = ENTRY.match(body, at)
        if not entry:
            odd = body[at:].split("\n")[0].strip()
            raise CasesError(f"{where}: {odd!r} is not a KUNIT_CASE*(): write each case out,"
                             " and kunit_skip() what a config lacks")
        if entry[1]:
            if entry[1] in names:
                raise CasesError(f"{where}: the case {entry[1]} is listed twice")
            names.append(entry[1])
        at = past_call(body, entry.end()) if entry[1] else entry.end()
    return names


def scan_source(path: Path) -> Cases:
    """The suites and cases of one file."""
    text = COMMENT.sub(lambda m: m[1] or " ", path.read_text())
    arrays = {m[1]: read_array(f"{path.name}: {m[1]}", m[2]) for m in ARRAY.finditer(text)}
    suites: Cases = {}
    for match in SUITE.finditer(text):
        name = re.search(r"\.name\s*=\s*\"([^\"]+)\"", match[2])
        array = re.search(r"\.test_cases\s*=\s*(\w+)", match[2])
        if not name or not array or not arrays.get(array[1]):
            raise CasesError(f"{path.name}: the suite {match[1]} has no .name or no cases in this file")
        if name[1] in suites:
            raise CasesError(f"{path.name}: two suites are named {name[1]}")
        suites[name[1]] = arrays[array[1]]
    if not suites:
        raise CasesError(f"{path.name}: no struct kunit_suite in it")
    return suites


def read_part(path: Path) -> str:
    """The text of a shell part, with what it shares with others in the place of a line "# cases: FILE"."""
    return SHARED.sub(lambda match: (path.parent / match[1]).read_text(), path.read_text())


def scan_part(path: Path) -> Cases:
    """The suite of one shell part: a case is a function test_NAME()."""
    names = [match[1] for match in SHELL.finditer(read_part(path))]
    if not names:
        raise CasesError(f"{path.name}: no function test_NAME() in it")
    if twice := [name for name in names if names.count(name) > 1]:
        raise CasesError(f"{path.name}: the case {twice[0]} is there twice")
    return {path.stem: names}


def scan_sources(directory: Path) -> Cases:
    """The suites and cases of every *_kunit.c in a directory, by suite name, and
    those of every *.sh."""
    suites: Cases = {}
    for path in sorted(directory.glob("*.sh")):
        suites |= scan_part(path)
    for path in sorted(directory.glob("*_kunit.c")):
        for name, cases in scan_source(path).items():
            if name in suites:
                raise CasesError(f"{path.name}: the suite {name} is in another file, too")
            suites[name] = cases
    if not suites:
        raise CasesError(f"no *_kunit.c and no *.sh in {directory}")
    return dict(sorted(suites.items()))


def slow_cases(text: str) -> set[str]:
    """The cases of a source that KUnit's speed attribute marks as slow."""
    names: set[str] = set()
    for array in ARRAY.finditer(text):
        for entry in re.finditer(r"(KUNIT_CASE\w*\s*\()\s*(\w+)", array[2]):
            if SLOW.search(array[2][entry.start():past_call(array[2], entry.end(1))]):
                names.add(entry[2])
    return names


def scan_slow(directory: Path) -> set[str]:
    """The slow cases of every *_kunit.c and *.sh in a directory, as suite.case."""
    slow: set[str] = {f"{path.stem}.{match[1]}" for path in directory.glob("*.sh")
                      for match in SHELL.finditer(read_part(path)) if match[2]}
    for path in sorted(directory.glob("*_kunit.c")):
        text = COMMENT.sub(lambda m: m[1] or " ", path.read_text())
        names = slow_cases(text)
        slow |= {f"{suite}.{case}" for suite, cases in scan_source(path).items()
                 for case in cases if case in names}
    return slow


def select(known: Cases, slow: set[str], wanted: str) -> Cases:
    """The cases that T= means: all, the fast ones, or those of a pattern suite[.case].
    A suite of which no case is left does not run."""
    suite_glob, _, case_glob = wanted.partition(".")
    chosen: Cases = {}
    for suite, cases in known.items():
        if wanted == "fast":
            left = [case for case in cases if f"{suite}.{case}" not in slow]
        elif fnmatch.fnmatchcase(suite, suite_glob or "*"):
            left = [case for case in cases if fnmatch.fnmatchcase(case, case_glob or "*")]
        else:
            left = []
        if left:
            chosen[suite] = left
    if not chosen:
        raise CasesError(f"T={wanted} matches no case; the suites are: {', '.join(known) or 'none'}")
    return chosen


def read_list(path: Path) -> Cases:
    """A list in either form that scripts/cases prints."""
    text = path.read_text()
    if text.lstrip().startswith("{"):
        try:
            listed = json.loads(text)
        except ValueError as error:
            raise CasesError(f"{path}: {error}") from error
        if not all(isinstance(v, list) and all(isinstance(c, str) for c in v)
                   for v in listed.values()):
            raise CasesError(f"{path}: not of the form {{\"suite\": [\"case\", ...]}}")
        return {str(k): v for k, v in listed.items()}
    suites: Cases = {}
    for line in text.split():
        suite, dot, case = line.partition(".")
        if not dot:
            raise CasesError(f"{path}: {line!r} is not suite.case")
        suites.setdefault(suite, []).append(case)
    return suites
