/* SPDX-License-Identifier: MIT */
#pragma once

/* How long to wait before what has failed is tried again. */

#include <stdint.h>

/*
 * The delay after `delay`, in any unit: `first` if there was none yet (0), else twice as long, but `most` at the most.
 * It never overflows.
 */
uint64_t backoff_next(uint64_t delay, uint64_t first, uint64_t most);
