#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""scripts/lib/failures.py: what a mutant made fail, and which cases none has."""
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[1] / "lib/failures.py"


class Failures(unittest.TestCase):
    def setUp(self) -> None:
        top = tempfile.TemporaryDirectory()
        self.addCleanup(top.cleanup)
        self.dir = Path(top.name)

    def ask(self, *args: str | Path, cases: str = "") -> str:
        done = subprocess.run([sys.executable, SCRIPT, *args], input=cases, text=True, check=True,
                              stdout=subprocess.PIPE)
        return done.stdout.strip()

    def failed(self, splats: tuple[str, ...] = (), **status: str) -> str:
        cases = [{"name": name, "status": value} for name, value in status.items()]
        (self.dir / "results.json").write_text(json.dumps({
            "suites": [{"name": "mm_a", "cases": cases}], "verdict": "fail",
            "splats": [{"title": title} for title in splats]}))
        return self.ask(self.dir, self.dir / "m.cases")

    def test_first_and_how_many(self) -> None:
        self.assertEqual(self.failed(one="pass", two="fail"), "mm_a.two")
        self.assertEqual(self.failed(one="fail", two="skip", three="fail"), "mm_a.one and 1 more")
        self.assertEqual((self.dir / "m.cases").read_text(), "mm_a.one\nmm_a.three\n")

    def test_splat_without_a_case(self) -> None:
        self.assertEqual(self.failed(splats=("WARNING: a",), one="pass"), "a splat: WARNING: a")
        self.assertEqual((self.dir / "m.cases").read_text(), "")

    def test_unseen(self) -> None:
        self.failed(one="fail")
        said = self.ask("--unseen", self.dir, cases="mm_a.one\nmm_a.two\n")
        self.assertIn("1 of 2 cases have been seen to fail; the others are in ", said)
        self.assertEqual((self.dir / "unseen").read_text(), "mm_a.two\n")
        self.assertEqual(self.ask("--unseen", self.dir, cases="mm_a.one\n"),
                         "1 of 1 cases have been seen to fail")


if __name__ == "__main__":
    unittest.main()
