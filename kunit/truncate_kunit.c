// SPDX-License-Identifier: GPL-2.0
/*
 * mm_truncate: what truncate, hole punch and invalidation owe their callers.
 *
 * How a kernel splits a folio that straddles the end of a hole is its own
 * business: 6.12 splits it to the smallest order, later ones no more than they
 * must. What every one of them owes is the same:
 *
 *	pages:	| kept | part | in the hole | part | kept |
 *	cached:	  yes    yes        no        yes    yes
 *	bytes:	  S S    S 0                  0 S    S S	S stamped, 0 zeroed
 *
 * and that what remains keeps its state. A folio that cannot be split and holds
 * data that only the page cache has, stays whole, with the hole zeroed.
 *
 * All positions lie above 4 GiB, so that one cut to 32 bits is a wrong one.
 */
#include <linux/kthread.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/prandom.h>

#include "truncate_model.h"

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

/* The ways to truncate a file. */
enum { TRUNCATE_RANGE, TRUNCATE_PAGECACHE, TRUNCATE_SETSIZE, NR_TRUNCATES };

static void truncate_file(struct folio_fixture *fx, int how, loff_t from)
{
	if (how == TRUNCATE_RANGE) {
		truncate_inode_pages_range(fxt_mapping(fx), from, -1);
	} else if (how == TRUNCATE_PAGECACHE) {
		i_size_write(&fx->inode, from);
		truncate_pagecache(&fx->inode, from);
	} else {
		truncate_setsize(&fx->inode, from);
		KUNIT_EXPECT_EQ(fx->test, from, i_size_read(&fx->inode));
	}
}

/* The ways to punch a hole; @to is exclusive. */
static void punch_file(struct folio_fixture *fx, bool unmap, loff_t from, loff_t to)
{
	if (unmap)
		truncate_pagecache_range(&fx->inode, from, to - 1);
	else
		truncate_inode_pages_range(fxt_mapping(fx), from, to - 1);
}

/* Truncate in, at the edges of and past a folio that has neighbours of one page. */
static void truncate_at_every_edge(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), i, nr, way, step;
	unsigned long pages = 1UL << order;
	loff_t edge[MAX_EDGES + 2];

	nr = folio_edges(order, edge);
	edge[nr++] = (PAGE_SIZE << order) + 1;
	edge[nr++] = (PAGE_SIZE << order) + PAGE_SIZE;

	/* Every edge every way, clean and dirty; of large folios, one way in turn. */
	step = order < 5 ? 1 : 2 * NR_TRUNCATES;
	for (i = 0; i < nr; i++) {
		for (way = (i + order) % step; way < 2 * NR_TRUNCATES; way += step) {
			pgoff_t index = FIRST + i % 4 * pages;
			unsigned int state = way & 1 ? FXT_DIRTY : 0;
			loff_t from = FXT_POS(index) + edge[i];

			fxt_add_folio(fx, index - 1, 0, state);
			fxt_add_folio(fx, index, order, state);
			fxt_add_folio(fx, index + pages, 0, state);
			truncate_file(fx, way / 2, from);
			expect_hole(fx, index - 1, index + pages + 1, from, TO_END);
			expect_folios(fx, state);
			if (failed_at(test, "order %u at %lu, edge %lld, way %u",
				      order, index, edge[i], way))
				return;
			start_over(fx);
		}
	}
}

/* Both ends of the hole in one folio. */
static void punch_in_one_folio(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), i, j, nr, n = 0;
	unsigned long pages = 1UL << order;
	loff_t edge[MAX_EDGES];

	nr = folio_edges(order, edge);
	for (i = 0; i < nr; i++) {
		for (j = i + 1; j < nr; j++) {
			pgoff_t index = FIRST + n % 4 * pages;
			unsigned int state = n / 2 & 1 ? FXT_DIRTY : 0;
			loff_t from = FXT_POS(index) + edge[i], to = FXT_POS(index) + edge[j];

			/* Of large folios a part of the pairs, not the same for two orders. */
			if (n++ && order > 4 && (n + order) % (order - 3) != 0)
				continue;
			fxt_add_folio(fx, index - 1, 0, state);
			fxt_add_folio(fx, index, order, state);
			fxt_add_folio(fx, index + pages, 0, state);
			punch_file(fx, n & 1, from, to);
			expect_hole(fx, index - 1, index + pages + 1, from, to);
			expect_folios(fx, state);
			KUNIT_EXPECT_EQ(test, BIG, i_size_read(&fx->inode));
			if (failed_at(test, "order %u at %lu, hole %lld to %lld, state %u",
				      order, index, edge[i], edge[j], state))
				return;
			start_over(fx);
		}
	}
}

/*
 * A hole in one folio is none of the business of its neighbours, even where it
 * reaches to them: they stay as large as they were.
 */
static void punch_spares_neighbours(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), i, j, nr, n = 0;
	const pgoff_t pages = 1UL << order, index = FIRST + pages;
	loff_t edge[MAX_EDGES];

	nr = folio_edges(order, edge);
	for (i = 0; i < nr; i++) {
		for (j = i + 1; j < nr; j++) {
			unsigned int state = n & 1 ? FXT_DIRTY : 0;
			loff_t from = FXT_POS(index) + edge[i], to = FXT_POS(index) + edge[j];

			if ((i && j < nr - 1) || (n++ && order > 5 && (i + j) % 3 != order % 3))
				continue;
			fxt_add_folio(fx, index - pages, order, state);
			fxt_add_folio(fx, index, order, state);
			fxt_add_folio(fx, index + pages, order, state);
			punch_file(fx, n & 2, from, to);
			folio_put(get_folio(fx, index - pages, order));
			folio_put(get_folio(fx, index + pages, order));
			expect_hole(fx, index - pages, index + 2 * pages, from, to);
			expect_folios(fx, state);
			if (failed_at(test, "order %u, hole %lld to %lld, state %u",
				      order, edge[i], edge[j], state))
				return;
			start_over(fx);
		}
	}
}

/* The hole begins in one folio and ends in the next, of another order. */
static void punch_across_two_folios(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), other = min(9u - order, MAX_PAGECACHE_ORDER);
	/* They meet where both are aligned. */
	const pgoff_t meet = FIRST + 512, index = meet - (1UL << order);
	const pgoff_t end = meet + (1UL << other);
	unsigned int i, j, nr, nr_other, n = 0;
	loff_t edge[MAX_EDGES], edge_other[MAX_EDGES];

	fxt_need_large_folios(test);
	nr = folio_edges(order, edge);
	nr_other = folio_edges(other, edge_other);
	for (i = 0; i < nr; i++) {
		for (j = 0; j < nr_other; j++) {
			unsigned int state = n / 2 & 1 ? FXT_DIRTY : 0;
			loff_t from = FXT_POS(index) + edge[i];
			loff_t to = FXT_POS(meet) + edge_other[j];

			if (n++ % 7 != order % 7 || from >= to)
				continue;
			fxt_add_folio(fx, index, order, state);
			fxt_add_folio(fx, meet, other, state);
			punch_file(fx, n & 1, from, to);
			expect_hole(fx, index, end, from, to);
			expect_folios(fx, state);
			if (failed_at(test, "orders %u and %u, hole %lld to %lld, state %u",
				      order, other, edge[i], edge_other[j], state))
				return;
			start_over(fx);
		}
	}
}

/*
 * Holes in a hill of folios, FIRST + 1 to FIRST + 255: order 0 at 1, order 1 at 2,
 * up to order 6 at 64, then down from order 6 at 128, order 5 at 192 to order 0
 * at 254. Offsets are in bytes from FIRST.
 */
#define PAGES(n)	((n) * (loff_t)PAGE_SIZE)

static const struct hill_param {
	char desc[40];
	loff_t from;
	loff_t to;
} hill_params[] = {
	{ "all", PAGES(1), PAGES(255) },
	{ "all but a byte at each end", PAGES(1) + 1, PAGES(255) - 1 },
	{ "before and after the hill", PAGES(0) + 5, PAGES(256) + 5 },
	{ "order 1 to order 1, inside pages", PAGES(3) + 77, PAGES(252) + 7 },
	{ "order 3 to order 6, folio edges", PAGES(8), PAGES(192) },
	{ "order 5 to order 5, one page off", PAGES(33), PAGES(223) },
	{ "order 6 to order 6, last byte first", PAGES(128) - 1, PAGES(128) + 1 },
	{ "order 6 to order 4, middles", PAGES(96) + 2048, PAGES(232) + 2048 },
	{ "up to the first byte of a folio", PAGES(20), PAGES(128) + 1 },
	{ "from the last byte of a folio", PAGES(64) - 1, PAGES(240) },
	{ "to the end of the file", PAGES(21) + 3, TO_END },
};

KUNIT_ARRAY_PARAM_DESC(hill, hill_params, desc);

static void punch_over_many_orders(struct kunit *test)
{
	const struct hill_param *param = test->param_value;
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	bool to_end = param->to == TO_END;
	loff_t from = FXT_POS(FIRST) + param->from;
	loff_t to = to_end ? TO_END : FXT_POS(FIRST) + param->to;
	unsigned int order, state, way;

	fxt_need_large_folios(test);
	for (way = 0; way < 4; way++) {
		state = way & 1 ? FXT_DIRTY : 0;
		for (order = 0; order <= 6; order++) {
			fxt_add_folio(fx, FIRST + (1 << order), order, state);
			fxt_add_folio(fx, FIRST + 256 - (2 << order), order, state);
		}
		if (to_end)
			truncate_file(fx, way / 2, from);
		else
			punch_file(fx, way / 2, from, to);
		expect_hole_but(fx, FIRST + 1, FIRST + 255,
				max(from, FXT_POS(FIRST + 1)), min(to, FXT_POS(FIRST + 255)),
				round_up(max(from, FXT_POS(FIRST + 1)), PAGE_SIZE),
				round_down(min(to, FXT_POS(FIRST + 255)), PAGE_SIZE));
		expect_folios(fx, state);
		if (failed_at(test, "way %u", way))
			return;
		start_over(fx);
	}
}

/* More folios in the hole than a batch holds, dense and with gaps between them. */
static void punch_more_than_a_batch(struct kunit *test)
{
	static const unsigned int nrs[] = {
		FOLIO_BATCH_SIZE - 1, FOLIO_BATCH_SIZE, FOLIO_BATCH_SIZE + 1,
		2 * FOLIO_BATCH_SIZE - 1, 2 * FOLIO_BATCH_SIZE, 2 * FOLIO_BATCH_SIZE + 1,
	};
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int n, i, stride;

	for (n = 0; n < ARRAY_SIZE(nrs); n++) {
		for (stride = 1; stride <= 3; stride += 2) {
			pgoff_t last = FIRST + (nrs[n] - 1) * stride;
			struct folio *kept;

			/* What the filesystem hangs on each has to go as well. */
			for (i = 0; i < nrs[n]; i++)
				fxt_add_folio(fx, FIRST + i * stride, 0, FXT_PRIVATE | FXT_DIRTY);
			kept = fxt_add_folio(fx, last + 1, 0, 0);
			fxt_add_folio(fx, FIRST - 1, 0, 0);
			punch_file(fx, n & 1, FXT_POS(FIRST), FXT_POS(last + 1));
			expect_empty(fx, FIRST, last + 1);
			KUNIT_EXPECT_EQ(test, nrs[n], fxt_count_calls(fx, FXT_INVALIDATE_FOLIO));
			fxt_expect_stamped(fx, FXT_POS(FIRST - 1), FXT_POS(FIRST));
			fxt_expect_stamped(fx, FXT_POS(last + 1), FXT_POS(last + 2));
			KUNIT_EXPECT_PTR_EQ(test, kept, xa_load(&fxt_mapping(fx)->i_pages,
								last + 1));
			expect_folios(fx, false);
			if (failed_at(test, "%u folios, stride %u", nrs[n], stride))
				return;
			start_over(fx);
		}
	}
}

/* The smallest order of the mapping: a folio of that order cannot be split. */
static void punch_min_order_dirty_kept(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, j, nr, n = 0;
	struct folio_fixture *fx = fxt_create(test, order, 9);
	const pgoff_t index = FIRST, end = FIRST + (1UL << order);
	const struct fxt_range whole = { index, order };
	loff_t edge[MAX_EDGES];

	nr = folio_edges(order, edge);
	for (i = 0; i < nr; i++) {
		for (j = i + 1; j < nr; j++) {
			loff_t from = FXT_POS(index) + edge[i], to = FXT_POS(index) + edge[j];

			if ((i == 0 && j == nr - 1) || (order > 4 && n++ % (order - 2)))
				continue;
			/* A hole that holds the page of order 0 is a whole folio. */
			fxt_add_folio(fx, index, order, FXT_DIRTY);
			punch_file(fx, j & 1, from, to);
			fxt_expect_layout(fx, &whole, 1);
			expect_hole_but(fx, index, end, from, to, FXT_POS(end), 0);
			expect_folios(fx, true);
			if (failed_at(test, "order %u, hole %lld to %lld",
				      order, edge[i], edge[j]))
				return;
			start_over(fx);
		}
	}
}

/* Larger folios split no further than the smallest order; holes as they are then. */
static void punch_min_order_splits_larger(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), min_order, state, n = 0;
	const unsigned int last = COMPAT_SPLITS_TO_MIN_ORDER ? order : 0;

	for (min_order = 0; min_order <= last; min_order++) {
		const loff_t unit = PAGE_SIZE << min_order, size = PAGE_SIZE << order;
		const pgoff_t pages = 1UL << order, index = FIRST + pages;
		const loff_t froms[] = { 0, unit, size / 2, size - unit };
		const loff_t tos[] = { unit, size / 2, size / 2 + unit, size - unit, size };
		unsigned int i, j;

		/* The file is empty, and nobody else knows of it. */
		mapping_set_folio_order_range(fxt_mapping(fx), min_order, 9);
		for (i = 0; i < ARRAY_SIZE(froms); i++) {
			for (j = 0; j < ARRAY_SIZE(tos); j++) {
				loff_t from = FXT_POS(index) + round_down(froms[i], unit);
				loff_t to = FXT_POS(index) + round_up(tos[j], unit);

				if (from >= to || to > FXT_POS(index + pages) ||
				    (order > 5 && n++ % (order - 1) != 0))
					continue;
				state = (i + j) & 1 ? FXT_DIRTY : 0;
				fxt_add_folio(fx, index, order, state);
				punch_file(fx, i & 1, from, to);
				expect_hole(fx, index, index + pages, from, to);
				expect_folios(fx, state);
				if (failed_at(test, "order %u, min %u, hole %lld to %lld, state %u",
					      order, min_order, from, to, state))
					return;
				start_over(fx);
			}
		}
	}
}

/*
 * A clean folio that cannot be split may go whole, and the pages in the hole do:
 * nothing forbids it. Who still sees it must not see what was there.
 */
static void punch_unsplittable_clean(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, why;
	const pgoff_t index = FIRST, end = FIRST + (1UL << order);
	const loff_t from = FXT_POS(index) + 1000, to = FXT_POS(end) - 1000;
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	static const char * const whys[] = { "min order", "pinned", "private kept" };

	for (why = 0; why < ARRAY_SIZE(whys); why++) {
		struct folio *folio = fxt_add_folio(fx, index, order, why == 2 ? FXT_PRIVATE : 0);
		u8 *bytes;

		mapping_set_folio_order_range(fxt_mapping(fx), why == 0 ? order : 0, 9);
		folio_get(folio);
		fx->refuse_release = why == 2;
		truncate_pagecache_range(&fx->inode, from, to - 1);
		expect_not_stale(fx, index, end, from, to);
		expect_empty(fx, index + 1, end - 1);
		fxt_expect_consistent(fx);
		/* Whoever holds it sees the hole as well, and nothing but it. */
		for (i = 0; i < 1UL << order; i++) {
			bytes = kmap_local_folio(folio, i * PAGE_SIZE);
			KUNIT_EXPECT_EQ_MSG(test, i == 0, bytes[999] != 0, "page %u", i);
			KUNIT_EXPECT_EQ_MSG(test, 0, bytes[1000], "page %u", i);
			KUNIT_EXPECT_EQ_MSG(test, 0, bytes[PAGE_SIZE - 1001], "page %u", i);
			KUNIT_EXPECT_EQ_MSG(test, i == (1UL << order) - 1,
					    bytes[PAGE_SIZE - 1000] != 0, "page %u", i);
			kunmap_local(bytes);
		}
		KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
		folio_put(folio);
		fx->refuse_release = false;
		if (failed_at(test, "order %u, %s", order, whys[why]))
			return;
		start_over(fx);
	}
}

/*
 * A reference of somebody else forbids the split of the folios where the hole
 * begins (1), ends (2), or both (3); those between are none of its business.
 *
 *	| first, order n |  three pages | last, order n |
 *	         from ^^^^^^^^^^^^^^^^^^^^^^^^^ to
 */
static void punch_pinned_dirty_kept(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), pin, i;
	const pgoff_t pages = 1UL << order, mid = FIRST + 512, first = mid - pages;
	const pgoff_t last = FIRST + 1024, end = last + pages;
	const loff_t from = FXT_POS(first) + (PAGE_SIZE << order) / 2 + 3;
	const loff_t to = FXT_POS(last) + (PAGE_SIZE << order) / 2 - 5;

	for (pin = 1; pin <= 3; pin++) {
		struct folio *folios[2];

		folios[0] = fxt_add_folio(fx, first, order, FXT_DIRTY);
		for (i = 0; i < 3; i++)
			fxt_add_folio(fx, mid + i, 0, FXT_DIRTY);
		folios[1] = fxt_add_folio(fx, last, order, FXT_DIRTY);
		for (i = 0; i < 2; i++)
			if (pin & 1 << i)
				folio_get(folios[i]);

		punch_file(fx, pin & 1, from, to);

		for (i = 0; i < 2; i++)
			if (pin & 1 << i) {
				folio_put(get_folio(fx, i ? last : first, order));
				folio_put(folios[i]);
			}
		fxt_expect_stamped(fx, FXT_POS(first), from);
		fxt_expect_zeroed(fx, from, pin & 1 ? FXT_POS(mid) : round_up(from, PAGE_SIZE));
		expect_empty(fx, pin & 1 ? mid : DIV_ROUND_UP(from, PAGE_SIZE),
			     pin & 2 ? last : to >> PAGE_SHIFT);
		fxt_expect_zeroed(fx, pin & 2 ? FXT_POS(last) : round_down(to, PAGE_SIZE), to);
		fxt_expect_stamped(fx, to, FXT_POS(end));
		expect_folios(fx, true);
		if (failed_at(test, "order %u, pin %u", order, pin))
			return;
		start_over(fx);
	}
}

/* Truncate at each edge of a pinned dirty folio: what follows it goes, it stays. */
static void truncate_pinned_dirty_kept(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), i, nr;
	const pgoff_t pages = 1UL << order, index = FIRST + 512 - pages, end = index + pages;
	loff_t edge[MAX_EDGES];

	nr = folio_edges(order, edge);
	for (i = order > 5 ? order & 1 : 0; i < nr; i += order > 5 ? 3 : 1) {
		loff_t from = FXT_POS(index) + edge[i];
		struct folio *folio;

		fxt_add_folio(fx, index - 1, 0, FXT_DIRTY);
		folio = fxt_add_folio(fx, index, order, FXT_DIRTY);
		fxt_add_folio(fx, end, 1, FXT_DIRTY);
		folio_get(folio);
		truncate_file(fx, i % NR_TRUNCATES, from);
		folio_put(folio);
		/* Truncated whole, it goes although pinned. */
		if (edge[i])
			folio_put(get_folio(fx, index, order));
		expect_hole_but(fx, index - 1, end, from, FXT_POS(end),
				FXT_POS(edge[i] ? end : index), FXT_POS(end));
		expect_empty(fx, end, end + 2);
		expect_folios(fx, true);
		if (failed_at(test, "order %u, edge %lld", order, edge[i]))
			return;
		start_over(fx);
	}
}

/*
 * Nobody goes on to see, through a mapping that was there before, pages that
 * truncate took, though the folio could not be split and stays.
 */
static void truncate_unsplittable_unmaps(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), flags;
	const unsigned long nr = 1UL << order, addr = PMD_SIZE * 64;
	struct mm_struct *mm = fxt_new_mm(test);

	if (!COMPAT_UNMAPS_UNSPLIT)
		kunit_skip(test, "before 6.18 truncate leaves its mappings to its callers");
	fxt_switch_mm(mm);
	for (flags = 0; order && flags < 2; flags++) {
		struct folio *folio = fxt_add_folio(fx, FIRST, order, FXT_DIRTY);
		struct fxt_walk walk;
		unsigned long gone = flags ? nr - 1 : nr / 2;

		fxt_mmap(fx, addr, FIRST, nr, PROT_READ, MAP_SHARED);
		fxt_touch(test, addr, nr, false);
		walk = fxt_walk_mm(mm, addr, nr, folio);
		KUNIT_ASSERT_EQ_MSG(test, nr, walk.ptes + walk.pmds * nr, "order %u", order);
		folio_get(folio);
		truncate_inode_pages_range(fxt_mapping(fx), FXT_POS(FIRST + gone), -1);
		folio_put(folio);
		folio_put(get_folio(fx, FIRST, order));
		walk = fxt_walk_mm(mm, addr + gone * PAGE_SIZE, nr - gone, folio);
		KUNIT_EXPECT_EQ(test, 0, walk.ptes + walk.pmds);
		fxt_expect_stamped(fx, FXT_POS(FIRST), FXT_POS(FIRST + gone));
		fxt_expect_zeroed(fx, FXT_POS(FIRST + gone), FXT_POS(FIRST + nr));
		KUNIT_ASSERT_EQ(test, 0, vm_munmap(addr, nr << PAGE_SHIFT));
		expect_folios(fx, true);
		if (failed_at(test, "order %u, from page %lu", order, gone))
			return;
		start_over(fx);
	}
}

/* ->invalidate_folio() hears of each folio's part of the hole, once, and no more. */
static void punch_private_invalidates_range(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), i, j, nr, n = 0;
	const pgoff_t pages = 1UL << order;
	loff_t edge[MAX_EDGES + 1];

	nr = folio_edges(order, edge);
	/* One past the folio: it is invalidated whole and the next one in part. */
	edge[nr++] = (PAGE_SIZE << order) + 1;
	for (i = 0; i < nr - 2; i++) {
		for (j = i + 1; j < nr; j++) {
			const pgoff_t index = FIRST + n % 4 * pages;
			unsigned int state = FXT_PRIVATE | (n & 4 ? FXT_DIRTY : 0);
			loff_t from = FXT_POS(index) + edge[i], to = FXT_POS(index) + edge[j];
			size_t len = min(edge[j], (loff_t)PAGE_SIZE << order) - edge[i];
			const struct fxt_call *call;

			if (n++ && order > 4 && (n + order) % (2 * order - 8))
				continue;
			fxt_add_folio(fx, index - 1, 0, state);
			fxt_add_folio(fx, index, order, state);
			fxt_add_folio(fx, index + pages, 0, state);
			punch_file(fx, n & 1, from, to);
			call = fxt_find_call(fx, FXT_INVALIDATE_FOLIO, index);
			KUNIT_EXPECT_NOT_NULL(test, call);
			if (call) {
				KUNIT_EXPECT_EQ(test, order, call->order);
				KUNIT_EXPECT_EQ(test, edge[i], (loff_t)call->offset);
				KUNIT_EXPECT_EQ(test, len, call->len);
			}
			call = fxt_find_call(fx, FXT_INVALIDATE_FOLIO, index + pages);
			if (j == nr - 1)
				KUNIT_EXPECT_EQ(test, 1, call ? call->offset + call->len : 0);
			KUNIT_EXPECT_EQ(test, j == nr - 1 ? 2 : 1,
					fxt_count_calls(fx, FXT_INVALIDATE_FOLIO));
			expect_hole(fx, index - 1, index + pages + 1, from, to);
			expect_folios(fx, state & FXT_DIRTY);
			if (failed_at(test, "order %u at %lu, hole %lld to %lld, state %u",
				      order, index, edge[i], edge[j], state))
				return;
			start_over(fx);
		}
	}
}

/* A filesystem that does not let go of its private data forbids the split too. */
static void punch_private_refused_kept(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test);
	const pgoff_t index = FIRST, end = FIRST + (1UL << order);
	const loff_t from = FXT_POS(index) + 5, to = FXT_POS(end) - 7;
	const struct fxt_range whole = { index, order };
	const struct fxt_call *call;

	fxt_add_folio(fx, index, order, FXT_PRIVATE | FXT_DIRTY);
	fx->refuse_release = true;
	truncate_pagecache_range(&fx->inode, from, to - 1);
	fx->refuse_release = false;
	fxt_expect_layout(fx, &whole, 1);
	expect_hole_but(fx, index, end, from, to, FXT_POS(end), 0);
	expect_folios(fx, true);
	KUNIT_EXPECT_EQ(test, 1, fxt_count_calls(fx, FXT_INVALIDATE_FOLIO));
	call = fxt_find_call(fx, FXT_INVALIDATE_FOLIO, index);
	KUNIT_ASSERT_NOT_NULL(test, call);
	KUNIT_EXPECT_EQ(test, 5, call->offset);
	KUNIT_EXPECT_EQ(test, (PAGE_SIZE << order) - 12, call->len);
}

/* Whole folios are removed clean, however they are referenced. */
static void truncate_whole_folio_state(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), i;
	const pgoff_t pages = 1UL << order;
	struct folio *folios[3];

	for (i = 0; i < 3; i++) {
		folios[i] = fxt_add_folio(fx, FIRST + i * pages, order, FXT_DIRTY | FXT_PRIVATE);
		folio_get(folios[i]);
	}
	/* The last one keeps a byte. */
	truncate_inode_pages_range(fxt_mapping(fx), FXT_POS(FIRST),
				   FXT_POS(FIRST + 2 * pages) - 1);
	for (i = 0; i < 2; i++) {
		const struct fxt_call *call =
			fxt_find_call(fx, FXT_INVALIDATE_FOLIO, FIRST + i * pages);

		expect_removed(fx, folios[i]);
		KUNIT_EXPECT_EQ_MSG(test, order, folio_order(folios[i]), "folio %u", i);
		KUNIT_ASSERT_NOT_NULL_MSG(test, call, "folio %u", i);
		KUNIT_EXPECT_EQ_MSG(test, 0, call->offset, "folio %u", i);
		KUNIT_EXPECT_EQ_MSG(test, PAGE_SIZE << order, call->len, "folio %u", i);
		folio_put(folios[i]);
	}
	KUNIT_EXPECT_EQ(test, 2, fxt_count_calls(fx, FXT_INVALIDATE_FOLIO));
	folio_put(folios[2]);
	fxt_expect_layout(fx, &(struct fxt_range){ FIRST + 2 * pages, order }, 1);
	fxt_expect_stamped(fx, FXT_POS(FIRST + 2 * pages), FXT_POS(FIRST + 3 * pages));
	expect_folios(fx, true);
	KUNIT_EXPECT_TRUE(test, mapping_tagged(fxt_mapping(fx), PAGECACHE_TAG_DIRTY));
	start_over(fx);
	KUNIT_EXPECT_FALSE(test, mapping_tagged(fxt_mapping(fx), PAGECACHE_TAG_DIRTY));
}

/*
 * Truncate waits for folios that are locked or under writeback, wherever they
 * lie: the one where the hole begins, one inside, the one where it ends.
 */
static void wait_for_folios(struct kunit *test, bool locked)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), which, i;
	const pgoff_t pages = 1UL << order;

	for (which = 0; which < 4; which++) {
		struct later *later = new_later(test, locked);
		struct folio *folio[3];
		unsigned int nr = 0;

		for (i = 0; i < 3; i++) {
			folio[i] = fxt_add_folio(fx, FIRST + i * pages, order, FXT_DIRTY);
			folio_get(folio[i]);
			if (which != i && which != 3)
				continue;
			if (locked)
				folio_lock(folio[i]);
			else
				start_writeback(folio[i]);
			later->folio[nr++] = folio[i];
		}
		schedule_delayed_work(&later->work, msecs_to_jiffies(4));
		truncate_inode_pages_range(fxt_mapping(fx), FXT_POS(FIRST),
					   FXT_POS(FIRST + 3 * pages) - 1);
		KUNIT_EXPECT_TRUE(test, READ_ONCE(later->done));
		flush_delayed_work(&later->work);
		KUNIT_EXPECT_TRUE(test, xa_empty(&fxt_mapping(fx)->i_pages));
		for (i = 0; i < 3; i++) {
			expect_removed(fx, folio[i]);
			folio_put(folio[i]);
		}
		if (failed_at(test, "order %u, which %u", order, which))
			return;
		start_over(fx);
	}
}

static void truncate_waits_for_writeback(struct kunit *test)
{
	wait_for_folios(test, false);
}

static void truncate_waits_for_lock(struct kunit *test)
{
	wait_for_folios(test, true);
}

/* No byte is zeroed while it is being written, and none that is kept is lost. */
static void punch_waits_for_writeback(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test);
	const pgoff_t index = FIRST, end = FIRST + (1UL << order);
	const loff_t from = FXT_POS(index) + 9, to = FXT_POS(end) - 9;
	struct folio *folio = fxt_add_folio(fx, index, order, FXT_DIRTY);
	struct later *later = new_later(test, false);

	/* Dirtied again meanwhile, so that it cannot just be dropped. */
	start_writeback(folio);
	folio_lock(folio);
	folio_mark_dirty(folio);
	folio_unlock(folio);
	later->folio[0] = folio;
	schedule_delayed_work(&later->work, msecs_to_jiffies(4));
	truncate_inode_pages_range(fxt_mapping(fx), from, to - 1);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(later->done));
	flush_delayed_work(&later->work);
	/* Whoever ends writeback holds a reference: there may have been no split. */
	fxt_expect_stamped(fx, FXT_POS(index), from);
	expect_not_stale(fx, index, end, from, to);
	fxt_expect_stamped(fx, to, FXT_POS(end));
	expect_folios(fx, true);
}

/* Shadow entries go with the range, of whatever order; those outside it stay. */
static void truncate_removes_shadows(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	struct xarray *xa = &fxt_mapping(fx)->i_pages;
	unsigned int order = fxt_order(test), i;
	const pgoff_t pages = 1UL << order;

	for (i = 0; i < 4; i++)
		fxt_add_shadow(fx, FIRST + i * pages, order);
	fxt_add_shadow(fx, FIRST - 1, 0);
	fxt_add_shadow(fx, FIRST + 4 * pages + 1, 0);
	KUNIT_ASSERT_EQ(test, 0, fxt_mapping(fx)->nrpages);
	fxt_add_folio(fx, FIRST + 4 * pages, 0, 0);

	/* Of the four the middle two. */
	punch_file(fx, order & 1, FXT_POS(FIRST + pages), FXT_POS(FIRST + 3 * pages));
	KUNIT_EXPECT_TRUE(test, xa_is_value(xa_load(xa, FIRST - 1)));
	KUNIT_EXPECT_TRUE(test, xa_is_value(xa_load(xa, FIRST)));
	KUNIT_EXPECT_TRUE(test, xa_is_value(xa_load(xa, FIRST + pages - 1)));
	expect_empty(fx, FIRST + pages, FIRST + 3 * pages);
	KUNIT_EXPECT_TRUE(test, xa_is_value(xa_load(xa, FIRST + 3 * pages)));
	KUNIT_EXPECT_EQ(test, 1, fxt_mapping(fx)->nrpages);

	truncate_file(fx, order % NR_TRUNCATES, FXT_POS(FIRST + 3 * pages));
	expect_empty(fx, FIRST + 3 * pages, ULONG_MAX);
	KUNIT_EXPECT_TRUE(test, xa_is_value(xa_load(xa, FIRST)));
	KUNIT_EXPECT_EQ(test, 0, fxt_mapping(fx)->nrpages);

	truncate_inode_pages_final(fxt_mapping(fx));
	KUNIT_EXPECT_TRUE(test, xa_empty(xa));
	KUNIT_EXPECT_TRUE(test, mapping_exiting(fxt_mapping(fx)));
}

/* The last truncate of a file leaves nothing, of whatever order and state. */
static void truncate_inode_pages_final_empties(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), i;
	const pgoff_t pages = 1UL << order;
	const struct {
		pgoff_t index;
		unsigned int state;
	} at[] = {
		{ 0, 0 }, { pages, FXT_DIRTY }, { FIRST, FXT_PRIVATE },
		{ FIRST + 7 * pages, FXT_DIRTY | FXT_PRIVATE },
	};

	for (i = 0; i < ARRAY_SIZE(at); i++)
		fxt_add_folio(fx, at[i].index, order, at[i].state);
	truncate_inode_pages_final(fxt_mapping(fx));
	KUNIT_EXPECT_TRUE(test, mapping_exiting(fxt_mapping(fx)));
	KUNIT_EXPECT_TRUE(test, xa_empty(&fxt_mapping(fx)->i_pages));
	KUNIT_EXPECT_EQ(test, 0, fxt_mapping(fx)->nrpages);
	KUNIT_EXPECT_EQ(test, 2, fxt_count_calls(fx, FXT_INVALIDATE_FOLIO));
}

/* A grown file keeps what it had, wherever the old and the new size lie. */
static void truncate_setsize_grow_keeps(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), i, nr;
	const pgoff_t end = FIRST + (1UL << order);
	loff_t edge[MAX_EDGES + 1];

	nr = folio_edges(order, edge);
	edge[nr++] = (PAGE_SIZE << order) + 3 * PAGE_SIZE + 1;
	for (i = 1; i < nr; i++) {
		loff_t size = FXT_POS(FIRST) + edge[i];

		if (order > 5 && i % 4 != order % 4)
			continue;
		fxt_add_folio(fx, FIRST, order, i & 1 ? FXT_DIRTY : 0);
		i_size_write(&fx->inode, FXT_POS(FIRST) + edge[i - 1]);
		truncate_setsize(&fx->inode, size);
		KUNIT_EXPECT_EQ(test, size, i_size_read(&fx->inode));
		expect_hole(fx, FIRST, end, min(size, FXT_POS(end)), TO_END);
		expect_folios(fx, i & 1);
		if (failed_at(test, "order %u, size %lld to %lld", order, edge[i - 1], edge[i]))
			return;
		start_over(fx);
	}
}

/* NR_FILE_PAGES counts pages, whichever way folios of whichever order go. */
static void truncate_accounts_file_pages(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), way, i;
	const unsigned long pages = 1UL << order, nr = 1024 / pages;
	/* Per-CPU shares that are not folded in; a wrong count is off by more. */
	const long slack = 256;

	for (way = 0; way < 4; way++) {
		long before = global_node_page_state(NR_FILE_PAGES), delta;

		for (i = 0; i < nr; i++)
			fxt_add_folio(fx, FIRST + i * pages, order, 0);
		delta = global_node_page_state(NR_FILE_PAGES) - before;
		KUNIT_EXPECT_GT_MSG(test, delta, 1024 - slack, "order %u", order);
		fxt_drain_lru();
		if (way == 0)
			truncate_inode_pages(fxt_mapping(fx), 0);
		else if (way == 1)
			for (i = 0; i < nr; i++)	/* Not by batches: in part, then whole. */
				truncate_inode_pages_range(fxt_mapping(fx),
							   FXT_POS(FIRST + i * pages) + 1,
							   FXT_POS(FIRST + (i + 1) * pages) - 1);
		else if (way == 2)
			invalidate_mapping_pages(fxt_mapping(fx), 0, -1);
		else
			invalidate_inode_pages2(fxt_mapping(fx));
		delta = global_node_page_state(NR_FILE_PAGES) - before -
			(long)fxt_mapping(fx)->nrpages;
		KUNIT_EXPECT_LT_MSG(test, abs(delta), slack, "order %u", order);
		if (failed_at(test, "order %u, way %u, delta %ld", order, way, delta))
			return;
		start_over(fx);
	}
}

/*
 * Somebody reads, all the while, the bytes before the holes: never may he see
 * others, though his references forbid a split now and then. Each hole reaches to
 * the end of its folio, and begins earlier from step to step.
 */
#define RACES	6
#define STEPS	4

struct reader {
	struct folio_fixture *fx;
	struct task_struct *task;
	u8 *buf;
	u64 seed;
	unsigned long reads;
	loff_t start[RACES];	/* of a folio */
	loff_t from[RACES];	/* of the largest hole in it */
};

static int read_all_the_while(void *data)
{
	struct reader *reader = data;
	struct rnd_state rnd;

	prandom_seed_state(&rnd, reader->seed);
	while (!kthread_should_stop()) {
		unsigned int i = prandom_u32_state(&rnd) % RACES;
		loff_t room = reader->from[i] - reader->start[i];
		loff_t pos = reader->start[i] + prandom_u32_state(&rnd) % (u32)room, at = pos;
		size_t len = min_t(loff_t, reader->from[i] - pos, PAGE_SIZE);
		ssize_t ret = kernel_read(reader->fx->file, reader->buf, len, &at);

		KUNIT_EXPECT_EQ_MSG(reader->fx->test, len, ret, "at %lld", pos);
		if (ret > 0)
			fxt_expect_buffer(reader->fx, reader->buf, pos, ret);
		WRITE_ONCE(reader->reads, reader->reads + 1);
		cond_resched();
	}
	return 0;
}

static void stop_reader(void *task)
{
	kthread_stop(task);
}

static void punch_races_read(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	struct reader *reader = kunit_kzalloc(test, sizeof(*reader), GFP_KERNEL);
	unsigned int order = fxt_order(test), i, step;
	const loff_t size = PAGE_SIZE << order;
	struct rnd_state rnd;

	KUNIT_ASSERT_NOT_NULL(test, reader);
	reader->fx = fx;
	reader->buf = kunit_kmalloc(test, PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, reader->buf);
	reader->seed = fxt_seed(test) + order;
	prandom_seed_state(&rnd, reader->seed);
	fxt_file(fx);
	for (i = 0; i < RACES; i++) {
		fxt_add_folio(fx, FIRST + (i << order), order, FXT_DIRTY);
		reader->start[i] = FXT_POS(FIRST + (i << order));
		reader->from[i] = reader->start[i] + 8 + prandom_u32_state(&rnd) % (u32)(size - 16);
	}
	reader->task = kthread_run(read_all_the_while, reader, "folio_kunit_reader");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, reader->task);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, stop_reader, reader->task));

	for (i = 0; i < RACES; i++) {
		loff_t end = reader->start[i] + size, room = end - reader->from[i];
		unsigned long reads = READ_ONCE(reader->reads), tries = 0;

		/* Let him read, at least once each time. */
		while (READ_ONCE(reader->reads) == reads && tries++ < 1000)
			usleep_range(20, 50);
		for (step = 1; step <= STEPS; step++)
			punch_file(fx, step & 1, end - room * step / STEPS, end);
	}
	kunit_release_action(test, stop_reader, reader->task);
	KUNIT_EXPECT_GT(test, reader->reads, 0);
	for (i = 0; i < RACES; i++) {
		fxt_expect_stamped(fx, reader->start[i], reader->from[i]);
		expect_not_stale(fx, FIRST + (i << order), FIRST + ((i + 1) << order),
				 reader->from[i], reader->start[i] + size);
	}
	/* Not expect_folios(): what he read waits, referenced, in batches of his CPUs. */
	fxt_expect_consistent(fx);
	failed_at(test, "order %u, seed %llu", order, reader->seed);
}

static struct kunit_case truncate_cases[] = {
	KUNIT_CASE_PARAM_ATTR(truncate_at_every_edge, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(punch_in_one_folio, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(punch_spares_neighbours, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(punch_across_two_folios, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(punch_over_many_orders, hill_gen_params),
	KUNIT_CASE(punch_more_than_a_batch),
	KUNIT_CASE_PARAM_ATTR(punch_min_order_dirty_kept, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(punch_min_order_splits_larger, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(punch_unsplittable_clean, order_gen_params),
	KUNIT_CASE_PARAM(punch_pinned_dirty_kept, order_gen_params),
	KUNIT_CASE_PARAM(truncate_pinned_dirty_kept, order_gen_params),
	KUNIT_CASE_PARAM(truncate_unsplittable_unmaps, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(punch_private_invalidates_range, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(punch_private_refused_kept, order_gen_params),
	KUNIT_CASE_PARAM(truncate_whole_folio_state, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(truncate_waits_for_writeback, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(truncate_waits_for_lock, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(punch_waits_for_writeback, order_gen_params),
	KUNIT_CASE_PARAM(truncate_removes_shadows, order_gen_params),
	KUNIT_CASE_PARAM(truncate_inode_pages_final_empties, order_gen_params),
	KUNIT_CASE_PARAM(truncate_setsize_grow_keeps, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(truncate_accounts_file_pages, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(punch_races_read, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	{}
};

static struct kunit_suite truncate_suite = {
	.name = "mm_truncate",
	.init = fxt_stay_on_cpu,
	.test_cases = truncate_cases,
};

kunit_test_suite(truncate_suite);

MODULE_DESCRIPTION("KUnit suite of truncate and hole punch");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_LICENSE("GPL");
