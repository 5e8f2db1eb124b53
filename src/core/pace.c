/* SPDX-License-Identifier: MIT */
/*
 * How fast an instance may start again: the limit and the delay of respawns (runtime.md 7.3), and the brake on jobs
 * that start themselves through events.
 *
 * Whoever is to wait rests where it is, in waiting or post-stop with the goal start, until its timer is due:
 * job->not_before. A stop ends the rest at once.
 */
#include "core/internal.h"

#include "common/log.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

/* -- respawns ------------------------------------------------------------------------------ */

#define RESPAWNS_MAX 65536 /* so many are remembered: a limit above is none */

uint32_t
pace_respawns(const struct core *core, const struct job *job, usec_t *first)
{
	usec_t interval = job->cls->respawn_interval * USEC_PER_SEC;
	const struct u64v *times = &job->respawns;
	size_t gone = 0;

	while (gone < times->n && core->now - times->p[gone] >= interval)
		gone++;
	*first = gone < times->n ? times->p[gone] : 0;
	return (uint32_t) (times->n - gone);
}

/* Not more than `limit` in any `interval`: the times of those that still count. */
static bool
may_respawn(struct core *core, struct job *job)
{
	uint32_t limit = job->cls->respawn_limit;
	usec_t interval = job->cls->respawn_interval * USEC_PER_SEC;
	struct u64v *times = &job->respawns;
	size_t gone = 0;

	if (limit == 0 || interval == 0)
		return true;
	while (gone < times->n && (core->now - times->p[gone] >= interval || times->n - gone >= RESPAWNS_MAX))
		gone++;
	times->n -= gone;
	if (gone > 0)
		memmove(times->p, times->p + gone, times->n * sizeof(times->p[0]));
	if (times->n >= limit)
		return false;
	core_oom(core, u64v_add(times, core->now));
	return true;
}

/* The first wait is as long as asked for, each further one twice the last, until it has run for longer than the
 * longest. */
static void
set_delay(struct core *core, struct job *job)
{
	usec_t first = job->cls->respawn_delay * USEC_PER_SEC, longest = job->cls->respawn_delay_max * USEC_PER_SEC;

	if (job->respawn_delay == 0 || core->now - job->main_since > longest)
		job->respawn_delay = first;
	else
		job->respawn_delay = 2 * job->respawn_delay < longest ? 2 * job->respawn_delay : longest;
	job->not_before = core->now + job->respawn_delay;
}

bool
pace_respawn(struct core *core, struct job *job)
{
	if (!may_respawn(core, job))
		return false;
	set_delay(core, job);
	return true;
}

/* -- circles of events ------------------------------------------------------------------------ */

/*
 * What an instance does goes back to what started it, and so on to something from outside: its root. Where an instance
 * is started by what goes back to an earlier start of the same job, the count `loops` grows by one and is handed on; it
 * keeps growing only in a circle. Two ways from one root to one job make it 1 or 2, a tree with many such places little
 * more.
 *
 * Each instance has a record of its own, so that one does not hide the circle of another. Instances that are new to a
 * root share one by that root: a circle may give each round another name.
 *
 * A circle is left alone while it is slow: the first few rounds, and all that take LOOP_STEP for each job in it.
 */
#define LOOP_FREE 10
#define LOOP_STEP (USEC_PER_SEC / 10)
#define LOOP_WAIT_MAX (10 * USEC_PER_SEC)
#define RECORDS_KEPT (60 * USEC_PER_SEC) /* what comes round later is slow */
#define RECORDS_MAX 4096		 /* of a class */

/* The wait after so many fast rounds in a row. */
static usec_t
loop_wait(uint32_t rounds)
{
	usec_t wait = LOOP_STEP;

	if (rounds <= LOOP_FREE)
		return 0;
	for (uint32_t i = LOOP_FREE + 1; i < rounds && wait < LOOP_WAIT_MAX; i++)
		wait *= 2;
	return wait < LOOP_WAIT_MAX ? wait : LOOP_WAIT_MAX;
}

/* Is this a further round of a circle? Counts fast ones. */
static void
count_round(struct pace *p, const struct lineage *from, usec_t now)
{
	uint32_t steps = from->hops > p->last.hops ? from->hops - p->last.hops : 1;

	if (from->loops <= p->most)
		return;
	p->most = from->loops;
	/* One whose rest was cut short comes before it was to. */
	p->rounds = now < p->started || now - p->started < steps * LOOP_STEP ? p->rounds + 1 : 0;
}

struct pace *
pace_make(struct core *core, struct slot *slot, const char *name, uint64_t root)
{
	struct pace *p = calloc(1, sizeof(*p));

	if (p == NULL)
		goto fail;
	p->name = name != NULL ? strdup(name) : NULL;
	if ((name != NULL && p->name == NULL) ||
	    (name != NULL ? map_put(&slot->paces_by_name, name, p) : map_put_id(&slot->paces_by_root, root, p)) < 0)
		goto fail;
	p->last.root = root;
	DL_APPEND(slot->paces, p);
	slot->n_paces++;
	return p;
fail:
	if (p != NULL)
		free(p->name);
	free(p);
	core->oom = true;
	return NULL;
}

static void
record_free(struct slot *slot, struct pace *p)
{
	if (p->name != NULL)
		map_del(&slot->paces_by_name, p->name);
	else
		map_del_id(&slot->paces_by_root, p->last.root);
	DL_DELETE(slot->paces, p);
	slot->n_paces--;
	free(p->name);
	free(p);
}

void
pace_forget(struct slot *slot)
{
	while (slot->paces != NULL)
		record_free(slot, slot->paces);
	map_deinit(&slot->paces_by_name);
	map_deinit(&slot->paces_by_root);
}

/* Those nobody will ask for any more. */
static void
drop_records(struct slot *slot, usec_t now)
{
	while (slot->paces != NULL && (slot->n_paces > RECORDS_MAX || slot->paces->started + RECORDS_KEPT < now))
		record_free(slot, slot->paces);
}

/* The record of a name, or of those new to that root; it is the one used last now. NULL: oom. */
static struct pace *
record(struct core *core, struct slot *slot, const char *name, uint64_t root)
{
	struct pace *p =
	    name != NULL ? map_get(&slot->paces_by_name, name) : map_get_id(&slot->paces_by_root, root);

	if (p == NULL)
		return pace_make(core, slot, name, root);
	DL_DELETE(slot->paces, p);
	DL_APPEND(slot->paces, p);
	return p;
}

/* One more start, in that record. Gives its wait. */
static usec_t
count_start(struct pace *p, struct lineage *from, usec_t now)
{
	if (p->last.hops > 0 && from->loops == p->last.loops)
		from->loops++;
	from->hops++;
	count_round(p, from, now);
	p->last = *from;
	p->started = now + loop_wait(p->rounds);
	return loop_wait(p->rounds);
}

/* May its instances have several names? */
static bool
has_names(const struct slot *slot)
{
	return job_class_has_instances(slot->cls);
}

void
pace_start(struct core *core, struct job *job, struct lineage from, const char *event)
{
	struct slot *slot = job->slot;
	char display[JOB_DISPLAY_MAX];
	struct pace *own, *p;
	usec_t before, wait;

	if (from.root == 0)
		from = (struct lineage){ .root = core_new_id(core) };
	p = own = record(core, slot, job->name, from.root);
	if (own != NULL && (own->last.root != from.root || own->last.hops == 0)) {
		own->last = (struct lineage){ .root = from.root };
		own->started = 0;
		own->most = own->rounds = 0;
		if (has_names(slot))
			p = record(core, slot, NULL, from.root);
	}
	if (p == NULL || own == NULL)
		return;
	before = loop_wait(p->rounds);
	wait = count_start(p, &from, core->now);
	if (p != own) {
		own->last = p->last;
		own->started = p->started;
		own->most = from.loops;
		own->rounds = p->rounds;
	}
	if (wait > before)
		core_log(core, LOG_LEVEL_WARN,
			 "%s starts itself over and over (%s event), it now waits %u.%u seconds in between",
			 job_display(job, display, sizeof(display)), event, (unsigned) (wait / USEC_PER_SEC),
			 (unsigned) (wait % USEC_PER_SEC / LOOP_STEP));
	job->lineage = from;
	job->not_before = core->now + wait;
	drop_records(slot, core->now);
}

/* -- resting ------------------------------------------------------------------------------------ */

bool
pace_rest(struct core *core, struct job *job)
{
	if (job->not_before <= core->now)
		return false;
	job->rest_timer = core_timer(core, job->not_before);
	core_oom(core, map_put_id(&core->timer_to_job, job->rest_timer, job));
	return true;
}

void
pace_wake(struct core *core, struct job *job)
{
	job->not_before = 0;
	job->respawn_delay = 0;
	if (job->rest_timer == 0)
		return;
	map_del_id(&core->timer_to_job, job->rest_timer);
	core_timer_cancel(core, &job->rest_timer);
	core_oom(core, u64v_add(&core->woken, job->id));
}

bool
pace_timer(struct core *core, uint64_t timer)
{
	struct job *job = map_get_id(&core->timer_to_job, timer);

	if (job == NULL || job->rest_timer != timer)
		return false;
	map_del_id(&core->timer_to_job, timer);
	job->rest_timer = 0;
	job->not_before = 0;
	job_advance(core, job);
	return true;
}

/* Only here, not where the goal changes: a stop may remove an instance, while somebody goes through all of them. */
void
pace_go_on(struct core *core)
{
	struct u64v woken = core->woken;

	core->woken = (struct u64v){ 0 };
	for (size_t i = 0; i < woken.n; i++) {
		struct job *job = job_get(core, woken.p[i]);
		bool rests = job != NULL && job->rest_timer == 0 && job->quarantine == NULL &&
			     (job->state == JOB_WAITING ||
			      (job->state == JOB_POST_STOP && !process_live(job, PROCESS_POST_STOP)));

		if (rests && job->state == JOB_WAITING && job->goal == GOAL_STOP)
			job_drop(core, job);
		else if (rests)
			job_advance(core, job);
	}
	u64v_deinit(&woken);
}
