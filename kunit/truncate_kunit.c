// SPDX-License-Identifier: GPL-2.0
/*
 * mm_truncate: what truncate and hole punch owe their callers.
 *
 * How a kernel splits a folio that straddles the end of a hole is its own
 * business: 6.12 splits it to the smallest order, later ones no more than they
 * must. What every one of them owes is the same:
 *
 *	pages:	| kept | part | in the hole | part | kept |
 *	cached:	  yes    yes        no        yes    yes
 *	bytes:	  S S    S 0                  0 S    S S	S stamped, 0 zeroed
 *
 * and that what remains keeps its state. A dirty folio that the smallest order of the
 * file forbids to split stays whole, with the hole zeroed. truncate_busy_kunit.c has
 * the folios that somebody else uses.
 *
 * All positions lie above 4 GiB, so that one cut to 32 bits is a wrong one.
 */
#include <linux/module.h>

#include "truncate_model.h"

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

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
 * An edge inside a folio of the smallest order, to which a larger one was split: that
 * folio stays where it is dirty, with zeroes in the hole, and the rest of it is kept.
 */
static void punch_min_order_keeps_edges(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), min_order, i, j, n = 0;

	if (!COMPAT_SPLITS_TO_MIN_ORDER)
		kunit_skip(test, "truncate does not split to a smallest order in this kernel");
	fxt_need_fix(test, "mm/truncate: keep what lies outside of the range in a straddling folio");
	for (min_order = 1; min_order < order; min_order++) {
		const loff_t unit = PAGE_SIZE << min_order, size = PAGE_SIZE << order;
		const pgoff_t pages = 1UL << order, index = FIRST + pages;
		const loff_t froms[] = { 1, PAGE_SIZE, unit - 1, size / 2 + PAGE_SIZE + 100 };
		const loff_t tos[] = { unit + 1, size / 2 - 1, size - PAGE_SIZE, TO_END };

		mapping_set_folio_order_range(fxt_mapping(fx), min_order, 9);
		for (i = 0; i < ARRAY_SIZE(froms); i++) {
			for (j = 0; j < ARRAY_SIZE(tos); j++) {
				bool to_end = tos[j] == TO_END;
				loff_t from = FXT_POS(index) + froms[i], to = TO_END;

				if (!to_end)
					to = FXT_POS(index) + tos[j];
				if (from >= to || (order > 5 && n++ % (order - 2)))
					continue;
				fxt_add_folio(fx, index, order, FXT_DIRTY);
				fxt_add_folio(fx, index + pages, order, FXT_DIRTY);
				truncate_inode_pages_range(fxt_mapping(fx), from, to_end ? -1 : to - 1);
				expect_hole_but(fx, index, index + 2 * pages, from,
						min(to, FXT_POS(index + 2 * pages)),
						round_up(from, unit),
						to_end ? FXT_POS(index + 2 * pages) : round_down(to, unit));
				expect_folios(fx, true);
				if (failed_at(test, "order %u, min %u, hole %lld to %lld",
					      order, min_order, from, to))
					return;
				start_over(fx);
			}
		}
	}
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
	KUNIT_CASE_PARAM_ATTR(punch_min_order_keeps_edges, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(truncate_whole_folio_state, order_gen_params),
	KUNIT_CASE_PARAM(truncate_removes_shadows, order_gen_params),
	KUNIT_CASE_PARAM(truncate_inode_pages_final_empties, order_gen_params),
	KUNIT_CASE_PARAM(truncate_setsize_grow_keeps, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(truncate_accounts_file_pages, order_gen_params,
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
