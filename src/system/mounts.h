/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is mounted, and news of it.
 */

#include <stdbool.h>

#include "common/macros.h"

/* Is another file system mounted there? One that shows a part of the same file system is not seen. */
bool mounts_has(const char *path);
/* A descriptor (owned, close-on-exec) that is readable when something was mounted or unmounted. A negative errno. */
int must_check mounts_watch(void);
/* Take the news. */
void mounts_heard(int fd);
