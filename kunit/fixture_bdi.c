// SPDX-License-Identifier: GPL-2.0
/*
 * A backing device for a fixture's superblock, so that its dirty pages are
 * counted and its reads are preceded by readahead. There is no I/O: what is
 * read and written is the business of the case's address_space operations.
 */
#include <linux/backing-dev.h>
#include <linux/delay.h>
#include <linux/mmzone.h>
#include <linux/module.h>
#include <linux/vmstat.h>

#include "fixture.h"
#include "../module/compat.h"

/**
 * fxt_setup_bdi() - give the superblock of a fixture a backing device of its own
 * @fx: the fixture; its page cache must still be empty
 *
 * The device accounts dirty pages and writeback, and announces a readahead of
 * VM_READAHEAD_PAGES. The fixture's inode is not hashed, so it never comes on a
 * list of dirty inodes and no flusher writes it.
 *
 * Return: the device; it goes away with the superblock. A failure ends the case.
 */
struct backing_dev_info *fxt_setup_bdi(struct folio_fixture *fx)
{
	struct super_block *sb = fx->inode.i_sb;

	KUNIT_ASSERT_EQ(fx->test, 0, fxt_mapping(fx)->nrpages);
	KUNIT_ASSERT_EQ(fx->test, 0, super_setup_bdi(sb));
	return sb->s_bdi;
}
EXPORT_SYMBOL_NS_GPL(fxt_setup_bdi, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_sum_node_stat() - a node statistic at a glance, over all nodes
 * @item: the statistic, one that counts pages
 *
 * A CPU that folds its share meanwhile has it nowhere for a moment: who finds the
 * sum wrong asks fxt_node_stat().
 *
 * Context: any.
 *
 * Return: pages, with what the CPUs have not yet added to the global counters.
 */
long fxt_sum_node_stat(enum node_stat_item item)
{
	long sum = 0;
	int nid, cpu;

	for_each_online_node(nid) {
		struct pglist_data *pgdat = NODE_DATA(nid);

		sum += atomic_long_read(&pgdat->vm_stat[item]);
		for_each_online_cpu(cpu)
			sum += per_cpu_ptr(pgdat->per_cpu_nodestats, cpu)->vm_node_stat_diff[item];
	}
	return sum;
}
EXPORT_SYMBOL_NS_GPL(fxt_sum_node_stat, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_node_stat() - the exact value of a node statistic, over all nodes
 * @item: the statistic, one that counts pages
 *
 * Context: sleeps a little.
 *
 * Return: pages, with what the CPUs have not yet added to the global counters.
 */
long fxt_node_stat(enum node_stat_item item)
{
	long old, sum = fxt_sum_node_stat(item);

	/* What moves meanwhile is missed or counted twice, but not for long. */
	do {
		old = sum;
		usleep_range(200, 400);
		sum = fxt_sum_node_stat(item);
	} while (sum != old);
	return sum;
}
EXPORT_SYMBOL_NS_GPL(fxt_node_stat, COMPAT_NS(FOLIO_KUNIT));

static long sum_zone_stat(enum zone_stat_item item)
{
	long sum = 0;
	int nid, cpu, i;

	for_each_online_node(nid) {
		for (i = 0; i < MAX_NR_ZONES; i++) {
			struct zone *zone = &NODE_DATA(nid)->node_zones[i];

			if (!populated_zone(zone))
				continue;
			sum += atomic_long_read(&zone->vm_stat[item]);
			for_each_online_cpu(cpu)
				sum += per_cpu_ptr(zone->per_cpu_zonestats,
						   cpu)->vm_stat_diff[item];
		}
	}
	return sum;
}

/**
 * fxt_zone_stat() - the exact value of a zone statistic, over all zones
 * @item: the statistic
 *
 * Return: pages, with what the CPUs have not yet added to the global counters.
 */
long fxt_zone_stat(enum zone_stat_item item)
{
	long old, sum = sum_zone_stat(item);

	do {
		old = sum;
		sum = sum_zone_stat(item);
	} while (sum != old);
	return sum;
}
EXPORT_SYMBOL_NS_GPL(fxt_zone_stat, COMPAT_NS(FOLIO_KUNIT));
