/* SPDX-License-Identifier: MIT */
#include "core/lifecycle.h"

#include <string.h>

#define NO JOB_STATE_COUNT

/* The rows of lifecycle.h, in its order: what follows for goal start, stop, respawn. */
static const struct {
	const char *name;
	enum job_state next[JOB_GOAL_COUNT];
} rows[JOB_STATE_COUNT] = {
	[JOB_WAITING] = { "waiting", { JOB_STARTING, NO, NO } },
	[JOB_STARTING] = { "starting", { JOB_SECURITY_SPAWNING, JOB_STOPPING, NO } },
	[JOB_SECURITY_SPAWNING] = { "security-spawning", { JOB_SECURITY, JOB_STOPPING, NO } },
	[JOB_SECURITY] = { "security", { JOB_PRE_STARTING, JOB_STOPPING, NO } },
	[JOB_PRE_STARTING] = { "pre-starting", { JOB_PRE_START, JOB_STOPPING, NO } },
	[JOB_PRE_START] = { "pre-start", { JOB_SPAWNING, JOB_STOPPING, NO } },
	[JOB_SPAWNING] = { "spawning", { JOB_SPAWNED, JOB_STOPPING, NO } },
	[JOB_SPAWNED] = { "spawned", { JOB_POST_STARTING, JOB_STOPPING, JOB_STOPPING } },
	[JOB_POST_STARTING] = { "post-starting", { JOB_POST_START, JOB_STOPPING, NO } },
	[JOB_POST_START] = { "post-start", { JOB_RUNNING, JOB_STOPPING, JOB_STOPPING } },
	[JOB_RUNNING] = { "running", { JOB_STOPPING, JOB_PRE_STOPPING, NO } },
	[JOB_PRE_STOPPING] = { "pre-stopping", { JOB_PRE_STOP, JOB_PRE_STOP, NO } },
	[JOB_PRE_STOP] = { "pre-stop", { JOB_RUNNING, JOB_STOPPING, JOB_STOPPING } },
	[JOB_STOPPING] = { "stopping", { JOB_KILLED, JOB_KILLED, NO } },
	[JOB_KILLED] = { "killed", { JOB_POST_STOPPING, JOB_POST_STOPPING, NO } },
	[JOB_POST_STOPPING] = { "post-stopping", { JOB_POST_STOP, JOB_POST_STOP, NO } },
	[JOB_POST_STOP] = { "post-stop", { JOB_STARTING, JOB_WAITING, NO } },
};

static const char *const goal_names[JOB_GOAL_COUNT] = {
#define X(id, name) [GOAL_##id] = name,
	JOB_GOALS(X)
#undef X
};

const char *
job_state_name(enum job_state state)
{
	return state < JOB_STATE_COUNT ? rows[state].name : "unknown";
}

const char *
job_goal_name(enum job_goal goal)
{
	return goal < JOB_GOAL_COUNT ? goal_names[goal] : "unknown";
}

bool
job_state_from_name(const char *name, enum job_state *state)
{
	for (size_t i = 0; i < JOB_STATE_COUNT; i++)
		if (strcmp(rows[i].name, name) == 0) {
			*state = (enum job_state) i;
			return true;
		}
	return false;
}

bool
job_goal_from_name(const char *name, enum job_goal *goal)
{
	for (size_t i = 0; i < JOB_GOAL_COUNT; i++)
		if (strcmp(goal_names[i], name) == 0) {
			*goal = (enum job_goal) i;
			return true;
		}
	return false;
}

enum job_state
lifecycle_next(enum job_state state, enum job_goal goal, struct lifecycle_facts facts)
{
	if (state >= JOB_STATE_COUNT || goal >= JOB_GOAL_COUNT)
		return NO;
	if (state == JOB_RUNNING && goal == GOAL_STOP && !facts.main_alive)
		return JOB_STOPPING;
	if (state == JOB_PRE_STOP && goal == GOAL_START && facts.restart)
		return JOB_STOPPING;
	return rows[state].next[goal];
}

enum process_kind
lifecycle_awaited(enum job_state state)
{
	switch (state) {
	case JOB_SECURITY:
		return PROCESS_SECURITY;
	case JOB_PRE_START:
		return PROCESS_PRE_START;
	case JOB_SPAWNED:
	case JOB_KILLED:
		return PROCESS_MAIN;
	case JOB_POST_START:
		return PROCESS_POST_START;
	case JOB_PRE_STOP:
		return PROCESS_PRE_STOP;
	case JOB_POST_STOP:
		return PROCESS_POST_STOP;
	default:
		return PROCESS_KIND_COUNT;
	}
}
