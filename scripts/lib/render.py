# SPDX-License-Identifier: GPL-2.0
"""A run in the forms that people and tools read: summary.txt and junit.xml."""
from __future__ import annotations

import os
import re
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path

from results import EXITS, SHOWN, Case, Run

Paint = Callable[[str, str], str]
MEANING = {"pass": "every case passed or was skipped",
           "fail": "a case failed, or the kernel complained",
           "crash": "the guest crashed",
           "timeout": "the guest did not end in time",
           "error": "no complete result"}
CODES = {"red": 31, "green": 32}
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def plain(_colour: str, text: str) -> str:
    return text


def coloured(colour: str, text: str) -> str:
    return f"\x1b[{CODES[colour]}m{text}\x1b[0m"


def write_file(path: Path, text: str) -> None:
    """Writes the whole file or nothing."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as stream:
            stream.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def seconds(time: float | None) -> str:
    return "-" if time is None else f"{time:.2f}s"


def each_case(run: Run) -> Iterator[tuple[str, Case]]:
    """Every case, each followed by its parameters, with its full name."""
    for suite in run.suites:
        for case in suite.cases:
            yield f"{suite.name}.{case.name}", case
            for param in case.params:
                yield f"{suite.name}.{case.name}[{param.name}]", param


def table(run: Run, paint: Paint) -> Iterator[str]:
    width = max([len(suite.name) for suite in run.suites] + [len("suite")])
    heads = [*SHOWN.values(), "time"]
    yield f"{'suite':{width}}" + "".join(f"{head:>9}" for head in heads)
    for suite in run.suites:
        counts = [suite.count(status) for status in SHOWN]
        row = f"{suite.name:{width}}" + "".join(f"{n:9}" for n in counts) + f"{seconds(suite.time):>9}"
        good = counts[0] and not counts[1] and not counts[3]
        yield paint("green" if good else "red", row)


def indented(lines: list[str]) -> Iterator[str]:
    return (f"      {line.rstrip()}" for line in lines)


def details(run: Run, paint: Paint) -> Iterator[str]:
    for name, case in each_case(run):
        if case.status == "fail" and not any(p.status == "fail" for p in case.params):
            yield paint("red", f"FAIL    {name}") + (f"  {case.place}" if case.place else "")
            yield from indented(case.log)
        elif case.status == "missing":
            yield paint("red", f"MISSING {name}") + (f"  {case.reason}" if case.reason else "")
        elif case.status == "skip":
            yield f"SKIP    {name}  {case.reason or 'no reason given'}"
    for splat in run.splats:
        yield paint("red", f"{'CRASH' if splat.crash else 'SPLAT':7} console.log:{splat.line}") \
            + f"  {splat.title}"
        yield from indented(splat.excerpt)
    for problem in run.problems:
        yield paint("red", "ERROR  ") + f" {problem.text}"


def summary(run: Run, paint: Paint = plain) -> str:
    """The table, then whatever did not simply pass, then the verdict."""
    lines = [*table(run, paint)]
    if told := [*details(run, paint)]:
        lines += ["", *told]
    totals, verdict = run.totals, run.verdict
    lines += ["", paint("green" if verdict == "pass" else "red",
                        f"{verdict}: {MEANING[verdict]} (exit {EXITS[verdict]})"),
              f"{totals['passed']} passed, {totals['failed']} failed"
              + (f", {totals['skipped']} skipped" if totals["skipped"] else "")]
    return "\n".join(lines) + "\n"


def add_case(parent: ET.Element, suite: str, name: str, case: Case) -> None:
    node = ET.SubElement(parent, "testcase", classname=suite, name=NOT_XML.sub("?", name))
    if case.time is not None:
        node.set("time", f"{case.time:.6f}")
    kinds = {"fail": "failure", "missing": "error", "skip": "skipped"}
    if case.status not in kinds:
        return
    message = case.place or case.reason or case.status
    child = ET.SubElement(node, kinds[case.status], message=NOT_XML.sub("?", message))
    if case.log:
        child.text = NOT_XML.sub("?", "\n".join(case.log))


def add_suite(root: ET.Element, name: str, time: float | None, cases: list[Case]) -> None:
    node = ET.SubElement(root, "testsuite", name=name)
    for case in cases:
        add_case(node, name, case.name, case)
        for param in case.params:
            add_case(node, name, f"{case.name}[{param.name}]", param)
    for key, tag in (("tests", "testcase"), ("failures", "failure"),
                     ("errors", "error"), ("skipped", "skipped")):
        node.set(key, str(sum(1 for _ in node.iter(tag))))
    if time is not None:
        node.set("time", f"{time:.6f}")


def junit(run: Run) -> str:
    """A testcase for each case, and one for each parameter, named case[param]."""
    root = ET.Element("testsuites", name="foliolab")
    for suite in run.suites:
        add_suite(root, suite.name, suite.time, suite.cases)
    if run.splats:
        log = [line for splat in run.splats for line in splat.excerpt]
        add_suite(root, "console", None, [Case("no_splat", "fail", run.splats[0].title, log=log)])
    if run.problems:
        log = [problem.text for problem in run.problems]
        add_suite(root, "run", None, [Case("complete", "missing", log[0], log=log)])
    for key in ("tests", "failures", "errors", "skipped"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"
