/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How processes and instances ended, for people who ask.
 */

#include "core/internal.h"

#define EXIT_WORDS 3 /* of each entry in job.exits */
/* `step` of a process that ended; of a main process that init gave up, where `arg` says why. Else enum spawn_step. */
#define PAST_ENDED UINT32_MAX
#define PAST_UNREADY (UINT32_MAX - 1)
#define PAST_UNREADY_ENDED ((uint32_t) 1 << 8) /* or'ed to that `arg`: it has ended since */

/* A process ended with that status, or (`step` is not PAST_ENDED) could not be made with that errno. */
void past_exit(struct core *core, struct job *job, enum process_kind kind, uint32_t step, uint32_t arg, int32_t value);
/* Main is given up, for it has not become ready (enum core_unready); its end, which that brings about, is told with it. */
void past_unready(struct core *core, struct job *job, uint32_t why);
void past_add(struct core *core, const struct job *job); /* the instance goes */
struct past *past_free(struct past *past);		 /* returns NULL */
