// SPDX-License-Identifier: GPL-2.0
#include <linux/module.h>

#include "fixture.h"
#include "../module/compat.h"

static void nothing(struct kunit *test)
{
}

static struct kunit_case anon_move_cases[] = {
	KUNIT_CASE(nothing),
	{}
};

static struct kunit_suite anon_move_suite = {
	.name = "mm_anon_move",
	.test_cases = anon_move_cases,
};

kunit_test_suite(anon_move_suite);

MODULE_DESCRIPTION("KUnit suite of anonymous folios");
MODULE_IMPORT_NS(COMPAT_NS(FOLIO_KUNIT));
MODULE_LICENSE("GPL");
