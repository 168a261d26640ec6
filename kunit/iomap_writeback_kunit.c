// SPDX-License-Identifier: GPL-2.0
/*
 * mm_iomap_writeback: which blocks iomap writes back, in how many requests, when the
 * folio's writeback ends, and what is left when it fails; and, in cases of random
 * operations, that what goes out is exactly what was changed. iomap_write_kunit.c has
 * the writes.
 */
#include <linux/bitmap.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/workqueue.h>
#include <linux/writeback.h>

#include "iomap_model.h"

/* The blocks that a write made dirty. */
static void dirty_blocks(struct iom_fs *fs, unsigned long *dirty, loff_t from, loff_t to)
{
	size_t bs = iom_blocksize(fs), first = (size_t)(from - fs->base) / bs;

	bitmap_set(dirty, first, DIV_ROUND_UP((size_t)(to - fs->base), bs) - first);
}

/* EOF anywhere: what lies past it is zeroed and stays at home. */
static void writeback_eof(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, e;
	struct iom_fs *fs = iom_create_two(test, order, 0);
	size_t edges[NR_EDGES];

	iom_for_each_blkbits(i, order) {
		size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order;

		edges_of(bs, size, edges);
		for (e = 0; e < NR_EDGES; e++) {
			size_t eof = edges[e];
			struct folio *folio;
			loff_t pos;

			if (eof > size)
				continue;
			iom_reset(fs, iom_blkbits[i]);
			KUNIT_ASSERT_EQ(test, iom_write(fs, fs->base, bs, 0), bs);
			folio = iom_add_one(fs, order, true);
			pos = folio_pos(folio);
			iom_read_folio(fs, folio);
			folio_mark_dirty(folio);
			i_size_write(&fs->fx->inode, pos + eof);
			iom_write_back(fs);
			KUNIT_EXPECT_FALSE(test, folio_test_writeback(folio));
			KUNIT_EXPECT_TRUE(test, iom_asked(fs, IOM_WRITE, fs->base));
			KUNIT_EXPECT_EQ_MSG(test, fs->written_folios, 1 + !!eof, "EOF %zu", eof);
			for (; eof && pos < folio_pos(folio) + round_up(eof, bs); pos += bs)
				if (!iom_asked(fs, IOM_WRITE, pos))
					break;
			KUNIT_EXPECT_EQ_MSG(test, pos - folio_pos(folio), round_up(eof, bs),
					    "not written; EOF %zu", eof);
			for (; pos < folio_pos(folio) + size; pos += bs)
				if (iom_asked(fs, IOM_WRITE, pos))
					break;
			KUNIT_EXPECT_EQ_MSG(test, pos - folio_pos(folio), size,
					    "written past EOF %zu", eof);
			pos = folio_pos(folio);
			if (eof) {
				iom_expect_cache(fs, pos, pos + eof);
				iom_model_zeroes(fs, pos + eof, pos + size);
				iom_expect_cache(fs, pos, pos + size);
				iom_expect_disk(fs, pos, pos + round_up(eof, bs));
			}
			iom_done(fs, folio);
		}
	}
}

/* Runs of dirty blocks, clean ones between: each run goes out, in pieces or whole. */
static void writeback_dirty_runs(struct kunit *test)
{
	static const u16 masks[] = { 0x01, 0x80, 0x81, 0x55, 0xaa, 0x66, 0x7e, 0xdb, 0xfe, 0x7f };
	unsigned int order = fxt_order(test), i, m, k;
	struct iom_fs *fs = iom_create_two(test, order, 0);
	unsigned long *want = iom_bitmap(fs);

	iom_for_each_blkbits(i, order) {
		size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order, unit = size / 8;

		if (unit < bs)
			continue;
		for (m = 0; m < ARRAY_SIZE(masks); m++) {
			struct folio *folio;
			unsigned int runs;
			loff_t pos;

			iom_reset(fs, iom_blkbits[i]);
			bitmap_zero(want, fs->size >> SECTOR_SHIFT);
			folio = iom_add_one(fs, order, true);
			pos = folio_pos(folio);
			if (m & 1)
				iom_read_folio(fs, folio);
			for (k = 0; k < 8; k++) {
				if (!(masks[m] & 1 << k))
					continue;
				KUNIT_ASSERT_EQ(test, iom_write(fs, pos + k * unit, unit, 0), unit);
				dirty_blocks(fs, want, pos + k * unit, pos + (k + 1) * unit);
			}
			if (m % 3 == 2)
				fs->max_write = bs * max_t(size_t, 1, size / bs / 64);
			iom_write_back(fs);
			iom_expect_asked_map(fs, IOM_WRITE, want, pos, pos + size);
			runs = hweight8(masks[m] & ~(masks[m] << 1));
			if (!fs->max_write)
				KUNIT_EXPECT_EQ_MSG(test, iom_count(fs, IOM_WRITE), runs,
						    "mask %x", masks[m]);
			KUNIT_EXPECT_EQ(test, fs->written_folios, 1);
			iom_expect_disk(fs, fs->base, fs->base + fs->size);
			iom_done(fs, folio);
		}
	}
}

/* The folio is under writeback until its last byte is on disk, and then no longer. */
static void writeback_ends_once(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, all;
	struct iom_fs *fs = iom_create_two(test, order, 0);

	iom_for_each_blkbits(i, order) {
		for (all = 0; all < 2; all++) {
			size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order, at;
			struct xarray *pages = &iom_mapping(fs)->i_pages;
			struct folio *folio;
			loff_t pos;

			iom_reset(fs, iom_blkbits[i]);
			folio = iom_add_one(fs, order, true);
			pos = folio_pos(folio);
			iom_read_folio(fs, folio);
			for (at = 0; at < size; at += max(2 * bs, size / 16))
				KUNIT_ASSERT_EQ(test, iom_write(fs, pos + at, bs, 0), bs);
			if (all)
				folio_mark_dirty(folio);
			fs->defer = true;
			fs->max_write = max(bs, size / 16);
			KUNIT_EXPECT_EQ(test, 0, filemap_fdatawrite(iom_mapping(fs)));
			KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
			KUNIT_EXPECT_GE(test, fs->nr_pending, 1);
			while (fs->nr_pending) {
				KUNIT_EXPECT_TRUE_MSG(test, folio_test_writeback(folio),
						      "%u pending", fs->nr_pending);
				KUNIT_EXPECT_TRUE(test, xa_get_mark(pages, folio->index,
								    PAGECACHE_TAG_WRITEBACK));
				iom_complete(fs, fs->nr_pending / 2, bs);
			}
			KUNIT_EXPECT_FALSE(test, folio_test_writeback(folio));
			KUNIT_EXPECT_FALSE(test, xa_get_mark(pages, folio->index,
							     PAGECACHE_TAG_WRITEBACK));
			iom_expect_disk(fs, fs->base, fs->base + fs->size);
			iom_done(fs, folio);
		}
	}
}

/* A write dirties what is under writeback again: only the new blocks go out next. */
static void writeback_redirtied(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	struct iom_fs *fs = iom_create_two(test, order, 0);

	iom_for_each_blkbits(i, order) {
		size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order;
		struct folio *folio;
		loff_t pos;

		iom_reset(fs, iom_blkbits[i]);
		folio = iom_add_one(fs, order, true);
		pos = folio_pos(folio);
		iom_read_folio(fs, folio);
		KUNIT_ASSERT_EQ(test, iom_write(fs, pos, bs, 0), bs);
		fs->defer = true;
		KUNIT_EXPECT_EQ(test, 0, filemap_fdatawrite(iom_mapping(fs)));
		KUNIT_EXPECT_TRUE(test, folio_test_writeback(folio));
		KUNIT_ASSERT_EQ(test, iom_write(fs, pos + size - 1, 1, 0), 1);
		fs->defer = false;
		while (fs->nr_pending)
			iom_complete(fs, 0, 0);
		KUNIT_EXPECT_FALSE(test, folio_test_writeback(folio));
		KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
		iom_write_back(fs);
		iom_expect_asked(fs, IOM_WRITE, pos + size - bs, pos + size);
		iom_expect_disk(fs, fs->base, fs->base + fs->size);
		iom_done(fs, folio);
	}
}

/* An error is told once; the folio is neither dirty nor under writeback for ever. */
static void writeback_error(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, which;
	struct iom_fs *fs = iom_create_two(test, order, 0);

	iom_for_each_blkbits(i, order) {
		for (which = 0; which < 6; which++) {
			size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order;
			struct folio *folio[2];
			errseq_t since;

			iom_reset(fs, iom_blkbits[i]);
			folio[0] = iom_add_one(fs, order, false);
			folio[1] = iom_add_one(fs, order, true);
			KUNIT_ASSERT_EQ(test, iom_write(fs, fs->base, fs->size, 0), fs->size);
			/* An error that nobody has seen would be taken for this one's. */
			iom_mapping(fs)->wb_err = 0;
			since = filemap_sample_wb_err(iom_mapping(fs));
			/* The first byte, one in the middle or the last: taken, or refused. */
			fs->bad_from = fs->base + min(which / 2 * size / 2, size - 1);
			fs->bad_to = fs->bad_from + 1;
			/* Unfixed, 32 bits take a refusal for too large a success. */
			fs->refuse = (IS_ENABLED(CONFIG_64BIT) || FXT_FIXED) && which & 1;
			fs->max_write = max(bs, size / 8);
			KUNIT_EXPECT_EQ_MSG(test, -EIO, filemap_write_and_wait(iom_mapping(fs)),
					    "blocks of %zu, %u", bs, which);
			KUNIT_EXPECT_EQ(test, -EIO, filemap_check_wb_err(iom_mapping(fs), since));
			KUNIT_EXPECT_EQ(test, 0, filemap_write_and_wait(iom_mapping(fs)));
			KUNIT_EXPECT_FALSE(test, folio_test_dirty(folio[0]));
			KUNIT_EXPECT_FALSE(test, folio_test_writeback(folio[0]));
			KUNIT_EXPECT_FALSE(test, folio_test_locked(folio[0]));
			KUNIT_EXPECT_TRUE(test, folio_test_uptodate(folio[0]));
			iom_expect_cache(fs, fs->base, fs->base + fs->size);
			/* The other folio is none the worse. */
			iom_expect_disk(fs, fs->base + size, fs->base + fs->size);
			fs->bad_to = 0;
			folio_mark_dirty(folio[0]);
			iom_write_back(fs);
			iom_expect_asked(fs, IOM_WRITE, fs->base, fs->base + size);
			iom_expect_disk(fs, fs->base, fs->base + fs->size);
			iom_done(fs, folio[0]);
			iom_done(fs, folio[1]);
		}
	}
}

/* Dirty blocks that the filesystem has no place for: skipped, and the folio ends. */
static void writeback_hole(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, part;
	struct iom_fs *fs = iom_create_two(test, order, 0);

	iom_for_each_blkbits(i, order) {
		for (part = 0; part < 2; part++) {
			size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order;
			size_t half = part ? size / 2 : 0;
			struct folio *folio;
			loff_t pos;

			if (part && half < bs)
				continue;
			iom_reset(fs, iom_blkbits[i]);
			folio = iom_add_one(fs, order, true);
			pos = folio_pos(folio);
			KUNIT_ASSERT_EQ(test, iom_write(fs, pos, size, 0), size);
			iom_map(fs, pos + half, pos + size, IOMAP_HOLE, 0);
			iom_write_back(fs);
			iom_expect_asked(fs, IOM_WRITE, pos, pos + half);
			KUNIT_EXPECT_EQ(test, fs->written_folios, part);
			KUNIT_EXPECT_FALSE(test, folio_test_writeback(folio));
			KUNIT_EXPECT_FALSE(test, folio_test_dirty(folio));
			iom_done(fs, folio);
		}
	}
}

/* Bytes that follow one another in the file and on disk go out together, others not. */
static void ioend_merges_neighbours(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, k;
	struct iom_fs *fs = iom_create_two(test, order, order);

	iom_for_each_blkbits(i, order) {
		size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order;
		loff_t mid = fs->base + size, end = mid + size;
		const struct {
			loff_t from, to;	/* what is dirty */
			loff_t map_from;	/* from here to the end */
			unsigned int type, flags;
			loff_t eof;
			unsigned int want;
		} rounds[] = {
			/* All; a part across both folios; the last and the first block. */
			{ fs->base, end, end, IOMAP_MAPPED, 0, end, 1 },
			{ mid - bs, mid + bs, end, IOMAP_MAPPED, 0, end, 1 },
			{ fs->base, end, mid, IOMAP_UNWRITTEN, 0, end, 2 },
			{ fs->base, end, mid, IOMAP_MAPPED, IOMAP_F_SHARED, end, 2 },
			{ fs->base, end, mid, IOMAP_MAPPED, IOMAP_F_BOUNDARY, end, 2 },
			{ fs->base, end, end - bs, IOMAP_UNWRITTEN, 0, end, 2 },
			{ fs->base, end, mid, IOMAP_HOLE, 0, end, 1 },
			/* The file ends in the block, and so does what is told of it. */
			{ fs->base, end, end, IOMAP_MAPPED, 0, mid + 1, 1 },
			{ fs->base, end, end, IOMAP_MAPPED, 0, end - 1, 1 },
			{ fs->base, end, end, IOMAP_MAPPED, 0, mid - 1, 1 },
		};

		for (k = 0; k < ARRAY_SIZE(rounds); k++) {
			loff_t last = min(rounds[k].to, rounds[k].eof), f;
			const struct iom_io *io = NULL;
			struct folio *folio;
			u64 told = 0;
			unsigned int n;

			iom_reset(fs, iom_blkbits[i]);
			fs->ioend = true;
			cache_folio(fs, fs->base, order);
			cache_folio(fs, mid, order);
			f = rounds[k].from;
			KUNIT_ASSERT_EQ(test, iom_write(fs, f, rounds[k].to - f, 0),
					rounds[k].to - f);
			i_size_write(&fs->fx->inode, rounds[k].eof);
			iom_map(fs, rounds[k].map_from, end, rounds[k].type, rounds[k].flags);
			iom_write_back(fs);
			KUNIT_EXPECT_EQ_MSG(test, iom_count(fs, IOM_WRITE), rounds[k].want,
					    "round %u, blocks of %zu", k, bs);
			if (rounds[k].type == IOMAP_HOLE)
				last = rounds[k].map_from;
			iom_expect_asked(fs, IOM_WRITE, f, round_up(last, bs));
			iom_model_zeroes(fs, last, round_up(last, bs));
			iom_expect_disk(fs, f, round_up(last, bs));
			while ((io = iom_next_io(fs, IOM_SUBMIT_WRITE, io)))
				told += io->len;
			KUNIT_EXPECT_EQ_MSG(test, told, last - f, "round %u, blocks of %zu", k, bs);
			for (n = 0; n < 2; n++) {
				folio = filemap_get_folio(iom_mapping(fs),
							  (fs->base + n * size) >> PAGE_SHIFT);
				KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
				KUNIT_EXPECT_FALSE(test, folio_test_dirty(folio));
				iom_done(fs, folio);
			}
		}
	}
}

/* An error that comes with the end of the I/O is kept for whoever asks later. */
static void ioend_error_is_kept(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	struct iom_fs *fs = iom_create_two(test, order, 0);

	iom_for_each_blkbits(i, order) {
		errseq_t since;

		iom_reset(fs, iom_blkbits[i]);
		fs->ioend = true;
		KUNIT_ASSERT_EQ(test, iom_write(fs, fs->base, fs->size, 0), fs->size);
		iom_mapping(fs)->wb_err = 0;
		since = filemap_sample_wb_err(iom_mapping(fs));
		fs->bad_from = fs->base + fs->size / 2;
		fs->bad_to = fs->bad_from + 1;
		KUNIT_EXPECT_EQ(test, -EIO, filemap_write_and_wait(iom_mapping(fs)));
		KUNIT_EXPECT_EQ_MSG(test, -EIO, filemap_check_wb_err(iom_mapping(fs), since),
				    "order %u, blocks of %u", order, 1 << iom_blkbits[i]);
		KUNIT_EXPECT_FALSE(test, mapping_tagged(iom_mapping(fs), PAGECACHE_TAG_WRITEBACK));
		fs->bad_to = 0;
	}
}

static void end_pending(struct iom_fs *fs)
{
	fs->defer = false;
	while (fs->nr_pending)
		iom_complete(fs, 0, 0);
}

/* Who writes and wants nothing cached gets that: when it is on disk it is gone, and it alone. */
static void write_dontcache_leaves(struct kunit *test)
{
#ifdef IOCB_DONTCACHE
	unsigned int order = fxt_order(test), i;
	struct iom_fs *fs = iom_create_two(test, order, 0);
	const size_t size = PAGE_SIZE << order;
	const struct fxt_range first = { fs->base >> PAGE_SHIFT, order };
	const pgoff_t second = first.index + (1UL << order);

	iom_for_each_blkbits(i, order) {
		struct xarray *pages = &iom_mapping(fs)->i_pages;
		struct folio *folio;

		iom_reset(fs, iom_blkbits[i]);
		KUNIT_ASSERT_EQ(test, iom_write(fs, fs->base, size, 0), size);
		KUNIT_ASSERT_EQ(test, iom_write(fs, fs->base + size, size, IOCB_DONTCACHE), size);
		/* Not by a lookup: who looks for it wants it cached. */
		folio = xa_load(pages, first.index);
		KUNIT_ASSERT_NOT_NULL(test, folio);
		KUNIT_EXPECT_FALSE(test, folio_test_dropbehind(folio));
		folio = xa_load(pages, second);
		KUNIT_ASSERT_NOT_NULL(test, folio);
		KUNIT_ASSERT_EQ(test, order, folio_order(folio));
		KUNIT_EXPECT_TRUE(test, folio_test_dropbehind(folio));
		fxt_drain_lru();
		fs->defer = true;
		KUNIT_EXPECT_EQ(test, 0, filemap_fdatawrite(iom_mapping(fs)));
		KUNIT_EXPECT_PTR_EQ(test, folio, xa_load(pages, second));
		end_pending(fs);
		fxt_expect_layout(fs->fx, &first, 1);
		iom_expect_disk(fs, fs->base, fs->base + fs->size);
	}
#else
	kunit_skip(test, "this kernel has no IOCB_DONTCACHE");
#endif
}

#if COMPAT_IOMAP_OPS && IS_ENABLED(CONFIG_FS_IOMAP)
/* A hole, and from byte @bad_from on what the inode itself has of the file. */
static int tail_begin(struct inode *inode, loff_t pos, loff_t length, unsigned int flags,
		      struct iomap *iomap, struct iomap *srcmap)
{
	struct iom_fs *fs = inode->i_private;
	loff_t tail = fs->base + fs->bad_from, end = fs->base + fs->size;

	iomap->type = pos < tail ? IOMAP_HOLE : IOMAP_INLINE;
	iomap->offset = pos < tail ? fs->base : tail;
	iomap->length = (pos < tail ? tail : end) - iomap->offset;
	iomap->addr = IOMAP_NULL_ADDR;
	iomap->inline_data = pos < tail ? NULL : fs->disk + fs->bad_from;
	return 0;
}

static const struct iomap_ops tail_ops = {
	.iomap_begin	= tail_begin,
};

/* The end of a file that the inode has goes where it belongs, with zeroes behind it. */
static void read_folio_inline_tail(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, t, l;
	const size_t size = PAGE_SIZE << order;
	struct iom_fs *fs = iom_create(test, 0, IOM_MAX_ORDER, SZ_4G, size);

	iom_for_each_blkbits(i, order) {
		const size_t bs = 1 << iom_blkbits[i];
		const size_t tails[] = { bs, round_down(size / 2, bs), size - bs };
		const size_t lens[] = { 1, bs / 2 + 1, bs };

		for (t = 0; bs < size && t < ARRAY_SIZE(tails); t++) {
			for (l = 0; l < ARRAY_SIZE(lens); l++) {
				loff_t eof = fs->base + tails[t] + lens[l];
				struct iomap_read_folio_ctx ctx = {};
				struct folio *folio;

				iom_reset(fs, iom_blkbits[i]);
				/* Not an error here: only where the tail begins. */
				fs->bad_from = tails[t];
				i_size_write(&fs->fx->inode, eof);
				iom_model_zeroes(fs, fs->base, fs->base + tails[t]);
				iom_model_zeroes(fs, eof, fs->base + size);
				folio = iom_add_folio(fs, fs->base, order);
				folio_lock(folio);
				ctx.cur_folio = folio;
				iomap_read_folio(&tail_ops, &ctx, NULL);
				KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
				KUNIT_EXPECT_TRUE_MSG(test, folio_test_uptodate(folio),
						      "tail at %zu, blocks of %zu", tails[t], bs);
				iom_expect_cache(fs, fs->base, fs->base + size);
				fs->bad_from = 0;
				iom_done(fs, folio);
			}
		}
	}
}
#else
static void read_folio_inline_tail(struct kunit *test)
{
	kunit_skip(test, "needs CONFIG_FS_IOMAP and iomap's operations of 7.3");
}
#endif

/* The I/O that ends a little later. */
struct iom_ender {
	struct delayed_work work;
	struct iom_fs *fs;
	bool done;
};

static void complete_later(struct work_struct *work)
{
	struct iom_ender *ender = container_of(to_delayed_work(work), struct iom_ender, work);

	WRITE_ONCE(ender->done, true);
	end_pending(ender->fs);
}

/* Who wants to write to a page waits where data must not change while they are written. */
static void mkwrite_waits_if_stable(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, stable;
	struct iom_fs *fs = iom_create_two(test, order, 0);
	struct iom_ender *ender = kunit_kzalloc(test, sizeof(*ender), GFP_KERNEL);
	const size_t size = PAGE_SIZE << order;

	KUNIT_ASSERT_NOT_NULL(test, ender);
	ender->fs = fs;
	INIT_DELAYED_WORK(&ender->work, complete_later);
	iom_for_each_blkbits(i, order) {
		struct folio *folio;

		iom_reset(fs, iom_blkbits[i]);
		KUNIT_ASSERT_EQ(test, iom_write(fs, fs->base, size, 0), size);
		folio = filemap_get_folio(iom_mapping(fs), fs->base >> PAGE_SHIFT);
		KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
		KUNIT_ASSERT_EQ(test, order, folio_order(folio));
		for (stable = 0; stable < 2; stable++) {
			fs->defer = true;
			ender->done = false;
			KUNIT_EXPECT_EQ(test, 0, filemap_fdatawrite(iom_mapping(fs)));
			KUNIT_ASSERT_TRUE(test, folio_test_writeback(folio));
			if (stable) {
				mapping_set_stable_writes(iom_mapping(fs));
				schedule_delayed_work(&ender->work, HZ / 50);
			}
			KUNIT_EXPECT_EQ(test, VM_FAULT_LOCKED,
					iom_mkwrite(fs, folio_page(folio, (1UL << order) - 1)));
			KUNIT_EXPECT_EQ(test, stable, READ_ONCE(ender->done));
			KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
			flush_delayed_work(&ender->work);
			KUNIT_EXPECT_EQ(test, !stable, folio_test_writeback(folio));
			folio_unlock(folio);
			end_pending(fs);
			mapping_clear_stable_writes(iom_mapping(fs));
		}
		iom_write_back(fs);
		iom_done(fs, folio);
	}
}

/* All of it together. */

#define RANDOM_PAGES	64

static const struct iom_random_param {
	char desc[16];
	unsigned int blkbits;
	unsigned int max_order;
} random_params[] = {
	{ "bs=page/8", PAGE_SHIFT - 3, 4 }, { "bs=page/4", PAGE_SHIFT - 2, 2 },
	{ "bs=page/2", PAGE_SHIFT - 1, 6 }, { "bs=page", PAGE_SHIFT, 5 },
};

KUNIT_ARRAY_PARAM_DESC(random, random_params, desc);

/* The blocks that zeroing made dirty: all but holes. */
static void zeroed_blocks(struct iom_fs *fs, unsigned long *dirty, loff_t from, loff_t to)
{
	size_t bs = iom_blocksize(fs);
	loff_t pos;

	for (pos = round_down(from, bs); pos < to; pos += bs)
		if (fs->type[iom_sector(fs, pos)] != IOMAP_HOLE)
			dirty_blocks(fs, dirty, pos, pos + bs);
}

/*
 * Writes, zeroing, truncates, reads, writeback and eviction in any order: the
 * cache always holds what the model says, the disk does after writeback, and
 * exactly the blocks that were changed since the last are written.
 */
static void random_operations(struct kunit *test)
{
	const struct iom_random_param *param = test->param_value;
	struct iom_fs *fs = iom_create(test, 0, min_t(unsigned int, param->max_order,
						      IOM_MAX_ORDER),
				       SZ_4G - RANDOM_PAGES / 2 * PAGE_SIZE,
				       RANDOM_PAGES * PAGE_SIZE);
	unsigned long *dirty = iom_bitmap(fs);
	loff_t base = fs->base, eof = base + fs->size;
	struct rnd_state rnd;
	unsigned int step;

	iom_reset(fs, param->blkbits);
	fs->ioend = param->blkbits & 1;
	fs->batch = param->blkbits & 2;
	prandom_seed_state(&rnd, fxt_seed(test));
	for (step = 0; step < 600; step++) {
		u32 what = prandom_u32_state(&rnd) % 16;
		loff_t pos = base + prandom_u32_state(&rnd) % fs->size;
		size_t bs = iom_blocksize(fs), first;
		size_t len = prandom_u32_state(&rnd) % (what & 1 ? 3 * bs : fs->size / 3) + 1;

		len = min_t(loff_t, len, base + fs->size - pos);
		iom_forget(fs);
		if (what < 7) {
			/* What a filesystem does first, when it writes past EOF. */
			if (pos > eof)
				KUNIT_EXPECT_EQ(test, 0, iom_zero_range(fs, eof, pos - eof, NULL));
			if (pos > eof)
				zeroed_blocks(fs, dirty, eof, pos);
			KUNIT_EXPECT_EQ_MSG(test, iom_write(fs, pos, len, 0), len, "step %u", step);
			dirty_blocks(fs, dirty, pos, pos + len);
			eof = max_t(loff_t, eof, pos + len);
		} else if (what < 9 && pos < eof) {
			len = min_t(loff_t, len, eof - pos);
			KUNIT_EXPECT_EQ(test, 0, iom_zero_range(fs, pos, len, NULL));
			iom_model_zeroes(fs, pos, pos + len);
			zeroed_blocks(fs, dirty, pos, pos + len);
		} else if (what == 9 && pos < eof) {
			KUNIT_EXPECT_EQ(test, 0, iom_truncate_page(fs, pos, NULL));
			if (pos & (bs - 1))
				zeroed_blocks(fs, dirty, pos, pos + 1);
			iom_model_zeroes(fs, pos, base + fs->size);
			truncate_setsize(&fs->fx->inode, pos);
			eof = pos;
			first = DIV_ROUND_UP((size_t)(eof - base), bs);
			bitmap_clear(dirty, first, (fs->size >> SECTOR_SHIFT) - first);
			iom_map(fs, base + first * bs, base + fs->size, IOMAP_HOLE, 0);
			memset(fs->disk + first * bs, 0, fs->size - first * bs);
		} else if (what == 10) {
			invalidate_mapping_pages(iom_mapping(fs), pos >> PAGE_SHIFT,
						 (pos + len) >> PAGE_SHIFT);
		} else if (what < 13) {
			iom_write_back(fs);
			iom_expect_asked_map(fs, IOM_WRITE, dirty, base, base + fs->size);
			bitmap_zero(dirty, fs->size >> SECTOR_SHIFT);
			iom_expect_disk(fs, base, eof);
		} else if (pos < eof) {
			len = min_t(loff_t, len, eof - pos);
			KUNIT_EXPECT_EQ(test, kernel_read(fxt_file(fs->fx), fs->buf, len, &pos),
					len);
			iom_expect_cache(fs, pos - len, pos);
		}
		KUNIT_EXPECT_EQ_MSG(test, i_size_read(&fs->fx->inode), eof, "step %u", step);
		if (test->status == KUNIT_FAILURE) {
			kunit_info(test, "step %u: operation %u, %zu at %lld", step, what, len,
				   pos);
			break;
		}
	}
	fxt_expect_consistent(fs->fx);
	iom_write_back(fs);
	iom_expect_disk(fs, base, eof);
}

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

static struct kunit_case iomap_writeback_cases[] = {
	KUNIT_CASE_PARAM_ATTR(writeback_eof, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(writeback_dirty_runs, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(writeback_ends_once, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(writeback_redirtied, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(writeback_error, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(writeback_hole, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(ioend_merges_neighbours, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(ioend_error_is_kept, order_gen_params),
	KUNIT_CASE_PARAM(write_dontcache_leaves, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(read_folio_inline_tail, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(mkwrite_waits_if_stable, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(random_operations, random_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	{}
};

static struct kunit_suite iomap_writeback_suite = {
	.name = "mm_iomap_writeback",
	.test_cases = iomap_writeback_cases,
};

kunit_test_suite(iomap_writeback_suite);

MODULE_DESCRIPTION("KUnit suite of iomap's writeback");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_LICENSE("GPL");
