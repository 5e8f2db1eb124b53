/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Folders that may not be there yet.
 */

#include <sys/stat.h>

#include "common/macros.h"

/* Make all that lie above a path, or it as well. Those that are there are left as they are. 0 or a negative errno. */
int must_check folder_make_above(const char *path, mode_t mode);
int must_check folder_make(const char *path, mode_t mode);
