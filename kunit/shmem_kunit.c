// SPDX-License-Identifier: GPL-2.0
/*
 * mm_shmem: which folios a file of tmpfs gets and loses, and what is accounted.
 *
 * A mount with huge=within_size gives the largest folio that ends with the file
 * or before; so a file that ends where a folio should end has folios of chosen
 * orders. All positions lie above 4 GiB unless a case is about small files.
 */
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/shrinker.h>

#include "shmem_model.h"

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

/* The order that huge=within_size has to choose in a file without folios nearby. */
static unsigned int order_within(pgoff_t index, unsigned long pages)
{
	unsigned int order;

	for (order = HUGE_ORDER; order; order--)
		if (((index >> order) + 1) << order <= pages)
			break;
	return order;
}

static unsigned int get_order_at(struct folio_fixture *fx, pgoff_t index, enum sgp_type sgp)
{
	struct folio *folio = NULL;
	unsigned int order;
	int err = shmem_get_folio(shm_inode(fx), index, 0, &folio, sgp);

	KUNIT_ASSERT_EQ_MSG(fx->test, 0, err, "index %lu", index);
	KUNIT_ASSERT_NOT_NULL_MSG(fx->test, folio, "index %lu", index);
	order = folio_order(folio);
	KUNIT_EXPECT_EQ(fx->test, round_down(index, 1UL << order), folio->index);
	folio_mark_dirty(folio);
	folio_unlock(folio);
	folio_put(folio);
	return order;
}

/* A write that ends the file gets one folio, filled, dirty and accounted. */
static void write_whole_folio(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = shm_file_with(test, "within_size", NULL, NULL);
	const struct fxt_range want = { FIRST, order };
	const loff_t from = FXT_POS(FIRST), to = from + (PAGE_SIZE << order);
	struct shm_stats before = shm_read_stats();

	shm_write(fx, from, to);
	KUNIT_EXPECT_EQ(test, to, i_size_read(shm_inode(fx)));
	fxt_expect_layout(fx, &want, 1);
	fxt_expect_stamped(fx, from, to);
	shm_expect_folios(fx);
	shm_expect_stats(test, before, 1L << order, shm_thps(order));
	fxt_read_stamped(fx, from, to, false);
	shm_truncate(fx, 0);
	shm_expect_accounts(fx);
	shm_expect_stats(test, before, 0, 0);
}

/* A write of a part of a new folio leaves zeros around it. */
static void write_part_of_new_folio(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, j, nr, n = 0;
	struct folio_fixture *fx = shm_file_with(test, "within_size", NULL, NULL);
	const loff_t pos = FXT_POS(FIRST), size = PAGE_SIZE << order;
	const struct fxt_range want = { FIRST, order };
	loff_t edge[MAX_EDGES];

	nr = folio_edges(order, edge);
	for (i = 0; i < nr; i++) {
		for (j = i + 1; j < nr; j++) {
			if (order > 3 && n++ % (order - 2))
				continue;
			/* As a sparse file: nothing is there, but that is within its size. */
			shm_truncate(fx, pos + size);
			shm_write(fx, pos + edge[i], pos + edge[j]);
			KUNIT_EXPECT_EQ(test, pos + size, i_size_read(shm_inode(fx)));
			fxt_expect_layout(fx, &want, 1);
			fxt_expect_zeroed(fx, pos, pos + edge[i]);
			fxt_expect_stamped(fx, pos + edge[i], pos + edge[j]);
			fxt_expect_zeroed(fx, pos + edge[j], pos + size);
			shm_expect_folios(fx);
			if (failed_at(test, "order %u, write %lld to %lld", order,
				      edge[i], edge[j]))
				return;
			shm_truncate(fx, 0);
		}
	}
}

/* A write over what is there changes only that, and the size if it goes further. */
static void write_over_folios(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = shm_file(test);
	const unsigned long pages = 1UL << order;
	const pgoff_t end = FIRST + 2 * pages;
	const struct fxt_range want[] = { { FIRST, order }, { FIRST + pages, 0 } };
	const loff_t from = FXT_POS(FIRST) + PAGE_SIZE / 2;
	struct folio *folio;

	i_size_write(shm_inode(fx), FXT_POS(FIRST + pages + 1) - 7);
	folio = fxt_add_shmem(fx, FIRST, order);
	fxt_add_shmem(fx, FIRST + pages, 0);
	folio_zero_range(folio, PAGE_SIZE / 2, (PAGE_SIZE << order) - PAGE_SIZE / 2);
	shm_write(fx, from, FXT_POS(FIRST + pages) + 9);
	fxt_expect_layout(fx, want, 2);
	fxt_expect_stamped(fx, FXT_POS(FIRST), FXT_POS(FIRST + pages + 1));
	KUNIT_EXPECT_EQ(test, FXT_POS(FIRST + pages + 1) - 7, i_size_read(shm_inode(fx)));
	shm_write(fx, FXT_POS(FIRST + pages) + 5, FXT_POS(end) - 3);
	KUNIT_EXPECT_EQ(test, max_t(loff_t, FXT_POS(end) - 3, FXT_POS(FIRST + pages + 1) - 7),
			i_size_read(shm_inode(fx)));
	fxt_expect_stamped(fx, FXT_POS(FIRST), FXT_POS(end) - 3);
	shm_expect_folios(fx);
}

static unsigned long huge_allocs(struct kunit *test)
{
	return IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) ? fxt_vm_event(test, THP_FILE_ALLOC) : 0;
}

static long allocs_of(unsigned int order)
{
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	return fxa_mthp_stat(order, MTHP_STAT_SHMEM_ALLOC);
#else
	return 0;
#endif
}

/* The folio at FIRST, with a reference, and nothing waits in a batch. */
static struct folio *first_folio(struct folio_fixture *fx, unsigned int order)
{
	fxt_drain_lru();
	return get_folio(fx, FIRST, order);
}

/*
 * Who writes to a folio uses it, from the first byte on, and who reads its beginning;
 * space that was only reserved is used by nobody. Each new folio is counted by its order.
 */
static void use_marks_and_counts(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = shm_file(test);
	const loff_t pos = FXT_POS(FIRST), end = pos + (PAGE_SIZE << order);
	const unsigned long huge = huge_allocs(test);
	const long allocs = allocs_of(order);
	struct folio *folio;

	if (IS_ENABLED(CONFIG_LRU_GEN))
		kunit_skip(test, "needs a kernel without CONFIG_LRU_GEN");
	i_size_write(shm_inode(fx), end);
	KUNIT_ASSERT_EQ(test, 0, vfs_fallocate(fx->file, 0, pos, end - pos));
	folio = first_folio(fx, order);
	KUNIT_EXPECT_FALSE_MSG(test, folio_test_referenced(folio), "reserved");
	folio_put(folio);
	shm_start_over(fx);

	i_size_write(shm_inode(fx), end);
	shm_write(fx, pos + 1, pos + 2);
	folio = first_folio(fx, order);
	KUNIT_EXPECT_TRUE_MSG(test, folio_test_referenced(folio), "written once");
	KUNIT_EXPECT_FALSE_MSG(test, folio_test_active(folio), "written once");
	folio_clear_referenced(folio);
	fxt_read_stamped(fx, pos + 1, pos + 2, false);
	KUNIT_EXPECT_FALSE_MSG(test, folio_test_referenced(folio), "read elsewhere");
	fxt_read_stamped(fx, pos, pos + 1, true);
	KUNIT_EXPECT_TRUE_MSG(test, folio_test_referenced(folio), "read at the beginning");
	shm_write(fx, pos + 1, pos + 2);
	fxt_drain_lru();
	KUNIT_EXPECT_TRUE_MSG(test, folio_test_active(folio), "written again");
	folio_put(folio);
	shm_expect_folios(fx);
	KUNIT_EXPECT_EQ(test, order ? 2 : 0, allocs_of(order) - allocs);
	KUNIT_EXPECT_EQ(test, order == PMD_ORDER && IS_ENABLED(CONFIG_VM_EVENT_COUNTERS) ? 2 : 0,
			huge_allocs(test) - huge);
}

/* huge=within_size: for each size of the file and index in it, the right order. */
static void within_size_each_eof(struct kunit *test)
{
	static const unsigned long sizes[] = {
		1, 2, 3, 4, 5, 7, 8, 9, 16, 31, 64, 96, 100, 256, 511, 512, 513, 768, 1024, 1025,
	};
	struct folio_fixture *fx = shm_file_with(test, "within_size", NULL, NULL);
	unsigned int i, j;
	int less;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		const unsigned long pages = sizes[i];
		const pgoff_t at[] = { 0, 1, pages / 2, pages - 2, pages - 1 };

		/* One byte in the last page, and all but one of it, make it one of the file. */
		for (less = 0; less < 3; less++) {
			const loff_t size = FXT_POS(pages) - (less == 2 ? PAGE_SIZE - 1 : less);

			for (j = 0; j < ARRAY_SIZE(at); j++) {
				if (at[j] >= pages)
					continue;
				i_size_write(shm_inode(fx), size);
				KUNIT_EXPECT_EQ_MSG(test, order_within(at[j], pages),
						    get_order_at(fx, at[j], SGP_CACHE),
						    "index %lu, size %lld (%lu pages)",
						    at[j], size, pages);
				shm_expect_folios(fx);
				shm_truncate(fx, 0);
			}
		}
	}
}

/* What a write is about to make the size counts as the size. */
static void within_size_write_end(struct kunit *test)
{
	struct folio_fixture *fx = shm_file_with(test, "within_size", NULL, NULL);
	unsigned long pages;

	for (pages = 1; pages <= 600; pages += pages / 3 + 1) {
		struct folio *folio = NULL;
		const pgoff_t index = pages / 2;
		unsigned int want = order_within(index, pages);

		KUNIT_ASSERT_EQ(test, 0, shmem_get_folio(shm_inode(fx), index,
							 FXT_POS(pages) - 100, &folio, SGP_WRITE));
		KUNIT_EXPECT_EQ_MSG(test, want, folio_order(folio), "index %lu of %lu",
				    index, pages);
		KUNIT_EXPECT_FALSE(test, folio_test_uptodate(folio));
		folio_unlock(folio);
		folio_put(folio);
		i_size_write(shm_inode(fx), 1);
		shm_truncate(fx, 0);
	}
}

/* huge=always: the largest order that what is there already leaves room for. */
static void order_beside_folios(struct kunit *test)
{
	struct folio_fixture *fx = shm_file_with(test, "always", NULL, NULL);
	struct rnd_state rnd;
	unsigned int n;

	prandom_seed_state(&rnd, fxt_seed(test));
	i_size_write(shm_inode(fx), BIG);
	for (n = 0; n < 40; n++) {
		const pgoff_t index = FIRST + 512 + prandom_u32_state(&rnd) % 512;
		unsigned long spread = 1UL << (1 + prandom_u32_state(&rnd) % 9);
		unsigned int nr = 1 + n % 3, i, order;
		pgoff_t there[3] = {};

		for (i = 0; i < nr; i++) {
			there[i] = round_down(index, 2 * spread) +
				   prandom_u32_state(&rnd) % (2 * spread);
			if (there[i] == index)
				there[i] ^= 1;
			if (!xa_load(&fxt_mapping(fx)->i_pages, there[i]))
				fxt_add_shmem(fx, there[i], 0);
		}
		for (order = HUGE_ORDER; order; order--) {
			for (i = 0; i < nr; i++)
				if (there[i] >> order == index >> order)
					break;
			if (i == nr)
				break;
		}
		/* Nothing falls back further than one page beside another. */
		KUNIT_EXPECT_EQ_MSG(test, order, get_order_at(fx, index, SGP_CACHE),
				    "index %lu, others at %lu %lu %lu", index,
				    there[0], there[1], there[2]);
		shm_expect_folios(fx);
		fxt_expect_stamped(fx, FXT_POS(there[0]), FXT_POS(there[0] + 1));
		if (failed_at(test, "step %u", n))
			return;
		shm_start_over(fx);
	}
}

static const struct huge_param {
	char desc[24];
	const char *huge;
	unsigned long pages;
	bool advise;
	unsigned int read;	/* order without a mapping */
	unsigned int fault;	/* order of a fault */
} huge_params[] = {
	{ "never", "never", 600, false, 0, 0 },
	{ "never, advised", "never", 600, true, 0, 0 },
	{ "always", "always", 600, false, HUGE_ORDER, HUGE_ORDER },
	{ "always, small file", "always", 3, false, HUGE_ORDER, HUGE_ORDER },
	{ "within, large file", "within_size", HUGE_NR, false, HUGE_ORDER, HUGE_ORDER },
	{ "within, small file", "within_size", 3, false, 1, 1 },
	{ "within, advised", "within_size", 1, true, 0, HUGE_ORDER },
	{ "advise", "advise", 600, false, 0, 0 },
	{ "advise, advised", "advise", 600, true, 0, HUGE_ORDER },
};

KUNIT_ARRAY_PARAM_DESC(huge, huge_params, desc);

#define USER_ADDR	0x40000000UL

/* The mount option, and what madvise() adds to it. */
static void fault_in_each_mode(struct kunit *test)
{
	const struct huge_param *param = test->param_value;
	struct folio_fixture *fx = shm_file_with(test, param->huge, NULL, NULL);
	struct fxt_range want = { 0, param->read };
	struct mm_struct *mm;

	if (!SHM_EXPORTS)
		kunit_skip(test, "needs the exported do_madvise()");
	if (param->advise)
		fxt_need_large_folios(test);
	i_size_write(shm_inode(fx), FXT_POS(param->pages));
	KUNIT_EXPECT_EQ(test, param->read, get_order_at(fx, 0, SGP_CACHE));
	fxt_expect_layout(fx, &want, 1);
	fxt_expect_zeroed(fx, 0, PAGE_SIZE << param->read);
	shm_truncate(fx, 0);

	i_size_write(shm_inode(fx), FXT_POS(param->pages));
	mm = fxt_new_mm(test);
	fxt_switch_mm(mm);
	fxt_mmap(fx, USER_ADDR, 0, HUGE_NR, PROT_READ | PROT_WRITE, MAP_SHARED);
#if SHM_EXPORTS
	if (param->advise)
		KUNIT_ASSERT_EQ(test, 0, do_madvise(mm, USER_ADDR, HUGE_NR << PAGE_SHIFT,
						    MADV_HUGEPAGE));
#endif
	fxt_touch(test, USER_ADDR, 1, true);
	want.order = param->fault;
	fxt_expect_layout(fx, &want, 1);
	fxt_expect_zeroed(fx, 0, PAGE_SIZE << param->fault);
	shm_expect_accounts(fx);
	fxt_switch_mm(NULL);
	fxt_end_mm(test, mm);
	shm_expect_folios(fx);
}

enum { HOLE, DATA, FALLOCATED, PAST_EOF, FALLOCATED_PAST_EOF };

static const struct get_param {
	char desc[32];
	int what;
	enum sgp_type sgp;
	int err;
	bool folio;
	bool uptodate;
} get_params[] = {
	{ "hole, read", HOLE, SGP_READ, 0, false },
	{ "hole, noalloc", HOLE, SGP_NOALLOC, -ENOENT, false },
	{ "hole, cache", HOLE, SGP_CACHE, 0, true, true },
	{ "hole, write", HOLE, SGP_WRITE, 0, true, false },
	{ "hole, falloc", HOLE, SGP_FALLOC, 0, true, false },
	{ "data, read", DATA, SGP_READ, 0, true, true },
	{ "data, noalloc", DATA, SGP_NOALLOC, 0, true, true },
	{ "data, cache", DATA, SGP_CACHE, 0, true, true },
	{ "data, write", DATA, SGP_WRITE, 0, true, true },
	{ "data, falloc", DATA, SGP_FALLOC, 0, true, true },
	{ "fallocated, read", FALLOCATED, SGP_READ, 0, false },
	{ "fallocated, noalloc", FALLOCATED, SGP_NOALLOC, 0, true, true },
	{ "fallocated, cache", FALLOCATED, SGP_CACHE, 0, true, true },
	{ "fallocated, write", FALLOCATED, SGP_WRITE, 0, true, false },
	{ "fallocated, falloc", FALLOCATED, SGP_FALLOC, 0, true, true },
	{ "past EOF, read", PAST_EOF, SGP_READ, -EINVAL, false },
	{ "past EOF, noalloc", PAST_EOF, SGP_NOALLOC, -EINVAL, false },
	{ "past EOF, cache", PAST_EOF, SGP_CACHE, -EINVAL, false },
	{ "past EOF, write", PAST_EOF, SGP_WRITE, 0, true, false },
	{ "past EOF, falloc", PAST_EOF, SGP_FALLOC, 0, true, false },
	{ "fallocated past EOF, read", FALLOCATED_PAST_EOF, SGP_READ, -EINVAL, false },
	{ "fallocated past EOF, cache", FALLOCATED_PAST_EOF, SGP_CACHE, -EINVAL, false },
};

KUNIT_ARRAY_PARAM_DESC(get, get_params, desc);

/* What each way to ask for a folio gives, and what it must not allocate. */
static void get_folio_each_way(struct kunit *test)
{
	const struct get_param *param = test->param_value;
	unsigned int order;

	for (order = 0; order <= FXT_MAX_ORDER; order += 3) {
		struct folio_fixture *fx = shm_file(test);
		const pgoff_t index = FIRST + (1UL << order) / 2;
		const loff_t pos = FXT_POS(FIRST), len = PAGE_SIZE << order;
		bool past = param->what == PAST_EOF || param->what == FALLOCATED_PAST_EOF;
		struct folio *folio = NULL;
		unsigned long before;
		int err;

		i_size_write(shm_inode(fx), pos + len);
		if (param->what == DATA)
			fxt_add_shmem(fx, FIRST, order);
		if (param->what == FALLOCATED || param->what == FALLOCATED_PAST_EOF)
			KUNIT_ASSERT_EQ(test, 0, vfs_fallocate(fx->file, 0, pos, len));
		if (past)
			i_size_write(shm_inode(fx), FXT_POS(index));
		before = fxt_mapping(fx)->nrpages;

		err = shmem_get_folio(shm_inode(fx), index, 0, &folio, param->sgp);
		KUNIT_EXPECT_EQ_MSG(test, param->err, err, "order %u", order);
		KUNIT_EXPECT_EQ_MSG(test, param->folio, !err && folio, "order %u", order);
		if (!err && folio) {
			unsigned int want = param->what == PAST_EOF ? 0 : order;

			KUNIT_EXPECT_TRUE(test, folio_test_locked(folio));
			KUNIT_EXPECT_EQ_MSG(test, want, folio_order(folio), "order %u", order);
			KUNIT_EXPECT_EQ_MSG(test, param->uptodate, folio_test_uptodate(folio),
					    "order %u", order);
			if (folio_test_uptodate(folio) && param->what == DATA)
				fxt_expect_stamped(fx, pos, pos + len);
			else if (folio_test_uptodate(folio))
				fxt_expect_zeroed(fx, folio_pos(folio),
						  folio_pos(folio) + folio_size(folio));
			folio_unlock(folio);
			folio_put(folio);
		} else {
			KUNIT_EXPECT_EQ_MSG(test, before, fxt_mapping(fx)->nrpages,
					    "order %u", order);
		}
		shm_expect_accounts(fx);
		if (failed_at(test, "order %u", order))
			return;
	}
}

/* Reads of holes and of what was only fallocated give zeros and allocate nothing. */
static void read_holes(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = shm_file(test);
	const unsigned long pages = 1UL << order;
	const pgoff_t data = FIRST + 2 * pages, falloc = FIRST + 4 * pages;
	const pgoff_t end = FIRST + 5 * pages;
	char buf[16];
	loff_t pos;

	fxt_add_shmem(fx, data, order);
	i_size_write(shm_inode(fx), FXT_POS(end));
	KUNIT_ASSERT_EQ(test, 0, vfs_fallocate(fx->file, 0, FXT_POS(falloc), PAGE_SIZE << order));
	KUNIT_ASSERT_EQ(test, 2 * pages, fxt_mapping(fx)->nrpages);

	fxt_read_stamped(fx, FXT_POS(FIRST) + 3, FXT_POS(data), true);
	fxt_read_stamped(fx, FXT_POS(data), FXT_POS(data + pages), false);
	fxt_read_stamped(fx, FXT_POS(data + pages), FXT_POS(end), true);
	KUNIT_EXPECT_EQ(test, 2 * pages, fxt_mapping(fx)->nrpages);
	shm_expect_accounts(fx);

	/* Up to EOF, not one byte more, wherever it is in the folio. */
	for (pos = 1; pos < (PAGE_SIZE << order); pos += (PAGE_SIZE << order) / 3) {
		loff_t at = FXT_POS(data) + pos - 1;

		i_size_write(shm_inode(fx), FXT_POS(data) + pos);
		KUNIT_EXPECT_EQ_MSG(test, 1, kernel_read(fx->file, buf, sizeof(buf), &at),
				    "EOF %lld", pos);
		fxt_expect_buffer(fx, buf, FXT_POS(data) + pos - 1, 1);
		KUNIT_EXPECT_EQ_MSG(test, 0, kernel_read(fx->file, buf, sizeof(buf), &at),
				    "EOF %lld", pos);
	}
	i_size_write(shm_inode(fx), FXT_POS(end));
}

static void free_buf(void *buf)
{
	kvfree(buf);
}

static void clear_poison(void *data)
{
	struct page *page = data;

	ClearPageHWPoison(page);
	if (folio_test_large(page_folio(page)))
		folio_clear_has_hwpoisoned(page_folio(page));
}

/* What lies before a poisoned page is read; the page itself, and no other, is an error. */
static void read_poisoned_page(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	struct folio_fixture *fx = shm_file(test);
	const unsigned long pages = 1UL << order, at[] = { 0, pages / 2, pages - 1 };
	const size_t size = PAGE_SIZE << order;
	struct folio *folio;
	u8 *buf;

	if (!IS_ENABLED(CONFIG_MEMORY_FAILURE))
		kunit_skip(test, "needs CONFIG_MEMORY_FAILURE");
	buf = kvmalloc(size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_buf, buf));
	folio = fxt_add_shmem(fx, FIRST, order);
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		struct page *page = folio_page(folio, at[i]);
		loff_t start = FXT_POS(FIRST), pos = start;
		ssize_t before = at[i] * PAGE_SIZE, after = size - before - PAGE_SIZE;

		SetPageHWPoison(page);
		if (order)
			folio_set_has_hwpoisoned(folio);
		KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, clear_poison, page));
		KUNIT_EXPECT_EQ_MSG(test, kernel_read(fx->file, buf, size, &pos),
				    before ?: -EIO, "poison in page %lu", at[i]);
		fxt_expect_buffer(fx, buf, start, before);
		pos = start + before + PAGE_SIZE - 1;
		KUNIT_EXPECT_EQ_MSG(test, kernel_read(fx->file, buf, 1, &pos), -EIO,
				    "poison in page %lu", at[i]);
		pos = start + before + PAGE_SIZE;
		if (after)
			KUNIT_EXPECT_EQ_MSG(test, kernel_read(fx->file, buf, after, &pos), after,
					    "poison in page %lu", at[i]);
		fxt_expect_buffer(fx, buf, start + before + PAGE_SIZE, after);
		/* Written is none of it: a part of the folio is not what it seems. */
		pos = start + size - 1;
		KUNIT_EXPECT_EQ_MSG(test, kernel_write(fx->file, buf, 1, &pos), -EIO,
				    "poison in page %lu", at[i]);
		kunit_release_action(test, clear_poison, page);
	}
	fxt_read_stamped(fx, FXT_POS(FIRST), FXT_POS(FIRST + pages), false);
}

/* SEEK_DATA and SEEK_HOLE: data are folios that were written, holes all else. */
static void seek_data_and_hole(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	struct folio_fixture *fx = shm_file(test);
	const unsigned long pages = 1UL << order;
	const pgoff_t data = FIRST + 2 * pages, falloc = FIRST + 4 * pages;
	const loff_t size = FXT_POS(FIRST + 6 * pages) - 100;
	const struct seek {
		int whence;
		loff_t from;
		loff_t want;
	} seeks[] = {
		{ SEEK_DATA, FXT_POS(FIRST), FXT_POS(data) },
		{ SEEK_HOLE, FXT_POS(FIRST), FXT_POS(FIRST) },
		{ SEEK_DATA, FXT_POS(data) - 1, FXT_POS(data) },
		{ SEEK_DATA, FXT_POS(data) + 5, FXT_POS(data) + 5 },
		{ SEEK_HOLE, FXT_POS(data), FXT_POS(data + pages) },
		{ SEEK_HOLE, FXT_POS(data + pages) - 1, FXT_POS(data + pages) },
		{ SEEK_DATA, FXT_POS(data + pages) - 1, FXT_POS(data + pages) - 1 },
		{ SEEK_DATA, FXT_POS(data + pages), -ENXIO },
		{ SEEK_HOLE, FXT_POS(falloc) + 1, FXT_POS(falloc) + 1 },
		{ SEEK_DATA, FXT_POS(falloc), -ENXIO },
		{ SEEK_HOLE, size - 1, size - 1 },
		{ SEEK_HOLE, size, -ENXIO },
		{ SEEK_END, -1, size - 1 },
	};

	fxt_add_shmem(fx, data, order);
	i_size_write(shm_inode(fx), FXT_POS(falloc + pages));
	KUNIT_ASSERT_EQ(test, 0, vfs_fallocate(fx->file, 0, FXT_POS(falloc), PAGE_SIZE << order));
	i_size_write(shm_inode(fx), size);
	for (i = 0; i < ARRAY_SIZE(seeks); i++)
		KUNIT_EXPECT_EQ_MSG(test, seeks[i].want,
				    vfs_llseek(fx->file, seeks[i].from, seeks[i].whence),
				    "order %u, seek %u from %lld", order, i, seeks[i].from);
	/* With data to the end, the hole begins there. */
	fxt_read_stamped(fx, FXT_POS(data), FXT_POS(data + pages), false);
	i_size_write(shm_inode(fx), FXT_POS(data) + 1);
	KUNIT_EXPECT_EQ(test, FXT_POS(data) + 1,
			vfs_llseek(fx->file, FXT_POS(data), SEEK_HOLE));
}

#ifdef CONFIG_MEMORY_FAILURE
/* One page of a file fails: it alone is lost, and whoever wants its bytes is told. */
static void lose_page(struct folio_fixture *fx, unsigned int order, unsigned long lost)
{
	const unsigned long nr = 1UL << order;
	const loff_t pos = FXT_POS(FIRST), bad = pos + FXT_POS(lost);
	struct kunit *test = fx->test;
	loff_t at = bad;
	unsigned long i;
	struct page *page;
	u8 byte = 0;

	shm_start_over(fx);
	page = folio_page(fxt_add_shmem(fx, FIRST, order), lost);
	KUNIT_EXPECT_EQ(test, 0, memory_failure(page_to_pfn(page), MF_SW_SIMULATED));
	KUNIT_EXPECT_EQ(test, nr, fxt_mapping(fx)->nrpages);
	for (i = 0; i < nr; i++) {
		struct folio *folio = xa_load(&fxt_mapping(fx)->i_pages, FIRST + i);

		KUNIT_ASSERT_NOT_NULL(test, folio);
		KUNIT_EXPECT_EQ_MSG(test, 0, folio_order(folio), "page %lu", i);
		KUNIT_EXPECT_EQ_MSG(test, i == lost, PageHWPoison(&folio->page), "page %lu", i);
		if (i == lost)
			KUNIT_EXPECT_PTR_EQ(test, page, &folio->page);
		else
			KUNIT_EXPECT_TRUE_MSG(test, folio_test_dirty(folio), "page %lu", i);
	}
	KUNIT_EXPECT_EQ(test, -EIO, kernel_read(fx->file, &byte, 1, &at));
	KUNIT_EXPECT_EQ(test, -EIO, kernel_write(fx->file, &byte, 1, &at));
	fxt_read_stamped(fx, pos, bad, false);
	fxt_read_stamped(fx, bad + PAGE_SIZE, pos + FXT_POS(nr), false);
	shm_expect_accounts(fx);
	/* A hole frees the index; the page stays out of use until it is mended. */
	shm_punch(fx, bad, bad + PAGE_SIZE);
	fxt_read_stamped(fx, bad, bad + PAGE_SIZE, true);
	shm_write(fx, bad, bad + PAGE_SIZE);
	fxt_read_stamped(fx, pos, pos + FXT_POS(nr), false);
	shm_expect_folios(fx);
	KUNIT_EXPECT_TRUE(test, PageHWPoison(page));
	KUNIT_EXPECT_EQ(test, 1, page_ref_count(page));
	KUNIT_EXPECT_EQ(test, 0, unpoison_memory(page_to_pfn(page)));
}
#endif

static void memory_failure_each_page(struct kunit *test)
{
#ifdef CONFIG_MEMORY_FAILURE
	unsigned int order = fxt_order(test), i;
	struct folio_fixture *fx = shm_file(test);
	const unsigned long nr = 1UL << order, pages[] = { 0, nr / 2, nr - 1 };

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		if (i && pages[i] == pages[i - 1])
			continue;
		lose_page(fx, order, pages[i]);
		if (failed_at(test, "order %u, page %lu", order, pages[i]))
			return;
	}
#else
	kunit_skip(test, "needs CONFIG_MEMORY_FAILURE");
#endif
}

static struct kunit_case shmem_cases[] = {
	KUNIT_CASE_PARAM(write_whole_folio, order_gen_params),
	KUNIT_CASE_PARAM(write_part_of_new_folio, order_gen_params),
	KUNIT_CASE_PARAM(write_over_folios, order_gen_params),
	KUNIT_CASE_PARAM(use_marks_and_counts, order_gen_params),
	KUNIT_CASE(within_size_each_eof),
	KUNIT_CASE(within_size_write_end),
	KUNIT_CASE(order_beside_folios),
	KUNIT_CASE_PARAM(fault_in_each_mode, huge_gen_params),
	KUNIT_CASE_PARAM(get_folio_each_way, get_gen_params),
	KUNIT_CASE_PARAM(read_holes, order_gen_params),
	KUNIT_CASE_PARAM(read_poisoned_page, order_gen_params),
	KUNIT_CASE_PARAM(seek_data_and_hole, order_gen_params),
	KUNIT_CASE_PARAM(memory_failure_each_page, order_gen_params),
	{}
};

static struct kunit_suite shmem_suite = {
	.name = "mm_shmem",
	.init = shm_init,
	.test_cases = shmem_cases,
};

kunit_test_suite(shmem_suite);

MODULE_DESCRIPTION("KUnit suite of shared memory");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
