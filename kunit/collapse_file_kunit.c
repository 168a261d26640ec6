// SPDX-License-Identifier: GPL-2.0
/*
 * mm_collapse_file: MADV_COLLAPSE of files, of tmpfs and of the fixture. Folios of
 * smaller orders become one folio of the page cache that a PMD maps, with contents,
 * dirtiness and accounts, or stay as they are. collapse_kunit.c has anonymous memory.
 */
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "failure_model.h"
#include "shmem_model.h"

#define MAP_AT		ALIGN_DOWN(TASK_SIZE / 4, PMD_SIZE)
#define PMD_PAGES	(PMD_SIZE / PAGE_SIZE)
#define START		FXT_POS(FIRST)
#define END		FXT_POS(FIRST + PMD_PAGES)

static const struct fxt_order_param small[] = {
	{ "order=0", 0 }, { "order=1", 1 }, { "order=2", 2 }, { "order=3", 3 },
	{ "order=4", 4 }, { "order=5", 5 }, { "order=6", 6 }, { "order=7", 7 },
	{ "order=8", 8 },
};

KUNIT_ARRAY_PARAM_DESC(order, small, desc);

static int collapse_init(struct kunit *test)
{
	const struct fxt_order_param *param = test->param_value;

	if (!SHM_EXPORTS || !IS_ENABLED(CONFIG_ADVISE_SYSCALLS))
		kunit_skip(test, "needs the KUnit exports of the patch series");
	fxt_need_large_pages(test);
	if (FXA_PMD_ORDER > FXA_MAX_ORDER)
		kunit_skip(test, "needs a PMD of order %u at most", FXA_MAX_ORDER);
	if (param && param->order >= FXA_PMD_ORDER)
		kunit_skip(test, "is of PMD order already");
	fxt_switch_mm(fxt_new_mm(test));
	return shm_init(test);
}

/* Others isolate folios too, compaction for one: -EAGAIN counts when it stays. */
static int collapse(void)
{
#if SHM_EXPORTS
	unsigned int tries = 5;
	int err;

	do {
		err = do_madvise(current->mm, MAP_AT, PMD_SIZE, MADV_COLLAPSE);
	} while (err == -EAGAIN && --tries);
	return err;
#else
	return -EOPNOTSUPP;
#endif
}

static void map(struct folio_fixture *fx, unsigned long prot, unsigned long flags)
{
	fxt_mmap(fx, MAP_AT, FIRST, PMD_PAGES, prot, flags);
}

/* A mapped file of tmpfs in folios of one order, dirty and stamped. */
static struct folio_fixture *full_file(struct kunit *test, unsigned int order)
{
	struct folio_fixture *fx = shm_file(test);
	pgoff_t at;

	for (at = 0; at < PMD_PAGES; at += 1UL << order) {
		i_size_write(shm_inode(fx), FXT_POS(FIRST + at + (1UL << order)));
		fxt_add_shmem(fx, FIRST + at, order);
	}
	map(fx, PROT_READ | PROT_WRITE, MAP_SHARED);
	return fx;
}

/* What the mm maps of the folio is what the folio and the mm count. */
static void expect_mapped(struct folio_fixture *fx, struct folio *folio, bool pmd,
			  unsigned int item)
{
	struct fxt_walk walk = fxt_walk_mm(current->mm, MAP_AT, PMD_PAGES, folio);
	struct kunit *test = fx->test;

	KUNIT_EXPECT_EQ(test, pmd, walk.pmds);
	KUNIT_EXPECT_EQ(test, walk.pmds, folio_entire_mapcount(folio));
	KUNIT_EXPECT_EQ(test, walk.ptes + walk.pmds, folio_mapcount(folio));
	KUNIT_EXPECT_EQ(test, walk.ptes + walk.pmds * PMD_PAGES,
			percpu_counter_sum(&current->mm->rss_stat[item]));
	KUNIT_EXPECT_EQ(test, PMD_PAGES + walk.ptes + walk.pmds, folio_ref_count(folio));
}

static void expect_collapsed(struct folio_fixture *fx, bool pmd)
{
	const struct fxt_range whole = { FIRST, FXA_PMD_ORDER };
	struct kunit *test = fx->test;
	struct folio *folio;

	fxt_expect_layout(fx, &whole, 1);
	folio = xa_load(&fxt_mapping(fx)->i_pages, FIRST);
	KUNIT_ASSERT_NOT_NULL(test, folio);
	KUNIT_ASSERT_EQ(test, FXA_PMD_ORDER, folio_order(folio));
	fxt_drain_lru();
	KUNIT_EXPECT_TRUE(test, folio_test_uptodate(folio) && folio_test_lru(folio));
	KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
	KUNIT_EXPECT_EQ(test, shmem_mapping(fxt_mapping(fx)), folio_test_dirty(folio));
	KUNIT_EXPECT_EQ(test, shmem_mapping(fxt_mapping(fx)), folio_test_swapbacked(folio));
	expect_mapped(fx, folio, pmd,
		      shmem_mapping(fxt_mapping(fx)) ? MM_SHMEMPAGES : MM_FILEPAGES);
	fxt_expect_consistent(fx);
	if (shmem_mapping(fxt_mapping(fx)))
		shm_expect_accounts(fx);
	if (READ_ONCE(test->status) == KUNIT_FAILURE)
		fxt_print_folio(test, folio);
}

/* Each page is where it was, in folios of the order it was in, as if never asked. */
static void expect_refused(struct folio_fixture *fx, unsigned int order)
{
	struct folio *folio;
	pgoff_t at;

	xa_for_each(&fxt_mapping(fx)->i_pages, at, folio) {
		KUNIT_EXPECT_EQ_MSG(fx->test, order, folio_order(folio), "at %lu", at);
		KUNIT_EXPECT_FALSE_MSG(fx->test, folio_mapped(folio), "at %lu", at);
	}
	KUNIT_EXPECT_EQ(fx->test, PMD_PAGES, fxt_mapping(fx)->nrpages);
	fxt_expect_stamped(fx, START, END);
	KUNIT_EXPECT_FALSE(fx->test, rwsem_is_locked(&current->mm->mmap_lock));
}

static void unmap_all(struct folio_fixture *fx)
{
	KUNIT_EXPECT_EQ(fx->test, 0, vm_munmap(MAP_AT, PMD_SIZE));
	KUNIT_EXPECT_EQ(fx->test, 0, percpu_counter_sum(&current->mm->rss_stat[MM_SHMEMPAGES]));
	KUNIT_EXPECT_EQ(fx->test, 0, percpu_counter_sum(&current->mm->rss_stat[MM_FILEPAGES]));
}

/* Mapped by PTEs before, or not at all; the statistics count the same pages. */
static void collapse_shmem_each_order(struct kunit *test)
{
	unsigned int touch;

	for (touch = 0; touch < 3; touch++) {
		long mapped = fxt_node_stat(NR_FILE_MAPPED);
		struct shm_stats before = shm_read_stats();
		struct folio_fixture *fx = full_file(test, fxt_order(test));

		if (touch)
			fxt_touch(test, MAP_AT, touch == 1 ? 1 : PMD_PAGES, touch == 2);
		KUNIT_EXPECT_EQ(test, 0, collapse());
		expect_collapsed(fx, true);
		fxt_expect_stamped(fx, START, END);
		fxt_touch(test, MAP_AT, PMD_PAGES, true);
		shm_expect_stats(test, before, PMD_PAGES, PMD_PAGES);
		KUNIT_EXPECT_EQ(test, PMD_PAGES, fxt_node_stat(NR_FILE_MAPPED) - mapped);
		KUNIT_EXPECT_EQ_MSG(test, 0, collapse(), "again");
		expect_collapsed(fx, true);
		unmap_all(fx);
		shm_truncate(fx, 0);
		shm_expect_stats(test, before, 0, 0);
		KUNIT_EXPECT_EQ(test, mapped, fxt_node_stat(NR_FILE_MAPPED));
	}
}

/* Two single pages, then in each next part, as large as all before it, the next order. */
static void collapse_shmem_mixed_orders(struct kunit *test)
{
	struct folio_fixture *fx = shm_file(test);
	unsigned int order;

	fxt_add_shmem(fx, FIRST, 0);
	for (order = 0; order < FXA_PMD_ORDER; order++)
		fxt_add_shmem(fx, FIRST + (1UL << order), order);
	map(fx, PROT_READ, MAP_SHARED);
	fxt_touch(test, MAP_AT, PMD_PAGES, false);
	KUNIT_EXPECT_EQ(test, 0, collapse());
	expect_collapsed(fx, true);
	fxt_expect_stamped(fx, START, END);
	unmap_all(fx);
}

/* What is not there, or allocated and never written, is zero, and accounted from now on. */
static void collapse_shmem_holes(struct kunit *test)
{
	struct fxa_part parts[FXA_MAX_PARTS];
	unsigned int i, n = fxa_parts(PMD_PAGES, parts);
	struct folio_fixture *fx = shm_file(test);
	struct shm_stats before = shm_read_stats();
	pgoff_t at;

	for (i = 0; i < 2 * n; i++) {
		const pgoff_t first = FIRST + parts[i / 2].first, end = first + parts[i / 2].nr;

		shm_start_over(fx);
		for (at = first; at < end; at++)
			fxt_add_shmem(fx, at, 0);
		if (i & 1)
			KUNIT_ASSERT_EQ(test, 0, vfs_fallocate(fx->file, FALLOC_FL_KEEP_SIZE, START,
							       END - START));
		map(fx, PROT_READ | PROT_WRITE, MAP_SHARED);
		KUNIT_EXPECT_EQ(test, 0, collapse());
		expect_collapsed(fx, true);
		fxt_expect_zeroed(fx, START, FXT_POS(first));
		fxt_expect_stamped(fx, FXT_POS(first), FXT_POS(end));
		fxt_expect_zeroed(fx, FXT_POS(end), END);
		shm_expect_stats(test, before, PMD_PAGES, PMD_PAGES);
		unmap_all(fx);
		if (failed_at(test, "part %lu + %lu%s", parts[i / 2].first, parts[i / 2].nr,
			      i & 1 ? ", allocated" : ""))
			return;
	}
}

/* Nothing there at all is nothing to collapse. */
static void collapse_shmem_empty(struct kunit *test)
{
	struct folio_fixture *fx = shm_file(test);

	map(fx, PROT_READ | PROT_WRITE, MAP_SHARED);
	KUNIT_EXPECT_EQ(test, -EINVAL, collapse());
	KUNIT_EXPECT_EQ(test, 0, fxt_mapping(fx)->nrpages);
	shm_expect_accounts(fx);
	unmap_all(fx);
}

/* EOF inside: what lies past it is no data, before as after, even when the file grows. */
static void collapse_shmem_eof(struct kunit *test)
{
	static const unsigned int tails[] = { 0, 1, PAGE_SIZE - 1 };
	static const unsigned long pages[] = { 1, 300, PMD_PAGES - 1 };
	struct folio_fixture *fx = shm_file(test);
	unsigned int i;
	pgoff_t at;

	for (i = 0; i < ARRAY_SIZE(tails) * ARRAY_SIZE(pages); i++) {
		const loff_t eof = START + FXT_POS(pages[i / 3]) + tails[i % 3];

		shm_start_over(fx);
		for (at = 0; FXT_POS(FIRST + at) < eof; at++)
			fxt_add_shmem(fx, FIRST + at, 0);
		shm_truncate(fx, eof);
		map(fx, PROT_READ | PROT_WRITE, MAP_SHARED);
		KUNIT_EXPECT_EQ(test, 0, collapse());
		KUNIT_EXPECT_EQ(test, eof, i_size_read(shm_inode(fx)));
		expect_collapsed(fx, true);
		fxt_expect_stamped(fx, START, eof);
		fxt_expect_zeroed(fx, eof, END);
		unmap_all(fx);
		shm_truncate(fx, END);
		fxt_read_stamped(fx, START, eof, false);
		fxt_read_stamped(fx, eof, END, true);
		if (failed_at(test, "EOF at page %lu + %u", pages[i / 3], tails[i % 3]))
			return;
	}
}

/* A folio that somebody else refers to, or has locked, cannot be copied and freed. */
static void collapse_shmem_busy(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	struct folio_fixture *fx = full_file(test, order);
	const pgoff_t pages[] = { 0, PMD_PAGES / 2, PMD_PAGES - 1 };
	struct shm_stats before = shm_read_stats();

	for (i = 0; i < 2 * ARRAY_SIZE(pages); i++) {
		struct folio *folio = filemap_get_folio(fxt_mapping(fx), FIRST + pages[i / 2]);
		const bool lock = i & 1;

		KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
		if (lock) {
			folio_lock(folio);
			folio_put(folio);
		}
		KUNIT_EXPECT_EQ_MSG(test, -EAGAIN, collapse(), "page %lu", pages[i / 2]);
		if (lock)
			folio_unlock(folio);
		else
			folio_put(folio);
		expect_refused(fx, order);
		shm_expect_folios(fx);
		shm_expect_stats(test, before, 0, 0);
		if (failed_at(test, "page %lu%s", pages[i / 2], lock ? ", locked" : ""))
			return;
	}
	KUNIT_EXPECT_EQ(test, 0, collapse());
	expect_collapsed(fx, true);
	fxt_expect_stamped(fx, START, END);
	unmap_all(fx);
}

/* Swapped out folios are read first, and their slots freed. */
static void collapse_shmem_swapped(struct kunit *test)
{
#if SHM_EXPORTS
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = full_file(test, order);
	struct fxt_swap *swap = fxt_swap_on(test, 1600, FXT_SWAP_SYNC);

	shm_swap_out(fx, FIRST);
	shm_swap_out(fx, FIRST + PMD_PAGES / 2);
	KUNIT_EXPECT_EQ(test, 2UL << order, shm_count_swapped(fx));
	KUNIT_EXPECT_EQ(test, 0, collapse());
	expect_collapsed(fx, true);
	fxt_expect_stamped(fx, START, END);
	KUNIT_EXPECT_EQ(test, 0, fxt_swap_used(swap));
	unmap_all(fx);
	shm_truncate(fx, 0);
	KUNIT_EXPECT_EQ(test, 0, fxt_swap_off(swap));
#endif
}

/* Whoever else maps the file sees the same bytes and is counted right. */
static void collapse_shmem_two_mms(struct kunit *test)
{
	struct folio_fixture *fx = full_file(test, fxt_order(test));
	struct mm_struct *mm = current->mm, *other = fxt_new_mm(test);
	struct fxt_walk walk, walk_other;
	struct folio *folio;
	u8 *page = kunit_kmalloc(test, PAGE_SIZE, GFP_KERNEL);
	unsigned long i;

	KUNIT_ASSERT_NOT_NULL(test, page);
	fxt_touch(test, MAP_AT, PMD_PAGES, true);
	fxt_switch_mm(other);
	map(fx, PROT_READ | PROT_WRITE, MAP_SHARED);
	fxt_touch(test, MAP_AT, PMD_PAGES, false);
	KUNIT_EXPECT_EQ(test, 0, collapse());
	folio = xa_load(&fxt_mapping(fx)->i_pages, FIRST);
	KUNIT_ASSERT_NOT_NULL(test, folio);
	KUNIT_ASSERT_EQ(test, FXA_PMD_ORDER, folio_order(folio));
	for (i = 0; i < 2; i++) {
		walk = fxt_walk_mm(mm, MAP_AT, PMD_PAGES, folio);
		walk_other = fxt_walk_mm(other, MAP_AT, PMD_PAGES, folio);
		KUNIT_EXPECT_EQ(test, 1, walk_other.pmds);
		KUNIT_EXPECT_EQ(test, walk.pmds + walk_other.pmds, folio_entire_mapcount(folio));
		KUNIT_EXPECT_EQ(test, walk.pmds + walk_other.pmds + walk.ptes + walk_other.ptes,
				folio_mapcount(folio));
		KUNIT_EXPECT_EQ(test, walk.ptes + walk.pmds * PMD_PAGES,
				percpu_counter_sum(&mm->rss_stat[MM_SHMEMPAGES]));
		KUNIT_EXPECT_EQ(test, PMD_PAGES,
				percpu_counter_sum(&other->rss_stat[MM_SHMEMPAGES]));
		fxt_switch_mm(mm);
		fxt_touch(test, MAP_AT, PMD_PAGES, i);
	}
	for (i = 0; i < PMD_PAGES; i++) {
		KUNIT_ASSERT_EQ(test, 0, copy_from_user(page, (void __user *)MAP_AT + i * PAGE_SIZE,
							PAGE_SIZE));
		fxt_expect_buffer(fx, page, START + i * PAGE_SIZE, PAGE_SIZE);
	}
	fxt_expect_stamped(fx, START, END);
	unmap_all(fx);
	fxt_switch_mm(other);
	unmap_all(fx);
	KUNIT_EXPECT_EQ(test, 0, folio_mapcount(folio));
	shm_expect_folios(fx);
}

/* A page that was copied on write is not the file's: it stays, whatever becomes of the file. */
static void collapse_shmem_private_copy(struct kunit *test)
{
	struct folio_fixture *fx = full_file(test, fxt_order(test));
	u8 __user *at = (u8 __user *)(MAP_AT + (PMD_SIZE / 2) + 7);
	u8 byte;

	map(fx, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	fxt_touch(test, MAP_AT, PMD_PAGES, false);
	KUNIT_ASSERT_EQ(test, 0, put_user(0x7e, at));
	KUNIT_EXPECT_EQ(test, 1, percpu_counter_sum(&current->mm->rss_stat[MM_ANONPAGES]));
	KUNIT_EXPECT_NE(test, 0, collapse());
	KUNIT_EXPECT_EQ(test, 1, percpu_counter_sum(&current->mm->rss_stat[MM_ANONPAGES]));
	KUNIT_EXPECT_EQ(test, 0, get_user(byte, at));
	KUNIT_EXPECT_EQ(test, 0x7e, byte);
	fxt_touch(test, MAP_AT, PMD_PAGES, false);
	fxt_expect_stamped(fx, START, END);
	unmap_all(fx);
	KUNIT_EXPECT_EQ(test, 0, percpu_counter_sum(&current->mm->rss_stat[MM_ANONPAGES]));
	shm_expect_folios(fx);
}

static void collapse_shmem_each_failure(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct trials t = { .test = test, .fail = fxt_fail_setup(test) };

	first_trial(&t, "MADV_COLLAPSE");
	while (next_trial(&t)) {
		struct shm_stats before = shm_read_stats();
		struct folio_fixture *fx = full_file(test, order);
		int err;

		begin(&t);
		err = collapse();
		end(&t);
		KUNIT_EXPECT_TRUE_MSG(test, !err || t.failed, "error %d", err);
		if (t.rest && t.nth == 1)
			KUNIT_EXPECT_EQ(test, -ENOMEM, err);
		/* The file may be collapsed though there is no page table to map it. */
		fxt_expect_stamped(fx, START, END);
		shm_expect_accounts(fx);
		if (err && folio_order(xa_load(&fxt_mapping(fx)->i_pages, FIRST)) == order) {
			expect_refused(fx, order);
			shm_expect_stats(test, before, PMD_PAGES, 0);
		}
		if (err)
			KUNIT_EXPECT_EQ_MSG(test, 0, collapse(), "when tried again");
		expect_collapsed(fx, true);
		fxt_expect_stamped(fx, START, END);
		unmap_all(fx);
		shm_truncate(fx, 0);
		shm_expect_stats(test, before, 0, 0);
	}
	end_trials(&t);
}

/* A file of the fixture, in clean folios of one order unless the state says other. */
static struct folio_fixture *full_fixture(struct kunit *test, unsigned int order,
					  unsigned int state)
{
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	pgoff_t at;

	for (at = 0; at < PMD_PAGES; at += 1UL << order)
		fxt_add_folio(fx, FIRST + at, order, at == PMD_PAGES / 2 ? state : 0);
	map(fx, PROT_READ, MAP_SHARED);
	return fx;
}

static void collapse_file_each_order(struct kunit *test)
{
	long thps = fxt_node_stat(NR_FILE_THPS), cached = fxt_node_stat(NR_FILE_PAGES);
	struct folio_fixture *fx = full_fixture(test, fxt_order(test), 0);

	fxt_touch(test, MAP_AT, PMD_PAGES, false);
	KUNIT_EXPECT_EQ(test, 0, collapse());
	expect_collapsed(fx, true);
	fxt_expect_stamped(fx, START, END);
	KUNIT_EXPECT_EQ(test, PMD_PAGES, fxt_node_stat(NR_FILE_THPS) - thps);
	KUNIT_EXPECT_EQ(test, PMD_PAGES, fxt_node_stat(NR_FILE_PAGES) - cached);
	unmap_all(fx);
	truncate_inode_pages(fxt_mapping(fx), 0);
	KUNIT_EXPECT_EQ(test, thps, fxt_node_stat(NR_FILE_THPS));
	KUNIT_EXPECT_EQ(test, cached, fxt_node_stat(NR_FILE_PAGES));
}

/* A dirty folio without a filesystem that writes it, or private data that it keeps. */
static void collapse_file_refused(struct kunit *test)
{
	static const unsigned int states[] = { FXT_DIRTY, FXT_PRIVATE };
	unsigned int order = fxt_order(test), i;

	for (i = 0; i < ARRAY_SIZE(states); i++) {
		struct folio_fixture *fx = full_fixture(test, order, states[i]);
		struct folio *folio = xa_load(&fxt_mapping(fx)->i_pages, FIRST + PMD_PAGES / 2);

		fx->refuse_release = true;
		KUNIT_EXPECT_EQ_MSG(test, -EAGAIN, collapse(), "state %x", states[i]);
		expect_refused(fx, order);
		fxt_expect_consistent(fx);
		KUNIT_EXPECT_PTR_EQ(test, folio, xa_load(&fxt_mapping(fx)->i_pages,
							 FIRST + PMD_PAGES / 2));
		KUNIT_EXPECT_EQ(test, states[i] == FXT_DIRTY, folio_test_dirty(folio));
		KUNIT_EXPECT_EQ(test, states[i] == FXT_PRIVATE, folio_test_private(folio));
		fx->refuse_release = false;
		if (states[i] == FXT_PRIVATE) {
			KUNIT_EXPECT_EQ(test, 0, collapse());
			expect_collapsed(fx, true);
			fxt_expect_stamped(fx, START, END);
		}
		unmap_all(fx);
	}
}

/* Past EOF there is nothing to read, and nothing is cached. */
static void collapse_file_eof(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	const unsigned long pages = PMD_PAGES / 2;

	fxt_add_folio(fx, FIRST, FXA_PMD_ORDER - 1, 0);
	i_size_write(&fx->inode, START + FXT_POS(pages) - 7);
	map(fx, PROT_READ, MAP_SHARED);
	KUNIT_EXPECT_EQ(test, -EINVAL, collapse());
	KUNIT_EXPECT_EQ(test, pages, fxt_mapping(fx)->nrpages);
	fxt_expect_layout(fx, &(struct fxt_range){ FIRST, FXA_PMD_ORDER - 1 }, 1);
	fxt_expect_stamped(fx, START, START + FXT_POS(pages));
	expect_folios(fx, false);
	unmap_all(fx);
}

static struct kunit_case collapse_file_cases[] = {
	KUNIT_CASE_PARAM_ATTR(collapse_shmem_each_order, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE(collapse_shmem_mixed_orders),
	KUNIT_CASE_SLOW(collapse_shmem_holes),
	KUNIT_CASE(collapse_shmem_empty),
	KUNIT_CASE_SLOW(collapse_shmem_eof),
	KUNIT_CASE_PARAM_ATTR(collapse_shmem_busy, order_gen_params, {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(collapse_shmem_swapped, order_gen_params),
	KUNIT_CASE_PARAM(collapse_shmem_two_mms, order_gen_params),
	KUNIT_CASE_PARAM(collapse_shmem_private_copy, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(collapse_shmem_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(collapse_file_each_order, order_gen_params),
	KUNIT_CASE_PARAM(collapse_file_refused, order_gen_params),
	KUNIT_CASE(collapse_file_eof),
	{}
};

static struct kunit_suite collapse_file_suite = {
	.name = "mm_collapse_file",
	.init = collapse_init,
	.test_cases = collapse_file_cases,
};

kunit_test_suite(collapse_file_suite);

MODULE_DESCRIPTION("KUnit suite of collapsing files");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
