// SPDX-License-Identifier: GPL-2.0
/*
 * fscost: what the operations of a filesystem cost, one by one.
 *
 * The time of the process is taken, not that of the machine: what it waits for is not
 * in it, nor what the kernel's own threads do. Under QEMU's "-icount shift=0" the clock
 * counts instructions. Each operation has some turns, of which the best and the median
 * are told: an interrupt that falls into a turn is counted with it.
 */
#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

#define MAX_TURNS	100
#define LOOP_TURNS	20
#define LOOP_ROUNDS	50000U
#define PAGE		4096U
#define DATA_PAGES	1024U	/* of the file that is read and written: 4 MiB */

static const char usage_text[] =
"usage: fscost [option...] DIR\n"
"\n"
"Makes DIR, with files, and prints how many nanoseconds of the process each operation\n"
"takes there; under QEMU's -icount shift=0 these are instructions.\n"
"\n"
"  -n, --files N      in a directory (default 200)\n"
"  -t, --turns N      of each operation (default 9)\n"
"  -k, --keep         only make the files, and leave them there\n"
"  -C, --check        measure what --keep has made with the same options; nothing is\n"
"                     written\n"
"  -i, --instructions fail with 4 unless the clock counts instructions\n"
"\n"
"Exit codes: 0 all was measured, 1 an operation failed, 2 usage or set-up, 4 see above.\n";

struct cost {
	unsigned int files;
	unsigned int turns;
	int dir;		/* that has the files; open, so that it stays cached */
	int data;		/* the file of DATA_PAGES */
	char buf[64 << 10];
};

/*
 * struct operation - @prepare and @clean are not measured. All return what was done in a
 * turn, and end the program when they cannot.
 */
struct operation {
	const char *name;
	bool writes;
	void (*prepare)(struct cost *cost);
	unsigned int (*run)(struct cost *cost);
	void (*clean)(struct cost *cost);
};

static void __noreturn failed(const char *what)
{
	printf("# %s: %m\n", what);
	exit(EXIT_WRONG);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* Names that fit into 31 bytes. */
static const char *name_of(const char *kind, unsigned int n)
{
	static char name[32];

	snprintf(name, sizeof(name), "%s-of-fscost-%05u", kind, n);
	return name;
}

/* What waits to be written is another's matter. */
static void settle(struct cost *cost)
{
	if (syncfs(cost->dir))
		failed("syncfs");
}

static void forget_names(struct cost *cost)
{
	settle(cost);
	drop_caches("2");
}

static unsigned int lookup(struct cost *cost)
{
	struct stat st;
	unsigned int n;

	for (n = 0; n < cost->files; n++)
		if (fstatat(cost->dir, name_of("file", n), &st, AT_SYMLINK_NOFOLLOW))
			failed("stat");
	return cost->files;
}

static unsigned int lookup_none(struct cost *cost)
{
	unsigned int n;

	for (n = 0; n < cost->files; n++)
		if (!faccessat(cost->dir, name_of("none", n), F_OK, 0))
			failed("access found what is not there");
	return cost->files;
}

static unsigned int list(struct cost *cost)
{
	unsigned int found = 0;
	struct dirent64 *each;
	long got, at;

	if (lseek(cost->dir, 0, SEEK_SET))
		failed("lseek");
	while ((got = syscall(SYS_getdents64, cost->dir, cost->buf, sizeof(cost->buf))) > 0)
		for (at = 0; at < got; at += each->d_reclen, found++)
			each = (struct dirent64 *)(cost->buf + at);
	if (got < 0 || found < cost->files)
		failed("getdents64");
	return found;
}

static void forget_data(struct cost *cost)
{
	settle(cost);
	if (posix_fadvise(cost->data, 0, 0, POSIX_FADV_DONTNEED))
		failed("posix_fadvise");
}

/* By a page each, so that what a call costs is in it. */
static unsigned int read_pages(struct cost *cost)
{
	unsigned int n;

	for (n = 0; n < DATA_PAGES; n++)
		if (pread(cost->data, cost->buf, PAGE, (off_t)n * PAGE) != PAGE)
			failed("pread");
	return DATA_PAGES;
}

static void read_all(struct cost *cost)
{
	read_pages(cost);
}

static unsigned int read_in_large(struct cost *cost)
{
	off_t off;

	for (off = 0; off < (off_t)DATA_PAGES * PAGE; off += sizeof(cost->buf))
		if (pread(cost->data, cost->buf, sizeof(cost->buf), off) != sizeof(cost->buf))
			failed("pread");
	return DATA_PAGES;
}

static unsigned int write_to(struct cost *cost, int fd)
{
	unsigned int n;

	for (n = 0; n < DATA_PAGES; n++)
		if (pwrite(fd, cost->buf, PAGE, (off_t)n * PAGE) != PAGE)
			failed("pwrite");
	return DATA_PAGES;
}

static unsigned int overwrite(struct cost *cost)
{
	return write_to(cost, cost->data);
}

/* A file that grows: its blocks are found, too. */
static unsigned int append(struct cost *cost)
{
	int fd = openat(cost->dir, "appended", O_CREAT | O_EXCL | O_WRONLY, 0644);

	if (fd < 0)
		failed("appended");
	write_to(cost, fd);
	close(fd);
	return DATA_PAGES;
}

static void remove_appended(struct cost *cost)
{
	if (unlinkat(cost->dir, "appended", 0))
		failed("appended");
	settle(cost);
}

static unsigned int create(struct cost *cost)
{
	unsigned int n;
	int fd;

	for (n = 0; n < cost->files; n++) {
		fd = openat(cost->dir, name_of("more", n), O_CREAT | O_EXCL | O_WRONLY, 0644);
		if (fd < 0)
			failed("create");
		close(fd);
	}
	return cost->files;
}

static unsigned int rename_all(struct cost *cost)
{
	unsigned int n;
	char old[32];

	for (n = 0; n < cost->files; n++) {
		snprintf(old, sizeof(old), "%s", name_of("more", n));
		if (renameat(cost->dir, old, cost->dir, name_of("less", n)))
			failed("rename");
	}
	return cost->files;
}

static unsigned int unlink_named(struct cost *cost, const char *kind)
{
	unsigned int n;

	for (n = 0; n < cost->files; n++)
		if (unlinkat(cost->dir, name_of(kind, n), 0))
			failed("unlink");
	return cost->files;
}

static unsigned int unlink_all(struct cost *cost)
{
	return unlink_named(cost, "more");
}

static void make_more(struct cost *cost)
{
	create(cost);
	settle(cost);
}

static void remove_more(struct cost *cost)
{
	unlink_named(cost, "more");
	settle(cost);
}

static void remove_less(struct cost *cost)
{
	unlink_named(cost, "less");
	settle(cost);
}

static const struct operation operations[] = {
	{ "lookup", false, forget_names, lookup, NULL },
	{ "lookup_none", false, forget_names, lookup_none, NULL },
	{ "readdir", false, NULL, list, NULL },
	{ "read_cached", false, read_all, read_pages, NULL },
	{ "read_cold", false, forget_data, read_pages, NULL },
	{ "read_cold_64k", false, forget_data, read_in_large, NULL },
	{ "write_cached", true, read_all, overwrite, settle },
	{ "append", true, NULL, append, remove_appended },
	{ "create", true, NULL, create, remove_more },
	{ "rename", true, make_more, rename_all, remove_less },
	{ "unlink", true, make_more, unlink_all, settle },
};

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void measure(struct cost *cost, const struct operation *op)
{
	uint64_t took[MAX_TURNS];
	unsigned int turn, done = 1;

	for (turn = 0; turn < cost->turns; turn++) {
		uint64_t start;

		if (op->prepare)
			op->prepare(cost);
		start = now();
		done = op->run(cost);
		took[turn] = now() - start;
		if (op->clean)
			op->clean(cost);
	}
	qsort(took, cost->turns, sizeof(took[0]), by_size);
	printf("%s\t%u\t%.1f\t%.1f\n", op->name, done, (double)took[0] / done,
	       (double)took[cost->turns / 2] / done);
	fflush(stdout);
}

/* best_loop() - the time of @rounds, without the interrupts that fell into some turns. */
static uint64_t best_loop(unsigned int rounds)
{
	uint64_t best = UINT64_MAX;
	unsigned int turn;

	for (turn = 0; turn < LOOP_TURNS; turn++) {
		unsigned int left = rounds;
		uint64_t start = now(), took;

		do {
			asm volatile("" : "+r" (left));
		} while (--left);
		took = now() - start;
		if (took < best)
			best = took;
	}
	return best;
}

/*
 * Where instructions are counted, a round of a loop takes a whole number of nanoseconds,
 * two or more: no other clock has that to a thousandth.
 */
static bool counts_instructions(void)
{
	uint64_t more = best_loop(2 * LOOP_ROUNDS) - best_loop(LOOP_ROUNDS);
	uint64_t round = (more + LOOP_ROUNDS / 2) / LOOP_ROUNDS;
	int64_t off = more - round * LOOP_ROUNDS;

	return round >= 2 && round <= 8 && labs(off) <= LOOP_ROUNDS / 1000;
}

static void fill(struct cost *cost, const char *path)
{
	unsigned int n;
	int fd;

	if (mkdir(path, 0755))
		usage_error("%s: %m; name a directory that can be made", path);
	cost->dir = open(path, O_RDONLY | O_DIRECTORY);
	fd = openat(cost->dir, "data", O_CREAT | O_EXCL | O_RDWR, 0644);
	if (fd < 0)
		usage_error("%s/data: %m", path);
	/* It compresses, but not to nothing. */
	for (n = 0; n < sizeof(cost->buf); n++)
		cost->buf[n] = mix(n / 3) & 15;
	write_to(cost, fd);
	close(fd);
	for (n = 0; n < cost->files; n++) {
		fd = openat(cost->dir, name_of("file", n), O_CREAT | O_EXCL | O_WRONLY, 0644);
		if (fd < 0)
			usage_error("%s: %m", path);
		close(fd);
	}
	settle(cost);
	close(cost->dir);
}

static void measure_all(struct cost *cost, const char *path, bool check)
{
	unsigned int n;

	cost->dir = open(path, O_RDONLY | O_DIRECTORY);
	if (cost->dir < 0)
		usage_error("%s: %m; make it with --keep", path);
	cost->data = openat(cost->dir, "data", check ? O_RDONLY : O_RDWR);
	if (cost->data < 0)
		usage_error("%s/data: %m", path);
	drop_caches("4");
	printf("operation\ttimes\tbest\tmedian\n");
	for (n = 0; n < ARRAY_SIZE(operations); n++)
		if (!check || !operations[n].writes)
			measure(cost, &operations[n]);
	close(cost->data);
	if (!check && (unlink_named(cost, "file") != cost->files ||
		       unlinkat(cost->dir, "data", 0) || rmdir(path)))
		failed(path);
	close(cost->dir);
}

int main(int argc, char **argv)
{
	static const struct option names[] = {
		{ "files", 1, NULL, 'n' }, { "turns", 1, NULL, 't' }, { "keep", 0, NULL, 'k' },
		{ "check", 0, NULL, 'C' }, { "instructions", 0, NULL, 'i' },
		{ "help", 0, NULL, 'h' }, {}
	};
	static struct cost cost = { .files = 200, .turns = 9 };
	bool keep = false, check = false, must_count = false;
	int c;

	while ((c = getopt_long(argc, argv, "n:t:kCih", names, NULL)) != -1) {
		switch (c) {
		case 'n':
			cost.files = parse_range(optarg, 1, 99999);
			break;
		case 't':
			cost.turns = parse_range(optarg, 1, MAX_TURNS);
			break;
		case 'k':
			keep = true;
			break;
		case 'C':
			check = true;
			break;
		case 'i':
			must_count = true;
			break;
		case 'h':
			fputs(usage_text, stdout);
			return 0;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind + 1 != argc)
		usage_error("one DIR, not %d; fscost --help tells the options", argc - optind);
	if (must_count && !counts_instructions()) {
		printf("# the clock does not count instructions; use ACCEL=icount\n");
		return EXIT_SKIP;
	}
	if (!check)
		fill(&cost, argv[optind]);
	if (!keep)
		measure_all(&cost, argv[optind], check);
	return 0;
}
