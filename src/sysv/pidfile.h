/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The pid file of a waiting shutdown. A lock on it, not the number in it, says whether one waits: a number may belong
 * to another process by now.
 */

#include <sys/types.h>

#include "common/macros.h"

struct pidfile {
	char *path; /* owned */
	int fd;     /* locked while open; -1: not written */
};

#define PIDFILE_INIT { .fd = -1 }

/*
 * The pid of the process that holds the file at `path`. 0: nobody does. -ENOENT and the like: no file that could be
 * read.
 */
pid_t must_check pidfile_holder(const char *path);

/* Write and hold it, whole from the first moment on; `path` is copied. 0 or negative errno. */
int must_check pidfile_write(struct pidfile *file, const char *path);

/* Remove it, if it was written. */
void pidfile_remove(struct pidfile *file);
