#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# disk: hfsplus 4096
# tools: xfs_io
# patch: 10-fixes hfsplus: zero the rest of the last block when a file shrinks
TYPE=hfsplus
# shellcheck source=past_eof.inc
. /parts/past_eof.inc
