// SPDX-License-Identifier: GPL-2.0
/*
 * File folios through the reverse map: what reclaim, migration, fork, mremap(),
 * mprotect() and madvise() do to the mappings of a folio that several address
 * spaces map in whole, in part, over two page tables and by PMD.
 *
 *	mm 0   [0 1 2 3 4 5 6 7]	shared, over two page tables
 *	mm 1           [4 5 6 7]	private
 *	mm 1   [0]			another VMA
 *	mm 2   [0 1 2 3 4 5 6 7]	by PMD, when it is of that size
 */
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/uaccess.h>

#include "fixture.h"
#include "../module/compat.h"

#define INDEX	1024UL

#define SHARED	(FXA_PAGE | FXA_SAME)
#define ALL	(FXA_KINDS | FXA_PMD | FXA_SAME)

/* A mapping of pages [@first, @first + @nr) of the folio; page 0 would be at @base. */
struct view {
	unsigned int mm;
	unsigned long base, first, nr;
	bool pmd;
};

#define NR_VIEWS	4

struct rmap {
	struct fxa *f;
	struct folio_fixture *fx;
	struct folio *folio;
	struct view views[NR_VIEWS];
};

static void map_view(struct rmap *r, const struct view *v, unsigned long prot,
		     unsigned long flags, bool write)
{
	unsigned long at = v->base + (v->first << PAGE_SHIFT);

	fxa_use(r->f, v->mm);
	fxt_mmap(r->fx, at, INDEX + v->first, v->nr, prot, flags);
	fxt_touch(r->f->test, at, v->nr, write);
	fxt_forget_calls(r->fx);
}

/* A folio that nothing maps, in three mms. */
static struct rmap *start(struct kunit *test, unsigned int order)
{
	struct fxa *f = fxa_start(test, order, false);
	struct rmap *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, r);
	r->f = f;
	r->fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	r->folio = fxt_add_folio(r->fx, INDEX, order, 0);
	KUNIT_ASSERT_EQ(test, order, folio_order(r->folio));
	f->folio = r->folio;
	KUNIT_ASSERT_EQ(test, 1, fxa_new_mm(f));
	KUNIT_ASSERT_EQ(test, 2, fxa_new_mm(f));
	return r;
}

/* The same with all views mapped for reading. */
static struct rmap *start_mapped(struct kunit *test, unsigned int order)
{
	struct rmap *r = start(test, order);
	unsigned long nr = r->f->nr;
	unsigned int i;

	r->views[0] = (struct view) {
		0, FXA_AREA(0) + 2 * PMD_SIZE - (nr / 2 << PAGE_SHIFT), 0, nr,
	};
	r->views[1] = (struct view) { 1, FXA_AREA(1) + 3 * PAGE_SIZE, nr / 2, nr - nr / 2 };
	r->views[2] = (struct view) { 1, FXA_AREA(3) + 3 * PAGE_SIZE, 0, 1 };
	r->views[3] = (struct view) { 2, FXA_AREA(2), 0, nr, order == FXA_PMD_ORDER };
	for (i = 0; i < NR_VIEWS; i++)
		map_view(r, &r->views[i], PROT_READ | PROT_WRITE,
			 i == 1 ? MAP_PRIVATE : MAP_SHARED, false);
	fxa_drain();
	return r;
}

static void expect_view(struct rmap *r, const struct view *v, unsigned int mask,
			unsigned int want, const char *when, unsigned long arg)
{
	fxa_expect_state(r->f, v->mm, v->base, v->first, v->nr, mask, want, when, arg);
}

/* Expects the counters, and as many references as there are mappings. */
static void expect_refs(struct rmap *r, const char *when, unsigned long arg)
{
	fxa_expect(r->f, when, arg);
	KUNIT_EXPECT_EQ_MSG(r->f->test, r->f->nr + folio_mapcount(r->folio) +
			    (r->f->held ? r->f->held_refs : 0), folio_ref_count(r->folio),
			    "references, %s %lu, order %u", when, arg, r->f->order);
}

static void expect_all(struct rmap *r, unsigned int mask, unsigned int want, const char *when,
		       unsigned long arg)
{
	unsigned int i;

	for (i = 0; i < NR_VIEWS; i++)
		expect_view(r, &r->views[i], mask, want |
			    (r->views[i].pmd && want ? mask & FXA_PMD : 0), when, arg);
	expect_refs(r, when, arg);
}

static void clean(struct folio *folio)
{
	folio_lock(folio);
	folio_clear_dirty_for_io(folio);
	folio_unlock(folio);
}

static void end(struct rmap *r)
{
	fxa_end(r->f);
	expect_refs(r, "in the end", 0);
	clean(r->folio);
}

/* try_to_unmap(), all of it; what was written through a mapping is not lost. */
static void try_to_unmap_every_mapping(struct kunit *test)
{
	unsigned int order = fxt_order(test), dirty;

	for (dirty = 0; dirty < 2; dirty++) {
		struct rmap *r = start_mapped(test, order);

		expect_all(r, ALL, SHARED, "mapped", dirty);
		if (dirty) {
			fxa_use(r->f, 0);
			fxt_touch(test, r->views[0].base + ((r->f->nr - 1) << PAGE_SHIFT), 1, true);
			clean(r->folio);
			fxt_touch(test, r->views[0].base + ((r->f->nr - 1) << PAGE_SHIFT), 1, true);
		}
		KUNIT_EXPECT_EQ(test, 0, fxa_unmap(r->f, r->folio, false));
		expect_all(r, ~0, 0, "unmapped", dirty);
		KUNIT_EXPECT_EQ(test, dirty, folio_test_dirty(r->folio));
		fxt_expect_layout(r->fx, &(struct fxt_range) { INDEX, order }, 1);
		fxa_use(r->f, 1);
		fxt_touch(test, r->views[2].base, 1, false);
		expect_refs(r, "faulted again", dirty);
		end(r);
	}
}

/* What is locked in memory stays mapped where it is locked, however little it is. */
static void try_to_unmap_spares_locked(struct kunit *test)
{
	unsigned int order = fxt_order(test), part;

	for (part = 0; part < 2; part++) {
		struct rmap *r = start(test, order);
		struct view v = { 0, FXA_AREA(0) + 3 * PAGE_SIZE, 0, r->f->nr };

		if (part) {
			v.first = r->f->nr / 2;
			v.nr = r->f->nr - v.first;
		}
		map_view(r, &v, PROT_READ, MAP_SHARED | MAP_LOCKED, false);
		fxa_drain();
		expect_refs(r, "locked", part);
		folio_get(r->folio);
		r->f->held = r->folio;
		r->f->held_refs = 1;
		KUNIT_EXPECT_EQ_MSG(test, v.nr, fxa_unmap(r->f, r->folio, false), "part %u", part);
		expect_view(r, &v, ALL, SHARED, "spared", part);
		fxa_drain();
		expect_refs(r, "spared", part);
		folio_put(r->folio);
		r->f->held = NULL;
		end(r);
		fxa_drain();
		KUNIT_EXPECT_FALSE(test, folio_test_mlocked(r->folio));
	}
}

/* Migration entries instead, and everything that may happen to them meanwhile. */
static void try_to_migrate_every_mapping(struct kunit *test)
{
	struct rmap *r = start_mapped(test, fxt_order(test));
	struct fxa *f = r->f;
	unsigned int i;

	if (r->views[3].pmd)
		fxt_need_pmd_migration(test);
	folio_get(r->folio);
	f->held = r->folio;
	f->held_refs = 1;
	folio_lock(r->folio);
	fxa_freeze(r->folio);
	KUNIT_EXPECT_EQ(test, 0, folio_mapcount(r->folio));
	for (i = 0; i < NR_VIEWS; i++)
		expect_view(r, &r->views[i], FXA_KINDS | FXA_SAME | FXA_WRITE | FXA_EXCLUSIVE,
			    FXA_MIGRATION | FXA_SAME, "frozen", i);
	expect_refs(r, "frozen", 0);
	fxa_munmap(f, 0, r->views[0].base, 0, f->nr - f->nr / 2);
	expect_refs(r, "unmapped a half", 0);
	if (r->views[3].pmd) {
		/* A file's PMD is not split but dropped. */
		fxa_split_pmd(f, 2, r->views[3].base);
		expect_view(r, &r->views[3], FXA_PAGE | FXA_PMD, 0, "split", 0);
		expect_refs(r, "split", 0);
	}
	fxt_switch_mm(NULL);
	for (i = 0; i < 3; i++)
		fxa_end_mm(f, i);
	expect_refs(r, "all mms are gone", 0);
	folio_unlock(r->folio);
	folio_put(r->folio);
	f->held = NULL;
	end(r);
}

/* As often referenced as there are VMAs through which it was; old in all then. */
static void folio_referenced_by_vmas(struct kunit *test)
{
	struct rmap *r = start_mapped(test, fxt_order(test));
	unsigned int i;

	KUNIT_EXPECT_GE(test, fxa_referenced(r->f, r->folio), 1);
	expect_all(r, FXA_PAGE | FXA_SAME | FXA_YOUNG, SHARED, "aged", 0);
	KUNIT_EXPECT_EQ(test, 0, fxa_referenced(r->f, r->folio));
	for (i = 0; i < NR_VIEWS; i++) {
		struct view *v = &r->views[i];
		unsigned long last = v->first + v->nr - 1;

		/* The TLB forgets that the page was accessed. */
		KUNIT_ASSERT_EQ(test, 0, fxa_mprotect(r->f, v->mm, v->base, v->first, v->nr,
						      PROT_NONE));
		KUNIT_ASSERT_EQ(test, 0, fxa_mprotect(r->f, v->mm, v->base, v->first, v->nr,
						      PROT_READ));
		fxt_touch(test, v->base + (last << PAGE_SHIFT), 1, false);
		fxa_expect_state(r->f, v->mm, v->base, last, 1, FXA_YOUNG, FXA_YOUNG, "touched", i);
		KUNIT_EXPECT_EQ_MSG(test, 1, fxa_referenced(r->f, r->folio), "view %u", i);
		expect_view(r, v, FXA_PAGE | FXA_SAME | FXA_YOUNG, SHARED, "aged", i);
	}
	expect_refs(r, "aged", 0);
	end(r);
}

/* A private mapping with a copy in it is copied by fork, pages of the file too. */
static void fork_private_mapping(struct kunit *test)
{
	struct rmap *r = start(test, fxt_order(test));
	struct fxa *f = r->f;
	unsigned long pages[] = { 0, f->nr / 2, f->nr - 1 };
	struct view v = { 0, FXA_AREA(0) + 2 * PMD_SIZE - (f->nr / 2 << PAGE_SHIFT), 0, f->nr };
	unsigned int i, child;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		unsigned long page = pages[i], after = page + 1;

		map_view(r, &v, PROT_READ | PROT_WRITE, MAP_PRIVATE, false);
		fxa_write(f, 0, v.base, page, 1, 1);
		expect_refs(r, "wrote page", page);
		child = fxa_fork(f, 0);
		fxa_expect_state(f, child, v.base, 0, page, ALL | FXA_WRITE, SHARED,
				 "before", page);
		fxa_expect_state(f, child, v.base, after, f->nr - after, ALL | FXA_WRITE, SHARED,
				 "after", page);
		fxa_expect_state(f, child, v.base, page, 1, ALL | FXA_WRITE | FXA_EXCLUSIVE,
				 FXA_PAGE, "copy", page);
		expect_refs(r, "forked", page);
		if (f->nr > 1)
			KUNIT_EXPECT_TRUE_MSG(test, !COMPAT_HAS_MAYBE_MAPPED_SHARED ||
					      folio_maybe_mapped_shared(r->folio),
					      "page %lu", page);
		fxa_write(f, child, v.base, page, 1, 2);
		fxa_expect_data(f, 0, v.base, page, 1, 1, "the child wrote", page);
		expect_refs(r, "the child wrote", page);
		fxa_munmap(f, child, v.base, 0, after);
		expect_refs(r, "the child unmapped up to", page);
		fxa_end_mm(f, child);
		expect_refs(r, "the child is gone", page);
		fxa_munmap(f, 0, v.base, 0, f->nr);
		expect_refs(r, "unmapped", page);
	}
	fxt_expect_stamped(r->fx, FXT_POS(INDEX), FXT_POS(INDEX + f->nr));
	end(r);
}

/* Moved in whole or in part, and dirty: writeback still finds every entry. */
static void mremap_file_mapping(struct kunit *test)
{
	struct rmap *r = start(test, fxt_order(test));
	struct fxa *f = r->f;
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, t, n = fxa_parts(f->nr, parts);
	/* A PMD of a file would be dropped, not split, by the move of a part. */
	struct view v = { 0, FXA_AREA(0) + 3 * PAGE_SIZE, 0, f->nr };

	for (i = 0; i < 2 * n; i++) {
		unsigned long first = parts[i / 2].first, nr = parts[i / 2].nr, end = first + nr;
		unsigned long to, base;

		t = i & 1;
		to = FXA_AREA(2) + (t ? 2 * PMD_SIZE - PAGE_SIZE : first << PAGE_SHIFT);
		base = to - (first << PAGE_SHIFT);
		map_view(r, &v, PROT_READ | PROT_WRITE, MAP_SHARED, true);
		expect_view(r, &v, SHARED | FXA_WRITE | FXA_DIRTY, SHARED | FXA_WRITE | FXA_DIRTY,
			    "written, part", i);
		KUNIT_ASSERT_EQ(test, to, fxa_mremap(f, 0, v.base + (first << PAGE_SHIFT), nr, to));
		fxa_expect_state(f, 0, v.base, first, nr, ~0, 0, "moved part", i);
		fxa_expect_state(f, 0, base, first, nr, SHARED | FXA_WRITE | FXA_DIRTY,
				 SHARED | FXA_WRITE | FXA_DIRTY, "moved part", i);
		expect_refs(r, "moved part", i);
		folio_lock(r->folio);
		KUNIT_EXPECT_EQ_MSG(test, f->nr, folio_mkclean(r->folio), "part %u", i);
		folio_clear_dirty_for_io(r->folio);
		folio_unlock(r->folio);
		fxa_expect_state(f, 0, base, first, nr, SHARED | FXA_WRITE | FXA_DIRTY, SHARED,
				 "cleaned part", i);
		fxa_expect_state(f, 0, v.base, 0, first, SHARED | FXA_WRITE | FXA_DIRTY, SHARED,
				 "before cleaned part", i);
		fxa_expect_state(f, 0, v.base, end, f->nr - end, SHARED | FXA_WRITE | FXA_DIRTY,
				 SHARED, "after cleaned part", i);
		KUNIT_EXPECT_EQ_MSG(test, 0, fxa_unmap(f, r->folio, false), "part %u", i);
		fxa_expect_state(f, 0, base, first, nr, ~0, 0, "unmapped part", i);
		expect_refs(r, "unmapped part", i);
		fxa_munmap(f, 0, base, first, nr);
		fxa_munmap(f, 0, v.base, 0, f->nr);
	}
	end(r);
}

/* A protection that comes and goes lets nobody write a clean page unnoticed. */
static void mprotect_file_mapping(struct kunit *test)
{
	struct rmap *r = start(test, fxt_order(test));
	struct fxa *f = r->f;
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, n = fxa_parts(f->nr, parts);
	struct view v = { 0, FXA_AREA(0) + 3 * PAGE_SIZE, 0, f->nr };

	for (i = 0; i < n; i++) {
		unsigned long first = parts[i].first, nr = parts[i].nr, page = first + nr / 2;

		map_view(r, &v, PROT_READ | PROT_WRITE, MAP_SHARED, true);
		KUNIT_ASSERT_EQ(test, 0, fxa_mprotect(f, 0, v.base, first, nr, PROT_READ));
		fxa_expect_state(f, 0, v.base, first, nr, SHARED | FXA_WRITE | FXA_DIRTY,
				 SHARED | FXA_DIRTY, "protected part", i);
		expect_refs(r, "protected part", i);
		folio_lock(r->folio);
		KUNIT_EXPECT_EQ_MSG(test, f->nr, folio_mkclean(r->folio), "part %u", i);
		folio_clear_dirty_for_io(r->folio);
		folio_unlock(r->folio);
		KUNIT_ASSERT_EQ(test, 0, fxa_mprotect(f, 0, v.base, 0, f->nr,
						      PROT_READ | PROT_WRITE));
		expect_view(r, &v, SHARED | FXA_WRITE | FXA_DIRTY, SHARED, "back, part", i);
		fxt_forget_calls(r->fx);
		fxt_touch(test, v.base + (page << PAGE_SHIFT), 1, true);
		KUNIT_EXPECT_TRUE_MSG(test, folio_test_dirty(r->folio), "part %u", i);
		KUNIT_EXPECT_NOT_NULL_MSG(test, fxt_find_call(r->fx, FXT_DIRTY_FOLIO, INDEX),
					  "part %u", i);
		expect_refs(r, "wrote part", i);
		fxa_munmap(f, 0, v.base, 0, f->nr);
		clean(r->folio);
	}
	end(r);
}

/* The part is unmapped and can be read again; the folio stays whole and cached. */
static void madvise_dontneed_file(struct kunit *test)
{
	struct rmap *r = start_mapped(test, fxt_order(test));
	struct fxa *f = r->f;
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, k, n = fxa_parts(f->nr, parts);

	for (i = 0; i < n; i++) {
		unsigned long first = parts[i].first, nr = parts[i].nr, end = first + nr;

		for (k = 0; k < NR_VIEWS; k += 3) {
			const struct view *v = &r->views[k];

			KUNIT_ASSERT_EQ(test, 0, fxa_madvise(f, v->mm, v->base, first, nr,
							     MADV_DONTNEED));
			fxa_expect_state(f, v->mm, v->base, first, nr, ~0, 0, "part", i);
			/* A PMD of a file goes whole. */
			if (!v->pmd) {
				fxa_expect_state(f, v->mm, v->base, 0, first, ALL, SHARED,
						 "before part", i);
				fxa_expect_state(f, v->mm, v->base, end, f->nr - end, ALL, SHARED,
						 "after part", i);
			}
			expect_refs(r, "unmapped part", i);
			fxa_use(f, v->mm);
			KUNIT_ASSERT_EQ(test, 0, vm_munmap(v->base, f->nr << PAGE_SHIFT));
			map_view(r, v, PROT_READ, MAP_SHARED, false);
			expect_view(r, v, ALL, SHARED | (v->pmd ? FXA_PMD : 0), "read again", i);
		}
		expect_refs(r, "read again, part", i);
	}
	KUNIT_EXPECT_EQ(test, 0, fxt_count_calls(r->fx, FXT_READ_FOLIO));
	end(r);
}

/* Splitting the PMD of a file unmaps it; dirt and accesses are the folio's then. */
static void split_pmd_of_file(struct kunit *test)
{
	struct rmap *r = start_mapped(test, FXA_PMD_ORDER);
	struct view *v = &r->views[3];

	expect_view(r, v, ALL, SHARED | FXA_PMD, "mapped", 0);
	fxa_split_pmd(r->f, v->mm, v->base + 7 * PAGE_SIZE);
	expect_view(r, v, ~0, 0, "split", 0);
	KUNIT_EXPECT_TRUE(test, folio_test_referenced(r->folio) || folio_test_active(r->folio));
	expect_view(r, &r->views[0], ALL, SHARED, "in another mm", 0);
	expect_refs(r, "split", 0);
	fxa_use(r->f, v->mm);
	fxt_touch(test, v->base, v->nr, false);
	expect_view(r, v, FXA_PAGE | FXA_SAME, SHARED, "faulted again", 0);
	expect_refs(r, "faulted again", 0);
	end(r);
}

/*
 * Pins of file pages count for their folio, one for each page; in its references
 * where it has no room for another count: of order 0, and with 32 bits of order 1.
 */
static void pin_file_folio(struct kunit *test)
{
	struct rmap *r = start_mapped(test, fxt_order(test));
	struct fxa *f = r->f;
	struct page **pages = kunit_kcalloc(test, f->nr, sizeof(*pages), GFP_KERNEL);
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, k, n = fxa_parts(f->nr, parts);
	bool counted = f->order > (IS_ENABLED(CONFIG_64BIT) ? 0 : 1);

	KUNIT_ASSERT_NOT_NULL(test, pages);
	for (i = 0; i < n; i++) {
		for (k = 0; k < NR_VIEWS; k += 3) {
			const struct view *v = &r->views[k];
			unsigned long first = parts[i].first, nr = parts[i].nr, j;

			fxa_use(f, v->mm);
			KUNIT_ASSERT_EQ(test, nr, pin_user_pages_fast(v->base +
								      (first << PAGE_SHIFT), nr,
								      0, pages));
			for (j = 0; j < nr && pages[j] == folio_page(r->folio, first + j); j++)
				;
			KUNIT_EXPECT_EQ_MSG(test, nr, j, "part %u, view %u", i, k);
			f->held = r->folio;
			f->held_refs = counted ? nr : nr * 1024;
			expect_refs(r, "pinned part", i);
			if (counted)
				KUNIT_EXPECT_EQ_MSG(test, nr, atomic_read(&r->folio->_pincount),
						    "part %u, view %u", i, k);
			KUNIT_EXPECT_TRUE(test, folio_maybe_dma_pinned(r->folio));
			unpin_user_page_range_dirty_lock(pages[0], nr, true);
			f->held = NULL;
			expect_refs(r, "unpinned part", i);
			KUNIT_EXPECT_TRUE_MSG(test, folio_test_dirty(r->folio), "part %u", i);
			KUNIT_EXPECT_FALSE(test, folio_maybe_dma_pinned(r->folio));
			clean(r->folio);
		}
	}
	end(r);
}

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

static struct kunit_case rmap_cases[] = {
	KUNIT_CASE_PARAM_ATTR(try_to_unmap_every_mapping, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(try_to_unmap_spares_locked, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(try_to_migrate_every_mapping, order_gen_params),
	KUNIT_CASE_PARAM(folio_referenced_by_vmas, order_gen_params),
	KUNIT_CASE_PARAM(fork_private_mapping, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(mremap_file_mapping, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(mprotect_file_mapping, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(madvise_dontneed_file, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE(split_pmd_of_file),
	KUNIT_CASE_PARAM(pin_file_folio, order_gen_params),
	{}
};

static struct kunit_suite rmap_suite = {
	.name = "mm_rmap",
	.test_cases = rmap_cases,
};

kunit_test_suite(rmap_suite);

MODULE_DESCRIPTION("KUnit suite of the reverse map of file folios");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
