// SPDX-License-Identifier: GPL-2.0
/*
 * folio_splice: pages of large folios that leave the page cache or a process without a copy:
 * splice(), tee(), sendfile(), vmsplice(); and direct I/O from and into them. They must come
 * out as they went in where nobody writes to them; and whoever takes the file or the mapping
 * away meanwhile must not put another's data in their place.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "folio_util.h"
#include "kselftest_harness.h"

FIXTURE(splice)
{
	struct region r;
	int pipe[2];
	size_t room;		/* of the pipe, in bytes of whole pages */
	char *buf;
};

FIXTURE_VARIANT(splice)
{
	struct shape shape;
};

VARIANTS_ANON(splice);
VARIANTS_SHMEM(splice);
VARIANTS_FILE(splice);

FIXTURE_SETUP(splice)
{
	const char *reason = region_make(&self->r, &variant->shape, variant->shape.order ? 2 : 8);
	struct region *r = &self->r;
	int size;

	if (reason)
		SKIP(return, "%s", reason);
	ASSERT_EQ(0, pipe(self->pipe));
	fcntl(self->pipe[0], F_SETPIPE_SZ, 64 * r->page);
	size = fcntl(self->pipe[0], F_GETPIPE_SZ);
	ASSERT_LT(4 * r->page, size);
	/* The first and the last may be parts of a page. */
	self->room = size - 2 * r->page;
	self->buf = mmap(NULL, r->len + r->page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->buf);
}

FIXTURE_TEARDOWN(splice)
{
	region_free(&self->r);
}

struct range {
	size_t off;
	size_t len;
};

/* Ranges with ends before, at and behind the edges of pages and folios; .len 0: no more. */
static struct range range_of(FIXTURE_DATA(splice) *self, unsigned int n)
{
	struct region *r = &self->r;
	const size_t page = r->page, edge = r->len / 2;
	const struct range all[] = {
		{ 0, page }, { 0, edge }, { 1, page }, { page - 1, 2 },
		{ edge - 1, 2 }, { edge - page - 3, 2 * page + 5 },
		{ edge - page, 2 * page }, { edge / 2, edge },
		{ edge / 2 + 7, edge - 9 }, { r->len - page - 1, page + 1 },
		{ r->len - 1, 1 }, { edge, edge }, { 513, 1 },
	};
	struct range range = { 0, 0 };

	if (n < ARRAY_SIZE(all))
		range = all[n];
	if (range.len > self->room)
		range.len = self->room;
	return range;
}

#define for_each_range(range, n) \
	for (n = 0; range = range_of(self, n), range.len && __test_passed(_metadata); n++)

static void read_pipe(struct __test_metadata *_metadata, FIXTURE_DATA(splice) *self, size_t len)
{
	size_t done = 0;
	ssize_t got;

	for (; done < len; done += got) {
		got = read(self->pipe[0], self->buf + done, len - done);
		ASSERT_LT(0, got);
	}
}

/* From the region into the pipe, by splice() or vmsplice(). */
static void fill_pipe(struct __test_metadata *_metadata, FIXTURE_DATA(splice) *self,
		      struct range range)
{
	struct region *r = &self->r;
	off_t off = range.off;
	size_t done = 0;

	while (done < range.len) {
		struct iovec vec = { r->map + range.off + done, range.len - done };
		ssize_t moved;

		if (r->fd < 0)
			moved = vmsplice(self->pipe[1], &vec, 1, SPLICE_F_NONBLOCK);
		else
			moved = splice(r->fd, &off, self->pipe[1], NULL, range.len - done,
				       SPLICE_F_NONBLOCK);
		ASSERT_LT(0, moved)
			TH_LOG("%zu of %zu bytes from %zu: %d", done, range.len, range.off, errno);
		done += moved;
	}
}

static void expect_same(struct __test_metadata *_metadata, struct range range, const char *got,
			const char *want)
{
	size_t i = 0;

	while (i < range.len && got[i] == want[i])
		i++;
	EXPECT_EQ(range.len, i) TH_LOG("first wrong byte of %zu from %zu", range.len, range.off);
}

TEST_F(splice, into_pipe)
{
	struct range range;
	unsigned int n;

	for_each_range(range, n) {
		fill_pipe(_metadata, self, range);
		read_pipe(_metadata, self, range.len);
		expect_same(_metadata, range, self->buf, self->r.map + range.off);
	}
}

/* Both pipes have the pages; each byte comes out of both. */
TEST_F(splice, tee)
{
	struct range range;
	unsigned int n;
	int twin[2];

	ASSERT_EQ(0, pipe(twin));
	fcntl(twin[0], F_SETPIPE_SZ, 64 * self->r.page);
	for_each_range(range, n) {
		size_t done = 0;

		fill_pipe(_metadata, self, range);
		ASSERT_EQ(range.len, tee(self->pipe[0], twin[1], range.len, SPLICE_F_NONBLOCK));
		read_pipe(_metadata, self, range.len);
		expect_same(_metadata, range, self->buf, self->r.map + range.off);
		while (done < range.len) {
			ssize_t got = read(twin[0], self->buf + done, range.len - done);

			ASSERT_LT(0, got);
			done += got;
		}
		expect_same(_metadata, range, self->buf, self->r.map + range.off);
	}
}

/* Through a pipe into another file, at another offset. */
TEST_F_TIMEOUT(splice, into_file, SLOW)
{
	struct region *r = &self->r;
	int fd = file_in_test_dir();
	struct range range;
	unsigned int n;

	for_each_range(range, n) {
		off_t off = 2 * r->page - range.off % r->page / 2;
		size_t done = 0;

		ASSERT_EQ(0, ftruncate(fd, 0));
		fill_pipe(_metadata, self, range);
		while (done < range.len) {
			ssize_t moved = splice(self->pipe[0], NULL, fd, &off, range.len - done, 0);

			ASSERT_LT(0, moved);
			done += moved;
		}
		ASSERT_EQ(range.len, pread(fd, self->buf, range.len, off - range.len));
		expect_same(_metadata, range, self->buf, r->map + range.off);
		ASSERT_EQ(off - range.len, pread(fd, self->buf, off - range.len, 0));
		EXPECT_EQ(-1, not_zero(self->buf, off - range.len));
	}
	close(fd);
}

TEST_F_TIMEOUT(splice, sendfile, SLOW)
{
	struct region *r = &self->r;
	struct range range;
	unsigned int n;
	int fd;

	if (r->fd < 0)
		SKIP(return, "sendfile() is for files");
	fd = file_in_test_dir();
	for_each_range(range, n) {
		off_t off = range.off;

		ASSERT_EQ(0, ftruncate(fd, 0));
		ASSERT_EQ(0, lseek(fd, 0, SEEK_SET));
		while (off < (off_t)(range.off + range.len)) {
			ssize_t sent = sendfile(fd, r->fd, &off, range.off + range.len - off);

			ASSERT_LT(0, sent) TH_LOG("%s", strerror(errno));
		}
		ASSERT_EQ(range.len, pread(fd, self->buf, range.len, 0));
		expect_same(_metadata, range, self->buf, r->map + range.off);
	}
	close(fd);
}

/*
 * The pages are cut off while they are in the pipe. It has what was there; of a folio that
 * could not be split, and so is still in the file, also zeroes or what is written there later.
 */
TEST_F_TIMEOUT(splice, truncated_meanwhile, SLOW)
{
	struct region *r = &self->r;
	const size_t size[] = { 0, 1, r->page, r->folio / 2, r->folio + 5 };
	struct range range = { r->page / 2, r->len - r->page };
	size_t n, i;

	if (r->fd < 0)
		SKIP(return, "only files can be truncated");
	if (range.len > self->room)
		range.len = self->room;
	for (n = 0; n < ARRAY_SIZE(size) && __test_passed(_metadata); n++) {
		char *old = malloc(r->len), *later = malloc(r->len);

		ASSERT_NE(NULL, old);
		ASSERT_NE(NULL, later);
		region_fill(r);
		stamp(old, r->len, 0, 1);
		fill_pipe(_metadata, self, range);
		ASSERT_EQ(0, ftruncate(r->fd, size[n]));
		ASSERT_EQ(0, ftruncate(r->fd, r->len));
		stamp(self->buf, r->len, 0, 9);
		for (i = r->folio / 2 + r->page; i + r->page <= r->len; i += r->page)
			if (i >= size[n] + r->page)
				ASSERT_EQ(r->page, pwrite(r->fd, self->buf + i, r->page, i));
		read_pipe(_metadata, self, range.len);
		stamp(later, r->len, 0, 9);
		for (i = 0; i < range.len && (!self->buf[i] || self->buf[i] == old[range.off + i] ||
					      self->buf[i] == later[range.off + i]);)
			i++;
		if (size[n]) {
			EXPECT_EQ(range.len, i)
				TH_LOG("byte %zu, cut at %zu", range.off + i, size[n]);
		} else {
			expect_same(_metadata, range, self->buf, old + range.off);
		}
		free(old);
		free(later);
	}
}

/* Who gave the pages goes; they stay what they were. */
TEST_F(splice, unmapped_meanwhile)
{
	struct region *r = &self->r;
	struct range range = { r->len / 2 - r->page - 3, 2 * r->page + 5 };
	char *old = malloc(r->len), *again;

	ASSERT_NE(NULL, old);
	stamp(old, r->len, 0, 1);
	fill_pipe(_metadata, self, range);
	ASSERT_EQ(0, munmap(r->map, r->len));
	r->map = NULL;
	/* Whatever was freed is written to by the next who has it. */
	again = mmap(NULL, 4 * r->len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, again);
	memset(again, 0xaa, 4 * r->len);
	read_pipe(_metadata, self, range.len);
	expect_same(_metadata, range, self->buf, old + range.off);
	munmap(again, 4 * r->len);
	free(old);
}

/* A file for direct I/O of this size, filled with the tag; -1: not here. */
static int direct_file(size_t len, unsigned int tag)
{
	int fd = file_in_test_dir(), direct;
	char path[64];
	char *buf = malloc(len);

	if (!buf)
		give_up("no memory");
	stamp(buf, len, 0, tag);
	if (pwrite(fd, buf, len, 0) != (ssize_t)len || fsync(fd))
		give_up("write: %s", strerror(errno));
	free(buf);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	direct = open(path, O_RDWR | O_DIRECT);
	close(fd);
	return direct;
}

/* As direct I/O wants it. */
static struct range whole_pages(const struct region *r, struct range range)
{
	size_t off = range.off / r->page * r->page;
	size_t len = (range.len + r->page - 1) / r->page * r->page;

	if (off + len > r->len)
		len = r->len - off;
	return (struct range) { off, len };
}

/* From the disk into memory of all orders, beginning at and across the edges of folios. */
TEST_F_TIMEOUT(splice, direct_read, SLOW)
{
	struct region *r = &self->r;
	int fd = direct_file(r->len, 5);
	struct range range;
	unsigned int n;

	if (fd < 0)
		SKIP(return, "no O_DIRECT here: %s", strerror(errno));
	for_each_range(range, n) {
		struct range whole = whole_pages(r, range);
		size_t off = whole.off, len = whole.len;

		stamp(r->map, r->len, 0, 1);
		ASSERT_EQ(len, pread(fd, r->map + off, len, off))
			TH_LOG("%zu bytes at %zu", len, off);
		EXPECT_EQ(-1, stamp_differs(r->map, off, 0, 1)) TH_LOG("before %zu", off);
		EXPECT_EQ(-1, stamp_differs(r->map + off, len, off, 5))
			TH_LOG("%zu bytes at %zu", len, off);
		EXPECT_EQ(-1, stamp_differs(r->map + off + len, r->len - off - len, off + len, 1))
			TH_LOG("behind %zu", off + len);
	}
	if (r->fd >= 0) {
		/* What came through the mapping is in the file. */
		ASSERT_EQ(r->len, pread(r->fd, self->buf, r->len, 0));
		EXPECT_EQ(0, memcmp(self->buf, r->map, r->len));
	}
	close(fd);
}

TEST_F_TIMEOUT(splice, direct_write, SLOW)
{
	struct region *r = &self->r;
	int fd = direct_file(r->len, 5);
	struct range range;
	unsigned int n;

	if (fd < 0)
		SKIP(return, "no O_DIRECT here: %s", strerror(errno));
	for_each_range(range, n) {
		struct range whole = whole_pages(r, range);
		size_t off = whole.off, len = whole.len;

		stamp(self->buf, r->len, 0, 5);
		ASSERT_EQ(r->len, pwrite(fd, self->buf, r->len, 0));
		ASSERT_EQ(len, pwrite(fd, r->map + off, len, off))
			TH_LOG("%zu bytes at %zu", len, off);
		memset(self->buf, 0, r->len);
		ASSERT_EQ(r->len, pread(fd, self->buf, r->len, 0));
		EXPECT_EQ(-1, stamp_differs(self->buf, off, 0, 5)) TH_LOG("before %zu", off);
		EXPECT_EQ(-1, stamp_differs(self->buf + off, len, off, 1))
			TH_LOG("%zu bytes at %zu", len, off);
		EXPECT_EQ(-1,
			  stamp_differs(self->buf + off + len, r->len - off - len, off + len, 5))
			TH_LOG("behind %zu", off + len);
	}
	close(fd);
}

struct reading {
	struct region *r;
	int fd;
	bool stop;
	unsigned int done;
};

static void *read_direct(void *data)
{
	struct reading *reading = data;
	struct region *r = reading->r;

	while (!__atomic_load_n(&reading->stop, __ATOMIC_SEQ_CST))
		if (pread(reading->fd, r->map, r->len, 0) > 0)
			__atomic_fetch_add(&reading->done, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* Direct I/O has pinned what is truncated: it goes nowhere else, and the end stays zero. */
TEST_F_TIMEOUT(splice, direct_read_truncated, SLOW)
{
	struct region *r = &self->r;
	struct reading reading = { .r = r };
	double end = now() + 2;
	unsigned int i;
	pthread_t thread;

	if (r->fd < 0)
		SKIP(return, "only files can be truncated");
	reading.fd = direct_file(r->len, 5);
	if (reading.fd < 0)
		SKIP(return, "no O_DIRECT here: %s", strerror(errno));
	ASSERT_EQ(0, pthread_create(&thread, NULL, read_direct, &reading));
	/* On a busy machine until it has read once. */
	for (i = 0; now() < (reading.done ? end : end + 15) && __test_passed(_metadata); i++) {
		size_t size = (i * 7 + 1) % r->pages * r->page;

		ASSERT_EQ(0, ftruncate(r->fd, size));
		usleep(200);
		ASSERT_EQ(0, ftruncate(r->fd, r->len));
		ASSERT_EQ(r->len, pread(r->fd, self->buf, r->len, 0));
		/* Each word is as it was written, as it was read, or a hole. */
		for (size_t off = 0; off < r->len && __test_passed(_metadata); off += 512)
			if (not_zero(self->buf + off, 8) >= 0 &&
			    stamp_differs(self->buf + off, 8, off, 1) >= 0) {
				EXPECT_EQ(-1, stamp_differs(self->buf + off, 8, off, 5))
					TH_LOG("at %zu", off);
			}
	}
	__atomic_store_n(&reading.stop, true, __ATOMIC_SEQ_CST);
	pthread_join(thread, NULL);
	/* And now nobody is left who could write. */
	ASSERT_EQ(0, ftruncate(r->fd, 0));
	ASSERT_EQ(0, ftruncate(r->fd, r->len));
	ASSERT_EQ(r->len, pread(r->fd, self->buf, r->len, 0));
	EXPECT_EQ(-1, not_zero(self->buf, r->len));
	EXPECT_LT(0, reading.done);
}

TEST_HARNESS_MAIN
