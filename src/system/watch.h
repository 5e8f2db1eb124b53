/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Watching configuration directories and whatever lies below them.
 *
 * A root is a directory that is there or will be: while it is absent its nearest existing ancestor is
 * watched instead. What is told is only where to look; the listener reads the disk to learn what is so.
 * Platforms without file notification tell nothing (watch_new() gives -ENOSYS): explicit reloads remain.
 */

#include <stdbool.h>

#include "common/macros.h"
#include "system/loop.h"

struct watch;

enum watch_event {
	WATCH_FILE,   /* something happened to the file `path` (absolute): look at it */
	WATCH_RESCAN, /* directories below the root changed, or news were lost: look at all of it */
};

/* `root` is the number given to watch_add(). `path` is borrowed, NULL for WATCH_RESCAN. */
typedef void (*watch_fn)(enum watch_event event, unsigned root, const char *path, void *data);

/* Is a directory of that name to be watched too? */
typedef bool (*watch_enter_fn)(const char *name);

/* 0 and *watch, or a negative errno. */
int must_check watch_new(struct loop *loop, watch_enter_fn enter, watch_fn fn, void *data, struct watch **watch);
struct watch *watch_free(struct watch *watch); /* takes NULL, returns NULL */

/*
 * Watch the directory `path` and all below it as root number `root`. With `file` the path is that of one
 * file, and only its directory is watched, for it. Called again for a root: looks again at what
 * is to be watched (the repair after a fault). 0 or a negative errno.
 */
int must_check watch_add(struct watch *watch, unsigned root, const char *path, bool file);
