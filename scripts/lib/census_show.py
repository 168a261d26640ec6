# SPDX-License-Identifier: GPL-2.0
"""The census as tables of text or reStructuredText, as JSON, and as a plot."""
from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

from census_scan import AREAS, GROUPS, Tally, area, subsystem
from census_uses import Row
from coverage import table

COLUMNS = (*AREAS, "other")
LARGEST = 40        # subsystems that a table or plot shows
COLOURS = ("#4477aa", "#66ccee", "#228833", "#ccbb44", "#bbbbbb", "#ee6677")


def group_of(rows: list[Row]) -> dict[str, str]:
    return {row.name: row.group for row in rows}


def by_subsystem(tally: Tally, rows: list[Row]) -> dict[str, Counter[str]]:
    """The uses of each group in each subsystem, the largest first."""
    groups, found = group_of(rows), dict[str, Counter[str]]()
    for use in tally.uses:
        found.setdefault(subsystem(use.path), Counter())[groups.get(use.name, "flags")] += 1
    return dict(sorted(found.items(), key=lambda item: (-item[1].total(), item[0])))


def api_table(tally: Tally, names: list[str]) -> str:
    uses: dict[str, list[str]] = {}
    for use in tally.uses:
        uses.setdefault(use.name, []).append(use.path)
    lines: list[list[str]] = []
    for name in names:
        paths = uses.get(name, [])
        areas = Counter(map(area, paths))
        lines.append([name, *(str(areas[column]) for column in COLUMNS), str(len(paths)), str(len(set(paths)))])
    return table(["API", *COLUMNS, "uses", "files"], lines)


def compare_table(tallies: list[Tally], rows: list[Row]) -> str:
    """Groups, then the APIs whose count is not the same everywhere."""
    groups = group_of(rows)
    totals = [Counter(groups.get(use.name, "flags") for use in tally.uses) for tally in tallies]
    lines = [[f"{group}, all", *(str(total[group]) for total in totals)] for group in GROUPS]
    for name in dict.fromkeys([row.name for row in rows] + sorted(set().union(*(tally.counts for tally in tallies)))):
        counts = [tally.counts[name] for tally in tallies]
        if len(set(counts)) > 1:
            lines.append([name, *map(str, counts)])
    lines.append(["accessors nobody calls", *(str(len(tally.dead())) for tally in tallies)])
    return table(["", *(tally.label for tally in tallies)], lines)


def subsystem_table(tallies: list[Tally], rows: list[Row]) -> str:
    first, last = (by_subsystem(tally, rows) for tally in (tallies[0], tallies[-1]))
    lines: list[list[str]] = []
    for name, counts in list(last.items())[:LARGEST]:
        lines.append([name, *(str(counts[group]) for group in GROUPS), str(counts.total()),
                      str(first.get(name, Counter()).total())])
    rest = [counts for counts in list(last.values())[LARGEST:]]
    before = sum(counts.total() for name, counts in first.items() if name not in list(last)[:LARGEST])
    if rest:
        lines.append([f"{len(rest)} more", *(str(sum(counts[group] for counts in rest)) for group in GROUPS),
                      str(sum(counts.total() for counts in rest)), str(before)])
    head = ["subsystem", *GROUPS, "uses", f"in {tallies[0].label}"]
    return table(head, lines) if len(tallies) > 1 else table(head[:-1], [line[:-1] for line in lines])


def sections(tallies: list[Tally], rows: list[Row]) -> Iterator[tuple[str, str]]:
    """Each heading with what stands under it."""
    if len(tallies) > 1:
        yield f"{tallies[0].label} against each topic", compare_table(tallies, rows)
    last = tallies[-1]
    for group, title in GROUPS.items():
        mine = [row.name for row in rows if row.group == group]
        if group == "gone":
            mine = [name for name in mine if last.counts[name]]
        if group == "flags":        # what page-flags.h makes and the table does not name
            mine += sorted(last.counts.keys() & last.accessors - {row.name for row in rows})
        if mine:
            yield f"{title} ({group})", api_table(last, mine)
    yield "By subsystem", subsystem_table(tallies, rows)
    if last.accessors:
        dead = last.dead()
        yield "Accessors that nobody calls", textwrap.fill(
            f"{len(dead)} of the {len(last.accessors)} functions that the macros of page-flags.h make: "
            + (", ".join(dead) or "none") + ".", 100, break_on_hyphens=False) + "\n"


def as_text(tallies: list[Tally], rows: list[Row]) -> str:
    return "\n".join(f"{title}\n\n{body}" for title, body in sections(tallies, rows))


def as_rst(tallies: list[Tally], rows: list[Row]) -> str:
    return "\n".join(f"{title}\n{'-' * len(title)}\n\n{body}" for title, body in sections(tallies, rows))


def as_json(tallies: list[Tally], rows: list[Row], listed: bool) -> dict[str, Any]:
    """What the tables say, and with `listed` every place."""
    groups = group_of(rows)
    revisions: list[dict[str, Any]] = []
    for tally in tallies:
        apis: dict[str, Any] = {row.name: {"group": row.group, "folio": row.folio, "uses": 0, "files": 0,
                                           "subsystems": {}} for row in rows}
        for name in tally.counts:
            entry = apis.setdefault(name, {"group": groups.get(name, "flags"), "folio": ""})
            mine = [use for use in tally.uses if use.name == name]
            entry |= {"uses": len(mine), "files": len({use.path for use in mine}),
                      "subsystems": dict(sorted(Counter(subsystem(use.path) for use in mine).items()))}
        for (name, kind), count in sorted(tally.others.items()):
            apis.setdefault(name, {"group": groups.get(name, "flags"), "folio": ""})[f"{kind}s"] = count
        revision: dict[str, Any] = {"label": tally.label, "apis": apis, "uncalled_accessors": tally.dead()}
        if listed:
            revision["places"] = [[use.path, use.line, use.name, use.kind] for use in tally.uses]
        revisions.append(revision)
    return {"format": "foliolab-census 1", "revisions": revisions}


def as_svg(tallies: list[Tally], rows: list[Row]) -> str:
    """Bars of the largest subsystems, a colour for each group; a mark where the first revision ended."""
    first, last = (by_subsystem(tally, rows) for tally in (tallies[0], tallies[-1]))
    names = list(last)[:LARGEST]
    most = max([counts.total() for counts in [*first.values(), *last.values()]], default=1)
    left, width, step, top = 150, 640, 17, 66
    title = f"Uses of legacy struct page interfaces, {tallies[-1].label}"
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 90}" height="{top + step * len(names) + 12}" '
           'font-family="sans-serif" font-size="11">',
           '<rect width="100%" height="100%" fill="#ffffff"/>',
           f'<text x="10" y="18" font-size="14">{escape(title)}</text>']
    for at, group in enumerate(GROUPS):
        x = 10 + 115 * at
        out.append(f'<rect x="{x}" y="30" width="11" height="11" fill="{COLOURS[at]}"/><text x="{x + 15}" y="40">{group}</text>')
    if len(tallies) > 1:
        out.append(f'<text x="10" y="57">black mark: where the bar ended in {escape(tallies[0].label)}</text>')
    for at, name in enumerate(names):
        y, x = top + step * at, float(left)
        out.append(f'<text x="{left - 6}" y="{y + 11}" text-anchor="end">{escape(name)}</text>')
        for colour, group in zip(COLOURS, GROUPS):
            long = width * last[name][group] / most
            if long:
                out.append(f'<rect x="{x:.1f}" y="{y}" width="{long:.1f}" height="13" fill="{colour}"/>')
            x += long
        before = first.get(name, Counter()).total()
        if before != last[name].total():
            mark = left + width * before / most
            out.append(f'<rect x="{mark - 1:.1f}" y="{y - 2}" width="2" height="17" fill="#000000"/>')
        out.append(f'<text x="{max(x, left + width * before / most) + 5:.1f}" y="{y + 11}">{last[name].total()}</text>')
    return "\n".join([*out, "</svg>"]) + "\n"
