/* SPDX-License-Identifier: MIT */
/*
 * The whole: making and freeing a core, and applying one input to it.
 */
#include "core/internal.h"

#include "common/invariant.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

uint64_t
core_new_id(struct core *core)
{
	return ++core->last_id;
}

char *
core_copy(struct core *core, const char *s)
{
	char *c = s != NULL ? strdup(s) : NULL;

	if (s != NULL && c == NULL)
		core->oom = true;
	return c;
}

void
core_oom(struct core *core, int r)
{
	if (r < 0)
		core->oom = true;
}

struct core *
core_new(const struct core_config *config)
{
	struct core *core = calloc(1, sizeof(*core));

	if (core == NULL)
		return NULL;
	core->config.resolve = config->resolve;
	core->config.resolve_data = config->resolve_data;
	core->config.step = config->step;
	core->config.step_data = config->step_data;
	core->config.policies = config->policies;
	core->log_level = config->log_level;
	core->awake = config->awake;
	if (strv_dup(&core->config.own_env, config->own_env) < 0 ||
	    strv_dup(&core->config.job_env, config->job_env) < 0 || strv_dup(&core->job_env, config->job_env) < 0)
		return core_free(core);
	if (config->session_address != NULL) {
		core->config.session_address = strdup(config->session_address);
		if (core->config.session_address == NULL)
			return core_free(core);
	}
	return core;
}

struct core *
core_free(struct core *core)
{
	struct slot *slot, *next_slot;
	struct event *event, *next_event;
	struct effect *e, *next_effect;
	struct token *t, *next_token;
	struct fdref *ref, *next_ref;

	if (core == NULL)
		return NULL;
	DL_FOREACH_SAFE(core->slots, slot, next_slot)
		slot_free(core, slot);
	DL_FOREACH_SAFE(core->events, event, next_event)
		event_free(core, event);
	DL_FOREACH_SAFE(core->tokens, t, next_token)
		token_free(core, t);
	DL_FOREACH_SAFE(core->answers, t, next_token)
		token_free(core, t);
	DL_FOREACH_SAFE(core->fds, ref, next_ref)
		free(ref);
	DL_FOREACH_SAFE(core->outbox, e, next_effect)
		outbox_remove(core, e);
	foreign_free(core);
	history_free(core);
	map_deinit(&core->slots_by_name);
	map_deinit(&core->jobs_by_id);
	map_deinit(&core->events_by_id);
	map_deinit(&core->process_to_job);
	map_deinit(&core->pid_to_process);
	map_deinit(&core->timer_to_job);
	map_deinit(&core->tokens_by_name);
	map_deinit(&core->tokens_by_id);
	map_deinit(&core->audiences);
	map_deinit(&core->topics);
	core->runlevel = strv_free(core->runlevel);
	core->killed = strv_free(core->killed);
	core->slow = strv_free(core->slow);
	core->exit_with = strv_free(core->exit_with);
	free(core->down_level);
	free(core->down_halt);
	free(core->ready.p);
	free(core->later.p);
	u64v_deinit(&core->early);
	u64v_deinit(&core->calls);
	u64v_deinit(&core->woken);
	core->job_env = strv_free(core->job_env);
	core->config.own_env = strv_free(core->config.own_env);
	core->config.job_env = strv_free(core->config.job_env);
	free(core->config.session_address);
	free(core);
	return NULL;
}

static int
timer_due(struct core *core, uint64_t timer)
{
	if (timer == 0)
		return 0;
	if (timer == core->yield_timer)
		core->yield_timer = 0; /* the queue goes on below */
	else if (!session_timer(core, timer) && !shutdown_timer(core, timer) && !pace_timer(core, timer) &&
		 !track_timer(core, timer) && !ready_timer(core, timer) && !foreign_timer(core, timer) &&
		 !watchdog_timer(core, timer))
		(void) process_timer(core, timer);
	return 0;
}

static int
dispatch(struct core *core, const struct input *in)
{
	switch (in->type) {
	case INPUT_DEFINE:
		return registry_define(core, &in->define);
	case INPUT_UNDEFINE:
		return registry_undefine(core, &in->undefine);
	case INPUT_EMIT:
		return request_emit(core, &in->emit);
	case INPUT_REQUEST:
		return request_apply(core, &in->request);
	case INPUT_SPAWNED:
		return process_spawned(core, &in->spawned);
	case INPUT_SPAWN_FAILED:
		return process_spawn_failed(core, &in->spawn_failed);
	case INPUT_EXEC_DONE:
		return process_exec_done(core, &in->exec_done);
	case INPUT_EXITED:
		return process_exited(core, &in->exited);
	case INPUT_STOPPED:
		return process_stopped(core, &in->stopped);
	case INPUT_TIMER:
		return timer_due(core, in->timer.timer);
	case INPUT_ACK:
		outbox_acknowledge(core, in->ack.target, in->ack.upto);
		return 0;
	case INPUT_CONTROL:
		request_control(core, in->control.present);
		return 0;
	case INPUT_SET_ENV:
		return request_set_env(core, &in->set_env);
	case INPUT_SESSION_END:
		return session_end(core, &in->session_end);
	case INPUT_LOG_LEVEL:
		core->log_level = in->log_level.level;
		return 0;
	case INPUT_FAMILY:
		return track_news(core, &in->family);
	case INPUT_SHUTDOWN:
		return shutdown_apply(core, &in->shutdown);
	case INPUT_STATE:
		return foreign_apply(core, &in->state);
	case INPUT_SAID:
		return ready_said(core, &in->said);
	case INPUT_STRAYS:
		strays_gone(core, &in->strays);
		return 0;
	case INPUT_SUBSTITUTE:
		return quarantine_substitute(core, &in->substitute);
	default:
		return -EINVAL;
	}
}

int
core_apply(struct core *core, struct input *in)
{
	int r;

	in->seq = ++core->seq;
	if (in->now > core->now)
		core->now = in->now;
	if (core->began == 0)
		core->began = core->now;
	core->oom = false;
	core->broken = false;
	r = dispatch(core, in);
	follow_run(core);
	event_drain(core);
	session_look(core);
	shutdown_look(core);
	if (core->broken)
		return -ENOTRECOVERABLE;
	return core->oom ? -ENOMEM : r;
}

uint64_t
core_seq(const struct core *core)
{
	return core->seq;
}

uint64_t
core_last_effect(const struct core *core)
{
	return core->last_effect;
}

usec_t
core_now(const struct core *core)
{
	return core->now;
}

const struct effect *
core_outbox(const struct core *core, uint64_t id)
{
	const struct effect *e = core->outbox != NULL ? core->outbox->prev : NULL;

	if (e == NULL || e->id <= id)
		return NULL;
	/* New effects are asked for: the search from the end is short. */
	while (e != core->outbox && e->prev->id > id)
		e = e->prev;
	return e;
}
