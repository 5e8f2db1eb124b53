/* SPDX-License-Identifier: MIT */
#include "core/state_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/env.h"

struct entry {
	char **env;	   /* owned */
	const char *value; /* in it, of the variable that is asked for; NULL: it has none */
	size_t place;
};

struct state_index {
	struct span key;     /* borrowed from the term, as the pattern: of its first KEY=PATTERN; empty: there is none */
	const char *pattern;
	struct entry *entries; /* owned; in the order of state_each() */
	struct entry **sorted; /* owned; by value, and then as they came: those that have one */
	size_t n, n_sorted;
	bool nomem;
};

struct state_index *
state_index_free(struct state_index *index)
{
	if (index == NULL)
		return NULL;
	for (size_t i = 0; i < index->n; i++)
		(void) strv_free(index->entries[i].env);
	free(index->entries);
	free(index->sorted);
	free(index);
	return NULL;
}

static void
add_cb(char *const *env, void *data)
{
	struct state_index *index = data;
	struct entry *entries = index->entries;
	struct entry *e;

	if (index->nomem)
		return;
	/* Grown to powers of two. */
	if ((index->n & (index->n - 1)) == 0)
		entries = reallocarray(entries, index->n != 0 ? 2 * index->n : 1, sizeof(*entries));
	if (entries == NULL) {
		index->nomem = true;
		return;
	}
	index->entries = entries;
	e = &entries[index->n];
	*e = (struct entry) { .place = index->n };
	if (strv_dup(&e->env, env) < 0) {
		index->nomem = true;
		return;
	}
	index->n++;
	e->value = index->key.n > 0 ? env_get_span(e->env, index->key) : NULL;
}

static int
compare(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *) a, *y = *(struct entry *const *) b;
	int r = strcmp(x->value, y->value);

	return r != 0 ? r : (x->place > y->place) - (x->place < y->place);
}

static void
sort(struct state_index *index)
{
	index->sorted = calloc(index->n + 1, sizeof(struct entry *));
	if (index->sorted == NULL) {
		index->nomem = true;
		return;
	}
	for (size_t i = 0; i < index->n; i++)
		if (index->entries[i].value != NULL)
			index->sorted[index->n_sorted++] = &index->entries[i];
	qsort(index->sorted, index->n_sorted, sizeof(struct entry *), compare);
}

/* The variable to ask for. */
static void
choose_key(struct state_index *index, const struct condition_node *node)
{
	for (size_t i = 0; node->args != NULL && node->args[i] != NULL; i++) {
		const char *equals = strchr(node->args[i], '=');

		if (equals == NULL || equals == node->args[i] || equals[-1] == '!')
			continue;
		index->key = (struct span) { node->args[i], (size_t) (equals - node->args[i]) };
		index->pattern = equals + 1;
		return;
	}
}

struct state_index *
state_index_new(const struct core *core, struct span root, const struct condition_node *node, bool present, bool *known)
{
	struct state_index *index = calloc(1, sizeof(*index));

	if (index == NULL)
		return NULL;
	choose_key(index, node);
	*known = state_each(core, root, node->name, present, add_cb, index);
	if (!index->nomem)
		sort(index);
	return index->nomem ? state_index_free(index) : index;
}

/* The first of the sorted ones whose value is not below. */
static size_t
lower_bound(const struct state_index *index, const char *value)
{
	size_t low = 0, high = index->n_sorted;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(index->sorted[middle]->value, value) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int
state_index_each(const struct state_index *index, char *const *vars, state_fn fn, void *data)
{
	struct error err = ERROR_INIT;
	auto_free char *value = NULL;
	int r = index->key.n > 0 ? env_expand(&value, index->pattern, vars, &err) : 0;

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return 0; /* what can't be expanded matches nothing */
	if (value == NULL || strpbrk(value, "*?[\\") != NULL) {
		for (size_t i = 0; i < index->n; i++)
			fn(index->entries[i].env, data);
		return 0;
	}
	for (size_t i = lower_bound(index, value); i < index->n_sorted && strcmp(index->sorted[i]->value, value) == 0; i++)
		fn(index->sorted[i]->env, data);
	return 0;
}
