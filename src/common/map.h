/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Look-up tables: by name, and by number. Wraps uthash so that a failed insert is
 * an error return. Values are borrowed. There is no iteration on purpose: the
 * order of a hash must never influence what is decided; owners keep lists.
 */

#include "common/macros.h"

struct map_entry;

struct map {
	struct map_entry *head;
};

#define MAP_INIT { NULL }

void map_deinit(struct map *m); /* idempotent; values are not touched */

void *map_get(const struct map *m, const char *key);
/* Replaces the value of an existing key. 0 or -ENOMEM. */
int must_check map_put(struct map *m, const char *key, void *value);
void map_del(struct map *m, const char *key);

void *map_get_id(const struct map *m, uint64_t key);
int must_check map_put_id(struct map *m, uint64_t key, void *value);
void map_del_id(struct map *m, uint64_t key);
size_t map_count(const struct map *m);
