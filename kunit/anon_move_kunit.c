// SPDX-License-Identifier: GPL-2.0
/*
 * Anonymous folios that move: to another address by mremap(), to other memory
 * by migration, which file folios do too. Wherever a page went, the rmap must
 * find it, with the bits its table entry had.
 */
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/swap.h>
#include <linux/uaccess.h>
#include <linux/vmstat.h>

#include "fixture.h"
#include "../module/compat.h"

#define ADDR	FXA_AREA(0)
#define TO	FXA_AREA(2)

#define OWNED	(FXA_PAGE | FXA_WRITE | FXA_EXCLUSIVE)
#define SHARED	(FXA_PAGE | FXA_SAME)
#define ALL	(FXA_KINDS | FXA_PMD | FXA_WRITE | FXA_EXCLUSIVE | FXA_SAME)

static unsigned int pmd_if(struct fxa *f)
{
	return f->pmd ? FXA_PMD : 0;
}

/* Without migration entries of PMDs a folio of that order is split to migrate. */
static bool migrates_whole(unsigned int order)
{
	return order < FXA_PMD_ORDER || thp_migration_supported();
}

static void need_whole_migration(struct kunit *test, unsigned int order)
{
	if (!migrates_whole(order))
		fxt_need_pmd_migration(test);
}

/*
 * Expects that the rmap finds pages of the folio in a range: it makes them old,
 * and moves them to other memory.
 */
static void expect_found_by_rmap(struct fxa *f, unsigned int mm, unsigned long addr,
				 unsigned long first, unsigned long nr, const char *when,
				 unsigned long arg)
{
	KUNIT_EXPECT_GE_MSG(f->test, fxa_referenced(f, f->folio), 1, "%s %lu, order %u", when, arg,
			    f->order);
	fxa_expect_state(f, mm, addr, first, nr, FXA_PAGE | FXA_SAME | FXA_YOUNG, SHARED,
			 when, arg);
}

/* mremap(). */

/*
 * Where to, from the start of a PMD: aligned, not aligned, over its end, near, and
 * to another table of PMDs, whereto the page table that a PMD has put by must go too.
 */
static unsigned long target(struct fxa *f, unsigned int i)
{
	switch (i) {
	case 0:
		return TO;
	case 1:
		return TO + 3 * PAGE_SIZE;
	case 2:
		return TO + 2 * PMD_SIZE - (f->nr / 2 << PAGE_SHIFT);
	case 3:
		return ADDR + PMD_SIZE + PAGE_SIZE;
	default:
		return FXA_FAR;
	}
}

#define NR_TARGETS	5

/* What is mapped by a PMD is so there as well, where it is aligned. */
static unsigned int pmd_at(struct fxa *f, unsigned long to)
{
	return IS_ALIGNED(to, PMD_SIZE) ? pmd_if(f) : 0;
}

static void mremap_whole_folio(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned int i;

	for (i = 0; i < NR_TARGETS; i++) {
		unsigned long to = target(f, i);
		unsigned int pmd = pmd_at(f, to);

		fxa_populate(f, 0, ADDR, 1, 1);
		KUNIT_ASSERT_EQ(test, to, fxa_mremap(f, 0, ADDR, f->nr, to));
		fxa_expect_state(f, 0, ADDR, 0, f->nr, ~0, 0, "moved to", i);
		fxa_expect_state(f, 0, to, 0, f->nr, ALL | FXA_DIRTY | FXA_YOUNG,
				 OWNED | FXA_SAME | pmd | FXA_DIRTY | FXA_YOUNG, "moved to", i);
		fxa_expect(f, "moved to", i);
		fxa_expect_data(f, 0, to, 0, f->nr, 1, "moved to", i);
		expect_found_by_rmap(f, 0, to, 0, f->nr, "moved to", i);
		if (migrates_whole(f->order))
			KUNIT_EXPECT_EQ_MSG(test, 0, fxa_migrate(f, f->folio), "to %u", i);
		fxa_expect_state(f, 0, to, 0, f->nr, ALL, OWNED | FXA_SAME | pmd, "migrated", i);
		fxa_expect(f, "migrated", i);
		fxa_write(f, 0, to, 0, f->nr, 2);
		fxa_expect_state(f, 0, to, 0, f->nr, ALL, OWNED | FXA_SAME | pmd, "wrote", i);
		fxa_expect_data(f, 0, to, 0, f->nr, 2, "wrote", i);
		/* And back. */
		KUNIT_ASSERT_EQ(test, 0, fxa_mprotect(f, 0, to, 0, f->nr, PROT_READ));
		fxa_mmap(f, 0, ADDR, f->nr, 0);
		KUNIT_ASSERT_EQ(test, ADDR, fxa_mremap(f, 0, to, f->nr, ADDR));
		fxa_expect_state(f, 0, ADDR, 0, f->nr, ALL, FXA_PAGE | FXA_EXCLUSIVE | FXA_SAME |
				 pmd, "moved back from", i);
		fxa_expect_data(f, 0, ADDR, 0, f->nr, 2, "moved back from", i);
		fxa_expect(f, "moved back from", i);
		fxa_munmap(f, 0, ADDR, 0, f->nr);
		fxa_expect(f, "unmapped", i);
	}
	fxa_end(f);
}

/* Pages of one folio in two places of one mm, neither in line with the other. */
static void mremap_part_of_folio(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, t, n = fxa_parts(f->nr, parts);

	for (i = 0; i < n * NR_TARGETS; i++) {
		unsigned long first = parts[i / NR_TARGETS].first, nr = parts[i / NR_TARGETS].nr;
		unsigned long end = first + nr, from = ADDR + (first << PAGE_SHIFT), to, base;

		if (nr == f->nr)
			continue;
		t = i % NR_TARGETS;
		to = target(f, t);
		base = to - (first << PAGE_SHIFT);
		fxa_populate(f, 0, ADDR, 1, 1);
		KUNIT_ASSERT_EQ(test, to, fxa_mremap(f, 0, from, nr, to));
		fxa_expect_state(f, 0, ADDR, first, nr, ~0, 0, "moved part", i);
		fxa_expect_state(f, 0, ADDR, 0, first, ALL, OWNED | FXA_SAME, "before part", i);
		fxa_expect_state(f, 0, ADDR, end, f->nr - end, ALL, OWNED | FXA_SAME,
				 "after part", i);
		fxa_expect_state(f, 0, base, first, nr, ALL, OWNED | FXA_SAME, "moved part", i);
		fxa_expect(f, "moved part", i);
		if (f->order)
			KUNIT_EXPECT_FALSE(test, folio_test_partially_mapped(f->folio));
		fxa_expect_data(f, 0, base, first, nr, 1, "moved part", i);
		fxa_expect_data(f, 0, ADDR, 0, first, 1, "before part", i);
		fxa_expect_data(f, 0, ADDR, end, f->nr - end, 1, "after part", i);
		expect_found_by_rmap(f, 0, base, first, nr, "moved part", i);
		fxa_expect_state(f, 0, ADDR, 0, first, FXA_YOUNG, 0, "before part", i);
		fxa_expect_state(f, 0, ADDR, end, f->nr - end, FXA_YOUNG, 0, "after part", i);
		if (migrates_whole(f->order))
			KUNIT_EXPECT_EQ_MSG(test, 0, fxa_migrate(f, f->folio), "part %u", i);
		fxa_expect_state(f, 0, base, first, nr, ALL, OWNED | FXA_SAME, "migrated part", i);
		fxa_expect(f, "migrated part", i);
		fxa_write(f, 0, base, first, nr, 2);
		fxa_expect_data(f, 0, ADDR, 0, first, 1, "before written part", i);
		fxa_expect_data(f, 0, ADDR, end, f->nr - end, 1, "after written part", i);
		fxa_expect_data(f, 0, base, first, nr, 2, "written part", i);
		fxa_munmap(f, 0, base, first, nr);
		fxa_expect(f, "unmapped part", i);
		fxa_munmap(f, 0, ADDR, 0, f->nr);
		fxa_expect(f, "unmapped all, part", i);
	}
	fxa_end(f);
}

/* A PMD of folios, or the first of it, and ranges over their edges; onto what is mapped there. */
static void mremap_across_folios(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned long all = 1UL << FXA_MAX_ORDER, nr = f->nr;
	const struct fxa_part ranges[] = {
		{ 0, all }, { nr / 2, nr }, { 1, all - 2 }, { all - nr, nr }, { nr - 1, all - nr },
	};
	unsigned int i, t;

	for (i = 0; i < ARRAY_SIZE(ranges) * 3; i++) {
		unsigned long first = ranges[i / 3].first, n = ranges[i / 3].nr, end = first + n;
		unsigned long from = ADDR + (first << PAGE_SHIFT), to, base;

		t = i % 3;
		if (!n || end > all)
			continue;
		to = target(f, t) + (t ? 0 : first << PAGE_SHIFT);
		base = to - (first << PAGE_SHIFT);
		fxa_populate(f, 0, ADDR, all >> f->order, 1);
		fxa_mmap(f, 0, to, n, 0);
		fxa_write(f, 0, to, 0, n, 7);
		fxa_expect(f, "both populated", i);
		KUNIT_ASSERT_EQ(test, to, fxa_mremap(f, 0, from, n, to));
		f->folio = NULL;
		fxa_expect(f, "moved range", i);
		fxa_expect_state(f, 0, ADDR, first, n, ~0, 0, "moved range", i);
		fxa_expect_state(f, 0, base, first, n, OWNED, OWNED, "moved range", i);
		fxa_expect_data(f, 0, base, first, n, 1, "moved range", i);
		fxa_expect_data(f, 0, ADDR, 0, first, 1, "before range", i);
		fxa_expect_data(f, 0, ADDR, end, all - end, 1, "after range", i);
		fxa_munmap(f, 0, base, first, n);
		fxa_munmap(f, 0, ADDR, 0, all);
		fxa_expect(f, "unmapped range", i);
	}
	fxa_end(f);
}

/* The child moves what it shares; the rmap of the folio finds both. */
static void mremap_shared_folio(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned int i, child;

	for (i = 0; i < NR_TARGETS; i++) {
		unsigned long to = target(f, i);
		unsigned int pmd = pmd_at(f, to);

		fxa_populate(f, 0, ADDR, 1, 1);
		child = fxa_fork(f, 0);
		KUNIT_ASSERT_EQ(test, to, fxa_mremap(f, child, ADDR, f->nr, to));
		fxa_expect_state(f, child, to, 0, f->nr, ALL, SHARED | pmd, "moved to", i);
		fxa_expect_state(f, 0, ADDR, 0, f->nr, ALL, SHARED | pmd_if(f), "stayed, to", i);
		fxa_expect(f, "moved to", i);
		fxa_expect_data(f, child, to, 0, f->nr, 1, "moved to", i);
		expect_found_by_rmap(f, child, to, 0, f->nr, "moved to", i);
		fxa_expect_state(f, 0, ADDR, 0, f->nr, FXA_YOUNG, 0, "stayed, to", i);
		if (migrates_whole(f->order))
			KUNIT_EXPECT_EQ_MSG(test, 0, fxa_migrate(f, f->folio), "to %u", i);
		fxa_expect_state(f, child, to, 0, f->nr, ALL, SHARED | pmd, "migrated", i);
		fxa_expect_state(f, 0, ADDR, 0, f->nr, ALL, SHARED | pmd_if(f), "migrated", i);
		fxa_expect(f, "migrated", i);
		fxa_write(f, child, to, 0, 1, 2);
		fxa_expect_data(f, 0, ADDR, 0, f->nr, 1, "the child wrote", i);
		fxa_expect_data(f, child, to, 0, 1, 2, "the child wrote", i);
		fxa_expect_data(f, child, to, 1, f->nr - 1, 1, "the child wrote", i);
		fxa_end_mm(f, child);
		fxa_munmap(f, 0, ADDR, 0, f->nr);
		fxa_expect(f, "unmapped", i);
	}
	fxa_end(f);
}

static void mremap_overlapping(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);

	fxa_populate(f, 0, ADDR, 1, 1);
	KUNIT_EXPECT_EQ(test, (unsigned long)-EINVAL,
			fxa_mremap(f, 0, ADDR, f->nr, ADDR + ((f->nr - 1) << PAGE_SHIFT)));
	KUNIT_EXPECT_EQ(test, (unsigned long)-EINVAL,
			fxa_mremap(f, 0, ADDR, f->nr, ADDR - ((f->nr - 1) << PAGE_SHIFT)));
	fxa_expect_state(f, 0, ADDR, 0, f->nr, ALL, OWNED | FXA_SAME | pmd_if(f), "refused", 0);
	fxa_expect_data(f, 0, ADDR, 0, f->nr, 1, "refused", 0);
	fxa_expect(f, "refused", 0);
	fxa_end(f);
}

/*
 * A folio over two page tables, of which the first is gone for another folio
 * that is mapped by a PMD; the rmap must look behind it:
 *
 *	PMD 1 ....[0 0 0 0]  PMD 2 [x x x x x x x x]  PMD 3 [1 1 1 1]....
 */
static void rmap_behind_other_pmd(struct kunit *test)
{
	struct fxa *f = fxa_start(test, FXA_PMD_ORDER, false);
	unsigned long half = f->nr / 2, at = TO + PMD_SIZE, from = TO + (half << PAGE_SHIFT);
	struct folio *folio, *other;
	unsigned int i;

	fxa_populate(f, 0, ADDR, 2, 1);
	KUNIT_ASSERT_EQ(test, from, fxa_mremap(f, 0, ADDR, 2 * f->nr, from));
	fxa_read(f, 0, from, f->nr, 1);
	folio = page_folio(f->entries[0].page);
	fxa_read(f, 0, from, 0, 1);
	other = page_folio(f->entries[0].page);
	KUNIT_ASSERT_PTR_NE(test, folio, other);
	KUNIT_ASSERT_EQ(test, 0, fxa_madvise(f, 0, at, 0, f->nr, MADV_DONTNEED));
	fxa_write(f, 0, at, 0, 1, 2);
	KUNIT_ASSERT_EQ(test, 0, fxa_madvise(f, 0, at, 0, f->nr, MADV_COLLAPSE));
	f->folio = NULL;
	fxa_expect_state(f, 0, at, 0, f->nr, FXA_PAGE | FXA_PMD, FXA_PAGE | FXA_PMD,
			 "collapsed", 0);
	fxa_expect(f, "collapsed", 0);
	for (i = 0; i < 2; i++) {
		struct folio *old = i ? other : folio;
		unsigned long first = i ? 0 : f->nr + half;

		KUNIT_EXPECT_EQ_MSG(test, half, folio_mapcount(old), "folio %u", i);
		KUNIT_EXPECT_EQ_MSG(test, 1, fxa_referenced(f, old), "folio %u", i);
		fxa_expect_state(f, 0, from, first, half, FXA_PAGE | FXA_YOUNG, FXA_PAGE,
				 "aged folio", i);
		fxa_expect_state(f, 0, at, 0, f->nr, FXA_PAGE | FXA_YOUNG, FXA_PAGE | FXA_YOUNG,
				 "beside folio", i);
		KUNIT_EXPECT_EQ_MSG(test, 0, fxa_split_folio(f, old), "folio %u", i);
		fxa_expect(f, "split folio", i);
		fxa_expect_data(f, 0, from, first, half, 1, "split folio", i);
	}
	fxa_end(f);
}

/* Migration. */

/* Gives the entries of one folio different bits, as far as its mapping allows. */
static void vary_bits(struct fxa *f, unsigned int way)
{
	unsigned long third = f->nr / 3 ?: 1, i;

	switch (way) {
	case 1:		/* all old */
		fxa_referenced(f, f->folio);
		break;
	case 2:		/* read-only, exclusive */
		KUNIT_ASSERT_EQ(f->test, 0, fxa_mprotect(f, 0, ADDR, 0, f->nr, PROT_READ));
		break;
	case 3:		/* a third read-only, in a VMA of its own */
		KUNIT_ASSERT_EQ(f->test, 0, fxa_mprotect(f, 0, ADDR, f->nr - third,
							 third, PROT_READ));
		break;
	case 4:		/* clean and old, every third written again */
		fxa_drain();
		KUNIT_ASSERT_EQ(f->test, 0, fxa_madvise(f, 0, ADDR, 0, f->nr, MADV_FREE));
		for (i = 0; i < f->nr; i += 3)
			fxa_write(f, 0, ADDR, i, 1, 1);
		break;
	case 5:		/* old, but for every third that is read again */
		fxa_referenced(f, f->folio);
		KUNIT_ASSERT_EQ(f->test, 0, fxa_mprotect(f, 0, ADDR, 0, f->nr, PROT_NONE));
		KUNIT_ASSERT_EQ(f->test, 0, fxa_mprotect(f, 0, ADDR, 0, f->nr,
							 PROT_READ | PROT_WRITE));
		for (i = 0; i < f->nr; i += 3)
			fxa_expect_data(f, 0, ADDR, i, 1, 1, "read again", i);
		break;
	case 6:		/* some exclusive and writable, some not */
		fxa_mix(f, ADDR);
		break;
	}
}

#define NR_BITS	7

static void expect_same_entries(struct fxa *f, unsigned int mm, const struct fxa_entry *before,
				const char *when, unsigned long arg)
{
	unsigned long i;

	for (i = 0; i < f->nr && !f->reported; i++)
		fxa_expect_state(f, mm, ADDR, i, 1, (u32)~FXA_SAME, before[i].state & ~FXA_SAME,
				 when, arg);
}

/* The same when they were migration entries in between: none forgets that it was dirty. */
static void expect_migrated_entries(struct fxa *f, unsigned int mm, struct fxa_entry *before,
				    const char *when, unsigned long arg)
{
	unsigned int lost = (FXA_DIRTY | FXA_YOUNG) & ~FXA_KEPT;
	unsigned long i;

	fxa_read(f, mm, ADDR, 0, f->nr);
	for (i = 0; i < f->nr && !f->reported; i++) {
		if (before[i].state & lost & FXA_DIRTY)
			KUNIT_EXPECT_TRUE_MSG(f->test, f->entries[i].page &&
					      folio_test_dirty(page_folio(f->entries[i].page)),
					      "page %lu, %s %lu", i, when, arg);
		before[i].state &= ~lost;
	}
	expect_same_entries(f, mm, before, when, arg);
}

/*
 * A folio goes to other memory, or cannot because somebody has a reference: in
 * either case each entry says what it said before.
 */
static void migrate_keeps_bits(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	struct fxa_entry *before = kunit_kcalloc(test, f->nr, sizeof(*before), GFP_KERNEL);
	unsigned int way;

	KUNIT_ASSERT_NOT_NULL(test, before);
	need_whole_migration(test, f->order);
	for (way = 0; way < 2 * NR_BITS; way++) {
		bool held = way & 1, active;
		struct folio *old;

		fxa_populate(f, 0, ADDR, 1, 1);
		old = f->folio;
		folio_mark_uptodate(old);
		vary_bits(f, way / 2);
		fxa_expect(f, "before, way", way);
		fxa_drain();
		fxa_read(f, 0, ADDR, 0, f->nr);
		memcpy(before, f->entries, f->nr * sizeof(*before));
		if (way & 2) {
			/* Accessed twice. A multi-generational LRU keeps the flag elsewhere. */
			folio_mark_accessed(old);
			folio_mark_accessed(old);
			fxa_drain();
			if (!IS_ENABLED(CONFIG_LRU_GEN))
				KUNIT_ASSERT_TRUE(test, folio_test_active(old));
		}
		active = folio_test_active(old);
		folio_set_workingset(old);
		folio_set_referenced(old);
		if (held) {
			folio_get(old);
			f->held = old;
			f->held_refs = 1;
			KUNIT_EXPECT_NE_MSG(test, 0, fxa_migrate(f, old), "way %u", way);
			KUNIT_EXPECT_PTR_EQ(test, old, f->folio);
		} else {
			KUNIT_EXPECT_EQ_MSG(test, 0, fxa_migrate(f, old), "way %u", way);
			KUNIT_ASSERT_PTR_NE(test, old, f->folio);
		}
		fxa_expect_state(f, 0, ADDR, 0, f->nr, SHARED, SHARED, "migrated, way", way);
		expect_migrated_entries(f, 0, before, "migrated, way", way);
		fxa_expect(f, "migrated, way", way);
		KUNIT_EXPECT_EQ(test, f->order, folio_order(f->folio));
		KUNIT_EXPECT_TRUE(test, folio_test_uptodate(f->folio));
		KUNIT_EXPECT_TRUE(test, folio_test_lru(f->folio));
		KUNIT_EXPECT_EQ_MSG(test, active, folio_test_active(f->folio), "way %u", way);
		KUNIT_EXPECT_TRUE_MSG(test, folio_test_workingset(f->folio), "way %u", way);
		KUNIT_EXPECT_TRUE_MSG(test, folio_test_referenced(f->folio), "way %u", way);
		KUNIT_EXPECT_EQ_MSG(test, way / 2 != 4, folio_test_swapbacked(f->folio),
				    "way %u", way);
		KUNIT_EXPECT_EQ(test, ADDR >> PAGE_SHIFT, f->folio->index);
		/* Unfixed, mappings that are removed one by one leave it marked. */
		if (f->order > 1 && (FXT_FIXED || (f->pmd && way / 2 != 3)))
			KUNIT_EXPECT_FALSE_MSG(test, folio_test_partially_mapped(f->folio),
					       "way %u", way);
		fxa_expect_data(f, 0, ADDR, 0, f->nr, 1, "migrated, way", way);
		if (held) {
			folio_put(old);
			f->held = NULL;
		}
		KUNIT_ASSERT_EQ(test, 0, fxa_mprotect(f, 0, ADDR, 0, f->nr,
						      PROT_READ | PROT_WRITE));
		fxa_write(f, 0, ADDR, 0, f->nr, 2);
		fxa_expect_state(f, 0, ADDR, 0, f->nr, OWNED | FXA_SAME, OWNED | FXA_SAME,
				 "wrote, way", way);
		fxa_expect_data(f, 0, ADDR, 0, f->nr, 2, "wrote, way", way);
		fxa_munmap(f, 0, ADDR, 0, f->nr);
		fxa_expect(f, "unmapped, way", way);
	}
	fxa_end(f);
}

/* Parent, child and grandchild; one has a copy of a page, one has unmapped one. */
static void migrate_shared_folio(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned long page = f->nr / 2;
	unsigned int mm;

	need_whole_migration(test, f->order);
	fxa_populate(f, 0, ADDR, 1, 1);
	KUNIT_ASSERT_EQ(test, 1, fxa_fork(f, 0));
	KUNIT_ASSERT_EQ(test, 2, fxa_fork(f, 1));
	fxa_write(f, 1, ADDR, page, 1, 2);
	fxa_munmap(f, 2, ADDR, 0, 1);
	fxa_expect(f, "before", 0);
	KUNIT_EXPECT_EQ(test, 0, fxa_migrate(f, f->folio));
	fxa_expect_state(f, 0, ADDR, 0, f->nr, ALL, SHARED | pmd_if(f), "migrated", 0);
	fxa_expect_state(f, 1, ADDR, 0, page, ALL, SHARED, "migrated", 0);
	fxa_expect_state(f, 1, ADDR, page, 1, ALL, OWNED, "migrated", 0);
	fxa_expect_state(f, 1, ADDR, page + 1, f->nr - page - 1, ALL, SHARED, "migrated", 0);
	fxa_expect_state(f, 2, ADDR, 0, 1, ~0, 0, "migrated", 0);
	fxa_expect_state(f, 2, ADDR, 1, f->nr - 1, ALL, SHARED, "migrated", 0);
	fxa_expect(f, "migrated", 0);
	fxa_expect_data(f, 0, ADDR, 0, f->nr, 1, "migrated", 0);
	fxa_expect_data(f, 1, ADDR, page, 1, 2, "migrated", 0);
	fxa_expect_data(f, 1, ADDR, 0, page, 1, "migrated", 0);
	fxa_expect_data(f, 2, ADDR, 1, f->nr - 1, 1, "migrated", 0);
	for (mm = 0; mm < 3; mm++)
		fxa_write(f, mm, ADDR, 1 % f->nr, f->nr > 1, 4 + mm);
	for (mm = 0; mm < 3; mm++)
		fxa_expect_data(f, mm, ADDR, 1 % f->nr, f->nr > 1, 4 + mm, "wrote in mm", mm);
	fxa_expect(f, "wrote", 0);
	fxa_end(f);
}

/* May be split for it; nothing is lost and nothing comes back. */
static void migrate_partially_mapped(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, child, n = fxa_parts(f->nr, parts);

	for (i = 0; i < 2 * n; i++) {
		unsigned long first = parts[i / 2].first, nr = parts[i / 2].nr, end = first + nr;

		if (nr == f->nr)
			continue;
		fxa_populate(f, 0, ADDR, 1, 1);
		child = i & 1 ? fxa_fork(f, 0) : 0;
		fxa_munmap(f, child, ADDR, first, nr);
		KUNIT_EXPECT_EQ_MSG(test, 0, fxa_migrate(f, f->folio), "part %u", i);
		f->folio = NULL;
		fxa_expect(f, "migrated without part", i);
		fxa_expect_state(f, child, ADDR, first, nr, ~0, 0, "without part", i);
		fxa_expect_data(f, child, ADDR, 0, first, 1, "before part", i);
		fxa_expect_data(f, child, ADDR, end, f->nr - end, 1, "after part", i);
		if (child) {
			fxa_expect_data(f, 0, ADDR, 0, f->nr, 1, "parent, part", i);
			fxa_end_mm(f, child);
		}
		fxa_munmap(f, 0, ADDR, 0, f->nr);
		fxa_expect(f, "unmapped, part", i);
	}
	fxa_end(f);
}

static void release_folio(void *data)
{
	struct folio *folio = data;

	folio_unlock(folio);
	folio_put(folio);
}

/* Puts migration entries wherever the folio is mapped; held from then on. */
static void freeze(struct fxa *f)
{
	if (f->pmd)
		fxt_need_pmd_migration(f->test);
	fxa_drain();
	folio_get(f->folio);
	f->held = f->folio;
	f->held_refs = 1;
	folio_lock(f->folio);
	KUNIT_ASSERT_EQ(f->test, 0, kunit_add_action_or_reset(f->test, release_folio, f->folio));
	fxa_freeze(f->folio);
	KUNIT_EXPECT_EQ(f->test, 0, folio_mapcount(f->folio));
}

/* All mms are gone: so are the entries, and the folio with the last reference. */
static void thaw(struct fxa *f)
{
	f->held = NULL;
	kunit_release_action(f->test, release_folio, f->folio);
}

/* What the entries say while a migration goes on, and what may happen to them. */
static void migration_entries(struct kunit *test)
{
	static const char * const names[] = {
		"forked", "unmapped", "protected", "moved", "split", "advised",
	};
	struct fxa *f = fxa_start_param(test);
	unsigned long third = f->nr / 3 ?: 1;
	unsigned int i, way, pmd = pmd_if(f), child, state;

	for (i = 0; i < ARRAY_SIZE(names) * 3; i++) {
		way = i / 3;
		fxa_populate(f, 0, ADDR, 1, 1);
		vary_bits(f, i % 3);
		fxa_read(f, 0, ADDR, 0, 1);
		state = f->entries[0].state ^ (FXA_PAGE | FXA_MIGRATION);
		state &= ~(FXA_DIRTY | FXA_YOUNG) | FXA_KEPT;
		freeze(f);
		fxa_expect_state(f, 0, ADDR, 0, f->nr, ~0, state, "frozen", i);
		fxa_expect(f, "frozen", i);
		switch (way) {
		case 0:
			child = fxa_fork(f, 0);
			fxa_expect_state(f, 0, ADDR, 0, f->nr, ALL, FXA_MIGRATION | FXA_SAME | pmd,
					 "forked, parent", i);
			fxa_expect_state(f, child, ADDR, 0, f->nr, ALL,
					 FXA_MIGRATION | FXA_SAME | pmd, "forked, child", i);
			fxa_expect(f, "forked", i);
			fxa_munmap(f, child, ADDR, 0, third);
			fxa_expect(f, "the child unmapped a part", i);
			fxa_end_mm(f, child);
			fxa_expect(f, "the child is gone", i);
			break;
		case 1:
			fxa_munmap(f, 0, ADDR, third, f->nr - third);
			fxa_expect_state(f, 0, ADDR, 0, third, ~0,
					 third == f->nr ? state : state & ~FXA_PMD, names[way], i);
			break;
		case 2:
			KUNIT_ASSERT_EQ(test, 0, fxa_mprotect(f, 0, ADDR, 0, third, PROT_READ));
			fxa_expect_state(f, 0, ADDR, 0, third, FXA_PAGE | FXA_MIGRATION |
					 FXA_WRITE | FXA_EXCLUSIVE | FXA_SAME,
					 FXA_MIGRATION | FXA_EXCLUSIVE | FXA_SAME, names[way], i);
			fxa_expect_state(f, 0, ADDR, third, f->nr - third, (u32)~FXA_PMD,
					 state & ~FXA_PMD, names[way], i);
			break;
		case 3:
			KUNIT_ASSERT_EQ(test, TO, fxa_mremap(f, 0, ADDR, f->nr, TO));
			fxa_expect_state(f, 0, ADDR, 0, f->nr, ~0, 0, names[way], i);
			fxa_expect_state(f, 0, TO, 0, f->nr, ~0, state, names[way], i);
			fxa_munmap(f, 0, TO, 0, f->nr);
			break;
		case 4:
			fxa_split_pmd(f, 0, ADDR);
			fxa_expect_state(f, 0, ADDR, 0, f->nr, ~0, state & ~FXA_PMD, names[way], i);
			break;
		case 5:
			KUNIT_ASSERT_EQ(test, 0, fxa_madvise(f, 0, ADDR, 0, third, MADV_DONTNEED));
			fxa_expect_state(f, 0, ADDR, 0, third, ~0, 0, names[way], i);
			break;
		}
		fxa_expect(f, names[way], i);
		fxa_munmap(f, 0, ADDR, 0, f->nr);
		fxa_expect(f, "unmapped", i);
		thaw(f);
		fxa_expect(f, "thawed", i);
	}
	fxa_end(f);
}

/* try_to_unmap() drops what is lazily freed from all mms, clean and not in use. */
static void unmap_lazyfree(struct kunit *test)
{
	static const char * const names[] = { "clean", "dirty", "referenced" };
	struct fxa *f = fxa_start_param(test);
	struct fxa_entry *before = kunit_kcalloc(test, f->nr, sizeof(*before), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, before);
	/* What is not dropped after all is as writable as it was, page by page. */
	for (i = 1; i < ARRAY_SIZE(names); i++) {
		fxa_populate(f, 0, ADDR, 1, 1);
		fxa_mix(f, ADDR);
		KUNIT_ASSERT_EQ(test, 0, fxa_madvise(f, 0, ADDR, 0, f->nr, MADV_FREE));
		fxa_drain();
		fxa_read(f, 0, ADDR, 0, f->nr);
		memcpy(before, f->entries, f->nr * sizeof(*before));
		if (i == 2) {
			folio_get(f->folio);
			f->held = f->folio;
			f->held_refs = 1;
		}
		KUNIT_EXPECT_GT_MSG(test, fxa_unmap(f, f->folio, i == 1), 0, "%s", names[i]);
		for (unsigned long k = 0; k < f->nr; k++)
			before[k].state &= ~FXA_PMD;
		expect_same_entries(f, 0, before, names[i], i);
		fxa_expect(f, names[i], i);
		fxa_expect_data(f, 0, ADDR, 0, f->nr, 1, names[i], i);
		if (f->held)
			folio_put(f->held);
		f->held = NULL;
		fxa_munmap(f, 0, ADDR, 0, f->nr);
	}

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		fxa_populate(f, 0, ADDR, 1, 1);
		fxa_drain();
		KUNIT_ASSERT_EQ(test, 0, fxa_madvise(f, 0, ADDR, 0, f->nr, MADV_FREE));
		fxa_drain();
		KUNIT_ASSERT_FALSE(test, folio_test_swapbacked(f->folio));
		KUNIT_ASSERT_EQ(test, 1, fxa_fork(f, 0));
		KUNIT_ASSERT_EQ(test, TO, fxa_mremap(f, 1, ADDR, f->nr, TO));
		if (i == 2) {
			folio_get(f->folio);
			f->held = f->folio;
			f->held_refs = 1;
		}
		KUNIT_EXPECT_EQ_MSG(test, i > 0, fxa_unmap(f, f->folio, i == 1) > 0, "%s",
				    names[i]);
		fxa_expect(f, names[i], i);
		if (!i) {
			fxa_expect_state(f, 0, ADDR, 0, f->nr, ~0, 0, names[i], i);
			fxa_expect_state(f, 1, TO, 0, f->nr, ~0, 0, names[i], i);
		} else {
			fxa_expect_state(f, 0, ADDR, 0, f->nr, FXA_PAGE | FXA_SAME, SHARED,
					 names[i], i);
			fxa_expect_data(f, 0, ADDR, 0, f->nr, 1, names[i], i);
			fxa_expect_data(f, 1, TO, 0, f->nr, 1, names[i], i);
			KUNIT_EXPECT_EQ_MSG(test, i == 1, folio_test_swapbacked(f->folio), "%s",
					    names[i]);
		}
		if (f->held)
			folio_put(f->held);
		f->held = NULL;
		fxa_end_mm(f, 1);
		fxa_munmap(f, 0, ADDR, 0, f->nr);
		fxa_expect(f, "unmapped", i);
	}
	fxa_end(f);
}

/* Splitting an anonymous folio: all of it stays where it is mapped. */
static void split_mapped_folio(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	struct fxa_entry *before = kunit_kcalloc(test, f->nr, sizeof(*before), GFP_KERNEL);
	unsigned int way, child;
	unsigned long i;

	KUNIT_ASSERT_NOT_NULL(test, before);
	if (!f->order)
		kunit_skip(test, "is of order 0 already");
	for (way = 0; way < 2 * NR_BITS; way++) {
		struct folio *head;

		fxa_populate(f, 0, ADDR, 1, 1);
		head = f->folio;
		vary_bits(f, way / 2);
		child = way & 1 ? fxa_fork(f, 0) : 0;
		fxa_expect(f, "before, way", way);
		fxa_read(f, 0, ADDR, 0, f->nr);
		memcpy(before, f->entries, f->nr * sizeof(*before));
		KUNIT_EXPECT_EQ_MSG(test, 0, fxa_split_folio(f, head), "way %u", way);
		for (i = 0; i < f->nr; i++)
			before[i].state &= ~FXA_PMD;
		expect_migrated_entries(f, 0, before, "split, way", way);
		fxa_read(f, 0, ADDR, 0, f->nr);
		for (i = 0; i < f->nr; i++) {
			struct page *page = f->entries[i].page;

			KUNIT_ASSERT_PTR_EQ_MSG(test, folio_page(head, i), page, "page %lu", i);
			KUNIT_ASSERT_EQ_MSG(test, 0, folio_order(page_folio(page)), "page %lu", i);
			KUNIT_EXPECT_EQ_MSG(test, (ADDR >> PAGE_SHIFT) + i,
					    page_folio(page)->index, "page %lu", i);
		}
		f->folio = NULL;
		fxa_expect(f, "split, way", way);
		fxa_expect_data(f, 0, ADDR, 0, f->nr, 1, "split, way", way);
		if (child) {
			fxa_expect_data(f, child, ADDR, 0, f->nr, 1, "split, child, way", way);
			fxa_end_mm(f, child);
		}
		fxa_munmap(f, 0, ADDR, 0, f->nr);
		fxa_expect(f, "unmapped, way", way);
	}
	fxa_end(f);
}

/* Files. */

#define INDEX	1024UL

/* Expects one folio in the page cache, with what it had before. */
static void expect_file_folio(struct fxa *f, struct folio_fixture *fx, struct folio *folio,
			      unsigned int state, unsigned int ptes, const char *when)
{
	const struct fxt_range want = { INDEX, f->order };
	long refs = f->nr + ptes + !!(state & FXT_PRIVATE);

	fxt_expect_layout(fx, &want, 1);
	fxt_expect_consistent(fx);
	KUNIT_EXPECT_EQ_MSG(f->test, refs + (f->held ? 1 : 0), folio_ref_count(folio),
			    "%s, state %x, order %u", when, state, f->order);
	KUNIT_EXPECT_EQ_MSG(f->test, ptes, folio_mapcount(folio), "%s, state %x", when, state);
	KUNIT_EXPECT_TRUE_MSG(f->test, folio_test_uptodate(folio), "%s", when);
	KUNIT_EXPECT_TRUE_MSG(f->test, folio_test_lru(folio), "%s", when);
	KUNIT_EXPECT_FALSE_MSG(f->test, folio_test_locked(folio), "%s", when);
	KUNIT_EXPECT_EQ_MSG(f->test, !!(state & FXT_DIRTY), folio_test_dirty(folio),
			    "%s, order %u", when, f->order);
	KUNIT_EXPECT_EQ_MSG(f->test, !!(state & FXT_DIRTY),
			    xa_get_mark(&fxt_mapping(fx)->i_pages, INDEX, PAGECACHE_TAG_DIRTY),
			    "%s, order %u", when, f->order);
	KUNIT_EXPECT_PTR_EQ_MSG(f->test, (void *)(state & FXT_PRIVATE ? fx : NULL),
				folio_get_private(folio), "%s, order %u", when, f->order);
	KUNIT_EXPECT_EQ_MSG(f->test, !!(state & FXT_PRIVATE), folio_test_private(folio),
			    "%s, order %u", when, f->order);
	fxt_expect_stamped(fx, FXT_POS(INDEX), FXT_POS(INDEX + f->nr));
}

/* Mapped by two mms, clean or dirty, with private data or not; or in use: then it stays. */
static void migrate_file_folio(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	struct fxa *f = fxa_start(test, order, false);

	need_whole_migration(test, order);
	for (i = 0; i < 8; i++) {
		unsigned int state = (i & 1 ? FXT_DIRTY : 0) | (i & 2 ? FXT_PRIVATE : 0);
		struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
		struct folio *old = fxt_add_folio(fx, INDEX, order, state), *now;
		unsigned long part = f->nr - f->nr / 2, k;
		long dirty, pages;
		bool held = i & 4;

		KUNIT_ASSERT_EQ(test, order, folio_order(old));
		KUNIT_ASSERT_EQ(test, 1, fxa_new_mm(f));
		fxa_use(f, 0);
		fxt_mmap(fx, ADDR + 3 * PAGE_SIZE, INDEX, f->nr, PROT_READ, MAP_SHARED);
		fxt_touch(test, ADDR + 3 * PAGE_SIZE, f->nr, false);
		fxa_use(f, 1);
		fxt_mmap(fx, TO + 5 * PAGE_SIZE, INDEX + f->nr / 2, part, PROT_READ, MAP_PRIVATE);
		fxt_touch(test, TO + 5 * PAGE_SIZE, part, false);
		fxa_expect(f, "before, way", i);
		fxa_drain();
		dirty = fxt_node_stat(NR_FILE_DIRTY);
		pages = fxt_node_stat(NR_FILE_PAGES);
		if (held) {
			folio_get(old);
			f->held = old;
			f->held_refs = 1;
		}
		fxt_forget_calls(fx);
		KUNIT_EXPECT_EQ_MSG(test, held, fxa_migrate(f, old) != 0, "way %u", i);
		now = filemap_get_folio(fxt_mapping(fx), INDEX);
		KUNIT_ASSERT_FALSE(test, IS_ERR(now));
		folio_put(now);
		KUNIT_EXPECT_EQ_MSG(test, held, now == old, "way %u", i);
		fxa_drain();
		expect_file_folio(f, fx, now, state, f->nr + part, held ? "stayed" : "migrated");
		if (!held)
			KUNIT_EXPECT_EQ(test, 1, fxt_count_calls(fx, FXT_MIGRATE_FOLIO));
		KUNIT_EXPECT_EQ(test, 0, fxt_count_calls(fx, FXT_RELEASE_FOLIO));
		f->folio = now;
		fxa_expect_state(f, 0, ADDR + 3 * PAGE_SIZE, 0, f->nr, SHARED | FXA_WRITE, SHARED,
				 "migrated, way", i);
		fxa_expect_state(f, 1, TO + 5 * PAGE_SIZE - (f->nr / 2 << PAGE_SHIFT), f->nr / 2,
				 part, SHARED | FXA_WRITE, SHARED, "migrated, way", i);
		fxa_expect(f, "migrated, way", i);
		KUNIT_EXPECT_EQ(test, dirty, fxt_node_stat(NR_FILE_DIRTY));
		KUNIT_EXPECT_EQ(test, pages, fxt_node_stat(NR_FILE_PAGES));
		for (k = 0; k < f->nr; k++)
			if (xa_load(&fxt_mapping(fx)->i_pages, INDEX + k) != now)
				KUNIT_FAIL(test, "index %lu, way %u", k, i);
		if (held) {
			folio_put(old);
			f->held = NULL;
		}
		fxa_munmap(f, 0, ADDR + 3 * PAGE_SIZE, 0, f->nr);
		fxa_end_mm(f, 1);
		f->folio = NULL;
		fxa_expect(f, "unmapped, way", i);
		/* The dirt is for writeback to clean, which this filesystem has not. */
		folio_lock(now);
		folio_clear_dirty_for_io(now);
		folio_unlock(now);
	}
	fxa_end(f);
}

KUNIT_ARRAY_PARAM_DESC(param, fxa_params, desc);
KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

static struct kunit_case anon_move_cases[] = {
	KUNIT_CASE_PARAM_ATTR(mremap_whole_folio, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(mremap_part_of_folio, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(mremap_across_folios, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(mremap_shared_folio, param_gen_params),
	KUNIT_CASE_PARAM(mremap_overlapping, param_gen_params),
	KUNIT_CASE(rmap_behind_other_pmd),
	KUNIT_CASE_PARAM_ATTR(migrate_keeps_bits, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(migrate_shared_folio, param_gen_params),
	KUNIT_CASE_PARAM_ATTR(migrate_partially_mapped, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(migration_entries, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(unmap_lazyfree, param_gen_params),
	KUNIT_CASE_PARAM_ATTR(split_mapped_folio, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(migrate_file_folio, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	{}
};

static struct kunit_suite anon_move_suite = {
	.name = "mm_anon_move",
	.test_cases = anon_move_cases,
};

kunit_test_suite(anon_move_suite);

MODULE_DESCRIPTION("KUnit suite of anonymous folios that move");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
