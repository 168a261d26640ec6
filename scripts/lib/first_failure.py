#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""scripts/lib/first_failure.py RUN: what failed first in a run, and how many did."""
import json
import sys
from pathlib import Path


def main(run: Path) -> str:
    result = json.loads((run / "results.json").read_text())
    failed = [f"{suite['name']}.{case['name']}" for suite in result["suites"]
              for case in suite["cases"] if case["status"] == "fail"]
    if failed:
        return failed[0] + (f" and {len(failed) - 1} more" if failed[1:] else "")
    return f"a splat: {result['splats'][0]['title']}" if result["splats"] else result["verdict"]


if __name__ == "__main__":
    print(main(Path(sys.argv[1])))
