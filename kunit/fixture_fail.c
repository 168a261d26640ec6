// SPDX-License-Identifier: GPL-2.0
/*
 * Allocations that fail where a case says: the n-th that the case's own thread
 * makes, alone or with all that follow it.
 *
 * The kernel fails one, by current->fail_nth, and then forgets. For those that
 * follow, a hardware breakpoint on that word sees it run out and sets it again: on
 * x86, since elsewhere there is none, or one that stops before the write and not after.
 */
#include <linux/hw_breakpoint.h>
#include <linux/module.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#if __has_include(<kunit/mm.h>)
#include <kunit/mm.h>
#endif

#include "fixture.h"
#include "../module/compat.h"

#if __has_include(<kunit/mm.h>) && defined(CONFIG_FAULT_INJECTION) && \
	defined(CONFIG_FAILSLAB) && defined(CONFIG_FAIL_PAGE_ALLOC)

struct fail_state {
	struct kunit *test;
	struct task_struct *task;
	struct perf_event * __percpu *watch;
	bool reclaim_was;
	bool armed;
	bool rest;
	unsigned int failed;
};

#ifdef CONFIG_X86
/* Context: the debug exception of the write; breakpoints are off meanwhile. */
static void on_write(struct perf_event *watch, struct perf_sample_data *data,
		     struct pt_regs *regs)
{
	struct fail_state *fail = watch->overflow_handler_context;

	if (current != fail->task || !fail->armed || READ_ONCE(current->fail_nth))
		return;
	fail->failed++;
	if (fail->rest)
		WRITE_ONCE(current->fail_nth, 1);
}

static void start_watching(struct fail_state *fail)
{
	struct perf_event * __percpu *watch;
	struct perf_event_attr attr;

	hw_breakpoint_init(&attr);
	attr.bp_addr = (unsigned long)&current->fail_nth;
	attr.bp_len = HW_BREAKPOINT_LEN_4;
	attr.bp_type = HW_BREAKPOINT_W;
	watch = register_wide_hw_breakpoint(&attr, on_write, fail);
	if (!IS_ERR((void __force *)watch))
		fail->watch = watch;
}

static void stop_watching(struct fail_state *fail)
{
	if (fail->watch)
		unregister_wide_hw_breakpoint(fail->watch);
}
#else
static void start_watching(struct fail_state *fail)
{
}

static void stop_watching(struct fail_state *fail)
{
}
#endif

static void stop_failing(void *data)
{
	struct fail_state *fail = data;

	fail->armed = false;
	if (current == fail->task)
		WRITE_ONCE(current->fail_nth, 0);
	stop_watching(fail);
	kunit_failslab_reclaim(fail->reclaim_was);
	kunit_fail_page_alloc_min_order(-1);
}

/**
 * fxt_fail_setup() - let a case choose which of its allocations fail
 * @test: the case; all is as before when it ends
 *
 * Slab objects and pages of every order count, whatever their flags but
 * __GFP_NOFAIL. Skips the case where the kernel cannot do it. For what fxt_fail_rest()
 * says the kernel may need more than that.
 *
 * Return: a handle for the other calls.
 */
struct fail_state *fxt_fail_setup(struct kunit *test)
{
	struct fail_state *fail = kunit_kzalloc(test, sizeof(*fail), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fail);
	fail->test = test;
	fail->task = current;
	fail->reclaim_was = kunit_failslab_reclaim(true);
	kunit_fail_page_alloc_min_order(0);
	start_watching(fail);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, stop_failing, fail));
	return fail;
}
EXPORT_SYMBOL_NS_GPL(fxt_fail_setup, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_fail_rest() - can more than one allocation in a row fail?
 * @fail: what fxt_fail_setup() returned
 *
 * Return: whether fxt_fail_begin() may be told that all that follow fail too.
 */
bool fxt_fail_rest(struct fail_state *fail)
{
	return fail->watch;
}
EXPORT_SYMBOL_NS_GPL(fxt_fail_rest, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_fail_begin() - from here on allocations fail
 * @fail: what fxt_fail_setup() returned
 * @nth: the first allocation that fails, counted from 1
 * @rest: all that follow fail too; only where fxt_fail_rest() says so
 *
 * Nothing between this and fxt_fail_end() may be an assertion: it would allocate.
 */
void fxt_fail_begin(struct fail_state *fail, unsigned int nth, bool rest)
{
	fail->failed = 0;
	fail->rest = rest;
	fail->armed = true;
	WRITE_ONCE(current->fail_nth, nth);
}
EXPORT_SYMBOL_NS_GPL(fxt_fail_begin, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_fail_end() - from here on allocations succeed again
 * @fail: what fxt_fail_setup() returned
 *
 * Return: how many allocations failed.
 */
unsigned int fxt_fail_end(struct fail_state *fail)
{
	fail->armed = false;
	if (!fail->watch)
		fail->failed = !READ_ONCE(current->fail_nth);
	WRITE_ONCE(current->fail_nth, 0);
	return fail->failed;
}
EXPORT_SYMBOL_NS_GPL(fxt_fail_end, COMPAT_NS(FOLIO_KUNIT));

#else

struct fail_state *fxt_fail_setup(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_FAILSLAB, CONFIG_FAIL_PAGE_ALLOC and the KUnit exports");
}
EXPORT_SYMBOL_NS_GPL(fxt_fail_setup, COMPAT_NS(FOLIO_KUNIT));

bool fxt_fail_rest(struct fail_state *fail)
{
	return false;
}
EXPORT_SYMBOL_NS_GPL(fxt_fail_rest, COMPAT_NS(FOLIO_KUNIT));

void fxt_fail_begin(struct fail_state *fail, unsigned int nth, bool rest)
{
}
EXPORT_SYMBOL_NS_GPL(fxt_fail_begin, COMPAT_NS(FOLIO_KUNIT));

unsigned int fxt_fail_end(struct fail_state *fail)
{
	return 0;
}
EXPORT_SYMBOL_NS_GPL(fxt_fail_end, COMPAT_NS(FOLIO_KUNIT));

#endif
