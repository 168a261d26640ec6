// SPDX-License-Identifier: GPL-2.0
/*
 * mm_shmem_swap: folios of tmpfs that go to swap, whole or split, and come back.
 *
 *	page cache	[folio of 2^n pages]	->	[entry of order n]
 *	swap					->	2^n slots, in order
 *
 * Nobody who reads, writes, truncates or punches the file may see a difference,
 * each page is accounted once, cached or swapped, and every slot that is no
 * longer needed is free.
 */
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include <linux/uaccess.h>

#include "shmem_model.h"

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

#if SHM_EXPORTS

#define ADDR		0x40000000UL

/* In turn with the order: with readahead, by single pages, or synchronous and whole. */
static struct fxt_swap *swap_on(struct kunit *test, unsigned long slots, bool sync)
{
	return fxt_swap_on(test, slots, sync ? FXT_SWAP_SYNC : 0);
}

/*
 * After all reads: what is cached or swapped are @pages pages, as many slots as
 * entries say are in use, and none besides.
 */
static void expect_swapped(struct folio_fixture *fx, struct fxt_swap *swap, unsigned long pages)
{
	struct shmem_inode_info *info = SHMEM_I(shm_inode(fx));

	shm_expect_accounts(fx);
	KUNIT_EXPECT_EQ(fx->test, pages, info->alloced);
	KUNIT_EXPECT_EQ(fx->test, info->swapped, fxt_swap_used(swap));
}

/* In one piece, or split to single pages. */
static unsigned int swap_order(unsigned int order)
{
	return IS_ENABLED(CONFIG_THP_SWAP) ? order : 0;
}

/* Swaps out the folio of a known order at an index, and proves where it is. */
static swp_entry_t swap_out(struct folio_fixture *fx, struct fxt_swap *swap, pgoff_t index,
			    unsigned int order)
{
	const unsigned long pages = 1UL << order;
	const long used = fxt_swap_used(swap), written = atomic_long_read(&swap->written);
	const unsigned long nrpages = fxt_mapping(fx)->nrpages;
	struct kunit *test = fx->test;
	void *entry;

	folio_put(get_folio(fx, index, order));
	shm_swap_out(fx, index);
	KUNIT_ASSERT_EQ(test, nrpages - pages, fxt_mapping(fx)->nrpages);
	KUNIT_ASSERT_EQ(test, used + pages, fxt_swap_used(swap));
	KUNIT_EXPECT_EQ(test, written + pages, atomic_long_read(&swap->written));
	entry = xa_load(&fxt_mapping(fx)->i_pages, index);
	KUNIT_ASSERT_TRUE(test, xa_is_value(entry));
	KUNIT_ASSERT_EQ(test, swap_order(order), xa_get_order(&fxt_mapping(fx)->i_pages, index));
	return radix_to_swp_entry(entry);
}

/* Whole to swap, slot by slot as it was, and back by reads in pieces. */
static void swap_out_and_read(struct kunit *test)
{
	unsigned int order = fxt_order(test), sync;
	const unsigned long pages = 1UL << order;
	const pgoff_t index = FIRST + 1024;
	const loff_t pos = FXT_POS(index), end = FXT_POS(index + pages);
	struct folio_fixture *fx = shm_file(test);

	for (sync = 0; sync < 2; sync++) {
		struct fxt_swap *swap = swap_on(test, 1600, sync);
		struct shm_stats before = shm_read_stats();
		swp_entry_t entry;
		unsigned long i;

		fxt_add_shmem(fx, index, order);
		entry = swap_out(fx, swap, index, order);
		shm_expect_stats(test, before, 0, 0);
		for (i = 0; i < pages; i++) {
			unsigned long slot = swp_offset(entry) + i;

			if (!swap_order(order)) {
				void *own = xa_load(&fxt_mapping(fx)->i_pages, index + i);

				slot = swp_offset(radix_to_swp_entry(own));
			}
			fxt_expect_buffer(fx, fxt_swap_slot(swap, slot), FXT_POS(index + i),
					  PAGE_SIZE);
		}
		expect_swapped(fx, swap, pages);

		/* One page in the middle, then the rest. */
		fxt_read_stamped(fx, FXT_POS(index + pages / 2) + 100,
				 FXT_POS(index + pages / 2) + 200, false);
		if (sync && swap_order(order) == order) {
			const struct fxt_range want = { index, order };

			fxt_expect_layout(fx, &want, 1);
			KUNIT_EXPECT_EQ(test, pages, atomic_long_read(&swap->read));
		}
		KUNIT_EXPECT_EQ(test, pages, SHMEM_I(shm_inode(fx))->alloced);
		fxt_read_stamped(fx, pos, end, false);
		fxt_expect_stamped(fx, pos, end);
		KUNIT_EXPECT_EQ(test, pages, fxt_mapping(fx)->nrpages);
		expect_swapped(fx, swap, pages);
		KUNIT_EXPECT_EQ(test, pages, atomic_long_read(&swap->freed));
		shm_expect_folios(fx);
		shm_expect_stats(test, before, pages, sync ? shm_thps(swap_order(order)) : 0);
		if (failed_at(test, "order %u, sync %u", order, sync))
			return;
		shm_start_over(fx);
		KUNIT_EXPECT_EQ(test, 0, fxt_swap_off(swap));
	}
}

/* Single pages of large entries, at random: the rest stays where it was. */
static void swap_in_at_random(struct kunit *test)
{
	unsigned int order = fxt_order(test), n;
	const unsigned long pages = 1UL << order;
	const pgoff_t index = FIRST + 1024;
	struct folio_fixture *fx = shm_file(test);
	struct fxt_swap *swap = swap_on(test, 1600, false);
	struct rnd_state rnd;

	prandom_seed_state(&rnd, fxt_seed(test));
	fxt_add_shmem(fx, index, order);
	fxt_add_shmem(fx, index - 1, 0);
	fxt_add_shmem(fx, index + pages, 0);
	swap_out(fx, swap, index + pages, 0);
	swap_out(fx, swap, index, order);
	swap_out(fx, swap, index - 1, 0);
	for (n = 0; n < 20; n++) {
		pgoff_t at = index + prandom_u32_state(&rnd) % pages;
		struct folio *folio = NULL;

		KUNIT_ASSERT_EQ(test, 0, shmem_get_folio(shm_inode(fx), at, 0, &folio,
							 n & 1 ? SGP_CACHE : SGP_WRITE));
		KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
		KUNIT_EXPECT_TRUE(test, folio_contains(folio, at));
		folio_unlock(folio);
		folio_put(folio);
		fxt_expect_stamped(fx, FXT_POS(at), FXT_POS(at + 1));
		shm_expect_accounts(fx);
		KUNIT_EXPECT_EQ_MSG(test, pages + 2, SHMEM_I(shm_inode(fx))->alloced,
				    "page %lu", at - index);
		if (failed_at(test, "page %lu of %lu", at - index, pages))
			return;
	}
	fxt_read_stamped(fx, FXT_POS(index - 1), FXT_POS(index + pages + 1), false);
	shm_expect_folios(fx);
	expect_swapped(fx, swap, pages + 2);
}

/*
 * A file that wants its memory below some address gets it there, also when a page of it
 * was read from swap with its neighbours, by one who did not know: it is copied.
 */
static void swap_in_replaces_folio(struct kunit *test)
{
	const gfp_t low = GFP_KERNEL | __GFP_DMA;
	const pgoff_t index = FIRST + 1024;
	const unsigned long nr = 32;
	struct folio_fixture *fx = shm_file(test);
	struct fxt_swap *swap = swap_on(test, 1600, false);
	struct shm_stats before;
	gfp_t gfp = mapping_gfp_mask(fxt_mapping(fx));
	unsigned long i;

	if (!IS_ENABLED(CONFIG_ZONE_DMA))
		kunit_skip(test, "needs CONFIG_ZONE_DMA");
	for (i = 0; i < nr; i++)
		fxt_add_shmem(fx, index + i, 0);
	before = shm_read_stats();
	for (i = 0; i < nr; i++)
		swap_out(fx, swap, index + i, 0);
	for (i = 0; i < nr; i++) {
		struct folio *folio;

		/* Every fourth is read in ignorance of that, and brings others along. */
		mapping_set_gfp_mask(fxt_mapping(fx), i % 4 ? low : gfp);
		fxt_read_stamped(fx, FXT_POS(index + i), FXT_POS(index + i + 1), false);
		folio = get_folio(fx, index + i, 0);
		if (i % 4)
			KUNIT_EXPECT_LE_MSG(test, (int)folio_zonenum(folio), (int)gfp_zone(low),
					    "page %lu", i);
		folio_put(folio);
	}
	mapping_set_gfp_mask(fxt_mapping(fx), gfp);
	KUNIT_EXPECT_EQ(test, nr, fxt_mapping(fx)->nrpages);
	fxt_expect_stamped(fx, FXT_POS(index), FXT_POS(index + nr));
	shm_expect_folios(fx);
	expect_swapped(fx, swap, nr);
	shm_expect_stats(test, before, 0, 0);
}

/* Holes at every edge of a swapped folio: contents, and slots that are free. */
static void punch_swapped_folio(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, j, nr, n = 0;
	const unsigned long pages = 1UL << order;
	const pgoff_t index = FIRST + 1024;
	struct folio_fixture *fx = shm_file(test);
	struct fxt_swap *swap = swap_on(test, 1600, order & 1);
	loff_t edge[MAX_EDGES];

	nr = folio_edges(order, edge);
	for (i = 0; i < nr; i++) {
		for (j = i + 1; j <= nr; j++) {
			/* The last is a truncation. */
			bool truncate = j == nr;
			loff_t from = FXT_POS(index) + edge[i];
			loff_t to = truncate ? FXT_POS(index + pages + 1) :
				    FXT_POS(index) + edge[j];
			pgoff_t first = DIV_ROUND_UP(from, PAGE_SIZE), last = to >> PAGE_SHIFT;

			if (order > 2 && !truncate && (n++ + order) % (2 * order - 3) != 0)
				continue;
			fxt_add_shmem(fx, index, order);
			fxt_add_shmem(fx, index - 1, 0);
			fxt_add_shmem(fx, index + pages, 0);
			swap_out(fx, swap, index - 1, 0);
			swap_out(fx, swap, index, order);
			swap_out(fx, swap, index + pages, 0);
			if (truncate)
				shm_truncate(fx, from);
			else
				shm_punch(fx, from, to);
			expect_empty(fx, first, last);
			shm_expect_accounts(fx);
			KUNIT_EXPECT_EQ(test, pages + 2 - (last > first ? last - first : 0),
					SHMEM_I(shm_inode(fx))->alloced);
			if (truncate)
				shm_truncate(fx, to);
			fxt_read_stamped(fx, FXT_POS(index - 1), from, false);
			fxt_read_stamped(fx, from, to, true);
			fxt_read_stamped(fx, to, FXT_POS(index + pages + 1), false);
			expect_swapped(fx, swap, pages + 2 - (last > first ? last - first : 0));
			shm_expect_folios(fx);
			if (failed_at(test, "order %u, hole %lld to %lld", order, edge[i],
				      to - FXT_POS(index)))
				return;
			shm_start_over(fx);
			KUNIT_EXPECT_EQ(test, 0, fxt_swap_used(swap));
		}
	}
}

/* Over many entries of all orders, more than a batch, some cached and some not. */
static void punch_many_swapped(struct kunit *test)
{
	struct folio_fixture *fx = shm_file(test);
	struct fxt_swap *swap = swap_on(test, 4095, false);
	const unsigned int nr = 40;
	unsigned int i, way;

	for (way = 0; way < 4; way++) {
		unsigned long kept = 0;
		pgoff_t from = FIRST + 64 * 3 + 1, to = FIRST + 64 * 37 + 2;

		for (i = 0; i < nr; i++) {
			pgoff_t at = FIRST + 64 * i;

			fxt_add_shmem(fx, at, i % 6);
			if (i % 4 || way & 1)
				swap_out(fx, swap, at, i % 6);
			if (at + (1 << i % 6) <= from || at >= to)
				kept += 1 << i % 6;
		}
		/* And the first page of the folio that the hole begins in. */
		kept++;
		if (way & 2)
			shm_punch(fx, FXT_POS(from) - 100, FXT_POS(to));
		else
			shm_truncate(fx, FXT_POS(from) - 100);
		if (!(way & 2))
			for (i = 38, to = FIRST + 64 * nr; i < nr; i++)
				kept -= 1 << i % 6;
		expect_empty(fx, from, to);
		shm_expect_accounts(fx);
		KUNIT_EXPECT_EQ(test, kept, SHMEM_I(shm_inode(fx))->alloced);
		shm_start_over(fx);
		KUNIT_EXPECT_EQ(test, 0, fxt_swap_used(swap));
		if (failed_at(test, "way %u", way))
			return;
	}
}

/* A folio with room past EOF goes to swap in parts: none of it past EOF. */
static void swap_out_past_eof(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, nr;
	const unsigned long pages = 1UL << order;
	const pgoff_t index = FIRST + 1024;
	struct folio_fixture *fx = shm_file(test);
	struct fxt_swap *swap = swap_on(test, 1600, order & 1);
	loff_t edge[MAX_EDGES];

	nr = folio_edges(order, edge);
	for (i = 0; i < nr; i++) {
		unsigned long kept = DIV_ROUND_UP(edge[i], PAGE_SIZE);
		long at;

		if (!edge[i])
			continue;
		fxt_add_shmem(fx, index, order);
		i_size_write(shm_inode(fx), FXT_POS(index) + edge[i]);
		shm_swap_out(fx, index);
		vfs_getattr_nosec(&fx->file->f_path, &(struct kstat) {}, STATX_BASIC_STATS, 0);
		shm_expect_accounts(fx);
		KUNIT_EXPECT_EQ(test, kept, SHMEM_I(shm_inode(fx))->alloced);
		KUNIT_EXPECT_LE(test, fxt_swap_used(swap), kept);
		/* At least the one that was asked for is out, and none of it is lost. */
		for (at = 0; at < pages; at++)
			KUNIT_EXPECT_EQ_MSG(test, at < kept,
					    !!xa_load(&fxt_mapping(fx)->i_pages, index + at),
					    "page %ld", at);
		if (kept == pages)
			KUNIT_EXPECT_EQ(test, swap_order(order),
					xa_get_order(&fxt_mapping(fx)->i_pages, index));
		fxt_read_stamped(fx, FXT_POS(index), FXT_POS(index) + edge[i], false);
		expect_swapped(fx, swap, kept);
		if (failed_at(test, "order %u, EOF %lld", order, edge[i]))
			return;
		shm_start_over(fx);
	}
}

/* What was fallocated past EOF is not given up for swap. */
static void swap_out_fallocated(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	const unsigned long pages = 1UL << order;
	const pgoff_t index = FIRST + 1024;
	struct folio_fixture *fx = shm_file(test);
	struct fxt_swap *swap = swap_on(test, 1600, order & 1);
	const loff_t pos = FXT_POS(index);

	i_size_write(shm_inode(fx), FXT_POS(index + pages));
	KUNIT_ASSERT_EQ(test, 0, vfs_fallocate(fx->file, 0, pos, PAGE_SIZE << order));
	i_size_write(shm_inode(fx), pos + 1);
	fxt_drain_lru();
	shm_swap_out(fx, index);
	KUNIT_EXPECT_EQ(test, pages, SHMEM_I(shm_inode(fx))->swapped);
	/* Zeros need no room on the disk. */
	KUNIT_EXPECT_EQ(test, 0, atomic_long_read(&swap->written));
	expect_swapped(fx, swap, pages);
	KUNIT_EXPECT_EQ(test, swap_order(order), xa_get_order(&fxt_mapping(fx)->i_pages, index));
	i_size_write(shm_inode(fx), FXT_POS(index + pages));
	fxt_read_stamped(fx, pos, FXT_POS(index + pages), true);
	expect_swapped(fx, swap, pages);
	shm_expect_folios(fx);
}

/* Too little room for it in one piece: the folio is split, and comes back whole. */
static void swap_out_in_parts(struct kunit *test)
{
	const unsigned long pages = 1UL << FXT_MAX_ORDER;
	const unsigned long slots[] = { 40, pages / 2 + 44, pages - 1 };
	struct folio_fixture *fx = shm_file(test);
	const pgoff_t index = FIRST + 1024;
	unsigned int i, sync;

	for (i = 0; i < 2 * ARRAY_SIZE(slots); i++) {
		struct fxt_swap *swap;
		pgoff_t at;

		sync = i & 1;
		swap = swap_on(test, slots[i / 2], sync);
		fxt_add_shmem(fx, index, FXT_MAX_ORDER);
		fxt_drain_lru();
		shm_swap_out(fx, index);
		KUNIT_EXPECT_GT(test, fxt_swap_used(swap), 0);
		KUNIT_EXPECT_EQ(test, pages, SHMEM_I(shm_inode(fx))->alloced);
		expect_swapped(fx, swap, pages);
		/* And each part again, until there is no more room. */
		for (at = index; at < index + pages; at++)
			if (!xa_is_value(xa_load(&fxt_mapping(fx)->i_pages, at)))
				shm_swap_out(fx, at);
		expect_swapped(fx, swap, pages);
		KUNIT_EXPECT_EQ(test, slots[i / 2], fxt_swap_used(swap));
		fxt_read_stamped(fx, FXT_POS(index), FXT_POS(index + pages), false);
		expect_swapped(fx, swap, pages);
		shm_expect_folios(fx);
		if (failed_at(test, "%lu slots, sync %u", slots[i / 2], sync))
			return;
		shm_start_over(fx);
		KUNIT_ASSERT_EQ(test, 0, fxt_swap_off(swap));
	}
}

/* swapoff brings back all that several files have there, and leaves the rest. */
static void swapoff_brings_back(struct kunit *test)
{
	unsigned int i, order, sync, n;

	for (sync = 0; sync < 2; sync++) {
		struct fxt_swap *swap = swap_on(test, 8191, sync);
		struct folio_fixture *file[3];
		unsigned long pages[3] = {};

		for (i = 0; i < 3; i++) {
			file[i] = shm_file(test);
			for (order = 0; order <= FXT_MAX_ORDER; order++) {
				pgoff_t at = FIRST + order * 1024;

				fxt_add_shmem(file[i], at, order);
				if ((i + order) % 3)
					swap_out(file[i], swap, at, order);
				pages[i] += 1UL << order;
			}
			/* Single pages, more than a batch. */
			for (n = 0; n < 50 && !i; n++, pages[i]++) {
				fxt_add_shmem(file[i], 2 * n + 1, 0);
				swap_out(file[i], swap, 2 * n + 1, 0);
			}
			/* Some of it is back already. */
			fxt_read_stamped(file[i], FXT_POS(FIRST + 5 * 1024 + 7),
					 FXT_POS(FIRST + 5 * 1024 + 8), false);
		}
		KUNIT_ASSERT_EQ(test, 0, fxt_swap_off(swap));
		KUNIT_EXPECT_EQ(test, 0, get_nr_swap_pages());
		for (i = 0; i < 3; i++) {
			KUNIT_EXPECT_EQ(test, 0, SHMEM_I(shm_inode(file[i]))->swapped);
			KUNIT_EXPECT_EQ(test, pages[i], fxt_mapping(file[i])->nrpages);
			for (order = 0; order <= FXT_MAX_ORDER; order++)
				fxt_expect_stamped(file[i], FXT_POS(FIRST + order * 1024),
						   FXT_POS(FIRST + order * 1024 + (1 << order)));
			for (n = 0; n < 50 && !i; n++)
				fxt_expect_stamped(file[i], FXT_POS(2 * n + 1), FXT_POS(2 * n + 2));
			shm_expect_folios(file[i]);
			shm_truncate(file[i], 0);
		}
		if (failed_at(test, "sync %u", sync))
			return;
	}
}

/* The disk cannot read: an error, no stale data, and only what was lost is lost. */
static void swap_in_error(struct kunit *test)
{
	unsigned int order = fxt_order(test), sync;
	const unsigned long pages = 1UL << order;
	const pgoff_t index = FIRST + 1024, bad = index + pages / 2;

	for (sync = 0; sync < 2; sync++) {
		struct folio_fixture *fx = shm_file(test);
		struct fxt_swap *swap = swap_on(test, 1600, sync);
		struct folio *folio = NULL;
		loff_t pos = FXT_POS(bad);
		char byte;

		fxt_add_shmem(fx, index, order);
		fxt_add_shmem(fx, index - 2, 0);
		swap_out(fx, swap, index, order);
		WRITE_ONCE(swap->fail_read, true);
		KUNIT_EXPECT_EQ(test, -EIO, kernel_read(fx->file, &byte, 1, &pos));
		WRITE_ONCE(swap->fail_read, false);
		/* Lost is lost: no second read may find what another wrote to the slot. */
		KUNIT_EXPECT_EQ(test, -EIO, kernel_read(fx->file, &byte, 1, &pos));
		KUNIT_EXPECT_EQ(test, -EIO, shmem_get_folio(shm_inode(fx), bad, 0, &folio,
							    SGP_CACHE));
		KUNIT_EXPECT_EQ(test, -EIO, shmem_get_folio(shm_inode(fx), bad, 0, &folio,
							    SGP_WRITE));
		KUNIT_EXPECT_PTR_EQ(test, NULL, folio);
		fxt_read_stamped(fx, FXT_POS(index - 2), FXT_POS(index - 1), false);
		shm_expect_accounts(fx);
		shm_truncate(fx, 0);
		/* What was lost is uncounted once: the file can be used again. */
		i_size_write(shm_inode(fx), BIG);
		fxt_add_shmem(fx, index, order);
		shm_expect_accounts(fx);
		KUNIT_EXPECT_EQ(test, pages, SHMEM_I(shm_inode(fx))->alloced);
		shm_truncate(fx, 0);
		KUNIT_EXPECT_EQ(test, 0, fxt_swap_used(swap));
		KUNIT_EXPECT_TRUE(test, xa_empty(&fxt_mapping(fx)->i_pages));
		KUNIT_EXPECT_EQ(test, 0, shm_inode(fx)->i_blocks);
		KUNIT_EXPECT_EQ(test, 0, percpu_counter_sum(&shm_sb(fx)->used_blocks));
		if (failed_at(test, "order %u, sync %u", order, sync))
			return;
		KUNIT_ASSERT_EQ(test, 0, fxt_swap_off(swap));
	}
}

/* The disk cannot write: the data stay in memory, and all can be read. */
static void swap_out_error(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	const unsigned long pages = 1UL << order;
	const pgoff_t index = FIRST + 1024;
	struct folio_fixture *fx = shm_file(test);
	struct fxt_swap *swap = swap_on(test, 1600, order & 1);

	fxt_add_shmem(fx, index, order);
	WRITE_ONCE(swap->fail_write, true);
	shm_swap_out(fx, index);
	KUNIT_EXPECT_EQ(test, pages, SHMEM_I(shm_inode(fx))->alloced);
	fxt_read_stamped(fx, FXT_POS(index), FXT_POS(index + pages), false);
	WRITE_ONCE(swap->fail_write, false);
	KUNIT_EXPECT_EQ(test, 0, atomic_long_read(&swap->read));
	KUNIT_EXPECT_EQ(test, pages, fxt_mapping(fx)->nrpages);
	shm_expect_folios(fx);
	expect_swapped(fx, swap, pages);
}

/* A mount with noswap, or a file that is locked: the folio stays as it was. */
static void swap_out_refused(struct kunit *test)
{
	unsigned int order = fxt_order(test), way;
	const unsigned long pages = 1UL << order;
	const pgoff_t index = FIRST + 1024;
	struct folio_fixture *fx = shm_file(test);
	struct fxt_swap *swap = swap_on(test, 600, false);
	const struct fxt_range whole = { index, order };

	for (way = 0; way < 2; way++) {
		fxt_add_shmem(fx, index, order);
		shm_sb(fx)->noswap = !way;
		if (way)
			SHMEM_I(shm_inode(fx))->flags |= SHMEM_F_LOCKED;
		shm_swap_out(fx, index);
		shm_sb(fx)->noswap = false;
		SHMEM_I(shm_inode(fx))->flags &= ~SHMEM_F_LOCKED;
		KUNIT_EXPECT_EQ(test, 0, fxt_swap_used(swap));
		fxt_expect_layout(fx, &whole, 1);
		fxt_expect_stamped(fx, FXT_POS(index), FXT_POS(index + pages));
		shm_expect_folios(fx);
		shm_start_over(fx);
	}
}

/* A write into what is swapped out keeps all around it. */
static void write_over_swapped(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, nr;
	const unsigned long pages = 1UL << order;
	const pgoff_t index = FIRST + 1024;
	struct folio_fixture *fx = shm_file(test);
	struct fxt_swap *swap = swap_on(test, 1600, order & 1);
	loff_t edge[MAX_EDGES];
	struct folio *folio;

	nr = folio_edges(order, edge);
	for (i = 0; i + 1 < nr; i += order > 4 ? 4 : 1) {
		folio = fxt_add_shmem(fx, index, order);
		/* Wrong until the write makes it right. */
		folio_zero_range(folio, edge[i], edge[i + 1] - edge[i]);
		shm_swap_out(fx, index);
		KUNIT_ASSERT_EQ(test, pages, SHMEM_I(shm_inode(fx))->swapped);
		shm_write(fx, FXT_POS(index) + edge[i], FXT_POS(index) + edge[i + 1]);
		fxt_read_stamped(fx, FXT_POS(index), FXT_POS(index + pages), false);
		shm_expect_folios(fx);
		expect_swapped(fx, swap, pages);
		/* Fallocate over what is swapped keeps it too. */
		fxt_drain_lru();
		shm_swap_out(fx, index);
		KUNIT_EXPECT_EQ(test, 0, vfs_fallocate(fx->file, 0, FXT_POS(index),
						       PAGE_SIZE << order));
		fxt_read_stamped(fx, FXT_POS(index), FXT_POS(index + pages), false);
		expect_swapped(fx, swap, pages);
		if (failed_at(test, "order %u, %lld to %lld", order, edge[i], edge[i + 1]))
			return;
		shm_start_over(fx);
	}
}

/* What is swapped out is data. */
static void seek_finds_swapped(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	const unsigned long pages = 1UL << order;
	const pgoff_t index = FIRST + 1024;
	struct folio_fixture *fx = shm_file(test);
	struct fxt_swap *swap = swap_on(test, 1600, false);

	fxt_add_shmem(fx, index, order);
	swap_out(fx, swap, index, order);
	KUNIT_EXPECT_EQ(test, FXT_POS(index), vfs_llseek(fx->file, FXT_POS(FIRST), SEEK_DATA));
	KUNIT_EXPECT_EQ(test, FXT_POS(index) + 9,
			vfs_llseek(fx->file, FXT_POS(index) + 9, SEEK_DATA));
	KUNIT_EXPECT_EQ(test, FXT_POS(index + pages),
			vfs_llseek(fx->file, FXT_POS(index), SEEK_HOLE));
	KUNIT_EXPECT_EQ(test, FXT_POS(index + pages),
			vfs_llseek(fx->file, FXT_POS(index + pages) - 1, SEEK_HOLE));
	KUNIT_EXPECT_EQ(test, -ENXIO, vfs_llseek(fx->file, FXT_POS(index + pages), SEEK_DATA));
	expect_swapped(fx, swap, pages);
}

/* The last reference to a file frees its slots. */
static void evict_frees_swap(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct folio_fixture *keep = shm_file(test);
	struct folio_fixture *fx = kunit_kzalloc(test, sizeof(*fx), GFP_KERNEL);
	struct fxt_swap *swap = swap_on(test, 1600, order & 1);
	struct file *file;

	KUNIT_ASSERT_NOT_NULL(test, fx);
	file = shmem_file_setup_with_mnt(keep->mnt, "unlinked", 0, COMPAT_VMA_NORESERVE);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	fx->test = test;
	fx->file = file;
	fx->inode.i_mapping = file->f_mapping;
	i_size_write(file_inode(file), BIG);
	fxt_add_shmem(fx, FIRST, order);
	fxt_add_shmem(fx, FIRST + 1024, order);
	swap_out(fx, swap, FIRST, order);
	expect_swapped(fx, swap, 2UL << order);
	__fput_sync(file);
	KUNIT_EXPECT_EQ(test, 0, fxt_swap_used(swap));
	KUNIT_EXPECT_EQ(test, 0, percpu_counter_sum(&shm_sb(keep)->used_blocks));
	KUNIT_EXPECT_EQ(test, 0, fxt_swap_off(swap));
}

/* Mapped, paged out by advice, and faulted in again, for reading or writing. */
static void fault_swapped(struct kunit *test)
{
	unsigned int order = fxt_order(test), way;
	const unsigned long pages = 1UL << order;
	const pgoff_t index = FIRST + 1024;
	struct folio_fixture *fx = shm_file(test);
	struct mm_struct *mm = fxt_new_mm(test);
	unsigned long i;
	u64 word, *want;
	void *buf;

	fxt_switch_mm(mm);
	for (way = 0; way < 4; way++) {
		struct fxt_swap *swap = swap_on(test, 1600, way & 1);

		fxt_add_shmem(fx, index, order);
		fxt_mmap(fx, ADDR, index, pages, PROT_READ | PROT_WRITE, MAP_SHARED);
		fxt_touch(test, ADDR, pages, way & 2);
		fxt_drain_lru();
		KUNIT_ASSERT_EQ(test, 0, do_madvise(mm, ADDR, pages << PAGE_SHIFT, MADV_PAGEOUT));
		/* Reclaim may pass over one that a PMD maps. */
		if (order < HPAGE_PMD_ORDER)
			KUNIT_EXPECT_EQ(test, pages, SHMEM_I(shm_inode(fx))->swapped);
		KUNIT_EXPECT_EQ(test, SHMEM_I(shm_inode(fx))->swapped, fxt_swap_used(swap));
		buf = shm_buffer(fx, index, order);
		for (i = 0; i < pages; i++) {
			unsigned long at = (i * 77 + 5) % pages;

			want = buf + at * PAGE_SIZE;
			KUNIT_ASSERT_EQ(test, 0,
					get_user(word, (u64 __user *)(ADDR + at * PAGE_SIZE)));
			KUNIT_EXPECT_EQ_MSG(test, *want, word, "page %lu", at);
			if (way & 2)
				KUNIT_ASSERT_EQ(test, 0, put_user(word, (u64 __user *)
								  (ADDR + at * PAGE_SIZE)));
		}
		shm_free_buffer(buf);
		KUNIT_EXPECT_EQ(test, pages, fxt_mapping(fx)->nrpages);
		fxt_expect_stamped(fx, FXT_POS(index), FXT_POS(index + pages));
		expect_swapped(fx, swap, pages);
		KUNIT_ASSERT_EQ(test, 0, vm_munmap(ADDR, pages << PAGE_SHIFT));
		shm_expect_folios(fx);
		if (failed_at(test, "order %u, way %u", order, way))
			break;
		shm_start_over(fx);
		KUNIT_ASSERT_EQ(test, 0, fxt_swap_off(swap));
	}
	fxt_switch_mm(NULL);
}

#else /* !SHM_EXPORTS */

static void needs_exports(struct kunit *test)
{
	kunit_skip(test, "needs the exported do_swapon() and reclaim_pages()");
}

#define swap_out_and_read	needs_exports
#define swap_in_at_random	needs_exports
#define swap_in_replaces_folio	needs_exports
#define punch_swapped_folio	needs_exports
#define punch_many_swapped	needs_exports
#define swap_out_past_eof	needs_exports
#define swap_out_fallocated	needs_exports
#define swap_out_in_parts	needs_exports
#define swapoff_brings_back	needs_exports
#define swap_in_error		needs_exports
#define swap_out_error		needs_exports
#define swap_out_refused	needs_exports
#define write_over_swapped	needs_exports
#define seek_finds_swapped	needs_exports
#define evict_frees_swap	needs_exports
#define fault_swapped		needs_exports

#endif

static struct kunit_case shmem_swap_cases[] = {
	KUNIT_CASE_PARAM_ATTR(swap_out_and_read, order_gen_params, {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(swap_in_at_random, order_gen_params, {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE(swap_in_replaces_folio),
	KUNIT_CASE_PARAM_ATTR(punch_swapped_folio, order_gen_params, {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE(punch_many_swapped),
	KUNIT_CASE_PARAM_ATTR(swap_out_past_eof, order_gen_params, {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(swap_out_fallocated, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_SLOW(swap_out_in_parts),
	KUNIT_CASE(swapoff_brings_back),
	KUNIT_CASE_PARAM_ATTR(swap_in_error, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(swap_out_error, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(swap_out_refused, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(write_over_swapped, order_gen_params, {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(seek_finds_swapped, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(evict_frees_swap, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(fault_swapped, order_gen_params, {.speed = KUNIT_SPEED_SLOW}),
	{}
};

static struct kunit_suite shmem_swap_suite = {
	.name = "mm_shmem_swap",
	.init = shm_init,
	.test_cases = shmem_swap_cases,
};

kunit_test_suite(shmem_swap_suite);

MODULE_DESCRIPTION("KUnit suite of shared memory in swap");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
