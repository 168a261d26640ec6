# SPDX-License-Identifier: GPL-2.0
"""The tables that foliolab.ko shows in debugfs, and why one may not be there."""
from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from foliostat_text import printable

FORMAT = "1"

# What the module answers to a request, where strerror() would not say enough.
REQUEST_ERRORS = {
    errno.EINVAL: "is neither a path nor MAJOR:MINOR INO; a file that is named like that is given as ./NAME",
    errno.ENODEV: "no filesystem in use has that device number",
}


class StatError(Exception):
    """A cause in plain words, and the exit code: 1 for what was asked for, 2 for set-up."""

    def __init__(self, message: str, status: int = 2) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Table:
    name: str
    columns: list[str]
    rows: list[dict[str, str]]

    def values(self) -> dict[str, str]:
        """Of a table of keys and values."""
        return {row["key"]: row["value"] for row in self.rows}

    def need(self, *columns: str) -> Table:
        """Itself, if it has these columns."""
        if missing := [column for column in columns if column not in self.columns]:
            raise StatError(f"{self.name} of the loaded foliolab.ko has no column {missing[0]}: take foliostat "
                            "and the module from the same foliolab")
        return self


def number(text: str) -> int:
    """A field; "-" says that the column does not apply."""
    return 0 if text == "-" else int(text)


def parse(name: str, text: str) -> Table:
    """One table; columns are known by their names, so that new ones do not matter."""
    lines = text.splitlines()
    words = lines[0].split() if lines else []
    if len(lines) < 2 or words[:3] != ["#", "foliolab", name] or len(words) != 4:
        raise StatError(f"{name} is no table of foliolab: it starts with {(lines or [''])[0][:60]!r}")
    if words[3] != FORMAT:
        raise StatError(f"{name} has format {words[3]} and this foliostat reads format {FORMAT}: take foliostat "
                        "and the module from the same foliolab")
    columns = lines[1].split("\t")
    rows = []
    for at, line in enumerate(lines[2:], 3):
        fields = line.split("\t")
        if len(fields) != len(columns):
            raise StatError(f"{name}, line {at}: {len(fields)} fields and {len(columns)} columns")
        rows.append(dict(zip(columns, fields)))
    return Table(name, columns, rows)


class Source(Protocol):
    def read(self, name: str, request: str | None = None) -> Table:
        """The table NAME, of what REQUEST asks for."""


class Saved:
    """Tables saved as files of a directory: `cat` of each, under its name."""

    def __init__(self, top: Path) -> None:
        self.top = top

    def read(self, name: str, request: str | None = None) -> Table:
        try:
            return parse(name, (self.top / name).read_text(errors="replace"))
        except OSError as error:
            raise StatError(f"{self.top / name}: {error.strerror}") from error


class Debugfs:
    """The tables of the machine."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self.proc = proc

    def top(self) -> Path:
        """Where foliolab's directory has to be."""
        for line in (self.proc / "mounts").read_text(errors="replace").splitlines():
            words = line.split()
            if len(words) > 2 and words[2] == "debugfs":
                return Path(words[1]) / "foliolab"
        if "debugfs" not in (self.proc / "filesystems").read_text().split():
            raise StatError("this kernel has no debugfs: it needs CONFIG_DEBUG_FS")
        raise StatError("debugfs is not mounted: mount -t debugfs none /sys/kernel/debug")

    def why_not(self, top: Path, name: str, error: OSError) -> StatError:
        """What keeps a file of debugfs from being opened."""
        if isinstance(error, PermissionError):
            if os.geteuid():
                return StatError("only root may look: try sudo foliostat")
            return StatError(f"{top / name}: {error.strerror}; debugfs may be locked down on this machine")
        if isinstance(error, FileNotFoundError):
            if not top.is_dir():
                return StatError("foliolab is not loaded: insmod module/foliolab.ko, or modprobe foliolab")
            return StatError(f"the loaded foliolab.ko has no {name}: take foliostat and the module from the "
                             "same foliolab")
        if isinstance(error, InterruptedError):
            return StatError("interrupted", 1)
        return StatError(f"{top / name}: {error.strerror}")

    def read(self, name: str, request: str | None = None) -> Table:
        top = self.top()
        try:
            handle = os.open(top / name, os.O_RDONLY if request is None else os.O_RDWR)
        except OSError as error:
            raise self.why_not(top, name, error) from error
        with os.fdopen(handle, "rb", buffering=0) as file:
            try:
                if request is not None:
                    os.write(handle, os.fsencode(request) + b"\n")
            except OSError as error:
                assert request is not None
                reason = REQUEST_ERRORS.get(error.errno or 0, error.strerror)
                raise StatError(f"{printable(request)}: {reason}", 1) from error
            try:
                text = file.read()
            except OSError as error:
                raise StatError(f"{printable(request or name)}: {error.strerror}", 1) from error
        return parse(name, (text or b"").decode(errors="replace"))
