/* SPDX-License-Identifier: MIT */
#include "plan/story.h"

#include <errno.h>
#include <string.h>

#define HOLDERS_MAX 64 /* of one event that are named */

/* -- items --------------------------------------------------------------------------- */

static void
item_deinit(struct item *item)
{
	for (size_t i = 0; i < item->n_holders; i++) {
		free(item->holders[i].job);
		free(item->holders[i].instance);
		item->holders[i].needs = strv_free(item->holders[i].needs);
	}
	free(item->holders);
	free(item->job);
	free(item->instance);
	free(item->event);
	item->env = strv_free(item->env);
	free(item->names);
	free(item->text);
}

void
story_deinit(struct story *story)
{
	for (size_t i = 0; i < story->n; i++)
		item_deinit(&story->items[i]);
	free(story->items);
	for (size_t i = 0; i < story->n_blocked; i++)
		item_deinit(&story->blocked[i]);
	free(story->blocked);
	free(story->error);
	free(story->error_text);
	places_deinit(&story->before);
	places_deinit(&story->after);
	u64v_deinit(&story->old_events);
	*story = (struct story){ 0 };
}

struct item *
story_add(struct story *story, enum item_type type)
{
	struct item *p = story->items;

	if (story->n >= STORY_ITEMS_MAX) {
		story->dropped++;
		return NULL;
	}
	/* Grown to powers of two. */
	if ((story->n & (story->n - 1)) == 0)
		p = reallocarray(p, story->n != 0 ? 2 * story->n : 1, sizeof(*p));
	if (p == NULL) {
		story->nomem = true;
		return NULL;
	}
	story->items = p;
	p[story->n] = (struct item){ .type = type };
	return &p[story->n++];
}

/* -- places ---------------------------------------------------------------------------- */

void
places_deinit(struct places *places)
{
	for (size_t i = 0; i < places->n; i++) {
		free(places->p[i].job);
		free(places->p[i].instance);
	}
	free(places->p);
	*places = (struct places){ 0 };
}

static int
places_add(struct places *places, const struct job_class *cls, const struct core_instance *view)
{
	struct place *p = places->p;

	if ((places->n & (places->n - 1)) == 0)
		p = reallocarray(p, places->n != 0 ? 2 * places->n : 1, sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	places->p = p;
	p[places->n] = (struct place){
		.job = strdup(view->job),
		.instance = strdup(view->name),
		.goal = view->goal,
		.state = view->state,
		.task = cls->task,
	};
	places->n++;
	return p[places->n - 1].job != NULL && p[places->n - 1].instance != NULL ? 0 : -ENOMEM;
}

static int
compare(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int r = strcmp(x->job, y->job);

	return r != 0 ? r : strcmp(x->instance, y->instance);
}

int
places_read(struct places *places, const struct core *core)
{
	auto_strv char **jobs = core_class_names(core);
	struct core_instance view;

	if (jobs == NULL)
		return -ENOMEM;
	for (size_t i = 0; jobs[i] != NULL; i++) {
		auto_strv char **names = core_instance_names(core, jobs[i]);

		if (names == NULL)
			return -ENOMEM;
		for (size_t k = 0; names[k] != NULL; k++)
			if (core_instance(core, jobs[i], names[k], &view) == 0 &&
			    places_add(places, core_class(core, jobs[i]), &view) < 0)
				return -ENOMEM;
	}
	if (places->n > 0)
		qsort(places->p, places->n, sizeof(*places->p), compare);
	return 0;
}

const struct place *
places_find(const struct places *places, const char *job, const char *instance)
{
	const struct place key = { .job = (char *) (uintptr_t) job, .instance = (char *) (uintptr_t) instance };

	return places->n > 0 ? bsearch(&key, places->p, places->n, sizeof(key), compare) : NULL;
}

/* -- who waits -------------------------------------------------------------------------- */

/* The leaves a condition still needs. */
static int
add_needs(struct item_holder *to, const struct core *core, const struct core_holder *from)
{
	struct core_condition view;

	if (!from->condition || core_condition(core, from->job, from->instance, &view) < 0 || view.cond == NULL)
		return 0;
	for (int i = 0; i < view.cond->n_leaves; i++)
		if (view.held[i] == 0 && strv_take(&to->needs, condition_print_leaf(view.cond, i)) < 0)
			return -ENOMEM;
	return 0;
}

static int
add_holder(struct item *item, const struct core *core, const struct core_holder *from)
{
	struct item_holder *to = &item->holders[item->n_holders++];

	*to = (struct item_holder){ .job = strdup(from->job), .condition = from->condition };
	if (to->job == NULL || str_copy(&to->instance, from->instance) < 0)
		return -ENOMEM;
	return add_needs(to, core, from);
}

int
item_waits(struct item *item, const struct core *core, uint64_t id)
{
	auto_free struct core_holder *holders = NULL;
	struct core_event event;
	size_t n = 0;
	int r = core_event(core, id, &event);

	if (r == 0)
		r = core_event_holders(core, id, &holders, &n);
	if (r < 0)
		return r;
	if (str_copy(&item->job, event.job) < 0 || str_copy(&item->instance, event.instance) < 0 ||
	    str_copy(&item->event, event.name) < 0 || strv_dup(&item->env, event.env) < 0)
		return -ENOMEM;
	item->holders = calloc(n + 1, sizeof(*item->holders));
	if (item->holders == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n && i < HOLDERS_MAX && r == 0; i++)
		r = add_holder(item, core, &holders[i]);
	item->more_holders = n > HOLDERS_MAX ? n - HOLDERS_MAX : 0;
	return r;
}
