# SPDX-License-Identifier: GPL-2.0
"""selftests/fstree: agrees with a good filesystem, repeats exactly, and sees each thing that differs."""
import os
import subprocess
import tempfile
import unittest
from collections.abc import Iterator
from pathlib import Path

from programs import Programs


class Fstree(Programs):
    programs = ("fstree",)

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory(dir=self.dir)
        self.addCleanup(scratch.cleanup)
        self.tree = Path(scratch.name) / "tree"

    def fstree(self, *args: str, status: int = 0) -> str:
        done = subprocess.run([self.dir / "fstree", "--ops", "1500", "--seed", "3", *args, self.tree],
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def files(self) -> Iterator[Path]:
        return (path for path in sorted(self.tree.rglob("n*")) if path.is_file() and not path.is_symlink())

    def assert_seen(self, what: str) -> None:
        """--check fails, and says what differs."""
        said = self.fstree("--check", status=1)
        self.assertIn(what, said)
        self.assertIn("# repeat: fstree --seed 3 --ops 1500 --processes 1 --check ", said)
        self.assertIn("not ok 1 fstree", said)

    def test_good_filesystem_is_left_empty(self) -> None:
        self.assertIn("\nok 1 fstree", self.fstree("--processes", "3"))
        self.assertFalse(self.tree.exists())

    def test_check_agrees_with_what_was_kept(self) -> None:
        self.fstree("--keep", "--processes", "2")
        kinds = [path.lstat().st_mode >> 12 for path in self.tree.rglob("*")]
        self.assertEqual(set(kinds), {0o4, 0o10, 0o12})
        self.assertIn("\nok 1 fstree", self.fstree("--check", "--processes", "2"))

    def test_goes_on_where_it_was(self) -> None:
        self.fstree("--keep", "--ops", "700")
        self.fstree("--keep", "--from", "701")
        self.assertIn("\nok 1 fstree", self.fstree("--check"))

    def test_what_is_there_before_must_be_right(self) -> None:
        self.fstree("--keep", "--ops", "700")
        path = next(path for path in self.files() if path.stat().st_size > 5000)
        path.write_bytes(path.read_bytes()[:-1])
        self.assertIn("not ok", self.fstree("--keep", "--from", "701", status=1))

    def test_checks_where_nothing_can_be_written(self) -> None:
        self.fstree("--keep", "--without", "xattrs,links")
        before = sorted(self.tree.rglob("*"))
        self.assertIn("\nok 1 fstree", self.fstree("--check"))
        self.assertEqual(sorted(self.tree.rglob("*")), before)
        self.assertEqual({path.stat().st_nlink for path in self.files()}, {1})
        self.assertFalse(any(os.listxattr(path) for path in self.files()))

    def test_times_of_whole_seconds(self) -> None:
        self.fstree("--keep", "--seconds")
        times = [path.stat().st_mtime_ns for path in self.files() if path.stat().st_mtime < 1.7e9]
        self.assertTrue(times)
        self.assertEqual({time % 10**9 for time in times}, {0})
        self.assertIn("\nok 1 fstree", self.fstree("--check", "--seconds"))
        self.assertIn(": mtime ", self.fstree("--check", status=1))

    def test_the_same_seed_repeats(self) -> None:
        runs = [self.fstree("--verbose", "--seed", seed) for seed in ("5", "5", "6")]
        self.assertEqual(runs[0], runs[1])
        self.assertNotEqual(runs[0], runs[2])

    def test_another_seed_is_another_tree(self) -> None:
        self.fstree("--keep")
        self.assertIn("not ok", self.fstree("--check", "--seed", "4", status=1))

    def test_a_byte(self) -> None:
        self.fstree("--keep")
        path = next(path for path in self.files() if path.stat().st_size > 5000)
        data = bytearray(path.read_bytes())
        data[4097] ^= 1
        path.write_bytes(data)
        self.assert_seen("byte 4097 is ")

    def test_a_size(self) -> None:
        self.fstree("--keep")
        path = next(path for path in self.files() if path.stat().st_size > 1)
        os.truncate(path, path.stat().st_size - 1)
        self.assert_seen(" bytes instead of ")

    def test_another_name(self) -> None:
        self.fstree("--keep")
        path = next(self.files())
        path.rename(path.with_name("other"))
        self.assert_seen("has an entry 'other', which none is called")

    def test_a_lost_name(self) -> None:
        self.fstree("--keep")
        next(self.files()).unlink()
        self.assert_seen(" entries instead of ")

    def test_a_name_too_many(self) -> None:
        self.fstree("--keep")
        next(self.files()).with_name("more").touch()
        self.assert_seen("has an entry 'more', which none is called")

    def test_a_name_in_the_other_case(self) -> None:
        self.fstree("--keep")
        path = next(self.files())
        path.rename(path.with_name(path.name.swapcase()))
        self.assert_seen(f"has an entry '{path.name.swapcase()}', which none is called")

    def test_a_name_too_many_in_the_other_case(self) -> None:
        self.fstree("--keep")
        path = next(self.files())
        path.with_name(path.name[0].swapcase() + path.name[1:]).hardlink_to(path)
        said = self.fstree("--check", status=1)
        self.assertRegex(said, "which nothing is called: Success|which none is called")

    def test_a_link_that_became_a_copy(self) -> None:
        self.fstree("--keep")
        path = next(path for path in self.files() if path.stat().st_nlink > 1)
        data, mode = path.read_bytes(), path.stat().st_mode
        path.unlink()
        path.write_bytes(data)
        path.chmod(mode)
        self.assert_seen(" links instead of ")

    def test_a_mode(self) -> None:
        self.fstree("--keep")
        path = next(self.files())
        path.chmod(path.stat().st_mode ^ 0o1)
        self.assert_seen(": mode ")

    def test_a_time(self) -> None:
        self.fstree("--keep")
        path = next(path for path in self.files() if path.stat().st_mtime < 1.7e9)
        os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1))
        self.assert_seen(": mtime ")

    def test_a_symlink(self) -> None:
        self.fstree("--keep")
        path = next(path for path in self.tree.rglob("n*") if path.is_symlink())
        path.unlink()
        path.symlink_to("elsewhere")
        self.assert_seen("leads to 'elsewhere' instead of ")

    def test_an_attribute(self) -> None:
        self.fstree("--keep")
        having = [path for path in self.files() if "user.fstree" in os.listxattr(path)]
        if not having:
            self.skipTest("no user attributes in the directory for temporary files")
        os.removexattr(having[0], "user.fstree")
        self.assert_seen("attribute of ")

    def test_bad_calls(self) -> None:
        self.assertIn("'x' is not a number", self.fstree("--seed", "x", status=2))
        self.assertIn("run without --check", self.fstree("--check", status=2))
        self.tree.mkdir()
        self.assertIn("File exists", self.fstree(status=2))


if __name__ == "__main__":
    unittest.main()
