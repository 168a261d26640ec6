// SPDX-License-Identifier: GPL-2.0
/*
 * mm_failure_shmem: memory that cannot be had while a file of tmpfs is written,
 * faulted in, allocated or punched. failure_model.h tells how each case goes about it.
 */
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>

#include "failure_model.h"
#include "shmem_model.h"

#define MAP_AT		ALIGN_DOWN(TASK_SIZE / 4, PMD_SIZE)

KUNIT_ARRAY_PARAM_DESC(order, failure_orders, desc);

/* What a trial begins with: an empty file of a mount that gives the largest folios. */
static struct folio_fixture *new_file(struct kunit *test)
{
	return shm_file_with(test, fxt_order(test) ? "within_size" : "never", NULL, NULL);
}

/* Nothing is locked, and what is cached is all that the file accounts. */
static void expect_unlocked(struct trials *t)
{
	struct folio *folio;
	pgoff_t index;

	KUNIT_EXPECT_FALSE(t->test, inode_is_locked(shm_inode(t->fx)));
	KUNIT_EXPECT_FALSE(t->test, rwsem_is_locked(&fxt_mapping(t->fx)->invalidate_lock));
	KUNIT_EXPECT_NULL(t->test, shm_inode(t->fx)->i_private);
	xa_for_each(&fxt_mapping(t->fx)->i_pages, index, folio) {
		if (xa_is_value(folio) || !folio_test_locked(folio))
			continue;
		KUNIT_FAIL(t->test, "the folio at %lu is left locked", index);
		folio_unlock(folio);	/* or the end of the case would wait for it */
	}
	fxt_expect_consistent(t->fx);
	shm_expect_accounts(t->fx);
}

/* One large folio that is not to be had: a smaller one is. None at all: an error. */
static void try_write(struct trials *t, unsigned int order, loff_t off, size_t len)
{
	const loff_t from = FXT_POS(FIRST) + off, to = from + len;
	void *buf = shm_buffer(t->fx, FIRST, order);
	const unsigned long nr = 1UL << order;
	struct kunit *test = t->test;

	while (next_trial(t)) {
		struct shm_stats before;
		loff_t pos = from;
		ssize_t done;

		shm_truncate(t->fx, 0);
		before = shm_read_stats();
		if (len < nr << PAGE_SHIFT)
			shm_truncate(t->fx, FXT_POS(FIRST + nr));
		begin(t);
		done = kernel_write(t->fx->file, buf + off, len, &pos);
		end(t);
		expect_unlocked(t);
		done = expect_wrote(t, done, len, order);
		KUNIT_EXPECT_EQ(test, from + done, pos);
		fxt_expect_stamped(t->fx, from, from + done);
		shm_expect_folios(t->fx);
		if (!t->failed)
			fxt_expect_layout(t->fx, &(struct fxt_range){ FIRST, order }, 1);
		if (done < len) {
			done += kernel_write(t->fx->file, buf + off + done, len - done, &pos);
			KUNIT_EXPECT_EQ_MSG(test, len, done, "when tried again");
			shm_expect_folios(t->fx);
		}
		fxt_read_stamped(t->fx, from, to, false);
		fxt_read_stamped(t->fx, FXT_POS(FIRST), from, true);
		if (len < nr << PAGE_SHIFT)
			fxt_read_stamped(t->fx, to, FXT_POS(FIRST + nr), true);
		KUNIT_EXPECT_EQ(test, max(to, len < nr << PAGE_SHIFT ? FXT_POS(FIRST + nr) : to),
				i_size_read(shm_inode(t->fx)));
		shm_truncate(t->fx, 0);
		shm_expect_accounts(t->fx);
		shm_expect_stats(test, before, 0, 0);
	}
	end_trials(t);
	shm_free_buffer(buf);
}

static void shmem_write_each_failure(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct trials t = start_trials(new_file(test));

	first_trial(&t, "a whole folio");
	try_write(&t, order, 0, PAGE_SIZE << order);
	first_trial(&t, "part of a folio");
	try_write(&t, order, 100, (PAGE_SIZE << order) - 200);
}

/* A fault on a hole finds memory for a smaller folio, or says so and can be repeated. */
static void shmem_fault_each_failure(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = new_file(test);
	const unsigned long nr = 1UL << order, page = nr * 3 / 8;
	u8 __user *at = (u8 __user *)(MAP_AT + (page << PAGE_SHIFT) + 7);
	struct mm_struct *mm = fxt_new_mm(test);
	struct trials t = start_trials(fx);
	const loff_t pos = FXT_POS(FIRST), hit = pos + FXT_POS(page) + 7;
	u8 byte;

	fxt_switch_mm(mm);
	first_trial(&t, "write fault");
	while (next_trial(&t)) {
		struct folio *folio;
		int err;

		shm_truncate(fx, 0);
		shm_truncate(fx, FXT_POS(FIRST + nr));
		fxt_mmap(fx, MAP_AT, FIRST, nr, PROT_READ | PROT_WRITE, MAP_SHARED);
		begin(&t);
		err = put_user(0x7e, at);
		end(&t);
		expect_unlocked(&t);
		KUNIT_EXPECT_FALSE(test, rwsem_is_locked(&mm->mmap_lock));
		KUNIT_EXPECT_TRUE(test, !err || (err == -EFAULT && t.failed));
		if (t.rest && t.nth == 1)
			KUNIT_EXPECT_EQ(test, -EFAULT, err);
		if (err) {
			KUNIT_EXPECT_EQ(test, 0, percpu_counter_sum(&mm->rss_stat[MM_SHMEMPAGES]));
			err = put_user(0x7e, at);
		}
		KUNIT_EXPECT_EQ_MSG(test, 0, err, "when tried again");
		KUNIT_EXPECT_EQ(test, 0, get_user(byte, at));
		KUNIT_EXPECT_EQ(test, 0x7e, byte);
		folio = filemap_get_folio(fxt_mapping(fx), FIRST + page);
		KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
		KUNIT_EXPECT_TRUE(test, folio_mapped(folio));
		if (!t.failed)
			KUNIT_EXPECT_EQ(test, order, folio_order(folio));
		KUNIT_EXPECT_LE(test, folio_order(folio), order);
		folio_put(folio);
		KUNIT_EXPECT_EQ(test, 0, vm_munmap(MAP_AT, nr << PAGE_SHIFT));
		KUNIT_EXPECT_EQ(test, 0, percpu_counter_sum(&mm->rss_stat[MM_SHMEMPAGES]));
		shm_expect_folios(fx);
		fxt_read_stamped(fx, pos, hit, true);
		fxt_read_stamped(fx, hit + 1, pos + (PAGE_SIZE << order), true);
	}
	end_trials(&t);
}

/*
 * An allocation that fails undoes what it did, and touches nothing that was there: a
 * folio, the third of four. All are aligned; the next case has one that is not.
 */
static void shmem_fallocate_each_failure(struct kunit *test)
{
	unsigned int order = fxt_order(test), keep;
	struct folio_fixture *fx = new_file(test);
	const unsigned long nr = 1UL << order;
	const struct fxt_range there = { FIRST + 2 * nr, order };
	const loff_t size = PAGE_SIZE << order, pos = FXT_POS(FIRST);
	struct trials t = start_trials(fx);

	for (keep = 0; keep < 2; keep++) {
		const int mode = keep ? FALLOC_FL_KEEP_SIZE : 0;

		first_trial(&t, keep ? "past EOF" : "to a new EOF");
		while (next_trial(&t)) {
			struct shm_stats before;
			int err;

			shm_truncate(fx, 0);
			before = shm_read_stats();
			shm_write(fx, pos + 2 * size, pos + 3 * size);
			fxt_expect_layout(fx, &there, 1);
			begin(&t);
			err = vfs_fallocate(fx->file, mode, pos, 4 * size);
			end(&t);
			expect_unlocked(&t);
			KUNIT_EXPECT_TRUE(test, !err || (err == -ENOMEM && t.failed));
			if (t.rest && t.nth == 1)
				KUNIT_EXPECT_EQ(test, -ENOMEM, err);
			if (err) {
				fxt_expect_layout(fx, &there, 1);
				KUNIT_EXPECT_EQ(test, pos + 3 * size, i_size_read(shm_inode(fx)));
				KUNIT_EXPECT_EQ(test, 0, SHMEM_I(shm_inode(fx))->fallocend);
				shm_expect_folios(fx);
				err = vfs_fallocate(fx->file, mode, pos, 4 * size);
				KUNIT_EXPECT_EQ_MSG(test, 0, err, "when tried again");
			}
			KUNIT_EXPECT_EQ(test, 4 * nr, fxt_mapping(fx)->nrpages);
			KUNIT_EXPECT_EQ(test, FIRST + 4 * nr, SHMEM_I(shm_inode(fx))->fallocend);
			KUNIT_EXPECT_EQ(test, pos + (keep ? 3 : 4) * size,
					i_size_read(shm_inode(fx)));
			fxt_read_stamped(fx, pos, pos + 2 * size, true);
			fxt_read_stamped(fx, pos + 2 * size, pos + 3 * size, false);
			if (!keep)
				fxt_read_stamped(fx, pos + 3 * size, pos + 4 * size, true);
			shm_truncate(fx, 0);
			shm_expect_accounts(fx);
			shm_expect_stats(test, before, 0, 0);
		}
		end_trials(&t);
	}
}

/*
 * The first folio may begin before the range: nothing of it was there before, and
 * nothing of it stays.
 */
static void shmem_fallocate_inside_each_failure(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = new_file(test);
	const unsigned long nr = 1UL << order, off = nr * 3 / 4;
	const loff_t size = PAGE_SIZE << order, pos = FXT_POS(FIRST);
	struct trials t = start_trials(fx);

	fxt_need_fix(test, "shmem: undo all of a folio that a failed fallocate() added");
	first_trial(&t, "from inside a folio");
	while (next_trial(&t)) {
		struct shm_stats before;
		int err;

		shm_truncate(fx, 0);
		before = shm_read_stats();
		shm_truncate(fx, pos + 2 * size);
		begin(&t);
		err = vfs_fallocate(fx->file, 0, pos + FXT_POS(off), 2 * size - FXT_POS(off));
		end(&t);
		expect_unlocked(&t);
		KUNIT_EXPECT_TRUE(test, !err || (err == -ENOMEM && t.failed));
		if (t.rest && t.nth == 1)
			KUNIT_EXPECT_EQ(test, -ENOMEM, err);
		if (!t.failed && order) {
			struct folio *folio = filemap_get_folio(fxt_mapping(fx), FIRST + off);

			KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
			KUNIT_EXPECT_GE(test, folio_order(folio), order);
			KUNIT_EXPECT_LT(test, folio->index, FIRST + off);
			folio_put(folio);
		}
		if (err) {
			KUNIT_EXPECT_EQ(test, 0, fxt_mapping(fx)->nrpages);
			KUNIT_EXPECT_EQ(test, 0, SHMEM_I(shm_inode(fx))->fallocend);
		} else {
			KUNIT_EXPECT_GE(test, fxt_mapping(fx)->nrpages, 2 * nr - off);
		}
		fxt_read_stamped(fx, pos, pos + 2 * size, true);
		shm_truncate(fx, 0);
		shm_expect_accounts(fx);
		shm_expect_stats(test, before, 0, 0);
	}
	end_trials(&t);
}

/*
 * A hole in a folio that cannot be split for want of memory is zeroed; nothing else
 * is, and all that is left is accounted.
 */
static void shmem_punch_each_failure(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	struct folio_fixture *fx = new_file(test);
	const loff_t size = PAGE_SIZE << order, pos = FXT_POS(FIRST);
	const struct {
		const char *name;
		loff_t from, to;
	} holes[] = {
		{ "the middle", size / 8 + 1, size * 5 / 8 + 9 },
		{ "the start", 0, size / 2 },
		{ "the end", size / 2, size },
		{ "in a page", 100, 200 },
		{ "all but the first and the last byte", 1, size - 1 },
	};
	struct trials t = start_trials(fx);

	for (i = 0; i < ARRAY_SIZE(holes); i++) {
		const loff_t from = pos + holes[i].from, to = pos + holes[i].to;

		first_trial(&t, holes[i].name);
		while (next_trial(&t)) {
			struct shm_stats before;
			int err;

			shm_truncate(fx, 0);
			before = shm_read_stats();
			shm_write(fx, pos, pos + size);
			fxt_expect_layout(fx, &(struct fxt_range){ FIRST, order }, 1);
			fxt_drain_lru();
			begin(&t);
			err = vfs_fallocate(fx->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					    from, to - from);
			end(&t);
			KUNIT_EXPECT_EQ(test, 0, err);
			expect_unlocked(&t);
			KUNIT_EXPECT_EQ(test, pos + size, i_size_read(shm_inode(fx)));
			expect_not_stale(fx, FIRST, FIRST + (1UL << order), from, to);
			fxt_read_stamped(fx, from, to, true);
			fxt_read_stamped(fx, pos, from, false);
			fxt_read_stamped(fx, to, pos + size, false);
			shm_truncate(fx, 0);
			shm_expect_accounts(fx);
			shm_expect_stats(test, before, 0, 0);
		}
		/* The folio spans several nodes of the tree, its parts do not. */
		if (order >= 6 && i < 3)
			end_trials(&t);
	}
}

/* A folio, but no memory for the tree: the folio is freed, and its block given back. */
static void shmem_folio_freed_each_failure(struct kunit *test)
{
	unsigned int order = fxt_order(test), j, failed, tries = 5;
	struct folio_fixture *fx = new_file(test);
	struct fail_state *fail = fxt_fail_setup(test);
	const unsigned int rounds = clamp(1024U >> order, 4U, 64U);
	long lost, slack = (rounds << order) / 2;
	struct folio *folio;

	if (!fxt_fail_rest(fail))
		kunit_skip(test, "needs a hardware breakpoint that stops after a write");

	/* Others allocate too, but not in step with this. */
	do {
		shm_truncate(fx, 0);
		lost = free_pages_now();
		for (j = failed = 0; j < rounds; j++) {
			/* The tree is empty: each round needs a node first. */
			shm_truncate(fx, FXT_POS(FIRST + (1UL << order)));
			fxt_fail_begin(fail, 2, true);
			if (!shmem_get_folio(shm_inode(fx), FIRST, 0, &folio, SGP_CACHE))
				folio_unlock(folio);
			failed += fxt_fail_end(fail) > 0;
		}
		lost -= free_pages_now();
		shm_expect_accounts(fx);
	} while (lost >= slack && --tries);
	KUNIT_EXPECT_LT_MSG(test, lost, slack, "order %u, pages are lost", order);
	KUNIT_EXPECT_EQ(test, rounds, failed);
	KUNIT_EXPECT_EQ(test, 0, fxt_mapping(fx)->nrpages);
}

static struct kunit_case failure_shmem_cases[] = {
	KUNIT_CASE_PARAM_ATTR(shmem_write_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(shmem_fault_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(shmem_fallocate_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(shmem_fallocate_inside_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(shmem_punch_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(shmem_folio_freed_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	{}
};

static struct kunit_suite failure_shmem_suite = {
	.name = "mm_failure_shmem",
	.init = shm_init,
	.test_cases = failure_shmem_cases,
};

kunit_test_suite(failure_shmem_suite);

MODULE_DESCRIPTION("KUnit suite of allocations that fail under tmpfs");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
