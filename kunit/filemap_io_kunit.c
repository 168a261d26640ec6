// SPDX-License-Identifier: GPL-2.0
/*
 * mm_filemap_io: what reads, writes, splices, seeks and waits make of a page cache
 * that holds folios of order 0 to 9. filemap_fault_kunit.c has faults,
 * filemap_kunit.c the cache itself.
 */
#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/iomap.h>
#include <linux/module.h>
#include <linux/pipe_fs_i.h>
#include <linux/splice.h>
#include <linux/uio.h>
#include <linux/workqueue.h>
#include <linux/writeback.h>

#include "filemap_io_model.h"

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

static pgoff_t end_of(unsigned int i)
{
	return mixed[i].index + (1UL << mixed[i].order);
}

/* Reads as read(2) does; expects @want bytes of the file and not one more, or an error. */
static void check_read(struct folio_fixture *fx, u8 *buf, loff_t pos, size_t len,
		       int iocb_flags, ssize_t want)
{
	struct kvec kvec = { .iov_base = buf, .iov_len = len };
	struct iov_iter iter;
	struct kiocb iocb;
	ssize_t ret;

	KUNIT_ASSERT_LE(fx->test, len + 8, BUF_SIZE);
	init_sync_kiocb(&iocb, fxt_file(fx));
	iocb.ki_pos = pos;
	iocb.ki_flags |= iocb_flags;
	iov_iter_kvec(&iter, ITER_DEST, &kvec, 1, len);
	ret = generic_file_read_iter(&iocb, &iter);
	KUNIT_EXPECT_EQ_MSG(fx->test, ret, want, "read %zu from %lld", len, pos);
	ret = clamp_t(ssize_t, ret, 0, len);
	KUNIT_EXPECT_EQ_MSG(fx->test, iocb.ki_pos, pos + ret, "read %zu from %lld", len, pos);
	fxt_expect_buffer(fx, buf, pos, ret);
	KUNIT_EXPECT_NULL_MSG(fx->test, memchr_inv(buf + ret, UNTOUCHED, len + 8 - ret),
			      "written past the end: read %zu from %lld", len, pos);
	memset(buf, UNTOUCHED, ret);
}

static const size_t lengths[] = {
	1, 2, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 9 * PAGE_SIZE + 7,
};

/* Where a folio starts, and the byte at either side; the first edge lies before the file. */
#define NR_EDGES	(3 * NR_MIXED)

static loff_t edge(unsigned int n)
{
	return FXT_POS(mixed[n / 3].index) + (int)(n % 3) - 1;
}

/* Reading. */

static void read_across_edges(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	struct folio *folios[NR_MIXED];
	u8 *buf = new_buffer(test);
	unsigned int i, l;

	add_mixed(fx, folios);
	for (i = 1; i < NR_EDGES; i++)
		for (l = 0; l < ARRAY_SIZE(lengths); l++)
			check_read(fx, buf, edge(i), lengths[l], 0, lengths[l]);
	/* All of it at once, from a page in the middle. */
	check_read(fx, buf, FXT_POS(5) + 1, BUF_SIZE - 6 * PAGE_SIZE, 0, BUF_SIZE - 6 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, fxt_count_calls(fx, FXT_READ_FOLIO), 0);
	for (i = 0; i < NR_MIXED; i++)
		KUNIT_EXPECT_TRUE_MSG(test, folio_test_referenced(folios[i]) ||
				      folio_test_active(folios[i]), "folio %u not accessed", i);
	release_mixed(fx, folios);
}

/* The folio that EOF lies in holds more bytes than the file has; none of them may be seen. */
static void read_to_eof(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test), i;
	loff_t size = PAGE_SIZE << order;
	const loff_t eofs[] = {
		1, PAGE_SIZE - 1, PAGE_SIZE, size / 2, size / 2 + 1, size - PAGE_SIZE + 1,
		size - 1, size,
	};
	u8 *buf = new_buffer(test);

	fxt_add_folio(fx, 0, order, 0);
	KUNIT_ASSERT_EQ(test, order, folio_order(fxt_add_folio(fx, 1UL << order, order, 0)));
	for (i = 0; i < ARRAY_SIZE(eofs); i++) {
		loff_t eof = size + eofs[i];

		i_size_write(&fx->inode, eof);
		check_read(fx, buf, eof - 1, 2 * PAGE_SIZE, 0, 1);
		check_read(fx, buf, size - 1, 2 * PAGE_SIZE, 0,
			   min_t(loff_t, eof - size + 1, 2 * PAGE_SIZE));
		check_read(fx, buf, eof, 2 * PAGE_SIZE, 0, 0);
		check_read(fx, buf, eof + 1, 2 * PAGE_SIZE, 0, 0);
		check_read(fx, buf, 2 * size, PAGE_SIZE, 0, 0);
	}
	KUNIT_EXPECT_EQ(test, fxt_count_calls(fx, FXT_READ_FOLIO), 0);
}

/* A folio that is not uptodate is read whole, once, wherever the read hits it. */
static void read_not_uptodate(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test), i;
	unsigned long nr = 1UL << order;
	u8 *buf = new_buffer(test);
	const loff_t starts[] = {
		FXT_POS(nr) - 5, FXT_POS(nr), FXT_POS(nr + nr / 2) + 1, FXT_POS(2 * nr) - 5,
	};

	fxt_add_folio(fx, 0, order, 0);
	fxt_add_folio(fx, 2 * nr, order, 0);
	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		struct folio *folio = fxt_add_folio(fx, nr, order, FXT_NOT_UPTODATE);
		const struct fxt_call *call;

		KUNIT_ASSERT_EQ(test, folio_order(folio), order);
		folio_zero_segment(folio, 0, folio_size(folio));
		folio_get(folio);
		check_read(fx, buf, starts[i], 10, 0, 10);
		KUNIT_EXPECT_EQ_MSG(test, fxt_count_calls(fx, FXT_READ_FOLIO), 1, "start %u", i);
		call = fxt_find_call(fx, FXT_READ_FOLIO, nr);
		KUNIT_ASSERT_NOT_NULL_MSG(test, call, "start %u", i);
		KUNIT_EXPECT_EQ_MSG(test, call->order, order, "start %u", i);
		KUNIT_EXPECT_TRUE_MSG(test, folio_test_uptodate(folio), "start %u", i);
		KUNIT_EXPECT_FALSE_MSG(test, folio_test_locked(folio), "start %u", i);
		truncate_inode_pages_range(fxt_mapping(fx), FXT_POS(nr), FXT_POS(2 * nr) - 1);
		fxt_drain_lru();
		KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(folio), 1, "start %u", i);
		folio_put(folio);
		fxt_forget_calls(fx);
	}
}

static int read_folio_stamped(struct file *file, struct folio *folio)
{
	fxt_stamp(container_of(folio->mapping->host, struct folio_fixture, inode),
		  folio, folio->index);
	folio_end_read(folio, true);
	return 0;
}

static int read_folio_nomem(struct file *file, struct folio *folio)
{
	folio_unlock(folio);
	return -ENOMEM;
}

/* Asks once to be called again; PG_private remembers. */
static int read_folio_again(struct file *file, struct folio *folio)
{
	if (!folio_test_private(folio)) {
		folio_attach_private(folio, folio);
		folio_unlock(folio);
		return AOP_TRUNCATED_PAGE;
	}
	folio_detach_private(folio);
	return read_folio_stamped(file, folio);
}

static void readahead_nothing(struct readahead_control *rac)
{
}

static const struct address_space_operations lazy_aops = {
	.read_folio	= read_folio_stamped,
	.readahead	= readahead_nothing,
};

static const struct address_space_operations lazy_failing_aops = {
	.read_folio	= read_folio_fails,
	.readahead	= readahead_nothing,
};

static const struct address_space_operations nomem_aops = {
	.read_folio	= read_folio_nomem,
};

static const struct address_space_operations again_aops = {
	.read_folio	= read_folio_again,
};

/*
 * A read that passes a folio with the readahead marker starts readahead, wherever
 * among the folios that it reads at once the marker lies.
 */
static void read_meets_marker(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	struct folio *folios[NR_MIXED];
	struct file *file = fxt_file(fx);
	u8 *buf = new_buffer(test);
	unsigned int i, marked;

	add_mixed(fx, folios);
	fxt_mapping(fx)->a_ops = &lazy_aops;
	i_size_write(&fx->inode, FXT_POS(MIXED_PAGES));
	for (marked = 0; marked < NR_MIXED - 1; marked++) {
		/* Nowhere near the window: nothing comes of it but that the marker goes. */
		file->f_ra = (struct file_ra_state) { .ra_pages = 32, .prev_pos = -1 };
		folio_set_readahead(folios[marked]);
		check_read(fx, buf, 3, BUF_SIZE - 3 * PAGE_SIZE, 0, BUF_SIZE - 3 * PAGE_SIZE);
		for (i = 0; i < NR_MIXED; i++)
			KUNIT_EXPECT_FALSE_MSG(test, folio_test_readahead(folios[i]),
					       "marker in folio %u, was in %u", i, marked);
	}
	release_mixed(fx, folios);
}

/* What is not there is read in folios of the smallest order allowed, aligned to their size. */
static void read_uncached(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	struct folio_fixture *fx = fxt_create(test, order, FXT_MAX_ORDER);
	unsigned long nr = 1UL << order;
	const struct address_space_operations *own = fxt_mapping(fx)->a_ops;
	const struct fxt_range want[] = { { 2 * nr, order }, { 3 * nr, order } };
	const loff_t starts[] = { 0, PAGE_SIZE - 1, FXT_POS(nr / 2), FXT_POS(nr) - 1 };
	u8 *buf = new_buffer(test);

	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		loff_t pos = FXT_POS(2 * nr) + starts[i];
		bool across = starts[i] == FXT_POS(nr) - 1;

		check_read(fx, buf, pos, across ? 2 : 1, 0, across ? 2 : 1);
		fxt_expect_layout(fx, want, across ? 2 : 1);
		KUNIT_EXPECT_EQ_MSG(test, fxt_count_calls(fx, FXT_READ_FOLIO), across ? 2 : 1,
				    "from %lld", pos);
		truncate_inode_pages(fxt_mapping(fx), 0);
		fxt_forget_calls(fx);

		/* Readahead brings nothing, so the read has to create the folio itself. */
		fxt_mapping(fx)->a_ops = &lazy_aops;
		check_read(fx, buf, pos, across ? 2 : 1, 0, across ? 2 : 1);
		fxt_expect_layout(fx, want, across ? 2 : 1);
		fxt_expect_consistent(fx);
		truncate_inode_pages(fxt_mapping(fx), 0);
		fxt_mapping(fx)->a_ops = own;
	}
}

/* A folio that was made for a read that fails stays for the next, without our reference. */
static void read_uncached_error(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = fxt_create(test, order, FXT_MAX_ORDER);
	unsigned long nr = 1UL << order;
	const struct fxt_range want = { nr, order };
	u8 *buf = new_buffer(test);
	struct folio *folio;

	fxt_mapping(fx)->a_ops = &lazy_failing_aops;
	check_read(fx, buf, FXT_POS(2 * nr) - 5, 5, 0, -EIO);
	fxt_expect_layout(fx, &want, 1);
	folio = filemap_get_folio(fxt_mapping(fx), 2 * nr - 1);
	KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
	KUNIT_EXPECT_FALSE(test, folio_test_uptodate(folio));
	KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
	truncate_inode_pages(fxt_mapping(fx), 0);
	fxt_drain_lru();
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), 1);
	folio_put(folio);
}

static void read_noio(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	struct fxt_range want[] = { { 0, order }, { nr, order } };
	u8 *buf = new_buffer(test);
	struct folio *folio;

	check_read(fx, buf, 0, 10, IOCB_NOIO, -EAGAIN);
	fxt_expect_layout(fx, NULL, 0);
	fxt_add_folio(fx, 0, order, 0);
	check_read(fx, buf, FXT_POS(nr) - 5, 10, IOCB_NOIO, 5);
	fxt_expect_layout(fx, want, 1);

	folio = fxt_add_folio(fx, nr, order, FXT_NOT_UPTODATE);
	KUNIT_ASSERT_EQ(test, folio_order(folio), order);
	folio_get(folio);
	check_read(fx, buf, FXT_POS(nr) - 5, 10, IOCB_NOIO, 5);
	check_read(fx, buf, FXT_POS(2 * nr) - 5, 5, IOCB_NOIO, -EAGAIN);
	check_read(fx, buf, FXT_POS(2 * nr) - 5, 5, IOCB_NOWAIT, -EAGAIN);
	KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
	folio_lock(folio);
	check_read(fx, buf, FXT_POS(2 * nr) - 5, 5, IOCB_NOIO, -EAGAIN);
	check_read(fx, buf, FXT_POS(2 * nr) - 5, 5, IOCB_NOWAIT, -EAGAIN);
	KUNIT_EXPECT_TRUE(test, folio_test_locked(folio));
	/* Whoever has the lock does not matter once the data is there. */
	folio_mark_uptodate(folio);
	check_read(fx, buf, FXT_POS(2 * nr) - 5, 5, IOCB_NOWAIT, 5);
	folio_unlock(folio);
	KUNIT_EXPECT_EQ(test, fxt_count_calls(fx, FXT_READ_FOLIO), 0);
	fxt_expect_layout(fx, want, 2);
	truncate_inode_pages(fxt_mapping(fx), 0);
	fxt_drain_lru();
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), 1);
	folio_put(folio);
}

static void read_errors(struct kunit *test)
{
	static const struct {
		const struct address_space_operations *aops;
		int err;
	} how[] = { { &failing_aops, -EIO }, { &nomem_aops, -ENOMEM }, { &again_aops, 0 } };
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test), i;
	unsigned long nr = 1UL << order;
	u8 *buf = new_buffer(test);

	fxt_add_folio(fx, 0, order, 0);
	for (i = 0; i < ARRAY_SIZE(how); i++) {
		struct folio *folio = fxt_add_folio(fx, nr, order, FXT_NOT_UPTODATE);
		int err = how[i].err;

		KUNIT_ASSERT_EQ(test, folio_order(folio), order);
		folio_get(folio);
		fxt_mapping(fx)->a_ops = how[i].aops;
		check_read(fx, buf, FXT_POS(2 * nr) - 5, 5, 0, err ?: 5);
		if (!err)
			folio_clear_uptodate(folio);
		/* What was read before the error counts; the error comes next time. */
		check_read(fx, buf, FXT_POS(nr) - 5, 10, 0, err ? 5 : 10);
		KUNIT_EXPECT_FALSE_MSG(test, folio_test_locked(folio), "error %d", err);
		KUNIT_EXPECT_EQ_MSG(test, folio_test_uptodate(folio), !err, "error %d", err);
		truncate_inode_pages_range(fxt_mapping(fx), FXT_POS(nr), FXT_POS(2 * nr) - 1);
		fxt_drain_lru();
		KUNIT_EXPECT_EQ_MSG(test, folio_ref_count(folio), 1, "error %d", err);
		folio_put(folio);
	}
}

static void read_dontcache(struct kunit *test)
{
#ifdef IOCB_DONTCACHE
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = fxt_create(test, order, FXT_MAX_ORDER);
	unsigned long nr = 1UL << order;
	const struct fxt_range want = { 0, order };
	u8 *buf = new_buffer(test);

	fxt_add_folio(fx, 0, order, 0);
	fxt_mapping(fx)->a_ops = &lazy_aops;
	check_read(fx, buf, FXT_POS(nr) - 5, 10, IOCB_DONTCACHE, 10);
	/* It leaves what was there before, and nothing of its own. */
	fxt_expect_layout(fx, &want, 1);
	fxt_expect_consistent(fx);
#else
	kunit_skip(test, "this kernel has no IOCB_DONTCACHE");
#endif
}

struct waiter {
	struct work_struct work;
	struct folio_fixture *fx;
	loff_t pos;
	bool read;
	u8 *buf;
	ssize_t ret;
	bool done;
};

static void wait_for_folio(struct work_struct *work)
{
	struct waiter *waiter = container_of(work, struct waiter, work);
	loff_t pos = waiter->pos;

	if (waiter->read)
		waiter->ret = kernel_read(waiter->fx->file, waiter->buf, 1, &pos);
	else
		waiter->ret = filemap_fdatawait_range(fxt_mapping(waiter->fx), pos, pos);
	WRITE_ONCE(waiter->done, true);
}

static void start_waiter(struct kunit *test, struct waiter *waiter, struct folio *folio)
{
	unsigned int i;

	INIT_WORK_ONSTACK(&waiter->work, wait_for_folio);
	schedule_work(&waiter->work);
	for (i = 0; i < 10000 && !folio_test_waiters(folio) && !READ_ONCE(waiter->done); i++)
		usleep_range(500, 1000);
	KUNIT_EXPECT_FALSE_MSG(test, READ_ONCE(waiter->done), "nobody waits at %lld", waiter->pos);
}

static void finish_waiter(struct waiter *waiter)
{
	flush_work(&waiter->work);
	destroy_work_on_stack(&waiter->work);
}

/* A reader waits for the read that is under way, and starts one of its own only if that failed. */
static void read_waits_for_end_read(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test);
	unsigned long nr = 1UL << order;
	u8 *buf = new_buffer(test);
	int success;

	fxt_file(fx);
	for (success = 0; success <= 1; success++) {
		struct folio *folio = fxt_add_folio(fx, nr, order, FXT_NOT_UPTODATE);
		struct waiter waiter = {
			.fx = fx, .pos = FXT_POS(2 * nr) - 1, .read = true, .buf = buf,
		};

		KUNIT_ASSERT_EQ(test, folio_order(folio), order);
		folio_lock(folio);
		start_waiter(test, &waiter, folio);
		folio_end_read(folio, success);
		finish_waiter(&waiter);
		KUNIT_EXPECT_EQ_MSG(test, waiter.ret, 1, "success %d", success);
		fxt_expect_buffer(fx, buf, waiter.pos, 1);
		KUNIT_EXPECT_TRUE_MSG(test, folio_test_uptodate(folio), "success %d", success);
		KUNIT_EXPECT_FALSE_MSG(test, folio_test_locked(folio), "success %d", success);
		KUNIT_EXPECT_EQ_MSG(test, fxt_count_calls(fx, FXT_READ_FOLIO), !success,
				    "success %d", success);
		truncate_inode_pages(fxt_mapping(fx), 0);
		fxt_forget_calls(fx);
	}
}

/* Any byte of a folio under writeback is. */
static void fdatawait_range_edges(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	unsigned int order = fxt_order(test), i;
	unsigned long nr = 1UL << order;
	struct folio *folio = fxt_add_folio(fx, nr, order, 0);
	struct file *file = fxt_file(fx);
	const loff_t inside[] = { FXT_POS(nr), FXT_POS(2 * nr) - 1 };
	const loff_t outside[] = { FXT_POS(nr) - 1, FXT_POS(2 * nr) };

	KUNIT_ASSERT_EQ(test, folio_order(folio), order);
	for (i = 0; i < ARRAY_SIZE(inside); i++) {
		struct waiter waiter = { .fx = fx, .pos = inside[i] };

		folio_lock(folio);
		folio_start_writeback(folio);
		folio_unlock(folio);
		/* These would never return. */
		KUNIT_EXPECT_EQ(test, 0, filemap_fdatawait_range(fxt_mapping(fx), outside[i],
								 outside[i]));
		start_waiter(test, &waiter, folio);
		mapping_set_error(fxt_mapping(fx), -ENOSPC);
		folio_end_writeback(folio);
		finish_waiter(&waiter);
		/* The error that came meanwhile is told, and told once. */
		KUNIT_EXPECT_EQ_MSG(test, waiter.ret, -ENOSPC, "at %lld", inside[i]);
		KUNIT_EXPECT_EQ_MSG(test, 0, filemap_check_errors(fxt_mapping(fx)),
				    "at %lld", inside[i]);
		/* And once to each file that was open then. */
		KUNIT_EXPECT_EQ_MSG(test, -ENOSPC, file_check_and_advance_wb_err(file),
				    "at %lld", inside[i]);
		KUNIT_EXPECT_EQ_MSG(test, 0, file_check_and_advance_wb_err(file),
				    "at %lld", inside[i]);
	}
}

/* mapping_read_folio_gfp() and its like: an uptodate folio that contains the index, or an error. */
static void read_cache_folio_each_index(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct folio_fixture *fx = fxt_create(test, order, FXT_MAX_ORDER);
	struct address_space *mapping = fxt_mapping(fx);
	unsigned long nr = 1UL << order, i;
	const struct fxt_range want = { nr, order };
	struct folio *folio, *found;
	struct page *page;

	/* Not there yet: made and read. */
	folio = read_cache_folio(mapping, 2 * nr - 1, NULL, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
	KUNIT_ASSERT_EQ(test, folio_order(folio), order);
	fxt_expect_layout(fx, &want, 1);
	fxt_expect_stamped(fx, FXT_POS(nr), FXT_POS(2 * nr));
	for (i = nr; i < 2 * nr; i++) {
		found = mapping_read_folio_gfp(mapping, i, GFP_KERNEL);
		KUNIT_ASSERT_PTR_EQ_MSG(test, found, folio, "index %lu", i);
		KUNIT_EXPECT_FALSE_MSG(test, folio_test_locked(folio), "index %lu", i);
		folio_put(found);
		/* The older interface gives the page that was asked for, not the first. */
		page = read_cache_page(mapping, i, NULL, NULL);
		KUNIT_ASSERT_PTR_EQ_MSG(test, page, folio_page(folio, i - nr), "index %lu", i);
		put_page(page);
	}
	KUNIT_EXPECT_EQ(test, fxt_count_calls(fx, FXT_READ_FOLIO), 1);

	/* There, but not uptodate. */
	folio_clear_uptodate(folio);
	found = read_cache_folio(mapping, 2 * nr - 1, read_folio_fails, NULL);
	KUNIT_EXPECT_PTR_EQ(test, found, ERR_PTR(-EIO));
	found = read_cache_folio(mapping, 2 * nr - 1, read_folio_nomem, NULL);
	KUNIT_EXPECT_PTR_EQ(test, found, ERR_PTR(-ENOMEM));
	KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
	KUNIT_EXPECT_FALSE(test, folio_test_uptodate(folio));
	found = read_cache_folio(mapping, nr, read_folio_again, NULL);
	KUNIT_EXPECT_PTR_EQ(test, found, folio);
	KUNIT_EXPECT_TRUE(test, folio_test_uptodate(folio));
	folio_put(folio);
	KUNIT_EXPECT_EQ(test, fxt_count_calls(fx, FXT_READ_FOLIO), 1);

	truncate_inode_pages(mapping, 0);
	fxt_drain_lru();
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), 1);
	folio_put(folio);
	/* A new folio that could not be read stays, not uptodate and unlocked. */
	found = read_cache_folio(mapping, nr, read_folio_fails, NULL);
	KUNIT_EXPECT_PTR_EQ(test, found, ERR_PTR(-EIO));
	found = filemap_get_folio(mapping, 2 * nr - 1);
	KUNIT_ASSERT_FALSE(test, IS_ERR(found));
	KUNIT_EXPECT_FALSE(test, folio_test_locked(found));
	KUNIT_EXPECT_FALSE(test, folio_test_uptodate(found));
	truncate_inode_pages(mapping, 0);
	fxt_drain_lru();
	KUNIT_EXPECT_EQ(test, folio_ref_count(found), 1);
	folio_put(found);
}

/* Writing. */

/* Writes zeroes, which no stamp contains: each byte beside them must still be stamped. */
static void check_write(struct folio_fixture *fx, struct folio *folios[], loff_t pos, size_t len)
{
	struct kunit *test = fx->test;
	struct kvec zeroes[16];
	struct iov_iter iter;
	struct kiocb iocb;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(zeroes); i++)
		zeroes[i] = (struct kvec) {
			.iov_base = page_address(ZERO_PAGE(0)), .iov_len = PAGE_SIZE,
		};
	iov_iter_kvec(&iter, ITER_SOURCE, zeroes, ARRAY_SIZE(zeroes),
		      ARRAY_SIZE(zeroes) * PAGE_SIZE);
	iov_iter_truncate(&iter, len);
	init_sync_kiocb(&iocb, fxt_file(fx));
	iocb.ki_pos = pos;
	KUNIT_ASSERT_EQ_MSG(test, generic_perform_write(&iocb, &iter), len,
			    "write %zu at %lld", len, pos);
	KUNIT_EXPECT_EQ_MSG(test, iocb.ki_pos, pos + len, "write %zu at %lld", len, pos);
	fxt_expect_stamped(fx, max(pos - 64, 0), pos);
	fxt_expect_zeroed(fx, pos, pos + len);
	fxt_expect_stamped(fx, pos + len, pos + len + 64);
	for (i = 0; i < NR_MIXED; i++) {
		bool hit = FXT_POS(mixed[i].index) < pos + (loff_t)len && FXT_POS(end_of(i)) > pos;

		KUNIT_EXPECT_EQ_MSG(test, folio_test_dirty(folios[i]), hit,
				    "folio %u, write %zu at %lld", i, len, pos);
		folio_clear_dirty(folios[i]);
		if (hit)
			fxt_stamp(fx, folios[i], mixed[i].index);
	}
}

static void write_across_edges(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	struct folio *folios[NR_MIXED];
	unsigned int i, l;

	add_mixed(fx, folios);
	/* The simplest filesystem that writes: it keeps no dirty marks. */
	fxt_mapping(fx)->a_ops = &ram_aops;
	for (i = 1; i < NR_EDGES; i++)
		for (l = 0; l < ARRAY_SIZE(lengths); l++)
			check_write(fx, folios, edge(i), lengths[l]);
	release_mixed(fx, folios);
}

/* Splicing and seeking. */

struct splice_target {
	u8 *buf;
	size_t done;
};

static int splice_buf(struct pipe_inode_info *pipe, struct pipe_buffer *buf, struct splice_desc *sd)
{
	struct splice_target *to = sd->u.data;

	memcpy_from_page(to->buf + to->done, buf->page, buf->offset, sd->len);
	to->done += sd->len;
	return sd->len;
}

static int splice_all(struct pipe_inode_info *pipe, struct splice_desc *sd)
{
	return __splice_from_pipe(pipe, sd, splice_buf);
}

static void splice_across_edges(struct kunit *test)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	struct folio *folios[NR_MIXED];
	struct splice_target to = { .buf = new_buffer(test) };
	loff_t eof = FXT_POS(MIXED_PAGES) - PAGE_SIZE - 1;
	struct file *file = fxt_file(fx);
	unsigned int i, l;

	add_mixed(fx, folios);
	i_size_write(&fx->inode, eof);
	for (i = 1; i < NR_EDGES; i++) {
		for (l = 0; l <= ARRAY_SIZE(lengths); l++) {
			loff_t pos = edge(i);
			/* The last fills the pipe more than once, and meets EOF. */
			size_t len = l < ARRAY_SIZE(lengths) ? lengths[l] : eof;
			size_t want = min_t(loff_t, len, eof - pos);
			struct splice_desc sd = {
				.total_len = len, .pos = pos, .u.data = &to,
			};

			if (l == ARRAY_SIZE(lengths) && i % 9)
				continue;
			to.done = 0;
			KUNIT_EXPECT_EQ_MSG(test, splice_direct_to_actor(file, &sd, splice_all),
					    want, "splice %zu from %lld", len, pos);
			KUNIT_EXPECT_EQ_MSG(test, to.done, want, "splice %zu from %lld", len, pos);
			fxt_expect_buffer(fx, to.buf, pos, to.done);
		}
	}
	i_size_write(&fx->inode, FXT_POS(MIXED_PAGES));
	release_mixed(fx, folios);
}

/*
 * Preallocated extents: what the page cache has is data, the rest is a hole.
 *
 *	0   1   2      4        8     16   32   40    48    64    128
 *	| 0 | - | 1 nu | 2 dirty| - - | 4  | nu | 3   | -   | shadow |
 */
static const struct seek_range {
	struct fxt_range range;
	bool data;
} seek_ranges[] = {
	{ { 0, 0 }, true }, { { 1, 0 }, false }, { { 2, 1 }, false }, { { 4, 2 }, true },
	{ { 8, 3 }, false }, { { 16, 4 }, true }, { { 32, 3 }, false }, { { 40, 3 }, true },
	{ { 48, 4 }, false }, { { 64, 6 }, true },
};

#if IS_ENABLED(CONFIG_FS_IOMAP)
static int map_unwritten(struct inode *inode, loff_t pos, loff_t length, unsigned int flags,
			 struct iomap *iomap, struct iomap *srcmap)
{
	iomap->type = IOMAP_UNWRITTEN;
	iomap->addr = 0;
	iomap->length = i_size_read(inode);
	return 0;
}

static const struct iomap_ops unwritten_ops = {
	.iomap_begin	= map_unwritten,
};

static bool is_data(loff_t pos)
{
	unsigned int i = ARRAY_SIZE(seek_ranges) - 1;

	while (FXT_POS(seek_ranges[i].range.index) > pos)
		i--;
	return seek_ranges[i].data;
}

/* Byte by page: the next place that is, or is not, data. */
static loff_t seek_slowly(loff_t pos, loff_t eof, bool data)
{
	while (pos < eof && is_data(pos) != data)
		pos = round_down(pos, PAGE_SIZE) + PAGE_SIZE;
	if (pos >= eof)
		return data ? -ENXIO : eof;
	return pos;
}
#endif

static void seek_hole_data_edges(struct kunit *test)
{
#if IS_ENABLED(CONFIG_FS_IOMAP)
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);
	const loff_t eofs[] = { FXT_POS(128), FXT_POS(128) - 1, FXT_POS(60), FXT_POS(20) + 5 };
	unsigned int i, e;
	loff_t pos;
	int d;

	fxt_need_large_folios(test);
	fxt_add_folio(fx, 0, 0, 0);
	fxt_add_folio(fx, 2, 1, FXT_NOT_UPTODATE);
	fxt_add_folio(fx, 4, 2, FXT_DIRTY);
	fxt_add_folio(fx, 16, 4, 0);
	fxt_add_folio(fx, 32, 3, FXT_NOT_UPTODATE);
	fxt_add_folio(fx, 40, 3, 0);
	fxt_add_shadow(fx, 64, 6);

	for (e = 0; e < ARRAY_SIZE(eofs); e++) {
		i_size_write(&fx->inode, eofs[e]);
		for (i = 0; i < 5 * ARRAY_SIZE(seek_ranges); i++) {
			const struct fxt_range *r = &seek_ranges[i / 5].range;

			/* Around its first byte, and in the middle of its last page. */
			d = i % 5 - 1;
			pos = FXT_POS(r->index) + d;
			if (d == 2)
				pos = FXT_POS(r->index + (1UL << r->order)) - 100;
			if (d == 3)
				pos = FXT_POS(r->index + (1UL << r->order) / 2);
			if (pos < 0 || pos >= eofs[e])
				continue;
			KUNIT_EXPECT_EQ_MSG(test, iomap_seek_data(&fx->inode, pos, &unwritten_ops),
					    seek_slowly(pos, eofs[e], true),
					    "data from %lld of %lld", pos, eofs[e]);
			KUNIT_EXPECT_EQ_MSG(test, iomap_seek_hole(&fx->inode, pos, &unwritten_ops),
					    seek_slowly(pos, eofs[e], false),
					    "hole from %lld of %lld", pos, eofs[e]);
		}
	}
#else
	kunit_skip(test, "needs CONFIG_FS_IOMAP");
#endif
}

static struct kunit_case filemap_io_cases[] = {
	KUNIT_CASE(read_across_edges),
	KUNIT_CASE_PARAM(read_to_eof, order_gen_params),
	KUNIT_CASE_PARAM(read_not_uptodate, order_gen_params),
	KUNIT_CASE(read_meets_marker),
	KUNIT_CASE_PARAM(read_uncached, order_gen_params),
	KUNIT_CASE_PARAM(read_uncached_error, order_gen_params),
	KUNIT_CASE_PARAM(read_noio, order_gen_params),
	KUNIT_CASE_PARAM(read_errors, order_gen_params),
	KUNIT_CASE_PARAM(read_dontcache, order_gen_params),
	KUNIT_CASE_PARAM(read_waits_for_end_read, order_gen_params),
	KUNIT_CASE_PARAM(read_cache_folio_each_index, order_gen_params),
	KUNIT_CASE(write_across_edges),
	KUNIT_CASE(splice_across_edges),
	KUNIT_CASE(seek_hole_data_edges),
	KUNIT_CASE_PARAM(fdatawait_range_edges, order_gen_params),
	{}
};

static struct kunit_suite filemap_io_suite = {
	.name = "mm_filemap_io",
	.init = fxt_stay_on_cpu,
	.test_cases = filemap_io_cases,
};

kunit_test_suite(filemap_io_suite);

MODULE_DESCRIPTION("KUnit suite of reads and writes through the page cache");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_LICENSE("GPL");
