/* SPDX-License-Identifier: GPL-2.0 */
/* What the page cache holds, as text in debugfs: Documentation/inspect.rst. */
#ifndef FOLIOLAB_INSPECT_H
#define FOLIOLAB_INSPECT_H

#include <linux/path.h>
#include <linux/types.h>

#include "foliolab.h"

struct address_space;
struct file_system_type;
struct inode;
struct seq_file;
struct super_block;

/* Entries that are looked at in one RCU read section. */
#define INSPECT_BATCH	32

/* Enough for the largest page of any hugetlbfs. */
#define INSPECT_ORDERS	32

enum inspect_kind {
	INSPECT_FOLIO,
	INSPECT_SHADOW,
	INSPECT_SWAP,
	INSPECT_DAX,
	NR_INSPECT_KINDS
};

extern const char * const inspect_kinds[NR_INSPECT_KINDS];

/**
 * struct inspect_entry - what was seen of one entry of a mapping
 * @index: Of its first page.
 * @last: Of its last page.
 * @order: Binary logarithm of its pages.
 * @kind: What it is; all that follows is of folios only.
 * @maybe_shared: May be mapped by more than one address space.
 * @refs: References, without the one that was held to look.
 * @mapcount: Mappings of all its pages.
 * @entire: Mappings of the whole.
 * @avg: Mappings of a page, on average.
 * @flags: The flags that are set, a bit each as in enum pageflags.
 */
struct inspect_entry {
	pgoff_t index;
	pgoff_t last;
	u8 order;
	u8 kind;
	bool maybe_shared;
	int refs;
	int mapcount;
	int entire;
	int avg;
	unsigned long flags;
};

/**
 * struct inspect_walk - a walk over the entries of a mapping
 * @mapping: What is walked. The caller keeps its inode.
 * @next: Where the next batch begins.
 * @eof: The first index past the end of the file when the walk began, in pages.
 * @end: There is no next batch.
 * @at: The next entry of the batch.
 * @nr: Number of entries in the batch.
 * @batch: What was seen in one RCU read section.
 */
struct inspect_walk {
	struct address_space *mapping;
	pgoff_t next;
	u64 eof;
	bool end;
	unsigned int at;
	unsigned int nr;
	struct inspect_entry batch[INSPECT_BATCH];
};

void inspect_walk_start(struct inspect_walk *walk, struct address_space *mapping,
			pgoff_t index);
struct inspect_entry *inspect_walk_next(struct inspect_walk *walk);
u64 inspect_past_eof(const struct inspect_walk *walk, const struct inspect_entry *entry);

/**
 * struct inspect_target - what a request named
 * @path: Keeps the mount, for a request by path.
 * @sb: Kept by an active reference, for a request by device; NULL for one by path.
 * @inode: Kept by a reference; NULL for a superblock as a whole.
 */
struct inspect_target {
	struct path path;
	struct super_block *sb;
	struct inode *inode;
};

int inspect_target_get(struct inspect_target *target, char *request, bool whole);
void inspect_target_put(struct inspect_target *target);

int inspect_each_type(int (*fn)(struct file_system_type *type, void *arg), void *arg);
int inspect_each_super(struct file_system_type *type,
		       int (*fn)(struct super_block *sb, void *arg), void *arg);
int inspect_each_inode(struct super_block *sb,
		       bool (*wanted)(struct inode *inode, void *arg),
		       int (*fn)(struct inode *inode, void *arg), void *arg);

/**
 * struct inspect_table - a file whose rows are known only when all has been seen
 * @columns: Their names, separated by tabs.
 * @size: Of the result.
 * @compute: Fills in a result that is all zeroes from what the request named, which is
 * all zeroes for a table that needs none. Returns 0 or an error.
 * @show: Prints the rows.
 * @clear: Frees what the result refers to, if anything; called after errors too.
 */
struct inspect_table {
	const char *columns;
	size_t size;
	int (*compute)(void *result, const struct inspect_target *target);
	void (*show)(struct seq_file *seq, const void *result);
	void (*clear)(void *result);
};

extern const struct inspect_table inspect_file_orders;
extern const struct inspect_table inspect_mount_orders;
extern const struct inspect_table inspect_fstypes;
extern const struct inspect_table inspect_file_why;

int inspect_start(void);

#endif /* FOLIOLAB_INSPECT_H */
