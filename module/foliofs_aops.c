// SPDX-License-Identifier: GPL-2.0
/*
 * foliofs with aops=simple: generic_perform_write(), and folios that are uptodate
 * and dirty as a whole. O_DIRECT, which both kinds share, is here too.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/writeback.h>

#include "foliofs.h"

static int read_whole(struct folio *folio)
{
	return fofs_store_read(fofs_i(folio->mapping->host), folio, 0, folio_size(folio));
}

static int fofs_read_folio(struct file *file, struct folio *folio)
{
	int err = read_whole(folio);

	folio_end_read(folio, !err);
	return err;
}

static void fofs_readahead(struct readahead_control *rac)
{
	struct folio *folio;

	while ((folio = readahead_folio(rac)))
		folio_end_read(folio, !read_whole(folio));
}

static int fofs_write_begin(compat_write_ctx ctx, struct address_space *mapping, loff_t pos,
			    unsigned int len, struct folio **foliop, void **fsdata)
{
	struct fofs_inode *fi = fofs_i(mapping->host);
	size_t want = len;
	struct folio *folio;
	int err = 0;

	if (fofs_fault(fi, FOFS_FAULT_ALLOC, pos, len))
		return -ENOMEM;
	if (fofs_fault(fi, FOFS_FAULT_LARGE, pos, len))
		want = 1;
	folio = __filemap_get_folio(mapping, pos >> PAGE_SHIFT,
				    FGP_WRITEBEGIN | fgf_set_order(want),
				    mapping_gfp_mask(mapping));
	if (IS_ERR(folio))
		return PTR_ERR(folio);
	len = min_t(u64, len, folio_size(folio) - offset_in_folio(folio, pos));
	err = fofs_store_reserve(fi, pos, len, true);
	if (!err && !folio_test_uptodate(folio) && len < folio_size(folio)) {
		err = read_whole(folio);
		if (!err)
			folio_mark_uptodate(folio);
	}
	if (err) {
		folio_unlock(folio);
		folio_put(folio);
		return err;
	}
	fofs_short_copy(fi, len);
	*foliop = folio;
	return 0;
}

static int fofs_write_end(compat_write_ctx ctx, struct address_space *mapping, loff_t pos,
			  unsigned int len, unsigned int copied, struct folio *folio,
			  void *fsdata)
{
	struct inode *inode = mapping->host;
	loff_t old_size = i_size_read(inode);

	fofs_short_copy_done(fofs_i(inode));
	if (!folio_test_uptodate(folio)) {
		/* All of it was to be written; what was not has never been read. */
		if (copied < len)
			copied = 0;
		else
			folio_mark_uptodate(folio);
	}
	if (copied) {
		if (pos + copied > old_size)
			i_size_write(inode, pos + copied);
		folio_mark_dirty(folio);
	}
	folio_unlock(folio);
	folio_put(folio);
	if (copied && pos > old_size)
		pagecache_isize_extended(inode, old_size, pos);
	return copied;
}

static int write_folio(struct inode *inode, struct folio *folio)
{
	loff_t pos = folio_pos(folio), size = i_size_read(inode);
	size_t len = folio_size(folio);
	int err;

	if (pos >= size) {
		/* Being truncated. */
		folio_unlock(folio);
		return 0;
	}
	if (len > size - pos) {
		folio_zero_segment(folio, size - pos, len);
		len = round_up(size - pos, i_blocksize(inode));
	}
	folio_start_writeback(folio);
	folio_unlock(folio);
	err = fofs_store_writeback(fofs_i(inode), folio, 0, len);
	if (err)
		mapping_set_error(inode->i_mapping, err);
	folio_end_writeback(folio);
	return err;
}

static int fofs_writepages(struct address_space *mapping, struct writeback_control *wbc)
{
	struct folio *folio = NULL;
	int err = 0;

	while ((folio = writeback_iter(mapping, wbc, folio, &err)))
		err = write_folio(mapping->host, folio);
	return err;
}

/**
 * fofs_simple_mkwrite() - a page is about to be written to through a mapping
 * @vmf: the fault
 *
 * The pages around it, as far as they are of the same folio, may become writable
 * by the same fault, so space is needed for all of the folio.
 *
 * Return: VM_FAULT_LOCKED and the folio locked, or what went wrong.
 */
vm_fault_t fofs_simple_mkwrite(struct vm_fault *vmf)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	struct folio *folio = page_folio(vmf->page);
	ssize_t len;
	int err;

	folio_lock(folio);
	len = folio_mkwrite_check_truncate(folio, inode);
	err = len < 0 ? len : fofs_store_reserve(fofs_i(inode), folio_pos(folio), len, false);
	if (err) {
		folio_unlock(folio);
		return vmf_fs_error(err);
	}
	folio_mark_dirty(folio);
	folio_wait_stable(folio);
	return VM_FAULT_LOCKED;
}

#define BOUNCE	SZ_64K

/* Both set @n to what was done of it, and that may be something after an error. */
static int write_piece(struct fofs_inode *fi, loff_t pos, void *bounce, size_t *n,
		       struct iov_iter *iter)
{
	size_t copied = copy_from_iter(bounce, *n, iter);
	size_t whole = round_down(copied, i_blocksize(&fi->vfs));
	int fault = copied < *n ? -EFAULT : 0, err = 0;

	iov_iter_revert(iter, copied - whole);
	*n = 0;
	if (whole)
		err = fofs_store_write_bytes(fi, pos, bounce, whole);
	if (err)
		iov_iter_revert(iter, whole);
	else
		*n = whole;
	return err ?: fault;
}

static int read_piece(struct fofs_inode *fi, loff_t pos, void *bounce, size_t *n,
		      struct iov_iter *iter)
{
	size_t len = *n;
	int err = fofs_store_read_bytes(fi, pos, bounce, len);

	*n = err ? 0 : copy_to_iter(bounce, len, iter);
	return err ?: *n < len ? -EFAULT : 0;
}

/**
 * fofs_direct_io() - read or write the store without the page cache
 * @iocb: position, which must be a multiple of the block size
 * @iter: where from or to; the length too
 *
 * What is copied from or to may be a mapping of the same file, so no lock of the
 * store can be held during the copy: the bytes go through a buffer.
 *
 * Return: number of bytes, or -EINVAL, -ENOSPC, -ENOMEM, -EIO, -EFAULT.
 */
ssize_t fofs_direct_io(struct kiocb *iocb, struct iov_iter *iter)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	struct fofs_inode *fi = fofs_i(inode);
	bool write = iov_iter_rw(iter) == WRITE;
	size_t count = iov_iter_count(iter), done = 0, n;
	loff_t pos = iocb->ki_pos;
	int err = 0;
	void *bounce;

	if (!IS_ALIGNED(pos | count, i_blocksize(inode)))
		return -EINVAL;
	bounce = kvmalloc(BOUNCE, GFP_KERNEL);
	if (!bounce)
		return -ENOMEM;
	if (!write)
		count = min_t(loff_t, count, max(i_size_read(inode) - pos, 0));
	while (!err && done < count) {
		n = min_t(size_t, BOUNCE, count - done);
		if (write)
			err = write_piece(fi, pos + done, bounce, &n, iter);
		else
			err = read_piece(fi, pos + done, bounce, &n, iter);
		done += n;
	}
	kvfree(bounce);
	return done ?: err;
}

const struct address_space_operations fofs_simple_aops = {
	.read_folio		= fofs_read_folio,
	.readahead		= fofs_readahead,
	.write_begin		= fofs_write_begin,
	.write_end		= fofs_write_end,
	.writepages		= fofs_writepages,
	.dirty_folio		= filemap_dirty_folio,
	.migrate_folio		= filemap_migrate_folio,
	.error_remove_folio	= generic_error_remove_folio,
	.direct_IO		= fofs_direct_io,
};
