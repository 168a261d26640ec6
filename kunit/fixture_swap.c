// SPDX-License-Identifier: GPL-2.0
/*
 * Swap space of the folio suites: a disk in memory that belongs to one case.
 *
 * A disk, not a file: slots for a large folio are only given out by block
 * devices. Nothing of it is known to user space for longer than the case.
 */
#include <linux/blkdev.h>
#include <linux/file.h>
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/swap.h>
#include <linux/vmalloc.h>

#include "fixture.h"
#include "../module/compat.h"

#if __has_include(<kunit/mm.h>) && defined(CONFIG_SWAP) && defined(CONFIG_BLOCK)
#include <kunit/mm.h>

/* The pages of one bio, or a part of one, in or out of the memory of the disk. */
static void copy_segment(struct fxt_swap *swap, struct bio_vec *bv, loff_t pos, bool write)
{
	unsigned long pages = bv->bv_len >> PAGE_SHIFT;

	if (write) {
		memcpy_from_bvec(swap->mem + pos, bv);
		atomic_long_add(pages, &swap->written);
	} else {
		memcpy_to_bvec(bv, swap->mem + pos);
		atomic_long_add(pages, &swap->read);
	}
}

static void fxt_swap_submit_bio(struct bio *bio)
{
	struct fxt_swap *swap = bio->bi_bdev->bd_disk->private_data;
	loff_t pos = (loff_t)bio->bi_iter.bi_sector << SECTOR_SHIFT;
	bool write = op_is_write(bio_op(bio));
	struct bvec_iter iter;
	struct bio_vec bv;

	if (write ? READ_ONCE(swap->fail_write) : READ_ONCE(swap->fail_read)) {
		bio_io_error(bio);
		return;
	}
	bio_for_each_segment(bv, bio, iter) {
		copy_segment(swap, &bv, pos, write);
		pos += bv.bv_len;
	}
	bio_endio(bio);
}

static void fxt_swap_slot_free(struct block_device *bdev, unsigned long slot)
{
	struct fxt_swap *swap = bdev->bd_disk->private_data;

	atomic_long_inc(&swap->freed);
}

static const struct block_device_operations fxt_swap_fops = {
	.owner			= THIS_MODULE,
	.submit_bio		= fxt_swap_submit_bio,
	.swap_slot_free_notify	= fxt_swap_slot_free,
};

static void free_mem(void *mem)
{
	vfree(mem);
}

static void drop_disk(void *data)
{
	struct gendisk *disk = data;

	/* Closed by do_swapoff(), or by a failed do_swapon(). */
	flush_delayed_fput();
	del_gendisk(disk);
	put_disk(disk);
}

static void put_disk_only(void *disk)
{
	put_disk(disk);
}

static int swap_off(struct fxt_swap *swap)
{
	struct mm_struct *mm = NULL;
	int err;

	if (!current->mm) {
		mm = mm_alloc();
		if (!mm)
			return -ENOMEM;
		kthread_use_mm(mm);
	}
	err = do_swapoff(get_file(swap->file));
	if (mm) {
		kthread_unuse_mm(mm);
		mmput(mm);
	}
	return err;
}

static void end_swap(void *data)
{
	struct fxt_swap *swap = data;
	int err;

	if (!swap->on)
		return;
	/* What a case left there must come back, whatever it wanted to fail. */
	WRITE_ONCE(swap->fail_read, false);
	WRITE_ONCE(swap->fail_write, false);
	err = swap_off(swap);
	swap->on = err != 0;
	if (err)
		KUNIT_FAIL(swap->test, "swapoff at the end of the case: %d", err);
}

static struct gendisk *new_disk(struct kunit *test, struct fxt_swap *swap, unsigned int flags)
{
	struct queue_limits lim = {
		.physical_block_size	= PAGE_SIZE,
		.logical_block_size	= PAGE_SIZE,
		.features		= flags & FXT_SWAP_SYNC ? BLK_FEAT_SYNCHRONOUS : 0,
	};
	static atomic_t last = ATOMIC_INIT(0);
	struct gendisk *disk = blk_alloc_disk(&lim, NUMA_NO_NODE);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, disk);
	disk->fops = &fxt_swap_fops;
	disk->private_data = swap;
	disk->flags |= GENHD_FL_NO_PART;
	snprintf(disk->disk_name, DISK_NAME_LEN, "foliokunit%d", atomic_inc_return(&last));
	set_capacity(disk, (swap->nr_pages + 1) << (PAGE_SHIFT - SECTOR_SHIFT));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, put_disk_only, disk));
	KUNIT_ASSERT_EQ(test, 0, add_disk(disk));
	kunit_remove_action(test, put_disk_only, disk);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, drop_disk, disk));
	return disk;
}

/**
 * fxt_swap_on() - give the system swap space that a case can look into
 * @test: the case; swapping to it ends with the case, and what was swapped out
 *	comes back then, if it was not freed before
 * @nr_pages: number of slots, all of one order or of many. Slots lie in
 *	clusters of as many pages as a PMD maps; the first lacks one slot, so a
 *	folio of that size needs 1023 of 512 each
 * @flags: FXT_SWAP_SYNC for a disk that announces synchronous I/O, as zram does:
 *	large folios are then swapped in whole, and bypass readahead; or 0
 *
 * Skips the case where the kernel does not export do_swapon(). Anything may be
 * swapped there while it is on, but nothing is unless memory is short.
 *
 * Return: the swap space. A failure ends the case.
 */
struct fxt_swap *fxt_swap_on(struct kunit *test, unsigned long nr_pages, unsigned int flags)
{
	struct fxt_swap *swap = kunit_kzalloc(test, sizeof(*swap), GFP_KERNEL);
	union swap_header *header;
	struct gendisk *disk;
	struct file *file;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, swap);
	swap->test = test;
	swap->nr_pages = nr_pages;
	swap->mem = vzalloc((nr_pages + 1) << PAGE_SHIFT);
	KUNIT_ASSERT_NOT_NULL(test, swap->mem);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_mem, swap->mem));
	header = swap->mem;
	header->info.version = 1;
	header->info.last_page = nr_pages;
	memcpy(header->magic.magic, "SWAPSPACE2", 10);

	disk = new_disk(test, swap, flags);
	file = bdev_file_open_by_dev(disk_devt(disk), BLK_OPEN_READ | BLK_OPEN_WRITE,
				     swap, NULL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	swap->file = file;
	/* Takes the reference, also when it fails. */
	err = do_swapon(file, disk->disk_name, SWAP_FLAG_PREFER | 1);
	KUNIT_ASSERT_EQ(test, 0, err);
	swap->on = true;
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, end_swap, swap));
	atomic_long_set(&swap->read, 0);
	atomic_long_set(&swap->written, 0);
	return swap;
}

/**
 * fxt_swap_off() - end swapping before the case does
 * @swap: what fxt_swap_on() returned
 *
 * Return: 0, or the error of swapoff(2), when swapping goes on.
 */
int fxt_swap_off(struct fxt_swap *swap)
{
	int err = swap->on ? swap_off(swap) : -EINVAL;

	if (!err)
		swap->on = false;
	return err;
}

#else /* no exports, or no swap */

struct fxt_swap *fxt_swap_on(struct kunit *test, unsigned long nr_pages, unsigned int flags)
{
	kunit_skip(test, "needs CONFIG_SWAP, CONFIG_BLOCK and the exported do_swapon()");
	return NULL;
}

int fxt_swap_off(struct fxt_swap *swap)
{
	return -EINVAL;
}

#endif
EXPORT_SYMBOL_NS_GPL(fxt_swap_on, COMPAT_NS(FOLIO_KUNIT));
EXPORT_SYMBOL_NS_GPL(fxt_swap_off, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_swap_used() - how many slots are in use
 * @swap: what fxt_swap_on() returned; the only swap space there is
 *
 * Return: the number of slots, in pages.
 */
long fxt_swap_used(struct fxt_swap *swap)
{
	return swap->nr_pages - get_nr_swap_pages();
}
EXPORT_SYMBOL_NS_GPL(fxt_swap_used, COMPAT_NS(FOLIO_KUNIT));

/**
 * fxt_swap_slot() - what was written to a slot
 * @swap: what fxt_swap_on() returned
 * @slot: its number, 1 to @nr_pages: swp_offset() of a swap entry
 *
 * Return: the memory of the slot, one page; a write there is read back by swap-in.
 */
void *fxt_swap_slot(struct fxt_swap *swap, unsigned long slot)
{
	KUNIT_ASSERT_TRUE_MSG(swap->test, slot >= 1 && slot <= swap->nr_pages, "slot %lu", slot);
	return swap->mem + (slot << PAGE_SHIFT);
}
EXPORT_SYMBOL_NS_GPL(fxt_swap_slot, COMPAT_NS(FOLIO_KUNIT));
