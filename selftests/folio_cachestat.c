// SPDX-License-Identifier: GPL-2.0
/*
 * folio_cachestat: cachestat() and mincore() count pages, also where a range begins or ends
 * inside of a large folio.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "folio_util.h"
#include "kselftest_harness.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif
#ifndef __NR_cachestat
#define __NR_cachestat	451
#endif

struct range {
	uint64_t off;
	uint64_t len;
};

struct stats {
	uint64_t cache;
	uint64_t dirty;
	uint64_t writeback;
	uint64_t evicted;
	uint64_t recently_evicted;
};

FIXTURE(cachestat)
{
	struct region r;
	unsigned char *there;	/* by mincore() */
	bool writes_back;
};

FIXTURE_VARIANT(cachestat)
{
	struct shape shape;
};

VARIANTS_SHMEM(cachestat);
VARIANTS_FILE(cachestat);

static int stat_pages(struct region *r, unsigned int first, unsigned int count, struct stats *stats)
{
	struct range range = { (uint64_t)first * r->page, (uint64_t)count * r->page };

	return syscall(__NR_cachestat, r->fd, &range, stats, 0) ? errno : 0;
}

FIXTURE_SETUP(cachestat)
{
	const char *reason = region_make(&self->r, &variant->shape, variant->shape.order ? 2 : 8);
	struct region *r = &self->r;
	struct stats stats;
	int error;

	if (reason)
		SKIP(return, "%s", reason);
	error = stat_pages(r, 0, 1, &stats);
	if (error == ENOSYS)
		SKIP(return, "the kernel lacks CONFIG_CACHESTAT_SYSCALL, or is older than 6.5");
	ASSERT_EQ(0, error);
	self->there = malloc(r->pages);
	ASSERT_NE(NULL, self->there);
	/* It has been synced; where that cleans, it can be told from a page that is dirtied. */
	ASSERT_EQ(r->page, pwrite(r->fd, r->map, r->page, 0));
	ASSERT_EQ(0, stat_pages(r, 0, 1, &stats));
	self->writes_back = stats.dirty + stats.writeback;
	ASSERT_EQ(0, fsync(r->fd));
}

FIXTURE_TEARDOWN(cachestat)
{
	region_free(&self->r);
}

/* Each range of some lengths from each page near the edges of folios, all of it cached. */
static void check_ranges(struct __test_metadata *_metadata, struct region *r, unsigned int from,
			 unsigned int to, bool dirty)
{
	const unsigned int length[] = { 1, 2, r->nr / 2, r->nr, r->nr + 1, r->pages };
	const unsigned int start[] = { 0, 1, r->nr / 2, r->nr - 1, r->nr, r->nr + 1, r->pages - 1 };
	struct stats stats;
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(start); i++)
		for (j = 0; j < ARRAY_SIZE(length) && __test_passed(_metadata); j++) {
			unsigned int first = start[i], end = first + length[j], in = 0, page;

			if (!length[j] || first >= r->pages)
				continue;
			if (end > r->pages)
				end = r->pages;
			for (page = first; page < end; page++)
				in += page >= from && page < to;
			ASSERT_EQ(0, stat_pages(r, first, length[j], &stats));
			EXPECT_EQ(dirty ? end - first : in, stats.cache)
				TH_LOG("cached of pages %u to %u", first, end);
			EXPECT_EQ(dirty ? in : 0, stats.dirty + stats.writeback)
				TH_LOG("dirty of pages %u to %u", first, end);
		}
}

/* 0 for the length is all that follows. */
TEST_F(cachestat, cached)
{
	struct region *r = &self->r;
	struct stats stats;

	check_ranges(_metadata, r, 0, r->pages, false);
	ASSERT_EQ(0, stat_pages(r, 1, 0, &stats));
	EXPECT_EQ(r->pages - 1, stats.cache);
	EXPECT_EQ(0, stats.evicted);
	EXPECT_EQ(0, stats.recently_evicted);
}

/* A byte that does not begin a page belongs to it. */
TEST_F(cachestat, bytes)
{
	struct region *r = &self->r;
	struct range range = { r->page - 1, 2 };
	struct stats stats;

	ASSERT_EQ(0, syscall(__NR_cachestat, r->fd, &range, &stats, 0));
	EXPECT_EQ(2, stats.cache);
	range = (struct range) { r->folio - 1, 1 };
	ASSERT_EQ(0, syscall(__NR_cachestat, r->fd, &range, &stats, 0));
	EXPECT_EQ(1, stats.cache);
	range = (struct range) { r->len, r->page };
	ASSERT_EQ(0, syscall(__NR_cachestat, r->fd, &range, &stats, 0));
	EXPECT_EQ(0, stats.cache);
}

/* A page dirties the folio it is in, each of its pages; fsync() cleans them. */
TEST_F(cachestat, dirty)
{
	struct region *r = &self->r;

	if (!self->writes_back)
		SKIP(return, "this filesystem has no dirty pages");
	ASSERT_EQ(1, pwrite(r->fd, r->map, 1, (r->nr - 1) * r->page));
	check_ranges(_metadata, r, 0, r->nr, true);
	ASSERT_EQ(0, fsync(r->fd));
	check_ranges(_metadata, r, 0, r->pages, false);
}

TEST_F(cachestat, dirty_by_mapping)
{
	struct region *r = &self->r;

	if (!self->writes_back)
		SKIP(return, "this filesystem has no dirty pages");
	*page_at(r, r->nr) += 1;
	ASSERT_EQ(0, msync(r->map, r->len, MS_ASYNC));
	check_ranges(_metadata, r, r->nr, 2 * r->nr, true);
	ASSERT_EQ(0, msync(page_at(r, r->nr), r->page, MS_SYNC));
	check_ranges(_metadata, r, 0, r->pages, false);
}

/* What a hole takes is gone, and whether it is the whole page decides. */
TEST_F(cachestat, punched)
{
	struct region *r = &self->r;
	unsigned int first = r->pages / 4, count = r->pages / 2, i;
	off_t off = (off_t)first * r->page;

	if (fallocate(r->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off,
		      (off_t)count * r->page))
		SKIP(return, "no holes: %s", strerror(errno));
	for (i = 0; i < r->pages && __test_passed(_metadata); i++) {
		bool there = i < first || i >= first + count;
		struct stats stats;

		ASSERT_EQ(0, stat_pages(r, i, 1, &stats));
		EXPECT_EQ(there, stats.cache) TH_LOG("page %u of %u", i, r->pages);
	}
	ASSERT_EQ(0, mincore(r->map, r->len, self->there));
	for (i = 0; i < r->pages && __test_passed(_metadata); i++)
		EXPECT_EQ(i < first || i >= first + count, self->there[i] & 1)
			TH_LOG("page %u of %u by mincore()", i, r->pages);
}

/* After the end there is nothing, and after growing there is not yet. */
TEST_F(cachestat, truncated)
{
	struct region *r = &self->r;
	unsigned int left = r->nr / 2 + 1;
	struct stats stats;

	ASSERT_EQ(0, ftruncate(r->fd, left * r->page));
	ASSERT_EQ(0, stat_pages(r, 0, 0, &stats));
	EXPECT_EQ(left, stats.cache);
	ASSERT_EQ(0, ftruncate(r->fd, r->len));
	ASSERT_EQ(0, stat_pages(r, 0, 0, &stats));
	EXPECT_EQ(left, stats.cache);
}

/* POSIX_FADV_DONTNEED leaves what a range has only parts of. */
TEST_F(cachestat, dropped)
{
	struct region *r = &self->r;
	struct stats stats;

	if (!self->writes_back)
		SKIP(return, "this filesystem cannot forget a page");
	ASSERT_EQ(0, munmap(r->map, r->len));
	r->map = NULL;
	ASSERT_EQ(0, posix_fadvise(r->fd, r->page / 2, r->page / 4, POSIX_FADV_DONTNEED));
	ASSERT_EQ(0, stat_pages(r, 0, 0, &stats));
	EXPECT_EQ(r->pages, stats.cache);
	ASSERT_EQ(0, posix_fadvise(r->fd, 0, 0, POSIX_FADV_DONTNEED));
	ASSERT_EQ(0, stat_pages(r, 0, 0, &stats));
	EXPECT_EQ(0, stats.cache);
	EXPECT_EQ(0, stats.evicted);
}

/* Reclaim remembers what it has taken, page by page of each folio. */
TEST_F(cachestat, evicted)
{
	struct region *r = &self->r;
	struct stats stats;

	if (!self->writes_back)
		SKIP(return, "this filesystem cannot forget a page");
	if (madvise(r->map, r->len, MADV_PAGEOUT))
		SKIP(return, "no MADV_PAGEOUT: %s", strerror(errno));
	ASSERT_EQ(0, stat_pages(r, 0, 0, &stats));
	EXPECT_EQ(r->pages, stats.cache + stats.evicted);
	if (stats.evicted < r->pages)
		SKIP(return, "%u of %u pages were not taken", (unsigned int)stats.cache, r->pages);
	ASSERT_EQ(0, stat_pages(r, r->pages / 2 - 1, 1, &stats));
	EXPECT_EQ(1, stats.evicted);
	EXPECT_EQ(0, stats.cache);
}

/* mincore() knows the cache, whether or not it is mapped here. */
TEST_F(cachestat, mincore_unmapped)
{
	struct region *r = &self->r;
	unsigned int i;

	ASSERT_EQ(0, madvise(r->map, r->len, MADV_DONTNEED));
	ASSERT_EQ(0, mincore(r->map, r->len, self->there));
	for (i = 0; i < r->pages && __test_passed(_metadata); i++)
		EXPECT_EQ(1, self->there[i] & 1) TH_LOG("page %u of %u", i, r->pages);
}

TEST_HARNESS_MAIN
