// SPDX-License-Identifier: GPL-2.0
/*
 * mm_failure_fs: memory that cannot be had while a filesystem writes, reads or writes
 * back through generic_perform_write() and through iomap, whose large folios need a
 * state for their blocks. failure_model.h tells how each case goes about it.
 */
#include <linux/module.h>
#include <linux/pagemap.h>

#include "failure_model.h"
#include "fixture_iomap.h"

KUNIT_ARRAY_PARAM_DESC(order, failure_orders, desc);

/* generic_perform_write() on a filesystem that keeps its bytes in the page cache alone. */

static int grow_begin(compat_write_ctx ctx, struct address_space *mapping, loff_t pos,
		      unsigned int len, struct folio **foliop, void **fsdata)
{
	struct folio_fixture *fx = mapping->host->i_private;
	struct folio *folio;

	folio = __filemap_get_folio(mapping, pos >> PAGE_SHIFT, FGP_WRITEBEGIN | fgf_set_order(len),
				    mapping_gfp_mask(mapping));
	if (IS_ERR(folio))
		return PTR_ERR(folio);
	if (!folio_test_uptodate(folio)) {
		fxt_stamp(fx, folio, folio->index);
		folio_mark_uptodate(folio);
	}
	*foliop = folio;
	return 0;
}

static int grow_end(compat_write_ctx ctx, struct address_space *mapping, loff_t pos,
		    unsigned int len, unsigned int copied, struct folio *folio, void *fsdata)
{
	folio_mark_dirty(folio);
	folio_unlock(folio);
	folio_put(folio);
	return copied;
}

static const struct address_space_operations grow_aops = {
	.write_begin	= grow_begin,
	.write_end	= grow_end,
	.dirty_folio	= filemap_dirty_folio,
};

static struct folio_fixture *new_file(struct kunit *test, unsigned int min_order)
{
	struct folio_fixture *fx = fxt_create(test, min_order, MAX_PAGECACHE_ORDER);

	fxt_file(fx);
	fxt_setup_bdi(fx);
	fx->inode.i_private = fx;
	fxt_mapping(fx)->a_ops = &grow_aops;
	return fx;
}

static ssize_t write_from(struct folio_fixture *fx, loff_t pos, void *buf, size_t len)
{
	struct kvec kvec = { .iov_base = buf, .iov_len = len };
	struct iov_iter iter;
	struct kiocb iocb;
	ssize_t ret;

	init_sync_kiocb(&iocb, fx->file);
	iocb.ki_pos = pos;
	iov_iter_kvec(&iter, ITER_SOURCE, &kvec, 1, len);
	ret = generic_perform_write(&iocb, &iter);
	if (iocb.ki_pos != pos + max(ret, 0) || iov_iter_count(&iter) != len - max(ret, 0))
		return -EINVAL;
	return ret;
}

/*
 * Zeroes, which no stamp contains, over a whole folio, or over one and a half from
 * inside the first. When only the large one is not to be had, smaller ones are.
 */
static void try_write(struct trials *t, unsigned int min, unsigned int order, bool whole,
		      void *zeroes)
{
	const loff_t size = PAGE_SIZE << order, pos = FXT_POS(FIRST) + (whole ? 0 : size / 4);
	const size_t len = whole ? size : size + size / 2;
	struct folio_fixture *fx = t->fx;
	struct kunit *test = t->test;

	while (next_trial(t)) {
		long cached, dirty;
		ssize_t done;

		clear(fx);
		cached = fxt_node_stat(NR_FILE_PAGES);
		dirty = fxt_node_stat(NR_FILE_DIRTY);
		begin(t);
		done = write_from(fx, pos, zeroes, len);
		end(t);
		done = expect_wrote(t, done, len, whole && min < order);
		fxt_expect_zeroed(fx, pos, pos + done);
		expect_folios(fx, true);
		if (done < len) {
			done += write_from(fx, pos + done, zeroes, len - done);
			KUNIT_EXPECT_EQ_MSG(test, len, done, "when tried again");
		}
		fxt_expect_zeroed(fx, pos, pos + len);
		fxt_expect_stamped(fx, round_down(pos, PAGE_SIZE << min), pos);
		fxt_expect_stamped(fx, pos + len, round_up(pos + len, PAGE_SIZE << min));
		expect_folios(fx, true);
		KUNIT_EXPECT_EQ(test, cached + fxt_mapping(fx)->nrpages,
				fxt_node_stat(NR_FILE_PAGES));
		KUNIT_EXPECT_EQ(test, dirty + fxt_mapping(fx)->nrpages,
				fxt_node_stat(NR_FILE_DIRTY));
		clear(fx);
		KUNIT_EXPECT_EQ(test, cached, fxt_node_stat(NR_FILE_PAGES));
		KUNIT_EXPECT_EQ(test, dirty, fxt_node_stat(NR_FILE_DIRTY));
	}
	end_trials(t);
}

static void generic_write_each_failure(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	void *zeroes = kvzalloc(PAGE_SIZE << (order + 1), GFP_KERNEL);
	struct trials t = start_trials(new_file(test, 0));

	KUNIT_ASSERT_NOT_NULL(test, zeroes);
	first_trial(&t, "a whole folio");
	try_write(&t, 0, order, true, zeroes);
	first_trial(&t, "over two folios");
	try_write(&t, 0, order, false, zeroes);
	if (order) {
		t.fx = new_file(test, order);
		first_trial(&t, "at a minimum order");
		try_write(&t, order, order, false, zeroes);
	}
	kvfree(zeroes);
}

/* iomap. */

/* All is unlocked, nothing under writeback, and no folio has a reference too many. */
static void expect_idle(struct iom_fs *fs)
{
	struct folio *folio;
	unsigned long index;

	fxt_drain_lru();
	fxt_expect_consistent(fs->fx);
	xa_for_each(&iom_mapping(fs)->i_pages, index, folio) {
		if (xa_is_value(folio))
			continue;
		if (!folio_test_locked(folio) && !folio_test_writeback(folio) &&
		    folio_ref_count(folio) == folio_nr_pages(folio) + folio_test_private(folio))
			continue;
		KUNIT_FAIL(fs->test, "folio at %lu: want unlocked, %ld refs", index,
			   folio_nr_pages(folio) + folio_test_private(folio));
		fxt_print_folio(fs->test, folio);
		if (folio_test_locked(folio))
			folio_unlock(folio);
		return;
	}
}

/* All that was ever written is on disk after writeback, and nothing else has changed. */
static void expect_written(struct iom_fs *fs)
{
	iom_write_back(fs);
	iom_expect_disk(fs, fs->base, fs->base + fs->size);
	KUNIT_EXPECT_FALSE(fs->test, mapping_tagged(iom_mapping(fs), PAGECACHE_TAG_DIRTY));
	expect_idle(fs);
}

static struct trials iom_trials(struct iom_fs *fs)
{
	fxt_file(fs->fx);
	return start_trials(fs->fx);
}

/* Writes from inside one folio into the next: folios, their states, blocks to be read. */
static void iomap_write_each_failure(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	struct iom_fs *fs = iom_create_two(test, order, 0);
	struct trials t = iom_trials(fs);
	const loff_t size = PAGE_SIZE << order;

	for (i = 0; i < 4; i++) {
		const bool whole = i & 1;
		const loff_t pos = fs->base + (whole ? 0 : size / 4 + 100);
		const size_t len = whole ? size : size + 300;

		first_trial(&t, i < 2 ? "blocks of 512 bytes" : "blocks of a page");
		while (next_trial(&t)) {
			long cached, dirty;
			ssize_t done;

			iom_reset(fs, i < 2 ? SECTOR_SHIFT : PAGE_SHIFT);
			cached = fxt_node_stat(NR_FILE_PAGES);
			dirty = fxt_node_stat(NR_FILE_DIRTY);
			begin(&t);
			done = iom_write(fs, pos, len, 0);
			end(&t);
			done = expect_wrote(&t, done, len, whole && order);
			iom_expect_cache(fs, pos, pos + done);
			expect_idle(fs);
			KUNIT_EXPECT_EQ(test, cached + iom_mapping(fs)->nrpages,
					fxt_node_stat(NR_FILE_PAGES));
			KUNIT_EXPECT_EQ(test, dirty + iom_mapping(fs)->nrpages,
					fxt_node_stat(NR_FILE_DIRTY));
			if (t.nth % 2)
				KUNIT_EXPECT_EQ_MSG(test, len, iom_write(fs, pos, len, 0),
						    "when tried again");
			expect_written(fs);
			KUNIT_EXPECT_EQ(test, dirty, fxt_node_stat(NR_FILE_DIRTY));
		}
		end_trials(&t);
	}
}

/*
 * Who may not wait gets no state for the blocks of a cached folio when there is no
 * memory: he is told to try again, and the folio is as it was.
 */
static void iomap_write_nowait_each_failure(struct kunit *test)
{
	unsigned int order = fxt_order(test), uptodate;
	struct iom_fs *fs = iom_create_two(test, order, 0);
	struct trials t = iom_trials(fs);
	const loff_t pos = fs->base + (PAGE_SIZE << order) - SECTOR_SIZE;

	for (uptodate = 0; uptodate < 2; uptodate++) {
		first_trial(&t, uptodate ? "uptodate" : "not uptodate");
		while (next_trial(&t)) {
			struct folio *folio;
			ssize_t done;

			iom_reset(fs, SECTOR_SHIFT);
			folio = iom_add_one(fs, order, false);
			if (uptodate) {
				memcpy_to_folio(folio, 0, fs->disk, PAGE_SIZE << order);
				folio_mark_uptodate(folio);
			}
			KUNIT_EXPECT_FALSE(test, folio_test_private(folio));
			begin(&t);
			done = iom_write(fs, pos, SECTOR_SIZE, IOCB_NOWAIT);
			end(&t);
			/* Some allocations inside the allocators are only for speed. */
			if (t.rest && t.nth == 1)
				KUNIT_EXPECT_EQ(test, -EAGAIN, done);
			else if (!t.failed || done != -EAGAIN)
				KUNIT_EXPECT_EQ(test, SECTOR_SIZE, done);
			if (done < 0) {
				KUNIT_EXPECT_FALSE(test, folio_test_dirty(folio));
				KUNIT_EXPECT_EQ(test, uptodate, folio_test_uptodate(folio));
				done = iom_write(fs, pos, SECTOR_SIZE, 0);
				KUNIT_EXPECT_EQ_MSG(test, SECTOR_SIZE, done, "when tried again");
			}
			KUNIT_EXPECT_TRUE(test, folio_test_private(folio));
			iom_expect_cache(fs, pos, pos + SECTOR_SIZE);
			/* The state that came late says what the folio said before. */
			KUNIT_EXPECT_EQ(test, uptodate, iom_uptodate(fs, folio, 0, SECTOR_SIZE));
			KUNIT_EXPECT_TRUE(test, iom_uptodate(fs, folio, (PAGE_SIZE << order) -
							     SECTOR_SIZE, SECTOR_SIZE));
			iom_forget(fs);
			folio_put(folio);
			KUNIT_EXPECT_EQ(test, 0, filemap_write_and_wait(iom_mapping(fs)));
			iom_expect_asked(fs, IOM_WRITE, pos, pos + SECTOR_SIZE);
			expect_written(fs);
		}
		end_trials(&t);
	}
}

/* A write past EOF that may not wait and gets no state takes its folio back. */
static void iomap_write_nowait_past_eof_each_failure(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct iom_fs *fs = iom_create_two(test, order, order);
	struct trials t = iom_trials(fs);
	const loff_t pos = fs->base + SECTOR_SIZE;

	fxt_need_fix(test, "iomap: clean up past EOF when a write fails at its start");
	first_trial(&t, "past EOF");
	while (next_trial(&t)) {
		struct folio *folio;
		ssize_t done;

		iom_reset(fs, SECTOR_SHIFT);
		i_size_write(&fs->fx->inode, fs->base);
		iom_map(fs, fs->base, fs->base + fs->size, IOMAP_HOLE, 0);
		iom_model_zeroes(fs, fs->base, fs->base + fs->size);
		begin(&t);
		done = iom_write(fs, pos, SECTOR_SIZE, IOCB_NOWAIT);
		end(&t);
		if (t.rest && t.nth == 1)
			KUNIT_EXPECT_LT(test, done, 0);
		else if (!t.failed || done >= 0)
			KUNIT_EXPECT_EQ(test, SECTOR_SIZE, done);
		expect_idle(fs);
		if (done < 0) {
			KUNIT_EXPECT_TRUE(test, done == -EAGAIN || done == -ENOMEM);
			/* A page that was to be written in part stays, and is zeroed there. */
			if (order)
				KUNIT_EXPECT_EQ(test, 0, iom_mapping(fs)->nrpages);
			KUNIT_EXPECT_EQ(test, fs->base, i_size_read(&fs->fx->inode));
			done = iom_write(fs, pos, SECTOR_SIZE, 0);
			KUNIT_EXPECT_EQ_MSG(test, SECTOR_SIZE, done, "when tried again");
		}
		folio = filemap_get_folio(iom_mapping(fs), pos >> PAGE_SHIFT);
		KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
		KUNIT_EXPECT_EQ(test, order, folio_order(folio));
		folio_put(folio);
		iom_expect_cache(fs, pos, pos + SECTOR_SIZE);
	}
	end_trials(&t);
}

/* A read that finds no folio says so; one that has it needs nothing that can fail. */
static void iomap_read_each_failure(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct iom_fs *fs = iom_create_two(test, order, order);
	struct trials t = iom_trials(fs);
	const loff_t size = PAGE_SIZE << order;
	pgoff_t index = (fs->base >> PAGE_SHIFT) + (1UL << order) * 3 / 4;

	first_trial(&t, "read_mapping_folio");
	while (next_trial(&t)) {
		struct folio *folio;

		iom_reset(fs, SECTOR_SHIFT);
		begin(&t);
		folio = read_mapping_folio(iom_mapping(fs), index, NULL);
		end(&t);
		KUNIT_EXPECT_TRUE(test, t.failed || !IS_ERR(folio));
		if (t.rest && t.nth == 1)
			KUNIT_EXPECT_TRUE(test, IS_ERR(folio));
		if (IS_ERR(folio)) {
			KUNIT_EXPECT_EQ(test, -ENOMEM, PTR_ERR(folio));
			KUNIT_EXPECT_EQ(test, 0, iom_mapping(fs)->nrpages);
			folio = read_mapping_folio(iom_mapping(fs), index, NULL);
			KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(folio), "when tried again");
		}
		KUNIT_EXPECT_EQ(test, order, folio_order(folio));
		KUNIT_EXPECT_TRUE(test, folio_test_uptodate(folio));
		folio_put(folio);
		iom_expect_asked(fs, IOM_READ, fs->base, fs->base + size);
		iom_expect_cache(fs, fs->base, fs->base + size);
		expect_idle(fs);
	}
	end_trials(&t);
}

/* Writeback is how memory is had: without any, it must go through, bios and all. */
static void iomap_writeback_each_failure(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, cached;
	struct iom_fs *fs = iom_create_two(test, order, 0);
	struct trials t = iom_trials(fs);
	const size_t bs = SECTOR_SIZE;

	for (i = 0; i < 4; i++) {
		const bool ioend = i & 1;

		cached = i & 2;
		first_trial(&t, ioend ? "by bios" : "by ranges");
		while (next_trial(&t)) {
			struct folio *folio = NULL;
			int err;

			iom_reset(fs, SECTOR_SHIFT);
			fs->ioend = ioend;
			/* All dirty without a state of the blocks, or some blocks of two folios. */
			if (cached) {
				folio = iom_add_one(fs, order, true);
				memcpy_to_folio(folio, 0, fs->disk + fs->size / 2, fs->size / 2);
				folio_mark_uptodate(folio);
				filemap_dirty_folio(iom_mapping(fs), folio);
				KUNIT_EXPECT_FALSE(test, folio_test_private(folio));
				folio_put(folio);
				memset(fs->disk + fs->size / 2, 0, fs->size / 2);
			} else {
				iom_write(fs, fs->base, bs, 0);
				iom_write(fs, fs->base + fs->size / 2 - bs, 2 * bs, 0);
			}
			begin(&t);
			err = filemap_write_and_wait(iom_mapping(fs));
			end(&t);
			KUNIT_EXPECT_EQ(test, 0, err);
			KUNIT_EXPECT_FALSE(test, mapping_tagged(iom_mapping(fs),
								PAGECACHE_TAG_DIRTY));
			KUNIT_EXPECT_FALSE(test, mapping_tagged(iom_mapping(fs),
								PAGECACHE_TAG_WRITEBACK));
			iom_expect_disk(fs, fs->base, fs->base + fs->size);
			expect_idle(fs);
		}
		if (ioend)
			end_trials(&t);
	}
}

static struct kunit_case failure_fs_cases[] = {
	KUNIT_CASE_PARAM_ATTR(generic_write_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(iomap_write_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(iomap_write_nowait_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(iomap_write_nowait_past_eof_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(iomap_read_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(iomap_writeback_each_failure, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	{}
};

static struct kunit_suite failure_fs_suite = {
	.name = "mm_failure_fs",
	.init = fxt_stay_on_cpu,
	.test_cases = failure_fs_cases,
};

kunit_test_suite(failure_fs_suite);

MODULE_DESCRIPTION("KUnit suite of allocations that fail under a filesystem");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_LICENSE("GPL");
