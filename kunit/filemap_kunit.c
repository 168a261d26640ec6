// SPDX-License-Identifier: GPL-2.0
/*
 * mm_filemap: the page cache of one file, holding folios of order 0 to 9.
 *
 * What is in the cache, at which indexes, with which marks and references: add,
 * look up, batches, gaps, replace, migrate, remove. filemap_io_kunit.c has what
 * reads, writes and faults make of it.
 */
#include <linux/delay.h>
#include <linux/migrate.h>
#include <linux/module.h>
#include <linux/vmstat.h>
#include <linux/workqueue.h>
#include <linux/writeback.h>
#include <linux/xarray.h>

#include "fixture.h"
#include "../module/compat.h"

#if __has_include("kunit/mm.h")
#include <kunit/mm.h>
#define HAS_FILEMAP_EXPORTS
#endif

/* A page index that every order is aligned to, with room below. */
#define BASE		4096UL
#define MAX_ORDER	(IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) ? 9 : 0)

static int insert(struct folio_fixture *fx, struct folio *folio, pgoff_t index)
{
	/* __GFP_WRITE: do not interpret the made-up shadow. */
	return filemap_add_folio(fxt_mapping(fx), folio, index, GFP_KERNEL | __GFP_WRITE);
}

/* A folio without contents: most cases only look at where it is. */
static struct folio *new_folio(struct folio_fixture *fx, unsigned int order)
{
	struct folio *folio = folio_alloc(GFP_HIGHUSER_MOVABLE, order);

	KUNIT_ASSERT_NOT_NULL_MSG(fx->test, folio, "no memory for order %u", order);
	KUNIT_ASSERT_EQ(fx->test, order, folio_order(folio));
	return folio;
}

/*
 * A folio that was just added may wait in the LRU batch of this CPU, which holds
 * a reference. Cases that count references want it out of there.
 */
static int insert_drained(struct folio_fixture *fx, struct folio *folio, pgoff_t index)
{
	int err;

	migrate_disable();
	err = insert(fx, folio, index);
	fxt_drain_lru();
	migrate_enable();
	return err;
}

/* In the cache, unlocked and uptodate; only the cache has references. */
static struct folio *add_folio(struct folio_fixture *fx, pgoff_t index, unsigned int order)
{
	struct folio *folio = new_folio(fx, order);

	KUNIT_ASSERT_EQ_MSG(fx->test, 0, insert_drained(fx, folio, index),
			    "add order %u at %lu", order, index);
	folio_mark_uptodate(folio);
	folio_unlock(folio);
	folio_put(folio);
	return folio;
}

static void *entry_at(struct folio_fixture *fx, pgoff_t index)
{
	return xa_load(&fxt_mapping(fx)->i_pages, index);
}

static void empty(struct folio_fixture *fx)
{
	truncate_inode_pages(fxt_mapping(fx), 0);
	KUNIT_EXPECT_EQ(fx->test, 0, fxt_mapping(fx)->nrpages);
	KUNIT_EXPECT_TRUE(fx->test, mapping_empty(fxt_mapping(fx)));
}

/* Whether all indexes, or no index, of a range have a mark. */
static void expect_mark(struct folio_fixture *fx, xa_mark_t mark, bool want,
			pgoff_t first, unsigned long nr)
{
	pgoff_t i;

	for (i = first; i < first + nr; i++) {
		if (xa_get_mark(&fxt_mapping(fx)->i_pages, i, mark) == want)
			continue;
		KUNIT_FAIL(fx->test, "mark %u at %lu (of %lu + %lu): %d, not %d",
			   (__force unsigned int)mark, i, first, nr, !want, want);
		return;
	}
}

static void skip_without_large_folios(struct kunit *test)
{
	if (!MAX_ORDER)
		kunit_skip(test, "needs CONFIG_TRANSPARENT_HUGEPAGE");
}

/* Positions in a large range where a smaller one is tried: first, middle, last. */
static pgoff_t slot(unsigned int large, unsigned int small, unsigned int which)
{
	unsigned long slots = 1UL << (large - small);

	return (which == 0 ? 0 : which == 1 ? slots / 2 : slots - 1) << small;
}

/* Adding. */

static void add_folio_alone(struct kunit *test)
{
	static const pgoff_t at[] = { 0, 1024, BASE, BASE + 1024, -1024UL };
	struct folio_fixture *fx = fxt_create(test, 0, MAX_ORDER);
	struct xarray *pages = &fxt_mapping(fx)->i_pages;
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(at); i++) {
		struct folio *folio = new_folio(fx, order);
		pgoff_t last = at[i] + nr - 1;

		KUNIT_ASSERT_EQ_MSG(test, 0, insert_drained(fx, folio, at[i]), "at %lu", at[i]);
		KUNIT_EXPECT_TRUE_MSG(test, folio_test_locked(folio), "at %lu", at[i]);
		KUNIT_EXPECT_TRUE_MSG(test, folio_test_lru(folio), "at %lu", at[i]);
		KUNIT_EXPECT_FALSE_MSG(test, folio_test_uptodate(folio), "at %lu", at[i]);
		KUNIT_EXPECT_PTR_EQ_MSG(test, folio->mapping, fxt_mapping(fx), "at %lu", at[i]);
		KUNIT_EXPECT_EQ_MSG(test, folio->index, at[i], "at %lu", at[i]);
		KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(folio), 1 + nr, "at %lu", at[i]);
		KUNIT_EXPECT_EQ_MSG(test, xa_get_order(pages, at[i]), order, "at %lu", at[i]);
		KUNIT_EXPECT_EQ_MSG(test, xa_get_order(pages, last), order, "at %lu", at[i]);
		KUNIT_EXPECT_NULL_MSG(test, xa_load(pages, at[i] - 1), "before %lu", at[i]);
		KUNIT_EXPECT_NULL_MSG(test, xa_load(pages, last + 1), "after %lu", last);
		KUNIT_EXPECT_EQ_MSG(test, fxt_mapping(fx)->nrpages, (i + 1) * nr,
				    "at %lu", at[i]);
		expect_mark(fx, PAGECACHE_TAG_DIRTY, false, at[i], nr);
		fxt_expect_consistent(fx);
		folio_unlock(folio);
		folio_put(folio);
	}
}

/*
 * An entry of any order that shares an index with the new folio refuses it, and
 * leaves both as they were; one that only touches it does not.
 *
 *	|   existing   |          |e|          |e|          |e|
 *	     |new|            |   new   |   |   new   |  |  new  |
 */
static void add_folio_conflict(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, MAX_ORDER);
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	unsigned int e, which;

	for (e = 0; e <= MAX_ORDER; e++) {
		for (which = 0; which < 3; which++) {
			pgoff_t old_at = BASE + (e < order ? slot(order, e, which) : 0);
			pgoff_t new_at = BASE + (e > order ? slot(e, order, which) : 0);
			pgoff_t beside = BASE + (1UL << max(e, order));
			struct fxt_range want[] = { { old_at, e }, { beside, order } };
			struct folio *old = add_folio(fx, old_at, e);
			struct folio *folio = new_folio(fx, order);
			int err = insert(fx, folio, new_at);

			KUNIT_ASSERT_EQ(test, folio_order(old), e);
			KUNIT_EXPECT_EQ_MSG(test, err, -EEXIST, "order %u at %lu, position %u",
					    e, old_at, which);
			KUNIT_EXPECT_NULL_MSG(test, folio->mapping, "order %u, position %u",
					      e, which);
			KUNIT_EXPECT_FALSE_MSG(test, folio_test_locked(folio),
					       "order %u, position %u", e, which);
			KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(folio), 1,
					    "order %u, position %u", e, which);
			KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(old), 1L << e,
					    "order %u, position %u", e, which);
			fxt_expect_layout(fx, want, 1);
			fxt_expect_consistent(fx);

			/* The refused folio is as good as new, and fits beside. */
			KUNIT_EXPECT_EQ_MSG(test, 0, insert_drained(fx, folio, beside),
					    "beside order %u, position %u", e, which);
			KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(folio), 1 + nr,
					    "beside order %u, position %u", e, which);
			fxt_expect_layout(fx, want, 2);
			fxt_expect_consistent(fx);
			folio_unlock(folio);
			empty(fx);
			KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(folio), 1,
					    "order %u, position %u", e, which);
			folio_put(folio);
		}
	}
}

/*
 * Shadow entries give way to a folio: all of a smaller one, but of a larger one
 * no more than the folio takes.
 *
 *	|s|  |s|  |s|             |        shadow        |
 *	|   folio   |    becomes  |shadow|folio|  shadow |
 */
static void add_folio_over_shadow(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, MAX_ORDER);
	struct xarray *pages = &fxt_mapping(fx)->i_pages;
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	unsigned int s, which, i;

	for (s = 0; s <= MAX_ORDER; s++) {
		for (which = 0; which < 3; which++) {
			pgoff_t at = BASE + (s > order ? slot(s, order, which) : 0);
			struct fxt_range want = { at, order };
			pgoff_t end = BASE + (1UL << max(s, order));
			struct folio *folio = new_folio(fx, order);
			pgoff_t index;

			for (i = 0; i < 3; i++)
				fxt_add_shadow(fx, BASE + (s < order ? slot(order, s, i) : 0), s);
			KUNIT_ASSERT_EQ(test, xa_get_order(pages, BASE), s);
			KUNIT_ASSERT_EQ_MSG(test, 0, insert_drained(fx, folio, at),
					    "shadow order %u, position %u", s, which);
			KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(folio), 1 + nr,
					    "shadow order %u, position %u", s, which);
			KUNIT_EXPECT_EQ_MSG(test, xa_get_order(pages, at), order,
					    "shadow order %u, position %u", s, which);
			for (index = BASE - 1; index <= end; index++) {
				void *entry = index < BASE || index == end ? NULL : FXT_SHADOW;

				if (index >= at && index < at + nr)
					entry = folio;
				if (entry_at(fx, index) == entry)
					continue;
				KUNIT_FAIL(test, "shadow order %u, position %u: %p at %lu, not %p",
					   s, which, entry_at(fx, index), index, entry);
				break;
			}
			fxt_expect_layout(fx, &want, 1);
			fxt_expect_consistent(fx);
			folio_unlock(folio);
			folio_put(folio);
			empty(fx);
		}
	}
}

static void step_add(struct folio_fixture *fx, struct folio *folio)
{
	KUNIT_ASSERT_EQ(fx->test, 0, insert_drained(fx, folio, BASE));
}

static void step_conflict(struct folio_fixture *fx, struct folio *folio)
{
	struct folio *other = new_folio(fx, folio_order(folio));

	KUNIT_EXPECT_EQ(fx->test, -EEXIST, insert(fx, other, BASE));
	folio_put(other);
}

static void step_error_remove(struct folio_fixture *fx, struct folio *folio)
{
	KUNIT_EXPECT_EQ(fx->test, 0, generic_error_remove_folio(fxt_mapping(fx), folio));
	folio_unlock(folio);
}

static void step_truncate(struct folio_fixture *fx, struct folio *folio)
{
	loff_t pos = folio_pos(folio);

	folio_unlock(folio);
	truncate_inode_pages_range(fxt_mapping(fx), pos, pos + folio_size(folio) - 1);
}

static void step_invalidate(struct folio_fixture *fx, struct folio *folio)
{
	folio_unlock(folio);
	KUNIT_EXPECT_EQ(fx->test, 0, invalidate_inode_pages2(fxt_mapping(fx)));
}

static void step_remove_folio(struct folio_fixture *fx, struct folio *folio)
{
#ifdef HAS_FILEMAP_EXPORTS
	filemap_remove_folio(folio);
	folio_unlock(folio);
#else
	step_error_remove(fx, folio);
#endif
}

static const struct stat_step {
	const char *name;
	void (*run)(struct folio_fixture *fx, struct folio *folio);
	int sign;
} stat_steps[] = {
	{ "add", step_add, 1 },		{ "conflict", step_conflict, 0 },
	{ "error_remove", step_error_remove, -1 },
	{ "add", step_add, 1 },		{ "truncate", step_truncate, -1 },
	{ "add", step_add, 1 },		{ "invalidate", step_invalidate, -1 },
	{ "add", step_add, 1 },		{ "remove", step_remove_folio, -1 },
};

/*
 * NR_FILE_PAGES and NR_FILE_THPS count pages. They belong to the whole system,
 * which may use its page cache while this runs: that does not repeat, a
 * miscount does. So each step has five chances to be right.
 */
static void add_remove_statistics(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, MAX_ORDER);
	unsigned int order = fxt_order(test), wrong = -1, tries, i;
	long nr = 1L << order, thps = order >= HPAGE_PMD_ORDER ? nr : 0;
	struct { bool right; long files, thps; } got[ARRAY_SIZE(stat_steps)] = {};

	for (tries = 0; tries < 5 && wrong; tries++) {
		struct folio *folio = NULL;

		for (i = 0, wrong = 0; i < ARRAY_SIZE(stat_steps); i++) {
			long sign = stat_steps[i].sign;
			long files_before, thps_before;

			if (sign > 0) {
				if (folio)
					folio_put(folio);
				folio = new_folio(fx, order);
			}
			files_before = fxt_sum_node_stat(NR_FILE_PAGES);
			thps_before = fxt_sum_node_stat(NR_FILE_THPS);
			stat_steps[i].run(fx, folio);
			got[i].files = fxt_sum_node_stat(NR_FILE_PAGES) - files_before;
			got[i].thps = fxt_sum_node_stat(NR_FILE_THPS) - thps_before;
			got[i].right |= got[i].files == sign * nr && got[i].thps == sign * thps;
			wrong += !got[i].right;
			KUNIT_ASSERT_EQ_MSG(test, folio_ref_count(folio),
					    folio->mapping ? 1 + nr : 1,
					    "step %u (%s)", i, stat_steps[i].name);
		}
		folio_put(folio);
	}
	for (i = 0; i < ARRAY_SIZE(stat_steps); i++)
		KUNIT_EXPECT_TRUE_MSG(test, got[i].right,
				      "step %u (%s) of %ld pages: NR_FILE_PAGES %+ld, NR_FILE_THPS %+ld",
				      i, stat_steps[i].name, nr, got[i].files, got[i].thps);
}

/* Looking up one folio. */

static void get_folio_each_index(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, MAX_ORDER);
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
	struct folio_fixture *fx = fxt_create(test, 0, MAX_ORDER);
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

/* Creating obeys the mapping's range of orders first, then the alignment of the index. */
static void check_create_order(struct folio_fixture *fx, pgoff_t index, unsigned int order,
			       unsigned int min_order, unsigned int max_order)
{
	struct address_space *mapping = fxt_mapping(fx);
	fgf_t fgp = FGP_LOCK | FGP_CREAT | fgf_set_order(PAGE_SIZE << order);
	pgoff_t first = round_down(index, 1UL << min_order);
	unsigned int want = min_t(unsigned int, clamp(order, min_order, max_order), __ffs(first));
	struct kunit *test = fx->test;
	struct folio *folio;

	mapping_set_folio_order_range(mapping, min_order, max_order);
	folio = __filemap_get_folio(mapping, index, fgp, GFP_KERNEL);
	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(folio), "min %u max %u index %lu: %ld",
			       min_order, max_order, index, PTR_ERR(folio));
	KUNIT_EXPECT_EQ_MSG(test, folio_order(folio), want, "min %u max %u index %lu",
			    min_order, max_order, index);
	KUNIT_EXPECT_EQ_MSG(test, folio->index, first, "min %u max %u index %lu",
			    min_order, max_order, index);
	KUNIT_EXPECT_TRUE_MSG(test, folio_test_locked(folio), "min %u max %u index %lu",
			      min_order, max_order, index);
	KUNIT_EXPECT_FALSE_MSG(test, folio_test_uptodate(folio), "min %u max %u index %lu",
			       min_order, max_order, index);
	KUNIT_EXPECT_FALSE_MSG(test, folio_test_referenced(folio), "min %u max %u index %lu",
			       min_order, max_order, index);
	fxt_expect_consistent(fx);
	folio_unlock(folio);
	truncate_inode_pages(mapping, 0);
	KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(folio), 1, "min %u max %u index %lu",
			    min_order, max_order, index);
	folio_put(folio);
}

static void get_folio_create_order(struct kunit *test)
{
	static const struct { unsigned int min, max; } range[] = {
		{ 0, 9 }, { 0, 5 }, { 2, 9 }, { 3, 4 }, { 1, 1 },
	};
	static const pgoff_t offset[] = { 0, 1, 2, 3, 4, 6, 8, 13, 16, 32, 64, 96, 128, 256, 511 };
	struct folio_fixture *fx = fxt_create(test, 0, MAX_ORDER);
	unsigned int order = fxt_order(test), r, o;

	skip_without_large_folios(test);
	for (r = 0; r < ARRAY_SIZE(range); r++)
		for (o = 0; o < ARRAY_SIZE(offset); o++)
			check_create_order(fx, BASE + offset[o], order, range[r].min, range[r].max);
}

/* In front of another folio the largest that fits is created: neither an error nor an overlap. */
static void get_folio_create_beside(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, MAX_ORDER);
	struct address_space *mapping = fxt_mapping(fx);
	unsigned int order = fxt_order(test), gap;
	fgf_t fgp = FGP_CREAT | FGP_ACCESSED | fgf_set_order(PAGE_SIZE << order);

	for (gap = 0; gap <= MAX_ORDER; gap++) {
		unsigned int want_order = min(order, gap);
		/* The obstacle is the last page that makes this order fit. */
		pgoff_t obstacle = BASE + (1UL << gap);
		struct fxt_range want[] = { { BASE, want_order }, { obstacle, 0 } };
		struct folio *folio;

		add_folio(fx, obstacle, 0);
		folio = __filemap_get_folio(mapping, BASE, fgp | FGP_LOCK, GFP_KERNEL);
		KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(folio), "gap %u: %ld", gap, PTR_ERR(folio));
		KUNIT_EXPECT_EQ_MSG(test, folio_order(folio), want_order, "gap %u", gap);
		KUNIT_EXPECT_TRUE_MSG(test, folio_test_locked(folio), "gap %u", gap);
		KUNIT_EXPECT_TRUE_MSG(test, folio_test_referenced(folio), "gap %u", gap);
		fxt_expect_layout(fx, want, 2);
		fxt_expect_consistent(fx);
		folio_unlock(folio);
		folio_put(folio);
		empty(fx);

		/* For mmap: the same folio, but unlocked. */
		folio = __filemap_get_folio(mapping, BASE, fgp | FGP_FOR_MMAP, GFP_KERNEL);
		KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(folio), "gap %u: %ld", gap, PTR_ERR(folio));
		KUNIT_EXPECT_EQ_MSG(test, folio_order(folio), order, "gap %u", gap);
		KUNIT_EXPECT_FALSE_MSG(test, folio_test_locked(folio), "gap %u", gap);
		folio_put(folio);
		empty(fx);
	}
}

/* Folios that were too large to fit are freed. Enough of them would be missed. */
static void get_folio_create_frees(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, MAX_ORDER);
	fgf_t fgp = FGP_CREAT | FGP_LOCK | fgf_set_order(PAGE_SIZE << MAX_ORDER);
	unsigned long tries = 32, refused = tries << MAX_ORDER;
	struct sysinfo before, after;
	unsigned long i;

	skip_without_large_folios(test);
	add_folio(fx, BASE + 1, 0);
	si_meminfo(&before);
	for (i = 0; i < tries; i++) {
		struct folio *folio = __filemap_get_folio(fxt_mapping(fx), BASE, fgp, GFP_KERNEL);

		KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(folio), "%ld", PTR_ERR(folio));
		KUNIT_ASSERT_EQ(test, folio_order(folio), 0);
		generic_error_remove_folio(fxt_mapping(fx), folio);
		folio_unlock(folio);
		folio_put(folio);
	}
	si_meminfo(&after);
	KUNIT_EXPECT_LT(test, before.freeram, after.freeram + refused / 2);
}

static void get_folio_dontcache(struct kunit *test)
{
#ifdef FGP_DONTCACHE
	struct folio_fixture *fx = fxt_create(test, 0, MAX_ORDER);
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
	struct folio_fixture *fx = fxt_create(test, 0, MAX_ORDER);
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
	struct folio_fixture *fx = fxt_create(test, 0, MAX_ORDER);
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

/*
 * A bit of everything, in page indexes from BASE:
 *
 *	0  512  528 532 533 534 536  544   552  560    576 640 768 1024     1026   1056
 *	|9 | 4  | 2 | 0 | 0 | 1 | 3 | hole | 3 |shadow| 6 | 7 | 8 | 0 |shadow| 1 |hole| 5 |
 */
static const struct fxt_range mixed[] = {
	{ BASE, 9 }, { BASE + 512, 4 }, { BASE + 528, 2 }, { BASE + 532, 0 },
	{ BASE + 533, 0 }, { BASE + 534, 1 }, { BASE + 536, 3 }, { BASE + 552, 3 },
	{ BASE + 576, 6 }, { BASE + 640, 7 }, { BASE + 768, 8 }, { BASE + 1024, 0 },
	{ BASE + 1026, 1 }, { BASE + 1056, 5 },
};

#define NR_MIXED	ARRAY_SIZE(mixed)
/* Around each folio: before, first, second, last, after. */
#define NR_EDGES	(NR_MIXED * 5)

static pgoff_t last_of(unsigned int i)
{
	return mixed[i].index + (1UL << mixed[i].order) - 1;
}

static pgoff_t edge(unsigned int n)
{
	pgoff_t first = mixed[n / 5].index;
	const pgoff_t edges[] = { first - 1, first, first + 1, last_of(n / 5), last_of(n / 5) + 1 };

	return edges[n % 5];
}

static void add_mixed(struct folio_fixture *fx, struct folio *folios[])
{
	unsigned int i;

	skip_without_large_folios(fx->test);
	for (i = 0; i < NR_MIXED; i++)
		folios[i] = add_folio(fx, mixed[i].index, mixed[i].order);
	fxt_add_shadow(fx, BASE + 560, 4);
	fxt_add_shadow(fx, BASE + 1025, 0);
	fxt_expect_layout(fx, mixed, NR_MIXED);
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
	struct folio_fixture *fx = fxt_create(test, 0, MAX_ORDER);
	struct folio *folios[NR_MIXED];

	add_mixed(fx, folios);
	check_batches(test, fx, filemap_get_folios, folios);
}

static void get_folios_contig_edges(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, MAX_ORDER);
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
	struct folio_fixture *fx = fxt_create(test, 0, MAX_ORDER);
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
	struct folio_fixture *fx = fxt_create(test, 0, MAX_ORDER);
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
	pgoff_t low = BASE - 2, high = BASE + nr + 1, start, got;
	const unsigned long scans[] = {
		1, 2, 3, nr, nr + 1, nr + 2, nr + 3, nr + 4, 10000,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(scans); i++) {
		unsigned long scan = scans[i];

		/* From the first page of a folio; 7.3 errs when it starts in the middle. */
		for (start = BASE - 1; start <= BASE; start++) {
			got = next_miss(fx, start, scan);
			if (start + scan > high)
				KUNIT_EXPECT_EQ_MSG(test, got, high, "up from %lu, scan %lu",
						    start, scan);
			else
				KUNIT_EXPECT_GE_MSG(test, got - start, scan,
						    "up from %lu, scan %lu", start, scan);
		}
		start = BASE + nr;
		got = prev_miss(fx, start, scan);
		if (start < scan + low)
			KUNIT_EXPECT_EQ_MSG(test, got, low, "down, scan %lu", scan);
		else if (COMPAT_PREV_MISS_OUTSIDE)
			KUNIT_EXPECT_GE_MSG(test, start - got, scan, "down, scan %lu", scan);

		/* In a gap there is nothing to search. */
		KUNIT_EXPECT_EQ_MSG(test, next_miss(fx, high, scan), high, "scan %lu", scan);
		KUNIT_EXPECT_EQ_MSG(test, prev_miss(fx, low, scan), low, "scan %lu", scan);
	}
}

static void miss_across_folio(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, MAX_ORDER);
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

/* Marks, replacement, migration, removal. */

static void marks_whole_folio(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, MAX_ORDER);
	struct address_space *mapping = fxt_mapping(fx);
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	struct folio *folio = add_folio(fx, BASE, order);
	pgoff_t last = BASE + nr - 1;

	add_folio(fx, BASE - nr, order);
	add_folio(fx, BASE + nr, order);
	KUNIT_ASSERT_EQ(test, folio_order(folio), order);
	KUNIT_EXPECT_FALSE(test, mapping_tagged(mapping, PAGECACHE_TAG_DIRTY));

	folio_lock(folio);
	KUNIT_EXPECT_TRUE(test, folio_mark_dirty(folio));
	KUNIT_EXPECT_FALSE(test, folio_mark_dirty(folio));
	expect_mark(fx, PAGECACHE_TAG_DIRTY, true, BASE, nr);
	tag_pages_for_writeback(mapping, last + 1, last + 1);
	expect_mark(fx, PAGECACHE_TAG_TOWRITE, false, BASE, nr);
	tag_pages_for_writeback(mapping, last, last);
	expect_mark(fx, PAGECACHE_TAG_TOWRITE, true, BASE, nr);

	KUNIT_EXPECT_TRUE(test, folio_clear_dirty_for_io(folio));
	folio_start_writeback(folio);
	expect_mark(fx, PAGECACHE_TAG_DIRTY, false, BASE, nr);
	expect_mark(fx, PAGECACHE_TAG_TOWRITE, false, BASE, nr);
	expect_mark(fx, PAGECACHE_TAG_WRITEBACK, true, BASE, nr);
	/* The neighbours never had any. */
	expect_mark(fx, PAGECACHE_TAG_DIRTY, false, BASE - nr, nr);
	expect_mark(fx, PAGECACHE_TAG_WRITEBACK, false, BASE - nr, nr);
	expect_mark(fx, PAGECACHE_TAG_WRITEBACK, false, BASE + nr, nr);
	folio_unlock(folio);
	folio_end_writeback(folio);
	KUNIT_EXPECT_FALSE(test, mapping_tagged(mapping, PAGECACHE_TAG_WRITEBACK));
	KUNIT_EXPECT_FALSE(test, mapping_tagged(mapping, PAGECACHE_TAG_DIRTY));
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), nr);
	fxt_expect_consistent(fx);
}

/*
 * Only single pages are replaced in this way: it moves one reference. What lies
 * around them may be of any order.
 */
static void replace_folio_between(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, MAX_ORDER);
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	const struct fxt_range want[] = {
		{ BASE, order }, { BASE + nr, 0 }, { BASE + 2 * nr, order },
	};
	struct folio *before = add_folio(fx, BASE, order);
	struct folio *after = add_folio(fx, BASE + 2 * nr, order);
	struct folio *old = add_folio(fx, BASE + nr, 0), *new = new_folio(fx, 0);

	KUNIT_ASSERT_EQ(test, folio_order(before), order);
	folio_get(old);
	folio_lock(old);
	folio_lock(new);
	folio_mark_uptodate(new);
	replace_page_cache_folio(old, new);
	folio_unlock(new);
	folio_unlock(old);

	KUNIT_EXPECT_NULL(test, old->mapping);
	KUNIT_EXPECT_EQ(test, folio_ref_count(old), 1);
	KUNIT_EXPECT_PTR_EQ(test, new->mapping, fxt_mapping(fx));
	KUNIT_EXPECT_EQ(test, new->index, BASE + nr);
	KUNIT_EXPECT_EQ(test, folio_ref_count(new), 2);
	KUNIT_EXPECT_PTR_EQ(test, entry_at(fx, BASE + nr), new);
	KUNIT_EXPECT_PTR_EQ(test, entry_at(fx, BASE + nr - 1), before);
	KUNIT_EXPECT_PTR_EQ(test, entry_at(fx, BASE + 2 * nr), after);
	fxt_expect_layout(fx, want, ARRAY_SIZE(want));
	fxt_expect_consistent(fx);
	folio_put(old);
	empty(fx);
	KUNIT_EXPECT_EQ(test, folio_ref_count(new), 1);
	folio_put(new);
}

/*
 * Migration wants a folio that was isolated from the LRU, which modules cannot
 * do. But one that replaced another never was on it. Of a large folio the
 * replacement moves one reference; we move the others.
 */
static struct folio *add_isolated_folio(struct folio_fixture *fx, pgoff_t index, unsigned int order)
{
	struct folio *old = add_folio(fx, index, order), *folio = new_folio(fx, order);

	folio_get(old);
	folio_lock(old);
	folio_lock(folio);
	folio_mark_uptodate(folio);
	replace_page_cache_folio(old, folio);
	folio_ref_add(folio, folio_nr_pages(folio) - 1);
	folio_unlock(folio);
	folio_unlock(old);
	folio_put_refs(old, folio_nr_pages(old));
	KUNIT_ASSERT_FALSE(fx->test, folio_test_lru(folio));
	return folio;
}

/* All that a folio is to the cache moves to another. */
static void migrate_folio_moves_all(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, MAX_ORDER);
	struct address_space *mapping = fxt_mapping(fx);
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	struct fxt_range want = { BASE, order };
	struct folio *src = add_isolated_folio(fx, BASE, order), *dst = new_folio(fx, order);
	pgoff_t index;

	fxt_stamp(fx, src, BASE);
	folio_mark_dirty(src);
	folio_attach_private(src, fx);
	folio_lock(src);
	folio_lock(dst);
	KUNIT_ASSERT_EQ(test, folio_order(src), order);
	KUNIT_ASSERT_EQ(test, folio_ref_count(src), 1 + nr + 1);

	/* Somebody else uses it: nothing happens. */
	folio_get(src);
	KUNIT_EXPECT_EQ(test, -EAGAIN, filemap_migrate_folio(mapping, dst, src, MIGRATE_SYNC));
	KUNIT_EXPECT_PTR_EQ(test, entry_at(fx, BASE), src);
	KUNIT_EXPECT_TRUE(test, folio_test_dirty(src));
	KUNIT_EXPECT_EQ(test, folio_ref_count(dst), 1);
	folio_put(src);

	KUNIT_ASSERT_EQ(test, 0, filemap_migrate_folio(mapping, dst, src, MIGRATE_SYNC));
	for (index = BASE; index < BASE + nr; index++)
		KUNIT_EXPECT_PTR_EQ_MSG(test, entry_at(fx, index), dst, "index %lu", index);
	KUNIT_EXPECT_EQ(test, folio_ref_count(src), 1);
	KUNIT_EXPECT_EQ(test, folio_ref_count(dst), 1 + nr + 1);
	KUNIT_EXPECT_FALSE(test, folio_test_private(src));
	KUNIT_EXPECT_PTR_EQ(test, folio_get_private(dst), fx);
	KUNIT_EXPECT_FALSE(test, folio_test_dirty(src));
	KUNIT_EXPECT_TRUE(test, folio_test_dirty(dst));
	KUNIT_EXPECT_TRUE(test, folio_test_uptodate(dst));
	expect_mark(fx, PAGECACHE_TAG_DIRTY, true, BASE, nr);
	expect_mark(fx, PAGECACHE_TAG_DIRTY, false, BASE + nr, 1);
	KUNIT_EXPECT_EQ(test, xa_get_order(&mapping->i_pages, BASE), order);
	fxt_expect_layout(fx, &want, 1);
	fxt_expect_consistent(fx);
	fxt_expect_stamped(fx, FXT_POS(BASE), FXT_POS(BASE + nr));

	/* What the migration core does with the empty source. */
	src->mapping = NULL;
	folio_unlock(src);
	folio_put(src);
	folio_unlock(dst);
	folio_put(dst);
}

/* Takes away the middle one of three; what is left behind must not be seen by the next. */
static void check_remove(struct kunit *test, void (*remove)(struct folio_fixture *, struct folio *))
{
	struct folio_fixture *fx = fxt_create(test, 0, MAX_ORDER);
	struct address_space *mapping = fxt_mapping(fx);
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	const struct fxt_range all[] = {
		{ BASE - nr, order }, { BASE, order }, { BASE + nr, order },
	};
	const struct fxt_range rest[] = { all[0], all[2] };
	const struct fxt_range small[] = { all[0], { BASE + nr - 1, 0 }, all[2] };
	struct folio *folio = add_folio(fx, BASE, order);
	pgoff_t index;

	add_folio(fx, BASE - nr, order);
	add_folio(fx, BASE + nr, order);
	KUNIT_ASSERT_EQ(test, folio_order(folio), order);
	fxt_expect_layout(fx, all, 3);
	folio_mark_dirty(folio);
	tag_pages_for_writeback(mapping, BASE, BASE);

	folio_get(folio);
	folio_lock(folio);
	remove(fx, folio);
	KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
	KUNIT_EXPECT_NULL(test, folio->mapping);
	KUNIT_EXPECT_EQ_MSG(test, folio->index, BASE, "truncate relies upon it");
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), 1);
	folio_put(folio);
	for (index = BASE; index < BASE + nr; index++)
		KUNIT_EXPECT_NULL_MSG(test, entry_at(fx, index), "index %lu", index);
	KUNIT_EXPECT_FALSE(test, mapping_tagged(mapping, PAGECACHE_TAG_DIRTY));
	KUNIT_EXPECT_FALSE(test, mapping_tagged(mapping, PAGECACHE_TAG_TOWRITE));
	fxt_expect_layout(fx, rest, 2);
	fxt_expect_consistent(fx);

	/* No slot remembers how large it was: each takes a folio of its own. */
	add_folio(fx, BASE + nr - 1, 0);
	fxt_expect_layout(fx, small, 3);
	fxt_expect_consistent(fx);
	if (nr > 1)
		KUNIT_EXPECT_NULL(test, entry_at(fx, BASE));
	expect_mark(fx, PAGECACHE_TAG_DIRTY, false, BASE, nr);
	expect_mark(fx, PAGECACHE_TAG_TOWRITE, false, BASE, nr);
	empty(fx);
}

static void remove_folio_truncate(struct kunit *test)
{
	check_remove(test, step_truncate);
}

static void remove_folio_on_error(struct kunit *test)
{
	check_remove(test, step_error_remove);
}

static void remove_folio_directly(struct kunit *test)
{
#ifdef HAS_FILEMAP_EXPORTS
	check_remove(test, step_remove_folio);
#else
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
}

/* Many at once: from the first page of a folio to the last of another, whatever is between. */
static void remove_batch_mixed(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, MAX_ORDER);
	struct folio *folios[NR_MIXED], *batch[NR_MIXED];
	unsigned int first, last, i, n;

	for (first = 0; first < NR_MIXED; first += 2) {
		for (last = first; last < NR_MIXED; last += 3) {
			struct fxt_range want[NR_MIXED];

			add_mixed(fx, folios);
			for (i = first; i <= last; i++) {
				batch[i] = folios[i];
				folio_get(batch[i]);
			}
			truncate_inode_pages_range(fxt_mapping(fx), FXT_POS(mixed[first].index),
						   FXT_POS(last_of(last) + 1) - 1);
			for (i = 0, n = 0; i < NR_MIXED; i++)
				if (i < first || i > last)
					want[n++] = mixed[i];
			fxt_expect_layout(fx, want, n);
			fxt_expect_consistent(fx);
			for (i = first; i <= last; i++) {
				KUNIT_EXPECT_NULL_MSG(test, batch[i]->mapping,
						      "folio %u of %u to %u", i, first, last);
				KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(batch[i]), 1,
						    "folio %u of %u to %u", i, first, last);
				folio_put(batch[i]);
			}
			empty(fx);
		}
	}
}

/* The one lookup that shows what is there instead of a folio. */
static void get_entry_each_index(struct kunit *test)
{
#ifdef HAS_FILEMAP_EXPORTS
	struct folio_fixture *fx = fxt_create(test, 0, MAX_ORDER);
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

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

static struct kunit_case filemap_cases[] = {
	KUNIT_CASE_PARAM(add_folio_alone, order_gen_params),
	KUNIT_CASE_PARAM(add_folio_conflict, order_gen_params),
	KUNIT_CASE_PARAM(add_folio_over_shadow, order_gen_params),
	KUNIT_CASE_PARAM(add_remove_statistics, order_gen_params),
	KUNIT_CASE_PARAM(get_folio_each_index, order_gen_params),
	KUNIT_CASE_PARAM(get_folio_flags, order_gen_params),
	KUNIT_CASE_PARAM(get_folio_create_order, order_gen_params),
	KUNIT_CASE_PARAM(get_folio_create_beside, order_gen_params),
	KUNIT_CASE(get_folio_create_frees),
	KUNIT_CASE_PARAM_ATTR(get_folio_dontcache, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(get_folio_lock_waits, order_gen_params),
	KUNIT_CASE_PARAM(get_folio_lock_removed, order_gen_params),
	KUNIT_CASE(get_folios_edges),
	KUNIT_CASE(get_folios_contig_edges),
	KUNIT_CASE(get_folios_tag_edges),
	KUNIT_CASE_PARAM(get_folios_full_batch, order_gen_params),
	KUNIT_CASE_PARAM(miss_across_folio, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(marks_whole_folio, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(replace_folio_between, order_gen_params),
	KUNIT_CASE_PARAM(migrate_folio_moves_all, order_gen_params),
	KUNIT_CASE_PARAM(remove_folio_truncate, order_gen_params),
	KUNIT_CASE_PARAM(remove_folio_on_error, order_gen_params),
	KUNIT_CASE(remove_batch_mixed),
	KUNIT_CASE_PARAM(remove_folio_directly, order_gen_params),
	KUNIT_CASE_PARAM(get_entry_each_index, order_gen_params),
	{}
};

static struct kunit_suite filemap_suite = {
	.name = "mm_filemap",
	.test_cases = filemap_cases,
};

kunit_test_suite(filemap_suite);

MODULE_DESCRIPTION("KUnit suite of the page cache");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
