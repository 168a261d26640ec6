// SPDX-License-Identifier: GPL-2.0
/*
 * mm_truncate_busy: what truncate and hole punch owe to who uses the folios: has a
 * reference, private data or a mapping, writes them back, holds their lock, reads.
 *
 * A folio that cannot be split and holds data that only the page cache has, stays
 * whole, with the hole zeroed. All positions lie above 4 GiB, so that one cut to 32
 * bits is a wrong one.
 */
#include <linux/backing-dev.h>
#include <linux/kthread.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/prandom.h>

#include "truncate_model.h"

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

/*
 * A clean folio that cannot be split may go whole, and the pages in the hole do:
 * nothing forbids it. Who still sees it must not see what was there.
 */
static void punch_unsplittable_clean(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, why;
	const pgoff_t index = FIRST, end = FIRST + (1UL << order);
	const loff_t from = FXT_POS(index) + 1000, to = FXT_POS(end) - 1000;
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	static const char * const whys[] = { "min order", "pinned", "private kept" };

	for (why = 0; why < ARRAY_SIZE(whys); why++) {
		struct folio *folio = fxt_add_folio(fx, index, order, why == 2 ? FXT_PRIVATE : 0);
		u8 *bytes;

		mapping_set_folio_order_range(fxt_mapping(fx), why == 0 ? order : 0, 9);
		folio_get(folio);
		fx->refuse_release = why == 2;
		truncate_pagecache_range(&fx->inode, from, to - 1);
		expect_not_stale(fx, index, end, from, to);
		expect_empty(fx, index + 1, end - 1);
		fxt_expect_consistent(fx);
		/* Whoever holds it sees the hole as well, and nothing but it. */
		for (i = 0; i < 1UL << order; i++) {
			bytes = kmap_local_folio(folio, i * PAGE_SIZE);
			KUNIT_EXPECT_EQ_MSG(test, i == 0, bytes[999] != 0, "page %u", i);
			KUNIT_EXPECT_EQ_MSG(test, 0, bytes[1000], "page %u", i);
			KUNIT_EXPECT_EQ_MSG(test, 0, bytes[PAGE_SIZE - 1001], "page %u", i);
			KUNIT_EXPECT_EQ_MSG(test, i == (1UL << order) - 1,
					    bytes[PAGE_SIZE - 1000] != 0, "page %u", i);
			kunmap_local(bytes);
		}
		KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
		folio_put(folio);
		fx->refuse_release = false;
		if (failed_at(test, "order %u, %s", order, whys[why]))
			return;
		start_over(fx);
	}
}

/*
 * A reference of somebody else forbids the split of the folios where the hole
 * begins (1), ends (2), or both (3); those between are none of its business.
 *
 *	| first, order n |  three pages | last, order n |
 *	         from ^^^^^^^^^^^^^^^^^^^^^^^^^ to
 */
static void punch_pinned_dirty_kept(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), pin, i;
	const pgoff_t pages = 1UL << order, mid = FIRST + 512, first = mid - pages;
	const pgoff_t last = FIRST + 1024, end = last + pages;
	const loff_t from = FXT_POS(first) + (PAGE_SIZE << order) / 2 + 3;
	const loff_t to = FXT_POS(last) + (PAGE_SIZE << order) / 2 - 5;

	for (pin = 1; pin <= 3; pin++) {
		struct folio *folios[2];

		folios[0] = fxt_add_folio(fx, first, order, FXT_DIRTY);
		for (i = 0; i < 3; i++)
			fxt_add_folio(fx, mid + i, 0, FXT_DIRTY);
		folios[1] = fxt_add_folio(fx, last, order, FXT_DIRTY);
		for (i = 0; i < 2; i++)
			if (pin & 1 << i)
				folio_get(folios[i]);

		punch_file(fx, pin & 1, from, to);

		for (i = 0; i < 2; i++)
			if (pin & 1 << i) {
				folio_put(get_folio(fx, i ? last : first, order));
				folio_put(folios[i]);
			}
		fxt_expect_stamped(fx, FXT_POS(first), from);
		fxt_expect_zeroed(fx, from, pin & 1 ? FXT_POS(mid) : round_up(from, PAGE_SIZE));
		expect_empty(fx, pin & 1 ? mid : DIV_ROUND_UP(from, PAGE_SIZE),
			     pin & 2 ? last : to >> PAGE_SHIFT);
		fxt_expect_zeroed(fx, pin & 2 ? FXT_POS(last) : round_down(to, PAGE_SIZE), to);
		fxt_expect_stamped(fx, to, FXT_POS(end));
		expect_folios(fx, true);
		if (failed_at(test, "order %u, pin %u", order, pin))
			return;
		start_over(fx);
	}
}

/* Truncate at each edge of a pinned dirty folio: what follows it goes, it stays. */
static void truncate_pinned_dirty_kept(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), i, nr;
	const pgoff_t pages = 1UL << order, index = FIRST + 512 - pages, end = index + pages;
	loff_t edge[MAX_EDGES];

	nr = folio_edges(order, edge);
	for (i = order > 5 ? order & 1 : 0; i < nr; i += order > 5 ? 3 : 1) {
		loff_t from = FXT_POS(index) + edge[i];
		struct folio *folio;

		fxt_add_folio(fx, index - 1, 0, FXT_DIRTY);
		folio = fxt_add_folio(fx, index, order, FXT_DIRTY);
		fxt_add_folio(fx, end, 1, FXT_DIRTY);
		folio_get(folio);
		truncate_file(fx, i % NR_TRUNCATES, from);
		folio_put(folio);
		/* Truncated whole, it goes although pinned. */
		if (edge[i])
			folio_put(get_folio(fx, index, order));
		expect_hole_but(fx, index - 1, end, from, FXT_POS(end),
				FXT_POS(edge[i] ? end : index), FXT_POS(end));
		expect_empty(fx, end, end + 2);
		expect_folios(fx, true);
		if (failed_at(test, "order %u, edge %lld", order, edge[i]))
			return;
		start_over(fx);
	}
}

/*
 * Nobody goes on to see, through a mapping that was there before, pages that
 * truncate took, though the folio could not be split and stays.
 */
static void truncate_unsplittable_unmaps(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), flags;
	const unsigned long nr = 1UL << order, addr = PMD_SIZE * 64;
	struct mm_struct *mm = fxt_new_mm(test);

	if (!COMPAT_UNMAPS_UNSPLIT)
		kunit_skip(test, "before 6.18 truncate leaves its mappings to its callers");
	fxt_switch_mm(mm);
	for (flags = 0; order && flags < 2; flags++) {
		struct folio *folio = fxt_add_folio(fx, FIRST, order, FXT_DIRTY);
		struct fxt_walk walk;
		unsigned long gone = flags ? nr - 1 : nr / 2;

		fxt_mmap(fx, addr, FIRST, nr, PROT_READ, MAP_SHARED);
		fxt_touch(test, addr, nr, false);
		walk = fxt_walk_mm(mm, addr, nr, folio);
		KUNIT_ASSERT_EQ_MSG(test, nr, walk.ptes + walk.pmds * nr, "order %u", order);
		folio_get(folio);
		truncate_inode_pages_range(fxt_mapping(fx), FXT_POS(FIRST + gone), -1);
		folio_put(folio);
		folio_put(get_folio(fx, FIRST, order));
		walk = fxt_walk_mm(mm, addr + gone * PAGE_SIZE, nr - gone, folio);
		KUNIT_EXPECT_EQ(test, 0, walk.ptes + walk.pmds);
		fxt_expect_stamped(fx, FXT_POS(FIRST), FXT_POS(FIRST + gone));
		fxt_expect_zeroed(fx, FXT_POS(FIRST + gone), FXT_POS(FIRST + nr));
		KUNIT_ASSERT_EQ(test, 0, vm_munmap(addr, nr << PAGE_SHIFT));
		expect_folios(fx, true);
		if (failed_at(test, "order %u, from page %lu", order, gone))
			return;
		start_over(fx);
	}
}

/* ->invalidate_folio() hears of each folio's part of the hole, once, and no more. */
static void punch_private_invalidates_range(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), i, j, nr, n = 0;
	const pgoff_t pages = 1UL << order;
	loff_t edge[MAX_EDGES + 1];

	nr = folio_edges(order, edge);
	/* One past the folio: it is invalidated whole and the next one in part. */
	edge[nr++] = (PAGE_SIZE << order) + 1;
	for (i = 0; i < nr - 2; i++) {
		for (j = i + 1; j < nr; j++) {
			const pgoff_t index = FIRST + n % 4 * pages;
			unsigned int state = FXT_PRIVATE | (n & 4 ? FXT_DIRTY : 0);
			loff_t from = FXT_POS(index) + edge[i], to = FXT_POS(index) + edge[j];
			size_t len = min(edge[j], (loff_t)PAGE_SIZE << order) - edge[i];
			const struct fxt_call *call;

			if (n++ && order > 4 && (n + order) % (2 * order - 8))
				continue;
			fxt_add_folio(fx, index - 1, 0, state);
			fxt_add_folio(fx, index, order, state);
			fxt_add_folio(fx, index + pages, 0, state);
			punch_file(fx, n & 1, from, to);
			call = fxt_find_call(fx, FXT_INVALIDATE_FOLIO, index);
			KUNIT_EXPECT_NOT_NULL(test, call);
			if (call) {
				KUNIT_EXPECT_EQ(test, order, call->order);
				KUNIT_EXPECT_EQ(test, edge[i], (loff_t)call->offset);
				KUNIT_EXPECT_EQ(test, len, call->len);
			}
			call = fxt_find_call(fx, FXT_INVALIDATE_FOLIO, index + pages);
			if (j == nr - 1)
				KUNIT_EXPECT_EQ(test, 1, call ? call->offset + call->len : 0);
			KUNIT_EXPECT_EQ(test, j == nr - 1 ? 2 : 1,
					fxt_count_calls(fx, FXT_INVALIDATE_FOLIO));
			expect_hole(fx, index - 1, index + pages + 1, from, to);
			expect_folios(fx, state & FXT_DIRTY);
			if (failed_at(test, "order %u at %lu, hole %lld to %lld, state %u",
				      order, index, edge[i], edge[j], state))
				return;
			start_over(fx);
		}
	}
}

/* A filesystem that does not let go of its private data forbids the split too. */
static void punch_private_refused_kept(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test);
	const pgoff_t index = FIRST, end = FIRST + (1UL << order);
	const loff_t from = FXT_POS(index) + 5, to = FXT_POS(end) - 7;
	const struct fxt_range whole = { index, order };
	const struct fxt_call *call;

	fxt_add_folio(fx, index, order, FXT_PRIVATE | FXT_DIRTY);
	fx->refuse_release = true;
	truncate_pagecache_range(&fx->inode, from, to - 1);
	fx->refuse_release = false;
	fxt_expect_layout(fx, &whole, 1);
	expect_hole_but(fx, index, end, from, to, FXT_POS(end), 0);
	expect_folios(fx, true);
	KUNIT_EXPECT_EQ(test, 1, fxt_count_calls(fx, FXT_INVALIDATE_FOLIO));
	call = fxt_find_call(fx, FXT_INVALIDATE_FOLIO, index);
	KUNIT_ASSERT_NOT_NULL(test, call);
	KUNIT_EXPECT_EQ(test, 5, call->offset);
	KUNIT_EXPECT_EQ(test, (PAGE_SIZE << order) - 12, call->len);
}

/*
 * Truncate waits for folios that are locked or under writeback, wherever they
 * lie: the one where the hole begins, one inside, the one where it ends.
 */
static void wait_for_folios(struct kunit *test, bool locked)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test), which, i;
	const pgoff_t pages = 1UL << order;

	for (which = 0; which < 4; which++) {
		struct later *later = new_later(test, locked);
		struct folio *folio[3];
		unsigned int nr = 0;

		for (i = 0; i < 3; i++) {
			folio[i] = fxt_add_folio(fx, FIRST + i * pages, order, FXT_DIRTY);
			folio_get(folio[i]);
			if (which != i && which != 3)
				continue;
			if (locked)
				folio_lock(folio[i]);
			else
				start_writeback(folio[i]);
			later->folio[nr++] = folio[i];
		}
		schedule_delayed_work(&later->work, msecs_to_jiffies(4));
		truncate_inode_pages_range(fxt_mapping(fx), FXT_POS(FIRST),
					   FXT_POS(FIRST + 3 * pages) - 1);
		KUNIT_EXPECT_TRUE(test, READ_ONCE(later->done));
		flush_delayed_work(&later->work);
		KUNIT_EXPECT_TRUE(test, xa_empty(&fxt_mapping(fx)->i_pages));
		for (i = 0; i < 3; i++) {
			expect_removed(fx, folio[i]);
			folio_put(folio[i]);
		}
		if (failed_at(test, "order %u, which %u", order, which))
			return;
		start_over(fx);
	}
}

static void truncate_waits_for_writeback(struct kunit *test)
{
	wait_for_folios(test, false);
}

static void truncate_waits_for_lock(struct kunit *test)
{
	wait_for_folios(test, true);
}

/* No byte is zeroed while it is being written, and none that is kept is lost. */
static void punch_waits_for_writeback(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	unsigned int order = fxt_order(test);
	const pgoff_t index = FIRST, end = FIRST + (1UL << order);
	const loff_t from = FXT_POS(index) + 9, to = FXT_POS(end) - 9;
	struct folio *folio = fxt_add_folio(fx, index, order, FXT_DIRTY);
	struct later *later = new_later(test, false);

	/* Dirtied again meanwhile, so that it cannot just be dropped. */
	start_writeback(folio);
	folio_lock(folio);
	folio_mark_dirty(folio);
	folio_unlock(folio);
	later->folio[0] = folio;
	schedule_delayed_work(&later->work, msecs_to_jiffies(4));
	truncate_inode_pages_range(fxt_mapping(fx), from, to - 1);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(later->done));
	flush_delayed_work(&later->work);
	/* Whoever ends writeback holds a reference: there may have been no split. */
	fxt_expect_stamped(fx, FXT_POS(index), from);
	expect_not_stale(fx, index, end, from, to);
	fxt_expect_stamped(fx, to, FXT_POS(end));
	expect_folios(fx, true);
}

/*
 * Somebody reads, all the while, the bytes before the holes: never may he see
 * others, though his references forbid a split now and then. Each hole reaches to
 * the end of its folio, and begins earlier from step to step.
 */
#define RACES	6
#define STEPS	4

struct reader {
	struct folio_fixture *fx;
	struct task_struct *task;
	u8 *buf;
	u64 seed;
	unsigned long reads;
	loff_t start[RACES];	/* of a folio */
	loff_t from[RACES];	/* of the largest hole in it */
};

static int read_all_the_while(void *data)
{
	struct reader *reader = data;
	struct rnd_state rnd;

	prandom_seed_state(&rnd, reader->seed);
	while (!kthread_should_stop()) {
		unsigned int i = prandom_u32_state(&rnd) % RACES;
		loff_t room = reader->from[i] - reader->start[i];
		loff_t pos = reader->start[i] + prandom_u32_state(&rnd) % (u32)room, at = pos;
		size_t len = min_t(loff_t, reader->from[i] - pos, PAGE_SIZE);
		ssize_t ret = kernel_read(reader->fx->file, reader->buf, len, &at);

		KUNIT_EXPECT_EQ_MSG(reader->fx->test, len, ret, "at %lld", pos);
		if (ret > 0)
			fxt_expect_buffer(reader->fx, reader->buf, pos, ret);
		WRITE_ONCE(reader->reads, reader->reads + 1);
		cond_resched();
	}
	return 0;
}

static void stop_reader(void *task)
{
	kthread_stop(task);
}

static void punch_races_read(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	struct reader *reader = kunit_kzalloc(test, sizeof(*reader), GFP_KERNEL);
	unsigned int order = fxt_order(test), i, step;
	const loff_t size = PAGE_SIZE << order;
	struct rnd_state rnd;

	KUNIT_ASSERT_NOT_NULL(test, reader);
	reader->fx = fx;
	reader->buf = kunit_kmalloc(test, PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, reader->buf);
	reader->seed = fxt_seed(test) + order;
	prandom_seed_state(&rnd, reader->seed);
	fxt_file(fx);
	for (i = 0; i < RACES; i++) {
		fxt_add_folio(fx, FIRST + (i << order), order, FXT_DIRTY);
		reader->start[i] = FXT_POS(FIRST + (i << order));
		reader->from[i] = reader->start[i] + 8 + prandom_u32_state(&rnd) % (u32)(size - 16);
	}
	reader->task = kthread_run(read_all_the_while, reader, "folio_kunit_reader");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, reader->task);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, stop_reader, reader->task));

	for (i = 0; i < RACES; i++) {
		loff_t end = reader->start[i] + size, room = end - reader->from[i];
		unsigned long reads = READ_ONCE(reader->reads), tries = 0;

		/* Let him read, at least once each time. */
		while (READ_ONCE(reader->reads) == reads && tries++ < 1000)
			usleep_range(20, 50);
		for (step = 1; step <= STEPS; step++)
			punch_file(fx, step & 1, end - room * step / STEPS, end);
	}
	kunit_release_action(test, stop_reader, reader->task);
	KUNIT_EXPECT_GT(test, reader->reads, 0);
	for (i = 0; i < RACES; i++) {
		fxt_expect_stamped(fx, reader->start[i], reader->from[i]);
		expect_not_stale(fx, FIRST + (i << order), FIRST + ((i + 1) << order),
				 reader->from[i], reader->start[i] + size);
	}
	/* Not expect_folios(): what he read waits, referenced, in batches of his CPUs. */
	fxt_expect_consistent(fx);
	failed_at(test, "order %u, seed %llu", order, reader->seed);
}

/*
 * Where nobody could write them back dirty pages are not counted, so those that a
 * truncate drops, with pieces past EOF or as they are, must not be uncounted either.
 */
static void truncate_uncounted_dirty(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = fxt_create(test, 0, 9);
	struct percpu_counter *counter = &inode_to_bdi(&fx->inode)->wb.stat[WB_RECLAIMABLE];
	const long dirty = fxt_sum_node_stat(NR_FILE_DIRTY);
	const s64 reclaimable = percpu_counter_sum(counter);

	fxt_need_fix(test, "mm/huge_memory: do not uncount dirty pages that nobody has counted");
	KUNIT_ASSERT_FALSE(test, mapping_can_writeback(fxt_mapping(fx)));
	fxt_add_folio(fx, FIRST, order, FXT_DIRTY);
	fxt_add_folio(fx, FIRST + (1UL << order), order, FXT_DIRTY);
	truncate_file(fx, TRUNCATE_PAGECACHE, FXT_POS(FIRST) + 1);
	KUNIT_EXPECT_EQ(test, 1, fxt_mapping(fx)->nrpages);
	KUNIT_EXPECT_EQ(test, dirty, fxt_sum_node_stat(NR_FILE_DIRTY));
	KUNIT_EXPECT_EQ(test, reclaimable, percpu_counter_sum(counter));
	truncate_file(fx, TRUNCATE_PAGECACHE, 0);
	KUNIT_EXPECT_EQ(test, dirty, fxt_sum_node_stat(NR_FILE_DIRTY));
	KUNIT_EXPECT_EQ(test, reclaimable, percpu_counter_sum(counter));
}

static struct kunit_case truncate_busy_cases[] = {
	KUNIT_CASE_PARAM(punch_unsplittable_clean, order_gen_params),
	KUNIT_CASE_PARAM(punch_pinned_dirty_kept, order_gen_params),
	KUNIT_CASE_PARAM(truncate_pinned_dirty_kept, order_gen_params),
	KUNIT_CASE_PARAM(truncate_unsplittable_unmaps, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(punch_private_invalidates_range, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(punch_private_refused_kept, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(truncate_waits_for_writeback, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(truncate_waits_for_lock, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(punch_waits_for_writeback, order_gen_params),
	KUNIT_CASE_PARAM(truncate_uncounted_dirty, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(punch_races_read, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	{}
};

static struct kunit_suite truncate_busy_suite = {
	.name = "mm_truncate_busy",
	.init = fxt_stay_on_cpu,
	.test_cases = truncate_busy_cases,
};

kunit_test_suite(truncate_busy_suite);

MODULE_DESCRIPTION("KUnit suite of truncate and hole punch of folios in use");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_LICENSE("GPL");
