// SPDX-License-Identifier: GPL-2.0
/*
 * What memdescs would cost or save on this machine: with pages of 64 bytes, as
 * today, of 32 and of 8 bytes, and a descriptor for each folio, slab and page table
 * that the census has found. Documentation/census.rst has the model.
 */
#include <linux/math.h>
#include <linux/math64.h>
#include <linux/seq_file.h>

#include "census.h"

/*
 * Sizes of the descriptors to come, multiples of MEMDESC_ALIGN. A folio of one page
 * is what is used of struct page today and the number of its page; a large one has
 * the counts and lists of its second and third page as well.
 */
#define SMALL_FOLIO_BYTES	80
#define LARGE_FOLIO_BYTES	128
#define OTHER_BYTES		64

/*
 * Descriptors come from slabs of one page. Those of slabs cannot: they come from a
 * pool, pages cut in pieces of which one is the head.
 */
#define PER_SLAB(bytes)		((unsigned int)(PAGE_SIZE / (bytes)))
#define PER_POOL		(PER_SLAB(OTHER_BYTES) - 1)

/**
 * struct census_desc - the descriptors that the machine would need
 * @small: Folios of one page.
 * @large: Folios of more.
 * @slabs: Slabs that there are, without those of descriptors.
 * @other: Page tables and whatever else has a descriptor.
 * @pages: Online pages that would have a descriptor.
 * @order0: Those among them that have one of their own.
 */
struct census_desc {
	u64 small;
	u64 large;
	u64 slabs;
	u64 other;
	u64 pages;
	u64 order0;
};

/* The sum over all nodes and orders of one subtype. */
static struct census_cell census_sum(const struct census *c, unsigned int type, unsigned int sub)
{
	struct census_cell sum = { };
	unsigned int order;
	int nid;

	for (nid = 0; nid < c->nr_nodes; nid++) {
		for (order = 0; c->node[nid] && order < CENSUS_ORDERS; order++) {
			sum.heads += c->node[nid]->cell[type][sub][order].heads;
			sum.pages += c->node[nid]->cell[type][sub][order].pages;
		}
	}
	return sum;
}

static void census_add_desc(struct census_desc *d, unsigned int type, unsigned int order,
			    const struct census_cell *cell)
{
	d->pages += cell->pages;
	if (!order)
		d->order0 += cell->pages;
	switch (type) {
	case MEMDESC_FILE:
	case MEMDESC_ANON:
	case MEMDESC_KSM:
		if (order)
			d->large += cell->heads;
		else
			d->small += cell->heads;
		break;
	case MEMDESC_SLAB:
		d->slabs += cell->heads;
		break;
	default:
		d->other += cell->heads;
	}
}

static struct census_desc census_count_desc(const struct census *c)
{
	struct census_desc d = { };
	unsigned int type, sub, order;
	int nid;

	for (nid = 0; nid < c->nr_nodes; nid++)
		for (type = 0; c->node[nid] && type < NR_MEMDESC_TYPES; type++)
			for (sub = 0; memdesc_type_has_desc(type) && sub < CENSUS_SUBS; sub++)
				for (order = 0; order < CENSUS_ORDERS; order++)
					census_add_desc(&d, type, order,
							&c->node[nid]->cell[type][sub][order]);
	return d;
}

static u64 pages_for(u64 count, unsigned int per_page)
{
	return div_u64(count + per_page - 1, per_page);
}

/* The bytes that descriptors take, packed in whole pages. */
static u64 census_desc_bytes(const struct census_desc *d)
{
	u64 slabs = pages_for(d->small, PER_SLAB(SMALL_FOLIO_BYTES)) +
		    pages_for(d->large, PER_SLAB(LARGE_FOLIO_BYTES)) +
		    pages_for(d->other, PER_SLAB(OTHER_BYTES));

	return (slabs + pages_for(d->slabs + slabs, PER_POOL)) << PAGE_SHIFT;
}

static u64 permille(u64 part, u64 whole)
{
	return whole ? div64_u64(1000 * part, whole) : 0;
}

/*
 * The share of all memory, in permille, that folios of one page may take before
 * memdescs cost more than struct page does, the other descriptors being as they are.
 */
static u64 census_break_even(const struct census *c, const struct census_desc *d,
			     unsigned int page_bytes)
{
	struct census_desc rest = *d;
	u64 now = c->pages * sizeof(struct page), cost, small;

	rest.small = 0;
	cost = c->pages * page_bytes + census_desc_bytes(&rest);
	if (cost >= now)
		return 0;
	/* Of 51 small folios: their slab, and its share of the pool. */
	small = PAGE_SIZE + PAGE_SIZE / PER_POOL;
	return min(permille((now - cost) * PER_SLAB(SMALL_FOLIO_BYTES), small * c->pages), 1000ULL);
}

static void put(struct seq_file *seq, const char *key, u64 value)
{
	seq_printf(seq, "%s\t%llu\n", key, value);
}

static void census_put_model(struct seq_file *seq, const struct census *c,
			     const struct census_desc *d, unsigned int page_bytes)
{
	u64 cost = c->pages * page_bytes + census_desc_bytes(d);

	seq_printf(seq, "memdesc_%u_bytes\t%llu\n", page_bytes, cost);
	seq_printf(seq, "memdesc_%u_delta\t%lld\n", page_bytes,
		   (s64)(cost - c->pages * sizeof(struct page)));
	seq_printf(seq, "memdesc_%u_break_even_permille\t%llu\n", page_bytes,
		   census_break_even(c, d, page_bytes));
}

int census_cost_show(struct seq_file *seq, void *unused)
{
	const struct census *c = seq->private;
	struct census_cell unknown = census_sum(c, MEMDESC_MISC, MEMDESC_MISC_UNKNOWN);
	struct census_desc d = census_count_desc(c), compat = { .small = unknown.heads };

	seq_puts(seq, "# foliolab census_cost 1\nkey\tvalue\n");
	put(seq, "page_bytes", PAGE_SIZE);
	put(seq, "struct_page_bytes", sizeof(struct page));
	put(seq, "online_pages", c->pages);
	put(seq, "present_pages", c->present);
	put(seq, "described_pages", d.pages);
	put(seq, "described_heads", d.small + d.large + d.slabs + d.other);
	put(seq, "small_folios", d.small);
	put(seq, "large_folios", d.large);
	put(seq, "slabs", d.slabs);
	put(seq, "other_heads", d.other);
	put(seq, "small_folio_bytes", SMALL_FOLIO_BYTES);
	put(seq, "large_folio_bytes", LARGE_FOLIO_BYTES);
	put(seq, "other_desc_bytes", OTHER_BYTES);
	put(seq, "unknown_pages", unknown.pages);
	put(seq, "frozen_pages", census_sum(c, MEMDESC_MISC, MEMDESC_MISC_FROZEN).pages);
	put(seq, "pcp_pages", c->pcp);
	put(seq, "torn_pages", census_sum(c, MEMDESC_INVALID, MEMDESC_TORN).pages);
	put(seq, "order0_described_permille", permille(d.order0, c->pages));
	put(seq, "order0_folio_permille", permille(d.small, c->pages));
	put(seq, "now_bytes", c->pages * sizeof(struct page));
	put(seq, "descriptor_bytes", census_desc_bytes(&d));
	put(seq, "compat_folio_bytes", census_desc_bytes(&compat));
	census_put_model(seq, c, &d, 64);
	census_put_model(seq, c, &d, 32);
	census_put_model(seq, c, &d, 8);
	put(seq, "walk_steps", c->steps);
	put(seq, "walk_ns", c->ns);
	return 0;
}
