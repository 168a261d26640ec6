// SPDX-License-Identifier: GPL-2.0
/*
 * mapload: processes that write a file by mapping it, or anonymous memory, in rounds;
 * after each round every byte of it is compared. Meanwhile the file is truncated and
 * grown again, holes are punched, and memory is paged out, collapsed or dropped.
 */
#include <fcntl.h>
#include <getopt.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

static const char usage_text[] =
"usage: mapload [option...] [FILE]\n"
"\n"
"Writers fill FILE by mapping it, again and again with other bytes, and compare it\n"
"after each round by mapping, by read, and from the disk.\n"
"\n"
"  -s, --seed N        of what is random (default 1)\n"
"  -r, --rounds N      (default 10)\n"
"  -l, --length BYTES  of the file, or of the memory of each writer (default 8M)\n"
"  -w, --writers N     processes (default 2)\n"
"  -t, --truncate      the upper half is truncated, punched and grown meanwhile\n"
"  -A, --anonymous     no file: private memory of each writer, which a child shares\n"
"  -H, --holes         the same, in single pages of which every other one is dropped\n"
"                      for a while: memory for compaction to do something with\n"
"\n"
"Exit codes: 0 all agreed, 1 a byte was wrong, 2 usage or set-up.\n";

static struct options {
	const char *path;
	uint64_t seed;
	uint64_t rounds;
	uint64_t length;
	uint64_t writers;
	bool truncate;
	bool anonymous;
	bool holes;
} opt = { .path = "mapload.file", .seed = 1, .rounds = 10, .length = 8 << 20, .writers = 2 };

/* What all processes count together. */
static struct shared {
	unsigned long busy;		/* writers that have not finished their round */
	unsigned long past_end;		/* pages that a writer found to be cut off */
	unsigned long cuts;
	unsigned long advices;
} *shared;

static size_t page;
static sigjmp_buf bus_return;

static void on_bus(int sig)
{
	(void)sig;
	siglongjmp(bus_return, 1);
}

static void add(unsigned long *counter, long by)
{
	__atomic_add_fetch(counter, by, __ATOMIC_RELAXED);
}

/*
 * wrong_byte() - the first byte that is not of this round, or @len. Where @may_be_zero
 * it may have been cut off after it was written.
 */
static size_t wrong_byte(const unsigned char *buf, size_t off, size_t len, uint64_t round,
			 bool may_be_zero)
{
	size_t at, n;

	for (at = 0; at < len; at += sizeof(uint64_t)) {
		uint64_t want = stamp(round, off + at);

		if (!memcmp(buf + at, &want, sizeof(want)))
			continue;
		for (n = 0; n < sizeof(want); n++)
			if (buf[at + n] != (unsigned char)(want >> 8 * n) &&
			    (buf[at + n] || !may_be_zero))
				return at + n;
	}
	return len;
}

static void complain(const unsigned char *buf, size_t off, size_t at, uint64_t round,
		     const char *how)
{
	uint64_t old, word, place = (off + at) & ~7ULL;

	memcpy(&word, buf + (at & ~7ULL), sizeof(word));
	printf("# WRONG DATA in round %ju (%s) at %#zx: word %#018jx instead of %#018jx\n", round,
	       how, off + at, word, stamp(round, place));
	for (old = 1; old < round; old++)
		if (word == stamp(old, place))
			printf("# it is that of round %ju\n", old);
	printf("# repeat: mapload --seed %ju --rounds %ju --length %ju --writers %ju%s%s\n",
	       opt.seed, opt.rounds, opt.length, opt.writers, opt.truncate ? " --truncate" : "",
	       opt.anonymous ? " --anonymous" : "");
	fflush(stdout);
	_exit(EXIT_WRONG);
}

/* The lower half of a file is never cut off: there nothing may be missing. */
static void compare(const unsigned char *buf, size_t off, size_t len, uint64_t round,
		    const char *how)
{
	size_t half = opt.truncate && !opt.anonymous ? opt.length / 2 : opt.length;
	size_t at, low = off < half ? half - off : 0;

	if (low > len)
		low = len;
	at = wrong_byte(buf, off, low, round, false);
	if (at == low)
		at += wrong_byte(buf + low, off + low, len - low, round, true);
	if (at < len)
		complain(buf, off, at, round, how);
}

static void advise(unsigned char *map, uint64_t *random)
{
	static const int advices[] = { MADV_PAGEOUT, MADV_COLLAPSE, MADV_COLD };
	size_t off = below(random, opt.length / page) * page;
	size_t len = (1 + below(random, 512)) * page;

	if (off + len > opt.length)
		len = opt.length - off;
	/* That one is refused is no matter: what the bytes are is what is tested. */
	if (!madvise(map + off, len, advices[below(random, ARRAY_SIZE(advices))]))
		add(&shared->advices, 1);
}

/* Not inlined: siglongjmp() may spoil what its caller holds in registers. */
static __attribute__((noinline)) void fill_page(unsigned char *map, size_t off, uint64_t round)
{
	size_t at;

	for (at = off; at < off + page; at += sizeof(uint64_t)) {
		uint64_t word = stamp(round, at);

		memcpy(map + at, &word, sizeof(word));
	}
}

/* Returns false when the page was past the end of the file. */
static bool write_page(unsigned char *map, size_t off, uint64_t round)
{
	if (sigsetjmp(bus_return, 1))
		return false;
	fill_page(map, off, round);
	return true;
}

/* The pages of this writer, from a random one on: all writers are everywhere at once. */
static void write_round(unsigned char *map, uint64_t writer, uint64_t round, uint64_t *random)
{
	size_t pages = opt.length / page, step = opt.anonymous ? 1 : opt.writers;
	size_t own = (pages - writer + step - 1) / step, start = below(random, own), n;

	for (n = 0; n < own; n++) {
		size_t at = writer + (start + n) % own * step;

		if (!write_page(map, at * page, round))
			add(&shared->past_end, 1);
		if (below(random, 256) == 0)
			advise(map, random);
	}
}

/* A child that shares the memory sees it whole, whatever its parent writes then. */
static pid_t fork_reader(const unsigned char *map, uint64_t round)
{
	pid_t child = start_child();

	if (child)
		return child;
	compare(map, 0, opt.length, round, "child");
	_exit(EXIT_AGREED);
}

/* reap() - ends as a child did, unless all was well. */
static void reap(pid_t child)
{
	int status;

	if (!child)
		return;
	if (waitpid(child, &status, 0) < 0)
		finish(EXIT_USAGE, "a process was lost: %s", strerror(errno));
	if (WIFSIGNALED(status))
		finish(EXIT_WRONG, "a process ended by signal %d", WTERMSIG(status));
	if (status)
		exit(WEXITSTATUS(status));
}

static void drop_part(unsigned char *map, uint64_t *random)
{
	size_t off = below(random, opt.length / page) * page, at;
	size_t len = (1 + below(random, (opt.length - off) / page)) * page;

	if (madvise(map + off, len, MADV_DONTNEED))
		return;
	for (at = off; at < off + len; at++)
		if (map[at])
			finish(EXIT_WRONG, "WRONG DATA at %#zx: 0x%02x after MADV_DONTNEED", at,
			       map[at]);
}

static void make_holes(unsigned char *map, uint64_t round)
{
	static const unsigned char zeros[1 << 16];
	size_t at;

	for (at = page; at < opt.length; at += 2 * page)
		madvise(map + at, page, MADV_DONTNEED);
	usleep(200000);
	for (at = 0; at < opt.length; at += 2 * page) {
		compare(map + at, at, page, round, "between holes");
		if (memcmp(map + at + page, zeros, page))
			finish(EXIT_WRONG, "WRONG DATA in the hole at %#zx", at + page);
	}
}

static void __noreturn write_anonymous(uint64_t writer)
{
	uint64_t random = opt.seed * 31 + writer, round;
	unsigned char *map = mmap(NULL, opt.length, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t child = 0;

	if (map == MAP_FAILED)
		finish(EXIT_USAGE, "no %ju bytes of memory: %s", opt.length, strerror(errno));
	madvise(map, opt.length, opt.holes ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
	for (round = 1; round <= opt.rounds; round++) {
		if (round % 5 == 0)
			drop_part(map, &random);
		write_round(map, 0, round, &random);
		reap(child);
		compare(map, 0, opt.length, round, "parent");
		if (opt.holes) {
			make_holes(map, round);
			continue;
		}
		child = fork_reader(map, round);
	}
	reap(child);
	exit(EXIT_AGREED);
}

static void __noreturn write_file(int fd, uint64_t writer, uint64_t round)
{
	uint64_t random = opt.seed * 31 + round * opt.writers + writer;
	unsigned char *map = mmap(NULL, opt.length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		finish(EXIT_USAGE, "%s: mmap: %s", opt.path, strerror(errno));
	signal(SIGBUS, on_bus);
	write_round(map, writer, round, &random);
	add(&shared->busy, -1);
	exit(EXIT_AGREED);
}

/* The file is always as long again when the writers have ended. */
static void cut(int fd, uint64_t *random)
{
	off_t half = opt.length / 2, at = half + below(random, half);

	switch (below(random, 3)) {
	case 0:
		fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at,
			  1 + below(random, 65536));
		break;
	default:
		if (ftruncate(fd, at) || ftruncate(fd, opt.length))
			finish(EXIT_WRONG, "%s: truncate: %s", opt.path, strerror(errno));
	}
	add(&shared->cuts, 1);
}

static void read_whole(int fd, uint64_t round, const char *how)
{
	static unsigned char buf[1 << 20];
	size_t off = 0;

	while (off < opt.length) {
		ssize_t got = pread(fd, buf, sizeof(buf), off);

		if (got <= 0 || got % sizeof(uint64_t))
			finish(EXIT_WRONG, "%s: read at %#zx: %zd, %s", opt.path, off, got,
			       got < 0 ? strerror(errno) : "wrong count");
		compare(buf, off, got, round, how);
		off += got;
	}
}

static void check_file(int fd, const unsigned char *map, uint64_t round)
{
	compare(map, 0, opt.length, round, "mapping");
	read_whole(fd, round, "read");
	if (round % 3)
		return;
	if (fsync(fd))
		finish(EXIT_WRONG, "%s: fsync: %s", opt.path, strerror(errno));
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	read_whole(fd, round, "read after fsync");
}

static void load_file(void)
{
	int fd = open(opt.path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	uint64_t random = opt.seed, round, writer;
	unsigned char *map;

	if (fd < 0 || ftruncate(fd, opt.length))
		finish(EXIT_USAGE, "%s: %s; name a file in the filesystem to try", opt.path,
		       strerror(errno));
	map = mmap(NULL, opt.length, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		finish(EXIT_USAGE, "%s: mmap: %s", opt.path, strerror(errno));
	for (round = 1; round <= opt.rounds; round++) {
		shared->busy = opt.writers;
		/* What is left of the last round must not pass for this one. */
		if (opt.truncate && (ftruncate(fd, opt.length / 2) || ftruncate(fd, opt.length)))
			finish(EXIT_WRONG, "%s: truncate: %s", opt.path, strerror(errno));
		for (writer = 0; writer < opt.writers; writer++)
			if (!start_child())
				write_file(fd, writer, round);
		while (opt.truncate && __atomic_load_n(&shared->busy, __ATOMIC_RELAXED))
			cut(fd, &random);
		for (writer = 0; writer < opt.writers; writer++)
			reap(-1);
		check_file(fd, map, round);
	}
	unlink(opt.path);
}

static void load_memory(void)
{
	uint64_t writer;

	for (writer = 0; writer < opt.writers; writer++)
		if (!start_child())
			write_anonymous(writer);
	for (writer = 0; writer < opt.writers; writer++)
		reap(-1);
}

static void parse_options(int argc, char **argv)
{
	static const char letters[] = "srlw";
	static const struct option names[] = {
		{ "seed", 1, NULL, 's' }, { "rounds", 1, NULL, 'r' },
		{ "length", 1, NULL, 'l' }, { "writers", 1, NULL, 'w' },
		{ "truncate", 0, NULL, 't' }, { "anonymous", 0, NULL, 'A' },
		{ "holes", 0, NULL, 'H' }, { "help", 0, NULL, 'h' }, {}
	};
	uint64_t * const numbers[] = { &opt.seed, &opt.rounds, &opt.length, &opt.writers };
	int c;

	while ((c = getopt_long(argc, argv, "s:r:l:w:tAHh", names, NULL)) != -1) {
		const char *number = strchr(letters, c);

		if (c == 'h' || c == '?') {
			fputs(usage_text, c == 'h' ? stdout : stderr);
			exit(c == 'h' ? EXIT_AGREED : EXIT_USAGE);
		}
		if (number)
			*numbers[number - letters] = parse_number(optarg, "a value:");
		opt.truncate |= c == 't';
		opt.holes |= c == 'H';
		opt.anonymous |= c == 'A' || c == 'H';
	}
	if (optind < argc)
		opt.path = argv[optind];
}

int main(int argc, char **argv)
{
	parse_options(argc, argv);
	page = sysconf(_SC_PAGESIZE);
	opt.length -= opt.length % (2 * page);
	if (!opt.writers || opt.length / page < 2 * opt.writers)
		finish(EXIT_USAGE, "--length %ju is less than two pages for each writer",
		       opt.length);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED)
		finish(EXIT_USAGE, "no memory: %s", strerror(errno));
	if (opt.anonymous)
		load_memory();
	else
		load_file();
	/* A load that nothing disturbed is another one than was asked for. */
	if (opt.truncate && !opt.anonymous && (!shared->cuts || !shared->past_end))
		finish(EXIT_WRONG, "no writer met the end in %lu truncates; more --rounds",
		       shared->cuts);
	printf("# seed %ju, %ju rounds: %lu truncates, %lu pages past the end, %lu advices\n",
	       opt.seed, opt.rounds, shared->cuts, shared->past_end, shared->advices);
	return EXIT_AGREED;
}
