/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of foliolab.ko know of each other. */
#ifndef FOLIOLAB_H
#define FOLIOLAB_H

#include "compat.h"

struct dentry;

/* debugfs/foliolab, or an ERR_PTR that debugfs_create_*() accept without debugfs. */
extern struct dentry *foliolab_debugfs;

#endif /* FOLIOLAB_H */
