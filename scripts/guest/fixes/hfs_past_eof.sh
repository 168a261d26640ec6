#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# disk: hfs 4096
# tools: xfs_io
# kernel: HFS_FS
# patch: 10-fixes hfs: zero the rest of the last block when a file shrinks
TYPE=hfs
# shellcheck source=past_eof.inc
. /parts/past_eof.inc
