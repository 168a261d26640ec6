/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory descriptors: what a page is used for, as one typed word.
 *
 * A memdesc is the one word that would be left of struct page: its low four bits
 * are a type, the rest points to a descriptor (a folio, a slab, a page table's) or,
 * for memory that needs none, holds a subtype and an order. Until pages have that
 * word, page_memdesc_info() derives from the fields of today what it would say.
 *
 * What is derived is a hint. Nothing is locked or referenced, so a page may be
 * allocated, freed, merged or split between two of the loads; what is said then is
 * true of no moment. Which of it a caller can hold still:
 *
 *   BUDDY and its order     zone->lock
 *   SLAB                    an allocated object inside
 *   PTDESC                  mmap_lock, or RCU from an entry that points to the table
 *   FILE, ANON, KSM         a reference to the folio; the order also needs the folio
 *                           lock, for a folio that is split keeps its first page
 *   MISC: RESERVED, ZERO    nothing, short of memory hotplug
 *   MISC: other subtypes    the owner alone
 *
 * Descriptors are never dereferenced here. Who follows a word later has to: load it
 * once with READ_ONCE() under rcu_read_lock(), take a reference from there with a
 * try_get, and load it again to see that it is still the same.
 */
#ifndef _LINUX_MEMDESC_H
#define _LINUX_MEMDESC_H

#include <linux/align.h>
#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/mm.h>
#include <linux/mmdebug.h>
#include <linux/page-flags.h>
#include <linux/pgtable.h>
#include <linux/poison.h>

/**
 * enum memdesc_type - what a page is used for; the low bits of its word
 * @MEMDESC_MISC: no descriptor; the word holds an enum memdesc_misc
 * @MEMDESC_BUDDY: free, in the buddy allocator
 * @MEMDESC_FILE: a folio of a file, tmpfs and hugetlbfs included
 * @MEMDESC_ANON: an anonymous folio
 * @MEMDESC_KSM: an anonymous folio that KSM shares
 * @MEMDESC_SLAB: a slab
 * @MEMDESC_MOVABLE: can be migrated by its driver, and has no type of its own
 * @MEMDESC_PTDESC: a page table whose constructor has run
 * @MEMDESC_NETPOOL: belongs to a page pool of the network
 * @MEMDESC_HWPOISON: broken, and taken from whoever used it
 * @MEMDESC_PERCPU: per-CPU memory; cannot be derived, counts as %MEMDESC_MISC_UNKNOWN
 * @MEMDESC_ZSMALLOC: compressed memory
 * @MEMDESC_IOPT: page table of an IOMMU; cannot be derived either
 * @MEMDESC_DEVICE: memory of a device, with a struct dev_pagemap
 * @MEMDESC_INVALID: struct page is poisoned or changed while it was read
 *
 * 0 to 10 are the numbers of the public plan for memdescs; those above are ours.
 */
enum memdesc_type {
	MEMDESC_MISC		= 0,
	MEMDESC_BUDDY		= 1,
	MEMDESC_FILE		= 2,
	MEMDESC_ANON		= 3,
	MEMDESC_KSM		= 4,
	MEMDESC_SLAB		= 5,
	MEMDESC_MOVABLE		= 6,
	MEMDESC_PTDESC		= 7,
	MEMDESC_NETPOOL		= 8,
	MEMDESC_HWPOISON	= 9,
	MEMDESC_PERCPU		= 10,
	MEMDESC_ZSMALLOC	= 11,
	MEMDESC_IOPT		= 12,
	MEMDESC_DEVICE		= 13,
	MEMDESC_INVALID		= 15,
	/* private: */
	NR_MEMDESC_TYPES
};

/**
 * enum memdesc_misc - what a page without a descriptor is used for
 * @MEMDESC_MISC_RESERVED: the kernel's image, memory of the boot allocator, the
 *	firmware's, and holes that have a struct page
 * @MEMDESC_MISC_ZERO: the zero page, not the huge one
 * @MEMDESC_MISC_UNKNOWN: allocated, and nothing in its page says for what: vmalloc,
 *	stacks, per-CPU memory, buffers of drivers, memory of alloc_pages()
 * @MEMDESC_MISC_GUARD: guards its neighbours, of debug_pagealloc
 * @MEMDESC_MISC_OFFLINE: logically offline: a balloon's, a hypervisor's
 * @MEMDESC_MISC_LARGE_KMALLOC: kmalloc() beyond the sizes of slabs
 * @MEMDESC_MISC_UNACCEPTED: not yet accepted from the hypervisor; free
 * @MEMDESC_MISC_FROZEN: without a reference, not in the buddy allocator: in a per-CPU
 *	free list, allocated frozen, the tail of an allocation that is not compound,
 *	or between two states; nothing in the page tells these apart
 *
 * 0 to 6 are the numbers of the public plan; those from 16 on are ours.
 */
enum memdesc_misc {
	MEMDESC_MISC_RESERVED		= 0,
	MEMDESC_MISC_ZERO		= 1,
	MEMDESC_MISC_UNKNOWN		= 2,
	MEMDESC_MISC_GUARD		= 4,
	MEMDESC_MISC_OFFLINE		= 5,
	MEMDESC_MISC_LARGE_KMALLOC	= 6,
	MEMDESC_MISC_UNACCEPTED		= 16,
	MEMDESC_MISC_FROZEN		= 17,
	/* private: */
	NR_MEMDESC_MISC
};

/**
 * enum memdesc_detail - more about a page that has a type, not part of its word
 * @MEMDESC_PLAIN: nothing
 * @MEMDESC_HUGETLB: a folio of hugetlb; a free one counts as %MEMDESC_FILE
 * @MEMDESC_SHMEM: a folio of a file that can be swapped out
 * @MEMDESC_ORPHAN: a folio that belongs to no file any more, or not yet
 * @MEMDESC_POISONED: of %MEMDESC_INVALID: struct page was never initialised
 * @MEMDESC_TORN: of %MEMDESC_INVALID: what was read contradicts itself
 */
enum memdesc_detail {
	MEMDESC_PLAIN,
	MEMDESC_HUGETLB,
	MEMDESC_SHMEM,
	MEMDESC_ORPHAN,
	MEMDESC_POISONED,
	MEMDESC_TORN,
	/* private: */
	NR_MEMDESC_DETAILS
};

/*
 * The word. Of a MISC page: bits 0-3 the type, 4-10 the subtype, 11 that it may be
 * mapped by user space, 12-17 the order; those above are left to zone and node.
 */
typedef struct { unsigned long v; } memdesc_t;

#define MEMDESC_TYPE_MASK	GENMASK(3, 0)
#define MEMDESC_MISC_SHIFT	4
#define MEMDESC_MISC_MASK	GENMASK(6, 0)
#define MEMDESC_MAPPED		BIT(11)
#define MEMDESC_ORDER_SHIFT	12
#define MEMDESC_ORDER_MASK	GENMASK(5, 0)
/* What a descriptor must be aligned to. */
#define MEMDESC_ALIGN		(MEMDESC_TYPE_MASK + 1)

static_assert(NR_MEMDESC_TYPES - 1 <= MEMDESC_TYPE_MASK);
static_assert(NR_MEMDESC_MISC - 1 <= MEMDESC_MISC_MASK);
static_assert(MAX_FOLIO_ORDER <= MEMDESC_ORDER_MASK);

/**
 * memdesc_type_has_desc - Do pages of a type have a descriptor of their own?
 * @type: The type.
 *
 * Context: Any context.
 * Return: True if the word of such a page is a pointer and a type.
 */
static inline bool memdesc_type_has_desc(enum memdesc_type type)
{
	switch (type) {
	case MEMDESC_FILE:
	case MEMDESC_ANON:
	case MEMDESC_KSM:
	case MEMDESC_SLAB:
	case MEMDESC_PTDESC:
	case MEMDESC_NETPOOL:
	case MEMDESC_ZSMALLOC:
	case MEMDESC_IOPT:
		return true;
	default:
		return false;
	}
}

/**
 * memdesc_encode - Make the word of a page that has a descriptor.
 * @type: A type for which memdesc_type_has_desc().
 * @desc: Its descriptor, aligned to MEMDESC_ALIGN; not dereferenced.
 *
 * Context: Any context.
 * Return: The word. A misaligned @desc gives a warning with CONFIG_DEBUG_VM and
 * a word of another type.
 */
static inline memdesc_t memdesc_encode(enum memdesc_type type, const void *desc)
{
	VM_WARN_ON_ONCE(!IS_ALIGNED((unsigned long)desc, MEMDESC_ALIGN));
	VM_WARN_ON_ONCE(!memdesc_type_has_desc(type));
	return (memdesc_t){ (unsigned long)desc | type };
}

/**
 * memdesc_encode_misc - Make the word of a page that has no descriptor.
 * @misc: What it is used for.
 * @order: It and what follows are 2^@order pages, at most MAX_FOLIO_ORDER.
 * @mapped: User space may have mapped it.
 *
 * Context: Any context.
 * Return: The word; its bits for zone and node are 0.
 */
static inline memdesc_t memdesc_encode_misc(enum memdesc_misc misc, unsigned int order, bool mapped)
{
	VM_WARN_ON_ONCE(order > MEMDESC_ORDER_MASK);
	return (memdesc_t){ MEMDESC_MISC | (unsigned long)misc << MEMDESC_MISC_SHIFT |
			    (unsigned long)order << MEMDESC_ORDER_SHIFT |
			    (mapped ? MEMDESC_MAPPED : 0) };
}

/**
 * memdesc_type - The type that a word says.
 * @memdesc: The word.
 *
 * Context: Any context.
 * Return: The type.
 */
static inline enum memdesc_type memdesc_type(memdesc_t memdesc)
{
	return memdesc.v & MEMDESC_TYPE_MASK;
}

/**
 * memdesc_ptr - The descriptor that a word points to.
 * @memdesc: The word.
 *
 * Context: Any context. To dereference it, see the top of this file.
 * Return: The descriptor, or NULL if the type has none.
 */
static inline void *memdesc_ptr(memdesc_t memdesc)
{
	if (!memdesc_type_has_desc(memdesc_type(memdesc)))
		return NULL;
	return (void *)(memdesc.v & ~MEMDESC_TYPE_MASK);
}

/**
 * memdesc_misc - What the page of a MISC word is used for.
 * @memdesc: A word of type %MEMDESC_MISC.
 *
 * Context: Any context.
 * Return: The subtype.
 */
static inline enum memdesc_misc memdesc_misc(memdesc_t memdesc)
{
	return memdesc.v >> MEMDESC_MISC_SHIFT & MEMDESC_MISC_MASK;
}

/**
 * memdesc_order - The order of the page of a MISC word.
 * @memdesc: A word of type %MEMDESC_MISC; other types have theirs in the descriptor.
 *
 * Context: Any context.
 * Return: The order.
 */
static inline unsigned int memdesc_order(memdesc_t memdesc)
{
	return memdesc.v >> MEMDESC_ORDER_SHIFT & MEMDESC_ORDER_MASK;
}

/**
 * struct memdesc_info - what page_memdesc_info() has derived
 * @type: What the page is used for.
 * @sub: Of %MEMDESC_MISC an enum memdesc_misc, of others an enum memdesc_detail.
 * @order: What the page belongs to has 2^@order pages; 0 if that is not known.
 * @head: The page is the first of these.
 * @mapped: Of %MEMDESC_MISC: user space may have mapped it.
 * @nr: So many pages from this one on, at least 1, belong to the same.
 */
struct memdesc_info {
	enum memdesc_type type;
	u8 sub;
	u8 order;
	bool head;
	bool mapped;
	unsigned long nr;
};

/* The flags as a plain word, read once, and without the BUG() on a poisoned page. */
static inline unsigned long __memdesc_flags(const struct page *page)
{
	return READ_ONCE(*(const unsigned long *)&page->flags);
}

/*
 * The order that the first page of a compound page claims, or -1 if that cannot be:
 * a page can get or lose its head flag, its order and its tails at any time. @page[1]
 * is only touched if @page is even, when both are in the same section.
 */
static inline int __memdesc_compound_order(const struct page *page)
{
	unsigned long pfn = page_to_pfn(page);
	unsigned int order;

	if (!IS_ALIGNED(pfn, 2) || compound_head(page + 1) != page)
		return -1;
	order = __memdesc_flags(page + 1) & 0xff;
	if (!order || order > MAX_FOLIO_ORDER || !IS_ALIGNED(pfn, 1UL << order))
		return -1;
	return order;
}

/* The same for the order that a page in the buddy allocator keeps in @private. */
static inline int __memdesc_buddy_order(const struct page *page)
{
	unsigned long order = READ_ONCE(page->private);

	if (order > MAX_PAGE_ORDER || !IS_ALIGNED(page_to_pfn(page), 1UL << order))
		return -1;
	return order;
}

static inline void __memdesc_set(struct memdesc_info *mi, enum memdesc_type type, u8 sub)
{
	mi->type = type;
	mi->sub = sub;
}

/*
 * From the type in @page_type, if there is one. Those who have their order in
 * @private are not compound, so @order is 0 for them before.
 */
static inline bool __memdesc_typed(struct memdesc_info *mi, const struct page *page,
				   unsigned int page_type, int *order)
{
	switch (page_type >> 24) {
	case PGTY_buddy:
		*order = __memdesc_buddy_order(page);
		__memdesc_set(mi, MEMDESC_BUDDY, MEMDESC_PLAIN);
		return true;
	case PGTY_guard:
		*order = __memdesc_buddy_order(page);
		__memdesc_set(mi, MEMDESC_MISC, MEMDESC_MISC_GUARD);
		return true;
	case PGTY_unaccepted:
		*order = IS_ALIGNED(page_to_pfn(page), MAX_ORDER_NR_PAGES) ? MAX_PAGE_ORDER : -1;
		__memdesc_set(mi, MEMDESC_MISC, MEMDESC_MISC_UNACCEPTED);
		return true;
	case PGTY_offline:
		__memdesc_set(mi, MEMDESC_MISC, MEMDESC_MISC_OFFLINE);
		return true;
	case PGTY_large_kmalloc:
		__memdesc_set(mi, MEMDESC_MISC, MEMDESC_MISC_LARGE_KMALLOC);
		return true;
	case PGTY_table:
		__memdesc_set(mi, MEMDESC_PTDESC, MEMDESC_PLAIN);
		return true;
	case PGTY_slab:
		__memdesc_set(mi, MEMDESC_SLAB, MEMDESC_PLAIN);
		return true;
	case PGTY_zsmalloc:
		__memdesc_set(mi, MEMDESC_ZSMALLOC, MEMDESC_PLAIN);
		return true;
	default:
		return false;
	}
}

/* From @mapping, and from the flags that only folios have. */
static inline bool __memdesc_folio(struct memdesc_info *mi, const struct page *page,
				   unsigned long flags, bool large, bool hugetlb)
{
	unsigned long mapping = (unsigned long)READ_ONCE(page->mapping);
	u8 sub = hugetlb ? MEMDESC_HUGETLB : MEMDESC_PLAIN;

	switch (mapping & FOLIO_MAPPING_FLAGS) {
	case FOLIO_MAPPING_ANON:
		__memdesc_set(mi, MEMDESC_ANON, sub);
		return true;
	case FOLIO_MAPPING_KSM:
		__memdesc_set(mi, MEMDESC_KSM, sub);
		return true;
	case 0:
		break;
	default:
		__memdesc_set(mi, MEMDESC_MOVABLE, MEMDESC_PLAIN);
		return true;
	}
	if (!hugetlb && mapping && flags & BIT(PG_swapbacked))
		sub = MEMDESC_SHMEM;
	if (!hugetlb && !mapping) {
		if (!(flags & (BIT(PG_lru) | BIT(PG_swapbacked))) &&
		    !(large && __memdesc_flags(page + 1) & BIT(PG_large_rmappable)))
			return false;
		sub = MEMDESC_ORPHAN;
	}
	__memdesc_set(mi, MEMDESC_FILE, sub);
	return true;
}

/*
 * A page pool keeps its signature behind the flags, where other pages have the first
 * pointer of @lru. That is the name which all kernels have for this word; pp_magic is
 * a member of struct page in some of them only.
 */
static inline bool __memdesc_netpool(const struct page *page)
{
	return IS_ENABLED(CONFIG_PAGE_POOL) &&
	       ((unsigned long)READ_ONCE(page->lru.next) & PP_MAGIC_MASK) == PP_SIGNATURE;
}

/* All that is said of a page that is no tail; its order, -1 if that cannot be. */
static inline int __memdesc_derive(struct memdesc_info *mi, const struct page *page,
				   unsigned long flags)
{
	unsigned int page_type = READ_ONCE(page->page_type);
	int order = flags & BIT(PG_head) ? __memdesc_compound_order(page) : 0;

	if (order < 0)
		return order;
	if (is_zone_device_page(page)) {
		__memdesc_set(mi, MEMDESC_DEVICE, MEMDESC_PLAIN);
		return order;
	}
	if (__memdesc_typed(mi, page, page_type, &order))
		return order;

	/* No type: the field is one less than the map count. */
	mi->mapped = (int)page_type >= 0;
	if (is_zero_pfn(page_to_pfn(page))) {
		mi->mapped = true;
		__memdesc_set(mi, MEMDESC_MISC, MEMDESC_MISC_ZERO);
	} else if (flags & BIT(PG_reserved)) {
		__memdesc_set(mi, MEMDESC_MISC, MEMDESC_MISC_RESERVED);
	} else if (__memdesc_netpool(page)) {
		__memdesc_set(mi, MEMDESC_NETPOOL, MEMDESC_PLAIN);
	} else if (__memdesc_folio(mi, page, flags, order, page_type >> 24 == PGTY_hugetlb)) {
		return order;
	} else if (flags & __PG_HWPOISON) {
		__memdesc_set(mi, MEMDESC_HWPOISON, MEMDESC_PLAIN);
	} else if (page_ref_count(page)) {
		__memdesc_set(mi, MEMDESC_MISC, MEMDESC_MISC_UNKNOWN);
	} else if (is_free_buddy_page(page)) {
		mi->head = false;
		__memdesc_set(mi, MEMDESC_BUDDY, MEMDESC_PLAIN);
	} else {
		__memdesc_set(mi, MEMDESC_MISC, MEMDESC_MISC_FROZEN);
	}
	return order;
}

/**
 * page_memdesc_info - Derive what a page is used for from its fields of today.
 * @mi: What is found out.
 * @page: Any page that has a struct page, also a tail, free or poisoned.
 *
 * The first rule that matches decides:
 *
 *  1. INVALID, if the flags are the poison of a struct page not in use
 *  2. of a tail, whatever its head is; INVALID if there is none that fits
 *  3. DEVICE, by its zone
 *  4. BUDDY, SLAB, PTDESC, ZSMALLOC and MISC/GUARD, /UNACCEPTED, /OFFLINE and
 *     /LARGE_KMALLOC, by page_type. It comes before the fields that mean something
 *     else for these types, and cannot be taken for a map count.
 *  5. MISC/ZERO and MISC/RESERVED
 *  6. NETPOOL, by its signature, before @mapping, which page pools do not keep clear
 *  7. ANON, KSM, FILE or MOVABLE, by @mapping; FILE also by flags of folios alone
 *  8. HWPOISON, by the flag, which is left of a page that nobody uses
 *  9. MISC/FROZEN without a reference, BUDDY if it is the inside of a free block
 * 10. MISC/UNKNOWN
 *
 * Context: Any context, without locks or references; @page itself must not go away,
 * so keep memory hotplug out, or hold off its removal of the memmap. What is found
 * is a hint: see the top of this file. Never fails.
 */
static inline void page_memdesc_info(struct memdesc_info *mi, const struct page *page)
{
	const struct page *head = compound_head(page);
	unsigned long bytes = (unsigned long)page - (unsigned long)head;
	unsigned long idx = bytes / sizeof(*page);
	int order = -1;

	*mi = (struct memdesc_info){ .head = head == page };
	/* A head far away, or behind: the word of a tail that is being overwritten. */
	if (__memdesc_flags(page) != PAGE_POISON_PATTERN && head <= page &&
	    idx < MAX_FOLIO_NR_PAGES && bytes % sizeof(*page) == 0)
		order = __memdesc_derive(mi, head, __memdesc_flags(head));
	if (order >= 0 && !(idx >> order)) {
		mi->order = order;
		mi->nr = (1UL << order) - idx;
		return;
	}
	*mi = (struct memdesc_info){
		.type = MEMDESC_INVALID,
		.sub = __memdesc_flags(page) == PAGE_POISON_PATTERN ? MEMDESC_POISONED :
								      MEMDESC_TORN,
		.nr = 1,
	};
}

/**
 * page_memdesc - Derive the word that a page would have.
 * @page: Any page that has a struct page.
 *
 * What has a descriptor is represented by its first struct page, where today's
 * folios, slabs and page tables keep what will be in their descriptor.
 *
 * Context: See page_memdesc_info().
 * Return: The word, a hint. That of a type which has neither a descriptor nor a
 * subtype is the type alone.
 */
static inline memdesc_t page_memdesc(const struct page *page)
{
	struct memdesc_info mi;

	page_memdesc_info(&mi, page);
	if (mi.type == MEMDESC_MISC)
		return memdesc_encode_misc(mi.sub, mi.order, mi.mapped);
	if (memdesc_type_has_desc(mi.type))
		return memdesc_encode(mi.type, compound_head(page));
	return (memdesc_t){ mi.type };
}

#endif /* _LINUX_MEMDESC_H */
