# SPDX-License-Identifier: GPL-2.0
"""scripts/report and scripts/cases: the verdict on made-up runs of every kind."""
import json
import unittest
import xml.etree.ElementTree as ET
from pathlib import Path
from unittest import mock

from made_up import (BOOT, END, GAMMA, LOGS, REPORT, SPLATS, SUITES, RunTest, after, builtin_log, stamped,
                     statuses, swap)
import cases
import console
import ktap

ALL = "6 passed, 0 failed, 1 skipped"
FAILED = """\
    # truncate_past: EXPECTATION FAILED at kunit/truncate_kunit.c:88
    Expected folio_order(folio) == 2, but
        folio_order(folio) == 0 (0x0)
        2 == 2 (0x2)
WARNING: order 2 index 4, and BUG: not a splat
"""


def failing() -> str:
    """The suites with mm_beta.truncate_past failing, its diagnostics in one record."""
    text = swap(SUITES, "    ok 2 truncate_past", "    not ok 2 truncate_past")
    text = swap(text, "# mm_beta: pass:2 fail:0", "# mm_beta: pass:1 fail:1")
    return swap(text, "ok 2 mm_beta", "not ok 2 mm_beta")


def console_with(record: str, mark: str, text: str) -> str:
    """The suites on a console, with a record of several lines after the line with mark."""
    lines = "".join(f"[    1.500001] {line}\n" for line in record.splitlines())
    return BOOT + after(stamped(text), mark, lines) + stamped(GAMMA, 2.0) + END


class VerdictTest(RunTest):
    def modules(self, **change: str) -> dict[str, str]:
        """What the guest sends when the suites are modules: a document a suite."""
        head, _, tail = SUITES.partition("ok 1 mm_alpha\n")
        files = {"mm_alpha.ktap": swap(head, "1..2\n", "1..1\n") + "ok 1 mm_alpha\n",
                 "mm_beta.ktap": "KTAP version 1\n1..1\n" + swap(tail, "ok 2 mm_beta", "ok 1 mm_beta"),
                 "mm_gamma.ktap": swap(GAMMA, "ok 3 mm", "ok 1 mm")}
        return files | {f"{name}.ktap": text for name, text in change.items()}

    # Runs that pass

    def test_builtin_passes(self) -> None:
        result = self.judge(self.make(builtin_log()), "pass", 0, ALL)
        self.assertEqual((result["problems"], result["splats"]), ([], []))
        self.assertEqual(result["suites"][0]["skipped"], 1)
        self.assertGreater(result["suites"][0]["time"], 0)

    def test_module_passes(self) -> None:
        self.judge(self.make(BOOT + END, ktap=self.modules()), "pass", 0, ALL)

    def test_crlf(self) -> None:
        self.judge(self.make(builtin_log().replace("\n", "\r\n")), "pass", 0, ALL)

    def test_no_time_stamps(self) -> None:
        self.judge(self.make("Linux version 6.12.0\n" + SUITES + GAMMA), "pass", 0, ALL)

    def test_caller_prefix(self) -> None:
        self.judge(self.make(builtin_log().replace("] ", "][    T1] ", 60)), "pass", 0, ALL)

    def test_interleaved_printk(self) -> None:
        log = builtin_log()
        for mark in ("Subtest: mm_alpha", "1..3", "ok 2 order 4", "ok 1 mm_alpha"):
            log = after(log, mark, "[    1.700000] loop0: detected capacity change from 0 to 1..8\n"
                                   "[    1.700001] EXT4-fs (loop0): mounted, 3 not ok 4\n")
        self.judge(self.make(log), "pass", 0, ALL)

    def test_skip_with_reason(self) -> None:
        run = self.make(builtin_log())
        result = self.judge(run, "pass", 0, ALL)
        self.assertEqual(result["suites"][0]["cases"][2]["reason"], "CONFIG_HUGETLBFS is not set")
        self.assertIn("SKIP    mm_alpha.add_folio_hugetlb  CONFIG_HUGETLBFS is not set",
                      (run / "summary.txt").read_text())

    def test_suite_skipped(self) -> None:
        gamma = "KTAP version 1\n1..1\nok 3 mm_gamma # SKIP no THP\n"
        self.judge(self.make(builtin_log(gamma=gamma)), "pass", 0, "5 passed, 0 failed, 2 skipped")

    def test_suite_filter(self) -> None:
        self.judge(self.make(builtin_log()), "pass", 0, "1 passed, 0 failed", "--tests", "mm_g*")
        self.assertEqual(self.report(self.make("", name="b"), "--tests", "nosuch").returncode, 2)

    def test_6_12(self) -> None:
        """No plan for parameters in 6.12, nor a version line before 6.3."""
        text = swap(SUITES, "        1..3\n", "")
        self.judge(self.make(builtin_log(text)), "pass", 0, ALL)
        text = text.replace("        KTAP version 1\n", "")
        self.judge(self.make(builtin_log(text), name="b"), "pass", 0, ALL)

    # Cases that fail

    def test_case_fails(self) -> None:
        run = self.make(console_with(FAILED, "ok 1 truncate_middle", failing()))
        result = self.judge(run, "fail", 1, "5 passed, 1 failed, 1 skipped")
        case = result["suites"][1]["cases"][1]
        self.assertEqual((case["status"], case["place"]), ("fail", "kunit/truncate_kunit.c:88"))
        self.assertEqual("\n".join(case["log"]) + "\n", FAILED)
        self.assertEqual(result["splats"], [], "words in a diagnostic are no splat")
        text = (run / "summary.txt").read_text()
        self.assertIn("FAIL    mm_beta.truncate_past  kunit/truncate_kunit.c:88", text)
        self.assertIn("folio_order(folio) == 0 (0x0)", text)

    def test_parameter_fails(self) -> None:
        text = swap(SUITES, "        ok 2 order 4", "        not ok 2 order 4")
        text = swap(text, "lookup_each_index: pass:3 fail:0", "lookup_each_index: pass:2 fail:1")
        text = swap(text, "    ok 2 lookup", "    not ok 2 lookup")
        text = swap(text, "mm_alpha: pass:3 fail:0", "mm_alpha: pass:2 fail:1")
        text = swap(text, "ok 1 mm_alpha", "not ok 1 mm_alpha")
        run = self.make(builtin_log(text))
        result = self.judge(run, "fail", 1, "5 passed, 1 failed, 1 skipped")
        self.assertEqual([p["status"] for p in result["suites"][0]["cases"][1]["params"]],
                         ["pass", "fail", "pass"])
        self.assertIn("FAIL    mm_alpha.lookup_each_index[order 4]", (run / "summary.txt").read_text())

    # Results that are not complete

    def test_missing_case(self) -> None:
        text = swap(SUITES, "    ok 4 add_slow\n", "")
        result = self.judge(self.make(builtin_log(text)), "error", 5, "5 passed, 2 failed, 1 skipped")
        self.assertEqual(statuses(result)["mm_alpha.add_slow"], "missing")

    def test_case_not_built(self) -> None:
        """A document can be whole and still lack a case that was due."""
        text = swap(SUITES, "    ok 2 truncate_past\n", "")
        text = swap(text, "    # module: beta_kunit\n    1..2", "    1..1")
        text = swap(text, "mm_beta: pass:2 fail:0 skip:0 total:2", "mm_beta: pass:1 fail:0 skip:0 total:1")
        result = self.judge(self.make(builtin_log(text)), "error", 5, "5 passed, 1 failed, 1 skipped")
        self.assertEqual(statuses(result)["mm_beta.truncate_past"], "missing")
        self.assertEqual(result["problems"], [])

    def test_missing_suite(self) -> None:
        self.judge(self.make(builtin_log(gamma="")), "error", 5, "5 passed, 2 failed, 1 skipped")
        files = self.modules()
        del files["mm_gamma.ktap"]
        self.judge(self.make(BOOT, ktap=files, name="b"), "error", 5, "5 passed, 2 failed, 1 skipped")

    def test_truncated_anywhere(self) -> None:
        """No cut of the log passes."""
        lines = builtin_log().splitlines(keepends=True)
        known = cases.read_list(LOGS / "expect.txt")
        from results import evaluate
        last = next(n for n, line in enumerate(lines) if "ok 3 mm_gamma" in line)
        run = self.make("")
        for end in range(last + 1):
            (run / "console.log").write_text("".join(lines[:end]))
            got, _ = evaluate(run, "builtin", known, known, {})
            self.assertEqual(got.verdict, "error", f"cut before {lines[end]}")
        (run / "console.log").write_text("".join(lines[:last + 1]))
        self.assertEqual(evaluate(run, "builtin", known, known, {})[0].verdict, "pass")

    def test_truncated_mid_case(self) -> None:
        log = builtin_log().partition("        ok 3 order 9")[0]
        result = self.judge(self.make(log), "error", 5, "1 passed, 7 failed")
        self.assertEqual(statuses(result)["mm_alpha.add_folio"], "pass")
        self.assertEqual(statuses(result)["mm_alpha.lookup_each_index"], "missing")

    def test_truncated_module(self) -> None:
        half = self.modules()["mm_alpha.ktap"].partition("    # add_slow")[0]
        result = self.judge(self.make(BOOT, ktap=self.modules(mm_alpha=half)), "error", 5,
                            "5 passed, 2 failed, 1 skipped")
        self.assertEqual(statuses(result)["mm_alpha.add_slow"], "missing")
        files = self.modules()
        files["mm_alpha.ktap.partial"] = files.pop("mm_alpha.ktap")[:80]
        self.judge(self.make(BOOT, ktap=files, name="b"), "error", 5, "3 passed, 5 failed")

    def test_empty_ktap(self) -> None:
        self.judge(self.make(BOOT, ktap=self.modules(mm_gamma="")), "error", 5, "5 passed, 2 failed, 1 skipped")

    def test_plan_mismatch(self) -> None:
        for number, (old, new) in enumerate((("1..4", "1..5"), ("1..4", "1..3"), ("\n1..2\n", "\n1..3\n"),
                                             ("    1..4\n", ""))):
            text = swap(SUITES, old, new)
            self.judge(self.make(builtin_log(text), name=str(number)), "error", 5,
                       "6 passed, 1 failed, 1 skipped")

    def test_numbering(self) -> None:
        text = swap(SUITES, "    ok 4 add_slow", "    ok 5 add_slow")
        self.judge(self.make(builtin_log(text)), "error", 5, "6 passed, 1 failed, 1 skipped")

    def test_nested_plan_mismatch(self) -> None:
        text = swap(SUITES, "        ok 3 order 9\n", "")
        result = self.judge(self.make(builtin_log(text)), "error", 5, "5 passed, 1 failed, 1 skipped")
        case = result["suites"][0]["cases"][1]
        self.assertEqual(case["status"], "missing")
        self.assertIn("1..3", case["reason"])

    def test_parameter_lost_without_plan(self) -> None:
        for number, line in enumerate(("ok 1 order 2, clean", "ok 2 order 2, dirty")):
            text = swap(SUITES, f"        {line}\n", "")
            result = self.judge(self.make(builtin_log(text), name=str(number)), "error", 5,
                                "5 passed, 1 failed, 1 skipped")
            self.assertEqual(statuses(result)["mm_beta.truncate_middle"], "missing")

    def test_duplicate_suite(self) -> None:
        self.judge(self.make(builtin_log(gamma=GAMMA * 2)), "error", 5, "5 passed, 2 failed, 1 skipped")
        files = self.modules() | {"other.ktap": GAMMA}
        self.judge(self.make(BOOT, ktap=files, name="b"), "error", 5, "5 passed, 2 failed, 1 skipped")

    def test_duplicate_case(self) -> None:
        text = swap(SUITES, "    ok 4 add_slow", "    ok 4 add_folio")
        result = self.judge(self.make(builtin_log(text)), "error", 5, "4 passed, 3 failed, 1 skipped")
        self.assertEqual(statuses(result)["mm_alpha.add_folio"], "missing")

    def test_unexpected_case(self) -> None:
        text = swap(SUITES, "    1..4", "    1..5")
        text = after(text, "ok 4 add_slow", "    ok 5 newcomer\n")
        text = swap(text, "mm_alpha: pass:3 fail:0 skip:1 total:4", "mm_alpha: pass:4 fail:0 skip:1 total:5")
        result = self.judge(self.make(builtin_log(text)), "error", 5, "6 passed, 1 failed, 1 skipped")
        self.assertIn("unexpected case mm_alpha.newcomer", result["problems"][0]["text"])

    def test_unexpected_suite(self) -> None:
        log = builtin_log(gamma=GAMMA + GAMMA.replace("mm_gamma", "mm_delta"))
        self.judge(self.make(log), "error", 5, "6 passed, 1 failed, 1 skipped")

    def test_suite_line_disagrees(self) -> None:
        text = swap(failing(), "not ok 2 mm_beta", "ok 2 mm_beta")
        self.judge(self.make(builtin_log(text)), "error", 5, "5 passed, 2 failed, 1 skipped")
        text = swap(SUITES, "ok 2 mm_beta", "not ok 2 mm_beta")
        self.judge(self.make(builtin_log(text), name="b"), "error", 5, "6 passed, 1 failed, 1 skipped")
        text = swap(SUITES, "ok 2 mm_beta", "ok 2 mm_beta # SKIP")
        self.judge(self.make(builtin_log(text), name="c"), "error", 5, "6 passed, 1 failed, 1 skipped")

    def test_case_line_disagrees(self) -> None:
        text = swap(SUITES, "        ok 2 order 4", "        not ok 2 order 4")
        text = swap(text, "lookup_each_index: pass:3 fail:0", "lookup_each_index: pass:2 fail:1")
        result = self.judge(self.make(builtin_log(text)), "error", 5, "5 passed, 2 failed, 1 skipped")
        self.assertEqual(statuses(result)["mm_alpha.lookup_each_index"], "fail")

    def test_suite_init_fails(self) -> None:
        gamma = "KTAP version 1\n1..1\n    # mm_gamma:     # failed to initialize (-12)\nnot ok 3 mm_gamma\n"
        result = self.judge(self.make(builtin_log(gamma=gamma)), "error", 5, "5 passed, 2 failed, 1 skipped")
        self.assertIn("failed to initialize (-12)", result["problems"][0]["text"])

    def test_all_skipped(self) -> None:
        gamma = swap(swap(GAMMA, "ok 1 map_folio", "ok 1 map_folio # SKIP no"), "ok 3 mm_gamma", "ok 3 mm_gamma # SKIP ")
        self.judge(self.make(builtin_log(gamma=gamma)), "error", 5, "0 passed, 1 failed, 1 skipped",
                   "--tests", "mm_gamma")

    def test_empty_log(self) -> None:
        for name, log in (("a", ""), ("b", "\r\n\r\n"), ("c", "SeaBIOS\n"), ("d", BOOT)):
            self.judge(self.make(log, name=name), "error", 5, "0 passed, 8 failed")

    def test_no_console(self) -> None:
        """Suites that passed prove little when no splat could have been seen."""
        run = self.make("", ktap=self.modules())
        self.judge(run, "error", 5, "6 passed, 1 failed, 1 skipped")
        (run / "console.log").unlink()
        self.judge(run, "error", 5, "6 passed, 1 failed, 1 skipped")

    def test_quiet_or_dropping_console(self) -> None:
        quiet = "".join(line for line in builtin_log().splitlines(True) if "Linux version" not in line)
        self.judge(self.make(quiet), "error", 5, "6 passed, 1 failed, 1 skipped")
        lost = after(builtin_log(), "1..3", "** 4 printk messages dropped **\n")
        self.judge(self.make(lost, name="b"), "error", 5, "6 passed, 1 failed, 1 skipped")

    # How the guest ended

    def test_guest_status(self) -> None:
        for guest, verdict, code in (("timeout", "timeout", 4), ("qemu-exit 1", "crash", 3),
                                     ("qemu-exit 0", "crash", 3), ("incomplete", "error", 5), ("host-full", "error", 5),
                                     ("error", "error", 5), ("", "error", 5), (None, "error", 5)):
            self.judge(self.make(builtin_log(), guest, f"run-{guest}"), verdict, code,
                       "6 passed, 1 failed, 1 skipped")

    def test_hang(self) -> None:
        log = builtin_log().partition("    ok 2 truncate_past")[0] + stamped(SPLATS["hung"], 130.0)
        result = self.judge(self.make(log, "timeout"), "timeout", 4, "4 passed, 4 failed, 1 skipped")
        self.assertEqual(result["splats"][0]["kind"], "hung")

    def test_panic_in_the_middle(self) -> None:
        log = builtin_log().partition("    ok 2 truncate_past")[0]
        log = log[:log.rindex("[")] + stamped(SPLATS["bug-vm"], 1.8)
        for guest in ("done", "incomplete", "timeout", "qemu-exit 1"):
            result = self.judge(self.make(log, guest, guest), "crash", 3, "4 passed, 4 failed, 1 skipped")
            self.assertTrue(any(splat["crash"] for splat in result["splats"]))

    # Splats

    def test_splat_with_every_case_ok(self) -> None:
        for name, text in SPLATS.items():
            kind = name.partition("-")[0]
            crash = kind == "oops" or name in ("bug-vm", "panic")
            with self.subTest(splat=name):
                log = after(builtin_log(), "ok 2 order 4", stamped(text, 1.6))
                result = self.judge(self.make(log, name=name), "crash" if crash else "fail",
                                    3 if crash else 1, "6 passed, 1 failed, 1 skipped")
                self.assertEqual(result["checks"], {"console.no_splat": "fail", "run.complete": "pass"})
                self.assertEqual(result["suites"][0]["failed"], 0)

    def test_splat_in_module_run(self) -> None:
        run = self.make(BOOT + stamped(SPLATS["lockdep-circular"], 3.0) + END, ktap=self.modules())
        self.judge(run, "fail", 1, "6 passed, 1 failed, 1 skipped")
        self.assertIn("SPLAT   console.log:", (run / "summary.txt").read_text())

    # The order of verdicts

    def test_priority(self) -> None:
        half = builtin_log().partition("    ok 2 truncate_past")[0]
        oops = stamped(SPLATS["oops-null"], 3.0)
        for name, log, guest, verdict, code in (
                ("a", half + oops, "timeout", "crash", 3), ("b", half, "timeout", "timeout", 4),
                ("c", half + stamped(SPLATS["kasan"], 3.0), "done", "error", 5),
                ("d", builtin_log(failing()), "done", "fail", 1)):
            run = self.make(log, guest, name)
            done = self.verb("report", run, "--expect", LOGS / "expect.txt")
            self.assertEqual(done.returncode, code)
            self.assertEqual(json.loads((run / "results.json").read_text())["verdict"], verdict)


class RealTest(RunTest):
    """KUnit's own example suites, loaded as a module in a booted 7.3.4."""

    def test_console_and_debugfs_agree(self) -> None:
        log = (LOGS / "example-7.3.log").read_text()
        expect = self.scratch / "expect.json"
        documents = {"example": (LOGS / "example-7.3.ktap").read_text(),
                     "example_skip_suite": "KTAP version 1\n1..1\nok 1 example_skip_suite"
                                           " # SKIP Test suite expected to be skipped\n"}
        names = [match[4] for line in documents["example"].splitlines()
                 if (match := ktap.RESULT.match(line.partition(" # SKIP")[0])) and len(match[1]) == 4]
        expect.write_text(json.dumps({"example": names, "example_skip_suite": ["example_skip_suite_test"]}))
        built = self.make(log, name="builtin")
        module = self.make(log, name="module", ktap={f"{k}.ktap": v for k, v in documents.items()})
        for run in built, module:
            # The kernel says "pass:9 fail:0 skip:2 total:11", and one suite was skipped.
            self.judge(run, "pass", 0, "9 passed, 0 failed, 3 skipped", "--expect", expect)
        result = json.loads((module / "results.json").read_text())
        params = [p["name"] for case in result["suites"][0]["cases"] for p in case["params"]]
        self.assertEqual(len(params), 14)
        self.assertIn("fibonacci param: 1#2", params, "two parameters of one name")
        self.assertEqual(self.verb("compare", built, module).returncode, 0)


class FilesTest(RunTest):
    def test_extracted_ktap_says_the_same(self) -> None:
        run = self.make(console_with(FAILED, "ok 1 truncate_middle", failing()))
        self.report(run)
        built = json.loads((run / "results.json").read_text())
        again = self.make(BOOT, name="again", ktap={
            path.name: path.read_text() for path in (run / "ktap").iterdir()})
        self.assertEqual(len(list((again / "ktap").iterdir())), 3)
        result = self.judge(again, "fail", 1, "5 passed, 1 failed, 1 skipped")
        for suite in built["suites"] + result["suites"]:
            suite["time"] = None
            for case in suite["cases"]:
                case["time"] = None
                for param in case["params"]:
                    param["time"] = None
        self.assertEqual(result["suites"], built["suites"])
        for path in (run / "ktap").iterdir():
            document, = ktap.parse(console.read_lines(path))
            self.assertEqual(document.faults(), [])

    def test_junit(self) -> None:
        text = swap(failing(), "        ok 1 order 2, clean", "        ok 1 <&\"order\x01 2>")
        run = self.make(console_with(FAILED + "\x1b[31m & <b> ]]>\n", "ok 1 truncate_middle", text)
                        + stamped(SPLATS["ubsan"], 5.0))
        self.judge(run, "fail", 1, "5 passed, 2 failed, 1 skipped")
        root = ET.parse(run / "junit.xml").getroot()
        self.assertEqual((root.get("tests"), root.get("failures"), root.get("errors"), root.get("skipped")),
                         ("13", "2", "0", "1"))
        names = [case.get("name") for case in root.iter("testcase")]
        self.assertIn("lookup_each_index[order 9]", names)
        self.assertEqual([suite.get("name") for suite in root], ["mm_alpha", "mm_beta", "mm_gamma", "console"])
        failure = next(root.iter("failure"))
        self.assertIn("folio_order(folio) == 0", failure.text or "")

    def test_rerun_is_stable(self) -> None:
        run = self.make(builtin_log())
        self.report(run)
        before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
        self.report(run)
        self.assertEqual(before, {path: path.read_bytes() for path in run.rglob("*") if path.is_file()})

    def test_meta_is_kept(self) -> None:
        run = self.make(builtin_log())
        self.report(run)
        result = json.loads((run / "results.json").read_text())
        self.assertEqual((result["schema"], result["how"], result["meta"]["base"]), (1, "builtin", "7.3"))

    def test_usage(self) -> None:
        self.assertEqual(self.report(self.scratch / "nothing").returncode, 2)
        run = self.make(builtin_log())
        (run / "meta.json").unlink()
        done = self.report(run)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("--how", done.stderr)
        self.assertEqual(self.report(run, "--how", "builtin").returncode, 0)
        with mock.patch.dict(REPORT["report"].__globals__, evaluate=None):
            self.assertEqual(self.report(run, "--how", "builtin").returncode, 5, "a defect of ours")
        self.assertEqual(json.loads((run / "results.json").read_text())["verdict"], "error")
        (run / "meta.json").write_text("{")
        self.assertEqual(self.report(run).returncode, 2)

    def test_not_utf8(self) -> None:
        run = self.make(builtin_log().encode() + b"\xff\xfe\x00 garbage\n")
        self.judge(run, "pass", 0, ALL)


class CasesTest(RunTest):
    def scan(self, text: str, file: str = "x_kunit.c") -> cases.Cases:
        (self.scratch / file).write_text(text)
        return cases.scan_sources(self.scratch)

    def test_every_macro(self) -> None:
        self.assertEqual(self.scan("""
            /* KUNIT_CASE(commented), { } */
            static struct kunit_case x_cases[] = {
                KUNIT_CASE(plain), // KUNIT_CASE(old),
                KUNIT_CASE_SLOW(slow),
                KUNIT_CASE_ATTR(attr, ((struct kunit_attributes){ .speed = 1 })),
                KUNIT_CASE_PARAM(param, x_gen_params),
                KUNIT_CASE_PARAM_ATTR(param_attr,
                                      x_gen_params, attributes),
                KUNIT_CASE_PARAM_WITH_INIT(with_init, kunit_array_gen_params,
                                           init, NULL),
                {}
            };
            static struct kunit_suite x_suite = {
                .name = "mm_x", /* .name = "no" */
                .init = x_init,
                .test_cases = x_cases,
            };
            kunit_test_suite(x_suite);"""),
            {"mm_x": ["plain", "slow", "attr", "param", "param_attr", "with_init"]})

    def test_refused(self) -> None:
        form = 'static struct kunit_case c[] = {%s {} };\nstatic struct kunit_suite s = {\n.name = "s", .test_cases = %s,\n};'
        for body, array in (("#ifdef CONFIG_X\nKUNIT_CASE(a),\n#endif\n", "c"), ("MY_CASE(a),", "c"),
                            ("KUNIT_CASE(a), KUNIT_CASE(a),", "c"), ("KUNIT_CASE(a),", "d"), ("", "c")):
            with self.assertRaises(cases.CasesError, msg=body):
                self.scan(form % (body, array))

    def test_two_files_one_suite(self) -> None:
        text = 'struct kunit_case c[] = { KUNIT_CASE(a), {} };\nstruct kunit_suite s = { .name = "s", .test_cases = c };'
        self.assertEqual(self.scan(text), {"s": ["a"]})
        with self.assertRaises(cases.CasesError):
            self.scan(text, "y_kunit.c")

    def test_verb(self) -> None:
        self.scan('struct kunit_case c[] = { KUNIT_CASE(a), KUNIT_CASE(b), {} };\n'
                  'struct kunit_suite s = {\n.name = "mm_s", .test_cases = c,\n};')
        self.assertEqual(self.verb("cases", self.scratch).stdout, "mm_s.a\nmm_s.b\n")
        self.assertEqual(json.loads(self.verb("cases", "--json", self.scratch).stdout), {"mm_s": ["a", "b"]})
        self.assertEqual(self.verb("cases", "--suites", self.scratch).stdout, "mm_s\n")
        self.assertEqual(self.verb("cases", self.scratch / "none").returncode, 2)

    def test_lists(self) -> None:
        path = Path(self.scratch / "list")
        for text in ("a.b\na.c\n", '{"a": ["b", "c"]}'):
            path.write_text(text)
            self.assertEqual(cases.read_list(path), {"a": ["b", "c"]})


if __name__ == "__main__":
    unittest.main()
