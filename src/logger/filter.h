/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The system calls a logger needs, and no others.
 */

#include "common/macros.h"

/*
 * From now on every other call fails with EPERM (a logger that is spoken to by damaged output stays alive, and can
 * do nothing with it). Needs no privilege. 0; -ENOSYS where there is no such filter; another negative errno.
 */
int must_check filter_install(void);
