// SPDX-License-Identifier: GPL-2.0
/*
 * mm_shmem
 */
#include <linux/module.h>
#include "shmem_model.h"

KUNIT_ARRAY_PARAM_DESC(order, fxt_orders, desc);

static void swap_whole(struct kunit *test)
{
	unsigned int order = fxt_order(test);
	const unsigned long nr = 1UL << order;
	struct fxt_swap *swap = fxt_swap_on(test, 2047, order & 1 ? FXT_SWAP_SYNC : 0);
	struct folio_fixture *fx = shm_file(test);

	i_size_write(shm_inode(fx), BIG);
	fxt_add_shmem(fx, FIRST, order);
	shm_swap_out(fx, FIRST);
	KUNIT_EXPECT_EQ(test, nr, fxt_swap_used(swap));
	KUNIT_EXPECT_EQ(test, nr, atomic_long_read(&swap->written));
	KUNIT_EXPECT_EQ(test, nr, SHMEM_I(shm_inode(fx))->swapped);
	KUNIT_EXPECT_EQ(test, 0, fxt_mapping(fx)->nrpages);
	fxt_read_stamped(fx, FXT_POS(FIRST), FXT_POS(FIRST + nr), false);
	KUNIT_EXPECT_EQ(test, nr, fxt_mapping(fx)->nrpages);
	KUNIT_EXPECT_EQ(test, 0, fxt_swap_off(swap));
}

static struct kunit_case shmem_cases[] = {
	KUNIT_CASE_PARAM(swap_whole, order_gen_params),
	{}
};

static struct kunit_suite shmem_suite = {
	.name = "mm_shmem",
	.init = stay_on_cpu,
	.test_cases = shmem_cases,
};

kunit_test_suite(shmem_suite);

MODULE_DESCRIPTION("KUnit suite of shared memory");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_IMPORT_NS(COMPAT_NS(EXPORTED_FOR_KUNIT_TESTING));
MODULE_LICENSE("GPL");
