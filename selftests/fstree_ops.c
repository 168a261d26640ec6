// SPDX-License-Identifier: GPL-2.0
/*
 * fstree: the operations. Each draws the same random numbers whether it is done
 * (tree->live) or only modelled, and finds nothing to do when the tree has nothing
 * of the kind it wants.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fstree.h"

static void say(const struct tree *tree, const char *path, const char *other)
{
	if (tree->verbose && tree->live)
		printf("# %8ju %-10s %s%s%s\n", (uintmax_t)tree->number, tree->doing, path,
		       *other ? " to " : "", other);
}

/* done() - the result of a system call, which must be a success. */
static void done(const struct tree *tree, long result, const char *path)
{
	if (result < 0)
		tree_wrong(tree, "%s: %m", path);
}

static unsigned int depth_of(const struct entry *entry)
{
	unsigned int depth = 0;

	for (; entry->parent; entry = entry->parent)
		depth++;
	return depth;
}

/* pick() - one of the entries whose type is in @types, or NULL; @top is one, too. */
static struct entry *pick(struct tree *tree, unsigned int types, bool top)
{
	unsigned int n, at = tree_random(tree, MAX_ENTRIES);

	for (n = 0; n < MAX_ENTRIES; n++) {
		struct entry *entry = &tree->entries[(at + n) % MAX_ENTRIES];

		if (entry->node && (top || entry->parent) &&
		    types & 1U << ((entry->node->mode & S_IFMT) >> 12))
			return entry;
	}
	return NULL;
}

#define REG	(1U << (S_IFREG >> 12))
#define DIRS	(1U << (S_IFDIR >> 12))
#define LNK	(1U << (S_IFLNK >> 12))

/* pick_parent() - a directory that takes another level of directories. */
static struct entry *pick_parent(struct tree *tree)
{
	struct entry *dir = pick(tree, DIRS, true);

	return depth_of(dir) < MAX_DEPTH - 1 ? dir : &tree->entries[0];
}

/*
 * new_name() - one that was never there; most are short, some fill directory blocks.
 * Some begin with a capital, which a filesystem has to keep though it may not care.
 */
static void new_name(struct tree *tree, char *name)
{
	size_t len = tree_random(tree, 4) ? 0 : tree_random(tree, MAX_NAME - 24);
	int at;

	tree->named++;
	at = snprintf(name, MAX_NAME, "%c%ju", tree->named % 3 ? 'n' : 'N',
		      (uintmax_t)tree->named);
	if (len > tree->max_name - at)
		len = tree->max_name - at;
	memset(name + at, 'x', len);
	name[at + len] = 0;
}

static struct entry *new_entry(struct tree *tree, struct entry *parent)
{
	unsigned int n;

	for (n = 1; n < MAX_ENTRIES; n++) {
		struct entry *entry = &tree->entries[n];

		if (!entry->node) {
			entry->parent = parent;
			new_name(tree, entry->name);
			return entry;
		}
	}
	return NULL;
}

static struct node *new_node(struct tree *tree, mode_t mode)
{
	struct node *node = tree->nodes;

	while (node->links)
		node++;
	*node = (struct node) { .mode = mode, .links = 1 };
	return node;
}

static mode_t random_mode(struct tree *tree)
{
	return 0600 | tree_random(tree, 0100);
}

/* fill_file() - makes the file @size bytes of a new stamp; most are small. */
static void fill_file(struct tree *tree, struct node *node, const char *path)
{
	static unsigned char buf[MAX_FILE];
	int fd;

	node->size = tree_random(tree, tree_random(tree, 8) ? 20000 : MAX_FILE);
	node->filled = node->size;
	node->stamp = tree_random(tree, UINT64_MAX);
	node->mtime = 0;
	if (!tree->live)
		return;
	tree_fill(node->stamp, 0, buf, node->size);
	fd = open(path, O_WRONLY | O_TRUNC);
	done(tree, fd, path);
	if (write(fd, buf, node->size) != (ssize_t)node->size)
		tree_wrong(tree, "%s: write of %zu bytes: %m", path, node->size);
	done(tree, close(fd), path);
}

static void do_create(struct tree *tree)
{
	struct entry *entry = new_entry(tree, pick(tree, DIRS, true));
	mode_t mode = random_mode(tree);
	int fd;
	char path[PATH_MAX];

	if (!entry)
		return;
	entry->node = new_node(tree, S_IFREG | mode);
	tree_path(tree, entry, path, sizeof(path));
	say(tree, path, "");
	if (tree->live) {
		fd = open(path, O_CREAT | O_EXCL | O_WRONLY, mode);
		done(tree, fd, path);
		done(tree, close(fd), path);
	}
	if (tree_random(tree, 4))
		fill_file(tree, entry->node, path);
}

static void do_mkdir(struct tree *tree)
{
	struct entry *entry = new_entry(tree, pick_parent(tree));
	mode_t mode = 0700 | random_mode(tree);
	char path[PATH_MAX];

	if (!entry)
		return;
	entry->node = new_node(tree, S_IFDIR | mode);
	tree_path(tree, entry, path, sizeof(path));
	say(tree, path, "");
	if (tree->live)
		done(tree, mkdir(path, mode), path);
}

static void do_symlink(struct tree *tree)
{
	struct entry *entry = new_entry(tree, pick(tree, DIRS, true));
	char path[PATH_MAX];

	if (!entry)
		return;
	entry->node = new_node(tree, S_IFLNK | 0777);
	new_name(tree, entry->node->target);
	tree_path(tree, entry, path, sizeof(path));
	say(tree, path, entry->node->target);
	if (tree->live)
		done(tree, symlink(entry->node->target, path), path);
}

static void do_link(struct tree *tree)
{
	struct entry *from = pick(tree, REG, false), *to;
	char path[PATH_MAX], other[PATH_MAX];

	to = from ? new_entry(tree, pick(tree, DIRS, true)) : NULL;
	if (!to)
		return;
	to->node = from->node;
	to->node->links++;
	tree_path(tree, from, path, sizeof(path));
	tree_path(tree, to, other, sizeof(other));
	say(tree, path, other);
	if (tree->live)
		done(tree, link(path, other), other);
}

static void do_write(struct tree *tree)
{
	struct entry *entry = pick(tree, REG, false);
	char path[PATH_MAX];

	if (!entry)
		return;
	tree_path(tree, entry, path, sizeof(path));
	say(tree, path, "");
	fill_file(tree, entry->node, path);
}

static void do_truncate(struct tree *tree)
{
	struct entry *entry = pick(tree, REG, false);
	size_t size = tree_random(tree, 50000);
	char path[PATH_MAX];

	if (!entry)
		return;
	entry->node->size = size;
	entry->node->mtime = 0;
	if (entry->node->filled > size)
		entry->node->filled = size;
	tree_path(tree, entry, path, sizeof(path));
	say(tree, path, "");
	if (tree->live)
		done(tree, truncate(path, size), path);
}

static bool is_below(const struct entry *entry, const struct entry *dir)
{
	for (; entry; entry = entry->parent)
		if (entry == dir)
			return true;
	return false;
}

/* rename_over() - the name of one file becomes that of another, which loses a link. */
static void rename_over(struct tree *tree, struct entry *from, struct entry *to)
{
	char path[PATH_MAX], other[PATH_MAX];

	tree_path(tree, from, path, sizeof(path));
	tree_path(tree, to, other, sizeof(other));
	say(tree, path, other);
	if (tree->live)
		done(tree, rename(path, other), other);
	/* Two names of one file: POSIX wants both to stay. */
	if (from->node == to->node)
		return;
	to->node->links--;
	to->node = from->node;
	from->node = NULL;
}

static void do_rename(struct tree *tree)
{
	struct entry *from = pick(tree, REG | LNK | DIRS, false), *dir = pick_parent(tree);
	struct entry *over = pick(tree, REG | LNK, false);
	bool replace = !tree_random(tree, 3);
	char path[PATH_MAX], other[PATH_MAX];

	if (!from)
		return;
	/* Not into itself, and one with entries stays in its place: no path too deep. */
	if (S_ISDIR(from->node->mode)) {
		dir = is_below(dir, from) ? &tree->entries[0] : dir;
		dir = tree_children(tree, from) ? from->parent : dir;
	} else if (replace && over && over != from) {
		rename_over(tree, from, over);
		return;
	}
	tree_path(tree, from, path, sizeof(path));
	from->parent = dir;
	new_name(tree, from->name);
	tree_path(tree, from, other, sizeof(other));
	say(tree, path, other);
	if (tree->live)
		done(tree, rename(path, other), other);
}

static void do_unlink(struct tree *tree)
{
	struct entry *entry = pick(tree, REG | LNK, false);
	char path[PATH_MAX];

	if (!entry)
		return;
	tree_path(tree, entry, path, sizeof(path));
	say(tree, path, "");
	if (tree->live)
		done(tree, unlink(path), path);
	entry->node->links--;
	entry->node = NULL;
}

/* A directory that is not empty must be refused. */
static void do_rmdir(struct tree *tree)
{
	struct entry *entry = pick(tree, DIRS, false);
	int result;
	char path[PATH_MAX];

	if (!entry)
		return;
	tree_path(tree, entry, path, sizeof(path));
	say(tree, path, "");
	if (tree_children(tree, entry)) {
		result = tree->live ? rmdir(path) : -1;
		if (!result || (tree->live && errno != ENOTEMPTY && errno != EEXIST))
			tree_wrong(tree, "%s, which is not empty: %s", path,
				   result ? strerror(errno) : "removed");
		return;
	}
	if (tree->live)
		done(tree, rmdir(path), path);
	entry->node->links = 0;
	entry->node = NULL;
}

static void do_chmod(struct tree *tree)
{
	struct entry *entry = pick(tree, REG, false);
	mode_t mode = random_mode(tree);
	char path[PATH_MAX];

	if (!entry)
		return;
	entry->node->mode = S_IFREG | mode;
	tree_path(tree, entry, path, sizeof(path));
	say(tree, path, "");
	if (tree->live)
		done(tree, chmod(path, mode), path);
}

/* From 2000 to 2030, which all of them can store; only a write may change it again. */
static void do_utime(struct tree *tree)
{
	struct entry *entry = pick(tree, REG, false);
	uint64_t mtime = 946684800 * SECOND + tree_random(tree, 946684800 * SECOND);
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
	char path[PATH_MAX];

	if (!entry)
		return;
	if (tree->seconds)
		mtime -= mtime % SECOND;
	entry->node->mtime = mtime - mtime % tree->time_step;
	tree_path(tree, entry, path, sizeof(path));
	say(tree, path, "");
	times[1] = (struct timespec) { mtime / SECOND, mtime % SECOND };
	if (tree->live)
		done(tree, utimensat(AT_FDCWD, path, times, 0), path);
}

static void do_setxattr(struct tree *tree)
{
	struct entry *entry = pick(tree, REG | DIRS, true);
	struct node *node = entry->node;
	unsigned char value[MAX_XATTR];
	char path[PATH_MAX];

	node->xattr = 1 + tree_random(tree, tree_random(tree, 4) ? 60 : tree->max_xattr);
	node->xattr_stamp = tree_random(tree, UINT64_MAX);
	tree_fill(node->xattr_stamp, 0, value, node->xattr);
	tree_path(tree, entry, path, sizeof(path));
	say(tree, path, "");
	if (tree->live)
		done(tree, setxattr(path, TREE_XATTR, value, node->xattr, 0), path);
}

static void do_removexattr(struct tree *tree)
{
	struct entry *entry = pick(tree, REG | DIRS, true);
	char path[PATH_MAX];

	if (!entry->node->xattr)
		return;
	entry->node->xattr = 0;
	tree_path(tree, entry, path, sizeof(path));
	say(tree, path, "");
	if (tree->live)
		done(tree, removexattr(path, TREE_XATTR), path);
}

static void do_fsync(struct tree *tree)
{
	unsigned int types = tree->has & HAS_SYNC_DIR ? REG | DIRS : REG;
	struct entry *entry = pick(tree, types, true);
	int fd;
	char path[PATH_MAX];

	if (!entry)
		return;
	tree_path(tree, entry, path, sizeof(path));
	say(tree, path, "");
	if (!tree->live)
		return;
	fd = open(path, O_RDONLY);
	done(tree, fd, path);
	done(tree, fsync(fd), path);
	close(fd);
}

const struct operation operations[] = {
	{ "create", 25, 0, do_create },
	{ "mkdir", 8, 0, do_mkdir },
	{ "symlink", 6, HAS_SYMLINK, do_symlink },
	{ "link", 8, HAS_LINK, do_link },
	{ "write", 12, 0, do_write },
	{ "truncate", 6, 0, do_truncate },
	{ "rename", 20, 0, do_rename },
	{ "unlink", 18, 0, do_unlink },
	{ "rmdir", 6, 0, do_rmdir },
	{ "chmod", 4, HAS_MODES, do_chmod },
	{ "utime", 4, HAS_TIMES, do_utime },
	{ "setxattr", 8, HAS_XATTR, do_setxattr },
	{ "removexattr", 3, HAS_XATTR, do_removexattr },
	{ "fsync", 2, 0, do_fsync },
};

const unsigned int nr_operations = ARRAY_SIZE(operations);
