/* SPDX-License-Identifier: MIT */
#include "plan/print.h"

#include <inttypes.h>
#include <string.h>

#include "common/error.h"
#include "common/json.h"

static const char *const actions[] = {
	[WORLD_EMIT] = "emit",	     [WORLD_START] = "start", [WORLD_STOP] = "stop",
	[WORLD_RESTART] = "restart", [WORLD_BOOT] = "boot",
};

/* Instances that were not running and are in the end, and so on. */
enum fate { FATE_STARTED, FATE_RAN, FATE_RESTARTED, FATE_STOPPED, FATE_STUCK, FATE_COUNT };

static const char *const fates[FATE_COUNT] = {
	[FATE_STARTED] = "started", [FATE_RAN] = "ran",	    [FATE_RESTARTED] = "restarted",
	[FATE_STOPPED] = "stopped", [FATE_STUCK] = "stuck",
};

typedef void (*place_fn)(const char *job, const char *instance, void *data);

static bool
is_running(const struct place *place)
{
	return place != NULL && place->goal == GOAL_START && place->state == JOB_RUNNING;
}

static bool
is_under_way(const struct place *place)
{
	return place != NULL && !is_running(place);
}

/* The instances that steps of a kind are about, sorted, each once. */
struct subjects {
	const struct item **p; /* owned; its members are the story's */
	size_t n;
};

static int
compare_subjects(const void *a, const void *b)
{
	const struct item *x = *(const struct item *const *) a, *y = *(const struct item *const *) b;
	int r = strcmp(x->job, y->job);

	return r != 0 ? r : strcmp(x->instance, y->instance);
}

static void
subjects_init(struct subjects *v, const struct story *s, enum item_type type, struct strbuf *b)
{
	size_t n = 0;

	v->n = 0;
	v->p = calloc(s->n + 1, sizeof(const struct item *));
	if (v->p == NULL) {
		b->failed = true;
		return;
	}
	for (size_t i = 0; i < s->n; i++)
		if (s->items[i].type == type && s->items[i].job != NULL && s->items[i].instance != NULL)
			v->p[n++] = &s->items[i];
	if (n > 0)
		qsort(v->p, n, sizeof(const struct item *), compare_subjects);
	for (size_t i = 0; i < n; i++)
		if (v->n == 0 || compare_subjects(&v->p[v->n - 1], &v->p[i]) != 0)
			v->p[v->n++] = v->p[i];
}

static bool
subjects_have(const struct subjects *v, const char *job, const char *instance)
{
	const struct item key = { .job = (char *) (uintptr_t) job, .instance = (char *) (uintptr_t) instance };
	const struct item *wanted = &key;

	return v->n > 0 && bsearch(&wanted, v->p, v->n, sizeof(const struct item *), compare_subjects) != NULL;
}

/* `stops`: instances that were told to stop. */
static enum fate
fate_of(const struct subjects *stops, const struct place *before, const struct place *after)
{
	if (is_under_way(after))
		return is_under_way(before) ? FATE_COUNT : FATE_STUCK;
	if (!is_running(before))
		return FATE_STARTED;
	return subjects_have(stops, after->job, after->instance) ? FATE_RESTARTED : FATE_COUNT;
}

/* Those that are there in the end. */
static void
each_that_lives(const struct story *s, enum fate fate, place_fn fn, struct strbuf *b, void *data)
{
	struct subjects stops;

	subjects_init(&stops, s, ITEM_STOPS, b);
	for (size_t i = 0; i < s->after.n; i++) {
		const struct place *p = &s->after.p[i];

		if (fate_of(&stops, places_find(&s->before, p->job, p->instance), p) == fate)
			fn(p->job, p->instance, data);
	}
	free(stops.p);
}

/* Those that came and went. */
static void
each_that_ran(const struct story *s, place_fn fn, struct strbuf *b, void *data)
{
	struct subjects stopped;

	subjects_init(&stopped, s, ITEM_STOPPED, b);
	for (size_t i = 0; i < stopped.n; i++) {
		const struct item *item = stopped.p[i];

		if (places_find(&s->before, item->job, item->instance) == NULL &&
		    places_find(&s->after, item->job, item->instance) == NULL)
			fn(item->job, item->instance, data);
	}
	free(stopped.p);
}

/* Those of a fate, each once, sorted; `b` is told of want of memory. */
static void
each_of(const struct story *s, enum fate fate, place_fn fn, struct strbuf *b, void *data)
{
	if (fate == FATE_RAN)
		each_that_ran(s, fn, b, data);
	else if (fate != FATE_STOPPED)
		each_that_lives(s, fate, fn, b, data);
	for (size_t i = 0; i < s->before.n && fate == FATE_STOPPED; i++) {
		const struct place *p = &s->before.p[i];

		if (places_find(&s->after, p->job, p->instance) == NULL)
			fn(p->job, p->instance, data);
	}
}

/* -- text ------------------------------------------------------------------------------ */

static void
add_name(struct strbuf *b, const char *job, const char *instance)
{
	strbuf_add(b, job != NULL ? job : "");
	if (instance != NULL && *instance != '\0')
		strbuf_addf(b, " (%s)", instance);
}

static void
add_event(struct strbuf *b, const struct item *item)
{
	strbuf_addf(b, "event %s", item->event != NULL ? item->event : "");
	for (size_t i = 0; item->env != NULL && item->env[i] != NULL; i++)
		strbuf_addf(b, " %s", item->env[i]);
}

static void
add_reason(struct strbuf *b, const struct item *item)
{
	switch (item->reason) {
	case REASON_NONE:
		break;
	case REASON_REQUEST:
		strbuf_add(b, ", as asked");
		break;
	case REASON_EVENTS:
		strbuf_addf(b, ", on %s", item->names);
		break;
	case REASON_STATES:
		if (item->names != NULL && *item->names != '\0')
			strbuf_addf(b, ", while %s", item->names);
		else if (item->names != NULL)
			strbuf_add(b, ", its `while' holds");
		else
			strbuf_add(b, ", its `while' does not hold any more");
		break;
	case REASON_END:
		strbuf_add(b, ", it has ended");
		break;
	}
}

static void
add_holders(struct strbuf *b, const struct item *item)
{
	for (size_t i = 0; i < item->n_holders; i++) {
		const struct item_holder *h = &item->holders[i];
		auto_free char *needs = h->condition ? strv_join(h->needs, ", ") : NULL;

		strbuf_add(b, i > 0 ? ", " : " waits for ");
		if (h->condition)
			strbuf_addf(b, "`%s' of ", h->instance != NULL ? "stop on" : "start on");
		add_name(b, h->job, h->instance);
		if (needs != NULL)
			strbuf_addf(b, " (which needs %s)", needs);
	}
	if (item->more_holders > 0)
		strbuf_addf(b, " and %zu more", item->more_holders);
}

static void
add_item(struct strbuf *b, const struct item *item)
{
	switch (item->type) {
	case ITEM_EVENT:
		add_event(b, item);
		strbuf_add(b, item->assumed ? ", which a job says it emits" : "");
		break;
	case ITEM_WAITS:
		if (item->job != NULL) {
			add_name(b, item->job, item->instance);
			strbuf_add(b, " waits: ");
		}
		add_event(b, item);
		add_holders(b, item);
		break;
	case ITEM_STARTS:
	case ITEM_STOPS:
		add_name(b, item->job, item->instance);
		strbuf_add(b, item->type == ITEM_STARTS ? " starts" : " stops");
		add_reason(b, item);
		break;
	case ITEM_PROCESS:
		add_name(b, item->job, item->instance);
		strbuf_addf(b, " makes its %s process", process_kind_name(item->kind));
		break;
	case ITEM_RUNNING:
	case ITEM_STOPPED:
		add_name(b, item->job, item->instance);
		strbuf_add(b, item->type == ITEM_RUNNING ? " is running" : " has stopped");
		break;
	case ITEM_WARNING:
		strbuf_addf(b, "warning: %s", item->text != NULL ? item->text : "");
		break;
	}
}

struct naming {
	struct strbuf *b;
	const char *lead;
	bool any;
};

static void
name_cb(const char *job, const char *instance, void *data)
{
	struct naming *n = data;

	strbuf_add(n->b, n->any ? ", " : n->lead);
	n->any = true;
	add_name(n->b, job, instance);
}

/* What was on its way when the question was asked moves on, too. */
static void
add_under_way(struct strbuf *b, const struct story *s)
{
	for (size_t i = 0; i < s->before.n; i++) {
		const struct place *p = &s->before.p[i];

		if (!is_under_way(p))
			continue;
		strbuf_add(b, "under way before: ");
		add_name(b, p->job, p->instance);
		strbuf_addf(b, " %s/%s\n", job_goal_name(p->goal), job_state_name(p->state));
	}
}

static void
add_fates(struct strbuf *b, const struct story *s)
{
	for (int fate = 0; fate < FATE_COUNT; fate++) {
		auto_free char *lead = str_printf("%s: ", fates[fate]);
		struct naming n = { b, lead != NULL ? lead : "", false };

		b->failed = b->failed || lead == NULL;
		each_of(s, (enum fate) fate, name_cb, b, &n);
		if (n.any)
			strbuf_addc(b, '\n');
	}
	for (size_t i = 0; i < s->n_blocked; i++) {
		strbuf_add(b, "blocked: ");
		add_item(b, &s->blocked[i]);
		strbuf_addc(b, '\n');
	}
}

static void
add_answer(struct strbuf *b, const struct story *s, const struct world_question *question)
{
	const char *what = actions[question->action];
	const char *text = s->error_text != NULL ? s->error_text : s->error;

	if (s->answered && s->error == NULL)
		return;
	if (!s->answered && s->complete)
		strbuf_addf(b, "%s would wait for ever\n", what);
	else if (s->answered)
		strbuf_addf(b, "%s would fail: %s\n", what, text);
}

void
plan_print_text(struct strbuf *b, const struct story *s, const struct world_question *question, bool all)
{
	size_t number = 0;

	add_under_way(b, s);
	for (size_t i = 0; i < s->n; i++) {
		if (s->items[i].minor && !all)
			continue;
		strbuf_addf(b, "%4zu  ", ++number);
		add_item(b, &s->items[i]);
		strbuf_addc(b, '\n');
	}
	if (s->dropped > 0)
		strbuf_addf(b, "      and %zu more\n", s->dropped);
	if (!s->complete)
		strbuf_addf(b, "given up after %" PRIu64 " steps: this may go on without end\n", s->steps);
	add_fates(b, s);
	add_answer(b, s, question);
}

/* -- JSON ------------------------------------------------------------------------------- */

static void
put_holder(struct strbuf *b, const struct item_holder *h)
{
	json_begin_object(b, NULL);
	json_put_string(b, "job", h->job);
	json_put_string(b, "instance", h->instance);
	if (h->condition) {
		json_put_string(b, "condition", h->instance != NULL ? "stop on" : "start on");
		json_put_strings(b, "needs", h->needs);
	}
	json_end_object(b);
}

static void
put_reason(struct strbuf *b, const struct item *item)
{
	static const char *const reasons[] = {
		[REASON_NONE] = NULL,	    [REASON_REQUEST] = "request", [REASON_EVENTS] = "events",
		[REASON_STATES] = "states", [REASON_END] = "end",
	};

	json_put_string(b, "reason", reasons[item->reason]);
	if (item->names != NULL)
		json_put_string(b, "names", item->names);
}

static void
put_item(struct strbuf *b, const struct item *item)
{
	static const char *const steps[] = {
		[ITEM_EVENT] = "event",	    [ITEM_WAITS] = "waits",	[ITEM_STARTS] = "starts",
		[ITEM_STOPS] = "stops",	    [ITEM_PROCESS] = "process", [ITEM_RUNNING] = "running",
		[ITEM_STOPPED] = "stopped", [ITEM_WARNING] = "warning",
	};

	json_begin_object(b, NULL);
	json_put_string(b, "step", steps[item->type]);
	if (item->job != NULL) {
		json_put_string(b, "job", item->job);
		json_put_string(b, "instance", item->instance);
	}
	if (item->event != NULL) {
		json_put_string(b, "event", item->event);
		json_put_strings(b, "env", item->env);
	}
	if (item->assumed)
		json_put_bool(b, "assumed", true);
	if (item->type == ITEM_STARTS || item->type == ITEM_STOPS)
		put_reason(b, item);
	if (item->type == ITEM_PROCESS)
		json_put_string(b, "process", process_kind_name(item->kind));
	if (item->text != NULL)
		json_put_string(b, "text", item->text);
	if (item->type == ITEM_WAITS) {
		json_begin_array(b, "held_by");
		for (size_t i = 0; i < item->n_holders; i++)
			put_holder(b, &item->holders[i]);
		json_end_array(b);
		if (item->more_holders > 0)
			json_put_number(b, "more", (int64_t) item->more_holders);
	}
	json_end_object(b);
}

static void
put_place_cb(const char *job, const char *instance, void *data)
{
	struct strbuf *b = data;

	json_begin_object(b, NULL);
	json_put_string(b, "job", job);
	json_put_string(b, "instance", instance);
	json_end_object(b);
}

static void
put_under_way(struct strbuf *b, const struct story *s)
{
	json_begin_array(b, "under_way");
	for (size_t i = 0; i < s->before.n; i++) {
		const struct place *p = &s->before.p[i];

		if (!is_under_way(p))
			continue;
		json_begin_object(b, NULL);
		json_put_string(b, "job", p->job);
		json_put_string(b, "instance", p->instance);
		json_put_string(b, "goal", job_goal_name(p->goal));
		json_put_string(b, "state", job_state_name(p->state));
		json_end_object(b);
	}
	json_end_array(b);
}

static void
put_answer(struct strbuf *b, const struct story *s)
{
	if (!s->answered) {
		json_put_null(b, "answer");
		return;
	}
	json_begin_object(b, "answer");
	json_put_bool(b, "ok", s->error == NULL);
	if (s->error != NULL) {
		json_put_string(b, "error", s->error);
		json_put_string(b, "text", s->error_text);
	}
	json_end_object(b);
}

void
plan_print_json(struct strbuf *b, const struct story *s, const struct world_question *question)
{
	json_begin_object(b, NULL);
	json_put_string(b, "action", actions[question->action]);
	json_put_string(b, "name", question->name);
	json_put_strings(b, "env", question->env);
	json_put_bool(b, "complete", s->complete);
	put_under_way(b, s);
	json_begin_array(b, "steps");
	for (size_t i = 0; i < s->n; i++)
		put_item(b, &s->items[i]);
	json_end_array(b);
	if (s->dropped > 0)
		json_put_number(b, "more_steps", (int64_t) s->dropped);
	for (int fate = 0; fate < FATE_COUNT; fate++) {
		json_begin_array(b, fates[fate]);
		each_of(s, (enum fate) fate, put_place_cb, b, b);
		json_end_array(b);
	}
	json_begin_array(b, "blocked");
	for (size_t i = 0; i < s->n_blocked; i++)
		put_item(b, &s->blocked[i]);
	json_end_array(b);
	put_answer(b, s);
	json_end_object(b);
	strbuf_addc(b, '\n');
}
