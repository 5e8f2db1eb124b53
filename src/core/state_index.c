/* SPDX-License-Identifier: MIT */
#include "core/state_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/env.h"

struct entry {
	char *const *env;  /* borrowed from the states */
	const char *value; /* in it, of the variable that is asked for */
	size_t place;
};

struct state_index {
	struct span key; /* borrowed from the term, as the pattern: of its first KEY=PATTERN; empty: there is none */
	const char *pattern;
	struct bindings states; /* in the order of state_each() */
	struct entry *sorted;	/* owned; by value, and then as they came: those that have one */
	size_t n_sorted;
	bool nomem;
};

struct state_index *
state_index_free(struct state_index *index)
{
	if (index == NULL)
		return NULL;
	bindings_deinit(&index->states);
	free(index->sorted);
	free(index);
	return NULL;
}

static void
add_cb(char *const *env, void *data)
{
	struct state_index *index = data;
	char **copy = NULL;

	if (!index->nomem && (strv_dup(&copy, env) < 0 || bindings_add(&index->states, copy) < 0))
		index->nomem = true;
}

static int
compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int r = strcmp(x->value, y->value);

	return r != 0 ? r : (x->place > y->place) - (x->place < y->place);
}

static void
sort(struct state_index *index)
{
	index->sorted = calloc(index->states.n + 1, sizeof(*index->sorted));
	if (index->sorted == NULL) {
		index->nomem = true;
		return;
	}
	for (size_t i = 0; index->key.n > 0 && i < index->states.n; i++) {
		char *const *env = index->states.p[i];
		const char *value = env_get_span(env, index->key);

		if (value != NULL)
			index->sorted[index->n_sorted++] = (struct entry) { env, value, i };
	}
	qsort(index->sorted, index->n_sorted, sizeof(*index->sorted), compare);
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

		if (strcmp(index->sorted[middle].value, value) < 0)
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
		for (size_t i = 0; i < index->states.n; i++)
			fn(index->states.p[i], data);
		return 0;
	}
	for (size_t i = lower_bound(index, value); i < index->n_sorted && strcmp(index->sorted[i].value, value) == 0; i++)
		fn(index->sorted[i].env, data);
	return 0;
}
