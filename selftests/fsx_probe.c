// SPDX-License-Identifier: GPL-2.0
/* fsx: the table of the operations, and which of them work here. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fsx.h"
#include "fsx_ops.h"

static bool probe_mode(struct fsx *fsx, int mode)
{
	size_t size = fsx->block * 4;
	bool there;

	if (ftruncate(fsx->fd, size))
		return false;
	there = !fallocate(fsx->fd, mode, fsx->block, fsx->block);
	return !ftruncate(fsx->fd, 0) && there;
}

static bool probe_fallocate(struct fsx *fsx) { return probe_mode(fsx, 0); }
static bool probe_keep(struct fsx *fsx) { return probe_mode(fsx, FALLOC_FL_KEEP_SIZE); }
static bool probe_zero(struct fsx *fsx) { return probe_mode(fsx, FALLOC_FL_ZERO_RANGE); }
static bool probe_collapse(struct fsx *fsx) { return probe_mode(fsx, FALLOC_FL_COLLAPSE_RANGE); }
static bool probe_insert(struct fsx *fsx) { return probe_mode(fsx, FALLOC_FL_INSERT_RANGE); }

static bool probe_zero_keep(struct fsx *fsx)
{
	return probe_mode(fsx, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE);
}

static bool probe_punch(struct fsx *fsx)
{
	return probe_mode(fsx, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
}

static bool probe_direct(struct fsx *fsx)
{
	size_t unit = fsx->opt.direct_align;
	bool there;

	if (fsx->direct_fd < 0)
		return false;
	memset(fsx->buf, 0, unit);
	there = pwrite(fsx->direct_fd, fsx->buf, unit, 0) == (ssize_t)unit &&
		pread(fsx->direct_fd, fsx->buf, unit, 0) == (ssize_t)unit;
	return !ftruncate(fsx->fd, 0) && there;
}

static bool probe_map(struct fsx *fsx)
{
	void *map = mmap(NULL, fsx->page, PROT_READ | PROT_WRITE, MAP_SHARED, fsx->fd, 0);

	return map != MAP_FAILED && !munmap(map, fsx->page);
}

static bool probe_copy(struct fsx *fsx)
{
	loff_t in = 0, out = fsx->block;
	bool there;

	if (ftruncate(fsx->fd, fsx->block))
		return false;
	there = copy_file_range(fsx->fd, &in, fsx->fd, &out, fsx->block, 0) > 0;
	return !ftruncate(fsx->fd, 0) && there;
}

static bool probe_clone(struct fsx *fsx)
{
	struct file_clone_range range = {
		.src_fd = fsx->fd, .src_length = fsx->block, .dest_offset = fsx->block,
	};
	bool there;

	if (ftruncate(fsx->fd, fsx->block))
		return false;
	there = !ioctl(fsx->fd, FICLONERANGE, &range);
	return !ftruncate(fsx->fd, 0) && there;
}

static bool probe_uncached(struct fsx *fsx)
{
	struct iovec vec = { fsx->buf, 1 };
	bool there = pwritev2(fsx->fd, &vec, 1, 0, RWF_DONTCACHE) == 1;

	return !ftruncate(fsx->fd, 0) && there;
}

static bool probe_seek(struct fsx *fsx)
{
	return lseek(fsx->fd, 0, SEEK_HOLE) >= 0 || errno == ENXIO;
}

static bool probe_drop(struct fsx *fsx)
{
	(void)fsx;
	return !access("/proc/sys/vm/drop_caches", W_OK);
}

/* pollute comes first: check_tail() asks for bit 0. */
const struct operation operations[] = {
	{ "pollute", 0, op_pollute, probe_map },
	{ "read", 20, op_read, NULL },
	{ "uncached_read", 3, op_uncached_read, probe_uncached },
	{ "direct_read", 6, op_direct_read, probe_direct },
	{ "mapread", 12, op_mapread, probe_map },
	{ "splice_read", 5, op_splice_read, NULL },
	{ "seek", 3, op_seek, probe_seek },
	{ "write", 20, op_write, NULL },
	{ "uncached_write", 3, op_uncached_write, probe_uncached },
	{ "direct_write", 6, op_direct_write, probe_direct },
	{ "mapwrite", 12, op_mapwrite, probe_map },
	{ "private", 3, op_private, probe_map },
	{ "splice_write", 4, op_splice_write, NULL },
	{ "truncate_down", 6, op_truncate_down, NULL },
	{ "truncate_up", 8, op_truncate_up, NULL },
	{ "fallocate", 4, op_fallocate, probe_fallocate },
	{ "keep_size", 3, op_keep_size, probe_keep },
	{ "punch", 7, op_punch, probe_punch },
	{ "zero", 5, op_zero, probe_zero },
	{ "zero_keep", 3, op_zero_keep, probe_zero_keep },
	{ "collapse", 4, op_collapse, probe_collapse },
	{ "insert", 4, op_insert, probe_insert },
	{ "copy", 5, op_copy, probe_copy },
	{ "clone", 4, op_clone, probe_clone },
	{ "fsync", 2, op_fsync, NULL },
	{ "fdatasync", 2, op_fdatasync, NULL },
	{ "dontneed", 5, op_dontneed, NULL },
	{ "willneed", 2, op_willneed, NULL },
	{ "drop_caches", 0, op_drop_caches, probe_drop },
	{ "reopen", 2, op_reopen, NULL },
};

const unsigned int nr_operations = ARRAY_SIZE(operations);
