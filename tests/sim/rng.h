/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Chance that can be repeated: the same seed gives the same world (splitmix64).
 */

#include <stdbool.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline uint64_t
rng_next(struct rng *rng)
{
	uint64_t z = (rng->state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* 0 … n - 1; n > 0. */
static inline unsigned
rng_below(struct rng *rng, unsigned n)
{
	return (unsigned) (rng_next(rng) % n);
}

static inline bool
rng_chance(struct rng *rng, unsigned percent)
{
	return rng_below(rng, 100) < percent;
}
