// SPDX-License-Identifier: GPL-2.0
/*
 * What remains mapped of a folio, and is counted, after munmap() of a part, after an
 * unmap through the file, and when it is truncated, split or invalidated.
 * mapcount_model.h tells how each case knows what to expect.
 */
#include <linux/module.h>

#include "mapcount_model.h"

/* By the user. */

static void munmap_each_part(struct kunit *test, enum how how)
{
	struct maps *m = start_maps(test, fxt_order(test));
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, n = fxa_parts(m->nr, parts);

	for (i = 0; i < n; i++) {
		struct window *w = map_pages(m, m->mm[0], ODD(0), 0, m->nr, how);

		unmap_pages(m, w, parts[i].first, parts[i].nr);
		expect_maps(m, "unmapped part", i);
		unmap_all(m, w);
		expect_maps(m, "unmapped the rest of part", i);
	}
	end_mms(m);
}

static void munmap_part_of_folio(struct kunit *test)
{
	munmap_each_part(test, SHARED_READ);
}

/* Dirty PTEs leave the rmap after the TLB flush, in batches of their own. */
static void munmap_written_pages(struct kunit *test)
{
	munmap_each_part(test, SHARED_WRITE);
}

/* Eight steps, forwards, backwards and every third, until nothing is mapped. */
static void munmap_in_each_order(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	unsigned long step = max(m->nr / 8, 1UL), steps = m->nr / step, i, k;
	unsigned int way;

	for (way = 0; way < 3; way++) {
		struct window *w = map_all(m, m->mm[0], ODD(0));

		for (i = 0; i < steps; i++) {
			k = way == 0 ? i : way == 1 ? steps - 1 - i : i * 3 % steps;
			unmap_pages(m, w, k * step, step);
			expect_maps(m, way == 0 ? "forwards" : way == 1 ? "backwards" :
				    "every third", k);
		}
		w->mm = NULL;
	}
	end_mms(m);
}

/* Unmapping a part splits the PMD; what remains can be faulted in again. */
static void munmap_part_of_pmd(struct kunit *test)
{
	struct maps *m = start_maps(test, pmd_order(test));
	struct window *other = map_all(m, m->mm[1], WINDOW(1));
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, n = fxa_parts(m->nr, parts);

	for (i = 0; i < n; i++) {
		struct window *w = map_all(m, m->mm[0], WINDOW(0));
		unsigned long end = parts[i].first + parts[i].nr;

		expect_maps(m, "mapped before part", i);
		unmap_pages(m, w, parts[i].first, parts[i].nr);
		read_back(m, w);
		KUNIT_EXPECT_FALSE_MSG(test, w->pmd, "part %u", i);
		KUNIT_EXPECT_GE_MSG(test, find_next_bit(w->pages, end, parts[i].first), end,
				    "part %u is still mapped", i);
		expect_maps(m, "unmapped part", i);
		touch_pages(m, w, 0, parts[i].first, false);
		touch_pages(m, w, end, m->nr - end, false);
		expect_maps(m, "faulted the rest of part", i);
		unmap_all(m, w);
	}
	unmap_all(m, other);
	expect_maps(m, "unmapped", 0);
	end_mms(m);
}

/*
 * The same for an anonymous folio: the part that is left stays mapped, by PTEs,
 * and the folio waits to be split.
 */
static void munmap_part_of_anon_pmd(struct kunit *test)
{
	struct maps *m = start_maps(test, pmd_order(test));
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, n = fxa_parts(m->nr, parts);

	for (i = 0; i < n; i++) {
		unsigned long first = parts[i].first, nr = parts[i].nr;
		struct window *w = new_window(m, m->mm[0], WINDOW(0));
		struct vm_area_struct *vma;

		use_mm(w->mm);
		KUNIT_ASSERT_EQ(test, w->base, vm_mmap(NULL, w->base, m->nr << PAGE_SHIFT,
						       PROT_READ | PROT_WRITE,
						       MAP_PRIVATE | MAP_FIXED, 0));
		mmap_write_lock(w->mm);
		vma = find_vma(w->mm, w->base);
		vm_flags_set(vma, VM_HUGEPAGE);
		mmap_write_unlock(w->mm);
		write_byte(m, w, m->nr / 2, 1);
		fxt_read_ptes(w->mm, w->base, 1, m->table);
		if (!m->table[0].page)
			kunit_skip(test, "needs transparent_hugepage/enabled other than never");
		m->folio = page_folio(m->table[0].page);
		m->anon = true;
		KUNIT_ASSERT_EQ(test, PMD_ORDER, folio_order(m->folio));
		folio_get(m->folio);
		m->extra_refs = 1;
		w->pmd = true;
		expect_maps(m, "mapped, to unmap part", i);
		KUNIT_EXPECT_FALSE_MSG(test, folio_test_partially_mapped(m->folio), "part %u", i);

		unmap_pages(m, w, first, nr);
		w->pmd = false;
		bitmap_set(w->pages, 0, first);
		bitmap_set(w->pages, first + nr, m->nr - first - nr);
		expect_maps(m, "unmapped part", i);
		KUNIT_EXPECT_TRUE_MSG(test, folio_test_partially_mapped(m->folio), "part %u", i);
		unmap_all(m, w);
		expect_maps(m, "unmapped the rest of part", i);
		folio_put(m->folio);
	}
	m->reported = true;	/* there is no folio any more to look at */
	end_mms(m);
}

/* Through the file. */

static void unmap_mapping_part(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, j, n = fxa_parts(m->nr, parts);

	for (i = 0; i < n; i++) {
		unsigned long first = parts[i].first, nr = parts[i].nr;
		unsigned long beside = first ? first - 1 : nr;
		struct window *w[4];

		w[0] = map_all(m, m->mm[0], ODD(0));
		w[1] = map_pages(m, m->mm[1], ODD(1), m->nr / 2, m->nr - m->nr / 2, SHARED_READ);
		w[2] = map_all(m, m->mm[1], ACROSS(2, m->nr / 2));
		w[3] = map_pages(m, m->mm[2], ODD(3), 0, m->nr, PRIVATE_READ);
		write_copy(m, w[3], first, 1);
		if (beside < m->nr)
			write_copy(m, w[3], beside, 1);
		expect_maps(m, "mapped, to unmap part", i);

		unmap_mapping_pages(fxt_mapping(m->fx), INDEX + first, nr, false);
		for (j = 0; j < 4; j++)
			bitmap_clear(w[j]->pages, first, nr);
		expect_maps(m, "unmapped part", i);
		unmap_mapping_pages(fxt_mapping(m->fx), INDEX + first, nr, true);
		bitmap_clear(w[3]->cows, first, nr);
		expect_maps(m, "unmapped even the copies of part", i);
		for (j = 0; j < 4; j++)
			unmap_all(m, w[j]);
	}
	end_mms(m);
}

/* Bytes are rounded to pages: the start down, the length up, none is all. */
static void unmap_mapping_range_rounds(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, way, n = fxa_parts(m->nr, parts);

	for (i = 0; i < n; i++) {
		for (way = 0; way < 3; way++) {
			struct window *w = map_all(m, m->mm[0], ODD(0));
			loff_t start = FXT_POS(INDEX + parts[i].first);
			loff_t len = FXT_POS(parts[i].nr);

			if (way == 1) {
				start += PAGE_SIZE - 1;
				len -= PAGE_SIZE - 1;
			}
			unmap_mapping_range(fxt_mapping(m->fx), start, way == 2 ? 0 : len, 0);
			if (way == 2)
				bitmap_clear(w->pages, parts[i].first, m->nr - parts[i].first);
			else
				bitmap_clear(w->pages, parts[i].first, parts[i].nr);
			expect_maps(m, way == 2 ? "to the end, from part" :
				    way ? "unaligned part" : "aligned part", i);
			unmap_all(m, w);
		}
	}
	end_mms(m);
}

/*
 * For when the folio may have been split or freed: expects that each folio
 * that is cached now counts what the tables hold of it, and nothing else is
 * mapped.
 */
static void expect_cached_maps(struct maps *m, const char *when, unsigned long arg)
{
	unsigned long i, mapped = 0, in_tables[MAX_MMS] = {}, counted[MAX_MMS] = {};
	unsigned int j, k;

	fxt_drain_lru();
	for (i = 0; i < m->nr; ) {
		struct folio *folio = filemap_get_folio(fxt_mapping(m->fx), INDEX + i);
		unsigned long maps = 0, nr;

		if (IS_ERR(folio)) {
			i++;
			continue;
		}
		nr = folio_nr_pages(folio);
		for (j = 0; j < MAX_WINDOWS; j++) {
			struct window *w = &m->windows[j];
			struct fxt_walk walk;

			if (!w->mm)
				continue;
			walk = fxt_walk_mm(w->mm, w->base + (i << PAGE_SHIFT), nr, folio);
			maps += walk.ptes + walk.pmds;
			for (k = 0; k < MAX_MMS; k++)
				if (w->mm == m->mm[k])
					counted[k] += walk.ptes + walk.pmds * nr;
		}
		KUNIT_EXPECT_EQ_MSG(m->test, maps, folio_mapcount(folio),
				    "mapcount of order %u at page %lu, %s %lu",
				    folio_order(folio), i, when, arg);
		KUNIT_EXPECT_EQ_MSG(m->test, nr + maps + 1, folio_ref_count(folio),
				    "references of order %u at page %lu, %s %lu",
				    folio_order(folio), i, when, arg);
		mapped += maps > 0;
		i += nr;
		folio_put(folio);
	}
	for (j = 0; j < MAX_WINDOWS; j++) {
		struct window *w = &m->windows[j];

		if (!w->mm)
			continue;
		fxt_read_ptes(w->mm, w->base, m->nr, m->table);
		for (i = 0; i < m->nr; i++)
			for (k = 0; k < MAX_MMS; k++)
				if (w->mm == m->mm[k] && m->table[i].page)
					in_tables[k] += !PageAnon(m->table[i].page);
	}
	for (k = 0; k < MAX_MMS; k++) {
		KUNIT_EXPECT_EQ_MSG(m->test, in_tables[k], counted[k],
				    "pages mapped that are not cached, %s %lu", when, arg);
		KUNIT_EXPECT_EQ_MSG(m->test, in_tables[k],
				    percpu_counter_sum(&m->mm[k]->rss_stat[MM_FILEPAGES]),
				    "MM_FILEPAGES, %s %lu", when, arg);
	}
	if (!mapped)
		expect_node(m, 0, NR_FILE_MAPPED, m->file_mapped, "NR_FILE_MAPPED", when, arg);
}

/* Ends the mms of a case whose folio is gone. */
static void end_mms_and_file(struct maps *m)
{
	unsigned int i;

	fxt_switch_mm(NULL);
	for (i = 0; i < MAX_MMS; i++)
		fxt_end_mm(m->test, m->mm[i]);
	truncate_inode_pages(fxt_mapping(m->fx), 0);
	expect_node(m, 0, NR_FILE_MAPPED, m->file_mapped, "NR_FILE_MAPPED", "after all", 0);
	expect_node(m, 0, NR_FILE_PMDMAPPED, m->file_pmdmapped,
		    "NR_FILE_PMDMAPPED", "after all", 0);
}

static void truncate_mapped_folio(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order, keeps[] = { 0, 1, nr / 2, nr - 1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(keeps); i++) {
		struct maps *m = start_maps(test, order);
		unsigned long keep = keeps[i];
		struct window *a, *b, *c;

		a = map_pages(m, m->mm[0], ODD(0), 0, nr, SHARED_WRITE);
		b = map_pages(m, m->mm[1], ODD(1), nr / 2, nr - nr / 2, SHARED_READ);
		c = map_pages(m, m->mm[1], ODD(2), 0, nr, PRIVATE_READ);
		write_copy(m, c, nr - 1, 1);
		expect_maps(m, "mapped, to keep pages:", keep);

		truncate_setsize(&m->fx->inode, FXT_POS(INDEX + keep));
		expect_cached_maps(m, "kept pages:", keep);
		if (keep < nr) {
			struct window *w[] = { a, b, c };
			unsigned int j;

			for (j = 0; j < ARRAY_SIZE(w); j++) {
				fxt_read_ptes(w[j]->mm, w[j]->base, nr, m->table);
				KUNIT_EXPECT_NULL_MSG(test, m->table[keep].page,
						      "window %u, kept %lu", j, keep);
				KUNIT_EXPECT_NULL_MSG(test, m->table[nr - 1].page,
						      "window %u, kept %lu", j, keep);
			}
			KUNIT_EXPECT_EQ_MSG(test, -EFAULT, read_page(m, a, keep), "kept %lu", keep);
		}
		touch_pages(m, a, 0, keep, false);
		expect_cached_maps(m, "faulted kept pages:", keep);
		end_mms_and_file(m);
	}
}

/* A punched hole splits a folio, for which all its mappings must let go. */
static void split_mapped_folio(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order, holes[] = { 0, nr / 2, nr - 1 };
	unsigned int i;

	for (i = 0; i < 2 * ARRAY_SIZE(holes); i++) {
		struct maps *m = start_maps(test, order);
		unsigned long hole = holes[i / 2], kept = hole ? 0 : nr - 1;
		struct window *w;

		w = map_quietly(m, m->mm[0], i & 1 ? WINDOW(0) : ODD(0));
		map_all(m, m->mm[1], ACROSS(2, nr / 2));
		map_pages(m, m->mm[1], ODD(3), kept, 1, SHARED_READ);
		map_pages(m, m->mm[2], ODD(4), hole, 1, SHARED_READ);
		write_byte(m, w, kept, 1);
		KUNIT_ASSERT_FALSE(test, folio_test_dirty(m->folio));
		expect_maps(m, "mapped, to punch page", hole);

		truncate_inode_pages_range(fxt_mapping(m->fx), FXT_POS(INDEX + hole),
					   FXT_POS(INDEX + hole + 1) - 1);
		expect_cached_maps(m, "punched page", hole);
		fxt_read_ptes(w->mm, w->base, nr, m->table);
		KUNIT_EXPECT_NULL_MSG(test, m->table[hole].page, "page %lu", hole);
		if (order) {
			struct folio *folio = filemap_get_folio(fxt_mapping(m->fx), INDEX + kept);

			KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
			KUNIT_EXPECT_LT_MSG(test, folio_order(folio), order,
					    "not split for the hole at page %lu", hole);
			KUNIT_EXPECT_TRUE_MSG(test, folio_test_dirty(folio),
					      "page %lu is clean, hole at %lu", kept, hole);
			folio_put(folio);
		}
		end_mms_and_file(m);
	}
}

/* What cannot be split is unmapped all the same: no PMD may reach past EOF. */
static void truncate_pinned_pmd_folio(struct kunit *test)
{
	struct maps *m = start_maps(test, pmd_order(test));
	struct window *w = map_all(m, m->mm[0], WINDOW(0));
	unsigned long keep = m->nr / 2;

	if (!COMPAT_NO_PMD_PAST_EOF)
		kunit_skip(test, "needs the SIGBUS semantics of 6.18");
	expect_maps(m, "mapped", 0);
	/* A clean one would be dropped whole. */
	folio_mark_dirty(m->folio);
	folio_get(m->folio);
	truncate_setsize(&m->fx->inode, FXT_POS(INDEX + keep));
	m->extra_refs = 1;
	KUNIT_ASSERT_EQ(test, PMD_ORDER, folio_order(m->folio));
	read_back(m, w);
	KUNIT_EXPECT_FALSE(test, w->pmd);
	KUNIT_EXPECT_GE(test, find_next_bit(w->pages, m->nr, keep), m->nr);
	expect_maps(m, "truncated", keep);
	touch_pages(m, w, 0, keep, false);
	expect_maps(m, "faulted pages:", keep);
	KUNIT_EXPECT_EQ(test, -EFAULT, read_page(m, w, keep));
	expect_maps(m, "faulted past page", keep);
	folio_put(m->folio);
	m->extra_refs = 0;
	end_mms(m);
}

/* A mapped folio is not dropped in passing, but it is on request, whole. */
static void invalidate_mapped_folio(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order, pages[] = { 0, nr / 2, nr - 1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		struct maps *m = start_maps(test, order);
		pgoff_t index = INDEX + pages[i];
		struct window *c;

		map_all(m, m->mm[0], ODD(0));
		map_pages(m, m->mm[1], ODD(1), nr / 2, nr - nr / 2, SHARED_READ);
		map_all(m, m->mm[1], ACROSS(2, nr / 2));
		c = map_pages(m, m->mm[2], ODD(3), 0, nr, PRIVATE_READ);
		write_copy(m, c, pages[i], 1);

		KUNIT_EXPECT_EQ_MSG(test, 0, invalidate_mapping_pages(fxt_mapping(m->fx), 0, -1),
				    "page %lu", pages[i]);
		expect_maps(m, "invalidated in passing, page", pages[i]);
		KUNIT_EXPECT_EQ_MSG(test, 0,
				    invalidate_inode_pages2_range(fxt_mapping(m->fx), index, index),
				    "page %lu", pages[i]);
		fxt_expect_layout(m->fx, NULL, 0);
		expect_cached_maps(m, "invalidated page", pages[i]);
		/* The copy is the user's own data. */
		fxt_read_ptes(c->mm, c->base, nr, m->table);
		KUNIT_EXPECT_TRUE_MSG(test, m->table[pages[i]].page &&
				      PageAnon(m->table[pages[i]].page), "page %lu", pages[i]);
		end_mms_and_file(m);
	}
}

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

static struct kunit_case mapcount_unmap_cases[] = {
	KUNIT_CASE_PARAM_ATTR(munmap_part_of_folio, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(munmap_in_each_order, order_gen_params),
	KUNIT_CASE_PARAM(munmap_written_pages, order_gen_params),
	KUNIT_CASE(munmap_part_of_pmd),
	KUNIT_CASE(munmap_part_of_anon_pmd),
	KUNIT_CASE_PARAM(unmap_mapping_part, order_gen_params),
	KUNIT_CASE_PARAM(unmap_mapping_range_rounds, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(truncate_mapped_folio, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(split_mapped_folio, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE(truncate_pinned_pmd_folio),
	KUNIT_CASE_PARAM_ATTR(invalidate_mapped_folio, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	{}
};

static struct kunit_suite mapcount_unmap_suite = {
	.name = "mm_mapcount_unmap",
	.init = fxt_stay_on_cpu,
	.test_cases = mapcount_unmap_cases,
};

kunit_test_suite(mapcount_unmap_suite);

MODULE_DESCRIPTION("KUnit suite of the mapcounts of folios that are unmapped");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_LICENSE("GPL");
