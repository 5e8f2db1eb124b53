/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The one clock of init: monotonic, in microseconds, the same in every image between two boots. It
 * does not count time spent asleep: a job's kill timeout is not over because the lid was shut.
 */

#include <time.h>

#include "common/macros.h"

static inline usec_t
clock_now(void)
{
	struct timespec t = { 0, 0 };

	(void) clock_gettime(CLOCK_MONOTONIC, &t);
	return (usec_t) t.tv_sec * USEC_PER_SEC + (usec_t) t.tv_nsec / 1000;
}
