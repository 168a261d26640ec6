// SPDX-License-Identifier: GPL-2.0
/*
 * mm_writeback_iter: which of many folios of mixed orders one call of
 * ->writepages() is given, by its range, its budget, its cursor, its errors, and
 * what others do to the folios meanwhile.
 */
#include <linux/module.h>
#include <linux/uio.h>

#include "writeback_model.h"

#define FAR		FXT_FAR

/* One after the other without a gap: 13 of mixed orders, then 48 small ones. */
static const struct fxt_range mixed[] = {
	{ 0, 0 }, { 1, 0 }, { 2, 1 }, { 4, 2 }, { 8, 3 }, { 16, 4 }, { 32, 2 },
	{ 36, 0 }, { 37, 0 }, { 38, 1 }, { 40, 3 }, { 48, 4 }, { 64, 6 },
};

#define NR_MIXED	((unsigned int)ARRAY_SIZE(mixed))
#define NR_FOLIOS	(NR_MIXED + 48)
#define NR_PAGES	(128UL + 48)
#define ALL_FOLIOS	GENMASK_ULL(NR_FOLIOS - 1, 0)
/* Every other folio; all but three in a row; none that is small. */
#define SOME_FOLIOS	(0x5555555555555555ULL & ALL_FOLIOS)
#define GAP_FOLIOS	(ALL_FOLIOS & ~(7ULL << 4))

static struct fxt_range nth(unsigned int i)
{
	return i < NR_MIXED ? mixed[i] : (struct fxt_range) { 128 + i - NR_MIXED, 0 };
}

static unsigned long nr_of(unsigned int i)
{
	return 1UL << nth(i).order;
}

/* Which folio holds an index. */
static unsigned int folio_of(pgoff_t index)
{
	unsigned int i = NR_FOLIOS - 1;

	while (nth(i).index > index)
		i--;
	return i;
}

static struct folio **add_folios(struct wb_file *wf)
{
	struct folio **folios = kunit_kcalloc(wf->test, NR_FOLIOS, sizeof(*folios), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(wf->test, folios);
	wf->folios = folios;
	fxt_need_large_folios(wf->test);
	for (i = 0; i < NR_FOLIOS; i++) {
		folios[i] = fxt_add_folio(wf->fx, nth(i).index, nth(i).order, 0);
		KUNIT_ASSERT_EQ(wf->test, folio_order(folios[i]), nth(i).order);
		folio_get(folios[i]);
	}
	return folios;
}

/* Our references, and those of nobody else, are left when the cache has gone. */
static void release_folios(struct wb_file *wf, struct folio **folios)
{
	unsigned int i;

	truncate_inode_pages(wf_mapping(wf), 0);
	fxt_drain_lru();
	for (i = 0; i < NR_FOLIOS; i++) {
		KUNIT_EXPECT_FALSE_MSG(wf->test, folio_test_locked(folios[i]), "folio %u", i);
		KUNIT_EXPECT_EQ_MSG(wf->test, folio_ref_count(folios[i]), 1, "folio %u", i);
		folio_put(folios[i]);
	}
}

static void dirty_folios(struct folio **folios, u64 which)
{
	unsigned int i;

	for (i = 0; i < NR_FOLIOS; i++)
		if (which & BIT_ULL(i))
			folio_mark_dirty(folios[i]);
}

static u64 which_are_dirty(struct folio **folios)
{
	u64 which = 0;
	unsigned int i;

	for (i = 0; i < NR_FOLIOS; i++)
		if (folio_test_dirty(folios[i]))
			which |= BIT_ULL(i);
	return which;
}

/* Expects that exactly these folios were written, by ascending index. */
static void expect_written(struct wb_file *wf, u64 which, const char *when)
{
	unsigned int i, n = 0;

	for (i = 0; i < NR_FOLIOS; i++) {
		if (!(which & BIT_ULL(i)))
			continue;
		if (n < wf->nr_written && (wf->written[n].index != nth(i).index ||
					   wf->written[n].order != nth(i).order)) {
			KUNIT_FAIL(wf->test, "%u: wrote order %u at %lu, not order %u at %lu %s",
				   n, wf->written[n].order, wf->written[n].index, nth(i).order,
				   nth(i).index, when);
			return;
		}
		n++;
	}
	KUNIT_EXPECT_EQ_MSG(wf->test, wf->nr_written, n, "%s", when);
}

/*
 * One call of ->writepages() with @dirty folios. What it must write follows from
 * the range (from the cursor to the end, if cyclic) and, unless it is for
 * integrity, from the budget in pages. Then all is written that was left.
 */
static void check_iter(struct wb_file *wf, struct folio **folios, u64 dirty,
		       struct writeback_control *wbc, const char *when)
{
	struct address_space *mapping = wf_mapping(wf);
	pgoff_t first = wbc->range_cyclic ? mapping->writeback_index :
			wbc->range_start >> PAGE_SHIFT;
	pgoff_t last = wbc->range_cyclic ? ULONG_MAX : wbc->range_end >> PAGE_SHIFT;
	pgoff_t cursor = wbc->range_cyclic ? 0 : mapping->writeback_index;
	long budget = wbc->nr_to_write, pages = 0;
	u64 want = 0;
	unsigned int i;

	dirty_folios(folios, dirty);
	for (i = 0; i < NR_FOLIOS; i++) {
		if (!(dirty & BIT_ULL(i)) || nth(i).index + nr_of(i) <= first ||
		    nth(i).index > last)
			continue;
		want |= BIT_ULL(i);
		pages += nr_of(i);
		if (wbc->sync_mode == WB_SYNC_NONE && pages >= budget) {
			if (wbc->range_cyclic)
				cursor = nth(i).index + nr_of(i);
			break;
		}
	}
	forget_written(wf);
	KUNIT_EXPECT_EQ_MSG(wf->test, 0, wf_writepages(mapping, wbc), "%s", when);
	expect_written(wf, want, when);
	KUNIT_EXPECT_EQ_MSG(wf->test, wbc->nr_to_write, budget - pages, "%s", when);
	KUNIT_EXPECT_EQ_MSG(wf->test, mapping->writeback_index, cursor, "%s", when);
	KUNIT_EXPECT_EQ_MSG(wf->test, which_are_dirty(folios), dirty & ~want, "%s", when);
	KUNIT_EXPECT_EQ_MSG(wf->test, folio_batch_count(&wbc->fbatch), 0, "%s", when);

	forget_written(wf);
	KUNIT_EXPECT_EQ_MSG(wf->test, 0, filemap_fdatawrite(mapping), "%s", when);
	expect_written(wf, dirty & ~want, when);
	KUNIT_EXPECT_FALSE_MSG(wf->test, mapping_tagged(mapping, PAGECACHE_TAG_TOWRITE),
			       "%s", when);
	KUNIT_EXPECT_FALSE_MSG(wf->test, mapping_tagged(mapping, PAGECACHE_TAG_DIRTY), "%s", when);
}

static const loff_t iter_bytes[] = {
	0, FXT_POS(1) - 1, FXT_POS(5), FXT_POS(8) - 1, FXT_POS(8), FXT_POS(15) + 1,
	FXT_POS(16) - 1, FXT_POS(16), FXT_POS(31), FXT_POS(37), FXT_POS(50), FXT_POS(64),
	FXT_POS(100) + 5, FXT_POS(128) - 1, FXT_POS(128), FXT_POS(NR_PAGES) - 1, LLONG_MAX,
};

static void writeback_iter_range(struct kunit *test)
{
	static const u64 dirty[] = { ALL_FOLIOS, SOME_FOLIOS, GAP_FOLIOS };
	struct wb_file *wf = open_file(test);
	struct folio **folios = add_folios(wf);
	unsigned int from, to, d;

	wf_mapping(wf)->writeback_index = 77;
	for (from = 0; from < ARRAY_SIZE(iter_bytes); from++) {
		for (to = from; to < ARRAY_SIZE(iter_bytes); to++) {
			struct writeback_control wbc = {
				.sync_mode = (from + to) & 1 ? WB_SYNC_ALL : WB_SYNC_NONE,
				.tagged_writepages = to & 1,
				.nr_to_write = LONG_MAX,
				.range_start = iter_bytes[from],
				.range_end = iter_bytes[to],
			};
			char when[80];

			d = (from + to) % ARRAY_SIZE(dirty);
			snprintf(when, sizeof(when), "%lld to %lld, dirty %llx, mode %d",
				 wbc.range_start, wbc.range_end, dirty[d], wbc.sync_mode);
			check_iter(wf, folios, dirty[d], &wbc, when);
		}
	}
	expect_agreed(wf, "at last");
	release_folios(wf, folios);
}

/* The budget is in pages, and the folio that exceeds it is the last. */
static void writeback_iter_budget(struct kunit *test)
{
	static const long budgets[] = {
		1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 36, 37, 63, 64, 65, 100, 127,
		128, 129, 150, NR_PAGES - 1, NR_PAGES, NR_PAGES + 1,
	};
	struct wb_file *wf = open_file(test);
	struct folio **folios = add_folios(wf);
	unsigned int i, mode;

	for (i = 0; i < ARRAY_SIZE(budgets); i++) {
		for (mode = 0; mode < 4; mode++) {
			struct writeback_control wbc = {
				.sync_mode = mode == 3 ? WB_SYNC_ALL : WB_SYNC_NONE,
				.tagged_writepages = mode == 2,
				.nr_to_write = budgets[i],
				.range_start = mode == 1 ? FXT_POS(20) : 0,
				.range_end = LLONG_MAX,
			};
			char when[48];

			snprintf(when, sizeof(when), "budget %ld, mode %u", budgets[i], mode);
			check_iter(wf, folios, i & 1 ? SOME_FOLIOS : ALL_FOLIOS, &wbc, when);
		}
	}
	release_folios(wf, folios);
}

/* Each call starts where the last one ended, at the start again after the end. */
static void writeback_iter_cyclic(struct kunit *test)
{
	static const pgoff_t cursors[] = { 0, 1, 3, 5, 16, 23, 31, 63, 64, 90, 127, 128, 170, 175,
					   176, 1000 };
	struct wb_file *wf = open_file(test);
	struct folio **folios = add_folios(wf);
	unsigned int i, mode;
	long budget;
	u64 left;

	for (i = 0; i < ARRAY_SIZE(cursors); i++) {
		for (mode = 0; mode < 3; mode++) {
			struct writeback_control wbc = {
				.sync_mode = mode == 2 ? WB_SYNC_ALL : WB_SYNC_NONE,
				.range_cyclic = 1,
				.nr_to_write = mode == 1 ? 20 : LONG_MAX,
				/* Not looked at. */
				.range_start = FXT_POS(100),
				.range_end = FXT_POS(101),
			};
			char when[48];

			snprintf(when, sizeof(when), "cursor %lu, mode %u", cursors[i], mode);
			wf_mapping(wf)->writeback_index = cursors[i];
			check_iter(wf, folios, ALL_FOLIOS, &wbc, when);
		}
	}
	/* Rounds of a few pages write each folio once. */
	for (budget = 1; budget <= 70; budget = budget * 2 + 1) {
		unsigned int rounds = 0;

		wf_mapping(wf)->writeback_index = 0;
		dirty_folios(folios, ALL_FOLIOS);
		forget_written(wf);
		do {
			struct writeback_control wbc = {
				.range_cyclic = 1, .nr_to_write = budget,
			};

			KUNIT_EXPECT_EQ(test, 0, wf_writepages(wf_mapping(wf), &wbc));
			left = which_are_dirty(folios);
		} while (left && ++rounds < NR_FOLIOS);
		KUNIT_EXPECT_EQ_MSG(test, left, 0, "budget %ld", budget);
		expect_written(wf, ALL_FOLIOS, "in rounds");
	}
	release_folios(wf, folios);
}

/* Errors: the first is told, integrity goes on after it, the background does not. */
static void writeback_iter_errors(struct kunit *test)
{
	struct wb_file *wf = open_file(test);
	struct folio **folios = add_folios(wf);
	unsigned int first, mode;

	wf->keep = true;
	for (first = 0; first < NR_FOLIOS - 20; first += 4) {
		for (mode = 0; mode < 4; mode++) {
			struct writeback_control wbc = {
				.sync_mode = mode & 1 ? WB_SYNC_ALL : WB_SYNC_NONE,
				.range_cyclic = mode >> 1,
				.nr_to_write = LONG_MAX,
				.range_end = LLONG_MAX,
			};
			u64 done = mode & 1 ? ALL_FOLIOS : GENMASK_ULL(first, 0);
			u64 failed = mode & 1 ? BIT_ULL(first) | BIT_ULL(first + 20) :
				     BIT_ULL(first);
			char when[48];

			snprintf(when, sizeof(when), "error in folio %u, mode %u", first, mode);
			dirty_folios(folios, ALL_FOLIOS);
			forget_written(wf);
			wf->error[0] = -ENOSPC;
			wf->error_at[0] = nth(first).index;
			wf->error[1] = -EIO;
			wf->error_at[1] = nth(first + 20).index;
			wf_mapping(wf)->writeback_index = 0;
			KUNIT_EXPECT_EQ_MSG(test, -ENOSPC, wf_writepages(wf_mapping(wf), &wbc),
					    "%s", when);
			expect_written(wf, done, when);
			/* What could not be written is still there to be written. */
			KUNIT_EXPECT_EQ_MSG(test, which_are_dirty(folios),
					    (ALL_FOLIOS & ~done) | failed, "%s", when);
			KUNIT_EXPECT_EQ_MSG(test, wbc.pages_skipped, mode & 1 ?
					    nr_of(first) + nr_of(first + 20) : nr_of(first),
					    "%s", when);
			KUNIT_EXPECT_EQ_MSG(test, wf_mapping(wf)->writeback_index, mode == 2 ?
					    nth(first).index + nr_of(first) : 0, "%s", when);
			forget_written(wf);
			wf->error[0] = 0;
			wf->error[1] = 0;
			KUNIT_EXPECT_EQ_MSG(test, 0, filemap_fdatawrite(wf_mapping(wf)),
					    "%s", when);
			expect_written(wf, (ALL_FOLIOS & ~done) | failed, when);
		}
	}
	expect_agreed(wf, "at last");
	release_folios(wf, folios);
}

/* While the first folio of a call is written, others change. */

static void dirty_two_more(struct wb_file *wf, struct folio *folio)
{
	if (folio->index == nth(4).index) {
		folio_mark_dirty(wf->folios[2]);
		folio_mark_dirty(wf->folios[12]);
	}
}

static void writeback_iter_dirtied_meanwhile(struct kunit *test)
{
	struct wb_file *wf = open_file(test);
	struct folio **folios = add_folios(wf);
	const u64 first = BIT_ULL(4) | BIT_ULL(5) | BIT_ULL(20);
	unsigned int mode;

	for (mode = 0; mode < 3; mode++) {
		struct writeback_control wbc = {
			.sync_mode = mode == 2 ? WB_SYNC_ALL : WB_SYNC_NONE,
			.tagged_writepages = mode == 1,
			.nr_to_write = LONG_MAX,
			.range_end = LLONG_MAX,
		};

		dirty_folios(folios, first);
		forget_written(wf);
		wf->hook = dirty_two_more;
		KUNIT_EXPECT_EQ_MSG(test, 0, wf_writepages(wf_mapping(wf), &wbc), "mode %u", mode);
		/* Only what was dirty when the call began, if it was to be tagged. */
		KUNIT_EXPECT_EQ_MSG(test, which_are_dirty(folios) & ~BIT_ULL(12), BIT_ULL(2),
				    "mode %u", mode);
		if (mode)
			expect_written(wf, first, mode == 1 ? "tagged" : "integrity");
		wf->hook = NULL;
		filemap_fdatawrite(wf_mapping(wf));
		KUNIT_EXPECT_EQ_MSG(test, which_are_dirty(folios), 0, "mode %u", mode);
	}
	release_folios(wf, folios);
}

static void take_away(struct wb_file *wf, struct folio *folio)
{
	if (folio->index != nth(4).index)
		return;
	/* One was truncated, one written by another, one of them since then redirtied. */
	truncate_inode_pages_range(wf_mapping(wf), FXT_POS(nth(5).index),
				   FXT_POS(nth(6).index) - 1);
	folio_lock(wf->folios[6]);
	folio_clear_dirty_for_io(wf->folios[6]);
	folio_start_writeback(wf->folios[6]);
	folio_unlock(wf->folios[6]);
	folio_end_writeback(wf->folios[6]);
	folio_cancel_dirty(wf->folios[7]);
}

static void writeback_iter_changed_meanwhile(struct kunit *test)
{
	struct wb_file *wf = open_file(test);
	struct folio **folios = add_folios(wf);
	const u64 dirty = GENMASK_ULL(12, 4);
	unsigned int mode;

	for (mode = 0; mode < 2; mode++) {
		struct writeback_control wbc = {
			.sync_mode = mode ? WB_SYNC_ALL : WB_SYNC_NONE,
			.nr_to_write = LONG_MAX,
			.range_end = LLONG_MAX,
		};

		dirty_folios(folios, dirty);
		forget_written(wf);
		wf->hook = take_away;
		KUNIT_EXPECT_EQ_MSG(test, 0, wf_writepages(wf_mapping(wf), &wbc), "mode %u", mode);
		expect_written(wf, dirty & ~(BIT_ULL(5) | BIT_ULL(6) | BIT_ULL(7)),
			       "when three were taken away");
		KUNIT_EXPECT_EQ_MSG(test, LONG_MAX - wbc.nr_to_write, 8 + 1 + 2 + 8 + 16 + 64,
				    "mode %u", mode);
		expect_agreed(wf, "when three were taken away");
		wf->hook = NULL;
		folio_put(folios[5]);
		folios[5] = fxt_add_folio(wf->fx, nth(5).index, nth(5).order, 0);
		folio_get(folios[5]);
	}
	release_folios(wf, folios);
}

/* The sweep of check_iter() with indexes that need more than 32 bits. */
static void writeback_far(struct kunit *test)
{
	struct wb_file *wf = open_file(test);
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	struct folio *near = fxt_add_folio(wf->fx, 0, order, FXT_DIRTY);
	struct folio *far = fxt_add_folio(wf->fx, FAR, order, FXT_DIRTY);
	struct folio *end = fxt_add_folio(wf->fx, FAR + nr, order, FXT_DIRTY);
	struct writeback_control wbc = { .nr_to_write = nr, .range_cyclic = 1 };

	KUNIT_ASSERT_EQ(test, folio_order(far), order);
	KUNIT_EXPECT_EQ(test, 0, filemap_fdatawrite_range(wf_mapping(wf), FXT_POS(FAR),
							  FXT_POS(FAR + nr) - 1));
	KUNIT_EXPECT_TRUE(test, folio_test_dirty(near));
	KUNIT_EXPECT_FALSE(test, folio_test_dirty(far));
	KUNIT_EXPECT_TRUE(test, folio_test_dirty(end));
	folio_mark_dirty(far);
	wf_mapping(wf)->writeback_index = nr;
	KUNIT_EXPECT_EQ(test, 0, wf_writepages(wf_mapping(wf), &wbc));
	KUNIT_EXPECT_EQ(test, wf_mapping(wf)->writeback_index, FAR + nr);
	KUNIT_EXPECT_FALSE(test, folio_test_dirty(far));
	wbc.nr_to_write = nr + 1;
	KUNIT_EXPECT_EQ(test, 0, wf_writepages(wf_mapping(wf), &wbc));
	KUNIT_EXPECT_EQ(test, wf_mapping(wf)->writeback_index, 0);
	KUNIT_EXPECT_FALSE(test, folio_test_dirty(end));
	KUNIT_EXPECT_TRUE(test, folio_test_dirty(near));
	KUNIT_EXPECT_EQ(test, 0, filemap_fdatawrite_range(wf_mapping(wf), 0, FXT_POS(FAR) - 1));
	KUNIT_EXPECT_FALSE(test, folio_test_dirty(near));
}

static void tag_pages_range(struct kunit *test)
{
	struct wb_file *wf = open_file(test);
	struct folio **folios = add_folios(wf);
	static const struct { pgoff_t from, to; } ranges[] = {
		{ 0, ULONG_MAX }, { 0, 0 }, { 1, 2 }, { 3, 3 }, { 5, 20 }, { 31, 31 }, { 32, 63 },
		{ 65, 127 }, { 127, 128 }, { 130, 150 }, { 175, 175 }, { 176, ULONG_MAX },
	};
	unsigned int r, i;

	for (r = 0; r < ARRAY_SIZE(ranges); r++) {
		forget_written(wf);
		dirty_folios(folios, GAP_FOLIOS);
		tag_pages_for_writeback(wf_mapping(wf), ranges[r].from, ranges[r].to);
		for (i = 0; i < NR_FOLIOS; i++) {
			bool want = (GAP_FOLIOS & BIT_ULL(i)) && i >= folio_of(ranges[r].from) &&
				    nth(i).index <= ranges[r].to &&
				    nth(i).index + nr_of(i) > ranges[r].from;

			expect_mark(wf, folios[i], PAGECACHE_TAG_TOWRITE, want, "when tagged");
			expect_mark(wf, folios[i], PAGECACHE_TAG_DIRTY,
				    !!(GAP_FOLIOS & BIT_ULL(i)), "when tagged");
		}
		filemap_fdatawrite(wf_mapping(wf));
		KUNIT_EXPECT_FALSE(test, mapping_tagged(wf_mapping(wf), PAGECACHE_TAG_TOWRITE));
	}
	release_folios(wf, folios);
}

/* XA_CHECK_SCHED entries are tagged at a time: the walk goes on behind a large one. */
static void tag_pages_many(struct kunit *test)
{
	struct wb_file *wf = open_file(test);
	struct address_space *mapping = wf_mapping(wf);
	unsigned long nr_small = XA_CHECK_SCHED - 1, i, tagged = 0;
	unsigned int order = FXT_MAX_ORDER;
	pgoff_t large = ALIGN(nr_small, 1UL << order);
	struct folio *folio, *last;
	pgoff_t at;

	for (i = 0; i < nr_small; i++) {
		/* Not stamped: nobody looks at them, and there are many. */
		folio = folio_alloc(GFP_KERNEL, 0);
		KUNIT_ASSERT_NOT_NULL(test, folio);
		at = filemap_add_folio(mapping, folio, i, GFP_KERNEL);
		folio_mark_uptodate(folio);
		folio_mark_dirty(folio);
		folio_unlock(folio);
		folio_put(folio);
		KUNIT_ASSERT_EQ(test, at, 0);
	}
	fxt_add_folio(wf->fx, large, order, FXT_DIRTY);
	last = fxt_add_folio(wf->fx, large + (1UL << order), 0, FXT_DIRTY);
	tag_pages_for_writeback(mapping, 0, ULONG_MAX);
	xa_for_each_marked(&mapping->i_pages, at, folio, PAGECACHE_TAG_TOWRITE)
		tagged++;
	KUNIT_EXPECT_EQ(test, tagged, nr_small + 2);
	expect_mark(wf, last, PAGECACHE_TAG_TOWRITE, true, "as the last");
}

/* Dirtied again while it is written: the background passes by, integrity waits, and writes it. */
static void writeback_iter_under_writeback(struct kunit *test)
{
	struct wb_file *wf = open_file(test);
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	struct folio *folio = add_one(wf, order);
	struct folio *next = fxt_add_folio(wf->fx, 2 * nr, order, 0);
	struct waiter waiter = { .wf = wf, .folio = folio, .wait = write_and_wait };

	folio_mark_dirty(folio);
	wf->action = DO_HOLD;
	KUNIT_ASSERT_EQ(test, 0, filemap_fdatawrite(wf_mapping(wf)));
	folio_mark_dirty(folio);
	folio_mark_dirty(next);
	expect_counts(wf, "dirtied under writeback", 2 * nr, nr, 3 * nr, 0);
	wf->action = DO_WRITE;
	forget_written(wf);
	KUNIT_EXPECT_EQ(test, 0, filemap_flush(wf_mapping(wf)));
	KUNIT_EXPECT_EQ(test, wf->mode, WB_SYNC_NONE);
	KUNIT_EXPECT_EQ(test, wf->nr_written, 1);
	KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
	KUNIT_EXPECT_FALSE(test, folio_test_dirty(next));
	KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
	expect_mark(wf, folio, PAGECACHE_TAG_DIRTY, true, "when passed by");
	expect_counts(wf, "when passed by", nr, nr, 3 * nr, nr);

	forget_written(wf);
	start_waiter(&waiter, true);
	KUNIT_EXPECT_EQ(test, wf->nr_written, 0);
	folio_end_writeback(folio);
	KUNIT_EXPECT_EQ(test, 0, finish_waiter(&waiter));
	KUNIT_EXPECT_EQ(test, wf->nr_written, 1);
	KUNIT_EXPECT_FALSE(test, folio_test_dirty(folio));
	KUNIT_EXPECT_FALSE(test, folio_test_writeback(folio));
}

static int wait_all(struct waiter *waiter)
{
	return filemap_fdatawait_range(wf_mapping(waiter->wf), FXT_POS(20), FXT_POS(150));
}

/* Of a range that starts and ends inside folios every folio is waited for, and no other. */
static void fdatawait_range_many(struct kunit *test)
{
	struct wb_file *wf = open_file(test);
	struct folio **folios = add_folios(wf);
	unsigned int i, n, first = folio_of(20), last = folio_of(150);
	struct waiter waiter = { .wf = wf, .folio = folios[first], .wait = wait_all };

	wf->action = DO_HOLD;
	dirty_folios(folios, ALL_FOLIOS);
	KUNIT_ASSERT_EQ(test, 0, filemap_fdatawrite(wf_mapping(wf)));
	expect_written(wf, ALL_FOLIOS, "at once");
	start_waiter(&waiter, true);
	for (i = first; i <= last; i++) {
		for (n = 0; n < 10000 && !READ_ONCE(waiter.done) &&
		     !folio_test_waiters(folios[i]); n++)
			usleep_range(50, 100);
		KUNIT_EXPECT_FALSE_MSG(test, READ_ONCE(waiter.done), "folio %u", i);
		folio_end_writeback(folios[i]);
	}
	KUNIT_EXPECT_EQ(test, 0, finish_waiter(&waiter));
	for (i = 0; i < NR_FOLIOS; i++)
		if (folio_test_writeback(folios[i]))
			folio_end_writeback(folios[i]);
	release_folios(wf, folios);
}

/* The device gives a byte at a time, and never sees a file that is dirty where it reads. */
static ssize_t direct_io(struct kiocb *iocb, struct iov_iter *iter)
{
	struct address_space *mapping = iocb->ki_filp->f_mapping;
	struct wb_file *wf = mapping->host->i_private;
	loff_t last = iocb->ki_pos + iov_iter_count(iter) - 1;

	KUNIT_EXPECT_FALSE(wf->test, filemap_range_has_writeback(mapping, iocb->ki_pos, last));
	iocb->private = (void *)((unsigned long)iocb->private + 1);
	iov_iter_advance(iter, 1);
	return 1;
}

static const struct address_space_operations direct_aops = {
	.dirty_folio	= filemap_dirty_folio,
	.writepages	= wf_writepages,
	.direct_IO	= direct_io,
};

static ssize_t read_direct(struct wb_file *wf, loff_t pos, u8 *buf, size_t len, int flags,
			   unsigned long calls)
{
	struct kvec kvec = { .iov_base = buf, .iov_len = len };
	struct iov_iter iter;
	struct kiocb iocb;
	ssize_t ret;

	init_sync_kiocb(&iocb, fxt_file(wf->fx));
	iocb.ki_pos = pos;
	iocb.ki_flags |= IOCB_DIRECT | flags;
	iocb.private = NULL;
	iov_iter_kvec(&iter, ITER_DEST, &kvec, 1, len);
	ret = generic_file_read_iter(&iocb, &iter);
	KUNIT_EXPECT_EQ_MSG(wf->test, calls, (unsigned long)iocb.private, "%zu at %lld", len, pos);
	KUNIT_EXPECT_EQ_MSG(wf->test, iocb.ki_pos, pos + max(ret, 0), "%zu at %lld", len, pos);
	return ret;
}

/*
 * Who reads past the page cache first has what is dirty there written, and only that;
 * who may not wait is told so. What the device does not give comes from the cache.
 */
static void direct_read_writes_first(struct kunit *test)
{
	struct wb_file *wf = open_file(test);
	unsigned int order = fxt_order(test), i;
	const loff_t size = PAGE_SIZE << order, at[] = { size, 3 * size / 2, 2 * size - 1 };
	u8 buf[8];

	wf_mapping(wf)->a_ops = &direct_aops;
	for (i = 0; i < 3; i++)
		fxt_add_folio(wf->fx, i << order, order, FXT_DIRTY);
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		struct folio *folio = filemap_get_folio(wf_mapping(wf), 1UL << order);

		KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
		KUNIT_ASSERT_EQ(test, order, folio_order(folio));
		folio_mark_dirty(folio);
		folio_put(folio);
		forget_written(wf);
		KUNIT_EXPECT_EQ(test, -EAGAIN, read_direct(wf, at[i], buf, 1, IOCB_NOWAIT, 0));
		KUNIT_EXPECT_EQ(test, 0, wf->nr_calls);
		KUNIT_EXPECT_EQ(test, 1, read_direct(wf, at[i], buf, 1, 0, 1));
		KUNIT_EXPECT_EQ(test, 1, wf->nr_calls);
		KUNIT_EXPECT_EQ(test, WB_SYNC_ALL, wf->mode);
		KUNIT_EXPECT_EQ(test, at[i], wf->start);
		KUNIT_EXPECT_EQ(test, at[i], wf->end);
		KUNIT_EXPECT_EQ(test, 1, wf->nr_written);
		KUNIT_EXPECT_EQ(test, 1UL << order, wf->written[0].index);
		/* Now there is nothing to wait for. */
		KUNIT_EXPECT_EQ(test, 1, read_direct(wf, at[i], buf, 1, IOCB_NOWAIT, 1));
		KUNIT_EXPECT_EQ(test, 1, wf->nr_calls);
	}
	KUNIT_EXPECT_EQ(test, 8, read_direct(wf, size + 8, buf, 8, 0, 1));
	fxt_expect_buffer(wf->fx, buf + 1, size + 9, 7);
	expect_agreed(wf, "after direct reads");
}

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

static struct kunit_case writeback_iter_cases[] = {
	KUNIT_CASE(writeback_iter_range),
	KUNIT_CASE(writeback_iter_budget),
	KUNIT_CASE(writeback_iter_cyclic),
	KUNIT_CASE(writeback_iter_errors),
	KUNIT_CASE(writeback_iter_dirtied_meanwhile),
	KUNIT_CASE(writeback_iter_changed_meanwhile),
	KUNIT_CASE_PARAM(writeback_iter_under_writeback, order_gen_params),
	KUNIT_CASE_PARAM(writeback_far, order_gen_params),
	KUNIT_CASE(tag_pages_range),
	KUNIT_CASE(fdatawait_range_many),
	KUNIT_CASE(tag_pages_many),
	KUNIT_CASE_PARAM(direct_read_writes_first, order_gen_params),
	{}
};

static struct kunit_suite writeback_iter_suite = {
	.name = "mm_writeback_iter",
	.init = fxt_stay_on_cpu,
	.test_cases = writeback_iter_cases,
};

kunit_test_suite(writeback_iter_suite);

MODULE_DESCRIPTION("KUnit suite of which folios writeback writes");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_LICENSE("GPL");
