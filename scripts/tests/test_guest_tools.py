# SPDX-License-Identifier: GPL-2.0
"""What goes into a guest with a program: its interpreter and libraries, or an error."""
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]
INTERPRETER = "lib64/ld-linux-x86-64.so.2"


class Pack(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.dir = Path(scratch.name)
        self.root = self.dir / "root"
        for name in ("usr/bin", "usr/lib/x86_64-linux-gnu/apart", "lib64", "share/doc"):
            (self.root / name).mkdir(parents=True)
        self.libraries = self.root / "usr/lib/x86_64-linux-gnu"
        (self.dir / "lib.c").write_text("int one(void) { return 1; }\n")
        (self.dir / "main.c").write_text("int one(void);\nint main(void) { return one(); }\n")
        subprocess.run(["gcc", "-shared", "-nostdlib", "-Wl,-soname,libone.so.1", "-o",
                        self.libraries / "libone.so.1.2", self.dir / "lib.c"], check=True)
        (self.libraries / "libone.so.1").symlink_to("libone.so.1.2")
        subprocess.run(["gcc", "-o", self.root / "usr/bin/prog", self.dir / "main.c",
                        self.libraries / "libone.so.1.2"], check=True)
        shutil.copy("/" + INTERPRETER, self.root / INTERPRETER)
        libc = subprocess.run(["gcc", "-print-file-name=libc.so.6"], capture_output=True, text=True, check=True)
        shutil.copy(libc.stdout.strip(), self.libraries / "libc.so.6")
        (self.root / "share/doc/text").write_text("words\n")

    def pack(self, *paths: str, status: int = 0) -> list[str]:
        done = subprocess.run([ROOT / "scripts/lib/guest_tools.py", self.root, self.dir / "a.cpio", *paths],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        if status:
            return [done.stderr]
        listed = subprocess.run(["cpio", "-t", "--quiet"], input=(self.dir / "a.cpio").read_bytes(),
                                capture_output=True, check=True)
        return listed.stdout.decode().split()

    def test_program_with_interpreter_and_libraries(self) -> None:
        files = self.pack("usr/bin/prog")
        for wanted in ("usr/bin/prog", INTERPRETER, "usr/lib/x86_64-linux-gnu/libone.so.1",
                       "usr/lib/x86_64-linux-gnu/libc.so.6"):
            self.assertIn(wanted, files)
        self.assertNotIn("share/doc/text", files)

    def test_directory_whole(self) -> None:
        self.assertEqual(self.pack("share"), ["share", "share/doc", "share/doc/text"])

    def test_library_that_the_program_keeps_apart(self) -> None:
        (self.libraries / "libone.so.1").rename(self.libraries / "apart/libone.so.1")
        (self.libraries / "libone.so.1.2").rename(self.libraries / "apart/libone.so.1.2")
        self.assertIn("usr/lib/x86_64-linux-gnu/apart/libone.so.1", self.pack("usr/bin/prog"))

    def test_missing_library_is_named(self) -> None:
        (self.libraries / "libone.so.1").unlink()
        self.assertIn("no package brings libone.so.1", self.pack("usr/bin/prog", status=2)[0])

    def test_missing_program_is_named(self) -> None:
        self.assertIn("no package brings usr/bin/gone", self.pack("usr/bin/gone", status=2)[0])


class Archives(Sandbox):
    def test_each_architecture_has_its_own(self) -> None:
        for arch, name in (("x86_64", "/guest/busybox-"), ("arm64", "/guest/busybox-arm64-")):
            self.assert_refused(self.shell("debian_archive busybox", "guest_tools", ARCH=arch, OFFLINE="yes"), name)

    def test_names_of_debian(self) -> None:
        for arch, names in (("x86_64", "amd64 x86_64-linux-gnu"), ("arm64", "arm64 aarch64-linux-gnu")):
            done = self.shell("echo $(debian_arch) $(triplet)", "machine", ARCH=arch)
            self.assertEqual(done.stdout.strip(), names)

    def test_table_is_of_no_architecture(self) -> None:
        self.assertNotRegex((ROOT / "scripts/lib/guest_tools.tsv").read_text(), "(x86_64|aarch64)-linux-gnu")
