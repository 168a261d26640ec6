#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Writes meta.json of a run from its environment; called by describe_run()."""
import hashlib
import json
import os
from pathlib import Path


def read_source(path: Path) -> dict[str, str]:
    """The key=value lines that scripts/fetch left."""
    if not path.exists():
        return {}
    return dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)


def hash_series(directory: Path) -> str:
    """One hash over the series and its patches, in order; empty without a series."""
    series = directory / "series"
    if not series.exists():
        return ""
    digest = hashlib.sha256()
    for line in series.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            digest.update((directory / line.split()[0]).read_bytes())
    return digest.hexdigest()


def main() -> None:
    env = os.environ
    source = read_source(Path(env["SOURCE"]))
    config = Path(env["OUT"]) / ".config"
    meta = {
        "schema": 1,
        "how": env["HOW"],
        "base": env["BASE"],
        "version": source.get("version", ""),
        "package": source.get("package", ""),
        "source": source.get("kind", ""),
        "source_sha256": source.get("sha256", ""),
        "series_sha256": hash_series(Path(env["SERIES"])),
        "commit": env["COMMIT"],
        "config": env.get("CFG", ""),
        "config_sha256": hashlib.sha256(config.read_bytes()).hexdigest(),
        "compiler": env["COMPILER"],
        "qemu": env["QEMU"],
        "accelerator": env["ACCELERATOR"],
        "smp": int(env.get("SMP") or 4),
        "memory_mib": int(env.get("MEM") or 1024),
        "seed": env.get("SEED", ""),
        "command": env["REPEAT"],
    }
    target = Path(env["RUN"]) / "meta.json"
    target.write_text(json.dumps(meta, indent=1) + "\n")


if __name__ == "__main__":
    main()
