# SPDX-License-Identifier: GPL-2.0
"""The verdict on a soak: every run complete, no failure, no splat, no leak."""
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BOOT = "[    0.000000] Linux version 7.3.4\n[    1.000000] soak: seed 1: 5 passed, 1 skipped, 0 failed\n"


class Soak(unittest.TestCase):
    def judge(self, status: int, last: str, runs: str | None = "1 5 1 0\n2 5 1 0\n", guest: str = "done",
              console: str = BOOT, leaks: str = "") -> str:
        with tempfile.TemporaryDirectory() as top:
            run = Path(top)
            (run / "console.log").write_text(console)
            (run / "guest.status").write_text(guest + "\n")
            (run / "leaks.txt").write_text(leaks)
            if runs is not None:
                (run / "runs.txt").write_text(runs)
            done = subprocess.run([sys.executable, ROOT / "scripts/lib/soak.py", run, "2", "6"],
                                  capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.assertEqual(done.stdout.splitlines()[-1], last)
        return done.stdout

    def test_all_passed(self) -> None:
        self.judge(0, "2 passed, 0 failed")

    def test_a_failed_case_names_its_seed(self) -> None:
        self.assertIn("seed 2", self.judge(1, "1 passed, 1 failed", "1 5 1 0\n2 4 1 1\n"))

    def test_a_missing_case_is_a_failure(self) -> None:
        self.judge(1, "1 passed, 1 failed", "1 5 1 0\n2 4 1 0\n")

    def test_a_missing_run_is_a_failure(self) -> None:
        self.judge(1, "1 passed, 1 failed", "1 5 1 0\n")

    def test_a_splat_is_a_failure(self) -> None:
        splat = "[    2.000000] ------------[ cut here ]------------\n[    2.000000] WARNING: mm/rmap.c:1 at f+0x1/0x2\n"
        self.assertIn("warning", self.judge(1, "2 passed, 1 failed", console=BOOT + splat))

    def test_a_leak_is_a_failure(self) -> None:
        self.assertIn("unreferenced", self.judge(1, "2 passed, 1 failed", leaks="unreferenced object 0x0\n"))

    def test_a_guest_that_did_not_end(self) -> None:
        self.judge(4, "0 passed, 2 failed", None, "timeout")
        self.judge(5, "0 passed, 2 failed", None, "incomplete")


if __name__ == "__main__":
    unittest.main()
