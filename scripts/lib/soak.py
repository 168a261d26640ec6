# SPDX-License-Identifier: GPL-2.0
"""scripts/lib/soak.py RUN RUNS CASES: the verdict on a soak, from what its guest left.

Every one of RUNS runs must have a result for each of CASES cases, and none may
have failed; the console may hold no splat, and kmemleak, where it is, no leak.
Exit codes: 0 so it is, 1 not so, 3 the guest crashed, 4 timeout, 5 incomplete.
"""
from __future__ import annotations

import sys
from pathlib import Path

import console


def main(run: Path, runs: int, cases: int) -> int:
    lines = console.read_lines(run / "console.log")
    splats = console.find_splats(console.split_ktap(lines)[1])
    for splat in splats[:5]:
        print(f"  {splat.kind}: {splat.title} (console.log line {splat.line})")
    guest = (run / "guest.status").read_text().strip()
    told = run / "runs.txt"
    if guest != "done" or not told.exists():
        print(f"  the guest did not reach its end: {guest}\n0 passed, {runs} failed")
        return 3 if any(splat.crash for splat in splats) else 4 if guest == "timeout" else 5
    passed = 0
    for line in told.read_text().splitlines():
        seed, ok, skipped, failed = map(int, line.split())
        if failed or ok + skipped != cases:
            print(f"  seed {seed}: {ok} passed, {skipped} skipped, {failed} failed of {cases}"
                  + (f"; see failed/{seed}.ktap" if failed else ""))
        else:
            passed += 1
    leaks = (run / "leaks.txt").read_text()
    if leaks:
        print("  kmemleak:\n" + leaks)
    print(f"{passed} passed, {runs - passed + bool(splats) + bool(leaks)} failed")
    return 0 if passed == runs and not splats and not leaks else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
