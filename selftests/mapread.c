// SPDX-License-Identifier: GPL-2.0
/*
 * mapread: reads a file by direct I/O into a shared mapping of another one, which is synced
 * meanwhile. What was read must be in the other one when it comes from the disk again.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "load.h"

static const char usage_text[] =
"usage: mapread [option...] SOURCE TARGET\n"
"\n"
"Makes both files and reads SOURCE into TARGET, again and again, while a process syncs\n"
"TARGET without pause. TARGET is evicted and compared after each round.\n"
"\n"
"  -r, --rounds N     (default 5)\n"
"  -l, --length BYTES of both files (default 4M)\n"
"  -c, --chunk BYTES  TARGET is made by writes of so much (default 1M): one of a page\n"
"                     gets small folios\n"
"\n"
"Exit codes: 0 all agreed, 1 a byte was wrong or nothing was synced, 2 usage or set-up.\n";

#define CHUNK	(1UL << 20)	/* of a direct read */

static struct options {
	uint64_t rounds;
	uint64_t length;
	uint64_t chunk;
} opt = { .rounds = 5, .length = 4 << 20, .chunk = CHUNK };

/* What both processes look at. */
static struct shared {
	unsigned long syncs;
	bool ended;
} *shared;

static size_t page;

static void *map_or_end(int fd, size_t len, int flags)
{
	void *map = mmap(NULL, len, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (map == MAP_FAILED)
		finish(EXIT_USAGE, "no mapping of %zu bytes: %s", len, strerror(errno));
	return map;
}

static int open_or_end(const char *path, int flags)
{
	int fd = open(path, flags, 0600);

	if (fd < 0)
		finish(EXIT_USAGE, "%s: %s", path, strerror(errno));
	return fd;
}

/* write_file() - with bytes that name their place, or zeroes, so that they are on the disk. */
static void write_file(int fd, const void *bytes, size_t chunk)
{
	size_t at, step;

	for (at = 0; at < opt.length; at += step) {
		step = chunk < opt.length - at ? chunk : opt.length - at;
		if (pwrite(fd, (const char *)bytes + at, step, at) != (ssize_t)step)
			finish(EXIT_USAGE, "write at %zu: %s", at, strerror(errno));
	}
	if (fsync(fd))
		finish(EXIT_USAGE, "fsync: %s", strerror(errno));
}

static pid_t sync_meanwhile(int fd)
{
	pid_t child = start_child();

	if (child)
		return child;
	while (!__atomic_load_n(&shared->ended, __ATOMIC_ACQUIRE)) {
		if (fsync(fd))
			_exit(EXIT_WRONG);
		__atomic_add_fetch(&shared->syncs, 1, __ATOMIC_RELAXED);
	}
	_exit(EXIT_AGREED);
}

static void read_into(int source, unsigned char *map)
{
	size_t at;
	ssize_t got;

	for (at = 0; at < opt.length; at += got) {
		got = pread(source, map + at, CHUNK, at);
		if (got <= 0)
			finish(EXIT_WRONG, "direct read at %zu: %zd, %s", at, got,
			       got ? strerror(errno) : "the end");
	}
}

/* count_lost() - pages of @target that do not have on the disk what was read into them. */
static unsigned long count_lost(int target, const unsigned char *bytes)
{
	unsigned char *buf = malloc(page);
	unsigned long lost = 0;
	size_t at;

	if (!buf || fsync(target) || posix_fadvise(target, 0, 0, POSIX_FADV_DONTNEED))
		finish(EXIT_USAGE, "cannot evict what was read");
	for (at = 0; at < opt.length; at += page) {
		if (pread(target, buf, page, at) != (ssize_t)page)
			finish(EXIT_WRONG, "read at %zu: %s", at, strerror(errno));
		lost += !!memcmp(buf, bytes + at, page);
	}
	free(buf);
	return lost;
}

static unsigned long read_round(int source, const char *path, const unsigned char *bytes,
				const void *zeroes)
{
	int target = open_or_end(path, O_RDWR | O_CREAT | O_TRUNC), status;
	uint64_t synced = shared->syncs;
	unsigned char *map;
	unsigned long lost;
	pid_t child, ended;

	write_file(target, zeroes, opt.chunk);
	map = map_or_end(target, opt.length, MAP_SHARED);
	shared->ended = false;
	child = sync_meanwhile(target);
	/* A round in which the other process had no turn would show nothing. */
	do {
		read_into(source, map);
		ended = waitpid(child, &status, WNOHANG);
	} while (!ended && __atomic_load_n(&shared->syncs, __ATOMIC_RELAXED) == synced);
	__atomic_store_n(&shared->ended, true, __ATOMIC_RELEASE);
	if (!ended)
		ended = waitpid(child, &status, 0);
	if (ended != child || status)
		finish(EXIT_WRONG, "fsync failed, or its process");
	if (memcmp(map, bytes, opt.length))
		finish(EXIT_WRONG, "the mapping has not what was read");
	munmap(map, opt.length);
	lost = count_lost(target, bytes);
	close(target);
	return lost;
}

static void parse_options(int argc, char **argv)
{
	static const char letters[] = "rlc";
	static const struct option names[] = {
		{ "rounds", 1, NULL, 'r' }, { "length", 1, NULL, 'l' },
		{ "chunk", 1, NULL, 'c' }, { "help", 0, NULL, 'h' }, {}
	};
	uint64_t * const numbers[] = { &opt.rounds, &opt.length, &opt.chunk };
	int c;

	while ((c = getopt_long(argc, argv, "r:l:c:h", names, NULL)) != -1) {
		const char *number = strchr(letters, c);

		if (!number || c == '?') {
			fputs(usage_text, c == 'h' ? stdout : stderr);
			exit(c == 'h' ? EXIT_AGREED : EXIT_USAGE);
		}
		*numbers[number - letters] = parse_number(optarg, "a value:");
	}
	opt.length -= opt.length % CHUNK;
	if (argc - optind != 2 || !opt.length || !opt.chunk) {
		fputs(usage_text, stderr);
		exit(EXIT_USAGE);
	}
}

int main(int argc, char **argv)
{
	unsigned long lost = 0, round;
	unsigned char *bytes;
	void *zeroes;
	int source;
	size_t at;

	parse_options(argc, argv);
	page = sysconf(_SC_PAGESIZE);
	shared = map_or_end(-1, sizeof(*shared), MAP_SHARED | MAP_ANONYMOUS);
	bytes = map_or_end(-1, opt.length, MAP_PRIVATE | MAP_ANONYMOUS);
	zeroes = map_or_end(-1, opt.length, MAP_PRIVATE | MAP_ANONYMOUS);
	for (at = 0; at < opt.length; at += sizeof(uint64_t)) {
		uint64_t word = stamp(1, at);

		memcpy(bytes + at, &word, sizeof(word));
	}
	source = open_or_end(argv[optind], O_RDWR | O_CREAT | O_TRUNC);
	write_file(source, bytes, CHUNK);
	close(source);
	source = open_or_end(argv[optind], O_RDONLY | O_DIRECT);
	for (round = 0; round < opt.rounds; round++)
		lost += read_round(source, argv[optind + 1], bytes, zeroes);
	printf("%lu of %ju pages that were read are not on the disk; %lu syncs meanwhile\n", lost,
	       opt.rounds * opt.length / page, shared->syncs);
	return lost ? EXIT_WRONG : EXIT_AGREED;
}
