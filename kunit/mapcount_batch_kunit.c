// SPDX-License-Identifier: GPL-2.0
/*
 * The rmap functions themselves, with batches of file folios that no fault makes.
 * mapcount_model.h tells how each case knows what to expect.
 */
#include <linux/module.h>

#include "mapcount_model.h"

#if __has_include(<kunit/mm.h>)
#include <kunit/mm.h>

/* A VMA for the rmap functions to account to; they do not look at its tables. */
static struct vm_area_struct *vma_of(struct maps *m, unsigned int mm)
{
	struct window w = { .mm = m->mm[mm], .base = ODD(0) };
	struct vm_area_struct *vma;

	mmap_pages(m, &w, 0, m->nr, SHARED_READ);
	mmap_read_lock(w.mm);
	vma = find_vma(w.mm, w.base);
	mmap_read_unlock(w.mm);
	KUNIT_ASSERT_NOT_NULL(m->test, vma);
	return vma;
}

/* Callers of the rmap hold the page-table lock: they are not preempted. */
static void add_ptes(struct maps *m, unsigned long first, unsigned long nr,
		     struct vm_area_struct *vma)
{
	folio_ref_add(m->folio, nr);
	preempt_disable();
	folio_add_file_rmap_ptes(m->folio, folio_page(m->folio, first), nr, vma);
	preempt_enable();
	while (nr--)
		m->ptes[first++]++;
}

static void remove_ptes(struct maps *m, unsigned long first, unsigned long nr,
			struct vm_area_struct *vma)
{
	preempt_disable();
	folio_remove_rmap_ptes(m->folio, folio_page(m->folio, first), nr, vma);
	preempt_enable();
	folio_ref_sub(m->folio, nr);
	while (nr--)
		m->ptes[first++]--;
}

static void rmap_ptes_every_batch(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	struct vm_area_struct *a = vma_of(m, 0), *b = vma_of(m, 1);
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, n = fxa_parts(m->nr, parts);
	unsigned long nr, first;

	for (nr = 1; nr <= m->nr; nr += nr < 8 ? 1 : nr / 2) {
		for (i = 0; i < 3; i++) {
			first = i == 0 ? 0 : i == 1 ? (m->nr - nr) / 2 : m->nr - nr;
			m->mms = 1;
			add_ptes(m, first, nr, a);
			expect_counts(m, "added a batch of", nr);
			if (nr > 1) {
				remove_ptes(m, first, nr / 2, a);
				expect_counts(m, "removed the lower half of", nr);
			}
			remove_ptes(m, first + (nr > 1 ? nr / 2 : 0), nr - nr / 2, a);
			m->mms = 0;
			expect_counts(m, "removed a batch of", nr);
		}
	}
	/* The whole and a part, from two mms; the whole leaves first. */
	for (i = 0; i < 2 * n; i++) {
		const struct fxa_part *part = &parts[i / 2];

		if (i & 1)
			add_ptes(m, part->first, part->nr, b);
		add_ptes(m, 0, m->nr, a);
		if (!(i & 1))
			add_ptes(m, part->first, part->nr, b);
		m->mms = 2;
		expect_counts(m, "added the whole and part", i);
		remove_ptes(m, 0, m->nr, a);
		m->mms = 1;
		expect_counts(m, "removed the whole, not part", i);
		remove_ptes(m, part->first, part->nr, b);
		m->mms = 0;
		expect_counts(m, "removed part", i);
	}
	end_mms(m);
}

static void rmap_pmd_and_ptes(struct kunit *test)
{
	struct maps *m = start_maps(test, pmd_order(test));
	struct vm_area_struct *a = vma_of(m, 0), *b = vma_of(m, 1);
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, n = fxa_parts(m->nr, parts);

	folio_get(m->folio);
	for (i = 0; i < n; i++) {
		add_ptes(m, parts[i].first, parts[i].nr, b);
		preempt_disable();
		folio_add_file_rmap_pmd(m->folio, &m->folio->page, a);
		preempt_enable();
		m->pmds = 1;
		m->mms = 2;
		expect_counts(m, "PMD over part", i);
		add_ptes(m, 0, m->nr, a);
		expect_counts(m, "PMD and all PTEs over part", i);
		remove_ptes(m, 0, m->nr, a);
		if (i & 1) {
			remove_ptes(m, parts[i].first, parts[i].nr, b);
			m->mms = 1;
			expect_counts(m, "PMD alone, was over part", i);
		}
		preempt_disable();
		folio_remove_rmap_pmd(m->folio, &m->folio->page, a);
		preempt_enable();
		m->pmds = 0;
		m->mms = !(i & 1);
		expect_counts(m, "no PMD any more over part", i);
		if (!(i & 1))
			remove_ptes(m, parts[i].first, parts[i].nr, b);
		m->mms = 0;
		expect_counts(m, "nothing, after part", i);
	}
	folio_put(m->folio);
	end_mms(m);
}

#else /* no KUnit exports */

static void rmap_ptes_every_batch(struct kunit *test)
{
	kunit_skip(test, "needs the KUnit exports of the patch series");
}

static void rmap_pmd_and_ptes(struct kunit *test)
{
	kunit_skip(test, "needs the KUnit exports of the patch series");
}

#endif

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

static struct kunit_case mapcount_batch_cases[] = {
	KUNIT_CASE_PARAM(rmap_ptes_every_batch, order_gen_params),
	KUNIT_CASE(rmap_pmd_and_ptes),
	{}
};

static struct kunit_suite mapcount_batch_suite = {
	.name = "mm_mapcount_batch",
	.init = fxt_stay_on_cpu,
	.test_cases = mapcount_batch_cases,
};

kunit_test_suite(mapcount_batch_suite);

MODULE_DESCRIPTION("KUnit suite of what the rmap functions count");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
