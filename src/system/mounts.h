/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * News of the table of mounts.
 */

#include "common/macros.h"

/* A descriptor (owned, close-on-exec) that is readable when something was mounted or unmounted. A negative errno. */
int must_check mounts_watch(void);
/* Take the news. */
void mounts_heard(int fd);
