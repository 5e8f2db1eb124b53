/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The time zones that schedules name, each read once.
 */

#include "common/map.h"
#include "schedule/zone.h"

struct zones_entry;

struct zones {
	struct zones_entry *list; /* owned */
	struct map by_name;
};

/* NULL: the system's own. Borrowed until zones_reload(); NULL with a text: it can't be had. */
const struct zone *zones_get(struct zones *zones, const char *name, struct error *err);
/* Read all of them again; those that can't be read stay as they are. All that was borrowed is to be asked for anew. */
void zones_reload(struct zones *zones);
void zones_deinit(struct zones *zones); /* idempotent */
