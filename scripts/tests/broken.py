#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""scripts/tests/broken.py RUN: whether each row of broken.tsv came to what it must.

RUN is a run of `make qemu` with the filesystems of broken.tsv on the patched kernel. The last
line is "N passed, N failed".
"""
from __future__ import annotations

import json
import re
import sys
from pathlib import Path

TABLE = Path(__file__).with_name("broken.tsv")


def told_of(directory: Path) -> str:
    """All that a row said of what went wrong."""
    if (directory / "skipped").is_file():
        return (directory / "skipped").read_text()
    result = json.loads((directory / "results.json").read_text())
    logs = [line for suite in result["suites"] for case in suite["cases"] for line in case["log"]]
    return "\n".join([*logs, *(problem["text"] for problem in result["problems"])])


def main(run: Path) -> int:
    rows = {row["filesystem"]: row for row in json.loads((run / "results.json").read_text())["rows"]}
    wanted = re.findall(r"^#= (\S+) (\S+) ?(.*)$", TABLE.read_text(), re.M)
    failed = {*rows} ^ {name for name, _, _ in wanted}
    for name, means, text in wanted:
        row = rows.get(name)
        told = told_of(run / "rows" / row["name"] / "patched") if row else "it has no row"
        if not row or row["means"] != means or text not in told:
            failed.add(name)
            print(f"{name}: {row and row['means']} instead of {means}, or not '{text}': {told}")
    print(f"{len({*rows} - failed)} passed, {len(failed)} failed")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
