// SPDX-License-Identifier: GPL-2.0
/*
 * folio_mlock: what is locked of large folios, by address (VmLck), by page table entry
 * (Locked in smaps) and by folio (Mlocked, Unevictable). A folio counts when it is locked as
 * a whole; one that is locked in part may, but whatever counted must be gone in the end.
 */
#include <linux/kernel-page-flags.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "folio_util.h"
#include "kselftest_harness.h"

#ifndef MADV_COLD
#define MADV_COLD	20
#endif
#ifndef KPF_MLOCKED
#define KPF_MLOCKED	33	/* not for user space, says the kernel, but there */
#endif

FIXTURE(mlock)
{
	struct region r;
	long mlocked;		/* of the machine before, in kB */
	long unevictable;
	long vmlck;
};

FIXTURE_VARIANT(mlock)
{
	struct shape shape;
};

VARIANTS_ANON(mlock);
VARIANTS_SHMEM(mlock);
VARIANTS_FILE(mlock);

/*
 * Folios wait in batches of each CPU until they are locked or unlocked. So that there is but
 * one of these, all stay on a CPU; and MADV_COLD empties it.
 */
static void stay_on_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		give_up("sched_setaffinity: %s", strerror(errno));
}

static void settle(size_t page)
{
	char *map = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED || madvise(map, page, MADV_COLD) || munmap(map, page))
		give_up("MADV_COLD: %s", strerror(errno));
}

FIXTURE_SETUP(mlock)
{
	struct rlimit limit;
	const char *reason;

	stay_on_cpu();
	reason = region_make(&self->r, &variant->shape, variant->shape.order ? 2 : 8);

	if (reason)
		SKIP(return, "%s", reason);
	ASSERT_EQ(0, getrlimit(RLIMIT_MEMLOCK, &limit));
	limit.rlim_cur = limit.rlim_max;
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	/* It does not hold for everyone: only who it stops is let off. */
	if (limit.rlim_max < self->r.len) {
		if (mlock(self->r.map, self->r.len))
			SKIP(return, "RLIMIT_MEMLOCK is %lu", (unsigned long)limit.rlim_max);
		ASSERT_EQ(0, munlock(self->r.map, self->r.len));
	}
	settle(self->r.page);
	self->mlocked = proc_kb("/proc/meminfo", "Mlocked");
	self->unevictable = proc_kb("/proc/meminfo", "Unevictable");
	self->vmlck = proc_kb("/proc/self/status", "VmLck");
	if (self->mlocked)
		TH_LOG("others have locked %ld kB: the sums of the machine are not compared",
		       self->mlocked);
}

FIXTURE_TEARDOWN(mlock)
{
	region_free(&self->r);
}

static bool is_mlocked(struct region *r, unsigned int page)
{
	return frame_flags(page_frame(page_at(r, page))) >> KPF_MLOCKED & 1;
}

/* @whole kB count in any case, and up to @most. */
static void check_machine(struct __test_metadata *_metadata, FIXTURE_DATA(mlock) *self, long whole,
			  long most)
{
	struct region *r = &self->r;
	long mlocked, unevictable;
	unsigned int i;

	settle(r->page);
	for (i = 0; r->map && !most && i < r->pages; i += r->nr)
		EXPECT_FALSE(page_frame(page_at(r, i)) && is_mlocked(r, i)) TH_LOG("page %u", i);
	/* Others may lock and unlock at any time. */
	if (self->mlocked)
		return;
	mlocked = proc_kb("/proc/meminfo", "Mlocked");
	unevictable = proc_kb("/proc/meminfo", "Unevictable") - self->unevictable;
	EXPECT_LE(whole, mlocked) TH_LOG("Mlocked, kB");
	EXPECT_GE(most, mlocked) TH_LOG("Mlocked, kB");
	EXPECT_LE(whole, unevictable) TH_LOG("Unevictable, kB");
	EXPECT_GE(most, unevictable) TH_LOG("Unevictable, kB");
}

/* @pages are locked here by address, each of them is mapped, and by @sharers in all. */
static void check_process(struct __test_metadata *_metadata, FIXTURE_DATA(mlock) *self,
			  unsigned int pages, unsigned int sharers)
{
	struct region *r = &self->r;

	EXPECT_EQ(pages * r->page >> 10, proc_kb("/proc/self/status", "VmLck") - self->vmlck);
	EXPECT_EQ((pages * r->page >> 10) / sharers, smaps_kb(r->map, r->len, "Locked"));
	EXPECT_EQ(smaps_sum_kb("Locked"), proc_kb("/proc/self/smaps_rollup", "Locked"));
}

/* What counts when all is locked: not the folios that two page tables map. */
static long whole_kb(struct region *r)
{
	bool crosses = r->shape->by_ptes && r->fd >= 0;

	return crosses ? 0 : r->len >> 10;
}

TEST_F(mlock, whole)
{
	struct region *r = &self->r;
	unsigned int i;

	ASSERT_EQ(0, mlock(r->map, r->len));
	check_process(_metadata, self, r->pages, 1);
	check_machine(_metadata, self, whole_kb(r), r->len >> 10);
	for (i = 0; whole_kb(r) && i < r->pages; i += r->nr)
		EXPECT_TRUE(is_mlocked(r, i)) TH_LOG("page %u", i);
	ASSERT_EQ(0, munlock(r->map, r->len));
	check_process(_metadata, self, 0, 1);
	check_machine(_metadata, self, 0, 0);
	for (i = 0; i < r->pages; i += r->nr)
		EXPECT_FALSE(is_mlocked(r, i)) TH_LOG("page %u", i);
}

/* From the middle of a folio to that of the next. */
TEST_F(mlock, part)
{
	struct region *r = &self->r;
	unsigned int first = r->pages / 4, count = r->pages / 2;
	long some = count * r->page >> 10;

	ASSERT_EQ(0, mlock(page_at(r, first), count * r->page));
	check_process(_metadata, self, count, 1);
	check_machine(_metadata, self, r->nr > 1 ? 0 : some, r->nr > 1 ? r->len >> 10 : some);
	ASSERT_EQ(0, munlock(page_at(r, first), count * r->page));
	check_process(_metadata, self, 0, 1);
	check_machine(_metadata, self, 0, 0);
	EXPECT_EQ(-1, stamp_differs(r->map, r->len, 0, 1));
}

/* Piece by piece, until none is left. */
TEST_F(mlock, munlock_in_pieces)
{
	struct region *r = &self->r;
	unsigned int first = r->pages / 4, count = r->pages / 2;
	long rest = (r->pages - count) * r->page >> 10;

	ASSERT_EQ(0, mlock(r->map, r->len));
	ASSERT_EQ(0, munlock(page_at(r, first), count * r->page));
	region_read(r, 0, r->pages);
	check_process(_metadata, self, r->pages - count, 1);
	check_machine(_metadata, self, r->nr > 1 ? 0 : rest, r->nr > 1 ? r->len >> 10 : rest);
	ASSERT_EQ(0, munlock(r->map, first * r->page));
	ASSERT_EQ(0, munlock(page_at(r, first + count), (r->pages - first - count) * r->page));
	check_process(_metadata, self, 0, 1);
	check_machine(_metadata, self, 0, 0);
}

TEST_F(mlock, munmap_in_pieces)
{
	struct region *r = &self->r;
	unsigned int first = r->pages / 4, count = r->pages / 2, left = r->pages - count;
	long rest = left * r->page >> 10;

	ASSERT_EQ(0, mlock(r->map, r->len));
	ASSERT_EQ(0, munmap(page_at(r, first), count * r->page));
	EXPECT_EQ(rest, proc_kb("/proc/self/status", "VmLck") - self->vmlck);
	region_read(r, 0, first);
	region_read(r, first + count, left - first);
	check_process(_metadata, self, left, 1);
	check_machine(_metadata, self, r->nr > 1 ? 0 : rest, r->nr > 1 ? r->len >> 10 : rest);
	ASSERT_EQ(0, munmap(r->map, first * r->page));
	ASSERT_EQ(0, munmap(page_at(r, first + count), (left - first) * r->page));
	r->map = NULL;
	EXPECT_EQ(0, proc_kb("/proc/self/status", "VmLck") - self->vmlck);
	check_machine(_metadata, self, 0, 0);
}

/* A child has no locks; what it has in common stays locked by the other. */
TEST_F(mlock, fork)
{
	struct region *r = &self->r;
	struct helper other;

	ASSERT_EQ(0, mlock(r->map, r->len));
	helper_start(&other, r);
	helper_do(&other, HELP_READ, 0, r->pages);
	check_process(_metadata, self, r->pages, 2);
	check_machine(_metadata, self, whole_kb(r), r->len >> 10);
	ASSERT_EQ(0, helper_do(&other, HELP_UNMAP, r->pages / 4, r->pages / 2));
	check_machine(_metadata, self, whole_kb(r), r->len >> 10);
	helper_end(&other);
	check_machine(_metadata, self, whole_kb(r), r->len >> 10);
	ASSERT_EQ(0, munlock(r->map, r->len));
	check_process(_metadata, self, 0, 1);
	check_machine(_metadata, self, 0, 0);
}

/* The process that ends unlocks what it has locked, though others map it still. */
TEST_F(mlock, exit_of_locker)
{
	struct region *r = &self->r;
	pid_t pid = fork();
	int status;

	ASSERT_LE(0, pid);
	if (!pid)
		_exit(mlock(r->map, r->len) ? errno : 0);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	check_process(_metadata, self, 0, 1);
	check_machine(_metadata, self, 0, 0);
	EXPECT_EQ(-1, stamp_differs(r->map, r->len, 0, 1));
}

/* MLOCK_ONFAULT locks what is there, and the rest as it comes. */
TEST_F(mlock, on_fault)
{
	struct region *r = &self->r;
	unsigned int first = r->pages / 4, count = r->pages / 2, i;

	ASSERT_EQ(0, madvise(page_at(r, first), count * r->page, MADV_DONTNEED));
	if (mlock2(r->map, r->len, MLOCK_ONFAULT))
		SKIP(return, "no MLOCK_ONFAULT: %s", strerror(errno));
	EXPECT_EQ(r->len >> 10, proc_kb("/proc/self/status", "VmLck") - self->vmlck);
	for (i = first; i < first + count; i++)
		ASSERT_EQ(0, pagemap_entry(page_at(r, i)) & PAGEMAP_PRESENT) TH_LOG("page %u", i);
	EXPECT_EQ(smaps_kb(r->map, r->len, "Rss"), smaps_kb(r->map, r->len, "Locked"));
	region_read(r, 0, r->pages);
	EXPECT_EQ(smaps_kb(r->map, r->len, "Rss"), smaps_kb(r->map, r->len, "Locked"));
	check_machine(_metadata, self, 0, r->len >> 9);
	ASSERT_EQ(0, munlock(r->map, r->len));
	check_process(_metadata, self, 0, 1);
	check_machine(_metadata, self, 0, 0);
}

/* Locked memory that moves is locked where it went. */
TEST_F(mlock, mremap_part)
{
	struct region *r = &self->r;
	unsigned int first = r->pages / 4, count = r->pages / 2;
	size_t len = count * r->page;
	char *target = reserve(len, r->folio, 0);

	ASSERT_EQ(0, mlock(r->map, r->len));
	ASSERT_EQ(target,
		  mremap(page_at(r, first), len, len, MREMAP_MAYMOVE | MREMAP_FIXED, target));
	EXPECT_EQ(r->len >> 10, proc_kb("/proc/self/status", "VmLck") - self->vmlck);
	EXPECT_EQ(-1, stamp_differs(target, len, (uint64_t)first * r->page, 1));
	EXPECT_EQ(len >> 10, smaps_kb(target, len, "Locked"));
	ASSERT_EQ(0, munlock(target, len));
	ASSERT_EQ(0, munlock(r->map, first * r->page));
	ASSERT_EQ(0, munlock(page_at(r, first + count), (r->pages - first - count) * r->page));
	check_process(_metadata, self, 0, 1);
	check_machine(_metadata, self, 0, 0);
}

TEST_HARNESS_MAIN
