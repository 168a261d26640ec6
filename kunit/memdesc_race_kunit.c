// SPDX-License-Identifier: GPL-2.0
/*
 * mm_memdesc_race: pages are classified while what they are used for changes.
 *
 * The case's own thread changes what a few pages are, others classify them at random
 * all the while. The first says beforehand what the pages are about to be, and counts
 * these announcements: an answer is judged when at most one was made during the call,
 * by the union of what was announced before it, during it and at its end. So a page
 * that was two things in turn is neither a third one, nor the first with the order of
 * the second; that it is unknown is always right.
 *
 *	step    ... 41     42      43 ...
 *	pages   ... slab | none | table ...
 *	call          [-----]			slab, none or unknown
 *
 * Some changes are made by a timer on the CPU that classifies, between any two of its
 * instructions. A case ends after a number of steps, or of fewer when its time is over.
 */
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/migrate.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "memdesc_model.h"

#if __has_include(<kunit/mm.h>)
#include <kunit/mm.h>
#define HAS_EXPORTS
#endif

#define NR_RACERS	2
#define STEPS		20000
#define TIME		(HZ / 2)
#define MIN_STEPS	64		/* even if others have the processor */
#define INDEX		1024UL
#define ADDR		FXA_AREA(0)

/* Sets of answers. What is not in any of them no page of this machine can be. */
#define IS_UNKNOWN	BIT(0)
#define IS_FROZEN	BIT(1)
#define IS_BUDDY	BIT(2)
#define IS_SLAB		BIT(3)
#define IS_TABLE	BIT(4)
#define IS_LARGE	BIT(5)	/* kmalloc beyond slabs */
#define IS_FILE		BIT(6)
#define IS_SHMEM	BIT(7)
#define IS_ORPHAN	BIT(8)
#define IS_ANON		BIT(9)
#define IS_OFFLINE	BIT(10)
#define IS_ZSMALLOC	BIT(11)
#define IS_GUARD	BIT(12)
#define IS_RESERVED	BIT(13)
#define IS_ZERO		BIT(14)
#define IS_OTHER	BIT(15)

/* What memory is that somebody has given back, and that anybody may have taken. */
#define IS_ANYBODYS	(IS_UNKNOWN | IS_FROZEN | IS_BUDDY | IS_SLAB | IS_TABLE | IS_LARGE | \
			 IS_ORPHAN)
#define NR_PLANS	4

static unsigned int answer(const struct memdesc_info *mi)
{
	static const u16 misc[NR_MEMDESC_MISC] = {
		[MEMDESC_MISC_RESERVED] = IS_RESERVED,
		[MEMDESC_MISC_ZERO] = IS_ZERO,
		[MEMDESC_MISC_UNKNOWN] = IS_UNKNOWN,
		[MEMDESC_MISC_GUARD] = IS_GUARD,
		[MEMDESC_MISC_OFFLINE] = IS_OFFLINE,
		[MEMDESC_MISC_LARGE_KMALLOC] = IS_LARGE,
		[MEMDESC_MISC_FROZEN] = IS_FROZEN,
	};

	switch (mi->type) {
	case MEMDESC_INVALID:
		return 0;
	case MEMDESC_MISC:
		return misc[mi->sub] ?: IS_OTHER;
	case MEMDESC_BUDDY:
		return IS_BUDDY;
	case MEMDESC_SLAB:
		return IS_SLAB;
	case MEMDESC_PTDESC:
		return IS_TABLE;
	case MEMDESC_ZSMALLOC:
		return IS_ZSMALLOC;
	case MEMDESC_ANON:
		return mi->sub == MEMDESC_PLAIN ? IS_ANON : IS_OTHER;
	case MEMDESC_FILE:
		return mi->sub == MEMDESC_ORPHAN ? IS_ORPHAN :
		       mi->sub == MEMDESC_SHMEM ? IS_SHMEM :
		       mi->sub == MEMDESC_PLAIN ? IS_FILE : IS_OTHER;
	default:
		return IS_OTHER;
	}
}

/* What the pages are about to be. */
struct plan {
	unsigned long pfn, nr;
	unsigned int want;
	unsigned long orders;
};

struct race;

/**
 * struct racer - one of the threads that classify
 * @race: the case it belongs to
 * @task: the thread
 * @rnd: its random numbers
 * @judged: answers that were looked at
 * @changed: those among them during which the plan changed
 * @invalid: those that said unknown
 * @wrong: the first one that cannot be
 * @want: what it could be
 * @orders: and its orders
 * @is_wrong: there is one
 */
struct racer {
	struct race *race;
	struct task_struct *task;
	struct rnd_state rnd;
	unsigned long judged;
	unsigned long changed;
	unsigned long invalid;
	struct memdesc_info wrong;
	unsigned int want;
	unsigned long orders;
	bool is_wrong;
};

struct race {
	struct kunit *test;
	unsigned int seq;
	struct plan plans[NR_PLANS];
	unsigned long until;
	unsigned int step;
	unsigned int steps;
	struct rnd_state rnd;
	struct racer racers[NR_RACERS];
};

/* From here on the pages may be this, too; what they were before they may still be. */
static void announce_at(struct race *race, unsigned long pfn, unsigned long nr,
			unsigned int want, unsigned long orders)
{
	unsigned int seq = race->seq + 1;

	race->plans[seq % NR_PLANS] = (struct plan){ pfn, nr, want, orders };
	/* Pairs with the acquire in classify(): the plan is whole. */
	smp_store_release(&race->seq, seq);
	/* No store to the pages before: who sees one of those sees the announcement. */
	smp_mb();
}

static void announce(struct race *race, struct page *page, unsigned long nr, unsigned int want,
		     unsigned long orders)
{
	announce_at(race, page_to_pfn(page), nr, want, orders);
}

/* What they were in somebody else's hands is no longer judged. */
static void announce_afresh(struct race *race, struct page *page, unsigned long nr,
			    unsigned int want, unsigned long orders)
{
	announce(race, page, nr, want, orders);
	announce(race, page, nr, want, orders);
}

static void judge(struct racer *racer, struct memdesc_info *mi, unsigned int want,
		  unsigned long orders, bool changed)
{
	unsigned int is = answer(mi);

	racer->judged++;
	racer->changed += changed;
	racer->invalid += !is;
	if (racer->is_wrong || !is)
		return;
	/* No guard block of these cases has order 0. */
	if ((is & want) && (orders & BIT(mi->order)) && mi->nr && mi->nr <= 1UL << mi->order &&
	    (is != IS_GUARD || mi->order))
		return;
	racer->wrong = *mi;
	racer->want = want;
	racer->orders = orders;
	WRITE_ONCE(racer->is_wrong, true);
}

/* Classifies a page of the plan, and judges the answer if all can be known about it. */
static void classify(struct racer *racer)
{
	struct race *race = racer->race;
	struct plan now, before, after;
	struct memdesc_info mi;
	unsigned int first, last;

	/* Pairs with the release in announce_at(). */
	first = smp_load_acquire(&race->seq);
	now = race->plans[first % NR_PLANS];
	before = race->plans[(first - 1) % NR_PLANS];
	page_memdesc_info(&mi, pfn_to_page(now.pfn + prandom_u32_state(&racer->rnd) % now.nr));
	/* What the page was is read before who announced it, and the plan after that. */
	smp_rmb();
	last = smp_load_acquire(&race->seq);
	if (last - first > 1)
		return;
	after = race->plans[last % NR_PLANS];
	/* All copies before the last look: a third plan is written over the first copy. */
	smp_rmb();
	if (READ_ONCE(race->seq) - first > 1 || before.pfn != now.pfn || after.pfn != now.pfn)
		return;
	judge(racer, &mi, before.want | now.want | after.want,
	      before.orders | now.orders | after.orders, last != first);
}

static int run_racer(void *data)
{
	struct racer *racer = data;
	unsigned int i;

	while (!kthread_should_stop()) {
		for (i = 0; i < 64; i++)
			classify(racer);
		/* One processor has more to do than this. */
		usleep_range(5, 20);
	}
	return 0;
}

static void stop_racers(void *data)
{
	struct race *race = data;
	unsigned int i;

	for (i = 0; i < NR_RACERS; i++) {
		if (!race->racers[i].task)
			continue;
		kthread_stop_put(race->racers[i].task);
		race->racers[i].task = NULL;
	}
}

static struct race *new_race(struct kunit *test)
{
	struct race *race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, race);
	race->test = test;
	race->steps = STEPS;
	prandom_seed_state(&race->rnd, fxt_seed(test));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, stop_racers, race));
	return race;
}

/* When what the pages are at first has been announced. */
static void start_race(struct race *race)
{
	unsigned int i;

	race->plans[(race->seq - 1) % NR_PLANS] = race->plans[race->seq % NR_PLANS];
	race->until = jiffies + TIME;
	for (i = 0; i < NR_RACERS; i++) {
		struct task_struct *task;

		race->racers[i].race = race;
		prandom_seed_state(&race->racers[i].rnd, prandom_u32_state(&race->rnd));
		task = kthread_create(run_racer, &race->racers[i], "memdesc%u", i);
		KUNIT_ASSERT_FALSE(race->test, IS_ERR(task));
		race->racers[i].task = get_task_struct(task);
		wake_up_process(task);
	}
}

static bool next_step(struct race *race)
{
	unsigned int i;

	if (race->step % 16 == 0)
		usleep_range(5, 20);
	for (i = 0; i < NR_RACERS; i++)
		if (READ_ONCE(race->racers[i].is_wrong))
			return false;
	if (race->step >= MIN_STEPS && time_after(jiffies, race->until))
		return false;
	return race->step++ < race->steps;
}

static void end_race(struct race *race)
{
	unsigned long judged = 0, changed = 0, invalid = 0;
	unsigned int i;

	stop_racers(race);
	for (i = 0; i < NR_RACERS; i++) {
		struct racer *racer = &race->racers[i];

		KUNIT_EXPECT_FALSE_MSG(race->test, racer->is_wrong,
				       "step %u: type %u/%u order %u nr %lu, not of %x, orders %lx",
				       race->step, racer->wrong.type, racer->wrong.sub,
				       racer->wrong.order, racer->wrong.nr, racer->want,
				       racer->orders);
		judged += racer->judged;
		changed += racer->changed;
		invalid += racer->invalid;
	}
	kunit_info(race->test, "%u steps, %lu answers, %lu in a change, %lu unknown", race->step,
		   judged, changed, invalid);
	KUNIT_EXPECT_GT(race->test, judged, 0);
}

/* Nothing is judged from here on to the next announcement. */
static void look_away(struct race *race)
{
	announce_at(race, page_to_pfn(ZERO_PAGE(0)), 1, IS_ZERO, BIT(0));
}

/* Some time for the others to look. */
static void linger(struct race *race)
{
	unsigned int i;

	for (i = prandom_u32_state(&race->rnd) % 64; i; i--)
		cpu_relax();
}

/**
 * struct turns - pages that a timer changes under a thread that classifies them
 * @timer: it fires on the CPU of the thread, wherever that is in its work
 * @race: the case
 * @page: the first page
 * @at: how many turns there were
 * @turn: announces and makes the next one; after an even number all is as at first
 */
struct turns {
	struct hrtimer timer;
	struct race *race;
	struct page *page;
	unsigned int at;
	void (*turn)(struct turns *turns);
};

/* In between the thread gets some classifications done, on a slow machine, too. */
static enum hrtimer_restart take_turn(struct hrtimer *timer)
{
	struct turns *turns = container_of(timer, struct turns, timer);

	turns->turn(turns);
	hrtimer_forward_now(timer, ns_to_ktime(20000 +
					       prandom_u32_state(&turns->race->rnd) % 40000));
	return HRTIMER_RESTART;
}

static void stop_turns(void *data)
{
	struct turns *turns = data;

	hrtimer_cancel(&turns->timer);
	while (turns->at % 2)
		turns->turn(turns);
}

/* What the timer changes is seen from each place in the classification in time. */
static void take_turns(struct race *race, struct page *page, void (*turn)(struct turns *turns))
{
	struct kunit *test = race->test;
	struct turns *turns = kunit_kzalloc(test, sizeof(*turns), GFP_KERNEL);
	struct racer *racer = &race->racers[0];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, turns);
	KUNIT_ASSERT_EQ(test, 0, fxt_stay_on_cpu(test));
	*turns = (struct turns){ .race = race, .page = page, .turn = turn };
	racer->race = race;
	prandom_seed_state(&racer->rnd, prandom_u32_state(&race->rnd));
	race->plans[(race->seq - 1) % NR_PLANS] = race->plans[race->seq % NR_PLANS];
	race->until = jiffies + 2 * TIME;
	hrtimer_setup(&turns->timer, take_turn, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, stop_turns, turns));
	hrtimer_start(&turns->timer, ns_to_ktime(20000), HRTIMER_MODE_REL_PINNED_HARD);
	/* Without a break: the timer is to fire while a page is looked at, not in between. */
	while (!racer->is_wrong && time_before(jiffies, race->until)) {
		for (i = 0; i < 64; i++)
			classify(racer);
		race->step++;
		cond_resched();
	}
	kunit_release_action(test, stop_turns, turns);
	kunit_info(test, "%u turns", turns->at);
	KUNIT_EXPECT_GT(test, turns->at, 0);
	end_race(race);
}

/*
 * One page that is typed and untyped in turn, by the stores of its owners in their
 * order: a slab is typed before its list lies over @mapping, and has left it before
 * the type goes; and so on. At no time is it a folio.
 */
static void turn_type(struct turns *turns)
{
	struct page *page = turns->page;
	bool slab = turns->at & 2;

	if (turns->at++ % 2 == 0) {
		announce(turns->race, page, 1, slab ? IS_SLAB : IS_ZSMALLOC, BIT(0));
		if (slab)
			__folio_set_slab(page_folio(page));
		else
			__SetPageZsmalloc(page);
		barrier();
		WRITE_ONCE(page->mapping, (void *)&page->lru);
		return;
	}
	announce(turns->race, page, 1, IS_UNKNOWN, BIT(0));
	WRITE_ONCE(page->mapping, NULL);
	barrier();
	if (slab)
		__folio_clear_slab(page_folio(page));
	else
		__ClearPageZsmalloc(page);
}

static void types_in_turn(struct kunit *test)
{
	struct page *page = memdesc_pages(test, 0, 0);
	struct race *race = new_race(test);

	announce(race, page, 1, IS_UNKNOWN, BIT(0));
	take_turns(race, page, turn_type);
}

/* A guard block whose order changes: it never has the order of the one before. */
static void turn_guard(struct turns *turns)
{
	struct page *page = turns->page;
	unsigned int order = 1 + turns->at / 2 % 4;

	if (turns->at++ % 2 == 0) {
		announce(turns->race, page, 1UL << order, IS_GUARD | IS_FROZEN,
			 BIT(order) | BIT(0));
		set_page_private(page, order);
		barrier();
		__SetPageGuard(page);
		return;
	}
	announce(turns->race, page, 1UL << order, IS_FROZEN, BIT(0));
	__ClearPageGuard(page);
	barrier();
	set_page_private(page, 0);
}

static void guard_orders_in_turn(struct kunit *test)
{
	struct page *page = memdesc_pages(test, 0, 5);
	struct race *race = new_race(test);

	page_ref_dec(page);
	announce(race, page, 32, IS_FROZEN, BIT(0));
	take_turns(race, page, turn_guard);
	set_page_private(page, 5);
	page_ref_inc(page);
}

/* The orders of pieces of a folio of @order. */
static unsigned long orders_to(unsigned int order)
{
	return GENMASK(order, 0);
}

static const struct fxt_order_param race_orders[] = {
	{ "order=2", 2 }, { "order=4", 4 }, { "order=9", 9 },
};

KUNIT_ARRAY_PARAM_DESC(order, race_orders, desc);

/* A folio of the file, with a reference. */
static struct folio *add_announced(struct race *race, struct folio_fixture *fx,
				   unsigned int order)
{
	struct folio *folio = fxt_add_folio(fx, INDEX, order, 0);

	fxt_drain_lru();
	folio_get(folio);
	announce_afresh(race, &folio->page, 1UL << order, IS_FILE, BIT(order));
	return folio;
}

/* A folio that is split in the page cache is of its file before, after and meanwhile. */
static void split_file_folio(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx;
	struct race *race;

#ifndef HAS_EXPORTS
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
	fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	race = new_race(test);
	race->steps = STEPS >> order;
	look_away(race);
	start_race(race);
	while (next_step(race)) {
		struct folio *folio = add_announced(race, fx, order);
		struct page *page = &folio->page;
		unsigned long nr = 1UL << order;

		folio_lock(folio);
		linger(race);
#ifdef HAS_EXPORTS
		announce(race, page, nr, IS_FILE, orders_to(order));
		KUNIT_EXPECT_EQ(test, 0, split_folio(folio));
		announce(race, page, nr, IS_FILE, BIT(0));
#endif
		folio_unlock(folio);
		folio_put(folio);
		linger(race);
		announce(race, page, nr, IS_ANYBODYS | IS_FILE, orders_to(MAX_PAGE_ORDER));
		truncate_inode_pages(fxt_mapping(fx), 0);
		look_away(race);
		fxt_forget_calls(fx);
	}
	end_race(race);
}

/* A folio that is truncated and freed is nobody's, and then anybody's. */
static void truncate_file_folio(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	struct race *race = new_race(test);
	const unsigned long any = orders_to(MAX_PAGE_ORDER);

	race->steps = STEPS >> order;
	look_away(race);
	start_race(race);
	while (next_step(race)) {
		struct folio *folio = add_announced(race, fx, order);
		struct page *page = &folio->page;
		unsigned long nr = 1UL << order;

		linger(race);
		announce(race, page, nr, IS_FILE | IS_ORPHAN, BIT(order));
		truncate_inode_pages(fxt_mapping(fx), 0);
		announce(race, page, nr, IS_ORPHAN, BIT(order));
		linger(race);
		announce(race, page, nr, IS_ANYBODYS, any);
		folio_put(folio);
		linger(race);
		look_away(race);
		fxt_forget_calls(fx);
	}
	end_race(race);
}

/* Pages, objects and areas that come and go: never a folio of a file, nor anonymous. */
static void alloc_and_free(struct kunit *test)
{
	static const unsigned int kinds[] = { IS_LARGE, IS_SLAB, IS_UNKNOWN, IS_UNKNOWN };
	struct race *race = new_race(test);
	const unsigned long any = orders_to(MAX_PAGE_ORDER);
	void *object;

	look_away(race);
	start_race(race);
	while (next_step(race)) {
		unsigned int order = prandom_u32_state(&race->rnd) % 5;
		unsigned int kind = prandom_u32_state(&race->rnd) % 4;
		struct page *page;

		switch (kind) {
		case 0:
			object = kmalloc(KMALLOC_MAX_CACHE_SIZE << (1 + order % 3), GFP_KERNEL);
			break;
		case 1:
			object = kmalloc(KMALLOC_MAX_CACHE_SIZE >> order, GFP_KERNEL);
			break;
		case 2:
			object = vmalloc(PAGE_SIZE << order);
			break;
		default:
			object = (void *)__get_free_pages(GFP_KERNEL, order);
		}
		if (!object)
			continue;
		page = kind == 2 ? vmalloc_to_page(object) : compound_head(virt_to_page(object));
		announce(race, page, 1, IS_ANYBODYS, any);
		announce(race, page, 1, kinds[kind], any);
		linger(race);
		announce(race, page, 1, IS_ANYBODYS, any);
		if (kind == 2)
			vfree(object);
		else if (kind < 2)
			kfree(object);
		else
			free_pages((unsigned long)object, order);
		linger(race);
		look_away(race);
	}
	end_race(race);
}

/* Anonymous folios that are collapsed, migrated, split and unmapped. */
static void change_anon_folios(struct kunit *test)
{
	struct fxa *f = fxa_start(test, 4, false);
	struct race *race = new_race(test);
	const unsigned long any = orders_to(MAX_PAGE_ORDER);

	race->steps = 64;
	look_away(race);
	start_race(race);
	while (next_step(race)) {
		struct page *page;

		fxa_populate(f, 0, ADDR, 1, 1);
		page = &f->folio->page;
		announce_afresh(race, page, 16, IS_ANON, BIT(4));
		linger(race);
		announce(race, page, 16, IS_ANYBODYS | IS_ANON, any);
		switch (prandom_u32_state(&race->rnd) % 4) {
		case 0:
			fxa_madvise(f, 0, ADDR, 0, f->nr, MADV_COLLAPSE);
			break;
		case 1:
			fxa_migrate(f, f->folio);
			break;
		case 2:
			/* Short of memory nobody has, these pages stay anonymous. */
			announce_afresh(race, page, 16, IS_ANON, orders_to(4));
			KUNIT_EXPECT_EQ(test, 0, fxa_split_folio(f, f->folio));
			announce_afresh(race, page, 16, IS_ANON, BIT(0));
			linger(race);
			announce(race, page, 16, IS_ANYBODYS | IS_ANON, any);
			break;
		default:
			break;
		}
		f->folio = NULL;
		fxa_munmap(f, 0, ADDR, 0, f->nr);
		linger(race);
		look_away(race);
	}
	end_race(race);
}

static struct kunit_case memdesc_race_cases[] = {
	KUNIT_CASE_SLOW(types_in_turn),
	KUNIT_CASE_SLOW(guard_orders_in_turn),
	KUNIT_CASE_PARAM_ATTR(split_file_folio, order_gen_params, {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(truncate_file_folio, order_gen_params, {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_SLOW(alloc_and_free),
	KUNIT_CASE_SLOW(change_anon_folios),
	{}
};

static struct kunit_suite memdesc_race_suite = {
	.name = "mm_memdesc_race",
	.test_cases = memdesc_race_cases,
};

kunit_test_suite(memdesc_race_suite);

MODULE_DESCRIPTION("KUnit suite of memory descriptors: classification while pages change");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
