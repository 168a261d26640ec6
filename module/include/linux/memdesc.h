/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory descriptors: what a page is used for, as one typed word.
 *
 * A memdesc is the one word that would be left of struct page: its low four
 * bits are a type, the rest points to a descriptor (a folio, a slab, a page
 * table's) or, for memory that needs none, holds a subtype and an order. Until
 * pages have that word, page_memdesc() derives from the fields of today what it
 * would say. See Documentation/mm/memdesc.rst.
 *
 * What is derived is a hint: nothing is locked or referenced, and a page can be
 * freed and allocated again before the caller looks at the answer. Which of it a
 * caller can hold still:
 *
 *   BUDDY and its order     zone->lock
 *   SLAB                    an allocated object inside
 *   PTDESC                  mmap_lock, or RCU from an entry that points to it
 *   FILE, ANON, KSM         a reference to the folio; the order also needs the
 *                           folio lock, for a folio that is split keeps its
 *                           first page
 *   MISC: RESERVED, ZERO    nothing, short of memory hotplug
 *   MISC: other subtypes    the owner alone
 *
 * Descriptors are never dereferenced here. Who follows a word has to: load it
 * once with READ_ONCE() under rcu_read_lock(), take a reference from there with
 * a try_get, and load it again to see that it is still the same.
 */
#ifndef _LINUX_MEMDESC_H
#define _LINUX_MEMDESC_H

#include <linux/align.h>
#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/mm.h>
#include <linux/mmdebug.h>
#include <linux/page-flags.h>

/**
 * enum memdesc_type - what a page is used for; the low bits of its word
 * @MEMDESC_MISC: no descriptor; the word holds an enum memdesc_misc
 * @MEMDESC_BUDDY: free, in the buddy allocator
 * @MEMDESC_FILE: a folio of a file, tmpfs and hugetlbfs included, and a folio
 *	that belongs to nobody any more, or not yet
 * @MEMDESC_ANON: an anonymous folio
 * @MEMDESC_KSM: an anonymous folio that KSM shares
 * @MEMDESC_SLAB: a slab
 * @MEMDESC_MOVABLE: can be migrated by its driver and has no type of its own;
 *	those of balloons and zsmalloc do have one
 * @MEMDESC_PTDESC: a page table whose constructor has run
 * @MEMDESC_NETPOOL: belongs to a page pool of the network
 * @MEMDESC_HWPOISON: broken, and taken from whoever used it
 * @MEMDESC_PERCPU: per-CPU memory; cannot be derived, counts as
 *	%MEMDESC_MISC_UNKNOWN
 * @MEMDESC_ZSMALLOC: compressed memory
 * @MEMDESC_IOPT: page table of an IOMMU; cannot be derived either
 * @MEMDESC_DEVICE: memory of a device, with a struct dev_pagemap
 * @MEMDESC_INVALID: not known: struct page is poisoned, or changed again and
 *	again while it was read
 *
 * 0 to 10 are the numbers of the public plan for memdescs.
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
 * @MEMDESC_MISC_UNKNOWN: allocated, and nothing in its page says for what:
 *	vmalloc, stacks, per-CPU memory, buffers of drivers, alloc_pages()
 * @MEMDESC_MISC_GUARD: guards its neighbours, of debug_pagealloc
 * @MEMDESC_MISC_OFFLINE: logically offline: a balloon's, a hypervisor's
 * @MEMDESC_MISC_LARGE_KMALLOC: kmalloc() beyond the sizes of slabs
 * @MEMDESC_MISC_UNACCEPTED: not yet accepted from the hypervisor; free
 * @MEMDESC_MISC_FROZEN: without a reference, not in the buddy allocator: in a
 *	per-CPU free list, allocated frozen, the tail of an allocation that is
 *	not compound, or between two states; nothing in the page tells these
 *	apart
 *
 * 0 to 6 are the numbers of the public plan.
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
 * @MEMDESC_HUGETLB: a folio of hugetlb; a free one is %MEMDESC_FILE
 * @MEMDESC_SHMEM: a folio of a file that can be swapped out
 * @MEMDESC_ORPHAN: of %MEMDESC_FILE: a folio of no file, which may have been
 *	anonymous before, or be next
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
 * The word. Of a MISC page: bits 0-3 the type, 4-10 the subtype, 11 that it may
 * be mapped by user space, 12-17 the order; those above are left to zone and
 * node. Of BUDDY: the type and the order, in the same place.
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
 * memdesc_type_is_folio - Is a page of this type part of a folio?
 * @type: The type.
 *
 * Context: Any context.
 * Return: True if the descriptor of such a page is a struct folio.
 */
static inline bool memdesc_type_is_folio(enum memdesc_type type)
{
	return type == MEMDESC_FILE || type == MEMDESC_ANON ||
	       type == MEMDESC_KSM;
}

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
 * Return: The word. A misaligned @desc, or a @type without one, gives a warning
 * with CONFIG_DEBUG_VM; the word is of @type, and the low bits of @desc are lost.
 */
static inline memdesc_t memdesc_encode(enum memdesc_type type, const void *desc)
{
	unsigned long addr = (unsigned long)desc;

	VM_WARN_ON_ONCE(!IS_ALIGNED(addr, MEMDESC_ALIGN));
	VM_WARN_ON_ONCE(!memdesc_type_has_desc(type));
	return (memdesc_t){ (addr & ~MEMDESC_TYPE_MASK) | type };
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
static inline memdesc_t memdesc_encode_misc(enum memdesc_misc misc,
					    unsigned int order, bool mapped)
{
	VM_WARN_ON_ONCE(order > MEMDESC_ORDER_MASK);
	return (memdesc_t){ MEMDESC_MISC |
			    (unsigned long)misc << MEMDESC_MISC_SHIFT |
			    (order & MEMDESC_ORDER_MASK) << MEMDESC_ORDER_SHIFT |
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
 * memdesc_mapped - May user space have mapped the page of a MISC word?
 * @memdesc: A word of type %MEMDESC_MISC.
 *
 * Context: Any context.
 * Return: True if it may.
 */
static inline bool memdesc_mapped(memdesc_t memdesc)
{
	return memdesc.v & MEMDESC_MAPPED;
}

/**
 * memdesc_order - The order of the page of a MISC or BUDDY word.
 * @memdesc: A word of such a type; others have theirs in the descriptor.
 *
 * Context: Any context.
 * Return: The order.
 */
static inline unsigned int memdesc_order(memdesc_t memdesc)
{
	return memdesc.v >> MEMDESC_ORDER_SHIFT & MEMDESC_ORDER_MASK;
}

/*
 * As long as struct page has all its other members, the word can only be where
 * @compound_info, @lru and @buddy_list are. An odd value there is a tail to
 * PageTail(), a multiple of 8 a pointer of a list: these are the tags that fit.
 */
#define MEMDESC_TAG_FOLIO	2UL
#define MEMDESC_TAG_PTDESC	6UL
#define MEMDESC_TAG_SLAB	10UL
#define MEMDESC_TAG_NETPOOL	12UL
#define MEMDESC_TAG_ZSMALLOC	14UL

/**
 * memdesc_tag - The tag of a type in a struct page as it is today.
 * @type: The type.
 *
 * Context: Any context.
 * Return: The low four bits of the word, or 0 for a type that has no tag. FILE,
 * ANON and KSM share one, for today the folio says which it is.
 */
static inline unsigned long memdesc_tag(enum memdesc_type type)
{
	switch (type) {
	case MEMDESC_FILE:
	case MEMDESC_ANON:
	case MEMDESC_KSM:
		return MEMDESC_TAG_FOLIO;
	case MEMDESC_PTDESC:
		return MEMDESC_TAG_PTDESC;
	case MEMDESC_SLAB:
		return MEMDESC_TAG_SLAB;
	case MEMDESC_NETPOOL:
		return MEMDESC_TAG_NETPOOL;
	case MEMDESC_ZSMALLOC:
		return MEMDESC_TAG_ZSMALLOC;
	default:
		return 0;
	}
}

/**
 * struct memdesc_info - what page_memdesc_info() has derived
 * @type: What the page is used for.
 * @sub: Of %MEMDESC_MISC an enum memdesc_misc, of others an enum memdesc_detail.
 * @order: What the page belongs to has 2^@order pages; 0 if that is not known.
 * @head: The page is the first of these, and known to be.
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

void page_memdesc_info(struct memdesc_info *mi, const struct page *page);

/**
 * memdesc_info_head - The first page of what a page was found to belong to.
 * @mi: What page_memdesc_info() has derived.
 * @page: The page that it was asked about.
 *
 * Context: Any context; nothing is dereferenced.
 * Return: That page. @page itself if it is the first one, or nothing is known.
 */
static inline const struct page *
memdesc_info_head(const struct memdesc_info *mi, const struct page *page)
{
	return page - ((1UL << mi->order) - mi->nr);
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
 * subtype nor an order is the type alone.
 */
static inline memdesc_t page_memdesc(const struct page *page)
{
	struct memdesc_info mi;

	page_memdesc_info(&mi, page);
	if (mi.type == MEMDESC_MISC)
		return memdesc_encode_misc(mi.sub, mi.order, mi.mapped);
	if (memdesc_type_has_desc(mi.type))
		return memdesc_encode(mi.type, memdesc_info_head(&mi, page));
	if (mi.type == MEMDESC_BUDDY)
		return (memdesc_t){ MEMDESC_BUDDY | (unsigned long)mi.order <<
						    MEMDESC_ORDER_SHIFT };
	return (memdesc_t){ mi.type };
}

/**
 * page_folio_or_null - The folio of a page, if it has one.
 * @page: Any page that has a struct page.
 *
 * page_folio() takes a page of any type for part of a folio. This is for those
 * who come from a pfn, and do not know what they will find.
 *
 * Context: Any context. Without a reference the answer is a hint, and the folio
 * can be split or freed: take one with folio_try_get() under rcu_read_lock(),
 * and compare with page_folio() then.
 * Return: The folio, or NULL if the page is of another type. NULL as well for
 * memory of alloc_pages() that nobody has made a folio, and of order 0 for a
 * folio that belongs to nobody yet: in the page they are the same.
 */
static inline struct folio *page_folio_or_null(const struct page *page)
{
	struct memdesc_info mi;

	page_memdesc_info(&mi, page);
	if (!memdesc_type_is_folio(mi.type))
		return NULL;
	return (struct folio *)memdesc_info_head(&mi, page);
}

/**
 * page_ptdesc_or_null - The descriptor of a page table, if a page is one.
 * @page: Any page that has a struct page.
 *
 * page_ptdesc() takes a page of any type for a page table.
 *
 * Context: Any context. Stable for who keeps the table from being freed: by
 * mmap_lock, or by RCU from an entry that pointed to it.
 * Return: The ptdesc, or NULL if the page is of another type. NULL as well for
 * tables without a constructor, as those of the early boot.
 */
static inline struct ptdesc *page_ptdesc_or_null(const struct page *page)
{
	page = compound_head(page);
	/* Of a table that is kept the type does not change; of others any will do. */
	if (data_race(page->page_type >> 24) != PGTY_table)
		return NULL;
	return (struct ptdesc *)page;
}

#endif /* _LINUX_MEMDESC_H */
