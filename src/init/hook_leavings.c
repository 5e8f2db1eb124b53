/* SPDX-License-Identifier: MIT */
#include "init/hook_leavings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/error.h"
#include "init/proc.h"
#include "init/servants.h"
#include "system/process.h"
#include "system/trace.h"

struct hook_leaving {
	struct hook_leaving *prev, *next;
	char *job, *instance; /* owned: whose hook's */
	pid_t pid;
	uint64_t began;
	pid_t session; /* the last that was seen */
};

/* Whose they are, and since when: of one that ends. */
struct search {
	const char *job, *instance;
	uint64_t since;
	bool strictly; /* only those in the session of one that a hook has left */
};

static struct hook_leaving *
hook_leaving_free(struct hook_leaving *h)
{
	if (h != NULL) {
		free(h->job);
		free(h->instance);
		free(h);
	}
	return NULL;
}

static bool
is_of(const struct hook_leaving *h, const char *job, const char *instance)
{
	return strcmp(h->job, job) == 0 && strcmp(h->instance, instance) == 0;
}

static bool
has_session(const struct init *init, const struct search *s, pid_t session)
{
	const struct hook_leaving *h;

	DL_FOREACH(init->hook_leavings, h)
		if (h->session == session && is_of(h, s->job, s->instance))
			return true;
	return false;
}

static bool
has(const struct init *init, const char *job, const char *instance, pid_t pid, uint64_t began)
{
	const struct hook_leaving *h;

	DL_FOREACH(init->hook_leavings, h)
		if (h->pid == pid && h->began == began && is_of(h, job, instance))
			return true;
	return false;
}

/* 0 or -ENOMEM. */
static int
add(struct init *init, const struct search *s, pid_t pid, const struct trace_brief *brief)
{
	struct hook_leaving *h;

	if (has(init, s->job, s->instance, pid, brief->began))
		return 0;
	h = calloc(1, sizeof(*h));
	if (h != NULL) {
		h->job = strdup(s->job);
		h->instance = strdup(s->instance);
	}
	if (h == NULL || h->job == NULL || h->instance == NULL) {
		(void) hook_leaving_free(h);
		return -ENOMEM;
	}
	h->pid = pid;
	h->began = brief->began;
	h->session = brief->session;
	DL_APPEND(init->hook_leavings, h);
	return 0;
}

/*
 * Remember those children of ours that are nobody's, as *s says, unless it is known that families are traced: to look at
 * all children costs the more the more there are. 0, or a negative errno that is a want.
 */
static int
look(struct init *init, const struct search *s)
{
	struct u64v pids = { 0 };
	int r = init->spawns->traces ? 0 : process_children(&pids);

	for (size_t i = 0; r == 0 && i < pids.n; i++) {
		pid_t pid = (pid_t) pids.p[i];
		struct trace_brief brief;

		if (core_process_of_pid(init->core, pid) != 0 || servants_has(init, pid))
			continue;
		r = trace_look_briefly(pid, &brief);
		if (r == 0 && !brief.dead && brief.began >= s->since &&
		    (!s->strictly || has_session(init, s, brief.session)))
			r = add(init, s, pid, &brief);
		r = error_is_want(r) ? r : 0;
	}
	u64v_deinit(&pids);
	return error_is_want(r) ? r : 0;
}

/* Is that a hook of a job whose main process is looked for among others? Of whom. */
static bool
is_of_interest(const struct init *init, const struct proc *p, struct search *s)
{
	struct core_process_job owner;
	const struct job_class *cls;

	if (!proc_is_hook(p) || core_process_job_of(init->core, p->id, &owner) < 0)
		return false;
	cls = definitions_class(init->definitions, owner.class_id);
	s->job = owner.job;
	s->instance = owner.instance;
	return cls != NULL &&
	       (cls->expect == EXPECT_FORK || cls->expect == EXPECT_DAEMON || cls->expect == EXPECT_EXIT);
}

static int
hook_ended(struct init *init, pid_t pid, struct search *s)
{
	struct trace_brief brief;
	int r = trace_look_briefly(pid, &brief);

	if (r < 0)
		return error_is_want(r) ? r : 0;
	s->since = brief.began;
	return look(init, s);
}

/* It stays in the list while its session is asked for. */
static int
leaving_ended(struct init *init, struct hook_leaving *h)
{
	const struct search s = { h->job, h->instance, h->began, true };
	int r = look(init, &s);

	if (r < 0)
		return r;
	DL_DELETE(init->hook_leavings, h);
	(void) hook_leaving_free(h);
	return 0;
}

int
hook_leavings_before_end(struct init *init, pid_t pid)
{
	const struct proc *p = map_get_id(&init->spawns->by_pid, (uint64_t) pid);
	struct hook_leaving *h, *next;
	struct search s = { 0 };
	int r = 0;

	if (p != NULL && is_of_interest(init, p, &s))
		r = hook_ended(init, pid, &s);
	DL_FOREACH_SAFE(init->hook_leavings, h, next)
		if (r == 0 && h->pid == pid)
			r = leaving_ended(init, h);
	return r;
}

bool
hook_leavings_has(const struct init *init, uint64_t process, pid_t pid, uint64_t began)
{
	struct core_process_job owner;

	return init->hook_leavings != NULL && core_process_job_of(init->core, process, &owner) == 0 &&
	       has(init, owner.job, owner.instance, pid, began);
}

void
hook_leavings_deinit(struct init *init)
{
	struct hook_leaving *h, *next;

	DL_FOREACH_SAFE(init->hook_leavings, h, next)
		(void) hook_leaving_free(h);
	init->hook_leavings = NULL;
}
