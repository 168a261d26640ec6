// SPDX-License-Identifier: GPL-2.0
/*
 * How written pages of a file folio are mapped: copies of them, dirty and clean
 * ones, and what makes them read-only again.
 * mapcount_model.h tells how each case knows what to expect.
 */
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/workqueue.h>

#include "mapcount_model.h"

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
		write_copy(m, w, pages[i], 1);
		expect_maps(m, "wrote page", pages[i]);
		expect_copied(m, w, pages[i], 1);
		unmap_all(m, w);
		expect_maps(m, "unmapped after page", pages[i]);

		/* The same without a read before: the file's page is never mapped. */
		w = new_window(m, m->mm[0], ODD(0));
		mmap_pages(m, w, 0, m->nr, PRIVATE_READ);
		write_copy(m, w, pages[i], 2);
		expect_maps(m, "first access wrote page", pages[i]);
		expect_copied(m, w, pages[i], 2);
		unmap_all(m, w);
	}
	KUNIT_EXPECT_FALSE(test, folio_test_dirty(m->folio));
	unmap_all(m, other);
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
		write_copy(m, w, pages[i], 1);
		read_back(m, w);
		expect_maps(m, "wrote page", pages[i]);
		unmap_all(m, w);
		expect_maps(m, "unmapped after page", pages[i]);
	}
	end_mms(m);
}

/* Dirty pages. */

static void clean_folio(struct folio *folio)
{
	folio_lock(folio);
	folio_clear_dirty_for_io(folio);
	folio_unlock(folio);
}

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

		clean_folio(m->folio);
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
/* Somebody who ends the writeback of a folio a little later. */
struct ender {
	struct delayed_work work;
	struct folio *folio;
	bool done;
};

static void end_later(struct work_struct *work)
{
	struct ender *ender = container_of(to_delayed_work(work), struct ender, work);

	WRITE_ONCE(ender->done, true);
	folio_end_writeback(ender->folio);
}

static vm_fault_t call_mkwrite(struct maps *m, struct window *w, unsigned long page)
{
	vm_fault_t ret;

	mmap_read_lock(w->mm);
	ret = filemap_page_mkwrite(&(struct vm_fault) {
		.vma = find_vma(w->mm, w->base),
		.page = folio_page(m->folio, page),
	});
	mmap_read_unlock(w->mm);
	return ret;
}

/*
 * Where data must not change while they are written, whoever wants to write to any
 * page of the folio waits; elsewhere he need not. A folio that left the file is not his.
 */
static void filemap_page_mkwrite_waits(struct kunit *test)
{
	struct maps *m = start_maps(test, fxt_order(test));
	struct ender *ender = kunit_kzalloc(test, sizeof(*ender), GFP_KERNEL);
	struct window *w = new_window(m, m->mm[0], ODD(0));
	unsigned int stable;

	KUNIT_ASSERT_NOT_NULL(test, ender);
	ender->folio = m->folio;
	INIT_DELAYED_WORK(&ender->work, end_later);
	mmap_pages(m, w, 0, m->nr, SHARED_WRITE);
	for (stable = 0; stable < 2; stable++) {
		if (stable)
			mapping_set_stable_writes(fxt_mapping(m->fx));
		folio_lock(m->folio);
		folio_clear_dirty_for_io(m->folio);
		folio_start_writeback(m->folio);
		folio_unlock(m->folio);
		if (stable)
			schedule_delayed_work(&ender->work, HZ / 50);
		KUNIT_EXPECT_EQ(test, VM_FAULT_LOCKED, call_mkwrite(m, w, m->nr - 1));
		KUNIT_EXPECT_EQ_MSG(test, stable, READ_ONCE(ender->done), "stable %u", stable);
		KUNIT_EXPECT_TRUE(test, folio_test_dirty(m->folio));
		KUNIT_EXPECT_TRUE(test, folio_test_locked(m->folio));
		flush_delayed_work(&ender->work);
		KUNIT_EXPECT_EQ_MSG(test, !stable, folio_test_writeback(m->folio), "stable %u",
				    stable);
		if (!stable)
			folio_end_writeback(m->folio);
		folio_clear_dirty_for_io(m->folio);
		folio_unlock(m->folio);
	}
	mapping_clear_stable_writes(fxt_mapping(m->fx));

	folio_get(m->folio);
	truncate_inode_pages(fxt_mapping(m->fx), 0);
	KUNIT_EXPECT_EQ(test, VM_FAULT_NOPAGE, call_mkwrite(m, w, 0));
	KUNIT_EXPECT_FALSE(test, folio_test_locked(m->folio));
	KUNIT_EXPECT_FALSE(test, folio_test_dirty(m->folio));
	folio_put(m->folio);
	m->folio = NULL;
	use_mm(NULL);
}

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

			clean_folio(m->folio);
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
	w[1] = map_quietly(m, m->mm[1], ACROSS(1, m->nr / 2));
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
		clean_folio(m->folio);
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
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, j, n = fxa_parts(m->nr, parts);
	unsigned long k;

	if (!COMPAT_HAS_WRPROTECT_RANGE)
		kunit_skip(test, "needs mapping_wrprotect_range() of 6.15");
	for (i = 0; i < n; i++) {
		w[0] = map_pages(m, m->mm[0], ODD(0), 0, m->nr, SHARED_WRITE);
		w[1] = map_pages(m, m->mm[1], ACROSS(1, m->nr / 2), 0, m->nr,
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

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

static struct kunit_case mapcount_write_cases[] = {
	KUNIT_CASE_PARAM(write_private_page, order_gen_params),
	KUNIT_CASE(split_pmd_by_write),
	KUNIT_CASE_PARAM(write_shared_page, order_gen_params),
	KUNIT_CASE_PARAM(filemap_page_mkwrite_locks_dirty, order_gen_params),
	KUNIT_CASE_PARAM(filemap_page_mkwrite_waits, order_gen_params),
	KUNIT_CASE_PARAM(unmap_keeps_dirty, order_gen_params),
	KUNIT_CASE_PARAM(folio_mkclean_every_pte, order_gen_params),
	KUNIT_CASE(folio_mkclean_pmd),
	KUNIT_CASE_PARAM_ATTR(wrprotect_part_of_folio, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	{}
};

static struct kunit_suite mapcount_write_suite = {
	.name = "mm_mapcount_write",
	.init = fxt_stay_on_cpu,
	.test_cases = mapcount_write_cases,
};

kunit_test_suite(mapcount_write_suite);

MODULE_DESCRIPTION("KUnit suite of the mapcounts of file folios that are written");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_LICENSE("GPL");
