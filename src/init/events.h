/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Signals sent to init (runtime.md 3, 14.3).
 */

#include "init/init.h"

int must_check events_init(struct init *init);
void events_deinit(struct init *init);
