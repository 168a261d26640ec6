#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The rows of `make qemu`: a suite, on a filesystem when it wants one.

  scripts/lib/matrix.py plan SUITES FILESYSTEMS   the rows that these patterns mean, a line
                                                  each: row, suite, filesystem, its disk, its tools
  scripts/lib/matrix.py config SUITES FILESYSTEMS   "qemu" when one of them wants an option of
                                                  that fragment
  scripts/lib/matrix.py prepare SUITE FILESYSTEM OUT DIR  writes DIR/row, which tells the guest's
                                                  shell of it, or DIR/skipped: why the kernel
                                                  in OUT cannot have it

Patterns are as in a shell, parted by spaces or commas; "" is the default. A suite is a
part in scripts/guest/rows/, or one of those below, which want no filesystem. A part
says in its first comments what it wants:

  # on: KINDS         the kinds of filesystem it runs on (default: disk memory);
                      "-": on none, it is one row
  # kernel: OPTIONS   as in the column "needs" of filesystems.tsv
  # needs: TOOLS      besides those of the filesystem
  # append: WORDS     for the command line of the kernel
  # memory: MIB       of the machine, where MEM= says nothing else
  # time: SECONDS     for the guest, where TIMEOUT= is less
  # modules: NAMES    of the kernel itself, with what they depend on, in /modules
  # selftests: mm     those of the tree of the kernel, built, in /selftests/mm
"""
from __future__ import annotations

import fnmatch
import os
import re
import shlex
import sys
from dataclasses import dataclass, fields
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(os.environ.get("FILESYSTEMS") or ROOT / "scripts/lib/filesystems.tsv")
PARTS = ROOT / "scripts/guest/rows"
FRAGMENT = ROOT / "scripts/configs/qemu.config"
# Suites that are no parts and want no filesystem; what they want of a kernel.
ALONE = {"fixes": "", "kunit": "", "upstream-kunit": "LIST_KUNIT_TEST"}
NO_FILESYSTEM = "-"
DEFAULT_SUITES = "kunit xarray fsx fixes"
DEFAULT_FILESYSTEMS = "xfs ext4 btrfs tmpfs"


class MatrixError(Exception):
    """What is wrong with the call or a table, and what to do."""


@dataclass
class Filesystem:
    """A line of filesystems.tsv."""
    name: str
    kind: str
    needs: str
    tools: str
    disk: str
    make: str
    check: str
    type: str
    options: str


@dataclass
class Row:
    suite: str
    fs: str = NO_FILESYSTEM

    @property
    def name(self) -> str:
        """Also that of its directory."""
        return self.suite if self.fs == NO_FILESYSTEM else f"{self.fs}-{self.suite}"


def read_filesystems(table: Path = TABLE) -> dict[str, Filesystem]:
    found: dict[str, Filesystem] = {}
    for number, line in enumerate(table.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        words = ["" if word == "-" else word for word in line.split("\t")]
        if len(words) != len(fields(Filesystem)):
            raise MatrixError(f"{table.name}:{number} has {len(words)} columns instead of {len(fields(Filesystem))}")
        if words[0] in found:
            raise MatrixError(f"{table.name}:{number}: {words[0]} is there twice")
        found[words[0]] = Filesystem(*words)
    return found


def read_suites(parts: Path = PARTS) -> list[str]:
    return [*ALONE] + sorted(path.stem for path in parts.glob("*.sh"))


def wants(suite: str, what: str, default: str = "") -> str:
    """What a part says of itself."""
    part = PARTS / f"{suite}.sh"
    found = re.search(rf"^# {what}: (.*)$", part.read_text() if part.exists() else "# on: -", re.M)
    return found[1] if found else default


def fixes_want(chosen: str) -> str:
    """What the reproductions that T= means want of a kernel."""
    found = set()
    for fix in sorted((ROOT / "scripts/guest/fixes").glob("*.sh")):
        if not chosen.startswith("fixes.") or fnmatch.fnmatch(f"fixes.{fix.stem}", chosen):
            found.update(re.findall(r"^# kernel: (.*)$", fix.read_text(), re.M))
    return ",".join(sorted(found))


def choose(variable: str, patterns: str, names: list[str]) -> list[str]:
    """The names that match, in their order; a pattern that matches none is an error."""
    wanted = re.split(r"[\s,]+", patterns.strip())
    for pattern in wanted:
        if not fnmatch.filter(names, pattern):
            raise MatrixError(f"{variable}={pattern} is none of: {' '.join(names)}")
    return [name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in wanted)]


def plan(suites: str, filesystems: str) -> list[Row]:
    """Every suite on every filesystem of a kind it knows, those that want none once. Who
    names filesystems but no suite means all that run on one."""
    known, table = read_suites(), read_filesystems()
    kinds = {suite: wants(suite, "on", "disk memory").split() for suite in known}
    suites = suites or (" ".join(suite for suite in known if kinds[suite] != ["-"]) if filesystems else DEFAULT_SUITES)
    chosen = choose("FS", filesystems or DEFAULT_FILESYSTEMS, [*table])
    rows: list[Row] = []
    for suite in choose("SUITE", suites, known):
        rows += [Row(suite)] if kinds[suite] == ["-"] else [
            Row(suite, fs) for fs in chosen if table[fs].kind in kinds[suite]]
    if not rows:
        raise MatrixError(f"SUITE={suites} runs on none of FS={filesystems}; "
                          "the first lines of scripts/guest/rows/*.sh say on what")
    return rows


def needs_of(row: Row) -> str:
    """All that a row wants of a kernel."""
    fs = read_filesystems().get(row.fs)
    suite = fixes_want(os.environ.get("T", "")) if row.suite == "fixes" else \
        wants(row.suite, "kernel", ALONE.get(row.suite, ""))
    return ",".join(filter(None, [fs.needs if fs else "", suite]))


def config(rows: list[Row]) -> str:
    """The default kernel has what most rows want, this fragment what the others do."""
    options = set(re.findall(r"^CONFIG_(\w+)=", FRAGMENT.read_text(), re.M))
    return "qemu\n" if any(options & set(needs_of(row).split(",")) for row in rows) else ""


def lacks(needs: str, out: Path) -> str:
    """The first of what a row needs that the kernel built in OUT has not."""
    config = (out / ".config").read_text()
    release = out / "include/config/kernel.release"
    for need in filter(None, needs.split(",")):
        if not re.fullmatch(r"[\d.]+", need):
            if not re.search(rf"^CONFIG_{need}=[ym]$", config, re.M):
                return f"the kernel lacks CONFIG_{need}"
        elif version(release.read_text()) < version(need):
            return f"Linux {need} is the first that has it, this is {release.read_text().strip()}"
    return ""


def lacks_module(tools: str, out: Path) -> str:
    """The first module of the kernel's own that a row wants and that was not built in OUT."""
    builtin = out / "modules.builtin"
    for tool in tools.split(","):
        if "/" in tool and not (out / tool).exists() and not (
                builtin.exists() and f"kernel/{tool}\n" in builtin.read_text()):
            return f"the kernel has no {tool}; build its modules, too"
    return ""


def version(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in re.findall(r"\d+", text)[:2])


def for_guest(fs: Filesystem) -> str:
    """Assignments, for a shell to source."""
    kind, _, below = fs.type.partition("@")
    words = {"FS": fs.name, "KIND": fs.kind, "MAKE": fs.make, "CHECK": fs.check, "TYPE": kind, "BELOW": below,
             "OPTIONS": fs.options}
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in words.items())


def plan_line(row: Row) -> str:
    fs = read_filesystems().get(row.fs)
    words = [fs.disk or "-", *fs.tools.split(",")] if fs else ["-"]
    return " ".join([row.name, row.suite, row.fs, *words]).rstrip() + "\n"


def main(words: list[str]) -> str:
    match words:
        case ["plan", suites, filesystems]:
            return "".join(plan_line(row) for row in plan(suites, filesystems))
        case ["config", suites, filesystems]:
            return config(plan(suites, filesystems))
        case ["prepare", suite, name, out, directory]:
            fs = read_filesystems().get(name)
            built = Path(out)
            if reason := lacks(needs_of(Row(suite, name)), built) or lacks_module(fs.tools if fs else "", built):
                (Path(directory) / "skipped").write_text(reason + "\n")
            else:
                (Path(directory) / "row").write_text(for_guest(fs) if fs else "")
            return ""
    raise MatrixError(__doc__ or "")


if __name__ == "__main__":
    try:
        sys.stdout.write(main(sys.argv[1:]))
    except (MatrixError, OSError) as error:
        print(f"qemu: {error}", file=sys.stderr)
        sys.exit(2)
