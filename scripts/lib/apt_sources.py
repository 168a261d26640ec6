#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Print the first Debian mirror in apt's sources as `deb [options] URI`.

Usage: apt_sources.py DIR    (DIR is /etc/apt; exits 1 when it names none)

Both forms of source are read: one line each (*.list) and deb822 (*.sources).
Only the options that let apt trust the mirror are kept.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

# The security archive is another mirror, without the other suites.
DEBIAN = re.compile(
    r"(stable|oldstable|testing|unstable|sid|bullseye|bookworm|trixie|forky|duke)"
    r"(-updates|-backports)?/?"
)
ONE_LINE = re.compile(r"deb\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)")

Source = tuple[str, list[str], dict[str, str]]  # URI, suites, options


def read_list(text: str) -> Iterator[Source]:
    for line in text.splitlines():
        if match := ONE_LINE.match(line.strip()):
            pairs = (word.partition("=") for word in (match["options"] or "").split())
            yield match["uri"], [match["suite"]], {name.lower(): value for name, _, value in pairs}


def read_deb822(text: str) -> Iterator[Source]:
    text = "".join(line + "\n" for line in text.splitlines() if not line.startswith("#"))
    for paragraph in re.split(r"\n\s*\n", text):
        fields = {
            match[1].lower(): match[2].strip()
            for match in re.finditer(r"^([\w-]+):((?:.|\n(?=[ \t]))*)", paragraph, re.M)
        }
        uris = fields.get("uris", "").split()
        if uris and "deb" in fields.get("types", "").split() and fields.get("enabled", "yes") != "no":
            yield uris[0], fields.get("suites", "").split(), fields


def find_mirror(etc: Path) -> str | None:
    files = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]
    for file in files:
        reader = {".list": read_list, ".sources": read_deb822}.get(file.suffix)
        if not reader or not file.is_file():
            continue
        for uri, suites, options in reader(file.read_text(encoding="utf-8", errors="replace")):
            if not any(DEBIAN.fullmatch(suite) for suite in suites):
                continue
            # A key may also stand inside the file: apt's own keyrings serve then.
            kept = [
                f"{name}={options[name]}"
                for name in ("signed-by", "trusted")
                if options.get(name) and not re.search(r"\s", options[name])
            ]
            return f"deb [{' '.join(kept)}] {uri}" if kept else f"deb {uri}"
    return None


if __name__ == "__main__":
    mirror = find_mirror(Path(sys.argv[1]))
    if not mirror:
        sys.exit(1)
    print(mirror)
