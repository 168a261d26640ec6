/* SPDX-License-Identifier: GPL-2.0 */
/* What the folio_* tests share: folios of a chosen order in user space, and what /proc says. */
#ifndef FOLIO_UTIL_H
#define FOLIO_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "kselftest.h"

#define SLOW		300	/* seconds that a test may take where the machine is emulated */
#define ORDER_PMD	(-1)	/* whatever it is here */

/* /proc/PID/pagemap */
#define PAGEMAP_SOFT_DIRTY	(1ULL << 55)
#define PAGEMAP_EXCLUSIVE	(1ULL << 56)
#define PAGEMAP_UFFD_WP		(1ULL << 57)
#define PAGEMAP_FILE		(1ULL << 61)
#define PAGEMAP_SWAP		(1ULL << 62)
#define PAGEMAP_PRESENT		(1ULL << 63)

enum backing {
	BACKING_ANON,
	BACKING_SHMEM,
	BACKING_FILE,		/* in $FOLIO_TEST_DIR, else in the working directory */
};

/* struct shape - the folios that a variant of a test wants. */
struct shape {
	enum backing backing;
	int order;
	bool by_ptes;		/* mapped so although a PMD could do it */
};

/* struct region - folios of one order, mapped one behind the other. */
struct region {
	const struct shape *shape;
	char *map;
	size_t len;
	size_t page;
	size_t folio;		/* bytes */
	unsigned int order;
	unsigned int nr;	/* pages of a folio */
	unsigned int folios;
	unsigned int pages;	/* of all */
	int fd;			/* -1: anonymous */
	bool pmd;		/* mapped by PMDs */
};

/* struct helper - a process with the same region that does what it is told. */
struct helper {
	struct region *r;
	pid_t pid;
	int to;
	int from;
};

enum helper_op { HELP_READ, HELP_WRITE, HELP_UNMAP, HELP_CHECK, HELP_DONTNEED, HELP_EXIT };

#define VARIANT(fixture, name, ...) \
	FIXTURE_VARIANT_ADD(fixture, name) { .shape = { __VA_ARGS__ } }

/* Of three orders: a page, two that are not a PMD's, and the PMD's in both mappings. */
#define VARIANTS_ANON(fixture) \
	VARIANT(fixture, anon_base, BACKING_ANON, 0, false); \
	VARIANT(fixture, anon_small, BACKING_ANON, 2, false); \
	VARIANT(fixture, anon_large, BACKING_ANON, 4, false); \
	VARIANT(fixture, anon_pmd, BACKING_ANON, ORDER_PMD, false); \
	VARIANT(fixture, anon_ptes, BACKING_ANON, ORDER_PMD, true)

#define VARIANTS_SHMEM(fixture) \
	VARIANT(fixture, shmem_base, BACKING_SHMEM, 0, false); \
	VARIANT(fixture, shmem_small, BACKING_SHMEM, 2, false); \
	VARIANT(fixture, shmem_large, BACKING_SHMEM, 4, false); \
	VARIANT(fixture, shmem_pmd, BACKING_SHMEM, ORDER_PMD, false); \
	VARIANT(fixture, shmem_ptes, BACKING_SHMEM, ORDER_PMD, true)

#define VARIANTS_FILE(fixture) \
	VARIANT(fixture, file_base, BACKING_FILE, 0, false); \
	VARIANT(fixture, file_small, BACKING_FILE, 2, false); \
	VARIANT(fixture, file_large, BACKING_FILE, 4, false); \
	VARIANT(fixture, file_pmd, BACKING_FILE, ORDER_PMD, false); \
	VARIANT(fixture, file_ptes, BACKING_FILE, ORDER_PMD, true)

void __noreturn __printf(1, 2) give_up(const char *format, ...);

/* All that return text return NULL, or why the machine cannot have it: a reason to skip. */
const char *region_make(struct region *r, const struct shape *shape, unsigned int folios);
const char *region_order(struct region *r, const struct shape *shape);
const char *choose_sizes(enum backing backing, size_t bytes);
char *reserve(size_t len, size_t align, size_t beyond);
void region_fill(struct region *r);
int file_in_test_dir(void);
void region_read(struct region *r, unsigned int first, unsigned int count);
void region_free(struct region *r);
bool on_tmpfs(struct region *r);
char *page_at(struct region *r, unsigned int index);

uint64_t stamp_word(uint64_t off, unsigned int tag);
void stamp(void *buf, size_t len, uint64_t off, unsigned int tag);
ssize_t stamp_differs(const void *buf, size_t len, uint64_t off, unsigned int tag);
ssize_t not_zero(const void *buf, size_t len);
bool can_read(const void *addr, unsigned char *value);
bool can_write(void *addr, unsigned char value);
double now(void);
uint64_t next_random(uint64_t *state);

void helper_start(struct helper *h, struct region *r);
int helper_do(struct helper *h, enum helper_op op, unsigned int first, unsigned int count);
void helper_end(struct helper *h);

uint64_t pagemap_entry(const void *addr);
uint64_t page_frame(const void *addr);
uint64_t frame_count(uint64_t pfn);
uint64_t frame_flags(uint64_t pfn);
int order_at(const void *addr);
long smaps_kb(const void *from, size_t len, const char *field);
long smaps_sum_kb(const char *field);
long proc_kb(const char *path, const char *field);
bool write_text(const char *path, const char *text);
bool no_page_mapcount(void);

#endif /* FOLIO_UTIL_H */
