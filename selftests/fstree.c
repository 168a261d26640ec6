// SPDX-License-Identifier: GPL-2.0
/*
 * fstree: random operations on a tree of files, each checked against a model.
 *
 * What fsx is for the bytes of one file, this is for names, links, modes, extended
 * attributes and directories. The model follows from the seed alone, so that a tree
 * can be compared again later: after a remount, or after what a crash left of it.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fstree.h"

static const char usage_text[] =
"usage: fstree [option...] [DIR]\n"
"\n"
"Creates, renames, links, writes and removes files below DIR (default: ./fstree.dir)\n"
"and compares what is there with a model. Prints KTAP; a failure names the operation.\n"
"\n"
"  -s, --seed N       the same seed gives the same tree (default 1)\n"
"  -n, --ops N        how many operations in each process (default 2000)\n"
"  -p, --processes N  so many at once, each in a directory of its own (default 1)\n"
"  -k, --keep         leave the tree there; else all of it is removed at the end\n"
"  -C, --check        change nothing: compare the tree that --keep has left, with the\n"
"                     same seed, operations and processes\n"
"  -f, --from N       begin with operation N; those before are what --keep has left,\n"
"                     with the same seed and processes\n"
"  -w, --without WHAT use no links, symlinks, xattrs (parted by commas)\n"
"  -S, --seconds      set times to whole seconds, for an image that keeps no others; also\n"
"                     with the --check of it\n"
"  -v, --verbose      print every operation\n"
"\n"
"Exit codes: 0 all agreed, 1 something is not as it must be, 2 usage or set-up.\n";

/* pick_operation() - one of the table, by its weight, that this filesystem has. */
static const struct operation *pick_operation(struct tree *tree)
{
	unsigned int sum = 0, at, op;

	for (op = 0; op < nr_operations; op++)
		if ((operations[op].needs & tree->has) == operations[op].needs)
			sum += operations[op].weight;
	at = tree_random(tree, sum);
	for (op = 0; op < nr_operations; op++) {
		if ((operations[op].needs & tree->has) != operations[op].needs)
			continue;
		if (at < operations[op].weight)
			break;
		at -= operations[op].weight;
	}
	return &operations[op];
}

/* run_tree() - all of one process; does not return when something is wrong. */
static void run_tree(struct tree *tree)
{
	uint64_t quarter = tree->ops / 4 ? tree->ops / 4 : 1;
	bool made = tree->check || tree->from > 1;

	if (!made && mkdir(tree->top, 0755))
		usage_error("%s: %m; name a directory that can be made", tree->top);
	if (made && access(tree->top, R_OK | X_OK))
		usage_error("%s: %m; run without --check, with --keep, before", tree->top);
	tree_probe(tree);
	tree_init(tree);
	for (tree->number = 1; tree->number <= tree->ops; tree->number++) {
		const struct operation *op = pick_operation(tree);

		tree->live = !tree->check && tree->number >= tree->from;
		tree->doing = op->name;
		op->run(tree);
		if (tree->live && (tree->number % quarter == 0 || tree->number == tree->from))
			tree_compare(tree);
	}
	tree->doing = "the end";
	tree->live = true;
	tree_compare(tree);
	if (!tree->check && !tree->keep)
		tree_remove(tree);
}

static unsigned int parse_without(char *text)
{
	static const char *const names[] = { "links", "symlinks", "xattrs" };
	unsigned int found = 0, n;
	char *word;

	for (word = strtok(text, ","); word; word = strtok(NULL, ",")) {
		for (n = 0; n < ARRAY_SIZE(names) && strcmp(word, names[n]); n++)
			;
		if (n == ARRAY_SIZE(names))
			usage_error("--without %s is none of: links symlinks xattrs", word);
		found |= 1U << n;
	}
	return found;
}

/* run_processes() - the same tree in several directories, each with its own seed. */
static int run_processes(struct tree *tree, const char *dir, unsigned int processes)
{
	int worst = 0, status;
	unsigned int n;

	for (n = 0; n < processes; n++) {
		pid_t pid = fork();

		if (pid < 0)
			usage_error("fork: %m");
		if (pid)
			continue;
		snprintf(tree->top, sizeof(tree->top), "%s/%u", dir, n);
		tree->seed += n;
		tree->random = tree->seed;
		run_tree(tree);
		fflush(stdout);
		_exit(0);
	}
	while (wait(&status) > 0) {
		int code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;

		worst = code > worst ? code : worst;
	}
	return worst;
}

int main(int argc, char **argv)
{
	static const struct option names[] = {
		{ "seed", 1, NULL, 's' }, { "ops", 1, NULL, 'n' },
		{ "processes", 1, NULL, 'p' }, { "keep", 0, NULL, 'k' },
		{ "from", 1, NULL, 'f' }, { "without", 1, NULL, 'w' },
		{ "seconds", 0, NULL, 'S' },
		{ "check", 0, NULL, 'C' }, { "verbose", 0, NULL, 'v' },
		{ "help", 0, NULL, 'h' }, {}
	};
	static struct tree tree = { .seed = 1, .ops = 2000, .from = 1 };
	const char *dir = "fstree.dir";
	unsigned int processes = 1;
	int c, status;

	while ((c = getopt_long(argc, argv, "s:n:p:kCf:w:Svh", names, NULL)) != -1) {
		switch (c) {
		case 's':
			tree.seed = parse_range(optarg, 1, UINT32_MAX);
			break;
		case 'n':
			tree.ops = parse_range(optarg, 1, UINT32_MAX);
			break;
		case 'p':
			processes = parse_range(optarg, 1, 64);
			break;
		case 'k':
			tree.keep = true;
			break;
		case 'C':
			tree.check = true;
			break;
		case 'f':
			tree.from = parse_range(optarg, 1, UINT32_MAX);
			break;
		case 'w':
			tree.without = parse_without(optarg);
			break;
		case 'S':
			tree.seconds = true;
			break;
		case 'v':
			tree.verbose = true;
			break;
		case 'h':
			fputs(usage_text, stdout);
			return 0;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind + 1 < argc) {
		fprintf(stderr, "fstree: one DIR, not %d; fstree --help tells the options\n",
			argc - optind);
		return EXIT_USAGE;
	}
	if (optind < argc)
		dir = argv[optind];
	umask(0);
	printf("KTAP version 1\n1..1\n");
	fflush(stdout);
	if (!tree.check && tree.from == 1 && mkdir(dir, 0755))
		usage_error("%s: %m; name a directory that can be made", dir);
	status = run_processes(&tree, dir, processes);
	if (!status && !tree.check && !tree.keep && rmdir(dir)) {
		printf("# %s is not empty after all was removed: %m\n", dir);
		status = EXIT_WRONG;
	}
	if (status == EXIT_USAGE)
		return status;
	if (status)
		printf("# repeat: fstree --seed %ju --ops %ju --processes %u%s %s\n",
		       (uintmax_t)tree.seed, (uintmax_t)tree.ops, processes,
		       tree.check ? " --check" : "", dir);
	printf("%sok 1 fstree\n", status ? "not " : "");
	return status;
}
