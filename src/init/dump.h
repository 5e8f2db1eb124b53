/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The state of init as one JSON object, for GetState (runtime.md 16).
 */

#include "init/init.h"

/* Owned; NULL when out of memory. */
char *dump_state(struct init *init);
