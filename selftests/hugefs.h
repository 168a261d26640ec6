/* SPDX-License-Identifier: GPL-2.0 */
/* hugefs: a file of hugetlbfs against a model of its bytes and of its pages. */
#ifndef HUGEFS_H
#define HUGEFS_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common.h"

#define MAX_PAGES	8	/* of the file */
#define POOL_PAGES	32	/* that must be free: also for private copies and a child's */

/* Of the model's bytes those behind @size are zero, those of absent pages too. */
struct huge {
	char path[600];
	int fd;
	uint64_t seed;
	uint64_t ops;
	unsigned int race;	/* seconds of it */
	bool verbose;
	size_t page;
	unsigned long reserved;	/* by the mount (min_size=), before there is a file */
	size_t size;
	unsigned char *model;
	unsigned char *buf;
	bool present[MAX_PAGES];
	uint64_t random;
	uint64_t number;	/* of the operation that runs */
	const char *doing;
};

/* A SIGBUS goes to @huge_bus when it is due, which is said before sigsetjmp(). */
extern sigjmp_buf huge_bus;
extern bool huge_bus_due;

void huge_wrong(const struct huge *huge, const char *format, ...)
	__attribute__((__noreturn__, __format__(printf, 2, 3)));
uint64_t huge_random(struct huge *huge, uint64_t limit);
void huge_fill(uint64_t stamp, unsigned char *buf, size_t len);
unsigned long huge_pool(const struct huge *huge, const char *what);

void run_operation(struct huge *huge);
void compare_all(struct huge *huge);
void run_race(struct huge *huge);

#endif /* HUGEFS_H */
