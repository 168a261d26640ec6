// SPDX-License-Identifier: GPL-2.0
/*
 * foliolab_fuzz: wrong, huge, negative, binary, concurrent and interrupted input for
 * every file that foliolab.ko has in debugfs and for the mount options of foliofs,
 * while other processes truncate, delete, evict and remount what is looked at.
 *
 * The kernel may answer with any error. It fails by a splat, a hang or a crash, which
 * the console tells, and by an answer that is no table, which is checked here.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#endif

#define MAX_FILES	64
#define BUF_SIZE	(256 << 10)

static uint64_t seed, state;
static char top[128] = "/sys/kernel/debug/foliolab";
static char work[128] = "/tmp/fuzz";
static char files[MAX_FILES][512];
static unsigned int nr_files;
static char *nowhere;

static uint64_t rnd(void)
{
	uint64_t x = state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static size_t below(size_t limit)
{
	return rnd() % limit;
}

/* Files of mounts come and go: the list is made anew from time to time. */
static void find_files(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char name[512];
	struct stat st;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || nr_files == MAX_FILES)
			continue;
		if (snprintf(name, sizeof(name), "%s/%s", path, entry->d_name) < 0 ||
		    lstat(name, &st))
			continue;
		if (S_ISDIR(st.st_mode))
			find_files(name);
		else if (S_ISREG(st.st_mode))
			strcpy(files[nr_files++], name);
	}
	if (dir)
		closedir(dir);
}

static const char *const words[] = {
	"", "\n", " ", "/", ".", "..", "0", "-1", "1", "+1", "0x10", "1e9", "99999999999999999999",
	"18446744073709551615", "9223372036854775808", "2147483648", "-9223372036854775808",
	"none", "off", "seed=", "seed=-1", "seed=7", "read", "writeback", "alloc", "alloc_large",
	"short_copy", "space", "slow_read", "slow_writeback", "prob=", "prob=101", "prob=3",
	"every=0", "every=1", "every=7", "after=-1", "times=2", "block=-2", "block=1", "delay=1",
	"delay=99999", "read:every=7", "read:prob=5", "slow_read:delay=1:prob=5", ":", "::", "=",
	"%s%n%p", "/proc/self/mem", "/dev/zero", "/proc/kcore", "/sys/kernel/debug/foliolab",
	"/nonexistent", "0:0 1", "4294967295:4294967295 1", "0:1 18446744073709551616", "0:26 2",
	"0:27", "8:0 0", "1:2:3 4", "0:1 2 3",
};

/* make_request() - something into @buf; returns its length. */
static size_t make_request(char *buf)
{
	size_t len = 0, n;
	struct stat st;

	switch (below(8)) {
	case 0:		/* binary, NULs too */
		len = below(300);
		for (n = 0; n < len; n++)
			buf[n] = rnd();
		return len;
	case 1:		/* huge */
		len = 1 + below(BUF_SIZE - 1);
		memset(buf, "/a\0 9\n"[below(6)], len);
		return len;
	case 2:		/* around the limits of a path */
		len = 4090 + below(12);
		memset(buf, 'a', len);
		for (n = 0; n < len; n += 200)
			buf[n] = '/';
		return len;
	case 3:		/* several words */
		for (n = 1 + below(4); n; n--)
			len += sprintf(buf + len, "%s%c", words[below(ARRAY_SIZE(words))],
				       " \t\n:"[below(4)]);
		return len;
	case 4:		/* by device and inode, right or nearly */
		if (!stat(work, &st))
			return sprintf(buf, "%u:%u %llu\n", major(st.st_dev), minor(st.st_dev),
				       (unsigned long long)st.st_ino + below(20) - 3);
		return 0;
	case 5:
		return sprintf(buf, "%s", words[below(ARRAY_SIZE(words))]);
	default:	/* a file that others change meanwhile */
		return sprintf(buf, "%s/%zu%s", work, below(8), below(2) ? "\n" : "");
	}
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* A signal some microseconds from now: walks and sleeps must bear it. */
static void interrupt_soon(void)
{
	struct itimerval timer = { .it_value.tv_usec = 1 + below(3000) };

	if (below(4) == 0)
		setitimer(ITIMER_REAL, &timer, NULL);
}

static void check_answer(const char *file, const char *answer, ssize_t len)
{
	const char *name = strrchr(file, '/') + 1;
	char head[128];
	int size = snprintf(head, sizeof(head), "# foliolab %s ", name);

	if (len >= size && memcmp(answer, head, size)) {
		printf("# %s: the answer begins '%.*s'\nnot ok 1 foliolab_fuzz\n", file,
		       len > 40 ? 40 : (int)len, answer);
		fflush(stdout);
		kill(0, SIGTERM);
		_exit(1);
	}
}

static void fuzz_file(char *buf)
{
	static const int modes[] = { O_RDWR, O_RDWR, O_RDONLY, O_WRONLY };
	const char *file = files[below(nr_files)];
	unsigned int steps = 1 + below(6);
	bool from_start = true;
	int fd;

	fd = open(file, modes[below(ARRAY_SIZE(modes))] | (below(8) ? 0 : O_NONBLOCK));
	while (fd >= 0 && steps--) {
		ssize_t got;

		interrupt_soon();
		switch (below(8)) {
		case 0:
		case 1:
		case 2:
			got = write(fd, buf, make_request(buf));
			from_start = from_start || got > 0;
			break;
		case 3:
		case 4:
			got = read(fd, buf, 1 + below(BUF_SIZE));
			if (got > 0 && from_start)
				check_answer(file, buf, got);
			from_start = from_start && got <= 0;
			break;
		case 5:
			got = lseek(fd, (off_t)rnd() >> below(64), below(5));
			from_start = false;
			break;
		case 6:
			got = pread(fd, buf, 1 + below(4096), (off_t)rnd() >> below(64));
			from_start = false;
			break;
		default:
			/* An address that can neither be read nor written. */
			got = below(2) ? write(fd, nowhere, 1 + below(9000)) :
				read(fd, nowhere, 4096);
			from_start = false;
		}
	}
	if (fd >= 0)
		close(fd);
}

static void fuzz_mount(char *where)
{
	static const char *const names[] = {
		"min_order", "max_order", "order", "aops", "blocksize", "size", "seed", "fault",
		"mode", "nonsense", "source", "",
	};
	static const char *const values[] = {
		"simple", "iomap", "512", "4096", "65536", "64k", "1m", "16m", "9", "2", "0755",
	};
	char options[9000] = "";
	size_t len = 0, n = below(5);

	for (; n; n--)
		len += sprintf(options + len, "%s%s=%s", len ? "," : "",
			       names[below(ARRAY_SIZE(names))],
			       below(3) ? values[below(ARRAY_SIZE(values))] :
			       words[below(ARRAY_SIZE(words))]);
	if (below(50) == 0)
		memset(options, 'x', sizeof(options) - 1);
	interrupt_soon();
	if (mount("none", where, "foliofs", below(3) ? 0 : MS_RDONLY, options))
		return;
	if (below(2))
		mount("none", where, "foliofs", MS_REMOUNT | (below(2) ? MS_RDONLY : 0), options);
	umount2(where, below(2) ? MNT_DETACH : 0);
}

/* Truncates, writes, maps, deletes and drops the files that are looked at. */
static void change_files(char *buf)
{
	char name[160];
	int fd;

	snprintf(name, sizeof(name), "%s/%zu", work, below(8));
	fd = open(name, O_RDWR | O_CREAT, 0600);
	if (fd < 0)
		return;
	switch (below(8)) {
	case 0:
		unlink(name);
		break;
	case 1:
		ftruncate(fd, below(4 << 20));
		break;
	case 2:
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		break;
	case 3:
		fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, below(1 << 20),
			  1 + below(1 << 20));
		break;
	case 4: {
		size_t len = 1 << 20;
		char *map = mmap(NULL, len, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);

		if (map != MAP_FAILED)
			munmap(map, len);
		break;
	}
	default:
		pwrite(fd, buf, 1 + below(BUF_SIZE), below(2 << 20));
	}
	close(fd);
}

/* The filesystem under the files: remounted, and now and then gone for a moment. */
static void change_mount(void)
{
	char options[64];

	if (below(4)) {
		mount("none", work, "foliofs", MS_REMOUNT | (below(4) ? 0 : MS_RDONLY), "");
	} else {
		umount2(work, below(2) ? MNT_DETACH : 0);
		sprintf(options, "min_order=0,max_order=%zu", below(10));
		mount("none", work, "foliofs", 0, options);
	}
	usleep(1000 * below(50));
}

static void drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (fd >= 0) {
		write(fd, "567" + below(3), 1);	/* 4: and say nothing */
		close(fd);
	}
	usleep(1000 * below(200));
}

static void run(unsigned int worker, time_t end)
{
	char *buf = malloc(BUF_SIZE + 4096), where[160];
	struct sigaction action = { .sa_handler = on_alarm };
	unsigned long rounds = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGALRM, &action, NULL);
	state = seed * 1000 + worker;
	snprintf(where, sizeof(where), "%s.%u", work, worker);
	mkdir(where, 0700);
	while (buf && time(NULL) < end) {
		if (rounds++ % 64 == 0) {
			nr_files = 0;
			find_files(top);
		}
		switch (worker % 6) {
		case 0:
		case 1:
		case 2:
			if (nr_files)
				fuzz_file(buf);
			break;
		case 3:
			change_files(buf);
			break;
		case 4:
			fuzz_mount(where);
			break;
		default:
			if (below(2))
				change_mount();
			else
				drop_caches();
		}
	}
	printf("# worker %u: %lu rounds\n", worker, rounds);
	fflush(stdout);
	_exit(0);
}

int main(int argc, char **argv)
{
	unsigned int seconds, worker, workers = 8;
	time_t end;
	int status, bad = 0;

	if (argc != 3) {
		fprintf(stderr, "usage: foliolab_fuzz SEED SECONDS\n\n"
			"Throws bad input at foliolab.ko; as root, with the module loaded, on a machine\n"
			"that may crash. Exit codes: 0 done, 1 a wrong answer, 2 usage, 4 skipped.\n");
		return 2;
	}
	seed = strtoull(argv[1], NULL, 0);
	seconds = strtoul(argv[2], NULL, 0);
	printf("KTAP version 1\n1..1\n");
	find_files(top);
	if (!nr_files) {
		printf("ok 1 foliolab_fuzz # SKIP no file in %s: is foliolab.ko loaded?\n", top);
		return 4;
	}
	printf("# seed %llu, %u seconds, %u files\n", (unsigned long long)seed, seconds, nr_files);
	nowhere = mmap(NULL, 16384, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mkdir(work, 0700);
	mount("none", work, "foliofs", 0, "");
	fflush(stdout);
	end = time(NULL) + seconds;
	for (worker = 0; worker < workers; worker++)
		if (!fork())
			run(worker, end);
	while (wait(&status) > 0)
		bad |= status;
	umount2(work, MNT_DETACH);
	printf("%sok 1 foliolab_fuzz\n", bad ? "not " : "");
	return bad ? 1 : 0;
}
