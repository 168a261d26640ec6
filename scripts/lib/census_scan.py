# SPDX-License-Identifier: GPL-2.0
"""Counting: the uses in every file of a tree, over several processes, each content once."""
from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import census_flags
import csource
from census_tree import CensusError, File, files_of_commit, files_on_disk, read_files
from census_uses import USES, Row, Use, find_uses

WORD = re.compile(rb"[A-Za-z_]\w+")
# A file with a use of the table has one of these in it, which is quicker to rule out.
QUICK = (b"page", b"Page", b"kmap", b"kunmap", b"pgtable_t", b"folio")
PAGE_FLAGS = "include/linux/page-flags.h"
CHUNK = 400
GROUPS = {
    "compat": "Wrappers of mm/folio-compat.c",
    "pagecache": "Wrappers of pagemap.h and shmem_fs.h",
    "flags": "Page flag accessors",
    "fields": "Fields of struct page, and bridges between page and folio",
    "helpers": "References, mapping into the kernel, copying, buffer heads and bios",
    "gone": "No longer in the kernel",
}
AREAS = ("mm", "fs", "block", "net", "drivers", "arch")


def read_table(path: Path) -> list[Row]:
    rows: list[Row] = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        row = Row(*line.split("\t")) if line.count("\t") == 4 else None
        if not row or row.group not in GROUPS or not re.fullmatch(r"call|(member|address):\w+:\w+|(first|word):\w+", row.kind):
            raise CensusError(f"{path.name}:{number}: not `group, name, kind, folio, advice` with a known group and kind")
        rows.append(row)
    return rows


@dataclass
class Tally:
    """What one revision of a tree has: uses and the rest apart, and the accessors that macros make there."""
    label: str
    uses: list[Use] = field(default_factory=list)
    others: Counter[tuple[str, str]] = field(default_factory=Counter)     # (name, kind): how often
    accessors: set[str] = field(default_factory=set)

    @cached_property
    def counts(self) -> Counter[str]:
        return Counter(use.name for use in self.uses)

    def dead(self) -> list[str]:
        """Accessors that are made and never called."""
        used = set(self.counts)
        return sorted(self.accessors - used)


def area(path: str) -> str:
    """The column of the survey: a top directory, or other."""
    top = path.split("/")[0]
    return top if top in AREAS else "other"


def subsystem(path: str) -> str:
    """fs/NAME, drivers/AREA, net/NAME, sound/NAME, arch/NAME, or the top directory."""
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] in ("fs", "drivers", "net", "arch") and len(parts) > 2 else parts[0]


def scan_some(top: Path, rows: list[Row], files: list[File]) -> list[tuple[File, list[Use]]]:
    words: dict[bytes, list[Row]] = {}
    for row in rows:
        words.setdefault(row.word.encode(), []).append(row)
    found: list[tuple[File, list[Use]]] = []
    for file, data in read_files(top, files):
        if not any(part in data for part in QUICK):
            continue
        present = words.keys() & set(WORD.findall(data))
        if present:
            source = csource.read(file.path, data.decode(errors="replace"))
            if uses := find_uses(source, [row for word in present for row in words[word]]):
                found.append((file, uses))
    return found


def scan_files(top: Path, rows: list[Row], files: list[File], jobs: int) -> dict[File, list[Use]]:
    chunks = [files[at:at + CHUNK] for at in range(0, len(files), CHUNK)]
    work = partial(scan_some, top, rows)
    if jobs < 2 or len(chunks) < 2:
        return dict(pair for chunk in chunks for pair in work(chunk))
    with ProcessPoolExecutor(jobs) as pool:
        return dict(pair for pairs in pool.map(work, chunks) for pair in pairs)


def accessors_of(top: Path, files: list[File]) -> set[str]:
    """The page accessors that the tree's page-flags.h generates; none without that file."""
    mine = [file for file in files if file.path == PAGE_FLAGS]
    return {name for file, data in read_files(top, mine)
            for name in census_flags.generated(csource.read(file.path, data.decode(errors="replace")))}


def scan(top: Path, rows: list[Row], revisions: list[tuple[str, str]], jobs: int) -> list[Tally]:
    """A tally for each `label, commit`; commit "" is what lies on disk."""
    lists = [files_of_commit(top, commit) if commit else files_on_disk(top) for _, commit in revisions]
    made = [accessors_of(top, files) for files in lists]
    named = {row.name for row in rows}
    extra = [Row("flags", name, "call", "", "") for name in sorted(set().union(*made) - named)]
    uses = scan_files(top, [*rows, *extra], sorted(set().union(*lists), key=lambda file: (file.path, file.blob)), jobs)
    tallies: list[Tally] = []
    for (label, _), files, accessors in zip(revisions, lists, made):
        if not files:
            raise CensusError(f"{top} has no C source; name a kernel tree, a directory or a C file")
        tally = Tally(label, accessors=accessors)
        for file in files:
            for use in uses.get(file, []):
                if use.kind in USES:
                    tally.uses.append(use)
                else:
                    tally.others[use.name, use.kind] += 1
        tallies.append(tally)
    return tallies
