// SPDX-License-Identifier: GPL-2.0
/*
 * mm_failure_map: memory that cannot be had for a fault, a fork, or to move, protect
 * or unmap part of a mapping. failure_model.h tells how each case goes about it.
 */
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>

#include "failure_model.h"

#if __has_include(<kunit/mm.h>)
#include <kunit/mm.h>
#define HAS_EXPORTS
#endif

#define MAP_AT		ALIGN_DOWN(TASK_SIZE / 4, PMD_SIZE)
#define MOVE_TO		(MAP_AT + 16 * PMD_SIZE)

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

/* Pages of all kinds, anonymous and of files, that are mapped; swap entries too. */
static long rss(struct mm_struct *mm)
{
	long sum = 0;
	int i;

	for (i = 0; i < NR_MM_COUNTERS; i++)
		sum += percpu_counter_sum(&mm->rss_stat[i]);
	return sum;
}

/* What one address space must have given back when a call failed or was undone. */
static void expect_mm(struct kunit *test, struct mm_struct *mm, long pages, unsigned long vm,
		      unsigned long committed)
{
	KUNIT_EXPECT_EQ(test, pages, rss(mm));
	KUNIT_EXPECT_EQ(test, vm, mm->total_vm);
	KUNIT_EXPECT_FALSE(test, rwsem_is_locked(&mm->mmap_lock));
	KUNIT_EXPECT_EQ(test, committed, vm_memory_committed());
}

struct access {
	const char *name;
	unsigned long prot;
	unsigned long flags;
	bool write;
};

static const struct access accesses[] = {
	{ "read shared", PROT_READ, MAP_SHARED, false },
	{ "write shared", PROT_READ | PROT_WRITE, MAP_SHARED, true },
	{ "read private", PROT_READ | PROT_WRITE, MAP_PRIVATE, false },
	{ "write private", PROT_READ | PROT_WRITE, MAP_PRIVATE, true },
};

/* Reads a byte by a fault, and may write another to its place. */
static int access_byte(unsigned long addr, bool write, u8 *byte)
{
	u8 __user *at = (u8 __user *)addr;

	if (write)
		return put_user(*byte, at);
	return get_user(*byte, at);
}

static void try_fault(struct trials *t, const struct access *a, unsigned int order, bool cached)
{
	const unsigned long nr = 1UL << order, page = nr * 3 / 8;
	struct folio_fixture *fx = t->fx;
	struct mm_struct *mm = current->mm;
	struct kunit *test = t->test;

	while (next_trial(t)) {
		u8 byte = 0x7e, want;	/* as no stamp is */
		unsigned long committed;
		struct folio *folio;
		int err;

		clear(fx);
		committed = vm_memory_committed();
		if (cached)
			fxt_add_folio(fx, FIRST, order, 0);
		fxt_mmap(fx, MAP_AT, FIRST, nr, a->prot, a->flags);
		begin(t);
		err = access_byte(MAP_AT + (page << PAGE_SHIFT), a->write, &byte);
		end(t);
		KUNIT_EXPECT_TRUE(test, err == 0 || (err == -EFAULT && t->failed));
		if (t->rest && t->nth == 1)
			KUNIT_EXPECT_EQ(test, -EFAULT, err);
		if (err && a->write)
			KUNIT_EXPECT_FALSE(test, mapping_tagged(fxt_mapping(fx),
								PAGECACHE_TAG_DIRTY));
		if (err)
			err = access_byte(MAP_AT + (page << PAGE_SHIFT), a->write, &byte);
		KUNIT_EXPECT_EQ_MSG(test, 0, err, "when tried again");
		want = byte;
		KUNIT_EXPECT_EQ(test, 0, access_byte(MAP_AT + (page << PAGE_SHIFT), false, &byte));
		KUNIT_EXPECT_EQ(test, want, byte);
		if (!a->write)
			fxt_expect_buffer(fx, &byte, FXT_POS(FIRST + page), 1);
		KUNIT_EXPECT_GT(test, rss(mm), 0);
		vm_munmap(MAP_AT, nr << PAGE_SHIFT);
		expect_mm(test, mm, 0, 0, committed);
		folio = filemap_get_folio(fxt_mapping(fx), FIRST + page);
		KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
		KUNIT_EXPECT_FALSE(test, folio_mapped(folio));
		folio_put(folio);
		/* The byte that was written to a shared page is not the file's. */
		if (a->write && a->flags == MAP_SHARED) {
			fxt_expect_stamped(fx, FXT_POS(FIRST), FXT_POS(FIRST + page));
			fxt_expect_stamped(fx, FXT_POS(FIRST + page) + 1, FXT_POS(FIRST + nr));
		} else if (cached) {
			fxt_expect_stamped(fx, FXT_POS(FIRST), FXT_POS(FIRST + nr));
		}
		expect_folios(fx, a->write && a->flags == MAP_SHARED);
	}
	end_trials(t);
}

static void fault_each_failure(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	struct folio_fixture *fx = fxt_create(test, order, MAX_PAGECACHE_ORDER);
	struct trials t = start_trials(fx);

	fxt_switch_mm(fxt_new_mm(test));
	for (i = 0; i < ARRAY_SIZE(accesses); i++) {
		/* Not all of it: the page tables are the same for each order. */
		first_trial(&t, accesses[i].name);
		try_fault(&t, &accesses[i], order, (i + order) % 2);
	}
}

#ifdef HAS_EXPORTS
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
static void restore_orders(void *orders)
{
	WRITE_ONCE(huge_anon_orders_always, (unsigned long)orders);
}
#endif

/* Anonymous faults may take folios of these @orders until the case ends. */
static void allow_orders(struct kunit *test, unsigned long orders)
{
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, restore_orders,
							   (void *)huge_anon_orders_always));
	WRITE_ONCE(huge_anon_orders_always, orders);
#endif
}

static void map_anon(struct kunit *test, unsigned long addr, unsigned long nr)
{
	KUNIT_ASSERT_EQ(test, addr, vm_mmap(NULL, addr, nr << PAGE_SHIFT, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0));
}

/* Of nr pages those that hold their number, as put_numbers() made them; -1: a fault failed. */
static long count_numbers(unsigned long addr, unsigned long nr)
{
	unsigned long i, word, right = 0;

	for (i = 0; i < nr; i++) {
		if (get_user(word, (unsigned long __user *)(addr + (i << PAGE_SHIFT))))
			return -1;
		right += word == i + 1;
	}
	return right;
}

static int put_numbers(unsigned long addr, unsigned long nr)
{
	unsigned long i;

	for (i = 0; i < nr; i++)
		if (put_user(i + 1, (unsigned long __user *)(addr + (i << PAGE_SHIFT))))
			return -EFAULT;
	return 0;
}
#endif

/* No memory for a large anonymous folio: a smaller one, or a fault that says so. */
static void fault_anon_each_failure(struct kunit *test)
{
#ifdef HAS_EXPORTS
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = fxt_create(test, 0, 0);
	unsigned long __user *at = (unsigned long __user *)(MAP_AT + PAGE_SIZE);
	/* Anonymous folios have no order 1: there, several orders to choose from. */
	const unsigned long orders = order == 1 ? BIT(6) | BIT(4) | BIT(2) : order ? BIT(order) : 0;
	const unsigned int want = orders ? fls(orders) - 1 : 0;
	const unsigned long nr = max(1UL << want, 8UL);
	struct trials t = start_trials(fx);
	struct mm_struct *mm;

	allow_orders(test, orders);
	mm = fxt_new_mm(test);
	fxt_switch_mm(mm);
	first_trial(&t, "anonymous");
	while (next_trial(&t)) {
		unsigned long word = 0, committed = vm_memory_committed();
		struct fxt_pte pte;
		int err;

		map_anon(test, MAP_AT, nr);
		begin(&t);
		err = put_user(7UL, at);
		end(&t);
		KUNIT_EXPECT_TRUE(test, err == 0 || (err == -EFAULT && t.failed));
		if (t.rest && t.nth == 1)
			KUNIT_EXPECT_EQ(test, -EFAULT, err);
		if (err) {
			KUNIT_EXPECT_EQ(test, 0, rss(mm));
			err = put_user(7UL, at);
		}
		KUNIT_EXPECT_EQ_MSG(test, 0, err, "when tried again");
		fxt_read_ptes(mm, MAP_AT + PAGE_SIZE, 1, &pte);
		KUNIT_ASSERT_NOT_NULL(test, pte.page);
		if (!t.failed)
			KUNIT_EXPECT_EQ(test, want, folio_order(page_folio(pte.page)));
		if (folio_order(page_folio(pte.page)))
			KUNIT_EXPECT_TRUE(test, orders & BIT(folio_order(page_folio(pte.page))));
		KUNIT_EXPECT_EQ(test, folio_nr_pages(page_folio(pte.page)), rss(mm));
		KUNIT_EXPECT_EQ(test, folio_nr_pages(page_folio(pte.page)),
				folio_mapcount(page_folio(pte.page)) *
				(pte.pmd ? folio_nr_pages(page_folio(pte.page)) : 1));
		KUNIT_EXPECT_EQ(test, 0, get_user(word, at - PAGE_SIZE / sizeof(word)));
		KUNIT_EXPECT_EQ(test, 0, word);
		KUNIT_EXPECT_EQ(test, 0, get_user(word, at));
		KUNIT_EXPECT_EQ(test, 7, word);
		vm_munmap(MAP_AT, nr << PAGE_SHIFT);
		expect_mm(test, mm, 0, 0, committed);
	}
	end_trials(&t);
#else
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
}

/*
 * The parent of a fork that fails keeps all that it had, and nothing remains of
 * the child: neither references nor mapcounts.
 */
static void fork_each_failure(struct kunit *test)
{
#ifdef HAS_EXPORTS
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	const unsigned long nr = max(1UL << order, 4UL), half = nr / 2;
	struct trials t = start_trials(fx);
	struct mm_struct *mm;
	struct fxt_pte pte;
	struct folio *folio, *anon;
	long before;
	int refs;

	allow_orders(test, order > 1 ? BIT(order) : 0);
	mm = fxt_new_mm(test);
	fxt_switch_mm(mm);
	map_anon(test, MAP_AT, nr);
	KUNIT_ASSERT_EQ(test, 0, put_numbers(MAP_AT, nr));
	fxt_read_ptes(mm, MAP_AT, 1, &pte);
	KUNIT_ASSERT_NOT_NULL(test, pte.page);
	anon = page_folio(pte.page);
	/* A private mapping, half of it copied, over two page tables. */
	folio = fxt_add_folio(fx, FIRST, order, 0);
	fxt_mmap(fx, MOVE_TO - PAGE_SIZE, FIRST, 1UL << order, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	fxt_touch(test, MOVE_TO - PAGE_SIZE, 1UL << order, false);
	fxt_touch(test, MOVE_TO - PAGE_SIZE, (1UL << order) / 2, true);
	fxt_drain_lru();
	before = rss(mm);
	refs = folio_ref_count(folio);

	first_trial(&t, "dup_mm");
	while (next_trial(&t)) {
		int mapped = folio_mapcount(folio), mapped_anon = folio_mapcount(anon);
		unsigned long committed = vm_memory_committed(), vm = mm->total_vm;
		struct mm_struct *child;

		begin(&t);
		child = fxt_dup_mm(mm);
		end(&t);
		KUNIT_EXPECT_TRUE(test, child || t.failed);
		if (t.rest && t.nth == 1)
			KUNIT_EXPECT_NULL(test, child);
		if (child) {
			KUNIT_EXPECT_EQ(test, 2 * mapped_anon, folio_mapcount(anon));
			mmput(child);
		}
		expect_mm(test, mm, before, vm, committed);
		KUNIT_EXPECT_EQ(test, mapped, folio_mapcount(folio));
		KUNIT_EXPECT_EQ(test, refs, folio_ref_count(folio));
		KUNIT_EXPECT_EQ(test, mapped_anon, folio_mapcount(anon));
		KUNIT_EXPECT_EQ(test, nr, count_numbers(MAP_AT, nr));
		fxt_touch(test, MOVE_TO - PAGE_SIZE, 1UL << order, false);
	}
	end_trials(&t);
	/* Nobody shares the folio any longer, so writing copies nothing. */
	KUNIT_EXPECT_EQ(test, 0, put_numbers(MAP_AT, half));
	KUNIT_EXPECT_EQ(test, nr, count_numbers(MAP_AT, nr));
	KUNIT_EXPECT_EQ(test, before, rss(mm));
	vm_munmap(MAP_AT, nr << PAGE_SHIFT);
	vm_munmap(MOVE_TO - PAGE_SIZE, PAGE_SIZE << order);
	KUNIT_EXPECT_EQ(test, 0, rss(mm));
	expect_folios(fx, false);
#else
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
}

/* Pages that cannot be moved for want of page tables are where they were. */
static void mremap_each_failure(struct kunit *test)
{
#ifdef HAS_EXPORTS
	unsigned int order = fxt_order(test), i;
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	const unsigned long nr = max(1UL << order, 4UL), len = nr << PAGE_SHIFT;
	struct trials t = start_trials(fx);
	struct mm_struct *mm;

	allow_orders(test, order > 1 ? BIT(order) : 0);
	mm = fxt_new_mm(test);
	fxt_switch_mm(mm);
	/* To a place aligned as before, and across two page tables. */
	for (i = 0; i < 2; i++) {
		unsigned long to = MOVE_TO - i * 2 * PAGE_SIZE;

		first_trial(&t, i ? "across two page tables" : "aligned");
		while (next_trial(&t)) {
			unsigned long committed = vm_memory_committed();
			/* That a VMA which could not be unmapped is accounted is a fix. */
			bool strict = FXT_FIXED || !t.rest;
			unsigned long got, at;

			map_anon(test, MAP_AT, nr);
			KUNIT_ASSERT_EQ(test, 0, put_numbers(MAP_AT, nr));
			begin(&t);
			got = ksys_mremap(MAP_AT, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to);
			end(&t);
			KUNIT_EXPECT_TRUE(test, got == to || t.failed);
			if (got != to)
				KUNIT_EXPECT_EQ(test, -ENOMEM, (long)got);
			at = got == to ? to : MAP_AT;
			KUNIT_EXPECT_EQ(test, nr, count_numbers(at, nr));
			KUNIT_EXPECT_EQ(test, nr, rss(mm));
			/* To unmap what was made in vain needs memory too. */
			strict |= mm->total_vm == nr;
			if (strict)
				expect_mm(test, mm, nr, mm->total_vm, committed + mm->total_vm);
			if (got != to) {
				got = ksys_mremap(MAP_AT, len, len,
						  MREMAP_MAYMOVE | MREMAP_FIXED, to);
				KUNIT_EXPECT_EQ_MSG(test, to, got, "when tried again");
				KUNIT_EXPECT_EQ(test, nr, count_numbers(to, nr));
			}
			vm_munmap(MAP_AT, len);
			vm_munmap(to, len);
			expect_mm(test, mm, 0, 0, strict ? committed : vm_memory_committed());
		}
		end_trials(&t);
	}
#else
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
}

/* Protecting part of a mapping needs VMAs: all of it stays readable. */
static void mprotect_each_failure(struct kunit *test)
{
#ifdef HAS_EXPORTS
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	const unsigned long nr = max(1UL << order, 4UL), len = nr << PAGE_SHIFT;
	struct trials t = start_trials(fx);
	struct mm_struct *mm;

	allow_orders(test, order > 1 ? BIT(order) : 0);
	mm = fxt_new_mm(test);
	fxt_switch_mm(mm);
	first_trial(&t, "mprotect");
	while (next_trial(&t)) {
		unsigned long committed = vm_memory_committed();
		int err;

		map_anon(test, MAP_AT, nr);
		KUNIT_ASSERT_EQ(test, 0, put_numbers(MAP_AT, nr));
		begin(&t);
		err = do_mprotect_pkey(MAP_AT + PAGE_SIZE, 2 * PAGE_SIZE, PROT_READ, -1);
		end(&t);
		KUNIT_EXPECT_TRUE(test, err == 0 || (err == -ENOMEM && t.failed));
		KUNIT_EXPECT_EQ(test, nr, count_numbers(MAP_AT, nr));
		KUNIT_EXPECT_EQ(test, err ? 0 : -EFAULT, put_numbers(MAP_AT, nr));
		begin(&t);
		err = vm_munmap(MAP_AT + 2 * PAGE_SIZE, PAGE_SIZE);
		end(&t);
		KUNIT_EXPECT_TRUE(test, err == 0 || (err == -ENOMEM && t.failed));
		expect_mm(test, mm, err ? nr : nr - 1, err ? nr : nr - 1,
			  committed + (err ? nr : nr - 1));
		KUNIT_EXPECT_EQ(test, 2, count_numbers(MAP_AT, 2));
		KUNIT_EXPECT_EQ(test, err ? nr : -1, count_numbers(MAP_AT, nr));
		vm_munmap(MAP_AT, len);
		expect_mm(test, mm, 0, 0, committed);
	}
	end_trials(&t);
#else
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
}

static struct kunit_case failure_map_cases[] = {
	KUNIT_CASE_PARAM_ATTR(fault_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(fault_anon_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(fork_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(mremap_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(mprotect_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	{}
};

static struct kunit_suite failure_map_suite = {
	.name = "mm_failure_map",
	.init = fxt_stay_on_cpu,
	.test_cases = failure_map_cases,
};

kunit_test_suite(failure_map_suite);

MODULE_DESCRIPTION("KUnit suite of allocations that fail under mappings");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
