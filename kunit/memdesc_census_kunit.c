// SPDX-License-Identifier: GPL-2.0
/*
 * mm_memdesc_census: all pages of the machine by their derived type, against what the
 * memory manager counts itself in /proc/meminfo and /proc/vmstat.
 *
 * Nothing is held still: a sum is compared with what the counter was before and after
 * the walk, and may be off by what the machine does meanwhile, which is little while
 * the suites run. A sum that is off is taken again, MAX_WALKS times. The bounds, in
 * pages; beyond them a whole type is missing or counted twice:
 *
 *	SLACK		what a CPU takes and gives back during a walk, for each
 *	free memory	SLACK; the per-CPU lists are neither free nor BUDDY
 *	slabs		SLACK
 *	page tables	SLACK; their counter has tables with a constructor alone
 *	files		SLACK; of hugetlb none, of orphans none, both are not counted
 *	anonymous	the counter has mapped pages: the sum is that or more, by folios
 *			that are partly mapped, or no more and in a batch of some CPU
 *	reserved	all that the page allocator never got
 */
#include <linux/hugetlb.h>
#include <linux/memory_hotplug.h>
#include <linux/mmzone.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmstat.h>

#include "memdesc_model.h"

#define MAX_WALKS	10
#define SLACK		(64L * num_online_cpus())
#define INDEX		1024UL

/* The answers of a walk, in pages and in heads. */
struct census {
	long pages;
	long invalid;
	long of[NR_MEMDESC_TYPES][NR_MEMDESC_MISC];
	long heads[NR_MEMDESC_TYPES][NR_MEMDESC_MISC];
};

static long sum_of(const struct census *c, unsigned int type)
{
	unsigned int sub;
	long sum = 0;

	for (sub = 0; sub < NR_MEMDESC_MISC; sub++)
		sum += c->of[type][sub];
	return sum;
}

static long misc_of(const struct census *c, unsigned int misc)
{
	return c->of[MEMDESC_MISC][misc];
}

static void walk_range(struct census *c, unsigned long pfn, unsigned long end)
{
	unsigned long steps = 0;

	while (pfn < end) {
		struct page *page = pfn_to_online_page(pfn);
		struct memdesc_info mi;
		unsigned long nr;

		if (!page) {
			pfn++;
			continue;
		}
		page_memdesc_info(&mi, page);
		nr = min(mi.nr, end - pfn);
		c->of[mi.type][mi.sub] += nr;
		c->heads[mi.type][mi.sub] += mi.head;
		c->pages += nr;
		pfn += nr;
		if (++steps % 1024 == 0)
			cond_resched();
	}
}

/* Zone by zone, so that holes between them are not counted. */
static void walk(struct census *c)
{
	int nid;

	memset(c, 0, sizeof(*c));
	for_each_online_node(nid) {
		pg_data_t *pgdat = NODE_DATA(nid);
		struct zone *zone;

		for (zone = pgdat->node_zones; zone < pgdat->node_zones + MAX_NR_ZONES; zone++)
			if (populated_zone(zone))
				walk_range(c, zone->zone_start_pfn, zone_end_pfn(zone));
	}
	c->invalid = sum_of(c, MEMDESC_INVALID);
}

static struct census *new_census(struct kunit *test)
{
	struct census *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, c);
	return c;
}

static long present_pages(bool managed)
{
	long sum = 0;
	int nid;

	for_each_online_node(nid) {
		pg_data_t *pgdat = NODE_DATA(nid);
		struct zone *zone;

		for (zone = pgdat->node_zones; zone < pgdat->node_zones + MAX_NR_ZONES; zone++)
			if (populated_zone(zone))
				sum += managed ? zone_managed_pages(zone) : zone->present_pages;
	}
	return sum;
}

/* Every page that is present is counted, once; what is more are holes, and reserved. */
static void total_is_present_pages(struct kunit *test)
{
	struct census *c = new_census(test);
	long present = present_pages(false), managed = present_pages(true), reserved;

	walk(c);
	reserved = misc_of(c, MEMDESC_MISC_RESERVED) + misc_of(c, MEMDESC_MISC_ZERO);
	kunit_info(test, "%ld pages, %ld present, %ld managed, %ld reserved, %ld invalid", c->pages,
		   present, managed, reserved, c->invalid);
	KUNIT_EXPECT_GE(test, c->pages, present);
	KUNIT_EXPECT_LE(test, c->pages - reserved, present);
	/* What the page allocator was given is not reserved, and the other way round. */
	KUNIT_EXPECT_LE(test, abs(c->pages - reserved - managed), SLACK);
	KUNIT_EXPECT_LE(test, c->invalid, SLACK);
	KUNIT_EXPECT_EQ(test, 1, c->of[MEMDESC_MISC][MEMDESC_MISC_ZERO]);
}

static long count_free(void)
{
	return fxt_zone_stat(NR_FREE_PAGES);
}

static long sum_free(const struct census *c)
{
	return sum_of(c, MEMDESC_BUDDY) + misc_of(c, MEMDESC_MISC_UNACCEPTED);
}

static long count_slabs(void)
{
	return fxt_node_stat(NR_SLAB_RECLAIMABLE_B) + fxt_node_stat(NR_SLAB_UNRECLAIMABLE_B);
}

static long sum_slabs(const struct census *c)
{
	return sum_of(c, MEMDESC_SLAB) + misc_of(c, MEMDESC_MISC_LARGE_KMALLOC);
}

static long count_tables(void)
{
	return fxt_node_stat(NR_PAGETABLE);
}

static long sum_tables(const struct census *c)
{
	return sum_of(c, MEMDESC_PTDESC);
}

static long count_files(void)
{
	return fxt_node_stat(NR_FILE_PAGES);
}

static long sum_files(const struct census *c)
{
	return c->of[MEMDESC_FILE][MEMDESC_PLAIN] + c->of[MEMDESC_FILE][MEMDESC_SHMEM];
}

static long count_anon(void)
{
	return fxt_node_stat(NR_ANON_MAPPED);
}

static long sum_anon(const struct census *c)
{
	return c->of[MEMDESC_ANON][MEMDESC_PLAIN] + sum_of(c, MEMDESC_KSM);
}

static const struct counter {
	const char *desc;
	long (*count)(void);
	long (*sum)(const struct census *c);
	long more;	/* the sum may be larger by that many times SLACK */
} counters[] = {
	{ "free memory", count_free, sum_free, 1 },
	{ "slabs", count_slabs, sum_slabs, 1 },
	{ "page tables", count_tables, sum_tables, 1 },
	{ "files", count_files, sum_files, 1 },
	{ "anonymous", count_anon, sum_anon, 16 },
};

KUNIT_ARRAY_PARAM_DESC(counter, counters, desc);

static void sum_is_counted(struct kunit *test)
{
	const struct counter *counter = test->param_value;
	struct census *c = new_census(test);
	long before, after, sum = 0;
	int i;

	if (counter->count == count_slabs && !COMPAT_LARGE_KMALLOC_TYPED)
		kunit_skip(test, "needs the page type of large kmalloc");
	fxt_drain_lru();
	for (i = 0; i < MAX_WALKS; i++) {
		before = counter->count();
		walk(c);
		after = counter->count();
		sum = counter->sum(c);
		if (sum >= min(before, after) - SLACK &&
		    sum <= max(before, after) + counter->more * SLACK)
			break;
	}
	kunit_info(test, "counted %ld and %ld, sum %ld after %d walks", before, after, sum, i + 1);
	KUNIT_EXPECT_GE(test, sum, min(before, after) - SLACK);
	KUNIT_EXPECT_LE(test, sum, max(before, after) + counter->more * SLACK);
}

/* Pages in the lists of the CPUs have no type and no reference, and so are frozen. */
static void frozen_holds_pcp_lists(struct kunit *test)
{
	struct census *c = new_census(test);
	long pcp = 0;
	int nid, cpu;

	for_each_online_node(nid) {
		pg_data_t *pgdat = NODE_DATA(nid);
		struct zone *zone;

		for (zone = pgdat->node_zones; zone < pgdat->node_zones + MAX_NR_ZONES; zone++)
			for_each_possible_cpu(cpu)
				if (populated_zone(zone))
					pcp += READ_ONCE(per_cpu_ptr(zone->per_cpu_pageset,
								     cpu)->count);
	}
	walk(c);
	kunit_info(test, "%ld in lists, %ld frozen", pcp, misc_of(c, MEMDESC_MISC_FROZEN));
	KUNIT_EXPECT_GE(test, misc_of(c, MEMDESC_MISC_FROZEN), pcp - SLACK);
}

/* What a case adds, folios of one order, is what a walk finds more, in pages and heads. */
static void added_folios_are_found(struct kunit *test)
{
	unsigned int order = fxt_order(test), i;
	struct folio_fixture *fx = fxt_create(test, 0, MAX_PAGECACHE_ORDER);
	struct census *before = new_census(test), *after = new_census(test);
	const unsigned int nr = max(4U, 512U >> order);
	long heads = 0, pages = 0;

	walk(before);
	for (i = 0; i < nr; i++)
		fxt_add_folio(fx, INDEX + ((unsigned long)i << order), order, 0);
	walk(after);
	pages = after->of[MEMDESC_FILE][MEMDESC_PLAIN] - before->of[MEMDESC_FILE][MEMDESC_PLAIN];
	heads = after->heads[MEMDESC_FILE][MEMDESC_PLAIN] -
		before->heads[MEMDESC_FILE][MEMDESC_PLAIN];
	/* Nobody else fills the page cache of a guest that runs suites. */
	KUNIT_EXPECT_LE(test, abs(pages - ((long)nr << order)), 8);
	KUNIT_EXPECT_LE(test, abs(heads - (long)nr), 8);
	truncate_inode_pages(fxt_mapping(fx), 0);
	walk(after);
	pages = after->of[MEMDESC_FILE][MEMDESC_PLAIN] - before->of[MEMDESC_FILE][MEMDESC_PLAIN];
	KUNIT_EXPECT_LE(test, abs(pages), 8);
}

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

static struct kunit_case memdesc_census_cases[] = {
	KUNIT_CASE(total_is_present_pages),
	KUNIT_CASE_PARAM(sum_is_counted, counter_gen_params),
	KUNIT_CASE(frozen_holds_pcp_lists),
	KUNIT_CASE_PARAM(added_folios_are_found, order_gen_params),
	{}
};

static struct kunit_suite memdesc_census_suite = {
	.name = "mm_memdesc_census",
	.test_cases = memdesc_census_cases,
};

kunit_test_suite(memdesc_census_suite);

MODULE_DESCRIPTION("KUnit suite of memory descriptors: all pages against the kernel's counters");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
