/* SPDX-License-Identifier: MIT */
/*
 * Families of main processes (core/family.h) at work: what their news do to a job. While it is not known which
 * process is main, the one that stands for it is the first, then the eldest, and a signal for main goes to all.
 */
#include "core/internal.h"

#include "core/explain.h"
#include "core/past.h"

#include "common/invariant.h"
#include "common/log.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <utlist.h>

bool
track_wants(const struct job_class *cls)
{
	return cls->expect == EXPECT_FORK || cls->expect == EXPECT_DAEMON || cls->expect == EXPECT_EXIT ||
	       cls->expect == EXPECT_PIDFILE || cls->expect == EXPECT_LISTEN;
}

static struct family_plan
plan_of(const struct core *core, const struct job_class *cls)
{
	struct family_plan plan = {
		.depth = cls->expect == EXPECT_FORK	? 1
			 : cls->expect == EXPECT_DAEMON ? 2
							: 0,
		.across_exec = (core->config.policies & CORE_POLICY_FORKS_ACROSS_EXEC) != 0,
		.patience = cls->expect == EXPECT_EXIT ? 0 : FAMILY_PATIENCE,
		.told = cls->expect == EXPECT_PIDFILE || cls->expect == EXPECT_LISTEN,
	};

	if (plan.told)
		plan.patience = 0; /* `expect timeout` is ready.c's */
	else if (cls->expect_timeout != JOB_EXPECT_TIMEOUT_UNSET)
		plan.patience = cls->expect_timeout * USEC_PER_SEC;
	return plan;
}

/* What a job file would have to say for a main process of that depth. */
static const char *
name_of_depth(uint32_t depth)
{
	static const char *const names[] = { "expect none", "expect fork", "expect daemon" };

	return depth < ARRAY_SIZE(names) ? names[depth] : "expect exit";
}

static void
cancel_timer(struct core *core, struct job *job)
{
	map_del_id(&core->timer_to_job, job->family_timer);
	core_timer_cancel(core, &job->family_timer);
}

/* Have a timer that is due no later than something may happen; one that is due sooner finds nothing and goes on. */
static void
set_timer(struct core *core, struct job *job)
{
	usec_t due = job->state == JOB_SPAWNED || job->family->ready ? family_due(job->family, core->now) : 0;

	if (due == 0) {
		cancel_timer(core, job);
		return;
	}
	if (job->family_timer != 0 && job->family_due <= due)
		return;
	cancel_timer(core, job);
	job->family_due = due;
	job->family_timer = core_timer(core, due);
	core_oom(core, map_put_id(&core->timer_to_job, job->family_timer, job));
}

void
track_end(struct core *core, struct job *job)
{
	struct process *p = &job->process[PROCESS_MAIN];
	struct effect *e = NULL;
	const struct member *m;

	if (job->family == NULL)
		return;
	cancel_timer(core, job);
	if (job->family->n > 0)
		e = effect_add(core, EFFECT_RELEASE);
	if (e != NULL)
		e->release.process = p->id;
	DL_FOREACH(job->family->members, m) {
		if (e != NULL)
			core_oom(core, u64v_add(&e->release.pids, (uint64_t) m->pid));
		if (m->pid != p->pid)
			map_del_id(&core->pid_to_process, (uint64_t) m->pid);
	}
	job->family = family_free(job->family);
	DL_DELETE2(core->followed, job, followed_prev, followed_next);
}

void
track_begin(struct core *core, struct job *job)
{
	const struct family_plan plan = plan_of(core, job->cls);

	job->family = family_new(&plan, job->process[PROCESS_MAIN].pid, core->now);
	if (job->family == NULL)
		core->oom = true;
	else
		DL_APPEND2(core->followed, job, followed_prev, followed_next);
}

bool
track_is_open(const struct job *job)
{
	return job->family != NULL && !job->family->ready;
}

/* -- what is found ------------------------------------------------------------------------ */

static void
warn_about(struct core *core, const struct job *job, const struct family_finding *found)
{
	const struct member *m = found->chosen;
	char display[JOB_DISPLAY_MAX];
	const char *name = job_display(job, display, sizeof(display));

	switch (found->reason) {
	case FAMILY_LINGERS:
		core_log(core, LOG_LEVEL_WARN, "%s main process is taken to be %d, although the one that made it stays",
			 name, m->pid);
		break;
	case FAMILY_TOO_FEW:
		core_log(core, LOG_LEVEL_WARN,
			 "%s has forked less often than expected: main process is taken to be %d; this would be `%s`",
			 name, m->pid, name_of_depth(m->depth));
		break;
	case FAMILY_TOO_MANY:
		core_log(core, LOG_LEVEL_WARN,
			 "%s has too many processes to be followed: main process is taken to be %d", name, m->pid);
		break;
	default:
		break;
	}
}

static void
ready(struct core *core, struct job *job, const struct family_finding *found)
{
	warn_about(core, job, found);
	family_choose(job->family, found->chosen, core->now);
	process_become(core, job, found->chosen->pid);
	if (found->reason == FAMILY_TOO_MANY)
		track_end(core, job);
	else
		set_timer(core, job);
	job_advance(core, job);
}

void
track_told(struct core *core, struct job *job, int32_t pid)
{
	struct family_finding found = { .verdict = FAMILY_READY };

	if (job->family == NULL || !job->family->plan.told || job->family->ready || job->state != JOB_SPAWNED)
		return;
	found.chosen = family_get(job->family, pid);
	if (found.chosen != NULL && job->cls->expect == EXPECT_LISTEN)
		found.chosen = family_principal(job->family, found.chosen);
	if (found.chosen != NULL)
		ready(core, job, &found);
}

/* All have ended, and none of them was main yet. */
static void
over(struct core *core, struct job *job, int32_t status)
{
	const struct family_plan *plan = &job->family->plan;
	bool was_its_work = plan->depth == 0 && !plan->told && status == 0 && job->state == JOB_SPAWNED;
	int32_t pid = job->process[PROCESS_MAIN].pid;

	if (!was_its_work) {
		process_over(core, job, PROCESS_MAIN, pid, status);
		return;
	}
	process_log_end(core, job, PROCESS_MAIN, pid, status);
	past_exit(core, job, PROCESS_MAIN, PAST_ENDED, 0, status);
	process_forget(core, job, PROCESS_MAIN);
	job->mainless = true;
	job_advance(core, job);
}

static void
failed(struct core *core, struct job *job, int32_t status)
{
	process_log_end(core, job, PROCESS_MAIN, job->family->first, status);
	past_exit(core, job, PROCESS_MAIN, PAST_ENDED, 0, status);
	process_main_failed(core, job, status);
}

static void
late(struct core *core, struct job *job)
{
	char display[JOB_DISPLAY_MAX];

	core_log(core, LOG_LEVEL_WARN, "%s main process has not ended in time",
		 job_display(job, display, sizeof(display)));
	past_unready(core, job, CORE_UNREADY_LATE);
	process_main_failed(core, job, -1);
}

/* Go on from what is known of the family. */
static void
look(struct core *core, struct job *job)
{
	struct family_finding found = family_look(job->family, core->now);

	/* Being stopped: all must end, whichever would have been main. */
	if (!job->family->ready && job->state != JOB_SPAWNED && found.verdict != FAMILY_OVER)
		found.verdict = FAMILY_WAIT;
	switch (found.verdict) {
	case FAMILY_READY:
		ready(core, job, &found);
		return;
	case FAMILY_FAILED:
		failed(core, job, found.status);
		return;
	case FAMILY_LATE:
		late(core, job);
		return;
	case FAMILY_OVER:
		over(core, job, found.status);
		return;
	case FAMILY_QUIET:
		track_end(core, job);
		return;
	default:
		set_timer(core, job);
	}
}

bool
track_timer(struct core *core, uint64_t timer)
{
	struct job *job = map_get_id(&core->timer_to_job, timer);

	if (job == NULL || job->family_timer != timer)
		return false;
	map_del_id(&core->timer_to_job, timer);
	job->family_timer = 0;
	look(core, job);
	return true;
}

/* -- news ----------------------------------------------------------------------------------- */

void
track_executed(struct core *core, struct job *job)
{
	family_begin(job->family, core->now);
	look(core, job);
}

static void
forked(struct core *core, struct job *job, const struct input_family *in)
{
	struct family *f = job->family;
	struct job *other = map_get_id(&core->pid_to_process, (uint64_t) in->other);
	int r;

	/* A process of somebody else's: that can't be. */
	if (other != NULL && (other != job || family_get(f, in->other) == NULL))
		return;
	r = family_forked(f, in->pid, in->other, core->now);
	core_oom(core, r);
	if (r != 1)
		return;
	core_oom(core, map_put_id(&core->pid_to_process, (uint64_t) in->other, job));
	if (in->session != 0)
		(void) family_grouped(f, in->other, in->session, in->group);
	if (!f->ready && job->state == JOB_KILLED && f->killing != 0)
		core_kill_pid(core, &job->process[PROCESS_MAIN], in->other, f->killing);
	look(core, job);
}

static void
executed(struct core *core, struct job *job, const struct input_family *in)
{
	struct family *f = job->family;
	char display[JOB_DISPLAY_MAX];

	if (in->pid == f->first && !f->entered) {
		f->entered = true;
		family_begin(f, core->now);
	} else {
		if (in->pid == job->process[PROCESS_MAIN].pid)
			core_log(core, LOG_LEVEL_INFO, "%s main process (%d) executable changed",
				 job_display(job, display, sizeof(display)), in->pid);
		family_executed(f, in->pid);
	}
	look(core, job);
}

/* It is as with `expect none`: nothing is known but that the program runs. */
static void
untraced(struct core *core, struct job *job)
{
	char display[JOB_DISPLAY_MAX];
	const struct process *p = &job->process[PROCESS_MAIN];
	bool was_open = track_is_open(job);

	core_log(core, LOG_LEVEL_WARN, "%s main process (%d) can't be followed: `expect %s` has no effect",
		 job_display(job, display, sizeof(display)), p->pid, expect_mode_name(job->cls->expect));
	track_end(core, job);
	if (was_open && p->exec_done && job->state == JOB_SPAWNED)
		job_advance(core, job);
}

/* The tree goes on with whom init adopts. Whoever else a file or a port names would not be known. */
static void
adopted(struct core *core, struct job *job)
{
	char display[JOB_DISPLAY_MAX];

	if (job->family->adopted)
		return;
	if (job->family->plan.told) {
		untraced(core, job);
		return;
	}
	job->family->adopted = true;
	core_log(core, LOG_LEVEL_INFO,
		 "%s main process (%d) can't be traced: what it leaves behind is looked at instead",
		 job_display(job, display, sizeof(display)), job->process[PROCESS_MAIN].pid);
}

int
track_news(struct core *core, const struct input_family *in)
{
	bool by_process = in->what == FAMILY_NEWS_UNTRACED || in->what == FAMILY_NEWS_ADOPTED ||
			  (in->what == FAMILY_NEWS_FORKED && in->pid == 0);
	struct job *job = by_process ? map_get_id(&core->process_to_job, in->process)
				     : map_get_id(&core->pid_to_process, (uint64_t) in->pid);

	if (in->what >= FAMILY_NEWS_COUNT)
		return -EINVAL;
	if (job == NULL || job->family == NULL || (by_process && job->process[PROCESS_MAIN].id != in->process))
		return 0;
	switch (in->what) {
	case FAMILY_NEWS_FORKED:
		if (in->other > 0)
			forked(core, job, in);
		break;
	case FAMILY_NEWS_EXECUTED:
		executed(core, job, in);
		break;
	case FAMILY_NEWS_GROUPED:
		if (family_grouped(job->family, in->pid, in->session, in->group))
			look(core, job);
		break;
	case FAMILY_NEWS_ADOPTED:
		adopted(core, job);
		break;
	default:
		untraced(core, job);
		break;
	}
	return 0;
}

/* May another go on for main? Not for one that is being stopped. */
static bool
may_go_on(const struct job *job, int32_t status)
{
	return status == 0 && job->goal == GOAL_START &&
	       (job->state == JOB_POST_START || job->state == JOB_RUNNING || job->state == JOB_PRE_STOP);
}

static void
main_ended(struct core *core, struct job *job, int32_t pid, int32_t status)
{
	struct member *heir = may_go_on(job, status) ? family_heir(job->family) : NULL;
	char display[JOB_DISPLAY_MAX];

	if (heir == NULL) {
		track_end(core, job);
		process_over(core, job, PROCESS_MAIN, pid, status);
		return;
	}
	process_log_end(core, job, PROCESS_MAIN, pid, status);
	if (job->family->plan.depth != 0 && heir->depth != job->family->plan.depth)
		core_log(core, LOG_LEVEL_WARN, "%s main process (%d) ended and %d goes on: it should say `%s`",
			 job_display(job, display, sizeof(display)), pid, heir->pid, name_of_depth(heir->depth));
	family_choose(job->family, heir, core->now);
	process_become(core, job, heir->pid);
	set_timer(core, job);
}

bool
track_ended(struct core *core, struct job *job, int32_t pid, int32_t status)
{
	struct family *f = job->family;
	bool was_main = f != NULL && f->main != NULL && f->main->pid == pid;

	if (f == NULL || !family_ended(f, pid, status, core->now))
		return false;
	map_del_id(&core->pid_to_process, (uint64_t) pid);
	if (was_main) {
		main_ended(core, job, pid, status);
		return true;
	}
	if (!f->ready && f->n > 0 && job->process[PROCESS_MAIN].pid == pid)
		process_become(core, job, family_head(f)->pid);
	look(core, job);
	return true;
}

void
track_kill(struct core *core, struct job *job, int number)
{
	const struct member *m;

	cancel_timer(core, job);
	if (number != SIGCONT)
		job->family->killing = number;
	DL_FOREACH(job->family->members, m)
		core_kill_pid(core, &job->process[PROCESS_MAIN], m->pid, number);
}

/* -- over a re-exec ----------------------------------------------------------------------------- */

int
track_restore(struct core *core, struct job *job)
{
	const struct member *m;
	int r;

	if (job->family_words.n == 0)
		return 0;
	r = family_unpack(&job->family_words, &job->family);
	u64v_deinit(&job->family_words);
	if (r < 0)
		return r;
	DL_APPEND2(core->followed, job, followed_prev, followed_next);
	DL_FOREACH(job->family->members, m)
		if (map_put_id(&core->pid_to_process, (uint64_t) m->pid, job) < 0)
			return -ENOMEM;
	if (job->family_timer != 0 && map_put_id(&core->timer_to_job, job->family_timer, job) < 0)
		return -ENOMEM;
	return 0;
}

bool
core_follows(const struct core *core)
{
	return core->followed != NULL;
}

bool
core_is_followed(const struct core *core, int32_t pid)
{
	const struct job *job = map_get_id(&core->pid_to_process, (uint64_t) pid);

	return job != NULL && job->family != NULL && family_get(job->family, pid) != NULL;
}

bool
core_is_member(const struct core *core, uint64_t process, int32_t pid)
{
	const struct job *job = map_get_id(&core->process_to_job, process);

	return job != NULL && job->process[PROCESS_MAIN].id == process && job->family != NULL &&
	       family_get(job->family, pid) != NULL;
}

void
core_each_member(const struct core *core, core_member_fn fn, void *data)
{
	const struct job *job;
	const struct member *m;

	DL_FOREACH2(core->followed, job, followed_next)
	{
		DL_FOREACH(job->family->members, m) {
			const struct core_member view = { job->process[PROCESS_MAIN].id, m->pid, m->session, m->group,
							  m->pid == job->family->first };

			fn(&view, data);
		}
	}
}
