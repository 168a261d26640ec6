# SPDX-License-Identifier: GPL-2.0
"""scripts/fetch and the Debian download it stands on."""

import os
import signal
import subprocess
import tarfile
import time
import unittest
from pathlib import Path

from sandbox import SCRIPTS, Sandbox, tree_listing

BASE = dict(line.split("=", 1) for line in (SCRIPTS.parent / "patches/7.3/BASE").read_text().splitlines())
DEBIAN = "Types: deb\nURIs: http://mirror/debian\nSuites: bookworm bookworm-updates\nComponents: main\nSigned-By: /k.gpg\n"


class FetchSandbox(Sandbox):
    def setUp(self) -> None:
        super().setUp()
        self.cache.mkdir()
        sources = self.dir / "etc/sources.list.d"
        sources.mkdir(parents=True)
        (sources / "debian.sources").write_text(DEBIAN)
        self.env["APT_ETC"] = str(self.dir / "etc")

    def tree(self, version: str = BASE["version"], name: str = "linux") -> Path:
        """As little of a kernel tree as can be, of that version."""
        major, minor, sub = version.split(".")
        sub, dash, extra = sub.partition("-")
        tree = self.dir / name
        (tree / "Documentation").mkdir(parents=True)
        (tree / "Documentation/Makefile").write_text("# no version here\n")
        (tree / "Makefile").write_text(
            f"# SPDX\nVERSION = {major}\nPATCHLEVEL = {minor}\nSUBLEVEL = {sub}\nEXTRAVERSION = {dash}{extra}\n"
            "NAME = Baby\n\nVERSION = 1\n"
        )
        return tree

    def tarball(self, name: str, tree: Path, top: str = "linux/", command: str = "") -> Path:
        tarball = self.dir / name
        plain = self.dir / "plain.tar"
        with tarfile.open(plain, "w") as archive:
            for file in ("Documentation/Makefile", "Makefile"):
                archive.add(tree / file, top + file)
        if command:
            tarball.write_bytes(subprocess.run([command, "-c", str(plain)], check=True, capture_output=True).stdout)
            plain.unlink()
        else:
            plain.rename(tarball)
        return tarball

    def meta(self, base: str = "7.3") -> dict[str, str]:
        lines = (self.build / f"source-{base}.meta").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def cached(self) -> list[str]:
        """What lies in the cache, apart from the lock."""
        return sorted(path.name for path in self.cache.iterdir() if path.name != ".lock")


class OwnSourceTest(FetchSandbox):
    def fetch(self, source: Path | str, **env: str) -> subprocess.CompletedProcess[str]:
        return self.verb("fetch", KSRC=str(source), **env)

    def test_tree(self) -> None:
        tree = self.tree()
        before = tree_listing(tree)
        done = self.fetch(tree)
        self.assert_ok(done)
        self.assertEqual(len(done.stdout.splitlines()), 1)
        self.assertEqual(
            self.meta(),
            {"kind": "tree", "path": str(tree), "version": BASE["version"], "package": "", "sha256": ""},
        )
        self.assertEqual(tree_listing(tree), before)

    def test_path_below_home(self) -> None:
        self.tree()
        self.assert_ok(self.fetch("~/linux"))
        self.assertEqual(self.meta()["path"], str(self.dir / "linux"))

    def test_release_candidate(self) -> None:
        self.fetch(self.tree("7.3.0-rc5"))
        self.assertEqual(self.meta()["version"], "7.3.0-rc5")

    def test_tree_of_another_version(self) -> None:
        self.assert_refused(self.fetch(self.tree("7.2.4")), "is Linux 7.2.4", "wants 7.3.y")
        self.assert_refused(self.fetch(self.tree("7.30.1", "later")), "is Linux 7.30.1")
        self.assertFalse((self.build / "source-7.3.meta").exists())

    def test_other_base(self) -> None:
        self.assert_ok(self.fetch(self.tree("6.12.9"), BASE="6.12"))
        self.assertEqual(self.meta("6.12")["version"], "6.12.9")
        self.assert_refused(self.fetch(self.dir / "linux", BASE="6.1"), "BASE=6.1 is not known")

    def test_not_a_kernel(self) -> None:
        empty = self.dir / "empty"
        empty.mkdir()
        self.assert_refused(self.fetch(empty), "is no kernel tree")
        for text in ("all:\n\techo VERSION\n", "VERSION = 7\n", "PATCHLEVEL = 3\n"):
            (empty / "Makefile").write_text(text)
            self.assert_refused(self.fetch(empty), "is no kernel tree")

    def test_not_there(self) -> None:
        self.assert_refused(self.fetch("/no/such/tree"), "KSRC=/no/such/tree does not exist")

    def test_tarballs(self) -> None:
        tree = self.tree()
        for suffix, command in (("tar", ""), ("tar.xz", "xz"), ("tar.gz", "gzip"), ("tar.zst", "zstd")):
            with self.subTest(suffix):
                tarball = self.tarball(f"linux.{suffix}", tree, command=command)
                self.assert_ok(self.fetch(tarball))
                sha256 = subprocess.run(["sha256sum", tarball], capture_output=True, text=True).stdout.split()[0]
                self.assertEqual(
                    self.meta(),
                    {
                        "kind": "tarball", "path": str(tarball), "version": BASE["version"],
                        "package": "", "sha256": sha256,
                    },
                )  # fmt: skip

    def test_tarball_without_a_top_directory(self) -> None:
        for top in ("", "./"):
            with self.subTest(top):
                self.assert_ok(self.fetch(self.tarball("bare.tar", self.tree(name=f"t{top[:1]}"), top)))

    def test_tarball_of_another_version(self) -> None:
        self.assert_refused(self.fetch(self.tarball("old.tar", self.tree("7.2.4"))), "is Linux 7.2.4")

    def test_not_a_tarball(self) -> None:
        for content in (b"", b"hello\n", b"\xfd7zXZ\0broken"):
            with self.subTest(content):
                file = self.dir / "file.tar.xz"
                file.write_bytes(content)
                self.assert_refused(self.fetch(file), "is no kernel tarball", "KSRC=")

    def test_tarball_is_read_once(self) -> None:
        tarball = self.tarball("linux.tar", self.tree())
        self.assertIn("reading", self.fetch(tarball).stdout)
        self.assertNotIn("reading", self.fetch(tarball).stdout)
        first = self.meta()
        self.tarball("linux.tar", self.tree("7.3.99", "newer"))
        self.assertIn("reading", self.fetch(tarball).stdout)
        self.assertEqual(self.meta()["version"], "7.3.99")
        self.assertNotEqual(self.meta()["sha256"], first["sha256"])

    def test_series_made_for_another_version(self) -> None:
        done = self.fetch(self.tree("7.3.99"))
        self.assertEqual(done.returncode, 0)
        self.assertIn(f"warning: the source is Linux 7.3.99 and patches/7.3 is made for {BASE['version']}", done.stderr)

    def test_two_runs_at_once(self) -> None:
        tree = self.tree()
        done = self.shell(f'take_lock; unset FOLIOLAB_LOCKED; KSRC="{tree}" "{SCRIPTS}/fetch"; exit $?')
        self.assert_refused(done, "another run is using")


class PackageTest(FetchSandbox):
    PACKAGE = "linux-source-7.3"

    def setUp(self) -> None:
        super().setUp()
        self.source = self.tarball("source.tar.xz", self.tree(), command="xz")
        inner = f"./usr/src/{self.PACKAGE}.tar.xz"
        with tarfile.open(self.dir / "package.tar", "w") as deb:
            deb.add(self.source, inner)
        self.offer("7.3.4-1~bpo13+1")

    def offer(self, *versions: str, download: str = "") -> None:
        """An apt that offers these versions; the newest is downloaded last."""
        rows = "".join(f"{self.PACKAGE} | {version} | http://mirror/debian sid/main amd64 Packages\n" for version in versions)
        (self.dir / "offer").write_text(rows)
        self.stub("apt-cache", 'cat "$DIR/offer"')
        deb = f'{self.PACKAGE}_"${{@: -1}}"_all.deb'
        self.stub(
            "apt-get",
            'for word; do case $word in Dir::Etc::SourceList=*) cp "${word#*=}" "$DIR/list" ;; esac; done\n'
            f'case "$*" in *" download "*) {download or ":"}; cp "$DIR/package.tar" {deb} ;; esac',
        )
        self.stub(
            "dpkg-deb",
            'case $1 in -f) name=${2#*=}; echo "${name%_all.deb}" ;; --fsys-tarfile) cat "$2" ;; esac',
        )

    def in_cache(self, *versions: str) -> None:
        for version in versions:
            (self.cache / f"{self.PACKAGE}_{version}.tar.xz").write_bytes(self.source.read_bytes())

    def fetch(self, **env: str) -> subprocess.CompletedProcess[str]:
        return self.verb("fetch", **env)

    def test_download(self) -> None:
        self.assert_ok(self.fetch())
        name = f"{self.PACKAGE}_{BASE['package']}.tar.xz"
        self.assertEqual(self.cached(), [name, name + ".facts"])
        self.assertEqual((self.cache / name).read_bytes(), self.source.read_bytes())
        self.assertEqual(self.meta()["kind"], "package")
        self.assertEqual(self.meta()["package"], BASE["package"])
        self.assertEqual(self.meta()["path"], str(self.cache / name))

    def test_second_run_uses_the_cache(self) -> None:
        self.fetch()
        before = self.calls()
        done = self.fetch(OFFLINE="yes")
        self.assert_ok(done)
        self.assertEqual(len(done.stdout.splitlines()), 1)
        self.assertEqual(self.calls(), before)

    def test_newest_on_offer(self) -> None:
        self.offer("7.3.4-1~bpo13+1", "7.3.10-1", "7.3.9-1")
        self.fetch()
        self.assertEqual(self.meta()["package"], "7.3.10-1")

    def test_newest_in_the_cache(self) -> None:
        self.in_cache("7.3.9-1", "7.3.10-1~bpo13+1", "7.3.10-1", "7.3.4-1")
        self.fetch()
        self.assertEqual(self.meta()["package"], "7.3.10-1")
        self.assertEqual(self.calls(), [])

    def test_other_package_of_the_same_version(self) -> None:
        self.in_cache(f"{BASE['version']}-9")
        done = self.fetch()
        self.assertEqual(done.returncode, 0)
        self.assertIn(f"warning: the source is package {BASE['version']}-9", done.stderr)

    def test_apt_of_the_machine_is_left_alone(self) -> None:
        self.fetch()
        mirror = "deb [signed-by=/k.gpg] http://mirror/debian"
        self.assertEqual(
            (self.dir / "list").read_text(), f"{mirror} trixie-backports main\n{mirror} sid main\n"
        )
        calls = [call for call in self.calls() if call.startswith("apt-")]
        self.assertEqual(len(calls), 3)
        for call in calls:
            self.assertIn("-o Dir::Etc::SourceParts=-", call)
            for option in ("Dir::Etc::SourceList", "Dir::State::Lists", "Dir::Cache"):
                self.assertIn(f"-o {option}={self.cache}/", call)

    def test_suites_of_the_machine_for_the_long_term_kernel(self) -> None:
        self.fetch(BASE="6.12")
        self.assertNotIn("SourceParts", " ".join(self.calls()))
        self.assertIn(" madison linux-source-6.12", " ".join(self.calls()))

    def no_network(self) -> None:
        self.stub("apt-cache", "true")
        self.stub("apt-get", "echo \"W: Failed to fetch http://mirror/x  Temporary failure resolving 'mirror'\" >&2")

    def test_no_network(self) -> None:
        self.no_network()
        self.assert_refused(self.fetch(), "Temporary failure resolving 'mirror'", "KSRC=")
        self.assertEqual(self.cached(), [])

    def test_offline(self) -> None:
        self.assert_refused(self.fetch(OFFLINE="yes"), "OFFLINE=yes", "KSRC=")
        self.assertEqual(self.calls(), [])

    def test_not_on_offer(self) -> None:
        self.offer()
        self.assert_refused(self.fetch(), "no package linux-source-7.3 in trixie-backports sid", "KSRC=")

    def test_no_debian_mirror(self) -> None:
        (self.dir / "etc/sources.list.d/debian.sources").unlink()
        self.assert_refused(self.fetch(), "name no Debian mirror", "KSRC=")

    def test_no_apt(self) -> None:
        (self.bin / "apt-get").unlink()
        self.assert_refused(self.fetch(), "no apt-get here", "KSRC=")

    def test_broken_package(self) -> None:
        (self.dir / "package.tar").write_bytes(b"rubbish")
        done = self.fetch()
        self.assertEqual(done.returncode, 2)
        self.assertIn("cannot unpack", done.stderr)
        self.assertEqual(self.cached(), [])

    def test_full_disk(self) -> None:
        self.stub("df", "echo head; echo disk 1000000 900000 100000 90% /")
        self.assert_refused(self.fetch(), "0 GiB free and 1 is needed")

    def interrupt(self, how: signal.Signals) -> None:
        """Stop fetch, and all it started, in the midst of the download."""
        # The stub must not be waiting for a child of its own: if that one ends
        # just then, bash takes the SIGINT as dealt with and goes on.
        self.offer("7.3.4-1", download='echo half >half.deb; : >"$DIR/started"; exec sleep 20')
        # A shell's background jobs ignore SIGINT, and so would all they start.
        run = subprocess.Popen(
            [SCRIPTS / "fetch"], env=self.env, start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 10
        while not (self.dir / "started").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        os.killpg(run.pid, how)
        self.assertEqual(run.wait(timeout=10), -how)
        self.assertTrue((self.dir / "started").exists())

    def test_interrupted_download_leaves_nothing(self) -> None:
        for how in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(how):
                (self.dir / "started").unlink(missing_ok=True)
                self.interrupt(how)
                self.assertEqual(self.cached(), [])

    def test_killed_download_is_started_again(self) -> None:
        self.interrupt(signal.SIGKILL)
        self.offer(BASE["package"])
        self.assert_ok(self.fetch())
        self.assertEqual([name for name in self.cached() if name.endswith((".deb", ".fetch"))], [])
        self.assertEqual(self.meta()["version"], BASE["version"])


class AptSourcesTest(FetchSandbox):
    def find(self, **files: str) -> str:
        """The mirror found in these files of sources.list.d; `_` stands for a dot."""
        (self.dir / "etc/sources.list.d/debian.sources").unlink(missing_ok=True)
        for name, text in files.items():
            (self.dir / "etc/sources.list.d" / name.replace("_", ".")).write_text(text)
        return self.call(["python3", f"{SCRIPTS}/lib/apt_sources.py", self.env["APT_ETC"]]).stdout.strip()

    def test_deb822(self) -> None:
        self.assertEqual(self.find(a_sources=DEBIAN), "deb [signed-by=/k.gpg] http://mirror/debian")

    def test_one_line(self) -> None:
        text = "# deb http://old/debian sid main\ndeb [arch=amd64 signed-by=/k.gpg] http://m/debian trixie main\n"
        self.assertEqual(self.find(a_list=text), "deb [signed-by=/k.gpg] http://m/debian")
        self.assertEqual(self.find(a_list="deb http://m/debian stable main"), "deb http://m/debian")

    def test_main_file_comes_first(self) -> None:
        (self.dir / "etc/sources.list").write_text("deb http://first/debian bookworm main\n")
        self.assertEqual(self.find(a_sources=DEBIAN), "deb http://first/debian")

    def test_what_is_no_mirror_of_debian(self) -> None:
        for text in (
            DEBIAN.replace("Types: deb", "Types: deb-src"),
            DEBIAN + "Enabled: no\n",
            DEBIAN.replace("bookworm bookworm-updates", "bookworm-security"),
            DEBIAN.replace("bookworm bookworm-updates", "noble"),
            "# " + DEBIAN.replace("\n", "\n# "),
        ):
            with self.subTest(text):
                self.assertEqual(self.find(a_sources=text), "")
        self.assertEqual(self.find(a_disabled=DEBIAN, a_sources=""), "")

    def test_second_paragraph(self) -> None:
        text = DEBIAN.replace("bookworm bookworm-updates", "noble") + "\n# Debian\n" + DEBIAN.replace("mirror", "second")
        self.assertEqual(self.find(a_sources=text), "deb [signed-by=/k.gpg] http://second/debian")

    def test_comment_inside_a_field(self) -> None:
        text = DEBIAN.replace("Suites: bookworm bookworm-updates", "Suites: noble\n# and\n bookworm")
        self.assertEqual(self.find(a_sources=text), "deb [signed-by=/k.gpg] http://mirror/debian")

    def test_key_inside_the_file(self) -> None:
        key = "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n"
        self.assertEqual(self.find(a_sources=DEBIAN.replace("Signed-By: /k.gpg\n", key)), "deb http://mirror/debian")


if __name__ == "__main__":
    unittest.main()
