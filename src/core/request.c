/* SPDX-License-Identifier: MIT */
/*
 * What clients ask: events, starts and stops, environments (runtime.md section 6). Each request
 * with a number gets exactly one answer, now or when what it waits for is there.
 */
#include "core/internal.h"
#include "core/policy.h"

#include "common/log.h"
#include "common/msg.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

/* -- tokens ------------------------------------------------------------------------ */

struct token *
token_by_id(const struct core *core, uint64_t id)
{
	return id != 0 ? map_get_id(&core->tokens_by_id, id) : NULL;
}

void
token_free(struct core *core, struct token *t)
{
	map_del(&core->tokens_by_name, t->name);
	map_del_id(&core->tokens_by_id, t->id);
	if (t->done) {
		DL_DELETE(core->answers, t);
		core->n_answers--;
	} else {
		DL_DELETE(core->tokens, t);
	}
	u64v_deinit(&t->requests);
	free(t->name);
	free(t->error);
	free(t->text);
	free(t->job);
	free(t->instance);
	free(t);
}

static struct token *
token_new(struct core *core, const char *name)
{
	struct token *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->id = core_new_id(core);
	t->name = strdup(name);
	if (t->name == NULL || map_put(&core->tokens_by_name, name, t) < 0) {
		free(t->name);
		free(t);
		return NULL;
	}
	if (map_put_id(&core->tokens_by_id, t->id, t) < 0) {
		map_del(&core->tokens_by_name, name);
		free(t->name);
		free(t);
		return NULL;
	}
	DL_APPEND(core->tokens, t);
	return t;
}

/*
 * Answers are remembered for a minute, the last few for longer: so long may a client take to come back,
 * however many others were answered meanwhile.
 */
static void
token_done(struct core *core, struct token *t)
{
	DL_DELETE(core->tokens, t);
	t->done = true;
	t->done_at = core->now;
	DL_APPEND(core->answers, t);
	core->n_answers++;
	while (core->n_answers > ANSWERS_MAX ||
	       (core->n_answers > ANSWERS_MIN && core->answers->done_at + ANSWERS_KEPT < core->now))
		token_free(core, core->answers);
}

void
request_answer(struct core *core, uint64_t request, uint64_t token, const char *error, const char *text,
	       const char *job, const char *instance)
{
	struct token *t = token_by_id(core, token);

	call_answered(core, request, token);
	core_reply(core, request, error, text, job, instance);
	if (t == NULL || t->done)
		return;
	for (size_t i = 0; i < t->requests.n; i++)
		core_reply(core, t->requests.p[i], error, text, job, instance);
	u64v_deinit(&t->requests);
	t->error = core_copy(core, error);
	t->text = core_copy(core, text);
	t->job = core_copy(core, job);
	t->instance = core_copy(core, instance);
	token_done(core, t);
}

/*
 * Find out whether this is a request that was made before. 1: it is, and is dealt with; 0: a new
 * one, `who` is filled; -ENOMEM.
 */
static int
identify(struct core *core, uint64_t request, const char *token, int32_t caller, struct asker *who)
{
	struct token *t;

	*who = (struct asker) { request, 0, caller > 0 ? core_process_of_pid(core, caller) : 0 };
	if (token == NULL || token[0] == '\0')
		return 0;
	t = map_get(&core->tokens_by_name, token);
	if (t != NULL && t->done) {
		core_reply(core, request, t->error, t->text, t->job, t->instance);
		return 1;
	}
	if (t != NULL)
		return u64v_add(&t->requests, request) < 0 ? -ENOMEM : 1;
	t = token_new(core, token);
	if (t == NULL || u64v_add(&t->requests, request) < 0)
		return -ENOMEM;
	who->request = 0;
	who->token = t->id;
	return 0;
}

static int
refuse(struct core *core, const struct asker *who, const char *error, const char *text)
{
	request_answer(core, who->request, who->token, error, text, NULL, NULL);
	return 0;
}

static int
refuse_job(struct core *core, const struct asker *who, const char *error, const char *what, const char *name)
{
	auto_free char *text = str_printf("%s%s", what, name);

	if (text == NULL)
		return -ENOMEM;
	return refuse(core, who, error, text);
}

/* What is done for a job's process goes back to what that job goes back to. */
static struct lineage
caller_lineage(const struct core *core, const struct asker *who)
{
	const struct job *job = map_get_id(&core->process_to_job, who->process);

	return job != NULL ? job->lineage : (struct lineage) { 0 };
}

/* -- events ----------------------------------------------------------------------------- */

static void
hold_files(struct core *core, const struct input_emit *in)
{
	fd_hold(core, in->fd);
	for (size_t i = 0; i < in->fds.n; i++)
		fd_hold(core, in->fds.p[i]);
}

static void
release_files(struct core *core, const struct input_emit *in)
{
	fd_release(core, in->fd);
	for (size_t i = 0; i < in->fds.n; i++)
		fd_release(core, in->fds.p[i]);
}

/* Who hears it, how, and what comes along. 0 or -ENOMEM. */
static int
set_options(struct event *event, const struct input_emit *in)
{
	event->fd = in->fd;
	event->literal = in->literal;
	event->only = in->only;
	if (u64v_copy(&event->fds, &in->fds) < 0 || strv_dup(&event->classes, in->classes) < 0 ||
	    strv_dup(&event->instances, in->instances) < 0)
		return -ENOMEM;
	return 0;
}

int
request_emit(struct core *core, const struct input_emit *in)
{
	auto_strv char **env = NULL;
	const char *error = ERR_INVALID_ARGS, *why;
	struct asker who;
	struct event *event;
	int r = identify(core, in->request, in->token, in->caller, &who);

	hold_files(core, in);
	if (in->name == NULL || in->name[0] == '\0')
		why = "Name may not be empty string";
	else
		why = env_fault(in->env, &error);
	if (r != 0 || why != NULL) {
		release_files(core, in);
		return r != 0 ? (r < 0 ? r : 0) : refuse(core, &who, error, why);
	}
	event = policy_client_env(&core->config, in->env, &env) == 0
		    ? event_emit_in(core, scope_of(in->root), in->name, env)
		    : NULL;
	if (event == NULL) {
		release_files(core, in);
		return refuse(core, &who, ERR_NO_MEMORY, "Out of Memory");
	}
	core_oom(core, set_options(event, in));
	event->lineage = caller_lineage(core, &who);
	event->run = history_caller(core, who.process);
	if (!in->wait)
		request_answer(core, who.request, who.token, NULL, NULL, NULL, NULL);
	else
		return event_wait_request(core, event, &who);
	return 0;
}

/* -- jobs ------------------------------------------------------------------------------- */

/* Everything a request about a job needs while it is looked at. */
struct asked {
	const struct input_request *in;
	struct asker who;
	struct slot *slot;
	struct job *job; /* NULL: no such instance */
	char *instance;  /* owned: its name */
	char **env;      /* owned: class environment and the request's */
};

static void
asked_deinit(struct asked *a)
{
	free(a->instance);
	a->env = strv_free(a->env);
}

/* Environment and instance of a request by job. 0: go on, 1: refused and answered, -ENOMEM. */
static int
select_instance(struct core *core, struct asked *a)
{
	struct error err = ERROR_INIT;
	auto_free char *text = NULL;
	const char *usage = a->slot->cls->usage, *error, *why = env_fault(a->in->env, &error);
	int r;

	if (why != NULL)
		return refuse(core, &a->who, error, why) < 0 ? -ENOMEM : 1;
	if (job_class_environment(a->slot->cls, core->job_env, core->config.own_env, &a->env) < 0 ||
	    policy_merge(&core->config, a->slot->cls, &a->env, a->in->env) < 0)
		return -ENOMEM;
	r = env_expand(&a->instance, a->slot->cls->instance, a->env, &err);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		text = usage != NULL ? str_printf("%s\nUsage: %s", err.text, usage) : strdup(err.text);
		if (text == NULL)
			return -ENOMEM;
		return refuse(core, &a->who, ERR_INVALID_ARGS, text) < 0 ? -ENOMEM : 1;
	}
	a->job = job_find(a->slot, a->instance);
	return 0;
}

/* Answer now, or when the instance has got there. */
static int
wait_or_answer(struct core *core, struct asked *a, struct job *job)
{
	int r = a->in->wait ? job_wait_request(core, job, a->in->kind, &a->who) : 1;

	if (r <= 0)
		return r;
	request_answer(core, a->who.request, a->who.token, NULL, NULL, job->slot->name, job->name);
	return 0;
}

/* Its states do not hold, and the caller waits until they do. 1 or -ENOMEM. */
static int
await_states(struct core *core, struct asked *a, struct want *want)
{
	int r = a->in->wait ? await_ready(core, a->slot, want, &a->who) : 1;

	if (r > 0)
		request_answer(core, a->who.request, a->who.token, NULL, NULL, a->slot->name, want->name);
	return r < 0 ? r : 1;
}

/* A start of a job that follows states: 0: go on; 1: its states do not hold, which was said; -ENOMEM. */
static int
start_following(struct core *core, struct asked *a)
{
	const char *name = a->job != NULL ? a->job->name : a->instance;
	struct origin from = { 0, caller_lineage(core, &a->who) };
	struct want *want = follow_arm(core, a->slot, name, a->in->env, true, from);
	auto_free char *terms = NULL;
	char **env = NULL;

	if (want == NULL)
		return -ENOMEM;
	if (!want_holds(core, a->slot, want) && a->in->when_ready && !core->going_down && core->quiesce == QUIESCE_NOT)
		return await_states(core, a, want);
	if (!want_holds(core, a->slot, want)) {
		terms = follow_explain(core, a->slot, want);
		if (terms == NULL)
			return -ENOMEM;
		return refuse_job(core, &a->who, ERR_CONDITION_NOT_MET, "Its 'while' does not hold: ", terms) < 0 ? -ENOMEM : 1;
	}
	if (want_environment(core, a->slot, want, &env) < 0)
		return -ENOMEM;
	a->env = strv_free(a->env);
	a->env = env;
	return 0;
}

static int
do_start(struct core *core, struct asked *a)
{
	char display[JOB_DISPLAY_MAX];
	struct job *job = a->job;
	int r;

	if (job != NULL && job->goal != GOAL_STOP)
		return refuse_job(core, &a->who, ERR_ALREADY_STARTED,
				  "Job is already running: ", scope_plain(job_display(job, display, sizeof(display))));
	if (job == NULL && a->slot->has_successor && a->slot->successor == NULL)
		return refuse_job(core, &a->who, ERR_UNKNOWN_JOB, "Unknown job: ", scope_plain(a->slot->name));
	if (follow_is_following(a->slot)) {
		r = start_following(core, a);
		if (r != 0)
			return r < 0 ? r : 0;
		job = job_find(a->slot, job != NULL ? job->name : a->instance);
	}
	if (job == NULL)
		job = job_new(core, a->slot, a->instance);
	if (job == NULL)
		return refuse(core, &a->who, ERR_NO_MEMORY, "Out of Memory");
	if (a->in->kind == JOB_START) {
		core_oom(core, job_set_next_env(core, job, steal(&a->env), NULL));
	} else {
		job_drop_next_env(core, job);
	}
	job->restart = false;
	job->cause = 0;
	job->lineage = caller_lineage(core, &a->who);
	job_finish(core, job, false);
	history_prompt(core, job, CORE_RUN_REQUEST, history_caller(core, a->who.process), NULL);
	r = wait_or_answer(core, a, job);
	job_change_goal(core, job, GOAL_START);
	return r;
}

/* Does a process of the instance ask? Where it is not known who does, hooks on its way up are the likely ones. */
static bool
asks_for_itself(const struct core *core, const struct asked *a)
{
	const struct job *caller = map_get_id(&core->process_to_job, a->who.process);

	if (a->job == NULL || caller != NULL || a->in->caller != 0)
		return caller != NULL && caller == a->job;
	return a->job->state < JOB_RUNNING;
}

/*
 * A job that follows states won't come back by itself after a stop. True: it was not running, and all is done. A stop
 * by one of its own processes is their way to say "not now": that counts until its states have changed.
 */
static bool
stop_following(struct core *core, struct asked *a)
{
	const char *name = a->job != NULL ? a->job->name : a->instance;

	if (asks_for_itself(core, a))
		follow_spend(core, a->slot, name, false);
	else
		follow_disarm(core, a->slot, name);
	if (a->job != NULL)
		return false;
	request_answer(core, a->who.request, a->who.token, NULL, NULL, a->slot->name, name);
	return true;
}

static int
do_stop(struct core *core, struct asked *a)
{
	char display[JOB_DISPLAY_MAX];
	struct job *job = a->job;
	int r;

	if (follow_is_following(a->slot) && stop_following(core, a))
		return 0;
	if (job == NULL)
		return refuse_job(core, &a->who, ERR_UNKNOWN_INSTANCE, "Unknown instance: ", a->instance);
	if (job->goal == GOAL_STOP)
		return refuse_job(core, &a->who, ERR_ALREADY_STOPPED, "Job has already been stopped: ",
				  scope_plain(job_display(job, display, sizeof(display))));
	job->stop_env = strv_free(job->stop_env);
	if (a->in->kind == JOB_STOP)
		core_oom(core, policy_merge(&core->config, job->cls, &job->stop_env, a->in->env));
	job->cause = 0;
	job->lineage = caller_lineage(core, &a->who);
	job->restart = false;
	job_finish(core, job, false);
	r = wait_or_answer(core, a, job);
	job_change_goal(core, job, GOAL_STOP);
	return r;
}

static bool
is_wanted(const struct core *core, const struct slot *slot, const char *name)
{
	const struct want *want = want_get(slot, name);

	return want != NULL && want_holds(core, slot, want);
}

static int
do_restart(struct core *core, struct asked *a)
{
	char display[JOB_DISPLAY_MAX];
	struct job *job = a->job;
	int r;

	if (job == NULL)
		return refuse_job(core, &a->who, ERR_UNKNOWN_INSTANCE, "Unknown instance: ", a->instance);
	if (job->goal == GOAL_STOP)
		return refuse_job(core, &a->who, ERR_ALREADY_STOPPED, "Job has already been stopped: ",
				  scope_plain(job_display(job, display, sizeof(display))));
	if (a->in->kind == JOB_RESTART) {
		core_oom(core, job_set_next_env(core, job, steal(&a->env), NULL));
	} else {
		job_drop_next_env(core, job);
	}
	job->stop_env = strv_free(job->stop_env);
	job_finish(core, job, false);
	history_prompt(core, job, CORE_RUN_REQUEST, history_caller(core, a->who.process), NULL);
	r = wait_or_answer(core, a, job);
	job->restarting = true;
	job_change_goal(core, job, GOAL_STOP);
	job->restarting = false;
	/* Its own stop may have ended what it follows. */
	if (!follow_is_following(a->slot) || is_wanted(core, a->slot, job->name))
		job_change_goal(core, job, GOAL_START);
	else if (job->state >= JOB_STOPPING)
		foreign_stopping(core, job, event_get(core, job->blocker));
	/* With a pre-stop process at work the start must not read as "stop cancelled". */
	job->restart = job->state == JOB_PRE_STOP;
	return r;
}

static int
do_reload(struct core *core, struct asked *a)
{
	char display[JOB_DISPLAY_MAX];
	const struct process *p = &a->job->process[PROCESS_MAIN];

	if (p->pid == 0)
		return refuse_job(core, &a->who, ERR_NOT_RUNNING,
				  "Job is not running: ", scope_plain(job_display(a->job, display, sizeof(display))));
	core_kill(core, p, a->job->cls->reload_signal, false);
	request_answer(core, a->who.request, a->who.token, NULL, NULL, a->slot->name, a->job->name);
	return 0;
}

/* What is left of a quarantined instance is killed; then it stops. */
static int
do_reset(struct core *core, struct asked *a)
{
	char display[JOB_DISPLAY_MAX];
	struct job *job = a->job;
	int r;

	if (job == NULL)
		return refuse_job(core, &a->who, ERR_UNKNOWN_INSTANCE, "Unknown instance: ", a->instance);
	if (job->quarantine == NULL)
		return refuse_job(core, &a->who, ERR_NOT_QUARANTINED, "Job is not quarantined: ",
				  job_display(job, display, sizeof(display)));
	r = wait_or_answer(core, a, job);
	quarantine_reset(core, job);
	return r;
}

static int (*const actions[REQUEST_KIND_COUNT])(struct core *core, struct asked *a) = {
	[JOB_START] = do_start,		[JOB_STOP] = do_stop,
	[JOB_RESTART] = do_restart,	[INSTANCE_START] = do_start,
	[INSTANCE_STOP] = do_stop,	[INSTANCE_RESTART] = do_restart,
	[INSTANCE_RELOAD] = do_reload,	[JOB_RESET] = do_reset,
	[INSTANCE_RESET] = do_reset,
};

static bool
is_by_environment(uint32_t kind)
{
	return kind <= JOB_RESTART || kind == JOB_RESET;
}

/* 0: go on; 1: nothing is done about the instance but a reset, and that was said; -ENOMEM. */
static int
refuse_quarantined(struct core *core, struct asked *a)
{
	char display[JOB_DISPLAY_MAX];
	int r;

	if (a->job == NULL || a->job->quarantine == NULL || a->in->kind == JOB_RESET || a->in->kind == INSTANCE_RESET)
		return 0;
	r = refuse_job(core, &a->who, ERR_QUARANTINED, "Job is quarantined until it is reset: ",
		       job_display(a->job, display, sizeof(display)));
	return r < 0 ? r : 1;
}

/* As refuse_quarantined(), when all is over. */
static int
refuse_late(struct core *core, const struct asked *a)
{
	enum request_kind kind = (enum request_kind) a->in->kind;

	if (!core->finished ||
	    (kind != JOB_START && kind != INSTANCE_START && kind != JOB_RESTART && kind != INSTANCE_RESTART))
		return 0;
	return refuse(core, &a->who, ERR_FAILED, "Nothing is started any more: the end is near") < 0 ? -ENOMEM : 1;
}

int
request_apply(struct core *core, const struct input_request *in)
{
	struct asked a = { .in = in };
	int r;

	if (in->kind >= REQUEST_KIND_COUNT || in->job == NULL)
		return -EINVAL;
	r = identify(core, in->request, in->token, in->caller, &a.who);
	if (r != 0)
		return r < 0 ? r : 0;
	a.slot = slot_get(core, in->job);
	if (a.slot == NULL)
		return refuse(core, &a.who, ERR_GONE, in->job);
	r = refuse_late(core, &a);
	if (r != 0)
		return r < 0 ? r : 0;
	if (is_by_environment(in->kind)) {
		r = select_instance(core, &a);
	} else {
		a.job = in->instance != NULL ? job_find(a.slot, in->instance) : NULL;
		if (a.job == NULL)
			r = refuse(core, &a.who, ERR_GONE, in->job) < 0 ? -ENOMEM : 1;
	}
	if (r == 0)
		r = refuse_quarantined(core, &a);
	if (r == 0)
		r = actions[in->kind](core, &a);
	asked_deinit(&a);
	return r < 0 ? r : 0;
}

/* -- environments ------------------------------------------------------------------------ */

static int
change_env(char ***env, const struct input_set_env *in)
{
	for (size_t i = 0; in->env != NULL && in->env[i] != NULL; i++) {
		const char *pair = in->env[i];
		auto_free char *key = span_dup((struct span) { pair, strcspn(pair, "=") });

		if (key == NULL)
			return -ENOMEM;
		if (in->action == ENV_UNSET) {
			(void) env_unset(env, pair);
			continue;
		}
		if (!in->replace && env_get(*env, key) != NULL)
			continue;
		if (env_set_value(env, key, strchr(pair, '=') != NULL ? strchr(pair, '=') + 1 : "") < 0)
			return -ENOMEM;
	}
	return 0;
}

static int
change_global_env(struct core *core, const struct input_set_env *in)
{
	struct job *job;

	if (in->action == ENV_RESET) {
		char **fresh = NULL;

		if (strv_dup(&fresh, core->config.job_env) < 0)
			return -ENOMEM;
		core->job_env = strv_free(core->job_env);
		core->job_env = fresh;
		return 0;
	}
	if (change_env(&core->job_env, in) < 0)
		return -ENOMEM;
	DL_FOREACH2(core->live, job, live_next) {
		core_visit(core);
		if (change_env(&job->env, in) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int
change_job_env(struct core *core, struct job *job, const struct input_set_env *in)
{
	char **fresh = NULL;

	if (in->action != ENV_RESET)
		return change_env(&job->env, in);
	if (job_class_environment(job->cls, core->job_env, core->config.own_env, &fresh) < 0)
		return -ENOMEM;
	job->env = strv_free(job->env);
	job->env = fresh;
	return 0;
}

/* Would there be more than ENV_MAX variables? */
static bool
is_too_much(char *const *env, const struct input_set_env *in)
{
	size_t n = strv_len(in->env), before = strv_len(env), fresh = 0;

	if (in->action != ENV_SET || n + before <= ENV_MAX)
		return false;
	for (size_t i = 0; i < n && n <= ENV_MAX; i++)
		if (env_get_span(env, (struct span) { in->env[i], strcspn(in->env[i], "=") }) == NULL)
			fresh++;
	return n > ENV_MAX || (fresh > 0 && before + fresh > ENV_MAX);
}

int
request_set_env(struct core *core, const struct input_set_env *in)
{
	struct asker who = { .request = in->request };
	auto_free char *text = NULL;
	struct slot *slot;
	struct job *job;
	int r;

	for (size_t i = 0; in->action == ENV_SET && in->env != NULL && in->env[i] != NULL; i++)
		if (in->env[i][0] == '\0' || in->env[i][0] == '=')
			return refuse(core, &who, ERR_INVALID_ARGS, "Variable may not be empty string");
	if (in->job == NULL) {
		if (is_too_much(core->job_env, in))
			return refuse(core, &who, ERR_LIMITS, ENV_TOO_MANY);
		r = change_global_env(core, in);
	} else {
		slot = slot_get(core, in->job);
		if (slot == NULL)
			return refuse_job(core, &who, ERR_UNKNOWN_JOB, "Unknown job: ", in->job);
		job = in->instance != NULL ? job_find(slot, in->instance) : NULL;
		if (job == NULL) {
			text = str_printf("Unknown instance: %s of job %s", in->instance ? in->instance : "(null)", in->job);
			return text == NULL ? -ENOMEM : refuse(core, &who, ERR_UNKNOWN_JOB_INSTANCE, text);
		}
		if (is_too_much(job->env, in))
			return refuse(core, &who, ERR_LIMITS, ENV_TOO_MANY);
		r = change_job_env(core, job, in);
	}
	if (in->job == NULL)
		follow_environment_changed(core);
	if (r < 0)
		return refuse(core, &who, ERR_NO_MEMORY, "Out of Memory");
	request_answer(core, who.request, 0, NULL, NULL, NULL, NULL);
	return 0;
}

/* -- what can't be applied ------------------------------------------------------------------ */

void
request_condemned(struct core *core, const struct input_substitute *in)
{
	auto_free char *text = str_printf("The request was left out: %s over it", in->why);
	struct asker who = { .request = in->request };
	int r = text == NULL ? -ENOMEM : 0;

	if (r == 0 && !in->bare)
		r = identify(core, in->request, in->token, 0, &who);
	if (r == 0)
		r = refuse(core, &who, ERR_FAILED, text);
	core_oom(core, r);
}

/* -- the servant that speaks for clients ------------------------------------------------- */

/* Nobody hears the answers any more; under a token they are still wanted. */
static void
forget_requests(struct core *core)
{
	struct job *job;
	struct event *event;
	struct token *t;

	DL_FOREACH2(core->live, job, live_next) {
		core_visit(core);
		for (size_t i = 0; i + WAITER_WORDS <= job->waiters.n; i += WAITER_WORDS)
			if ((job->waiters.p[i] & 0xff) == WAITER_REQUEST)
				job->waiters.p[i + 1] = 0;
	}
	DL_FOREACH(core->events, event)
		for (size_t i = 0; i + 1 < event->requests.n; i += 2)
			event->requests.p[i] = 0;
	DL_FOREACH(core->tokens, t)
		u64v_deinit(&t->requests);
	call_forget_requests(core);
	await_forget_requests(core);
}

void
request_control(struct core *core, bool present)
{
	forget_requests(core); /* a new servant has none, and gone with the old one are its own */
	while (core->outbox_of[TARGET_CONTROL] != NULL)
		outbox_remove(core, core->outbox_of[TARGET_CONTROL]);
	core->control = present;
	foreign_connections_lost(core);
}
