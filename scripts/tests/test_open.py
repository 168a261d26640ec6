# SPDX-License-Identifier: GPL-2.0
"""make shell and make gdb: which guest they open, and that nothing of it is left."""
import os
import stat
import unittest
from pathlib import Path

from sandbox import Sandbox


class OpenGuest(Sandbox):
    def made(self, name: str, when: int, verb: str = "scripts/kunit-mod") -> Path:
        """A run whose repro.sh tells how it was called."""
        run = self.dir / "out" / name
        run.mkdir(parents=True)
        (run / "console.log").touch()
        os.utime(run / "console.log", (when, when))
        (run / "repro.sh").write_text(f'#!{self.bin}/bash\necho "{name} $GUEST $OUTDIR" >"$DIR/opened"\n# {verb}\n')
        (run / "repro.sh").chmod(stat.S_IRWXU)
        return run

    def opened(self, verb: str, **env: str) -> tuple[str, str]:
        self.assert_ok(self.verb(verb, OUTDIR=str(self.dir / "out"), **env))
        name, how, top = (self.dir / "opened").read_text().split()
        self.assertFalse(Path(top).exists(), "what such a guest leaves is not kept")
        self.assertNotEqual(top, str(self.dir / "out"))
        return name, how

    def test_the_latest_or_that_which_is_named(self) -> None:
        old = self.made("b-old", 1000)
        self.made("a-new", 2000)
        self.assertEqual(self.opened("shell"), ("a-new", "shell"))
        self.assertEqual(self.opened("shell", RUN=str(old)), ("b-old", "shell"))
        self.assertEqual(self.opened("gdb", GDB="true"), ("a-new", "gdb"))

    def test_what_cannot_be_opened(self) -> None:
        self.assert_refused(self.verb("shell", OUTDIR=str(self.dir / "out")), "no guest was booted yet", "make qemu")
        self.assert_refused(self.verb("shell", RUN=str(self.dir)), "is no run of a guest")
        whole = self.made("whole", 1000)
        (whole / "rows").mkdir()
        self.assert_refused(self.verb("shell", RUN=str(whole)), "rows/ROW/KERNEL")
        kunit = self.made("kunit", 1000)
        (kunit / "repro.sh").write_text("exec env scripts/kunit\n")
        self.assert_refused(self.verb("gdb", RUN=str(kunit), GDB="true"), "booted by kunit.py")


if __name__ == "__main__":
    unittest.main()
