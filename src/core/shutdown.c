/* SPDX-License-Identifier: MIT */
/*
 * The end of a container or a machine, from the event `runlevel` 0 or 6 on: what that event stops and starts has its
 * time, then all that is left is stopped, what was started last first. Each second the waiting is told; a limit, or
 * somebody who asks again, ends it. Carrying out the end itself is the shell's business (EFFECT_FINISHED).
 */
#include "core/internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/log.h"

#define TICK USEC_PER_SEC
#define TOLD_EACH 5u	 /* seconds of waiting that are told one by one; then every so many */
#define STATUS_FAILED 1	 /* of a job that never had a main process */
#define STATUS_SIGNAL 128 /* as shells have it */

bool
shutdown_has_begun(const struct core *core)
{
	return core->down != DOWN_NOT;
}

bool
shutdown_look_at(const struct core *core, struct shutdown_view *view)
{
	*view = (struct shutdown_view) { 0 };
	if (core->down == DOWN_NOT)
		return false;
	view->finished = core->finished;
	view->status = core->exit_status;
	view->level = core->down_level;
	view->halt = core->down_halt;
	view->killed = core->killed;
	view->slow = core->slow;
	view->since = core->down_since;
	return true;
}

/* -- who is waited for --------------------------------------------------------------- */

/* The process whose end an instance needs to be down, or PROCESS_KIND_COUNT. For main may stand what it left. */
static enum process_kind
awaited(const struct core *core, const struct job *job)
{
	enum process_kind kind = lifecycle_awaited((enum job_state) job->state);

	/* A task of the way down is a thing to wait for, too; one that rises or serves is not. */
	if (job->state == JOB_RUNNING && job->goal == GOAL_START && job->cls->task && core->down == DOWN_EVENT)
		kind = PROCESS_MAIN;
	else if (job->goal == GOAL_START && !job->cls->task)
		return PROCESS_KIND_COUNT;
	/* Where a task ends the machine it is no more than at work. */
	if (job->goal == GOAL_START && core->down_assist)
		return PROCESS_KIND_COUNT;
	if (kind == PROCESS_MAIN && job->sweep != 0)
		return kind;
	return kind < PROCESS_KIND_COUNT && job->process[kind].pid > 0 ? kind : PROCESS_KIND_COUNT;
}

/* It had to be killed: that is told after the next boot, too. */
static void
note_killed(struct core *core, const struct job *job, enum process_kind kind, const char *why)
{
	char display[JOB_DISPLAY_MAX];
	char *text = str_printf("%s %s: %s", job_display(job, display, sizeof(display)), process_kind_name(kind), why);

	if (text == NULL || strv_take(&core->killed, text) < 0)
		core->oom = true;
}

void
shutdown_killed(struct core *core, const struct job *job, enum process_kind kind)
{
	char why[64];

	if (core->down == DOWN_NOT)
		return;
	(void) snprintf(why, sizeof(why), "still there %u s after it was told to end", (unsigned) job->cls->kill_timeout);
	note_killed(core, job, kind, why);
}

/* Kill all processes of an instance. */
static void
kill_job(struct core *core, struct job *job, const char *why)
{
	for (size_t i = 0; i < PROCESS_KIND_COUNT; i++) {
		if (job->process[i].pid <= 0)
			continue;
		note_killed(core, job, (enum process_kind) i, why);
		core_kill(core, &job->process[i], SIGKILL, true);
	}
	strays_hurry(core, job);
}

/* How long it takes, for who asks after the next boot: a second more each time, whatever state it is in by then. */
static void
note_slow(struct core *core, const char *name, enum process_kind kind, unsigned seconds)
{
	auto_free char *head = str_printf("%s %s: ", name, process_kind_name(kind));
	char **at = core->slow;
	char *text;

	while (head != NULL && at != NULL && *at != NULL && strncmp(*at, head, strlen(head)) != 0)
		at++;
	if (head != NULL && at != NULL && *at != NULL)
		seconds = (unsigned) strtoul(*at + strlen(head), NULL, 10) + 1;
	else if (seconds == 0)
		return;
	text = head != NULL ? str_printf("%s%u s", head, seconds) : NULL;
	if (text == NULL) {
		core->oom = true;
	} else if (at == NULL || *at == NULL) {
		core_oom(core, strv_take(&core->slow, text));
	} else {
		free(*at);
		*at = text;
	}
}

static void
tell_job(struct core *core, const struct job *job, enum process_kind kind)
{
	unsigned seconds = (unsigned) ((core->now - job->since) / USEC_PER_SEC);
	char display[JOB_DISPLAY_MAX];
	const char *name = job_display(job, display, sizeof(display));

	note_slow(core, name, kind, seconds);
	if (seconds == 0 || (seconds > TOLD_EACH && seconds % TOLD_EACH != 0))
		return;
	if (job->state == JOB_KILLED && kind == PROCESS_MAIN)
		core_log(core, LOG_LEVEL_MESSAGE, "waiting for %s: %u of %u s", name, seconds,
			 (unsigned) job->cls->kill_timeout);
	else
		core_log(core, LOG_LEVEL_MESSAGE, "waiting for %s %s: %u of %u s", name, process_kind_name(kind), seconds,
			 (unsigned) (core->down_limit / USEC_PER_SEC));
}

static void
tell(struct core *core)
{
	struct job *job;

	DL_FOREACH2(core->live, job, live_next) {
		enum process_kind kind = awaited(core, job);

		core_visit(core);
		if (kind < PROCESS_KIND_COUNT)
			tell_job(core, job, kind);
	}
}

/* -- stopping ------------------------------------------------------------------------ */

/* Those with the goal start, or all; the youngest first. */
static struct u64v
list_jobs(struct core *core, bool rising)
{
	struct job *job = core->live != NULL ? core->live->live_prev : NULL; /* the last */
	struct u64v ids = { 0 };

	for (; job != NULL; job = job != core->live ? job->live_prev : NULL) {
		core_visit(core);
		if (!rising || job->goal != GOAL_STOP)
			core_oom(core, u64v_add(&ids, job->id));
	}
	return ids;
}

/* What was started later may need what was started before. False: there was nothing. */
static bool
stop_all(struct core *core)
{
	struct u64v ids = { 0 };
	bool any = core->rising > 0;

	if (any)
		ids = list_jobs(core, true);
	for (size_t i = 0; i < ids.n; i++) {
		struct job *job = job_get(core, ids.p[i]);

		if (job != NULL)
			job_change_goal(core, job, GOAL_STOP);
	}
	u64v_deinit(&ids);
	return any;
}

/* All of them, or those that are waited for. False: there was nothing. */
static bool
kill_jobs(struct core *core, bool awaited_only, const char *why)
{
	struct u64v ids = list_jobs(core, false);
	bool any = false;

	for (size_t i = 0; i < ids.n; i++) {
		struct job *job = job_get(core, ids.p[i]);

		if (job == NULL || (awaited_only && awaited(core, job) == PROCESS_KIND_COUNT))
			continue;
		kill_job(core, job, why);
		any = true;
	}
	u64v_deinit(&ids);
	return any;
}

/* -- the phases ------------------------------------------------------------------------ */

static void
set_limit(struct core *core, usec_t after)
{
	core_timer_cancel(core, &core->down_timer);
	core->down_timer = core_timer(core, core->down_since + after);
}

void
shutdown_runlevel(struct core *core, const struct event *event)
{
	if (core->down_limit == 0 || core->finished || core->down == DOWN_REST)
		return;
	core->no_respawn = core->going_down;
	if (!core->going_down) { /* another runlevel after all */
		core->down = DOWN_NOT;
		core_timer_cancel(core, &core->down_timer);
		core_timer_cancel(core, &core->down_tick);
		core->killed = strv_free(core->killed);
		core->slow = strv_free(core->slow);
		return;
	}
	core->down_event = event->id;
	free(core->down_level);
	free(core->down_halt);
	core->down_level = core_copy(core, env_get(event->env, "RUNLEVEL"));
	core->down_halt = core_copy(core, env_get(event->env, "INIT_HALT"));
	if (core->down == DOWN_EVENT)
		return;
	core->down = DOWN_EVENT;
	core->down_since = core->now;
	set_limit(core, core->down_limit / 2);
	core->down_tick = core_timer(core, core->now + TICK);
}

static void
enter_rest(struct core *core)
{
	core->down = DOWN_REST;
	core_log(core, LOG_LEVEL_INFO, "Stopping what is left");
	set_limit(core, core->down_limit);
	(void) stop_all(core);
	quarantine_reset_all(core);
}

/* Is the event one of those that have started the job? Their names, with a blank between each two. */
static bool
is_started_by(const struct job *job, const char *name)
{
	const char *p = env_get(job->env, "UPSTART_EVENTS");

	while (p != NULL && *p != '\0') {
		struct span word = { p, strcspn(p, " ") };

		if (span_is(word, name))
			return true;
		p += word.n + (p[word.n] == ' ');
	}
	return false;
}

/*
 * A machine may be ended by a job that the runlevel started and that is no task: the event is over as soon as it runs.
 * Those are the youngest, so the search is short.
 */
static bool
is_at_work(struct core *core)
{
	const struct job *job = core->down_assist && core->live != NULL ? core->live->live_prev : NULL;

	for (; job != NULL; job = job != core->live ? job->live_prev : NULL) {
		const char *level = env_get(job->env, "RUNLEVEL");

		core_visit(core);
		if (job->goal == GOAL_START && level != NULL && core->down_level != NULL &&
		    strcmp(level, core->down_level) == 0 && is_started_by(job, "runlevel"))
			return true;
	}
	return false;
}

void
shutdown_over(struct core *core)
{
	struct effect *e;

	core_timer_cancel(core, &core->down_timer);
	core_timer_cancel(core, &core->down_tick);
	core->finished = true;
	e = effect_add(core, EFFECT_FINISHED);
	if (e == NULL)
		return;
	e->finished.status = core->exit_status;
	e->finished.level = core_copy(core, core->down_level);
	e->finished.halt = core_copy(core, core->down_halt);
	core_oom(core, strv_dup(&e->finished.killed, core->killed));
	core_oom(core, strv_dup(&e->finished.slow, core->slow));
}

static int
begin(struct core *core)
{
	const char *level = env_get(core->runlevel, "RUNLEVEL");
	auto_strv char **env = NULL;

	if (env_set_value(&env, "RUNLEVEL", "0") < 0 ||
	    env_set_value(&env, "PREVLEVEL", level != NULL && *level != '\0' ? level : "N") < 0)
		return -ENOMEM;
	return event_emit(core, "runlevel", env) != NULL ? 0 : -ENOMEM;
}

/* Nobody wants to wait any longer for what is waited for. If that is what ends a machine, the rest follows. */
static void
skip(struct core *core)
{
	core_log(core, LOG_LEVEL_MESSAGE, "What is waited for is killed, as was asked for");
	if (!kill_jobs(core, true, "its end was not waited for, as was asked") && core->down == DOWN_EVENT)
		enter_rest(core);
}

int
shutdown_apply(struct core *core, const struct input_shutdown *in)
{
	if (core->config.session_address != NULL || core->finished)
		return 0;
	switch (in->what) {
	case SHUTDOWN_RULES:
		core->down_limit = in->limit;
		core->down_assist = in->assist;
		core->exit_with = strv_free(core->exit_with);
		return in->job != NULL ? strv_add(&core->exit_with, in->job) : 0;
	case SHUTDOWN_BEGIN:
		if (core->down == DOWN_NOT)
			return begin(core);
		skip(core);
		return 0;
	case SHUTDOWN_SKIP:
		if (core->down != DOWN_NOT)
			skip(core);
		return 0;
	case SHUTDOWN_LOST:
		core->finished = true;
		return 0;
	default:
		return -EINVAL;
	}
}

bool
shutdown_timer(struct core *core, uint64_t timer)
{
	char why[64];

	if (timer == core->down_tick) {
		tell(core);
		core->down_tick = core_timer(core, core->now + TICK);
		return true;
	}
	if (timer != core->down_timer)
		return false;
	core->down_timer = 0;
	if (core->down == DOWN_EVENT) {
		core_log(core, LOG_LEVEL_WARN, "runlevel %s takes too long: all is stopped now",
			 core->down_level != NULL ? core->down_level : "0");
		enter_rest(core);
	} else if (core->down == DOWN_REST) {
		(void) snprintf(why, sizeof(why), "still there at the end of all time, %u s",
				(unsigned) (core->down_limit / USEC_PER_SEC));
		(void) kill_jobs(core, false, why);
		shutdown_over(core);
	}
	return true;
}

void
shutdown_look(struct core *core)
{
	if (core->exit_due) {
		core->exit_due = false;
		if (core->down == DOWN_NOT && !core->finished) {
			core_oom(core, begin(core));
			event_drain(core);
		}
	}
	if (core->down == DOWN_NOT || core->finished)
		return;
	if (core->down == DOWN_EVENT && map_get_id(&core->events_by_id, core->down_event) == NULL && !is_at_work(core))
		enter_rest(core);
	if (core->down != DOWN_REST)
		return;
	/* Nothing rises any more: neither what this has started … */
	event_drain(core);
	if (stop_all(core))
		event_drain(core);
	if (map_count(&core->process_to_job) == 0 && core->sweeping == 0)
		shutdown_over(core);
}

/* -- the job whose end is the end ------------------------------------------------------------ */

void
shutdown_job_gone(struct core *core, const struct job *job)
{
	int32_t status = job->main_ended - 1;

	if (core->exit_with == NULL || strcmp(core->exit_with[0], job->slot->name) != 0 || job->slot->jobs != job ||
	    job->next != NULL)
		return;
	if (status < 0)
		status = !job->failed ? 0 : job->exit_status > 0 ? job->exit_status : STATUS_FAILED;
	core->exit_status = status >= JOB_EXIT_SIGNAL(1) ? STATUS_SIGNAL + (status >> 8) : status;
	core->exit_due = true;
}
