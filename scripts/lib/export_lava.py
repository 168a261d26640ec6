#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A row of `make qemu` on one kernel as a job of LAVA, on a device of type qemu.

  scripts/lib/export_lava.py DIR ROW KERNEL RUN [qemu argument...]

RUN is what run_row() has packed for its guest: initramfs, expect (the cases that are
due), meta.json. Writes DIR/ROW-KERNEL.yaml, and beside it what that names besides
DIR/bzImage-KERNEL: the initramfs and the disks among the arguments. A row whose guest
wants more of this machine than disks becomes no job; RUN/skipped says so then.
Environment: ARTIFACTS (the address of DIR), LINE (of the kernel), SMP, MEM, TIMEOUT,
ACCEL.

The guest finds no port for its results and tells them on the console
(scripts/guest/console.inc), where a monitor for each suite reads them.
"""
from __future__ import annotations

import hashlib
import json
import lzma
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

JOB = """\
# Written by scripts/export-jobs lava: {row} of make qemu on the {kernel} kernel.
job_name: {job_name}
device_type: qemu
visibility: public
priority: medium
timeouts:
  job:
    minutes: {job_minutes}
  action:
    minutes: {minutes}
  connection:
    minutes: {minutes}
context:
  arch: amd64
  memory: {memory}
  extra_options:
  - "-machine q35"
  - {smp}
  - "-no-reboot"
{no_kvm}metadata:
{metadata}actions:
- deploy:
    timeout:
      minutes: 30
    to: tmpfs
    images:
{images}- boot:
    timeout:
      minutes: 5
    method: qemu
    media: tmpfs
- test:
    timeout:
      minutes: {minutes}
    monitors:
{monitors}"""
IMAGE = """\
      {label}:
        url: {url}
        sha256sum: {sha256}
        image_arg: {argument}
{compression}"""
MONITOR = """\
    - name: {name}
      start: {start}
      end: {end}
      pattern: {pattern}
      fixupdict:
        "ok": "pass"
        "not ok": "fail"
        "SKIP": "skip"
"""
# The console as it comes, by and by: a line begins where the last one was left, and
# counts once it is there as a whole.
BEGIN = r"(?:^|[\r\n])(?:\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? )?"
CASE = (BEGIN + r" {4}(?=(?:not )?ok \d+ (?P<test_case_id>[^\s#]+)[^\r\n]*[\r\n])"
        r"(?:ok \d+ \S+ # (?=SKIP))?(?P<result>SKIP|not ok|ok)[^\r\n]*")
DRIVE = re.compile(r"(?:^|,)file=([^,]+)")
DEPLOY_MINUTES = 40     # and the boot, before the test begins


class Unfit(Exception):
    """What of a row LAVA cannot have."""


def quoted(text: object) -> str:
    """A scalar of YAML, which takes JSON's strings as they are."""
    return json.dumps(str(text))


def suites(run: Path) -> list[str]:
    """Those that the guest will report, in their order."""
    return [*dict.fromkeys(line.partition(".")[0] for line in (run / "expect").read_text().split())]


def monitor(suite: str) -> str:
    """What reads the cases of a suite: between its head and its own result."""
    name = re.escape(suite)
    return MONITOR.format(name=quoted(suite), start=quoted(rf"# Subtest: {name}(?=[\r\n])"),
                          end=quoted(BEGIN + rf"(?:not )?ok \d+ {name}(?=[ \r\n])"), pattern=quoted(CASE))


def image(label: str, path: Path, argument: str) -> str:
    return IMAGE.format(label=label, url=quoted(f"{os.environ['ARTIFACTS'].rstrip('/')}/{path.name}"),
                        sha256=quoted(hashlib.sha256(path.read_bytes()).hexdigest()), argument=quoted(argument),
                        compression="        compression: xz\n" if path.suffix == ".xz" else "")


def pack_disk(source: Path, target: Path) -> None:
    """A blank disk is a gigabyte of nothing."""
    with source.open("rb") as disk, lzma.open(target, "wb", preset=0) as packed:
        shutil.copyfileobj(disk, packed, 1 << 20)


def disk_name(directory: Path, stem: str, disk: Path) -> Path:
    """Blank disks of one size are one file; one with something on it is its job's own."""
    is_blank = disk.stat().st_blocks == 0
    return directory / (f"blank-{disk.stat().st_size >> 20}M.img.xz" if is_blank else f"{stem}-{disk.stem}.img.xz")


def disks(directory: Path, stem: str, words: list[str]) -> str:
    """The images for the disks of the guest; -drive names the file, -device the drive."""
    images = ""
    while words:
        (option, value, option_too, device), words = (*words, "", "", "")[:4], words[4:]
        drive = DRIVE.search(value)
        if option != "-drive" or option_too != "-device" or not drive:
            raise Unfit(f"its guest wants '{option} {value}' of this machine")
        disk = Path(drive[1])
        target = disk_name(directory, stem, disk)
        if not target.exists():
            pack_disk(disk, target)
        label = "disk_" + re.sub(r"\W", "_", disk.stem)
        images += image(label, target, f"-drive {value.replace(drive[1], '{' + label + '}')} -device {device}")
    return images


def metadata(run: Path) -> str:
    """What the result is of, for who finds it in a lab."""
    meta: dict[str, Any] = json.loads((run / "meta.json").read_text())
    names = ("base", "version", "config", "series_sha256", "commit", "compiler", "seed", "command")
    return "".join(f"  {name}: {quoted(meta[name])}\n" for name in names if meta.get(name))


def job(directory: Path, row: str, kernel: str, run: Path, words: list[str]) -> str:
    stem = f"{row}-{kernel}"
    minutes = -(-int(os.environ["TIMEOUT"]) // 60)
    initramfs = directory / f"{stem}.cpio"
    disk_images = disks(directory, stem, words)
    (run / "initramfs").rename(initramfs)
    images = image("kernel", directory / f"bzImage-{kernel}", f'-kernel {{kernel}} -append "{os.environ["LINE"].strip()}"')
    images += image("ramdisk", initramfs, "-initrd {ramdisk}") + disk_images
    return JOB.format(
        row=row, kernel=kernel, job_name=quoted(f"foliolab {row} {kernel}"), job_minutes=minutes + DEPLOY_MINUTES,
        minutes=minutes, memory=int(os.environ["MEM"]), smp=quoted(f"-smp {int(os.environ['SMP'])}"),
        no_kvm="  no_kvm: true\n" if os.environ.get("ACCEL") == "tcg" else "", metadata=metadata(run), images=images,
        monitors="".join(monitor(suite) for suite in [*suites(run), "console"]))


def main(words: list[str]) -> None:
    if len(words) < 4:
        raise ValueError(__doc__)
    directory, row, kernel, run = Path(words[0]), words[1], words[2], Path(words[3])
    try:
        (directory / f"{row}-{kernel}.yaml").write_text(job(directory, row, kernel, run, words[4:]))
    except Unfit as error:
        (run / "skipped").write_text(f"{error}\n")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (OSError, ValueError) as error:
        print(f"export-jobs: {error}", file=sys.stderr)
        sys.exit(2)
