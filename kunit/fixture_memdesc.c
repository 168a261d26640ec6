// SPDX-License-Identifier: GPL-2.0
/* For the suites of mm_memdesc on kernels without 70-memdesc: see module/Kbuild. */
#include "../module/compat.h"
#include "../module/memdesc.c"
