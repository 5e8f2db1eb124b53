/* SPDX-License-Identifier: MIT */
/*
 * Main processes that say by themselves when they are ready, the limit to that, and what else they say. Those that are
 * known by their forks are track.c's.
 */
#include "core/internal.h"

#include "core/explain.h"
#include "core/past.h"

#include "common/log.h"

bool
ready_is_told(const struct job_class *cls)
{
	return cls->expect == EXPECT_STOP || cls->expect == EXPECT_NOTIFY || cls->expect == EXPECT_FD;
}

static void
set_timer(struct core *core, struct job *job, usec_t due)
{
	job->ready_due = due;
	job->ready_timer = core_timer(core, due);
	core_oom(core, map_put_id(&core->timer_to_job, job->ready_timer, job));
}

void
ready_expect(struct core *core, struct job *job)
{
	uint32_t seconds = job->cls->expect_timeout;

	if (seconds == JOB_EXPECT_TIMEOUT_UNSET || seconds == 0 || job->ready_timer != 0)
		return;
	set_timer(core, job, core->now + seconds * USEC_PER_SEC);
}

void
ready_expect_no_more(struct core *core, struct job *job)
{
	map_del_id(&core->timer_to_job, job->ready_timer);
	core_timer_cancel(core, &job->ready_timer);
	job->ready_due = 0;
}

bool
ready_timer(struct core *core, uint64_t timer)
{
	struct job *job = map_get_id(&core->timer_to_job, timer);
	char display[JOB_DISPLAY_MAX];

	if (job == NULL || job->ready_timer != timer)
		return false;
	map_del_id(&core->timer_to_job, timer);
	job->ready_timer = 0;
	job->ready_due = 0;
	core_log(core, LOG_LEVEL_WARN, "%s main process (%d) was not ready in time",
		 job_display(job, display, sizeof(display)), job->process[PROCESS_MAIN].pid);
	past_unready(core, job, CORE_UNREADY_LATE);
	process_main_failed(core, job, -1);
	return true;
}

/* -- what it says ------------------------------------------------------------------------------- */

/* Another process is main from now on. Whether it may be is known to who tells. */
static void
main_is(struct core *core, struct job *job, int32_t pid)
{
	struct process *p = &job->process[PROCESS_MAIN];

	/* A process of somebody else's, or a hook: that can't be. */
	if (pid <= 0 || p->pid <= 0 || job->family != NULL || map_get_id(&core->pid_to_process, (uint64_t) pid) != NULL)
		return;
	map_del_id(&core->pid_to_process, (uint64_t) p->pid);
	process_become(core, job, pid);
	core_oom(core, map_put_id(&core->pid_to_process, (uint64_t) pid, job));
}

static void
status_is(struct core *core, struct job *job, const char *text)
{
	char *copy = core_copy(core, text);

	if (text != NULL && copy == NULL)
		return;
	free(job->status_text);
	job->status_text = copy;
}

/* It asks for more time for what it is at: to get ready, or to end. */
static void
extend(struct core *core, struct job *job, usec_t more)
{
	usec_t due = more < UINT64_MAX - core->now ? core->now + more : UINT64_MAX;

	if (job->state == JOB_SPAWNED && job->ready_timer != 0 && due > job->ready_due) {
		ready_expect_no_more(core, job);
		set_timer(core, job, due);
	} else if (job->state == JOB_KILLED) {
		process_extend_timer(core, job, due);
	}
}

static void
is_ready(struct core *core, struct job *job)
{
	if (job->doing == CORE_DOING_RELOADING)
		job->doing = CORE_DOING_NOTHING;
	if (job->state == JOB_SPAWNED && job->family == NULL && ready_is_told(job->cls))
		job_advance(core, job);
}

static void
never_ready(struct core *core, struct job *job)
{
	char display[JOB_DISPLAY_MAX];

	if (job->state != JOB_SPAWNED)
		return;
	core_log(core, LOG_LEVEL_WARN, "%s main process (%d) has closed what it is to say on that it is ready",
		 job_display(job, display, sizeof(display)), job->process[PROCESS_MAIN].pid);
	past_unready(core, job, CORE_UNREADY_SILENT);
	process_main_failed(core, job, -1);
}

int
ready_said(struct core *core, const struct input_said *in)
{
	enum process_kind kind = PROCESS_MAIN;
	struct job *job = process_owner(core, in->process, &kind);

	/* Nobody has anything to say before it runs its program. */
	if (job == NULL || kind != PROCESS_MAIN || !job->process[kind].exec_done || job->quarantine != NULL)
		return 0;
	if (job->cls->expect == EXPECT_PIDFILE || job->cls->expect == EXPECT_LISTEN) {
		if ((in->what & SAID_MAIN) != 0)
			track_told(core, job, in->main_pid);
		else if ((in->what & SAID_NOTHING) != 0)
			never_ready(core, job);
		return 0;
	}
	if ((in->what & SAID_MAIN) != 0)
		main_is(core, job, in->main_pid);
	if ((in->what & SAID_STATUS) != 0)
		status_is(core, job, in->status);
	if ((in->what & SAID_RELOADING) != 0)
		job->doing = CORE_DOING_RELOADING;
	if ((in->what & SAID_STOPPING) != 0)
		job->doing = CORE_DOING_STOPPING;
	if ((in->what & SAID_EXTEND) != 0)
		extend(core, job, in->extend);
	if ((in->what & SAID_WATCHDOG) != 0)
		watchdog_set(core, job, in->watchdog);
	if ((in->what & SAID_ALIVE) != 0)
		watchdog_heard(core, job);
	/* The rest moves the instance, which may be its end. */
	if ((in->what & SAID_READY) != 0)
		is_ready(core, job);
	else if ((in->what & SAID_NOTHING) != 0)
		never_ready(core, job);
	else if ((in->what & SAID_SICK) != 0)
		watchdog_bite(core, job, "says that it is not well");
	return 0;
}
