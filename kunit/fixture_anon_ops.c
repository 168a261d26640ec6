// SPDX-License-Identifier: GPL-2.0
/*
 * What the folio suites do to anonymous memory beyond reading and writing it: the
 * system calls and the kernel's functions, which stock kernels do not export.
 * fixture_anon.c has the stubs for those.
 */
#include <linux/mman.h>
#include <linux/module.h>

#include "fixture.h"
#include "../module/compat.h"

#if __has_include(<kunit/mm.h>)
#include <kunit/mm.h>
#include <linux/huge_mm.h>
#include <linux/migrate.h>
#include <linux/mm_inline.h>
#include <linux/swap.h>

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
	struct folio **dst = (struct folio **)private;

	*dst = folio_alloc(GFP_HIGHUSER_MOVABLE, folio_order(src));
	return *dst;
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
	struct folio *dst = NULL, *left, *next;
	LIST_HEAD(list);
	int ret;

	if (!IS_ENABLED(CONFIG_MIGRATION))
		kunit_skip(f->test, "needs CONFIG_MIGRATION");
	lru_add_drain_all();
	if (!folio_isolate_lru(folio))
		return -EBUSY;
	mod_node_page_state(pgdat, item, folio_nr_pages(folio));
	list_add(&folio->lru, &list);
	ret = migrate_pages(&list, new_folio, put_new_folio, (unsigned long)&dst, MIGRATE_SYNC,
			    MR_SYSCALL, NULL);
	list_for_each_entry_safe(left, next, &list, lru) {
		list_del(&left->lru);
		mod_node_page_state(pgdat, item, -folio_nr_pages(left));
		folio_putback_lru(left);
	}
	if (!ret && f->folio == folio)
		f->folio = dst;
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

/**
 * fxa_drain() - give back what the LRU batches of all CPUs hold
 */
void fxa_drain(void)
{
	lru_add_drain_all();
}
EXPORT_SYMBOL_NS_GPL(fxa_drain, COMPAT_NS(FOLIO_KUNIT));

#endif
