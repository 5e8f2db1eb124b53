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
 * A circle is left alone while it is slow: the first few rounds, and all that take LOOP_STEP for each job in it.
 */
#define LOOP_FREE 10
#define LOOP_STEP (USEC_PER_SEC / 10)
#define LOOP_WAIT_MAX (10 * USEC_PER_SEC)

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
	p->rounds = now - p->started < steps * LOOP_STEP ? p->rounds + 1 : 0;
}

void
pace_start(struct core *core, struct job *job, struct lineage from, const char *event)
{
	struct pace *p = &job->slot->pace;
	char display[JOB_DISPLAY_MAX];
	usec_t before, wait;

	if (from.root == 0)
		from = (struct lineage){ .root = core_new_id(core) };
	if (from.root != p->last.root)
		*p = (struct pace){ 0 };
	else if (from.loops == p->last.loops)
		from.loops++;
	from.hops++;
	before = loop_wait(p->rounds);
	count_round(p, &from, core->now);
	wait = loop_wait(p->rounds);
	if (wait > before)
		core_log(core, LOG_LEVEL_WARN,
			 "%s starts itself over and over (%s event), it now waits %u.%u seconds in between",
			 job_display(job, display, sizeof(display)), event, (unsigned) (wait / USEC_PER_SEC),
			 (unsigned) (wait % USEC_PER_SEC / LOOP_STEP));
	job->lineage = from;
	job->not_before = core->now + wait;
	p->last = from;
	p->started = job->not_before;
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
