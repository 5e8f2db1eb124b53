/* SPDX-License-Identifier: MIT */
/*
 * An instance: its goal and its state. job_enter() is the only writer of the
 * state; it walks the table of lifecycle.h until a state has to wait for something, without
 * recursion.
 */
#include "core/internal.h"

#include "core/past.h"

#include "common/invariant.h"
#include "common/log.h"
#include "common/msg.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

struct job *
job_get(const struct core *core, uint64_t id)
{
	return id != 0 ? map_get_id(&core->jobs_by_id, id) : NULL;
}

struct job *
job_find(const struct slot *slot, const char *name)
{
	return map_get(&slot->by_name, name);
}

int
job_add_names(const struct slot *slot, const char *instance, char ***env)
{
	if (env_set_value(env, "UPSTART_JOB", scope_plain(slot->name)) < 0 ||
	    (instance != NULL && env_set_value(env, "UPSTART_INSTANCE", instance) < 0))
		return -ENOMEM;
	return 0;
}

const char *
job_display(const struct job *job, char *buf, size_t size)
{
	if (job->name[0] == '\0')
		return job->slot->name;
	(void) snprintf(buf, size, "%s (%s)", job->slot->name, job->name);
	return buf;
}

void
job_live(struct core *core, struct job *job)
{
	DL_APPEND(job->slot->jobs, job);
	DL_APPEND2(core->live, job, live_prev, live_next);
	core->rising += job->goal != GOAL_STOP;
	core->sweeping += job->sweep != 0;
}

struct job *
job_new(struct core *core, struct slot *slot, const char *name)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		goto fail;
	job->id = core_new_id(core);
	job->slot = slot;
	job->goal = GOAL_STOP;
	job->state = JOB_WAITING;
	job->exit_status = -1;
	job->name = strdup(name);
	if (job->name == NULL || map_put(&slot->by_name, name, job) < 0 ||
	    map_put_id(&core->jobs_by_id, job->id, job) < 0 ||
	    trigger_init(core, &job->stop, slot->cls->stop_on, slot, job) < 0)
		goto fail;
	job->cls = job_class_ref(slot->cls);
	job_live(core, job);
	core_notify(core, NOTIFY_INSTANCE_ADDED, job, NULL, NULL, NULL, 0);
	return job;
fail:
	if (job != NULL) {
		if (job->name != NULL && job_find(slot, name) == job)
			map_del(&slot->by_name, name);
		map_del_id(&core->jobs_by_id, job->id);
		free(job->name);
		free(job);
	}
	core->oom = true;
	return NULL;
}

static void
release_fds(struct core *core, struct u64v *fds)
{
	for (size_t i = 0; i < fds->n; i++)
		fd_release(core, fds->p[i]);
	u64v_deinit(fds);
}

void
job_free(struct core *core, struct job *job)
{
	for (size_t i = 0; i < PROCESS_KIND_COUNT; i++) {
		map_del_id(&core->process_to_job, job->process[i].id);
		if (job->process[i].pid > 0)
			map_del_id(&core->pid_to_process, (uint64_t) job->process[i].pid);
	}
	process_forget_timer(core, job);
	map_del_id(&core->timer_to_job, job->rest_timer);
	core_timer_cancel(core, &job->rest_timer);
	ready_expect_no_more(core, job);
	foreign_forget_timer(core, job);
	history_forget(core, job);
	watchdog_end(core, job);
	track_end(core, job);
	trigger_deinit(core, &job->stop);
	release_fds(core, &job->fds);
	release_fds(core, &job->next_fds);
	map_del(&job->slot->by_name, job->name);
	map_del_id(&core->jobs_by_id, job->id);
	DL_DELETE(job->slot->jobs, job);
	DL_DELETE2(core->live, job, live_prev, live_next);
	core->rising -= job->goal != GOAL_STOP;
	strays_spare(core, job);
	job->cls = job_class_unref(job->cls);
	job->env = strv_free(job->env);
	job->next_env = strv_free(job->next_env);
	job->stop_env = strv_free(job->stop_env);
	job->up_env = strv_free(job->up_env);
	u64v_deinit(&job->waiters);
	u64v_deinit(&job->exits);
	u64v_deinit(&job->respawns);
	free(job->quarantine);
	free(job->status_text);
	free(job->name);
	free(job);
}

void
job_fail(struct core *core, struct job *job, uint32_t kind, int32_t status)
{
	follow_spend(core, job->slot, job->name, true);
	if (job->failed)
		return;
	job->failed = true;
	job->failed_kind = kind;
	job->exit_status = kind == FAILED_RESPAWN ? -1 : status;
	core_notify(core, NOTIFY_FAILED, job, NULL, NULL, NULL, kind == FAILED_RESPAWN ? 0 : status);
	job_finish(core, job, true);
}

/* -- its events --------------------------------------------------------------- */

static int
add_result(const struct job *job, char ***env)
{
	char text[32];
	const char *kind = job->failed_kind == FAILED_RESPAWN ? "respawn" : process_kind_name(job->failed_kind);

	if (!job->failed)
		return strv_add(env, "RESULT=ok");
	if (strv_add(env, "RESULT=failed") < 0 || env_set_value(env, "PROCESS", kind) < 0)
		return -ENOMEM;
	if (job->exit_status < 0)
		return 0;
	if (job->exit_status >= JOB_EXIT_SIGNAL(1))
		return env_set_value(env, "EXIT_SIGNAL", signal_text(job->exit_status >> 8, text, sizeof(text)));
	(void) snprintf(text, sizeof(text), "%d", job->exit_status);
	return env_set_value(env, "EXIT_STATUS", text);
}

/* Exported variables never hide what the event itself says. */
static int
add_exports(const struct job *job, char ***env)
{
	static const char *const fixed[] = { "JOB", "INSTANCE", "RESULT", "PROCESS", "EXIT_STATUS", "EXIT_SIGNAL" };
	char **names = job->cls->export;

	for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
		const char *value = strchr(names[i], '=') != NULL ? NULL : env_get(job->env, names[i]);
		bool skip = value == NULL;

		for (size_t j = 0; j < ARRAY_SIZE(fixed); j++)
			skip = skip || strcmp(names[i], fixed[j]) == 0;
		if (!skip && env_set_value(env, names[i], value) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Emit a job event; `blocks`: the instance waits for it. NULL: oom. */
static struct event *
emit(struct core *core, struct job *job, const char *name, bool with_result, bool blocks)
{
	auto_strv char **env = NULL;
	struct event *event = NULL;

	if (env_set_value(&env, "JOB", scope_plain(job->slot->name)) < 0 ||
	    env_set_value(&env, "INSTANCE", job->name) < 0 || (with_result && add_result(job, &env) < 0) ||
	    add_exports(job, &env) < 0)
		core->oom = true;
	else
		event = event_emit_in(core, scope_root(job->slot->name), name, env);
	if (event == NULL)
		return NULL;
	event->cause = job->cause;
	event->lineage = job->lineage;
	event->run = job->run;
	if (blocks) {
		event->job = job->id;
		job->blocker = event->id;
	}
	return event;
}

/* -- entering states: each tells whether the instance goes on at once ------------- */

static bool
enter_starting(struct core *core, struct job *job)
{
	if (job->has_next_env) {
		job->env = strv_free(job->env);
		job->env = steal(&job->next_env);
		job->has_next_env = false;
		release_fds(core, &job->fds);
		job->fds = job->next_fds;
		job->next_fds = (struct u64v) { 0 };
	}
	job->stop_env = strv_free(job->stop_env);
	job->failed = false;
	job->failed_kind = 0;
	job->exit_status = -1;
	job->main_ended = 0;
	job->restart = false;
	job_release_falls(core, job);
	job->mainless = false;
	state_starting(core, job, emit(core, job, "starting", false, true));
	history_waits(core, job);
	return false;
}

static bool
enter_security_spawning(struct core *core, struct job *job)
{
	process_spawn(core, job, PROCESS_SECURITY);
	return true;
}

static bool
enter_security(struct core *core, struct job *job)
{
	return !process_live(job, PROCESS_SECURITY);
}

static bool
enter_pre_starting(struct core *core, struct job *job)
{
	process_spawn(core, job, PROCESS_PRE_START);
	return true;
}

static bool
enter_pre_start(struct core *core, struct job *job)
{
	return !process_live(job, PROCESS_PRE_START);
}

static bool
enter_spawning(struct core *core, struct job *job)
{
	process_spawn(core, job, PROCESS_MAIN);
	return true;
}

static bool
enter_spawned(struct core *core, struct job *job)
{
	return !process_live(job, PROCESS_MAIN);
}

static bool
enter_post_starting(struct core *core, struct job *job)
{
	process_spawn(core, job, PROCESS_POST_START);
	return true;
}

static bool
enter_post_start(struct core *core, struct job *job)
{
	return !process_live(job, PROCESS_POST_START);
}

static bool
enter_pre_stopping(struct core *core, struct job *job)
{
	process_spawn(core, job, PROCESS_PRE_STOP);
	return true;
}

static bool
enter_pre_stop(struct core *core, struct job *job)
{
	return !process_live(job, PROCESS_PRE_STOP);
}

static bool
enter_stopping(struct core *core, struct job *job)
{
	struct event *event;
	bool crashed;

	job->restart = false;
	event = emit(core, job, "stopping", true, true);
	/* Of one that crashed and comes again there is nothing left to protect: nobody needs to be down first. */
	crashed = job->goal != GOAL_STOP && job->cls->process[PROCESS_MAIN].command != NULL &&
		  !process_live(job, PROCESS_MAIN) && !job->mainless;
	if (job->goal == GOAL_STOP && !job->restarting)
		foreign_stopping(core, job, event);
	state_stopping(core, job, crashed ? NULL : event);
	return false;
}

static bool
enter_killed(struct core *core, struct job *job)
{
	strays_begin(core, job);
	if (!process_live(job, PROCESS_MAIN))
		return !strays_hold(core, job);
	process_kill_main(core, job);
	return false;
}

static bool
enter_post_stopping(struct core *core, struct job *job)
{
	process_spawn(core, job, PROCESS_POST_STOP);
	return true;
}

static bool
enter_post_stop(struct core *core, struct job *job)
{
	return !process_live(job, PROCESS_POST_STOP);
}

/* From post-start the job has come up; from pre-stop it never went down. */
static void
arrive_running(struct core *core, struct job *job, enum job_state from)
{
	if (from == JOB_POST_START) {
		(void) emit(core, job, "started", false, false);
		if (!job->cls->task)
			job_finish(core, job, false);
		state_up(core, job);
	} else {
		job->stop_env = strv_free(job->stop_env);
		job_finish(core, job, false);
	}
}

/* The end: the instance is gone after this. */
static void
arrive_waiting(struct core *core, struct job *job)
{
	struct slot *slot = job->slot;
	auto_free char *name = strdup(slot->name), *instance = strdup(job->name);
	struct origin from = origin_of(job);

	shutdown_job_gone(core, job);
	(void) emit(core, job, "stopped", true, false);
	job_finish(core, job, false);
	job_release_falls(core, job);
	core_notify(core, NOTIFY_INSTANCE_REMOVED, job, NULL, NULL, NULL, 0);
	past_add(core, job);
	job_free(core, job);
	registry_settle(core, slot);
	if (name == NULL || instance == NULL) {
		core->oom = true;
		return;
	}
	foreign_gone(core, name, instance, from);
	state_gone(core, name, from);
}

void
job_drop(struct core *core, struct job *job)
{
	struct slot *slot = job->slot;

	job_finish(core, job, false);
	job_release_falls(core, job);
	core_notify(core, NOTIFY_INSTANCE_REMOVED, job, NULL, NULL, NULL, 0);
	job_free(core, job);
	registry_settle(core, slot);
}

static bool (*const enter[JOB_STATE_COUNT])(struct core *core, struct job *job) = {
	[JOB_STARTING] = enter_starting,
	[JOB_SECURITY_SPAWNING] = enter_security_spawning,
	[JOB_SECURITY] = enter_security,
	[JOB_PRE_STARTING] = enter_pre_starting,
	[JOB_PRE_START] = enter_pre_start,
	[JOB_SPAWNING] = enter_spawning,
	[JOB_SPAWNED] = enter_spawned,
	[JOB_POST_STARTING] = enter_post_starting,
	[JOB_POST_START] = enter_post_start,
	[JOB_PRE_STOPPING] = enter_pre_stopping,
	[JOB_PRE_STOP] = enter_pre_stop,
	[JOB_STOPPING] = enter_stopping,
	[JOB_KILLED] = enter_killed,
	[JOB_POST_STOPPING] = enter_post_stopping,
	[JOB_POST_STOP] = enter_post_stop,
};

/* -- moving ------------------------------------------------------------------------ */

void
job_set_goal(struct core *core, struct job *job, enum job_goal goal)
{
	char display[JOB_DISPLAY_MAX];

	core_log(core, LOG_LEVEL_INFO, "%s goal changed from %s to %s", job_display(job, display, sizeof(display)),
		 job_goal_name(job->goal), job_goal_name(goal));
	core->rising -= job->goal != GOAL_STOP;
	core->rising += goal != GOAL_STOP;
	job->goal = goal;
	step_job(core, CORE_STEP_GOAL, job);
	core_notify(core, NOTIFY_GOAL_CHANGED, job, NULL, job_goal_name(goal), NULL, 0);
}

static enum job_state
next_state(struct core *core, struct job *job)
{
	struct lifecycle_facts facts = { process_live(job, PROCESS_MAIN), job->restart };
	enum job_state next = lifecycle_next(job->state, job->goal, facts);

	if (job->goal == GOAL_RESPAWN)
		job_set_goal(core, job, GOAL_START);
	return next;
}

/* Put the instance into `state` and onwards, as far as it goes without waiting. */
static void
job_enter(struct core *core, struct job *job, enum job_state state)
{
	for (;;) {
		char display[JOB_DISPLAY_MAX];
		enum job_state from = job->state;

		invariant(state < JOB_STATE_COUNT, core->broken = true; return);
		if (state == JOB_STARTING && pace_rest(core, job))
			return;
		core_log(core, LOG_LEVEL_INFO, "%s state changed from %s to %s",
			 job_display(job, display, sizeof(display)), job_state_name(from), job_state_name(state));
		job->state = state;
		job->since = core->now;
		history_state(core, job, from);
		step_job(core, CORE_STEP_STATE, job);
		if (from == JOB_SPAWNED)
			ready_expect_no_more(core, job);
		watchdog_look(core, job);
		core_notify(core, NOTIFY_STATE_CHANGED, job, NULL, job_state_name(state), NULL, 0);
		if (state == JOB_WAITING) {
			arrive_waiting(core, job);
			return;
		}
		if (state == JOB_RUNNING) {
			arrive_running(core, job, from);
			return;
		}
		if (!enter[state](core, job))
			return;
		state = next_state(core, job);
	}
}

void
job_advance(struct core *core, struct job *job)
{
	if (job->quarantine == NULL && !strays_hold(core, job))
		job_enter(core, job, next_state(core, job));
}

/*
 * Main is not ready, or has not come to its program yet: it may never do, for a name service that does not answer or a
 * directory that hangs, and nothing else would heed a stop.
 */
bool
job_hangs_in_spawned(const struct job *job)
{
	return job->state == JOB_SPAWNED && process_live(job, PROCESS_MAIN);
}

/* Has main ended while a hook runs? Carrying on would not make it again: only the way through stopping does. */
static bool
lacks_main(const struct job *job)
{
	return (job->state == JOB_POST_START || job->state == JOB_PRE_STOP) &&
	       job->cls->process[PROCESS_MAIN].command != NULL && !process_live(job, PROCESS_MAIN) && !job->mainless;
}

void
job_change_goal(struct core *core, struct job *job, enum job_goal goal)
{
	if (goal == GOAL_START && lacks_main(job))
		goal = GOAL_RESPAWN;
	if (job->goal == (uint32_t) goal || job->quarantine != NULL)
		return;
	job_set_goal(core, job, goal);
	if (goal == GOAL_STOP) {
		pace_wake(core, job);
		process_hurry_hook(core, job);
		if (job->state >= JOB_STOPPING && !job->restarting)
			foreign_stopping(core, job, event_get(core, job->blocker));
	} else {
		await_started(core, job);
		process_spare_hook(core, job);
	}
	if ((job->state == JOB_WAITING && goal == GOAL_START) || (job->state == JOB_RUNNING && goal == GOAL_STOP) ||
	    (goal == GOAL_STOP && job_hangs_in_spawned(job)))
		job_advance(core, job);
}

int
job_set_next_env(struct core *core, struct job *job, char **env, struct u64v *fds)
{
	job->next_env = strv_free(job->next_env);
	job->next_env = env;
	job->has_next_env = true;
	release_fds(core, &job->next_fds);
	if (fds != NULL) {
		for (size_t i = 0; i < fds->n; i++)
			fd_hold(core, fds->p[i]);
		job->next_fds = *fds;
		*fds = (struct u64v) { 0 };
	}
	return 0;
}

void
job_drop_next_env(struct core *core, struct job *job)
{
	job->next_env = strv_free(job->next_env);
	job->has_next_env = false;
	release_fds(core, &job->next_fds);
}
