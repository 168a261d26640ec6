/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The model that the mm_mapcount suites keep of what they mapped: a few windows,
 * each one mm's view of the folio at a user address, with one bit a page.
 *
 *	folio in the file           0   1   2   3   4   5   6   7
 *	window of mm A, all of it  [x   x   x   x   x   x   x   x]
 *	window of mm B, a part              [x   x   x]
 *	per-page mapcount           1   1   2   2   2   1   1   1
 *
 * After each step expect_maps() compares the page tables with the model, and
 * with the model all that the kernel counts: mapcounts, references, RSS, node
 * counters and whether the folio is shared. The node counters are global: no
 * other process may map or unmap files while a suite runs. What not every suite
 * uses, on every kernel, is inline.
 */
#ifndef MAPCOUNT_MODEL_H
#define MAPCOUNT_MODEL_H

#include <linux/bitmap.h>
#include <linux/mman.h>
#include <linux/percpu_counter.h>
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <linux/vmstat.h>

#include "fixture.h"
#include "../module/compat.h"

#define INDEX	1024UL		/* of the folio under test: aligned for all orders */
#define MAX_NR	1024UL		/* pages of the largest folio */

/*
 * User addresses of the folio's first page in window n. A folio of PMD size is
 * mapped by a PMD at WINDOW(n) and never at ODD(n), where it spans two tables.
 */
#define WINDOW(n)	(PMD_SIZE * (64 + 4 * (n)))
#define ODD(n)		(WINDOW(n) + 3 * PAGE_SIZE)
/* And where the first @nr pages end a page table, so that the others begin the next. */
#define ACROSS(n, nr)	(WINDOW(n) - ((nr) << PAGE_SHIFT))

enum how {
	SHARED_READ,
	SHARED_WRITE,	/* each page written, through ->page_mkwrite() */
	PRIVATE_READ,	/* writable, yet only read: nothing is copied */
};

/* One mm's view of the folio; page i of the folio lies at @base + i pages. */
struct window {
	struct mm_struct *mm;
	unsigned long base;
	bool pmd;
	DECLARE_BITMAP(pages, MAX_NR);
	DECLARE_BITMAP(cows, MAX_NR);
};

#define MAX_WINDOWS	6
#define MAX_MMS		3

struct maps {
	struct kunit *test;
	struct folio_fixture *fx;
	struct folio *folio;
	unsigned int order;
	unsigned long nr;
	bool anon;	/* the folio is anonymous: nothing but mappings refers to it */
	long file_mapped, file_pmdmapped, anon_mapped, anon_thps;	/* before */
	struct mm_struct *mm[MAX_MMS];
	struct window windows[MAX_WINDOWS];
	/* What the windows add up to, filled by expect_maps() or by the case. */
	u16 ptes[MAX_NR];
	unsigned int pmds;
	unsigned int cows;
	unsigned int mms;
	bool had_three_mms;
	int extra_refs;
	bool reported;
	struct fxt_pte table[MAX_NR];
};

static inline struct maps *start_maps(struct kunit *test, unsigned int order)
{
	struct maps *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, m);
	m->test = test;
	m->fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	m->order = order;
	m->nr = 1UL << order;
	m->folio = fxt_add_folio(m->fx, INDEX, order, 0);
	KUNIT_ASSERT_EQ(test, order, folio_order(m->folio));
	for (i = 0; i < MAX_MMS; i++)
		m->mm[i] = fxt_new_mm(test);
	m->file_mapped = fxt_node_stat(NR_FILE_MAPPED);
	m->file_pmdmapped = fxt_node_stat(NR_FILE_PMDMAPPED);
	m->anon_mapped = fxt_node_stat(NR_ANON_MAPPED);
	m->anon_thps = fxt_node_stat(NR_ANON_THPS);
	return m;
}

static void use_mm(struct mm_struct *mm)
{
	if (current->mm != mm)
		fxt_switch_mm(mm);
}

static void expect_eq(struct maps *m, long want, long got, const char *what,
		      const char *when, unsigned long arg)
{
	KUNIT_EXPECT_EQ_MSG(m->test, want, got, "%s, %s %lu, order %u", what, when, arg, m->order);
}

/* Expects that a node counter is @want more than it was @before. */
static void expect_node(struct maps *m, long want, enum node_stat_item item, long before,
			const char *what, const char *when, unsigned long arg)
{
	long got = fxt_sum_node_stat(item) - before;

	if (got != want)
		got = fxt_node_stat(item) - before;
	expect_eq(m, want, got, what, when, arg);
}

/* Expects that the kernel counts what @ptes, @pmds and @mms of the model say. */
static void expect_counts(struct maps *m, const char *when, unsigned long arg)
{
	struct folio *folio = m->folio;
	unsigned long i, mapped = 0, ptes = 0, twice = 0;
	long maps;

	for (i = 0; i < m->nr; i++) {
		ptes += m->ptes[i];
		mapped += m->ptes[i] || m->pmds;
		twice += m->ptes[i] + m->pmds > 1;
	}
	maps = ptes + m->pmds;
	if (IS_ENABLED(CONFIG_NO_PAGE_MAPCOUNT) && maps)
		mapped = m->nr;

	expect_eq(m, maps, folio_mapcount(folio), "mapcount", when, arg);
	KUNIT_EXPECT_EQ_MSG(m->test, maps > 0, folio_mapped(folio), "mapped, %s %lu", when, arg);
	if (m->order) {
		expect_eq(m, maps, folio_large_mapcount(folio), "large mapcount", when, arg);
		expect_eq(m, m->pmds, folio_entire_mapcount(folio), "entire mapcount", when, arg);
	}
	for (i = 0; i < m->nr && (!m->order || !IS_ENABLED(CONFIG_NO_PAGE_MAPCOUNT)); i++) {
		int got = atomic_read(&folio_page(folio, i)->_mapcount) + 1;

		if (got == m->ptes[i])
			continue;
		KUNIT_FAIL(m->test, "page %lu is mapped %d times, not %u, %s %lu, order %u",
			   i, got, m->ptes[i], when, arg, m->order);
		break;
	}
	expect_node(m, m->anon ? 0 : mapped, NR_FILE_MAPPED, m->file_mapped,
		    "NR_FILE_MAPPED", when, arg);
	expect_node(m, m->pmds && !m->anon ? m->nr : 0, NR_FILE_PMDMAPPED, m->file_pmdmapped,
		    "NR_FILE_PMDMAPPED", when, arg);
	expect_node(m, m->anon ? mapped : m->cows, NR_ANON_MAPPED, m->anon_mapped,
		    "NR_ANON_MAPPED", when, arg);
	expect_node(m, m->pmds && m->anon ? m->nr : 0, NR_ANON_THPS, m->anon_thps,
		    "NR_ANON_THPS", when, arg);

	if (m->mms >= MAX_MMS)
		m->had_three_mms = true;
	if (!maps)
		m->had_three_mms = false;
	/* It may err: with three mms ever, or one that maps a page twice. */
	if (!COMPAT_HAS_MAYBE_MAPPED_SHARED)
		return;
	if (m->mms > 1)
		KUNIT_EXPECT_TRUE_MSG(m->test, folio_maybe_mapped_shared(folio),
				      "not shared by %u mms, %s %lu", m->mms, when, arg);
	else if (maps <= 1 || (IS_ENABLED(CONFIG_MM_ID) && !m->had_three_mms && !twice))
		KUNIT_EXPECT_FALSE_MSG(m->test, folio_maybe_mapped_shared(folio),
				       "shared by %u mms, %s %lu", m->mms, when, arg);
}

/* Compares the page tables of a window with its bits. */
static void expect_table(struct maps *m, struct window *w, const char *when, unsigned long arg)
{
	unsigned long i;

	fxt_read_ptes(w->mm, w->base, m->nr, m->table);
	for (i = 0; i < m->nr; i++) {
		struct page *page = m->table[i].page;
		bool ours = page && page_folio(page) == m->folio;
		bool want = w->pmd || test_bit(i, w->pages);
		bool cow = page && !ours && PageAnon(page);

		if (ours == want && cow == test_bit(i, w->cows) &&
		    (!ours || (page == folio_page(m->folio, i) && m->table[i].pmd == w->pmd)))
			continue;
		KUNIT_FAIL(m->test, "window at %lx, page %lu: %s%s, not %s, %s %lu, order %u",
			   w->base, i,
			   !page ? "nothing" : cow ? "a copy" : !ours ? "another folio" :
			   page == folio_page(m->folio, i) ? "the page" : "a wrong page",
			   page && m->table[i].pmd ? " by PMD" : "",
			   !want ? test_bit(i, w->cows) ? "a copy" : "nothing" :
			   w->pmd ? "the page by PMD" : "the page", when, arg, m->order);
		return;
	}
}

/* Expects that page tables and counters are those of the windows. */
static void expect_maps(struct maps *m, const char *when, unsigned long arg)
{
	long rss[MAX_MMS] = {}, anon[MAX_MMS] = {};
	unsigned int i, j;
	unsigned long bit;

	if (m->reported)
		return;
	memset(m->ptes, 0, sizeof(m->ptes));
	m->pmds = 0;
	m->cows = 0;
	m->mms = 0;
	fxt_drain_lru();
	for (i = 0; i < MAX_MMS; i++) {
		bool maps = false;

		for (j = 0; j < MAX_WINDOWS && m->mm[i]; j++) {
			struct window *w = &m->windows[j];

			if (w->mm != m->mm[i])
				continue;
			expect_table(m, w, when, arg);
			for_each_set_bit(bit, w->pages, m->nr)
				m->ptes[bit]++;
			m->pmds += w->pmd;
			maps |= w->pmd || !bitmap_empty(w->pages, m->nr);
			rss[i] += w->pmd ? m->nr : bitmap_weight(w->pages, m->nr);
			anon[i] += bitmap_weight(w->cows, m->nr);
			m->cows += bitmap_weight(w->cows, m->nr);
		}
		if (m->anon)
			swap(rss[i], anon[i]);
		m->mms += maps;
	}
	expect_counts(m, when, arg);
	expect_eq(m, (m->anon ? 0 : m->nr) + folio_mapcount(m->folio) + m->extra_refs,
		  folio_ref_count(m->folio), "references", when, arg);
	for (i = 0; i < MAX_MMS; i++) {
		if (!m->mm[i])
			continue;
		expect_eq(m, rss[i], percpu_counter_sum(&m->mm[i]->rss_stat[MM_FILEPAGES]),
			  "MM_FILEPAGES", when, arg);
		expect_eq(m, anon[i], percpu_counter_sum(&m->mm[i]->rss_stat[MM_ANONPAGES]),
			  "MM_ANONPAGES", when, arg);
	}
	if (READ_ONCE(m->test->status) == KUNIT_FAILURE) {
		fxt_print_folio(m->test, m->folio);
		m->reported = true;	/* what follows would fail for the same reason */
	}
}

/* Accesses pages of a window, one at a time, and notes them as mapped. */
static void touch_pages(struct maps *m, struct window *w, unsigned long first,
			unsigned long nr, bool write)
{
	unsigned long i;

	use_mm(w->mm);
	for (i = first; i < first + nr; i++) {
		fxt_touch(m->test, w->base + (i << PAGE_SHIFT), 1, write);
		/* Each write calls ->dirty_folio(); the record has room for few. */
		if (write)
			fxt_forget_calls(m->fx);
	}
	if (!w->pmd)
		bitmap_set(w->pages, first, nr);
}

static struct window *new_window(struct maps *m, struct mm_struct *mm, unsigned long base)
{
	unsigned int i;

	for (i = 0; i < MAX_WINDOWS && m->windows[i].mm; i++)
		;
	KUNIT_ASSERT_LT(m->test, i, MAX_WINDOWS);
	memset(&m->windows[i], 0, sizeof(m->windows[i]));
	m->windows[i].mm = mm;
	m->windows[i].base = base;
	return &m->windows[i];
}

/* Maps pages [@first, @first + @nr) of the folio so that page 0 is at @base. */
static void mmap_pages(struct maps *m, struct window *w, unsigned long first,
		       unsigned long nr, enum how how)
{
	use_mm(w->mm);
	fxt_mmap(m->fx, w->base + (first << PAGE_SHIFT), INDEX + first, nr,
		 how == SHARED_READ ? PROT_READ : PROT_READ | PROT_WRITE,
		 how == PRIVATE_READ ? MAP_PRIVATE : MAP_SHARED);
}

static struct window *map_pages(struct maps *m, struct mm_struct *mm, unsigned long base,
				unsigned long first, unsigned long nr, enum how how)
{
	struct window *w = new_window(m, mm, base);

	mmap_pages(m, w, first, nr, how);
	/* A write splits what a read mapped by PMD, and faults the pages in. */
	w->pmd = m->order == PMD_ORDER && nr == m->nr && IS_ALIGNED(base, PMD_SIZE) &&
		 how != SHARED_WRITE;
	touch_pages(m, w, first, nr, how == SHARED_WRITE);
	return w;
}

static inline struct window *map_all(struct maps *m, struct mm_struct *mm, unsigned long base)
{
	return map_pages(m, mm, base, 0, m->nr, SHARED_READ);
}

static void unmap_pages(struct maps *m, struct window *w, unsigned long first, unsigned long nr)
{
	use_mm(w->mm);
	KUNIT_ASSERT_EQ(m->test, 0, vm_munmap(w->base + (first << PAGE_SHIFT), nr << PAGE_SHIFT));
	bitmap_clear(w->pages, first, nr);
	bitmap_clear(w->cows, first, nr);
}

static inline void unmap_all(struct maps *m, struct window *w)
{
	unmap_pages(m, w, 0, m->nr);
	w->mm = NULL;
}

/*
 * Takes over what the tables say of a window, where how much is mapped is the
 * kernel's choice. Which page lies where is not: that is still compared.
 */
static inline void read_back(struct maps *m, struct window *w)
{
	unsigned long i;

	fxt_read_ptes(w->mm, w->base, m->nr, m->table);
	bitmap_zero(w->pages, MAX_NR);
	w->pmd = m->table[0].page && m->table[0].pmd;
	for (i = 0; i < m->nr; i++)
		if (m->table[i].page && !m->table[i].pmd && !test_bit(i, w->cows))
			__set_bit(i, w->pages);
}

/* Ends the mms with all that they map: everything must be given back. */
static inline void end_mms(struct maps *m)
{
	unsigned int i;

	fxt_switch_mm(NULL);
	for (i = 0; i < MAX_WINDOWS; i++)
		m->windows[i].mm = NULL;
	for (i = 0; i < MAX_MMS; i++) {
		if (m->mm[i])
			fxt_end_mm(m->test, m->mm[i]);
		m->mm[i] = NULL;
	}
	expect_maps(m, "after the exit of all mms", 0);
}

/* The order of a PMD; skips the case where no folio is mapped by one. */
static inline unsigned int pmd_order(struct kunit *test)
{
	const unsigned int order = PMD_ORDER;

	fxt_need_large_folios(test);
	if (!has_transparent_hugepage())
		kunit_skip(test, "needs a CPU that maps large pages");
	if (order > MAX_PAGECACHE_ORDER || (1UL << order) > MAX_NR)
		kunit_skip(test, "needs a PMD of at most %lu pages", MAX_NR);
	return order;
}

/* What a read of a page by the user gives: 0, or the error of the fault. */
static inline int read_page(struct maps *m, struct window *w, unsigned long page)
{
	u8 byte;

	use_mm(w->mm);
	return copy_from_user(&byte, (u8 __user *)w->base + FXT_POS(page), 1) ? -EFAULT : 0;
}

static inline void write_byte(struct maps *m, struct window *w, unsigned long page, u8 byte)
{
	use_mm(w->mm);
	KUNIT_ASSERT_EQ_MSG(m->test, 0,
			    put_user(byte, (u8 __user *)(w->base + (page << PAGE_SHIFT))),
			    "write page %lu", page);
}

/* Writes to a page of a private mapping, which becomes the user's own copy. */
static inline void write_copy(struct maps *m, struct window *w, unsigned long page, u8 byte)
{
	write_byte(m, w, page, byte);
	__clear_bit(page, w->pages);
	__set_bit(page, w->cows);
}

static const struct vm_operations_struct quiet_vm_ops = {
	.fault		= filemap_fault,
	.map_pages	= filemap_map_pages,
};

/*
 * A window whose first write faults no more: without ->page_mkwrite() a clean
 * page is mapped writable, and only its table entry knows that it was written.
 */
static inline struct window *map_quietly(struct maps *m, struct mm_struct *mm, unsigned long base)
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

#endif /* MAPCOUNT_MODEL_H */
