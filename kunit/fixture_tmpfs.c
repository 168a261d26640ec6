// SPDX-License-Identifier: GPL-2.0
/*
 * Files of tmpfs for the folio suites: a private mount with the options that a
 * case wants, and a fixture through which its page cache can be looked at with
 * all that the other suites use.
 */
#include <linux/file.h>
#include <linux/fs_context.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/shmem_fs.h>
#include <linux/uio.h>

#include "fixture.h"
#include "../module/compat.h"

static void tmpfs_umount(void *data)
{
	struct vfsmount *mnt = data;

	flush_delayed_fput();
	kern_unmount_array(&mnt, 1);
}

static void tmpfs_close(void *data)
{
	struct folio_fixture *fx = data;

	if (fx->file)
		__fput_sync(fx->file);
	fx->file = NULL;
}

static void put_context(void *fc)
{
	put_fs_context(fc);
}

/**
 * fxt_mount_tmpfs() - a tmpfs of the case's own
 * @test: the case; unmounted when it ends
 * @options: pairs of an option and its value, then NULL; {"huge", "always", NULL}
 *
 * Return: the mount. A failure ends the case.
 */
struct vfsmount *fxt_mount_tmpfs(struct kunit *test, const char *const *options)
{
	struct file_system_type *type = get_fs_type("tmpfs");
	struct fs_context *fc;
	struct vfsmount *mnt;

	KUNIT_ASSERT_NOT_NULL_MSG(test, type, "no tmpfs");
	fc = fs_context_for_mount(type, 0);
	module_put(type->owner);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, fc);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, put_context, fc));
	for (; options && options[0]; options += 2)
		KUNIT_ASSERT_EQ_MSG(test, 0,
				    compat_parse_fs_string(fc, options[0], options[1]),
				    "option %s=%s", options[0], options[1]);
	mnt = fc_mount(fc);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mnt);
	kunit_release_action(test, put_context, fc);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, tmpfs_umount, mnt));
	return mnt;
}
EXPORT_SYMBOL_NS_GPL(fxt_mount_tmpfs, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_open_tmpfs() - a new, empty file of a tmpfs
 * @test: the case; the file is closed when it ends
 * @mnt: what fxt_mount_tmpfs() returned
 *
 * The fixture's page cache is the one of the file, so that the fxt_expect_*()
 * and fxt_mmap() work on it; @file is the open file, and its inode is the true
 * one: the fixture's own has none but the number that the stamps contain. The
 * operations are those of tmpfs: nothing is recorded.
 *
 * Return: the fixture. A failure ends the case.
 */
struct folio_fixture *fxt_open_tmpfs(struct kunit *test, struct vfsmount *mnt)
{
	static atomic_t last_ino = ATOMIC_INIT(0);
	struct folio_fixture *fx = kunit_kzalloc(test, sizeof(*fx), GFP_KERNEL);
	struct path root = { .mnt = mnt, .dentry = mnt->mnt_root };
	char name[16];

	KUNIT_ASSERT_NOT_NULL(test, fx);
	fx->test = test;
	fx->mnt = mnt;
	fx->inode.i_ino = atomic_inc_return(&last_ino);
	snprintf(name, sizeof(name), "file%lu", (unsigned long)fx->inode.i_ino);
	fx->file = file_open_root(&root, name, O_CREAT | O_RDWR | O_LARGEFILE, 0600);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, fx->file);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, tmpfs_close, fx));
	fx->inode.i_mapping = fx->file->f_mapping;
	KUNIT_ASSERT_TRUE(test, shmem_mapping(fx->inode.i_mapping));
	return fx;
}
EXPORT_SYMBOL_NS_GPL(fxt_open_tmpfs, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_add_shmem() - put a stamped, dirty folio of a chosen order in a tmpfs file
 * @fx: what fxt_open_tmpfs() returned, on a mount with huge=within_size
 * @index: page index; a multiple of twice its number of pages, unless the order
 *	is 0 or what lies beside it leaves no room for a larger one
 * @order: its order, exactly
 *
 * i_size is not changed: set it first.
 *
 * Return: the folio, unlocked; the page cache holds the only references. A
 * failure ends the case.
 */
struct folio *fxt_add_shmem(struct folio_fixture *fx, pgoff_t index, unsigned int order)
{
	struct inode *inode = file_inode(fx->file);
	struct shmem_sb_info *sbinfo = inode->i_sb->s_fs_info;
	const loff_t end = FXT_POS(index + (1UL << order)), size = i_size_read(inode);
	const unsigned char huge = sbinfo->huge;
	struct folio *folio = NULL;
	int err;

	/* What ends with the file is as large as the file lets it be. */
	i_size_write(inode, end);
	if (!order)
		sbinfo->huge = 0;
	err = shmem_get_folio(inode, index, end, &folio, SGP_WRITE);
	sbinfo->huge = huge;
	i_size_write(inode, size);
	KUNIT_ASSERT_EQ_MSG(fx->test, 0, err, "order %u at %lu", order, index);
	fxt_stamp(fx, folio, folio->index);
	folio_mark_uptodate(folio);
	folio_mark_dirty(folio);
	folio_unlock(folio);
	folio_put(folio);
	KUNIT_ASSERT_EQ_MSG(fx->test, order, folio_order(folio), "at %lu", index);
	KUNIT_ASSERT_EQ(fx->test, index, folio->index);
	return folio;
}
EXPORT_SYMBOL_NS_GPL(fxt_add_shmem, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_read_stamped() - read part of a file and compare it with its stamps
 * @fx: the fixture; its file must be readable
 * @from: first byte
 * @to: byte after the last
 * @zeroed: expect zeros instead
 *
 * Unlike fxt_expect_stamped() it goes through the file, and brings in what was
 * swapped out.
 */
void fxt_read_stamped(struct folio_fixture *fx, loff_t from, loff_t to, bool zeroed)
{
	const size_t size = 16 * PAGE_SIZE;
	char *buf = kmalloc(size, GFP_KERNEL);
	loff_t pos = from;

	KUNIT_ASSERT_NOT_NULL(fx->test, buf);
	while (pos < to) {
		size_t want = min_t(loff_t, size, to - pos);
		loff_t at = pos;
		ssize_t got = kernel_read(fx->file, buf, want, &at);
		char *wrong;

		if (got <= 0) {
			KUNIT_FAIL(fx->test, "read at %lld (index %llu): %zd", pos,
				   (u64)pos >> PAGE_SHIFT, got);
			break;
		}
		if (!zeroed) {
			fxt_expect_buffer(fx, buf, pos, got);
		} else {
			wrong = memchr_inv(buf, 0, got);
			if (wrong)
				KUNIT_FAIL(fx->test, "byte %lld (index %llu): %02x, not zeroed",
					   pos + (wrong - buf),
					   (u64)(pos + (wrong - buf)) >> PAGE_SHIFT, (u8)*wrong);
		}
		if (READ_ONCE(fx->test->status) == KUNIT_FAILURE)
			break;
		pos += got;
	}
	kfree(buf);
}
EXPORT_SYMBOL_NS_GPL(fxt_read_stamped, COMPAT_NS(FOLIO_KUNIT));
