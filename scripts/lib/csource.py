# SPDX-License-Identifier: GPL-2.0
"""C source as a reader of calls needs it: no comments, no strings, nothing under #if 0.

What is taken out leaves blanks of the same length, so every offset and line stays.
"""
from __future__ import annotations

import bisect
import re
from dataclasses import dataclass, field
from functools import cached_property

NOISE = re.compile(
    r"//(?:\\\n|[^\n])*"
    r"|/\*.*?(?:\*/|\Z)"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'(?:\\(?:x[0-9a-fA-F]+|[0-7]{1,3}|.)|[^'\\\n]){1,4}'", re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*#[ \t]*(\w+)((?:\\\n|[^\n])*)", re.MULTILINE)
NOT_NEWLINE = re.compile(r"[^\n]")
DEFINE = re.compile(r"[\s\\]*(\w+)(\([^)]*\))?")
# What starts a statement, or ends the one before.
BREAK = re.compile(r"[;{}]")


def blank(text: str) -> str:
    return NOT_NEWLINE.sub(" ", text)


def blank_noise(found: re.Match[str]) -> str:
    text = found[0]
    return text[0] + blank(text[1:-1]) + text[-1] if text[0] == '"' else blank(text)


@dataclass(frozen=True)
class Macro:
    """A #define: where its name stands, and where its body starts and ends."""
    name: str
    at: int
    params: str
    body: int
    end: int


@dataclass
class Source:
    """One file, stripped."""
    path: str
    text: str
    macros: list[Macro] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)       # of directives, in order

    @cached_property
    def lines(self) -> list[int]:
        return [found.end() for found in re.finditer(r"\n", self.text)]

    def line(self, at: int) -> int:
        return bisect.bisect_right(self.lines, at) + 1

    def macro_at(self, at: int) -> Macro | None:
        """The macro whose name or body is at an offset."""
        index = bisect.bisect_right(self.macros, at, key=lambda macro: macro.at) - 1
        return self.macros[index] if index >= 0 and at < self.macros[index].end else None

    def statement(self, at: int) -> str:
        """What stands before an offset in its own statement, macro body or declaration."""
        macro = self.macro_at(at)
        index = bisect.bisect_right(self.ends, at) - 1
        start = max(self.ends[index] if index >= 0 else 0, macro.body if macro else 0)
        chunk = self.text[max(start, at - 2000):at]
        last = max((found.end() for found in BREAK.finditer(chunk)), default=0)
        return chunk[last:]

    def closing(self, at: int) -> int:
        """The offset behind the parenthesis that closes the one at an offset."""
        depth = 0
        for found in re.compile(r"[()]").finditer(self.text, at, at + 20000):
            depth += 1 if found[0] == "(" else -1
            if depth == 0:
                return found.end()
        return at

    def arguments(self, at: int) -> list[str]:
        """The arguments in the parenthesis at an offset, cut at its own commas."""
        inner, depth, parts = self.text[at + 1:self.closing(at) - 1], 0, [""]
        for char in inner:
            depth += (char in "([{") - (char in ")]}")
            if char == "," and depth == 0:
                parts.append("")
            else:
                parts[-1] += char
        return [" ".join(part.split()) for part in parts]


def dead_ranges(text: str) -> list[tuple[int, int]]:
    """What #if 0, or the #else of #if 1, takes out."""
    ranges: list[tuple[int, int]] = []
    stack: list[tuple[str, int]] = []       # the condition as far as it is a constant; start of what is out
    for found in DIRECTIVE.finditer(text):
        word, rest = found[1], found[2].strip()
        if word in ("if", "ifdef", "ifndef"):
            known = rest if word == "if" and rest in ("0", "1") else ""
            stack.append((known, found.end() if known == "0" else -1))
        elif word in ("elif", "elifdef", "elifndef", "else", "endif") and stack:
            known, start = stack.pop()
            if start >= 0:
                ranges.append((start, found.start()))
            if word == "else":
                stack.append(("", found.end() if known == "1" else -1))
            elif word != "endif":
                out = known == "1" or (known == "0" and rest == "0")
                stack.append((known if out else "", found.end() if out else -1))
    return ranges


def read(path: str, raw: str) -> Source:
    """Strips a file and finds its macros."""
    text = NOISE.sub(blank_noise, raw)
    for start, end in dead_ranges(text):
        text = text[:start] + blank(text[start:end]) + text[end:]
    source = Source(path, "")
    for found in DIRECTIVE.finditer(text):
        source.ends.append(found.end())
        if found[1] == "define" and (head := DEFINE.match(text, found.start(2))):
            source.macros.append(Macro(head[1], head.start(1), head[2] or "", head.end(), found.end()))
    source.text = text.replace("\\\n", " \n")
    return source
