/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The system calls and capabilities a logger needs, and no others.
 */

#include "common/macros.h"

/*
 * From now on every other call fails with EPERM (a logger that is spoken to by damaged output stays alive, and can
 * do nothing with it), no program may gain privileges, and of root's capabilities only the one to write into any folder
 * is left. Needs no privilege. 0; -ENOSYS where there is no such filter; another negative errno.
 */
int must_check filter_install(void);
