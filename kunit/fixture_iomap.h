/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A filesystem in memory under the fixture's file, for the suites of iomap: the
 * case says what each block is mapped to, how large a block is, which blocks
 * cannot be read or written, and when I/O ends; the record tells which bytes
 * iomap asked for.
 *
 * Two buffers stand beside the page cache: @disk, what was written, and @model,
 * what a reader of the file must see. Positions are those in the file.
 */
#ifndef FOLIO_KUNIT_FIXTURE_IOMAP_H
#define FOLIO_KUNIT_FIXTURE_IOMAP_H

#include <linux/fiemap.h>
#include <linux/iomap.h>
#include <linux/uio.h>

#include "fixture.h"

/* What iomap asked of the filesystem. */
enum iom_op {
	IOM_READ,
	IOM_WRITE,
	IOM_SUBMIT_READ,
	IOM_SUBMIT_WRITE,
	IOM_END,
	IOM_PUT,
	IOM_PUNCH,
	IOM_NR_OPS,
};

/**
 * struct iom_io - one recorded request
 * @op: what was asked
 * @pos: position in the file of its first byte
 * @len: number of bytes; for IOM_END and IOM_PUT those that were written
 * @flags: the flags of the mapping; only for IOM_END
 */
struct iom_io {
	enum iom_op op;
	loff_t pos;
	u64 len;
	unsigned int flags;
};

#define IOM_MAX_IOS	8192

/* I/O that has been asked for and not ended. */
struct iom_pending {
	struct folio *folio;
	size_t off;
	size_t len;
	bool write;
};

#define IOM_MAX_PENDING	512

/**
 * struct iom_fs - the filesystem in memory
 * @fx: the file
 * @test: the case
 * @base: position in the file of the first byte of @disk, page aligned
 * @size: number of bytes of @disk, @model and @buf
 * @disk: what is on disk; what lies in holes and unwritten extents is garbage
 * @model: what the file holds
 * @buf: what the next write brings
 * @type: IOMAP_HOLE etc. of each 512 bytes
 * @flags: IOMAP_F_NEW, IOMAP_F_SHARED etc. of each 512 bytes
 * @ios: the record
 * @nr_pending: entries of @pending
 * @pending: what iom_complete() will end
 * @gen: tells the bytes of one write from those of another
 * @max_extent: no mapping is longer; 0 for no limit
 * @max_write: ->writeback_range() takes no more bytes at once; 0 for no limit
 * @bad_from: first byte that cannot be read or written
 * @bad_to: byte after the last
 * @refuse: requests for bad bytes are refused; else they are taken and fail
 * @defer: I/O ends only in iom_complete()
 * @hooks: use ->get_folio() and ->put_folio()
 * @ioend: writeback goes through bios and iomap's ioends, which end at once
 * @batch: zeroing of unwritten extents looks dirty folios up beforehand
 * @stale_at: this call of ->iomap_valid(), from 1, finds the mapping stale
 * @when_stale: how the extents changed by then
 * @valid_calls: number of calls of ->iomap_valid()
 * @inline_len: the file is one inline extent of this many bytes, 0 if not
 * @written_folios: sum of iomap_writepage_ctx::nr_folios
 * @nr_ios: entries of @ios
 */
struct iom_fs {
	struct folio_fixture *fx;
	struct kunit *test;
	loff_t base;
	size_t size;
	u8 *disk;
	u8 *model;
	u8 *buf;
	u8 *type;
	u16 *flags;
	struct iom_io ios[IOM_MAX_IOS];
	unsigned int nr_pending;
	struct iom_pending pending[IOM_MAX_PENDING];
	/* iom_reset() sets all from here on to 0. */
	u64 gen;
	size_t max_extent;
	size_t max_write;
	loff_t bad_from;
	loff_t bad_to;
	bool refuse;
	bool defer;
	bool hooks;
	bool ioend;
	bool batch;
	unsigned int stale_at;
	void (*when_stale)(struct iom_fs *fs);
	unsigned int valid_calls;
	size_t inline_len;
	unsigned int written_folios;
	unsigned int nr_ios;
};

static inline size_t iom_blocksize(struct iom_fs *fs)
{
	return i_blocksize(&fs->fx->inode);
}

static inline struct address_space *iom_mapping(struct iom_fs *fs)
{
	return fxt_mapping(fs->fx);
}

/* The index of a position in @type and @flags. */
static inline size_t iom_sector(struct iom_fs *fs, loff_t pos)
{
	return (pos - fs->base) >> SECTOR_SHIFT;
}

struct iom_fs *iom_create(struct kunit *test, unsigned int min_order,
			  unsigned int max_order, loff_t base, size_t size);
void iom_reset(struct iom_fs *fs, unsigned int blkbits);
void iom_map(struct iom_fs *fs, loff_t from, loff_t to, unsigned int type,
	     unsigned int flags);
struct folio *iom_add_folio(struct iom_fs *fs, loff_t pos, unsigned int order);

int iom_read_folio(struct iom_fs *fs, struct folio *folio);
ssize_t iom_write(struct iom_fs *fs, loff_t pos, size_t len, int iocb_flags);
ssize_t iom_write_iter(struct iom_fs *fs, loff_t pos, struct iov_iter *iter,
		       int iocb_flags);
int iom_zero_range(struct iom_fs *fs, loff_t pos, loff_t len, bool *did_zero);
int iom_truncate_page(struct iom_fs *fs, loff_t pos, bool *did_zero);
int iom_unshare(struct iom_fs *fs, loff_t pos, loff_t len);
vm_fault_t iom_mkwrite(struct iom_fs *fs, struct page *page);
void iom_delalloc_release(struct iom_fs *fs, loff_t from, loff_t to);
loff_t iom_seek(struct iom_fs *fs, loff_t pos, int whence);
int iom_fiemap(struct iom_fs *fs, struct fiemap_extent_info *fi, u64 start, u64 len);
sector_t iom_bmap(struct iom_fs *fs, sector_t block);
void iom_complete(struct iom_fs *fs, unsigned int i, size_t piece);

const struct iom_io *iom_next_io(struct iom_fs *fs, enum iom_op op, const struct iom_io *io);
void iom_forget(struct iom_fs *fs);
unsigned int iom_count(struct iom_fs *fs, enum iom_op op);
bool iom_asked(struct iom_fs *fs, enum iom_op op, loff_t pos);
void iom_expect_asked(struct iom_fs *fs, enum iom_op op, loff_t from, loff_t to);
void iom_expect_cache(struct iom_fs *fs, loff_t from, loff_t to);
void iom_expect_disk(struct iom_fs *fs, loff_t from, loff_t to);
void iom_done(struct iom_fs *fs, struct folio *folio);
bool iom_uptodate(struct iom_fs *fs, struct folio *folio, size_t off, size_t len);

/* What the cases of all suites do. */

#define IOM_MAX_ORDER	FXT_MAX_ORDER

/* An eighth of a page to a whole one. */
static const unsigned int iom_blkbits[] __maybe_unused = {
	PAGE_SHIFT - 3, PAGE_SHIFT - 2, PAGE_SHIFT - 1, PAGE_SHIFT,
};

/* Large folios have room for every situation at either end of the block sizes. */
#define iom_for_each_blkbits(i, order)				\
	for (i = (order) == 8 ? 3 : 0; i < ARRAY_SIZE(iom_blkbits);	\
	     i += (order) < 7 ? 1 : (order) == 7 ? 3 : 4)

struct iom_fs *iom_create_two(struct kunit *test, unsigned int order,
			      unsigned int min_order);
struct folio *iom_add_one(struct iom_fs *fs, unsigned int order, bool second);
void iom_model_zeroes(struct iom_fs *fs, loff_t from, loff_t to);
unsigned long *iom_bitmap(struct iom_fs *fs);
void iom_expect_asked_map(struct iom_fs *fs, enum iom_op op, const unsigned long *map,
			  loff_t from, loff_t to);
void iom_write_back(struct iom_fs *fs);

#endif /* FOLIO_KUNIT_FIXTURE_IOMAP_H */
