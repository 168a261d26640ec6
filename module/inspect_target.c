// SPDX-License-Identifier: GPL-2.0
/*
 * From the text of a request to what is to be inspected, and how to keep it.
 *
 * A request by path keeps the path, so that umount(2) fails with EBUSY as for an open
 * file. One by device has no mount to keep: it keeps the superblock active instead, and
 * umount(2) then detaches the mount and leaves the end of the superblock to the last
 * reference. In neither case can an inode outlive its superblock.
 */
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/kstrtox.h>
#include <linux/namei.h>
#include <linux/string.h>

#include "inspect.h"

struct by_number {
	dev_t dev;
	u64 ino;
	struct super_block *sb;
	struct inode *inode;
};

/* What is cached for a block device is not in the inode that /dev/NAME has. */
static struct inode *data_inode(struct inode *inode)
{
	struct inode *bdev;

	if (!S_ISBLK(inode->i_mode))
		return inode;
	bdev = ilookup(blockdev_superblock, inode->i_rdev);
	iput(inode);
	return bdev ?: ERR_PTR(-ENXIO);
}

static int get_by_path(struct inspect_target *target, const char *name, bool whole)
{
	struct inode *inode;
	int err;

	err = kern_path(name, LOOKUP_FOLLOW, &target->path);
	if (err || whole)
		return err;
	/* overlayfs caches nothing itself. */
	inode = d_is_reg(target->path.dentry) ? d_real_inode(target->path.dentry) : NULL;
	if (!inode)
		inode = d_backing_inode(target->path.dentry);
	ihold(inode);
	inode = data_inode(inode);
	if (IS_ERR(inode)) {
		path_put(&target->path);
		return PTR_ERR(inode);
	}
	target->inode = inode;
	return 0;
}

/* Stops, by 1, at the superblock of the device, which it keeps. */
static int keep_super(struct super_block *sb, void *arg)
{
	struct by_number *want = arg;

	if (sb->s_dev != want->dev)
		return 0;
	atomic_inc(&sb->s_active);
	want->sb = sb;
	return 1;
}

static int keep_super_of_type(struct file_system_type *type, void *arg)
{
	return inspect_each_super(type, keep_super, arg);
}

static bool has_number(struct inode *inode, void *arg)
{
	const struct by_number *want = arg;

	return inode->i_ino == want->ino;
}

static int keep_inode(struct inode *inode, void *arg)
{
	struct by_number *want = arg;

	if (!has_number(inode, want))
		return 0;
	ihold(inode);
	want->inode = inode;
	return 1;
}

static int get_by_number(struct inspect_target *target, struct by_number *want, bool whole)
{
	struct inode *inode;
	int err;

	err = inspect_each_type(keep_super_of_type, want);
	if (err <= 0)
		return err ?: -ENODEV;
	target->sb = want->sb;
	if (whole)
		return 0;

	err = inspect_each_inode(want->sb, has_number, keep_inode, want);
	inode = err > 0 ? data_inode(want->inode) : ERR_PTR(err ?: -ENOENT);
	if (IS_ERR(inode)) {
		deactivate_super(want->sb);
		return PTR_ERR(inode);
	}
	target->inode = inode;
	return 0;
}

/*
 * MAJOR:MINOR [INO], digits and nothing else. Returns 0 for what is not of this form,
 * 1 or 2 for how many of the two there are, or an error for numbers that no device has.
 */
static int parse_numbers(struct by_number *want, char *request)
{
	unsigned int major, minor;
	char *minor_text, *ino_text;

	if (request[strspn(request, "0123456789: ")])
		return 0;
	minor_text = strchr(request, ':');
	if (!minor_text)
		return 0;
	*minor_text++ = '\0';
	ino_text = strchr(minor_text, ' ');
	if (ino_text)
		*ino_text++ = '\0';
	if (kstrtouint(request, 10, &major) || major >= 1U << (32 - MINORBITS) ||
	    kstrtouint(minor_text, 10, &minor) || minor >= 1U << MINORBITS)
		return -EINVAL;
	want->dev = MKDEV(major, minor);
	if (!ino_text)
		return 1;
	return kstrtou64(ino_text, 10, &want->ino) ? -EINVAL : 2;
}

/**
 * inspect_target_get() - Find and keep what a request names.
 * @target: What was found. On an error there is nothing to put.
 * @request: A path or MAJOR:MINOR INO; it is changed.
 * @whole: Whether a superblock is wanted: a path stands for the one it is on, and a
 * device comes without an inode number.
 *
 * Context: May sleep. Paths are those of the current task.
 * Return: 0; -EINVAL for a request that is none; -ENODEV if there is no such
 * superblock; -ENOENT if it has no such inode in memory; -ENXIO for the special file of
 * a block device that is not there; -EINTR, -ENOMEM, or what looking up a path returns.
 */
int inspect_target_get(struct inspect_target *target, char *request, bool whole)
{
	struct by_number want = { };
	int nr;

	memset(target, 0, sizeof(*target));
	if (!*request)
		return -EINVAL;
	nr = parse_numbers(&want, request);
	if (!nr)
		return get_by_path(target, request, whole);
	if (nr != (whole ? 1 : 2))
		return nr < 0 ? nr : -EINVAL;
	return get_by_number(target, &want, whole);
}

/**
 * inspect_target_put() - Let go of what inspect_target_get() has kept.
 * @target: What to let go of; may be all zeroes.
 *
 * Context: May sleep, and may end an inode or a superblock.
 */
void inspect_target_put(struct inspect_target *target)
{
	iput(target->inode);
	if (target->sb)
		deactivate_super(target->sb);
	path_put(&target->path);
}
