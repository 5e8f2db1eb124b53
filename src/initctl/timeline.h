/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What started when, and why, as init remembers it; and what is made of it: which runs are of the boot, and the critical
 * chain, which is what its end waited for. Everything here ends the program when there is no memory.
 */

#include <jansson.h>

#include "initctl/initctl.h"

#define NEVER (-1.0)
#define NO_RUN SIZE_MAX

/* A life of an instance. Times are seconds since the beginning; NEVER: it has not come there. */
struct run {
	long long id;
	const char *job, *instance; /* borrowed, as all text here */
	bool task;
	const char *why;   /* "event", "while", "request", "respawn" or "unknown" */
	const char *event; /* "started JOB=db"; "": none */
	const char *failed; /* a kind of process, or "respawn"; "": it has not */
	long long event_id, starting_event; /* 0: none */
	size_t by;			    /* the place of the run that brought it about; NO_RUN: none that is known */
	double event_at, asked, starting, begun, main, main_ready, ready, stopping, gone;
	double done; /* a service is ready, a task is over */
	bool boot;   /* of the boot, */
	bool critical; /* and of the chain */
};

/* The chain from its end to its beginning: from `from` until `to` it was up to this run. */
struct step {
	size_t run;
	double from, to;
};

struct timeline {
	json_t *root;		 /* owned: what init said */
	double began;		 /* the monotonic clock then */
	double startup, now;	 /* seconds since */
	long long dropped;	 /* runs that are no longer known */
	struct run *runs;	 /* owned; in the order in which they began */
	size_t n;
	double end;		 /* of the boot; NEVER: nothing has started */
	struct step *chain;	 /* owned */
	size_t n_chain;
	const char *origin;	 /* what set the chain off: an event, or "a request", "its `while'"; "": no chain */
};

#define TIMELINE_INIT                                                                                                  \
	{                                                                                                              \
		.root = NULL                                                                                           \
	}

/* Ask init. EXIT_SUCCESS, or EXIT_FAILURE after saying why not. */
int must_check timeline_read(struct timeline *t, struct initctl *ctl);
void timeline_deinit(struct timeline *t); /* idempotent */
#define auto_timeline __attribute__((cleanup(timeline_deinit)))

/*
 * Find the critical chain to the last run of a job that got done; NULL: to the last of the boot, or (`all`) of all. False:
 * there is no such run.
 */
bool timeline_chain(struct timeline *t, const char *job, bool all);

/* How long it was on its way; NEVER: it is. */
double run_took(const struct run *run);
/* "db", "tty (1)", as a user may see it: owned. */
char *run_name(const struct run *run);
/* "started JOB=db", "its `while', by db" …: owned. */
char *run_reason(const struct timeline *t, const struct run *run);
