/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites of writeback share: a file on a superblock with a backing
 * device that accounts dirty pages, a ->writepages() that is a loop of
 * writeback_iter() and records what it is given, the statistics, and somebody
 * who waits.
 */
#ifndef FOLIO_KUNIT_WRITEBACK_MODEL_H
#define FOLIO_KUNIT_WRITEBACK_MODEL_H

#include <linux/backing-dev.h>
#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <linux/writeback.h>

#include "fixture.h"
#include "../module/compat.h"

/* All that counts dirty pages or pages under writeback, in pages. */
enum wb_count {
	FILE_DIRTY, WRITEBACK, DIRTIED, WRITTEN, ZONE_PENDING,
	DEV_RECLAIMABLE, DEV_WRITEBACK, DEV_DIRTIED, DEV_WRITTEN,
	TASK_DIRTIED, DEV_INODES, NR_COUNTS
};

static const char * const count_names[] = {
	"NR_FILE_DIRTY", "NR_WRITEBACK", "NR_DIRTIED", "NR_WRITTEN", "NR_ZONE_WRITE_PENDING",
	"WB_RECLAIMABLE", "WB_WRITEBACK", "WB_DIRTIED", "WB_WRITTEN",
	"current->nr_dirtied", "writeback_inodes",
};

/* What ->writepages() makes of a folio that it does not fail. */
enum wb_action {
	DO_WRITE,		/* start writeback, and end it at once */
	DO_HOLD,		/* start writeback; the case ends it */
	DO_REDIRTY,	/* put it off */
};

#define MAX_WRITTEN	1024

/**
 * struct wb_file - the file of a case, and what was asked of it
 * @fx: the fixture
 * @test: the case
 * @bdi: the device
 * @base: the statistics when the case began
 * @action: what to do with each folio
 * @error: what to do instead where it is not 0, for the folios at @error_at
 * @error_at: indexes of two folios that fail with the error of the same number
 * @keep: a folio that fails is redirtied
 * @call_error: what the next call of ->writepages() returns at once
 * @hook: called with each folio, locked, before @action
 * @folios: what @hook may want to change
 * @mode: of the last call of ->writepages()
 * @start: likewise
 * @end: likewise
 * @budget: likewise
 * @nr_calls: how often ->writepages() was called
 * @nr_written: how many entries of @written are filled
 * @written: where the folios were that it was given, in this order
 */
struct wb_file {
	struct folio_fixture *fx;
	struct kunit *test;
	struct backing_dev_info *bdi;
	long base[NR_COUNTS];
	enum wb_action action;
	int error[2];
	pgoff_t error_at[2];
	bool keep;
	int call_error;
	void (*hook)(struct wb_file *wf, struct folio *folio);
	struct folio **folios;
	enum writeback_sync_modes mode;
	loff_t start;
	loff_t end;
	long budget;
	unsigned int nr_calls;
	unsigned int nr_written;
	struct fxt_range written[MAX_WRITTEN];
};

static struct address_space *wf_mapping(struct wb_file *wf)
{
	return fxt_mapping(wf->fx);
}

static void read_counts(struct wb_file *wf, long *v)
{
	struct bdi_writeback *wb = &wf->bdi->wb;

	v[FILE_DIRTY] = fxt_node_stat(NR_FILE_DIRTY);
	v[WRITEBACK] = fxt_node_stat(NR_WRITEBACK);
	v[DIRTIED] = fxt_node_stat(NR_DIRTIED);
	v[WRITTEN] = fxt_node_stat(NR_WRITTEN);
	v[ZONE_PENDING] = fxt_zone_stat(NR_ZONE_WRITE_PENDING);
	v[DEV_RECLAIMABLE] = percpu_counter_sum(&wb->stat[WB_RECLAIMABLE]);
	v[DEV_WRITEBACK] = percpu_counter_sum(&wb->stat[WB_WRITEBACK]);
	v[DEV_DIRTIED] = percpu_counter_sum(&wb->stat[WB_DIRTIED]);
	v[DEV_WRITTEN] = percpu_counter_sum(&wb->stat[WB_WRITTEN]);
	v[TASK_DIRTIED] = current->nr_dirtied;
	v[DEV_INODES] = atomic_read(&wb->writeback_inodes);
}

/* Expects that the statistics have changed so since the case began, in pages. */
static void expect_counts(struct wb_file *wf, const char *when, long dirty, long writeback,
			  long dirtied, long written)
{
	const long want[NR_COUNTS] = {
		[FILE_DIRTY] = dirty, [DEV_RECLAIMABLE] = dirty,
		[WRITEBACK] = writeback, [DEV_WRITEBACK] = writeback,
		[ZONE_PENDING] = dirty + writeback,
		[DIRTIED] = dirtied, [DEV_DIRTIED] = dirtied, [TASK_DIRTIED] = dirtied,
		[WRITTEN] = written, [DEV_WRITTEN] = written,
		[DEV_INODES] = !!writeback,
	};
	long now[NR_COUNTS];
	unsigned int i;

	read_counts(wf, now);
	for (i = 0; i < NR_COUNTS; i++) {
		/* A fault that dirties pages may end the account and begin another. */
		if (i == TASK_DIRTIED && current->mm)
			continue;
		KUNIT_EXPECT_EQ_MSG(wf->test, now[i] - wf->base[i], want[i], "%s %s",
				    count_names[i], when);
	}
	KUNIT_EXPECT_EQ_MSG(wf->test, list_empty(&wf->fx->inode.i_wb_list), !writeback,
			    "list of inodes under writeback %s", when);
}

/* Expects that marks and statistics agree with the flags of the folios in the cache. */
static void expect_agreed(struct wb_file *wf, const char *when)
{
	long dirty = 0, writeback = 0, now[NR_COUNTS];
	struct address_space *mapping = wf_mapping(wf);
	struct xarray *pages = &mapping->i_pages;
	struct folio *folio;
	pgoff_t at;

	xa_for_each(pages, at, folio) {
		pgoff_t last;

		if (xa_is_value(folio))
			continue;
		last = folio_next_index(folio) - 1;
		if (folio_test_dirty(folio)) {
			dirty += folio_nr_pages(folio);
			KUNIT_EXPECT_TRUE_MSG(wf->test,
					      xa_get_mark(pages, at, PAGECACHE_TAG_DIRTY) &&
					      xa_get_mark(pages, last, PAGECACHE_TAG_DIRTY),
					      "dirty order %u at %lu %s", folio_order(folio),
					      at, when);
		}
		if (folio_test_writeback(folio))
			writeback += folio_nr_pages(folio);
		KUNIT_EXPECT_EQ_MSG(wf->test, xa_get_mark(pages, last, PAGECACHE_TAG_WRITEBACK),
				    folio_test_writeback(folio), "order %u at %lu %s",
				    folio_order(folio), at, when);
	}
	read_counts(wf, now);
	KUNIT_EXPECT_EQ_MSG(wf->test, now[FILE_DIRTY] - wf->base[FILE_DIRTY], dirty, "%s", when);
	KUNIT_EXPECT_EQ_MSG(wf->test, now[DEV_RECLAIMABLE], dirty, "%s", when);
	KUNIT_EXPECT_EQ_MSG(wf->test, now[WRITEBACK] - wf->base[WRITEBACK], writeback, "%s", when);
	KUNIT_EXPECT_EQ_MSG(wf->test, now[DEV_WRITEBACK], writeback, "%s", when);
	KUNIT_EXPECT_EQ_MSG(wf->test, now[ZONE_PENDING] - wf->base[ZONE_PENDING],
			    dirty + writeback, "%s", when);
	KUNIT_EXPECT_EQ_MSG(wf->test, now[DEV_INODES], !!writeback, "%s", when);
	KUNIT_EXPECT_EQ_MSG(wf->test, now[DIRTIED] - wf->base[DIRTIED], now[DEV_DIRTIED],
			    "%s", when);
	KUNIT_EXPECT_EQ_MSG(wf->test, now[WRITTEN] - wf->base[WRITTEN], now[DEV_WRITTEN],
			    "%s", when);
}

/* The filesystem. */

static int fail_folio(struct wb_file *wf, struct writeback_control *wbc, struct folio *folio,
		      int err)
{
	if (wf->keep) {
		folio_redirty_for_writepage(wbc, folio);
		folio_unlock(folio);
		return err;
	}
	folio_start_writeback(folio);
	folio_unlock(folio);
	mapping_set_error(wf_mapping(wf), err);
	folio_end_writeback(folio);
	return err;
}

static int write_folio(struct wb_file *wf, struct writeback_control *wbc, struct folio *folio)
{
	struct kunit *test = wf->test;
	unsigned int i;

	KUNIT_EXPECT_TRUE_MSG(test, folio_test_locked(folio), "index %lu", folio->index);
	KUNIT_EXPECT_FALSE_MSG(test, folio_test_dirty(folio), "index %lu", folio->index);
	KUNIT_EXPECT_FALSE_MSG(test, folio_test_writeback(folio), "index %lu", folio->index);
	KUNIT_EXPECT_PTR_EQ_MSG(test, folio->mapping, wf_mapping(wf), "index %lu", folio->index);
	if (wf->nr_written < MAX_WRITTEN)
		wf->written[wf->nr_written] = (struct fxt_range) {
			.index = folio->index, .order = folio_order(folio),
		};
	else
		KUNIT_FAIL(test, "more than %d folios to write", MAX_WRITTEN);
	wf->nr_written++;
	if (wf->hook)
		wf->hook(wf, folio);
	for (i = 0; i < ARRAY_SIZE(wf->error); i++)
		if (wf->error[i] && wf->error_at[i] == folio->index)
			return fail_folio(wf, wbc, folio, wf->error[i]);
	if (wf->action == DO_REDIRTY) {
		folio_redirty_for_writepage(wbc, folio);
		folio_unlock(folio);
		return 0;
	}
	folio_start_writeback(folio);
	folio_unlock(folio);
	if (wf->action == DO_WRITE)
		folio_end_writeback(folio);
	return 0;
}

static int wf_writepages(struct address_space *mapping, struct writeback_control *wbc)
{
	struct wb_file *wf = mapping->host->i_private;
	struct folio *folio = NULL;
	int err = wf->call_error;

	wf->nr_calls++;
	wf->mode = wbc->sync_mode;
	wf->start = wbc->range_start;
	wf->end = wbc->range_end;
	wf->budget = wbc->nr_to_write;
	wf->call_error = 0;
	if (err)
		return err;
	while ((folio = writeback_iter(mapping, wbc, folio, &err)))
		err = write_folio(wf, wbc, folio);
	return err;
}

static const struct address_space_operations wf_aops = {
	.dirty_folio	= filemap_dirty_folio,
	.writepages	= wf_writepages,
};

static void forget_written(struct wb_file *wf)
{
	wf->nr_calls = 0;
	wf->nr_written = 0;
}

/* Leaves nothing for the next case, and looks whether the books are balanced. */
static void close_file(void *data)
{
	struct wb_file *wf = data;
	struct folio *folio;
	pgoff_t at;

	xa_for_each_marked(&wf_mapping(wf)->i_pages, at, folio, PAGECACHE_TAG_WRITEBACK)
		folio_end_writeback(folio);
	xa_for_each(&wf_mapping(wf)->i_pages, at, folio) {
		if (xa_is_value(folio) || !folio_test_locked(folio))
			continue;
		KUNIT_FAIL(wf->test, "order %u at %lu was left locked", folio_order(folio), at);
		folio_unlock(folio);
	}
	expect_agreed(wf, "at the end");
	truncate_inode_pages(wf_mapping(wf), 0);
	expect_agreed(wf, "after all was truncated");
	KUNIT_EXPECT_TRUE(wf->test, list_empty(&wf->fx->inode.i_wb_list));
	wf->fx->inode.i_private = NULL;
}

/*
 * Starts the account of what this task and this CPU have dirtied, and takes on it
 * what tasks left that have exited: it would come at any time.
 */
static void restart_pauses(struct wb_file *wf)
{
	current->nr_dirtied_pause = 0;
	balance_dirty_pages_ratelimited(wf_mapping(wf));
	current->nr_dirtied_pause = INT_MAX / 2;
	balance_dirty_pages_ratelimited(wf_mapping(wf));
	current->nr_dirtied = 0;
}

static struct wb_file *open_file(struct kunit *test)
{
	struct wb_file *wf = kunit_kzalloc(test, sizeof(*wf), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, wf);
	wf->test = test;
	wf->fx = fxt_create(test, 0, FXT_MAX_ORDER);
	wf->bdi = fxt_setup_bdi(wf->fx);
	wf_mapping(wf)->a_ops = &wf_aops;
	restart_pauses(wf);
	wf->fx->inode.i_private = wf;
	read_counts(wf, wf->base);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, close_file, wf));
	return wf;
}

/* A folio of the running case's order at the second place where one fits. */
static struct folio *add_one(struct wb_file *wf, unsigned int order)
{
	struct folio *folio = fxt_add_folio(wf->fx, 1UL << order, order, 0);

	KUNIT_ASSERT_EQ(wf->test, folio_order(folio), order);
	return folio;
}

/* Expects a mark on all indexes of a folio, or on none. */
static void expect_mark(struct wb_file *wf, struct folio *folio, xa_mark_t mark, bool want,
			const char *when)
{
	pgoff_t i, end = folio_next_index(folio);

	for (i = folio->index; i < end; i++)
		if (xa_get_mark(&wf_mapping(wf)->i_pages, i, mark) != want) {
			KUNIT_FAIL(wf->test, "mark %u at %lu is%s set %s",
				   (__force unsigned int)mark, i, want ? " not" : "", when);
			fxt_print_folio(wf->test, folio);
			return;
		}
}

/* Waiting. */

struct waiter {
	struct work_struct work;
	struct wb_file *wf;
	struct folio *folio;
	int (*wait)(struct waiter *waiter);
	int ret;
	bool done;
};

static void wait_in_work(struct work_struct *work)
{
	struct waiter *waiter = container_of(work, struct waiter, work);

	waiter->ret = waiter->wait(waiter);
	WRITE_ONCE(waiter->done, true);
}

/* Starts @wait and lets it come as far as it can: to the folio that it waits for. */
static void start_waiter(struct waiter *waiter, bool waits)
{
	unsigned int i;

	waiter->done = false;
	INIT_WORK_ONSTACK(&waiter->work, wait_in_work);
	schedule_work(&waiter->work);
	for (i = 0; i < 10000 && !READ_ONCE(waiter->done) &&
	     !(waits && folio_test_waiters(waiter->folio)); i++)
		usleep_range(200, 400);
	KUNIT_EXPECT_EQ_MSG(waiter->wf->test, !READ_ONCE(waiter->done), waits,
			    "somebody waits for the folio");
}

static int finish_waiter(struct waiter *waiter)
{
	flush_work(&waiter->work);
	destroy_work_on_stack(&waiter->work);
	return waiter->ret;
}

static int write_and_wait(struct waiter *waiter)
{
	loff_t pos = folio_pos(waiter->folio);

	return filemap_write_and_wait_range(wf_mapping(waiter->wf), pos, pos);
}

#endif /* FOLIO_KUNIT_WRITEBACK_MODEL_H */
