/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Resource limits by the names of the limit stanza.
 */

#include "common/wire.h"

/* The kernel's number (RLIMIT_NOFILE …) for a name, or -1: this platform has no such limit. */
int spawn_limit_resource(const char *name);

/*
 * Set the limits of a msg_spawn: triples of index in job_limit_names, soft, hard (UINT64_MAX = unlimited).
 * 0, or a positive errno with *which the index of the one that failed.
 */
int must_check spawn_limits_apply(const struct u64v *limits, uint16_t *which);
