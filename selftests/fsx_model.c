// SPDX-License-Identifier: GPL-2.0
/*
 * fsx: the model of the file, and how the file is held to it.
 *
 * Where errors are allowed (injected faults), an operation that failed leaves its
 * range unknown, and a failed fsync() all that was written since the last good
 * one: the kernel keeps the new contents as clean, and a later eviction brings
 * back the old. Such bytes are believed as they are read, until they have been
 * written again and synced. All others are compared always.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fsx.h"

/* zeroes() - how many bytes are zero before the first that is not. */
size_t zeroes(const unsigned char *buf, size_t len)
{
	static const unsigned char none[4096];
	size_t at = 0;

	while (len - at >= sizeof(none) && !memcmp(buf + at, none, sizeof(none)))
		at += sizeof(none);
	while (at < len && !buf[at])
		at++;
	return at;
}

int model_init(struct model *model, size_t max)
{
	model->data = calloc(max, 1);
	model->state = calloc(max, 1);
	model->max = max;
	return model->data && model->state ? 0 : -ENOMEM;
}

/* What one operation changes is one range, in however many steps it does so. */
static void touch(struct fsx *fsx, size_t off, size_t len)
{
	struct record *rec = &fsx->log[fsx->number % LOG_RECORDS];
	struct model *model = &fsx->model;
	bool first = rec->changed_from == rec->changed_to;
	size_t at;

	if (!len)
		return;
	if (first || off < rec->changed_from)
		rec->changed_from = off;
	if (first || off + len > rec->changed_to)
		rec->changed_to = off + len;
	for (at = off; fsx->opt.allow_errors && at < off + len; at++)
		model->state[at] |= BYTE_DIRTY;
}

void model_resize(struct fsx *fsx, size_t size)
{
	struct model *model = &fsx->model;
	size_t low = size < model->size ? size : model->size;
	size_t high = size < model->size ? model->size : size;

	memset(model->data + low, 0, high - low);
	touch(fsx, low, high - low);
	model->size = size;
}

void model_write(struct fsx *fsx, size_t off, const unsigned char *buf, size_t len)
{
	struct model *model = &fsx->model;

	if (off + len > model->size)
		model_resize(fsx, off + len);
	memcpy(model->data + off, buf, len);
	touch(fsx, off, len);
}

/* Zeroes what lies inside of the file; the size stays. */
void model_zero(struct fsx *fsx, size_t off, size_t len)
{
	struct model *model = &fsx->model;

	if (off >= model->size)
		return;
	if (off + len > model->size)
		len = model->size - off;
	memset(model->data + off, 0, len);
	touch(fsx, off, len);
}

/* What copies, collapse and insert do; the ranges may overlap. */
void model_move(struct fsx *fsx, size_t dest, size_t off, size_t len)
{
	struct model *model = &fsx->model;
	size_t at;

	if (dest + len > model->size)
		model_resize(fsx, dest + len);
	memmove(model->data + dest, model->data + off, len);
	if (!fsx->opt.allow_errors) {
		touch(fsx, dest, len);
		return;
	}
	memmove(model->state + dest, model->state + off, len);
	touch(fsx, dest, len);
	/* A copy of what is unknown stays so, however well it is synced. */
	for (at = dest; at < dest + len; at++)
		if (model->state[at] & BYTE_UNKNOWN)
			model->state[at] = BYTE_UNKNOWN;
}

void model_doubt(struct fsx *fsx, size_t from, size_t to)
{
	struct model *model = &fsx->model;

	if (to > model->max)
		to = model->max;
	if (from < to)
		memset(model->state + from, BYTE_UNKNOWN, to - from);
}

void model_sync_result(struct fsx *fsx, bool good)
{
	struct model *model = &fsx->model;
	size_t at;

	for (at = 0; fsx->opt.allow_errors && at < model->max; at++)
		if (model->state[at] & BYTE_DIRTY)
			model->state[at] = good ? 0 : BYTE_UNKNOWN;
}

/* Takes over what is unknown; returns the first byte that is wrong, or @len. */
static size_t first_wrong(struct fsx *fsx, size_t off, const unsigned char *buf, size_t len)
{
	struct model *model = &fsx->model;
	size_t at = 0;

	if (!fsx->opt.allow_errors && !memcmp(model->data + off, buf, len))
		return len;
	for (; at < len; at++) {
		if (buf[at] == model->data[off + at])
			continue;
		if (!(model->state[off + at] & BYTE_UNKNOWN))
			break;
		model->data[off + at] = buf[at];
	}
	return at;
}

/* A dirty byte that went back may be due to an error that fsync() has yet to tell. */
static bool sync_explains(struct fsx *fsx, size_t off)
{
	if (!fsx->opt.allow_errors || !(fsx->model.state[off] & BYTE_DIRTY))
		return false;
	if (!fsync(fsx->fd))
		return false;
	fsx->errors++;
	model_sync_result(fsx, false);
	return true;
}

static const char *describe(const unsigned char *buf, size_t len)
{
	return zeroes(buf, len) < len ? "" : ", all of them zero";
}

/* The operation that changed a byte last; 0: none, or one that the log has no more. */
static uint64_t writer(const struct fsx *fsx, size_t at)
{
	uint64_t n, end = fsx->number < LOG_RECORDS ? fsx->number : LOG_RECORDS;

	for (n = 0; n < end; n++) {
		const struct record *rec = &fsx->log[(fsx->number - n) % LOG_RECORDS];

		if (at >= rec->changed_from && at < rec->changed_to)
			return rec->number;
	}
	return 0;
}

/**
 * check_data() - Compare what was read with the model.
 * @fsx: the run
 * @off: where in the file it was read
 * @buf: what was read
 * @len: how much, in bytes
 * @how: the way in which it was read, for the message
 *
 * Does not return when a byte is wrong.
 */
void check_data(struct fsx *fsx, size_t off, const unsigned char *buf, size_t len, const char *how)
{
	struct model *model = &fsx->model;
	size_t at, end, wrong = 0;

	at = first_wrong(fsx, off, buf, len);
	while (at < len && sync_explains(fsx, off + at))
		at = first_wrong(fsx, off, buf, len);
	if (at == len)
		return;
	for (end = at; end < len; end++)
		wrong += buf[end] != model->data[off + end];
	for (end = at; end < len && buf[end] != model->data[off + end]; end++)
		;
	printf("# WRONG DATA in operation %ju (%s): %zu bytes differ between %#zx and %#zx\n",
	       fsx->number, how, wrong, off + at, off + len);
	printf("# first: %zu bytes from %#zx (page %zu, file of %#zx bytes)%s\n", end - at,
	       off + at, (off + at) / fsx->page, model->size, describe(buf + at, end - at));
	printf("# offset     wanted read  wanted is of operation\n");
	for (wrong = 0; at < len && wrong < 16; at++) {
		if (buf[at] == model->data[off + at])
			continue;
		printf("# %#010zx 0x%02x   0x%02x  %ju\n", off + at, model->data[off + at], buf[at],
		       writer(fsx, off + at));
		wrong++;
	}
	log_print(fsx, off, off + len);
	fail_file(fsx);
}

void check_size(struct fsx *fsx)
{
	struct stat st;

	if (fstat(fsx->fd, &st)) {
		printf("# fstat: %s\n", strerror(errno));
	} else {
		if ((size_t)st.st_size == fsx->model.size)
			return;
		printf("# WRONG SIZE after operation %ju: %#zx instead of %#zx\n",
		       fsx->number, (size_t)st.st_size, fsx->model.size);
	}
	log_print(fsx, 0, fsx->model.max);
	fail_file(fsx);
}

/* Reads all of the file, and past its end. */
void check_whole(struct fsx *fsx)
{
	size_t off = 0;

	while (off <= fsx->model.size) {
		ssize_t got = pread(fsx->fd, fsx->buf, fsx->model.max, off);

		if (got < 0 && fsx->opt.allow_errors) {
			/* Nothing is said of a block that cannot be read. */
			fsx->errors++;
			off += fsx->page - off % fsx->page;
			continue;
		}
		if (got <= 0 || off + got > fsx->model.size) {
			if (!got && off == fsx->model.size)
				return;
			printf("# read of the whole file: %zd at %#zx of %#zx: %s\n", got, off,
			       fsx->model.size, got < 0 ? strerror(errno) : "wrong count");
			log_print(fsx, off, fsx->model.max);
			fail_file(fsx);
		}
		check_data(fsx, off, fsx->buf, got, "whole file");
		off += got;
	}
}
