// SPDX-License-Identifier: GPL-2.0
/*
 * mm_writeback: how folios of order 0 to 9 become dirty, come under writeback
 * and become clean: flags, XArray marks, page tables and statistics, who waits,
 * and what becomes of errors. writeback_iter_kunit.c has which of them are written.
 */
#include <linux/fadvise.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/uaccess.h>
#include <linux/vmstat.h>

#include "writeback_model.h"

#define USER_ADDR	0x10000000UL

/* One folio: flags, marks and statistics. */

static void mark_dirty_accounts(struct kunit *test)
{
	struct wb_file *wf = open_file(test);
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	struct folio *before = fxt_add_folio(wf->fx, 0, order, 0);
	struct folio *folio = add_one(wf, order);
	struct folio *after = fxt_add_folio(wf->fx, 2 * nr, order, 0);

	KUNIT_EXPECT_FALSE(test, compat_inode_state(&wf->fx->inode) & I_DIRTY_PAGES);
	folio_set_reclaim(folio);
	KUNIT_EXPECT_TRUE(test, folio_mark_dirty(folio));
	KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
	KUNIT_EXPECT_FALSE(test, folio_test_reclaim(folio));
	KUNIT_EXPECT_TRUE(test, compat_inode_state(&wf->fx->inode) & I_DIRTY_PAGES);
	expect_mark(wf, folio, PAGECACHE_TAG_DIRTY, true, "when dirtied");
	expect_mark(wf, before, PAGECACHE_TAG_DIRTY, false, "before it");
	expect_mark(wf, after, PAGECACHE_TAG_DIRTY, false, "after it");
	expect_counts(wf, "when dirtied", nr, 0, nr, 0);

	/* It is dirty only once. */
	KUNIT_EXPECT_FALSE(test, folio_mark_dirty(folio));
	KUNIT_EXPECT_FALSE(test, folio_mark_dirty_lock(folio));
	expect_counts(wf, "when dirtied again", nr, 0, nr, 0);
	KUNIT_EXPECT_TRUE(test, folio_mark_dirty_lock(after));
	KUNIT_EXPECT_FALSE(test, folio_test_locked(after));
	expect_counts(wf, "with the second", 2 * nr, 0, 2 * nr, 0);
	KUNIT_EXPECT_FALSE(test, folio_test_dirty(before));
}

/* A file with a name goes to the flusher's list when its first folio becomes dirty. */
static void mark_dirty_lists_inode(struct kunit *test)
{
	struct wb_file *wf = open_file(test);
	struct inode *inode = &wf->fx->inode;
	struct folio *folio = add_one(wf, fxt_order(test));

	insert_inode_hash(inode);
	KUNIT_EXPECT_TRUE(test, list_empty(&inode->i_io_list));
	folio_mark_dirty(folio);
	KUNIT_EXPECT_FALSE(test, list_empty(&inode->i_io_list));
	remove_inode_hash(inode);
	KUNIT_EXPECT_EQ(test, 0, filemap_write_and_wait_range(wf_mapping(wf), 0, LLONG_MAX));
	KUNIT_EXPECT_EQ(test, wf->nr_written, 1);
}

/* Nobody counts what is no longer in a file, nor marks what took its place. */
static void mark_dirty_truncated(struct kunit *test)
{
	struct wb_file *wf = open_file(test);
	unsigned int order = fxt_order(test);
	struct folio *folio = add_one(wf, order), *other;

	folio_get(folio);
	truncate_inode_pages(wf_mapping(wf), 0);
	other = add_one(wf, order);
	KUNIT_EXPECT_TRUE(test, folio_mark_dirty(folio));
	KUNIT_EXPECT_FALSE(test, folio_mark_dirty(folio));
	KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
	expect_counts(wf, "when it has no mapping", 0, 0, 0, 0);
	folio_clear_dirty(folio);
	/* As one who looked at the mapping before it was truncated. */
	folio->index = 1UL << order;
	KUNIT_EXPECT_TRUE(test, filemap_dirty_folio(wf_mapping(wf), folio));
	expect_counts(wf, "when it lost its mapping", 0, 0, 0, 0);
	expect_mark(wf, other, PAGECACHE_TAG_DIRTY, false, "in its place");
	folio_clear_dirty(folio);
	fxt_drain_lru();
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), 1);
	folio_put(folio);
}

static void clear_dirty_for_io_accounts(struct kunit *test)
{
	struct wb_file *wf = open_file(test);
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	struct folio *folio = add_one(wf, order);

	folio_mark_dirty(folio);
	folio_lock(folio);
	KUNIT_EXPECT_TRUE(test, folio_clear_dirty_for_io(folio));
	KUNIT_EXPECT_FALSE(test, folio_test_dirty(folio));
	/* Whoever looks for dirty folios has to find it until it is under writeback. */
	expect_mark(wf, folio, PAGECACHE_TAG_DIRTY, true, "cleared for I/O");
	expect_counts(wf, "cleared for I/O", 0, 0, nr, 0);
	KUNIT_EXPECT_FALSE(test, folio_clear_dirty_for_io(folio));
	expect_counts(wf, "cleared twice", 0, 0, nr, 0);
	KUNIT_EXPECT_TRUE(test, folio_mark_dirty(folio));
	expect_counts(wf, "dirtied again", nr, 0, 2 * nr, 0);
	KUNIT_EXPECT_TRUE(test, folio_test_locked(folio));
	folio_unlock(folio);
}

static void start_writeback_accounts(struct kunit *test)
{
	struct wb_file *wf = open_file(test);
	struct xarray *pages = &wf_mapping(wf)->i_pages;
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	struct folio *before = fxt_add_folio(wf->fx, 0, order, FXT_DIRTY);
	struct folio *folio = add_one(wf, order);
	int refs, keep, redirty;

	refs = folio_ref_count(folio);
	for (keep = 0; keep <= 1; keep++) {
		for (redirty = 0; redirty <= 1; redirty++) {
			char when[48];

			snprintf(when, sizeof(when), "keep %d, redirtied %d", keep, redirty);
			folio_mark_dirty(folio);
			tag_pages_for_writeback(wf_mapping(wf), 0, ULONG_MAX);
			folio_lock(folio);
			folio_clear_dirty_for_io(folio);
			if (redirty)
				folio_mark_dirty(folio);
			if (keep)
				__folio_start_writeback(folio, true);
			else
				folio_start_writeback(folio);
			KUNIT_EXPECT_TRUE_MSG(test, folio_test_writeback(folio), "%s", when);
			KUNIT_EXPECT_TRUE_MSG(test, folio_test_locked(folio), "%s", when);
			expect_mark(wf, folio, PAGECACHE_TAG_WRITEBACK, true, when);
			expect_mark(wf, folio, PAGECACHE_TAG_DIRTY, redirty, when);
			expect_mark(wf, folio, PAGECACHE_TAG_TOWRITE, keep, when);
			expect_mark(wf, before, PAGECACHE_TAG_DIRTY, true, when);
			expect_mark(wf, before, PAGECACHE_TAG_TOWRITE, true, when);
			expect_mark(wf, before, PAGECACHE_TAG_WRITEBACK, false, when);
			expect_agreed(wf, when);
			folio_unlock(folio);
			folio_end_writeback(folio);
			KUNIT_EXPECT_FALSE_MSG(test, folio_test_writeback(folio), "%s", when);
			KUNIT_EXPECT_EQ_MSG(test, folio_test_dirty(folio), redirty, "%s", when);
			expect_mark(wf, folio, PAGECACHE_TAG_WRITEBACK, false, when);
			expect_mark(wf, folio, PAGECACHE_TAG_DIRTY, redirty, when);
			KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(folio), refs, "%s", when);
			KUNIT_EXPECT_FALSE_MSG(test, xa_marked(pages, PAGECACHE_TAG_WRITEBACK),
					       "%s", when);
			expect_agreed(wf, when);
			if (redirty)
				folio_cancel_dirty(folio);
		}
	}
	/* One mark before; keep 0 and 1; each redirtied folio counts twice. */
	expect_counts(wf, "at last", nr, 0, 7 * nr, 4 * nr);
}

/* The inode is under writeback from its first folio to its last. */
static void end_writeback_accounts(struct kunit *test)
{
	struct wb_file *wf = open_file(test);
	unsigned int order = fxt_order(test), i;
	unsigned long nr = 1UL << order;
	struct folio *folios[3];
	static const unsigned int ends[] = { 1, 0, 2 };

	for (i = 0; i < 3; i++) {
		folios[i] = fxt_add_folio(wf->fx, i * nr, order, FXT_DIRTY);
		KUNIT_ASSERT_EQ(test, folio_order(folios[i]), order);
	}
	wf->action = DO_HOLD;
	KUNIT_EXPECT_EQ(test, 0, filemap_fdatawrite(wf_mapping(wf)));
	KUNIT_EXPECT_EQ(test, wf->nr_written, 3);
	expect_counts(wf, "with all under writeback", 0, 3 * nr, 3 * nr, 0);
	folio_set_reclaim(folios[1]);
	for (i = 0; i < 3; i++) {
		struct folio *folio = folios[ends[i]];

		folio_end_writeback(folio);
		KUNIT_EXPECT_FALSE_MSG(test, folio_test_writeback(folio), "end %u", i);
		KUNIT_EXPECT_FALSE_MSG(test, folio_test_reclaim(folio), "end %u", i);
		expect_mark(wf, folio, PAGECACHE_TAG_WRITEBACK, false, "when ended");
		expect_agreed(wf, "after some have ended");
		expect_counts(wf, "after some have ended", 0, (2 - i) * nr, 3 * nr, (i + 1) * nr);
	}
}

/* What reclaim waits for goes to the end of the list from which it takes, all its pages. */
static void end_writeback_rotates(struct kunit *test)
{
	struct wb_file *wf = open_file(test);
	unsigned int order = fxt_order(test), reclaim;
	struct folio *folio = add_one(wf, order);
	unsigned long before;

	if (!IS_ENABLED(CONFIG_VM_EVENT_COUNTERS))
		kunit_skip(test, "needs CONFIG_VM_EVENT_COUNTERS");
	fxt_drain_lru();
	wf->action = DO_HOLD;
	for (reclaim = 0; reclaim < 2; reclaim++) {
		folio_mark_dirty(folio);
		KUNIT_ASSERT_EQ(test, 0, filemap_fdatawrite(wf_mapping(wf)));
		KUNIT_ASSERT_TRUE(test, folio_test_writeback(folio));
		if (reclaim)
			folio_set_reclaim(folio);
		before = fxt_vm_event(test, PGROTATED);
		folio_end_writeback(folio);
		fxt_drain_lru();
		KUNIT_EXPECT_EQ_MSG(test, (unsigned long)reclaim << order,
				    fxt_vm_event(test, PGROTATED) - before, "reclaim %u", reclaim);
		KUNIT_EXPECT_TRUE(test, folio_test_lru(folio));
	}
}

static void redirty_for_writepage_accounts(struct kunit *test)
{
	struct wb_file *wf = open_file(test);
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	struct folio *folio = add_one(wf, order);
	struct writeback_control wbc = { .nr_to_write = LONG_MAX };

	folio_mark_dirty(folio);
	folio_lock(folio);
	folio_clear_dirty_for_io(folio);
	/* It was not written, so it was not dirtied a second time either. */
	KUNIT_EXPECT_TRUE(test, folio_redirty_for_writepage(&wbc, folio));
	KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
	KUNIT_EXPECT_EQ(test, wbc.pages_skipped, nr);
	KUNIT_EXPECT_EQ(test, wbc.nr_to_write, LONG_MAX);
	KUNIT_EXPECT_TRUE(test, folio_test_locked(folio));
	expect_mark(wf, folio, PAGECACHE_TAG_DIRTY, true, "when redirtied");
	expect_counts(wf, "when redirtied", nr, 0, nr, 0);

	/* Somebody dirtied it before it could be put off. */
	folio_clear_dirty_for_io(folio);
	folio_mark_dirty(folio);
	KUNIT_EXPECT_FALSE(test, folio_redirty_for_writepage(&wbc, folio));
	KUNIT_EXPECT_EQ(test, wbc.pages_skipped, 2 * nr);
	expect_counts(wf, "when redirtied by another", nr, 0, nr, 0);
	folio_unlock(folio);
}

static void cancel_dirty_accounts(struct kunit *test)
{
	struct wb_file *wf = open_file(test);
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	struct folio *folio = add_one(wf, order);

	folio_mark_dirty(folio);
	folio_cancel_dirty(folio);
	KUNIT_EXPECT_FALSE(test, folio_test_dirty(folio));
	expect_counts(wf, "when cancelled", 0, 0, nr, 0);
	__folio_cancel_dirty(folio);
	expect_counts(wf, "when cancelled twice", 0, 0, nr, 0);
	folio_mark_dirty(folio);
	expect_counts(wf, "when dirtied again", nr, 0, 2 * nr, 0);
	truncate_inode_pages(wf_mapping(wf), 0);
	expect_counts(wf, "when truncated", 0, 0, 2 * nr, 0);
	KUNIT_EXPECT_FALSE(test, mapping_tagged(wf_mapping(wf), PAGECACHE_TAG_DIRTY));
}

/* What is left of a dirty folio is dirty, and counted; what went is not. */
static void truncate_dirty_partly(struct kunit *test)
{
	struct wb_file *wf = open_file(test);
	unsigned int order = fxt_order(test), i;
	unsigned long nr = 1UL << order;
	const loff_t bytes[] = { 1, PAGE_SIZE, FXT_POS(nr / 2) + 1, FXT_POS(nr) - 1 };

	for (i = 0; i < ARRAY_SIZE(bytes); i++) {
		loff_t eof = FXT_POS(nr) + bytes[i];
		struct folio *folio;
		pgoff_t at;
		long left = 0;

		folio = add_one(wf, order);
		folio_mark_dirty(folio);
		truncate_inode_pages(wf_mapping(wf), eof);
		xa_for_each(&wf_mapping(wf)->i_pages, at, folio) {
			KUNIT_EXPECT_TRUE_MSG(test, folio_test_dirty(folio),
					      "order %u at %lu of %lld", folio_order(folio),
					      at, eof);
			left += folio_nr_pages(folio);
		}
		KUNIT_EXPECT_GE_MSG(test, FXT_POS(nr + left), eof, "EOF %lld", eof);
		expect_agreed(wf, "when truncated partly");
		forget_written(wf);
		KUNIT_EXPECT_EQ(test, 0, filemap_fdatawrite(wf_mapping(wf)));
		expect_agreed(wf, "when the rest is written");
		KUNIT_EXPECT_FALSE(test, mapping_tagged(wf_mapping(wf), PAGECACHE_TAG_DIRTY));
		fxt_expect_stamped(wf->fx, FXT_POS(nr), eof);
		truncate_inode_pages(wf_mapping(wf), 0);
	}
}

/* Dropbehind folios are counted apart, and leave when they have been written. */
static void dropbehind_leaves_cache(struct kunit *test)
{
#if COMPAT_HAS_DONTCACHE_DIRTY
	struct wb_file *wf = open_file(test);
	struct percpu_counter *dontcache = &wf->bdi->wb.stat[WB_DONTCACHE_DIRTY];
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	struct folio *folio = add_one(wf, order);

	__folio_set_dropbehind(folio);
	folio_get(folio);
	folio_mark_dirty(folio);
	KUNIT_EXPECT_EQ(test, percpu_counter_sum(dontcache), nr);
	folio_cancel_dirty(folio);
	KUNIT_EXPECT_EQ(test, percpu_counter_sum(dontcache), 0);
	folio_mark_dirty(folio);
	KUNIT_EXPECT_EQ(test, percpu_counter_sum(dontcache), nr);
	/* Only the page cache and its LRU batch may hold it, besides us. */
	fxt_drain_lru();
	folio_put(folio);
	KUNIT_EXPECT_EQ(test, 0, filemap_write_and_wait_range(wf_mapping(wf), 0, LLONG_MAX));
	KUNIT_EXPECT_EQ(test, wf->nr_written, 1);
	KUNIT_EXPECT_EQ(test, percpu_counter_sum(dontcache), 0);
	expect_counts(wf, "when written", 0, 0, 2 * nr, nr);
	KUNIT_EXPECT_EQ(test, wf_mapping(wf)->nrpages, 0);

	/* One that was dirtied while it was written has to be written again. */
	folio = add_one(wf, order);
	__folio_set_dropbehind(folio);
	folio_mark_dirty(folio);
	wf->action = DO_HOLD;
	KUNIT_EXPECT_EQ(test, 0, filemap_fdatawrite(wf_mapping(wf)));
	folio_mark_dirty(folio);
	KUNIT_EXPECT_EQ(test, percpu_counter_sum(dontcache), nr);
	fxt_drain_lru();
	folio_end_writeback(folio);
	KUNIT_EXPECT_EQ(test, wf_mapping(wf)->nrpages, nr);
	KUNIT_EXPECT_TRUE(test, folio_test_dropbehind(folio));
	KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
	wf->action = DO_WRITE;
	KUNIT_EXPECT_EQ(test, 0, filemap_fdatawrite(wf_mapping(wf)));
	KUNIT_EXPECT_EQ(test, wf_mapping(wf)->nrpages, 0);
	KUNIT_EXPECT_EQ(test, percpu_counter_sum(dontcache), 0);

	/* One that an ordinary user has found stays, dirty or not, and is no longer counted. */
	folio = add_one(wf, order);
	__folio_set_dropbehind(folio);
	folio_mark_dirty(folio);
	KUNIT_EXPECT_EQ(test, percpu_counter_sum(dontcache), nr);
	KUNIT_EXPECT_PTR_EQ(test, folio, filemap_get_folio(wf_mapping(wf), folio->index + nr - 1));
	KUNIT_EXPECT_EQ(test, percpu_counter_sum(dontcache), 0);
	folio_put(folio);
	KUNIT_EXPECT_EQ(test, 0, filemap_fdatawrite(wf_mapping(wf)));
	KUNIT_EXPECT_EQ(test, percpu_counter_sum(dontcache), 0);
	KUNIT_EXPECT_EQ(test, wf_mapping(wf)->nrpages, nr);
#else
	kunit_skip(test, "this kernel has no WB_DONTCACHE_DIRTY");
#endif
}

/* A mapping that wants no marks of writeback, nor an account by device, has none. */
static void start_writeback_untagged(struct kunit *test)
{
	struct wb_file *wf = open_file(test);
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	struct folio *folio = add_one(wf, order);
	long now[NR_COUNTS];

	mapping_set_no_writeback_tags(wf_mapping(wf));
	folio_lock(folio);
	folio_start_writeback(folio);
	folio_unlock(folio);
	KUNIT_EXPECT_TRUE(test, folio_test_writeback(folio));
	expect_mark(wf, folio, PAGECACHE_TAG_WRITEBACK, false, "untagged");
	read_counts(wf, now);
	KUNIT_EXPECT_EQ(test, now[WRITEBACK] - wf->base[WRITEBACK], nr);
	KUNIT_EXPECT_EQ(test, now[ZONE_PENDING] - wf->base[ZONE_PENDING], nr);
	KUNIT_EXPECT_EQ(test, now[DEV_WRITEBACK], 0);
	KUNIT_EXPECT_EQ(test, now[DEV_INODES], 0);
	folio_end_writeback(folio);
	KUNIT_EXPECT_FALSE(test, folio_test_writeback(folio));
	read_counts(wf, now);
	KUNIT_EXPECT_EQ(test, now[WRITEBACK], wf->base[WRITEBACK]);
	KUNIT_EXPECT_EQ(test, now[ZONE_PENDING], wf->base[ZONE_PENDING]);
	KUNIT_EXPECT_EQ(test, now[WRITTEN] - wf->base[WRITTEN], nr);
	KUNIT_EXPECT_EQ(test, now[DEV_WRITTEN], 0);
	wf->base[WRITTEN] += nr;
}

/* The inode is dirty as long as it has dirty pages. */
static void write_inode_now_pages(struct kunit *test)
{
	struct wb_file *wf = open_file(test);
	struct inode *inode = &wf->fx->inode;
	unsigned int order = fxt_order(test);
	struct folio *folio = add_one(wf, order);

	folio_mark_dirty(folio);
	wf->action = DO_REDIRTY;
	KUNIT_EXPECT_EQ(test, 0, write_inode_now(inode, 0));
	KUNIT_EXPECT_EQ(test, wf->mode, WB_SYNC_NONE);
	KUNIT_EXPECT_EQ(test, wf->nr_written, 1);
	KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
	KUNIT_EXPECT_TRUE(test, compat_inode_state(inode) & I_DIRTY_PAGES);
	wf->action = DO_WRITE;
	KUNIT_EXPECT_EQ(test, 0, write_inode_now(inode, 1));
	KUNIT_EXPECT_EQ(test, wf->mode, WB_SYNC_ALL);
	KUNIT_EXPECT_EQ(test, wf->nr_written, 2);
	KUNIT_EXPECT_FALSE(test, folio_test_dirty(folio));
	KUNIT_EXPECT_FALSE(test, compat_inode_state(inode) & I_DIRTY_PAGES);
	/* A clean inode has nothing to write. */
	KUNIT_EXPECT_EQ(test, 0, write_inode_now(inode, 1));
	KUNIT_EXPECT_EQ(test, wf->nr_calls, 2);
}

/* Page tables. */

static void expect_user_ptes(struct wb_file *wf, struct mm_struct *mm, struct fxt_pte *ptes,
			     unsigned long nr, bool write, const char *when)
{
	unsigned long i;

	fxt_read_ptes(mm, USER_ADDR, nr, ptes);
	for (i = 0; i < nr; i++) {
		if (ptes[i].page && ptes[i].write == write && ptes[i].dirty == write)
			continue;
		KUNIT_FAIL(wf->test, "page %lu of %lu: %s, write %d, dirty %d %s", i, nr,
			   ptes[i].page ? "mapped" : "not mapped", ptes[i].write, ptes[i].dirty,
			   when);
		return;
	}
}

/*
 * A folio that is cleaned is write-protected wherever it is mapped, so that the
 * next write makes it dirty again; and dirty page tables make it dirty.
 */
static void clear_dirty_for_io_mapped(struct kunit *test)
{
	struct wb_file *wf = open_file(test);
	unsigned int order = fxt_order(test), i;
	unsigned long nr = 1UL << order;
	struct fxt_pte *ptes = kunit_kmalloc_array(test, nr, sizeof(*ptes), GFP_KERNEL);
	struct folio *folio = add_one(wf, order);
	struct mm_struct *mms[2];

	KUNIT_ASSERT_NOT_NULL(test, ptes);
	for (i = 0; i < 2; i++) {
		mms[i] = fxt_new_mm(test);
		fxt_switch_mm(mms[i]);
		fxt_mmap(wf->fx, USER_ADDR, nr, nr, PROT_READ | PROT_WRITE, MAP_SHARED);
		/* A large folio may be mapped whole by the first write, but not if it was read. */
		if (i)
			KUNIT_ASSERT_EQ(test, 0, put_user(0, (u8 __user *)USER_ADDR));
		fxt_touch(test, USER_ADDR, nr, true);
		expect_user_ptes(wf, mms[i], ptes, nr, true, "when written to");
	}
	KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
	expect_counts(wf, "when written to", nr, 0, nr, 0);

	/* All that is left of it is in the page tables. */
	folio_lock(folio);
	folio_cancel_dirty(folio);
	KUNIT_EXPECT_TRUE(test, folio_clear_dirty_for_io(folio));
	KUNIT_EXPECT_FALSE(test, folio_test_dirty(folio));
	expect_counts(wf, "when cleaned", 0, 0, 2 * nr, 0);
	for (i = 0; i < 2; i++)
		expect_user_ptes(wf, mms[i], ptes, nr, false, "when cleaned");
	KUNIT_EXPECT_FALSE(test, folio_clear_dirty_for_io(folio));
	folio_start_writeback(folio);
	folio_unlock(folio);
	folio_end_writeback(folio);

	fxt_touch(test, USER_ADDR + ((nr - 1) << PAGE_SHIFT), 1, true);
	KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
	expect_counts(wf, "when written to again", nr, 0, 3 * nr, nr);
	expect_mark(wf, folio, PAGECACHE_TAG_DIRTY, true, "when written to again");
	KUNIT_EXPECT_EQ(test, 0, filemap_fdatawrite(wf_mapping(wf)));
	KUNIT_EXPECT_EQ(test, wf->nr_written, 1);
	for (i = 0; i < 2; i++)
		expect_user_ptes(wf, mms[i], ptes, nr, false, "when written back");
	fxt_switch_mm(NULL);
}

static int wait_writeback(struct waiter *waiter)
{
	folio_wait_writeback(waiter->folio);
	return 0;
}

static int wait_writeback_killable(struct waiter *waiter)
{
	return folio_wait_writeback_killable(waiter->folio);
}

static int wait_stable(struct waiter *waiter)
{
	folio_wait_stable(waiter->folio);
	return 0;
}

static int wait_last_byte(struct waiter *waiter)
{
	loff_t last = FXT_POS(folio_next_index(waiter->folio)) - 1;

	return filemap_fdatawait_range(wf_mapping(waiter->wf), last, last);
}

static int wait_first_byte_file(struct waiter *waiter)
{
	loff_t first = folio_pos(waiter->folio);

	return file_fdatawait_range(fxt_file(waiter->wf->fx), first, first);
}

static int wait_keep_errors(struct waiter *waiter)
{
	return filemap_fdatawait_keep_errors(wf_mapping(waiter->wf));
}

static int write_and_wait_file(struct waiter *waiter)
{
	loff_t last = FXT_POS(folio_next_index(waiter->folio)) - 1;

	return file_write_and_wait_range(fxt_file(waiter->wf->fx), last, last);
}

static int truncate_it(struct waiter *waiter)
{
	truncate_inode_pages(wf_mapping(waiter->wf), 0);
	return 0;
}

static void writeback_has_waiters(struct kunit *test)
{
	static int (* const waits[])(struct waiter *waiter) = {
		wait_writeback, wait_writeback_killable, wait_last_byte, wait_first_byte_file,
		wait_keep_errors, write_and_wait, write_and_wait_file, truncate_it,
	};
	struct wb_file *wf = open_file(test);
	unsigned int order = fxt_order(test), i;
	struct folio *folio = add_one(wf, order);

	fxt_file(wf->fx);
	wf->action = DO_HOLD;
	for (i = 0; i < ARRAY_SIZE(waits); i++) {
		struct waiter waiter = { .wf = wf, .folio = folio, .wait = waits[i] };

		folio_mark_dirty(folio);
		KUNIT_ASSERT_EQ(test, 0, filemap_fdatawrite(wf_mapping(wf)));
		KUNIT_ASSERT_TRUE_MSG(test, folio_test_writeback(folio), "wait %u", i);
		start_waiter(&waiter, true);
		folio_end_writeback(folio);
		KUNIT_EXPECT_EQ_MSG(test, 0, finish_waiter(&waiter), "wait %u", i);
	}
	KUNIT_EXPECT_EQ(test, wf_mapping(wf)->nrpages, 0);
}

/* Only who asks for stable pages waits for them. */
static void wait_stable_asks_mapping(struct kunit *test)
{
	struct wb_file *wf = open_file(test);
	struct folio *folio = add_one(wf, fxt_order(test));
	struct waiter waiter = { .wf = wf, .folio = folio, .wait = wait_stable };

	folio_mark_dirty(folio);
	wf->action = DO_HOLD;
	KUNIT_ASSERT_EQ(test, 0, filemap_fdatawrite(wf_mapping(wf)));
	start_waiter(&waiter, false);
	finish_waiter(&waiter);
	mapping_set_stable_writes(wf_mapping(wf));
	start_waiter(&waiter, true);
	folio_end_writeback(folio);
	finish_waiter(&waiter);
	start_waiter(&waiter, false);
	finish_waiter(&waiter);
}

/* Ranges, as they come from fsync() and its like. */

static void fdatawrite_range_edges(struct kunit *test)
{
	struct wb_file *wf = open_file(test);
	struct address_space *mapping = wf_mapping(wf);
	unsigned int order = fxt_order(test), i, f;
	loff_t size = PAGE_SIZE << order;
	struct folio *folio = add_one(wf, order);
	const struct { loff_t from, to; bool want; } ranges[] = {
		{ 0, size - 1, false }, { size - 1, size, true }, { size, size, true },
		{ size + size / 2, size + size / 2, true }, { 2 * size - 1, 2 * size - 1, true },
		{ 2 * size - 1, 3 * size, true }, { 2 * size, LLONG_MAX, false },
		{ 0, LLONG_MAX, true },
	};

	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		loff_t from = ranges[i].from, to = ranges[i].to;

		for (f = 0; f < 3; f++) {
			folio_mark_dirty(folio);
			forget_written(wf);
			KUNIT_EXPECT_EQ(test, 0, f == 0 ?
					filemap_fdatawrite_range(mapping, from, to) : f == 1 ?
					filemap_write_and_wait_range(mapping, from, to) :
					file_write_and_wait_range(fxt_file(wf->fx), from, to));
			KUNIT_EXPECT_EQ_MSG(test, wf->nr_written, ranges[i].want,
					    "%lld to %lld, function %u", from, to, f);
			KUNIT_EXPECT_EQ(test, wf->nr_calls, 1);
			KUNIT_EXPECT_EQ(test, wf->mode, WB_SYNC_ALL);
			KUNIT_EXPECT_EQ(test, wf->start, from);
			KUNIT_EXPECT_EQ(test, wf->end, to);
			KUNIT_EXPECT_EQ(test, wf->budget, LONG_MAX);
		}
	}
	/* The advice that a range is not needed starts to write it, and waits for nothing. */
	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		loff_t from = ranges[i].from, to = ranges[i].to;

		folio_mark_dirty(folio);
		/* With a reference of ours it is not dropped. */
		folio_get(folio);
		forget_written(wf);
		KUNIT_EXPECT_EQ(test, 0, vfs_fadvise(fxt_file(wf->fx), from, to == LLONG_MAX ? 0 :
						     to - from + 1, POSIX_FADV_DONTNEED));
		folio_put(folio);
		KUNIT_EXPECT_EQ_MSG(test, wf->nr_written, ranges[i].want, "%lld to %lld", from, to);
		KUNIT_EXPECT_EQ(test, wf->mode, WB_SYNC_NONE);
		KUNIT_EXPECT_EQ(test, wf->start, from);
		KUNIT_EXPECT_EQ(test, wf->end, to);
		KUNIT_EXPECT_EQ(test, wf->budget, LONG_MAX);
	}
	/* Ranges that end before they start are empty; a clean file is left alone. */
	folio_mark_dirty(folio);
	forget_written(wf);
	KUNIT_EXPECT_EQ(test, 0, filemap_write_and_wait_range(mapping, size, size - 1));
	KUNIT_EXPECT_EQ(test, 0, file_write_and_wait_range(fxt_file(wf->fx), size, size - 1));
	KUNIT_EXPECT_EQ(test, wf->nr_calls, 0);
	KUNIT_EXPECT_EQ(test, 0, filemap_write_and_wait_range(mapping, 0, LLONG_MAX));
	KUNIT_EXPECT_EQ(test, wf->nr_calls, 1);
	KUNIT_EXPECT_EQ(test, 0, filemap_write_and_wait_range(mapping, 0, LLONG_MAX));
	KUNIT_EXPECT_EQ(test, wf->nr_calls, 1);
}

/* The last byte is asked for once more when there was no memory, if it must be written. */
static void fdatawrite_nomem(struct kunit *test)
{
	struct wb_file *wf = open_file(test);
	struct folio *folio = add_one(wf, fxt_order(test));

	folio_mark_dirty(folio);
	wf->call_error = -ENOMEM;
	KUNIT_EXPECT_EQ(test, -ENOMEM, filemap_flush(wf_mapping(wf)));
	KUNIT_EXPECT_EQ(test, wf->nr_calls, 1);
	KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
	wf->call_error = -ENOMEM;
	KUNIT_EXPECT_EQ(test, 0, filemap_fdatawrite(wf_mapping(wf)));
	KUNIT_EXPECT_EQ(test, wf->nr_calls, 3);
	KUNIT_EXPECT_FALSE(test, folio_test_dirty(folio));
}

/* Errors. */

static void check_errors_once(struct kunit *test)
{
	struct wb_file *wf = open_file(test);
	struct address_space *mapping = wf_mapping(wf);
	struct file *file = fxt_file(wf->fx);
	errseq_t sample = filemap_sample_wb_err(mapping);

	KUNIT_EXPECT_EQ(test, 0, filemap_check_errors(mapping));
	mapping_set_error(mapping, 0);
	KUNIT_EXPECT_EQ(test, 0, filemap_check_errors(mapping));
	mapping_set_error(mapping, -ENOSPC);
	KUNIT_EXPECT_EQ(test, -ENOSPC, filemap_fdatawait_keep_errors(mapping));
	KUNIT_EXPECT_EQ(test, -ENOSPC, filemap_fdatawait_range_keep_errors(mapping, 0, 0));
	KUNIT_EXPECT_EQ(test, -ENOSPC, filemap_check_errors(mapping));
	KUNIT_EXPECT_EQ(test, 0, filemap_check_errors(mapping));
	KUNIT_EXPECT_EQ(test, 0, filemap_fdatawait_keep_errors(mapping));
	/* The worse one is told, and both are over. */
	mapping_set_error(mapping, -EIO);
	mapping_set_error(mapping, -ENOSPC);
	KUNIT_EXPECT_EQ(test, -EIO, filemap_fdatawait_keep_errors(mapping));
	KUNIT_EXPECT_EQ(test, -EIO, filemap_fdatawait_range(mapping, 0, LLONG_MAX));
	KUNIT_EXPECT_EQ(test, 0, filemap_fdatawait_range(mapping, 0, LLONG_MAX));

	/* To each file its own account: the last error, once. */
	KUNIT_EXPECT_EQ(test, -ENOSPC, filemap_check_wb_err(mapping, sample));
	KUNIT_EXPECT_EQ(test, -ENOSPC, file_check_and_advance_wb_err(file));
	KUNIT_EXPECT_EQ(test, 0, file_check_and_advance_wb_err(file));
	KUNIT_EXPECT_EQ(test, 0, filemap_check_wb_err(mapping, filemap_sample_wb_err(mapping)));
	mapping_set_error(mapping, -EIO);
	KUNIT_EXPECT_EQ(test, -EIO, file_fdatawait_range(file, 0, 0));
	KUNIT_EXPECT_EQ(test, 0, file_fdatawait_range(file, 0, 0));
	/* That was the same error as the one the flags told of. */
	KUNIT_EXPECT_EQ(test, 0, filemap_check_errors(mapping));
	mapping_set_error(mapping, -ENOSPC);
	KUNIT_EXPECT_EQ(test, -ENOSPC, file_check_and_advance_wb_err(file));
	KUNIT_EXPECT_EQ(test, 0, filemap_check_errors(mapping));
	KUNIT_EXPECT_EQ(test, -ENOSPC, filemap_check_wb_err(mapping, sample));
}

/* A folio that fails: each way to wait tells of it, once, and the file is not forgotten. */
static void write_and_wait_errors(struct kunit *test)
{
	static const int errors[] = { -EIO, -ENOSPC };
	struct wb_file *wf = open_file(test);
	struct address_space *mapping = wf_mapping(wf);
	unsigned int order = fxt_order(test), i, keep;
	struct file *file = fxt_file(wf->fx);
	struct folio *folio = add_one(wf, order);

	wf->error_at[0] = folio->index;
	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		for (keep = 0; keep <= 1; keep++) {
			wf->keep = keep;
			folio_mark_dirty(folio);
			wf->error[0] = errors[i];
			KUNIT_EXPECT_EQ_MSG(test, errors[i],
					    filemap_write_and_wait_range(mapping, 0, LLONG_MAX),
					    "keep %u", keep);
			KUNIT_EXPECT_EQ_MSG(test, folio_test_dirty(folio), keep, "error %d",
					    errors[i]);
			KUNIT_EXPECT_EQ_MSG(test, 0, filemap_check_errors(mapping),
					    "keep %u", keep);
			/* The file has not yet been told what was set in the mapping. */
			wf->error[0] = 0;
			KUNIT_EXPECT_EQ_MSG(test, keep ? 0 : errors[i],
					    file_write_and_wait_range(file, 0, LLONG_MAX),
					    "keep %u", keep);
			KUNIT_EXPECT_FALSE(test, folio_test_dirty(folio));
			KUNIT_EXPECT_EQ_MSG(test, 0, file_write_and_wait_range(file, 0, LLONG_MAX),
					    "keep %u", keep);

			folio_mark_dirty(folio);
			wf->error[0] = errors[i];
			KUNIT_EXPECT_EQ_MSG(test, errors[i],
					    file_write_and_wait_range(file, 0, LLONG_MAX),
					    "keep %u", keep);
			wf->error[0] = 0;
			KUNIT_EXPECT_EQ_MSG(test, 0, file_write_and_wait_range(file, 0, LLONG_MAX),
					    "keep %u", keep);
			KUNIT_EXPECT_FALSE(test, folio_test_dirty(folio));
		}
	}
	/* The first error is what the call itself returned. */
	folio_mark_dirty(folio);
	mapping_set_error(mapping, -ENOSPC);
	wf->call_error = -EIO;
	KUNIT_EXPECT_EQ(test, -EIO, filemap_write_and_wait_range(mapping, 0, LLONG_MAX));
	KUNIT_EXPECT_EQ(test, 0, filemap_check_errors(mapping));
	KUNIT_EXPECT_EQ(test, -ENOSPC, file_write_and_wait_range(file, 0, LLONG_MAX));
	fxt_expect_stamped(wf->fx, folio_pos(folio), folio_pos(folio) + folio_size(folio));
}

/* With no space some may have been written, so they are waited for; with -EIO nothing is sure. */
static void write_and_wait_partial(struct kunit *test)
{
	static int (* const waits[])(struct waiter *waiter) = {
		write_and_wait, write_and_wait_file,
	};
	struct wb_file *wf = open_file(test);
	unsigned int order = fxt_order(test), i;
	struct folio *folio = add_one(wf, order);

	fxt_file(wf->fx);
	for (i = 0; i < ARRAY_SIZE(waits); i++) {
		struct waiter waiter = { .wf = wf, .folio = folio, .wait = waits[i] };

		folio_mark_dirty(folio);
		wf->action = DO_HOLD;
		KUNIT_ASSERT_EQ(test, 0, filemap_fdatawrite(wf_mapping(wf)));
		folio_mark_dirty(folio);
		wf->call_error = -EIO;
		KUNIT_EXPECT_EQ_MSG(test, -EIO, waits[i](&waiter), "function %u", i);
		KUNIT_EXPECT_TRUE_MSG(test, folio_test_writeback(folio), "function %u", i);
		wf->call_error = -ENOSPC;
		start_waiter(&waiter, true);
		folio_end_writeback(folio);
		KUNIT_EXPECT_EQ_MSG(test, -ENOSPC, finish_waiter(&waiter), "function %u", i);
		wf->action = DO_WRITE;
		KUNIT_ASSERT_EQ(test, 0, filemap_fdatawrite(wf_mapping(wf)));
	}
}

/* Who dirties pages is asked to pause after so many pages, not after so many folios. */
static void balance_dirty_counts_pages(struct kunit *test)
{
	struct wb_file *wf = open_file(test);
	unsigned int order = fxt_order(test);
	struct folio *folio = add_one(wf, order);
	/* More than a CPU may dirty unnoticed, which is a share of the dirty threshold. */
	unsigned long i, n = (totalram_pages() / 32 >> order) + 1;

	for (i = 0; i < n; i++) {
		folio_mark_dirty(folio);
		folio_cancel_dirty(folio);
	}
	KUNIT_EXPECT_EQ(test, current->nr_dirtied, n << order);
	balance_dirty_pages_ratelimited(wf_mapping(wf));
	/* There is no need to wait, and a new account. */
	KUNIT_EXPECT_EQ(test, current->nr_dirtied, 0);
	folio_mark_dirty(folio);
	current->nr_dirtied_pause = 1UL << order;
	balance_dirty_pages_ratelimited(wf_mapping(wf));
	KUNIT_EXPECT_EQ(test, current->nr_dirtied, 0);
}

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

static struct kunit_case writeback_cases[] = {
	KUNIT_CASE_PARAM(mark_dirty_accounts, order_gen_params),
	KUNIT_CASE_PARAM(mark_dirty_lists_inode, order_gen_params),
	KUNIT_CASE_PARAM(mark_dirty_truncated, order_gen_params),
	KUNIT_CASE_PARAM(clear_dirty_for_io_accounts, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(clear_dirty_for_io_mapped, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(start_writeback_accounts, order_gen_params),
	KUNIT_CASE_PARAM(end_writeback_accounts, order_gen_params),
	KUNIT_CASE_PARAM(end_writeback_rotates, order_gen_params),
	KUNIT_CASE_PARAM(redirty_for_writepage_accounts, order_gen_params),
	KUNIT_CASE_PARAM(cancel_dirty_accounts, order_gen_params),
	KUNIT_CASE_PARAM(truncate_dirty_partly, order_gen_params),
	KUNIT_CASE_PARAM(dropbehind_leaves_cache, order_gen_params),
	KUNIT_CASE_PARAM(start_writeback_untagged, order_gen_params),
	KUNIT_CASE_PARAM(write_inode_now_pages, order_gen_params),
	KUNIT_CASE_PARAM(writeback_has_waiters, order_gen_params),
	KUNIT_CASE_PARAM(wait_stable_asks_mapping, order_gen_params),
	KUNIT_CASE_PARAM(fdatawrite_range_edges, order_gen_params),
	KUNIT_CASE_PARAM(fdatawrite_nomem, order_gen_params),
	KUNIT_CASE(check_errors_once),
	KUNIT_CASE_PARAM(write_and_wait_errors, order_gen_params),
	KUNIT_CASE_PARAM(write_and_wait_partial, order_gen_params),
	KUNIT_CASE_PARAM(balance_dirty_counts_pages, order_gen_params),
	{}
};

static struct kunit_suite writeback_suite = {
	.name = "mm_writeback",
	.init = fxt_stay_on_cpu,
	.test_cases = writeback_cases,
};

kunit_test_suite(writeback_suite);

MODULE_DESCRIPTION("KUnit suite of dirty folios and writeback");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_LICENSE("GPL");
