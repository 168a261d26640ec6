# SPDX-License-Identifier: GPL-2.0
"""The parts of scripts/guest/rows as the guest runs them, on a machine that has faults."""
import json
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import made_up  # noqa: F401  its path is that of ktap
import ktap
import matrix

TABLE = Path(__file__).with_name("broken.tsv")
GUEST = Path(__file__).resolve().parents[1] / "guest"
# A mount table and a disk; what is on the disk is always the same. $TOP holds what was mounted.
STUBS = """
disk() { echo $ROOT/disk; }
mount() {
    while [ $# -gt 2 ]; do [ "$1" != -t ] || type=$2; shift; done
    echo "$1 $2 $type rw,relatime 0 0" >>$ROOT/proc/mounts
}
umount() { grep -v " $1 " $ROOT/proc/mounts >$ROOT/proc/left || :; mv $ROOT/proc/left $ROOT/proc/mounts; }
sync() { :; }
goes_read_only() { sed -i "s| rw,| ro,|" $ROOT/proc/mounts; }
fstree() { for file; do :; done; mkdir -p $file; echo 0123456789 >$file/f; }
"""


class Faults(unittest.TestCase):
    """Each is reported as what it is, by the first case that meets it."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.dir = Path(scratch.name)
        for name in ("proc/sys/vm", "proc/sys/kernel", "tmp", "parts", "dev", "sys/block/disk"):
            (self.dir / name).mkdir(parents=True)
        (self.dir / "sys/block/disk/size").write_text("0\n")
        (self.dir / "proc/sys/kernel/tainted").write_text("0\n")
        (self.dir / "proc/mounts").write_text("")

    def moved(self, text: str) -> str:
        """With the root of the guest in a directory of ours: nothing may come to the disks of this machine."""
        text = re.sub(r"(?<![\w$}.])/(parts|row|mnt|etc|tmp|proc|sys|due|begun|modules|dev)\b(?!/null|/urandom|\.inc)",
                      rf"{self.dir}/\1", text)
        self.assertNotRegex(text, r"(?<![\w}])/(mnt|dev/(?!null|urandom)|etc|proc|sys)/")
        return text

    def run_suite(self, suite: str, faults: str = "", **row: str) -> dict[str, tuple[str, str]]:
        """Status and diagnostics of each case."""
        said = {"FS": "ext4", "KIND": "disk", "TYPE": "ext4", "OPTIONS": "", "MAKE": "true", "CHECK": "test -n",
                "BELOW": "", "SEED": "1", "OPS": "10"} | row
        (self.dir / "row").write_text("".join(f"{name}='{value}'\n" for name, value in said.items()))
        for path in [*(GUEST / "rows").glob("*.inc"), GUEST / "ktap.inc", GUEST / f"rows/{suite}.sh"]:
            text = self.moved(path.read_text()).replace("run_tests\n", f"ROOT={self.dir}\n{STUBS}{faults}\nrun_tests\n")
            (self.dir / "parts" / path.name).write_text(text)
        done = subprocess.run(["busybox", "sh", self.dir / f"parts/{suite}.sh"], capture_output=True, text=True, check=False)
        documents = ktap.parse([ktap.Line(line) for line in done.stdout.splitlines()])
        self.assertEqual(len(documents), 1, done.stdout + done.stderr)
        block = documents[0].results[0].block
        assert block
        return {each.name: (each.status, "\n".join(each.log)) for each in block.results}

    def assert_failed(self, cases: dict[str, tuple[str, str]], name: str, text: str) -> None:
        """It is the first that does, and says so."""
        first = next((each for each, (status, _) in cases.items() if status == "fail"), "")
        self.assertEqual(first, name, cases)
        self.assertIn(text, cases[name][1])

    def test_none(self) -> None:
        cases = self.run_suite("metadata", "fstree() { :; }; chmod() { :; }")
        self.assertEqual({name for name, (status, _) in cases.items() if status == "pass"},
                         {"make", "changes", "after_remount", "check", "taint"}, cases)

    def test_a_tool_is_not_in_the_guest(self) -> None:
        self.assert_failed(self.run_suite("metadata", MAKE="mkfs.nothing -q"), "make", "mkfs.nothing: not found")
        self.assert_failed(self.run_suite("metadata", CHECK="fsck.nothing -n"), "after_remount", "fsck.nothing: not found")
        self.assert_failed(self.run_suite("verify"), "write_and_read", "fio: not found")

    def test_a_filesystem_goes_read_only(self) -> None:
        """Whoever writes next, or the check at the end, finds it out; not each program says so."""
        goes = "fstree() { goes_read_only; }"
        said = "not mounted for writing: "
        self.assert_failed(self.run_suite("metadata", goes), "after_remount", said)
        cases = self.run_suite("fsx", "fsx() { goes_read_only; }")
        self.assert_failed(cases, "large_folios", said)
        self.assertEqual(cases["check"][0], "fail")
        self.assertRegex(cases["check"][1], r"/mnt/row ext4 ro,relatime")

    def test_a_filesystem_that_is_not_there_any_more(self) -> None:
        cases = self.run_suite("fsx", "fsx() { umount $TOP; }")
        self.assert_failed(cases, "large_folios", "not mounted for writing: ")

    def test_a_disk_is_full(self) -> None:
        full = "fstree() { echo 'fstree: write: No space left on device'; return 1; }"
        self.assert_failed(self.run_suite("metadata", full), "changes", "No space left on device")

    def test_a_disk_that_cannot_be_written(self) -> None:
        """What makes it look used says so, and not only what comes after."""
        (self.dir / "sys/block/disk/size").write_text("65536\n")
        full = "dd() { echo 'dd: error writing: No space left on device' >&2; return 1; }"
        self.assert_failed(self.run_suite("metadata", full), "make", "No space left on device")


class Broken(unittest.TestCase):
    """What broken.py finds in a made-up run of broken.tsv; the run itself wants a kernel."""

    def run_table(self, **change: tuple[str, str]) -> tuple[int, str]:
        with tempfile.TemporaryDirectory() as top:
            rows = []
            for name, means, text in re.findall(r"^#= (\S+) (\S+) ?(.*)$", TABLE.read_text(), re.M):
                means, text = change.get(name.replace("-", "_"), (means, text))
                rows.append({"filesystem": name, "name": f"{name}-metadata", "means": means})
                side = Path(top, "rows", f"{name}-metadata", "patched")
                side.mkdir(parents=True)
                if means == "skipped":
                    (side / "skipped").write_text(text)
                case = {"log": [f"# make: {text}"]}
                (side / "results.json").write_text(json.dumps({"suites": [{"cases": [case]}], "problems": []}))
            Path(top, "results.json").write_text(json.dumps({"rows": rows}))
            done = subprocess.run([TABLE.with_suffix(".py"), top], capture_output=True, text=True, check=False)
            return done.returncode, done.stdout.splitlines()[-1]

    def test_all_as_they_must_be(self) -> None:
        self.assertEqual(self.run_table(), (0, f"{len(matrix.read_filesystems(TABLE))} passed, 0 failed"))

    def test_another_word_or_reason(self) -> None:
        good = len(matrix.read_filesystems(TABLE)) - 1
        for change in ({"dies": ("failed", "guest.status is 'incomplete', not 'done'")}, {"full": ("failed", "it was full")},
                       {"good": ("failed", "")}, {"no_option": ("passed", "the kernel lacks CONFIG_NO_SUCH_FS")}):
            self.assertEqual(self.run_table(**change), (1, f"{good} passed, 1 failed"), change)


if __name__ == "__main__":
    unittest.main()
