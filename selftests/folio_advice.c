// SPDX-License-Identifier: GPL-2.0
/*
 * folio_advice: madvise() and clear_refs on parts of large folios: what is in them
 * afterwards, what is mapped, what is dirty.
 */
#include <linux/kernel-page-flags.h>
#include <sys/mman.h>

#include "folio_util.h"
#include "kselftest_harness.h"

#ifndef MADV_COLD
#define MADV_COLD	20
#define MADV_PAGEOUT	21
#endif

FIXTURE(advice)
{
	struct region r;
	unsigned int first;	/* what the advice is for: the middle, across folios */
	unsigned int count;
};

FIXTURE_VARIANT(advice)
{
	struct shape shape;
};

VARIANTS_ANON(advice);
VARIANTS_SHMEM(advice);
VARIANTS_FILE(advice);

FIXTURE_SETUP(advice)
{
	const char *reason = region_make(&self->r, &variant->shape, variant->shape.order ? 2 : 8);

	if (reason)
		SKIP(return, "%s", reason);
	self->first = self->r.pages / 4 + (self->r.nr > 1);
	self->count = self->r.pages / 2;
}

FIXTURE_TEARDOWN(advice)
{
	region_free(&self->r);
}

/* Every page has what it was filled with and is mapped here, and only here. */
static void check_whole(struct __test_metadata *_metadata, struct region *r)
{
	unsigned int i;

	EXPECT_EQ(-1, stamp_differs(r->map, r->len, 0, 1));
	region_read(r, 0, r->pages);
	EXPECT_EQ(r->len >> 10, smaps_kb(r->map, r->len, "Rss"));
	for (i = 0; i < r->pages && __test_passed(_metadata); i++) {
		uint64_t entry = pagemap_entry(page_at(r, i));

		EXPECT_EQ(PAGEMAP_PRESENT | PAGEMAP_EXCLUSIVE,
			  entry & (PAGEMAP_PRESENT | PAGEMAP_EXCLUSIVE))
			TH_LOG("page %u", i);
		EXPECT_EQ(1, frame_count(page_frame(page_at(r, i)))) TH_LOG("page %u", i);
	}
}

TEST_F(advice, dontneed_part)
{
	struct region *r = &self->r;
	unsigned int i;

	ASSERT_EQ(0, madvise(page_at(r, self->first), self->count * r->page, MADV_DONTNEED));
	for (i = self->first; i < self->first + self->count; i++)
		ASSERT_EQ(0, pagemap_entry(page_at(r, i)) & PAGEMAP_PRESENT) TH_LOG("page %u", i);
	if (r->fd >= 0) {
		check_whole(_metadata, r);
		return;
	}
	EXPECT_EQ((r->pages - self->count) * r->page >> 10, smaps_kb(r->map, r->len, "Rss"));
	for (i = 0; i < r->pages && __test_passed(_metadata); i++) {
		bool gone = i >= self->first && i < self->first + self->count;

		if (gone) {
			EXPECT_EQ(-1, not_zero(page_at(r, i), r->page)) TH_LOG("page %u of 0", i);
		} else {
			EXPECT_EQ(-1,
				  stamp_differs(page_at(r, i), r->page, (uint64_t)i * r->page, 1))
				TH_LOG("page %u", i);
		}
	}
}

/* What went in one process stays in the other. */
TEST_F(advice, dontneed_of_other)
{
	struct region *r = &self->r;
	struct helper other;

	helper_start(&other, r);
	helper_do(&other, HELP_READ, 0, r->pages);
	ASSERT_EQ(0, helper_do(&other, HELP_DONTNEED, self->first, self->count));
	EXPECT_EQ(r->fd < 0 ? self->count : 0, helper_do(&other, HELP_CHECK, 0, r->pages));
	helper_end(&other);
	check_whole(_metadata, r);
}

/* Cold pages stay where they are; a file's folio that is split for it is mapped anew. */
TEST_F(advice, cold_part)
{
	struct region *r = &self->r;
	unsigned int i;

	if (madvise(page_at(r, self->first), self->count * r->page, MADV_COLD))
		SKIP(return, "no MADV_COLD: %s", strerror(errno));
	for (i = 0; r->fd < 0 && i < r->pages && __test_passed(_metadata); i++)
		EXPECT_EQ(PAGEMAP_PRESENT, pagemap_entry(page_at(r, i)) & PAGEMAP_PRESENT)
			TH_LOG("page %u", i);
	check_whole(_metadata, r);
}

TEST_F(advice, pageout_part)
{
	struct region *r = &self->r;

	if (madvise(page_at(r, self->first), self->count * r->page, MADV_PAGEOUT))
		SKIP(return, "no MADV_PAGEOUT: %s", strerror(errno));
	check_whole(_metadata, r);
}

/* What another process maps, too, is not taken away from it. */
TEST_F(advice, pageout_of_other)
{
	struct region *r = &self->r;
	struct helper other;

	helper_start(&other, r);
	helper_do(&other, HELP_READ, 0, r->pages);
	if (madvise(r->map, r->len, MADV_PAGEOUT))
		SKIP(return, "no MADV_PAGEOUT: %s", strerror(errno));
	EXPECT_EQ(-1, stamp_differs(r->map, r->len, 0, 1));
	EXPECT_EQ(0, helper_do(&other, HELP_CHECK, 0, r->pages));
	helper_end(&other);
	check_whole(_metadata, r);
}

static bool is_dirty(struct region *r, unsigned int page)
{
	return frame_flags(page_frame(page_at(r, page))) >> KPF_DIRTY & 1;
}

/* A page dirties its folio, and fsync() cleans folio and page tables. */
TEST_F(advice, dirty_in_smaps)
{
	struct region *r = &self->r;
	long all = r->len >> 10, folio = r->folio >> 10;

	if (r->fd < 0 || is_dirty(r, 0)) {
		EXPECT_EQ(all, smaps_kb(r->map, r->len, "Private_Dirty"));
		return;
	}
	EXPECT_EQ(0, smaps_kb(r->map, r->len, "Private_Dirty"));
	EXPECT_EQ(all, smaps_kb(r->map, r->len, "Private_Clean"));
	*page_at(r, r->nr - 1) += 1;
	region_read(r, 0, r->pages);
	EXPECT_EQ(folio, smaps_kb(r->map, r->len, "Private_Dirty"));
	EXPECT_EQ(all - folio, smaps_kb(r->map, r->len, "Private_Clean"));
	ASSERT_EQ(0, fsync(r->fd));
	region_read(r, 0, r->pages);
	EXPECT_EQ(0, smaps_kb(r->map, r->len, "Private_Dirty"));
	EXPECT_EQ(all, smaps_kb(r->map, r->len, "Private_Clean"));
}

static bool has_soft_dirty(size_t page)
{
	char *map = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool has;

	if (map == MAP_FAILED)
		give_up("mmap");
	*map = 1;
	has = pagemap_entry(map) & PAGEMAP_SOFT_DIRTY;
	munmap(map, page);
	return has;
}

/* Only what was written since: that page, or what a PMD maps with it. */
TEST_F(advice, soft_dirty)
{
	struct region *r = &self->r;
	unsigned int page = r->nr - 1, i;
	bool whole;

	if (!has_soft_dirty(r->page))
		SKIP(return, "the kernel lacks CONFIG_MEM_SOFT_DIRTY");
	ASSERT_TRUE(write_text("/proc/self/clear_refs", "4"));
	for (i = 0; i < r->pages && __test_passed(_metadata); i++)
		EXPECT_EQ(0, pagemap_entry(page_at(r, i)) & PAGEMAP_SOFT_DIRTY)
			TH_LOG("page %u", i);
	*(volatile char *)page_at(r, page) = 1;
	whole = smaps_kb(r->map, r->folio, "AnonHugePages") ||
		smaps_kb(r->map, r->folio, "ShmemPmdMapped") ||
		smaps_kb(r->map, r->folio, "FilePmdMapped");
	for (i = 0; i < r->pages && __test_passed(_metadata); i++) {
		uint64_t entry = pagemap_entry(page_at(r, i));

		/* A filesystem that wants to know who writes has the rest mapped anew. */
		if (i == page || (whole && i < r->nr)) {
			EXPECT_NE(0, entry & PAGEMAP_SOFT_DIRTY) TH_LOG("page %u", i);
		} else if (entry & PAGEMAP_PRESENT) {
			EXPECT_EQ(0, entry & PAGEMAP_SOFT_DIRTY) TH_LOG("page %u", i);
		}
	}
}

TEST_HARNESS_MAIN
