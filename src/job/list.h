/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A string vector that knows its length, so that appending a hundred thousand
 * words takes no longer than it must. Private to job/.
 */

#include <errno.h>

#include "common/str.h"

struct strlist {
	char **v; /* owned, NULL-terminated, NULL when empty */
	size_t n;
	size_t cap;
};

static inline void
strlist_deinit(struct strlist *l)
{
	l->v = strv_free(l->v);
	l->n = l->cap = 0;
}

/* Append the owned string s, which is freed on failure; 0 or -ENOMEM (also when s is NULL). */
static inline int must_check
strlist_take(struct strlist *l, char *s)
{
	if (s != NULL && l->n + 1 >= l->cap) {
		size_t cap = l->cap > 0 ? 2 * l->cap : 4;
		char **grown = realloc(l->v, cap * sizeof(*grown));

		if (grown == NULL) {
			free(s);
			return -ENOMEM;
		}
		l->v = grown;
		l->cap = cap;
	}
	if (s == NULL)
		return -ENOMEM;
	l->v[l->n++] = s;
	l->v[l->n] = NULL;
	return 0;
}

/* The vector, the caller's; the list is empty after. */
static inline char **
strlist_steal(struct strlist *l)
{
	char **v = l->v;

	*l = (struct strlist) { 0 };
	return v;
}

#define auto_strlist __attribute__((cleanup(strlist_deinit)))
