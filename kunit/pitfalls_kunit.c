// SPDX-License-Identifier: GPL-2.0
/*
 * mm_pitfalls: one case for each habit from the time of single pages that goes
 * wrong with large folios. Each says what is true instead.
 */
#include <linux/bio.h>
#include <linux/bvec.h>
#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/swap.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>

#include "fixture.h"
#include "../module/compat.h"

/* No stamp has a byte like it. */
#define UNTOUCHED	0x55

/* Where folios lie: near the start, just above 4 GiB, and where an index needs 33 bits. */
static const pgoff_t places[] = { 1UL << 9, 1UL << 20, FXT_FAR + (1UL << 9) };

static void free_buffer(void *buf)
{
	vfree(buf);
}

static u8 *new_buffer(struct kunit *test, size_t size)
{
	u8 *buf = vmalloc(size);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_buffer, buf));
	memset(buf, UNTOUCHED, size);
	return buf;
}

/* Offsets in a folio where pages, halves and the folio begin and end. */
#define NR_EDGES	13

static void edges_of(size_t size, size_t *edges)
{
	const size_t all[NR_EDGES] = {
		0, 1, 511, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, size / 2 - 1, size / 2,
		size / 2 + 1, size - PAGE_SIZE, size - PAGE_SIZE + 1, size - 1, size,
	};

	memcpy(edges, all, sizeof(all));
}

/* The folio and the bytes it is known to hold. */
static struct folio *add_folio(struct kunit *test, struct folio_fixture *fx, unsigned int order)
{
	struct folio *folio = fxt_add_folio(fx, 1UL << order, order, 0);

	KUNIT_ASSERT_EQ(test, folio_order(folio), order);
	return folio;
}

static void copy_out(u8 *buf, struct folio *folio)
{
	size_t i;

	for (i = 0; i < folio_nr_pages(folio); i++)
		memcpy_from_folio(buf + i * PAGE_SIZE, folio, i * PAGE_SIZE, PAGE_SIZE);
}

static void expect_holds(struct kunit *test, struct folio *folio, const u8 *want, const char *what,
			 size_t from, size_t to)
{
	size_t i;

	for (i = 0; i < folio_nr_pages(folio); i++) {
		const u8 *page = kmap_local_folio(folio, i * PAGE_SIZE);
		bool same = !memcmp(page, want + i * PAGE_SIZE, PAGE_SIZE);
		size_t b = 0;
		u8 got;

		while (!same && page[b] == want[i * PAGE_SIZE + b])
			b++;
		got = page[b];
		kunmap_local(page);
		if (same)
			continue;
		KUNIT_FAIL(test, "%s of %zu to %zu: byte %zu is %02x, not %02x", what, from, to,
			   (size_t)(i * PAGE_SIZE + b), got, want[i * PAGE_SIZE + b]);
		fxt_print_folio(test, folio);
		return;
	}
}

#ifdef CONFIG_MEMORY_FAILURE
/* Frees a folio with one poisoned page; returns that page. */
static struct page *free_with_poison(struct kunit *test, unsigned int order, unsigned long bad)
{
	struct folio *folio = folio_alloc(GFP_HIGHUSER_MOVABLE, order);
	struct page *page;

	KUNIT_ASSERT_NOT_NULL(test, folio);
	KUNIT_ASSERT_EQ(test, folio_order(folio), order);
	page = folio_page(folio, bad);
	SetPageHWPoison(page);
	if (order)
		folio_set_has_hwpoisoned(folio);
	folio_put(folio);
	return page;
}

/* Whether a page is among what the allocator gives next, in folios of an order. */
static bool is_given_out(struct page *page, unsigned int order)
{
	struct folio *taken[64];
	unsigned int nr = max(ARRAY_SIZE(taken) >> order, 4UL), i;
	bool found = false;

	for (i = 0; i < nr && !found; i++) {
		taken[i] = folio_alloc(GFP_HIGHUSER_MOVABLE | __GFP_NORETRY | __GFP_NOWARN, order);
		if (!taken[i])
			break;
		found = page_folio(page) == taken[i];
	}
	while (i--)
		folio_put(taken[i]);
	return found;
}

/* The page is nobody's; if it is free already, it is left alone. */
static void end_poison(struct page *page, bool is_free)
{
	ClearPageHWPoison(page);
	if (is_free)
		return;
	set_page_count(page, 1);
	__free_page(page);
}

static long nr_free(void)
{
	struct sysinfo info;

	si_meminfo(&info);
	return info.freeram;
}
#endif

/*
 * Of a folio that is freed with a poisoned page that one is given to nobody, and all
 * others can be had again.
 */
static void freed_folio_keeps_poison(struct kunit *test)
{
#ifdef CONFIG_MEMORY_FAILURE
	unsigned int order = fxt_order(test), i;
	unsigned long nr = 1UL << order, bad[] = { 0, nr / 3, nr - 1 };
	struct page *pages[16];
	long lost;

	fxt_need_fix(test, "mm/page_alloc: keep the poisoned pages of a freed folio out of the buddy");
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct page *page = free_with_poison(test, order, bad[i]);
		bool given;

		KUNIT_EXPECT_TRUE_MSG(test, PageHWPoison(page), "page %lu", bad[i]);
		KUNIT_EXPECT_FALSE_MSG(test, PageCompound(page), "page %lu", bad[i]);
		given = is_given_out(page, order) || is_given_out(page, 0);
		KUNIT_EXPECT_FALSE_MSG(test, given, "page %lu", bad[i]);
		end_poison(page, given);
	}
	/* Others allocate too, and some pages wait uncounted: only many tell. */
	if (order < 8)
		return;
	lost = nr_free();
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		pages[i] = free_with_poison(test, order, nr / 3);
	lost -= nr_free();
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		end_poison(pages[i], false);
	KUNIT_EXPECT_LT(test, lost, (long)((ARRAY_SIZE(pages) - 2) * nr));
#else
	kunit_skip(test, "needs CONFIG_MEMORY_FAILURE");
#endif
}

/* The thread of a case that has attached an mm gives all of it back when it ends. */
static int attach_mm(void *data)
{
	struct mm_struct **mm = data;

	/* Older kernels have none, and need the fix before that. */
#if FXT_FIXED
	if (kunit_attach_mm())
		return 0;
#endif
	mmgrab(current->mm);
	*mm = current->mm;
	return 0;
}

static void attached_mm_is_freed(struct kunit *test)
{
	struct mm_struct *mm = NULL;
	struct task_struct *task;
	unsigned int tries = 100;

	fxt_need_fix(test, "kunit: do not leak the mm_struct of a case that attached one");
	task = kthread_create(attach_mm, &mm, "attach_mm");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	kthread_bind(task, raw_smp_processor_id());
	get_task_struct(task);
	wake_up_process(task);
	while (!READ_ONCE(task->exit_state) && --tries)
		msleep(20);
	put_task_struct(task);
	KUNIT_ASSERT_NOT_NULL(test, mm);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&mm->mm_users));
	/* The CPU goes on using its page tables until it gets others. */
	fxt_switch_mm(fxt_new_mm(test));
	for (tries = 100; atomic_read(&mm->mm_count) > 1 && --tries; )
		msleep(20);
	KUNIT_EXPECT_EQ(test, 1, atomic_read(&mm->mm_count));
	mmdrop(mm);
}

/* Nothing found is an error pointer, not NULL. */
static void get_folio_absent_is_error(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	struct address_space *mapping = fxt_mapping(fx);
	unsigned int order = fxt_order(test), i;
	unsigned long nr = 1UL << order;
	struct folio *folio;

	for (i = 0; i < 3; i++) {
		/* Never there; gone, with a shadow left perhaps; next to one that is there. */
		pgoff_t index = i == 2 ? 2 * nr : nr;

		if (i) {
			fxt_add_folio(fx, nr, order, 0);
			if (i == 1)
				truncate_inode_pages(mapping, 0);
		}
		folio = filemap_get_folio(mapping, index);
		KUNIT_EXPECT_PTR_EQ_MSG(test, folio, ERR_PTR(-ENOENT), "round %u", i);
		folio = filemap_lock_folio(mapping, index);
		KUNIT_EXPECT_PTR_EQ_MSG(test, folio, ERR_PTR(-ENOENT), "round %u", i);
		folio = __filemap_get_folio(mapping, index, FGP_LOCK | FGP_NOWAIT, 0);
		KUNIT_EXPECT_PTR_EQ_MSG(test, folio, ERR_PTR(-ENOENT), "round %u", i);
		KUNIT_EXPECT_NULL_MSG(test, find_get_page(mapping, index), "round %u", i);
		KUNIT_EXPECT_NULL_MSG(test, find_lock_page(mapping, index), "round %u", i);
	}
	/* One that somebody has locked is no reason to wait where nobody may. */
	folio = filemap_lock_folio(mapping, 2 * nr - 1);
	KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
	KUNIT_EXPECT_EQ(test, folio_order(folio), order);
	KUNIT_EXPECT_PTR_EQ(test, ERR_PTR(-EAGAIN),
			    __filemap_get_folio(mapping, nr, FGP_LOCK | FGP_NOWAIT, 0));
	folio_unlock(folio);
	folio_put(folio);
	fxt_drain_lru();
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), nr);
}

/* Which byte, page and index of the file each page of a folio is. */
static void offsets_of_every_page(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test), p;
	unsigned long nr = 1UL << order, i;

	for (p = 0; p < ARRAY_SIZE(places); p++) {
		pgoff_t first = places[p];
		struct folio *folio = fxt_add_folio(fx, first, order, 0);
		loff_t pos = (loff_t)first << PAGE_SHIFT;
		size_t size = PAGE_SIZE << order;

		KUNIT_ASSERT_EQ(test, folio_order(folio), order);
		KUNIT_EXPECT_EQ(test, folio_nr_pages(folio), nr);
		KUNIT_EXPECT_EQ(test, folio_size(folio), size);
		KUNIT_EXPECT_EQ(test, folio_shift(folio), PAGE_SHIFT + order);
		KUNIT_EXPECT_EQ(test, folio_test_large(folio), order > 0);
		KUNIT_EXPECT_FALSE(test, folio_test_hugetlb(folio));
		KUNIT_EXPECT_EQ(test, folio_pos(folio), pos);
		KUNIT_EXPECT_EQ(test, folio_next_pos(folio), pos + (loff_t)size);
		KUNIT_EXPECT_EQ(test, folio_next_index(folio), first + nr);
		KUNIT_EXPECT_FALSE(test, folio_contains(folio, first - 1));
		KUNIT_EXPECT_FALSE(test, folio_contains(folio, first + nr));
		/* The same index less 2^32: no page of this folio. */
		KUNIT_EXPECT_FALSE(test, folio_contains(folio, first ^ FXT_FAR));
		for (i = 0; i < nr; i++) {
			struct page *page = folio_page(folio, i);
			loff_t at = pos + (loff_t)(i << PAGE_SHIFT);

			KUNIT_EXPECT_PTR_EQ_MSG(test, page_folio(page), folio, "page %lu", i);
			KUNIT_EXPECT_EQ_MSG(test, folio_page_idx(folio, page), i, "page %lu", i);
			KUNIT_EXPECT_EQ_MSG(test, page_pgoff(folio, page), first + i, "page %lu",
					    i);
			KUNIT_EXPECT_EQ_MSG(test, page_to_pfn(page), folio_pfn(folio) + i,
					    "page %lu", i);
			KUNIT_EXPECT_TRUE_MSG(test, folio_contains(folio, first + i), "page %lu",
					      i);
			KUNIT_EXPECT_PTR_EQ_MSG(test, folio_file_page(folio, first + i), page,
						"page %lu", i);
			KUNIT_EXPECT_EQ_MSG(test, offset_in_folio(folio, at + 5),
					    (i << PAGE_SHIFT) + 5, "page %lu", i);
			KUNIT_EXPECT_EQ_MSG(test, offset_in_page(at + 5), 5, "page %lu", i);
			KUNIT_EXPECT_EQ_MSG(test, PageTail(page), i > 0, "page %lu", i);
			KUNIT_EXPECT_EQ_MSG(test, PageHead(page), !i && order, "page %lu", i);
			KUNIT_EXPECT_EQ_MSG(test, PageCompound(page), order > 0, "page %lu", i);
			KUNIT_EXPECT_TRUE_MSG(test, PageUptodate(page), "page %lu", i);
		}
		truncate_inode_pages(fxt_mapping(fx), 0);
	}
}

/* EOF lies anywhere in a folio: a writer may have the bytes before it, not pages, not all. */
static void mkwrite_check_truncate_bytes(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test), p;
	size_t size = PAGE_SIZE << order, step = max(512UL, size / 64), eof;

	for (p = 0; p < ARRAY_SIZE(places); p++) {
		struct folio *folio = fxt_add_folio(fx, places[p], order, 0);
		loff_t pos = (loff_t)places[p] << PAGE_SHIFT;
		int d;

		KUNIT_ASSERT_EQ(test, folio_order(folio), order);
		for (eof = 0; eof <= size + step; eof += step) {
			for (d = -1; d <= 1; d++) {
				loff_t at = pos + (loff_t)eof + d;
				ssize_t want = at <= pos ? -EFAULT :
					       min_t(loff_t, at - pos, size);

				i_size_write(&fx->inode, at);
				KUNIT_EXPECT_EQ_MSG(test, want,
						    folio_mkwrite_check_truncate(folio, &fx->inode),
						    "EOF at %zu%+d of %zu", eof, d, size);
			}
		}
		i_size_write(&fx->inode, 0);
		KUNIT_EXPECT_EQ(test, -EFAULT, folio_mkwrite_check_truncate(folio, &fx->inode));
		i_size_write(&fx->inode, pos + 2 * (loff_t)size);
		folio_get(folio);
		truncate_inode_pages(fxt_mapping(fx), 0);
		KUNIT_EXPECT_EQ(test, -EFAULT, folio_mkwrite_check_truncate(folio, &fx->inode));
		folio_put(folio);
	}
}

/* There is one lock: whoever locks a page has all of them. */
static void lock_is_of_the_folio(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test);
	struct folio *folio = add_folio(test, fx, order);
	unsigned long nr = 1UL << order, i;

	for (i = 0; i < nr; i += max(1UL, nr / 16)) {
		struct page *page = folio_page(folio, i), *other = folio_page(folio, nr - 1 - i);

		KUNIT_EXPECT_TRUE_MSG(test, trylock_page(page), "page %lu", i);
		KUNIT_EXPECT_TRUE_MSG(test, folio_test_locked(folio), "page %lu", i);
		KUNIT_EXPECT_TRUE_MSG(test, PageLocked(other), "page %lu", i);
		KUNIT_EXPECT_FALSE_MSG(test, trylock_page(other), "page %lu", i);
		KUNIT_EXPECT_FALSE_MSG(test, folio_trylock(folio), "page %lu", i);
		unlock_page(other);
		KUNIT_EXPECT_FALSE_MSG(test, PageLocked(page), "page %lu", i);
		lock_page(other);
		KUNIT_EXPECT_TRUE_MSG(test, folio_test_locked(folio), "page %lu", i);
		folio_unlock(folio);
	}
}

/* So it is with dirty, uptodate, private and writeback; the marks are at every index. */
static void state_is_of_the_folio(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	struct xarray *pages = &fxt_mapping(fx)->i_pages;
	unsigned int order = fxt_order(test);
	struct folio *folio = add_folio(test, fx, order);
	unsigned long nr = 1UL << order, i;
	struct page *last = folio_page(folio, nr - 1);

	KUNIT_EXPECT_TRUE(test, set_page_dirty(last));
	KUNIT_EXPECT_FALSE(test, set_page_dirty(last));
	KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
	KUNIT_EXPECT_TRUE(test, PageDirty(folio_page(folio, 0)));
	for (i = 0; i < 3 * nr; i++)
		KUNIT_EXPECT_EQ_MSG(test, xa_get_mark(pages, i, PAGECACHE_TAG_DIRTY),
				    i >= nr && i < 2 * nr, "index %lu", i);
	folio_lock(folio);
	KUNIT_EXPECT_TRUE(test, folio_clear_dirty_for_io(folio));
	KUNIT_EXPECT_FALSE(test, PageDirty(last));
	set_page_writeback(last);
	KUNIT_EXPECT_TRUE(test, folio_test_writeback(folio));
	for (i = 0; i < 3 * nr; i++) {
		bool in = i >= nr && i < 2 * nr;

		KUNIT_EXPECT_EQ_MSG(test, xa_get_mark(pages, i, PAGECACHE_TAG_WRITEBACK), in,
				    "index %lu", i);
		KUNIT_EXPECT_FALSE_MSG(test, xa_get_mark(pages, i, PAGECACHE_TAG_DIRTY),
				       "index %lu", i);
	}
	folio_unlock(folio);
	end_page_writeback(last);
	KUNIT_EXPECT_FALSE(test, folio_test_writeback(folio));
	for (i = nr; i < 2 * nr; i++)
		KUNIT_EXPECT_FALSE_MSG(test, xa_get_mark(pages, i, PAGECACHE_TAG_WRITEBACK),
				       "index %lu", i);
}

/* But poison is of a page: the folio only knows that it has some. */
static void poison_is_of_a_page(struct kunit *test)
{
#ifdef CONFIG_MEMORY_FAILURE
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test);
	struct folio *folio = add_folio(test, fx, order);
	unsigned long nr = 1UL << order, bad[] = { 0, nr / 2, nr - 1 }, i;
	unsigned int b;

	for (b = 0; b < ARRAY_SIZE(bad); b++) {
		KUNIT_EXPECT_FALSE(test, folio_contain_hwpoisoned_page(folio));
		SetPageHWPoison(folio_page(folio, bad[b]));
		if (order)
			folio_set_has_hwpoisoned(folio);
		KUNIT_EXPECT_TRUE_MSG(test, folio_contain_hwpoisoned_page(folio), "page %lu",
				      bad[b]);
		for (i = 0; i < nr; i++) {
			KUNIT_EXPECT_EQ_MSG(test, PageHWPoison(folio_page(folio, i)), i == bad[b],
					    "page %lu, %lu is bad", i, bad[b]);
			KUNIT_EXPECT_EQ_MSG(test, is_page_hwpoison(folio_page(folio, i)),
					    i == bad[b],
					    "page %lu, %lu is bad", i, bad[b]);
		}
		ClearPageHWPoison(folio_page(folio, bad[b]));
		if (order)
			folio_clear_has_hwpoisoned(folio);
	}
	KUNIT_EXPECT_FALSE(test, folio_contain_hwpoisoned_page(folio));
#else
	kunit_skip(test, "needs CONFIG_MEMORY_FAILURE");
#endif
}

/* References are of the folio, wherever they are taken; one for each page in the page cache. */
static void references_are_of_the_folio(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test);
	struct folio *folio = add_folio(test, fx, order);
	unsigned long nr = 1UL << order, i;
	int ref = nr;

	fxt_drain_lru();
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), ref);
	KUNIT_EXPECT_EQ(test, folio_expected_ref_count(folio), ref);
	for (i = 0; i < nr; i += max(1UL, nr / 8)) {
		struct page *page = folio_page(folio, nr - 1 - i);

		get_page(page);
		KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(folio), ref + 1, "page %lu", nr - 1 - i);
		KUNIT_EXPECT_EQ_MSG(test, page_count(folio_page(folio, 0)), ref + 1, "page %lu", i);
		KUNIT_EXPECT_EQ_MSG(test, page_count(page), ref + 1, "page %lu", nr - 1 - i);
		/* A tail has no count of its own. */
		KUNIT_EXPECT_EQ_MSG(test, page_ref_count(page), page == &folio->page ? ref + 1 : 0,
				    "page %lu", nr - 1 - i);
		KUNIT_EXPECT_TRUE(test, folio_try_get(folio));
		folio_ref_add(folio, 3);
		KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(folio), ref + 5, "page %lu", i);
		folio_put_refs(folio, 4);
		put_page(page);
		KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(folio), ref, "page %lu", i);
	}
	/* What the filesystem attaches holds one reference, however often it changes. */
	folio_attach_private(folio, fx);
	KUNIT_EXPECT_TRUE(test, folio_test_private(folio));
	KUNIT_EXPECT_TRUE(test, PagePrivate(&folio->page));
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), ref + 1);
	KUNIT_EXPECT_EQ(test, folio_expected_ref_count(folio), ref + 1);
	KUNIT_EXPECT_PTR_EQ(test, folio_change_private(folio, test), (void *)fx);
	KUNIT_EXPECT_PTR_EQ(test, folio_get_private(folio), (void *)test);
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), ref + 1);
	KUNIT_EXPECT_PTR_EQ(test, folio_detach_private(folio), (void *)test);
	KUNIT_EXPECT_NULL(test, folio_detach_private(folio));
	KUNIT_EXPECT_NULL(test, folio_get_private(folio));
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), ref);
	KUNIT_EXPECT_FALSE(test, folio_test_private(folio));
}

/* A batch holds folios: how many pages that is, only the folios know. */
static void batch_counts_folios(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test), i;
	unsigned long nr = 1UL << order, pages = 0;
	struct folio_batch fbatch;
	pgoff_t start = 3 * nr - 1;

	for (i = 1; i < 5; i++)
		KUNIT_ASSERT_EQ(test, order, folio_order(fxt_add_folio(fx, i * nr, order, 0)));
	folio_batch_init(&fbatch);
	/* From the last page of the second to the first of the fourth. */
	KUNIT_EXPECT_EQ(test, 3, filemap_get_folios(fxt_mapping(fx), &start, 4 * nr, &fbatch));
	KUNIT_EXPECT_EQ(test, 3, folio_batch_count(&fbatch));
	KUNIT_EXPECT_EQ(test, FOLIO_BATCH_SIZE - 3, folio_batch_space(&fbatch));
	for (i = 0; i < folio_batch_count(&fbatch); i++)
		pages += folio_nr_pages(fbatch.folios[i]);
	KUNIT_EXPECT_EQ(test, pages, 3 * nr);
	KUNIT_EXPECT_EQ(test, start, 4 * nr + 1);
	folio_batch_release(&fbatch);
	KUNIT_EXPECT_EQ(test, 0, folio_batch_count(&fbatch));
}

/* What a mapping allows, as orders, pages and bytes, and where a folio of it begins. */
static void mapping_order_range(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	struct address_space *mapping = fxt_mapping(fx);
	const unsigned int most = IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) ? MAX_PAGECACHE_ORDER : 0;
	unsigned int min = fxt_order(test), max;
	unsigned long nr = 1UL << min;

	for (max = 0; max <= FXT_MAX_ORDER; max++) {
		unsigned int want = max(min, max);

		mapping_set_folio_order_range(mapping, min, max);
		KUNIT_EXPECT_EQ(test, mapping_min_folio_order(mapping), min);
		KUNIT_EXPECT_EQ_MSG(test, mapping_max_folio_order(mapping), want, "max %u", max);
		KUNIT_EXPECT_EQ(test, mapping_min_folio_nrpages(mapping), nr);
		KUNIT_EXPECT_EQ_MSG(test, mapping_max_folio_size(mapping), PAGE_SIZE << want,
				    "max %u", max);
		KUNIT_EXPECT_EQ_MSG(test, mapping_large_folio_support(mapping), want > 0,
				    "max %u", max);
	}
	KUNIT_EXPECT_EQ(test, mapping_align_index(mapping, 0), 0);
	KUNIT_EXPECT_EQ(test, mapping_align_index(mapping, nr - 1), 0);
	KUNIT_EXPECT_EQ(test, mapping_align_index(mapping, nr), nr);
	KUNIT_EXPECT_EQ(test, mapping_align_index(mapping, 3 * nr - 1), 2 * nr);
	KUNIT_EXPECT_EQ(test, mapping_align_index(mapping, FXT_FAR + 2 * nr - 1), FXT_FAR + nr);
	mapping_set_folio_min_order(mapping, min);
	KUNIT_EXPECT_EQ(test, mapping_max_folio_order(mapping), most);
	mapping_set_large_folios(mapping);
	KUNIT_EXPECT_EQ(test, mapping_min_folio_order(mapping), 0);
	KUNIT_EXPECT_EQ(test, mapping_max_folio_order(mapping), most);
	mapping_set_folio_order_range(mapping, MAX_PAGECACHE_ORDER + 1, MAX_PAGECACHE_ORDER + 2);
	KUNIT_EXPECT_EQ(test, mapping_min_folio_order(mapping), most);
	KUNIT_EXPECT_EQ(test, mapping_max_folio_order(mapping), most);
}

/* The end of a read unlocks, and says whether there is something to read. */
static void end_read_success(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test), success;
	unsigned long nr = 1UL << order;

	for (success = 0; success < 2; success++) {
		struct folio *folio = fxt_add_folio(fx, nr << success, order, FXT_NOT_UPTODATE);

		KUNIT_ASSERT_EQ(test, folio_order(folio), order);
		folio_lock(folio);
		folio_end_read(folio, success);
		KUNIT_EXPECT_EQ(test, folio_test_uptodate(folio), success);
		KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
		KUNIT_EXPECT_EQ(test, PageUptodate(folio_page(folio, nr - 1)), success);
		folio_lock(folio);
		folio_mark_uptodate(folio);
		folio_mark_uptodate(folio);
		KUNIT_EXPECT_TRUE(test, folio_test_uptodate(folio));
		KUNIT_EXPECT_TRUE(test, folio_test_locked(folio));
		folio_unlock(folio);
	}
}

/* Bytes. */

#define for_each_range(a, b, edges, size)					\
	for (a = 0; a < NR_EDGES; a++)						\
		for (b = 0; b < NR_EDGES; b++)					\
			if (edges[a] < edges[b] && edges[b] <= size &&		\
			    ((size) <= 16 * PAGE_SIZE || (a + 3 * b) % 4 == 1))

/* Ranges of a folio are zeroed and copied whole, whatever pages they cross. */
static void bytes_across_pages(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test), a, b;
	struct folio *folio = add_folio(test, fx, order);
	size_t size = PAGE_SIZE << order, edges[NR_EDGES], got;
	u8 *buf = new_buffer(test, size), *want = new_buffer(test, size);

	edges_of(size, edges);
	for_each_range(a, b, edges, size) {
		size_t from = edges[a], to = edges[b], len = to - from;
		char *at;

		fxt_stamp(fx, folio, folio->index);
		copy_out(want, folio);
		at = kmap_local_folio(folio, from);
		KUNIT_EXPECT_EQ_MSG(test, (u8)*at, want[from], "kmap at %zu", from);
		kunmap_local(at);

		memset(buf, UNTOUCHED, size);
		memcpy_from_folio(buf, folio, from, len);
		KUNIT_EXPECT_TRUE_MSG(test, !memcmp(buf, want + from, len), "%zu to %zu", from, to);
		KUNIT_EXPECT_NULL_MSG(test, memchr_inv(buf + len, UNTOUCHED, size - len),
				      "%zu to %zu", from, to);
		/* As much as there is; the caller asks again where it was less. */
		memset(buf, UNTOUCHED, size);
		got = memcpy_from_file_folio(buf, folio, folio_pos(folio) + from, len + size);
		KUNIT_EXPECT_LE_MSG(test, got, size - from, "%zu to %zu", from, to);
		KUNIT_EXPECT_GE_MSG(test, got, min(size - from, PAGE_SIZE - offset_in_page(from)),
				    "%zu to %zu", from, to);
		KUNIT_EXPECT_TRUE_MSG(test, !memcmp(buf, want + from, got), "%zu, %zu", from, got);
		got = memcpy_from_file_folio(buf, folio, folio_pos(folio) + from, 1);
		KUNIT_EXPECT_EQ(test, got, 1);

		memset(buf, UNTOUCHED, size);
		memcpy_to_folio(folio, from, buf, len);
		memset(want + from, UNTOUCHED, len);
		expect_holds(test, folio, want, "memcpy_to_folio", from, to);

		folio_zero_range(folio, from, len);
		memset(want + from, 0, len);
		expect_holds(test, folio, want, "folio_zero_range", from, to);

		fxt_stamp(fx, folio, folio->index);
		copy_out(want, folio);
		folio_zero_segment(folio, from, to);
		memset(want + from, 0, len);
		expect_holds(test, folio, want, "folio_zero_segment", from, to);

		/* All but the range: what a write to a new folio needs. */
		fxt_stamp(fx, folio, folio->index);
		copy_out(want, folio);
		folio_zero_segments(folio, 0, from, to, size);
		memset(want, 0, from);
		memset(want + to, 0, size - to);
		expect_holds(test, folio, want, "folio_zero_segments", from, to);

		/* Unfixed, behind the end of a page it goes on in one that is not mapped. */
		if (IS_ENABLED(CONFIG_HIGHMEM) && !FXT_FIXED && !offset_in_page(to))
			continue;
		fxt_stamp(fx, folio, folio->index);
		copy_out(want, folio);
		memset(buf, UNTOUCHED, len);
		folio_fill_tail(folio, from, buf, len);
		memset(want + from, UNTOUCHED, len);
		memset(want + to, 0, size - to);
		expect_holds(test, folio, want, "folio_fill_tail", from, to);
	}
}

/* Iterators cross the pages of a folio too, from whichever page they are given. */
static void copy_to_iter_across_pages(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test), a, b;
	struct folio *folio = add_folio(test, fx, order);
	size_t size = PAGE_SIZE << order, edges[NR_EDGES];
	u8 *buf = new_buffer(test, size), *want = new_buffer(test, size);
	struct iov_iter iter;
	struct kvec kvec;

	edges_of(size, edges);
	for_each_range(a, b, edges, size) {
		size_t from = edges[a], to = edges[b], len = to - from;
		struct page *page = folio_page(folio, from >> PAGE_SHIFT);

		fxt_stamp(fx, folio, folio->index);
		copy_out(want, folio);
		memset(buf, UNTOUCHED, size);
		kvec = (struct kvec) { buf, size };
		iov_iter_kvec(&iter, ITER_DEST, &kvec, 1, size);
		KUNIT_EXPECT_EQ(test, copy_folio_to_iter(folio, from, len, &iter), len);
		KUNIT_EXPECT_EQ(test, iov_iter_count(&iter), size - len);
		KUNIT_EXPECT_TRUE_MSG(test, !memcmp(buf, want + from, len), "%zu to %zu", from, to);
		KUNIT_EXPECT_NULL_MSG(test, memchr_inv(buf + len, UNTOUCHED, size - len),
				      "%zu to %zu", from, to);

		memset(buf, UNTOUCHED, size);
		iov_iter_kvec(&iter, ITER_DEST, &kvec, 1, size);
		KUNIT_EXPECT_EQ(test, copy_page_to_iter(page, offset_in_page(from), len, &iter),
				len);
		KUNIT_EXPECT_TRUE_MSG(test, !memcmp(buf, want + from, len), "%zu to %zu, by page",
				      from, to);
		KUNIT_EXPECT_NULL_MSG(test, memchr_inv(buf + len, UNTOUCHED, size - len),
				      "%zu to %zu, by page", from, to);

		memset(buf, UNTOUCHED, size);
		iov_iter_kvec(&iter, ITER_SOURCE, &kvec, 1, len);
		KUNIT_EXPECT_EQ(test, copy_folio_from_iter_atomic(folio, from, len, &iter), len);
		KUNIT_EXPECT_EQ(test, iov_iter_count(&iter), 0);
		memset(want + from, UNTOUCHED, len);
		expect_holds(test, folio, want, "copy_folio_from_iter_atomic", from, to);
	}
}

/* One bvec holds a folio, or any part; what walks it sees its pages in order, without a gap. */
static void bvec_of_a_folio(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test), a, b;
	struct folio *folio = add_folio(test, fx, order);
	size_t size = PAGE_SIZE << order, edges[NR_EDGES];
	u8 *buf = new_buffer(test, size), *want = new_buffer(test, size);
	int ref;

	copy_out(want, folio);
	fxt_drain_lru();
	ref = folio_ref_count(folio);
	edges_of(size, edges);
	for_each_range(a, b, edges, size) {
		size_t from = edges[a], to = edges[b], len = to - from, start = 0, n;
		struct page *got[8], **pages = got;
		struct iov_iter iter;
		struct bio_vec bvec;
		ssize_t ret;

		bvec_set_folio(&bvec, folio, len, from);
		KUNIT_EXPECT_EQ(test, bvec.bv_len, len);
		KUNIT_EXPECT_PTR_EQ(test, page_folio(bvec.bv_page), folio);
		memset(buf, UNTOUCHED, size);
		iov_iter_bvec(&iter, ITER_SOURCE, &bvec, 1, len);
		KUNIT_EXPECT_EQ(test, copy_from_iter(buf, len, &iter), len);
		KUNIT_EXPECT_TRUE_MSG(test, !memcmp(buf, want + from, len), "%zu to %zu", from, to);

		iov_iter_bvec(&iter, ITER_SOURCE, &bvec, 1, len);
		ret = iov_iter_get_pages2(&iter, pages, len, ARRAY_SIZE(got), &start);
		KUNIT_ASSERT_GT_MSG(test, ret, 0, "%zu to %zu", from, to);
		KUNIT_EXPECT_EQ_MSG(test, start, offset_in_page(from), "%zu to %zu", from, to);
		KUNIT_EXPECT_EQ_MSG(test, ret, min(len, sizeof(got) / sizeof(*got) * PAGE_SIZE -
						   start), "%zu to %zu", from, to);
		n = DIV_ROUND_UP(start + ret, PAGE_SIZE);
		KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(folio), ref + n, "%zu to %zu", from, to);
		while (n--) {
			KUNIT_EXPECT_PTR_EQ_MSG(test, got[n],
						folio_page(folio, (from >> PAGE_SHIFT) + n),
						"%zu to %zu, page %zu", from, to, n);
			put_page(got[n]);
		}
		KUNIT_EXPECT_EQ(test, iov_iter_count(&iter), len - ret);
		KUNIT_EXPECT_EQ(test, folio_ref_count(folio), ref);

		iov_iter_bvec(&iter, ITER_SOURCE, &bvec, 1, len);
		ret = iov_iter_extract_pages(&iter, &pages, len, ARRAY_SIZE(got), 0, &start);
		KUNIT_ASSERT_GT_MSG(test, ret, 0, "%zu to %zu", from, to);
		KUNIT_EXPECT_EQ_MSG(test, start, offset_in_page(from), "%zu to %zu", from, to);
		for (n = 0; n < DIV_ROUND_UP(start + ret, PAGE_SIZE); n++)
			KUNIT_EXPECT_PTR_EQ_MSG(test, got[n],
						folio_page(folio, (from >> PAGE_SHIFT) + n),
						"extract %zu to %zu, page %zu", from, to, n);
		KUNIT_EXPECT_EQ(test, iov_iter_count(&iter), len - ret);
		KUNIT_EXPECT_EQ(test, folio_ref_count(folio), ref);
	}
}

/* A bio gives back the parts of the folios that were added, also where they were merged. */
static void bio_of_folios(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test), a, b, i;
	struct folio *folios[2] = { add_folio(test, fx, order) };
	size_t size = PAGE_SIZE << order, edges[NR_EDGES];

	folios[1] = fxt_add_folio(fx, 2UL << order, order, 0);
	edges_of(size, edges);
	for_each_range(a, b, edges, size) {
		const struct { unsigned int folio; size_t from, to; } parts[] = {
			{ 0, edges[a], edges[b] }, { 1, edges[a], edges[b] }, { 0, 0, size },
		};
		size_t from[2] = {}, total = 0;
		struct bio_vec vecs[3];
		struct folio_iter fi;
		struct bio bio;

		bio_init(&bio, NULL, vecs, ARRAY_SIZE(vecs), REQ_OP_WRITE);
		for (i = 0; i < ARRAY_SIZE(parts); i++) {
			KUNIT_EXPECT_TRUE(test, bio_add_folio(&bio, folios[parts[i].folio],
							      parts[i].to - parts[i].from,
							      parts[i].from));
			total += parts[i].to - parts[i].from;
			KUNIT_EXPECT_EQ_MSG(test, bio.bi_iter.bi_size, total, "part %u", i);
		}
		i = 0;
		bio_for_each_folio_all(fi, &bio) {
			KUNIT_ASSERT_LT(test, i, ARRAY_SIZE(parts));
			KUNIT_EXPECT_PTR_EQ_MSG(test, fi.folio, folios[parts[i].folio], "part %u",
						i);
			KUNIT_EXPECT_EQ_MSG(test, fi.offset, parts[i].from, "part %u", i);
			KUNIT_EXPECT_EQ_MSG(test, fi.length, parts[i].to - parts[i].from,
					    "part %u, %zu to %zu", i, edges[a], edges[b]);
			i++;
		}
		KUNIT_EXPECT_EQ(test, i, ARRAY_SIZE(parts));
		bio_uninit(&bio);

		/* Two neighbouring parts of one folio are one. */
		bio_init(&bio, NULL, vecs, ARRAY_SIZE(vecs), REQ_OP_WRITE);
		KUNIT_EXPECT_TRUE(test, bio_add_folio(&bio, folios[0], edges[b] - edges[a],
						      edges[a]));
		if (edges[b] < size)
			KUNIT_EXPECT_TRUE(test, bio_add_folio(&bio, folios[0], size - edges[b],
							      edges[b]));
		KUNIT_EXPECT_EQ(test, bio.bi_vcnt, 1);
		bio_for_each_folio_all(fi, &bio) {
			from[0]++;
			KUNIT_EXPECT_EQ(test, fi.offset, edges[a]);
			KUNIT_EXPECT_EQ(test, fi.length, size - edges[a]);
		}
		KUNIT_EXPECT_EQ(test, from[0], 1);
		bio_uninit(&bio);
	}
}

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

static struct kunit_case pitfalls_cases[] = {
	KUNIT_CASE_PARAM(get_folio_absent_is_error, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(offsets_of_every_page, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(mkwrite_check_truncate_bytes, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(lock_is_of_the_folio, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(state_is_of_the_folio, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(poison_is_of_a_page, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(freed_folio_keeps_poison, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE(attached_mm_is_freed),
	KUNIT_CASE_PARAM_ATTR(references_are_of_the_folio, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(batch_counts_folios, order_gen_params),
	KUNIT_CASE_PARAM(mapping_order_range, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(end_read_success, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(bytes_across_pages, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(copy_to_iter_across_pages, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(bvec_of_a_folio, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(bio_of_folios, order_gen_params),
	{}
};

static struct kunit_suite pitfalls_suite = {
	.name = "mm_pitfalls",
	.init = fxt_stay_on_cpu,
	.test_cases = pitfalls_cases,
};

kunit_test_suite(pitfalls_suite);

MODULE_DESCRIPTION("KUnit suite of what folios do differently from pages");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_LICENSE("GPL");
