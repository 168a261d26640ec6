# SPDX-License-Identifier: GPL-2.0
"""Where a C source uses the interfaces of a table: calls, and members of struct page.

A use is told from a definition, a declaration, an export and a member that happens
to have the name; a member is one of struct page when what it is read from is.
"""
from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from csource import Macro, Source

# A statement with one of these, or an open parenthesis, before a name declares nothing.
ACTS = re.compile(r"[=?:!&|<>+\-/\[\]]|\b(?:return|else|do|goto|case|if|while|for|switch|sizeof|typeof|typedef)\b")
TYPES = re.compile(r"(?:[A-Za-z_]\w*|\*|\s)*[A-Za-z_]\w*[\s*]+")
EXPORT = re.compile(r"\b(?:EXPORT_\w+|ALLOW_ERROR_INJECTION|NOKPROBE_SYMBOL|BTF_ID\w*|SYM_\w+)\s*\([^()]*$")
INITIALIZER = re.compile(r"(?:\.\s*\w+|\]|->\s*\w+)\s*=\s*&?\s*$")


@dataclass(frozen=True)
class Use:
    """One place. `kind`: call, macro (a call in a macro's body), ref (the function as a
    value), field; definition, declaration, export and own are no uses."""
    name: str
    path: str
    line: int
    kind: str


USES = ("call", "macro", "ref", "field")


@dataclass(frozen=True)
class Row:
    """A line of the table: what is looked for, and what to do about it."""
    group: str
    name: str
    kind: str
    folio: str
    note: str

    @property
    def word(self) -> str:
        """The word that a file must hold to have a use."""
        return self.kind.split(":")[-1] if ":" in self.kind else self.name


def declares(source: Source, at: int) -> bool:
    """Is the name at an offset, which a parenthesis follows, being declared or defined?"""
    before = source.statement(at)
    if ACTS.search(before) or before.count("(") != before.count(")"):
        return False
    return bool(TYPES.fullmatch(before[before.rfind(")") + 1:].lstrip() or " "))


def kind_of(source: Source, name: str, start: int, end: int) -> str:
    """What a name that is no member stands for at an offset; "" when it is none of ours."""
    text, macro = source.text, source.macro_at(start)
    before = text[max(0, start - 200):start].rstrip()
    if before.endswith(("->", "##")) or (before.endswith(".") and not before.endswith("...")):
        return ""
    follows = re.compile(r"\s*(\S?)(\S?)").match(text, end)
    after = follows[1] if follows else ""
    if after == "#" and follows and follows[2] == "#":
        return ""
    if macro and macro.at == start:
        return "definition"
    if EXPORT.search(before):
        return "export"
    if after == "(":
        if declares(source, start):
            close = source.closing(follows.start(1) if follows else end)
            return "definition" if re.compile(r"[\w\s()]*\{").match(text, close, close + 400) else "declaration"
        return "macro" if macro else "call"
    if macro and text[macro.body:macro.end].strip() == name:
        return "macro"
    if INITIALIZER.search(before) and after in (",", "}", ";") and not is_variable(source, name, macro):
        return "ref"
    return ""


def is_variable(source: Source, name: str, macro: Macro | None) -> bool:
    """Does a file, or the macro that one is in, have a variable, parameter or member of the name?"""
    if macro and re.search(rf"\b{name}\b", macro.params):
        return True
    declared = rf"(?<![=&|,(.>])(?:\s|\*)(?<!return )(?<!goto ){name}\s*(?:[;,)]|\[)"
    assigned = rf"(?<![\w.>]){name}\s*=[^=]"
    return bool(re.search(declared, source.text) or re.search(assigned, source.text))


def find_calls(source: Source, names: set[str]) -> list[Use]:
    """Every place where one of the names stands for the function, and what it is there."""
    found: list[Use] = []
    own: set[str] = set()
    for match in re.finditer(rf"\b(?:{'|'.join(sorted(names, key=len, reverse=True))})\b", source.text):
        kind = kind_of(source, match[0], match.start(), match.end())
        if not kind:
            continue
        if kind == "definition" and is_private(source, match.start()):
            own.add(match[0])
        found.append(Use(match[0], source.path, source.line(match.start()), kind))
    return [Use(use.name, use.path, use.line, "own") if use.name in own and use.kind != "definition" else use
            for use in found]


def is_private(source: Source, at: int) -> bool:
    """Does a definition hide the kernel's own: static, or a macro, in no header of everybody?"""
    if source.path.endswith(".h"):
        return "include/" not in source.path and not source.path.startswith("mm/")
    return source.macro_at(at) is not None or "static" in source.statement(at)


BY_NAME = {
    "page": re.compile(r"_*(?:page|pages|pagep|\w+_pages?|pg)"),
    "folio": re.compile(r"\w*folios?\d*"),
    "vm_fault": re.compile(r"vmf"),
    "buffer_head": re.compile(r"bh|\w+_bh"),
    "nfs_page": re.compile(r"req"),
}
# Functions that give a page, from their name.
GIVES_PAGE = re.compile(r"(?!.*(?:^|_)(?:folio|slab|zspage|zpdesc)$)\w*(?:_to_page|_to_head_page|_page|compound_head|page_head|pmd_huge_pte)")


# What ends where a variable's name starts in its declaration.
ONE = re.compile(r"(?:\bstruct\s+(?P<struct>\w+)(?:\s+const)?(?:\s*\*[\s*]*(?:const\s+|__\w+\s+)?|\s+)"
                 r"|\b(?P<table>pgtable_t)\s+|\b(?:\w+_t|void|char|int|long|u8|u16|u32|u64)\s+\*+\s*)$")
ANOTHER = re.compile(r"(?:^|[;{}])\s*(?:(?:static|const)\s+)*(?:struct\s+(?P<struct>\w+)|(?P<table>pgtable_t))\s"
                     r"[^;{}]*,\s*[*\s]*$")


def type_of(source: Source, name: str, at: int, back: int) -> str | None:
    """The struct that a name points to, by its last declaration before an offset; "" for another type."""
    text, low, here = source.text, max(0, at - back) if back else 0, at
    while (here := text.rfind(name, low, here)) >= 0:
        after = text[here + len(name):here + len(name) + 1]
        if text[here - 1:here] not in (" ", "\t", "\n", "*") or after.isalnum() or after in ("_", "(", "-", "."):
            continue
        before = text[max(0, here - 200):here]
        if found := ONE.search(before) or ANOTHER.search(before):
            parts = found.groupdict()
            return "page" if parts["table"] else parts["struct"] or ""
    return None


@dataclass(frozen=True)
class Base:
    """What a member is read from: the last name of the expression, and how it is written."""
    at: int             # of the -> or .
    start: int          # of the name
    name: str
    member: bool        # itself a member: x->name->
    called: bool        # name(...)->
    element: bool       # name[...].


def is_of(source: Source, struct: str, base: Base) -> bool:
    """Is it of that struct?"""
    if base.called:
        return struct == "page" and bool(GIVES_PAGE.fullmatch(base.name))
    # The type of a member may be in a header that is not read, but often it is in the file itself.
    known = type_of(source, base.name, len(source.text) if base.member else base.start, 0 if base.member else 30000)
    if known is not None:
        return known == struct
    if base.member and base.element:
        return False        # an array of objects of one's own, where struct page has pointers
    return bool(BY_NAME[struct].fullmatch(base.name))


def opening(text: str, at: int) -> int:
    """The offset of the bracket that the one before an offset closes."""
    close, depth = text[at - 1], 0
    start = "(" if close == ")" else "["
    while at:
        at -= 1
        depth += (text[at] == close) - (text[at] == start)
        if depth == 0:
            break
    return at


def bases(source: Source, member: str) -> Iterator[Base]:
    """What stands before each `->member` and `.member`."""
    for match in re.finditer(rf"{member}\b(?!\s*\()", source.text):
        before = max(0, match.start() - 300)
        head = source.text[before:match.start()].rstrip()
        arrow = head.endswith("->")
        if not arrow and not head.endswith("."):
            continue
        head = head[:-2 if arrow else -1].rstrip()
        called = element = False
        while head.endswith((")", "]")):
            close, at = head[-1], opening(head, len(head))
            name = re.search(r"[A-Za-z_]\w*\s*$", head[:at])
            if close == ")" and not (name and name[0].strip() not in ("if", "while", "return", "for", "switch")):
                head = head[:-1].rstrip()       # (x)->member, (*x).member
                continue
            called = called or close == ")"
            element = element or (close == "]" and not arrow)
            head = head[:at].rstrip()
        if name := re.search(r"[A-Za-z_]\w*$", head):
            yield Base(match.start(), before + name.start(), name[0],
                       head[:name.start()].rstrip().endswith(("->", ".")), called, element)


def find_members(source: Source, row: Row) -> list[Use]:
    """The lines with a member of a struct, `member:STRUCT:NAME`; `address:` those that take its address."""
    how, struct, member = row.kind.split(":")
    lines: set[int] = set()
    for base in bases(source, member):
        before = source.text[max(0, base.start - 120):base.start]
        if how == "address" and not re.search(r"&\s*\(?[\w\s.>\-\[\]]*$", before):
            continue
        if is_of(source, struct, base):
            lines.add(source.line(base.at))
    if how == "member" and struct == "page":
        lines |= listed_members(source, member)
    return [Use(row.name, source.path, line, "field") for line in sorted(lines)]


# Each starts with plain text, which is what makes the search for them quick.
LIST_ENTRY = re.compile(r"list_\w*entry\w*\s*\(")
CONTAINER_OF = re.compile(r"container_of\w*\s*\(")


def listed_members(source: Source, member: str) -> set[int]:
    """Lines of list_entry(..., struct page, member) and list_for_each_entry(page, ..., member)."""
    lines: set[int] = set()
    for found in itertools.chain(LIST_ENTRY.finditer(source.text), CONTAINER_OF.finditer(source.text)):
        first, *others = source.arguments(found.end() - 1)
        if member not in others:
            continue
        variable = Base(found.start(), found.start(), first, False, False, False)
        if "struct page" in others or (first.isidentifier() and "for_each" in found[0] and is_of(source, "page", variable)):
            lines.add(source.line(found.start()))
    return lines


def find_first_pages(source: Source, row: Row) -> list[Use]:
    """The calls NAME(x, 0): the whole folio handed on as its first page."""
    return [Use(row.name, source.path, source.line(found.start()), "field")
            for found in re.finditer(rf"\b{row.word}\s*\(", source.text)
            if source.arguments(found.end() - 1)[-1] == "0" and not source.text[:found.start()].rstrip().endswith(("->", "##"))]


def find_words(source: Source, row: Row) -> list[Use]:
    """The lines that hold a word."""
    lines = {source.line(found.start()) for found in re.finditer(rf"\b{row.word}\b", source.text)}
    return [Use(row.name, source.path, line, "field") for line in sorted(lines)]


def find_uses(source: Source, rows: list[Row]) -> list[Use]:
    """All that the rows look for, in the order of the lines."""
    uses: list[Use] = []
    calls = {row.name for row in rows if row.kind == "call"}
    if calls:
        uses += find_calls(source, calls)
    for row in rows:
        how = row.kind.split(":")[0]
        if how in ("member", "address"):
            uses += find_members(source, row)
        elif how == "first":
            uses += find_first_pages(source, row)
        elif how == "word":
            uses += find_words(source, row)
    return sorted(uses, key=lambda use: (use.line, use.name))
