#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
# disk: hfsplus 4096
# patch: 10-fixes hfsplus: keep the end of a direct write that extends a file
TYPE=hfsplus
# shellcheck source=direct_tail.inc
. /parts/direct_tail.inc
