// SPDX-License-Identifier: GPL-2.0
/*
 * The folio_* tests choose the order of the folios that the kernel takes. This is a setting
 * of the whole machine: it is put back when the test program, not one of its children, ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "folio_util.h"

#define TOP	"/sys/kernel/mm/transparent_hugepage/"

static struct setting {
	char path[128];
	char value[32];
} settings[80];

static unsigned int nr_settings;
static pid_t owner;

static void restore_settings(void)
{
	unsigned int i;

	for (i = 0; getpid() == owner && i < nr_settings; i++)
		write_text(settings[i].path, settings[i].value);
}

static void restore_and_die(int number)
{
	restore_settings();
	signal(number, SIG_DFL);
	raise(number);
}

/* The word in brackets, else the first. */
static void save_setting(const char *path)
{
	struct setting *s = &settings[nr_settings];
	char line[128], *word = line;
	FILE *file = fopen(path, "re");

	if (!file || nr_settings == ARRAY_SIZE(settings))
		return;
	if (fgets(line, sizeof(line), file)) {
		if (strchr(line, '['))
			word = strchr(line, '[') + 1;
		word[strcspn(word, "] \n")] = '\0';
		snprintf(s->path, sizeof(s->path), "%s", path);
		snprintf(s->value, sizeof(s->value), "%.31s", word);
		nr_settings++;
	}
	fclose(file);
}

static void save_all(const char *pattern)
{
	glob_t found;
	size_t i;

	if (!glob(pattern, 0, NULL, &found))
		for (i = 0; i < found.gl_pathc; i++)
			save_setting(found.gl_pathv[i]);
	globfree(&found);
}

static void __attribute__((constructor)) save_settings(void)
{
	static const int deadly[] = { SIGINT, SIGTERM, SIGHUP };
	size_t i;

	owner = getpid();
	save_all(TOP "hugepages-*kB/enabled");
	save_all(TOP "shmem_enabled");
	save_all(TOP "khugepaged/scan_sleep_millisecs");
	atexit(restore_settings);
	for (i = 0; i < ARRAY_SIZE(deadly); i++)
		signal(deadly[i], restore_and_die);
}

/*
 * From now on anonymous memory comes in folios of @bytes, or of a page (0). A memfd has folios
 * as large as its size allows by then, so it has to grow by @bytes at a time; or pages.
 */
const char *choose_sizes(enum backing backing, size_t bytes)
{
	static char reason[256];
	char path[128];
	unsigned int i;
	size_t kb;

	/* No folio is to grow behind the back of a test. */
	write_text(TOP "khugepaged/scan_sleep_millisecs", "3600000");
	snprintf(path, sizeof(path), TOP "shmem_enabled");
	if (backing == BACKING_SHMEM && write_text(path, bytes ? "within_size" : "never"))
		return NULL;
	if (backing == BACKING_FILE || !bytes)
		return NULL;
	if (backing == BACKING_ANON) {
		for (i = 0; i < nr_settings; i++)
			if (sscanf(settings[i].path, TOP "hugepages-%zukB", &kb) == 1 &&
			    kb != bytes >> 10)
				write_text(settings[i].path, "never");
		snprintf(path, sizeof(path), TOP "hugepages-%zukB/enabled", bytes >> 10);
		if (write_text(path, "madvise"))
			return NULL;
	}
	snprintf(reason, sizeof(reason), "%s: %s", path, strerror(errno));
	return reason;
}
