/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where a `while` speaks of $VARIABLES, to tell of those that nothing binds. Private to job/.
 *
 * Whoever arms a job may give it any variable, as may the environment of all jobs; so that this is never an error.
 */

#include "job/class.h"
#include "job/report.h"

/* Of so many arguments the places are kept, so that no file costs more. */
#define VARIABLE_PLACES_MAX 128

struct variable_place {
	const char *path; /* borrowed */
	struct place at;
	int leaf, arg; /* which argument of which term, both from the left */
};

struct variables {
	struct variable_place *v; /* owned */
	size_t n;
	struct variable_place instance; /* path is NULL: there is none */
};

void variables_deinit(struct variables *variables); /* idempotent */

/* Note the place of an argument with a '$'. 0 or -ENOMEM. */
int must_check variables_add(struct variables *variables, const struct variable_place *place);

/* Are there as many "}" as "${"? If there are not it can't be expanded, whatever is set. */
bool variables_braces_match(const char *text);

/* Is it always there, set by init or its table of all jobs? */
bool variables_is_given(struct span name);

/*
 * Warn of what the `while`, or the `instance`, of a complete class speaks of and neither the file nor a term binds, if
 * the class comes about without an event and does not ask for variables. 0 or -ENOMEM.
 */
int must_check variables_check(const struct variables *variables, const struct job_class *cls,
			       struct parse_report *report);
