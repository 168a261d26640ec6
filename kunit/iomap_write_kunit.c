// SPDX-License-Identifier: GPL-2.0
/*
 * mm_iomap_write: which blocks iomap reads before a write and marks dirty, what it
 * zeroes, and what is left when any of it fails. iomap_kunit.c has the reads,
 * iomap_writeback_kunit.c the writeback.
 */
#include <linux/highmem.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "iomap_model.h"

#define USER_ADDR	0x10000000UL

/* Every pair of edges of small folios, each fifth pair of large ones. */
static bool use_pair(unsigned int order, size_t size, const size_t *edges, unsigned int a,
		     unsigned int b)
{
	return edges[a] < edges[b] && edges[b] <= size && (order < 4 || !((a + 3 * b) % 7));
}

static bool reads_in(struct iom_fs *fs, loff_t from, loff_t to)
{
	const struct iom_io *io = NULL;

	while ((io = iom_next_io(fs, IOM_READ, io)))
		if (io->pos < from || io->pos + io->len > to)
			return false;
	return true;
}

/* Writing. */

/*
 * A write reads the blocks that it changes in part and none that it does not
 * touch; what it touched is uptodate and dirty, and nothing else is.
 */
static void write_block_edges(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, a, b;
	struct iom_fs *fs = iom_create_two(test, order, 0);
	size_t edges[NR_EDGES];

	iom_for_each_blkbits(i, order) {
		size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order, at;

		edges_of(bs, size, edges);
		for (a = 0; a < NR_EDGES; a++) {
			for (b = 0; b < NR_EDGES; b++) {
				size_t from = edges[a], to = edges[b];
				size_t first = round_down(from, bs), last = round_up(to, bs);
				struct folio *folio;
				loff_t pos;

				if (!use_pair(order, size, edges, a, b))
					continue;
				iom_reset(fs, iom_blkbits[i]);
				fs->hooks = a & 1;
				folio = iom_add_one(fs, order, !(b & 1));
				pos = folio_pos(folio);
				KUNIT_ASSERT_EQ(test, iom_write(fs, pos + from, to - from, 0),
						to - from);
				KUNIT_EXPECT_EQ(test, iom_count(fs, IOM_PUT), fs->hooks);
				KUNIT_EXPECT_TRUE_MSG(test, from == first ||
						      iom_asked(fs, IOM_READ, pos + first),
						      "%zu to %zu of %zu", from, to, size);
				KUNIT_EXPECT_TRUE_MSG(test, to == last ||
						      iom_asked(fs, IOM_READ, pos + last - bs),
						      "%zu to %zu of %zu", from, to, size);
				if (from == first && to == last)
					KUNIT_EXPECT_EQ_MSG(test, iom_count(fs, IOM_READ), 0,
							    "%zu to %zu", from, to);
				KUNIT_EXPECT_TRUE_MSG(test, reads_in(fs, pos + first, pos + last),
						      "%zu to %zu, blocks of %zu", from, to, bs);
				KUNIT_EXPECT_EQ_MSG(test, folio_test_uptodate(folio),
						    last - first == size, "%zu to %zu", from, to);
				KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
				for (at = 0; at < size; at += max(bs, size / 64))
					KUNIT_EXPECT_EQ_MSG(test, iom_uptodate(fs, folio, at, bs),
							    at >= first && at < last,
							    "block at %zu: %zu to %zu of %zu", at,
							    from, to, size);
				iom_expect_cache(fs, pos + first, pos + last);
				iom_write_back(fs);
				iom_expect_asked(fs, IOM_WRITE, pos + first, pos + last);
				KUNIT_EXPECT_EQ(test, fs->written_folios, 1);
				KUNIT_EXPECT_FALSE(test, folio_test_dirty(folio));
				iom_expect_disk(fs, fs->base, fs->base + fs->size);
				iom_write_back(fs);
				KUNIT_EXPECT_EQ(test, iom_count(fs, IOM_WRITE), 0);
				iom_done(fs, folio);
			}
		}
	}
}

/* What was never written is zero around a write, in every kind of extent; nothing is read. */
static void write_into_holes(struct kunit *test)
{
	static const struct { unsigned int type, flags; } kinds[] = {
		{ IOMAP_HOLE, 0 }, { IOMAP_UNWRITTEN, 0 }, { IOMAP_DELALLOC, 0 },
		{ IOMAP_MAPPED, IOMAP_F_NEW },
	};
	unsigned int order = fxt_order(test), i, k, e;
	struct iom_fs *fs = iom_create_two(test, order, 0);
	size_t edges[NR_EDGES];

	iom_for_each_blkbits(i, order) {
		size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order;

		edges_of(bs, size, edges);
		for (e = 0; e + 2 < NR_EDGES; e++) {
			size_t from = edges[e], to = max(edges[e + 2], from + 1);
			struct folio *folio;
			loff_t pos;

			k = e % ARRAY_SIZE(kinds);
			if (!use_pair(0, size, edges, e, e + 2))
				continue;
			iom_reset(fs, iom_blkbits[i]);
			iom_map(fs, fs->base, fs->base + fs->size, kinds[k].type, kinds[k].flags);
			iom_model_zeroes(fs, fs->base, fs->base + fs->size);
			folio = iom_add_one(fs, order, true);
			pos = folio_pos(folio);
			KUNIT_ASSERT_EQ(test, iom_write(fs, pos + from, to - from, 0), to - from);
			KUNIT_EXPECT_EQ_MSG(test, iom_count(fs, IOM_READ), 0, "type %u",
					    kinds[k].type);
			from = round_down(from, bs);
			to = round_up(to, bs);
			iom_expect_cache(fs, pos + from, pos + to);
			iom_write_back(fs);
			iom_expect_asked(fs, IOM_WRITE, pos + from, pos + to);
			iom_expect_disk(fs, pos + from, pos + to);
			/* The rest of the folio comes as it is: not there. */
			iom_map(fs, fs->base, pos + from, kinds[k].type, kinds[k].flags);
			iom_map(fs, pos + to, fs->base + fs->size, kinds[k].type, kinds[k].flags);
			if (!folio_test_uptodate(folio))
				iom_read_folio(fs, folio);
			iom_expect_cache(fs, pos, pos + size);
			iom_done(fs, folio);
		}
	}
}

/* The block that a write needs cannot be read: nothing is written, nothing grows. */
static void write_read_error(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, tail;
	struct iom_fs *fs = iom_create_two(test, order, 0);

	iom_for_each_blkbits(i, order) {
		size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order;
		loff_t eof = fs->base + fs->size;

		for (tail = 0; tail < 2; tail++) {
			size_t from = tail ? 0 : size / 2 + 1, to = tail ? size / 2 - 1 : size;
			struct folio *folio;
			loff_t pos;

			iom_reset(fs, iom_blkbits[i]);
			folio = iom_add_one(fs, order, true);
			pos = folio_pos(folio);
			fs->bad_from = pos + size / 2 - (tail ? 1 : 0);
			fs->bad_to = fs->bad_from + 1;
			KUNIT_EXPECT_EQ(test, iom_write(fs, pos + from, to - from, 0), -EIO);
			KUNIT_EXPECT_EQ(test, i_size_read(&fs->fx->inode), eof);
			KUNIT_EXPECT_FALSE(test, folio_test_uptodate(folio));
			KUNIT_EXPECT_FALSE(test, folio_test_dirty(folio));
			KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
			KUNIT_EXPECT_FALSE(test, iom_uptodate(fs, folio, size / 2 - tail, 1));
			fs->bad_to = 0;
			KUNIT_EXPECT_EQ(test, iom_write(fs, pos + from, to - from, 0), to - from);
			iom_expect_cache(fs, pos + round_down(from, bs), pos + round_up(to, bs));
			iom_done(fs, folio);
		}
	}
}

/* Who may not wait gets nothing where a block would have to be read. */
static void write_nowait(struct kunit *test)
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
		KUNIT_EXPECT_EQ(test, iom_write(fs, pos + 1, 1, IOCB_NOWAIT), -EAGAIN);
		KUNIT_EXPECT_EQ(test, iom_count(fs, IOM_READ), 0);
		KUNIT_EXPECT_FALSE(test, folio_test_dirty(folio));
		KUNIT_EXPECT_EQ(test, iom_write(fs, pos + size - bs, bs, IOCB_NOWAIT), bs);
		KUNIT_EXPECT_EQ(test, iom_write(fs, pos + size - 1, 1, IOCB_NOWAIT), 1);
		iom_expect_cache(fs, pos + size - bs, pos + size);
		folio_lock(folio);
		KUNIT_EXPECT_EQ(test, iom_write(fs, pos + size - 1, 1, IOCB_NOWAIT), -EAGAIN);
		folio_unlock(folio);
		iom_done(fs, folio);
	}
}

/*
 * The first length from @len on of which the copy of 32 bit x86 comes to the end: it
 * copies nothing when a word lies half behind it, and the write tries for ever, see
 * found.rst.
 */
static size_t short_len(size_t len)
{
	return IS_ENABLED(CONFIG_X86_32) && len % 8 && len % 8 < 4 ? len | 4 : len;
}

/* The page of the user buffer after @len bytes is not there. */
static void short_buffer(struct kunit *test, struct iom_fs *fs, struct iov_iter *iter, loff_t pos,
			 size_t len, size_t want)
{
	unsigned long addr = USER_ADDR + PAGE_ALIGN(len) - len;

	KUNIT_ASSERT_EQ(test, USER_ADDR,
			vm_mmap(NULL, USER_ADDR, PAGE_ALIGN(len), PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0));
	memset(fs->buf, 0x77, len);
	KUNIT_ASSERT_EQ(test, 0, copy_to_user((void __user *)addr, fs->buf, len));
	memset(fs->model + (pos - fs->base), 0x77, len);
	iov_iter_ubuf(iter, ITER_SOURCE, (void __user *)addr, want);
}

/*
 * The user's buffer ends early. Of a folio that was not uptodate no block may be
 * taken for written that was not, nor one be lost that was; EOF moves as far.
 */
static void write_short_copy(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, state, l;
	struct iom_fs *fs = iom_create_two(test, order, 0);
	size_t size = PAGE_SIZE << order;
	const size_t lens[] = { 1, 511, 513, PAGE_SIZE, size / 2 + 3 };

	fxt_switch_mm(fxt_new_mm(test));
	iom_for_each_blkbits(i, order) {
		/* Not uptodate; uptodate; past EOF, where nothing may stay that was not written. */
		for (state = 0; state < 3; state++) {
			for (l = 0; l < ARRAY_SIZE(lens); l++) {
				size_t bs = 1 << iom_blkbits[i], len = short_len(lens[l]), end;
				struct folio *folio;
				struct iov_iter iter;
				loff_t pos;

				if (len + bs > size)
					continue;
				iom_reset(fs, iom_blkbits[i]);
				folio = iom_add_one(fs, order, true);
				pos = folio_pos(folio);
				if (state == 1)
					iom_read_folio(fs, folio);
				if (state == 2) {
					i_size_write(&fs->fx->inode, pos);
					iom_map(fs, pos, pos + size, IOMAP_HOLE, 0);
					iom_model_zeroes(fs, pos, pos + size);
				}
				short_buffer(test, fs, &iter, pos, len, size);
				KUNIT_EXPECT_EQ_MSG(test, iom_write_iter(fs, pos, &iter, 0), len,
						    "state %u, blocks of %zu", state, bs);
				KUNIT_EXPECT_EQ(test, iov_iter_count(&iter), size - len);
				KUNIT_EXPECT_EQ(test, i_size_read(&fs->fx->inode), state == 2 ?
						pos + len : fs->base + fs->size);
				folio_put(folio);
				end = round_up(len, bs);
				folio = filemap_get_folio(iom_mapping(fs), pos >> PAGE_SHIFT);
				KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
				iom_expect_cache(fs, pos, pos + end);
				iom_write_back(fs);
				/* The blocks that were meant, and not reached, are not dirty. */
				if (state != 2)
					iom_expect_asked(fs, IOM_WRITE, pos, pos + end);
				iom_expect_disk(fs, fs->base, pos + end);
				if (!folio_test_uptodate(folio))
					iom_read_folio(fs, folio);
				iom_expect_cache(fs, pos, pos + folio_size(folio));
				iom_done(fs, folio);
				KUNIT_ASSERT_EQ(test, 0, vm_munmap(USER_ADDR, PAGE_ALIGN(len)));
			}
		}
	}
}

/*
 * The buffer of a write from before EOF to behind it ends early. What iomap takes
 * back before it tries again lies behind EOF; what was dirty before it stays.
 *
 *	|         |  dirty  | EOF   hole
 *	^ the buffer ends
 *	^^^^^^^^^^^^^^^^^^^^^^^^^^^^ the write
 */
static void write_short_copy_across_eof(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, l;
	struct iom_fs *fs = iom_create_two(test, order, 0);
	const size_t lens[] = { 1, 511, 513 };

	fxt_switch_mm(fxt_new_mm(test));
	iom_for_each_blkbits(i, order) {
		size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order;

		for (l = 0; size >= 8 * bs && l < ARRAY_SIZE(lens); l++) {
			struct folio *folio;
			size_t len = short_len(lens[l]);
			struct iov_iter iter;
			loff_t pos, eof;

			iom_reset(fs, iom_blkbits[i]);
			folio = iom_add_one(fs, order, true);
			pos = folio_pos(folio);
			eof = pos + size / 2 + 5;
			i_size_write(&fs->fx->inode, eof);
			iom_map(fs, round_up(eof, bs), fs->base + fs->size, IOMAP_HOLE, 0);
			iom_model_zeroes(fs, eof, fs->base + fs->size);
			KUNIT_ASSERT_EQ(test, iom_write(fs, eof - bs, bs, 0), bs);
			short_buffer(test, fs, &iter, pos, len, size);
			KUNIT_EXPECT_EQ_MSG(test, iom_write_iter(fs, pos, &iter, 0), len,
					    "blocks of %zu", bs);
			KUNIT_EXPECT_EQ(test, i_size_read(&fs->fx->inode), eof);
			iom_expect_cache(fs, eof - bs, eof);
			iom_expect_cache(fs, pos, pos + len);
			iom_write_back(fs);
			iom_expect_disk(fs, fs->base, eof);
			iom_done(fs, folio);
			KUNIT_ASSERT_EQ(test, 0, vm_munmap(USER_ADDR, PAGE_SIZE));
		}
	}
}

/* A folio of the size of the write, as its place and the mapping allow. */
static void write_folio_order(struct kunit *test)
{
	unsigned int order = fxt_order(test), max, place;
	size_t size = PAGE_SIZE << order;

	for (max = 0; max <= IOM_MAX_ORDER; max += 3) {
		struct iom_fs *fs = iom_create(test, 0, max, SZ_4G, 2 * size);
		pgoff_t start = fs->base >> PAGE_SHIFT;

		for (place = 0; place < 3; place++) {
			/* From its own size on; from the second page; from the middle. */
			unsigned long skip = place == 0 ? 1UL << order :
					     place == 1 ? 1 : (1UL << order) / 2;
			pgoff_t index = start + skip, end = index + (1UL << order);
			struct fxt_range want[64];
			unsigned int nr = 0;

			iom_reset(fs, PAGE_SHIFT);
			KUNIT_ASSERT_EQ(test, iom_write(fs, FXT_POS(index), size, 0), size);
			while (index < end && nr < ARRAY_SIZE(want)) {
				unsigned int fit = min_t(unsigned int, ilog2(end - index), max);

				/* iomap takes it no further than to the next edge of a largest. */
				fit = min_t(unsigned int, fit,
					    ilog2((1UL << max) - (index & ((1UL << max) - 1))));
				if (index & ((1UL << fit) - 1))
					fit = __ffs(index);
				want[nr++] = (struct fxt_range) { index, fit };
				index += 1UL << fit;
			}
			if (nr < ARRAY_SIZE(want))
				fxt_expect_layout(fs->fx, want, nr);
			fxt_expect_consistent(fs->fx);
			iom_expect_cache(fs, FXT_POS(start + skip), FXT_POS(start + skip) + size);
			iom_write_back(fs);
			iom_expect_asked(fs, IOM_WRITE, FXT_POS(start + skip),
					 FXT_POS(start + skip) + size);
		}
	}
}

/* A write past EOF moves it to its last byte, and the gap reads as zeroes. */
static void write_extends_file(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, e, a;
	struct iom_fs *fs = iom_create_two(test, order, 0);

	iom_for_each_blkbits(i, order) {
		size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order;
		const size_t eofs[] = { 1, bs - 1, bs, bs + 1, size / 2, size / 2 + 1 };
		const size_t afters[] = { 0, 1, bs - 1, bs, bs + 1, size / 2 - 2 };

		for (e = 0; e < ARRAY_SIZE(eofs); e++) {
			for (a = 0; a < ARRAY_SIZE(afters); a++) {
				loff_t mid = fs->base + fs->size / 2, eof = mid + eofs[e];
				loff_t pos = eof + afters[a];
				struct folio *folio;

				if (order > 5 && (e + a) % 4)
					continue;
				if (pos + 1 > fs->base + fs->size)
					continue;
				iom_reset(fs, iom_blkbits[i]);
				i_size_write(&fs->fx->inode, eof);
				iom_map(fs, round_up(eof, bs), fs->base + fs->size, IOMAP_HOLE, 0);
				iom_model_zeroes(fs, eof, fs->base + fs->size);
				/* What a filesystem does: nothing past EOF survives on disk. */
				memset(fs->disk + (eof - fs->base), 0, round_up(eof, bs) - eof);
				folio = iom_add_one(fs, order, true);
				iom_read_folio(fs, folio);
				KUNIT_ASSERT_EQ(test, iom_write(fs, pos, 1, 0), 1);
				KUNIT_EXPECT_EQ(test, i_size_read(&fs->fx->inode), pos + 1);
				KUNIT_EXPECT_TRUE(test, fs->ios[fs->nr_ios - 1].op == IOM_END);
				KUNIT_EXPECT_TRUE(test, fs->ios[fs->nr_ios - 1].flags &
						  IOMAP_F_SIZE_CHANGED);
				KUNIT_EXPECT_EQ(test, fs->ios[fs->nr_ios - 1].len, 1);
				KUNIT_ASSERT_EQ(test, iom_write(fs, pos, 1, 0), 1);
				KUNIT_EXPECT_FALSE(test, fs->ios[fs->nr_ios - 1].flags &
						   IOMAP_F_SIZE_CHANGED);
				iom_expect_cache(fs, mid, mid + size);
				iom_write_back(fs);
				iom_expect_asked(fs, IOM_WRITE, round_down(pos, bs),
						 round_up(pos + 1, bs));
				iom_expect_disk(fs, round_down(pos, bs), round_up(pos + 1, bs));
				iom_done(fs, folio);
			}
		}
	}
}

/* What a mapping left past EOF is no data when a write moves EOF behind it. */
static void write_extends_over_scribble(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, e;
	struct iom_fs *fs = iom_create_two(test, order, 0);

	iom_for_each_blkbits(i, order) {
		size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order;
		const size_t eofs[] = { 1, bs - 1, size - PAGE_SIZE + 1 };

		/* Where a page is a block the filesystem itself zeroes up to its end. */
		if (bs == PAGE_SIZE)
			continue;
		for (e = 0; e < ARRAY_SIZE(eofs); e++) {
			loff_t pos = fs->base + fs->size - 1;
			struct folio *folio;

			iom_reset(fs, iom_blkbits[i]);
			folio = iom_add_one(fs, order, true);
			iom_read_folio(fs, folio);
			folio_mark_dirty(folio);
			i_size_write(&fs->fx->inode, folio_pos(folio) + eofs[e]);
			memset(fs->buf, 0x99, size - eofs[e]);
			memcpy_to_folio(folio, eofs[e], fs->buf, size - eofs[e]);
			iom_model_zeroes(fs, folio_pos(folio) + eofs[e], pos);
			KUNIT_ASSERT_EQ(test, iom_write(fs, pos, 1, 0), 1);
			iom_expect_cache(fs, folio_pos(folio), folio_pos(folio) + size);
			iom_write_back(fs);
			iom_expect_disk(fs, fs->base, fs->base + fs->size);
			iom_done(fs, folio);
		}
	}
}

/* Writeback has turned the hole into data before the folio was locked. */
static void hole_became_data(struct iom_fs *fs)
{
	iom_map(fs, fs->base, fs->base + fs->size, IOMAP_MAPPED, 0);
}

/* A mapping that is no longer true is not used: neither to zero nor to write. */
static void write_stale_mapping(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	struct iom_fs *fs = iom_create_two(test, order, 0);

	iom_for_each_blkbits(i, order) {
		size_t size = PAGE_SIZE << order, bs = 1 << iom_blkbits[i];
		struct folio *folio;
		loff_t pos;

		iom_reset(fs, iom_blkbits[i]);
		iom_map(fs, fs->base, fs->base + fs->size, IOMAP_UNWRITTEN, 0);
		folio = iom_add_one(fs, order, true);
		pos = folio_pos(folio);
		fs->stale_at = 1;
		fs->when_stale = hole_became_data;
		KUNIT_EXPECT_EQ(test, iom_write(fs, pos + size / 2 + 1, 1, 0), 1);
		KUNIT_EXPECT_EQ(test, fs->valid_calls, 2);
		KUNIT_EXPECT_EQ(test, iom_count(fs, IOM_END), 2);
		KUNIT_EXPECT_TRUE(test, fs->ios[0].op == IOM_END && !fs->ios[0].len);
		KUNIT_EXPECT_TRUE(test, fs->ios[0].flags & IOMAP_F_STALE);
		iom_expect_cache(fs, pos + round_down(size / 2, bs),
				 pos + round_down(size / 2, bs) + bs);
		iom_done(fs, folio);
	}
}

/* Shared blocks are read from where they are, and written elsewhere; unshare makes all so. */
static void unshare_blocks(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, e;
	struct iom_fs *fs = iom_create_two(test, order, 0);

	iom_for_each_blkbits(i, order) {
		size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order;
		loff_t from = fs->base + round_down(size / 2, bs), to = from + size;

		for (e = 0; e < 4; e++) {
			loff_t eof = e == 2 ? to - bs / 2 : fs->base + fs->size;

			iom_reset(fs, iom_blkbits[i]);
			if (e == 3) {
				/* What is shared behind EOF stays so. */
				eof = from + round_down(size / 2, bs);
				if (eof == from)
					continue;
				i_size_write(&fs->fx->inode, eof);
				iom_map(fs, from, to, IOMAP_MAPPED, IOMAP_F_SHARED);
				KUNIT_EXPECT_EQ(test, 0, iom_unshare(fs, fs->base, fs->size));
				iom_write_back(fs);
				iom_expect_asked(fs, IOM_WRITE, from, eof);
				iom_expect_disk(fs, from, eof);
				continue;
			}
			i_size_write(&fs->fx->inode, eof);
			iom_map(fs, from, to, IOMAP_MAPPED, IOMAP_F_SHARED);
			if (e == 1)
				cache_folio(fs, SZ_4G, order);
			/* A write of part of a block copies the rest of it. */
			KUNIT_ASSERT_EQ(test, iom_write(fs, from + 1, 1, 0), 1);
			KUNIT_EXPECT_EQ(test, 0, iom_unshare(fs, fs->base, fs->size));
			iom_write_back(fs);
			iom_expect_asked(fs, IOM_WRITE, from, to);
			if (e == 2)
				iom_model_zeroes(fs, eof, to);
			iom_expect_disk(fs, from, to);
			iom_expect_cache(fs, from, to);
			/* Now nothing is shared: nothing to do. */
			KUNIT_EXPECT_EQ(test, 0, iom_unshare(fs, fs->base, fs->size));
			iom_write_back(fs);
			KUNIT_EXPECT_EQ(test, iom_count(fs, IOM_WRITE), 0);
		}
		KUNIT_EXPECT_EQ(test, 0, iom_unshare(fs, fs->base + fs->size, size));
	}
}

/* Zeroing. */

/* Exactly the range is zeroed, its blocks are dirty, and holes stay holes. */
static void zero_range_edges(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, a, b;
	struct iom_fs *fs = iom_create_two(test, order, 0);
	size_t edges[NR_EDGES];

	iom_for_each_blkbits(i, order) {
		size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order;

		edges_of(bs, size, edges);
		for (a = 0; a < NR_EDGES; a++) {
			for (b = 0; b < NR_EDGES; b++) {
				loff_t mid = fs->base + fs->size / 2;
				/* From the first folio into the second, or inside one. */
				loff_t from = mid - (b & 1 ? size : 0) + edges[a];
				loff_t to = mid + edges[b];
				bool zeroed = false;

				if (!use_pair(order, size, edges, a, b))
					continue;
				iom_reset(fs, iom_blkbits[i]);
				if (a & 1)
					cache_folio(fs, mid, order);
				iom_model_zeroes(fs, from, to);
				KUNIT_EXPECT_EQ(test, 0, iom_zero_range(fs, from, to - from,
									&zeroed));
				KUNIT_EXPECT_TRUE(test, zeroed);
				KUNIT_EXPECT_EQ(test, i_size_read(&fs->fx->inode),
						fs->base + fs->size);
				iom_expect_cache(fs, round_down(from, bs), round_up(to, bs));
				iom_write_back(fs);
				iom_expect_asked(fs, IOM_WRITE, round_down(from, bs),
						 round_up(to, bs));
				iom_expect_disk(fs, fs->base, fs->base + fs->size);
			}
		}
	}
}

/* Over holes and clean unwritten extents there is nothing to do; dirty data there must go. */
static void zero_range_unwritten(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	struct iom_fs *fs = iom_create_two(test, order, 0);

	iom_for_each_blkbits(i, order) {
		size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order;
		loff_t mid = fs->base + fs->size / 2;
		bool zeroed = false;

		iom_reset(fs, iom_blkbits[i]);
		iom_map(fs, fs->base, mid, IOMAP_HOLE, 0);
		iom_map(fs, mid, mid + size, IOMAP_UNWRITTEN, 0);
		iom_model_zeroes(fs, fs->base, fs->base + fs->size);
		KUNIT_EXPECT_EQ(test, 0, iom_zero_range(fs, fs->base + 1, fs->size - 2, &zeroed));
		KUNIT_EXPECT_FALSE(test, zeroed);
		KUNIT_EXPECT_EQ(test, iom_mapping(fs)->nrpages, 0);
		KUNIT_EXPECT_EQ(test, iom_count(fs, IOM_READ), 0);

		/* The data of a write that has not reached the disk is zeroed like any. */
		KUNIT_ASSERT_EQ(test, iom_write(fs, mid + size / 2 - 1, 2, 0), 2);
		iom_model_zeroes(fs, mid + size / 2, mid + size);
		KUNIT_EXPECT_EQ(test, 0, iom_zero_range(fs, mid + size / 2, size / 2, &zeroed));
		KUNIT_EXPECT_TRUE(test, zeroed);
		iom_expect_cache(fs, mid + round_down(size / 2 - 1, bs),
				 mid + round_up(size / 2 + 1, bs));
		iom_write_back(fs);
		iom_expect_disk(fs, mid + round_down(size / 2 - 1, bs),
				mid + round_up(size / 2 + 1, bs));
	}
}

/*
 * The dirty folios over an unwritten extent, more than one batch holds, are zeroed
 * where they are; what is clean or not cached is left alone, and nothing is written.
 */
static void zero_range_dirty_batch(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	unsigned long nr = order < 5 ? 80 : 6, n;
	size_t size = PAGE_SIZE << order;
	/* Unfixed, iomap_fill_dirty_folios() of 32 bits goes on modulo 4 GiB. */
	const loff_t mid = IS_ENABLED(CONFIG_64BIT) || FXT_FIXED ? SZ_4G : SZ_2G;
	struct iom_fs *fs = iom_create(test, order, order, mid - nr / 2 * size, nr * size);

	for (i = 0; i < 2; i++) {
		loff_t from = fs->base + size / 2 + 1, to = fs->base + fs->size - 5;
		unsigned long cached = 0;
		bool zeroed = false;

		iom_reset(fs, i ? PAGE_SHIFT : SECTOR_SHIFT);
		fs->batch = true;
		iom_map(fs, fs->base, fs->base + fs->size, IOMAP_UNWRITTEN, 0);
		iom_model_zeroes(fs, fs->base, fs->base + fs->size);
		/* Of four folios two are dirty, one is clean and one is not there. */
		for (n = 0; n < nr; n++) {
			loff_t pos = fs->base + n * size;

			if (n % 4 == 3)
				continue;
			cached++;
			if (n % 4 < 2)
				KUNIT_ASSERT_EQ(test, iom_write(fs, pos, size, 0), size);
			else
				cache_folio(fs, pos, order);
		}
		iom_forget(fs);
		KUNIT_EXPECT_EQ(test, 0, iom_zero_range(fs, from, to - from, &zeroed));
		KUNIT_EXPECT_TRUE(test, zeroed);
		KUNIT_EXPECT_EQ(test, iom_count(fs, IOM_WRITE), 0);
		KUNIT_EXPECT_EQ(test, iom_count(fs, IOM_READ), 0);
		KUNIT_EXPECT_EQ(test, iom_mapping(fs)->nrpages, cached << order);
		iom_model_zeroes(fs, from, to);
		for (n = 0; n < nr; n++) {
			loff_t pos = fs->base + n * size;
			struct folio *folio;

			if (n % 4 == 3)
				continue;
			iom_expect_cache(fs, pos, pos + size);
			folio = filemap_get_folio(iom_mapping(fs), pos >> PAGE_SHIFT);
			KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
			KUNIT_EXPECT_EQ_MSG(test, folio_test_dirty(folio), n % 4 < 2,
					    "folio %lu", n);
			iom_done(fs, folio);
		}
	}
}

static void truncate_page_edges(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, e;
	struct iom_fs *fs = iom_create_two(test, order, 0);
	size_t edges[NR_EDGES];

	iom_for_each_blkbits(i, order) {
		size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order;

		edges_of(bs, size, edges);
		for (e = 0; e < NR_EDGES; e++) {
			loff_t pos = fs->base + fs->size / 2 + edges[e];
			loff_t first = round_down(pos, bs), end = round_up(pos, bs);
			bool zeroed = false;

			if (edges[e] > size)
				continue;
			iom_reset(fs, iom_blkbits[i]);
			KUNIT_EXPECT_EQ(test, 0, iom_truncate_page(fs, pos, &zeroed));
			KUNIT_EXPECT_EQ_MSG(test, zeroed, pos != first, "at %zu", edges[e]);
			iom_model_zeroes(fs, pos, end);
			iom_expect_cache(fs, first, end);
			iom_write_back(fs);
			iom_expect_asked(fs, IOM_WRITE, first, end);
			iom_expect_disk(fs, fs->base, fs->base + fs->size);
		}
	}
}

/* A write fault on any page dirties the folio up to EOF; past EOF it is refused. */
static void mkwrite_eof(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, e;
	struct iom_fs *fs = iom_create_two(test, order, 0);

	iom_for_each_blkbits(i, order) {
		size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order;
		const size_t eofs[] = { 0, 1, PAGE_SIZE, size / 2 + 1, size - 1, size, size + 1 };

		for (e = 0; e < ARRAY_SIZE(eofs); e++) {
			struct folio *folio;
			struct page *page;
			vm_fault_t ret;
			loff_t pos, end;

			iom_reset(fs, iom_blkbits[i]);
			folio = iom_add_one(fs, order, true);
			pos = folio_pos(folio);
			iom_read_folio(fs, folio);
			iom_forget(fs);
			i_size_write(&fs->fx->inode, pos + eofs[e]);
			page = folio_page(folio, (folio_nr_pages(folio) - 1) * (e & 1));
			ret = iom_mkwrite(fs, page);
			if (!eofs[e]) {
				KUNIT_EXPECT_EQ(test, ret, VM_FAULT_NOPAGE);
				KUNIT_EXPECT_FALSE(test, folio_test_dirty(folio));
				iom_done(fs, folio);
				continue;
			}
			KUNIT_EXPECT_EQ_MSG(test, ret, VM_FAULT_LOCKED, "EOF %zu", eofs[e]);
			KUNIT_EXPECT_TRUE(test, folio_test_locked(folio));
			KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
			folio_unlock(folio);
			/* The filesystem made room for all that may be written. */
			iom_expect_asked(fs, IOM_END, pos, pos + min(eofs[e], size));
			end = min_t(loff_t, pos + size, round_up(pos + eofs[e], bs));
			iom_model_zeroes(fs, pos + min(eofs[e], size), pos + size);
			iom_write_back(fs);
			iom_expect_asked(fs, IOM_WRITE, pos, end);
			iom_expect_disk(fs, pos, end);
			/* A folio that was truncated in between is not the file's any more. */
			truncate_inode_pages(iom_mapping(fs), 0);
			KUNIT_EXPECT_EQ(test, iom_mkwrite(fs, page), VM_FAULT_NOPAGE);
			KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
			folio_put(folio);
		}
	}
}

/* What a short write reserved is given back, except under dirty blocks before EOF. */
static void delalloc_release_blocks(struct kunit *test)
{
	static const u16 masks[] = { 0x00, 0x01, 0x80, 0x81, 0x55, 0xaa, 0x3c, 0xff };
	unsigned int order = fxt_order(test), i, m, k, e;
	struct iom_fs *fs = iom_create_two(test, order, 0);
	unsigned long *want = iom_bitmap(fs);

	iom_for_each_blkbits(i, order) {
		size_t bs = 1 << iom_blkbits[i], size = PAGE_SIZE << order, unit = size / 8;
		loff_t end = fs->base + fs->size;

		if (unit < bs)
			continue;
		for (m = 0; m < 2 * ARRAY_SIZE(masks); m++) {
			u16 mask = masks[m / 2];
			struct folio *folio;
			loff_t pos, from;

			iom_reset(fs, iom_blkbits[i]);
			iom_map(fs, fs->base, end, IOMAP_DELALLOC, 0);
			bitmap_fill(want, fs->size >> SECTOR_SHIFT);
			folio = iom_add_one(fs, order, true);
			pos = folio_pos(folio);
			if (m & 1)
				iom_read_folio(fs, folio);
			for (k = 0; k < 8; k++) {
				if (!(mask & 1 << k))
					continue;
				KUNIT_ASSERT_EQ(test, iom_write(fs, pos + k * unit, unit, 0), unit);
				bitmap_clear(want, (size_t)(pos - fs->base + k * unit) / bs,
					     unit / bs);
			}
			for (e = 0; e < 3; e++) {
				/* From the start; from the third part; EOF after the sixth. */
				from = e == 1 ? pos + 2 * unit : fs->base;
				if (e == 2) {
					i_size_write(&fs->fx->inode, pos + 6 * unit);
					bitmap_set(want, (size_t)(pos + 6 * unit - fs->base) / bs,
						   2 * unit / bs);
				}
				iom_forget(fs);
				iom_delalloc_release(fs, from, end);
				iom_expect_asked_map(fs, IOM_PUNCH, want, from, end);
				KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
				KUNIT_EXPECT_EQ(test, folio_test_dirty(folio), mask != 0);
			}
			iom_done(fs, folio);
		}
	}
}

/* A clean folio between dirty ones has no claim to the blocks reserved for it. */
static void delalloc_release_between_folios(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	size_t size = PAGE_SIZE << order;
	struct iom_fs *fs = iom_create(test, order, order, SZ_4G, 4 * size);
	loff_t clean = fs->base + size;

	iom_map(fs, fs->base, fs->base + fs->size, IOMAP_DELALLOC, 0);
	KUNIT_ASSERT_EQ(test, iom_write(fs, fs->base, size, 0), size);
	cache_folio(fs, clean, order);
	KUNIT_ASSERT_EQ(test, iom_write(fs, clean + size, size, 0), size);
	iom_forget(fs);
	iom_delalloc_release(fs, fs->base, clean + 2 * size);
	iom_expect_asked(fs, IOM_PUNCH, clean, clean + size);
}

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

static struct kunit_case iomap_write_cases[] = {
	KUNIT_CASE_PARAM_ATTR(write_block_edges, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(write_into_holes, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(write_read_error, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(write_nowait, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(write_short_copy, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(write_short_copy_across_eof, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(write_folio_order, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(write_extends_file, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(write_extends_over_scribble, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(write_stale_mapping, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(unshare_blocks, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(zero_range_edges, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(zero_range_unwritten, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(zero_range_dirty_batch, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(truncate_page_edges, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(mkwrite_eof, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(delalloc_release_blocks, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(delalloc_release_between_folios, order_gen_params),
	{}
};

static struct kunit_suite iomap_write_suite = {
	.name = "mm_iomap_write",
	.test_cases = iomap_write_cases,
};

kunit_test_suite(iomap_write_suite);

MODULE_DESCRIPTION("KUnit suite of iomap's writes and zeroing");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_LICENSE("GPL");
