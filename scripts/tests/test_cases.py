# SPDX-License-Identifier: GPL-2.0
"""Which cases a run must answer for: all, a pattern, or the fast ones."""
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/lib"))
from cases import scan_part, scan_slow  # noqa: E402

SOURCE = """
static const struct kunit_attributes late = { .speed = KUNIT_SPEED_SLOW };
static struct kunit_case alpha_cases[] = {
	KUNIT_CASE(quick),
	KUNIT_CASE_SLOW(slow),
	/* KUNIT_CASE_SLOW(gone), */
	KUNIT_CASE_PARAM_ATTR(param_slow, gen_params, { .speed = KUNIT_SPEED_VERY_SLOW }),
	KUNIT_CASE_PARAM_ATTR(param_normal, gen_params, { .speed = KUNIT_SPEED_NORMAL }),
	{}
};
static struct kunit_suite alpha_suite = {
	.name = "mm_alpha",
	.test_cases = alpha_cases,
};
static struct kunit_case beta_cases[] = {
	KUNIT_CASE_SLOW(all_of_it),
	{}
};
static struct kunit_suite beta_suite = {
	.name = "mm_beta",
	.test_cases = beta_cases,
};
"""


PART = """
# test_commented() { is none
test_first() {
	true
}
test_late() { # slow
	true
}
run_tests
"""


class Parts(unittest.TestCase):
    def cases(self, text: str, *args: str, status: int = 0) -> list[str]:
        with tempfile.TemporaryDirectory() as top:
            Path(top, "gamma.sh").write_text(text)
            done = subprocess.run([ROOT / "scripts/cases", *args, top], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return (done.stdout if not status else done.stderr).split("\n")[:-1]

    def test_functions_are_cases(self) -> None:
        self.assertEqual(self.cases(PART), ["gamma.first", "gamma.late"])

    def test_fast(self) -> None:
        self.assertEqual(self.cases(PART, "--tests", "fast"), ["gamma.first"])

    def test_part_without_a_case_is_refused(self) -> None:
        self.assertIn("gamma.sh: no function test_NAME()", self.cases("true\n", status=2)[0])

    def test_case_that_is_there_twice_is_refused(self) -> None:
        self.assertIn("first is there twice", self.cases(PART + "test_first() {\n", status=2)[0])

    def test_the_guest_finds_the_same_cases(self) -> None:
        """ktap.inc reads the names by a sed of its own, and what parts share where they say so."""
        shared = PART.replace("test_late", "# cases: delta.inc\ntest_late")
        for text, wanted in ((PART, ["first", "late"]), (shared, ["first", "common", "late"])):
            with tempfile.TemporaryDirectory() as top:
                part = Path(top, "gamma.sh")
                part.write_text(f". {ROOT}/scripts/guest/ktap.inc\n" + text.replace("run_tests", "due_tests"))
                Path(top, "delta.inc").write_text("# shared\ntest_common() { # slow\n\ttrue\n}\n")
                done = subprocess.run(["/bin/busybox", "sh", part], capture_output=True, text=True, check=True)
                self.assertEqual(done.stdout.split(), wanted)
                self.assertEqual(scan_part(part), {"gamma": wanted})
                self.assertEqual(scan_slow(Path(top)), {f"gamma.{name}" for name in wanted[1:]})


class Select(unittest.TestCase):
    def cases(self, *args: str, status: int = 0) -> list[str]:
        with tempfile.TemporaryDirectory() as top:
            Path(top, "alpha_kunit.c").write_text(SOURCE)
            done = subprocess.run([ROOT / "scripts/cases", *args, top], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return (done.stdout if not status else done.stderr).split("\n")[:-1]

    def test_all(self) -> None:
        self.assertEqual(len(self.cases()), 5)

    def test_fast_leaves_out_what_is_marked_slow(self) -> None:
        self.assertEqual(self.cases("--tests", "fast"), ["mm_alpha.quick", "mm_alpha.param_normal"])

    def test_a_suite_without_a_fast_case_does_not_run(self) -> None:
        self.assertEqual(self.cases("--suites", "--tests", "fast"), ["mm_alpha"])

    def test_pattern_of_suites(self) -> None:
        self.assertEqual(self.cases("--tests", "mm_b*"), ["mm_beta.all_of_it"])

    def test_pattern_of_cases(self) -> None:
        self.assertEqual(self.cases("--tests", "*.*slow"), ["mm_alpha.slow", "mm_alpha.param_slow"])

    def test_pattern_that_matches_nothing(self) -> None:
        self.assertIn("the suites are: mm_alpha, mm_beta", self.cases("--tests", "mm_x*", status=2)[0])


if __name__ == "__main__":
    unittest.main()
