// SPDX-License-Identifier: GPL-2.0
/*
 * folio_uffd: userfaultfd over large folios. With UFFD_FEATURE_SIGBUS who touches what is not
 * resolved gets a signal, so that one thread can do it all; event() has the messages.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "folio_util.h"
#include "kselftest_harness.h"

#ifdef UFFD_FEATURE_WP_HUGETLBFS_SHMEM
#define WP_SHMEM	UFFD_FEATURE_WP_HUGETLBFS_SHMEM
#else
#define WP_SHMEM	(1 << 12)
#endif
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY	1
#endif

FIXTURE(uffd)
{
	struct region r;
	int fd;
	unsigned int first;	/* the middle, across folios */
	unsigned int count;
	char *buf;
};

FIXTURE_VARIANT(uffd)
{
	struct shape shape;
};

VARIANTS_ANON(uffd);
VARIANTS_SHMEM(uffd);

/* What the kernel cannot do is why a test is skipped. */
static const char *open_uffd(int *fd, uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API };
	static char reason[128];

	*fd = syscall(__NR_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	if (*fd < 0 || ioctl(*fd, UFFDIO_API, &api)) {
		snprintf(reason, sizeof(reason), "no userfaultfd (CONFIG_USERFAULTFD): %s",
			 strerror(errno));
		return reason;
	}
	if (features & WP_SHMEM & ~api.features)
		return "the kernel lacks CONFIG_PTE_MARKER_UFFD_WP";
	if (features & ~api.features) {
		snprintf(reason, sizeof(reason), "userfaultfd has %#llx, not all of %#llx",
			 (unsigned long long)api.features, (unsigned long long)features);
		return reason;
	}
	close(*fd);
	api = (struct uffdio_api) { .api = UFFD_API, .features = features };
	*fd = syscall(__NR_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	if (*fd < 0 || ioctl(*fd, UFFDIO_API, &api))
		give_up("userfaultfd: %s", strerror(errno));
	return NULL;
}

static int watch(int fd, void *map, size_t len, uint64_t mode)
{
	struct uffdio_register reg = { .range = { (uintptr_t)map, len }, .mode = mode };

	return ioctl(fd, UFFDIO_REGISTER, &reg) ? errno : 0;
}

#define need(features) \
	do { \
		const char *lacking = open_uffd(&self->fd, features); \
		if (lacking) \
			SKIP(return, "%s", lacking); \
	} while (0)

FIXTURE_SETUP(uffd)
{
	const char *reason = region_make(&self->r, &variant->shape, variant->shape.order ? 2 : 8);

	self->fd = -1;
	if (reason)
		SKIP(return, "%s", reason);
	self->first = self->r.pages / 4;
	self->count = self->r.pages / 2;
	self->buf = mmap(NULL, self->r.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
	ASSERT_NE(MAP_FAILED, self->buf);
	stamp(self->buf, self->r.len, 0, 4);
}

FIXTURE_TEARDOWN(uffd)
{
	if (self->fd >= 0)
		close(self->fd);
	region_free(&self->r);
}

static bool within(FIXTURE_DATA(uffd) *self, unsigned int page)
{
	return page >= self->first && page < self->first + self->count;
}

/* The middle is gone, from the file as well. */
static void take_middle(struct __test_metadata *_metadata, FIXTURE_DATA(uffd) *self)
{
	struct region *r = &self->r;
	size_t len = self->count * r->page;

	ASSERT_EQ(0,
		  madvise(page_at(r, self->first), len, r->fd < 0 ? MADV_DONTNEED : MADV_REMOVE));
}

/* Of the middle with the tag, of the rest with that of the region; each page mapped once. */
static void check_middle(struct __test_metadata *_metadata, FIXTURE_DATA(uffd) *self,
			 unsigned int tag)
{
	struct region *r = &self->r;
	unsigned int i;

	for (i = 0; i < r->pages && __test_passed(_metadata); i++) {
		char *page = page_at(r, i);
		uint64_t entry;

		ASSERT_TRUE(can_read(page, NULL)) TH_LOG("page %u of %u", i, r->pages);
		if (within(self, i) && !tag) {
			EXPECT_EQ(-1, not_zero(page, r->page)) TH_LOG("page %u of %u", i, r->pages);
			continue;
		}
		EXPECT_EQ(-1, stamp_differs(page, r->page, i * r->page, within(self, i) ? tag : 1))
			TH_LOG("page %u of %u", i, r->pages);
		entry = pagemap_entry(page) & (PAGEMAP_PRESENT | PAGEMAP_EXCLUSIVE);
		EXPECT_EQ(PAGEMAP_PRESENT | PAGEMAP_EXCLUSIVE, entry)
			TH_LOG("page %u of %u", i, r->pages);
	}
}

TEST_F(uffd, missing_copy)
{
	struct region *r = &self->r;
	unsigned int i;

	need(UFFD_FEATURE_SIGBUS | (r->fd < 0 ? 0 : UFFD_FEATURE_MISSING_SHMEM));
	ASSERT_EQ(0, watch(self->fd, r->map, r->len, UFFDIO_REGISTER_MODE_MISSING));
	take_middle(_metadata, self);
	for (i = 0; i < r->pages && __test_passed(_metadata); i++) {
		struct uffdio_copy copy = {
			.dst = (uintptr_t)page_at(r, i),
			.src = (uintptr_t)self->buf + i * r->page,
			.len = r->page,
		};

		EXPECT_EQ(!within(self, i), can_read(page_at(r, i), NULL))
			TH_LOG("page %u of %u", i, r->pages);
		if (within(self, i)) {
			ASSERT_EQ(0, ioctl(self->fd, UFFDIO_COPY, &copy))
				TH_LOG("page %u: %s", i, strerror(errno));
			continue;
		}
		/* What is there is not replaced. */
		EXPECT_EQ(-1, ioctl(self->fd, UFFDIO_COPY, &copy))
			TH_LOG("page %u of %u", i, r->pages);
		EXPECT_EQ(EEXIST, errno);
	}
	check_middle(_metadata, self, 4);
}

/* Many pages in one call, and none before. */
TEST_F(uffd, missing_copy_range)
{
	struct region *r = &self->r;
	struct uffdio_copy copy = {
		.dst = (uintptr_t)page_at(r, self->first),
		.src = (uintptr_t)self->buf + self->first * r->page,
		.len = self->count * r->page,
	};

	need(UFFD_FEATURE_SIGBUS | (r->fd < 0 ? 0 : UFFD_FEATURE_MISSING_SHMEM));
	ASSERT_EQ(0, watch(self->fd, r->map, r->len, UFFDIO_REGISTER_MODE_MISSING));
	take_middle(_metadata, self);
	ASSERT_EQ(0, ioctl(self->fd, UFFDIO_COPY, &copy)) TH_LOG("%s", strerror(errno));
	EXPECT_EQ(copy.len, copy.copy);
	check_middle(_metadata, self, 4);
}

TEST_F(uffd, missing_zero)
{
	struct region *r = &self->r;
	struct uffdio_zeropage zero = {
		.range = { (uintptr_t)page_at(r, self->first), self->count * r->page },
	};

	need(UFFD_FEATURE_SIGBUS | (r->fd < 0 ? 0 : UFFD_FEATURE_MISSING_SHMEM));
	ASSERT_EQ(0, watch(self->fd, r->map, r->len, UFFDIO_REGISTER_MODE_MISSING));
	take_middle(_metadata, self);
	ASSERT_EQ(0, ioctl(self->fd, UFFDIO_ZEROPAGE, &zero)) TH_LOG("%s", strerror(errno));
	EXPECT_EQ(zero.range.len, zero.zeropage);
	check_middle(_metadata, self, 0);
	ASSERT_TRUE(can_write(page_at(r, self->first), 1));
	EXPECT_EQ(-1, not_zero(page_at(r, self->first) + 1, r->page - 1));
}

#ifdef UFFDIO_CONTINUE
/* The pages of the file are there, and are what was written through another mapping. */
TEST_F(uffd, minor)
{
	struct region *r = &self->r;
	const size_t from = self->first * r->page, len = self->count * r->page;
	struct uffdio_continue go = {
		.range = { (uintptr_t)page_at(r, self->first), len },
	};
	unsigned int i;

	if (r->fd < 0)
		SKIP(return, "minor faults are those of files");
	need(UFFD_FEATURE_SIGBUS | UFFD_FEATURE_MINOR_SHMEM);
	ASSERT_EQ(0, madvise(r->map, r->len, MADV_DONTNEED));
	ASSERT_EQ(0, watch(self->fd, r->map, r->len, UFFDIO_REGISTER_MODE_MINOR));
	ASSERT_EQ(len, pwrite(r->fd, self->buf + from, len, from));
	for (i = 0; i < r->pages; i++)
		EXPECT_FALSE(can_read(page_at(r, i), NULL)) TH_LOG("page %u of %u", i, r->pages);
	ASSERT_EQ(0, ioctl(self->fd, UFFDIO_CONTINUE, &go)) TH_LOG("%s", strerror(errno));
	EXPECT_EQ(go.range.len, go.mapped);
	/* These and no more, though a folio has others. */
	for (i = 0; i < r->pages && __test_passed(_metadata); i++)
		EXPECT_EQ(within(self, i), can_read(page_at(r, i), NULL))
			TH_LOG("page %u of %u", i, r->pages);
	for (i = 0; i < r->pages && __test_passed(_metadata); i++) {
		go = (struct uffdio_continue) { .range = { (uintptr_t)page_at(r, i), r->page } };
		if (!within(self, i)) {
			EXPECT_EQ(0, ioctl(self->fd, UFFDIO_CONTINUE, &go))
				TH_LOG("page %u of %u: %s", i, r->pages, strerror(errno));
			continue;
		}
		EXPECT_EQ(-1, ioctl(self->fd, UFFDIO_CONTINUE, &go))
			TH_LOG("page %u of %u", i, r->pages);
		EXPECT_EQ(EEXIST, errno);
	}
	check_middle(_metadata, self, 4);
}
#endif

static int protect(FIXTURE_DATA(uffd) *self, unsigned int first, unsigned int count, bool on)
{
	struct uffdio_writeprotect wp = {
		.range = { (uintptr_t)page_at(&self->r, first), count * self->r.page },
		.mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	return ioctl(self->fd, UFFDIO_WRITEPROTECT, &wp) ? errno : 0;
}

#define WP_FEATURES(r) \
	(UFFD_FEATURE_SIGBUS | UFFD_FEATURE_PAGEFAULT_FLAG_WP | ((r)->fd < 0 ? 0 : WP_SHMEM))

/* Only what is protected cannot be written, all can be read, and pagemap knows. */
static void check_protected(struct __test_metadata *_metadata, FIXTURE_DATA(uffd) *self)
{
	struct region *r = &self->r;
	unsigned int i;

	for (i = 0; i < r->pages && __test_passed(_metadata); i++) {
		char *page = page_at(r, i);
		bool expected = within(self, i);

		EXPECT_EQ(expected, !!(pagemap_entry(page) & PAGEMAP_UFFD_WP))
			TH_LOG("page %u of %u", i, r->pages);
		EXPECT_EQ(!expected, can_write(page, *page)) TH_LOG("page %u of %u", i, r->pages);
		EXPECT_EQ(-1, stamp_differs(page, r->page, i * r->page, 1))
			TH_LOG("page %u of %u", i, r->pages);
	}
}

TEST_F(uffd, write_protect)
{
	struct region *r = &self->r;
	unsigned int half = self->count / 2, first = self->first;

	need(WP_FEATURES(r));
	ASSERT_EQ(0, watch(self->fd, r->map, r->len, UFFDIO_REGISTER_MODE_WP));
	ASSERT_EQ(0, protect(self, self->first, self->count, true));
	check_protected(_metadata, self);
	/* Half of it is let go. */
	ASSERT_EQ(0, protect(self, first + half, self->count - half, false));
	self->count = half;
	check_protected(_metadata, self);
	ASSERT_EQ(0, protect(self, first, half, false));
	self->count = 0;
	check_protected(_metadata, self);
}

/* A folio whole, which a PMD may map, and then a page of it. */
TEST_F(uffd, write_protect_folio)
{
	struct region *r = &self->r;

	need(WP_FEATURES(r));
	ASSERT_EQ(0, watch(self->fd, r->map, r->len, UFFDIO_REGISTER_MODE_WP));
	self->first = 0;
	self->count = r->nr;
	ASSERT_EQ(0, protect(self, 0, r->nr, true));
	check_protected(_metadata, self);
	ASSERT_EQ(0, protect(self, 0, r->nr, false));
	self->count = 0;
	check_protected(_metadata, self);
}

/* A copy of a process does not take the protection away, nor the data. */
TEST_F(uffd, write_protect_and_fork)
{
	struct region *r = &self->r;
	struct helper other;

	need(WP_FEATURES(r));
	ASSERT_EQ(0, watch(self->fd, r->map, r->len, UFFDIO_REGISTER_MODE_WP));
	ASSERT_EQ(0, protect(self, self->first, self->count, true));
	helper_start(&other, r);
	EXPECT_EQ(0, helper_do(&other, HELP_CHECK, 0, r->pages));
	check_protected(_metadata, self);
	helper_end(&other);
	check_protected(_metadata, self);
}

#ifdef UFFDIO_MOVE
static int move_pages(FIXTURE_DATA(uffd) *self, char *to, unsigned int first, unsigned int count)
{
	struct uffdio_move move = {
		.dst = (uintptr_t)to,
		.src = (uintptr_t)page_at(&self->r, first),
		.len = count * self->r.page,
	};

	while (ioctl(self->fd, UFFDIO_MOVE, &move)) {
		/* What the kernel could not finish at once goes on where it ended. */
		if (errno != EAGAIN)
			return errno;
		if (move.move > 0) {
			move.dst += move.move;
			move.src += move.move;
			move.len -= move.move;
		}
	}
	return 0;
}

/* What moved is there, alone, with the same frames; and gone from where it was. */
static void check_moved(struct __test_metadata *_metadata, FIXTURE_DATA(uffd) *self,
			unsigned int first,
			unsigned int count)
{
	struct region *r = &self->r;
	char *to = reserve(r->len, r->folio, 0) + first % r->nr * r->page;
	uint64_t *pfn = calloc(r->pages, sizeof(*pfn)), entry;
	unsigned int i;
	int error;

	ASSERT_EQ(to,
		  mmap(to, count * r->page, PROT_READ | PROT_WRITE,
		       MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0));
	ASSERT_EQ(0, watch(self->fd, to, count * r->page, UFFDIO_REGISTER_MODE_MISSING));
	for (i = 0; i < r->pages; i++)
		pfn[i] = page_frame(page_at(r, i));
	error = move_pages(self, to, first, count);
	ASSERT_EQ(0, error) TH_LOG("%s", strerror(error));
	for (i = 0; i < r->pages && __test_passed(_metadata); i++) {
		bool moved = i >= first && i < first + count;
		char *now_at = moved ? to + (i - first) * r->page : page_at(r, i);

		if (moved) {
			EXPECT_EQ(0, pagemap_entry(page_at(r, i)) & PAGEMAP_PRESENT)
				TH_LOG("page %u", i);
		}
		EXPECT_EQ(pfn[i], page_frame(now_at)) TH_LOG("page %u of %u", i, r->pages);
		EXPECT_EQ(1, frame_count(pfn[i])) TH_LOG("page %u of %u", i, r->pages);
		entry = pagemap_entry(now_at);
		entry &= PAGEMAP_PRESENT | PAGEMAP_EXCLUSIVE | PAGEMAP_FILE;
		EXPECT_EQ(PAGEMAP_PRESENT | PAGEMAP_EXCLUSIVE, entry)
			TH_LOG("page %u of %u", i, r->pages);
		EXPECT_EQ(-1, stamp_differs(now_at, r->page, i * r->page, 1))
			TH_LOG("page %u of %u", i, r->pages);
	}
	/* It can be written, and is not what somebody else reads. */
	memset(to, 0x5a, count * r->page);
	for (i = 0; i < r->pages && __test_passed(_metadata); i++)
		if (i < first || i >= first + count) {
			EXPECT_EQ(-1, stamp_differs(page_at(r, i), r->page, i * r->page, 1))
				TH_LOG("page %u", i);
		}
	free(pfn);
}

TEST_F(uffd, move_part)
{
	if (self->r.fd >= 0)
		SKIP(return, "UFFDIO_MOVE is for anonymous memory");
	need(UFFD_FEATURE_SIGBUS | UFFD_FEATURE_MOVE);
	check_moved(_metadata, self, self->first, self->count);
}

TEST_F(uffd, move_whole)
{
	if (self->r.fd >= 0)
		SKIP(return, "UFFDIO_MOVE is for anonymous memory");
	need(UFFD_FEATURE_SIGBUS | UFFD_FEATURE_MOVE);
	check_moved(_metadata, self, 0, self->r.pages);
}

/* What another process has as well cannot move, and nothing of it is lost. */
TEST_F(uffd, move_shared)
{
	struct region *r = &self->r;
	struct helper other;
	char *to;

	if (r->fd >= 0)
		SKIP(return, "UFFDIO_MOVE is for anonymous memory");
	need(UFFD_FEATURE_SIGBUS | UFFD_FEATURE_MOVE);
	to = reserve(r->len, r->folio, 0);
	ASSERT_EQ(to,
		  mmap(to, r->len, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0));
	ASSERT_EQ(0, watch(self->fd, to, r->len, UFFDIO_REGISTER_MODE_MISSING));
	helper_start(&other, r);
	EXPECT_EQ(EBUSY, move_pages(self, to, 0, r->pages));
	EXPECT_EQ(-1, stamp_differs(r->map, r->len, 0, 1));
	EXPECT_EQ(0, helper_do(&other, HELP_CHECK, 0, r->pages));
	helper_end(&other);
}
#endif

static void *write_byte(void *addr)
{
	*(volatile char *)addr = 1;
	return NULL;
}

/* The message names the page and why, once, and the writer goes on when it is resolved. */
TEST_F(uffd, event)
{
	struct region *r = &self->r;
	char *page = page_at(r, self->first);
	struct uffd_msg msg;
	pthread_t thread;

	need(WP_FEATURES(r) & ~UFFD_FEATURE_SIGBUS);
	ASSERT_EQ(0, watch(self->fd, r->map, r->len, UFFDIO_REGISTER_MODE_WP));
	ASSERT_EQ(0, protect(self, self->first, self->count, true));
	ASSERT_EQ(0, pthread_create(&thread, NULL, write_byte, page + 5));
	ASSERT_EQ(sizeof(msg), read(self->fd, &msg, sizeof(msg)));
	EXPECT_EQ(UFFD_EVENT_PAGEFAULT, msg.event);
	EXPECT_EQ((uintptr_t)page, msg.arg.pagefault.address & ~(r->page - 1));
	EXPECT_NE(0, msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP);
	EXPECT_EQ(-1, stamp_differs(r->map, r->len, 0, 1));
	ASSERT_EQ(0, protect(self, self->first, 1, false));
	pthread_join(thread, NULL);
	EXPECT_EQ(1, page[5]);
	stamp(page, r->page, self->first * r->page, 1);
	self->first++;
	self->count--;
	EXPECT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(-1, read(self->fd, &msg, sizeof(msg)));
	EXPECT_EQ(-1, stamp_differs(r->map, r->len, 0, 1));
}

TEST_HARNESS_MAIN
