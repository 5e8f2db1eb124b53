/* SPDX-License-Identifier: MIT */
/*
 * Entries are found by pid, and the sessions of those that are remembered by number. A process may have been left by hooks
 * of several jobs, as far as can be told: then there is an entry for each.
 */
#include "init/hook_leavings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/error.h"
#include "init/adoption.h"
#include "init/proc.h"
#include "system/children.h"
#include "system/trace.h"

#define LEFT_MAX 4096 /* entries; more are not remembered */
#define LOOKS_MAX 3   /* when a hook ends */

/* Whose hooks they were. */
struct owner {
	struct owner *prev, *next;
	char *job, *instance; /* owned */
	size_t n;	      /* entries */
};

struct leaving {
	struct leaving *prev, *next; /* of the same pid */
	struct leaving *all_prev, *all_next;
	struct owner *owner;	     /* borrowed; it lives as long as it has entries */
	pid_t pid;
	uint64_t began;
	pid_t session; /* in which it was when it was left */
	uint64_t dead; /* number of the look that has seen it dead; 0: none has */
};

struct session {
	struct owner *owner; /* borrowed: of the first that was seen in it */
	size_t n;	     /* entries that are in it */
};

struct hook_leavings {
	struct map by_pid;   /* struct leaving, the first of its pid */
	struct map sessions; /* struct session, owned */
	struct owner *owners;
	struct leaving *all; /* owned */
	size_t n;
	bool full;	/* that was told */
	uint64_t looks; /* at all children, that came to their end */
};

/* A main process's family: what is known of it when a hook of the same instance ends. */
struct family_look {
	const struct init *init;
	const char *job, *instance;
	struct u64v pids, sessions;
	int r;
};

/* -- entries ----------------------------------------------------------------------------------- */

static struct owner *
find_owner(const struct init *init, const char *job, const char *instance)
{
	struct owner *o = NULL;

	if (init->hook_leavings != NULL)
		DL_FOREACH(init->hook_leavings->owners, o)
			if (strcmp(o->job, job) == 0 && strcmp(o->instance, instance) == 0)
				return o;
	return NULL;
}

static void
owner_free_if_unused(struct hook_leavings *all, struct owner *o)
{
	if (o->n > 0)
		return;
	DL_DELETE(all->owners, o);
	free(o->job);
	free(o->instance);
	free(o);
}

/* One that is there, or a new one; NULL: out of memory. */
static struct owner *
need_owner(struct init *init, const char *job, const char *instance)
{
	struct owner *o = find_owner(init, job, instance);

	if (init->hook_leavings == NULL)
		init->hook_leavings = calloc(1, sizeof(*init->hook_leavings));
	if (o != NULL || init->hook_leavings == NULL)
		return o;
	o = calloc(1, sizeof(*o));
	if (o == NULL)
		return NULL;
	o->job = strdup(job);
	o->instance = strdup(instance);
	if (o->job == NULL || o->instance == NULL) {
		free(o->job);
		free(o->instance);
		free(o);
		return NULL;
	}
	DL_APPEND(init->hook_leavings->owners, o);
	return o;
}

static struct leaving *
first_of(const struct init *init, pid_t pid)
{
	return init->hook_leavings != NULL ? map_get_id(&init->hook_leavings->by_pid, (uint64_t) pid) : NULL;
}

static bool
has(const struct init *init, const struct owner *owner, pid_t pid, uint64_t began)
{
	const struct leaving *l;

	DL_FOREACH(first_of(init, pid), l)
		if (l->owner == owner && l->began == began)
			return true;
	return false;
}

/* 0 or -ENOMEM. */
static int
enter_session(struct hook_leavings *all, struct owner *owner, pid_t session)
{
	struct session *s = map_get_id(&all->sessions, (uint64_t) session);

	if (s == NULL) {
		s = calloc(1, sizeof(*s));
		if (s == NULL || map_put_id(&all->sessions, (uint64_t) session, s) < 0) {
			free(s);
			return -ENOMEM;
		}
		s->owner = owner;
	}
	s->n++;
	return 0;
}

/* Its number may be another's when nobody is known in it any more. */
static void
leave_session(struct hook_leavings *all, pid_t session)
{
	struct session *s = map_get_id(&all->sessions, (uint64_t) session);

	if (s == NULL || --s->n > 0)
		return;
	map_del_id(&all->sessions, (uint64_t) session);
	free(s);
}

static void
leaving_free(struct hook_leavings *all, struct leaving *l)
{
	struct leaving *first = map_get_id(&all->by_pid, (uint64_t) l->pid);
	struct owner *owner = l->owner;

	DL_DELETE2(all->all, l, all_prev, all_next);
	DL_DELETE(first, l);
	/* What takes the place of another needs no memory. */
	if (first == NULL)
		map_del_id(&all->by_pid, (uint64_t) l->pid);
	else
		(void) !map_put_id(&all->by_pid, (uint64_t) l->pid, first);
	leave_session(all, l->session);
	free(l);
	all->n--;
	owner->n--;
	owner_free_if_unused(all, owner);
}

static void
tell_full(struct hook_leavings *all)
{
	if (!all->full)
		log_warn("Hooks leave more than %d processes behind: further ones may be taken for daemons", LEFT_MAX);
	all->full = true;
}

/* 0 or -ENOMEM. */
static int
add(struct init *init, struct owner *owner, pid_t pid, const struct trace_brief *brief)
{
	struct hook_leavings *all = init->hook_leavings;
	struct leaving *first = first_of(init, pid);
	struct leaving *l;

	if (has(init, owner, pid, brief->began))
		return 0;
	if (all->n == LEFT_MAX) {
		tell_full(all);
		return 0;
	}
	if (enter_session(all, owner, brief->session) < 0)
		return -ENOMEM;
	l = calloc(1, sizeof(*l));
	if (l == NULL || (first == NULL && map_put_id(&all->by_pid, (uint64_t) pid, l) < 0)) {
		leave_session(all, brief->session);
		free(l);
		return -ENOMEM;
	}
	*l = (struct leaving){ .owner = owner, .pid = pid, .began = brief->began, .session = brief->session };
	DL_APPEND(first, l);
	DL_APPEND2(all->all, l, all_prev, all_next);
	all->n++;
	owner->n++;
	return 0;
}

/* -- looking ------------------------------------------------------------------------------------- */

/* What a hook leaves: who began since, and is in no session of main's family. */
struct hook {
	struct owner *owner;
	uint64_t since;
	const struct u64v *sessions; /* of main's family */
};

/*
 * One that is remembered already, for whichever job. If it is dead those that it has left are shown by the next look: it may
 * have left them after the children of this one were listed.
 */
static void
look_at_remembered(struct init *init, pid_t pid, const struct trace_brief *brief)
{
	struct leaving *l;

	DL_FOREACH(first_of(init, pid), l)
		if (l->began == brief->began && brief->dead && l->dead == 0)
			l->dead = init->hook_leavings->looks + 1;
}

/* One child of ours. 0, or a negative errno that is a want. */
static int
look_at(struct init *init, pid_t pid, const struct hook *hook, size_t *dead)
{
	const struct session *s;
	struct trace_brief brief;
	int r;

	if (core_process_of_pid(init->core, pid) != 0 || adoption_is_helper(init, pid))
		return 0;
	/* Of others than a hook's only the session counts, which costs less to ask. */
	s = map_get_id(&init->hook_leavings->sessions, (uint64_t) getsid(pid));
	if (hook == NULL && s == NULL)
		return 0;
	r = trace_look_briefly(pid, &brief);
	if (r < 0)
		return error_is_want(r) ? r : 0;
	look_at_remembered(init, pid, &brief);
	*dead += brief.dead ? 1 : 0;
	if (brief.dead || brief.parent != getpid())
		return 0;
	if (hook != NULL && brief.began >= hook->since && !u64v_has(hook->sessions, (uint64_t) brief.session))
		return add(init, hook->owner, pid, &brief);
	return s != NULL ? add(init, s->owner, pid, &brief) : 0;
}

/* *dead: how many were, of those that were looked at. 0, or a negative errno that is a want. */
static int
look_once(struct init *init, const struct hook *hook, size_t *dead)
{
	struct u64v pids = { 0 };
	int r = children_list(&pids);

	*dead = 0;
	for (size_t i = 0; r == 0 && i < pids.n; i++)
		r = look_at(init, (pid_t) pids.p[i], hook, dead);
	u64v_deinit(&pids);
	if (error_is_want(r))
		return r;
	init->hook_leavings->looks++;
	return 0;
}

/*
 * Look at all children, unless it is known that families are traced: the look costs the more the more there are. Who dies
 * during a hook's look, and was not remembered, may have left somebody who was not listed yet. 0, or a negative errno that is
 * a want.
 */
static int
look(struct init *init, const struct hook *hook)
{
	size_t dead = 0, before;
	int r, looks = 0;

	if (init->spawns->traces)
		return 0;
	do {
		before = dead;
		r = look_once(init, hook, &dead);
	} while (r == 0 && hook != NULL && dead > before && ++looks < LOOKS_MAX);
	return r;
}

/* -- a hook ends ---------------------------------------------------------------------------------- */

/* Of whose main process another is looked for among others; else false. */
static bool
is_of_interest(const struct init *init, const struct proc *p, struct core_process_job *owner)
{
	const struct job_class *cls;

	if (!proc_is_hook(p) || core_process_job_of(init->core, p->id, owner) < 0)
		return false;
	cls = definitions_class(init->definitions, owner->class_id);
	return cls != NULL &&
	       (cls->expect == EXPECT_FORK || cls->expect == EXPECT_DAEMON || cls->expect == EXPECT_EXIT);
}

static void
member_cb(const struct core_member *m, void *data)
{
	struct family_look *f = data;
	struct core_process_job owner;

	if (f->r < 0 || core_process_job_of(f->init->core, m->process, &owner) < 0 || strcmp(owner.job, f->job) != 0 ||
	    strcmp(owner.instance, f->instance) != 0)
		return;
	f->r = u64v_add(&f->pids, (uint64_t) m->pid);
	if (f->r == 0 && m->session > 0)
		f->r = u64v_add(&f->sessions, (uint64_t) m->session);
}

/*
 * Members that are dead may have left somebody: he is the family's, whatever the hook has left. One look does for all: what
 * is known for one of them would be forgotten for the next, and asked again. 0 or a negative errno.
 */
static int
settle_family(struct init *init, const struct family_look *f)
{
	struct u64v dead = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->pids.n; i++) {
		struct trace_brief brief;

		r = trace_look_briefly((pid_t) f->pids.p[i], &brief);
		if (r == 0 && brief.dead && brief.parent == getpid())
			r = u64v_add(&dead, f->pids.p[i]);
		else if (!error_is_want(r))
			r = 0;
	}
	if (r == 0)
		r = adoption_before_ends(init, &dead);
	u64v_deinit(&dead);
	return r;
}

/* 0 or a negative errno: look again later. */
static int
look_for(struct init *init, pid_t pid, const char *job, const char *instance, const struct u64v *sessions)
{
	struct trace_brief brief;
	int r = trace_look_briefly(pid, &brief);
	struct hook hook = { .since = brief.began, .sessions = sessions };

	if (r < 0)
		return error_is_want(r) ? r : 0;
	hook.owner = need_owner(init, job, instance);
	if (hook.owner == NULL)
		return -ENOMEM;
	hook.owner->n++; /* so that it stays */
	r = look(init, &hook);
	hook.owner->n--;
	owner_free_if_unused(init->hook_leavings, hook.owner);
	return r;
}

static int
hook_ended(struct init *init, pid_t pid, const struct core_process_job *owner)
{
	/* What becomes known meanwhile may free the job. */
	auto_free char *job = strdup(owner->job), *instance = strdup(owner->instance);
	struct family_look f = { .init = init, .job = job, .instance = instance };
	int r = 0;

	if (job == NULL || instance == NULL)
		return -ENOMEM;
	for (int i = 0; f.r == 0 && r == 0 && i < 2; i++) {
		f.pids.n = f.sessions.n = 0;
		core_each_member(init->core, member_cb, &f);
		/* Once it is settled it may have more sessions. */
		r = f.r == 0 && i == 0 ? settle_family(init, &f) : f.r;
	}
	if (r == 0)
		r = look_for(init, pid, job, instance, &f.sessions);
	u64v_deinit(&f.pids);
	u64v_deinit(&f.sessions);
	return r;
}

/* -- one of them ends -------------------------------------------------------------------------------- */

/* Have those that it has left been seen: was there a whole look since it was seen dead? */
static bool
was_looked_at(const struct hook_leavings *all, const struct leaving *l)
{
	return l->dead != 0 && l->dead < all->looks;
}

/* Those it has left are found by a look at all; one that was made since it died does for others as well. */
static int
leaving_ended(struct init *init, pid_t pid)
{
	struct hook_leavings *all = init->hook_leavings;
	struct leaving *l, *next;
	struct trace_brief brief;
	int r = trace_look_briefly(pid, &brief);

	if (r < 0 && error_is_want(r))
		return r;
	l = first_of(init, pid);
	if (l != NULL && r == 0 && l->began == brief.began && !was_looked_at(all, l)) {
		r = look(init, NULL);
		if (r < 0)
			return r;
	}
	for (l = first_of(init, pid); l != NULL; l = next) {
		next = l->next;
		leaving_free(all, l);
	}
	return 0;
}

int
hook_leavings_before_end(struct init *init, pid_t pid)
{
	const struct proc *p = map_get_id(&init->spawns->by_pid, (uint64_t) pid);
	struct core_process_job owner;
	int r = 0;

	if (p != NULL && !init->spawns->traces && is_of_interest(init, p, &owner))
		r = hook_ended(init, pid, &owner);
	if (r == 0 && first_of(init, pid) != NULL)
		r = leaving_ended(init, pid);
	return r;
}

bool
hook_leavings_has(const struct init *init, uint64_t process, pid_t pid, uint64_t began)
{
	struct core_process_job job;
	const struct owner *owner;

	if (init->hook_leavings == NULL || core_process_job_of(init->core, process, &job) < 0)
		return false;
	owner = find_owner(init, job.job, job.instance);
	return owner != NULL && has(init, owner, pid, began);
}

void
hook_leavings_deinit(struct init *init)
{
	struct hook_leavings *all = init->hook_leavings;
	struct leaving *l, *next;

	if (all == NULL)
		return;
	DL_FOREACH_SAFE2(all->all, l, next, all_next)
		leaving_free(all, l);
	map_deinit(&all->by_pid);
	map_deinit(&all->sessions);
	free(all);
	init->hook_leavings = NULL;
}
