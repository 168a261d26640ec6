// SPDX-License-Identifier: GPL-2.0
/*
 * fsx: random operations on one file, each read compared with a model in memory.
 *
 * The idea is that of Apple's fsx, which every filesystem developer knows; this one
 * picks its offsets around the borders of large folios, drops and reopens what is
 * cached, can be run against injected faults, and prints KTAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "fsx.h"
#include "fsx_noise.h"
#include "fsx_ops.h"

#define MAX_BLOCK	(64 << 10)

static const char usage_text[] =
"usage: fsx [option...] [FILE]\n"
"\n"
"Runs random operations on FILE (default: ./fsx.file) and compares what it reads\n"
"with what it must be. Prints KTAP; a failure ends with the last operations and\n"
"the command that repeats it.\n"
"\n"
"  -s, --seed N          the same seed gives the same operations (default 1)\n"
"  -n, --ops N           how many (default 10000)\n"
"  -l, --length BYTES    the file never grows beyond (default 4M; K, M are known)\n"
"  -o, --op-max BYTES    one operation covers at most (default 256K)\n"
"  -m, --op-mask LIST    only these operations; -NAME,... all but these; +NAME,...\n"
"                        these, too (--list tells the names)\n"
"  -R, --require LIST    fail when one of these is not supported here\n"
"  -a, --align BYTES     offsets and lengths are multiples of it (default 1)\n"
"  -d, --direct-align B  the same for O_DIRECT (default: what statx says, or 4096)\n"
"  -c, --check N         read all of the file every N operations (default 1000)\n"
"  -j, --noise N         processes that read, map and drop the file meanwhile\n"
"  -e, --allow-errors    operations may fail (injected faults); what they did not\n"
"                        touch must still be right\n"
"  -k, --keep            leave the file there\n"
"  -v, --verbose         print every operation\n"
"  -L, --list            the names of the operations and whether they are default\n"
"\n"
"Exit codes: 0 all agreed, 1 wrong data, size or an error, 2 usage or set-up,\n"
"4 skipped: nothing could be tried here.\n";

uint64_t fsx_random(struct fsx *fsx)
{
	return next_random(&fsx->random);
}

size_t random_below(struct fsx *fsx, size_t limit)
{
	return limit ? fsx_random(fsx) % limit : 0;
}

static void __noreturn __printf(1, 2) die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("fsx: ", stderr);
	vfprintf(stderr, format, args);
	fputs("\n", stderr);
	va_end(args);
	exit(EXIT_USAGE);
}

static void print_record(const struct record *rec, bool marked)
{
	printf("# %c%8ju %-14s", marked ? '>' : ' ', rec->number,
	       operations[rec->op].name);
	if (rec->len)
		printf(" %#zx..%#zx (%zu)", rec->off, rec->off + rec->len, rec->len);
	else if (rec->off)
		printf(" %#zx", rec->off);
	if (rec->dest)
		printf(" to %#zx", rec->dest);
	if (rec->size_before != rec->size_after)
		printf(" size %#zx -> %#zx", rec->size_before, rec->size_after);
	printf("%s%s\n", rec->err ? " " : "", rec->err ? strerror(-rec->err) : "");
}

static bool touches(const struct record *rec, size_t from, size_t to)
{
	size_t low = rec->size_before, high = rec->size_after;

	if (low > high) {
		low = rec->size_after;
		high = rec->size_before;
	}
	return (rec->off < to && rec->off + rec->len > from) ||
	       (rec->dest && rec->dest < to && rec->dest + rec->len > from) ||
	       (low < to && high > from);
}

/* The last 20 operations, and before them the last 40 that touch the range. */
void log_print(struct fsx *fsx, size_t from, size_t to)
{
	uint64_t first = fsx->number > LOG_RECORDS ? fsx->number - LOG_RECORDS + 1 : 1, n;
	unsigned int marked = 0;

	for (n = first; n <= fsx->number; n++)
		marked += touches(&fsx->log[n % LOG_RECORDS], from, to);
	printf("# operations; > marks those that touch %#zx..%#zx\n", from, to);
	for (n = first; n <= fsx->number; n++) {
		const struct record *rec = &fsx->log[n % LOG_RECORDS];
		bool mark = touches(rec, from, to);

		if (n + 20 > fsx->number || (mark && marked <= 40))
			print_record(rec, mark);
		marked -= mark;
	}
}

/* The operations that were possible decide what a seed means: name them all. */
static void print_mask(struct fsx *fsx)
{
	unsigned int op, told = 0;

	for (op = 0; op < nr_operations; op++)
		if (fsx->enabled & (1ULL << op))
			printf("%s%s", told++ ? "," : "", operations[op].name);
}

void repeat_print(struct fsx *fsx)
{
	const struct options *opt = &fsx->opt;

	printf("# repeat: fsx --seed %ju --ops %ju --length %ju --op-max %ju", opt->seed,
	       fsx->number, opt->length, opt->op_max);
	printf(" --align %ju --direct-align %ju --check %ju --noise %ju%s --op-mask ", opt->align,
	       opt->direct_align, opt->check_every, opt->noise,
	       opt->allow_errors ? " --allow-errors" : "");
	print_mask(fsx);
	printf(" %s\n", opt->path);
}

/* Leaves both the file as it is and, beside it, as it should be. */
void fail_file(struct fsx *fsx)
{
	char *good;
	int fd;

	repeat_print(fsx);
	if (asprintf(&good, "%s.fsxgood", fsx->opt.path) > 0) {
		ssize_t size = fsx->model.size;

		fd = open(good, O_CREAT | O_TRUNC | O_WRONLY, 0600);
		if (fd >= 0 && write(fd, fsx->model.data, size) == size)
			printf("# what it should hold: %s\n", good);
	}
	printf("not ok 1 fsx\n");
	fflush(stdout);
	_exit(EXIT_WRONG);
}

/* Where errors are allowed, open() may fail by one, or the filesystem be read-only now. */
bool fsx_reopen(struct fsx *fsx)
{
	int tries = fsx->opt.allow_errors ? 20 : 1;

	if (fsx->fd >= 0)
		close(fsx->fd);
	if (fsx->direct_fd >= 0)
		close(fsx->direct_fd);
	for (fsx->fd = -1; fsx->fd < 0 && tries--;) {
		fsx->fd = open(fsx->opt.path, O_RDWR);
		if (fsx->fd < 0 && fsx->opt.allow_errors)
			fsx->fd = open(fsx->opt.path, O_RDONLY);
	}
	fsx->direct_fd = open(fsx->opt.path, O_RDWR | O_DIRECT);
	return fsx->fd >= 0;
}

static size_t direct_alignment(struct fsx *fsx)
{
#ifdef STATX_DIOALIGN
	struct statx stx;

	if (!statx(fsx->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) &&
	    stx.stx_mask & STATX_DIOALIGN && stx.stx_dio_offset_align)
		return stx.stx_dio_offset_align;
#endif
	return fsx->block > 4096 ? fsx->block : 4096;
}

static int find_operation(const char *name)
{
	unsigned int op;

	for (op = 0; op < nr_operations; op++)
		if (!strcmp(operations[op].name, name))
			return op;
	die("no operation is called '%s'; --list tells the names", name);
}

/* parse_mask() - a list of names over @base, as usage_text tells. */
static uint64_t parse_mask(const char *list, uint64_t base)
{
	char *copy = strdup(list), *save = NULL, *word;
	uint64_t mask = *list == '-' || *list == '+' ? base : 0;

	for (word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		if (*word == '-')
			mask &= ~(1ULL << find_operation(word + 1));
		else
			mask |= 1ULL << find_operation(*word == '+' ? word + 1 : word);
	}
	free(copy);
	return mask;
}

static uint64_t default_mask(void)
{
	uint64_t mask = 0;
	unsigned int op;

	for (op = 0; op < nr_operations; op++)
		if (operations[op].weight)
			mask |= 1ULL << op;
	return mask;
}

/* Faults may be on already: a probe that fails by one says nothing of the other tries. */
static bool is_supported(struct fsx *fsx, unsigned int op)
{
	int tries = fsx->opt.allow_errors ? 20 : 1;

	while (tries--) {
		bool there = !operations[op].probe || operations[op].probe(fsx);

		if (!ftruncate(fsx->fd, 0) && there)
			return true;
	}
	return false;
}

static void probe_operations(struct fsx *fsx, uint64_t required)
{
	unsigned int op;

	for (op = 0; op < nr_operations; op++) {
		if (!(fsx->enabled & (1ULL << op)) || is_supported(fsx, op))
			continue;
		fsx->enabled &= ~(1ULL << op);
		if (required & (1ULL << op))
			die("%s: %s is required and not supported here", fsx->opt.path,
			    operations[op].name);
		printf("# not supported here: %s\n", operations[op].name);
	}
	if (!fsx->enabled) {
		printf("ok 1 fsx # SKIP no operation is supported here\n");
		exit(EXIT_SKIP);
	}
}

static unsigned int pick_operation(struct fsx *fsx)
{
	unsigned int op, sum = 0, at;

	for (op = 0; op < nr_operations; op++)
		if (fsx->enabled & (1ULL << op))
			sum += operations[op].weight ? operations[op].weight : 1;
	at = random_below(fsx, sum);
	for (op = 0; op < nr_operations; op++) {
		if (!(fsx->enabled & (1ULL << op)))
			continue;
		sum = operations[op].weight ? operations[op].weight : 1;
		if (at < sum)
			break;
		at -= sum;
	}
	return op;
}

/* An injected fault: the range is open, the size somewhere on the way. */
static void reconcile(struct fsx *fsx, const struct record *rec)
{
	size_t least = fsx->model.size, most = fsx->model.size;
	struct stat st;

	fsx->errors++;
	if (rec->doubt_from < least)
		least = rec->doubt_from;
	if (rec->doubt_to > most)
		most = rec->doubt_to;
	if (!fstat(fsx->fd, &st) && (size_t)st.st_size >= least && (size_t)st.st_size <= most)
		model_resize(fsx, st.st_size);
	model_doubt(fsx, rec->doubt_from, rec->doubt_to);
}

static void run_operation(struct fsx *fsx)
{
	struct record *rec = &fsx->log[fsx->number % LOG_RECORDS];

	memset(rec, 0, sizeof(*rec));
	rec->op = pick_operation(fsx);
	rec->number = fsx->number;
	rec->size_before = fsx->model.size;
	rec->err = operations[rec->op].run(fsx, rec);
	if (rec->err && fsx->opt.allow_errors)
		reconcile(fsx, rec);
	rec->size_after = fsx->model.size;
	if (fsx->opt.verbose)
		print_record(rec, false);
	if (rec->err && !fsx->opt.allow_errors) {
		printf("# operation %ju (%s) failed: %s\n", fsx->number,
		       operations[rec->op].name, strerror(-rec->err));
		log_print(fsx, rec->off, rec->off + rec->len);
		fail_file(fsx);
	}
	fsx->done[rec->op]++;
	check_size(fsx);
	if (fsx->opt.check_every && fsx->number % fsx->opt.check_every == 0)
		check_whole(fsx);
}

static uint64_t parse_number(const char *text, int option, bool may_be_zero)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (*end == 'K' || *end == 'k')
		value <<= 10;
	else if (*end == 'M' || *end == 'm')
		value <<= 20;
	end += strspn(end, "KkMm") == 1;
	if (errno || *end || end == text || *text == '-' || (!value && !may_be_zero))
		die("-%c %s is not a number%s; K and M may follow it", option, text,
		    may_be_zero ? "" : " above 0");
	return value;
}

static void list_operations(void)
{
	unsigned int op;

	for (op = 0; op < nr_operations; op++)
		printf("%-15s %s\n", operations[op].name,
		       operations[op].weight ? "default" : "only when asked for");
	exit(EXIT_AGREED);
}

static uint64_t parse_options(struct fsx *fsx, int argc, char **argv)
{
	static const struct option names[] = {
		{ "seed", 1, NULL, 's' }, { "ops", 1, NULL, 'n' },
		{ "length", 1, NULL, 'l' }, { "op-max", 1, NULL, 'o' },
		{ "op-mask", 1, NULL, 'm' }, { "require", 1, NULL, 'R' },
		{ "align", 1, NULL, 'a' }, { "direct-align", 1, NULL, 'd' },
		{ "check", 1, NULL, 'c' }, { "noise", 1, NULL, 'j' },
		{ "allow-errors", 0, NULL, 'e' }, { "keep", 0, NULL, 'k' },
		{ "verbose", 0, NULL, 'v' }, { "list", 0, NULL, 'L' },
		{ "help", 0, NULL, 'h' }, {}
	};
	struct options *opt = &fsx->opt;
	const struct {
		int c;
		uint64_t *value;
		bool may_be_zero;
	} numbers[] = {
		{ 's', &opt->seed, true }, { 'n', &opt->ops, false },
		{ 'l', &opt->length, false }, { 'o', &opt->op_max, false },
		{ 'a', &opt->align, false }, { 'd', &opt->direct_align, false },
		{ 'c', &opt->check_every, true }, { 'j', &opt->noise, true },
	};
	uint64_t required = 0;
	size_t n;
	int c;

	while ((c = getopt_long(argc, argv, "s:n:l:o:m:R:a:d:c:j:ekvLh", names, NULL)) != -1) {
		for (n = 0; n < ARRAY_SIZE(numbers); n++)
			if (numbers[n].c == c)
				*numbers[n].value = parse_number(optarg, c, numbers[n].may_be_zero);
		if (c == 'm')
			fsx->enabled = parse_mask(optarg, fsx->enabled);
		else if (c == 'R')
			required = parse_mask(optarg, 0);
		else if (c == 'L')
			list_operations();
		else if (c == '?')
			die("fsx --help tells the options");
		opt->allow_errors |= c == 'e';
		opt->keep |= c == 'k';
		opt->verbose |= c == 'v';
		if (c == 'h') {
			fputs(usage_text, stdout);
			exit(EXIT_AGREED);
		}
	}
	if (optind + 1 < argc)
		die("one FILE, not %d; fsx --help tells the options", argc - optind);
	if (optind < argc)
		opt->path = argv[optind];
	return required;
}

static void set_up(struct fsx *fsx)
{
	struct options *opt = &fsx->opt;
	struct statvfs fs;

	if (opt->length > 1ULL << 30)
		die("--length %ju is more than the model may take, 1024M", opt->length);
	if (opt->op_max > opt->length)
		opt->op_max = opt->length;
	fsx->fd = open(opt->path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fsx->fd < 0)
		die("%s: %s; name a file in the filesystem to try", opt->path, strerror(errno));
	fsx->direct_fd = open(opt->path, O_RDWR | O_DIRECT);
	fsx->page = sysconf(_SC_PAGESIZE);
	fsx->block = fstatvfs(fsx->fd, &fs) || !fs.f_bsize ? fsx->page : fs.f_bsize;
	/* What is larger is not a block but what a server likes best. */
	if (fsx->block > MAX_BLOCK)
		fsx->block = MAX_BLOCK;
	if (!opt->direct_align)
		opt->direct_align = direct_alignment(fsx);
	opt->length -= opt->length % opt->align;
	if (opt->length < 8 * fsx->block || opt->length < 8 * opt->direct_align)
		die("--length %ju is too short: 8 blocks of %ju bytes at least", opt->length,
		    fsx->block > opt->direct_align ? (uint64_t)fsx->block : opt->direct_align);
	fsx->buf = mmap(NULL, opt->length + 2 * fsx->page, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fsx->log = calloc(LOG_RECORDS, sizeof(*fsx->log));
	if (fsx->buf == MAP_FAILED || !fsx->log || make_pattern(fsx) ||
	    model_init(&fsx->model, opt->length))
		die("not enough memory for %ju bytes; use a smaller --length", opt->length);
	fsx->random = opt->seed;
}

int main(int argc, char **argv)
{
	static struct fsx fsx = {
		.opt = { .path = "fsx.file", .seed = 1, .ops = 10000, .length = 4 << 20,
			 .op_max = 256 << 10, .align = 1, .check_every = 1000 },
		.fd = -1, .direct_fd = -1,
	};
	uint64_t required;
	unsigned int op;

	fsx.enabled = default_mask();
	required = parse_options(&fsx, argc, argv);
	fsx.enabled |= required;
	set_up(&fsx);
	printf("KTAP version 1\n1..1\n");
	probe_operations(&fsx, required);
	fflush(stdout);
	start_noise(&fsx.opt);
	for (fsx.number = 1; fsx.number <= fsx.opt.ops; fsx.number++)
		run_operation(&fsx);
	fsx.number = fsx.opt.ops;
	/* What the disk holds must be the same as what the cache holds. */
	model_sync_result(&fsx, !fsync(fsx.fd));
	posix_fadvise(fsx.fd, 0, 0, POSIX_FADV_DONTNEED);
	check_whole(&fsx);
	printf("# seed %ju, %ju operations:", fsx.opt.seed,
	       fsx.number);
	for (op = 0; op < nr_operations; op++)
		if (fsx.done[op])
			printf(" %s %ju", operations[op].name, fsx.done[op]);
	printf("\n");
	if (fsx.opt.allow_errors)
		printf("# errors that were allowed: %ju\n", fsx.errors);
	printf("ok 1 fsx\n");
	if (!fsx.opt.keep)
		unlink(fsx.opt.path);
	return EXIT_AGREED;
}
