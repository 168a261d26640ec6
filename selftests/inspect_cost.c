// SPDX-License-Identifier: GPL-2.0
/*
 * inspect_cost: how long foliolab.ko takes to look at each FILE, the best of some
 * turns, in nanoseconds. Under QEMU's "-icount shift=0" these are instructions.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define INSPECTOR	"/sys/kernel/debug/foliolab/"
#define TURNS		20

static char answer[64 << 10];

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* The best time of reading all of @table; its last piece is left in @answer. */
static long long best_time(const char *table, const char *path)
{
	long long best = -1;
	char name[128];
	int fd, i;

	snprintf(name, sizeof(name), INSPECTOR "%s", table);
	fd = open(name, O_RDWR);
	if (fd < 0 || write(fd, path, strlen(path)) < 0) {
		perror(path);
		exit(1);
	}
	for (i = 0; i < TURNS; i++) {
		long long start = now();
		ssize_t got;

		lseek(fd, 0, SEEK_SET);
		while ((got = read(fd, answer, sizeof(answer) - 1)) > 0)
			answer[got] = '\0';
		if (got < 0) {
			perror(table);
			exit(1);
		}
		start = now() - start;
		if (best < 0 || start < best)
			best = start;
	}
	close(fd);
	return best;
}

int main(int argc, char **argv)
{
	int i;

	if (argc < 2) {
		fprintf(stderr, "usage: inspect_cost FILE...\n");
		return 2;
	}
	printf("file\tfolios\tbytes\tns_file_orders\tns_file_why\tns_file\n");
	for (i = 1; i < argc; i++) {
		long long orders = best_time("file_orders", argv[i]);
		const char *total = strstr(answer, "\ntotal\t-\t");
		unsigned long long folios = 0, bytes = 0;

		if (!total || sscanf(total, "\ntotal - %llu %llu", &folios, &bytes) != 2) {
			fprintf(stderr, "%s: no total\n", argv[i]);
			return 1;
		}
		printf("%s\t%llu\t%llu\t%lld\t%lld\t%lld\n", argv[i], folios, bytes, orders,
		       best_time("file_why", argv[i]), best_time("file", argv[i]));
	}
	return 0;
}
