/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Times: as users write them, and as they stand in logs.
 */

#include <stdbool.h>

#include "common/macros.h"

/*
 * A time in the past as a user writes it, in his own time zone: "2026-11-23", "2026-11-23 09:30[:15]" (with a T
 * instead of the blank, or a Z behind it for UTC), "09:30[:15]" of today, "today", "yesterday", "now", "90s", "15m",
 * "2h", "3d", "1w" ago, or "@SECONDS" since 1970. `now` and *when are microseconds since 1970. False: none of these.
 */
bool log_time_parse(const char *text, usec_t now, usec_t *when);

/* As much of a line as log_time_of_line() looks at. */
#define LOG_STAMP_MAX 48

/* The time a line of `log format time` or `log format json` begins with. False: it has none. */
bool log_time_of_line(const char *p, size_t n, usec_t *when);
