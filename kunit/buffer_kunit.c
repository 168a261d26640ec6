// SPDX-License-Identifier: GPL-2.0
/*
 * mm_buffer: what fs/buffer.c keeps of each block of a large folio. The blocks
 * are read by get_block() itself, so that no case needs a device; buffer_disk_kunit.c
 * has those that do.
 */
#include <linux/highmem.h>
#include <linux/module.h>

#include "buffer_model.h"

static const struct address_space_operations buffer_aops = {
	.dirty_folio		= block_dirty_folio,
	.invalidate_folio	= block_invalidate_folio,
	.is_partially_uptodate	= block_is_partially_uptodate,
};

/* Which blocks get_block() finds: all but each third; and the one it cannot. */
struct blocks {
	sector_t bad;
	unsigned int asked;
	sector_t first;
	sector_t last;
};

static bool is_hole(sector_t block)
{
	return do_div(block, 3) == 2;
}

static int get_block(struct inode *inode, sector_t block, struct buffer_head *bh, int create)
{
	struct blocks *blocks = inode->i_private;

	blocks->first = blocks->asked ? min(blocks->first, block) : block;
	blocks->last = blocks->asked ? max(blocks->last, block) : block;
	blocks->asked++;
	if (block == blocks->bad)
		return -EIO;
	if (is_hole(block) && !create)
		return 0;
	bh->b_blocknr = block;
	set_buffer_mapped(bh);
	/* What lies in the folio is what is on disk: read, without waiting. */
	set_buffer_uptodate(bh);
	return 0;
}

static struct folio_fixture *create(struct kunit *test, struct blocks *blocks)
{
	struct folio_fixture *fx = fxt_create(test, 0, FXT_MAX_ORDER);

	fxt_mapping(fx)->a_ops = &buffer_aops;
	fx->inode.i_private = blocks;
	*blocks = (struct blocks) { .bad = ~0ULL };
	return fx;
}

/* One buffer a block, in order, of the folio and not of its pages. */
static void create_buffers_cover_folio(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, state;
	struct blocks blocks;
	struct folio_fixture *fx = create(test, &blocks);

	for (i = 0; i < ARRAY_SIZE(blkbits); i++) {
		for (state = 0; state < 3; state++) {
			static const unsigned int states[] = { FXT_NOT_UPTODATE, 0, FXT_DIRTY };
			struct folio *folio = add_folio(test, fx, blkbits[i], order, states[state]);
			size_t bs = 1 << blkbits[i], size = PAGE_SIZE << order, at = 0;
			struct buffer_head *head, *bh;
			int ref = folio_ref_count(folio);

			head = create_empty_buffers(folio, bs, 0);
			KUNIT_EXPECT_PTR_EQ(test, head, folio_buffers(folio));
			KUNIT_EXPECT_TRUE(test, folio_test_private(folio));
			KUNIT_EXPECT_EQ(test, folio_ref_count(folio), ref + 1);
			bh = head;
			do {
				if (bh_offset(bh) != at || bh->b_size != bs ||
				    bh->b_folio != folio ||
				    buffer_uptodate(bh) != (state > 0) ||
				    buffer_dirty(bh) != (state == 2)) {
					KUNIT_FAIL(test, "buffer at %zu of %zu: %lu+%zu state %lx",
						   at, size, bh_offset(bh), bh->b_size,
						   bh->b_state);
					break;
				}
				at += bs;
				bh = bh->b_this_page;
			} while (bh != head && at < size);
			KUNIT_EXPECT_EQ(test, at, size);
			KUNIT_EXPECT_PTR_EQ(test, bh, head);

			/* Dirty buffers stay; so does a folio one buffer of which is in use. */
			if (state < 2) {
				bh = buffer_at(folio, size - 1);
				get_bh(bh);
				KUNIT_EXPECT_FALSE(test, try_to_free_buffers(folio));
				put_bh(bh);
			}
			KUNIT_EXPECT_EQ(test, try_to_free_buffers(folio), state < 2);
			KUNIT_EXPECT_EQ(test, folio_test_private(folio), state == 2);
			KUNIT_EXPECT_EQ(test, folio_ref_count(folio), ref + (state == 2));
			put_folio(folio);
		}
	}
}

/* A buffer on its own lies where it was put, up to the last byte of its folio, or of another. */
static void bh_offset_in_folio(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	struct blocks blocks;
	struct folio_fixture *fx = create(test, &blocks);

	for (i = 0; i < ARRAY_SIZE(blkbits); i++) {
		struct folio *folio = add_folio(test, fx, blkbits[i], order, 0);
		struct folio *small = fxt_add_folio(fx, FIRST_PAGE + (1UL << order), 0, 0);
		size_t bs = 1 << blkbits[i], size = PAGE_SIZE << order, at = 0;
		struct buffer_head *bh, *head, *next;

		KUNIT_ASSERT_EQ(test, folio_order(small), 0);
		head = folio_alloc_buffers(folio, bs, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, head);
		for (bh = head; bh; bh = bh->b_this_page) {
			if (bh_offset(bh) != at || bh->b_size != bs || bh->b_folio != folio) {
				KUNIT_FAIL(test, "buffer of %zu at %zu of %zu: %lu+%zu", bs, at,
					   size, bh_offset(bh), bh->b_size);
				break;
			}
			at += bs;
		}
		KUNIT_EXPECT_EQ(test, at, size);

		folio_set_bh(head, folio, size - 1);
		KUNIT_EXPECT_EQ(test, bh_offset(head), size - 1);
		folio_set_bh(head, small, PAGE_SIZE - bs);
		KUNIT_EXPECT_PTR_EQ(test, head->b_folio, small);
		KUNIT_EXPECT_EQ(test, bh_offset(head), PAGE_SIZE - bs);
		folio_set_bh(head, folio, size - bs);
		KUNIT_EXPECT_EQ(test, bh_offset(head), size - bs);

		for (bh = head; bh; bh = next) {
			next = bh->b_this_page;
			free_buffer_head(bh);
		}
		put_folio(folio);
	}
}

/* Holes and what lies past EOF are zeroed, each block is asked for once, one may fail. */
static void read_full_folio_blocks(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, k;
	struct blocks blocks;
	struct folio_fixture *fx = create(test, &blocks);

	for (i = 0; i < ARRAY_SIZE(blkbits); i++) {
		size_t bs = 1 << blkbits[i], size = PAGE_SIZE << order, at;
		const size_t eofs[] = {
			size, size, 1, bs, bs + 1, size / 2 + 1, size - bs, size - 1,
		};

		for (k = 0; k < ARRAY_SIZE(eofs); k++) {
			struct folio *folio;
			size_t end = round_up(eofs[k], bs);
			sector_t first;
			loff_t pos;

			if (!end || eofs[k] > size)
				continue;
			folio = add_folio(test, fx, blkbits[i], order, FXT_NOT_UPTODATE);
			pos = folio_pos(folio);
			first = pos >> blkbits[i];
			blocks = (struct blocks) { .bad = ~0ULL };
			if (!k)
				blocks.bad = first + (size / 2 >> blkbits[i]);
			i_size_write(&fx->inode, pos + eofs[k]);
			KUNIT_EXPECT_EQ(test, 0, block_read_full_folio(folio, get_block));
			KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
			KUNIT_EXPECT_EQ_MSG(test, folio_test_uptodate(folio), k > 0, "EOF %zu", end);
			KUNIT_EXPECT_EQ_MSG(test, blocks.asked, end >> blkbits[i], "EOF %zu", end);
			KUNIT_EXPECT_EQ(test, blocks.first, first);
			KUNIT_EXPECT_EQ(test, blocks.last, first + (end >> blkbits[i]) - 1);
			folio_lock(folio);
			for (at = 0; at < size; at += bs) {
				sector_t block = (pos + at) >> blkbits[i];
				struct buffer_head *bh;

				if (order > 4 && at > 8 * bs && at < end - bs && at != size / 2)
					continue;
				bh = buffer_at(folio, at);
				KUNIT_EXPECT_EQ_MSG(test, buffer_uptodate(bh), block != blocks.bad,
						    "block at %zu, EOF %zu", at, end);
				if (block == blocks.bad || is_hole(block) || at >= end)
					fxt_expect_zeroed(fx, pos + at, pos + at + bs);
				else
					fxt_expect_stamped(fx, pos + at, pos + at + bs);
			}
			put_folio(folio);
		}
	}
}

/* Who dirties the folio dirties each of its blocks. */
static void dirty_folio_all_buffers(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	struct blocks blocks;
	struct folio_fixture *fx = create(test, &blocks);

	for (i = 0; i < ARRAY_SIZE(blkbits); i++) {
		struct folio *folio = add_folio(test, fx, blkbits[i], order, 0);
		struct buffer_head *head, *bh;
		size_t n = 0;

		head = create_empty_buffers(folio, 1 << blkbits[i], 0);
		KUNIT_EXPECT_TRUE(test, folio_mark_dirty(folio));
		KUNIT_EXPECT_FALSE(test, folio_mark_dirty(folio));
		bh = head;
		do {
			n += buffer_dirty(bh);
		} while ((bh = bh->b_this_page) != head);
		KUNIT_EXPECT_EQ(test, n, folio_size(folio) >> blkbits[i]);
		KUNIT_EXPECT_TRUE(test, xa_get_mark(&fxt_mapping(fx)->i_pages,
						    folio_next_index(folio) - 1,
						    PAGECACHE_TAG_DIRTY));
		put_folio(folio);
	}
}

/* Blocks that are wholly invalidated are forgotten, the others kept as they were. */
static void invalidate_folio_buffers(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, a, b;
	struct blocks blocks;
	struct folio_fixture *fx = create(test, &blocks);
	size_t edges[NR_EDGES];

	for (i = 0; i < ARRAY_SIZE(blkbits); i++) {
		size_t bs = 1 << blkbits[i], size = PAGE_SIZE << order;

		edges_of(bs, size, edges);
		for_each_range(a, b, edges, size) {
			size_t from = edges[a], to = edges[b], at = 0;
			struct folio *folio = add_folio(test, fx, blkbits[i], order, FXT_DIRTY);
			struct buffer_head *bh, *head;

			head = create_empty_buffers(folio, bs, BIT(BH_Mapped));
			folio_invalidate(folio, from, to - from);
			KUNIT_EXPECT_EQ(test, folio_test_private(folio), to - from < size);
			bh = head;
			do {
				bool gone = at >= from && at + bs <= to;

				if (to - from == size)
					break;
				if (buffer_dirty(bh) == gone || buffer_mapped(bh) == gone) {
					KUNIT_FAIL(test, "block at %zu, %zu to %zu of %zu: state %lx",
						   at, from, to, size, bh->b_state);
					break;
				}
				at += bs;
			} while ((bh = bh->b_this_page) != head);
			put_folio(folio);
		}
	}
}

/* A write that ends in the middle of a folio: its blocks, and no other, are uptodate and dirty. */
static void write_begin_end_blocks(struct kunit *test)
{
	unsigned int order = fxt_order(test), i, a, b;
	struct blocks blocks;
	struct folio_fixture *fx = create(test, &blocks);
	size_t edges[NR_EDGES];

	for (i = 0; i < ARRAY_SIZE(blkbits); i++) {
		size_t bs = 1 << blkbits[i], size = PAGE_SIZE << order;

		edges_of(bs, size, edges);
		for_each_range(a, b, edges, size) {
			size_t from = edges[a], to = edges[b], at = 0;
			struct folio *folio = add_folio(test, fx, blkbits[i], order,
							FXT_NOT_UPTODATE);
			size_t first = round_down(from, bs), last = round_up(to, bs);
			loff_t pos = folio_pos(folio);
			struct buffer_head *bh, *head;
			struct folio *got;

			put_folio(folio);
			blocks = (struct blocks) { .bad = ~0ULL };
			i_size_write(&fx->inode, pos + from);
			KUNIT_ASSERT_EQ(test, 0, block_write_begin(fxt_mapping(fx), pos + from,
								   to - from, &got, get_block));
			KUNIT_ASSERT_PTR_EQ(test, got, folio);
			KUNIT_EXPECT_TRUE(test, folio_test_locked(folio));
			KUNIT_EXPECT_EQ_MSG(test, blocks.asked, (last - first) / bs,
					    "%zu to %zu of %zu", from, to, size);
			KUNIT_EXPECT_EQ(test, blocks.first, (pos + first) >> blkbits[i]);
			KUNIT_EXPECT_EQ(test, to - from,
					generic_write_end(NULL, fxt_mapping(fx), pos + from,
							  to - from, to - from, folio, NULL));
			KUNIT_EXPECT_EQ(test, i_size_read(&fx->inode), pos + (loff_t)to);
			KUNIT_EXPECT_FALSE(test, folio_test_locked(folio));
			KUNIT_EXPECT_TRUE(test, folio_test_dirty(folio));
			KUNIT_EXPECT_EQ_MSG(test, folio_test_uptodate(folio), last - first == size,
					    "%zu to %zu of %zu", from, to, size);
			folio_lock(folio);
			bh = head = folio_buffers(folio);
			do {
				bool in = at >= first && at < last;

				if (buffer_dirty(bh) != in || buffer_uptodate(bh) != in ||
				    buffer_mapped(bh) != in) {
					KUNIT_FAIL(test, "block at %zu, %zu to %zu of %zu: state %lx",
						   at, from, to, size, bh->b_state);
					break;
				}
				at += bs;
			} while ((bh = bh->b_this_page) != head);
			if (!folio_test_uptodate(folio)) {
				KUNIT_EXPECT_TRUE(test, block_is_partially_uptodate(folio, from,
										    to - from));
				KUNIT_EXPECT_TRUE(test, block_is_partially_uptodate(folio, first,
										    last - first));
				if (last < size)
					KUNIT_EXPECT_FALSE(test,
						block_is_partially_uptodate(folio, last - 1, 2));
				if (first)
					KUNIT_EXPECT_FALSE(test,
						block_is_partially_uptodate(folio, first - 1, 2));
				if (last == size)
					KUNIT_EXPECT_TRUE(test,
						block_is_partially_uptodate(folio, first, size));
			}
			folio_cancel_dirty(folio);
			folio_unlock(folio);
		}
	}
}

/*
 * From EOF to the end of its block all is zero; nothing else changes. A block of
 * which nobody knows where it is, is asked for, and may be a hole.
 */
static void truncate_page_zeroes_block(struct kunit *test)
{
	/* That the right block is asked for is a fix. */
	const unsigned int rounds = FXT_FIXED ? 2 : 1;
	unsigned int order = fxt_order(test), i, e;
	struct blocks blocks;
	struct folio_fixture *fx = create(test, &blocks);
	size_t edges[NR_EDGES];

	for (i = 0; i < ARRAY_SIZE(blkbits); i++) {
		size_t bs = 1 << blkbits[i], size = PAGE_SIZE << order;

		edges_of(bs, size, edges);
		for (e = 0; e < NR_EDGES * rounds; e++) {
			size_t eof = edges[e / rounds], end = round_up(eof, bs);
			bool mapped = !(e % rounds), zero;
			struct folio *folio;
			sector_t block;
			loff_t pos;

			if (eof >= size)
				continue;
			folio = add_folio(test, fx, blkbits[i], order, 0);
			pos = folio_pos(folio);
			blocks = (struct blocks) { .bad = ~0ULL };
			block = (pos + eof) >> blkbits[i];
			zero = eof < end && (mapped || !is_hole(block));
			create_empty_buffers(folio, bs, mapped ? BIT(BH_Mapped) : 0);
			folio_unlock(folio);
			KUNIT_EXPECT_EQ(test, 0, block_truncate_page(fxt_mapping(fx), pos + eof,
								     get_block));
			KUNIT_EXPECT_EQ(test, blocks.asked, eof < end && !mapped);
			if (blocks.asked)
				KUNIT_EXPECT_EQ_MSG(test, blocks.first, block, "EOF %zu", eof);
			fxt_expect_stamped(fx, pos, pos + eof);
			if (zero)
				fxt_expect_zeroed(fx, pos + eof, pos + end);
			else
				fxt_expect_stamped(fx, pos + eof, pos + end);
			fxt_expect_stamped(fx, pos + end, pos + size);
			KUNIT_EXPECT_EQ_MSG(test, folio_test_dirty(folio), zero, "EOF %zu", eof);
			if (zero)
				KUNIT_EXPECT_TRUE(test, buffer_dirty(buffer_at(folio, eof)));
			if (end < size)
				KUNIT_EXPECT_FALSE(test, buffer_dirty(buffer_at(folio, end)));
			folio_lock(folio);
			put_folio(folio);
		}
	}
}

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

static struct kunit_case buffer_cases[] = {
	KUNIT_CASE_PARAM_ATTR(create_buffers_cover_folio, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(bh_offset_in_folio, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(read_full_folio_blocks, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM(dirty_folio_all_buffers, order_gen_params),
	KUNIT_CASE_PARAM_ATTR(invalidate_folio_buffers, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(write_begin_end_blocks, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	KUNIT_CASE_PARAM_ATTR(truncate_page_zeroes_block, order_gen_params,
			      {.speed = KUNIT_SPEED_SLOW}),
	{}
};

static struct kunit_suite buffer_suite = {
	.name = "mm_buffer",
	.test_cases = buffer_cases,
};

kunit_test_suite(buffer_suite);

MODULE_DESCRIPTION("KUnit suite of buffer heads on large folios");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_LICENSE("GPL");
