// SPDX-License-Identifier: GPL-2.0
/*
 * mm_iomap: which blocks of a folio iomap reads, and what it then knows of each:
 * uptodate, dirty, cached. iomap_write_kunit.c has the writes,
 * iomap_writeback_kunit.c the writeback.
 *
 * The file is two folios of the case's order, from just below 4 GiB to just
 * above, so that every offset in the second needs more than 32 bits.
 */
#include <linux/highmem.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "fixture_iomap.h"
#include "../module/compat.h"

#define USER_ADDR	0x10000000UL

/* One run of blocks after the other, of lengths that no block or page size divides. */
static void map_mixed(struct iom_fs *fs, unsigned long *mapped)
{
	static const struct {
		unsigned int type;
		unsigned int flags;
	} kinds[] = {
		{ IOMAP_MAPPED, 0 }, { IOMAP_HOLE, 0 }, { IOMAP_MAPPED, IOMAP_F_NEW },
		{ IOMAP_MAPPED, 0 }, { IOMAP_UNWRITTEN, 0 }, { IOMAP_DELALLOC, 0 },
	};
	size_t bs = iom_blocksize(fs), nr = fs->size / bs, at = 0;
	unsigned int i, run = 1;

	for (i = 0; at < nr; i++) {
		size_t n = min(run, nr - at);
		loff_t from = fs->base + at * bs, to = from + n * bs;
		bool read = kinds[i % ARRAY_SIZE(kinds)].type == IOMAP_MAPPED &&
			    !kinds[i % ARRAY_SIZE(kinds)].flags;

		iom_map(fs, from, to, kinds[i % ARRAY_SIZE(kinds)].type,
			kinds[i % ARRAY_SIZE(kinds)].flags);
		if (read)
			bitmap_set(mapped, at, n);
		else
			iom_model_zeroes(fs, from, to);
		at += n;
		run = run * 2 % 37 ?: 1;
	}
}

/* Reading. */

/* Only what is mapped is read; the rest is zeroed; then all of it is uptodate. */
static void read_folio_mixed_extents(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, max;
	struct iom_fs *fs = iom_create_two(test, order, 0);
	unsigned long *mapped = iom_bitmap(fs);
	loff_t mid = fs->base + fs->size / 2;

	iom_for_each_blkbits(i, order) {
		for (max = 0; max < 2; max++) {
			bool second = max;
			struct folio *folio;

			iom_reset(fs, iom_blkbits[i]);
			bitmap_zero(mapped, fs->size >> SECTOR_SHIFT);
			map_mixed(fs, mapped);
			fs->max_extent = max * 3 * iom_blocksize(fs);
			folio = iom_add_one(fs, order, second);
			KUNIT_EXPECT_EQ(test, 0, iom_read_folio(fs, folio));
			KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
			KUNIT_EXPECT_TRUE_MSG(test, folio_test_uptodate(folio), "blkbits %u",
					      iom_blkbits[i]);
			KUNIT_EXPECT_FALSE(test, folio_test_dirty(folio));
			iom_expect_asked_map(fs, IOM_READ, mapped, second ? mid : fs->base,
					     second ? mid + fs->size / 2 : mid);
			iom_expect_cache(fs, folio_pos(folio),
					 folio_pos(folio) + folio_size(folio));
			iom_done(fs, folio);
		}
	}
}

/* The folio is locked and not uptodate until the last byte is there, whatever comes first. */
static void read_folio_ends_once(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	struct iom_fs *fs = iom_create_two(test, order, 0);
	unsigned long *mapped = iom_bitmap(fs);

	iom_for_each_blkbits(i, order) {
		bool blocks = PAGE_SIZE << order > 1 << iom_blkbits[i];
		struct folio *folio;
		unsigned int nr;

		iom_reset(fs, iom_blkbits[i]);
		bitmap_zero(mapped, fs->size >> SECTOR_SHIFT);
		map_mixed(fs, mapped);
		/* At 4096 blocks, an extent for each few would be more than can wait. */
		fs->max_extent = max(fs->size / 256, iom_blocksize(fs));
		folio = iom_add_one(fs, order, false);
		fs->defer = true;
		KUNIT_EXPECT_EQ(test, 0, iom_read_folio(fs, folio));
		nr = fs->nr_pending;
		KUNIT_EXPECT_GE(test, nr, 1);
		while (fs->nr_pending) {
			unsigned int which = nr & 1 ? 0 : fs->nr_pending - 1;
			struct iom_pending p = fs->pending[which];

			KUNIT_EXPECT_TRUE(test, folio_test_locked(folio));
			KUNIT_EXPECT_FALSE(test, folio_test_uptodate(folio));
			KUNIT_EXPECT_FALSE(test, iom_uptodate(fs, folio, p.off, p.len));
			iom_complete(fs, which, iom_blocksize(fs));
			if (blocks)
				KUNIT_EXPECT_TRUE(test, iom_uptodate(fs, folio, p.off, p.len));
			nr++;
		}
		KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
		KUNIT_EXPECT_TRUE_MSG(test, folio_test_uptodate(folio), "blkbits %u",
				      iom_blkbits[i]);
		iom_expect_cache(fs, folio_pos(folio), folio_pos(folio) + folio_size(folio));
		iom_done(fs, folio);
	}
}

/* A block that cannot be read spoils no other, and only it is read again. */
static void read_folio_error_block(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, which, how;
	struct iom_fs *fs = iom_create_two(test, order, 0);

	iom_for_each_blkbits(i, order) {
		for (which = 0; which < 6; which++) {
			size_t bs = 1 << iom_blkbits[i], nr = (PAGE_SIZE << order) / bs, b;
			size_t bad = which / 2 == 0 ? 0 : which / 2 == 1 ? nr / 2 : nr - 1;
			struct folio *folio;
			loff_t pos;

			how = which & 1;
			iom_reset(fs, iom_blkbits[i]);
			folio = iom_add_one(fs, order, which == 3);
			pos = folio_pos(folio);
			fs->bad_from = pos + bad * bs;
			fs->bad_to = fs->bad_from + bs;
			fs->defer = how;
			if (!how)
				fs->max_extent = bs * max(1, nr / 128);
			iom_read_folio(fs, folio);
			while (fs->nr_pending)
				iom_complete(fs, 0, bs);
			KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
			KUNIT_EXPECT_FALSE_MSG(test, folio_test_uptodate(folio),
					       "block %zu of %zu", bad, nr);
			iom_expect_asked(fs, IOM_READ, pos, pos + folio_size(folio));
			for (b = 0; how && nr > 1 && b < nr; b++)
				KUNIT_EXPECT_EQ_MSG(test, iom_uptodate(fs, folio, b * bs, bs),
						    b != bad, "block %zu of %zu, bad is %zu", b,
						    nr, bad);
			fs->bad_to = 0;
			fs->defer = false;
			iom_forget(fs);
			iom_read_folio(fs, folio);
			KUNIT_EXPECT_TRUE(test, folio_test_uptodate(folio));
			if (how && nr > 1)
				iom_expect_asked(fs, IOM_READ, pos + bad * bs,
						 pos + (bad + 1) * bs);
			iom_expect_cache(fs, pos, pos + folio_size(folio));
			iom_done(fs, folio);
		}
	}
}

/* A request that is refused ends the read; what was asked for before still comes. */
static void read_folio_refused(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, which, defer;
	struct iom_fs *fs = iom_create_two(test, order, 0);

	iom_for_each_blkbits(i, order) {
		for (which = 0; which < 3; which++) {
			size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order;
			size_t bad = which == 0 ? 0 : which == 1 ? size / 2 : size - bs;
			struct folio *folio;

			for (defer = 0; defer < 2; defer++) {
				iom_reset(fs, iom_blkbits[i]);
				folio = iom_add_one(fs, order, true);
				bad = round_down(bad, bs);
				fs->bad_from = folio_pos(folio) + bad;
				fs->bad_to = fs->bad_from + bs;
				fs->refuse = true;
				fs->defer = defer;
				fs->max_extent = max(bs, size / 8);
				iom_read_folio(fs, folio);
				KUNIT_EXPECT_EQ(test, folio_test_locked(folio), !!fs->nr_pending);
				while (fs->nr_pending)
					iom_complete(fs, 0, 0);
				KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
				KUNIT_EXPECT_FALSE_MSG(test, folio_test_uptodate(folio),
						       "bad byte %zu of %zu", bad, size);
				KUNIT_EXPECT_FALSE(test, iom_uptodate(fs, folio, bad, bs));
				fs->bad_to = 0;
				fs->defer = false;
				iom_read_folio(fs, folio);
				KUNIT_EXPECT_TRUE(test, folio_test_uptodate(folio));
				iom_expect_cache(fs, folio_pos(folio), folio_pos(folio) + size);
				iom_done(fs, folio);
			}
		}
	}
}

/* What was written before the read is newer than the disk, and not read again. */
static void read_folio_keeps_written(struct kunit *test)
{
	static const struct { u8 from, to; } writes[] = {
		{ 0, 1 }, { 7, 8 }, { 3, 5 }, { 0, 7 }, { 1, 8 }, { 2, 3 },
	};
	unsigned int order = fxt_order(test), i, w, again;
	struct iom_fs *fs = iom_create_two(test, order, 0);
	unsigned long *want = iom_bitmap(fs);

	iom_for_each_blkbits(i, order) {
		size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order, unit = size / 8;

		if (unit < bs)
			continue;
		for (w = 0; w < 2 * ARRAY_SIZE(writes); w++) {
			struct folio *folio;
			loff_t pos;

			iom_reset(fs, iom_blkbits[i]);
			folio = iom_add_one(fs, order, true);
			pos = folio_pos(folio);
			bitmap_zero(want, fs->size >> SECTOR_SHIFT);
			bitmap_set(want, (size_t)(pos - fs->base) / bs, size / bs);
			/* One range, or two with a gap for the read in the middle. */
			for (again = 0; again < 1 + w / ARRAY_SIZE(writes); again++) {
				unsigned int k = (w + 2 * again) % ARRAY_SIZE(writes);
				size_t from = writes[k].from * unit;
				size_t len = writes[k].to * unit - from;

				KUNIT_ASSERT_EQ(test, iom_write(fs, pos + from, len, 0), len);
				bitmap_clear(want, (size_t)(pos + from - fs->base) / bs, len / bs);
			}
			KUNIT_EXPECT_EQ_MSG(test, iom_count(fs, IOM_READ), 0, "write %u", w);
			iom_read_folio(fs, folio);
			KUNIT_EXPECT_TRUE(test, folio_test_uptodate(folio));
			KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
			iom_expect_asked_map(fs, IOM_READ, want, pos, pos + size);
			iom_expect_cache(fs, pos, pos + size);
			iom_done(fs, folio);
		}
	}
}

/* Blocks past EOF are zeroed, not read; the one EOF lies in is read. */
static void read_folio_eof(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, e;
	struct iom_fs *fs = iom_create_two(test, order, 0);

	iom_for_each_blkbits(i, order) {
		size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order;
		const size_t eofs[] = {
			1, bs - 1, bs, bs + 1, size / 2 - 1, size / 2, size / 2 + 1,
			size - bs - 1, size - bs, size - bs + 1, size - 1, size,
		};

		for (e = 0; e < ARRAY_SIZE(eofs); e++) {
			size_t end = round_up(eofs[e], bs);
			struct folio *folio;
			loff_t pos;

			if (!eofs[e] || eofs[e] > size)
				continue;
			iom_reset(fs, iom_blkbits[i]);
			folio = iom_add_one(fs, order, true);
			pos = folio_pos(folio);
			i_size_write(&fs->fx->inode, pos + eofs[e]);
			iom_model_zeroes(fs, pos + end, pos + size);
			iom_read_folio(fs, folio);
			KUNIT_EXPECT_TRUE(test, folio_test_uptodate(folio));
			iom_expect_asked(fs, IOM_READ, pos, pos + end);
			iom_expect_cache(fs, pos, pos + size);
			iom_done(fs, folio);
		}
	}
}

/*
 * EOF has moved to before blocks that are uptodate: truncate is still to take
 * them. What lies before EOF is read, what lies between them is zeroed.
 */
static void read_folio_eof_before_written(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, e, unit_nr;
	struct iom_fs *fs = iom_create_two(test, order, 0);

	iom_for_each_blkbits(i, order) {
		size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order, unit = size / 8;

		for (unit_nr = 1; unit >= bs && unit_nr < 8; unit_nr += 2) {
			const size_t eofs[] = { 1, bs, bs + 1, unit, unit_nr * unit - 1 };
			size_t written = unit_nr * unit;

			for (e = 0; e < ARRAY_SIZE(eofs); e++) {
				size_t end = round_up(eofs[e], bs);
				struct folio *folio;
				loff_t pos;

				if (eofs[e] >= written)
					continue;
				iom_reset(fs, iom_blkbits[i]);
				folio = iom_add_one(fs, order, true);
				pos = folio_pos(folio);
				KUNIT_ASSERT_EQ(test, size - written,
						iom_write(fs, pos + written, size - written, 0));
				i_size_write(&fs->fx->inode, pos + eofs[e]);
				iom_model_zeroes(fs, pos + end, pos + written);
				iom_forget(fs);
				iom_read_folio(fs, folio);
				KUNIT_EXPECT_TRUE_MSG(test, folio_test_uptodate(folio),
						      "EOF %zu, written from %zu", eofs[e],
						      written);
				iom_expect_asked(fs, IOM_READ, pos, pos + end);
				iom_expect_cache(fs, pos, pos + size);
				iom_done(fs, folio);
			}
		}
	}
}

/* Bytes that are uptodate are read from the cache, though their folio is not uptodate. */
static void read_partly_uptodate(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, k;
	struct iom_fs *fs = iom_create_two(test, order, 0);

	iom_for_each_blkbits(i, order) {
		size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order, unit = size / 4;

		for (k = 0; unit >= bs && k < 4; k++) {
			struct folio *folio;
			loff_t pos, at;

			iom_reset(fs, iom_blkbits[i]);
			folio = iom_add_one(fs, order, true);
			pos = folio_pos(folio) + k * unit;
			KUNIT_ASSERT_EQ(test, iom_write(fs, pos, unit, 0), unit);
			iom_forget(fs);
			at = pos + 1;
			KUNIT_EXPECT_EQ(test, kernel_read(fxt_file(fs->fx), fs->buf, unit - 1, &at),
					unit - 1);
			KUNIT_EXPECT_MEMEQ_MSG(test, fs->buf, fs->model + (pos + 1 - fs->base),
					       unit - 1, "part %u, blocks of %zu", k, bs);
			KUNIT_EXPECT_EQ_MSG(test, iom_count(fs, IOM_READ), 0,
					    "part %u, blocks of %zu", k, bs);
			KUNIT_EXPECT_FALSE(test, folio_test_uptodate(folio));
			iom_done(fs, folio);
		}
	}
}

static void readahead(struct iom_fs *fs)
{
	DEFINE_READAHEAD(ractl, fxt_file(fs->fx), &fxt_file(fs->fx)->f_ra, iom_mapping(fs),
			 fs->base >> PAGE_SHIFT);

	filemap_invalidate_lock_shared(ractl.mapping);
	page_cache_ra_unbounded(&ractl, fs->size >> PAGE_SHIFT, 0);
	filemap_invalidate_unlock_shared(ractl.mapping);
}

/* Extents that end in the middle of folios, folios that end in the middle of extents. */
static void readahead_mixed_extents(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, defer;
	struct iom_fs *fs = iom_create_two(test, order, order);
	unsigned long *mapped = iom_bitmap(fs);
	pgoff_t index = fs->base >> PAGE_SHIFT;
	const struct fxt_range want[] = { { index, order }, { index + (1UL << order), order } };

	iom_for_each_blkbits(i, order) {
		for (defer = 0; defer < 2; defer++) {
			unsigned int f;

			iom_reset(fs, iom_blkbits[i]);
			bitmap_zero(mapped, fs->size >> SECTOR_SHIFT);
			map_mixed(fs, mapped);
			fs->defer = defer;
			readahead(fs);
			fxt_expect_layout(fs->fx, want, 2);
			KUNIT_EXPECT_GE(test, iom_count(fs, IOM_SUBMIT_READ), 1);
			while (fs->nr_pending)
				iom_complete(fs, fs->nr_pending - 1, 0);
			iom_expect_asked_map(fs, IOM_READ, mapped, fs->base, fs->base + fs->size);
			for (f = 0; f < 2; f++) {
				struct folio *folio = filemap_get_folio(iom_mapping(fs),
									want[f].index);

				KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
				KUNIT_EXPECT_TRUE_MSG(test, folio_test_uptodate(folio),
						      "folio %u, blkbits %u", f, iom_blkbits[i]);
				iom_done(fs, folio);
			}
			iom_expect_cache(fs, fs->base, fs->base + fs->size);
		}
	}
}

/* One large extent, one bad block: only the folio that holds it is not uptodate. */
static void readahead_error_block(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, f;
	struct iom_fs *fs = iom_create_two(test, order, order);

	iom_for_each_blkbits(i, order) {
		struct folio *folio[2];

		iom_reset(fs, iom_blkbits[i]);
		fs->defer = true;
		readahead(fs);
		for (f = 0; f < 2; f++) {
			folio[f] = filemap_get_folio(iom_mapping(fs),
						     (fs->base + f * fs->size / 2) >> PAGE_SHIFT);
			KUNIT_ASSERT_FALSE(test, IS_ERR(folio[f]));
			KUNIT_ASSERT_EQ(test, folio_order(folio[f]), order);
			KUNIT_EXPECT_TRUE(test, folio_test_locked(folio[f]));
		}
		KUNIT_EXPECT_EQ(test, fs->nr_pending, 2);
		fs->bad_from = folio_pos(folio[1]) + iom_blocksize(fs) - 1;
		fs->bad_to = fs->bad_from + 1;
		while (fs->nr_pending)
			iom_complete(fs, 0, iom_blocksize(fs));
		for (f = 0; f < 2; f++) {
			KUNIT_EXPECT_EQ_MSG(test, folio_test_uptodate(folio[f]), !f, "folio %u", f);
			iom_done(fs, folio[f]);
		}
		iom_expect_cache(fs, fs->base, fs->base + fs->size / 2);
	}
}

/* Inline data ends in the middle of a folio: the rest is zero. */
static void read_folio_inline(struct kunit *test)
{
	static const size_t lens[] = { 1, 511, 512, 513, 4000, PAGE_SIZE - 1 };
	unsigned int order = fxt_order(test), i, l;
	struct iom_fs *fs = iom_create(test, 0, IOM_MAX_ORDER, 0, PAGE_SIZE << order);

	iom_for_each_blkbits(i, order) {
		for (l = 0; l < ARRAY_SIZE(lens); l++) {
			struct folio *folio;

			iom_reset(fs, iom_blkbits[i]);
			fs->inline_len = lens[l];
			i_size_write(&fs->fx->inode, lens[l]);
			iom_model_zeroes(fs, lens[l], fs->size);
			folio = iom_add_folio(fs, 0, order);
			iom_read_folio(fs, folio);
			KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
			KUNIT_EXPECT_TRUE(test, folio_test_uptodate(folio));
			KUNIT_EXPECT_EQ(test, iom_count(fs, IOM_READ), 0);
			iom_expect_cache(fs, 0, fs->size);
			/* A write goes through the cache to where the inode keeps its data. */
			KUNIT_EXPECT_EQ(test, iom_write(fs, lens[l] / 2, lens[l] / 2 + 1, 0),
					lens[l] / 2 + 1);
			iom_expect_cache(fs, 0, fs->size);
			iom_expect_disk(fs, 0, lens[l]);
			KUNIT_EXPECT_FALSE(test, folio_test_dirty(folio));
			iom_done(fs, folio);
		}
	}
}

/* What is known of each block. */

/* Every part of a folio of which each second run of blocks is uptodate. */
static void is_partially_uptodate_edges(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, a, b;
	struct iom_fs *fs = iom_create_two(test, order, 0);

	iom_for_each_blkbits(i, order) {
		size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order, unit = size / 4;
		bool (*check)(struct folio *folio, size_t from, size_t count) =
			iom_mapping(fs)->a_ops->is_partially_uptodate;
		const int edges[] = {
			0, 1, bs, unit - 1, unit, unit + 1, 2 * unit - 1, 2 * unit,
			2 * unit + 1, 3 * unit - 1, 3 * unit, 3 * unit + 1, size - 1, size,
		};
		struct folio *folio;
		loff_t pos;

		if (unit < bs)
			continue;
		iom_reset(fs, iom_blkbits[i]);
		folio = iom_add_one(fs, order, true);
		pos = folio_pos(folio);
		KUNIT_EXPECT_FALSE(test, check(folio, 0, 1));
		KUNIT_ASSERT_EQ(test, iom_write(fs, pos + unit, unit, 0), unit);
		KUNIT_ASSERT_EQ(test, iom_write(fs, pos + 3 * unit, unit, 0), unit);
		KUNIT_EXPECT_FALSE(test, folio_test_uptodate(folio));
		for (a = 0; a < ARRAY_SIZE(edges); a++) {
			for (b = 0; b < ARRAY_SIZE(edges); b++) {
				size_t from = edges[a], to = edges[b];
				bool want = (from >= unit && to <= 2 * unit) || from >= 3 * unit;

				if (from >= to)
					continue;
				KUNIT_EXPECT_EQ_MSG(test, check(folio, from, to - from), want,
						    "%zu to %zu of %zu, blocks of %zu", from, to,
						    size, bs);
			}
		}
		/* A reader may ask past the end of the folio: only what is in it counts. */
		KUNIT_EXPECT_TRUE(test, check(folio, size - 1, 2));
		KUNIT_EXPECT_TRUE(test, check(folio, size - unit, 10 * size));
		KUNIT_EXPECT_FALSE(test, check(folio, size - unit - 1, 10 * size));
		iom_done(fs, folio);
	}
}

/* Dirty folios keep what is known of their blocks; clean ones give it back. */
static void release_folio_state(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	struct iom_fs *fs = iom_create_two(test, order, 0);

	iom_for_each_blkbits(i, order) {
		size_t bs = 1 << iom_blkbits[i];
		bool blocks = PAGE_SIZE << order > bs;
		struct folio *folio;
		int ref;

		iom_reset(fs, iom_blkbits[i]);
		folio = iom_add_one(fs, order, true);
		ref = folio_ref_count(folio);
		iom_read_folio(fs, folio);
		KUNIT_EXPECT_EQ(test, folio_test_private(folio), blocks);
		KUNIT_EXPECT_EQ(test, folio_ref_count(folio), ref + blocks);
		KUNIT_ASSERT_EQ(test, iom_write(fs, folio_pos(folio) + bs - 1, 1, 0), 1);
		folio_lock(folio);
		if (blocks)
			KUNIT_EXPECT_FALSE(test, filemap_release_folio(folio, GFP_KERNEL));
		folio_unlock(folio);
		KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
		KUNIT_EXPECT_EQ(test, folio_test_private(folio), blocks);
		iom_write_back(fs);
		iom_expect_asked(fs, IOM_WRITE, folio_pos(folio), folio_pos(folio) + bs);
		folio_lock(folio);
		KUNIT_EXPECT_TRUE(test, filemap_release_folio(folio, GFP_KERNEL));
		KUNIT_EXPECT_FALSE(test, folio_test_private(folio));
		KUNIT_EXPECT_NULL(test, folio->private);
		folio_unlock(folio);
		KUNIT_EXPECT_TRUE(test, folio_test_uptodate(folio));
		/* Without it a write starts anew: all that is uptodate is still so. */
		iom_forget(fs);
		KUNIT_ASSERT_EQ(test, iom_write(fs, folio_pos(folio) + bs - 1, 1, 0), 1);
		KUNIT_EXPECT_EQ(test, iom_count(fs, IOM_READ), 0);
		iom_write_back(fs);
		iom_expect_asked(fs, IOM_WRITE, folio_pos(folio), folio_pos(folio) + bs);
		iom_expect_disk(fs, fs->base, fs->base + fs->size);
		iom_done(fs, folio);
	}
}

/* Blocks that are invalidated whole are clean; those hit in part must still be written. */
static void invalidate_folio_blocks(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, a, b;
	struct iom_fs *fs = iom_create_two(test, order, 0);
	unsigned long *want = iom_bitmap(fs);

	iom_for_each_blkbits(i, order) {
		size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order;
		const size_t edges[] = {
			0, 1, bs - 1, bs, bs + 1, size / 2, size / 2 + 1, size - bs - 1,
			size - bs, size - 1, size,
		};

		for (a = 0; a < ARRAY_SIZE(edges); a++) {
			for (b = 0; b < ARRAY_SIZE(edges); b++) {
				size_t from = edges[a], to = edges[b], first, last;
				struct folio *folio;
				loff_t pos;

				if (from >= to || to > size || (order > 6 && (a + b) % 5) ||
				    (!from && to == size))
					continue;
				/* No reset: it would take longer than the case. */
				truncate_inode_pages(iom_mapping(fs), 0);
				fs->fx->inode.i_blkbits = iom_blkbits[i];
				folio = iom_add_one(fs, order, true);
				pos = folio_pos(folio);
				first = (size_t)(pos - fs->base) / bs;
				iom_read_folio(fs, folio);
				folio_mark_dirty(folio);
				folio_lock(folio);
				folio_invalidate(folio, from, to - from);
				KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
				KUNIT_EXPECT_EQ(test, folio_test_private(folio), size > bs);
				folio_unlock(folio);
				bitmap_zero(want, fs->size >> SECTOR_SHIFT);
				bitmap_set(want, first, size / bs);
				last = to / bs;
				if (size > bs && round_up(from, bs) / bs < last)
					bitmap_clear(want, first + round_up(from, bs) / bs,
						     last - round_up(from, bs) / bs);
				iom_write_back(fs);
				iom_expect_asked_map(fs, IOM_WRITE, want, pos, pos + size);
				iom_done(fs, folio);
			}
		}
	}
}

/* The folio that is invalidated whole is clean, and nothing of it is kept. */
static void invalidate_folio_whole(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	struct iom_fs *fs = iom_create_two(test, order, 0);

	iom_for_each_blkbits(i, order) {
		struct folio *folio;

		iom_reset(fs, iom_blkbits[i]);
		folio = iom_add_one(fs, order, true);
		KUNIT_ASSERT_EQ(test, iom_write(fs, folio_pos(folio), 1, 0), 1);
		folio_lock(folio);
		folio_invalidate(folio, 0, folio_size(folio));
		KUNIT_EXPECT_FALSE(test, folio_test_dirty(folio));
		KUNIT_EXPECT_FALSE(test, folio_test_private(folio));
		folio_unlock(folio);
		iom_write_back(fs);
		KUNIT_EXPECT_EQ(test, iom_count(fs, IOM_WRITE), 0);
		iom_done(fs, folio);
	}
}

/* Who dirties a folio without saying which bytes dirties every block of it. */
static void dirty_folio_all_blocks(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, state;
	struct iom_fs *fs = iom_create_two(test, order, 0);

	iom_for_each_blkbits(i, order) {
		/* Nothing known of the blocks; all uptodate and clean; one dirty. */
		for (state = 0; state < 3; state++) {
			struct folio *folio;
			loff_t pos;

			iom_reset(fs, iom_blkbits[i]);
			folio = iom_add_one(fs, order, true);
			pos = folio_pos(folio);
			iom_read_folio(fs, folio);
			if (state == 0) {
				folio_lock(folio);
				KUNIT_EXPECT_TRUE(test, filemap_release_folio(folio, GFP_KERNEL));
				folio_unlock(folio);
			}
			if (state == 2)
				iom_write(fs, pos + folio_size(folio) - 1, 1, 0);
			folio_lock(folio);
			KUNIT_EXPECT_EQ(test, folio_mark_dirty(folio), state != 2);
			folio_unlock(folio);
			KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
			iom_write_back(fs);
			iom_expect_asked(fs, IOM_WRITE, pos, pos + folio_size(folio));
			KUNIT_EXPECT_FALSE(test, folio_test_dirty(folio));
			iom_expect_disk(fs, fs->base, fs->base + fs->size);
			iom_done(fs, folio);
		}
	}
}

/* A truncate in the middle of a dirty folio: what stays is written, nothing behind it. */
static void truncate_inside_folio(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, e;
	struct iom_fs *fs = iom_create_two(test, order, 0);

	iom_for_each_blkbits(i, order) {
		size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order;
		const size_t eofs[] = { 1, bs - 1, bs, bs + 1, size / 2, size / 2 + 1, size - 1 };

		for (e = 0; e < 2 * ARRAY_SIZE(eofs); e++) {
			size_t eof = eofs[e / 2];
			bool dirty = e & 1;
			struct folio *folio;
			bool zeroed = false;
			loff_t pos;

			if (eof >= size)
				continue;
			iom_reset(fs, iom_blkbits[i]);
			folio = iom_add_one(fs, order, true);
			pos = folio_pos(folio);
			iom_read_folio(fs, folio);
			folio_put(folio);
			if (dirty)
				KUNIT_ASSERT_EQ(test, iom_write(fs, pos, size, 0), size);
			KUNIT_EXPECT_EQ(test, 0, iom_truncate_page(fs, pos + eof, &zeroed));
			KUNIT_EXPECT_EQ(test, zeroed, eof % bs != 0);
			truncate_setsize(&fs->fx->inode, pos + eof);
			iom_model_zeroes(fs, pos + eof, pos + round_up(eof, PAGE_SIZE));
			iom_expect_cache(fs, pos, pos + round_up(eof, PAGE_SIZE));
			iom_write_back(fs);
			if (dirty)
				iom_expect_asked(fs, IOM_WRITE, pos, pos + round_up(eof, bs));
			else
				iom_expect_asked(fs, IOM_WRITE, pos + round_down(eof, bs),
						 pos + round_up(eof, bs));
			iom_expect_disk(fs, fs->base, pos + round_up(eof, bs));
			fxt_expect_consistent(fs->fx);
		}
	}
}

/* Where things are. */

/* Unwritten extents hold data where the page cache has some, block by block. */
static void seek_hole_data_blocks(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	struct iom_fs *fs = iom_create_two(test, order, 0);

	iom_for_each_blkbits(i, order) {
		size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order, unit = size / 8;
		loff_t eof = fs->base + fs->size, pos = fs->base + fs->size / 2, a, b;
		struct folio *folio;

		if (unit < bs)
			continue;
		iom_reset(fs, iom_blkbits[i]);
		iom_map(fs, fs->base, pos, IOMAP_HOLE, 0);
		iom_map(fs, pos, eof, IOMAP_UNWRITTEN, 0);
		KUNIT_EXPECT_EQ(test, iom_seek(fs, fs->base, SEEK_DATA), -ENXIO);
		KUNIT_EXPECT_EQ(test, iom_seek(fs, fs->base, SEEK_HOLE), fs->base);
		folio = iom_add_one(fs, order, true);
		KUNIT_ASSERT_EQ(test, iom_write(fs, pos + 2 * unit, unit, 0), unit);
		KUNIT_ASSERT_EQ(test, iom_write(fs, pos + 5 * unit, unit, 0), unit);
		a = pos + 2 * unit;
		b = pos + 5 * unit;
		KUNIT_EXPECT_EQ(test, iom_seek(fs, 0, SEEK_DATA), a);
		KUNIT_EXPECT_EQ(test, iom_seek(fs, fs->base, SEEK_DATA), a);
		KUNIT_EXPECT_EQ(test, iom_seek(fs, a - 1, SEEK_DATA), a);
		KUNIT_EXPECT_EQ(test, iom_seek(fs, a + 1, SEEK_DATA), a + 1);
		KUNIT_EXPECT_EQ(test, iom_seek(fs, a, SEEK_HOLE), a + unit);
		KUNIT_EXPECT_EQ(test, iom_seek(fs, a + unit - 1, SEEK_HOLE), a + unit);
		KUNIT_EXPECT_EQ(test, iom_seek(fs, a + unit, SEEK_HOLE), a + unit);
		KUNIT_EXPECT_EQ(test, iom_seek(fs, a + unit, SEEK_DATA), b);
		KUNIT_EXPECT_EQ(test, iom_seek(fs, b, SEEK_HOLE), b + unit);
		KUNIT_EXPECT_EQ(test, iom_seek(fs, b + unit, SEEK_DATA), -ENXIO);
		/* The end of the file is a hole too, even in the middle of data. */
		iom_map(fs, pos, eof, IOMAP_MAPPED, 0);
		KUNIT_EXPECT_EQ(test, iom_seek(fs, pos, SEEK_DATA), pos);
		KUNIT_EXPECT_EQ(test, iom_seek(fs, pos, SEEK_HOLE), eof);
		i_size_write(&fs->fx->inode, pos + 7);
		KUNIT_EXPECT_EQ(test, iom_seek(fs, pos + 1, SEEK_HOLE), pos + 7);
		KUNIT_EXPECT_EQ(test, iom_seek(fs, pos + 7, SEEK_HOLE), -ENXIO);
		KUNIT_EXPECT_EQ(test, iom_seek(fs, pos + 7, SEEK_DATA), -ENXIO);
		KUNIT_EXPECT_EQ(test, iom_seek(fs, -1, SEEK_DATA), -ENXIO);
		iom_done(fs, folio);
	}
}

#define NR_FIEMAP	5

static void fiemap_extents(struct kunit *test)
{
	struct iom_fs *fs = iom_create_two(test, 2, 0);
	const struct { unsigned int type, flags, fe; } parts[8] = {
		{ IOMAP_MAPPED, 0, 0 }, { IOMAP_HOLE }, { IOMAP_UNWRITTEN, 0,
		FIEMAP_EXTENT_UNWRITTEN }, { IOMAP_MAPPED, IOMAP_F_SHARED, FIEMAP_EXTENT_SHARED },
		{ IOMAP_DELALLOC, 0, FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_UNKNOWN },
		{ IOMAP_HOLE }, { IOMAP_MAPPED, IOMAP_F_MERGED, FIEMAP_EXTENT_MERGED },
		{ IOMAP_HOLE },
	};
	struct fiemap_extent got[NR_FIEMAP] = {};
	struct fiemap_extent_info fi = {};
	unsigned int i, n = 0;

	for (i = 0; i < 8; i++)
		iom_map(fs, fs->base + i * PAGE_SIZE, fs->base + (i + 1) * PAGE_SIZE,
			parts[i].type, parts[i].flags);
	/* Without room for extents they are counted. */
	KUNIT_EXPECT_EQ(test, 0, iom_fiemap(fs, &fi, 0, fs->base + fs->size));
	KUNIT_EXPECT_EQ(test, fi.fi_extents_mapped, NR_FIEMAP);
	fxt_switch_mm(fxt_new_mm(test));
	KUNIT_ASSERT_EQ(test, USER_ADDR, vm_mmap(NULL, USER_ADDR, PAGE_SIZE, PROT_READ | PROT_WRITE,
						 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0));
	fi = (struct fiemap_extent_info) {
		.fi_extents_max = 2 * NR_FIEMAP, .fi_extents_start = (void __user *)USER_ADDR,
	};
	KUNIT_EXPECT_EQ(test, 0, iom_fiemap(fs, &fi, 0, fs->base + fs->size));
	KUNIT_EXPECT_EQ(test, fi.fi_extents_mapped, NR_FIEMAP);
	KUNIT_ASSERT_EQ(test, 0, copy_from_user(got, (void __user *)USER_ADDR, sizeof(got)));
	for (i = 0; i < 8; i++) {
		if (parts[i].type == IOMAP_HOLE)
			continue;
		KUNIT_EXPECT_EQ_MSG(test, got[n].fe_logical, fs->base + i * PAGE_SIZE, "part %u",
				    i);
		KUNIT_EXPECT_EQ_MSG(test, got[n].fe_length, PAGE_SIZE, "part %u", i);
		KUNIT_EXPECT_EQ_MSG(test, got[n].fe_physical,
				    parts[i].type == IOMAP_DELALLOC ? 0 : i * PAGE_SIZE,
				    "part %u", i);
		KUNIT_EXPECT_EQ_MSG(test, got[n].fe_flags, parts[i].fe |
				    (n == NR_FIEMAP - 1 ? FIEMAP_EXTENT_LAST : 0), "part %u", i);
		n++;
	}
	/* With too little room the last that fits is not the last there is. */
	fi.fi_extents_mapped = 0;
	fi.fi_extents_max = 2;
	KUNIT_EXPECT_EQ(test, 0, iom_fiemap(fs, &fi, 0, fs->base + fs->size));
	KUNIT_EXPECT_EQ(test, fi.fi_extents_mapped, 2);
	KUNIT_ASSERT_EQ(test, 0, copy_from_user(got, (void __user *)USER_ADDR, sizeof(got)));
	KUNIT_EXPECT_FALSE(test, got[1].fe_flags & FIEMAP_EXTENT_LAST);
}

static void bmap_blocks(struct kunit *test)
{
	struct iom_fs *fs = iom_create_two(test, 2, 0);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(iom_blkbits); i++) {
		sector_t first = fs->base >> iom_blkbits[i], nr = fs->size >> iom_blkbits[i], b;

		iom_reset(fs, iom_blkbits[i]);
		iom_map(fs, fs->base + fs->size / 2, fs->base + fs->size, IOMAP_UNWRITTEN, 0);
		for (b = 0; b < nr; b++)
			KUNIT_EXPECT_EQ_MSG(test, iom_bmap(fs, first + b), b < nr / 2 ? b : 0,
					    "block %llu, blkbits %u", b, iom_blkbits[i]);
		KUNIT_EXPECT_EQ(test, iom_bmap(fs, 0), 0);
		/* It shows what is on disk once all is written that waits. */
		KUNIT_ASSERT_EQ(test, iom_write(fs, fs->base + fs->size - 1, 1, 0), 1);
		KUNIT_EXPECT_EQ(test, iom_bmap(fs, first + nr - 1), nr - 1);
	}
}

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

static struct kunit_case iomap_cases[] = {
	KUNIT_CASE_PARAM_ATTR(read_folio_mixed_extents, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(read_folio_ends_once, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(read_folio_error_block, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(read_folio_refused, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(read_folio_keeps_written, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(read_folio_eof, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(read_folio_eof_before_written, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(read_partly_uptodate, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(readahead_mixed_extents, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(readahead_error_block, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(read_folio_inline, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(is_partially_uptodate_edges, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(release_folio_state, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(invalidate_folio_blocks, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(invalidate_folio_whole, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(dirty_folio_all_blocks, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(truncate_inside_folio, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(seek_hole_data_blocks, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE(fiemap_extents),
	KUNIT_CASE(bmap_blocks),
	{}
};

static struct kunit_suite iomap_suite = {
	.name = "mm_iomap",
	.test_cases = iomap_cases,
};

kunit_test_suite(iomap_suite);

MODULE_DESCRIPTION("KUnit suite of iomap's reads and per-block state");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_LICENSE("GPL");
