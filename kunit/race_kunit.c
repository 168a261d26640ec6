// SPDX-License-Identifier: GPL-2.0
/*
 * mm_race: what one thread does to the page cache while others use it.
 *
 * One thread, the case's own, works on a few large folios as fast as it can;
 * others look them up, read, split or map them all the while, at random. Each
 * checks what it sees: the file's bytes, or zeroes where there are or were holes,
 * and never those of another place. When all have stopped, nothing is left over.
 *
 * The file can be read again, so what is dropped is not lost. A case ends after a
 * number of steps, or of fewer when its time is over: one processor, too, and a
 * busy one, gets it done.
 */
#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/migrate.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/sched/mm.h>
#include <linux/swap.h>
#include <linux/uaccess.h>

#include "truncate_model.h"

#if __has_include(<kunit/mm.h>)
#include <kunit/mm.h>
#define HAS_EXPORTS
#endif

#define MAP_AT		ALIGN_DOWN(TASK_SIZE / 4, PMD_SIZE)
#define MAX_RACERS	4
#define STEPS		400
#define TIME		(HZ / 6)
#define MIN_STEPS	8		/* even if others have the processor */

/* Folios within one node of the tree, of a node, and larger. */
static const struct fxt_order_param race_orders[] = {
	{ "order=1", 1 }, { "order=4", 4 }, { "order=6", 6 }, { "order=9", 9 },
};

KUNIT_ARRAY_PARAM_DESC(order, race_orders, desc);

/* What a thread does with the pages it chooses. */
enum use {
	USE_NOTHING,
	USE_READ,	/* read(2) */
	USE_LOOKUP,	/* take a reference, and look at the folio */
	USE_LOCK,	/* the same, locked */
	USE_SPLIT,	/* the same, and split it */
	USE_MAP,	/* read by a fault, in an mm of its own */
	USE_WRITE,	/* the same, and write, each thread to a word of its own */
};

struct race;

/**
 * struct racer - one of the threads
 * @race: the case it belongs to
 * @task: the thread
 * @mm: its address space, when it maps the file
 * @use: what it does
 * @own: which word of each page is its own, when it writes
 * @rnd: its random numbers
 * @steps: how many times it did it
 * @done: how many times that came to something
 * @errors: what failed although it may not
 * @wrong: position in the file of the first wrong word; -1 as long as there is none
 * @word: what was there
 */
struct racer {
	struct race *race;
	struct task_struct *task;
	struct mm_struct *mm;
	enum use use;
	unsigned int own;
	struct rnd_state rnd;
	unsigned long steps;
	unsigned long done;
	unsigned long errors;
	loff_t wrong;
	u64 word;
};

/**
 * struct race - a case
 * @test: the case
 * @fx: the file
 * @file: open
 * @order: of the folios that the case's own thread adds
 * @nr: how many pages of the file, from FIRST, take part
 * @holes: zeroes are as right as the file's bytes
 * @until: when it ends, in jiffies
 * @step: how many steps the case's own thread has done
 * @stamps: the first two words of each page
 * @racers: the threads
 * @rnd: the random numbers of the case's own thread
 */
struct race {
	struct kunit *test;
	struct folio_fixture *fx;
	struct file *file;
	unsigned int order;
	unsigned long nr;
	bool holes;
	unsigned long until;
	unsigned int step;
	u64 *stamps;
	struct racer racers[MAX_RACERS];
	struct rnd_state rnd;
};

/* Zeroed or copied while it is read, a word may be a mixture of both, byte by byte. */
static bool is_mixture(u64 got, u64 stamp)
{
	for (; got; got >>= 8, stamp >>= 8)
		if ((got & 0xff) && (got & 0xff) != (stamp & 0xff))
			return false;
	return true;
}

static void check_word(struct racer *racer, unsigned long page, unsigned int word, u64 got)
{
	u64 stamp = racer->race->stamps[2 * page + word];

	if (got == stamp || (racer->race->holes && is_mixture(got, stamp)) || racer->wrong >= 0)
		return;
	racer->wrong = FXT_POS(FIRST + page) + 8 * word;
	racer->word = got;
}

/* A folio that was looked up; locked, it must be the one that lies there. */
static void check_folio(struct racer *racer, struct folio *folio, unsigned long page, bool locked)
{
	struct address_space *mapping = fxt_mapping(racer->race->fx);
	u64 *words;

	if (locked && (folio->mapping != mapping || !folio_contains(folio, FIRST + page) ||
		       xa_load(&mapping->i_pages, FIRST + page) != folio ||
		       !IS_ALIGNED(folio->index, folio_nr_pages(folio))))
		racer->errors++;
	/* Without the lock it can be split, and be another's, at any moment. */
	if (!locked || !folio_test_uptodate(folio))
		return;
	words = kmap_local_folio(folio, offset_in_folio(folio, FXT_POS(FIRST + page)));
	check_word(racer, page, 0, READ_ONCE(words[0]));
	check_word(racer, page, 1, READ_ONCE(words[1]));
	kunmap_local(words);
	racer->done++;
}

static void use_folio(struct racer *racer, unsigned long page)
{
	bool locked = racer->use != USE_LOOKUP;
	struct folio *folio;

	folio = __filemap_get_folio(fxt_mapping(racer->race->fx), FIRST + page,
				    locked ? FGP_LOCK : 0, 0);
	if (IS_ERR(folio))
		return;
	check_folio(racer, folio, page, locked);
	racer->done += racer->use == USE_LOOKUP;
#ifdef HAS_EXPORTS
	if (racer->use == USE_SPLIT && folio_test_large(folio)) {
		split_folio(folio);
		if (!folio_test_locked(folio) || folio->mapping != fxt_mapping(racer->race->fx))
			racer->errors++;
	}
#endif
	if (locked)
		folio_unlock(folio);
	folio_put(folio);
}

static void use_mapping(struct racer *racer, unsigned long page)
{
	u64 __user *at = (u64 __user *)(MAP_AT + (page << PAGE_SHIFT));
	u64 words[2];
	int i;

	for (i = 0; i < 2; i++) {
		if (get_user(words[i], at + i)) {
			racer->errors++;
			return;
		}
		check_word(racer, page, i, words[i]);
	}
	if (racer->use == USE_WRITE && put_user((u64)racer->steps + 1, at + racer->own))
		racer->errors++;
	racer->done++;
	/* Else all is mapped soon, and nothing faults any longer. */
	if (prandom_u32_state(&racer->rnd) % 8 == 0)
		unmap_mapping_pages(fxt_mapping(racer->race->fx), FIRST + page, 8, false);
}

static void use_read(struct racer *racer, unsigned long page)
{
	loff_t pos = FXT_POS(FIRST + page);
	u64 words[2];

	if (kernel_read(racer->race->file, words, sizeof(words), &pos) != sizeof(words)) {
		racer->errors++;
		return;
	}
	check_word(racer, page, 0, words[0]);
	check_word(racer, page, 1, words[1]);
	racer->done++;
}

static int run_racer(void *data)
{
	struct racer *racer = data;

	if (racer->mm)
		kthread_use_mm(racer->mm);
	while (!kthread_should_stop()) {
		unsigned long page = prandom_u32_state(&racer->rnd) % racer->race->nr;

		if (racer->use == USE_READ)
			use_read(racer, page);
		else if (racer->use >= USE_MAP)
			use_mapping(racer, page);
		else
			use_folio(racer, page);
		racer->steps++;
		/* One processor has more to do than this. */
		if (racer->steps % 16 == 0)
			usleep_range(10, 50);
		cond_resched();
	}
	if (racer->mm)
		kthread_unuse_mm(racer->mm);
	return 0;
}

static void stop_racers(void *data)
{
	struct race *race = data;
	unsigned int i;

	for (i = 0; i < MAX_RACERS; i++) {
		if (!race->racers[i].task)
			continue;
		kthread_stop_put(race->racers[i].task);
		race->racers[i].task = NULL;
	}
}

static void add_racer(struct race *race, unsigned int i, enum use use)
{
	struct racer *racer = &race->racers[i];
	struct kunit *test = race->test;

	racer->race = race;
	racer->use = use;
	racer->own = 2 + i;
	racer->wrong = -1;
	prandom_seed_state(&racer->rnd, prandom_u32_state(&race->rnd));
	if (use >= USE_MAP) {
		racer->mm = fxt_new_mm(test);
		fxt_switch_mm(racer->mm);
		fxt_mmap(race->fx, MAP_AT, FIRST, race->nr, PROT_READ | PROT_WRITE, MAP_SHARED);
		fxt_switch_mm(NULL);
	}
}

static struct race *new_race(struct kunit *test, const enum use *uses)
{
	struct race *race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);
	struct folio *folio;
	unsigned long i;

	KUNIT_ASSERT_NOT_NULL(test, race);
	race->test = test;
	race->order = fxt_order(test);
	race->nr = max(64UL, 2UL << race->order);
	race->fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	race->file = fxt_file(race->fx);
	prandom_seed_state(&race->rnd, fxt_seed(test));
	race->stamps = kunit_kcalloc(test, 2 * race->nr, sizeof(u64), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, race->stamps);
	folio = fxt_new_folio(race->fx, FIRST, 0);
	for (i = 0; i < race->nr; i++) {
		fxt_stamp(race->fx, folio, FIRST + i);
		memcpy_from_folio((char *)&race->stamps[2 * i], folio, 0, 2 * sizeof(u64));
	}
	folio_put(folio);
	for (i = 0; i < MAX_RACERS && uses[i]; i++)
		add_racer(race, i, uses[i]);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, stop_racers, race));
	return race;
}

static void start_race(struct race *race)
{
	unsigned int i;

	race->until = jiffies + TIME;
	for (i = 0; i < MAX_RACERS && race->racers[i].race; i++) {
		struct task_struct *task;

		task = kthread_create(run_racer, &race->racers[i], "racer%u", i);
		KUNIT_ASSERT_FALSE(race->test, IS_ERR(task));
		race->racers[i].task = get_task_struct(task);
		wake_up_process(task);
	}
}

/* Whether there is time for one more step, and room to record it. */
static bool next_step(struct race *race)
{
	unsigned int i;

	fxt_forget_calls(race->fx);
	if (race->step % 8 == 0)
		usleep_range(10, 50);
	for (i = 0; i < MAX_RACERS; i++)
		if (race->racers[i].wrong > 0 || race->racers[i].errors)
			return false;
	if (race->step >= MIN_STEPS && time_after(jiffies, race->until))
		return false;
	return race->step++ < STEPS;
}

static void expect_racer(struct race *race, struct racer *racer)
{
	unsigned long page = ((u64)racer->wrong >> PAGE_SHIFT) - FIRST;

	KUNIT_EXPECT_EQ_MSG(race->test, 0, racer->errors, "use %d, %lu steps", racer->use,
			    racer->steps);
	if (racer->wrong >= 0)
		KUNIT_FAIL(race->test, "use %d, step %lu of %u: page %lu + %lu: %llx, not %llx",
			   racer->use, racer->steps, race->step, page,
			   offset_in_page(racer->wrong), racer->word,
			   race->stamps[2 * page + offset_in_page(racer->wrong) / 8]);
}

/* All have stopped: who has seen what, and what is left over. */
static void end_race(struct race *race)
{
	struct address_space *mapping = fxt_mapping(race->fx);
	struct kunit *test = race->test;
	struct folio *folio;
	unsigned long index, i;

	stop_racers(race);
	fxt_forget_calls(race->fx);
	for (i = 0; i < MAX_RACERS && race->racers[i].race; i++) {
		expect_racer(race, &race->racers[i]);
		if (race->racers[i].mm)
			fxt_end_mm(test, race->racers[i].mm);
	}
	KUNIT_EXPECT_GE(test, race->step, MIN_STEPS);
#ifdef HAS_EXPORTS
	lru_add_drain_all();
#endif
	fxt_expect_consistent(race->fx);
	xa_for_each(&mapping->i_pages, index, folio) {
		bool held = false;

		if (xa_is_value(folio))
			continue;
#ifdef HAS_EXPORTS
		held = folio_ref_count(folio) != folio_nr_pages(folio);
#endif
		if (!folio_mapped(folio) && !folio_test_locked(folio) && !held &&
		    folio_test_uptodate(folio) && !folio_test_writeback(folio))
			continue;
		KUNIT_FAIL(test, "folio at %lu: want unmapped, unlocked, uptodate, unused", index);
		fxt_print_folio(test, folio);
		break;
	}
	KUNIT_EXPECT_FALSE(test, rwsem_is_locked(&mapping->invalidate_lock));
	KUNIT_EXPECT_FALSE(test, rwsem_is_locked(&mapping->i_mmap_rwsem));
}

/* The case's own thread: puts a folio where there is room for it. */
static void fill(struct race *race)
{
	pgoff_t index = FIRST + (prandom_u32_state(&race->rnd) % (race->nr >> race->order) <<
				 race->order);
	struct folio *folio = fxt_new_folio(race->fx, index, race->order);

	if (!filemap_add_folio(fxt_mapping(race->fx), folio, index, GFP_KERNEL)) {
		folio_mark_uptodate(folio);
		folio_unlock(folio);
	}
	folio_put(folio);
}

/* A range that begins and ends anywhere, often within one folio, in bytes. */
static void choose_range(struct race *race, loff_t *from, loff_t *to)
{
	loff_t size = (loff_t)race->nr << PAGE_SHIFT;
	loff_t len = prandom_u32_state(&race->rnd) % (3 * PAGE_SIZE << race->order) + 8;

	*from = round_down(prandom_u32_state(&race->rnd) % (u32)size, 8);
	if (prandom_u32_state(&race->rnd) % 2)
		*from = round_down(*from, PAGE_SIZE);
	*to = min(round_up(*from + len, 8), size);
	*from += FXT_POS(FIRST);
	*to += FXT_POS(FIRST);
}

/* As fallocate(FALLOC_FL_PUNCH_HOLE) does it. */
static void punch(struct race *race)
{
	struct address_space *mapping = fxt_mapping(race->fx);
	loff_t from, to;

	choose_range(race, &from, &to);
	filemap_invalidate_lock(mapping);
	truncate_pagecache_range(&race->fx->inode, from, to - 1);
	filemap_invalidate_unlock(mapping);
}

static void run_punch(struct kunit *test, const enum use *uses)
{
	struct race *race = new_race(test, uses);

	race->holes = true;
	start_race(race);
	while (next_step(race)) {
		fill(race);
		fill(race);
		punch(race);
	}
	end_race(race);
}

static void punch_races_reads(struct kunit *test)
{
	run_punch(test, (const enum use []){ USE_READ, USE_LOCK, USE_LOOKUP, USE_NOTHING });
}

static void punch_races_faults(struct kunit *test)
{
	run_punch(test, (const enum use []){ USE_MAP, USE_WRITE, USE_LOOKUP, USE_NOTHING });
}

static void punch_races_split(struct kunit *test)
{
#ifdef HAS_EXPORTS
	run_punch(test, (const enum use []){ USE_SPLIT, USE_READ, USE_MAP, USE_NOTHING });
#else
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
}

/* Truncation proper: behind EOF is nothing, and a fault there is refused. */
static void truncate_races_lookups(struct kunit *test)
{
	struct race *race = new_race(test, (const enum use []){ USE_LOCK, USE_LOOKUP, USE_LOCK,
								USE_NOTHING });
	struct address_space *mapping = fxt_mapping(race->fx);
	loff_t from, to;

	race->holes = true;
	start_race(race);
	while (next_step(race)) {
		fill(race);
		fill(race);
		choose_range(race, &from, &to);
		filemap_invalidate_lock(mapping);
		truncate_setsize(&race->fx->inode, from);
		expect_empty(race->fx, round_up(from, PAGE_SIZE) >> PAGE_SHIFT, ULONG_MAX);
		i_size_write(&race->fx->inode, BIG);
		filemap_invalidate_unlock(mapping);
	}
	end_race(race);
}

/* What is dropped is read again: nobody sees anything but the file's bytes. */
static void invalidate_races_reads(struct kunit *test)
{
	struct race *race = new_race(test, (const enum use []){ USE_READ, USE_MAP, USE_LOCK,
								USE_READ });
	loff_t from, to;

	start_race(race);
	while (next_step(race)) {
		fill(race);
		choose_range(race, &from, &to);
		if (race->step % 2)
			invalidate_mapping_pages(fxt_mapping(race->fx), from >> PAGE_SHIFT,
						 to >> PAGE_SHIFT);
		else
			invalidate_inode_pages2_range(fxt_mapping(race->fx), from >> PAGE_SHIFT,
						      to >> PAGE_SHIFT);
	}
	end_race(race);
}

#ifdef HAS_EXPORTS
/* A folio at random, and a reference to it; locked or not. */
static struct folio *any_folio(struct race *race, fgf_t fgp)
{
	return __filemap_get_folio(fxt_mapping(race->fx),
				   FIRST + prandom_u32_state(&race->rnd) % race->nr, fgp, 0);
}

static struct folio *new_target(struct folio *src, unsigned long private)
{
	return folio_alloc(GFP_KERNEL, folio_order(src));
}
#endif

static void split_races_lookups(struct kunit *test)
{
#ifdef HAS_EXPORTS
	struct race *race = new_race(test, (const enum use []){ USE_LOOKUP, USE_LOCK, USE_READ,
								USE_MAP });
	struct address_space *mapping = fxt_mapping(race->fx);

	start_race(race);
	while (next_step(race)) {
		struct folio *folio;

		invalidate_inode_pages2_range(mapping, FIRST, FIRST + race->nr - 1);
		fill(race);
		fill(race);
		folio = any_folio(race, FGP_LOCK);
		if (IS_ERR(folio))
			continue;
		if (folio_test_large(folio) && race->step % 2)
			split_folio(folio);
		else if (folio_test_large(folio))
			folio_split(folio, 0, folio_page(folio, prandom_u32_state(&race->rnd) %
							 folio_nr_pages(folio)), NULL);
		folio_unlock(folio);
		folio_put(folio);
	}
	end_race(race);
#else
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
}

static void migrate_races_faults(struct kunit *test)
{
#ifdef HAS_EXPORTS
	struct race *race = new_race(test, (const enum use []){ USE_MAP, USE_READ, USE_WRITE,
								USE_LOCK });

	start_race(race);
	while (next_step(race)) {
		unsigned int moved;
		struct folio *folio;
		LIST_HEAD(list);
		bool isolated;

		fill(race);
		lru_add_drain();
		folio = any_folio(race, 0);
		if (IS_ERR(folio))
			continue;
		isolated = folio_isolate_lru(folio);
		folio_put(folio);
		if (!isolated)
			continue;
		list_add(&folio->lru, &list);
		migrate_pages(&list, new_target, NULL, 0, MIGRATE_SYNC, MR_SYSCALL, &moved);
		while (!list_empty(&list)) {
			folio = list_first_entry(&list, struct folio, lru);
			list_del(&folio->lru);
			folio_putback_lru(folio);
		}
	}
	end_race(race);
#else
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
}

/* The words of a page that racers write to, and one more. */
#define NR_WORDS	(2 + MAX_RACERS)

static void copy_folio(struct race *race, struct folio *folio, u64 *disk)
{
	unsigned long i, page = folio->index - FIRST;

	for (i = 0; i < folio_nr_pages(folio); i++) {
		const u64 *words = kmap_local_folio(folio, i << PAGE_SHIFT);
		unsigned int w;

		for (w = 0; w < NR_WORDS; w++)
			disk[(page + i) * NR_WORDS + w] = READ_ONCE(words[w]);
		kunmap_local(words);
	}
}

static void expect_on_disk(struct race *race, struct folio *folio, const u64 *disk)
{
	unsigned long i, page = folio->index - FIRST;

	for (i = 0; i < folio_nr_pages(folio); i++) {
		const u64 *words = kmap_local_folio(folio, i << PAGE_SHIFT);
		bool same = !memcmp(words, disk + (page + i) * NR_WORDS, NR_WORDS * sizeof(u64));

		kunmap_local(words);
		if (same)
			continue;
		KUNIT_FAIL(race->test, "step %u: page %lu is clean, and not as it was written back",
			   race->step, page + i);
		fxt_print_folio(race->test, folio);
		return;
	}
}

/*
 * Writeback copies each dirty folio to a disk. Of a folio that is clean the disk
 * must hold all that was ever written to it.
 */
static void writeback_races_writes(struct kunit *test)
{
	struct race *race = new_race(test, (const enum use []){ USE_WRITE, USE_WRITE, USE_MAP,
								USE_NOTHING });
	struct address_space *mapping = fxt_mapping(race->fx);
	u64 *disk = kunit_kcalloc(test, race->nr * NR_WORDS, sizeof(u64), GFP_KERNEL);
	unsigned long index = FIRST, i, written = 0;
	struct folio *folio;

	KUNIT_ASSERT_NOT_NULL(test, disk);
	for (i = 0; i < race->nr; i += 1UL << race->order)
		fxt_add_folio(race->fx, FIRST + i, race->order, FXT_DIRTY);
	start_race(race);
	while (next_step(race)) {
		/* Twice the same folio, which is still clean then, or was written again. */
		if (race->step % 2)
			index = FIRST + prandom_u32_state(&race->rnd) % race->nr;
		folio = filemap_lock_folio(mapping, index);
		KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
		/* What folio_clear_dirty_for_io() does first where there is a disk. */
		if (folio_mkclean(folio))
			folio_mark_dirty(folio);
		if (folio_clear_dirty_for_io(folio)) {
			folio_start_writeback(folio);
			folio_unlock(folio);
			copy_folio(race, folio, disk);
			folio_end_writeback(folio);
			written++;
		} else {
			/* Whoever wants to write now needs the lock first. */
			expect_on_disk(race, folio, disk);
			folio_unlock(folio);
		}
		folio_put(folio);
	}
	end_race(race);
	KUNIT_EXPECT_GT(test, written, 0);
	for (i = 0; i < race->nr; i += 1UL << race->order) {
		folio = filemap_lock_folio(mapping, FIRST + i);
		KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
		KUNIT_EXPECT_EQ(test, race->order, folio_order(folio));
		if (!folio_test_dirty(folio))
			expect_on_disk(race, folio, disk);
		folio_unlock(folio);
		folio_put(folio);
	}
}

static struct kunit_case race_cases[] = {
	KUNIT_CASE_PARAM_ATTR(punch_races_reads, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(punch_races_faults, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(punch_races_split, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(truncate_races_lookups, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(invalidate_races_reads, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(split_races_lookups, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(migrate_races_faults, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(writeback_races_writes, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	{}
};

static struct kunit_suite race_suite = {
	.name = "mm_race",
	.test_cases = race_cases,
};

kunit_test_suite(race_suite);

MODULE_DESCRIPTION("KUnit suite of page cache operations against each other");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
