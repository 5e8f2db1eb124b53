/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is wrong with a job file as it is now, for clients to ask: the last good definition goes on meanwhile, and the
 * log may be far away.
 */

#include "job/parse.h"

struct faults {
	char *first;  /* owned: the first one as in the log, "PATH:LINE: MESSAGE"; NULL: nothing is wrong */
	char **shown; /* owned: each with column, word, line and caret, without newline at the end; not too many;
			 variables that nothing binds, too */
};

void faults_deinit(struct faults *faults); /* idempotent */

/*
 * Add the errors of a report, and variables that nothing binds; `override` is NULL when there was none. Out of memory
 * the first one alone is known, or nothing.
 */
void faults_add(struct faults *faults, const struct parse_report *report, const struct parse_source *conf,
		const struct parse_source *override);
/* The file could not even be read. */
void faults_add_unreadable(struct faults *faults, const char *path, const char *why);
