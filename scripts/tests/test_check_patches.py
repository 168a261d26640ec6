# SPDX-License-Identifier: GPL-2.0
"""check-patches finds each thing that is wrong with a series, on a made-up tree."""
from __future__ import annotations

import test_patches


class CheckPatches(test_patches.Fixture):
    """The good series passes; each fault fails the check that is there for it."""

    def setUp(self) -> None:
        super().setUp()
        self.start_applied()

    def check(self, code: int = 0) -> str:
        return self.run_verb("check-patches", code=code)

    def assert_fails(self, *wanted: str) -> None:
        said = self.check(code=1)
        for text in wanted:
            self.assertIn(text, said)
        self.assertRegex(said.splitlines()[-1], r"^\d+ passed, [1-9]\d* failed$")

    def test_good(self) -> None:
        said = self.check()
        self.assertNotIn("FAIL", said)
        self.assertEqual(said.splitlines()[-1], "12 passed, 0 failed")
        self.assertIn("ok the three give the same tree", said)

    def test_file_not_in_series(self) -> None:
        (self.patches / "10-fixes/0003-more.patch").write_text("x\n")
        self.assert_fails("FAIL series and files agree", "10-fixes/0003-more.patch is there and not in the series")

    def test_file_missing(self) -> None:
        (self.patches / "10-fixes/0002-mm-Fix-y50.patch").unlink()
        self.assert_fails("0002-mm-Fix-y50.patch is in the series and missing")

    def test_cover_letter_missing(self) -> None:
        (self.patches / "90-kunit/0000-cover-letter.patch").unlink()
        self.assert_fails("90-kunit/0000-cover-letter.patch is missing")

    def test_topics_out_of_order(self) -> None:
        series = self.patches / "series"
        series.write_text("\n".join(reversed(self.series_names())) + "\n")
        self.assert_fails("topics are not each in one piece", "10-fixes is not numbered")

    def test_base_missing(self) -> None:
        (self.patches / "BASE").unlink()
        self.assert_fails("FAIL BASE\n  BASE is missing")

    def test_base_without_sum(self) -> None:
        (self.patches / "BASE").write_text("version=7.3.4\ntag=v7.3.4\ntarball=x\nsha256=\n")
        self.assert_fails("BASE has no sha256=")

    def test_checkpatch_finds(self) -> None:
        self.change_patch("10-fixes/0001-*", "+int x5 = 5;", "+int x5 = BAD_STYLE;")
        self.assert_fails("FAIL 10-fixes/0001-mm-Fix-x5.patch checkpatch --strict", "ERROR:SPACING: bad style (#9: FILE: mm/x.c:5)")

    def test_checkpatch_that_dies_is_no_pass(self) -> None:
        for program in ("exit 0;\n", "die 'broken';\n"):
            (self.tree / "scripts/checkpatch.pl").write_text(program)
            with self.subTest(program):
                self.assert_fails("checkpatch ended with")

    def test_ignore_needs_a_reason(self) -> None:
        ignore = self.root / "scripts/lib/checkpatch.ignore"
        ignore.write_text("SPACING *\n")
        self.assertIn("gives no reason", self.check(code=2))

    def test_words(self) -> None:
        signed = "Signed-off-by: Ann Author <ann@example.org>"
        for old, new, wanted in (
                (signed, "Acked-by: Nobody <n@example.org>", "no Signed-off-by of its author"),
                ("mm: Fix x5", "Fix x5", "is not 'subsys: Imperative summary'"),
                ("mm: Fix x5", "mm: Fixes x5", "'Fixes' is not imperative"),
                ("mm: Fix x5", "mm: Added x5", "'Added' is not imperative"),
                ("mm: Fix x5", "mm: Fix " + "x" * 70, "subject of 78 columns"),
                ("Because", "because " * 12, "in its text; at most 75"),
                ("From: Ann Author <ann@example.org>", "From: Ann Author <ann>", "is not Name <mail@host>"),
                ("From 0000000", "From 1234567", "commit that nobody has")):
            with self.subTest(wanted):
                path = self.patches / "10-fixes/0001-mm-Fix-x5.patch"
                text = path.read_text()
                self.change_patch("10-fixes/0001-*", old, new)
                self.assert_fails("FAIL 10-fixes/0001-mm-Fix-x5.patch reads well", wanted)
                path.write_text(text)

    def test_fuzz_is_a_failure(self) -> None:
        """Context that only a fuzzy patch would take."""
        self.change_patch("10-fixes/0002-*", "@@ int y46;\n int y47;", "@@ int y46;\n int z47;")
        self.assert_fails("FAIL git am applies the series", "0002-mm-Fix-y50.patch: mm/y.c, hunk 1 of 1",
                          "FAIL quilt push -a applies the series", "FAIL patch -p1 --fuzz=0 applies the series")

    def test_copy_of_the_module_differs(self) -> None:
        """What kernels without the series are given must be what it adds."""
        (self.tree / "mm/memdesc.c").write_text("int m1;\n")
        self.git("add", "-f", "mm/memdesc.c")
        self.commit("mm: Add m1")
        self.run_verb("refresh")
        self.assert_fails("FAIL module/memdesc.c is mm/memdesc.c", "they differ; copy the one that is right")
        copy = self.root / "module/memdesc.c"
        copy.parent.mkdir(exist_ok=True)
        copy.write_text("int m2;\n")
        self.assert_fails("FAIL module/memdesc.c is mm/memdesc.c")
        copy.write_text("int m1;\n")
        self.assertIn("ok module/memdesc.c is mm/memdesc.c", self.check())

    def test_different_results_are_a_failure(self) -> None:
        """A tool that does a little more than it should."""
        stub = self.top / "bin/patch"
        stub.parent.mkdir()
        stub.write_text('#!/bin/sh\ncase "$*" in *--forward*) echo >stray ;; esac\nexec /usr/bin/patch "$@"\n')
        stub.chmod(0o755)
        self.environment["PATH"] = f"{stub.parent}:{self.environment['PATH']}"
        self.assert_fails("FAIL the three give the same tree")


if __name__ == "__main__":
    test_patches.unittest.main()
