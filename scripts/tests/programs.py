# SPDX-License-Identifier: GPL-2.0
"""Programs of selftests/, built once for all tests of a class."""
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Programs(unittest.TestCase):
    """$OUTPUT of the build is self.dir; it goes with the class."""

    programs: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()     # for make
    dir: Path

    @classmethod
    def setUpClass(cls) -> None:
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.dir = Path(scratch.name)
        subprocess.run(["make", "-s", "-C", ROOT / "selftests", f"OUTPUT={cls.dir}", *cls.variables,
                        *(f"{cls.dir}/{name}" for name in cls.programs)], check=True)
