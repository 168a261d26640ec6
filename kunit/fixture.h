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

/* A page index that an int cannot hold, nor 32 bits where an index has more. */
#define FXT_FAR		(1UL << (BITS_PER_LONG > 32 ? 33 : 31))

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

/* What fxt_add_shadow() puts where a folio was: evicted at time zero, by nobody. */
#define FXT_SHADOW	xa_mk_value(0)

/* The largest order that the suites use, of those that the page cache can have. */
#define FXT_MAX_ORDER	(IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) ? \
			 MIN(9, MIN(MAX_XAS_ORDER, PMD_ORDER)) : 0)

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

/* Skips the case on a kernel whose page cache has folios of order 0 only. */
static inline void fxt_need_large_folios(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
		kunit_skip(test, "needs CONFIG_TRANSPARENT_HUGEPAGE");
}

/* Skips the case where neither anonymous memory nor tmpfs gets large folios. */
static inline void fxt_need_large_pages(struct kunit *test)
{
	fxt_need_large_folios(test);
	if (!has_transparent_hugepage())
		kunit_skip(test, "needs a CPU that maps large pages");
}

/* Skips the case where a folio that a PMD maps is split before it migrates. */
static inline void fxt_need_pmd_migration(struct kunit *test)
{
	if (!thp_migration_supported())
		kunit_skip(test, "needs migration entries of PMDs");
}

/* The order of the running case; skips it where the page cache cannot have it. */
static inline unsigned int fxt_order(struct kunit *test)
{
	const struct fxt_order_param *param = test->param_value;

	if (param->order)
		fxt_need_large_folios(test);
	if (param->order > MAX_PAGECACHE_ORDER)
		kunit_skip(test, "order %u > MAX_PAGECACHE_ORDER %u",
			   param->order, (unsigned int)MAX_PAGECACHE_ORDER);
	return param->order;
}

/*
 * What only the fixes of the patch series make right: they are there where its hooks
 * for suites are. Elsewhere it is known to fail, and is left out.
 */
#if __has_include(<kunit/mm.h>)
#define FXT_FIXED	1
#else
#define FXT_FIXED	0
#endif

static inline void fxt_need_fix(struct kunit *test, const char *subject)
{
	if (!FXT_FIXED)
		kunit_skip(test, "needs the fix of the patch series \"%s\"", subject);
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
void fxt_add_shadow(struct folio_fixture *fx, pgoff_t index, unsigned int order);
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

int fxt_stay_on_cpu(struct kunit *test);
void fxt_drain_lru(void);
unsigned long fxt_vm_event(struct kunit *test, enum vm_event_item item);
u64 fxt_seed(struct kunit *test);

/* fixture_mm.c: address spaces that map a fixture's file. */

struct mm_struct *fxt_mm_alloc(void);
struct mm_struct *fxt_dup_mm(struct mm_struct *mm);
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
pmd_t *fxt_find_pmd(struct mm_struct *mm, unsigned long addr);

/* fixture_bdi.c: a backing device for the fixture's superblock, and exact statistics. */

struct backing_dev_info *fxt_setup_bdi(struct folio_fixture *fx);
long fxt_sum_node_stat(enum node_stat_item item);
long fxt_node_stat(enum node_stat_item item);
long fxt_zone_stat(enum zone_stat_item item);

/*
 * fixture_anon.c: anonymous folios of a chosen order, in several mms that may be
 * forks of each other. All addresses are those of an area's first page; its
 * pages are numbered from there.
 */

/* Where areas lie; each has its own page table up to four PMDs later. */
#define FXA_AREA(n)	(PMD_SIZE * (64 + 4 * (n)))
#define FXA_AREAS	6
/* One more, whose PMD is in another table than theirs. */
#define FXA_FAR		(FXA_AREA(FXA_AREAS) + PUD_SIZE)
#define FXA_MAX_MMS	4
/* Pages of an area that can be read at once. */
#define FXA_MAX_NR	MAX(1024UL, 2 * PMD_SIZE / PAGE_SIZE)

/* What a page-table entry says, as a set. */
#define FXA_PAGE	BIT(0)	/* a page is mapped */
#define FXA_ZERO	BIT(1)	/* the zero page or the huge zero folio is */
#define FXA_SWAP	BIT(2)	/* a swap entry */
#define FXA_MIGRATION	BIT(3)	/* a migration entry */
#define FXA_PMD		BIT(4)	/* by a PMD, together with the neighbours */
#define FXA_WRITE	BIT(5)
#define FXA_DIRTY	BIT(6)
#define FXA_YOUNG	BIT(7)
#define FXA_EXCLUSIVE	BIT(8)	/* PageAnonExclusive, or what stands for it in the entry */
#define FXA_SAME	BIT(9)	/* the page of the folio under test that belongs here */
#define FXA_OTHER	BIT(10)	/* none of these, but not empty */

/*
 * Of FXA_DIRTY and FXA_YOUNG, what comes through a migration entry, of a split too:
 * those of 32 bits have no room for it. Such pages are old then, and their folio dirty.
 */
#define FXA_KEPT	(IS_ENABLED(CONFIG_64BIT) ? FXA_DIRTY | FXA_YOUNG : 0)

#define FXA_KINDS	(FXA_PAGE | FXA_ZERO | FXA_SWAP | FXA_MIGRATION | FXA_OTHER)

/**
 * struct fxa_entry - what the page tables say of one page of an area
 * @state: FXA_*; 0 when nothing is there
 * @page: the page of FXA_PAGE and FXA_MIGRATION
 * @swap: the value of FXA_SWAP
 */
struct fxa_entry {
	unsigned int state;
	struct page *page;
	unsigned long swap;
};

/* The parameter of cases that run for each order and way to map it. */
struct fxa_param {
	char desc[12];
	unsigned int order;
	bool pmd;
};

#define FXA_PMD_ORDER	((unsigned int)PMD_ORDER)
/* The largest of the folios under test. With larger pages a PMD's are too large for that. */
#define FXA_MAX_ORDER	MIN(9U, FXA_PMD_ORDER)

static const struct fxa_param fxa_params[] __maybe_unused = {
	{ "order=0", 0 }, { "order=2", 2 }, { "order=3", 3 }, { "order=4", 4 },
	{ "order=5", 5 }, { "order=6", 6 }, { "order=7", 7 }, { "order=8", 8 },
	{ "order=9", 9 }, { "pmd", FXA_PMD_ORDER, true },
};

/* A range of pages of a folio. */
struct fxa_part {
	unsigned long first, nr;
};

#define FXA_MAX_PARTS	8

/**
 * struct fxa - anonymous memory under test
 * @test: the case
 * @order: order of the folios that fxa_populate() makes
 * @nr: their number of pages
 * @pmd: they stay mapped by a PMD
 * @mm: the address spaces in use, NULL where none
 * @folio: the folio that FXA_SAME means: the first of the last fxa_populate()
 * @held: a folio to which the case holds @held_refs references, or NULL
 * @held_refs: how many
 * @entries: what fxa_read() read last
 * @had_three: some folio was mapped by three mms: who is alone is not known exactly
 * @had_swap: folios may be in the swap cache though nothing maps them
 * @reported: what would follow is not reported
 * @priv: private to fixture_anon_walk.c
 */
struct fxa {
	struct kunit *test;
	unsigned int order;
	unsigned long nr;
	bool pmd;
	struct mm_struct *mm[FXA_MAX_MMS];
	struct folio *folio;
	struct folio *held;
	int held_refs;
	struct fxa_entry entries[FXA_MAX_NR];
	bool had_three;
	bool had_swap;
	bool reported;
	struct fxa_priv *priv;
};

struct fxa *fxa_start(struct kunit *test, unsigned int order, bool pmd);
struct fxa *fxa_start_param(struct kunit *test);
unsigned int fxa_new_mm(struct fxa *f);
unsigned int fxa_fork(struct fxa *f, unsigned int mm);
void fxa_end_mm(struct fxa *f, unsigned int mm);
void fxa_end(struct fxa *f);
void fxa_use(struct fxa *f, unsigned int mm);
void fxa_set_orders(struct fxa *f, unsigned long orders);
void fxa_mmap(struct fxa *f, unsigned int mm, unsigned long addr, unsigned long nr,
	      unsigned long flags);
void fxa_populate(struct fxa *f, unsigned int mm, unsigned long addr, unsigned long folios,
		  u8 tag);
void fxa_mix(struct fxa *f, unsigned long addr);

/* Does fxa_mix() leave this page exclusive? */
static inline bool fxa_mixed(const struct fxa *f, unsigned long page)
{
	return f->pmd || page % 3 == 1 % f->nr;
}

void fxa_munmap(struct fxa *f, unsigned int mm, unsigned long addr, unsigned long first,
		unsigned long nr);
void fxa_write(struct fxa *f, unsigned int mm, unsigned long addr, unsigned long first,
	       unsigned long nr, u8 tag);
void fxa_expect_data(struct fxa *f, unsigned int mm, unsigned long addr, unsigned long first,
		     unsigned long nr, int tag, const char *when, unsigned long arg);
unsigned int fxa_parts(unsigned long nr, struct fxa_part *parts);

/* fixture_anon_walk.c: what their page tables say, and what the kernel counts. */

void fxa_read(struct fxa *f, unsigned int mm, unsigned long addr, unsigned long first,
	      unsigned long nr);
void fxa_expect_state(struct fxa *f, unsigned int mm, unsigned long addr, unsigned long first,
		      unsigned long nr, unsigned int mask, unsigned int want,
		      const char *when, unsigned long arg);
void fxa_expect(struct fxa *f, const char *when, unsigned long arg);
void fxa_begin_counts(struct fxa *f);
long fxa_mthp_stat(unsigned int order, unsigned int item);

/* fixture_anon_ops.c: the kernel's functions that stock kernels do not export. */

int fxa_mprotect(struct fxa *f, unsigned int mm, unsigned long addr, unsigned long first,
		 unsigned long nr, unsigned long prot);
int fxa_madvise(struct fxa *f, unsigned int mm, unsigned long addr, unsigned long first,
		unsigned long nr, int advice);
unsigned long fxa_mremap(struct fxa *f, unsigned int mm, unsigned long addr,
			 unsigned long nr, unsigned long to);
void fxa_split_pmd(struct fxa *f, unsigned int mm, unsigned long addr);
int fxa_referenced(struct fxa *f, struct folio *folio);
int fxa_migrate(struct fxa *f, struct folio *folio);
void fxa_freeze(struct folio *folio);
int fxa_unmap(struct fxa *f, struct folio *folio, bool dirty);
unsigned long fxa_reclaim(struct fxa *f, struct folio *folio);
int fxa_split_folio(struct fxa *f, struct folio *folio);
void fxa_drain(void);

/* fixture_swap.c: swap space in memory. */

/* The disk announces synchronous I/O: folios are swapped in whole, not by readahead. */
#define FXT_SWAP_SYNC		BIT(0)

/**
 * struct fxt_swap - swap space that belongs to a case
 * @test: the case
 * @file: the disk, open; do_swapoff() closes it
 * @mem: what the disk holds: the header, then the slots
 * @nr_pages: number of slots, which are counted from 1
 * @on: it is in use
 * @fail_read: the disk answers reads with an error while set
 * @fail_write: so for writes
 * @read: pages that were read from slots
 * @written: pages that were written to slots
 * @freed: slots that were freed
 *
 * Pages that are all zero are neither written nor read: swap remembers them.
 */
struct fxt_swap {
	struct kunit *test;
	struct file *file;
	void *mem;
	unsigned long nr_pages;
	bool on;
	bool fail_read;
	bool fail_write;
	atomic_long_t read;
	atomic_long_t written;
	atomic_long_t freed;
};

struct fxt_swap *fxt_swap_on(struct kunit *test, unsigned long nr_pages, unsigned int flags);
int fxt_swap_off(struct fxt_swap *swap);
long fxt_swap_used(struct fxt_swap *swap);
void *fxt_swap_slot(struct fxt_swap *swap, unsigned long slot);

/* fixture_tmpfs.c: files of tmpfs. */

struct vfsmount *fxt_mount_tmpfs(struct kunit *test, const char *const *options);
struct folio_fixture *fxt_open_tmpfs(struct kunit *test, struct vfsmount *mnt);
struct folio *fxt_add_shmem(struct folio_fixture *fx, pgoff_t index, unsigned int order);
void fxt_read_stamped(struct folio_fixture *fx, loff_t from, loff_t to, bool zeroed);

/* fixture_fail.c: allocations that fail where a case says. */

struct fail_state;

struct fail_state *fxt_fail_setup(struct kunit *test);
bool fxt_fail_rest(struct fail_state *fail);
void fxt_fail_begin(struct fail_state *fail, unsigned int nth, bool rest);
unsigned int fxt_fail_end(struct fail_state *fail);

#endif /* FOLIO_KUNIT_FIXTURE_H */
