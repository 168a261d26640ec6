# SPDX-License-Identifier: GPL-2.0
"""Coverage by function, from a program that gcov counted."""
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = """
int seen(int a)
{
	if (a > 1)
		return 2;
	return 1;
}
int unseen(void)
{
	return 3;
}
int main(void)
{
	return seen(0) - 1;
}
"""


class Coverage(unittest.TestCase):
    def table(self, patterns: str) -> subprocess.CompletedProcess[str]:
        with tempfile.TemporaryDirectory() as top:
            Path(top, "file.c").write_text(SOURCE)
            subprocess.run(["gcc", "--coverage", "-O0", "-c", "file.c", "-o", "mm-file.o"], cwd=top, check=True)
            subprocess.run(["gcc", "--coverage", "mm-file.o", "-o", "program"], cwd=top, check=True)
            subprocess.run(["./program"], cwd=top, check=True)
            Path(top, "table").write_text(f"# a comment\nmm/file.c\t{patterns}\n")
            return subprocess.run([sys.executable, ROOT / "scripts/lib/coverage.py", Path(top, "table"), top],
                                  capture_output=True, text=True, check=False)

    def test_counts_of_functions(self) -> None:
        done = self.table("seen unseen")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = [line.split() for line in done.stdout.splitlines()]
        self.assertIn(["seen()", "4", "75", "%", "2", "50", "%"], rows)
        self.assertIn(["unseen()", "2", "0", "%", "0", "-"], rows)

    def test_only_those_named(self) -> None:
        self.assertNotIn("unseen()", self.table("see*").stdout)

    def test_a_name_that_is_not_there(self) -> None:
        done = self.table("nosuch")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("mm/file.c", done.stderr)


if __name__ == "__main__":
    unittest.main()
