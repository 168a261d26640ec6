# SPDX-License-Identifier: GPL-2.0
"""What the rows of `make qemu` mean: each of both kernels, and one against the other."""
from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matrix import MatrixError, Row

KERNELS = ("base", "patched")
# results.json's verdict, as the table has it; whatever else is no result.
SHOWN = {"pass": "passed", "fail": "failed", "crash": "crashed", "timeout": "timeout"}
BAD = ("failed", "crashed", "timeout")
NONE = "no result"
UNRUN = "it did not run"
EXCERPT = 12
# What a row means; the second says how it counts in the last line.
MEANINGS = {"passed": "passed", "fixed": "passed", "skipped": "skipped", "known": "known",
            "failed": "failed", "new failure": "failed", "error": "failed"}


@dataclass
class Side:
    """A row on one kernel. Without a result it is never more than "no result"."""
    status: str = NONE              # a value of SHOWN, "skipped", NONE, or "-": not asked for
    reason: str = UNRUN
    faults: set[str] = field(default_factory=set)
    passed: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    excerpt: list[str] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    cost: dict[str, float] = field(default_factory=dict)


@dataclass
class Verdict:
    """A row on both kernels, and what that means."""
    row: Row
    sides: dict[str, Side]
    means: str
    why: str = ""

    @property
    def counts(self) -> str:
        return MEANINGS[self.means]

    @property
    def is_left(self) -> bool:
        """Whether a kernel has not run it yet."""
        return any(side.status == NONE and side.reason == UNRUN for side in self.sides.values())


def normal(title: str) -> str:
    """A splat without what differs between two kernels or two runs: numbers."""
    return re.sub(r"0x[0-9a-f]+|\d+", "#", title)


def read_cases(side: Side, result: dict[str, Any]) -> None:
    """Which cases passed and failed, and the log of the first that failed."""
    for suite in result["suites"]:
        for case in suite["cases"]:
            name = f"{suite['name']}.{case['name']}"
            if case["status"] == "pass":
                side.passed.add(name)
            elif case["status"] == "skip":
                side.skipped.add(name)
            elif case["status"] == "fail":
                params = [param for param in case["params"] if param["status"] == "fail"]
                side.faults |= {f"{name}[{param['name']}]" for param in params} or {name}
                log = next((each["log"] for each in [case, *params] if each["log"]), [])
                side.excerpt = side.excerpt or [f"{name} failed", *(line.strip(" #") for line in log[-EXCERPT:])]


def read_side(directory: Path) -> Side:
    """What the directory of a row and kernel holds."""
    skipped, path = directory / "skipped", directory / "results.json"
    if skipped.is_file():
        return Side("skipped", skipped.read_text().strip())
    try:
        result = json.loads(path.read_text())
        side = Side(SHOWN.get(result["verdict"], NONE), "; ".join(each["text"] for each in result["problems"]))
        read_cases(side, result)
        side.cost = result.get("cost", {})
        for splat in result["splats"]:
            side.faults.add(f"console: {normal(splat['title'])}")
        if result["splats"]:
            side.excerpt = result["splats"][0]["excerpt"][:EXCERPT]
    except FileNotFoundError:
        return Side()
    except (ValueError, KeyError, TypeError) as error:
        return Side(reason=f"{path.name} cannot be read: {error!r}")
    if side.status not in ("passed", "failed"):
        side.faults.add(f"the guest: {side.status}")
        side.excerpt = side.excerpt or tail(directory / "console.log")
    return side


def tail(path: Path) -> list[str]:
    return path.read_text(errors="replace").splitlines()[-EXCERPT:] if path.is_file() else []


def judge_alone(side: Side) -> tuple[str, str]:
    """A row of which one kernel alone was asked for."""
    return ("failed", listed(side.faults)) if side.status in BAD else (side.status, side.reason)


def compare(base: Side, patched: Side) -> tuple[str, str]:
    """What a row means that may fail on neither kernel, and why."""
    new = patched.faults - base.faults | {f"{name} is skipped" for name in base.passed & patched.skipped}
    if patched.status == "skipped":
        return ("new failure", f"skipped: {patched.reason}") if base.status == "passed" else ("skipped", patched.reason)
    if new or (patched.status in BAD and base.status not in BAD):
        return "new failure", listed(new) or patched.reason
    if patched.status in BAD:
        return "known", "the base fails, too: " + listed(patched.faults)
    if gone := base.faults - patched.faults:
        return "fixed", listed(gone)
    return "passed", ""


def compare_fix(base: Side, patched: Side) -> tuple[str, str]:
    """A reproduction must fail on the base, pass on the patched kernel, and do nothing else. What
    the base complains of on the console may be just what a patch mends."""
    said = {name for name in base.faults if name.startswith("console: ")}
    due = (base.passed | base.skipped | base.faults | patched.passed | patched.skipped) - said
    if wrong := {name for name in due if name not in base.faults or name not in patched.passed} | patched.faults:
        return "failed", "not red on the base and green on the patched: " + listed(wrong)
    return "fixed", listed(due)


def listed(names: set[str]) -> str:
    first = sorted(names)[:3]
    return ", ".join(first) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def judge(row: Row, sides: dict[str, Side]) -> Verdict:
    """One row of the table."""
    for kernel, side in sides.items():
        if side.status == NONE:
            return Verdict(row, sides, "error", f"{kernel}: {side.reason or NONE}")
    asked = [side for side in sides.values() if side.status != "-"]
    if len(asked) == 1:
        return Verdict(row, sides, *judge_alone(asked[0]))
    base, patched = (sides[kernel] for kernel in KERNELS)
    return Verdict(row, sides, *(compare_fix if row.suite == "fixes" else compare)(base, patched))


def read_plan(run: Path) -> tuple[list[Row], list[str]]:
    """The rows that are due, and the kernels that were asked for."""
    try:
        lines = (run / "plan").read_text().splitlines()
    except OSError as error:
        raise MatrixError(f"{run} is no run of make qemu: {error.strerror}: plan") from error
    return [Row(*line.split()[1:3]) for line in lines[1:]], lines[0].split()


def judge_run(run: Path) -> list[Verdict]:
    rows, asked = read_plan(run)
    verdicts = []
    for row in rows:
        sides = {kernel: read_side(run / "rows" / row.name / kernel) if kernel in asked
                 else Side("-", "") for kernel in KERNELS}
        verdict = judge(row, sides)
        if row.suite == "fixes":
            for kernel in KERNELS:
                sides[kernel].notes = read_notes(run / "rows" / row.name / kernel / "ktap/fixes.ktap")
        verdicts.append(verdict)
    return verdicts


def read_notes(path: Path) -> dict[str, str]:
    """What each reproduction measured."""
    return dict(re.findall(r"^ +# (?!Subtest:)(\w+): (.*)", path.read_text(), re.M)) if path.is_file() else {}


def exit_code(verdicts: list[Verdict]) -> int:
    """As everywhere: a crash says more than a timeout, that than no result, that than a failure."""
    bad = [verdict for verdict in verdicts if verdict.counts == "failed"]
    statuses = {verdict.sides["patched"].status for verdict in bad if verdict.means != "error"}
    if "crashed" in statuses:
        return 3
    if "timeout" in statuses:
        return 4
    return 5 if any(verdict.means == "error" for verdict in bad) or not verdicts else 1 if bad else 0
