/* SPDX-License-Identifier: MIT */
/*
 * Looking in: what queries are answered from. Nothing here changes anything.
 */
#include "core/internal.h"
#include "core/policy.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

const struct job_class *
core_class(const struct core *core, const char *name)
{
	const struct slot *slot = slot_get(core, name);

	return slot != NULL ? slot->cls : NULL;
}

uint64_t
core_class_told(const struct core *core, const char *name)
{
	const struct slot *slot = slot_get(core, name);

	if (slot == NULL)
		return 0;
	if (slot->has_successor)
		return slot->successor != NULL ? slot->successor->id : 0;
	return slot->cls->id;
}

enum core_successor
core_class_successor(const struct core *core, const char *name)
{
	const struct slot *slot = slot_get(core, name);

	if (slot == NULL || !slot->has_successor)
		return CORE_SUCCESSOR_NONE;
	return slot->successor != NULL ? CORE_SUCCESSOR_CHANGED : CORE_SUCCESSOR_DELETED;
}

char **
core_class_names(const struct core *core)
{
	const struct slot *slot;
	size_t n = 0;
	char **names;

	DL_FOREACH(core->slots, slot)
		n++;
	names = calloc(n + 1, sizeof(*names));
	n = 0;
	if (names == NULL)
		return NULL;
	DL_FOREACH(core->slots, slot) {
		names[n] = strdup(slot->name);
		if (names[n++] == NULL)
			return strv_free(names);
	}
	return names;
}

char **
core_instance_names(const struct core *core, const char *job_name)
{
	const struct slot *slot = slot_get(core, job_name);
	const struct job *job;
	size_t n = 0;
	char **names;

	if (slot == NULL)
		return NULL;
	DL_FOREACH(slot->jobs, job)
		n++;
	names = calloc(n + 1, sizeof(*names));
	n = 0;
	if (names == NULL)
		return NULL;
	DL_FOREACH(slot->jobs, job) {
		names[n] = strdup(job->name);
		if (names[n++] == NULL)
			return strv_free(names);
	}
	return names;
}

const char *
core_doing_name(enum core_doing doing)
{
	static const char *const names[CORE_DOING_COUNT] = { "", "reloading", "stopping" };

	return doing < CORE_DOING_COUNT ? names[doing] : "";
}

int
core_instance(const struct core *core, const char *job_name, const char *name, struct core_instance *view)
{
	const struct slot *slot = slot_get(core, job_name);
	const struct job *job = slot != NULL ? job_find(slot, name) : NULL;

	if (job == NULL)
		return -ENOENT;
	*view = (struct core_instance) {
		.job = slot->name,
		.name = job->name,
		.goal = (enum job_goal) job->goal,
		.state = (enum job_state) job->state,
		.env = job->env,
		.quarantine = job->quarantine,
		.doing = (enum core_doing) job->doing,
		.status = job->status_text,
		.followed = job->family == NULL	   ? CORE_FOLLOWED_NOT
			    : job->family->adopted ? CORE_FOLLOWED_ADOPTED
						   : CORE_FOLLOWED_TRACED,
	};
	for (size_t i = 0; i < PROCESS_KIND_COUNT; i++) {
		const struct process *p = &job->process[i];

		if (p->id == 0)
			continue;
		view->settling = view->settling || p->pid == 0;
		view->processes[view->n_processes++] = (struct core_process) { (enum process_kind) i, p->pid, p->id };
	}
	return 0;
}

int
core_instance_name(const struct core *core, const char *job, char *const *env, char **name, struct error *err)
{
	const struct slot *slot = slot_get(core, job);
	auto_strv char **table = NULL;
	auto_free char *usage = NULL;
	const char *error, *why;
	int r;

	if (slot == NULL)
		return -ENOENT;
	why = env_fault(env, &error);
	if (why != NULL)
		return error_set(err, -EINVAL, error, "%s", why);
	if (job_class_environment(slot->cls, core->job_env, core->config.own_env, &table) < 0 ||
	    policy_merge(&core->config, slot->cls, &table, env) < 0)
		return error_nomem(err);
	r = env_expand(name, slot->cls->instance, table, err);
	if (r == -EINVAL && slot->cls->usage != NULL) {
		usage = strdup(err->text);
		if (usage != NULL)
			(void) error_set(err, r, err->name, "%s\nUsage: %s", usage, slot->cls->usage);
	}
	return r;
}

char *const *
core_job_env(const struct core *core)
{
	return core->job_env;
}

uint64_t
core_process_of_pid(const struct core *core, int32_t pid)
{
	const struct job *job = map_get_id(&core->pid_to_process, (uint64_t) pid);

	for (size_t i = 0; job != NULL && i < PROCESS_KIND_COUNT; i++)
		if (job->process[i].pid == pid)
			return job->process[i].id;
	return job != NULL ? job->process[PROCESS_MAIN].id : 0;
}

bool
core_process_is_live(const struct core *core, uint64_t process)
{
	return map_get_id(&core->process_to_job, process) != NULL;
}

bool
core_process_has_executed(const struct core *core, uint64_t process)
{
	enum process_kind kind = PROCESS_MAIN;
	const struct job *job = process_owner(core, process, &kind);

	return job != NULL && job->process[kind].exec_done;
}

int
core_process_job_of(const struct core *core, uint64_t process, struct core_process_job *owner)
{
	enum process_kind kind = PROCESS_MAIN;
	const struct job *job = process_owner(core, process, &kind);

	if (job == NULL)
		return -ENOENT;
	*owner = (struct core_process_job) { job->cls->id, job->slot->name, job->name, job->env };
	return 0;
}

bool
core_process_is_awaited(const struct core *core, uint64_t process)
{
	enum process_kind kind = PROCESS_MAIN;
	const struct job *job = process_owner(core, process, &kind);

	return job != NULL && kind == PROCESS_MAIN && job->state == JOB_SPAWNED && job->quarantine == NULL;
}

bool
core_timer_is_for_silence(const struct core *core, uint64_t timer)
{
	const struct job *job = map_get_id(&core->timer_to_job, timer);

	return job != NULL && ((job->watchdog_timer == timer && !job->bitten) || job->holds_timer == timer);
}

void
core_counts(const struct core *core, struct core_counts *counts)
{
	const struct event *event;

	*counts = (struct core_counts) { .outbox = core->outbox_count, .visits = core->visits };
	counts->classes = map_count(&core->slots_by_name);
	counts->instances = map_count(&core->jobs_by_id);
	DL_FOREACH(core->events, event) {
		counts->events++;
		counts->requests += event->requests.n / 2;
	}
	for (const struct slot *slot = core->slots; slot != NULL; slot = slot->next)
		for (const struct job *job = slot->jobs; job != NULL; job = job->next)
			for (size_t i = 0; i + WAITER_WORDS <= job->waiters.n; i += WAITER_WORDS)
				counts->requests += (job->waiters.p[i] & 0xff) == WAITER_REQUEST;
}
