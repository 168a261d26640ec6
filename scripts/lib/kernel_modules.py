#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The modules of a kernel that was built, as a guest loads them.

  scripts/lib/kernel_modules.py OUT NAME...        those named, after what they depend on:
                                                   a path a line; one that OUT lacks is left out
  scripts/lib/kernel_modules.py OUT --kunit CASES  those that hold KUnit suites, and writes what
                                                   is due of them to CASES, as scripts/cases does

What is there is what OUT/modules.order lists. Suites and cases are read from the module
itself, for each suite is a relocation in a section of its own: nothing has to be run, and
what a preprocessor made of the source does not matter.
"""
from __future__ import annotations

import json
import struct
import sys
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SUITES = (".kunit_test_suites", ".kunit_init_test_suites")
SHF_EXECINSTR, SHT_RELA, SHT_SYMTAB, STT_OBJECT = 4, 4, 2, 1
# struct kunit_suite: its name lies in it, then come four functions and the cases.
NAME_SIZE = 256
CASES_AT = NAME_SIZE + 4 * 8


class ModuleError(Exception):
    """What is wrong with a module, or with the kernel that should hold it."""


@dataclass
class Section:
    name: str
    type: int
    flags: int
    data: bytes
    link: int
    info: int


@dataclass(frozen=True, order=True)
class Place:
    """Where something lies: a section by its number, and how far in it."""
    section: int
    offset: int


class Module:
    """A relocatable ELF file of 64 bits, little-endian."""

    def __init__(self, path: Path) -> None:
        self.path = path
        data = path.read_bytes()
        if data[:6] != b"\x7fELF\x02\x01":
            raise ModuleError(f"{path} is no ELF file of 64 bits, little-endian")
        at, = struct.unpack_from("<Q", data, 0x28)
        size, count, names = struct.unpack_from("<HHH", data, 0x3a)
        heads = [struct.unpack_from("<IIQQQQIIQQ", data, at + number * size) for number in range(count)]
        bodies = [b"" if head[1] == 8 else data[head[4]:head[4] + head[5]] for head in heads]
        self.sections = [Section(text(bodies[names], head[0]), head[1], head[2], body, head[6], head[7])
                         for head, body in zip(heads, bodies, strict=True)]
        table = next((each for each in self.sections if each.type == SHT_SYMTAB), None)
        # name, info, other, section, value, size
        self.symbols = list(struct.iter_unpack("<IBBHQQ", table.data)) if table else []

    @property
    def info(self) -> dict[str, str]:
        """What modinfo tells."""
        fields = next((each.data for each in self.sections if each.name == ".modinfo"), b"").split(b"\0")
        return {key: value for key, _, value in (field.decode(errors="replace").partition("=") for field in fields)}

    def pointers(self, section: int) -> dict[int, Place]:
        """What each pointer in a section points to, by its offset there."""
        found: dict[int, Place] = {}
        for each in self.sections:
            if each.type == SHT_RELA and each.info == section:
                for offset, kind, addend in struct.iter_unpack("<QQq", each.data):
                    symbol = self.symbols[kind >> 32]
                    found[offset] = Place(symbol[3], symbol[4] + addend)
        return found

    def end_of(self, place: Place) -> int:
        """Where the object ends in which a place lies."""
        objects = sorted((symbol[4], symbol[4] + symbol[5]) for symbol in self.symbols
                         if symbol[3] == place.section and symbol[1] & 15 == STT_OBJECT and symbol[5])
        at = bisect_right(objects, (place.offset, sys.maxsize)) - 1
        if at < 0 or objects[at][1] <= place.offset:
            raise ModuleError(f"{self.path}: no object at {place}")
        return objects[at][1]

    def cases(self, array: Place) -> Iterator[str]:
        """The names in an array of struct kunit_case: what is no function in it is
        its name and that of the module. A configuration can leave none."""
        end = self.end_of(array)
        strings = [place for offset, place in sorted(self.pointers(array.section).items())
                   if array.offset <= offset < end and 0 < place.section < len(self.sections)
                   and not self.sections[place.section].flags & SHF_EXECINSTR]
        names = [text(self.sections[place.section].data, place.offset) for place in strings]
        if len(names) % 2 or len(set(names[1::2])) > 1:
            raise ModuleError(f"{self.path}: these are no cases: {names}")
        yield from names[::2]

    def suites(self) -> Iterator[tuple[str, list[str]]]:
        for number, each in enumerate(self.sections):
            if each.name in SUITES and each.type != SHT_RELA:
                for _, suite in sorted(self.pointers(number).items()):
                    name = text(self.sections[suite.section].data, suite.offset)
                    cases = self.pointers(suite.section).get(suite.offset + CASES_AT)
                    if cases is None:
                        raise ModuleError(f"{self.path}: the suite {name} has no cases")
                    yield name, list(self.cases(cases))


def text(data: bytes, at: int) -> str:
    """The string that begins there."""
    return data[at:data.index(b"\0", at)].decode()


def module_name(path: Path) -> str:
    return path.stem.replace("-", "_")


def read_order(out: Path) -> dict[str, Path]:
    """The modules that were built, by name."""
    try:
        lines = (out / "modules.order").read_text().split()
    except OSError as error:
        raise ModuleError(f"{out}/modules.order: {error.strerror}; build all of the kernel") from error
    paths = [out / Path(line).with_suffix(".ko") for line in lines]
    if gone := [path for path in paths if not path.is_file()]:
        raise ModuleError(f"{gone[0]} is in modules.order and was not built")
    return {module_name(path): path for path in paths}


def with_dependencies(names: list[str], built: dict[str, Path]) -> list[Path]:
    """These modules, each after those that it depends on."""
    found: list[Path] = []
    for name in (name.replace("-", "_") for name in names):
        if name in built and built[name] not in found:
            below = Module(built[name]).info.get("depends", "").split(",")
            found += [path for path in with_dependencies([*filter(None, below)], built) if path not in found]
            found.append(built[name])
    return found


def kunit_modules(built: dict[str, Path], cases: Path) -> list[Path]:
    due: dict[str, list[str]] = {}
    names: list[str] = []
    for name, path in built.items():
        for suite, listed in Module(path).suites():
            if suite in due:
                raise ModuleError(f"{path}: another module has a suite {suite}, too")
            due[suite] = listed
            names += [name] if name not in names else []
    cases.write_text(json.dumps(due, indent=1) + "\n")
    return with_dependencies(names, built)


def main(words: list[str]) -> str:
    match words:
        case [out, "--kunit", cases]:
            paths = kunit_modules(read_order(Path(out)), Path(cases))
        case [out, *names] if names:
            paths = with_dependencies(names, read_order(Path(out)))
        case _:
            raise ModuleError(__doc__ or "")
    return "".join(f"{path}\n" for path in paths)


if __name__ == "__main__":
    try:
        sys.stdout.write(main(sys.argv[1:]))
    except (ModuleError, OSError) as error:
        print(f"kernel_modules: {error}", file=sys.stderr)
        sys.exit(2)
