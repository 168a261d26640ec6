// SPDX-License-Identifier: GPL-2.0
/*
 * Preloaded into fsx by test_fsx.py: calls that do one thing wrong, the one that
 * BUG= names, as a filesystem might.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))

static int has_bug(const char *name)
{
	const char *bug = getenv("BUG");

	return bug && !strcmp(bug, name);
}

/* Now and then, not always: a probe must not see it. */
static int now(void)
{
	static unsigned int calls;

	return ++calls > 8 && calls % 3 == 0;
}

static off_t size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_size;
}

static void put(int fd, off_t off, unsigned char byte)
{
	struct iovec vec = { &byte, 1 };

	if (off >= 0 && off < size_of(fd))
		REAL(pwritev2)(fd, &vec, 1, off, 0);
}

ssize_t pwritev2(int fd, const struct iovec *vec, int count, off_t off, int flags)
{
	ssize_t ret;

	if (has_bug("write_error") && now()) {
		errno = EIO;
		return -1;
	}
	if (has_bug("write_torn") && now()) {
		struct iovec half = { vec->iov_base, vec->iov_len / 2 };

		REAL(pwritev2)(fd, &half, 1, off, flags);
		errno = ENOSPC;
		return -1;
	}
	ret = REAL(pwritev2)(fd, vec, count, off, flags);
	if (has_bug("write_last_byte") && ret > 1 && now())
		put(fd, off + ret - 1, 0);
	if (has_bug("write_before") && ret > 1 && now())
		put(fd, off - 1, 0x55);
	return ret;
}

ssize_t preadv2(int fd, const struct iovec *vec, int count, off_t off, int flags)
{
	ssize_t ret = REAL(preadv2)(fd, vec, count, off, flags);

	if (has_bug("read_flip") && ret > 0 && now())
		((unsigned char *)vec->iov_base)[ret / 2] ^= 1;
	if (has_bug("read_short") && ret > 0 && now())
		return 0;
	return ret;
}

int ftruncate(int fd, off_t size)
{
	off_t before = size_of(fd);
	int ret = REAL(ftruncate)(fd, size);

	if (has_bug("truncate_stale") && size > before && now())
		put(fd, before, 0xaa);
	return ret;
}

int fallocate(int fd, int mode, off_t off, off_t len)
{
	off_t before = size_of(fd);
	int ret;

	if (has_bug("punch_short") && mode & FALLOC_FL_PUNCH_HOLE && len > 1 && now())
		len--;
	if (has_bug("punch_long") && mode & FALLOC_FL_PUNCH_HOLE && now())
		len++;
	if (has_bug("keep_size_grows") && mode == FALLOC_FL_KEEP_SIZE && now())
		mode = 0;
	ret = REAL(fallocate)(fd, mode, off, len);
	if (has_bug("insert_stale") && mode == FALLOC_FL_INSERT_RANGE && now())
		put(fd, off, 0x77);
	if (has_bug("collapse_shift") && mode == FALLOC_FL_COLLAPSE_RANGE && now())
		put(fd, off, 0);
	if (has_bug("zero_misses_tail") && mode == FALLOC_FL_ZERO_RANGE && now())
		put(fd, off + len - 1, 1);
	if (has_bug("fallocate_stale") && !mode && off + len > before && now())
		put(fd, before, 1);
	return ret;
}

ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t len, unsigned int flags)
{
	off_t at = *to;
	ssize_t ret = REAL(copy_file_range)(in, from, out, to, len, flags);

	if (has_bug("copy_last_byte") && ret > 0 && now())
		put(out, at + ret - 1, 0);
	return ret;
}

off_t lseek(int fd, off_t off, int whence)
{
	if (has_bug("seek_skips_data") && whence == SEEK_DATA && now()) {
		errno = ENXIO;
		return -1;
	}
	return REAL(lseek)(fd, off, whence);
}

static int shared;

void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	shared = flags & MAP_SHARED && prot & PROT_WRITE ? fd : 0;
	return REAL(mmap)(addr, len, prot, flags, fd, off);
}

int munmap(void *addr, size_t len)
{
	if (has_bug("mapwrite_lost") && shared && now())
		memset(addr, 0, 16);
	shared = 0;
	return REAL(munmap)(addr, len);
}

int posix_fadvise(int fd, off_t off, off_t len, int advice)
{
	if (has_bug("drop_loses_data") && advice == POSIX_FADV_DONTNEED && now())
		put(fd, size_of(fd) / 2, 0);
	return REAL(posix_fadvise)(fd, off, len, advice);
}

int fsync(int fd)
{
	/* As after a writeback error: an old page comes back, and fsync() tells. */
	if (has_bug("writeback_error") && now()) {
		errno = EIO;
		return -1;
	}
	return REAL(fsync)(fd);
}
