/* SPDX-License-Identifier: MIT */
/*
 * Main processes that say again and again that they are well (`watchdog`, sd_notify(3)'s WATCHDOG=1). One that does not
 * is told to abort, then killed, and has failed.
 */
#include "core/internal.h"

#include "common/log.h"

#include <signal.h>

static void
set_timer(struct core *core, struct job *job, usec_t due)
{
	job->watchdog_timer = core_timer(core, due);
	core_oom(core, map_put_id(&core->timer_to_job, job->watchdog_timer, job));
}

void
watchdog_end(struct core *core, struct job *job)
{
	map_del_id(&core->timer_to_job, job->watchdog_timer);
	core_timer_cancel(core, &job->watchdog_timer);
	job->watchdog_due = 0;
}

/* Not while it gets ready, and not while it is being stopped: that has limits of its own. */
static bool
is_due(const struct job *job)
{
	return job->watchdog != 0 && job->cls->expect == EXPECT_NOTIFY && job->quarantine == NULL &&
	       process_live(job, PROCESS_MAIN) &&
	       (job->state == JOB_POST_START || job->state == JOB_RUNNING || job->state == JOB_PRE_STOP);
}

void
watchdog_look(struct core *core, struct job *job)
{
	if (job->bitten ? process_live(job, PROCESS_MAIN) && job->state != JOB_KILLED : is_due(job)) {
		if (job->watchdog_timer == 0 && !job->bitten)
			watchdog_heard(core, job);
	} else {
		watchdog_end(core, job);
	}
}

void
watchdog_heard(struct core *core, struct job *job)
{
	if (job->bitten || !is_due(job))
		return;
	job->watchdog_due = core->now + job->watchdog;
	/* One that is due sooner finds that it is not yet and goes on: a timer a period, not one a word. */
	if (job->watchdog_timer == 0)
		set_timer(core, job, job->watchdog_due);
}

void
watchdog_set(struct core *core, struct job *job, usec_t period)
{
	job->watchdog = period;
	if (job->bitten)
		return;
	watchdog_end(core, job);
	watchdog_look(core, job);
}

void
watchdog_bite(struct core *core, struct job *job, const char *why)
{
	char display[JOB_DISPLAY_MAX];

	if (job->bitten || !process_live(job, PROCESS_MAIN) || job->process[PROCESS_MAIN].pid <= 0)
		return;
	core_log(core, LOG_LEVEL_WARN, "%s main process (%d) %s, killing it", job_display(job, display, sizeof(display)),
		 job->process[PROCESS_MAIN].pid, why);
	watchdog_end(core, job);
	job->bitten = true;
	process_send(core, job, PROCESS_MAIN, SIGABRT);
	/* Stopped, it could not die of it. */
	core_kill(core, &job->process[PROCESS_MAIN], SIGCONT, true);
	set_timer(core, job, core->now + job->cls->kill_timeout * USEC_PER_SEC);
}

bool
watchdog_timer(struct core *core, uint64_t timer)
{
	struct job *job = map_get_id(&core->timer_to_job, timer);

	if (job == NULL || job->watchdog_timer != timer)
		return false;
	map_del_id(&core->timer_to_job, timer);
	job->watchdog_timer = 0;
	if (job->bitten)
		process_send(core, job, PROCESS_MAIN, SIGKILL);
	else if (core->now < job->watchdog_due)
		set_timer(core, job, job->watchdog_due);
	else
		watchdog_bite(core, job, "has not said in time that it is well");
	return true;
}
