// SPDX-License-Identifier: GPL-2.0
/*
 * mm_split_shmem: splitting a large folio of tmpfs. What lies past EOF is dropped
 * and given back to the file's account, unless fallocate() had reserved it.
 */
#include <linux/cred.h>
#include <linux/falloc.h>
#include <linux/highmem.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/shmem_fs.h>

#include "split_model.h"

#define AT	(FIRST + 512)

KUNIT_ARRAY_PARAM_DESC(order, split_orders, desc);

/**
 * struct shmem_split - a split of a folio of a file of tmpfs
 * @split: the split
 * @mnt: a mount that allocates folios as large as a write
 * @file: the file; its i_size is 0 until the case says another
 * @inode: its inode
 * @held: the folio that the case has locked, with a reference
 * @pages: NR_FILE_PAGES without the folio
 * @shmem: NR_SHMEM
 * @thps: NR_SHMEM_THPS
 * @dirty: NR_FILE_DIRTY
 */
struct shmem_split {
	struct split split;
	struct vfsmount *mnt;
	struct file *file;
	struct inode *inode;
	struct folio *held;
	long pages, shmem, thps, dirty;
};

static void let_go(struct shmem_split *m)
{
	struct folio *held = m->held;

	m->held = NULL;
	if (!held)
		return;
	folio_unlock(held);
	folio_put(held);
}

static void end_shmem_split(void *data)
{
	struct shmem_split *m = data;

	let_go(m);
	if (!IS_ERR_OR_NULL(m->file))
		__fput_sync(m->file);
	if (!IS_ERR_OR_NULL(m->mnt))
		kern_unmount_array(&m->mnt, 1);
}

static struct shmem_split *new_shmem_split(struct kunit *test)
{
	struct shmem_split *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	struct file_system_type *type = get_fs_type("tmpfs");
	char options[] = "huge=within_size";
	struct path path;

	if (!IS_ENABLED(CONFIG_TMPFS))
		kunit_skip(test, "needs CONFIG_TMPFS");
	fxt_need_large_pages(test);
	KUNIT_ASSERT_NOT_NULL(test, m);
	KUNIT_ASSERT_NOT_NULL(test, type);
	m->split.test = test;
	m->split.poisoned = NO_PAGE;
	m->mnt = vfs_kern_mount(type, SB_KERNMOUNT, "tmpfs", options);
	module_put(type->owner);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(m->mnt));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, end_shmem_split, m));
	path = (struct path){ .mnt = m->mnt, .dentry = m->mnt->mnt_root };
	m->file = kernel_tmpfile_open(&nop_mnt_idmap, &path, S_IFREG | 0600,
				      O_RDWR | O_LARGEFILE, current_cred());
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(m->file));
	m->inode = file_inode(m->file);
	return m;
}

static u32 *word_of(struct folio *folio, unsigned long page)
{
	return kmap_local_folio(folio, page << PAGE_SHIFT);
}

/* A folio of the case's order, uptodate, dirty, locked and held. */
static struct folio *add_shmem(struct shmem_split *m)
{
	struct kunit *test = m->split.test;
	unsigned int order = fxt_order(test), i;
	struct folio *folio = NULL;

	m->pages = fxt_sum_node_stat(NR_FILE_PAGES);
	m->shmem = fxt_sum_node_stat(NR_SHMEM);
	m->thps = fxt_sum_node_stat(NR_SHMEM_THPS);
	m->dirty = fxt_sum_node_stat(NR_FILE_DIRTY);
	i_size_write(m->inode, 0);
	KUNIT_ASSERT_EQ(test, 0, shmem_get_folio(m->inode, AT, FXT_POS(AT + (1UL << order)),
						 &folio, SGP_WRITE));
	m->held = folio;
	for (i = 0; i < 1U << folio_order(folio); i++) {
		u32 *word = word_of(folio, i);

		clear_page(word);
		*word = i + 1;
		kunmap_local(word);
	}
	folio_mark_uptodate(folio);
	folio_mark_dirty(folio);
	KUNIT_ASSERT_EQ(test, order, folio_order(folio));
	KUNIT_ASSERT_TRUE(test, folio_test_swapbacked(folio));
	m->split.folio = folio;
	return folio;
}

static void prepare_shmem_split(struct shmem_split *m, unsigned int new_order,
				unsigned long at, bool uniform)
{
	struct split *s = &m->split;

	s->new_order = new_order;
	s->at = at;
	s->uniform = uniform;
	prepare_split(s);
}

static void expect_account(struct shmem_split *m, long pages, bool thp)
{
	struct kunit *test = m->split.test;
	struct shmem_inode_info *info = SHMEM_I(m->inode);

	KUNIT_EXPECT_EQ(test, pages, m->inode->i_mapping->nrpages);
	KUNIT_EXPECT_EQ(test, pages, info->alloced);
	KUNIT_EXPECT_EQ(test, 0, info->swapped);
	KUNIT_EXPECT_EQ(test, pages * (PAGE_SIZE / 512), m->inode->i_blocks);
	expect_node(test, m->split.folio, NR_FILE_PAGES, m->pages + pages, "NR_FILE_PAGES");
	expect_node(test, m->split.folio, NR_SHMEM, m->shmem + pages, "NR_SHMEM");
	expect_node(test, m->split.folio, NR_SHMEM_THPS, m->thps + (thp ? HPAGE_PMD_NR : 0),
		    "NR_SHMEM_THPS");
	expect_node(test, m->split.folio, NR_FILE_DIRTY, m->dirty, "NR_FILE_DIRTY");
}

/* The pieces that begin before @end are cached, the others dropped, but for the first. */
static void expect_shmem_pieces(struct shmem_split *m, pgoff_t end)
{
	struct split *s = &m->split;
	struct xarray *xa = &m->inode->i_mapping->i_pages;
	struct kunit *test = s->test;
	long cached = 0, freed = 0;
	unsigned int i;

	for (i = 0; i < s->nr; i++) {
		unsigned long nr = 1UL << s->want[i].order, page;
		struct folio *piece = piece_of(s, i);

		if (i && s->want[i].index >= end) {
			for (page = 0; page < nr; page++)
				KUNIT_EXPECT_NULL_MSG(test, xa_load(xa, s->want[i].index + page),
						      "piece %u, page %lu past the end", i, page);
			if (!piece_is_locked(s, i)) {
				freed += nr;
				continue;
			}
			KUNIT_EXPECT_NULL(test, piece->mapping);
			KUNIT_EXPECT_TRUE(test, folio_test_locked(piece));
			KUNIT_EXPECT_EQ(test, 1, folio_ref_count(piece));
			KUNIT_EXPECT_EQ(test, s->want[i].order, folio_order(piece));
			continue;
		}
		cached += nr;
		if (!piece_is_right(s, i, nr + piece_is_locked(s, i), true))
			return;
		KUNIT_EXPECT_PTR_EQ_MSG(test, m->inode->i_mapping, piece->mapping, "piece %u", i);
		for (page = 0; page < nr; page++) {
			pgoff_t index = s->want[i].index + page;
			u32 *word = word_of(piece, page);

			KUNIT_EXPECT_PTR_EQ_MSG(test, piece, xa_load(xa, index), "at %lu", index);
			KUNIT_EXPECT_EQ_MSG(test, s->want[i].order, xa_get_order(xa, index),
					    "index %lu", index);
			KUNIT_EXPECT_EQ_MSG(test, index - s->index + 1, *word, "index %lu", index);
			kunmap_local(word);
		}
	}
	expect_freed(s, freed);
	expect_account(m, cached, s->nr == 1 && s->order == HPAGE_PMD_ORDER);
	KUNIT_EXPECT_FALSE(test, irqs_disabled());
}

static void end_shmem(struct shmem_split *m)
{
	let_go(m);
	shmem_truncate_range(m->inode, 0, -1);
	expect_account(m, 0, false);
}

/* To each order at some places, nothing of it past EOF. */
static void folio_split_shmem(struct kunit *test)
{
	struct shmem_split *m = new_shmem_split(test);
	unsigned int order = fxt_order(test), new_order, p;
	unsigned long place[MAX_PLACES], nr = places_of(order, place);
	struct split *s = &m->split;

	for (new_order = 0; new_order < order; new_order++) {
		for (p = 0; p < min(nr, 4UL); p++) {
			unsigned int uniform = (p ^ new_order) & 1;

			add_shmem(m);
			i_size_write(m->inode, FXT_POS(AT + (1UL << order)) - (p & 2));
			prepare_shmem_split(m, new_order, place[p], uniform);
			expect_split(s, NULL, 0);
			m->held = page_folio(folio_page(s->folio, uniform ? s->at : 0));
			expect_shmem_pieces(m, ULONG_MAX);
			if (split_failed(s, "place", p))
				return;
			end_shmem(m);
			if (split_failed(s, "at the end, place", p))
				return;
		}
	}
}

/* The file, or what is reserved for it, ends at and around each edge of the folio. */
static void folio_split_shmem_past_eof(struct kunit *test)
{
	struct shmem_split *m = new_shmem_split(test);
	unsigned int order = fxt_order(test), i, n = 0, reserve;
	const unsigned long nr = 1UL << order;
	loff_t edge[MAX_EDGES];
	unsigned int edges = folio_edges(order, edge);
	struct split *s = &m->split;

	for (i = 0; i < edges; i++) {
		for (reserve = 0; reserve < 3; reserve++, n++) {
			unsigned int uniform = n & 1, new_order = (n / 2) % order;
			/* Reserved: nothing, some pages more, the whole folio. */
			pgoff_t end = AT + DIV_ROUND_UP(edge[i], PAGE_SIZE), kept = AT;

			/* How far fallocate() reached only grows, until the file is new. */
			SHMEM_I(m->inode)->fallocend = 0;
			add_shmem(m);
			i_size_write(m->inode, FXT_POS(AT) + edge[i]);
			if (reserve) {
				kept = AT + nr;
				if (reserve == 1)
					kept = min(end + max(nr / 8, 1UL), kept);
				folio_unlock(m->held);
				KUNIT_ASSERT_EQ(test, 0,
						vfs_fallocate(m->file, FALLOC_FL_KEEP_SIZE,
							      FXT_POS(AT), FXT_POS(kept - AT)));
				folio_lock(m->held);
				KUNIT_ASSERT_EQ(test, order, folio_order(m->held));
				fxt_drain_lru();
			}
			prepare_shmem_split(m, new_order, n % 5 ? nr - 1 :
					    min(edge[i] >> PAGE_SHIFT, (loff_t)nr - 1), uniform);
			expect_split(s, NULL, 0);
			m->held = page_folio(folio_page(s->folio, uniform ? s->at : 0));
			expect_shmem_pieces(m, max(end, kept));
			KUNIT_EXPECT_EQ(test, FXT_POS(AT) + edge[i], i_size_read(m->inode));
			if (split_failed(s, reserve ? "reserved, i_size at" : "i_size at", edge[i]))
				return;
			end_shmem(m);
			if (split_failed(s, "at the end, i_size at", edge[i]))
				return;
		}
	}
}

/* A refusal leaves it as it was: no piece, no page of the account less. */
static void folio_split_shmem_refused(struct kunit *test)
{
	struct shmem_split *m = new_shmem_split(test);
	unsigned int order = fxt_order(test), n;
	struct split *s = &m->split;

	for (n = 0; n < 6; n++) {
		struct folio *folio = add_shmem(m);
		int want = -EAGAIN;

		/* Nor does it drop anything, though all but a page is past EOF. */
		i_size_write(m->inode, FXT_POS(AT) + 1);
		if (n / 2 == 2)
			folio_start_writeback(folio);
		prepare_shmem_split(m, n / 2 == 1 ? order : 0, 0, n & 1);
		if (n / 2 == 0) {
			folio_get(folio);
		} else if (n / 2 == 1) {
			want = -EINVAL;
		} else {
			want = -EBUSY;
		}
		expect_split(s, NULL, want);
		if (n / 2 == 0)
			folio_put(folio);
		s->nr = 1;
		s->want[0] = (struct fxt_range){ s->index, order };
		expect_shmem_pieces(m, ULONG_MAX);
		if (n / 2 == 2)
			folio_end_writeback(folio);
		if (split_failed(s, "refused, way", n))
			return;
		end_shmem(m);
	}
}

static struct kunit_case split_shmem_cases[] = {
	KUNIT_CASE_PARAM(folio_split_shmem, order_gen_params),
	KUNIT_CASE_PARAM(folio_split_shmem_past_eof, order_gen_params),
	KUNIT_CASE_PARAM(folio_split_shmem_refused, order_gen_params),
	{}
};

static struct kunit_suite split_shmem_suite = {
	.name = "mm_split_shmem",
	.init = start_split_case,
	.test_cases = split_shmem_cases,
};

kunit_test_suite(split_shmem_suite);

MODULE_DESCRIPTION("KUnit suite of splitting folios of tmpfs");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
