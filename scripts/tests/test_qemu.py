# SPDX-License-Identifier: GPL-2.0
"""make qemu: what each row means, and a run of it with a stub in the place of the guest."""
import json
import os
import re
import signal
import subprocess
import sys
import time
import unittest
import unittest.mock
import xml.etree.ElementTree as ET
from pathlib import Path

from kernels import Kernels
from sandbox import SCRIPTS, Sandbox

sys.path.insert(0, str(SCRIPTS / "lib"))
import matrix  # noqa: E402
from matrix import Row  # noqa: E402
from matrix_verdict import KERNELS, NONE, Side, exit_code, judge  # noqa: E402


def side(how: str) -> Side:
    """A kernel's part of a row: a status, and after a colon what went wrong."""
    status, _, fault = how.partition(":")
    made = Side(status, "the reason", {f"s.{fault}"} if fault else set())
    if status in ("passed", "failed"):
        made.passed = {"s.one", "s.two"} - made.faults
    return made


class Meaning(unittest.TestCase):
    """Every combination of what the two kernels can come to."""

    STATUSES = ["passed", "failed:one", "failed:two", "crashed:BUG", "timeout:hang", "skipped", NONE]
    #          patched: passed    failed:one     failed:two     crashed        timeout        skipped        no result
    TABLE = {
        "passed":       "passed   new_failure    new_failure    new_failure    new_failure    new_failure    error",
        "failed:one":   "fixed    known          new_failure    new_failure    new_failure    skipped        error",
        "failed:two":   "fixed    new_failure    known          new_failure    new_failure    skipped        error",
        "crashed:BUG":  "fixed    new_failure    new_failure    known          new_failure    skipped        error",
        "timeout:hang": "fixed    new_failure    new_failure    new_failure    known          skipped        error",
        "skipped":      "passed   new_failure    new_failure    new_failure    new_failure    skipped        error",
        NONE:           "error    error          error          error          error          error          error",
    }

    def test_every_combination(self) -> None:
        for base, line in self.TABLE.items():
            for patched, means in zip(self.STATUSES, line.split(), strict=True):
                with self.subTest(base=base, patched=patched):
                    verdict = judge(Row("s", "fs"), {"base": side(base), "patched": side(patched)})
                    self.assertEqual(verdict.means, means.replace("_", " "))
                    counts = {"error": "failed", "new failure": "failed", "fixed": "passed"}
                    self.assertEqual(verdict.counts, counts.get(verdict.means, verdict.means))

    def test_one_kernel_alone(self) -> None:
        for status, means in (("passed", "passed"), ("failed:one", "failed"), ("crashed:BUG", "failed"),
                              ("timeout:hang", "failed"), ("skipped", "skipped"), (NONE, "error")):
            for kernel, other in (KERNELS, KERNELS[::-1]):
                with self.subTest(status=status, kernel=kernel):
                    self.assertEqual(judge(Row("s"), {kernel: side(status), other: Side("-")}).means, means)

    def test_a_failure_without_a_name_is_one(self) -> None:
        patched = Side("failed", "nobody says why")
        verdict = judge(Row("s"), {"base": side("passed"), "patched": patched})
        self.assertEqual((verdict.means, verdict.why), ("new failure", "nobody says why"))

    def test_a_case_that_is_skipped_now_is_a_loss(self) -> None:
        patched = side("passed")
        patched.passed, patched.skipped = {"s.one"}, {"s.two"}
        verdict = judge(Row("s"), {"base": side("passed"), "patched": patched})
        self.assertEqual((verdict.means, verdict.why), ("new failure", "s.two is skipped"))

    def test_fixes_must_be_red_and_green(self) -> None:
        red, green, neither = side("failed:one"), side("passed"), side("passed")
        for made in (red, green):
            made.passed.discard("s.two")
        for base, patched, means in ((red, green, "fixed"), (green, green, "failed"), (red, red, "failed"),
                                     (red, neither, "failed"), (red, side("skipped"), "failed"),
                                     (side(NONE), green, "error")):
            self.assertEqual(judge(Row("fixes"), {"base": base, "patched": patched}).means, means)

    def test_a_fix_may_be_of_what_is_on_the_console(self) -> None:
        red, green = side("failed:one"), side("passed")
        for made in (red, green):
            made.passed.discard("s.two")
        red.faults.add("console: WARNING")
        self.assertEqual(judge(Row("fixes"), {"base": red, "patched": green}).means, "fixed")
        green.faults.add("console: WARNING")
        self.assertEqual(judge(Row("fixes"), {"base": red, "patched": green}).means, "failed")

    def test_exit_codes(self) -> None:
        def code(*pairs: tuple[str, str]) -> int:
            return exit_code([judge(Row("s"), {"base": side(base), "patched": side(patched)})
                              for base, patched in pairs])
        known, new = ("failed:one", "failed:one"), ("passed", "failed:one")
        self.assertEqual(code(known, ("passed", "passed"), ("skipped", "skipped"), ("crashed:a", "passed")), 0)
        self.assertEqual(code(known, new), 1)
        self.assertEqual(code(new, ("passed", NONE)), 5)
        self.assertEqual(code(("passed", NONE), ("passed", "timeout:hang")), 4)
        self.assertEqual(code(("passed", "timeout:hang"), ("passed", "crashed:BUG")), 3)
        self.assertEqual(code(("crashed:BUG", "crashed:BUG")), 0)
        self.assertEqual(code(), 5)


class Tables(Sandbox):
    UNCHECKED = {"nilfs2"}      # on a disk, and nobody has written a checker

    def test_every_filesystem_names_what_exists(self) -> None:
        parts = (SCRIPTS / "guest/rows/row.inc").read_text()
        tools = re.findall(r"^([\w-]+)\t", (SCRIPTS / "lib/guest_tools.tsv").read_text(), re.M)
        for fs in matrix.read_filesystems().values():
            packed = {tool for tool in fs.tools.split(",") if tool and "/" not in tool}
            self.assertLessEqual(packed, {*tools, "foliolab.ko"}, fs.name)
            disk = fs.disk not in ("", "host")
            self.assertIn(fs.kind, ("disk", "memory", "readonly", "stacked", "network", "hugetlb"), fs.name)
            self.assertTrue(disk or fs.kind in ("memory", "network", "hugetlb"), fs.name)
            self.assertFalse(disk and fs.kind in ("memory", "hugetlb"), fs.name)
            self.assertEqual(disk, bool(fs.make), fs.name)
            if fs.kind != "readonly":       # what only packs an image need not check one
                due = disk and fs.type not in self.UNCHECKED
                self.assertEqual(due, bool(fs.check), f"{fs.name}: a disk wants to be checked")
            if fs.check.startswith("check_"):
                self.assertIn(f"\n{fs.check}() {{", parts, fs.name)
            self.assertEqual(fs.disk == "host", fs.type == "9p", fs.name)
            places = set(re.findall(r"[A-Z]{4,}", fs.make))
            self.assertEqual(fs.kind == "readonly", {"DISK", "TREE"} <= places, fs.name)

    def test_what_stands_on_another_says_how(self) -> None:
        for fs in matrix.read_filesystems().values():
            kind, _, below = fs.type.partition("@")
            part = matrix.PARTS / f"fs/{kind}.inc"
            self.assertEqual(part.exists(), fs.kind in ("stacked", "network"), fs.name)
            self.assertEqual(bool(below), part.exists() and fs.disk != "host", fs.name)
            self.assertIn(f"{below.upper()}_FS" if below else "", fs.needs, fs.name)
            self.assertIn(f"TYPE={kind}\nBELOW={below or chr(39) * 2}\n", matrix.for_guest(fs))
            if part.exists():
                text = part.read_text()
                text += "".join((part.parent / name).read_text()
                                for name in re.findall(r"^\. /parts/fs/(\S+)", text, re.M))
                self.assertLessEqual({"mount_fs", "unmount_fs"} if below else {"mount_fs"},
                                     set(re.findall(r"^(\w+)\(\)", text, re.M)), fs.name)

    def test_bad_lines_are_named(self) -> None:
        table = self.dir / "table.tsv"
        for text, said in (("a\tb\n", ":1 has 2 columns"), ("#\na\tmemory\t-\t-\t-\t-\t-\ta\t-\n" * 2, ":4: a is there twice")):
            table.write_text(text)
            with self.assertRaisesRegex(matrix.MatrixError, said):
                matrix.read_filesystems(table)

    def test_a_table_of_one_s_own(self) -> None:
        table = SCRIPTS / "tests/broken.tsv"
        done = self.verb("qemu", FILESYSTEMS=str(table), FS="nofs", SUITE="fsx")
        self.assert_refused(done, "FS=nofs is none of: " + " ".join(matrix.read_filesystems(table)))

    def test_plan(self) -> None:
        def names(suites: str, filesystems: str) -> list[str]:
            return [row.name for row in matrix.plan(suites, filesystems)]
        self.assertEqual(names("", ""), ["fixes", "kunit", "xfs-fsx", "ext4-fsx", "btrfs-fsx", "tmpfs-fsx", "xarray"])
        self.assertTrue({"tmpfs-fsx", "tmpfs-metadata", "tmpfs-swap"} <= set(names("", "tmpfs")))
        self.assertFalse({"tmpfs-crash", "kunit"} & set(names("", "tmpfs")))
        self.assertEqual(names("fsx,kunit", "xfs-??k"), ["kunit", "xfs-16k-fsx", "xfs-64k-fsx"])
        self.assertEqual(names("upstream-kunit mm", ""), ["upstream-kunit", "mm"])
        self.assertEqual(names("", "squashfs"), ["squashfs-cost", "squashfs-image"])
        self.assertEqual(names("", "hugetlbfs"), ["hugetlbfs-hugetlb"])
        self.assertEqual(names("copyup fsx", "fuse 9p"), ["fuse-copyup", "fuse-fsx", "9p-fsx"])
        kinds = [fs.kind for fs in matrix.read_filesystems().values()]
        wanted = [matrix.wants(suite, "on", "disk memory").split() for suite in matrix.read_suites()]
        self.assertEqual(len(names("*", "*")), sum(
            1 if wants == ["-"] else sum(kind in wants for kind in kinds) for wants in wanted))

    def test_a_suite_says_what_it_wants(self) -> None:
        for suite in matrix.read_suites()[len(matrix.ALONE):]:
            kinds = set(matrix.wants(suite, "on", "disk memory").split())
            known = {fs.kind for fs in matrix.read_filesystems().values()}
            self.assertTrue(kinds == {"-"} or kinds <= known, f"{suite} is on: {kinds}")
        with self.assertRaisesRegex(matrix.MatrixError, "SUITE=kunit,fsx runs on none|is none of"):
            matrix.plan("kunit,nosuite", "xfs")

    def test_the_fragment_for_rows_that_want_it(self) -> None:
        self.assertEqual(matrix.config(matrix.plan("kunit xarray fsx", "")), "")
        for suite in ("fixes", "mm", "upstream-kunit"):
            self.assertEqual(matrix.config(matrix.plan(suite, "")), "qemu\n")
        for chosen, fragment in ("fixes.hfsplus*", ""), ("fixes.jfs_migrate", "qemu\n"), ("fixes.*", "qemu\n"):
            with unittest.mock.patch.dict(os.environ, {"T": chosen}):
                self.assertEqual(matrix.config(matrix.plan("fixes", "")), fragment, chosen)
        table = self.dir / "fragment"
        table.write_text("CONFIG_EXT4_FS=y\n")
        with unittest.mock.patch.object(matrix, "FRAGMENT", table):
            self.assertEqual(matrix.config(matrix.plan("fsx", "xfs,ext4")), "qemu\n")
            self.assertEqual(matrix.config(matrix.plan("fsx", "xfs")), "")

    def test_what_a_kernel_lacks(self) -> None:
        out = self.dir / "out"
        (out / "include/config").mkdir(parents=True)
        (out / "include/config/kernel.release").write_text("6.18.2+\n")
        (out / ".config").write_text("CONFIG_XFS_FS=y\n# CONFIG_F2FS_FS is not set\nCONFIG_UDF_FS=m\n")
        self.assertEqual(matrix.lacks("XFS_FS,UDF_FS,6.12", out), "")
        self.assertEqual(matrix.lacks("F2FS_FS", out), "the kernel lacks CONFIG_F2FS_FS")
        self.assertEqual(matrix.lacks("9P_FS", out), "the kernel lacks CONFIG_9P_FS")
        self.assertEqual(matrix.lacks_module("tool,foliolab.ko", out), "")
        self.assertIn("the kernel has no fs/a/a.ko", matrix.lacks_module("tool,fs/a/a.ko", out))
        (out / "modules.builtin").write_text("kernel/fs/a/a.ko\n")
        self.assertEqual(matrix.lacks_module("fs/a/a.ko", out), "")
        self.assertIn("fs/b/b.ko", matrix.lacks_module("fs/a/a.ko,fs/b/b.ko", out))
        (out / "fs/b").mkdir(parents=True)
        (out / "fs/b/b.ko").touch()
        self.assertEqual(matrix.lacks_module("fs/a/a.ko,fs/b/b.ko", out), "")
        self.assertIn("6.19 is the first that has it, this is 6.18.2+", matrix.lacks("XFS_FS,6.19", out))


class Engine(Kernels):
    """The verb itself, on tmpfs and tmpfs-within; $DIR/behave/ROW.KERNEL says how a guest ends."""

    GUEST = r'''
    for word; do case $word in
        file,id=console,path=*) console=${word#*path=} ;;
        file,id=results,path=*) results=${word#*path=} ;;
    esac; done
    [[ -n ${console:-} ]] || { echo "QEMU 1"; exit; }
    dir=${console%/*} row=${console%/console.log} row=${row#*/rows/} how=pass
    [[ ! -e $DIR/behave/${row/\//.} ]] || how=$(<"$DIR/behave/${row/\//.}")
    cp "$dir/row" "$DIR/row.${row/\//.}"
    {
        echo "[    0.000000] Linux version 7.3.4"
        [[ $how != splat* ]] || echo "[    9.000000] WARNING: mm/truncate.c:$RANDOM at truncate+0x$RANDOM/0x20"
        [[ $how != crash ]] || echo "[    9.000000] Kernel panic - not syncing: Fatal exception"
    } >"$console"
    case $how in
    hang) echo "Run /init" >>"$console"; sleep 60 ;;
    crash | cut) exit ;;
    *dead) exit 9 ;;
    esac
    suite=$(sed -n '1s/\..*//p' "$dir/expect")
    {
        printf 'KTAP version 1\n1..1\n    KTAP version 1\n    # Subtest: %s\n' "$suite"
        mapfile -t cases <"$dir/expect"
        printf '    1..%d\n' ${#cases[@]}
        number=0 all=ok
        for name in "${cases[@]#*.}"; do
            number=$((number + 1)) verdict=ok
            [[ $how != fail:$name ]] || { verdict="not ok" all="not ok"; echo "    # $name: it was wrong"; }
            [[ $how == short && $number == 2 ]] || echo "    $verdict $number $name"
        done
        echo "$all 1 $suite"
    } >"$DIR/ktap.$$"
    [[ $how != half ]] || { { echo "@begin ktap/$suite.ktap 9999"; cat "$DIR/ktap.$$"; } >"$results"; exit; }
    { echo "@begin ktap/$suite.ktap $(stat -c %s "$DIR/ktap.$$")"
      cat "$DIR/ktap.$$"; echo "@end ktap/$suite.ktap"; echo "@done"; } >"$results"
    '''

    def setUp(self) -> None:
        super().setUp()
        (self.dir / "behave").mkdir()

    def behave(self, **how: str) -> None:
        for name, text in how.items():
            (self.dir / "behave" / name.replace("__", ".").replace("_", "-")).write_text(text)

    def qemu(self, status: int, last: str, **env: str) -> str:
        """A run of fsx on both; what it prints."""
        done = self.verb("qemu", **({"SUITE": "fsx", "FS": "tmpfs*"} if "RESUME" not in env else {}) | env)
        self.assertEqual(done.returncode, status, done)
        self.assertEqual(done.stdout.splitlines()[-1], last, done.stdout)
        return done.stdout

    @property
    def run_dir(self) -> Path:
        return (self.dir / "out/latest-qemu-7.3").resolve()

    def boots(self, before: int = 0) -> list[str]:
        """Row and kernel of each guest after so many, sorted: a row's two boot at once."""
        return sorted([found[1] for call in self.calls()
                       if (found := re.search(r"id=console,path=\S*/rows/(\S+)/console\.log", call))][before:])

    def test_all_pass(self) -> None:
        said = self.qemu(0, "2 passed, 0 failed")
        self.assertEqual(self.boots(), ["tmpfs-fsx/base", "tmpfs-fsx/patched",
                                        "tmpfs-within-fsx/base", "tmpfs-within-fsx/patched"])
        self.assertIn("passed; 1 of 2 rows left", said)
        self.assertIn("passed; 0 of 2 rows left", said)
        for row in ("tmpfs-fsx", "tmpfs-within-fsx"):
            for kernel in KERNELS:
                names = {path.name for path in (self.run_dir / "rows" / row / kernel).iterdir()}
                self.assertLessEqual({"summary.txt", "results.json", "junit.xml", "ktap", "console.log",
                                      "meta.json", "repro.sh"}, names)
        result = json.loads((self.run_dir / "results.json").read_text())
        self.assertEqual((result["verdict"], result["exit"], len(result["rows"])), ("pass", 0, 2))

    def test_costs(self) -> None:
        self.behave(tmpfs_within_fsx__patched="cut")
        self.qemu(5, "1 passed, 1 failed", OPS="30")
        sides = json.loads((self.run_dir / "results.json").read_text())["rows"][0]["kernels"]
        self.assertEqual({*sides["base"]["cost"]}, {"seconds", "cpu_seconds"})
        done = self.verb("costs")
        self.assert_ok(done)
        self.assertRegex(done.stdout, r"(?m)^1 rows, with ``OPS=30``, on Linux .*; guests with\n4 processors under tcg")
        self.assertRegex(done.stdout, r"(?m)^filesystem  fsx\n=+  =+\ntmpfs +\d+$")
        self.assertNotIn("tmpfs-within", done.stdout, "its guest did not come to its end")
        first = self.run_dir
        self.qemu(0, "1 passed, 0 failed", SUITE="metadata", FS="tmpfs-within", OPS="30", KERNELS="patched")
        both = self.verb("costs", RUN=f"{first} {self.run_dir}").stdout
        self.assertRegex(both, r"(?m)^2 rows")
        self.assertRegex(both, r"(?m)^filesystem    fsx  metadata\n(=+ *){3}\ntmpfs +\d+\ntmpfs-within +\d+$")
        self.assert_refused(self.verb("costs", RUN=str(self.dir)), f"{self.dir} is no run of make qemu")
        self.assert_refused(self.verb("costs", OUTDIR=str(self.dir / "none")), "run 'make qemu' first")

    def test_soak(self) -> None:
        """The rows once for each seed; what one comes to ends nothing."""
        for how, status, last in (("pass", 0, "2 passed, 0 failed"), ("fail:check", 1, "0 passed, 2 failed"),
                                  ("crash", 3, "0 passed, 2 failed")):
            self.behave(tmpfs_fsx__patched=how)
            done = self.verb("soak", SUITE="fsx", FS="tmpfs", RUNS="2", SEED="7")
            self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (status, last), done)
            self.assertEqual(re.findall(r"SEED +(\d+) +ended with (\d)", done.stdout), [(seed, str(status)) for seed in "78"])
            self.assertIn("SEED=8\nOPS=100000\n", (self.dir / "row.tmpfs-fsx.patched").read_text())
        self.assert_refused(self.verb("soak", SUITE="nosuite"), "SUITE=nosuite is none of")

    def test_both_kernels_get_the_same(self) -> None:
        self.qemu(0, "2 passed, 0 failed", SEED="7", OPS="30")
        rows = [(self.dir / f"row.tmpfs-fsx.{kernel}").read_text() for kernel in KERNELS]
        self.assertEqual(rows[0], rows[1])
        self.assertIn("SEED=7\nOPS=30\n", rows[0])
        appends = [re.sub(r"\S*/rows/\S*|-kernel \S+", "", call) for call in self.calls() if "/tmpfs-fsx/" in call]
        self.assertEqual(appends[0], appends[1])
        kernels = [re.search(r"-kernel \S*/(\w+)/arch", call) for call in self.calls() if "/tmpfs-fsx/" in call]
        self.assertEqual([found[1] for found in kernels if found], ["pristine", "patched"])

    def test_repro_repeats_just_the_row(self) -> None:
        self.qemu(0, "2 passed, 0 failed", SEED="7")
        before = len(self.boots())
        row = self.run_dir / "rows/tmpfs-within-fsx"
        done = self.call([str(row / "repro.sh")])
        self.assertEqual(done.stdout.splitlines()[-1], "1 passed, 0 failed")
        self.assertEqual(self.boots(before), ["tmpfs-within-fsx/base", "tmpfs-within-fsx/patched"])
        self.assertIn("SEED=7\n", (self.dir / "row.tmpfs-within-fsx.patched").read_text())
        before = len(self.boots())
        self.assertEqual(self.call([str(row / "patched/repro.sh")]).returncode, 0)
        self.assertEqual(self.boots(before), ["tmpfs-within-fsx/patched"])

    def test_some_cases_of_a_suite(self) -> None:
        self.qemu(0, "1 passed, 0 failed", FS="tmpfs", T="fsx.ma*")
        for kernel in KERNELS:
            expect = self.run_dir / "rows/tmpfs-fsx" / kernel / "expect"
            self.assertEqual(expect.read_text().split(), ["fsx.make", "fsx.mapped_and_buffered"])
        self.assertIn("T='fsx.ma*' ", (self.run_dir / "rows/tmpfs-fsx/base/repro.sh").read_text())

    def test_new_failure_known_and_fixed(self) -> None:
        self.behave(tmpfs_fsx__patched="fail:check", tmpfs_within_fsx__base="fail:check",
                    tmpfs_within_fsx__patched="fail:check", tmpfs_metadata__base="splat")
        said = self.qemu(1, "2 passed, 1 failed, 1 known", SUITE="fsx metadata")
        self.assertIn("NEW FAILURE tmpfs-fsx  fsx.check\n", said)
        self.assertIn("KNOWN tmpfs-within-fsx  the base fails, too: fsx.check\n", said)
        self.assertIn("        check: it was wrong", said.replace("# ", ""))
        self.assertIn("FIXED tmpfs-metadata  console: WARNING: mm/truncate.c:# at truncate", said)
        cases = {case.get("name"): [child.tag for child in case]
                 for case in ET.parse(self.run_dir / "junit.xml").iter("testcase")}
        self.assertEqual(cases, {"tmpfs-fsx": ["failure"], "tmpfs-within-fsx": ["skipped"],
                                 "tmpfs-metadata": [], "tmpfs-within-metadata": []})

    def test_the_same_splat_in_both_is_known(self) -> None:
        self.behave(tmpfs_fsx__base="splat", tmpfs_fsx__patched="splat")
        self.qemu(0, "1 passed, 0 failed, 1 known")

    def test_a_known_splat_hides_no_crash(self) -> None:
        self.behave(tmpfs_fsx__base="splat", tmpfs_fsx__patched="splatdead")
        self.assertIn("NEW FAILURE tmpfs-fsx  the guest: crashed\n", self.qemu(3, "1 passed, 1 failed"))

    def test_crash_and_timeout_are_that_row_s_alone(self) -> None:
        self.behave(tmpfs_fsx__patched="crash", tmpfs_within_fsx__patched="hang")
        said = self.qemu(3, "2 passed, 2 failed", SUITE="fsx metadata", TIMEOUT="2")
        self.assertRegex(said, r"tmpfs +fsx +passed +crashed +new failure")
        self.assertRegex(said, r"tmpfs-within +fsx +passed +timeout +new failure")
        self.assertIn("Kernel panic - not syncing", said)

    def test_qemu_that_dies_is_a_crash(self) -> None:
        self.behave(tmpfs_fsx__patched="dead")
        self.assertRegex(self.qemu(3, "1 passed, 1 failed"), r"tmpfs +fsx +passed +crashed")

    def test_no_result_is_never_a_pass(self) -> None:
        for how in ("cut", "short"):
            for kernel in KERNELS:
                with self.subTest(how=how, kernel=kernel):
                    self.behave(**{f"tmpfs_fsx__{kernel}": how})
                    self.assertIn("ERROR tmpfs-fsx", self.qemu(5, "1 passed, 1 failed"))
                    (self.dir / f"behave/tmpfs-fsx.{kernel}").unlink()

    def test_each_fault_of_a_guest_is_told_as_what_it_is(self) -> None:
        """What tests/test_rows.py has of faults in the guest is for the cases to tell."""
        for how, told in (("half", ("guest.status is 'incomplete'", "ktap/fsx.ktap.partial was cut short while the guest sent it")),
                          ("cut", ("guest.status is 'incomplete'", "fsx has no result: it did not run, or the log ends before it")),
                          ("short", ("fsx: its plan is 1..8, but 7 came",))):
            with self.subTest(how=how):
                self.behave(tmpfs_fsx__patched=how)
                self.qemu(5, "0 passed, 1 failed", FS="tmpfs")
                row, = json.loads((self.run_dir / "results.json").read_text())["rows"]
                self.assertEqual((row["means"], row["kernels"]["base"]["status"]), ("error", "passed"))
                for text in told:
                    self.assertIn(text, row["why"])

    def test_a_host_without_space(self) -> None:
        self.stub("df", 'echo "a b c d"; echo "/dev/x 100 99 12"')
        self.behave(tmpfs_fsx__patched="hang")
        self.assertIn("the host had no space left for", self.qemu(5, "0 passed, 1 failed", FS="tmpfs", TIMEOUT="2"))

    def test_a_kernel_that_lacks_the_option(self) -> None:
        for kernel in ("pristine", "patched"):
            (self.dir / kernel / ".config").write_text("CONFIG_TMPFS=y\n")
        said = self.qemu(0, "0 passed, 0 failed, 2 skipped")
        self.assertIn("SKIPPED tmpfs-fsx  the kernel lacks CONFIG_TRANSPARENT_HUGEPAGE", said)
        self.assertEqual(self.boots(), [])

    def test_patched_alone(self) -> None:
        self.behave(tmpfs_fsx__patched="fail:check")
        self.assertRegex(self.qemu(1, "1 passed, 1 failed", KERNELS="patched"), r"tmpfs +fsx +- +failed +failed")
        self.assertEqual(self.boots(), ["tmpfs-fsx/patched", "tmpfs-within-fsx/patched"])

    def test_interrupted_and_resumed(self) -> None:
        self.behave(tmpfs_within_fsx__base="hang", tmpfs_within_fsx__patched="hang")
        verb = subprocess.Popen([str(SCRIPTS / "qemu")], env=self.env | {"SUITE": "fsx", "FS": "tmpfs*", "SEED": "9"},
                                text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        console = self.dir / "out/latest-qemu-7.3/rows/tmpfs-within-fsx/base/console.log"
        for _ in range(300):
            if console.exists() and "Run /init" in console.read_text():
                break
            time.sleep(.1)
        os.kill(verb.pid, signal.SIGTERM)
        said, complaint = verb.communicate(timeout=60)
        self.assertEqual(verb.returncode, 5, complaint)
        self.assertRegex(said, r"tmpfs +fsx +passed +passed +passed")
        self.assertRegex(said, r"tmpfs-within +fsx +no result +no result +error")
        self.assertIn("go on with: make qemu RESUME=", complaint)
        self.assertEqual(json.loads((self.run_dir / "results.json").read_text())["exit"], 5)
        self.behave(tmpfs_within_fsx__base="pass", tmpfs_within_fsx__patched="pass")
        before, run = len(self.boots()), self.run_dir
        self.qemu(0, "2 passed, 0 failed", RESUME=str(run))
        self.assertEqual(self.boots(before), ["tmpfs-within-fsx/base", "tmpfs-within-fsx/patched"])
        self.assertEqual(self.run_dir, run)
        self.assertIn("SEED=9\n", (self.dir / "row.tmpfs-within-fsx.patched").read_text())

    def test_resume_runs_nothing_twice(self) -> None:
        self.behave(tmpfs_fsx__patched="fail:check")
        self.qemu(1, "1 passed, 1 failed")
        before = len(self.boots())
        self.qemu(1, "1 passed, 1 failed", RESUME=str(self.run_dir))
        self.assertEqual(len(self.boots()), before)

    def test_again_runs_what_failed_and_keeps_what_was(self) -> None:
        self.behave(tmpfs_fsx__patched="fail:check")
        self.qemu(1, "1 passed, 1 failed")
        self.behave(tmpfs_fsx__patched="pass")
        before = len(self.boots())
        done = self.verb("again")
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (0, "2 passed, 0 failed"))
        self.assertEqual(self.boots(before), ["tmpfs-fsx/base", "tmpfs-fsx/patched"])
        kept = json.loads((self.run_dir / "rows/tmpfs-fsx/patched.before/results.json").read_text())
        self.assertEqual(kept["verdict"], "fail")

    def test_resume_refuses_another_kernel_or_setting(self) -> None:
        self.qemu(0, "2 passed, 0 failed")
        self.assert_refused(self.verb("qemu", RESUME=str(self.run_dir), SEED="2"), "SEED= is that of the run")
        self.assert_refused(self.verb("qemu", RESUME=str(self.dir)), "is no run of make qemu")
        (self.dir / "patched/arch/x86/boot/bzImage").write_text("another")
        self.assert_refused(self.verb("qemu", RESUME=str(self.run_dir)), "the kernels are not those")

    def test_bad_values(self) -> None:
        self.assert_refused(self.verb("qemu", SUITE="bogus"), "SUITE=bogus is none of: fixes kunit upstream-kunit")
        self.assert_refused(self.verb("qemu", FS="xfs nofs"), "FS=nofs is none of: xfs xfs-16k")
        self.assert_refused(self.verb("qemu", SEED="x"), "SEED=x", "numbers above 0")
        self.assert_refused(self.verb("qemu", OPS="0"), "OPS=0", "numbers above 0")
        self.assert_refused(self.verb("qemu", KERNELS="all"), "KERNELS=all is not known")
        self.assert_refused(self.verb("qemu", PATCHED=str(self.dir)), "no kernel ", "PATCHED= and PRISTINE=")
        self.assert_refused(self.verb("again"), "run 'make qemu' first")

    def test_page_stands_alone(self) -> None:
        self.behave(tmpfs_fsx__patched="fail:check")
        self.qemu(1, "1 passed, 1 failed")
        page = (self.run_dir / "index.html").read_text()
        self.assertNotRegex(page, r"<script|https?://|@import")
        for target in re.findall(r'href="([^"]+)"', page):
            self.assertTrue((self.run_dir / target).is_file(), target)
        self.assertIn('<td class="failed" title="fsx.check"><b>new failure</b>', page)
        self.assertIn("check: it was wrong", page)


if __name__ == "__main__":
    unittest.main()
