# SPDX-License-Identifier: GPL-2.0
"""scripts/lib/coverage.py TABLE DIRECTORY: the coverage of functions, as reStructuredText.

TABLE names source files and patterns of their functions; DIRECTORY holds a
.gcda and a .gcno for each. gcov(1) reads them; this adds up what it says.
"""
from __future__ import annotations

import fnmatch
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Count:
    """Lines and branches that ran at least once, of those there are."""
    lines: int = 0
    lines_run: int = 0
    branches: int = 0
    branches_run: int = 0

    def add(self, other: Count) -> None:
        self.lines += other.lines
        self.lines_run += other.lines_run
        self.branches += other.branches
        self.branches_run += other.branches_run

    def cells(self) -> list[str]:
        return [str(self.lines), share(self.lines_run, self.lines),
                str(self.branches), share(self.branches_run, self.branches)]


def share(part: int, whole: int) -> str:
    return f"{100 * part // whole} %" if whole else "-"


def read_functions(path: Path, patterns: list[str]) -> dict[str, Count]:
    """The counts of the functions of one source that match, by name."""
    told = subprocess.run(["gcov", "--json-format", "--branch-probabilities", "--stdout", path.name],
                          cwd=path.parent, capture_output=True, text=True, check=True).stdout
    functions: dict[str, Count] = {}
    source: dict[str, Any]
    for source in json.loads(told.splitlines()[0])["files"]:
        if Path(source["file"]).name != f"{path.stem.partition('-')[2]}.c":
            continue        # an inline function of a header
        for line in source["lines"]:
            name = line.get("function_name", "")
            if not any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
                continue
            branches = line["branches"]
            functions.setdefault(name, Count()).add(Count(
                1, line["count"] > 0, len(branches), sum(branch["count"] > 0 for branch in branches)))
    return functions


def table(head: list[str], rows: list[list[str]]) -> str:
    """A simple table of reStructuredText."""
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]
    rule = "  ".join("=" * width for width in widths)
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in [head, *rows]]
    return "\n".join([rule, lines[0], rule, *lines[1:], rule]) + "\n"


def main(listed: Path, directory: Path) -> None:
    head = ["lines", "run", "branches", "taken"]
    by_file: list[list[str]] = []
    by_function: list[str] = []
    for entry in listed.read_text().splitlines():
        if not entry or entry.startswith("#"):
            continue
        source, patterns = entry.split("\t")
        functions = read_functions(directory / f"{Path(source).parent.name}-{Path(source).stem}.gcda", patterns.split())
        if not functions:
            raise SystemExit(f"coverage: gcov knows no function of {source} that {listed.name} names")
        total = Count()
        for count in functions.values():
            total.add(count)
        by_file.append([f"``{source}``", *total.cells()])
        rows = [[f"{name}()", *count.cells()] for name, count in sorted(functions.items())]
        by_function.append(f"``{source}``\n{'-' * (len(source) + 4)}\n\n{table(['function', *head], rows)}")
    print(".. SPDX-License-Identifier: GPL-2.0\n\n========\nCoverage\n========\n\n"
          "What the suites run through, as ``make coverage UPDATE=yes`` found it: of the functions\n"
          "that ``scripts/lib/coverage.tsv`` names, the lines that ran and the branches that were\n"
          "taken at least once. A line that ran is not yet one that a case would miss: that is\n"
          "what ``make mutants`` is for.\n\n"
          "By file\n=======\n\n" + table(["source", *head], by_file) +
          "\nBy function\n===========\n\n" + "\n".join(by_function), end="")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
