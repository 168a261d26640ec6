// SPDX-License-Identifier: GPL-2.0
/* fsx: the operations. Each tells the model what it did, or leaves a doubt. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fsx.h"
#include "fsx_ops.h"

/*
 * Offsets at random would miss the borders at which folios begin and end: half of
 * them lie at or next to a multiple of a power of two, some at the end of the file.
 */
size_t pick_offset(struct fsx *fsx, size_t limit)
{
	size_t off, unit;

	if (!limit)
		return 0;
	switch (random_below(fsx, 4)) {
	case 0:
		off = fsx->model.size + random_below(fsx, 3) - 1;
		break;
	case 1:
		off = random_below(fsx, limit);
		break;
	default:
		unit = (size_t)512 << random_below(fsx, 13);
		off = random_below(fsx, limit / unit + 1) * unit + random_below(fsx, 3) - 1;
	}
	if (off >= limit)
		off = random_below(fsx, limit);
	return off - off % fsx->opt.align;
}

static size_t pick_length(struct fsx *fsx, size_t limit)
{
	size_t most = fsx->opt.op_max < limit ? fsx->opt.op_max : limit, len;

	if (!most)
		return 0;
	len = 1 + random_below(fsx, random_below(fsx, 3) ? most : (most > 4096 ? 4096 : most));
	if (random_below(fsx, 3) == 0)
		len = (len + fsx->page - 1) / fsx->page * fsx->page;
	len = (len + fsx->opt.align - 1) / fsx->opt.align * fsx->opt.align;
	return len < limit ? len : limit - limit % fsx->opt.align;
}

/* pick_range() - off and len of a record within @limit bytes, multiples of @unit. */
bool pick_range(struct fsx *fsx, struct record *rec, size_t limit, size_t unit)
{
	rec->off = pick_offset(fsx, limit);
	rec->off -= rec->off % unit;
	rec->len = pick_length(fsx, limit - rec->off);
	rec->len -= unit > 1 && rec->len > unit ? rec->len % unit : 0;
	if (unit > 1 && rec->len < unit)
		rec->len = unit;
	rec->doubt_from = rec->off;
	rec->doubt_to = rec->off + rec->len;
	return rec->len && rec->off + rec->len <= limit;
}

/* The same for all runs: bytes that are never zero. */
int make_pattern(struct fsx *fsx)
{
	uint64_t state = 0;
	size_t at;

	fsx->pattern = malloc(PATTERN);
	for (at = 0; fsx->pattern && at < PATTERN; at++)
		fsx->pattern[at] = 1 + next_random(&state) % 255;
	return fsx->pattern ? 0 : -ENOMEM;
}

/* Bytes that tell operation and place: each operation has the pattern elsewhere. */
void fill_buffer(struct fsx *fsx, size_t off, size_t len)
{
	size_t from = (off + fsx->number * 0x9e3779b1) % PATTERN, at, part;

	for (at = 0; at < len; at += part) {
		part = len - at < PATTERN - from ? len - at : PATTERN - from;
		memcpy(fsx->buf + at, fsx->pattern + from, part);
		from = 0;
	}
}

static size_t expected(const struct fsx *fsx, const struct record *rec)
{
	if (rec->off >= fsx->model.size)
		return 0;
	return rec->off + rec->len > fsx->model.size ? fsx->model.size - rec->off : rec->len;
}

static int read_with(struct fsx *fsx, struct record *rec, int fd, int flags, const char *how)
{
	size_t due = expected(fsx, rec), got = 0;

	while (got < due) {
		struct iovec vec = { fsx->buf + got, rec->len - got };
		ssize_t ret = preadv2(fd, &vec, 1, rec->off + got, flags);

		if (ret < 0)
			return -errno;
		if (!ret || got + ret > due) {
			printf("# read of %zu bytes at %#zx gave %zu, not %zu\n", rec->len,
			       rec->off, got + ret, due);
			log_print(fsx, rec->off, rec->off + rec->len);
			fail_file(fsx);
		}
		got += ret;
		/* Go on in whole blocks, or end as a direct read at EOF does. */
		if (fd == fsx->direct_fd && got < due && got % fsx->opt.direct_align)
			return -EIO;
	}
	check_data(fsx, rec->off, fsx->buf, got, how);
	return 0;
}

int op_read(struct fsx *fsx, struct record *rec)
{
	if (!pick_range(fsx, rec, fsx->model.max, 1))
		return 0;
	return read_with(fsx, rec, fsx->fd, 0, "read");
}

int op_uncached_read(struct fsx *fsx, struct record *rec)
{
	if (!pick_range(fsx, rec, fsx->model.max, 1))
		return 0;
	return read_with(fsx, rec, fsx->fd, RWF_DONTCACHE, "uncached read");
}

int op_direct_read(struct fsx *fsx, struct record *rec)
{
	if (!pick_range(fsx, rec, fsx->model.max, fsx->opt.direct_align))
		return 0;
	return read_with(fsx, rec, fsx->direct_fd, 0, "direct read");
}

static int write_with(struct fsx *fsx, struct record *rec, int fd, int flags)
{
	size_t put = 0;

	fill_buffer(fsx, rec->off, rec->len);
	while (put < rec->len) {
		struct iovec vec = { fsx->buf + put, rec->len - put };
		ssize_t ret = pwritev2(fd, &vec, 1, rec->off + put, flags);

		if (ret <= 0)
			return ret ? -errno : -EIO;
		model_write(fsx, rec->off + put, fsx->buf + put, ret);
		put += ret;
		rec->doubt_from = rec->off + put;
	}
	return 0;
}

int op_write(struct fsx *fsx, struct record *rec)
{
	if (!pick_range(fsx, rec, fsx->model.max, 1))
		return 0;
	return write_with(fsx, rec, fsx->fd, 0);
}

int op_uncached_write(struct fsx *fsx, struct record *rec)
{
	if (!pick_range(fsx, rec, fsx->model.max, 1))
		return 0;
	return write_with(fsx, rec, fsx->fd, RWF_DONTCACHE);
}

int op_direct_write(struct fsx *fsx, struct record *rec)
{
	int err;

	if (!pick_range(fsx, rec, fsx->model.max, fsx->opt.direct_align))
		return 0;
	err = write_with(fsx, rec, fsx->direct_fd, 0);
	/* What it left behind a new end is on the disk: half of the times somebody maps it. */
	if (!err && fsx->model.size > rec->size_before && fsx->number % 2)
		err = check_eof(fsx);
	return err;
}

static int truncate_to(struct fsx *fsx, struct record *rec, size_t size)
{
	rec->off = size;
	rec->len = size > fsx->model.size ? size - fsx->model.size : fsx->model.size - size;
	rec->doubt_from = size < fsx->model.size ? size : fsx->model.size;
	rec->doubt_to = rec->doubt_from + rec->len;
	if (ftruncate(fsx->fd, size))
		return -errno;
	model_resize(fsx, size);
	return 0;
}

int op_truncate_down(struct fsx *fsx, struct record *rec)
{
	size_t back = random_below(fsx, fsx->opt.op_max * 2), size = fsx->model.size;

	if (random_below(fsx, 20) == 0)
		return truncate_to(fsx, rec, 0);
	if (random_below(fsx, 2))
		size = pick_offset(fsx, size);
	else
		size = size > back ? size - back : 0;
	return truncate_to(fsx, rec, size - size % fsx->opt.align);
}

int op_truncate_up(struct fsx *fsx, struct record *rec)
{
	size_t room = fsx->model.max - fsx->model.size;
	size_t size = fsx->model.size + pick_length(fsx, room);

	return truncate_to(fsx, rec, size - size % fsx->opt.align < fsx->model.size ?
			   fsx->model.size : size - size % fsx->opt.align);
}

static int allocate(struct fsx *fsx, struct record *rec, int mode)
{
	return fallocate(fsx->fd, mode, rec->off, rec->len) ? -errno : 0;
}

int op_fallocate(struct fsx *fsx, struct record *rec)
{
	int err;

	if (!pick_range(fsx, rec, fsx->model.max, 1))
		return 0;
	rec->doubt_from = fsx->model.size;
	err = allocate(fsx, rec, 0);
	if (!err && rec->off + rec->len > fsx->model.size)
		model_resize(fsx, rec->off + rec->len);
	return err;
}

int op_keep_size(struct fsx *fsx, struct record *rec)
{
	if (!pick_range(fsx, rec, fsx->model.max, 1))
		return 0;
	rec->doubt_to = rec->doubt_from;
	return allocate(fsx, rec, FALLOC_FL_KEEP_SIZE);
}

static int zero_range(struct fsx *fsx, struct record *rec, int mode, bool grow)
{
	int err;

	if (!pick_range(fsx, rec, fsx->model.max, 1))
		return 0;
	err = allocate(fsx, rec, mode);
	if (err)
		return err;
	model_zero(fsx, rec->off, rec->len);
	if (grow && rec->off + rec->len > fsx->model.size)
		model_resize(fsx, rec->off + rec->len);
	return 0;
}

int op_punch(struct fsx *fsx, struct record *rec)
{
	return zero_range(fsx, rec, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, false);
}

int op_zero(struct fsx *fsx, struct record *rec)
{
	return zero_range(fsx, rec, FALLOC_FL_ZERO_RANGE, true);
}

int op_zero_keep(struct fsx *fsx, struct record *rec)
{
	return zero_range(fsx, rec, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, false);
}

int op_collapse(struct fsx *fsx, struct record *rec)
{
	size_t size = fsx->model.size;
	int err;

	/* The end of the file cannot be collapsed: that is a truncate. */
	if (size <= fsx->block || !pick_range(fsx, rec, size - 1, fsx->block))
		return 0;
	if (rec->off + rec->len >= size)
		return 0;
	rec->doubt_to = fsx->model.max;
	err = allocate(fsx, rec, FALLOC_FL_COLLAPSE_RANGE);
	if (err)
		return err;
	model_move(fsx, rec->off, rec->off + rec->len, size - rec->off - rec->len);
	model_resize(fsx, size - rec->len);
	return 0;
}

int op_insert(struct fsx *fsx, struct record *rec)
{
	size_t size = fsx->model.size;
	int err;

	if (!size || !pick_range(fsx, rec, fsx->model.max, fsx->block))
		return 0;
	if (rec->off >= size || size + rec->len > fsx->model.max)
		return 0;
	rec->doubt_to = fsx->model.max;
	err = allocate(fsx, rec, FALLOC_FL_INSERT_RANGE);
	if (err)
		return err;
	model_resize(fsx, size + rec->len);
	model_move(fsx, rec->off + rec->len, rec->off, size - rec->off);
	model_zero(fsx, rec->off, rec->len);
	return 0;
}

/* pick_copy() - a source inside of the file and a place that it does not touch. */
static bool pick_copy(struct fsx *fsx, struct record *rec, size_t unit)
{
	if (fsx->model.size < unit || !pick_range(fsx, rec, fsx->model.size, unit))
		return false;
	rec->dest = pick_offset(fsx, fsx->model.max - rec->len);
	rec->dest -= rec->dest % unit;
	rec->doubt_from = rec->dest;
	rec->doubt_to = rec->dest + rec->len;
	return rec->dest + rec->len <= rec->off || rec->off + rec->len <= rec->dest;
}

int op_copy(struct fsx *fsx, struct record *rec)
{
	size_t done = 0;

	if (!pick_copy(fsx, rec, 1))
		return 0;
	while (done < rec->len) {
		loff_t in = rec->off + done, out = rec->dest + done;
		ssize_t ret = copy_file_range(fsx->fd, &in, fsx->fd, &out, rec->len - done, 0);

		if (ret <= 0)
			return ret ? -errno : -EIO;
		model_move(fsx, rec->dest + done, rec->off + done, ret);
		done += ret;
	}
	return 0;
}

int op_clone(struct fsx *fsx, struct record *rec)
{
	struct file_clone_range range = { .src_fd = fsx->fd };

	if (!pick_copy(fsx, rec, fsx->block))
		return 0;
	range.src_offset = rec->off;
	range.src_length = rec->len;
	range.dest_offset = rec->dest;
	if (ioctl(fsx->fd, FICLONERANGE, &range))
		return -errno;
	model_move(fsx, rec->dest, rec->off, rec->len);
	return 0;
}

/* To a pipe and out of it again: what the pipe holds are the pages of the cache. */
int op_splice_read(struct fsx *fsx, struct record *rec)
{
	size_t got = 0, due;
	int pipes[2], err = 0;

	if (!pick_range(fsx, rec, fsx->model.size, 1))
		return 0;
	due = expected(fsx, rec);
	if (pipe(pipes))
		return -errno;
	while (!err && got < due) {
		loff_t off = rec->off + got;
		ssize_t ret = splice(fsx->fd, &off, pipes[1], NULL, due - got, 0);

		if (ret <= 0)
			err = ret ? -errno : -EIO;
		for (; !err && ret > 0; ) {
			ssize_t part = read(pipes[0], fsx->buf + got, ret);

			err = part <= 0 ? -EIO : 0;
			ret -= part;
			got += part;
		}
	}
	close(pipes[0]);
	close(pipes[1]);
	if (!err)
		check_data(fsx, rec->off, fsx->buf, got, "splice");
	return err;
}

int op_splice_write(struct fsx *fsx, struct record *rec)
{
	size_t put = 0;
	int pipes[2], err = 0;

	if (!pick_range(fsx, rec, fsx->model.max, 1))
		return 0;
	if (pipe(pipes))
		return -errno;
	fill_buffer(fsx, rec->off, rec->len);
	while (!err && put < rec->len) {
		size_t part = rec->len - put > 16384 ? 16384 : rec->len - put;
		loff_t off = rec->off + put;
		ssize_t ret;

		if (write(pipes[1], fsx->buf + put, part) != (ssize_t)part) {
			err = -EIO;
			break;
		}
		while (!err && part) {
			ret = splice(pipes[0], NULL, fsx->fd, &off, part, 0);
			if (ret <= 0) {
				err = ret ? -errno : -EIO;
				break;
			}
			model_write(fsx, rec->off + put, fsx->buf + put, ret);
			put += ret;
			part -= ret;
			rec->doubt_from = rec->off + put;
		}
	}
	close(pipes[0]);
	close(pipes[1]);
	return err;
}

/* A hole reads as zeros, and the search ends where data or the file does. */
int op_seek(struct fsx *fsx, struct record *rec)
{
	loff_t data;
	size_t at;

	if (!fsx->model.size)
		return 0;
	rec->off = random_below(fsx, fsx->model.size);
	data = lseek(fsx->fd, rec->off, SEEK_DATA);
	if (data < 0 && errno != ENXIO)
		return -errno;
	if (data < 0)
		data = fsx->model.size;
	rec->len = data - rec->off;
	for (at = rec->off; (at += zeroes(fsx->model.data + at, data - at)) < (size_t)data; at++) {
		if (fsx->model.state[at])
			continue;
		printf("# SEEK_DATA from %#zx skips data at %#zx\n", rec->off, at);
		log_print(fsx, rec->off, data);
		fail_file(fsx);
	}
	return lseek(fsx->fd, rec->off, SEEK_HOLE) < (loff_t)rec->off ? -EIO : 0;
}

static int sync_result(struct fsx *fsx, int ret)
{
	int err = ret ? -errno : 0;

	model_sync_result(fsx, !err);
	return err;
}

int op_fsync(struct fsx *fsx, struct record *rec)
{
	(void)rec;
	return sync_result(fsx, fsync(fsx->fd));
}

int op_fdatasync(struct fsx *fsx, struct record *rec)
{
	(void)rec;
	return sync_result(fsx, fdatasync(fsx->fd));
}

int op_dontneed(struct fsx *fsx, struct record *rec)
{
	int err = sync_result(fsx, fsync(fsx->fd));

	if (!pick_range(fsx, rec, fsx->model.max, 1))
		return err;
	rec->doubt_to = rec->doubt_from;
	posix_fadvise(fsx->fd, rec->off, random_below(fsx, 3) ? 0 : rec->len, POSIX_FADV_DONTNEED);
	return err;
}

int op_willneed(struct fsx *fsx, struct record *rec)
{
	if (!pick_range(fsx, rec, fsx->model.max, 1))
		return 0;
	rec->doubt_to = rec->doubt_from;
	return -posix_fadvise(fsx->fd, rec->off, rec->len, POSIX_FADV_WILLNEED);
}

/* All of the machine's cache; only root may, and it is slow. */
int op_drop_caches(struct fsx *fsx, struct record *rec)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY), err;

	(void)rec;
	if (fd < 0)
		return -errno;
	err = sync_result(fsx, fsync(fsx->fd));
	if (write(fd, "3", 1) != 1 && !err)
		err = -errno;
	close(fd);
	return err;
}

int op_reopen(struct fsx *fsx, struct record *rec)
{
	int err = sync_result(fsx, fsync(fsx->fd));

	(void)rec;
	return fsx_reopen(fsx) ? err : -errno;
}
