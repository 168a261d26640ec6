// SPDX-License-Identifier: GPL-2.0
/*
 * mm_filemap_fault: what faults of file mappings make of a page cache that holds
 * folios of order 0 to 9: fault-around, reads of what is not there, poison, EOF.
 */
#include <linux/highmem.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/percpu_counter.h>
#include <linux/uaccess.h>

#include "filemap_io_model.h"

#define USER_ADDR	0x10000000UL

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

static long rss_file(void)
{
	return percpu_counter_sum(&current->mm->rss_stat[MM_FILEPAGES]);
}

/* The file's bytes as user space sees them. */
static void expect_user(struct folio_fixture *fx, u8 *buf, unsigned long addr, loff_t pos,
			size_t len)
{
	KUNIT_ASSERT_EQ_MSG(fx->test, 0, copy_from_user(buf, (void __user *)addr, len),
			    "%zu at %lld", len, pos);
	fxt_expect_buffer(fx, buf, pos, len);
	memset(buf, UNTOUCHED, len);
}

/* Maps @nr pages, faults on one, and looks at what fault-around mapped with it. */
static void check_fault_around(struct folio_fixture *fx, struct folio *folios[], u8 *buf,
			       pgoff_t index, unsigned long nr, unsigned long touch)
{
	unsigned long addr = fxt_mmap(fx, USER_ADDR, index, nr, PROT_READ, MAP_SHARED);
	struct kunit *test = fx->test;
	unsigned long mapped = 0;
	unsigned int i;

	expect_user(fx, buf, addr + (touch << PAGE_SHIFT), FXT_POS(index + touch), 8);
	for (i = 0; i < NR_MIXED; i++) {
		struct fxt_walk walk = fxt_walk_mm(current->mm, addr, nr, folios[i]);

		KUNIT_EXPECT_EQ_MSG(test, folio_mapcount(folios[i]), walk.ptes,
				    "folio %u, page %lu of %lu + %lu", i, touch, index, nr);
		mapped += walk.ptes;
	}
	KUNIT_EXPECT_EQ_MSG(test, rss_file(), mapped, "page %lu of %lu + %lu", touch, index, nr);
	expect_user(fx, buf, addr, FXT_POS(index), nr << PAGE_SHIFT);
	KUNIT_EXPECT_EQ_MSG(test, rss_file(), nr, "page %lu of %lu + %lu", touch, index, nr);
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(addr, nr << PAGE_SHIFT));
	KUNIT_EXPECT_EQ_MSG(test, rss_file(), 0, "page %lu of %lu + %lu", touch, index, nr);
}

/* Windows of the file that start and end inside folios. */
static void fault_around_mixed(struct kunit *test)
{
	static const struct { pgoff_t index, nr; } windows[] = {
		{ 0, MIXED_PAGES }, { 5, 20 }, { 33, 16 }, { 63, 10 }, { 70, 3 },
	};
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	struct folio *folios[NR_MIXED];
	u8 *buf = new_buffer(test);
	unsigned long touch;
	unsigned int w;

	add_mixed(fx, folios);
	fxt_switch_mm(fxt_new_mm(test));
	for (w = 0; w < ARRAY_SIZE(windows); w++)
		for (touch = 0; touch < windows[w].nr; touch += 1 + windows[w].nr / 12)
			check_fault_around(fx, folios, buf, windows[w].index, windows[w].nr, touch);
	KUNIT_EXPECT_EQ(test, fxt_count_calls(fx, FXT_READ_FOLIO), 0);
	release_mixed(fx, folios);
}

#ifdef CONFIG_MEMORY_FAILURE
/*
 * Maps a folio, one page of which is poisoned, where no PMD could map it whole. It is
 * dirty: a clean one would be dropped and read again.
 */
static struct page *map_with_poison(struct folio_fixture *fx, unsigned int order,
				    unsigned long addr, unsigned long bad, unsigned long prot)
{
	struct folio *folio = fxt_add_folio(fx, 1UL << order, order, FXT_DIRTY);
	struct kunit *test = fx->test;

	KUNIT_ASSERT_EQ(test, folio_order(folio), order);
	fxt_switch_mm(fxt_new_mm(test));
	fxt_mmap(fx, addr, folio->index, 1UL << order, prot, MAP_SHARED);
	SetPageHWPoison(folio_page(folio, bad));
	return folio_page(folio, bad);
}

static void unmap_with_poison(struct kunit *test, struct page *page, unsigned long addr)
{
	struct folio *folio = page_folio(page);

	KUNIT_EXPECT_EQ(test, rss_file(), folio_mapcount(folio));
	KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
	ClearPageHWPoison(page);
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(addr, folio_size(folio)));
	KUNIT_EXPECT_EQ(test, folio_mapcount(folio), 0);
}
#endif

/*
 * A poisoned page of a healthy folio is not mapped by its neighbours' faults,
 * and cannot be touched; the others can.
 */
static void fault_around_poison(struct kunit *test)
{
#ifdef CONFIG_MEMORY_FAILURE
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order, addr = USER_ADDR + PAGE_SIZE, bad = nr / 3, i;
	struct page *page = map_with_poison(fx, order, addr, bad, PROT_READ);
	u8 *buf = new_buffer(test);

	for (i = 0; i < nr; i += 1 + nr / 32) {
		void __user *at = (void __user *)addr + (i << PAGE_SHIFT);

		KUNIT_EXPECT_EQ_MSG(test, copy_from_user(buf, at, 8), i == bad ? 8 : 0,
				    "page %lu, %lu is poisoned", i, bad);
		if (i != bad)
			fxt_expect_buffer(fx, buf, FXT_POS(nr + i), 8);
	}
	KUNIT_EXPECT_EQ(test, 8, copy_from_user(buf, (void __user *)addr + (bad << PAGE_SHIFT), 8));
	unmap_with_poison(test, page, addr);
#else
	kunit_skip(test, "needs CONFIG_MEMORY_FAILURE");
#endif
}

/* Nor is it by a write to one of them, which may map as much of the folio as it can. */
static void fault_write_beside_poison(struct kunit *test)
{
#ifdef CONFIG_MEMORY_FAILURE
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order, addr = USER_ADDR + PAGE_SIZE, bad = nr / 3, i;
	struct page *page;
	u64 word;

	fxt_need_fix(test, "mm/memory: do not map poisoned pages of a folio with the one that faults");
	page = map_with_poison(fx, order, addr, bad, PROT_READ | PROT_WRITE);
	if (order)
		folio_set_has_hwpoisoned(page_folio(page));
	for (i = 0; i < nr; i += 1 + nr / 32) {
		u64 __user *at = (u64 __user *)(addr + (i << PAGE_SHIFT));

		if (i == bad)
			continue;
		KUNIT_EXPECT_EQ_MSG(test, 0, put_user(i, at), "page %lu", i);
		KUNIT_EXPECT_EQ_MSG(test, 0, get_user(word, at), "page %lu", i);
		KUNIT_EXPECT_EQ_MSG(test, word, i, "page %lu", i);
		KUNIT_EXPECT_NE_MSG(test, 0, get_user(word, (u64 __user *)(addr + (bad << PAGE_SHIFT))),
				    "page %lu written, %lu is poisoned", i, bad);
	}
	if (order)
		folio_clear_has_hwpoisoned(page_folio(page));
	unmap_with_poison(test, page, addr);
#else
	kunit_skip(test, "needs CONFIG_MEMORY_FAILURE");
#endif
}

/* A fault reads what is not there, or not uptodate, once and whole. */
static void fault_reads_folio(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = fxt_create(test, order, FXT_MAX_ORDER);
	unsigned long nr = 1UL << order;
	const struct fxt_range want[] = { { nr, order }, { 2 * nr, order } };
	struct folio *folio = fxt_add_folio(fx, nr, order, FXT_NOT_UPTODATE);
	u8 *buf = new_buffer(test);
	unsigned long addr;

	KUNIT_ASSERT_EQ(test, folio_order(folio), order);
	folio_zero_segment(folio, 0, folio_size(folio));
	fxt_switch_mm(fxt_new_mm(test));
	addr = fxt_mmap(fx, USER_ADDR, nr, 2 * nr, PROT_READ, MAP_SHARED);
	expect_user(fx, buf, addr + (nr << PAGE_SHIFT) - 8, FXT_POS(2 * nr) - 8, 16);
	fxt_expect_layout(fx, want, 2);
	KUNIT_EXPECT_EQ(test, fxt_count_calls(fx, FXT_READ_FOLIO), 2);
	KUNIT_EXPECT_NOT_NULL(test, fxt_find_call(fx, FXT_READ_FOLIO, nr));
	KUNIT_EXPECT_NOT_NULL(test, fxt_find_call(fx, FXT_READ_FOLIO, 2 * nr));
	KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));

	/* One that cannot be read is no page of the file. */
	folio_get(folio);
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(addr, 2 * nr << PAGE_SHIFT));
	folio_clear_uptodate(folio);
	fxt_mapping(fx)->a_ops = &failing_aops;
	fxt_mmap(fx, USER_ADDR, nr, nr, PROT_READ, MAP_SHARED);
	KUNIT_EXPECT_EQ(test, 1, copy_from_user(buf, (void __user *)addr, 1));
	KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
	truncate_inode_pages(fxt_mapping(fx), 0);
	fxt_drain_lru();
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), 1);
	folio_put(folio);
}

/* The first write to a page makes its whole folio dirty, once; a read makes none so. */
static void fault_write_dirties(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	struct xarray *pages = &fxt_mapping(fx)->i_pages;
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order, addr = USER_ADDR;
	struct folio *folio = fxt_add_folio(fx, nr, order, 0);
	struct folio *other = fxt_add_folio(fx, 0, order, 0);
	pgoff_t i;

	KUNIT_ASSERT_EQ(test, folio_order(folio), order);
	fxt_switch_mm(fxt_new_mm(test));
	fxt_mmap(fx, addr, 0, 2 * nr, PROT_READ | PROT_WRITE, MAP_SHARED);
	fxt_touch(test, addr, 2 * nr, false);
	KUNIT_EXPECT_FALSE(test, folio_test_dirty(folio));
	fxt_touch(test, addr + ((2 * nr - 1) << PAGE_SHIFT), 1, true);
	KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
	KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
	KUNIT_EXPECT_FALSE(test, folio_test_dirty(other));
	for (i = 0; i < 2 * nr; i++)
		KUNIT_EXPECT_EQ_MSG(test, xa_get_mark(pages, i, PAGECACHE_TAG_DIRTY), i >= nr,
				    "index %lu", i);
	KUNIT_EXPECT_NOT_NULL(test, fxt_find_call(fx, FXT_DIRTY_FOLIO, nr));
	KUNIT_EXPECT_NULL(test, fxt_find_call(fx, FXT_DIRTY_FOLIO, 0));
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(addr, 2 * nr << PAGE_SHIFT));
	fxt_expect_stamped(fx, 0, FXT_POS(nr) + PAGE_SIZE);
}

/* Past EOF is past the file, in the middle of a folio as at its end. */
static void fault_past_eof(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test), i;
	unsigned long nr = 1UL << order;
	const unsigned long pages[] = { 1, nr / 2, nr - 1, nr };
	struct folio *folio = fxt_add_folio(fx, 0, order, 0);
	u8 *buf = new_buffer(test);

	KUNIT_ASSERT_EQ(test, folio_order(folio), order);
	fxt_switch_mm(fxt_new_mm(test));
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		unsigned long addr = USER_ADDR, n = pages[i];
		loff_t eof = FXT_POS(n);

		if (!n)
			continue;
		/* A byte of the last page is enough to have the page. */
		i_size_write(&fx->inode, eof - PAGE_SIZE + 1);
		fxt_mmap(fx, addr, 0, 2 * nr, PROT_READ, MAP_SHARED);
		KUNIT_EXPECT_EQ_MSG(test, 1, copy_from_user(buf, (void __user *)addr + eof, 1),
				    "first page past %lu of %lu", n, nr);
		expect_user(fx, buf, addr + eof - PAGE_SIZE, eof - PAGE_SIZE, 1);
		expect_user(fx, buf, addr, 0, 1);
		KUNIT_EXPECT_EQ_MSG(test, 1, copy_from_user(buf, (void __user *)addr + eof, 1),
				    "first page past %lu of %lu, again", n, nr);
		KUNIT_EXPECT_LE_MSG(test, rss_file(), n, "%lu of %lu", n, nr);
		KUNIT_ASSERT_EQ(test, 0, vm_munmap(addr, 2 * nr << PAGE_SHIFT));
	}
}

static struct kunit_case filemap_fault_cases[] = {
	KUNIT_CASE(fault_around_mixed),
	KUNIT_CASE_PARAM(fault_around_poison, order_gen_params),
	KUNIT_CASE_PARAM(fault_write_beside_poison, order_gen_params),
	KUNIT_CASE_PARAM(fault_reads_folio, order_gen_params),
	KUNIT_CASE_PARAM(fault_write_dirties, order_gen_params),
	KUNIT_CASE_PARAM(fault_past_eof, order_gen_params),
	{}
};

static struct kunit_suite filemap_fault_suite = {
	.name = "mm_filemap_fault",
	.init = fxt_stay_on_cpu,
	.test_cases = filemap_fault_cases,
};

kunit_test_suite(filemap_fault_suite);

MODULE_DESCRIPTION("KUnit suite of faults of file mappings");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_LICENSE("GPL");
