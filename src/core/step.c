/* SPDX-License-Identifier: MIT */
/*
 * Telling who looks on what happens within an input (core_config.step).
 */
#include "core/internal.h"

void
step_event(struct core *core, uint32_t type, const struct event *event)
{
	const struct core_step step = { .type = (enum core_step_type) type, .event = event->id };

	if (core->config.step != NULL)
		core->config.step(core, &step, core->config.step_data);
}

void
step_job(struct core *core, uint32_t type, const struct job *job)
{
	const struct core_step step = {
		.type = (enum core_step_type) type,
		.job = job->slot->name,
		.instance = job->name,
		.goal = (enum job_goal) job->goal,
		.state = (enum job_state) job->state,
		.start_env = job->has_next_env ? job->next_env : job->env,
		.stop_env = job->stop_env,
	};

	if (core->config.step != NULL)
		core->config.step(core, &step, core->config.step_data);
}
