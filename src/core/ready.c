/* SPDX-License-Identifier: MIT */
/*
 * Main processes that say by themselves when they are ready, and the limit to that. Those that are known by their
 * forks are track.c's.
 */
#include "core/internal.h"

#include "common/log.h"

void
ready_expect(struct core *core, struct job *job)
{
	uint32_t seconds = job->cls->expect_timeout;

	if (seconds == JOB_EXPECT_TIMEOUT_UNSET || seconds == 0 || job->ready_timer != 0)
		return;
	job->ready_timer = core_timer(core, core->now + seconds * USEC_PER_SEC);
	core_oom(core, map_put_id(&core->timer_to_job, job->ready_timer, job));
}

void
ready_expect_no_more(struct core *core, struct job *job)
{
	map_del_id(&core->timer_to_job, job->ready_timer);
	core_timer_cancel(core, &job->ready_timer);
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
	core_log(core, LOG_LEVEL_WARN, "%s main process (%d) was not ready in time",
		 job_display(job, display, sizeof(display)), job->process[PROCESS_MAIN].pid);
	process_main_failed(core, job, -1);
	return true;
}
