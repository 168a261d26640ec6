// SPDX-License-Identifier: GPL-2.0
/*
 * The files of the inspector. What is asked for is kept from the request to the close.
 * A table of the folios of a file is made while it is read: the position of seq_file is
 * an index of the file, plus 1, so that nothing else is kept between two reads. The
 * other tables are computed when their beginning is read.
 */
#include <linux/array_size.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/string_choices.h>
#include <linux/tracepoint.h>
#include <linux/uaccess.h>
#include <linux/utsname.h>
#include <trace/events/mmflags.h>

#include "inspect.h"

#define FILE_COLUMNS	"index\torder\tkind\tflags\tdirty\twriteback\tuptodate\tprivate\t" \
			"refcount\tmapcount_large\tmapcount_entire\tmapcount_avg\t" \
			"maybe_shared\tpast_eof"

/* The last index that a position stands for; the position after it is the end. */
#define LAST_INDEX	min_t(u64, ULONG_MAX, LLONG_MAX - 2)

/**
 * struct inspect_file - a file of the inspector
 * @name: In debugfs, and in its first line.
 * @table: How its rows come about; NULL for a row a folio.
 * @request: Whether it must be told what to show.
 * @whole: Whether that is a superblock.
 */
struct inspect_file {
	const char *name;
	const struct inspect_table *table;
	bool request;
	bool whole;
};

/* An open file; all of it under the lock of its seq_file. */
struct inspect {
	const struct inspect_file *file;
	struct inspect_target target;
	bool asked;
	/* The result is there and was not read to its end yet. */
	bool computed;
	void *result;
	struct inspect_walk walk;
};

static const struct {
	unsigned long mask;
	const char *name;
} flag_names[] = {
	__def_pageflag_names
};

static void show_head(struct seq_file *seq, const char *name, const char *columns)
{
	seq_printf(seq, "# foliolab %s 1\n%s\n", name, columns);
}

static void show_flags(struct seq_file *seq, unsigned long flags)
{
	char separator = '\t';
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flag_names); i++) {
		if (!(flags & flag_names[i].mask))
			continue;
		seq_putc(seq, separator);
		seq_puts(seq, flag_names[i].name);
		separator = ',';
	}
	if (separator == '\t')
		seq_puts(seq, "\t-");
}

/* seq_printf() is several times slower, and there is one row for each folio. */
static void show_entry(struct seq_file *seq, const struct inspect_walk *walk,
		       const struct inspect_entry *e)
{
	const u64 number[] = {
		e->flags >> PG_dirty & 1, e->flags >> PG_writeback & 1,
		e->flags >> PG_uptodate & 1, e->flags >> PG_private & 1,
		e->refs, e->mapcount, e->entire, e->avg, e->maybe_shared,
	};
	size_t i;

	seq_put_decimal_ull(seq, "", e->index);
	seq_put_decimal_ull(seq, "\t", e->order);
	seq_putc(seq, '\t');
	seq_puts(seq, inspect_kinds[e->kind]);
	if (e->kind == INSPECT_FOLIO) {
		show_flags(seq, e->flags);
		for (i = 0; i < ARRAY_SIZE(number); i++)
			seq_put_decimal_ull(seq, "\t", number[i]);
	} else {
		seq_puts(seq, "\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-");
	}
	seq_put_decimal_ull(seq, "\t", inspect_past_eof(walk, e) << PAGE_SHIFT);
	seq_putc(seq, '\n');
}

static void *file_start(struct seq_file *seq, loff_t *pos)
{
	struct inspect *in = seq->private;

	if (!in->asked)
		return ERR_PTR(-ENODATA);
	if (!*pos)
		return SEQ_START_TOKEN;
	if (*pos - 1 > LAST_INDEX)
		return NULL;
	inspect_walk_start(&in->walk, in->target.inode->i_mapping, *pos - 1);
	return inspect_walk_next(&in->walk);
}

static void *file_next(struct seq_file *seq, void *v, loff_t *pos)
{
	struct inspect *in = seq->private;
	const struct inspect_entry *e = v;

	if (v == SEQ_START_TOKEN) {
		*pos = 1;
		return file_start(seq, pos);
	}
	*pos = min_t(u64, e->last, LAST_INDEX) + 2;
	return inspect_walk_next(&in->walk);
}

static int file_show(struct seq_file *seq, void *v)
{
	struct inspect *in = seq->private;

	if (v == SEQ_START_TOKEN)
		show_head(seq, in->file->name, FILE_COLUMNS);
	else
		show_entry(seq, &in->walk, v);
	return 0;
}

static void inspect_stop(struct seq_file *seq, void *v)
{
}

static const struct seq_operations file_ops = {
	.start	= file_start,
	.next	= file_next,
	.stop	= inspect_stop,
	.show	= file_show,
};

static void clear_result(struct inspect *in)
{
	const struct inspect_table *table = in->file->table;

	if (table && table->clear)
		table->clear(in->result);
	in->computed = false;
}

static void *table_start(struct seq_file *seq, loff_t *pos)
{
	struct inspect *in = seq->private;
	const struct inspect_table *table = in->file->table;
	int err;

	if (in->file->request && !in->asked)
		return ERR_PTR(-ENODATA);
	if (*pos)
		return NULL;
	/* Not again when seq_file finds that its buffer was too small. */
	if (!in->computed) {
		clear_result(in);
		memset(in->result, 0, table->size);
		err = table->compute(in->result, &in->target);
		if (err)
			return ERR_PTR(err);
		in->computed = true;
	}
	return in->result;
}

static void *table_next(struct seq_file *seq, void *v, loff_t *pos)
{
	struct inspect *in = seq->private;

	in->computed = false;
	++*pos;
	return NULL;
}

static int table_show(struct seq_file *seq, void *v)
{
	struct inspect *in = seq->private;

	show_head(seq, in->file->name, in->file->table->columns);
	in->file->table->show(seq, v);
	return 0;
}

static const struct seq_operations table_ops = {
	.start	= table_start,
	.next	= table_next,
	.stop	= inspect_stop,
	.show	= table_show,
};

/* Under the lock of our seq_file that of /proc/filesystems is taken, never the reverse. */
static struct lock_class_key inspect_seq_key;

static int inspect_open(struct inode *inode, struct file *file)
{
	const struct inspect_file *which = inode->i_private;
	const struct inspect_table *table = which->table;
	struct inspect *in;

	in = __seq_open_private(file, table ? &table_ops : &file_ops, sizeof(*in));
	if (!in)
		return -ENOMEM;
	in->file = which;
	lockdep_set_class(&((struct seq_file *)file->private_data)->lock, &inspect_seq_key);
	if (table) {
		in->result = kvzalloc(table->size, GFP_KERNEL);
		if (!in->result) {
			seq_release_private(inode, file);
			return -ENOMEM;
		}
	}
	return 0;
}

static int inspect_release(struct inode *inode, struct file *file)
{
	struct seq_file *seq = file->private_data;
	struct inspect *in = seq->private;

	clear_result(in);
	kvfree(in->result);
	inspect_target_put(&in->target);
	return seq_release_private(inode, file);
}

static ssize_t inspect_write(struct file *file, const char __user *buf, size_t len, loff_t *ppos)
{
	struct seq_file *seq = file->private_data;
	struct inspect *in = seq->private;
	struct inspect_target target;
	char *request;
	int err;

	/* The newline takes the place of the NUL that PATH_MAX counts. */
	if (len > PATH_MAX)
		return -ENAMETOOLONG;
	request = memdup_user_nul(buf, len);
	if (IS_ERR(request))
		return PTR_ERR(request);
	if (strlen(request) != len) {
		kfree(request);
		return -EINVAL;
	}
	if (len && request[len - 1] == '\n')
		request[len - 1] = '\0';
	err = inspect_target_get(&target, request, in->file->whole);
	kfree(request);
	if (err)
		return err;

	mutex_lock(&seq->lock);
	swap(in->target, target);
	in->asked = true;
	in->computed = false;
	seq->index = 0;
	seq->count = 0;
	seq->read_pos = 0;
	mutex_unlock(&seq->lock);
	inspect_target_put(&target);
	*ppos = 0;
	return len;
}

static const struct file_operations request_fops = {
	.owner		= THIS_MODULE,
	.open		= inspect_open,
	.read		= seq_read,
	.write		= inspect_write,
	.llseek		= seq_lseek,
	.release	= inspect_release,
};

static const struct file_operations inspect_fops = {
	.owner		= THIS_MODULE,
	.open		= inspect_open,
	.read		= seq_read,
	.llseek		= seq_lseek,
	.release	= inspect_release,
};

static const struct inspect_file files[] = {
	{ "file", NULL, .request = true },
	{ "file_orders", &inspect_file_orders, .request = true },
	{ "file_why", &inspect_file_why, .request = true },
	{ "mount_orders", &inspect_mount_orders, .request = true, .whole = true },
	{ "fstypes", &inspect_fstypes },
};

static int version_show(struct seq_file *seq, void *unused)
{
	show_head(seq, "version", "key\tvalue");
	seq_puts(seq, "format\t1\n");
	seq_printf(seq, "kernel\t%s\n", init_utsname()->release);
	seq_printf(seq, "page_size\t%lu\n", PAGE_SIZE);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(version);

static int mode_show(struct seq_file *seq, void *unused)
{
	const bool large = IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE);
	const bool ids = IS_ENABLED(CONFIG_MM_ID);

	show_head(seq, "mode", "key\tvalue");
	seq_printf(seq, "mapcount\t%s\n",
		   IS_ENABLED(CONFIG_NO_PAGE_MAPCOUNT) ? "average" : "per_page");
	seq_printf(seq, "mm_ids\t%s\n", str_yes_no(ids));
	seq_printf(seq, "maybe_shared\t%s\n",
		   !COMPAT_HAS_MAYBE_MAPPED_SHARED ? "estimate" : ids ? "mm_ids" : "always");
	seq_printf(seq, "large_folios\t%s\n", str_yes_no(large));
	seq_printf(seq, "pmd_order\t%u\n", PMD_SHIFT - PAGE_SHIFT);
	seq_printf(seq, "max_pagecache_order\t%u\n", large ? (unsigned int)MAX_PAGECACHE_ORDER : 0);
	seq_printf(seq, "page_size\t%lu\n", PAGE_SIZE);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(mode);

/**
 * inspect_start() - Make the files of the inspector.
 *
 * Return: 0. Without debugfs there are none, and nobody who could miss them.
 */
int inspect_start(void)
{
	size_t i;

	debugfs_create_file("version", 0400, foliolab_debugfs, NULL, &version_fops);
	debugfs_create_file("mode", 0400, foliolab_debugfs, NULL, &mode_fops);
	for (i = 0; i < ARRAY_SIZE(files); i++)
		debugfs_create_file(files[i].name, files[i].request ? 0600 : 0400,
				    foliolab_debugfs, (void *)&files[i],
				    files[i].request ? &request_fops : &inspect_fops);
	return 0;
}
