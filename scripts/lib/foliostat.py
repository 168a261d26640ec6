# SPDX-License-Identifier: GPL-2.0
"""The command foliostat: what is asked for, once or again and again."""
from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from foliostat_svg import Sample, draw_census, draw_orders
from foliostat_tables import Debugfs, Saved, Source, StatError, Table, number
from foliostat_text import Style, printable
from foliostat_views import (census_types, kind_name, view_census, view_folios, view_machine, view_orders,
                             view_why)


@dataclass
class View:
    """One thing to show: its tables, their text, and its picture."""
    source: Source
    path: str | None = None
    what: str = "machine"
    over_time: bool = False
    samples: list[Sample] = field(default_factory=list)

    TABLES = {
        "machine": ("mode", "fstypes"),
        "file": ("version", "file_orders", "file_why"),
        "folios": ("version", "file"),
        "mount": ("version", "mount_orders"),
        "census": ("census", "census_cost"),
    }
    STANDING = ("version", "mode", "fstypes", "census", "census_cost")

    def take(self) -> dict[str, Table]:
        return {name: self.source.read(name, None if name in self.STANDING else self.path)
                for name in self.TABLES[self.what]}

    def text(self, tables: dict[str, Table], style: Style) -> str:
        if self.what == "machine":
            return view_machine(tables["mode"], tables["fstypes"], style)
        if self.what == "census":
            return view_census(tables["census"], tables["census_cost"], style)
        page = int(tables["version"].values()["page_size"])
        title = style.bold(printable(self.path or ""))
        if self.what == "folios":
            return view_folios(tables["file"], title, page, style)
        if self.what == "mount":
            return view_orders(tables["mount_orders"], title, page, style)
        return view_orders(tables["file_orders"], title, page, style) + "\n" + view_why(tables["file_why"], style)

    def picture(self, tables: dict[str, Table], seconds: float) -> str:
        if self.what == "census":
            value = {key: int(text) for key, text in tables["census_cost"].values().items()}
            kinds = {kind_name(kind): size for kind, (_, size) in census_types(tables["census"]).items()}
            models = {"today": (value["now_bytes"], 0)}
            models |= {f"{size} bytes a page": (size * value["online_pages"], value["descriptor_bytes"])
                       for size in (64, 32, 8)}
            return draw_census(kinds, models, "Memory of the machine by what it is used for")
        table = tables["mount_orders" if self.what == "mount" else "file_orders"]
        orders = {number(row["order"]): number(row["bytes"]) for row in table.rows if row["kind"] == "order"}
        self.samples.append(Sample(seconds, orders))
        page = int(tables["version"].values()["page_size"])
        title = f"{printable(self.path or '')}: page cache by order of the folios"
        return draw_orders(self.samples, title, page, self.over_time)


def as_json(tables: dict[str, Table]) -> dict[str, list[dict[str, int | str | None]]]:
    """Numbers as numbers, and null for what does not apply."""
    def value(text: str) -> int | str | None:
        return None if text == "-" else int(text) if text.lstrip("-").isdigit() else text
    return {name: [{key: value(text) for key, text in row.items()} for row in table.rows]
            for name, table in tables.items()}


def write_picture(path: Path, text: str) -> None:
    """Whole at each moment, for a viewer that looks while it is drawn again."""
    new = path.with_name(path.name + ".new")
    try:
        new.write_text(text)
        new.replace(path)
    except OSError as error:
        raise StatError(f"cannot write {path}: {error.strerror}") from error


def seconds_type(text: str) -> float:
    try:
        if 0.1 <= (seconds := float(text)) <= 86400:
            return seconds
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0.1 to 86400")


def parse_args(argv: list[str], text: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="foliostat", description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    for name, help_text in (("folios", "each folio of the file"), ("mount", "all files of the mount"),
                            ("census", "all memory of the machine")):
        what.add_argument(f"--{name}", dest="what", action="store_const", const=name, help=help_text)
    parser.add_argument("path", nargs="?", metavar="PATH")
    parser.add_argument("--json", action="store_true", help="the tables as they are; with --watch one line each")
    parser.add_argument("--watch", type=seconds_type, metavar="SECONDS", help="again and again, until interrupted")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="a picture, too: of orders, over time with --watch")
    parser.add_argument("--from", type=Path, dest="saved", metavar="DIR",
                        help="read tables that were saved as files of DIR")
    args = parser.parse_args(argv)
    args.what = args.what or ("machine" if args.path is None else "file")
    if args.what in ("folios", "mount") and not args.path:
        parser.error(f"--{args.what} needs a PATH")
    if args.what == "census" and args.path is not None:
        parser.error("--census is of the whole machine: it takes no PATH")
    if args.path == "":
        parser.error("the PATH is empty")
    if args.svg and args.what not in ("file", "mount", "census"):
        parser.error("--svg draws a PATH, a --mount or the --census")
    return args


def show(view: View, args: argparse.Namespace, style: Style, out: TextIO) -> None:
    begin, clear = time.monotonic(), "\033[H\033[2J" if args.watch and out.isatty() and not args.json else ""
    while True:
        tables = view.take()
        if args.svg:
            write_picture(args.svg, view.picture(tables, time.monotonic() - begin))
        if args.json:
            stamp = {"time": round(time.time(), 3)} if args.watch else {}
            print(json.dumps(stamp | as_json(tables), indent=None if args.watch else 1), file=out, flush=True)
        else:
            stamp_line = f"{time.strftime('%H:%M:%S')}\n" if args.watch else ""
            print(clear + stamp_line + view.text(tables, style).rstrip() + ("\n" if args.watch else ""), file=out,
                  flush=True)
        if not args.watch:
            return
        time.sleep(args.watch)


def main(text: str, argv: list[str] | None = None) -> int:
    args = parse_args(sys.argv[1:] if argv is None else argv, text)
    source: Source = Saved(args.saved) if args.saved else Debugfs()
    style = Style(sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb")
    try:
        show(View(source, args.path, args.what, bool(args.watch)), args, style, sys.stdout)
        return 0
    except StatError as error:
        print(f"foliostat: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        # The usual end of --watch; without, what was asked for was not shown.
        if args.watch:
            return 0
        print("foliostat: interrupted", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
