# SPDX-License-Identifier: GPL-2.0
"""A guest that is reset in the middle of its report, and boots again."""
import os
import subprocess
import unittest
from pathlib import Path

from sandbox import SCRIPTS, Sandbox

ROOT = Path(__file__).resolve().parents[2]


class Reset(Sandbox):
    """boot_part() with a stub for a boot: what each of the two leaves behind."""

    def boot(self, *boots: str) -> tuple[int, str]:
        """How many boots there were, and guest.status; the console is in $DIR/run."""
        script = f"""
        ROOT={ROOT}; . {SCRIPTS}/lib/reset.sh
        n=0
        boot_guest() {{
            n=$((n + 1)) word=$(sed -n "${{n}}p" <<<"$BOOTS")
            echo "console $n" >$DIR/run/console.log
            rm -f $DIR/run/begun
            case $word in
            reset) echo incomplete >$DIR/run/guest.status
                echo KTAP >$DIR/run/begun; echo @reset >$DIR/run/results.raw ;;
            *) echo $word >$DIR/run/guest.status; echo @done >$DIR/run/results.raw ;;
            esac
        }}
        boot_part "$SUITE" $DIR/run kernel $DIR/initramfs
        echo $n
        """
        (self.dir / "run").mkdir(exist_ok=True)
        (self.dir / "initramfs").write_bytes(b"")
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=30,
                              env=dict(os.environ, DIR=str(self.dir), BOOTS="\n".join(boots), SUITE=self.suite))
        self.assertEqual(done.returncode, 0, done.stderr)
        return int(done.stdout), (self.dir / "run/guest.status").read_text().strip()

    suite = "crash"

    def test_both_boots_are_one_run(self) -> None:
        self.assertEqual(self.boot("reset", "done"), (2, "done"))
        self.assertEqual((self.dir / "run/console.log").read_text(), "console 1\nconsole 2\n")
        archive = (self.dir / "initramfs").read_bytes()
        names = subprocess.run(["cpio", "-t", "--quiet"], input=archive, capture_output=True).stdout
        self.assertEqual(names, b"begun\n")

    def test_death_without_a_word_is_no_reset(self) -> None:
        for how in ("incomplete", "timeout", "qemu-exit 1"):
            with self.subTest(how=how):
                self.assertEqual(self.boot(how, "done"), (1, how))

    def test_a_second_reset_is_incomplete(self) -> None:
        self.assertEqual(self.boot("reset", "reset", "done"), (2, "incomplete"))

    def test_a_suite_that_is_not_said_to_may_not(self) -> None:
        self.suite = "fsx"
        self.assertEqual(self.boot("reset", "done"), (1, "incomplete"))


if __name__ == "__main__":
    unittest.main()
