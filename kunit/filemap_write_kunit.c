// SPDX-License-Identifier: GPL-2.0
/*
 * mm_filemap_write: what writes make of the page cache: folios as large as the
 * write and its alignment allow, copies that end early, refusals of the
 * filesystem, limits of the file, and direct writes past cached folios.
 *
 * The filesystem keeps its bytes in the page cache alone and records each
 * ->write_begin(). Written is zero, which no stamp contains; all positions lie
 * above 4 GiB, so that one cut to 32 bits is a wrong one.
 */
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/writeback.h>

#include "fixture.h"
#include "../module/compat.h"

#define FIRST		(1UL << 21)	/* page index: 8 GiB into the file */
#define USER_ADDR	0x20000000UL
#define MAX_BEGINS	64

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

/* The filesystem; a case's own mapping finds it through its inode's i_private. */
struct writer {
	struct folio_fixture *fx;
	unsigned int fail_at;		/* this ->write_begin(), from 1 on, fails */
	bool all_or_nothing;		/* ->write_end() takes no short copy */
	ssize_t direct;			/* what ->direct_IO() takes, or its error */
	unsigned int nr_begins;
	unsigned int nr_direct;
	struct fxt_range begun[MAX_BEGINS];	/* the folio of each ->write_begin() */
};

static int write_begin(compat_write_ctx ctx, struct address_space *mapping, loff_t pos,
		       unsigned int len, struct folio **foliop, void **fsdata)
{
	struct writer *w = mapping->host->i_private;
	struct folio *folio;

	if (++w->nr_begins == w->fail_at)
		return -ENOSPC;
	folio = __filemap_get_folio(mapping, pos >> PAGE_SHIFT, FGP_WRITEBEGIN | fgf_set_order(len),
				    mapping_gfp_mask(mapping));
	if (IS_ERR(folio))
		return PTR_ERR(folio);
	if (!folio_test_uptodate(folio)) {
		fxt_stamp(w->fx, folio, folio->index);
		folio_mark_uptodate(folio);
	}
	if (w->nr_begins <= MAX_BEGINS)
		w->begun[w->nr_begins - 1] = (struct fxt_range) { folio->index, folio_order(folio) };
	*foliop = folio;
	return 0;
}

static int write_end(compat_write_ctx ctx, struct address_space *mapping, loff_t pos,
		     unsigned int len, unsigned int copied, struct folio *folio, void *fsdata)
{
	struct writer *w = mapping->host->i_private;

	/* As a filesystem that must have all of a block: what was copied is void. */
	if (w->all_or_nothing && copied < len)
		copied = 0;
	if (copied) {
		if (pos + copied > i_size_read(mapping->host))
			i_size_write(mapping->host, pos + copied);
		folio_mark_dirty(folio);
	}
	folio_unlock(folio);
	folio_put(folio);
	return copied;
}

static ssize_t direct_io(struct kiocb *iocb, struct iov_iter *iter)
{
	struct writer *w = file_inode(iocb->ki_filp)->i_private;

	w->nr_direct++;
	if (w->direct > 0)
		iov_iter_advance(iter, w->direct);
	return w->direct;
}

static int write_nothing(struct address_space *mapping, struct writeback_control *wbc)
{
	return 0;
}

/* Folios of ours have private data only where they are not to be dropped. */
static bool refuse_release(struct folio *folio, gfp_t gfp)
{
	return false;
}

static void invalidate(struct folio *folio, size_t offset, size_t len)
{
	if (len == folio_size(folio))
		folio_detach_private(folio);
}

static const struct address_space_operations writer_aops = {
	.write_begin	= write_begin,
	.write_end	= write_end,
	.writepages	= write_nothing,
	.direct_IO	= direct_io,
	.dirty_folio	= filemap_dirty_folio,
	.release_folio	= refuse_release,
	.invalidate_folio = invalidate,
};

static struct writer *start_writer(struct kunit *test, unsigned int min_order,
				   unsigned int max_order)
{
	struct writer *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, w);
	w->fx = fxt_create(test, min_order, max_order);
	w->fx->inode.i_private = w;
	fxt_file(w->fx);
	return w;
}

/* After the folios that a case adds: fxt_add_folio() marks dirty by the fixture's own. */
static void use_writer(struct writer *w)
{
	fxt_mapping(w->fx)->a_ops = &writer_aops;
}

static struct kiocb write_iocb(struct writer *w, loff_t pos)
{
	struct kiocb iocb;

	init_sync_kiocb(&iocb, w->fx->file);
	iocb.ki_pos = pos;
	return iocb;
}

/* Zeroes to write, as many as asked for, from one page. */
static struct iov_iter zeroes(struct kunit *test, size_t len)
{
	unsigned int i, nr = DIV_ROUND_UP(len, PAGE_SIZE);
	struct kvec *vec = kunit_kmalloc_array(test, nr, sizeof(*vec), GFP_KERNEL);
	struct iov_iter iter;

	KUNIT_ASSERT_NOT_NULL(test, vec);
	for (i = 0; i < nr; i++)
		vec[i] = (struct kvec) { page_address(ZERO_PAGE(0)), PAGE_SIZE };
	iov_iter_kvec(&iter, ITER_SOURCE, vec, nr, (size_t)nr * PAGE_SIZE);
	iov_iter_truncate(&iter, len);
	return iter;
}

/* No folio may stay locked or referenced after a write; the LRU batches may hold one. */
static void expect_idle(struct writer *w)
{
	struct folio *folio;
	pgoff_t at;

	xa_for_each(&fxt_mapping(w->fx)->i_pages, at, folio) {
		if (xa_is_value(folio))
			continue;
		KUNIT_EXPECT_FALSE_MSG(w->fx->test, folio_test_locked(folio), "folio at %lu", at);
		KUNIT_EXPECT_LE_MSG(w->fx->test, folio_ref_count(folio),
				    folio_nr_pages(folio) + 1, "folio at %lu", at);
	}
	fxt_expect_consistent(w->fx);
}

/* An aligned write makes one folio of just its size. */
static void write_creates_folio_of_its_size(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct writer *w = start_writer(test, 0, FXT_MAX_ORDER);
	size_t size = PAGE_SIZE << order;
	loff_t pos = FXT_POS(FIRST + (1UL << order));
	struct fxt_range want = { FIRST + (1UL << order), order };
	struct kiocb iocb = write_iocb(w, pos);
	struct iov_iter iter = zeroes(test, size);

	use_writer(w);
	KUNIT_EXPECT_EQ(test, generic_perform_write(&iocb, &iter), size);
	KUNIT_EXPECT_EQ(test, iocb.ki_pos, pos + size);
	KUNIT_EXPECT_EQ(test, w->nr_begins, 1);
	fxt_expect_layout(w->fx, &want, 1);
	fxt_expect_zeroed(w->fx, pos, pos + size);
	expect_idle(w);
}

/*
 * One that is not: each folio is the largest that starts where the one before
 * ended, is aligned to its size, and holds nothing that is not written.
 */
static void write_creates_aligned_folios(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	struct writer *w = start_writer(test, 0, order);
	unsigned long left = 3UL << order;
	pgoff_t index = FIRST + 1;
	loff_t pos = FXT_POS(index);
	size_t size = left << PAGE_SHIFT;
	struct kiocb iocb = write_iocb(w, pos);
	struct iov_iter iter = zeroes(test, size);

	use_writer(w);
	KUNIT_EXPECT_EQ(test, generic_perform_write(&iocb, &iter), size);
	KUNIT_ASSERT_LE(test, w->nr_begins, MAX_BEGINS);
	for (i = 0; i < w->nr_begins && left; i++) {
		unsigned int want = min3((unsigned long)order, __ffs(index), (unsigned long)ilog2(left));

		KUNIT_EXPECT_EQ_MSG(test, w->begun[i].index, index, "folio %u", i);
		KUNIT_EXPECT_LE_MSG(test, w->begun[i].order, want, "folio %u at %lu, %lu left",
				    i, index, left);
		/* Where nothing stands in the way, it is the largest that the mapping has. */
		if (IS_ALIGNED(index, 1UL << order) && left >= 1UL << order)
			KUNIT_EXPECT_EQ_MSG(test, w->begun[i].order, order, "folio %u at %lu",
					    i, index);
		index += 1UL << w->begun[i].order;
		left -= min(left, 1UL << w->begun[i].order);
	}
	KUNIT_EXPECT_EQ(test, left, 0);
	fxt_expect_zeroed(w->fx, pos, pos + size);
	expect_idle(w);
}

/* A write of one byte makes the smallest folio the mapping has, aligned. */
static void write_creates_min_order(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct writer *w = start_writer(test, order, FXT_MAX_ORDER);
	pgoff_t last = FIRST + (2UL << order) - 1;
	struct fxt_range want = { FIRST + (1UL << order), order };
	struct kiocb iocb = write_iocb(w, FXT_POS(last) + 100);
	struct iov_iter iter = zeroes(test, 1);

	use_writer(w);
	KUNIT_EXPECT_EQ(test, generic_perform_write(&iocb, &iter), 1);
	fxt_expect_layout(w->fx, &want, 1);
	fxt_expect_stamped(w->fx, FXT_POS(want.index), FXT_POS(last) + 100);
	fxt_expect_zeroed(w->fx, FXT_POS(last) + 100, FXT_POS(last) + 101);
	fxt_expect_stamped(w->fx, FXT_POS(last) + 101, FXT_POS(last + 1));
	expect_idle(w);
}

/* Smaller folios that are there are used, and what lies between them filled. */
static void write_between_cached_folios(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct writer *w = start_writer(test, 0, FXT_MAX_ORDER);
	unsigned long nr = 1UL << order;
	loff_t pos = FXT_POS(FIRST), end = FXT_POS(FIRST + 3 * nr);
	struct kiocb iocb = write_iocb(w, pos + 8);
	struct iov_iter iter = zeroes(test, end - pos - 16);
	struct folio *kept = fxt_add_folio(w->fx, FIRST + nr, order, 0);

	use_writer(w);
	folio_get(kept);
	KUNIT_EXPECT_EQ(test, generic_perform_write(&iocb, &iter), end - pos - 16);
	KUNIT_EXPECT_PTR_EQ(test, xa_load(&fxt_mapping(w->fx)->i_pages, FIRST + nr), kept);
	KUNIT_EXPECT_EQ(test, folio_order(kept), order);
	KUNIT_EXPECT_TRUE(test, folio_test_dirty(kept));
	folio_put(kept);
	fxt_expect_stamped(w->fx, pos, pos + 8);
	fxt_expect_zeroed(w->fx, pos + 8, end - 8);
	fxt_expect_stamped(w->fx, end - 8, end);
	expect_idle(w);
}

/* User memory of @nr zeroed pages, of which @hole is not there; none is faulted in. */
static struct iov_iter user_zeroes(struct kunit *test, unsigned long nr, unsigned long hole)
{
	unsigned long addr;
	struct iov_iter iter;

	fxt_switch_mm(fxt_new_mm(test));
	addr = vm_mmap(NULL, USER_ADDR, nr << PAGE_SHIFT, PROT_READ | PROT_WRITE,
		       MAP_ANONYMOUS | MAP_PRIVATE | MAP_FIXED, 0);
	KUNIT_ASSERT_EQ(test, addr, USER_ADDR);
	if (hole < nr)
		KUNIT_ASSERT_EQ(test, 0, vm_munmap(addr + (hole << PAGE_SHIFT), PAGE_SIZE));
	KUNIT_ASSERT_EQ(test, 0, import_ubuf(ITER_SOURCE, (void __user *)addr, nr << PAGE_SHIFT,
					     &iter));
	return iter;
}

/* Source memory that is not present yet is faulted in, with no folio locked. */
static void write_faults_source_in(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct writer *w = start_writer(test, 0, FXT_MAX_ORDER);
	unsigned long nr = 1UL << order;
	loff_t pos = FXT_POS(FIRST);
	struct iov_iter iter = user_zeroes(test, nr, nr);
	struct kiocb iocb = write_iocb(w, pos);

	fxt_add_folio(w->fx, FIRST, order, 0);
	use_writer(w);
	KUNIT_EXPECT_EQ(test, generic_perform_write(&iocb, &iter), PAGE_SIZE << order);
	KUNIT_EXPECT_EQ(test, iov_iter_count(&iter), 0);
	fxt_expect_zeroed(w->fx, pos, pos + (PAGE_SIZE << order));
	expect_idle(w);
	fxt_switch_mm(NULL);
}

/* Source memory ends in the middle: what came before is written, and no more. */
static void write_short_copy(struct kunit *test)
{
	unsigned int order = fxt_order(test), all;
	struct writer *w = start_writer(test, 0, FXT_MAX_ORDER);
	unsigned long nr = 1UL << order, hole = nr / 2;
	loff_t pos = FXT_POS(FIRST), end = FXT_POS(FIRST + 2 * nr);

	fxt_add_folio(w->fx, FIRST, order, 0);
	fxt_add_folio(w->fx, FIRST + nr, order, 0);
	use_writer(w);
	/* From 16 bytes into the first folio; the hole ends it in either folio. */
	for (all = 0; all <= 1; all++) {
		for (hole = 1; hole < 2 * nr; hole = hole < nr ? nr : hole + max(nr - 1, 1UL)) {
			struct iov_iter iter = user_zeroes(test, 2 * nr, hole);
			struct kiocb iocb = write_iocb(w, pos + 16);
			size_t want = hole << PAGE_SHIFT, left;
			ssize_t ret;

			w->all_or_nothing = all;
			ret = generic_perform_write(&iocb, &iter);
			left = iov_iter_count(&iter);
			/* All or nothing holds for each piece: at most the last may be lost. */
			if (all)
				KUNIT_EXPECT_LE_MSG(test, ret, (ssize_t)want, "hole %lu", hole);
			else
				KUNIT_EXPECT_EQ_MSG(test, ret, want, "hole %lu", hole);
			KUNIT_ASSERT_GT_MSG(test, ret, 0, "hole %lu, all %u", hole, all);
			KUNIT_EXPECT_EQ_MSG(test, left, (nr << (PAGE_SHIFT + 1)) - ret,
					    "hole %lu, all %u", hole, all);
			KUNIT_EXPECT_EQ_MSG(test, iocb.ki_pos, pos + 16 + ret, "hole %lu, all %u",
					    hole, all);
			fxt_expect_stamped(w->fx, pos, pos + 16);
			fxt_expect_zeroed(w->fx, pos + 16, pos + 16 + ret);
			/* What was copied in vain, up to the hole, is the filesystem's to mend. */
			fxt_expect_stamped(w->fx, pos + 16 + want, end);
			expect_idle(w);
			fxt_stamp(w->fx, xa_load(&fxt_mapping(w->fx)->i_pages, FIRST), FIRST);
			fxt_stamp(w->fx, xa_load(&fxt_mapping(w->fx)->i_pages, FIRST + nr), FIRST + nr);
			fxt_switch_mm(NULL);
		}
	}
}

/* No source memory at all: an error, nothing dirty, nothing changed. */
static void write_from_nowhere(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct writer *w = start_writer(test, 0, FXT_MAX_ORDER);
	loff_t pos = FXT_POS(FIRST);
	struct folio *folio = fxt_add_folio(w->fx, FIRST, order, 0);
	struct iov_iter iter = user_zeroes(test, 1, 0);
	struct kiocb iocb = write_iocb(w, pos);

	use_writer(w);
	KUNIT_EXPECT_EQ(test, generic_perform_write(&iocb, &iter), -EFAULT);
	KUNIT_EXPECT_EQ(test, iocb.ki_pos, pos);
	KUNIT_EXPECT_EQ(test, iov_iter_count(&iter), PAGE_SIZE);
	KUNIT_EXPECT_FALSE(test, folio_test_dirty(folio));
	fxt_expect_stamped(w->fx, pos, pos + (PAGE_SIZE << order));
	expect_idle(w);
	fxt_switch_mm(NULL);
}

/* The filesystem refuses the second folio: the first is written, the error is for next time. */
static void write_begin_refuses(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct writer *w = start_writer(test, 0, FXT_MAX_ORDER);
	size_t size = PAGE_SIZE << order;
	loff_t pos = FXT_POS(FIRST);
	struct kiocb iocb = write_iocb(w, pos);
	struct iov_iter iter = zeroes(test, 3 * size);
	struct folio *folios[3];
	unsigned int i;

	for (i = 0; i < 3; i++)
		folios[i] = fxt_add_folio(w->fx, FIRST + (i << order), order, 0);
	use_writer(w);
	w->fail_at = 2;
	KUNIT_EXPECT_EQ(test, generic_perform_write(&iocb, &iter), size);
	KUNIT_EXPECT_EQ(test, iocb.ki_pos, pos + size);
	w->fail_at = 3;
	KUNIT_EXPECT_EQ(test, generic_perform_write(&iocb, &iter), -ENOSPC);
	KUNIT_EXPECT_EQ(test, iocb.ki_pos, pos + size);
	KUNIT_EXPECT_EQ(test, iov_iter_count(&iter), 2 * size);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ_MSG(test, folio_test_dirty(folios[i]), !i, "folio %u", i);
	fxt_expect_zeroed(w->fx, pos, pos + size);
	fxt_expect_stamped(w->fx, pos + size, pos + 3 * size);
	expect_idle(w);
}

/* IOCB_APPEND writes at EOF, wherever in a folio that is. */
static void write_appends_inside_folio(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	const size_t size = PAGE_SIZE << order;
	struct writer *w = start_writer(test, 0, FXT_MAX_ORDER);
	loff_t pos = FXT_POS(FIRST);
	size_t ends[] = { 1, PAGE_SIZE - 1, size / 2, size - 1 };

	fxt_add_folio(w->fx, FIRST, order, 0);
	use_writer(w);
	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		struct kiocb iocb = write_iocb(w, 0);
		struct iov_iter iter = zeroes(test, 1);

		i_size_write(&w->fx->inode, pos + ends[i]);
		iocb.ki_flags |= IOCB_APPEND;
		KUNIT_EXPECT_EQ_MSG(test, generic_file_write_iter(&iocb, &iter), 1,
				    "at %zu", ends[i]);
		KUNIT_EXPECT_EQ_MSG(test, iocb.ki_pos, pos + ends[i] + 1, "at %zu", ends[i]);
		KUNIT_EXPECT_EQ_MSG(test, i_size_read(&w->fx->inode), pos + ends[i] + 1,
				    "at %zu", ends[i]);
		fxt_expect_stamped(w->fx, pos + ends[i] - 1, pos + ends[i]);
		fxt_expect_zeroed(w->fx, pos + ends[i], pos + ends[i] + 1);
		fxt_stamp(w->fx, xa_load(&fxt_mapping(w->fx)->i_pages, FIRST), FIRST);
	}
	expect_idle(w);
}

/* At the largest position of the filesystem a write is cut short, behind it refused. */
static void write_at_limit(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	const size_t size = PAGE_SIZE << order;
	struct writer *w = start_writer(test, 0, FXT_MAX_ORDER);
	loff_t limit = FXT_POS(FIRST) + size - 10;
	struct kiocb iocb = write_iocb(w, limit - 5);
	struct iov_iter iter = zeroes(test, 20);

	fxt_add_folio(w->fx, FIRST, order, 0);
	use_writer(w);
	w->fx->inode.i_sb->s_maxbytes = limit;
	KUNIT_EXPECT_EQ(test, generic_file_write_iter(&iocb, &iter), 5);
	KUNIT_EXPECT_EQ(test, iocb.ki_pos, limit);
	iter = zeroes(test, 1);
	KUNIT_EXPECT_EQ(test, generic_file_write_iter(&iocb, &iter), -EFBIG);
	w->fx->inode.i_sb->s_maxbytes = MAX_LFS_FILESIZE;
	fxt_expect_stamped(w->fx, limit - 10, limit - 5);
	fxt_expect_zeroed(w->fx, limit - 5, limit);
	fxt_expect_stamped(w->fx, limit, FXT_POS(FIRST) + size);
	expect_idle(w);
}

static struct kiocb direct_iocb(struct writer *w, loff_t pos)
{
	struct kiocb iocb = write_iocb(w, pos);

	iocb.ki_flags |= IOCB_DIRECT;
	return iocb;
}

/* A direct write of one byte inside a folio drops the folio, and not its neighbours. */
static void direct_write_drops_folio(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	struct writer *w = start_writer(test, 0, FXT_MAX_ORDER);
	pgoff_t nr = 1UL << order, base = FIRST;
	const struct { pgoff_t page; size_t at; } where[] = {
		{ 0, 0 }, { nr / 2, 100 }, { nr - 1, PAGE_SIZE - 1 },
	};
	const struct fxt_range left[] = { { FIRST, order }, { FIRST + 2 * nr, order } };

	for (i = 0; i < ARRAY_SIZE(where); i++) {
		loff_t pos = FXT_POS(base + nr + where[i].page) + where[i].at;
		struct kiocb iocb = direct_iocb(w, pos);
		struct iov_iter iter = zeroes(test, 1);

		fxt_mapping(w->fx)->a_ops = &writer_aops;
		if (!i) {
			fxt_add_folio(w->fx, base, order, 0);
			fxt_add_folio(w->fx, base + 2 * nr, order, 0);
		}
		fxt_add_folio(w->fx, base + nr, order, 0);
		w->direct = 1;
		KUNIT_EXPECT_EQ_MSG(test, __generic_file_write_iter(&iocb, &iter), 1, "at %zu of page %lu",
				    where[i].at, where[i].page);
		KUNIT_EXPECT_EQ(test, iocb.ki_pos, pos + 1);
		KUNIT_EXPECT_EQ(test, w->nr_direct, i + 1);
		fxt_expect_layout(w->fx, left, 2);
	}
	expect_idle(w);
}

/* A folio that cannot be dropped: the write goes through the page cache instead. */
static void direct_write_falls_back(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	const size_t size = PAGE_SIZE << order;
	struct writer *w = start_writer(test, 0, FXT_MAX_ORDER);
	loff_t pos = FXT_POS(FIRST);
	struct folio *folio = fxt_add_folio(w->fx, FIRST, order, FXT_PRIVATE);
	struct kiocb iocb = direct_iocb(w, pos + 8);
	struct iov_iter iter = zeroes(test, size - 16);

	use_writer(w);
	KUNIT_EXPECT_EQ(test, __generic_file_write_iter(&iocb, &iter), size - 16);
	KUNIT_EXPECT_EQ(test, w->nr_direct, 0);
	KUNIT_EXPECT_EQ(test, iocb.ki_pos, pos + size - 8);
	KUNIT_EXPECT_PTR_EQ(test, xa_load(&fxt_mapping(w->fx)->i_pages, FIRST), folio);
	fxt_expect_stamped(w->fx, pos, pos + 8);
	fxt_expect_zeroed(w->fx, pos + 8, pos + size - 8);
	fxt_expect_stamped(w->fx, pos + size - 8, pos + size);
	KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
}

/* A direct write that ends early is finished through the page cache; one that fails is not. */
static void direct_write_ends_early(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	const size_t size = PAGE_SIZE << order;
	struct writer *w = start_writer(test, 0, FXT_MAX_ORDER);
	loff_t pos = FXT_POS(FIRST);
	struct kiocb iocb = direct_iocb(w, pos);
	struct iov_iter iter = zeroes(test, size);

	use_writer(w);
	i_size_write(&w->fx->inode, pos);
	w->direct = 512;
	KUNIT_EXPECT_EQ(test, __generic_file_write_iter(&iocb, &iter), size);
	KUNIT_EXPECT_EQ(test, w->nr_direct, 1);
	KUNIT_EXPECT_GE(test, w->nr_begins, 1);
	KUNIT_EXPECT_EQ(test, iocb.ki_pos, pos + size);
	KUNIT_EXPECT_EQ(test, iov_iter_count(&iter), 0);
	KUNIT_EXPECT_EQ(test, i_size_read(&w->fx->inode), pos + size);

	truncate_inode_pages(fxt_mapping(w->fx), 0);
	w->nr_begins = 0;
	w->direct = -EIO;
	iocb = direct_iocb(w, pos);
	iter = zeroes(test, size);
	KUNIT_EXPECT_EQ(test, __generic_file_write_iter(&iocb, &iter), -EIO);
	KUNIT_EXPECT_EQ(test, w->nr_begins, 0);
	KUNIT_EXPECT_EQ(test, iocb.ki_pos, pos);
	expect_idle(w);
}

/* A direct write moves EOF to its end, be it one byte behind, and never back. */
static void direct_write_moves_eof(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	const loff_t size = PAGE_SIZE << order;
	struct writer *w = start_writer(test, 0, FXT_MAX_ORDER);
	loff_t eof = FXT_POS(FIRST) + size / 2 + 100;
	const loff_t ends[] = {
		-1, 0, 1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, size - 1, size, size + 1,
	};

	use_writer(w);
	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		struct kiocb iocb = direct_iocb(w, eof - 10);
		struct iov_iter iter = zeroes(test, ends[i] + 10);

		i_size_write(&w->fx->inode, eof);
		w->direct = ends[i] + 10;
		KUNIT_EXPECT_EQ_MSG(test, __generic_file_write_iter(&iocb, &iter), ends[i] + 10,
				    "%lld from EOF", ends[i]);
		KUNIT_EXPECT_EQ_MSG(test, iocb.ki_pos, eof + ends[i], "%lld from EOF", ends[i]);
		KUNIT_EXPECT_EQ_MSG(test, i_size_read(&w->fx->inode), max(eof, eof + ends[i]),
				    "%lld from EOF", ends[i]);
	}
	KUNIT_EXPECT_EQ(test, w->nr_direct, ARRAY_SIZE(ends));
	expect_idle(w);
}

static struct kunit_case filemap_write_cases[] = {
	KUNIT_CASE_PARAM(write_creates_folio_of_its_size, order_gen_params),
	KUNIT_CASE_PARAM(write_creates_aligned_folios, order_gen_params),
	KUNIT_CASE_PARAM(write_creates_min_order, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(write_between_cached_folios, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(write_faults_source_in, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(write_short_copy, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(write_from_nowhere, order_gen_params),
	KUNIT_CASE_PARAM(write_begin_refuses, order_gen_params),
	KUNIT_CASE_PARAM(write_appends_inside_folio, order_gen_params),
	KUNIT_CASE_PARAM(write_at_limit, order_gen_params),
	KUNIT_CASE_PARAM(direct_write_drops_folio, order_gen_params),
	KUNIT_CASE_PARAM(direct_write_falls_back, order_gen_params),
	KUNIT_CASE_PARAM(direct_write_ends_early, order_gen_params),
	KUNIT_CASE_PARAM(direct_write_moves_eof, order_gen_params),
	{}
};

static struct kunit_suite filemap_write_suite = {
	.name = "mm_filemap_write",
	.test_cases = filemap_write_cases,
};

kunit_test_suite(filemap_write_suite);

MODULE_DESCRIPTION("KUnit suite of writes through and past the page cache");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_LICENSE("GPL");
