/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites mm_filemap_io and mm_filemap_fault share: a file of folios of
 * many orders, one after the other, the buffer that its bytes are read to, and an
 * ->read_folio() that fails.
 */
#ifndef FOLIO_KUNIT_FILEMAP_IO_MODEL_H
#define FOLIO_KUNIT_FILEMAP_IO_MODEL_H

#include <linux/vmalloc.h>

#include "fixture.h"
#include "../module/compat.h"

/* What a buffer holds where nothing was read: no stamp has a byte like it. */
#define UNTOUCHED	0x55
#define BUF_SIZE	(128 * PAGE_SIZE)

/* One folio after the other, without a gap, up to index 128. */
static const struct fxt_range mixed[] = {
	{ 0, 0 }, { 1, 0 }, { 2, 1 }, { 4, 2 }, { 8, 3 }, { 16, 4 }, { 32, 2 },
	{ 36, 0 }, { 37, 0 }, { 38, 1 }, { 40, 3 }, { 48, 4 }, { 64, 6 },
};

#define NR_MIXED	ARRAY_SIZE(mixed)
#define MIXED_PAGES	128UL

/* We hold a reference to each folio, so that release_mixed() sees what is left of the others. */
static inline void add_mixed(struct folio_fixture *fx, struct folio *folios[])
{
	unsigned int i;

	fxt_need_large_folios(fx->test);
	for (i = 0; i < NR_MIXED; i++) {
		folios[i] = fxt_add_folio(fx, mixed[i].index, mixed[i].order, 0);
		folio_get(folios[i]);
	}
	fxt_expect_layout(fx, mixed, NR_MIXED);
}

static inline void release_mixed(struct folio_fixture *fx, struct folio *folios[])
{
	unsigned int i;

	fxt_expect_layout(fx, mixed, NR_MIXED);
	truncate_inode_pages(fxt_mapping(fx), 0);
	fxt_drain_lru();
	for (i = 0; i < NR_MIXED; i++) {
		KUNIT_EXPECT_FALSE_MSG(fx->test, folio_test_locked(folios[i]), "folio %u", i);
		KUNIT_EXPECT_EQ_MSG(fx->test, folio_ref_count(folios[i]), 1, "folio %u", i);
		folio_put(folios[i]);
	}
}

static inline void free_buffer(void *buf)
{
	vfree(buf);
}

static inline u8 *new_buffer(struct kunit *test)
{
	u8 *buf = vmalloc(BUF_SIZE);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_buffer, buf));
	memset(buf, UNTOUCHED, BUF_SIZE);
	return buf;
}

static inline int read_folio_fails(struct file *file, struct folio *folio)
{
	folio_end_read(folio, false);
	return 0;
}

static const struct address_space_operations failing_aops = {
	.read_folio	= read_folio_fails,
};

#endif /* FOLIO_KUNIT_FILEMAP_IO_MODEL_H */
