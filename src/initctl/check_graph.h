/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * check-config looks at all jobs as a whole: which can start at all, by events and by states, and what keeps the others
 * from it. Where it finds nothing wrong something may be; what it finds wrong is.
 */

#include "initctl/condition.h"
#include "initctl/definitions.h"

/* Is it known that something provides an event, or a state that is no job's? */
typedef bool (*graph_known_fn)(const char *name, void *data);

/* A job with its conditions read. */
struct graph_job {
	const struct upstart_job *job;			   /* borrowed */
	struct condition_tree start_on, stop_on, while_on; /* owned */
	bool damaged;					   /* one of them made no sense, which was told */
	bool can;					   /* it can start */
	size_t *needs;					   /* owned: jobs its conditions name, */
	size_t n_needs;
	size_t *users; /* owned: and those that name it */
	size_t n_users;
};

struct graph {
	const struct initctl *ctl;	       /* borrowed */
	const struct definitions *definitions; /* borrowed */
	struct graph_job *jobs;		       /* owned; as many, in the same order */
	graph_known_fn known_event, known_state;
	void *data;
};

/* Read all conditions, and find out which jobs can start. */
void graph_init(struct graph *graph, const struct initctl *ctl, const struct definitions *definitions,
		graph_known_fn known_event, graph_known_fn known_state, void *data);
void graph_deinit(struct graph *graph); /* idempotent */

/* Place of a job of that name; graph->definitions->n: there is none. */
size_t graph_find(const struct graph *graph, const char *name);

/*
 * The job that a state is of: "bar", "bar/done" and "bar/failed" are of bar. *plain tells that it is the first. None:
 * as graph_find().
 */
size_t graph_state_job(const struct graph *graph, const char *state, bool *plain);
/* Does anything provide the state? */
bool graph_knows_state(const struct graph *graph, const char *state);

/*
 * Why a state of a job never matches a leaf's arguments, as text; owned. NULL: it may. `bar PORT=80` does not when bar
 * exports no PORT.
 */
char *graph_never_matches(const struct graph *graph, const struct condition *leaf);

/*
 * What keeps a job from ever starting, if that is a circle: "a, b, a"; owned. NULL: it is none. *what is "start on" or
 * "while".
 */
char *graph_circle(const struct graph *graph, size_t job, const char **what);
/* The job it needs that can't start, for another reason than a circle; NULL: none. */
const char *graph_hopeless(const struct graph *graph, size_t job, const char **what);
/* A circle through an odd number of `not`s: "a, not b, a"; owned. NULL: there is none. */
char *graph_contradiction(const struct graph *graph, size_t job);
