// SPDX-License-Identifier: GPL-2.0
/* poison: signals, page frames, and the files in debugfs. */
#include <fcntl.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/kernel-page-flags.h>

#include "load.h"
#include "poison.h"

#define DEBUGFS	"/sys/kernel/debug/hwpoison/"
#define SPLIT	"/sys/kernel/debug/split_huge_pages"

static sigjmp_buf bus_return;
static volatile sig_atomic_t armed;
static volatile sig_atomic_t last_code;
static void *last_addr;
static size_t page;

void stamp_range(unsigned char *buf, size_t off, size_t len, uint64_t generation)
{
	size_t at;

	for (at = 0; at < len; at += sizeof(uint64_t)) {
		uint64_t word = stamp(generation, off + at);

		memcpy(buf + at, &word, sizeof(word));
	}
}

void expect_range(const unsigned char *buf, size_t off, size_t len, uint64_t generation,
		  const char *what)
{
	size_t at;

	for (at = 0; at < len; at += sizeof(uint64_t)) {
		uint64_t word = stamp(generation, off + at);

		if (memcmp(buf + at, &word, sizeof(word)))
			finish(EXIT_WRONG, "%s: WRONG DATA at %#zx: 0x%02x instead of 0x%02x", what,
			       off + at, buf[at], (unsigned char)word);
	}
}

void expect(bool good, const char *what)
{
	if (!good)
		finish(EXIT_WRONG, "not so: %s", what);
}

static void on_bus(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	last_code = info->si_code;
	last_addr = info->si_addr;
	if (armed)
		siglongjmp(bus_return, 1);
	/* Told at once: whatever runs goes on. */
	if (info->si_code != BUS_MCEERR_AO)
		_exit(EXIT_WRONG);
}

void poison_init(void)
{
	struct sigaction action = { .sa_sigaction = on_bus, .sa_flags = SA_SIGINFO };

	page = sysconf(_SC_PAGESIZE);
	sigaction(SIGBUS, &action, NULL);
	if (access("/proc/kpageflags", R_OK))
		finish(EXIT_SKIP, "/proc/kpageflags: %s", strerror(errno));
	if (access(DEBUGFS "unpoison-pfn", W_OK))
		finish(EXIT_SKIP, DEBUGFS "unpoison-pfn: %s; CONFIG_HWPOISON_INJECT",
		       strerror(errno));
}

struct outcome advise(unsigned char *at, int advice)
{
	static struct outcome out;

	memset(&out, 0, sizeof(out));
	last_code = 0;
	armed = 1;
	if (!sigsetjmp(bus_return, 1) && madvise(at, page, advice))
		out.err = errno;
	armed = 0;
	out.code = last_code;
	out.addr = last_addr;
	return out;
}

struct outcome poison(unsigned char *at)
{
	return advise(at, MADV_HWPOISON);
}

int read_byte(const unsigned char *at, unsigned char *byte)
{
	last_code = 0;
	armed = 1;
	if (!sigsetjmp(bus_return, 1))
		*byte = *(const volatile unsigned char *)at;
	armed = 0;
	return last_code;
}

int wait_for_byte(int ready, int go)
{
	char byte;

	last_code = 0;
	if (write(ready, "", 1) != 1)
		_exit(EXIT_USAGE);
	while (read(go, &byte, 1) != 1)
		if (errno != EINTR)
			_exit(EXIT_USAGE);
	return last_code;
}

static uint64_t read_word(const char *path, uint64_t index)
{
	int file = open(path, O_RDONLY);
	uint64_t word = 0;

	if (file < 0 || pread(file, &word, sizeof(word), index * sizeof(word)) != sizeof(word))
		finish(EXIT_USAGE, "%s: %s; are you root?", path, strerror(errno));
	close(file);
	return word;
}

/* 0 when no page is mapped there. */
uint64_t pfn_of(const unsigned char *at)
{
	uint64_t entry = read_word("/proc/self/pagemap", (uintptr_t)at / page);

	return entry & 1ULL << 63 ? entry & ((1ULL << 55) - 1) : 0;
}

static uint64_t flags_of(uint64_t pfn)
{
	return pfn ? read_word("/proc/kpageflags", pfn) : 0;
}

bool is_tail(const unsigned char *at)
{
	return flags_of(pfn_of(at)) & 1ULL << KPF_COMPOUND_TAIL;
}

bool is_large(const unsigned char *at)
{
	return flags_of(pfn_of(at)) & (1ULL << KPF_COMPOUND_TAIL | 1ULL << KPF_COMPOUND_HEAD);
}

bool is_poisoned(uint64_t pfn)
{
	return flags_of(pfn) & 1ULL << KPF_HWPOISON;
}

bool is_used(uint64_t pfn)
{
	const uint64_t used = 1ULL << KPF_LRU | 1ULL << KPF_SLAB | 1ULL << KPF_ANON |
			      1ULL << KPF_MMAP | 1ULL << KPF_BUDDY |
			      1ULL << KPF_COMPOUND_HEAD | 1ULL << KPF_COMPOUND_TAIL;

	return flags_of(pfn) & used;
}

static bool write_pfn(const char *path, uint64_t pfn)
{
	char text[32];
	int file = open(path, O_WRONLY), len = snprintf(text, sizeof(text), "%#jx", pfn);
	bool good = file >= 0 && write(file, text, len) == len;

	close(file);
	return good;
}

void split_file(const char *path, size_t pages)
{
	int file = open(SPLIT, O_WRONLY);

	if (file < 0 || dprintf(file, "%s,0x0,0x%zx,0", path, pages) < 0)
		finish(EXIT_SKIP, SPLIT ": %s", strerror(errno));
	close(file);
}

bool corrupt(uint64_t pfn)
{
	return write_pfn(DEBUGFS "corrupt-pfn", pfn);
}

/* What still holds a page lets it go in a moment: a batch of pages to be freed, mostly. */
void unpoison(uint64_t pfn)
{
	int tries = 50;

	while (is_poisoned(pfn) && tries--) {
		if (write_pfn(DEBUGFS "unpoison-pfn", pfn))
			return;
		usleep(20000);
	}
	if (is_poisoned(pfn))
		finish(EXIT_WRONG, "the page %#jx cannot be unpoisoned", pfn);
}

void unpoison_all(void)
{
	int file = open("/proc/kpageflags", O_RDONLY);
	static uint64_t flags[1 << 15];
	uint64_t pfn = 0, n;
	ssize_t got;

	while ((got = pread(file, flags, sizeof(flags), pfn * sizeof(*flags))) > 0) {
		for (n = 0; n < got / sizeof(*flags); n++)
			if (flags[n] & 1ULL << KPF_HWPOISON)
				unpoison(pfn + n);
		pfn += n;
	}
	close(file);
}
