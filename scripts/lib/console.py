# SPDX-License-Identifier: GPL-2.0
"""The kernel console: its lines, the KTAP among them, and the splats."""
from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from ktap import NOTE, Line, is_structure

STAMP = r"\[ *(\d+\.\d{6})\](?:\[ *[TC]\d+\])?"
PREFIX = re.compile(rf"^((?:<\d+>)?{STAMP}) ?")
# A panic can break into a line that is being printed, and so can the kernel
# into one of user space: what follows a time stamp is a line of its own.
BROKEN = re.compile(rf"\r+|(?<=[^>])(?={STAMP.replace('(', '(?:', 1)} )")
ESCAPE = re.compile(r"\x1b(?:\[[0-9;?=]*[A-Za-z]|[a-zA-Z])|[\x00-\x08\x0b\x0c\x0e-\x1f]")
EXCERPT = 40

# What the kernel prints first, anchored, after at most a subsystem's prefix.
# (name, ends the guest, pattern, why it counts)
SUBSYS = r"(?:[\w.+-]+(?: [\w.+-]+)?: )?"
TABLE: list[tuple[str, bool, str, str]] = [
    ("panic", True, r"Kernel panic - not syncing", "the guest is gone"),
    ("bug", True, r"kernel BUG at ", "BUG_ON(), VM_BUG_ON*() or CHECK_DATA_CORRUPTION"),
    ("oops", True, r"BUG: (unable to handle|kernel NULL pointer dereference|stack guard page)",
     "a bad access in the kernel; the Oops follows"),
    ("oops", True, r"(Internal error: )?Oops\b", "x86 and arm64 die()"),
    ("oops", True, r"Unable to handle kernel ", "the same on arm64"),
    ("oops", True, r"(general protection fault|divide error|invalid opcode|stack segment)"
     r"\b.*: [0-9a-f]{4} \[#\d+\]", "die() of 6.9 and before, without the word Oops"),
    ("oops", True, SUBSYS + r"PANIC: double fault", "the kernel stack is gone"),
    ("lockdep", False, r"WARNING: (possible |inconsistent lock state|.*-safe -> .*-unsafe lock order"
     r"|chain_key collision|Nested lock was not taken|bad unlock balance|bad contention detected"
     r"|held lock freed|\S+/\d+ still has locks held|lock held when returning)",
     "PROVE_LOCKING; it turns itself off after the first report"),
    ("lockdep", False, r"\[ BUG: ", "lockdep, as in [ BUG: Invalid wait context ]"),
    ("lockdep", False, r"INFO: trying to register non-static key", "lockdep turns itself off"),
    ("rcu", False, r"WARNING: suspicious RCU usage|\[ INFO: suspicious RCU usage", "PROVE_RCU"),
    ("warning", False, r"WARNING: (CPU: \d+ PID: \d+ at |\S+:\d+ at |at )",
     "WARN_ON() and friends; 6.12 begins with CPU and PID, 7.3 with file:line"),
    ("warning", False, r"-+\[ cut here \]-+", "the head of a WARN() with text or of a BUG()"),
    ("kasan", False, r"BUG: (KASAN|KFENCE|KCSAN|KMSAN): ", "sanitizers"),
    ("ubsan", False, r"UBSAN: ", "undefined behaviour, array bounds above all"),
    ("slub", False, r"BUG \S+ \(.*\): ", "slub_debug: a red zone or a poison overwritten"),
    ("atomic", False, r"BUG: (sleeping function|scheduling while atomic|workqueue leaked)",
     "DEBUG_ATOMIC_SLEEP"),
    ("page", False, r"BUG: Bad (page|rss-counter)", "free of a page still in use, a mapcount left"),
    ("page", False, r"(page|vmg \S+) dumped because: ", "VM_BUG_ON_PAGE, VM_WARN_ON_FOLIO, bad_page"),
    ("page", False, r"pagealloc: (memory corruption|single bit error)", "page poisoning: use after free"),
    ("lockup", False, SUBSYS + r"BUG: (soft lockup|workqueue lockup)", "a loop, often a lost folio lock"),
    ("lockup", False, SUBSYS + r".*Watchdog detected hard LOCKUP", "the same with interrupts off"),
    ("hung", False, r"INFO: task .* blocked.* for more than \d+ seconds", "asleep for ever on a folio"),
    ("stall", False, r"rcu: INFO: .*\bdetected( expedited)? stalls?\b|rcu: INFO: .*self-detected stall",
     "an RCU grace period that cannot end"),
    ("leak", False, r"kmemleak: (\d+ new suspected memory leaks|unreferenced object)", "kmemleak"),
    ("leak", False, SUBSYS + r"VFS: Busy inodes after unmount", "an inode reference left"),
    ("oom", False, r"(Memory cgroup )?[Oo]ut of memory: Killed|.* invoked oom-killer: ",
     "a leak, or a guest too small to prove anything"),
    ("bug", False, SUBSYS + r"BUG: ", "whatever else calls itself a bug"),
]
PATTERNS = [(name, crash, re.compile(pattern)) for name, crash, pattern, _ in TABLE]
CUT_HERE = re.compile(r"-+\[ cut here \]-+")
FRAME = re.compile(r"(-+\[ cut here \]-+|={20,}$)")
END = re.compile(r"---\[ end (trace|Kernel panic)")
DROPPED = re.compile(r"\*\* (\d+) printk messages dropped \*\*")


@dataclass
class Splat:
    """A report of the kernel against itself."""
    kind: str
    title: str
    line: int
    crash: bool
    excerpt: list[str] = field(default_factory=list)


def read_lines(path: Path) -> list[Line]:
    """The lines of a log, without prefixes, escapes and carriage returns."""
    lines: list[Line] = []
    raw = path.read_bytes().decode("utf-8", "replace")
    for number, whole in enumerate(raw.split("\n"), 1):
        for text in BROKEN.split(ESCAPE.sub("", whole.rstrip())):
            text = text.rstrip()
            match = PREFIX.match(text)
            if match:
                lines.append(Line(text[match.end():], number, float(match[2]), match[1]))
            else:
                lines.append(Line(text, number))
    return lines


def is_continued(head: Line, line: Line) -> bool:
    """Whether a line is the next one of the diagnostic record begun by head."""
    if FRAME.match(line.text) or line.prefix != head.prefix:
        return False
    return line.text.startswith("    ") or bool(line.prefix and " FAILED at " in head.text)


def split_ktap(lines: list[Line]) -> tuple[list[Line], list[Line]]:
    """Takes apart KTAP with its diagnostics, and what the rest of the kernel says.

    A failed expectation is one record of several lines.  printk repeats the
    time stamp on each, which tells them from a splat that comes in between;
    without time stamps their indentation must do.
    """
    ours: list[Line] = []
    rest: list[Line] = []
    head: Line | None = None
    for line in lines:
        if NOTE.match(line.text):
            head = line
            ours.append(line)
        elif is_structure(line.text):
            head = None
            ours.append(line)
        elif head and is_continued(head, line):
            ours.append(line)
        else:
            head = None
            rest.append(line)
    return ours, rest


def is_inside(splat: Splat, open_: bool, text: str) -> bool:
    """Whether a line that matches belongs to the report before it."""
    if not open_ or FRAME.match(text):
        return False
    return bool(CUT_HERE.match(splat.excerpt[0])) or splat.crash


def find_splats(lines: list[Line]) -> list[Splat]:
    """The splats of a console without its KTAP; each with an excerpt."""
    found: list[Splat] = []
    is_open = False
    for line in lines:
        text = line.text.strip()
        kind, crash = next(((name, crash) for name, crash, pattern in PATTERNS
                            if pattern.match(text)), ("", False))
        if kind and found and is_inside(found[-1], is_open, text):
            splat = found[-1]
            if CUT_HERE.match(splat.title):
                splat.kind, splat.title = kind, text
            if crash and not splat.crash:
                splat.kind, splat.crash = kind, True
        elif kind:
            found.append(Splat(kind, text, line.number, crash))
            is_open = True
        elif FRAME.match(text):
            is_open = False
        if is_open and text:
            excerpt = found[-1].excerpt
            excerpt.append(line.text)
            framed = CUT_HERE.match(excerpt[0]) or found[-1].crash
            if END.match(text) or (text == "</TASK>" and not framed) or len(excerpt) >= EXCERPT:
                is_open = False
    return found


def dropped_messages(lines: list[Line]) -> int:
    """How many messages the console lost: a splat could have been among them."""
    return sum(int(m[1]) for m in (DROPPED.search(line.text) for line in lines) if m)
