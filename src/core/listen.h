/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Who listens to what, for follow.c.
 */

#include "core/internal.h"

#define TOPIC_ENVIRONMENT "$" /* the table of all jobs; no state is called so */

/* The slot listens to what its class, which may be the one to come, speaks of, and to nothing else. 0 or -ENOMEM. */
int must_check listen_to(struct core *core, struct slot *slot, const struct job_class *cls);
void unlisten(struct core *core, struct slot *slot);
