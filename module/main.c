// SPDX-License-Identifier: GPL-2.0
/*
 * foliolab: a filesystem whose folios you choose, an inspector of what the page
 * cache holds, and a census of what the machine's memory is used for. Each part
 * stands alone; here they are started in order and stopped in reverse.
 */
#include <linux/array_size.h>
#include <linux/debugfs.h>
#include <linux/module.h>

#include "census.h"
#include "foliofs.h"
#include "foliolab.h"
#include "inspect.h"

struct dentry *foliolab_debugfs;

static const struct {
	int (*start)(void);
	void (*stop)(void);
} parts[] = {
	{ inspect_start },
	{ census_start, census_stop },
	{ foliofs_start, foliofs_stop },
};

static void foliolab_stop(size_t started)
{
	while (started--)
		if (parts[started].stop)
			parts[started].stop();
	debugfs_remove(foliolab_debugfs);
}

static int __init foliolab_init(void)
{
	size_t i;
	int err;

	/* Without debugfs only what needs none of it is there. */
	foliolab_debugfs = debugfs_create_dir("foliolab", NULL);
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		err = parts[i].start();
		if (err) {
			foliolab_stop(i);
			return err;
		}
	}
	return 0;
}
module_init(foliolab_init);

static void __exit foliolab_exit(void)
{
	foliolab_stop(ARRAY_SIZE(parts));
}
module_exit(foliolab_exit);

MODULE_DESCRIPTION("Exercise, inspect and count folios");
MODULE_LICENSE("GPL");
