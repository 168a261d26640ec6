// SPDX-License-Identifier: GPL-2.0
/* hugefs: the operations on the file and its mappings. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hugefs.h"

/* struct range - some bytes of the file, and the whole pages that hold them. */
struct range {
	size_t off, len;
	size_t first, pages;
};

static void say(const struct huge *huge, const struct range *range)
{
	if (huge->verbose)
		printf("# %8ju %-14s %#zx to %#zx of %#zx\n", (uintmax_t)huge->number, huge->doing,
		       range->off, range->off + range->len, huge->size);
}

/* A range before @end; half of them end where pages or small pages do. */
static struct range pick_range(struct huge *huge, size_t end)
{
	static const size_t units[] = { 1, 1, 4096, 0 };
	size_t unit = units[huge_random(huge, ARRAY_SIZE(units))];
	struct range range;

	unit = unit ? unit : huge->page;
	range.off = huge_random(huge, end / unit) * unit;
	range.len = 1 + huge_random(huge, huge_random(huge, 2) ? 9000 : 3 * huge->page);
	range.len = (range.len + unit - 1) / unit * unit;
	if (range.len > end - range.off)
		range.len = end - range.off;
	range.first = range.off / huge->page;
	range.pages = (range.off + range.len - 1) / huge->page - range.first + 1;
	say(huge, &range);
	return range;
}

static void compare(const struct huge *huge, const unsigned char *is, size_t off, size_t len)
{
	size_t at;

	if (!memcmp(is, huge->model + off, len))
		return;
	for (at = 0; is[at] == huge->model[off + at]; at++)
		;
	huge_wrong(huge, "byte %#zx of %#zx is %#x instead of %#x", off + at, huge->size, is[at],
		   huge->model[off + at]);
}

/* map_range() - the whole pages of it; returns where the range itself is. */
static unsigned char *map_range(const struct huge *huge, const struct range *range, int flags)
{
	void *map = mmap(NULL, range->pages * huge->page, PROT_READ | PROT_WRITE, flags, huge->fd,
			 range->first * huge->page);

	if (map == MAP_FAILED)
		huge_wrong(huge, "mmap of %zu pages at %zu: %m", range->pages, range->first);
	return (unsigned char *)map + range->off % huge->page;
}

static void unmap_range(const struct huge *huge, const struct range *range, unsigned char *at)
{
	if (munmap(at - range->off % huge->page, range->pages * huge->page))
		huge_wrong(huge, "munmap: %m");
}

/* Whatever touches a shared mapping makes the pages, a read, too. */
static void now_present(struct huge *huge, const struct range *range)
{
	memset(huge->present + range->first, true, range->pages);
}

static void do_read(struct huge *huge)
{
	struct range range = pick_range(huge, MAX_PAGES * huge->page);
	size_t due = range.off >= huge->size ? 0 : huge->size - range.off;
	ssize_t got = pread(huge->fd, huge->buf, range.len, range.off);

	due = due < range.len ? due : range.len;
	if (got != (ssize_t)due)
		huge_wrong(huge, "read of %#zx at %#zx of %#zx gave %zd: %m", range.len, range.off,
			   huge->size, got);
	compare(huge, huge->buf, range.off, due);
}

static void do_map_read(struct huge *huge)
{
	struct range range = pick_range(huge, huge->size);
	unsigned char *map = map_range(huge, &range, MAP_SHARED);

	compare(huge, map, range.off, range.len);
	now_present(huge, &range);
	unmap_range(huge, &range, map);
}

static void do_map_write(struct huge *huge)
{
	struct range range = pick_range(huge, huge->size);
	unsigned char *map = map_range(huge, &range, MAP_SHARED);

	huge_fill(huge->seed + huge->number, huge->model + range.off, range.len);
	memcpy(map, huge->model + range.off, range.len);
	now_present(huge, &range);
	unmap_range(huge, &range, map);
}

/* What is written to a private mapping is there, and only there. */
static void do_private(struct huge *huge)
{
	struct range range = pick_range(huge, huge->size);
	unsigned char *map = map_range(huge, &range, MAP_PRIVATE);

	compare(huge, map, range.off, range.len);
	huge_fill(~huge->number, huge->buf, range.len);
	memcpy(map, huge->buf, range.len);
	if (memcmp(map, huge->buf, range.len))
		huge_wrong(huge, "a private mapping lost what was written to it");
	if (pread(huge->fd, huge->buf, range.len, range.off) != (ssize_t)range.len)
		huge_wrong(huge, "read of what a private mapping covers: %m");
	compare(huge, huge->buf, range.off, range.len);
	if (!madvise(map - range.off % huge->page, range.pages * huge->page, MADV_DONTNEED))
		compare(huge, map, range.off, range.len);
	unmap_range(huge, &range, map);
}

/* A child writes to both; the parent sees what is shared alone. */
static void do_fork(struct huge *huge)
{
	struct range range = pick_range(huge, huge->size);
	unsigned char *shared = map_range(huge, &range, MAP_SHARED);
	unsigned char *private = map_range(huge, &range, MAP_PRIVATE);
	unsigned char mine = huge->number % 251;
	pid_t pid;
	int status;

	memset(private, mine, range.len);
	huge_fill(huge->seed + huge->number, huge->model + range.off, range.len);
	now_present(huge, &range);
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		usage_error("fork: %m");
	if (!pid) {
		memcpy(shared, huge->model + range.off, range.len);
		memset(private, ~mine, range.len);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		huge_wrong(huge, "the child that writes ended with %#x", status);
	compare(huge, shared, range.off, range.len);
	memset(huge->buf, mine, range.len);
	if (memcmp(private, huge->buf, range.len))
		huge_wrong(huge, "a child's write is in the private mapping of its parent");
	unmap_range(huge, &range, shared);
	unmap_range(huge, &range, private);
}

static void do_mremap(struct huge *huge)
{
	struct range range = pick_range(huge, huge->size);
	size_t len = range.pages * huge->page;
	unsigned char *map = map_range(huge, &range, MAP_SHARED), *to;

	compare(huge, map, range.off, range.len);
	now_present(huge, &range);
	to = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE,
		  -1, 0);
	if (to == MAP_FAILED)
		huge_wrong(huge, "mmap of a place to move to: %m");
	to = mremap(map - range.off % huge->page, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	if (to == MAP_FAILED)
		huge_wrong(huge, "mremap: %m");
	to += range.off % huge->page;
	compare(huge, to, range.off, range.len);
	unmap_range(huge, &range, to);
}

static void set_size(struct huge *huge, size_t size)
{
	if (ftruncate(huge->fd, size))
		huge_wrong(huge, "ftruncate to %#zx: %m", size);
	memset(huge->model + size, 0, MAX_PAGES * huge->page - size);
	memset(huge->present + size / huge->page, false, MAX_PAGES - size / huge->page);
	huge->size = size;
}

/* Also while it is mapped: what was cut is gone from the mapping. */
static void do_truncate(struct huge *huge)
{
	struct range all = { .len = huge->size, .pages = huge->size / huge->page };
	size_t size = huge_random(huge, MAX_PAGES + 1) * huge->page, mapped = huge->size;
	unsigned char *map = mapped ? map_range(huge, &all, MAP_SHARED) : NULL;

	if (map) {
		compare(huge, map, 0, mapped);
		now_present(huge, &all);
	}
	all.off = size;
	say(huge, &all);
	if (!ftruncate(huge->fd, size + 4096) || errno != EINVAL)
		huge_wrong(huge, "ftruncate to a part of a page: %m instead of EINVAL");
	set_size(huge, size);
	all.off = 0;
	if (!map)
		return;
	huge_bus_due = true;
	if (size < mapped && !sigsetjmp(huge_bus, 1)) {
		mapped = __atomic_load_n(map + size, __ATOMIC_RELAXED);
		huge_wrong(huge, "%#zx instead of SIGBUS at %#zx behind the end", mapped, size);
	}
	huge_bus_due = false;
	unmap_range(huge, &all, map);
}

/* The bytes are zero; pages that lie in the hole as a whole are given back. */
static void punched(struct huge *huge, const struct range *range)
{
	size_t end = range->off + range->len, n;

	memset(huge->model + range->off, 0, range->len);
	for (n = range->first; n < range->first + range->pages; n++)
		if (n * huge->page >= range->off && (n + 1) * huge->page <= end)
			huge->present[n] = false;
}

static void do_punch(struct huge *huge)
{
	struct range range = pick_range(huge, MAX_PAGES * huge->page);

	if (fallocate(huge->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, range.off, range.len))
		huge_wrong(huge, "punch of %#zx at %#zx: %m", range.len, range.off);
	punched(huge, &range);
}

/* As a punch, while the pages are mapped. */
static void do_remove(struct huge *huge)
{
	struct range range = pick_range(huge, huge->size);
	unsigned char *map, *start;

	range.off = range.first * huge->page;
	range.len = range.pages * huge->page;
	map = map_range(huge, &range, MAP_SHARED);
	start = map;
	*start = 1;
	if (madvise(start, range.len, MADV_REMOVE))
		huge_wrong(huge, "MADV_REMOVE of %#zx at %#zx: %m", range.len, range.off);
	punched(huge, &range);
	if (huge_random(huge, 2)) {
		compare(huge, map, range.off, range.len);
		now_present(huge, &range);
	}
	unmap_range(huge, &range, map);
}

static void do_fallocate(struct huge *huge)
{
	struct range range = pick_range(huge, MAX_PAGES * huge->page);
	size_t end = (range.first + range.pages) * huge->page;
	bool keep = huge_random(huge, 2);

	/* A size inside of a page is possible so, and only so; the model has none. */
	if (fallocate(huge->fd, keep ? FALLOC_FL_KEEP_SIZE : 0, range.off, end - range.off))
		huge_wrong(huge, "fallocate of %#zx at %#zx: %m", end - range.off, range.off);
	now_present(huge, &range);
	if (!keep && end > huge->size)
		huge->size = end;
}

static const struct {
	void (*run)(struct huge *huge);
	const char *name;
	bool empty;		/* makes sense on a file of no byte */
} operations[] = {
	{ do_read, "read", true },
	{ do_map_read, "map_read", false },
	{ do_map_write, "map_write", false },
	{ do_map_write, "map_write", false },
	{ do_private, "private", false },
	{ do_fork, "fork", false },
	{ do_mremap, "mremap", false },
	{ do_truncate, "truncate", true },
	{ do_punch, "punch", true },
	{ do_punch, "punch", true },
	{ do_remove, "remove", false },
	{ do_fallocate, "fallocate", true },
};

/* check_pages() - the file has just those pages that the model has. */
static void check_pages(const struct huge *huge)
{
	size_t pages = 0, n;
	struct stat st;

	for (n = 0; n < MAX_PAGES; n++)
		pages += huge->present[n];
	if (fstat(huge->fd, &st))
		huge_wrong(huge, "fstat: %m");
	if ((size_t)st.st_size != huge->size)
		huge_wrong(huge, "size %#jx instead of %#zx", (intmax_t)st.st_size, huge->size);
	if ((size_t)st.st_blocks * 512 != pages * huge->page)
		huge_wrong(huge, "%jd blocks, where %zu pages of %#zx are due",
			   (intmax_t)st.st_blocks, pages, huge->page);
	n = huge_pool(huge, "nr_hugepages") - huge_pool(huge, "free_hugepages");
	if (n != pages)
		huge_wrong(huge, "%zu pages of the pool are in use instead of %zu", n, pages);
	n = huge_pool(huge, "resv_hugepages");
	if (!huge->size && !pages && n != huge->reserved)
		huge_wrong(huge, "%zu pages are reserved for an empty file, %lu before it", n,
			   huge->reserved);
}

void compare_all(struct huge *huge)
{
	ssize_t got = pread(huge->fd, huge->buf, MAX_PAGES * huge->page, 0);

	if (got != (ssize_t)huge->size)
		huge_wrong(huge, "read of all of %#zx gave %zd: %m", huge->size, got);
	compare(huge, huge->buf, 0, huge->size);
}

void run_operation(struct huge *huge)
{
	size_t which;

	do {
		which = huge_random(huge, ARRAY_SIZE(operations));
	} while (!huge->size && !operations[which].empty);
	huge->doing = operations[which].name;
	operations[which].run(huge);
	check_pages(huge);
}
