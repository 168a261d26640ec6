// SPDX-License-Identifier: GPL-2.0
/* Inodes and directories of foliofs; libfs does most of it. */
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "foliofs.h"

static struct kmem_cache *fofs_inode_cache;

static void init_once(void *object)
{
	struct fofs_inode *fi = object;

	inode_init_once(&fi->vfs);
	init_rwsem(&fi->lock);
}

int fofs_inode_cache_create(void)
{
	fofs_inode_cache = kmem_cache_create("foliofs_inode", sizeof(struct fofs_inode), 0,
					     SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT, init_once);
	return fofs_inode_cache ? 0 : -ENOMEM;
}

void fofs_inode_cache_destroy(void)
{
	/* Inodes are freed after a grace period. */
	rcu_barrier();
	kmem_cache_destroy(fofs_inode_cache);
}

struct inode *fofs_alloc_inode(struct super_block *sb)
{
	struct fofs_inode *fi = alloc_inode_sb(sb, fofs_inode_cache, GFP_KERNEL);

	if (!fi)
		return NULL;
	fofs_store_init(fi);
	fi->from = NULL;
	fi->held_back = 0;
	fi->was_short = false;
	return &fi->vfs;
}

void fofs_free_inode(struct inode *inode)
{
	if (S_ISLNK(inode->i_mode))
		kfree(inode->i_link);
	kmem_cache_free(fofs_inode_cache, fofs_i(inode));
}

void fofs_evict_inode(struct inode *inode)
{
	truncate_inode_pages_final(&inode->i_data);
	clear_inode(inode);
	fofs_store_destroy(fofs_i(inode));
}

static const struct inode_operations fofs_dir_inode_ops;

/**
 * fofs_new_inode() - make an inode that no directory has yet
 * @sb: where
 * @dir: the directory it will be in, or NULL
 * @mode: type and permissions
 * @dev: of a device node
 *
 * Return: the inode, or NULL without memory.
 */
struct inode *fofs_new_inode(struct super_block *sb, const struct inode *dir, umode_t mode,
			     dev_t dev)
{
	struct fofs_sb *fs = fofs_sb(sb);
	struct inode *inode = new_inode(sb);

	if (!inode)
		return NULL;
	inode->i_ino = atomic64_inc_return(&fs->last_ino);
	inode_init_owner(&nop_mnt_idmap, inode, dir, mode);
	simple_inode_init_ts(inode);
	/* Only hashed inodes are written back. */
	insert_inode_hash(inode);
	switch (mode & S_IFMT) {
	case S_IFREG:
		inode->i_op = &fofs_file_inode_ops;
		inode->i_fop = &fofs_file_ops;
		inode->i_mapping->a_ops = fs->aops == FOFS_AOPS_IOMAP ? &fofs_iomap_aops :
									&fofs_simple_aops;
		mapping_set_gfp_mask(inode->i_mapping, GFP_HIGHUSER_MOVABLE);
		mapping_set_folio_order_range(inode->i_mapping, fs->min_order, fs->max_order);
		break;
	case S_IFDIR:
		inode->i_op = &fofs_dir_inode_ops;
		inode->i_fop = &simple_dir_operations;
		inc_nlink(inode);
		break;
	case S_IFLNK:
		inode->i_op = &simple_symlink_inode_operations;
		break;
	default:
		init_special_inode(inode, mode, dev);
		break;
	}
	return inode;
}

static int fofs_add(struct inode *dir, struct dentry *dentry, struct inode *inode)
{
	if (!inode)
		return -ENOMEM;
	inode_set_mtime_to_ts(dir, inode_set_ctime_current(dir));
	compat_make_persistent(dentry, inode);
	return 0;
}

static int fofs_mknod(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
		      umode_t mode, dev_t dev)
{
	return fofs_add(dir, dentry, fofs_new_inode(dir->i_sb, dir, mode, dev));
}

static int fofs_create(compat_create_args(idmap, dir, dentry, mode))
{
	return fofs_mknod(idmap, dir, dentry, mode | S_IFREG, 0);
}

static compat_mkdir_ret fofs_mkdir(struct mnt_idmap *idmap, struct inode *dir,
				   struct dentry *dentry, umode_t mode)
{
	int err = fofs_mknod(idmap, dir, dentry, mode | S_IFDIR, 0);

	if (!err)
		inc_nlink(dir);
	return compat_mkdir_ret(err);
}

static int fofs_symlink(struct mnt_idmap *idmap, struct inode *dir, struct dentry *dentry,
			const char *target)
{
	struct inode *inode;
	char *link = kstrdup(target, GFP_KERNEL_ACCOUNT);

	if (!link)
		return -ENOMEM;
	inode = fofs_new_inode(dir->i_sb, dir, S_IFLNK | 0777, 0);
	if (!inode) {
		kfree(link);
		return -ENOMEM;
	}
	inode->i_link = link;
	i_size_write(inode, strlen(link));
	return fofs_add(dir, dentry, inode);
}

static int fofs_tmpfile(struct mnt_idmap *idmap, struct inode *dir, struct file *file,
			umode_t mode)
{
	struct inode *inode = fofs_new_inode(dir->i_sb, dir, mode, 0);

	if (!inode)
		return finish_open_simple(file, -ENOMEM);
	d_tmpfile(file, inode);
	return finish_open_simple(file, 0);
}

static const struct inode_operations fofs_dir_inode_ops = {
	.create		= fofs_create,
	.lookup		= simple_lookup,
	.link		= simple_link,
	.unlink		= simple_unlink,
	.symlink	= fofs_symlink,
	.mkdir		= fofs_mkdir,
	.rmdir		= simple_rmdir,
	.mknod		= fofs_mknod,
	.rename		= simple_rename,
	.tmpfile	= fofs_tmpfile,
};
