/* SPDX-License-Identifier: GPL-2.0 */
/* fsx: what the files of operations share. */
#ifndef FSX_OPS_H
#define FSX_OPS_H

#include "fsx.h"

#ifndef RWF_DONTCACHE
#define RWF_DONTCACHE	0x80
#endif

size_t pick_offset(struct fsx *fsx, size_t limit);
bool pick_range(struct fsx *fsx, struct record *rec, size_t limit, size_t unit);
int check_eof(struct fsx *fsx);
int make_pattern(struct fsx *fsx);
void fill_buffer(struct fsx *fsx, size_t off, size_t len);

int op_read(struct fsx *fsx, struct record *rec);
int op_uncached_read(struct fsx *fsx, struct record *rec);
int op_direct_read(struct fsx *fsx, struct record *rec);
int op_write(struct fsx *fsx, struct record *rec);
int op_uncached_write(struct fsx *fsx, struct record *rec);
int op_direct_write(struct fsx *fsx, struct record *rec);
int op_truncate_down(struct fsx *fsx, struct record *rec);
int op_truncate_up(struct fsx *fsx, struct record *rec);
int op_fallocate(struct fsx *fsx, struct record *rec);
int op_keep_size(struct fsx *fsx, struct record *rec);
int op_punch(struct fsx *fsx, struct record *rec);
int op_zero(struct fsx *fsx, struct record *rec);
int op_zero_keep(struct fsx *fsx, struct record *rec);
int op_collapse(struct fsx *fsx, struct record *rec);
int op_insert(struct fsx *fsx, struct record *rec);
int op_copy(struct fsx *fsx, struct record *rec);
int op_clone(struct fsx *fsx, struct record *rec);
int op_splice_read(struct fsx *fsx, struct record *rec);
int op_splice_write(struct fsx *fsx, struct record *rec);
int op_seek(struct fsx *fsx, struct record *rec);
int op_fsync(struct fsx *fsx, struct record *rec);
int op_fdatasync(struct fsx *fsx, struct record *rec);
int op_dontneed(struct fsx *fsx, struct record *rec);
int op_willneed(struct fsx *fsx, struct record *rec);
int op_drop_caches(struct fsx *fsx, struct record *rec);
int op_reopen(struct fsx *fsx, struct record *rec);
int op_mapread(struct fsx *fsx, struct record *rec);
int op_mapwrite(struct fsx *fsx, struct record *rec);
int op_pollute(struct fsx *fsx, struct record *rec);
int op_private(struct fsx *fsx, struct record *rec);

#endif /* FSX_OPS_H */
