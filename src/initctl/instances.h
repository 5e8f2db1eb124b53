/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * All instances of a job.
 */

#include "initctl/initctl.h"

struct instances {
	struct upstart_instance **p; /* owned, in the order of their names */
	size_t n;
};

#define INSTANCES_INIT                                                                                                 \
	{                                                                                                              \
		NULL, 0                                                                                                \
	}

/* `job` is an object path. Instances that vanish meanwhile are left out. Like an upstart_ function. */
int must_check instances_read(struct instances *instances, struct upstart *conn, const char *job,
			      struct upstart_error *err);
void instances_deinit(struct instances *instances); /* idempotent */
#define auto_instances __attribute__((cleanup(instances_deinit)))
