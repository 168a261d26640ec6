// SPDX-License-Identifier: GPL-2.0
/*
 * How often a file folio is mapped, where, and by whom: after faults, partial
 * unmaps, copies on write and truncation, by PTEs and by PMDs, in several mms.
 * mapcount_model.h tells how each case knows what to expect.
 */
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#if __has_include(<kunit/mm.h>)
#include <kunit/mm.h>
#define HAS_RMAP_EXPORTS
#endif

#include "mapcount_model.h"

/* Mapping. */

static void map_whole_folio(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	struct window *w;

	expect_maps(m, "before", 0);
	w = map_all(m, m->mm[0], ODD(0));
	expect_maps(m, "mapped", 0);
	unmap_all(m, w);
	expect_maps(m, "unmapped", 0);
	end_mms(m);
}

static void map_part_of_folio(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	struct part parts[MAX_PARTS];
	unsigned int i, n = parts_of(m->nr, parts);

	for (i = 0; i < n; i++) {
		struct window *w = map_pages(m, m->mm[0], ODD(0), parts[i].first,
					     parts[i].nr, SHARED_READ);

		expect_maps(m, "mapped part", i);
		unmap_all(m, w);
		expect_maps(m, "unmapped part", i);
	}
	end_mms(m);
}

/*
 * A folio whose pages lie in two page tables:
 *
 *	table 1 ............[0 1 2]
 *	table 2 [3 4 5 6 7]............
 */
static void map_across_page_tables(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	unsigned long in_first[] = { 1, m->nr / 2, m->nr - 1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(in_first); i++) {
		unsigned long n = in_first[i];
		struct window *w = map_all(m, m->mm[0], WINDOW(1) - (n << PAGE_SHIFT));

		expect_maps(m, "mapped, pages in the first table:", n);
		if (n) {
			unmap_pages(m, w, n - 1, 1);
			expect_maps(m, "unmapped the last of the first table:", n - 1);
		}
		if (n < m->nr) {
			unmap_pages(m, w, n, 1);
			expect_maps(m, "unmapped the first of the second table:", n);
		}
		unmap_all(m, w);
		expect_maps(m, "unmapped, pages in the first table:", n);
	}
	end_mms(m);
}

/* How much one fault maps is the kernel's choice; that it counts it, is not. */
static void fault_one_page(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	struct part parts[MAX_PARTS];
	unsigned int i, n = parts_of(m->nr, parts);

	for (i = 0; i < 2 * n; i++) {
		struct window *w = new_window(m, m->mm[0], ODD(0));
		const struct part *part = &parts[i / 2];
		unsigned long page = part->first + part->nr / 2, end = part->first + part->nr;
		bool write = i & 1;

		mmap_pages(m, w, part->first, part->nr, SHARED_WRITE);
		if (write)
			write_byte(m, w, page, 1);
		else
			touch_pages(m, w, page, 1, false);
		read_back(m, w);
		KUNIT_EXPECT_TRUE_MSG(test, test_bit(page, w->pages), "page %lu, write %d",
				      page, write);
		KUNIT_EXPECT_GE_MSG(test, find_first_bit(w->pages, m->nr), part->first,
				    "mapped before the VMA, page %lu, write %d", page, write);
		KUNIT_EXPECT_GE_MSG(test, find_next_bit(w->pages, m->nr, end), m->nr,
				    "mapped after the VMA, page %lu, write %d", page, write);
		expect_maps(m, write ? "wrote page" : "read page", page);
		unmap_all(m, w);
		expect_maps(m, "unmapped after page", page);
	}
	end_mms(m);
}

/*
 * What surrounds the folio is mapped with it, and counts for itself:
 *
 *	[order 0][ the folio ][order 0]
 *	[          one VMA            ]
 */
static void map_with_neighbours(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	unsigned long addr = ODD(0), nr = m->nr + 2, i, at[] = { 0, 1, nr / 2, nr - 2, nr - 1 };
	struct folio *folios[] = {
		fxt_add_folio(m->fx, INDEX - 1, 0, 0), m->folio,
		fxt_add_folio(m->fx, INDEX + m->nr, 0, 0),
	};
	unsigned int f;

	use_mm(m->mm[0]);
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		unsigned long total = 0;

		fxt_mmap(m->fx, addr, INDEX - 1, nr, PROT_READ, MAP_SHARED);
		fxt_touch(test, addr + (at[i] << PAGE_SHIFT), 1, false);
		fxt_read_ptes(current->mm, addr, nr, m->table);
		KUNIT_EXPECT_NOT_NULL_MSG(test, m->table[at[i]].page, "touched page %lu", at[i]);
		fxt_drain_lru();
		for (f = 0; f < ARRAY_SIZE(folios); f++) {
			struct fxt_walk walk = fxt_walk_mm(current->mm, addr, nr, folios[f]);

			expect_eq(m, walk.ptes, folio_mapcount(folios[f]), "mapcount",
				  "touched page", at[i]);
			expect_eq(m, walk.ptes + folio_nr_pages(folios[f]),
				  folio_ref_count(folios[f]), "references", "touched page", at[i]);
			if (IS_ENABLED(CONFIG_NO_PAGE_MAPCOUNT) && walk.ptes)
				walk.ptes = folio_nr_pages(folios[f]);
			total += walk.ptes;
		}
		expect_node(m, total, NR_FILE_MAPPED, m->file_mapped,
			    "NR_FILE_MAPPED", "touched page", at[i]);
		for (f = 0; f < nr; f++) {
			struct page *page = m->table[f].page;

			if (page)
				KUNIT_EXPECT_PTR_EQ_MSG(test, page, f == 0 ? &folios[0]->page :
							f == nr - 1 ? &folios[2]->page :
							folio_page(m->folio, f - 1), "page %u", f);
		}
		KUNIT_ASSERT_EQ(test, 0, vm_munmap(addr, nr << PAGE_SHIFT));
	}
	end_mms(m);
}

/* Fault-around leaves alone what is locked or not uptodate, and its references. */
static void map_pages_skips_busy_neighbour(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	struct folio *before = fxt_add_folio(m->fx, INDEX - 1, 0, 0);
	unsigned int i;

	for (i = 0; i < 2; i++) {
		use_mm(m->mm[0]);
		if (i)
			folio_lock(m->folio);
		else
			folio_clear_uptodate(m->folio);
		fxt_mmap(m->fx, ODD(0), INDEX - 1, m->nr + 1, PROT_READ, MAP_SHARED);
		fxt_touch(test, ODD(0), 1, false);
		fxt_drain_lru();
		expect_eq(m, 1, folio_mapcount(before), "mapcount of the neighbour", "busy", i);
		expect_eq(m, 0, folio_mapcount(m->folio), "mapcount", "busy", i);
		expect_eq(m, m->nr, folio_ref_count(m->folio), "references", "busy", i);
		if (i)
			folio_unlock(m->folio);
		else
			folio_mark_uptodate(m->folio);
		KUNIT_ASSERT_EQ(test, 0, vm_munmap(ODD(0), (m->nr + 1) << PAGE_SHIFT));
	}
	end_mms(m);
}

/* Pages past EOF are not mapped, though the folio and the VMA reach there. */
static void map_past_eof(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	unsigned long last[] = { 0, m->nr / 2, m->nr - 1 }, i;

	for (i = 0; i < ARRAY_SIZE(last); i++) {
		struct window *w = new_window(m, m->mm[0], ODD(0));
		unsigned long page = last[i];

		/* One byte of the last page is in the file. */
		i_size_write(&m->fx->inode, FXT_POS(INDEX + page) + 1);
		mmap_pages(m, w, 0, m->nr, SHARED_WRITE);
		touch_pages(m, w, 0, page + 1, false);
		expect_maps(m, "mapped up to page", page);
		if (page + 1 < m->nr) {
			u8 __user *end = (u8 __user *)w->base + FXT_POS(m->nr - 1);

			KUNIT_EXPECT_EQ_MSG(test, -EFAULT, read_page(m, w, page + 1),
					    "page %lu", page);
			KUNIT_EXPECT_EQ_MSG(test, -EFAULT, put_user(1, end), "page %lu", page);
			expect_maps(m, "faulted past page", page);
		}
		write_byte(m, w, page, 1);
		expect_maps(m, "wrote page", page);
		unmap_all(m, w);
		expect_maps(m, "unmapped, EOF in page", page);

		/* The first access a write: it may map more of the file, not more than it. */
		w = new_window(m, m->mm[0], ODD(0));
		mmap_pages(m, w, 0, m->nr, SHARED_WRITE);
		write_byte(m, w, 0, 1);
		read_back(m, w);
		KUNIT_EXPECT_GE_MSG(test, find_next_bit(w->pages, m->nr, page + 1), m->nr,
				    "a write mapped past EOF in page %lu", page);
		expect_maps(m, "wrote the first page, EOF in page", page);
		unmap_all(m, w);
	}
	end_mms(m);
}

/* A PTE that is there already stays, and fault-around goes on behind it. */
static void map_around_private_copy(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	unsigned long pages[] = { 0, m->nr / 2, m->nr - 1 }, i;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		struct window *w = new_window(m, m->mm[0], ODD(0));
		unsigned long page = pages[i];

		mmap_pages(m, w, 0, m->nr, PRIVATE_READ);
		write_byte(m, w, page, 1);
		__set_bit(page, w->cows);
		expect_maps(m, "first access wrote page", page);
		touch_pages(m, w, 0, page, false);
		touch_pages(m, w, page + 1, m->nr - page - 1, false);
		expect_maps(m, "mapped around page", page);
		unmap_all(m, w);
		expect_maps(m, "unmapped around page", page);
	}
	end_mms(m);
}

static void clear_poison(void *data)
{
	struct page *page = data;

	ClearPageHWPoison(page);
	if (folio_test_large(page_folio(page)))
		folio_clear_has_hwpoisoned(page_folio(page));
}

/* A poisoned page is not mapped by fault-around, its neighbours are. */
static void map_around_poisoned_page(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	unsigned long pages[] = { 0, m->nr / 2, m->nr - 1 }, i;
	struct folio *before = fxt_add_folio(m->fx, INDEX - 1, 0, 0);

	if (!IS_ENABLED(CONFIG_MEMORY_FAILURE))
		kunit_skip(test, "needs CONFIG_MEMORY_FAILURE");
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		struct window *w = new_window(m, m->mm[0], ODD(0));
		struct page *page = folio_page(m->folio, pages[i]);

		SetPageHWPoison(page);
		if (m->order)
			folio_set_has_hwpoisoned(m->folio);
		KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, clear_poison, page));
		mmap_pages(m, w, 0, m->nr, SHARED_READ);
		touch_pages(m, w, 0, pages[i], false);
		touch_pages(m, w, pages[i] + 1, m->nr - pages[i] - 1, false);
		expect_maps(m, "mapped around page", pages[i]);
		unmap_all(m, w);
		expect_maps(m, "unmapped around page", pages[i]);
		/* Nor by a PMD, of which it would be a part. */
		if (m->order == PMD_ORDER) {
			struct fxt_walk walk;

			fxt_mmap(m->fx, WINDOW(1), INDEX, m->nr, PROT_READ, MAP_SHARED);
			fxt_touch(test, WINDOW(1) + (pages[i] ? 0 : PAGE_SIZE), 1, false);
			walk = fxt_walk_mm(m->mm[0], WINDOW(1), m->nr, m->folio);
			KUNIT_EXPECT_EQ_MSG(test, 0, walk.pmds, "poison in page %lu", pages[i]);
			KUNIT_EXPECT_GE_MSG(test, walk.ptes, 1, "poison in page %lu", pages[i]);
			KUNIT_ASSERT_EQ(test, 0, vm_munmap(WINDOW(1), m->nr << PAGE_SHIFT));
		}
		/* Nothing of it, when the fault was for the page before the folio. */
		if (!m->order) {
			fxt_mmap(m->fx, ODD(0), INDEX - 1, 2, PROT_READ, MAP_SHARED);
			fxt_touch(test, ODD(0), 1, false);
			expect_eq(m, 1, folio_mapcount(before), "mapcount before", "around", 0);
			expect_eq(m, 0, folio_mapcount(m->folio), "mapcount", "around", 0);
			expect_eq(m, 1, folio_ref_count(m->folio), "references", "around", 0);
			KUNIT_ASSERT_EQ(test, 0, vm_munmap(ODD(0), 2 * PAGE_SIZE));
		}
		kunit_release_action(test, clear_poison, page);
	}
	end_mms(m);
}

/* Unmapping. */

static void munmap_part_of_folio(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	struct part parts[MAX_PARTS];
	unsigned int i, n = parts_of(m->nr, parts);

	for (i = 0; i < n; i++) {
		struct window *w = map_all(m, m->mm[0], ODD(0));

		unmap_pages(m, w, parts[i].first, parts[i].nr);
		expect_maps(m, "unmapped part", i);
		unmap_all(m, w);
		expect_maps(m, "unmapped the rest of part", i);
	}
	end_mms(m);
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

/* Dirty PTEs leave the rmap after the TLB flush, in batches of their own. */
static void munmap_written_pages(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	struct part parts[MAX_PARTS];
	unsigned int i, n = parts_of(m->nr, parts);

	for (i = 0; i < n; i++) {
		struct window *w = map_pages(m, m->mm[0], ODD(0), 0, m->nr, SHARED_WRITE);

		unmap_pages(m, w, parts[i].first, parts[i].nr);
		expect_maps(m, "unmapped written part", i);
		unmap_all(m, w);
		expect_maps(m, "unmapped the rest of part", i);
	}
	end_mms(m);
}

/* Several mms. */

static void map_in_two_mms(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	unsigned int first_out;

	for (first_out = 0; first_out < 2; first_out++) {
		struct window *w[2];

		w[0] = map_all(m, m->mm[0], ODD(0));
		expect_maps(m, "one mm, first out", first_out);
		w[1] = map_all(m, m->mm[1], ODD(1));
		expect_maps(m, "two mms, first out", first_out);
		unmap_pages(m, w[first_out], m->nr - 1, 1);
		expect_maps(m, "one page less in", first_out);
		unmap_all(m, w[first_out]);
		expect_maps(m, "left to one by", first_out);
		unmap_all(m, w[!first_out]);
		expect_maps(m, "left by both, first", first_out);
	}
	end_mms(m);
}

static void map_in_three_mms(struct kunit *test)
{
	static const u8 ways[][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};
	struct maps *m = start_maps(test, fxt_order(test));
	unsigned int way, i;

	for (way = 0; way < ARRAY_SIZE(ways); way++) {
		struct window *w[3];

		for (i = 0; i < 3; i++) {
			w[i] = map_all(m, m->mm[i], ODD(i));
			expect_maps(m, "mapped, way", way);
		}
		for (i = 0; i < 3; i++) {
			unmap_all(m, w[ways[way][i]]);
			expect_maps(m, "unmapped, way", way);
		}
		/* Nobody maps it any more: whoever comes next has it alone. */
		w[0] = map_all(m, m->mm[ways[way][0]], ODD(3));
		expect_maps(m, "mapped anew, way", way);
		unmap_all(m, w[0]);
	}
	end_mms(m);
}

/* No page is mapped twice, yet the folio is shared. */
static void map_disjoint_parts_in_two_mms(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	unsigned long split[] = { 1, m->nr / 2, m->nr - 1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(split); i++) {
		struct window *a, *b;

		if (!split[i] || split[i] == m->nr)
			continue;
		a = map_pages(m, m->mm[0], ODD(0), 0, split[i], SHARED_READ);
		b = map_pages(m, m->mm[1], ODD(1), split[i], m->nr - split[i], SHARED_READ);
		expect_maps(m, "parted at page", split[i]);
		unmap_all(m, a);
		expect_maps(m, "left by the lower part", split[i]);
		a = map_pages(m, m->mm[0], ODD(0), 0, split[i], SHARED_READ);
		unmap_all(m, b);
		expect_maps(m, "left by the upper part", split[i]);
		unmap_all(m, a);
	}
	end_mms(m);
}

/* A batch of which some pages are mapped for the first time, and some are not. */
static void map_whole_over_part(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	struct part parts[MAX_PARTS];
	unsigned int i, n = parts_of(m->nr, parts);

	for (i = 0; i < 2 * n; i++) {
		const struct part *part = &parts[i / 2];
		struct window *a, *b;

		a = map_pages(m, m->mm[0], ODD(0), part->first, part->nr, SHARED_READ);
		b = map_all(m, m->mm[i & 1], ODD(1));
		expect_maps(m, "the whole over a part, way", i);
		unmap_all(m, b);
		expect_maps(m, "left by the whole, way", i);
		unmap_all(m, a);
		expect_maps(m, "left by the part, way", i);
	}
	end_mms(m);
}

static void map_twice_in_one_mm(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	struct window *a = map_all(m, m->mm[0], ODD(0));
	struct window *b = map_all(m, m->mm[0], ODD(1));

	expect_maps(m, "mapped twice", 0);
	unmap_pages(m, a, 0, 1);
	expect_maps(m, "the first page once", 0);
	unmap_pages(m, b, m->nr - 1, 1);
	expect_maps(m, "the last page once", 0);
	unmap_all(m, a);
	expect_maps(m, "left the first", 0);
	unmap_all(m, b);
	expect_maps(m, "left the second", 0);
	end_mms(m);
}

/* The windows in use, by their number: two of them belong to the same mm. */
#define NR_RANDOM	4

static void map_at_random(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	struct rnd_state rnd;
	unsigned int step, i;

	prandom_seed_state(&rnd, fxt_seed(test) + m->order);
	for (i = 0; i < NR_RANDOM; i++)
		new_window(m, m->mm[i % MAX_MMS], ODD(i));
	for (step = 0; step < 48 && !m->reported; step++) {
		struct window *w = &m->windows[prandom_u32_state(&rnd) % NR_RANDOM];
		unsigned long first = prandom_u32_state(&rnd) % m->nr;
		unsigned long nr = 1 + prandom_u32_state(&rnd) % (m->nr - first);

		switch (prandom_u32_state(&rnd) % 5) {
		case 0:
		case 1:
			mmap_pages(m, w, first, nr, SHARED_READ);
			bitmap_clear(w->pages, first, nr);
			touch_pages(m, w, first, nr, false);
			/* A VMA beside it has become one with it, and is faulted around. */
			read_back(m, w);
			break;
		case 2:
			unmap_pages(m, w, 0, m->nr);
			break;
		case 3:
			unmap_pages(m, w, first, nr);
			break;
		case 4:
			unmap_mapping_pages(fxt_mapping(m->fx), INDEX + first, nr, false);
			for (i = 0; i < NR_RANDOM; i++)
				bitmap_clear(m->windows[i].pages, first, nr);
			break;
		}
		expect_maps(m, "random step", step);
	}
	end_mms(m);
}

/* Exit with all kinds of mappings, one mm after the other. */
static void exit_with_mapped_folio(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	unsigned int i, j;

	map_all(m, m->mm[0], ODD(0));
	map_pages(m, m->mm[0], ODD(1), m->nr / 2, m->nr - m->nr / 2, SHARED_WRITE);
	map_pages(m, m->mm[1], ODD(0), 0, m->nr, PRIVATE_READ);
	map_pages(m, m->mm[2], ODD(0), m->nr - 1, 1, SHARED_WRITE);
	expect_maps(m, "mapped", 0);
	fxt_switch_mm(NULL);
	for (i = 0; i < MAX_MMS; i++) {
		fxt_end_mm(test, m->mm[i]);
		for (j = 0; j < MAX_WINDOWS; j++)
			if (m->windows[j].mm == m->mm[i])
				m->windows[j].mm = NULL;
		m->mm[i] = NULL;
		expect_maps(m, "after the exit of mm", i);
	}
}

/* Folios mapped by a PMD. */

static void map_by_pmd(struct kunit *test)
{
	struct maps *m = start_maps(test, pmd_order(test));
	struct window *a = map_all(m, m->mm[0], WINDOW(0)), *b;

	expect_maps(m, "one PMD", 0);
	b = map_all(m, m->mm[1], WINDOW(1));
	expect_maps(m, "two PMDs", 0);
	unmap_all(m, a);
	expect_maps(m, "the second PMD", 0);
	a = map_all(m, m->mm[1], WINDOW(0));
	expect_maps(m, "two PMDs of one mm", 0);
	unmap_all(m, b);
	unmap_all(m, a);
	expect_maps(m, "unmapped", 0);
	end_mms(m);
}

/*
 * The PMD of mm A maps all pages, the PTEs of mm B some of them. Whoever comes
 * first and whoever leaves first, no page is counted twice or forgotten.
 */
static void map_by_pmd_and_ptes(struct kunit *test)
{
	struct maps *m = start_maps(test, pmd_order(test));
	struct part parts[MAX_PARTS];
	unsigned int i, way, n = parts_of(m->nr, parts);

	for (i = 0; i < n; i++) {
		for (way = 0; way < 4; way++) {
			struct window *w[2] = {};
			bool pmd_first = way & 1, pmd_leaves = way & 2;

			if (pmd_first)
				w[0] = map_all(m, m->mm[0], WINDOW(0));
			w[1] = map_pages(m, m->mm[1], ODD(1), parts[i].first, parts[i].nr,
					 SHARED_READ);
			if (!pmd_first)
				w[0] = map_all(m, m->mm[0], WINDOW(0));
			expect_maps(m, "PMD and PTEs, part", i);
			unmap_all(m, w[!pmd_leaves]);
			expect_maps(m, pmd_leaves ? "PTEs, part" : "PMD beside part", i);
			unmap_all(m, w[pmd_leaves]);
			expect_maps(m, "unmapped, part", i);
		}
	}
	end_mms(m);
}

/* Unmapping a part splits the PMD; what remains can be faulted in again. */
static void munmap_part_of_pmd(struct kunit *test)
{
	struct maps *m = start_maps(test, pmd_order(test));
	struct window *other = map_all(m, m->mm[1], WINDOW(1));
	struct part parts[MAX_PARTS];
	unsigned int i, n = parts_of(m->nr, parts);

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

/* A written page of a private mapping becomes a copy: the PMD cannot stay. */
static void split_pmd_by_write(struct kunit *test)
{
	struct maps *m = start_maps(test, pmd_order(test));
	unsigned long pages[] = { 0, m->nr / 2, m->nr - 1 }, i;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		struct window *w = map_pages(m, m->mm[0], WINDOW(0), 0, m->nr, PRIVATE_READ);

		expect_maps(m, "mapped, to write page", pages[i]);
		write_byte(m, w, pages[i], 1);
		__set_bit(pages[i], w->cows);
		read_back(m, w);
		expect_maps(m, "wrote page", pages[i]);
		unmap_all(m, w);
		expect_maps(m, "unmapped after page", pages[i]);
	}
	end_mms(m);
}

/* Where a PMD would map what the VMA, the file or the folio does not have. */
static void no_pmd_where_it_does_not_fit(struct kunit *test)
{
	struct maps *m = start_maps(test, pmd_order(test));
	struct window *w;

	w = map_pages(m, m->mm[0], WINDOW(0), 0, m->nr - 1, SHARED_READ);
	expect_maps(m, "the VMA ends early", 0);
	unmap_all(m, w);
	w = map_pages(m, m->mm[0], WINDOW(0), 1, m->nr - 1, SHARED_READ);
	expect_maps(m, "the VMA begins late", 0);
	unmap_all(m, w);
	if (COMPAT_NO_PMD_PAST_EOF) {
		w = new_window(m, m->mm[0], WINDOW(0));
		i_size_write(&m->fx->inode, FXT_POS(INDEX + m->nr - 1));
		mmap_pages(m, w, 0, m->nr, SHARED_WRITE);
		write_byte(m, w, 0, 1);
		touch_pages(m, w, 0, m->nr - 1, false);
		expect_maps(m, "the file ends early", 0);
		KUNIT_EXPECT_EQ(test, -EFAULT, read_page(m, w, m->nr - 1));
		unmap_all(m, w);
		w = new_window(m, m->mm[0], WINDOW(0));
		mmap_pages(m, w, 0, m->nr, SHARED_READ);
		touch_pages(m, w, 0, m->nr - 1, false);
		expect_maps(m, "the file ends early, only read", 0);
		unmap_all(m, w);
	}
	end_mms(m);
}

/*
 * The same for an anonymous folio: the part that is left stays mapped, by PTEs,
 * and the folio waits to be split.
 */
static void munmap_part_of_anon_pmd(struct kunit *test)
{
	struct maps *m = start_maps(test, pmd_order(test));
	struct part parts[MAX_PARTS];
	unsigned int i, n = parts_of(m->nr, parts);

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
		/* khugepaged shall not put together what the case takes apart. */
		mmap_write_lock(w->mm);
		vm_flags_mod(vma, VM_NOHUGEPAGE, VM_HUGEPAGE);
		mmap_write_unlock(w->mm);

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

/* Copy on write. */

/* Expects that the user sees a copy of a page in which the first byte is @byte. */
static void expect_copied(struct maps *m, struct window *w, unsigned long page, u8 byte)
{
	u8 *copy = kunit_kmalloc(m->test, PAGE_SIZE, GFP_KERNEL);
	u8 *orig;

	KUNIT_ASSERT_NOT_NULL(m->test, copy);
	KUNIT_ASSERT_EQ(m->test, 0,
			copy_from_user(copy, (u8 __user *)w->base + FXT_POS(page), PAGE_SIZE));
	orig = kmap_local_folio(m->folio, FXT_POS(page));
	KUNIT_EXPECT_EQ_MSG(m->test, byte, copy[0], "page %lu", page);
	KUNIT_EXPECT_MEMEQ_MSG(m->test, orig + 1, copy + 1, PAGE_SIZE - 1, "page %lu", page);
	kunmap_local(orig);
	fxt_expect_stamped(m->fx, FXT_POS(INDEX + page), FXT_POS(INDEX + page + 1));
	kunit_kfree(m->test, copy);
}

static void write_private_page(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	unsigned long pages[] = { 0, m->nr / 2, m->nr - 1 }, i;
	struct window *other = map_all(m, m->mm[1], ODD(1));

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		struct window *w = map_pages(m, m->mm[0], ODD(0), 0, m->nr, PRIVATE_READ);

		expect_maps(m, "read, to write page", pages[i]);
		write_byte(m, w, pages[i], 1);
		__clear_bit(pages[i], w->pages);
		__set_bit(pages[i], w->cows);
		expect_maps(m, "wrote page", pages[i]);
		expect_copied(m, w, pages[i], 1);
		unmap_all(m, w);
		expect_maps(m, "unmapped after page", pages[i]);

		/* The same without a read before: the file's page is never mapped. */
		w = new_window(m, m->mm[0], ODD(0));
		mmap_pages(m, w, 0, m->nr, PRIVATE_READ);
		write_byte(m, w, pages[i], 2);
		__set_bit(pages[i], w->cows);
		expect_maps(m, "first access wrote page", pages[i]);
		expect_copied(m, w, pages[i], 2);
		unmap_all(m, w);
	}
	KUNIT_EXPECT_FALSE(test, folio_test_dirty(m->folio));
	unmap_all(m, other);
	end_mms(m);
}

/* Dirty pages. */

static void write_shared_page(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	unsigned long pages[] = { 0, m->nr / 2, m->nr - 1 }, i;
	struct window *other = map_all(m, m->mm[1], ODD(1));
	const struct fxt_call *call;
	u8 byte;

	for (i = 0; i < 2 * ARRAY_SIZE(pages); i++) {
		struct window *w = new_window(m, m->mm[0], ODD(0));
		unsigned long page = pages[i / 2];

		folio_lock(m->folio);
		folio_clear_dirty_for_io(m->folio);
		folio_unlock(m->folio);
		mmap_pages(m, w, 0, m->nr, SHARED_WRITE);
		if (i & 1)
			touch_pages(m, w, 0, m->nr, false);
		KUNIT_EXPECT_FALSE_MSG(test, folio_test_dirty(m->folio), "page %lu", page);
		fxt_forget_calls(m->fx);
		write_byte(m, w, page, i);
		call = fxt_find_call(m->fx, FXT_DIRTY_FOLIO, INDEX);
		KUNIT_EXPECT_NOT_NULL_MSG(test, call, "->dirty_folio not told of page %lu", page);
		KUNIT_EXPECT_TRUE_MSG(test, folio_test_dirty(m->folio), "page %lu", page);
		read_back(m, w);
		KUNIT_EXPECT_TRUE_MSG(test, m->table[page].write && m->table[page].dirty,
				      "page %lu is not mapped writable and dirty", page);
		expect_maps(m, i & 1 ? "read and wrote page" : "wrote page", page);

		use_mm(other->mm);
		KUNIT_ASSERT_EQ(test, 0, get_user(byte, (u8 __user *)other->base + FXT_POS(page)));
		KUNIT_EXPECT_EQ_MSG(test, i, byte, "the other mm, page %lu", page);
		unmap_all(m, w);
	}
	unmap_all(m, other);
	end_mms(m);
}

/* On return the folio is locked and dirty already: a freeze must see it so. */
static void filemap_page_mkwrite_locks_dirty(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	unsigned long pages[] = { 0, m->nr / 2, m->nr - 1 }, i;
	struct window *w = new_window(m, m->mm[0], ODD(0));

	mmap_pages(m, w, 0, m->nr, SHARED_WRITE);
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		vm_fault_t ret;

		mmap_read_lock(w->mm);
		ret = filemap_page_mkwrite(&(struct vm_fault) {
			.vma = find_vma(w->mm, w->base),
			.page = folio_page(m->folio, pages[i]),
		});
		mmap_read_unlock(w->mm);
		KUNIT_ASSERT_EQ_MSG(test, VM_FAULT_LOCKED, ret, "page %lu", pages[i]);
		KUNIT_EXPECT_TRUE_MSG(test, folio_test_locked(m->folio), "page %lu", pages[i]);
		KUNIT_EXPECT_TRUE_MSG(test, folio_test_dirty(m->folio), "page %lu", pages[i]);
		folio_clear_dirty_for_io(m->folio);
		folio_unlock(m->folio);
	}
	end_mms(m);
}

static const struct vm_operations_struct quiet_vm_ops = {
	.fault		= filemap_fault,
	.map_pages	= filemap_map_pages,
};

/*
 * A window whose first write faults no more: without ->page_mkwrite() a clean
 * page is mapped writable, and only its table entry knows that it was written.
 */
static struct window *map_quietly(struct maps *m, struct mm_struct *mm, unsigned long base)
{
	struct window *w = new_window(m, mm, base);
	struct vm_area_struct *vma;

	mmap_pages(m, w, 0, m->nr, SHARED_WRITE);
	mmap_write_lock(mm);
	vma = find_vma(mm, base);
	vma->vm_ops = &quiet_vm_ops;
	vma->vm_page_prot = vm_get_page_prot(vma->vm_flags);
	mmap_write_unlock(mm);
	w->pmd = m->order == PMD_ORDER && IS_ALIGNED(base, PMD_SIZE);
	touch_pages(m, w, 0, m->nr, false);
	return w;
}

enum { MUNMAP_PAGE, MUNMAP_ALL, UNMAP_MAPPING, EXIT_MM, NR_UNMAP_WAYS };

/*
 * Whichever way a mapping goes, what was written through it stays dirty, and
 * reclaim learns that it was in use.
 */
static void unmap_keeps_dirty(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	unsigned long pages[] = { 0, m->nr / 2, m->nr - 1 };
	unsigned int i, way, mm = 0;
	bool was_active;

	for (i = 0; i < 2 * ARRAY_SIZE(pages); i++) {
		for (way = 0; way < NR_UNMAP_WAYS; way++) {
			unsigned long page = pages[i / 2];
			struct window *w;

			folio_lock(m->folio);
			folio_clear_dirty_for_io(m->folio);
			folio_unlock(m->folio);
			if (way == EXIT_MM) {
				fxt_switch_mm(NULL);
				fxt_end_mm(test, m->mm[mm]);
				m->mm[mm] = fxt_new_mm(test);
			}
			w = map_quietly(m, m->mm[mm], i & 1 ? WINDOW(0) : ODD(0));
			expect_maps(m, "mapped, to write page", page);
			write_byte(m, w, page, 1);
			fxt_read_ptes(w->mm, w->base, m->nr, m->table);
			KUNIT_ASSERT_TRUE(test, m->table[page].dirty);
			KUNIT_ASSERT_FALSE(test, folio_test_dirty(m->folio));
			was_active = folio_test_active(m->folio);
			folio_clear_referenced(m->folio);

			switch (way) {
			case MUNMAP_PAGE:
				unmap_pages(m, w, page, 1);
				break;
			case MUNMAP_ALL:
				unmap_pages(m, w, 0, m->nr);
				break;
			case UNMAP_MAPPING:
				unmap_mapping_pages(fxt_mapping(m->fx), INDEX + page, 1, false);
				break;
			case EXIT_MM:
				fxt_switch_mm(NULL);
				fxt_end_mm(test, w->mm);
				m->mm[mm] = fxt_new_mm(test);
				w->mm = NULL;
				break;
			}
			KUNIT_EXPECT_TRUE_MSG(test, folio_test_dirty(m->folio),
					      "page %lu, way %u, PMD %u", page, way, w->pmd);
			KUNIT_EXPECT_TRUE_MSG(test, folio_test_referenced(m->folio) ||
					      (!was_active && folio_test_active(m->folio)) ||
					      (w->pmd && !COMPAT_PMD_ZAP_MARKS_ACCESSED),
					      "accessed: page %lu, way %u, PMD %u", page, way,
					      w->pmd);
			if (w->mm) {
				read_back(m, w);
				expect_maps(m, "unmapped, way", way);
				unmap_all(m, w);
			}
			expect_maps(m, "nothing left, way", way);
			fxt_forget_calls(m->fx);
		}
	}
	end_mms(m);
}

static unsigned long count_unclean(struct maps *m, struct window *w)
{
	unsigned long i, n = 0;

	fxt_read_ptes(w->mm, w->base, m->nr, m->table);
	for (i = 0; i < m->nr; i++)
		if (m->table[i].page && page_folio(m->table[i].page) == m->folio &&
		    (m->table[i].write || m->table[i].dirty))
			n += !m->table[i].pmd || !i;
	return n;
}

/*
 * All PTEs of all shared mappings are cleaned, those of neighbours are not:
 *
 *	[order 0][ the folio ][order 0]
 *	         [A   A   A   A]           written
 *	         [B   B | B   B]           writable and clean, in two page tables
 *	         [A]         [A]           written, VMAs of one page
 *	[C]                    [C]
 */
static void folio_mkclean_every_pte(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	struct window *w[4], n[2] = {}, *read;
	unsigned long want = 0, i;

	fxt_add_folio(m->fx, INDEX - 1, 0, 0);
	fxt_add_folio(m->fx, INDEX + m->nr, 0, 0);
	n[0] = (struct window) { .mm = fxt_new_mm(test), .base = ODD(0) };
	use_mm(n[0].mm);
	fxt_mmap(m->fx, ODD(0), INDEX - 1, 1, PROT_READ | PROT_WRITE, MAP_SHARED);
	fxt_mmap(m->fx, ODD(1), INDEX + m->nr, 1, PROT_READ | PROT_WRITE, MAP_SHARED);
	fxt_touch(test, ODD(0), 1, true);
	fxt_touch(test, ODD(1), 1, true);
	m->file_mapped += 2;

	/* This one first: PTEs of a dirty folio are not clean. */
	w[1] = map_quietly(m, m->mm[1], WINDOW(1) - ((m->nr / 2) << PAGE_SHIFT));
	w[0] = map_pages(m, m->mm[0], ODD(0), 0, m->nr, SHARED_WRITE);
	w[2] = map_pages(m, m->mm[0], ODD(2), 0, 1, SHARED_WRITE);
	w[3] = map_pages(m, m->mm[0], ODD(3), m->nr - 1, 1, SHARED_WRITE);
	read = map_pages(m, m->mm[1], ODD(4), 0, m->nr, PRIVATE_READ);
	for (i = 0; i < ARRAY_SIZE(w); i++)
		want += count_unclean(m, w[i]);
	KUNIT_ASSERT_EQ(test, 2 * m->nr + 2, want);
	KUNIT_ASSERT_EQ(test, 0, count_unclean(m, read));

	folio_lock(m->folio);
	KUNIT_EXPECT_EQ(test, want, folio_mkclean(m->folio));
	KUNIT_EXPECT_EQ(test, 0, folio_mkclean(m->folio));
	folio_clear_dirty_for_io(m->folio);
	folio_unlock(m->folio);
	for (i = 0; i < ARRAY_SIZE(w); i++)
		KUNIT_EXPECT_EQ_MSG(test, 0, count_unclean(m, w[i]), "window %lu", i);
	expect_maps(m, "cleaned", 0);
	for (i = 0; i < 2; i++) {
		fxt_read_ptes(n[0].mm, ODD(i), 1, m->table);
		KUNIT_EXPECT_TRUE_MSG(test, m->table[0].write && m->table[0].dirty,
				      "neighbour %lu was cleaned", i);
	}
	/* Clean pages are write-protected: the next write is told of. */
	for (i = 0; i < 2; i++) {
		write_byte(m, w[i], m->nr - 1, 1);
		KUNIT_EXPECT_TRUE_MSG(test, folio_test_dirty(m->folio), "window %lu", i);
		folio_lock(m->folio);
		folio_clear_dirty_for_io(m->folio);
		folio_unlock(m->folio);
	}
	use_mm(n[0].mm);
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(ODD(0), PAGE_SIZE));
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(ODD(1), PAGE_SIZE));
	m->file_mapped -= 2;
	end_mms(m);
}

/* A PMD is made clean and read-only, whether or not somebody wrote through it. */
static void folio_mkclean_pmd(struct kunit *test)
{
	struct maps *m = start_maps(test, pmd_order(test));
	unsigned int written;

	for (written = 0; written < 2; written++) {
		struct window *a = map_quietly(m, m->mm[0], WINDOW(0));
		struct window *b = map_quietly(m, m->mm[1], ODD(1));

		if (written)
			write_byte(m, a, 1, 1);
		KUNIT_ASSERT_EQ_MSG(test, 1, count_unclean(m, a), "written %u", written);
		KUNIT_ASSERT_EQ_MSG(test, m->nr, count_unclean(m, b), "written %u", written);
		folio_lock(m->folio);
		KUNIT_EXPECT_EQ_MSG(test, m->nr + 1, folio_mkclean(m->folio), "written %u",
				    written);
		folio_unlock(m->folio);
		KUNIT_EXPECT_EQ_MSG(test, 0, count_unclean(m, a), "written %u", written);
		KUNIT_EXPECT_EQ_MSG(test, 0, count_unclean(m, b), "written %u", written);
		expect_maps(m, "cleaned, written", written);
		unmap_all(m, a);
		unmap_all(m, b);
		expect_maps(m, "unmapped, written", written);
	}
	end_mms(m);
}

static void wrprotect_part_of_folio(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	struct window *w[2];
	struct part parts[MAX_PARTS];
	unsigned int i, j, n = parts_of(m->nr, parts);
	unsigned long k;

	if (!COMPAT_HAS_WRPROTECT_RANGE)
		kunit_skip(test, "needs mapping_wrprotect_range() of 6.15");
	for (i = 0; i < n; i++) {
		w[0] = map_pages(m, m->mm[0], ODD(0), 0, m->nr, SHARED_WRITE);
		w[1] = map_pages(m, m->mm[1], WINDOW(1) - ((m->nr / 2) << PAGE_SHIFT), 0, m->nr,
				 SHARED_WRITE);
		KUNIT_EXPECT_EQ_MSG(test, 2 * parts[i].nr,
				    mapping_wrprotect_range(fxt_mapping(m->fx),
							    INDEX + parts[i].first,
							    folio_pfn(m->folio) + parts[i].first,
							    parts[i].nr), "part %u", i);
		for (j = 0; j < 2; j++) {
			fxt_read_ptes(w[j]->mm, w[j]->base, m->nr, m->table);
			for (k = 0; k < m->nr; k++)
				if (m->table[k].write == (k - parts[i].first < parts[i].nr))
					break;
			KUNIT_EXPECT_EQ_MSG(test, m->nr, k, "page %lu, part %u, window %u",
					    k, i, j);
		}
		expect_maps(m, "protected part", i);
		unmap_all(m, w[0]);
		unmap_all(m, w[1]);
	}
	end_mms(m);
}

/* Unmapping through the file. */

static void unmap_mapping_part(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	struct part parts[MAX_PARTS];
	unsigned int i, j, n = parts_of(m->nr, parts);

	for (i = 0; i < n; i++) {
		unsigned long first = parts[i].first, nr = parts[i].nr;
		unsigned long beside = first ? first - 1 : nr;
		struct window *w[4];

		w[0] = map_all(m, m->mm[0], ODD(0));
		w[1] = map_pages(m, m->mm[1], ODD(1), m->nr / 2, m->nr - m->nr / 2, SHARED_READ);
		w[2] = map_all(m, m->mm[1], WINDOW(2) - ((m->nr / 2) << PAGE_SHIFT));
		w[3] = map_pages(m, m->mm[2], ODD(3), 0, m->nr, PRIVATE_READ);
		write_byte(m, w[3], first, 1);
		__set_bit(first, w[3]->cows);
		if (beside < m->nr) {
			write_byte(m, w[3], beside, 1);
			__set_bit(beside, w[3]->cows);
		}
		bitmap_andnot(w[3]->pages, w[3]->pages, w[3]->cows, m->nr);
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
	struct part parts[MAX_PARTS];
	unsigned int i, way, n = parts_of(m->nr, parts);

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
		write_byte(m, c, nr - 1, 1);
		__clear_bit(nr - 1, c->pages);
		__set_bit(nr - 1, c->cows);
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
		map_all(m, m->mm[1], WINDOW(2) - ((nr / 2) << PAGE_SHIFT));
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
		map_all(m, m->mm[1], WINDOW(2) - ((nr / 2) << PAGE_SHIFT));
		c = map_pages(m, m->mm[2], ODD(3), 0, nr, PRIVATE_READ);
		write_byte(m, c, pages[i], 1);
		__clear_bit(pages[i], c->pages);
		__set_bit(pages[i], c->cows);

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

/* A folio that is mapped in part must not be locked in memory: it may be split. */
static void mlock_part_of_folio(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	long locked = zone_page_state_snapshot(folio_zone(m->folio), NR_MLOCK);
	struct window *w;

	use_mm(m->mm[0]);
	if (m->order) {
		w = new_window(m, m->mm[0], ODD(0));
		fxt_mmap(m->fx, w->base, INDEX, m->nr - 1, PROT_READ, MAP_SHARED | MAP_LOCKED);
		touch_pages(m, w, 0, m->nr - 1, false);
		fxt_drain_lru();
		KUNIT_EXPECT_FALSE(test, folio_test_mlocked(m->folio));
		expect_maps(m, "locked all but the last page", 0);
		unmap_all(m, w);
	}
	w = new_window(m, m->mm[0], ODD(0));
	fxt_mmap(m->fx, w->base, INDEX, m->nr, PROT_READ, MAP_SHARED | MAP_LOCKED);
	touch_pages(m, w, 0, m->nr, false);
	fxt_drain_lru();
	if (!m->order)
		KUNIT_EXPECT_TRUE(test, folio_test_mlocked(m->folio));
	KUNIT_EXPECT_EQ(test, folio_test_mlocked(m->folio) ? m->nr : 0,
			zone_page_state_snapshot(folio_zone(m->folio), NR_MLOCK) - locked);
	expect_maps(m, "locked", 0);
	unmap_all(m, w);
	fxt_drain_lru();
	KUNIT_EXPECT_FALSE(test, folio_test_mlocked(m->folio));
	KUNIT_EXPECT_EQ(test, 0, zone_page_state_snapshot(folio_zone(m->folio), NR_MLOCK) - locked);
	end_mms(m);
}

/* The rmap functions themselves, with batches that no fault makes. */

#ifdef HAS_RMAP_EXPORTS

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

static void check_rmap_batches(struct maps *m)
{
	struct vm_area_struct *a = vma_of(m, 0), *b = vma_of(m, 1);
	struct part parts[MAX_PARTS];
	unsigned int i, n = parts_of(m->nr, parts);
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
		const struct part *part = &parts[i / 2];

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
}

static void check_rmap_pmd(struct maps *m)
{
	struct vm_area_struct *a = vma_of(m, 0), *b = vma_of(m, 1);
	struct part parts[MAX_PARTS];
	unsigned int i, n = parts_of(m->nr, parts);

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
}

#else

static void check_rmap_batches(struct maps *m)
{
	kunit_skip(m->test, "needs the KUnit exports of the patch series");
}

static void check_rmap_pmd(struct maps *m)
{
	kunit_skip(m->test, "needs the KUnit exports of the patch series");
}

#endif

static void rmap_ptes_every_batch(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));

	check_rmap_batches(m);
	end_mms(m);
}

static void rmap_pmd_and_ptes(struct kunit *test)
{
	struct maps *m = start_maps(test, pmd_order(test));

	check_rmap_pmd(m);
	end_mms(m);
}

/* One CPU for the case, so that fxt_drain_lru() drains what the case batched. */
static int mapcount_init(struct kunit *test)
{
	return set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
}

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

static struct kunit_case mapcount_cases[] = {
	KUNIT_CASE_PARAM(map_whole_folio, order_gen_params),
	KUNIT_CASE_PARAM(map_part_of_folio, order_gen_params),
	KUNIT_CASE_PARAM(map_across_page_tables, order_gen_params),
	KUNIT_CASE_PARAM(fault_one_page, order_gen_params),
	KUNIT_CASE_PARAM(map_with_neighbours, order_gen_params),
	KUNIT_CASE_PARAM(map_pages_skips_busy_neighbour, order_gen_params),
	KUNIT_CASE_PARAM(map_past_eof, order_gen_params),
	KUNIT_CASE_PARAM(map_around_private_copy, order_gen_params),
	KUNIT_CASE_PARAM(map_around_poisoned_page, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(munmap_part_of_folio, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(munmap_in_each_order, order_gen_params),
	KUNIT_CASE_PARAM(munmap_written_pages, order_gen_params),
	KUNIT_CASE_PARAM(map_in_two_mms, order_gen_params),
	KUNIT_CASE_PARAM(map_in_three_mms, order_gen_params),
	KUNIT_CASE_PARAM(map_disjoint_parts_in_two_mms, order_gen_params),
	KUNIT_CASE_PARAM(map_whole_over_part, order_gen_params),
	KUNIT_CASE_PARAM(map_twice_in_one_mm, order_gen_params),
	KUNIT_CASE_PARAM(map_at_random, order_gen_params),
	KUNIT_CASE_PARAM(exit_with_mapped_folio, order_gen_params),
	KUNIT_CASE(map_by_pmd),
	KUNIT_CASE(map_by_pmd_and_ptes),
	KUNIT_CASE(munmap_part_of_pmd),
	KUNIT_CASE(split_pmd_by_write),
	KUNIT_CASE(munmap_part_of_anon_pmd),
	KUNIT_CASE(no_pmd_where_it_does_not_fit),
	KUNIT_CASE_PARAM(write_private_page, order_gen_params),
	KUNIT_CASE_PARAM(write_shared_page, order_gen_params),
	KUNIT_CASE_PARAM(filemap_page_mkwrite_locks_dirty, order_gen_params),
	KUNIT_CASE_PARAM(unmap_keeps_dirty, order_gen_params),
	KUNIT_CASE_PARAM(folio_mkclean_every_pte, order_gen_params),
	KUNIT_CASE(folio_mkclean_pmd),
	KUNIT_CASE_PARAM_ATTR(wrprotect_part_of_folio, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(unmap_mapping_part, order_gen_params),
	KUNIT_CASE_PARAM(unmap_mapping_range_rounds, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(truncate_mapped_folio, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(split_mapped_folio, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE(truncate_pinned_pmd_folio),
	KUNIT_CASE_PARAM_ATTR(invalidate_mapped_folio, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(mlock_part_of_folio, order_gen_params),
	KUNIT_CASE_PARAM(rmap_ptes_every_batch, order_gen_params),
	KUNIT_CASE(rmap_pmd_and_ptes),
	{}
};

static struct kunit_suite mapcount_suite = {
	.name = "mm_mapcount",
	.init = mapcount_init,
	.test_cases = mapcount_cases,
};

kunit_test_suite(mapcount_suite);

MODULE_DESCRIPTION("KUnit suite of the mapcounts of file folios");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
