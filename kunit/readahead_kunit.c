// SPDX-License-Identifier: GPL-2.0
/*
 * mm_readahead: which folios are read before anybody asked for them: where each
 * window starts and ends, the orders of its folios, which of them is marked, and
 * what is left of the state of the file.
 *
 * ->readahead() writes down what it is handed, one pair of brackets a call: index
 * and order of each folio as 8/2, a star if it bears the readahead marker, and how
 * many of them follow one another, as in "[4/2* 8/2x3]".
 */
#include <linux/backing-dev.h>
#include <linux/fadvise.h>
#include <linux/highmem.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>

#if __has_include(<kunit/mm.h>)
#include <kunit/mm.h>
#endif

#include "fixture.h"
#include "../module/compat.h"

#define MAX_ORDER	(IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) ? 9 : 0)
#define USER_ADDR	0x10000000UL
#define FAR		(1UL << 33)
#define LOG_SIZE	2048
#define MAX_SEEN	8192

/**
 * struct ra_file - the file of a case, and what was read of it
 * @fx: the fixture
 * @test: the case
 * @bdi: the device; its ra_pages is what the file began with
 * @file: the file; its f_ra is the state under test
 * @limit: how many folios one call of ->readahead() takes; the others it leaves
 * @fail: reads fail
 * @hook: called first by ->readahead()
 * @nr_calls: how often ->readahead() was called
 * @nr_read_folio: how often ->read_folio() was called
 * @len: length of @log
 * @log: what ->readahead() was handed
 * @run: how many folios like the last one follow it in @log
 * @last: that folio
 * @seen: pages that have been read
 */
struct ra_file {
	struct folio_fixture *fx;
	struct kunit *test;
	struct backing_dev_info *bdi;
	struct file *file;
	unsigned int limit;
	bool fail;
	void (*hook)(struct ra_file *rf, struct readahead_control *rac);
	unsigned int nr_calls;
	unsigned int nr_read_folio;
	unsigned int len;
	char log[LOG_SIZE];
	unsigned int run;
	struct fxt_range last;
	DECLARE_BITMAP(seen, MAX_SEEN);
};

static struct address_space *rf_mapping(struct ra_file *rf)
{
	return fxt_mapping(rf->fx);
}

/* The notation of what is handed out, for a log as for what is wanted of it. */
struct notes {
	char *buf;
	unsigned int len;
	unsigned int run;
	struct fxt_range last;
};

static void end_run(struct notes *notes)
{
	if (notes->run > 1)
		notes->len += scnprintf(notes->buf + notes->len, LOG_SIZE - notes->len, "x%u",
					notes->run);
	notes->run = 0;
}

static void note_text(struct notes *notes, const char *text)
{
	end_run(notes);
	notes->len += scnprintf(notes->buf + notes->len, LOG_SIZE - notes->len, "%s", text);
}

static void note_folio(struct notes *notes, pgoff_t index, unsigned int order, bool marked)
{
	if (!marked && notes->run && notes->last.order == order &&
	    notes->last.index + (1UL << order) == index) {
		notes->run++;
		notes->last.index = index;
		return;
	}
	end_run(notes);
	notes->len += scnprintf(notes->buf + notes->len, LOG_SIZE - notes->len, "%s%lu/%u%s",
				notes->len && notes->buf[notes->len - 1] != '[' ? " " : "",
				index, order, marked ? "*" : "");
	notes->last = (struct fxt_range) { index, order };
	notes->run = !marked;
}

/* The filesystem. */

static void see_folio(struct ra_file *rf, struct folio *folio)
{
	pgoff_t i;

	for (i = folio->index; i < folio_next_index(folio) && i < MAX_SEEN; i++)
		KUNIT_EXPECT_FALSE_MSG(rf->test, test_and_set_bit(i, rf->seen),
				       "index %lu was read before", i);
}

static void rf_readahead(struct readahead_control *rac)
{
	struct ra_file *rf = rac->mapping->host->i_private;
	struct notes notes = { .buf = rf->log, .len = rf->len };
	struct kunit *test = rf->test;
	unsigned int n = 0, left;
	struct folio *folio;
	pgoff_t next;

	rf->nr_calls++;
	KUNIT_EXPECT_TRUE(test, current->flags & PF_MEMALLOC_NOFS);
	KUNIT_EXPECT_TRUE(test, rwsem_is_locked(&rac->mapping->invalidate_lock));
	if (rf->hook)
		rf->hook(rf, rac);
	next = readahead_index(rac);
	left = readahead_count(rac);
	KUNIT_EXPECT_GT(test, left, 0);
	note_text(&notes, "[");
	while (n < rf->limit) {
		KUNIT_EXPECT_EQ_MSG(test, readahead_length(rac) >> PAGE_SHIFT,
				    readahead_count(rac), "folio %u", n);
		folio = readahead_folio(rac);
		if (!folio)
			break;
		KUNIT_EXPECT_EQ_MSG(test, folio->index, next, "folio %u", n);
		KUNIT_EXPECT_EQ_MSG(test, readahead_index(rac), next, "folio %u", n);
		KUNIT_EXPECT_EQ_MSG(test, readahead_pos(rac), FXT_POS(next), "folio %u", n);
		KUNIT_EXPECT_EQ_MSG(test, readahead_count(rac), left, "folio %u", n);
		KUNIT_EXPECT_EQ_MSG(test, readahead_batch_length(rac), folio_size(folio),
				    "folio %u", n);
		KUNIT_EXPECT_TRUE_MSG(test, folio_test_locked(folio), "index %lu", next);
		KUNIT_EXPECT_FALSE_MSG(test, folio_test_uptodate(folio), "index %lu", next);
		KUNIT_EXPECT_PTR_EQ_MSG(test, folio->mapping, rac->mapping, "index %lu", next);
		note_folio(&notes, folio->index, folio_order(folio), folio_test_readahead(folio));
		see_folio(rf, folio);
		next += folio_nr_pages(folio);
		left -= folio_nr_pages(folio);
		n++;
		if (!rf->fail)
			fxt_stamp(rf->fx, folio, folio->index);
		folio_end_read(folio, !rf->fail);
	}
	if (n < rf->limit)
		KUNIT_EXPECT_EQ(test, left, 0);
	note_text(&notes, "]");
	rf->len = notes.len;
	KUNIT_EXPECT_LT_MSG(test, rf->len, LOG_SIZE - 1, "the log is full");
}

static int rf_read_folio(struct file *file, struct folio *folio)
{
	struct ra_file *rf = folio->mapping->host->i_private;

	rf->nr_read_folio++;
	if (!rf->fail)
		fxt_stamp(rf->fx, folio, folio->index);
	folio_end_read(folio, !rf->fail);
	return 0;
}

static const struct address_space_operations rf_aops = {
	.readahead	= rf_readahead,
	.read_folio	= rf_read_folio,
};

/* Empties the page cache, and forgets what was read. */
static void forget_reads(struct ra_file *rf)
{
	truncate_inode_pages(rf_mapping(rf), 0);
	rf->len = 0;
	rf->log[0] = '\0';
	rf->nr_calls = 0;
	rf->nr_read_folio = 0;
	bitmap_zero(rf->seen, MAX_SEEN);
}

/* As at open(), with a window of @max pages at most. */
static void reset_state(struct ra_file *rf, unsigned int max)
{
	forget_reads(rf);
	memset(&rf->file->f_ra, 0, sizeof(rf->file->f_ra));
	rf->bdi->ra_pages = max;
	rf->bdi->io_pages = 0;
	file_ra_state_init(&rf->file->f_ra, rf_mapping(rf));
}

static struct ra_file *open_file(struct kunit *test, unsigned int min_order,
				 unsigned int max_order, unsigned int max)
{
	struct ra_file *rf = kunit_kzalloc(test, sizeof(*rf), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, rf);
	rf->test = test;
	rf->fx = fxt_create(test, min_order, max_order);
	rf->bdi = fxt_setup_bdi(rf->fx);
	rf->file = fxt_file(rf->fx);
	rf->limit = UINT_MAX;
	rf->fx->inode.i_private = rf;
	rf_mapping(rf)->a_ops = &rf_aops;
	reset_state(rf, max);
	KUNIT_EXPECT_EQ(test, rf->file->f_ra.ra_pages, max);
	KUNIT_EXPECT_EQ(test, rf->file->f_ra.prev_pos, -1);
	return rf;
}

static void set_pages(struct ra_file *rf, pgoff_t nr)
{
	i_size_write(&rf->fx->inode, FXT_POS(nr));
}

/* A read of @req pages that misses at @index. */
static void sync_ra(struct ra_file *rf, pgoff_t index, unsigned long req)
{
	page_cache_sync_readahead(rf_mapping(rf), &rf->file->f_ra, rf->file, index, req);
}

/* A read of @req pages that finds the folio at @index, marked or not. */
static void async_ra(struct ra_file *rf, pgoff_t index, unsigned long req)
{
	struct folio *folio = filemap_get_folio(rf_mapping(rf), index);

	KUNIT_ASSERT_FALSE_MSG(rf->test, IS_ERR(folio), "index %lu is not cached", index);
	page_cache_async_readahead(rf_mapping(rf), &rf->file->f_ra, rf->file, folio, req);
	KUNIT_EXPECT_TRUE_MSG(rf->test, folio_test_writeback(folio) ||
			      !folio_test_readahead(folio) || !rf->file->f_ra.ra_pages,
			      "index %lu bears its marker still", index);
	folio_put(folio);
}

/* Expects that just this was handed out since the last look, and forgets it. */
static void expect_log(struct ra_file *rf, const char *want, const char *when)
{
	KUNIT_EXPECT_STREQ_MSG(rf->test, rf->log, want, "%s", when);
	rf->len = 0;
	rf->log[0] = '\0';
}

static void expect_state(struct ra_file *rf, pgoff_t start, unsigned int size,
			 unsigned int async_size, const char *when)
{
	const struct file_ra_state *ra = &rf->file->f_ra;

	KUNIT_EXPECT_EQ_MSG(rf->test, ra->start, start, "%s", when);
	KUNIT_EXPECT_EQ_MSG(rf->test, ra->size, size, "%s", when);
	KUNIT_EXPECT_EQ_MSG(rf->test, ra->async_size, async_size, "%s", when);
}

/* A call that is handed @nr folios of order 0, of which the one at @mark is marked. */
static void want_small(char *buf, pgoff_t first, unsigned long nr, pgoff_t mark)
{
	struct notes notes = { .buf = buf };
	unsigned long i;

	buf[0] = '\0';
	if (!nr)
		return;
	note_text(&notes, "[");
	for (i = 0; i < nr; i++)
		note_folio(&notes, first + i, 0, first + i == mark);
	note_text(&notes, "]");
}

static char *new_log(struct kunit *test)
{
	char *buf = kunit_kzalloc(test, LOG_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	return buf;
}

#define NO_MARK		ULONG_MAX

/* The first window of a stream. */

static const struct { unsigned int max, req, size, async; } first_windows[] = {
	{ 32, 1, 4, 3 }, { 32, 2, 4, 2 }, { 32, 3, 8, 5 }, { 32, 4, 8, 4 }, { 32, 5, 16, 11 },
	{ 32, 8, 16, 8 }, { 32, 9, 32, 23 }, { 32, 31, 32, 1 }, { 32, 32, 32, 16 },
	{ 32, 33, 32, 16 }, { 32, 100, 32, 16 }, { 128, 4, 16, 12 }, { 128, 5, 16, 11 },
	{ 128, 32, 64, 32 }, { 128, 33, 128, 95 }, { 512, 1, 4, 3 }, { 512, 16, 64, 48 },
	{ 512, 17, 64, 47 }, { 512, 128, 256, 128 }, { 512, 129, 512, 383 },
};

static void sync_ra_first_window(struct kunit *test)
{
	unsigned int max_order, i;
	char *want = new_log(test);

	for (max_order = 0; max_order <= MAX_ORDER; max_order += 9) {
		struct ra_file *rf = open_file(test, 0, max_order, 32);

		for (i = 0; i < ARRAY_SIZE(first_windows); i++) {
			unsigned int size = first_windows[i].size, async = first_windows[i].async;
			char when[48];

			snprintf(when, sizeof(when), "%u of %u, max order %u",
				 first_windows[i].req, first_windows[i].max, max_order);
			/* At the start of the file. */
			reset_state(rf, first_windows[i].max);
			sync_ra(rf, 0, first_windows[i].req);
			expect_state(rf, 0, size, async, when);
			want_small(want, 0, size, size - async);
			expect_log(rf, want, when);
			/* Where the last read ended: in this page, and in the one before. */
			forget_reads(rf);
			rf->file->f_ra.prev_pos = FXT_POS(1000) + (i & 1 ? 0 : 4095);
			sync_ra(rf, 1000 + (i >> 1 & 1), first_windows[i].req);
			expect_state(rf, 1000 + (i >> 1 & 1), size, async, when);
			want_small(want, 1000 + (i >> 1 & 1), size,
				   1000 + (i >> 1 & 1) + size - async);
			expect_log(rf, want, when);
		}
		KUNIT_EXPECT_EQ(test, rf->nr_read_folio, 0);
	}
}

/* A read here and there is read as it is, and leaves no trace in the state. */
static void sync_ra_random(struct kunit *test)
{
	static const pgoff_t indexes[] = { 1000, 500, 502, 498, 10, 2000, FAR, FAR - 40, 7 };
	struct ra_file *rf = open_file(test, 0, MAX_ORDER, 32);
	char *want = new_log(test);
	unsigned int i, req;

	rf->file->f_ra.start = 123;
	rf->file->f_ra.size = 45;
	rf->file->f_ra.async_size = 6;
	i_size_write(&rf->fx->inode, FXT_POS(FAR + 100));
	for (req = 1; req <= 32; req = req * 2 + (req == 16)) {
		for (i = 0; i < ARRAY_SIZE(indexes); i++) {
			rf->file->f_ra.prev_pos = FXT_POS(indexes[i] + 1000);
			sync_ra(rf, indexes[i], req);
			want_small(want, indexes[i], req, NO_MARK);
			expect_log(rf, want, "a random read");
			forget_reads(rf);
			/* Two pages on is not the next page, nor is the one before. */
			rf->file->f_ra.prev_pos = FXT_POS(indexes[i] - 2);
			sync_ra(rf, indexes[i], req);
			expect_log(rf, want, "a page was left out");
			forget_reads(rf);
			rf->file->f_ra.prev_pos = FXT_POS(indexes[i] + 1);
			sync_ra(rf, indexes[i], req);
			expect_log(rf, want, "backwards");
			forget_reads(rf);
		}
	}
	expect_state(rf, 123, 45, 6, "at last");
}

/* What lies in the cache before a miss tells of a stream. */
static void sync_ra_history(struct kunit *test)
{
	static const struct { pgoff_t from, nr; unsigned int req, size; } streams[] = {
		{ 100, 1, 1, 0 }, { 100, 2, 1, 3 }, { 100, 2, 2, 0 }, { 100, 3, 2, 5 },
		{ 100, 8, 4, 12 }, { 100, 28, 4, 32 }, { 100, 31, 2, 32 }, { 100, 40, 8, 32 },
		{ 0, 2, 2, 0 }, { 0, 3, 2, 8 }, { 0, 8, 1, 17 }, { 0, 20, 1, 32 },
	};
	struct ra_file *rf = open_file(test, 0, MAX_ORDER, 32);
	char *want = new_log(test);
	unsigned int i;
	pgoff_t p;

	for (i = 0; i < ARRAY_SIZE(streams); i++) {
		pgoff_t index = streams[i].from + streams[i].nr;
		unsigned int size = streams[i].size;

		if (!COMPAT_PREV_MISS_OUTSIDE)
			kunit_skip(test, "page_cache_prev_miss() ends inside its range");
		/* What is cached from the start of the file on counts twice. */
		reset_state(rf, 32);
		for (p = streams[i].from; p < index; p++)
			fxt_add_folio(rf->fx, p, 0, 0);
		rf->file->f_ra.prev_pos = FXT_POS(5000);
		sync_ra(rf, index, streams[i].req);
		if (size)
			expect_state(rf, index, size, 1, "after a stream");
		else
			expect_state(rf, 0, 0, 0, "after too short a stream");
		want_small(want, index, size ?: streams[i].req,
			   size ? index + size - 1 : NO_MARK);
		KUNIT_EXPECT_STREQ_MSG(test, rf->log, want, "%lu pages from %lu, read %u",
				       streams[i].nr, streams[i].from, streams[i].req);
	}
}

/* Readers that ask for more than the window get what the device likes best. */
static void sync_ra_io_pages(struct kunit *test)
{
	static const struct { unsigned int max, io, req, size; } reads[] = {
		{ 32, 64, 33, 33 }, { 32, 64, 64, 64 }, { 32, 64, 65, 64 }, { 32, 64, 1000, 64 },
		{ 32, 16, 64, 32 }, { 32, 64, 32, 32 }, { 32, 256, 100, 100 },
	};
	struct ra_file *rf = open_file(test, 0, MAX_ORDER, 32);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(reads); i++) {
		reset_state(rf, reads[i].max);
		rf->bdi->io_pages = reads[i].io;
		sync_ra(rf, 0, reads[i].req);
		KUNIT_EXPECT_EQ_MSG(test, rf->file->f_ra.start, 0, "read %u", i);
		KUNIT_EXPECT_EQ_MSG(test, rf->file->f_ra.size, reads[i].size, "read %u", i);
		KUNIT_EXPECT_EQ_MSG(test, rf_mapping(rf)->nrpages, rf->file->f_ra.size,
				    "read %u", i);
	}
}

/* The next windows of a stream. */

struct window {
	pgoff_t start;
	unsigned int size;
	unsigned int async;
	const char *log;
};

/* Follows the markers from the first window on. */
static void check_stream(struct ra_file *rf, const struct window *windows, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		const struct window *w = &windows[i];
		pgoff_t mark = i ? w[-1].start + w[-1].size - w[-1].async : 0;
		char when[32];

		snprintf(when, sizeof(when), "window %u", i);
		if (i)
			async_ra(rf, mark, 1);
		else
			sync_ra(rf, 0, 1);
		expect_state(rf, w->start, w->size, w->async, when);
		expect_log(rf, w->log, when);
	}
	KUNIT_EXPECT_EQ(rf->test, rf->nr_calls, nr);
}

static void async_ra_ramp_small(struct kunit *test)
{
	static const struct window windows[] = {
		{ 0, 4, 3, "[0/0 1/0* 2/0x2]" }, { 4, 8, 8, "[4/0* 5/0x7]" },
		{ 12, 16, 16, "[12/0* 13/0x15]" }, { 28, 32, 32, "[28/0* 29/0x31]" },
		{ 60, 32, 32, "[60/0* 61/0x31]" },
	};
	static const struct window wide[] = {
		{ 0, 4, 3, "[0/0 1/0* 2/0x2]" }, { 4, 16, 16, "[4/0* 5/0x15]" },
		{ 20, 64, 64, "[20/0* 21/0x63]" }, { 84, 128, 128, "[84/0* 85/0x127]" },
		{ 212, 256, 256, "[212/0* 213/0x255]" }, { 468, 512, 512, "[468/0* 469/0x511]" },
		{ 980, 512, 512, "[980/0* 981/0x511]" },
	};
	struct ra_file *rf = open_file(test, 0, 0, 32);

	check_stream(rf, windows, ARRAY_SIZE(windows));
	fxt_expect_consistent(rf->fx);
	reset_state(rf, 512);
	check_stream(rf, wide, ARRAY_SIZE(wide));
}

/* Folios become larger from window to window, which end where they are aligned. */
static void async_ra_ramp_large(struct kunit *test)
{
#if COMPAT_HAS_RA_ORDER
	static const struct window windows[] = {
		{ 0, 4, 3, "[0/0 1/0* 2/0x2]" },
		{ 4, 16, 16, "[4/2* 8/2x3]" },
		{ 20, 60, 60, "[20/2* 24/3 32/4x3]" },
		{ 80, 112, 112, "[80/4* 96/5 128/6]" },
		{ 192, 64, 64, "[192/6*]" },
		{ 256, 128, 128, "[256/7*]" },
		{ 384, 128, 128, "[384/7*]" },
		{ 512, 256, 256, "[512/8*]" },
		{ 768, 256, 256, "[768/8*]" },
		{ 1024, 512, 512, "[1024/9*]" },
		{ 1536, 512, 512, "[1536/9*]" },
	};
	static const struct window narrow[] = {
		{ 0, 4, 3, "[0/0 1/0* 2/0x2]" },
		{ 4, 8, 8, "[4/2* 8/2]" },
		{ 12, 4, 4, "[12/2*]" },
		{ 16, 8, 8, "[16/3*]" },
		{ 24, 8, 8, "[24/3*]" },
		{ 32, 16, 16, "[32/4*]" },
	};
	struct ra_file *rf = open_file(test, 0, MAX_ORDER, 512);

	if (!MAX_ORDER)
		kunit_skip(test, "needs CONFIG_TRANSPARENT_HUGEPAGE");
	check_stream(rf, windows, ARRAY_SIZE(windows));
	fxt_expect_stamped(rf->fx, 0, FXT_POS(2048));
	fxt_expect_consistent(rf->fx);
	reset_state(rf, 32);
	check_stream(rf, narrow, ARRAY_SIZE(narrow));
#else
	kunit_skip(test, "the order of this kernel's readahead is not in file_ra_state");
#endif
}

/* A second stream in the same file, of which the state knows nothing: the cache tells. */
static void async_ra_interleaved(struct kunit *test)
{
	struct ra_file *rf = open_file(test, 0, 0, 32);
	struct file_ra_state *ra = &rf->file->f_ra;

	/* The first stream, up to its second window. */
	sync_ra(rf, 0, 1);
	async_ra(rf, 1, 1);
	expect_state(rf, 4, 8, 8, "first stream");
	rf->len = 0;
	/* The second takes the state over. */
	ra->prev_pos = FXT_POS(1000) - 1;
	sync_ra(rf, 1000, 1);
	expect_state(rf, 1000, 4, 3, "second stream");
	expect_log(rf, "[1000/0 1001/0* 1002/0x2]", "second stream");
	/*
	 * Back to the first, which finds its marker at 4: what is cached up to 12
	 * was its window, and the next is one size larger.
	 */
	async_ra(rf, 4, 1);
	expect_state(rf, 12, 16, 16, "first stream again");
	expect_log(rf, "[12/0* 13/0x15]", "first stream again");
	async_ra(rf, 1001, 1);
	expect_state(rf, 1004, 8, 8, "second stream again");
	expect_log(rf, "[1004/0* 1005/0x7]", "second stream again");
	/* All that may be read is there. */
	ra->start = 5000;
	ra->size = 32;
	forget_reads(rf);
	fxt_add_folio(rf->fx, 0, 0, 0);
	for (pgoff_t i = 1; i < 40; i++)
		fxt_add_folio(rf->fx, i, 0, 0);
	async_ra(rf, 1, 1);
	expect_log(rf, "", "with the window full");
	expect_state(rf, 5000, 32, 8, "with the window full");
}

/* Whoever hits any page of the marked folio goes on with the stream. */
static void async_ra_marked_folio(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	unsigned long nr = 1UL << order;
	struct ra_file *rf = open_file(test, 0, MAX_ORDER, 4 * nr);
	struct file_ra_state *ra = &rf->file->f_ra;
	struct folio *folio;

	set_pages(rf, 100 * nr);
	for (i = 0; i < nr; i += 1 + nr / 7) {
		reset_state(rf, 4 * nr);
		folio = fxt_add_folio(rf->fx, 2 * nr, order, 0);
		KUNIT_ASSERT_EQ(test, folio_order(folio), order);
		folio_set_readahead(folio);
		/* The marker was to be within the folio: it is at its start. */
		ra->start = nr;
		ra->size = 2 * nr;
		ra->async_size = nr - i;
		async_ra(rf, 2 * nr + i, 1);
		KUNIT_EXPECT_EQ_MSG(test, ra->start, 3 * nr, "page %u", i);
		KUNIT_EXPECT_GE_MSG(test, ra->size, order ? 2 * nr : 1, "page %u", i);
		KUNIT_EXPECT_LE_MSG(test, ra->size, 4 * nr, "page %u", i);
		KUNIT_EXPECT_EQ_MSG(test, ra->async_size, ra->size, "page %u", i);
		KUNIT_EXPECT_EQ_MSG(test, rf_mapping(rf)->nrpages, nr + ra->size, "page %u", i);
		KUNIT_EXPECT_FALSE_MSG(test, folio_test_readahead(folio), "page %u", i);
		fxt_expect_consistent(rf->fx);
	}
}

/* The marker means something else under writeback, and nothing without readahead. */
static void async_ra_refused(struct kunit *test)
{
	struct ra_file *rf = open_file(test, 0, MAX_ORDER, 32);
	unsigned int order = fxt_order(test);
	struct folio *folio = fxt_add_folio(rf->fx, 0, order, 0);

	KUNIT_ASSERT_EQ(test, folio_order(folio), order);
	folio_set_readahead(folio);
	folio_lock(folio);
	folio_start_writeback(folio);
	folio_unlock(folio);
	async_ra(rf, 0, 1);
	KUNIT_EXPECT_TRUE(test, folio_test_readahead(folio));
	folio_end_writeback(folio);
	folio_set_readahead(folio);
	rf->file->f_ra.ra_pages = 0;
	async_ra(rf, 0, 1);
	KUNIT_EXPECT_TRUE(test, folio_test_readahead(folio));
	expect_log(rf, "", "refused");
	expect_state(rf, 0, 0, 0, "refused");
}

/* Where readahead is off or of no use, what is read is what was asked for. */
static void sync_ra_switched_off(struct kunit *test)
{
	struct ra_file *rf = open_file(test, 0, MAX_ORDER, 32);
	unsigned int i;

	for (i = 0; i < 2; i++) {
		reset_state(rf, i ? 32 : 0);
		rf->bdi->io_pages = 8;
		if (i)
			KUNIT_EXPECT_EQ(test, 0, vfs_fadvise(rf->file, 0, 0, POSIX_FADV_RANDOM));
		sync_ra(rf, 0, 5);
		expect_log(rf, i ? "[0/0x5]" : "[0/0]", i ? "random" : "no readahead");
		sync_ra(rf, 5, 7);
		expect_log(rf, i ? "[5/0x7]" : "[5/0]", i ? "random" : "no readahead");
		expect_state(rf, 0, 0, 0, "switched off");
	}
	/* Not more than a window, even so. */
	sync_ra(rf, 100, 50);
	expect_log(rf, "[100/0x32]", "random, and long");
	/* Without a file nobody needs the page. */
	reset_state(rf, 0);
	page_cache_sync_readahead(rf_mapping(rf), &rf->file->f_ra, NULL, 0, 5);
	expect_log(rf, "", "no readahead, and no file");
}

static void fadvise_sets_window(struct kunit *test)
{
	struct ra_file *rf = open_file(test, 0, MAX_ORDER, 32);
	struct file *file = rf->file;

	KUNIT_EXPECT_EQ(test, 0, vfs_fadvise(file, 0, 0, POSIX_FADV_RANDOM));
	KUNIT_EXPECT_TRUE(test, file->f_mode & FMODE_RANDOM);
	KUNIT_EXPECT_EQ(test, 0, vfs_fadvise(file, 0, 0, POSIX_FADV_SEQUENTIAL));
	KUNIT_EXPECT_FALSE(test, file->f_mode & FMODE_RANDOM);
	KUNIT_EXPECT_EQ(test, file->f_ra.ra_pages, 64);
	sync_ra(rf, 0, 64);
	KUNIT_EXPECT_EQ(test, file->f_ra.size, 64);
	expect_log(rf, "[0/0x32 32/0* 33/0x31]", "sequential");
	vfs_fadvise(file, 0, 0, POSIX_FADV_RANDOM);
	KUNIT_EXPECT_EQ(test, 0, vfs_fadvise(file, 0, 0, POSIX_FADV_NORMAL));
	KUNIT_EXPECT_FALSE(test, file->f_mode & FMODE_RANDOM);
	KUNIT_EXPECT_EQ(test, file->f_ra.ra_pages, 32);
	forget_reads(rf);
	sync_ra(rf, 0, 64);
	KUNIT_EXPECT_EQ(test, file->f_ra.size, 32);
}

/* Every page that the range touches, a window of them at most, 2 MiB at a time. */
static void fadvise_willneed_range(struct kunit *test)
{
	static const struct { loff_t from, len; unsigned int max, io; const char *log; } calls[] = {
		{ 0, 1, 32, 0, "[0/0]" },
		{ 4095, 2, 32, 0, "[0/0x2]" },
		{ 4096, 4096, 32, 0, "[1/0]" },
		{ 4097, 4096, 32, 0, "[1/0x2]" },
		{ 40960, 40960, 32, 0, "[10/0x10]" },
		{ 0, 0, 32, 0, "[0/0x32]" },
		{ 0, 4096 * 100, 32, 0, "[0/0x32]" },
		{ 0, 4096 * 100, 32, 50, "[0/0x50]" },
		{ 4096 * 2999, 8192, 32, 0, "[2999/0]" },
		{ 4096 * 3000, 8192, 32, 0, "" },
		{ 4096 * 2990, 0, 32, 0, "[2990/0x10]" },
		{ 4096 * 2990, 4096 * 9, 32, 0, "[2990/0x9]" },
		{ 4096 * 2990, 4096 * 10, 32, 0, "[2990/0x10]" },
		{ 4096 * 2990, 4096 * 11, 32, 0, "[2990/0x10]" },
		{ 0, 4096 * 1200, 2000, 0, "[0/0x512][512/0x512][1024/0x176]" },
		{ 4096 * 1900, 0, 2000, 0, "[1900/0x512][2412/0x512][2924/0x76]" },
	};
	struct ra_file *rf = open_file(test, 0, MAX_ORDER, 32);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		char when[16];

		snprintf(when, sizeof(when), "call %u", i);
		reset_state(rf, calls[i].max);
		rf->bdi->io_pages = calls[i].io;
		set_pages(rf, 3000);
		KUNIT_EXPECT_EQ_MSG(test, 0, vfs_fadvise(rf->file, calls[i].from, calls[i].len,
							 POSIX_FADV_WILLNEED), "%s", when);
		expect_log(rf, calls[i].log, when);
		/* What is there is not read again. */
		bitmap_zero(rf->seen, MAX_SEEN);
		vfs_fadvise(rf->file, calls[i].from, calls[i].len, POSIX_FADV_WILLNEED);
		expect_log(rf, "", when);
		expect_state(rf, 0, 0, 0, when);
	}
	reset_state(rf, 32);
	i_size_write(&rf->fx->inode, 0);
	vfs_fadvise(rf->file, 0, 0, POSIX_FADV_WILLNEED);
	expect_log(rf, "", "an empty file");
}

/* The end of the file. */

static void sync_ra_eof(struct kunit *test)
{
	static const loff_t eofs[] = { 1, 4095, 4096, 4097, 3 * 4096, 4 * 4096, 4 * 4096 + 1,
				       5 * 4096, 31 * 4096, 31 * 4096 + 1, 32 * 4096,
				       32 * 4096 + 1, 100 * 4096 };
	static const unsigned int reqs[] = { 1, 4, 9, 32, 100 };
	static const struct { unsigned int size, async; } sizes[] = {
		{ 4, 3 }, { 8, 4 }, { 32, 23 }, { 32, 16 }, { 32, 16 },
	};
	char *want = new_log(test);
	unsigned int e, r, max_order;

	for (max_order = 0; max_order <= MAX_ORDER; max_order += 9) {
		struct ra_file *rf = open_file(test, 0, max_order, 32);

		for (e = 0; e < ARRAY_SIZE(eofs); e++) {
			unsigned long pages = DIV_ROUND_UP(eofs[e], PAGE_SIZE);

			for (r = 0; r < ARRAY_SIZE(reqs); r++) {
				unsigned int size = sizes[r].size;

				reset_state(rf, 32);
				i_size_write(&rf->fx->inode, eofs[e]);
				/* ->read() does not ask past EOF; a file may shrink, though. */
				sync_ra(rf, 0, reqs[r]);
				/* There is nothing to go on with, so there is no marker. */
				if (pages <= size)
					want_small(want, 0, pages, NO_MARK);
				else
					want_small(want, 0, size, size - sizes[r].async);
				KUNIT_EXPECT_STREQ_MSG(test, rf->log, want,
						       "EOF %lld, read %u, max order %u", eofs[e],
						       reqs[r], max_order);
				/* A random read near the end. */
				if (pages < 5)
					continue;
				forget_reads(rf);
				rf->file->f_ra.prev_pos = 0;
				sync_ra(rf, pages - 2, reqs[r]);
				want_small(want, pages - 2, min(2U, reqs[r]), NO_MARK);
				KUNIT_EXPECT_STREQ_MSG(test, rf->log, want,
						       "from %lu of EOF %lld, read %u, max order %u",
						       pages - 2, eofs[e], reqs[r], max_order);
			}
		}
	}
}

/*
 * Every folio is as large as the window's order, its own alignment and the end of
 * the window and the file allow, never smaller than the mapping's smallest. The
 * marker is on the one that holds the first page of the asynchronous part.
 */
static void check_ra_order(struct ra_file *rf, pgoff_t start, unsigned int size,
			   unsigned int async, unsigned int order, unsigned int min_order,
			   pgoff_t eof, char *want)
{
#if __has_include(<kunit/mm.h>)
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
	order = clamp(order, min_order, (unsigned int)MAX_ORDER);
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
#endif
}

static void ra_order_layout(struct kunit *test)
{
#if __has_include(<kunit/mm.h>)
	unsigned int order = fxt_order(test), i, e, min_order;
	unsigned long nr = 1UL << order;
	const pgoff_t starts[] = { 0, 1, nr / 2, nr - 1, nr, nr + 1, 3 * nr - 1, FAR + nr, 7 };
	const unsigned int sizes[] = { 1, nr, nr + 1, 2 * nr, 3 * nr - 1, 4 * nr, nr / 2 + 1 };
	char *want = new_log(test);

	for (min_order = 0; min_order <= order; min_order += 2) {
		struct ra_file *rf = open_file(test, min_order, MAX_ORDER, 4 * nr);

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
	struct ra_file *rf = open_file(test, order, MAX_ORDER, 32);
	char *want = new_log(test);

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
	unsigned int order = fxt_order(test), large = min(order + 2, (unsigned int)MAX_ORDER);
	unsigned long nr = 1UL << order, nr_large = 1UL << large;
	struct ra_file *rf = open_file(test, order, MAX_ORDER, 32);
	DEFINE_READAHEAD(ractl, rf->file, &rf->file->f_ra, rf_mapping(rf), 0);
	struct notes notes = { .buf = new_log(test) };
	XA_STATE(xas, &rf_mapping(rf)->i_pages, 3 * nr_large + nr / 2);
	unsigned long n = 5 * nr_large;
	pgoff_t i;

	fxt_add_folio(rf->fx, nr, order, 0);
	fxt_add_folio(rf->fx, nr_large * 2, large, 0);
	fxt_add_folio(rf->fx, n - nr, order, 0);
	/* Where a page was evicted its shadow is all that is left. */
	do {
		xas_lock_irq(&xas);
		xas_store(&xas, xa_mk_value(0));
		xas_unlock_irq(&xas);
	} while (xas_nomem(&xas, GFP_KERNEL));
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

static struct folio *rest[8];

static void hold_rest(struct ra_file *rf, struct readahead_control *rac)
{
	pgoff_t index = readahead_index(rac);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rest); i++) {
		rest[i] = filemap_get_folio(rac->mapping, index);
		KUNIT_ASSERT_FALSE_MSG(rf->test, IS_ERR(rest[i]), "folio %u at %lu", i, index);
		index = folio_next_index(rest[i]);
	}
}

static void drain_lru(struct folio *folio)
{
	struct folio_batch fbatch;

	folio_batch_init(&fbatch);
	folio_get(folio);
	folio_batch_add(&fbatch, folio);
	__folio_batch_release(&fbatch);
}

static void readahead_partial(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	unsigned long nr = 1UL << order;
	struct ra_file *rf = open_file(test, order, MAX_ORDER, 8 * nr);

	rf->hook = hold_rest;
	for (rf->limit = 0; rf->limit <= ARRAY_SIZE(rest); rf->limit += 3) {
		DEFINE_READAHEAD(ractl, rf->file, &rf->file->f_ra, rf_mapping(rf), 0);

		forget_reads(rf);
		filemap_invalidate_lock_shared(rf_mapping(rf));
		page_cache_ra_unbounded(&ractl, ARRAY_SIZE(rest) * nr, 0);
		filemap_invalidate_unlock_shared(rf_mapping(rf));
		KUNIT_EXPECT_EQ(test, readahead_count(&ractl), 0);
		KUNIT_EXPECT_EQ(test, rf_mapping(rf)->nrpages, rf->limit * nr);
		fxt_expect_consistent(rf->fx);
		for (i = 0; i < ARRAY_SIZE(rest); i++) {
			KUNIT_ASSERT_EQ(test, folio_order(rest[i]), order);
			KUNIT_EXPECT_FALSE_MSG(test, folio_test_locked(rest[i]),
					       "folio %u, %u taken", i, rf->limit);
			KUNIT_EXPECT_EQ_MSG(test, !rest[i]->mapping, i >= rf->limit,
					    "folio %u, %u taken", i, rf->limit);
			drain_lru(rest[i]);
			KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(rest[i]),
					    1 + (i < rf->limit ? nr : 0),
					    "folio %u, %u taken", i, rf->limit);
			folio_put(rest[i]);
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
	struct ra_file *rf = open_file(test, order, MAX_ORDER, 8 * nr);
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
	drain_lru(folio);
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), 1 + nr);
	folio_put(folio);
}

/* The filesystem asks for more at both ends. */

static struct {
	loff_t start;
	size_t len;
} expansion;

static void expand(struct ra_file *rf, struct readahead_control *rac)
{
	readahead_expand(rac, expansion.start, expansion.len);
	rf->hook = NULL;
}

static void readahead_expand_edges(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	unsigned long nr = 1UL << order;
	struct ra_file *rf = open_file(test, order, MAX_ORDER, 32);
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
		expansion.start = calls[i].from;
		expansion.len = calls[i].to - calls[i].from;
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
	static const size_t pieces[] = { 1024, 4096, 4097, 12288, 65536 };
	static const unsigned int maxes[] = { 4, 32, 512 };
	static const loff_t eofs[] = { 1, 4096 * 100 + 1, 4096 * 600 };
	unsigned int order = fxt_order(test), p, m, e;
	struct ra_file *rf = open_file(test, order > 4 ? 0 : order, order, 32);
	u8 *buf = vmalloc(65536);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_buffer, buf));
	for (e = 0; e < ARRAY_SIZE(eofs); e++) {
		for (p = 0; p < ARRAY_SIZE(pieces); p++) {
			unsigned long nr = order > 4 ? 1 : 1UL << order;
			unsigned long pages = round_up(DIV_ROUND_UP(eofs[e], PAGE_SIZE), nr);

			m = (p + e) % ARRAY_SIZE(maxes);
			/* Each byte of a long file need not be read a kilobyte at a time. */
			if (eofs[e] / pieces[p] > 200)
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

/* A folio that readahead could not read is read once more, by who needs it. */
static void readahead_failed(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	struct ra_file *rf = open_file(test, order, MAX_ORDER, 4 * nr);
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

/* Faults. */

static void set_vm_flags(struct ra_file *rf, vm_flags_t flags)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;

	mmap_write_lock(mm);
	vma = find_vma(mm, USER_ADDR);
	if (vma)
		vm_flags_set(vma, flags);
	mmap_write_unlock(mm);
	KUNIT_ASSERT_NOT_NULL(rf->test, vma);
}

/* Maps @nr pages from @index anew, with @flags, and touches page @at of the file. */
static void fault_at(struct ra_file *rf, pgoff_t index, unsigned long nr, vm_flags_t flags,
		     pgoff_t at)
{
	u8 byte, __user *user = (u8 __user *)USER_ADDR + ((at - index) << PAGE_SHIFT);

	fxt_mmap(rf->fx, USER_ADDR, index, nr, PROT_READ, MAP_SHARED);
	if (flags)
		set_vm_flags(rf, flags);
	KUNIT_EXPECT_EQ_MSG(rf->test, 0, get_user(byte, user), "page %lu", at);
	fxt_expect_buffer(rf->fx, &byte, FXT_POS(at), 1);
	KUNIT_ASSERT_EQ(rf->test, 0, vm_munmap(USER_ADDR, nr << PAGE_SHIFT));
}

/* Half of the window lies before the fault; the last quarter is asynchronous. */
static void mmap_read_around(struct kunit *test)
{
	static const struct { unsigned int max; pgoff_t at, start; unsigned int size; } faults[] = {
		{ 32, 0, 0, 32 }, { 32, 15, 0, 32 }, { 32, 16, 0, 32 }, { 32, 17, 1, 32 },
		{ 32, 100, 84, 32 }, { 32, 1000, 984, 32 }, { 64, 100, 68, 64 }, { 8, 5, 1, 8 },
		{ 32, 1993, 1977, 23 }, { 32, 1999, 1983, 17 }, { 32, 1984, 1968, 32 },
	};
	struct ra_file *rf = open_file(test, 0, MAX_ORDER, 32);
	char *want = new_log(test);
	unsigned int i;

	fxt_switch_mm(fxt_new_mm(test));
	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		unsigned int max = faults[i].max, nr = faults[i].size;
		char when[16];

		snprintf(when, sizeof(when), "fault %u", i);
		reset_state(rf, max);
		set_pages(rf, 2000);
		fault_at(rf, 0, 2000, 0, faults[i].at);
		expect_state(rf, faults[i].start, max, max / 4, when);
		want_small(want, faults[i].start, nr, faults[i].start + max >= 2000 ? NO_MARK :
			   faults[i].start + max - max / 4);
		expect_log(rf, want, when);
		KUNIT_EXPECT_EQ_MSG(test, rf->file->f_ra.mmap_miss, 1, "%s", when);
		KUNIT_EXPECT_EQ_MSG(test, rf->nr_read_folio, 0, "%s", when);
	}
	fxt_switch_mm(NULL);
}

/* A fault on the marked folio goes on behind the window. */
static void mmap_async(struct kunit *test)
{
	struct ra_file *rf = open_file(test, 0, 0, 32);

	fxt_switch_mm(fxt_new_mm(test));
	set_pages(rf, 2000);
	fault_at(rf, 0, 2000, 0, 100);
	expect_log(rf, "[84/0x24 108/0* 109/0x7]", "around 100");
	rf->file->f_ra.mmap_miss = 50;
	fault_at(rf, 108, 1, 0, 108);
	expect_state(rf, 116, 32, 32, "at the marker");
	expect_log(rf, "[116/0* 117/0x31]", "at the marker");
	KUNIT_EXPECT_LT(test, rf->file->f_ra.mmap_miss, 50);
	/* One that is there and not marked is a hit. */
	rf->file->f_ra.mmap_miss = 50;
	fault_at(rf, 90, 1, 0, 90);
	KUNIT_EXPECT_EQ(test, rf->file->f_ra.mmap_miss, 49);
	expect_log(rf, "", "a hit");
	fault_at(rf, 116, 1, VM_RAND_READ, 116);
	expect_log(rf, "", "at the marker, random");
	fxt_switch_mm(NULL);
}

static void mmap_advice(struct kunit *test)
{
	struct ra_file *rf = open_file(test, 0, MAX_ORDER, 32);

	fxt_switch_mm(fxt_new_mm(test));
	set_pages(rf, 4000);
	/* Random: the page, and no more. */
	fault_at(rf, 0, 2000, VM_RAND_READ, 100);
	expect_log(rf, "", "random");
	expect_state(rf, 0, 0, 0, "random");
	KUNIT_EXPECT_EQ(test, rf->nr_read_folio, 1);
	KUNIT_EXPECT_EQ(test, rf_mapping(rf)->nrpages, 1);
	/* Sequential: as a read of a whole window. */
	reset_state(rf, 32);
	fault_at(rf, 0, 2000, VM_SEQ_READ, 0);
	expect_log(rf, "[0/0x16 16/0* 17/0x15]", "sequential");
	expect_state(rf, 0, 32, 16, "sequential");
	KUNIT_EXPECT_EQ(test, rf->file->f_ra.mmap_miss, 0);
	reset_state(rf, 0);
	fault_at(rf, 0, 2000, 0, 100);
	expect_log(rf, "", "no readahead");
	KUNIT_EXPECT_EQ(test, rf_mapping(rf)->nrpages, 1);
#if COMPAT_HAS_RA_ORDER
	/* Code: not before nor behind the mapping, and nothing asynchronous. */
	reset_state(rf, 32);
	fault_at(rf, 1000, 500, VM_EXEC, 1000);
	expect_log(rf, "[1000/0x32]", "code");
	expect_state(rf, 1000, 32, 0, "code");
	reset_state(rf, 32);
	fault_at(rf, 1000, 20, VM_EXEC, 1007);
	expect_log(rf, "[1007/0x13]", "code, to the end");
	expect_state(rf, 1007, 13, 0, "code, to the end");
	KUNIT_EXPECT_EQ(test, rf->file->f_ra.mmap_miss, 0);
#endif
	if (!MAX_ORDER)
		kunit_skip(test, "needs CONFIG_TRANSPARENT_HUGEPAGE");
	/* Huge pages: two, if the file has them, and the second is marked; even without a window. */
	reset_state(rf, 32);
	fault_at(rf, 0, 2000, VM_HUGEPAGE, 700);
	expect_log(rf, "[512/9 1024/9*]", "huge");
	reset_state(rf, 0);
	fault_at(rf, 0, 2000, VM_HUGEPAGE | VM_RAND_READ, 1535);
	expect_log(rf, COMPAT_HAS_RA_ORDER ? "[1024/9*]" : "[1024/9]", "huge, random");
	fxt_switch_mm(NULL);
}

/* After many misses a file is not read ahead; hits bring it back. */
static void mmap_miss_stops(struct kunit *test)
{
	struct ra_file *rf = open_file(test, 0, MAX_ORDER, 32);
	unsigned int i;

	fxt_switch_mm(fxt_new_mm(test));
	set_pages(rf, 8000);
	rf->file->f_ra.mmap_miss = 98;
	for (i = 0; i < 4; i++) {
		unsigned int miss = rf->file->f_ra.mmap_miss;

		forget_reads(rf);
		fault_at(rf, 0, 8000, 0, 1000 * i + 500);
		KUNIT_EXPECT_EQ_MSG(test, rf->nr_calls, i < 2, "miss %u", miss);
		KUNIT_EXPECT_EQ_MSG(test, rf->nr_read_folio, i >= 2, "miss %u", miss);
		KUNIT_EXPECT_EQ_MSG(test, rf->file->f_ra.mmap_miss, miss + 1, "fault %u", i);
	}
	rf->file->f_ra.mmap_miss = 1000;
	fault_at(rf, 0, 8000, 0, 6000);
	KUNIT_EXPECT_EQ(test, rf->file->f_ra.mmap_miss, 1000);
	fxt_switch_mm(NULL);
}

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

static struct kunit_case readahead_cases[] = {
	KUNIT_CASE(sync_ra_first_window),
	KUNIT_CASE(sync_ra_random),
	KUNIT_CASE(sync_ra_history),
	KUNIT_CASE(sync_ra_io_pages),
	KUNIT_CASE(sync_ra_switched_off),
	KUNIT_CASE(sync_ra_eof),
	KUNIT_CASE(async_ra_ramp_small),
	KUNIT_CASE(async_ra_ramp_large),
	KUNIT_CASE(async_ra_interleaved),
	KUNIT_CASE_PARAM(async_ra_marked_folio, order_gen_params),
	KUNIT_CASE_PARAM(async_ra_refused, order_gen_params),
	KUNIT_CASE(fadvise_sets_window),
	KUNIT_CASE(fadvise_willneed_range),
	KUNIT_CASE_PARAM(ra_order_layout, order_gen_params),
	KUNIT_CASE_PARAM(ra_unbounded_layout, order_gen_params),
	KUNIT_CASE_PARAM(ra_unbounded_cached, order_gen_params),
	KUNIT_CASE_PARAM(readahead_partial, order_gen_params),
	KUNIT_CASE_PARAM(readahead_by_read_folio, order_gen_params),
	KUNIT_CASE_PARAM(readahead_expand_edges, order_gen_params),
	KUNIT_CASE_PARAM(read_stream_once, order_gen_params),
	KUNIT_CASE_PARAM(readahead_failed, order_gen_params),
	KUNIT_CASE(mmap_read_around),
	KUNIT_CASE(mmap_async),
	KUNIT_CASE(mmap_advice),
	KUNIT_CASE(mmap_miss_stops),
	{}
};

/* So that drain_lru() drains where the case's folios wait. */
static int readahead_init(struct kunit *test)
{
	return set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
}

static struct kunit_suite readahead_suite = {
	.name = "mm_readahead",
	.init = readahead_init,
	.test_cases = readahead_cases,
};

kunit_test_suite(readahead_suite);

MODULE_DESCRIPTION("KUnit suite of readahead");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
