// SPDX-License-Identifier: GPL-2.0
/* fsx: the operations on mappings of the file. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "fsx.h"
#include "fsx_ops.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

static sigjmp_buf bus_return;

static void on_bus(int sig)
{
	(void)sig;
	siglongjmp(bus_return, 1);
}

/* access_map() - copies to or from a mapping; -EIO when the kernel sends SIGBUS. */
static int access_map(void *to, const void *from, size_t len)
{
	struct sigaction action = { .sa_handler = on_bus }, before;
	int err = 0;

	sigaction(SIGBUS, &action, &before);
	if (sigsetjmp(bus_return, 1))
		err = -EIO;
	else
		memcpy(to, from, len);
	sigaction(SIGBUS, &before, NULL);
	return err;
}

static void advise_map(struct fsx *fsx, void *map, size_t len)
{
	static const int advice[] = {
		MADV_POPULATE_READ, MADV_PAGEOUT, MADV_COLLAPSE, MADV_RANDOM,
		MADV_WILLNEED,
	};
	size_t which = random_below(fsx, 12);

	/* A kernel without one of them is no matter: contents are what is tested. */
	if (which < ARRAY_SIZE(advice))
		madvise(map, len, advice[which]);
}

static unsigned char *map_range(struct fsx *fsx, struct record *rec, int prot, int flags,
				size_t *size)
{
	size_t head = rec->off % fsx->page;
	unsigned char *map;

	*size = (head + rec->len + fsx->page - 1) / fsx->page * fsx->page;
	map = mmap(NULL, *size, prot, flags, fsx->fd, rec->off - head);
	if (map == MAP_FAILED)
		return NULL;
	advise_map(fsx, map, *size);
	return map;
}

/* Past EOF the page that holds it, mapped at @page, is zero, unless somebody wrote there. */
static int check_tail(struct fsx *fsx, const unsigned char *page)
{
	size_t size = fsx->model.size, head = size % fsx->page, at;
	size_t tail = fsx->page - head;
	unsigned char bytes[tail];
	int err;

	if (!head || fsx->enabled & 1)
		return 0;
	err = access_map(bytes, page + head, tail);
	for (at = 0; !err && at < tail; at++) {
		if (!bytes[at] || fsx->opt.allow_errors)
			continue;
		printf("# WRONG DATA in operation %ju: 0x%02x %zu bytes past EOF in its page\n",
		       fsx->number, bytes[at], at);
		log_print(fsx, size, size + tail);
		fail_file(fsx);
	}
	return err;
}

/* check_eof() - the same where nobody else maps it; no matter where nothing can be mapped. */
int check_eof(struct fsx *fsx)
{
	size_t size = fsx->model.size;
	unsigned char *map;
	int err;

	if (!(size % fsx->page))
		return 0;
	map = mmap(NULL, fsx->page, PROT_READ, MAP_SHARED, fsx->fd, size - size % fsx->page);
	if (map == MAP_FAILED)
		return 0;
	err = check_tail(fsx, map);
	munmap(map, fsx->page);
	return err;
}

int op_mapread(struct fsx *fsx, struct record *rec)
{
	unsigned char *map;
	size_t size;
	int err;

	if (!pick_range(fsx, rec, fsx->model.size, 1))
		return 0;
	map = map_range(fsx, rec, PROT_READ, MAP_SHARED, &size);
	if (!map)
		return -errno;
	err = access_map(fsx->buf, map + rec->off % fsx->page, rec->len);
	if (!err && (rec->off + rec->len - 1) / fsx->page == fsx->model.size / fsx->page)
		err = check_tail(fsx, map + size - fsx->page);
	munmap(map, size);
	if (!err)
		check_data(fsx, rec->off, fsx->buf, rec->len, "mapped read");
	return err;
}

static int mapwrite(struct fsx *fsx, struct record *rec, size_t more)
{
	unsigned char *map;
	size_t size;
	int err;

	map = map_range(fsx, rec, PROT_READ | PROT_WRITE, MAP_SHARED, &size);
	if (!map)
		return -errno;
	fill_buffer(fsx, rec->off, rec->len + more);
	err = access_map(map + rec->off % fsx->page, fsx->buf, rec->len + more);
	if (!err) {
		model_write(fsx, rec->off, fsx->buf, rec->len);
		rec->doubt_to = rec->doubt_from;
		if (random_below(fsx, 4) == 0 && msync(map, size, MS_SYNC))
			err = -errno;
	}
	munmap(map, size);
	return err;
}

int op_mapwrite(struct fsx *fsx, struct record *rec)
{
	return pick_range(fsx, rec, fsx->model.size, 1) ? mapwrite(fsx, rec, 0) : 0;
}

/* Writes past EOF too: no later growth of the file may bring that to light. */
int op_pollute(struct fsx *fsx, struct record *rec)
{
	size_t size = fsx->model.size;

	if (!size)
		return 0;
	rec->len = 1 + random_below(fsx, size < fsx->page ? size : fsx->page);
	rec->off = size - rec->len;
	rec->doubt_from = rec->off;
	rec->doubt_to = size;
	return mapwrite(fsx, rec, (fsx->page - size % fsx->page) % fsx->page);
}

/* What is written to a private mapping is seen there, and nowhere else. */
int op_private(struct fsx *fsx, struct record *rec)
{
	unsigned char *map;
	size_t size;
	int err;

	if (!pick_range(fsx, rec, fsx->model.size, 1))
		return 0;
	rec->doubt_to = rec->doubt_from;
	map = map_range(fsx, rec, PROT_READ | PROT_WRITE, MAP_PRIVATE, &size);
	if (!map)
		return -errno;
	fill_buffer(fsx, rec->off, rec->len);
	err = access_map(map + rec->off % fsx->page, fsx->buf, rec->len);
	if (!err && memcmp(map + rec->off % fsx->page, fsx->buf, rec->len)) {
		printf("# a private mapping lost what was written to it\n");
		log_print(fsx, rec->off, rec->off + rec->len);
		fail_file(fsx);
	}
	munmap(map, size);
	return err;
}
