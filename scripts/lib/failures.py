#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What a mutant made fail, and which cases none has.

scripts/lib/failures.py RUN LIST: what failed first in a run, and how many did;
                                  all that failed go to LIST, one a line
scripts/lib/failures.py --unseen DIRECTORY: of the cases on standard input, those
                                  that are in no *.cases of the directory
"""
import json
import sys
from pathlib import Path


def failures(run: Path, to: Path) -> str:
    result = json.loads((run / "results.json").read_text())
    failed = [f"{suite['name']}.{case['name']}" for suite in result["suites"]
              for case in suite["cases"] if case["status"] == "fail"]
    to.write_text("".join(f"{name}\n" for name in failed))
    if failed:
        return failed[0] + (f" and {len(failed) - 1} more" if failed[1:] else "")
    return f"a splat: {result['splats'][0]['title']}" if result["splats"] else result["verdict"]


def unseen(lists: Path, cases: list[str]) -> str:
    """Writes lists/unseen; says how many of the cases have been seen to fail."""
    seen = {name for path in lists.glob("*.cases") for name in path.read_text().split()}
    never = [name for name in cases if name not in seen]
    to = lists / "unseen"
    to.write_text("".join(f"{name}\n" for name in never))
    rest = f"; the others are in {to}" if never else ""
    return f"{len(cases) - len(never)} of {len(cases)} cases have been seen to fail{rest}"


if __name__ == "__main__":
    if sys.argv[1] == "--unseen":
        print(unseen(Path(sys.argv[2]), sys.stdin.read().split()))
    else:
        print(failures(Path(sys.argv[1]), Path(sys.argv[2])))
