// SPDX-License-Identifier: GPL-2.0
/*
 * mm_buffer_disk: what fs/buffer.c reads and writes of the blocks of a large folio,
 * which lie on a disk in memory: which of them and when, what is zeroed instead, and
 * what is left when one cannot be had. buffer_kunit.c has the buffers themselves.
 */
#include <linux/backing-dev.h>
#include <linux/blkdev.h>
#include <linux/file.h>
#include <linux/highmem.h>
#include <linux/migrate.h>
#include <linux/module.h>
#include <linux/mpage.h>
#include <linux/vmalloc.h>
#include <linux/writeback.h>

#if __has_include(<kunit/mm.h>)
#include <kunit/mm.h>
#endif

#include "buffer_model.h"

/* The disk. */

/* The disk's first bytes belong to nobody: a block of the file has another number there. */
#define SKEW		(3 * PAGE_SIZE)

#define WAS_READ	BIT(0)
#define WAS_WRITTEN	BIT(1)

/**
 * struct disk - a disk in memory that holds one folio of the file
 * @test: the case
 * @size: its bytes
 * @mem: what is on it
 * @io: what was done to each sector, WAS_READ and WAS_WRITTEN
 * @bad: the byte of which neither reads nor writes succeed
 * @bdev: the device
 * @pos: which byte of the file lies at SKEW
 * @fresh: blocks that are asked for to be written are new
 * @refuse: the block of the file for which there is no room
 * @asked: how many blocks disk_get_block() was asked for
 * @bytes: up to here cont_write_begin() has blocks
 */
struct disk {
	struct kunit *test;
	size_t size;
	u8 *mem;
	u8 *io;
	size_t bad;
	struct block_device *bdev;
	loff_t pos;
	bool fresh;
	sector_t refuse;
	unsigned int asked;
	loff_t bytes;
};

static void disk_submit_bio(struct bio *bio)
{
	struct disk *disk = bio->bi_bdev->bd_disk->private_data;
	size_t at = (size_t)bio->bi_iter.bi_sector << SECTOR_SHIFT;
	bool write = op_is_write(bio_op(bio));
	struct bvec_iter iter;
	struct bio_vec bv;

	if (disk->bad >= at && disk->bad < at + bio->bi_iter.bi_size) {
		bio_set_flag(bio, BIO_QUIET);
		bio_io_error(bio);
		return;
	}
	bio_for_each_segment(bv, bio, iter) {
		size_t sector;

		KUNIT_EXPECT_LE_MSG(disk->test, at + bv.bv_len, disk->size, "at %zu", at);
		if (at + bv.bv_len > disk->size)
			break;
		for (sector = at; sector < at + bv.bv_len; sector += SECTOR_SIZE)
			disk->io[sector >> SECTOR_SHIFT] |= write ? WAS_WRITTEN : WAS_READ;
		if (write)
			memcpy_from_bvec(disk->mem + at, &bv);
		else
			memcpy_to_bvec(&bv, disk->mem + at);
		at += bv.bv_len;
	}
	bio_endio(bio);
}

static const struct block_device_operations disk_fops = {
	.owner		= THIS_MODULE,
	.submit_bio	= disk_submit_bio,
};

static void free_mem(void *mem)
{
	vfree(mem);
}

static void put_gendisk(void *gd)
{
	put_disk(gd);
}

static void drop_gendisk(void *gd)
{
	del_gendisk(gd);
	put_disk(gd);
}

static void close_bdev(void *file)
{
	bdev_fput(file);
	flush_delayed_fput();
}

static u8 *disk_mem(struct kunit *test, size_t size)
{
	u8 *mem = vzalloc(size);

	KUNIT_ASSERT_NOT_NULL(test, mem);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_mem, mem));
	return mem;
}

static struct disk *new_disk(struct kunit *test)
{
	struct disk *disk = kunit_kzalloc(test, sizeof(*disk), GFP_KERNEL);
	struct queue_limits lim = {};
	static atomic_t last = ATOMIC_INIT(0);
	struct gendisk *gd;
	struct file *file;

	KUNIT_ASSERT_NOT_NULL(test, disk);
	disk->test = test;
	disk->size = SKEW + (PAGE_SIZE << FXT_MAX_ORDER) + PAGE_SIZE;
	disk->mem = disk_mem(test, disk->size);
	disk->io = disk_mem(test, disk->size >> SECTOR_SHIFT);
	gd = blk_alloc_disk(&lim, NUMA_NO_NODE);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, gd);
	gd->fops = &disk_fops;
	gd->private_data = disk;
	gd->flags |= GENHD_FL_NO_PART;
	snprintf(gd->disk_name, DISK_NAME_LEN, "foliobuffer%d", atomic_inc_return(&last));
	set_capacity(gd, disk->size >> SECTOR_SHIFT);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, put_gendisk, gd));
	KUNIT_ASSERT_EQ(test, 0, add_disk(gd));
	kunit_remove_action(test, put_gendisk, gd);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, drop_gendisk, gd));
	file = bdev_file_open_by_dev(disk_devt(gd), BLK_OPEN_READ | BLK_OPEN_WRITE, disk, NULL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, close_bdev, file));
	disk->bdev = file_bdev(file);
	return disk;
}

/* Where the file's blocks are: all of them are somewhere. */
static int disk_get_block(struct inode *inode, sector_t block, struct buffer_head *bh, int create)
{
	struct disk *disk = inode->i_private;
	loff_t pos = (loff_t)block << inode->i_blkbits;

	disk->asked++;
	if (block == disk->refuse)
		return -EIO;
	bh->b_bdev = disk->bdev;
	bh->b_blocknr = (pos - disk->pos + SKEW) >> inode->i_blkbits;
	set_buffer_mapped(bh);
	if (create && disk->fresh)
		set_buffer_new(bh);
	if (create)
		disk->bytes = max_t(loff_t, disk->bytes, pos + i_blocksize(inode));
	return 0;
}

static int disk_write_begin(compat_write_ctx ctx, struct address_space *mapping, loff_t pos,
			    unsigned int len, struct folio **foliop, void **fsdata)
{
	struct disk *disk = mapping->host->i_private;

	return cont_write_begin(ctx, mapping, pos, len, foliop, fsdata, disk_get_block,
				&disk->bytes);
}

static int disk_writepages(struct address_space *mapping, struct writeback_control *wbc)
{
	return mpage_writepages(mapping, wbc, disk_get_block);
}

static const struct address_space_operations disk_aops = {
	.writepages		= disk_writepages,
	.dirty_folio		= block_dirty_folio,
	.invalidate_folio	= block_invalidate_folio,
	.is_partially_uptodate	= block_is_partially_uptodate,
	.write_begin		= disk_write_begin,
	.write_end		= generic_write_end,
};

static struct folio_fixture *create_on_disk(struct kunit *test, struct disk **disk)
{
	struct folio_fixture *fx;

	if (!FXT_FIXED)
		kunit_skip(test, "blocks on a disk are for the kernel of the patch series");
	*disk = new_disk(test);
	fx = fxt_create(test, 0, FXT_MAX_ORDER);
	fxt_setup_bdi(fx);
	fxt_mapping(fx)->a_ops = &disk_aops;
	fx->inode.i_private = *disk;
	return fx;
}

/* All block sizes for small folios; of large ones two, in turn. */
#define for_each_blkbits(i, order)					\
	for (i = (order) > 5 ? 2 + ((order) & 1) : 0; i < ARRAY_SIZE(blkbits);	\
	     i += (order) > 5 ? ARRAY_SIZE(blkbits) : 1)

/* As add_folio(); the disk holds what the file has there, and has not been asked. */
static struct folio *add_disk_folio(struct folio_fixture *fx, struct disk *disk, unsigned int bits,
				    unsigned int order, unsigned int state)
{
	struct folio *folio = add_folio(disk->test, fx, bits, order, state);

	memset(disk->io, 0, disk->size >> SECTOR_SHIFT);
	memset(disk->mem, 0x11, SKEW);
	memcpy_from_folio(disk->mem + SKEW, folio, 0, folio_size(folio));
	disk->pos = folio_pos(folio);
	disk->bad = SIZE_MAX;
	disk->fresh = false;
	disk->refuse = ~0ULL;
	disk->asked = 0;
	disk->bytes = 0;
	return folio;
}

/* What no file holds: neither a stamp nor zero. */
static void scribble(struct folio *folio, size_t from)
{
	size_t at;

	for (at = from; at < folio_size(folio);) {
		size_t n = min(PAGE_SIZE - offset_in_page(at), folio_size(folio) - at);
		u8 *bytes = kmap_local_folio(folio, at);

		memset(bytes, 0x22, n);
		kunmap_local(bytes);
		at += n;
	}
}

/* Of the folio's bytes [from, to), and of no other of [0, size), something was done. */
static void expect_io(struct disk *disk, u8 what, size_t from, size_t to, size_t size)
{
	size_t at;

	for (at = 0; at < size; at += SECTOR_SIZE) {
		bool done = disk->io[(SKEW + at) >> SECTOR_SHIFT] & what;

		if (done == (at >= from && at < to))
			continue;
		KUNIT_FAIL(disk->test, "byte %zu of %zu was%s %s, wanted are %zu to %zu", at, size,
			   done ? "" : " not", what == WAS_READ ? "read" : "written", from, to);
		return;
	}
}

/* The buffers of [from, to), and of no other block, have a flag; nobody uses any of them. */
static void expect_buffers(struct kunit *test, struct folio *folio, enum bh_state_bits flag,
			   size_t from, size_t to)
{
	struct buffer_head *head = folio_buffers(folio), *bh = head;

	KUNIT_ASSERT_NOT_NULL(test, head);
	do {
		bool want = bh_offset(bh) >= from && bh_offset(bh) < to;

		if (test_bit(flag, &bh->b_state) == want && !buffer_locked(bh) &&
		    !buffer_async_read(bh) && !buffer_async_write(bh))
			continue;
		KUNIT_FAIL(test, "flag %u of %zu to %zu: block at %lu of %zu has state %lx", flag,
			   from, to, bh_offset(bh), folio_size(folio), bh->b_state);
		break;
	} while ((bh = bh->b_this_page) != head);
}

/* Writing back. */

static int write_folio(struct kunit *test, struct folio *folio, enum writeback_sync_modes mode)
{
	struct writeback_control wbc = { .sync_mode = mode, .nr_to_write = LONG_MAX };

	KUNIT_EXPECT_TRUE(test, folio_clear_dirty_for_io(folio));
	return __block_write_full_folio(folio->mapping->host, folio, disk_get_block, &wbc);
}

/* Up to the block of EOF each is written, once and where it belongs; what follows is zeroed. */
static void write_full_folio_eof(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, e;
	size_t edges[NR_EDGES];
	struct disk *disk;
	struct folio_fixture *fx = create_on_disk(test, &disk);

	for_each_blkbits(i, order) {
		size_t bs = 1 << blkbits[i], size = PAGE_SIZE << order;

		edges_of(bs, size, edges);
		for (e = 0; e < NR_EDGES; e++) {
			size_t eof = edges[e], end = round_up(eof, bs);
			struct folio *folio;
			loff_t pos;

			if (eof > size || (order > 5 && (e + order) % 3))
				continue;
			folio = add_disk_folio(fx, disk, blkbits[i], order, FXT_DIRTY);
			pos = folio_pos(folio);
			memset(disk->mem + SKEW, 0x33, size);
			/* Without a place on disk they are no business of mpage_writepages(). */
			create_empty_buffers(folio, bs, 0);
			folio_unlock(folio);
			i_size_write(&fx->inode, pos + eof);
			KUNIT_EXPECT_EQ(test, 0, filemap_fdatawrite(fxt_mapping(fx)));
			KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
			KUNIT_EXPECT_FALSE(test, folio_test_writeback(folio));
			KUNIT_EXPECT_FALSE(test, folio_test_dirty(folio));
			KUNIT_EXPECT_EQ_MSG(test, disk->asked, end >> blkbits[i], "EOF %zu", eof);
			expect_io(disk, WAS_WRITTEN, 0, end, size);
			fxt_expect_stamped(fx, pos, pos + eof);
			fxt_expect_buffer(fx, disk->mem + SKEW, pos, eof);
			if (eof) {
				fxt_expect_zeroed(fx, pos + eof, pos + size);
				KUNIT_EXPECT_NULL_MSG(test,
						      memchr_inv(disk->mem + SKEW + eof, 0,
								 end - eof),
						      "EOF %zu", eof);
				expect_buffers(test, folio, BH_Mapped, 0, end);
				expect_buffers(test, folio, BH_Dirty, 0, 0);
			}
			folio_put(folio);
		}
	}
}

/*
 * Written is what is dirty and nothing else, and asked for what is dirty and not yet
 * somewhere; who must not wait leaves the block that another has locked, and the folio
 * stays dirty for it.
 */
static void write_full_folio_dirty_blocks(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, step;
	struct disk *disk;
	struct folio_fixture *fx = create_on_disk(test, &disk);

	for_each_blkbits(i, order) {
		size_t bs = 1 << blkbits[i], size = PAGE_SIZE << order;
		const size_t from = round_down(size / 2, bs), to = size;
		struct buffer_head *busy;
		struct folio *folio;

		for (step = 0; step < 2; step++) {
			struct buffer_head *head, *bh;

			folio = add_disk_folio(fx, disk, blkbits[i], order, 0);
			bh = head = create_empty_buffers(folio, bs, 0);
			do {
				loff_t pos = folio_pos(folio) + bh_offset(bh);

				/* The first dirty one has a place on disk, as all clean ones. */
				if (bh_offset(bh) <= from)
					disk_get_block(&fx->inode, pos >> blkbits[i], bh, 0);
				if (bh_offset(bh) >= from)
					mark_buffer_dirty(bh);
			} while ((bh = bh->b_this_page) != head);
			disk->asked = 0;
			KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
			busy = buffer_at(folio, from);
			if (step)
				lock_buffer(busy);
			KUNIT_EXPECT_EQ(test, 0, write_folio(test, folio, step ? WB_SYNC_NONE :
							     WB_SYNC_ALL));
			if (step)
				unlock_buffer(busy);
			KUNIT_EXPECT_EQ(test, disk->asked, (to - from) / bs - 1);
			expect_io(disk, WAS_WRITTEN, step ? from + bs : from, to, size);
			expect_buffers(test, folio, BH_Dirty, from, step ? from + bs : from);
			KUNIT_EXPECT_EQ(test, step, folio_test_dirty(folio));
			KUNIT_EXPECT_FALSE(test, folio_test_writeback(folio));
			KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
			folio_lock(folio);
			put_folio(folio);
		}
	}
}

/* No room for a block: those before it are written, the error is kept, nothing hangs. */
static void write_full_folio_refused(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, k;
	struct disk *disk;
	struct folio_fixture *fx = create_on_disk(test, &disk);

	for_each_blkbits(i, order) {
		size_t bs = 1 << blkbits[i], size = PAGE_SIZE << order;
		const size_t at[] = { 0, round_down(size / 2, bs), size - bs };

		for (k = 0; k < ARRAY_SIZE(at); k++) {
			struct folio *folio = add_disk_folio(fx, disk, blkbits[i], order,
							     FXT_DIRTY);

			disk->refuse = (folio_pos(folio) + at[k]) >> blkbits[i];
			KUNIT_EXPECT_EQ(test, -EIO, write_folio(test, folio, WB_SYNC_ALL));
			KUNIT_EXPECT_EQ(test, -EIO, filemap_check_errors(fxt_mapping(fx)));
			KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
			KUNIT_EXPECT_FALSE(test, folio_test_writeback(folio));
			expect_io(disk, WAS_WRITTEN, 0, at[k], size);
			expect_buffers(test, folio, BH_Dirty, 0, 0);
			folio_lock(folio);
			put_folio(folio);
		}
	}
}

/* Of each block the write's error is the mapping's, and only that block is in doubt. */
static void write_full_folio_error(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	struct disk *disk;
	struct folio_fixture *fx = create_on_disk(test, &disk);

	for_each_blkbits(i, order) {
		size_t bs = 1 << blkbits[i], size = PAGE_SIZE << order;
		const size_t bad = size / 2;
		struct folio *folio = add_disk_folio(fx, disk, blkbits[i], order, FXT_DIRTY);
		struct buffer_head *bh;

		disk->bad = SKEW + bad;
		KUNIT_EXPECT_EQ(test, 0, write_folio(test, folio, WB_SYNC_ALL));
		KUNIT_EXPECT_EQ(test, -EIO, filemap_check_errors(fxt_mapping(fx)));
		KUNIT_EXPECT_FALSE(test, folio_test_writeback(folio));
		bh = buffer_at(folio, bad);
		KUNIT_EXPECT_FALSE(test, buffer_uptodate(bh));
		KUNIT_EXPECT_TRUE(test, buffer_write_io_error(bh));
		if (bs < size)
			KUNIT_EXPECT_FALSE(test, buffer_write_io_error(bh->b_this_page));
		expect_buffers(test, folio, BH_Dirty, 0, 0);
		folio_lock(folio);
		put_folio(folio);
	}
}

/* Reading. */

/*
 * A folio is uptodate, and unlocked, when its last block has come; where one does not
 * come the others are not asked for again.
 */
static void read_full_folio_disk(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, k;
	struct disk *disk;
	struct folio_fixture *fx = create_on_disk(test, &disk);

	for_each_blkbits(i, order) {
		size_t bs = 1 << blkbits[i], size = PAGE_SIZE << order;
		const size_t bads[] = { 0, round_down(size / 2, bs), size - bs };

		for (k = 0; k < ARRAY_SIZE(bads); k++) {
			size_t bad = bads[k];
			struct folio *folio = add_disk_folio(fx, disk, blkbits[i], order,
							     FXT_NOT_UPTODATE);
			loff_t pos = folio_pos(folio);

			scribble(folio, 0);
			disk->bad = SKEW + bad;
			KUNIT_EXPECT_EQ(test, 0, block_read_full_folio(folio, disk_get_block));
			KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
			KUNIT_EXPECT_FALSE(test, folio_test_uptodate(folio));
			KUNIT_EXPECT_FALSE(test, buffer_uptodate(buffer_at(folio, bad)));
			fxt_expect_stamped(fx, pos, pos + bad);
			fxt_expect_stamped(fx, pos + bad + bs, pos + size);
			memset(disk->io, 0, disk->size >> SECTOR_SHIFT);
			disk->bad = SIZE_MAX;
			folio_lock(folio);
			KUNIT_EXPECT_EQ(test, 0, block_read_full_folio(folio, disk_get_block));
			KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
			KUNIT_EXPECT_TRUE(test, folio_test_uptodate(folio));
			expect_io(disk, WAS_READ, bad, bad + bs, size);
			expect_buffers(test, folio, BH_Uptodate, 0, size);
			fxt_expect_stamped(fx, pos, pos + size);
			folio_lock(folio);
			put_folio(folio);
		}
	}
}

/* Writing. */

/* What a write leaves of a block is read before, or zero if the block is new. */
static void write_begin_partial_blocks(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, a, b, fresh;
	size_t edges[NR_EDGES];
	struct disk *disk;
	struct folio_fixture *fx = create_on_disk(test, &disk);

	for_each_blkbits(i, order) {
		size_t bs = 1 << blkbits[i], size = PAGE_SIZE << order;

		edges_of(bs, size, edges);
		for_each_range(a, b, edges, size) {
			size_t from = edges[a], to = edges[b];
			size_t first = round_down(from, bs), last = round_up(to, bs), at;

			for (fresh = 0; fresh < 2; fresh++) {
				struct folio *folio = add_disk_folio(fx, disk, blkbits[i], order,
								     FXT_NOT_UPTODATE), *got;
				loff_t pos = folio_pos(folio) + from;

				scribble(folio, 0);
				put_folio(folio);
				disk->fresh = fresh;
				KUNIT_ASSERT_EQ(test, 0, block_write_begin(fxt_mapping(fx), pos,
									   to - from, &got,
									   disk_get_block));
				KUNIT_ASSERT_PTR_EQ(test, got, folio);
				memcpy_to_folio(folio, from, disk->mem + SKEW + from, to - from);
				if (fresh) {
					fxt_expect_zeroed(fx, pos - from + first, pos);
					fxt_expect_zeroed(fx, pos - from + to, pos - from + last);
				} else {
					fxt_expect_stamped(fx, pos - from + first,
							   pos - from + last);
				}
				for (at = first; at < last; at += bs) {
					bool part = at < from || at + bs > to;
					u8 io = disk->io[(SKEW + at) >> SECTOR_SHIFT];

					KUNIT_EXPECT_EQ_MSG(test, part && !fresh, io == WAS_READ,
							    "block at %zu, %zu to %zu, fresh %u",
							    at, from, to, fresh);
				}
				KUNIT_EXPECT_EQ(test, to - from,
						generic_write_end(NULL, fxt_mapping(fx), pos,
								  to - from, to - from, folio,
								  NULL));
				expect_buffers(test, folio, BH_Dirty, first, last);
				expect_buffers(test, folio, BH_Uptodate, first, last);
				expect_buffers(test, folio, BH_New, 0, 0);
			}
		}
	}
}

/* No room for the last block: the new ones before it hold zeroes, not what was in memory. */
static void write_begin_refused(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	struct disk *disk;
	struct folio_fixture *fx = create_on_disk(test, &disk);

	for_each_blkbits(i, order) {
		size_t bs = 1 << blkbits[i], size = PAGE_SIZE << order;
		struct folio *folio, *got;
		loff_t pos;

		if (bs == size)
			continue;
		folio = add_disk_folio(fx, disk, blkbits[i], order, FXT_NOT_UPTODATE);
		pos = folio_pos(folio);
		scribble(folio, 0);
		put_folio(folio);
		disk->fresh = true;
		disk->refuse = (pos + size - bs) >> blkbits[i];
		KUNIT_EXPECT_EQ(test, -EIO, block_write_begin(fxt_mapping(fx), pos + 1, size - 2,
							      &got, disk_get_block));
		KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
		KUNIT_EXPECT_FALSE(test, folio_test_uptodate(folio));
		KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
		fxt_expect_zeroed(fx, pos, pos + size - bs);
		expect_buffers(test, folio, BH_Dirty, 0, size - bs);
		expect_buffers(test, folio, BH_Uptodate, 0, size - bs);
		expect_buffers(test, folio, BH_New, 0, 0);
	}
}

/* A copy that ends early counts for nothing where the folio is not uptodate, else as it is. */
static void write_end_short_copy(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, uptodate;
	struct disk *disk;
	struct folio_fixture *fx = create_on_disk(test, &disk);

	for_each_blkbits(i, order) {
		size_t bs = 1 << blkbits[i], size = PAGE_SIZE << order, copied = size / 2 + 1;

		for (uptodate = 0; uptodate < 2; uptodate++) {
			struct folio *folio = add_disk_folio(fx, disk, blkbits[i], order,
							     uptodate ? 0 : FXT_NOT_UPTODATE);
			loff_t pos = folio_pos(folio);
			struct folio *got;

			if (!uptodate)
				scribble(folio, 0);
			put_folio(folio);
			i_size_write(&fx->inode, pos);
			disk->fresh = true;
			KUNIT_ASSERT_EQ(test, 0, block_write_begin(fxt_mapping(fx), pos, size, &got,
								   disk_get_block));
			KUNIT_EXPECT_EQ(test, uptodate ? copied : 0,
					generic_write_end(NULL, fxt_mapping(fx), pos, size, copied,
							  folio, NULL));
			KUNIT_EXPECT_EQ(test, pos + (uptodate ? copied : 0),
					i_size_read(&fx->inode));
			KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
			/* Every block has a place on disk now, so what goes there is no secret. */
			if (!uptodate)
				fxt_expect_zeroed(fx, pos, pos + size);
			expect_buffers(test, folio, BH_Dirty, 0, size);
			expect_buffers(test, folio, BH_New, 0, 0);
			KUNIT_EXPECT_TRUE_MSG(test, folio_test_uptodate(folio), "blocks of %zu",
					      bs);
		}
	}
}

/* A write fault makes room for the blocks up to EOF, and is refused behind it. */
static void page_mkwrite_blocks(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, e;
	struct vm_area_struct *vma = kunit_kzalloc(test, sizeof(*vma), GFP_KERNEL);
	struct disk *disk;
	struct folio_fixture *fx = create_on_disk(test, &disk);
	size_t edges[NR_EDGES];

	KUNIT_ASSERT_NOT_NULL(test, vma);
	vma->vm_file = fxt_file(fx);
	for_each_blkbits(i, order) {
		size_t bs = 1 << blkbits[i], size = PAGE_SIZE << order;

		edges_of(bs, size, edges);
		for (e = 0; e < NR_EDGES; e++) {
			size_t eof = edges[e];
			struct folio *folio;
			struct vm_fault vmf = { .vma = vma };

			if (eof > size)
				continue;
			folio = add_disk_folio(fx, disk, blkbits[i], order, 0);
			folio_unlock(folio);
			vmf.page = folio_page(folio, (folio_nr_pages(folio) - 1) * (e & 1));
			i_size_write(&fx->inode, folio_pos(folio) + eof);
			KUNIT_EXPECT_EQ_MSG(test, eof ? 0 : -EFAULT,
					    block_page_mkwrite(vma, &vmf, disk_get_block),
					    "EOF %zu", eof);
			KUNIT_EXPECT_EQ(test, eof > 0, folio_test_locked(folio));
			KUNIT_EXPECT_EQ(test, eof > 0, folio_test_dirty(folio));
			KUNIT_EXPECT_EQ_MSG(test, disk->asked, round_up(eof, bs) / bs,
					    "EOF %zu", eof);
			if (eof) {
				expect_buffers(test, folio, BH_Mapped, 0, eof);
				folio_unlock(folio);
			}
			truncate_inode_pages(fxt_mapping(fx), 0);
			i_size_write(&fx->inode, FXT_POS(FIRST_PAGE) + size);
			KUNIT_EXPECT_EQ(test, -EFAULT,
					block_page_mkwrite(vma, &vmf, disk_get_block));
			KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
			folio_put(folio);
		}
	}
}

/* Files without holes: what lies between the old EOF and the new one is zeroed, there. */
static void cont_expand_zeroes_gap(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, a, b;
	size_t edges[NR_EDGES];
	struct disk *disk;
	struct folio_fixture *fx = create_on_disk(test, &disk);

	for_each_blkbits(i, order) {
		size_t bs = 1 << blkbits[i], size = PAGE_SIZE << order;

		edges_of(bs, size, edges);
		for_each_range(a, b, edges, size) {
			size_t from = edges[a], to = edges[b];
			struct folio *folio = add_disk_folio(fx, disk, blkbits[i], order, 0);
			loff_t pos = folio_pos(folio);

			/* A write at the end of the folio would go on in the next. */
			if (to == size) {
				put_folio(folio);
				continue;
			}
			scribble(folio, from);
			put_folio(folio);
			i_size_write(&fx->inode, pos + from);
			disk->bytes = pos + from;
			KUNIT_EXPECT_EQ_MSG(test, 0,
					    generic_cont_expand_simple(&fx->inode, pos + to),
					    "%zu to %zu of %zu", from, to, size);
			KUNIT_EXPECT_EQ(test, pos + (loff_t)to, i_size_read(&fx->inode));
			KUNIT_EXPECT_GE(test, disk->bytes, pos + (loff_t)to);
			fxt_expect_stamped(fx, pos, pos + from);
			fxt_expect_zeroed(fx, pos + from, pos + to);
			expect_buffers(test, folio, BH_Mapped, round_down(from, bs),
				       round_up(to, bs));
		}
	}
}

/* Letting go. */

/* Buffers that were cleaned one by one leave a folio that is clean too, and counted so. */
static void free_buffers_cleans_folio(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct disk *disk;
	struct folio_fixture *fx = create_on_disk(test, &disk);
	struct percpu_counter *dirty = &inode_to_bdi(&fx->inode)->wb.stat[WB_RECLAIMABLE];
	struct folio *folio = add_disk_folio(fx, disk, blkbits[0], order, 0);

	create_empty_buffers(folio, 1 << blkbits[0], 0);
	/* As one who dirties blocks does, and then writes them by hand. */
	KUNIT_EXPECT_TRUE(test, filemap_dirty_folio(fxt_mapping(fx), folio));
	KUNIT_EXPECT_EQ(test, 1L << order, percpu_counter_sum(dirty));
	folio_start_writeback(folio);
	KUNIT_EXPECT_FALSE_MSG(test, try_to_free_buffers(folio), "under writeback");
	folio_end_writeback(folio);
	KUNIT_EXPECT_TRUE(test, folio_test_private(folio));
	KUNIT_EXPECT_TRUE(test, try_to_free_buffers(folio));
	KUNIT_EXPECT_FALSE(test, folio_test_private(folio));
	KUNIT_EXPECT_FALSE(test, folio_test_dirty(folio));
	KUNIT_EXPECT_EQ(test, 0, percpu_counter_sum(dirty));
	put_folio(folio);
}

/* Buffers go with their folio, each to the same place in the new one, or all stay. */
static void migrate_buffers_follow(struct kunit *test)
{
#if defined(CONFIG_MIGRATION) && FXT_FIXED
	unsigned int order = fxt_order(test), i;
	struct disk *disk;
	struct folio_fixture *fx = create_on_disk(test, &disk);
	struct address_space *mapping = fxt_mapping(fx);

	for_each_blkbits(i, order) {
		size_t bs = 1 << blkbits[i], size = PAGE_SIZE << order, at = 0;
		struct folio *src = add_disk_folio(fx, disk, blkbits[i], order, 0);
		struct folio *dst = folio_alloc(GFP_HIGHUSER_MOVABLE, order);
		struct buffer_head *head = create_empty_buffers(src, bs, 0), *bh;
		loff_t pos = folio_pos(src);

		KUNIT_ASSERT_NOT_NULL(test, dst);
		fxt_drain_lru();
		KUNIT_ASSERT_TRUE(test, folio_isolate_lru(src));
		folio_put(src);
		folio_lock(dst);
		bh = buffer_at(src, size - 1);
		lock_buffer(bh);
		KUNIT_EXPECT_EQ(test, -EAGAIN,
				buffer_migrate_folio(mapping, dst, src, MIGRATE_ASYNC));
		unlock_buffer(bh);
		expect_buffers(test, src, BH_Uptodate, 0, size);
		KUNIT_EXPECT_PTR_EQ(test, src, xa_load(&mapping->i_pages, src->index));
		KUNIT_ASSERT_EQ(test, 0, buffer_migrate_folio(mapping, dst, src, MIGRATE_SYNC));
		KUNIT_EXPECT_PTR_EQ(test, head, folio_buffers(dst));
		KUNIT_EXPECT_FALSE(test, folio_test_private(src));
		bh = head;
		do {
			if (bh->b_folio != dst || bh_offset(bh) != at || bh->b_size != bs)
				break;
			at += bs;
		} while ((bh = bh->b_this_page) != head);
		KUNIT_EXPECT_EQ_MSG(test, at, size, "blocks of %zu", bs);
		expect_buffers(test, dst, BH_Uptodate, 0, size);
		fxt_expect_stamped(fx, pos, pos + size);
		KUNIT_EXPECT_EQ(test, folio_ref_count(src), 1);
		KUNIT_EXPECT_EQ(test, folio_ref_count(dst), folio_nr_pages(dst) + 2);
		/* What the migration core does with the empty source. */
		src->mapping = NULL;
		put_folio(src);
		put_folio(dst);
	}
#else
	kunit_skip(test, "needs CONFIG_MIGRATION and the KUnit exports of the patch series");
#endif
}

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

static struct kunit_case buffer_disk_cases[] = {
	KUNIT_CASE_PARAM_ATTR(write_full_folio_eof, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(write_full_folio_dirty_blocks, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(write_full_folio_refused, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(write_full_folio_error, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(read_full_folio_disk, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(write_begin_partial_blocks, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(write_begin_refused, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(write_end_short_copy, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(page_mkwrite_blocks, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(cont_expand_zeroes_gap, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(free_buffers_cleans_folio, order_gen_params),
	KUNIT_CASE_PARAM(migrate_buffers_follow, order_gen_params),
	{}
};

static struct kunit_suite buffer_disk_suite = {
	.name = "mm_buffer_disk",
	.init = fxt_stay_on_cpu,
	.test_cases = buffer_disk_cases,
};

kunit_test_suite(buffer_disk_suite);

MODULE_DESCRIPTION("KUnit suite of buffer heads on large folios, and a disk");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
