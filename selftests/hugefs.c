// SPDX-License-Identifier: GPL-2.0
/*
 * hugefs: random operations on a file of hugetlbfs against a model.
 *
 * The model knows each byte and which of the pages exist: after every operation the
 * blocks of the file and the pages of the pool that are in use must be just those, and
 * when the file is empty or gone all pages and reservations are back.
 */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "hugefs.h"

#ifndef HUGETLBFS_MAGIC
#define HUGETLBFS_MAGIC	0x958458f6
#endif

static const char usage_text[] =
"usage: hugefs [option...] [DIR]\n"
"\n"
"Maps, reads, truncates, punches and allocates a file in DIR (default: /dev/hugepages),\n"
"where hugetlbfs is mounted, and compares its bytes and its pages with a model. Nothing\n"
"else may use huge pages meanwhile. Prints KTAP; a failure names the operation.\n"
"\n"
"  -s, --seed N       the same seed gives the same operations (default 1)\n"
"  -n, --ops N        how many (default 500)\n"
"  -r, --race SECONDS instead of it: several processes at once, for so long\n"
"  -v, --verbose      print every operation\n"
"\n"
"Exit codes: 0 all agreed, 1 something is not as it must be, 2 usage or set-up, 4 no\n"
"hugetlbfs, or too few pages.\n";

sigjmp_buf huge_bus;
bool huge_bus_due;
static struct huge huge = { .seed = 1, .ops = 500 };

static void __attribute__((__noreturn__, __format__(printf, 1, 2))) skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("ok 1 hugefs # SKIP ");
	vprintf(format, args);
	printf("\n");
	va_end(args);
	exit(EXIT_SKIP);
}

void huge_wrong(const struct huge *huge, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	printf("# operation %ju, %s: %s\n", (uintmax_t)huge->number, huge->doing, text);
	fflush(stdout);
	_exit(EXIT_WRONG);
}

uint64_t huge_random(struct huge *huge, uint64_t limit)
{
	uint64_t number = next_random(&huge->random);

	return limit ? number % limit : 0;
}

void huge_fill(uint64_t stamp, unsigned char *buf, size_t len)
{
	uint64_t value = mix(stamp);
	size_t at;

	for (at = 0; at < len; at++) {
		buf[at] = value >> 8 * (at % 8);
		value += at % 8 == 7;
	}
}

/* huge_pool() - one of the numbers that the kernel has of pages of this size. */
unsigned long huge_pool(const struct huge *huge, const char *what)
{
	char path[200], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%zukB/%s",
		 huge->page / 1024, what);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		usage_error("%s: %m", path);
	close(fd);
	return strtoul(text, NULL, 10);
}

static void on_bus(int sig)
{
	(void)sig;
	if (huge_bus_due)
		siglongjmp(huge_bus, 1);
	huge_wrong(&huge, "SIGBUS");
}

static void expect_all_back(void)
{
	unsigned long total = huge_pool(&huge, "nr_hugepages");
	unsigned long there = huge_pool(&huge, "free_hugepages");

	if (there != total)
		huge_wrong(&huge, "%lu of %lu pages are free when the file is gone", there, total);
	there = huge_pool(&huge, "resv_hugepages");
	if (there != huge.reserved)
		huge_wrong(&huge, "%lu pages are reserved when the file is gone, %lu before", there,
			   huge.reserved);
}

static void run(void)
{
	huge.fd = open(huge.path, O_CREAT | O_EXCL | O_RDWR, 0600);
	if (huge.fd < 0)
		usage_error("%s: %m", huge.path);
	/* By its descriptor alone from now on: a failure leaves nothing behind. */
	unlink(huge.path);
	if (huge.race) {
		run_race(&huge);
	} else {
		for (huge.number = 1; huge.number <= huge.ops; huge.number++) {
			run_operation(&huge);
			if (huge.number % 16 == 0)
				compare_all(&huge);
		}
		compare_all(&huge);
	}
	huge.doing = "the end";
	close(huge.fd);
	expect_all_back();
}

int main(int argc, char **argv)
{
	static const struct option names[] = {
		{ "seed", 1, NULL, 's' }, { "ops", 1, NULL, 'n' }, { "race", 1, NULL, 'r' },
		{ "verbose", 0, NULL, 'v' }, { "help", 0, NULL, 'h' }, {}
	};
	struct sigaction action = { .sa_handler = on_bus };
	const char *dir = "/dev/hugepages";
	struct statfs fs;
	int c;

	while ((c = getopt_long(argc, argv, "s:n:r:vh", names, NULL)) != -1) {
		switch (c) {
		case 's':
			huge.seed = parse_range(optarg, 1, UINT16_MAX);
			break;
		case 'n':
			huge.ops = parse_range(optarg, 1, UINT32_MAX);
			break;
		case 'r':
			huge.race = parse_range(optarg, 1, 3600);
			break;
		case 'v':
			huge.verbose = true;
			break;
		case 'h':
			fputs(usage_text, stdout);
			return 0;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind + 1 < argc)
		usage_error("one DIR, not %d; hugefs --help tells the options", argc - optind);
	if (optind < argc)
		dir = argv[optind];
	printf("KTAP version 1\n1..1\n");
	if (statfs(dir, &fs) || fs.f_type != HUGETLBFS_MAGIC)
		skip("%s is no hugetlbfs: mount -t hugetlbfs none %s", dir, dir);
	snprintf(huge.path, sizeof(huge.path), "%s/hugefs.%d", dir, getpid());
	huge.page = fs.f_bsize;
	huge.random = huge.seed;
	if (huge_pool(&huge, "free_hugepages") < POOL_PAGES)
		skip("%lu huge pages are free, %d are wanted: vm.nr_hugepages",
		     huge_pool(&huge, "free_hugepages"), POOL_PAGES);
	huge.reserved = huge_pool(&huge, "resv_hugepages");
	huge.model = calloc(MAX_PAGES, huge.page);
	huge.buf = malloc(MAX_PAGES * huge.page);
	if (!huge.model || !huge.buf)
		usage_error("no memory");
	sigaction(SIGBUS, &action, NULL);
	run();
	printf("ok 1 hugefs\n");
	return 0;
}
