/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Crontabs, made into job files: one for each line, named after the file and what the line says, so that a line that moves
 * stays the same job. init reads them from a folder that goes with the machine's power (decision 030).
 */

#include <stdbool.h>

#include "common/str.h"

struct crontabs {
	char *const *files; /* borrowed, may be NULL: files and folders; of the system with users in their lines */
	char *const *user_files; /* the same, without: the name of the file is the user's */
	bool session;       /* no line has a user, and nobody's rights are taken */
	const char *folder; /* borrowed: where the jobs go */
	char **jobs;        /* owned: their names, after crontabs_make() */
	char **told;        /* owned: what is wrong, and was logged */
};

/*
 * Read them all, write the jobs, and take away those of lines that are gone. What can't be read is logged; so are lines that
 * make no sense, once. *changed: something is different now. 0; -ENOMEM; a negative errno of writing, logged.
 */
int must_check crontabs_make(struct crontabs *crontabs, bool *changed);
void crontabs_deinit(struct crontabs *crontabs); /* idempotent; the jobs stay */

/* May a file of that name in a folder be a crontab? Those of editors and packages are not. */
bool crontabs_is_name(const char *name);
