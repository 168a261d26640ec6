# SPDX-License-Identifier: GPL-2.0
"""apply, graft, refresh, series and bisectable on a made-up tree of two source files."""
from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[1]
MAKEFILE = "VERSION = 7\nPATCHLEVEL = 3\nSUBLEVEL = 4\nEXTRAVERSION =\n"
DEVELOPER = {"GIT_AUTHOR_NAME": "Ann Author", "GIT_AUTHOR_EMAIL": "ann@example.org",
             "GIT_COMMITTER_NAME": "Ann Author", "GIT_COMMITTER_EMAIL": "ann@example.org"}
GIT_SETTINGS = ("[am]\nthreeWay = true\nkeepcr = false\n[commit]\ngpgsign = true\n[core]\nautocrlf = true\n"
                "hooksPath = {hooks}\n[format]\nnumbered = true\nsignature = odd\nsubjectPrefix = ODD\nthread = true\n"
                "[diff]\nnoprefix = true\ncontext = 9\nalgorithm = patience\n")


# What every test starts from is made once.
TEMPLATES = tempfile.TemporaryDirectory(prefix="foliolab-test-")
TEMPLATE = Path(TEMPLATES.name) / "template"


def lines(prefix: str) -> str:
    """Sixty lines that are told apart."""
    return "".join(f"int {prefix}{number};\n" for number in range(1, 61))


class Fixture(unittest.TestCase):
    """A checkout with a series of three patches in two topics, and a kernel tree for KSRC."""

    def setUp(self) -> None:
        self.top = Path(tempfile.mkdtemp(prefix="foliolab-test-"))
        self.addCleanup(self.clean)
        self.root, self.ksrc = self.top / "root", self.top / "ksrc"
        self.tree = self.root / "build/linux-7.3"
        self.patches = self.root / "patches/7.3"
        self.record = self.root / "build/linux-7.3.applied"
        home = self.top / "home"
        (home / "hooks").mkdir(parents=True)
        (home / ".gitconfig").write_text(GIT_SETTINGS.format(hooks=home / "hooks"))
        for hook in ("pre-commit", "commit-msg", "applypatch-msg", "post-checkout"):
            (home / "hooks" / hook).write_text("#!/bin/sh\nexit 1\n")
            (home / "hooks" / hook).chmod(0o755)
        path = os.environ["PATH"]
        self.environment = {"PATH": path, "HOME": str(home), "KSRC": str(self.ksrc), "NO_COLOR": "1", "OFFLINE": "yes",
                            "FOLIOLAB_CACHE": str(self.top / "cache")}
        self.stamp = 1_700_000_000
        if TEMPLATE.is_dir():
            subprocess.run(["cp", "-a", *(TEMPLATE / name for name in ("root", "ksrc", "made")), self.top], check=True)
            return
        self.make_checkout()
        self.make_source()
        self.make_series()
        TEMPLATE.mkdir()
        subprocess.run(["cp", "-a", self.root, self.ksrc, self.top / "made", TEMPLATE], check=True)

    def start_applied(self) -> None:
        """As after `make apply`, which is run once and then copied."""
        built = TEMPLATE / "build"
        if not built.is_dir():
            self.run_verb("apply")
            (TEMPLATE / "top").write_text(str(self.top))
            subprocess.run(["cp", "-a", self.root / "build", TEMPLATE], check=True)
            return
        subprocess.run(["cp", "-a", built, self.root], check=True)
        for path in (self.record, self.root / "build/source-7.3.meta"):
            path.write_text(path.read_text().replace((TEMPLATE / "top").read_text(), str(self.top)))

    def clean(self) -> None:
        subprocess.run(["chmod", "-R", "u+w", self.top], check=True)
        shutil.rmtree(self.top)

    def make_checkout(self) -> None:
        shutil.copytree(SCRIPTS, self.root / "scripts", ignore=shutil.ignore_patterns("tests", "__pycache__"))
        (self.root / "kunit").mkdir()
        (self.root / "selftests").mkdir()
        for name in ("Kbuild", "Kconfig", "kunit/a_kunit.c", "selftests/a.c"):
            (self.root / name).write_text("# made up\n")
        self.patches.mkdir(parents=True)
        (self.patches / "BASE").write_text(
            "version=7.3.4\ntag=v7.3.4\ntarball=linux.tar.xz\nsha256=0\npackage=7.3.4-1\n")

    def make_source(self) -> None:
        (self.ksrc / "mm").mkdir(parents=True)
        (self.ksrc / "scripts").mkdir()
        for name, text in {"Makefile": MAKEFILE, "mm/Makefile": "obj-y += x.o y.o\n", "mm/x.c": lines("x"),
                           "mm/y.c": lines("y"), ".gitignore": ".*\n*.o\n", ".hidden": "kept\n"}.items():
            (self.ksrc / name).write_text(text)
        (self.ksrc / "scripts/checkpatch.pl").write_text(
            'my $p = $ARGV[-1]; open(F, $p); my $bad = grep {/^\\+.*BAD_STYLE/} <F>;\n'
            'print "ERROR:SPACING: bad style\\n#9: FILE: mm/x.c:5:\\n+bad\\n\\n" if $bad;\n'
            'print "total: $bad errors, 0 warnings, 0 checks, 1 lines checked\\n"; exit($bad ? 1 : 0);\n')

    def make_series(self) -> None:
        """Made in a tree of its own by git format-patch, as refresh writes it."""
        work = self.top / "work"
        shutil.copytree(self.ksrc, work)
        self.git("init", "-q", where=work)
        self.git("add", "-A", "-f", where=work)
        self.commit("pristine", where=work)
        self.edit("x5", "x5 = 5", tree=work)
        self.commit("mm: Fix x5", where=work)
        self.edit("y50", "y50 = 5", tree=work)
        self.commit("mm: Fix y50", where=work)
        (work / "mm/Makefile").write_text("obj-y += x.o y.o tests/folio/\n")
        self.commit("mm: Hook the suites", where=work)
        shutil.copytree(work, self.top / "made")
        listed = []
        for topic, span in (("10-fixes", "HEAD~3..HEAD~1"), ("90-kunit", "HEAD~1..HEAD")):
            listed.append(f"# {topic}: title of {topic}")
            self.git("format-patch", "-q", "--zero-commit", "--no-signature", "-N", "--abbrev=12", "--stat=72",
                            "-o", self.patches / topic, span, where=work)
            (self.patches / topic / "0000-cover-letter.patch").write_text(f"Subject: [PATCH 0/1] {topic}\n")
            listed += sorted(f"{topic}/{path.name}" for path in (self.patches / topic).glob("*.patch")
                             if "0000" not in path.name)
        (self.patches / "series").write_text("# Top comment\n\n" + "\n".join(listed) + "\n")

    def git(self, *arguments: str | Path, where: Path | None = None) -> str:
        self.stamp += 60
        date = {"GIT_AUTHOR_DATE": f"{self.stamp} +0100", "GIT_COMMITTER_DATE": f"{self.stamp} +0100"}
        environment = {"PATH": self.environment["PATH"], "HOME": "/nonexistent", "GIT_EDITOR": "true"} | DEVELOPER | date
        if "rebase" in arguments or "am" in arguments:
            del environment["GIT_AUTHOR_DATE"]
        done = subprocess.run(["git", *arguments], cwd=where or self.tree, env=environment, check=True,
                              capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, subject: str, *more: str, where: Path | None = None) -> None:
        body = f"{subject}\n\nBecause of reasons; na\u00efve ones.\n\nSigned-off-by: Ann Author <ann@example.org>\n"
        self.git("commit", "-q", "-a", "-m", body, *more, where=where)

    def edit(self, old: str, new: str, tree: Path | None = None) -> None:
        """Of the form x5: the letter says which file."""
        path = (tree or self.tree) / f"mm/{old[0]}.c"
        text = path.read_text()
        self.assertIn(f"int {old};", text)
        path.write_text(text.replace(f"int {old};", f"int {new};"))

    def run_verb(self, verb: str, *arguments: str, code: int = 0, **environment: str) -> str:
        """Runs it and returns what it said; its exit code must be `code`."""
        done = subprocess.run([self.root / "scripts" / verb, *arguments], env=self.environment | environment,
                              cwd=self.top, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        self.assertEqual(done.returncode, code, done.stdout)
        return done.stdout

    def snapshot(self, directory: Path) -> dict[str, tuple[str, int]]:
        """Every file with its content and its time."""
        return {str(path.relative_to(directory)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
                for path in sorted(directory.rglob("*")) if path.is_file() and not path.is_symlink()}

    def contents(self) -> dict[str, str]:
        return {name: sha for name, (sha, _) in self.snapshot(self.patches).items()}

    def subjects(self) -> list[str]:
        return self.git("log", "--reverse", "--format=%s", "pristine..HEAD").splitlines()

    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def series_names(self) -> list[str]:
        return [line for line in (self.patches / "series").read_text().splitlines() if line and line[0] != "#"]

    def change_patch(self, name: str, old: str, new: str) -> None:
        path = next(self.patches.glob(name))
        self.assertIn(old, path.read_text())
        path.write_text(path.read_text().replace(old, new))

    def assert_no_leftovers(self) -> None:
        left = [path.name for path in self.tree.parent.iterdir()]
        self.assertEqual(sorted(left), [".lock", "linux-7.3", "linux-7.3.applied", "source-7.3.meta"])


class Apply(Fixture):
    """The tree is the series, always whole, and nobody's work is lost."""

    def test_fresh(self) -> None:
        self.run_verb("apply")
        self.assertEqual(self.subjects(), ["mm: Fix x5", "mm: Fix y50", "mm: Hook the suites"])
        self.assertEqual(self.git("log", "-1", "--format=%s", "pristine"), "Linux 7.3.4")
        self.assertEqual(self.git("rev-parse", "refs/foliolab/base"), self.git("rev-parse", "pristine"))
        self.assertEqual(self.git("show", "pristine:.hidden"), "kept")
        self.assertEqual(self.git("status", "--porcelain"), "")
        self.assertTrue((self.tree / "mm/tests/folio/kunit/a_kunit.c").is_file())
        self.assert_no_leftovers()

    def test_same_ids_again(self) -> None:
        self.run_verb("apply")
        first = self.head()
        shutil.rmtree(self.tree)
        self.run_verb("apply")
        self.assertEqual(self.head(), first)

    def test_warm_touches_nothing(self) -> None:
        self.start_applied()
        (self.root / "build/.lock").unlink()
        before = self.snapshot(self.root / "build")
        self.assertIn("up to date", self.run_verb("apply"))
        (self.root / "build/.lock").unlink()
        self.assertEqual(self.snapshot(self.root / "build"), before)

    def test_changed_series_keeps_prefix(self) -> None:
        self.start_applied()
        first = self.git("rev-list", "--reverse", "pristine..HEAD").splitlines()
        before = self.snapshot(self.tree / "mm")
        self.change_patch("10-fixes/0002-*", "y50 = 5", "y50 = 6")
        self.assertIn("1 patches kept, 2 applied", self.run_verb("apply"))
        second = self.git("rev-list", "--reverse", "pristine..HEAD").splitlines()
        self.assertEqual(second[0], first[0])
        self.assertNotEqual(second[1:], first[1:])
        after = self.snapshot(self.tree / "mm")
        self.assertEqual([name for name in before if before[name] != after[name]], ["y.c"])
        self.assert_no_leftovers()

    def test_shorter_and_empty_series(self) -> None:
        self.start_applied()
        for name in ("mm/Makefile", "mm/y.c"):
            os.utime(self.tree / name, (1, 1))
        (self.patches / "series").write_text(self.series_names()[0] + "\n")
        self.run_verb("apply")
        self.assertEqual(self.subjects(), ["mm: Fix x5"])
        (self.patches / "series").write_text("")
        self.run_verb("apply")
        self.assertEqual(self.head(), self.git("rev-parse", "pristine"))

    def test_failing_patch_is_named(self) -> None:
        self.start_applied()
        before, head = self.snapshot(self.tree), self.head()
        self.change_patch("10-fixes/0002-*", " int y48;", " int z48;")
        said = self.run_verb("apply", code=2)
        self.assertIn("10-fixes/0002-mm-Fix-y50.patch does not apply: mm/y.c, hunk 1 of 1 (@@ -47,7", said)
        self.assertEqual(self.snapshot(self.tree / "mm"), {name[3:]: seen for name, seen in before.items()
                                                           if name.startswith("mm/")})
        self.assertEqual(self.head(), head)
        self.assert_no_leftovers()

    def test_failing_first_time_leaves_pristine(self) -> None:
        self.change_patch("10-fixes/0002-*", " int y48;", " int z48;")
        self.run_verb("apply", code=2)
        self.assertEqual(self.head(), self.git("rev-parse", "pristine"))
        self.assertEqual(self.git("status", "--porcelain"), "")
        self.change_patch("10-fixes/0002-*", " int z48;", " int y48;")
        self.assertNotIn("UNPACK", self.run_verb("apply"))
        self.assertEqual(len(self.subjects()), 3)

    def test_hooks_of_the_tree_do_not_run(self) -> None:
        self.start_applied()
        (self.tree / ".git/hooks").mkdir(exist_ok=True)
        for hook in ("applypatch-msg", "pre-applypatch", "post-checkout", "commit-msg"):
            shutil.copy(self.top / "home/hooks/commit-msg", self.tree / ".git/hooks" / hook)
        self.change_patch("10-fixes/0002-*", "y50 = 5", "y50 = 6")
        self.run_verb("apply")

    def test_half_unpacked_source_is_thrown_away(self) -> None:
        (self.root / "build/linux-7.3.tmp").mkdir(parents=True)
        (self.root / "build/linux-7.3.tmp/stray.c").write_text("half\n")
        self.run_verb("apply")
        self.assertFalse((self.tree / "stray.c").exists())
        self.assert_no_leftovers()

    def test_missing_file_and_garbage(self) -> None:
        self.start_applied()
        self.change_patch("90-kunit/0001-*", "mm/Makefile", "mm/Nofile")
        self.assertIn("mm/Nofile is not in the tree", self.run_verb("apply", code=2))
        next(self.patches.glob("90-kunit/0001-*")).write_text("garbage\n")
        self.assertIn("90-kunit/0001-mm-Hook-the-suites.patch does not apply", self.run_verb("apply", code=2))
        next(self.patches.glob("90-kunit/0001-*")).unlink()
        self.assertIn("which is missing", self.run_verb("apply", code=2))
        self.assertEqual(len(self.subjects()), 3)

    def test_dirty_tree_is_refused_and_kept(self) -> None:
        self.start_applied()
        self.edit("x30", "x30 = 1")
        self.assertIn("up to date", self.run_verb("apply"))
        self.change_patch("10-fixes/0002-*", "y50 = 5", "y50 = 6")
        said = self.run_verb("apply", code=2)
        self.assertIn("build/linux-7.3 holds uncommitted changes not in patches/: run 'make refresh'", said)
        self.run_verb("apply", FORCE="yes")
        self.assertEqual(self.git("status", "--porcelain"), "")
        self.assertIn("x30 = 1", self.git("show", "dropped-1:mm/x.c"))
        self.assertIn("y50 = 6", (self.tree / "mm/y.c").read_text())

    def test_extra_commits_are_refused_and_kept(self) -> None:
        self.start_applied()
        applied = self.head()
        for name in ("x30", "x40"):
            self.edit(name, f"{name} = 1")
            self.commit(f"mm: Set {name}")
        extra = self.head()
        self.assertIn("holds 2 commits not in patches/", self.run_verb("apply", code=2))
        self.assertEqual(self.head(), extra)
        self.run_verb("apply", FORCE="yes")
        self.assertEqual((self.git("rev-parse", "dropped-1"), self.head()), (extra, applied))
        self.edit("x30", "x30 = 2")
        self.run_verb("apply", FORCE="yes")
        self.assertIn("x30 = 2", self.git("show", "dropped-2:mm/x.c"))

    def test_unfinished_rebase_is_refused(self) -> None:
        self.start_applied()
        (self.tree / ".git/rebase-merge").mkdir()
        self.assertIn("middle of a rebase", self.run_verb("apply", code=2, FORCE="yes"))
        self.assertIn("middle of a rebase", self.run_verb("refresh", code=2))

    def test_untracked_file_in_the_way(self) -> None:
        self.start_applied()
        head = self.head()
        (self.tree / "mm/new.c").write_text("mine\n")
        (self.patches / "90-kunit/0002-new.patch").write_text(
            "From 0 Mon Sep 17 00:00:00 2001\nFrom: A <a@b.c>\nDate: Fri, 20 Nov 2026 19:15:20 +0000\nSubject: mm: New\n"
            "\n---\ndiff --git a/mm/new.c b/mm/new.c\nnew file mode 100644\n--- /dev/null\n+++ b/mm/new.c\n"
            "@@ -0,0 +1 @@\n+theirs\n")
        with (self.patches / "series").open("a") as series:
            series.write("90-kunit/0002-new.patch\n")
        self.assertIn("in the way", self.run_verb("apply", code=2))
        self.assertEqual(((self.tree / "mm/new.c").read_text(), self.head()), ("mine\n", head))
        (self.tree / "mm/new.c").unlink()
        self.run_verb("apply")
        self.assertEqual((self.tree / "mm/new.c").read_text(), "theirs\n")

    def test_killed_in_the_middle(self) -> None:
        """Killed once inside each git command of a first apply; the next run mends it."""
        stub = self.top / "bin/git"
        stub.parent.mkdir()
        real = shutil.which("git")
        for at in ("write-tree", "am", "read-tree", "reset", "update-ref refs/foliolab/series"):
            stub.write_text(f'#!/bin/bash\ncase " $* " in *" {at} "*)\n\tcase " $* " in *" reset "*|*" am "*) {real} "$@" ;; esac\n'
                            '\tkill -KILL $PPID; sleep 0.2; exit 1 ;;\nesac\n'
                            f'exec {real} "$@"\n')
            stub.chmod(0o755)
            with self.subTest(at):
                shutil.rmtree(self.root / "build", ignore_errors=True)
                done = subprocess.run([self.root / "scripts/apply"], capture_output=True, check=False,
                                      env=self.environment | {"PATH": f"{stub.parent}:{self.environment['PATH']}"})
                self.assertNotEqual(done.returncode, 0)
                time.sleep(0.3)
                self.run_verb("apply")
                self.assertEqual(len(self.subjects()), 3)
                self.assertEqual(self.git("status", "--porcelain"), "")
                self.assert_no_leftovers()

    def test_killed_while_files_move(self) -> None:
        """The journal is there, half of the files are the new ones, an index.lock is left."""
        self.start_applied()
        old = self.head()
        record = self.record.read_text()
        self.change_patch("10-fixes/0002-*", "y50 = 5", "y50 = 6")
        self.run_verb("apply")
        new = self.head()
        shutil.copy(self.record, self.record.with_name("linux-7.3.applied.new"))
        self.record.write_text(record)
        self.git("reset", "-q", "--hard", old)
        self.edit("y50 = 5", "y50 = 6")
        (self.tree / ".git/index.lock").touch()
        self.run_verb("apply")
        self.assertEqual((self.head(), self.git("status", "--porcelain")), (new, ""))

    def test_two_runs_at_once(self) -> None:
        (self.root / "build").mkdir()
        with (self.root / "build/.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for verb in ("apply", "refresh", "check-patches", "bisectable"):
                self.assertIn("another run is using", self.run_verb(verb, code=2))

    def test_full_disk(self) -> None:
        stub = self.top / "bin/df"
        stub.parent.mkdir()
        stub.write_text("#!/bin/sh\necho head; echo /dev/x 1 1 1048576 99% /\n")
        stub.chmod(0o755)
        said = self.run_verb("apply", code=2, PATH=f"{stub.parent}:{self.environment['PATH']}")
        self.assertIn("has 1 GiB free and 8 are needed", said)
        self.assertFalse(self.tree.exists())

    def test_foreign_directory_is_left_alone(self) -> None:
        self.tree.mkdir(parents=True)
        (self.tree / "mine").touch()
        self.assertIn("was not made by 'make apply'", self.run_verb("apply", code=2, FORCE="yes"))
        self.assertTrue((self.tree / "mine").exists())

    def test_pristine_work_tree(self) -> None:
        self.run_verb("apply", "--pristine")
        pristine = self.root / "build/pristine/linux-7.3"
        self.assertEqual((pristine / "mm/x.c").read_text(), lines("x"))
        self.run_verb("apply", "--pristine")
        (pristine / "mm/x.c").write_text("changed\n")
        self.assertIn("must stay pristine", self.run_verb("apply", "--pristine", code=2))

    def test_base_without_series(self) -> None:
        (self.ksrc / "Makefile").write_text(MAKEFILE.replace("7", "6").replace("= 3", "= 12"))
        self.run_verb("apply", BASE="6.12")
        tree = self.root / "build/linux-6.12"
        self.assertEqual(self.git("log", "--format=%s", where=tree), "Linux 6.12.4")
        self.assertIn("no series for 6.12", self.run_verb("refresh", code=2, BASE="6.12"))


class Source(Fixture):
    """The user's source is only read."""

    def make_git_source(self) -> None:
        self.git("init", "-q", where=self.ksrc)
        self.git("add", "-A", "-f", where=self.ksrc)
        self.commit("theirs", where=self.ksrc)

    def test_git_tree_is_unchanged(self) -> None:
        self.make_git_source()
        (self.ksrc / "mm/x.c").write_text("dirty\n")
        self.git("config", "core.autocrlf", "true", where=self.ksrc)
        os.utime(self.ksrc / "mm/y.c", (1, 1))
        before = self.snapshot(self.ksrc)
        self.assertIn("uncommitted changes; only its HEAD", self.run_verb("apply"))
        self.assertEqual(self.snapshot(self.ksrc), before)
        self.assertEqual(self.git("show", "pristine:mm/x.c") + "\n", lines("x"))
        self.assertEqual(len(self.subjects()), 3)

    def test_read_only_tree(self) -> None:
        subprocess.run(["chmod", "-R", "a-w", self.ksrc], check=True)
        before = self.snapshot(self.ksrc)
        self.run_verb("apply")
        self.assertEqual(self.snapshot(self.ksrc), before)
        for name in ("mm", "mm/x.c"):
            self.assertTrue((self.tree / name).stat().st_mode & 0o200, name)

    def test_wrong_version(self) -> None:
        (self.ksrc / "Makefile").write_text(MAKEFILE.replace("= 3", "= 2"))
        said = self.run_verb("apply", code=2)
        self.assertIn("7.2.4", said)
        self.assertFalse(self.tree.exists())

    def test_no_merge_makes_a_patch_fit(self) -> None:
        """The repository holds all that a three-way merge would want, and still the patch must fit as it is."""
        self.make_git_source()
        self.run_verb("apply")
        head = self.head()
        self.edit("y47", "y47 = 1", tree=self.ksrc)
        self.commit("newer", where=self.ksrc)
        self.assertIn("10-fixes/0002-mm-Fix-y50.patch does not apply: mm/y.c, hunk 1", self.run_verb("apply", code=2))
        self.assertEqual(self.head(), head)
        self.assert_no_leftovers()

    def test_tarball(self) -> None:
        tarball = self.top / "linux.tar.gz"
        subprocess.run(["tar", "-czf", tarball, "--transform=s,^ksrc,linux-7.3.4,", "ksrc"], cwd=self.top, check=True)
        self.run_verb("apply", KSRC=str(tarball))
        self.assertEqual(len(self.subjects()), 3)
        self.assert_no_leftovers()

    def test_another_source_keeps_times_and_work(self) -> None:
        self.make_git_source()
        self.run_verb("apply")
        self.git("branch", "mine")
        before, old = self.snapshot(self.tree / "mm"), self.git("rev-parse", "pristine")
        self.edit("y1", "y1 = 7", tree=self.ksrc)
        self.commit("newer", where=self.ksrc)
        self.run_verb("apply")
        after = self.snapshot(self.tree / "mm")
        self.assertEqual([name for name in before if before[name] != after[name]], ["y.c"])
        self.assertNotEqual(self.git("rev-parse", "pristine"), old)
        self.assertEqual(len(self.subjects()), 3)
        self.git("rev-parse", "mine")
        self.assert_no_leftovers()


class Refresh(Fixture):
    """patches/ is a function of the commits; topics stay with their patches."""

    def setUp(self) -> None:
        super().setUp()
        self.start_applied()
        self.before = self.contents()

    def rebase(self, script: str) -> None:
        """Reorders by an editor that is a sed script."""
        self.git("-c", f"sequence.editor=sed -i -e '{script}'", "rebase", "-q", "-i", "pristine")

    def assert_settled(self) -> None:
        """Nothing is left to do, and a new apply gives the same commits' content."""
        settled, tree = self.contents(), self.git("rev-parse", "HEAD^{tree}")
        self.assertIn("up to date", self.run_verb("apply"))
        shutil.rmtree(self.root / "build")
        self.run_verb("apply")
        self.assertEqual(self.git("rev-parse", "HEAD^{tree}"), tree)
        self.assertIn("nothing changed", self.run_verb("refresh"))
        self.assertEqual(self.contents(), settled)

    def test_stable_to_the_byte(self) -> None:
        for name, value in (("format.signature", "odd"), ("diff.context", "9"), ("diff.noprefix", "true"),
                            ("format.headers", "X-Odd: 1"), ("diff.algorithm", "patience"), ("core.abbrev", "20")):
            self.git("config", name, value)
        self.assertIn("nothing changed", self.run_verb("refresh"))
        self.assertEqual(self.contents(), self.before)
        self.assert_settled()
        self.assertEqual(self.contents(), self.before)

    def test_amend(self) -> None:
        self.edit("x60", "x60 = 1")
        self.commit("mm: Hook all suites", "--amend")
        self.run_verb("refresh")
        self.assertEqual(self.series_names()[2], "90-kunit/0001-mm-Hook-all-suites.patch")
        self.assertFalse((self.patches / "90-kunit/0001-mm-Hook-the-suites.patch").exists())
        self.assertEqual({name: sha for name, sha in self.contents().items() if name.startswith("10-")},
                         {name: sha for name, sha in self.before.items() if name.startswith("10-")})
        self.assert_settled()

    def test_reword_of_first_in_topic_keeps_topic(self) -> None:
        date = self.git("log", "-1", "--format=%ad", "--date=raw")
        self.git("commit", "-q", "--amend", "-m", "mm: Other words", f"--date={date}")
        self.run_verb("refresh")
        self.assertEqual(self.series_names()[2], "90-kunit/0001-mm-Other-words.patch")

    def test_insert(self) -> None:
        self.edit("x30", "x30 = 1")
        self.commit("mm: Set x30")
        self.rebase("1{h;d};2{H;d};3{H;d};4G")
        self.assertEqual(self.subjects()[0], "mm: Set x30")
        self.rebase("1{h;d};2G")
        self.assertEqual(self.subjects()[:2], ["mm: Fix x5", "mm: Set x30"])
        self.run_verb("refresh")
        self.assertEqual(self.series_names()[:3], ["10-fixes/0001-mm-Fix-x5.patch", "10-fixes/0002-mm-Set-x30.patch",
                                                   "10-fixes/0003-mm-Fix-y50.patch"])
        self.assert_settled()

    def test_drop(self) -> None:
        self.rebase("1d")
        self.run_verb("refresh")
        self.assertEqual(self.series_names(), ["10-fixes/0001-mm-Fix-y50.patch", "90-kunit/0001-mm-Hook-the-suites.patch"])
        self.assert_settled()

    def test_drop_of_a_whole_topic_keeps_its_cover_letter(self) -> None:
        self.rebase("3d")
        self.assertIn("90-kunit has no patch left", self.run_verb("refresh"))
        self.assertTrue((self.patches / "90-kunit/0000-cover-letter.patch").exists())

    def test_reorder(self) -> None:
        self.rebase("1{h;d};2G")
        self.run_verb("refresh")
        self.assertEqual((self.patches / "series").read_text(),
                         "# Top comment\n\n# 10-fixes: title of 10-fixes\n10-fixes/0001-mm-Fix-y50.patch\n"
                         "10-fixes/0002-mm-Fix-x5.patch\n# 90-kunit: title of 90-kunit\n"
                         "90-kunit/0001-mm-Hook-the-suites.patch\n")
        self.assert_settled()

    def test_reorder_across_topics_is_refused(self) -> None:
        self.rebase("2{h;d};3G")
        said = self.run_verb("refresh", code=2)
        self.assertIn("'mm: Fix y50' of 10-fixes comes after a patch of 90-kunit", said)
        self.assertEqual(self.contents(), self.before)

    def test_new_commit_takes_the_topic_before_it(self) -> None:
        self.edit("x30", "x30 = 1")
        self.commit("mm: Set x30")
        self.run_verb("refresh")
        self.assertEqual(self.series_names()[3], "90-kunit/0002-mm-Set-x30.patch")

    def test_new_topic(self) -> None:
        self.edit("x30", "x30 = 1")
        self.commit("mm: Set x30")
        self.rebase("3{h;d};4G")
        self.edit("x40", "x40 = 1")
        self.commit("mm: Set x40")
        self.rebase("2{h;d};3{H;d};4{H;d};5G")
        self.run_verb("refresh", TOPIC="60-mapping")
        self.assertEqual(self.series_names(), [
            "10-fixes/0001-mm-Fix-x5.patch", "10-fixes/0002-mm-Set-x40.patch", "10-fixes/0003-mm-Fix-y50.patch",
            "60-mapping/0001-mm-Set-x30.patch", "90-kunit/0001-mm-Hook-the-suites.patch"])
        self.assert_settled()
        self.assertIn("no new commit", self.run_verb("refresh", code=2, TOPIC="70-more"))
        self.assertIn("NN-name", self.run_verb("refresh", code=2, TOPIC="more"))

    def test_file_moved_by_hand(self) -> None:
        shutil.move(self.patches / "10-fixes/0002-mm-Fix-y50.patch", self.patches / "90-kunit/0009-mm-Fix-y50.patch")
        series = self.patches / "series"
        text = series.read_text().replace("10-fixes/0002-mm-Fix-y50.patch\n", "")
        series.write_text(text.replace("90-kunit/0001", "90-kunit/0009-mm-Fix-y50.patch\n90-kunit/0001"))
        self.assertIn("3 patches kept, 0 applied", self.run_verb("apply"))
        self.run_verb("refresh")
        self.assertEqual(self.series_names(), ["10-fixes/0001-mm-Fix-x5.patch", "90-kunit/0001-mm-Fix-y50.patch",
                                               "90-kunit/0002-mm-Hook-the-suites.patch"])

    def test_dirty_is_refused(self) -> None:
        self.edit("x30", "x30 = 1")
        self.assertIn("uncommitted changes", self.run_verb("refresh", code=2))

    def test_edited_patches_are_not_written_over(self) -> None:
        self.change_patch("10-fixes/0002-*", "y50 = 5", "y50 = 6")
        edited = self.contents()
        self.assertIn("0002-mm-Fix-y50.patch was edited", self.run_verb("refresh", code=2))
        self.assertEqual(self.contents(), edited)
        self.run_verb("refresh", FORCE="yes")
        self.assertEqual(self.contents(), self.before)

    def test_cut_short_is_mended(self) -> None:
        """Some files are the new ones; the record and the series are the old."""
        self.rebase("1d")
        record, series = self.record.read_text(), (self.patches / "series").read_text()
        self.run_verb("refresh")
        done = self.contents()
        self.record.write_text(record)
        (self.patches / "series").write_text(series)
        self.run_verb("refresh")
        self.assertEqual(self.contents(), done)

    def test_message_that_am_would_cut(self) -> None:
        self.edit("x30", "x30 = 1")
        self.git("commit", "-qam", "mm: Set x30\n\nText\n---\nlost\n")
        self.assertIn("git am cuts", self.run_verb("refresh", code=2))

    def test_series_table(self) -> None:
        said = self.run_verb("series")
        self.assertRegex(said, r"10-fixes +0002 +\+1 +-1 +1 +mm: Fix y50")
        self.assertRegex(said, r"total +3 +\+3 +-3 +3")


class Graft(Fixture):
    """The suites come into a tree, and leave it."""

    def setUp(self) -> None:
        super().setUp()
        self.other = self.top / "made"
        self.part = self.other / "mm/tests/folio"

    def test_link_copy_remove(self) -> None:
        self.run_verb("graft", str(self.other))
        self.assertEqual(os.readlink(self.part / "kunit"), str(self.root / "kunit"))
        self.assertEqual(self.git("status", "--porcelain", where=self.other), "")
        self.run_verb("graft", str(self.other), "--copy")
        self.assertFalse((self.part / "kunit").is_symlink())
        before = self.snapshot(self.part)
        self.assertIn("kunit/a_kunit.c", before)
        self.run_verb("graft", str(self.other), "--copy")
        self.assertEqual(self.snapshot(self.part), before)
        self.run_verb("graft", str(self.other), "--remove")
        self.assertFalse(self.part.exists())
        self.assertTrue((self.root / "kunit/a_kunit.c").exists())

    def test_selftests(self) -> None:
        part = self.other / "tools/testing/selftests/folio"
        self.run_verb("graft", str(self.other))
        self.assertFalse(part.is_symlink(), "make would look for lib.mk beside the link's target")
        self.assertEqual(os.readlink(part / "a.c"), str(self.root / "selftests/a.c"))
        self.assertEqual(self.git("status", "--porcelain", where=self.other), "")
        self.run_verb("graft", str(self.other), "--copy")
        self.assertFalse((part / "a.c").is_symlink())
        self.run_verb("graft", str(self.other), "--remove")
        self.assertFalse(part.exists())

    def test_without_hooks(self) -> None:
        self.assertIn("no hooks", self.run_verb("graft", str(self.ksrc), code=2))
        self.assertIn("not a kernel tree", self.run_verb("graft", str(self.top), code=2))
        self.assertIn("which tree", self.run_verb("graft", code=2))


class Bisectable(Fixture):
    """With a compiler that is grep."""

    def setUp(self) -> None:
        super().setUp()
        self.build = self.top / "build-stub"
        self.set_build("x5 = 99", "y50 = 99")

    def set_build(self, error: str, warning: str) -> None:
        """`error` in x.c does not build; `warning` in y.c warns."""
        self.build.write_text(
            "#!/bin/bash\nmkdir -p $OUT; git -C $TREE log -1 --format=%s >>$OUT/../built\n"
            f"grep -q '{warning}' $TREE/mm/y.c && echo 'mm/y.c:50:1: warning: odd' >>$OUT/build.log\n"
            f"if grep -q '{error}' $TREE/mm/x.c; then echo 'mm/x.c:5: error: bad' >&2; exit 2; fi\n")
        self.build.chmod(0o755)

    def bisect(self, code: int = 0, **environment: str) -> str:
        return self.run_verb("bisectable", code=code, FOLIOLAB_BUILD=str(self.build), **environment)

    def test_all_good(self) -> None:
        self.assertEqual(self.bisect().splitlines()[-1], "3 passed, 0 failed")
        self.assertEqual((self.root / "build/bisect/out/built").read_text().splitlines(),
                         ["Linux 7.3.4", "mm: Fix x5", "mm: Fix y50", "mm: Hook the suites"])

    def test_error_names_the_first(self) -> None:
        self.set_build("x5 = 5", "never")
        said = self.bisect(code=1)
        self.assertIn("FAIL 1 10-fixes/0001-mm-Fix-x5.patch: does not build: mm/x.c:5: error: bad", said)
        self.assertTrue(said.endswith("0 passed, 1 failed\n"))

    def test_warning_names_the_first(self) -> None:
        self.set_build("never", "y50 = 5")
        self.assertIn("FAIL 2 10-fixes/0002-mm-Fix-y50.patch: warns: mm/y.c: warning: odd", self.bisect(code=1))
        self.assertIn("1 passed, 0 failed", self.bisect(FROM="3"))
        self.assertIn("FAIL 2 ", self.bisect(code=1))

    def test_old_warning_is_not_held_against_a_patch(self) -> None:
        self.set_build("never", "int y1;")
        self.bisect()

    def test_range(self) -> None:
        self.start_applied()
        said = self.bisect(FROM="0002-mm-Fix-y50.patch", TO=self.head())
        self.assertIn("2 passed, 0 failed", said)
        self.assertIn("ok   2 10-fixes/0002", said)
        self.assertIn("is no patch of the series", self.bisect(code=2, FROM="9"))
        self.assertIn("nothing lies between", self.bisect(code=2, FROM="3", TO="1"))


if __name__ == "__main__":
    unittest.main()
