/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Signals sent to init, and the events it emits itself (runtime.md 3, 14.3).
 */

#include "init/init.h"

int must_check events_init(struct init *init);
void events_deinit(struct init *init);

/* Emit an event without environment. */
void events_emit(struct init *init, const char *name);
