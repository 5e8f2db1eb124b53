/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Names of log files that file systems take.
 */

#include "common/macros.h"

#define LOG_NAME_MAX                                                                                                   \
	((size_t) 239) /* bytes; what 1.13 could write below /var/log/upstart, and room for ".20260101.zst" */

/*
 * The path with its last part cut when that is longer than LOG_NAME_MAX: then it is LOG_NAME_MAX + 1 bytes long and
 * holds a hash of the whole, so that no two names become one. A copy, the caller's; NULL: out of memory.
 */
char *must_check log_name(const char *path);
