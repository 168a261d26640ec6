// SPDX-License-Identifier: GPL-2.0
/*
 * How often a file folio is mapped, where, and by whom: after faults of any part
 * of it, by PTEs and by PMDs, in one mm and in several.
 * mapcount_model.h tells how each case knows what to expect.
 */
#include <linux/module.h>
#include <linux/prandom.h>

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
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, n = fxa_parts(m->nr, parts);

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
		struct window *w = map_all(m, m->mm[0], ACROSS(1, n));

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
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, n = fxa_parts(m->nr, parts);

	for (i = 0; i < 2 * n; i++) {
		struct window *w = new_window(m, m->mm[0], ODD(0));
		const struct fxa_part *part = &parts[i / 2];
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
		write_copy(m, w, page, 1);
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
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, n = fxa_parts(m->nr, parts);

	for (i = 0; i < 2 * n; i++) {
		const struct fxa_part *part = &parts[i / 2];
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
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, way, n = fxa_parts(m->nr, parts);

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
	KUNIT_CASE_PARAM(mlock_part_of_folio, order_gen_params),
	KUNIT_CASE_PARAM(map_in_two_mms, order_gen_params),
	KUNIT_CASE_PARAM(map_in_three_mms, order_gen_params),
	KUNIT_CASE_PARAM(map_disjoint_parts_in_two_mms, order_gen_params),
	KUNIT_CASE_PARAM(map_whole_over_part, order_gen_params),
	KUNIT_CASE_PARAM(map_twice_in_one_mm, order_gen_params),
	KUNIT_CASE_PARAM(map_at_random, order_gen_params),
	KUNIT_CASE_PARAM(exit_with_mapped_folio, order_gen_params),
	KUNIT_CASE(map_by_pmd),
	KUNIT_CASE(map_by_pmd_and_ptes),
	KUNIT_CASE(no_pmd_where_it_does_not_fit),
	{}
};

static struct kunit_suite mapcount_suite = {
	.name = "mm_mapcount",
	.init = fxt_stay_on_cpu,
	.test_cases = mapcount_cases,
};

kunit_test_suite(mapcount_suite);

MODULE_DESCRIPTION("KUnit suite of the mapcounts of file folios");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_LICENSE("GPL");
