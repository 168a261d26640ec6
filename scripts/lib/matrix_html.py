# SPDX-License-Identifier: GPL-2.0
"""The table of `make qemu` as one page: filesystems against suites, with links to the logs."""
from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from matrix import NO_FILESYSTEM
from matrix_verdict import Side, Verdict

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.4em; margin-bottom: 0; }
h2 { font-size: 1.1em; }
table { border-collapse: separate; border-spacing: 3px; margin: 1.5em 0; }
th { text-align: left; font-weight: 600; padding: .3em .8em; }
td { padding: .4em .8em; border-radius: 4px; min-width: 8em; vertical-align: top; }
td small, td small a { color: inherit; opacity: .85; }
td.passed { background: #1a7f37; color: #fff; }
td.failed { background: #c4232b; color: #fff; }
td.known { background: #8a6100; color: #fff; }
td.skipped { background: #8883; }
pre { overflow-x: auto; padding: .8em; background: #8882; border-radius: 4px; font-size: 13px; }
summary { cursor: pointer; padding: .2em 0; }
dl { display: grid; grid-template-columns: max-content auto; gap: .1em 1em; }
dt { font-weight: 600; } dd { margin: 0; }
"""


def link(run: Path, path: str, text: str) -> str:
    return f'<a href="{escape(path)}">{escape(text)}</a>' if (run / path).is_file() else escape(text)


def links(run: Path, verdict: Verdict, kernel: str, side: Side) -> str:
    """What a kernel came to, leading to its summary, and its console."""
    where = f"rows/{verdict.row.name}/{kernel}"
    return (link(run, f"{where}/summary.txt", f"{kernel} {side.status}") + " "
            + link(run, f"{where}/console.log", "(console)"))


def cell(run: Path, verdict: Verdict | None) -> str:
    if verdict is None:
        return "<td></td>"
    told = "<br>".join(links(run, verdict, kernel, side) for kernel, side in verdict.sides.items()
                       if verdict.means != "skipped" and side.status != "-")
    return (f'<td class="{verdict.counts}" title="{escape(verdict.why)}"><b>{escape(verdict.means)}</b>'
            f"<br><small>{told or escape(verdict.why)}</small></td>")


def table(run: Path, verdicts: list[Verdict]) -> Iterator[str]:
    suites = list(dict.fromkeys(verdict.row.suite for verdict in verdicts))
    found = {(verdict.row.fs, verdict.row.suite): verdict for verdict in verdicts}
    yield "<table><tr><th></th>" + "".join(f"<th>{escape(suite)}</th>" for suite in suites) + "</tr>"
    for fs in dict.fromkeys(verdict.row.fs for verdict in verdicts):
        name = "no filesystem" if fs == NO_FILESYSTEM else fs
        yield f"<tr><th>{escape(name)}</th>" + "".join(
            cell(run, found.get((fs, suite))) for suite in suites) + "</tr>"
    yield "</table>"


def details(verdicts: list[Verdict]) -> Iterator[str]:
    """Each row that did not simply pass; those that count as failures lie open."""
    for verdict in verdicts:
        if verdict.means in ("passed", "skipped"):
            continue
        lines = [f"{kernel}: {line}" for kernel, side in verdict.sides.items()
                 for line in [*(f"{name}: {note}" for name, note in side.notes.items()), *side.excerpt]]
        opened = " open" if verdict.counts == "failed" else ""
        text = "\n".join(lines) or "nothing was said"
        yield (f"<details{opened}><summary><b>{escape(verdict.row.name)}</b>: {escape(verdict.means)}. "
               f"{escape(verdict.why)}</summary><pre>{escape(text)}</pre></details>")


def page(run: Path, verdicts: list[Verdict], totals: str) -> str:
    """The whole page. It needs nothing but what lies beside it."""
    settings = (run / "settings").read_text() if (run / "settings").is_file() else ""
    pairs = (line.partition("=") for line in settings.splitlines())
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, _, value in pairs if value)
    return "\n".join([
        "<!DOCTYPE html>", '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{escape(run.name)}: {escape(totals)}</title><style>{STYLE}</style></head><body>",
        f"<h1>{escape(totals)}</h1>", f"<p>{escape(run.name)}: the patched kernel against its base</p>",
        *table(run, verdicts), *details(verdicts), f"<h2>Settings</h2><dl>{facts}</dl>",
        '<p><a href="summary.txt">summary.txt</a> · <a href="results.json">results.json</a> · '
        '<a href="junit.xml">junit.xml</a></p>', "</body></html>"]) + "\n"
