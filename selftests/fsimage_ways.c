// SPDX-License-Identifier: GPL-2.0
/* fsimage: the ways to read a file, each of which must give every byte of it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fsimage.h"

#define MAX_READ	(256 << 10)
#define DIRECT_ALIGN	4096

static unsigned char *buffer(void)
{
	static unsigned char *buf;

	if (!buf && posix_memalign((void **)&buf, DIRECT_ALIGN, MAX_READ))
		usage_error("no memory");
	return buf;
}

static int open_file(const struct file *file, int flags)
{
	int fd = open(file->path, O_RDONLY | flags);

	if (fd < 0 && !(errno == EINVAL && flags))
		image_wrong("%s cannot be opened: %m", file->path);
	return fd;
}

/* next_of() - the places 0 to @count - 1 in an order that only looks like none. */
static size_t next_of(size_t at, size_t step, size_t count)
{
	return (at + step) % count;
}

static size_t step_for(struct image *image, size_t count)
{
	size_t step, a, b, rest;

	do {
		step = 1 + image_random(image, count);
		for (a = count, b = step; b; a = b, b = rest)
			rest = a % b;
	} while (a != 1);
	return step;
}

static bool by_read(struct image *image, const struct file *file)
{
	int fd = open_file(file, 0);
	size_t off = 0;
	ssize_t got;

	do {
		/* Small pieces of what is at hand, or several folios at once. */
		size_t len = 1 + image_random(image, image_random(image, 2) ? MAX_READ : 9000);

		got = read(fd, buffer(), len);
		if (got < 0)
			image_wrong("%s: read of %zu at %zu: %m", file->path, len, off);
		if (off + got > file->size || (!got && off != file->size))
			image_wrong("%s: read of %zu at %zu gave %zd, but there are %zu bytes",
				    file->path, len, off, got, file->size);
		image_compare(file, off, buffer(), got);
		off += got;
	} while (got);
	close(fd);
	return true;
}

/* Blocks of @unit bytes out of order, each with some of what is around it. */
static void read_scattered(struct image *image, const struct file *file, int fd, size_t unit)
{
	size_t count = (file->size + unit - 1) / unit, n;
	size_t at = image_random(image, count), step = count ? step_for(image, count) : 0;

	for (n = 0; n < count; n++, at = next_of(at, step, count)) {
		size_t off = at * unit, len = unit * (1 + image_random(image, 8)), due;
		ssize_t got;

		if (unit % DIRECT_ALIGN) {
			off -= image_random(image, off < unit ? off + 1 : unit);
			len += image_random(image, unit);
		}
		due = len < file->size - off ? len : file->size - off;
		got = pread(fd, buffer(), len, off);
		if (got != (ssize_t)due)
			image_wrong("%s: pread of %zu at %zu gave %zd instead of %zu: %m",
				    file->path, len, off, got, due);
		image_compare(file, off, buffer(), got);
	}
}

static bool by_pread(struct image *image, const struct file *file)
{
	int fd = open_file(file, 0);

	read_scattered(image, file, fd, 5000);
	close(fd);
	return true;
}

static bool by_direct(struct image *image, const struct file *file)
{
	int fd = open_file(file, O_DIRECT);

	if (fd < 0)
		return false;
	read_scattered(image, file, fd, DIRECT_ALIGN);
	close(fd);
	return true;
}

/* Page by page out of order; what lies behind the end in the last page is zero. */
static bool by_map(struct image *image, const struct file *file)
{
	static const int advices[] = { MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL };
	size_t page = sysconf(_SC_PAGESIZE), count = (file->size + page - 1) / page, n;
	size_t at = image_random(image, count), step = count ? step_for(image, count) : 0;
	int fd = open_file(file, 0);
	const unsigned char *map;

	if (!count)
		return !close(fd);
	map = mmap(NULL, file->size, PROT_READ, image_random(image, 2) ? MAP_SHARED : MAP_PRIVATE,
		   fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		image_wrong("%s: mmap: %m", file->path);
	if (madvise((void *)map, file->size, advices[image_random(image, ARRAY_SIZE(advices))]))
		image_wrong("%s: madvise: %m", file->path);
	for (n = 0; n < count; n++, at = next_of(at, step, count)) {
		size_t off = at * page, len = file->size - off < page ? file->size - off : page;

		image_compare(file, off, map + off, len);
		for (; len < page; len++)
			if (map[off + len])
				image_wrong("%s: mapped byte %zu behind the end is %#x", file->path,
					    off + len, map[off + len]);
	}
	munmap((void *)map, file->size);
	return true;
}

/* The folios themselves go through a pipe. */
static bool by_splice(struct image *image, const struct file *file)
{
	int fd = open_file(file, 0), pipes[2];
	size_t off = 0, len;
	ssize_t got;

	if (pipe(pipes))
		usage_error("pipe: %m");
	while (off < file->size) {
		len = 1 + image_random(image, 60000);
		got = splice(fd, NULL, pipes[1], NULL, len, 0);
		if (got < 0 && errno == EINVAL && !off)
			break;
		if (got <= 0)
			image_wrong("%s: splice of %zu at %zu gave %zd: %m", file->path, len, off,
				    got);
		len = got;
		while (len) {
			got = read(pipes[0], buffer(), len);
			if (got <= 0)
				usage_error("read from a pipe: %m");
			image_compare(file, off, buffer(), got);
			off += got;
			len -= got;
		}
	}
	close(pipes[0]);
	close(pipes[1]);
	close(fd);
	return off == file->size;
}

const struct way ways[] = {
	{ "read", by_read },
	{ "pread", by_pread },
	{ "map", by_map },
	{ "splice", by_splice },
	{ "direct", by_direct },
};

const unsigned int nr_ways = ARRAY_SIZE(ways);
