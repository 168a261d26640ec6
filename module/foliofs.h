/* SPDX-License-Identifier: GPL-2.0 */
/*
 * foliofs: a filesystem in memory whose folios the mount options choose.
 *
 * File data live twice, as on a disk filesystem: in the page cache, and in the
 * store, which is an array of blocks an inode. Data move between the two only by
 * reading and by writeback.
 *
 * Locks, outermost first: inode, invalidate_lock, folio, fofs_inode::lock.
 */
#ifndef FOLIOFS_H
#define FOLIOFS_H

#include <linux/fs.h>
#include <linux/prandom.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/uio.h>
#include <linux/xarray.h>

#include "compat.h"

struct dentry;
struct folio;
struct seq_file;

#define FOFS_MAGIC	0x464f4653	/* "FOFS" */

#define FOFS_MIN_BLKBITS	9
#define FOFS_MAX_BLKBITS	16

/* What can be made to go wrong; fofs_fault_ops[] has the names. */
enum fofs_fault_op {
	FOFS_FAULT_ALLOC,	/* no folio for a write */
	FOFS_FAULT_LARGE,	/* no large folio for a write: the smallest order instead */
	FOFS_FAULT_SHORT,	/* only half of what is written can be copied */
	FOFS_FAULT_SPACE,	/* no room for the blocks of a write */
	FOFS_FAULT_READ,	/* the store cannot read */
	FOFS_FAULT_WRITEBACK,	/* the store cannot write */
	FOFS_FAULT_SLOW_READ,
	FOFS_FAULT_SLOW_WRITEBACK,
	FOFS_NR_FAULTS,
};

/**
 * struct fofs_fault - when one operation fails
 * @on: it may fail
 * @prob: per cent of the times it may fail that it does
 * @every: it may fail once in so many times
 * @after: not the first times
 * @times: not more often than that, 0 for no limit
 * @block: only where this block of a file is touched, -1 for any
 * @delay: for slow operations, milliseconds
 * @seen: how often it was asked for since the rule was set
 * @fired: how often it failed since then
 * @rnd: decides about @prob
 */
struct fofs_fault {
	bool on;
	u32 prob;
	u32 every;
	u32 after;
	u32 times;
	s64 block;
	u32 delay;
	u64 seen;
	u64 fired;
	struct rnd_state rnd;
};

/**
 * struct fofs_faults - what goes wrong in a mount
 * @lock: protects the rest
 * @seed: of all that is random
 * @op: a rule for each operation
 */
struct fofs_faults {
	spinlock_t lock;	/* protects the rest */
	u64 seed;
	struct fofs_fault op[FOFS_NR_FAULTS];
};

enum fofs_aops {
	FOFS_AOPS_SIMPLE,
	FOFS_AOPS_IOMAP,
};

/**
 * struct fofs_sb - what a mount was told, and what it holds
 * @min_order: smallest order of its folios
 * @max_order: largest
 * @aops: how the page cache is driven
 * @blkbits: log2 of the block size
 * @root_mode: permissions of the root directory
 * @limit: blocks that may be used, 0 for no limit
 * @used: blocks that are used or reserved
 * @last_ino: inode number given last
 * @faults: what goes wrong
 * @debugfs: its directory there
 */
struct fofs_sb {
	unsigned int min_order;
	unsigned int max_order;
	enum fofs_aops aops;
	unsigned int blkbits;
	umode_t root_mode;
	u64 limit;
	atomic64_t used;
	atomic64_t last_ino;
	struct fofs_faults faults;
	struct dentry *debugfs;
};

/**
 * struct fofs_inode - an inode, and the store of its blocks
 * @vfs: the inode
 * @lock: protects @blocks, @nr_blocks and what the blocks hold
 * @blocks: by block number; see foliofs_store.c
 * @nr_blocks: blocks that are used or reserved
 * @seq: changes whenever a block changes its kind
 * @from: what the write in progress copies from; under the inode lock
 * @held_back: bytes by which @from was shortened so that a copy ends early
 * @was_short: the last copy ended early
 */
struct fofs_inode {
	struct inode vfs;
	struct rw_semaphore lock;
	struct xarray blocks;
	u64 nr_blocks;
	u64 seq;
	struct iov_iter *from;
	size_t held_back;
	bool was_short;
};

static inline struct fofs_inode *fofs_i(struct inode *inode)
{
	return container_of(inode, struct fofs_inode, vfs);
}

static inline struct fofs_sb *fofs_sb(const struct super_block *sb)
{
	return sb->s_fs_info;
}

int foliofs_start(void);
void foliofs_stop(void);

/* foliofs_inode.c */
int fofs_inode_cache_create(void);
void fofs_inode_cache_destroy(void);
struct inode *fofs_new_inode(struct super_block *sb, const struct inode *dir, umode_t mode,
			     dev_t dev);
struct inode *fofs_alloc_inode(struct super_block *sb);
void fofs_free_inode(struct inode *inode);
void fofs_evict_inode(struct inode *inode);

/* foliofs_file.c */
extern const struct file_operations fofs_file_ops;
extern const struct inode_operations fofs_file_inode_ops;
int fofs_getattr(struct mnt_idmap *idmap, const struct path *path, struct kstat *stat,
		 u32 mask, unsigned int flags);
void fofs_short_copy(struct fofs_inode *fi, size_t len);
void fofs_short_copy_done(struct fofs_inode *fi);

/* foliofs_aops.c */
extern const struct address_space_operations fofs_simple_aops;
vm_fault_t fofs_simple_mkwrite(struct vm_fault *vmf);
ssize_t fofs_direct_io(struct kiocb *iocb, struct iov_iter *iter);

/* foliofs_iomap.c */
extern const struct address_space_operations fofs_iomap_aops;
extern const bool fofs_has_iomap;
ssize_t fofs_iomap_write(struct kiocb *iocb, struct iov_iter *from);
vm_fault_t fofs_iomap_mkwrite(struct vm_fault *vmf);
loff_t fofs_iomap_seek(struct inode *inode, loff_t pos, int whence);
int fofs_iomap_fiemap(struct inode *inode, struct fiemap_extent_info *info, u64 start, u64 len);

/* foliofs_store.c */

/* What is known of a block. */
enum fofs_kind {
	FOFS_HOLE,	/* reads as zeroes, takes no space */
	FOFS_RESERVED,	/* has its space; its data are in the page cache, or got lost */
	FOFS_UNWRITTEN,	/* has its space; reads as zeroes */
	FOFS_DATA,
};

void fofs_store_init(struct fofs_inode *fi);
void fofs_store_destroy(struct fofs_inode *fi);
int fofs_store_reserve(struct fofs_inode *fi, loff_t pos, u64 len, bool pending);
void fofs_store_settle(struct fofs_inode *fi, loff_t pos, u64 len, u64 written);
int fofs_store_allocate(struct fofs_inode *fi, loff_t pos, u64 len);
void fofs_store_punch(struct fofs_inode *fi, loff_t from, loff_t to, bool keep);
int fofs_store_read(struct fofs_inode *fi, struct folio *folio, size_t off, size_t len);
int fofs_store_writeback(struct fofs_inode *fi, struct folio *folio, size_t off, size_t len);
int fofs_store_read_bytes(struct fofs_inode *fi, loff_t pos, void *to, size_t len);
int fofs_store_write_bytes(struct fofs_inode *fi, loff_t pos, const void *from, size_t len);
int fofs_store_collapse(struct fofs_inode *fi, loff_t pos, loff_t len);
int fofs_store_insert(struct fofs_inode *fi, loff_t pos, loff_t len);
loff_t fofs_store_seek(struct fofs_inode *fi, loff_t pos, int whence);
enum fofs_kind fofs_store_extent(struct fofs_inode *fi, loff_t pos, u64 len, loff_t *end,
				 u64 *seq);

/* foliofs_fault.c */
void fofs_faults_init(struct fofs_faults *f);
void fofs_faults_seed(struct fofs_faults *f, u64 seed);
int fofs_faults_parse(struct fofs_faults *f, char *rule, const char **why);
void fofs_faults_show(struct seq_file *m, struct fofs_faults *f);
void fofs_faults_copy(struct fofs_faults *to, struct fofs_faults *from);
bool fofs_fault(struct fofs_inode *fi, enum fofs_fault_op op, loff_t pos, u64 len);
void fofs_slow(struct fofs_inode *fi, enum fofs_fault_op op, loff_t pos, u64 len);
void fofs_debugfs_start(void);
void fofs_debugfs_add(struct super_block *sb);

#endif /* FOLIOFS_H */
