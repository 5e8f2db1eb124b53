/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What starts what: jobs, events and states as the nodes of a graph, drawn from the definitions of all jobs. Nothing
 * here knows what has really happened; that is for `explain`.
 */

#include "initctl/definitions.h"

enum thing_kind { THING_JOB, THING_EVENT, THING_STATE };

struct thing {
	enum thing_kind kind;
	const char *name;	       /* borrowed from the definitions */
	const struct upstart_job *job; /* borrowed: of THING_JOB; else NULL */
};

enum tie_kind { TIE_START, TIE_STOP, TIE_WHILE, TIE_EMITS, TIE_KIND_COUNT };

/* From the cause to what it acts on. Of a job's event the cause is that job. */
struct tie {
	enum tie_kind kind;
	size_t from, to;  /* places in `things` */
	const char *name; /* borrowed: of the thing at `to` */
	/*
	 * How: the event and its arguments as the job has them ("runlevel [2345]"), or the term of the `while`, with
	 * "not " before it; "" of TIE_EMITS. Owned.
	 */
	char *how;
};

struct relations {
	struct thing *things; /* owned: all jobs by name, then events and states in the order in which they are met */
	size_t n;
	struct tie *ties; /* owned; sorted by `from`, then by kind and the name of the other end */
	size_t n_ties;
};

#define RELATIONS_INIT                                                                                                 \
	{                                                                                                              \
		NULL, 0, NULL, 0                                                                                       \
	}

/*
 * `definitions` must outlive the relations. Conditions that make no sense are told of and passed over. An event that
 * jobs emit by a pattern ("net-*") has a tie from them for each name that somebody waits for.
 */
void relations_read(struct relations *relations, const struct initctl *ctl, const struct definitions *definitions);
void relations_deinit(struct relations *relations); /* idempotent */
#define auto_relations __attribute__((cleanup(relations_deinit)))

/* Turn all ties round: from what is acted on to its causes. */
void relations_reverse(struct relations *relations);

/* The first tie of a thing; those up to, not including, relations_first() of the next are its own. */
size_t relations_first(const struct relations *relations, size_t thing);
/* The place of a job, or else of an event or state, of that name; relations->n: there is none. */
size_t relations_find(const struct relations *relations, const char *name);
/* "job", "event" or "state". */
const char *relations_kind(enum thing_kind kind);
