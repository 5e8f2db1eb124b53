/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Why a job is as it is, and what waits for what: answers to people, as JSON. What they cost is bounded: of jobs with
 * many instances, and of events that wait for many, only so many are told, and how many more there are.
 */

#include "init/init.h"

/* One instance, or (NULL) all there is to say about a job that exists; owned. NULL: out of memory. */
char *explain_job(struct init *init, const char *job, const char *instance);
/* Every event in the queue and every instance that is on its way, with what each waits for; owned. NULL as above. */
char *explain_waits(struct init *init);
