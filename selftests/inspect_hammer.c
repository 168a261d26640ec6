// SPDX-License-Identifier: GPL-2.0
/*
 * inspect_hammer: processes that ask foliolab.ko about a file without pause, while
 * others write, cut, map, drop, delete and replace it. Each answer must be an error or
 * a table whose rows have as many fields as its second line. Readers are also killed
 * in the middle, and ask for what makes no sense.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define INSPECTOR	"/sys/kernel/debug/foliolab/"
#define FILE_MAX	(8UL << 20)
#define ANSWER_MAX	(1UL << 20)

static const char * const tables[] = {
	"file", "file_orders", "file_why", "mount_orders", "fstypes"
};

#define NR_TABLES	(sizeof(tables) / sizeof(*tables))

/* What all processes count together. */
static struct shared {
	unsigned long answers[NR_TABLES];
	unsigned long errors;
	unsigned long changes;
	unsigned long kills;
	unsigned long bad;
	char first_bad[256];
} *shared;

static uint64_t seed;
static const char *path;

static unsigned long below(unsigned long limit)
{
	seed += 0x9e3779b97f4a7c15ULL;
	uint64_t x = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9ULL;

	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return (x ^ (x >> 31)) % limit;
}

static void add(unsigned long *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

static void complain(const char *table, const char *line)
{
	if (__atomic_fetch_add(&shared->bad, 1, __ATOMIC_RELAXED) == 0)
		snprintf(shared->first_bad, sizeof(shared->first_bad), "%s: %s", table, line);
}

static int fields(const char *line)
{
	int nr = 1;

	while ((line = strchr(line, '\t'))) {
		line++;
		nr++;
	}
	return nr;
}

/* Rows of the right number of fields; the last one may be cut off where we stopped. */
static void check_answer(const char *table, char *text)
{
	char *save, *line = strtok_r(text, "\n", &save);
	char want[64];
	int nr;

	snprintf(want, sizeof(want), "# foliolab %s 1", table);
	if (!line || strcmp(line, want)) {
		complain(table, line ? line : "(nothing)");
		return;
	}
	line = strtok_r(NULL, "\n", &save);
	nr = line ? fields(line) : 0;
	while ((line = strtok_r(NULL, "\n", &save)))
		if (fields(line) != nr)
			complain(table, line);
}

static void make_request(char *request, size_t size, int whole)
{
	unsigned long kind = below(10);
	struct stat st;

	if (kind == 0) {
		snprintf(request, size, "%lu:%lu %lu", below(8), below(50), below(1000));
	} else if (kind < 4 && !stat(path, &st)) {
		if (whole)
			snprintf(request, size, "%u:%u", major(st.st_dev), minor(st.st_dev));
		else
			snprintf(request, size, "%u:%u %lu", major(st.st_dev), minor(st.st_dev),
				 (unsigned long)st.st_ino);
	} else {
		snprintf(request, size, "%s", path);
	}
}

static void ask(char *answer)
{
	unsigned long which = below(NR_TABLES);
	int request_less = !strcmp(tables[which], "fstypes");
	size_t got = 0, piece = below(4) ? 1 + below(5000) : ANSWER_MAX;
	char name[128], request[4200];
	ssize_t ret = 0;
	int fd;

	snprintf(name, sizeof(name), INSPECTOR "%s", tables[which]);
	fd = open(name, request_less ? O_RDONLY : O_RDWR);
	if (fd < 0) {
		complain(tables[which], strerror(errno));
		return;
	}
	make_request(request, sizeof(request), !strcmp(tables[which], "mount_orders"));
	if (!request_less && write(fd, request, strlen(request)) < 0) {
		add(&shared->errors);
		close(fd);
		return;
	}
	while (got < ANSWER_MAX) {
		size_t want = ANSWER_MAX - got < piece ? ANSWER_MAX - got : piece;

		ret = read(fd, answer + got, want);
		if (ret <= 0)
			break;
		got += ret;
	}
	if (ret < 0) {
		complain(tables[which], strerror(errno));
	} else if (ret == 0) {
		answer[got] = '\0';
		check_answer(tables[which], answer);
		add(&shared->answers[which]);
	}
	lseek(fd, below(got + 10), SEEK_SET);
	ret = read(fd, answer, 100);
	close(fd);
}

static void reader(void)
{
	char *answer = malloc(ANSWER_MAX + 1);

	while (answer)
		ask(answer);
	exit(1);
}

/* Starts a reader again and again, and kills it. */
static void killer(void)
{
	for (;;) {
		pid_t pid = fork();

		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			seed += getpid();
			reader();
		}
		usleep(below(3000));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		add(&shared->kills);
	}
}

static void map_some(int fd)
{
	size_t len = 4096 * (1 + below(600));
	char *map = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return;
	madvise(map, len, MADV_POPULATE_READ);
	if (below(2))
		madvise(map, len, 21 /* MADV_PAGEOUT */);
	munmap(map, len);
}

static void writer(void)
{
	char *data = malloc(FILE_MAX);

	memset(data, 1, FILE_MAX);
	for (;;) {
		int fd = open(path, O_RDWR | O_CREAT, 0600);
		unsigned long turns = below(40);

		for (; fd >= 0 && turns; turns--) {
			off_t at = below(FILE_MAX);
			size_t len = below(below(2) ? FILE_MAX - at : 20000) + 1;

			switch (below(7)) {
			case 0:
			case 1:
				if (pwrite(fd, data, len, at) < 0)
					turns = 1;
				break;
			case 2:
				if (ftruncate(fd, at) < 0)
					turns = 1;
				break;
			case 3:
				fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, len);
				break;
			case 4:
				map_some(fd);
				break;
			case 5:
				posix_fadvise(fd, at, len, POSIX_FADV_DONTNEED);
				break;
			case 6:
				fsync(fd);
				break;
			}
			add(&shared->changes);
		}
		if (fd >= 0)
			close(fd);
		else
			usleep(1000);
		if (!below(4))
			unlink(path);
	}
}

static void start(pid_t *pid, void (*body)(void))
{
	*pid = fork();
	if (!*pid) {
		seed = seed * 31 + getpid();
		body();
	}
}

int main(int argc, char **argv)
{
	void (*bodies[])(void) = { reader, reader, killer, writer, writer };
	pid_t pids[sizeof(bodies) / sizeof(*bodies)];
	unsigned int i;

	if (argc < 3 || argc > 4 || atoi(argv[2]) <= 0) {
		fprintf(stderr, "usage: inspect_hammer FILE SECONDS [SEED]\n");
		return 2;
	}
	path = argv[1];
	seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		perror("mmap");
		return 2;
	}
	for (i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
		start(&pids[i], bodies[i]);
	sleep(atoi(argv[2]));
	for (i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	for (i = 0; i < NR_TABLES; i++)
		printf("%s %lu, ", tables[i], shared->answers[i]);
	printf("errors %lu, changes %lu, kills %lu\n", shared->errors, shared->changes,
	       shared->kills);
	if (shared->bad) {
		printf("%lu wrong answers, the first: %s\n", shared->bad, shared->first_bad);
		return 1;
	}
	for (i = 0; i < NR_TABLES; i++) {
		if (!shared->answers[i]) {
			printf("%s never answered\n", tables[i]);
			return 1;
		}
	}
	return 0;
}
