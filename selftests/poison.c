// SPDX-License-Identifier: GPL-2.0
/*
 * poison: pages of large folios are given to memory_failure() by MADV_HWPOISON, and
 * what must follow is looked for. What was clean in a file is dropped and read again;
 * what was dirty is lost, which its mappers and fsync() are told; anonymous memory is
 * lost for all who share it. tmpfs, of whose files memory holds the only copy, keeps
 * the page and answers with errors until a hole is punched there. A folio that cannot
 * be split, as it is dirty or blocks are larger than a page, stays as it is: who met
 * the error is killed, and that is all.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/magic.h>

#include "load.h"
#include "poison.h"

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE	101
#endif

#define LENGTH	(2UL << 20)

static const char usage_text[] =
"usage: poison CASE FILE [SEED [COUNT]]\n"
"\n"
"  clean       a mapped page of a large folio of a file that was written back\n"
"  dirty       one that was not\n"
"  small       the same in folios of one page\n"
"  others      the same, mapped by another process, too\n"
"  early       by one that asked to be told at once\n"
"  unmapped    a clean page that nobody maps\n"
"  anonymous   a page of memory, shared with a child\n"
"  reuse       a page of a folio that cannot be split: nobody may get it again\n"
"  heal        unpoisons what is poisoned still\n"
"  load        COUNT pages of a file that somebody else uses\n"
"  migrate     COUNT pages of a file that somebody else uses are taken offline softly:\n"
"              what they hold must move\n"
"\n"
"Each page is unpoisoned again. Exit codes: 0 as it must be, 1 not so, 2 usage or\n"
"set-up, 4 skipped: something is missing, which the last line tells.\n";

static size_t page;
static const char *path;
static uint64_t seed = 1, count = 100;
static int fd;
static bool keeps;		/* tmpfs */

static void write_stamps(uint64_t generation)
{
	static unsigned char buf[LENGTH];

	stamp_range(buf, 0, LENGTH, generation);
	if (pwrite(fd, buf, LENGTH, 0) != LENGTH)
		finish(EXIT_USAGE, "%s: write: %s", path, strerror(errno));
}

/* expect_file() - by read: @lost has generation @old, or cannot be read; all else @now. */
static void expect_file(uint64_t now, size_t lost, uint64_t old)
{
	static unsigned char buf[1 << 16];
	size_t off;

	for (off = 0; off < LENGTH; off += page) {
		ssize_t got = pread(fd, buf, page, off);

		if (keeps && off == lost) {
			expect(got < 0 && errno == EIO, "a read of what tmpfs lost fails with EIO");
			continue;
		}
		if (got != (ssize_t)page)
			finish(EXIT_WRONG, "%s: read at %#zx: %zd, %s", path, off, got,
			       strerror(errno));
		expect_range(buf, off, page, off == lost ? old : now, "read");
	}
}

static unsigned char *map_file(int prot)
{
	unsigned char *map = mmap(NULL, LENGTH, prot, MAP_SHARED, fd, 0);
	size_t at;

	if (map == MAP_FAILED)
		finish(EXIT_USAGE, "%s: mmap: %s", path, strerror(errno));
	for (at = 0; at < LENGTH; at += page)
		(void)*(volatile unsigned char *)(map + at);
	return map;
}

/* pick() - a page in the middle of the largest folio that is mapped there. */
static size_t pick(const unsigned char *map)
{
	size_t at, best = 0, pages = 0, most = 0;

	for (at = 0; at < LENGTH; at += page) {
		pages = is_tail(map + at) ? pages + 1 : 1;
		if (pages > most) {
			most = pages;
			best = at - most / 2 * page;
		}
	}
	printf("# folio of %zu pages at least, page at %#zx\n", most, best);
	if (most < 4)
		finish(EXIT_SKIP, "no large folio of 4 pages here");
	return best;
}

static void make_file(void)
{
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		finish(EXIT_USAGE, "%s: %s; name a file in the filesystem to try", path,
		       strerror(errno));
	write_stamps(1);
	if (fsync(fd))
		finish(EXIT_USAGE, "%s: fsync: %s", path, strerror(errno));
}

/* What is left of a file goes, and then its page is good again. */
static void clean_up(unsigned char *map, uint64_t pfn)
{
	munmap(map, LENGTH);
	close(fd);
	unlink(path);
	unpoison(pfn);
}

static void expect_killed(const struct outcome *out, const unsigned char *at)
{
	printf("# madvise: %s; signal code %d\n", strerror(out->err), out->code);
	expect(out->code == BUS_MCEERR_AR, "who met the error gets SIGBUS, BUS_MCEERR_AR");
	expect((uintptr_t)out->addr / page == (uintptr_t)at / page, "the signal names the page");
}

/* The rest of a mapping is as it was. */
static void expect_others(const unsigned char *map, size_t lost, uint64_t generation)
{
	expect_range(map, 0, lost, generation, "before");
	expect_range(map + lost + page, lost + page, LENGTH - lost - page, generation, "behind");
}

/* is_whole() - the folio could not be split; returns after it has looked at all of it. */
static bool is_whole(unsigned char *map, size_t lost, uint64_t pfn, uint64_t generation,
		     const struct outcome *out)
{
	if (pfn_of(map + lost) != pfn)
		return false;
	printf("# it could not be split\n");
	expect_killed(out, map + lost);
	expect_file(generation, LENGTH, 0);
	expect(!fsync(fd), "fsync() has no error to tell: nothing is lost");
	/* What becomes of its page is another case. */
	munmap(map, LENGTH);
	close(fd);
	unlink(path);
	return true;
}

static void expect_no_read(const unsigned char *at)
{
	unsigned char byte;

	expect(read_byte(at, &byte) == BUS_MCEERR_AR, "the page cannot be read any more");
}

/* clean_file() - a file that was written back, mapped; @lost is the place of page @pfn. */
static unsigned char *clean_file(size_t *lost, uint64_t *pfn)
{
	unsigned char *map;

	make_file();
	map = map_file(PROT_READ);
	*lost = pick(map);
	*pfn = pfn_of(map + *lost);
	return map;
}

static void check_clean(void)
{
	struct outcome out;
	uint64_t pfn;
	size_t lost;
	unsigned char *map = clean_file(&lost, &pfn);

	out = poison(map + lost);
	expect(is_poisoned(pfn), "the page is marked");
	if (is_whole(map, lost, pfn, 1, &out))
		return;
	if (keeps) {
		expect_no_read(map + lost);
		expect_others(map, lost, 1);
	} else {
		expect(!out.err && !out.code, "nobody is told of a clean page that is lost");
		expect_range(map, 0, LENGTH, 1, "mapping");
		expect(pfn_of(map + lost) != pfn, "another page is mapped now");
	}
	expect_file(1, lost, 1);
	expect(!fsync(fd), "fsync() has no error to tell");
	clean_up(map, pfn);
}

static void expect_error_once(int file, const char *whose)
{
	printf("# fsync by the descriptor %s\n", whose);
	expect(fsync(file) && errno == EIO, "fsync() tells of it with EIO");
	expect(!fsync(file), "and once only");
}

/* A file that was written back and is dirty now; @small: in folios of a page. */
static void dirty_file(unsigned char **map, size_t *lost, bool small)
{
	make_file();
	if (small)
		split_file(path, LENGTH / page);
	*map = map_file(PROT_READ | PROT_WRITE);
	*lost = small ? LENGTH / 2 - page : pick(*map);
	if (small && is_large(*map + *lost))
		finish(EXIT_SKIP, "no folio of one page: blocks are larger, or it cannot be split");
	stamp_range(*map, 0, LENGTH, 2);
}

/* What tmpfs lost is lost until a hole is punched there. */
static void expect_hole_heals(size_t lost)
{
	unsigned char byte = 1;

	expect(pwrite(fd, &byte, 1, lost) < 0 && errno == EIO, "the page cannot be written");
	expect(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, lost, page),
	       "a hole can be punched there");
	expect(pread(fd, &byte, 1, lost) == 1 && !byte, "which reads as zeros");
	keeps = false;
}

static void check_dirty(bool small)
{
	unsigned char *map;
	struct outcome out;
	uint64_t pfn;
	size_t lost;
	int other;

	dirty_file(&map, &lost, small);
	other = open(path, O_RDWR);
	pfn = pfn_of(map + lost);
	out = poison(map + lost);
	expect(is_poisoned(pfn), "the page is marked");
	if (!small && is_whole(map, lost, pfn, 2, &out))
		return;
	/* The split of a large folio unmaps it: then tmpfs tells who comes back for it. */
	if (small || !keeps)
		expect_killed(&out, map + lost);
	expect_no_read(map + lost);
	expect_others(map, lost, 2);
	/* Of what is lost the disk holds what it was before. */
	if (!keeps) {
		expect_error_once(fd, "that wrote");
		expect_error_once(other, "that only was open");
	}
	expect_file(2, lost, 1);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	expect_file(2, lost, 1);
	if (keeps)
		expect_hole_heals(lost);
	write_stamps(3);
	expect(!fsync(fd), "the file can be written again");
	expect_file(3, LENGTH, 0);
	close(other);
	clean_up(map, pfn);
}

/* Folios large and small, so that no list of free ones is left as it was. */
static void take_memory(int advice)
{
	const size_t size = 128UL << 20;
	unsigned char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				  -1, 0);

	if (map == MAP_FAILED || madvise(map, size, advice))
		finish(EXIT_USAGE, "no memory: %s", strerror(errno));
	memset(map, 1, size);
}

/* The folio is freed whole; the broken page of it must not be given to anybody. */
static void check_reuse(void)
{
	unsigned char *map;
	struct outcome out;
	uint64_t pfn;
	size_t lost;

	dirty_file(&map, &lost, false);
	pfn = pfn_of(map + lost);
	out = poison(map + lost);
	if (!is_whole(map, lost, pfn, 2, &out)) {
		clean_up(map, pfn);
		finish(EXIT_SKIP, "the folio could be split");
	}
	expect(is_poisoned(pfn), "the page is marked");
	take_memory(MADV_HUGEPAGE);
	take_memory(MADV_NOHUGEPAGE);
	if (is_used(pfn))
		finish(EXIT_WRONG, "the poisoned page %#jx is used again, or free for use", pfn);
	expect(is_poisoned(pfn), "it is marked still");
	unpoison(pfn);
}

static void __noreturn be_mapper(size_t lost, bool early, int ready, int go)
{
	unsigned char *map = map_file(PROT_READ | PROT_WRITE), byte;
	int code;

	if (early && prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0))
		finish(EXIT_USAGE, "PR_MCE_KILL: %s", strerror(errno));
	code = wait_for_byte(ready, go);
	if (early)
		expect(code == BUS_MCEERR_AO, "who asked is told at once");
	else
		expect(!code, "who did not ask is not told before it reads");
	expect_no_read(map + lost);
	expect(!read_byte(map + lost + page, &byte), "the next page can be read");
	fflush(stdout);
	_exit(EXIT_AGREED);
}

/* Another process maps the page; @early: it wants to know at once. */
static void with_child(bool early)
{
	int go[2], ready[2], status;
	unsigned char *map, byte;
	struct outcome out;
	uint64_t pfn;
	size_t lost;
	pid_t child;

	dirty_file(&map, &lost, true);
	if (pipe(go) || pipe(ready))
		finish(EXIT_USAGE, "pipe: %s", strerror(errno));
	child = start_child();
	if (!child)
		be_mapper(lost, early, ready[1], go[0]);
	if (read(ready[0], &byte, 1) != 1)
		finish(EXIT_USAGE, "the child went away");
	pfn = pfn_of(map + lost);
	out = poison(map + lost);
	expect_killed(&out, map + lost);
	if (write(go[1], "", 1) != 1 || waitpid(child, &status, 0) != child)
		finish(EXIT_USAGE, "the child went away");
	clean_up(map, pfn);
	expect(!status, "the child saw what it must");
}

static void check_unmapped(void)
{
	uint64_t pfn;
	size_t lost;
	unsigned char *map = clean_file(&lost, &pfn);

	munmap(map, LENGTH);
	if (!corrupt(pfn))
		printf("# corrupt-pfn: %s\n", strerror(errno));
	expect(is_poisoned(pfn), "the page is marked");
	expect_file(1, lost, 1);
	expect(!fsync(fd), "fsync() has no error to tell");
	clean_up(map, pfn);
}

static void check_anonymous(void)
{
	unsigned char *map = mmap(NULL, 2 * LENGTH, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), byte;
	int go[2], status;
	struct outcome out;
	uint64_t pfn;
	size_t lost;
	pid_t child;

	if (map == MAP_FAILED || pipe(go))
		finish(EXIT_USAGE, "no memory: %s", strerror(errno));
	map = (unsigned char *)(((uintptr_t)map + LENGTH - 1) / LENGTH * LENGTH);
	madvise(map, LENGTH, MADV_HUGEPAGE);
	stamp_range(map, 0, LENGTH, 1);
	lost = pick(map);
	pfn = pfn_of(map + lost);
	child = start_child();
	if (!child) {
		if (read(go[0], &byte, 1) != 1)
			_exit(EXIT_USAGE);
		expect_no_read(map + lost);
		expect_others(map, lost, 1);
		_exit(EXIT_AGREED);
	}
	out = poison(map + lost);
	expect_killed(&out, map + lost);
	expect(is_poisoned(pfn), "the page is marked");
	expect_no_read(map + lost);
	expect_others(map, lost, 1);
	if (write(go[1], "", 1) != 1 || waitpid(child, &status, 0) != child)
		finish(EXIT_USAGE, "the child went away");
	expect(!status, "the child saw what it must");
	/* The address can be used again for other memory. */
	expect(!madvise(map + lost, page, MADV_DONTNEED), "MADV_DONTNEED");
	expect(!read_byte(map + lost, &byte) && !byte, "the address holds a new page");
	munmap(map, LENGTH);
	unpoison(pfn);
}

/* Pages of a file that somebody else uses; that one compares what it reads. */
static void check_load(int advice)
{
	uint64_t random = seed, n, done = 0, told = 0;

	for (n = 0; n < 100 && (fd = open(path, O_RDWR)) < 0; n++)
		usleep(100000);
	if (fd < 0)
		finish(EXIT_USAGE, "%s: %s", path, strerror(errno));
	for (n = 0; done < count && n < 100 * count; n++) {
		size_t pages = lseek(fd, 0, SEEK_END) / page;
		off_t off = below(&random, pages) * page;
		unsigned char *at = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, off), byte;
		struct outcome out = {};

		if (at == MAP_FAILED)
			continue;
		if (!read_byte(at, &byte)) {
			uint64_t pfn = pfn_of(at);

			out = advise(at, advice);
			done += is_poisoned(pfn);
			told += !!out.code;
		}
		munmap(at, page);
	}
	printf("# %ju pages of %ju tries, %ju signals\n", done, n, told);
	close(fd);
	/* They are the file's still, until it goes. */
	for (n = 0; n < 600 && !access(path, F_OK); n++)
		usleep(100000);
	unpoison_all();
	expect(done, "pages were poisoned");
}

int main(int argc, char **argv)
{
	const char *name = argc > 2 ? argv[1] : "";
	struct statfs fs;

	page = sysconf(_SC_PAGESIZE);
	path = argc > 2 ? argv[2] : "";
	if (argc > 3)
		seed = parse_number(argv[3], "SEED");
	if (argc > 4)
		count = parse_number(argv[4], "COUNT");
	poison_init();
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd >= 0 && !fstatfs(fd, &fs))
		keeps = fs.f_type == TMPFS_MAGIC;
	close(fd);
	if (!strcmp(name, "clean"))
		check_clean();
	else if (!strcmp(name, "dirty") || !strcmp(name, "small"))
		check_dirty(!strcmp(name, "small"));
	else if (!strcmp(name, "others") || !strcmp(name, "early"))
		with_child(!strcmp(name, "early"));
	else if (!strcmp(name, "unmapped"))
		check_unmapped();
	else if (!strcmp(name, "anonymous"))
		check_anonymous();
	else if (!strcmp(name, "reuse"))
		check_reuse();
	else if (!strcmp(name, "heal"))
		unpoison_all();
	else if (!strcmp(name, "load") || !strcmp(name, "migrate"))
		check_load(strcmp(name, "load") ? MADV_SOFT_OFFLINE : MADV_HWPOISON);
	else
		finish(EXIT_USAGE, "%s", usage_text);
	return EXIT_AGREED;
}
