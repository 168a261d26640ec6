// SPDX-License-Identifier: GPL-2.0
/*
 * fsx: others that use the file at the same time. They read it, map it, start its
 * writeback and drop it, and change nothing: the model stays right, and what the
 * operations do comes upon folios that are in use.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <unistd.h>

#include "fsx.h"
#include "fsx_noise.h"

static sigjmp_buf past_end;

static void on_bus(int sig)
{
	(void)sig;
	siglongjmp(past_end, 1);
}

static void touch_mapped(int fd, size_t off, size_t len, size_t page)
{
	volatile unsigned char *map = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, off);
	size_t at;

	if (map == MAP_FAILED)
		return;
	/* The file may have been truncated meanwhile: SIGBUS is no matter here. */
	if (!sigsetjmp(past_end, 1))
		for (at = 0; at < len; at += page)
			(void)map[at];
	munmap((void *)map, len);
}

static void make_noise(const struct options *opt, uint64_t number)
{
	size_t page = sysconf(_SC_PAGESIZE), pages = opt->length / page;
	size_t span = opt->op_max > page ? opt->op_max : page;
	unsigned char *buf = malloc(span);
	struct fsx fsx = { .random = opt->seed * 31 + number };
	int fd = open(opt->path, O_RDONLY);

	signal(SIGBUS, on_bus);
	while (fd >= 0 && buf) {
		size_t off = random_below(&fsx, pages) * page;
		size_t len = (1 + random_below(&fsx, span / page)) * page;

		switch (random_below(&fsx, 5)) {
		case 0:
		case 1:
			if (pread(fd, buf, len, off) < 0)
				break;
			break;
		case 2:
			touch_mapped(fd, off, len, page);
			break;
		case 3:
			sync_file_range(fd, off, len, SYNC_FILE_RANGE_WRITE);
			break;
		default:
			posix_fadvise(fd, off, len, POSIX_FADV_DONTNEED);
		}
	}
	_exit(0);
}

void start_noise(const struct options *opt)
{
	uint64_t number;

	for (number = 0; number < opt->noise; number++) {
		if (fork())
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		make_noise(opt, number);
	}
}
