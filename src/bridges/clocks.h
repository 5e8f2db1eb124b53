/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The kernel's clocks for upstart-time-bridge: one descriptor for each, armed for one moment at a time, and the notice
 * that the clock on the wall was set or that the machine's time zone is another. Nothing wakes us but these.
 */

#include <event2/event.h>

#include "bridges/timers.h"

struct clocks;

struct clocks_ops {
	void (*due)(void *data); /* one of them has come to its moment */
	void (*set)(void *data); /* the real-time clock was set */
	void (*zone)(void *data); /* /etc/localtime is another file */
};

/* NULL with a text: it can't be made. `ops` is borrowed. */
struct clocks *clocks_new(struct event_base *base, const struct clocks_ops *ops, void *data, struct error *err);
struct clocks *clocks_free(struct clocks *clocks); /* takes NULL, returns NULL */

/* Wake up at `when`, an absolute time of that clock; UINT64_MAX: do not. */
void clocks_arm(struct clocks *clocks, enum timers_clock clock, usec_t when);

/* What all of them show. */
void clocks_read(struct timers_now *now);
