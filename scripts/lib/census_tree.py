# SPDX-License-Identifier: GPL-2.0
"""The C sources of a tree: a directory, the tracked files of a work tree, or a commit."""
from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SKIP = ("tools/", "Documentation/", "drivers/gpu/drm/amd/include/asic_reg/")


class CensusError(Exception):
    """What is wrong with what was asked for, and what to do about it."""


@dataclass(frozen=True)
class File:
    """A path in its tree, and what says that two files hold the same: a blob, or "" on disk."""
    path: str
    blob: str = ""


def wanted(path: str, kernel: bool = True) -> bool:
    return path.endswith((".c", ".h")) and not (kernel and path.startswith(SKIP))


def git(top: Path, *words: str) -> str:
    done = subprocess.run(["git", "-c", "safe.directory=*", "-C", str(top), *words], capture_output=True, check=False)
    if done.returncode:
        raise CensusError(f"git {words[0]} in {top}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode(errors="surrogateescape")


def is_repository(top: Path) -> bool:
    """Is the directory the top of a work tree? One deep inside another project's is not."""
    return (top / ".git").exists()


def is_kernel(top: Path) -> bool:
    return (top / "include/linux/mm_types.h").is_file() and (top / "mm").is_dir()


def files_on_disk(top: Path) -> list[File]:
    """The tracked files of a kernel's work tree; every file of anything else, tracked or not."""
    if not top.exists():
        raise CensusError(f"{top} is not there; name a kernel tree, a directory or a C file")
    if top.is_file():
        return [File(top.name)]
    kernel = is_kernel(top)
    if kernel and is_repository(top):
        listed = git(top, "ls-files", "-z").split("\0")
        return [File(path) for path in sorted(listed) if wanted(path) and (top / path).is_file()]
    found: list[File] = []
    for where, directories, names in os.walk(top):
        directories[:] = sorted(name for name in directories if not name.startswith("."))
        inside = os.path.relpath(where, top)
        paths = (name if inside == "." else f"{inside}/{name}" for name in names)
        found += [File(path) for path in paths if wanted(path, kernel)]
    return sorted(found, key=lambda file: file.path)


def files_of_commit(top: Path, revision: str) -> list[File]:
    if not is_repository(top):
        raise CensusError(f"{top} is no git repository, so it has no revision {revision}; leave out REV=")
    git(top, "rev-parse", "--quiet", "--verify", f"{revision}^{{commit}}")
    found: list[File] = []
    for entry in git(top, "ls-tree", "-r", "-z", revision).split("\0"):
        head, _, path = entry.partition("\t")
        if head.startswith("100") and wanted(path):
            found.append(File(path, head.split()[2]))
    return found


def read_files(top: Path, files: list[File]) -> Iterator[tuple[File, bytes]]:
    """The content of each file; blobs come through one git cat-file."""
    blobs = [file for file in files if file.blob]
    for file in files:
        if not file.blob:
            yield file, (top / file.path if top.is_dir() else top).read_bytes()
    if not blobs:
        return
    with subprocess.Popen(["git", "-c", "safe.directory=*", "-C", str(top), "cat-file", "--batch"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as batch:
        assert batch.stdin and batch.stdout
        for at in range(0, len(blobs), 100):
            some = blobs[at:at + 100]
            batch.stdin.write("".join(f"{file.blob}\n" for file in some).encode())
            batch.stdin.flush()
            if at + 100 >= len(blobs):
                batch.stdin.close()
            for file in some:
                size = int(batch.stdout.readline().split()[2])
                yield file, batch.stdout.read(size)
                batch.stdout.read(1)
