/* SPDX-License-Identifier: MIT */
#include "init/record.h"

static const struct wire_field fields[] = {
	WIRE_FIELD(STRV, struct record_config, own_env),
	WIRE_FIELD(STRV, struct record_config, job_env),
	WIRE_FIELD(STR, struct record_config, session_address),
	WIRE_FIELD(I32, struct record_config, log_level),
	WIRE_FIELD(U32, struct record_config, policies),
	WIRE_FIELD(BOOL, struct record_config, awake),
};
const struct wire_schema record_config_schema = WIRE_SCHEMA("config", fields);
