// SPDX-License-Identifier: GPL-2.0
/*
 * All filesystem types, all superblocks of a type, all inodes of a superblock, for a
 * module: the list of superblocks is not exported, but a walk over those of one type
 * is, and most of the types are what /proc/filesystems lists. Each step keeps what it hands to
 * the function and holds no lock while that runs, which ends the walk by returning
 * anything but 0.
 */
#include <linux/array_size.h>
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/list.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "inspect.h"

/* More than enough for the names of all types there can be. */
#define TYPES_TEXT	SZ_64K

/* Inodes that are passed over before the lock is given away. */
#define INODES_AT_ONCE	256

struct kept_super {
	struct list_head list;
	struct super_block *sb;
};

struct kept_supers {
	struct list_head list;
	int err;
};

/* The text of /proc/filesystems. */
static char *read_types(void)
{
	struct file *file;
	ssize_t got = 0;
	loff_t pos = 0;
	char *text;

	file = filp_open("/proc/filesystems", O_RDONLY, 0);
	if (IS_ERR(file))
		return ERR_CAST(file);
	text = kvzalloc(TYPES_TEXT, GFP_KERNEL);
	if (!text)
		got = -ENOMEM;
	else if (file_inode(file)->i_sb->s_magic != PROC_SUPER_MAGIC)
		got = -ENOENT;
	else
		while (pos < TYPES_TEXT - 1) {
			got = kernel_read(file, text + pos, TYPES_TEXT - 1 - pos, &pos);
			if (got <= 0)
				break;
		}
	fput(file);
	if (got > 0)
		got = -E2BIG;
	if (got) {
		kvfree(text);
		return ERR_PTR(got);
	}
	return text;
}

static bool is_listed(const char *text, const char *name)
{
	size_t len = strlen(name);
	const char *at = text;

	while ((at = strstr(at, name))) {
		if (at > text && at[-1] == '\t' && at[len] == '\n')
			return true;
		at += len;
	}
	return false;
}

/**
 * inspect_each_type() - Go through the filesystem types.
 * @fn: Called for each; what it returns, unless 0, ends this and is returned.
 * @arg: Handed on to @fn.
 *
 * That is those which are registered, that of the block devices and that of the root of
 * the current task, which need not be.
 *
 * Context: May sleep. Reads /proc/filesystems as the current task sees it.
 * Return: 0 after the last one, what @fn returned, or an error: -ENOENT without /proc.
 */
int inspect_each_type(int (*fn)(struct file_system_type *type, void *arg), void *arg)
{
	struct file_system_type *extra[2] = { blockdev_superblock->s_type };
	char *text, *rest, *line, *name;
	struct path root;
	unsigned int i;
	int ret = 0;

	text = read_types();
	if (IS_ERR(text))
		return PTR_ERR(text);
	/* Keeps the superblock, and with it the type. */
	get_fs_root(current->fs, &root);
	extra[1] = root.dentry->d_sb->s_type;
	for (i = 0; !ret && i < ARRAY_SIZE(extra); i++)
		if (!is_listed(text, extra[i]->name))
			ret = fn(extra[i], arg);
	path_put(&root);

	rest = text;
	while (!ret && (line = strsep(&rest, "\n"))) {
		struct file_system_type *type;

		name = strrchr(line, '\t');
		type = name ? get_fs_type(name + 1) : NULL;
		if (!type)
			continue;
		ret = fn(type, arg);
		module_put(type->owner);
	}
	kvfree(text);
	return ret;
}

/* Under s_umount, so that the superblock is active: it has not begun to end. */
static void keep_super(struct super_block *sb, void *arg)
{
	struct kept_supers *kept = arg;
	struct kept_super *k;

	if (kept->err)
		return;
	k = kmalloc_obj(*k, GFP_KERNEL);
	if (!k) {
		kept->err = -ENOMEM;
		return;
	}
	if (!atomic_inc_not_zero(&sb->s_active)) {
		kfree(k);
		return;
	}
	k->sb = sb;
	list_add_tail(&k->list, &kept->list);
}

/**
 * inspect_each_super() - Go through the superblocks of a filesystem type.
 * @type: The type.
 * @fn: Called for each; what it returns, unless 0, ends this and is returned.
 * @arg: Handed on to @fn.
 *
 * All of them are kept active at once, so that no lock is held while @fn runs.
 *
 * Context: May sleep. Waits for s_umount of each, as sync(2) does.
 * Return: 0 after the last one, what @fn returned, -EINTR or -ENOMEM.
 */
int inspect_each_super(struct file_system_type *type,
		       int (*fn)(struct super_block *sb, void *arg), void *arg)
{
	struct kept_supers kept = { .list = LIST_HEAD_INIT(kept.list) };
	struct kept_super *k, *next;
	int ret;

	iterate_supers_type(type, keep_super, &kept);
	ret = kept.err;
	list_for_each_entry_safe(k, next, &kept.list, list) {
		if (!ret && fatal_signal_pending(current))
			ret = -EINTR;
		if (!ret)
			ret = fn(k->sb, arg);
		deactivate_super(k->sb);
		kfree(k);
	}
	return ret;
}

/**
 * inspect_each_inode() - Go through the inodes of a superblock that are in memory.
 * @sb: The superblock, kept active by the caller.
 * @wanted: Called under a spinlock; most of those it is false for are passed over.
 * @fn: Called for each; what it returns, unless 0, ends this and is returned.
 * @arg: Handed on to @fn.
 *
 * Inodes that are being made or freed are passed over.
 *
 * Context: May sleep. The last reference to an inode may be put here, as by anyone.
 * Return: 0 after the last one, what @fn returned, or -EINTR.
 */
int inspect_each_inode(struct super_block *sb,
		       bool (*wanted)(struct inode *inode, void *arg),
		       int (*fn)(struct inode *inode, void *arg), void *arg)
{
	struct inode *inode, *kept = NULL;
	unsigned int passed = 0;
	int ret = 0;

	spin_lock(&sb->s_inode_list_lock);
	list_for_each_entry(inode, &sb->s_inodes, i_sb_list) {
		if (++passed < INODES_AT_ONCE && !wanted(inode, arg))
			continue;
		if (compat_inode_state(inode) & I_NEW || !igrab(inode))
			continue;
		passed = 0;
		spin_unlock(&sb->s_inode_list_lock);

		/* What is kept is still in the list, and so is the way on from there. */
		iput(kept);
		kept = inode;
		if (fatal_signal_pending(current))
			ret = -EINTR;
		else
			ret = fn(inode, arg);
		cond_resched();

		spin_lock(&sb->s_inode_list_lock);
		if (ret)
			break;
	}
	spin_unlock(&sb->s_inode_list_lock);
	iput(kept);
	return ret;
}
