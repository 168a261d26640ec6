// SPDX-License-Identifier: GPL-2.0
/*
 * mm_split_anon: splitting a large anonymous folio. Its page tables must say the
 * same after as before, page for page, and so must the mapcounts of the pieces,
 * whether it was mapped by PTEs or by a PMD, whole or in part, once or twice.
 */
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/rmap.h>
#include <linux/uaccess.h>

#include "split_model.h"

#define MAP_AT	ALIGN_DOWN(TASK_SIZE / 4, PMD_SIZE)

/* Anonymous folios have no order 1. */
static const struct fxt_order_param anon_orders[] = {
	{ "order=2", 2 }, { "order=3", 3 }, { "order=4", 4 }, { "order=5", 5 },
	{ "order=6", 6 }, { "order=7", 7 }, { "order=8", 8 }, { "order=9", 9 },
};

KUNIT_ARRAY_PARAM_DESC(order, anon_orders, desc);

#ifdef HAS_SPLIT_EXPORTS
#define NR_FOLIOS(order)	mthp_counter(order, MTHP_STAT_NR_ANON)
#define NR_PARTIAL(order)	mthp_counter(order, MTHP_STAT_NR_ANON_PARTIALLY_MAPPED)
#define NR_DEFERRED(order)	mthp_counter(order, MTHP_STAT_SPLIT_DEFERRED)

static void set_huge_orders(unsigned long orders)
{
	WRITE_ONCE(huge_anon_orders_always, orders);
}

static unsigned long huge_orders(void)
{
	return READ_ONCE(huge_anon_orders_always);
}

static void queue_folio(struct folio *folio)
{
	deferred_split_folio(folio, true);
}
#else
#define NR_FOLIOS(order)	0L
#define NR_PARTIAL(order)	0L
#define NR_DEFERRED(order)	0L
#define set_huge_orders(orders)	((void)(orders))
#define huge_orders()		0UL
#define queue_folio(folio)	((void)(folio))
#define folio_check_splittable(folio, order, type)	(-EOPNOTSUPP)
#define split_huge_pmd_address(vma, addr, freeze)	((void)(vma))
#define min_order_for_split(folio)			0
#define SPLIT_TYPE_UNIFORM	0
#define SPLIT_TYPE_NON_UNIFORM	1
#endif

/**
 * struct anon_split - a split of an anonymous folio
 * @split: the split
 * @mm: the address space that has the folio
 * @mapping: the folio's anon_vma, tagged
 * @nr: pages of the folio
 * @mapped: which of its pages are mapped
 * @zeroed: which hold nothing but zeroes
 * @before: the page tables before the split
 * @after: and after
 * @folios: MTHP_STAT_NR_ANON of each order before the folio was there
 * @partial: the folio's MTHP_STAT_NR_ANON_PARTIALLY_MAPPED before
 * @deferred: the folio's MTHP_STAT_SPLIT_DEFERRED before
 * @anon_mapped: NR_ANON_MAPPED before
 * @anon_thps: NR_ANON_THPS before
 * @orders: huge_anon_orders_always as it was
 * @held: a folio that the case has locked, with a reference
 */
struct anon_split {
	struct split split;
	struct mm_struct *mm;
	struct address_space *mapping;
	unsigned long nr;
	DECLARE_BITMAP(mapped, MAX_PIECES);
	DECLARE_BITMAP(zeroed, MAX_PIECES);
	struct fxt_pte before[MAX_PIECES], after[MAX_PIECES];
	long folios[HPAGE_PMD_ORDER + 1];
	long partial, deferred;
	long anon_mapped, anon_thps;
	unsigned long orders;
	struct folio *held;
};

static void end_anon_split(void *data)
{
	struct anon_split *a = data;

	set_huge_orders(a->orders);
	if (a->held) {
		folio_unlock(a->held);
		folio_put(a->held);
	}
}

static struct anon_split *new_anon_split(struct kunit *test)
{
	struct anon_split *a = kunit_kzalloc(test, sizeof(*a), GFP_KERNEL);

	fxt_need_large_pages(test);
	KUNIT_ASSERT_NOT_NULL(test, a);
	a->split.test = test;
	a->split.poisoned = NO_PAGE;
	a->mm = fxt_new_mm(test);
	fxt_switch_mm(a->mm);
	a->orders = huge_orders();
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, end_anon_split, a));
	return a;
}

static u32 __user *user_word(unsigned long page)
{
	return (u32 __user *)(MAP_AT + (page << PAGE_SHIFT) + PAGE_SIZE / 2);
}

/* A new folio in the current mm, each page with a word of its own, locked and held. */
static struct folio *add_anon(struct anon_split *a)
{
	struct kunit *test = a->split.test;
	unsigned int order = fxt_order(test), i;
	struct folio *folio;

	a->nr = 1UL << order;
	for (i = 0; i <= HPAGE_PMD_ORDER; i++)
		a->folios[i] = NR_FOLIOS(i);
	a->partial = NR_PARTIAL(order);
	a->deferred = NR_DEFERRED(order);
	a->anon_mapped = fxt_sum_node_stat(NR_ANON_MAPPED);
	a->anon_thps = fxt_sum_node_stat(NR_ANON_THPS);
	KUNIT_ASSERT_EQ(test, MAP_AT,
			vm_mmap(NULL, MAP_AT, a->nr << PAGE_SHIFT, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0));
	set_huge_orders(BIT(order));
	for (i = 0; i < a->nr; i++)
		KUNIT_ASSERT_EQ(test, 0, put_user(test_bit(i, a->zeroed) ? 0 : i + 1,
						  user_word(i)));
	set_huge_orders(a->orders);
	bitmap_zero(a->mapped, MAX_PIECES);
	bitmap_set(a->mapped, 0, a->nr);
	fxt_read_ptes(a->mm, MAP_AT, a->nr, a->before);
	KUNIT_ASSERT_NOT_NULL(test, a->before[0].page);
	folio = page_folio(a->before[0].page);
	KUNIT_ASSERT_EQ(test, order, folio_order(folio));
	KUNIT_ASSERT_TRUE(test, folio_test_anon(folio));
	fxt_drain_lru();
	KUNIT_ASSERT_TRUE(test, folio_test_lru(folio));
	folio_get(folio);
	folio_lock(folio);
	a->held = folio;
	a->split.folio = folio;
	return folio;
}

/* A PMD becomes PTEs, the folio stays. */
static void map_by_ptes(struct anon_split *a)
{
	struct vm_area_struct *vma;

	mmap_write_lock(a->mm);
	vma = find_vma(a->mm, MAP_AT);
	if (vma)
		split_huge_pmd_address(vma, MAP_AT, false);
	mmap_write_unlock(a->mm);
	fxt_read_ptes(a->mm, MAP_AT, a->nr, a->before);
	KUNIT_ASSERT_FALSE(a->split.test, a->before[0].pmd);
}

static void unmap_pages(struct anon_split *a, unsigned long first, unsigned long nr)
{
	KUNIT_ASSERT_EQ(a->split.test, 0,
			vm_munmap(MAP_AT + (first << PAGE_SHIFT), nr << PAGE_SHIFT));
	bitmap_clear(a->mapped, first, nr);
	fxt_drain_lru();
}

static void prepare_anon_split(struct anon_split *a, unsigned int new_order, unsigned long at,
			       bool uniform)
{
	struct split *s = &a->split;

	s->new_order = new_order;
	s->at = at;
	s->uniform = uniform;
	fxt_read_ptes(a->mm, MAP_AT, a->nr, a->before);
	a->mapping = s->folio->mapping;
	prepare_split(s);
	/* The page tables knew, and tell the folio when they are parted from it. */
	s->flags |= BIT(PG_dirty);
}

static long anon_pages_of(struct mm_struct *mm)
{
	return percpu_counter_sum(&mm->rss_stat[MM_ANONPAGES]);
}

/*
 * What the page table said of a write is there still, or the folio says it: entries
 * of 32 bits have no room for it while the split has migration entries in them.
 */
static bool dirty_is_kept(const struct fxt_pte *was, const struct fxt_pte *is)
{
	if (FXA_KEPT & FXA_DIRTY || !was->dirty || is->dirty)
		return was->dirty == is->dirty;
	return is->page && folio_test_dirty(page_folio(is->page));
}

/* The page tables map what they mapped, as they did. */
static void expect_tables(struct anon_split *a, struct mm_struct *mm, bool pmd)
{
	struct kunit *test = a->split.test;
	unsigned long i;

	fxt_read_ptes(mm, MAP_AT, a->nr, a->after);
	for (i = 0; i < a->nr; i++) {
		const struct fxt_pte *was = &a->before[i], *is = &a->after[i];
		u32 word = 0;

		if (was->page == is->page && was->write == is->write &&
		    is->pmd == (pmd && was->pmd) && dirty_is_kept(was, is))
			continue;
		if (test_bit(i, a->zeroed) && is->page && page_folio(is->page) != a->held &&
		    !get_user(word, user_word(i)) && !word)
			continue;
		KUNIT_FAIL(test, "page %lu: %spage%s%s%s, not %s%s%s", i,
			   is->page == was->page ? "" : "other ", is->pmd ? " by PMD" : "",
			   is->write ? " writable" : "", is->dirty ? " dirty" : "",
			   was->pmd ? "by PMD" : "", was->write ? " writable" : "",
			   was->dirty ? " dirty" : "");
		return;
	}
}

static void expect_words(struct anon_split *a)
{
	unsigned long i;

	for (i = 0; i < a->nr; i++) {
		u32 word = 0;

		if (!test_bit(i, a->mapped))
			continue;
		KUNIT_EXPECT_EQ_MSG(a->split.test, 0, get_user(word, user_word(i)), "page %lu", i);
		if (word == (test_bit(i, a->zeroed) ? 0 : i + 1))
			continue;
		KUNIT_FAIL(a->split.test, "page %lu holds %u", i, word);
		return;
	}
}

static unsigned long mapped_of(struct split *s, unsigned long *mapped, unsigned int i)
{
	unsigned long first = s->want[i].index - s->index, n, pages = 0;

	for (n = 0; n < 1UL << s->want[i].order; n++)
		pages += test_bit(first + n, mapped);
	return pages;
}

/* All that must be true of the pieces of a folio that @mms address spaces map. */
static void expect_anon_pieces(struct anon_split *a, unsigned int mms)
{
	struct split *s = &a->split;
	struct kunit *test = s->test;
	unsigned long mapped = bitmap_weight(a->mapped, a->nr);
	long folios[HPAGE_PMD_ORDER + 1] = {}, freed = 0, counted = 0;
	unsigned long n;
	unsigned int i;

	expect_tables(a, a->mm, false);
	for (i = 0; i < s->nr; i++) {
		unsigned long pages = mapped_of(s, a->mapped, i);
		struct folio *piece = piece_of(s, i);

		/* What nobody maps is gone, unless the caller has it. */
		if (!pages && !piece_is_locked(s, i)) {
			freed += 1L << s->want[i].order;
			continue;
		}
		folios[s->want[i].order]++;
		/* Without mapcounts of pages a folio counts as mapped whole. */
		counted += pages && IS_ENABLED(CONFIG_NO_PAGE_MAPCOUNT) ?
			   1L << s->want[i].order : pages;
		if (!piece_is_right(s, i, pages * mms + piece_is_locked(s, i), true))
			return;
		KUNIT_EXPECT_EQ_MSG(test, pages * mms, folio_mapcount(piece), "piece %u", i);
		KUNIT_EXPECT_PTR_EQ_MSG(test, a->mapping, piece->mapping, "piece %u", i);
		if (pages && (mms > 1 || !IS_ENABLED(CONFIG_NO_PAGE_MAPCOUNT)))
			KUNIT_EXPECT_EQ_MSG(test, mms > 1, folio_maybe_mapped_shared(piece),
					    "piece %u", i);
		if (s->want[i].order > 1) {
			KUNIT_EXPECT_TRUE_MSG(test, list_empty(&piece->_deferred_list),
					      "piece %u is queued", i);
			KUNIT_EXPECT_FALSE_MSG(test, folio_test_partially_mapped(piece),
					       "piece %u", i);
		}
	}
	for (n = 0; n < a->nr; n++)
		if (test_bit(n, a->mapped))
			KUNIT_EXPECT_EQ_MSG(test, mms == 1,
					    PageAnonExclusive(folio_page(s->folio, n)),
					    "page %lu exclusive", n);
	for (i = 1; i <= HPAGE_PMD_ORDER; i++)
		KUNIT_EXPECT_EQ_MSG(test, folios[i], NR_FOLIOS(i) - a->folios[i],
				    "anonymous folios of order %u", i);
	expect_freed(s, freed);
	KUNIT_EXPECT_EQ(test, 0, NR_PARTIAL(s->order) - a->partial);
	KUNIT_EXPECT_EQ(test, mapped, anon_pages_of(a->mm));
	expect_node(test, s->folio, NR_ANON_MAPPED, a->anon_mapped + counted, "NR_ANON_MAPPED");
	expect_node(test, s->folio, NR_ANON_THPS, a->anon_thps, "NR_ANON_THPS");
	expect_words(a);
	KUNIT_EXPECT_FALSE(test, irqs_disabled());
}

static void hold_locked_piece(struct anon_split *a)
{
	struct split *s = &a->split;

	a->held = page_folio(folio_page(s->folio, s->uniform ? s->at : 0));
}

/* Unmaps all and expects that nothing is left of the folio. */
static void end_anon(struct anon_split *a)
{
	struct kunit *test = a->split.test;
	struct folio *held = a->held;
	unsigned int i;

	a->held = NULL;
	folio_unlock(held);
	folio_put(held);
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(MAP_AT, a->nr << PAGE_SHIFT));
	fxt_drain_lru();
	for (i = 1; i <= HPAGE_PMD_ORDER; i++)
		KUNIT_EXPECT_EQ_MSG(test, 0, NR_FOLIOS(i) - a->folios[i],
				    "anonymous folios of order %u at end", i);
	KUNIT_EXPECT_EQ(test, 0, NR_PARTIAL(fxt_order(test)) - a->partial);
	KUNIT_EXPECT_EQ(test, 0, anon_pages_of(a->mm));
}

static void split_anon_everywhere(struct kunit *test, bool uniform)
{
	struct anon_split *a = new_anon_split(test);
	unsigned int order = fxt_order(test), new_order, p, n = 0;
	unsigned long place[MAX_PLACES], nr = places_of(order, place);

	for (new_order = 0; new_order < order; new_order++) {
		for (p = 0; p < nr; p++) {
			bool pmd;

			if (new_order == 1 || (n++ && order > 5 && (p + new_order) % 4))
				continue;
			add_anon(a);
			pmd = a->before[0].pmd;
			KUNIT_ASSERT_EQ(test, order == HPAGE_PMD_ORDER, pmd);
			if (pmd && n & 1)
				map_by_ptes(a);
			if (n % 3)
				folio_set_workingset(a->held);
			prepare_anon_split(a, new_order, place[p], uniform);
			expect_split(&a->split, NULL, 0);
			hold_locked_piece(a);
			expect_anon_pieces(a, 1);
			if (split_failed(&a->split, "step", n))
				return;
			end_anon(a);
			if (split_failed(&a->split, "at the end of step", n))
				return;
		}
	}
}

static void split_page_to_order_anon(struct kunit *test)
{
	split_anon_everywhere(test, true);
}

static void folio_split_anon(struct kunit *test)
{
	split_anon_everywhere(test, false);
}

/*
 * A folio of which a part was unmapped waits in the queue of folios to split. The
 * split takes it from there and frees what nobody maps.
 */
static void folio_split_anon_partly_mapped(struct kunit *test)
{
	struct anon_split *a = new_anon_split(test);
	unsigned int order = fxt_order(test), n;
	const unsigned long nr = 1UL << order;
	const struct { unsigned long first, nr; } parts[] = {
		{ 0, 1 }, { nr - 1, 1 }, { 0, nr / 2 }, { nr / 2, nr / 2 }, { 1, nr - 1 },
		{ 0, nr - 1 }, { nr / 4, nr / 2 },
	};

	for (n = 0; n < 3 * ARRAY_SIZE(parts); n++) {
		unsigned long first = parts[n / 3].first, gone = parts[n / 3].nr;
		struct folio *folio = add_anon(a);
		unsigned int new_order = n & 1 ? 0 : order - 1;

		folio_unlock(folio);
		unmap_pages(a, first, gone - gone / 2);
		KUNIT_EXPECT_TRUE(test, folio_test_partially_mapped(folio));
		KUNIT_EXPECT_FALSE(test, list_empty(&folio->_deferred_list));
		/* Queued and counted once. */
		if (gone > 1)
			unmap_pages(a, first + gone - gone / 2, gone / 2);
		KUNIT_EXPECT_EQ(test, 1, NR_PARTIAL(order) - a->partial);
		KUNIT_EXPECT_EQ(test, 1, NR_DEFERRED(order) - a->deferred);
		folio_lock(folio);
		if (n % 3 != 2) {
			prepare_anon_split(a, new_order == 1 ? 0 : new_order,
					   n % 3 ? nr - 1 : nr / 2, n % 3);
			expect_split(&a->split, NULL, 0);
			hold_locked_piece(a);
			expect_anon_pieces(a, 1);
		}
		if (split_failed(&a->split, "part, way", n))
			return;
		/* Or it is freed, and that takes it from the queue. */
		end_anon(a);
		if (split_failed(&a->split, "freed, way", n))
			return;
	}
}

static void put_forked(void *mm)
{
	mmput(mm);
}

/* Parent and child both keep what they mapped, and share it as before. */
static void folio_split_anon_shared(struct kunit *test)
{
	struct anon_split *a = new_anon_split(test);
	unsigned int order = fxt_order(test), n;
	struct split *s = &a->split;

	for (n = 0; n < 4; n++) {
		struct folio *folio = add_anon(a);
		unsigned int new_order = n & 1 || order < 3 ? 0 : order - 1, i;
		struct mm_struct *child;

		if (a->before[0].pmd && n & 1)
			map_by_ptes(a);
		/* A pin would make fork copy; the case has only a reference. */
		folio_unlock(folio);
		child = fxt_dup_mm(current->mm);
		KUNIT_ASSERT_NOT_NULL(test, child);
		KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, put_forked, child));
		folio_lock(folio);
		prepare_anon_split(a, new_order, (1UL << order) - 1, n & 2);
		KUNIT_ASSERT_FALSE(test, a->before[0].write);
		expect_split(s, NULL, 0);
		hold_locked_piece(a);
		expect_anon_pieces(a, 2);
		expect_tables(a, child, false);
		KUNIT_EXPECT_EQ(test, a->nr, anon_pages_of(child));
		kunit_release_action(test, put_forked, child);
		for (i = 0; i < s->nr; i++) {
			KUNIT_EXPECT_EQ_MSG(test, 1UL << s->want[i].order,
					    folio_mapcount(piece_of(s, i)), "piece %u", i);
			if (!IS_ENABLED(CONFIG_NO_PAGE_MAPCOUNT))
				KUNIT_EXPECT_FALSE_MSG(test,
						       folio_maybe_mapped_shared(piece_of(s, i)),
						       "piece %u", i);
		}
		if (split_failed(s, "shared, way", n))
			return;
		end_anon(a);
	}
}

/* Zeroed pages are given back by a split to single pages, and by no other. */
static void folio_split_anon_zeroed(struct kunit *test)
{
	struct anon_split *a = new_anon_split(test);
	unsigned int order = fxt_order(test), n, i;
	struct split *s = &a->split;
	struct folio *folio;

	for (n = 0; n < 6; n++) {
		unsigned int new_order = n & 1 && order > 2 ? max(order / 2, 2u) : 0;
		bool mlocked = n >= 4;
		unsigned long kept = 0;

		bitmap_zero(a->zeroed, MAX_PIECES);
		for (i = 0; i < 1U << order; i++)
			if (i % 3 != 1)
				__set_bit(i, a->zeroed);
		folio = add_anon(a);
		/* What is locked in memory must not need a fault to be written. */
		if (mlocked)
			folio_set_mlocked(folio);
		prepare_anon_split(a, new_order, 1, n & 2);
		expect_split(s, NULL, 0);
		hold_locked_piece(a);
		fxt_read_ptes(a->mm, MAP_AT, a->nr, a->after);
		for (i = 0; i < s->nr; i++) {
			unsigned long first = s->want[i].index - s->index, page;
			struct folio *piece = piece_of(s, i);
			bool zeroed = !mlocked && !s->want[i].order &&
				      test_bit(first, a->zeroed);

			for (page = first; page < first + (1UL << s->want[i].order); page++)
				KUNIT_EXPECT_EQ_MSG(test, !zeroed, a->after[page].page ==
						    a->before[page].page, "page %lu", page);
			if (zeroed && !piece_is_locked(s, i))
				continue;
			if (!zeroed)
				kept += 1UL << s->want[i].order;
			KUNIT_EXPECT_EQ_MSG(test, zeroed ? 0 : 1UL << s->want[i].order,
					    folio_mapcount(piece), "piece %u", i);
			KUNIT_EXPECT_EQ_MSG(test, zeroed ? 1 : (1L << s->want[i].order) +
					    piece_is_locked(s, i), folio_ref_count(piece),
					    "piece %u", i);
		}
		KUNIT_EXPECT_EQ(test, kept, anon_pages_of(a->mm));
		for (i = 0; i < s->nr && mlocked; i++)
			folio_clear_mlocked(piece_of(s, i));
		expect_words(a);
		if (split_failed(s, "zeroed, way", n))
			return;
		end_anon(a);
		if (split_failed(s, "zeroed, at the end of way", n))
			return;
	}
}

static void change_flag(struct folio *folio, unsigned int bit, bool set)
{
	unsigned long *word = (unsigned long *)&folio->page.flags;

	if (set)
		set_bit(bit, word);
	else
		clear_bit(bit, word);
}

/* What may be split to what; and a refusal changes nothing. */
static void folio_split_anon_refused(struct kunit *test)
{
	struct anon_split *a = new_anon_split(test);
	unsigned int order = fxt_order(test), n, new_order;
	struct split *s = &a->split;

	for (n = 0; n < 8; n++) {
		struct folio *folio = add_anon(a);
		int want = -EAGAIN;

		KUNIT_EXPECT_EQ(test, 0, min_order_for_split(folio));
		for (new_order = 0; new_order < order; new_order++) {
			KUNIT_EXPECT_EQ(test, new_order == 1 ? -EINVAL : 0,
					folio_check_splittable(folio, new_order,
							       SPLIT_TYPE_UNIFORM));
			KUNIT_EXPECT_EQ(test, new_order == 1 ? -EINVAL : 0,
					folio_check_splittable(folio, new_order,
							       SPLIT_TYPE_NON_UNIFORM));
		}
		change_flag(folio, PG_swapcache, true);
		KUNIT_EXPECT_EQ(test, 0, folio_check_splittable(folio, 0, SPLIT_TYPE_UNIFORM));
		KUNIT_EXPECT_EQ(test, -EINVAL,
				folio_check_splittable(folio, 0, SPLIT_TYPE_NON_UNIFORM));
		if (order > 2)
			KUNIT_EXPECT_EQ(test, -EINVAL,
					folio_check_splittable(folio, order - 1,
							       SPLIT_TYPE_UNIFORM));
		change_flag(folio, PG_swapcache, false);
		prepare_anon_split(a, n / 2 == 1 ? order : 0, a->nr - 1, n & 1);
		switch (n / 2) {
		case 0:
			folio_get(folio);
			break;
		case 1:
			want = -EINVAL;
			break;
		case 2:
			change_flag(folio, PG_writeback, true);
			want = -EBUSY;
			break;
		case 3:		/* Nobody maps it any more. */
			folio_unlock(folio);
			unmap_pages(a, 0, a->nr);
			folio_lock(folio);
			fxt_read_ptes(a->mm, MAP_AT, a->nr, a->before);
			want = -EBUSY;
			break;
		}
		expect_split(s, NULL, want);
		if (n / 2 == 0)
			folio_put(folio);
		if (n / 2 == 2)
			change_flag(folio, PG_writeback, false);
		KUNIT_EXPECT_EQ(test, order, folio_order(folio));
		KUNIT_EXPECT_TRUE(test, folio_test_locked(folio));
		KUNIT_EXPECT_EQ(test, folio_mapcount(folio) + 1, folio_ref_count(folio));
		expect_tables(a, a->mm, true);
		expect_words(a);
		KUNIT_EXPECT_EQ(test, bitmap_weight(a->mapped, a->nr), anon_pages_of(a->mm));
		if (split_failed(s, "refused, way", n))
			return;
		end_anon(a);
	}
}

/* The queue by itself: what is put there, counted once, and when it leaves. */
static void deferred_split_folio_queues(struct kunit *test)
{
	struct anon_split *a = new_anon_split(test);
	unsigned int order = fxt_order(test), i;
	long events = vm_event(THP_DEFERRED_SPLIT_PAGE);
	struct folio *folio = add_anon(a);

	/* A large enough folio may be queued by its first fault, not as partly mapped. */
	KUNIT_EXPECT_FALSE(test, folio_test_partially_mapped(folio));
	KUNIT_EXPECT_EQ(test, 0, NR_PARTIAL(order) - a->partial);
	change_flag(folio, PG_swapcache, true);
	queue_folio(folio);
	change_flag(folio, PG_swapcache, false);
	KUNIT_EXPECT_FALSE(test, folio_test_partially_mapped(folio));
	KUNIT_EXPECT_EQ(test, 0, NR_DEFERRED(order) - a->deferred);
	for (i = 0; i < 2; i++) {
		queue_folio(folio);
		KUNIT_EXPECT_TRUE_MSG(test, folio_test_partially_mapped(folio), "call %u", i);
		KUNIT_EXPECT_FALSE_MSG(test, list_empty(&folio->_deferred_list), "call %u", i);
		KUNIT_EXPECT_EQ_MSG(test, 1, NR_PARTIAL(order) - a->partial, "call %u", i);
		KUNIT_EXPECT_EQ_MSG(test, 1, NR_DEFERRED(order) - a->deferred, "call %u", i);
		KUNIT_EXPECT_EQ_MSG(test, order == HPAGE_PMD_ORDER &&
				    IS_ENABLED(CONFIG_VM_EVENT_COUNTERS),
				    vm_event(THP_DEFERRED_SPLIT_PAGE) - events, "call %u", i);
	}
	/* A split that is refused leaves it there. */
	folio_get(folio);
	prepare_anon_split(a, 0, 0, true);
	expect_split(&a->split, NULL, -EAGAIN);
	folio_put(folio);
	KUNIT_EXPECT_TRUE(test, folio_test_partially_mapped(folio));
	KUNIT_EXPECT_FALSE(test, list_empty(&folio->_deferred_list));
	KUNIT_EXPECT_EQ(test, 1, NR_PARTIAL(order) - a->partial);
	end_anon(a);
}

static struct kunit_case split_anon_cases[] = {
	KUNIT_CASE_PARAM(split_page_to_order_anon, order_gen_params),
	KUNIT_CASE_PARAM(folio_split_anon, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(folio_split_anon_partly_mapped, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(folio_split_anon_shared, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(folio_split_anon_zeroed, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(folio_split_anon_refused, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(deferred_split_folio_queues, order_gen_params),
	{}
};

static struct kunit_suite split_anon_suite = {
	.name = "mm_split_anon",
	.init = start_split_case,
	.test_cases = split_anon_cases,
};

kunit_test_suite(split_anon_suite);

MODULE_DESCRIPTION("KUnit suite of splitting anonymous folios");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
