/* SPDX-License-Identifier: MIT */
/*
 * Who is left behind by whom. A control group says it for sure, and so does a session as long as one that was known in
 * it has not been reaped. Who has neither is known by the environment that he was started with, if he is of the same
 * user as the one who ended: others could pretend.
 */
#include "init/adoption.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/scope.h"
#include "init/brain.h"
#include "init/brood.h"
#include "init/proc.h"
#include "init/servants.h"
#include "system/process.h"
#include "system/procfile.h"
#include "system/trace.h"

#define ENVIRON_MAX ((size_t) 256 * 1024) /* bytes that are looked at */
#define DOUBTS_MAX 5			  /* times, a RETRY of the reaper apart */
#define LOOKS_MAX 3			  /* each time */

struct leaver {
	struct init *init;
	struct proc *p; /* borrowed: whose family */
	uint64_t began;
	uid_t uid;
	bool has_uid;
	bool in_doubt; /* about somebody without an environment: he may have one soon, or be about to end */
	int ended;     /* how many of the family have ended meanwhile */
};

/* -- by the environment ---------------------------------------------------------------------- */

/* Is that one of the user of the leaver? 1, 0, or a negative errno that is a want. */
static int
has_user(const struct leaver *l, pid_t pid)
{
	uid_t uid;
	int r = l->has_uid ? process_user(pid, &uid) : -ESRCH;

	return r == 0 ? uid == l->uid : error_is_want(r) ? r : 0;
}

/* 1, 0, or a negative errno that is a want. */
static int
has_environment(struct leaver *l, pid_t pid)
{
	auto_free char *text = NULL;
	struct core_process_job owner;
	int r = has_user(l, pid);
	ssize_t n;

	if (r <= 0 || core_process_job_of(l->init->core, l->p->id, &owner) < 0)
		return r < 0 ? r : 0;
	text = malloc(ENVIRON_MAX);
	if (text == NULL)
		return -ENOMEM;
	/* This may wait for that process: so nobody is asked who can be told by group or session. */
	n = procfile_read(pid, "environ", text, ENVIRON_MAX);
	l->in_doubt = l->in_doubt || n <= 0;
	return n > 0 && procfile_has_variable(text, (size_t) n, "UPSTART_JOB", scope_plain(owner.job)) &&
	       procfile_has_variable(text, (size_t) n, "UPSTART_INSTANCE", owner.instance);
}

/* -- by the session ---------------------------------------------------------------------------- */

struct search {
	uint64_t process;
	pid_t session;
	bool found;
};

static void
search_cb(const struct core_member *m, void *data)
{
	struct search *s = data;

	s->found = s->found || (m->process == s->process && m->session == s->session);
}

static bool
has_session(const struct leaver *l, pid_t session)
{
	struct search s = { l->p->id, session, false };

	if (session > 0)
		core_each_member(l->init->core, search_cb, &s);
	return s.found;
}

/* -- all in all ---------------------------------------------------------------------------------- */

/*
 * May that child of init's have come from the one that has ended? What an earlier life has left behind began before it.
 * 1, 0, or a negative errno that is a want.
 */
static int
may_be_left(const struct leaver *l, pid_t pid)
{
	struct trace_brief brief;
	int r;

	if (servants_has(l->init, pid) || core_process_of_pid(l->init->core, pid) != 0)
		return 0;
	r = trace_look_briefly(pid, &brief);
	return r == 0 ? brief.began >= l->began : error_is_want(r) ? r : 0;
}

/* 1, 0, or a negative errno that is a want. One that has ended has no environment any more: its user has to do. */
static int
was_left(struct leaver *l, pid_t pid, const struct trace_task *task)
{
	const struct brood *b = l->p->brood;

	if (b != NULL && b->leaf != NULL && !b->outside)
		return brood_has_in_group(l->init, b, pid);
	if (has_session(l, task->session))
		return 1;
	return task->dead ? has_user(l, pid) : has_environment(l, pid);
}

static int
tell(const struct leaver *l, pid_t pid, const struct trace_task *task)
{
	struct input in = { .type = INPUT_FAMILY };

	in.family.what = FAMILY_NEWS_FORKED;
	in.family.process = l->p->id;
	in.family.other = pid;
	in.family.session = task->session;
	in.family.group = task->group;
	return brain_feed(l->init, &in);
}

/* 0 or a negative errno. */
static int
look_at(struct leaver *l, pid_t pid)
{
	struct trace_task task;
	int r = trace_look(pid, &task);

	if (r < 0)
		return error_is_want(r) ? r : 0;
	if (task.parent != getpid())
		return 0;
	r = may_be_left(l, pid);
	if (r == 1)
		r = was_left(l, pid, &task);
	if (r <= 0)
		return r;
	if (!task.dead)
		return tell(l, pid, &task);
	l->ended++;
	return 0;
}

/* 0 or a negative errno. */
static int
look_for_left(struct leaver *l)
{
	int r = 0;
	DIR *dir = opendir("/proc");
	const struct dirent *e;

	if (dir == NULL)
		return -errno;
	l->in_doubt = false;
	l->ended = 0;
	while (r == 0 && (e = readdir(dir)) != NULL) {
		pid_t pid = (pid_t) strtol(e->d_name, NULL, 10);

		if (pid > 1)
			r = look_at(l, pid);
	}
	(void) closedir(dir);
	return r;
}

/*
 * One that ended during a look has left somebody who was not in the list yet: look again. Somebody may go on making
 * such for ever, so soon that is a doubt like others. 0 or a negative errno.
 */
static int
look_until_quiet(struct leaver *l)
{
	int r, before = 0;

	for (int i = 0; i < LOOKS_MAX; i++) {
		r = look_for_left(l);
		if (r < 0 || l->ended <= before)
			return r;
		before = l->ended;
	}
	l->in_doubt = true;
	return 0;
}

/* Who ends, and is not traced: 1, 0: nobody of interest, or a negative errno that is a want. */
static int
leaver_find(struct leaver *l, pid_t pid)
{
	struct trace_brief brief = { 0 };
	struct trace_task task;
	int r;

	if (!core_is_followed(l->init->core, pid))
		return 0;
	r = trace_look(pid, &task);
	if (r == 0)
		r = trace_look_briefly(pid, &brief);
	if (r < 0)
		return error_is_want(r) ? r : 0;
	r = process_user(pid, &l->uid);
	if (error_is_want(r))
		return r;
	l->has_uid = r == 0;
	l->began = brief.began;
	l->p = map_get_id(&l->init->spawns->by_id, core_process_of_pid(l->init->core, pid));
	/* Of one who is traced all is known. */
	return l->p != NULL && task.tracer != getpid();
}

int
adoption_before_end(struct init *init, pid_t pid)
{
	struct leaver l = { .init = init };
	int r = leaver_find(&l, pid);

	if (r <= 0)
		return r;
	r = look_until_quiet(&l);
	if (r < 0 || !l.in_doubt || l.p->doubts >= DOUBTS_MAX)
		return r;
	l.p->doubts++;
	return -EAGAIN;
}
