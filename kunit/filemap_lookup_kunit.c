// SPDX-License-Identifier: GPL-2.0
/*
 * mm_filemap_lookup: how folios of order 0 to 9, and the gaps between them, are
 * found in the page cache: one at an index, batches of them, by mark, by range.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/swap.h>
#include <linux/workqueue.h>
#include <linux/writeback.h>

#include "filemap_model.h"

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

/* Looking up one folio. */

static void get_folio_each_index(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	struct folio *folio = add_folio(fx, BASE, order);
	pgoff_t index;

	fxt_add_shadow(fx, BASE - 1, 0);
	KUNIT_ASSERT_EQ(test, folio_order(folio), order);
	for (index = BASE; index < BASE + nr; index++) {
		struct folio *found = filemap_get_folio(fxt_mapping(fx), index);

		KUNIT_ASSERT_PTR_EQ_MSG(test, found, folio, "index %lu", index);
		KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(folio), nr + 1, "index %lu", index);
		KUNIT_EXPECT_FALSE_MSG(test, folio_test_locked(folio), "index %lu", index);
		KUNIT_EXPECT_TRUE_MSG(test, folio_contains(folio, index), "index %lu", index);
		folio_put(found);
	}
	KUNIT_EXPECT_FALSE(test, folio_test_referenced(folio));
	/* A shadow, a gap. */
	KUNIT_EXPECT_PTR_EQ(test, filemap_get_folio(fxt_mapping(fx), BASE - 1),
			    ERR_PTR(-ENOENT));
	KUNIT_EXPECT_PTR_EQ(test, filemap_get_folio(fxt_mapping(fx), BASE + nr),
			    ERR_PTR(-ENOENT));
	KUNIT_EXPECT_EQ(test, fxt_mapping(fx)->nrpages, nr);
}

static void get_folio_flags(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	struct address_space *mapping = fxt_mapping(fx);
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	struct folio *folio = add_folio(fx, BASE, order), *found;
	pgoff_t last = BASE + nr - 1;

	KUNIT_ASSERT_EQ(test, folio_order(folio), order);
	found = __filemap_get_folio(mapping, last, FGP_LOCK, 0);
	KUNIT_ASSERT_PTR_EQ(test, found, folio);
	KUNIT_EXPECT_TRUE(test, folio_test_locked(folio));
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), nr + 1);

	/* Locked by us: a caller that may not wait is told so. */
	found = __filemap_get_folio(mapping, last, FGP_LOCK | FGP_NOWAIT, 0);
	KUNIT_EXPECT_PTR_EQ(test, found, ERR_PTR(-EAGAIN));
	KUNIT_EXPECT_TRUE(test, folio_test_locked(folio));
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), nr + 1);
	/* Without FGP_LOCK the lock of others does not matter. */
	found = __filemap_get_folio(mapping, last, FGP_NOWAIT, 0);
	KUNIT_EXPECT_PTR_EQ(test, found, folio);
	folio_put(folio);
	folio_unlock(folio);

	found = __filemap_get_folio(mapping, last, FGP_LOCK | FGP_NOWAIT, 0);
	KUNIT_EXPECT_PTR_EQ(test, found, folio);
	KUNIT_EXPECT_TRUE(test, folio_test_locked(folio));
	folio_unlock(folio);
	folio_put(folio);

	/* FGP_CREAT finds what is there, at any of its indexes. */
	found = __filemap_get_folio(mapping, last, FGP_LOCK | FGP_CREAT, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, found, folio);
	KUNIT_EXPECT_TRUE(test, folio_test_locked(folio));
	folio_unlock(folio);
	folio_put(folio);
	/* For mmap an existing folio comes unlocked, as a new one does. */
	found = __filemap_get_folio(mapping, last, FGP_CREAT | FGP_FOR_MMAP, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, found, folio);
	KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
	folio_put(folio);

	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), nr + 1);
	KUNIT_EXPECT_FALSE(test, folio_test_referenced(folio));
	found = __filemap_get_folio(mapping, last, FGP_ACCESSED, 0);
	KUNIT_EXPECT_PTR_EQ(test, found, folio);
	KUNIT_EXPECT_TRUE(test, folio_test_referenced(folio));
	folio_put(folio);
	folio_put(folio);
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), nr);
	KUNIT_EXPECT_EQ(test, mapping->nrpages, nr);
}

/* What is still called with a page means its folio, and finds the page of each index. */
static void page_functions_each_index(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	struct address_space *mapping = fxt_mapping(fx);
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order, i;
	const struct fxt_range want[] = { { BASE, order }, { BASE + nr, order } };
	struct folio *folio = add_folio(fx, BASE, order), *new = new_folio(fx, order);
	struct page *last = folio_page(folio, nr - 1);

	KUNIT_ASSERT_EQ(test, folio_order(folio), order);
	for (i = 0; i < nr; i++) {
		struct page *page = pagecache_get_page(mapping, BASE + i, 0, 0);

		KUNIT_EXPECT_PTR_EQ_MSG(test, page, folio_page(folio, i), "page %lu", i);
		KUNIT_ASSERT_EQ_MSG(test, folio_ref_count(folio), nr + 1, "page %lu", i);
		folio_put(folio);
	}
	KUNIT_EXPECT_NULL(test, pagecache_get_page(mapping, BASE - 1, 0, 0));
	KUNIT_EXPECT_NULL(test, pagecache_get_page(mapping, BASE + nr, 0, 0));

	KUNIT_EXPECT_FALSE(test, folio_test_referenced(folio));
	mark_page_accessed(last);
	KUNIT_EXPECT_TRUE(test, IS_ENABLED(CONFIG_LRU_GEN) || folio_test_referenced(folio));
	KUNIT_EXPECT_TRUE(test, set_page_dirty_lock(last));
	KUNIT_EXPECT_FALSE(test, set_page_dirty_lock(last));
	KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
	KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
	folio_lock(folio);
	KUNIT_EXPECT_TRUE(test, clear_page_dirty_for_io(last));
	KUNIT_EXPECT_FALSE(test, folio_test_dirty(folio));
	unlock_page(last);
	KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));

	KUNIT_EXPECT_EQ(test, 0, add_to_page_cache_lru(&new->page, mapping, BASE + nr, GFP_KERNEL));
	fxt_drain_lru();
	KUNIT_EXPECT_TRUE(test, folio_test_locked(new));
	KUNIT_EXPECT_EQ(test, folio_ref_count(new), nr + 1);
	fxt_expect_layout(fx, want, 2);
	fxt_expect_consistent(fx);
	unlock_page(folio_page(new, nr - 1));
	folio_put(new);
}

/* The one lookup that shows what is there instead of a folio. */
static void get_entry_each_index(struct kunit *test)
{
#ifdef HAS_FILEMAP_EXPORTS
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	struct address_space *mapping = fxt_mapping(fx);
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	struct folio *folio = add_folio(fx, BASE, order);
	pgoff_t i;

	fxt_add_shadow(fx, BASE + nr, order);
	KUNIT_ASSERT_EQ(test, folio_order(folio), order);
	for (i = 0; i < nr; i++) {
		KUNIT_EXPECT_PTR_EQ_MSG(test, filemap_get_entry(mapping, BASE + i), folio,
					"page %lu", i);
		KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(folio), nr + 1, "page %lu", i);
		folio_put(folio);
		KUNIT_EXPECT_PTR_EQ_MSG(test, filemap_get_entry(mapping, BASE + nr + i), FXT_SHADOW,
					"page %lu", i);
	}
	KUNIT_EXPECT_NULL(test, filemap_get_entry(mapping, BASE - 1));
	KUNIT_EXPECT_NULL(test, filemap_get_entry(mapping, BASE + 2 * nr));
#else
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
}

static void get_folio_dontcache(struct kunit *test)
{
#ifdef FGP_DONTCACHE
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	struct address_space *mapping = fxt_mapping(fx);
	unsigned int order = fxt_order(test);
	fgf_t fgp = FGP_CREAT | FGP_FOR_MMAP | fgf_set_order(PAGE_SIZE << order);
	pgoff_t last = BASE + (1UL << order) - 1;
	struct folio *folio;

	folio = __filemap_get_folio(mapping, BASE, fgp | FGP_DONTCACHE, GFP_KERNEL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
	KUNIT_ASSERT_EQ(test, folio_order(folio), order);
	KUNIT_EXPECT_TRUE(test, folio_test_dropbehind(folio));
	folio_put(folio);
	KUNIT_EXPECT_PTR_EQ(test, folio, __filemap_get_folio(mapping, last, FGP_DONTCACHE, 0));
	KUNIT_EXPECT_TRUE(test, folio_test_dropbehind(folio));
	folio_put(folio);
	/* One ordinary user is enough to keep it. */
	KUNIT_EXPECT_PTR_EQ(test, folio, filemap_get_folio(mapping, last));
	KUNIT_EXPECT_FALSE(test, folio_test_dropbehind(folio));
	folio_put(folio);
	KUNIT_EXPECT_PTR_EQ(test, folio, __filemap_get_folio(mapping, last, FGP_DONTCACHE, 0));
	KUNIT_EXPECT_FALSE(test, folio_test_dropbehind(folio));
	folio_put(folio);
#else
	kunit_skip(test, "this kernel has no FGP_DONTCACHE");
#endif
}

/* For who has a folio locked already: another one, if that is possible at once. */
static void grab_folio_nowait_finds(struct kunit *test)
{
#ifdef HAS_FILEMAP_EXPORTS
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	struct address_space *mapping = fxt_mapping(fx);
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	struct folio *folio = add_folio(fx, BASE, order), *found;
	pgoff_t i;

	KUNIT_ASSERT_EQ(test, folio_order(folio), order);
	for (i = 0; i < nr; i++) {
		found = filemap_grab_folio_nowait(mapping, BASE + i);
		KUNIT_ASSERT_PTR_EQ_MSG(test, found, folio, "page %lu", i);
		KUNIT_EXPECT_TRUE_MSG(test, folio_test_locked(folio), "page %lu", i);
		KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(folio), nr + 1, "page %lu", i);
		/* Now it is locked: nobody waits, and nothing is left behind. */
		found = filemap_grab_folio_nowait(mapping, BASE + i);
		KUNIT_EXPECT_PTR_EQ_MSG(test, found, ERR_PTR(-EAGAIN), "page %lu", i);
		KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(folio), nr + 1, "page %lu", i);
		folio_unlock(folio);
		folio_put(folio);
	}
	KUNIT_EXPECT_FALSE(test, folio_test_referenced(folio));
	KUNIT_EXPECT_EQ(test, mapping->nrpages, nr);
#else
	kunit_skip(test, "this kernel has no filemap_grab_folio_nowait()");
#endif
}

static void grab_folio_nowait_creates(struct kunit *test)
{
#ifdef HAS_FILEMAP_EXPORTS
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = fxt_create(test, order, FXT_MAX_ORDER);
	struct address_space *mapping = fxt_mapping(fx);
	unsigned long nr = 1UL << order;
	struct folio *folio;

	folio = filemap_grab_folio_nowait(mapping, BASE + nr - 1);
	KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
	KUNIT_EXPECT_EQ(test, folio_order(folio), order);
	KUNIT_EXPECT_EQ(test, folio->index, BASE);
	KUNIT_EXPECT_TRUE(test, folio_test_locked(folio));
	KUNIT_EXPECT_FALSE(test, folio_test_uptodate(folio));
	KUNIT_EXPECT_FALSE(test, folio_test_referenced(folio));
	fxt_drain_lru();
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), nr + 1);
	KUNIT_EXPECT_EQ(test, mapping->nrpages, nr);
	folio_unlock(folio);
	folio_put(folio);
#else
	kunit_skip(test, "this kernel has no filemap_grab_folio_nowait()");
#endif
}

struct lookup {
	struct work_struct work;
	struct address_space *mapping;
	pgoff_t index;
	struct folio *found;
};

static void lookup_locked(struct work_struct *work)
{
	struct lookup *lookup = container_of(work, struct lookup, work);

	lookup->found = filemap_lock_folio(lookup->mapping, lookup->index);
	if (!IS_ERR(lookup->found))
		folio_unlock(lookup->found);
}

/* Returns once the lookup waits for @folio, which the caller has locked. */
static void start_lookup(struct kunit *test, struct lookup *lookup, struct folio *folio)
{
	unsigned int i;

	INIT_WORK_ONSTACK(&lookup->work, lookup_locked);
	schedule_work(&lookup->work);
	for (i = 0; i < 10000 && !folio_test_waiters(folio); i++)
		usleep_range(500, 1000);
	KUNIT_EXPECT_TRUE_MSG(test, folio_test_waiters(folio), "the lookup does not wait");
}

static void finish_lookup(struct kunit *test, struct lookup *lookup, struct folio *want)
{
	flush_work(&lookup->work);
	destroy_work_on_stack(&lookup->work);
	KUNIT_EXPECT_PTR_EQ(test, lookup->found, want);
	if (!IS_ERR(lookup->found))
		folio_put(lookup->found);
}

static void get_folio_lock_waits(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	struct folio *folio = add_folio(fx, BASE, order);
	struct lookup lookup = { .mapping = fxt_mapping(fx), .index = BASE + nr - 1 };

	KUNIT_ASSERT_EQ(test, folio_order(folio), order);
	folio_lock(folio);
	start_lookup(test, &lookup, folio);
	folio_unlock(folio);
	finish_lookup(test, &lookup, folio);
	KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), nr);
}

/* Who waited for the lock of a folio that went away meanwhile gets the one that is there now. */
static void get_folio_lock_removed(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	struct folio *old = add_folio(fx, BASE, order), *new;
	struct lookup lookup = { .mapping = fxt_mapping(fx), .index = BASE + nr - 1 };

	KUNIT_ASSERT_EQ(test, folio_order(old), order);
	folio_get(old);
	folio_lock(old);
	start_lookup(test, &lookup, old);
	generic_error_remove_folio(fxt_mapping(fx), old);
	new = add_folio(fx, lookup.index, 0);
	folio_unlock(old);
	finish_lookup(test, &lookup, new);
	KUNIT_EXPECT_EQ(test, folio_ref_count(old), 1);
	KUNIT_EXPECT_FALSE(test, folio_test_locked(old));
	folio_put(old);
}

/* Batches. */

/* Around each folio: before, first, second, last, after. */
#define NR_EDGES	(NR_MIXED * 5)

static pgoff_t edge(unsigned int n)
{
	pgoff_t first = mixed[n / 5].index;
	const pgoff_t edges[] = { first - 1, first, first + 1, last_of(n / 5), last_of(n / 5) + 1 };

	return edges[n % 5];
}

typedef unsigned int (*get_batch_fn)(struct address_space *mapping, pgoff_t *start,
				     pgoff_t end, struct folio_batch *fbatch);

static unsigned int get_dirty(struct address_space *mapping, pgoff_t *start,
			      pgoff_t end, struct folio_batch *fbatch)
{
	return filemap_get_folios_tag(mapping, start, end, PAGECACHE_TAG_DIRTY, fbatch);
}

static unsigned int get_writeback(struct address_space *mapping, pgoff_t *start,
				  pgoff_t end, struct folio_batch *fbatch)
{
	return filemap_get_folios_tag(mapping, start, end, PAGECACHE_TAG_WRITEBACK, fbatch);
}

/* Which folios a batch of [start, end] should hold, from the drawing alone. */
static unsigned int pick_mixed(get_batch_fn get, pgoff_t start, pgoff_t end, unsigned int *picks)
{
	unsigned int i, n = 0;

	for (i = 0; i < NR_MIXED; i++) {
		if (last_of(i) < start || mixed[i].index > end)
			continue;
		if ((get == get_dirty && i % 3 == 1) || (get == get_writeback && i % 3 != 1))
			continue;
		if (get == filemap_get_folios_contig &&
		    (n ? mixed[i].index != last_of(picks[n - 1]) + 1 : mixed[i].index > start))
			break;
		picks[n++] = i;
	}
	return n;
}

static void check_batches(struct kunit *test, struct folio_fixture *fx, get_batch_fn get,
			  struct folio *folios[])
{
	unsigned int s, e, i, n, picks[NR_MIXED];

	for (s = 0; s < NR_EDGES; s++) {
		for (e = 0; e < NR_EDGES; e++) {
			pgoff_t start = edge(s), end = edge(e), next, want_next = end + 1;
			struct folio_batch fbatch;

			if (start > end)
				continue;
			n = pick_mixed(get, start, end, picks);
			if (get == filemap_get_folios_contig)
				want_next = n ? last_of(picks[n - 1]) + 1 : start;

			folio_batch_init(&fbatch);
			next = start;
			KUNIT_ASSERT_EQ_MSG(test, get(fxt_mapping(fx), &next, end, &fbatch), n,
					    "%lu to %lu", start - BASE, end - BASE);
			KUNIT_EXPECT_EQ_MSG(test, folio_batch_count(&fbatch), n, "%lu to %lu",
					    start - BASE, end - BASE);
			KUNIT_EXPECT_EQ_MSG(test, next, want_next, "start after %lu to %lu",
					    start - BASE, end - BASE);
			for (i = 0; i < n; i++) {
				struct folio *folio = folios[picks[i]];

				KUNIT_EXPECT_PTR_EQ_MSG(test, fbatch.folios[i], folio,
							"%u of %lu to %lu", i,
							start - BASE, end - BASE);
				KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(folio),
						    folio_nr_pages(folio) + 1,
						    "%u of %lu to %lu", i,
						    start - BASE, end - BASE);
			}
			folio_batch_release(&fbatch);
		}
	}
	for (i = 0; i < NR_MIXED; i++)
		KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(folios[i]), 1L << mixed[i].order,
				    "folio %u", i);
}

static void get_folios_edges(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	struct folio *folios[NR_MIXED];

	add_mixed(fx, folios);
	check_batches(test, fx, filemap_get_folios, folios);
}

static void get_folios_contig_edges(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	struct folio *folios[NR_MIXED];
	struct folio_batch fbatch;
	pgoff_t start = BASE + 1;

	add_mixed(fx, folios);
	check_batches(test, fx, filemap_get_folios_contig, folios);

	folio_batch_init(&fbatch);
	KUNIT_EXPECT_EQ(test, 0, filemap_get_folios_contig(fxt_mapping(fx), &start, BASE, &fbatch));
	KUNIT_EXPECT_EQ(test, start, BASE + 1);
}

static void get_folios_tag_edges(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	struct folio *folios[NR_MIXED];
	unsigned int i;

	add_mixed(fx, folios);
	for (i = 0; i < NR_MIXED; i++) {
		folio_lock(folios[i]);
		if (i % 3 == 1)
			folio_start_writeback(folios[i]);
		else
			folio_mark_dirty(folios[i]);
		folio_unlock(folios[i]);
	}
	check_batches(test, fx, get_dirty, folios);
	check_batches(test, fx, get_writeback, folios);
	for (i = 1; i < NR_MIXED; i += 3)
		folio_end_writeback(folios[i]);
	for (i = 0; i < NR_MIXED; i++)
		if (i % 3 != 1)
			folio_cancel_dirty(folios[i]);
}

/*
 * More folios than one batch holds: @start continues after the last of a full
 * batch, and each folio is seen once. The walk starts and ends inside a folio.
 */
static void check_full_batches(struct kunit *test, struct folio_fixture *fx, get_batch_fn get,
			       unsigned int order, unsigned int nr)
{
	pgoff_t start = BASE + (1UL << order) / 2, end = BASE + ((nr - 1UL) << order);
	struct folio_batch fbatch;
	unsigned int i, n, seen = 0;

	while (seen < nr) {
		folio_batch_init(&fbatch);
		n = get(fxt_mapping(fx), &start, end, &fbatch);
		KUNIT_ASSERT_EQ_MSG(test, n, min_t(unsigned int, nr - seen, FOLIO_BATCH_SIZE),
				    "after %u of %u", seen, nr);
		for (i = 0; i < n; i++, seen++)
			KUNIT_EXPECT_EQ_MSG(test, fbatch.folios[i]->index,
					    BASE + ((pgoff_t)seen << order),
					    "folio %u of %u", seen, nr);
		folio_batch_release(&fbatch);
		if (n == FOLIO_BATCH_SIZE)
			KUNIT_EXPECT_EQ_MSG(test, start, BASE + ((pgoff_t)seen << order),
					    "start after %u of %u", seen, nr);
	}
	/* Nothing is left, so nothing is found and a walk ends. */
	folio_batch_init(&fbatch);
	KUNIT_EXPECT_EQ_MSG(test, get(fxt_mapping(fx), &start, end, &fbatch), 0, "of %u", nr);
	KUNIT_EXPECT_GT_MSG(test, start, end, "of %u", nr);
}

static void get_folios_full_batch(struct kunit *test)
{
	static const get_batch_fn gets[] = {
		filemap_get_folios, filemap_get_folios_contig, get_dirty,
	};
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test), nr = FOLIO_BATCH_SIZE + 3, i;
	struct folio *folio = NULL;
	pgoff_t start = BASE;
	struct folio_batch fbatch;

	for (i = 0; i < nr; i++) {
		folio = add_folio(fx, BASE + ((pgoff_t)i << order), order);
		folio_mark_dirty(folio);
	}
	KUNIT_ASSERT_EQ(test, folio_order(folio), order);
	for (i = 0; i < ARRAY_SIZE(gets); i++) {
		check_full_batches(test, fx, gets[i], order, nr);
		/* The last batch is exactly full; more folios follow the range. */
		check_full_batches(test, fx, gets[i], order, FOLIO_BATCH_SIZE);
		check_full_batches(test, fx, gets[i], order, FOLIO_BATCH_SIZE - 1);
	}

	/* To the end of time: @start must not wrap to zero, or the walk never ends. */
	start = folio->index;
	folio_batch_init(&fbatch);
	KUNIT_EXPECT_EQ(test, 1, filemap_get_folios(fxt_mapping(fx), &start, -1UL, &fbatch));
	KUNIT_EXPECT_EQ(test, start, -1UL);
	folio_batch_release(&fbatch);
	start = folio->index;
	folio_batch_init(&fbatch);
	KUNIT_EXPECT_EQ(test, 1, get_dirty(fxt_mapping(fx), &start, -1UL, &fbatch));
	KUNIT_EXPECT_EQ(test, start, -1UL);
	folio_batch_release(&fbatch);
}

/* Gaps. */

/*
 * The search walks a large folio, a small one, and meets a hole or a shadow:
 *
 *	BASE - 2    -1   BASE       BASE + nr   +1
 *	|  gap  |  0  |  order  |  0  |  gap  |
 */
static pgoff_t next_miss(struct folio_fixture *fx, pgoff_t index, unsigned long scan)
{
	guard(rcu)();
	return page_cache_next_miss(fxt_mapping(fx), index, scan);
}

static pgoff_t prev_miss(struct folio_fixture *fx, pgoff_t index, unsigned long scan)
{
	guard(rcu)();
	return page_cache_prev_miss(fxt_mapping(fx), index, scan);
}

static void check_misses(struct kunit *test, struct folio_fixture *fx, unsigned long nr)
{
	pgoff_t low = BASE - 2, high = BASE + nr + 1, got;
	const unsigned long scans[] = {
		1, 2, 3, nr, nr + 1, nr + 2, nr + 3, nr + 4, 10000,
	};
	/* Into the middle of the folio only where that is fixed. */
	const pgoff_t up[] = { BASE - 1, BASE, BASE + 1, BASE + nr / 2, BASE + nr - 1, BASE + nr };
	const pgoff_t down[] = { BASE + nr, BASE + nr - 1, BASE + nr / 2, BASE + 1, BASE, BASE - 1 };
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(scans); i++) {
		unsigned long scan = scans[i];

		for (k = 0; k < (FXT_FIXED ? ARRAY_SIZE(up) : 2); k++) {
			got = next_miss(fx, up[k], scan);
			if (up[k] + scan > high)
				KUNIT_EXPECT_EQ_MSG(test, got, high, "up from %lu, scan %lu",
						    up[k], scan);
			else
				KUNIT_EXPECT_EQ_MSG(test, got, up[k] + scan,
						    "up from %lu, scan %lu", up[k], scan);
		}
		for (k = 0; k < (FXT_FIXED ? ARRAY_SIZE(down) : 1); k++) {
			got = prev_miss(fx, down[k], scan);
			if (down[k] < scan + low)
				KUNIT_EXPECT_EQ_MSG(test, got, low, "down from %lu, scan %lu",
						    down[k], scan);
			else if (COMPAT_PREV_MISS_OUTSIDE)
				KUNIT_EXPECT_EQ_MSG(test, got, down[k] - scan,
						    "down from %lu, scan %lu", down[k], scan);
		}

		/* In a gap there is nothing to search. */
		KUNIT_EXPECT_EQ_MSG(test, next_miss(fx, high, scan), high, "scan %lu", scan);
		KUNIT_EXPECT_EQ_MSG(test, prev_miss(fx, low, scan), low, "scan %lu", scan);
	}
}

static void miss_across_folio(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;

	KUNIT_ASSERT_EQ(test, folio_order(add_folio(fx, BASE, order)), order);
	add_folio(fx, BASE - 1, 0);
	add_folio(fx, BASE + nr, 0);
	check_misses(test, fx, nr);
	/* A shadow is a gap: the data is not there. */
	fxt_add_shadow(fx, BASE - 2, 0);
	fxt_add_shadow(fx, BASE + nr + 1, 0);
	check_misses(test, fx, nr);
}

/* Index 0 is an index like any other, up or down, and so is the last one there is. */
static void miss_at_both_ends(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test);
	const unsigned long nr = 1UL << order, at[] = { 0, nr / 2, nr - 1 };
	struct folio *last;
	unsigned int i;

	fxt_need_fix(test, "mm/filemap: look for gaps from inside of a large folio");
	KUNIT_ASSERT_EQ(test, folio_order(add_folio(fx, 0, order)), order);
	last = add_folio(fx, -nr, order);
	KUNIT_ASSERT_EQ(test, folio_order(last), order);
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		KUNIT_EXPECT_EQ_MSG(test, next_miss(fx, at[i], 10000), nr, "up from %lu", at[i]);
		KUNIT_EXPECT_EQ_MSG(test, next_miss(fx, at[i], 1), at[i] + 1, "up from %lu", at[i]);
		KUNIT_EXPECT_EQ_MSG(test, prev_miss(fx, at[i], 10000), ULONG_MAX,
				    "down from %lu", at[i]);
		KUNIT_EXPECT_EQ_MSG(test, prev_miss(fx, at[i], 1), at[i] - 1,
				    "down from %lu", at[i]);
		KUNIT_EXPECT_EQ_MSG(test, next_miss(fx, at[i] - nr, 10000), 0,
				    "up from %lu before the end", nr - at[i]);
		KUNIT_EXPECT_EQ_MSG(test, prev_miss(fx, at[i] - nr, 10000), -nr - 1,
				    "down from %lu before the end", nr - at[i]);
	}
	/* No file is so long that a truncate would have to go that far. */
	folio_lock(last);
	KUNIT_EXPECT_EQ(test, 0, generic_error_remove_folio(fxt_mapping(fx), last));
	folio_unlock(last);
}

/* Questions about a range of bytes. */

static void range_has_page_edges(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	struct address_space *mapping = fxt_mapping(fx);
	unsigned int order = fxt_order(test), i;
	loff_t first = FXT_POS(1UL << order), end = 2 * first;
	struct folio *folio = fxt_add_folio(fx, 1UL << order, order, 0);
	const struct { loff_t from, to; bool want; } ranges[] = {
		{ 0, first - 1, false }, { 0, first, true }, { first - 1, first - 1, false },
		{ first, first, true }, { first + 1, end - 2, true }, { end - 1, end - 1, true },
		{ end - 1, 3 * end, true }, { end, 3 * end, false }, { 0, LLONG_MAX, true },
		{ end, end - 1, false }, { first, first - 1, false },
	};

	/* More of the cache that says nothing about the range. */
	fxt_add_shadow(fx, 0, 0);
	KUNIT_ASSERT_EQ(test, folio_order(folio), order);
	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		loff_t from = ranges[i].from, to = ranges[i].to;
		bool want = ranges[i].want;

		KUNIT_EXPECT_EQ_MSG(test, filemap_range_has_page(mapping, from, to), want,
				    "%lld to %lld", from, to);
		KUNIT_EXPECT_FALSE_MSG(test, filemap_range_has_writeback(mapping, from, to),
				       "clean, %lld to %lld", from, to);
		folio_mark_dirty(folio);
		KUNIT_EXPECT_EQ_MSG(test, filemap_range_has_writeback(mapping, from, to), want,
				    "dirty, %lld to %lld", from, to);
		folio_lock(folio);
		folio_clear_dirty_for_io(folio);
		KUNIT_EXPECT_EQ_MSG(test, filemap_range_has_writeback(mapping, from, to), want,
				    "locked, %lld to %lld", from, to);
		folio_start_writeback(folio);
		folio_unlock(folio);
		KUNIT_EXPECT_EQ_MSG(test, filemap_range_has_writeback(mapping, from, to), want,
				    "writeback, %lld to %lld", from, to);
		folio_end_writeback(folio);
	}
}

static struct kunit_case filemap_lookup_cases[] = {
	KUNIT_CASE_PARAM(get_folio_each_index, order_gen_params),
	KUNIT_CASE_PARAM(get_folio_flags, order_gen_params),
	KUNIT_CASE_PARAM(page_functions_each_index, order_gen_params),
	KUNIT_CASE_PARAM(get_entry_each_index, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(get_folio_dontcache, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(grab_folio_nowait_finds, order_gen_params),
	KUNIT_CASE_PARAM(grab_folio_nowait_creates, order_gen_params),
	KUNIT_CASE_PARAM(get_folio_lock_waits, order_gen_params),
	KUNIT_CASE_PARAM(get_folio_lock_removed, order_gen_params),
	KUNIT_CASE(get_folios_edges),
	KUNIT_CASE(get_folios_contig_edges),
	KUNIT_CASE(get_folios_tag_edges),
	KUNIT_CASE_PARAM(get_folios_full_batch, order_gen_params),
	KUNIT_CASE_PARAM(miss_across_folio, order_gen_params),
	KUNIT_CASE_PARAM(miss_at_both_ends, order_gen_params),
	KUNIT_CASE_PARAM(range_has_page_edges, order_gen_params),
	{}
};

static struct kunit_suite filemap_lookup_suite = {
	.name = "mm_filemap_lookup",
	.init = fxt_stay_on_cpu,
	.test_cases = filemap_lookup_cases,
};

kunit_test_suite(filemap_lookup_suite);

MODULE_DESCRIPTION("KUnit suite of lookups in the page cache");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
