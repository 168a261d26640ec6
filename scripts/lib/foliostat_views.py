# SPDX-License-Identifier: GPL-2.0
"""What foliostat says of the tables, in the words of people."""
from __future__ import annotations

from collections import defaultdict

from foliostat_tables import Table, number
from foliostat_text import Style, human, share

STATES = ("dirty", "writeback", "uptodate", "mapped", "past_eof")
WHY = {
    "no_large_folios": "the filesystem or the file has no large folios",
    "maximum": "as large as the mapping allows",
    "alignment": "its place in the file is not aligned to more",
    "eof": "the next order would reach past the end of the file",
    "neighbour": "another folio is in the way",
    "evicted": "what was there has been reclaimed",
    "fallback": "could have been larger: allocation fell back, or less was asked for",
}


def order_name(order: str, page: int) -> str:
    return "-" if order == "-" else human(page << int(order))


def state_columns(table: Table) -> list[str]:
    return [state for state in STATES if f"{state}_bytes" in table.columns]


def state_cells(row: dict[str, str], states: list[str]) -> list[str]:
    counts = [number(row[f"{state}_bytes"]) for state in states]
    return [human(count) if count else "-" for count in counts]


def view_mode(mode: Table) -> str:
    value = mode.values()
    text = {"per_page": "one for each page", "average": "one for the folio"}.get(value["mapcount"], value["mapcount"])
    large = "no large folios"
    if value["large_folios"] == "yes":
        large = f"folios of up to {human(int(value['page_size']) << int(value['max_pagecache_order']))}"
    return (f"Pages of {human(int(value['page_size']))}, {large} in the page cache; map counts: {text}, "
            f"{'and the address spaces that map it' if value['mm_ids'] == 'yes' else 'no ids of address spaces'}.")


def view_machine(mode: Table, fstypes: Table, style: Style) -> str:
    table = fstypes.need("fstype", "order", "folios", "bytes")
    page = int(mode.values()["page_size"])
    states = state_columns(table)
    total = sum(number(row["bytes"]) for row in table.rows)
    most = max((number(row["bytes"]) for row in table.rows), default=0)
    rows = [[row["fstype"], row["order"], order_name(row["order"], page), row["folios"],
             human(number(row["bytes"])), share(number(row["bytes"]), total), *state_cells(row, states),
             style.bar(number(row["bytes"]), most)] for row in table.rows]
    head = ["filesystem", "order", "folio", "folios", "bytes", "share", *states, ""]
    return "\n".join([view_mode(mode), f"{human(total)} in the page cache.", "", style.table(head, rows)])


def view_orders(table: Table, title: str, page: int, style: Style) -> str:
    """The histogram of a file or a mount."""
    table.need("kind", "order", "folios", "bytes")
    states = state_columns(table)
    orders = [row for row in table.rows if row["kind"] == "order"]
    most = max((number(row["bytes"]) for row in orders), default=0)
    rows, notes = [], []
    for row in table.rows:
        count, size = number(row["folios"]), human(number(row["bytes"]))
        if row["kind"] in ("order", "total"):
            bar = style.bar(number(row["bytes"]), most) if row["kind"] == "order" else ""
            label = row["order"] if row["kind"] == "order" else "all"
            rows.append([label, order_name(row["order"], page), row["folios"], size, *state_cells(row, states), bar])
        elif count and row["kind"] == "inodes":
            what = "file or directory has" if count == 1 else "files and directories have"
            notes.append(f"{count} {what} something cached; their length is {size}.")
        elif count:
            where = " below the end" if row["kind"] == "hole" else f" of order {row['order']}" if row["order"] != "-" else ""
            notes.append(f"{count} {row['kind']}{'s' if count > 1 and row['kind'] != 'swap' else ''}{where}: {size}.")
    head = ["order", "folio", "folios", "bytes", *states, ""]
    body = style.table(head, rows) if orders else "Nothing of it is in the page cache."
    return "\n".join([title, "", body, *([""] + notes if notes else [])])


def view_why(table: Table, style: Style) -> str:
    table.need("reason", "folios", "bytes")
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in table.rows:
        if row["reason"] != "total":
            sums[row["reason"]][0] += number(row["folios"])
            sums[row["reason"]][1] += number(row["bytes"])
    if not sums:
        return ""
    total = sum(size for _, size in sums.values())
    rows = [[WHY.get(reason, reason), str(count), human(size), share(size, total), style.bar(size, total)]
            for reason, (count, size) in sums.items()]
    limits = ""
    if {"min_order", "max_order"} <= set(table.columns):
        limits = f" (this file's may be of order {table.rows[0]['min_order']} to {table.rows[0]['max_order']})"
    return f"\nWhy folios are not larger{limits}:\n\n" + style.table(["reason", "folios", "bytes", "share", ""], rows)


def view_folios(table: Table, title: str, page: int, style: Style) -> str:
    table.need("index", "order", "kind")
    flags = {"dirty", "writeback", "uptodate", "private"}
    names = [name for name in table.columns if name not in flags and name != "flags"]
    rows = []
    for row in table.rows:
        cells = [human(number(row[name])) if name == "past_eof" and number(row[name]) else row[name] for name in names]
        rows.append([*cells[:2], order_name(row["order"], page), *cells[2:], row.get("flags", "-")])
    head = [name.replace("_", " ") for name in names]
    return "\n".join([title, "", style.table([*head[:2], "folio", *head[2:], "flags"], rows, words=("kind", "flags"))])


def census_types(table: Table) -> dict[tuple[str, str], tuple[int, int]]:
    """(type, subtype): (heads, bytes) over all nodes and orders, the largest first."""
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for row in table.need("type", "subtype", "order", "heads", "bytes").rows:
        sums[row["type"], row["subtype"]][0] += number(row["heads"])
        sums[row["type"], row["subtype"]][1] += number(row["bytes"])
    order = sorted(sums.items(), key=lambda item: -item[1][1])
    return {kind: (heads, size) for kind, (heads, size) in order}


def kind_name(kind: tuple[str, str]) -> str:
    return kind[0] if kind[1] == "-" else kind[1] if kind[0] == "misc" else " ".join(kind)


def view_census(census: Table, cost: Table, style: Style) -> str:
    kinds = census_types(census)
    total = sum(size for _, size in kinds.values())
    most = max((size for _, size in kinds.values()), default=0)
    rows = [[kind_name(kind), str(heads), human(size), human(size / heads) if heads else "-", share(size, total),
             style.bar(size, most)] for kind, (heads, size) in kinds.items()]
    value = {key: int(text) for key, text in cost.values().items()}
    lines = [style.table(["memory", "pieces", "bytes", "on average", "share", ""], rows), "",
             f"{human(total)} in {value['online_pages']} pages. struct page takes {human(value['now_bytes'])} of it, "
             f"{value['struct_page_bytes']} bytes a page.",
             f"{value['described_heads']} pieces would have a descriptor; order-0 folios are "
             f"{value['order0_folio_permille'] / 10:.1f} % of all memory.", ""]
    rows = []
    for size in (64, 32, 8):
        delta = value[f"memdesc_{size}_delta"]
        rows.append([f"{size} bytes a page", human(value[f"memdesc_{size}_bytes"]),
                     f"{'+' if delta > 0 else ''}{human(delta)}", share(delta, value["now_bytes"]),
                     f"{value[f'memdesc_{size}_break_even_permille'] / 10:.1f} %"])
    lines.append(style.table(["with memdescs", "cost", "against now", "in percent", "order-0 share to break even"], rows))
    return "\n".join(lines)
