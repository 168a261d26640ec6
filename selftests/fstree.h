/* SPDX-License-Identifier: GPL-2.0 */
/* fstree: random operations on a tree of files, each checked against a model. */
#ifndef FSTREE_H
#define FSTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common.h"

#define MAX_ENTRIES	600
#define MAX_NAME	120
#define MAX_DEPTH	8
#define MAX_FILE	(256 << 10)
#define MAX_XATTR	1500
#define TREE_XATTR	"user.fstree"

/* What not every filesystem has; struct tree's @has, struct operation's @needs. */
#define HAS_LINK	0x01
#define HAS_SYMLINK	0x02
#define HAS_XATTR	0x04
#define HAS_MODES	0x08
#define HAS_CASE	0x10	/* two names may differ in their case alone */
#define HAS_TIMES	0x20
#define HAS_SYNC_DIR	0x40
#define HAS_ALL		0x7f

#define SECOND		1000000000ULL

/*
 * struct node - an inode. Of its @size bytes the first @filled are those that @stamp
 * gives, the others zero.
 */
struct node {
	mode_t mode;
	unsigned int links;	/* 0: the place is free */
	size_t size;
	size_t filled;
	uint64_t stamp;
	size_t xattr;		/* bytes of the attribute, 0: none */
	uint64_t xattr_stamp;
	uint64_t mtime;		/* in ns, 0: whatever the last change has left */
	char target[MAX_NAME];	/* of a symlink */
};

/* struct entry - a name in a directory; entry 0 is the top. */
struct entry {
	struct node *node;	/* NULL: the place is free */
	struct entry *parent;
	char name[MAX_NAME + 1];
};

struct tree {
	char top[512];
	uint64_t seed;
	uint64_t ops;
	uint64_t from;		/* the operations before are there already */
	bool keep;
	bool check;
	bool verbose;
	bool seconds;		/* times are set to whole ones */
	bool live;		/* operations are done, not only modelled */
	unsigned int has;
	size_t max_xattr;	/* bytes that an attribute may have here */
	size_t max_name;	/* bytes of a name, at most MAX_NAME */
	uint64_t time_step;	/* ns from one time to the next that a file can have here */
	mode_t file_mode;	/* that of every file and directory where none can be set */
	mode_t dir_mode;
	unsigned int without;	/* what is not to be used although it is there */
	uint64_t random;
	uint64_t number;	/* of the operation that runs, from 1 */
	const char *doing;
	uint64_t named;		/* names given so far */
	struct entry entries[MAX_ENTRIES];
	struct node nodes[MAX_ENTRIES];
};

struct operation {
	const char *name;
	unsigned int weight;
	unsigned int needs;
	void (*run)(struct tree *tree);
};

extern const struct operation operations[];
extern const unsigned int nr_operations;

void tree_wrong(const struct tree *tree, const char *format, ...)
	__attribute__((__noreturn__, __format__(printf, 2, 3)));

uint64_t tree_random(struct tree *tree, uint64_t limit);
void tree_init(struct tree *tree);
void tree_path(const struct tree *tree, const struct entry *entry, char *path, size_t size);
void tree_fill(uint64_t stamp, size_t off, unsigned char *buf, size_t len);
unsigned int tree_children(const struct tree *tree, const struct entry *dir);

void tree_probe(struct tree *tree);
void tree_flip_case(char *path);
void tree_compare(struct tree *tree);
void tree_remove(struct tree *tree);

#endif /* FSTREE_H */
