/* SPDX-License-Identifier: MIT */
/*
 * Looking in deeper. What is asked for is found by the indexes there are, or hangs from what is asked about; only lists
 * of everything go over everything.
 */
#include "core/explain.h"

#include "core/binding.h"
#include "core/past.h"

#include "common/spawn_step.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

/* -- events -------------------------------------------------------------------------- */

int
core_event(const struct core *core, uint64_t id, struct core_event *view)
{
	const struct event *event = event_get(core, id);
	const struct job *job = event != NULL ? job_get(core, event->job) : NULL;

	if (event == NULL)
		return -ENOENT;
	*view = (struct core_event){
		.id = event->id,
		.name = event->name,
		.env = event->env,
		.handled = event->progress == EVENT_HANDLING,
		.failed = event->failed,
		.job = job != NULL ? job->slot->name : NULL,
		.instance = job != NULL ? job->name : NULL,
		.clients = event->requests.n / 2,
	};
	return 0;
}

int
core_events(const struct core *core, struct u64v *ids)
{
	const struct event *event;

	DL_FOREACH(core->events, event)
		if (u64v_add(ids, event->id) < 0) {
			u64v_deinit(ids);
			return -ENOMEM;
		}
	return 0;
}

struct holders {
	struct core_holder *p;
	size_t n;
};

static int
add_holder(struct holders *h, const char *job, const char *instance, bool condition)
{
	struct core_holder *p = h->p;

	/* Grown to powers of two. */
	if ((h->n & (h->n - 1)) == 0)
		p = reallocarray(p, h->n != 0 ? 2 * h->n : 1, sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	h->p = p;
	p[h->n++] = (struct core_holder){ job, instance, condition };
	return 0;
}

/* Does a leaf before this one hold it as well? Then that one was counted. */
static bool
is_counted(const struct listener *l, uint64_t event)
{
	for (int i = 0; i < l->leaf; i++)
		if (l->trigger->held[i] == event)
			return true;
	return false;
}

static int
add_conditions(const struct core *core, const struct event *event, struct holders *h)
{
	struct audience_walk walk = audience_walk(core, event->name, event->env);
	const struct listener *l;

	while ((l = audience_next(&walk)) != NULL) {
		const struct trigger *t = l->trigger;

		if (t->held[l->leaf] != event->id || is_counted(l, event->id))
			continue;
		if (add_holder(h, t->slot->name, t->job != NULL ? t->job->name : NULL, true) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Is the event among those that wait for the instance? */
static bool
waits_for(const struct event *event, const struct job *job)
{
	for (size_t i = 0; i + WAITER_WORDS <= job->waiters.n; i += WAITER_WORDS)
		if ((job->waiters.p[i] & 0xff) != WAITER_REQUEST && job->waiters.p[i + 1] == event->id)
			return true;
	return false;
}

static int
compare_ids(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* In order of their creation. */
static int
add_instances(const struct core *core, const struct event *event, struct holders *h)
{
	size_t n = event->holders.n;
	auto_free uint64_t *ids = calloc(n + 1, sizeof(*ids));

	if (ids == NULL)
		return -ENOMEM;
	if (n > 0)
		memcpy(ids, event->holders.p, n * sizeof(*ids));
	qsort(ids, n, sizeof(*ids), compare_ids);
	for (size_t i = 0; i < n; i++) {
		const struct job *job = i == 0 || ids[i] != ids[i - 1] ? job_get(core, ids[i]) : NULL;

		if (job != NULL && waits_for(event, job) && add_holder(h, job->slot->name, job->name, false) < 0)
			return -ENOMEM;
	}
	return 0;
}

int
core_event_holders(const struct core *core, uint64_t id, struct core_holder **holders, size_t *n)
{
	const struct event *event = event_get(core, id);
	struct holders h = { 0 };

	if (event == NULL)
		return -ENOENT;
	if (add_conditions(core, event, &h) < 0 || add_instances(core, event, &h) < 0) {
		free(h.p);
		return -ENOMEM;
	}
	*holders = h.p;
	*n = h.n;
	return 0;
}

/* -- instances ------------------------------------------------------------------------ */

/* Those that are not known yet. */
static void
read_exits(const struct u64v *v, struct core_exit *exits)
{
	for (size_t i = 0; i + EXIT_WORDS <= v->n; i += EXIT_WORDS) {
		uint64_t kind = v->p[i] & UINT32_MAX;
		uint32_t step = (uint32_t) (v->p[i] >> 32), arg;
		bool given_up;

		if (kind >= PROCESS_KIND_COUNT || exits[kind].known)
			continue;
		arg = (uint32_t) (v->p[i + 1] >> 32);
		given_up = step == PAST_UNREADY;
		exits[kind] = (struct core_exit){
			.known = true,
			.ending = given_up && (arg & PAST_UNREADY_ENDED) == 0,
			.unready = given_up ? arg & ~PAST_UNREADY_ENDED : CORE_UNREADY_NOT,
			.spawned = step == PAST_ENDED || given_up,
			.step = step,
			.arg = arg,
			.value = (int32_t) (uint32_t) v->p[i + 1],
			.at = v->p[i + 2],
		};
	}
}

static const struct past *
past_get(const struct slot *slot, const char *name)
{
	const struct past *past;

	DL_FOREACH(slot->pasts, past)
		if (strcmp(past->name, name) == 0)
			return past;
	return NULL;
}

static const char *
failure(bool failed, uint32_t kind)
{
	if (!failed)
		return NULL;
	return kind == FAILED_RESPAWN ? "respawn" : process_kind_name(kind);
}

int
core_past(const struct core *core, const char *job_name, const char *instance, struct core_past *view)
{
	const struct slot *slot = slot_get(core, job_name);
	const struct job *job = slot != NULL ? job_find(slot, instance) : NULL;
	const struct past *past = slot != NULL ? past_get(slot, instance) : NULL;

	*view = (struct core_past){ .live = job != NULL };
	if (job != NULL) {
		read_exits(&job->exits, view->exits);
		view->failed_kind = failure(job->failed, job->failed_kind);
		view->since = job->since;
		view->respawns = pace_respawns(core, job, &view->window);
		view->back_off = job->respawn_delay;
		view->rests = job->rest_timer != 0 ? job->not_before : 0;
		view->rest_timer = job->rest_timer;
		view->rests_until = job->rest_timer != 0 ? job->not_before : 0;
		view->event = job->blocker;
		for (size_t i = 0; i + WAITER_WORDS <= job->waiters.n; i += WAITER_WORDS)
			view->clients += (job->waiters.p[i] & 0xff) == WAITER_REQUEST ? 1 : 0;
	}
	if (past != NULL) {
		read_exits(&past->exits, view->exits);
		if (job == NULL) {
			view->failed_kind = failure(past->failed, past->failed_kind);
			view->since = past->at;
		}
	}
	view->failed = view->failed_kind != NULL;
	return job != NULL || past != NULL ? 0 : -ENOENT;
}

char **
core_past_names(const struct core *core, const char *job)
{
	const struct slot *slot = slot_get(core, job);
	const struct past *past;
	char **names;
	size_t n = 0;

	if (slot == NULL)
		return NULL;
	names = strv_new(slot->n_pasts);
	DL_FOREACH(slot->pasts, past) {
		if (names == NULL)
			break;
		if (job_find(slot, past->name) != NULL)
			continue;
		names[n] = strdup(past->name);
		if (names[n++] == NULL)
			names = strv_free(names);
	}
	return names;
}

int
core_instance_events(const struct core *core, const char *job_name, const char *instance, struct u64v *ids)
{
	const struct slot *slot = slot_get(core, job_name);
	const struct job *job = slot != NULL ? job_find(slot, instance) : NULL;

	if (job == NULL)
		return -ENOENT;
	for (size_t i = 0; i + WAITER_WORDS <= job->waiters.n; i += WAITER_WORDS) {
		bool again =
		    (job->waiters.p[i] & 0xff) == WAITER_REQUEST || event_get(core, job->waiters.p[i + 1]) == NULL;

		for (size_t k = 0; k < ids->n && !again; k++)
			again = ids->p[k] == job->waiters.p[i + 1];
		if (!again && u64v_add(ids, job->waiters.p[i + 1]) < 0) {
			u64v_deinit(ids);
			return -ENOMEM;
		}
	}
	return 0;
}

const struct job_class *
core_next_class(const struct core *core, const char *job)
{
	const struct slot *slot = slot_get(core, job);

	if (slot == NULL)
		return NULL;
	return slot->has_successor ? slot->successor : slot->cls;
}

/* -- conditions ------------------------------------------------------------------------- */

int
core_condition(const struct core *core, const char *job_name, const char *instance, struct core_condition *view)
{
	const struct slot *slot = slot_get(core, job_name);
	const struct job *job = slot != NULL && instance != NULL ? job_find(slot, instance) : NULL;
	const struct trigger *t;

	if (slot == NULL || (instance != NULL && job == NULL))
		return -ENOENT;
	t = job != NULL ? &job->stop : &slot->start;
	*view = (struct core_condition){ t->cond, t->held };
	return 0;
}

/* -- while -------------------------------------------------------------------------------- */

int
core_want(const struct core *core, const char *job, const char *instance, struct core_want *view)
{
	const struct slot *slot = slot_get(core, job);
	const struct want *want = slot != NULL ? want_get(slot, instance) : NULL;

	if (want == NULL)
		return -ENOENT;
	*view = (struct core_want){ want->armed,  want->spent,	 want->bound,		want_holds(core, slot, want),
				    want->arming, want->binding, await_count(want) };
	return 0;
}

char **
core_want_names(const struct core *core, const char *job)
{
	const struct slot *slot = slot_get(core, job);
	const struct want *want;
	char **names;
	size_t n = 0;

	if (slot == NULL)
		return NULL;
	DL_FOREACH(slot->wants, want)
		n++;
	names = strv_new(n);
	n = 0;
	DL_FOREACH(slot->wants, want) {
		if (names == NULL)
			break;
		names[n] = strdup(want->name);
		if (names[n++] == NULL)
			names = strv_free(names);
	}
	return names;
}

const struct condition *
core_while(const struct core *core, const char *job)
{
	const struct slot *slot = slot_get(core, job);

	return slot != NULL ? follow_condition(slot) : NULL;
}

void
core_terms_free(struct core_term *terms, size_t n)
{
	for (size_t i = 0; terms != NULL && i < n; i++) {
		terms[i].states = strv_free(terms[i].states);
		free(terms[i].unset);
	}
	free(terms);
}

/* Of the values a term compares with, the first that speaks of a variable which is not set. 0 or -ENOMEM. */
static int
look_for_unset(const struct condition_node *node, char *const *env, char **unset)
{
	for (char *const *arg = node->args; arg != NULL && *arg != NULL && *unset == NULL; arg++) {
		struct error err = ERROR_INIT;
		auto_free char *value = NULL;
		int r = env_expand(&value, *arg, env, &err);

		if (r == -ENOMEM)
			return r;
		if (r < 0) {
			*unset = strdup(err.text);
			if (*unset == NULL)
				return -ENOMEM;
		}
	}
	return 0;
}

/* What matches it becomes text. 0 or -ENOMEM. */
static int
describe_term(const struct condition_node *node, const struct binding_term *from, struct core_term *term)
{
	static const enum core_truth truths[] = {
		[TRUTH_FALSE] = CORE_FALSE,
		[TRUTH_UNKNOWN] = CORE_UNKNOWN,
		[TRUTH_TRUE] = CORE_TRUE,
	};
	int r = 0;

	term->node = node;
	term->negated = from->negated;
	term->truth = truths[from->truth];
	for (size_t i = 0; i < from->found.n && r == 0; i++)
		r = strv_take(&term->states, strv_join(from->found.p[i], " "));
	return r == 0 ? look_for_unset(node, from->env, &term->unset) : r;
}

int
core_while_terms(struct core *core, const char *job, const char *instance, struct core_term **terms, size_t *n)
{
	const struct slot *slot = slot_get(core, job);
	const struct condition *cond = slot != NULL ? follow_condition(slot) : NULL;
	auto_strv char **env = NULL;
	struct binding_term *found = NULL;
	struct core_term *t;
	int r = 0;

	if (cond == NULL)
		return -ENOENT;
	if (follow_environment(core, slot, want_get(slot, instance), &env) < 0 || binding_terms(core, slot, cond, env, &found) < 0)
		return -ENOMEM;
	t = calloc((size_t) cond->n_leaves, sizeof(*t));
	if (t == NULL)
		r = -ENOMEM;
	for (int i = 0; i < cond->n_leaves && r == 0; i++)
		r = describe_term(&cond->nodes[cond->leaves[i]], &found[i], &t[i]);
	(void) binding_terms_free(found, cond);
	if (r < 0) {
		core_terms_free(t, (size_t) cond->n_leaves);
		return r;
	}
	*terms = t;
	*n = (size_t) cond->n_leaves;
	return 0;
}
