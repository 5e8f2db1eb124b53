/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * From events to states: a job that starts on `started X` and stops on `stopping X` says in two stanzas what `while X`
 * says in one, and says it worse: with two jobs it does not come back when only one of them does, and what runs already
 * when the job is read is missed.
 */

#include "job/parse.h"

struct job_rewrite {
	char *start_on; /* owned: the expression that was there */
	char *stop_on;	/* owned */
	char *states;	/* owned: the expression behind `while` */
	char *rest;	/* owned: the expression of the `stop on` that is left; NULL: none is */
	char **jobs;	/* owned: the jobs that are states */
	char *text;	/* owned: the whole file, of `len` bytes: as it was but for those two stanzas */
	size_t len;
};

#define JOB_REWRITE_INIT { 0 }

void job_rewrite_deinit(struct job_rewrite *rewrite); /* idempotent */
#define auto_rewrite __attribute__((cleanup(job_rewrite_deinit)))

/*
 * Rewrite the file of the job NAME, where that means the same or better. It must have
 *
 *   start on   started JOB [MATCH]… and started …, nothing else
 *   stop on    stopping JOB [MATCH]… or …, with the same matches for each of those jobs; what else is there is left
 *
 * and neither a `while` nor `manual` nor an `instance`, nor may its commands speak of variables that only events have.
 *
 *   1        *rewrite is the caller's
 *   0        it does not apply; *why (static text) says why, NULL: there is nothing of the kind in it
 *   -EINVAL  the file is wrong
 *   -ENOMEM
 */
int must_check job_rewrite(const char *name, const struct parse_source *conf, struct job_rewrite *rewrite, const char **why);

/* What is otherwise then, for people: lines, each ended by a newline. Static. */
extern const char job_rewrite_differences[];
