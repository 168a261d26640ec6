#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# on: disk memory
# kernel: MEM_SOFT_DIRTY
# needs: folio_mapcount folio_advice folio_mlock folio_truncate folio_splice folio_cachestat
# Our own selftests over the large folios of a file; selftests_memory has the others.
VARIANTS="file_base file_small file_large file_pmd file_ptes"

test_make() { make_fs; }

# cases: selftests.inc
# shellcheck source=selftests.inc
. /parts/selftests.inc

test_check() { check_fs; }

test_taint() { expect_untainted; }

run_tests
