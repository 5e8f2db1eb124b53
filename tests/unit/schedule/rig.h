/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Zones for tests that do not depend on what the machine's files say.
 */

#include "schedule/schedule.h"

/* A zone that always goes by a POSIX rule, as "CET-1CEST,M3.5.0,M10.5.0/3". Fails the test if it is wrong. */
struct zone *rig_zone(const char *rule);

/* Local time "YYYY-MM-DD HH:MM:SS" as seconds. */
int64_t rig_local(const char *text);
