# SPDX-License-Identifier: GPL-2.0
"""Upstream's own tests: what a module holds, and what a category of selftests/mm came to."""
import json
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/lib"))
import kernel_modules  # noqa: E402
import ktap  # noqa: E402
from cases import scan_part  # noqa: E402

MODULE = r"""
struct kunit_case { void (*run)(void *); const char *name; const void *(*params)(void); long attr;
                    int (*init)(void); void (*exit)(void); int status; const char *module; void *log; };
struct kunit_suite { const char name[256]; void *init, *done, *before, *after; struct kunit_case *cases; };
static void nothing(void *test) { }
static const void *params(void) { return 0; }
static int before(void) { return 0; }
static struct kunit_case first[] = {
    { nothing, "one", .module = "MOD" }, { nothing, "two", params, .init = before, .module = "MOD" }, { } };
static struct kunit_case second[] = { { nothing, "MOD", .module = "MOD" }, { } };
static struct kunit_case none[] = { { } };
static struct kunit_suite a = { "MOD_a", 0, 0, 0, 0, first }, b = { "MOD_b", .cases = second }, c = { "MOD_c", .cases = none };
static struct kunit_suite *suites[] __attribute__((used, section(".kunit_test_suites"))) = { &a, &b, &c };
static const char info[] __attribute__((used, section(".modinfo"))) = "license=GPL\0depends=DEPENDS";
"""
PLAIN = 'static const char info[] __attribute__((used, section(".modinfo"))) = "depends=DEPENDS";\n'


class Modules(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.out = Path(scratch.name)

    def build(self, source: str, name: str, depends: str = "") -> None:
        (self.out / "m.c").write_text(source.replace("MOD", name.replace("-", "_")).replace("DEPENDS", depends))
        subprocess.run(["gcc", "-c", "-o", self.out / f"{name}.ko", self.out / "m.c"], check=True)
        with (self.out / "modules.order").open("a") as order:
            order.write(f"{name}.o\n")

    def find(self, *words: str) -> list[str]:
        return [Path(line).name for line in kernel_modules.main([str(self.out), *words]).split()]

    def test_suites_and_cases(self) -> None:
        self.build(MODULE, "a-test", "a_lib")
        self.build(PLAIN, "a_lib")
        self.build(PLAIN, "other")
        cases = self.out / "cases.json"
        self.assertEqual(self.find("--kunit", str(cases)), ["a_lib.ko", "a-test.ko"])
        self.assertEqual(json.loads(cases.read_text()), {"a_test_a": ["one", "two"], "a_test_b": ["a_test"], "a_test_c": []})

    def test_named_with_what_they_depend_on(self) -> None:
        self.build(PLAIN, "top", "left,right")
        self.build(PLAIN, "left", "bottom")
        self.build(PLAIN, "right", "bottom")
        self.build(PLAIN, "bottom")
        self.assertEqual(self.find("top", "absent"), ["bottom.ko", "left.ko", "right.ko", "top.ko"])

    def test_a_module_that_was_not_built(self) -> None:
        self.build(PLAIN, "top")
        (self.out / "top.ko").unlink()
        with self.assertRaisesRegex(kernel_modules.ModuleError, "top.ko is in modules.order and was not built"):
            self.find("top")

    def test_cases_that_cannot_be_read(self) -> None:
        self.build(MODULE.replace('"one", .module = "MOD"', '"one"'), "odd")
        with self.assertRaisesRegex(kernel_modules.ModuleError, "odd.ko: these are no cases"):
            self.find("--kunit", str(self.out / "cases.json"))
        (self.out / "odd.ko").write_text("text")
        with self.assertRaisesRegex(kernel_modules.ModuleError, "no ELF file"):
            self.find("--kunit", str(self.out / "cases.json"))


LOG = """TAP version 13
# ------------
# running ./a
# ------------
# ok 1 fine
# [PASS]
ok 1 a
# -unnin--./b--x
# running ./b -x
# -unnin--./b--x
# not ok 7 the third page
# # Totals: pass:6 fail:1
# [FAIL]
not ok 2 b -x # exit=1
# -----------
# running ./c
# -----------
# 1..0 # SKIP needs two nodes
# [SKIP]
ok 3 c # SKIP
# SUMMARY: PASS=1 SKIP=1 FAIL=1
1..3
"""


class Categories(unittest.TestCase):
    def document(self, *logs: str, killed: int = 0) -> ktap.Block:
        """What tap.awk makes of the logs, read as a case that it belongs to."""
        with tempfile.TemporaryDirectory() as name:
            paths = [Path(name) / str(number) for number, _ in enumerate(logs)]
            for path, log in zip(paths, logs, strict=True):
                path.write_text(log)
            self.said = subprocess.run(
                ["busybox", "awk", "-v", f"killed={killed}", "-f", ROOT / "scripts/guest/rows/tap.awk", *paths],
                capture_output=True, text=True, check=True).stdout
        documents = ktap.parse([ktap.Line(line) for line in self.said.splitlines()])
        self.assertEqual(len(documents), 1, self.said)
        self.assertEqual(documents[0].faults(), [], self.said)
        return documents[0]

    def results(self, *logs: str, killed: int = 0) -> dict[str, str]:
        return {each.name: each.status for each in self.document(*logs, killed=killed).results}

    def test_each_program_is_a_result(self) -> None:
        document = self.document(LOG)
        self.assertEqual({each.name: each.status for each in document.results}, {"a": "pass", "b -x": "fail", "c": "skip"})
        self.assertIn("# not ok 7 the third page", document.results[1].log)
        self.assertNotIn("# ok 1 fine", document.results[1].log)
        self.assertEqual(document.results[2].reason, "needs two nodes")

    def test_a_failure_counts_when_it_comes_twice(self) -> None:
        self.assertEqual(self.results(LOG, LOG)["b -x"], "fail")
        better = LOG.replace("not ok 2 b -x # exit=1", "ok 2 b -x")
        self.assertEqual(self.results(LOG, better)["b -x"], "pass")
        self.assertIn("not ok 7 the third page", self.said)
        self.assertIn("passed when the category was run again", self.said)
        worse = LOG.replace("ok 1 a", "not ok 1 a # exit=1")
        self.assertEqual(self.results(LOG, worse)["a"], "pass")
        for gone in ("", LOG.replace("not ok 2 b -x # exit=1", "ok 2 b -x # SKIP"), LOG.partition("# running ./b")[0]):
            self.assertEqual(self.results(LOG, gone)["b -x"], "fail")

    def test_what_was_killed_has_failed(self) -> None:
        self.assertEqual(self.results(LOG.partition("# not ok 7")[0], killed=9), {"a": "pass", "b -x": "fail"})
        self.assertIn("# killed after 9 s", self.said)

    def test_a_program_that_says_nothing(self) -> None:
        self.assertEqual(self.results("TAP version 13\n1..0\n"), {})

    def test_every_case_is_a_category_of_its_name(self) -> None:
        part = (ROOT / "scripts/guest/rows/mm.sh").read_text()
        for case in scan_part(ROOT / "scripts/guest/rows/mm.sh")["mm"]:
            if case not in ("taint", "all_categories_known"):
                found = re.search(rf"^test_{case}\(\) {{ run_category (\S+) \d+; }}$", part, re.M)
                self.assertTrue(found and found[1].replace("-", "_") == case, case)

    def test_what_is_left_out_has_a_reason(self) -> None:
        part = (ROOT / "scripts/guest/rows/mm.sh").read_text()
        page = (ROOT / "Documentation/upstream.rst").read_text()
        listed = re.search(r"^LEFT_OUT='(.*)'$", part, re.M)
        assert listed
        for name in listed[1].split():
            self.assertNotIn(f"run_category {name} ", part)
            self.assertRegex(page, rf"(?m)^{name} +\w", f"{name} is left out and the page does not say why")


class Xarray(unittest.TestCase):
    """scripts/guest/rows/xarray.sh with stubs for insmod and the log of the kernel."""

    def load(self, said: str, status: int = 0) -> tuple[int, str]:
        with tempfile.TemporaryDirectory() as name:
            top = Path(name)
            text = (ROOT / "scripts/guest/rows/xarray.sh").read_text().replace("/tmp/", f"{top}/")
            text = text.replace(". /parts/row.inc", f". {top}/row.inc").replace("/modules/", f"{top}/")
            (top / "row.inc").write_text((ROOT / "scripts/guest/ktap.inc").read_text())
            (top / "test_xarray.ko").touch()
            (top / "log").write_text(f"[    1.0] XArray: 9 of 9 tests passed\n[    2.0] xarray.test_xarray\n{said}")
            stubs = f"insmod() {{ return {status}; }}\ndmesg() {{ cat {top}/log; }}\n"
            (top / "xarray.sh").write_text(text.replace("run_tests", stubs + "test_test_xarray"))
            done = subprocess.run(["busybox", "sh", top / "xarray.sh"], capture_output=True, text=True, check=False)
            return done.returncode, done.stdout.strip().split("\n")[-1]

    def test_all_must_pass(self) -> None:
        self.assertEqual(self.load("[    3.0] XArray: 12 of 12 tests passed\n")[0], 0)
        self.assertEqual(self.load("[    3.0] XArray: 11 of 12 tests passed\n", 1),
                         (1, "tests that passed: '11' instead of '12'"))
        self.assertEqual(self.load("[    3.0] XArray: 0 of 0 tests passed\n"), (1, "test_xarray ran no test"))
        self.assertEqual(self.load("[    3.0] XArray: 12 of 12 tests passed\n", 1), (1, "exit of insmod: '1' instead of '0'"))

    def test_a_module_that_says_nothing(self) -> None:
        self.assertEqual(self.load("[    3.0] BUG at check_xa_err:88\n", 1),
                         (1, "test_xarray did not say how many tests passed; insmod ended with 1"))


if __name__ == "__main__":
    unittest.main()
