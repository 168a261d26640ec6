/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites mm_filemap and mm_filemap_lookup share: a page cache that holds
 * folios without contents, at indexes from BASE on. filemap_io_model.h has the one
 * of the suites that look at the bytes.
 */
#ifndef FOLIO_KUNIT_FILEMAP_MODEL_H
#define FOLIO_KUNIT_FILEMAP_MODEL_H

#include <linux/pagemap.h>

#include "fixture.h"
#include "../module/compat.h"

#if __has_include("kunit/mm.h")
#include <kunit/mm.h>
#define HAS_FILEMAP_EXPORTS
#endif

/* A page index that every order is aligned to, with room below. */
#define BASE		4096UL

/* A folio without contents: most cases only look at where it is. */
static inline struct folio *new_folio(struct folio_fixture *fx, unsigned int order)
{
	struct folio *folio = folio_alloc(GFP_HIGHUSER_MOVABLE, order);

	KUNIT_ASSERT_NOT_NULL_MSG(fx->test, folio, "no memory for order %u", order);
	KUNIT_ASSERT_EQ(fx->test, order, folio_order(folio));
	return folio;
}

static inline int insert(struct folio_fixture *fx, struct folio *folio, pgoff_t index)
{
	/* __GFP_WRITE: do not interpret the made-up shadow. */
	return filemap_add_folio(fxt_mapping(fx), folio, index, GFP_KERNEL | __GFP_WRITE);
}

/* insert(), and no LRU batch holds a reference: for cases that count them. */
static inline int insert_drained(struct folio_fixture *fx, struct folio *folio, pgoff_t index)
{
	int err = insert(fx, folio, index);

	fxt_drain_lru();
	return err;
}

/* In the cache, unlocked and uptodate; only the cache has references. */
static inline struct folio *add_folio(struct folio_fixture *fx, pgoff_t index, unsigned int order)
{
	struct folio *folio = new_folio(fx, order);

	KUNIT_ASSERT_EQ_MSG(fx->test, 0, insert_drained(fx, folio, index),
			    "add order %u at %lu", order, index);
	folio_mark_uptodate(folio);
	folio_unlock(folio);
	folio_put(folio);
	return folio;
}

/*
 * A bit of everything, in page indexes from BASE. Where no folio is as large as the
 * first, it is smaller and begins later.
 *
 *	0  512  528 532 533 534 536  544   552  560    576 640 768 1024     1026   1056
 *	|9 | 4  | 2 | 0 | 0 | 1 | 3 | hole | 3 |shadow| 6 | 7 | 8 | 0 |shadow| 1 |hole| 5 |
 */
static const struct fxt_range mixed[] = {
	{ BASE + 512 - (1 << FXT_MAX_ORDER), FXT_MAX_ORDER },
	{ BASE + 512, 4 }, { BASE + 528, 2 }, { BASE + 532, 0 },
	{ BASE + 533, 0 }, { BASE + 534, 1 }, { BASE + 536, 3 }, { BASE + 552, 3 },
	{ BASE + 576, 6 }, { BASE + 640, 7 }, { BASE + 768, 8 }, { BASE + 1024, 0 },
	{ BASE + 1026, 1 }, { BASE + 1056, 5 },
};

#define NR_MIXED	ARRAY_SIZE(mixed)

static inline pgoff_t last_of(unsigned int i)
{
	return mixed[i].index + (1UL << mixed[i].order) - 1;
}

static inline void add_mixed(struct folio_fixture *fx, struct folio *folios[])
{
	unsigned int i;

	fxt_need_large_folios(fx->test);
	for (i = 0; i < NR_MIXED; i++)
		folios[i] = add_folio(fx, mixed[i].index, mixed[i].order);
	fxt_add_shadow(fx, BASE + 560, 4);
	fxt_add_shadow(fx, BASE + 1025, 0);
	fxt_expect_layout(fx, mixed, NR_MIXED);
}

#endif /* FOLIO_KUNIT_FILEMAP_MODEL_H */
