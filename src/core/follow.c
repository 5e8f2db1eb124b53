/* SPDX-License-Identifier: MIT */
/*
 * Following states: for each class with a `while`, which of its instances are wanted.
 *
 * The law: after every input the goal of each such instance is start exactly when it is wanted, which is: armed, not
 * spent in this period of truth, and bound, that is, the expression has a binding that gives its name.
 *
 * A change of a state puts the classes that name it into a list; they are looked at in turn, never one
 * within another, until the list is empty. What falls does so at once, and the event that announces the
 * change waits for it; what rises is started at once, before any later event is handled.
 */
#include "core/binding.h"
#include "core/listen.h"
#include "core/policy.h"

#include "common/log.h"
#include "common/msg.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#define CONTRADICTIONS_MAX 3 /* so often an instance may rise by one cause */
#define WANTS_SPARE 64	     /* records of a class that may say nothing before they are dropped */

/* -- wants ------------------------------------------------------------------------------- */

const struct job_class *
follow_class_of(const struct slot *slot)
{
	return slot->successor != NULL ? slot->successor : slot->cls;
}

const struct condition *
follow_condition(const struct slot *slot)
{
	return follow_class_of(slot)->while_on;
}

static bool
is_gone(const struct slot *slot)
{
	return slot->has_successor && slot->successor == NULL;
}

struct want *
want_get(const struct slot *slot, const char *name)
{
	return map_get(&slot->wants_by_name, name);
}

struct want *
want_make(struct core *core, struct slot *slot, const char *name)
{
	struct want *want = want_get(slot, name);

	if (want != NULL)
		return want;
	want = calloc(1, sizeof(*want));
	if (want != NULL)
		want->name = strdup(name);
	if (want == NULL || want->name == NULL || map_put(&slot->wants_by_name, name, want) < 0) {
		if (want != NULL)
			free(want->name);
		free(want);
		core->oom = true;
		return NULL;
	}
	DL_APPEND(slot->wants, want);
	slot->n_wants++;
	return want;
}

static void
want_free(struct slot *slot, struct want *want)
{
	map_del(&slot->wants_by_name, want->name);
	DL_DELETE(slot->wants, want);
	slot->n_wants--;
	(void) strv_free(want->arming);
	(void) strv_free(want->binding);
	(void) strv_free(want->fresh);
	u64v_deinit(&want->awaiting);
	free(want->name);
	free(want);
}

/* Do instances come about without an event that starts them? */
static bool
arms_itself(const struct slot *slot)
{
	return follow_class_of(slot)->start_on == NULL && !follow_class_of(slot)->manual;
}

/* Is it as one would be that is made when it is asked for? Only how often it rose by its last cause is lost with it. */
static bool
says_nothing(const struct slot *slot, const struct want *want)
{
	if (job_find(slot, want->name) != NULL || (want->bound && want->spent) || want->awaiting.n > 0)
		return false;
	return arms_itself(slot) ? want->armed && want->arming == NULL && !want->bound : !want->armed;
}

/* There may be ever new names. Nobody holds a want meanwhile. */
static void
drop_wants(struct slot *slot)
{
	struct want *want, *next;

	if (slot->n_wants <= WANTS_SPARE + 2 * (size_t) slot->wants_kept)
		return;
	DL_FOREACH_SAFE(slot->wants, want, next)
		if (says_nothing(slot, want))
			want_free(slot, want);
	slot->wants_kept = (uint32_t) slot->n_wants;
}

/* -- looking ---------------------------------------------------------------------------------- */

/* The environment in which patterns are expanded, and in which an instance starts. */
static int
environment(struct core *core, const struct slot *slot, char *const *binding, char *const *arming, char ***env)
{
	if (job_class_environment(follow_class_of(slot), core->job_env, core->config.own_env, env) < 0 ||
	    policy_merge(&core->config, follow_class_of(slot), env, binding) < 0 ||
	    policy_merge(&core->config, follow_class_of(slot), env, arming) < 0)
		return -ENOMEM;
	return 0;
}

/* The name of the instance that a binding speaks of, owned. 0, -ENOMEM, or another negative errno: it has none. */
static int
expand_name(struct core *core, const struct slot *slot, char *const *binding, char *const *arming, char **name,
	    struct error *err)
{
	auto_strv char **env = NULL;
	int r = environment(core, slot, binding, arming, &env);

	*name = NULL;
	return r < 0 ? r : env_expand(name, follow_class_of(slot)->instance, env, err);
}

/* The instance that a binding speaks of; owned. NULL: none, or out of memory. Told unless *nameless is set; it is then. */
static char *
name_of(struct core *core, const struct slot *slot, char *const *binding, char *const *arming, bool *nameless)
{
	struct error err = ERROR_INIT;
	char *name;
	int r = expand_name(core, slot, binding, arming, &name, &err);

	if (r == -ENOMEM)
		core->oom = true;
	else if (r < 0 && !*nameless)
		core_log(core, LOG_LEVEL_WARN, "Failed to obtain %s instance: %s", slot->name, err.text);
	*nameless = *nameless || (r < 0 && r != -ENOMEM);
	return r < 0 ? NULL : name;
}

/* The first binding that gives a want its name is its; takes it. */
static void
bind(struct want *want, char **binding)
{
	if (want->seen) {
		(void) strv_free(binding);
		return;
	}
	want->seen = true;
	want->fresh = strv_free(want->fresh);
	want->fresh = binding;
}

/* Nobody knows which bindings there are: those that were are, so that nothing ends for no reason. */
static void
keep_bindings(struct core *core, const struct slot *slot, struct want *only)
{
	struct want *want;

	core_log(core, LOG_LEVEL_ERROR, "%s: its `while' is about too many states at once, and left as it was", slot->name);
	DL_FOREACH(slot->wants, want) {
		if (!want->bound || (only != NULL ? want != only : want->arming != NULL))
			continue;
		want->seen = true;
		want->fresh = strv_free(want->fresh);
		if (strv_dup(&want->fresh, want->binding) < 0)
			core->oom = true;
	}
}

/* Find bindings with what `only` was armed with, or of all instances that need no arming (NULL). *nameless: one gives no name. */
static void
find_for(struct core *core, struct slot *slot, struct want *only, bool *nameless)
{
	char *const *arming = only != NULL ? only->arming : NULL;
	struct bindings found = { 0 };
	auto_strv char **env = NULL;

	if (environment(core, slot, NULL, arming, &env) < 0 ||
	    job_add_names(slot, only != NULL ? only->name : NULL, &env) < 0) {
		core->oom = true;
		return;
	}
	(void) binding_find(core, slot, follow_condition(slot), env, &found);
	if (found.too_many)
		keep_bindings(core, slot, only);
	for (size_t i = 0; i < found.n; i++) {
		bool told = slot->nameless || *nameless; /* once, not at each change */
		auto_free char *name = name_of(core, slot, found.p[i], arming, &told);
		struct want *want = name != NULL ? want_get(slot, name) : NULL;

		if (name == NULL)
			*nameless = told;
		if (name == NULL || (only != NULL && want != only))
			continue;
		if (want == NULL) {
			want = want_make(core, slot, name);
			if (want == NULL)
				continue;
			want->armed = true;
		}
		/* One that was armed with something of its own is found by that. */
		if (only != NULL || want->arming == NULL)
			bind(want, steal(&found.p[i]));
	}
	bindings_deinit(&found);
}

/* What was found counts; a period of truth begins or ends with it. */
static void
take_binding(struct want *want)
{
	if (want->seen != want->bound)
		want->spent = false;
	want->fell = want->bound && !want->seen;
	want->bound = want->seen;
	if (want->seen) {
		(void) strv_free(want->binding);
		want->binding = steal(&want->fresh);
	}
}

/* Which wants have a binding now. */
static void
find_bindings(struct core *core, struct slot *slot)
{
	bool nameless = false;
	struct want *want;
	struct job *job;

	/* Those that ran before there was a `while` are under it from now on. */
	DL_FOREACH(slot->jobs, job) {
		core_visit(core);
		if (want_get(slot, job->name) != NULL)
			continue;
		want = want_make(core, slot, job->name);
		if (want != NULL)
			want->armed = want->bound = true;
	}
	DL_FOREACH(slot->wants, want)
		want->seen = false;
	if (arms_itself(slot))
		find_for(core, slot, NULL, &nameless);
	DL_FOREACH(slot->wants, want)
		if (want->arming != NULL || !arms_itself(slot))
			find_for(core, slot, want, &nameless);
	slot->nameless = nameless;
	DL_FOREACH(slot->wants, want)
		take_binding(want);
}

bool
follow_agrees(struct core *core, const struct slot *slot, const struct want *want)
{
	bool alone = want->arming != NULL || !arms_itself(slot);
	struct bindings found = { 0 };
	auto_strv char **env = NULL;
	bool bound = false;

	if (environment(core, slot, NULL, want->arming, &env) < 0 ||
	    job_add_names(slot, alone ? want->name : NULL, &env) < 0)
		return true;
	(void) binding_find(core, slot, follow_condition(slot), env, &found);
	for (size_t i = 0; i < found.n; i++) {
		struct error err = ERROR_INIT;
		auto_free char *name = NULL;

		if (expand_name(core, slot, found.p[i], want->arming, &name, &err) == 0)
			bound = bound || strcmp(name, want->name) == 0;
	}
	bound = found.too_many ? want->bound : bound;
	bindings_deinit(&found);
	return bound == want->bound;
}

bool
want_holds(const struct core *core, const struct slot *slot, const struct want *want)
{
	if (core->quiesce != QUIESCE_NOT || (core->going_down && follow_class_of(slot)->stop_on == NULL))
		return false;
	return want->armed && want->bound && (!want->spent || (want->missed && !core->going_down));
}

int
want_environment(struct core *core, const struct slot *slot, const struct want *want, char ***env)
{
	auto_strv char **made = NULL, **names = NULL;
	auto_free char *joined = NULL;

	if (environment(core, slot, want->binding, want->arming, &made) < 0 ||
	    binding_names(core, slot, follow_condition(slot), made, &names) < 0)
		return -ENOMEM;
	joined = strv_join(names, " ");
	if (joined == NULL || env_set_value(&made, "UPSTART_STATES", joined) < 0)
		return -ENOMEM;
	*env = steal(&made);
	return 0;
}

/*
 * Has this want risen over and over by one and the same cause? Then it makes itself fall, or others and itself in turn; it
 * is not tried again for that cause.
 */
static bool
contradicts_itself(struct core *core, const struct slot *slot, struct want *want, uint64_t cause)
{
	if (want->chain != cause) {
		want->chain = cause;
		want->rises = 0;
	}
	if (want->rises < CONTRADICTIONS_MAX) {
		want->rises++;
		return false;
	}
	want->spent = true;
	if (want->rises++ == CONTRADICTIONS_MAX)
		core_log(core, LOG_LEVEL_ERROR, "%s%s%s%s contradicts itself: whenever it starts, its 'while' ceases to hold",
			 slot->name, *want->name ? " (" : "", want->name, *want->name ? ")" : "");
	await_in_vain(core, want, ERR_CONDITION_NOT_MET, "Its 'while' ceases to hold whenever it starts");
	if (want->rises == UINT32_MAX)
		want->rises--;
	return true;
}

static void
rise(struct core *core, struct slot *slot, struct want *want, struct origin from)
{
	struct job *job = job_find(slot, want->name);
	char **env = NULL;

	if (is_gone(slot) || core->going_down || core->finished || (job != NULL && job->quarantine != NULL))
		return;
	from.cause = from.cause != 0 ? from.cause : core_new_id(core);
	want->spent = want->missed = false;
	if (contradicts_itself(core, slot, want, from.cause))
		return;
	if (want_environment(core, slot, want, &env) < 0) {
		core->oom = true;
		return;
	}
	if (job == NULL)
		job = job_new(core, slot, want->name);
	if (job == NULL) {
		(void) strv_free(env);
		return;
	}
	core_oom(core, job_set_next_env(core, job, env, NULL));
	job->cause = from.cause;
	job->lineage = from.lineage;
	/* What has begun to stop goes on to its end, then starts with the new binding. */
	job->restart = job->state == JOB_PRE_STOPPING || job->state == JOB_PRE_STOP;
	history_prompt(core, job, CORE_RUN_WHILE, from.run, NULL);
	job_finish(core, job, false);
	job_change_goal(core, job, GOAL_START);
}

static void
fall(struct core *core, struct job *job, struct origin from, const struct u64v *events)
{
	if (job->quarantine != NULL)
		return;
	for (size_t i = 0; i < events->n; i++) {
		struct event *event = event_get(core, events->p[i]);

		if (event != NULL)
			core_oom(core, job_wait_fall(core, job, event));
	}
	if (job->goal == GOAL_STOP)
		return;
	job->cause = from.cause != 0 ? from.cause : core_new_id(core);
	job->lineage = from.lineage;
	job->restart = false;
	job_finish(core, job, false);
	job_change_goal(core, job, GOAL_STOP);
}

/* One want, by name: what is done about one may end others. */
static void
follow_want(struct core *core, struct slot *slot, struct want *want, struct origin from, const struct u64v *events)
{
	struct job *job = job_find(slot, want->name);

	core_visit(core);
	if (want_holds(core, slot, want)) {
		if (job == NULL || job->goal == GOAL_STOP)
			rise(core, slot, want, from);
	} else if (job != NULL && (want->fell || job->goal != GOAL_STOP)) {
		fall(core, job, from, events);
	}
	want->fell = false;
}

/* On the way down: when that is called off it is to be looked at again. */
static void
hold_back(struct core *core, struct slot *slot)
{
	if (core->going_down && !slot->in_held)
		DL_APPEND2(core->held, slot, held_prev, held_next);
	slot->in_held = slot->in_held || core->going_down;
}

static void
look(struct core *core, struct slot *slot)
{
	struct u64v events = slot->look_events;
	struct origin from = { slot->look_cause, slot->look_lineage, slot->look_run };
	struct want *want, *next;

	slot->look_events = (struct u64v) { 0 };
	slot->look_cause = 0;
	slot->look_lineage = (struct lineage) { 0 };
	slot->look_run = 0;
	if (follow_condition(slot) == NULL) {
		/* No `while` any more: what runs goes on as any other job. */
		await_none(core, slot, ERR_CONDITION_NOT_MET, "It has no 'while' any more");
		DL_FOREACH_SAFE(slot->wants, want, next)
			want_free(slot, want);
		u64v_deinit(&events);
		return;
	}
	core_visit(core);
	hold_back(core, slot);
	drop_wants(slot);
	find_bindings(core, slot);
	/* Nothing that is done about a job removes a want, or its slot, at once: instances end in the event queue. */
	DL_FOREACH_SAFE(slot->wants, want, next)
		follow_want(core, slot, want, from, &events);
	u64v_deinit(&events);
}

void
follow_run(struct core *core)
{
	if (core->looking || !core->awake)
		return;
	core->looking = true;
	while (core->to_look != NULL) {
		struct slot *slot = core->to_look;

		DL_DELETE2(core->to_look, slot, look_prev, look_next);
		slot->in_list = false;
		look(core, slot);
	}
	core->looking = false;
}

/* The list is in the order of the classes, so that it does not matter in which order they came to listen. */
static void
put_in_list(struct core *core, struct slot *slot)
{
	struct slot *before = core->to_look != NULL ? core->to_look->look_prev : NULL; /* the last */

	if (slot->in_list)
		return;
	slot->in_list = true;
	while (before != NULL && before->order > slot->order)
		before = before != core->to_look ? before->look_prev : NULL;
	if (before != NULL)
		DL_APPEND_ELEM2(core->to_look, before, slot, look_prev, look_next);
	else
		DL_PREPEND2(core->to_look, slot, look_prev, look_next);
}

/* For something that goes back to `from`. */
static void
look_again(struct core *core, struct slot *slot, struct origin from)
{
	put_in_list(core, slot);
	if (from.cause != 0)
		slot->look_cause = from.cause;
	if (from.lineage.root != 0)
		slot->look_lineage = from.lineage;
	if (from.run != 0)
		slot->look_run = from.run;
}

void
follow_mark(struct core *core, const char *name, struct origin from, const struct event *event)
{
	const struct topic *topic = map_get(&core->topics, name);
	struct follower *f;

	if (topic == NULL)
		return;
	DL_FOREACH(topic->followers, f) {
		core_visit(core);
		look_again(core, f->slot, from);
		if (event != NULL)
			core_oom(core, u64v_add(&f->slot->look_events, event->id));
	}
}

void
follow_changed(struct core *core, const char *name, struct origin from, const struct event *event)
{
	follow_mark(core, name, from, event);
	follow_run(core);
}

void
follow_own(const struct job *job)
{
	if (job->slot->in_list)
		job->slot->look_cause = job->cause;
}

void
follow_environment_changed(struct core *core)
{
	follow_changed(core, TOPIC_ENVIRONMENT, (struct origin) { 0 }, NULL);
}

void
follow_held(struct core *core)
{
	while (core->held != NULL) {
		struct slot *slot = core->held;

		core_visit(core);
		DL_DELETE2(core->held, slot, held_prev, held_next);
		slot->in_held = false;
		put_in_list(core, slot);
	}
	follow_run(core);
}

void
follow_live(struct core *core)
{
	const struct job *job;

	DL_FOREACH2(core->live, job, live_next) {
		core_visit(core);
		if (follow_is_following(job->slot))
			put_in_list(core, job->slot);
	}
	follow_run(core);
}

void
follow_awake(struct core *core)
{
	if (core->awake)
		return;
	core->awake = true;
	follow_run(core);
}

int
follow_restore(struct core *core, struct slot *slot, const struct slot *flat)
{
	if (flat->in_list)
		put_in_list(core, slot);
	if (flat->in_held)
		hold_back(core, slot);
	return listen_to(core, slot, follow_class_of(slot));
}

int
follow_class(struct core *core, struct slot *slot)
{
	int r = listen_to(core, slot, follow_class_of(slot));

	slot->nameless = false;
	if (slot->n_followers > 0 || slot->wants != NULL)
		put_in_list(core, slot);
	state_known(core, slot->name);
	return r;
}

void
follow_forget(struct core *core, struct slot *slot)
{
	struct want *want, *next;

	unlisten(core, slot);
	if (slot->in_held)
		DL_DELETE2(core->held, slot, held_prev, held_next);
	if (slot->in_list)
		DL_DELETE2(core->to_look, slot, look_prev, look_next);
	slot->in_held = slot->in_list = false;
	u64v_deinit(&slot->look_events);
	DL_FOREACH_SAFE(slot->wants, want, next)
		want_free(slot, want);
	map_deinit(&slot->wants_by_name);
}

/* -- what changes a want ------------------------------------------------------------------------ */

bool
follow_is_following(const struct slot *slot)
{
	return follow_condition(slot) != NULL;
}

char *
follow_instance_name(struct core *core, const struct slot *slot, char *const *arming)
{
	bool nameless = false;

	return name_of(core, slot, NULL, arming, &nameless);
}

struct want *
follow_arm(struct core *core, struct slot *slot, const char *name, char *const *arming, bool anew, struct origin from)
{
	const struct job *job;
	struct want *want;
	char **copy = NULL;

	if (!core->looking)
		drop_wants(slot);
	want = want_make(core, slot, name);
	if (want == NULL || strv_dup(&copy, arming) < 0) {
		core->oom = true;
		return NULL;
	}
	want->arming = strv_free(want->arming);
	want->arming = copy;
	want->armed = true;
	want->spent = want->spent && !anew;
	want->seen = false;
	hold_back(core, slot);
	find_for(core, slot, want, &slot->nameless);
	take_binding(want);
	/* With what it is armed with now it may not be bound, though it runs. */
	job = job_find(slot, name);
	if (!want->bound && job != NULL && job->goal != GOAL_STOP)
		look_again(core, slot, from);
	return want;
}

void
follow_disarm(struct core *core, struct slot *slot, const char *name)
{
	/* Of one that arms itself nothing need be known yet. */
	struct want *want = arms_itself(slot) ? want_make(core, slot, name) : want_get(slot, name);

	if (want == NULL)
		return;
	want->armed = false;
	await_in_vain(core, want, ERR_CONDITION_NOT_MET, "It was stopped before its 'while' held");
}

void
follow_spend(struct core *core, struct slot *slot, const char *name, bool by_failure)
{
	struct want *want = want_get(slot, name);

	if (want == NULL || !want->bound)
		return;
	want->spent = true;
	want->missed = by_failure && core->going_down && (want->missed || follow_class_of(slot)->respawn);
	hold_back(core, slot);
}

void
follow_stopped(struct core *core, struct slot *slot, const char *name)
{
	if (follow_class_of(slot)->start_on != NULL)
		follow_disarm(core, slot, name);
	else
		follow_spend(core, slot, name, false);
}

int
follow_environment(struct core *core, const struct slot *slot, const struct want *want, char ***env)
{
	bool bound = want != NULL && want->bound;

	if (environment(core, slot, bound ? want->binding : NULL, want != NULL ? want->arming : NULL, env) < 0)
		return -ENOMEM;
	return job_add_names(slot, want != NULL ? want->name : NULL, env);
}

char *
follow_explain(struct core *core, const struct slot *slot, const struct want *want)
{
	auto_strv char **env = NULL;

	if (environment(core, slot, NULL, want->arming, &env) < 0 || job_add_names(slot, want->name, &env) < 0)
		return NULL;
	return binding_explain(core, slot, follow_condition(slot), env);
}
