#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# on: disk memory
# kernel: MEM_SOFT_DIRTY
# needs: folio_mapcount folio_advice folio_mlock folio_truncate folio_splice folio_cachestat
# Our own selftests over the large folios of a file; selftests_memory has the others.
# shellcheck source=harness.inc
. /parts/harness.inc
VARIANTS="file_base file_small file_large file_pmd file_ptes"

test_make() { make_fs; }

test_mapcount() { harness folio_mapcount "$(every -v)"; }

# Defects that are known have cases of their own, and hide no others.
test_mapcount_exclusive() { harness folio_mapcount "$(each_of mapcount exclusive_first exclusive_last)"; }

test_advice() { harness folio_advice "$(every -v)"; }

test_mlock() { harness folio_mlock "$(every -v)"; }

test_truncate() { harness folio_truncate "$(every -v)"; }

test_truncate_polluted() { harness folio_truncate "$(each_of truncate polluted_tail)"; }

test_splice() { harness folio_splice "$(every -v)"; }

test_cachestat() { harness folio_cachestat "$(every -v)"; }

test_check() { check_fs; }

test_taint() { expect_untainted; }

run_tests
