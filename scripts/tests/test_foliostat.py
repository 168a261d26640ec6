# SPDX-License-Identifier: GPL-2.0
"""scripts/foliostat on tables that a guest has shown (foliostat/), and its errors."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
RECORDED = ROOT / "scripts/tests/foliostat"
sys.path.insert(0, str(ROOT / "scripts/lib"))
from foliostat_svg import Sample, draw_orders, tick_step  # noqa: E402
from foliostat_tables import Debugfs, StatError, parse  # noqa: E402
from foliostat_text import Style, human, share  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"


def run(*args: str, status: int = 0, saved: Path = RECORDED, **env: str) -> str:
    """What it prints, on the side that the exit code promises."""
    done = subprocess.run([ROOT / "scripts/foliostat", "--from", saved, *args], capture_output=True, text=True,
                          check=False, env=os.environ | {"LC_ALL": "C.UTF-8"} | env)
    if done.returncode != status:
        raise AssertionError(f"exit code {done.returncode}: {done.stdout}{done.stderr}")
    return done.stderr if status else done.stdout


def row_of(text: str, first: str) -> list[str]:
    """The fields of the line that starts so."""
    return next(line for line in text.splitlines() if line.startswith(first)).split("  ")


class Words(unittest.TestCase):
    def test_sizes(self) -> None:
        for count, text in ((0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (4096, "4 KiB"), (1536, "1.50 KiB"),
                            (10 * 1024 + 512, "10.5 KiB"), (1048575, "1.00 MiB"), (2 << 20, "2 MiB"),
                            (-(5 << 40), "-5 TiB"), (1 << 60, "1048576 TiB"), (123456789, "118 MiB")):
            self.assertEqual(human(count), text)

    def test_shares(self) -> None:
        self.assertEqual([share(1, 3), share(0, 3), share(1, 0)], ["33.3 %", "0.0 %", "-"])

    def test_a_bar_shows_what_is_there_at_all(self) -> None:
        style = Style()
        self.assertEqual([style.bar(*parts) for parts in ((0, 9), (1, 9000), (9, 9), (0, 0))],
                         ["", ".", "#" * 32, ""])

    def test_tables_are_aligned(self) -> None:
        text = Style().table(["name", "count", ""], [["a", "1", "#"], ["long one", "1000", "##"]])
        self.assertEqual(text.splitlines(), ["name      count", "a             1  #", "long one   1000  ##"])


class Tables(unittest.TestCase):
    def test_columns_are_found_by_name(self) -> None:
        table = parse("x", "# foliolab x 1\nnew\tkey\tvalue\n?\ta\t5\n")
        self.assertEqual(table.values(), {"a": "5"})

    def test_other_format_is_refused(self) -> None:
        with self.assertRaisesRegex(StatError, "x has format 2 and this foliostat reads format 1: take foliostat"):
            parse("x", "# foliolab x 2\nkey\tvalue\n")

    def test_what_is_no_table_is_refused(self) -> None:
        for text in ("", "hello\n", "# foliolab y 1\nkey\n", "# foliolab x 1", "\0\1\2\n\n"):
            with self.assertRaisesRegex(StatError, "x is no table of foliolab"):
                parse("x", text)

    def test_torn_row_is_refused(self) -> None:
        with self.assertRaisesRegex(StatError, "x, line 3: 1 fields and 2 columns"):
            parse("x", "# foliolab x 1\nkey\tvalue\na\n")

    def test_missing_column_is_named(self) -> None:
        with self.assertRaisesRegex(StatError, "x of the loaded foliolab.ko has no column bytes"):
            parse("x", "# foliolab x 1\norder\n").need("order", "bytes")


class Views(unittest.TestCase):
    def recorded(self, name: str) -> list[dict[str, str]]:
        return parse(name, (RECORDED / name).read_text()).rows

    def test_machine(self) -> None:
        text = run()
        self.assertIn("Pages of 4 KiB, folios of up to 2 MiB", text)
        total = sum(int(row["bytes"]) for row in self.recorded("fstypes"))
        self.assertIn(f"{human(total)} in the page cache.", text)

    def test_file(self) -> None:
        text = run("/mnt/file")
        for row in self.recorded("file_orders"):
            if row["kind"] == "order":
                self.assertIn(human(int(row["bytes"])), " ".join(row_of(text, row["order"].ljust(5))))
        self.assertIn("Why folios are not larger", text)
        self.assertIn("hole", text)

    def test_folios(self) -> None:
        lines = run("--folios", "/mnt/file").splitlines()
        self.assertEqual(len(lines), 3 + len(self.recorded("file")))

    def test_mount(self) -> None:
        self.assertIn("2 files and directories have something cached", run("--mount", "/mnt"))

    def test_census(self) -> None:
        text = run("--census")
        census = self.recorded("census")
        free = sum(int(row["bytes"]) for row in census if row["type"] == "buddy")
        self.assertIn(human(free), row_of(text, "buddy") + [cell.strip() for cell in row_of(text, "buddy")])
        for size in (64, 32, 8):
            self.assertIn(f"{size} bytes a page", text)

    def test_nothing_cached(self) -> None:
        with tempfile.TemporaryDirectory() as top:
            for name in ("version", "file_orders", "file_why"):
                lines = (RECORDED / name).read_text().splitlines()
                Path(top, name).write_text("\n".join(lines[:None if name == "version" else 2]) + "\n")
            self.assertIn("Nothing of it is in the page cache.", run("/mnt/file", saved=Path(top)))

    def test_json_has_numbers(self) -> None:
        tables = json.loads(run("--json", "--census"))
        self.assertEqual(sum(row["pages"] for row in tables["census"]),
                         next(row["value"] for row in tables["census_cost"] if row["key"] == "online_pages"))

    def test_json_has_null_for_what_does_not_apply(self) -> None:
        rows = json.loads(run("--json", "/mnt/file"))["file_orders"]
        self.assertIsNone(next(row["order"] for row in rows if row["kind"] == "hole"))

    def test_no_colour_but_on_terminals(self) -> None:
        self.assertNotIn("\033", run("/mnt/file"))

    def test_colour_on_terminals(self) -> None:
        for env, wanted in (({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False),
                            ({"TERM": "dumb"}, False)):
            done = subprocess.run(["script", "-qec", f"{ROOT}/scripts/foliostat --from {RECORDED} x", "/dev/null"],
                                  capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL,
                                  env={"PATH": os.environ["PATH"]} | env)
            self.assertEqual("\033" in done.stdout, wanted, env)


class Errors(unittest.TestCase):
    def proc(self, top: str, mounts: str, filesystems: str = "nodev\tdebugfs\n") -> Debugfs:
        Path(top, "mounts").write_text(mounts)
        Path(top, "filesystems").write_text(filesystems)
        return Debugfs(Path(top))

    def test_kernel_without_debugfs(self) -> None:
        with tempfile.TemporaryDirectory() as top, self.assertRaisesRegex(StatError, "needs CONFIG_DEBUG_FS"):
            self.proc(top, "", "nodev\tproc\n").read("mode")

    def test_debugfs_not_mounted(self) -> None:
        with tempfile.TemporaryDirectory() as top, self.assertRaisesRegex(StatError, "mount -t debugfs none /sys"):
            self.proc(top, "proc /proc proc rw 0 0\n").read("mode")

    def test_module_not_loaded(self) -> None:
        with tempfile.TemporaryDirectory() as top, self.assertRaisesRegex(StatError, "foliolab is not loaded"):
            self.proc(top, f"none {top} debugfs rw 0 0\n").read("mode")

    def test_module_without_that_table(self) -> None:
        with tempfile.TemporaryDirectory() as top:
            Path(top, "foliolab").mkdir()
            with self.assertRaisesRegex(StatError, "the loaded foliolab.ko has no mode"):
                self.proc(top, f"none {top} debugfs rw 0 0\n").read("mode")

    def test_not_root(self) -> None:
        for uid, words in ((1000, "only root may look: try sudo foliostat"), (0, "debugfs may be locked down")):
            with mock.patch("os.geteuid", return_value=uid):
                error = Debugfs().why_not(Path("/d"), "mode", PermissionError(13, "Permission denied"))
            self.assertIn(words, str(error))
            self.assertEqual(error.status, 2)

    def test_request_that_the_module_refuses(self) -> None:
        """In place of the module stands a file of the kernel's that takes numbers alone."""
        with tempfile.TemporaryDirectory() as top:
            Path(top, "foliolab").mkdir()
            Path(top, "foliolab/file").symlink_to("/proc/self/oom_score_adj")
            with self.assertRaisesRegex(StatError, "^/nowhere: is neither a path") as caught:
                self.proc(top, f"none {top} debugfs rw 0 0\n").read("file", "/nowhere")
            self.assertEqual(caught.exception.status, 1)

    def test_usage(self) -> None:
        for args, words in ((["--folios"], "--folios needs a PATH"), (["--mount"], "--mount needs a PATH"),
                            (["--census", "/x"], "takes no PATH"), ([""], "the PATH is empty"),
                            (["--watch", "0"], "no number of seconds from 0.1"), (["--watch", "nan"], "no number"),
                            (["--folios", "--mount", "/x"], "not allowed with"), (["--svg", "x.svg"], "--svg draws"),
                            (["--bogus"], "unrecognized")):
            self.assertIn(words, run(*args, status=2))

    def test_saved_tables_that_are_not_there(self) -> None:
        self.assertIn("mode: No such file", run(saved=Path("/nonexistent"), status=2))

    def test_picture_that_cannot_be_written(self) -> None:
        self.assertIn("cannot write /nonexistent/x.svg: No such file", run("--census", "--svg", "/nonexistent/x.svg",
                                                                          status=2))

    def test_reader_that_goes_away(self) -> None:
        done = subprocess.run(f"{ROOT}/scripts/foliostat --from {RECORDED} --folios x | head -n 1",
                              shell=True, capture_output=True, text=True, check=False)
        self.assertEqual(done.stderr, "")


class Watch(unittest.TestCase):
    def watch(self, sample: str, *args: str) -> str:
        """What it prints up to an interrupt after the third SAMPLE."""
        text = ""
        # Who runs tests in the background may have them ignore interrupts.
        with subprocess.Popen(["env", "--default-signal=INT", ROOT / "scripts/foliostat", "--from", RECORDED,
                               "--watch", "0.1", *args],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout
            while text.count(sample) < 3 and (line := process.stdout.readline()):
                text += line
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, err.strip()), (0, ""))
        return text + out

    def test_again_and_again_until_interrupted(self) -> None:
        self.assertGreaterEqual(self.watch("Why folios", "/mnt/file").count("/mnt/file"), 3)

    def test_json_is_a_line_each(self) -> None:
        lines = self.watch('"time"', "--json", "/mnt/file").splitlines()
        self.assertGreaterEqual(len(lines), 3)
        self.assertLess(json.loads(lines[0])["time"], json.loads(lines[-1])["time"])

    def test_picture_has_a_column_for_each_sample(self) -> None:
        with tempfile.TemporaryDirectory() as top:
            picture = Path(top, "x.svg")
            shown = self.watch("Why folios", "--svg", str(picture), "/mnt/file").count("Why folios")
            tips = [tip.text or "" for tip in ElementTree.parse(picture).iter(f"{SVG}title")]
        orders = sum(line.startswith("order\t") for line in (RECORDED / "file_orders").read_text().splitlines()[2:])
        self.assertIn(len(tips), (shown * orders, (shown + 1) * orders))


class Pictures(unittest.TestCase):
    def rects(self, text: str) -> list[dict[str, float]]:
        names = ("x", "y", "width", "height")
        return [{name: float(rect.get(name, 0)) for name in names}
                for rect in ElementTree.fromstring(text).iter(f"{SVG}rect") if rect.find(f"{SVG}title") is not None]

    def test_columns_are_in_proportion(self) -> None:
        small, large = self.rects(draw_orders([Sample(0, {0: 1 << 20, 9: 3 << 20})], "t", 4096, True))
        self.assertAlmostEqual(large["height"] / small["height"], 3, 2)
        self.assertAlmostEqual(large["y"] + large["height"], small["y"], 0)

    def test_one_sample_has_a_column_for_each_order(self) -> None:
        small, large = self.rects(draw_orders([Sample(0, {0: 1 << 20, 9: 3 << 20})], "t", 4096, False))
        self.assertGreater(large["x"], small["x"] + small["width"])
        self.assertAlmostEqual(large["y"] + large["height"], small["y"] + small["height"], 0)

    def test_any_name_makes_a_picture(self) -> None:
        with tempfile.TemporaryDirectory() as top:
            picture = Path(top, "x.svg")
            shown = run("--svg", str(picture), "/a\033[31m\udcff\n<&>\u00e4")
            self.assertIn(r"/a\x1b[31m\udcff\n<&>\xe4".replace(r"\xe4", "\u00e4"), shown)
            ElementTree.parse(picture)

    def test_nothing_cached(self) -> None:
        text = draw_orders([Sample(0, {})], "a <file> & more", 4096, True)
        self.assertIn("nothing in the page cache", text)
        self.assertEqual(self.rects(text), [])

    def test_many_samples_stay_inside(self) -> None:
        rects = self.rects(draw_orders([Sample(at, {0: 4096 * at}) for at in range(500)], "t", 4096, True))
        self.assertTrue(all(0 <= rect["x"] and rect["x"] + rect["width"] <= 900 and rect["width"] > 0
                            for rect in rects))

    def test_ticks(self) -> None:
        for most in (1, 4096, 5 << 20, (1 << 40) + 1):
            self.assertLessEqual(most / tick_step(most), 8)

    def test_census(self) -> None:
        with tempfile.TemporaryDirectory() as top:
            picture = Path(top, "x.svg")
            run("--census", "--svg", str(picture))
            rects = self.rects(picture.read_text())
        bar = [rect for rect in rects if rect["y"] == 44]
        self.assertAlmostEqual(sum(rect["width"] for rect in bar), 840, 0)
        self.assertEqual(len(rects) - len(bar), 8)


if __name__ == "__main__":
    unittest.main()
