# SPDX-License-Identifier: GPL-2.0
"""Tables and bars for a terminal."""
from __future__ import annotations

from dataclasses import dataclass

BAR = 32


def human(count: float) -> str:
    """A number of bytes in binary units, three digits of it: 4 KiB, 1.46 GiB."""
    sign, count = ("-" if count < 0 else ""), abs(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if count < 1023.5 or unit == "TiB":
            break
        count /= 1024
    digits = 0 if count >= 99.95 or count == int(count) else 1 if count >= 9.995 else 2
    return f"{sign}{count:.{digits}f} {unit}"


def share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def printable(path: str) -> str:
    """A path may hold anything: what no terminal and no picture should get as \\x1b."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in path)


@dataclass
class Style:
    """Colour, where there is a terminal that wants it."""
    colour: bool = False

    def paint(self, code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self.colour and text else text

    def bold(self, text: str) -> str:
        return self.paint("1", text)

    def bar(self, part: float, whole: float) -> str:
        """A bar; what is there at all has at least a dot."""
        length = round(BAR * part / whole) if whole > 0 else 0
        return self.paint("36", "#" * length if length else "." if part else "")

    def table(self, head: list[str], rows: list[list[str]], words: tuple[str, ...] = ()) -> str:
        """Aligned: the columns of WORDS, or else the first, to the left; numbers to the
        right. The last one, if it has no name, holds bars."""
        left = {at for at, name in enumerate(head) if name in words} or {0}
        width = [max(len(line[at]) for line in [head, *rows]) for at in range(len(head))]
        lines = []
        for line in [head, *rows]:
            cells = [cell.ljust(width[at]) if at in left else cell.rjust(width[at])
                     for at, cell in enumerate(line) if head[at] or at + 1 < len(head)]
            text = "  ".join(cells).rstrip()
            if line is head:
                text = self.bold(text)
            elif not head[-1]:
                text += "  " + line[-1] if line[-1] else ""
            lines.append(text)
        return "\n".join(lines)
