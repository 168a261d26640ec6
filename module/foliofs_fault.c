// SPDX-License-Identifier: GPL-2.0
/*
 * Faults of foliofs: what fails, when, and the debugfs file that tells and is told.
 *
 * A rule is an operation and conditions, all of which must hold:
 * read:every=7:times=3. Mount option and debugfs take the same rules.
 */
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/kdev_t.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "foliofs.h"
#include "foliolab.h"

#define MAX_DELAY_MS	10000
#define MAX_RULES	1024	/* bytes of one write to debugfs */

static const char *const fofs_fault_ops[FOFS_NR_FAULTS] = {
	[FOFS_FAULT_ALLOC]		= "alloc",
	[FOFS_FAULT_LARGE]		= "alloc_large",
	[FOFS_FAULT_SHORT]		= "short_copy",
	[FOFS_FAULT_SPACE]		= "space",
	[FOFS_FAULT_READ]		= "read",
	[FOFS_FAULT_WRITEBACK]		= "writeback",
	[FOFS_FAULT_SLOW_READ]		= "slow_read",
	[FOFS_FAULT_SLOW_WRITEBACK]	= "slow_writeback",
};

#define OPS "operations: alloc, alloc_large, short_copy, space, [slow_]read, [slow_]writeback"

static bool is_slow(unsigned int op)
{
	return op == FOFS_FAULT_SLOW_READ || op == FOFS_FAULT_SLOW_WRITEBACK;
}

static void seed_op(struct fofs_faults *f, unsigned int op)
{
	prandom_seed_state(&f->op[op].rnd, f->seed * FOFS_NR_FAULTS + op);
}

/**
 * fofs_faults_init() - nothing fails
 * @f: the faults of a mount
 */
void fofs_faults_init(struct fofs_faults *f)
{
	memset(f, 0, sizeof(*f));
	spin_lock_init(&f->lock);
	fofs_faults_seed(f, 1);
}

/**
 * fofs_faults_seed() - let all that is random begin anew
 * @f: the faults of a mount
 * @seed: the same seed brings the same faults
 */
void fofs_faults_seed(struct fofs_faults *f, u64 seed)
{
	unsigned int op;

	spin_lock(&f->lock);
	f->seed = seed;
	for (op = 0; op < FOFS_NR_FAULTS; op++)
		seed_op(f, op);
	spin_unlock(&f->lock);
}

/**
 * fofs_faults_copy() - let a mount have the rules of another
 * @to: gets them, with their counts
 * @from: has them; at most one of the two is in use
 */
void fofs_faults_copy(struct fofs_faults *to, struct fofs_faults *from)
{
	/* One of them is not in use, so the order does not matter. */
	spin_lock(&from->lock);
	spin_lock_nested(&to->lock, SINGLE_DEPTH_NESTING);
	to->seed = from->seed;
	memcpy(to->op, from->op, sizeof(to->op));
	spin_unlock(&to->lock);
	spin_unlock(&from->lock);
}

static int parse_condition(struct fofs_fault *rule, char *word, bool slow, const char **why)
{
	static const struct {
		const char *name;
		size_t at;
		u64 min, max;
	} conditions[] = {
		{ "prob", offsetof(struct fofs_fault, prob), 1, 100 },
		{ "every", offsetof(struct fofs_fault, every), 1, U32_MAX },
		{ "after", offsetof(struct fofs_fault, after), 0, U32_MAX },
		{ "times", offsetof(struct fofs_fault, times), 0, U32_MAX },
		{ "delay", offsetof(struct fofs_fault, delay), 1, MAX_DELAY_MS },
	};
	char *value = strchr(word, '=');
	size_t i;
	u64 n;

	if (!value) {
		*why = "a condition is NAME=NUMBER";
		return -EINVAL;
	}
	*value++ = '\0';
	if (kstrtou64(value, 0, &n)) {
		*why = "a condition's value is a number";
		return -EINVAL;
	}
	if (!strcmp(word, "block")) {
		rule->block = n;
		*why = "block is too large";
		return n > S64_MAX ? -ERANGE : 0;
	}
	for (i = 0; i < ARRAY_SIZE(conditions); i++) {
		if (strcmp(word, conditions[i].name))
			continue;
		if (n < conditions[i].min || n > conditions[i].max) {
			*why = "prob is 1 to 100, every at least 1, delay 1 to 10000";
			return -ERANGE;
		}
		if (!strcmp(word, "delay") && !slow)
			break;
		*(u32 *)((void *)rule + conditions[i].at) = n;
		return 0;
	}
	*why = "conditions are prob, every, after, times, block, and delay of slow operations";
	return -EINVAL;
}

/**
 * fofs_faults_parse() - take one rule
 * @f: the faults of a mount
 * @rule: OP, OP:CONDITION=NUMBER..., OP:off, or none; is cut up
 * @why: set to what is wrong, after an error
 *
 * Return: 0, -EINVAL or -ERANGE.
 */
int fofs_faults_parse(struct fofs_faults *f, char *rule, const char **why)
{
	struct fofs_fault new = { .on = true, .prob = 100, .block = -1 };
	char *word = strsep(&rule, ": \t");
	int op, err;

	if (!strcmp(word, "none")) {
		spin_lock(&f->lock);
		memset(f->op, 0, sizeof(f->op));
		spin_unlock(&f->lock);
		fofs_faults_seed(f, f->seed);
		return 0;
	}
	op = match_string(fofs_fault_ops, FOFS_NR_FAULTS, word);
	if (op < 0) {
		*why = OPS;
		return -EINVAL;
	}
	if (is_slow(op))
		new.delay = 10;
	while ((word = strsep(&rule, ": \t"))) {
		if (!*word)
			continue;
		if (!strcmp(word, "off")) {
			new.on = false;
			continue;
		}
		err = parse_condition(&new, word, is_slow(op), why);
		if (err)
			return err;
	}
	spin_lock(&f->lock);
	f->op[op] = new;
	seed_op(f, op);
	spin_unlock(&f->lock);
	return 0;
}

/**
 * fofs_faults_show() - print the rules as mount options
 * @m: where to
 * @f: the faults of a mount
 */
void fofs_faults_show(struct seq_file *m, struct fofs_faults *f)
{
	unsigned int op;

	for (op = 0; op < FOFS_NR_FAULTS; op++) {
		const struct fofs_fault *r = &f->op[op];

		if (!r->on)
			continue;
		seq_printf(m, ",fault=%s", fofs_fault_ops[op]);
		if (r->prob != 100)
			seq_printf(m, ":prob=%u", r->prob);
		if (r->every)
			seq_printf(m, ":every=%u", r->every);
		if (r->after)
			seq_printf(m, ":after=%u", r->after);
		if (r->times)
			seq_printf(m, ":times=%u", r->times);
		if (r->block >= 0)
			seq_printf(m, ":block=%lld", r->block);
		if (r->delay)
			seq_printf(m, ":delay=%u", r->delay);
	}
}

/* Whether a rule fires this time, and for how long. */
static bool fires(struct fofs_inode *fi, enum fofs_fault_op op, loff_t pos, u64 len,
		  unsigned int *delay)
{
	struct fofs_sb *fs = fofs_sb(fi->vfs.i_sb);
	struct fofs_fault *r = &fs->faults.op[op];
	bool fire = false;

	if (likely(!READ_ONCE(r->on)))
		return false;
	spin_lock(&fs->faults.lock);
	if (!r->on)
		goto out;
	if (r->block >= 0 && (r->block < pos >> fs->blkbits ||
			      r->block > (pos + len - 1) >> fs->blkbits))
		goto out;
	if (++r->seen <= r->after || (r->times && r->fired >= r->times))
		goto out;
	if (r->every && (r->seen - r->after) % r->every)
		goto out;
	if (r->prob < 100 && prandom_u32_state(&r->rnd) % 100 >= r->prob)
		goto out;
	r->fired++;
	*delay = r->delay;
	fire = true;
out:
	spin_unlock(&fs->faults.lock);
	return fire;
}

/**
 * fofs_fault() - whether an operation is to fail now
 * @fi: the inode
 * @op: the operation
 * @pos: first byte it is about
 * @len: number of bytes, not 0
 *
 * Return: true if it is.
 */
bool fofs_fault(struct fofs_inode *fi, enum fofs_fault_op op, loff_t pos, u64 len)
{
	unsigned int delay;

	return fires(fi, op, pos, len, &delay);
}

/**
 * fofs_slow() - take as long for an operation as the rules want
 * @fi: the inode
 * @op: FOFS_FAULT_SLOW_READ or FOFS_FAULT_SLOW_WRITEBACK
 * @pos: first byte it is about
 * @len: number of bytes, not 0
 *
 * Context: may sleep, and a folio may be locked or under writeback meanwhile.
 */
void fofs_slow(struct fofs_inode *fi, enum fofs_fault_op op, loff_t pos, u64 len)
{
	unsigned int delay;

	if (fires(fi, op, pos, len, &delay))
		schedule_timeout_killable(msecs_to_jiffies(delay));
}

/* debugfs: foliolab/foliofs/MAJOR:MINOR/faults */

static struct dentry *fofs_debugfs;

static int faults_show(struct seq_file *m, void *unused)
{
	struct super_block *sb = m->private;
	struct fofs_faults *f = &fofs_sb(sb)->faults;
	unsigned int op;

	seq_puts(m, "# foliolab faults 1\n");
	seq_puts(m, "op\ton\tprob\tevery\tafter\ttimes\tblock\tdelay_ms\tseen\tfired\tseed\n");
	spin_lock(&f->lock);
	for (op = 0; op < FOFS_NR_FAULTS; op++) {
		const struct fofs_fault *r = &f->op[op];

		seq_printf(m, "%s\t%s\t%u\t%u\t%u\t%u\t%lld\t%u\t%llu\t%llu\t%llu\n",
			   fofs_fault_ops[op], r->on ? "yes" : "no", r->prob, r->every,
			   r->after, r->times, r->on ? r->block : -1, r->delay, r->seen,
			   r->fired, f->seed);
	}
	spin_unlock(&f->lock);
	return 0;
}

static int faults_open(struct inode *inode, struct file *file)
{
	return single_open(file, faults_show, inode->i_private);
}

static int take_line(struct super_block *sb, char *line)
{
	struct fofs_faults *f = &fofs_sb(sb)->faults;
	const char *why = "seed is a number";
	u64 seed;
	int err;

	line = strim(line);
	if (!*line)
		return 0;
	if (str_has_prefix(line, "seed=")) {
		err = kstrtou64(line + strlen("seed="), 0, &seed);
		if (!err)
			fofs_faults_seed(f, seed);
	} else {
		err = fofs_faults_parse(f, line, &why);
	}
	if (err)
		pr_err("foliofs %s: not a fault: %s\n", sb->s_id, why);
	return err;
}

static ssize_t faults_write(struct file *file, const char __user *buf, size_t len, loff_t *ppos)
{
	struct super_block *sb = ((struct seq_file *)file->private_data)->private;
	char *text, *rest, *line;
	int err = 0;

	if (len > MAX_RULES)
		return -E2BIG;
	text = memdup_user_nul(buf, len);
	if (IS_ERR(text))
		return PTR_ERR(text);
	rest = text;
	if (strlen(text) != len)
		err = -EINVAL;
	while (!err && (line = strsep(&rest, "\n")))
		err = take_line(sb, line);
	kfree(text);
	if (err)
		return err;
	*ppos = 0;
	return len;
}

static const struct file_operations faults_fops = {
	.owner		= THIS_MODULE,
	.open		= faults_open,
	.read		= seq_read,
	.write		= faults_write,
	.llseek		= seq_lseek,
	.release	= single_release,
};

/**
 * fofs_debugfs_start() - make the directory of all mounts
 */
void fofs_debugfs_start(void)
{
	fofs_debugfs = debugfs_create_dir("foliofs", foliolab_debugfs);
}

/**
 * fofs_debugfs_add() - make the directory of a mount
 * @sb: its superblock; who removes fofs_sb::debugfs waits for users of the files
 */
void fofs_debugfs_add(struct super_block *sb)
{
	struct fofs_sb *fs = fofs_sb(sb);
	char name[32];

	snprintf(name, sizeof(name), "%u:%u", MAJOR(sb->s_dev), MINOR(sb->s_dev));
	fs->debugfs = debugfs_create_dir(name, fofs_debugfs);
	debugfs_create_file("faults", 0600, fs->debugfs, sb, &faults_fops);
}
