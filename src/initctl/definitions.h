/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The definitions of all jobs, for the commands that look at them as a whole.
 */

#include "initctl/initctl.h"

struct definitions {
	struct upstart_job **job; /* owned, sorted by name */
	size_t n;
};

#define DEFINITIONS_INIT { NULL, 0 }

/* Ask a connected init; jobs that vanish meanwhile are left out. Like an upstart_ function. */
int must_check definitions_read(struct definitions *definitions, struct upstart *conn, struct upstart_error *err);
const struct upstart_job *definitions_find(const struct definitions *definitions, const char *name);
void definitions_deinit(struct definitions *definitions); /* idempotent */
#define auto_definitions __attribute__((cleanup(definitions_deinit)))
