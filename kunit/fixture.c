// SPDX-License-Identifier: GPL-2.0
/*
 * The shared fixture of the folio suites: see fixture.h.
 *
 * The inode embeds the fixture, so whatever the page cache calls, even late,
 * finds the record alive: it is freed with the inode, after a grace period.
 */
#include <linux/backing-dev.h>
#include <linux/file.h>
#include <linux/fs_context.h>
#include <linux/highmem.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "fixture.h"
#include "../module/compat.h"

#define FXT_MAGIC	0x464f4c49	/* "FOLI" */

static inline struct folio_fixture *to_fixture(struct inode *inode)
{
	return container_of(inode, struct folio_fixture, inode);
}

static void record(struct folio *folio, enum fxt_op op, size_t offset, size_t len)
{
	struct folio_fixture *fx = to_fixture(folio->mapping->host);
	unsigned long flags;

	spin_lock_irqsave(&fx->lock, flags);
	if (fx->nr_calls < FXT_MAX_CALLS)
		fx->calls[fx->nr_calls] = (struct fxt_call) {
			.op = op,
			.index = folio->index,
			.order = folio_order(folio),
			.offset = offset,
			.len = len,
		};
	fx->nr_calls++;
	spin_unlock_irqrestore(&fx->lock, flags);
}

/*
 * The stamp of eight bytes: who, which page, which word. Every byte has its top
 * bit set, so that none can be taken for a zeroed one; read back, it tells where
 * misplaced data came from.
 */
static u64 stamp_word(const struct inode *inode, loff_t pos)
{
	u64 index = pos >> PAGE_SHIFT;
	u64 word = offset_in_page(pos) / sizeof(u64);
	u64 stamp = 0x8080808080808080ULL;

	stamp |= inode->i_ino & 0x7f;
	stamp |= (index & 0x7f) << 8 | (index >> 7 & 0x7f) << 16 |
		 (index >> 14 & 0x7f) << 24 | (index >> 21 & 0x7f) << 32;
	stamp |= (word & 0x7f) << 40 | (word >> 7 & 0x7f) << 48;
	return stamp;
}

static u8 stamp_byte(const struct inode *inode, loff_t pos)
{
	u64 word = stamp_word(inode, round_down(pos, 8));

	return ((u8 *)&word)[pos & 7];
}

/* stamp_word() of a word of a page whose first stamp is known: for long loops. */
static u64 stamp_word_in_page(u64 first, unsigned int word)
{
	return first | (u64)(word & 0x7f) << 40 | (u64)(word >> 7) << 48;
}

/**
 * fxt_stamp() - fill a folio with the bytes the file has at an index
 * @fx: the fixture whose file is meant
 * @folio: the folio to fill; need not be in the page cache
 * @index: page index its first page has, or will have, in the file
 */
void fxt_stamp(struct folio_fixture *fx, struct folio *folio, pgoff_t index)
{
	size_t i, size = folio_size(folio);

	for (i = 0; i < size; i += PAGE_SIZE) {
		u64 first = stamp_word(&fx->inode, FXT_POS(index) + i);
		u64 *words = kmap_local_folio(folio, i);
		unsigned int w;

		for (w = 0; w < PAGE_SIZE / sizeof(u64); w++)
			words[w] = stamp_word_in_page(first, w);
		kunmap_local(words);
	}
}
EXPORT_SYMBOL_NS_GPL(fxt_stamp, COMPAT_NS(FOLIO_KUNIT));

/* The address_space operations: do the ordinary thing, and record it. */

static int fxt_read_folio(struct file *file, struct folio *folio)
{
	struct folio_fixture *fx = to_fixture(folio->mapping->host);

	record(folio, FXT_READ_FOLIO, 0, folio_size(folio));
	fxt_stamp(fx, folio, folio->index);
	folio_end_read(folio, true);
	return 0;
}

static bool fxt_dirty_folio(struct address_space *mapping, struct folio *folio)
{
	record(folio, FXT_DIRTY_FOLIO, 0, folio_size(folio));
	return filemap_dirty_folio(mapping, folio);
}

static void fxt_invalidate_folio(struct folio *folio, size_t offset, size_t len)
{
	record(folio, FXT_INVALIDATE_FOLIO, offset, len);
	if (offset == 0 && len == folio_size(folio))
		folio_detach_private(folio);
}

static bool fxt_release_folio(struct folio *folio, gfp_t gfp)
{
	record(folio, FXT_RELEASE_FOLIO, 0, folio_size(folio));
	if (to_fixture(folio->mapping->host)->refuse_release)
		return false;
	folio_detach_private(folio);
	return true;
}

static int fxt_launder_folio(struct folio *folio)
{
	struct folio_fixture *fx = to_fixture(folio->mapping->host);

	record(folio, FXT_LAUNDER_FOLIO, 0, folio_size(folio));
	if (fx->launder_error)
		return fx->launder_error;
	folio_clear_dirty_for_io(folio);
	return 0;
}

static int fxt_migrate_folio(struct address_space *mapping, struct folio *dst,
			     struct folio *src, enum migrate_mode mode)
{
	record(src, FXT_MIGRATE_FOLIO, 0, folio_size(src));
	return filemap_migrate_folio(mapping, dst, src, mode);
}

static const struct address_space_operations fxt_aops = {
	.read_folio		= fxt_read_folio,
	.dirty_folio		= fxt_dirty_folio,
	.invalidate_folio	= fxt_invalidate_folio,
	.release_folio		= fxt_release_folio,
	.launder_folio		= fxt_launder_folio,
	.migrate_folio		= fxt_migrate_folio,
	.error_remove_folio	= generic_error_remove_folio,
};

/* The pseudo filesystem: one superblock a fixture, never visible to user space. */

static struct inode *fxt_alloc_inode(struct super_block *sb)
{
	struct folio_fixture *fx = kzalloc(sizeof(*fx), GFP_KERNEL);

	if (!fx)
		return NULL;
	inode_init_once(&fx->inode);
	spin_lock_init(&fx->lock);
	return &fx->inode;
}

static void fxt_free_inode(struct inode *inode)
{
	kfree(to_fixture(inode));
}

static const struct super_operations fxt_sops = {
	.alloc_inode	= fxt_alloc_inode,
	.free_inode	= fxt_free_inode,
	.statfs		= simple_statfs,
};

static int fxt_init_fs_context(struct fs_context *fc)
{
	struct pseudo_fs_context *ctx = init_pseudo(fc, FXT_MAGIC);

	if (!ctx)
		return -ENOMEM;
	ctx->ops = &fxt_sops;
	return 0;
}

static struct file_system_type fxt_fs_type = {
	.owner			= THIS_MODULE,
	.name			= "folio_kunit",
	.init_fs_context	= fxt_init_fs_context,
	.kill_sb		= kill_anon_super,
};

static const struct vm_operations_struct fxt_vm_ops = {
	.fault		= filemap_fault,
	.map_pages	= filemap_map_pages,
	.page_mkwrite	= filemap_page_mkwrite,
};

static int fxt_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_ops = &fxt_vm_ops;
	return 0;
}

/* No owner: alloc_file_pseudo() takes no reference for fput() to drop. */
static const struct file_operations fxt_fops = {
	.llseek		= generic_file_llseek,
	.read_iter	= generic_file_read_iter,
	.splice_read	= filemap_splice_read,
	.mmap		= fxt_file_mmap,
};

static void fxt_umount(void *data)
{
	struct vfsmount *mnt = data;

	/* The case's own mappings are gone; their files may still wait. */
	flush_delayed_fput();
	/* An array of one: it expedites the grace period, which is most of a case. */
	kern_unmount_array(&mnt, 1);
}

static void fxt_destroy(void *data)
{
	struct folio_fixture *fx = data;

	if (fx->nr_calls > FXT_MAX_CALLS)
		KUNIT_FAIL(fx->test, "%u calls recorded, room for %d",
			   fx->nr_calls, FXT_MAX_CALLS);
	if (fx->file)
		__fput_sync(fx->file);
	truncate_inode_pages(&fx->inode.i_data, 0);
	iput(&fx->inode);
}

/**
 * fxt_create() - make an empty file for a case
 * @test: the case; the file and all it caches go away when the case ends
 * @min_order: smallest folio order that its mapping announces
 * @max_order: largest; MAX_PAGECACHE_ORDER at most
 *
 * The file is as long as the largest folio at any index that the suites use, so
 * that nothing lies past EOF unless a case calls i_size_write().
 *
 * Return: the fixture. A failure ends the case.
 */
struct folio_fixture *fxt_create(struct kunit *test, unsigned int min_order,
				 unsigned int max_order)
{
	static atomic_t last_ino = ATOMIC_INIT(0);
	struct folio_fixture *fx;
	struct vfsmount *mnt;
	struct inode *inode;

	mnt = kern_mount(&fxt_fs_type);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mnt);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, fxt_umount, mnt));

	inode = new_inode(mnt->mnt_sb);
	KUNIT_ASSERT_NOT_NULL(test, inode);
	inode->i_ino = atomic_inc_return(&last_ino);
	inode->i_mode = S_IFREG | 0600;
	inode->i_fop = &fxt_fops;
	inode->i_mapping->a_ops = &fxt_aops;
	mapping_set_folio_order_range(inode->i_mapping, min_order, max_order);
	i_size_write(inode, FXT_POS(1UL << 24));

	fx = to_fixture(inode);
	fx->test = test;
	fx->mnt = mnt;
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, fxt_destroy, fx));
	return fx;
}
EXPORT_SYMBOL_NS_GPL(fxt_create, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_file() - an open file of the fixture
 * @fx: the fixture
 *
 * Return: a file open for reading and writing; the fixture holds the reference.
 * A failure ends the case.
 */
struct file *fxt_file(struct folio_fixture *fx)
{
	struct file *file = fx->file;

	if (file)
		return file;
	ihold(&fx->inode);
	file = alloc_file_pseudo(&fx->inode, fx->mnt, "file", O_RDWR | O_LARGEFILE,
				 &fxt_fops);
	if (IS_ERR(file))
		iput(&fx->inode);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(fx->test, file);
	fx->file = file;
	return file;
}
EXPORT_SYMBOL_NS_GPL(fxt_file, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_new_folio() - allocate a stamped folio that is not yet in the page cache
 * @fx: the fixture
 * @index: page index it is stamped for
 * @order: its order, exactly
 *
 * Return: an unlocked folio with one reference, the caller's. A failure ends
 * the case.
 */
struct folio *fxt_new_folio(struct folio_fixture *fx, pgoff_t index,
			    unsigned int order)
{
	struct folio *folio = folio_alloc(mapping_gfp_mask(fxt_mapping(fx)), order);

	KUNIT_ASSERT_NOT_NULL_MSG(fx->test, folio, "no memory for order %u", order);
	KUNIT_ASSERT_EQ(fx->test, order, folio_order(folio));
	fxt_stamp(fx, folio, index);
	return folio;
}
EXPORT_SYMBOL_NS_GPL(fxt_new_folio, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_add_folio() - put a stamped folio of a chosen order in the page cache
 * @fx: the fixture
 * @index: page index of its first page; a multiple of its number of pages
 * @order: its order, exactly
 * @state: FXT_DIRTY, FXT_PRIVATE, FXT_NOT_UPTODATE or 0
 *
 * The calls it provokes (FXT_DIRTY_FOLIO) are recorded as any other.
 *
 * Return: the folio, unlocked. The page cache (and FXT_PRIVATE) hold the only
 * references, so that it can be split and removed; it is the caller's duty not
 * to use it after that. A failure ends the case.
 */
struct folio *fxt_add_folio(struct folio_fixture *fx, pgoff_t index,
			    unsigned int order, unsigned int state)
{
	struct folio *folio = fxt_new_folio(fx, index, order);
	int err = filemap_add_folio(fxt_mapping(fx), folio, index, GFP_KERNEL);

	if (err)
		folio_put(folio);
	KUNIT_ASSERT_EQ_MSG(fx->test, 0, err, "add order %u at %lu", order, index);
	if (!(state & FXT_NOT_UPTODATE))
		folio_mark_uptodate(folio);
	if (state & FXT_PRIVATE)
		folio_attach_private(folio, fx);
	if (state & FXT_DIRTY)
		folio_mark_dirty(folio);
	folio_unlock(folio);
	folio_put(folio);
	return folio;
}
EXPORT_SYMBOL_NS_GPL(fxt_add_folio, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_add_shadow() - put in the page cache what reclaim leaves of a folio
 * @fx: the fixture
 * @index: page index of its first page; a multiple of its number of pages
 * @order: the order that the folio had
 *
 * The entry, FXT_SHADOW, is made up: who adds a folio over it gives __GFP_WRITE, so
 * that filemap_add_folio() does not ask the entry when the folio was evicted. A
 * failure ends the case.
 */
void fxt_add_shadow(struct folio_fixture *fx, pgoff_t index, unsigned int order)
{
	XA_STATE_ORDER(xas, &fxt_mapping(fx)->i_pages, index, order);

	do {
		xas_lock_irq(&xas);
		xas_store(&xas, FXT_SHADOW);
		xas_unlock_irq(&xas);
	} while (xas_nomem(&xas, GFP_KERNEL));
	KUNIT_ASSERT_EQ(fx->test, 0, xas_error(&xas));
}
EXPORT_SYMBOL_NS_GPL(fxt_add_shadow, COMPAT_NS(FOLIO_KUNIT));

/* Says whose stamp a word is, so that misplaced data name their origin. */
static void print_origin(struct kunit *test, const void *at)
{
	u64 w = *(const u64 *)at;

	if (!w)
		kunit_info(test, "its word was zeroed");
	else if ((w & 0x8080808080808080ULL) == 0x8080808080808080ULL)
		kunit_info(test, "its word is the one of inode %llu, index %llu, word %llu",
			   w & 0x7f,
			   (w >> 8 & 0x7f) | (w >> 16 & 0x7f) << 7 |
			   (w >> 24 & 0x7f) << 14 | (w >> 32 & 0x7f) << 21,
			   (w >> 40 & 0x7f) | (w >> 48 & 0x7f) << 7);
	else
		kunit_info(test, "its word is no stamp: %016llx", w);
}

/* How many bytes of whole, right words start here: all, in a case that passes. */
static size_t right_words(struct folio_fixture *fx, const u8 *bytes, loff_t pos,
			  size_t len, bool zeroed)
{
	u64 first = stamp_word(&fx->inode, round_down(pos, PAGE_SIZE));
	unsigned int w = offset_in_page(pos) / 8;
	size_t i;

	if (pos & 7)
		return 0;
	for (i = 0; i + 8 <= len; i += 8, w++)
		if (*(const u64 *)(bytes + i) != (zeroed ? 0 : stamp_word_in_page(first, w)))
			break;
	return i;
}

/* Compares the cached bytes of [from, to) with their stamps, or with zero. */
static void expect_bytes(struct folio_fixture *fx, loff_t from, loff_t to, bool zeroed)
{
	loff_t pos = from;

	while (pos < to) {
		struct folio *folio = filemap_get_folio(fxt_mapping(fx), pos >> PAGE_SHIFT);
		size_t i, offset, len = min_t(loff_t, to - pos, PAGE_SIZE - offset_in_page(pos));
		u8 *bytes;

		if (IS_ERR(folio)) {
			KUNIT_FAIL(fx->test, "index %llu is not cached (bytes %lld to %lld wanted)",
				   (u64)pos >> PAGE_SHIFT, from, to);
			return;
		}
		offset = offset_in_folio(folio, pos);
		bytes = kmap_local_folio(folio, offset);
		for (i = 0; i < len; i++) {
			u8 want;

			i += right_words(fx, bytes + i, pos + i, len - i, zeroed);
			if (i == len)
				break;
			want = zeroed ? 0 : stamp_byte(&fx->inode, pos + i);
			if (bytes[i] == want)
				continue;
			KUNIT_FAIL(fx->test, "byte %lld (index %llu + %lu): %02x, not %02x%s",
				   pos + i, (u64)(pos + i) >> PAGE_SHIFT,
				   offset_in_page(pos + i), bytes[i], want,
				   zeroed ? " (should be zeroed)" : "");
			print_origin(fx->test, PTR_ALIGN_DOWN(bytes + i, 8));
			fxt_print_folio(fx->test, folio);
			break;
		}
		kunmap_local(bytes);
		folio_put(folio);
		if (i < len)
			return;
		pos += len;
	}
}

/**
 * fxt_expect_stamped() - expect that a range holds what the file has there
 * @fx: the fixture
 * @from: first byte
 * @to: byte after the last
 *
 * Every page of the range must be cached. One wrong byte is reported, the first.
 */
void fxt_expect_stamped(struct folio_fixture *fx, loff_t from, loff_t to)
{
	expect_bytes(fx, from, to, false);
}
EXPORT_SYMBOL_NS_GPL(fxt_expect_stamped, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_expect_zeroed() - expect that a range was zeroed
 * @fx: the fixture
 * @from: first byte
 * @to: byte after the last
 *
 * Every page of the range must be cached. One wrong byte is reported, the first.
 */
void fxt_expect_zeroed(struct folio_fixture *fx, loff_t from, loff_t to)
{
	expect_bytes(fx, from, to, true);
}
EXPORT_SYMBOL_NS_GPL(fxt_expect_zeroed, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_expect_buffer() - expect that memory holds what the file has somewhere
 * @fx: the fixture
 * @buf: the memory, as a read would have filled it
 * @pos: position in the file of its first byte
 * @len: number of bytes
 *
 * One wrong byte is reported, the first.
 */
void fxt_expect_buffer(struct folio_fixture *fx, const void *buf, loff_t pos, size_t len)
{
	const u8 *got = buf;
	size_t i, n;

	for (i = 0; i < len; i += n) {
		u64 word = stamp_word(&fx->inode, round_down(pos + i, 8));
		const u8 *want = (const u8 *)&word + ((pos + i) & 7);

		n = min_t(size_t, 8 - ((pos + i) & 7), len - i);
		if (!memcmp(got + i, want, n))
			continue;
		while (got[i] == *want) {
			i++;
			want++;
		}
		KUNIT_FAIL(fx->test, "byte %zu of %zu from %lld (index %llu + %lu): %02x, not %02x",
			   i, len, pos, (u64)(pos + i) >> PAGE_SHIFT,
			   offset_in_page(pos + i), got[i], *want);
		return;
	}
}
EXPORT_SYMBOL_NS_GPL(fxt_expect_buffer, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_expect_layout() - expect exactly these folios in the page cache
 * @fx: the fixture
 * @want: index and order of each folio, by ascending index
 * @nr: number of entries of @want; 0 expects an empty page cache
 *
 * Shadow entries do not count as folios. mapping->nrpages is compared too.
 */
void fxt_expect_layout(struct folio_fixture *fx, const struct fxt_range *want,
		       unsigned int nr)
{
	struct address_space *mapping = fxt_mapping(fx);
	unsigned long pages = 0;
	struct folio *folio;
	unsigned int n = 0;
	pgoff_t at;

	xa_for_each(&mapping->i_pages, at, folio) {
		if (xa_is_value(folio))
			continue;
		if (n >= nr)
			KUNIT_FAIL(fx->test, "folio %u: order %u at %lu, none wanted",
				   n, folio_order(folio), folio->index);
		else if (folio->index != want[n].index ||
			 folio_order(folio) != want[n].order)
			KUNIT_FAIL(fx->test, "folio %u: order %u at %lu, not order %u at %lu",
				   n, folio_order(folio), folio->index,
				   want[n].order, want[n].index);
		if (n < nr)
			pages += 1UL << want[n].order;
		n++;
	}
	KUNIT_EXPECT_GE_MSG(fx->test, n, nr, "fewer folios than wanted");
	KUNIT_EXPECT_EQ(fx->test, pages, mapping->nrpages);
}
EXPORT_SYMBOL_NS_GPL(fxt_expect_layout, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_expect_consistent() - expect that the page cache agrees with itself
 * @fx: the fixture
 *
 * Each folio is found at every one of its indexes, belongs to the mapping, is
 * aligned to its size, and the sizes add up to mapping->nrpages.
 */
void fxt_expect_consistent(struct folio_fixture *fx)
{
	struct address_space *mapping = fxt_mapping(fx);
	unsigned long pages = 0;
	struct folio *folio;
	pgoff_t at;

	xa_for_each(&mapping->i_pages, at, folio) {
		unsigned long i, nr;

		if (xa_is_value(folio))
			continue;
		nr = folio_nr_pages(folio);
		pages += nr;
		KUNIT_EXPECT_PTR_EQ_MSG(fx->test, folio->mapping, mapping,
					"order %u at %lu", folio_order(folio), folio->index);
		KUNIT_EXPECT_TRUE_MSG(fx->test, IS_ALIGNED(folio->index, nr),
				      "order %u at %lu", folio_order(folio), folio->index);
		for (i = 0; i < nr; i++) {
			if (xa_load(&mapping->i_pages, folio->index + i) == folio)
				continue;
			KUNIT_FAIL(fx->test, "order %u at %lu is not found at %lu",
				   folio_order(folio), folio->index, folio->index + i);
			break;
		}
	}
	KUNIT_EXPECT_EQ(fx->test, pages, mapping->nrpages);
}
EXPORT_SYMBOL_NS_GPL(fxt_expect_consistent, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_count_calls() - how often an operation was called
 * @fx: the fixture
 * @op: the operation
 *
 * Return: the number of calls since fxt_create() or fxt_forget_calls().
 */
unsigned int fxt_count_calls(struct folio_fixture *fx, enum fxt_op op)
{
	unsigned int i, n = 0;

	for (i = 0; i < min(fx->nr_calls, FXT_MAX_CALLS); i++)
		n += fx->calls[i].op == op;
	return n;
}
EXPORT_SYMBOL_NS_GPL(fxt_count_calls, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_find_call() - the first call of an operation on the folio at an index
 * @fx: the fixture
 * @op: the operation
 * @index: page index of the folio's first page
 *
 * Return: the record, or NULL when there was no such call.
 */
const struct fxt_call *fxt_find_call(struct folio_fixture *fx, enum fxt_op op,
				     pgoff_t index)
{
	unsigned int i;

	for (i = 0; i < min(fx->nr_calls, FXT_MAX_CALLS); i++)
		if (fx->calls[i].op == op && fx->calls[i].index == index)
			return &fx->calls[i];
	return NULL;
}
EXPORT_SYMBOL_NS_GPL(fxt_find_call, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_forget_calls() - empty the record
 * @fx: the fixture
 */
void fxt_forget_calls(struct folio_fixture *fx)
{
	fx->nr_calls = 0;
}
EXPORT_SYMBOL_NS_GPL(fxt_forget_calls, COMPAT_NS(FOLIO_KUNIT));

static const struct {
	bool (*test)(const struct folio *folio);
	const char *name;
} fxt_flags[] = {
#define FXT_FLAG(flag)	{ folio_test_##flag, " " #flag }
	FXT_FLAG(locked), FXT_FLAG(uptodate), FXT_FLAG(dirty), FXT_FLAG(referenced),
	FXT_FLAG(active), FXT_FLAG(workingset), FXT_FLAG(private), FXT_FLAG(reclaim),
	FXT_FLAG(swapbacked), FXT_FLAG(unevictable), FXT_FLAG(lru),
#undef FXT_FLAG
};

static const struct {
	xa_mark_t mark;
	const char *name;
} fxt_marks[] = {
	{ PAGECACHE_TAG_DIRTY, " dirty" },
	{ PAGECACHE_TAG_WRITEBACK, " writeback" },
	{ PAGECACHE_TAG_TOWRITE, " towrite" },
};

/**
 * fxt_print_folio() - print all that matters of a folio as a diagnostic
 * @test: the case
 * @folio: the folio; the caller holds a reference
 *
 * For a failed case, once: with it no debugger is needed to see what was wrong.
 */
void fxt_print_folio(struct kunit *test, struct folio *folio)
{
	struct address_space *mapping = folio->mapping;
	bool anon = folio_test_anon(folio);
	char owner[32] = "no file", flags[160] = "", marks[40] = "";
	unsigned int i;

	if (anon)
		strscpy(owner, "anonymous memory");
	else if (mapping)
		snprintf(owner, sizeof(owner), "inode %llu", (u64)mapping->host->i_ino);
	for (i = 0; i < ARRAY_SIZE(fxt_flags); i++)
		if (fxt_flags[i].test(folio))
			strlcat(flags, fxt_flags[i].name, sizeof(flags));
	if (folio_test_writeback(folio))
		strlcat(flags, " writeback", sizeof(flags));
	for (i = 0; mapping && !anon && i < ARRAY_SIZE(fxt_marks); i++)
		if (xa_get_mark(&mapping->i_pages, folio->index, fxt_marks[i].mark))
			strlcat(marks, fxt_marks[i].name, sizeof(marks));
	kunit_info(test, "folio: order %u index %lu of %s, refcount %d, mapcount %d (entire %d%s)",
		   folio_order(folio), folio->index, owner, folio_ref_count(folio), folio_mapcount(folio),
		   folio_test_large(folio) ? folio_entire_mapcount(folio) : 0,
		   folio_maybe_dma_pinned(folio) ? ", maybe pinned" : "");
	kunit_info(test, "folio: flags%s; marks%s", *flags ? flags : " none",
		   *marks ? marks : " none");
}
EXPORT_SYMBOL_NS_GPL(fxt_print_folio, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_stay_on_cpu() - bind a case to the CPU it runs on; for suites' init()
 * @test: the case, whose thread ends with it
 *
 * What waits, or is counted, on a CPU is then where the case looks for it.
 *
 * Return: 0, or the error of set_cpus_allowed_ptr().
 */
int fxt_stay_on_cpu(struct kunit *test)
{
	return set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
}
EXPORT_SYMBOL_NS_GPL(fxt_stay_on_cpu, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_drain_lru() - have nothing wait in the LRU batches of this CPU
 *
 * What is on its way to, from or along the LRU lists waits, with one more
 * reference, in a batch of the CPU that sent it: a folio of order 0 that was added,
 * one of any order that was activated or mlocked. Cases that count references,
 * expect a folio on a list or want it invalidated call this first.
 *
 * Context: may sleep. The thread is bound to the CPU where it added the folios,
 * by fxt_stay_on_cpu() or otherwise.
 */
void fxt_drain_lru(void)
{
	struct folio_batch fbatch;

	/* The release of any batch, even of an empty one, first empties those. */
	folio_batch_init(&fbatch);
	__folio_batch_release(&fbatch);
}
EXPORT_SYMBOL_NS_GPL(fxt_drain_lru, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_vm_event() - how often something happened on the machine, as in /proc/vmstat
 * @test: the case
 * @item: what happened
 *
 * Context: may sleep.
 * Return: the count since boot; 0 without CONFIG_VM_EVENT_COUNTERS.
 */
unsigned long fxt_vm_event(struct kunit *test, enum vm_event_item item)
{
	unsigned long *events = kunit_kcalloc(test, NR_VM_EVENT_ITEMS, sizeof(*events), GFP_KERNEL);
	unsigned long nr = 0;

	KUNIT_ASSERT_NOT_NULL(test, events);
	if (IS_ENABLED(CONFIG_VM_EVENT_COUNTERS)) {
		all_vm_events(events);
		nr = events[item];
	}
	kunit_kfree(test, events);
	return nr;
}
EXPORT_SYMBOL_NS_GPL(fxt_vm_event, COMPAT_NS(FOLIO_KUNIT));

static unsigned long long fxt_seed_param;
module_param_named(seed, fxt_seed_param, ullong, 0444);
MODULE_PARM_DESC(seed, "seed of the random cases; 0, the default, draws one for each");

/**
 * fxt_seed() - the seed of a random case
 * @test: the case; the seed is printed with its result
 *
 * To repeat a case, give the seed it printed: folio_kunit.seed= on the kernel's
 * command line, or seed= to insmod.
 *
 * Return: what the module parameter says, else a random number that is not 0.
 */
u64 fxt_seed(struct kunit *test)
{
	u64 seed = fxt_seed_param ?: get_random_u64() | 1;

	kunit_info(test, "seed %llu", seed);
	return seed;
}
EXPORT_SYMBOL_NS_GPL(fxt_seed, COMPAT_NS(FOLIO_KUNIT));

MODULE_DESCRIPTION("Fixture of the folio KUnit suites");
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
