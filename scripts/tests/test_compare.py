# SPDX-License-Identifier: GPL-2.0
"""scripts/compare: two runs agree only when both have a result."""
import unittest
from pathlib import Path

from made_up import BOOT, END, SPLATS, SUITES, RunTest, builtin_log, stamped, swap


class CompareTest(RunTest):
    def reported(self, name: str, console: str, guest: str = "done") -> Path:
        run = self.make(console, guest, name)
        self.report(run)
        return run

    def compare(self, a: Path, b: Path, code: int) -> str:
        done = self.verb("compare", a, b)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_builtin_against_module(self) -> None:
        a = self.reported("a", builtin_log())
        b = self.make(BOOT + END, name="b", ktap={
            path.name: path.read_text() for path in (a / "ktap").iterdir()})
        self.assertEqual(self.report(b).returncode, 0)
        self.assertIn("14 of 14 results agree", self.compare(a, b, 0))

    def test_case_differs(self) -> None:
        a = self.reported("a", builtin_log())
        text = swap(SUITES, "    ok 2 truncate_past", "    not ok 2 truncate_past")
        text = swap(text, "mm_beta: pass:2 fail:0", "mm_beta: pass:1 fail:1")
        b = self.reported("b", builtin_log(swap(text, "ok 2 mm_beta", "not ok 2 mm_beta")))
        self.assertIn("mm_beta.truncate_past: A=pass B=fail\n", self.compare(a, b, 1))
        self.assertIn("mm_beta.truncate_past: A=fail B=pass\n", self.compare(b, a, 1))

    def test_parameter_differs(self) -> None:
        a = self.reported("a", builtin_log())
        text = swap(SUITES, "ok 2 order 4", "ok 2 order 4 # SKIP no memory")
        text = swap(text, "lookup_each_index: pass:3 fail:0 skip:0", "lookup_each_index: pass:2 fail:0 skip:1")
        b = self.reported("b", builtin_log(text))
        self.assertIn("mm_alpha.lookup_each_index[order 4]: A=pass B=skip\n", self.compare(a, b, 1))

    def test_parameter_absent(self) -> None:
        a = self.reported("a", builtin_log())
        text = swap(SUITES, "        ok 2 order 2, dirty\n", "").replace(
            "truncate_middle: pass:2 fail:0 skip:0 total:2", "truncate_middle: pass:1 fail:0 skip:0 total:1")
        b = self.reported("b", builtin_log(text))
        self.assertIn("[order 2, dirty]: A=pass B=absent\n", self.compare(a, b, 1))

    def test_splat_differs(self) -> None:
        a = self.reported("a", builtin_log())
        b = self.reported("b", builtin_log() + stamped(SPLATS["atomic"], 5.0))
        self.assertIn("console.no_splat: A=pass B=fail\n", self.compare(a, b, 1))

    def test_no_result(self) -> None:
        a = self.reported("a", builtin_log())
        none = self.make(builtin_log(), name="none")
        bad = self.make("", name="bad")
        for text in ("", "{}", "[]", '{"schema": 1, "suites": [], "checks": {}, "verdict": "pass"}',
                     '{"schema": 2, "suites": []}'):
            (bad / "results.json").write_text(text)
            self.compare(a, bad, 5)
            self.compare(bad, bad, 5)
        self.compare(a, none, 5)
        self.compare(none, a, 5)

    def test_incomplete_never_agrees(self) -> None:
        """Two runs that lack the same things have nothing in common."""
        for name, console, guest in (("empty", "", "done"), ("half", builtin_log(gamma=""), "done"),
                                     ("hang", builtin_log(), "timeout")):
            a, b = self.reported(f"{name}-a", console, guest), self.reported(f"{name}-b", console, guest)
            self.assertIn("no complete result", self.compare(a, b, 5))

    def test_usage(self) -> None:
        a = self.reported("a", builtin_log())
        self.compare(a, self.scratch / "nothing", 2)
        self.assertEqual(self.verb("compare", a).returncode, 2)


if __name__ == "__main__":
    unittest.main()
