// SPDX-License-Identifier: GPL-2.0
/* Regular files of foliofs: what does not depend on how the page cache is driven. */
#include <linux/backing-dev.h>
#include <linux/falloc.h>
#include <linux/fiemap.h>
#include <linux/huge_mm.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/uio.h>

#include "foliofs.h"

static bool uses_iomap(struct inode *inode)
{
	return fofs_sb(inode->i_sb)->aops == FOFS_AOPS_IOMAP;
}

/**
 * fofs_short_copy() - let the copy into a folio end early, if the rules want it
 * @fi: the inode, locked, that is being written to
 * @len: bytes that would be copied
 *
 * The copy is made to end early by what ends it early in real life: fewer bytes
 * can be had. fofs_short_copy_done() undoes it. The copy after a short one is whole:
 * it may be the same one again, which would go on byte by byte.
 */
void fofs_short_copy(struct fofs_inode *fi, size_t len)
{
	struct iov_iter *from = fi->from;
	size_t count;

	if (!from || fi->was_short) {
		fi->was_short = false;
		return;
	}
	count = iov_iter_count(from);
	len = DIV_ROUND_UP(min(len, count), 2);
	if (len >= count || !fofs_fault(fi, FOFS_FAULT_SHORT, i_size_read(&fi->vfs), 1))
		return;
	iov_iter_truncate(from, len);
	fi->held_back = count - len;
	fi->was_short = true;
}

/**
 * fofs_short_copy_done() - give a write back what fofs_short_copy() held back
 * @fi: the inode, locked
 */
void fofs_short_copy_done(struct fofs_inode *fi)
{
	if (!fi->held_back)
		return;
	iov_iter_reexpand(fi->from, iov_iter_count(fi->from) + fi->held_back);
	fi->held_back = 0;
}

/*
 * What lies past EOF in the last folio becomes part of the file when the file
 * grows; a mapping may have written there.
 */
static void zero_past_eof(struct inode *inode)
{
	loff_t size = i_size_read(inode);
	struct folio *folio = filemap_lock_folio(inode->i_mapping, size >> PAGE_SHIFT);

	if (IS_ERR(folio))
		return;
	folio_zero_segment(folio, offset_in_folio(folio, size), folio_size(folio));
	folio_unlock(folio);
	folio_put(folio);
}

static ssize_t buffered_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	struct fofs_inode *fi = fofs_i(inode);
	size_t count = iov_iter_count(from);
	loff_t pos = iocb->ki_pos;
	ssize_t ret;

	fi->from = from;
	ret = uses_iomap(inode) ? fofs_iomap_write(iocb, from) : generic_perform_write(iocb, from);
	fi->from = NULL;
	fofs_store_settle(fi, pos, count, max_t(ssize_t, ret, 0));
	return ret;
}

static ssize_t write_locked(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t ret = generic_write_checks(iocb, from);

	if (ret <= 0)
		return ret;
	ret = file_modified(iocb->ki_filp);
	if (ret)
		return ret;
	if (iocb->ki_pos > i_size_read(inode))
		zero_past_eof(inode);
	if (!(iocb->ki_flags & IOCB_DIRECT))
		return buffered_write(iocb, from);
	ret = generic_file_direct_write(iocb, from);
	/* 0 says that the page cache could not be made to let go. */
	if (ret || !iov_iter_count(from))
		return ret;
	return direct_write_fallback(iocb, from, 0, buffered_write(iocb, from));
}

static ssize_t fofs_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t ret;

	inode_lock(inode);
	ret = write_locked(iocb, from);
	inode_unlock(inode);
	if (ret > 0)
		ret = generic_write_sync(iocb, ret);
	return ret;
}

static ssize_t fofs_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t ret;

	if (!(iocb->ki_flags & IOCB_DIRECT))
		return generic_file_read_iter(iocb, to);
	inode_lock_shared(inode);
	ret = generic_file_read_iter(iocb, to);
	inode_unlock_shared(inode);
	return ret;
}

static int fofs_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	return file_write_and_wait_range(file, start, end);
}

static loff_t fofs_llseek(struct file *file, loff_t pos, int whence)
{
	struct inode *inode = file_inode(file);

	if (whence != SEEK_HOLE && whence != SEEK_DATA)
		return generic_file_llseek(file, pos, whence);
	inode_lock_shared(inode);
	if (pos < 0 || pos >= i_size_read(inode))
		pos = -ENXIO;
	else if (uses_iomap(inode))
		pos = fofs_iomap_seek(inode, pos, whence);
	else
		pos = fofs_store_seek(fofs_i(inode), pos, whence);
	inode_unlock_shared(inode);
	return pos < 0 ? pos : vfs_setpos(file, pos, inode->i_sb->s_maxbytes);
}

/* Mappings. */

static vm_fault_t fofs_page_mkwrite(struct vm_fault *vmf)
{
	struct inode *inode = file_inode(vmf->vma->vm_file);
	vm_fault_t ret;

	sb_start_pagefault(inode->i_sb);
	file_update_time(vmf->vma->vm_file);
	/* Who takes blocks away makes sure that no page is writable meanwhile. */
	filemap_invalidate_lock_shared(inode->i_mapping);
	ret = uses_iomap(inode) ? fofs_iomap_mkwrite(vmf) : fofs_simple_mkwrite(vmf);
	filemap_invalidate_unlock_shared(inode->i_mapping);
	sb_end_pagefault(inode->i_sb);
	return ret;
}

static const struct vm_operations_struct fofs_vm_ops = {
	.fault		= filemap_fault,
	.map_pages	= filemap_map_pages,
	.page_mkwrite	= fofs_page_mkwrite,
};

static int fofs_mmap(struct file *file, struct vm_area_struct *vma)
{
	file_accessed(file);
	vma->vm_ops = &fofs_vm_ops;
	return 0;
}

/* Sizes and ranges. The inode and the invalidate_lock are held. */

/*
 * truncate_inode_pages_range() takes away a folio whole that reaches over the end
 * of the range when a split has made it as small as the mapping allows, and what is
 * dirty in it outside of the range is lost: so it is written back before. While the
 * invalidate_lock is held, nobody can make it dirty again.
 */
static int write_edge(struct inode *inode, loff_t pos)
{
	struct address_space *mapping = inode->i_mapping;
	loff_t size = (loff_t)mapping_min_folio_nrpages(mapping) << PAGE_SHIFT;

	if (size == PAGE_SIZE || IS_ALIGNED(pos, size))
		return 0;
	pos = round_down(pos, size);
	return filemap_write_and_wait_range(mapping, pos, pos + size - 1);
}

static int set_size(struct inode *inode, loff_t size)
{
	int err;

	if (size > i_size_read(inode)) {
		zero_past_eof(inode);
		truncate_setsize(inode, size);
		return 0;
	}
	err = write_edge(inode, size);
	if (err)
		return err;
	truncate_setsize(inode, size);
	fofs_store_punch(fofs_i(inode), size, inode->i_sb->s_maxbytes, false);
	return 0;
}

static int fofs_setattr(struct mnt_idmap *idmap, struct dentry *dentry, struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);
	int err = setattr_prepare(idmap, dentry, attr);

	if (err)
		return err;
	if (attr->ia_valid & ATTR_SIZE) {
		if (attr->ia_size != i_size_read(inode))
			inode_set_mtime_to_ts(inode, inode_set_ctime_current(inode));
		filemap_invalidate_lock(inode->i_mapping);
		err = set_size(inode, attr->ia_size);
		filemap_invalidate_unlock(inode->i_mapping);
		if (err)
			return err;
	}
	setattr_copy(idmap, inode, attr);
	mark_inode_dirty(inode);
	return 0;
}

/*
 * A page of which only a part is dropped stays mapped, and would be written to
 * without asking for the space that it no longer has: so it must be unmapped too.
 */
static int zero_range(struct inode *inode, loff_t pos, loff_t end, bool keep)
{
	loff_t first = round_down(pos, PAGE_SIZE), last = round_up(end, PAGE_SIZE);
	int err;

	unmap_mapping_range(inode->i_mapping, first, last - first, 0);
	err = write_edge(inode, pos);
	if (!err)
		err = write_edge(inode, end);
	if (err)
		return err;
	truncate_pagecache_range(inode, pos, end - 1);
	fofs_store_punch(fofs_i(inode), pos, end, keep);
	return 0;
}

/* Writes back and drops all that is cached; private copies of it stay. */
static int drop_cache(struct inode *inode)
{
	int err = filemap_write_and_wait(inode->i_mapping);

	if (err)
		return err;
	unmap_mapping_range(inode->i_mapping, 0, 0, 0);
	truncate_inode_pages(inode->i_mapping, 0);
	return 0;
}

static int collapse_range(struct inode *inode, loff_t pos, loff_t len)
{
	loff_t size = i_size_read(inode);
	int err;

	if (pos + len >= size)
		return -EINVAL;
	err = drop_cache(inode);
	if (!err)
		err = fofs_store_collapse(fofs_i(inode), pos, len);
	if (!err)
		i_size_write(inode, size - len);
	return err;
}

static int insert_range(struct inode *inode, loff_t pos, loff_t len)
{
	loff_t size = i_size_read(inode);
	int err;

	if (pos >= size)
		return -EINVAL;
	if (len > inode->i_sb->s_maxbytes - size)
		return -EFBIG;
	err = inode_newsize_ok(inode, size + len);
	if (!err)
		err = drop_cache(inode);
	if (!err)
		err = fofs_store_insert(fofs_i(inode), pos, len);
	if (!err)
		i_size_write(inode, size + len);
	return err;
}

static int change_range(struct inode *inode, int mode, loff_t pos, loff_t len)
{
	loff_t size = i_size_read(inode), end = pos + len;
	bool grows = !(mode & FALLOC_FL_KEEP_SIZE) && end > size;
	int err = 0;

	switch (mode & ~FALLOC_FL_KEEP_SIZE) {
	case FALLOC_FL_PUNCH_HOLE:
		return zero_range(inode, pos, end, false);
	case FALLOC_FL_COLLAPSE_RANGE:
	case FALLOC_FL_INSERT_RANGE:
		if (!IS_ALIGNED(pos | len, i_blocksize(inode)))
			return -EINVAL;
		return mode & FALLOC_FL_COLLAPSE_RANGE ? collapse_range(inode, pos, len) :
							 insert_range(inode, pos, len);
	case FALLOC_FL_ZERO_RANGE:
	case 0:
		if (grows)
			err = inode_newsize_ok(inode, end);
		if (!err)
			err = fofs_store_allocate(fofs_i(inode), pos, len);
		if (!err && mode & FALLOC_FL_ZERO_RANGE)
			err = zero_range(inode, pos, end, true);
		if (!err && grows)
			err = set_size(inode, end);
		return err;
	default:
		return -EOPNOTSUPP;
	}
}

static long fofs_fallocate(struct file *file, int mode, loff_t pos, loff_t len)
{
	struct inode *inode = file_inode(file);
	int err;

	inode_lock(inode);
	err = file_modified(file);
	if (!err) {
		filemap_invalidate_lock(inode->i_mapping);
		err = change_range(inode, mode, pos, len);
		filemap_invalidate_unlock(inode->i_mapping);
	}
	inode_unlock(inode);
	return err;
}

/**
 * fofs_getattr() - stat of a regular file
 * @idmap: of the mount
 * @path: the file
 * @stat: filled in
 * @mask: what is asked for
 * @flags: how exactly
 *
 * Return: 0.
 */
int fofs_getattr(struct mnt_idmap *idmap, const struct path *path, struct kstat *stat,
		 u32 mask, unsigned int flags)
{
	struct inode *inode = d_inode(path->dentry);

	generic_fillattr(idmap, mask, inode, stat);
	stat->blocks = READ_ONCE(fofs_i(inode)->nr_blocks) << (inode->i_blkbits - 9);
	if (mask & STATX_DIOALIGN) {
		stat->result_mask |= STATX_DIOALIGN;
		stat->dio_mem_align = 1;
		stat->dio_offset_align = i_blocksize(inode);
	}
	return 0;
}

static int fofs_fiemap(struct inode *inode, struct fiemap_extent_info *info, u64 start, u64 len)
{
	int err;

	if (!uses_iomap(inode))
		return -EOPNOTSUPP;
	inode_lock_shared(inode);
	err = fofs_iomap_fiemap(inode, info, start, len);
	inode_unlock_shared(inode);
	return err;
}

const struct file_operations fofs_file_ops = {
	.owner			= THIS_MODULE,
	.open			= generic_file_open,
	.llseek			= fofs_llseek,
	.read_iter		= fofs_read_iter,
	.write_iter		= fofs_write_iter,
	.mmap			= fofs_mmap,
	.get_unmapped_area	= thp_get_unmapped_area,
	.fsync			= fofs_fsync,
	.splice_read		= filemap_splice_read,
	.splice_write		= iter_file_splice_write,
	.fallocate		= fofs_fallocate,
};

const struct inode_operations fofs_file_inode_ops = {
	.setattr	= fofs_setattr,
	.getattr	= fofs_getattr,
	.fiemap		= fofs_fiemap,
};
