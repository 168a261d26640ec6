# SPDX-License-Identifier: GPL-2.0
"""KTAP as KUnit prints it, strictly: every block has a plan, and the plan is kept.

A line belongs to the block at its indentation.  A result line takes the block
that was open one level deeper as its own; a block that never gets its result
line is kept with the status "open", so that what is cut short is never lost.
The rules agree with tools/testing/kunit/kunit_parser.py, which reads the first
document of a log only and forgives more.
"""
from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

VERSION = re.compile(r"^( *)K?TAP version (\d+)$")
SUBTEST = re.compile(r"^( *)# Subtest: (.*)$")
PLAN = re.compile(r"^( *)1\.\.(\d+)$")
RESULT = re.compile(r"^( *)(ok|not ok) (\d+)(?: (.*))?$")
NOTE = re.compile(r"^ *#(?: |$)")
DIRECTIVE = re.compile(r" ?# (SKIP|TODO|XFAIL|TIMEOUT|ERROR)\b *(.*)$")
STATS = re.compile(r"^ *# (.+): pass:(\d+) fail:(\d+) skip:(\d+) total:(\d+)$")
# "# case: EXPECTATION FAILED at file:line", or kunit_fail_current_test()'s
# "# case: file:line: message".
PLACE = re.compile(r"^ *# .*?: (?:(?:EXPECTATION|ASSERTION) FAILED at )?(\S+\.[chS]:\d+)(?::|$)")


@dataclass
class Line:
    """A line of a log: its number in the file, its printk time and prefix."""
    text: str
    number: int = 0
    stamp: float | None = None
    prefix: str = ""


@dataclass
class Result:
    """A result line, with the block of results that it sums up."""
    name: str
    status: str                     # pass, fail, skip, or open: no result line
    number: int = 0
    reason: str = ""                # of a skip
    log: list[str] = field(default_factory=list)
    block: Block | None = None
    line: int = 0
    start: float | None = None      # printk times
    stop: float | None = None

    @property
    def place(self) -> str:
        """The file:line of the first failed assertion, if one was printed."""
        found = (PLACE.match(text) for text in self.log)
        return next((m[1] for m in found if m), "")

    @property
    def time(self) -> float | None:
        if self.start is None or self.stop is None:
            return None
        return max(0.0, self.stop - self.start)


@dataclass
class Block:
    """One level of results: a document, a suite, or a case's parameters."""
    indent: int = 0
    name: str = ""
    plan: int | None = None
    results: list[Result] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)
    line: int = 0
    start: float | None = None
    lines: list[Line] = field(default_factory=list)     # of a document only

    def faults(self, planned: bool = True) -> list[str]:
        """Why these results cannot be trusted to be complete, if so."""
        told = list(self.strays)
        numbers = [r.number for r in self.results if r.status != "open"]
        cut = [r.name or "a block" for r in self.results if r.status == "open"]
        if cut and self.indent:     # of a document: its suite tells more
            told.append(f"{', '.join(cut)} is cut short")
        if self.plan is None and planned:
            told.append("has no plan")
        if self.plan is not None and self.plan != len(numbers):
            told.append(f"its plan is 1..{self.plan}, but {len(numbers)} came")
        # The console's counter of suites goes on from one document to the next.
        first = numbers[0] if numbers and not self.indent else 1
        if numbers != list(range(first, first + len(numbers))):
            told.append(f"results are numbered {' '.join(map(str, numbers))}")
        return told


def stats_fault(result: Result) -> str:
    """KUnit's own count of a block against the results that came.

    6.12 prints no plan for parameters: there this alone tells that one is lost.
    """
    if result.block is None:
        return ""
    for text in result.log:
        match = STATS.match(text)
        if match and match[1] == result.name:
            said = [int(n) for n in match.groups()[1:4]]
            have = [sum(r.status == s for r in result.block.results)
                    for s in ("pass", "fail", "skip")]
            if said != have:
                return ("KUnit counted pass:%d fail:%d skip:%d" % tuple(said)
                        + " but pass:%d fail:%d skip:%d came" % tuple(have))
    return ""


class Parser:
    """Reads lines into documents; feed() each, then finish()."""

    def __init__(self) -> None:
        self.documents: list[Block] = []
        self.stack: list[Block] = []
        self.log: list[str] = []
        self.since: float | None = None

    def close(self, indent: int) -> None:
        """Ends, as cut short, each block that is deeper than indent."""
        while len(self.stack) > 1 and self.stack[-1].indent > indent:
            block = self.stack.pop()
            self.stack[-1].results.append(
                Result(block.name, "open", log=self.log, block=block,
                       line=block.line, start=block.start))
            self.log = []

    def open(self, indent: int, line: Line) -> None:
        self.close(max(0, indent - 1))
        block = Block(indent, line=line.number, start=line.stamp)
        if indent == 0 or not self.stack:
            self.finish()
            block.indent = 0
            self.stack = [block]
            self.documents.append(block)
            if indent:
                block.strays.append("begins in the middle")
                self.open(indent, line)
                return
        else:
            self.stack.append(block)
        self.since = line.stamp

    def result(self, match: re.Match[str], line: Line) -> None:
        indent, name = len(match[1]), match[4] or ""
        directive = DIRECTIVE.search(name)
        status = "pass" if match[2] == "ok" else "fail"
        reason = ""
        if directive:
            name = name[:directive.start()]
            if directive[1] == "SKIP":
                status, reason = "skip", directive[2].strip()
        name = name.removeprefix("- ").strip()
        result = Result(name, status, int(match[3]), reason, line=line.number,
                        start=self.since, stop=line.stamp)
        top = self.stack[-1]
        if len(self.stack) > 1 and top.indent > indent >= self.stack[-2].indent \
                and top.name in ("", name):
            result.block = self.stack.pop()
            result.start = result.block.start
        self.close(indent)
        top = self.stack[-1]
        if top.indent != indent:
            top.strays.append(f"stray result line {line.text.strip()!r}")
            return
        result.log, self.log, self.since = self.log, [], line.stamp
        top.results.append(result)

    def plan(self, match: re.Match[str], line: Line) -> None:
        self.close(len(match[1]))
        top = self.stack[-1]
        if top.indent != len(match[1]) or top.plan is not None or top.results:
            top.strays.append(f"stray plan {line.text.strip()!r}")
        else:
            top.plan = int(match[2])
            if len(self.stack) == 2:
                self.log = []       # the suite's attributes

    def subtest(self, match: re.Match[str], line: Line) -> None:
        indent = len(match[1])
        if self.stack[-1].indent < indent:      # no version line: before 6.3
            self.open(indent, line)
        self.stack[-1].name = self.stack[-1].name or match[2].strip()

    def feed(self, line: Line) -> None:
        text = line.text
        version = VERSION.match(text)
        if version:
            self.open(len(version[1]), line)
        if not self.stack or not text.strip():
            return
        self.documents[-1].lines.append(line)
        if version:
            return
        if match := SUBTEST.match(text):
            self.subtest(match, line)
        elif match := PLAN.match(text):
            self.plan(match, line)
        elif match := RESULT.match(text):
            self.result(match, line)
        else:
            self.log.append(text)

    def finish(self) -> list[Block]:
        if self.stack:
            self.close(0)
        self.stack, self.log = [], []
        return self.documents


def parse(lines: Iterable[Line]) -> list[Block]:
    """The KTAP documents of a log, in order."""
    parser = Parser()
    for line in lines:
        parser.feed(line)
    return parser.finish()


def is_structure(text: str) -> bool:
    return any(p.match(text) for p in (VERSION, PLAN, RESULT))
