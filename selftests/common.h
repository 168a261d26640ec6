/* SPDX-License-Identifier: GPL-2.0 */
/* What all programs here share but those on kselftest_harness.h. */
#ifndef COMMON_H
#define COMMON_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef __noreturn
#define __noreturn	__attribute__((__noreturn__))
#endif
#ifndef __printf
#define __printf(a, b)	__attribute__((__format__(printf, a, b)))
#endif

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#endif

enum {
	EXIT_AGREED = 0,
	EXIT_WRONG = 1,
	EXIT_USAGE = 2,
	EXIT_SKIP = 4,		/* as kselftest has it */
};

/* mix() - a number that all bits of @x decide. */
static inline uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static inline uint64_t next_random(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15ULL;
	return mix(*state);
}

/* usage_error() - ends the program, also one that was forked, with a line on stderr. */
static inline void __noreturn __printf(1, 2) usage_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	_exit(EXIT_USAGE);
}

/* parse_range() - a decimal number from @min to @max, or the end. */
static inline uint64_t parse_range(const char *text, uint64_t min, uint64_t max)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (*end || end == text || *text == '-' || value < min || value > max)
		usage_error("'%s' is not a number from %ju to %ju", text, (uintmax_t)min,
			    (uintmax_t)max);
	return value;
}

/*
 * drop_caches() - "1": the page cache; "2": names and inodes; "3": both; "4": without a word
 * on the console from then on.
 */
static inline void drop_caches(const char *what)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (fd < 0 || write(fd, what, 1) != 1)
		usage_error("/proc/sys/vm/drop_caches: %m; only root can drop caches");
	close(fd);
}

#endif /* COMMON_H */
