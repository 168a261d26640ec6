// SPDX-License-Identifier: GPL-2.0
/*
 * hugefs: faults, reads, holes and truncates of several processes at once.
 *
 * Which pages are there at any time cannot be known. But each word that is ever written
 * is that of its place, so that a word is this or zero, and at the end, when the file is
 * gone, all pages must be back.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hugefs.h"

#define STRIDE		4096	/* a word in each small page */

static uint64_t word_at(const struct huge *huge, size_t off)
{
	return (huge->seed << 40) + off + 1;
}

static void check_word(const struct huge *huge, uint64_t is, size_t off, const char *how)
{
	if (is && is != word_at(huge, off))
		huge_wrong(huge, "%s: the word at %#zx is %#jx instead of 0 or %#jx", how, off,
			   (uintmax_t)is, (uintmax_t)word_at(huge, off));
}

/* All through one mapping; what has been cut is left for the next time. */
static void touch(struct huge *huge)
{
	size_t size = MAX_PAGES * huge->page;
	bool private = !huge_random(huge, 3);
	static size_t off;
	unsigned char *map;

	map = mmap(NULL, size, PROT_READ | PROT_WRITE,
		   private ? MAP_PRIVATE | MAP_NORESERVE : MAP_SHARED, huge->fd, 0);
	if (map == MAP_FAILED)
		huge_wrong(huge, "mmap: %m");
	huge_bus_due = true;
	if (!sigsetjmp(huge_bus, 1)) {
		for (off = huge_random(huge, huge->page) / 8 * 8; off < size; off += STRIDE) {
			uint64_t *word = (uint64_t *)(map + off);

			check_word(huge, __atomic_load_n(word, __ATOMIC_RELAXED), off,
				   private ? "private mapping" : "mapping");
			if (off & STRIDE)
				__atomic_store_n(word, word_at(huge, off), __ATOMIC_RELAXED);
		}
	}
	huge_bus_due = false;
	munmap(map, size);
}

static void read_words(struct huge *huge)
{
	size_t size = MAX_PAGES * huge->page, off;
	ssize_t got = pread(huge->fd, huge->buf, size, 0);

	if (got < 0)
		huge_wrong(huge, "read: %m");
	for (off = 0; off + 8 <= (size_t)got; off += 8) {
		uint64_t word;

		memcpy(&word, huge->buf + off, sizeof(word));
		check_word(huge, word, off, "read");
	}
}

static void make_holes(struct huge *huge)
{
	size_t first = huge_random(huge, MAX_PAGES), off = first * huge->page;
	size_t len = (1 + huge_random(huge, MAX_PAGES - first)) * huge->page;

	if (fallocate(huge->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len))
		huge_wrong(huge, "punch: %m");
	/* Those that map the file may have taken all that is free. */
	if (fallocate(huge->fd, FALLOC_FL_KEEP_SIZE, off, len) && errno != ENOSPC)
		huge_wrong(huge, "fallocate: %m");
}

static void resize(struct huge *huge)
{
	usleep(huge_random(huge, 20000));
	if (ftruncate(huge->fd, huge_random(huge, MAX_PAGES) * huge->page) ||
	    ftruncate(huge->fd, MAX_PAGES * huge->page))
		huge_wrong(huge, "ftruncate: %m");
}

void run_race(struct huge *huge)
{
	static const struct {
		const char *name;
		void (*run)(struct huge *huge);
	} roles[] = {
		{ "touch", touch }, { "touch", touch }, { "read", read_words },
		{ "punch", make_holes }, { "truncate", resize },
	};
	int status, worst = 0;
	unsigned int n;

	if (ftruncate(huge->fd, MAX_PAGES * huge->page))
		huge_wrong(huge, "ftruncate: %m");
	fflush(stdout);
	for (n = 0; n < ARRAY_SIZE(roles); n++) {
		time_t end = time(NULL) + huge->race;
		pid_t pid = fork();

		if (pid < 0)
			usage_error("fork: %m");
		if (pid)
			continue;
		huge->random += n << 20;
		huge->doing = roles[n].name;
		for (huge->number = 1; time(NULL) < end; huge->number++)
			roles[n].run(huge);
		printf("# %s: %ju times\n", roles[n].name, (uintmax_t)huge->number - 1);
		fflush(stdout);
		_exit(0);
	}
	huge->doing = "race";
	while (wait(&status) > 0)
		worst = status ? status : worst;
	if (WIFSIGNALED(worst))
		huge_wrong(huge, "a process died of signal %d", WTERMSIG(worst));
	if (worst)
		_exit(WEXITSTATUS(worst));
	if (ftruncate(huge->fd, 0))
		huge_wrong(huge, "ftruncate: %m");
}
