#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""scripts/lib/guest_tools.py ROOT ARCHIVE PATH...: packs programs for a guest.

ROOT holds unpacked packages. Each PATH below it goes into the cpio ARCHIVE: a
directory whole, a file with the interpreter and the libraries that it needs, as
the file itself names them; nothing is run, so ROOT may be of another architecture.
"""
import os
import re
import subprocess
import sys
from pathlib import Path

LIBRARIES = ("lib", "usr/lib", "lib64", "usr/lib64")


class ToolError(Exception):
    """What is not there."""


def needed(path: Path) -> list[str]:
    """What an ELF file asks for: its interpreter by path, its libraries by name."""
    if path.open("rb").read(4) != b"\x7fELF":
        return []
    # Every machine with a compiler has readelf, and it reads all architectures.
    text = subprocess.run(["readelf", "-dlW", path], capture_output=True, text=True, check=True,
                          env=os.environ | {"LC_ALL": "C"}).stdout
    found = re.findall(r"\(NEEDED\)\s+Shared library: \[([^]]+)\]", text)
    return found + re.findall(r"Requesting program interpreter: /([^]]+)\]", text)


class Packer:
    """Collects the files of a guest by their path in ROOT."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: set[str] = set()
        self.places = [top / sub for name in LIBRARIES if (top := root / name).is_dir()
                       for sub in (".", *(d.name for d in top.glob("*-linux-gnu*")))]

    def resolve(self, inside: str) -> Path:
        """The file that a path means in the guest, where links start at ROOT."""
        path = self.root / inside
        if not os.path.lexists(path):   # newer releases have /lib only as a link to /usr/lib
            path = self.root / "usr" / inside
        for _ in range(9):
            if not path.is_symlink():
                return path
            target = os.readlink(path)
            path = self.root / target.lstrip("/") if target.startswith("/") else path.parent / target
        raise ToolError(f"{inside}: too many links")

    def find_library(self, name: str) -> str:
        if "/" in name:
            return name
        for place in self.places:
            if os.path.lexists(place / name):
                return os.path.normpath(place.relative_to(self.root) / name)
        # A program that has its libraries apart says where (RUNPATH).
        for path in sorted((self.root / "usr/lib").rglob(name)):
            return str(path.relative_to(self.root))
        raise ToolError(f"no package brings {name}")

    def add(self, inside: str) -> None:
        if inside in self.files:
            return
        path = self.resolve(inside)
        if path.is_dir():
            for below in sorted(path.rglob("*")):
                if below.is_symlink() or not below.is_dir():
                    self.add(str(Path(inside) / below.relative_to(path)))
            return
        if not path.is_file():
            if inside.count("/") < 3:
                raise ToolError(f"no package brings {inside}")
            return              # a link inside a directory that leads out of the packages
        self.files.add(inside)
        for name in needed(path):
            self.add(self.find_library(name))

    def pack(self, archive: Path) -> None:
        """A plain copy of each file: no link has to be right in the guest."""
        top = archive.with_suffix(".tree")
        subprocess.run(["rm", "-rf", top], check=True)
        for inside in sorted(self.files):
            target = top / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self.resolve(inside).read_bytes())
            target.chmod(self.resolve(inside).stat().st_mode & 0o755)
        names = sorted(str(path.relative_to(top)) for path in top.rglob("*"))
        scratch = archive.with_suffix(".part")
        with scratch.open("wb") as stream:
            subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=top, check=True,
                           input="\n".join(names).encode() + b"\n", stdout=stream)
        subprocess.run(["rm", "-rf", top], check=True)
        scratch.rename(archive)


def main() -> int:
    if len(sys.argv) < 4:
        print(__doc__, file=sys.stderr)
        return 2
    packer = Packer(Path(sys.argv[1]))
    try:
        for path in sys.argv[3:]:
            packer.add(path)
    except ToolError as error:
        print(f"guest_tools: {error}", file=sys.stderr)
        return 2
    packer.pack(Path(sys.argv[2]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
