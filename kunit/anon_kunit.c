// SPDX-License-Identifier: GPL-2.0
/*
 * Anonymous folios of one address space: which order a fault allocates, what
 * remains after a part was unmapped, protected, advised about, locked or
 * pinned. After each step fxa_expect() compares all counters with the tables.
 */
#include <linux/highmem.h>
#include <linux/huge_mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/uaccess.h>
#include <linux/vmstat.h>

#include "fixture.h"
#include "../module/compat.h"

#define ADDR	FXA_AREA(0)

/* Owned and writable, as a page is that its user wrote. */
#define OWNED	(FXA_PAGE | FXA_WRITE | FXA_EXCLUSIVE)

/* What the pages of a folio say that nothing has happened to. */
static unsigned int whole(struct fxa *f)
{
	return OWNED | FXA_SAME | (f->pmd ? FXA_PMD : 0);
}

#define ALL	(FXA_KINDS | FXA_PMD | FXA_WRITE | FXA_EXCLUSIVE | FXA_SAME)

/* Faults. */

/* Leaves ones in the memory that the next allocation of this order gets. */
static void soil_memory(struct fxa *f, unsigned int order)
{
	struct folio *folio = folio_alloc(GFP_HIGHUSER_MOVABLE, order);
	unsigned long i;

	KUNIT_ASSERT_NOT_NULL(f->test, folio);
	for (i = 0; i < 1UL << order; i++) {
		void *page = kmap_local_folio(folio, i << PAGE_SHIFT);

		memset(page, 0xff, PAGE_SIZE);
		kunmap_local(page);
	}
	folio_put(folio);
}

static void expect_zeroed(struct fxa *f, unsigned long first, unsigned long nr,
			  unsigned long touched)
{
	unsigned long i;

	for (i = first; i < first + nr; i++) {
		void *page = kmap_local_folio(f->folio, i << PAGE_SHIFT);
		void *bad = memchr_inv(page, 0, PAGE_SIZE);

		kunmap_local(page);
		KUNIT_EXPECT_NULL_MSG(f->test, bad, "page %lu is not zeroed, touched %lu, order %u",
				      i, touched, f->order);
		if (bad)
			return;
	}
}

static long fault_stat(struct fxa *f, bool fallback)
{
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	return fxa_mthp_stat(f->order, fallback ? MTHP_STAT_ANON_FAULT_FALLBACK :
			     MTHP_STAT_ANON_FAULT_ALLOC);
#else
	return 0;
#endif
}

static void fault_allocates_order(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned long touched[] = { 0, f->nr / 2, f->nr - 1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(touched); i++) {
		unsigned long page = touched[i];
		long alloc = fault_stat(f, false), fallback = fault_stat(f, true);

		soil_memory(f, f->order);
		fxa_mmap(f, 0, ADDR, f->nr, 0);
		fxa_set_orders(f, BIT(f->order));
		fxa_write(f, 0, ADDR, page, 1, 1);
		fxa_set_orders(f, 0);
		fxa_read(f, 0, ADDR, page, 1);
		KUNIT_ASSERT_NOT_NULL(test, f->entries[0].page);
		f->folio = page_folio(f->entries[0].page);
		KUNIT_ASSERT_EQ_MSG(test, f->order, folio_order(f->folio), "touched %lu", page);
		if (f->order == FXA_PMD_ORDER && !f->pmd)
			fxa_split_pmd(f, 0, ADDR);
		fxa_expect_state(f, 0, ADDR, 0, f->nr, ALL | FXA_DIRTY | FXA_YOUNG,
				 whole(f) | FXA_DIRTY | FXA_YOUNG, "touched", page);
		fxa_expect_data(f, 0, ADDR, page, 1, 1, "touched", page);
		expect_zeroed(f, 0, page, page);
		expect_zeroed(f, page + 1, f->nr - page - 1, page);
		fxa_expect(f, "touched", page);
		KUNIT_EXPECT_TRUE(test, folio_test_anon(f->folio));
		KUNIT_EXPECT_TRUE(test, folio_test_uptodate(f->folio));
		KUNIT_EXPECT_TRUE(test, folio_test_swapbacked(f->folio));
		KUNIT_EXPECT_TRUE(test, folio_test_lru(f->folio));
		KUNIT_EXPECT_EQ(test, ADDR >> PAGE_SHIFT, f->folio->index);
		if (f->order) {
			KUNIT_EXPECT_EQ_MSG(test, alloc + 1, fault_stat(f, false), "page %lu",
					    page);
			KUNIT_EXPECT_EQ_MSG(test, fallback, fault_stat(f, true), "page %lu", page);
			KUNIT_EXPECT_FALSE(test, folio_test_partially_mapped(f->folio));
		}
		fxa_munmap(f, 0, ADDR, 0, f->nr);
		fxa_expect(f, "unmapped, touched", page);
	}
	fxa_end(f);
}

/* The largest order of @orders whose pages around @page are in the VMA and free. */
static unsigned int fitting_order(unsigned long orders, unsigned long page, unsigned long first,
				  unsigned long nr, unsigned long *used)
{
	unsigned int order;

	for (order = FXA_MAX_ORDER; order; order--) {
		unsigned long start = round_down(page, 1UL << order), end = start + (1UL << order);

		if ((orders & BIT(order)) && start >= first && end <= first + nr &&
		    find_next_bit(used, end, start) >= end)
			return order;
	}
	return 0;
}

/* VMAs that begin and end anywhere, written here and there until they are full. */
static void fault_order_fits_vma(struct kunit *test)
{
	static const unsigned long masks[] = { 0x1fc, 0x128, 0x104, 0x4 };
	static const struct { unsigned long first, nr; } vmas[] = {
		{ 0, 512 }, { 1, 511 }, { 0, 511 }, { 3, 10 }, { 4, 4 }, { 5, 300 }, { 250, 259 },
		{ 255, 2 },
	};
	struct fxa *f = fxa_start(test, 2, false);
	unsigned long *used = bitmap_zalloc(512, GFP_KERNEL);
	struct rnd_state rnd;
	unsigned int i, m, k;

	KUNIT_ASSERT_NOT_NULL(test, used);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, (kunit_action_t *)bitmap_free,
							   used));
	prandom_seed_state(&rnd, fxt_seed(test));
	for (m = 0; m < ARRAY_SIZE(masks); m++) {
		for (i = 0; i < ARRAY_SIZE(vmas); i++) {
			unsigned long first = vmas[i].first, nr = vmas[i].nr;

			bitmap_zero(used, 512);
			fxa_mmap(f, 0, ADDR + (first << PAGE_SHIFT), nr, 0);
			fxa_set_orders(f, masks[m]);
			for (k = 0; k < 12; k++) {
				unsigned long page = k == 0 ? first : k == 1 ? first + nr - 1 :
						     first + prandom_u32_state(&rnd) % nr;
				unsigned int want = fitting_order(masks[m], page, first, nr, used);
				struct folio *folio;

				if (test_bit(page, used))
					continue;
				fxa_write(f, 0, ADDR, page, 1, 1);
				fxa_read(f, 0, ADDR, page, 1);
				KUNIT_ASSERT_NOT_NULL(test, f->entries[0].page);
				folio = page_folio(f->entries[0].page);
				KUNIT_EXPECT_EQ_MSG(test, want, folio_order(folio),
						    "page %lu of VMA %lu + %lu, orders %lx",
						    page, first, nr, masks[m]);
				KUNIT_EXPECT_EQ_MSG(test, page & ((1UL << want) - 1),
						    folio_page_idx(folio, f->entries[0].page),
						    "page %lu of VMA %lu + %lu, orders %lx",
						    page, first, nr, masks[m]);
				bitmap_set(used, round_down(page, folio_nr_pages(folio)),
					   folio_nr_pages(folio));
			}
			fxa_set_orders(f, 0);
			fxa_expect(f, "written here and there in VMA", i);
			fxa_munmap(f, 0, ADDR, first, nr);
		}
	}
	fxa_end(f);
}

/* What is only read takes no memory; a write allocates what still fits. */
static void fault_read_maps_zero_page(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned int pmd = f->pmd ? FXA_PMD : 0, i;

	for (i = 0; i < 2; i++) {
		unsigned long page = i ? f->nr / 2 : 0, other = f->nr - 1;

		if (f->order == FXA_PMD_ORDER && !f->pmd)
			break;
		fxa_mmap(f, 0, ADDR, f->nr, 0);
		fxa_set_orders(f, BIT(f->order));
		fxa_expect_data(f, 0, ADDR, page, 1, 0, "read", page);
		fxa_expect_state(f, 0, ADDR, page, 1, ALL, FXA_ZERO | pmd, "read", page);
		fxa_read(f, 0, ADDR, other, 1);
		KUNIT_EXPECT_EQ(test, pmd || other == page, !!f->entries[0].state);
		fxa_expect(f, "read", page);
		if (i && f->pmd) {
			fxa_munmap(f, 0, ADDR, 0, 1);
			fxa_expect_state(f, 0, ADDR, 0, 1, ALL, 0, "unmapped a zero page", 0);
			fxa_expect_state(f, 0, ADDR, 1, f->nr - 1, ALL, FXA_ZERO,
					 "unmapped a zero page", 0);
			fxa_expect(f, "unmapped a zero page", 0);
			pmd = 0;
		}
		fxa_write(f, 0, ADDR, other, 1, 1);
		fxa_set_orders(f, 0);
		fxa_expect_state(f, 0, ADDR, other, 1, ALL & ~FXA_SAME, OWNED | pmd,
				 "wrote", other);
		fxa_expect_data(f, 0, ADDR, other, 1, 1, "wrote", other);
		if (page != other) {
			fxa_expect_state(f, 0, ADDR, page, 1, ALL & ~FXA_SAME,
					 pmd ? OWNED | pmd : FXA_ZERO, "wrote", other);
			fxa_expect_data(f, 0, ADDR, page, 1, 0, "wrote", other);
			fxa_write(f, 0, ADDR, page, 1, 2);
			fxa_expect_data(f, 0, ADDR, page, 1, 2, "wrote the other, too", other);
		}
		fxa_expect(f, "wrote", other);
		fxa_munmap(f, 0, ADDR, 0, f->nr);
		fxa_expect(f, "unmapped", 0);
	}
	fxa_end(f);
}

/* Unmapping. */

static long deferred_stat(struct fxa *f)
{
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	return fxa_mthp_stat(f->order, MTHP_STAT_SPLIT_DEFERRED);
#else
	return 0;
#endif
}

enum { BY_MUNMAP, BY_DONTNEED, BY_MMAP, NR_WAYS };

/* The part is gone, what is left is as it was, and the folio waits to be split. */
static void unmap_part_of_folio(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, way, n = fxa_parts(f->nr, parts);

	for (i = 0; i < n; i++) {
		for (way = 0; way < NR_WAYS; way++) {
			unsigned long first = parts[i].first, nr = parts[i].nr, end = first + nr;
			bool partial = nr < f->nr;
			long deferred;

			fxa_populate(f, 0, ADDR, 1, 1);
			fxa_expect(f, "populated for part", i);
			deferred = deferred_stat(f);
			if (way == BY_MUNMAP)
				fxa_munmap(f, 0, ADDR, first, nr);
			else if (way == BY_DONTNEED)
				KUNIT_ASSERT_EQ(test, 0, fxa_madvise(f, 0, ADDR, first, nr,
								     MADV_DONTNEED));
			else
				fxa_mmap(f, 0, ADDR + (first << PAGE_SHIFT), nr, 0);
			fxa_expect_state(f, 0, ADDR, first, nr, ~0, 0, "unmapped part", i);
			fxa_expect_state(f, 0, ADDR, 0, first, ALL, OWNED | FXA_SAME,
					 "before part", i);
			fxa_expect_state(f, 0, ADDR, end, f->nr - end, ALL, OWNED | FXA_SAME,
					 "after part", i);
			fxa_expect(f, "unmapped part", i);
			fxa_expect_data(f, 0, ADDR, 0, first, 1, "before part", i);
			fxa_expect_data(f, 0, ADDR, end, f->nr - end, 1, "after part", i);
			if (!partial) {
				f->folio = NULL;	/* freed, and perhaps used again */
			} else {
				KUNIT_EXPECT_TRUE_MSG(test, folio_test_partially_mapped(f->folio),
						      "part %u, way %u", i, way);
				KUNIT_EXPECT_EQ_MSG(test, deferred + 1, deferred_stat(f),
						    "part %u, way %u", i, way);
			}
			if (way != BY_MUNMAP) {
				fxa_expect_data(f, 0, ADDR, first, nr, 0, "read again part", i);
				fxa_write(f, 0, ADDR, first, nr, 2);
				fxa_expect_state(f, 0, ADDR, first, nr, OWNED | FXA_SAME, OWNED,
						 "wrote again part", i);
				fxa_expect_data(f, 0, ADDR, 0, first, 1, "before new part", i);
				fxa_expect_data(f, 0, ADDR, end, f->nr - end, 1, "after new part",
						i);
				fxa_expect(f, "wrote again part", i);
			}
			fxa_munmap(f, 0, ADDR, 0, f->nr);
			f->folio = NULL;
			fxa_expect(f, "unmapped all after part", i);
		}
	}
	fxa_end(f);
}

/* Unmapped at once, but somebody has a reference: nothing is left that a split would free. */
static void unmap_whole_folio(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned int way;

	for (way = 0; way < NR_WAYS; way++) {
		long deferred = deferred_stat(f);

		fxa_populate(f, 0, ADDR, 1, 1);
		folio_get(f->folio);
		f->held = f->folio;
		f->held_refs = 1;
		if (way == BY_MUNMAP)
			fxa_munmap(f, 0, ADDR, 0, f->nr);
		else if (way == BY_DONTNEED)
			KUNIT_ASSERT_EQ(test, 0, fxa_madvise(f, 0, ADDR, 0, f->nr, MADV_DONTNEED));
		else
			fxa_mmap(f, 0, ADDR, f->nr, 0);
		fxa_expect_state(f, 0, ADDR, 0, f->nr, ~0, 0, "unmapped, way", way);
		fxa_expect(f, "unmapped, way", way);
		if (f->order)
			KUNIT_EXPECT_FALSE_MSG(test, folio_test_partially_mapped(f->folio),
					       "way %u", way);
		KUNIT_EXPECT_EQ_MSG(test, deferred, deferred_stat(f), "way %u", way);
		f->held = NULL;
		folio_put(f->folio);
		f->folio = NULL;
		fxa_expect(f, "freed, way", way);
	}
	fxa_end(f);
}

/* Eight steps, forwards, backwards and every third, until nothing is mapped. */
static void unmap_in_each_order(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned long step = max(f->nr / 8, 1UL), steps = f->nr / step, i, k;
	unsigned int way;

	for (way = 0; way < 3; way++) {
		fxa_populate(f, 0, ADDR, 1, 1);
		for (i = 0; i < steps; i++) {
			k = way == 0 ? i : way == 1 ? steps - 1 - i : i * 3 % steps;
			fxa_munmap(f, 0, ADDR, k * step, step);
			fxa_expect_state(f, 0, ADDR, k * step, step, ~0, 0, "step", k);
			fxa_expect(f, "step", k);
		}
	}
	fxa_end(f);
}

/*
 * One range over four folios, at the end of a page table:
 *
 *	table 1 .......[0 1 2 3][4 5 6 7]
 *	table 2 [8 9 . .][. . . .]....
 *	                ^ range begins and ends inside of folios
 */
static void unmap_across_folios(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned long nr = f->nr, all = min(4 * nr, FXA_MAX_NR), i;
	unsigned long base = ADDR + 2 * PMD_SIZE - min(2 * nr << PAGE_SHIFT, PMD_SIZE);
	const struct fxa_part ranges[] = {
		{ nr / 2, all - nr }, { 1, all - 2 }, { nr - 1, 2 }, { nr, nr },
		{ nr + 1, all - nr - 1 }, { 0, all / 2 + 1 },
	};

	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		unsigned long first = ranges[i].first, n = ranges[i].nr, end = first + n;

		if (!n || end > all)
			continue;
		fxa_populate(f, 0, base, all >> f->order, 1);
		if (i & 1)
			fxa_munmap(f, 0, base, first, n);
		else
			KUNIT_ASSERT_EQ(test, 0, fxa_madvise(f, 0, base, first, n, MADV_DONTNEED));
		fxa_expect(f, "unmapped range", i);
		fxa_expect_state(f, 0, base, first, n, ~0, 0, "unmapped range", i);
		fxa_expect_data(f, 0, base, 0, first, 1, "before range", i);
		fxa_expect_data(f, 0, base, end, all - end, 1, "after range", i);
		fxa_munmap(f, 0, base, 0, all);
		fxa_expect(f, "unmapped all, range", i);
	}
	fxa_end(f);
}

/* Splitting a PMD loses nothing and adds nothing, whatever the PMD says. */
static void split_pmd_keeps_bits(struct kunit *test)
{
	static const char * const names[] = { "written", "aged", "read-only", "clean", "shared" };
	struct fxa *f = fxa_start(test, FXA_PMD_ORDER, true);
	unsigned int state, i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		fxa_populate(f, 0, ADDR, 1, 1);
		fxa_expect(f, "populated", i);
		if (i == 1)
			fxa_referenced(f, f->folio);
		if (i == 2)
			KUNIT_ASSERT_EQ(test, 0, fxa_mprotect(f, 0, ADDR, 0, f->nr, PROT_READ));
		if (i == 3)
			KUNIT_ASSERT_EQ(test, 0, fxa_madvise(f, 0, ADDR, 0, f->nr, MADV_FREE));
		if (i == 4)
			fxa_fork(f, 0);
		fxa_read(f, 0, ADDR, 0, 1);
		state = f->entries[0].state;
		KUNIT_ASSERT_TRUE(test, state & FXA_PMD);
		fxa_split_pmd(f, 0, ADDR + PAGE_SIZE * i);
		fxa_expect_state(f, 0, ADDR, 0, f->nr, ~0, state & ~FXA_PMD, names[i], i);
		fxa_expect(f, names[i], i);
		/* Once more: there is nothing to split. */
		fxa_split_pmd(f, 0, ADDR);
		fxa_expect_state(f, 0, ADDR, 0, f->nr, ~0, state & ~FXA_PMD, "split twice", i);
		fxa_expect(f, "split twice", i);
		KUNIT_EXPECT_FALSE(test, folio_test_partially_mapped(f->folio));
		if (i == 4) {
			fxa_expect_state(f, 1, ADDR, 0, f->nr, ALL,
					 FXA_PAGE | FXA_SAME | FXA_PMD, "the other mm", i);
			fxa_end_mm(f, 1);
			fxa_expect(f, "the other mm is gone", i);
		}
		fxa_expect_data(f, 0, ADDR, 0, f->nr, 1, names[i], i);
		fxa_munmap(f, 0, ADDR, 0, f->nr);
		fxa_expect(f, "unmapped", i);
	}
	fxa_end(f);
}

/* Protection. */

static int try_write(struct fxa *f, unsigned long page)
{
	u8 __user *at = (u8 __user *)(ADDR + (page << PAGE_SHIFT) + 100);

	fxa_use(f, 0);
	return put_user(0x77, at);
}

static void mprotect_part_and_back(struct kunit *test)
{
	static const unsigned long prots[] = { PROT_READ, PROT_NONE };
	struct fxa *f = fxa_start_param(test);
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, p, n = fxa_parts(f->nr, parts);

	for (i = 0; i < n * ARRAY_SIZE(prots); i++) {
		unsigned long first = parts[i / 2].first, nr = parts[i / 2].nr, end = first + nr;
		unsigned int pmd = nr == f->nr && f->pmd ? FXA_PMD : 0;

		p = i & 1;
		fxa_populate(f, 0, ADDR, 1, 1);
		KUNIT_ASSERT_EQ(test, 0, fxa_mprotect(f, 0, ADDR, first, nr, prots[p]));
		fxa_expect_state(f, 0, ADDR, first, nr, ALL,
				 FXA_PAGE | FXA_SAME | FXA_EXCLUSIVE | pmd, "protected part", i);
		fxa_expect_state(f, 0, ADDR, 0, first, ALL, OWNED | FXA_SAME, "before part", i);
		fxa_expect_state(f, 0, ADDR, end, f->nr - end, ALL, OWNED | FXA_SAME,
				 "after part", i);
		fxa_expect(f, "protected part", i);
		KUNIT_EXPECT_EQ_MSG(test, -EFAULT, try_write(f, first), "part %u", i);
		KUNIT_EXPECT_EQ_MSG(test, -EFAULT, try_write(f, end - 1), "part %u", i);
		if (first)
			KUNIT_EXPECT_EQ_MSG(test, 0, try_write(f, first - 1), "part %u", i);
		if (end < f->nr)
			KUNIT_EXPECT_EQ_MSG(test, 0, try_write(f, end), "part %u", i);
		if (prots[p] == PROT_READ)
			fxa_expect_data(f, 0, ADDR, first, nr, 1, "protected part", i);
		KUNIT_ASSERT_EQ(test, 0, fxa_mprotect(f, 0, ADDR, 0, f->nr,
						      PROT_READ | PROT_WRITE));
		fxa_expect_data(f, 0, ADDR, 0, f->nr, 1, "back, part", i);
		/* All is still owned: nothing is copied. */
		fxa_write(f, 0, ADDR, 0, f->nr, 2);
		fxa_expect_state(f, 0, ADDR, 0, f->nr, ALL, OWNED | FXA_SAME | pmd,
				 "wrote after part", i);
		fxa_expect_data(f, 0, ADDR, 0, f->nr, 2, "wrote after part", i);
		fxa_expect(f, "wrote after part", i);
		fxa_munmap(f, 0, ADDR, 0, f->nr);
	}
	fxa_end(f);
}

/* Advice. */

static void madvise_cold_part(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, n = fxa_parts(f->nr, parts);

	for (i = 0; i < n; i++) {
		unsigned long first = parts[i].first, nr = parts[i].nr, end = first + nr;
		/* A part is split off. */
		unsigned int dirty = nr == f->nr ? FXA_DIRTY : FXA_DIRTY & FXA_KEPT;

		fxa_populate(f, 0, ADDR, 1, 1);
		fxa_drain();
		KUNIT_ASSERT_EQ(test, 0, fxa_madvise(f, 0, ADDR, first, nr, MADV_COLD));
		fxa_expect_state(f, 0, ADDR, first, nr, OWNED | FXA_YOUNG | FXA_DIRTY,
				 OWNED | dirty, "cold part", i);
		fxa_expect_state(f, 0, ADDR, 0, first, OWNED | FXA_YOUNG | FXA_DIRTY,
				 OWNED | FXA_KEPT, "before cold part", i);
		fxa_expect_state(f, 0, ADDR, end, f->nr - end, OWNED | FXA_YOUNG | FXA_DIRTY,
				 OWNED | FXA_KEPT, "after cold part", i);
		fxa_expect(f, "cold part", i);
		fxa_expect_data(f, 0, ADDR, 0, f->nr, 1, "cold part", i);
		fxa_munmap(f, 0, ADDR, 0, f->nr);
	}
	fxa_end(f);
}

/*
 * A page that is not written after MADV_FREE may be dropped, any other not.
 * The whole folio is given up, and one page of it written again, or none.
 */
static void madvise_free_folio(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned long pages[] = { 0, f->nr / 2, f->nr - 1 };
	unsigned int i, pmd = f->pmd ? FXA_PMD : 0;

	for (i = 0; i < 4; i++) {
		bool again = i < 3;

		fxa_populate(f, 0, ADDR, 1, 1);
		fxa_drain();
		/* As one is that came back from swap, or that a device wrote to. */
		if (i & 1)
			(void)folio_mark_dirty_lock(f->folio);
		KUNIT_ASSERT_EQ(test, 0, fxa_madvise(f, 0, ADDR, 0, f->nr, MADV_FREE));
		fxa_drain();
		fxa_expect_state(f, 0, ADDR, 0, f->nr, ALL | FXA_DIRTY | FXA_YOUNG,
				 OWNED | FXA_SAME | pmd, "freed", i);
		KUNIT_EXPECT_FALSE_MSG(test, folio_test_swapbacked(f->folio), "way %u", i);
		KUNIT_EXPECT_FALSE_MSG(test, folio_test_dirty(f->folio), "way %u", i);
		fxa_expect(f, "freed", i);
		if (again) {
			fxa_write(f, 0, ADDR, pages[i], 1, 2);
			fxa_expect_state(f, 0, ADDR, pages[i], 1, FXA_PAGE | FXA_SAME | FXA_DIRTY,
					 FXA_PAGE | FXA_SAME | FXA_DIRTY, "wrote", pages[i]);
		}
		KUNIT_EXPECT_EQ_MSG(test, again ? 0 : f->nr, fxa_reclaim(f, f->folio), "way %u", i);
		fxa_expect(f, "reclaimed", i);
		if (again) {
			/* Of the others it is not known: each is there, or zeroed. */
			fxa_expect_data(f, 0, ADDR, pages[i], 1, 2, "reclaimed", i);
			KUNIT_EXPECT_TRUE_MSG(test, folio_test_swapbacked(f->folio), "way %u", i);
		} else {
			fxa_expect_state(f, 0, ADDR, 0, f->nr, ~0, 0, "reclaimed", i);
			fxa_expect_data(f, 0, ADDR, 0, f->nr, 0, "reclaimed", i);
		}
		fxa_munmap(f, 0, ADDR, 0, f->nr);
		f->folio = NULL;
		fxa_expect(f, "unmapped", i);
	}
	fxa_end(f);
}

/* Not what the pages outside of the part are: they keep their data. */
static void madvise_free_part(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, n = fxa_parts(f->nr, parts);

	for (i = 0; i < n; i++) {
		unsigned long first = parts[i].first, nr = parts[i].nr, end = first + nr, k;

		fxa_populate(f, 0, ADDR, 1, 1);
		fxa_drain();
		KUNIT_ASSERT_EQ(test, 0, fxa_madvise(f, 0, ADDR, first, nr, MADV_FREE));
		fxa_expect_state(f, 0, ADDR, first, nr, FXA_PAGE | FXA_DIRTY, FXA_PAGE,
				 "freed part", i);
		fxa_expect_state(f, 0, ADDR, 0, first, OWNED | FXA_DIRTY,
				 OWNED | (FXA_DIRTY & FXA_KEPT), "before freed part", i);
		fxa_expect_state(f, 0, ADDR, end, f->nr - end, OWNED | FXA_DIRTY,
				 OWNED | (FXA_DIRTY & FXA_KEPT), "after freed part", i);
		fxa_expect(f, "freed part", i);
		fxa_drain();
		for (k = first; k < end; k += max(nr / 2, 1UL)) {
			fxa_read(f, 0, ADDR, k, 1);
			if (f->entries[0].page)
				fxa_reclaim(f, page_folio(f->entries[0].page));
		}
		fxa_expect(f, "reclaimed part", i);
		fxa_expect_data(f, 0, ADDR, 0, first, 1, "before reclaimed part", i);
		fxa_expect_data(f, 0, ADDR, end, f->nr - end, 1, "after reclaimed part", i);
		fxa_munmap(f, 0, ADDR, 0, f->nr);
		f->folio = NULL;
	}
	fxa_end(f);
}

static void madvise_populate_write(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned long i;

	fxa_mmap(f, 0, ADDR, 2 * f->nr, 0);
	fxa_set_orders(f, BIT(f->order));
	KUNIT_EXPECT_EQ(test, 0, fxa_madvise(f, 0, ADDR, 0, 2 * f->nr, MADV_POPULATE_WRITE));
	fxa_set_orders(f, 0);
	fxa_read(f, 0, ADDR, 0, 2 * f->nr);
	for (i = 0; i < 2 * f->nr; i++) {
		struct page *page = f->entries[i].page;

		KUNIT_ASSERT_NOT_NULL_MSG(test, page, "page %lu", i);
		KUNIT_ASSERT_EQ_MSG(test, f->order, folio_order(page_folio(page)), "page %lu", i);
		if (folio_page_idx(page_folio(page), page) != i % f->nr ||
		    (f->entries[i].state & OWNED) != OWNED)
			KUNIT_FAIL(test, "page %lu: state %x", i, f->entries[i].state);
	}
	fxa_expect(f, "populated", 0);
	fxa_expect_data(f, 0, ADDR, 0, 2 * f->nr, 0, "populated", 0);
	fxa_end(f);
}

/* Folios of the order, and holes, become one folio with the same contents. */
static void madvise_collapse_range(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned long pages = 1UL << FXA_PMD_ORDER;
	unsigned int hole, pinned;
	struct page *pin;

	if (f->order == FXA_PMD_ORDER)
		kunit_skip(test, "is of PMD order already");
	fxt_need_large_pages(test);
	if (FXA_PMD_ORDER > FXA_MAX_ORDER)
		kunit_skip(test, "needs a PMD of order %u at most", FXA_MAX_ORDER);
	for (hole = 0; hole < 2; hole++) {
		fxa_populate(f, 0, ADDR, pages >> f->order, 1);
		if (hole) {
			KUNIT_ASSERT_EQ(test, 0, fxa_madvise(f, 0, ADDR, 5, f->nr, MADV_DONTNEED));
			fxa_expect_data(f, 0, ADDR, 5, 1, 0, "zero page", 0);
		}
		/* A pinned page must stay where it is. */
		fxa_use(f, 0);
		pinned = hole ? 5 + f->nr : 7;
		KUNIT_ASSERT_EQ(test, 1, pin_user_pages_fast(ADDR + (pinned << PAGE_SHIFT), 1,
							     FOLL_WRITE | FOLL_LONGTERM, &pin));
		KUNIT_EXPECT_NE(test, 0, fxa_madvise(f, 0, ADDR, 0, pages, MADV_COLLAPSE));
		fxa_read(f, 0, ADDR, pinned, 1);
		KUNIT_EXPECT_PTR_EQ(test, pin, f->entries[0].page);
		unpin_user_page(pin);
		fxa_expect(f, "pinned", hole);
		fxa_expect_data(f, 0, ADDR, 5 + f->nr, pages - 5 - f->nr, 1, "pinned", hole);

		soil_memory(f, FXA_PMD_ORDER);
		KUNIT_ASSERT_EQ(test, 0, fxa_madvise(f, 0, ADDR, 0, pages, MADV_COLLAPSE));
		f->folio = NULL;
		fxa_expect_state(f, 0, ADDR, 0, pages, FXA_KINDS | FXA_PMD | FXA_EXCLUSIVE,
				 FXA_PAGE | FXA_PMD | FXA_EXCLUSIVE, "collapsed", hole);
		fxa_expect(f, "collapsed", hole);
		fxa_expect_data(f, 0, ADDR, 0, 5, 1, "collapsed", hole);
		fxa_expect_data(f, 0, ADDR, 5, f->nr, !hole, "collapsed", hole);
		fxa_expect_data(f, 0, ADDR, 5 + f->nr, pages - 5 - f->nr, 1, "collapsed", hole);
		fxa_munmap(f, 0, ADDR, 0, pages);
		fxa_expect(f, "unmapped", hole);
	}
	fxa_end(f);
}

/* Locks in memory. */

static void expect_locked(struct fxa *f, long before, const char *when)
{
	long want = folio_test_mlocked(f->folio) ? f->nr : 0;
	long got;

	fxa_drain();
	got = zone_page_state_snapshot(folio_zone(f->folio), NR_MLOCK) - before;
	KUNIT_EXPECT_EQ_MSG(f->test, want, got, "NR_MLOCK, %s, order %u", when, f->order);
}

static void mlock_and_unmap_part(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, n = fxa_parts(f->nr, parts);
	struct zone *zone;
	long before;

	fxa_drain();
	fxa_populate(f, 0, ADDR, 1, 1);
	zone = folio_zone(f->folio);
	before = zone_page_state_snapshot(zone, NR_MLOCK);
	fxa_munmap(f, 0, ADDR, 0, f->nr);
	for (i = 0; i < n; i++) {
		unsigned long first = parts[i].first, nr = parts[i].nr;

		fxa_set_orders(f, BIT(f->order));
		fxa_mmap(f, 0, ADDR, f->nr, MAP_LOCKED);
		fxa_set_orders(f, 0);
		fxa_drain();
		fxa_read(f, 0, ADDR, 0, 1);
		KUNIT_ASSERT_NOT_NULL(test, f->entries[0].page);
		f->folio = page_folio(f->entries[0].page);
		KUNIT_ASSERT_EQ(test, f->order, folio_order(f->folio));
		if (folio_zone(f->folio) != zone) {
			zone = folio_zone(f->folio);
			before = zone_page_state_snapshot(zone, NR_MLOCK) -
				 (folio_test_mlocked(f->folio) ? f->nr : 0);
		}
		KUNIT_EXPECT_TRUE_MSG(test, folio_test_mlocked(f->folio), "order %u", f->order);
		KUNIT_EXPECT_TRUE_MSG(test, folio_test_unevictable(f->folio), "order %u", f->order);
		expect_locked(f, before, "locked");
		fxa_expect(f, "locked", 0);
		if (nr == f->nr)
			continue;
		fxa_munmap(f, 0, ADDR, first, nr);
		expect_locked(f, before, "unmapped part");
		/* It waits to be split: it must not be kept from that. */
		KUNIT_EXPECT_FALSE_MSG(test, folio_test_mlocked(f->folio), "part %u", i);
		fxa_expect(f, "locked, unmapped part", i);
		fxa_munmap(f, 0, ADDR, 0, f->nr);
		fxa_drain();
		KUNIT_EXPECT_EQ_MSG(test, before, zone_page_state_snapshot(zone, NR_MLOCK),
				    "part %u, order %u", i, f->order);
		fxa_expect(f, "locked, unmapped all, part", i);
	}
	fxa_end(f);
	fxa_drain();
	KUNIT_EXPECT_EQ(test, before, zone_page_state_snapshot(zone, NR_MLOCK));
}

/* Pins. */

/* What a pin of one page adds to the references of a folio. */
static int pin_refs(struct folio *folio)
{
	return folio_test_large(folio) ? 1 : 1 << 10;
}

static void expect_pins(struct fxa *f, struct folio **folios, const unsigned long *pins,
			const char *when)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		struct folio *folio = folios[i];

		KUNIT_EXPECT_EQ_MSG(f->test, folio_mapcount(folio) + pins[i] * pin_refs(folio),
				    folio_ref_count(folio), "references of folio %u, %s, order %u",
				    i, when, f->order);
		if (f->order)
			KUNIT_EXPECT_EQ_MSG(f->test, pins[i], atomic_read(&folio->_pincount),
					    "pins of folio %u, %s, order %u", i, when, f->order);
		KUNIT_EXPECT_EQ_MSG(f->test, pins[i] > 0, folio_maybe_dma_pinned(folio),
				    "folio %u, %s, order %u", i, when, f->order);
	}
}

/* Pins over three folios: each page counts for the folio that it belongs to. */
static void pin_across_folios(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned long nr = f->nr, i, first = nr / 2, all = nr * 2;
	unsigned long pins[3] = { nr - first, nr, first }, none[3] = {};
	struct page **pages = kunit_kcalloc(test, all, sizeof(*pages), GFP_KERNEL);
	unsigned long base = ADDR + PMD_SIZE - (nr << PAGE_SHIFT);
	struct folio *folios[3];
	unsigned int slow;

	KUNIT_ASSERT_NOT_NULL(test, pages);
	if (!first) {
		pins[0] = 1;
		pins[1] = 1;
	}
	fxa_populate(f, 0, base, 3, 1);
	fxa_drain();
	for (i = 0; i < 3; i++) {
		fxa_read(f, 0, base, i * nr, 1);
		folios[i] = page_folio(f->entries[0].page);
	}
	for (slow = 0; slow < 2; slow++) {
		unsigned long at = base + (first << PAGE_SHIFT), half = all / 2;

		fxa_use(f, 0);
		if (slow) {
			mmap_read_lock(current->mm);
			KUNIT_EXPECT_EQ(test, all, pin_user_pages(at, all, FOLL_WRITE, pages));
			mmap_read_unlock(current->mm);
		} else {
			KUNIT_EXPECT_EQ(test, all, pin_user_pages_fast(at, all, FOLL_WRITE, pages));
		}
		for (i = 0; i < all; i++) {
			if (pages[i] == folio_page(folios[(first + i) / nr], (first + i) % nr))
				continue;
			KUNIT_FAIL(test, "page %lu is another, slow %u, order %u", i, slow,
				   f->order);
			break;
		}
		expect_pins(f, folios, pins, "pinned");
		if (slow) {
			unpin_user_pages_dirty_lock(pages, half, true);
			unpin_user_pages(pages + half, all - half);
		} else {
			unpin_user_pages(pages, half);
			pins[0] = 0;
			pins[1] = nr - (half - (nr - first));
			if (!first)
				pins[1] = 1;
			expect_pins(f, folios, pins, "unpinned half");
			unpin_user_pages(pages + half, all - half);
			pins[0] = first ? nr - first : 1;
			pins[1] = nr;
		}
		expect_pins(f, folios, none, "unpinned");
		fxa_expect(f, "unpinned", slow);
	}
	fxa_expect_data(f, 0, base, 0, 3 * nr, 1, "unpinned", 0);
	fxa_end(f);
}

/* Memory failure. */

static void memory_failure_loses_one_page(struct kunit *test)
{
#ifdef CONFIG_MEMORY_FAILURE
	struct fxa *f = fxa_start_param(test);
	unsigned long pages[] = { 0, f->nr / 2, f->nr - 1 };
	unsigned int i;

	for (i = 0; i < (f->order ? 3 : 1); i++) {
		unsigned long page = pages[i], pfn;
		u8 byte;

		fxa_populate(f, 0, ADDR, 1, 1);
		fxa_drain();
		fxt_switch_mm(NULL);
		pfn = folio_pfn(f->folio) + page;
		KUNIT_ASSERT_EQ(test, 0, memory_failure(pfn, MF_SW_SIMULATED));
		fxa_expect_state(f, 0, ADDR, page, 1, FXA_KINDS, FXA_OTHER, "poisoned", page);
		fxa_use(f, 0);
		KUNIT_EXPECT_NE(test, 0, copy_from_user(&byte, (u8 __user *)ADDR +
							(page << PAGE_SHIFT), 1));
		fxa_expect_state(f, 0, ADDR, 0, page, OWNED, OWNED, "poisoned", page);
		fxa_expect_state(f, 0, ADDR, page + 1, f->nr - page - 1, OWNED, OWNED,
				 "poisoned", page);
		fxa_expect_data(f, 0, ADDR, 0, page, 1, "poisoned", page);
		fxa_expect_data(f, 0, ADDR, page + 1, f->nr - page - 1, 1, "poisoned", page);
		fxa_expect(f, "poisoned", page);
		fxa_munmap(f, 0, ADDR, 0, f->nr);
		f->folio = NULL;
		fxa_expect(f, "unmapped", page);
		KUNIT_EXPECT_EQ(test, 0, unpoison_memory(pfn));
	}
	fxa_end(f);
#else
	kunit_skip(test, "needs CONFIG_MEMORY_FAILURE");
#endif
}

KUNIT_ARRAY_PARAM_DESC(param, fxa_params, desc);

static struct kunit_case anon_cases[] = {
	KUNIT_CASE_PARAM(fault_allocates_order, param_gen_params),
	KUNIT_CASE(fault_order_fits_vma),
	KUNIT_CASE_PARAM(fault_read_maps_zero_page, param_gen_params),
	KUNIT_CASE_PARAM_ATTR(unmap_part_of_folio, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(unmap_whole_folio, param_gen_params),
	KUNIT_CASE_PARAM(unmap_in_each_order, param_gen_params),
	KUNIT_CASE_PARAM_ATTR(unmap_across_folios, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE(split_pmd_keeps_bits),
	KUNIT_CASE_PARAM(mprotect_part_and_back, param_gen_params),
	KUNIT_CASE_PARAM(madvise_cold_part, param_gen_params),
	KUNIT_CASE_PARAM(madvise_free_folio, param_gen_params),
	KUNIT_CASE_PARAM_ATTR(madvise_free_part, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(madvise_populate_write, param_gen_params),
	KUNIT_CASE_PARAM_ATTR(madvise_collapse_range, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(mlock_and_unmap_part, param_gen_params),
	KUNIT_CASE_PARAM(pin_across_folios, param_gen_params),
	KUNIT_CASE_PARAM(memory_failure_loses_one_page, param_gen_params),
	{}
};

static struct kunit_suite anon_suite = {
	.name = "mm_anon",
	.test_cases = anon_cases,
};

kunit_test_suite(anon_suite);

MODULE_DESCRIPTION("KUnit suite of anonymous folios");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
