/* SPDX-License-Identifier: MIT */
/*
 * What stands in for an input that can't be applied, because init crashed over it twice or broke one of its own rules.
 *
 * What is sure is done: a process that has ended is gone, one that was made has its pid, whoever asked gets an error.
 * All else is left: the instance it was about is quarantined. Then nothing is done about it, its processes are let be
 * and their ends noted, and it counts as failed and as not up. That lasts until a reset, which kills what is left of it
 * and then stops it as one whose main process has died, from the state it was in.
 *
 * Who may call what of a quarantined instance: job_advance() and job_change_goal() do nothing for it, so that nobody
 * else need ask.
 */
#include "core/internal.h"

#include "core/past.h"
#include "core/policy.h"

#include "common/log.h"
#include "common/msg.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <utlist.h>

/* What of an instance was at hand. */
static const char *
subject(uint32_t type)
{
	switch (type) {
	case INPUT_EXITED:
		return "the end of";
	case INPUT_STOPPED:
		return "a stop of";
	case INPUT_SPAWN_FAILED:
		return "the failed start of";
	case INPUT_FAMILY:
		return "the children of";
	default:
		return "the start of";
	}
}

/* -- quarantine ------------------------------------------------------------------------- */

/* Whoever waits for it, or rests on it, goes on without. */
static void
leave_alone(struct core *core, struct job *job, enum process_kind kind)
{
	job->restart = false;
	job->cause = 0;
	job_fail(core, job, kind, -1);
	job_finish(core, job, true); /* it may have failed before */
	job_release_falls(core, job);
	foreign_stopping(core, job, NULL);
	state_stopping(core, job, NULL);
	state_ended(core, job, true);
}

/* As little as can be. Those that follow it look at it when this input is over: else they would never hear of it. */
static void
leave_bare(struct core *core, struct job *job)
{
	if (!job->up)
		return;
	job->up = false;
	follow_mark(core, job->slot->name, (struct origin) { 0 }, NULL);
}

static void
begin(struct core *core, struct job *job, enum process_kind kind, const struct input_substitute *in, char *text)
{
	char display[JOB_DISPLAY_MAX];

	if (text == NULL || job->quarantine != NULL) {
		core->oom = core->oom || text == NULL;
		free(text);
		return;
	}
	job->quarantine = text;
	core_log(core, LOG_LEVEL_ERROR, "%s is quarantined, its processes are let be: %s",
		 job_display(job, display, sizeof(display)), text);
	trigger_deinit(core, &job->stop);
	map_del_id(&core->timer_to_job, job->rest_timer);
	core_timer_cancel(core, &job->rest_timer);
	ready_expect_no_more(core, job);
	watchdog_end(core, job);
	track_end(core, job);
	strays_spare(core, job);
	if (job->goal != GOAL_STOP)
		job_set_goal(core, job, GOAL_STOP);
	if (in->bare)
		leave_bare(core, job);
	else
		leave_alone(core, job, kind);
}

static void
begin_by_process(struct core *core, struct job *job, enum process_kind kind, const struct input_substitute *in,
		 uint32_t type, int32_t pid)
{
	char *text =
	    pid > 0 ? str_printf("%s over %s its %s process (%d)", in->why, subject(type), process_kind_name(kind), pid)
		    : str_printf("%s over %s its %s process", in->why, subject(type), process_kind_name(kind));

	begin(core, job, kind, in, text);
}

static void
signal_all(struct core *core, struct job *job, int signal)
{
	for (size_t i = 0; i < PROCESS_KIND_COUNT; i++)
		if (job->process[i].pid > 0)
			core_kill(core, &job->process[i], signal, true);
}

static bool
has_processes(const struct job *job)
{
	for (size_t i = 0; i < PROCESS_KIND_COUNT; i++)
		if (job->process[i].id != 0)
			return true;
	return false;
}

/* Nothing is left of it: from here on it is an instance as any other, on its way down. */
static void
end(struct core *core, struct job *job)
{
	process_forget_timer(core, job);
	free(job->quarantine);
	job->quarantine = NULL;
	job->resetting = false;
	job->hook_told = false;
	follow_spend(core, job->slot, job->name, false); /* a `while` that still holds does not bring it back at once */
	core_oom(core, trigger_init(core, &job->stop, job->cls->stop_on, job->slot, job));
	job->not_before = 0;
	if (job->state == JOB_WAITING)
		job_drop(core, job);
	else if (job->blocker == 0) /* else the end of that event moves it */
		job_advance(core, job);
}

void
quarantine_reset(struct core *core, struct job *job)
{
	char display[JOB_DISPLAY_MAX];

	if (job->resetting) {
		/* Its timer has done what it could, or could not be told. */
		if (job->kill_timer == 0)
			signal_all(core, job, SIGKILL);
		return;
	}
	job->resetting = true;
	core_log(core, LOG_LEVEL_MESSAGE, "%s is reset", job_display(job, display, sizeof(display)));
	if (!has_processes(job)) {
		end(core, job);
		return;
	}
	process_forget_timer(core, job);
	signal_all(core, job, job->cls->kill_signal);
	if (job->cls->kill_timeout == 0) {
		signal_all(core, job, SIGKILL);
		return;
	}
	signal_all(core, job, SIGCONT);
	job->kill_timer = core_timer(core, core->now + job->cls->kill_timeout * USEC_PER_SEC);
	core_oom(core, map_put_id(&core->timer_to_job, job->kill_timer, job));
}

void
quarantine_reset_all(struct core *core)
{
	struct u64v ids = { 0 };
	struct job *job;

	/* A reset may remove the instance, and its slot. */
	DL_FOREACH2(core->live, job, live_next) {
		core_visit(core);
		if (job->quarantine != NULL)
			core_oom(core, u64v_add(&ids, job->id));
	}
	for (size_t i = 0; i < ids.n; i++) {
		job = job_get(core, ids.p[i]);
		if (job != NULL && job->quarantine != NULL)
			quarantine_reset(core, job);
	}
	u64v_deinit(&ids);
}

void
quarantine_process_known(struct core *core, struct job *job, enum process_kind kind)
{
	if (job->resetting)
		core_kill(core, &job->process[kind], SIGKILL, true);
}

void
quarantine_process_over(struct core *core, struct job *job)
{
	if (job->resetting && !has_processes(job))
		end(core, job);
}

void
quarantine_timer(struct core *core, struct job *job)
{
	if (job->resetting)
		signal_all(core, job, SIGKILL);
}

/* -- substitutes ------------------------------------------------------------------------- */

static int
substitute_exit(struct core *core, const struct input_substitute *in)
{
	struct job *job = map_get_id(&core->pid_to_process, (uint64_t) in->pid);
	enum process_kind kind = PROCESS_MAIN;

	if (job == NULL)
		return process_early_exit(core, in->pid, in->status);
	if (job->family != NULL)
		(void) family_ended(job->family, in->pid, in->status, core->now);
	if (process_owner_of_pid(core, in->pid, &kind) == NULL) {
		map_del_id(&core->pid_to_process, (uint64_t) in->pid);
		begin_by_process(core, job, PROCESS_MAIN, in, INPUT_FAMILY, job->process[PROCESS_MAIN].pid);
		return 0;
	}
	if (!in->bare) {
		process_log_end(core, job, kind, in->pid, in->status);
		past_exit(core, job, kind, PAST_ENDED, 0, in->status);
	}
	process_forget(core, job, kind);
	if (job->quarantine != NULL)
		quarantine_process_over(core, job);
	else
		begin_by_process(core, job, kind, in, INPUT_EXITED, in->pid);
	return 0;
}

/* Main's family is followed no more. */
static void
substitute_relative(struct core *core, const struct input_substitute *in)
{
	struct job *job = in->process != 0 ? map_get_id(&core->process_to_job, in->process)
					   : map_get_id(&core->pid_to_process, (uint64_t) in->pid);

	if (job != NULL)
		begin_by_process(core, job, PROCESS_MAIN, in, INPUT_FAMILY, job->process[PROCESS_MAIN].pid);
}

static void
substitute_process(struct core *core, const struct input_substitute *in, uint32_t type)
{
	enum process_kind kind = PROCESS_MAIN;
	struct job *job = type == INPUT_STOPPED ? process_owner_of_pid(core, in->pid, &kind)
						: process_owner(core, in->process, &kind);
	bool made = false;
	int32_t pid;

	if (job == NULL)
		return;
	pid = in->pid > 0 ? in->pid : job->process[kind].pid;
	if (type == INPUT_SPAWN_FAILED)
		process_forget(core, job, kind);
	else if (type == INPUT_EXEC_DONE)
		job->process[kind].exec_done = true;
	else if (type == INPUT_SPAWNED && job->process[kind].pid == 0 && in->pid > 0) {
		made = process_identify(core, job, kind, in->pid) < 0;
		if (!made)
			process_forget(core, job, kind);
	}
	/* A reset may wait for just that. */
	if (job->quarantine == NULL)
		begin_by_process(core, job, kind, in, type, pid);
	else if (made)
		quarantine_process_known(core, job, kind);
	else
		quarantine_process_over(core, job);
}

/* It is over. Which of an instance's it was. */
static const char *
take_timer(struct job *job, uint64_t timer)
{
	const struct {
		uint64_t *timer;
		const char *name;
	} timers[] = {
		{ &job->kill_timer, "kill" },
		{ &job->rest_timer, "respawn" },
		{ &job->family_timer, "expect" },
		{ &job->ready_timer, "expect" },
		{ &job->holds_timer, "state" },
		{ &job->watchdog_timer, "watchdog" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(timers); i++)
		if (*timers[i].timer == timer) {
			*timers[i].timer = 0;
			return timers[i].name;
		}
	return "a";
}

static void
substitute_timer(struct core *core, const struct input_substitute *in)
{
	struct job *job = map_get_id(&core->timer_to_job, in->timer);

	if (in->timer == 0)
		return;
	if (in->timer == core->yield_timer) {
		core->yield_timer = 0;
	} else if (in->timer == core->quiesce_timer) {
		core->quiesce_timer = 0;
		session_over(core);
	} else if (in->timer == core->bound_timer) {
		core->bound_timer = 0; /* what was not set again holds on */
	} else if (in->timer == core->down_tick) {
		core->down_tick = 0;
	} else if (in->timer == core->down_timer) {
		core->down_timer = 0;
		if (!core->down_assist)
			shutdown_over(core);
	} else if (job != NULL) {
		const char *name = take_timer(job, in->timer);

		map_del_id(&core->timer_to_job, in->timer);
		begin(core, job, PROCESS_MAIN, in, str_printf("%s over its %s timer", in->why, name));
	}
}

/* Who listens for the failure of the event hears of it. One that would have been refused is no event. */
static void
tell_event_failed(struct core *core, const struct input_substitute *in)
{
	auto_strv char **env = NULL;
	const char *error;

	if (in->name == NULL || in->name[0] == '\0' || env_fault(in->env, &error) != NULL)
		return;
	if (policy_client_env(&core->config, in->env, &env) < 0)
		core->oom = true;
	else
		event_emit_failed(core, scope_of(in->root), in->name, env);
}

static void
substitute_event(struct core *core, const struct input_substitute *in)
{
	fd_hold(core, in->fd);
	fd_release(core, in->fd);
	for (size_t i = 0; i < in->fds.n; i++) {
		fd_hold(core, in->fds.p[i]);
		fd_release(core, in->fds.p[i]);
	}
	request_condemned(core, in);
	if (!in->bare)
		tell_event_failed(core, in);
}

int
quarantine_substitute(struct core *core, const struct input_substitute *in)
{
	uint32_t type = in->type != NULL ? input_type_from_name(span_of(in->type)) : INPUT_NONE;

	if (in->why == NULL)
		return -EINVAL;
	switch (type) {
	case INPUT_EMIT:
		substitute_event(core, in);
		return 0;
	case INPUT_REQUEST:
	case INPUT_SET_ENV:
	case INPUT_STATE:
		request_condemned(core, in);
		return 0;
	case INPUT_EXITED:
		return substitute_exit(core, in);
	case INPUT_SPAWNED:
	case INPUT_SPAWN_FAILED:
	case INPUT_EXEC_DONE:
	case INPUT_STOPPED:
	case INPUT_SAID:
		substitute_process(core, in, type);
		return 0;
	case INPUT_FAMILY:
		substitute_relative(core, in);
		return 0;
	case INPUT_TIMER:
		substitute_timer(core, in);
		return 0;
	case INPUT_CONTROL:
		core->control = in->present;
		foreign_connections_lost(core);
		return 0;
	case INPUT_SHUTDOWN:
		/* Asked to go, it must go, if not in order. */
		if (in->present && !core->down_assist && core->config.session_address == NULL && !core->finished)
			shutdown_over(core);
		return 0;
	case INPUT_SESSION_END:
		if (core->config.session_address != NULL && !core->finished)
			session_over(core);
		return 0;
	default:
		return 0; /* without it all stays as it was, which is sound */
	}
}
