/* SPDX-License-Identifier: MIT */
/*
 * Conditions at work: which events their leaves hold, and what follows when one has become true. Who may be asked
 * about an event is in audience.c.
 *
 * For one event the classes come in the order in which they were first loaded, and of each class
 * the instances' stop on before the class's start on (runtime.md 2.3).
 */
#include "core/internal.h"
#include "core/policy.h"

#include "common/log.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

static const struct condition_node *
leaf_node(const struct trigger *t, int leaf)
{
	return &t->cond->nodes[t->cond->leaves[leaf]];
}

int
trigger_init(struct core *core, struct trigger *t, const struct condition *cond, struct slot *slot, struct job *job)
{
	size_t n = cond != NULL ? (size_t) cond->n_leaves : 0;

	*t = (struct trigger) { .cond = cond, .slot = slot, .job = job };
	if (n == 0)
		return 0;
	t->held = calloc(n, sizeof(*t->held));
	t->listeners = calloc(n, sizeof(*t->listeners));
	if (t->held == NULL || t->listeners == NULL)
		goto fail;
	for (int i = 0; i < cond->n_leaves; i++) {
		t->listeners[i].trigger = t;
		t->listeners[i].leaf = i;
		if (audience_join(core, &t->listeners[i], leaf_node(t, i)) < 0)
			goto fail;
	}
	return 0;
fail:
	trigger_deinit(core, t);
	return -ENOMEM;
}

/* All leaves false again; the events they held are let go, in the order of the tree. */
static void
reset(struct core *core, struct trigger *t)
{
	for (int i = 0; t->cond != NULL && t->held != NULL && i < t->cond->n_leaves; i++) {
		struct event *event = event_get(core, t->held[i]);

		t->held[i] = 0;
		if (event != NULL)
			event_unblock(core, event, false);
	}
}

void
trigger_deinit(struct core *core, struct trigger *t)
{
	reset(core, t);
	for (int i = 0; t->cond != NULL && t->listeners != NULL && i < t->cond->n_leaves; i++)
		audience_leave(core, &t->listeners[i]);
	free(t->held);
	free(t->listeners);
	*t = (struct trigger) { 0 };
}

static bool
leaf_equal(const struct condition_node *a, const struct condition_node *b)
{
	return strcmp(a->name, b->name) == 0 && strv_equal(a->args, b->args);
}

void
trigger_adopt(struct core *core, struct trigger *to, const struct trigger *from)
{
	for (int i = 0; from->cond != NULL && i < from->cond->n_leaves; i++) {
		struct event *event = event_get(core, from->held[i]);

		for (int j = 0; event != NULL && to->cond != NULL && j < to->cond->n_leaves; j++) {
			if (to->held[j] != 0 || !leaf_equal(leaf_node(to, j), leaf_node(from, i)))
				continue;
			to->held[j] = event->id;
			event_block(event);
			break;
		}
	}
}

/* Truth of the tree; used[i] tells which leaves count. `used` has room for all leaves. */
static bool
evaluate(struct core *core, const struct trigger *t, bool *used)
{
	size_t n = (size_t) t->cond->n_leaves;
	auto_free bool *held = calloc(n, sizeof(*held));

	if (held == NULL) {
		core->oom = true;
		return false;
	}
	for (size_t i = 0; i < n; i++)
		held[i] = t->held[i] != 0;
	return condition_evaluate(t->cond, held, used);
}

static int
add_files(struct u64v *fds, const struct event *event)
{
	int r = event->fd != 0 ? u64v_add(fds, event->fd) : 0;

	for (size_t i = 0; r == 0 && i < event->fds.n; i++)
		r = u64v_add(fds, event->fds.p[i]);
	return r;
}

/* What the events of the true branches bring: variables, the list of names, descriptors. */
static int
collect(struct core *core, const struct trigger *t, const bool *used, const char *names_key, char ***env, struct u64v *fds)
{
	const struct job_class *cls = t->job != NULL ? t->job->cls : t->slot->cls;
	auto_strv char **names = NULL;
	auto_free char *joined = NULL;

	for (int i = 0; i < t->cond->n_leaves; i++) {
		const struct event *event = used[i] ? event_get(core, t->held[i]) : NULL;

		if (event == NULL)
			continue;
		if (policy_merge(&core->config, cls, env, event->env) < 0 || strv_add(&names, event->name) < 0)
			return -ENOMEM;
		if (fds != NULL && add_files(fds, event) < 0)
			return -ENOMEM;
	}
	if (fds != NULL && fds->n > JOB_FDS_MAX) {
		core_log(core, LOG_LEVEL_WARN, "%s gets only %d of the %zu descriptors of its events", t->slot->name,
			 JOB_FDS_MAX, fds->n);
		fds->n = JOB_FDS_MAX;
	}
	joined = strv_join(names, " ");
	if (joined == NULL)
		return -ENOMEM;
	return env_set_value(env, names_key, joined);
}

static int
set_fds_variable(char ***env, const struct u64v *fds)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	if (fds->n == 0)
		return 0;
	for (size_t i = 0; i < fds->n; i++)
		strbuf_addf(&b, "%s%u", i > 0 ? " " : "", (unsigned) JOB_FD(i));
	return b.failed ? -ENOMEM : env_set_value(env, "UPSTART_FDS", b.p);
}

/* Is the instance on its way to where the condition wants it, so that the events only wait with others? */
static bool
joins(const struct trigger *t, const struct job *job)
{
	return t->job != NULL ? job->goal == GOAL_STOP : job->goal != GOAL_STOP && job->state != JOB_RUNNING;
}

/*
 * The events of the true branches wait for the instance, each once. One that the instance itself waits for does so only where
 * it turns the instance round; where it asks for what is under way already there is nothing to tell.
 */
static void
attach(struct core *core, const struct trigger *t, const bool *used, struct job *job)
{
	for (int i = 0; i < t->cond->n_leaves; i++) {
		struct event *event = used[i] ? event_get(core, t->held[i]) : NULL;
		bool again = event != NULL && event->job == job->id && joins(t, job);

		for (int j = 0; j < i; j++)
			again = again || (used[j] && t->held[j] == t->held[i]);
		if (event != NULL && !again)
			core_oom(core, job_wait_event(core, job, event));
	}
}

/* What the events of the true branches go back to. */
static uint64_t
cause_of(struct core *core, const struct trigger *t, const bool *used)
{
	for (int i = 0; i < t->cond->n_leaves; i++) {
		const struct event *event = used[i] ? event_get(core, t->held[i]) : NULL;

		if (event != NULL && event->cause != 0)
			return event->cause;
	}
	return 0;
}

/* Which of the events of the true branches has gone round most often, and what it goes back to. */
static const struct event *
foremost(struct core *core, const struct trigger *t, const bool *used)
{
	const struct event *best = NULL;

	for (int i = 0; i < t->cond->n_leaves; i++) {
		const struct event *event = used[i] ? event_get(core, t->held[i]) : NULL;

		if (event != NULL && (best == NULL || event->lineage.loops > best->lineage.loops ||
				      (event->lineage.loops == best->lineage.loops &&
				       event->lineage.hops > best->lineage.hops)))
			best = event;
	}
	return best;
}

/* A stop on has come true. */
static void
fire_stop(struct core *core, struct job *job, const bool *used)
{
	const struct event *first;
	char **env = NULL;

	if (job->goal == GOAL_STOP) {
		attach(core, &job->stop, used, job);
		return;
	}
	if (collect(core, &job->stop, used, "UPSTART_STOP_EVENTS", &env, NULL) < 0) {
		core->oom = true;
		env = strv_free(env);
		return;
	}
	job->stop_env = strv_free(job->stop_env);
	job->stop_env = env;
	job->restart = false;
	follow_stopped(core, job->slot, job->name);
	job->cause = cause_of(core, &job->stop, used);
	first = foremost(core, &job->stop, used);
	if (first != NULL)
		job->lineage = first->lineage;
	job_finish(core, job, false);
	attach(core, &job->stop, used, job);
	job_change_goal(core, job, GOAL_STOP);
}

/* The name of the instance that a start on speaks of; NULL when it has none (told). */
static char *
instance_name(struct core *core, const struct slot *slot, char *const *env)
{
	struct error err = ERROR_INIT;
	char *name = NULL;
	int r = env_expand(&name, slot->cls->instance, env, &err);

	if (r == -ENOMEM)
		core->oom = true;
	else if (r < 0)
		core_log(core, LOG_LEVEL_WARN, "Failed to obtain %s instance: %s", slot->name, err.text);
	return r < 0 ? NULL : name;
}

/* That instance, made when it is not there; NULL when it can't be (told). */
static struct job *
inducted(struct core *core, struct slot *slot, const char *name)
{
	struct job *job;

	job = job_find(slot, name);
	if (job != NULL && job->quarantine != NULL) {
		char display[JOB_DISPLAY_MAX];

		core_log(core, LOG_LEVEL_WARN, "%s is quarantined and does not start",
			 job_display(job, display, sizeof(display)));
		return NULL;
	}
	if (job != NULL)
		return job;
	if (slot->has_successor && slot->successor == NULL)
		return NULL; /* its file is gone: nothing new is made of it */
	return job_new(core, slot, name);
}

/*
 * The start on of a job with a `while` only arms it. If it is to start now: what it is called (owned), and *env is what it starts
 * with. Else NULL, and nothing waits for its states: the events are let go at once.
 */
static char *
armed(struct core *core, struct slot *slot, char *const *brought, struct origin from, char ***env)
{
	auto_free char *name = follow_instance_name(core, slot, brought);
	const struct want *want = name != NULL ? follow_arm(core, slot, name, brought, false, from) : NULL;

	if (want == NULL || !want_holds(core, slot, want) || core->going_down)
		return NULL;
	*env = strv_free(*env);
	core_oom(core, want_environment(core, slot, want, env));
	return *env != NULL ? steal(&name) : NULL;
}

/* The last of the events of the true branches: the one that was waited for. */
static const struct event *
latest(const struct core *core, const struct trigger *t, const bool *used)
{
	uint64_t id = 0;

	for (int i = 0; i < t->cond->n_leaves; i++)
		if (used[i] && t->held[i] > id)
			id = t->held[i];
	return event_get(core, id);
}

/* A start on has come true (runtime.md 2.5). */
static void
fire_start(struct core *core, struct slot *slot, const bool *used)
{
	struct u64v fds = { 0 };
	auto_strv char **brought = NULL;
	auto_free char *name = NULL;
	const struct event *first = foremost(core, &slot->start, used);
	struct origin from = { cause_of(core, &slot->start, used), first != NULL ? first->lineage : (struct lineage) { 0 } };
	char **env = NULL;
	struct job *job = NULL;

	if (core->finished)
		return;
	if (job_class_environment(slot->cls, core->job_env, core->config.own_env, &env) < 0 ||
	    collect(core, &slot->start, used, "UPSTART_EVENTS", &brought, &fds) < 0 ||
	    set_fds_variable(&brought, &fds) < 0 || env_merge(&env, brought) < 0)
		core->oom = true;
	else
		name = follow_is_following(slot) ? armed(core, slot, brought, from, &env) : instance_name(core, slot, env);
	if (name != NULL)
		job = inducted(core, slot, name);
	if (job == NULL || job->goal != GOAL_STOP) {
		if (job != NULL && joins(&slot->start, job))
			attach(core, &slot->start, used, job);
		env = strv_free(env);
		u64v_deinit(&fds);
		return;
	}
	core_oom(core, job_set_next_env(core, job, env, &fds));
	job->restart = false;
	job->cause = from.cause;
	if (first != NULL)
		pace_start(core, job, first->lineage, first->name);
	history_prompt(core, job, CORE_RUN_EVENT, 0, latest(core, &slot->start, used));
	job_finish(core, job, false);
	attach(core, &slot->start, used, job);
	job_change_goal(core, job, GOAL_START);
}

static bool
node_matches(const struct core *core, const struct condition_node *node, const char *name, char *const *env,
	     char *const *vars, bool literal)
{
	unsigned flags = literal ? CONDITION_LITERAL : 0;

	if (core->config.policies & CORE_POLICY_ABSENT_IS_UNEQUAL)
		flags |= CONDITION_ABSENT_IS_UNEQUAL;
	return condition_node_test(node, name, env, vars, flags) == 1;
}

/* Do patterns of this leaf speak of variables? Then they need an environment, which is not made for nothing. */
static bool
needs_env(const struct condition_node *node)
{
	for (size_t i = 0; node->args != NULL && node->args[i] != NULL; i++)
		if (strchr(node->args[i], '$') != NULL)
			return true;
	return false;
}

/* What $VARIABLES of a condition's patterns speak of. 0 or -ENOMEM. */
static int
pattern_environment(const struct core *core, const struct trigger *t, char ***env)
{
	int r;

	if (t->job != NULL)
		r = strv_dup(env, t->job->env);
	else
		r = job_class_environment(t->slot->cls, core->job_env, core->config.own_env, env);
	return r < 0 ? -ENOMEM : job_add_names(t->slot, t->job != NULL ? t->job->name : NULL, env);
}

static bool
leaf_matches(struct core *core, const struct trigger *t, const struct condition_node *node, const struct event *event)
{
	auto_strv char **env = NULL;

	if (strcmp(node->name, event->name) != 0)
		return false;
	if (!event->literal && needs_env(node) && pattern_environment(core, t, &env) < 0) {
		core->oom = true;
		return false;
	}
	return node_matches(core, node, event->name, event->env, env, event->literal);
}

void
trigger_look(struct core *core, struct trigger *t)
{
	auto_free bool *used = NULL;

	if (t->cond == NULL)
		return;
	used = calloc((size_t) t->cond->n_leaves, sizeof(*used));
	if (used == NULL) {
		core->oom = true;
		return;
	}
	if (!evaluate(core, t, used))
		return;
	if (t->job != NULL)
		fire_stop(core, t->job, used);
	else
		fire_start(core, t->slot, used);
	reset(core, t);
}

/* Feed an event to one condition; fire it when that made it true. */
static void
feed(struct core *core, struct trigger *t, struct event *event)
{
	bool matched = false;

	core_visit(core);
	for (int i = 0; i < t->cond->n_leaves; i++) {
		core_visit(core);
		if (t->held[i] != 0 || !leaf_matches(core, t, leaf_node(t, i), event))
			continue;
		t->held[i] = event->id;
		event_block(event);
		matched = true;
	}
	if (matched)
		trigger_look(core, t);
}

/* One condition that listens: who it is, without pointers, since firing others may end it. */
struct turn {
	uint64_t order;
	uint64_t job; /* UINT64_MAX: the class's start on, after all its instances */
	const char *slot;
};

static int
turn_compare(const void *a, const void *b)
{
	const struct turn *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	if (x->job != y->job)
		return x->job < y->job ? -1 : 1;
	return 0;
}

/* Is the event for the jobs of that slot? One of a chroot session is for its own alone. */
static bool
is_for(const struct event *event, const struct slot *slot)
{
	return event->root == NULL || scope_equal(scope_of(event->root), scope_root(slot->name));
}

/* Conditions that may have a leaf of an event's name. */
struct turns {
	struct turn *p; /* owned */
	size_t n, cap;
};

/* 0 or -ENOMEM. */
static int
turns_add(struct core *core, struct turns *turns, const struct event *event, const struct slot *slot, const struct job *job)
{
	core_visit(core);
	if (!is_for(event, slot))
		return 0;
	if (turns->n == turns->cap) {
		size_t cap = turns->cap > 0 ? 2 * turns->cap : 16;
		struct turn *p = realloc(turns->p, cap * sizeof(*p));

		if (p == NULL)
			return -ENOMEM;
		turns->p = p;
		turns->cap = cap;
	}
	turns->p[turns->n++] = (struct turn){ slot->order, job != NULL ? job->id : UINT64_MAX, slot->name };
	return 0;
}

/* Of all whom it may match. */
static int
turns_of_listeners(struct core *core, const struct event *event, struct turns *turns)
{
	struct audience_walk walk = audience_walk(core, event->name, event->env);
	const struct listener *l;
	int r = 0;

	while (r == 0 && (l = audience_next(&walk)) != NULL)
		r = turns_add(core, turns, event, l->trigger->slot, l->trigger->job);
	return r;
}

/* Of those that it names: however many more listen, they cost nothing. */
static int
turns_of_chosen(struct core *core, const struct event *event, struct turns *turns)
{
	int r = 0;

	for (char **name = event->classes; r == 0 && name != NULL && *name != NULL; name++) {
		const struct slot *slot = slot_get(core, *name);
		const struct job *job;

		if (slot == NULL)
			continue;
		r = turns_add(core, turns, event, slot, NULL);
		for (job = slot->jobs; r == 0 && job != NULL; job = job->next)
			r = turns_add(core, turns, event, slot, job);
	}
	for (char **pair = event->instances; r == 0 && pair != NULL && pair[0] != NULL && pair[1] != NULL; pair += 2) {
		const struct slot *slot = slot_get(core, pair[0]);
		const struct job *job = slot != NULL ? job_find(slot, pair[1]) : NULL;

		if (job != NULL)
			r = turns_add(core, turns, event, slot, job);
	}
	return r;
}

/* In their order, each once. */
static void
turns_sort(struct turns *turns)
{
	size_t kept = 0;

	if (turns->n > 0)
		qsort(turns->p, turns->n, sizeof(*turns->p), turn_compare);
	for (size_t i = 0; i < turns->n; i++)
		if (kept == 0 || turn_compare(&turns->p[kept - 1], &turns->p[i]) != 0)
			turns->p[kept++] = turns->p[i];
	turns->n = kept;
}

static void
take_turns(struct core *core, struct event *event, const struct turn *turns, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (turns[i].job != UINT64_MAX) {
			struct job *job = job_get(core, turns[i].job);

			if (job != NULL && job->stop.cond != NULL)
				feed(core, &job->stop, event);
		} else {
			struct slot *slot = slot_get(core, turns[i].slot);

			if (slot != NULL && slot->start.cond != NULL)
				feed(core, &slot->start, event);
		}
	}
}

void
trigger_dispatch(struct core *core, struct event *event)
{
	struct turns turns = { 0 };
	int r = event->only ? turns_of_chosen(core, event, &turns) : turns_of_listeners(core, event, &turns);

	core_oom(core, r);
	turns_sort(&turns);
	take_turns(core, event, turns.p, r == 0 ? turns.n : 0);
	free(turns.p);
}

bool
trigger_someone_starts_on(const struct core *core, const char *name, char *const *env)
{
	struct audience_walk walk = audience_walk(core, name, env);
	const struct listener *l;

	while ((l = audience_next(&walk)) != NULL)
		if (l->trigger->job == NULL &&
		    node_matches(core, leaf_node(l->trigger, l->leaf), name, env, NULL, false))
			return true;
	return false;
}
