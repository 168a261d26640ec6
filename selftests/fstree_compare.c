// SPDX-License-Identifier: GPL-2.0
/* fstree: the model as a whole, and the tree against the model. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fstree.h"

/* In one write, for several processes may say something. */
void tree_wrong(const struct tree *tree, const char *format, ...)
{
	char text[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	printf("# %s: operation %ju, %s: %s\n", tree->top, (uintmax_t)tree->number, tree->doing,
	       text);
	fflush(stdout);
	_exit(EXIT_WRONG);
}

uint64_t tree_random(struct tree *tree, uint64_t limit)
{
	uint64_t number = next_random(&tree->random);

	return limit ? number % limit : 0;
}

void tree_init(struct tree *tree)
{
	tree->nodes[0] = (struct node) { .mode = S_IFDIR | 0755, .links = 1 };
	tree->entries[0].node = &tree->nodes[0];
}

void tree_path(const struct tree *tree, const struct entry *entry, char *path, size_t size)
{
	const struct entry *chain[MAX_DEPTH + 1];
	unsigned int depth = 0;
	size_t at;

	for (; entry->parent; entry = entry->parent)
		chain[depth++] = entry;
	at = snprintf(path, size, "%s", tree->top);
	while (depth)
		at += snprintf(path + at, size - at, "/%s", chain[--depth]->name);
}

/* What a file or an attribute with this stamp holds. */
void tree_fill(uint64_t stamp, size_t off, unsigned char *buf, size_t len)
{
	size_t at;

	for (at = 0; at < len; at++)
		buf[at] = mix(stamp + (off + at) / 8) >> 8 * ((off + at) % 8);
}

unsigned int tree_children(const struct tree *tree, const struct entry *dir)
{
	unsigned int n, children = 0;

	for (n = 1; n < MAX_ENTRIES; n++)
		children += tree->entries[n].node && tree->entries[n].parent == dir;
	return children;
}

static void compare_data(const struct tree *tree, const struct node *node, const char *path)
{
	static unsigned char is[64 << 10], must[64 << 10];
	size_t off = 0, at;
	int fd = open(path, O_RDONLY);
	ssize_t got;
	size_t good;

	if (fd < 0)
		tree_wrong(tree, "%s cannot be opened: %m", path);
	while (off < node->size) {
		got = read(fd, is, sizeof(is));
		if (got <= 0)
			tree_wrong(tree, "%s: read at %zu gave %zd: %m", path, off, got);
		good = off < node->filled ? node->filled - off : 0;
		memset(must, 0, got);
		tree_fill(node->stamp, off, must, good < (size_t)got ? good : (size_t)got);
		for (at = 0; at < (size_t)got; at++)
			if (is[at] != must[at])
				tree_wrong(tree, "%s: byte %zu is %#x instead of %#x", path,
					   off + at, is[at], must[at]);
		off += got;
	}
	close(fd);
}

static void compare_xattr(const struct tree *tree, const struct node *node, const char *path)
{
	unsigned char is[MAX_XATTR + 1], must[MAX_XATTR];
	ssize_t got = getxattr(path, TREE_XATTR, is, sizeof(is));

	if (got < 0 && errno != ENODATA)
		tree_wrong(tree, "%s: getxattr: %m", path);
	if ((got < 0 ? 0 : (size_t)got) != node->xattr)
		tree_wrong(tree, "%s: attribute of %zd bytes instead of %zu", path, got,
			   node->xattr);
	tree_fill(node->xattr_stamp, 0, must, node->xattr);
	if (memcmp(is, must, node->xattr))
		tree_wrong(tree, "%s: the attribute has another value", path);
}

static void compare_target(const struct tree *tree, const struct node *node, const char *path)
{
	char is[MAX_NAME + 1] = "";

	if (readlink(path, is, sizeof(is) - 1) < 0)
		tree_wrong(tree, "%s: readlink: %m", path);
	if (strcmp(is, node->target))
		tree_wrong(tree, "%s leads to '%s' instead of '%s'", path, is, node->target);
}

static bool is_child(const struct tree *tree, const struct entry *dir, const char *name)
{
	unsigned int n;

	for (n = 1; n < MAX_ENTRIES; n++)
		if (tree->entries[n].node && tree->entries[n].parent == dir &&
		    !strcmp(tree->entries[n].name, name))
			return true;
	return false;
}

/* Each name of the model is looked up by itself: here what else there is, and how it is written. */
static void compare_dir(const struct tree *tree, const struct entry *dir, const char *path)
{
	unsigned int found = 0, due = tree_children(tree, dir);
	struct dirent *each;
	DIR *stream = opendir(path);

	if (!stream)
		tree_wrong(tree, "%s: opendir: %m", path);
	while ((each = readdir(stream))) {
		if (!strcmp(each->d_name, ".") || !strcmp(each->d_name, ".."))
			continue;
		if (!is_child(tree, dir, each->d_name))
			tree_wrong(tree, "%s has an entry '%s', which none is called", path,
				   each->d_name);
		found++;
	}
	closedir(stream);
	if (found != due)
		tree_wrong(tree, "%s has %u entries instead of %u", path, found, due);
}

/*
 * The same name in the other case is the same file, or none. Held open meanwhile, for
 * an inode that has no number on the disk gets another one when it is read again.
 */
static void compare_case(const struct tree *tree, const char *path)
{
	int fd = open(path, O_PATH | O_NOFOLLOW);
	struct stat st, is = {};
	char other[PATH_MAX];
	int error;

	if (fd < 0 || fstat(fd, &st))
		tree_wrong(tree, "%s cannot be opened: %m", path);
	snprintf(other, sizeof(other), "%s", path);
	tree_flip_case(other);
	error = lstat(other, &is) ? errno : 0;
	if (tree->has & HAS_CASE && error != ENOENT)
		tree_wrong(tree, "%s, which nothing is called: %s", other, strerror(error));
	if (!(tree->has & HAS_CASE) && (error || is.st_ino != st.st_ino))
		tree_wrong(tree, "%s is not the file %s: %s", other, path, strerror(error));
	close(fd);
}

/* What the mode must be: where none can be set, that of all others. */
static mode_t mode_due(const struct tree *tree, const struct node *node)
{
	if (tree->has & HAS_MODES)
		return node->mode;
	return S_ISDIR(node->mode) ? tree->dir_mode : tree->file_mode;
}

static void compare_entry(const struct tree *tree, const struct entry *entry)
{
	const struct node *node = entry->node;
	char path[PATH_MAX];
	struct stat st;
	uint64_t mtime;

	tree_path(tree, entry, path, sizeof(path));
	if (lstat(path, &st))
		tree_wrong(tree, "%s: lstat: %m", path);
	mtime = st.st_mtim.tv_sec * SECOND + st.st_mtim.tv_nsec;
	if ((st.st_mode & S_IFMT) != (node->mode & S_IFMT))
		tree_wrong(tree, "%s: type %o instead of %o", path, st.st_mode & S_IFMT,
			   node->mode & S_IFMT);
	/* Neither the mode of a symlink nor the links of a directory mean anything. */
	if (!S_ISLNK(node->mode) && st.st_mode != mode_due(tree, node))
		tree_wrong(tree, "%s: mode %o instead of %o", path, st.st_mode,
			   mode_due(tree, node));
	if (!S_ISDIR(node->mode) && st.st_nlink != node->links)
		tree_wrong(tree, "%s: %ju links instead of %u", path, (uintmax_t)st.st_nlink,
			   node->links);
	if (S_ISREG(node->mode)) {
		if ((size_t)st.st_size != node->size)
			tree_wrong(tree, "%s: %ju bytes instead of %zu", path,
				   (uintmax_t)st.st_size, node->size);
		compare_data(tree, node, path);
		if (node->mtime && mtime != node->mtime)
			tree_wrong(tree, "%s: mtime %ju ns instead of %ju", path,
				   (uintmax_t)mtime, (uintmax_t)node->mtime);
	}
	if (S_ISLNK(node->mode))
		compare_target(tree, node, path);
	else if (tree->has & HAS_XATTR)
		compare_xattr(tree, node, path);
	if (S_ISDIR(node->mode))
		compare_dir(tree, entry, path);
	if (entry->parent)
		compare_case(tree, path);
}

void tree_compare(struct tree *tree)
{
	unsigned int n;

	for (n = 0; n < MAX_ENTRIES; n++)
		if (tree->entries[n].node)
			compare_entry(tree, &tree->entries[n]);
}

/* tree_remove() - all of it, a directory after what is in it. */
void tree_remove(struct tree *tree)
{
	char path[PATH_MAX];
	bool again = true;
	unsigned int n;

	while (again) {
		again = false;
		for (n = 1; n < MAX_ENTRIES; n++) {
			struct entry *entry = &tree->entries[n];

			if (!entry->node || tree_children(tree, entry))
				continue;
			tree_path(tree, entry, path, sizeof(path));
			if (S_ISDIR(entry->node->mode) ? rmdir(path) : unlink(path))
				tree_wrong(tree, "%s cannot be removed: %m", path);
			entry->node = NULL;
			again = true;
		}
	}
	if (rmdir(tree->top))
		tree_wrong(tree, "%s cannot be removed: %m", tree->top);
	if (tree->from > 1) {
		snprintf(path, sizeof(path), "%s.has", tree->top);
		unlink(path);
	}
}
