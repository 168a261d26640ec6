# SPDX-License-Identifier: GPL-2.0
"""The census of struct page interfaces, over made-up sources with traps in them."""
from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/lib"))

import census_flags  # noqa: E402
import census_uses  # noqa: E402
import csource  # noqa: E402
from census_scan import read_table, subsystem  # noqa: E402

TABLE = ROOT / "scripts/lib/census.tsv"
ROWS = read_table(TABLE)
Found = list[tuple[int, str, str]]


def look(text: str, path: str = "fs/some/inode.c") -> Found:
    """Line, name and kind of all that is found in a source."""
    return [(use.line, use.name, use.kind)
            for use in census_uses.find_uses(csource.read(path, text), ROWS)]


def uses(text: str, path: str = "fs/some/inode.c") -> list[tuple[int, str]]:
    """Line and name of what counts."""
    return [(line, name) for line, name, kind in look(text, path) if kind in census_uses.USES]


class Strip(unittest.TestCase):
    def test_comments_and_strings(self) -> None:
        self.assertEqual(uses("/* unlock_page(p) */\n"
                              "// unlock_page(p) \\\n unlock_page(q)\n"
                              'pr_err("unlock_page(p) \\" /* ", x); unlock_page(p);\n'
                              'c = \'"\'; unlock_page(p); d = \'\\\'\'; /* " */\n'
                              '#error don\'t\n'
                              "unlock_page(p); /* an unlock_page(p)\n and another */ unlock_page(q);\n"),
                         [(4, "unlock_page"), (5, "unlock_page"), (7, "unlock_page"), (8, "unlock_page")])

    def test_string_over_two_lines(self) -> None:
        self.assertEqual(uses('x = "unlock_page( \\\nunlock_page(";\nunlock_page(p);'), [(3, "unlock_page")])

    def test_comment_without_end(self) -> None:
        self.assertEqual(uses("a();\n/* unlock_page(p);\n"), [])

    def test_what_if_0_takes_out(self) -> None:
        self.assertEqual(uses("#if 0\nlock_page(p);\n#ifdef X\nlock_page(p);\n#else\nlock_page(p);\n#endif\n"
                              "#else\nunlock_page(p);\n#endif\n"
                              "#if 1\nlock_page(p);\n#else\nunlock_page(p);\n#endif\n"
                              "#if 0\nlock_page(p);\n#elif X\ntrylock_page(p);\n#endif\n"
                              "#ifdef Y\nput_page(p);\n#else\nget_page(p);\n#endif\n"),
                         [(9, "unlock_page"), (12, "lock_page"), (19, "trylock_page"), (22, "put_page"), (24, "get_page")])

    def test_lines_stay(self) -> None:
        text = '/* a\n b */ "c" \'d\' // e \\\n f\n#if 0\n g\n#endif\n'
        self.assertEqual(len(csource.read("a.c", text).text), len(text))
        self.assertEqual(csource.read("a.c", text).text.count("\n"), text.count("\n"))


class Calls(unittest.TestCase):
    def test_call_is_told_from_the_rest(self) -> None:
        self.assertEqual(look("void unlock_page(struct page *page);\n"
                              "extern bool __must_check\nset_page_dirty(struct page *page);\n"
                              "void unlock_page(struct page *page)\n{\n"
                              "\tunlock_page(page);\n"
                              "}\nEXPORT_SYMBOL_GPL(unlock_page);\n", "mm/folio-compat.c"),
                         [(1, "unlock_page", "declaration"), (3, "set_page_dirty", "declaration"),
                          (4, "unlock_page", "definition"), (6, "unlock_page", "call"), (8, "unlock_page", "export")])

    def test_calls_that_look_like_declarations(self) -> None:
        for text in ("return page_offset(p);", "else unlock_page(p);", "do unlock_page(p); while (0);",
                     "if (a) unlock_page(p);", "x = a * page_offset(p);", "x = (long)a * page_size(p);",
                     "out: unlock_page(p);", "case 1: unlock_page(p);", "(void) unlock_page(p);",
                     "for_each(x, y)\n\tunlock_page(p);", "a[page_count(p)] = 1;", "!PageHead(p);",
                     "if (x && \n#ifdef Y\n z &&\n#endif\nPageHead(p)) {", "return unlock_page\n(p);",
                     "struct page *page = read_mapping_page(m, 0, NULL);"):
            with self.subTest(text):
                self.assertEqual(len(uses(f"void f(void)\n{{\n\t{text}\n}}\n")), 1)

    def test_what_is_no_call(self) -> None:
        for text in ("ops->put_page(p);", "ops.put_page(p);", "(*put_page)(p);", "int (*put_page)(struct page *);",
                     "goto unlock_page;\nunlock_page:\n", "my_unlock_page(p);", "unlock_page_range(p);",
                     "__unlock_page(p);", "page_offset = 1;", "u32 page_offset; ops = { .at = page_offset };",
                     "unlock_page##x(p);", "x##unlock_page(p);", "struct unlock_page { int a; };"):
            with self.subTest(text):
                self.assertEqual(uses(f"void f(void)\n{{\n{text}\n}}\n"), [])

    def test_function_as_a_value(self) -> None:
        self.assertEqual(look("struct ops o = {\n\t.done = unlock_page,\n\t.dirty = &set_page_dirty };\no->end = put_page;\n"),
                         [(2, "unlock_page", "ref"), (3, "set_page_dirty", "ref"), (4, "put_page", "ref")])

    def test_value_that_is_a_variable(self) -> None:
        self.assertEqual(uses("#define INIT(page_size) { .size = page_size, }\nint f(u32 page_count)\n{\n\to->n = page_count;\n}\n"), [])

    def test_caller_in_a_macro(self) -> None:
        self.assertEqual(look("#define drop(p)\t\\\n\tdo {\t\t\\\n\t\tunlock_page(p);\t\\\n\t} while (0)\n"
                              "#define done unlock_page\nvoid lock_page(struct page *p);\n", "fs/some/some.h"),
                         [(3, "unlock_page", "macro"), (5, "unlock_page", "macro"), (6, "lock_page", "declaration")])

    def test_macro_of_the_name(self) -> None:
        self.assertEqual(look("#define page_buffers(page)\t\\\n\t({ BUG_ON(!PagePrivate(page)); page_private(page); })\n",
                              "include/linux/buffer_head.h"),
                         [(1, "page_buffers", "definition"), (2, "PagePrivate", "macro"), (2, "page_private", "macro")])

    def test_function_that_a_macro_makes_is_no_caller_of_itself(self) -> None:
        self.assertEqual(uses("#define FLAG(name) \\\nstatic inline void SetPage##name(struct page *page) { set_page_private(page, 1); }\n"),
                         [(2, "set_page_private")])

    def test_own_function_of_the_name(self) -> None:
        text = "static void put_page(struct my *p)\n{\n}\nvoid f(void)\n{\n\tput_page(p);\n}\n"
        self.assertEqual(look(text, "drivers/a/b.c"), [(1, "put_page", "definition"), (6, "put_page", "own")])
        # The kernel's own inlines hide nothing from their callers.
        self.assertEqual(uses(f"static inline {text}", "include/linux/mm.h"), [(6, "put_page")])


class Members(unittest.TestCase):
    def test_page_by_its_type_or_name(self) -> None:
        for text in ("struct page *p; p->mapping = NULL;", "struct page *a, *b = NULL, *c; c->mapping;",
                     "page->mapping", "pages[i]->mapping", "struct page *pg; pg[2].mapping", "ttm->pages[i]->mapping",
                     "req->wb_page->mapping->host", "folio->page.mapping", "virt_to_page(x)->mapping", "(page)->mapping",
                     "(*ppage)->mapping; struct page **ppage; (*ppage)->mapping", "pgtable_t t; t->mapping"):
            with self.subTest(text):
                self.assertIn("page->mapping", {name for _, name in uses(f"void f(void)\n{{\n{text};\n}}\n")})

    def test_members_of_others(self) -> None:
        for text in ("folio->mapping", "inode->i_mapping", "struct folio *page; page->mapping", "page->mapping_x",
                     "page->mapping()", "vma->mapping", "struct my_page *page; page->mapping", "struct my *p; p->mapping",
                     "struct page *p; f(); } void g(struct my *p) { p->mapping", "page_folio(page)->mapping",
                     "struct s { struct mine *page; }; x->page->mapping", "tab->page[i].mapping",
                     "offsetof(struct page, mapping)"):
            with self.subTest(text):
                self.assertNotIn("page->mapping", {name for _, name in uses(f"void f(void)\n{{\n{text};\n}}\n")})

    def test_lru_lists(self) -> None:
        self.assertEqual(uses("struct page *p, *n;\nlist_for_each_entry_safe(p, n, &l, lru)\n\tlist_del(&p->lru);\n"
                              "x = list_first_entry(&l,\n\tstruct page, lru);\n"
                              "struct folio *f;\nlist_for_each_entry(f, &l, lru)\n\tlist_del(&f->lru);\n"),
                         [(2, "page->lru"), (3, "page->lru"), (4, "page->lru")])

    def test_bridges(self) -> None:
        self.assertEqual(uses("f(&folio->page);\nf(&fbatch.folios[i]->page);\nstruct folio *src;\ng(&src->page);\n"
                              "f(&my->page);\nx = folio->page.flags;\nfolio_page(folio, 0);\nfolio_page(f(a, 0),\n 0);\n"
                              "folio_page(folio, n);\nvmf->page = p;\nfe->page = p;\nbh->b_page;\nbv.bv_page;\nreq->wb_page;\n"),
                         [(1, "&folio->page"), (2, "&folio->page"), (4, "&folio->page"), (7, "folio_page(f, 0)"),
                          (8, "folio_page(f, 0)"), (11, "vmf->page"), (13, "bh->b_page"), (14, "bv_page"), (15, "req->wb_page")])


class Generated(unittest.TestCase):
    def test_macros_are_expanded(self) -> None:
        source = csource.read("include/linux/page-flags.h",
                              "#define TEST(uname, lname)\t\\\nstatic inline int Page##uname(struct page *p)\t\\\n{ return lname; }\n"
                              "#define SET(uname, lname) static void SetPage##uname(struct page *p) { }\n"
                              "#define __SET(uname) static void __SetPage##uname(struct page *p) { }\n"
                              "#define BOTH(uname, lname) \\\n\tTEST(uname, lname) SET(uname, lname)\n"
                              "#define OTHER(lname) bool folio_test_##lname(struct folio *f);\n"
                              "BOTH(Dirty, dirty) __SET(Dirty)\n#ifdef X\nTEST(Locked, locked)\n#endif\nOTHER(lru)\n")
        self.assertEqual(census_flags.generated(source), {"PageDirty", "SetPageDirty", "__SetPageDirty", "PageLocked"})


class Table(unittest.TestCase):
    def test_every_row_is_found_where_it_is_used(self) -> None:
        forms = {"call": "{0}(x)", "first": "{1}(f, 0)", "word": "{1}"}
        bases = {"page": "page->", "buffer_head": "bh->", "nfs_page": "req->", "vm_fault": "vmf->", "folio": "&folio->"}
        for row in ROWS:
            how, *rest = row.kind.split(":")
            text = forms[how].format(row.name, row.word) if how in forms else bases[rest[0]] + rest[1]
            with self.subTest(row.name):
                self.assertIn(row.name, [name for _, name in uses(f"void f(void)\n{{\n\tx = {text};\n}}\n")])

    def test_names_come_once_and_say_where_to_go(self) -> None:
        self.assertEqual(len({row.name for row in ROWS}), len(ROWS))
        self.assertEqual([row.name for row in ROWS if not row.folio], [])

    def test_subsystems(self) -> None:
        self.assertEqual([subsystem(path) for path in ("fs/ceph/a.c", "fs/buffer.c", "drivers/gpu/drm/a.c", "mm/kasan/b.c",
                                                       "arch/x86/mm/c.c", "include/linux/mm.h")],
                         ["fs/ceph", "fs", "drivers/gpu", "mm", "arch/x86", "include"])


class Verb(unittest.TestCase):
    """scripts/census itself, on a made-up kernel tree."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.tree = Path(scratch.name, "linux")
        self.out = Path(scratch.name, "out")
        self.put("include/linux/mm_types.h", "struct page;\n")
        self.put("mm/folio-compat.c", "void unlock_page(struct page *page)\n{\n}\n")
        self.put("fs/a/inode.c", "void f(void)\n{\n\tunlock_page(p);\n}\n")
        self.put("tools/x.c", "void f(void)\n{\n\tunlock_page(p);\n}\n")
        self.put("Documentation/x.c", "void f(void)\n{\n\tunlock_page(p);\n}\n")
        self.git("init", "-q")
        self.commit()

    def put(self, path: str, text: str) -> None:
        (self.tree / path).parent.mkdir(parents=True, exist_ok=True)
        (self.tree / path).write_text(text)

    def git(self, *words: str) -> str:
        return subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", self.tree, *words],
                              check=True, capture_output=True, text=True).stdout.strip()

    def commit(self) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x")
        return self.git("rev-parse", "HEAD")

    def census(self, *words: object, **variables: object) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items()
                 if name not in ("TREE", "REV", "API", "FORMAT", "UPDATE", "MAKEFLAGS")}
        return subprocess.run([ROOT / "scripts/census", *map(str, words)], capture_output=True, text=True, check=False,
                              env=clean | {"OUTDIR": str(self.out), **{name: str(value) for name, value in variables.items()}})

    def counts(self, name: str, **variables: object) -> list[dict[str, int]]:
        done = self.census(TREE=self.tree, FORMAT="json", **variables)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [revision["apis"][name]["subsystems"] for revision in json.loads(done.stdout)["revisions"]]

    def test_planted_caller_is_found(self) -> None:
        self.assertEqual(self.counts("unlock_page"), [{"fs/a": 1}])
        self.put("drivers/b/c/d.c", "void g(void)\n{\n\t/* unlock_page(p) */ unlock_page(q);\n}\n")
        self.git("add", "-A")
        self.assertEqual(self.counts("unlock_page"), [{"drivers/b": 1, "fs/a": 1}])

    def test_commits_beside_one_another(self) -> None:
        self.put("fs/a/inode.c", "void f(void)\n{\n\tfolio_unlock(f);\n}\n")
        self.commit()
        self.put("fs/a/inode.c", "not what was committed: unlock_page(p); unlock_page(q);\n")
        self.assertEqual(self.counts("unlock_page", REV="HEAD~1 HEAD"), [{"fs/a": 1}, {}])
        text = self.census(TREE=self.tree, REV="HEAD~1 HEAD").stdout
        self.assertRegex(text, r"(?m)^unlock_page +1 +0$")

    def test_accessors_come_from_the_tree(self) -> None:
        self.put("include/linux/page-flags.h", "#define FLAG(n) int Page##n(void); void SetPage##n(void); void ClearPage##n(void);\n"
                                               "FLAG(Odd)\nFLAG(Even)\n")
        self.put("mm/odd.c", "void f(void)\n{\n\tSetPageOdd(p);\n\tPageOdd(p);\n\tPageOdd(q);\n}\n")
        self.commit()
        text = self.census(TREE=self.tree).stdout
        self.assertRegex(text, r"(?m)^PageOdd +2 +0 +0 +0 +0 +0 +0 +2 +1$")
        self.assertIn("4 of the 6 functions that the macros of page-flags.h make: "
                      "ClearPageEven, ClearPageOdd, PageEven, SetPageEven.", " ".join(text.split()))

    def test_what_is_left_in_out(self) -> None:
        self.census(TREE=self.tree)
        told = json.loads((self.out / "census/census-api.json").read_text())
        self.assertEqual(told["revisions"][0]["places"], [["fs/a/inode.c", 3, "unlock_page", "call"]])
        plot = ElementTree.parse(self.out / "census/census-api.svg")
        self.assertIn("fs/a", [text.text for text in plot.iter("{http://www.w3.org/2000/svg}text")])
        self.assertRegex((self.out / "census/census-api.txt").read_text(), r"(?m)^unlock_page( +\d+)+$")

    def test_filesystem_of_ones_own(self) -> None:
        mine = self.out.parent / "myfs"
        mine.mkdir()
        (mine / "dir.c").write_text("void f(void)\n{\n\tp = find_get_page(m, 0);\n\tSetPageError(p);\n\tPageHWPoison(p);\n}\n")
        expected = [f"{mine}/dir.c:3: find_get_page() -> filemap_get_folio(): Returns ERR_PTR(-ENOENT), not NULL; "
                    "the index may be in the middle of the folio: offset_in_folio().",
                    f"{mine}/dir.c:4: SetPageError() -> no folio function",
                    "uses of struct page interfaces to move to folios: 2"]
        for done in (self.census(mine), self.census(TREE=mine), self.census(mine / "dir.c")):
            self.assertEqual(done.stdout.splitlines(), expected, done.stderr)
            self.assertEqual(done.returncode, 0)
        done = self.census(mine, API="find_get_page")
        self.assertEqual(done.stdout.splitlines(), [expected[0], "uses of struct page interfaces to move to folios: 1"])

    def test_what_cannot_be_counted(self) -> None:
        (self.out.parent / "empty").mkdir()
        for words, variables, said in (
                (["/nowhere/at/all"], {}, "is not there"),
                ([self.out.parent / "empty"], {}, "has no C source"),
                ([], {"TREE": self.tree, "REV": "nonesuch"}, "git rev-parse"),
                ([], {"TREE": self.out.parent / "empty", "REV": "HEAD"}, "no git repository"),
                ([], {"TREE": self.tree, "API": "nonesuch"}, "API=nonesuch is neither"),
                ([self.tree], {"TREE": self.tree}, "not both"),
                ([], {"TREE": self.tree, "UPDATE": "yes"}, "UPDATE=yes is for the applied tree"),
                ([], {"BUILD": self.out.parent / "empty"}, "run make apply")):
            with self.subTest(said):
                done = self.census(*words, **variables)
                self.assertEqual((done.returncode, len(done.stderr.splitlines())), (2, 1), done.stderr)
                self.assertIn(said, done.stderr)


if __name__ == "__main__":
    unittest.main()
