// SPDX-License-Identifier: GPL-2.0
/*
 * folio_truncate: those who have a file mapped while it shrinks, grows and gets holes.
 * SIGBUS comes behind the end and nowhere else; what was cut off is zero when it is there
 * again; nobody ever reads a byte that is not of that place.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

#include "folio_util.h"
#include "kselftest_harness.h"

#define READERS		2	/* processes, each with two threads */
#define MAX_PAGES	2048
#define RACE_SECONDS	2

FIXTURE(truncate)
{
	struct region r;
	struct race *race;
};

FIXTURE_VARIANT(truncate)
{
	struct shape shape;
};

VARIANTS_SHMEM(truncate);
VARIANTS_FILE(truncate);

/*
 * struct race - what the one that truncates tells those that read. @turn is odd while the
 * file changes; between two equal even ones the rest is what a reader must see.
 */
struct race {
	unsigned int turn;
	bool stop;
	size_t size;
	unsigned char tag[MAX_PAGES];	/* 0: zeroes */
	unsigned int wrong;
	unsigned int seen;		/* reads that were compared */
	unsigned int faulted;		/* SIGBUS that was due */
	char text[128];
};

FIXTURE_SETUP(truncate)
{
	const char *reason = region_make(&self->r, &variant->shape, variant->shape.order ? 2 : 8);

	if (reason)
		SKIP(return, "%s", reason);
	self->race = mmap(NULL, sizeof(*self->race), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->race);
}

FIXTURE_TEARDOWN(truncate)
{
	region_free(&self->r);
}

/* All of the file, of whose bytes those of [0, kept) stay and the others are zero. */
static void check_kept(struct __test_metadata *_metadata, struct region *r, size_t kept,
		       const char *what)
{
	char *want = malloc(r->len), *got = malloc(r->len);
	size_t i;

	ASSERT_NE(NULL, want);
	ASSERT_NE(NULL, got);
	stamp(want, r->len, 0, 1);
	memset(want + kept, 0, r->len - kept);
	for (i = memcmp(want, r->map, r->len) ? 0 : r->len; i < r->len && want[i] == r->map[i];)
		i++;
	EXPECT_EQ(r->len, i) TH_LOG("wrong byte when mapped, %s at %zu", what, kept);
	ASSERT_EQ(r->len, pread(r->fd, got, r->len, 0));
	for (i = memcmp(want, got, r->len) ? 0 : r->len; i < r->len && want[i] == got[i];)
		i++;
	EXPECT_EQ(r->len, i) TH_LOG("wrong byte when read, %s at %zu", what, kept);
	free(want);
	free(got);
}

/* Sizes around every kind of edge. */
static size_t sizes(struct region *r, unsigned int n)
{
	const size_t list[] = {
		r->len - 1, r->len - r->page, r->folio + r->page + 1, r->folio + 1, r->folio,
		r->folio - 1,
		r->folio / 2 + 9, r->page * 2, r->page + 1, r->page, r->page - 1, 1, 0,
	};

	return n < ARRAY_SIZE(list) ? list[n] : SIZE_MAX;
}

TEST_F_TIMEOUT(truncate, sigbus, SLOW)
{
	struct region *r = &self->r;
	unsigned int n, i;

	for (n = 0; sizes(r, n) != SIZE_MAX && __test_passed(_metadata); n++) {
		size_t size = sizes(r, n);

		if (size > r->len)
			continue;
		ASSERT_EQ(0, ftruncate(r->fd, size));
		for (i = 0; i < r->pages && __test_passed(_metadata); i++) {
			bool there = i * r->page < size;

			EXPECT_EQ(there, can_read(page_at(r, i), NULL))
				TH_LOG("read page %u, size %zu", i, size);
			EXPECT_EQ(there, can_write(page_at(r, i) + r->page - 1, 7))
				TH_LOG("write page %u, size %zu", i, size);
		}
	}
}

/* With @pollute also what was written behind the end of the file, into its last page. */
static void check_growing(struct __test_metadata *_metadata, struct region *r, bool pollute)
{
	unsigned int n;

	for (n = 0; sizes(r, n) != SIZE_MAX && __test_passed(_metadata); n++) {
		size_t size = sizes(r, n);

		if (size > r->len)
			continue;
		region_fill(r);
		region_read(r, 0, r->pages);
		ASSERT_EQ(0, ftruncate(r->fd, size));
		if (pollute && size % r->page)
			memset(r->map + size, 0xff, r->page - size % r->page);
		ASSERT_EQ(0, ftruncate(r->fd, r->len));
		check_kept(_metadata, r, size, pollute ? "polluted" : "truncated");
	}
}

TEST_F_TIMEOUT(truncate, zero_after_growing, SLOW)
{
	check_growing(_metadata, &self->r, false);
}

/* mmap(2): modifications of that region are not written out to the file. */
TEST_F_TIMEOUT(truncate, polluted_tail, SLOW)
{
	check_growing(_metadata, &self->r, true);
}

TEST_F_TIMEOUT(truncate, hole, SLOW)
{
	struct region *r = &self->r;
	const size_t edge[] = {
		0, 1, r->page - 1, r->page, r->page + 3, r->folio - 1, r->folio, r->folio + 5,
		r->len - r->page, r->len,
	};
	size_t from, to, i;

	for (from = 0; from < ARRAY_SIZE(edge); from++)
		for (to = 0; to < ARRAY_SIZE(edge) && __test_passed(_metadata); to++) {
			char *buf;

			if (edge[from] >= edge[to] || edge[to] > r->len)
				continue;
			region_fill(r);
			region_read(r, 0, r->pages);
			if (fallocate(r->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, edge[from],
				      edge[to] - edge[from]))
				SKIP(return, "no holes: %s", strerror(errno));
			buf = malloc(r->len);
			ASSERT_NE(NULL, buf);
			stamp(buf, r->len, 0, 1);
			memset(buf + edge[from], 0, edge[to] - edge[from]);
			for (i = memcmp(r->map, buf, r->len) ? 0 : r->len; i < r->len;) {
				if (r->map[i] != buf[i])
					break;
				i++;
			}
			EXPECT_EQ(r->len, i)
				TH_LOG("hole from %zu to %zu: wrong byte", edge[from], edge[to]);
			free(buf);
		}
}

/* What a child has mapped goes, too, and comes back as zeroes. */
TEST_F(truncate, in_other_process)
{
	struct region *r = &self->r;
	struct helper other;

	helper_start(&other, r);
	helper_do(&other, HELP_READ, 0, r->pages);
	ASSERT_EQ(0, ftruncate(r->fd, r->page));
	ASSERT_EQ(0, ftruncate(r->fd, r->len));
	EXPECT_EQ(r->pages - 1, helper_do(&other, HELP_CHECK, 0, r->pages));
	helper_end(&other);
	check_kept(_metadata, r, r->page, "truncated");
}

static void report(struct race *race, const char *what, unsigned int page, uint64_t word)
{
	if (!__atomic_fetch_add(&race->wrong, 1, __ATOMIC_SEQ_CST))
		snprintf(race->text, sizeof(race->text), "%s, page %u, word %#llx", what, page,
			 (unsigned long long)word);
}

struct reader {
	struct region *r;
	struct race *race;
	uint64_t random;
};

/* A word read while it changes is a mixture, but each byte is 0 or of that place. */
static bool is_elsewhere(uint64_t word, uint64_t place)
{
	uint64_t want = stamp_word(place, 0);
	unsigned int bit;

	for (bit = 0; bit < 48; bit += 8)
		if ((word >> bit & 0xff) && (word >> bit & 0xff) != (want >> bit & 0xff))
			return true;
	return false;
}

/* One word of a random page; whatever the file is doing, it is zero or of that place. */
static void read_once(struct reader *reader)
{
	struct region *r = reader->r;
	struct race *race = reader->race;
	unsigned int page = next_random(&reader->random) % r->pages;
	size_t off = next_random(&reader->random) % (r->page / 8) * 8;
	const char *addr = page_at(r, page) + off;
	unsigned int before = __atomic_load_n(&race->turn, __ATOMIC_SEQ_CST);
	size_t size = __atomic_load_n(&race->size, __ATOMIC_SEQ_CST);
	unsigned char tag = __atomic_load_n(&race->tag[page], __ATOMIC_SEQ_CST);
	uint64_t word = 0, place = (uint64_t)page * r->page + off;
	bool there = can_read(addr, NULL), still;

	if (there)	/* another byte of it may go now */
		there = can_read(addr, NULL) && can_read(addr + 7, NULL);
	if (there) {
		/* No SIGBUS ends this process: the parent is told. */
		if (!can_read(addr, (unsigned char *)&word))
			return;
		word = 0;
		for (int i = 0; i < 8; i++)
			if (!can_read(addr + i, (unsigned char *)&word + i))
				return;
	}
	still = !(before & 1) && before == __atomic_load_n(&race->turn, __ATOMIC_SEQ_CST);
	if (still) {
		bool due = page * r->page < size;

		__atomic_fetch_add(due ? &race->seen : &race->faulted, 1, __ATOMIC_RELAXED);
		/* shmem maps a folio whole, also across the end. */
		if (there && !due && on_tmpfs(r) && page / r->nr * r->folio < size)
			due = there;
		if (there != due)
			report(race, there ? "no SIGBUS behind the end" : "SIGBUS before the end",
			       page, word);
		else if (due &&
			 word != (tag && page * r->page < size ? stamp_word(place, tag) : 0))
			report(race, "not what is in the file", page, word);
	} else if (there && is_elsewhere(word, place)) {
		report(race, "a word of another place", page, word);
	}
}

static void *read_many(void *data)
{
	struct reader *reader = data;

	while (!__atomic_load_n(&reader->race->stop, __ATOMIC_SEQ_CST))
		read_once(reader);
	return NULL;
}

static void start_readers(struct region *r, struct race *race, pid_t *pid)
{
	unsigned int i;

	for (i = 0; i < READERS; i++) {
		struct reader reader[2] = { { r, race, 2 * i + 1 }, { r, race, 2 * i + 2 } };
		pthread_t thread;

		pid[i] = fork();
		if (pid[i] < 0)
			give_up("fork: %s", strerror(errno));
		if (pid[i])
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (pthread_create(&thread, NULL, read_many, &reader[1]))
			_exit(1);
		read_many(&reader[0]);
		pthread_join(thread, NULL);
		_exit(0);
	}
}

/* One change of the file, and what it leaves in @race. */
static bool change(struct region *r, struct race *race, uint64_t *random, unsigned char tag)
{
	unsigned int first = next_random(random) % r->pages, i;
	unsigned int count = 1 + next_random(random) % (r->pages - first);
	size_t old = race->size;
	bool done = true;
	char *buf;

	switch (next_random(random) % 4) {
	case 0:
		race->size = first * r->page;
		memset(race->tag + first, 0, r->pages - first);
		return !ftruncate(r->fd, race->size);
	case 1:
		race->size = r->len;
		return !ftruncate(r->fd, r->len);
	case 2:
		memset(race->tag + first, 0, count);
		return !fallocate(r->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				  (off_t)first * r->page,
				  (off_t)count * r->page);
	default:
		buf = malloc(count * r->page);
		for (i = first; buf && i < first + count; i++)
			race->tag[i] = tag;
		if (!buf)
			return false;
		stamp(buf, count * r->page, (uint64_t)first * r->page, tag);
		done = pwrite(r->fd, buf, count * r->page, (off_t)first * r->page) ==
			(ssize_t)(count * r->page);
		if ((first + count) * r->page > old)
			race->size = (first + count) * r->page;
		free(buf);
		return done;
	}
}

/* Four that read at random, one that changes the file from the seed 1. */
TEST_F_TIMEOUT(truncate, race, SLOW)
{
	struct region *r = &self->r;
	struct race *race = self->race;
	double end = now() + RACE_SECONDS;
	uint64_t random = 1;
	pid_t pid[READERS];
	unsigned int turns = 0, i;
	int status;

	if (r->pages > MAX_PAGES)
		SKIP(return, "%u pages are too many", r->pages);
	memset(race->tag, 1, r->pages);
	race->size = r->len;
	start_readers(r, race, pid);
	/* On a busy machine until they have seen both. */
	while (now() < (race->seen > 10 && race->faulted ? end : end + 15) && !race->wrong) {
		struct timespec pause = { 0, next_random(&random) % 300000 };

		__atomic_fetch_add(&race->turn, 1, __ATOMIC_SEQ_CST);
		if (!change(r, race, &random, 1 + turns++ % 200))
			SKIP(break, "no holes: %s", strerror(errno));
		__atomic_fetch_add(&race->turn, 1, __ATOMIC_SEQ_CST);
		nanosleep(&pause, NULL);
	}
	__atomic_store_n(&race->stop, true, __ATOMIC_SEQ_CST);
	for (i = 0; i < READERS; i++) {
		ASSERT_EQ(pid[i], waitpid(pid[i], &status, 0));
		EXPECT_EQ(0, status);
	}
	EXPECT_EQ(0, race->wrong) TH_LOG("after %u changes: %s", turns, race->text);
	/* Else it would have said nothing. */
	EXPECT_LT(10, race->seen) TH_LOG("%u changes", turns);
	EXPECT_LT(0, race->faulted) TH_LOG("%u changes", turns);
	TH_LOG("%u changes, %u reads, %u times SIGBUS", turns, race->seen, race->faulted);
}

TEST_HARNESS_MAIN
