/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Old log files: NAME.1 is the last one, NAME.2 the one before, each with ".zst" once it is compressed.
 *
 * They are moved at once, and compressed by a thread that has nothing better to do (workers.h). A logger that dies
 * leaves an old file uncompressed, and the next rotation compresses it.
 */

#include <stdbool.h>

#include "logger/workers.h"

/* What guards the names of the old files of one log: who moves them, or puts one in the place of another, holds it. */
struct names;

struct names *names_new(void); /* with one user; NULL: out of memory */
void names_unref(struct names *names);

/*
 * Move the log file `path` out of the way: it becomes the first of at most `keep` old ones, those beyond are removed;
 * with 0 it is removed itself. 0 or a negative errno: then it is where it was. May hang.
 */
int must_check old_shift(struct names *names, const char *path, uint64_t keep);

struct old_files; /* what is being compressed */

struct old_files *old_files_new(struct workers *workers); /* borrowed; NULL: out of memory */
/* Takes NULL, returns NULL. Nothing may be out any more: what hangs is left to itself. */
struct old_files *old_files_free(struct old_files *old);

/* Compress the old files of `path`. Without memory they stay as they are. */
void old_files_compress(struct old_files *old, const char *path, struct names *names);
/* Is something being compressed? */
bool old_files_has_work(const struct old_files *old);
/* Compress no more, until another file becomes old; what is half done is left as it was. */
void old_files_cancel(struct old_files *old);
