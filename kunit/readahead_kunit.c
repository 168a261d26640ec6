// SPDX-License-Identifier: GPL-2.0
/*
 * mm_readahead: how much is read before anybody asked for it, and from where: the
 * windows that reads, advice and faults open and move, and what is left of the state
 * of the file. readahead_fill_kunit.c has the folios that fill them.
 */
#include <linux/fadvise.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "readahead_model.h"

#define USER_ADDR	0x10000000UL
/* Of a mapping whose first windows hold folios of order 0: older kernels begin with order 2. */
#define FIRST_SMALL	(COMPAT_HAS_RA_ORDER ? FXT_MAX_ORDER : 0)

/* Where the policy itself was another. */
static void need_ra_order(struct kunit *test)
{
	if (!COMPAT_HAS_RA_ORDER)
		kunit_skip(test, "this kernel's readahead state has no order");
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

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

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

	for (max_order = 0; max_order <= FIRST_SMALL; max_order += FIRST_SMALL ?: 1) {
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
			rf->file->f_ra.prev_pos = FXT_POS(1000) + (i & 1 ? 0 : PAGE_SIZE - 1);
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
	struct ra_file *rf = open_file(test, 0, FXT_MAX_ORDER, 32);
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
	struct ra_file *rf = open_file(test, 0, FXT_MAX_ORDER, 32);
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

/* So does a large folio there, of which each page counts. */
static void sync_ra_history_large(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct ra_file *rf = open_file(test, 0, FXT_MAX_ORDER, 32);
	const pgoff_t from = 1024, index = from + (1UL << order);
	const unsigned int size = min(1U << order, 32U) + 1;

	fxt_need_fix(test, "mm/filemap: look for gaps from inside of a large folio");
	reset_state(rf, 32);
	fxt_add_folio(rf->fx, from, order, 0);
	rf->file->f_ra.prev_pos = FXT_POS(5000);
	sync_ra(rf, index, 1);
	if (order)
		expect_state(rf, index, min(size, 32U), 1, "after a stream");
	else
		expect_state(rf, 0, 0, 0, "after a page");
}

/* Readers that ask for more than the window get what the device likes best. */
static void sync_ra_io_pages(struct kunit *test)
{
	static const struct { unsigned int max, io, req, size; } reads[] = {
		{ 32, 64, 33, 33 }, { 32, 64, 64, 64 }, { 32, 64, 65, 64 }, { 32, 64, 1000, 64 },
		{ 32, 16, 64, 32 }, { 32, 64, 32, 32 }, { 32, 256, 100, 100 },
	};
	struct ra_file *rf = open_file(test, 0, FXT_MAX_ORDER, 32);
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
	/* So it is when a stream goes on. */
	for (i = 0; i < 2; i++) {
		unsigned int req = i ? 64 : 32;

		reset_state(rf, 32);
		rf->bdi->io_pages = 128;
		folio_set_readahead(fxt_add_folio(rf->fx, 16, 0, 0));
		rf->file->f_ra.size = 32;
		rf->file->f_ra.async_size = 16;
		async_ra(rf, 16, req);
		expect_state(rf, 32, req, req, "goes on");
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
	struct ra_file *rf = open_file(test, 0, FXT_MAX_ORDER, 512);
	/* Where no folio is as large as the last two, these are not reached. */
	const unsigned int nr = ARRAY_SIZE(windows) - (FXT_MAX_ORDER < 9 ? 2 : 0);
	const struct window *last = &windows[nr - 1];
	char *want = new_log(test);
	unsigned int i, len = 0;

	fxt_need_large_folios(test);
	check_stream(rf, windows, nr);
	fxt_expect_stamped(rf->fx, 0, FXT_POS(last->start + last->size));
	fxt_expect_consistent(rf->fx);
	/* So it is for one who reads a byte of each page. */
	reset_state(rf, 512);
	for (i = 0; i < nr; i++)
		len += scnprintf(want + len, LOG_SIZE - len, "%s", windows[i].log);
	for (i = 0; i < last->start; i++) {
		loff_t pos = FXT_POS(i) + i % PAGE_SIZE;
		u8 byte;

		KUNIT_ASSERT_EQ_MSG(test, 1, kernel_read(rf->file, &byte, 1, &pos), "page %u", i);
		fxt_expect_buffer(rf->fx, &byte, pos - 1, 1);
	}
	expect_log(rf, want, "a byte of each page");
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
	struct folio *marked;

	need_ra_order(test);
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
	marked = fxt_add_folio(rf->fx, 1, 0, 0);
	for (pgoff_t i = 2; i < 40; i++)
		fxt_add_folio(rf->fx, i, 0, 0);
	async_ra(rf, 1, 1);
	expect_log(rf, "", "with the window full");
	expect_state(rf, 5000, 32, 8, "with the window full");
	/* Of just a window there is an end to be found. */
	truncate_inode_pages(rf_mapping(rf), FXT_POS(33));
	folio_set_readahead(marked);
	compat_set_ra_order(ra, 0);
	async_ra(rf, 1, 1);
	expect_state(rf, 33, 31, 31, "with a window cached");
	expect_log(rf, "[33/0* 34/0x30]", "with a window cached");
}

/* Of a folio that a read needs the whole counts as asked for. */
static void read_asks_for_folios(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	struct ra_file *rf = open_file(test, order, FXT_MAX_ORDER, 8 * nr);
	char *want = new_log(test);
	loff_t pos = 0;
	u8 byte;

	need_ra_order(test);
	KUNIT_EXPECT_EQ(test, 1, kernel_read(rf->file, &byte, 1, &pos));
	expect_state(rf, 0, order ? 2 * nr : 2, order ? nr : 1, "a byte");
	snprintf(want, LOG_SIZE, "[0/%u %lu/%u*]", order, nr, order);
	expect_log(rf, want, "a byte");
	KUNIT_EXPECT_EQ(test, rf->nr_read_folio, 0);
	/* What follows is as large, or larger. */
	pos = FXT_POS(2 * nr) - 1;
	KUNIT_EXPECT_EQ(test, 1, kernel_read(rf->file, &byte, 1, &pos));
	KUNIT_EXPECT_EQ(test, rf->file->f_ra.start, 2 * nr);
	KUNIT_EXPECT_EQ(test, rf->nr_read_folio, 0);
	fxt_expect_consistent(rf->fx);
}

/* Whoever hits any page of the marked folio goes on with the stream. */
static void async_ra_marked_folio(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	unsigned long nr = 1UL << order;
	struct ra_file *rf = open_file(test, 0, FXT_MAX_ORDER, 4 * nr);
	struct file_ra_state *ra = &rf->file->f_ra;
	struct folio *folio;

	set_pages(rf, FAR + 100 * nr);
	for (i = 0; i < nr; i += 1 + nr / 7) {
		pgoff_t base = i ? FAR : 0;

		reset_state(rf, 4 * nr);
		folio = fxt_add_folio(rf->fx, base + 2 * nr, order, 0);
		KUNIT_ASSERT_EQ(test, folio_order(folio), order);
		folio_set_readahead(folio);
		/* The marker was to be within the folio: it is at its start. */
		ra->start = base + nr;
		ra->size = 2 * nr;
		ra->async_size = nr - i;
		async_ra(rf, base + 2 * nr + i, 1);
		KUNIT_EXPECT_EQ_MSG(test, ra->start, base + 3 * nr, "page %u", i);
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
	struct ra_file *rf = open_file(test, 0, FXT_MAX_ORDER, 32);
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
	struct ra_file *rf = open_file(test, 0, FXT_MAX_ORDER, 32);
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
	struct ra_file *rf = open_file(test, 0, FIRST_SMALL, 32);
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

/* What a long read is cut to: 2 MiB at a time. */
static void want_chunks(char *buf, pgoff_t first, unsigned long nr)
{
	unsigned long chunk = SZ_2M / PAGE_SIZE;

	for (buf[0] = '\0'; nr; first += chunk, nr -= chunk) {
		chunk = min(chunk, nr);
		want_small(buf, first, chunk, NO_MARK);
		buf += strlen(buf);
	}
}

/* Every page that the range touches, a window of them at most, 2 MiB at a time. */
static void fadvise_willneed_range(struct kunit *test)
{
	static const struct {
		loff_t from, len;
		unsigned int max, io;
		pgoff_t first;
		unsigned long nr;
	} calls[] = {
		{ 0, 1, 32, 0, 0, 1 },
		{ PAGE_SIZE - 1, 2, 32, 0, 0, 2 },
		{ PAGE_SIZE, PAGE_SIZE, 32, 0, 1, 1 },
		{ PAGE_SIZE + 1, PAGE_SIZE, 32, 0, 1, 2 },
		{ PAGE_SIZE * 10, PAGE_SIZE * 10, 32, 0, 10, 10 },
		{ 0, 0, 32, 0, 0, 32 },
		{ 0, PAGE_SIZE * 100, 32, 0, 0, 32 },
		{ 0, PAGE_SIZE * 100, 32, 50, 0, 50 },
		{ PAGE_SIZE * 2999, PAGE_SIZE * 2, 32, 0, 2999, 1 },
		{ PAGE_SIZE * 3000, PAGE_SIZE * 2, 32, 0, 3000, 0 },
		{ PAGE_SIZE * 2990, 0, 32, 0, 2990, 10 },
		{ PAGE_SIZE * 2990, PAGE_SIZE * 9, 32, 0, 2990, 9 },
		{ PAGE_SIZE * 2990, PAGE_SIZE * 10, 32, 0, 2990, 10 },
		{ PAGE_SIZE * 2990, PAGE_SIZE * 11, 32, 0, 2990, 10 },
		{ 0, PAGE_SIZE * 1200, 2000, 0, 0, 1200 },
		{ PAGE_SIZE * 1900, 0, 2000, 0, 1900, 1100 },
	};
	struct ra_file *rf = open_file(test, 0, FXT_MAX_ORDER, 32);
	char *want = new_log(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		char when[16];

		snprintf(when, sizeof(when), "call %u", i);
		reset_state(rf, calls[i].max);
		rf->bdi->io_pages = calls[i].io;
		set_pages(rf, 3000);
		KUNIT_EXPECT_EQ_MSG(test, 0, vfs_fadvise(rf->file, calls[i].from, calls[i].len,
							 POSIX_FADV_WILLNEED), "%s", when);
		want_chunks(want, calls[i].first, calls[i].nr);
		expect_log(rf, want, when);
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
	/* The empty file only where that is fixed. */
	static const loff_t eofs[] = {
		0, 1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 3 * PAGE_SIZE, 4 * PAGE_SIZE,
		4 * PAGE_SIZE + 1, 5 * PAGE_SIZE, 31 * PAGE_SIZE, 31 * PAGE_SIZE + 1,
		32 * PAGE_SIZE, 32 * PAGE_SIZE + 1, 100 * PAGE_SIZE,
	};
	static const unsigned int reqs[] = { 1, 4, 9, 32, 100 };
	static const struct { unsigned int size, async; } sizes[] = {
		{ 4, 3 }, { 8, 4 }, { 32, 23 }, { 32, 16 }, { 32, 16 },
	};
	char *want = new_log(test);
	unsigned int e, r, max_order;

	need_ra_order(test);
	for (max_order = 0; max_order <= FIRST_SMALL; max_order += FIRST_SMALL ?: 1) {
		struct ra_file *rf = open_file(test, 0, max_order, 32);

		for (e = !FXT_FIXED; e < ARRAY_SIZE(eofs); e++) {
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

/* Faults. */

static void change_vm_flags(struct ra_file *rf, vm_flags_t flags, bool set)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;

	mmap_write_lock(mm);
	vma = find_vma(mm, USER_ADDR);
	if (vma)
		vm_flags_mod(vma, set ? flags : 0, set ? 0 : flags);
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
		change_vm_flags(rf, flags, true);
	KUNIT_EXPECT_EQ_MSG(rf->test, 0, get_user(byte, user), "page %lu", at);
	fxt_expect_buffer(rf->fx, &byte, FXT_POS(at), 1);
	/* The mm counts VMAs of a kind by their flags, and did not count this one so. */
	if (flags)
		change_vm_flags(rf, flags, false);
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
	struct ra_file *rf = open_file(test, 0, FXT_MAX_ORDER, 32);
	/* Unfixed, 32 bits take an index from 2^31 on for one before the file. */
	const pgoff_t far = IS_ENABLED(CONFIG_64BIT) || FXT_FIXED ? FAR : FAR / 2;
	char *want = new_log(test);
	unsigned int i;

	need_ra_order(test);
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
	reset_state(rf, 32);
	set_pages(rf, far + 2000);
	fault_at(rf, far, 100, 0, far + 50);
	expect_state(rf, far + 34, 32, 8, "far");
	want_small(want, far + 34, 32, far + 58);
	expect_log(rf, want, "far");
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
	struct ra_file *rf = open_file(test, 0, FIRST_SMALL, 32);
	/* Two MiB, if the file has folios of that size. */
	const unsigned int huge = min(FIRST_SMALL, get_order(SZ_2M));
	const unsigned long nr = 1UL << huge;
	char *want = new_log(test);
#if COMPAT_HAS_RA_ORDER
	/* Some architectures want code in larger folios. */
	const unsigned int code = min_t(unsigned int, FIRST_SMALL, exec_folio_order());
#endif

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
	fault_at(rf, 1024, 500, VM_EXEC, 1024);
	snprintf(want, LOG_SIZE, "[1024/%ux%u]", code, 32 >> code);
	expect_log(rf, want, "code");
	expect_state(rf, 1024, 32, 0, "code");
	reset_state(rf, 64);
	fault_at(rf, 1024, 48, VM_EXEC, 1040);
	snprintf(want, LOG_SIZE, "[1040/%ux%u]", code, 32 >> code);
	expect_log(rf, want, "code, to the end");
	expect_state(rf, 1040, 32, 0, "code, to the end");
	KUNIT_EXPECT_EQ(test, rf->file->f_ra.mmap_miss, 0);
#endif
	fxt_need_large_folios(test);
	need_ra_order(test);
	/* Huge pages: two, if the file has them, the second marked; even without a window. */
	reset_state(rf, 32);
	fault_at(rf, 0, 2000, VM_HUGEPAGE, nr + nr / 3);
	snprintf(want, LOG_SIZE, "[%lu/%u %lu/%u*]", nr, huge, 2 * nr, huge);
	expect_log(rf, want, "huge");
	reset_state(rf, 0);
	fault_at(rf, 0, 2000, VM_HUGEPAGE | VM_RAND_READ, 3 * nr - 1);
	snprintf(want, LOG_SIZE, "[%lu/%u*]", 2 * nr, huge);
	expect_log(rf, want, "huge, random");
	/* From one folio to the next it goes on, though that is more than a window. */
	reset_state(rf, 32);
	fault_at(rf, 0, 2000, VM_HUGEPAGE, 0);
	snprintf(want, LOG_SIZE, "[0/%u %lu/%u*]", huge, nr, huge);
	expect_log(rf, want, "huge, from the start");
	fault_at(rf, 0, 2000, VM_HUGEPAGE, nr);
	snprintf(want, LOG_SIZE, "[%lu/%u* %lu/%u]", 2 * nr, huge, 3 * nr, huge);
	expect_log(rf, want, "huge, goes on");
	expect_state(rf, 2 * nr, 2 * nr, 2 * nr, "huge, goes on");
	/* Wherever it began, and wherever in the marked folio the fault is. */
	if (FXT_FIXED) {
		reset_state(rf, 32);
		fault_at(rf, 0, 4000, VM_HUGEPAGE, 3 * nr - 1);
		snprintf(want, LOG_SIZE, "[%lu/%u %lu/%u*]", 2 * nr, huge, 3 * nr, huge);
		expect_log(rf, want, "huge, from inside");
		fault_at(rf, 0, 4000, VM_HUGEPAGE, 3 * nr + nr / 3);
		snprintf(want, LOG_SIZE, "[%lu/%u* %lu/%u]", 4 * nr, huge, 5 * nr, huge);
		expect_log(rf, want, "huge, goes on from inside");
		expect_state(rf, 4 * nr, 2 * nr, 2 * nr, "huge, goes on from inside");
	}
	/* Not if nobody comes back to what was read. */
	reset_state(rf, 32);
	rf->file->f_ra.mmap_miss = 101;
	fault_at(rf, 0, 2000, VM_HUGEPAGE, 0);
	expect_log(rf, "", "huge, after many misses");
	KUNIT_EXPECT_EQ(test, rf_mapping(rf)->nrpages, 1);
	fxt_switch_mm(NULL);
}

/* Files whose largest folio is smaller than 2 MiB get two of these. */
static void mmap_huge_of_any_order(struct kunit *test)
{
#if COMPAT_HAS_RA_ORDER
	unsigned int order = fxt_order(test);
	unsigned int huge = min_t(unsigned int, order, get_order(SZ_2M));
	unsigned long nr = 1UL << huge;
	struct ra_file *rf = open_file(test, 0, order, 32);
	char *want = new_log(test);

	fxt_switch_mm(fxt_new_mm(test));
	set_pages(rf, 5000);
	fault_at(rf, 1, 4000, VM_HUGEPAGE, 6 * nr - 1);
	if (order)
		snprintf(want, LOG_SIZE, "[%lu/%u %lu/%u*]", 5 * nr, huge, 6 * nr, huge);
	else
		want_small(want, 0, 32, 24);
	expect_log(rf, want, "huge");
	KUNIT_EXPECT_EQ(test, rf->nr_read_folio, 0);
	fxt_expect_consistent(rf->fx);
	fxt_switch_mm(NULL);
#else
	kunit_skip(test, "huge pages of a file have the size of a PMD in this kernel");
#endif
}

/* After many misses a file is not read ahead; hits bring it back. */
static void mmap_miss_stops(struct kunit *test)
{
	struct ra_file *rf = open_file(test, 0, FXT_MAX_ORDER, 32);
	unsigned int i;

	need_ra_order(test);
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

static struct kunit_case readahead_cases[] = {
	KUNIT_CASE(sync_ra_first_window),
	KUNIT_CASE(sync_ra_random),
	KUNIT_CASE(sync_ra_history),
	KUNIT_CASE_PARAM(sync_ra_history_large, order_gen_params),
	KUNIT_CASE(sync_ra_io_pages),
	KUNIT_CASE(sync_ra_switched_off),
	KUNIT_CASE(sync_ra_eof),
	KUNIT_CASE(async_ra_ramp_small),
	KUNIT_CASE(async_ra_ramp_large),
	KUNIT_CASE(async_ra_interleaved),
	KUNIT_CASE_PARAM(read_asks_for_folios, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(async_ra_marked_folio, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(async_ra_refused, order_gen_params),
	KUNIT_CASE(fadvise_sets_window),
	KUNIT_CASE(fadvise_willneed_range),
	KUNIT_CASE(mmap_read_around),
	KUNIT_CASE(mmap_async),
	KUNIT_CASE(mmap_advice),
	KUNIT_CASE_PARAM(mmap_huge_of_any_order, order_gen_params),
	KUNIT_CASE(mmap_miss_stops),
	{}
};

static struct kunit_suite readahead_suite = {
	.name = "mm_readahead",
	.init = fxt_stay_on_cpu,
	.test_cases = readahead_cases,
};

kunit_test_suite(readahead_suite);

MODULE_DESCRIPTION("KUnit suite of the windows of readahead");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_LICENSE("GPL");
