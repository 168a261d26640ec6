// SPDX-License-Identifier: GPL-2.0
/*
 * Anonymous folios that go to swap and come back, whole or in pieces: contents,
 * slots, who owns a page alone, and the counters.
 */
#include <linux/highmem.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include <linux/uaccess.h>

#include "fixture.h"
#include "../module/compat.h"

#define ADDR	FXA_AREA(0)
#define TO	FXA_AREA(2)

#define OWNED	(FXA_PAGE | FXA_WRITE | FXA_EXCLUSIVE)
#define ALL	(FXA_KINDS | FXA_PMD | FXA_WRITE | FXA_EXCLUSIVE)

/* Room for a folio of PMD size wherever the slots begin, and some more. */
#define SLOTS	1600

static void expect_used(struct fxa *f, struct fxt_swap *swap, long want, const char *when,
			unsigned long arg)
{
	KUNIT_EXPECT_EQ_MSG(f->test, want, fxt_swap_used(swap), "slots, %s %lu, order %u", when,
			    arg, f->order);
}

static bool whole_folio(struct fxa *f)
{
	return !f->order || IS_ENABLED(CONFIG_THP_SWAP);
}

/*
 * Where writing takes its time, the folio is freed by the second look at it: page by
 * page if it was split for that.
 */
static unsigned long reclaim(struct fxa *f)
{
	struct page *page = folio_page(f->folio, 0);
	unsigned long i, nr = fxa_reclaim(f, f->folio);

	if (whole_folio(f))
		return nr ?: fxa_reclaim(f, f->folio);
	for (i = 0; i < f->nr; i++) {
		struct folio *folio = page_folio(page + i);

		if (folio_test_swapcache(folio) && !folio_test_dirty(folio))
			nr += fxa_reclaim(f, folio);
	}
	return nr;
}

/*
 * Reclaims the folio: its entries are those of as many slots in a row, which
 * hold what was written.
 */
static void swap_out(struct fxa *f, struct fxt_swap *swap, bool exclusive, unsigned int mm)
{
	long written = atomic_long_read(&swap->written);
	unsigned long i, first;

	KUNIT_EXPECT_EQ_MSG(f->test, f->nr, reclaim(f), "order %u", f->order);
	f->folio = NULL;
	fxa_expect_state(f, mm, ADDR, 0, f->nr, ~0,
			 FXA_SWAP | (exclusive ? FXA_EXCLUSIVE : 0), "swapped out", mm);
	fxa_expect(f, "swapped out", mm);
	expect_used(f, swap, f->nr, "swapped out", mm);
	KUNIT_EXPECT_EQ(f->test, f->nr, atomic_long_read(&swap->written) - written);
	if (!whole_folio(f) || f->reported)
		return;
	fxa_read(f, mm, ADDR, 0, f->nr);
	first = swp_offset((swp_entry_t) { f->entries[0].swap });
	KUNIT_EXPECT_TRUE_MSG(f->test, IS_ALIGNED(first, f->nr), "slot %lu, order %u", first,
			      f->order);
	for (i = 0; i < f->nr; i++) {
		unsigned long at = swp_offset((swp_entry_t) { f->entries[i].swap });
		u64 word = *(u64 *)fxt_swap_slot(swap, at);

		if (at == first + i && word >> 56 == 1 && (word >> 16 & 0xffffff) == i)
			continue;
		KUNIT_FAIL(f->test, "page %lu is in slot %lu, first %lu, word %016llx, order %u",
			   i, at, first, word, f->order);
		break;
	}
}

/* Reads pages that swap_out() has put out, with folios of the order under test to be had. */
static void swap_in(struct fxa *f, unsigned int mm, unsigned long first, unsigned long nr,
		    const char *when, unsigned long arg)
{
	fxa_set_orders(f, BIT(f->order));
	fxa_expect_data(f, mm, ADDR, first, nr, 1, when, arg);
	fxa_set_orders(f, 0);
}

/* Unmaps the folio: neither a slot nor the swap cache keeps anything of it. */
static void unmap_all(struct fxa *f, struct fxt_swap *swap, const char *when, unsigned long arg)
{
	fxa_munmap(f, 0, ADDR, 0, f->nr);
	fxa_drain();
	expect_used(f, swap, 0, when, arg);
	f->had_swap = false;
	fxa_expect(f, when, arg);
}

static void swap_out_and_in(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned long pages[] = { 0, f->nr / 2, f->nr - 1 };
	unsigned int i, sync, write;

	for (sync = 0; sync < 2; sync++) {
		struct fxt_swap *swap = fxt_swap_on(test, SLOTS, sync ? FXT_SWAP_SYNC : 0);

		for (i = 0; i < 2 * ARRAY_SIZE(pages); i++) {
			unsigned long page = pages[i / 2];

			write = i & 1;
			fxa_populate(f, 0, ADDR, 1, 1);
			swap_out(f, swap, true, 0);
			fxa_set_orders(f, BIT(f->order));
			if (write)
				fxa_write(f, 0, ADDR, page, 1, 2);
			else
				fxa_expect_data(f, 0, ADDR, page, 1, 1, "swapped in", page);
			fxa_set_orders(f, 0);
			fxa_expect_state(f, 0, ADDR, page, 1, ALL, OWNED, "swapped in", page);
			fxa_read(f, 0, ADDR, page, 1);
			/* What is in one piece comes back in one piece, where that is quick. */
			if (sync && f->order < FXA_PMD_ORDER && whole_folio(f) &&
			    f->entries[0].page) {
				KUNIT_EXPECT_EQ(test, f->order,
						folio_order(page_folio(f->entries[0].page)));
				KUNIT_EXPECT_EQ(test, page,
						folio_page_idx(page_folio(f->entries[0].page),
							       f->entries[0].page));
				fxa_expect_state(f, 0, ADDR, 0, f->nr, ALL, OWNED, "swapped in by",
						 page);
			}
			f->had_swap = !sync;
			fxa_expect(f, "swapped in", page);
			fxa_expect_data(f, 0, ADDR, 0, page, 1, "swapped in before", page);
			fxa_expect_data(f, 0, ADDR, page, 1, 1 + write, "swapped in", page);
			fxa_expect_data(f, 0, ADDR, page + 1, f->nr - page - 1, 1,
					"swapped in after", page);
			fxa_write(f, 0, ADDR, 0, f->nr, 3);
			fxa_expect_state(f, 0, ADDR, 0, f->nr, ALL, OWNED, "wrote all", page);
			fxa_expect_data(f, 0, ADDR, 0, f->nr, 3, "wrote all", page);
			fxa_expect(f, "wrote all", page);
			unmap_all(f, swap, "unmapped", page);
		}
		KUNIT_EXPECT_EQ(test, 0, fxt_swap_off(swap));
	}
	fxa_end(f);
}

enum { BY_MUNMAP, BY_DONTNEED, BY_FREE, NR_WAYS };

/* Each page that is given up while it is swapped out frees its slot. */
static void unmap_part_of_swapped(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	struct fxt_swap *swap = fxt_swap_on(test, SLOTS, FXT_SWAP_SYNC);
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, way, n = fxa_parts(f->nr, parts);

	for (i = 0; i < n; i++) {
		for (way = 0; way < NR_WAYS; way++) {
			unsigned long first = parts[i].first, nr = parts[i].nr, end = first + nr;

			fxa_populate(f, 0, ADDR, 1, 1);
			swap_out(f, swap, true, 0);
			if (way == BY_MUNMAP)
				fxa_munmap(f, 0, ADDR, first, nr);
			else
				KUNIT_ASSERT_EQ(test, 0, fxa_madvise(f, 0, ADDR, first, nr,
								     way == BY_FREE ? MADV_FREE :
								     MADV_DONTNEED));
			fxa_expect_state(f, 0, ADDR, first, nr, ~0, 0, "unmapped part", i);
			expect_used(f, swap, f->nr - nr, "unmapped part", i);
			fxa_expect(f, "unmapped part", i);
			fxa_set_orders(f, BIT(f->order));
			fxa_expect_data(f, 0, ADDR, 0, first, 1, "before part", i);
			fxa_expect_data(f, 0, ADDR, end, f->nr - end, 1, "after part", i);
			if (way != BY_MUNMAP)
				fxa_expect_data(f, 0, ADDR, first, nr, 0, "part", i);
			fxa_set_orders(f, 0);
			fxa_expect(f, "swapped in without part", i);
			unmap_all(f, swap, "unmapped all, part", i);
		}
	}
	fxa_end(f);
}

/* Forked before it went to swap, or while it was there: nobody owns it alone. */
static void swap_shared_folio(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned int i, sync, child;
	unsigned long page = f->nr / 2;

	for (sync = 0; sync < 2; sync++) {
		struct fxt_swap *swap = fxt_swap_on(test, SLOTS, sync ? FXT_SWAP_SYNC : 0);

		for (i = 0; i < 4; i++) {
			fxa_populate(f, 0, ADDR, 1, 1);
			child = i & 1 ? fxa_fork(f, 0) : 0;
			swap_out(f, swap, !child, 0);
			if (!child)
				child = fxa_fork(f, 0);
			fxa_expect_state(f, 0, ADDR, 0, f->nr, ~0, FXA_SWAP, "parent, way", i);
			fxa_expect_state(f, child, ADDR, 0, f->nr, ~0, FXA_SWAP, "child, way", i);
			fxa_expect(f, "forked and swapped out, way", i);
			expect_used(f, swap, f->nr, "forked and swapped out, way", i);
			f->had_swap = true;
			fxa_set_orders(f, BIT(f->order));
			if (i & 2) {
				fxa_write(f, child, ADDR, page, 1, 2);
				fxa_expect_data(f, 0, ADDR, page, 1, 1, "the child wrote, way", i);
				fxa_write(f, 0, ADDR, page, 1, 3);
			} else {
				fxa_expect_data(f, 0, ADDR, page, 1, 1, "read first, way", i);
				fxa_expect(f, "read first, way", i);
				fxa_write(f, 0, ADDR, page, 1, 3);
				fxa_write(f, child, ADDR, page, 1, 2);
			}
			fxa_set_orders(f, 0);
			fxa_expect(f, "both wrote, way", i);
			fxa_expect_data(f, child, ADDR, 0, page, 1, "child, before, way", i);
			fxa_expect_data(f, child, ADDR, page, 1, 2, "child, way", i);
			fxa_expect_data(f, child, ADDR, page + 1, f->nr - page - 1, 1,
					"child, after, way", i);
			fxa_expect_data(f, 0, ADDR, 0, page, 1, "parent, before, way", i);
			fxa_expect_data(f, 0, ADDR, page, 1, 3, "parent, way", i);
			fxa_expect_data(f, 0, ADDR, page + 1, f->nr - page - 1, 1,
					"parent, after, way", i);
			fxa_expect(f, "both read, way", i);
			fxa_write(f, 0, ADDR, 0, f->nr, 4);
			fxa_expect_data(f, child, ADDR, 0, page, 1, "the parent wrote all, way", i);
			fxa_end_mm(f, child);
			fxa_expect_data(f, 0, ADDR, 0, f->nr, 4, "parent alone, way", i);
			unmap_all(f, swap, "unmapped, way", i);
		}
		KUNIT_EXPECT_EQ(test, 0, fxt_swap_off(swap));
	}
	fxa_end(f);
}

/* How many pages of the area are in the swap cache. */
static long in_swap_cache(struct fxa *f, unsigned int mm)
{
	unsigned long i;
	long nr = 0;

	fxa_read(f, mm, ADDR, 0, f->nr);
	for (i = 0; i < f->nr; i++)
		nr += f->entries[i].page && folio_test_swapcache(page_folio(f->entries[i].page));
	return nr;
}

/* What is in the swap cache counts as such and as page cache, page by page. */
static void swap_cache_counts_pages(struct kunit *test)
{
	static const enum node_stat_item items[] = { NR_SWAPCACHE, NR_FILE_PAGES };
	struct fxa *f = fxa_start_param(test);
	struct fxt_swap *swap = fxt_swap_on(test, SLOTS, FXT_SWAP_SYNC);
	long before[ARRAY_SIZE(items)], cached;
	unsigned int i, child;

	for (i = 0; i < ARRAY_SIZE(items); i++)
		before[i] = fxt_node_stat(items[i]);
	fxa_populate(f, 0, ADDR, 1, 1);
	child = fxa_fork(f, 0);
	swap_out(f, swap, false, 0);
	for (i = 0; i < ARRAY_SIZE(items); i++)
		KUNIT_EXPECT_EQ_MSG(test, before[i], fxt_node_stat(items[i]),
				    "swapped out, item %u", i);
	/* The child's slots keep in the cache what the parent reads. */
	f->had_swap = true;
	swap_in(f, 0, 0, f->nr, "read by the parent", 0);
	cached = in_swap_cache(f, 0);
	KUNIT_EXPECT_EQ(test, f->nr, cached);
	for (i = 0; i < ARRAY_SIZE(items); i++)
		KUNIT_EXPECT_EQ_MSG(test, before[i] + cached, fxt_node_stat(items[i]),
				    "swapped in, item %u", i);
	fxa_end_mm(f, child);
	unmap_all(f, swap, "unmapped", 0);
	for (i = 0; i < ARRAY_SIZE(items); i++)
		KUNIT_EXPECT_EQ_MSG(test, before[i], fxt_node_stat(items[i]),
				    "unmapped, item %u", i);
	fxa_end(f);
}

/*
 * The child is the first to fetch what both share: the rmap of the folio that it gets
 * from the swap cache must find the parent too, who fetches it later.
 */
static void swap_in_by_child_first(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	struct fxt_swap *swap = fxt_swap_on(test, SLOTS, FXT_SWAP_SYNC);
	struct page *pages[] = { NULL, NULL };
	unsigned int child;
	unsigned long i;

	fxa_populate(f, 0, ADDR, 1, 1);
	child = fxa_fork(f, 0);
	swap_out(f, swap, false, 0);
	f->had_swap = true;
	swap_in(f, child, 0, f->nr, "read by the child", 0);
	swap_in(f, 0, 0, f->nr, "read by the parent", 0);
	for (i = 0; i < f->nr; i++) {
		fxa_read(f, child, ADDR, i, 1);
		pages[0] = f->entries[0].page;
		fxa_read(f, 0, ADDR, i, 1);
		pages[1] = f->entries[0].page;
		KUNIT_ASSERT_NOT_NULL(test, pages[0]);
		KUNIT_ASSERT_PTR_EQ_MSG(test, pages[0], pages[1], "page %lu", i);
		if (pages[0] == folio_page(page_folio(pages[0]), 0))
			fxa_referenced(f, page_folio(pages[0]));
	}
	fxa_expect_state(f, child, ADDR, 0, f->nr, FXA_KINDS | FXA_YOUNG, FXA_PAGE, "child", 0);
	fxa_expect_state(f, 0, ADDR, 0, f->nr, FXA_KINDS | FXA_YOUNG, FXA_PAGE, "parent", 0);
	fxa_expect(f, "aged", 0);
	fxa_end_mm(f, child);
	unmap_all(f, swap, "unmapped", 0);
	fxa_end(f);
}

/*
 * Two mms share a folio that is in memory and, since one of them has still to
 * fetch it, in the swap cache. Split, each page stands for its own slot.
 */
static void split_in_swap_cache(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	struct fxt_swap *swap = fxt_swap_on(test, SLOTS, FXT_SWAP_SYNC);
	unsigned long part = f->nr / 2;
	struct folio *folio;
	unsigned int child;

	if (!whole_folio(f))
		kunit_skip(test, "needs CONFIG_THP_SWAP");
	if (!f->order || f->pmd)
		kunit_skip(test, "a folio of order %u is not swapped in whole", f->order);
	fxa_populate(f, 0, ADDR, 1, 1);
	child = fxa_fork(f, 0);
	swap_out(f, swap, false, 0);
	f->had_swap = true;
	swap_in(f, 0, part, 1, "read by the parent", part);
	fxa_read(f, 0, ADDR, part, 1);
	KUNIT_ASSERT_NOT_NULL(test, f->entries[0].page);
	folio = page_folio(f->entries[0].page);
	if (f->order == FXA_PMD_ORDER || folio_order(folio) != f->order)
		kunit_skip(test, "a folio of order %u is not swapped in whole", f->order);
	KUNIT_ASSERT_TRUE(test, folio_test_swapcache(folio));
	KUNIT_EXPECT_EQ(test, 0, fxa_split_folio(f, folio));
	fxa_read(f, 0, ADDR, 0, f->nr);
	KUNIT_EXPECT_EQ(test, 0, folio_order(page_folio(f->entries[f->nr - 1].page)));
	fxa_expect(f, "split", f->order);
	/* The child finds what its own entries say, from the cache or from the disk. */
	fxa_expect_data(f, child, ADDR, 0, part, 1, "the child's first half", part);
	fxa_write(f, child, ADDR, part, f->nr - part, 2);
	fxa_expect_data(f, 0, ADDR, 0, f->nr, 1, "the parent's", part);
	fxa_expect_data(f, child, ADDR, part, f->nr - part, 2, "the child's second half", part);
	fxa_expect(f, "the child wrote", part);
	fxa_end_mm(f, child);
	fxa_write(f, 0, ADDR, 0, f->nr, 3);
	fxa_expect_data(f, 0, ADDR, 0, f->nr, 3, "the parent alone", part);
	unmap_all(f, swap, "unmapped", part);
	fxa_end(f);
}

/*
 * The child finds the folio in the swap cache, where the parent brought it back
 * whole, but has entries for a part of it only: it gets this part, and no page
 * that it gave up comes back.
 */
static void swap_in_part_from_cache(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	struct fxt_swap *swap = fxt_swap_on(test, SLOTS, FXT_SWAP_SYNC);
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, child, n = fxa_parts(f->nr, parts);

	for (i = 0; i < n; i++) {
		unsigned long first = parts[i].first, nr = parts[i].nr, end = first + nr;

		fxa_populate(f, 0, ADDR, 1, 1);
		child = fxa_fork(f, 0);
		swap_out(f, swap, false, 0);
		f->had_swap = true;
		swap_in(f, 0, 0, f->nr, "the parent's, part", i);
		KUNIT_ASSERT_EQ(test, 0, fxa_madvise(f, child, ADDR, first, nr, MADV_DONTNEED));
		fxa_expect(f, "the child gave up part", i);
		fxa_expect_data(f, child, ADDR, 0, first, 1, "before part", i);
		fxa_expect_data(f, child, ADDR, end, f->nr - end, 1, "after part", i);
		fxa_expect_state(f, child, ADDR, first, nr, ~0, 0, "part", i);
		fxa_expect(f, "swapped in but part", i);
		fxa_expect_data(f, child, ADDR, first, nr, 0, "part", i);
		fxa_write(f, child, ADDR, 0, f->nr, 2);
		fxa_expect_data(f, 0, ADDR, 0, f->nr, 1, "the child wrote, part", i);
		fxa_expect(f, "the child wrote, part", i);
		fxa_end_mm(f, child);
		unmap_all(f, swap, "unmapped, part", i);
	}
	fxa_end(f);
}

/*
 * What came back from swap and was only read is clean in the page tables. To give
 * up a part of it gives up no other page, though all of them are one folio.
 */
static void madvise_free_part_of_swapped_in(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	struct fxt_swap *swap = fxt_swap_on(test, SLOTS, FXT_SWAP_SYNC);
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, n = fxa_parts(f->nr, parts);

	for (i = 0; i < n; i++) {
		unsigned long first = parts[i].first, nr = parts[i].nr, end = first + nr, k;

		fxa_populate(f, 0, ADDR, 1, 1);
		swap_out(f, swap, true, 0);
		swap_in(f, 0, 0, f->nr, "swapped in, part", i);
		fxa_drain();
		KUNIT_ASSERT_EQ(test, 0, fxa_madvise(f, 0, ADDR, first, nr, MADV_FREE));
		fxa_drain();
		for (k = 0; k < f->nr; k += max(f->nr / 8, 1UL)) {
			fxa_read(f, 0, ADDR, k, 1);
			if (f->entries[0].page)
				fxa_reclaim(f, page_folio(f->entries[0].page));
		}
		f->had_swap = true;
		fxa_expect_data(f, 0, ADDR, 0, first, 1, "before part", i);
		fxa_expect_data(f, 0, ADDR, end, f->nr - end, 1, "after part", i);
		unmap_all(f, swap, "unmapped, part", i);
	}
	fxa_end(f);
}

/* Leaves ones in the memory that the next allocation of this order gets. */
static void soil_memory(struct fxa *f)
{
	struct folio *folio = folio_alloc(GFP_HIGHUSER_MOVABLE, f->order);
	unsigned long i;

	KUNIT_ASSERT_NOT_NULL(f->test, folio);
	for (i = 0; i < f->nr; i++)
		memset_page(folio_page(folio, i), 0, 0xff, PAGE_SIZE);
	folio_put(folio);
}

/*
 * Swap remembers which folios are all zero, and reads nothing for them; it must
 * not take one for such whose last page is not, nor a slot for what it once was.
 */
static void swap_zero_pages(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	struct fxt_swap *swap = fxt_swap_on(test, SLOTS, FXT_SWAP_SYNC);
	unsigned long last = f->nr - 1, slot;
	unsigned int i;

	/* Whoever reads what nobody wrote does not find zeroes. */
	for (slot = 1; slot < SLOTS; slot++)
		memset(fxt_swap_slot(swap, slot), 0xee, PAGE_SIZE);
	for (i = 0; i < 4; i++) {
		bool zero = !(i & 1);

		fxa_mmap(f, 0, ADDR, f->nr, 0);
		fxa_set_orders(f, BIT(f->order));
		fxa_use(f, 0);
		KUNIT_ASSERT_EQ(test, 0, put_user(0, (u64 __user *)ADDR));
		fxa_set_orders(f, 0);
		if (!zero)
			fxa_write(f, 0, ADDR, last, 1, 1);
		fxa_read(f, 0, ADDR, 0, 1);
		KUNIT_ASSERT_NOT_NULL(test, f->entries[0].page);
		f->folio = page_folio(f->entries[0].page);
		KUNIT_ASSERT_EQ(test, f->order, folio_order(f->folio));
		fxa_drain();
		if (whole_folio(f)) {
			KUNIT_EXPECT_EQ_MSG(test, f->nr, reclaim(f), "order %u, %u", f->order, i);
			f->folio = NULL;
			fxa_expect_state(f, 0, ADDR, 0, f->nr, FXA_KINDS, FXA_SWAP, "swapped out",
					 i);
		} else {
			/* It was split, which leaves the zero page of each that is all zero. */
			reclaim(f);
			f->folio = NULL;
			fxa_expect_state(f, 0, ADDR, 0, last, FXA_KINDS, FXA_ZERO, "split", i);
			fxa_expect_state(f, 0, ADDR, last, 1, FXA_KINDS,
					 zero ? FXA_ZERO : FXA_SWAP, "split, the last page", i);
		}
		soil_memory(f);
		fxa_set_orders(f, BIT(f->order));
		fxa_expect_data(f, 0, ADDR, 0, last, 0, "swapped in, all but the last page", i);
		fxa_expect_data(f, 0, ADDR, last, 1, zero ? 0 : 1, "swapped in, the last page", i);
		fxa_set_orders(f, 0);
		unmap_all(f, swap, "unmapped", i);
	}
	fxa_end(f);
}

/* The child leaves while all is swapped out: the parent's slots stay. */
static void exit_with_swapped_folio(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	struct fxt_swap *swap = fxt_swap_on(test, SLOTS, FXT_SWAP_SYNC);
	unsigned int child;

	fxa_populate(f, 0, ADDR, 1, 1);
	swap_out(f, swap, true, 0);
	child = fxa_fork(f, 0);
	fxa_munmap(f, child, ADDR, 0, f->nr / 2);
	expect_used(f, swap, f->nr, "the child unmapped a half", 0);
	fxa_end_mm(f, child);
	expect_used(f, swap, f->nr, "the child is gone", 0);
	fxa_expect(f, "the child is gone", 0);
	KUNIT_ASSERT_EQ(test, TO + PAGE_SIZE, fxa_mremap(f, 0, ADDR, f->nr, TO + PAGE_SIZE));
	fxa_expect_state(f, 0, ADDR, 0, f->nr, ~0, 0, "moved", 0);
	fxa_expect_state(f, 0, TO + PAGE_SIZE, 0, f->nr, ~0, FXA_SWAP, "moved", 0);
	fxa_expect(f, "moved", 0);
	fxa_expect_data(f, 0, TO + PAGE_SIZE, 0, f->nr, 1, "moved", 0);
	fxa_end_mm(f, 0);
	fxa_drain();
	expect_used(f, swap, 0, "all are gone", 0);
	fxa_end(f);
}

/* Each page comes back as exclusive as it was. */
static void swap_mixed_pages(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned int sync;
	unsigned long i;

	for (sync = 0; sync < 2; sync++) {
		struct fxt_swap *swap = fxt_swap_on(test, SLOTS, sync ? FXT_SWAP_SYNC : 0);

		fxa_populate(f, 0, ADDR, 1, 1);
		fxa_mix(f, ADDR);
		KUNIT_EXPECT_EQ(test, f->nr, reclaim(f));
		f->folio = NULL;
		for (i = 0; i < f->nr; i++)
			fxa_expect_state(f, 0, ADDR, i, 1, ~0, FXA_SWAP |
					 (fxa_mixed(f, i) ? FXA_EXCLUSIVE : 0), "swapped out", i);
		fxa_expect(f, "swapped out", 0);
		f->had_swap = true;
		swap_in(f, 0, 0, f->nr, "swapped in", 0);
		fxa_expect(f, "swapped in", 0);
		for (i = 0; i < f->nr; i++)
			if (fxa_mixed(f, i))
				fxa_expect_state(f, 0, ADDR, i, 1, ALL, OWNED, "swapped in", i);
		fxa_write(f, 0, ADDR, 0, f->nr, 2);
		fxa_expect_data(f, 0, ADDR, 0, f->nr, 2, "wrote", 0);
		fxa_expect(f, "wrote", 0);
		unmap_all(f, swap, "unmapped", 0);
		KUNIT_EXPECT_EQ(test, 0, fxt_swap_off(swap));
	}
	fxa_end(f);
}

/* The end of the swap space brings everything back, from all mms. */
static void swapoff_brings_back(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned int i, child;

	for (i = 0; i < 3; i++) {
		struct fxt_swap *swap = fxt_swap_on(test, SLOTS, FXT_SWAP_SYNC);

		fxa_populate(f, 0, ADDR, 1, 1);
		swap_out(f, swap, true, 0);
		child = i == 1 ? fxa_fork(f, 0) : 0;
		/* A part came back before, to a part of the folio in the cache or alone. */
		if (i == 2)
			fxa_expect_data(f, 0, ADDR, f->nr / 2, 1, 1, "read before", i);
		KUNIT_EXPECT_EQ_MSG(test, 0, fxt_swap_off(swap), "way %u", i);
		fxa_expect_state(f, 0, ADDR, 0, f->nr, FXA_KINDS | FXA_EXCLUSIVE, FXA_PAGE |
				 (child ? 0 : FXA_EXCLUSIVE), "swapoff, way", i);
		if (child)
			fxa_expect_state(f, child, ADDR, 0, f->nr, FXA_KINDS | FXA_EXCLUSIVE,
					 FXA_PAGE, "swapoff, way", i);
		fxa_expect(f, "swapoff, way", i);
		fxa_expect_data(f, 0, ADDR, 0, f->nr, 1, "swapoff, way", i);
		fxa_write(f, 0, ADDR, 0, f->nr, 2);
		fxa_expect_data(f, 0, ADDR, 0, f->nr, 2, "swapoff, way", i);
		if (child) {
			fxa_expect_data(f, child, ADDR, 0, f->nr, 1, "swapoff, child, way", i);
			fxa_end_mm(f, child);
		}
		fxa_expect(f, "wrote, way", i);
		fxa_munmap(f, 0, ADDR, 0, f->nr);
	}
	fxa_end(f);
}

/* Less room than the folio needs: as much as fits goes out, nothing is lost. */
static void swap_out_without_room(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	unsigned long room = f->nr / 2 + 1;
	struct fxt_swap *swap = fxt_swap_on(test, room, FXT_SWAP_SYNC);
	unsigned long i, out = 0;

	fxa_populate(f, 0, ADDR, 1, 1);
	fxa_reclaim(f, f->folio);
	f->folio = NULL;
	f->had_swap = true;
	fxa_expect(f, "swapped out", 0);
	fxa_read(f, 0, ADDR, 0, f->nr);
	for (i = 0; i < f->nr; i++)
		out += !!(f->entries[i].state & FXA_SWAP);
	KUNIT_EXPECT_LE(test, out, room);
	KUNIT_EXPECT_EQ(test, fxt_swap_used(swap) >= out, true);
	fxa_expect_data(f, 0, ADDR, 0, f->nr, 1, "swapped out", 0);
	fxa_write(f, 0, ADDR, 0, f->nr, 2);
	fxa_expect_data(f, 0, ADDR, 0, f->nr, 2, "wrote", 0);
	unmap_all(f, swap, "unmapped", 0);
	fxa_end(f);
}

/* Advice about a part moves that part, and leaves the others where they are. */
static void madvise_pageout_part(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	struct fxt_swap *swap = fxt_swap_on(test, SLOTS, FXT_SWAP_SYNC);
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, child, n = fxa_parts(f->nr, parts);

	for (i = 0; i < 2 * n; i++) {
		unsigned long first = parts[i / 2].first, nr = parts[i / 2].nr, end = first + nr;
		bool whole = nr == f->nr;

		fxa_populate(f, 0, ADDR, 1, 1);
		child = i & 1 ? fxa_fork(f, 0) : 0;
		fxa_drain();
		KUNIT_ASSERT_EQ(test, 0, fxa_madvise(f, 0, ADDR, first, nr, MADV_PAGEOUT));
		if (child) {
			/* Not what another one uses, too. */
			fxa_expect_state(f, child, ADDR, 0, f->nr, FXA_KINDS, FXA_PAGE,
					 "shared part", i);
		} else {
			fxa_expect_state(f, 0, ADDR, first, nr, FXA_KINDS | FXA_EXCLUSIVE,
					 FXA_SWAP | FXA_EXCLUSIVE, "part", i);
			fxa_expect_state(f, 0, ADDR, 0, first, OWNED, OWNED, "before part", i);
			fxa_expect_state(f, 0, ADDR, end, f->nr - end, OWNED, OWNED,
					 "after part", i);
			expect_used(f, swap, nr, "part", i);
			if (!whole)
				f->folio = NULL;
		}
		fxa_expect(f, "part", i);
		fxa_expect_data(f, 0, ADDR, 0, f->nr, 1, "part", i);
		if (child) {
			fxa_expect_data(f, child, ADDR, 0, f->nr, 1, "child, part", i);
			fxa_end_mm(f, child);
		}
		unmap_all(f, swap, "unmapped, part", i);
	}
	fxa_end(f);
}

KUNIT_ARRAY_PARAM_DESC(param, fxa_params, desc);

static struct kunit_case anon_swap_cases[] = {
	KUNIT_CASE_PARAM_ATTR(swap_out_and_in, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(unmap_part_of_swapped, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(swap_shared_folio, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(swap_cache_counts_pages, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(swap_in_by_child_first, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(split_in_swap_cache, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(swap_in_part_from_cache, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(madvise_free_part_of_swapped_in, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(swap_zero_pages, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(exit_with_swapped_folio, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(swap_mixed_pages, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(swapoff_brings_back, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(swap_out_without_room, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(madvise_pageout_part, param_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	{}
};

static struct kunit_suite anon_swap_suite = {
	.name = "mm_anon_swap",
	.test_cases = anon_swap_cases,
};

kunit_test_suite(anon_swap_suite);

MODULE_DESCRIPTION("KUnit suite of anonymous folios in swap");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
