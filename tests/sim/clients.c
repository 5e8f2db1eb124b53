/* SPDX-License-Identifier: MIT */
/*
 * What clients of a simulated world ask for, by chance: with and without sense.
 */
#include "world.h"

#include <stdio.h>
#include <string.h>

/* A number for a request, or 0 when nobody is there who could ask or want to know. */
static uint64_t
new_request(struct world *w, unsigned percent)
{
	unsigned char *grown;

	if (!w->control || !chance(w, percent))
		return 0;
	grown = realloc(w->requests, w->n_requests + 2);
	if (grown == NULL) {
		world_fault(w, "out of memory");
		return 0;
	}
	w->requests = grown;
	if (w->n_requests == 0)
		w->requests[w->n_requests++] = REQUEST_NONE;
	w->requests[w->n_requests] = REQUEST_PENDING;
	return w->n_requests++;
}

static uint64_t
new_fd(struct world *w)
{
	unsigned char *grown;

	if (!chance(w, 20))
		return 0;
	grown = realloc(w->fds, w->n_fds + 2);
	if (grown == NULL)
		return 0;
	w->fds = grown;
	if (w->n_fds == 0)
		w->fds[w->n_fds++] = FD_NONE;
	w->fds[w->n_fds] = FD_OPEN;
	return w->n_fds++;
}

/* A client's own name for what it asks: few, so that some ask again. */
static char *
new_token(struct world *w)
{
	if (!chance(w, 25))
		return NULL;
	return str_printf("token-%u", below(w, chance(w, 50) ? 8 : 100000));
}

static char **
random_env(struct world *w)
{
	char **env = NULL;

	if (chance(w, 60))
		(void) !strv_take(&env, str_printf("K=%u", below(w, 3)));
	if (chance(w, 20))
		(void) !strv_take(&env, str_printf("L=%u", below(w, 3)));
	if (chance(w, 2))
		(void) !strv_take(&env, strdup("not a pair"));
	return env;
}

static char *
random_job(struct world *w)
{
	char name[16];

	job_name(name, sizeof(name), below(w, w->plan.n_jobs));
	return chance(w, 98) ? strdup(name) : strdup("no-such-job");
}

/* Often a process of a job asks. */
static int32_t
random_caller(struct world *w)
{
	const struct proc *p = w->n_procs > 0 && chance(w, 40) ? &w->procs[below(w, (unsigned) w->n_procs)] : NULL;

	return p != NULL && p->made ? p->pid : 0;
}

/* Events that mean something to init itself. */
static void
be_of_the_system(struct world *w, struct input_emit *in)
{
	static const char *const levels[] = { "2", "2", "3", "0", "6", "S" };

	free(in->name);
	if (chance(w, 30)) {
		in->name = strdup("startup");
		return;
	}
	in->name = strdup("runlevel");
	in->env = strv_free(in->env);
	if (chance(w, 95))
		(void) !strv_take(&in->env, str_printf("RUNLEVEL=%s", levels[below(w, ARRAY_SIZE(levels))]));
	if (chance(w, 70))
		(void) !strv_take(&in->env, strdup("PREVLEVEL=N"));
}

/* Some of what may be said beside an event; a job that is not there may be named. */
static void
add_options(struct world *w, struct input_emit *emit)
{
	emit->literal = chance(w, 50);
	emit->only = chance(w, 70);
	for (unsigned n = below(w, 3); emit->only && n > 0; n--)
		(void) !strv_take(&emit->classes, random_job(w));
	if (emit->only && chance(w, 50)) {
		char *job = random_job(w);
		auto_strv char **names = job != NULL ? core_instance_names(w->core, job) : NULL;
		size_t n = strv_len(names);

		(void) !strv_take(&emit->instances, job);
		(void) !strv_take(&emit->instances, strdup(n > 0 ? names[below(w, (unsigned) n)] : ""));
	}
	for (unsigned n = emit->fd != 0 ? below(w, 3) : 0; n > 0; n--) {
		uint64_t fd = new_fd(w);

		if (fd != 0)
			(void) !u64v_add(&emit->fds, fd);
	}
}

void
clients_emit(struct world *w)
{
	struct input in = { .type = INPUT_EMIT };
	uint64_t request = new_request(w, 60);

	in.emit.request = request;
	in.emit.name = chance(w, 1) ? strdup("") : strdup(event_names[below(w, EVENT_COUNT)]);
	in.emit.env = random_env(w);
	in.emit.caller = random_caller(w);
	if (chance(w, 5))
		be_of_the_system(w, &in.emit);
	in.emit.wait = chance(w, 70);
	in.emit.fd = new_fd(w);
	in.emit.token = request != 0 ? new_token(w) : NULL;
	if (chance(w, 10))
		add_options(w, &in.emit);
	if (world_input(w, &in) < 0)
		world_fault(w, "an event is refused");
}

void
clients_request(struct world *w)
{
	static const unsigned char kinds[] = { JOB_START,	 JOB_START,	 JOB_START,	 JOB_STOP,
					       JOB_STOP,	 JOB_RESTART,	 INSTANCE_START, INSTANCE_STOP,
					       INSTANCE_RESTART, INSTANCE_RELOAD, JOB_RESET,	  INSTANCE_RESET };
	struct input in = { .type = INPUT_REQUEST };

	in.request.request = new_request(w, 100);
	in.request.kind = kinds[below(w, ARRAY_SIZE(kinds))];
	in.request.job = random_job(w);
	if (in.request.kind <= JOB_RESTART || in.request.kind == JOB_RESET) {
		in.request.env = random_env(w);
	} else {
		auto_strv char **names = core_instance_names(w->core, in.request.job);
		size_t n = strv_len(names);

		in.request.instance = n > 0 && chance(w, 90) ? strdup(names[below(w, (unsigned) n)]) : strdup("0");
	}
	in.request.wait = chance(w, 70);
	in.request.when_ready = in.request.kind == JOB_START && chance(w, 30);
	in.request.caller = random_caller(w);
	in.request.token = in.request.request != 0 ? new_token(w) : NULL;
	if (world_input(w, &in) < 0)
		world_fault(w, "a request is refused without an answer");
}

/* What KEY=VALUE list of REPLACE looks like: each environment behind the number of its variables. */
static char **
random_envs(struct world *w)
{
	char **envs = NULL;

	for (unsigned n = below(w, 3); n > 0; n--) {
		auto_strv char **env = random_env(w);
		size_t count = strv_len(env);

		if (strv_take(&envs, str_printf("%zu", count)) < 0)
			return envs;
		for (size_t i = 0; i < count; i++)
			if (strv_add(&envs, env[i]) < 0)
				return envs;
	}
	return envs;
}

/* States that no job has come and go. */
void
clients_state(struct world *w)
{
	static const char *const connections[] = { "c1", "c2", "c3" };
	struct input in = { .type = INPUT_STATE };

	in.state.action = below(w, STATE_ACTION_COUNT);
	in.state.connection = strdup(connections[below(w, ARRAY_SIZE(connections))]);
	if (in.state.action != STATE_CONNECTION_ENDED) {
		in.state.request = new_request(w, 80);
		in.state.name = strdup(chance(w, 95) ? foreign_names[below(w, FOREIGN_COUNT)] : "job0");
		in.state.env = in.state.action == STATE_REPLACE ? random_envs(w) : random_env(w);
		in.state.all = chance(w, 50);
		in.state.wait = chance(w, 50);
		in.state.bound = chance(w, 30);
		in.state.administrator = chance(w, 40);
		in.state.caller = random_caller(w);
		in.state.uid = (int32_t) below(w, 2) * 1000;
	}
	if (world_input(w, &in) < 0)
		world_fault(w, "a change of a state is refused without an answer");
}

void
clients_set_env(struct world *w)
{
	struct input in = { .type = INPUT_SET_ENV };

	in.set_env.request = new_request(w, 80);
	in.set_env.action = below(w, 3);
	in.set_env.replace = chance(w, 50);
	if (in.set_env.action != ENV_RESET)
		in.set_env.env = random_env(w);
	for (size_t i = 0; in.set_env.action == ENV_UNSET && in.set_env.env != NULL && in.set_env.env[i] != NULL; i++)
		in.set_env.env[i][strcspn(in.set_env.env[i], "=")] = '\0';
	if (chance(w, 40)) {
		auto_strv char **names = NULL;

		in.set_env.job = random_job(w);
		names = core_instance_names(w->core, in.set_env.job);
		in.set_env.instance = strdup(strv_len(names) > 0 ? names[0] : "nobody");
	}
	if (world_input(w, &in) < 0)
		world_fault(w, "a change of the environment is refused without an answer");
}
