/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Time zones: what the clocks of a place show, from a file of tzfile(5) and the rule in its last line (RFC 8536).
 *
 * libc knows one zone at a time, of the whole process, and cannot say whether a local time exists once, twice or not at
 * all; schedules need several zones at once and exactly that (decision 021). All times are seconds since 1970, of any
 * sign; leap seconds are not counted, as the kernel's clock does not.
 */

#include <stdbool.h>

#include "common/error.h"
#include "common/str.h"

struct zone;

/* An interval in which the clocks run evenly. */
struct zone_span {
	int64_t from;   /* its first second; INT64_MIN: since ever */
	int64_t until;  /* the first that is not in it; INT64_MAX: for ever */
	int offset;     /* local time minus UTC, seconds */
	int before;     /* the offset before `from` */
	char name[8];   /* "CEST" */
};

/* Read the bytes of a file. 0; -EINVAL: it is none, or damaged; -ENOMEM. */
int must_check zone_parse(struct zone **zone, const void *bytes, size_t size);
/* A zone without changes. NULL: out of memory. */
struct zone *zone_fixed(int offset);
struct zone *zone_free(struct zone *zone); /* takes NULL, returns NULL */

/* The interval that `t` lies in. */
void zone_at(const struct zone *zone, int64_t t, struct zone_span *span);

/*
 * When the clocks show `local`: how many instants (0: they skip it, at *first they do so; 1; 2 or more: it is repeated),
 * and the first of them.
 */
unsigned zone_instants(const struct zone *zone, int64_t local, int64_t *first);

/*
 * Load the zone NAME of the system's folder, or with NULL or "" the system's own: /etc/localtime, UTC if there is none.
 * 0; -EINVAL: that is no name; -ENOENT: there is no such zone; -EBADMSG: its file makes no sense; another errno of
 * reading it; -ENOMEM. All with a text.
 */
int must_check zone_load(struct zone **zone, const char *name, struct error *err);
/* May it be the name of a zone? Nothing is looked up. */
bool zone_is_name(struct span name);
