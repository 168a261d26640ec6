# SPDX-License-Identifier: GPL-2.0
"""A made-up machine for the tests of shell verbs: own PATH, HOME, cache, build."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[1]
# All that the verbs under test may use of the real machine.
COMMANDS = """awk basename bash cat chmod cmp cp cut date df dirname env find flock grep gzip head
    id kill ln ls mkdir mktemp mv nproc python3 readlink realpath rm rmdir sed sha256sum sleep sort
    stat tail tar tee timeout touch tr true uname xz zstd""".split()


class Sandbox(unittest.TestCase):
    patience = 30       # seconds for a call

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.dir = Path(scratch.name)
        self.bin, self.cache, self.build = (self.dir / name for name in ("bin", "cache", "build"))
        self.bin.mkdir()
        for command in COMMANDS:
            if real := shutil.which(command):
                (self.bin / command).symlink_to(real)
        self.env = {
            "PATH": str(self.bin),
            "HOME": str(self.dir),
            "TMPDIR": str(self.dir),
            "FOLIOLAB_CACHE": str(self.cache),
            "BUILD": str(self.build),
            "DIR": str(self.dir),
        }

    def stub(self, name: str, body: str) -> Path:
        """Put a command of our own on PATH; every call of it is noted in `calls`."""
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f'#!{self.bin}/bash\necho "{name} $*" >>"$DIR/calls"\n{body}\n')
        path.chmod(0o755)
        return path

    def calls(self) -> list[str]:
        log = self.dir / "calls"
        return log.read_text().splitlines() if log.exists() else []

    def verb(self, name: str, **env: str) -> subprocess.CompletedProcess[str]:
        return self.call([str(SCRIPTS / name)], **env)

    def shell(self, text: str, *libraries: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a line of shell with scripts/lib/<library>.sh sourced."""
        sources = "".join(f'. "{SCRIPTS}/lib/{name}.sh"\n' for name in ("common", *libraries))
        return self.call(["bash", "-c", sources + text], **env)

    def call(self, words: list[str], **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, env=self.env | env, text=True, capture_output=True, timeout=self.patience, stdin=subprocess.DEVNULL
        )

    def assert_refused(self, done: subprocess.CompletedProcess[str], *parts: str) -> None:
        """Exit 2 and one line that holds every part."""
        self.assertEqual(done.returncode, 2, done)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        for part in parts:
            self.assertIn(part, done.stderr)

    def assert_ok(self, done: subprocess.CompletedProcess[str]) -> None:
        self.assertEqual(done.returncode, 0, done)
        self.assertEqual(done.stderr, "")


def tree_listing(top: Path) -> list[tuple[str, int]]:
    """Every file below top with the time it was changed."""
    return sorted((str(path), os.lstat(path).st_mtime_ns) for path in [top, *top.rglob("*")])
