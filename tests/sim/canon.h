/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A canonical form of snapshots: numbers that were given (from CANON_FIRST on) are replaced by the order in which they
 * appear, counters and what is only remembered for people are left out. Two states with the same form behave alike.
 */

#include "common/map.h"
#include "common/str.h"
#include "common/wire.h"

#define CANON_FIRST UINT64_C(1000000)

struct canon {
	struct map places; /* number -> its place, from 1 */
	size_t n;
	struct strbuf out;
};

void canon_number(struct canon *c, uint64_t v);
void canon_value(struct canon *c, struct wire_in *in); /* one encoded value, which is consumed */
uint64_t canon_hash(const struct canon *c);
void canon_deinit(struct canon *c);
