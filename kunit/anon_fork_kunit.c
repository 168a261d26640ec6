// SPDX-License-Identifier: GPL-2.0
/*
 * Anonymous folios of forked address spaces: who shares what, who may write it
 * without a copy, and what becomes of the counters. After each step fxa_expect()
 * compares all of them with the tables of all address spaces.
 */
#include <linux/highmem.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/uaccess.h>

#include "fixture.h"
#include "../module/compat.h"

#define ADDR	FXA_AREA(0)

#define OWNED	(FXA_PAGE | FXA_WRITE | FXA_EXCLUSIVE)
#define SHARED	(FXA_PAGE | FXA_SAME)
#define ALL	(FXA_KINDS | FXA_PMD | FXA_WRITE | FXA_EXCLUSIVE | FXA_SAME)

static unsigned int pmd_if(struct fxa *f)
{
	return f->pmd ? FXA_PMD : 0;
}

/* A folio in mm 0, forked to mm 1; all of it is shared then. */
static unsigned int populate_and_fork(struct fxa *f)
{
	unsigned int child;

	fxa_populate(f, 0, ADDR, 1, 1);
	child = fxa_fork(f, 0);
	fxa_expect_state(f, 0, ADDR, 0, f->nr, ALL, SHARED | pmd_if(f), "forked, parent", 0);
	fxa_expect_state(f, child, ADDR, 0, f->nr, ALL | FXA_YOUNG, SHARED | pmd_if(f),
			 "forked, child", 0);
	fxa_expect(f, "forked", 0);
	return child;
}

static void fork_shares_folio(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned int child;

	fxa_populate(f, 0, ADDR, 1, 1);
	fxa_expect_state(f, 0, ADDR, 0, f->nr, ALL | FXA_DIRTY | FXA_YOUNG,
			 OWNED | FXA_SAME | pmd_if(f) | FXA_DIRTY | FXA_YOUNG, "before", 0);
	child = fxa_fork(f, 0);
	fxa_expect_state(f, 0, ADDR, 0, f->nr, ALL | FXA_DIRTY | FXA_YOUNG,
			 SHARED | pmd_if(f) | FXA_DIRTY | FXA_YOUNG, "parent", 0);
	fxa_expect_state(f, child, ADDR, 0, f->nr, ALL | FXA_DIRTY | FXA_YOUNG,
			 SHARED | pmd_if(f) | FXA_DIRTY, "child", 0);
	fxa_expect(f, "forked", 0);
	fxa_expect_data(f, 0, ADDR, 0, f->nr, 1, "parent", 0);
	fxa_expect_data(f, child, ADDR, 0, f->nr, 1, "child", 0);
	fxa_end_mm(f, 0);
	fxa_expect(f, "the parent is gone", 0);
	fxa_expect_data(f, child, ADDR, 0, f->nr, 1, "child alone", 0);
	fxa_end(f);
}

/*
 * Whoever writes a page has a copy of that page, and of that page alone:
 *
 *	parent [0 1 2 3]     the folio
 *	child  [0 1 c 3]     c is a copy
 */
static void write_shared_page(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned long pages[] = { 0, f->nr / 2, f->nr - 1 };
	unsigned int i, child, writer, other;

	for (i = 0; i < 2 * ARRAY_SIZE(pages); i++) {
		unsigned long page = pages[i / 2];

		child = populate_and_fork(f);
		writer = i & 1 ? 0 : child;
		other = i & 1 ? child : 0;
		fxa_write(f, writer, ADDR, page, 1, 2);
		fxa_expect_state(f, writer, ADDR, page, 1, ALL | FXA_DIRTY, OWNED | FXA_DIRTY,
				 "wrote, way", i);
		fxa_expect_state(f, writer, ADDR, 0, page, ALL, SHARED, "beside, way", i);
		fxa_expect_state(f, writer, ADDR, page + 1, f->nr - page - 1, ALL, SHARED,
				 "beside, way", i);
		fxa_expect_state(f, other, ADDR, 0, f->nr, ALL, SHARED | pmd_if(f),
				 "in the other mm, way", i);
		fxa_read(f, writer, ADDR, page, 1);
		KUNIT_EXPECT_EQ_MSG(test, 0, folio_order(page_folio(f->entries[0].page)),
				    "way %u", i);
		fxa_expect(f, "wrote, way", i);
		fxa_expect_data(f, writer, ADDR, page, 1, 2, "wrote, way", i);
		fxa_expect_data(f, writer, ADDR, 0, page, 1, "beside, way", i);
		fxa_expect_data(f, writer, ADDR, page + 1, f->nr - page - 1, 1, "beside, way", i);
		fxa_expect_data(f, other, ADDR, 0, f->nr, 1, "in the other mm, way", i);

		/* Then the other one, the same page and all the others. */
		fxa_write(f, other, ADDR, page, 1, 3);
		fxa_expect(f, "the other wrote, way", i);
		fxa_expect_data(f, writer, ADDR, page, 1, 2, "the other wrote, way", i);
		fxa_write(f, other, ADDR, 0, f->nr, 3);
		fxa_expect(f, "the other wrote all, way", i);
		fxa_expect_state(f, other, ADDR, 0, f->nr, OWNED, OWNED, "wrote all, way", i);
		fxa_expect_data(f, other, ADDR, 0, f->nr, 3, "wrote all, way", i);
		fxa_expect_data(f, writer, ADDR, page, 1, 2, "the other wrote all, way", i);
		fxa_expect_data(f, writer, ADDR, 0, page, 1, "the other wrote all, way", i);
		fxa_expect_data(f, writer, ADDR, page + 1, f->nr - page - 1, 1,
				"the other wrote all, way", i);
		fxa_end_mm(f, child);
		fxa_expect(f, "the child is gone, way", i);
		fxa_munmap(f, 0, ADDR, 0, f->nr);
	}
	fxa_end(f);
}

/* Who is left with the folio alone has it back, without a copy. */
static void reuse_after_exit(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned long page = f->nr / 2;
	unsigned int i, child, left, gone;

	for (i = 0; i < 4; i++) {
		child = populate_and_fork(f);
		left = i & 1 ? child : 0;
		gone = i & 1 ? 0 : child;
		if (i & 2) {
			fxa_munmap(f, gone, ADDR, 0, f->nr);
			fxa_expect(f, "unmapped in one mm, way", i);
		}
		if (gone || !(i & 2))
			fxa_end_mm(f, gone);
		fxa_expect(f, "left alone, way", i);
		fxa_write(f, left, ADDR, page, 1, 2);
		fxa_expect_state(f, left, ADDR, page, 1, ALL, OWNED | FXA_SAME | pmd_if(f),
				 "wrote, way", i);
		fxa_write(f, left, ADDR, 0, f->nr, 2);
		fxa_expect_state(f, left, ADDR, 0, f->nr, ALL, OWNED | FXA_SAME | pmd_if(f),
				 "wrote all, way", i);
		fxa_expect_data(f, left, ADDR, 0, f->nr, 2, "wrote all, way", i);
		fxa_expect(f, "wrote all, way", i);
		fxa_end_mm(f, left);
		if (left && f->mm[0])
			fxa_end_mm(f, 0);
		f->folio = NULL;
		fxa_expect(f, "all gone, way", i);
		KUNIT_ASSERT_EQ(test, 0, fxa_new_mm(f));
	}
	fxa_end(f);
}

/* Somebody else has a reference, or maps a page: then a write must copy. */
static void no_reuse_while_referenced(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned long other = f->nr - 1;
	unsigned int child;

	child = populate_and_fork(f);
	fxa_end_mm(f, child);
	folio_get(f->folio);
	f->held = f->folio;
	f->held_refs = 1;
	fxa_write(f, 0, ADDR, 0, 1, 2);
	fxa_expect_state(f, 0, ADDR, 0, 1, ALL, OWNED, "wrote what is referenced", 0);
	fxa_expect_data(f, 0, ADDR, 0, 1, 2, "wrote what is referenced", 0);
	fxa_expect_data(f, 0, ADDR, 1, other, 1, "wrote what is referenced", 0);
	fxa_expect(f, "wrote what is referenced", 0);
	folio_put(f->folio);
	f->held = NULL;
	if (f->nr > 2) {
		/* All references are from this mm again. */
		fxa_write(f, 0, ADDR, 1, 1, 3);
		fxa_expect_state(f, 0, ADDR, 1, 1, ALL, OWNED | FXA_SAME, "no more referenced", 0);
		fxa_expect(f, "no more referenced", 0);
	}
	fxa_munmap(f, 0, ADDR, 0, f->nr);

	if (f->order) {
		/* Of a folio that is of no more use a page is copied, for the folio to be freed. */
		child = populate_and_fork(f);
		fxa_end_mm(f, child);
		fxa_munmap(f, 0, ADDR, 0, other);
		fxa_write(f, 0, ADDR, other, 1, 2);
		fxa_expect_state(f, 0, ADDR, other, 1, ALL, OWNED, "wrote the last page", 0);
		fxa_expect_data(f, 0, ADDR, other, 1, 2, "wrote the last page", 0);
		fxa_expect(f, "wrote the last page", 0);
		fxa_munmap(f, 0, ADDR, other, 1);
	}

	if (f->nr > 2) {
		child = populate_and_fork(f);
		fxa_munmap(f, child, ADDR, 0, other);
		fxa_expect(f, "the child keeps one page", 0);
		fxa_write(f, 0, ADDR, 0, 1, 2);
		fxa_expect_state(f, 0, ADDR, 0, 1, ALL, OWNED, "the child keeps one page", 0);
		fxa_expect_data(f, child, ADDR, other, 1, 1, "the child keeps one page", 0);
		fxa_expect(f, "wrote beside what is shared", 0);
		fxa_munmap(f, child, ADDR, other, 1);
		fxa_expect(f, "the child keeps nothing", 0);
		fxa_write(f, 0, ADDR, other, 1, 3);
		fxa_expect_state(f, 0, ADDR, other, 1, ALL, OWNED | FXA_SAME,
				 "the child keeps nothing", 0);
		fxa_expect_data(f, 0, ADDR, 0, 1, 2, "wrote what was shared", 0);
		fxa_expect_data(f, 0, ADDR, 1, other - 1, 1, "wrote what was shared", 0);
		fxa_expect_data(f, 0, ADDR, other, 1, 3, "wrote what was shared", 0);
		fxa_expect(f, "wrote what was shared", 0);
	}
	fxa_end(f);
}

/* Three and four mms, and each order in which three of them end. */
static void fork_many_mms(struct kunit *test)
{
	static const u8 ways[][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};
	struct fxa *f = fxa_start_param(test);
	unsigned int way, i;

	for (way = 0; way < ARRAY_SIZE(ways); way++) {
		unsigned int last = ways[way][2];

		if (!f->mm[0])
			KUNIT_ASSERT_EQ(test, 0, fxa_new_mm(f));
		KUNIT_ASSERT_EQ(test, 1, populate_and_fork(f));
		KUNIT_ASSERT_EQ(test, 2, fxa_fork(f, way & 1));
		fxa_expect(f, "three mms, way", way);
		KUNIT_ASSERT_EQ(test, 3, fxa_fork(f, 2));
		fxa_expect(f, "four mms, way", way);
		fxa_end_mm(f, 3);
		fxa_expect(f, "the fourth is gone, way", way);
		fxa_write(f, last, ADDR, 0, 1, 5);
		fxa_expect(f, "the last wrote, way", way);
		for (i = 0; i < 2; i++) {
			fxa_end_mm(f, ways[way][i]);
			fxa_expect(f, "one less, way", way);
		}
		fxa_expect_data(f, last, ADDR, 0, 1, 5, "the last, way", way);
		fxa_expect_data(f, last, ADDR, 1, f->nr - 1, 1, "the last, way", way);
		fxa_write(f, last, ADDR, 0, f->nr, 6);
		fxa_expect_data(f, last, ADDR, 0, f->nr, 6, "the last wrote all, way", way);
		fxa_expect_state(f, last, ADDR, 0, f->nr, OWNED, OWNED, "wrote all, way", way);
		fxa_expect(f, "the last wrote all, way", way);
		fxa_end_mm(f, last);
		f->folio = NULL;
		f->had_three = false;
		fxa_expect(f, "nobody left, way", way);
	}
	fxa_end(f);
}

/* The parent had only a part when it forked; then each gives up another one. */
static void fork_part_of_folio(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, child, n = fxa_parts(f->nr, parts);

	for (i = 0; i < n; i++) {
		unsigned long first = parts[i].first, nr = parts[i].nr, end = first + nr;

		if (nr == f->nr)
			continue;
		fxa_populate(f, 0, ADDR, 1, 1);
		fxa_munmap(f, 0, ADDR, first, nr);
		child = fxa_fork(f, 0);
		fxa_expect(f, "forked without part", i);
		fxa_expect_state(f, child, ADDR, first, nr, ~0, 0, "without part", i);
		fxa_expect_state(f, child, ADDR, 0, first, ALL, SHARED, "before part", i);
		fxa_expect_state(f, child, ADDR, end, f->nr - end, ALL, SHARED, "after part", i);
		fxa_expect_data(f, child, ADDR, 0, first, 1, "before part", i);
		fxa_expect_data(f, child, ADDR, end, f->nr - end, 1, "after part", i);
		fxa_munmap(f, child, ADDR, end, f->nr - end);
		fxa_munmap(f, 0, ADDR, 0, first);
		fxa_expect(f, "each has other pages, part", i);
		fxa_end_mm(f, child);
		fxa_expect(f, "the child is gone, part", i);
		fxa_expect_data(f, 0, ADDR, end, f->nr - end, 1, "in the end, part", i);
		fxa_munmap(f, 0, ADDR, 0, f->nr);
		fxa_expect(f, "all is gone, part", i);
	}
	fxa_end(f);
}

/* Both have it, one gives up a part: the folio is partially mapped by nobody. */
static void unmap_part_of_shared(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, child, n = fxa_parts(f->nr, parts);

	for (i = 0; i < n; i++) {
		unsigned long first = parts[i].first, nr = parts[i].nr, end = first + nr;

		child = populate_and_fork(f);
		fxa_munmap(f, child, ADDR, first, nr);
		fxa_expect_state(f, 0, ADDR, 0, f->nr, ALL, SHARED | pmd_if(f), "kept, part", i);
		fxa_expect_state(f, child, ADDR, 0, first, ALL, SHARED, "before part", i);
		fxa_expect_state(f, child, ADDR, end, f->nr - end, ALL, SHARED, "after part", i);
		if (f->order && IS_ENABLED(CONFIG_PAGE_MAPCOUNT))
			KUNIT_EXPECT_FALSE_MSG(test, folio_test_partially_mapped(f->folio),
					       "part %u", i);
		fxa_expect(f, "the child unmapped part", i);
		fxa_munmap(f, 0, ADDR, 0, f->nr);
		fxa_expect(f, "the parent unmapped all, part", i);
		fxa_expect_data(f, child, ADDR, 0, first, 1, "before part", i);
		fxa_expect_data(f, child, ADDR, end, f->nr - end, 1, "after part", i);
		if (f->order && nr < f->nr)
			KUNIT_EXPECT_TRUE_MSG(test, folio_test_partially_mapped(f->folio),
					      "part %u", i);
		fxa_end_mm(f, child);
		fxa_expect(f, "both are gone, part", i);
	}
	fxa_end(f);
}

/* One mm splits its PMD, the other keeps it; both ways to leave. */
static void split_pmd_of_shared(struct kunit *test)
{
	struct fxa *f = fxa_start(test, FXA_PMD_ORDER, true);
	unsigned int i, child, splits, keeps;

	for (i = 0; i < 4; i++) {
		child = populate_and_fork(f);
		splits = i & 1 ? 0 : child;
		keeps = i & 1 ? child : 0;
		fxa_split_pmd(f, splits, ADDR);
		fxa_expect_state(f, splits, ADDR, 0, f->nr, ALL, SHARED, "split, way", i);
		fxa_expect_state(f, keeps, ADDR, 0, f->nr, ALL, SHARED | FXA_PMD, "kept, way", i);
		fxa_expect(f, "split in one mm, way", i);
		fxa_munmap(f, splits, ADDR, 3, 5);
		fxa_expect(f, "unmapped a part of the split one, way", i);
		KUNIT_EXPECT_FALSE(test, folio_test_partially_mapped(f->folio));
		fxa_munmap(f, i & 2 ? splits : keeps, ADDR, 0, f->nr);
		fxa_expect(f, "left by one, way", i);
		if (!(i & 2))
			KUNIT_EXPECT_TRUE(test, folio_test_partially_mapped(f->folio));
		fxa_end_mm(f, child);
		fxa_munmap(f, 0, ADDR, 0, f->nr);
		fxa_expect(f, "left by both, way", i);
	}
	fxa_end(f);
}

/* A protection that comes and goes makes nothing writable that is shared. */
static void mprotect_shared(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned int child = populate_and_fork(f);
	unsigned long half = f->nr / 2 ?: 1;

	KUNIT_ASSERT_EQ(test, 0, fxa_mprotect(f, 0, ADDR, 0, half, PROT_READ));
	KUNIT_ASSERT_EQ(test, 0, fxa_mprotect(f, 0, ADDR, 0, f->nr, PROT_READ | PROT_WRITE));
	KUNIT_ASSERT_EQ(test, 0, fxa_mprotect(f, child, ADDR, 0, f->nr, PROT_NONE));
	KUNIT_ASSERT_EQ(test, 0, fxa_mprotect(f, child, ADDR, 0, f->nr, PROT_READ | PROT_WRITE));
	fxa_expect_state(f, 0, ADDR, 0, f->nr, ALL & ~FXA_PMD, SHARED, "parent", 0);
	fxa_expect_state(f, child, ADDR, 0, f->nr, ALL & ~FXA_PMD, SHARED, "child", 0);
	fxa_write(f, 0, ADDR, 0, f->nr, 2);
	fxa_expect_data(f, child, ADDR, 0, f->nr, 1, "the parent wrote", 0);
	fxa_expect_data(f, 0, ADDR, 0, f->nr, 2, "the parent wrote", 0);
	fxa_expect(f, "the parent wrote", 0);
	fxa_write(f, child, ADDR, 0, f->nr, 3);
	fxa_expect_data(f, child, ADDR, 0, f->nr, 3, "both wrote", 0);
	fxa_expect_data(f, 0, ADDR, 0, f->nr, 2, "both wrote", 0);
	fxa_expect(f, "both wrote", 0);
	fxa_end(f);
}

/* What one gives up with MADV_FREE or MADV_DONTNEED the other one still has. */
static void madvise_shared(struct kunit *test)
{
	static const int advices[] = { MADV_DONTNEED, MADV_FREE, MADV_COLD };
	struct fxa *f = fxa_start_param(test);
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, a, child, n = fxa_parts(f->nr, parts);

	for (i = 0; i < n; i++) {
		for (a = 0; a < ARRAY_SIZE(advices); a++) {
			unsigned long first = parts[i].first, nr = parts[i].nr, end = first + nr;

			child = populate_and_fork(f);
			fxa_drain();
			KUNIT_ASSERT_EQ(test, 0, fxa_madvise(f, child, ADDR, first, nr,
							     advices[a]));
			fxa_expect(f, "advised about part", i);
			/* Not for one of them to give up, nor to split. */
			if (f->pmd && advices[a] == MADV_FREE) {
				fxa_expect_state(f, 0, ADDR, 0, f->nr, ALL | FXA_DIRTY,
						 SHARED | FXA_PMD | FXA_DIRTY, "parent, part", i);
				fxa_expect_state(f, child, ADDR, 0, f->nr, ALL | FXA_DIRTY,
						 SHARED | FXA_PMD | FXA_DIRTY, "child, part", i);
				KUNIT_EXPECT_TRUE_MSG(test, folio_test_swapbacked(f->folio),
						      "part %u", i);
			}
			fxa_expect_data(f, 0, ADDR, 0, f->nr, 1, "the other mm, part", i);
			fxa_expect_data(f, child, ADDR, 0, first, 1, "before part", i);
			fxa_expect_data(f, child, ADDR, end, f->nr - end, 1, "after part", i);
			fxa_drain();
			fxa_read(f, 0, ADDR, first, 1);
			KUNIT_ASSERT_NOT_NULL(test, f->entries[0].page);
			fxa_reclaim(f, page_folio(f->entries[0].page));
			fxa_expect(f, "tried to reclaim, part", i);
			fxa_expect_data(f, 0, ADDR, 0, f->nr, 1, "tried to reclaim, part", i);
			fxa_expect_data(f, child, ADDR, 0, first, 1, "before part", i);
			fxa_expect_data(f, child, ADDR, end, f->nr - end, 1, "after part", i);
			fxa_end_mm(f, child);
			fxa_munmap(f, 0, ADDR, 0, f->nr);
			fxa_expect(f, "all is gone, part", i);
		}
	}
	fxa_end(f);
}

/*
 * Pages that were given up and written again are not given up, of whichever mm:
 * the child's are still there when the parent, who wrote them, is gone.
 */
static void fork_after_madvise_free(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned long pages[] = { 0, f->nr / 2, f->nr - 1 };
	unsigned int i, child;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		unsigned int mm = i & 1;

		fxa_populate(f, 0, ADDR, 1, 1);
		fxa_drain();
		KUNIT_ASSERT_EQ(test, 0, fxa_madvise(f, 0, ADDR, 0, f->nr, MADV_FREE));
		fxa_write(f, 0, ADDR, pages[i], 1, 2);
		child = fxa_fork(f, 0);
		fxa_expect_state(f, child, ADDR, pages[i], 1, FXA_PAGE | FXA_SAME | FXA_DIRTY,
				 FXA_PAGE | FXA_SAME | FXA_DIRTY, "child, page", pages[i]);
		fxa_expect(f, "forked, page", pages[i]);
		/* Either may be the one that is left. */
		fxa_use(f, mm ? 0 : child);
		fxa_end_mm(f, mm ? child : 0);
		mm = mm ? 0 : child;
		fxa_drain();
		fxa_reclaim(f, f->folio);
		fxa_expect_data(f, mm, ADDR, pages[i], 1, 2, "tried to reclaim, page", pages[i]);
		fxa_expect(f, "tried to reclaim, page", pages[i]);
		if (!mm) {
			fxa_munmap(f, 0, ADDR, 0, f->nr);
		} else {
			fxa_end_mm(f, mm);
			KUNIT_ASSERT_EQ(test, 0, fxa_new_mm(f));
		}
		f->folio = NULL;
	}
	fxa_end(f);
}

/* Pins. */

static int pin_refs(struct folio *folio)
{
	return folio_test_large(folio) ? 1 : 1 << 10;
}

/* What a device may write at any time is not shared: the child has a copy. */
static void fork_copies_pinned(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned long pages[] = { 0, f->nr / 2, f->nr - 1 };
	unsigned int i, child;

	for (i = 0; i < 2 * ARRAY_SIZE(pages); i++) {
		unsigned int flags = FOLL_WRITE | (i & 1 ? FOLL_LONGTERM : 0);
		unsigned long page = pages[i / 2];
		struct page *pin;
		u64 *word;

		fxa_populate(f, 0, ADDR, 1, 1);
		fxa_use(f, 0);
		KUNIT_ASSERT_EQ(test, 1, pin_user_pages_fast(ADDR + (page << PAGE_SHIFT), 1,
							     flags, &pin));
		KUNIT_ASSERT_PTR_EQ(test, pin, folio_page(f->folio, page));
		KUNIT_EXPECT_TRUE(test, folio_maybe_dma_pinned(f->folio));
		f->held = f->folio;
		f->held_refs = pin_refs(f->folio);
		fxa_expect(f, "pinned page", page);

		child = fxa_fork(f, 0);
		fxa_expect_state(f, 0, ADDR, 0, f->nr, ALL, OWNED | FXA_SAME, "parent, page", page);
		fxa_expect_state(f, child, ADDR, 0, f->nr, FXA_PAGE | FXA_SAME | FXA_EXCLUSIVE,
				 FXA_PAGE | FXA_EXCLUSIVE, "child, page", page);
		fxa_expect(f, "forked, pinned page", page);
		fxa_write(f, 0, ADDR, 0, f->nr, 2);
		fxa_expect_state(f, 0, ADDR, 0, f->nr, ALL, OWNED | FXA_SAME,
				 "the parent wrote, page", page);
		fxa_expect_data(f, child, ADDR, 0, f->nr, 1, "child, page", page);
		/* The pin sees what the parent writes. */
		word = kmap_local_page(pin);
		KUNIT_EXPECT_EQ_MSG(test, 2, *word >> 56, "page %lu, order %u", page, f->order);
		kunmap_local(word);
		fxa_expect(f, "wrote, pinned page", page);
		fxa_end_mm(f, child);
		unpin_user_page(pin);
		f->held = NULL;
		KUNIT_EXPECT_FALSE(test, folio_maybe_dma_pinned(f->folio));
		fxa_expect(f, "unpinned page", page);
		child = fxa_fork(f, 0);
		fxa_expect_state(f, child, ADDR, 0, f->nr, ALL, SHARED, "unpinned page", page);
		fxa_expect(f, "forked, unpinned page", page);
		fxa_end_mm(f, child);
		fxa_munmap(f, 0, ADDR, 0, f->nr);
	}
	fxa_end(f);
}

/* A pin, be it only to read, must not be on what the other mm may take over. */
static void pin_shared_page_unshares(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned long page = f->nr / 2;
	unsigned int i, child, flags;
	struct page *pin;
	u64 *word;

	for (i = 0; i < 4; i++) {
		flags = (i & 1 ? FOLL_WRITE : 0) | (i & 2 ? FOLL_LONGTERM : 0);
		child = populate_and_fork(f);
		fxa_use(f, child);
		KUNIT_ASSERT_EQ(test, 1, pin_user_pages_fast(ADDR + (page << PAGE_SHIFT), 1,
							     flags, &pin));
		fxa_read(f, child, ADDR, page, 1);
		KUNIT_EXPECT_PTR_EQ_MSG(test, pin, f->entries[0].page, "flags %x", flags);
		KUNIT_EXPECT_TRUE_MSG(test, f->entries[0].state & FXA_EXCLUSIVE, "flags %x", flags);
		KUNIT_EXPECT_PTR_NE_MSG(test, page_folio(pin), f->folio, "flags %x", flags);
		f->held = page_folio(pin);
		f->held_refs = pin_refs(f->held);
		fxa_expect(f, "pinned, way", i);
		fxa_write(f, 0, ADDR, page, 1, 2);
		fxa_write(f, child, ADDR, page, 1, 3);
		word = kmap_local_page(pin);
		KUNIT_EXPECT_EQ_MSG(test, 3, *word >> 56, "flags %x, order %u", flags, f->order);
		kunmap_local(word);
		fxa_expect_data(f, 0, ADDR, page, 1, 2, "pinned, way", i);
		fxa_expect(f, "both wrote, way", i);
		unpin_user_page(pin);
		f->held = NULL;
		fxa_end_mm(f, child);
		fxa_munmap(f, 0, ADDR, 0, f->nr);
		fxa_expect(f, "unpinned, way", i);
	}
	fxa_end(f);
}

/* Of one folio some pages are exclusive, some not: each is treated for itself. */

static void mprotect_mixed_pages(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned long i;

	fxa_populate(f, 0, ADDR, 1, 1);
	fxa_mix(f, ADDR);
	KUNIT_ASSERT_EQ(test, 0, fxa_mprotect(f, 0, ADDR, 0, f->nr, PROT_READ));
	for (i = 0; i < f->nr; i++)
		fxa_expect_state(f, 0, ADDR, i, 1, ALL & ~FXA_PMD, SHARED |
				 (fxa_mixed(f, i) ? FXA_EXCLUSIVE : 0), "protected", i);
	KUNIT_ASSERT_EQ(test, 0, fxa_mprotect(f, 0, ADDR, 0, f->nr, PROT_READ | PROT_WRITE));
	fxa_expect(f, "back", 0);
	for (i = 0; i < f->nr; i++)
		fxa_expect_state(f, 0, ADDR, i, 1, ALL & ~(FXA_PMD | FXA_WRITE), SHARED |
				 (fxa_mixed(f, i) ? FXA_EXCLUSIVE : 0), "back", i);
	fxa_expect_data(f, 0, ADDR, 0, f->nr, 1, "back", 0);
	fxa_write(f, 0, ADDR, 0, f->nr, 2);
	fxa_expect_data(f, 0, ADDR, 0, f->nr, 2, "wrote", 0);
	fxa_expect(f, "wrote", 0);
	fxa_end(f);
}

static void fork_mixed_pages(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned int child, pinned;
	unsigned long page, i;
	struct page *pin;

	for (pinned = 0; pinned < 2; pinned++) {
		fxa_populate(f, 0, ADDR, 1, 1);
		fxa_mix(f, ADDR);
		page = f->nr > 2 ? f->nr - 1 - (f->nr - 2) % 3 : 0;
		KUNIT_ASSERT_TRUE(test, fxa_mixed(f, page));
		if (pinned) {
			fxa_use(f, 0);
			KUNIT_ASSERT_EQ(test, 1, pin_user_pages_fast(ADDR + (page << PAGE_SHIFT), 1,
								     FOLL_WRITE | FOLL_LONGTERM,
								     &pin));
			KUNIT_ASSERT_PTR_EQ(test, pin, folio_page(f->folio, page));
			f->held = f->folio;
			f->held_refs = pin_refs(f->folio);
		}
		child = fxa_fork(f, 0);
		fxa_expect(f, "forked, pinned", pinned);
		for (i = 0; i < f->nr; i++) {
			bool own = pinned && fxa_mixed(f, i);

			fxa_expect_state(f, 0, ADDR, i, 1, ALL & ~FXA_PMD,
					 own ? OWNED | FXA_SAME : SHARED, "parent, page", i);
			fxa_expect_state(f, child, ADDR, i, 1, FXA_PAGE | FXA_SAME | FXA_EXCLUSIVE,
					 own ? FXA_PAGE | FXA_EXCLUSIVE : SHARED, "child, page", i);
		}
		fxa_write(f, 0, ADDR, 0, f->nr, 2);
		fxa_expect_data(f, child, ADDR, 0, f->nr, 1, "child, pinned", pinned);
		fxa_expect(f, "wrote, pinned", pinned);
		if (pinned) {
			fxa_expect_state(f, 0, ADDR, page, 1, ALL, OWNED | FXA_SAME,
					 "pinned", page);
			unpin_user_page(pin);
			f->held = NULL;
		}
		fxa_end_mm(f, child);
		fxa_munmap(f, 0, ADDR, 0, f->nr);
		fxa_expect(f, "unmapped, pinned", pinned);
	}
	fxa_end(f);
}

/* A lock in memory is not inherited, and outlives the child. */
static void fork_locked(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned int child;

	fxa_set_orders(f, BIT(f->order));
	fxa_mmap(f, 0, ADDR, f->nr, MAP_LOCKED);
	fxa_set_orders(f, 0);
	fxa_write(f, 0, ADDR, 0, f->nr, 1);
	fxa_drain();
	fxa_read(f, 0, ADDR, 0, 1);
	f->folio = page_folio(f->entries[0].page);
	KUNIT_ASSERT_EQ(test, f->order, folio_order(f->folio));
	KUNIT_ASSERT_TRUE(test, folio_test_mlocked(f->folio));
	child = fxa_fork(f, 0);
	fxa_drain();
	KUNIT_EXPECT_TRUE(test, folio_test_mlocked(f->folio));
	fxa_expect(f, "forked", 0);
	fxa_write(f, child, ADDR, 0, 1, 2);
	fxa_drain();
	fxa_read(f, child, ADDR, 0, 1);
	KUNIT_EXPECT_FALSE(test, folio_test_mlocked(page_folio(f->entries[0].page)));
	KUNIT_EXPECT_TRUE(test, folio_test_mlocked(f->folio));
	fxa_end_mm(f, child);
	fxa_drain();
	KUNIT_EXPECT_TRUE(test, folio_test_mlocked(f->folio));
	fxa_expect(f, "the child is gone", 0);
	fxa_end(f);
}

static void fork_zero_page(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned int child;

	if (f->order == FXA_PMD_ORDER && !f->pmd)
		kunit_skip(test, "the huge zero folio is mapped by a PMD");
	fxa_mmap(f, 0, ADDR, f->nr + 1, 0);
	fxa_set_orders(f, f->pmd ? BIT(f->order) : 0);
	fxa_expect_data(f, 0, ADDR, 0, f->nr, 0, "read", 0);
	/* What has no page of its own would not be copied by fork, but read again. */
	fxa_write(f, 0, ADDR, f->nr, 1, 1);
	child = fxa_fork(f, 0);
	fxa_expect_state(f, child, ADDR, 0, f->nr, ALL, FXA_ZERO | pmd_if(f), "child", 0);
	fxa_expect_state(f, 0, ADDR, 0, f->nr, ALL, FXA_ZERO | pmd_if(f), "parent", 0);
	fxa_expect(f, "forked", 0);
	fxa_write(f, child, ADDR, f->nr / 2, 1, 1);
	fxa_set_orders(f, 0);
	fxa_expect_data(f, 0, ADDR, 0, f->nr, 0, "the child wrote", 0);
	fxa_expect_data(f, child, ADDR, 0, f->nr / 2, 0, "the child wrote", 0);
	fxa_expect(f, "the child wrote", 0);
	fxa_end_mm(f, child);
	fxa_write(f, 0, ADDR, 0, f->nr, 2);
	fxa_expect_data(f, 0, ADDR, 0, f->nr, 2, "the parent wrote", 0);
	fxa_expect(f, "the parent wrote", 0);
	fxa_end(f);
}

/* Who referenced it: one for each mm that did, and each page table is asked. */

static void touch(struct fxa *f, unsigned int mm, unsigned long page)
{
	/* The TLB forgets that the page was accessed. */
	KUNIT_ASSERT_EQ(f->test, 0, fxa_mprotect(f, mm, ADDR, 0, f->nr, PROT_NONE));
	KUNIT_ASSERT_EQ(f->test, 0, fxa_mprotect(f, mm, ADDR, 0, f->nr, PROT_READ | PROT_WRITE));
	fxa_expect_data(f, mm, ADDR, page, 1, 1, "touched", page);
}

static void folio_referenced_by_mms(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned long pages[] = { 0, f->nr / 2, f->nr - 1 };
	unsigned int i, mm, child = populate_and_fork(f);

	KUNIT_ASSERT_EQ(test, 2, fxa_fork(f, child));
	fxa_referenced(f, f->folio);
	for (mm = 0; mm < 3; mm++)
		fxa_expect_state(f, mm, ADDR, 0, f->nr, ALL | FXA_YOUNG, SHARED | pmd_if(f),
				 "not referenced by mm", mm);
	KUNIT_EXPECT_EQ(test, 0, fxa_referenced(f, f->folio));
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		for (mm = 0; mm < 3; mm++) {
			touch(f, mm, pages[i]);
			fxa_expect_state(f, mm, ADDR, pages[i], 1, FXA_YOUNG, FXA_YOUNG,
					 "touched page", pages[i]);
			KUNIT_EXPECT_EQ_MSG(test, 1, fxa_referenced(f, f->folio),
					    "mm %u, page %lu, order %u", mm, pages[i], f->order);
			fxa_expect_state(f, mm, ADDR, 0, f->nr, FXA_YOUNG, 0,
					 "not referenced since page", pages[i]);
		}
		for (mm = 0; mm < 3; mm++)
			touch(f, mm, pages[mm]);
		KUNIT_EXPECT_EQ_MSG(test, 3, fxa_referenced(f, f->folio), "order %u", f->order);
		KUNIT_EXPECT_EQ_MSG(test, 0, fxa_referenced(f, f->folio), "order %u", f->order);
	}
	fxa_expect(f, "in the end", 0);
	fxa_end(f);
}

/* Random steps, with a copy of what each mm ought to read. */

struct shadow {
	u8 tag[FXA_MAX_MMS][FXA_MAX_NR];
};

static void expect_shadow(struct fxa *f, struct shadow *s, unsigned long nr, unsigned int step)
{
	unsigned long i, run;
	unsigned int mm;

	for (mm = 0; mm < FXA_MAX_MMS; mm++) {
		for (i = 0; f->mm[mm] && i < nr; i += run) {
			for (run = 1; i + run < nr && s->tag[mm][i + run] == s->tag[mm][i]; run++)
				;
			fxa_expect_data(f, mm, ADDR, i, run, s->tag[mm][i], "random step", step);
		}
	}
}

static void random_step(struct fxa *f, struct shadow *s, struct rnd_state *rnd,
			unsigned long all, unsigned int step)
{
	unsigned int mm = prandom_u32_state(rnd) % FXA_MAX_MMS, mms = 0, i;
	unsigned long first = prandom_u32_state(rnd) % all;
	unsigned long nr = 1 + prandom_u32_state(rnd) % min(all - first, f->nr);
	unsigned long at = ADDR + (first << PAGE_SHIFT), away = FXA_AREA(3) + (step << PAGE_SHIFT);
	struct folio *folio;

	for (i = 0; i < FXA_MAX_MMS; i++)
		mms += !!f->mm[i];
	while (!f->mm[mm])
		mm = (mm + 1) % FXA_MAX_MMS;
	switch (prandom_u32_state(rnd) % 11) {
	case 0:
	case 1:
		nr = min(nr, 9UL);
		fallthrough;
	case 2:
		fxa_write(f, mm, ADDR, first, nr, 1 + step);
		memset(s->tag[mm] + first, 1 + step, nr);
		break;
	case 3:
		KUNIT_ASSERT_EQ(f->test, 0, fxa_madvise(f, mm, ADDR, first, nr, MADV_DONTNEED));
		memset(s->tag[mm] + first, 0, nr);
		break;
	case 4:
	case 5:
		if (mms == FXA_MAX_MMS)
			break;
		i = fxa_fork(f, mm);
		memcpy(s->tag[i], s->tag[mm], all);
		break;
	case 6:
		if (mms > 1)
			fxa_end_mm(f, mm);
		break;
	case 7:
		KUNIT_ASSERT_EQ(f->test, 0, fxa_mprotect(f, mm, ADDR, first, nr, PROT_READ));
		KUNIT_ASSERT_EQ(f->test, 0, fxa_mprotect(f, mm, ADDR, 0, all,
							 PROT_READ | PROT_WRITE));
		break;
	case 8:
		KUNIT_ASSERT_EQ(f->test, away, fxa_mremap(f, mm, at, nr, away));
		fxa_expect(f, "moved away, random step", step);
		KUNIT_ASSERT_EQ(f->test, at, fxa_mremap(f, mm, away, nr, at));
		break;
	default:
		fxa_read(f, mm, ADDR, first, 1);
		if (!f->entries[0].page)
			break;
		folio = page_folio(f->entries[0].page);
		if (prandom_u32_state(rnd) & 1)
			fxa_migrate(f, folio);
		else if (folio_test_large(folio))
			fxa_split_folio(f, folio);
	}
}

static void fork_at_random(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	struct shadow *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	unsigned long all = max(2 * f->nr, 8UL);
	struct rnd_state rnd;
	unsigned int step;

	KUNIT_ASSERT_NOT_NULL(test, s);
	prandom_seed_state(&rnd, fxt_seed(test) + f->order);
	fxa_populate(f, 0, ADDR, all >> f->order, 1);
	f->folio = NULL;
	memset(s->tag[0], 1, all);
	for (step = 1; step < 100 && !f->reported; step++) {
		random_step(f, s, &rnd, all, step);
		fxa_expect(f, "random step", step);
		if (step % 8 == 0)
			expect_shadow(f, s, all, step);
	}
	expect_shadow(f, s, all, step);
	fxa_end(f);
}

KUNIT_ARRAY_PARAM_DESC(param, fxa_params, desc);

static struct kunit_case anon_fork_cases[] = {
	KUNIT_CASE_PARAM(fork_shares_folio, param_gen_params),
	KUNIT_CASE_PARAM_ATTR(write_shared_page, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(reuse_after_exit, param_gen_params),
	KUNIT_CASE_PARAM(no_reuse_while_referenced, param_gen_params),
	KUNIT_CASE_PARAM_ATTR(fork_many_mms, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(fork_part_of_folio, param_gen_params),
	KUNIT_CASE_PARAM(unmap_part_of_shared, param_gen_params),
	KUNIT_CASE(split_pmd_of_shared),
	KUNIT_CASE_PARAM(mprotect_shared, param_gen_params),
	KUNIT_CASE_PARAM_ATTR(madvise_shared, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(fork_after_madvise_free, param_gen_params),
	KUNIT_CASE_PARAM_ATTR(fork_copies_pinned, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(pin_shared_page_unshares, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(mprotect_mixed_pages, param_gen_params),
	KUNIT_CASE_PARAM(fork_mixed_pages, param_gen_params),
	KUNIT_CASE_PARAM(fork_locked, param_gen_params),
	KUNIT_CASE_PARAM(fork_zero_page, param_gen_params),
	KUNIT_CASE_PARAM(folio_referenced_by_mms, param_gen_params),
	KUNIT_CASE_PARAM_ATTR(fork_at_random, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	{}
};

static struct kunit_suite anon_fork_suite = {
	.name = "mm_anon_fork",
	.test_cases = anon_fork_cases,
};

kunit_test_suite(anon_fork_suite);

MODULE_DESCRIPTION("KUnit suite of anonymous folios of forked address spaces");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
