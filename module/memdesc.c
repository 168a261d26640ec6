// SPDX-License-Identifier: GPL-2.0
/*
 * Which memory descriptor a page would have, derived from struct page of today.
 *
 * Nobody is kept from using the page meanwhile, and no single member says it all.
 * So it is derived until two answers in a row agree: what comes out was true
 * between the two, short of a page that became something else and was the first
 * again, twice, in step with the loads.
 */
#include <linux/export.h>
#include <linux/memdesc.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/poison.h>

/* How often two answers may differ before the page is said to be unknown. */
#define MEMDESC_TRIES	5

/* The flags as a plain word, read once, and without the BUG() on a poisoned page. */
static unsigned long page_flags_word(const struct page *page)
{
	return READ_ONCE(*(const unsigned long *)&page->flags);
}

/*
 * The order that the first page of a compound page claims, or -1 if that cannot
 * be: a page can get or lose its head flag, its order and its tails at any time.
 * A split for one gives the second page its flags before it is no tail any more,
 * and these lie where the order was. So the last page has to be a tail, and the
 * one behind it not. The memmap is there up to the next MAX_ORDER_NR_PAGES:
 * @page[1] is only touched if @page is even.
 */
static int compound_order_claimed(const struct page *page)
{
	unsigned long pfn = page_to_pfn(page), nr;
	unsigned int order;

	if (!IS_ALIGNED(pfn, 2) || compound_head(page + 1) != page)
		return -1;
	order = page_flags_word(page + 1) & 0xff;
	nr = 1UL << (order & 31);
	if (!order || order > MAX_FOLIO_ORDER || !IS_ALIGNED(pfn, nr))
		return -1;
	if (order > MAX_PAGE_ORDER && !pfn_valid(pfn + nr - 1))
		return -1;
	if (compound_head(page + nr - 1) != page)
		return -1;
	if (!IS_ALIGNED(pfn + nr, MAX_ORDER_NR_PAGES) &&
	    compound_head(page + nr) == page)
		return -1;
	return order;
}

/* The same for the order that the first page of a free block has in @private. */
static int block_order_claimed(const struct page *page)
{
	unsigned long order = READ_ONCE(page->private);

	if (order > MAX_PAGE_ORDER ||
	    !IS_ALIGNED(page_to_pfn(page), 1UL << order))
		return -1;
	return order;
}

static void set_type(struct memdesc_info *mi, enum memdesc_type type, u8 sub)
{
	mi->type = type;
	mi->sub = sub;
}

static unsigned int read_page_type(const struct page *page)
{
	return READ_ONCE(page->page_type);
}

/*
 * Blocks of the page allocator, of which only the first page has a type, and
 * which are not compound. The order, -1 if it cannot be, -2 if @page is none.
 */
static int derive_block(struct memdesc_info *mi, const struct page *page)
{
	switch (read_page_type(page) >> 24) {
	case PGTY_buddy:
		set_type(mi, MEMDESC_BUDDY, MEMDESC_PLAIN);
		return block_order_claimed(page);
	case PGTY_guard:
		set_type(mi, MEMDESC_MISC, MEMDESC_MISC_GUARD);
		return block_order_claimed(page);
	case PGTY_unaccepted:
		set_type(mi, MEMDESC_MISC, MEMDESC_MISC_UNACCEPTED);
		if (!IS_ALIGNED(page_to_pfn(page), MAX_ORDER_NR_PAGES))
			return -1;
		return MAX_PAGE_ORDER;
	default:
		return -2;
	}
}

/* Whether a page without type and reference is further inside of such a block. */
static bool derive_inside(struct memdesc_info *mi, const struct page *page)
{
	unsigned long pfn = page_to_pfn(page), idx;
	int order, claimed;

	for (order = 1; order <= MAX_PAGE_ORDER; order++) {
		struct memdesc_info block = { };

		idx = pfn & ((1UL << order) - 1);
		if (!idx)
			continue;
		claimed = derive_block(&block, page - idx);
		if (claimed < order)
			continue;
		set_type(mi, block.type, block.sub);
		mi->order = claimed;
		mi->nr = (1UL << claimed) - idx;
		mi->head = false;
		return true;
	}
	return false;
}

/* From the other types in @page_type. */
static bool derive_typed(struct memdesc_info *mi, unsigned int page_type)
{
	switch (page_type >> 24) {
	case PGTY_offline:
		set_type(mi, MEMDESC_MISC, MEMDESC_MISC_OFFLINE);
		return true;
	case PGTY_large_kmalloc:
		set_type(mi, MEMDESC_MISC, MEMDESC_MISC_LARGE_KMALLOC);
		return true;
	case PGTY_table:
		set_type(mi, MEMDESC_PTDESC, MEMDESC_PLAIN);
		return true;
	case PGTY_slab:
		set_type(mi, MEMDESC_SLAB, MEMDESC_PLAIN);
		return true;
	case PGTY_zsmalloc:
		set_type(mi, MEMDESC_ZSMALLOC, MEMDESC_PLAIN);
		return true;
	default:
		return false;
	}
}

/* From @mapping, and from the flags that only folios have. */
static bool derive_folio(struct memdesc_info *mi, const struct page *page,
			 unsigned long flags, bool hugetlb)
{
	unsigned long mapping = (unsigned long)READ_ONCE(page->mapping);
	u8 sub = hugetlb ? MEMDESC_HUGETLB : MEMDESC_PLAIN;

	switch (mapping & FOLIO_MAPPING_FLAGS) {
	case FOLIO_MAPPING_ANON:
		set_type(mi, MEMDESC_ANON, sub);
		return true;
	case FOLIO_MAPPING_KSM:
		set_type(mi, MEMDESC_KSM, sub);
		return true;
	case 0:
		break;
	default:
		set_type(mi, MEMDESC_MOVABLE, MEMDESC_PLAIN);
		return true;
	}
	if (!hugetlb && mapping && flags & BIT(PG_swapbacked))
		sub = MEMDESC_SHMEM;
	if (!hugetlb && !mapping) {
		if (!(flags & (BIT(PG_lru) | BIT(PG_swapbacked))) &&
		    !(mi->order &&
		      page_flags_word(page + 1) & BIT(PG_large_rmappable)))
			return false;
		sub = MEMDESC_ORPHAN;
	}
	set_type(mi, MEMDESC_FILE, sub);
	return true;
}

/*
 * A page pool keeps its signature behind the flags, where other pages have the
 * first pointer of @lru.
 */
static bool is_netpool(const struct page *page)
{
	unsigned long word = (unsigned long)READ_ONCE(page->lru.next);

	return IS_ENABLED(CONFIG_PAGE_POOL) &&
	       (word & PP_MAGIC_MASK) == PP_SIGNATURE;
}

/* All that is said of a page that is no tail; its order is known. */
static void derive_untyped(struct memdesc_info *mi, const struct page *page,
			   unsigned long flags, unsigned int page_type)
{
	/* No type: the field is one less than the map count. */
	mi->mapped = (int)page_type >= 0;
	if (is_zero_pfn(page_to_pfn(page))) {
		mi->mapped = true;
		set_type(mi, MEMDESC_MISC, MEMDESC_MISC_ZERO);
	} else if (flags & BIT(PG_reserved)) {
		set_type(mi, MEMDESC_MISC, MEMDESC_MISC_RESERVED);
	} else if (is_netpool(page)) {
		set_type(mi, MEMDESC_NETPOOL, MEMDESC_PLAIN);
	} else if (derive_folio(mi, page, flags,
				page_type >> 24 == PGTY_hugetlb)) {
		return;
	} else if (flags & __PG_HWPOISON) {
		set_type(mi, MEMDESC_HWPOISON, MEMDESC_PLAIN);
	} else if (page_ref_count(page)) {
		set_type(mi, MEMDESC_MISC, MEMDESC_MISC_UNKNOWN);
	} else if (mi->order || !derive_inside(mi, page)) {
		set_type(mi, MEMDESC_MISC, MEMDESC_MISC_FROZEN);
	}
}

/* @page is no tail. False if its order cannot be. */
static bool derive_head(struct memdesc_info *mi, const struct page *page)
{
	unsigned long flags = page_flags_word(page);
	unsigned int page_type;
	int order = 0;

	if (flags & BIT(PG_head))
		order = compound_order_claimed(page);
	if (order < 0)
		return false;
	mi->order = order;
	mi->nr = 1UL << order;
	mi->head = true;
	if (is_zone_device_page(page)) {
		set_type(mi, MEMDESC_DEVICE, MEMDESC_PLAIN);
		return true;
	}
	order = derive_block(mi, page);
	if (order >= -1) {
		if (order < 0 || flags & BIT(PG_head))
			return false;
		mi->order = order;
		mi->nr = 1UL << order;
		return true;
	}
	page_type = read_page_type(page);
	if (!derive_typed(mi, page_type))
		derive_untyped(mi, page, flags, page_type);
	return true;
}

/* Once, from what is read in passing. */
static void derive(struct memdesc_info *mi, const struct page *page)
{
	const struct page *head = compound_head(page);
	unsigned long bytes = (unsigned long)page - (unsigned long)head;
	unsigned long idx = bytes / sizeof(*page);

	*mi = (struct memdesc_info){
		.type = MEMDESC_INVALID,
		.sub = MEMDESC_TORN,
		.nr = 1,
	};
	if (page_flags_word(page) == PAGE_POISON_PATTERN) {
		mi->sub = MEMDESC_POISONED;
		return;
	}
	/* A head far away, or behind: a tail whose word is just overwritten. */
	if (head > page || idx >= MAX_FOLIO_NR_PAGES || bytes % sizeof(*page))
		return;
	if (!derive_head(mi, head) || (idx && idx >> mi->order)) {
		*mi = (struct memdesc_info){
			.type = MEMDESC_INVALID,
			.sub = MEMDESC_TORN,
			.nr = 1,
		};
		return;
	}
	if (idx) {
		mi->nr = (1UL << mi->order) - idx;
		mi->head = false;
	}
}

static bool same_info(const struct memdesc_info *a, const struct memdesc_info *b)
{
	return a->type == b->type && a->sub == b->sub && a->order == b->order &&
	       a->nr == b->nr && a->head == b->head;
}

/**
 * page_memdesc_info - Derive what a page is used for.
 * @mi: What is found out.
 * @page: Any page that has a struct page, also a tail, free or poisoned.
 *
 * The first rule that matches decides:
 *
 *  1. INVALID, if the flags are the poison of a struct page not in use
 *  2. of a tail, whatever its head is; INVALID if there is none that fits
 *  3. DEVICE, by its zone
 *  4. BUDDY, SLAB, PTDESC, ZSMALLOC and MISC: GUARD, UNACCEPTED, OFFLINE and
 *     LARGE_KMALLOC, by page_type. It comes before the members that mean
 *     something else for these types, and cannot be taken for a map count.
 *  5. MISC: ZERO, RESERVED
 *  6. NETPOOL, by its signature, before @mapping, which page pools do not keep
 *     clear
 *  7. ANON, KSM, FILE or MOVABLE, by @mapping; FILE also by flags that only
 *     folios have
 *  8. HWPOISON, by the flag, which is left of a page that nobody uses
 *  9. MISC: UNKNOWN, with a reference
 * 10. BUDDY, MISC: GUARD or UNACCEPTED, if it is the inside of such a block
 * 11. MISC: FROZEN
 *
 * A page that never was of a type during the call is not said to be of it: one
 * that changes all the time is INVALID. That takes a CPU to see the stores of
 * another in their order; where it does not, a type can be one step behind.
 *
 * Context: Any context, without locks or references; @page itself must not go
 * away, so keep memory hotplug out, or hold off its removal of the memmap. What
 * is found is a hint: see include/linux/memdesc.h. Never fails. Not for hot
 * paths: some hundred instructions.
 */
void page_memdesc_info(struct memdesc_info *mi, const struct page *page)
{
	struct memdesc_info before;
	int tries;

	derive(mi, page);
	for (tries = 0; tries < MEMDESC_TRIES; tries++) {
		before = *mi;
		/* Pairs with nothing: all loads of one before those of the next. */
		smp_rmb();
		derive(mi, page);
		if (same_info(&before, mi))
			return;
	}
	*mi = (struct memdesc_info){
		.type = MEMDESC_INVALID,
		.sub = MEMDESC_TORN,
		.nr = 1,
	};
}
EXPORT_SYMBOL_GPL(page_memdesc_info);
