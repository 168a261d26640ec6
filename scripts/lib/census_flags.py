# SPDX-License-Identifier: GPL-2.0
"""The functions that the macros of page-flags.h generate, by expanding the macros."""
from __future__ import annotations

import re

from csource import Source

CALL = re.compile(r"\b([A-Za-z_]\w*)[ \t\n]*\(")
PASTE = re.compile(r"(\w*)[ \t]*##[ \t]*(\w+)(?:[ \t]*##[ \t]*(\w+))?(?=[ \t\n]*\()")


def expand(bodies: dict[str, tuple[list[str], Source]], name: str, given: list[str],
           seen: frozenset[str] = frozenset()) -> set[str]:
    """The functions named by pasting, `Set##Page##uname(`, in a macro and in those it uses."""
    params, body = bodies[name]
    values = dict(zip(params, given))
    made = {"".join(values.get(part, part) for part in found.groups(""))
            for found in PASTE.finditer(body.text)
            if set(found.groups("")) & set(params)}
    for found in CALL.finditer(body.text):
        if found[1] in bodies and found[1] not in seen:
            inner = [values.get(part, part) for part in body.arguments(found.end() - 1)]
            made |= expand(bodies, found[1], inner, seen | {name})
    return made


def generated(source: Source) -> set[str]:
    """The names of all page accessors that uses of macros in a file make."""
    bodies = {macro.name: ([part.strip() for part in macro.params.strip("()").split(",")],
                           Source("", source.text[macro.body:macro.end]))
              for macro in source.macros if macro.params}
    made: set[str] = set()
    for found in CALL.finditer(source.text):
        if found[1] in bodies and not source.macro_at(found.start()):
            made |= expand(bodies, found[1], source.arguments(found.end() - 1))
    return {name for name in made if re.fullmatch(r"(__|Test)?(Set|Clear|TestSet|TestClear)?Page[A-Z]\w*", name)}
