#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The table of `make qemu`, from what its rows left behind.

  scripts/lib/matrix_show.py RUN        prints it, writes summary.txt, results.json, junit.xml
                                        and index.html into RUN; exits as the verb does
  scripts/lib/matrix_show.py RUN ROW    one line on this row, and how many are left
  scripts/lib/matrix_show.py RUN --again
                                        names the rows and kernels that want to be run again,
                                        since the row is not as it should be
"""
from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import matrix_html
from matrix import MatrixError
from matrix_verdict import KERNELS, Verdict, exit_code, judge_run
from render import Paint, coloured, junit, plain, write_file
from results import EXITS, SCHEMA, Case, Run, Suite

VERDICTS = {code: verdict for verdict, code in EXITS.items()}
COLOURS = {"passed": "green", "failed": "red"}


def row_line(verdict: Verdict, widths: tuple[int, int], paint: Paint) -> str:
    sides = "".join(f"{verdict.sides[kernel].status:<11}" for kernel in KERNELS)
    line = f"{verdict.row.fs:{widths[0]}}{verdict.row.suite:<{widths[1]}}{sides}"
    colour = COLOURS.get(verdict.counts)
    return line + (paint(colour, verdict.means) if colour else verdict.means)


def table(verdicts: list[Verdict], paint: Paint) -> Iterator[str]:
    widths = (max([len("filesystem"), *(len(verdict.row.fs) for verdict in verdicts)]) + 2,
              max([len("metadata"), *(len(verdict.row.suite) for verdict in verdicts)]) + 2)
    yield f"{'filesystem':{widths[0]}}{'suite':<{widths[1]}}{'base':<11}{'patched':<11}"
    for verdict in verdicts:
        yield row_line(verdict, widths, paint)


def details(verdicts: list[Verdict], paint: Paint) -> Iterator[str]:
    """Whatever did not simply pass, with what the console or the case said."""
    for verdict in verdicts:
        if verdict.means == "passed":
            continue
        colour = COLOURS.get(verdict.counts)
        head = f"{verdict.means.upper()} {verdict.row.name}"
        yield (paint(colour, head) if colour else head) + (f"  {verdict.why}" if verdict.why else "")
        for kernel, side in verdict.sides.items():
            for name, note in side.notes.items():
                yield f"      {kernel}: {name}: {note}"
            if side.excerpt and not side.notes:
                yield f"      {kernel}, rows/{verdict.row.name}/{kernel}:"
                yield from (f"        {line}" for line in side.excerpt)


def last_line(verdicts: list[Verdict]) -> str:
    counts = {count: sum(verdict.counts == count for verdict in verdicts)
              for count in ("passed", "failed", "skipped", "known")}
    return f"{counts['passed']} passed, {max(counts['failed'], not verdicts)} failed" + "".join(
        f", {counts[count]} {count}" for count in ("skipped", "known") if counts[count])


def summary(verdicts: list[Verdict], paint: Paint = plain) -> str:
    told = [*details(verdicts, paint)]
    return "\n".join([*table(verdicts, paint), "", *told, *([""] if told else []), last_line(verdicts)]) + "\n"


def as_run(verdicts: list[Verdict]) -> Run:
    """The table as cases, a suite with its filesystems, for what renders those."""
    statuses = {"passed": "pass", "skipped": "skip", "known": "skip", "failed": "fail"}
    run = Run("module")
    for name in dict.fromkeys(verdict.row.suite for verdict in verdicts):
        run.suites.append(Suite(name, [
            Case(verdict.row.name, "missing" if verdict.means == "error" else statuses[verdict.counts],
                 ": ".join(filter(None, [verdict.means, verdict.why])), log=verdict.sides["patched"].excerpt)
            for verdict in verdicts if verdict.row.suite == name]))
    return run


def as_json(run: Path, verdicts: list[Verdict]) -> dict[str, Any]:
    """Documentation/qemu.rst describes it."""
    code = exit_code(verdicts)
    meta = run / "meta.json"
    rows = [{"name": verdict.row.name, "suite": verdict.row.suite, "filesystem": verdict.row.fs,
             "means": verdict.means, "counts": verdict.counts, "why": verdict.why,
             "kernels": {kernel: {name: sorted(value) if isinstance(value, set) else value
                                  for name, value in asdict(side).items()}
                         for kernel, side in verdict.sides.items()}} for verdict in verdicts]
    return {"schema": SCHEMA, "verdict": VERDICTS[code], "exit": code,
            "meta": json.loads(meta.read_text()) if meta.is_file() else {},
            "totals": {count: sum(verdict.counts == count for verdict in verdicts)
                       for count in ("passed", "failed", "skipped", "known")}, "rows": rows}


def one_line(verdicts: list[Verdict], name: str) -> str:
    """Progress: what a row came to, and how many have no result yet."""
    left = sum(verdict.is_left for verdict in verdicts)
    verdict = next(verdict for verdict in verdicts if verdict.row.name == name)
    why = f" ({verdict.why})" if verdict.means != "passed" and verdict.why else ""
    return f"{verdict.means}{why}; {left} of {len(verdicts)} rows left"


def again(verdicts: list[Verdict]) -> Iterator[str]:
    """Both kernels of a row that failed, for one seed says something of both alone."""
    for verdict in verdicts:
        if verdict.counts == "failed":
            yield from (f"{verdict.row.name}/{kernel}" for kernel, side in verdict.sides.items() if side.status != "-")


def report(run: Path) -> int:
    verdicts = judge_run(run)
    write_file(run / "summary.txt", summary(verdicts))
    write_file(run / "results.json", json.dumps(as_json(run, verdicts), indent=1) + "\n")
    write_file(run / "junit.xml", junit(as_run(verdicts)))
    write_file(run / "index.html", matrix_html.page(run, verdicts, last_line(verdicts)))
    paint = coloured if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else plain
    sys.stdout.write(summary(verdicts, paint))
    return exit_code(verdicts)


def main(words: list[str]) -> int:
    match words:
        case [run]:
            return report(Path(run))
        case [run, "--again"]:
            print("\n".join(again(judge_run(Path(run)))))
            return 0
        case [run, row]:
            print(one_line(judge_run(Path(run)), row))
            return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except MatrixError as error:
        print(f"qemu: {error}", file=sys.stderr)
        sys.exit(2)
