// SPDX-License-Identifier: GPL-2.0
/*
 * folio_mapcount: what /proc says of who maps the pages of large folios, against a model of
 * the page tables of two processes: pagemap, kpagecount, kpageflags, smaps. The kernel has
 * two ways to count, see no_page_mapcount().
 */
#include <fcntl.h>
#include <linux/kernel-page-flags.h>
#include <sys/mman.h>

#include "folio_util.h"
#include "kselftest_harness.h"

#define SELF	0
#define OTHER	1

/* struct model - the entries of both page tables that map the pages of a region. */
struct model {
	unsigned char *ptes[2];	/* of each page */
	unsigned char *pmds[2];	/* of each folio */
	uint64_t *pfn;
	bool averages;		/* CONFIG_NO_PAGE_MAPCOUNT */
};

FIXTURE(mapcount)
{
	struct region r;
	struct model m;
};

FIXTURE_VARIANT(mapcount)
{
	struct shape shape;
};

VARIANTS_ANON(mapcount);
VARIANTS_SHMEM(mapcount);
VARIANTS_FILE(mapcount);

/* All of the region is mapped as it can be by @who. */
static void model_map(struct region *r, struct model *m, int who)
{
	memset(m->pmds[who], r->pmd, r->folios);
	memset(m->ptes[who], !r->pmd, r->pages);
}

/* [first, first + count) went, and page tables of pages map what is left. */
static void model_unmap(struct region *r, struct model *m, int who, unsigned int first,
			unsigned int count)
{
	unsigned int i;

	for (i = 0; i < r->pages; i++) {
		if (!m->pmds[who][i / r->nr])
			continue;
		if (i / r->nr >= first / r->nr && i / r->nr <= (first + count - 1) / r->nr)
			m->ptes[who][i] = 1;
	}
	for (i = first / r->nr; i <= (first + count - 1) / r->nr; i++)
		m->pmds[who][i] = 0;
	memset(m->ptes[who] + first, 0, count);
}

static bool model_maps(struct region *r, struct model *m, int who, unsigned int page)
{
	return m->ptes[who][page] || m->pmds[who][page / r->nr];
}

/* How often the page is mapped, as the kernel says it: exactly, or as its folio's average. */
static unsigned int model_count(struct region *r, struct model *m, unsigned int page)
{
	unsigned int f = page / r->nr, i, sum = 0, whole = m->pmds[SELF][f] + m->pmds[OTHER][f];

	if (!m->averages || r->nr == 1)
		return m->ptes[SELF][page] + m->ptes[OTHER][page] + whole;
	for (i = f * r->nr; i < (f + 1) * r->nr; i++)
		sum += m->ptes[SELF][i] + m->ptes[OTHER][i];
	if (!sum)
		return whole;
	sum = (sum + r->nr / 2) / r->nr + whole;
	return sum ? sum : 1;
}

static bool model_exclusive(struct region *r, struct model *m, unsigned int page)
{
	unsigned int f = page / r->nr, i;
	bool mapped[2] = { false, false };

	if (!m->averages || r->nr == 1)
		return model_count(r, m, page) == 1;
	for (i = f * r->nr; i < (f + 1) * r->nr; i++) {
		mapped[SELF] |= model_maps(r, m, SELF, i);
		mapped[OTHER] |= model_maps(r, m, OTHER, i);
	}
	return !mapped[SELF] || !mapped[OTHER];
}

/* By PMD here, by some PTEs there. */
static bool model_mixed(struct region *r, struct model *m, unsigned int page)
{
	unsigned int f = page / r->nr, i;

	for (i = f * r->nr; m->pmds[SELF][f] && i < (f + 1) * r->nr; i++)
		if (m->ptes[OTHER][i])
			return true;
	return false;
}

static void check_pages(struct __test_metadata *_metadata, struct region *r, struct model *m)
{
	uint64_t file = r->shape->backing == BACKING_ANON ? 0 : PAGEMAP_FILE;
	unsigned int i, wrong = 0;

	for (i = 0; i < r->pages && wrong < 3; i++) {
		bool mine = model_maps(r, m, SELF, i), mapped = mine || model_maps(r, m, OTHER, i);
		uint64_t entry = pagemap_entry(page_at(r, i)), expected = 0, seen;
		unsigned int before = wrong;

		if (mine)
			expected = PAGEMAP_PRESENT | file |
				(model_exclusive(r, m, i) ? PAGEMAP_EXCLUSIVE : 0);
		seen = entry & (PAGEMAP_PRESENT | PAGEMAP_SWAP | PAGEMAP_FILE | PAGEMAP_EXCLUSIVE);
		/* That has tests of its own, exclusive_*: a defect there is not to hide others. */
		if (model_mixed(r, m, i)) {
			expected &= ~PAGEMAP_EXCLUSIVE;
			seen &= ~PAGEMAP_EXCLUSIVE;
		}
		wrong += expected != seen;
		EXPECT_EQ(expected, seen)
			TH_LOG("page %u of %u: its entry in pagemap", i, r->pages);
		if (mine) {
			EXPECT_EQ(m->pfn[i], page_frame(page_at(r, i)))
				TH_LOG("page %u of %u: its frame", i, r->pages);
			wrong += m->pfn[i] != page_frame(page_at(r, i));
		}
		/* A frame that nobody maps is gone, but for those of files. */
		if (mapped || file) {
			EXPECT_EQ(model_count(r, m, i), frame_count(m->pfn[i]))
				TH_LOG("page %u of %u: its frame in kpagecount", i, r->pages);
			wrong += model_count(r, m, i) != frame_count(m->pfn[i]);
		}
		if (wrong > before)
			TH_LOG("page %u: by PTE %u times here and %u there, by PMD %u and %u", i,
			       m->ptes[SELF][i], m->ptes[OTHER][i], m->pmds[SELF][i / r->nr],
			       m->pmds[OTHER][i / r->nr]);
	}
}

static long in_smaps(struct region *r, const char *field)
{
	return smaps_kb(r->map, r->len, field);
}

static void check_smaps(struct __test_metadata *_metadata, struct region *r, struct model *m)
{
	static const char * const field[] = { "AnonHugePages", "ShmemPmdMapped", "FilePmdMapped" };
	unsigned long kb = r->page >> 10, mapped = 0, shared = 0, pmds = 0;
	uint64_t share = 0;
	unsigned int i;

	for (i = 0; i < r->pages; i++) {
		if (!model_maps(r, m, SELF, i))
			continue;
		mapped += kb;
		shared += model_exclusive(r, m, i) ? 0 : kb;
		share += ((uint64_t)r->page << 12) / model_count(r, m, i);
	}
	for (i = 0; i < r->folios; i++)
		pmds += m->pmds[SELF][i] * (r->folio >> 10);
	EXPECT_EQ(mapped, in_smaps(r, "Rss"));
	EXPECT_EQ(share >> 22, in_smaps(r, "Pss"));
	EXPECT_EQ(shared, in_smaps(r, "Shared_Clean") + in_smaps(r, "Shared_Dirty"));
	EXPECT_EQ(mapped - shared, in_smaps(r, "Private_Clean") + in_smaps(r, "Private_Dirty"));
	for (i = 0; i < ARRAY_SIZE(field); i++) {
		bool kind = r->shape->backing == BACKING_ANON ? i == 0 : i > 0;

		if (!kind) {
			EXPECT_EQ(0, in_smaps(r, field[i])) TH_LOG("%s", field[i]);
		}
		EXPECT_EQ(smaps_sum_kb(field[i]), proc_kb("/proc/self/smaps_rollup", field[i]))
			TH_LOG("%s: smaps and smaps_rollup", field[i]);
	}
	/* A file on tmpfs counts as shmem. */
	EXPECT_EQ(pmds, in_smaps(r, field[0]) + in_smaps(r, field[1]) + in_smaps(r, field[2]));
}

#define check_maps() \
	do { \
		check_pages(_metadata, &self->r, &self->m); \
		check_smaps(_metadata, &self->r, &self->m); \
	} while (0)

/* Two folios of many pages, or eight of one. */
FIXTURE_SETUP(mapcount)
{
	bool averages = no_page_mapcount();
	const char *reason = region_make(&self->r, &variant->shape, variant->shape.order ? 2 : 8);
	struct region *r = &self->r;
	struct model *m = &self->m;
	unsigned int i;

	if (reason)
		SKIP(return, "%s", reason);
	m->averages = averages;
	m->pfn = calloc(r->pages, sizeof(*m->pfn));
	for (i = 0; i < 2; i++) {
		m->ptes[i] = calloc(r->pages, 1);
		m->pmds[i] = calloc(r->folios, 1);
		ASSERT_NE(NULL, m->ptes[i]);
		ASSERT_NE(NULL, m->pmds[i]);
	}
	ASSERT_NE(NULL, m->pfn);
	for (i = 0; i < r->pages; i++)
		m->pfn[i] = page_frame(page_at(r, i));
	model_map(r, m, SELF);
}

FIXTURE_TEARDOWN(mapcount)
{
	region_free(&self->r);
}

/* The flags of each frame say which folio it belongs to and of what kind that is. */
TEST_F(mapcount, mapped_once)
{
	struct region *r = &self->r;
	unsigned int i;

	check_maps();
	for (i = 0; i < r->pages && __test_passed(_metadata); i++) {
		uint64_t flags = frame_flags(self->m.pfn[i]);
		bool large = r->nr > 1, head = i % r->nr == 0;

		EXPECT_EQ(self->m.pfn[i - i % r->nr] + i % r->nr, self->m.pfn[i]);
		EXPECT_EQ(large && head, flags >> KPF_COMPOUND_HEAD & 1) TH_LOG("page %u", i);
		EXPECT_EQ(large && !head, flags >> KPF_COMPOUND_TAIL & 1) TH_LOG("page %u", i);
		EXPECT_EQ(r->shape->backing == BACKING_ANON, flags >> KPF_ANON & 1)
			TH_LOG("page %u", i);
		EXPECT_EQ(1, flags >> KPF_MMAP & 1) TH_LOG("page %u", i);
	}
}

/* From the middle of a folio to that of the next. */
TEST_F(mapcount, munmap_part)
{
	struct region *r = &self->r;
	unsigned int first = r->pages / 4, count = r->pages / 2;

	ASSERT_EQ(0, munmap(page_at(r, first), count * r->page));
	region_read(r, 0, first);
	region_read(r, first + count, r->pages - first - count);
	model_unmap(r, &self->m, SELF, first, count);
	check_maps();
}

/* A page alone: of a PMD's folio nobody would see it in an average. */
TEST_F(mapcount, munmap_page)
{
	struct region *r = &self->r;
	unsigned int page = r->nr > 1 ? 1 : 3;

	ASSERT_EQ(0, munmap(page_at(r, page), r->page));
	region_read(r, 0, page);
	region_read(r, page + 1, r->pages - page - 1);
	model_unmap(r, &self->m, SELF, page, 1);
	check_maps();
}

/* What moved elsewhere is counted as before. */
TEST_F(mapcount, mremap_part)
{
	struct region *r = &self->r;
	unsigned int first = r->pages / 4, count = r->pages / 2, i;
	char *target = reserve(count * r->page, r->folio, 0);

	ASSERT_EQ(target, mremap(page_at(r, first), count * r->page, count * r->page,
				 MREMAP_MAYMOVE | MREMAP_FIXED, target));
	for (i = 0; i < count; i++)
		ASSERT_TRUE(can_read(target + i * r->page, NULL));
	for (i = 0; i < count && __test_passed(_metadata); i++) {
		EXPECT_EQ(self->m.pfn[first + i], page_frame(target + i * r->page))
			TH_LOG("page %u", i);
		EXPECT_EQ(1, frame_count(self->m.pfn[first + i])) TH_LOG("page %u", i);
		EXPECT_EQ(PAGEMAP_EXCLUSIVE,
			  pagemap_entry(target + i * r->page) & PAGEMAP_EXCLUSIVE)
			TH_LOG("page %u", i);
		EXPECT_EQ(-1,
			  stamp_differs(target + i * r->page, r->page, (first + i) * r->page, 1))
			TH_LOG("page %u", i);
	}
	EXPECT_EQ(count * r->page >> 10, smaps_kb(target, count * r->page, "Rss"));
	EXPECT_EQ(count * r->page >> 10, smaps_kb(target, count * r->page, "Pss"));
	region_read(r, 0, first);
	region_read(r, first + count, r->pages - first - count);
	EXPECT_EQ((r->pages - count) * r->page >> 10, smaps_kb(r->map, r->len, "Rss"));
}

/* Twice by one process: shared for the one way to count, for the other one's own. */
TEST_F(mapcount, mapped_twice)
{
	struct region *r = &self->r, twin = *r;

	if (r->fd < 0)
		SKIP(return, "anonymous memory is mapped once in a process");
	twin.map = reserve(r->len, r->folio, r->folio) + (r->shape->by_ptes ? r->page : 0);
	ASSERT_EQ(twin.map, mmap(twin.map, r->len, PROT_READ, MAP_SHARED | MAP_FIXED, r->fd, 0));
	region_read(&twin, 0, r->pages);
	if (self->m.averages && r->nr > 1) {
		unsigned int i;

		for (i = 0; i < r->pages && __test_passed(_metadata); i++) {
			EXPECT_EQ(2, frame_count(self->m.pfn[i])) TH_LOG("page %u", i);
			EXPECT_EQ(PAGEMAP_EXCLUSIVE,
				  pagemap_entry(page_at(r, i)) & PAGEMAP_EXCLUSIVE)
				TH_LOG("page %u", i);
		}
	} else {
		model_map(r, &self->m, OTHER);
		check_maps();
	}
	region_free(&twin);
	memset(self->m.pmds[OTHER], 0, r->folios);
	memset(self->m.ptes[OTHER], 0, r->pages);
	twin.fd = -1;
}

/* Of all that two have one goes again, by munmap() and by its end. */
TEST_F(mapcount, fork_and_exit)
{
	struct region *r = &self->r;
	unsigned int first = r->pages / 4, count = r->pages / 2;
	struct helper other;

	helper_start(&other, r);
	helper_do(&other, HELP_READ, 0, r->pages);
	model_map(r, &self->m, OTHER);
	check_maps();

	ASSERT_EQ(0, helper_do(&other, HELP_UNMAP, first, count));
	helper_do(&other, HELP_READ, 0, first);
	helper_do(&other, HELP_READ, first + count, r->pages - first - count);
	model_unmap(r, &self->m, OTHER, first, count);
	check_maps();

	helper_end(&other);
	memset(self->m.pmds[OTHER], 0, r->folios);
	memset(self->m.ptes[OTHER], 0, r->pages);
	check_maps();
}

/* Only what both map is shared, though the one has the folio as a whole. */
static void check_exclusive(struct __test_metadata *_metadata, struct region *r, struct model *m,
			    unsigned int page)
{
	struct helper other;
	unsigned int i;

	helper_start(&other, r);
	helper_do(&other, HELP_READ, 0, r->pages);
	model_map(r, m, OTHER);
	EXPECT_EQ(0, helper_do(&other, HELP_UNMAP, page, 1));
	helper_do(&other, HELP_READ, 0, page);
	helper_do(&other, HELP_READ, page + 1, r->pages - page - 1);
	model_unmap(r, m, OTHER, page, 1);
	check_pages(_metadata, r, m);
	check_smaps(_metadata, r, m);
	for (i = 0; i < r->pages && __test_passed(_metadata); i++)
		EXPECT_EQ(model_exclusive(r, m, i),
			  !!(pagemap_entry(page_at(r, i)) & PAGEMAP_EXCLUSIVE))
			TH_LOG("page %u of %u, when %u is not shared: exclusive", i, r->pages,
			       page);
	helper_end(&other);
}

TEST_F(mapcount, exclusive_first)
{
	check_exclusive(_metadata, &self->r, &self->m, 0);
}

TEST_F(mapcount, exclusive_last)
{
	check_exclusive(_metadata, &self->r, &self->m, self->r.pages - 1);
}

/* Who writes gets a page of its own, and the other keeps what was there. */
TEST_F(mapcount, fork_and_write)
{
	struct region *r = &self->r;
	unsigned int first = r->pages / 4, count = r->pages / 2;
	struct helper other;

	if (r->fd >= 0)
		SKIP(return, "a shared mapping is not copied");
	helper_start(&other, r);
	helper_do(&other, HELP_WRITE, first, count);
	model_map(r, &self->m, OTHER);
	model_unmap(r, &self->m, OTHER, first, count);
	check_maps();
	EXPECT_EQ(-1, stamp_differs(r->map, r->len, 0, 1));
	EXPECT_EQ(0, helper_do(&other, HELP_CHECK, 0, first));
	EXPECT_EQ(count, helper_do(&other, HELP_CHECK, first, count));
	EXPECT_EQ(0, helper_do(&other, HELP_CHECK, first + count, r->pages - first - count));
	/* What is written here now must not be seen there. */
	stamp(page_at(r, 0), r->page, 0, 3);
	EXPECT_EQ(0, helper_do(&other, HELP_CHECK, 0, first));
	helper_end(&other);
}

TEST_HARNESS_MAIN
