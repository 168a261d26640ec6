// SPDX-License-Identifier: GPL-2.0
/* crashload: the comparison after the reset. */
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "crashload.h"

static bool is_zeroed(const struct op *op, size_t at)
{
	return (op->kind == CUT && at >= op->off) ||
	       (op->kind == PUNCH && at >= op->off && at < op->off + op->len);
}

/* may_be() - whether the batch in doubt can have left @byte at @at. */
static bool may_be(const struct file *file, const struct batch *batch, size_t at,
		   unsigned char byte)
{
	unsigned int n;

	if (at < file->size ? byte == file->data[at] : !byte)
		return true;
	for (n = 0; n < batch->nr; n++) {
		const struct op *op = &batch->ops[n];

		if (!byte && is_zeroed(op, at))
			return true;
		if ((op->kind == WRITE || op->kind == MAPWRITE) && at >= op->off &&
		    at < op->off + op->len && byte == byte_of(op->generation, at))
			return true;
	}
	return false;
}

static void __noreturn wrong_data(const struct file *file, const struct batch *batch, uint64_t done,
				  size_t at, unsigned char byte)
{
	static const char * const names[] = { "write", "mapwrite", "cut", "grow", "punch" };
	unsigned int n;

	printf("# %s: batch %ju was synced, size %#zx%s; in doubt:\n", file->path, done, file->size,
	       batch->replace ? "; replaced" : "");
	for (n = 0; n < batch->nr; n++)
		printf("#   %-8s %#zx..%#zx\n", names[batch->ops[n].kind], batch->ops[n].off,
		       batch->ops[n].off + batch->ops[n].len);
	finish(EXIT_WRONG, "%s: WRONG DATA at %#zx: 0x%02x, synced was 0x%02x", file->path, at,
	       byte, file->data[at]);
}

/* A file that was replaced is the old or the new one, and no mixture. */
static void check_replaced(const struct file *file, const struct batch *batch, uint64_t done,
			   const unsigned char *buf, size_t size)
{
	struct file new = *file;
	size_t at;

	new.data = calloc(FILE_MAX, 1);
	if (!new.data)
		finish(EXIT_USAGE, "not enough memory");
	model_apply(&new, batch);
	if (size != new.size || memcmp(buf, new.data, size)) {
		for (at = 0; at < size && at < file->size && buf[at] == file->data[at]; at++)
			;
		if (size != file->size)
			finish(EXIT_WRONG, "%s: WRONG SIZE %#zx, not the old %#zx nor the new %#zx",
			       file->path, size, file->size, new.size);
		if (at < size)
			wrong_data(file, batch, done, at, buf[at]);
	}
	free(new.data);
}

static void check_doubtful(const struct file *file, const struct batch *batch, uint64_t done,
			   const unsigned char *buf, size_t size)
{
	size_t least = file->size, most = file->size, now = file->size, at;
	unsigned int n;

	for (n = 0; n < batch->nr; n++) {
		now = size_after(&batch->ops[n], now);
		least = now < least ? now : least;
		most = now > most ? now : most;
	}
	if (size < least || size > most)
		finish(EXIT_WRONG, "%s: WRONG SIZE %#zx after batch %ju; %#zx to %#zx are possible",
		       file->path, size, done, least, most);
	for (at = 0; at < size; at++)
		if (!may_be(file, batch, at, buf[at]))
			wrong_data(file, batch, done, at, buf[at]);
}

/* Returns how many batches of this file had been synced. */
static uint64_t check_file(uint64_t number, const struct note *note)
{
	static unsigned char buf[FILE_MAX + 1];
	struct file file = {};
	struct batch batch;
	size_t size = 0;
	uint64_t done;
	ssize_t got;
	int fd;

	file_init(&file, number);
	if (strcmp(note->magic, "crashload") || note->seed != opt.seed || note->writer != number ||
	    note->sum != note_sum(note))
		finish(EXIT_WRONG, "%s: no note of it; was anything synced with seed %ju?",
		       file.path, opt.seed);
	for (done = 0; done < note->batch; done++) {
		batch = next_batch(&file);
		model_apply(&file, &batch);
	}
	batch = next_batch(&file);
	fd = open(file.path, O_RDONLY);
	need(fd >= 0, &file, "open, though it had been synced");
	while ((got = pread(fd, buf + size, sizeof(buf) - size, size)) > 0)
		size += got;
	need(!got, &file, "read");
	close(fd);
	if (batch.replace)
		check_replaced(&file, &batch, done, buf, size);
	else
		check_doubtful(&file, &batch, done, buf, size);
	free(file.data);
	return done;
}

static void check_names(void)
{
	DIR *dir = opendir(opt.dir);
	struct dirent *entry;

	if (!dir)
		finish(EXIT_WRONG, "%s: %s", opt.dir, strerror(errno));
	while ((entry = readdir(dir))) {
		uint64_t number;
		char rest[8] = "";

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (sscanf(entry->d_name, "f%ju%7s", &number, rest) < 1 || number >= opt.writers ||
		    (*rest && strcmp(rest, ".new")))
			finish(EXIT_WRONG, "%s/%s: nobody made it", opt.dir, entry->d_name);
	}
	closedir(dir);
}

void check_all(void)
{
	int notes = open_notes(O_RDONLY);
	uint64_t n, done = 0;
	struct note *note;

	if (posix_memalign((void **)&note, NOTE_SIZE, NOTE_SIZE))
		finish(EXIT_USAGE, "not enough memory");
	for (n = 0; n < opt.writers; n++) {
		if (pread(notes, note, NOTE_SIZE, n * NOTE_SIZE) != NOTE_SIZE)
			finish(EXIT_USAGE, "%s: %s", opt.notes, strerror(errno));
		done += check_file(n, note);
	}
	check_names();
	if (done + opt.writers < opt.batches)
		finish(EXIT_WRONG, "only %ju batches are noted of %ju", done, opt.batches);
	printf("# seed %ju, %ju writers: %ju batches are as they were synced\n", opt.seed,
	       opt.writers, done);
}
