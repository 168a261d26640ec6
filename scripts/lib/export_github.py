#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The rows of `make qemu` as a workflow of GitHub Actions.

  scripts/lib/export_github.py    reads the rows as `matrix.py plan` prints them

Environment: the settings of scripts/qemu, which the workflow gets where they are not
the default. Each row is a job of its own, its command one that anyone can type.
"""
from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator

# What a job is told besides its row; the same for all, so that all build the same kernels.
SETTINGS = ["BASE", "ARCH", "CFG", "FILESYSTEMS", "KERNELS", "TIMEOUT", "SMP", "MEM", "APPEND", "ACCEL"]
DEFAULTS = {"BASE": "7.3", "ARCH": "x86_64", "KERNELS": "base patched", "TIMEOUT": "900"}
MATRIX = 256            # jobs that GitHub allows in one matrix
BUILD_MINUTES = 240     # two kernels, with nothing in the cache
SETUP_MINUTES = 60      # the same from the cache, packages, sources

HEAD = """\
# Written by scripts/export-jobs github: {count} rows of make qemu.
name: {name}
on:
  workflow_dispatch:
  pull_request:
permissions:
  contents: read
concurrency:
  group: foliolab-${{{{ github.ref }}}}
  cancel-in-progress: true
defaults:
  run:
    shell: bash
env:
  CCACHE_DIR: /var/cache/foliolab/ccache
  CCACHE_MAXSIZE: 3G
  FOLIOLAB_CACHE: /var/cache/foliolab/downloads
{settings}jobs:
  build:
    name: kernels
    runs-on: ubuntu-latest
{container}    timeout-minutes: {build_minutes}
    steps:
{steps}      - name: kernels
        run: make qemu ROWS=none
"""
ROWS = """\
  {job}:
    name: ${{{{ matrix.row }}}}
    needs: build
    runs-on: ubuntu-latest
{container}    timeout-minutes: {minutes}
    strategy:
      fail-fast: false
      matrix:
        include:
{include}    steps:
{steps}      - name: row
        run: ${{{{ matrix.command }}}}
      - uses: actions/upload-artifact@v6
        if: always()
        with:
          name: ${{{{ matrix.row }}}}
          path: |
            out
            !out/latest-*
          if-no-files-found: warn
          retention-days: 30
"""
ROW = """\
          - row: {row}
            command: {command}
"""
# A container of Debian 12 has neither git nor make, and a checkout is not its root's.
STEPS = """\
      - name: git and make
        run: apt-get update && apt-get install -y --no-install-recommends ca-certificates git make
      - uses: actions/checkout@v6
        with:
          fetch-depth: 0
          persist-credentials: false
      - name: the checkout is ours
        run: git config --global --add safe.directory "$GITHUB_WORKSPACE"
"""
# The job that builds the kernels fills the cache, the rows only read it.
CACHE = """\
      - uses: actions/{action}@v5
        with:
          path: /var/cache/foliolab
          key: foliolab-${{{{ hashFiles('patches/**', 'scripts/configs/**', 'kunit/**') }}}}
          restore-keys: foliolab-
      - name: dependencies
        run: scripts/deps
"""
CONTAINER = """\
    container:
      image: debian:12
"""
KVM = "      options: --device /dev/kvm\n"


def quoted(text: str) -> str:
    """A scalar of YAML, which takes JSON's strings as they are."""
    return json.dumps(text)


def command(suite: str, fs: str) -> str:
    """Runs just this row: the names of a plan are patterns that match themselves."""
    words = {"SUITE": suite, "FS": fs, "SEED": os.environ["SEED"], "OPS": os.environ["OPS"]}
    return shlex.join(["make", "qemu", *(f"{name}={value}" for name, value in words.items() if value != "-")])


def settings() -> str:
    told = {name: os.environ.get(name, "") for name in SETTINGS}
    return "".join(f"  {name}: {quoted(value)}\n" for name, value in told.items()
                   if value and value != DEFAULTS.get(name))


def row_minutes() -> int:
    """Each kernel may use its time twice: a guest that never reached its init is booted again."""
    guests = len(os.environ["KERNELS"].split()) * 2
    return min(SETUP_MINUTES + guests * int(os.environ["TIMEOUT"]) // 60, 360)


def workflow(rows: list[tuple[str, str, str]]) -> Iterator[str]:
    container = CONTAINER + ("" if os.environ.get("ACCEL") == "tcg" else KVM)
    yield HEAD.format(count=len(rows), name=quoted("foliolab"), settings=settings(), container=container,
                      build_minutes=BUILD_MINUTES, steps=STEPS + CACHE.format(action="cache"))
    for first in range(0, len(rows), MATRIX):
        include = "".join(ROW.format(row=quoted(name), command=quoted(command(suite, fs)))
                          for name, suite, fs in rows[first:first + MATRIX])
        yield ROWS.format(job="rows" + (f"-{first // MATRIX + 1}" if first else ""), minutes=row_minutes(),
                          container=container, include=include,
                          steps=STEPS + CACHE.format(action="cache/restore"))


def main() -> None:
    rows = [(words[0], words[1], words[2]) for words in map(str.split, sys.stdin)]
    sys.stdout.writelines(workflow(rows))


if __name__ == "__main__":
    main()
