#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Writes patches/BASE anew from the commits of the tree: a function of these and of nothing else."""
from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from series import COVER, PATCH, Series, SeriesError, read_series

# All that a setting of the tree's own repository could change is said here.
FORMAT = ("format-patch --quiet --no-numbered --zero-commit --no-signature --no-base --no-thread --no-attach --no-from "
          "--no-signoff --no-notes --no-to --no-cc --no-add-header --no-cover-letter --encode-email-headers "
          "--subject-prefix=PATCH --suffix=.patch --filename-max-length=64 --stat=72 --abbrev=12 --no-renames "
          "--diff-algorithm=histogram --unified=3 --inter-hunk-context=0 --indent-heuristic --no-ext-diff "
          "--no-textconv --no-color --no-relative --src-prefix=a/ --dst-prefix=b/ -O/dev/null").split()
CUT_BY_AM = re.compile(r"^(---$|--- |diff -|Index: )", re.MULTILINE)


@dataclass
class Commit:
    """A commit of the tree; the author's date survives amend and rebase."""

    name: str
    author: str
    date: str
    parents: list[str]
    subject: str
    body: str
    topic: str = ""
    file: str = ""

    def keys(self) -> list[tuple[str, ...]]:
        """By what the same patch is known again, the surest first."""
        return [(self.name,), (self.author, self.date, self.subject), ("subject", self.subject),
                ("date", self.author, self.date)]


@dataclass
class Tree:
    """The git tree that the patches come from."""

    path: Path

    def git(self, *arguments: str) -> str:
        """Runs git and returns what it prints."""
        done = subprocess.run(["git", "-C", self.path, *arguments], capture_output=True, check=False)
        if done.returncode:
            raise SeriesError(done.stderr.decode("utf-8", "replace").strip())
        return done.stdout.decode("utf-8", "replace")

    def commits(self, first: str, last: str) -> list[Commit]:
        """The commits after `first` up to `last`, oldest first."""
        log = self.git("log", "--reverse", "--topo-order", "--encoding=UTF-8", "--no-notes", "--no-show-signature",
                       "--format=%H%x00%an <%ae>%x00%ad%x00%P%x00%s%x00%b%x01", "--date=raw", f"{first}..{last}")
        fields = [entry.lstrip("\n").split("\0") for entry in log.split("\x01") if entry.strip("\n")]
        return [Commit(name, author, date, parents.split(), subject, body)
                for name, author, date, parents, subject, body in fields]


@dataclass
class Record:
    """What apply or the last refresh left: the pristine commit, the head, and the patches between."""

    source: str
    pristine: str
    head: str
    patches: list[tuple[str, str, str]]

    @classmethod
    def read(cls, path: Path) -> Record:
        """Reads the `key value` lines."""
        lines = [line.split(" ", 1) for line in path.read_text(encoding="utf-8").splitlines()]
        single = {key: value for key, value in lines if key != "patch"}
        patches = [tuple(value.split(" ", 2)) for key, value in lines if key == "patch"]
        return cls(single["source"], single["pristine"], single["head"], patches)  # type: ignore[arg-type]

    def write(self, path: Path) -> None:
        """All of it or nothing."""
        lines = [f"source {self.source}", f"pristine {self.pristine}", f"head {self.head}"]
        lines += [f"patch {' '.join(patch)}" for patch in self.patches]
        part = path.with_name(path.name + ".part")
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")
        part.replace(path)


def recall_topics(commits: list[Commit], recorded: list[Commit]) -> None:
    """A recorded commit keeps its topic when it was amended, moved, reworded or redated, but not both of these."""
    left = list(recorded)
    for level in range(4):
        unknown = Counter(commit.keys()[level] for commit in commits if not commit.topic)
        known = Counter(old.keys()[level] for old in left)
        for commit in commits:
            key = commit.keys()[level]
            if not commit.topic and unknown[key] == known[key] == 1:
                old = next(old for old in left if old.keys()[level] == key)
                commit.topic, commit.file = old.topic, old.file
                left.remove(old)


def give_topics(commits: list[Commit], wanted: str) -> None:
    """New commits inside a topic are of it; between two, or at the end, of `wanted` or of the one before."""
    used = False
    at = 0
    while at < len(commits):
        end = at
        while end < len(commits) and not commits[end].topic:
            end += 1
        before = commits[at - 1].topic if at else ""
        after = commits[end].topic if end < len(commits) else ""
        inside = bool(before) and before == after
        for commit in commits[at:end]:
            commit.topic = before if inside else wanted or before or after
            used |= commit.topic == wanted
            if not commit.topic:
                raise SeriesError(f"'{commit.subject}' has no topic; run 'make refresh TOPIC=NN-name'")
        at = end + 1
    if wanted and not used:
        raise SeriesError(f"no new commit for TOPIC={wanted}: new are those between two topics or after the last; "
                          "to move a patch, move its file and its line in the series, then run 'make apply'")
    seen: list[str] = []
    for commit in commits:
        if commit.topic in seen[:-1]:
            raise SeriesError(f"'{commit.subject}' of {commit.topic} comes after a patch of {seen[-1]}; "
                              "reorder with git rebase -i so that each topic is in one piece")
        if not seen or seen[-1] != commit.topic:
            seen.append(commit.topic)


def check_commits(commits: list[Commit]) -> None:
    """Refuses what a series of mails cannot hold."""
    for commit in commits:
        if len(commit.parents) != 1:
            raise SeriesError(f"'{commit.subject}' is a merge; the series is a line: use git rebase")
        if CUT_BY_AM.search(commit.body):
            raise SeriesError(f"'{commit.subject}': git am cuts a message at a line that starts with '---', 'diff -' "
                              "or 'Index: '; indent that line")


def format_topics(tree: Tree, commits: list[Commit], directory: Path) -> list[str]:
    """Writes NN-topic/NNNN-subject.patch for each commit and returns these names in order."""
    names: list[str] = []
    start = 0
    for end in range(1, len(commits) + 1):
        if end < len(commits) and commits[end].topic == commits[start].topic:
            continue
        out = directory / commits[start].topic
        out.mkdir()
        tree.git(*FORMAT, "--start-number=1", "-o", str(out), f"{commits[start].parents[0]}..{commits[end - 1].name}")
        files = sorted(file.name for file in out.iterdir())
        if len(files) != end - start:
            raise SeriesError(f"{commits[start].topic}: a commit is empty; drop it with git rebase -i")
        names += [f"{commits[start].topic}/{file}" for file in files]
        start = end
    for name in names:
        if not PATCH.fullmatch(name):
            raise SeriesError(f"'{name}' is not a name for a patch; use plain letters in its subject")
    return names


def write_series(old: Series, names: list[str], moved: dict[str, str]) -> str:
    """The old comments, each before what it stood before; `moved` gives the old name of a patch."""
    lines = list(old.leads.get("", []))
    for at, name in enumerate(names):
        topic = name.split("/")[0]
        if at == 0 or names[at - 1].split("/")[0] != topic:
            gap = [""] if lines and lines[-1].strip() else []
            lines += old.leads.get(topic) or [*gap, f"# {topic}: {topic[3:].replace('-', ' ')}"]
        if name in moved:
            lines += old.leads.get(moved[name], [])
        lines.append(name)
    lines += old.leads.get("end", [])
    return "\n".join(lines) + "\n" if lines else ""


def digest(path: Path) -> str:
    """The same sum that sha256sum prints."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_unedited(directory: Path, record: Record, new: Path, names: list[str]) -> None:
    """Refuses to write over a patch or an order that is neither what was applied nor what is to come."""
    known = {sha for sha, _, _ in record.patches} | {digest(new / name) for name in names}
    for path in patch_files(directory):
        if digest(path) not in known:
            raise SeriesError(f"{path.relative_to(directory)} was edited in patches/ and is not applied; run 'make "
                              "apply', or 'make refresh FORCE=yes' to write over it")
    order = read_series(directory / "series").patches if (directory / "series").exists() else []
    if order not in ([file for _, _, file in record.patches], names):
        raise SeriesError("the series was edited in patches/ and is not applied; run 'make apply', or "
                          "'make refresh FORCE=yes' to write over it")


def patch_files(directory: Path) -> list[Path]:
    """The patches that lie there, listed or not; cover letters are written by hand and not among them."""
    return sorted(path for path in directory.glob("*/*.patch")
                  if path.name != COVER and PATCH.fullmatch(str(path.relative_to(directory))))


def replace_file(path: Path, content: bytes) -> bool:
    """Whole or not at all, and only when it differs."""
    if path.exists() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
    return True


def install(directory: Path, new: Path, names: list[str], series: str) -> int:
    """Brings the directory to the new state. A run that is cut short is mended by the next:
    what to write comes from the tree, and the record is written last."""
    changed = 0

    def tell(what: str, name: str) -> None:
        nonlocal changed
        changed += 1
        print(f"  {what:<8} {name}")

    for part in directory.glob("**/.*.part"):
        part.unlink()
    for name in names:
        there = (directory / name).exists()
        if replace_file(directory / name, (new / name).read_bytes()):
            tell("CHANGE" if there else "ADD", name)
    if replace_file(directory / "series", series.encode()):
        tell("CHANGE", "series")
    for path in patch_files(directory):
        if str(path.relative_to(directory)) not in names:
            path.unlink()
            tell("REMOVE", str(path.relative_to(directory)))
            if not any(path.parent.iterdir()):
                path.parent.rmdir()
            elif not any(PATCH.fullmatch(f"{path.parent.name}/{left.name}") and left.name != COVER
                         for left in path.parent.iterdir()):
                print(f"refresh: warning: {path.parent.name} has no patch left; remove what else it holds by hand",
                      file=sys.stderr)
    return changed


def refresh(arguments: argparse.Namespace) -> None:
    """From the commits of the tree to the files of the series."""
    tree, record = Tree(arguments.tree), Record.read(arguments.record)
    head = tree.git("rev-parse", "HEAD").strip()
    if tree.git("merge-base", record.pristine, head).strip() != record.pristine:
        raise SeriesError("the tree no longer stands on its pristine commit; use git rebase pristine")
    commits, recorded = tree.commits(record.pristine, head), tree.commits(record.pristine, record.head)
    files = {name: file for _, name, file in record.patches}
    for old in recorded:
        old.file = files[old.name]
        old.topic = old.file.split("/")[0]
    check_commits(commits)
    recall_topics(commits, recorded)
    give_topics(commits, arguments.topic)
    with tempfile.TemporaryDirectory(prefix="foliolab-refresh-") as scratch:
        new = Path(scratch)
        names = format_topics(tree, commits, new)
        if not arguments.force:
            check_unedited(arguments.patches, record, new, names)
        path = arguments.patches / "series"
        moved = {name: commit.file for name, commit in zip(names, commits, strict=True) if commit.file}
        text = write_series(read_series(path) if path.exists() else Series(), names, moved)
        changed = install(arguments.patches, new, names, text)
    tree.git("update-ref", "refs/foliolab/series", head)
    record.head = head
    record.patches = [(digest(arguments.patches / name), commit.name, name)
                      for name, commit in zip(names, commits, strict=True)]
    record.write(arguments.record)
    print(f"  {'REFRESH':<8} {'patches/' + arguments.patches.name:<24} {len(names)} patches, "
          + (f"{changed} files changed" if changed else "nothing changed"))


def main() -> int:
    """See scripts/refresh, which calls this."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--topic", default="")
    parser.add_argument("--force", action="store_true")
    for name in ("tree", "record", "patches"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    try:
        if arguments.topic and not re.fullmatch(r"\d\d-[a-z0-9-]+", arguments.topic):
            raise SeriesError(f"TOPIC={arguments.topic} is not of the form NN-name, as 60-mapping")
        refresh(arguments)
    except (SeriesError, OSError) as error:
        print(f"refresh: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
