# SPDX-License-Identifier: GPL-2.0
"""Made-up runs for the tests of the result pipeline, from the pieces in logs/."""
from __future__ import annotations

import io
import json
import runpy
import subprocess
import sys
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock

SCRIPTS = Path(__file__).resolve().parent.parent
LOGS = SCRIPTS / "tests/logs"
sys.path.insert(0, str(SCRIPTS / "lib"))

REPORT = runpy.run_path(str(SCRIPTS / "report"))

BOOT = (LOGS / "boot.log").read_text()
SUITES = (LOGS / "suites.ktap").read_text()
GAMMA = (LOGS / "gamma.ktap").read_text()
END = "[   99.000000] reboot: Power down\n"
SPLATS = {path.name: path.read_text() for path in sorted((LOGS / "splats").iterdir())}


def stamped(text: str, since: float = 1.0) -> str:
    """Text as printk would put it on the console, a millisecond a line."""
    return "".join(f"[{since + at / 1000:12.6f}] {line}\n"
                   for at, line in enumerate(text.splitlines()))


def builtin_log(suites: str = SUITES, gamma: str = GAMMA) -> str:
    """A console with two KTAP documents."""
    return BOOT + stamped(suites, 1.0) + stamped("random: crng init done\n", 1.9) \
        + stamped(gamma, 2.0) + END


def after(text: str, mark: str, new: str) -> str:
    """Text with new lines put in after the line that holds mark."""
    lines = text.splitlines(keepends=True)
    at = next(n for n, line in enumerate(lines) if mark in line)
    return "".join([*lines[:at + 1], new, *lines[at + 1:]])


def swap(text: str, old: str, new: str) -> str:
    """Text with the one place that says old saying new."""
    assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
    return text.replace(old, new)


class RunTest(unittest.TestCase):
    """A test with a run directory of its own."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)

    def make(self, console: str | bytes, guest: str | None = "done", name: str = "run",
             ktap: dict[str, str] | None = None) -> Path:
        run = self.scratch / name
        run.mkdir()
        raw = console if isinstance(console, bytes) else console.encode()
        (run / "console.log").write_bytes(raw)
        if guest is not None:
            (run / "guest.status").write_text(guest + "\n")
        if ktap is not None:
            (run / "ktap").mkdir()
            for file, text in ktap.items():
                (run / "ktap" / file).write_text(text)
        how = "builtin" if ktap is None else "module"
        (run / "meta.json").write_text(json.dumps({"how": how, "base": "7.3"}))
        return run

    def verb(self, verb: str, *args: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(SCRIPTS / verb), *map(str, args)], text=True, capture_output=True)

    def report(self, run: Path, *args: object) -> subprocess.CompletedProcess[str]:
        """scripts/report, without the cost of a process of its own."""
        argv = ["report", str(run), "--expect", str(LOGS / "expect.txt"), *map(str, args)]
        out, err = io.StringIO(), io.StringIO()
        with mock.patch("sys.argv", argv), redirect_stdout(out), redirect_stderr(err):
            code = REPORT["main"]()
        return subprocess.CompletedProcess(argv, code, out.getvalue(), err.getvalue())

    def judge(self, run: Path, verdict: str, code: int, last: str, *args: object) -> dict[str, Any]:
        """Asserts the verdict, exit code and last line of a report; gives results.json."""
        done = self.report(run, *args)
        what = f"\n{done.stdout}{done.stderr}"
        result: dict[str, Any] = json.loads((run / "results.json").read_text())
        self.assertEqual((result["verdict"], done.returncode, done.stdout.splitlines()[-1]),
                         (verdict, code, last), what)
        self.assertEqual(result["exit"], code)
        self.assertEqual(result["totals"]["failed"] == 0, code == 0, what)
        self.assertEqual((run / "summary.txt").read_text(), done.stdout)
        return result


def statuses(result: dict[str, Any]) -> dict[str, str]:
    """Every case of results.json by its full name."""
    return {f"{suite['name']}.{case['name']}": case["status"]
            for suite in result["suites"] for case in suite["cases"]}
