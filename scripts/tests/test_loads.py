# SPDX-License-Identifier: GPL-2.0
"""selftests/mapload, mapread and crashload on a good filesystem, and on one that loses what was written."""
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from programs import Programs


class Loads(Programs):
    programs = ("mapload", "mapread", "crashload")

    def run_load(self, name: str, *args: str | Path, status: int = 0) -> str:
        done = subprocess.run([self.dir / name, *args], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout

    def crash(self, seed: int) -> tuple[Path, list[str]]:
        """What writers that were killed leave behind, and the options that name it."""
        scratch = tempfile.TemporaryDirectory(dir=self.dir)
        self.addCleanup(scratch.cleanup)
        notes, files = Path(scratch.name) / "notes", Path(scratch.name) / "files"
        options = ["--notes", str(notes), "--seed", str(seed), "--batches", "120"]
        self.run_load("crashload", *options, "--kill", files)
        return files, [*options, "--check", str(files)]

    def test_mappings_agree(self) -> None:
        file = self.dir / "map"
        self.assertRegex(self.run_load("mapload", "--truncate", "--rounds", "6", file), r"[1-9]\d* truncates, [1-9]")
        self.run_load("mapload", "--anonymous", "--rounds", "4", "--length", "4M")
        self.run_load("mapload", "--holes", "--rounds", "2", "--length", "4M")

    def test_direct_reads_are_kept(self) -> None:
        said = self.run_load("mapread", "--rounds", "1", "--length", "2M", self.dir / "source", self.dir / "target")
        self.assertRegex(said, r"^0 of 512 pages .* [1-9]\d* syncs")

    def test_a_byte_that_somebody_else_writes_is_seen(self) -> None:
        file = self.dir / "victim"
        load = subprocess.Popen([self.dir / "mapload", "--rounds", "100000", file], stdout=subprocess.PIPE, text=True)
        while not file.exists() or not file.stat().st_size:
            pass
        with file.open("r+b", buffering=0) as victim:
            while load.poll() is None:
                os.pwrite(victim.fileno(), b"x", 4097)
        said = load.communicate()[0]
        self.assertEqual(load.returncode, 1, said)
        self.assertIn("WRONG DATA in round", said)
        self.assertIn("# repeat: mapload --seed 1 --rounds 100000 ", said)

    def test_what_was_synced_is_there(self) -> None:
        for seed in (1, 2, 3):
            _, check = self.crash(seed)
            self.assertIn("batches are as they were synced", self.run_load("crashload", *check))

    def test_losses_are_seen(self) -> None:
        for seed, lose in enumerate((
                lambda file: file.unlink(), lambda file: os.truncate(file, 0),
                lambda file: file.write_bytes(file.read_bytes().replace(b"\0", b"\1") + b"more" * 300000),
                lambda file: file.rename(file.with_name("x1")), lambda file: file.with_name("f9").touch()), 4):
            with self.subTest(seed=seed):
                files, check = self.crash(seed)
                lose(files / "f1")
                self.run_load("crashload", *check, status=1)

    def test_every_byte_counts(self) -> None:
        files, check = self.crash(9)
        file = max(files.iterdir(), key=lambda path: path.stat().st_size)
        data = bytearray(file.read_bytes())
        data[len(data) // 3] ^= 0x55
        file.write_bytes(data)
        self.assertIn("WRONG", self.run_load("crashload", *check, status=1))

    def test_notes_of_another_run_are_none(self) -> None:
        files, check = self.crash(10)
        check[check.index("10")] = "11"
        self.assertIn("no note of it", self.run_load("crashload", *check, status=1))


if __name__ == "__main__":
    unittest.main()
