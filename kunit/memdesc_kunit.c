// SPDX-License-Identifier: GPL-2.0
/*
 * mm_memdesc: the typed word of a page, and which one is derived for memory that is
 * no folio. Where the kernel has no such memory here, a page of the case's own is
 * made to look like it, by the stores that its owner would do:
 *
 *	alloc_pages(3)   [U f f f f f f f]	unknown, its tails frozen
 *	__GFP_COMP       [U U U U U U U U]	unknown, of order 3
 *	kmalloc(32)      [S S S S]		a slab of some order
 *	guard, order 2   [G g g g]		typed in the first page alone
 */
#include <linux/kernel-page-flags.h>
#include <linux/module.h>
#include <linux/poison.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "memdesc_model.h"

#ifdef KPF_GUARD
#define HAS_MEMDESC	true
#else
#define HAS_MEMDESC	false
#define KPF_GUARD		27
#define KPF_ZSMALLOC		28
#define KPF_UNACCEPTED		29
#define KPF_LARGE_KMALLOC	30
#endif

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

/* The word: what goes in comes out, of every type that has a descriptor. */
static void encode_every_type(struct kunit *test)
{
	unsigned int type, n = 0;
	char *desc = kunit_kzalloc(test, 4 * MEMDESC_ALIGN, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, desc);
	desc = PTR_ALIGN(desc, MEMDESC_ALIGN) + MEMDESC_ALIGN;
	for (type = 0; type < NR_MEMDESC_TYPES; type++) {
		memdesc_t word = { (unsigned long)desc | type };

		if (!memdesc_type_has_desc(type)) {
			KUNIT_EXPECT_NULL_MSG(test, memdesc_ptr(word), "type %u", type);
			continue;
		}
		KUNIT_EXPECT_EQ_MSG(test, word.v, memdesc_encode(type, desc).v, "type %u", type);
		word = memdesc_encode(type, desc);
		KUNIT_EXPECT_EQ_MSG(test, type, memdesc_type(word), "type %u", type);
		KUNIT_EXPECT_PTR_EQ_MSG(test, (void *)desc, memdesc_ptr(word), "type %u", type);
		n++;
	}
	KUNIT_EXPECT_EQ(test, 8, n);
	KUNIT_EXPECT_FALSE(test, memdesc_type_has_desc(MEMDESC_MISC));
}

static void encode_every_subtype(struct kunit *test)
{
	unsigned int misc, order, mapped;

	for (misc = 0; misc <= MEMDESC_MISC_MASK; misc++) {
		for (order = 0; order <= MAX_FOLIO_ORDER; order++) {
			for (mapped = 0; mapped < 2; mapped++) {
				memdesc_t word = memdesc_encode_misc(misc, order, mapped);

				KUNIT_EXPECT_EQ_MSG(test, MEMDESC_MISC, memdesc_type(word),
						    "subtype %u order %u", misc, order);
				KUNIT_EXPECT_EQ_MSG(test, misc, memdesc_misc(word),
						    "subtype %u order %u", misc, order);
				KUNIT_EXPECT_EQ_MSG(test, order, memdesc_order(word),
						    "subtype %u order %u", misc, order);
				KUNIT_EXPECT_EQ_MSG(test, mapped, memdesc_mapped(word),
						    "subtype %u order %u", misc, order);
				KUNIT_EXPECT_NULL_MSG(test, memdesc_ptr(word),
						      "subtype %u order %u", misc, order);
				/* Zone and node have what is left. */
				KUNIT_EXPECT_EQ_MSG(test, 0, word.v >> 18,
						    "subtype %u order %u", misc, order);
			}
		}
	}
}

/* The type is not changed by a pointer that is none; with DEBUG_VM it is told. */
static void encode_misaligned_warns(struct kunit *test)
{
	int warnings = IS_ENABLED(CONFIG_DEBUG_VM);
	memdesc_t word = { 0 };

#ifdef kunit_warning_suppress
	kunit_warning_suppress(test) {
		word = memdesc_encode(MEMDESC_SLAB, (void *)0x1000UL + 8);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, warnings);
	}
#else
	if (warnings)
		kunit_skip(test, "needs kunit_warning_suppress()");
	word = memdesc_encode(MEMDESC_SLAB, (void *)0x1000UL + 8);
#endif
	KUNIT_EXPECT_EQ(test, MEMDESC_SLAB, memdesc_type(word));
	KUNIT_EXPECT_EQ(test, 0x1000UL | MEMDESC_SLAB, word.v);
}

/* A tag is in the place of a list pointer, or of the word of a tail, and is neither. */
static void tag_every_type(struct kunit *test)
{
	struct page *page = memdesc_pages(test, 0, 0);
	unsigned long saved = (unsigned long)page->lru.next, seen = 0;
	unsigned int type;

	for (type = 0; type < NR_MEMDESC_TYPES; type++) {
		unsigned long tag = memdesc_tag(type);

		if (!tag)
			continue;
		KUNIT_EXPECT_TRUE_MSG(test, memdesc_type_has_desc(type), "type %u", type);
		KUNIT_EXPECT_LE_MSG(test, tag, MEMDESC_TYPE_MASK, "type %u", type);
		KUNIT_EXPECT_NE_MSG(test, 0, tag % 8, "type %u", type);
		WRITE_ONCE(*(unsigned long *)&page->lru.next, (unsigned long)page | tag);
		KUNIT_EXPECT_FALSE_MSG(test, PageTail(page), "type %u", type);
		KUNIT_EXPECT_PTR_EQ_MSG(test, page, compound_head(page), "type %u", type);
		KUNIT_EXPECT_EQ_MSG(test, memdesc_type_is_folio(type), tag == MEMDESC_TAG_FOLIO,
				    "type %u", type);
		/* One for all folios, else one for each. */
		if (!memdesc_type_is_folio(type))
			KUNIT_EXPECT_FALSE_MSG(test, seen & BIT(tag), "type %u", type);
		seen |= BIT(tag);
	}
	WRITE_ONCE(*(unsigned long *)&page->lru.next, saved);
	KUNIT_EXPECT_EQ(test, 5, hweight_long(seen));
}

/* Nothing says what alloc_pages() was for, nor that pages behind the first belong to it. */
static void derive_pages_each_order(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct page *page = memdesc_pages(test, 0, order);
	unsigned long i;

	memdesc_expect(test, page, MISC_IS(UNKNOWN), 0, 0, "pages");
	for (i = 1; i < 1UL << order; i++)
		memdesc_expect(test, page + i, MISC_IS(FROZEN), 0, 0, "tails");
	KUNIT_EXPECT_NULL(test, page_folio_or_null(page));
	KUNIT_EXPECT_EQ(test, MEMDESC_MISC_UNKNOWN, memdesc_misc(page_memdesc(page)));
	KUNIT_EXPECT_FALSE(test, memdesc_mapped(page_memdesc(page)));
}

static void derive_compound_each_order(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct page *page = memdesc_pages(test, __GFP_COMP, order);
	unsigned long i;

	memdesc_expect_all(test, page, MISC_IS(UNKNOWN), order, "compound");
	for (i = 0; i < 1UL << order; i++)
		KUNIT_EXPECT_EQ_MSG(test, order, memdesc_order(page_memdesc(page + i)),
				    "page %lu", i);
}

static void derive_kmalloc(struct kunit *test)
{
	size_t size;

	for (size = 8; size <= KMALLOC_MAX_CACHE_SIZE; size *= 2) {
		void *object = kmalloc(size, GFP_KERNEL);
		struct page *page;

		KUNIT_ASSERT_NOT_NULL(test, object);
		page = virt_to_page(object);
		memdesc_expect_all(test, compound_head(page), MEMDESC_IS(SLAB, PLAIN),
				   compound_order(compound_head(page)), "slab");
		KUNIT_EXPECT_PTR_EQ_MSG(test, (void *)compound_head(page),
					memdesc_ptr(page_memdesc(page)), "size %zu", size);
		kfree(object);
	}
}

static void derive_large_kmalloc(struct kunit *test)
{
	size_t size;

	if (!COMPAT_LARGE_KMALLOC_TYPED)
		kunit_skip(test, "needs the page type of large kmalloc");
	for (size = 2 * KMALLOC_MAX_CACHE_SIZE; size <= 16 * KMALLOC_MAX_CACHE_SIZE; size *= 2) {
		void *object = kmalloc(size, GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, object);
		memdesc_expect_all(test, virt_to_page(object), MISC_IS(LARGE_KMALLOC),
				   get_order(size), "kmalloc");
		kfree(object);
	}
}

static void derive_vmalloc(struct kunit *test)
{
	char *area = vmalloc(8 * PAGE_SIZE);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, area);
	for (i = 0; i < 8; i++)
		memdesc_expect(test, vmalloc_to_page(area + i * PAGE_SIZE), MISC_IS(UNKNOWN), 0, 0,
			       "vmalloc");
	vfree(area);
}

/* The kernel's image, of which no page was ever allocated. */
static void derive_kernel_text(struct kunit *test)
{
	struct page *page = pfn_to_page(__phys_to_pfn(__pa_symbol(&schedule)));

	memdesc_expect_all(test, page, MISC_IS(RESERVED), 0, "text");
}

static void derive_zero_page(struct kunit *test)
{
	struct page *page = ZERO_PAGE(0);

	memdesc_expect_all(test, page, MISC_IS(ZERO), 0, "the zero page");
	KUNIT_EXPECT_TRUE(test, memdesc_mapped(page_memdesc(page)));
}

static void derive_offline(struct kunit *test)
{
	struct page *page = memdesc_pages(test, 0, 0);

	__SetPageOffline(page);
	memdesc_expect_all(test, page, MISC_IS(OFFLINE), 0, "offline");
	/* Without a reference the memory can be taken away. */
	page_ref_dec(page);
	memdesc_expect_all(test, page, MISC_IS(OFFLINE), 0, "offline without a reference");
	page_ref_inc(page);
	__ClearPageOffline(page);
	memdesc_expect_all(test, page, MISC_IS(UNKNOWN), 0, "online");
}

static void derive_zsmalloc(struct kunit *test)
{
	struct page *page = memdesc_pages(test, 0, 0);

	__SetPageZsmalloc(page);
	/* What zsmalloc keeps in the lower bits is not looked at. */
	page->page_type &= ~0xffffffU | 0x1234;
	memdesc_expect_all(test, page, MEMDESC_IS(ZSMALLOC, PLAIN), 0, "zsmalloc");
	__ClearPageZsmalloc(page);
}

/* As debug_pagealloc does, in the first half of a block of the case's own. */
static void derive_guard_each_order(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	struct page *page = memdesc_pages(test, 0, order + 1);
	unsigned long i;

	page_ref_dec(page);
	set_page_private(page, order);
	__SetPageGuard(page);
	memdesc_expect_all(test, page, MISC_IS(GUARD), order, "guard");
	for (i = 1UL << order; i < 2UL << order; i++)
		memdesc_expect(test, page + i, MISC_IS(FROZEN), 0, 0, "behind the guard");
	__ClearPageGuard(page);
	set_page_private(page, order + 1);
	page_ref_inc(page);
}

/* The same of a block that was never touched: it has the largest order there is. */
static void derive_unaccepted(struct kunit *test)
{
	struct page *page = memdesc_pages(test, 0, MAX_PAGE_ORDER);

	page_ref_dec(page);
	__SetPageUnaccepted(page);
	memdesc_expect_all(test, page, MISC_IS(UNACCEPTED), MAX_PAGE_ORDER, "unaccepted");
	__ClearPageUnaccepted(page);
	page_ref_inc(page);
}

static void derive_hwpoisoned(struct kunit *test)
{
#ifdef CONFIG_MEMORY_FAILURE
	struct page *page = memdesc_pages(test, 0, 0);

	SetPageHWPoison(page);
	memdesc_expect_all(test, page, MEMDESC_IS(HWPOISON, PLAIN), 0, "held");
	/* A type is there as long as the owner is. */
	__SetPageOffline(page);
	memdesc_expect_all(test, page, MISC_IS(OFFLINE), 0, "offline");
	__ClearPageOffline(page);
	page_ref_dec(page);
	memdesc_expect_all(test, page, MEMDESC_IS(HWPOISON, PLAIN), 0, "let go");
	page_ref_inc(page);
	ClearPageHWPoison(page);
	memdesc_expect_all(test, page, MISC_IS(UNKNOWN), 0, "cured");
#else
	kunit_skip(test, "needs CONFIG_MEMORY_FAILURE");
#endif
}

/* A struct page that memory hotplug has not initialised; its other members are poison, too. */
static void derive_poisoned(struct kunit *test)
{
	struct page *page = kunit_kzalloc(test, sizeof(*page), GFP_KERNEL);
	struct memdesc_info mi;

	KUNIT_ASSERT_NOT_NULL(test, page);
	memset(page, 0xff, sizeof(*page));
	mi = memdesc_of(page);
	KUNIT_EXPECT_EQ(test, MEMDESC_INVALID, mi.type);
	KUNIT_EXPECT_EQ(test, MEMDESC_POISONED, mi.sub);
	KUNIT_EXPECT_EQ(test, 1, mi.nr);
	KUNIT_EXPECT_FALSE(test, mi.head);
}

/* Where struct page has a size that allows it, the word of a tail is a mask. */
#if defined(CONFIG_HUGETLB_PAGE_OPTIMIZE_VMEMMAP) && COMPAT_TAIL_MASK
#define HAS_MASK	is_power_of_2(sizeof(struct page))
#else
#define HAS_MASK	false
#endif

/* The word of a tail whose head is 2^@shift bytes aligned, or @head. */
static unsigned long tail_word(const struct page *head, unsigned int shift)
{
	return (HAS_MASK ? GENMASK(BITS_PER_LONG - 1, shift) : (unsigned long)head) | 1;
}

static unsigned long set_word(struct page *page, unsigned long word)
{
	unsigned long *at = (unsigned long *)&page->lru.next, old = *at;

	WRITE_ONCE(*at, word);
	return old;
}

/* The second page of two, a tail of the first one: as it is when that was just split. */
static unsigned long set_tail_of_two(struct page *page)
{
	return set_word(page + 1, tail_word(page, 1 + ilog2(sizeof(*page))));
}

static void derive_torn(struct kunit *test)
{
	struct page *page = memdesc_pages(test, 0, 2);
	unsigned long old = set_tail_of_two(page);

	memdesc_expect(test, page + 1, MEMDESC_IS(INVALID, TORN), 0, 0, "no head");
	KUNIT_EXPECT_FALSE(test, memdesc_of(page + 1).head);
	/* Words that no tail has. */
	set_word(page + 1, tail_word((void *)0x1000, BITS_PER_LONG - 8));
	memdesc_expect(test, page + 1, MEMDESC_IS(INVALID, TORN), 0, 0, "head far away");
	if (!HAS_MASK) {
		set_word(page + 1, tail_word(page + 2, 0));
		memdesc_expect(test, page + 1, MEMDESC_IS(INVALID, TORN), 0, 0, "head behind");
		set_word(page + 1, tail_word((void *)page + sizeof(long), 0));
		memdesc_expect(test, page + 1, MEMDESC_IS(INVALID, TORN), 0, 0, "not a page");
	}
	set_word(page + 1, old);
	memdesc_expect(test, page + 1, MISC_IS(FROZEN), 0, 0, "mended");
	/* A head without tails. */
	__set_bit(PG_head, (unsigned long *)&page->flags);
	memdesc_expect(test, page, MEMDESC_IS(INVALID, TORN), 0, 0, "no tails");
	__clear_bit(PG_head, (unsigned long *)&page->flags);
}

/* A compound page of order 3 whose place in memory would do for one of order 6. */
static struct page *aligned_pages(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < 256; i++) {
		struct page *page = memdesc_pages(test, __GFP_COMP, 3);

		if (IS_ALIGNED(page_to_pfn(page), 64))
			return page;
	}
	KUNIT_ASSERT_TRUE_MSG(test, false, "no memory in 64 pages");
	return NULL;
}

/*
 * A split gives the second page its flags while it is still a tail; they are where the
 * order was: 9 is PG_locked and PG_uptodate.
 */
static void derive_torn_order(struct kunit *test)
{
	struct page *page = aligned_pages(test);
	unsigned long *flags = (unsigned long *)&page[1].flags, old = *flags;
	unsigned int order, i;

	for (order = 0; order < 256; order++) {
		if (order == 3)
			continue;
		WRITE_ONCE(*flags, (old & ~0xffUL) | order);
		for (i = 0; i < 8; i++) {
			struct memdesc_info mi = memdesc_of(page + i);

			KUNIT_EXPECT_EQ_MSG(test, MEMDESC_INVALID, mi.type, "order %u page %u",
					    order, i);
			KUNIT_EXPECT_EQ_MSG(test, MEMDESC_TORN, mi.sub, "order %u page %u",
					    order, i);
		}
	}
	WRITE_ONCE(*flags, old);
	memdesc_expect_all(test, page, MISC_IS(UNKNOWN), 3, "mended");
}

/* The second page of two that are no folio is no tail of the first one. */
static void snapshot_split_tail(struct kunit *test)
{
	struct page *page = memdesc_pages(test, 0, 1);
	unsigned long old;
	u64 flags;

	if (!IS_ENABLED(CONFIG_PROC_PAGE_MONITOR))
		kunit_skip(test, "needs CONFIG_PROC_PAGE_MONITOR");
	if (!HAS_MEMDESC)
		kunit_skip(test, "needs the patches of topic 70-memdesc");
	old = set_tail_of_two(page);
	__set_bit(PG_referenced, (unsigned long *)&page->flags);
	flags = stable_page_flags(page + 1);
	__clear_bit(PG_referenced, (unsigned long *)&page->flags);
	set_word(page + 1, old);
	KUNIT_EXPECT_FALSE(test, flags & BIT_ULL(KPF_COMPOUND_TAIL));
	KUNIT_EXPECT_FALSE(test, flags & BIT_ULL(KPF_REFERENCED));
}

/* What the types are to user space, of all pages of what has one. */
static void expect_kpageflags(struct kunit *test, struct page *page, unsigned int order,
			      unsigned int flag, const char *what)
{
	const u64 all = BIT_ULL(KPF_SLAB) | BIT_ULL(KPF_BUDDY) | BIT_ULL(KPF_OFFLINE) |
			BIT_ULL(KPF_PGTABLE) | BIT_ULL(KPF_GUARD) | BIT_ULL(KPF_ZSMALLOC) |
			BIT_ULL(KPF_UNACCEPTED) | BIT_ULL(KPF_LARGE_KMALLOC);
	unsigned long i;

	for (i = 0; i < 1UL << order; i++)
		KUNIT_EXPECT_EQ_MSG(test, flag ? BIT_ULL(flag) : 0,
				    stable_page_flags(page + i) & all, "%s, page %lu", what, i);
}

static void kpageflags_of_types(struct kunit *test)
{
	struct page *page = memdesc_pages(test, 0, 3);
	void *object;

	if (!IS_ENABLED(CONFIG_PROC_PAGE_MONITOR))
		kunit_skip(test, "needs CONFIG_PROC_PAGE_MONITOR");
	if (!HAS_MEMDESC)
		kunit_skip(test, "needs the patches of topic 70-memdesc");
	expect_kpageflags(test, page, 3, 0, "pages");
	__SetPageZsmalloc(page);
	expect_kpageflags(test, page, 0, KPF_ZSMALLOC, "zsmalloc");
	__ClearPageZsmalloc(page);
	__SetPageOffline(page);
	expect_kpageflags(test, page, 0, KPF_OFFLINE, "offline");
	__ClearPageOffline(page);
	__SetPageTable(page);
	expect_kpageflags(test, page, 0, KPF_PGTABLE, "table");
	__ClearPageTable(page);
	page_ref_dec(page);
	set_page_private(page, 2);
	__SetPageGuard(page);
	expect_kpageflags(test, page, 2, KPF_GUARD, "guard");
	expect_kpageflags(test, page + 4, 2, 0, "behind the guard");
	__ClearPageGuard(page);
	set_page_private(page, 3);
	page_ref_inc(page);
	object = kmalloc(4 * KMALLOC_MAX_CACHE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, object);
	expect_kpageflags(test, virt_to_page(object), get_order(4 * KMALLOC_MAX_CACHE_SIZE),
			  KPF_LARGE_KMALLOC, "large kmalloc");
	kfree(object);
	object = kmalloc(32, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, object);
	page = compound_head(virt_to_page(object));
	expect_kpageflags(test, page, compound_order(page), KPF_SLAB, "slab");
	kfree(object);
}

/* Of two states at once, the rules say which one counts. */
static const struct precedence {
	const char *desc;
	struct memdesc_want want;
	u8 page_type;
	unsigned long mapping;
	unsigned long flags;
} precedences[] = {
	{ "a type over a mapping", { MEMDESC_ZSMALLOC, MEMDESC_PLAIN }, PGTY_zsmalloc, 0x1000, 0 },
	{ "a type over an anon_vma", { MEMDESC_SLAB, MEMDESC_PLAIN }, PGTY_slab, 0x1001, 0 },
	{ "a type over reserved", { MEMDESC_PTDESC, MEMDESC_PLAIN }, PGTY_table, 0,
	  BIT(PG_reserved) },
	{ "a type over lru", { MEMDESC_MISC, MEMDESC_MISC_OFFLINE }, PGTY_offline, 0,
	  BIT(PG_lru) },
	{ "reserved over a mapping", { MEMDESC_MISC, MEMDESC_MISC_RESERVED }, 0xff, 0x1000,
	  BIT(PG_reserved) },
	{ "reserved over lru", { MEMDESC_MISC, MEMDESC_MISC_RESERVED }, 0xff, 0,
	  BIT(PG_reserved) | BIT(PG_lru) },
	{ "an anon_vma over swapbacked", { MEMDESC_ANON, MEMDESC_PLAIN }, 0xff, 0x1001,
	  BIT(PG_swapbacked) },
	{ "KSM over swapbacked", { MEMDESC_KSM, MEMDESC_PLAIN }, 0xff, 0x1003,
	  BIT(PG_swapbacked) },
	{ "a mapping over a reference", { MEMDESC_FILE, MEMDESC_PLAIN }, 0xff, 0x1000, 0 },
	{ "lru over a reference", { MEMDESC_FILE, MEMDESC_ORPHAN }, 0xff, 0, BIT(PG_lru) },
	{ "swapbacked over a reference", { MEMDESC_FILE, MEMDESC_ORPHAN }, 0xff, 0,
	  BIT(PG_swapbacked) },
	{ "hugetlb over no mapping", { MEMDESC_FILE, MEMDESC_HUGETLB }, PGTY_hugetlb, 0, 0 },
	{ "hugetlb over an anon_vma", { MEMDESC_ANON, MEMDESC_HUGETLB }, PGTY_hugetlb, 0x1001, 0 },
#ifdef CONFIG_MEMORY_FAILURE
	{ "a mapping over poison", { MEMDESC_FILE, MEMDESC_PLAIN }, 0xff, 0x1000,
	  BIT(PG_hwpoison) },
	{ "reserved over poison", { MEMDESC_MISC, MEMDESC_MISC_RESERVED }, 0xff, 0,
	  BIT(PG_reserved) | BIT(PG_hwpoison) },
	{ "poison over a reference", { MEMDESC_HWPOISON, MEMDESC_PLAIN }, 0xff, 0,
	  BIT(PG_hwpoison) },
#endif
};

static void derive_precedence(struct kunit *test)
{
	struct page *page = memdesc_pages(test, 0, 0);
	unsigned long *flags = (unsigned long *)&page->flags;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(precedences); i++) {
		const struct precedence *p = &precedences[i];

		if (p->page_type != 0xff)
			page->page_type = (unsigned int)p->page_type << 24;
		page->mapping = (void *)p->mapping;
		*flags |= p->flags;
		memdesc_expect(test, page, p->want, 0, 0, p->desc);
		page->page_type = UINT_MAX;
		page->mapping = NULL;
		*flags &= ~p->flags;
	}
	memdesc_expect(test, page, MISC_IS(UNKNOWN), 0, 0, "nothing");
}

/* Mapped by a driver: nothing in a page that is not a folio says by whom, only that. */
static void derive_mapped(struct kunit *test)
{
	struct page *page = memdesc_pages(test, 0, 0);

	KUNIT_EXPECT_FALSE(test, memdesc_mapped(page_memdesc(page)));
	atomic_set(&page->_mapcount, 0);
	memdesc_expect(test, page, MISC_IS(UNKNOWN), 0, 0, "mapped once");
	KUNIT_EXPECT_TRUE(test, memdesc_mapped(page_memdesc(page)));
	atomic_set(&page->_mapcount, -1);
}

static struct kunit_case memdesc_cases[] = {
	KUNIT_CASE(encode_every_type),
	KUNIT_CASE(encode_every_subtype),
	KUNIT_CASE(encode_misaligned_warns),
	KUNIT_CASE(tag_every_type),
	KUNIT_CASE_PARAM(derive_pages_each_order, order_gen_params),
	KUNIT_CASE_PARAM(derive_compound_each_order, order_gen_params),
	KUNIT_CASE(derive_kmalloc),
	KUNIT_CASE(derive_large_kmalloc),
	KUNIT_CASE(derive_vmalloc),
	KUNIT_CASE(derive_kernel_text),
	KUNIT_CASE(derive_zero_page),
	KUNIT_CASE(derive_offline),
	KUNIT_CASE(derive_zsmalloc),
	KUNIT_CASE_PARAM(derive_guard_each_order, order_gen_params),
	KUNIT_CASE(derive_unaccepted),
	KUNIT_CASE(derive_hwpoisoned),
	KUNIT_CASE(derive_poisoned),
	KUNIT_CASE(derive_torn),
	KUNIT_CASE(derive_torn_order),
	KUNIT_CASE(snapshot_split_tail),
	KUNIT_CASE(kpageflags_of_types),
	KUNIT_CASE(derive_precedence),
	KUNIT_CASE(derive_mapped),
	{}
};

static struct kunit_suite memdesc_suite = {
	.name = "mm_memdesc",
	.test_cases = memdesc_cases,
};

kunit_test_suite(memdesc_suite);

MODULE_DESCRIPTION("KUnit suite of memory descriptors: the word, and memory that is no folio");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
