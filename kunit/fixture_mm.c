// SPDX-License-Identifier: GPL-2.0
/*
 * Address spaces of the folio suites: several mms in one case, mappings of the
 * fixture's file in them, faults, and a page-table walk of our own to compare
 * the mapcounts with.
 */
#include <linux/kthread.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "fixture.h"
#include "../module/compat.h"

/* vm_mmap() takes bytes as an unsigned long, and 32 bits of them are not enough. */
#if __has_include(<kunit/mm.h>)
#include <kunit/mm.h>
#define MAX_MMAP_POS	MAX_LFS_FILESIZE
#else
#define MAX_MMAP_POS	((loff_t)min_t(u64, ULONG_MAX, MAX_LFS_FILESIZE))
#define vm_mmap_pgoff(file, addr, len, prot, flags, index)	\
	vm_mmap(file, addr, len, prot, flags, (index) << PAGE_SHIFT)
#endif

static void put_mm(void *mm)
{
	mmput(mm);
}

/**
 * fxt_mm_alloc() - allocate an empty address space that khugepaged never looks at
 *
 * On a slow machine it would put together what a case takes apart, and lock a folio
 * while a case looks at it. An mm that claims to be on its list is not put there; its
 * exit looks for the entry and does without.
 *
 * Return: an mm that fxt_switch_mm() can make current, or NULL. mmput() ends it.
 */
struct mm_struct *fxt_mm_alloc(void)
{
	struct mm_struct *mm = mm_alloc();

	if (mm) {
		mm->task_size = TASK_SIZE;
		arch_pick_mmap_layout(mm, &current->signal->rlim[RLIMIT_STACK]);
		mm_flags_set(MMF_VM_HUGEPAGE, mm);
	}
	return mm;
}
EXPORT_SYMBOL_NS_GPL(fxt_mm_alloc, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_new_mm() - make an empty address space
 * @test: the case; it holds the reference until it ends
 *
 * Return: an mm that fxt_switch_mm() can make current. A failure ends the case.
 */
struct mm_struct *fxt_new_mm(struct kunit *test)
{
	struct mm_struct *mm = fxt_mm_alloc();

	KUNIT_ASSERT_NOT_NULL(test, mm);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, put_mm, mm));
	return mm;
}
EXPORT_SYMBOL_NS_GPL(fxt_new_mm, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_switch_mm() - make an address space the current one of the case's thread
 * @mm: one that fxt_new_mm() made, or NULL to use none
 *
 * A case may end with an mm in use; the thread's exit gives it back.
 */
void fxt_switch_mm(struct mm_struct *mm)
{
	struct mm_struct *old = current->mm;

	if (old) {
		kthread_unuse_mm(old);
		mmput(old);
	}
	if (mm) {
		/* What exit_mm() drops when the thread ends with the mm in use. */
		mmget(mm);
		kthread_use_mm(mm);
	}
}
EXPORT_SYMBOL_NS_GPL(fxt_switch_mm, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_mmap() - map part of the fixture's file in the current mm
 * @fx: the fixture
 * @addr: user address, page aligned; whatever is mapped there is replaced
 * @index: page index in the file of the first page
 * @nr_pages: number of pages
 * @prot: PROT_READ, PROT_WRITE
 * @flags: MAP_SHARED or MAP_PRIVATE
 *
 * Context: fxt_switch_mm() has set an mm. Takes mmap_lock for writing. Faults
 * nothing in.
 *
 * Return: @addr. A failure ends the case.
 */
unsigned long fxt_mmap(struct folio_fixture *fx, unsigned long addr,
		       pgoff_t index, unsigned long nr_pages,
		       unsigned long prot, unsigned long flags)
{
	unsigned long ret;

	KUNIT_ASSERT_NOT_NULL_MSG(fx->test, current->mm, "no mm: call fxt_switch_mm()");
	if (FXT_POS(index) > MAX_MMAP_POS)
		kunit_skip(fx->test, "needs the exported vm_mmap_pgoff()");
	ret = vm_mmap_pgoff(fxt_file(fx), addr, nr_pages << PAGE_SHIFT, prot,
			    flags | MAP_FIXED, index);
	KUNIT_ASSERT_EQ_MSG(fx->test, addr, ret, "mmap %lu pages at index %lu",
			    nr_pages, index);
	return addr;
}
EXPORT_SYMBOL_NS_GPL(fxt_mmap, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_touch() - access one byte of each page of a user range, as user space would
 * @test: the case
 * @addr: user address
 * @nr_pages: number of pages
 * @write: write the byte that was read back to its place
 *
 * A fault that is refused fails the case.
 */
void fxt_touch(struct kunit *test, unsigned long addr, unsigned long nr_pages,
	       bool write)
{
	unsigned long i;

	for (i = 0; i < nr_pages; i++) {
		u8 __user *at = (u8 __user *)(addr + (i << PAGE_SHIFT));
		u8 byte;

		KUNIT_ASSERT_EQ_MSG(test, 0, get_user(byte, at), "read page %lu", i);
		if (write)
			KUNIT_ASSERT_EQ_MSG(test, 0, put_user(byte, at), "write page %lu", i);
	}
}
EXPORT_SYMBOL_NS_GPL(fxt_touch, COMPAT_NS(FOLIO_KUNIT));

/* The PMD that covers an address, NULL where no table has been allocated. */
pmd_t *fxt_find_pmd(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;
	pud_t *pud;
	pmd_t *pmd;

	if (pgd_none(*pgd))
		return NULL;
	p4d = p4d_offset(pgd, addr);
	if (p4d_none(*p4d))
		return NULL;
	pud = pud_offset(p4d, addr);
	if (pud_none(*pud))
		return NULL;
	pmd = pmd_offset(pud, addr);
	return pmd_none(*pmd) ? NULL : pmd;
}
EXPORT_SYMBOL_NS_GPL(fxt_find_pmd, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_walk_mm() - count in the page tables what maps a folio
 * @mm: the address space to walk
 * @addr: first user address
 * @nr_pages: number of pages to walk
 * @folio: the folio to look for
 *
 * Reads the tables without the rmap, so that the mapcounts have something to be
 * compared with that does not share their bugs.
 *
 * Context: takes mmap_lock for reading. Nobody else may change the tables.
 *
 * Return: the number of PTEs and PMDs that map @folio.
 */
struct fxt_walk fxt_walk_mm(struct mm_struct *mm, unsigned long addr,
			    unsigned long nr_pages, struct folio *folio)
{
	unsigned long end = addr + (nr_pages << PAGE_SHIFT);
	struct fxt_walk walk = {};

	mmap_read_lock(mm);
	while (addr < end) {
		pmd_t *pmd = fxt_find_pmd(mm, addr);
		pte_t pte;

		if (!pmd || pmd_leaf(*pmd)) {
			if (pmd)
				walk.pmds += page_folio(pmd_page(*pmd)) == folio;
			addr = ALIGN_DOWN(addr, PMD_SIZE) + PMD_SIZE;
			continue;
		}
		pte = ptep_get(pte_offset_kernel(pmd, addr));
		if (pte_present(pte))
			walk.ptes += page_folio(pte_page(pte)) == folio;
		addr += PAGE_SIZE;
	}
	mmap_read_unlock(mm);
	return walk;
}
EXPORT_SYMBOL_NS_GPL(fxt_walk_mm, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_read_ptes() - read what the page tables say of each page of a range
 * @mm: the address space
 * @addr: first user address, page aligned
 * @nr_pages: number of pages
 * @ptes: where to put one entry a page
 *
 * Where fxt_walk_mm() counts, this tells which page is where.
 *
 * Context: takes mmap_lock for reading. Nobody else may change the tables.
 */
void fxt_read_ptes(struct mm_struct *mm, unsigned long addr,
		   unsigned long nr_pages, struct fxt_pte *ptes)
{
	unsigned long i;

	mmap_read_lock(mm);
	for (i = 0; i < nr_pages; i++, addr += PAGE_SIZE) {
		pmd_t *pmd = fxt_find_pmd(mm, addr);
		pte_t pte;

		ptes[i] = (struct fxt_pte) {};
		if (!pmd)
			continue;
		if (pmd_leaf(*pmd)) {
			ptes[i].page = pmd_page(*pmd) + ((addr & ~PMD_MASK) >> PAGE_SHIFT);
			ptes[i].pmd = true;
			ptes[i].write = pmd_write(*pmd);
			ptes[i].dirty = pmd_dirty(*pmd);
			continue;
		}
		pte = ptep_get(pte_offset_kernel(pmd, addr));
		if (!pte_present(pte))
			continue;
		ptes[i].page = pte_page(pte);
		ptes[i].write = pte_write(pte);
		ptes[i].dirty = pte_dirty(pte);
	}
	mmap_read_unlock(mm);
}
EXPORT_SYMBOL_NS_GPL(fxt_read_ptes, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_end_mm() - end an address space before the case does, as an exit would
 * @test: the case
 * @mm: one that fxt_new_mm() made; must not be the current one
 *
 * All that is mapped in @mm is unmapped when this returns, and @mm is gone.
 */
void fxt_end_mm(struct kunit *test, struct mm_struct *mm)
{
	KUNIT_ASSERT_PTR_NE(test, mm, current->mm);
	KUNIT_ASSERT_EQ(test, 1, atomic_read(&mm->mm_users));
	kunit_release_action(test, put_mm, mm);
}
EXPORT_SYMBOL_NS_GPL(fxt_end_mm, COMPAT_NS(FOLIO_KUNIT));
