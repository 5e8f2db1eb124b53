/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The clock of the bridges, and messages that must not flood the log.
 */

#include <stdbool.h>

#include "common/macros.h"

/* Time that only goes forward; pauses of the machine don't count. */
usec_t timing_now(void);

/* Lets one through at once, then one per interval; the others are counted. */
struct ratelimit {
	usec_t interval;
	usec_t next;            /* when the next one may pass */
	unsigned long withheld; /* since the last one that passed */
};

#define RATELIMIT_INIT(every) { .interval = (every) }

/* May this one pass, at `now`? If so *withheld is how many did not since the last. */
bool ratelimit_pass(struct ratelimit *limit, usec_t now, unsigned long *withheld);
