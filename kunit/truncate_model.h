/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites mm_truncate, mm_truncate_busy and mm_invalidate share: sweeps over
 * the edges of a folio, the ways to take a part of a file away, and what must be
 * true of a page cache after that.
 */
#ifndef FOLIO_KUNIT_TRUNCATE_MODEL_H
#define FOLIO_KUNIT_TRUNCATE_MODEL_H

#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/workqueue.h>

#include "fixture.h"
#include "../module/compat.h"

/* Page index of the first folio of most cases: aligned for every order. */
#define FIRST	((1UL << 21) + 1024)
#define BIG	FXT_POS(1UL << 24)	/* i_size of a new fixture */
#define TO_END	LLONG_MAX

/* Tells after a failure which step of a sweep it was: its helpers cannot know. */
static inline __printf(2, 3) bool failed_at(struct kunit *test, const char *fmt, ...)
{
	bool failed = READ_ONCE(test->status) == KUNIT_FAILURE;
	struct va_format vaf = { .fmt = fmt };
	va_list args;

	va_start(args, fmt);
	vaf.va = &args;
	if (failed)
		kunit_info(test, "failed at %pV", &vaf);
	va_end(args);
	return failed;
}

/* Begins a new step of a sweep with an empty file of full size. */
static inline void start_over(struct folio_fixture *fx)
{
	truncate_inode_pages(fxt_mapping(fx), 0);
	KUNIT_ASSERT_EQ(fx->test, 0, fxt_mapping(fx)->nrpages);
	KUNIT_ASSERT_TRUE(fx->test, xa_empty(&fxt_mapping(fx)->i_pages));
	i_size_write(&fx->inode, BIG);
	fxt_forget_calls(fx);
}

/* The ways to truncate a file. */
enum { TRUNCATE_RANGE, TRUNCATE_PAGECACHE, TRUNCATE_SETSIZE, NR_TRUNCATES };

static inline void truncate_file(struct folio_fixture *fx, int how, loff_t from)
{
	if (how == TRUNCATE_RANGE) {
		truncate_inode_pages_range(fxt_mapping(fx), from, -1);
	} else if (how == TRUNCATE_PAGECACHE) {
		i_size_write(&fx->inode, from);
		truncate_pagecache(&fx->inode, from);
	} else {
		truncate_setsize(&fx->inode, from);
		KUNIT_EXPECT_EQ(fx->test, from, i_size_read(&fx->inode));
	}
}

/* The ways to punch a hole; @to is exclusive. */
static inline void punch_file(struct folio_fixture *fx, bool unmap, loff_t from, loff_t to)
{
	if (unmap)
		truncate_pagecache_range(&fx->inode, from, to - 1);
	else
		truncate_inode_pages_range(fxt_mapping(fx), from, to - 1);
}

/* The folio of a known order that must be cached at an index; the caller puts it. */
static inline struct folio *get_folio(struct folio_fixture *fx, pgoff_t index, unsigned int order)
{
	struct folio *folio = filemap_get_folio(fxt_mapping(fx), index);

	KUNIT_ASSERT_FALSE_MSG(fx->test, IS_ERR(folio), "index %lu is not cached", index);
	KUNIT_ASSERT_EQ_MSG(fx->test, order, folio_order(folio), "index %lu", index);
	return folio;
}

/* Nothing, neither folio nor shadow entry, lies at the indexes [from, to). */
static inline void expect_empty(struct folio_fixture *fx, pgoff_t from, pgoff_t to)
{
	unsigned long index = from;

	if (from < to && xa_find(&fxt_mapping(fx)->i_pages, &index, to - 1, XA_PRESENT))
		KUNIT_FAIL(fx->test, "index %lu is not empty, as %lu to %lu should be",
			   index, from, to - 1);
}

/* Every folio that remains is whole, unlocked, not leaked and as dirty as it was. */
static inline void expect_folios(struct folio_fixture *fx, bool dirty)
{
	struct address_space *mapping = fxt_mapping(fx);
	struct folio *folio;
	unsigned long index;

	fxt_drain_lru();
	fxt_expect_consistent(fx);
	xa_for_each(&mapping->i_pages, index, folio) {
		long refs;

		if (xa_is_value(folio))
			continue;
		refs = folio_nr_pages(folio) + folio_test_private(folio);
		if (folio_order(folio) >= mapping_min_folio_order(mapping) &&
		    folio_test_uptodate(folio) && !folio_test_locked(folio) &&
		    folio_test_dirty(folio) == dirty &&
		    xa_get_mark(&mapping->i_pages, index, PAGECACHE_TAG_DIRTY) == dirty &&
		    !xa_get_mark(&mapping->i_pages, index, PAGECACHE_TAG_WRITEBACK) &&
		    folio_ref_count(folio) == refs)
			continue;
		KUNIT_FAIL(fx->test, "folio at %lu: want %s, tagged so, unlocked, %ld refs",
			   index, dirty ? "dirty" : "clean", refs);
		fxt_print_folio(fx->test, folio);
		return;
	}
}

/*
 * The contract drawn in truncate_kunit.c for the pages [first, end) and the hole
 * [from, to), of which the pages of [gone_from, gone_to) are no longer cached.
 */
static inline void expect_hole_but(struct folio_fixture *fx, pgoff_t first, pgoff_t end,
				   loff_t from, loff_t to, loff_t gone_from, loff_t gone_to)
{
	fxt_expect_stamped(fx, FXT_POS(first), from);
	fxt_expect_zeroed(fx, from, min(to, gone_from));
	expect_empty(fx, gone_from >> PAGE_SHIFT, gone_to >> PAGE_SHIFT);
	fxt_expect_zeroed(fx, max(from, gone_to), to);
	fxt_expect_stamped(fx, to, FXT_POS(end));
}

static inline void expect_hole(struct folio_fixture *fx, pgoff_t first, pgoff_t end,
			       loff_t from, loff_t to)
{
	to = min(to, FXT_POS(end));
	expect_hole_but(fx, first, end, from, to, round_up(from, PAGE_SIZE),
			round_down(to, PAGE_SIZE));
}

/* Whatever became of the pages, none that is cached shows what it should not. */
static inline void expect_not_stale(struct folio_fixture *fx, pgoff_t first, pgoff_t end,
				    loff_t from, loff_t to)
{
	pgoff_t index;

	for (index = first; index < end; index++) {
		loff_t pos = FXT_POS(index), next = FXT_POS(index + 1);

		if (!xa_load(&fxt_mapping(fx)->i_pages, index))
			continue;
		fxt_expect_stamped(fx, pos, clamp(from, pos, next));
		fxt_expect_zeroed(fx, clamp(from, pos, next), clamp(to, pos, next));
		fxt_expect_stamped(fx, clamp(to, pos, next), next);
	}
}

/* The offsets in a folio where things go wrong, ascending; returns their number. */
#define MAX_EDGES	18
static inline unsigned int folio_edges(unsigned int order, loff_t *edge)
{
	const loff_t size = PAGE_SIZE << order;
	const loff_t at[] = {
		0, PAGE_SIZE, round_down(3 * size / 8, PAGE_SIZE), size / 2,
		size - PAGE_SIZE, size,
	};
	unsigned int i, j, nr = 0;

	for (i = 0; i < 3 * ARRAY_SIZE(at); i++) {
		loff_t new = at[i / 3] + i % 3 - 1;

		for (j = nr; j > 0 && edge[j - 1] > new; j--)
			edge[j] = edge[j - 1];
		edge[j] = new;
		nr++;
	}
	/* Now sorted: drop what repeats and what lies outside. */
	for (i = j = 0; i < nr; i++)
		if (edge[i] >= 0 && edge[i] <= size && (!j || edge[j - 1] != edge[i]))
			edge[j++] = edge[i];
	return j;
}

/* A folio that was truncated while somebody holds it: what he still sees of it. */
static inline void expect_removed(struct folio_fixture *fx, struct folio *folio)
{
	struct kunit *test = fx->test;

	fxt_drain_lru();
	KUNIT_EXPECT_PTR_EQ(test, NULL, folio->mapping);
	KUNIT_EXPECT_FALSE(test, folio_test_dirty(folio));
	KUNIT_EXPECT_FALSE(test, folio_test_writeback(folio));
	KUNIT_EXPECT_FALSE(test, folio_test_private(folio));
	KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
	KUNIT_EXPECT_FALSE(test, folio_mapped(folio));
	KUNIT_EXPECT_EQ(test, 1, folio_ref_count(folio));
}

/* Somebody who is done with some folios a little later. */
struct later {
	struct delayed_work work;
	struct folio *folio[3];
	bool locked;
	bool done;
};

static inline void do_later(struct work_struct *work)
{
	struct later *later = container_of(to_delayed_work(work), struct later, work);
	unsigned int i;

	WRITE_ONCE(later->done, true);
	for (i = 0; i < 3 && later->folio[i]; i++)
		if (later->locked)
			folio_unlock(later->folio[i]);
		else
			folio_end_writeback(later->folio[i]);
}

static inline void cancel_later(void *later)
{
	flush_delayed_work(&((struct later *)later)->work);
}

static inline struct later *new_later(struct kunit *test, bool locked)
{
	struct later *later = kunit_kzalloc(test, sizeof(*later), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, later);
	INIT_DELAYED_WORK(&later->work, do_later);
	later->locked = locked;
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, cancel_later, later));
	return later;
}

static inline void start_writeback(struct folio *folio)
{
	folio_lock(folio);
	folio_clear_dirty_for_io(folio);
	folio_start_writeback(folio);
	folio_unlock(folio);
}

#endif /* FOLIO_KUNIT_TRUNCATE_MODEL_H */
