// SPDX-License-Identifier: GPL-2.0
/*
 * What the page tables say of the anonymous memory of the folio suites, and
 * fxa_expect(), which adds up from those of all address spaces what the kernel
 * ought to count, and compares. fixture_anon.c has the stubs for stock kernels.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/percpu_counter.h>
#include <linux/pgtable.h>
#include <linux/vmstat.h>

#include "fixture.h"
#include "../module/compat.h"

#if __has_include(<kunit/mm.h>)
#include <kunit/mm.h>
#include <linux/huge_mm.h>
#include <linux/leafops.h>
#include <linux/mm_inline.h>
#include <linux/swap.h>
#include <linux/swapops.h>

/* Reading the page tables. */

static struct fxa_entry read_leaf(softleaf_t leaf, bool exclusive)
{
	struct fxa_entry e = {};

	if (softleaf_is_migration(leaf)) {
		e.state = FXA_MIGRATION;
		e.page = pfn_to_page(softleaf_to_pfn(leaf));
		if (softleaf_is_migration_write(leaf))
			e.state |= FXA_WRITE | FXA_EXCLUSIVE;
		if (softleaf_is_migration_read_exclusive(leaf))
			e.state |= FXA_EXCLUSIVE;
		if (swp_offset(leaf) & SWP_MIG_YOUNG)
			e.state |= FXA_YOUNG;
		if (swp_offset(leaf) & SWP_MIG_DIRTY)
			e.state |= FXA_DIRTY;
	} else if (softleaf_is_swap(leaf)) {
		e.state = FXA_SWAP | (exclusive ? FXA_EXCLUSIVE : 0);
		e.swap = leaf.val;
	} else {
		e.state = FXA_OTHER;
	}
	return e;
}

static struct fxa_entry read_pmd(pmd_t pmd, unsigned long addr)
{
	unsigned long i = (addr & ~PMD_MASK) >> PAGE_SHIFT;
	struct fxa_entry e = {};

#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	if (!pmd_present(pmd)) {
		e = read_leaf(softleaf_from_pmd(pmd), false);
		e.state |= FXA_PMD;
		if (e.page)
			e.page += i;
		return e;
	}
#endif
	e.state = FXA_PMD;
	/* The huge zero folio belongs to no mapping. */
	if (page_folio(pmd_page(pmd))->mapping) {
		e.page = pmd_page(pmd) + i;
		e.state |= FXA_PAGE;
		if (PageAnon(pmd_page(pmd)) && PageAnonExclusive(pmd_page(pmd)))
			e.state |= FXA_EXCLUSIVE;
	} else {
		e.state |= FXA_ZERO;
	}
	if (pmd_write(pmd))
		e.state |= FXA_WRITE;
	if (pmd_dirty(pmd))
		e.state |= FXA_DIRTY;
	if (pmd_young(pmd))
		e.state |= FXA_YOUNG;
	return e;
}

static struct fxa_entry read_pte(pte_t pte)
{
	struct fxa_entry e = {};

	if (pte_none(pte))
		return e;
	if (!pte_present(pte))
		return read_leaf(softleaf_from_pte(pte), pte_swp_exclusive(pte));
	if (pte_special(pte)) {
		e.state = FXA_ZERO;
	} else {
		e.page = pte_page(pte);
		e.state = FXA_PAGE;
		if (PageAnon(e.page) && PageAnonExclusive(e.page))
			e.state |= FXA_EXCLUSIVE;
	}
	if (pte_write(pte))
		e.state |= FXA_WRITE;
	if (pte_dirty(pte))
		e.state |= FXA_DIRTY;
	if (pte_young(pte))
		e.state |= FXA_YOUNG;
	return e;
}

/* Reads from @addr to the end of the area or of the page table; how many pages. */
static unsigned long read_table(struct mm_struct *mm, unsigned long addr, unsigned long nr,
				struct fxa_entry *entries)
{
	pmd_t *pmd = fxt_find_pmd(mm, addr);
	unsigned long i, n = min(nr, (PMD_SIZE - (addr & ~PMD_MASK)) >> PAGE_SHIFT);
	bool leaf = pmd && (!pmd_present(*pmd) || pmd_leaf(*pmd));
	pte_t *pte = pmd && !leaf ? pte_offset_kernel(pmd, addr) : NULL;

	for (i = 0; i < n; i++) {
		if (pte)
			entries[i] = read_pte(ptep_get(pte + i));
		else if (leaf)
			entries[i] = read_pmd(*pmd, addr + (i << PAGE_SHIFT));
		else
			entries[i] = (struct fxa_entry) {};
	}
	return n;
}

/**
 * fxa_read() - read what the page tables say of pages of an area
 * @f: the memory under test; the entries go to @entries, from 0
 * @mm: number of the address space
 * @addr: of the area
 * @first: first page; page i of @folio is expected at page i for FXA_SAME
 * @nr: number of pages
 *
 * Context: takes mmap_lock for reading. Nobody else may change the tables.
 */
void fxa_read(struct fxa *f, unsigned int mm, unsigned long addr, unsigned long first,
	      unsigned long nr)
{
	struct mm_struct *of = f->mm[mm];
	unsigned long i;

	KUNIT_ASSERT_NOT_NULL(f->test, of);
	KUNIT_ASSERT_LE(f->test, nr, FXA_MAX_NR);
	mmap_read_lock(of);
	for (i = 0; i < nr; )
		i += read_table(of, addr + ((first + i) << PAGE_SHIFT), nr - i, f->entries + i);
	mmap_read_unlock(of);
	for (i = 0; i < nr; i++)
		if (f->folio && f->entries[i].page && first + i < f->nr &&
		    f->entries[i].page == folio_page(f->folio, first + i))
			f->entries[i].state |= FXA_SAME;
}
EXPORT_SYMBOL_NS_GPL(fxa_read, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxa_expect_state() - expect what the page tables say of pages of an area
 * @f: the memory under test
 * @mm: number of the address space
 * @addr: of the area
 * @first: first page
 * @nr: number of pages
 * @mask: which of FXA_* to compare
 * @want: which of them are expected, for each page
 * @when: after what, for the message
 * @arg: a number for the message
 *
 * One wrong page is reported, the first.
 */
void fxa_expect_state(struct fxa *f, unsigned int mm, unsigned long addr, unsigned long first,
		      unsigned long nr, unsigned int mask, unsigned int want,
		      const char *when, unsigned long arg)
{
	unsigned long i;

	if (f->reported)
		return;
	fxa_read(f, mm, addr, first, nr);
	for (i = 0; i < nr; i++) {
		unsigned int got = f->entries[i].state;

		if ((got & mask) == want)
			continue;
		KUNIT_FAIL(f->test, "mm %u, page %lu: state %x, of %x wanted %x, %s %lu, order %u",
			   mm, first + i, got, mask, want, when, arg, f->order);
		if (f->entries[i].page)
			fxt_print_folio(f->test, page_folio(f->entries[i].page));
		f->reported = true;
		return;
	}
}
EXPORT_SYMBOL_NS_GPL(fxa_expect_state, COMPAT_NS(FOLIO_KUNIT));

/* What the kernel ought to count. */

/* What the walk of all tables has found of one folio. */
struct found {
	struct folio *folio;
	unsigned int pmds, ptes, mms, last_mm;
	u8 *maps;				/* by PTEs, of each page */
};

#define MAX_FOUND	(FXA_MAX_MMS * FXA_MAX_NR + 16)
#define MAX_PAGES	(4 * MAX_FOUND)

/* The counters of the node; those after the first four have to stay as they are. */
enum { ANON_MAPPED, ANON_THPS, FILE_MAPPED, FILE_PMDMAPPED };

#define NODE(item)	{ item, #item }

static const struct {
	enum node_stat_item item;
	const char *name;
} nodes[] = {
	[ANON_MAPPED]		= NODE(NR_ANON_MAPPED),
	[ANON_THPS]		= NODE(NR_ANON_THPS),
	[FILE_MAPPED]		= NODE(NR_FILE_MAPPED),
	[FILE_PMDMAPPED]	= NODE(NR_FILE_PMDMAPPED),
	NODE(NR_SHMEM_PMDMAPPED),
	NODE(NR_ISOLATED_ANON),
	NODE(NR_ISOLATED_FILE),
};

struct fxa_priv {
	/* Before the case. */
	long node[ARRAY_SIZE(nodes)];
	long nr_anon[FXA_PMD_ORDER + 1];
	long nr_partial[FXA_PMD_ORDER + 1];
	/* By the last fxa_expect(). */
	struct xarray index;			/* of head pfns in @found */
	unsigned int nr_found, nr_pages;
	struct found found[MAX_FOUND];
	u8 pages[MAX_PAGES];			/* what @maps of @found point to */
};

/**
 * fxa_mthp_stat() - a statistic of the folios of one order
 * @order: the order
 * @item: MTHP_STAT_*
 *
 * Return: the sum over all CPUs; 0 without CONFIG_TRANSPARENT_HUGEPAGE.
 */
long fxa_mthp_stat(unsigned int order, unsigned int item)
{
	long sum = 0;
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	int cpu;

	for_each_possible_cpu(cpu)
		sum += (long)per_cpu_ptr(&mthp_stats, cpu)->stats[order][item];
#endif
	return sum;
}
EXPORT_SYMBOL_NS_GPL(fxa_mthp_stat, COMPAT_NS(FOLIO_KUNIT));

/* The count of one order, of those that NR_ANON and NR_ANON_PARTIALLY_MAPPED keep. */
static long nr_anon(unsigned int order)
{
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	return fxa_mthp_stat(order, MTHP_STAT_NR_ANON);
#else
	return 0;
#endif
}

static long nr_partial(unsigned int order)
{
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	return fxa_mthp_stat(order, MTHP_STAT_NR_ANON_PARTIALLY_MAPPED);
#else
	return 0;
#endif
}

static void destroy_index(void *data)
{
	xa_destroy(data);
}

/**
 * fxa_begin_counts() - note what fxa_expect() counts from; for fxa_start()
 * @f: the memory under test, still without an address space
 */
void fxa_begin_counts(struct fxa *f)
{
	struct fxa_priv *priv = kunit_kzalloc(f->test, sizeof(*priv), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(f->test, priv);
	f->priv = priv;
	xa_init(&priv->index);
	KUNIT_ASSERT_EQ(f->test, 0, kunit_add_action_or_reset(f->test, destroy_index,
							      &priv->index));
	lru_add_drain_all();
	for (i = 0; i < ARRAY_SIZE(nodes); i++)
		priv->node[i] = fxt_node_stat(nodes[i].item);
	for (i = 0; i <= FXA_PMD_ORDER; i++) {
		priv->nr_anon[i] = nr_anon(i);
		priv->nr_partial[i] = nr_partial(i);
	}
}

static struct found *find_folio(struct fxa *f, struct folio *folio)
{
	struct fxa_priv *priv = f->priv;
	void *slot = xa_load(&priv->index, folio_pfn(folio));
	struct found *new;

	if (slot)
		return &priv->found[xa_to_value(slot)];
	KUNIT_ASSERT_LT(f->test, priv->nr_found, MAX_FOUND);
	KUNIT_ASSERT_LE(f->test, priv->nr_pages + folio_nr_pages(folio), MAX_PAGES);
	new = &priv->found[priv->nr_found];
	new->folio = folio;
	new->pmds = 0;
	new->ptes = 0;
	new->mms = 0;
	new->last_mm = -1;
	new->maps = priv->pages + priv->nr_pages;
	memset(new->maps, 0, folio_nr_pages(folio));
	priv->nr_pages += folio_nr_pages(folio);
	xa_store(&priv->index, folio_pfn(folio), xa_mk_value(priv->nr_found++), GFP_KERNEL);
	return new;
}

static void fail(struct fxa *f, const char *what, long want, long got, struct folio *folio,
		 const char *when, unsigned long arg)
{
	if (want == got)
		return;
	KUNIT_FAIL(f->test, "%s: %ld, not %ld, %s %lu, order %u", what, got, want, when, arg,
		   f->order);
	if (folio && !f->reported)
		fxt_print_folio(f->test, folio);
	f->reported = true;
}

struct rss {
	long anon, file, swap;
};

/* Adds what one page table or PMD of an mm maps to what was found, and to its RSS. */
static void find_in_table(struct fxa *f, unsigned int mm, unsigned long addr, struct rss *rss,
			  const char *when, unsigned long arg)
{
	struct found *last = NULL;
	unsigned long i;

	fxa_read(f, mm, addr, 0, PMD_SIZE >> PAGE_SHIFT);
	for (i = 0; i < PMD_SIZE >> PAGE_SHIFT; i++) {
		struct fxa_entry *e = &f->entries[i];
		struct folio *folio;

		rss->swap += !!(e->state & FXA_SWAP);
		if (!(e->state & (FXA_PAGE | FXA_MIGRATION)))
			continue;
		folio = page_folio(e->page);
		if (folio_test_anon(folio))
			rss->anon++;
		else
			rss->file++;
		if (!(e->state & FXA_PAGE))
			continue;
		if ((e->state & (FXA_WRITE | FXA_EXCLUSIVE)) == FXA_WRITE && folio_test_anon(folio))
			fail(f, "writable but not exclusive", 0, i + 1, folio, when, arg);
		if (!last || last->folio != folio)
			last = find_folio(f, folio);
		if (last->last_mm != mm)
			last->mms++;
		last->last_mm = mm;
		if (!(e->state & FXA_PMD)) {
			last->ptes++;
			last->maps[folio_page_idx(folio, e->page)]++;
		} else if (e->page == &folio->page) {
			last->pmds++;
		}
	}
}

static void expect_rss(struct fxa *f, unsigned int mm, const char *name, long want, int member,
		       const char *when, unsigned long arg)
{
	fail(f, name, want, percpu_counter_sum(&f->mm[mm]->rss_stat[member]), NULL, when, arg);
}

/* Adds what one mm maps to what was found; compares its RSS with it. */
static void find_in_mm(struct fxa *f, unsigned int mm, const char *when, unsigned long arg)
{
	struct rss rss = {};
	unsigned int area;

	for (area = 0; area <= FXA_AREAS; area++) {
		unsigned long start = area < FXA_AREAS ? FXA_AREA(area) : FXA_FAR, addr;

		for (addr = start; addr < start + 4 * PMD_SIZE; addr += PMD_SIZE)
			if (fxt_find_pmd(f->mm[mm], addr))
				find_in_table(f, mm, addr, &rss, when, arg);
	}
	expect_rss(f, mm, "MM_ANONPAGES", rss.anon, MM_ANONPAGES, when, arg);
	expect_rss(f, mm, "MM_FILEPAGES", rss.file, MM_FILEPAGES, when, arg);
	expect_rss(f, mm, "MM_SHMEMPAGES", 0, MM_SHMEMPAGES, when, arg);
	expect_rss(f, mm, "MM_SWAPENTS", rss.swap, MM_SWAPENTS, when, arg);
}

/* Compares a folio with what was found of it; how many of its pages are mapped. */
static unsigned long expect_folio(struct fxa *f, struct found *found, const char *when,
				  unsigned long arg)
{
	struct folio *folio = found->folio;
	unsigned long i, nr = folio_nr_pages(folio), mapped = 0;
	long maps = found->ptes + found->pmds;
	bool anon = folio_test_anon(folio);

	fail(f, "mapcount", maps, folio_mapcount(folio), folio, when, arg);
	fail(f, "mapped", maps > 0, folio_mapped(folio), folio, when, arg);
	if (folio_test_large(folio)) {
		fail(f, "large mapcount", maps, folio_large_mapcount(folio), folio, when, arg);
		fail(f, "entire mapcount", found->pmds, folio_entire_mapcount(folio), folio,
		     when, arg);
	}
	for (i = 0; i < nr; i++) {
		struct page *page = folio_page(folio, i);

		mapped += found->maps[i] || found->pmds;
		if (!folio_test_large(folio) || IS_ENABLED(CONFIG_PAGE_MAPCOUNT))
			fail(f, "mapcount of a page", found->maps[i],
			     atomic_read(&page->_mapcount) + 1, folio, when, arg);
		if (anon && maps && PageAnonExclusive(page) && found->maps[i])
			fail(f, "mappings of an exclusive page", 1,
			     found->maps[i] + found->pmds, folio, when, arg);
	}
	if (anon)
		fail(f, "references", maps + (f->held == folio ? f->held_refs : 0) +
		     (folio_test_swapcache(folio) ? nr : 0), folio_ref_count(folio), folio,
		     when, arg);
	if (found->mms > 2)
		f->had_three = true;
	if (found->mms > 1)
		fail(f, "shared", 1, folio_maybe_mapped_shared(folio), folio, when, arg);
	else if (IS_ENABLED(CONFIG_MM_ID) && !f->had_three)
		fail(f, "shared", 0, folio_maybe_mapped_shared(folio), folio, when, arg);
	if (IS_ENABLED(CONFIG_NO_PAGE_MAPCOUNT) && folio_test_large(folio))
		return maps ? nr : 0;
	if (anon && mapped && mapped < nr && !folio_test_swapcache(folio) && !f->had_swap)
		fail(f, "partially mapped", 1, folio_test_partially_mapped(folio), folio,
		     when, arg);
	return mapped;
}

/**
 * fxa_expect() - expect that all counters agree with the page tables
 * @f: the memory under test
 * @when: after what, for the message
 * @arg: a number for the message
 *
 * Mapcounts, references, shared or not, exclusive pages, RSS, node statistics,
 * those of each order, and that what is mapped in part is known to be.
 */
void fxa_expect(struct fxa *f, const char *when, unsigned long arg)
{
	long want[ARRAY_SIZE(nodes)] = {}, anon[FXA_PMD_ORDER + 1] = {};
	long partial[FXA_PMD_ORDER + 1] = {};
	struct fxa_priv *priv = f->priv;
	unsigned int i;

	if (f->reported)
		return;
	lru_add_drain();
	xa_destroy(&priv->index);
	priv->nr_found = 0;
	priv->nr_pages = 0;
	if (f->held)
		find_folio(f, f->held);
	for (i = 0; i < FXA_MAX_MMS; i++)
		if (f->mm[i])
			find_in_mm(f, i, when, arg);
	for (i = 0; i < priv->nr_found; i++) {
		struct found *found = &priv->found[i];
		unsigned int order = folio_order(found->folio);
		bool is_anon = folio_test_anon(found->folio);

		want[is_anon ? ANON_MAPPED : FILE_MAPPED] += expect_folio(f, found, when, arg);
		if (found->pmds)
			want[is_anon ? ANON_THPS : FILE_PMDMAPPED] += folio_nr_pages(found->folio);
		if (!is_anon || !order)
			continue;
		anon[order]++;
		partial[order] += folio_test_partially_mapped(found->folio);
	}
	for (i = 0; i < ARRAY_SIZE(nodes); i++)
		if (fxt_sum_node_stat(nodes[i].item) - priv->node[i] != want[i])
			fail(f, nodes[i].name, want[i],
			     fxt_node_stat(nodes[i].item) - priv->node[i], NULL, when, arg);
	for (i = 1; i <= FXA_PMD_ORDER && !f->had_swap; i++) {
		fail(f, "NR_ANON of an order", anon[i], nr_anon(i) - priv->nr_anon[i], NULL,
		     when, arg);
		fail(f, "NR_ANON_PARTIALLY_MAPPED of an order", partial[i],
		     nr_partial(i) - priv->nr_partial[i], NULL, when, arg);
	}
}
EXPORT_SYMBOL_NS_GPL(fxa_expect, COMPAT_NS(FOLIO_KUNIT));

#endif
