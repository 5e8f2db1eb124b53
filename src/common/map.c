/* SPDX-License-Identifier: MIT */
#include "common/map.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
/* The one sign uthash gives of a failed insert: the entry is not in the table. */
#define uthash_nonfatal_oom(elt) ((elt)->oom = true)
#include <uthash.h>

/* A map is keyed by bytes: a name, or the eight bytes of a number. */
struct map_entry {
	UT_hash_handle hh;
	void *value; /* borrowed */
	bool oom;
	size_t len;
	char key[];
};

void
map_deinit(struct map *m)
{
	struct map_entry *e, *next;

	HASH_ITER(hh, m->head, e, next) {
		HASH_DELETE(hh, m->head, e);
		free(e);
	}
	m->head = NULL;
}

static struct map_entry *
find(const struct map *m, const void *key, size_t len)
{
	struct map_entry *e;

	HASH_FIND(hh, m->head, key, (unsigned) len, e);
	return e;
}

static int
put(struct map *m, const void *key, size_t len, void *value)
{
	struct map_entry *e = find(m, key, len);

	if (e != NULL) {
		e->value = value;
		return 0;
	}
	e = calloc(1, sizeof(*e) + len + 1);
	if (e == NULL)
		return -ENOMEM;
	memcpy(e->key, key, len);
	e->len = len;
	e->value = value;
	HASH_ADD_KEYPTR(hh, m->head, e->key, (unsigned) len, e);
	if (e->oom) {
		free(e);
		return -ENOMEM;
	}
	return 0;
}

static void
del(struct map *m, const void *key, size_t len)
{
	struct map_entry *e = find(m, key, len);

	if (e == NULL)
		return;
	HASH_DELETE(hh, m->head, e);
	free(e);
}

void *
map_get(const struct map *m, const char *key)
{
	const struct map_entry *e = find(m, key, strlen(key));

	return e ? e->value : NULL;
}

int
map_put(struct map *m, const char *key, void *value)
{
	return put(m, key, strlen(key), value);
}

void
map_del(struct map *m, const char *key)
{
	del(m, key, strlen(key));
}

void *
map_get_id(const struct map *m, uint64_t key)
{
	const struct map_entry *e = find(m, &key, sizeof(key));

	return e ? e->value : NULL;
}

int
map_put_id(struct map *m, uint64_t key, void *value)
{
	return put(m, &key, sizeof(key), value);
}

void
map_del_id(struct map *m, uint64_t key)
{
	del(m, &key, sizeof(key));
}

size_t
map_count(const struct map *m)
{
	return HASH_COUNT(m->head);
}
