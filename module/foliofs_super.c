// SPDX-License-Identifier: GPL-2.0
/* Mounts of foliofs and their options. */
#include <linux/backing-dev.h>
#include <linux/debugfs.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/statfs.h>

#include "foliofs.h"
#include "foliolab.h"

enum fofs_opt {
	OPT_MIN_ORDER,
	OPT_MAX_ORDER,
	OPT_ORDER,
	OPT_AOPS,
	OPT_BLOCKSIZE,
	OPT_SIZE,
	OPT_SEED,
	OPT_FAULT,
	OPT_MODE,
};

static const struct constant_table fofs_aops_names[] = {
	{ "simple",	FOFS_AOPS_SIMPLE },
	{ "iomap",	FOFS_AOPS_IOMAP },
	{}
};

static const struct fs_parameter_spec fofs_options[] = {
	fsparam_u32("min_order",	OPT_MIN_ORDER),
	fsparam_u32("max_order",	OPT_MAX_ORDER),
	fsparam_u32("order",		OPT_ORDER),
	fsparam_enum("aops",		OPT_AOPS, fofs_aops_names),
	fsparam_string("blocksize",	OPT_BLOCKSIZE),
	fsparam_string("size",		OPT_SIZE),
	fsparam_u64("seed",		OPT_SEED),
	fsparam_string("fault",		OPT_FAULT),
	fsparam_u32oct("mode",		OPT_MODE),
	{}
};

/* What the options say, before it is known whether they go together. */
struct fofs_context {
	struct fofs_sb fs;
	u64 size;
	unsigned int given;	/* BIT(OPT_...) */
};

static bool given(const struct fofs_context *ctx, enum fofs_opt opt)
{
	return ctx->given & BIT(opt);
}

/* To the kernel log in any case, and to who mounts with fsopen() and reads it there. */
static __printf(2, 3) int refuse(struct fs_context *fc, const char *fmt, ...)
{
	struct va_format vaf = { .fmt = fmt };
	va_list args;

	va_start(args, fmt);
	vaf.va = &args;
	if (fc->log.log)
		errorf(fc, "foliofs: %pV", &vaf);
	pr_err("foliofs: %pV\n", &vaf);
	va_end(args);
	return -EINVAL;
}

static int parse_size(const char *text, u64 *size)
{
	char *end;

	if (!isdigit(*text))
		return -EINVAL;
	*size = memparse(text, &end);
	return *end ? -EINVAL : 0;
}

static int parse_blocksize(struct fs_context *fc, const char *text)
{
	struct fofs_context *ctx = fc->fs_private;
	u64 size;

	if (parse_size(text, &size) || !is_power_of_2(size) ||
	    size < BIT(FOFS_MIN_BLKBITS) || size > BIT(FOFS_MAX_BLKBITS))
		return refuse(fc, "blocksize=%s is no power of two from 512 to 64k", text);
	ctx->fs.blkbits = ilog2(size);
	return 0;
}

static int parse_order(struct fs_context *fc, const char *name, u32 order)
{
	if (order > MAX_PAGECACHE_ORDER)
		return refuse(fc, "%s=%u: the page cache of this kernel has orders up to %u", name,
			      order, (unsigned int)MAX_PAGECACHE_ORDER);
	if (order && !IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
		return refuse(fc, "%s=%u: large folios need CONFIG_TRANSPARENT_HUGEPAGE", name,
			      order);
	return 0;
}

static int parse_fault(struct fs_context *fc, const char *text)
{
	struct fofs_context *ctx = fc->fs_private;
	char *rule = kstrdup(text, GFP_KERNEL);
	const char *why;
	int err;

	if (!rule)
		return -ENOMEM;
	err = fofs_faults_parse(&ctx->fs.faults, rule, &why);
	kfree(rule);
	return err ? refuse(fc, "fault=%s: %s", text, why) : 0;
}

static int fofs_parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct fofs_context *ctx = fc->fs_private;
	struct fs_parse_result result;
	int opt, err = 0;

	opt = fs_parse(fc, fofs_options, param, &result);
	if (opt == -ENOPARAM) {
		opt = vfs_parse_fs_param_source(fc, param);
		if (opt != -ENOPARAM)
			return opt;
		return refuse(fc, "no option %s", param->key);
	}
	if (opt < 0)
		return refuse(fc, "%s=%s is no value of this option", param->key,
			      param->type == fs_value_is_string ? param->string : "");
	switch ((enum fofs_opt)opt) {
	case OPT_MIN_ORDER:
		err = parse_order(fc, param->key, result.uint_32);
		ctx->fs.min_order = result.uint_32;
		break;
	case OPT_MAX_ORDER:
		err = parse_order(fc, param->key, result.uint_32);
		ctx->fs.max_order = result.uint_32;
		break;
	case OPT_ORDER:
		err = parse_order(fc, param->key, result.uint_32);
		ctx->fs.min_order = result.uint_32;
		ctx->fs.max_order = result.uint_32;
		break;
	case OPT_AOPS:
		if (result.uint_32 == FOFS_AOPS_IOMAP && !fofs_has_iomap)
			return refuse(fc, "aops=iomap needs the iomap of Linux 7.3 or newer");
		ctx->fs.aops = result.uint_32;
		break;
	case OPT_BLOCKSIZE:
		err = parse_blocksize(fc, param->string);
		break;
	case OPT_SIZE:
		if (parse_size(param->string, &ctx->size))
			err = refuse(fc, "size=%s is no number of bytes, with k, m, g or t",
				     param->string);
		break;
	case OPT_SEED:
		fofs_faults_seed(&ctx->fs.faults, result.uint_64);
		break;
	case OPT_FAULT:
		err = parse_fault(fc, param->string);
		break;
	case OPT_MODE:
		if (result.uint_32 & ~07777)
			err = refuse(fc, "mode=%o is no mode of a directory", result.uint_32);
		ctx->fs.root_mode = result.uint_32;
		break;
	}
	ctx->given |= BIT(opt);
	return err;
}

/* Brings the options together; what was not given follows from what was. */
static int check_options(struct fs_context *fc)
{
	struct fofs_context *ctx = fc->fs_private;
	struct fofs_sb *fs = &ctx->fs;
	unsigned int block_order;

	if (given(ctx, OPT_ORDER) && (given(ctx, OPT_MIN_ORDER) || given(ctx, OPT_MAX_ORDER)))
		return refuse(fc, "order= is min_order= and max_order= at once: give either");
	block_order = fs->blkbits > PAGE_SHIFT ? fs->blkbits - PAGE_SHIFT : 0;
	if (block_order && !IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
		return refuse(fc, "blocksize=%u needs CONFIG_TRANSPARENT_HUGEPAGE",
			      1U << fs->blkbits);
	if (fs->min_order < block_order) {
		if (given(ctx, OPT_MIN_ORDER) || given(ctx, OPT_ORDER))
			return refuse(fc, "order %u is too small for blocks of %u bytes: use %u",
				      fs->min_order, 1U << fs->blkbits, block_order);
		fs->min_order = block_order;
	}
	if (!IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
		fs->max_order = 0;
	if (fs->max_order < fs->min_order)
		return refuse(fc, "max_order=%u is less than min_order=%u", fs->max_order,
			      fs->min_order);
	fs->limit = DIV_ROUND_UP_ULL(ctx->size, 1U << fs->blkbits);
	return 0;
}

/* The superblock. */

static int fofs_statfs(struct dentry *dentry, struct kstatfs *buf)
{
	struct fofs_sb *fs = fofs_sb(dentry->d_sb);
	u64 used = atomic64_read(&fs->used), limit = READ_ONCE(fs->limit);
	int err = simple_statfs(dentry, buf);

	buf->f_bsize = dentry->d_sb->s_blocksize;
	buf->f_frsize = buf->f_bsize;
	buf->f_blocks = limit;
	buf->f_bfree = limit > used ? limit - used : 0;
	buf->f_bavail = buf->f_bfree;
	return err;
}

static int fofs_show_options(struct seq_file *m, struct dentry *root)
{
	struct fofs_sb *fs = fofs_sb(root->d_sb);

	seq_printf(m, ",min_order=%u,max_order=%u,aops=%s,blocksize=%u,size=%llu,seed=%llu,mode=%o",
		   fs->min_order, fs->max_order, fofs_aops_names[fs->aops].name,
		   1U << fs->blkbits, READ_ONCE(fs->limit) << fs->blkbits, fs->faults.seed,
		   fs->root_mode);
	fofs_faults_show(m, &fs->faults);
	return 0;
}

static const struct super_operations fofs_super_ops = {
	.alloc_inode	= fofs_alloc_inode,
	.free_inode	= fofs_free_inode,
	.evict_inode	= fofs_evict_inode,
	.statfs		= fofs_statfs,
	.show_options	= fofs_show_options,
};

static int fofs_fill_super(struct super_block *sb, struct fs_context *fc)
{
	struct fofs_sb *fs = fofs_sb(sb);
	int err;

	sb->s_maxbytes = MAX_LFS_FILESIZE;
	sb->s_blocksize_bits = fs->blkbits;
	sb->s_blocksize = 1UL << fs->blkbits;
	sb->s_magic = FOFS_MAGIC;
	sb->s_op = &fofs_super_ops;
	sb->s_time_gran = 1;
	/* Without a bdi of its own nothing is ever written back. */
	err = super_setup_bdi(sb);
	if (err)
		return err;
	sb->s_root = d_make_root(fofs_new_inode(sb, NULL, S_IFDIR | fs->root_mode, 0));
	if (!sb->s_root)
		return -ENOMEM;
	fofs_debugfs_add(sb);
	return 0;
}

static int fofs_get_tree(struct fs_context *fc)
{
	struct fofs_context *ctx = fc->fs_private;
	int err = check_options(fc);

	if (err)
		return err;
	fc->s_fs_info = kmemdup(&ctx->fs, sizeof(ctx->fs), GFP_KERNEL);
	if (!fc->s_fs_info)
		return -ENOMEM;
	return get_tree_nodev(fc, fofs_fill_super);
}

/* What a mounted filesystem can change: its limit, and what goes wrong. */
static int fofs_reconfigure(struct fs_context *fc)
{
	struct fofs_context *ctx = fc->fs_private;
	struct fofs_sb *fs = fofs_sb(fc->root->d_sb), *new = &ctx->fs;
	int err;

	err = check_options(fc);
	if (err)
		return err;
	if (new->min_order != fs->min_order || new->max_order != fs->max_order)
		return refuse(fc, "the orders of a mounted filesystem are fixed: unmount it first");
	if (new->aops != fs->aops)
		return refuse(fc, "aops of a mounted filesystem is fixed: unmount it first");
	if (new->blkbits != fs->blkbits)
		return refuse(fc, "blocksize of a mounted filesystem is fixed: unmount it first");
	if (new->root_mode != fs->root_mode)
		return refuse(fc, "mode= is for new filesystems: use chmod");
	if (new->limit && new->limit < atomic64_read(&fs->used))
		return refuse(fc, "size=%llu is less than the %llu bytes in use", ctx->size,
			      (u64)atomic64_read(&fs->used) << fs->blkbits);
	sync_filesystem(fc->root->d_sb);
	WRITE_ONCE(fs->limit, new->limit);
	if (given(ctx, OPT_FAULT) || given(ctx, OPT_SEED))
		fofs_faults_copy(&fs->faults, &new->faults);
	return 0;
}

static void fofs_free_context(struct fs_context *fc)
{
	kfree(fc->fs_private);
	kfree(fc->s_fs_info);
}

static const struct fs_context_operations fofs_context_ops = {
	.parse_param	= fofs_parse_param,
	.get_tree	= fofs_get_tree,
	.reconfigure	= fofs_reconfigure,
	.free		= fofs_free_context,
};

static int fofs_init_fs_context(struct fs_context *fc)
{
	struct fofs_context *ctx = kzalloc(sizeof(*ctx), GFP_KERNEL);

	if (!ctx)
		return -ENOMEM;
	fofs_faults_init(&ctx->fs.faults);
	if (fc->purpose == FS_CONTEXT_FOR_RECONFIGURE) {
		struct fofs_sb *fs = fofs_sb(fc->root->d_sb);

		/* What is not given stays. */
		ctx->fs.min_order = fs->min_order;
		ctx->fs.max_order = fs->max_order;
		ctx->fs.aops = fs->aops;
		ctx->fs.blkbits = fs->blkbits;
		ctx->fs.root_mode = fs->root_mode;
		ctx->size = fs->limit << fs->blkbits;
		fofs_faults_copy(&ctx->fs.faults, &fs->faults);
	} else {
		ctx->fs.max_order = MAX_PAGECACHE_ORDER;
		ctx->fs.blkbits = PAGE_SHIFT;
		ctx->fs.root_mode = 0755;
		ctx->size = (u64)totalram_pages() / 2 << PAGE_SHIFT;
	}
	fc->fs_private = ctx;
	fc->ops = &fofs_context_ops;
	return 0;
}

static void fofs_kill_sb(struct super_block *sb)
{
	struct fofs_sb *fs = fofs_sb(sb);

	if (fs)
		debugfs_remove(fs->debugfs);
	compat_kill_persistent_super(sb);
	if (fs && atomic64_read(&fs->used))
		pr_warn("foliofs: %lld blocks left after unmounting\n",
			atomic64_read(&fs->used));
	kfree(fs);
}

static struct file_system_type fofs_fs_type = {
	.owner			= THIS_MODULE,
	.name			= "foliofs",
	.init_fs_context	= fofs_init_fs_context,
	.parameters		= fofs_options,
	.kill_sb		= fofs_kill_sb,
};
MODULE_ALIAS_FS("foliofs");

int foliofs_start(void)
{
	int err = fofs_inode_cache_create();

	if (err)
		return err;
	fofs_debugfs_start();
	err = register_filesystem(&fofs_fs_type);
	if (err)
		fofs_inode_cache_destroy();
	return err;
}

void foliofs_stop(void)
{
	unregister_filesystem(&fofs_fs_type);
	fofs_inode_cache_destroy();
}
