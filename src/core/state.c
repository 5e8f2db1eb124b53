/* SPDX-License-Identifier: MIT */
/*
 * States: what holds, by name. Those of jobs follow from their instances:
 *
 *   JOB          for a term: an instance that is up, from its `started` to its `stopping`; for its `not`: one that is
 *                present, from its `starting` to the end of its post-stop
 *   JOB/done     an instance whose main process ended by itself, without failure; until it starts again
 *   JOB/failed   an instance that has failed, main process or not: whose `stopped` says RESULT=failed; until it starts again
 *   runlevel     the last runlevel event
 *
 * All others are foreign (foreign.c); a job's hide those that have its name.
 *
 * Each has an environment: INSTANCE, then what the job exports, as it was when it came up.
 */
#include "core/internal.h"

#include "common/log.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#define ENDED_MAX 1024 /* instances of a class whose end is remembered */
#define RUNLEVEL "runlevel"

/* -- instances ------------------------------------------------------------------------ */

static void
each_instance(const struct slot *slot, bool present, state_fn fn, void *data)
{
	const struct job *job;

	DL_FOREACH(slot->jobs, job) {
		if (job->up || (present && job->state != JOB_WAITING))
			fn(job->up_env, data);
	}
}

/* Remember the environment of the instance as states have it. */
static void
set_up_env(struct core *core, struct job *job)
{
	char **names = job->cls->export;

	job->up_env = strv_free(job->up_env);
	if (env_set_value(&job->up_env, "INSTANCE", job->name) < 0)
		core->oom = true;
	for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
		const char *value = strchr(names[i], '=') != NULL ? NULL : env_get(job->env, names[i]);

		if (value != NULL && strcmp(names[i], "INSTANCE") != 0 && env_set_value(&job->up_env, names[i], value) < 0)
			core->oom = true;
	}
}

static void
forget_end(struct slot *slot, const char *name)
{
	struct ended *ended, *next;

	DL_FOREACH_SAFE(slot->ended, ended, next) {
		if (strcmp(ended->name, name) != 0)
			continue;
		DL_DELETE(slot->ended, ended);
		slot->n_ended--;
		ended_free(ended);
	}
}

struct ended *
ended_free(struct ended *ended)
{
	free(ended->name);
	free(ended);
	return NULL;
}

static void
note_end(struct core *core, struct job *job, bool failed)
{
	struct slot *slot = job->slot;
	struct ended *ended = calloc(1, sizeof(*ended));

	forget_end(slot, job->name);
	if (ended != NULL)
		ended->name = strdup(job->name);
	if (ended == NULL || ended->name == NULL) {
		free(ended);
		core->oom = true;
		return;
	}
	ended->failed = failed;
	DL_APPEND(slot->ended, ended);
	if (++slot->n_ended > ENDED_MAX) {
		struct ended *oldest = slot->ended;

		DL_DELETE(slot->ended, oldest);
		slot->n_ended--;
		(void) ended_free(oldest);
	}
}

static void
each_ended(const struct slot *slot, bool failed, state_fn fn, void *data)
{
	const struct ended *ended;

	DL_FOREACH(slot->ended, ended) {
		auto_free char *pair = ended->failed == failed ? str_printf("INSTANCE=%s", ended->name) : NULL;
		char *env[] = { pair, NULL };

		if (pair != NULL)
			fn(env, data);
	}
}

/* -- looking ------------------------------------------------------------------------------ */

const struct slot *
state_job(const struct core *core, struct span root, const char *name)
{
	auto_free char *joined = root.n > 0 ? scope_join(root, name) : NULL;

	if (root.n > 0)
		return joined != NULL ? slot_get(core, joined) : NULL;
	return scope_root(name).n == 0 ? slot_get(core, name) : NULL;
}

bool
state_each(const struct core *core, struct span root, const char *name, bool present, state_fn fn, void *data)
{
	const struct slot *slot = state_job(core, root, name);
	const char *slash = strrchr(name, '/');

	if (slot != NULL) {
		each_instance(slot, present, fn, data);
		return true;
	}
	if (slash != NULL && (strcmp(slash, "/done") == 0 || strcmp(slash, "/failed") == 0)) {
		auto_free char *job = span_dup((struct span) { name, (size_t) (slash - name) });

		slot = job != NULL ? state_job(core, root, job) : NULL;
		if (slot == NULL)
			return false;
		each_ended(slot, strcmp(slash, "/failed") == 0, fn, data);
		return true;
	}
	if (strcmp(name, RUNLEVEL) == 0 && core->runlevel != NULL) {
		fn(core->runlevel, data);
		return true;
	}
	return foreign_each(core, root, name, fn, data);
}

bool
state_is_reserved(const struct core *core, struct span root, const char *name)
{
	const char *slash = strrchr(name, '/');

	return state_job(core, root, name) != NULL || strcmp(name, RUNLEVEL) == 0 ||
	       (slash != NULL && (strcmp(slash, "/done") == 0 || strcmp(slash, "/failed") == 0));
}

/* One of a job: how it ended has no owner. */
static int
tell_of_ended(const struct slot *slot, core_state_fn fn, void *data)
{
	const struct ended *ended;

	DL_FOREACH(slot->ended, ended) {
		auto_free char *name =
		    str_printf("%s/%s", scope_plain(slot->name), ended->failed ? "failed" : "done");
		auto_free char *pair = str_printf("INSTANCE=%s", ended->name);
		char *env[] = { pair, NULL };

		if (name == NULL || pair == NULL)
			return -ENOMEM;
		fn(&(struct core_state){ name, env, NULL, 0 }, data);
	}
	return 0;
}

int
core_each_state(const struct core *core, struct span root, core_state_fn fn, void *data)
{
	const struct slot *slot;
	const struct job *job;

	DL_FOREACH(core->slots, slot) {
		if (!scope_equal(scope_root(slot->name), root))
			continue;
		DL_FOREACH(slot->jobs, job) {
			const struct core_owner itself = { slot->name, job->name };

			if (job->up)
				fn(&(struct core_state){ scope_plain(slot->name), job->up_env, &itself, 1 }, data);
		}
		if (tell_of_ended(slot, fn, data) < 0)
			return -ENOMEM;
	}
	if (core->runlevel != NULL)
		fn(&(struct core_state){ RUNLEVEL, core->runlevel, NULL, 0 }, data);
	return foreign_each_state(core, root, fn, data);
}

/* -- changes --------------------------------------------------------------------------------- */

struct origin
origin_of(const struct job *job)
{
	return (struct origin) { job->cause, job->lineage, job->run };
}

static void
changed_end(struct core *core, const char *job, struct origin from)
{
	auto_free char *done = str_printf("%s/done", job);
	auto_free char *failed = str_printf("%s/failed", job);

	if (done == NULL || failed == NULL) {
		core->oom = true;
		return;
	}
	follow_changed(core, done, from, NULL);
	follow_changed(core, failed, from, NULL);
}

void
state_known(struct core *core, const char *job)
{
	const struct origin outside = { 0 };

	follow_changed(core, job, outside, NULL);
	changed_end(core, job, outside);
}

void
state_starting(struct core *core, struct job *job, struct event *event)
{
	set_up_env(core, job);
	foreign_starting(core, job);
	forget_end(job->slot, job->name);
	changed_end(core, job->slot->name, origin_of(job));
	follow_changed(core, job->slot->name, origin_of(job), event);
}

void
state_up(struct core *core, struct job *job)
{
	set_up_env(core, job);
	job->up = true;
	foreign_up(core, job);
	follow_changed(core, job->slot->name, origin_of(job), NULL);
}

void
state_stopping(struct core *core, struct job *job, struct event *event)
{
	bool was_up = job->up;

	job->up = false;
	if (was_up)
		follow_changed(core, job->slot->name, origin_of(job), event);
}

void
state_gone(struct core *core, const char *name, struct origin from)
{
	follow_changed(core, name, from, NULL);
}

void
state_ended(struct core *core, struct job *job, bool failed)
{
	note_end(core, job, failed);
	changed_end(core, job->slot->name, origin_of(job));
}

void
state_runlevel(struct core *core, const struct event *event)
{
	const char *level;
	bool down;

	if (strcmp(event->name, RUNLEVEL) != 0 || event->root != NULL)
		return;
	level = env_get(event->env, "RUNLEVEL");
	core->runlevel = strv_free(core->runlevel);
	if (level != NULL && env_set_value(&core->runlevel, "RUNLEVEL", level) < 0)
		core->oom = true;
	if (env_get(event->env, "PREVLEVEL") != NULL &&
	    env_set_value(&core->runlevel, "PREVLEVEL", env_get(event->env, "PREVLEVEL")) < 0)
		core->oom = true;
	follow_changed(core, RUNLEVEL, (struct origin) { event->cause, event->lineage, event->run }, NULL);
	down = level != NULL && (strcmp(level, "0") == 0 || strcmp(level, "6") == 0);
	/* While all that is left is stopped, no event calls it off. */
	down = down || core->down == DOWN_REST;
	if (down != core->going_down) {
		core->going_down = down;
		if (down) {
			await_no_more(core);
			follow_live(core);
		} else {
			follow_held(core);
		}
	}
	shutdown_runlevel(core, event);
}
