/* SPDX-License-Identifier: GPL-2.0 */
/* What the walk of the census counts, and what is made of it. */
#ifndef FOLIOLAB_CENSUS_H
#define FOLIOLAB_CENSUS_H

#include <linux/minmax.h>
#include <linux/types.h>

#include "compat.h"

#include <linux/memdesc.h>

struct seq_file;

#define CENSUS_SUBS	((unsigned int)NR_MEMDESC_MISC)
#define CENSUS_ORDERS	(MAX(MAX_FOLIO_ORDER, MAX_PAGE_ORDER) + 1)

static_assert(NR_MEMDESC_DETAILS <= CENSUS_SUBS);

/* @pages is not @heads << order if the walk came upon the inside of something. */
struct census_cell {
	u64 heads;
	u64 pages;
};

struct census_node {
	struct census_cell cell[NR_MEMDESC_TYPES][CENSUS_SUBS][CENSUS_ORDERS];
};

/**
 * struct census - what the machine's memory was used for
 * @pages: Online pages with a struct page, holes in the memory included.
 * @steps: How many of these were looked at, the others being part of the same.
 * @present: Pages that the nodes have.
 * @pcp: Pages in the per-CPU free lists.
 * @ns: How long the walk took.
 * @nr_nodes: How many elements @node has.
 * @node: The cells of each node, NULL for one that is not online.
 */
struct census {
	u64 pages;
	u64 steps;
	u64 present;
	u64 pcp;
	u64 ns;
	int nr_nodes;
	struct census_node *node[] __counted_by(nr_nodes);
};

int census_cost_show(struct seq_file *seq, void *unused);

int census_start(void);
void census_stop(void);

#endif /* FOLIOLAB_CENSUS_H */
