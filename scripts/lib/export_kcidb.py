#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What a run has come to, as KCIDB takes it: JSON of version 5 of its I/O schema.

  scripts/lib/export_kcidb.py RUN ORIGIN

RUN is what make qemu, make kunit-mod or make kunit left. Each kernel is a checkout and
a build, each case a test, named by its path: kunit.SUITE.CASE, SUITE.FILESYSTEM.CASE;
above them is one for all of a suite, or of a row. Environment: SERIES, the directory of
the series, whose patches are those of the run when its hash says so.
"""
from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from describe import hash_series
from matrix import MatrixError, Row
from matrix_verdict import judge_run, read_plan

VERSION = {"major": 5, "minor": 3}
EXCERPT = 16384         # bytes that the schema allows
# A run that was cut short says nothing of the code; a crash says that it is at fault.
CASES = {"pass": "PASS", "fail": "FAIL", "skip": "SKIP", "missing": "MISS"}
VERDICTS = {"pass": "PASS", "fail": "FAIL", "crash": "FAIL", "timeout": "ERROR", "error": "ERROR"}
Object = dict[str, Any]


class ExportError(Exception):
    """What is wrong with the call, and what to do."""


def read_json(path: Path) -> Object:
    """What a run left there; nothing, where it did not come so far."""
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ExportError(f"{path} is not JSON ({error}); run again") from error
    return found if isinstance(found, dict) else {}


def dense(**members: Any) -> Object:
    """The schema knows members that are not there, but none that is empty."""
    return {name: value for name, value in members.items() if value not in (None, "", [], {})}


def as_path(*names: str) -> str:
    """Its nodes have letters, digits, _ and -."""
    return ".".join(re.sub(r"[^A-Za-z0-9_-]+", "_", name) for name in names)


def excerpt(lines: list[str]) -> str:
    """What the log says in the end, as far as there is room."""
    return "\n".join(lines).replace("\0", "").encode()[-EXCERPT:].decode(errors="ignore")


class Report:
    """Checkouts, builds and tests of one origin."""

    def __init__(self, origin: str, run: Path, meta: Object) -> None:
        self.origin = origin
        self.meta = meta
        digest = hashlib.sha256(json.dumps(meta, sort_keys=True).encode()).hexdigest()
        self.name = f"{run.name}-{digest[:12]}"
        self.start = started(run.name)
        self.lists: dict[str, list[Object]] = {"checkouts": [], "builds": [], "tests": []}
        self.paths: dict[str, int] = {}

    def add_kernel(self, kernel: str, meta: Object) -> str:
        """A kernel that was tested, from where it came; the id of its build."""
        own = f"{self.origin}:{self.name}:{kernel}"
        command = str(self.meta.get("command", ""))
        arch, known = re.search(r"\bARCH='?(\w+)", command), patchset(kernel, meta, command)
        self.lists["checkouts"].append({
            "id": own, "origin": self.origin, "valid": True, **dense(
                comment=f"Linux {meta.get('version', '')}, {kernel}", start_time=self.start,
                git_commit_name=f"v{meta['version']}" if meta.get("source") == "tree" and meta.get("version") else "",
                misc=dense(**{name: meta.get(name) for name in (
                    "version", "package", "source", "source_sha256", "commit")},
                    series_sha256=meta.get("series_sha256") if known.get("patchset_hash") else "")),
            **known})
        self.lists["builds"].append({
            "id": own, "origin": self.origin, "checkout_id": own, "status": "PASS",
            "architecture": arch[1] if arch else "x86_64", **dense(
                compiler=meta.get("compiler"), config_name=meta.get("config") or "default",
                misc=dense(config_sha256=meta.get("config_sha256")))})
        return own

    def add_test(self, build: str, meta: Object, path: str, status: str, **members: Any) -> None:
        own = f"{build}:{path}"
        self.paths[own] = self.paths.get(own, 0) + 1
        number = f"#{self.paths[own]}" if self.paths[own] > 1 else ""
        self.lists["tests"].append({
            "id": own + number, "origin": self.origin, "build_id": build, "path": path, "status": status,
            **dense(environment=environment(meta), **members)})

    def add_result(self, build: str, path: list[str], result: Object, **misc: Any) -> None:
        """A results.json of scripts/report: all of it, and each case."""
        meta = result.get("meta", {})
        splats = [line for splat in result["splats"] for line in splat["excerpt"]]
        self.add_test(build, meta, as_path(*path), VERDICTS[result["verdict"]],
                      log_excerpt=excerpt([*(each["text"] for each in result["problems"]), *splats]),
                      misc=dense(**misc, totals=result["totals"], verdict=result["verdict"], command=meta.get("command")))
        for suite in result["suites"]:
            for case in suite["cases"]:
                names = [*path, *([] if suite["name"] == path[0] else [suite["name"]]), case["name"]]
                bad = [param for param in case["params"] if param["status"] == "fail"]
                self.add_test(build, meta, as_path(*names), CASES[case["status"]], duration=case["time"],
                              comment=case["reason"], misc=parameters(case),
                              log_excerpt=excerpt([line for each in [case, *bad] for line in each["log"]]))

    def __iter__(self) -> Iterator[tuple[str, list[Object]]]:
        return iter(self.lists.items())


def started(name: str) -> str:
    """Runs are named by the local time at which they began."""
    found = re.match(r"\d{8}-\d{6}", name)
    return datetime.strptime(found[0], "%Y%m%d-%H%M%S").astimezone().isoformat() if found else ""


def patchset(kernel: str, meta: Object, command: str) -> Object:
    """The hash of the patches, where it is known which those are; "" where there are none."""
    given = "PRISTINE=" if kernel == "base" else "PATCHED="
    if given in command:
        return {}
    if kernel == "base" or not meta.get("series_sha256"):
        return {"patchset_hash": ""}
    series = Path(os.environ["SERIES"])
    if hash_series(series) != meta["series_sha256"]:
        return {}
    lines = [line.split()[0] for line in (series / "series").read_text().splitlines()
             if line.strip() and not line.startswith("#")]
    hashes = "".join(hashlib.sha256((series / name).read_bytes()).hexdigest() + "\n" for name in lines)
    return {"patchset_hash": hashlib.sha256(hashes.encode()).hexdigest()}


def environment(meta: Object) -> Object:
    """The machine: a guest."""
    return dense(comment=meta.get("qemu"), misc=dense(**{
        name: meta.get(name) for name in ("accelerator", "smp", "memory_mib", "seed")}))


def parameters(case: Object) -> Object:
    """Those of a case that failed by name, of the others how many there are."""
    failed = [param["name"] for param in case["params"] if param["status"] == "fail"]
    return dense(parameters=dense(count=len(case["params"]) or None, failed=failed))


def read_matrix(origin: str, run: Path) -> Report:
    """A run of make qemu: each row on each kernel."""
    _, kernels = read_plan(run)
    report = Report(origin, run, read_json(run / "meta.json"))
    verdicts = judge_run(run)
    for kernel in kernels:
        metas = (read_json(run / "rows" / verdict.row.name / kernel / "meta.json") for verdict in verdicts)
        build = report.add_kernel(kernel, next((meta for meta in metas if meta), report.meta))
        for verdict in verdicts:
            directory, path = run / "rows" / verdict.row.name / kernel, row_path(verdict.row)
            side, means = verdict.sides[kernel], dense(means=verdict.means, why=verdict.why)
            result = read_json(directory / "results.json")
            if side.status == "skipped":
                report.add_test(build, report.meta, as_path(*path), "SKIP", comment=side.reason, misc=means)
            elif not result:
                report.add_test(build, report.meta, as_path(*path), "MISS", comment=side.reason, misc=means)
            else:
                report.add_result(build, path, result, **means)
    return report


def row_path(row: Row) -> list[str]:
    return [row.suite] if row.fs == "-" else [row.suite, row.fs]


def read_run(origin: str, run: Path) -> Report:
    """A run of one guest: make kunit, make kunit-mod."""
    meta = read_json(run / "meta.json")
    verb = str(meta.get("command", "")).rpartition("scripts/")[2]
    if not meta or verb == "qemu":
        raise ExportError(f"{run} is no run; name that of make qemu, kunit-mod or kunit as a whole: RUN=out/<run-id>")
    report = Report(origin, run, meta)
    build = report.add_kernel("patched" if meta.get("series_sha256") else "base", meta)
    path, result = [verb.partition("-")[0]], read_json(run / "results.json")
    if result:
        report.add_result(build, path, result)
    else:
        report.add_test(build, meta, as_path(*path), "MISS", comment="the run did not come to its end")
    return report


def main(words: list[str]) -> str:
    if len(words) != 2:
        raise ExportError(__doc__ or "")
    run, origin = Path(words[0]).resolve(), words[1]
    if not re.fullmatch(r"[a-z0-9_]+", origin):
        raise ExportError(f"ORIGIN={origin}: it may have small letters, digits and _")
    report = (read_matrix if (run / "plan").is_file() else read_run)(origin, run)
    return json.dumps({"version": VERSION, **dict(report)}, indent=1) + "\n"


if __name__ == "__main__":
    try:
        sys.stdout.write(main(sys.argv[1:]))
    except (ExportError, MatrixError, OSError) as error:
        print(f"export-jobs: {error}", file=sys.stderr)
        sys.exit(2)
