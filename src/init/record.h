/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What begins a recording: what the core was told at its start.
 */

#include "common/wire.h"

struct record_config {
	char **own_env;
	char **job_env;
	char *session_address;
	int32_t log_level;
	uint32_t policies;
	bool awake;
};

extern const struct wire_schema record_config_schema;
