// SPDX-License-Identifier: GPL-2.0
/*
 * mm_failure: memory that cannot be had while the page cache is filled, read ahead,
 * split, truncated or migrated. failure_model.h tells how each case goes about it,
 * failure_map_kunit.c has what happens to those who map.
 */
#include <linux/migrate.h>
#include <linux/module.h>
#include <linux/swap.h>
#include <linux/vmstat.h>

#include "failure_model.h"

#if __has_include(<kunit/mm.h>)
#include <kunit/mm.h>
#define HAS_EXPORTS
#endif

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

/*
 * Some allocations inside the allocators are only for speed: when one of those is
 * the n-th, the call need not fail. The first never is, with those that follow.
 */
static void expect_error(struct kunit *test, bool must, unsigned int failed, int want, int err)
{
	KUNIT_EXPECT_TRUE_MSG(test, err == want ? failed > 0 : !err && !must,
			      "error %d, %u allocations failed", err, failed);
}

/* Every node of the tree counts right what its slots hold: reclaim relies on it. */
static void expect_nodes(struct folio_fixture *fx)
{
	XA_STATE(xas, &fxt_mapping(fx)->i_pages, 0);
	struct xa_node *last = NULL;
	void *entry;

	rcu_read_lock();
	xas_for_each(&xas, entry, ULONG_MAX) {
		struct xa_node *node = xas.xa_node;
		unsigned int i, count = 0, values = 0;

		if (!node || node == last)
			continue;
		last = node;
		for (i = 0; i < XA_CHUNK_SIZE; i++) {
			void *slot = rcu_dereference_raw(node->slots[i]);

			count += !!slot;
			if (xa_is_sibling(slot))
				slot = rcu_dereference_raw(node->slots[xa_to_sibling(slot)]);
			values += xa_is_value(slot);
		}
		if (count == node->count && values == node->nr_values)
			continue;
		KUNIT_FAIL(fx->test, "node at %lu: %u slots and %u values, counted %u and %u",
			   xas.xa_index, count, values, node->count, node->nr_values);
		break;
	}
	rcu_read_unlock();
}

static void expect_shadows(struct folio_fixture *fx, pgoff_t from, pgoff_t to)
{
	for (; from < to; from++) {
		if (xa_load(&fxt_mapping(fx)->i_pages, from) == FXT_SHADOW)
			continue;
		KUNIT_FAIL(fx->test, "the shadow at %lu is lost", from);
		return;
	}
}

/* Filling the page cache. */

/* What lies where the folio goes: the order of the shadow entry, or none. */
enum { NO_SHADOW = -1, NEIGHBOUR = -2, SMALL_SHADOWS = -3 };

static void try_add(struct trials *t, unsigned int order, int what, pgoff_t index)
{
	struct address_space *mapping = fxt_mapping(t->fx);
	const pgoff_t nr = 1UL << order;
	struct kunit *test = t->test;
	unsigned int other = what == NEIGHBOUR;
	pgoff_t from = index, to = index;

	if (what >= 0) {
		from = round_down(index, 1UL << what);
		to = from + (1UL << what);
	} else if (what == SMALL_SHADOWS) {
		to = index + nr;
	}
	while (next_trial(t)) {
		const struct fxt_range alone[] = {
			{ other ? index - 1 : index, other ? 0 : order }, { index, order },
		};
		struct folio *folio;
		int err;

		clear(t->fx);
		if (what == NEIGHBOUR)
			fxt_add_folio(t->fx, index - 1, 0, 0);
		else if (what == SMALL_SHADOWS)
			for (pgoff_t at = from; at < to; at += max(1UL, nr / 4))
				fxt_add_shadow(t->fx, at, 0);
		else if (what >= 0)
			fxt_add_shadow(t->fx, from, what);
		folio = fxt_new_folio(t->fx, index, order);
		begin(t);
		err = filemap_add_folio(mapping, folio, index, GFP_KERNEL | __GFP_WRITE);
		end(t);
		/* One that fails without waiting is tried again, and may wait then. */
		if (t->rest)
			expect_error(test, t->failed && t->nth == 1, t->failed, -ENOMEM, err);
		else
			KUNIT_EXPECT_EQ(test, 0, err);
		expect_nodes(t->fx);
		if (err) {
			KUNIT_EXPECT_EQ(test, 1, folio_ref_count(folio));
			KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
			KUNIT_EXPECT_NULL(test, folio->mapping);
			fxt_expect_layout(t->fx, alone, other);
			if (what >= 0)
				expect_shadows(t->fx, from, to);
			err = filemap_add_folio(mapping, folio, index, GFP_KERNEL | __GFP_WRITE);
			KUNIT_EXPECT_EQ_MSG(test, 0, err, "when tried again");
		}
		if (err) {
			folio_put(folio);
			continue;
		}
		KUNIT_EXPECT_TRUE(test, folio_test_locked(folio));
		folio_mark_uptodate(folio);
		folio_unlock(folio);
		folio_put(folio);
		fxt_expect_layout(t->fx, alone, 1 + other);
		if (what >= 0) {
			expect_shadows(t->fx, from, index);
			expect_shadows(t->fx, index + nr, to);
		}
		fxt_expect_stamped(t->fx, FXT_POS(index), FXT_POS(index + nr));
		expect_folios(t->fx, false);
		expect_nodes(t->fx);
	}
}

static void add_folio_each_failure(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	unsigned int order = fxt_order(test), larger;
	struct trials t = start_trials(fx);

	first_trial(&t, "empty file");
	try_add(&t, order, NO_SHADOW, FIRST);
	end_trials(&t);
	first_trial(&t, "beside a folio");
	try_add(&t, order, NEIGHBOUR, FIRST);
	first_trial(&t, "over small shadows");
	try_add(&t, order, SMALL_SHADOWS, FIRST);
	first_trial(&t, "over a shadow of its order");
	try_add(&t, order, order, FIRST);
	for (larger = order + 1; larger <= MAX_PAGECACHE_ORDER && larger < 10; larger++) {
		/* Across a node of the tree only. */
		if (larger != 7 && larger != 9)
			continue;
		first_trial(&t, "at the start of a larger shadow");
		try_add(&t, order, larger, FIRST);
		first_trial(&t, "at the end of a larger shadow");
		try_add(&t, order, larger, FIRST + (1UL << larger) - (1UL << order));
		if (order < 6)
			end_trials(&t);
	}
}

static struct folio *create(struct folio_fixture *fx, pgoff_t index, unsigned int order, fgf_t fgp)
{
	return __filemap_get_folio(fxt_mapping(fx), index, FGP_LOCK | FGP_CREAT | fgp |
				   fgf_set_order(PAGE_SIZE << order), GFP_KERNEL);
}

static void try_create(struct trials *t, unsigned int min, unsigned int order, fgf_t fgp)
{
	unsigned int smallest = order;
	struct kunit *test = t->test;

	while (next_trial(t)) {
		struct folio *folio;

		clear(t->fx);
		begin(t);
		folio = create(t->fx, FIRST, order, fgp);
		end(t);
		/* What has to be allocated at once cannot do without. */
		if (t->rest && t->nth == 1)
			KUNIT_EXPECT_TRUE(test, IS_ERR(folio));
		else if (!t->failed || (!t->rest && min < order))
			KUNIT_EXPECT_FALSE(test, IS_ERR(folio));
		if (IS_ERR(folio)) {
			KUNIT_EXPECT_EQ(test, fgp & FGP_NOWAIT ? -EAGAIN : -ENOMEM, PTR_ERR(folio));
			fxt_expect_layout(t->fx, NULL, 0);
			expect_empty(t->fx, 0, ULONG_MAX);
			folio = create(t->fx, FIRST, order, 0);
			KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(folio), "when tried again");
			KUNIT_EXPECT_EQ(test, order, folio_order(folio));
		}
		smallest = min(smallest, folio_order(folio));
		if (!t->failed)
			KUNIT_EXPECT_EQ(test, order, folio_order(folio));
		KUNIT_EXPECT_LE(test, folio_order(folio), order);
		KUNIT_EXPECT_GE(test, folio_order(folio), min);
		KUNIT_EXPECT_TRUE(test, folio_test_locked(folio));
		KUNIT_EXPECT_FALSE(test, folio_test_uptodate(folio));
		KUNIT_EXPECT_EQ(test, FIRST, folio->index);
		fxt_drain_lru();
		KUNIT_EXPECT_EQ(test, folio_nr_pages(folio) + 1, folio_ref_count(folio));
		fxt_expect_layout(t->fx, &(struct fxt_range){ FIRST, folio_order(folio) }, 1);
		folio_unlock(folio);
		folio_put(folio);
	}
	/* The first allocation is the large folio. */
	KUNIT_EXPECT_EQ_MSG(test, min < order, smallest < order, "%s: smallest %u", t->name,
			    smallest);
}

static void get_folio_create_each_failure(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	const unsigned int mins[] = { 0, order / 2, order };
	struct trials t = {};

	for (i = 0; i < ARRAY_SIZE(mins); i++) {
		struct folio_fixture *fx;

		if (i && mins[i] == mins[i - 1])
			continue;
		fx = fxt_create(test, mins[i], MAX_PAGECACHE_ORDER);
		if (!t.fail)
			t = start_trials(fx);
		t.fx = fx;
		first_trial(&t, i == 0 ? "no minimum" : i == 1 ? "half the order" : "its order");
		try_create(&t, mins[i], order, 0);
		end_trials(&t);
		first_trial(&t, "not waiting");
		try_create(&t, mins[i], order, FGP_NOWAIT);
	}
}

static void try_read(struct trials *t, loff_t pos, size_t len, u8 *buf)
{
	struct kunit *test = t->test;

	while (next_trial(t)) {
		struct file *file;
		loff_t at = pos;
		ssize_t got;

		clear(t->fx);
		file = fxt_file(t->fx);
		memset(buf, 0, len);
		begin(t);
		got = kernel_read(file, buf, len, &at);
		end(t);
		KUNIT_EXPECT_NE(test, 0, got);
		if (got < 0) {
			KUNIT_EXPECT_EQ(test, -ENOMEM, got);
			KUNIT_EXPECT_GT(test, t->failed, 0);
			KUNIT_EXPECT_EQ(test, pos, at);
			got = 0;
		}
		KUNIT_EXPECT_EQ(test, pos + got, at);
		if (!t->failed)
			KUNIT_EXPECT_EQ(test, len, got);
		expect_folios(t->fx, false);
		fxt_expect_buffer(t->fx, buf, pos, got);
		if (got < len) {
			KUNIT_EXPECT_EQ(test, len - got,
					kernel_read(file, buf + got, len - got, &at));
			fxt_expect_buffer(t->fx, buf, pos, len);
			expect_folios(t->fx, false);
		}
	}
}

static void read_each_failure(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = fxt_create(test, order, MAX_PAGECACHE_ORDER);
	const loff_t size = PAGE_SIZE << order, pos = FXT_POS(FIRST) + size - 5;
	u8 *buf = kunit_kzalloc(test, 3 * PAGE_SIZE, GFP_KERNEL);
	struct trials t = start_trials(fx);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	first_trial(&t, "over two folios");
	try_read(&t, pos, 100, buf);
	end_trials(&t);
	first_trial(&t, "in one folio");
	try_read(&t, pos - size + 5, min_t(size_t, size, 3 * PAGE_SIZE), buf);
	end_trials(&t);
}

static void read_folio_each_failure(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = fxt_create(test, order, MAX_PAGECACHE_ORDER);
	const pgoff_t nr = 1UL << order;
	struct trials t = start_trials(fx);

	first_trial(&t, "read_mapping_folio");
	while (next_trial(&t)) {
		pgoff_t index = FIRST + (t.nth % 2 ? nr - 1 : nr / 2);
		struct folio *folio;

		clear(fx);
		begin(&t);
		folio = read_mapping_folio(fxt_mapping(fx), index, NULL);
		end(&t);
		KUNIT_EXPECT_TRUE(test, t.failed || !IS_ERR(folio));
		if (IS_ERR(folio)) {
			KUNIT_EXPECT_EQ(test, -ENOMEM, PTR_ERR(folio));
			fxt_expect_layout(fx, NULL, 0);
			folio = read_mapping_folio(fxt_mapping(fx), index, NULL);
			KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
		}
		KUNIT_EXPECT_EQ(test, order, folio_order(folio));
		folio_put(folio);
		fxt_expect_layout(fx, &(struct fxt_range){ FIRST, order }, 1);
		fxt_expect_stamped(fx, FXT_POS(FIRST), FXT_POS(FIRST + nr));
		expect_folios(fx, false);
	}
	end_trials(&t);
}

/* Readahead reads what it can, says nothing, and leaves no folio locked. */
static void readahead_each_failure(struct kunit *test)
{
#ifdef HAS_EXPORTS
	unsigned int order = fxt_order(test), min;
	const unsigned long nr = 1UL << order;
	struct trials t = {};

	for (min = 0; min <= order; min += max(order, 1)) {
		struct folio_fixture *fx = fxt_create(test, min, MAX_PAGECACHE_ORDER);
		struct file *file = fxt_file(fx);

		if (!t.fail)
			t = start_trials(fx);
		t.fx = fx;
		first_trial(&t, min ? "at a minimum order" : "without a minimum order");
		while (next_trial(&t)) {
			struct file_ra_state ra = {
				.start = FIRST, .size = 3 * nr, .async_size = nr, .order = order,
				.ra_pages = 3 * nr,
			};
			DEFINE_READAHEAD(ractl, file, &ra, fxt_mapping(fx), FIRST);
			pgoff_t at = FIRST;

			clear(fx);
			begin(&t);
			page_cache_ra_order(&ractl, &ra);
			end(&t);
			expect_folios(fx, false);
			/* What was read is one run from the start. */
			while (xa_load(&fxt_mapping(fx)->i_pages, at))
				at++;
			fxt_expect_stamped(fx, FXT_POS(FIRST), FXT_POS(at));
			KUNIT_EXPECT_EQ(test, at - FIRST, fxt_mapping(fx)->nrpages);
			KUNIT_EXPECT_LE(test, at, FIRST + 3 * nr);
			/* One large folio not to be had: smaller ones are. */
			if (!t.rest && !min && order)
				KUNIT_EXPECT_EQ(test, FIRST + 3 * nr, at);
			if (!t.failed)
				KUNIT_EXPECT_EQ(test, FIRST + 3 * nr, at);
			if (t.rest && t.nth == 1)
				KUNIT_EXPECT_EQ(test, FIRST, at);
		}
		end_trials(&t);
	}
#else
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
}

/* Calls that allocate a folio first, and each must free it when what follows fails. */

static void free_create(struct folio_fixture *fx, unsigned int order)
{
	struct folio *folio = create(fx, FIRST, order, 0);

	if (!IS_ERR(folio))
		folio_unlock(folio);
}

static void free_read(struct folio_fixture *fx, unsigned int order)
{
	loff_t pos = FXT_POS(FIRST);
	char byte;

	kernel_read(fx->file, &byte, 1, &pos);
}

static void free_read_folio(struct folio_fixture *fx, unsigned int order)
{
	struct folio *folio = read_mapping_folio(fxt_mapping(fx), FIRST, NULL);

	if (!IS_ERR(folio))
		folio_put(folio);
}

static void free_readahead(struct folio_fixture *fx, unsigned int order)
{
#ifdef HAS_EXPORTS
	struct file_ra_state ra = {
		.start = FIRST, .size = 1U << order, .order = order, .ra_pages = 1U << order,
	};
	DEFINE_READAHEAD(ractl, fx->file, &ra, fxt_mapping(fx), FIRST);

	page_cache_ra_order(&ractl, &ra);
#endif
}

/* Memory for folios, none for the tree: each folio that was allocated is freed. */
static void folio_freed_each_failure(struct kunit *test)
{
	static const struct {
		const char *name;
		void (*call)(struct folio_fixture *fx, unsigned int order);
	} calls[] = {
		{ "__filemap_get_folio", free_create },
		{ "read", free_read },
		{ "read_mapping_folio", free_read_folio },
		{ "readahead", free_readahead },
	};
	unsigned int order = fxt_order(test), i, j, failed;
	struct folio_fixture *fx = fxt_create(test, order, MAX_PAGECACHE_ORDER);
	struct fail_state *fail = fxt_fail_setup(test);
	const unsigned int rounds = clamp(1024U >> order, 4U, 64U);
	long lost, slack = (rounds << order) / 2;

	if (!fxt_fail_rest(fail))
		kunit_skip(test, "needs a hardware breakpoint that stops after a write");

	fxt_file(fx);
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		unsigned int tries = 5;

		/* Others allocate too, but not in step with this. */
		do {
			lost = free_pages_now();
			for (j = failed = 0; j < rounds; j++) {
				fxt_fail_begin(fail, 2, true);
				calls[i].call(fx, order);
				failed += fxt_fail_end(fail) > 0;
			}
			lost -= free_pages_now();
			clear(fx);
		} while (lost >= slack && --tries);
		KUNIT_EXPECT_LT_MSG(test, lost, slack, "%s, order %u, pages are lost",
				    calls[i].name, order);
		KUNIT_EXPECT_EQ_MSG(test, rounds, failed, "%s", calls[i].name);
	}
}

/* Splitting. */

#ifdef HAS_EXPORTS
/* The pages of [FIRST, FIRST + nr) are all there, right and as dirty as they were. */
static void expect_all(struct trials *t, unsigned int order, bool dirty)
{
	struct folio *folio;
	pgoff_t index;

	xa_for_each(&fxt_mapping(t->fx)->i_pages, index, folio) {
		if (!folio_test_locked(folio))
			continue;
		KUNIT_FAIL(t->test, "the folio at %lu is left locked", index);
		folio_unlock(folio);	/* or the end of the case would wait for it */
	}
	fxt_expect_stamped(t->fx, FXT_POS(FIRST), FXT_POS(FIRST + (1UL << order)));
	KUNIT_EXPECT_EQ(t->test, 1UL << order, fxt_mapping(t->fx)->nrpages);
	expect_folios(t->fx, dirty);
	expect_nodes(t->fx);
}
#endif

/* Into folios of one order: all or nothing. */
static void split_each_failure(struct kunit *test)
{
#ifdef HAS_EXPORTS
	unsigned int order = fxt_order(test), to;
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	const unsigned long nr = 1UL << order;
	struct trials t = start_trials(fx);

	for (to = 0; to < order; to += max(1, order / 2)) {
		first_trial(&t, to ? "to half its order" : "to order 0");
		while (next_trial(&t)) {
			struct folio *folio;
			int err, again;

			clear(fx);
			folio = fxt_add_folio(fx, FIRST, order, FXT_DIRTY);
			fxt_drain_lru();
			folio_get(folio);
			folio_lock(folio);
			begin(&t);
			err = split_huge_page_to_list_to_order(&folio->page, NULL, to);
			end(&t);
			expect_error(test, t.failed && t.nth == 1, t.failed, -ENOMEM, err);
			KUNIT_EXPECT_TRUE(test, folio_test_locked(folio));
			KUNIT_EXPECT_EQ(test, err ? order : to, folio_order(folio));
			if (err) {
				KUNIT_EXPECT_EQ(test, nr + 1, folio_ref_count(folio));
				fxt_expect_layout(fx, &(struct fxt_range){ FIRST, order }, 1);
				again = split_huge_page_to_list_to_order(&folio->page, NULL, to);
				KUNIT_EXPECT_EQ_MSG(test, 0, again, "when tried again");
			}
			KUNIT_EXPECT_EQ(test, to, folio_order(folio));
			folio_unlock(folio);
			folio_put(folio);
			expect_all(&t, order, true);
		}
		/* The folio spans several nodes, its parts do not. */
		if (order >= 6 && to < 6)
			end_trials(&t);
	}
#else
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
}

/* Around one page: what it did so far it may keep, and the rest stays as it is. */
static void folio_split_each_failure(struct kunit *test)
{
#ifdef HAS_EXPORTS
	unsigned int order = fxt_order(test), i;
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	const unsigned long nr = 1UL << order;
	const unsigned long pages[] = { 0, nr / 2, nr - 1, nr * 5 / 8 };
	struct trials t = start_trials(fx);

	for (i = 0; order && i < ARRAY_SIZE(pages); i++) {
		first_trial(&t, "around a page");
		while (next_trial(&t)) {
			struct folio *folio;
			struct page *page;
			unsigned long pfn;
			int err;

			clear(fx);
			folio = fxt_add_folio(fx, FIRST, order, FXT_DIRTY);
			pfn = folio_pfn(folio);
			fxt_drain_lru();
			folio_get(folio);
			folio_lock(folio);
			begin(&t);
			err = folio_split(folio, 0, folio_page(folio, pages[i]), NULL);
			end(&t);
			expect_error(test, t.failed && t.nth == 1, t.failed, -ENOMEM, err);
			KUNIT_EXPECT_TRUE(test, folio_test_locked(folio));
			KUNIT_EXPECT_EQ(test, FIRST, folio->index);
			KUNIT_EXPECT_EQ(test, folio_nr_pages(folio) + 1, folio_ref_count(folio));
			folio_unlock(folio);
			folio_put(folio);
			expect_all(&t, order, true);
			page = pfn_to_page(pfn + pages[i]);
			KUNIT_EXPECT_EQ_MSG(test, !err, !folio_order(page_folio(page)),
					    "page %lu", pages[i]);
		}
		if (order >= 6)
			end_trials(&t);
	}
#else
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
}

/* The index behind the folio that holds the page, or behind the page where none is. */
static pgoff_t next_index(struct folio_fixture *fx, pgoff_t index)
{
	struct folio *folio = filemap_get_folio(fxt_mapping(fx), index);

	if (IS_ERR(folio))
		return index + 1;
	index = folio_next_index(folio);
	folio_put(folio);
	return index;
}

/*
 * A hole in a folio that cannot be split for want of memory: zeroes inside, the
 * old bytes outside, and none of them lost. A clean folio may go as a whole, since
 * it can be read again; a dirty one that reaches into the hole may stay there.
 */
static void punch_each_failure(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	const pgoff_t before = FIRST - 1, next = FIRST + (1UL << order), stop = next + (1UL << order);
	const loff_t size = PAGE_SIZE << order, pos = FXT_POS(FIRST);
	const struct {
		const char *name;
		loff_t from, to;
		unsigned int state;
	} holes[] = {
		{ "truncated in the middle", size / 2 + 100, TO_END },
		{ "dirty, truncated in the middle", size / 2 + 100, TO_END, FXT_DIRTY },
		{ "truncated behind the first byte", 1, TO_END },
		{ "dirty, truncated behind the first byte", 1, TO_END, FXT_DIRTY },
		{ "truncated before the last byte", size - 1, TO_END },
		{ "a hole in the middle", size / 8 + 1, size * 5 / 8 + 9 },
		{ "dirty, a hole in the middle", size / 8 + 1, size * 5 / 8 + 9, FXT_DIRTY },
		{ "dirty, a hole of pages", size / 4, size * 3 / 4, FXT_DIRTY },
		{ "a hole in a page", 100, 200 },
	};
	struct trials t = start_trials(fx);

	for (i = 0; i < ARRAY_SIZE(holes); i++) {
		loff_t from = pos + holes[i].from, to;

		to = holes[i].to == TO_END ? TO_END : pos + holes[i].to;
		first_trial(&t, holes[i].name);
		while (next_trial(&t)) {
			pgoff_t last = (from - 1) >> PAGE_SHIFT;

			clear(fx);
			fxt_add_folio(fx, before, 0, FXT_DIRTY);
			fxt_add_folio(fx, FIRST, order, holes[i].state);
			fxt_add_folio(fx, next, order, holes[i].state);
			fxt_drain_lru();
			begin(&t);
			truncate_inode_pages_range(fxt_mapping(fx), from,
						   to == TO_END ? -1 : to - 1);
			end(&t);
			expect_not_stale(fx, before, stop, from, to);
			KUNIT_EXPECT_TRUE(test, xa_load(&fxt_mapping(fx)->i_pages, before));
			if (holes[i].state)
				fxt_expect_stamped(fx, FXT_POS(before), from);
			if (to == TO_END)
				expect_empty(fx, next_index(fx, last), ULONG_MAX);
			else
				fxt_expect_stamped(fx, holes[i].state ? to : pos + size, FXT_POS(stop));
			fxt_expect_consistent(fx);
			expect_nodes(fx);
			if (!t.failed)
				expect_hole(fx, before, stop, from, to);
			truncate_inode_pages_range(fxt_mapping(fx), from,
						   to == TO_END ? -1 : to - 1);
			expect_not_stale(fx, before, stop, from, to);
		}
	}
}

#ifdef HAS_EXPORTS
static struct folio *new_target(struct folio *src, unsigned long private)
{
	return folio_alloc(GFP_KERNEL, folio_order(src));
}
#endif

/* A folio that finds no place to migrate to stays, whole or in parts, where it is. */
static void migrate_each_failure(struct kunit *test)
{
#ifdef HAS_EXPORTS
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	struct trials t = start_trials(fx);

	if (order >= HPAGE_PMD_ORDER)
		fxt_need_pmd_migration(test);
	first_trial(&t, "migrate_pages");
	while (next_trial(&t)) {
		unsigned int moved = 0;
		struct folio *folio;
		LIST_HEAD(list);
		int ret;

		clear(fx);
		folio = fxt_add_folio(fx, FIRST, order, FXT_DIRTY);
		fxt_drain_lru();
		folio_get(folio);
		KUNIT_ASSERT_TRUE(test, folio_isolate_lru(folio));
		folio_put(folio);
		list_add(&folio->lru, &list);
		begin(&t);
		ret = migrate_pages(&list, new_target, NULL, 0, MIGRATE_SYNC, MR_SYSCALL, &moved);
		end(&t);
		if (!t.failed) {
			KUNIT_EXPECT_EQ(test, 0, ret);
			KUNIT_EXPECT_EQ(test, 1 << order, moved);
		}
		if (t.rest && t.nth == 1)
			KUNIT_EXPECT_NE(test, 0, ret);
		while (!list_empty(&list)) {
			struct folio *left = list_first_entry(&list, struct folio, lru);

			list_del(&left->lru);
			folio_putback_lru(left);
		}
		fxt_drain_lru();
		expect_all(&t, order, true);
	}
	end_trials(&t);
#else
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
}

static struct kunit_case failure_cases[] = {
	KUNIT_CASE_PARAM_ATTR(add_folio_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(get_folio_create_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(read_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(read_folio_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(readahead_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(folio_freed_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(split_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(folio_split_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(punch_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(migrate_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	{}
};

static struct kunit_suite failure_suite = {
	.name = "mm_failure",
	.init = fxt_stay_on_cpu,
	.test_cases = failure_cases,
};

kunit_test_suite(failure_suite);

MODULE_DESCRIPTION("KUnit suite of allocations that fail under the page cache");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
