/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Learn from init which jobs ask for which events, and keep up with changes (bridges.md 1.4).
 */

#include "bridges/peer.h"
#include "bridges/terms.h"

struct scan;

struct scan_ops {
	/* All that is known of the jobs has been read; `changed`: something differs from what it was. */
	void (*done)(void *data, bool changed);
	/* init does not tell which jobs there are. */
	void (*failed)(void *data, const char *why);
};

/*
 * `terms` is filled; it, `base` and `peer`, the connection to init, are borrowed. With `details` also the terms of
 * `while`, and name, file and template of each job are read. NULL: out of memory.
 */
struct scan *scan_new(struct event_base *base, struct peer *peer, struct terms *terms, bool details,
		      const struct scan_ops *ops, void *data);
struct scan *scan_free(struct scan *scan); /* after the peer, which calls it; takes NULL, returns NULL */

/* To be called when the peer is up, and with each of its signals. What was known before stays until it is replaced. */
void scan_start(struct scan *scan);
void scan_signal(struct scan *scan, DBusMessage *message);
