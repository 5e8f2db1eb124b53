/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The text of `initctl show-config -e`, read back (control.md 11.7): which events start and stop each job, and which it
 * emits. Lines are
 *
 *	JOB
 *	  emits EVENT
 *	  start on EVENT (job: JOB, env: …)
 *	  stop on EVENT (job:, env:)
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "common/macros.h"

/* One event of a condition. */
struct listing_leaf {
	char *event; /* owned */
	char *job;   /* owned: whose event it must be; NULL: of any, or it is no event of a job */
};

struct listing_job {
	char *name;			   /* owned */
	char **emits;			   /* owned */
	struct listing_leaf *start, *stop; /* owned, in the order of the file */
	struct listing_leaf *terms;	   /* owned: states of its `while`; not in the text */
	size_t n_start, n_stop, n_terms;
};

struct listing {
	struct listing_job *job; /* owned, in the order of the text */
	size_t n;
};

#define LISTING_INIT                                                                                                   \
	{                                                                                                              \
		NULL, 0                                                                                                \
	}

/*
 * Read all of `in`. 0; -EINVAL with the line that makes no sense in *line (the caller's); a negative errno of reading,
 * -ENOMEM. On failure the listing holds what was read before.
 */
int must_check listing_read(struct listing *listing, FILE *in, char **line);
/* Add a job; NULL: out of memory. Borrowed, until the next is added. Add a leaf, whose strings go to the list in any case. */
struct listing_job *listing_add_job(struct listing *listing, const char *name);
int must_check listing_add_leaf(struct listing_leaf **leaves, size_t *n, struct listing_leaf leaf);
const struct listing_job *listing_find(const struct listing *listing, const char *name);
void listing_deinit(struct listing *listing); /* idempotent */
#define auto_listing __attribute__((cleanup(listing_deinit)))
