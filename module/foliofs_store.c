// SPDX-License-Identifier: GPL-2.0
/*
 * The store of foliofs: what a disk is to another filesystem.
 *
 * An inode has an array of blocks. An entry of it is memory that holds the data
 * of the block, or one of the values below; no entry is a hole. Past EOF the
 * blocks hold zeroes. Whatever has an entry has its space.
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "foliofs.h"

/* Reserved for a write that is to come; where a hole was, and where space was. */
#define RESERVED		xa_mk_value(1)
#define RESERVED_UNWRITTEN	xa_mk_value(2)
#define UNWRITTEN		xa_mk_value(3)

/* Reserved by a write that has not ended, and by nobody else since. */
#define PENDING			XA_MARK_0

static struct fofs_sb *sb_of(struct fofs_inode *fi)
{
	return fofs_sb(fi->vfs.i_sb);
}

static unsigned int blkbits(struct fofs_inode *fi)
{
	return sb_of(fi)->blkbits;
}

static size_t blksize(struct fofs_inode *fi)
{
	return 1UL << blkbits(fi);
}

static enum fofs_kind kind_of(const void *entry)
{
	if (!entry)
		return FOFS_HOLE;
	if (entry == RESERVED || entry == RESERVED_UNWRITTEN)
		return FOFS_RESERVED;
	if (entry == UNWRITTEN)
		return FOFS_UNWRITTEN;
	return FOFS_DATA;
}

static void free_block(void *entry)
{
	if (entry && !xa_is_value(entry))
		kvfree(entry);
}

/* Space. */

static int take_space(struct fofs_inode *fi, u64 nr)
{
	struct fofs_sb *fs = sb_of(fi);
	u64 limit = READ_ONCE(fs->limit);

	if (!nr)
		return 0;
	if ((u64)atomic64_add_return(nr, &fs->used) > limit && limit) {
		atomic64_sub(nr, &fs->used);
		return -ENOSPC;
	}
	fi->nr_blocks += nr;
	return 0;
}

static void give_space(struct fofs_inode *fi, u64 nr)
{
	atomic64_sub(nr, &sb_of(fi)->used);
	fi->nr_blocks -= nr;
}

static u64 count_holes(struct fofs_inode *fi, unsigned long first, unsigned long last)
{
	u64 nr = (u64)last - first + 1;
	unsigned long i;
	void *entry;

	xa_for_each_range(&fi->blocks, i, entry, first, last)
		nr--;
	return nr;
}

/**
 * fofs_store_init() - an inode without blocks
 * @fi: the inode
 */
void fofs_store_init(struct fofs_inode *fi)
{
	xa_init(&fi->blocks);
	fi->nr_blocks = 0;
	fi->seq = 0;
}

/**
 * fofs_store_destroy() - give all blocks back
 * @fi: the inode, which nobody else uses any more
 */
void fofs_store_destroy(struct fofs_inode *fi)
{
	unsigned long i;
	void *entry;

	xa_for_each(&fi->blocks, i, entry) {
		free_block(entry);
		cond_resched();
	}
	xa_destroy(&fi->blocks);
	give_space(fi, fi->nr_blocks);
}

/**
 * fofs_store_reserve() - take space for what will be written back
 * @fi: the inode
 * @pos: first byte that is written
 * @len: number of bytes, not 0
 * @pending: of a write that may end early, and calls fofs_store_settle()
 *
 * Context: may sleep; folios may be locked.
 * Return: 0, -ENOSPC or -ENOMEM; after an error nothing has been taken.
 */
int fofs_store_reserve(struct fofs_inode *fi, loff_t pos, u64 len, bool pending)
{
	unsigned long i, first = pos >> blkbits(fi), last = (pos + len - 1) >> blkbits(fi);
	int err;
	u64 nr;

	if (fofs_fault(fi, FOFS_FAULT_SPACE, pos, len))
		return -ENOSPC;
	down_write(&fi->lock);
	nr = count_holes(fi, first, last);
	err = take_space(fi, nr);
	for (i = first; !err && i <= last; i++) {
		void *entry = xa_load(&fi->blocks, i);

		if (entry && entry != UNWRITTEN) {
			if (!pending)
				xa_clear_mark(&fi->blocks, i, PENDING);
			continue;
		}
		err = xa_err(xa_store(&fi->blocks, i, entry ? RESERVED_UNWRITTEN : RESERVED,
				      GFP_NOFS));
		if (err)
			break;
		nr -= !entry;
		if (pending)
			xa_set_mark(&fi->blocks, i, PENDING);
		fi->seq++;
	}
	/* Only without memory: what was stored so far stays reserved. */
	if (err == -ENOMEM)
		give_space(fi, nr);
	up_write(&fi->lock);
	return err;
}

/**
 * fofs_store_settle() - a write has ended: give back what it did not need
 * @fi: the inode, locked
 * @pos: first byte that was to be written
 * @len: number of bytes that were to be written
 * @written: number of bytes that were
 */
void fofs_store_settle(struct fofs_inode *fi, loff_t pos, u64 len, u64 written)
{
	unsigned long i, last = (pos + len - 1) >> blkbits(fi);
	u64 keep = DIV_ROUND_UP_ULL(pos + written, blksize(fi));
	void *entry;

	if (!len)
		return;
	if (!written)
		keep = pos >> blkbits(fi);
	down_write(&fi->lock);
	i = pos >> blkbits(fi);
	for (entry = xa_find(&fi->blocks, &i, last, PENDING); entry;
	     entry = xa_find_after(&fi->blocks, &i, last, PENDING)) {
		xa_clear_mark(&fi->blocks, i, PENDING);
		if (i < keep)
			continue;
		if (entry == RESERVED) {
			xa_erase(&fi->blocks, i);
			give_space(fi, 1);
			fi->seq++;
		} else if (entry == RESERVED_UNWRITTEN) {
			/* An entry that is there needs no memory to change. */
			xa_store(&fi->blocks, i, UNWRITTEN, GFP_NOFS);
			fi->seq++;
		}
	}
	up_write(&fi->lock);
}

/**
 * fofs_store_allocate() - take space that reads as zeroes, as fallocate() does
 * @fi: the inode
 * @pos: first byte
 * @len: number of bytes, not 0
 *
 * Return: 0, -EINTR, -ENOMEM, or -ENOSPC, and then nothing has been taken.
 */
int fofs_store_allocate(struct fofs_inode *fi, loff_t pos, u64 len)
{
	unsigned long i, first = pos >> blkbits(fi), last = (pos + len - 1) >> blkbits(fi);
	int err;
	u64 nr;

	down_write(&fi->lock);
	nr = count_holes(fi, first, last);
	err = take_space(fi, nr);
	if (err) {
		up_write(&fi->lock);
		return err;
	}
	for (i = first; nr && i <= last; i++) {
		if (xa_load(&fi->blocks, i))
			continue;
		if (fatal_signal_pending(current))
			err = -EINTR;
		else
			err = xa_err(xa_store(&fi->blocks, i, UNWRITTEN, GFP_NOFS));
		if (err)
			break;
		nr--;
		fi->seq++;
		cond_resched();
	}
	give_space(fi, nr);
	up_write(&fi->lock);
	return err;
}

/* The part of one block that lies in a range. */
static void zero_part(struct fofs_inode *fi, unsigned long i, loff_t from, loff_t to)
{
	loff_t start = (loff_t)i << blkbits(fi);
	loff_t end = min_t(loff_t, to, start + blksize(fi));
	void *entry = xa_load(&fi->blocks, i);

	from = max(from, start);
	if (from < end && kind_of(entry) == FOFS_DATA)
		memset(entry + (from - start), 0, end - from);
}

/**
 * fofs_store_punch() - make a range read as zeroes
 * @fi: the inode
 * @from: first byte
 * @to: byte after the last
 * @keep: whole blocks keep their space, else they become holes
 *
 * The page cache has been dealt with, and nothing comes into it meanwhile.
 */
void fofs_store_punch(struct fofs_inode *fi, loff_t from, loff_t to, bool keep)
{
	unsigned long first = DIV_ROUND_UP_ULL(from, blksize(fi)), end = to >> blkbits(fi), i;
	void *entry;

	down_write(&fi->lock);
	/* In turn or both in the same block. */
	zero_part(fi, from >> blkbits(fi), from, min_t(loff_t, to, (loff_t)first << blkbits(fi)));
	if (end >= first)
		zero_part(fi, end, (loff_t)end << blkbits(fi), to);
	if (end > first) {
		xa_for_each_range(&fi->blocks, i, entry, first, end - 1) {
			if (keep) {
				xa_store(&fi->blocks, i, UNWRITTEN, GFP_NOFS);
				xa_clear_mark(&fi->blocks, i, PENDING);
			} else {
				xa_erase(&fi->blocks, i);
				give_space(fi, 1);
			}
			free_block(entry);
			fi->seq++;
			cond_resched();
		}
	}
	up_write(&fi->lock);
}

/* Data. */

static int read_bytes(struct fofs_inode *fi, loff_t pos, void *to, size_t len)
{
	while (len) {
		size_t off = pos & (blksize(fi) - 1);
		size_t n = min(len, blksize(fi) - off);
		void *entry = xa_load(&fi->blocks, pos >> blkbits(fi));

		if (kind_of(entry) == FOFS_DATA)
			memcpy(to, entry + off, n);
		else
			memset(to, 0, n);
		pos += n;
		to += n;
		len -= n;
	}
	return 0;
}

/* Makes a block that has its space hold data. */
static void *data_block(struct fofs_inode *fi, unsigned long i)
{
	void *entry = xa_load(&fi->blocks, i), *data;
	int err;

	if (kind_of(entry) == FOFS_DATA)
		return entry;
	data = kvzalloc(blksize(fi), GFP_NOFS | __GFP_RETRY_MAYFAIL);
	if (!data)
		return ERR_PTR(-ENOMEM);
	err = xa_err(xa_store(&fi->blocks, i, data, GFP_NOFS));
	if (err) {
		kvfree(data);
		return ERR_PTR(err);
	}
	fi->seq++;
	return data;
}

/**
 * fofs_store_read() - fill a part of a folio from the store
 * @fi: the inode
 * @folio: the folio, locked
 * @off: first byte in the folio
 * @len: number of bytes
 *
 * Return: 0 or -EIO.
 */
int fofs_store_read(struct fofs_inode *fi, struct folio *folio, size_t off, size_t len)
{
	loff_t pos = folio_pos(folio) + off;

	fofs_slow(fi, FOFS_FAULT_SLOW_READ, pos, len);
	if (fofs_fault(fi, FOFS_FAULT_READ, pos, len))
		return -EIO;
	down_read(&fi->lock);
	while (len) {
		size_t n = min(len, PAGE_SIZE - offset_in_page(off));
		void *to = kmap_local_folio(folio, off);

		read_bytes(fi, pos, to, n);
		kunmap_local(to);
		pos += n;
		off += n;
		len -= n;
	}
	up_read(&fi->lock);
	flush_dcache_folio(folio);
	return 0;
}

/**
 * fofs_store_writeback() - write a part of a folio to the store
 * @fi: the inode
 * @folio: the folio, under writeback
 * @off: first byte in the folio, a multiple of the block size
 * @len: number of bytes
 *
 * Where no space was taken, nothing was written to the page cache.
 *
 * Return: 0, -EIO or -ENOMEM.
 */
int fofs_store_writeback(struct fofs_inode *fi, struct folio *folio, size_t off, size_t len)
{
	loff_t pos = folio_pos(folio) + off;
	int err = 0;

	fofs_slow(fi, FOFS_FAULT_SLOW_WRITEBACK, pos, len);
	if (fofs_fault(fi, FOFS_FAULT_WRITEBACK, pos, len))
		return -EIO;
	down_write(&fi->lock);
	while (len) {
		size_t n = min(len, blksize(fi));
		enum fofs_kind kind = kind_of(xa_load(&fi->blocks, pos >> blkbits(fi)));
		void *to;

		if (kind == FOFS_RESERVED || kind == FOFS_DATA) {
			to = data_block(fi, pos >> blkbits(fi));
			if (IS_ERR(to)) {
				err = PTR_ERR(to);
				break;
			}
			memcpy_from_folio(to, folio, off, n);
		}
		pos += n;
		off += n;
		len -= n;
	}
	up_write(&fi->lock);
	return err;
}

/**
 * fofs_store_read_bytes() - read the store, not the page cache
 * @fi: the inode
 * @pos: first byte
 * @to: where to
 * @len: number of bytes
 *
 * Return: 0 or -EIO.
 */
int fofs_store_read_bytes(struct fofs_inode *fi, loff_t pos, void *to, size_t len)
{
	fofs_slow(fi, FOFS_FAULT_SLOW_READ, pos, len);
	if (fofs_fault(fi, FOFS_FAULT_READ, pos, len))
		return -EIO;
	down_read(&fi->lock);
	read_bytes(fi, pos, to, len);
	up_read(&fi->lock);
	return 0;
}

/**
 * fofs_store_write_bytes() - write whole blocks to the store, not the page cache
 * @fi: the inode, locked
 * @pos: first byte, a multiple of the block size
 * @from: the bytes
 * @len: number of bytes, another multiple
 *
 * Return: 0, -ENOSPC, -ENOMEM or -EIO.
 */
int fofs_store_write_bytes(struct fofs_inode *fi, loff_t pos, const void *from, size_t len)
{
	size_t i;
	int err = fofs_store_reserve(fi, pos, len, true);

	if (err)
		return err;
	fofs_slow(fi, FOFS_FAULT_SLOW_WRITEBACK, pos, len);
	if (fofs_fault(fi, FOFS_FAULT_WRITEBACK, pos, len)) {
		fofs_store_settle(fi, pos, len, 0);
		return -EIO;
	}
	down_write(&fi->lock);
	for (i = 0; !err && i < len; i += blksize(fi)) {
		void *to = data_block(fi, (pos + i) >> blkbits(fi));

		err = PTR_ERR_OR_ZERO(to);
		if (!err)
			memcpy(to, from + i, blksize(fi));
	}
	up_write(&fi->lock);
	fofs_store_settle(fi, pos, len, err ? 0 : len);
	return err;
}

/* Ranges. */

/* Moves the entry of a block, or the hole there, to another. */
static int move_block(struct fofs_inode *fi, unsigned long from, unsigned long to)
{
	void *entry = xa_load(&fi->blocks, from), *old;

	old = xa_store(&fi->blocks, to, entry, GFP_NOFS);
	if (xa_is_err(old))
		return xa_err(old);
	xa_erase(&fi->blocks, from);
	return 0;
}

/**
 * fofs_store_collapse() - remove a range; what follows moves up
 * @fi: the inode
 * @pos: first byte, a multiple of the block size
 * @len: number of bytes, another
 *
 * Return: 0 or -ENOMEM, and then the range is a hole.
 */
int fofs_store_collapse(struct fofs_inode *fi, loff_t pos, loff_t len)
{
	unsigned long i, nr = len >> blkbits(fi);
	void *entry;
	int err = 0;

	fofs_store_punch(fi, pos, pos + len, false);
	down_write(&fi->lock);
	fi->seq++;
	xa_for_each_start(&fi->blocks, i, entry, (unsigned long)((pos + len) >> blkbits(fi))) {
		err = move_block(fi, i, i - nr);
		if (err)
			break;
		cond_resched();
	}
	up_write(&fi->lock);
	return err;
}

/* The last block before @end that has an entry, or @first - 1. */
static unsigned long last_block(struct fofs_inode *fi, unsigned long first, unsigned long end)
{
	unsigned long lo = first, hi = end;

	/* Invariant: nothing at or after @hi, and something from @lo on if anywhere. */
	while (lo < hi) {
		unsigned long mid = lo + (hi - lo) / 2, at = mid;

		if (xa_find(&fi->blocks, &at, end - 1, XA_PRESENT))
			lo = at + 1;
		else
			hi = mid;
	}
	return lo - 1;
}

/**
 * fofs_store_insert() - make room for a hole; what follows moves down
 * @fi: the inode
 * @pos: first byte of the hole, a multiple of the block size
 * @len: number of bytes, another
 *
 * Return: 0 or -ENOMEM, and then all is as before.
 */
int fofs_store_insert(struct fofs_inode *fi, loff_t pos, loff_t len)
{
	unsigned long first = pos >> blkbits(fi), nr = len >> blkbits(fi);
	unsigned long end = ULONG_MAX - nr, i;
	int err = 0;

	down_write(&fi->lock);
	fi->seq++;
	for (;;) {
		i = last_block(fi, first, end);
		if (i + 1 == first)
			break;
		err = move_block(fi, i, i + nr);
		if (err)
			break;
		end = i;
		cond_resched();
	}
	if (err) {
		/* These entries were there a moment ago; the nodes may not be. */
		while (end < ULONG_MAX - nr) {
			unsigned long at = end + nr;

			if (!xa_find(&fi->blocks, &at, ULONG_MAX, XA_PRESENT))
				break;
			if (move_block(fi, at, at - nr))
				break;
			end = at - nr + 1;
		}
	}
	up_write(&fi->lock);
	return err;
}

/**
 * fofs_store_extent() - what is known of a range of blocks
 * @fi: the inode
 * @pos: a byte of the first
 * @len: how far to look
 * @end: byte after the last block that is of the same kind, at least
 * @seq: fofs_inode::seq of this moment
 *
 * Return: what the first block is.
 */
enum fofs_kind fofs_store_extent(struct fofs_inode *fi, loff_t pos, u64 len, loff_t *end,
				 u64 *seq)
{
	unsigned long first = pos >> blkbits(fi), i = first;
	unsigned long last = (pos + len - 1) >> blkbits(fi);
	enum fofs_kind kind;
	void *entry;

	down_read(&fi->lock);
	entry = xa_load(&fi->blocks, first);
	kind = kind_of(entry);
	if (!entry) {
		if (!xa_find(&fi->blocks, &i, last, XA_PRESENT))
			i = last + 1;
	} else {
		for (i = first + 1; i <= last; i++)
			if (kind_of(xa_load(&fi->blocks, i)) != kind)
				break;
	}
	*end = (loff_t)i << blkbits(fi);
	*seq = fi->seq;
	up_read(&fi->lock);
	return kind;
}

/**
 * fofs_store_seek() - SEEK_HOLE and SEEK_DATA
 * @fi: the inode, locked
 * @pos: where to start, less than the size
 * @whence: which
 *
 * Return: the position, or -ENXIO if there are no data.
 */
loff_t fofs_store_seek(struct fofs_inode *fi, loff_t pos, int whence)
{
	loff_t size = i_size_read(&fi->vfs), end;
	bool want_data = whence == SEEK_DATA;
	u64 seq;

	while (pos < size) {
		enum fofs_kind kind = fofs_store_extent(fi, pos, size - pos, &end, &seq);
		bool data = kind == FOFS_RESERVED || kind == FOFS_DATA;

		if (data == want_data)
			return pos;
		pos = end;
	}
	return want_data ? -ENXIO : size;
}
