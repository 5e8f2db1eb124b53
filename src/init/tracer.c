/* SPDX-License-Identifier: MIT */
#include "init/tracer.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "init/adoption.h"
#include "init/brain.h"
#include "init/crash.h"
#include "init/proc.h"
#include "init/spawn.h"
#include "system/trace.h"

static int
tell(struct init *init, const struct input_family *news)
{
	struct input in = { .type = INPUT_FAMILY, .family = *news };

	return brain_feed(init, &in);
}

/* -- the beginning -------------------------------------------------------------------------- */

/* It is told at the end of the turn. */
static void
note_untraced(struct proc *p)
{
	p->untraced = true;
	p->init->spawns->untraced = true;
}

void
tracer_begin(struct proc *p)
{
	int r;

	if (!core_is_followed(p->init->core, p->pid))
		return;
	r = trace_seize(p->pid);
	p->init->spawns->traces = r == 0;
	if (r == 0)
		return;
	log_debug("%s can't be traced: %s", p->name != NULL ? p->name : "?", strerror(-r));
	note_untraced(p);
}

static struct proc *
first_untraced(const struct init *init)
{
	struct proc *p;

	DL_FOREACH(init->spawns->list, p)
		if (p->untraced)
			return p;
	return NULL;
}

void
tracer_turn(struct init *init)
{
	struct proc *p;

	while (init->spawns->untraced && (p = first_untraced(init)) != NULL) {
		const struct input_family news = {
			.process = p->id, .what = trace_is_possible() ? FAMILY_NEWS_ADOPTED : FAMILY_NEWS_UNTRACED
		};

		p->untraced = false; /* before what comes of it may free it */
		if (tell(init, &news) < 0) {
			note_untraced(p);
			return;
		}
	}
	init->spawns->untraced = false;
}

static void
examine_cb(const struct core_member *m, void *data)
{
	struct init *init = data;
	struct proc *p = map_get_id(&init->spawns->by_id, m->process);
	struct trace_task task;

	/* Stops wait for us, whichever image they are of. One that nobody follows will never stop. */
	if (m->first && p != NULL && p->stage >= STAGE_SETUP && trace_look(m->pid, &task) == 0 &&
	    task.tracer != getpid())
		note_untraced(p);
}

void
tracer_start(struct init *init)
{
	struct proc *p;

	core_each_member(init->core, examine_cb, init);
	/* A main process that is neither our child nor followed tells of its end by its pidfd. */
	DL_FOREACH(init->spawns->list, p)
		if (p->stage == STAGE_RUNNING && p->pid > 0 && !children_have(p->pid))
			proc_watch_end(p);
}

/* -- who is who -------------------------------------------------------------------------------- */

struct search {
	pid_t session;
	uint64_t process;
};

static void
search_cb(const struct core_member *m, void *data)
{
	struct search *s = data;

	if (s->session != 0 && m->session == s->session)
		s->process = m->process;
}

/*
 * Somebody the core does not know, who came out of one it does: his news, or his maker's, are on their way. Tells the
 * core, unless it is only a thread. `maker`: who is said to have made him; 0: not known. 0 or a negative errno.
 */
static int
meet(struct init *init, pid_t pid, pid_t maker)
{
	struct input_family news = { .what = FAMILY_NEWS_FORKED, .other = pid };
	struct trace_task task;

	if (core_process_of_pid(init->core, pid) != 0 || trace_look(pid, &task) < 0 || task.process != pid ||
	    task.tracer != getpid())
		return 0;
	/* With CLONE_PARENT it is the maker's brother. The maker may have died, and init adopted it. */
	news.pid = core_process_of_pid(init->core, task.parent) != 0 ? task.parent : maker;
	news.process = core_process_of_pid(init->core, news.pid);
	news.session = task.session;
	news.group = task.group;
	if (news.process == 0) {
		struct search s = { .session = task.session };

		core_each_member(init->core, search_cb, &s);
		news.pid = 0;
		news.process = s.process;
	}
	return news.process != 0 ? tell(init, &news) : 0;
}

/* The process whose stop this is; 0: nobody's who is followed. */
static pid_t
process_of(const struct init *init, pid_t pid)
{
	struct trace_task task;

	if (core_process_of_pid(init->core, pid) != 0)
		return pid;
	if (trace_look(pid, &task) < 0 || core_process_of_pid(init->core, task.process) == 0)
		return 0;
	return task.process;
}

/* -- sessions and groups -------------------------------------------------------------------------- */

struct changes {
	struct input_family list[8];
	size_t n;
};

static void
compare_cb(const struct core_member *m, void *data)
{
	struct changes *c = data;
	pid_t session, group;

	if (c->n == ARRAY_SIZE(c->list) || trace_look_groups(m->pid, &session, &group) < 0)
		return;
	if (session != m->session || group != m->group)
		c->list[c->n++] = (struct input_family){
			.what = FAMILY_NEWS_GROUPED, .pid = m->pid, .session = session, .group = group
		};
}

int
tracer_look(struct init *init)
{
	struct changes c = { .n = ARRAY_SIZE(c.list) };

	while (core_follows(init->core) && c.n == ARRAY_SIZE(c.list)) {
		c.n = 0;
		core_each_member(init->core, compare_cb, &c);
		for (size_t i = 0; i < c.n; i++) {
			int r = tell(init, &c.list[i]);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* -- news --------------------------------------------------------------------------------------------- */

static int
forked(struct init *init, const struct trace_stop *stop)
{
	pid_t maker = process_of(init, stop->pid);

	return stop->child > 0 ? meet(init, stop->child, maker) : 0;
}

static int
executed(struct init *init, const struct trace_stop *stop)
{
	const struct input_family news = { .what = FAMILY_NEWS_EXECUTED, .pid = stop->pid };

	/* That its set-up is over is known before anything that its program does. */
	spawn_executed(init, stop->pid);
	return core_process_of_pid(init->core, stop->pid) != 0 ? tell(init, &news) : 0;
}

static void
let_go(struct init *init, const struct trace_stop *stop)
{
	struct proc *p = map_get_id(&init->spawns->by_pid, (uint64_t) stop->pid);
	struct trace_task task;

	trace_detach(stop);
	/* Of a main process whose parent stays nobody would tell us how it ends. */
	if (p != NULL && trace_look(stop->pid, &task) == 0 && task.parent != getpid())
		proc_watch_end(p);
}

void
tracer_let_go(struct init *init, const struct child_event *c)
{
	struct trace_stop stop;

	trace_understand(c->pid, c->status, &stop);
	let_go(init, &stop);
}

int
tracer_stopped(struct init *init, const struct child_event *c)
{
	struct trace_stop stop;
	/* A core that is about to be read again may not know its own: it would be let go. */
	int r = init->brain.spoiled ? -EAGAIN : meet(init, c->pid, 0);

	if (r < 0)
		return r;
	trace_understand(c->pid, c->status, &stop);
	if (stop.reason == TRACE_FORKED)
		r = forked(init, &stop);
	else if (stop.reason == TRACE_EXECUTED)
		r = executed(init, &stop);
	if (r < 0)
		return r;
	crash_point();
	if (core_follows(init->core) && core_is_followed(init->core, process_of(init, c->pid)))
		trace_resume(&stop);
	else
		let_go(init, &stop);
	return 0;
}

int
tracer_before_end(struct init *init, pid_t pid)
{
	int r;

	if (!core_follows(init->core))
		return 0;
	r = meet(init, pid, 0);
	if (r < 0 || core_process_of_pid(init->core, pid) == 0)
		return r;
	r = tracer_look(init);
	return r == 0 ? adoption_before_end(init, pid) : r;
}

void
tracer_release(struct init *init, const struct effect_release *e)
{
	(void) init;
	for (size_t i = 0; i < e->pids.n; i++)
		trace_interrupt((pid_t) e->pids.p[i]);
}
