// SPDX-License-Identifier: GPL-2.0
/* What the folio_* tests share: memory in folios of a chosen order, stamped page by page. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include "folio_util.h"

static char why[256];

/* Ends the test as failed: for what never fails where it can be tried at all. */
void give_up(const char *format, ...)
{
	va_list args;

	fputs("# ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	_exit(1);
}

static __printf(1, 2) const char *because(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	return why;
}

char *page_at(struct region *r, unsigned int index)
{
	return r->map + (size_t)index * r->page;
}

/*
 * Each word names its place and who wrote it. Its first and last bytes are never 0, so that
 * zeroes which end a byte early or late are seen.
 */
uint64_t stamp_word(uint64_t off, unsigned int tag)
{
	return ((uint64_t)tag << 48 | off) ^ 0xa5a5a5a5a5a5a5a5ULL;
}

void stamp(void *buf, size_t len, uint64_t off, unsigned int tag)
{
	uint64_t *word = buf;
	size_t i;

	for (i = 0; i < len / sizeof(*word); i++)
		word[i] = stamp_word(off + i * sizeof(*word), tag);
}

/* Returns the first byte of a wrong word, or -1. */
ssize_t stamp_differs(const void *buf, size_t len, uint64_t off, unsigned int tag)
{
	uint64_t word;
	size_t i;

	for (i = 0; i + sizeof(word) <= len; i += sizeof(word)) {
		memcpy(&word, (const char *)buf + i, sizeof(word));
		if (word != stamp_word(off + i, tag))
			return i;
	}
	return -1;
}

ssize_t not_zero(const void *buf, size_t len)
{
	const unsigned char *byte = buf;
	size_t i;

	for (i = 0; i < len; i++)
		if (byte[i])
			return i;
	return -1;
}

/* In seconds. */
double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* xorshift64*: the same numbers from the same seed everywhere. */
uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

static __thread sigjmp_buf fault_exit;
static __thread volatile bool fault_awaited;

static void take_sigbus(int number)
{
	if (fault_awaited)
		siglongjmp(fault_exit, 1);
	signal(number, SIG_DFL);
	raise(number);
}

static bool access_byte(volatile unsigned char *addr, unsigned char *value, bool write)
{
	struct sigaction action = { .sa_handler = take_sigbus, .sa_flags = SA_NODEFER };

	sigaction(SIGBUS, &action, NULL);
	if (sigsetjmp(fault_exit, 0)) {
		fault_awaited = false;
		return false;
	}
	fault_awaited = true;
	if (write)
		*addr = *value;
	else
		*value = *addr;
	fault_awaited = false;
	return true;
}

/* Whether the byte can be had; false is SIGBUS. */
bool can_read(const void *addr, unsigned char *value)
{
	unsigned char ignored;

	return access_byte((void *)addr, value ? value : &ignored, false);
}

bool can_write(void *addr, unsigned char value)
{
	return access_byte(addr, &value, true);
}

/* Page tables as they come of reading. */
void region_read(struct region *r, unsigned int first, unsigned int count)
{
	unsigned int i;

	for (i = first; i < first + count; i++)
		if (!can_read(page_at(r, i), NULL))
			give_up("page %u: SIGBUS", i);
}

/* @len bytes of addresses, aligned, with room for @beyond more behind. */
char *reserve(size_t len, size_t align, size_t beyond)
{
	size_t all = len + beyond + align;
	char *start = mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			   0);

	if (start == MAP_FAILED)
		give_up("no %zu bytes of addresses: %s", all, strerror(errno));
	return (char *)(((uintptr_t)start + align - 1) & ~(align - 1));
}

int file_in_test_dir(void)
{
	const char *dir = getenv("FOLIO_TEST_DIR");
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/folio-XXXXXX", dir ? dir : ".");
	fd = mkstemp(path);
	if (fd < 0)
		give_up("%s: %s", path, strerror(errno));
	unlink(path);
	return fd;
}

bool on_tmpfs(struct region *r)
{
	struct statfs fs;

	return r->fd >= 0 && !fstatfs(r->fd, &fs) && (unsigned int)fs.f_type == TMPFS_MAGIC;
}

/* A write of a whole folio is what makes a filesystem take one. */
void region_fill(struct region *r)
{
	char *buf = malloc(r->folio);
	unsigned int i;

	for (i = 0; buf && i < r->folios; i++) {
		stamp(buf, r->folio, (uint64_t)i * r->folio, 1);
		if (r->fd < 0)
			memcpy(r->map + i * r->folio, buf, r->folio);
		else if (pwrite(r->fd, buf, r->folio, (off_t)i * r->folio) != (ssize_t)r->folio)
			give_up("write: %s", strerror(errno));
	}
	free(buf);
}

/* What the shape is here, in bytes and pages. */
const char *region_order(struct region *r, const struct shape *shape)
{
	FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "re");
	size_t pmd = 0;

	memset(r, 0, sizeof(*r));
	r->shape = shape;
	r->fd = -1;
	r->page = sysconf(_SC_PAGESIZE);
	if (file) {
		if (fscanf(file, "%zu", &pmd) != 1)
			pmd = 0;
		fclose(file);
	}
	if (shape->order && !pmd)
		return because("the kernel lacks CONFIG_TRANSPARENT_HUGEPAGE");
	r->folio = shape->order == ORDER_PMD ? pmd : r->page << shape->order;
	if (shape->order > 0 && r->folio >= pmd)
		return because("an order of %d is that of a PMD here", shape->order);
	r->nr = r->folio / r->page;
	r->order = __builtin_ctz(r->nr);
	r->pmd = shape->order == ORDER_PMD && !shape->by_ptes;
	return NULL;
}

static const char *check_folios(struct region *r)
{
	static const char * const field[] = { "AnonHugePages", "ShmemPmdMapped", "FilePmdMapped" };
	long mapped = 0;
	unsigned int i;
	size_t f;

	for (i = 0; i < r->folios; i++) {
		int order = order_at(page_at(r, i * r->nr));

		if (order < 0)
			return because("page frame numbers need CAP_SYS_ADMIN");
		if (order != (int)r->order)
			return because("folio %u is of order %d, not %u", i, order, r->order);
	}
	for (f = 0; f < ARRAY_SIZE(field); f++)
		mapped += smaps_kb(r->map, r->len, field[f]);
	if (mapped != (long)(r->pmd ? r->len >> 10 : 0))
		return because("%ld kB are mapped by PMDs", mapped);
	return NULL;
}

static void map_anon(struct region *r)
{
	int prot = PROT_READ | PROT_WRITE;

	if (mmap(r->map, r->len, prot, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	    MAP_FAILED ||
	    (madvise(r->map, r->len, r->order ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) && r->order))
		give_up("anonymous memory: %s", strerror(errno));
	region_fill(r);
	/* Two mappings cannot share a PMD, nor is it made one again when they merge. */
	if (r->shape->by_ptes)
		for (unsigned int i = 0; i < r->folios; i++)
			if (mprotect(r->map + i * r->folio, r->page, PROT_READ) ||
			    mprotect(r->map + i * r->folio, r->page, prot))
				give_up("mprotect: %s", strerror(errno));
}

/* @folios of them, written with tag 1 and all mapped. */
const char *region_make(struct region *r, const struct shape *shape, unsigned int folios)
{
	const char *reason = region_order(r, shape);
	bool anon = shape->backing == BACKING_ANON;
	size_t shift = shape->by_ptes && !anon ? r->page : 0;

	if (reason)
		return reason;
	r->folios = folios;
	r->pages = folios * r->nr;
	r->len = folios * r->folio;
	if (proc_kb("/proc/meminfo", "MemAvailable") < (long)(r->len >> 10) * 4)
		return because("%u folios of %zu bytes are too much for this machine", folios,
			       r->folio);
	reason = choose_sizes(shape->backing, r->order ? r->folio : 0);
	if (reason)
		return reason;
	/* One page off, no PMD fits. */
	r->map = reserve(r->len, r->folio, r->folio) + shift;
	if (anon) {
		map_anon(r);
		return check_folios(r);
	}
	r->fd = shape->backing == BACKING_FILE ? file_in_test_dir() : memfd_create("folio",
										   MFD_CLOEXEC);
	if (r->fd < 0)
		give_up("no file: %s", strerror(errno));
	region_fill(r);
	if (fsync(r->fd))
		give_up("fsync: %s", strerror(errno));
	if (mmap(r->map, r->len, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_SHARED, r->fd, 0) ==
	    MAP_FAILED)
		give_up("mmap: %s", strerror(errno));
	region_read(r, 0, r->pages);
	return check_folios(r);
}

void region_free(struct region *r)
{
	if (r->map)
		munmap(r->map, r->len);
	if (r->fd >= 0)
		close(r->fd);
	r->map = NULL;
	r->fd = -1;
}
