/* SPDX-License-Identifier: MIT */
/*
 * The end of a session (runtime.md 15.3): jobs that want to hear of it have five seconds, then everything is
 * stopped, then what is left is killed.
 */
#include "core/internal.h"

#include "common/log.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <utlist.h>

#define QUIESCE_WAIT_SECONDS 5

static void
stop_all(struct core *core)
{
	struct job *job;

	/* A change of the goal never removes an instance at once: only the event queue does. */
	DL_FOREACH2(core->live, job, live_next) {
		core_visit(core);
		job_change_goal(core, job, GOAL_STOP);
	}
}

static void
enter_kill(struct core *core)
{
	uint32_t longest = QUIESCE_WAIT_SECONDS;
	const struct job *job;

	DL_FOREACH2(core->live, job, live_next) {
		core_visit(core);
		if (job->slot->cls->kill_timeout > longest)
			longest = job->slot->cls->kill_timeout;
	}
	core->quiesce = QUIESCE_KILL;
	core_timer_cancel(core, &core->quiesce_timer);
	core->quiesce_timer = core_timer(core, core->now + longest * USEC_PER_SEC);
	stop_all(core);
	quarantine_reset_all(core);
}

int
session_end(struct core *core, const struct input_session_end *in)
{
	const char *type = in->type != NULL ? in->type : "logout";
	auto_strv char **env = NULL;
	bool logout = strcmp(type, "logout") == 0;

	if (core->quiesce != QUIESCE_NOT || core->config.session_address == NULL)
		return 0;
	if (env_set_value(&env, "TYPE", type) < 0)
		return -ENOMEM;
	core_log(core, LOG_LEVEL_INFO, "Quiescing due to %s request", type);
	core->no_respawn = true;
	core->quiesce_start = core->now;
	core->quiesce_logout = logout;
	await_no_more(core);
	(void) event_emit(core, "session-end", env);
	if (logout && trigger_someone_starts_on(core, "session-end", env)) {
		core->quiesce = QUIESCE_WAIT;
		core->quiesce_timer = core_timer(core, core->now + QUIESCE_WAIT_SECONDS * USEC_PER_SEC);
		stop_all(core);
	} else {
		enter_kill(core);
	}
	return 0;
}

void
session_over(struct core *core)
{
	uint64_t seconds = (core->now - core->quiesce_start) / USEC_PER_SEC;
	struct effect *e;

	core_log(core, LOG_LEVEL_INFO, "Quiesce %s sequence took %s%u second%s",
		 core->quiesce_logout ? "logout" : "shutdown", seconds == 0 ? "<" : "",
		 (unsigned) (seconds == 0 ? 1 : seconds), seconds > 1 ? "s" : "");
	core_timer_cancel(core, &core->quiesce_timer);
	core->finished = true;
	e = effect_add(core, EFFECT_FINISHED);
	if (e != NULL)
		e->finished.status = 0;
}

/* Time is up: name those that are left, and leave nothing of theirs behind. */
static void
give_up(struct core *core)
{
	char display[JOB_DISPLAY_MAX];
	struct job *job;

	DL_FOREACH2(core->live, job, live_next) {
		core_log(core, LOG_LEVEL_WARN, "job %s failed to stop", job_display(job, display, sizeof(display)));
		for (size_t i = 0; i < PROCESS_KIND_COUNT; i++)
			if (job->process[i].pid > 0)
				core_kill(core, &job->process[i], SIGKILL, true);
		strays_hurry(core, job);
	}
	session_over(core);
}

bool
session_timer(struct core *core, uint64_t timer)
{
	if (core->quiesce_timer == 0 || timer != core->quiesce_timer)
		return false;
	core->quiesce_timer = 0;
	if (core->quiesce == QUIESCE_WAIT)
		enter_kill(core);
	else if (core->quiesce == QUIESCE_KILL)
		give_up(core);
	return true;
}

void
session_look(struct core *core)
{
	bool instances = map_count(&core->jobs_by_id) > 0;
	bool processes = map_count(&core->process_to_job) > 0 || core->sweeping > 0;

	if (core->quiesce == QUIESCE_NOT || core->finished)
		return;
	if (!instances || (core->quiesce == QUIESCE_KILL && !processes))
		session_over(core);
	else if (core->quiesce == QUIESCE_WAIT && !processes) {
		enter_kill(core);
		event_drain(core);
		session_look(core);
	}
}
