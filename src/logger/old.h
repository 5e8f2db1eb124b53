/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Old log files: NAME.1 is the last one, NAME.2 the one before, each with ".zst" once it is compressed.
 *
 * They are moved at once and compressed a piece at a time, whenever the logger has nothing better to do. A logger that
 * dies leaves an old file uncompressed, and the next rotation compresses it.
 */

#include <stdbool.h>

#include "common/macros.h"

struct old_files;

struct old_files *old_files_new(void); /* NULL: out of memory */
struct old_files *
old_files_free(struct old_files *old); /* takes NULL, returns NULL; what is half done is left as it was */

/*
 * Move the log file `path` out of the way: it becomes the first of at most `keep` old ones, those beyond are removed;
 * with 0 it is removed itself. 0 or a negative errno: then it is where it was.
 */
int must_check old_files_shift(struct old_files *old, const char *path, uint64_t keep);

/* Compress the old files of `path` soon. Without memory they stay as they are. */
void old_files_compress(struct old_files *old, const char *path);
/* Is there anything to compress? */
bool old_files_has_work(const struct old_files *old);
/* Compress one piece, of some hundred KiB. */
void old_files_work(struct old_files *old);
/* Compress no more, and hold no file open. */
void old_files_cancel(struct old_files *old);
