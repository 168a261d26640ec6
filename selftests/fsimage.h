/* SPDX-License-Identifier: GPL-2.0 */
/* fsimage: files whose contents follow from the seed, read in every way there is. */
#ifndef FSIMAGE_H
#define FSIMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common.h"

/* What is in a file: how well it compresses. */
enum kind { TEXT, MIXED, RANDOM, ZERO, NR_KINDS };

struct file {
	char path[600];
	enum kind kind;
	uint64_t stamp;
	size_t size;
};

struct image {
	const char *dir;
	uint64_t seed;
	size_t large;		/* size of the large files */
	bool keep;
	bool check;
	bool drop;		/* the page cache again and again meanwhile */
	unsigned int processes;
	unsigned int ways;	/* a bit for each of @ways */
	uint64_t random;
};

/* How a file is read; @run compares all of it. Returns false if this cannot be done. */
struct way {
	const char *name;
	bool (*run)(struct image *image, const struct file *file);
};

extern const struct way ways[];
extern const unsigned int nr_ways;

void image_wrong(const char *format, ...)
	__attribute__((__noreturn__, __format__(printf, 1, 2)));
uint64_t image_random(struct image *image, uint64_t limit);
void image_fill(const struct file *file, size_t off, unsigned char *buf, size_t len);
void image_compare(const struct file *file, size_t off, const unsigned char *is, size_t len);

#endif /* FSIMAGE_H */
