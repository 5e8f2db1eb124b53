/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Log files by their names, and what a compressed one says of itself: the logger makes them, init tells where they
 * are, initctl reads them.
 *
 * NAME is the file that is written. NAME.1 is the last old one, NAME.2 the one before and so on, each with
 * LOG_COMPRESSED behind it once it is compressed.
 */

#include <stdbool.h>

#include "common/macros.h"

#define LOG_COMPRESSED ".zst"

/* How a line begins in a log that is JSON; the time of it follows. */
#define LOG_JSON_BEGIN "{\"time\":\""

/* Bytes; what 1.13 could write below /var/log/upstart, and room for ".20260101.zst". */
#define LOG_NAME_MAX ((size_t) 239)

/*
 * The path with its last part cut when that is longer than LOG_NAME_MAX: then it is LOG_NAME_MAX + 1 bytes long and
 * holds a hash of the whole, so that no two names become one. A copy, the caller's; NULL: out of memory.
 */
char *must_check log_name(const char *path);

/* "PATH.NUMBER" and `end` ("", or LOG_COMPRESSED); the caller's; NULL: out of memory. */
char *must_check log_old_name(const char *path, unsigned number, const char *end);

/*
 * Which file a compressed one was. It stands behind the compressed data in a frame of its own, which every reader of
 * zstd passes over; who has the old file still open finds its place among the others by it.
 */
struct log_origin {
	uint64_t dev, ino;
};

#define LOG_ORIGIN_SIZE ((size_t) 32)

void log_origin_put(char frame[LOG_ORIGIN_SIZE], const struct log_origin *origin);
/* False: p[0..n) is no such frame. */
bool log_origin_get(const char *p, size_t n, struct log_origin *origin);
