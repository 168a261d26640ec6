/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites mm_shmem and mm_shmem_swap share: files of tmpfs with folios of
 * chosen orders, and what must always be true of them and of what they account.
 */
#ifndef FOLIO_KUNIT_SHMEM_MODEL_H
#define FOLIO_KUNIT_SHMEM_MODEL_H

#include <linux/cpumask.h>
#include <linux/falloc.h>
#include <linux/mman.h>
#include <linux/mmzone.h>
#include <linux/shmem_fs.h>
#include <linux/swap.h>
#include <linux/vmalloc.h>
#include <linux/vmstat.h>

#include "truncate_model.h"

#if __has_include(<kunit/mm.h>)
#include <kunit/mm.h>
#define SHM_EXPORTS	1
#else
#define SHM_EXPORTS	0
#endif

/* The largest order of tmpfs, what huge=always gives: where it can, a PMD's. */
#define HUGE_ORDER	((unsigned int)MIN(MAX_XAS_ORDER, PMD_ORDER))
#define HUGE_NR		(1UL << HUGE_ORDER)

/* For the suites' init(). */
static inline int shm_init(struct kunit *test)
{
	if (!COMPAT_TMPFS_ORDERS)
		kunit_skip(test, "needs a tmpfs with folios of every order");
	return fxt_stay_on_cpu(test);
}

static inline struct inode *shm_inode(struct folio_fixture *fx)
{
	return file_inode(fx->file);
}

static inline struct shmem_sb_info *shm_sb(struct folio_fixture *fx)
{
	return shm_inode(fx)->i_sb->s_fs_info;
}

/* The order of the running case; skips it where tmpfs cannot have it. */
static inline unsigned int shm_order(struct kunit *test)
{
	unsigned int order = fxt_order(test);

	if (order)
		fxt_need_large_pages(test);
	return order;
}

/* A file on a mount of its own with one option, and perhaps one more. */
static inline struct folio_fixture *shm_file_with(struct kunit *test, const char *huge,
						  const char *option, const char *value)
{
	const char *options[] = { "huge", huge, option, value, NULL };

	if (strcmp(huge, "never"))
		fxt_need_large_pages(test);
	return fxt_open_tmpfs(test, fxt_mount_tmpfs(test, options));
}

/* A file on a mount that has room for so many pages. */
static inline struct folio_fixture *shm_file_limited(struct kunit *test, const char *huge,
						     unsigned long pages)
{
	char size[24];

	snprintf(size, sizeof(size), "%lu", pages << PAGE_SHIFT);
	return shm_file_with(test, huge, "size", size);
}

/* An empty file, as long as no case needs, in which fxt_add_shmem() chooses the orders. */
static inline struct folio_fixture *shm_file(struct kunit *test)
{
	struct folio_fixture *fx = shm_file_with(test, "within_size", NULL, NULL);

	i_size_write(shm_inode(fx), BIG);
	return fx;
}

static inline void shm_truncate(struct folio_fixture *fx, loff_t size)
{
	KUNIT_ASSERT_EQ_MSG(fx->test, 0, vfs_truncate(&fx->file->f_path, size),
			    "truncate to %lld", size);
	KUNIT_ASSERT_EQ(fx->test, size, i_size_read(shm_inode(fx)));
}

static inline void shm_punch(struct folio_fixture *fx, loff_t from, loff_t to)
{
	KUNIT_ASSERT_EQ_MSG(fx->test, 0,
			    vfs_fallocate(fx->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					  from, to - from),
			    "punch %lld to %lld", from, to);
}

/* Begins a new step of a sweep with an empty file of full size. */
static inline void shm_start_over(struct folio_fixture *fx)
{
	shm_truncate(fx, 0);
	KUNIT_ASSERT_EQ(fx->test, 0, fxt_mapping(fx)->nrpages);
	KUNIT_ASSERT_TRUE(fx->test, xa_empty(&fxt_mapping(fx)->i_pages));
	KUNIT_ASSERT_EQ(fx->test, 0, shm_inode(fx)->i_blocks);
	i_size_write(shm_inode(fx), BIG);
}

/* How many pages the entries of the page cache say are swapped out. */
static inline unsigned long shm_count_swapped(struct folio_fixture *fx)
{
	XA_STATE(xas, &fxt_mapping(fx)->i_pages, 0);
	unsigned long pages = 0;
	void *entry;

	rcu_read_lock();
	xas_for_each(&xas, entry, ULONG_MAX)
		if (xa_is_value(entry))
			pages += 1UL << xas_get_order(&xas);
	rcu_read_unlock();
	return pages;
}

/*
 * What is allocated is cached or swapped, and that is what the file, and when it
 * is the only one, the filesystem accounts.
 */
static inline void shm_expect_accounts(struct folio_fixture *fx)
{
	struct shmem_inode_info *info = SHMEM_I(shm_inode(fx));
	struct shmem_sb_info *sbinfo = shm_sb(fx);
	struct kunit *test = fx->test;

	KUNIT_EXPECT_EQ(test, shm_count_swapped(fx), info->swapped);
	KUNIT_EXPECT_EQ(test, fxt_mapping(fx)->nrpages + info->swapped, info->alloced);
	KUNIT_EXPECT_EQ(test, info->alloced << (PAGE_SHIFT - SECTOR_SHIFT),
			shm_inode(fx)->i_blocks);
	KUNIT_EXPECT_EQ(test, info->alloced, percpu_counter_sum(&sbinfo->used_blocks));
}

/* Every folio is whole, unlocked, dirty, not leaked, and all of it accounted. */
static inline void shm_expect_folios(struct folio_fixture *fx)
{
	struct address_space *mapping = fxt_mapping(fx);
	struct folio *folio;
	unsigned long index;

	fxt_drain_lru();
	fxt_expect_consistent(fx);
	shm_expect_accounts(fx);
	xa_for_each(&mapping->i_pages, index, folio) {
		if (xa_is_value(folio))
			continue;
		if (folio_test_uptodate(folio) && !folio_test_locked(folio) &&
		    folio_test_dirty(folio) && folio_test_swapbacked(folio) &&
		    !folio_test_writeback(folio) && !folio_test_swapcache(folio) &&
		    folio_test_lru(folio) && folio_ref_count(folio) == folio_nr_pages(folio))
			continue;
		KUNIT_FAIL(fx->test, "folio at %lu: want uptodate dirty swapbacked lru, unlocked, %ld refs",
			   index, folio_nr_pages(folio));
		fxt_print_folio(fx->test, folio);
		return;
	}
}

struct shm_stats {
	long shmem;
	long file;
	long thps;
};

static inline struct shm_stats shm_read_stats(void)
{
	return (struct shm_stats) {
		fxt_node_stat(NR_SHMEM), fxt_node_stat(NR_FILE_PAGES),
		fxt_node_stat(NR_SHMEM_THPS),
	};
}

/* Pages of a folio, if it is as large as a PMD maps: statistics have it apart. */
static inline long shm_thps(unsigned int order)
{
	return order == PMD_ORDER ? 1L << order : 0;
}

/* Since @before, @pages were added, of which @thps are in folios as large as a PMD maps. */
static inline void shm_expect_stats(struct kunit *test, struct shm_stats before,
				    long pages, long thps)
{
	struct shm_stats now = shm_read_stats();

	KUNIT_EXPECT_EQ(test, pages, now.shmem - before.shmem);
	KUNIT_EXPECT_EQ(test, thps, now.thps - before.thps);
	/* Of the cache of disks too, which comes and goes where there is swap. */
	if (!get_nr_swap_pages())
		KUNIT_EXPECT_EQ(test, pages, now.file - before.file);
}

/* Stamped memory of a few pages, to write from. */
static inline void *shm_buffer(struct folio_fixture *fx, pgoff_t index, unsigned int order)
{
	struct folio *folio = folio_alloc(GFP_KERNEL, order);

	KUNIT_ASSERT_NOT_NULL(fx->test, folio);
	fxt_stamp(fx, folio, index);
	return folio_address(folio);
}

static inline void shm_free_buffer(void *buf)
{
	folio_put(virt_to_folio(buf));
}

/* Writes the stamps of [from, to) to the file, one folio's worth at a time. */
static inline void shm_write(struct folio_fixture *fx, loff_t from, loff_t to)
{
	const loff_t most = PAGE_SIZE << 9;

	while (from < to) {
		loff_t next = min(to, round_down(from, most) + most);
		pgoff_t index = from >> PAGE_SHIFT;
		unsigned int order = get_order(next - FXT_POS(index));
		void *buf = shm_buffer(fx, index, order);
		loff_t pos = from;
		ssize_t done = kernel_write(fx->file, buf + offset_in_page(from), next - from, &pos);

		shm_free_buffer(buf);
		KUNIT_ASSERT_EQ_MSG(fx->test, next - from, done, "write %lld to %lld", from, next);
		from = next;
	}
}

#if SHM_EXPORTS

static inline void shm_isolate(struct kunit *test, struct folio *folio, struct list_head *list)
{
	fxt_drain_lru();
	KUNIT_ASSERT_TRUE_MSG(test, folio_isolate_lru(folio), "order %u", folio_order(folio));
	list_add(&folio->lru, list);
	folio_put(folio);
}

/*
 * Takes the folio at an index from the LRU and lets reclaim write it to swap; what
 * waits in the swap cache for the write to end goes in a second pass, as it does
 * when reclaim meets it again, so that it must be read to come back.
 */
static inline void shm_swap_out(struct folio_fixture *fx, pgoff_t index)
{
	struct folio *folio = filemap_get_folio(fxt_mapping(fx), index);
	unsigned long i, nr;
	struct page *page;
	LIST_HEAD(list);

	KUNIT_ASSERT_FALSE_MSG(fx->test, IS_ERR(folio), "index %lu is not cached", index);
	nr = folio_nr_pages(folio);
	page = folio_page(folio, 0);
	shm_isolate(fx->test, folio, &list);
	reclaim_pages(&list);
	for (i = 0; i < nr; i++) {
		folio = page_folio(page + i);
		if (page + i != folio_page(folio, 0) || !folio_test_swapcache(folio) ||
		    folio_test_dirty(folio) || !folio_try_get(folio))
			continue;
		shm_isolate(fx->test, folio, &list);
	}
	reclaim_pages(&list);
}

#endif

#endif /* FOLIO_KUNIT_SHMEM_MODEL_H */
