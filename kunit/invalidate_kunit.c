// SPDX-License-Identifier: GPL-2.0
/*
 * mm_invalidate: what invalidation takes from the page cache and what it must
 * leave there, and what becomes of those who have mapped a file when it is
 * invalidated, truncated, punched or extended.
 */
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/swap.h>
#include <linux/uaccess.h>

#include "truncate_model.h"

#define MAP_AT	ALIGN_DOWN(TASK_SIZE / 4, PMD_SIZE)

/*
 * A page of a file to be truncated while it is mapped: with 32 bits
 * unmap_mapping_range() takes positions modulo 4 GiB where that is not fixed.
 */
#define MAPPED	(IS_ENABLED(CONFIG_64BIT) || FXT_FIXED ? FIRST : 1024UL)

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

/* invalidate_mapping_pages() takes the folios that lie whole in the range. */
static void invalidate_mapping_pages_range_edges(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), i, j, k;
	const pgoff_t pages = 1UL << order;
	/* Of three folios; indexes relative to the first, the end inclusive. */
	const pgoff_t starts[] = { 0, 1, pages / 2, pages - 1, pages, pages + 1 };
	const pgoff_t ends[] = { pages - 1, pages, 2 * pages - 2, 2 * pages - 1,
				 2 * pages, 3 * pages - 1 };

	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		for (j = 0; j < ARRAY_SIZE(ends); j++) {
			unsigned long want = 0, got;

			if (starts[i] > ends[j] || (order > 6 && (i + j) % 3 != order % 3))
				continue;
			for (k = 0; k < 3; k++)
				fxt_add_folio(fx, FIRST + k * pages, order, 0);
			fxt_drain_lru();
			got = invalidate_mapping_pages(fxt_mapping(fx), FIRST + starts[i],
						       FIRST + ends[j]);
			for (k = 0; k < 3; k++) {
				pgoff_t at = k * pages;
				bool gone = starts[i] <= at && at + pages - 1 <= ends[j];

				want += gone ? pages : 0;
				if (gone)
					expect_empty(fx, FIRST + at, FIRST + at + pages);
				else
					fxt_expect_stamped(fx, FXT_POS(FIRST + at),
							   FXT_POS(FIRST + at + pages));
			}
			KUNIT_EXPECT_EQ(test, want, got);
			expect_folios(fx, false);
			if (failed_at(test, "order %u, indexes %lu to %lu", order, starts[i],
				      ends[j]))
				return;
			start_over(fx);
		}
	}
}

/* What keeps a folio of the page cache in use. */
enum in_use {
	NOT_IN_USE, IS_PRIVATE, IS_ACCESSED,	/* these are evicted */
	IS_DIRTY, IS_WRITEBACK, IS_LOCKED, IS_HELD, IS_PRIVATE_REFUSED, IS_MAPPED,
	NR_IN_USE
};

static const char * const in_use_names[] = {
	"unused", "private", "accessed", "dirty", "writeback", "locked", "held",
	"private refused", "mapped",
};

/* It takes what is clean and unused, counts pages, and leaves the rest as it was. */
static void invalidate_mapping_pages_keeps_used(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), use;
	const pgoff_t pages = 1UL << order, index = FIRST + pages;

	fxt_switch_mm(fxt_new_mm(test));
	for (use = NOT_IN_USE; use < NR_IN_USE; use++) {
		bool kept = use >= IS_DIRTY;
		unsigned long got;
		struct folio *folio;
		unsigned int state = 0;

		if (use == IS_DIRTY)	/* and nobody asks to let go of private data */
			state = FXT_DIRTY | FXT_PRIVATE;
		else if (use == IS_PRIVATE || use == IS_PRIVATE_REFUSED)
			state = FXT_PRIVATE;
		fxt_add_folio(fx, index - 1, 0, 0);
		folio = fxt_add_folio(fx, index, order, state);
		fxt_add_folio(fx, index + pages, 0, 0);
		fx->refuse_release = use == IS_PRIVATE_REFUSED;
		if (use == IS_ACCESSED)
			folio_mark_accessed(folio);
		if (use == IS_WRITEBACK)
			start_writeback(folio);
		if (use == IS_LOCKED)
			folio_lock(folio);
		if (use == IS_HELD)
			folio_get(folio);
		if (use == IS_MAPPED) {
			fxt_mmap(fx, MAP_AT, index, pages, PROT_READ, MAP_SHARED);
			fxt_touch(test, MAP_AT, 1, false);
			KUNIT_ASSERT_TRUE(test, folio_mapped(folio));
		}
		fxt_drain_lru();
		got = invalidate_mapping_pages(fxt_mapping(fx), FIRST, -1);
		/* The unused neighbours go in any case. */
		KUNIT_EXPECT_EQ(test, kept ? 2 : 2 + pages, got);
		expect_empty(fx, FIRST, kept ? index : index + pages + 1);
		expect_empty(fx, index + pages, index + pages + 1);
		if (kept) {
			KUNIT_EXPECT_PTR_EQ(test, folio,
					    xa_load(&fxt_mapping(fx)->i_pages, index));
			KUNIT_EXPECT_EQ(test, use == IS_DIRTY, folio_test_dirty(folio));
			KUNIT_EXPECT_EQ(test, use == IS_WRITEBACK, folio_test_writeback(folio));
			KUNIT_EXPECT_EQ(test, use == IS_LOCKED, folio_test_locked(folio));
			KUNIT_EXPECT_EQ(test, use == IS_MAPPED, folio_mapped(folio));
			fxt_expect_stamped(fx, FXT_POS(index), FXT_POS(index + pages));
		}
		KUNIT_EXPECT_EQ(test, use == IS_PRIVATE || use == IS_PRIVATE_REFUSED,
				fxt_count_calls(fx, FXT_RELEASE_FOLIO));
		if (use == IS_WRITEBACK)
			folio_end_writeback(folio);
		if (use == IS_LOCKED)
			folio_unlock(folio);
		if (use == IS_HELD)
			folio_put(folio);
		if (use == IS_MAPPED)
			vm_munmap(MAP_AT, pages << PAGE_SHIFT);
		fx->refuse_release = false;
		expect_folios(fx, use == IS_DIRTY);
		if (failed_at(test, "order %u, %s", order, in_use_names[use]))
			return;
		start_over(fx);
	}
}

/* Shadow entries count as invalidated contents too. */
static void invalidate_mapping_pages_shadows(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	const pgoff_t nr = 2 * FOLIO_BATCH_SIZE + 3;
	pgoff_t i;

	for (i = 0; i < nr; i++)
		fxt_add_shadow(fx, FIRST + i, 0);
	KUNIT_ASSERT_EQ(test, 0, fxt_mapping(fx)->nrpages);
	KUNIT_EXPECT_EQ(test, nr - 2, invalidate_mapping_pages(fxt_mapping(fx), FIRST + 1,
							       FIRST + nr - 2));
	expect_empty(fx, FIRST + 1, FIRST + nr - 1);
	KUNIT_EXPECT_TRUE(test, xa_is_value(xa_load(&fxt_mapping(fx)->i_pages, FIRST)));
	KUNIT_EXPECT_TRUE(test, xa_is_value(xa_load(&fxt_mapping(fx)->i_pages, FIRST + nr - 1)));
	KUNIT_EXPECT_EQ(test, 0, invalidate_inode_pages2_range(fxt_mapping(fx), FIRST, FIRST));
	expect_empty(fx, 0, FIRST + nr - 1);
	KUNIT_EXPECT_TRUE(test, xa_is_value(xa_load(&fxt_mapping(fx)->i_pages, FIRST + nr - 1)));
}

/*
 * Shadows go, of whatever order, each counted once; what lies between them and may not
 * go stays as it was. The last one is outside of the range:
 *
 *	[shadow][dirty folio][shadow][clean folio][shadow] | [shadow]
 */
static void invalidate_shadows_around_folio(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	struct xarray *xa = &fxt_mapping(fx)->i_pages;
	unsigned int order = fxt_order(test), way, i;
	const pgoff_t pages = 1UL << order, end = FIRST + 5 * pages;
	const struct fxt_range kept = { FIRST + pages, order };

	for (way = 0; way < 2; way++) {
		struct folio *dirty;

		for (i = 0; i < 4; i++)
			fxt_add_shadow(fx, FIRST + (i < 3 ? 2 * i : 5) * pages, order);
		dirty = fxt_add_folio(fx, kept.index, order, FXT_DIRTY);
		fxt_add_folio(fx, FIRST + 3 * pages, order, 0);
		fxt_drain_lru();
		fx->launder_error = -EIO;
		if (way)
			KUNIT_EXPECT_EQ(test, -EIO, invalidate_inode_pages2_range(fxt_mapping(fx),
										  FIRST, end - 1));
		else
			KUNIT_EXPECT_EQ(test, 3 + pages, invalidate_mapping_pages(fxt_mapping(fx),
										  FIRST, end - 1));
		fx->launder_error = 0;
		KUNIT_ASSERT_PTR_EQ(test, dirty, xa_load(xa, kept.index + pages - 1));
		fxt_expect_layout(fx, &kept, 1);
		expect_empty(fx, 0, kept.index);
		expect_empty(fx, kept.index + pages, end);
		KUNIT_EXPECT_TRUE(test, xa_is_value(xa_load(xa, end)));
		KUNIT_EXPECT_EQ(test, order, xa_get_order(xa, end));
		fxt_expect_stamped(fx, FXT_POS(kept.index), FXT_POS(kept.index + pages));
		expect_folios(fx, true);
		if (failed_at(test, "order %u, way %u", order, way))
			return;
		start_over(fx);
	}
}

/* What could not be evicted is the next to go: not active, and reclaimed when written. */
static void invalidate_mapping_pages_deactivates(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), i;
	struct folio *folio = fxt_add_folio(fx, FIRST, order, FXT_DIRTY);
	struct folio *other = fxt_add_folio(fx, FIRST + (1UL << order), order, FXT_DIRTY);

	if (IS_ENABLED(CONFIG_LRU_GEN))
		kunit_skip(test, "needs a kernel without CONFIG_LRU_GEN");
	fxt_drain_lru();
	for (i = 0; i < 2; i++) {
		folio_mark_accessed(folio);
		folio_mark_accessed(other);
		fxt_drain_lru();
	}
	folio_mark_accessed(folio);
	KUNIT_ASSERT_EQ(test, order, folio_order(folio));
	KUNIT_ASSERT_TRUE(test, folio_test_active(folio) && folio_test_active(other));
	KUNIT_ASSERT_TRUE(test, folio_test_referenced(folio));
	KUNIT_EXPECT_EQ(test, 0, invalidate_mapping_pages(fxt_mapping(fx), FIRST,
							  FIRST + (1UL << order) - 1));
	fxt_drain_lru();
	KUNIT_EXPECT_FALSE(test, folio_test_active(folio));
	KUNIT_EXPECT_FALSE(test, folio_test_referenced(folio));
	KUNIT_EXPECT_TRUE(test, folio_test_reclaim(folio));
	KUNIT_EXPECT_TRUE(test, folio_test_lru(folio));
	KUNIT_EXPECT_TRUE(test, folio_test_active(other));
	KUNIT_EXPECT_FALSE(test, folio_test_reclaim(other));
	folio_clear_reclaim(folio);
	expect_folios(fx, true);
}

/* invalidate_inode_pages2_range() takes every folio that reaches into the range. */
static void invalidate_inode_pages2_range_edges(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), i, j, k;
	const pgoff_t pages = 1UL << order;
	const pgoff_t starts[] = { 0, pages - 1, pages, pages + 1, 2 * pages - 1 };
	const pgoff_t ends[] = { 0, pages - 1, pages, 2 * pages - 1, 2 * pages };

	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		for (j = 0; j < ARRAY_SIZE(ends); j++) {
			if (starts[i] > ends[j] || (order > 6 && (i + j) % 3 != order % 3))
				continue;
			for (k = 0; k < 3; k++)
				fxt_add_folio(fx, FIRST + k * pages, order,
					      k & 1 ? FXT_PRIVATE : 0);
			KUNIT_EXPECT_EQ(test, 0,
					invalidate_inode_pages2_range(fxt_mapping(fx),
								      FIRST + starts[i],
								      FIRST + ends[j]));
			for (k = 0; k < 3; k++) {
				pgoff_t at = k * pages;

				if (starts[i] <= at + pages - 1 && at <= ends[j])
					expect_empty(fx, FIRST + at, FIRST + at + pages);
				else
					fxt_expect_stamped(fx, FXT_POS(FIRST + at),
							   FXT_POS(FIRST + at + pages));
			}
			KUNIT_EXPECT_EQ(test, 0, fxt_count_calls(fx, FXT_LAUNDER_FOLIO));
			expect_folios(fx, false);
			if (failed_at(test, "order %u, indexes %lu to %lu", order, starts[i],
				      ends[j]))
				return;
			start_over(fx);
		}
	}
	KUNIT_EXPECT_EQ(test, 0, invalidate_inode_pages2(fxt_mapping(fx)));
}

/*
 * It asks the filesystem to write what is dirty and to let go of what is private;
 * a refusal is returned and keeps that folio whole, but no other.
 */
static const struct refuse_param {
	char desc[20];
	unsigned int state;
	int launder_error;
	bool refuse_release;
	bool no_launder;
	int want;
} refuse_params[] = {
	{ "laundered", FXT_DIRTY },
	{ "launder fails", FXT_DIRTY, .launder_error = -EIO, .want = -EIO },
	{ "nobody to launder", FXT_DIRTY, .no_launder = true, .want = -EBUSY },
	{ "released", FXT_PRIVATE },
	{ "release refused", FXT_PRIVATE, .refuse_release = true, .want = -EBUSY },
	{ "both granted", FXT_DIRTY | FXT_PRIVATE },
	{ "only laundered", FXT_DIRTY | FXT_PRIVATE, .refuse_release = true, .want = -EBUSY },
};

KUNIT_ARRAY_PARAM_DESC(refuse, refuse_params, desc);

static void invalidate_inode_pages2_range_asks(struct kunit *test)
{
	const struct refuse_param *param = test->param_value;
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	const struct address_space_operations *aops = fxt_mapping(fx)->a_ops;
	const struct address_space_operations no_launder = {
		.dirty_folio = aops->dirty_folio,
		.invalidate_folio = aops->invalidate_folio,
		.release_folio = aops->release_folio,
	};
	unsigned int order;

	for (order = 0; order <= min(9u, MAX_PAGECACHE_ORDER); order++) {
		const pgoff_t pages = 1UL << order, index = FIRST + pages;
		struct folio *folio;

		fxt_add_folio(fx, index - 1, 0, 0);
		folio = fxt_add_folio(fx, index, order, param->state);
		fxt_add_folio(fx, index + pages, 0, 0);
		folio_get(folio);
		fx->launder_error = param->launder_error;
		fx->refuse_release = param->refuse_release;
		if (param->no_launder)
			fxt_mapping(fx)->a_ops = &no_launder;
		KUNIT_EXPECT_EQ(test, param->want, invalidate_inode_pages2(fxt_mapping(fx)));
		fxt_mapping(fx)->a_ops = aops;
		fx->launder_error = 0;
		fx->refuse_release = false;

		KUNIT_EXPECT_EQ(test, param->state & FXT_DIRTY && !param->no_launder,
				fxt_count_calls(fx, FXT_LAUNDER_FOLIO));
		KUNIT_EXPECT_EQ(test, 0, fxt_count_calls(fx, FXT_INVALIDATE_FOLIO));
		expect_empty(fx, 0, index);
		expect_empty(fx, index + pages, ULONG_MAX);
		if (param->want) {
			fxt_expect_layout(fx, &(struct fxt_range){ index, order }, 1);
			fxt_expect_stamped(fx, FXT_POS(index), FXT_POS(index + pages));
			KUNIT_EXPECT_EQ(test, param->launder_error || param->no_launder,
					folio_test_dirty(folio));
			KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
		} else {
			expect_removed(fx, folio);
		}
		folio_put(folio);
		if (failed_at(test, "order %u", order))
			return;
		start_over(fx);
	}
}

static void invalidate_inode_pages2_waits_for_writeback(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test);
	struct folio *folio = fxt_add_folio(fx, FIRST, order, FXT_DIRTY);
	struct later *later = new_later(test, false);

	folio_get(folio);
	start_writeback(folio);
	later->folio[0] = folio;
	schedule_delayed_work(&later->work, msecs_to_jiffies(4));
	KUNIT_EXPECT_EQ(test, 0, invalidate_inode_pages2(fxt_mapping(fx)));
	KUNIT_EXPECT_TRUE(test, READ_ONCE(later->done));
	flush_delayed_work(&later->work);
	KUNIT_EXPECT_TRUE(test, xa_empty(&fxt_mapping(fx)->i_pages));
	expect_removed(fx, folio);
	folio_put(folio);
}

static int read_user(unsigned long addr)
{
	u8 byte;

	return get_user(byte, (u8 __user *)addr) ?: byte;
}

/* A page of the mapped file that user space reads and finds in the page cache. */
static void expect_user_page(struct folio_fixture *fx, struct mm_struct *mm, unsigned long addr,
			     pgoff_t index)
{
	struct folio *folio;
	struct fxt_walk walk;

	KUNIT_EXPECT_GE_MSG(fx->test, read_user(addr), 0, "index %lu", index);
	folio = filemap_get_folio(fxt_mapping(fx), index);
	KUNIT_ASSERT_FALSE_MSG(fx->test, IS_ERR(folio), "index %lu", index);
	walk = fxt_walk_mm(mm, addr, 1, folio);
	KUNIT_EXPECT_EQ_MSG(fx->test, 1, walk.ptes + walk.pmds,
			    "index %lu: another page is mapped than is cached", index);
	folio_put(folio);
}

/*
 * Truncate takes the pages past the end out of the page tables, and no other; a
 * folio that is pinned and stays whole is no exception.
 */
static void truncate_mapped_folio(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), i, pin, nr;
	const pgoff_t pages = 1UL << order, index = FIRST, nr_mapped = pages + 2;
	struct mm_struct *mm = fxt_new_mm(test);
	loff_t edge[MAX_EDGES];

	fxt_switch_mm(mm);
	nr = folio_edges(order, edge);
	for (i = 0; i < nr; i++) {
		for (pin = 0; pin < 2; pin++) {
			/* Of large folios some, and pinned ones where the end is inside. */
			loff_t size = FXT_POS(index) + edge[i];
			pgoff_t end = DIV_ROUND_UP(edge[i], PAGE_SIZE), n;
			struct folio *folio;

			if (order > 4 && (2 * i + pin + order) % (order - 2))
				continue;
			folio = fxt_add_folio(fx, index, order, FXT_DIRTY);
			fxt_add_folio(fx, index + pages, 0, FXT_DIRTY);
			fxt_add_folio(fx, index + pages + 1, 0, FXT_DIRTY);
			fxt_mmap(fx, MAP_AT, index, nr_mapped, PROT_READ, MAP_SHARED);
			fxt_touch(test, MAP_AT, nr_mapped, false);
			KUNIT_ASSERT_TRUE(test, folio_mapped(folio));
			if (pin)
				folio_get(folio);
			if (i & 1) {
				truncate_setsize(&fx->inode, size);
			} else {
				i_size_write(&fx->inode, size);
				truncate_pagecache(&fx->inode, size);
			}
			if (pin)
				folio_put(folio);
			for (n = 0; n < end; n++)
				expect_user_page(fx, mm, MAP_AT + (n << PAGE_SHIFT), index + n);
			for (; n < nr_mapped; n++)
				KUNIT_EXPECT_EQ_MSG(test, -EFAULT,
						    read_user(MAP_AT + (n << PAGE_SHIFT)),
						    "index %lu", index + n);
			fxt_expect_stamped(fx, FXT_POS(index), size);
			fxt_expect_zeroed(fx, size, FXT_POS(index + end));
			KUNIT_ASSERT_EQ(test, 0, vm_munmap(MAP_AT, nr_mapped << PAGE_SHIFT));
			expect_folios(fx, true);
			if (failed_at(test, "order %u, edge %lld, pin %u", order, edge[i], pin))
				return;
			start_over(fx);
		}
	}
}

/*
 * Nobody unmapped the range before, as truncate_inode_pages_range() itself must:
 * whole folios disappear from every mm, and those outside the range from none.
 */
static void truncate_unmaps_from_all(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), way, i;
	const pgoff_t pages = 1UL << order;
	struct mm_struct *mm[2];

	for (i = 0; i < 2; i++)
		mm[i] = fxt_new_mm(test);
	for (way = 0; way < 3; way++) {
		struct folio *folio[2];
		unsigned int calls;

		for (i = 0; i < 2; i++)
			folio[i] = fxt_add_folio(fx, FIRST + i * pages, order, 0);
		folio_get(folio[0]);
		for (i = 0; i < 2; i++) {
			fxt_switch_mm(mm[i]);
			fxt_mmap(fx, MAP_AT, FIRST, 2 * pages, PROT_READ | PROT_WRITE, MAP_SHARED);
			/* The second mm writes: its page tables know of dirty pages. */
			fxt_touch(test, MAP_AT, 2 * pages, i);
		}
		fxt_forget_calls(fx);
		if (way == 0)
			truncate_inode_pages_range(fxt_mapping(fx), FXT_POS(FIRST),
						   FXT_POS(FIRST + pages) - 1);
		else if (way == 1)
			truncate_pagecache_range(&fx->inode, FXT_POS(FIRST),
						 FXT_POS(FIRST + pages) - 1);
		else
			KUNIT_EXPECT_EQ(test, 0,
					invalidate_inode_pages2_range(fxt_mapping(fx), FIRST,
								      FIRST + pages - 1));
		calls = fxt_count_calls(fx, FXT_LAUNDER_FOLIO);
		KUNIT_EXPECT_EQ(test, way == 2, calls);
		for (i = 0; i < 2; i++) {
			struct fxt_walk gone = fxt_walk_mm(mm[i], MAP_AT, pages, folio[0]);
			struct fxt_walk kept = fxt_walk_mm(mm[i], MAP_AT + (pages << PAGE_SHIFT),
							   pages, folio[1]);

			KUNIT_EXPECT_EQ_MSG(test, 0, gone.ptes + gone.pmds, "mm %u", i);
			KUNIT_EXPECT_EQ_MSG(test, pages, kept.ptes + kept.pmds * pages, "mm %u", i);
		}
		expect_removed(fx, folio[0]);
		folio_put(folio[0]);
		expect_empty(fx, 0, FIRST + pages);
		/* What is read now is read from the disk again. */
		fxt_forget_calls(fx);
		expect_user_page(fx, mm[1], MAP_AT, FIRST);
		KUNIT_EXPECT_NOT_NULL(test, fxt_find_call(fx, FXT_READ_FOLIO, FIRST));
		fxt_switch_mm(mm[0]);
		vm_munmap(MAP_AT, 2 * pages << PAGE_SHIFT);
		fxt_switch_mm(mm[1]);
		vm_munmap(MAP_AT, 2 * pages << PAGE_SHIFT);
		if (failed_at(test, "order %u, way %u", order, way))
			return;
		start_over(fx);
	}
}

/*
 * A hole leaves the pages that a process has made its own; the end of the file
 * takes them, but for the page that it lies in.
 */
static void truncate_takes_cow_punch_keeps(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), i;
	const pgoff_t pages = 1UL << order;
	/* The page before the hole, the first and the last one in it. */
	const pgoff_t page[] = { 0, 1, pages };
	const loff_t size = FXT_POS(MAPPED - 1) + (order & 1 ? 9 : PAGE_SIZE);

	fxt_add_folio(fx, MAPPED - 1, 0, 0);
	fxt_add_folio(fx, MAPPED, order, 0);
	fxt_switch_mm(fxt_new_mm(test));
	fxt_mmap(fx, MAP_AT, MAPPED - 1, pages + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	fxt_touch(test, MAP_AT, pages + 1, false);
	/* No stamp has the top bit clear. */
	for (i = 0; i < 3; i++)
		KUNIT_ASSERT_EQ(test, 0, put_user(5, (u8 __user *)MAP_AT + page[i] * PAGE_SIZE));

	truncate_pagecache_range(&fx->inode, FXT_POS(MAPPED), FXT_POS(MAPPED + pages) - 1);
	expect_empty(fx, MAPPED, MAPPED + pages);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ_MSG(test, 5, read_user(MAP_AT + page[i] * PAGE_SIZE),
				    "page %lu", page[i]);
	i_size_write(&fx->inode, size);
	truncate_pagecache(&fx->inode, size);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ_MSG(test, i ? -EFAULT : 5,
				    read_user(MAP_AT + page[i] * PAGE_SIZE), "page %lu", page[i]);
	fxt_expect_stamped(fx, FXT_POS(MAPPED - 1), size);
	fxt_expect_zeroed(fx, size, FXT_POS(MAPPED));
}

/*
 * Pages that a process has made its own are none of the file's: who drops the file's
 * pages, and unmaps them only then, leaves these.
 */
static void invalidate_keeps_private_copies(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), way;
	const pgoff_t pages = 1UL << order, copied = pages - 1;
	pgoff_t i;

	fxt_switch_mm(fxt_new_mm(test));
	for (way = 0; way < 2; way++) {
		fxt_add_folio(fx, MAPPED, order, 0);
		fxt_mmap(fx, MAP_AT, MAPPED, pages, PROT_READ | PROT_WRITE, MAP_PRIVATE);
		fxt_touch(test, MAP_AT, pages, false);
		/* No stamp has the top bit clear. */
		KUNIT_ASSERT_EQ(test, 0, put_user(5, (u8 __user *)MAP_AT + copied * PAGE_SIZE));
		if (way)
			truncate_inode_pages_range(fxt_mapping(fx), FXT_POS(MAPPED),
						   FXT_POS(MAPPED + pages) - 1);
		else
			KUNIT_EXPECT_EQ(test, 0,
					invalidate_inode_pages2_range(fxt_mapping(fx), MAPPED,
								      MAPPED + pages - 1));
		expect_empty(fx, MAPPED, MAPPED + pages);
		KUNIT_EXPECT_EQ(test, 5, read_user(MAP_AT + copied * PAGE_SIZE));
		for (i = 0; i < copied; i++)
			KUNIT_EXPECT_GE_MSG(test, read_user(MAP_AT + i * PAGE_SIZE), 0x80,
					    "page %lu", i);
		KUNIT_ASSERT_EQ(test, 0, vm_munmap(MAP_AT, pages << PAGE_SHIFT));
		if (failed_at(test, "order %u, way %u", order, way))
			return;
		start_over(fx);
	}
}

/*
 * pagecache_isize_extended(): the page that the old EOF lay in shall fault at its
 * next write, so that the filesystem learns of it, and show zeroes past that EOF.
 * Offsets are in the folio's last page; to is relative to from; blocks of 512.
 */
static const struct extend_param {
	char desc[40];
	unsigned int from;
	loff_t by;
	bool acts;
} extend_params[] = {
	{ "inside a block, to another block", 100, 1000, true },
	{ "inside a block, to the page's end", 700, PAGE_SIZE - 700, true },
	{ "inside a block, past the folio", 1025, 1 << 30, true },
	{ "block edge, by a byte", 512, 1, true },
	{ "block edge, by a page", 1536, PAGE_SIZE, true },
	{ "last byte of the last block but one", PAGE_SIZE - 513, 3, true },
	{ "inside a block, to its end", 600, 1024 - 600, false },
	{ "inside a block, in it", 600, 1, false },
	{ "in the page's last block", PAGE_SIZE - 511, PAGE_SIZE, false },
	{ "page edge", 0, 1000, false },
	{ "not at all", 700, 0, false },
	{ "backwards", 700, -600, false },
};

KUNIT_ARRAY_PARAM_DESC(extend, extend_params, desc);

static void pagecache_isize_extended_protects(struct kunit *test)
{
	const struct extend_param *param = test->param_value;
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order, blkbits;

	fxt_switch_mm(fxt_new_mm(test));
	for (order = 0; order <= min(9u, MAX_PAGECACHE_ORDER); order++) {
		for (blkbits = 9; blkbits <= PAGE_SHIFT; blkbits += PAGE_SHIFT - 9) {
			const pgoff_t pages = 1UL << order, end = MAPPED + pages;
			const loff_t from = FXT_POS(end - 1) + param->from;
			const loff_t to = from + param->by;
			const bool acts = param->acts && blkbits < PAGE_SHIFT;
			const unsigned long last = MAP_AT + ((pages - 1) << PAGE_SHIFT);

			fx->inode.i_blkbits = blkbits;
			fxt_add_folio(fx, MAPPED, order, 0);
			fxt_mmap(fx, MAP_AT, MAPPED, pages, PROT_READ | PROT_WRITE, MAP_SHARED);
			fxt_touch(test, MAP_AT, pages, false);
			fxt_touch(test, last, 1, true);
			folio_put(get_folio(fx, MAPPED, order));

			fxt_forget_calls(fx);
			if (order & 1 && to > FXT_POS(end)) {
				i_size_write(&fx->inode, from);
				truncate_setsize(&fx->inode, to);
			} else {
				i_size_write(&fx->inode, max(from, to));
				pagecache_isize_extended(&fx->inode, from, to);
			}
			/* What the page tables knew to be dirty, the folio now knows. */
			KUNIT_EXPECT_EQ(test, acts, fxt_count_calls(fx, FXT_DIRTY_FOLIO));
			if (acts && COMPAT_ISIZE_EXTENDED_ZEROES) {
				fxt_expect_stamped(fx, FXT_POS(MAPPED), from);
				fxt_expect_zeroed(fx, from, min(to, FXT_POS(end)));
				fxt_expect_stamped(fx, min(to, FXT_POS(end)), FXT_POS(end));
			} else {
				fxt_expect_stamped(fx, FXT_POS(MAPPED), FXT_POS(end));
			}
			fxt_forget_calls(fx);
			fxt_touch(test, last, 1, true);
			KUNIT_EXPECT_EQ(test, acts, fxt_count_calls(fx, FXT_DIRTY_FOLIO) > 0);

			/* Neither mapped nor dirty: nothing to do. */
			KUNIT_ASSERT_EQ(test, 0, vm_munmap(MAP_AT, pages << PAGE_SHIFT));
			start_over(fx);
			fxt_add_folio(fx, MAPPED, order, 0);
			i_size_write(&fx->inode, max(from, to));
			pagecache_isize_extended(&fx->inode, from, to);
			fxt_expect_stamped(fx, FXT_POS(MAPPED), FXT_POS(end));
			expect_folios(fx, false);
			start_over(fx);
			i_size_write(&fx->inode, max(from, to));
			pagecache_isize_extended(&fx->inode, from, to);
			KUNIT_EXPECT_EQ(test, 0, fxt_mapping(fx)->nrpages);
			if (failed_at(test, "order %u, blkbits %u", order, blkbits))
				return;
			start_over(fx);
		}
	}
}

/* A byte is enough to lose its folio, mapped or not, but no other. */
static void invalidate_inode_edges(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	struct address_space *mapping = fxt_mapping(fx);
	unsigned int order = fxt_order(test), i;
	unsigned long nr = 1UL << order;
	const struct fxt_range all[] = { { 0, order }, { nr, order }, { 2 * nr, order } };
	const struct fxt_range rest[] = { all[0], all[2] };
	const loff_t bytes[] = {
		FXT_POS(nr), FXT_POS(nr + nr / 2), FXT_POS(2 * nr) - 1,
	};

	fxt_add_folio(fx, 0, order, 0);
	fxt_add_folio(fx, 2 * nr, order, 0);
	fxt_switch_mm(fxt_new_mm(test));
	for (i = 0; i < ARRAY_SIZE(bytes); i++) {
		struct folio *folio = fxt_add_folio(fx, nr, order, 0);
		struct kiocb iocb;

		fxt_mmap(fx, MAP_AT, 0, 3 * nr, PROT_READ, MAP_SHARED);
		fxt_touch(test, MAP_AT, 3 * nr, false);
		KUNIT_ASSERT_GT_MSG(test, folio_mapcount(folio), 0, "byte %lld", bytes[i]);
		fxt_expect_layout(fx, all, 3);

		init_sync_kiocb(&iocb, fxt_file(fx));
		iocb.ki_pos = bytes[i];
		iocb.ki_flags |= IOCB_NOWAIT;
		KUNIT_EXPECT_EQ_MSG(test, kiocb_invalidate_pages(&iocb, 1), -EAGAIN,
				    "byte %lld", bytes[i]);
		fxt_expect_layout(fx, all, 3);
		KUNIT_EXPECT_EQ_MSG(test, filemap_invalidate_inode(&fx->inode, false, bytes[i],
								   bytes[i]), 0,
				    "byte %lld", bytes[i]);
		fxt_expect_layout(fx, rest, 2);
		/* With the folio gone nothing would have to wait. */
		KUNIT_EXPECT_EQ_MSG(test, kiocb_invalidate_pages(&iocb, 1), 0,
				    "byte %lld", bytes[i]);
		KUNIT_EXPECT_FALSE_MSG(test, rwsem_is_locked(&mapping->invalidate_lock),
				       "byte %lld", bytes[i]);
		KUNIT_ASSERT_EQ(test, 0, vm_munmap(MAP_AT, 3 * nr << PAGE_SHIFT));
	}
}

/* Private data is asked for when there is some and nothing needs it. */
static void release_folio_asks_once(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test);
	struct folio *folio = fxt_add_folio(fx, 0, order, 0);

	KUNIT_ASSERT_EQ(test, folio_order(folio), order);
	folio_lock(folio);
	/* Nothing to release. */
	KUNIT_EXPECT_TRUE(test, filemap_release_folio(folio, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, fxt_count_calls(fx, FXT_RELEASE_FOLIO), 0);
	folio_attach_private(folio, fx);
	/* Under writeback the private data is in use. */
	folio_start_writeback(folio);
	KUNIT_EXPECT_FALSE(test, filemap_release_folio(folio, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, fxt_count_calls(fx, FXT_RELEASE_FOLIO), 0);
	folio_end_writeback(folio);
	fx->refuse_release = true;
	KUNIT_EXPECT_FALSE(test, filemap_release_folio(folio, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, fxt_count_calls(fx, FXT_RELEASE_FOLIO), 1);
	KUNIT_EXPECT_TRUE(test, folio_test_private(folio));
	fx->refuse_release = false;
	KUNIT_EXPECT_TRUE(test, filemap_release_folio(folio, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, fxt_count_calls(fx, FXT_RELEASE_FOLIO), 2);
	KUNIT_EXPECT_FALSE(test, folio_test_private(folio));
	folio_unlock(folio);
}

/* A folio with a memory error is taken out of a file, and out of nothing else. */
static void generic_error_remove_folio_checks(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	struct folio_fixture *other = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test);
	struct folio *folio = fxt_add_folio(fx, FIRST, order, FXT_DIRTY | FXT_PRIVATE);
	const struct fxt_range whole = { FIRST, order };

	folio_get(folio);
	folio_lock(folio);
	KUNIT_EXPECT_EQ(test, -EINVAL, generic_error_remove_folio(NULL, folio));
	KUNIT_EXPECT_EQ(test, -EIO, generic_error_remove_folio(fxt_mapping(other), folio));
	fx->inode.i_mode ^= S_IFREG ^ S_IFDIR;
	KUNIT_EXPECT_EQ(test, -EIO, generic_error_remove_folio(fxt_mapping(fx), folio));
	fx->inode.i_mode ^= S_IFREG ^ S_IFDIR;
	fxt_expect_layout(fx, &whole, 1);
	KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
	KUNIT_EXPECT_EQ(test, 0, fxt_count_calls(fx, FXT_INVALIDATE_FOLIO));

	KUNIT_EXPECT_EQ(test, 0, generic_error_remove_folio(fxt_mapping(fx), folio));
	folio_unlock(folio);
	KUNIT_EXPECT_EQ(test, 1, fxt_count_calls(fx, FXT_INVALIDATE_FOLIO));
	KUNIT_EXPECT_TRUE(test, xa_empty(&fxt_mapping(fx)->i_pages));
	KUNIT_EXPECT_EQ(test, 0, fxt_mapping(fx)->nrpages);
	expect_removed(fx, folio);
	folio_put(folio);
}

static struct kunit_case invalidate_cases[] = {
	KUNIT_CASE_PARAM_ATTR(truncate_mapped_folio, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(truncate_unmaps_from_all, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(truncate_takes_cow_punch_keeps, order_gen_params),
	KUNIT_CASE_PARAM(invalidate_keeps_private_copies, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(invalidate_mapping_pages_range_edges, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(invalidate_mapping_pages_keeps_used, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE(invalidate_mapping_pages_shadows),
	KUNIT_CASE_PARAM(invalidate_shadows_around_folio, order_gen_params),
	KUNIT_CASE_PARAM(invalidate_mapping_pages_deactivates, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(invalidate_inode_pages2_range_edges, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(invalidate_inode_pages2_range_asks, refuse_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(invalidate_inode_pages2_waits_for_writeback, order_gen_params),
	KUNIT_CASE_PARAM(invalidate_inode_edges, order_gen_params),
	KUNIT_CASE_PARAM(release_folio_asks_once, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(pagecache_isize_extended_protects, extend_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(generic_error_remove_folio_checks, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	{}
};

static struct kunit_suite invalidate_suite = {
	.name = "mm_invalidate",
	.init = fxt_stay_on_cpu,
	.test_cases = invalidate_cases,
};

kunit_test_suite(invalidate_suite);

MODULE_DESCRIPTION("KUnit suite of invalidation and of truncated mappings");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_LICENSE("GPL");
