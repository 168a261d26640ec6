// SPDX-License-Identifier: GPL-2.0
/*
 * What a case of the iomap suites puts into the filesystem in memory and finds there:
 * its extents, its bytes on disk, in the model and in the page cache, and the record
 * of what iomap asked for. None of it needs iomap: see fixture_iomap.h.
 */
#include <linux/bitmap.h>
#include <linux/highmem.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/unaligned.h>

#include "fixture_iomap.h"
#include "../module/compat.h"

/* What is put there. */

/* What is on disk where nothing was ever written, and in a folio before it is read. */
#define GARBAGE	0x5a

/* Says who and where, like the fixture's stamps: which write, which word of the file. */
static u64 word_at(u64 gen, loff_t pos)
{
	return BIT_ULL(63) | gen << 48 | (u64)pos >> 3;
}

static void fill(u8 *bytes, u64 gen, loff_t pos, size_t len)
{
	while (len) {
		u64 word = word_at(gen, pos);
		size_t skip = pos & 7, n = min(8 - skip, len);

		/* Most of it is whole words. */
		if (n == 8)
			put_unaligned(word, (u64 *)bytes);
		else
			memcpy(bytes, (u8 *)&word + skip, n);
		bytes += n;
		pos += n;
		len -= n;
	}
}

/**
 * iom_create_two() - make a file of two folios, one below and one above 4 GiB
 * @test: the case
 * @order: the order of the folios
 * @min_order: the smallest that the mapping announces
 *
 * Return: the filesystem, as iom_create().
 */
struct iom_fs *iom_create_two(struct kunit *test, unsigned int order, unsigned int min_order)
{
	size_t size = PAGE_SIZE << order;

	return iom_create(test, min_order, IOM_MAX_ORDER, SZ_4G - size, 2 * size);
}
EXPORT_SYMBOL_NS_GPL(iom_create_two, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_reset() - as new: nothing cached, everything mapped and stamped
 * @fs: the filesystem
 * @blkbits: log2 of its block size from now on
 */
void iom_reset(struct iom_fs *fs, unsigned int blkbits)
{
	KUNIT_ASSERT_EQ(fs->test, fs->nr_pending, 0);
	truncate_inode_pages(iom_mapping(fs), 0);
	KUNIT_ASSERT_EQ(fs->test, iom_mapping(fs)->nrpages, 0);
	fs->fx->inode.i_blkbits = blkbits;
	i_size_write(&fs->fx->inode, fs->base + fs->size);
	memset_startat(fs, 0, gen);
	fill(fs->disk, 0, fs->base, fs->size);
	memcpy(fs->model, fs->disk, fs->size);
	memset(fs->type, IOMAP_MAPPED, fs->size >> SECTOR_SHIFT);
	memset(fs->flags, 0, (fs->size >> SECTOR_SHIFT) * sizeof(u16));
}
EXPORT_SYMBOL_NS_GPL(iom_reset, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_map() - say what a range is mapped to
 * @fs: the filesystem
 * @from: first byte, a multiple of the block size
 * @to: byte after the last, another
 * @type: IOMAP_HOLE, IOMAP_DELALLOC, IOMAP_MAPPED or IOMAP_UNWRITTEN
 * @flags: IOMAP_F_NEW, IOMAP_F_SHARED
 *
 * What is on disk there stays.
 */
void iom_map(struct iom_fs *fs, loff_t from, loff_t to, unsigned int type, unsigned int flags)
{
	size_t i;

	KUNIT_ASSERT_TRUE_MSG(fs->test, from >= fs->base && to <= fs->base + fs->size,
			      "map %lld to %lld", from, to);
	for (i = iom_sector(fs, from); i < iom_sector(fs, to); i++) {
		fs->type[i] = type;
		fs->flags[i] = flags;
	}
}
EXPORT_SYMBOL_NS_GPL(iom_map, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_add_folio() - put a folio of garbage in the page cache, not uptodate
 * @fs: the filesystem
 * @pos: where in the file; a multiple of its size
 * @order: its order
 *
 * Return: the folio, unlocked; the page cache and the case hold references.
 */
struct folio *iom_add_folio(struct iom_fs *fs, loff_t pos, unsigned int order)
{
	struct folio *folio = folio_alloc(mapping_gfp_mask(iom_mapping(fs)), order);
	size_t i;

	KUNIT_ASSERT_NOT_NULL(fs->test, folio);
	KUNIT_ASSERT_EQ(fs->test, folio_order(folio), order);
	for (i = 0; i < folio_nr_pages(folio); i++) {
		void *bytes = kmap_local_folio(folio, i * PAGE_SIZE);

		memset(bytes, GARBAGE, PAGE_SIZE);
		kunmap_local(bytes);
	}
	KUNIT_ASSERT_EQ(fs->test, 0, filemap_add_folio(iom_mapping(fs), folio, pos >> PAGE_SHIFT,
						       GFP_KERNEL));
	folio_unlock(folio);
	return folio;
}
EXPORT_SYMBOL_NS_GPL(iom_add_folio, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_add_one() - put the folio that a case is about in the page cache
 * @fs: what iom_create_two() made
 * @order: the order that was given there
 * @second: the folio above 4 GiB, else the one below
 *
 * Return: the folio, as iom_add_folio().
 */
struct folio *iom_add_one(struct iom_fs *fs, unsigned int order, bool second)
{
	return iom_add_folio(fs, fs->base + (second ? fs->size / 2 : 0), order);
}
EXPORT_SYMBOL_NS_GPL(iom_add_one, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_model_zeroes() - from now on a reader must see zeroes
 * @fs: the filesystem
 * @from: first byte
 * @to: byte after the last
 */
void iom_model_zeroes(struct iom_fs *fs, loff_t from, loff_t to)
{
	memset(fs->model + (from - fs->base), 0, to - from);
}
EXPORT_SYMBOL_NS_GPL(iom_model_zeroes, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_write() - write bytes that are like no others
 * @fs: the filesystem
 * @pos: where
 * @len: how many
 * @iocb_flags: IOCB_NOWAIT etc.
 *
 * The model holds afterwards what was written.
 *
 * Return: what iomap_file_buffered_write() returns.
 */
ssize_t iom_write(struct iom_fs *fs, loff_t pos, size_t len, int iocb_flags)
{
	struct kvec kvec = { .iov_base = fs->buf, .iov_len = len };
	struct iov_iter iter;
	ssize_t ret;

	KUNIT_ASSERT_LE(fs->test, len, fs->size);
	fs->gen = (fs->gen + 1) & 0x7fff;
	fill(fs->buf, fs->gen, pos, len);
	iov_iter_kvec(&iter, ITER_SOURCE, &kvec, 1, len);
	ret = iom_write_iter(fs, pos, &iter, iocb_flags);
	KUNIT_EXPECT_EQ_MSG(fs->test, iov_iter_count(&iter), len - max(ret, 0),
			    "write %zu at %lld", len, pos);
	if (ret > 0)
		memcpy(fs->model + (pos - fs->base), fs->buf, ret);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(iom_write, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_write_back() - write back all that is dirty, and record it anew
 * @fs: the filesystem
 */
void iom_write_back(struct iom_fs *fs)
{
	iom_forget(fs);
	KUNIT_EXPECT_EQ(fs->test, 0, filemap_write_and_wait(iom_mapping(fs)));
}
EXPORT_SYMBOL_NS_GPL(iom_write_back, COMPAT_NS(FOLIO_KUNIT));

/* What was asked for. */

/**
 * iom_forget() - empty the record
 * @fs: the filesystem
 */
void iom_forget(struct iom_fs *fs)
{
	fs->nr_ios = 0;
	fs->written_folios = 0;
}
EXPORT_SYMBOL_NS_GPL(iom_forget, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_next_io() - the next recorded request of a kind
 * @fs: the filesystem
 * @op: the kind
 * @io: the request before it; NULL for the first of all
 *
 * Return: the request, NULL if there is no other.
 */
const struct iom_io *iom_next_io(struct iom_fs *fs, enum iom_op op, const struct iom_io *io)
{
	const struct iom_io *end = fs->ios + min(fs->nr_ios, IOM_MAX_IOS);

	for (io = io ? io + 1 : fs->ios; io < end; io++)
		if (io->op == op)
			return io;
	return NULL;
}
EXPORT_SYMBOL_NS_GPL(iom_next_io, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_count() - how many requests of a kind are recorded
 * @fs: the filesystem
 * @op: the kind
 *
 * Return: their number.
 */
unsigned int iom_count(struct iom_fs *fs, enum iom_op op)
{
	const struct iom_io *io = NULL;
	unsigned int n = 0;

	while ((io = iom_next_io(fs, op, io)))
		n++;
	return n;
}
EXPORT_SYMBOL_NS_GPL(iom_count, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_asked() - whether a byte was asked for
 * @fs: the filesystem
 * @op: how
 * @pos: the byte
 *
 * Return: true if a recorded request of that kind holds the byte.
 */
bool iom_asked(struct iom_fs *fs, enum iom_op op, loff_t pos)
{
	const struct iom_io *io = NULL;

	while ((io = iom_next_io(fs, op, io)))
		if (pos >= io->pos && pos < io->pos + io->len)
			return true;
	return false;
}
EXPORT_SYMBOL_NS_GPL(iom_asked, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_expect_asked() - expect that a range was asked for, no byte twice, and no other
 * @fs: the filesystem
 * @op: how
 * @from: first byte
 * @to: byte after the last; @from for none
 */
void iom_expect_asked(struct iom_fs *fs, enum iom_op op, loff_t from, loff_t to)
{
	const struct iom_io *io = NULL;
	loff_t pos = from;
	u64 sum = 0;

	while ((io = iom_next_io(fs, op, io))) {
		sum += io->len;
		KUNIT_EXPECT_TRUE_MSG(fs->test, io->pos >= from && io->pos + io->len <= to,
				      "op %d: %llu bytes at %lld, outside %lld to %lld", op,
				      io->len, io->pos, from, to);
	}
	while (pos < to && iom_asked(fs, op, pos))
		pos += iom_blocksize(fs);
	KUNIT_EXPECT_GE_MSG(fs->test, pos, to, "op %d: not asked for, of %lld to %lld", op, from,
			    to);
	KUNIT_EXPECT_EQ_MSG(fs->test, sum, to - from, "op %d: asked for twice, in %lld to %lld",
			    op, from, to);
}
EXPORT_SYMBOL_NS_GPL(iom_expect_asked, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_bitmap() - a bit for each block
 * @fs: the filesystem
 *
 * Return: bits that are all clear, enough for the smallest blocks.
 */
unsigned long *iom_bitmap(struct iom_fs *fs)
{
	size_t longs = BITS_TO_LONGS(fs->size >> SECTOR_SHIFT);
	unsigned long *map = kunit_kzalloc(fs->test, longs * sizeof(long), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(fs->test, map);
	return map;
}
EXPORT_SYMBOL_NS_GPL(iom_bitmap, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_expect_asked_map() - expect that exactly some blocks of a range were asked for
 * @fs: the filesystem
 * @op: how
 * @map: one bit a block, from @fs->base
 * @from: first byte, a multiple of the block size
 * @to: byte after the last, another
 *
 * None may be asked for twice, or in part, and none outside of the range.
 */
void iom_expect_asked_map(struct iom_fs *fs, enum iom_op op, const unsigned long *map,
			  loff_t from, loff_t to)
{
	size_t bs = iom_blocksize(fs), first = (size_t)(from - fs->base) / bs;
	size_t nr = (size_t)(to - from) / bs, b;
	unsigned long *asked = iom_bitmap(fs);
	const struct iom_io *io = NULL;

	while ((io = iom_next_io(fs, op, io))) {
		size_t at = io->pos - fs->base;

		KUNIT_EXPECT_TRUE_MSG(fs->test, IS_ALIGNED(io->pos | io->len, bs),
				      "block size %zu: %llu at %lld", bs, io->len, io->pos);
		for (b = at / bs; b < (at + (size_t)io->len) / bs; b++) {
			KUNIT_EXPECT_TRUE_MSG(fs->test, b >= first && b < first + nr,
					      "block %zu of %zu bytes", b, bs);
			KUNIT_EXPECT_FALSE_MSG(fs->test, __test_and_set_bit(b, asked),
					       "block %zu of %zu bytes, twice", b, bs);
		}
	}
	for (b = first; b < first + nr; b++) {
		if (test_bit(b, map) != test_bit(b, asked)) {
			KUNIT_FAIL(fs->test, "block %zu of %zu bytes: %sasked for (op %d)", b, bs,
				   test_bit(b, asked) ? "" : "not ", op);
			break;
		}
	}
	kunit_kfree(fs->test, asked);
}
EXPORT_SYMBOL_NS_GPL(iom_expect_asked_map, COMPAT_NS(FOLIO_KUNIT));

/* What is there. */

/* Names the first byte that is not the one of the model. */
static bool compare(struct iom_fs *fs, const u8 *got, loff_t pos, size_t len, const char *where)
{
	const u8 *want = fs->model + (pos - fs->base);
	size_t i = 0;

	if (!memcmp(got, want, len))
		return true;
	while (got[i] == want[i])
		i++;
	KUNIT_FAIL(fs->test, "byte %lld (%zu of the data) %s: %02x, not %02x; word %016llx",
		   pos + i, (size_t)(pos + i - fs->base), where, got[i], want[i],
		   *(u64 *)PTR_ALIGN_DOWN(got + i, 8));
	return false;
}

/**
 * iom_expect_cache() - expect that the page cache holds what the model has
 * @fs: the filesystem
 * @from: first byte
 * @to: byte after the last
 *
 * Every page of the range must be cached. One wrong byte is reported, the first.
 */
void iom_expect_cache(struct iom_fs *fs, loff_t from, loff_t to)
{
	loff_t pos = from;

	while (pos < to) {
		size_t len = min_t(loff_t, PAGE_SIZE - offset_in_page(pos), to - pos);
		struct folio *folio = filemap_get_folio(iom_mapping(fs), pos >> PAGE_SHIFT);
		bool right;
		u8 *bytes;

		if (IS_ERR(folio)) {
			KUNIT_FAIL(fs->test, "byte %lld is not cached", pos);
			return;
		}
		bytes = kmap_local_folio(folio, offset_in_folio(folio, pos));
		right = compare(fs, bytes, pos, len, "in the cache");
		kunmap_local(bytes);
		if (!right)
			fxt_print_folio(fs->test, folio);
		folio_put(folio);
		if (!right)
			return;
		pos += len;
	}
}
EXPORT_SYMBOL_NS_GPL(iom_expect_cache, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_expect_disk() - expect that the disk holds what the model has
 * @fs: the filesystem
 * @from: first byte
 * @to: byte after the last
 */
void iom_expect_disk(struct iom_fs *fs, loff_t from, loff_t to)
{
	compare(fs, fs->disk + (from - fs->base), from, to - from, "on disk");
}
EXPORT_SYMBOL_NS_GPL(iom_expect_disk, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_uptodate() - whether a part of a folio may be read
 * @fs: the filesystem
 * @folio: a folio of the file
 * @off: first byte in the folio
 * @len: number of bytes
 *
 * Return: true if all of the part is uptodate.
 */
bool iom_uptodate(struct iom_fs *fs, struct folio *folio, size_t off, size_t len)
{
	return folio_test_uptodate(folio) ||
	       iom_mapping(fs)->a_ops->is_partially_uptodate(folio, off, len);
}
EXPORT_SYMBOL_NS_GPL(iom_uptodate, COMPAT_NS(FOLIO_KUNIT));

/**
 * iom_done() - drop a case's reference, and expect nobody else to have one
 * @fs: the filesystem
 * @folio: a folio in its page cache, neither locked nor under writeback any more
 *
 * The page cache holds references, and what iomap attached holds one.
 */
void iom_done(struct iom_fs *fs, struct folio *folio)
{
	int want = folio_nr_pages(folio) + folio_test_private(folio) + 1;

	fxt_drain_lru();
	KUNIT_EXPECT_FALSE(fs->test, folio_test_locked(folio));
	KUNIT_EXPECT_FALSE(fs->test, folio_test_writeback(folio));
	KUNIT_EXPECT_EQ(fs->test, folio_ref_count(folio), want);
	/* Else a case that fails would hang. */
	if (folio_test_locked(folio))
		folio_unlock(folio);
	folio_put(folio);
}
EXPORT_SYMBOL_NS_GPL(iom_done, COMPAT_NS(FOLIO_KUNIT));
