/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Methods of job and instance objects (control.md sections 5 and 6). Each takes over the call (call.h).
 * Whether the object exists, init says.
 */

#include "control/call.h"

void job_get_instance(struct call *call);
void job_get_instance_by_name(struct call *call);
void job_get_all_instances(struct call *call);
/* Also, or only, the variants with a token. */
void job_start(struct call *call);
void job_start_when_ready(struct call *call);
void job_stop(struct call *call);
void job_restart(struct call *call);
void job_reset(struct call *call);

void instance_start(struct call *call);
void instance_stop(struct call *call);
void instance_restart(struct call *call);
void instance_reload(struct call *call);
void instance_reset(struct call *call);
