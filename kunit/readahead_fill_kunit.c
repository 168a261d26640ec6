// SPDX-License-Identifier: GPL-2.0
/*
 * mm_readahead_fill: the folios that fill a window: their orders, alignment and
 * marker, what becomes of those that were cached, were not taken or failed, and that
 * a file read from one end to the other is read once.
 */
#include <linux/module.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>

#if __has_include(<kunit/mm.h>)
#include <kunit/mm.h>
#endif

#include "readahead_model.h"

#if __has_include(<kunit/mm.h>)
/*
 * Every folio is as large as the window's order, its own alignment and the end of
 * the window and the file allow, never smaller than the mapping's smallest. The
 * marker is on the one that holds the first page of the asynchronous part.
 */
static void check_ra_order(struct ra_file *rf, pgoff_t start, unsigned int size,
			   unsigned int async, unsigned int order, unsigned int min_order,
			   pgoff_t eof, char *want)
{
	struct file_ra_state *ra = &rf->file->f_ra;
	struct notes notes = { .buf = want };
	pgoff_t end = min(start + size, eof);
	pgoff_t mark = start + size < eof ? start + size - async : NO_MARK;
	pgoff_t index = round_down(start, 1UL << min_order);
	DEFINE_READAHEAD(ractl, rf->file, ra, rf_mapping(rf), start);

	forget_reads(rf);
	set_pages(rf, eof);
	ra->start = start;
	ra->size = size;
	ra->async_size = async;
	ra->order = order;
	order = clamp(order, min_order, (unsigned int)mapping_max_folio_order(rf_mapping(rf)));
	order = max(min_order, min_t(unsigned int, order, ilog2(size)));
	want[0] = '\0';
	if (index < end)
		note_text(&notes, "[");
	while (index < end) {
		unsigned int o = min_order;

		while (o < order && IS_ALIGNED(index, 2UL << o) && index + (2UL << o) <= end)
			o++;
		note_folio(&notes, index, o, mark >= index && mark < index + (1UL << o));
		index += 1UL << o;
	}
	if (notes.len)
		note_text(&notes, "]");
	page_cache_ra_order(&ractl, ra);
	KUNIT_EXPECT_STREQ_MSG(rf->test, rf->log, want,
			       "%u from %lu, order %u at least %u, async %u, EOF at %lu",
			       size, start, order, min_order, async, eof);
	expect_state(rf, start, size, async, "page_cache_ra_order()");
	fxt_expect_consistent(rf->fx);
}
#endif

static void ra_order_layout(struct kunit *test)
{
#if __has_include(<kunit/mm.h>)
	unsigned int order = fxt_order(test), i, e, min_order;
	unsigned long nr = 1UL << order;
	const pgoff_t starts[] = { 0, 1, nr / 2, nr - 1, nr, nr + 1, 3 * nr - 1, FAR + nr, 7 };
	const unsigned int sizes[] = { 1, nr, nr + 1, 2 * nr, 3 * nr - 1, 4 * nr, nr / 2 + 1 };
	char *want = new_log(test);

	for (min_order = 0; min_order <= order; min_order += 2) {
		struct ra_file *rf = open_file(test, min_order, FXT_MAX_ORDER, 4 * nr);

		rf->blank = true;
		for (i = 0; i < ARRAY_SIZE(starts) * ARRAY_SIZE(sizes); i++) {
			pgoff_t start = starts[i % ARRAY_SIZE(starts)];
			unsigned int size = sizes[i / ARRAY_SIZE(starts)];
			const pgoff_t eofs[] = {
				start + size + 1, start + size, start + size / 2 + 1, start + 1,
			};

			/* Each of them once, with changing ends. */
			e = (i + min_order) % ARRAY_SIZE(eofs);
			check_ra_order(rf, start, size, i % 3 == 0 ? size : size / 2, order,
				       min_order, eofs[e], want);
		}
	}
	/* A window that wants more than the file's largest folio. */
	if (order) {
		struct ra_file *rf = open_file(test, order / 2, order, 4 * nr);

		rf->blank = true;
		for (i = 0; i < ARRAY_SIZE(starts); i++)
			check_ra_order(rf, starts[i], 8 * nr, 4 * nr + 1, order + 3, order / 2,
				       FAR + FAR / 2, want);
	}
#else
	kunit_skip(test, "page_cache_ra_order() is not exported");
#endif
}

/* Behind a cached page that is in the way of a large folio the window has small ones. */
static void ra_order_cached(struct kunit *test)
{
#if __has_include(<kunit/mm.h>)
	static const struct { pgoff_t cached; const char *log; } calls[] = {
		{ 0, "[1/0x7 8/0* 9/0x7]" },
		{ 6, "[0/2][4/0x2][7/0 8/0* 9/0x7]" },
		{ 8, "[0/2x2][9/0x7]" },
		{ 15, "[0/2x2 8/2*][12/0x3]" },
		{ 16, "[0/2x2 8/2* 12/2]" },
	};
	struct ra_file *rf = open_file(test, 0, FXT_MAX_ORDER, 32);
	struct file_ra_state *ra = &rf->file->f_ra;
	unsigned int i;

	fxt_need_large_folios(test);
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		DEFINE_READAHEAD(ractl, rf->file, ra, rf_mapping(rf), 0);

		reset_state(rf, 32);
		fxt_add_folio(rf->fx, calls[i].cached, 0, 0);
		ra->size = 16;
		ra->async_size = 8;
		ra->order = 2;
		page_cache_ra_order(&ractl, ra);
		KUNIT_EXPECT_STREQ_MSG(test, rf->log, calls[i].log, "%lu is cached",
				       calls[i].cached);
		fxt_expect_consistent(rf->fx);
		fxt_expect_stamped(rf->fx, 0, FXT_POS(16));
	}
#else
	kunit_skip(test, "page_cache_ra_order() is not exported");
#endif
}

/* Folios of the mapping's order. */

static void ra_unbounded_layout(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, a;
	unsigned long nr = 1UL << order;
	const pgoff_t starts[] = { 0, 1, nr / 2, nr - 1, nr, 3 * nr + nr / 2 };
	const unsigned long counts[] = { 1, nr / 2 + 1, nr, nr + 1, 3 * nr - 1, 4 * nr };
	struct ra_file *rf = open_file(test, order, FXT_MAX_ORDER, 32);
	char *want = new_log(test);

	rf->blank = true;
	/* What EOF is does not matter here. */
	set_pages(rf, 1);
	for (i = 0; i < ARRAY_SIZE(starts) * ARRAY_SIZE(counts); i++) {
		pgoff_t start = starts[i % ARRAY_SIZE(starts)];
		unsigned long count = counts[i / ARRAY_SIZE(starts)];
		const unsigned long asyncs[] = { 0, 1, count / 2, count, count + 1 };

		for (a = 0; a < ARRAY_SIZE(asyncs); a++) {
			pgoff_t index = round_down(start, nr), mark = NO_MARK;
			struct notes notes = { .buf = want };
			DEFINE_READAHEAD(ractl, rf->file, &rf->file->f_ra, rf_mapping(rf), start);

			if (asyncs[a] > count && !COMPAT_RA_MARK_IN_WINDOW)
				continue;
			forget_reads(rf);
			if (asyncs[a] <= count)
				mark = round_up(start + count - asyncs[a], nr);
			note_text(&notes, "[");
			for (; index < start + count; index += nr)
				note_folio(&notes, index, order, index == mark);
			note_text(&notes, "]");
			filemap_invalidate_lock_shared(rf_mapping(rf));
			page_cache_ra_unbounded(&ractl, count, asyncs[a]);
			filemap_invalidate_unlock_shared(rf_mapping(rf));
			KUNIT_EXPECT_STREQ_MSG(test, rf->log, want, "%lu from %lu, async %lu",
					       count, start, asyncs[a]);
			KUNIT_EXPECT_EQ(test, readahead_count(&ractl), 0);
			KUNIT_EXPECT_FALSE(test, current->flags & PF_MEMALLOC_NOFS);
		}
	}
}

/* What is cached is passed by, and not read again; the rest comes in pieces. */
static void ra_unbounded_cached(struct kunit *test)
{
	unsigned int order = fxt_order(test), large = min(order + 2, (unsigned int)FXT_MAX_ORDER);
	unsigned long nr = 1UL << order, nr_large = 1UL << large;
	struct ra_file *rf = open_file(test, order, FXT_MAX_ORDER, 32);
	DEFINE_READAHEAD(ractl, rf->file, &rf->file->f_ra, rf_mapping(rf), 0);
	struct notes notes = { .buf = new_log(test) };
	unsigned long n = 5 * nr_large;
	pgoff_t i;

	fxt_add_folio(rf->fx, nr, order, 0);
	fxt_add_folio(rf->fx, nr_large * 2, large, 0);
	fxt_add_folio(rf->fx, n - nr, order, 0);
	/* Where a page was evicted its shadow is all that is left. */
	fxt_add_shadow(rf->fx, 3 * nr_large + nr / 2, 0);
	note_text(&notes, "[");
	for (i = 0; i < n; i += nr) {
		if (i == nr || i == n - nr || (i >= 2 * nr_large && i < 3 * nr_large)) {
			if (notes.buf[notes.len - 1] != '[')
				note_text(&notes, "][");
			continue;
		}
		note_folio(&notes, i, order, false);
	}
	/* The last in the window was there, so no call follows. */
	notes.buf[notes.len - 1] = '\0';
	filemap_invalidate_lock_shared(rf_mapping(rf));
	page_cache_ra_unbounded(&ractl, n, 0);
	filemap_invalidate_unlock_shared(rf_mapping(rf));
	KUNIT_EXPECT_STREQ(test, rf->log, notes.buf);
	fxt_expect_consistent(rf->fx);
	fxt_expect_stamped(rf->fx, 0, FXT_POS(n));
	KUNIT_EXPECT_EQ(test, rf_mapping(rf)->nrpages, n);
}

/* What the filesystem does not take is not in the page cache afterwards. */

static void hold_rest(struct ra_file *rf, struct readahead_control *rac)
{
	pgoff_t index = readahead_index(rac);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rf->rest); i++) {
		rf->rest[i] = filemap_get_folio(rac->mapping, index);
		KUNIT_ASSERT_FALSE_MSG(rf->test, IS_ERR(rf->rest[i]), "folio %u at %lu", i, index);
		index = folio_next_index(rf->rest[i]);
	}
}

static void readahead_partial(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	unsigned long nr = 1UL << order;
	struct ra_file *rf = open_file(test, order, FXT_MAX_ORDER, 8 * nr);

	rf->hook = hold_rest;
	for (rf->limit = 0; rf->limit <= ARRAY_SIZE(rf->rest); rf->limit += 3) {
		DEFINE_READAHEAD(ractl, rf->file, &rf->file->f_ra, rf_mapping(rf), 0);

		forget_reads(rf);
		/* Some kernels remove only as much as was meant to be asynchronous. */
		rf->file->f_ra.size = 16 * nr;
		rf->file->f_ra.async_size = 16 * nr;
		filemap_invalidate_lock_shared(rf_mapping(rf));
		page_cache_ra_unbounded(&ractl, ARRAY_SIZE(rf->rest) * nr, 0);
		filemap_invalidate_unlock_shared(rf_mapping(rf));
		KUNIT_EXPECT_EQ(test, readahead_count(&ractl), 0);
		KUNIT_EXPECT_EQ(test, rf_mapping(rf)->nrpages, rf->limit * nr);
		fxt_expect_consistent(rf->fx);
		/* The window keeps its size: the next one follows from it. */
		if (COMPAT_HAS_RA_ORDER)
			expect_state(rf, 0, 16 * nr, 16 * nr, "when not all was taken");
		fxt_drain_lru();
		for (i = 0; i < ARRAY_SIZE(rf->rest); i++) {
			KUNIT_ASSERT_EQ(test, folio_order(rf->rest[i]), order);
			KUNIT_EXPECT_FALSE_MSG(test, folio_test_locked(rf->rest[i]),
					       "folio %u, %u taken", i, rf->limit);
			KUNIT_EXPECT_EQ_MSG(test, !rf->rest[i]->mapping, i >= rf->limit,
					    "folio %u, %u taken", i, rf->limit);
			KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(rf->rest[i]),
					    1 + (i < rf->limit ? nr : 0),
					    "folio %u, %u taken", i, rf->limit);
			folio_put(rf->rest[i]);
		}
	}
}

static const struct address_space_operations read_folio_aops = {
	.read_folio	= rf_read_folio,
};

/* A filesystem without ->readahead() is asked for each folio of the window. */
static void readahead_by_read_folio(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	struct ra_file *rf = open_file(test, order, FXT_MAX_ORDER, 8 * nr);
	DEFINE_READAHEAD(ractl, rf->file, &rf->file->f_ra, rf_mapping(rf), 0);
	struct folio *folio;

	rf_mapping(rf)->a_ops = &read_folio_aops;
	filemap_invalidate_lock_shared(rf_mapping(rf));
	page_cache_ra_unbounded(&ractl, 5 * nr, 2 * nr);
	filemap_invalidate_unlock_shared(rf_mapping(rf));
	KUNIT_EXPECT_EQ(test, rf->nr_read_folio, 5);
	fxt_expect_stamped(rf->fx, 0, FXT_POS(5 * nr));
	folio = filemap_get_folio(rf_mapping(rf), 3 * nr);
	KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
	KUNIT_EXPECT_EQ(test, folio_order(folio), order);
	KUNIT_EXPECT_TRUE(test, folio_test_readahead(folio));
	fxt_drain_lru();
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), 1 + nr);
	folio_put(folio);
}

/* The filesystem asks for more at both ends. */

static void expand(struct ra_file *rf, struct readahead_control *rac)
{
	readahead_expand(rac, rf->expand_start, rf->expand_len);
	rf->hook = NULL;
}

static void readahead_expand_edges(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	unsigned long nr = 1UL << order;
	struct ra_file *rf = open_file(test, order, FXT_MAX_ORDER, 32);
	struct file_ra_state *ra = &rf->file->f_ra;
	/* The window is [8, 10): from, to in bytes wanted, what is cached, what comes. */
	const struct { loff_t from, to; pgoff_t cached, first, end; } calls[] = {
		{ FXT_POS(8 * nr), FXT_POS(10 * nr), 100, 8, 10 },
		{ FXT_POS(8 * nr), FXT_POS(10 * nr) + 1, 100, 8, 11 },
		{ FXT_POS(8 * nr) - 1, FXT_POS(10 * nr), 100, 7, 10 },
		{ FXT_POS(4 * nr), FXT_POS(16 * nr), 100, 4, 16 },
		{ FXT_POS(4 * nr) + 1, FXT_POS(16 * nr) - 1, 100, 4, 16 },
		{ 0, FXT_POS(12 * nr), 100, 0, 12 },
		{ FXT_POS(8 * nr) + 5, FXT_POS(9 * nr), 100, 8, 10 },
		/* As far as something is cached; if below, then not above either. */
		{ FXT_POS(4 * nr), FXT_POS(16 * nr), 5, 6, 10 },
		{ FXT_POS(4 * nr), FXT_POS(16 * nr), 7, 8, 10 },
		{ FXT_POS(4 * nr), FXT_POS(16 * nr), 12, 4, 12 },
		{ FXT_POS(4 * nr), FXT_POS(16 * nr), 10, 4, 10 },
	};

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		struct notes notes = { .buf = new_log(test) };
		DEFINE_READAHEAD(ractl, rf->file, ra, rf_mapping(rf), 8 * nr);
		pgoff_t f;

		reset_state(rf, 32);
		ra->size = 100;
		ra->async_size = 50;
		fxt_add_folio(rf->fx, calls[i].cached * nr, order, 0);
		rf->expand_start = calls[i].from;
		rf->expand_len = calls[i].to - calls[i].from;
		rf->hook = expand;
		filemap_invalidate_lock_shared(rf_mapping(rf));
		page_cache_ra_unbounded(&ractl, 2 * nr, 0);
		filemap_invalidate_unlock_shared(rf_mapping(rf));
		note_text(&notes, "[");
		for (f = calls[i].first; f < calls[i].end; f++)
			note_folio(&notes, f * nr, order, false);
		note_text(&notes, "]");
		KUNIT_EXPECT_STREQ_MSG(test, rf->log, notes.buf, "call %u", i);
		/* The window has grown at its end. */
		KUNIT_EXPECT_EQ_MSG(test, ra->size, 100 + (calls[i].end - 10) * nr, "call %u", i);
		KUNIT_EXPECT_EQ_MSG(test, ra->async_size, 50 + (calls[i].end - 10) * nr,
				    "call %u", i);
		fxt_expect_consistent(rf->fx);
	}
}

/* Without a state there is none to be kept. */
static void readahead_expand_stateless(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	struct ra_file *rf = open_file(test, order, FXT_MAX_ORDER, 32);
	DEFINE_READAHEAD(ractl, rf->file, NULL, rf_mapping(rf), 8 * nr);

	rf->expand_start = FXT_POS(7 * nr);
	rf->expand_len = FXT_POS(5 * nr);
	rf->hook = expand;
	filemap_invalidate_lock_shared(rf_mapping(rf));
	page_cache_ra_unbounded(&ractl, 2 * nr, 0);
	filemap_invalidate_unlock_shared(rf_mapping(rf));
	KUNIT_EXPECT_EQ(test, rf_mapping(rf)->nrpages, 5 * nr);
	expect_state(rf, 0, 0, 0, "without a state");
}

/*
 * As filesystems do that want an array of folios. Those of the series get them; without it
 * there is an array of their first pages, and no last index.
 */
#if FXT_FIXED
#define HAS_READAHEAD_FOLIO_BATCH
#else
#define readahead_folio_batch(rac, folios, nr, last)	\
	__readahead_batch(rac, (struct page **)(folios), nr)
#endif

static void end_batch(struct ra_file *rf, struct folio **folios, unsigned int n, pgoff_t *next)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		KUNIT_EXPECT_EQ_MSG(rf->test, folios[i]->index, *next, "%u of %u", i, n);
		KUNIT_EXPECT_TRUE_MSG(rf->test, folio_test_locked(folios[i]), "%u of %u", i, n);
		*next = folio_next_index(folios[i]);
		see_folio(rf, folios[i]);
		fxt_stamp(rf->fx, folios[i], folios[i]->index);
		folio_end_read(folios[i], true);
		folio_put(folios[i]);
	}
}

static void batch_readahead(struct readahead_control *rac)
{
	struct ra_file *rf = rac->mapping->host->i_private;
	unsigned int order = mapping_min_folio_order(rac->mapping), n;
	pgoff_t next = readahead_index(rac);
	struct folio *folios[3];

	while ((n = readahead_folio_batch(rac, folios, ARRAY_SIZE(folios), ULONG_MAX))) {
		KUNIT_EXPECT_EQ(rf->test, readahead_index(rac), next);
		KUNIT_EXPECT_EQ(rf->test, readahead_batch_length(rac), n * PAGE_SIZE << order);
		end_batch(rf, folios, n, &next);
	}
	KUNIT_EXPECT_EQ(rf->test, readahead_count(rac), 0);
}

static const struct address_space_operations batch_aops = {
	.readahead	= batch_readahead,
	.read_folio	= rf_read_folio,
};

static void readahead_batch_each_once(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	struct ra_file *rf = open_file(test, order, FXT_MAX_ORDER, 8 * nr);
	DEFINE_READAHEAD(ractl, rf->file, &rf->file->f_ra, rf_mapping(rf), 0);

	rf_mapping(rf)->a_ops = &batch_aops;
	fxt_add_folio(rf->fx, 5 * nr, order, 0);
	filemap_invalidate_lock_shared(rf_mapping(rf));
	page_cache_ra_unbounded(&ractl, 7 * nr, 0);
	filemap_invalidate_unlock_shared(rf_mapping(rf));
	KUNIT_EXPECT_EQ(test, bitmap_weight(rf->seen, MAX_SEEN), 6 * nr);
	fxt_expect_stamped(rf->fx, 0, FXT_POS(7 * nr));
	fxt_expect_consistent(rf->fx);
}

#ifdef HAS_READAHEAD_FOLIO_BATCH
/*
 * As filesystems do that read in blocks, here of three folios, from the middle of the first
 * one on. In brackets are the batches; those that ask for nothing or too early are empty:
 *
 *	block    0       1       2          3
 *	folio  0 1 2 | 3 4 5 | 6 7 8 | 9 10 (11)
 *	        [1 2] [3 4 5] [6 7 8] [9 10]
 */
static void blocks_readahead(struct readahead_control *rac)
{
	struct ra_file *rf = rac->mapping->host->i_private;
	unsigned long nr = mapping_min_folio_nrpages(rac->mapping), block = 3 * nr;
	pgoff_t next = readahead_index(rac), last;
	struct folio *folios[8];
	unsigned int n, want;

	KUNIT_EXPECT_EQ(rf->test, next, nr);
	KUNIT_EXPECT_EQ(rf->test, readahead_folio_batch(rac, folios, 0, ULONG_MAX), 0);
	KUNIT_EXPECT_EQ(rf->test, readahead_batch_length(rac), 0);
	for (last = block - 1; next < 11 * nr; last += block) {
		/* The next folio starts behind what is asked for. */
		KUNIT_EXPECT_EQ_MSG(rf->test,
				    readahead_folio_batch(rac, folios, ARRAY_SIZE(folios), next - 1),
				    0, "before %lu", next);
		KUNIT_EXPECT_EQ_MSG(rf->test, readahead_index(rac), next, "last %lu", last);
		KUNIT_EXPECT_EQ_MSG(rf->test, readahead_count(rac), 11 * nr - next, "last %lu", last);
		want = (min(last + 1, 11 * nr) - next) / nr;
		/* The first and the last page of the last folio mean the same. */
		n = readahead_folio_batch(rac, folios, ARRAY_SIZE(folios),
					  last / block % 2 ? last : last - nr + 1);
		KUNIT_EXPECT_EQ_MSG(rf->test, n, want, "last %lu", last);
		KUNIT_EXPECT_EQ_MSG(rf->test, readahead_batch_length(rac), want * nr * PAGE_SIZE,
				    "last %lu", last);
		KUNIT_EXPECT_EQ_MSG(rf->test, readahead_index(rac), next, "last %lu", last);
		end_batch(rf, folios, n, &next);
		KUNIT_ASSERT_EQ_MSG(rf->test, next, min(last + 1, 11 * nr), "last %lu", last);
	}
	KUNIT_EXPECT_EQ(rf->test,
			readahead_folio_batch(rac, folios, ARRAY_SIZE(folios), ULONG_MAX), 0);
	KUNIT_EXPECT_EQ(rf->test, readahead_count(rac), 0);
}

static const struct address_space_operations blocks_aops = {
	.readahead	= blocks_readahead,
	.read_folio	= rf_read_folio,
};
#endif

static void readahead_batch_of_block(struct kunit *test)
{
#ifdef HAS_READAHEAD_FOLIO_BATCH
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	struct ra_file *rf = open_file(test, order, FXT_MAX_ORDER, 16 * nr);
	DEFINE_READAHEAD(ractl, rf->file, &rf->file->f_ra, rf_mapping(rf), nr);

	rf_mapping(rf)->a_ops = &blocks_aops;
	/* Neither is part of the request. */
	fxt_add_folio(rf->fx, 0, order, 0);
	fxt_add_folio(rf->fx, 11 * nr, order, 0);
	filemap_invalidate_lock_shared(rf_mapping(rf));
	page_cache_ra_unbounded(&ractl, 10 * nr, 0);
	filemap_invalidate_unlock_shared(rf_mapping(rf));
	KUNIT_EXPECT_EQ(test, bitmap_weight(rf->seen, MAX_SEEN), 10 * nr);
	fxt_expect_stamped(rf->fx, FXT_POS(nr), FXT_POS(11 * nr));
	fxt_expect_consistent(rf->fx);
#else
	kunit_skip(test, "this kernel has no readahead_folio_batch()");
#endif
}

/* Reading. */

static void free_buffer(void *buf)
{
	vfree(buf);
}

/* Reads the whole file in pieces; expects its bytes, and each page read once, none alone. */
static void read_stream(struct ra_file *rf, u8 *buf, loff_t eof, size_t piece)
{
	loff_t pos = 0;

	while (pos < eof) {
		size_t len = min_t(loff_t, piece, eof - pos);
		struct kvec kvec = { .iov_base = buf, .iov_len = piece };
		struct iov_iter iter;
		struct kiocb iocb;

		init_sync_kiocb(&iocb, rf->file);
		iocb.ki_pos = pos;
		iov_iter_kvec(&iter, ITER_DEST, &kvec, 1, piece);
		KUNIT_ASSERT_EQ_MSG(rf->test, len, generic_file_read_iter(&iocb, &iter),
				    "%zu at %lld of %lld", piece, pos, eof);
		fxt_expect_buffer(rf->fx, buf, pos, len);
		KUNIT_EXPECT_EQ_MSG(rf->test, rf->file->f_ra.prev_pos, pos + len,
				    "%zu at %lld of %lld", piece, pos, eof);
		pos += len;
		rf->len = 0;
	}
}

static void read_stream_once(struct kunit *test)
{
	static const size_t pieces[] = {
		PAGE_SIZE / 4, PAGE_SIZE, PAGE_SIZE + 1, 3 * PAGE_SIZE, 16 * PAGE_SIZE,
	};
	static const unsigned int maxes[] = { 4, 32, 512 };
	static const loff_t eofs[] = { 1, PAGE_SIZE * 100 + 1, PAGE_SIZE * 300 };
	unsigned int order = fxt_order(test), p, m, e;
	struct ra_file *rf = open_file(test, order > 4 ? 0 : order, order, 32);
	u8 *buf = vmalloc(16 * PAGE_SIZE);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_buffer, buf));
	for (e = 0; e < ARRAY_SIZE(eofs); e++) {
		for (p = 0; p < ARRAY_SIZE(pieces); p++) {
			unsigned long nr = order > 4 ? 1 : 1UL << order;
			unsigned long pages = round_up(DIV_ROUND_UP(eofs[e], PAGE_SIZE), nr);

			m = (p + e) % ARRAY_SIZE(maxes);
			/* A long file need not be read a quarter of a page at a time. */
			if ((size_t)eofs[e] / pieces[p] > 200)
				continue;
			reset_state(rf, maxes[m]);
			i_size_write(&rf->fx->inode, eofs[e]);
			read_stream(rf, buf, eofs[e], pieces[p]);
			KUNIT_EXPECT_EQ_MSG(test, rf->nr_read_folio, 0, "EOF %lld, piece %zu",
					    eofs[e], pieces[p]);
			KUNIT_EXPECT_EQ_MSG(test, rf_mapping(rf)->nrpages, pages,
					    "EOF %lld, piece %zu, window %u", eofs[e], pieces[p],
					    maxes[m]);
			fxt_expect_consistent(rf->fx);
		}
	}
}

/* What is read ahead for one who wants nothing cached leaves when it has been read. */
static void read_dontcache_window(struct kunit *test)
{
#ifdef IOCB_DONTCACHE
	struct ra_file *rf = open_file(test, 0, 0, 32);
	static const unsigned long left[] = { 3, 10, 9 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(left); i++) {
		struct folio *folio;
		struct iov_iter iter;
		struct kiocb iocb;
		struct kvec kvec;
		pgoff_t at;
		u8 byte;

		kvec = (struct kvec) { .iov_base = &byte, .iov_len = 1 };
		init_sync_kiocb(&iocb, rf->file);
		iocb.ki_pos = FXT_POS(i);
		iocb.ki_flags |= IOCB_DONTCACHE;
		iov_iter_kvec(&iter, ITER_DEST, &kvec, 1, 1);
		KUNIT_EXPECT_EQ_MSG(test, 1, generic_file_read_iter(&iocb, &iter), "read %u", i);
		fxt_expect_buffer(rf->fx, &byte, FXT_POS(i), 1);
		/* The second read meets the marker, and brings eight more. */
		KUNIT_EXPECT_EQ_MSG(test, rf_mapping(rf)->nrpages, left[i], "read %u", i);
		xa_for_each(&rf_mapping(rf)->i_pages, at, folio)
			KUNIT_EXPECT_TRUE_MSG(test, folio_test_dropbehind(folio),
					      "index %lu after read %u", at, i);
	}
#else
	kunit_skip(test, "this kernel has no IOCB_DONTCACHE");
#endif
}

/* Who must not start I/O reads up to the marker, and leaves it for the next. */
static void read_noio_marked(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	unsigned long nr = 1UL << order;
	struct ra_file *rf = open_file(test, 0, FXT_MAX_ORDER, 32);
	struct folio *folio;
	u8 bytes[4];

	fxt_add_folio(rf->fx, 0, order, 0);
	folio = fxt_add_folio(rf->fx, nr, order, 0);
	KUNIT_ASSERT_EQ(test, folio_order(folio), order);
	fxt_drain_lru();
	folio_set_readahead(folio);
	for (i = 0; i < 3; i++) {
		struct kvec kvec = { .iov_base = bytes, .iov_len = sizeof(bytes) };
		struct iov_iter iter;
		struct kiocb iocb;

		init_sync_kiocb(&iocb, rf->file);
		iocb.ki_pos = FXT_POS(nr) - (i == 1 ? 2 : 0);
		iocb.ki_flags |= i < 2 ? IOCB_NOIO : 0;
		iov_iter_kvec(&iter, ITER_DEST, &kvec, 1, sizeof(bytes));
		KUNIT_EXPECT_EQ_MSG(test, generic_file_read_iter(&iocb, &iter),
				    i == 0 ? -EAGAIN : i == 1 ? 2 : 4, "read %u", i);
		KUNIT_EXPECT_EQ_MSG(test, folio_test_readahead(folio), i < 2, "read %u", i);
		KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(folio), nr, "read %u", i);
		if (i < 2)
			expect_log(rf, "", "no I/O");
	}
	KUNIT_EXPECT_EQ(test, rf->nr_read_folio, 0);
}

/* A folio that readahead could not read is read once more, by who needs it. */
static void readahead_failed(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	struct ra_file *rf = open_file(test, order, order, 4 * nr);
	loff_t eof = FXT_POS(4 * nr);
	struct folio *folio;
	u8 byte;
	loff_t pos;

	i_size_write(&rf->fx->inode, eof);
	rf->fail = true;
	sync_ra(rf, 0, 4 * nr);
	KUNIT_EXPECT_EQ(test, rf_mapping(rf)->nrpages, 4 * nr);
	folio = filemap_get_folio(rf_mapping(rf), 2 * nr - 1);
	KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
	KUNIT_EXPECT_EQ(test, folio_order(folio), order);
	KUNIT_EXPECT_FALSE(test, folio_test_uptodate(folio));
	KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
	rf->fail = false;
	rf->len = 0;
	rf->log[0] = '\0';
	pos = FXT_POS(2 * nr) - 1;
	KUNIT_EXPECT_EQ(test, 1, kernel_read(rf->file, &byte, 1, &pos));
	fxt_expect_buffer(rf->fx, &byte, FXT_POS(2 * nr) - 1, 1);
	KUNIT_EXPECT_EQ(test, rf->nr_read_folio, 1);
	KUNIT_EXPECT_TRUE(test, folio_test_uptodate(folio));
	expect_log(rf, "", "read again");
	folio_put(folio);
}

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

static struct kunit_case readahead_fill_cases[] = {
	KUNIT_CASE_PARAM_ATTR(ra_order_layout, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE(ra_order_cached),
	KUNIT_CASE_PARAM(ra_unbounded_layout, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(ra_unbounded_cached, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(readahead_partial, order_gen_params),
	KUNIT_CASE_PARAM(readahead_by_read_folio, order_gen_params),
	KUNIT_CASE_PARAM(readahead_batch_each_once, order_gen_params),
	KUNIT_CASE_PARAM(readahead_batch_of_block, order_gen_params),
	KUNIT_CASE_PARAM(readahead_expand_edges, order_gen_params),
	KUNIT_CASE_PARAM(readahead_expand_stateless, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(read_stream_once, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(readahead_failed, order_gen_params),
	KUNIT_CASE(read_dontcache_window),
	KUNIT_CASE_PARAM(read_noio_marked, order_gen_params),
	{}
};

static struct kunit_suite readahead_fill_suite = {
	.name = "mm_readahead_fill",
	.init = fxt_stay_on_cpu,
	.test_cases = readahead_fill_cases,
};

kunit_test_suite(readahead_fill_suite);

MODULE_DESCRIPTION("KUnit suite of the folios that readahead brings");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
