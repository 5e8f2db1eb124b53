/* SPDX-License-Identifier: MIT */
/*
 * Strays: processes that come from an instance and are in no process group of one of its own (`kill mode tree`). The
 * core does not know them. It has them told to end when the instance is on its way down, and stays in killed until it
 * hears that nobody is left, or for so long as a job's own processes would have, and a little longer.
 *
 *   killed	the kill signal to all; with the end of kill timeout SIGKILL
 *   main gone	wait for the answer; PATIENCE after SIGKILL go on without: what can't be killed must not hold a job
 *   a hook ends	the kill signal to what it leaves; who does not heed it goes when the instance does
 */
#include "core/internal.h"

#include "common/log.h"

#include <signal.h>
#include <string.h>
#include <utlist.h>

#define PATIENCE (5 * USEC_PER_SEC)

static void
send(struct core *core, const struct job *job, uint64_t sweep, int32_t session, bool alone, int signal)
{
	struct effect *e = effect_add(core, EFFECT_STRAYS);

	if (e == NULL)
		return;
	e->strays.job = core_copy(core, job->slot->name);
	e->strays.instance = core_copy(core, job->name);
	e->strays.job_id = job->id;
	e->strays.sweep = sweep;
	e->strays.session = session;
	e->strays.alone = alone;
	e->strays.signal = signal;
}

/* The kill signal, and SIGCONT: one that is stopped could not die of it. */
static void
tell(struct core *core, const struct job *job, uint64_t sweep, int32_t session, bool alone)
{
	send(core, job, sweep, session, alone, job->cls->kill_signal);
	if (job->cls->kill_timeout > 0)
		send(core, job, sweep, session, alone, SIGCONT);
}

static void
set_sweep(struct core *core, struct job *job, uint64_t sweep)
{
	core->sweeping -= job->sweep != 0;
	core->sweeping += sweep != 0;
	job->sweep = sweep;
}

void
strays_begin(struct core *core, struct job *job)
{
	if (job->cls->kill_mode != KILL_TREE)
		return;
	set_sweep(core, job, core_new_id(core));
	job->swept_hard = false;
	tell(core, job, job->sweep, 0, false);
	if (job->cls->kill_timeout == 0)
		strays_kill(core, job);
}

void
strays_kill(struct core *core, struct job *job)
{
	if (job->sweep == 0)
		return;
	job->swept_hard = true;
	send(core, job, job->sweep, 0, false, SIGKILL);
}

void
strays_hurry(struct core *core, struct job *job)
{
	if (job->cls->kill_mode != KILL_TREE)
		return;
	if (job->sweep == 0) {
		send(core, job, 0, 0, false, SIGKILL);
		return;
	}
	strays_kill(core, job);
	if (process_live(job, PROCESS_MAIN) || job->kill_timer == 0 || job->kill_due <= core->now + PATIENCE)
		return;
	process_forget_timer(core, job);
	process_set_timer(core, job, core->now + PATIENCE);
}

void
strays_spare(struct core *core, struct job *job)
{
	set_sweep(core, job, 0);
}

bool
strays_hold(struct core *core, struct job *job)
{
	usec_t due = job->since + job->cls->kill_timeout * USEC_PER_SEC;

	if (job->sweep == 0 || job->state != JOB_KILLED)
		return false;
	if (job->kill_timer != 0)
		return true;
	if (job->swept_hard)
		due = core->now + PATIENCE;
	process_set_timer(core, job, due > core->now ? due : core->now);
	return true;
}

void
strays_timer(struct core *core, struct job *job)
{
	char display[JOB_DISPLAY_MAX];

	if (!job->swept_hard) {
		strays_kill(core, job);
		process_set_timer(core, job, core->now + PATIENCE);
		return;
	}
	core_log(core, LOG_LEVEL_WARN, "%s has left processes that do not end, going on without them",
		 job_display(job, display, sizeof(display)));
	set_sweep(core, job, 0);
	job_advance(core, job);
}

void
strays_gone(struct core *core, const struct input_strays *in)
{
	struct job *job = job_get(core, in->job_id);

	if (job == NULL || in->sweep == 0 || job->sweep != in->sweep)
		return;
	set_sweep(core, job, 0);
	if (process_live(job, PROCESS_MAIN))
		return;
	process_forget_timer(core, job);
	job_advance(core, job);
}

/* Others of the instance live: then only those of the session that the hook had are sure to be its own. */
void
strays_of_hook(struct core *core, const struct job *job, int32_t pid)
{
	bool others = false;

	if (job->cls->kill_mode != KILL_TREE || pid <= 0)
		return;
	for (size_t i = 0; i < PROCESS_KIND_COUNT; i++)
		others = others || process_live(job, (enum process_kind) i);
	tell(core, job, 0, pid, !others);
}

uint64_t
core_sweep_of(const struct core *core, uint64_t job_id)
{
	const struct job *job = job_get(core, job_id);

	return job != NULL ? job->sweep : 0;
}

void
core_each_sweep(const struct core *core, core_sweep_fn fn, void *data)
{
	const struct job *job;

	DL_FOREACH2(core->live, job, live_next)
		if (job->sweep != 0) {
			const struct core_sweep view = { job->slot->name, job->name, job->id, job->sweep };

			fn(&view, data);
		}
}
