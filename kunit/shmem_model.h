/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites mm_shmem and mm_shmem_swap share.
 */
#ifndef FOLIO_KUNIT_SHMEM_MODEL_H
#define FOLIO_KUNIT_SHMEM_MODEL_H

#include <linux/falloc.h>
#include <linux/shmem_fs.h>

#include "truncate_model.h"

#if __has_include(<kunit/mm.h>)
#include <kunit/mm.h>
#define SHM_EXPORTS	1
#else
#define SHM_EXPORTS	0
#endif

static inline struct inode *shm_inode(struct folio_fixture *fx)
{
	return file_inode(fx->file);
}

/* An empty file in which fxt_add_shmem() chooses the orders. */
static inline struct folio_fixture *shm_file(struct kunit *test)
{
	static const char *const options[] = { "huge", "within_size", NULL };

	return fxt_open_tmpfs(test, fxt_mount_tmpfs(test, options));
}

/* Writes the folio at an index to swap, as reclaim does. */
static inline void shm_swap_out(struct folio_fixture *fx, pgoff_t index)
{
#if SHM_EXPORTS
	struct folio *folio = filemap_get_folio(fxt_mapping(fx), index);
	LIST_HEAD(list);

	KUNIT_ASSERT_FALSE_MSG(fx->test, IS_ERR(folio), "index %lu is not cached", index);
	lru_add_drain();
	KUNIT_ASSERT_TRUE_MSG(fx->test, folio_isolate_lru(folio), "index %lu", index);
	list_add(&folio->lru, &list);
	folio_clear_referenced(folio);
	folio_clear_active(folio);
	folio_put(folio);
	reclaim_pages(&list);
#endif
}

#endif /* FOLIO_KUNIT_SHMEM_MODEL_H */
