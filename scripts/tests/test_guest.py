# SPDX-License-Identifier: GPL-2.0
"""What comes back from a guest, and the wrapper that stands before kunit.py's QEMU."""

import subprocess
import sys
import time
import unittest

from sandbox import SCRIPTS, Sandbox

sys.path.insert(0, str(SCRIPTS / "lib"))
from receive import receive  # noqa: E402
from results import read_cost  # noqa: E402


class Receive(Sandbox):
    def unpack(self, stream: bytes) -> bool:
        return receive(stream, self.dir / "run")

    def names(self) -> list[str]:
        run = self.dir / "run"
        return sorted(str(path.relative_to(run)) for path in run.rglob("*") if path.is_file())

    def test_complete(self) -> None:
        self.assertTrue(self.unpack(b"@begin ktap/a.ktap 3\nab\n@end ktap/a.ktap\n@begin b 0\n@end b\n@done\n"))
        self.assertEqual(self.names(), ["b", "ktap/a.ktap"])
        self.assertEqual((self.dir / "run/ktap/a.ktap").read_bytes(), b"ab\n")

    def test_body_may_hold_our_marks(self) -> None:
        body = b"@done\n@end a\n@begin b 9\n"
        self.assertTrue(self.unpack(b"@begin a %d\n%s@end a\n@done\n" % (len(body), body)))
        self.assertEqual((self.dir / "run/a").read_bytes(), body)

    def test_every_cut_is_incomplete(self) -> None:
        whole = b"@begin a 6\nabcde\n@end a\n@done\n"
        for size in range(len(whole)):
            with self.subTest(size=size):
                self.assertFalse(self.unpack(whole[:size]))

    def test_cut_file_is_not_taken_for_a_result(self) -> None:
        self.assertFalse(self.unpack(b"@begin a 3\nab\n@end a\n@begin b 100\nonly this"))
        self.assertEqual(self.names(), ["a", "b.partial"])

    def test_name_must_stay_in_the_run(self) -> None:
        for name in (b"../evil", b"/evil", b"a/../../evil"):
            with self.subTest(name=name), self.assertRaises(SystemExit):
                self.unpack(b"@begin %s 0\n@end %s\n@done\n" % (name, name))
        self.assertFalse((self.dir / "evil").exists())


class QemuWrapper(Sandbox):
    """kunit.py runs `qemu-system-x86_64 ... -accel kvm -accel hvf -accel tcg ...`."""

    WORDS = ["-nodefaults", "-kernel", "bzImage", "-append", "a b", "-accel", "kvm",
             "-accel", "hvf", "-accel", "tcg", "-serial", "stdio"]

    def start(self, body: str, name: str = "qemu-system-x86_64", **env: str) -> subprocess.Popen[str]:
        self.stub(name, body)
        wrapper = SCRIPTS / "lib/qemu"
        self.status = self.dir / "status"
        whole = self.env | {"PATH": f"{wrapper}:{self.bin}", "GUEST_STATUS": str(self.status), "ACCEL": "tcg"} | env
        return subprocess.Popen([wrapper / name, *self.WORDS], env=whole, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def test_accelerators_give_way_to_the_chosen_one(self) -> None:
        self.assertEqual(self.start("echo hello").communicate(timeout=20)[0], "hello\n")
        (call,) = self.calls()
        self.assertEqual(call.count("-accel"), 1)
        self.assertIn("-accel tcg,thread=multi -nodefaults -kernel bzImage -append a b -serial stdio", call)
        self.assertEqual(self.status.read_text(), "done\n")

    def test_override(self) -> None:
        self.start("true", ACCEL="kvm").communicate(timeout=20)
        self.assertIn("-accel kvm -nodefaults", self.calls()[0])

    def test_instructions_counted(self) -> None:
        self.start("true", ACCEL="icount").communicate(timeout=20)
        self.assertIn("-accel tcg,thread=single -icount shift=0,sleep=off -nodefaults", self.calls()[0])

    def test_other_architectures_bring_their_machine(self) -> None:
        (self.dir / "kvm").touch()
        self.start("true", "qemu-system-aarch64", ARCH="arm64", ACCEL="",
                   KVM_DEVICE=str(self.dir / "kvm")).communicate(timeout=20)
        self.assertEqual(self.calls()[0].split()[:3], ["qemu-system-aarch64", "-accel", "tcg,thread=multi"])

    def test_failure_is_told(self) -> None:
        qemu = self.start("exit 7")
        qemu.communicate(timeout=20)
        self.assertEqual(qemu.returncode, 7)
        self.assertEqual(self.status.read_text(), "qemu-exit 7\n")

    def test_terminated_is_a_timeout(self) -> None:
        qemu = self.start('echo up; sleep 60')
        assert qemu.stdout
        self.assertEqual(qemu.stdout.readline(), "up\n")
        started = time.monotonic()
        qemu.terminate()
        qemu.wait(timeout=20)
        self.assertLess(time.monotonic() - started, 15)
        self.assertEqual(self.status.read_text(), "timeout\n")
        qemu.stdout.close()


class BootGuest(Sandbox):
    """boot_guest() of scripts/lib/guest.sh says how a guest ended."""

    patience = 120
    FILES = '''for word; do case $word in
        file,id=console,path=*) console=${word#*path=} ;;
        file,id=results,path=*) results=${word#*path=} ;;
    esac; done
    '''

    def boot(self, body: str, name: str = "qemu-system-x86_64", **environment: str) -> tuple[str, str]:
        self.stub(name, self.FILES + body)
        (self.dir / "run").mkdir(exist_ok=True)
        done = self.shell('boot_guest "$DIR/run" kernel initramfs', "guest",
                          **{"ACCEL": "tcg", "TIMEOUT": "1", **environment})
        self.assertEqual(done.returncode, 0, done)
        return (self.dir / "run/guest.status").read_text().strip(), done.stderr

    def test_done(self) -> None:
        body = "printf '@begin a 2\\nx\\n@end a\\n@done\\n' >$results"
        self.assertEqual(self.boot(body), ("done", ""))
        self.assertEqual((self.dir / "run/a").read_text(), "x\n")

    def test_what_it_took(self) -> None:
        """Seconds by the clock and of processors, a line for each boot."""
        self.boot(">$console; [ -e $DIR/once ] || { >$DIR/once; sleep 60; }\n"
                  "i=0; while ((i < 300000)); do i=$((i + 1)); done; echo @done >$results", TIMEOUT="3")
        lines = [[*map(float, line.split())] for line in (self.dir / "run/guest.cost").read_text().splitlines()]
        self.assertEqual(len(lines), 2)
        self.assertGreaterEqual(lines[0][0], 2)
        self.assertLess(lines[0][1], lines[0][0], "who sleeps uses no processor")
        self.assertGreater(lines[1][1], 0)
        cost = read_cost(self.dir / "run/guest.cost")
        self.assertEqual(cost["seconds"], sum(line[0] for line in lines))
        self.assertEqual(read_cost(self.dir / "none"), {})
        self.assertEqual([*(self.dir / "run").glob("clock*")], [])

    def test_full_disk_of_the_host(self) -> None:
        """What the guest came to then says nothing, but what was complete before counts."""
        self.stub("df", 'echo "a b c d"; echo "/dev/x 100 99 12"')
        body = "printf '@begin a 2\\nx\\n@end a\\n' >$results; echo Run /init >$console; "
        for end, status in (("sleep 20", "host-full"), ("exit 1", "host-full"), ("true", "host-full"),
                            ("echo @done >>$results", "done")):
            with self.subTest(end=end):
                self.assertEqual(self.boot(body + end)[0], status)

    def test_other_architecture_has_its_own_machine(self) -> None:
        self.boot("echo @done >$results", "qemu-system-aarch64", ARCH="arm64")
        (call,) = self.calls()
        self.assertIn("-M virt -cpu max,pauth-impdef=on", call)
        self.assertIn("-append console=ttyAMA0 panic=-1", call)
        self.assertNotRegex(call, "q35|qboot|no_timer_check")

    def test_no_guests_of_this_architecture(self) -> None:
        for arch in ("i386", "riscv64", "s390x"):
            self.assert_refused(self.shell("need_guests", "machine", ARCH=arch), f"make kunit ARCH={arch}")

    def test_as_many_pages_where_they_are_larger(self) -> None:
        for fragments, memory in (("", ""), ("64k", "8192"), ("debug,16k", "4096")):
            done = self.shell("as_many_pages; echo ${MEM:-}", "machine", CFG=fragments)
            self.assertEqual(done.stdout.strip(), memory)

    def test_power_off_without_the_end(self) -> None:
        self.assertEqual(self.boot("printf '@begin a 2\\nx\\n@end a\\n' >$results")[0], "incomplete")

    def test_qemu_fails(self) -> None:
        self.assertEqual(self.boot("exit 3")[0], "qemu-exit 3")

    def test_hang_in_a_job_is_final(self) -> None:
        self.assertEqual(self.boot("echo 'Run /init as init process' >$console; sleep 20"), ("timeout", ""))
        self.assertEqual(len(self.calls()), 1)

    def test_hang_before_init_does_not_take_the_whole_time(self) -> None:
        started = time.monotonic()
        status, said = self.boot("echo 'Linux version' >$console; sleep 300", TIMEOUT="300", BOOT_TIMEOUT="5")
        self.assertEqual((status, len(self.calls())), ("timeout", 2))
        self.assertIn("never reached its init", said)
        self.assertLess(time.monotonic() - started, 60)

    def going(self, console: str) -> bool:
        (self.dir / "console.log").write_text(console)
        return self.shell('still_going "$DIR" 90', "guest").returncode == 0

    def test_slow_is_not_hung(self) -> None:
        self.assertTrue(self.going("[    2.5]     ok 1 a\n[   61.0]     not ok 2 b\n[   80.1] BUG: lockup\n"))
        self.assertFalse(self.going("[    2.5]     ok 1 a\n[   80.1] BUG: lockup\n"))
        self.assertFalse(self.going(""))

    def test_hang_before_init_counts_when_it_comes_twice(self) -> None:
        status, complaint = self.boot("echo 'Linux version' >$console; sleep 20")
        self.assertEqual(status, "timeout")
        self.assertIn("booting once more", complaint)
        self.assertEqual(len(self.calls()), 2)
        self.assertTrue((self.dir / "run/console.log.1").exists())

    def test_hang_before_init_once_is_forgiven(self) -> None:
        body = '[ -e $DIR/once ] || { >$DIR/once; >$console; sleep 20; }; echo "@done" >$results'
        self.assertEqual(self.boot(body)[0], "done")


if __name__ == "__main__":
    unittest.main()
