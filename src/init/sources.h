/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where definitions come from: configuration directories in order of priority, what lies in them, and which of it
 * counts (job-language.md section 8). A file with a fault keeps the last good definition it had.
 */

#include "common/scope.h"
#include "init/init.h"

/* 0 or -ENOMEM. */
int must_check sources_init(struct init *init);
void sources_deinit(struct init *init);

/* The directories of this init, from options and environment. 0 or -ENOMEM. */
int must_check sources_setup(struct init *init);
void sources_drop(struct init *init); /* those again, of which nothing was read yet */
/* Append one: a directory, or (`file`) the file of global settings. 0 or -ENOMEM. */
int must_check sources_add(struct init *init, const char *path, bool file);
/* Read all for the first time and watch it. After a re-exec only what has changed is told to the core. */
void sources_load(struct init *init);
/* Read all again; every definition is told to the core again. */
void sources_reload(struct init *init);

/*
 * The jobs of a chroot session (job-language.md 8.11), below its own folder ROOT/etc/init, are known from now on.
 * False: they can't be (told).
 */
bool sources_add_session(struct init *init, const char *root);
/* Are they? */
bool sources_has_session(const struct init *init, const char *root);

/* Paths in order of priority; owned; NULL when out of memory or none. */
char **sources_paths(const struct init *init);
/* What is wrong with the files of a job, which may go on with an older definition; borrowed; NULL: nothing. */
const char *sources_fault(const struct init *init, const char *name);
/*
 * All that is wrong in the files of a job, or (NULL) of all of the machine or a chroot session (n > 0), with lines and
 * carets; owned; NULL when out of memory.
 */
char **sources_faults(const struct init *init, struct span root, const char *name);
/* Mark the definitions that files stand for (definitions.h). */
void sources_mark(const struct init *init);
