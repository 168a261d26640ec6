/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites mm_split and mm_split_anon share: which folios a split must
 * leave, and what each of them inherits.
 *
 * A uniform split makes every piece as small as asked. A non-uniform one halves
 * the folio, then the half that holds a page, until that half is small enough:
 *
 *	order 4 at page 5 to order 0:	[ 2 ]00[1][    3    ]
 *
 * Anonymous folios have no order 1: there a step goes from order 2 to 0.
 */
#ifndef FOLIO_KUNIT_SPLIT_MODEL_H
#define FOLIO_KUNIT_SPLIT_MODEL_H

#include <linux/huge_mm.h>
#include <linux/memcontrol.h>
#include <linux/pagemap.h>
#include <linux/vmstat.h>
#if __has_include(<kunit/mm.h>) && defined(CONFIG_TRANSPARENT_HUGEPAGE) && defined(CONFIG_SYSFS)
#include <kunit/mm.h>
#define HAS_SPLIT_EXPORTS
#endif

/* Events that no kernel without large folios has; no case counts them there. */
#ifndef CONFIG_TRANSPARENT_HUGEPAGE
#define THP_SPLIT_PAGE		PGFREE
#define THP_SPLIT_PAGE_FAILED	PGFREE
#define THP_DEFERRED_SPLIT_PAGE	PGFREE
#endif

#include "truncate_model.h"

#define MAX_PIECES	512
#define NO_PAGE		ULONG_MAX

/* Orders that can be split. */
static const struct fxt_order_param split_orders[] __maybe_unused = {
	{ "order=1", 1 }, { "order=2", 2 }, { "order=3", 3 }, { "order=4", 4 }, { "order=5", 5 },
	{ "order=6", 6 }, { "order=7", 7 }, { "order=8", 8 }, { "order=9", 9 },
};

/**
 * struct split - one split of one folio
 * @test: the case
 * @folio: the folio before the split: its first page stays the first piece's
 * @order: its order before
 * @new_order: the order asked for
 * @at: which of its pages the split is at (non-uniform) or stays locked (uniform)
 * @uniform: which kind of split
 * @anon: the folio is anonymous
 * @poisoned: which of its pages is poisoned, NO_PAGE without
 * @index: page index of the folio
 * @flags: its page flags before
 * @memcg: what says who pays for it
 * @done: how many splits of this order succeeded before
 * @failed: how many failed
 * @pmd_done: how many splits of a PMD-sized folio succeeded
 * @pmd_failed: how many failed
 * @lru: how many pages are on the LRU lists of the node
 * @strays: how often that was not what it should be
 * @nr: number of pieces
 * @want: the pieces
 */
struct split {
	struct kunit *test;
	struct folio *folio;
	unsigned int order;
	unsigned int new_order;
	unsigned long at;
	bool uniform;
	bool anon;
	unsigned long poisoned;
	pgoff_t index;
	unsigned long flags;
	unsigned long memcg;
	long done, failed;
	long pmd_done, pmd_failed;
	long lru;
	unsigned int strays;
	unsigned int nr;
	struct fxt_range want[MAX_PIECES];
};

#ifdef HAS_SPLIT_EXPORTS
static int call_split(struct split *s, struct list_head *list)
{
	struct page *page = folio_page(s->folio, s->at);

	if (s->uniform && !s->new_order && !s->at)
		return split_folio_to_list(s->folio, list);
	if (s->uniform)
		return split_huge_page_to_list_to_order(page, list, s->new_order);
	return folio_split(s->folio, s->new_order, page, list);
}

static long mthp_counter(unsigned int order, enum mthp_stat_item item)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu(mthp_stats, cpu).stats[order][item];
	return sum;
}

#define SPLITS(order)		mthp_counter(order, MTHP_STAT_SPLIT)
#define FAILED_SPLITS(order)	mthp_counter(order, MTHP_STAT_SPLIT_FAILED)
#else
static int call_split(struct split *s, struct list_head *list)
{
	return -EOPNOTSUPP;
}

#define SPLITS(order)		0L
#define FAILED_SPLITS(order)	0L
#define folio_isolate_lru(folio)	false
#define folio_putback_lru(folio)	((void)(folio))
#endif

/* For suites' init(). */
static int start_split_case(struct kunit *test)
{
#ifndef HAS_SPLIT_EXPORTS
	kunit_skip(test, "needs CONFIG_TRANSPARENT_HUGEPAGE and the exports of <kunit/mm.h>");
#endif
	return fxt_stay_on_cpu(test);
}

static unsigned long first_word(struct page *page)
{
	return *(unsigned long *)&page->flags;
}

/* Read again while another CPU folds what the sum then misses. */
static void expect_node(struct kunit *test, struct folio *folio, enum node_stat_item item,
			long want, const char *what)
{
	unsigned int tries;
	long got;

	for (tries = 0; tries < 8; tries++) {
		got = fxt_sum_node_stat(item);
		if (got == want)
			return;
		usleep_range(200, 400);
	}
	KUNIT_EXPECT_EQ_MSG(test, want, got, "%s", what);
}

/* Pages on the LRU lists that reclaim looks at. */
static long lru_pages(struct folio *folio)
{
	unsigned int lru;
	long sum = 0;

	for (lru = 0; lru < LRU_UNEVICTABLE; lru++)
		sum += fxt_sum_node_stat(NR_LRU_BASE + lru);
	return sum;
}

/*
 * What the split freed has left the LRU lists, and nothing else has. They are those of the
 * whole machine, where another task may give a page back meanwhile: a case has seen
 * something once that is so twice.
 */
static void expect_freed(struct split *s, long freed)
{
	unsigned int tries;
	long got;

	for (tries = 0; tries < 8; tries++) {
		got = s->lru - lru_pages(s->folio);
		if (got == freed)
			return;
		usleep_range(200, 400);
	}
	if (!s->strays++)
		return;
	KUNIT_EXPECT_EQ_MSG(s->test, freed, got, "pages that left the LRU lists");
}

static long vm_event(enum vm_event_item item)
{
	static unsigned long events[NR_VM_EVENT_ITEMS];

	if (!IS_ENABLED(CONFIG_VM_EVENT_COUNTERS))
		return 0;
	all_vm_events(events);
	return events[item];
}

/* Adds the pieces of the pages from @first on, which form a folio of @order now. */
static void plan_pieces(struct split *s, unsigned long first, unsigned int order)
{
	bool here = s->uniform || (s->at >= first && s->at < first + (1UL << order));
	unsigned int next = s->uniform ? s->new_order : order - 1;
	unsigned long i;

	if (order <= s->new_order || !here) {
		s->want[s->nr++] = (struct fxt_range){ s->index + first, order };
		return;
	}
	if (s->anon && next == 1)
		next = 0;
	for (i = 0; i < 1UL << (order - next); i++)
		plan_pieces(s, first + (i << next), next);
}

/* Notes what the split must keep. The folio is locked, its state set. */
static void prepare_split(struct split *s)
{
	struct folio *folio = s->folio;

	s->order = folio_order(folio);
	s->index = folio->index;
	s->anon = folio_test_anon(folio);
	s->flags = first_word(&folio->page);
#ifdef CONFIG_MEMCG
	s->memcg = folio->memcg_data;
#endif
	s->done = SPLITS(s->order);
	s->failed = FAILED_SPLITS(s->order);
	s->lru = lru_pages(folio);
	s->pmd_done = vm_event(THP_SPLIT_PAGE);
	s->pmd_failed = vm_event(THP_SPLIT_PAGE_FAILED);
	s->nr = 0;
	plan_pieces(s, 0, s->order);
}

/* Splits, expects that it returns @want and that the statistics tell. */
static void expect_split(struct split *s, struct list_head *list, int want)
{
	bool pmd = s->order == HPAGE_PMD_ORDER && IS_ENABLED(CONFIG_VM_EVENT_COUNTERS);
	struct kunit *test = s->test;
#ifdef CONFIG_MEMCG
	struct mem_cgroup *active = current->active_memcg;
#endif

	KUNIT_EXPECT_EQ(test, want, call_split(s, list));
#ifdef CONFIG_MEMCG
	KUNIT_EXPECT_PTR_EQ_MSG(test, active, current->active_memcg, "who is charged");
#endif
	KUNIT_EXPECT_EQ(test, !want, SPLITS(s->order) - s->done);
	KUNIT_EXPECT_EQ(test, !!want, FAILED_SPLITS(s->order) - s->failed);
	KUNIT_EXPECT_EQ(test, pmd && !want, vm_event(THP_SPLIT_PAGE) - s->pmd_done);
	KUNIT_EXPECT_EQ(test, pmd && want, vm_event(THP_SPLIT_PAGE_FAILED) - s->pmd_failed);
}

static struct folio *piece_of(struct split *s, unsigned int i)
{
	return (struct folio *)folio_page(s->folio, s->want[i].index - s->index);
}

/* Whether a piece is the one that stays locked, and takes the caller's reference. */
static bool piece_is_locked(struct split *s, unsigned int i)
{
	unsigned long first = s->want[i].index - s->index;
	unsigned long page = s->uniform ? s->at : 0;

	return page >= first && page < first + (1UL << s->want[i].order);
}

/*
 * Flags that a piece does not take from the folio, or that other expectations
 * know better: who is locked, compound, on an LRU list, poisoned.
 */
#define OWN_FLAGS	(BIT(PG_locked) | BIT(PG_head) | BIT(PG_lru) | BIT(PG_waiters) | \
			 BIT(PG_private))
#ifdef CONFIG_MEMORY_FAILURE
#define OWN_POISON	BIT(PG_hwpoison)
#else
#define OWN_POISON	0UL
#endif

static bool piece_has_page(struct split *s, unsigned int i, unsigned long page)
{
	unsigned long first = s->want[i].index - s->index;

	return page >= first && page < first + (1UL << s->want[i].order);
}

/* One piece is a folio of its own, whole, and inherited what it must. */
static bool piece_is_right(struct split *s, unsigned int i, long refs, bool lru)
{
	unsigned long first = s->want[i].index - s->index, nr = 1UL << s->want[i].order, page;
	unsigned long own = OWN_FLAGS | OWN_POISON | (s->anon ? BIT(PG_anon_exclusive) : 0);
	struct folio *piece = piece_of(s, i);
	bool poisoned = piece_has_page(s, i, s->poisoned);
	struct kunit *test = s->test;
	unsigned long flags = first_word(&piece->page);
	const char *wrong = NULL;

	for (page = 0; page < nr; page++) {
		struct page *p = folio_page(s->folio, first + page);

		if (page_folio(p) != piece || folio_page(piece, page) != p)
			wrong = "a page belongs to another folio";
		else if (PageTail(p) != (page > 0))
			wrong = "a page is a tail or not, wrongly";
		else if (IS_ENABLED(CONFIG_MEMORY_FAILURE) &&
			 PageHWPoison(p) != (first + page == s->poisoned))
			wrong = "a page is poisoned or not, wrongly";
		if (wrong) {
			KUNIT_FAIL(test, "page %lu: %s", first + page, wrong);
			return false;
		}
	}
	if (folio_order(piece) != s->want[i].order || folio_nr_pages(piece) != nr)
		wrong = "order";
	else if (folio_test_large(piece) != (nr > 1))
		wrong = "large";
	else if (piece->index != s->want[i].index)
		wrong = "index";
	else if ((flags ^ s->flags) & ~own)
		wrong = "flags";
	else if (piece->private)
		wrong = "private data";
	else if (folio_test_lru(piece) != lru)
		wrong = "LRU";
	else if (folio_test_locked(piece) != piece_is_locked(s, i))
		wrong = "lock";
	else if (folio_ref_count(piece) != refs)
		wrong = "references";
	else if (nr > 1 && !folio_test_large_rmappable(piece))
		wrong = "large_rmappable";
	else if (nr > 1 && IS_ENABLED(CONFIG_MEMORY_FAILURE) &&
		 folio_test_has_hwpoisoned(piece) != poisoned)
		wrong = "has_hwpoisoned";
	else if (nr > 1 && folio_entire_mapcount(piece))
		wrong = "entire mapcount";
	else if (folio_maybe_dma_pinned(piece) && refs < 1024)
		wrong = "pin count";
#ifdef CONFIG_MEMCG
	else if (piece->memcg_data != s->memcg)
		wrong = "memcg";
#endif
	if (!wrong)
		return true;
	KUNIT_FAIL(test, "piece %u, order %u at %lu, %ld references wanted: wrong %s", i,
		   s->want[i].order, s->want[i].index, refs, wrong);
	kunit_info(test, "flags %lx, before %lx, difference %lx", flags, s->flags,
		   (flags ^ s->flags) & ~own);
	fxt_print_folio(test, piece);
	return false;
}

/* Says which split it was when something failed. */
static bool split_failed(struct split *s, const char *what, unsigned long arg)
{
	return failed_at(s->test, "order %u to %u, %s at page %lu, %s %lu", s->order,
			 s->new_order, s->uniform ? "uniform" : "non-uniform", s->at, what, arg);
}

/* Pages of a folio where a split is worth a try, fewer of a large one. */
#define MAX_PLACES	16
static unsigned int places_of(unsigned int order, unsigned long *place)
{
	const unsigned long nr = 1UL << order;
	const unsigned long at[] = {
		0, nr - 1, nr / 2, 3 * nr / 8, nr / 2 - 1, 1, 5 * nr / 8 + 1,
	};
	unsigned int i;

	if (order <= 4) {
		for (i = 0; i < nr; i++)
			place[i] = i;
		return nr;
	}
	memcpy(place, at, sizeof(at));
	return ARRAY_SIZE(at);
}

#endif /* FOLIO_KUNIT_SPLIT_MODEL_H */
