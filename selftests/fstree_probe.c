// SPDX-License-Identifier: GPL-2.0
/*
 * fstree: what a filesystem has, found by trying. The model must not differ between a
 * run and its --check, which may be where nothing can be written: what --keep has found
 * stands beside the tree, in a file.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fstree.h"

/* tree_flip_case() - the first letter of the last name in @path in the other case. */
void tree_flip_case(char *path)
{
	char *name = strrchr(path, '/');

	name = name ? name + 1 : path;
	*name = isupper((unsigned char)*name) ? tolower(*name) : toupper(*name);
}

/* The largest attribute of those that the operations set, or less. */
static void probe_xattr(struct tree *tree, const char *file)
{
	static const char value[MAX_XATTR];

	for (tree->max_xattr = MAX_XATTR; tree->max_xattr; tree->max_xattr /= 2) {
		if (!setxattr(file, TREE_XATTR, value, tree->max_xattr, 0)) {
			tree->has |= HAS_XATTR;
			return;
		}
		if (errno != ENOSPC && errno != ERANGE && errno != E2BIG)
			return;
	}
}

/* Where chmod() does nothing, or not all, modes are those that the mount gives. */
static void probe_modes(struct tree *tree, const char *file, const char *dir)
{
	static const mode_t modes[] = { 0613, 0764, 0600 };
	struct stat st;
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(modes); n++)
		if (chmod(file, modes[n]) || stat(file, &st) || (st.st_mode & 07777) != modes[n])
			break;
	if (n == ARRAY_SIZE(modes))
		tree->has |= HAS_MODES;
	if (stat(file, &st) || mkdir(dir, 0755))
		usage_error("%s: %m", dir);
	tree->file_mode = st.st_mode;
	if (stat(dir, &st) || rmdir(dir))
		usage_error("%s: %m", dir);
	tree->dir_mode = st.st_mode;
}

/* Which part of a time is kept: that of a file on FAT is one of even seconds. */
static void probe_times(struct tree *tree, const char *file)
{
	static const uint64_t steps[] = {
		1, 100, 1000, SECOND / 1000, SECOND / 100, SECOND, 2 * SECOND,
	};
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { 1000000001, 987654321 } };
	uint64_t mtime = 1000000001 * SECOND + 987654321;
	struct stat st;
	unsigned int n;

	if (utimensat(AT_FDCWD, file, times, 0) || stat(file, &st))
		return;
	for (n = 0; n < ARRAY_SIZE(steps); n++) {
		if (st.st_mtim.tv_sec * SECOND + st.st_mtim.tv_nsec != mtime - mtime % steps[n])
			continue;
		tree->time_step = steps[n];
		tree->has |= HAS_TIMES;
		return;
	}
}

static void recall_probe(struct tree *tree, const char *file)
{
	FILE *kept = fopen(file, "r");

	if (!kept || fscanf(kept, "%u %zu %ju %o %o %zu", &tree->has, &tree->max_xattr,
			    &tree->time_step, &tree->file_mode, &tree->dir_mode,
			    &tree->max_name) != 6)
		usage_error("%s: %m; it is made by --keep", file);
	fclose(kept);
}

static void keep_probe(const struct tree *tree, const char *file)
{
	FILE *kept = fopen(file, "w");

	if (!kept || fprintf(kept, "%u %zu %ju %o %o %zu\n", tree->has, tree->max_xattr,
			     tree->time_step, tree->file_mode, tree->dir_mode,
			     tree->max_name) < 0 || fclose(kept))
		usage_error("%s: %m", file);
}

/* hfs has no ->fsync() for directories, which is EINVAL; other errors are the test's. */
static void probe_sync(struct tree *tree)
{
	int fd = open(tree->top, O_RDONLY | O_DIRECTORY);

	if (fd < 0)
		usage_error("%s: %m", tree->top);
	if (!fsync(fd) || errno != EINVAL)
		tree->has |= HAS_SYNC_DIR;
	close(fd);
}

/* A longer one need not be an error: HFS cuts it off. */
static void probe_names(struct tree *tree)
{
	struct statvfs fs;

	if (statvfs(tree->top, &fs))
		usage_error("%s: %m", tree->top);
	tree->max_name = fs.f_namemax < MAX_NAME ? fs.f_namemax : MAX_NAME;
}

void tree_probe(struct tree *tree)
{
	char file[600], other[600];
	int fd;

	snprintf(file, sizeof(file), "%s.has", tree->top);
	if (tree->check || tree->from > 1) {
		recall_probe(tree, file);
		return;
	}
	snprintf(file, sizeof(file), "%s.probe", tree->top);
	snprintf(other, sizeof(other), "%s/probe", tree->top);
	fd = open(file, O_CREAT | O_EXCL | O_WRONLY, 0600);
	if (fd < 0)
		usage_error("%s: %m; DIR must be writable", file);
	close(fd);
	if (!link(file, other)) {
		tree->has |= HAS_LINK;
		unlink(other);
	}
	if (!symlink("nowhere", other)) {
		tree->has |= HAS_SYMLINK;
		unlink(other);
	}
	probe_names(tree);
	probe_sync(tree);
	probe_xattr(tree, file);
	probe_modes(tree, file, other);
	probe_times(tree, file);
	unlink(file);
	fd = open(other, O_CREAT | O_EXCL | O_WRONLY, 0600);
	if (fd < 0)
		usage_error("%s: %m", other);
	close(fd);
	snprintf(file, sizeof(file), "%s", other);
	tree_flip_case(file);
	if (access(file, F_OK))
		tree->has |= HAS_CASE;
	unlink(other);
	tree->has &= ~tree->without;
	if (tree->keep) {
		snprintf(file, sizeof(file), "%s.has", tree->top);
		keep_probe(tree, file);
	}
	if (tree->has != HAS_ALL)
		printf("# not supported here:%s%s%s%s%s%s%s\n",
		       tree->has & HAS_LINK ? "" : " links",
		       tree->has & HAS_SYMLINK ? "" : " symlinks",
		       tree->has & HAS_XATTR ? "" : " extended attributes",
		       tree->has & HAS_MODES ? "" : " modes",
		       tree->has & HAS_TIMES ? "" : " times",
		       tree->has & HAS_CASE ? "" : " upper and lower case",
		       tree->has & HAS_SYNC_DIR ? "" : " fsync of directories");
	fflush(stdout);
}
