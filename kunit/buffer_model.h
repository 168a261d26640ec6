/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites mm_buffer and mm_buffer_disk share: one folio of a file, far enough
 * in it that block numbers need more than 32 bits, and where a range in it may begin
 * and end.
 */
#ifndef FOLIO_KUNIT_BUFFER_MODEL_H
#define FOLIO_KUNIT_BUFFER_MODEL_H

#include <linux/buffer_head.h>

#include "fixture.h"
#include "../module/compat.h"

/* Where block numbers need more than 32 bits. */
#define FIRST_PAGE	(1UL << 30)

/* An eighth of a page to a whole one. */
static const unsigned int blkbits[] = {
	PAGE_SHIFT - 3, PAGE_SHIFT - 2, PAGE_SHIFT - 1, PAGE_SHIFT,
};

/* A folio in the cache, locked, with a reference of the case. */
static inline struct folio *add_folio(struct kunit *test, struct folio_fixture *fx,
				      unsigned int bits, unsigned int order, unsigned int state)
{
	struct folio *folio;

	fx->inode.i_blkbits = bits;
	truncate_inode_pages(fxt_mapping(fx), 0);
	folio = fxt_add_folio(fx, FIRST_PAGE, order, state);
	KUNIT_ASSERT_EQ(test, folio_order(folio), order);
	i_size_write(&fx->inode, folio_pos(folio) + folio_size(folio));
	folio_get(folio);
	folio_lock(folio);
	return folio;
}

static inline void put_folio(struct folio *folio)
{
	folio_unlock(folio);
	folio_put(folio);
}

static inline struct buffer_head *buffer_at(struct folio *folio, size_t off)
{
	struct buffer_head *bh = folio_buffers(folio);

	while (bh_offset(bh) > off || bh_offset(bh) + bh->b_size <= off)
		bh = bh->b_this_page;
	return bh;
}

/* Offsets in a folio at, before and after the edges of blocks, halves and the folio. */
#define NR_EDGES	9

static inline void edges_of(size_t bs, size_t size, size_t *edges)
{
	const size_t all[NR_EDGES] = {
		0, 1, bs, bs + 1, size / 2, size / 2 + 1, size - bs, size - 1, size,
	};

	memcpy(edges, all, sizeof(all));
}

#define for_each_range(a, b, edges, size)					\
	for (a = 0; a < NR_EDGES; a++)						\
		for (b = 0; b < NR_EDGES; b++)					\
			if (edges[a] < edges[b] && edges[b] <= (size) &&	\
			    ((size) <= 16 * PAGE_SIZE || (a + 2 * b) % 4 == 0))

#endif /* FOLIO_KUNIT_BUFFER_MODEL_H */
