// SPDX-License-Identifier: GPL-2.0
/* Histograms by order: of a file, of a superblock, of all superblocks by type. */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/pagemap.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "inspect.h"

#define ORDERS_COLUMNS	"kind\torder\tfolios\tbytes\tdirty_bytes\twriteback_bytes\t" \
			"uptodate_bytes\tmapped_bytes\tpast_eof_bytes"

/* Numbers of entries of one kind and order, but for @past_eof, which is in pages. */
struct orders_cell {
	u64 nr;
	u64 dirty;
	u64 writeback;
	u64 uptodate;
	u64 mapped;
	u64 past_eof;
};

struct orders_sum {
	struct orders_cell cell[NR_INSPECT_KINDS][INSPECT_ORDERS];
	u64 holes;
	u64 hole_pages;
	u64 inodes;
	u64 inode_bytes;
};

struct orders_result {
	struct orders_sum sum;
	struct inspect_walk walk;
};

struct type_sum {
	struct type_sum *next;
	char *name;
	struct orders_sum sum;
};

struct fstypes_result {
	struct type_sum *first;
	/* Of the type that is being summed up. */
	struct orders_result now;
};

static void add_entry(struct orders_sum *sum, const struct inspect_walk *walk,
		      const struct inspect_entry *e)
{
	struct orders_cell *cell = &sum->cell[e->kind][min(e->order, INSPECT_ORDERS - 1)];

	cell->nr++;
	cell->past_eof += inspect_past_eof(walk, e);
	if (e->kind != INSPECT_FOLIO)
		return;
	cell->dirty += e->flags >> PG_dirty & 1;
	cell->writeback += e->flags >> PG_writeback & 1;
	cell->uptodate += e->flags >> PG_uptodate & 1;
	cell->mapped += e->mapcount > 0;
}

/* What is between @from and @to, if that is below the end of a file. */
static void add_hole(struct orders_sum *sum, const struct inspect_walk *walk, u64 from, u64 to)
{
	if (walk->eof == U64_MAX)
		return;
	to = min(to, walk->eof);
	if (from < to) {
		sum->holes++;
		sum->hole_pages += to - from;
	}
}

/* Returns how many entries there are, or an error. */
static s64 add_mapping(struct orders_result *result, struct address_space *mapping)
{
	struct inspect_walk *walk = &result->walk;
	struct inspect_entry *e;
	u64 next = 0;
	s64 nr = 0;

	inspect_walk_start(walk, mapping, 0);
	while ((e = inspect_walk_next(walk))) {
		if (IS_ERR(e))
			return PTR_ERR(e);
		add_entry(&result->sum, walk, e);
		add_hole(&result->sum, walk, next, e->index);
		next = max(next, e->last + 1ULL);
		nr++;
	}
	add_hole(&result->sum, walk, next, U64_MAX);
	return nr;
}

static bool has_cache(struct inode *inode, void *unused)
{
	return !mapping_empty(&inode->i_data);
}

/* Of its own mapping: another that i_mapping leads to is that of another inode. */
static int add_inode(struct inode *inode, void *arg)
{
	struct orders_result *result = arg;
	s64 nr;

	if (!has_cache(inode, NULL))
		return 0;
	nr = add_mapping(result, &inode->i_data);
	if (nr <= 0)
		return nr;
	result->sum.inodes++;
	if (S_ISREG(inode->i_mode))
		result->sum.inode_bytes += i_size_read(inode);
	return 0;
}

static int add_super(struct super_block *sb, void *arg)
{
	return inspect_each_inode(sb, has_cache, add_inode, arg);
}

static int compute_file(void *arg, const struct inspect_target *target)
{
	s64 nr = add_mapping(arg, target->inode->i_mapping);

	return min(nr, 0);
}

static int compute_mount(void *arg, const struct inspect_target *target)
{
	return add_super(target->sb ?: target->path.dentry->d_sb, arg);
}

static u64 bytes_of(u64 nr, unsigned int order)
{
	return nr << order << PAGE_SHIFT;
}

static void show_cell(struct seq_file *seq, unsigned int order, const struct orders_cell *cell)
{
	seq_printf(seq, "%u\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\n", order,
		   cell->nr, bytes_of(cell->nr, order), bytes_of(cell->dirty, order),
		   bytes_of(cell->writeback, order), bytes_of(cell->uptodate, order),
		   bytes_of(cell->mapped, order), bytes_of(cell->past_eof, 0));
}

static void show_total(struct seq_file *seq, const struct orders_cell cell[INSPECT_ORDERS])
{
	struct orders_cell total = { };
	unsigned int order;
	u64 folios = 0;

	for (order = 0; order < INSPECT_ORDERS; order++) {
		folios += cell[order].nr;
		total.nr += bytes_of(cell[order].nr, order);
		total.dirty += bytes_of(cell[order].dirty, order);
		total.writeback += bytes_of(cell[order].writeback, order);
		total.uptodate += bytes_of(cell[order].uptodate, order);
		total.mapped += bytes_of(cell[order].mapped, order);
		total.past_eof += bytes_of(cell[order].past_eof, 0);
	}
	seq_printf(seq, "total\t-\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\n", folios,
		   total.nr, total.dirty, total.writeback, total.uptodate, total.mapped,
		   total.past_eof);
}

static void show_sum(struct seq_file *seq, const struct orders_sum *sum, bool mount)
{
	unsigned int kind, order;

	for (kind = 0; kind < NR_INSPECT_KINDS; kind++) {
		for (order = 0; order < INSPECT_ORDERS; order++) {
			if (!sum->cell[kind][order].nr)
				continue;
			seq_printf(seq, "%s\t",
				   kind == INSPECT_FOLIO ? "order" : inspect_kinds[kind]);
			show_cell(seq, order, &sum->cell[kind][order]);
		}
	}
	seq_printf(seq, "hole\t-\t%llu\t%llu\t0\t0\t0\t0\t0\n", sum->holes,
		   bytes_of(sum->hole_pages, 0));
	if (mount)
		seq_printf(seq, "inodes\t-\t%llu\t%llu\t0\t0\t0\t0\t0\n", sum->inodes,
			   sum->inode_bytes);
	show_total(seq, sum->cell[INSPECT_FOLIO]);
}

static void show_file(struct seq_file *seq, const void *result)
{
	show_sum(seq, &((const struct orders_result *)result)->sum, false);
}

static void show_mount(struct seq_file *seq, const void *result)
{
	show_sum(seq, &((const struct orders_result *)result)->sum, true);
}

static int add_type(struct file_system_type *type, void *arg)
{
	struct fstypes_result *result = arg;
	struct type_sum **end = &result->first;
	struct type_sum *found;
	int err;

	memset(&result->now.sum, 0, sizeof(result->now.sum));
	err = inspect_each_super(type, add_super, &result->now);
	if (err || !result->now.sum.inodes)
		return err;

	found = kvzalloc_obj(*found, GFP_KERNEL);
	if (!found)
		return -ENOMEM;
	found->sum = result->now.sum;
	while (*end)
		end = &(*end)->next;
	*end = found;
	found->name = kstrdup(type->name, GFP_KERNEL);
	return found->name ? 0 : -ENOMEM;
}

static int compute_fstypes(void *result, const struct inspect_target *unused)
{
	return inspect_each_type(add_type, result);
}

static void show_fstypes(struct seq_file *seq, const void *arg)
{
	const struct fstypes_result *result = arg;
	const struct type_sum *type;
	unsigned int order;

	for (type = result->first; type; type = type->next) {
		const struct orders_cell *cell = type->sum.cell[INSPECT_FOLIO];

		for (order = 0; order < INSPECT_ORDERS; order++) {
			if (!cell[order].nr)
				continue;
			seq_printf(seq, "%s\t%u\t%llu\t%llu\t%llu\t%llu\n", type->name, order,
				   cell[order].nr, bytes_of(cell[order].nr, order),
				   bytes_of(cell[order].dirty, order),
				   bytes_of(cell[order].writeback, order));
		}
	}
}

static void clear_fstypes(void *arg)
{
	struct fstypes_result *result = arg;
	struct type_sum *type;

	while ((type = result->first)) {
		result->first = type->next;
		kfree(type->name);
		kvfree(type);
	}
}

const struct inspect_table inspect_file_orders = {
	.columns	= ORDERS_COLUMNS,
	.size		= sizeof(struct orders_result),
	.compute	= compute_file,
	.show		= show_file,
};

const struct inspect_table inspect_mount_orders = {
	.columns	= ORDERS_COLUMNS,
	.size		= sizeof(struct orders_result),
	.compute	= compute_mount,
	.show		= show_mount,
};

const struct inspect_table inspect_fstypes = {
	.columns	= "fstype\torder\tfolios\tbytes\tdirty_bytes\twriteback_bytes",
	.size		= sizeof(struct fstypes_result),
	.compute	= compute_fstypes,
	.show		= show_fstypes,
	.clear		= clear_fstypes,
};
