/* SPDX-License-Identifier: MIT */
/*
 * What must hold between two inputs. Only tests ask.
 */
#include "core/internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

struct check {
	const struct core *core;
	struct map blockers; /* event id -> count, kept as a pointer-sized number */
	char *why;
	size_t size;
	int result;
};

static void wrong(struct check *c, const char *fmt, ...) printf_like(2, 3);

static void
wrong(struct check *c, const char *fmt, ...)
{
	va_list args;

	if (c->result < 0)
		return; /* the first one counts */
	c->result = -EPROTO;
	va_start(args, fmt);
	(void) vsnprintf(c->why, c->size, fmt, args);
	va_end(args);
}

static void
count_blocker(struct check *c, uint64_t id, const char *who)
{
	uintptr_t n = (uintptr_t) map_get_id(&c->blockers, id) + 1;

	if (event_get(c->core, id) == NULL)
		wrong(c, "%s holds event %llu, which is not there", who, (unsigned long long) id);
	if (map_put_id(&c->blockers, id, (void *) n) < 0)
		c->result = -ENOMEM;
}

static void
check_trigger(struct check *c, const struct trigger *t, const char *who)
{
	bool any = false;

	for (int i = 0; t->cond != NULL && i < t->cond->n_leaves; i++) {
		if (t->held[i] == 0)
			continue;
		any = true;
		count_blocker(c, t->held[i], who);
	}
	if (any) {
		bool *held = calloc((size_t) t->cond->n_leaves, sizeof(bool));

		for (int i = 0; held != NULL && i < t->cond->n_leaves; i++)
			held[i] = t->held[i] != 0;
		if (held != NULL && condition_evaluate(t->cond, held, NULL))
			wrong(c, "a condition of %s is true and has not fired", who);
		free(held);
	}
}

static void
check_processes(struct check *c, const struct job *job)
{
	for (size_t i = 0; i < PROCESS_KIND_COUNT; i++) {
		const struct process *p = &job->process[i];

		if (p->id == 0) {
			if (p->pid != 0 || p->asked != NULL)
				wrong(c, "%s: an empty process slot has a pid", job->slot->name);
			continue;
		}
		if (map_get_id(&c->core->process_to_job, p->id) != job)
			wrong(c, "%s: process %llu is not in the index", job->slot->name, (unsigned long long) p->id);
		if (p->pid > 0 && map_get_id(&c->core->pid_to_process, (uint64_t) p->pid) != job)
			wrong(c, "%s: pid %d belongs to somebody else", job->slot->name, p->pid);
		if ((p->pid == 0) != (p->asked != NULL))
			wrong(c, "%s: a process without pid that nobody was asked for", job->slot->name);
	}
}

/* Main is followed from its beginning until it is settled for good. */
static void
check_family(struct check *c, const struct job *job)
{
	const struct process *p = &job->process[PROCESS_MAIN];
	const struct family *f = job->family;
	const struct member *m;

	if (f == NULL) {
		if (job->family_timer != 0)
			wrong(c, "%s has a family's timer and no family", job->slot->name);
		return;
	}
	if (p->pid == 0 || f->n == 0)
		wrong(c, "%s has a family of nobody", job->slot->name);
	if (f->ready != (f->main != NULL) || (f->ready && f->main->pid != p->pid))
		wrong(c, "%s has a family whose main process is another", job->slot->name);
	if (family_get(f, p->pid) == NULL)
		wrong(c, "%s has a main process outside of its family", job->slot->name);
	if (f->ready && job->state == JOB_SPAWNED)
		wrong(c, "%s is ready and in spawned", job->slot->name);
	if (!f->ready && job->state != JOB_SPAWNED && job->state != JOB_STOPPING && job->state != JOB_KILLED)
		wrong(c, "%s went on to %s before it was ready", job->slot->name, job_state_name(job->state));
	if (f->ready && job->family_timer == 0)
		wrong(c, "%s is followed for ever", job->slot->name);
	DL_FOREACH(f->members, m)
		if (map_get_id(&c->core->pid_to_process, (uint64_t) m->pid) != job)
			wrong(c, "%s: member %d belongs to somebody else", job->slot->name, m->pid);
}

/* What a state asks for; nothing is asked of a quarantined instance. */
static void
check_state(struct check *c, const struct slot *slot, const struct job *job)
{
	enum process_kind kind = lifecycle_awaited((enum job_state) job->state);
	bool waits_for_event = job->state == JOB_STARTING || job->state == JOB_STOPPING;
	const struct event *own = event_get(c->core, job->blocker);

	bool rests = job->rest_timer != 0 && job->goal == GOAL_START &&
		     (job->state == JOB_WAITING || (job->state == JOB_POST_STOP && !process_live(job, PROCESS_POST_STOP)));

	if (job->rest_timer != 0 && !rests)
		wrong(c, "%s rests in %s with goal %s", slot->name, job_state_name(job->state), job_goal_name(job->goal));
	if (job->sweep != 0 && job->state != JOB_KILLED)
		wrong(c, "%s waits for what is left of it in %s", slot->name, job_state_name(job->state));
	if (!rests && kind != PROCESS_KIND_COUNT && !process_live(job, kind) && job->sweep == 0)
		wrong(c, "%s is in %s without the process that would end it", slot->name, job_state_name(job->state));
	if (!rests && kind == PROCESS_KIND_COUNT && !waits_for_event && job->state != JOB_RUNNING)
		wrong(c, "%s rests in %s", slot->name, job_state_name(job->state));
	if (waits_for_event != (own != NULL))
		wrong(c, "%s is in %s and waits for %s", slot->name, job_state_name(job->state), own ? own->name : "nothing");
	if (job->state == JOB_RUNNING && job->goal != GOAL_START)
		wrong(c, "%s is running with goal %s", slot->name, job_goal_name(job->goal));
	if (job->state == JOB_RUNNING && job->cls->process[PROCESS_MAIN].command != NULL &&
	    !process_live(job, PROCESS_MAIN) && !job->mainless)
		wrong(c, "%s is running without its main process", slot->name);
	if (job->sweep != 0 && !process_live(job, PROCESS_MAIN) && job->kill_timer == 0)
		wrong(c, "%s waits for what is left of it for ever", slot->name);
	if (job->kill_timer != 0 && (kind == PROCESS_KIND_COUNT || (!process_live(job, kind) && job->sweep == 0) ||
				     job->state == JOB_SPAWNED ||
				     (job->state != JOB_KILLED && job->goal != GOAL_STOP && !job->hook_told)))
		wrong(c, "%s has a kill timer in %s", slot->name, job_state_name(job->state));
	if (job->ready_timer != 0 && (job->state != JOB_SPAWNED || !process_live(job, PROCESS_MAIN)))
		wrong(c, "%s is still to get ready in %s", slot->name, job_state_name(job->state));
	if (job->watchdog_timer != 0 && (!process_live(job, PROCESS_MAIN) || (job->state == JOB_SPAWNED && !job->bitten)))
		wrong(c, "%s has a watchdog in %s", slot->name, job_state_name(job->state));
	if (job->watchdog_timer == 0 && !job->bitten && job->watchdog != 0 && job->cls->expect == EXPECT_NOTIFY &&
	    job->state == JOB_RUNNING && process_live(job, PROCESS_MAIN))
		wrong(c, "%s has no watchdog in running", slot->name);
}

static void
check_quarantine(struct check *c, const struct slot *slot, const struct job *job)
{
	bool alive = false;

	for (size_t i = 0; i < PROCESS_KIND_COUNT; i++)
		alive = alive || job->process[i].id != 0;
	if (job->goal != GOAL_STOP || job->up || job->stop.cond != NULL)
		wrong(c, "%s is quarantined and wanted", slot->name);
	if (job->resetting && !alive)
		wrong(c, "%s has no process left that its reset could wait for", slot->name);
}

static void
check_job(struct check *c, const struct slot *slot, const struct job *job)
{
	const struct event *own = event_get(c->core, job->blocker);

	if (job_get(c->core, job->id) != job || job_find(slot, job->name) != job || job->slot != slot)
		wrong(c, "%s (%s) is not in the index", slot->name, job->name);
	if (job->quarantine != NULL)
		check_quarantine(c, slot, job);
	else
		check_state(c, slot, job);
	for (size_t i = 0; i + WAITER_WORDS <= job->waiters.n; i += WAITER_WORDS) {
		const struct event *event = event_get(c->core, job->waiters.p[i + 1]);
		bool known = (job->waiters.p[i] & 0xff) == WAITER_REQUEST || event == NULL;

		for (size_t k = 0; !known && k < event->holders.n; k++)
			known = event->holders.p[k] == job->id;
		if (!known)
			wrong(c, "%s event does not know that it waits for %s", event->name, slot->name);
	}
	if (own != NULL && own->job != job->id)
		wrong(c, "%s waits for an event of another", slot->name);
	check_processes(c, job);
	check_family(c, job);
	check_trigger(c, &job->stop, slot->name);
	for (size_t i = 0; i + WAITER_WORDS <= job->waiters.n; i += WAITER_WORDS)
		if ((job->waiters.p[i] & 0xff) != WAITER_REQUEST)
			count_blocker(c, job->waiters.p[i + 1], slot->name);
}

/* What the records say of states is so: nobody was forgotten when they changed. */
static void
check_bindings(struct check *c, const struct slot *slot)
{
	struct core *core = (struct core *) (uintptr_t) c->core; /* only counts */
	uint64_t visits = core->visits;
	const struct want *want;

	DL_FOREACH(slot->wants, want)
		if (!follow_agrees(core, slot, want))
			wrong(c, "%s (%s): its while %s hold, and its record does not know", slot->name, want->name,
			      want->bound ? "does not" : "does");
	core->visits = visits;
}

/* The law of `while`: the goal is start exactly when the instance is wanted. */
static void
check_wants(struct check *c, const struct slot *slot)
{
	const struct want *want;
	const struct job *job;

	if (!c->core->awake || !follow_is_following(slot))
		return;
	if (slot->in_list)
		wrong(c, "%s: its while was not looked at", slot->name);
	check_bindings(c, slot);
	DL_FOREACH(slot->jobs, job)
		if (want_get(slot, job->name) == NULL)
			wrong(c, "%s (%s) runs without a record", slot->name, job->name);
	DL_FOREACH(slot->wants, want) {
		bool holds = want_holds(c->core, slot, want);
		bool may_rise = !c->core->going_down && !(slot->has_successor && slot->successor == NULL);

		job = job_find(slot, want->name);
		if (job != NULL && job->quarantine != NULL)
			continue;
		if (holds && may_rise && (job == NULL || job->goal == GOAL_STOP))
			wrong(c, "%s (%s) is wanted and its goal is stop", slot->name, want->name);
		if (!holds && job != NULL && job->goal != GOAL_STOP)
			wrong(c, "%s (%s) is not wanted and its goal is start", slot->name, want->name);
	}
}

static void
check_events(struct check *c)
{
	const struct event *event;

	if (c->core->woken.n > 0)
		wrong(c, "somebody whose rest has ended was left");
	DL_FOREACH(c->core->events, event) {
		uintptr_t n = (uintptr_t) map_get_id(&c->blockers, event->id);

		if (n != event->blockers)
			wrong(c, "event %s counts %u blockers, %zu hold it", event->name, event->blockers, (size_t) n);
		if (c->core->yield_timer == 0 && event->progress == EVENT_PENDING)
			wrong(c, "event %s was left unhandled", event->name);
		if (c->core->yield_timer == 0 && event->blockers == 0)
			wrong(c, "event %s was left unfinished", event->name);
		if (event->job != 0 && job_get(c->core, event->job) == NULL)
			wrong(c, "event %s blocks a job that is not there", event->name);
	}
}

static void
check_outbox(struct check *c)
{
	const struct effect *e;
	uint64_t last = 0;
	size_t n = 0, spawns = 0;

	DL_FOREACH(c->core->outbox, e) {
		if (e->id <= last || e->id > c->core->last_effect)
			wrong(c, "effect %llu is out of order", (unsigned long long) e->id);
		last = e->id;
		n++;
		spawns += e->type == EFFECT_SPAWN;
		if (e->type == EFFECT_SPAWN && map_get_id(&c->core->process_to_job, e->spawn.process) == NULL)
			wrong(c, "a process of nobody is asked for");
	}
	if (n != c->core->outbox_count || spawns != c->core->spawns_open)
		wrong(c, "the outbox is counted wrongly");
}

/* The history knows of every run at most once, in order, and who lives is in its own. */
static void
check_history(struct check *c)
{
	const struct core_run *run;
	const struct job *job;
	size_t n = 0;

	DL_FOREACH(c->core->runs, run) {
		if (map_get_id(&c->core->runs_by_id, run->number) != run || run->number > c->core->last_run ||
		    (run->next != NULL && run->next->number <= run->number))
			wrong(c, "run %llu of %s is out of order", (unsigned long long) run->number, run->job);
		n++;
	}
	if (n != c->core->n_runs || n != map_count(&c->core->runs_by_id))
		wrong(c, "runs are counted wrongly");
	DL_FOREACH2(c->core->live, job, live_next) {
		run = map_get_id(&c->core->runs_by_id, job->run);
		if (run != NULL && (run->gone != 0 || strncmp(run->job, job->slot->name, 16) != 0))
			wrong(c, "%s is in the run of another", job->slot->name);
	}
}

int
core_check(const struct core *core, char *why, size_t size)
{
	struct check c = { core, MAP_INIT, why, size, 0 };
	const struct slot *slot;
	const struct job *job;
	size_t jobs = 0, rising = 0, sweeping = 0, live;

	if (size > 0)
		why[0] = '\0';
	DL_FOREACH(core->slots, slot) {
		if (slot->cls == NULL || slot_get(core, slot->name) != slot)
			wrong(&c, "a name without class, or not in the index");
		if (slot->has_successor && slot->jobs == NULL)
			wrong(&c, "%s has a successor and no instance", slot->name);
		check_trigger(&c, &slot->start, slot->name);
		DL_FOREACH(slot->jobs, job) {
			check_job(&c, slot, job);
			jobs++;
			rising += job->goal != GOAL_STOP;
			sweeping += job->sweep != 0;
		}
		check_wants(&c, slot);
	}
	DL_COUNT2(core->live, job, live, live_next);
	if (live != jobs || rising != core->rising || sweeping != core->sweeping)
		wrong(&c, "instances are counted wrongly");
	DL_FOREACH2(core->live, job, live_next)
		if (job->live_next != NULL && job->live_next->id <= job->id)
			wrong(&c, "instances are not in order");
	if (core->awaited != NULL && (core->going_down || core->quiesce != QUIESCE_NOT))
		wrong(&c, "a start waits for a 'while', and nothing rises any more");
	check_events(&c);
	check_history(&c);
	if (wait_check(core) < 0)
		wrong(&c, "waits close a circle");
	check_outbox(&c);
	map_deinit(&c.blockers);
	return c.result;
}
