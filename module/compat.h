/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one place that tests kernel versions: every entry names what changed
 * and in which release, and goes when the oldest base no longer needs it.
 */
#ifndef FOLIOLAB_COMPAT_H
#define FOLIOLAB_COMPAT_H

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#error "foliolab needs the folio interfaces of Linux 6.12 or newer: build it against such a kernel"
#endif

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
#define compat_maybe_shared(folio)		folio_likely_mapped_shared(folio)
#define mapping_wrprotect_range(mapping, pgoff, pfn, nr)	\
	((void)(mapping), (void)(pgoff), (void)(pfn), (void)(nr), 0)
#else
#define COMPAT_HAS_MAYBE_MAPPED_SHARED	1
#define COMPAT_HAS_WRPROTECT_RANGE	1
#define compat_maybe_shared(folio)	folio_maybe_mapped_shared(folio)
#endif

/* 6.18: the flags of an mm became a bitmap behind functions. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define mm_flags_set(flag, mm)		set_bit(flag, &(mm)->flags)
#define mm_flags_clear(flag, mm)	clear_bit(flag, &(mm)->flags)
#endif

/* 6.18: a file folio that reaches past EOF is no longer mapped by a PMD. */
#define COMPAT_NO_PMD_PAST_EOF	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0))

/* 6.18: truncate unmaps a folio that it could not split. */
#define COMPAT_UNMAPS_UNSPLIT	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0))

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

/* 6.17: ->write_begin() and ->write_end() are given the kiocb, not its file. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
typedef struct file *compat_write_ctx;
#else
typedef const struct kiocb *compat_write_ctx;
#endif

/*
 * 7.3: filesystems without a block device can give iomap their own reads, writes
 * and folios (6.17 to 6.19, in several forms since); the suites use this one.
 */
#define COMPAT_IOMAP_OPS	(LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0))

/* 6.13: page_pgoff() and 6.18: folio_next_pos() are new. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define page_pgoff(folio, page)	((folio)->index + folio_page_idx(folio, page))
#endif
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define folio_next_pos(folio)	(folio_pos(folio) + (loff_t)folio_size(folio))
#endif

/* 6.14: IOMAP_F_BOUNDARY is new. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
#define IOMAP_F_BOUNDARY	0
#endif

/* 6.14: a folio of uncached buffered I/O is marked to be dropped after writeback. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
#define COMPAT_DROPBEHIND	BIT(PG_dropbehind)
#else
#define COMPAT_DROPBEHIND	0UL
#endif

/* After 6.12: the state of an inode is read by an accessor. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
#define compat_inode_state(inode)	READ_ONCE((inode)->i_state)
#else
#define compat_inode_state(inode)	inode_state_read_once(inode)
#endif

/* After 6.12: dirty folios that are dropped when they have been written are counted apart. */
#define COMPAT_HAS_DONTCACHE_DIRTY	(LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0))

/* After 6.12: folio_mark_dirty_lock() took the place of set_page_dirty_lock(). */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define folio_mark_dirty_lock(folio)	(set_page_dirty_lock(&(folio)->page) != 0)
#endif

/* 6.17: the order of the next folios is part of a file's readahead state. */
#define COMPAT_HAS_RA_ORDER	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0))
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#define compat_set_ra_order(ra, o)	((void)((ra)->order = (o)))
#else
#define compat_set_ra_order(ra, o)	((void)(ra), (void)(o))
#endif

/* After 6.12: a window whose asynchronous part is larger than itself has no marker. */
#define COMPAT_RA_MARK_IN_WINDOW	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0))

/*
 * After 6.12: vfs_parse_fs_string() loses its length and is inline on top of the
 * exported vfs_parse_fs_qstr().
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define compat_parse_fs_string(fc, key, value)	\
	vfs_parse_fs_string(fc, key, value, strlen(value))
#else
#define compat_parse_fs_string(fc, key, value)	vfs_parse_fs_string(fc, key, value)
#endif

/* After 6.12: the flags of a VMA, which shmem_file_setup_with_mnt() takes, are a vma_flags_t. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
#define COMPAT_VMA_RESERVE	0
#define COMPAT_VMA_NORESERVE	VM_NORESERVE
#else
#define COMPAT_VMA_RESERVE	EMPTY_VMA_FLAGS
#define COMPAT_VMA_NORESERVE	mk_vma_flags(VMA_NORESERVE_BIT)
#endif

/* 6.15: memory of kmalloc() beyond the sizes of slabs has a page type. */
#define COMPAT_LARGE_KMALLOC_TYPED	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0))
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
#define PGTY_large_kmalloc	0xf8
#endif

/*
 * 6.17: the low bits of a folio's mapping were renamed, and pages that a driver can
 * migrate are no longer marked there.
 */
#ifndef FOLIO_MAPPING_FLAGS
#define FOLIO_MAPPING_ANON	PAGE_MAPPING_ANON
#define FOLIO_MAPPING_KSM	PAGE_MAPPING_KSM
#define FOLIO_MAPPING_FLAGS	PAGE_MAPPING_FLAGS
#endif

/* 6.15: the pages of a page pool carry an index beside its magic number. */
#ifndef PP_MAGIC_MASK
#define PP_MAGIC_MASK	(~0x3UL)
#endif

/* 6.15: the function of a timer is set with the rest of it. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
#define hrtimer_setup(timer, fn, clock, mode)	\
	(hrtimer_init(timer, clock, mode), (void)((timer)->function = (fn)))
#endif

/* After 6.12: where that saves memory, a tail does not name its head but masks itself. */
#define COMPAT_TAIL_MASK	(LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0))

/* 6.18: the largest order of a folio has a name. */
#ifndef MAX_FOLIO_ORDER
#define MAX_FOLIO_ORDER	ilog2(MAX_FOLIO_NR_PAGES)
#endif

/* After 6.12: a file folio whose PMD goes was in use if the PMD says so. */
#define COMPAT_PMD_ZAP_MARKS_ACCESSED	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0))

/* 6.14: files of tmpfs have folios of all orders; before, of one page or a whole PMD. */
#define COMPAT_TMPFS_ORDERS	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0))

/* 6.18: the flags of a page and of a folio are a memdesc_flags_t. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define compat_folio_flags(folio)	READ_ONCE((folio)->flags)
#define compat_page_flags(page)		READ_ONCE((page)->flags)
#else
#define compat_folio_flags(folio)	READ_ONCE((folio)->flags.f)
#define compat_page_flags(page)		READ_ONCE((page)->flags.f)
#endif

/* After 6.12: memory for one object, by its type. */
#ifndef kmalloc_obj
#define kmalloc_obj(obj, gfp)	kmalloc(sizeof(obj), gfp)
#define kvzalloc_obj(obj, gfp)	kvzalloc(sizeof(obj), gfp)
#endif

/* 6.15: ->mkdir() returns a dentry, or an error as one. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
typedef int compat_mkdir_ret;
#define compat_mkdir_ret(err)	(err)
#else
typedef struct dentry *compat_mkdir_ret;
#define compat_mkdir_ret(err)	ERR_PTR(err)
#endif

/* After 6.12: ->create() is no longer told whether the file must be new. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
#define compat_create_args(idmap, dir, dentry, mode)				\
	struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,	\
	umode_t mode, bool excl
#else
#define compat_create_args(idmap, dir, dentry, mode)				\
	struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry, umode_t mode
#endif

/*
 * 6.19: a dentry that has nothing but memory behind it is made persistent;
 * before, it kept a reference that kill_litter_super() dropped.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
static inline void compat_make_persistent(struct dentry *dentry, struct inode *inode)
{
	d_instantiate(dentry, inode);
	dget(dentry);
}

#define compat_kill_persistent_super(sb)	kill_litter_super(sb)
#else
#define compat_make_persistent(dentry, inode)	d_make_persistent(dentry, inode)
#define compat_kill_persistent_super(sb)	kill_anon_super(sb)
#endif

#endif /* FOLIOLAB_COMPAT_H */
