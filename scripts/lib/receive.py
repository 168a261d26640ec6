#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""scripts/lib/receive.py STREAM RUN: unpacks what a guest sent over its result port.

The stream is a sequence of "@begin NAME BYTES", the bytes and "@end NAME",
closed by "@done". A file that is cut short is kept as NAME.partial, so that
nothing takes it for a result. Exit codes: 0 complete, 5 the guest did not finish.
"""
import re
import sys
from pathlib import Path


def receive(stream: bytes, run: Path) -> bool:
    """Unpacks the stream; says whether the guest reached its end."""
    at = 0
    while found := re.compile(rb"@begin ([\w./-]+) (\d+)\n").match(stream, at):
        name, size = found[1].decode(), int(found[2])
        if name.startswith("/") or ".." in name.split("/"):
            raise SystemExit(f"receive: the guest sent a file named {name}")
        body = stream[found.end():found.end() + size]
        end = b"@end " + found[1] + b"\n"
        at = found.end() + size
        whole = stream.startswith(end, at)
        target = run / (name if whole else name + ".partial")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body)
        if not whole:
            return False
        at += len(end)
    return stream[at:] == b"@done\n"


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(0 if receive(Path(sys.argv[1]).read_bytes(), Path(sys.argv[2])) else 5)
