// SPDX-License-Identifier: GPL-2.0
/*
 * mm_split: splitting a large folio of a file's page cache, in both ways and to
 * every order. split_model.h tells what each piece must be.
 */
#include <linux/backing-dev.h>
#include <linux/falloc.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/uaccess.h>

#include "split_model.h"

#define MAP_AT	ALIGN_DOWN(TASK_SIZE / 4, PMD_SIZE)

KUNIT_ARRAY_PARAM_DESC(order, split_orders, desc);

static const xa_mark_t marks[] = {
	PAGECACHE_TAG_DIRTY, PAGECACHE_TAG_WRITEBACK, PAGECACHE_TAG_TOWRITE,
};

/**
 * struct file_split - a split of a folio of a fixture's file
 * @split: the split
 * @fx: the file
 * @index: page index of the folio
 * @marks: which of marks[] the folio had
 * @file_pages: NR_FILE_PAGES before
 * @thps: NR_FILE_THPS before, without the folio
 * @dirty: NR_FILE_DIRTY before
 */
struct file_split {
	struct split split;
	struct folio_fixture *fx;
	pgoff_t index;
	bool marks[ARRAY_SIZE(marks)];
	long file_pages, thps, dirty;
};

/* A case that ends early leaves a piece locked, and the teardown would wait for it. */
static void unlock_pieces(void *data)
{
	struct file_split *f = data;
	struct folio *folio;
	unsigned long index;

	xa_for_each(&fxt_mapping(f->fx)->i_pages, index, folio) {
		if (xa_is_value(folio) || !folio_test_locked(folio))
			continue;
		folio_unlock(folio);
		folio_put(folio);
	}
}

static struct file_split *new_file_split(struct kunit *test, unsigned int min_order)
{
	struct file_split *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->fx = fxt_create(test, min_order, MAX_PAGECACHE_ORDER);
	f->index = FIRST + 512;
	f->split.test = test;
	f->split.poisoned = NO_PAGE;
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, unlock_pieces, f));
	/* Dirty pages are accounted only where somebody could write them back. */
	KUNIT_ASSERT_EQ(test, 0, super_setup_bdi(f->fx->inode.i_sb));
	return f;
}

/* The file's folio and two small neighbours, the folio locked and with a reference. */
static struct folio *add_folio(struct file_split *f, unsigned int state)
{
	struct kunit *test = f->split.test;
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = f->fx;
	pgoff_t index = f->index;
	struct folio *folio;

	fxt_add_folio(fx, index - 1, 0, state);
	fxt_add_folio(fx, index + (1UL << order), 0, state);
	fxt_drain_lru();
	f->thps = fxt_sum_node_stat(NR_FILE_THPS);
	folio = fxt_add_folio(fx, index, order, state);
	folio_get(folio);
	folio_lock(folio);
	f->split.folio = folio;
	KUNIT_ASSERT_EQ(test, order, folio_order(folio));
	KUNIT_ASSERT_TRUE(test, folio_test_lru(folio));
	fxt_forget_calls(fx);
	return folio;
}

static void set_towrite(struct file_split *f)
{
	struct xarray *xa = &fxt_mapping(f->fx)->i_pages;

	xa_lock_irq(xa);
	__xa_set_mark(xa, f->split.folio->index, PAGECACHE_TAG_TOWRITE);
	xa_unlock_irq(xa);
}

static void prepare_file_split(struct file_split *f, unsigned int new_order, unsigned long at,
			       bool uniform)
{
	struct split *s = &f->split;
	unsigned int i;

	s->new_order = new_order;
	s->at = at;
	s->uniform = uniform;
	prepare_split(s);
	for (i = 0; i < ARRAY_SIZE(marks); i++)
		f->marks[i] = xa_get_mark(&fxt_mapping(f->fx)->i_pages, s->index, marks[i]);
	f->file_pages = fxt_sum_node_stat(NR_FILE_PAGES);
	f->dirty = fxt_sum_node_stat(NR_FILE_DIRTY);
}

static bool page_is_cached(struct file_split *f, unsigned int i, pgoff_t end)
{
	return !i || f->split.want[i].index < end;
}

/* The piece is found at each of its indexes, in an entry of its order, with its marks. */
static bool entry_is_right(struct file_split *f, unsigned int i)
{
	struct xarray *xa = &fxt_mapping(f->fx)->i_pages;
	const struct fxt_range *want = &f->split.want[i];
	struct folio *piece = piece_of(&f->split, i);
	pgoff_t index, last = want->index + (1UL << want->order) - 1;
	unsigned int m;

	for (index = want->index; index <= last; index++) {
		if (xa_load(xa, index) != piece || xa_get_order(xa, index) != want->order) {
			KUNIT_FAIL(f->split.test, "index %lu: entry of order %d, not of piece %u",
				   index, xa_get_order(xa, index), i);
			return false;
		}
		for (m = 0; m < ARRAY_SIZE(marks); m++) {
			if (xa_get_mark(xa, index, marks[m]) == f->marks[m])
				continue;
			KUNIT_FAIL(f->split.test, "index %lu: mark %u is %d", index,
				   (__force unsigned int)marks[m], !f->marks[m]);
			return false;
		}
	}
	return true;
}

/*
 * The page cache holds the pieces that begin before page @end, or the whole folio
 * when nothing was split, and the caller's lock and reference are where they belong.
 */
static void expect_pieces(struct file_split *f, pgoff_t end, bool lru)
{
	struct folio_fixture *fx = f->fx;
	struct split *s = &f->split;
	unsigned long cached = 2;
	long freed = 0;
	unsigned int i;

	for (i = 0; i < s->nr; i++) {
		unsigned long nr = 1UL << s->want[i].order;

		if (!page_is_cached(f, i, end)) {
			freed += piece_is_locked(s, i) ? 0 : nr;
			continue;
		}
		cached += nr;
		/* An isolated piece has the reference of whoever isolated it. */
		if (!piece_is_right(s, i, nr + (!lru || piece_is_locked(s, i)), lru) ||
		    !entry_is_right(f, i))
			return;
		KUNIT_EXPECT_PTR_EQ_MSG(s->test, fxt_mapping(fx), piece_of(s, i)->mapping,
					"piece %u", i);
	}
	KUNIT_EXPECT_EQ(s->test, cached, fxt_mapping(fx)->nrpages);
	expect_freed(s, freed);
	expect_node(s->test, s->folio, NR_FILE_PAGES,
		    f->file_pages - ((1L << s->order) + 2 - cached), "NR_FILE_PAGES");
	expect_node(s->test, s->folio, NR_FILE_THPS,
		    f->thps + (s->nr == 1 && s->order == HPAGE_PMD_ORDER ? HPAGE_PMD_NR : 0),
		    "NR_FILE_THPS");
	expect_node(s->test, s->folio, NR_FILE_DIRTY,
		    f->dirty - (s->flags & BIT(PG_dirty) ?
				(1L << s->order) + 2 - (long)cached : 0), "NR_FILE_DIRTY");
	KUNIT_EXPECT_EQ_MSG(s->test, s->flags & BIT(PG_dirty) ? cached : 0,
			    percpu_counter_sum(&inode_to_bdi(&fx->inode)->wb.stat[WB_RECLAIMABLE]),
			    "WB_RECLAIMABLE");
	KUNIT_EXPECT_FALSE(s->test, irqs_disabled());
}

/* A refusal leaves everything as it was. */
static void expect_refused(struct file_split *f, int error)
{
	struct split *s = &f->split;

	expect_split(s, NULL, error);
	s->nr = 1;
	s->want[0] = (struct fxt_range){ s->index, s->order };
	expect_pieces(f, ULONG_MAX, true);
}

/* Gives back what the caller has and begins anew. */
static void end_split(struct file_split *f, struct folio *locked)
{
	folio_unlock(locked);
	folio_put(locked);
	start_over(f->fx);
}

static struct folio *locked_piece(struct split *s)
{
	return page_folio(folio_page(s->folio, s->uniform ? s->at : 0));
}

/* Both ways, to each order, at each place: every result of a plain split. */
static void split_everywhere(struct kunit *test, bool uniform)
{
	struct file_split *f = new_file_split(test, 0);
	unsigned int order = fxt_order(test), new_order, p, n = 0;
	unsigned long place[MAX_PLACES], nr = places_of(order, place);

	for (new_order = 0; new_order < order; new_order++) {
		for (p = 0; p < nr; p++) {
			unsigned int state = n % 3 ? FXT_DIRTY : 0;

			/* Of large folios, some of the places; the first two always. */
			if (n++ && order > 6 && p > 1 && (p + new_order) % 4)
				continue;
			add_folio(f, state);
			if (n % 3 == 2)
				set_towrite(f);
			prepare_file_split(f, new_order, place[p], uniform);
			expect_split(&f->split, NULL, 0);
			expect_pieces(f, ULONG_MAX, true);
			fxt_expect_consistent(f->fx);
			if (!p)
				fxt_expect_stamped(f->fx, FXT_POS(f->split.index - 1),
						   FXT_POS(f->split.index + (1UL << order) + 1));
			if (split_failed(&f->split, "state", state))
				return;
			end_split(f, locked_piece(&f->split));
		}
	}
}

static void split_page_to_order_uniform(struct kunit *test)
{
	split_everywhere(test, true);
}

static void folio_split_non_uniform(struct kunit *test)
{
	split_everywhere(test, false);
}

/* Splits what a split left, until nothing large is left. */
static void folio_split_again_and_again(struct kunit *test)
{
	struct file_split *f = new_file_split(test, 0);
	unsigned int order = fxt_order(test), step;
	u64 seed = fxt_seed(test);
	struct rnd_state rnd;
	struct folio *folio;

	prandom_seed_state(&rnd, seed);
	/* Far enough in the file that an index cut to 32 bits is another one. */
	f->index = FXT_FAR + 512;
	i_size_write(&f->fx->inode, FXT_POS(f->index + 1024));
	folio = add_folio(f, FXT_DIRTY);
	folio_unlock(folio);
	folio_put(folio);
	for (step = 0; step < 40; step++) {
		pgoff_t index = f->index + prandom_u32_state(&rnd) % (1UL << order);
		struct split *s = &f->split;
		unsigned int i;

		folio = filemap_lock_folio(fxt_mapping(f->fx), index);
		KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
		if (!folio_test_large(folio)) {
			folio_unlock(folio);
			folio_put(folio);
			continue;
		}
		s->folio = folio;
		prepare_file_split(f, prandom_u32_state(&rnd) % folio_order(folio),
				   index - folio->index, prandom_u32_state(&rnd) & 1);
		expect_split(s, NULL, 0);
		for (i = 0; i < s->nr; i++)
			if (!piece_is_right(s, i, (1L << s->want[i].order) +
					    piece_is_locked(s, i), true) ||
			    !entry_is_right(f, i))
				break;
		fxt_expect_consistent(f->fx);
		folio = locked_piece(s);
		folio_unlock(folio);
		folio_put(folio);
		if (split_failed(s, "step", step))
			return;
	}
	fxt_expect_stamped(f->fx, FXT_POS(f->index - 1),
			   FXT_POS(f->index + 1 + (1UL << order)));
	expect_folios(f->fx, true);
}

/* What a folio may be, beyond clean or dirty, that each of its pieces then is. */
static const struct flag_param {
	char desc[16];
	unsigned long flags;	/* set while the folio is split */
	unsigned int state;
	bool active, unevictable;
} flag_params[] = {
	{ "plain" },
	{ "not uptodate", .state = FXT_NOT_UPTODATE },
	{ "dirty", .state = FXT_DIRTY },
	{ "referenced", BIT(PG_referenced) },
	{ "workingset", BIT(PG_workingset) },
	{ "mlocked", BIT(PG_mlocked) },
	{ "dropbehind", COMPAT_DROPBEHIND },
	{ "active", .active = true },
	{ "unevictable", .unevictable = true },
	{ "all", BIT(PG_referenced) | BIT(PG_workingset) | BIT(PG_mlocked) | COMPAT_DROPBEHIND,
	  FXT_DIRTY, true },
};

static void change_flags(struct folio *folio, unsigned long flags, bool set)
{
	unsigned long *word = (unsigned long *)&folio->page.flags;
	unsigned int bit;

	for_each_set_bit(bit, &flags, BITS_PER_LONG)
		if (set)
			set_bit(bit, word);
		else
			clear_bit(bit, word);
}

static long lru_counter(struct folio *folio, enum lru_list lru)
{
	return fxt_sum_node_stat(NR_LRU_BASE + lru);
}

static void folio_split_keeps_flags(struct kunit *test)
{
	struct file_split *f = new_file_split(test, 0);
	unsigned int order = fxt_order(test), n, i;
	struct split *s = &f->split;

	for (n = 0; n < 2 * ARRAY_SIZE(flag_params); n++) {
		const struct flag_param *param = &flag_params[n / 2];
		unsigned int new_order = (n / 2) % order;
		long active, unevictable;
		struct folio *folio;

		if (param->unevictable)
			mapping_set_unevictable(fxt_mapping(f->fx));
		folio = add_folio(f, param->state);
		if (param->active) {
			KUNIT_ASSERT_TRUE(test, folio_isolate_lru(folio));
			folio_set_active(folio);
			folio_putback_lru(folio);
			fxt_drain_lru();
			KUNIT_ASSERT_TRUE(test, folio_test_active(folio));
		}
		KUNIT_ASSERT_EQ(test, param->unevictable, folio_test_unevictable(folio));
		change_flags(folio, param->flags, true);
		active = lru_counter(folio, LRU_ACTIVE_FILE);
		unevictable = lru_counter(folio, LRU_UNEVICTABLE);
		prepare_file_split(f, new_order, (1UL << order) - 1, n & 1);
		expect_split(s, NULL, 0);
		expect_pieces(f, ULONG_MAX, true);
		expect_node(test, folio, NR_LRU_BASE + LRU_ACTIVE_FILE, active, "active");
		expect_node(test, folio, NR_LRU_BASE + LRU_UNEVICTABLE, unevictable, "unevictable");
		for (i = 0; i < s->nr; i++)
			change_flags(piece_of(s, i), param->flags, false);
		if (split_failed(s, param->desc, n))
			return;
		end_split(f, locked_piece(s));
		mapping_clear_unevictable(fxt_mapping(f->fx));
		/* Each piece was on the list that its flags say. */
		expect_node(test, folio, NR_LRU_BASE + LRU_ACTIVE_FILE,
			    active - (param->active ? 1L << order : 0), "active, then freed");
		expect_node(test, folio, NR_LRU_BASE + LRU_UNEVICTABLE,
			    unevictable - (param->unevictable ? (1L << order) + 2 : 0),
			    "unevictable, then freed");
		if (split_failed(s, param->desc, n))
			return;
	}
}

static void clear_poison(void *page)
{
	ClearPageHWPoison((struct page *)page);
}

/* Only the poisoned page is poisoned after, and the large piece that holds it says so. */
static void folio_split_poisoned(struct kunit *test)
{
	struct file_split *f = new_file_split(test, 0);
	unsigned int order = fxt_order(test), n, k, new_order;
	unsigned long place[MAX_PLACES], nr = places_of(order, place);
	struct split *s = &f->split;

	if (!IS_ENABLED(CONFIG_MEMORY_FAILURE))
		kunit_skip(test, "needs CONFIG_MEMORY_FAILURE");
	for (n = 0; n < min(nr, 8UL); n++) {
		for (k = 0; k < 6; k++) {
			struct page *page;
			unsigned int i;

			new_order = (k / 2 == 0 ? 0 : k / 2 == 1 ? order - 1 : order / 2);
			add_folio(f, 0);
			/* The folio is split at the bad page, or far from it. */
			s->poisoned = place[n];
			page = folio_page(s->folio, s->poisoned);
			SetPageHWPoison(page);
			folio_set_has_hwpoisoned(s->folio);
			KUNIT_ASSERT_EQ(test, 0,
					kunit_add_action_or_reset(test, clear_poison, page));
			prepare_file_split(f, new_order, n % 3 ? place[n] : place[nr - 1 - n],
					   k & 1);
			s->flags &= ~__PG_HWPOISON;
			expect_split(s, NULL, 0);
			expect_pieces(f, ULONG_MAX, true);
			kunit_release_action(test, clear_poison, page);
			for (i = 0; i < s->nr; i++)
				if (folio_test_large(piece_of(s, i)))
					folio_clear_has_hwpoisoned(piece_of(s, i));
			if (split_failed(s, "poisoned page", s->poisoned))
				return;
			end_split(f, locked_piece(s));
			s->poisoned = NO_PAGE;
		}
	}
}

/* The filesystem is asked to let go of its data, and may refuse. */
static void folio_split_private(struct kunit *test)
{
	struct file_split *f = new_file_split(test, 0);
	unsigned int order = fxt_order(test), n;
	struct split *s = &f->split;

	for (n = 0; n < 4; n++) {
		bool refuse = n & 2;
		const struct fxt_call *call;
		struct folio *folio;

		folio = add_folio(f, FXT_PRIVATE | FXT_DIRTY);
		f->fx->refuse_release = refuse;
		prepare_file_split(f, 0, (1UL << order) - 1, n & 1);
		expect_split(s, NULL, refuse ? -EBUSY : 0);
		f->fx->refuse_release = false;
		KUNIT_EXPECT_EQ(test, 1, fxt_count_calls(f->fx, FXT_RELEASE_FOLIO));
		call = fxt_find_call(f->fx, FXT_RELEASE_FOLIO, s->index);
		KUNIT_EXPECT_TRUE(test, call && call->order == order);
		if (refuse) {
			KUNIT_EXPECT_TRUE(test, folio_test_private(folio));
			KUNIT_EXPECT_TRUE(test, folio_test_locked(folio));
			KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
			KUNIT_EXPECT_EQ(test, order, folio_order(folio));
			KUNIT_EXPECT_EQ(test, (1L << order) + 2, folio_ref_count(folio));
			folio_detach_private(folio);
		} else {
			expect_pieces(f, ULONG_MAX, true);
		}
		if (split_failed(s, "refused", refuse))
			return;
		end_split(f, refuse ? folio : locked_piece(s));
	}
}

/* Who isolated the folio gets the other pieces on his list, in order. */
static void folio_split_to_list(struct kunit *test)
{
	struct file_split *f = new_file_split(test, 0);
	unsigned int order = fxt_order(test), n;
	struct split *s = &f->split;

	for (n = 0; n < 2 * order; n++) {
		struct folio *folio = add_folio(f, n & 2 ? FXT_DIRTY : 0), *piece, *next;
		unsigned int i = 1, lists = n & 1;
		LIST_HEAD(list);

		KUNIT_ASSERT_TRUE(test, folio_isolate_lru(folio));
		/* The isolation's reference is the caller's, as in reclaim. */
		folio_put(folio);
		prepare_file_split(f, n / 2, 0, lists);
		expect_split(s, &list, 0);
		expect_pieces(f, ULONG_MAX, false);
		list_for_each_entry_safe(piece, next, &list, lru) {
			if (i >= s->nr)
				KUNIT_FAIL(test, "more than %u pieces on the list", s->nr - 1);
			else
				KUNIT_EXPECT_PTR_EQ_MSG(test, piece_of(s, i), piece, "piece %u", i);
			list_del(&piece->lru);
			folio_putback_lru(piece);
			i++;
		}
		KUNIT_EXPECT_EQ(test, s->nr, i);
		folio_unlock(folio);
		folio_putback_lru(folio);
		expect_folios(f->fx, n & 2);
		if (split_failed(s, "list", n))
			return;
		start_over(f->fx);
	}
}

/* Why a split is refused. */
enum refusal {
	SAME_ORDER, HIGHER_ORDER, WRITEBACK, HELD, HELD_MAPPED, PINNED, NOT_OF_FOLIO, NR_REFUSALS
};

static const struct {
	const char *desc;
	int error;
} refusals[NR_REFUSALS] = {
	[SAME_ORDER] = { "same order", -EINVAL },
	[HIGHER_ORDER] = { "higher order", -EINVAL },
	[WRITEBACK] = { "writeback", -EBUSY },
	[HELD] = { "held", -EAGAIN },
	[HELD_MAPPED] = { "held and mapped", -EAGAIN },
	[PINNED] = { "pinned", -EAGAIN },
	[NOT_OF_FOLIO] = { "not a page of it", -EINVAL },
};

static void folio_split_refused(struct kunit *test)
{
	struct file_split *f = new_file_split(test, 0);
	unsigned int order = fxt_order(test), n;
	struct split *s = &f->split;
	const unsigned long nr = 1UL << order;

	fxt_switch_mm(fxt_new_mm(test));
	for (n = 0; n < 2 * NR_REFUSALS; n++) {
		enum refusal why = n / 2;
		struct fxt_walk walk = {};
		struct folio *folio;

		/* A page of another folio can only be told of to folio_split(). */
		if (why == NOT_OF_FOLIO && n & 1)
			continue;
		folio = add_folio(f, FXT_DIRTY);
		if (why == HELD_MAPPED) {
			folio_unlock(folio);
			fxt_mmap(f->fx, MAP_AT, folio->index, nr, PROT_READ, MAP_SHARED);
			fxt_touch(test, MAP_AT, nr, false);
			folio_lock(folio);
			walk = fxt_walk_mm(current->mm, MAP_AT, nr, folio);
			KUNIT_ASSERT_EQ(test, nr, walk.ptes + walk.pmds * nr);
		}
		if (why == WRITEBACK)
			folio_start_writeback(folio);
		prepare_file_split(f, why == SAME_ORDER ? order :
				   why == HIGHER_ORDER ? order + 1 : n % order, nr - 1, n & 1);
		if (why == NOT_OF_FOLIO)
			s->at = nr;
		if (why == HELD || why == HELD_MAPPED)
			folio_get(folio);
		if (why == PINNED)
			folio_ref_add(folio, GUP_PIN_COUNTING_BIAS);
		if (why == NOT_OF_FOLIO) {
			struct folio *next = filemap_get_folio(fxt_mapping(f->fx), s->index + nr);

			KUNIT_ASSERT_FALSE(test, IS_ERR(next));
#ifdef HAS_SPLIT_EXPORTS
			KUNIT_EXPECT_EQ(test, -EINVAL, folio_split(folio, 0, &next->page, NULL));
#endif
			folio_put(next);
			s->failed++;
			s->pmd_failed += order == HPAGE_PMD_ORDER;
			s->new_order = order;
			s->at = 0;
		}
		expect_split(s, NULL, refusals[why].error);
		if (why == HELD || why == HELD_MAPPED)
			folio_put(folio);
		if (why == PINNED)
			folio_ref_sub(folio, GUP_PIN_COUNTING_BIAS);
		if (why == HELD_MAPPED) {
			struct fxt_walk now = fxt_walk_mm(current->mm, MAP_AT, nr, folio);

			KUNIT_EXPECT_EQ(test, walk.ptes, now.ptes);
			KUNIT_EXPECT_EQ(test, walk.pmds, now.pmds);
			KUNIT_EXPECT_EQ(test, now.ptes + now.pmds, folio_mapcount(folio));
			folio_unlock(folio);
			KUNIT_ASSERT_EQ(test, 0, vm_munmap(MAP_AT, nr << PAGE_SHIFT));
			folio_lock(folio);
			fxt_drain_lru();
			/* The munmap saw that user space had used it. */
			folio_clear_referenced(folio);
		}
		s->nr = 1;
		s->want[0] = (struct fxt_range){ s->index, s->order };
		s->at = 0;
		expect_pieces(f, ULONG_MAX, true);
		if (why == WRITEBACK)
			folio_end_writeback(folio);
		if (split_failed(s, refusals[why].desc, n))
			return;
		end_split(f, folio);
	}
}

/* Nothing gets smaller than the mapping allows, and all down to that does split. */
static void folio_split_min_order(struct kunit *test)
{
	unsigned int order = fxt_order(test), min_order, new_order, uniform;
	struct file_split *f = new_file_split(test, 0);
	struct split *s = &f->split;
	struct folio *folio;

	for (min_order = 1; min_order < order; min_order += order > 4 ? 2 : 1) {
		for (new_order = max(min_order, 2u) - 2; new_order <= min_order; new_order++) {
			for (uniform = 0; uniform < 2; uniform++) {
				folio = add_folio(f, FXT_DIRTY);
				/* The neighbours need no more. */
				mapping_set_folio_order_range(fxt_mapping(f->fx), min_order,
							      MAX_PAGECACHE_ORDER);
#ifdef HAS_SPLIT_EXPORTS
				KUNIT_EXPECT_EQ(test, min_order, min_order_for_split(folio));
#endif
				prepare_file_split(f, new_order, 1UL << (order - 1), uniform);
				if (new_order < min_order) {
					expect_refused(f, -EINVAL);
				} else {
					expect_split(s, NULL, 0);
					expect_pieces(f, ULONG_MAX, true);
					folio = locked_piece(s);
				}
				if (split_failed(s, "min order", min_order))
					return;
				mapping_set_folio_order_range(fxt_mapping(f->fx), 0,
							      MAX_PAGECACHE_ORDER);
				end_split(f, folio);
			}
		}
	}
}

/* A folio that was truncated when its lock was taken. */
static void folio_split_truncated(struct kunit *test)
{
	struct file_split *f = new_file_split(test, 0);
	struct split *s = &f->split;
	unsigned int uniform;

	for (uniform = 0; uniform < 2; uniform++) {
		struct folio *folio = add_folio(f, 0);

		folio_unlock(folio);
		start_over(f->fx);
		folio_lock(folio);
		KUNIT_ASSERT_NULL(test, folio->mapping);
		s->uniform = uniform;
		s->new_order = 0;
		prepare_split(s);
#ifdef HAS_SPLIT_EXPORTS
		KUNIT_EXPECT_EQ(test, 0, min_order_for_split(folio));
		KUNIT_EXPECT_EQ(test, -EBUSY,
				folio_check_splittable(folio, 0, SPLIT_TYPE_UNIFORM));
#endif
		expect_split(s, NULL, -EBUSY);
		KUNIT_EXPECT_EQ(test, s->order, folio_order(folio));
		KUNIT_EXPECT_EQ(test, 1, folio_ref_count(folio));
		KUNIT_EXPECT_TRUE(test, folio_test_locked(folio));
		folio_unlock(folio);
		folio_put(folio);
		if (split_failed(s, "truncated", 0))
			return;
	}
}

/*
 * Pieces that begin past EOF leave the page cache, but never the first one. Who
 * has one of them locked keeps it, removed as a truncate would.
 */
static void folio_split_past_eof(struct kunit *test)
{
	struct file_split *f = new_file_split(test, 0);
	unsigned int order = fxt_order(test), n = 0, i;
	const unsigned long nr = 1UL << order;
	struct split *s = &f->split;
	unsigned int new_order;
	loff_t edge[MAX_EDGES];
	unsigned int edges = folio_edges(order, edge);

	for (i = 0; i < edges; i++) {
		for (new_order = 0; new_order < order; new_order += order > 4 ? 3 : 1) {
			unsigned int state = n & 1 ? FXT_DIRTY : 0, k;
			bool uniform = n / 2 & 1;
			struct folio *folio = add_folio(f, state), *locked;
			pgoff_t end;

			/* At the end, as truncate does, or far from it. */
			prepare_file_split(f, new_order, n % 5 == 4 ? nr - 1 :
					   min(edge[i] >> PAGE_SHIFT, (loff_t)nr - 1), uniform);
			i_size_write(&f->fx->inode, FXT_POS(s->index) + edge[i]);
			end = DIV_ROUND_UP(i_size_read(&f->fx->inode), PAGE_SIZE);
			expect_split(s, NULL, 0);
			expect_pieces(f, end, true);
			fxt_expect_stamped(f->fx, FXT_POS(s->index - 1),
					   FXT_POS(s->index + 1));
			locked = locked_piece(s);
			for (k = 0; k < s->nr; k++) {
				if (page_is_cached(f, k, end))
					continue;
				expect_empty(f->fx, s->want[k].index,
					     s->want[k].index + (1UL << s->want[k].order));
				if (piece_of(s, k) != locked)
					continue;
				KUNIT_EXPECT_NULL(test, locked->mapping);
				KUNIT_EXPECT_FALSE(test, folio_test_dirty(locked));
				KUNIT_EXPECT_TRUE(test, folio_test_locked(locked));
				KUNIT_EXPECT_EQ(test, 1, folio_ref_count(locked));
				KUNIT_EXPECT_EQ(test, s->want[k].order, folio_order(locked));
			}
			n++;
			if (split_failed(s, "i_size at byte", edge[i]))
				return;
			end_split(f, locked);
			expect_node(test, folio, NR_FILE_DIRTY,
				    f->dirty - (state ? (long)nr + 2 : 0), "NR_FILE_DIRTY at end");
		}
	}
}

static long file_pages_of(struct mm_struct *mm)
{
	return percpu_counter_sum(&mm->rss_stat[MM_FILEPAGES]);
}

/*
 * A mapped folio is mapped by nobody after, dirty where a page table said so, and
 * comes back with the next fault, page by page at the same address.
 */
static void folio_split_mapped(struct kunit *test)
{
	struct file_split *f = new_file_split(test, 0);
	unsigned int order = fxt_order(test), n, i, m;
	const unsigned long nr = 1UL << order;
	struct mm_struct *mm[] = { fxt_new_mm(test), fxt_new_mm(test) };
	struct fxt_pte *ptes = kunit_kcalloc(test, nr, sizeof(*ptes), GFP_KERNEL);
	struct split *s = &f->split;

	KUNIT_ASSERT_NOT_NULL(test, ptes);
	for (n = 0; n < 8; n++) {
		/* One of the mappings is at an odd address, mapped by PTEs. */
		unsigned long addr[] = { MAP_AT, MAP_AT + (n & 1) * PAGE_SIZE };
		unsigned long part = n & 4 ? max(nr / 4, 1UL) : nr, first = nr - part;
		struct folio *folio = add_folio(f, 0), *locked;

		folio_unlock(folio);
		for (m = 0; m < 2; m++) {
			fxt_switch_mm(mm[m]);
			fxt_mmap(f->fx, addr[m], folio->index, nr, PROT_READ | PROT_WRITE,
				 MAP_SHARED);
			fxt_touch(test, addr[m] + (first << PAGE_SHIFT), part, m && n & 2);
		}
		KUNIT_ASSERT_TRUE(test, folio_mapped(folio));
		fxt_drain_lru();
		folio_lock(folio);
		prepare_file_split(f, n % order, n & 1 ? nr - 1 : 0, n & 1);
		s->flags &= ~BIT(PG_referenced);
		if (n & 2) {
			s->flags |= BIT(PG_dirty);
			f->marks[0] = true;
		}
		expect_split(s, NULL, 0);
		for (i = 0; i < s->nr; i++) {
			struct folio *piece = piece_of(s, i);

			KUNIT_EXPECT_FALSE_MSG(test, folio_mapped(piece), "piece %u", i);
			folio_clear_referenced(piece);
			if (!piece_is_right(s, i, (1L << s->want[i].order) +
					    piece_is_locked(s, i), true) ||
			    !entry_is_right(f, i))
				break;
		}
		for (m = 0; m < 2; m++)
			KUNIT_EXPECT_EQ_MSG(test, 0, file_pages_of(mm[m]), "mm %u", m);
		if (split_failed(s, "mapped, way", n))
			return;
		locked = locked_piece(s);
		folio_unlock(locked);
		folio_put(locked);
		for (m = 0; m < 2; m++) {
			fxt_switch_mm(mm[m]);
			fxt_touch(test, addr[m], nr, false);
			fxt_read_ptes(mm[m], addr[m], nr, ptes);
			for (i = 0; i < nr; i++)
				KUNIT_EXPECT_PTR_EQ_MSG(test, folio_page(folio, i), ptes[i].page,
							"mm %u, page %u", m, i);
			for (i = 0; i < s->nr; i++) {
				struct folio *piece = piece_of(s, i);

				KUNIT_EXPECT_EQ_MSG(test, (m + 1) << s->want[i].order,
						    folio_mapcount(piece), "mm %u, piece %u", m, i);
				KUNIT_EXPECT_EQ_MSG(test, m, folio_maybe_mapped_shared(piece),
						    "mm %u, piece %u", m, i);
			}
			KUNIT_EXPECT_EQ_MSG(test, nr, file_pages_of(mm[m]), "mm %u", m);
		}
		for (m = 0; m < 2; m++) {
			fxt_switch_mm(mm[m]);
			KUNIT_ASSERT_EQ(test, 0, vm_munmap(addr[m], nr << PAGE_SHIFT));
		}
		if (split_failed(s, "mapped again, way", n))
			return;
		start_over(f->fx);
	}
}

/* What is locked in memory can be split, and comes back locked. */
static void folio_split_mlocked(struct kunit *test)
{
	struct file_split *f = new_file_split(test, 0);
	unsigned int order = fxt_order(test), n;
	const unsigned long nr = 1UL << order;
	struct mm_struct *mm = fxt_new_mm(test);
	struct split *s = &f->split;

	fxt_switch_mm(mm);
	for (n = 0; n < 4; n++) {
		struct folio *folio = add_folio(f, 0), *locked;
		unsigned int i;

		folio_unlock(folio);
		fxt_mmap(f->fx, MAP_AT, folio->index, nr, PROT_READ,
			 MAP_SHARED | MAP_LOCKED);
		fxt_drain_lru();
		KUNIT_ASSERT_TRUE(test, folio_mapped(folio));
		KUNIT_EXPECT_TRUE(test, folio_test_mlocked(folio));
		folio_lock(folio);
		prepare_file_split(f, n % order, nr - 1, n & 1);
		expect_split(s, NULL, 0);
		fxt_drain_lru();
		locked = locked_piece(s);
		for (i = 0; i < s->nr; i++) {
			struct folio *piece = piece_of(s, i);

			KUNIT_EXPECT_EQ_MSG(test, s->want[i].order, folio_order(piece),
					    "piece %u", i);
			KUNIT_EXPECT_FALSE_MSG(test, folio_mapped(piece), "piece %u", i);
			KUNIT_EXPECT_EQ_MSG(test, (1L << s->want[i].order) + (piece == locked),
					    folio_ref_count(piece), "piece %u", i);
		}
		folio_unlock(locked);
		folio_put(locked);
		fxt_touch(test, MAP_AT, nr, false);
		fxt_drain_lru();
		for (i = 0; i < s->nr; i++)
			KUNIT_EXPECT_TRUE_MSG(test, folio_test_mlocked(piece_of(s, i)),
					      "piece %u", i);
		KUNIT_ASSERT_EQ(test, 0, vm_munmap(MAP_AT, nr << PAGE_SHIFT));
		fxt_drain_lru();
		if (split_failed(s, "mlocked, way", n))
			return;
		start_over(f->fx);
	}
}

static struct kunit_case split_cases[] = {
	KUNIT_CASE_PARAM_ATTR(split_page_to_order_uniform, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(folio_split_non_uniform, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(folio_split_again_and_again, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(folio_split_keeps_flags, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(folio_split_poisoned, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(folio_split_private, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(folio_split_to_list, order_gen_params),
	KUNIT_CASE_PARAM(folio_split_refused, order_gen_params),
	KUNIT_CASE_PARAM(folio_split_min_order, order_gen_params),
	KUNIT_CASE_PARAM(folio_split_truncated, order_gen_params),
	KUNIT_CASE_PARAM(folio_split_past_eof, order_gen_params),
	KUNIT_CASE_PARAM(folio_split_mapped, order_gen_params),
	KUNIT_CASE_PARAM(folio_split_mlocked, order_gen_params),
	{}
};

static struct kunit_suite split_suite = {
	.name = "mm_split",
	.init = start_split_case,
	.test_cases = split_cases,
};

kunit_test_suite(split_suite);

MODULE_DESCRIPTION("KUnit suite of splitting folios of the page cache");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
