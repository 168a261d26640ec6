# SPDX-License-Identifier: GPL-2.0
"""What a run proved: KTAP and console against the list of cases that was due.

A case starts as missing, a run as an error; only a complete document whose
plan is kept changes that.  Documentation/results.rst describes the rules and
the form of results.json, which is as_json() of a Run.
"""
from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import console
import ktap
from cases import Cases

SCHEMA = 1
EXITS = {"pass": 0, "fail": 1, "crash": 3, "timeout": 4, "error": 5}
LOG_LINES = 60
SHOWN = {"pass": "passed", "fail": "failed", "skip": "skipped", "missing": "missing"}


@dataclass
class Case:
    """A case, or one parameter of it. A case that nothing reports stays missing."""
    name: str
    status: str = "missing"
    reason: str = ""        # why skipped or missing
    place: str = ""         # file:line of the first failed assertion
    time: float | None = None
    log: list[str] = field(default_factory=list)
    params: list[Case] = field(default_factory=list)


@dataclass
class Suite:
    name: str
    cases: list[Case]
    time: float | None = None

    def count(self, status: str) -> int:
        return sum(case.status == status for case in self.cases)


@dataclass
class Problem:
    """Why a result is not complete or cannot be believed."""
    kind: str       # crash, timeout, guest, console, document, suite, case
    text: str


@dataclass
class Run:
    """All that is known of one run."""
    how: str
    suites: list[Suite] = field(default_factory=list)
    splats: list[console.Splat] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    guest: str = ""
    meta: dict[str, Any] = field(default_factory=dict)
    cost: dict[str, float] = field(default_factory=dict)

    def add(self, kind: str, text: str) -> None:
        self.problems.append(Problem(kind, text))

    def count(self, status: str) -> int:
        return sum(suite.count(status) for suite in self.suites)

    @property
    def checks(self) -> dict[str, str]:
        """What is asked of a run besides its cases; each counts when it fails."""
        return {"console.no_splat": "fail" if self.splats else "pass",
                "run.complete": "fail" if self.problems else "pass"}

    @property
    def verdict(self) -> str:
        kinds = {problem.kind for problem in self.problems}
        if "crash" in kinds or any(splat.crash for splat in self.splats):
            return "crash"
        if "timeout" in kinds:
            return "timeout"
        if self.problems or self.count("missing") or not self.suites:
            return "error"
        return "fail" if self.splats or self.count("fail") else "pass"

    @property
    def totals(self) -> dict[str, int]:
        """As in the last line: whatever is neither passed nor skipped has failed."""
        return {"passed": self.count("pass"),
                "failed": self.count("fail") + self.count("missing")
                + sum(status == "fail" for status in self.checks.values()),
                "skipped": self.count("skip")}


def as_json(run: Run) -> dict[str, Any]:
    """The documented form of results.json."""
    return {
        "schema": SCHEMA, "verdict": run.verdict, "exit": EXITS[run.verdict],
        "how": run.how, "guest": run.guest, "cost": run.cost, "meta": run.meta,
        "totals": run.totals, "checks": run.checks,
        "suites": [asdict(suite) | {shown: suite.count(status) for status, shown in SHOWN.items()}
                   for suite in run.suites],
        "splats": [asdict(splat) for splat in run.splats],
        "problems": [asdict(problem) for problem in run.problems],
    }


def judge_case(run: Run, suite: str, result: ktap.Result) -> Case:
    """One case of a suite, with its parameters."""
    case = Case(result.name, result.status, result.reason, result.place, result.time)
    where = f"{suite}.{result.name}"
    if result.status == "fail":
        case.log = result.log[:LOG_LINES]
    if result.block:
        times: dict[str, int] = {}
        for param in result.block.results:
            name = param.name or f"param-{param.number}"
            times[name] = times.get(name, 0) + 1
            case.params.append(Case(
                f"{name}#{times[name]}" if times[name] > 1 else name,
                "missing" if param.status == "open" else param.status, param.reason,
                param.place, param.time, param.log[:LOG_LINES] if param.status == "fail" else []))
        faults = result.block.faults(planned=False)
        counted = ktap.stats_fault(result)
        if result.status != "open" and (faults or counted):
            case.status, case.reason = "missing", "parameters: " + "; ".join(faults or [counted])
        if result.status == "pass" and any(p.status == "fail" for p in case.params):
            run.add("case", f"{where} says ok, though a parameter of it failed")
            case.status = "fail"
    if result.status == "open":
        case.status, case.reason = "missing", "cut short before its result"
    return case


def judge_block(run: Run, suite: Suite, result: ktap.Result) -> None:
    """The results that came for a suite, set against its expected cases."""
    assert result.block is not None
    name, due = suite.name, {case.name: at for at, case in enumerate(suite.cases)}
    seen: set[str] = set()
    for each in result.block.results:
        if each.name not in due:
            run.add("case", f"unexpected case {name}.{each.name or '?'}: is scripts/cases out of step"
                    " with the kernel that ran?")
        elif each.name in seen:
            run.add("case", f"{name}.{each.name} came twice")
            suite.cases[due[each.name]] = Case(each.name, reason="two results: which one counts?")
        else:
            suite.cases[due[each.name]] = judge_case(run, name, each)
        seen.add(each.name)
    if result.status == "open":
        last = result.block.results[-1].name if result.block.results else "its header"
        run.add("document", f"{name} is cut short after {last} (it begins on line {result.block.line})")
        return
    for fault in filter(None, [*result.block.faults(), ktap.stats_fault(result)]):
        run.add("document", f"{name}: {fault}")
    said = {each.status for each in result.block.results}
    if ((result.status == "fail") != ("fail" in said)
            or (result.status == "skip" and "pass" in said)):
        run.add("suite", f"{name} says {result.status}, its cases say {', '.join(sorted(said)) or 'nothing'}")


def judge_suite(run: Run, name: str, cases: list[str], results: list[ktap.Result]) -> Suite:
    """One expected suite; each case gets exactly one status."""
    suite = Suite(name, [Case(case) for case in cases])
    if not results:
        run.add("suite", f"{name} has no result: it did not run, or the log ends before it")
    elif len(results) > 1:
        run.add("suite", f"{name} has {len(results)} results: which one counts?")
        for case in suite.cases:
            case.reason = "the suite has more than one result"
    elif results[0].block:
        suite.time = results[0].time
        judge_block(run, suite, results[0])
    elif results[0].status == "skip":
        for case in suite.cases:
            case.status, case.reason = "skip", results[0].reason
    else:
        why = "; ".join(text.strip("# ") for text in results[0].log) or "nothing says why"
        run.add("suite", f"{name} ended before its first case: {why}")
    return suite


def read_documents(run: Run, directory: Path, lines: list[ktap.Line]) -> list[ktap.Block]:
    """The KTAP documents: of the console, or those that the guest sent."""
    if run.how == "builtin":
        return ktap.parse(lines)
    documents: list[ktap.Block] = []
    for path in sorted((directory / "ktap").glob("*.ktap*")):
        if path.suffix != ".ktap":
            run.add("document", f"ktap/{path.name} was cut short while the guest sent it")
        found = ktap.parse(console.read_lines(path))
        if not found:
            run.add("document", f"ktap/{path.name} holds no KTAP document")
        documents += found
    return documents


def read_guest(run: Run, directory: Path) -> None:
    """How the guest ended, as the runner wrote it."""
    path = directory / "guest.status"
    run.guest = path.read_text().strip().partition("\n")[0] if path.is_file() else ""
    if run.guest == "timeout":
        run.add("timeout", "the guest did not end in time")
    elif run.guest.startswith("qemu-exit"):
        run.add("crash", f"QEMU ended before the guest was done ({run.guest})")
    elif run.guest == "host-full":
        run.add("guest", f"the host had no space left for {directory}: make some, and run it again")
    elif run.guest != "done":
        run.add("guest", f"guest.status is {run.guest!r}, not 'done': the run did not reach its end")


def read_cost(path: Path) -> dict[str, float]:
    """What a guest took, all of its boots together; nothing where nobody measured it."""
    boots = [[*map(float, line.split())] for line in path.read_text().splitlines()] if path.is_file() else []
    return {name: round(sum(column), 1) for name, column in zip(("seconds", "cpu_seconds"), zip(*boots))}


def read_console(run: Run, directory: Path) -> list[ktap.Line]:
    """Looks for splats, and for proof that they would have been seen; returns the KTAP."""
    path = directory / "console.log"
    lines = console.read_lines(path) if path.is_file() else []
    ours, rest = console.split_ktap(lines)
    run.splats = console.find_splats(rest)
    if not any(line.text for line in lines):
        run.add("console", "console.log is empty: nothing booted, or the console went elsewhere")
    elif not any(line.text.startswith("Linux version ") for line in rest):
        run.add("console", "console.log has no 'Linux version' line: the kernel did not start, or is"
                " too quiet to show a warning (boot without 'quiet')")
    if lost := console.dropped_messages(lines):
        run.add("console", f"the console dropped {lost} messages: a splat may be among them")
    return ours


def evaluate(directory: Path, how: str, known: Cases, expected: Cases, meta: dict[str, Any]) -> \
        tuple[Run, list[ktap.Block]]:
    """The run in a directory; known are all suites that may report, expected those that must."""
    run = Run(how, meta=meta, cost=read_cost(directory / "guest.cost"))
    read_guest(run, directory)
    documents = read_documents(run, directory, read_console(run, directory))
    for document in documents:
        for fault in document.faults():
            run.add("document", f"KTAP document at line {document.line}: {fault}")
    results = [result for document in documents for result in document.results]
    for name in dict.fromkeys(result.name for result in results):
        if name not in known:
            run.add("suite", f"unexpected suite {name or '?'}: is scripts/cases out of step with the"
                    " kernel that ran?")
    for name, cases in expected.items():
        run.suites.append(judge_suite(run, name, cases, [r for r in results if r.name == name]))
    if run.suites and run.count("skip") == sum(len(suite.cases) for suite in run.suites):
        run.add("suite", "every case was skipped: nothing was proven")
    return run, documents
