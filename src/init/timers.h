/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The core's timers: armed ones, by its numbers. Absolute times of the monotonic clock, which go on over an exec.
 */

#include "init/init.h"

struct note;

int must_check timers_init(struct init *init);
void timers_deinit(struct init *init);

/* Arm timer `id`, or cancel it (due 0). While loading it is only remembered. 0 or -ENOMEM. */
int must_check timers_set(struct init *init, uint64_t id, usec_t due);
/* Loading is over: arm what is remembered. */
void timers_start(struct init *init);

void timers_save(struct init *init);
int must_check timers_load(struct init *init, const struct note *note);
