/* SPDX-License-Identifier: GPL-2.0 */
/* What the suites of mm_memdesc share: what is expected of a page, by name. */
#ifndef FOLIO_KUNIT_MEMDESC_MODEL_H
#define FOLIO_KUNIT_MEMDESC_MODEL_H

#include <linux/gfp.h>
#include <linux/mm.h>

#include "fixture.h"
#include "../module/compat.h"

#include <linux/memdesc.h>

/* A type, and its subtype or detail. */
#define MEMDESC_IS(t, s)	((struct memdesc_want){ MEMDESC_##t, MEMDESC_##s })
#define MISC_IS(s)		((struct memdesc_want){ MEMDESC_MISC, MEMDESC_MISC_##s })

struct memdesc_want {
	enum memdesc_type type;
	u8 sub;
};

static inline struct memdesc_info memdesc_of(const struct page *page)
{
	struct memdesc_info mi;

	page_memdesc_info(&mi, page);
	return mi;
}

/* The page belongs to 2^@order pages, of which it is number @idx. */
static inline bool memdesc_expect(struct kunit *test, const struct page *page,
				  struct memdesc_want want, unsigned int order,
				  unsigned long idx, const char *what)
{
	struct memdesc_info mi = memdesc_of(page);
	bool head = !idx && want.type != MEMDESC_INVALID;

	if (mi.type == want.type && mi.sub == want.sub && mi.order == order &&
	    mi.nr == (1UL << order) - idx && mi.head == head &&
	    memdesc_type(page_memdesc(page)) == want.type)
		return true;
	KUNIT_FAIL(test, "%s, page %lu: type %u/%u order %u nr %lu%s, not %u/%u order %u nr %lu%s",
		   what, idx, mi.type, mi.sub, mi.order, mi.nr, mi.head ? " head" : "",
		   want.type, want.sub, order, (1UL << order) - idx, head ? " head" : "");
	return false;
}

/*
 * All of 2^@order pages belong together, and the getters say the same of each. The
 * first page that is wrong is told, and ends it.
 */
static inline void memdesc_expect_all(struct kunit *test, struct page *page,
				      struct memdesc_want want, unsigned int order,
				      const char *what)
{
	struct folio *folio = memdesc_type_is_folio(want.type) ? page_folio(page) : NULL;
	bool has_desc = memdesc_type_has_desc(want.type);
	bool is_table = want.type == MEMDESC_PTDESC;
	unsigned long i;

	for (i = 0; i < 1UL << order; i++) {
		if (!memdesc_expect(test, page + i, want, order, i, what))
			return;
		if (page_folio_or_null(page + i) == folio &&
		    page_ptdesc_or_null(page + i) == (is_table ? (void *)page : NULL) &&
		    memdesc_ptr(page_memdesc(page + i)) == (has_desc ? page : NULL))
			continue;
		KUNIT_FAIL(test, "%s, page %lu: wrong folio, ptdesc or descriptor", what, i);
		return;
	}
}

static inline void memdesc_free_pages(void *page)
{
	__free_pages(page, page_private((struct page *)page));
}

/* Pages that nobody else has, freed when the case ends; not compound without __GFP_COMP. */
static inline struct page *memdesc_pages(struct kunit *test, gfp_t gfp, unsigned int order)
{
	struct page *page = alloc_pages(GFP_KERNEL | gfp, order);

	KUNIT_ASSERT_NOT_NULL_MSG(test, page, "no memory for order %u", order);
	set_page_private(page, order);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, memdesc_free_pages, page));
	return page;
}

#endif /* FOLIO_KUNIT_MEMDESC_MODEL_H */
