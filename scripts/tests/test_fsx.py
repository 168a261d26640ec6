# SPDX-License-Identifier: GPL-2.0
"""selftests/fsx: agrees with a good filesystem, repeats exactly, and finds each planted bug."""
import os
import re
import subprocess

from programs import ROOT, Programs

BUGS = ROOT / "scripts/tests/fsx_bugs.c"
WRONG = re.findall(r'has_bug\("(\w+)"\)', BUGS.read_text())
ERRORS = {"write_error", "write_torn", "writeback_error"}


class Fsx(Programs):
    programs = ("fsx",)
    variables = ("STATIC=",)    # so that the bugs can be preloaded

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", cls.dir / "bugs.so", BUGS, "-ldl"], check=True)

    def fsx(self, *args: str, bug: str = "", status: int = 0) -> str:
        env = os.environ | ({"BUG": bug, "LD_PRELOAD": str(self.dir / "bugs.so")} if bug else {})
        done = subprocess.run([self.dir / "fsx", "--length", "512K", "--op-max", "64K", *args, self.dir / "file"],
                              env=env, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, status, done.stdout[-2000:] + done.stderr)
        return done.stdout + done.stderr

    def test_good_filesystem(self) -> None:
        self.assertIn("ok 1 fsx", self.fsx("--ops", "2000", "--noise", "1"))

    def test_the_same_seed_repeats(self) -> None:
        runs = [self.fsx("--ops", "300", "--verbose", "--seed", seed) for seed in ("5", "5", "6")]
        self.assertEqual(runs[0], runs[1])
        self.assertNotEqual(runs[0], runs[2])

    def test_each_planted_bug_is_found(self) -> None:
        for bug in sorted(set(WRONG)):
            with self.subTest(bug=bug):
                said = self.fsx("--ops", "5000", bug=bug, status=1)
                self.assertIn("not ok 1 fsx", said)
                self.assertRegex(said, r"# repeat: fsx --seed 1 --ops \d+ ")

    def test_the_repeat_command_fails_at_the_same_operation(self) -> None:
        said = self.fsx("--ops", "5000", bug="punch_short", status=1)
        again = re.search(r"# repeat: fsx (.*) \S+\n", said)
        assert again
        where = re.compile(r"WRONG .* in operation \d+|# first.*")
        repeated = self.fsx(*again[1].split(), bug="punch_short", status=1)
        self.assertEqual(where.findall(repeated), where.findall(said))

    def test_allowed_errors_hide_no_wrong_data(self) -> None:
        for bug in sorted(set(WRONG)):
            with self.subTest(bug=bug):
                said = self.fsx("--ops", "5000", "--allow-errors", bug=bug, status=0 if bug in ERRORS else 1)
                self.assertTrue(bug not in ERRORS or re.search(r"errors that were allowed: [1-9]", said), said)

    def test_bad_usage(self) -> None:
        for args, wanted in ((["--ops", "-1"], "-n -1"), (["--op-mask", "nonsense"], "nonsense"),
                             (["--length", "4096"], "too short"), (["--length", "9999999M"], "more than the model"),
                             (["a", "b"], "one FILE"), (["--require", "clone"], "clone is required")):
            with self.subTest(args=args):
                self.assertIn(wanted, self.fsx(*args, status=2))
