/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites mm_iomap_write and mm_iomap_writeback share: where a range may begin
 * and end, and folios that only the page cache has.
 */
#ifndef FOLIO_KUNIT_IOMAP_MODEL_H
#define FOLIO_KUNIT_IOMAP_MODEL_H

#include "fixture_iomap.h"
#include "../module/compat.h"

/* Offsets in a folio at, before and after the edges of blocks, pages and the folio. */
#define NR_EDGES	14

static inline void edges_of(size_t bs, size_t size, size_t *edges)
{
	const size_t all[NR_EDGES] = {
		0, 1, bs - 1, bs, bs + 1, PAGE_SIZE - 1, PAGE_SIZE, size / 2, size / 2 + 1,
		size - bs - 1, size - bs, size - bs + 1, size - 1, size,
	};

	memcpy(edges, all, sizeof(all));
}

/* A folio that is uptodate and clean, and whose references are the page cache's. */
static inline void cache_folio(struct iom_fs *fs, loff_t pos, unsigned int order)
{
	struct folio *folio = iom_add_folio(fs, pos, order);

	iom_read_folio(fs, folio);
	iom_done(fs, folio);
}

#endif /* FOLIO_KUNIT_IOMAP_MODEL_H */
