/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the core remembers of what started when and why; a part of core/internal.h.
 */

#include "core/explain.h"

struct event;
struct job;

/* What leads to the next run of an instance; members as in core_run. */
struct prompt {
	uint32_t why; /* 0: nothing yet */
	uint64_t by, event_id;
	usec_t event_at, asked;
	char *event; /* owned */
};

/* It is about to start, for that reason: by the doing of a run (0: none), or by that event. */
void history_prompt(struct core *core, struct job *job, enum core_run_why why, uint64_t by, const struct event *event);
uint64_t history_caller(const struct core *core, uint64_t process); /* the run of whose process that is; 0: none */
void history_state(struct core *core, struct job *job, enum job_state from); /* it is in another state */
void history_waits(struct core *core, const struct job *job);		     /* its `starting` is its blocker */
void history_forget(struct core *core, struct job *job);		     /* it is about to be freed */
int must_check history_add(struct core *core, struct core_run *run);	     /* takes it; 0 or -ENOMEM */
struct core_run *run_free(struct core_run *run);			     /* returns NULL */
void history_free(struct core *core);
