# SPDX-License-Identifier: GPL-2.0
"""scripts/deps, scripts/doctor and the choice of the accelerator."""

import time
import unittest

from sandbox import SCRIPTS, Sandbox

INSTALL = "apt-get install -y --no-install-recommends"
TABLE = """# tool	probe	package	minimum	row	version
frob	frob		frobtools	1.9	Frobnicator	frob --version
a header	{dir}/frob.h	libfrob-dev	-	-	-
"""


class FrobSandbox(Sandbox):
    """Needs a tool and a header that do not exist: the test brings them, or not."""

    def setUp(self) -> None:
        super().setUp()
        table = self.dir / "tools.tsv"
        table.write_text(TABLE.format(dir=self.dir))
        self.env["FOLIOLAB_TOOLS"] = str(table)

    def have_all(self) -> None:
        self.stub("frob", "echo frob version 2.0.1")
        (self.dir / "frob.h").touch()


class DepsTest(FrobSandbox):
    def setUp(self) -> None:
        super().setUp()
        self.be("0")

    def be(self, uid: str) -> None:
        self.stub("id", f"echo {uid}")

    def apt(self, install: str, update: str = "true") -> None:
        self.stub("apt-get", f'case "$*" in *" install "*) {install} ;; *update) {update} ;; esac')

    def apt_calls(self) -> list[str]:
        """The verbs that apt-get was called with."""
        return [
            "install" if " install " in call else "update"
            for call in self.calls()
            if call.startswith("apt-get")
        ]

    MAKE = r"""printf '#!/bin/sh\n' >"$DIR/bin/frob"; chmod +x "$DIR/bin/frob"; touch "$DIR/frob.h" """

    def test_nothing_missing_is_silent(self) -> None:
        self.have_all()
        self.apt("true")
        done = self.verb("deps")
        self.assert_ok(done)
        self.assertEqual(done.stdout, "")
        self.assertEqual(self.calls(), [])

    def test_forbidden_prints_the_command(self) -> None:
        self.apt("true")
        done = self.verb("deps", DEPS="no")
        self.assert_refused(done, "missing: frob, a header;", f"type: {INSTALL} frobtools libfrob-dev\n")
        self.assertEqual(self.apt_calls(), [])

    def test_user_without_sudo_prints_the_command(self) -> None:
        self.be("1000")
        self.apt("true")
        self.assert_refused(self.verb("deps"), "deps: missing: ", f"type: sudo {INSTALL} frobtools libfrob-dev")
        self.stub("sudo", "echo sudo: a password is required >&2; exit 1")
        self.assert_refused(self.verb("deps"), "deps: missing: ", f"type: sudo {INSTALL} frobtools libfrob-dev")
        self.assertEqual(self.apt_calls(), [])

    def test_user_with_sudo_installs(self) -> None:
        self.be("1000")
        self.stub("sudo", 'shift; exec "$@"')
        self.apt(self.MAKE)
        self.assert_ok(self.verb("deps"))
        self.assertIn("sudo -n env DEBIAN_FRONTEND=noninteractive apt-get", "\n".join(self.calls()))

    def test_installs_what_is_missing_only(self) -> None:
        (self.dir / "frob.h").touch()
        self.apt(self.MAKE)
        done = self.verb("deps")
        self.assert_ok(done)
        self.assertEqual(done.stdout.split(), ["DEPS", "install", "frobtools"])
        self.assertEqual(self.apt_calls(), ["install"])
        self.assertTrue(self.calls()[-1].endswith(" install -y --no-install-recommends frobtools"))

    def test_updates_the_lists_when_the_first_try_fails(self) -> None:
        self.apt(
            f'[[ -e $DIR/lists ]] || {{ echo "E: Unable to locate package frobtools" >&2; exit 100; }}; {self.MAKE}',
            'touch "$DIR/lists"',
        )
        self.assert_ok(self.verb("deps"))
        self.assertEqual(self.apt_calls(), ["install", "update", "install"])

    def test_no_network_names_the_cause(self) -> None:
        self.apt(
            'echo "E: Unable to locate package frobtools"; exit 100',
            "echo \"W: Failed to fetch http://mirror/x  Temporary failure resolving 'mirror'\"",
        )
        self.assert_refused(self.verb("deps"), "Temporary failure resolving 'mirror'", f"type: {INSTALL}")

    def test_held_lock_is_told_at_once(self) -> None:
        self.apt('echo "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7"; exit 100')
        self.assert_refused(self.verb("deps"), "held by process 7")
        self.assertEqual(self.apt_calls(), ["install"])

    def test_installed_in_vain(self) -> None:
        self.apt("true")
        self.assert_refused(self.verb("deps"), "still missing", "frob, a header")

    def test_no_apt(self) -> None:
        self.assert_refused(self.verb("deps"), "missing: frob, a header", "no Debian")

    def test_tools_of_another_architecture(self) -> None:
        self.have_all()
        self.apt("true")
        (self.dir / "tools-arm64.tsv").write_text("far\tfar\tfartools\t-\t-\tfar --version\n")
        self.assert_ok(self.verb("deps", DEPS="no"))
        self.assert_refused(self.verb("deps", DEPS="no", ARCH="arm64"), "missing: far;", f"{INSTALL} fartools")

    def test_tables_are_whole(self) -> None:
        for table in (SCRIPTS / "lib").glob("tools*.tsv"):
            for row in table.read_text().splitlines():
                if not row.startswith("#"):
                    columns = [column for column in row.split("\t") if column]
                    self.assertEqual(len(columns), 6, row)


class DoctorTest(FrobSandbox):
    def setUp(self) -> None:
        super().setUp()
        self.env["ACCEL"] = "tcg"
        self.have_all()

    def ask(self, version: str) -> None:
        """A tree whose own table asks for this version of frob."""
        page = self.build / "linux-7.3/Documentation/process/changes.rst"
        page.parent.mkdir(parents=True)
        page.write_text(f"Frobnicator            {version}              frob --version\n")

    def row(self, output: str, tool: str) -> list[str]:
        return next(line.split() for line in output.splitlines() if line.startswith(f"  {tool} "))

    def test_all_there(self) -> None:
        done = self.verb("doctor")
        self.assert_ok(done)
        self.assertEqual(self.row(done.stdout, "frob"), ["frob", "2.0.1", "1.9", "ok"])
        self.assertEqual(self.row(done.stdout, "a header"), ["a", "header", "yes", "-", "ok"])
        for name in ("free disk", "cores", "memory", "accelerator"):
            self.row(done.stdout, name)
        self.assertFalse(self.build.exists())

    def test_the_tree_asks_for_more(self) -> None:
        self.ask("2.0.10")
        done = self.verb("doctor")
        self.assert_refused(done, "frob 2.0.1 is too old")
        self.assertEqual(self.row(done.stdout, "frob"), ["frob", "2.0.1", "2.0.10", "too", "old"])

    def test_versions_are_compared_as_numbers(self) -> None:
        self.stub("frob", "echo frob version 2.0.10")
        self.ask("2.0.9")
        self.assert_ok(self.verb("doctor"))

    def test_a_minimum_without_a_patch_level(self) -> None:
        self.ask("2.0.x")
        self.assert_ok(self.verb("doctor"))

    def test_missing(self) -> None:
        (self.bin / "frob").unlink()
        done = self.verb("doctor")
        self.assert_refused(done, "frob is missing")
        self.assertIn("package frobtools", done.stdout)

    def test_takes_no_lock(self) -> None:
        self.build.mkdir()
        done = self.shell(f'take_lock; unset FOLIOLAB_LOCKED; "{SCRIPTS}/doctor"; exit $?')
        self.assert_ok(done)

    def test_accelerator_without_a_kernel(self) -> None:
        (self.dir / "kvm").touch()
        done = self.verb("doctor", ACCEL="", KVM_DEVICE=str(self.dir / "kvm"))
        self.assertIn("tcg (not probed: no kernel built yet)", done.stdout)


class AccelTest(Sandbox):
    BOOTED = "echo '[0.0] Linux version 7.3.4'; echo 'VFS: Unable to mount root fs'"

    def setUp(self) -> None:
        super().setUp()
        for name in ("kvm", "kernel"):
            (self.dir / name).touch()
        self.env |= {"KVM_DEVICE": str(self.dir / "kvm"), "PROBE_SECONDS": "1"}
        self.qemu(self.BOOTED)

    def qemu(self, boot: str, version: str = "7.2") -> None:
        self.stub("qemu-system-x86_64", f'[[ $1 == --version ]] && echo {version} && exit\necho >>"$DIR/boots"\n{boot}')

    def boots(self) -> int:
        log = self.dir / "boots"
        return len(log.read_text().splitlines()) if log.exists() else 0

    def choose(self, kernel: str = "kernel", **env: str) -> str:
        done = self.shell(f'choose_accel "{self.dir / kernel}"', "accel", **env)
        self.assertEqual(done.returncode, 0, done)
        return done.stdout.strip()

    def test_override(self) -> None:
        self.assertEqual(self.choose(ACCEL="kvm", KVM_DEVICE="/nowhere"), "kvm")
        self.assertEqual(self.choose(ACCEL="tcg"), "tcg")
        self.assertEqual(self.choose(ACCEL="icount"), "icount")
        self.assertEqual(self.boots(), 0)

    def test_unknown_override(self) -> None:
        done = self.shell("accel=$(choose_accel); echo on", "accel", ACCEL="xen")
        self.assert_refused(done, "ACCEL=xen", "ACCEL=tcg")
        self.assertEqual(done.stdout, "")

    def test_no_device(self) -> None:
        device = self.dir / "none"
        self.assertEqual(self.choose(KVM_DEVICE=str(device)), "tcg")
        self.assertFalse(device.exists())
        self.assertEqual(self.boots(), 0)

    def test_probe_boots(self) -> None:
        self.assertEqual(self.choose(), "kvm")
        for words in ("-accel kvm", "-bios qboot.rom", "-no-reboot", f"-kernel {self.dir}/kernel"):
            self.assertIn(words, " ".join(self.calls()))

    def test_probe_hangs(self) -> None:
        self.qemu("echo SeaBIOS; trap '' TERM; sleep 20")
        start = time.monotonic()
        self.assertEqual(self.choose(), "tcg")
        self.assertLess(time.monotonic() - start, 5)

    def test_probe_stops_half_way(self) -> None:
        for line in ("Linux version 7.3.4", "Kernel panic"):
            (self.cache / "accel").unlink(missing_ok=True)
            self.qemu(f"echo {line}")
            self.assertEqual(self.choose(), "tcg", line)

    def test_probe_fails(self) -> None:
        self.qemu("echo failed to initialize kvm >&2; exit 1")
        self.assertEqual(self.choose(), "tcg")

    def test_result_is_kept(self) -> None:
        self.assertEqual([self.choose(), self.choose(), self.choose("no-kernel")], ["kvm"] * 3)
        self.assertEqual(self.boots(), 1)

    def test_another_qemu_is_probed_again(self) -> None:
        self.assertEqual(self.choose(), "kvm")
        self.qemu("true", version="8.0")
        self.assertEqual(self.choose(), "tcg")
        self.assertEqual(self.boots(), 2)

    def test_without_a_kernel_nothing_is_kept(self) -> None:
        self.assertEqual(self.choose("no-kernel"), "tcg")
        self.assertEqual(self.choose(), "kvm")


if __name__ == "__main__":
    unittest.main()
