// SPDX-License-Identifier: GPL-2.0
/*
 * The filesystem in memory of the iomap suites, as iomap sees it: its extents, its
 * I/O and its operations, and all that calls iomap. fixture_iomap_state.c has what a
 * case puts there and finds there; fixture_iomap.h tells what it is for.
 */
#include <linux/backing-dev.h>
#include <linux/bio.h>
#include <linux/highmem.h>
#include <linux/module.h>
#include <linux/vmalloc.h>
#include <linux/writeback.h>

#include "fixture_iomap.h"
#include "../module/compat.h"

#if COMPAT_IOMAP_OPS && IS_ENABLED(CONFIG_FS_IOMAP)

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

/* Extents. */

static bool inside(struct iom_fs *fs, loff_t pos)
{
	return pos >= fs->base && pos < fs->base + fs->size;
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
	first = iom_sector(fs, pos);
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
	map->type = inside(fs, pos) ? fs->type[iom_sector(fs, pos)] : IOMAP_HOLE;
	map->flags = inside(fs, pos) ? fs->flags[iom_sector(fs, pos)] : 0;
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

/* Ask for what the folio holds of a range; it comes at once or in iom_complete(). */
static int start_io(struct iom_fs *fs, struct folio *folio, loff_t pos, size_t len, bool write)
{
	record(fs, write ? IOM_WRITE : IOM_READ, pos, len, 0);
	if (fs->refuse && is_bad(fs, pos, len))
		return -EIO;
	KUNIT_ASSERT_LT(fs->test, fs->nr_pending, IOM_MAX_PENDING);
	folio_get(folio);
	fs->pending[fs->nr_pending++] = (struct iom_pending) {
		folio, offset_in_folio(folio, pos), len, write
	};
	if (!fs->defer)
		iom_complete(fs, fs->nr_pending - 1, 0);
	return 0;
}

static int iom_read_range(const struct iomap_iter *iter, struct iomap_read_folio_ctx *ctx,
			  size_t len)
{
	struct iom_fs *fs = to_iom(iter->inode);
	int err;

	check_request(fs, ctx->cur_folio, iter->pos, len);
	err = start_io(fs, ctx->cur_folio, iter->pos, len, false);
	if (!err)
		ctx->read_ctx = fs;
	return err;
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
	u64 n = len;
	int err;

	check_request(fs, folio, pos, len);
	KUNIT_EXPECT_TRUE(fs->test, folio_test_writeback(folio));
	KUNIT_EXPECT_FALSE(fs->test, folio_test_dirty(folio));
	KUNIT_EXPECT_LT_MSG(fs->test, pos, end_pos, "%u bytes", len);
	fill_map(fs, pos, &wpc->iomap);
	n = min(n, wpc->iomap.offset + wpc->iomap.length - pos);
	if (fs->max_write)
		n = min(n, fs->max_write);
	if (wpc->iomap.type == IOMAP_HOLE)
		return n;
	if (fs->ioend) {
		if (wpc->iomap.type == IOMAP_DELALLOC) {
			iom_map(fs, pos, pos + n, IOMAP_MAPPED, 0);
			fill_map(fs, pos, &wpc->iomap);
		}
		return iomap_add_to_ioend(wpc, folio, pos, end_pos, n);
	}
	wpc->wb_ctx = fs;
	err = start_io(fs, folio, pos, n, true);
	if (err)
		return err;
	iom_map(fs, pos, pos + n, IOMAP_MAPPED, 0);
	return n;
}

/* What a disk does with the bio, and the filesystem when the disk is done. */
static int end_ioend(struct iom_fs *fs, struct iomap_ioend *ioend, int error)
{
	loff_t pos = ioend->io_offset;
	u32 size = ioend->io_bio.bi_iter.bi_size;
	struct folio_iter fi;

	record(fs, IOM_WRITE, pos, size, ioend->io_flags);
	KUNIT_EXPECT_EQ(fs->test, ioend->io_bio.bi_iter.bi_sector, iom_sector(fs, pos));
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
	} else {
		record(fs, IOM_SUBMIT_WRITE, 0, wpc->nr_folios, error);
		fs->written_folios += wpc->nr_folios;
	}
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
	fxt_stay_on_cpu(test);
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

IOM_STUB(int, iom_read_folio, struct iom_fs *fs, struct folio *folio);
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

MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
