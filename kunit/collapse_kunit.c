// SPDX-License-Identifier: GPL-2.0
/*
 * mm_collapse: MADV_COLLAPSE of anonymous memory. Pages in folios of smaller orders
 * become one folio that a PMD maps, with what was written, or stay as they are.
 * collapse_file_kunit.c has the files.
 */
#include <linux/mman.h>
#include <linux/module.h>

#include "failure_model.h"

#define ADDR	FXA_AREA(0)
#define NR	(PMD_SIZE / PAGE_SIZE)
#define OWNED	(FXA_PAGE | FXA_WRITE | FXA_EXCLUSIVE | FXA_DIRTY)
#define ALL	(FXA_KINDS | FXA_PMD | FXA_WRITE | FXA_EXCLUSIVE | FXA_DIRTY)
#define SLOTS	1600

static const struct fxa_param small[] = {
	{ "order=0", 0 }, { "order=2", 2 }, { "order=3", 3 }, { "order=4", 4 },
	{ "order=5", 5 }, { "order=6", 6 }, { "order=7", 7 }, { "order=8", 8 },
};

KUNIT_ARRAY_PARAM_DESC(order, small, desc);

static struct fxa *start(struct kunit *test, unsigned int order)
{
	struct fxa *f = fxa_start(test, order, false);

	fxt_need_large_pages(test);
	if (FXA_PMD_ORDER > FXA_MAX_ORDER)
		kunit_skip(test, "needs a PMD of order %u at most", FXA_MAX_ORDER);
	if (order >= FXA_PMD_ORDER)
		kunit_skip(test, "is of PMD order already");
	return f;
}

static struct fxa *start_full(struct kunit *test)
{
	const struct fxa_param *param = test->param_value;
	struct fxa *f = start(test, param->order);

	fxa_populate(f, 0, ADDR, NR >> f->order, 1);
	fxa_expect_state(f, 0, ADDR, 0, NR, ALL, OWNED, "populated", 0);
	return f;
}

/* Others isolate folios too, compaction for one: -EAGAIN counts when it stays. */
static int collapse(struct fxa *f, unsigned int mm)
{
	unsigned int tries = 5;
	int err;

	do {
		err = fxa_madvise(f, mm, ADDR, 0, NR, MADV_COLLAPSE);
	} while (err == -EAGAIN && --tries);
	return err;
}

/* One folio, whole, mapped once by a PMD, owned by the mm, and rightly counted. */
static void expect_collapsed(struct fxa *f, unsigned int mm, const char *when, unsigned long arg)
{
	struct folio *folio, *was = f->folio;

	fxa_read(f, mm, ADDR, 0, 1);
	KUNIT_ASSERT_NOT_NULL(f->test, f->entries[0].page);
	folio = page_folio(f->entries[0].page);
	KUNIT_ASSERT_EQ_MSG(f->test, FXA_PMD_ORDER, folio_order(folio), "%s %lu", when, arg);
	f->folio = folio;
	f->nr = NR;
	fxa_expect_state(f, mm, ADDR, 0, NR, ALL | FXA_SAME, OWNED | FXA_PMD | FXA_SAME, when, arg);
	f->nr = 1UL << f->order;
	f->folio = was;
	fxa_drain();
	KUNIT_EXPECT_TRUE_MSG(f->test, folio_test_uptodate(folio) && folio_test_lru(folio) &&
			      folio_test_swapbacked(folio) && !folio_test_locked(folio),
			      "%s %lu", when, arg);
	fxa_expect(f, when, arg);
}

/* As start_full() left it: refused means that nothing has changed. */
static void expect_refused(struct fxa *f, const char *when, unsigned long arg)
{
	fxa_expect_state(f, 0, ADDR, 0, NR, ALL, OWNED, when, arg);
	fxa_expect_state(f, 0, ADDR, 0, f->nr, FXA_SAME, FXA_SAME, when, arg);
	fxa_expect_data(f, 0, ADDR, 0, NR, 1, when, arg);
	fxa_expect(f, when, arg);
}

static void collapse_anon_each_order(struct kunit *test)
{
	struct fxa *f = start_full(test);

	KUNIT_EXPECT_EQ(test, 0, collapse(f, 0));
	expect_collapsed(f, 0, "collapsed", 0);
	fxa_expect_data(f, 0, ADDR, 0, NR, 1, "collapsed", 0);
	/* What is collapsed already is what was asked for. */
	KUNIT_EXPECT_EQ(test, 0, collapse(f, 0));
	expect_collapsed(f, 0, "again", 0);
	fxa_write(f, 0, ADDR, 0, NR, 2);
	fxa_expect_data(f, 0, ADDR, 0, NR, 2, "written", 0);
	fxa_end(f);
}

/* Single pages, then in each next part, as large as all before it, the next order. */
static void collapse_anon_mixed_orders(struct kunit *test)
{
	struct fxa *f = start(test, 0);
	unsigned int order;

	fxa_mmap(f, 0, ADDR, NR, 0);
	fxa_write(f, 0, ADDR, 0, 4, 1);
	for (order = 2; order < FXA_PMD_ORDER; order++) {
		fxa_set_orders(f, BIT(order));
		fxa_write(f, 0, ADDR, 1UL << order, 1UL << order, 1);
		fxa_set_orders(f, 0);
		fxa_read(f, 0, ADDR, 1UL << order, 1);
		KUNIT_ASSERT_NOT_NULL(test, f->entries[0].page);
		KUNIT_ASSERT_EQ(test, order, folio_order(page_folio(f->entries[0].page)));
	}
	fxa_expect(f, "populated", 0);
	KUNIT_EXPECT_EQ(test, 0, collapse(f, 0));
	expect_collapsed(f, 0, "collapsed", 0);
	fxa_expect_data(f, 0, ADDR, 0, NR, 1, "collapsed", 0);
	fxa_end(f);
}

/* What was never written, or only read, is zero in the new folio. */
static void collapse_anon_holes(struct kunit *test)
{
	struct fxa *f = start(test, 0);
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, read, n = fxa_parts(NR, parts);

	for (i = 0; i < 2 * n; i++) {
		const struct fxa_part *part = &parts[i / 2];
		const unsigned long end = part->first + part->nr;

		read = i & 1;
		fxa_mmap(f, 0, ADDR, NR, 0);
		if (read)
			fxa_expect_data(f, 0, ADDR, 0, NR, 0, "new", i);
		fxa_write(f, 0, ADDR, part->first, part->nr, 1);
		KUNIT_EXPECT_EQ_MSG(test, 0, collapse(f, 0), "part %u", i);
		expect_collapsed(f, 0, "collapsed", i);
		fxa_expect_data(f, 0, ADDR, 0, part->first, 0, "before", i);
		fxa_expect_data(f, 0, ADDR, part->first, part->nr, 1, "inside", i);
		fxa_expect_data(f, 0, ADDR, end, NR - end, 0, "behind", i);
		fxa_munmap(f, 0, ADDR, 0, NR);
		fxa_expect(f, "unmapped", i);
	}
	fxa_end(f);
}

/* A folio that somebody else refers to, or has locked, cannot be copied and freed. */
static void collapse_anon_busy(struct kunit *test)
{
	struct fxa *f = start_full(test);
	const unsigned long pages[] = { 0, NR / 2, NR - 1 };
	unsigned int i;

	for (i = 0; i < 2 * ARRAY_SIZE(pages); i++) {
		const bool lock = i & 1;

		fxa_read(f, 0, ADDR, pages[i / 2], 1);
		KUNIT_ASSERT_NOT_NULL(test, f->entries[0].page);
		f->held = page_folio(f->entries[0].page);
		f->held_refs = 1;
		folio_get(f->held);
		if (lock)
			folio_lock(f->held);
		KUNIT_EXPECT_EQ_MSG(test, -EAGAIN, collapse(f, 0), "page %lu", pages[i / 2]);
		expect_refused(f, lock ? "locked" : "referenced", pages[i / 2]);
		if (lock)
			folio_unlock(f->held);
		folio_put(f->held);
		f->held = NULL;
	}
	KUNIT_EXPECT_EQ(test, 0, collapse(f, 0));
	expect_collapsed(f, 0, "released", 0);
	fxa_expect_data(f, 0, ADDR, 0, NR, 1, "released", 0);
	fxa_end(f);
}

/* Of memory shared since a fork, one gets a copy and the other is alone again. */
static void collapse_anon_shared(struct kunit *test)
{
	struct fxa *f = start_full(test);
	unsigned int child = fxa_fork(f, 0);

	KUNIT_EXPECT_EQ(test, 0, collapse(f, child));
	expect_collapsed(f, child, "collapsed", 0);
	fxa_expect_state(f, 0, ADDR, 0, NR, FXA_KINDS | FXA_PMD | FXA_WRITE, FXA_PAGE, "parent", 0);
	fxa_expect_data(f, child, ADDR, 0, NR, 1, "collapsed", 0);
	fxa_write(f, child, ADDR, 0, NR, 2);
	fxa_expect_data(f, 0, ADDR, 0, NR, 1, "parent", 0);
	fxa_write(f, 0, ADDR, 0, NR, 3);
	/* Nobody else has the pages any longer: they are reused, not copied. */
	fxa_expect_state(f, 0, ADDR, 0, f->nr, ALL | FXA_SAME, OWNED | FXA_SAME, "reused", 0);
	fxa_expect_data(f, child, ADDR, 0, NR, 2, "child", 0);
	fxa_expect_data(f, 0, ADDR, 0, NR, 3, "parent wrote", 0);
	fxa_expect(f, "both wrote", 0);
	fxa_end(f);
}

/* What is in swap is read first. */
static void collapse_anon_swapped(struct kunit *test)
{
	struct fxa *f = start_full(test);
	struct fxt_swap *swap = fxt_swap_on(test, SLOTS, FXT_SWAP_SYNC);

	KUNIT_EXPECT_EQ(test, f->nr, fxa_reclaim(f, f->folio) ?: fxa_reclaim(f, f->folio));
	f->folio = NULL;
	fxa_expect_state(f, 0, ADDR, 0, f->nr, FXA_KINDS, FXA_SWAP, "swapped out", 0);
	f->had_swap = true;
	KUNIT_EXPECT_EQ(test, 0, collapse(f, 0));
	expect_collapsed(f, 0, "collapsed", 0);
	fxa_expect_data(f, 0, ADDR, 0, NR, 1, "collapsed", 0);
	KUNIT_EXPECT_EQ(test, f->nr, atomic_long_read(&swap->read));
	KUNIT_EXPECT_EQ(test, 0, fxt_swap_used(swap));
	fxa_end(f);
	KUNIT_EXPECT_EQ(test, 0, fxt_swap_off(swap));
}

/* Where the VMA, its advice or its contents leave nothing to collapse. */
static void collapse_anon_refused(struct kunit *test)
{
	struct fxa *f = start(test, 0);

	fxa_mmap(f, 0, ADDR, NR, 0);
	KUNIT_EXPECT_EQ_MSG(test, -EINVAL, collapse(f, 0), "never touched");
	fxa_populate(f, 0, ADDR, NR, 1);
	KUNIT_EXPECT_EQ(test, 0, fxa_madvise(f, 0, ADDR, 1, NR - 1, MADV_COLLAPSE));
	expect_refused(f, "less than a PMD", 0);
	KUNIT_EXPECT_EQ(test, 0, fxa_madvise(f, 0, ADDR, 0, NR, MADV_NOHUGEPAGE));
	KUNIT_EXPECT_EQ_MSG(test, -EINVAL, collapse(f, 0), "MADV_NOHUGEPAGE");
	expect_refused(f, "MADV_NOHUGEPAGE", 0);
	KUNIT_EXPECT_EQ(test, 0, fxa_madvise(f, 0, ADDR, 0, NR, MADV_HUGEPAGE));
	fxa_munmap(f, 0, ADDR, NR - 1, 1);
	KUNIT_EXPECT_EQ(test, -EINVAL, fxa_madvise(f, 0, ADDR, 0, NR - 1, MADV_COLLAPSE));
	fxa_expect_state(f, 0, ADDR, 0, NR - 1, ALL, OWNED, "short VMA", 0);
	fxa_expect_data(f, 0, ADDR, 0, NR - 1, 1, "short VMA", 0);
	fxa_end(f);
}

static void collapse_anon_each_failure(struct kunit *test)
{
	struct fxa *f = start_full(test);
	struct trials t = { .test = test, .fail = fxt_fail_setup(test) };

	first_trial(&t, "MADV_COLLAPSE");
	while (next_trial(&t)) {
		int err;

		fxa_use(f, 0);
		begin(&t);
		err = collapse(f, 0);
		end(&t);
		KUNIT_EXPECT_TRUE(test, !err || (err == -ENOMEM && t.failed));
		if (t.rest && t.nth == 1)
			KUNIT_EXPECT_EQ(test, -ENOMEM, err);
		KUNIT_EXPECT_FALSE(test, rwsem_is_locked(&f->mm[0]->mmap_lock));
		if (err) {
			expect_refused(f, "allocation", t.nth);
			KUNIT_EXPECT_EQ_MSG(test, 0, collapse(f, 0), "when tried again");
		}
		expect_collapsed(f, 0, "allocation", t.nth);
		fxa_expect_data(f, 0, ADDR, 0, NR, 1, "allocation", t.nth);
		fxa_munmap(f, 0, ADDR, 0, NR);
		fxa_populate(f, 0, ADDR, NR >> f->order, 1);
	}
	end_trials(&t);
	fxa_end(f);
}

static struct kunit_case collapse_cases[] = {
	KUNIT_CASE_PARAM(collapse_anon_each_order, order_gen_params),
	KUNIT_CASE(collapse_anon_mixed_orders),
	KUNIT_CASE(collapse_anon_holes),
	KUNIT_CASE_PARAM_ATTR(collapse_anon_busy, order_gen_params, {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(collapse_anon_shared, order_gen_params),
	KUNIT_CASE_PARAM(collapse_anon_swapped, order_gen_params),
	KUNIT_CASE(collapse_anon_refused),
	KUNIT_CASE_PARAM_ATTR(collapse_anon_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	{}
};

static struct kunit_suite collapse_suite = {
	.name = "mm_collapse",
	.test_cases = collapse_cases,
};

kunit_test_suite(collapse_suite);

MODULE_DESCRIPTION("KUnit suite of collapsing anonymous memory");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_LICENSE("GPL");
