// SPDX-License-Identifier: GPL-2.0
/*
 * Anonymous memory of the folio suites: folios of a chosen order, forks, and
 * fxa_expect(), which adds up from the page tables of all address spaces what
 * the kernel ought to count, and compares.
 *
 * Needs the KUnit exports of the patch series. Without them fxa_start() skips
 * the case, and the rest is stubs.
 */
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/percpu_counter.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/vmstat.h>

#include "fixture.h"
#include "../module/compat.h"

#if __has_include(<kunit/mm.h>)
#include <kunit/mm.h>
#include <linux/huge_mm.h>
#include <linux/leafops.h>
#include <linux/migrate.h>
#include <linux/mm_inline.h>
#include <linux/swap.h>
#include <linux/swapops.h>

/* What the walk of all tables has found of one folio. */
struct found {
	struct folio *folio;
	unsigned int pmds, ptes, mms, last_mm;
	u8 *maps;				/* by PTEs, of each page */
};

#define MAX_FOUND	(FXA_MAX_MMS * FXA_MAX_NR + 16)
#define MAX_PAGES	(4 * MAX_FOUND)

static const enum node_stat_item node_items[] = {
	NR_ANON_MAPPED, NR_ANON_THPS, NR_FILE_MAPPED, NR_FILE_PMDMAPPED, NR_SHMEM_PMDMAPPED,
	NR_ISOLATED_ANON, NR_ISOLATED_FILE,
};

static const char * const node_names[] = {
	"NR_ANON_MAPPED", "NR_ANON_THPS", "NR_FILE_MAPPED", "NR_FILE_PMDMAPPED",
	"NR_SHMEM_PMDMAPPED", "NR_ISOLATED_ANON", "NR_ISOLATED_FILE",
};

struct fxa_priv {
	long node[ARRAY_SIZE(node_items)];
	long nr_anon[FXA_PMD_ORDER + 1];
	long nr_partial[FXA_PMD_ORDER + 1];
	struct xarray index;			/* of head pfns in @found */
	unsigned int nr_found, nr_pages;
	struct found found[MAX_FOUND];
	u8 pages[MAX_PAGES];			/* what @maps of @found point to */
	struct folio *new_folio;
};

static void put_mm(void *mm)
{
	mmput(mm);
}

/**
 * fxa_drain() - give back what the LRU batches of all CPUs hold
 */
void fxa_drain(void)
{
	lru_add_drain_all();
}
EXPORT_SYMBOL_NS_GPL(fxa_drain, COMPAT_NS(FOLIO_KUNIT));

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

#ifdef CONFIG_TRANSPARENT_HUGEPAGE
struct saved_orders {
	unsigned long always, madvise, inherit;
};

static void restore_orders(void *data)
{
	struct saved_orders *saved = data;

	WRITE_ONCE(huge_anon_orders_always, saved->always);
	WRITE_ONCE(huge_anon_orders_madvise, saved->madvise);
	WRITE_ONCE(huge_anon_orders_inherit, saved->inherit);
}
#endif

static void destroy_index(void *data)
{
	xa_destroy(data);
}

/**
 * fxa_set_orders() - choose what orders anonymous faults allocate
 * @f: the memory under test
 * @orders: one bit an order; 0 for single pages only
 */
void fxa_set_orders(struct fxa *f, unsigned long orders)
{
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	WRITE_ONCE(huge_anon_orders_always, orders & ~BIT(0));
#endif
}
EXPORT_SYMBOL_NS_GPL(fxa_set_orders, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxa_start() - begin a case of anonymous memory
 * @test: the case; skipped where it cannot run
 * @order: order of the folios under test
 * @pmd: map those of PMD size by a PMD
 *
 * The case runs on one CPU from here on. Faults allocate single pages but in
 * fxa_populate(). There is one address space, number 0, and it is in use.
 *
 * Return: what the other functions take. A failure ends the case.
 */
struct fxa *fxa_start(struct kunit *test, unsigned int order, bool pmd)
{
	struct fxa *f;
	unsigned int i;

	if (order && !IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
		kunit_skip(test, "needs CONFIG_TRANSPARENT_HUGEPAGE");
	if (order == FXA_PMD_ORDER && PMD_ORDER != FXA_PMD_ORDER)
		kunit_skip(test, "needs a PMD of order %u", FXA_PMD_ORDER);
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	if (order == FXA_PMD_ORDER && !has_transparent_hugepage())
		kunit_skip(test, "needs a CPU that maps large pages");
#endif
	f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, f);
	f->priv = kunit_kzalloc(test, sizeof(*f->priv), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, f->priv);
	f->test = test;
	f->order = order;
	f->nr = 1UL << order;
	f->pmd = pmd;
	xa_init(&f->priv->index);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, destroy_index, &f->priv->index));
	KUNIT_ASSERT_EQ(test, 0,
			set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id())));
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	{
		struct saved_orders *saved = kunit_kzalloc(test, sizeof(*saved), GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, saved);
		*saved = (struct saved_orders) {
			huge_anon_orders_always, huge_anon_orders_madvise, huge_anon_orders_inherit,
		};
		KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, restore_orders, saved));
		WRITE_ONCE(huge_anon_orders_madvise, 0);
		WRITE_ONCE(huge_anon_orders_inherit, 0);
	}
#endif
	fxa_set_orders(f, 0);
	lru_add_drain_all();
	for (i = 0; i < ARRAY_SIZE(node_items); i++)
		f->priv->node[i] = fxt_node_stat(node_items[i]);
	for (i = 0; i <= FXA_PMD_ORDER; i++) {
		f->priv->nr_anon[i] = nr_anon(i);
		f->priv->nr_partial[i] = nr_partial(i);
	}
	fxa_new_mm(f);
	return f;
}
EXPORT_SYMBOL_NS_GPL(fxa_start, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxa_use() - make an address space the current one
 * @f: the memory under test
 * @mm: its number
 */
void fxa_use(struct fxa *f, unsigned int mm)
{
	KUNIT_ASSERT_NOT_NULL_MSG(f->test, f->mm[mm], "no mm %u", mm);
	if (current->mm != f->mm[mm])
		fxt_switch_mm(f->mm[mm]);
}
EXPORT_SYMBOL_NS_GPL(fxa_use, COMPAT_NS(FOLIO_KUNIT));

static unsigned int add_mm(struct fxa *f, struct mm_struct *mm)
{
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(f->test, mm);
	KUNIT_ASSERT_EQ(f->test, 0, kunit_add_action_or_reset(f->test, put_mm, mm));
	for (i = 0; i < FXA_MAX_MMS && f->mm[i]; i++)
		;
	KUNIT_ASSERT_LT(f->test, i, FXA_MAX_MMS);
	f->mm[i] = mm;
	return i;
}

/**
 * fxa_new_mm() - add an empty address space
 * @f: the memory under test
 *
 * Return: its number; it is in use. A failure ends the case.
 */
unsigned int fxa_new_mm(struct fxa *f)
{
	unsigned int i = add_mm(f, fxt_mm_alloc());

	fxa_use(f, i);
	return i;
}
EXPORT_SYMBOL_NS_GPL(fxa_new_mm, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_dup_mm() - fork an address space, which khugepaged does not look at either
 * @mm: one of fxt_mm_alloc(), current
 *
 * Return: the child, or NULL without memory. mmput() ends it.
 */
struct mm_struct *fxt_dup_mm(struct mm_struct *mm)
{
	struct mm_struct *child;

	/* With the mark of fxt_mm_alloc() a fork hands the child to khugepaged. */
	mm_flags_clear(MMF_VM_HUGEPAGE, mm);
	child = dup_mm(current, mm);
	mm_flags_set(MMF_VM_HUGEPAGE, mm);
	if (child)
		mm_flags_set(MMF_VM_HUGEPAGE, child);
	return child;
}
EXPORT_SYMBOL_NS_GPL(fxt_dup_mm, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxa_fork() - fork an address space
 * @f: the memory under test
 * @mm: number of the parent
 *
 * Return: the number of the child. The address space in use does not change.
 * A failure ends the case.
 */
unsigned int fxa_fork(struct fxa *f, unsigned int mm)
{
	fxa_use(f, mm);
	return add_mm(f, fxt_dup_mm(f->mm[mm]));
}
EXPORT_SYMBOL_NS_GPL(fxa_fork, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxa_end_mm() - end an address space, as an exit would
 * @f: the memory under test
 * @mm: its number, free from now on
 */
void fxa_end_mm(struct fxa *f, unsigned int mm)
{
	struct mm_struct *gone = f->mm[mm];

	KUNIT_ASSERT_NOT_NULL(f->test, gone);
	if (current->mm == gone)
		fxt_switch_mm(NULL);
	KUNIT_ASSERT_EQ(f->test, 1, atomic_read(&gone->mm_users));
	f->mm[mm] = NULL;
	kunit_release_action(f->test, put_mm, gone);
}
EXPORT_SYMBOL_NS_GPL(fxa_end_mm, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxa_end() - end all address spaces: everything must be given back
 * @f: the memory under test
 */
void fxa_end(struct fxa *f)
{
	unsigned int i;

	fxt_switch_mm(NULL);
	for (i = 0; i < FXA_MAX_MMS; i++)
		if (f->mm[i])
			fxa_end_mm(f, i);
	f->had_swap = false;
	fxa_expect(f, "after the exit of all mms", 0);
}
EXPORT_SYMBOL_NS_GPL(fxa_end, COMPAT_NS(FOLIO_KUNIT));

/* Mapping and memory accesses. */

/**
 * fxa_mmap() - map an area; faults nothing in unless the flags say so
 * @f: the memory under test
 * @mm: number of the address space
 * @addr: user address
 * @nr: number of pages
 * @flags: further MAP_* flags
 */
void fxa_mmap(struct fxa *f, unsigned int mm, unsigned long addr, unsigned long nr,
	      unsigned long flags)
{
	fxa_use(f, mm);
	KUNIT_ASSERT_EQ(f->test, addr,
			vm_mmap(NULL, addr, nr << PAGE_SHIFT, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | flags, 0));
}
EXPORT_SYMBOL_NS_GPL(fxa_mmap, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxa_populate() - map an area and fill it with folios of the order under test
 * @f: the memory under test; @folio is set to the first
 * @mm: number of the address space
 * @addr: user address, aligned to the size of a folio
 * @folios: how many folios
 * @tag: not 0; what is written to them
 *
 * Each is allocated by one fault, mapped by PTEs unless the case wants a PMD.
 */
void fxa_populate(struct fxa *f, unsigned int mm, unsigned long addr, unsigned long folios,
		  u8 tag)
{
	unsigned long i;

	fxa_mmap(f, mm, addr, folios << f->order, 0);
	for (i = 0; i < folios; i++) {
		unsigned long at = addr + (i << f->order << PAGE_SHIFT);

		fxa_set_orders(f, BIT(f->order));
		fxa_write(f, mm, at, f->nr / 2, 1, tag);
		fxa_set_orders(f, 0);
		if (f->order == FXA_PMD_ORDER && !f->pmd)
			fxa_split_pmd(f, mm, at);
	}
	fxa_write(f, mm, addr, 0, folios << f->order, tag);
	for (i = folios; i--; ) {
		fxa_read(f, mm, addr + (i << f->order << PAGE_SHIFT), 0, 1);
		KUNIT_ASSERT_NOT_NULL(f->test, f->entries[0].page);
		f->folio = page_folio(f->entries[0].page);
		KUNIT_ASSERT_PTR_EQ(f->test, f->entries[0].page, &f->folio->page);
		KUNIT_ASSERT_EQ_MSG(f->test, f->order, folio_order(f->folio), "folio %lu", i);
		KUNIT_ASSERT_EQ(f->test, f->pmd, !!(f->entries[0].state & FXA_PMD));
	}
}
EXPORT_SYMBOL_NS_GPL(fxa_populate, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxa_mix() - leave exclusive only every third page of a folio, from page 1
 * @f: the memory under test, its folio at @addr in mm 0
 * @addr: of the area; as fxa_populate() left it, all written with 1
 *
 * A fork has shared all pages, and the writes after the child's exit took some
 * back. A PMD is taken back whole.
 */
void fxa_mix(struct fxa *f, unsigned long addr)
{
	unsigned int child = fxa_fork(f, 0);
	unsigned long i;

	fxa_end_mm(f, child);
	lru_add_drain_all();
	for (i = 1 % f->nr; i < f->nr; i += 3)
		fxa_write(f, 0, addr, i, 1, 1);
	for (i = 0; i < f->nr; i++)
		fxa_expect_state(f, 0, addr, i, 1, FXA_WRITE | FXA_EXCLUSIVE | FXA_SAME,
				 fxa_mixed(f, i) ? FXA_WRITE | FXA_EXCLUSIVE | FXA_SAME : FXA_SAME,
				 "mixed", i);
	fxa_expect(f, "mixed", 0);
}
EXPORT_SYMBOL_NS_GPL(fxa_mix, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxa_munmap() - unmap pages of an area
 * @f: the memory under test
 * @mm: number of the address space
 * @addr: of the area
 * @first: first page
 * @nr: number of pages; 0 does nothing
 */
void fxa_munmap(struct fxa *f, unsigned int mm, unsigned long addr, unsigned long first,
		unsigned long nr)
{
	if (!nr)
		return;
	fxa_use(f, mm);
	KUNIT_ASSERT_EQ(f->test, 0,
			vm_munmap(addr + (first << PAGE_SHIFT), nr << PAGE_SHIFT));
}
EXPORT_SYMBOL_NS_GPL(fxa_munmap, COMPAT_NS(FOLIO_KUNIT));

/* Words at both ends of a page and in its middle tell whose copy it is. */
static const unsigned int stamped[] = { 0, PAGE_SIZE / 2 - 8, PAGE_SIZE - 8 };

static u64 data_word(u8 tag, unsigned long page, unsigned int w)
{
	return tag ? (u64)tag << 56 | (u64)page << 16 | w << 8 | 0xa5 : 0;
}

/**
 * fxa_write() - write to pages of an area, as its user
 * @f: the memory under test
 * @mm: number of the address space
 * @addr: of the area
 * @first: first page
 * @nr: number of pages
 * @tag: what to write, together with the number of the page
 */
void fxa_write(struct fxa *f, unsigned int mm, unsigned long addr, unsigned long first,
	       unsigned long nr, u8 tag)
{
	unsigned long i;
	unsigned int w;

	fxa_use(f, mm);
	for (i = first; i < first + nr; i++) {
		for (w = 0; w < ARRAY_SIZE(stamped); w++) {
			u64 __user *at = (u64 __user *)(addr + (i << PAGE_SHIFT) + stamped[w]);

			KUNIT_ASSERT_EQ_MSG(f->test, 0, put_user(data_word(tag, i, w), at),
					    "write page %lu, mm %u", i, mm);
		}
	}
}
EXPORT_SYMBOL_NS_GPL(fxa_write, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxa_expect_data() - expect what fxa_write() wrote
 * @f: the memory under test
 * @mm: number of the address space
 * @addr: of the area
 * @first: first page
 * @nr: number of pages
 * @tag: what was written; 0: nothing
 * @when: after what, for the message
 * @arg: a number for the message
 *
 * One wrong page is reported, the first.
 */
void fxa_expect_data(struct fxa *f, unsigned int mm, unsigned long addr, unsigned long first,
		     unsigned long nr, int tag, const char *when, unsigned long arg)
{
	unsigned long i;
	unsigned int w;

	if (f->reported)
		return;
	fxa_use(f, mm);
	for (i = first; i < first + nr; i++) {
		for (w = 0; w < ARRAY_SIZE(stamped); w++) {
			u64 __user *at = (u64 __user *)(addr + (i << PAGE_SHIFT) + stamped[w]);
			u64 got = -1;
			int err = get_user(got, at);

			if (!err && got == data_word(tag, i, w))
				continue;
			KUNIT_FAIL(f->test, "mm %u, page %lu: %016llx, not %016llx (%d), %s %lu, order %u",
				   mm, i, got, data_word(tag, i, w), err, when, arg, f->order);
			f->reported = true;
			return;
		}
	}
}
EXPORT_SYMBOL_NS_GPL(fxa_expect_data, COMPAT_NS(FOLIO_KUNIT));

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

/* Adds what one mm maps to what was found; compares its RSS with it. */
static void find_in_mm(struct fxa *f, unsigned int mm, const char *when, unsigned long arg)
{
	long anon = 0, file = 0, swap = 0;
	unsigned int area, pmd;
	unsigned long i;

	for (area = 0; area <= FXA_AREAS; area++) {
		unsigned long start = area < FXA_AREAS ? FXA_AREA(area) : FXA_FAR;

		for (pmd = 0; pmd < 4; pmd++) {
			unsigned long addr = start + pmd * PMD_SIZE;
			struct found *last = NULL;

			if (!fxt_find_pmd(f->mm[mm], addr))
				continue;
			fxa_read(f, mm, addr, 0, PMD_SIZE >> PAGE_SHIFT);
			for (i = 0; i < PMD_SIZE >> PAGE_SHIFT; i++) {
				struct fxa_entry *e = &f->entries[i];
				struct folio *folio;

				swap += !!(e->state & FXA_SWAP);
				if (!(e->state & (FXA_PAGE | FXA_MIGRATION)))
					continue;
				folio = page_folio(e->page);
				if (folio_test_anon(folio))
					anon++;
				else
					file++;
				if (!(e->state & FXA_PAGE))
					continue;
				if ((e->state & (FXA_WRITE | FXA_EXCLUSIVE)) == FXA_WRITE &&
				    folio_test_anon(folio))
					fail(f, "writable but not exclusive", 0, i + 1, folio,
					     when, arg);
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
	}
	fail(f, "MM_ANONPAGES", anon, percpu_counter_sum(&f->mm[mm]->rss_stat[MM_ANONPAGES]),
	     NULL, when, arg);
	fail(f, "MM_FILEPAGES", file, percpu_counter_sum(&f->mm[mm]->rss_stat[MM_FILEPAGES]),
	     NULL, when, arg);
	fail(f, "MM_SHMEMPAGES", 0, percpu_counter_sum(&f->mm[mm]->rss_stat[MM_SHMEMPAGES]),
	     NULL, when, arg);
	fail(f, "MM_SWAPENTS", swap, percpu_counter_sum(&f->mm[mm]->rss_stat[MM_SWAPENTS]),
	     NULL, when, arg);
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
	long want[ARRAY_SIZE(node_items)] = {}, anon[FXA_PMD_ORDER + 1] = {};
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

		want[is_anon ? 0 : 2] += expect_folio(f, found, when, arg);
		if (found->pmds)
			want[is_anon ? 1 : 3] += folio_nr_pages(found->folio);
		if (!is_anon || !order)
			continue;
		anon[order]++;
		partial[order] += folio_test_partially_mapped(found->folio);
	}
	for (i = 0; i < ARRAY_SIZE(node_items); i++)
		if (fxt_sum_node_stat(node_items[i]) - priv->node[i] != want[i])
			fail(f, node_names[i], want[i],
			     fxt_node_stat(node_items[i]) - priv->node[i], NULL, when, arg);
	for (i = 1; i <= FXA_PMD_ORDER && !f->had_swap; i++) {
		fail(f, "NR_ANON of an order", anon[i], nr_anon(i) - priv->nr_anon[i], NULL,
		     when, arg);
		fail(f, "NR_ANON_PARTIALLY_MAPPED of an order", partial[i],
		     nr_partial(i) - priv->nr_partial[i], NULL, when, arg);
	}
}
EXPORT_SYMBOL_NS_GPL(fxa_expect, COMPAT_NS(FOLIO_KUNIT));

/* The kernel's functions. */

/**
 * fxa_mprotect() - do_mprotect_pkey() on pages of an area
 * @f: the memory under test
 * @mm: number of the address space
 * @addr: of the area
 * @first: first page
 * @nr: number of pages
 * @prot: PROT_*
 *
 * Return: 0, or the error.
 */
int fxa_mprotect(struct fxa *f, unsigned int mm, unsigned long addr, unsigned long first,
		 unsigned long nr, unsigned long prot)
{
	fxa_use(f, mm);
	return do_mprotect_pkey(addr + (first << PAGE_SHIFT), nr << PAGE_SHIFT, prot, -1);
}
EXPORT_SYMBOL_NS_GPL(fxa_mprotect, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxa_madvise() - do_madvise() on pages of an area
 * @f: the memory under test
 * @mm: number of the address space
 * @addr: of the area
 * @first: first page
 * @nr: number of pages
 * @advice: MADV_*
 *
 * Return: 0, or the error.
 */
int fxa_madvise(struct fxa *f, unsigned int mm, unsigned long addr, unsigned long first,
		unsigned long nr, int advice)
{
	if (!IS_ENABLED(CONFIG_ADVISE_SYSCALLS))
		kunit_skip(f->test, "needs CONFIG_ADVISE_SYSCALLS");
	fxa_use(f, mm);
	return do_madvise(current->mm, addr + (first << PAGE_SHIFT), nr << PAGE_SHIFT, advice);
}
EXPORT_SYMBOL_NS_GPL(fxa_madvise, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxa_mremap() - move pages to another address
 * @f: the memory under test
 * @mm: number of the address space
 * @addr: of the first page
 * @nr: number of pages
 * @to: where to
 *
 * Return: @to, or the error.
 */
unsigned long fxa_mremap(struct fxa *f, unsigned int mm, unsigned long addr,
			 unsigned long nr, unsigned long to)
{
	fxa_use(f, mm);
	return ksys_mremap(addr, nr << PAGE_SHIFT, nr << PAGE_SHIFT,
			   MREMAP_MAYMOVE | MREMAP_FIXED, to);
}
EXPORT_SYMBOL_NS_GPL(fxa_mremap, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxa_split_pmd() - split_huge_pmd_address() at an address
 * @f: the memory under test
 * @mm: number of the address space
 * @addr: in the range of the PMD
 */
void fxa_split_pmd(struct fxa *f, unsigned int mm, unsigned long addr)
{
	struct vm_area_struct *vma;

	mmap_write_lock(f->mm[mm]);
	vma = find_vma(f->mm[mm], addr);
	if (vma)
		split_huge_pmd_address(vma, addr, false);
	mmap_write_unlock(f->mm[mm]);
	KUNIT_ASSERT_NOT_NULL(f->test, vma);
}
EXPORT_SYMBOL_NS_GPL(fxa_split_pmd, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxa_referenced() - folio_referenced()
 * @f: the memory under test
 * @folio: the folio
 *
 * Return: the number of mappings that referenced the folio since the last call.
 */
int fxa_referenced(struct fxa *f, struct folio *folio)
{
	vma_flags_t flags;
	int ret;

	lru_add_drain();
	folio_lock(folio);
	ret = folio_referenced(folio, 1, NULL, &flags);
	folio_unlock(folio);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(fxa_referenced, COMPAT_NS(FOLIO_KUNIT));

static struct folio *new_folio(struct folio *src, unsigned long private)
{
	struct fxa *f = (struct fxa *)private;

	f->priv->new_folio = folio_alloc(GFP_HIGHUSER_MOVABLE, folio_order(src));
	return f->priv->new_folio;
}

static void put_new_folio(struct folio *dst, unsigned long private)
{
	folio_put(dst);
}

/**
 * fxa_migrate() - move a folio to other memory
 * @f: the memory under test; @folio is set to the new folio if it was the old
 * @folio: the folio, on an LRU list
 *
 * Return: 0; what migrate_pages() returns when it fails, with @folio on its LRU
 * list again; -EBUSY when it was not to be had.
 */
int fxa_migrate(struct fxa *f, struct folio *folio)
{
	enum node_stat_item item = NR_ISOLATED_ANON + folio_is_file_lru(folio);
	pg_data_t *pgdat = folio_pgdat(folio);
	struct folio *left, *next;
	LIST_HEAD(list);
	int ret;

	if (!IS_ENABLED(CONFIG_MIGRATION))
		kunit_skip(f->test, "needs CONFIG_MIGRATION");
	lru_add_drain_all();
	if (!folio_isolate_lru(folio))
		return -EBUSY;
	mod_node_page_state(pgdat, item, folio_nr_pages(folio));
	list_add(&folio->lru, &list);
	f->priv->new_folio = NULL;
	ret = migrate_pages(&list, new_folio, put_new_folio, (unsigned long)f, MIGRATE_SYNC,
			    MR_SYSCALL, NULL);
	list_for_each_entry_safe(left, next, &list, lru) {
		list_del(&left->lru);
		mod_node_page_state(pgdat, item, -folio_nr_pages(left));
		folio_putback_lru(left);
	}
	if (!ret && f->folio == folio)
		f->folio = f->priv->new_folio;
	return ret;
}
EXPORT_SYMBOL_NS_GPL(fxa_migrate, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxa_freeze() - try_to_migrate(): put migration entries where a folio is mapped
 * @folio: the folio, locked, with a reference of the caller; PMDs stay PMDs
 */
void fxa_freeze(struct folio *folio)
{
	try_to_migrate(folio, 0);
}
EXPORT_SYMBOL_NS_GPL(fxa_freeze, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxa_unmap() - try_to_unmap(), as reclaim calls it
 * @f: the memory under test
 * @folio: the folio, on an LRU list; freed when nothing else refers to it
 * @dirty: mark it dirty before
 *
 * Return: how often it is mapped then.
 */
int fxa_unmap(struct fxa *f, struct folio *folio, bool dirty)
{
	int ret;

	lru_add_drain_all();
	KUNIT_ASSERT_TRUE(f->test, folio_isolate_lru(folio));
	folio_lock(folio);
	if (dirty)
		folio_set_dirty(folio);
	try_to_unmap(folio, TTU_SPLIT_HUGE_PMD);
	ret = folio_mapcount(folio);
	folio_unlock(folio);
	folio_putback_lru(folio);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(fxa_unmap, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxa_reclaim() - reclaim one folio, whether referenced or not
 * @f: the memory under test
 * @folio: the folio, on an LRU list
 *
 * Return: how many pages were reclaimed.
 */
unsigned long fxa_reclaim(struct fxa *f, struct folio *folio)
{
	LIST_HEAD(list);

	lru_add_drain_all();
	if (!folio_isolate_lru(folio)) {
		KUNIT_FAIL(f->test, "not on an LRU list");
		return 0;
	}
	list_add(&folio->lru, &list);
	return reclaim_pages(&list);
}
EXPORT_SYMBOL_NS_GPL(fxa_reclaim, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxa_split_folio() - split a folio to single pages
 * @f: the memory under test
 * @folio: the folio; the case needs no reference
 *
 * Return: 0, or the error.
 */
int fxa_split_folio(struct fxa *f, struct folio *folio)
{
	int ret;

	lru_add_drain_all();
	folio_get(folio);
	folio_lock(folio);
	ret = split_folio(folio);
	folio_unlock(folio);
	folio_put(folio);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(fxa_split_folio, COMPAT_NS(FOLIO_KUNIT));

#else /* no KUnit exports */

struct fxa *fxa_start(struct kunit *test, unsigned int order, bool pmd)
{
	kunit_skip(test, "needs the KUnit exports of the patch series");
	return NULL;
}
EXPORT_SYMBOL_NS_GPL(fxa_start, COMPAT_NS(FOLIO_KUNIT));

/* No case comes as far as to call one. */
#define STUB(type, name, ...)					\
	type name(__VA_ARGS__) { return (type)0; }		\
	EXPORT_SYMBOL_NS_GPL(name, COMPAT_NS(FOLIO_KUNIT))
#define ULONG	unsigned long
#define RANGE	unsigned int mm, ULONG addr, ULONG first, ULONG nr

STUB(unsigned int, fxa_new_mm, struct fxa *f);
STUB(struct mm_struct *, fxt_dup_mm, struct mm_struct *mm);
STUB(unsigned int, fxa_fork, struct fxa *f, unsigned int mm);
STUB(void, fxa_end_mm, struct fxa *f, unsigned int mm);
STUB(void, fxa_end, struct fxa *f);
STUB(void, fxa_use, struct fxa *f, unsigned int mm);
STUB(void, fxa_set_orders, struct fxa *f, ULONG orders);
STUB(void, fxa_mmap, struct fxa *f, unsigned int mm, ULONG addr, ULONG nr, ULONG flags);
STUB(void, fxa_populate, struct fxa *f, unsigned int mm, ULONG addr, ULONG folios, u8 tag);
STUB(void, fxa_mix, struct fxa *f, ULONG addr);
STUB(void, fxa_munmap, struct fxa *f, RANGE);
STUB(void, fxa_write, struct fxa *f, RANGE, u8 tag);
STUB(void, fxa_read, struct fxa *f, RANGE);
STUB(void, fxa_expect_data, struct fxa *f, RANGE, int tag, const char *when, ULONG arg);
STUB(void, fxa_expect_state, struct fxa *f, RANGE, unsigned int mask, unsigned int want,
     const char *when, ULONG arg);
STUB(void, fxa_expect, struct fxa *f, const char *when, ULONG arg);
STUB(long, fxa_mthp_stat, unsigned int order, unsigned int item);
STUB(int, fxa_mprotect, struct fxa *f, RANGE, ULONG prot);
STUB(int, fxa_madvise, struct fxa *f, RANGE, int advice);
STUB(ULONG, fxa_mremap, struct fxa *f, unsigned int mm, ULONG addr, ULONG nr, ULONG to);
STUB(void, fxa_split_pmd, struct fxa *f, unsigned int mm, ULONG addr);
STUB(int, fxa_referenced, struct fxa *f, struct folio *folio);
STUB(int, fxa_migrate, struct fxa *f, struct folio *folio);
STUB(void, fxa_freeze, struct folio *folio);
STUB(int, fxa_unmap, struct fxa *f, struct folio *folio, bool dirty);
STUB(ULONG, fxa_reclaim, struct fxa *f, struct folio *folio);
STUB(int, fxa_split_folio, struct fxa *f, struct folio *folio);
STUB(void, fxa_drain, void);

#endif

/**
 * fxa_start_param() - fxa_start() with the order of the running case
 * @test: the case, one of fxa_params
 *
 * Return: what fxa_start() returns.
 */
struct fxa *fxa_start_param(struct kunit *test)
{
	const struct fxa_param *param = test->param_value;

	return fxa_start(test, param->order, param->pmd);
}
EXPORT_SYMBOL_NS_GPL(fxa_start_param, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxa_parts() - the classes of parts of a folio
 * @nr: its number of pages
 * @parts: filled with as many as it has, at most FXA_MAX_PARTS
 *
 * Return: how many.
 */
unsigned int fxa_parts(unsigned long nr, struct fxa_part *parts)
{
	const struct fxa_part all[FXA_MAX_PARTS] = {
		{ 0, 1 }, { nr - 1, 1 }, { nr / 2, 1 }, { 0, nr / 2 },
		{ nr / 2, nr / 2 }, { 1, nr - 1 }, { 0, nr - 1 }, { 1, nr - 2 },
	};
	unsigned int i, n = 0;

	for (i = 0; i < FXA_MAX_PARTS; i++)
		if (all[i].nr && all[i].nr <= nr)
			parts[n++] = all[i];
	return n;
}
EXPORT_SYMBOL_NS_GPL(fxa_parts, COMPAT_NS(FOLIO_KUNIT));
