// SPDX-License-Identifier: GPL-2.0
/*
 * The filesystem in memory of the iomap suites: see fixture_iomap.h.
 */
#include <linux/backing-dev.h>
#include <linux/bio.h>
#include <linux/bitmap.h>
#include <linux/highmem.h>
#include <linux/module.h>
#include <linux/vmalloc.h>
#include <linux/writeback.h>

#include "fixture_iomap.h"
#include "../module/compat.h"

#if COMPAT_IOMAP_OPS && IS_ENABLED(CONFIG_FS_IOMAP)

/* What is on disk where nothing was ever written, and in a folio before it is read. */
#define GARBAGE	0x5a

static struct iom_fs *to_iom(struct inode *inode)
{
	return inode->i_private;
}

static void record(struct iom_fs *fs, enum iom_op op, loff_t pos, u64 len, unsigned int flags)
{
	if (fs->nr_ios < IOM_MAX_IOS)
		fs->ios[fs->nr_ios] = (struct iom_io) { op, pos, len, flags };
	fs->nr_ios++;
}

/* Says who and where, like the fixture's stamps: which write, which word of the file. */
static u64 word_at(u64 gen, loff_t pos)
{
	return BIT_ULL(63) | gen << 48 | (u64)pos >> 3;
}

static void fill(u8 *bytes, u64 gen, loff_t pos, size_t len)
{
	size_t i = 0, skip, n;

	while (i < len) {
		u64 word = word_at(gen, pos + i);

		/* Most of it is whole words. */
		if (!((pos + i) & 7) && IS_ALIGNED((unsigned long)(bytes + i), 8))
			for (; i + 8 <= len; i += 8)
				*(u64 *)(bytes + i) = word++;
		if (i == len)
			break;
		word = word_at(gen, pos + i);
		skip = (pos + i) & 7;
		n = min(8 - skip, len - i);
		memcpy(bytes + i, (u8 *)&word + skip, n);
		i += n;
	}
}

/* Extents. */

static bool inside(struct iom_fs *fs, loff_t pos)
{
	return pos >= fs->base && pos < fs->base + fs->size;
}

static size_t sector_of(struct iom_fs *fs, loff_t pos)
{
	return (pos - fs->base) >> SECTOR_SHIFT;
}

/* The extent that holds a position: its first byte and the one after its last. */
static void find_extent(struct iom_fs *fs, loff_t pos, loff_t *from, loff_t *to)
{
	size_t first, last, nr = fs->size >> SECTOR_SHIFT;

	if (pos < fs->base) {
		*from = 0;
		*to = fs->base;
		return;
	}
	if (!inside(fs, pos)) {
		*from = fs->base + fs->size;
		*to = LLONG_MAX - PAGE_SIZE + 1;
		return;
	}
	first = sector_of(fs, pos);
	last = first;
	while (first && fs->type[first - 1] == fs->type[last] &&
	       fs->flags[first - 1] == fs->flags[last])
		first--;
	while (last < nr && fs->type[last] == fs->type[first] &&
	       fs->flags[last] == fs->flags[first])
		last++;
	*from = fs->base + ((loff_t)first << SECTOR_SHIFT);
	*to = fs->base + ((loff_t)last << SECTOR_SHIFT);
	if (fs->max_extent) {
		loff_t cut = fs->base + rounddown((size_t)(pos - fs->base), fs->max_extent);

		*from = max(*from, cut);
		*to = min_t(loff_t, *to, cut + fs->max_extent);
	}
}

static void fill_map(struct iom_fs *fs, loff_t pos, struct iomap *map)
{
	loff_t from, to;

	find_extent(fs, pos, &from, &to);
	map->offset = from;
	map->length = to - from;
	map->type = inside(fs, pos) ? fs->type[sector_of(fs, pos)] : IOMAP_HOLE;
	map->flags = inside(fs, pos) ? fs->flags[sector_of(fs, pos)] : 0;
	map->addr = IOMAP_NULL_ADDR;
	if (map->type == IOMAP_MAPPED || map->type == IOMAP_UNWRITTEN)
		map->addr = from - fs->base;
	map->validity_cookie = fs->stale_at && fs->valid_calls >= fs->stale_at;
}

/* As far as the batch has room, the mapping goes. */
static void find_dirty(struct iomap_iter *iter, loff_t pos, loff_t length)
{
	struct iomap *iomap = &iter->iomap;
	loff_t end = min_t(loff_t, pos + length, iomap->offset + iomap->length), done = pos;
	unsigned int flags = 0;

	iomap_fill_dirty_folios(iter, &done, end, &flags);
	iomap->flags |= flags;
	if (done > pos && done < end)
		iomap->length = done - iomap->offset;
}

static int iom_begin(struct inode *inode, loff_t pos, loff_t length, unsigned int flags,
		     struct iomap *iomap, struct iomap *srcmap)
{
	struct iom_fs *fs = to_iom(inode);
	loff_t end = round_up(pos + length, i_blocksize(inode));

	if (fs->inline_len) {
		iomap->type = IOMAP_INLINE;
		iomap->offset = 0;
		iomap->length = fs->size;
		iomap->addr = IOMAP_NULL_ADDR;
		iomap->inline_data = fs->disk;
		return 0;
	}
	fill_map(fs, pos, iomap);
	if (flags & (IOMAP_WRITE | IOMAP_ZERO) && iomap->flags & IOMAP_F_SHARED) {
		*srcmap = *iomap;
		iomap->type = IOMAP_DELALLOC;
		iomap->addr = IOMAP_NULL_ADDR;
		srcmap->flags &= ~IOMAP_F_SHARED;
	} else if (flags & IOMAP_WRITE && iomap->type == IOMAP_HOLE && inside(fs, pos)) {
		/* Space is reserved for what will be written, in whole blocks. */
		end = min_t(loff_t, end, iomap->offset + iomap->length);
		iom_map(fs, round_down(pos, i_blocksize(inode)), end, IOMAP_DELALLOC, 0);
		fill_map(fs, pos, iomap);
	} else if (flags & IOMAP_ZERO && fs->batch && iomap->type == IOMAP_UNWRITTEN) {
		find_dirty(container_of(iomap, struct iomap_iter, iomap), pos, length);
	}
	return 0;
}

static int iom_end(struct inode *inode, loff_t pos, loff_t length, ssize_t written,
		   unsigned int flags, struct iomap *iomap)
{
	record(to_iom(inode), IOM_END, pos, written, iomap->flags);
	return 0;
}

static const struct iomap_ops iom_ops = {
	.iomap_begin	= iom_begin,
	.iomap_end	= iom_end,
};

/* I/O. */

static bool is_bad(struct iom_fs *fs, loff_t pos, size_t len)
{
	return pos < fs->bad_to && pos + len > fs->bad_from;
}

static void check_request(struct iom_fs *fs, struct folio *folio, loff_t pos, size_t len)
{
	KUNIT_EXPECT_TRUE_MSG(fs->test, folio_test_locked(folio), "%zu at %lld", len, pos);
	KUNIT_ASSERT_TRUE_MSG(fs->test, len && pos >= fs->base &&
			      pos + len <= fs->base + fs->size, "%zu at %lld", len, pos);
	KUNIT_ASSERT_TRUE_MSG(fs->test, pos >= folio_pos(folio) &&
			      pos + len <= folio_pos(folio) + folio_size(folio),
			      "%zu at %lld, folio %lld+%zu", len, pos, folio_pos(folio),
			      folio_size(folio));
}

static void add_pending(struct iom_fs *fs, struct folio *folio, size_t off, size_t len,
			bool write)
{
	KUNIT_ASSERT_LT(fs->test, fs->nr_pending, IOM_MAX_PENDING);
	folio_get(folio);
	fs->pending[fs->nr_pending++] = (struct iom_pending) { folio, off, len, write };
}

static int iom_read_range(const struct iomap_iter *iter, struct iomap_read_folio_ctx *ctx,
			  size_t len)
{
	struct iom_fs *fs = to_iom(iter->inode);
	struct folio *folio = ctx->cur_folio;

	record(fs, IOM_READ, iter->pos, len, 0);
	check_request(fs, folio, iter->pos, len);
	if (fs->refuse && is_bad(fs, iter->pos, len))
		return -EIO;
	ctx->read_ctx = fs;
	add_pending(fs, folio, offset_in_folio(folio, iter->pos), len, false);
	if (!fs->defer)
		iom_complete(fs, fs->nr_pending - 1, 0);
	return 0;
}

static void iom_submit_read(const struct iomap_iter *iter, struct iomap_read_folio_ctx *ctx)
{
	record(to_iom(iter->inode), IOM_SUBMIT_READ, iter->pos, 0, 0);
	ctx->read_ctx = NULL;
}

static const struct iomap_read_ops iom_read_ops = {
	.read_folio_range	= iom_read_range,
	.submit_read		= iom_submit_read,
};

static ssize_t iom_write_range(struct iomap_writepage_ctx *wpc, struct folio *folio, u64 pos,
			       unsigned int len, u64 end_pos)
{
	struct iom_fs *fs = to_iom(wpc->inode);
	loff_t from, to;
	size_t n = len;

	check_request(fs, folio, pos, len);
	KUNIT_EXPECT_TRUE(fs->test, folio_test_writeback(folio));
	KUNIT_EXPECT_FALSE(fs->test, folio_test_dirty(folio));
	KUNIT_EXPECT_LT_MSG(fs->test, pos, end_pos, "%u bytes", len);
	find_extent(fs, pos, &from, &to);
	n = min_t(u64, n, to - pos);
	if (fs->max_write)
		n = min(n, fs->max_write);
	fill_map(fs, pos, &wpc->iomap);
	if (wpc->iomap.type == IOMAP_HOLE)
		return n;
	if (fs->ioend) {
		if (wpc->iomap.type == IOMAP_DELALLOC) {
			iom_map(fs, pos, pos + n, IOMAP_MAPPED, 0);
			fill_map(fs, pos, &wpc->iomap);
		}
		return iomap_add_to_ioend(wpc, folio, pos, end_pos, n);
	}
	record(fs, IOM_WRITE, pos, n, 0);
	wpc->wb_ctx = fs;
	if (fs->refuse && is_bad(fs, pos, n))
		return -EIO;
	iom_map(fs, pos, pos + n, IOMAP_MAPPED, 0);
	add_pending(fs, folio, offset_in_folio(folio, pos), n, true);
	if (!fs->defer)
		iom_complete(fs, fs->nr_pending - 1, 0);
	return n;
}

/* What a disk does with the bio, and the filesystem when the disk is done. */
static int end_ioend(struct iom_fs *fs, struct iomap_ioend *ioend, int error)
{
	loff_t pos = ioend->io_offset;
	u32 size = ioend->io_bio.bi_iter.bi_size;
	struct folio_iter fi;

	record(fs, IOM_WRITE, pos, size, ioend->io_flags);
	KUNIT_EXPECT_EQ(fs->test, ioend->io_bio.bi_iter.bi_sector, sector_of(fs, pos));
	KUNIT_EXPECT_LE(fs->test, ioend->io_size, size);
	if (!error && is_bad(fs, pos, size))
		error = -EIO;
	bio_for_each_folio_all(fi, &ioend->io_bio) {
		KUNIT_EXPECT_EQ_MSG(fs->test, pos, folio_pos(fi.folio) + (loff_t)fi.offset,
				    "%zu bytes of %u at %lld", fi.length, size, ioend->io_offset);
		KUNIT_EXPECT_TRUE(fs->test, folio_test_writeback(fi.folio));
		if (!error)
			memcpy_from_folio(fs->disk + (pos - fs->base), fi.folio, fi.offset,
					  fi.length);
		pos += fi.length;
	}
	KUNIT_EXPECT_EQ(fs->test, pos, ioend->io_offset + size);
	if (ioend->io_flags & IOMAP_IOEND_UNWRITTEN)
		iom_map(fs, ioend->io_offset, pos, IOMAP_MAPPED, 0);
	record(fs, IOM_SUBMIT_WRITE, ioend->io_offset, ioend->io_size, ioend->io_flags);
	iomap_finish_ioends(ioend, error);
	return error;
}

static int iom_submit_write(struct iomap_writepage_ctx *wpc, int error)
{
	struct iom_fs *fs = to_iom(wpc->inode);

	if (fs->ioend) {
		error = end_ioend(fs, wpc->wb_ctx, error);
		wpc->wb_ctx = NULL;
		return error;
	}
	record(fs, IOM_SUBMIT_WRITE, 0, wpc->nr_folios, error);
	fs->written_folios += wpc->nr_folios;
	wpc->wb_ctx = NULL;
	return error;
}

static const struct iomap_writeback_ops iom_writeback_ops = {
	.writeback_range	= iom_write_range,
	.writeback_submit	= iom_submit_write,
};

static int iom_read_sync(const struct iomap_iter *iter, struct folio *folio, loff_t pos,
			 size_t len)
{
	struct iom_fs *fs = to_iom(iter->inode);

	record(fs, IOM_READ, pos, len, 0);
	check_request(fs, folio, pos, len);
	if (is_bad(fs, pos, len))
		return -EIO;
	memcpy_to_folio(folio, offset_in_folio(folio, pos), fs->disk + (pos - fs->base), len);
	return 0;
}

static bool iom_valid(struct inode *inode, const struct iomap *iomap)
{
	struct iom_fs *fs = to_iom(inode);

	if (++fs->valid_calls == fs->stale_at && fs->when_stale)
		fs->when_stale(fs);
	return iomap->validity_cookie == (fs->stale_at && fs->valid_calls >= fs->stale_at);
}

static struct folio *iom_get_folio(struct iomap_iter *iter, loff_t pos, unsigned int len)
{
	return iomap_get_folio(iter, pos, len);
}

static void iom_put_folio(struct inode *inode, loff_t pos, unsigned int copied,
			  struct folio *folio)
{
	record(to_iom(inode), IOM_PUT, pos, copied, 0);
	folio_unlock(folio);
	folio_put(folio);
}

static const struct iomap_write_ops iom_write_ops = {
	.iomap_valid		= iom_valid,
	.read_folio_range	= iom_read_sync,
};

static const struct iomap_write_ops iom_hooked_write_ops = {
	.get_folio		= iom_get_folio,
	.put_folio		= iom_put_folio,
	.iomap_valid		= iom_valid,
	.read_folio_range	= iom_read_sync,
};

static const struct iomap_write_ops *write_ops(struct iom_fs *fs)
{
	return fs->hooks ? &iom_hooked_write_ops : &iom_write_ops;
}

static int iom_aop_read_folio(struct file *file, struct folio *folio)
{
	struct iomap_read_folio_ctx ctx = { .ops = &iom_read_ops, .cur_folio = folio };

	iomap_read_folio(&iom_ops, &ctx, NULL);
	return 0;
}

static void iom_readahead(struct readahead_control *rac)
{
	struct iomap_read_folio_ctx ctx = { .ops = &iom_read_ops, .rac = rac };

	iomap_readahead(&iom_ops, &ctx, NULL);
}

static int iom_writepages(struct address_space *mapping, struct writeback_control *wbc)
{
	struct iomap_writepage_ctx wpc = {
		.inode = mapping->host, .wbc = wbc, .ops = &iom_writeback_ops,
	};

	return iomap_writepages(&wpc);
}

static const struct address_space_operations iom_aops = {
	.read_folio		= iom_aop_read_folio,
	.readahead		= iom_readahead,
	.writepages		= iom_writepages,
	.dirty_folio		= iomap_dirty_folio,
	.release_folio		= iomap_release_folio,
	.invalidate_folio	= iomap_invalidate_folio,
	.is_partially_uptodate	= iomap_is_partially_uptodate,
	.migrate_folio		= filemap_migrate_folio,
	.error_remove_folio	= generic_error_remove_folio,
};

/**
 * iom_complete() - end one request that has been asked for
 * @fs: the filesystem
 * @i: which of @fs->pending
 * @piece: end it in pieces of this many bytes, the last first; 0 for all at once
 *
 * A read brings what is on disk; a piece that touches a bad byte fails.
 */
void iom_complete(struct iom_fs *fs, unsigned int i, size_t piece)
{
	struct iom_pending p = fs->pending[i];
	struct folio *folio = p.folio;
	loff_t pos = folio_pos(folio);
	size_t off, n;

	memmove(&fs->pending[i], &fs->pending[i + 1],
		(--fs->nr_pending - i) * sizeof(fs->pending[0]));
	/* A folio that is one block ends at once. */
	if (!piece || !folio->private)
		piece = p.len;
	for (off = rounddown(p.len - 1, piece) + p.off;; off -= piece) {
		int err = is_bad(fs, pos + off, 1) || is_bad(fs, pos + off, piece) ? -EIO : 0;
		u8 *disk = fs->disk + (pos + off - fs->base);

		n = min(piece, p.off + p.len - off);
		if (p.write) {
			if (!err)
				memcpy_from_folio(disk, folio, off, n);
			else
				mapping_set_error(iom_mapping(fs), err);
			KUNIT_EXPECT_TRUE(fs->test, folio_test_writeback(folio));
			iomap_finish_folio_write(&fs->fx->inode, folio, n);
		} else {
			KUNIT_EXPECT_TRUE(fs->test, folio_test_locked(folio));
			if (!err)
				memcpy_to_folio(folio, off, disk, n);
			iomap_finish_folio_read(folio, off, n, err);
		}
		if (off == p.off)
			break;
	}
	folio_put(folio);
}

EXPORT_SYMBOL_NS_GPL(iom_complete, COMPAT_NS(FOLIO_KUNIT));

static void free_fs(void *data)
{
	struct iom_fs *fs = data;

	fs->refuse = false;
	while (fs->nr_pending)
		iom_complete(fs, 0, 0);
	truncate_inode_pages(iom_mapping(fs), 0);
	fs->fx->inode.i_private = NULL;
	if (fs->nr_ios > IOM_MAX_IOS)
		KUNIT_FAIL(fs->test, "%u requests recorded, room for %d", fs->nr_ios, IOM_MAX_IOS);
	vfree(fs->disk);
	vfree(fs->model);
	vfree(fs->buf);
	vfree(fs->type);
	vfree(fs->flags);
	vfree(fs);
}

/**
 * iom_create() - make a file on a filesystem in memory
 * @test: the case
 * @min_order: smallest folio order that its mapping announces
 * @max_order: largest
 * @base: where in the file its data start, page aligned; a hole before
 * @size: number of bytes of data, page aligned; EOF is at @base + @size
 *
 * All of it is mapped, in blocks of one page; iom_reset() changes that.
 *
 * Return: the filesystem, which goes away when the case ends. A failure ends the
 * case; a kernel without iomap in the form of 7.3 skips it.
 */
struct iom_fs *iom_create(struct kunit *test, unsigned int min_order,
			  unsigned int max_order, loff_t base, size_t size)
{
	struct folio_fixture *fx = fxt_create(test, min_order, max_order);
	struct iom_fs *fs = vzalloc(sizeof(*fs));

	KUNIT_ASSERT_NOT_NULL(test, fs);
	/* So that iom_done() drains where the case's folios wait. */
	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
	fs->fx = fx;
	fs->test = test;
	fs->base = base;
	fs->size = size;
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_fs, fs));
	fs->disk = vmalloc(size);
	fs->model = vmalloc(size);
	fs->buf = vmalloc(size);
	fs->type = vmalloc(size >> SECTOR_SHIFT);
	fs->flags = vmalloc((size >> SECTOR_SHIFT) * sizeof(u16));
	KUNIT_ASSERT_TRUE(test, fs->disk && fs->model && fs->buf && fs->type && fs->flags);
	/* Without, the mapping is none that can be written back. */
	KUNIT_ASSERT_EQ(test, 0, super_setup_bdi(fx->inode.i_sb));
	fx->inode.i_private = fs;
	fxt_mapping(fx)->a_ops = &iom_aops;
	iom_reset(fs, PAGE_SHIFT);
	return fs;
}
EXPORT_SYMBOL_NS_GPL(iom_create, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_reset() - as new: nothing cached, everything mapped and stamped
 * @fs: the filesystem
 * @blkbits: log2 of its block size from now on
 */
void iom_reset(struct iom_fs *fs, unsigned int blkbits)
{
	KUNIT_ASSERT_EQ(fs->test, fs->nr_pending, 0);
	truncate_inode_pages(iom_mapping(fs), 0);
	KUNIT_ASSERT_EQ(fs->test, iom_mapping(fs)->nrpages, 0);
	fs->fx->inode.i_blkbits = blkbits;
	i_size_write(&fs->fx->inode, fs->base + fs->size);
	fs->gen = 0;
	fill(fs->disk, 0, fs->base, fs->size);
	memcpy(fs->model, fs->disk, fs->size);
	memset(fs->type, IOMAP_MAPPED, fs->size >> SECTOR_SHIFT);
	memset(fs->flags, 0, (fs->size >> SECTOR_SHIFT) * sizeof(u16));
	fs->max_extent = 0;
	fs->max_write = 0;
	fs->bad_from = 0;
	fs->bad_to = 0;
	fs->refuse = false;
	fs->defer = false;
	fs->hooks = false;
	fs->ioend = false;
	fs->batch = false;
	fs->stale_at = 0;
	fs->valid_calls = 0;
	fs->when_stale = NULL;
	fs->inline_len = 0;
	iom_forget(fs);
}
EXPORT_SYMBOL_NS_GPL(iom_reset, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_map() - say what a range is mapped to
 * @fs: the filesystem
 * @from: first byte, a multiple of the block size
 * @to: byte after the last, another
 * @type: IOMAP_HOLE, IOMAP_DELALLOC, IOMAP_MAPPED or IOMAP_UNWRITTEN
 * @flags: IOMAP_F_NEW, IOMAP_F_SHARED
 *
 * What is on disk there stays.
 */
void iom_map(struct iom_fs *fs, loff_t from, loff_t to, unsigned int type, unsigned int flags)
{
	size_t i;

	KUNIT_ASSERT_TRUE_MSG(fs->test, from >= fs->base && to <= fs->base + fs->size,
			      "map %lld to %lld", from, to);
	for (i = sector_of(fs, from); i < sector_of(fs, to); i++) {
		fs->type[i] = type;
		fs->flags[i] = flags;
	}
}
EXPORT_SYMBOL_NS_GPL(iom_map, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_add_folio() - put a folio of garbage in the page cache, not uptodate
 * @fs: the filesystem
 * @pos: where in the file; a multiple of its size
 * @order: its order
 *
 * Return: the folio, unlocked; the page cache and the case hold references.
 */
struct folio *iom_add_folio(struct iom_fs *fs, loff_t pos, unsigned int order)
{
	struct folio *folio = folio_alloc(mapping_gfp_mask(iom_mapping(fs)), order);
	size_t i;

	KUNIT_ASSERT_NOT_NULL(fs->test, folio);
	KUNIT_ASSERT_EQ(fs->test, folio_order(folio), order);
	for (i = 0; i < folio_nr_pages(folio); i++) {
		void *bytes = kmap_local_folio(folio, i * PAGE_SIZE);

		memset(bytes, GARBAGE, PAGE_SIZE);
		kunmap_local(bytes);
	}
	KUNIT_ASSERT_EQ(fs->test, 0, filemap_add_folio(iom_mapping(fs), folio, pos >> PAGE_SHIFT,
						       GFP_KERNEL));
	folio_unlock(folio);
	return folio;
}
EXPORT_SYMBOL_NS_GPL(iom_add_folio, COMPAT_NS(FOLIO_KUNIT));

/* Thin wrappers: who calls them needs no type that not every kernel has. */

int iom_read_folio(struct iom_fs *fs, struct folio *folio)
{
	folio_lock(folio);
	return iom_aop_read_folio(NULL, folio);
}
EXPORT_SYMBOL_NS_GPL(iom_read_folio, COMPAT_NS(FOLIO_KUNIT));

ssize_t iom_write_iter(struct iom_fs *fs, loff_t pos, struct iov_iter *iter, int iocb_flags)
{
	struct kiocb iocb;
	ssize_t ret;

	init_sync_kiocb(&iocb, fxt_file(fs->fx));
	iocb.ki_pos = pos;
	iocb.ki_flags |= iocb_flags;
	ret = iomap_file_buffered_write(&iocb, iter, &iom_ops, write_ops(fs), NULL);
	KUNIT_EXPECT_EQ_MSG(fs->test, iocb.ki_pos, pos + max(ret, 0), "write at %lld", pos);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(iom_write_iter, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_write() - write bytes that are like no others
 * @fs: the filesystem
 * @pos: where
 * @len: how many
 * @iocb_flags: IOCB_NOWAIT etc.
 *
 * The model holds afterwards what was written.
 *
 * Return: what iomap_file_buffered_write() returns.
 */
ssize_t iom_write(struct iom_fs *fs, loff_t pos, size_t len, int iocb_flags)
{
	struct kvec kvec = { .iov_base = fs->buf, .iov_len = len };
	struct iov_iter iter;
	ssize_t ret;

	KUNIT_ASSERT_LE(fs->test, len, fs->size);
	fs->gen = (fs->gen + 1) & 0x7fff;
	fill(fs->buf, fs->gen, pos, len);
	iov_iter_kvec(&iter, ITER_SOURCE, &kvec, 1, len);
	ret = iom_write_iter(fs, pos, &iter, iocb_flags);
	KUNIT_EXPECT_EQ_MSG(fs->test, iov_iter_count(&iter), len - max(ret, 0),
			    "write %zu at %lld", len, pos);
	if (ret > 0)
		memcpy(fs->model + (pos - fs->base), fs->buf, ret);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(iom_write, COMPAT_NS(FOLIO_KUNIT));

int iom_zero_range(struct iom_fs *fs, loff_t pos, loff_t len, bool *did_zero)
{
	return iomap_zero_range(&fs->fx->inode, pos, len, did_zero, &iom_ops, write_ops(fs), NULL);
}
EXPORT_SYMBOL_NS_GPL(iom_zero_range, COMPAT_NS(FOLIO_KUNIT));

int iom_truncate_page(struct iom_fs *fs, loff_t pos, bool *did_zero)
{
	return iomap_truncate_page(&fs->fx->inode, pos, did_zero, &iom_ops, write_ops(fs), NULL);
}
EXPORT_SYMBOL_NS_GPL(iom_truncate_page, COMPAT_NS(FOLIO_KUNIT));

int iom_unshare(struct iom_fs *fs, loff_t pos, loff_t len)
{
	return iomap_file_unshare(&fs->fx->inode, pos, len, &iom_ops, write_ops(fs));
}
EXPORT_SYMBOL_NS_GPL(iom_unshare, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_mkwrite() - what a write fault on a page asks of iomap
 * @fs: the filesystem
 * @page: the page, of any folio of the file
 *
 * Return: VM_FAULT_LOCKED and the folio locked, or an error.
 */
vm_fault_t iom_mkwrite(struct iom_fs *fs, struct page *page)
{
	struct vm_area_struct *vma = kunit_kzalloc(fs->test, sizeof(*vma), GFP_KERNEL);
	struct vm_fault vmf = { .vma = vma, .page = page };

	KUNIT_ASSERT_NOT_NULL(fs->test, vma);
	vma->vm_file = fxt_file(fs->fx);
	return iomap_page_mkwrite(&vmf, &iom_ops, NULL);
}
EXPORT_SYMBOL_NS_GPL(iom_mkwrite, COMPAT_NS(FOLIO_KUNIT));

static void iom_punch(struct inode *inode, loff_t pos, loff_t len, struct iomap *iomap)
{
	record(to_iom(inode), IOM_PUNCH, pos, len, 0);
}

/**
 * iom_delalloc_release() - give back what a short write had reserved
 * @fs: the filesystem
 * @from: first byte
 * @to: byte after the last
 *
 * The record has an IOM_PUNCH for each range that is given back.
 */
void iom_delalloc_release(struct iom_fs *fs, loff_t from, loff_t to)
{
	struct iomap iomap = {};

	fill_map(fs, from, &iomap);
	filemap_invalidate_lock(iom_mapping(fs));
	iomap_write_delalloc_release(&fs->fx->inode, from, to, 0, &iomap, iom_punch);
	filemap_invalidate_unlock(iom_mapping(fs));
}
EXPORT_SYMBOL_NS_GPL(iom_delalloc_release, COMPAT_NS(FOLIO_KUNIT));

loff_t iom_seek(struct iom_fs *fs, loff_t pos, int whence)
{
	return whence == SEEK_DATA ? iomap_seek_data(&fs->fx->inode, pos, &iom_ops) :
				     iomap_seek_hole(&fs->fx->inode, pos, &iom_ops);
}
EXPORT_SYMBOL_NS_GPL(iom_seek, COMPAT_NS(FOLIO_KUNIT));

int iom_fiemap(struct iom_fs *fs, struct fiemap_extent_info *fi, u64 start, u64 len)
{
	return iomap_fiemap(&fs->fx->inode, fi, start, len, &iom_ops);
}
EXPORT_SYMBOL_NS_GPL(iom_fiemap, COMPAT_NS(FOLIO_KUNIT));

sector_t iom_bmap(struct iom_fs *fs, sector_t block)
{
	return iomap_bmap(iom_mapping(fs), block, &iom_ops);
}
EXPORT_SYMBOL_NS_GPL(iom_bmap, COMPAT_NS(FOLIO_KUNIT));

#else /* iomap as in 7.3 */

struct iom_fs *iom_create(struct kunit *test, unsigned int min_order,
			  unsigned int max_order, loff_t base, size_t size)
{
	kunit_skip(test, "needs CONFIG_FS_IOMAP and iomap's operations of 7.3");
	return NULL;
}
EXPORT_SYMBOL_NS_GPL(iom_create, COMPAT_NS(FOLIO_KUNIT));

/* Never called: there is no filesystem to call them with. */
#define IOM_STUB(ret, name, ...)				\
	ret name(__VA_ARGS__) { return (ret)0; }		\
	EXPORT_SYMBOL_NS_GPL(name, COMPAT_NS(FOLIO_KUNIT))

IOM_STUB(void, iom_reset, struct iom_fs *fs, unsigned int blkbits);
IOM_STUB(void, iom_map, struct iom_fs *fs, loff_t from, loff_t to, unsigned int type,
	 unsigned int flags);
IOM_STUB(struct folio *, iom_add_folio, struct iom_fs *fs, loff_t pos, unsigned int order);
IOM_STUB(int, iom_read_folio, struct iom_fs *fs, struct folio *folio);
IOM_STUB(ssize_t, iom_write, struct iom_fs *fs, loff_t pos, size_t len, int iocb_flags);
IOM_STUB(ssize_t, iom_write_iter, struct iom_fs *fs, loff_t pos, struct iov_iter *iter,
	 int iocb_flags);
IOM_STUB(int, iom_zero_range, struct iom_fs *fs, loff_t pos, loff_t len, bool *did_zero);
IOM_STUB(int, iom_truncate_page, struct iom_fs *fs, loff_t pos, bool *did_zero);
IOM_STUB(int, iom_unshare, struct iom_fs *fs, loff_t pos, loff_t len);
IOM_STUB(vm_fault_t, iom_mkwrite, struct iom_fs *fs, struct page *page);
IOM_STUB(void, iom_delalloc_release, struct iom_fs *fs, loff_t from, loff_t to);
IOM_STUB(loff_t, iom_seek, struct iom_fs *fs, loff_t pos, int whence);
IOM_STUB(int, iom_fiemap, struct iom_fs *fs, struct fiemap_extent_info *fi, u64 start, u64 len);
IOM_STUB(sector_t, iom_bmap, struct iom_fs *fs, sector_t block);
IOM_STUB(void, iom_complete, struct iom_fs *fs, unsigned int i, size_t piece);

#endif /* iomap as in 7.3 */

/**
 * iom_forget() - empty the record
 * @fs: the filesystem
 */
void iom_forget(struct iom_fs *fs)
{
	fs->nr_ios = 0;
	fs->written_folios = 0;
}
EXPORT_SYMBOL_NS_GPL(iom_forget, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_count() - how many requests of a kind are recorded
 * @fs: the filesystem
 * @op: the kind
 *
 * Return: their number.
 */
unsigned int iom_count(struct iom_fs *fs, enum iom_op op)
{
	unsigned int i, n = 0;

	for (i = 0; i < min(fs->nr_ios, IOM_MAX_IOS); i++)
		n += fs->ios[i].op == op;
	return n;
}
EXPORT_SYMBOL_NS_GPL(iom_count, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_asked() - whether a byte was asked for
 * @fs: the filesystem
 * @op: how
 * @pos: the byte
 *
 * Return: true if a recorded request of that kind holds the byte.
 */
bool iom_asked(struct iom_fs *fs, enum iom_op op, loff_t pos)
{
	unsigned int i;

	for (i = 0; i < min(fs->nr_ios, IOM_MAX_IOS); i++)
		if (fs->ios[i].op == op && pos >= fs->ios[i].pos &&
		    pos < fs->ios[i].pos + fs->ios[i].len)
			return true;
	return false;
}
EXPORT_SYMBOL_NS_GPL(iom_asked, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_expect_asked() - expect that a range was asked for, no byte twice, and no other
 * @fs: the filesystem
 * @op: how
 * @from: first byte
 * @to: byte after the last; @from for none
 */
void iom_expect_asked(struct iom_fs *fs, enum iom_op op, loff_t from, loff_t to)
{
	loff_t pos = from;
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < min(fs->nr_ios, IOM_MAX_IOS); i++) {
		if (fs->ios[i].op != op)
			continue;
		sum += fs->ios[i].len;
		KUNIT_EXPECT_TRUE_MSG(fs->test, fs->ios[i].pos >= from &&
				      fs->ios[i].pos + fs->ios[i].len <= to,
				      "op %d: %llu bytes at %lld, outside %lld to %lld", op,
				      fs->ios[i].len, fs->ios[i].pos, from, to);
	}
	while (pos < to && iom_asked(fs, op, pos))
		pos += iom_blocksize(fs);
	KUNIT_EXPECT_GE_MSG(fs->test, pos, to, "op %d: not asked for, of %lld to %lld", op, from,
			    to);
	KUNIT_EXPECT_EQ_MSG(fs->test, sum, to - from, "op %d: asked for twice, in %lld to %lld",
			    op, from, to);
}
EXPORT_SYMBOL_NS_GPL(iom_expect_asked, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_create_two() - make a file of two folios, one below and one above 4 GiB
 * @test: the case
 * @order: the order of the folios
 * @min_order: the smallest that the mapping announces
 *
 * Return: the filesystem, as iom_create().
 */
struct iom_fs *iom_create_two(struct kunit *test, unsigned int order, unsigned int min_order)
{
	size_t size = PAGE_SIZE << order;

	return iom_create(test, min_order, IOM_MAX_ORDER, SZ_4G - size, 2 * size);
}
EXPORT_SYMBOL_NS_GPL(iom_create_two, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_add_one() - put the folio that a case is about in the page cache
 * @fs: what iom_create_two() made
 * @order: the order that was given there
 * @second: the folio above 4 GiB, else the one below
 *
 * Return: the folio, as iom_add_folio().
 */
struct folio *iom_add_one(struct iom_fs *fs, unsigned int order, bool second)
{
	return iom_add_folio(fs, fs->base + (second ? fs->size / 2 : 0), order);
}
EXPORT_SYMBOL_NS_GPL(iom_add_one, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_model_zeroes() - from now on a reader must see zeroes
 * @fs: the filesystem
 * @from: first byte
 * @to: byte after the last
 */
void iom_model_zeroes(struct iom_fs *fs, loff_t from, loff_t to)
{
	memset(fs->model + (from - fs->base), 0, to - from);
}
EXPORT_SYMBOL_NS_GPL(iom_model_zeroes, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_bitmap() - a bit for each block
 * @fs: the filesystem
 *
 * Return: bits that are all clear, enough for the smallest blocks.
 */
unsigned long *iom_bitmap(struct iom_fs *fs)
{
	size_t longs = BITS_TO_LONGS(fs->size >> SECTOR_SHIFT);
	unsigned long *map = kunit_kzalloc(fs->test, longs * sizeof(long), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(fs->test, map);
	return map;
}
EXPORT_SYMBOL_NS_GPL(iom_bitmap, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_expect_asked_map() - expect that exactly some blocks of a range were asked for
 * @fs: the filesystem
 * @op: how
 * @map: one bit a block, from @fs->base
 * @from: first byte, a multiple of the block size
 * @to: byte after the last, another
 *
 * None may be asked for twice, or in part, and none outside of the range.
 */
void iom_expect_asked_map(struct iom_fs *fs, enum iom_op op, const unsigned long *map,
			  loff_t from, loff_t to)
{
	size_t bs = iom_blocksize(fs), first = (size_t)(from - fs->base) / bs;
	size_t nr = (size_t)(to - from) / bs, b, want = 0;
	unsigned long *asked = iom_bitmap(fs);
	unsigned int i;

	for (i = 0; i < min(fs->nr_ios, IOM_MAX_IOS); i++) {
		const struct iom_io *io = &fs->ios[i];
		size_t at;

		if (io->op != op)
			continue;
		KUNIT_EXPECT_TRUE_MSG(fs->test, IS_ALIGNED(io->pos | io->len, bs),
				      "block size %zu: %llu at %lld", bs, io->len, io->pos);
		at = io->pos - fs->base;
		for (b = at / bs; b < (at + (size_t)io->len) / bs; b++) {
			KUNIT_EXPECT_TRUE_MSG(fs->test, b >= first && b < first + nr,
					      "block %zu of %zu bytes", b, bs);
			KUNIT_EXPECT_FALSE_MSG(fs->test, __test_and_set_bit(b, asked),
					       "block %zu of %zu bytes, twice", b, bs);
		}
	}
	for (b = first; b < first + nr; b++) {
		want += test_bit(b, map);
		if (test_bit(b, map) != test_bit(b, asked)) {
			KUNIT_FAIL(fs->test, "block %zu of %zu bytes: %sasked for (op %d)", b, bs,
				   test_bit(b, asked) ? "" : "not ", op);
			break;
		}
	}
	kunit_kfree(fs->test, asked);
}
EXPORT_SYMBOL_NS_GPL(iom_expect_asked_map, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_write_back() - write back all that is dirty, and record it anew
 * @fs: the filesystem
 */
void iom_write_back(struct iom_fs *fs)
{
	iom_forget(fs);
	KUNIT_EXPECT_EQ(fs->test, 0, filemap_write_and_wait(iom_mapping(fs)));
}
EXPORT_SYMBOL_NS_GPL(iom_write_back, COMPAT_NS(FOLIO_KUNIT));

/* Names the first byte that is not the one of the model. */
static bool compare(struct iom_fs *fs, const u8 *got, loff_t pos, size_t len, const char *where)
{
	const u8 *want = fs->model + (pos - fs->base);
	size_t i = 0;

	if (!memcmp(got, want, len))
		return true;
	while (got[i] == want[i])
		i++;
	KUNIT_FAIL(fs->test, "byte %lld (%zu of the data) %s: %02x, not %02x; word %016llx",
		   pos + i, (size_t)(pos + i - fs->base), where, got[i], want[i],
		   *(u64 *)PTR_ALIGN_DOWN(got + i, 8));
	return false;
}

/**
 * iom_expect_cache() - expect that the page cache holds what the model has
 * @fs: the filesystem
 * @from: first byte
 * @to: byte after the last
 *
 * Every page of the range must be cached. One wrong byte is reported, the first.
 */
void iom_expect_cache(struct iom_fs *fs, loff_t from, loff_t to)
{
	loff_t pos = from;

	while (pos < to) {
		size_t len = min_t(loff_t, PAGE_SIZE - offset_in_page(pos), to - pos);
		struct folio *folio = filemap_get_folio(iom_mapping(fs), pos >> PAGE_SHIFT);
		bool right;
		u8 *bytes;

		if (IS_ERR(folio)) {
			KUNIT_FAIL(fs->test, "byte %lld is not cached", pos);
			return;
		}
		bytes = kmap_local_folio(folio, offset_in_folio(folio, pos));
		right = compare(fs, bytes, pos, len, "in the cache");
		kunmap_local(bytes);
		if (!right)
			fxt_print_folio(fs->test, folio);
		folio_put(folio);
		if (!right)
			return;
		pos += len;
	}
}
EXPORT_SYMBOL_NS_GPL(iom_expect_cache, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_expect_disk() - expect that the disk holds what the model has
 * @fs: the filesystem
 * @from: first byte
 * @to: byte after the last
 */
void iom_expect_disk(struct iom_fs *fs, loff_t from, loff_t to)
{
	compare(fs, fs->disk + (from - fs->base), from, to - from, "on disk");
}
EXPORT_SYMBOL_NS_GPL(iom_expect_disk, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_done() - drop a case's reference, and expect nobody else to have one
 * @fs: the filesystem
 * @folio: a folio in its page cache, neither locked nor under writeback any more
 *
 * The page cache holds references, and what iomap attached holds one.
 */
void iom_done(struct iom_fs *fs, struct folio *folio)
{
	int want = folio_nr_pages(folio) + folio_test_private(folio) + 1;
	struct folio_batch fbatch;

	/* The LRU batches of this CPU hold references too. */
	folio_batch_init(&fbatch);
	folio_get(folio);
	folio_batch_add(&fbatch, folio);
	__folio_batch_release(&fbatch);

	KUNIT_EXPECT_FALSE(fs->test, folio_test_locked(folio));
	KUNIT_EXPECT_FALSE(fs->test, folio_test_writeback(folio));
	KUNIT_EXPECT_EQ(fs->test, folio_ref_count(folio), want);
	/* Else a case that fails would hang. */
	if (folio_test_locked(folio))
		folio_unlock(folio);
	folio_put(folio);
}
EXPORT_SYMBOL_NS_GPL(iom_done, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_uptodate() - whether a part of a folio may be read
 * @fs: the filesystem
 * @folio: a folio of the file
 * @off: first byte in the folio
 * @len: number of bytes
 *
 * Return: true if all of the part is uptodate.
 */
bool iom_uptodate(struct iom_fs *fs, struct folio *folio, size_t off, size_t len)
{
	return folio_test_uptodate(folio) ||
	       iom_mapping(fs)->a_ops->is_partially_uptodate(folio, off, len);
}
EXPORT_SYMBOL_NS_GPL(iom_uptodate, COMPAT_NS(FOLIO_KUNIT));

MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
