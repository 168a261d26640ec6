// SPDX-License-Identifier: GPL-2.0
/*
 * mm_shmem_hole: what truncate, hole punch and fallocate owe files of tmpfs, and
 * what is accounted after them.
 *
 * Other than a filesystem with a disk, tmpfs must give back each page of a hole:
 *
 *	pages:	| kept | part | in the hole | part | kept |
 *	cached:	  yes    yes        no        yes    yes
 *	bytes:	  S S    S 0                  0 S    S S	S stamped, 0 zeroed
 *
 * and account for one page less for each. What remains is dirty: there is no
 * other copy.
 */
#include <linux/module.h>
#include <linux/shrinker.h>
#include <linux/statfs.h>

#include "shmem_model.h"

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

/* One folio with neighbours of one page, all within the file. */
static void add_hill(struct folio_fixture *fx, pgoff_t index, unsigned int order)
{
	fxt_add_shmem(fx, index, order);
	fxt_add_shmem(fx, index - 1, 0);
	fxt_add_shmem(fx, index + (1UL << order), 0);
}

static void expect_hill(struct folio_fixture *fx, pgoff_t index, unsigned int order,
			loff_t from, loff_t to)
{
	const pgoff_t first = index - 1, end = index + (1UL << order) + 1;

	expect_hole(fx, first, end, from, to);
	shm_expect_folios(fx);
}

/* Truncate in, at the edges of and past a folio; then grow: all new is zero. */
static void truncate_at_every_edge(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, nr;
	struct folio_fixture *fx = shm_file(test);
	const unsigned long pages = 1UL << order;
	const pgoff_t index = FIRST + 1024, end = index + pages + 1;
	struct shm_stats before = shm_read_stats();
	loff_t edge[MAX_EDGES + 2];

	nr = folio_edges(order, edge);
	edge[nr++] = (PAGE_SIZE << order) + 1;
	edge[nr++] = (PAGE_SIZE << order) + PAGE_SIZE;
	for (i = 0; i < nr; i++) {
		loff_t from = FXT_POS(index) + edge[i];
		long kept = DIV_ROUND_UP(from - FXT_POS(index - 1), PAGE_SIZE);

		if (order > 6 && (i + order) % 3)
			continue;
		add_hill(fx, index, order);
		shm_truncate(fx, from);
		expect_hill(fx, index, order, from, TO_END);
		KUNIT_EXPECT_EQ(test, kept, fxt_mapping(fx)->nrpages);
		shm_expect_stats(test, before, kept,
				 edge[i] >= (PAGE_SIZE << order) ? shm_thps(order) : 0);
		shm_truncate(fx, FXT_POS(end) + 5);
		fxt_read_stamped(fx, FXT_POS(index - 1), from, false);
		fxt_read_stamped(fx, from, FXT_POS(end) + 5, true);
		KUNIT_EXPECT_EQ(test, kept, fxt_mapping(fx)->nrpages);
		if (failed_at(test, "order %u, edge %lld", order, edge[i]))
			return;
		shm_start_over(fx);
	}
	shm_expect_stats(test, before, 0, 0);
}

/* Both ends of the hole in one folio: at every pair of its edges. */
static void punch_in_one_folio(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, j, nr, n = 0;
	struct folio_fixture *fx = shm_file(test);
	const unsigned long pages = 1UL << order;
	const pgoff_t index = FIRST + 1024;
	loff_t edge[MAX_EDGES + 1];

	nr = folio_edges(order, edge);
	/* And one that ends with the first byte behind it. */
	edge[nr++] = (PAGE_SIZE << order) + 1;
	for (i = 0; i + 1 < nr; i++) {
		for (j = i + 1; j < nr; j++) {
			loff_t from = FXT_POS(index) + edge[i], to = FXT_POS(index) + edge[j];
			long gone = round_down(edge[j], PAGE_SIZE) / (long)PAGE_SIZE -
				    round_up(edge[i], PAGE_SIZE) / (long)PAGE_SIZE;

			if (n++ && order > 4 && j + 1 < nr && (n + order) % (order - 3) != 0)
				continue;
			add_hill(fx, index, order);
			shm_punch(fx, from, to);
			expect_hill(fx, index, order, from, to);
			KUNIT_EXPECT_EQ(test, pages + 2 - max(gone, 0L), fxt_mapping(fx)->nrpages);
			KUNIT_EXPECT_EQ(test, BIG, i_size_read(shm_inode(fx)));
			if (failed_at(test, "order %u, hole %lld to %lld", order,
				      edge[i], edge[j]))
				return;
			shm_start_over(fx);
		}
	}
}

/* From one folio into another, over folios and holes between them. */
static void punch_across_folios(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, j, nr, nr_other, n = 0;
	const unsigned int other = FXT_MAX_ORDER - order;
	struct folio_fixture *fx = shm_file(test);
	const pgoff_t first = FIRST + 2048, second = FIRST + 4096, end = second + (1UL << other);
	loff_t edge[MAX_EDGES], edge_other[MAX_EDGES];
	unsigned int k;

	nr = folio_edges(order, edge);
	nr_other = folio_edges(other, edge_other);
	for (i = 0; i < nr; i++) {
		for (j = 0; j < nr_other; j++) {
			loff_t from = FXT_POS(first) + edge[i], to = FXT_POS(second) + edge_other[j];
			unsigned long kept;

			if (n++ % 11 != order)
				continue;
			fxt_add_shmem(fx, first, order);
			fxt_add_shmem(fx, second, other);
			/* More of them between than a batch holds. */
			for (k = 1; k <= 20; k++)
				fxt_add_shmem(fx, second - 48 * k, k % 3);
			shm_punch(fx, from, to);
			fxt_expect_stamped(fx, FXT_POS(first), from);
			fxt_expect_zeroed(fx, from, round_up(from, PAGE_SIZE));
			expect_empty(fx, DIV_ROUND_UP(from, PAGE_SIZE), to >> PAGE_SHIFT);
			fxt_expect_zeroed(fx, round_down(to, PAGE_SIZE), to);
			fxt_expect_stamped(fx, to, FXT_POS(end));
			kept = DIV_ROUND_UP(edge[i], PAGE_SIZE) + (1UL << other) -
			       (edge_other[j] >> PAGE_SHIFT);
			KUNIT_EXPECT_EQ(test, kept, fxt_mapping(fx)->nrpages);
			shm_expect_folios(fx);
			if (failed_at(test, "orders %u and %u, hole %lld to %lld", order, other,
				      edge[i], edge_other[j]))
				return;
			shm_start_over(fx);
		}
	}
}

/* Somebody holds the folio: it cannot be split, so it stays whole, zeroed in part. */
static void punch_pinned_folio(struct kunit *test)
{
	unsigned int order = fxt_order(test), way;
	struct folio_fixture *fx = shm_file(test);
	const pgoff_t index = FIRST + 1024;
	const loff_t pos = FXT_POS(index), size = PAGE_SIZE << order;
	const struct {
		loff_t from;
		loff_t to;
	} holes[] = {
		{ size / 4, size / 2 }, { 1, size - 1 }, { size / 2, size }, { 0, size / 2 },
		{ size / 2, 3 * size },
	};

	if (!order)
		return;
	for (way = 0; way < 2 * ARRAY_SIZE(holes); way++) {
		const bool truncate = way >= ARRAY_SIZE(holes);
		loff_t from = pos + holes[way % ARRAY_SIZE(holes)].from;
		loff_t to = truncate ? TO_END : pos + holes[way % ARRAY_SIZE(holes)].to;
		const loff_t in = min(to, pos + size);
		struct fxt_range want[] = { { index - 1, 0 }, { index, order },
					    { index + (1UL << order), 0 } };
		struct folio *folio;

		if (from == pos && (truncate || in == pos + size))
			continue;
		add_hill(fx, index, order);
		folio = get_folio(fx, index, order);
		if (truncate)
			shm_truncate(fx, from);
		else
			shm_punch(fx, from, to);
		fxt_expect_layout(fx, want, to > pos + size ? 2 : 3);
		fxt_expect_stamped(fx, FXT_POS(index - 1), from);
		fxt_expect_zeroed(fx, from, in);
		fxt_expect_stamped(fx, in, pos + size);
		fxt_drain_lru();
		KUNIT_EXPECT_EQ(test, folio_nr_pages(folio) + 1, folio_ref_count(folio));
		KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
		KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
		folio_put(folio);
		shm_expect_folios(fx);
		if (failed_at(test, "order %u, %lld to %lld, way %u", order, from - pos,
			      to - pos, way))
			return;
		shm_start_over(fx);
	}
}

/* Mapped pages of the hole are unmapped, and a fault there finds zeros. */
static void punch_mapped_folio(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	struct folio_fixture *fx = shm_file(test);
	const unsigned long pages = 1UL << order, addr = 0x40000000UL;
	const pgoff_t index = FIRST + 1024, from = index + pages / 4, to = index + pages / 2 + 1;
	struct mm_struct *mm = fxt_new_mm(test);
	struct fxt_pte *ptes = kunit_kcalloc(test, pages, sizeof(*ptes), GFP_KERNEL);
	u64 word;

	KUNIT_ASSERT_NOT_NULL(test, ptes);
	fxt_add_shmem(fx, index, order);
	fxt_switch_mm(mm);
	fxt_mmap(fx, addr, index, pages, PROT_READ | PROT_WRITE, MAP_SHARED);
	fxt_touch(test, addr, pages, true);
	shm_punch(fx, FXT_POS(from), FXT_POS(to));
	fxt_read_ptes(mm, addr, pages, ptes);
	for (i = 0; i < pages; i++) {
		struct page *page = ptes[i].page;

		if (index + i >= from && index + i < to)
			KUNIT_EXPECT_PTR_EQ_MSG(test, NULL, page, "page %u of %lu", i, pages);
		else if (page)
			KUNIT_EXPECT_PTR_EQ_MSG(test, xa_load(&fxt_mapping(fx)->i_pages, index + i),
						(void *)page_folio(page), "page %u of %lu",
						i, pages);
	}
	KUNIT_EXPECT_EQ(test, pages - min(to - from, pages), fxt_mapping(fx)->nrpages);
	for (i = 0; i < pages; i++) {
		KUNIT_ASSERT_EQ(test, 0, get_user(word, (u64 __user *)(addr + i * PAGE_SIZE)));
		KUNIT_EXPECT_EQ_MSG(test, index + i >= from && index + i < to, word == 0,
				    "page %u of %lu", i, pages);
	}
	fxt_touch(test, addr, pages, true);
	fxt_switch_mm(NULL);
	fxt_end_mm(test, mm);
	shm_expect_folios(fx);
}

static const struct falloc_param {
	char desc[40];
	loff_t from;
	loff_t len;
	loff_t size;		/* of the file before */
	int mode;
} falloc_params[] = {
	{ "one page", 0, PAGE_SIZE, 0, 0 },
	{ "one byte", 3 * PAGE_SIZE + 7, 1, 0, 0 },
	{ "one byte, size kept", 3 * PAGE_SIZE + 7, 1, 0, FALLOC_FL_KEEP_SIZE },
	{ "two bytes of two pages", PAGE_SIZE - 1, 2, 0, 0 },
	{ "512 pages", 0, 512 * PAGE_SIZE, 0, 0 },
	{ "512 pages, size kept", 0, 512 * PAGE_SIZE, 100, FALLOC_FL_KEEP_SIZE },
	{ "inside the file", 10 * PAGE_SIZE, 100 * PAGE_SIZE, 600 * PAGE_SIZE, 0 },
	{ "unaligned over EOF", 77 * PAGE_SIZE + 1, 700 * PAGE_SIZE, 100 * PAGE_SIZE, 0 },
	{ "over EOF, size kept", 500 * PAGE_SIZE, 40 * PAGE_SIZE, 510 * PAGE_SIZE,
	  FALLOC_FL_KEEP_SIZE },
};

KUNIT_ARRAY_PARAM_DESC(falloc, falloc_params, desc);

/* What a process that has mapped the last folio of a file may write behind EOF. */
static void write_behind_eof(struct folio_fixture *fx, pgoff_t index, unsigned int order,
			     size_t eof)
{
	struct folio *folio = get_folio(fx, index, order);
	size_t at = eof, len;

	for (; at < folio_size(folio); at += len) {
		char *to = kmap_local_folio(folio, at);

		len = PAGE_SIZE - offset_in_page(at);
		memset(to, 0xff, len);
		kunmap_local(to);
	}
	folio_put(folio);
}

/* A file that grows, whichever way, reads as zeroes behind what was its end. */
static void grow_over_polluted_tail(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, nr, way;
	struct folio_fixture *fx = shm_file(test);
	const unsigned long pages = 1UL << order;
	const pgoff_t index = FIRST + 1024, end = index + pages;
	loff_t edge[MAX_EDGES];

	fxt_need_fix(test, "shmem: zero what was written behind EOF before the file grows");
	nr = folio_edges(order, edge);
	for (i = 0; i < nr; i++) {
		const loff_t eof = FXT_POS(index) + edge[i];

		for (way = 0; way < 4; way++) {
			if (!edge[i] || (order > 4 && (i + way + order) % 3))
				continue;
			fxt_add_shmem(fx, index, order);
			i_size_write(shm_inode(fx), eof);
			write_behind_eof(fx, index, order, edge[i]);
			switch (way) {
			case 0:
				shm_truncate(fx, FXT_POS(end) + 5);
				break;
			case 1:
				shm_write(fx, FXT_POS(end), FXT_POS(end) + 5);
				break;
			case 2:
				KUNIT_ASSERT_EQ(test, 0, vfs_fallocate(fx->file, 0, FXT_POS(end),
								       PAGE_SIZE));
				break;
			case 3: /* Twice, and at first by a byte. */
				shm_truncate(fx, eof + 1);
				shm_truncate(fx, FXT_POS(end) + 5);
				break;
			}
			fxt_read_stamped(fx, FXT_POS(index), eof, false);
			fxt_read_stamped(fx, eof, FXT_POS(end), true);
			/* What is only allocated is not uptodate. */
			if (way == 2)
				shm_expect_accounts(fx);
			else
				shm_expect_folios(fx);
			if (failed_at(test, "order %u, EOF %lld, way %u", order, edge[i], way))
				return;
			shm_start_over(fx);
		}
	}
}

/* Every page of the range, and none that nobody asked for, unless a folio needs it. */
static void fallocate_range(struct kunit *test)
{
	const struct falloc_param *param = test->param_value;
	static const char *const huge[] = { "never", "within_size", "always" };
	unsigned int way;

	for (way = 0; way < 3; way++) {
		struct folio_fixture *fx = shm_file_with(test, huge[way], NULL, NULL);
		const pgoff_t start = param->from >> PAGE_SHIFT;
		const pgoff_t end = DIV_ROUND_UP(param->from + param->len, PAGE_SIZE);
		bool keep = param->mode & FALLOC_FL_KEEP_SIZE;
		loff_t size = keep ? param->size : max(param->size, param->from + param->len);
		unsigned long pages = 0;
		struct folio *folio;
		pgoff_t at;

		i_size_write(shm_inode(fx), param->size);
		KUNIT_ASSERT_EQ(test, 0, vfs_fallocate(fx->file, param->mode, param->from,
						       param->len));
		KUNIT_EXPECT_EQ(test, size, i_size_read(shm_inode(fx)));
		KUNIT_EXPECT_EQ(test, end, SHMEM_I(shm_inode(fx))->fallocend);
		for (at = start; at < end; at++)
			if (!xa_load(&fxt_mapping(fx)->i_pages, at))
				KUNIT_FAIL(test, "%s: page %lu is not there", huge[way], at);
		xa_for_each(&fxt_mapping(fx)->i_pages, at, folio) {
			pages += folio_nr_pages(folio);
			KUNIT_EXPECT_TRUE_MSG(test, folio->index < end &&
					      folio_next_index(folio) > start, "at %lu", at);
			KUNIT_EXPECT_TRUE_MSG(test, folio_test_dirty(folio), "at %lu", at);
			KUNIT_EXPECT_FALSE_MSG(test, folio_test_uptodate(folio), "at %lu", at);
			KUNIT_EXPECT_FALSE_MSG(test, folio_test_locked(folio), "at %lu", at);
		}
		if (!way)
			KUNIT_EXPECT_EQ(test, end - start, pages);
		KUNIT_EXPECT_EQ(test, pages, fxt_mapping(fx)->nrpages);
		KUNIT_EXPECT_PTR_EQ(test, NULL, shm_inode(fx)->i_private);
		shm_expect_accounts(fx);
		/* Once more, after a write to the first page: nothing is lost. */
		shm_write(fx, param->from, param->from + min_t(loff_t, param->len, 100));
		KUNIT_EXPECT_EQ(test, 0, vfs_fallocate(fx->file, param->mode, param->from,
						       param->len));
		KUNIT_EXPECT_EQ(test, pages, fxt_mapping(fx)->nrpages);
		size = max(size, param->from + min_t(loff_t, param->len, 100));
		i_size_write(shm_inode(fx), max_t(loff_t, size, param->from + param->len));
		fxt_read_stamped(fx, param->from, param->from + min_t(loff_t, param->len, 100),
				 false);
		fxt_read_stamped(fx, param->from + min_t(loff_t, param->len, 100),
				 param->from + param->len, true);
		shm_expect_folios(fx);
		if (failed_at(test, "huge=%s", huge[way]))
			return;
	}
}

/* fallocend goes back when the hole or the truncation covers it, not otherwise. */
static void fallocend_follows_truncate(struct kunit *test)
{
	struct folio_fixture *fx = shm_file_with(test, "never", NULL, NULL);
	struct shmem_inode_info *info = SHMEM_I(shm_inode(fx));

	KUNIT_ASSERT_EQ(test, 0, vfs_fallocate(fx->file, FALLOC_FL_KEEP_SIZE, 0,
					       100 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, 100, info->fallocend);
	shm_punch(fx, 10 * PAGE_SIZE, 20 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, 100, info->fallocend);
	shm_punch(fx, 90 * PAGE_SIZE, 99 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, 100, info->fallocend);
	shm_punch(fx, 100 * PAGE_SIZE, 120 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, 100, info->fallocend);
	shm_punch(fx, 80 * PAGE_SIZE + 1, 100 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, 81, info->fallocend);
	KUNIT_EXPECT_EQ(test, 71, fxt_mapping(fx)->nrpages);
	shm_truncate(fx, 30 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, 81, info->fallocend);
	shm_truncate(fx, 29 * PAGE_SIZE + 1);
	KUNIT_EXPECT_EQ(test, 30, info->fallocend);
	KUNIT_EXPECT_EQ(test, 20, fxt_mapping(fx)->nrpages);
	shm_expect_accounts(fx);
}

/* No room: what was allocated on the way goes, what was there before stays. */
static void fallocate_enospc_undone(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = shm_file_limited(test, "within_size", 1024);
	struct shmem_inode_info *info = SHMEM_I(shm_inode(fx));
	const unsigned long pages = 1UL << order;
	/* Between the folios there is room for all that is left, and more. */
	const pgoff_t index = FIRST + 1024, end = index + 1024;
	const struct fxt_range want[] = { { index + 4, 0 }, { index + 512, order },
					  { index + 2048, 0 } };
	struct shm_stats before;

	i_size_write(shm_inode(fx), FXT_POS(index + 4096));
	fxt_add_shmem(fx, index + 4, 0);
	fxt_add_shmem(fx, index + 512, order);
	fxt_add_shmem(fx, index + 2048, 0);
	i_size_write(shm_inode(fx), FXT_POS(index + 600));
	info->fallocend = 7;
	before = shm_read_stats();
	KUNIT_EXPECT_EQ(test, -ENOSPC,
			vfs_fallocate(fx->file, 0, FXT_POS(index), FXT_POS(end - index)));
	fxt_expect_layout(fx, want, 3);
	KUNIT_EXPECT_EQ(test, 7, info->fallocend);
	KUNIT_EXPECT_EQ(test, FXT_POS(index + 600), i_size_read(shm_inode(fx)));
	KUNIT_EXPECT_PTR_EQ(test, NULL, shm_inode(fx)->i_private);
	fxt_expect_stamped(fx, FXT_POS(index + 4), FXT_POS(index + 5));
	fxt_expect_stamped(fx, FXT_POS(index + 512), FXT_POS(index + 512 + pages));
	fxt_expect_stamped(fx, FXT_POS(index + 2048), FXT_POS(index + 2049));
	shm_expect_folios(fx);
	shm_expect_stats(test, before, 0, 0);
	KUNIT_EXPECT_EQ(test, pages + 2, percpu_counter_sum(&shm_sb(fx)->used_blocks));
	/* One that cannot fit is refused before anything is allocated. */
	KUNIT_EXPECT_EQ(test, -ENOSPC,
			vfs_fallocate(fx->file, 0, FXT_POS(index), FXT_POS(1025)));
	fxt_expect_layout(fx, want, 3);
}

/* What an earlier fallocate promised, a later one that fails does not take back. */
static void fallocate_undo_keeps_earlier(struct kunit *test)
{
	struct folio_fixture *fx = shm_file_limited(test, "within_size", 1024);
	unsigned int order = fxt_order(test);
	const unsigned long pages = 1UL << order;
	const pgoff_t index = FIRST + 1024;
	const struct fxt_range want[] = { { index, order }, { index + 8192, 0 } };

	i_size_write(shm_inode(fx), FXT_POS(index + pages));
	KUNIT_ASSERT_EQ(test, 0, vfs_fallocate(fx->file, 0, FXT_POS(index),
					       PAGE_SIZE << order));
	i_size_write(shm_inode(fx), FXT_POS(index + 8192 + 1));
	fxt_add_shmem(fx, index + 8192, 0);
	KUNIT_EXPECT_EQ(test, -ENOSPC, vfs_fallocate(fx->file, 0, FXT_POS(index),
						     FXT_POS(1024)));
	fxt_expect_layout(fx, want, 2);
	fxt_expect_zeroed(fx, FXT_POS(index), FXT_POS(index + pages));
	fxt_expect_stamped(fx, FXT_POS(index + 8192), FXT_POS(index + 8193));
	shm_expect_folios(fx);
}

/* At the limit a write stops where there is no more room; a smaller folio may fit. */
static void write_to_the_limit(struct kunit *test)
{
	struct folio_fixture *fx = shm_file_limited(test, "always", 600);
	void *buf = shm_buffer(fx, 0, 9);
	loff_t pos = 0;
	struct kstatfs st;

	KUNIT_EXPECT_EQ(test, 600, shm_sb(fx)->max_blocks);
	KUNIT_EXPECT_EQ(test, PAGE_SIZE << 9, kernel_write(fx->file, buf, PAGE_SIZE << 9, &pos));
	/* 88 blocks are left: one page each, since a huge one is too large. */
	KUNIT_EXPECT_EQ(test, 88 * PAGE_SIZE, kernel_write(fx->file, buf, PAGE_SIZE << 9, &pos));
	KUNIT_EXPECT_EQ(test, -ENOSPC, kernel_write(fx->file, buf, 1, &pos));
	KUNIT_EXPECT_EQ(test, FXT_POS(600), i_size_read(shm_inode(fx)));
	KUNIT_EXPECT_EQ(test, 600, fxt_mapping(fx)->nrpages);
	fxt_expect_stamped(fx, 0, FXT_POS(512));
	shm_expect_folios(fx);
	KUNIT_EXPECT_EQ(test, 0, vfs_statfs(&fx->file->f_path, &st));
	KUNIT_EXPECT_EQ(test, 600, st.f_blocks);
	KUNIT_EXPECT_EQ(test, 0, st.f_bfree);
	KUNIT_EXPECT_EQ(test, PAGE_SIZE, st.f_bsize);
	shm_truncate(fx, FXT_POS(100));
	KUNIT_EXPECT_EQ(test, 0, vfs_statfs(&fx->file->f_path, &st));
	KUNIT_EXPECT_EQ(test, 500, st.f_bfree);
	shm_free_buffer(buf);
}

static void scan(struct folio_fixture *fx, unsigned long nr, long want)
{
	struct super_block *sb = shm_inode(fx)->i_sb;
	struct shrink_control sc = { .gfp_mask = GFP_KERNEL, .nr_to_scan = nr };

	KUNIT_EXPECT_EQ_MSG(fx->test, want, sb->s_op->free_cached_objects(sb, &sc), "scan %lu", nr);
}

static long count_shrinkable(struct folio_fixture *fx)
{
	struct super_block *sb = shm_inode(fx)->i_sb;
	struct shrink_control sc = { .gfp_mask = GFP_KERNEL };

	KUNIT_EXPECT_EQ(fx->test, shm_sb(fx)->shrinklist_len,
			list_count_nodes(&shm_sb(fx)->shrinklist));
	return sb->s_op->nr_cached_objects(sb, &sc);
}

/* A huge folio with room past EOF is split when memory is short; no data are lost. */
static void shrink_past_eof(struct kunit *test)
{
	static const unsigned long sizes[] = { 1, 2, 100, HUGE_NR / 2, HUGE_NR - 1 };
	struct folio_fixture *fx = shm_file_with(test, "always", NULL, NULL);
	const struct fxt_range huge = { 0, HUGE_ORDER };
	unsigned int i;

	KUNIT_EXPECT_EQ(test, 0, count_shrinkable(fx));
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct shm_stats before = shm_read_stats();
		struct folio *folio;

		shm_write(fx, 0, FXT_POS(sizes[i]) - 10);
		fxt_expect_layout(fx, &huge, 1);
		KUNIT_EXPECT_EQ(test, 1, count_shrinkable(fx));
		/* In use: it stays, and stays on the list. */
		folio = get_folio(fx, 0, HUGE_ORDER);
		scan(fx, 5, 0);
		KUNIT_EXPECT_EQ(test, 1, count_shrinkable(fx));
		folio_lock(folio);
		scan(fx, 5, 0);
		folio_unlock(folio);
		folio_put(folio);
		KUNIT_EXPECT_EQ(test, 1, count_shrinkable(fx));
		fxt_expect_layout(fx, &huge, 1);

		fxt_drain_lru();
		scan(fx, 5, 1);
		KUNIT_EXPECT_EQ(test, 0, count_shrinkable(fx));
		KUNIT_EXPECT_EQ(test, sizes[i], fxt_mapping(fx)->nrpages);
		fxt_expect_stamped(fx, 0, FXT_POS(sizes[i]) - 10);
		shm_expect_stats(test, before, sizes[i], 0);
		vfs_getattr_nosec(&fx->file->f_path, &(struct kstat) {}, STATX_BASIC_STATS, 0);
		shm_expect_folios(fx);
		if (failed_at(test, "%lu pages", sizes[i]))
			return;
		shm_truncate(fx, 0);
	}
}

/* Nothing to gain: a full folio, one that was fallocated, one that is small. */
static void shrink_nothing_to_gain(struct kunit *test)
{
	struct folio_fixture *fx = shm_file_with(test, "always", NULL, NULL);
	const struct fxt_range huge = { 0, HUGE_ORDER };

	shm_write(fx, 0, 1);
	i_size_write(shm_inode(fx), FXT_POS(HUGE_NR - 1) + 1);
	KUNIT_EXPECT_EQ(test, 1, count_shrinkable(fx));
	scan(fx, 5, 0);
	KUNIT_EXPECT_EQ(test, 0, count_shrinkable(fx));
	fxt_expect_layout(fx, &huge, 1);
	shm_truncate(fx, 0);

	shm_write(fx, 0, 1);
	KUNIT_ASSERT_EQ(test, 0, vfs_fallocate(fx->file, FALLOC_FL_KEEP_SIZE, 0, FXT_POS(HUGE_NR)));
	KUNIT_EXPECT_EQ(test, 1, count_shrinkable(fx));
	scan(fx, 5, 0);
	KUNIT_EXPECT_EQ(test, 0, count_shrinkable(fx));
	fxt_expect_layout(fx, &huge, 1);
	shm_truncate(fx, 0);

	shm_write(fx, 0, FXT_POS(HUGE_NR));
	shm_truncate(fx, FXT_POS(HUGE_NR));
	scan(fx, 5, count_shrinkable(fx) ? 0 : -1);
	fxt_expect_layout(fx, &huge, 1);
	shm_expect_folios(fx);
}

/* Several files: as many as asked for, each on the list once. */
static void shrink_many_files(struct kunit *test)
{
	struct folio_fixture *fx = shm_file_with(test, "always", NULL, NULL), *file[4];
	unsigned int i;

	for (i = 0; i < 4; i++) {
		file[i] = i ? fxt_open_tmpfs(test, fx->mnt) : fx;
		shm_write(file[i], 0, 10);
		shm_write(file[i], FXT_POS(HUGE_NR), FXT_POS(HUGE_NR) + 10);
		KUNIT_EXPECT_EQ(test, i + 1, count_shrinkable(fx));
	}
	fxt_drain_lru();
	scan(fx, 2, 2);
	KUNIT_EXPECT_EQ(test, 2, count_shrinkable(fx));
	scan(fx, 9, 2);
	KUNIT_EXPECT_EQ(test, 0, count_shrinkable(fx));
	scan(fx, 9, -1);
	for (i = 0; i < 4; i++) {
		KUNIT_EXPECT_EQ_MSG(test, HUGE_NR + 1, fxt_mapping(file[i])->nrpages, "file %u", i);
		fxt_expect_stamped(file[i], FXT_POS(HUGE_NR), FXT_POS(HUGE_NR) + 10);
	}
	/* One that waits to be shrunk and goes away is on no list. */
	shm_truncate(file[3], 0);
	shm_write(file[3], 0, 1);
	KUNIT_EXPECT_EQ(test, 1, count_shrinkable(fx));
}

/* Room past the EOF of one file is given to another rather than ENOSPC. */
static void limit_takes_from_past_eof(struct kunit *test)
{
	struct folio_fixture *fx = shm_file_limited(test, "always", HUGE_NR), *other;

	shm_write(fx, 0, 1);
	KUNIT_EXPECT_EQ(test, HUGE_NR, fxt_mapping(fx)->nrpages);
	other = fxt_open_tmpfs(test, fx->mnt);
	fxt_drain_lru();
	shm_write(other, 0, FXT_POS(HUGE_NR - 1));
	KUNIT_EXPECT_EQ(test, 1, fxt_mapping(fx)->nrpages);
	KUNIT_EXPECT_EQ(test, HUGE_NR - 1, fxt_mapping(other)->nrpages);
	fxt_read_stamped(fx, 0, 1, false);
	fxt_read_stamped(other, 0, FXT_POS(HUGE_NR - 1), false);
	KUNIT_EXPECT_EQ(test, HUGE_NR, percpu_counter_sum(&shm_sb(fx)->used_blocks));
}

/* The last reference to a file: all blocks, the inode and its statistics come back. */
static void evict_gives_all_back(struct kunit *test)
{
	unsigned int order = shm_order(test);
	const char *options[] = { "nr_inodes", "10", order ? "huge" : NULL, "within_size", NULL };
	struct vfsmount *mnt = fxt_mount_tmpfs(test, options);
	struct folio_fixture *keep = fxt_open_tmpfs(test, mnt);
	struct shmem_sb_info *sbinfo = shm_sb(keep);
	const unsigned long ispace = sbinfo->free_ispace, committed = vm_memory_committed();
	struct shm_stats before = shm_read_stats();
	struct folio_fixture *fx = kunit_kzalloc(test, sizeof(*fx), GFP_KERNEL);
	struct file *file;

	KUNIT_ASSERT_NOT_NULL(test, fx);
	file = shmem_file_setup_with_mnt(mnt, "unlinked", 0, COMPAT_VMA_NORESERVE);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	KUNIT_EXPECT_EQ(test, ispace - 1024, sbinfo->free_ispace);
	fx->test = test;
	fx->file = file;
	fx->inode.i_mapping = file->f_mapping;
	fxt_add_shmem(fx, 1024, order);
	fxt_add_shmem(fx, 4095, 0);
	i_size_write(file_inode(file), FXT_POS(4096));
	KUNIT_EXPECT_EQ(test, (1L << order) + 1, percpu_counter_sum(&sbinfo->used_blocks));
	KUNIT_EXPECT_EQ(test, committed + (1L << order) + 1, vm_memory_committed());
	shm_expect_stats(test, before, (1L << order) + 1, shm_thps(order));
	__fput_sync(file);
	fxt_drain_lru();
	KUNIT_EXPECT_EQ(test, 0, percpu_counter_sum(&sbinfo->used_blocks));
	KUNIT_EXPECT_EQ(test, ispace, sbinfo->free_ispace);
	KUNIT_EXPECT_EQ(test, committed, vm_memory_committed());
	shm_expect_stats(test, before, 0, 0);
}

/* A file whose size is accounted when it is made, not when its pages are. */
static void committed_follows_size(struct kunit *test)
{
	struct folio_fixture *keep = shm_file_with(test, "always", NULL, NULL);
	const unsigned long committed = vm_memory_committed();
	struct folio_fixture *fx = kunit_kzalloc(test, sizeof(*fx), GFP_KERNEL);
	struct mm_struct *mm = fxt_new_mm(test);
	struct folio *folio = NULL;
	struct file *file;

	/* Accounting asks for the mm. */
	fxt_switch_mm(mm);
	KUNIT_ASSERT_NOT_NULL(test, fx);
	file = shmem_file_setup_with_mnt(keep->mnt, "accounted", FXT_POS(600) - 5,
					 COMPAT_VMA_RESERVE);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	fx->test = test;
	fx->file = file;
	fx->inode.i_mapping = file->f_mapping;
	KUNIT_EXPECT_EQ(test, committed + 600, vm_memory_committed());
	KUNIT_ASSERT_EQ(test, 0, shmem_get_folio(file_inode(file), 3, 0, &folio, SGP_CACHE));
	folio_mark_dirty(folio);
	folio_unlock(folio);
	folio_put(folio);
	fxt_drain_lru();
	KUNIT_EXPECT_EQ(test, HUGE_NR, file->f_mapping->nrpages);
	KUNIT_EXPECT_EQ(test, committed + 600, vm_memory_committed());
	shm_truncate(fx, FXT_POS(100) + 1);
	KUNIT_EXPECT_EQ(test, committed + 101, vm_memory_committed());
	KUNIT_EXPECT_EQ(test, 101, file->f_mapping->nrpages);
	shm_truncate(fx, FXT_POS(1000));
	KUNIT_EXPECT_EQ(test, committed + 1000, vm_memory_committed());
	__fput_sync(file);
	KUNIT_EXPECT_EQ(test, committed, vm_memory_committed());
	fxt_switch_mm(NULL);
}

static struct kunit_case shmem_hole_cases[] = {
	KUNIT_CASE_PARAM_ATTR(truncate_at_every_edge, order_gen_params, {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(punch_in_one_folio, order_gen_params, {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(punch_across_folios, order_gen_params),
	KUNIT_CASE_PARAM(punch_pinned_folio, order_gen_params),
	KUNIT_CASE_PARAM(punch_mapped_folio, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(grow_over_polluted_tail, order_gen_params, {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(fallocate_range, falloc_gen_params),
	KUNIT_CASE(fallocend_follows_truncate),
	KUNIT_CASE_PARAM(fallocate_enospc_undone, order_gen_params),
	KUNIT_CASE_PARAM(fallocate_undo_keeps_earlier, order_gen_params),
	KUNIT_CASE(write_to_the_limit),
	KUNIT_CASE(shrink_past_eof),
	KUNIT_CASE(shrink_nothing_to_gain),
	KUNIT_CASE(shrink_many_files),
	KUNIT_CASE(limit_takes_from_past_eof),
	KUNIT_CASE_PARAM(evict_gives_all_back, order_gen_params),
	KUNIT_CASE(committed_follows_size),
	{}
};

static struct kunit_suite shmem_hole_suite = {
	.name = "mm_shmem_hole",
	.init = shm_init,
	.test_cases = shmem_hole_cases,
};

kunit_test_suite(shmem_hole_suite);

MODULE_DESCRIPTION("KUnit suite of holes in shared memory, and its accounting");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
