// SPDX-License-Identifier: GPL-2.0
/*
 * Looking at the entries of a mapping. As filemap_get_folios() does, an entry is
 * found under RCU, its folio is pinned and the entry looked up again: a folio that is
 * pinned is neither freed nor split nor migrated, so all that is read of it is of one
 * folio. Unlike there, shadows and swap are seen too, and the pin is gone before the
 * RCU read section ends: nothing is held from one batch to the next.
 */
#include <linux/dax.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/xarray.h>

#include "inspect.h"

/* Entries that changed under the walk before the CPU is offered to others. */
#define INSPECT_RETRIES	64

const char * const inspect_kinds[NR_INSPECT_KINDS] = {
	[INSPECT_FOLIO]		= "folio",
	[INSPECT_SHADOW]	= "shadow",
	[INSPECT_SWAP]		= "swap",
	[INSPECT_DAX]		= "dax",
};

/* Only a file or a block device has an end that says what its mapping may hold. */
static u64 inspect_eof(const struct inode *inode)
{
	if (!S_ISREG(inode->i_mode) && !S_ISBLK(inode->i_mode))
		return U64_MAX;
	return DIV_ROUND_UP_ULL(i_size_read(inode), PAGE_SIZE);
}

/**
 * inspect_walk_start() - Begin a walk over the entries of a mapping.
 * @walk: The walk.
 * @mapping: What to walk; the caller has a reference to its inode.
 * @index: Where to begin. An entry that reaches over it is the first.
 *
 * Context: Any.
 */
void inspect_walk_start(struct inspect_walk *walk, struct address_space *mapping,
			pgoff_t index)
{
	walk->mapping = mapping;
	walk->next = index;
	walk->eof = inspect_eof(mapping->host);
	walk->end = false;
	walk->at = 0;
	walk->nr = 0;
}

static void look_at_mapcounts(struct inspect_entry *e, struct folio *folio)
{
	e->mapcount = max(folio_mapcount(folio), 0);
	if (folio_test_large(folio)) {
		int rest;

		e->entire = max(folio_entire_mapcount(folio), 0);
		rest = max(e->mapcount - e->entire, 0);
		e->avg = e->entire + DIV_ROUND_CLOSEST(rest, (int)folio_nr_pages(folio));
		if (e->mapcount && !e->avg)
			e->avg = 1;
	} else {
		e->entire = e->mapcount;
		e->avg = e->mapcount;
	}
	e->maybe_shared = compat_maybe_shared(folio);
}

static bool look_at_folio(struct inspect_entry *e, struct xa_state *xas, struct folio *folio)
{
	bool same;

	if (!folio_try_get(folio))
		return false;
	same = folio == xas_reload(xas);
	if (same) {
		e->kind = INSPECT_FOLIO;
		e->index = folio->index;
		e->order = folio_order(folio);
		e->flags = compat_folio_flags(folio);
		e->refs = folio_ref_count(folio) - 1;
		look_at_mapcounts(e, folio);
	}
	folio_put(folio);
	return same;
}

static void look_at_value(struct inspect_entry *e, struct xa_state *xas,
			  struct address_space *mapping)
{
	if (dax_mapping(mapping))
		e->kind = INSPECT_DAX;
	else if (shmem_mapping(mapping))
		e->kind = INSPECT_SWAP;
	else
		e->kind = INSPECT_SHADOW;
	e->order = xas_get_order(xas);
	e->index = round_down(xas->xa_index, 1UL << e->order);
}

/* Sees the next few entries. That none was seen need not mean that there is none. */
static void inspect_fill(struct inspect_walk *walk)
{
	XA_STATE(xas, &walk->mapping->i_pages, walk->next);
	unsigned int retries = 0;
	void *found;

	walk->at = 0;
	walk->nr = 0;
	rcu_read_lock();
	while (walk->nr < INSPECT_BATCH && retries < INSPECT_RETRIES) {
		struct inspect_entry *e = &walk->batch[walk->nr];

		found = xas_find(&xas, ULONG_MAX);
		if (xas_retry(&xas, found)) {
			retries++;
			continue;
		}
		if (!found) {
			walk->end = true;
			break;
		}
		if (xa_is_value(found)) {
			look_at_value(e, &xas, walk->mapping);
		} else if (!look_at_folio(e, &xas, found)) {
			xas_reset(&xas);
			retries++;
			continue;
		}
		walk->nr++;
		/* Onward even if a driver has put in a page of another index. */
		e->last = max(e->index + (1UL << e->order) - 1, xas.xa_index);
		walk->next = e->last + 1;
		if (e->last == ULONG_MAX) {
			walk->end = true;
			break;
		}
		/* Else xas_find() goes from slot to slot of what it has found. */
		if (e->order)
			xas_advance(&xas, xas.xa_index | ((1UL << xas_get_order(&xas)) - 1));
	}
	rcu_read_unlock();
}

/**
 * inspect_walk_next() - The next entry of a walk.
 * @walk: The walk.
 *
 * Entries come in the order of the file. One that took the place of others since
 * they were seen can begin before their end.
 *
 * Context: May sleep, but waits for no lock of the mapping or of a folio.
 * Return: What was seen, valid until the next call; NULL after the last one;
 * ERR_PTR(-EINTR) if the task is being killed.
 */
struct inspect_entry *inspect_walk_next(struct inspect_walk *walk)
{
	while (walk->at == walk->nr) {
		if (walk->end)
			return NULL;
		if (fatal_signal_pending(current))
			return ERR_PTR(-EINTR);
		cond_resched();
		inspect_fill(walk);
	}
	return &walk->batch[walk->at++];
}

/**
 * inspect_past_eof() - How much of an entry lies past the end of the file.
 * @walk: The walk that saw it.
 * @entry: The entry.
 *
 * Return: The number of its pages that lie wholly at or past the end of the file as it
 * was when the walk began.
 */
u64 inspect_past_eof(const struct inspect_walk *walk, const struct inspect_entry *entry)
{
	u64 nr = 1ULL << entry->order;
	u64 end = entry->index + nr;

	return end > walk->eof ? min(end - walk->eof, nr) : 0;
}
