/* SPDX-License-Identifier: GPL-2.0 */
/* crashload: what the load and the comparison share. */
#ifndef CRASHLOAD_H
#define CRASHLOAD_H

#include "load.h"

#define FILE_MAX	(1UL << 20)
#define BATCH_MAX	6
#define NOTE_SIZE	4096

enum kind { WRITE, MAPWRITE, CUT, GROW, PUNCH, NR_KINDS };

struct op {
	enum kind kind;
	size_t off;
	size_t len;
	uint64_t generation;
};

/* struct batch - what happens between two syncs; a file that is replaced, is so alone. */
struct batch {
	bool replace;
	unsigned int nr;
	struct op ops[BATCH_MAX];
};

struct note {
	char magic[16];
	uint64_t seed;
	uint64_t writer;
	uint64_t batch;
	uint64_t sum;
};

struct file {
	uint64_t number;
	uint64_t random;
	uint64_t generation;
	size_t size;
	unsigned char *data;	/* FILE_MAX bytes; zero past @size */
	char path[512];
};

struct options {
	const char *dir;
	const char *notes;
	uint64_t seed;
	uint64_t writers;
	uint64_t batches;
	bool kill;
	bool check;
};

extern struct options opt;

void need(bool good, const struct file *file, const char *what);
unsigned char byte_of(uint64_t generation, size_t at);
void file_init(struct file *file, uint64_t number);
size_t size_after(const struct op *op, size_t size);
struct batch next_batch(struct file *file);
void op_fill(const struct op *op, unsigned char *buf);
void model_apply(struct file *file, const struct batch *batch);
uint64_t note_sum(const struct note *note);
int open_notes(int mode);

/* check_all() - compares the files with what is noted of them. */
void check_all(void);

#endif /* CRASHLOAD_H */
