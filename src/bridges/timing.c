/* SPDX-License-Identifier: MIT */
#include "bridges/timing.h"

#include <time.h>

usec_t
timing_now(void)
{
	struct timespec now;

	(void) clock_gettime(CLOCK_MONOTONIC, &now);
	return (usec_t) now.tv_sec * USEC_PER_SEC + (usec_t) now.tv_nsec / 1000;
}

bool
ratelimit_pass(struct ratelimit *limit, usec_t now, unsigned long *withheld)
{
	if (now < limit->next) {
		limit->withheld++;
		return false;
	}
	*withheld = limit->withheld;
	limit->withheld = 0;
	limit->next = now + limit->interval;
	return true;
}
