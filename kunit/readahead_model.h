/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites of readahead share: a file on a superblock with a backing device
 * and a ->readahead() that writes down what it is handed, one pair of brackets a
 * call: index and order of each folio as 8/2, a star if it bears the readahead
 * marker, and how many of them follow one another, as in "[4/2* 8/2x3]".
 */
#ifndef FOLIO_KUNIT_READAHEAD_MODEL_H
#define FOLIO_KUNIT_READAHEAD_MODEL_H

#include <linux/backing-dev.h>
#include <linux/highmem.h>
#include <linux/slab.h>

#include "fixture.h"
#include "../module/compat.h"

#define FAR		FXT_FAR
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
 * @blank: nobody looks at the bytes, so they need not be stamped
 * @hook: called first by ->readahead()
 * @expand_start: to where @hook expands the window
 * @expand_len: likewise
 * @rest: what @hook holds of the window
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
	bool blank;
	void (*hook)(struct ra_file *rf, struct readahead_control *rac);
	loff_t expand_start;
	size_t expand_len;
	struct folio *rest[8];
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
		if (!rf->fail && !rf->blank)
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
	struct folio *folio;
	pgoff_t at;

	/* One that was never handed out would not let itself be truncated. */
	xa_for_each(&rf_mapping(rf)->i_pages, at, folio) {
		if (xa_is_value(folio) || !folio_test_locked(folio))
			continue;
		KUNIT_FAIL(rf->test, "order %u at %lu was left locked", folio_order(folio), at);
		folio_unlock(folio);
	}
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

static void close_file(void *data)
{
	forget_reads(data);
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
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, close_file, rf));
	KUNIT_EXPECT_EQ(test, rf->file->f_ra.ra_pages, max);
	KUNIT_EXPECT_EQ(test, rf->file->f_ra.prev_pos, -1);
	return rf;
}

static void set_pages(struct ra_file *rf, pgoff_t nr)
{
	i_size_write(&rf->fx->inode, FXT_POS(nr));
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

static char *new_log(struct kunit *test)
{
	char *buf = kunit_kzalloc(test, LOG_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	return buf;
}

#define NO_MARK		ULONG_MAX

/* A read of @req pages that misses at @index. */
static void sync_ra(struct ra_file *rf, pgoff_t index, unsigned long req)
{
	page_cache_sync_readahead(rf_mapping(rf), &rf->file->f_ra, rf->file, index, req);
}

#endif /* FOLIO_KUNIT_READAHEAD_MODEL_H */
