# SPDX-License-Identifier: GPL-2.0
"""selftests/fsimage and hugefs: agree with what is right, and see each thing that differs."""
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from programs import Programs

WAYS = ("read", "pread", "map", "splice")


class Images(Programs):
    programs = ("fsimage", "hugefs")

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory(dir=self.dir)
        self.addCleanup(scratch.cleanup)
        self.tree = Path(scratch.name) / "tree"

    def fsimage(self, *args: str, status: int = 0) -> str:
        done = subprocess.run([self.dir / "fsimage", "--seed", "3", "--large", "0", *args, self.tree],
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def file(self, size: int) -> Path:
        return next(path for path in self.tree.iterdir() if path.stat().st_size == size)

    def test_what_is_made_agrees_and_goes(self) -> None:
        self.assertIn("\nok 1 fsimage", self.fsimage("--processes", "2"))
        self.assertFalse(self.tree.exists())

    def test_kept_and_compared(self) -> None:
        self.fsimage("--keep")
        sizes = {path.stat().st_size for path in self.tree.iterdir()}
        for border in (4096, 65536, 2 << 20):
            self.assertLessEqual({border - 1, border, border + 1}, sizes)
        self.assertIn("\nok 1 fsimage", self.fsimage("--check"))
        self.assertIn("not ok", self.fsimage("--check", "--seed", "4", status=1))

    def test_a_byte_is_seen_in_every_way(self) -> None:
        self.fsimage("--keep")
        path = self.file(65537)
        data = bytearray(path.read_bytes())
        data[65536] ^= 1
        path.write_bytes(data)
        for way in WAYS:
            self.assertIn("byte 65536 of 65537 is ", self.fsimage("--check", "--by", way, status=1))

    def test_a_size_and_a_name_are_seen(self) -> None:
        self.fsimage("--keep")
        os.truncate(self.file(4097), 4098)
        self.assertIn("has 4098 bytes", self.fsimage("--check", status=1))
        self.file(4098).unlink()
        self.assertIn("files instead of ", self.fsimage("--check", status=1))

    def test_a_reader_among_several(self) -> None:
        self.fsimage("--keep")
        self.file(1).write_bytes(b"\0" if self.file(1).read_bytes() != b"\0" else b"\1")
        self.assertIn("not ok 1 fsimage", self.fsimage("--check", "--processes", "3", status=1))

    def test_usage(self) -> None:
        self.assertIn("--by bogus is none of: read pread", self.fsimage("--by", "bogus", status=2))
        self.assertIn("'x' is not a number", self.fsimage("--processes", "x", status=2))
        self.assertIn("make it with --keep", self.fsimage("--check", status=2))

    def test_hugefs_wants_its_filesystem(self) -> None:
        done = subprocess.run([self.dir / "hugefs", self.dir], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 4, done)
        self.assertIn("SKIP ", done.stdout)
        self.assertIn(" is no hugetlbfs", done.stdout)


if __name__ == "__main__":
    unittest.main()
