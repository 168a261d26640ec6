// SPDX-License-Identifier: GPL-2.0
/*
 * mm_memdesc_folio: the derived type of folios from their allocation to their end,
 * of free memory, and of the page tables that map it all.
 *
 *	folio_alloc()     order 0: unknown; larger: a file's, orphan
 *	in the page cache file, or shmem
 *	truncated, held   file, orphan
 *	faulted in        anon, also unmapped, as long as it is held
 *	freed             frozen in a per-CPU list, or buddy
 */
#include <linux/hugetlb.h>
#include <linux/ksm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/pgtable.h>
#include <linux/swap.h>

#include "memdesc_model.h"

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);
KUNIT_ARRAY_PARAM_DESC(anon, fxa_params, desc);

#define INDEX	1024UL
#define ADDR	FXA_AREA(0)

/* What a page that was just freed is: still in a list of this CPU, or merged. */
static void expect_free(struct kunit *test, const struct page *page, unsigned long i)
{
	struct memdesc_info mi = memdesc_of(page);
	bool frozen = mi.type == MEMDESC_MISC && mi.sub == MEMDESC_MISC_FROZEN;

	KUNIT_EXPECT_TRUE_MSG(test, frozen || mi.type == MEMDESC_BUDDY,
			      "page %lu has type %u/%u", i, mi.type, mi.sub);
}

/* A folio that nobody has put anywhere: only a large one shows that it is one. */
static void derive_new_folio(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	struct folio *folio = fxt_new_folio(fx, INDEX, order);

	if (order > 1)
		memdesc_expect_all(test, &folio->page, MEMDESC_IS(FILE, ORPHAN), order, "new");
	else if (!order)
		memdesc_expect_all(test, &folio->page, MISC_IS(UNKNOWN), order, "new");
	KUNIT_EXPECT_EQ(test, order, memdesc_of(&folio->page).order);
	folio_put(folio);
}

static void derive_file_folio(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	struct folio *folio = fxt_add_folio(fx, INDEX, order, FXT_DIRTY);

	memdesc_expect_all(test, &folio->page, MEMDESC_IS(FILE, PLAIN), order, "in the cache");
	folio_get(folio);
	/* On the LRU list, which is how one of order 0 is known without its file. */
	fxt_drain_lru();
	truncate_inode_pages(fxt_mapping(fx), 0);
	KUNIT_ASSERT_NULL(test, folio->mapping);
	memdesc_expect_all(test, &folio->page, MEMDESC_IS(FILE, ORPHAN), order, "truncated");
	folio_put(folio);
}

/* The memory of a folio is free when the last reference goes; on this CPU nobody takes it. */
static void derive_freed_folio(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	struct folio *folio = fxt_add_folio(fx, INDEX, order, 0);
	struct page *page = &folio->page;
	unsigned long i;

	fxt_drain_lru();
	folio_get(folio);
	truncate_inode_pages(fxt_mapping(fx), 0);
	preempt_disable();
	folio_put(folio);
	for (i = 0; i < 1UL << order; i++)
		expect_free(test, page + i, i);
	preempt_enable();
}

static void derive_shmem_folio(struct kunit *test)
{
#ifdef CONFIG_TMPFS
	static const char *const within_size[] = { "huge", "within_size", NULL };
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx;
	struct folio *folio;

	if (!COMPAT_TMPFS_ORDERS && order)
		kunit_skip(test, "needs tmpfs with folios of all orders");
	if (order == 1)
		kunit_skip(test, "tmpfs has no folios of order 1");
	fx = fxt_open_tmpfs(test, fxt_mount_tmpfs(test, order ? within_size : within_size + 2));
	folio = fxt_add_shmem(fx, INDEX, order);
	memdesc_expect_all(test, &folio->page, MEMDESC_IS(FILE, SHMEM), order, "tmpfs");
#else
	kunit_skip(test, "needs CONFIG_TMPFS");
#endif
}

static void derive_anon_folio(struct kunit *test)
{
	struct fxa *f = fxa_start_param(test);
	struct folio *folio;

	fxa_populate(f, 0, ADDR, 1, 1);
	folio = f->folio;
	folio_get(folio);
	memdesc_expect_all(test, &folio->page, MEMDESC_IS(ANON, PLAIN), f->order, "mapped");
	fxa_munmap(f, 0, ADDR, 0, f->nr);
	memdesc_expect_all(test, &folio->page, MEMDESC_IS(ANON, PLAIN), f->order, "unmapped");
	f->folio = NULL;
	folio_put(folio);
}

/* As KSM makes it: the same folio, whose mapping has one bit more. */
static void derive_ksm_folio(struct kunit *test)
{
	struct fxa *f = fxa_start(test, 0, false);
	struct address_space *mapping;

	fxa_populate(f, 0, ADDR, 1, 1);
	mapping = f->folio->mapping;
	f->folio->mapping = (void *)((unsigned long)mapping | FOLIO_MAPPING_KSM);
	memdesc_expect_all(test, &f->folio->page, MEMDESC_IS(KSM, PLAIN), 0, "shared");
	f->folio->mapping = mapping;
	memdesc_expect_all(test, &f->folio->page, MEMDESC_IS(ANON, PLAIN), 0, "alone again");
}

/* In the pool, with a file and anonymous: hugetlb says so by its type. */
static void derive_hugetlb_folio(struct kunit *test)
{
#ifdef CONFIG_HUGETLB_PAGE
	struct page *page = memdesc_pages(test, __GFP_COMP, 9);
	struct folio *folio = page_folio(page);

	__folio_set_hugetlb(folio);
	memdesc_expect_all(test, page, MEMDESC_IS(FILE, HUGETLB), 9, "used or not");
	folio->mapping = (void *)0x1000;
	memdesc_expect_all(test, page, MEMDESC_IS(FILE, HUGETLB), 9, "with a file");
	folio->mapping = (void *)(0x1000 | FOLIO_MAPPING_ANON);
	memdesc_expect_all(test, page, MEMDESC_IS(ANON, HUGETLB), 9, "anonymous");
	folio->mapping = NULL;
	__folio_clear_hugetlb(folio);
	memdesc_expect_all(test, page, MISC_IS(UNKNOWN), 9, "given back");
#else
	kunit_skip(test, "needs CONFIG_HUGETLB_PAGE");
#endif
}

/* Tables of an mm, from the one of entries to the one at the top. */
static void derive_page_tables(struct kunit *test)
{
	struct fxa *f = fxa_start(test, 0, false);
	struct page *page;
	pmd_t *pmd;

	fxa_populate(f, 0, ADDR, 1, 1);
	pmd = fxt_find_pmd(f->mm[0], ADDR);
	KUNIT_ASSERT_NOT_NULL(test, pmd);
	memdesc_expect_all(test, pmd_page(*pmd), MEMDESC_IS(PTDESC, PLAIN), 0, "PTEs");
	memdesc_expect_all(test, virt_to_page(pmd), MEMDESC_IS(PTDESC, PLAIN), 0, "PMDs");
	page = compound_head(virt_to_page(f->mm[0]->pgd));
	memdesc_expect(test, page, MEMDESC_IS(PTDESC, PLAIN), compound_order(page), 0, "PGDs");
	KUNIT_EXPECT_PTR_EQ(test, (void *)page, (void *)page_ptdesc_or_null(page));
}

/* A table of the kernel's own image has no constructor, and no descriptor. */
static void derive_kernel_page_table(struct kunit *test)
{
	struct fxa *f = fxa_start(test, 0, false);
	unsigned long addr = (unsigned long)&schedule;
	p4d_t *p4d = p4d_offset(pgd_offset(f->mm[0], addr), addr);
	struct page *page;

	if (p4d_leaf(*p4d))
		kunit_skip(test, "needs kernel text that is not mapped by the topmost table");
	page = virt_to_page(pud_offset(p4d, addr));
	memdesc_expect_all(test, page, MISC_IS(RESERVED), 0, "table of the image");
	KUNIT_EXPECT_NULL(test, page_ptdesc_or_null(page));
}

#define ENOUGH_BLOCKS	16

/*
 * Gives back blocks of an order whose buddies stay with the case, so that they cannot
 * merge; and many, for small ones go to the lists of the CPU until these are full.
 */
static void free_some(struct kunit *test, unsigned int order)
{
	unsigned int nr = max(2U * ENOUGH_BLOCKS, 8192U >> order), i, freed = 0;
	struct page **pages = kunit_kcalloc(test, nr, sizeof(*pages), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, pages);
	for (i = 0; i < nr; i++) {
		pages[i] = alloc_pages(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN, order);
		if (!pages[i])
			break;
		set_page_private(pages[i], order);
	}
	nr = i;
	/* One of two neighbours: they come out of a larger block, one after the other. */
	for (i = 0; i + 1 < nr; i++) {
		unsigned long buddy = page_to_pfn(pages[i]) ^ 1UL << order;

		if (page_to_pfn(pages[i + 1]) != buddy)
			continue;
		__free_pages(pages[i], order);
		pages[i++] = NULL;
		freed++;
	}
	for (i = 0; i < nr; i++)
		if (pages[i])
			KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, memdesc_free_pages,
									   pages[i]));
	kunit_info(test, "order %u: %u of %u given back", order, freed, nr);
}

/* A free block as the allocator shows it, or 0 for another page. */
static bool is_block(const struct page *page, unsigned int order)
{
	return READ_ONCE(page->page_type) >> 24 == PGTY_buddy && READ_ONCE(page->private) == order;
}

/* What was a block before and after a look at its pages is what it was meanwhile. */
static bool expect_block(struct kunit *test, struct page *page, unsigned int order)
{
	struct memdesc_info first, last, middle;
	unsigned long nr = 1UL << order;

	if (!is_block(page, order))
		return false;
	first = memdesc_of(page);
	middle = memdesc_of(page + nr / 2);
	last = memdesc_of(page + nr - 1);
	if (!is_block(page, order))
		return false;
	KUNIT_EXPECT_EQ_MSG(test, MEMDESC_BUDDY, first.type, "first of order %u", order);
	KUNIT_EXPECT_EQ_MSG(test, order, first.order, "first of order %u", order);
	KUNIT_EXPECT_EQ_MSG(test, nr, first.nr, "first of order %u", order);
	KUNIT_EXPECT_TRUE_MSG(test, first.head, "first of order %u", order);
	KUNIT_EXPECT_EQ_MSG(test, MEMDESC_BUDDY, middle.type, "middle of order %u", order);
	KUNIT_EXPECT_EQ_MSG(test, order, middle.order, "middle of order %u", order);
	KUNIT_EXPECT_EQ_MSG(test, nr - nr / 2, middle.nr, "middle of order %u", order);
	KUNIT_EXPECT_EQ_MSG(test, MEMDESC_BUDDY, last.type, "last of order %u", order);
	KUNIT_EXPECT_EQ_MSG(test, order, last.order, "last of order %u", order);
	KUNIT_EXPECT_EQ_MSG(test, 1, last.nr, "last of order %u", order);
	KUNIT_EXPECT_EQ_MSG(test, order, memdesc_order(page_memdesc(page)), "order %u", order);
	return true;
}

/* Free blocks of an order, wherever in memory they are; nobody holds them still. */
static unsigned int look_for_blocks(struct kunit *test, unsigned int order)
{
	unsigned long pfn = NODE_DATA(first_online_node)->node_start_pfn;
	unsigned long end = pgdat_end_pfn(NODE_DATA(first_online_node));
	unsigned int n = 0;

	for (pfn = ALIGN(pfn, 1UL << order); pfn < end && n < ENOUGH_BLOCKS; pfn += 1UL << order) {
		struct page *page = pfn_to_online_page(pfn);

		if (page)
			n += expect_block(test, page, order);
		if (!(pfn & 0xffff))
			cond_resched();
	}
	return n;
}

static void derive_free_blocks(struct kunit *test)
{
	unsigned int order, n;

	for (order = 0; order <= MAX_PAGE_ORDER; order++) {
		n = look_for_blocks(test, order);
		if (!n) {
			free_some(test, order);
			n = look_for_blocks(test, order);
		}
		KUNIT_EXPECT_GT_MSG(test, n, 0, "no free block of order %u", order);
	}
}

/* Given back and taken again on one CPU, a page comes from the list of that CPU. */
static void derive_pcp_page(struct kunit *test)
{
	struct memdesc_info mi = { };
	unsigned int i, same = 0;

	for (i = 0; i < 32; i++) {
		struct page *page = alloc_page(GFP_KERNEL), *again;

		KUNIT_ASSERT_NOT_NULL(test, page);
		preempt_disable();
		__free_page(page);
		mi = memdesc_of(page);
		again = alloc_page(GFP_NOWAIT);
		preempt_enable();
		if (again == page) {
			same++;
			KUNIT_EXPECT_EQ_MSG(test, MEMDESC_MISC, mi.type, "try %u", i);
			KUNIT_EXPECT_EQ_MSG(test, MEMDESC_MISC_FROZEN, mi.sub, "try %u", i);
			KUNIT_EXPECT_TRUE_MSG(test, mi.head, "try %u", i);
		}
		if (again)
			__free_page(again);
	}
	KUNIT_EXPECT_GT(test, same, 0);
}

static struct kunit_case memdesc_folio_cases[] = {
	KUNIT_CASE_PARAM(derive_new_folio, order_gen_params),
	KUNIT_CASE_PARAM(derive_file_folio, order_gen_params),
	KUNIT_CASE_PARAM(derive_freed_folio, order_gen_params),
	KUNIT_CASE_PARAM(derive_shmem_folio, order_gen_params),
	KUNIT_CASE_PARAM(derive_anon_folio, anon_gen_params),
	KUNIT_CASE(derive_ksm_folio),
	KUNIT_CASE(derive_hugetlb_folio),
	KUNIT_CASE(derive_page_tables),
	KUNIT_CASE(derive_kernel_page_table),
	KUNIT_CASE(derive_free_blocks),
	KUNIT_CASE(derive_pcp_page),
	{}
};

static struct kunit_suite memdesc_folio_suite = {
	.name = "mm_memdesc_folio",
	.init = fxt_stay_on_cpu,
	.test_cases = memdesc_folio_cases,
};

kunit_test_suite(memdesc_folio_suite);

MODULE_DESCRIPTION("KUnit suite of memory descriptors: folios, page tables, free memory");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
