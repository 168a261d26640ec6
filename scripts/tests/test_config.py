# SPDX-License-Identifier: GPL-2.0
"""scripts/check-config names what Kconfig dropped; fragments are told apart."""

import re
import subprocess
import sys
from pathlib import Path

from sandbox import SCRIPTS, Sandbox

KCONFIG = """\
if DEBUG_KERNEL
config DEBUG_VM
	bool "Debug VM"
	depends on MMU || NET
	depends on !PREEMPT_RT
endif
config THP
	bool "THP"
"""


class CheckConfig(Sandbox):
    def setUp(self) -> None:
        super().setUp()
        (self.dir / "tree/mm").mkdir(parents=True)
        (self.dir / "tree/mm/Kconfig").write_text(KCONFIG)

    def check(self, config: str, *fragments: str) -> subprocess.CompletedProcess[str]:
        (self.dir / ".config").write_text(config)
        names = []
        for number, text in enumerate(fragments):
            path = self.dir / f"{number}.config"
            path.write_text(text)
            names.append(str(path))
        return self.call([sys.executable, str(SCRIPTS / "check-config"), str(self.dir / "tree"),
                          str(self.dir / ".config"), *names])

    def test_all_there(self) -> None:
        self.assert_ok(self.check("CONFIG_A=y\nCONFIG_N=8\n# CONFIG_B is not set\n",
                                  "CONFIG_A=y\nCONFIG_B=n\n", "CONFIG_N=8\n# CONFIG_C is not set\n"))

    def test_lost_names_dependencies_and_their_values(self) -> None:
        self.assert_refused(self.check("CONFIG_MMU=y\n", "CONFIG_DEBUG_VM=y\n"),
                            "CONFIG_DEBUG_VM=y of 0.config became n", "DEBUG_KERNEL && (MMU || NET) && !PREEMPT_RT",
                            "DEBUG_KERNEL=n", "MMU=y")

    def test_unknown_option(self) -> None:
        self.assert_refused(self.check("", "CONFIG_NONSENSE=y\n"), "CONFIG_NONSENSE", "no such option")

    def test_other_value(self) -> None:
        self.assert_refused(self.check("CONFIG_N=4\n", "CONFIG_N=8\n"), "CONFIG_N=8", "became 4")

    def test_asked_off_and_is_on(self) -> None:
        self.assert_refused(self.check("CONFIG_THP=y\n", "CONFIG_THP=n\n"), "CONFIG_THP=n", "became y")

    def test_last_fragment_wins(self) -> None:
        self.assert_ok(self.check("CONFIG_N=8\n", "CONFIG_N=4\n", "CONFIG_N=8\n"))

    def test_usage(self) -> None:
        self.assertEqual(self.call([sys.executable, str(SCRIPTS / "check-config")]).returncode, 2)


class Fragments(Sandbox):
    def test_unknown_name_is_refused(self) -> None:
        self.assert_refused(self.shell("fragments >/dev/null", "kernel", CFG="nonsense"), "nonsense", "debug")

    def test_commas_and_blanks(self) -> None:
        done = self.shell("fragments", "kernel", CFG="debug,kasan")
        self.assert_ok(done)
        self.assertEqual([line.rsplit("/", 1)[1] for line in done.stdout.splitlines()][-2:],
                         ["debug.config", "kasan.config"])

    def test_a_fragment_may_bring_another_along(self) -> None:
        for config, names in (("debug", ["lockdep", "debug"]), ("lockdep,kcsan", ["lockdep", "kcsan"])):
            done = self.shell("fragments", "kernel", CFG=config)
            self.assert_ok(done)
            self.assertEqual([Path(line).stem for line in done.stdout.splitlines()][-2:], names)
        with_words = re.compile(r"^# with: (.*)", re.M)
        for path in (SCRIPTS / "configs").glob("*.config"):
            for name in with_words.findall(path.read_text()):
                self.assertTrue(path.with_name(f"{name}.config").exists(), f"{path.name}: {name}")

    def test_no_option_is_asked_for_twice(self) -> None:
        """Of those that say how a kernel checks itself: what two have in common is a third one."""
        options = [line for name in ("lockdep", "debug", "kasan", "kcsan", "kmemleak")
                   for line in (SCRIPTS / f"configs/{name}.config").read_text().splitlines() if line.startswith("CONFIG_")]
        self.assertEqual(len(options), len({*options}))

    def test_architectures(self) -> None:
        for arch, own, others in (("x86_64", "base-x86 base-x86_64 block", "guest-arm64"),
                                  ("i386", "base-x86 base-i386 block", "base-x86_64"),
                                  ("arm64", "guest-arm64 64k block", "base-x86"),
                                  ("s390x", "base-s390x guest-s390x", "base-x86 guest-arm64 block")):
            done = self.shell("fragments", "kernel", ARCH=arch, CFG="64k" if arch == "arm64" else "")
            names = [line.rsplit("/", 1)[1].removesuffix(".config") for line in done.stdout.splitlines()]
            self.assertLessEqual(set(own.split()), set(names), arch)
            self.assertFalse(set(others.split()) & set(names), arch)

    def test_compilers(self) -> None:
        for arch, words in (("i386", "ARCH=i386 CROSS_COMPILE= CC=ccache gcc"),
                            ("arm64", "ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- CC=ccache aarch64-linux-gnu-gcc"),
                            ("s390x", "ARCH=s390 CROSS_COMPILE=s390x-linux-gnu- CC=ccache s390x-linux-gnu-gcc")):
            self.assertEqual(" ".join(self.shell("arch_words", "kernel", ARCH=arch).stdout.splitlines()), words)
        self.assertIn("CC=ccache clang-19\n", self.shell("arch_words", "kernel", ARCH="riscv64", KCC="clang-19").stdout)

    def test_compiler_is_missing(self) -> None:
        self.assert_refused(self.shell("need_compiler", "kernel", ARCH="riscv64"),
                            "no riscv64-linux-gnu-gcc", "make deps ARCH=riscv64")

    def test_objects_of_each_configuration_are_apart(self) -> None:
        done = self.shell('CFG="" out_dir; CFG=debug,kasan out_dir; CFG="" KCC=clang out_dir', "kernel")
        names = [line.rsplit("/", 1)[1] for line in done.stdout.splitlines()]
        self.assertEqual(names, ["7.3", "7.3-debug+kasan", "7.3-clang"])

    def test_first_error_is_the_one_shown(self) -> None:
        log = self.dir / "log"
        log.write_text("  CC a\nmm/a.c:1:2: error: first\nmm/a.c:9:2: error: second\nmake: *** [Makefile:1: a] Error 2\n")
        self.assertEqual(self.shell(f"first_error {log}", "kernel").stdout, "mm/a.c:1:2: error: first\n")
