/* SPDX-License-Identifier: GPL-2.0 */
/* What mapload, crashload and poison share: random numbers, and bytes that name their place. */
#ifndef LOAD_H
#define LOAD_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common.h"

static inline size_t below(uint64_t *state, size_t limit)
{
	return limit ? next_random(state) % limit : 0;
}

/* stamp() - eight bytes for a place in a file and a generation; none of them is zero. */
static inline uint64_t stamp(uint64_t generation, uint64_t place)
{
	return mix(generation << 40 ^ place) | 0x0101010101010101ULL;
}

/* finish() - ends with a line that says why. */
static inline void __noreturn __printf(2, 3) finish(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs(status == EXIT_SKIP ? "skipped: " : "# ", stdout);
	vprintf(format, args);
	fputs("\n", stdout);
	va_end(args);
	fflush(stdout);
	_exit(status);
}

/* start_child() - fork(); the child goes when its parent does. */
static inline pid_t start_child(void)
{
	pid_t child = fork();

	if (child < 0)
		finish(EXIT_USAGE, "fork: %s", strerror(errno));
	if (!child)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return child;
}

static inline uint64_t parse_number(const char *text, const char *what)
{
	char *end;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (*end == 'K')
		value <<= 10;
	else if (*end == 'M')
		value <<= 20;
	end += *end == 'K' || *end == 'M';
	if (errno || *end || end == text || *text == '-')
		finish(EXIT_USAGE, "%s %s is not a number; K and M may follow it", what, text);
	return value;
}

#endif /* LOAD_H */
