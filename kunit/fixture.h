/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the folio suites share: a file of a private pseudo filesystem whose page
 * cache a test fills with folios of the orders it chooses, and which records
 * what the page cache asks of it.
 *
 * Every byte of a file is stamped with (inode, position), so that stale, zeroed
 * and misplaced data are told apart and a wrong byte names where it came from.
 *
 * Helpers assert inside themselves and print the parameters that failed. All of
 * them run in the context of a KUnit test case and may sleep.
 */
#ifndef FOLIO_KUNIT_FIXTURE_H
#define FOLIO_KUNIT_FIXTURE_H

#include <kunit/test.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/rmap.h>

/* Byte position in a file of the start of a page index. */
#define FXT_POS(index)	((loff_t)(index) << PAGE_SHIFT)

/* An operation of the page cache on the filesystem, as the fixture records it. */
enum fxt_op {
	FXT_READ_FOLIO,
	FXT_DIRTY_FOLIO,
	FXT_INVALIDATE_FOLIO,
	FXT_RELEASE_FOLIO,
	FXT_LAUNDER_FOLIO,
	FXT_MIGRATE_FOLIO,
};

/**
 * struct fxt_call - one recorded call of an address_space operation
 * @op: which operation
 * @index: page index of the folio at the time of the call
 * @order: order of the folio at the time of the call
 * @offset: first byte in the folio; only for FXT_INVALIDATE_FOLIO
 * @len: number of bytes; only for FXT_INVALIDATE_FOLIO
 */
struct fxt_call {
	enum fxt_op op;
	pgoff_t index;
	unsigned int order;
	size_t offset;
	size_t len;
};

/* A case that would overflow this fails: no call is ever lost in silence. */
#define FXT_MAX_CALLS	1024

/**
 * struct folio_fixture - a file under test
 * @inode: the inode, on a superblock of its own; its page cache is under test
 * @test: the case that made it
 * @mnt: the private mount that holds @inode
 * @file: made by the first fxt_file()
 * @refuse_release: ->release_folio() answers no while set
 * @launder_error: what ->launder_folio() returns
 * @lock: protects @nr_calls and @calls
 * @nr_calls: how many entries of @calls are filled
 * @calls: the record, oldest first
 *
 * Set @refuse_release and @launder_error before the call that they are meant
 * for; nothing else changes them. The fixture and its page cache go away at the
 * end of the case.
 */
struct folio_fixture {
	struct inode inode;
	struct kunit *test;
	struct vfsmount *mnt;
	struct file *file;
	bool refuse_release;
	int launder_error;
	spinlock_t lock;
	unsigned int nr_calls;
	struct fxt_call calls[FXT_MAX_CALLS];
};

/**
 * struct fxt_range - where a folio lies in the page cache
 * @index: page index of its first page
 * @order: its order
 */
struct fxt_range {
	pgoff_t index;
	unsigned int order;
};

/* State of a folio that fxt_add_folio() makes; clean and uptodate without. */
#define FXT_DIRTY		BIT(0)
#define FXT_PRIVATE		BIT(1)
#define FXT_NOT_UPTODATE	BIT(2)

/* The parameter of cases that run once for each folio order. */
struct fxt_order_param {
	char desc[12];
	unsigned int order;
};

static const struct fxt_order_param fxt_orders[] __maybe_unused = {
	{ "order=0", 0 }, { "order=1", 1 }, { "order=2", 2 }, { "order=3", 3 },
	{ "order=4", 4 }, { "order=5", 5 }, { "order=6", 6 }, { "order=7", 7 },
	{ "order=8", 8 }, { "order=9", 9 },
};

/* The order of the running case; skips it where the page cache cannot have it. */
static inline unsigned int fxt_order(struct kunit *test)
{
	const struct fxt_order_param *param = test->param_value;

	if (param->order && !IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
		kunit_skip(test, "needs CONFIG_TRANSPARENT_HUGEPAGE");
	if (param->order > MAX_PAGECACHE_ORDER)
		kunit_skip(test, "order %u > MAX_PAGECACHE_ORDER %u",
			   param->order, (unsigned int)MAX_PAGECACHE_ORDER);
	return param->order;
}

static inline struct address_space *fxt_mapping(struct folio_fixture *fx)
{
	return fx->inode.i_mapping;
}

struct folio_fixture *fxt_create(struct kunit *test, unsigned int min_order,
				 unsigned int max_order);
struct file *fxt_file(struct folio_fixture *fx);

struct folio *fxt_new_folio(struct folio_fixture *fx, pgoff_t index,
			    unsigned int order);
struct folio *fxt_add_folio(struct folio_fixture *fx, pgoff_t index,
			    unsigned int order, unsigned int state);
void fxt_stamp(struct folio_fixture *fx, struct folio *folio, pgoff_t index);

void fxt_expect_stamped(struct folio_fixture *fx, loff_t from, loff_t to);
void fxt_expect_zeroed(struct folio_fixture *fx, loff_t from, loff_t to);
void fxt_expect_buffer(struct folio_fixture *fx, const void *buf, loff_t pos, size_t len);
void fxt_expect_layout(struct folio_fixture *fx, const struct fxt_range *want,
		       unsigned int nr);
void fxt_expect_consistent(struct folio_fixture *fx);

unsigned int fxt_count_calls(struct folio_fixture *fx, enum fxt_op op);
const struct fxt_call *fxt_find_call(struct folio_fixture *fx, enum fxt_op op,
				     pgoff_t index);
void fxt_forget_calls(struct folio_fixture *fx);

void fxt_print_folio(struct kunit *test, struct folio *folio);

u64 fxt_seed(struct kunit *test);

/* fixture_mm.c: address spaces that map a fixture's file. */

struct mm_struct *fxt_new_mm(struct kunit *test);
void fxt_switch_mm(struct mm_struct *mm);
unsigned long fxt_mmap(struct folio_fixture *fx, unsigned long addr,
		       pgoff_t index, unsigned long nr_pages,
		       unsigned long prot, unsigned long flags);
void fxt_touch(struct kunit *test, unsigned long addr, unsigned long nr_pages,
	       bool write);

/**
 * struct fxt_walk - what the page tables of one mm say of one folio
 * @ptes: how many present PTEs map a page of the folio
 * @pmds: how many present PMDs map the folio whole
 */
struct fxt_walk {
	unsigned long ptes;
	unsigned long pmds;
};

struct fxt_walk fxt_walk_mm(struct mm_struct *mm, unsigned long addr,
			    unsigned long nr_pages, struct folio *folio);

/**
 * struct fxt_pte - what the page tables say of one user page
 * @page: the page mapped there, NULL when none is present
 * @pmd: it is mapped by a PMD, together with its neighbours
 * @write: a write needs no fault
 * @dirty: the entry is dirty
 */
struct fxt_pte {
	struct page *page;
	bool pmd;
	bool write;
	bool dirty;
};

void fxt_read_ptes(struct mm_struct *mm, unsigned long addr,
		   unsigned long nr_pages, struct fxt_pte *ptes);
void fxt_end_mm(struct kunit *test, struct mm_struct *mm);

/* fixture_fail.c: allocations that fail where a case says. */

struct fail_state;

struct fail_state *fxt_fail_setup(struct kunit *test);
void fxt_fail_begin(struct fail_state *fail, unsigned int nth, bool rest);
unsigned int fxt_fail_end(struct fail_state *fail);

#endif /* FOLIO_KUNIT_FIXTURE_H */
