/* SPDX-License-Identifier: GPL-2.0 */
/* fsx: random operations on one file, each checked against a model in memory. */
#ifndef FSX_H
#define FSX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common.h"

#define LOG_RECORDS	4096
#define PATTERN		1048583	/* bytes: a prime, so that a block is never at the same place */

/* What is known of a byte; both only matter where errors are allowed. */
#define BYTE_DIRTY	0x01	/* written since the last fsync() that succeeded */
#define BYTE_UNKNOWN	0x02	/* an error left it open, and may change it still */

/* struct model - what the file must hold; past @size all is zero. */
struct model {
	unsigned char *data;
	unsigned char *state;
	size_t size;
	size_t max;
};

/* struct record - one operation, as the log keeps it. */
struct record {
	unsigned int op;
	uint64_t number;
	size_t off;
	size_t len;
	size_t dest;		/* of copies */
	size_t size_before;
	size_t size_after;
	size_t doubt_from;	/* what an error leaves open */
	size_t doubt_to;
	size_t changed_from;	/* what the model changed */
	size_t changed_to;
	int err;
};

struct options {
	const char *path;
	uint64_t seed;
	uint64_t ops;
	uint64_t length;
	uint64_t op_max;
	uint64_t align;
	uint64_t direct_align;
	uint64_t check_every;
	uint64_t noise;
	bool allow_errors;
	bool keep;
	bool verbose;
};

struct fsx {
	struct options opt;
	struct model model;
	int fd;
	int direct_fd;		/* -1: no O_DIRECT here */
	size_t page;
	size_t block;
	uint64_t random;
	uint64_t number;	/* of the operation that runs, from 1 */
	unsigned char *buf;	/* max bytes and a page, aligned */
	unsigned char *pattern;	/* of what is written */
	uint64_t enabled;	/* a bit an operation */
	uint64_t done[64];
	uint64_t errors;
	struct record *log;
};

/* struct operation - a name for --op-mask, how often, and what it does. */
struct operation {
	const char *name;
	unsigned int weight;	/* 0: only when asked for */
	/* Returns 0 or -errno; a wrong byte does not return. */
	int (*run)(struct fsx *fsx, struct record *rec);
	/* Returns whether the file's filesystem and the kernel have it. */
	bool (*probe)(struct fsx *fsx);
};

extern const struct operation operations[];
extern const unsigned int nr_operations;

uint64_t fsx_random(struct fsx *fsx);
size_t random_below(struct fsx *fsx, size_t limit);
bool fsx_reopen(struct fsx *fsx);
void log_print(struct fsx *fsx, size_t from, size_t to);
void repeat_print(struct fsx *fsx);
void __noreturn fail_file(struct fsx *fsx);

size_t zeroes(const unsigned char *buf, size_t len);
int model_init(struct model *model, size_t max);
void model_write(struct fsx *fsx, size_t off, const unsigned char *buf, size_t len);
void model_zero(struct fsx *fsx, size_t off, size_t len);
void model_resize(struct fsx *fsx, size_t size);
void model_move(struct fsx *fsx, size_t dest, size_t off, size_t len);
void model_doubt(struct fsx *fsx, size_t from, size_t to);
void model_sync_result(struct fsx *fsx, bool good);

void check_data(struct fsx *fsx, size_t off, const unsigned char *buf, size_t len, const char *how);
void check_size(struct fsx *fsx);
void check_whole(struct fsx *fsx);

#endif /* FSX_H */
