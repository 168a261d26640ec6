#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""scripts/lib/fixes_table.py RUN: the reproductions on both kernels, side by side.

Reads results.json of RUN/base and RUN/patched. Each must have failed on the first
and passed on the second. The last line is "N passed, N failed"; exit code 1 when
one is not as it should be.
"""
import json
import re
import sys
from pathlib import Path


def read_run(run: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The status of each case of a run, and what it measured."""
    result = json.loads((run / "results.json").read_text())
    status = {case["name"]: case["status"] for suite in result["suites"] for case in suite["cases"]}
    text = (run / "ktap/fixes.ktap").read_text() if (run / "ktap/fixes.ktap").exists() else ""
    measured = dict(re.findall(r"^ +# (\w+): (.*)", text, re.M))
    return status, measured


def main(run: Path) -> int:
    base, base_measured = read_run(run / "base")
    patched, patched_measured = read_run(run / "patched")
    good = 0
    print(f"{'fix':24} {'base':8} {'patched':8}")
    for name in base:
        right = base[name] == "fail" and patched.get(name) == "pass"
        good += right
        print(f"{name:24} {base[name]:8} {patched.get(name, 'missing'):8}"
              + ("" if right else "  <- should be fail and pass"))
        print(f"  base:    {base_measured.get(name, '')}\n  patched: {patched_measured.get(name, '')}")
    print(f"\n{good} passed, {len(base) - good} failed")
    return 0 if good == len(base) > 0 else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
