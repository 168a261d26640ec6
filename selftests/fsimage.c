// SPDX-License-Identifier: GPL-2.0
/*
 * fsimage: files whose contents follow from the seed, read in every way there is.
 *
 * For filesystems that are only read: the tree is made elsewhere, packed into an image
 * and compared there. Nothing of it has to be kept to know what must be in it. The
 * files end before, at and behind the borders of pages, blocks and folios; some
 * compress well, some not at all, some change from one to the other in the middle.
 */
#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fsimage.h"

#define PIECE		13000	/* of a mixed file: no power of two divides it */
#define LINE		64	/* of text */

static const char usage_text[] =
"usage: fsimage [option...] [DIR]\n"
"\n"
"Makes files in DIR (default: ./fsimage.dir), reads them in every way and compares each\n"
"byte; then they are removed. Prints KTAP; a failure names the byte.\n"
"\n"
"  -s, --seed N       the same seed gives the same files (default 1)\n"
"  -l, --large MIB    size of the four large ones (default 4; 0: none)\n"
"  -k, --keep         only make the files, and leave them there\n"
"  -C, --check        only compare, what --keep has made with the same options\n"
"  -b, --by WAYS      read, pread, map, splice, direct, parted by commas (default: all)\n"
"  -p, --processes N  so many read at once, each in another order (default 1)\n"
"  -d, --drop         drop the page cache again and again meanwhile (root)\n"
"\n"
"Exit codes: 0 all agreed, 1 something is not as it must be, 2 usage or set-up, 4 none of\n"
"the WAYS is there.\n";

static const char *const kinds[] = { "text", "mixed", "random", "zero" };

/* Files that end one byte before, at and one byte behind these, besides the first. */
static const size_t borders[] = {
	512, 4096, 8192, 12288, 16384, 32768, 65536, 131072, 262144, 1 << 20, 2 << 20,
};

#define NR_SMALL	2	/* of no byte and of one */
#define NR_EDGES	(NR_SMALL + 3 * ARRAY_SIZE(borders))
#define NR_LARGE	NR_KINDS
#define NR_TWINS	1	/* the same bytes as in another: images store them once */

/* In one write, for several processes may say something. */
void image_wrong(const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	printf("# %s\n", text);
	fflush(stdout);
	_exit(EXIT_WRONG);
}

uint64_t image_random(struct image *image, uint64_t limit)
{
	uint64_t number = next_random(&image->random);

	return limit ? number % limit : 0;
}

/* text_at() - a line tells where it is, so that a misplaced one is another. */
static unsigned char text_at(uint64_t stamp, size_t off)
{
	static const char line[LINE + 1] =
		"................ the quick brown fox jumps over the lazy dog ...\n";
	size_t at = off % LINE;

	if (at >= 16)
		return line[at];
	return "0123456789abcdef"[(stamp + off / LINE) >> 4 * (15 - at) & 15];
}

static unsigned char byte_at(enum kind kind, uint64_t stamp, size_t off)
{
	switch (kind) {
	case TEXT:
		return text_at(stamp, off);
	case MIXED:
		return byte_at(mix(stamp + off / PIECE) % NR_KINDS == RANDOM ? RANDOM :
			       mix(stamp + off / PIECE) % NR_KINDS == ZERO ? ZERO : TEXT,
			       stamp, off);
	case RANDOM:
		return mix(stamp + off / 8) >> 8 * (off % 8);
	default:
		return 0;
	}
}

void image_fill(const struct file *file, size_t off, unsigned char *buf, size_t len)
{
	size_t at;

	for (at = 0; at < len; at++)
		buf[at] = byte_at(file->kind, file->stamp, off + at);
}

void image_compare(const struct file *file, size_t off, const unsigned char *is, size_t len)
{
	unsigned char must[4096];
	size_t at, n;

	for (at = 0; at < len; at += n) {
		n = len - at < sizeof(must) ? len - at : sizeof(must);
		image_fill(file, off + at, must, n);
		if (!memcmp(is + at, must, n))
			continue;
		for (n = 0; is[at + n] == must[n]; n++)
			;
		image_wrong("%s: byte %zu of %zu is %#x instead of %#x", file->path, off + at + n,
			    file->size, is[at + n], must[n]);
	}
}

static unsigned int count_files(const struct image *image)
{
	return NR_EDGES + (image->large ? NR_LARGE + NR_TWINS : 0);
}

/* describe() - all that file @n is. */
static struct file describe(const struct image *image, unsigned int n)
{
	unsigned int edge = n - NR_SMALL, as = n;
	struct file file;

	if (n == NR_EDGES + NR_LARGE)
		as = NR_EDGES + MIXED;
	file.kind = as >= NR_EDGES ? as - NR_EDGES : mix(image->seed + as) % NR_KINDS;
	file.stamp = mix(mix(image->seed) + as);
	if (n < NR_SMALL)
		file.size = n;
	else if (n < NR_EDGES)
		file.size = borders[edge / 3] + edge % 3 - 1;
	else
		file.size = image->large;
	snprintf(file.path, sizeof(file.path), "%s/%02u-%zu-%s", image->dir, n, file.size,
		 kinds[file.kind]);
	return file;
}

static void make_file(const struct file *file)
{
	static unsigned char buf[64 << 10];
	int fd = open(file->path, O_CREAT | O_EXCL | O_WRONLY, 0644);
	size_t off, len;

	/* Zeroes are a hole. */
	if (fd < 0 || ftruncate(fd, file->size))
		usage_error("%s: %m", file->path);
	for (off = 0; off < file->size && file->kind != ZERO; off += len) {
		len = file->size - off < sizeof(buf) ? file->size - off : sizeof(buf);
		image_fill(file, off, buf, len);
		if (write(fd, buf, len) != (ssize_t)len)
			usage_error("%s: %m", file->path);
	}
	close(fd);
}

static void check_names(const struct image *image)
{
	unsigned int found = 0;
	struct dirent *each;
	DIR *stream = opendir(image->dir);

	if (!stream)
		usage_error("%s: %m; make it with --keep", image->dir);
	while ((each = readdir(stream)))
		found += strcmp(each->d_name, ".") && strcmp(each->d_name, "..");
	closedir(stream);
	if (found != count_files(image))
		image_wrong("%s has %u files instead of %u", image->dir, found,
			    count_files(image));
}

/* check_files() - all of them from another one on, in each way; EXIT_SKIP: in none. */
static int check_files(struct image *image, unsigned int process)
{
	unsigned int n, way, done = 0, files = count_files(image);

	image->random = mix(image->seed) + process;
	for (n = 0; n < files; n++) {
		struct file file = describe(image, (n + process * 7) % files);
		struct stat st;

		if (stat(file.path, &st))
			image_wrong("%s: %m", file.path);
		if ((size_t)st.st_size != file.size)
			image_wrong("%s has %jd bytes", file.path, (intmax_t)st.st_size);
		for (way = 0; way < nr_ways; way++)
			if (image->ways & 1U << way && ways[way].run(image, &file) && file.size)
				done |= 1U << way;
	}
	for (way = 0; way < nr_ways && !process; way++)
		if (image->ways & ~done & 1U << way)
			printf("# not supported here: %s\n", ways[way].name);
	fflush(stdout);
	return done ? 0 : EXIT_SKIP;
}

static int check(struct image *image)
{
	unsigned int left = image->processes, n;
	int status, worst = 0, code;

	check_names(image);
	if (image->drop)
		drop_caches("4");
	for (n = 0; n < image->processes; n++) {
		pid_t pid = fork();

		if (pid < 0)
			usage_error("fork: %m");
		if (!pid)
			_exit(check_files(image, n));
	}
	while (left) {
		pid_t pid = waitpid(-1, &status, image->drop ? WNOHANG : 0);

		if (pid < 0)
			usage_error("wait: %m");
		if (!pid) {
			drop_caches("1");
			usleep(100000);
			continue;
		}
		/* What is wrong counts more than what is not there. */
		code = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_WRONG;
		if (!WIFEXITED(status))
			printf("# a reader died of signal %d\n", WTERMSIG(status));
		if (code && (!worst || code < worst))
			worst = code;
		left--;
	}
	return worst;
}

static void make_or_remove(struct image *image, bool make)
{
	unsigned int n;

	if (make && mkdir(image->dir, 0755))
		usage_error("%s: %m; name a directory that can be made", image->dir);
	for (n = 0; n < count_files(image); n++) {
		struct file file = describe(image, n);

		if (make)
			make_file(&file);
		else if (unlink(file.path))
			image_wrong("%s cannot be removed: %m", file.path);
	}
	if (!make && rmdir(image->dir))
		image_wrong("%s cannot be removed: %m", image->dir);
}

static unsigned int parse_ways(char *text)
{
	unsigned int found = 0, n;
	char *word;

	for (word = strtok(text, ","); word; word = strtok(NULL, ",")) {
		for (n = 0; n < nr_ways && strcmp(word, ways[n].name); n++)
			;
		if (n == nr_ways)
			usage_error("--by %s is none of: read pread map splice direct", word);
		found |= 1U << n;
	}
	return found;
}

int main(int argc, char **argv)
{
	static const struct option names[] = {
		{ "seed", 1, NULL, 's' }, { "large", 1, NULL, 'l' }, { "keep", 0, NULL, 'k' },
		{ "check", 0, NULL, 'C' }, { "by", 1, NULL, 'b' }, { "processes", 1, NULL, 'p' },
		{ "drop", 0, NULL, 'd' }, { "help", 0, NULL, 'h' }, {}
	};
	struct image image = { .dir = "fsimage.dir", .seed = 1, .large = 4 << 20,
			       .processes = 1, .ways = ~0U };
	int c, status = 0;

	while ((c = getopt_long(argc, argv, "s:l:kCb:p:dh", names, NULL)) != -1) {
		switch (c) {
		case 's':
			image.seed = parse_range(optarg, 1, UINT32_MAX);
			break;
		case 'l':
			image.large = parse_range(optarg, 0, 1024) << 20;
			break;
		case 'k':
			image.keep = true;
			break;
		case 'C':
			image.check = true;
			break;
		case 'b':
			image.ways = parse_ways(optarg);
			break;
		case 'p':
			image.processes = parse_range(optarg, 1, 64);
			break;
		case 'd':
			image.drop = true;
			break;
		case 'h':
			fputs(usage_text, stdout);
			return 0;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind + 1 < argc)
		usage_error("one DIR, not %d; fsimage --help tells the options", argc - optind);
	if (optind < argc)
		image.dir = argv[optind];
	printf("KTAP version 1\n1..1\n");
	fflush(stdout);
	if (!image.check)
		make_or_remove(&image, true);
	if (!image.keep)
		status = check(&image);
	if (!status && !image.keep && !image.check)
		make_or_remove(&image, false);
	if (status == EXIT_USAGE)
		return status;
	printf("%sok 1 fsimage%s\n", status == EXIT_WRONG ? "not " : "",
	       status == EXIT_SKIP ? " # SKIP none of these ways is there" : "");
	return status;
}
