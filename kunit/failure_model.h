/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites mm_failure and mm_failure_{map,fs,shmem} share: a call, repeated on the same
 * state, whose first, second, ... allocation fails: alone, then with all that follow
 * it. The loop ends when the call needs no further allocation. Whatever failed, the
 * call must say so or do without, lose nothing, leak nothing and leave nothing
 * locked; and the same call must then succeed.
 */
#ifndef FOLIO_KUNIT_FAILURE_MODEL_H
#define FOLIO_KUNIT_FAILURE_MODEL_H

#include "truncate_model.h"

/* More than any call here allocates. */
#define MAX_NTH		400

/*
 * For what takes seconds with every order: a page, the orders that have no room for all
 * of the state of a large folio, an XArray node as a whole, and more than one.
 */
static const struct fxt_order_param failure_orders[] __maybe_unused = {
	{ "order=0", 0 }, { "order=1", 1 }, { "order=2", 2 }, { "order=6", 6 }, { "order=9", 9 },
};

/**
 * struct trials - one call, each of its allocations failed in turn
 * @test: the case
 * @fx: its file
 * @fail: of fxt_fail_setup()
 * @name: what is tried, for diagnostics
 * @nth: the first allocation to fail
 * @rest: all that follow it fail too
 * @failed: how many failed in the last call
 * @total: how many failed in all
 */
struct trials {
	struct kunit *test;
	struct folio_fixture *fx;
	struct fail_state *fail;
	const char *name;
	unsigned int nth;
	bool rest;
	unsigned int failed;
	unsigned int total;
};

static inline struct trials start_trials(struct folio_fixture *fx)
{
	return (struct trials) {
		.test = fx->test,
		.fx = fx,
		.fail = fxt_fail_setup(fx->test),
	};
}

static inline void first_trial(struct trials *t, const char *name)
{
	t->name = name;
	t->nth = 0;
	t->rest = false;
	t->total = 0;
}

static inline bool next_trial(struct trials *t)
{
	struct kunit *test = t->test;

	if (t->nth && failed_at(test, "%s, allocation %u%s failing, %u failed", t->name, t->nth,
				t->rest ? " and all that follow" : "", t->failed))
		return false;
	if (t->nth && !t->failed) {
		if (t->rest || !fxt_fail_rest(t->fail))
			return false;
		t->rest = true;
		t->nth = 0;
	}
	t->nth++;
	KUNIT_ASSERT_LT_MSG(test, t->nth, MAX_NTH, "%s", t->name);
	return true;
}

static inline void begin(struct trials *t)
{
	fxt_fail_begin(t->fail, t->nth, t->rest);
}

static inline void end(struct trials *t)
{
	t->failed = fxt_fail_end(t->fail);
	t->total += t->failed;
}

/* The case has a meaning only when something could fail. */
static inline void end_trials(struct trials *t)
{
	KUNIT_EXPECT_GT_MSG(t->test, t->total, 0, "%s: nothing allocated", t->name);
}

/*
 * A write of @len bytes returned @done: all, or less because something failed; nothing
 * at all is -ENOMEM, and then nothing is cached. When @smaller folios will do, one
 * failure costs no byte.
 *
 * Return: how many bytes were written.
 */
static inline ssize_t expect_wrote(struct trials *t, ssize_t done, size_t len, bool smaller)
{
	struct kunit *test = t->test;

	KUNIT_EXPECT_TRUE_MSG(test, done == len || t->failed, "wrote %zd", done);
	if (t->rest && t->nth == 1)
		KUNIT_EXPECT_EQ(test, -ENOMEM, done);
	else if (!t->rest && smaller)
		KUNIT_EXPECT_EQ(test, len, done);
	if (done >= 0)
		return done;
	KUNIT_EXPECT_EQ(test, -ENOMEM, done);
	KUNIT_EXPECT_EQ(test, 0, fxt_mapping(t->fx)->nrpages);
	return 0;
}

/*
 * A failed insertion may leave a node of the tree empty. Nothing finds it, and
 * the next insertion uses it; but it is in the way of start_over().
 */
static inline void clear(struct folio_fixture *fx)
{
	struct address_space *mapping = fxt_mapping(fx);
	unsigned long index = 0;

	KUNIT_EXPECT_FALSE(fx->test, rwsem_is_locked(&mapping->invalidate_lock));
	KUNIT_EXPECT_FALSE(fx->test, rwsem_is_locked(&mapping->i_mmap_rwsem));
	truncate_inode_pages(mapping, 0);
	if (!xa_find(&mapping->i_pages, &index, ULONG_MAX, XA_PRESENT))
		xa_destroy(&mapping->i_pages);
	start_over(fx);
}

/* To be compared with itself before; others allocate too. */
static inline unsigned long free_pages_now(void)
{
	struct sysinfo info;

	si_meminfo(&info);
	return info.freeram;
}

#endif /* FOLIO_KUNIT_FAILURE_MODEL_H */
