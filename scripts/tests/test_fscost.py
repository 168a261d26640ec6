# SPDX-License-Identifier: GPL-2.0
"""selftests/fscost: measures each operation, and leaves what it must."""
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from programs import Programs

READS = ["lookup", "lookup_none", "readdir", "read_cached", "read_cold", "read_cold_64k"]
WRITES = ["write_cached", "append", "create", "rename", "unlink"]


class Costs(Programs):
    programs = ("fscost",)

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory(dir=self.dir)
        self.addCleanup(scratch.cleanup)
        self.tree = Path(scratch.name) / "tree"

    def fscost(self, *args: str, status: int = 0) -> str:
        done = subprocess.run([self.dir / "fscost", "--files", "20", "--turns", "2", *args, self.tree],
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def measured(self, *args: str) -> list[str]:
        head, *lines = [line.split("\t") for line in self.fscost(*args).splitlines()]
        self.assertEqual(head, ["operation", "times", "best", "median"])
        for name, times, best, median in lines:
            self.assertTrue(0 < float(best) <= float(median) and int(times) >= 20, (name, times, best, median))
        return [line[0] for line in lines]

    def test_clock_of_this_machine_counts_no_instructions(self) -> None:
        self.assertIn("use ACCEL=icount", self.fscost("--instructions", status=4))
        self.assertFalse(self.tree.exists())

    @unittest.skipUnless(os.geteuid() == 0, "only root may drop caches")
    def test_every_operation(self) -> None:
        self.assertEqual(self.measured(), READS + WRITES)
        self.assertFalse(self.tree.exists())

    @unittest.skipUnless(os.geteuid() == 0, "only root may drop caches")
    def test_what_was_kept(self) -> None:
        self.fscost("--keep")
        names = sorted(path.name for path in self.tree.iterdir())
        self.assertEqual(len(names), 21)
        self.assertTrue(all(len(name) <= 31 for name in names))
        self.assertEqual(self.measured("--check"), READS)
        self.assertEqual(sorted(path.name for path in self.tree.iterdir()), names)

    def test_usage(self) -> None:
        self.assertIn("make it with --keep", self.fscost("--check", status=2))
        self.assertIn("not a number", self.fscost("--turns", "0", status=2))
