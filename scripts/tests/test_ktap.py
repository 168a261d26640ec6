# SPDX-License-Identifier: GPL-2.0
"""The KTAP parser and the console reader, one line form at a time."""
import io
import sys
import unittest

from made_up import BOOT, GAMMA, LOGS, SCRIPTS, SPLATS, SUITES, RunTest, after, builtin_log, stamped, swap
import console
import ktap


def parse(text: str) -> list[ktap.Block]:
    return ktap.parse(ktap.Line(line, n) for n, line in enumerate(text.splitlines(), 1))


class KtapTest(unittest.TestCase):
    def test_levels(self) -> None:
        document, = parse(SUITES)
        self.assertEqual([r.name for r in document.results], ["mm_alpha", "mm_beta"])
        self.assertEqual(document.faults(), [])
        alpha = document.results[0].block
        assert alpha
        self.assertEqual([(r.name, r.status) for r in alpha.results],
                         [("add_folio", "pass"), ("lookup_each_index", "pass"),
                          ("add_folio_hugetlb", "skip"), ("add_slow", "pass")])
        self.assertEqual(alpha.results[2].reason, "CONFIG_HUGETLBFS is not set")
        params = alpha.results[1].block
        assert params
        self.assertEqual([r.name for r in params.results], ["order 0", "order 4", "order 9"])

    def test_parameters_without_plan(self) -> None:
        beta = parse(SUITES)[0].results[1].block
        assert beta and beta.results[0].block
        self.assertIsNone(beta.results[0].block.plan)
        self.assertEqual(beta.results[0].block.faults(planned=False), [])
        self.assertEqual(ktap.stats_fault(beta.results[0]), "")

    def test_documents(self) -> None:
        self.assertEqual([d.results[-1].name for d in parse(SUITES + GAMMA)], ["mm_beta", "mm_gamma"])

    def test_cut_at_every_line(self) -> None:
        """Wherever the log ends, something says so."""
        lines = SUITES.splitlines()
        for end in range(1, len(lines)):
            document, = parse("\n".join(lines[:end]))
            self.assertTrue(document.faults(), f"cut after line {end}: {lines[end - 1]}")

    def test_every_line_lost(self) -> None:
        """Whichever line of structure is lost, something says so."""
        lines = SUITES.splitlines()
        for lost, line in enumerate(lines):
            if not ktap.is_structure(line) or "1..3" in line or "KTAP" in line:
                continue        # the statistics make up for a parameters' plan
            told = []
            for document in parse("\n".join(lines[:lost] + lines[lost + 1:])):
                blocks = [document]
                while blocks:
                    block = blocks.pop()
                    told += block.faults(planned=block.indent < 8)
                    told += [ktap.stats_fault(r) for r in block.results]
                    blocks += [r.block for r in block.results if r.block]
            self.assertTrue(any(told), f"lost line {lost + 1}: {line}")

    def test_directives(self) -> None:
        document, = parse("KTAP version 1\n1..4\nok 1 a # SKIP\nnot ok 2 - b # TIMEOUT 3 s\n"
                          "ok 3 size #3\nnot ok 4 d # SKIP why # not\n")
        self.assertEqual([(r.name, r.status, r.reason) for r in document.results],
                         [("a", "skip", ""), ("b", "fail", ""), ("size #3", "pass", ""),
                          ("d", "skip", "why # not")])

    def test_place(self) -> None:
        for text in ("    # a: EXPECTATION FAILED at kunit/filemap_kunit.c:77",
                     "    # a: ASSERTION FAILED at kunit/filemap_kunit.c:77",
                     "    # a: kunit/filemap_kunit.c:77: folio lost"):
            self.assertEqual(ktap.Result("a", "fail", log=["    # x: noise", text]).place,
                             "kunit/filemap_kunit.c:77")

    def test_stats_disagree(self) -> None:
        text = swap(SUITES, "        ok 2 order 2, dirty\n", "")
        beta = parse(text)[0].results[1].block
        assert beta
        self.assertIn("pass:2", ktap.stats_fault(beta.results[0]))


class ConsoleTest(RunTest):
    def read(self, text: str) -> list[ktap.Line]:
        path = self.scratch / "log"
        path.write_bytes(text.encode())
        return console.read_lines(path)

    def splats(self, text: str) -> list[console.Splat]:
        return console.find_splats(console.split_ktap(self.read(text))[1])

    def test_prefixes(self) -> None:
        for text in ("[    1.000000] ok 1 a", "<6>[    1.000000] ok 1 a", "[    1.000000][    T1] ok 1 a\r",
                     "\x1bc\x1b[?7lok 1 a\r\r", "ok 1 a"):
            self.assertEqual([line.text for line in self.read(text)], ["ok 1 a"])

    def test_broken_line(self) -> None:
        lines = self.read("# init: loading[    1.500000] Kernel panic - not syncing: x\n")
        self.assertEqual([line.text for line in lines][:2],
                         ["# init: loading", "Kernel panic - not syncing: x"])

    def test_normal_boot(self) -> None:
        self.assertEqual(self.splats(builtin_log()), [])

    def test_each_splat(self) -> None:
        crashes = {"bug-vm", "panic"}
        for name, text in SPLATS.items():
            with self.subTest(splat=name):
                found = self.splats(BOOT + stamped(text, 3.0))
                self.assertTrue(found)
                kind = name.partition("-")[0]
                self.assertIn(kind, {splat.kind for splat in found})
                self.assertEqual(any(splat.crash for splat in found), kind == "oops" or name in crashes)
                self.assertLessEqual(max(len(splat.excerpt) for splat in found), console.EXCERPT)
                self.assertEqual(len(self.splats(BOOT + text)), len(found), "without time stamps")

    def test_each_pattern_is_tested(self) -> None:
        said = [line.strip() for text in SPLATS.values() for line in text.splitlines()]
        for (_, _, pattern), (_, _, _, why) in zip(console.PATTERNS, console.TABLE, strict=True):
            self.assertTrue(why)
            self.assertTrue(any(pattern.match(line) for line in said), pattern.pattern)

    def test_one_report_one_splat(self) -> None:
        for name in ("warning-7.3", "warning-6.12", "warning-text", "oops-null", "lockdep-circular", "kasan"):
            self.assertEqual(len(self.splats(stamped(SPLATS[name]))), 1, name)
        warning, = self.splats(stamped(SPLATS["warning-text"]))
        self.assertTrue(warning.title.startswith("WARNING: lib/refcount.c:28"))
        self.assertEqual(len(self.splats(stamped(SPLATS["warning-7.3"] * 3))), 3)

    def test_panic_within_warning(self) -> None:
        text = after(SPLATS["warning-6.12"], "RIP:", "Kernel panic - not syncing: kernel: panic_on_warn set ...\n")
        splat, = self.splats(stamped(text))
        self.assertTrue(splat.crash)
        self.assertTrue(splat.title.startswith("WARNING: CPU: 0"))

    def test_excerpt_is_bounded(self) -> None:
        text = "BUG: KASAN: use-after-free in x\n" + "noise\n" * 200
        self.assertEqual(len(self.splats(stamped(text))[0].excerpt), console.EXCERPT)

    def test_words_in_diagnostics(self) -> None:
        """What a failed expectation quotes is no splat, not even at column 0."""
        stamp = "[    1.234567] "
        record = ["    # a: EXPECTATION FAILED at kunit/x.c:1", "    Expected s == \"\", but",
                  "        s == \"BUG: Bad page state\"", "", "WARNING: at x", "BUG: sleeping function", "    BUG: y"]
        self.assertEqual(self.splats(BOOT + "".join(f"{stamp}{line}\n" for line in record)), [])
        self.assertEqual(self.splats("    # WARNING: at x\n    # a: FAILED\n    BUG: Bad page\n"), [])

    def test_splat_after_diagnostic(self) -> None:
        """The record of a diagnostic ends where the time stamp changes, or a frame opens."""
        note = "[    1.234567]     # a: EXPECTATION FAILED at kunit/x.c:1\n"
        self.assertEqual(len(self.splats(note + "[    1.234568] BUG: Bad page state\n")), 1)
        self.assertEqual(len(self.splats(note + "[    1.234567] ------------[ cut here ]------------\n")), 1)

    def test_dropped(self) -> None:
        self.assertEqual(console.dropped_messages(self.read("** 12 printk messages dropped **\n")), 12)


# That of 7.3: others take other arguments.
KUNIT_TOOL = SCRIPTS.parent / "build/linux-7.3/tools/testing/kunit"


@unittest.skipUnless((KUNIT_TOOL / "kunit_parser.py").exists(), "no kernel tree in build/")
class KunitParserTest(unittest.TestCase):
    """Our counts of what is well-formed are those of the kernel's own parser."""

    def count(self, text: str) -> tuple[int, int, int, int]:
        sys.path.insert(0, str(KUNIT_TOOL))
        self.addCleanup(sys.path.remove, str(KUNIT_TOOL))
        before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        import kunit_parser     # type: ignore[import]
        import kunit_printer    # type: ignore[import]
        sys.dont_write_bytecode = before
        test = kunit_parser.parse_run_tests(text.splitlines(), kunit_printer.Printer(output=io.StringIO()))
        counts = test.counts
        return counts.passed, counts.failed, counts.skipped, counts.errors + counts.crashed

    def ours(self, text: str) -> tuple[int, int, int, int]:
        leaves: list[str] = []
        blocks = [*parse(text)]
        for block in blocks:        # grows as it goes
            self.assertEqual(block.faults(planned=block.indent < 8), [])
            for result in block.results:
                if result.block:
                    blocks.append(result.block)
                else:
                    leaves.append(result.status)
        return leaves.count("pass"), leaves.count("fail"), leaves.count("skip"), 0

    def test_agree(self) -> None:
        one = GAMMA.replace("ok 3 mm_gamma", "ok 1 mm_gamma")
        failing = swap(swap(one, "    ok 1 map", "    # map: FAILED\n    not ok 1 map"), "ok 1 mm_g", "not ok 1 mm_g")
        real = (LOGS / "example-7.3.ktap").read_text()
        for text in (SUITES, one, failing, real, stamped(SUITES).replace("\n", "\r\n")):
            bare = "\n".join(console.PREFIX.sub("", line.rstrip()) for line in text.splitlines())
            self.assertEqual(self.count(text), self.ours(bare))


if __name__ == "__main__":
    unittest.main()
