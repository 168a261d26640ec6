// SPDX-License-Identifier: GPL-2.0
/*
 * crashload: files that are written, mapped, cut and replaced, and synced now and then,
 * until the machine is reset under them; and the comparison with what had been synced.
 *
 * All that happens to a file follows from the seed. A batch is some operations and an
 * fsync(); when that has returned, the number of the batch is written to the notes, a
 * device that the reset does not touch. So the notes say what the file must hold, and
 * only the batch after it is in doubt: each of its bytes may be old or new.
 */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crashload.h"

static const char usage_text[] =
"usage: crashload --notes FILE [option...] DIR\n"
"\n"
"Writers change and sync a file each in DIR, and note in FILE what has been synced.\n"
"Ends after so many batches; the writers go on, for somebody to reset the machine.\n"
"\n"
"  -n, --notes FILE    a disk or a file that survives\n"
"  -s, --seed N        of what is random (default 1)\n"
"  -w, --writers N     processes (default 4)\n"
"  -b, --batches N     of all of them together (default 100)\n"
"  -k, --kill          the writers are killed at the end\n"
"  -c, --check         compares DIR with what FILE notes, of the same seed\n"
"\n"
"Exit codes: 0 all agreed, 1 a byte or name was wrong, 2 usage or set-up.\n";

struct options opt = { .seed = 1, .writers = 4, .batches = 100 };

static uint64_t *batches_done;	/* by all writers; shared */

void need(bool good, const struct file *file, const char *what)
{
	if (!good)
		finish(EXIT_WRONG, "%s: %s: %s", file->path, what, strerror(errno));
}

unsigned char byte_of(uint64_t generation, size_t at)
{
	return stamp(generation, at & ~7UL) >> 8 * (at & 7);
}

void op_fill(const struct op *op, unsigned char *buf)
{
	size_t at;

	for (at = 0; at < op->len; at++)
		buf[at] = op->kind == PUNCH ? 0 : byte_of(op->generation, op->off + at);
}

void file_init(struct file *file, uint64_t number)
{
	file->number = number;
	file->random = opt.seed * 1000 + number;
	file->generation = number << 20;
	file->data = calloc(FILE_MAX, 1);
	snprintf(file->path, sizeof(file->path), "%s/f%ju", opt.dir, number);
	if (!file->data)
		finish(EXIT_USAGE, "not enough memory");
}

/* The next operation on a file of this size; not on what the file holds. */
static struct op next_op(struct file *file, size_t size)
{
	struct op op = { .kind = below(&file->random, NR_KINDS), .generation = ++file->generation };
	size_t most = below(&file->random, 4) ? 16384 : 262144;

	/* Without a file there is nothing to cut or to map. */
	if (op.kind != WRITE && (size < 4096 || (op.kind == GROW && size > FILE_MAX / 2)))
		op.kind = WRITE;
	op.off = below(&file->random, size + (op.kind == WRITE && size < FILE_MAX / 2) * 65536);
	op.len = 1 + below(&file->random, most);
	if (op.kind == GROW)
		op.off = size;
	if (op.kind == CUT)
		op.len = size - op.off;
	if ((op.kind == MAPWRITE || op.kind == PUNCH) && op.off + op.len > size)
		op.len = size - op.off;
	if (op.off + op.len > FILE_MAX)
		op.len = FILE_MAX - op.off;
	return op;
}

size_t size_after(const struct op *op, size_t size)
{
	if (op->kind == CUT)
		return op->off;
	return op->off + op->len > size ? op->off + op->len : size;
}

struct batch next_batch(struct file *file)
{
	struct batch batch = { .replace = below(&file->random, 8) == 0 };
	unsigned int nr = batch.replace ? 1 : 1 + below(&file->random, BATCH_MAX);
	size_t size = batch.replace ? 0 : file->size;

	while (batch.nr < nr) {
		struct op *op = &batch.ops[batch.nr++];

		*op = next_op(file, size);
		size = size_after(op, size);
	}
	return batch;
}

void model_apply(struct file *file, const struct batch *batch)
{
	unsigned int n;

	if (batch->replace) {
		memset(file->data, 0, FILE_MAX);
		file->size = 0;
	}
	for (n = 0; n < batch->nr; n++) {
		const struct op *op = &batch->ops[n];

		if (op->kind == CUT)
			memset(file->data + op->off, 0, op->len);
		else if (op->kind != GROW)
			op_fill(op, file->data + op->off);
		file->size = size_after(op, file->size);
	}
}

static void write_range(struct file *file, int fd, const struct op *op)
{
	static unsigned char buf[FILE_MAX];
	size_t put = 0;

	op_fill(op, buf);
	while (put < op->len) {
		ssize_t ret = pwrite(fd, buf + put, op->len - put, op->off + put);

		need(ret > 0, file, "write");
		put += ret;
	}
}

static void write_mapped(struct file *file, int fd, const struct op *op)
{
	unsigned char *map = mmap(NULL, FILE_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	need(map != MAP_FAILED, file, "mmap");
	op_fill(op, map + op->off);
	munmap(map, FILE_MAX);
}

static void do_op(struct file *file, int fd, const struct op *op)
{
	switch (op->kind) {
	case MAPWRITE:
		write_mapped(file, fd, op);
		break;
	case CUT:
		need(!ftruncate(fd, op->off), file, "truncate");
		break;
	case GROW:
		need(!ftruncate(fd, op->off + op->len), file, "truncate");
		break;
	case PUNCH:
		if (!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, op->off, op->len))
			break;
		/* Zeros that are written look the same. */
		need(errno == EOPNOTSUPP, file, "punch");
		write_range(file, fd, op);
		break;
	default:
		write_range(file, fd, op);
	}
}

static void sync_dir(struct file *file)
{
	int fd = open(opt.dir, O_RDONLY | O_DIRECTORY);

	need(fd >= 0 && !fsync(fd), file, "fsync of the directory");
	close(fd);
}

static void do_batch(struct file *file, const struct batch *batch)
{
	char path[sizeof(file->path) + 4];
	unsigned int n;
	int fd;

	snprintf(path, sizeof(path), "%s%s", file->path, batch->replace ? ".new" : "");
	fd = open(path, O_RDWR | O_CREAT | (batch->replace ? O_TRUNC : 0), 0600);
	need(fd >= 0, file, "open");
	for (n = 0; n < batch->nr; n++)
		do_op(file, fd, &batch->ops[n]);
	need(!(file->generation % 2 ? fsync(fd) : fdatasync(fd)), file, "fsync");
	close(fd);
	if (!batch->replace)
		return;
	need(!rename(path, file->path), file, "rename");
	sync_dir(file);
}

uint64_t note_sum(const struct note *note)
{
	return mix(note->seed ^ mix(note->writer ^ mix(note->batch)));
}

static void write_note(int fd, struct file *file, uint64_t batch)
{
	static struct note *note;

	if (!note && posix_memalign((void **)&note, NOTE_SIZE, NOTE_SIZE))
		finish(EXIT_USAGE, "not enough memory");
	memset(note, 0, NOTE_SIZE);
	strcpy(note->magic, "crashload");
	note->seed = opt.seed;
	note->writer = file->number;
	note->batch = batch;
	note->sum = note_sum(note);
	need(pwrite(fd, note, NOTE_SIZE, file->number * NOTE_SIZE) == NOTE_SIZE, file, "note");
}

int open_notes(int mode)
{
	int fd = open(opt.notes, mode | O_DSYNC | O_DIRECT | (mode == O_RDWR ? O_CREAT : 0), 0600);

	if (fd < 0)
		finish(EXIT_USAGE, "%s: %s", opt.notes, strerror(errno));
	return fd;
}

static void __noreturn write_file(uint64_t number)
{
	int notes = open_notes(O_RDWR), fd;
	struct file file = {};
	uint64_t done;

	file_init(&file, number);
	fd = open(file.path, O_RDWR | O_CREAT | O_EXCL, 0600);
	need(fd >= 0 && !fsync(fd), &file, "create");
	close(fd);
	sync_dir(&file);
	for (done = 0;; done++) {
		struct batch batch;

		write_note(notes, &file, done);
		__atomic_add_fetch(batches_done, 1, __ATOMIC_RELAXED);
		batch = next_batch(&file);
		do_batch(&file, &batch);
		model_apply(&file, &batch);
	}
}

static void load(void)
{
	pid_t *writers = calloc(opt.writers, sizeof(*writers));
	uint64_t n;

	if (!writers || (mkdir(opt.dir, 0700) && errno != EEXIST))
		finish(EXIT_USAGE, "%s: %s", opt.dir, strerror(errno));
	for (n = 0; n < opt.writers; n++) {
		writers[n] = fork();
		if (!writers[n])
			write_file(n);
	}
	while (__atomic_load_n(batches_done, __ATOMIC_RELAXED) < opt.batches) {
		if (waitpid(-1, NULL, WNOHANG))
			finish(EXIT_WRONG, "a writer ended");
		usleep(1000);
	}
	for (n = 0; opt.kill && n < opt.writers; n++)
		kill(writers[n], SIGKILL);
	printf("# seed %ju, %ju writers: %ju batches synced so far\n", opt.seed, opt.writers,
	       *batches_done);
}

static void parse_options(int argc, char **argv)
{
	static const struct option names[] = {
		{ "notes", 1, NULL, 'n' }, { "seed", 1, NULL, 's' }, { "writers", 1, NULL, 'w' },
		{ "batches", 1, NULL, 'b' }, { "kill", 0, NULL, 'k' }, { "check", 0, NULL, 'c' },
		{ "help", 0, NULL, 'h' }, {}
	};
	static const char letters[] = "swb";
	uint64_t * const numbers[] = { &opt.seed, &opt.writers, &opt.batches };
	int c;

	while ((c = getopt_long(argc, argv, "n:s:w:b:kch", names, NULL)) != -1) {
		const char *number = strchr(letters, c);

		if (c == 'h' || c == '?') {
			fputs(usage_text, c == 'h' ? stdout : stderr);
			exit(c == 'h' ? EXIT_AGREED : EXIT_USAGE);
		}
		if (number)
			*numbers[number - letters] = parse_number(optarg, "a value:");
		if (c == 'n')
			opt.notes = optarg;
		opt.kill |= c == 'k';
		opt.check |= c == 'c';
	}
	if (optind + 1 != argc || !opt.notes)
		finish(EXIT_USAGE, "one DIR and --notes are needed; --help tells the options");
	opt.dir = argv[optind];
}

int main(int argc, char **argv)
{
	parse_options(argc, argv);
	batches_done = mmap(NULL, sizeof(*batches_done), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (batches_done == MAP_FAILED)
		finish(EXIT_USAGE, "no memory: %s", strerror(errno));
	if (opt.check)
		check_all();
	else
		load();
	return EXIT_AGREED;
}
