// SPDX-License-Identifier: GPL-2.0
/* What the folio_* tests read in /proc: pagemap, kpagecount, kpageflags, smaps. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kernel-page-flags.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "folio_util.h"

#define PFN_MASK	((1ULL << 55) - 1)

/* A file of 64 bit words, that is kept open; pagemap is that of the process that opened it. */
struct words {
	const char *path;
	int fd;
	pid_t pid;
};

static uint64_t word_of(struct words *words, uint64_t index)
{
	uint64_t word;
	ssize_t got;

	if (words->pid != getpid()) {
		if (words->pid)
			close(words->fd);
		words->fd = open(words->path, O_RDONLY | O_CLOEXEC);
		words->pid = getpid();
	}
	got = pread(words->fd, &word, sizeof(word), (off_t)(index * sizeof(word)));
	if (!got)
		return 0;	/* behind the last frame: the folio before may be the last */
	if (got != sizeof(word))
		give_up("%s, word %llu: %s", words->path, (unsigned long long)index,
			strerror(errno));
	return word;
}

uint64_t pagemap_entry(const void *addr)
{
	static struct words words = { .path = "/proc/self/pagemap" };

	return word_of(&words, (uintptr_t)addr / sysconf(_SC_PAGESIZE));
}

/* 0: not mapped, or no right to know. */
uint64_t page_frame(const void *addr)
{
	uint64_t entry = pagemap_entry(addr);

	return entry & PAGEMAP_PRESENT ? entry & PFN_MASK : 0;
}

uint64_t frame_count(uint64_t pfn)
{
	static struct words words = { .path = "/proc/kpagecount" };

	return word_of(&words, pfn);
}

uint64_t frame_flags(uint64_t pfn)
{
	static struct words words = { .path = "/proc/kpageflags" };

	return word_of(&words, pfn);
}

static bool is_flag(uint64_t pfn, unsigned int bit)
{
	return frame_flags(pfn) >> bit & 1;
}

/* Of the folio that is mapped at @addr; -1: not known. */
int order_at(const void *addr)
{
	uint64_t pfn = page_frame(addr), head = pfn;
	unsigned int nr = 1;

	if (!pfn)
		return -1;
	while (is_flag(head, KPF_COMPOUND_TAIL))
		head--;
	if (!is_flag(head, KPF_COMPOUND_HEAD))
		return 0;
	while (is_flag(head + nr, KPF_COMPOUND_TAIL))
		nr++;
	return __builtin_ctz(nr);
}

/* Sums @field over the mappings of /proc/self/smaps that touch [from, to). */
static long smaps_between(uintptr_t from, uintptr_t to, const char *field)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	size_t length = strlen(field);
	unsigned long start, end;
	bool inside = false;
	char line[512];
	long sum = 0;

	if (!file)
		give_up("/proc/self/smaps: %s", strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = start < to && end > from;
		else if (inside && !strncmp(line, field, length) && line[length] == ':')
			sum += atol(line + length + 1);
	}
	fclose(file);
	return sum;
}

long smaps_kb(const void *from, size_t len, const char *field)
{
	return smaps_between((uintptr_t)from, (uintptr_t)from + len, field);
}

long smaps_sum_kb(const char *field)
{
	return smaps_between(0, UINTPTR_MAX, field);
}

/* -1: @path has no such line. The counters that CPUs keep for themselves are added first. */
long proc_kb(const char *path, const char *field)
{
	size_t length = strlen(field);
	char line[512];
	long found = -1;
	FILE *file;

	write_text("/proc/sys/vm/stat_refresh", "1");
	file = fopen(path, "re");
	if (!file)
		give_up("%s: %s", path, strerror(errno));
	while (found < 0 && fgets(line, sizeof(line), file))
		if (!strncmp(line, field, length) && line[length] == ':')
			found = atol(line + length + 1);
	fclose(file);
	return found;
}

bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done;

	if (fd < 0)
		return false;
	done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	return !close(fd) && done;
}

/*
 * With CONFIG_NO_PAGE_MAPCOUNT the kernel knows how often a folio is mapped but not each of
 * its pages: a page that nobody maps has the average of its folio, which is at least 1.
 */
bool no_page_mapcount(void)
{
	static const struct shape shapes[] = {
		{ BACKING_ANON, 2, false },
		{ BACKING_ANON, 4, false },
		{ BACKING_ANON, ORDER_PMD, false },
	};
	struct region r;
	uint64_t pfn;
	bool without;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(shapes); i++)
		if (!region_make(&r, &shapes[i], 1))
			break;
	if (i == ARRAY_SIZE(shapes))
		return false;	/* no large folio, no difference */
	pfn = page_frame(page_at(&r, 1));
	if (munmap(page_at(&r, 1), r.page))
		give_up("munmap: %s", strerror(errno));
	without = frame_count(pfn);
	region_free(&r);
	return without;
}
