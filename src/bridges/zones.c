/* SPDX-License-Identifier: MIT */
#include "bridges/zones.h"

#include <string.h>
#include <utlist.h>

#include "common/log.h"

struct zones_entry {
	struct zones_entry *next;
	char *name;        /* owned; "": the system's */
	struct zone *zone; /* owned */
};

static struct zones_entry *
entry_free(struct zones_entry *entry)
{
	if (!entry)
		return NULL;
	(void) zone_free(entry->zone);
	free(entry->name);
	free(entry);
	return NULL;
}

const struct zone *
zones_get(struct zones *zones, const char *name, struct error *err)
{
	struct zones_entry *entry = map_get(&zones->by_name, name ? name : "");

	if (entry)
		return entry->zone;
	entry = calloc(1, sizeof(*entry));
	if (!entry || !(entry->name = strdup(name ? name : ""))) {
		(void) entry_free(entry);
		(void) error_nomem(err);
		return NULL;
	}
	if (zone_load(&entry->zone, entry->name, err) < 0) {
		(void) entry_free(entry);
		return NULL;
	}
	if (map_put(&zones->by_name, entry->name, entry) < 0) {
		(void) entry_free(entry);
		(void) error_nomem(err);
		return NULL;
	}
	LL_PREPEND(zones->list, entry);
	return entry->zone;
}

void
zones_reload(struct zones *zones)
{
	struct zones_entry *entry;

	LL_FOREACH(zones->list, entry) {
		struct error err = ERROR_INIT;
		struct zone *zone;

		if (zone_load(&zone, entry->name, &err) < 0) {
			log_warn("%s", err.text);
			continue;
		}
		(void) zone_free(entry->zone);
		entry->zone = zone;
	}
}

void
zones_deinit(struct zones *zones)
{
	struct zones_entry *entry, *next;

	map_deinit(&zones->by_name);
	LL_FOREACH_SAFE(zones->list, entry, next)
		(void) entry_free(entry);
	zones->list = NULL;
}
