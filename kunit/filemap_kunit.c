// SPDX-License-Identifier: GPL-2.0
/*
 * mm_filemap: how folios of order 0 to 9 come into the page cache of one file, are
 * marked, replaced, migrated and removed, and at which indexes, with which marks
 * and references they are there. filemap_lookup_kunit.c has how they are found,
 * filemap_io_kunit.c and filemap_fault_kunit.c what reads, writes and faults make
 * of them.
 */
#include <linux/migrate.h>
#include <linux/module.h>
#include <linux/swap.h>
#include <linux/vmstat.h>
#include <linux/writeback.h>
#include <linux/xarray.h>
#include <kunit/test-bug.h>

#include "filemap_model.h"

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

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
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
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
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	unsigned int e, which;

	for (e = 0; e <= FXT_MAX_ORDER; e++) {
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
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	struct xarray *pages = &fxt_mapping(fx)->i_pages;
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	unsigned int s, which, i;

	for (s = 0; s <= FXT_MAX_ORDER; s++) {
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
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
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

#ifdef HAS_FILEMAP_EXPORTS
static void step_remove_mapping(struct folio_fixture *fx, struct folio *folio)
{
	KUNIT_EXPECT_EQ(fx->test, folio_nr_pages(folio), remove_mapping(fxt_mapping(fx), folio));
	folio_unlock(folio);
}

/*
 * The files of the kernel itself, which no cgroup pays for, are counted apart: each of
 * their pages from the time it is cached until it is not.
 */
static void kernel_file_statistics(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test), i, kernel;
	const long nr = 1L << order, before = fxt_node_stat(NR_KERNEL_FILE_PAGES);
	long want = 0;
	struct folio *folio = NULL;

	for (kernel = 0; kernel < 2; kernel++) {
		if (kernel)
			set_bit(AS_KERNEL_FILE, &fxt_mapping(fx)->flags);
		for (i = 0; i < ARRAY_SIZE(stat_steps); i++) {
			long sign = stat_steps[i].sign;

			if (sign > 0)
				folio = new_folio(fx, order);
			stat_steps[i].run(fx, folio);
			want += kernel ? sign * nr : 0;
			KUNIT_EXPECT_EQ_MSG(test, want,
					    fxt_node_stat(NR_KERNEL_FILE_PAGES) - before,
					    "step %u, kernel %u", i, kernel);
			if (sign < 0)
				folio_put(folio);
		}
	}
}
#else
static void kernel_file_statistics(struct kunit *test)
{
	kunit_skip(test, "this kernel has no AS_KERNEL_FILE");
}
#endif

/* What ->free_folio() was told of, since the last look. */
struct freed {
	unsigned int nr;
	struct folio *folio;
};

static void note_freed(struct folio *folio)
{
	struct kunit *test = kunit_get_current_test();
	struct freed *freed = test ? test->priv : NULL;

	if (!freed)
		return;
	KUNIT_EXPECT_NULL(test, folio->mapping);
	freed->nr++;
	freed->folio = folio;
}

static const struct address_space_operations freeing_aops = {
	.dirty_folio	= filemap_dirty_folio,
	.free_folio	= note_freed,
};

static void expect_told(struct kunit *test, struct folio *folio, const char *when)
{
	struct freed *freed = test->priv;

	KUNIT_EXPECT_EQ_MSG(test, folio ? 1 : 0, freed->nr, "%s", when);
	KUNIT_EXPECT_PTR_EQ_MSG(test, folio, freed->folio, "%s", when);
	*freed = (struct freed) {};
}

/* A filesystem that asks is told once of each folio that left, whichever way it did. */
static void free_folio_told(struct kunit *test)
{
	static const struct stat_step more[] = {
		{ "add", step_add, 1 },
#ifdef HAS_FILEMAP_EXPORTS
		{ "remove_mapping", step_remove_mapping, -1 },
#else
		{ "error_remove", step_error_remove, -1 },
#endif
	};
	struct freed *freed = kunit_kzalloc(test, sizeof(*freed), GFP_KERNEL);
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	const unsigned int nr = ARRAY_SIZE(stat_steps);
	unsigned int order = fxt_order(test), i;
	struct folio *folio = NULL, *new;

	KUNIT_ASSERT_NOT_NULL(test, freed);
	test->priv = freed;
	fxt_mapping(fx)->a_ops = &freeing_aops;
	for (i = 0; i < nr + ARRAY_SIZE(more); i++) {
		const struct stat_step *step = i < nr ? &stat_steps[i] : &more[i - nr];

		if (step->sign > 0)
			folio = new_folio(fx, order);
		step->run(fx, folio);
		expect_told(test, step->sign < 0 ? folio : NULL, step->name);
		if (step->sign >= 0)
			continue;
		KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(folio), 1, "%s", step->name);
		folio_put(folio);
	}
	/* Of large ones a replacement moved too few references where that is not fixed. */
	if (FXT_FIXED || !order) {
		folio = add_folio(fx, BASE, order);
		new = new_folio(fx, order);
		folio_get(folio);
		folio_lock(folio);
		folio_lock(new);
		replace_page_cache_folio(folio, new);
		expect_told(test, folio, "replace");
		folio_unlock(new);
		folio_unlock(folio);
		folio_put(folio);
		folio_put(new);
	}
	test->priv = NULL;
}

/* Creating what a lookup does not find. */

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
		{ 0, FXT_MAX_ORDER }, { 0, 5 }, { 2, FXT_MAX_ORDER }, { 3, 4 }, { 1, 1 },
	};
	static const pgoff_t offset[] = { 0, 1, 2, 3, 4, 6, 8, 13, 16, 32, 64, 96, 128, 256, 511 };
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test), r, o;

	fxt_need_large_folios(test);
	for (r = 0; r < ARRAY_SIZE(range); r++)
		for (o = 0; o < ARRAY_SIZE(offset); o++)
			check_create_order(fx, BASE + offset[o], order, range[r].min, range[r].max);
}

/* In front of another folio the largest that fits is created: neither an error nor an overlap. */
static void get_folio_create_beside(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	struct address_space *mapping = fxt_mapping(fx);
	unsigned int order = fxt_order(test), gap;
	fgf_t fgp = FGP_CREAT | FGP_ACCESSED | fgf_set_order(PAGE_SIZE << order);

	for (gap = 0; gap <= FXT_MAX_ORDER; gap++) {
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
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	fgf_t fgp = FGP_CREAT | FGP_LOCK | fgf_set_order(PAGE_SIZE << FXT_MAX_ORDER);
	unsigned long tries = 32, refused = tries << FXT_MAX_ORDER;
	struct sysinfo before, after;
	unsigned long i;

	fxt_need_large_folios(test);
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

/* Marks, replacement, migration, removal. */

static void marks_whole_folio(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
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

/* What lies around a page that is replaced may be of any order. */
static void replace_folio_between(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
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

/* A reference for each page is the cache's, and moves. */
static void replace_folio_moves_references(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	struct fxt_range want = { BASE, order };
	struct folio *old, *new;
	long cached;

	fxt_need_fix(test, "mm/filemap: replace_page_cache_folio() moves all references of a folio");
	old = add_folio(fx, BASE, order);
	new = new_folio(fx, order);
	KUNIT_ASSERT_EQ(test, folio_order(old), order);
	cached = fxt_node_stat(NR_FILE_PAGES);
	folio_get(old);
	folio_lock(old);
	folio_lock(new);
	folio_mark_uptodate(new);
	replace_page_cache_folio(old, new);
	folio_unlock(new);
	folio_unlock(old);

	KUNIT_EXPECT_EQ(test, folio_ref_count(old), 1);
	/* With fewer the cache would free what the case still has. */
	KUNIT_ASSERT_EQ(test, folio_ref_count(new), nr + 1);
	KUNIT_EXPECT_PTR_EQ(test, entry_at(fx, BASE), new);
	KUNIT_EXPECT_PTR_EQ(test, entry_at(fx, BASE + nr - 1), new);
	KUNIT_EXPECT_EQ(test, cached, fxt_node_stat(NR_FILE_PAGES));
	fxt_expect_layout(fx, &want, 1);
	fxt_expect_consistent(fx);
	folio_put(old);
	empty(fx);
	KUNIT_EXPECT_EQ(test, folio_ref_count(new), 1);
	folio_put(new);
}

/*
 * Migration wants a folio that was isolated from the LRU, which modules cannot
 * do. But one that replaced another never was on it. Without the fix of the patch
 * series the replacement moves one reference of a large folio; we move the others.
 */
static struct folio *add_isolated_folio(struct folio_fixture *fx, pgoff_t index, unsigned int order)
{
	struct folio *old = add_folio(fx, index, order), *folio = new_folio(fx, order);

	folio_get(old);
	folio_lock(old);
	folio_lock(folio);
	folio_mark_uptodate(folio);
	replace_page_cache_folio(old, folio);
	if (!FXT_FIXED) {
		folio_ref_add(folio, folio_nr_pages(folio) - 1);
		folio_ref_sub(old, folio_nr_pages(old) - 1);
	}
	folio_unlock(folio);
	folio_unlock(old);
	folio_put(old);
	KUNIT_ASSERT_FALSE(fx->test, folio_test_lru(folio));
	return folio;
}

/* All that a folio is to the cache moves to another. */
static void migrate_folio_moves_all(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
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

/* What a folio was known to be, its successor is. */
static void migrate_folio_moves_flags(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	struct folio *src = add_isolated_folio(fx, BASE, fxt_order(test));
	struct folio *dst = new_folio(fx, folio_order(src));

	folio_lock(src);
	folio_lock(dst);
	folio_set_referenced(src);
	folio_set_active(src);
	folio_set_workingset(src);
	folio_set_checked(src);
	folio_set_mappedtodisk(src);
	folio_set_readahead(src);
	KUNIT_ASSERT_EQ(test, 0, filemap_migrate_folio(fxt_mapping(fx), dst, src, MIGRATE_SYNC));
	KUNIT_EXPECT_TRUE(test, folio_test_uptodate(dst));
	KUNIT_EXPECT_TRUE(test, folio_test_referenced(dst));
	KUNIT_EXPECT_TRUE(test, folio_test_active(dst));
	KUNIT_EXPECT_FALSE_MSG(test, folio_test_active(src), "no list is its any more");
	KUNIT_EXPECT_TRUE(test, folio_test_workingset(dst));
	KUNIT_EXPECT_TRUE(test, folio_test_checked(dst));
	KUNIT_EXPECT_TRUE(test, folio_test_mappedtodisk(dst));
	KUNIT_EXPECT_TRUE(test, folio_test_readahead(dst));
	KUNIT_EXPECT_FALSE(test, folio_test_dirty(dst));
	KUNIT_EXPECT_FALSE(test, folio_test_private(dst));
	/* It is on no list, so nobody else clears it. */
	folio_clear_active(dst);
	src->mapping = NULL;
	folio_unlock(src);
	folio_put(src);
	folio_unlock(dst);
	folio_put(dst);
}

/* Takes away the middle one of three; what is left behind must not be seen by the next. */
static void check_remove(struct kunit *test, void (*remove)(struct folio_fixture *, struct folio *))
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
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
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
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

static struct kunit_case filemap_cases[] = {
	KUNIT_CASE_PARAM(add_folio_alone, order_gen_params),
	KUNIT_CASE_PARAM(add_folio_conflict, order_gen_params),
	KUNIT_CASE_PARAM(add_folio_over_shadow, order_gen_params),
	KUNIT_CASE_PARAM(add_remove_statistics, order_gen_params),
	KUNIT_CASE_PARAM(kernel_file_statistics, order_gen_params),
	KUNIT_CASE_PARAM(free_folio_told, order_gen_params),
	KUNIT_CASE_PARAM(get_folio_create_order, order_gen_params),
	KUNIT_CASE_PARAM(get_folio_create_beside, order_gen_params),
	KUNIT_CASE(get_folio_create_frees),
	KUNIT_CASE_PARAM_ATTR(marks_whole_folio, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(replace_folio_between, order_gen_params),
	KUNIT_CASE_PARAM(replace_folio_moves_references, order_gen_params),
	KUNIT_CASE_PARAM(migrate_folio_moves_all, order_gen_params),
	KUNIT_CASE_PARAM(migrate_folio_moves_flags, order_gen_params),
	KUNIT_CASE_PARAM(remove_folio_truncate, order_gen_params),
	KUNIT_CASE_PARAM(remove_folio_on_error, order_gen_params),
	KUNIT_CASE(remove_batch_mixed),
	KUNIT_CASE_PARAM(remove_folio_directly, order_gen_params),
	{}
};

static struct kunit_suite filemap_suite = {
	.name = "mm_filemap",
	.init = fxt_stay_on_cpu,
	.test_cases = filemap_cases,
};

kunit_test_suite(filemap_suite);

MODULE_DESCRIPTION("KUnit suite of what comes into the page cache and leaves it");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
