/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one place that tests kernel versions: every entry names what changed
 * and in which release, and goes when the oldest base no longer needs it.
 */
#ifndef FOLIOLAB_COMPAT_H
#define FOLIOLAB_COMPAT_H

#include <linux/module.h>
#include <linux/version.h>

/* 6.13: MODULE_IMPORT_NS() and EXPORT_SYMBOL_NS() take a string, not a bare word. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define COMPAT_NS(ns)	ns
#else
#define COMPAT_NS(ns)	#ns
#endif

/*
 * 6.15: folio_likely_mapped_shared(), which could err both ways, became
 * folio_maybe_mapped_shared(), which never calls a shared folio exclusive.
 * mapping_wrprotect_range() is new in the same release.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
#define COMPAT_HAS_MAYBE_MAPPED_SHARED	0
#define COMPAT_HAS_WRPROTECT_RANGE	0
#define folio_maybe_mapped_shared(folio)	((void)(folio), false)
#define mapping_wrprotect_range(mapping, pgoff, pfn, nr)	\
	((void)(mapping), (void)(pgoff), (void)(pfn), (void)(nr), 0)
#else
#define COMPAT_HAS_MAYBE_MAPPED_SHARED	1
#define COMPAT_HAS_WRPROTECT_RANGE	1
#endif

/* 6.18: a file folio that reaches past EOF is no longer mapped by a PMD. */
#define COMPAT_NO_PMD_PAST_EOF	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0))

/* After 6.12: the header of folio batches, and how many a batch holds, were renamed. */
#if __has_include(<linux/folio_batch.h>)
#include <linux/folio_batch.h>
#else
#include <linux/pagevec.h>
#define FOLIO_BATCH_SIZE	PAGEVEC_SIZE
#endif

/*
 * 6.13: pagecache_isize_extended() zeroes what lay past the old EOF in a dirty
 * folio; before, that was left to writeback.
 */
#define COMPAT_ISIZE_EXTENDED_ZEROES	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0))

/*
 * After 6.12: page_cache_prev_miss() that finds no gap returns an index outside
 * its range, as documented; before, the last one inside.
 */
#define COMPAT_PREV_MISS_OUTSIDE	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0))

/*
 * After 6.12: truncate splits a large folio to the minimum order of its mapping;
 * before, to order 0 or not at all.
 */
#define COMPAT_SPLITS_TO_MIN_ORDER	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0))

/*
 * 6.18: vfs_parse_fs_string() loses its length and is inline on top of the
 * exported vfs_parse_fs_qstr().
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define compat_parse_fs_string(fc, key, value)	\
	vfs_parse_fs_string(fc, key, value, strlen(value))
#else
#define compat_parse_fs_string(fc, key, value)	vfs_parse_fs_string(fc, key, value)
#endif

#endif /* FOLIOLAB_COMPAT_H */
