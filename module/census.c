// SPDX-License-Identifier: GPL-2.0
/*
 * The memdesc census: every online page of the machine by what it is used for.
 * Each open of a file walks anew. Nothing is locked for longer than a batch, and
 * then only RCU, which holds off the removal of memory; so the counts are of no
 * one moment, as those of /proc/meminfo are not.
 */
#include <linux/debugfs.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mmzone.h>
#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/notifier.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "census.h"
#include "foliolab.h"

/* Pages that are looked at before the next reschedule. */
#define CENSUS_BATCH	1024

/* The smallest piece of memory that is there or not. */
#ifdef CONFIG_SPARSEMEM
#define CENSUS_HOLE	PAGES_PER_SUBSECTION
#else
#define CENSUS_HOLE	pageblock_nr_pages
#endif

static const char * const type_names[] = {
	[MEMDESC_MISC]		= "misc",
	[MEMDESC_BUDDY]		= "buddy",
	[MEMDESC_FILE]		= "file",
	[MEMDESC_ANON]		= "anon",
	[MEMDESC_KSM]		= "ksm",
	[MEMDESC_SLAB]		= "slab",
	[MEMDESC_MOVABLE]	= "movable",
	[MEMDESC_PTDESC]	= "ptdesc",
	[MEMDESC_NETPOOL]	= "netpool",
	[MEMDESC_HWPOISON]	= "hwpoison",
	[MEMDESC_PERCPU]	= "percpu",
	[MEMDESC_ZSMALLOC]	= "zsmalloc",
	[MEMDESC_IOPT]		= "iopt",
	[MEMDESC_DEVICE]	= "device",
	[MEMDESC_INVALID]	= "invalid",
};

static const char * const misc_names[] = {
	[MEMDESC_MISC_RESERVED]		= "reserved",
	[MEMDESC_MISC_ZERO]		= "zero",
	[MEMDESC_MISC_UNKNOWN]		= "unknown",
	[MEMDESC_MISC_GUARD]		= "guard",
	[MEMDESC_MISC_OFFLINE]		= "offline",
	[MEMDESC_MISC_LARGE_KMALLOC]	= "large_kmalloc",
	[MEMDESC_MISC_UNACCEPTED]	= "unaccepted",
	[MEMDESC_MISC_FROZEN]		= "frozen",
};

static const char * const detail_names[] = {
	[MEMDESC_PLAIN]		= "-",
	[MEMDESC_HUGETLB]	= "hugetlb",
	[MEMDESC_SHMEM]		= "shmem",
	[MEMDESC_ORPHAN]	= "orphan",
	[MEMDESC_POISONED]	= "poisoned",
	[MEMDESC_TORN]		= "torn",
};

/* One walker at a time: the next one waits, and can be interrupted. */
static DEFINE_MUTEX(census_mutex);

static void census_free(struct census *c)
{
	int nid;

	for (nid = 0; nid < c->nr_nodes; nid++)
		kvfree(c->node[nid]);
	kvfree(c);
}

static struct census *census_alloc(void)
{
	struct census *c = kvzalloc(struct_size(c, node, nr_node_ids), GFP_KERNEL);
	int nid;

	if (!c)
		return NULL;
	c->nr_nodes = nr_node_ids;
	for_each_online_node(nid) {
		c->node[nid] = kvzalloc_obj(*c->node[nid], GFP_KERNEL);
		if (!c->node[nid]) {
			census_free(c);
			return NULL;
		}
	}
	return c;
}

/*
 * The node that the flags of @page name. They are poisoned while memory goes offline,
 * and a node can come online behind the back of a walk: then it is the last good one.
 */
static int census_nid(struct census *c, const struct page *page, int last)
{
#ifdef NODE_NOT_IN_PAGE_FLAGS
	int nid = page_to_nid(page);
#else
	int nid = compat_page_flags(page) >> NODES_PGSHIFT & NODES_MASK;
#endif

	return nid < c->nr_nodes && c->node[nid] ? nid : last;
}

/* How many pages further on the next one to look at is. */
static unsigned long census_step(struct census *c, unsigned long pfn, int *nid)
{
	const struct page *page = pfn_to_online_page(pfn);
	struct memdesc_info mi;
	struct census_cell *cell;

	if (!page)
		return ALIGN(pfn + 1, CENSUS_HOLE) - pfn;

	page_memdesc_info(&mi, page);
	*nid = census_nid(c, page, *nid);
	cell = &c->node[*nid]->cell[mi.type][mi.sub][mi.order];
	cell->heads += mi.head;
	cell->pages += mi.nr;
	c->pages += mi.nr;
	c->steps++;
	return mi.nr;
}

/* What the memory manager itself says, to compare with; and where memory ends. */
static void census_zones(struct census *c, unsigned long *start, unsigned long *end)
{
	int nid, cpu;

	*start = ULONG_MAX;
	*end = 0;
	for_each_online_node(nid) {
		pg_data_t *pgdat = NODE_DATA(nid);
		struct zone *zone;

		if (!pgdat->node_spanned_pages)
			continue;
		*start = min(*start, pgdat->node_start_pfn);
		*end = max(*end, pgdat_end_pfn(pgdat));
		c->present += pgdat->node_present_pages;
		for (zone = pgdat->node_zones; zone < pgdat->node_zones + MAX_NR_ZONES; zone++) {
			if (!populated_zone(zone))
				continue;
			for_each_possible_cpu(cpu)
				c->pcp += READ_ONCE(per_cpu_ptr(zone->per_cpu_pageset, cpu)->count);
		}
	}
}

static int census_walk(struct census *c)
{
	u64 begin = ktime_get_ns();
	unsigned long pfn, end;
	int nid = first_online_node;
	unsigned int i;

	/* Holes at either end of memory have struct pages as those inside do. */
	census_zones(c, &pfn, &end);
	pfn = ALIGN_DOWN(pfn, CENSUS_HOLE);
	end = ALIGN(end, CENSUS_HOLE);
	while (pfn < end) {
		/* See census_memory_event(). */
		rcu_read_lock();
		for (i = 0; i < CENSUS_BATCH && pfn < end; i++)
			pfn += census_step(c, pfn, &nid);
		rcu_read_unlock();
		/* Not to be restarted: it would never end under a periodic signal. */
		if (signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	c->ns = ktime_get_ns() - begin;
	return 0;
}

static struct census *census_take(void)
{
	struct census *c;
	int err;

	err = mutex_lock_interruptible(&census_mutex);
	if (err)
		return ERR_PTR(err);
	c = census_alloc();
	err = c ? census_walk(c) : -ENOMEM;
	mutex_unlock(&census_mutex);
	if (err) {
		if (c)
			census_free(c);
		return ERR_PTR(err);
	}
	return c;
}

static void census_show_class(struct seq_file *seq, int nid, unsigned int type, unsigned int sub,
			      const struct census_cell *cell)
{
	unsigned int order;

	for (order = 0; order < CENSUS_ORDERS; order++, cell++) {
		if (!cell->pages)
			continue;
		seq_printf(seq, "%d\t%s\t%s\t%u\t%llu\t%llu\t%llu\n", nid, type_names[type],
			   type == MEMDESC_MISC ? misc_names[sub] : detail_names[sub], order,
			   cell->heads, cell->pages, cell->pages << PAGE_SHIFT);
	}
}

static void census_show_node(struct seq_file *seq, int nid, const struct census_node *node)
{
	unsigned int type, sub;

	for (type = 0; type < NR_MEMDESC_TYPES; type++)
		for (sub = 0; sub < CENSUS_SUBS; sub++)
			census_show_class(seq, nid, type, sub, node->cell[type][sub]);
}

static int census_show(struct seq_file *seq, void *unused)
{
	const struct census *c = seq->private;
	int nid;

	seq_puts(seq, "# foliolab census 1\nnode\ttype\tsubtype\torder\t");
	seq_puts(seq, "heads\tpages\tbytes\n");
	for (nid = 0; nid < c->nr_nodes; nid++)
		if (c->node[nid])
			census_show_node(seq, nid, c->node[nid]);
	return 0;
}

static int census_open_file(struct file *file, int (*show)(struct seq_file *, void *))
{
	struct census *c = census_take();
	int err;

	if (IS_ERR(c))
		return PTR_ERR(c);
	err = single_open(file, show, c);
	if (err)
		census_free(c);
	return err;
}

static int census_open(struct inode *inode, struct file *file)
{
	return census_open_file(file, census_show);
}

static int census_cost_open(struct inode *inode, struct file *file)
{
	return census_open_file(file, census_cost_show);
}

static int census_release(struct inode *inode, struct file *file)
{
	struct seq_file *seq = file->private_data;

	census_free(seq->private);
	return single_release(inode, file);
}

static const struct file_operations census_fops = {
	.owner		= THIS_MODULE,
	.open		= census_open,
	.read		= seq_read,
	.llseek		= seq_lseek,
	.release	= census_release,
};

static const struct file_operations census_cost_fops = {
	.owner		= THIS_MODULE,
	.open		= census_cost_open,
	.read		= seq_read,
	.llseek		= seq_lseek,
	.release	= census_release,
};

/*
 * Memory that has gone offline can lose its struct pages next. A batch that began
 * before must not go on with them; one that begins now is told by pfn_to_online_page().
 */
static int census_memory_event(struct notifier_block *nb, unsigned long action, void *unused)
{
	if (action == MEM_OFFLINE)
		synchronize_rcu();
	return NOTIFY_OK;
}

static struct notifier_block census_memory = {
	.notifier_call = census_memory_event,
};

int census_start(void)
{
	int err = register_memory_notifier(&census_memory);

	if (err)
		return err;
	debugfs_create_file("census", 0400, foliolab_debugfs, NULL, &census_fops);
	debugfs_create_file("census_cost", 0400, foliolab_debugfs, NULL, &census_cost_fops);
	return 0;
}

void census_stop(void)
{
	debugfs_lookup_and_remove("census", foliolab_debugfs);
	debugfs_lookup_and_remove("census_cost", foliolab_debugfs);
	unregister_memory_notifier(&census_memory);
}
