#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# disk: hfs 4096
# kernel: HFS_FS
# patch: 10-fixes hfs: keep the end of a direct write that extends a file
TYPE=hfs
# shellcheck source=direct_tail.inc
. /parts/direct_tail.inc
