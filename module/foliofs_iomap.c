// SPDX-License-Identifier: GPL-2.0
/*
 * foliofs with aops=iomap: each block of a folio is uptodate and dirty by itself.
 *
 * There is no device, so this needs the reads and writes that 7.3's iomap leaves
 * to the filesystem. On other kernels the mount refuses aops=iomap.
 */
#include <linux/fiemap.h>
#include <linux/iomap.h>
#include <linux/pagemap.h>
#include <linux/sizes.h>
#include <linux/writeback.h>

#include "foliofs.h"

#if COMPAT_IOMAP_OPS && IS_ENABLED(CONFIG_FS_IOMAP)

/* No more than that is reserved at once, so that a full filesystem fills up. */
#define MAX_RESERVE	SZ_2M

static void fill_iomap(struct fofs_inode *fi, loff_t pos, u64 len, struct iomap *iomap)
{
	static const u16 types[] = {
		[FOFS_HOLE]		= IOMAP_HOLE,
		[FOFS_RESERVED]		= IOMAP_DELALLOC,
		[FOFS_UNWRITTEN]	= IOMAP_UNWRITTEN,
		[FOFS_DATA]		= IOMAP_MAPPED,
	};
	loff_t end;

	iomap->type = types[fofs_store_extent(fi, pos, len, &end, &iomap->validity_cookie)];
	iomap->offset = round_down(pos, i_blocksize(&fi->vfs));
	iomap->length = end - iomap->offset;
	/* There is no device, but fiemap shows where on it data would be. */
	iomap->addr = iomap->type == IOMAP_MAPPED || iomap->type == IOMAP_UNWRITTEN ?
		      iomap->offset : IOMAP_NULL_ADDR;
}

static int fofs_iomap_begin(struct inode *inode, loff_t pos, loff_t len, unsigned int flags,
			    struct iomap *iomap, struct iomap *srcmap)
{
	struct fofs_inode *fi = fofs_i(inode);
	int err;

	if (flags & IOMAP_WRITE) {
		bool pending = !(flags & IOMAP_FAULT);

		if (pending)
			len = min_t(loff_t, len, MAX_RESERVE);
		err = fofs_store_reserve(fi, pos, len, pending);
		/* What still fits is written, block by block. */
		if (err == -ENOSPC && pending) {
			len = min_t(loff_t, len, i_blocksize(inode) -
						 (pos & (i_blocksize(inode) - 1)));
			err = fofs_store_reserve(fi, pos, len, pending);
		}
		if (err)
			return err;
	}
	fill_iomap(fi, pos, len, iomap);
	return 0;
}

static const struct iomap_ops fofs_iomap_ops = {
	.iomap_begin	= fofs_iomap_begin,
};

/* Reading. */

static int fofs_read_range(const struct iomap_iter *iter, struct iomap_read_folio_ctx *ctx,
			   size_t len)
{
	struct folio *folio = ctx->cur_folio;
	size_t off = offset_in_folio(folio, iter->pos);
	int err = fofs_store_read(fofs_i(iter->inode), folio, off, len);

	iomap_finish_folio_read(folio, off, len, err);
	return 0;
}

static const struct iomap_read_ops fofs_read_ops = {
	.read_folio_range	= fofs_read_range,
};

static int fofs_iomap_read_folio(struct file *file, struct folio *folio)
{
	struct iomap_read_folio_ctx ctx = { .ops = &fofs_read_ops, .cur_folio = folio };

	iomap_read_folio(&fofs_iomap_ops, &ctx, NULL);
	return 0;
}

static void fofs_iomap_readahead(struct readahead_control *rac)
{
	struct iomap_read_folio_ctx ctx = { .ops = &fofs_read_ops, .rac = rac };

	iomap_readahead(&fofs_iomap_ops, &ctx, NULL);
}

/* Writing. */

static struct folio *fofs_get_folio(struct iomap_iter *iter, loff_t pos, unsigned int len)
{
	struct fofs_inode *fi = fofs_i(iter->inode);
	struct folio *folio;

	if (fofs_fault(fi, FOFS_FAULT_ALLOC, pos, len))
		return ERR_PTR(-ENOMEM);
	folio = iomap_get_folio(iter, pos, fofs_fault(fi, FOFS_FAULT_LARGE, pos, len) ? 1 : len);
	if (!IS_ERR(folio))
		fofs_short_copy(fi, min_t(u64, len, folio_next_pos(folio) - pos));
	return folio;
}

static void fofs_put_folio(struct inode *inode, loff_t pos, unsigned int copied,
			   struct folio *folio)
{
	fofs_short_copy_done(fofs_i(inode));
	folio_unlock(folio);
	folio_put(folio);
}

static bool fofs_iomap_valid(struct inode *inode, const struct iomap *iomap)
{
	return iomap->validity_cookie == READ_ONCE(fofs_i(inode)->seq);
}

static int fofs_read_sync(const struct iomap_iter *iter, struct folio *folio, loff_t pos,
			  size_t len)
{
	return fofs_store_read(fofs_i(iter->inode), folio, offset_in_folio(folio, pos), len);
}

static const struct iomap_write_ops fofs_write_ops = {
	.get_folio		= fofs_get_folio,
	.put_folio		= fofs_put_folio,
	.iomap_valid		= fofs_iomap_valid,
	.read_folio_range	= fofs_read_sync,
};

/**
 * fofs_iomap_write() - a buffered write
 * @iocb: where to
 * @from: what
 *
 * Return: number of bytes, or an error.
 */
ssize_t fofs_iomap_write(struct kiocb *iocb, struct iov_iter *from)
{
	return iomap_file_buffered_write(iocb, from, &fofs_iomap_ops, &fofs_write_ops, NULL);
}

/**
 * fofs_iomap_mkwrite() - a page is about to be written to through a mapping
 * @vmf: the fault
 *
 * Return: VM_FAULT_LOCKED and the folio locked, or what went wrong.
 */
vm_fault_t fofs_iomap_mkwrite(struct vm_fault *vmf)
{
	return iomap_page_mkwrite(vmf, &fofs_iomap_ops, NULL);
}

/* Writeback. */

/*
 * A folio is unlocked as soon as all of it was asked for. Only then are its
 * pieces written, as by a disk that takes its time.
 */
struct fofs_pieces {
	struct folio *folio;
	unsigned int nr;
	struct {
		size_t off, len;
	} piece[16];
};

static void write_pieces(struct inode *inode, struct fofs_pieces *p, int err)
{
	unsigned int i;

	for (i = 0; i < p->nr; i++) {
		size_t off = p->piece[i].off, len = p->piece[i].len;
		int failed = err ?: fofs_store_writeback(fofs_i(inode), p->folio, off, len);

		if (failed)
			mapping_set_error(inode->i_mapping, failed);
		iomap_finish_folio_write(inode, p->folio, len);
	}
	if (p->folio)
		folio_put(p->folio);
	p->folio = NULL;
	p->nr = 0;
}

static ssize_t fofs_writeback_range(struct iomap_writepage_ctx *wpc, struct folio *folio,
				    u64 pos, unsigned int len, u64 end_pos)
{
	struct fofs_pieces *p = wpc->wb_ctx;

	fill_iomap(fofs_i(wpc->inode), pos, len, &wpc->iomap);
	len = min_t(u64, len, wpc->iomap.offset + wpc->iomap.length - pos);
	/* Dirtied by somebody who was not given leave, in a hole made since. */
	if (wpc->iomap.type == IOMAP_HOLE || wpc->iomap.type == IOMAP_UNWRITTEN) {
		wpc->iomap.type = IOMAP_HOLE;
		return len;
	}
	if (p->folio != folio || p->nr == ARRAY_SIZE(p->piece))
		write_pieces(wpc->inode, p, 0);
	if (!p->folio) {
		folio_get(folio);
		p->folio = folio;
	}
	p->piece[p->nr].off = offset_in_folio(folio, pos);
	p->piece[p->nr++].len = len;
	return len;
}

static int fofs_writeback_submit(struct iomap_writepage_ctx *wpc, int err)
{
	write_pieces(wpc->inode, wpc->wb_ctx, err);
	return err;
}

static const struct iomap_writeback_ops fofs_writeback_ops = {
	.writeback_range	= fofs_writeback_range,
	.writeback_submit	= fofs_writeback_submit,
};

static int fofs_iomap_writepages(struct address_space *mapping, struct writeback_control *wbc)
{
	struct fofs_pieces pieces = {};
	struct iomap_writepage_ctx wpc = {
		.inode	= mapping->host,
		.wbc	= wbc,
		.ops	= &fofs_writeback_ops,
		.wb_ctx	= &pieces,
	};

	return iomap_writepages(&wpc);
}

/* Reports. */

loff_t fofs_iomap_seek(struct inode *inode, loff_t pos, int whence)
{
	return whence == SEEK_DATA ? iomap_seek_data(inode, pos, &fofs_iomap_ops) :
				     iomap_seek_hole(inode, pos, &fofs_iomap_ops);
}

int fofs_iomap_fiemap(struct inode *inode, struct fiemap_extent_info *info, u64 start, u64 len)
{
	return iomap_fiemap(inode, info, start, len, &fofs_iomap_ops);
}

const struct address_space_operations fofs_iomap_aops = {
	.read_folio		= fofs_iomap_read_folio,
	.readahead		= fofs_iomap_readahead,
	.writepages		= fofs_iomap_writepages,
	.dirty_folio		= iomap_dirty_folio,
	.release_folio		= iomap_release_folio,
	.invalidate_folio	= iomap_invalidate_folio,
	.is_partially_uptodate	= iomap_is_partially_uptodate,
	.migrate_folio		= filemap_migrate_folio,
	.error_remove_folio	= generic_error_remove_folio,
	.direct_IO		= fofs_direct_io,
};

const bool fofs_has_iomap = true;

#else /* no iomap without a device */

const bool fofs_has_iomap;

/* No mount gets here. */

ssize_t fofs_iomap_write(struct kiocb *iocb, struct iov_iter *from)
{
	return -EOPNOTSUPP;
}

vm_fault_t fofs_iomap_mkwrite(struct vm_fault *vmf)
{
	return VM_FAULT_SIGBUS;
}

loff_t fofs_iomap_seek(struct inode *inode, loff_t pos, int whence)
{
	return -EOPNOTSUPP;
}

int fofs_iomap_fiemap(struct inode *inode, struct fiemap_extent_info *info, u64 start, u64 len)
{
	return -EOPNOTSUPP;
}

const struct address_space_operations fofs_iomap_aops = {};

#endif
