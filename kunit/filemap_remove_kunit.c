// SPDX-License-Identifier: GPL-2.0
/*
 * mm_filemap_remove: how one folio leaves the page cache, by truncation, eviction
 * and reclaim, what keeps it there, and what it leaves behind. filemap_kunit.c and
 * truncate_kunit.c have the same for whole ranges.
 */
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/swap.h>
#include <linux/uaccess.h>
#include <linux/vmstat.h>

#include "truncate_model.h"

#if __has_include("kunit/mm.h")
#include <kunit/mm.h>
#define HAS_EXPORTS
#endif

#define MAP_AT	ALIGN_DOWN(TASK_SIZE / 4, PMD_SIZE)

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

#ifdef HAS_EXPORTS

/* What keeps a folio from being evicted, or not. */
enum state {
	UNUSED, PRIVATE,	/* these go */
	DIRTY, WRITEBACK, HELD, PRIVATE_REFUSED, MAPPED,
	NR_STATES
};

static const char * const state_names[] = {
	"unused", "private", "dirty", "writeback", "held", "private refused", "mapped",
};

/* A folio at FIRST + nr in one state, between two neighbours; locked, with a reference. */
static struct folio *set_up(struct folio_fixture *fx, unsigned int order, enum state state)
{
	const pgoff_t nr = 1UL << order;
	struct folio *folio;

	fxt_add_folio(fx, FIRST + nr - 1, 0, 0);
	fxt_add_folio(fx, FIRST + 2 * nr, order, 0);
	folio = fxt_add_folio(fx, FIRST + nr, order, state == DIRTY ? FXT_DIRTY :
			      state == PRIVATE || state == PRIVATE_REFUSED ? FXT_PRIVATE : 0);
	if (state == MAPPED) {
		fxt_mmap(fx, MAP_AT, FIRST + nr, nr, PROT_READ, MAP_SHARED);
		fxt_touch(fx->test, MAP_AT, 1, false);
		KUNIT_ASSERT_TRUE(fx->test, folio_mapped(folio));
	}
	fxt_drain_lru();
	fx->refuse_release = state == PRIVATE_REFUSED;
	if (state == WRITEBACK)
		start_writeback(folio);
	folio_get(folio);
	if (state == HELD)
		folio_get(folio);
	folio_lock(folio);
	KUNIT_ASSERT_EQ(fx->test, order, folio_order(folio));
	return folio;
}

/* Undoes what set_up() did; the folio is gone, or there as it was. */
static void tear_down(struct folio_fixture *fx, struct folio *folio, enum state state, bool gone)
{
	const pgoff_t nr = folio_nr_pages(folio), index = FIRST + nr;
	struct kunit *test = fx->test;

	KUNIT_EXPECT_TRUE(test, folio_test_locked(folio));
	KUNIT_EXPECT_EQ(test, index, folio->index);
	KUNIT_EXPECT_EQ(test, gone ? 1 + nr : 1 + 2 * nr, fxt_mapping(fx)->nrpages);
	KUNIT_EXPECT_PTR_EQ(test, gone ? NULL : fxt_mapping(fx), folio->mapping);
	KUNIT_EXPECT_EQ(test, state == DIRTY && !gone, folio_test_dirty(folio));
	KUNIT_EXPECT_EQ(test, state == WRITEBACK, folio_test_writeback(folio));
	KUNIT_EXPECT_EQ(test, state == MAPPED && !gone, folio_mapped(folio));
	if (state == WRITEBACK)
		folio_end_writeback(folio);
	if (state == HELD)
		folio_put(folio);
	if (state == MAPPED)
		vm_munmap(MAP_AT, nr << PAGE_SHIFT);
	fx->refuse_release = false;
	folio_unlock(folio);
	KUNIT_EXPECT_EQ(test, gone ? 1 : 1 + nr + folio_test_private(folio),
			folio_ref_count(folio));
	KUNIT_EXPECT_EQ(test, !gone && (state == PRIVATE || state == PRIVATE_REFUSED),
			folio_test_private(folio));
	folio_put(folio);
	fxt_expect_stamped(fx, FXT_POS(index - 1), FXT_POS(index));
	fxt_expect_stamped(fx, FXT_POS(index + nr), FXT_POS(index + 2 * nr));
	if (!gone)
		fxt_expect_stamped(fx, FXT_POS(index), FXT_POS(index + nr));
	fxt_expect_consistent(fx);
}

static long call_evict(struct folio_fixture *fx, struct folio *folio)
{
	return mapping_evict_folio(fxt_mapping(fx), folio);
}

static long call_remove(struct folio_fixture *fx, struct folio *folio)
{
	return remove_mapping(fxt_mapping(fx), folio);
}

static long call_truncate(struct folio_fixture *fx, struct folio *folio)
{
	return truncate_inode_folio(fxt_mapping(fx), folio);
}

static void check_call(struct kunit *test, long (*call)(struct folio_fixture *, struct folio *),
		       unsigned long keep, long gone_ret)
{
	unsigned int order = fxt_order(test), state;
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	const pgoff_t nr = 1UL << order;

	fxt_switch_mm(fxt_new_mm(test));
	for (state = 0; state < NR_STATES; state++) {
		bool gone = !(keep & BIT(state));
		struct folio *folio;

		/* A folio under writeback, or mapped, must not be removed by force. */
		if (gone && state == WRITEBACK)
			continue;
		folio = set_up(fx, order, state);
		fxt_forget_calls(fx);
		KUNIT_EXPECT_EQ(test, gone ? gone_ret : 0, call(fx, folio));
		if (gone)
			expect_empty(fx, FIRST + nr, FIRST + 2 * nr);
		tear_down(fx, folio, state, gone);
		if (failed_at(test, "order %u, %s", order, state_names[state]))
			return;
		start_over(fx);
	}
}
#endif

/* Only what is clean, unused and can be let go of is evicted; it leaves no shadow. */
static void mapping_evict_folio_refuses(struct kunit *test)
{
#ifdef HAS_EXPORTS
	unsigned int order = fxt_order(test);

	check_call(test, call_evict, BIT(DIRTY) | BIT(WRITEBACK) | BIT(HELD) |
		   BIT(PRIVATE_REFUSED) | BIT(MAPPED), 1L << order);
#else
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
}

/* One reference too many, or dirty: whoever did that must find his folio again. */
static void remove_mapping_refuses(struct kunit *test)
{
#ifdef HAS_EXPORTS
	unsigned int order = fxt_order(test), i;
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	static const enum state states[] = { UNUSED, DIRTY, HELD };

	for (i = 0; i < ARRAY_SIZE(states); i++) {
		struct folio *folio = set_up(fx, order, states[i]);
		bool gone = states[i] == UNUSED;

		KUNIT_EXPECT_EQ(test, gone ? 1L << order : 0, call_remove(fx, folio));
		if (gone)
			expect_empty(fx, folio->index, folio_next_index(folio));
		tear_down(fx, folio, states[i], gone);
		if (failed_at(test, "order %u, %s", order, state_names[states[i]]))
			return;
		start_over(fx);
	}
#else
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
}

/* Truncation asks nobody; but it takes only what is of the file it truncates. */
static void truncate_inode_folio_takes_all(struct kunit *test)
{
#ifdef HAS_EXPORTS
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	struct folio_fixture *other = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	struct folio *folio = set_up(fx, order, DIRTY);

	KUNIT_EXPECT_EQ(test, -EIO, truncate_inode_folio(fxt_mapping(other), folio));
	tear_down(fx, folio, DIRTY, false);
	check_call(test, call_truncate, 0, 0);
#else
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
}

/* What it says of a folio of which part is truncated: whether the caller may go on. */
static void truncate_partial_folio_says(struct kunit *test)
{
#ifdef HAS_EXPORTS
	unsigned int order = fxt_order(test), i, how;
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	const loff_t size = PAGE_SIZE << order;
	const pgoff_t nr = 1UL << order, index = FIRST + nr;
	const loff_t pos = FXT_POS(index);
	/* Bytes relative to the folio; the end is not part of it. */
	const struct { loff_t from, to; } ranges[] = {
		{ 0, size }, { -5, size + 5 }, { 0, size - 1 }, { 1, size }, { -9, 100 },
		{ size - 100, size + PAGE_SIZE }, { size / 2, size / 2 + 8 }, { 8, size - 8 },
	};
	enum { CLEAN, IS_DIRTY, PINNED, PINNED_DIRTY, NR_HOWS };

	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		for (how = 0; how < NR_HOWS; how++) {
			loff_t from = max(ranges[i].from, 0), to = min(ranges[i].to, size);
			bool whole = !from && to == size, pinned = how >= PINNED;
			bool large = order && !whole, said;
			struct folio *folio = set_up(fx, order, how & 1 ? DIRTY : UNUSED);

			if (pinned)
				folio_get(folio);
			said = truncate_inode_partial_folio(folio, pos + ranges[i].from,
							    pos + ranges[i].to - 1);
			KUNIT_EXPECT_EQ(test, !(large && how == PINNED_DIRTY), said);
			KUNIT_EXPECT_TRUE(test, folio_test_locked(folio));
			if (whole || (large && how == PINNED)) {
				expect_empty(fx, index, index + nr);
				KUNIT_EXPECT_NULL(test, folio->mapping);
			} else {
				/* What lies in the hole is the caller's to drop. */
				fxt_expect_stamped(fx, pos, pos + from);
				fxt_expect_zeroed(fx, pos + from, pos + to);
				fxt_expect_stamped(fx, pos + to, pos + size);
				if (large)
					KUNIT_EXPECT_EQ(test, pinned, folio_order(folio) == order);
			}
			fxt_expect_stamped(fx, pos - PAGE_SIZE, pos);
			fxt_expect_stamped(fx, pos + size, pos + 2 * size);
			folio_unlock(folio);
			if (pinned)
				folio_put(folio);
			folio_put(folio);
			fxt_expect_consistent(fx);
			if (failed_at(test, "order %u, bytes %lld to %lld, %u", order, from,
				      to, how))
				return;
			start_over(fx);
		}
	}
#else
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
}

/* A shadow takes the place of the whole folio, as one entry, without marks. */
static void remove_folio_leaves_shadow(struct kunit *test)
{
#ifdef HAS_EXPORTS
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	struct xarray *pages = &fxt_mapping(fx)->i_pages;
	const pgoff_t nr = 1UL << order, index = FIRST + nr;
	struct folio *folio = set_up(fx, order, DIRTY);
	const struct fxt_range rest[] = { { index - 1, 0 }, { index + nr, order } };
	pgoff_t i;

	tag_pages_for_writeback(fxt_mapping(fx), index, index);
	folio_cancel_dirty(folio);
	xa_lock_irq(pages);
	__filemap_remove_folio(folio, xa_mk_value(77));
	xa_unlock_irq(pages);
	KUNIT_EXPECT_NULL(test, folio->mapping);
	KUNIT_EXPECT_EQ(test, index, folio->index);
	KUNIT_EXPECT_EQ_MSG(test, nr + 1, folio_ref_count(folio), "its references stay");
	for (i = index; i < index + nr; i++) {
		KUNIT_EXPECT_PTR_EQ_MSG(test, xa_mk_value(77), xa_load(pages, i), "index %lu", i);
		KUNIT_EXPECT_EQ(test, order, xa_get_order(pages, i));
		KUNIT_EXPECT_FALSE(test, xa_get_mark(pages, i, PAGECACHE_TAG_DIRTY));
		KUNIT_EXPECT_FALSE(test, xa_get_mark(pages, i, PAGECACHE_TAG_TOWRITE));
		if (failed_at(test, "index %lu", i))
			break;
	}
	fxt_expect_layout(fx, rest, 2);
	folio_unlock(folio);
	folio_put_refs(folio, nr + 1);
	start_over(fx);
#else
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
}

/* Folios of all orders, and between them others, and shadows, which stay. */
static void delete_batch_between_others(struct kunit *test)
{
#ifdef HAS_EXPORTS
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	static const unsigned int orders[] = { 0, 3, 0, 9, 6, 5, 1, 2, 7 };
	struct fxt_range rest[ARRAY_SIZE(orders)];
	struct folio_batch fbatch;
	unsigned int i, nr_rest = 0;
	pgoff_t index = FIRST;

	folio_batch_init(&fbatch);
	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		unsigned int order = min_t(unsigned int, orders[i], MAX_PAGECACHE_ORDER);
		struct folio *folio;

		index = round_up(index, 1UL << order);
		folio = fxt_add_folio(fx, index, order, 0);
		fxt_drain_lru();
		if (i % 3 == 2) {
			rest[nr_rest++] = (struct fxt_range){ index, order };
		} else {
			folio_get(folio);
			folio_lock(folio);
			folio_batch_add(&fbatch, folio);
		}
		index += 1UL << order;
		if (i == 4) {
			xa_store(&fxt_mapping(fx)->i_pages, index, FXT_SHADOW, GFP_KERNEL);
			index++;
		}
	}
	delete_from_page_cache_batch(fxt_mapping(fx), &fbatch);
	fxt_expect_layout(fx, rest, nr_rest);
	fxt_expect_consistent(fx);
	for (i = 0; i < folio_batch_count(&fbatch); i++) {
		struct folio *folio = fbatch.folios[i];

		KUNIT_EXPECT_NULL_MSG(test, folio->mapping, "folio %u", i);
		KUNIT_EXPECT_TRUE_MSG(test, folio_test_locked(folio), "folio %u", i);
		KUNIT_EXPECT_EQ_MSG(test, 1, folio_ref_count(folio), "folio %u", i);
		folio_unlock(folio);
	}
	folio_batch_release(&fbatch);
	for (i = 0, index = 0; xa_find(&fxt_mapping(fx)->i_pages, &index, ULONG_MAX, XA_PRESENT);
	     index++)
		i += xa_is_value(xa_load(&fxt_mapping(fx)->i_pages, index));
	KUNIT_EXPECT_EQ_MSG(test, 1, i, "shadows");
#else
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
}

/* Looking for what is to be removed. */

struct found {
	unsigned int nr;
	pgoff_t index[FOLIO_BATCH_SIZE];
	bool shadow[FOLIO_BATCH_SIZE];
	pgoff_t next;
};

#ifdef HAS_EXPORTS
static struct found find_entries(struct folio_fixture *fx, pgoff_t from, pgoff_t last, bool lock)
{
	pgoff_t indices[FOLIO_BATCH_SIZE];
	struct found found = { .next = from };
	struct folio_batch fbatch;
	unsigned int i;

	folio_batch_init(&fbatch);
	if (lock)
		found.nr = find_lock_entries(fxt_mapping(fx), &found.next, last, &fbatch, indices);
	else
		found.nr = find_get_entries(fxt_mapping(fx), &found.next, last, &fbatch, indices);
	KUNIT_EXPECT_EQ(fx->test, found.nr, folio_batch_count(&fbatch));
	for (i = 0; i < found.nr; i++) {
		struct folio *folio = fbatch.folios[i];

		found.index[i] = indices[i];
		found.shadow[i] = xa_is_value(folio);
		if (xa_is_value(folio))
			continue;
		KUNIT_EXPECT_TRUE(fx->test, folio_contains(folio, indices[i]));
		KUNIT_EXPECT_EQ(fx->test, lock, folio_test_locked(folio));
		KUNIT_EXPECT_EQ(fx->test, folio_nr_pages(folio) + 1, folio_ref_count(folio));
		if (lock)
			folio_unlock(folio);
		folio_put(folio);
	}
	return found;
}
#endif

/*
 * A folio, a shadow of the same order, another folio:
 *
 *	[ folio 0 ][ shadow 1 ][ folio 2 ]
 *
 * With the lock come those that lie whole in the range; without, all it touches.
 */
static void find_entries_edges(struct kunit *test)
{
#ifdef HAS_EXPORTS
	unsigned int order = fxt_order(test), i, j, k, lock;
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	const pgoff_t nr = 1UL << order;
	const pgoff_t edges[] = { 0, 1, nr / 2, nr - 1, nr, nr + 1, 2 * nr - 1, 2 * nr,
				  2 * nr + 1, 3 * nr - 1, 3 * nr };

	fxt_add_folio(fx, FIRST + 2 * nr, order, 0);
	fxt_add_folio(fx, FIRST, order, 0);
	fxt_add_shadow(fx, FIRST + nr, order);
	fxt_drain_lru();
	for (i = 0; i < ARRAY_SIZE(edges); i++) {
		for (j = i; j < ARRAY_SIZE(edges); j++) {
			for (lock = 0; lock < 2; lock++) {
				pgoff_t from = edges[i], last = edges[j], next = from;
				struct found found = find_entries(fx, FIRST + from, FIRST + last,
								  lock);
				unsigned int want = 0;

				if (from > last)
					continue;
				for (k = 0; k < 3; k++) {
					pgoff_t first = k * nr, end = first + nr - 1;
					bool in = lock ? from <= first && end <= last :
							 first <= last && from <= end;

					if (!in)
						continue;
					if (want < found.nr) {
						KUNIT_EXPECT_EQ(test, k,
								(found.index[want] - FIRST) / nr);
						KUNIT_EXPECT_EQ(test, k == 1, found.shadow[want]);
					}
					want++;
					next = first + nr;
				}
				KUNIT_EXPECT_EQ(test, want, found.nr);
				if (want)
					KUNIT_EXPECT_EQ(test, FIRST + next, found.next);
				if (failed_at(test, "order %u, pages %lu to %lu, lock %u", order,
					      from, last, lock))
					return;
			}
		}
	}
	expect_folios(fx, false);
#else
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
}

/* What is locked or under writeback is passed over, and the search goes on behind it. */
static void find_lock_entries_skips_busy(struct kunit *test)
{
#ifdef HAS_EXPORTS
	unsigned int order = fxt_order(test), busy;
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	const pgoff_t nr = 1UL << order;
	struct folio *folio[3];
	struct found found;

	for (busy = 0; busy < 3; busy++)
		folio[busy] = fxt_add_folio(fx, FIRST + busy * nr, order, 0);
	fxt_drain_lru();
	for (busy = 0; busy < 3; busy++) {
		folio_lock(folio[busy]);
		found = find_entries(fx, FIRST, FIRST + 3 * nr - 1, true);
		folio_unlock(folio[busy]);
		KUNIT_EXPECT_EQ_MSG(test, 2, found.nr, "folio %u locked", busy);
		KUNIT_EXPECT_EQ(test, FIRST + (busy == 2 ? 2 : 3) * nr, found.next);
		start_writeback(folio[busy]);
		found = find_entries(fx, FIRST, FIRST + 3 * nr - 1, true);
		KUNIT_EXPECT_FALSE(test, folio_test_locked(folio[busy]));
		folio_end_writeback(folio[busy]);
		KUNIT_EXPECT_EQ_MSG(test, 2, found.nr, "folio %u under writeback", busy);
		KUNIT_EXPECT_EQ(test, FIRST + (busy == 2 ? 2 : 3) * nr, found.next);
	}
	expect_folios(fx, false);
#else
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
}

/* Counting. */

#if defined(HAS_EXPORTS) && defined(CONFIG_CACHESTAT_SYSCALL)
#include <uapi/linux/mman.h>

static unsigned long overlap(pgoff_t from, pgoff_t last, pgoff_t first, pgoff_t nr)
{
	pgoff_t a = max(from, first), b = min(last, first + nr - 1);

	return a <= b ? b - a + 1 : 0;
}
#endif

/*
 * Pages are counted, not folios, and of a folio only those in the range:
 *
 *	[ clean ][ dirty ][ writeback ][ shadow ]
 */
static void cachestat_edges(struct kunit *test)
{
#if defined(HAS_EXPORTS) && defined(CONFIG_CACHESTAT_SYSCALL)
	unsigned int order = fxt_order(test), i, j;
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	const pgoff_t nr = 1UL << order;
	const pgoff_t edges[] = { 0, 1, nr / 2, nr - 1, nr, 3 * nr / 2, 2 * nr - 1, 2 * nr,
				  2 * nr + 1, 3 * nr - 1, 3 * nr, 3 * nr + 1, 4 * nr - 1, 4 * nr };
	struct folio *folio;

	fxt_add_folio(fx, FIRST, order, 0);
	fxt_add_folio(fx, FIRST + nr, order, FXT_DIRTY);
	folio = fxt_add_folio(fx, FIRST + 2 * nr, order, 0);
	fxt_add_shadow(fx, FIRST + 3 * nr, order);
	start_writeback(folio);
	for (i = 0; i < ARRAY_SIZE(edges); i++) {
		for (j = i; j < ARRAY_SIZE(edges); j++) {
			pgoff_t from = FIRST + edges[i], last = FIRST + edges[j];
			struct cachestat cs = {};

			if (from > last)
				continue;
			filemap_cachestat(fxt_mapping(fx), from, last, &cs);
			KUNIT_EXPECT_EQ(test, overlap(from, last, FIRST, 3 * nr), cs.nr_cache);
			KUNIT_EXPECT_EQ(test, overlap(from, last, FIRST + nr, nr), cs.nr_dirty);
			KUNIT_EXPECT_EQ(test, overlap(from, last, FIRST + 2 * nr, nr),
					cs.nr_writeback);
			KUNIT_EXPECT_EQ(test, overlap(from, last, FIRST + 3 * nr, nr),
					cs.nr_evicted);
			KUNIT_EXPECT_EQ_MSG(test, 0, cs.nr_recently_evicted,
					    "its memcg is no more");
			if (failed_at(test, "order %u, pages %lu to %lu", order, edges[i],
				      edges[j]))
				goto out;
		}
	}
out:
	folio_end_writeback(folio);
#else
	kunit_skip(test, "needs the KUnit exports of the patch series, CONFIG_CACHESTAT_SYSCALL");
#endif
}

/* Reclaim. */

#ifdef HAS_EXPORTS
/* Reclaims the folio at an index as MADV_PAGEOUT does; returns the pages it got. */
static unsigned long reclaim(struct folio_fixture *fx, pgoff_t index, unsigned int order)
{
	struct folio *folio;
	LIST_HEAD(list);

	fxt_drain_lru();
	folio = get_folio(fx, index, order);
	KUNIT_ASSERT_TRUE(fx->test, folio_isolate_lru(folio));
	folio_put(folio);
	list_add(&folio->lru, &list);
	return reclaim_pages(&list);
}
#endif

/* A clean folio goes, mapped or not, and leaves one shadow entry as large as it was. */
static void reclaim_leaves_shadow(struct kunit *test)
{
#ifdef HAS_EXPORTS
	unsigned int order = fxt_order(test), way;
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	struct xarray *pages = &fxt_mapping(fx)->i_pages;
	const pgoff_t nr = 1UL << order, index = FIRST + nr;
	struct mm_struct *mm = fxt_new_mm(test);
	enum { CLEAN, IS_MAPPED, IS_PRIVATE, NR_WAYS };

	fxt_switch_mm(mm);
	for (way = 0; way < NR_WAYS; way++) {
		const struct fxt_range rest = { FIRST, order };
		struct fxt_pte pte;
		void *shadow;
		pgoff_t i;

		fxt_add_folio(fx, FIRST, order, 0);
		fxt_add_folio(fx, index, order, way == IS_PRIVATE ? FXT_PRIVATE : 0);
		if (way == IS_MAPPED) {
			fxt_mmap(fx, MAP_AT, index, nr, PROT_READ, MAP_SHARED);
			fxt_touch(test, MAP_AT, nr, false);
		}
		KUNIT_EXPECT_EQ(test, nr, reclaim(fx, index, order));
		shadow = xa_load(pages, index);
		KUNIT_EXPECT_TRUE(test, xa_is_value(shadow));
		for (i = index; i < index + nr; i++) {
			KUNIT_EXPECT_PTR_EQ(test, shadow, xa_load(pages, i));
			KUNIT_EXPECT_EQ(test, order, xa_get_order(pages, i));
			if (failed_at(test, "order %u, index %lu", order, i))
				return;
		}
		fxt_expect_layout(fx, &rest, 1);
		if (way == IS_MAPPED) {
			fxt_read_ptes(mm, MAP_AT, 1, &pte);
			KUNIT_EXPECT_NULL(test, pte.page);
			fxt_touch(test, MAP_AT, nr, false);
			fxt_expect_stamped(fx, FXT_POS(index), FXT_POS(index + nr));
			vm_munmap(MAP_AT, nr << PAGE_SHIFT);
		}
		start_over(fx);
	}
#else
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
}

/* What is dirty, held or under writeback stays, and is on the LRU again. */
static void reclaim_keeps_used(struct kunit *test)
{
#ifdef HAS_EXPORTS
	unsigned int order = fxt_order(test), i;
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	static const enum state states[] = { DIRTY, WRITEBACK, HELD, PRIVATE_REFUSED };

	for (i = 0; i < ARRAY_SIZE(states); i++) {
		struct folio *folio = set_up(fx, order, states[i]);

		folio_unlock(folio);
		folio_put(folio);
		KUNIT_EXPECT_EQ(test, 0, reclaim(fx, FIRST + (1UL << order), order));
		fxt_drain_lru();
		KUNIT_EXPECT_TRUE(test, folio_test_lru(folio));
		folio_get(folio);
		folio_lock(folio);
		tear_down(fx, folio, states[i], false);
		if (failed_at(test, "order %u, %s", order, state_names[states[i]]))
			return;
		start_over(fx);
	}
#else
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
}

/* A file that is being deleted must get no shadows: nobody would remove them. */
static void reclaim_of_exiting_mapping(struct kunit *test)
{
#ifdef HAS_EXPORTS
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);

	fxt_add_folio(fx, FIRST, order, 0);
	mapping_set_exiting(fxt_mapping(fx));
	KUNIT_EXPECT_EQ(test, 1 << order, reclaim(fx, FIRST, order));
	KUNIT_EXPECT_TRUE(test, mapping_empty(fxt_mapping(fx)));
#else
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
}

/* Per-CPU shares of a count that are not folded in; a wrong count is off by more. */
#define SLACK	300L
#define MANY	1024UL

/* Pages that come back soon are counted, and activated, all of them. */
static void refault_counts_pages(struct kunit *test)
{
#ifdef HAS_EXPORTS
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	const pgoff_t nr = 1UL << order;
	long refaults, active;
	struct folio *folio;
	pgoff_t at;

	for (at = FIRST; at < FIRST + MANY; at += nr) {
		fxt_add_folio(fx, at, order, 0);
		KUNIT_ASSERT_EQ(test, nr, reclaim(fx, at, order));
	}
	KUNIT_EXPECT_EQ(test, 0, fxt_mapping(fx)->nrpages);
	refaults = global_node_page_state(WORKINGSET_REFAULT_FILE);
	active = global_node_page_state(WORKINGSET_ACTIVATE_FILE);
	for (at = FIRST; at < FIRST + MANY; at += nr)
		folio = fxt_add_folio(fx, at, order, 0);
	refaults = global_node_page_state(WORKINGSET_REFAULT_FILE) - refaults;
	active = global_node_page_state(WORKINGSET_ACTIVATE_FILE) - active;
	KUNIT_EXPECT_LT_MSG(test, abs(refaults - (long)MANY), SLACK, "%ld pages", refaults);
	KUNIT_EXPECT_LE_MSG(test, active, (long)MANY + SLACK, "activated");
	KUNIT_EXPECT_TRUE(test, active < SLACK || folio_test_active(folio) || order == 0);
	fxt_expect_stamped(fx, FXT_POS(FIRST), FXT_POS(FIRST + MANY));
#else
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
}

/* Off the LRU and back: one reference, one flag, all of its pages in the counts. */
static void isolate_lru_and_putback(struct kunit *test)
{
#ifdef HAS_EXPORTS
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	const pgoff_t nr = 1UL << order;
	struct folio *folio, *next;
	long before, delta;
	LIST_HEAD(list);
	pgoff_t at;

	for (at = FIRST; at < FIRST + MANY; at += nr)
		fxt_add_folio(fx, at, order, 0);
	fxt_drain_lru();
	before = global_node_page_state(NR_INACTIVE_FILE) + global_node_page_state(NR_ACTIVE_FILE);
	for (at = FIRST; at < FIRST + MANY; at += nr) {
		folio = get_folio(fx, at, order);
		KUNIT_EXPECT_TRUE(test, folio_test_lru(folio));
		KUNIT_ASSERT_TRUE(test, folio_isolate_lru(folio));
		KUNIT_EXPECT_FALSE(test, folio_test_lru(folio));
		KUNIT_EXPECT_FALSE_MSG(test, folio_isolate_lru(folio), "a second time");
		KUNIT_EXPECT_EQ(test, nr + 2, folio_ref_count(folio));
		folio_put(folio);
		list_add(&folio->lru, &list);
	}
	delta = global_node_page_state(NR_INACTIVE_FILE) +
		global_node_page_state(NR_ACTIVE_FILE) - before;
	KUNIT_EXPECT_LT_MSG(test, abs(delta + (long)MANY), SLACK, "isolated %ld pages", delta);
	list_for_each_entry_safe(folio, next, &list, lru) {
		list_del(&folio->lru);
		folio_putback_lru(folio);
	}
	fxt_drain_lru();
	delta = global_node_page_state(NR_INACTIVE_FILE) +
		global_node_page_state(NR_ACTIVE_FILE) - before;
	KUNIT_EXPECT_LT_MSG(test, abs(delta), SLACK, "%ld pages", delta);
	expect_folios(fx, false);
#else
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
}

/* Lookups that the suite mm_filemap has not. */

/* FGP_STABLE waits for writeback only where the data must not change meanwhile. */
static void get_folio_stable_waits(struct kunit *test)
{
	unsigned int order = fxt_order(test), stable;
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	const pgoff_t last = FIRST + (1UL << order) - 1;

	for (stable = 0; stable < 2; stable++) {
		struct folio *folio = fxt_add_folio(fx, FIRST, order, 0), *found;
		struct later *later = new_later(test, false);

		if (stable)
			mapping_set_stable_writes(fxt_mapping(fx));
		start_writeback(folio);
		later->folio[0] = folio;
		schedule_delayed_work(&later->work, HZ / 50);
		found = __filemap_get_folio(fxt_mapping(fx), last, FGP_WRITEBEGIN, GFP_KERNEL);
		if (stable)
			KUNIT_EXPECT_TRUE_MSG(test, READ_ONCE(later->done), "it did not wait");
		KUNIT_EXPECT_PTR_EQ(test, folio, found);
		flush_delayed_work(&later->work);
		if (!IS_ERR(found)) {
			KUNIT_EXPECT_EQ(test, order, folio_order(found));
			folio_unlock(found);
			folio_put(found);
		}
		fxt_drain_lru();
		expect_folios(fx, false);
		start_over(fx);
	}
}

/* Uncached I/O is over: the folio goes, unless somebody uses it. */
static void end_dropbehind_drops_unused(struct kunit *test)
{
#ifdef HAS_EXPORTS
	unsigned int order = fxt_order(test), state;
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);

	fxt_switch_mm(fxt_new_mm(test));
	for (state = 0; state < NR_STATES; state++) {
		struct folio *folio = set_up(fx, order, state);
		/* References of others do not keep it: its contents are not needed. */
		bool gone = state == UNUSED || state == PRIVATE || state == HELD;
		bool flag = state == DIRTY || state == WRITEBACK;

		__folio_set_dropbehind(folio);
		folio_end_dropbehind(folio);
		KUNIT_EXPECT_NOT_NULL_MSG(test, folio->mapping, "it was locked");
		folio_unlock(folio);
		folio_end_dropbehind(folio);
		folio_lock(folio);
		KUNIT_EXPECT_EQ(test, flag, folio_test_dropbehind(folio));
		folio_clear_dropbehind(folio);
		if (gone)
			expect_empty(fx, folio->index, folio_next_index(folio));
		tear_down(fx, folio, state, gone);
		if (failed_at(test, "order %u, %s", order, state_names[state]))
			return;
		start_over(fx);
	}
#else
	kunit_skip(test, "needs the KUnit exports of the patch series");
#endif
}

static struct kunit_case filemap_remove_cases[] = {
	KUNIT_CASE_PARAM_ATTR(mapping_evict_folio_refuses, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(remove_mapping_refuses, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(truncate_inode_folio_takes_all, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(truncate_partial_folio_says, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(remove_folio_leaves_shadow, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE(delete_batch_between_others),
	KUNIT_CASE_PARAM_ATTR(find_entries_edges, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(find_lock_entries_skips_busy, order_gen_params),
	KUNIT_CASE_PARAM(cachestat_edges, order_gen_params),
	KUNIT_CASE_PARAM(reclaim_leaves_shadow, order_gen_params),
	KUNIT_CASE_PARAM(reclaim_keeps_used, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(reclaim_of_exiting_mapping, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(refault_counts_pages, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(isolate_lru_and_putback, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(get_folio_stable_waits, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(end_dropbehind_drops_unused, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	{}
};

static struct kunit_suite filemap_remove_suite = {
	.name = "mm_filemap_remove",
	.init = fxt_stay_on_cpu,
	.test_cases = filemap_remove_cases,
};

kunit_test_suite(filemap_remove_suite);

MODULE_DESCRIPTION("KUnit suite of the removal of single folios from the page cache");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
