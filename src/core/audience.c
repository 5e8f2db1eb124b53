/* SPDX-License-Identifier: MIT */
/*
 * Who listens to which events: an index of the leaves of all conditions, so that an event costs what those cost who may
 * match it, however many jobs there are.
 *
 * Leaves lie under the name of their event, and there, if they want a certain value (`started web`, `stopping
 * JOB=web`), in the row of those who want it: for each of its variables an event finds two rows, that of who asks for
 * the value of that key and that of who asks for the value, wherever. A leaf that wants several values lies where
 * fewest are, so that one that nearly all want, as RESULT=ok, costs nothing.
 *
 * This says who may match; whether they do is told by job/condition.h.
 */
#include "core/internal.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

/* Those who want one value. */
struct row {
	char *value; /* owned: "KEY=VALUE", or "=VALUE" */
	struct listener *listeners;
	size_t n;
};

/* Those who listen to one event name. */
struct audience {
	char *name;		    /* owned */
	struct listener *listeners; /* that want no certain value */
	struct map rows;	    /* value -> row, owned */
};

/* -- making what there is not: NULL when out of memory --------------------------------------------- */

static struct audience *
get_audience(struct core *core, const char *name)
{
	struct audience *a = map_get(&core->audiences, name);

	if (a != NULL)
		return a;
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return NULL;
	a->name = strdup(name);
	if (a->name == NULL || map_put(&core->audiences, name, a) < 0) {
		free(a->name);
		free(a);
		return NULL;
	}
	return a;
}

/* Takes over `value`. */
static struct row *
get_row(struct audience *a, char *value)
{
	struct row *row = map_get(&a->rows, value);

	if (row == NULL) {
		row = calloc(1, sizeof(*row));
		if (row != NULL && map_put(&a->rows, value, row) == 0) {
			row->value = value;
			return row;
		}
		free(row);
		row = NULL;
	}
	free(value);
	return row;
}

/* -- coming and going ------------------------------------------------------------------------------- */

/*
 * Of the values that a leaf wants, the one that fewest want so far: owned by the caller, and NULL if it wants none.
 * 0 or -ENOMEM.
 */
static int
choose(const struct audience *a, const struct condition_node *node, char **best)
{
	size_t fewest = SIZE_MAX;

	*best = NULL;
	for (char **arg = node->args; arg != NULL && *arg != NULL && fewest > 0; arg++) {
		auto_free char *value = NULL;
		const struct row *row;

		if (!condition_argument_is_plain(*arg))
			continue;
		value = str_printf("%s%s", strchr(*arg, '=') != NULL ? "" : "=", *arg);
		if (value == NULL) {
			free(steal(best));
			return -ENOMEM;
		}
		row = map_get(&a->rows, value);
		if (row != NULL && row->n >= fewest)
			continue;
		fewest = row != NULL ? row->n : 0;
		free(*best);
		*best = steal(&value);
	}
	return 0;
}

static void
drop_empty(struct core *core, struct audience *a)
{
	if (a->listeners != NULL || map_count(&a->rows) > 0)
		return;
	map_del(&core->audiences, a->name);
	free(a->name);
	free(a);
}

int
audience_join(struct core *core, struct listener *l, const struct condition_node *node)
{
	struct audience *a = get_audience(core, node->name);
	char *value;

	if (a == NULL)
		return -ENOMEM;
	if (choose(a, node, &value) < 0)
		goto fail;
	l->row = value != NULL ? get_row(a, value) : NULL;
	if (value != NULL && l->row == NULL)
		goto fail;
	l->audience = a;
	if (l->row == NULL) {
		DL_APPEND(a->listeners, l);
		return 0;
	}
	DL_APPEND(l->row->listeners, l);
	l->row->n++;
	return 0;
fail:
	drop_empty(core, a);
	return -ENOMEM;
}

void
audience_leave(struct core *core, struct listener *l)
{
	struct audience *a = l->audience;
	struct row *row = l->row;

	if (a == NULL)
		return;
	l->audience = NULL;
	if (row == NULL) {
		DL_DELETE(a->listeners, l);
	} else {
		DL_DELETE(row->listeners, l);
		row->n--;
	}
	if (row != NULL && row->n == 0) {
		map_del(&a->rows, row->value);
		free(row->value);
		free(row);
	}
	drop_empty(core, a);
}

/* -- looking up --------------------------------------------------------------------------------------- */

struct audience_walk
audience_walk(const struct core *core, const char *name, char *const *env)
{
	const struct audience *a = map_get(&core->audiences, name);
	bool rows = a != NULL && map_count(&a->rows) > 0 && env != NULL;

	return (struct audience_walk){ a, a != NULL ? a->listeners : NULL, env, rows ? 0 : WALK_ENDS };
}

/* The row that look-up number `i` asks for: two for each variable, of "KEY=VALUE" and of "=VALUE". */
static const char *
row_name(char *const *env, size_t i)
{
	const char *pair = env[i / 2], *equals = strchr(pair, '=');

	if (i % 2 == 0)
		return pair;
	return equals != NULL ? equals : "=";
}

/* The same value at several places is one row. */
static bool
was_there(char *const *env, size_t i, const char *value)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(row_name(env, k), value) == 0)
			return true;
	return false;
}

const struct listener *
audience_next(struct audience_walk *walk)
{
	const struct listener *l;

	while (walk->next == NULL && walk->at != WALK_ENDS && walk->env[walk->at / 2] != NULL) {
		const char *value = row_name(walk->env, walk->at);
		const struct row *row = map_get(&walk->audience->rows, value);

		if (row != NULL && !was_there(walk->env, walk->at, value))
			walk->next = row->listeners;
		walk->at++;
	}
	l = walk->next;
	if (l != NULL)
		walk->next = l->next;
	return l;
}
