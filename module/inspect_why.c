// SPDX-License-Identifier: GPL-2.0
/*
 * Why the folios of a file are no larger. A folio of order n at index i could have been
 * one of order n + 1 at i: what stands against that is the reason, and the order in
 * which they are asked about is that of enum why.
 *
 *	    i           i + 2^n       i + 2^(n+1)
 *	----+-------------+-------------+----
 *	    |    folio    |  its buddy  |
 *	----+-------------+-------------+----
 */
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/pagemap.h>
#include <linux/seq_file.h>

#include "inspect.h"

enum why {
	WHY_NO_LARGE_FOLIOS,
	WHY_MAXIMUM,
	WHY_ALIGNMENT,
	WHY_EOF,
	WHY_NEIGHBOUR,
	WHY_EVICTED,
	WHY_FALLBACK,
	NR_WHY
};

static const char * const why_names[NR_WHY] = {
	[WHY_NO_LARGE_FOLIOS]	= "no_large_folios",
	[WHY_MAXIMUM]		= "maximum",
	[WHY_ALIGNMENT]		= "alignment",
	[WHY_EOF]		= "eof",
	[WHY_NEIGHBOUR]		= "neighbour",
	[WHY_EVICTED]		= "evicted",
	[WHY_FALLBACK]		= "fallback",
};

struct why_result {
	u64 folios[NR_WHY][INSPECT_ORDERS];
	unsigned int min_order;
	unsigned int max_order;
	struct inspect_walk walk;
};

/* A folio for which all depends on what is in place of its buddy. */
struct why_open {
	bool is;
	bool evicted;
	unsigned int order;
	/* Where the buddy ends. */
	u64 end;
};

static void count_folio(struct why_result *result, enum why why, unsigned int order)
{
	result->folios[why][min(order, INSPECT_ORDERS - 1)]++;
}

/* Returns NR_WHY if that depends on the buddy. */
static enum why why_alone(const struct why_result *result, const struct inspect_entry *e)
{
	u64 nr = 1ULL << e->order;

	if (e->order >= result->max_order)
		return result->max_order || e->order ? WHY_MAXIMUM : WHY_NO_LARGE_FOLIOS;
	if (e->index & nr)
		return WHY_ALIGNMENT;
	if (e->index + 2 * nr > result->walk.eof)
		return WHY_EOF;
	return NR_WHY;
}

static void close_folio(struct why_result *result, struct why_open *open, enum why why)
{
	if (open->is)
		count_folio(result, why, open->order);
	open->is = false;
}

static void next_entry(struct why_result *result, struct why_open *open,
		       const struct inspect_entry *e)
{
	enum why why;

	if (e->index >= open->end)
		close_folio(result, open, open->evicted ? WHY_EVICTED : WHY_FALLBACK);
	if (e->kind != INSPECT_FOLIO) {
		open->evicted = true;
		return;
	}
	close_folio(result, open, WHY_NEIGHBOUR);

	why = why_alone(result, e);
	if (why != NR_WHY) {
		count_folio(result, why, e->order);
		return;
	}
	open->is = true;
	open->evicted = false;
	open->order = e->order;
	open->end = e->index + (2ULL << e->order);
}

static int compute_why(void *arg, const struct inspect_target *target)
{
	struct address_space *mapping = target->inode->i_mapping;
	struct why_result *result = arg;
	struct why_open open = { };
	struct inspect_entry *e;

	result->min_order = mapping_min_folio_order(mapping);
	result->max_order = mapping_max_folio_order(mapping);
	inspect_walk_start(&result->walk, mapping, 0);
	while ((e = inspect_walk_next(&result->walk))) {
		if (IS_ERR(e))
			return PTR_ERR(e);
		next_entry(result, &open, e);
	}
	close_folio(result, &open, open.evicted ? WHY_EVICTED : WHY_FALLBACK);
	return 0;
}

static void show_row(struct seq_file *seq, const struct why_result *result, u64 folios,
		     u64 pages)
{
	seq_printf(seq, "%llu\t%llu\t%u\t%u\n", folios, pages << PAGE_SHIFT,
		   result->min_order, result->max_order);
}

static void show_why(struct seq_file *seq, const void *arg)
{
	const struct why_result *result = arg;
	u64 folios = 0, pages = 0;
	unsigned int why, order;

	for (why = 0; why < NR_WHY; why++) {
		for (order = 0; order < INSPECT_ORDERS; order++) {
			u64 nr = result->folios[why][order];

			if (!nr)
				continue;
			seq_printf(seq, "%s\t%u\t", why_names[why], order);
			show_row(seq, result, nr, nr << order);
			folios += nr;
			pages += nr << order;
		}
	}
	seq_puts(seq, "total\t-\t");
	show_row(seq, result, folios, pages);
}

const struct inspect_table inspect_file_why = {
	.columns	= "reason\torder\tfolios\tbytes\tmin_order\tmax_order",
	.size		= sizeof(struct why_result),
	.compute	= compute_why,
	.show		= show_why,
};
