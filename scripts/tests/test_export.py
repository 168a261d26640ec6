# SPDX-License-Identifier: GPL-2.0
"""export-jobs: workflows of GitHub, jobs of LAVA, results for KCIDB."""
import hashlib
import json
import lzma
import os
import re
import shlex
import shutil
import subprocess
import sys
import unittest
import unittest.mock
from pathlib import Path
from typing import Any

import made_up
from kernels import Kernels
from sandbox import SCRIPTS, Sandbox

sys.path.insert(0, str(SCRIPTS / "lib"))
import cases  # noqa: E402
import export_github  # noqa: E402
import export_kcidb  # noqa: E402
import export_lava  # noqa: E402
import matrix  # noqa: E402
from describe import hash_series  # noqa: E402
from results import Case, Problem, Run, Suite, as_json  # noqa: E402

try:
    import yaml
except ImportError:         # python3-yaml is not needed for anything else
    yaml = None
needs_yaml = unittest.skipUnless(yaml, "there is no python3-yaml")
ALL = {"SUITE": "*", "FS": "*"}


class Export(Sandbox):
    def export(self, form: str, **env: str) -> str:
        done = self.verb("export-jobs", FORMAT=form, **env)
        self.assert_ok(done)
        return done.stdout


class Formats(Export):
    def test_one_that_is_none(self) -> None:
        for form in ("gitlab", "", "github lava"):
            self.assert_refused(self.verb("export-jobs", FORMAT=form), f"FORMAT={form} is none of: github lava kcidb")
        self.assert_refused(self.call([str(SCRIPTS / "export-jobs"), "jenkins"]), "jenkins", "kcidb")

    def test_as_a_word_or_a_variable(self) -> None:
        done = self.call([str(SCRIPTS / "export-jobs"), "github"])
        self.assertEqual(done.stdout, self.export("github"))

    def test_into_a_file(self) -> None:
        said = self.export("github", TO=str(self.dir / "jobs.yml"))
        self.assertEqual(said, "")
        self.assertEqual((self.dir / "jobs.yml").read_text(), self.export("github"))

    def test_what_is_wrong_leaves_no_file(self) -> None:
        done = self.verb("export-jobs", FORMAT="github", TO=str(self.dir / "jobs.yml"), FS="nofs")
        self.assert_refused(done, "FS=nofs is none of")
        self.assertFalse((self.dir / "jobs.yml").exists())


class GitHub(Export):
    def commands(self, text: str) -> dict[str, str]:
        """Row and command of each job; a row that is there twice fails."""
        pairs = re.findall(r'^ +- row: (".*")\n +command: (".*")$', text, re.M)
        rows = [(json.loads(row), json.loads(command)) for row, command in pairs]
        self.assertEqual(len(rows), len(dict(rows)), "a row is there twice")
        return dict(rows)

    def test_every_row_once(self) -> None:
        for suite, fs in (("", ""), ("*", "*"), ("fsx,kunit", "xfs-??k")):
            rows = [row.name for row in matrix.plan(suite, fs)]
            self.assertEqual([*self.commands(self.export("github", SUITE=suite, FS=fs))], rows)

    def test_a_command_means_just_its_row(self) -> None:
        text = self.export("github", **ALL, SEED="7", OPS="30")
        for name, command in self.commands(text).items():
            verb, words = shlex.split(command)[:2], dict(word.split("=", 1) for word in shlex.split(command)[2:])
            self.assertEqual((verb, words.pop("SEED"), words.pop("OPS")), (["make", "qemu"], "7", "30"))
            rows = matrix.plan(words.pop("SUITE"), words.pop("FS", ""))
            self.assertEqual([row.name for row in rows], [name])
            self.assertEqual(words, {})

    def test_all_jobs_build_the_same_kernels(self) -> None:
        """A row alone may want no fragment that another does."""
        text = self.export("github", **ALL, CFG="debug", KERNELS="patched", TIMEOUT="1200")
        fragments = "debug," + matrix.config(matrix.plan("*", "*")).strip()
        for line in (f'  CFG: "{fragments.strip(",")}"', '  KERNELS: "patched"', '  TIMEOUT: "1200"'):
            self.assertIn(line + "\n", text)
        self.assertNotIn("CFG", "".join(self.commands(text).values()))

    def test_more_rows_than_a_matrix_holds(self) -> None:
        plan = "".join(f"fs{number}-fsx fsx fs{number} 1G tool\n" for number in range(600))
        settings = {"SEED": "1", "OPS": "1", "KERNELS": "patched", "TIMEOUT": "900"}
        done = subprocess.run([sys.executable, str(SCRIPTS / "lib/export_github.py")], input=plan, text=True,
                              env=self.env | settings, capture_output=True, check=True)
        parts = re.split(r"^  (rows[\w-]*):$", done.stdout, flags=re.M)
        self.assertEqual(parts[1::2], ["rows", "rows-2", "rows-3"])
        self.assertEqual([len(self.commands(part)) for part in parts[2::2]], [256, 256, 88])
        self.assertEqual(len(self.commands(done.stdout)), 600)

    def test_tables_that_a_job_has_not(self) -> None:
        table = SCRIPTS / "tests/broken.tsv"
        names = [*matrix.read_filesystems(table)]
        text = self.export("github", FILESYSTEMS=str(table), SUITE="fsx", FS="*")
        self.assertIn('  FILESYSTEMS: "scripts/tests/broken.tsv"\n', text)
        self.assertEqual([*self.commands(text)], [f"{name}-fsx" for name in names])
        shutil.copy(table, self.dir / "mine.tsv")
        done = self.verb("export-jobs", FORMAT="github", FILESYSTEMS=str(self.dir / "mine.tsv"), FS="*")
        self.assert_refused(done, "mine.tsv is not in this checkout")
        self.assert_refused(self.verb("export-jobs", FORMAT="github", PATCHED="/boot"), "PATCHED=")

    @needs_yaml
    def test_as_yaml(self) -> None:
        append = 'a: "b" #c {d} \\e'
        flow = yaml.safe_load(self.export("github", APPEND=append, **ALL))
        self.assertEqual(flow["permissions"], {"contents": "read"})
        self.assertEqual(flow["env"]["APPEND"], append)
        matrices = [job for name, job in flow["jobs"].items() if name != "build"]
        for job in flow["jobs"].values():
            self.assertEqual(job["container"]["image"], "debian:12")
            self.assertGreater(job["timeout-minutes"], 0)
            self.assertIn("scripts/deps", [step.get("run") for step in job["steps"]])
        for rows in matrices:
            self.assertIs(rows["strategy"]["fail-fast"], False)
            self.assertEqual(rows["needs"], "build")
            upload = rows["steps"][-1]
            self.assertEqual((upload["uses"].split("@")[0], upload["if"]), ("actions/upload-artifact", "always()"))
            self.assertIn("out", upload["with"]["path"].split())
        self.assertEqual(sum(len(rows["strategy"]["matrix"]["include"]) for rows in matrices),
                         len(matrix.plan("*", "*")))

    @needs_yaml
    def test_without_kvm(self) -> None:
        for accel, options in (("", "--device /dev/kvm"), ("tcg", None)):
            for job in yaml.safe_load(self.export("github", ACCEL=accel))["jobs"].values():
                self.assertEqual(job["container"].get("options"), options)

    def test_the_build_runs_no_row(self) -> None:
        out = self.dir / "out"
        (out / "arch/x86/boot").mkdir(parents=True)
        (out / "arch/x86/boot/bzImage").touch()
        done = self.verb("qemu", ROWS="none", PATCHED=str(out), PRISTINE=str(out), OUTDIR=str(self.dir / "runs"))
        self.assert_ok(done)
        self.assertFalse((self.dir / "runs").exists())
        self.assertIn("run: make qemu ROWS=none\n", self.export("github"))


def watch(monitors: list[dict[str, Any]], console: str, chunk: int) -> list[tuple[str, str, str]]:
    """What LAVA makes of a console that comes by chunks: of the patterns that match what
    it has, the one that begins first, and what that has taken is gone."""
    found: list[tuple[str, str, str]] = []
    fed = iter([console[at:at + chunk] for at in range(0, len(console), chunk)])
    buffer = ""
    for monitor in monitors:
        waits = [monitor["start"]]
        while True:
            hits = [hit for hit in (re.search(wait, buffer, re.S) for wait in waits) if hit]
            if not hits:
                more = next(fed, None)
                if more is None:
                    return [*found, (monitor["name"], "", "eof")]
                buffer += more
                continue
            hit = min(hits, key=lambda each: each.start())
            buffer = buffer[hit.end():]
            if len(waits) == 1:
                waits = [monitor["end"], monitor["pattern"]]
            elif "result" in hit.groupdict():
                found.append((monitor["name"], hit["test_case_id"], monitor["fixupdict"][hit["result"]]))
            else:
                break
    return found


def stamped(text: str) -> str:
    return "".join(f"[{1 + at / 100:12.6f}] {line}\r\n" for at, line in enumerate(text.splitlines()))


@needs_yaml
class Monitors(unittest.TestCase):
    """The patterns of a job, on what a guest tells."""

    FSX = """random: crng init done
        KTAP version 1
        1..1
            KTAP version 1
            # Subtest: fsx
            1..4
            # make: ok 1 of something
            # make: not ok 9 at all
            ok 1 make
            # mapped: KTAP version 1
            # mapped: ok 1 fsx
        WARNING: mm/truncate.c:1 at truncate+0x1/0x20
            not ok 2 mapped
                ok 1 order 4
                not ok 2 order 5
            ok 3 check # SKIP tmpfs lives in memory
            ok 4 taint
        not ok 1 fsx
        KTAP version 1
        1..1
            KTAP version 1
            # Subtest: console
            1..1
            not ok 1 no_splat
        not ok 1 console
        """.replace("\n        ", "\n")
    RESULTS = [("fsx", "make", "pass"), ("fsx", "mapped", "fail"), ("fsx", "check", "skip"), ("fsx", "taint", "pass"),
               ("console", "no_splat", "fail")]

    def setUp(self) -> None:
        text = "".join(export_lava.monitor(suite) for suite in ("fsx", "console"))
        self.monitors = yaml.safe_load(text)

    def test_whatever_way_it_comes(self) -> None:
        for console in (stamped(self.FSX), self.FSX.replace("\n", "\r\n"), self.FSX):
            for chunk in (*range(1, 40), len(console)):
                self.assertEqual(watch(self.monitors, console, chunk), self.RESULTS, chunk)

    def test_a_guest_that_dies_is_not_done(self) -> None:
        console = stamped(self.FSX)
        for mark, left in (("not ok 2 mapped", 1), ("not ok 1 fsx", 4), ("not ok 1 no_splat", 4), ("# Subtest: fsx", 0)):
            found = watch(self.monitors, console[:console.index(mark)], 100)
            self.assertEqual(found[:-1], self.RESULTS[:left], mark)
            self.assertEqual(found[-1][2], "eof")

    def test_what_kunit_tells_itself(self) -> None:
        """The row kunit: documents of the kernel, with parameters, statistics and what else it says."""
        suites = cases.read_list(made_up.LOGS / "expect.txt")
        monitors = yaml.safe_load("".join(export_lava.monitor(suite) for suite in [*suites, "console"]))
        end = stamped("KTAP version 1\n1..1\n    KTAP version 1\n    # Subtest: console\n    1..1\n"
                      "    ok 1 no_splat\nok 1 console\n")
        console = made_up.builtin_log().replace("\n", "\r\n") + end
        wanted = [(suite, case, "skip" if case == "add_folio_hugetlb" else "pass")
                  for suite, names in suites.items() for case in names]
        for chunk in (1, 7, 100, len(console)):
            self.assertEqual(watch(monitors, console, chunk), [*wanted, ("console", "no_splat", "pass")], chunk)

    def test_another_suite_of_a_longer_name(self) -> None:
        text = "".join(export_lava.monitor(suite) for suite in ("mm_split", "mm_split_anon"))
        console = stamped("".join(f"    # Subtest: {suite}\n    ok 1 split\nok 1 {suite}\n"
                                  for suite in ("mm_split", "mm_split_anon")))
        self.assertEqual(watch(yaml.safe_load(text), console, 7),
                         [("mm_split", "split", "pass"), ("mm_split_anon", "split", "pass")])
        first = stamped("    # Subtest: mm_split_anon\n    ok 1 other\nok 1 mm_split_anon\n") + console
        self.assertEqual(watch(yaml.safe_load(text), first, 7)[0], ("mm_split", "split", "pass"))
        for cut in ("    # Subtest: mm_split_anon\n", "    # Subtest: mm_split\nok 1 mm_split_anon\n"):
            self.assertEqual(watch(yaml.safe_load(text), stamped(cut), 7), [("mm_split", "", "eof")])


@needs_yaml
class Lava(Export, Kernels):
    CONFIG = Kernels.CONFIG + "CONFIG_EXT4_FS=y\n"

    def setUp(self) -> None:
        super().setUp()
        table = self.dir / "table.tsv"
        table.write_text("tmpfs\tmemory\tTMPFS\t-\t-\t-\t-\ttmpfs\t-\n"
                         "ext4\tdisk\tEXT4_FS\tfsx\t8M\tmkfs\tfsck\text4\t-\n"
                         "nofs\tmemory\tNO_FS\t-\t-\t-\t-\tnofs\t-\n")
        self.to = self.dir / "lava"
        self.env |= {"FILESYSTEMS": str(table), "SUITE": "fsx", "FS": "*", "TO": str(self.to),
                     "ARTIFACTS": "https://lab.example/jobs/"}

    def jobs(self) -> dict[str, dict[str, Any]]:
        return {path.stem: yaml.safe_load(path.read_text()) for path in self.to.glob("*.yaml")}

    def test_every_row_and_kernel_once(self) -> None:
        said = self.export("lava", APPEND="a=b", SMP="2", MEM="512")
        jobs = self.jobs()
        self.assertEqual({*jobs}, {f"{fs}-fsx-{kernel}" for fs in ("tmpfs", "ext4") for kernel in ("base", "patched")})
        for kernel in ("base", "patched"):
            self.assertRegex(said, rf"SKIP +nofs-fsx-{kernel} +the kernel lacks CONFIG_NO_FS")
        self.assertEqual(said.splitlines()[-1], f"4 jobs in {self.to}")
        for name, job in jobs.items():
            images = job["actions"][0]["deploy"]["images"]
            self.assertEqual("disk_row" in images, name.startswith("ext4"))
            self.assertRegex(images["kernel"]["image_arg"], r'^-kernel \{kernel\} -append "console=ttyS0 .* a=b"$')
            self.assertEqual((job["context"]["memory"], job["context"]["no_kvm"]), (512, True))
            self.assertIn("-smp 2", job["context"]["extra_options"])
            self.assertIn(f"/bzImage-{name.rpartition('-')[2]}", images["kernel"]["url"])
            self.assertEqual([monitor["name"] for monitor in job["actions"][2]["test"]["monitors"]], ["fsx", "console"])

    def test_what_a_job_names_is_there(self) -> None:
        self.export("lava")
        named = {path.name for path in self.to.glob("*.yaml")}
        for job in self.jobs().values():
            for image in job["actions"][0]["deploy"]["images"].values():
                address, _, name = image["url"].rpartition("/")
                self.assertEqual(address, "https://lab.example/jobs")
                data = (self.to / name).read_bytes()
                self.assertEqual(hashlib.sha256(data).hexdigest(), image["sha256sum"])
                self.assertEqual(image.get("compression"), "xz" if name.endswith(".xz") else None)
                if name.endswith(".xz"):
                    self.assertEqual(lzma.decompress(data), bytes(8 << 20))
                named.add(name)
        self.assertEqual({path.name for path in self.to.iterdir()}, named)

    def test_disks(self) -> None:
        """Blank ones of a size are one file, one with something on it is its row's own."""
        words = []
        for name, text in (("row", b""), ("notes", b""), ("made", b"a filesystem")):
            disk = self.dir / f"{name}.img"
            disk.write_bytes(text)
            os.truncate(disk, 4 << 20)
            words += ["-drive", f"if=none,id={name},file={disk},cache=unsafe", "-device", f"virtio-blk-pci,serial={name}"]
        self.to.mkdir()
        with unittest.mock.patch.dict(os.environ, self.env):
            images = yaml.safe_load(export_lava.disks(self.to, "fixes-base", words))
        self.assertEqual({label: image["url"].rpartition("/")[2] for label, image in images.items()}, {
            "disk_row": "blank-4M.img.xz", "disk_notes": "blank-4M.img.xz", "disk_made": "fixes-base-made.img.xz"})
        self.assertEqual(images["disk_notes"]["image_arg"],
                         "-drive if=none,id=notes,file={disk_notes},cache=unsafe -device virtio-blk-pci,serial=notes")
        made = lzma.decompress((self.to / "fixes-base-made.img.xz").read_bytes())
        self.assertEqual((made[:12], len(made)), (b"a filesystem", 4 << 20))

    def test_what_a_lab_cannot_have(self) -> None:
        run = self.dir / "run"
        run.mkdir()
        with self.assertRaisesRegex(export_lava.Unfit, "wants '-virtfs local,path=/x' of this machine"):
            export_lava.disks(run, "row", ["-virtfs", "local,path=/x"])
        self.assert_refused(self.verb("export-jobs", FORMAT="lava", ARTIFACTS="/srv"), "ARTIFACTS=/srv is no address")
        self.assert_refused(self.verb("export-jobs", FORMAT="lava", FS="nofs"), "no row can be a job")


class Console(Sandbox):
    """What init does without a port, with files in the place of the kernel's."""

    def tell(self, call: str, dmesg: str = "", taint: int = 0, stdin: str = "") -> str:
        text = (SCRIPTS / "guest/console.inc").read_text()
        for name in ("/dev/kmsg", "/proc/sys/kernel/tainted", "/sys/kernel/debug/kunit", "/tmp/splats"):
            text = text.replace(name, f"{self.dir}/{name.rpartition('/')[2]}")
        (self.dir / "kmsg").write_text("")
        (self.dir / "tainted").write_text(f"{taint}\n")
        (self.dir / "dmesg").write_text(dmesg)
        (self.dir / "printk").mkdir(exist_ok=True)
        text = text.replace("/proc/sys/kernel/printk_devkmsg", f"{self.dir}/printk/on").replace(">$", ">>$")
        text = text.replace(f">{self.dir}/kmsg", f">>{self.dir}/kmsg")
        script = self.dir / "script"
        script.write_text(f'dmesg() {{ cat "{self.dir}/dmesg"; }}\n{text}\n{call}\n')
        done = subprocess.run(["/bin/busybox", "sh", str(script)], input=stdin, text=True, capture_output=True, check=True)
        self.assertEqual(done.stderr, "")
        return (self.dir / "kmsg").read_text()

    def test_splats(self) -> None:
        for taint, line, verdict in (
                (0, "", "ok"), (1 << 12 | 1 << 13 | 1 << 18, "", "ok"),
                (512, "", "not ok"), (128, "", "not ok"), (32, "", "not ok"), (1 << 14, "", "not ok"),
                (0, "WARNING: possible circular locking dependency detected", "not ok"),
                (0, "BUG: KASAN: use-after-free", "not ok"), (0, "BUG kmalloc-8 (Tainted: G): Poison", "not ok"),
                (0, "INFO: task sh:1 blocked for more than 120 seconds.", "not ok"),
                (0, "rcu: INFO: rcu_preempt detected stalls", "not ok"), (0, "kmemleak: 2 new suspected", "not ok"),
                (0, "    # make: WARNING: mkfs says so", "ok"), (0, "fsx.WARNING", "ok")):
            for stamp in ("[    1.000000] ", "[  123.000000][   T12] "):
                with self.subTest(taint=taint, line=line):
                    told = self.tell("tell_splats", f"[    0.000000] Linux version 7.3\n{stamp}{line}\n", taint)
                    self.assertIn(f"    {verdict} 1 no_splat\n{verdict} 1 console\n", told)
                    self.assertEqual("# no_splat: " in told, verdict == "not ok")

    def test_files(self) -> None:
        ktap = "KTAP version 1\n1..1\n    # Subtest: fsx\n    ok 1 a\\b  c\nok 1 fsx\n"
        self.assertEqual(self.tell("tell_file ktap/fsx.ktap", stdin=ktap), ktap)
        self.assertEqual(self.tell("tell_file leaks.txt", stdin="one\n"), "# leaks.txt: one\n")
        self.assertEqual([*map(len, self.tell("tell_file ktap/x.ktap", stdin="x" * 5000 + "\n").split())], [900])
        (self.dir / "kunit/mm_split").mkdir(parents=True)
        self.assertEqual(self.tell("tell_file ktap/mm_split.ktap", stdin=ktap), "", "KUnit has told it itself")


# Of KCIDB's I/O schema 5.3: the members that we use, whether they must be there, and what they are.
ID, TEXT, TIME = r"[a-z0-9_]+:.*", r"[^\0]*", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:\d\d|Z)"
STATUS = "FAIL|ERROR|MISS|PASS|DONE|SKIP"
SCHEMA: dict[str, dict[str, Any]] = {
    "checkouts": {"id!": ID, "origin!": "[a-z0-9_]+", "comment": TEXT, "start_time": TIME, "valid": bool,
                  "git_commit_name": TEXT, "patchset_hash": "([0-9a-f]{64})?", "misc": dict},
    "builds": {"id!": ID, "origin!": "[a-z0-9_]+", "checkout_id!": ID, "architecture": "[a-z0-9_]*", "compiler": TEXT,
               "config_name": TEXT, "status": STATUS, "misc": dict},
    "tests": {"id!": ID, "origin!": "[a-z0-9_]+", "build_id!": ID, "path": r"([a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+)*)?",
              "comment": TEXT, "status": STATUS, "duration": (int, float), "log_excerpt": r"[^\0]{0,16384}",
              "environment": dict, "misc": dict}}


class Kcidb(Export):
    META = {"how": "module", "version": "7.3.4", "source": "package", "package": "7.3.4-1", "commit": "abc",
            "series_sha256": hash_series(SCRIPTS.parent / "patches/7.3"), "compiler": "gcc 12", "qemu": "QEMU 7.2",
            "accelerator": "tcg", "smp": 4, "seed": "1", "config": ""}

    def result(self, suite: str, *cases: Case, problem: str = "", verb: str = "scripts/qemu") -> dict[str, Any]:
        problems = [Problem(problem, "it went wrong")] if problem else []
        return as_json(Run("module", [Suite(suite, [*cases])], problems=problems,
                           meta=self.META | {"command": f"BASE='7.3' {verb}"}))

    def made(self, where: str, result: dict[str, Any] | None, verb: str = "scripts/qemu") -> Path:
        run = self.dir / where
        run.mkdir(parents=True, exist_ok=True)
        (run / "meta.json").write_text(json.dumps(self.META | {"command": f"BASE='7.3' {verb}"}))
        if result:
            (run / "results.json").write_text(json.dumps(result))
        return run

    def told(self, run: Path, **env: str) -> dict[str, dict[str, Any]]:
        """A report, which keeps the schema, by build and path."""
        report = json.loads(self.export("kcidb", RUN=str(run), **env))
        self.assertEqual(report.pop("version"), {"major": 5, "minor": 3})
        self.assertEqual({*report}, {*SCHEMA})
        self.report = report
        for kind, members in SCHEMA.items():
            ids = [each["id"] for each in report[kind]]
            self.assertEqual(len(ids), len({*ids}), f"an id of {kind} is there twice")
            for each in report[kind]:
                self.assertLessEqual({name[:-1] for name in members if name.endswith("!")}, {*each})
                self.assertEqual(each["origin"], each["id"].partition(":")[0])
                for name, value in each.items():
                    form = members.get(name, members.get(name + "!"))
                    self.assertIsNotNone(form, f"{kind} have no {name}")
                    if isinstance(form, str):
                        self.assertRegex(value, re.compile(rf"\A(?:{form})\Z", re.S), f"{kind}: {name}")
                    else:
                        self.assertIsInstance(value, form, f"{kind}: {name}")
        self.assertLessEqual({each["checkout_id"] for each in report["builds"]}, {each["id"] for each in report["checkouts"]})
        self.assertLessEqual({each["build_id"] for each in report["tests"]}, {each["id"] for each in report["builds"]})
        return {each["build_id"].rpartition(":")[2] + " " + each["path"]: each for each in report["tests"]}

    def matrix_run(self) -> Path:
        rows = ["kunit kunit - -", "xfs-16k-fsx fsx xfs-16k 1G xfsprogs", "tmpfs-fsx fsx tmpfs - ", "ext4-fsx fsx ext4 1G e"]
        run = self.made("20261121-101112-qemu-7.3", None)
        (run / "plan").write_text("\n".join(["base patched", *rows]) + "\n")
        bad, good = Case("punch", "fail", log=["# it was wrong"]), Case("make", "pass")
        self.made(f"{run.name}/rows/kunit/base", self.result("mm_split", Case("anon", "skip", "no THP"), good))
        self.made(f"{run.name}/rows/kunit/patched", self.result("mm_split", Case("anon", "pass"), good))
        self.made(f"{run.name}/rows/xfs-16k-fsx/base", self.result("fsx", good, bad))
        self.made(f"{run.name}/rows/xfs-16k-fsx/patched", self.result("fsx", good, Case("punch", "missing"), problem="crash"))
        for kernel in ("base", "patched"):
            (self.made(f"{run.name}/rows/tmpfs-fsx/{kernel}", None) / "skipped").write_text("the kernel lacks CONFIG_TMPFS\n")
        self.made(f"{run.name}/rows/ext4-fsx/base", self.result("fsx", good))
        return run

    def test_a_run_of_make_qemu(self) -> None:
        tests = self.told(self.matrix_run())
        self.assertEqual({name: test["status"] for name, test in tests.items()}, {
            "base kunit": "PASS", "base kunit.mm_split.anon": "SKIP", "base kunit.mm_split.make": "PASS",
            "base fsx.xfs-16k": "FAIL", "base fsx.xfs-16k.make": "PASS", "base fsx.xfs-16k.punch": "FAIL",
            "base fsx.tmpfs": "SKIP", "base fsx.ext4": "PASS", "base fsx.ext4.make": "PASS",
            "patched kunit": "PASS", "patched kunit.mm_split.anon": "PASS", "patched kunit.mm_split.make": "PASS",
            "patched fsx.xfs-16k": "FAIL", "patched fsx.xfs-16k.make": "PASS", "patched fsx.xfs-16k.punch": "MISS",
            "patched fsx.tmpfs": "SKIP", "patched fsx.ext4": "MISS"})
        self.assertEqual(tests["base fsx.xfs-16k.punch"]["log_excerpt"], "# it was wrong")
        self.assertEqual(tests["patched fsx.xfs-16k"]["misc"]["means"], "new failure")
        self.assertEqual(tests["base fsx.tmpfs"]["comment"], "the kernel lacks CONFIG_TMPFS")
        self.assertEqual(tests["base kunit.mm_split.anon"]["comment"], "no THP")

    def test_the_patches_of_each_kernel(self) -> None:
        self.told(self.matrix_run())
        shell = "grep -v '^#' series | sed '/^$/d;s/ .*//' | xargs sha256sum | cut -c-64 | sha256sum | cut -c-64"
        done = subprocess.run(["bash", "-c", shell], cwd=SCRIPTS.parent / "patches/7.3", text=True, capture_output=True,
                              check=True)
        self.assertEqual([each["patchset_hash"] for each in self.report["checkouts"]], ["", done.stdout.strip()])
        run = self.made("run", self.result("mm_split", Case("a", "pass")), "scripts/kunit-mod")
        (run / "meta.json").write_text(json.dumps(self.META | {"series_sha256": "0" * 64, "command": "scripts/kunit-mod"}))
        self.told(run)
        self.assertNotIn("patchset_hash", self.report["checkouts"][0], "the patches are no longer those of the run")
        for kernel, command in (("patched", "PATCHED='/k' scripts/qemu"), ("base", "PRISTINE='/k' scripts/qemu")):
            self.assertEqual(export_kcidb.patchset(kernel, self.META, command), {})

    def test_other_runs(self) -> None:
        for verb, arch in (("scripts/kunit", "i386"), ("scripts/kunit-mod", "x86_64")):
            run = self.made(verb[8:], self.result("mm_split", Case("a b", "pass", time=1.5), Case("a_b", "fail")),
                            f"ARCH='{arch}' {verb}")
            tests = self.told(run, ORIGIN="lab_1")
            self.assertEqual({*tests}, {"patched kunit", "patched kunit.mm_split.a_b"})
            self.assertEqual([test["status"] for test in self.report["tests"]], ["FAIL", "PASS", "FAIL"])
            self.assertEqual(self.report["tests"][1]["duration"], 1.5)
            self.assertEqual((self.report["builds"][0]["architecture"], self.report["builds"][0]["origin"]), (arch, "lab_1"))

    def test_a_verdict_is_never_better(self) -> None:
        for problem, status in (("crash", "FAIL"), ("timeout", "ERROR"), ("document", "ERROR")):
            run = self.made("run", self.result("mm_split", Case("a", "pass"), problem=problem), "scripts/kunit-mod")
            test = self.told(run)["patched kunit"]
            self.assertEqual((test["status"], test["log_excerpt"]), (status, "it went wrong"))
        (run / "results.json").unlink()
        self.assertEqual(self.told(run)["patched kunit"]["status"], "MISS")

    def test_parameters_and_long_logs(self) -> None:
        params = [Case("order 1", "pass"), Case("order 2", "fail", log=["x" * 20000 + "é\0the end"])]
        run = self.made("run", self.result("mm_split", Case("a", "fail", params=params)), "scripts/kunit-mod")
        test = self.told(run)["patched kunit.mm_split.a"]
        self.assertEqual(test["misc"], {"parameters": {"count": 2, "failed": ["order 2"]}})
        self.assertTrue(test["log_excerpt"].endswith("xéthe end"))
        self.assertLessEqual(len(test["log_excerpt"].encode()), 16384)

    def test_the_same_run_has_the_same_ids(self) -> None:
        run = self.matrix_run()
        self.assertEqual(self.export("kcidb", RUN=str(run)), self.export("kcidb", RUN=str(run)))
        os.rename(run, self.dir / "20261121-101113-qemu-7.3")
        again = self.dir / "20261121-101113-qemu-7.3"
        first = {test["id"] for test in self.report["tests"]} if self.told(again) else set()
        (again / "meta.json").write_text(json.dumps(self.META | {"command": "another", "series_sha256": ""}))
        self.told(again)
        self.assertFalse(first & {test["id"] for test in self.report["tests"]}, "two runs of one second share an id")

    def test_what_is_no_run(self) -> None:
        row = self.made("20261121-101112-qemu-7.3/rows/tmpfs-fsx/base", self.result("fsx", Case("a", "pass")))
        for run in (self.dir, row, self.dir / "gone"):
            self.assert_refused(self.verb("export-jobs", FORMAT="kcidb", RUN=str(run)), f"{run} is no run; name that")
        self.assert_refused(self.verb("export-jobs", FORMAT="kcidb"), "RUN=out/<run-id>")
        self.assert_refused(self.verb("export-jobs", FORMAT="kcidb", RUN=str(self.matrix_run()), ORIGIN="My-Lab"),
                            "ORIGIN=My-Lab: it may have small letters")
        (row / "meta.json").write_text("{")
        self.assert_refused(self.verb("export-jobs", FORMAT="kcidb", RUN=str(row)), "meta.json is not JSON")


if __name__ == "__main__":
    unittest.main()
