/* SPDX-License-Identifier: MIT */
/*
 * The delays between tries, as all of the house has them. When the delay begins anew is for the caller to know.
 */
#include "common/backoff.h"

uint64_t
backoff_next(uint64_t delay, uint64_t first, uint64_t most)
{
	if (delay == 0)
		return first < most ? first : most;
	return delay < most / 2 + most % 2 ? 2 * delay : most;
}
