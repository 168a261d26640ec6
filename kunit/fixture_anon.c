// SPDX-License-Identifier: GPL-2.0
/*
 * Anonymous memory of the folio suites: folios of a chosen order, in address
 * spaces that are forks of each other, and what is written to them and read.
 * fixture_anon_walk.c reads their page tables, fixture_anon_ops.c does the rest.
 *
 * Needs the KUnit exports of the patch series. Without them fxa_start() skips
 * the case, and the rest is stubs.
 */
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "fixture.h"
#include "../module/compat.h"

#if __has_include(<kunit/mm.h>)
#include <kunit/mm.h>
#include <linux/huge_mm.h>

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

/* Only fxa_set_orders() has a say in the case. */
static void take_orders(struct kunit *test)
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

#else

static void take_orders(struct kunit *test)
{
}

#endif

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

	if (order)
		fxt_need_large_pages(test);
	if (order > FXA_MAX_ORDER)
		kunit_skip(test, "order %u > %u, a PMD's is %u", order, FXA_MAX_ORDER,
			   FXA_PMD_ORDER);
	f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, f);
	f->test = test;
	f->order = order;
	f->nr = 1UL << order;
	f->pmd = pmd;
	KUNIT_ASSERT_EQ(test, 0, fxt_stay_on_cpu(test));
	take_orders(test);
	fxa_set_orders(f, 0);
	fxa_begin_counts(f);
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

static void put_mm(void *mm)
{
	mmput(mm);
}

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
	fxa_drain();
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
			KUNIT_FAIL(f->test,
				   "mm %u, page %lu: %016llx, not %016llx (%d), %s %lu, order %u",
				   mm, i, got, data_word(tag, i, w), err, when, arg, f->order);
			f->reported = true;
			return;
		}
	}
}
EXPORT_SYMBOL_NS_GPL(fxa_expect_data, COMPAT_NS(FOLIO_KUNIT));

#else /* no KUnit exports */

struct fxa *fxa_start(struct kunit *test, unsigned int order, bool pmd)
{
	kunit_skip(test, "needs the KUnit exports of the patch series");
	return NULL;
}
EXPORT_SYMBOL_NS_GPL(fxa_start, COMPAT_NS(FOLIO_KUNIT));

/* Of all three files: no case comes as far as to call one. */
#define STUB(type, name, ...)					\
	type name(__VA_ARGS__) { return (type)0; }		\
	EXPORT_SYMBOL_NS_GPL(name, COMPAT_NS(FOLIO_KUNIT))
#define ULONG	unsigned long
#define RANGE	unsigned int mm, ULONG addr, ULONG first, ULONG nr
#define WHEN	const char *when, ULONG arg

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
STUB(void, fxa_expect_data, struct fxa *f, RANGE, int tag, WHEN);
STUB(void, fxa_expect_state, struct fxa *f, RANGE, unsigned int mask, unsigned int want, WHEN);
STUB(void, fxa_expect, struct fxa *f, WHEN);
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
