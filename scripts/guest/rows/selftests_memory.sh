#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# on: -
# kernel: MEM_SOFT_DIRTY
# needs: folio_mapcount folio_advice folio_mlock folio_truncate folio_splice folio_cachestat folio_uffd
# Our own selftests over anonymous memory and memfds, which want no filesystem.
VARIANTS="anon_base anon_small anon_large anon_pmd anon_ptes shmem_base shmem_small shmem_large shmem_pmd shmem_ptes"

# cases: selftests.inc
# shellcheck source=selftests.inc
. /parts/selftests.inc

test_uffd() { harness folio_uffd "$(every -v)"; }

test_taint() { expect_untainted; }

run_tests
