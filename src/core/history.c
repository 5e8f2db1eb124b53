/* SPDX-License-Identifier: MIT */
/*
 * What started when, and why: the runs since the beginning, for charts of a boot. Nothing is decided by it.
 *
 * The first RUNS_FIRST stay for good: they are the boot, or the beginning of the session. Of later ones the last
 * RUNS_LAST are kept. Being part of the core, it survives what the core survives, and costs no input that is not there
 * anyway. What leads to a start is known before the instance begins: it may have to stop or to rest first. Until then it
 * is in job.prompt.
 */
#include "core/internal.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#define RUNS_FIRST 1024
#define RUNS_LAST 256
#define TEXT_MAX 160  /* bytes of an event */
#define NAMES_MAX 512 /* and of a name */

static struct core_run *
run_of(const struct core *core, const struct job *job)
{
	return map_get_id(&core->runs_by_id, job->run);
}

struct core_run *
run_free(struct core_run *run)
{
	free(run->job);
	free(run->instance);
	free(run->event);
	free(run);
	return NULL;
}

/* Shortened to so many bytes, not within a character. */
static void
cut(char *text, size_t size)
{
	if (strlen(text) <= size)
		return;
	while (size > 0 && ((unsigned char) text[size] & 0xc0) == 0x80)
		size--;
	text[size] = '\0';
}

static char *
copy_name(struct core *core, const char *name)
{
	char *copy = strndup(name, NAMES_MAX + 1);

	if (copy == NULL)
		core->oom = true;
	else
		cut(copy, NAMES_MAX);
	return copy;
}

/* "started JOB=web": what is empty says nothing. */
static char *
event_text(struct core *core, const struct event *event)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_addn(&b, event->name, strnlen(event->name, TEXT_MAX));
	for (size_t i = 0; event->env != NULL && event->env[i] != NULL && b.len < TEXT_MAX; i++) {
		const char *equals = strchr(event->env[i], '=');

		if (equals == NULL || equals[1] == '\0')
			continue;
		strbuf_addc(&b, ' ');
		strbuf_addn(&b, event->env[i], strnlen(event->env[i], TEXT_MAX + 1));
	}
	if (b.failed) {
		strbuf_deinit(&b);
		core->oom = true;
		return NULL;
	}
	cut(b.p, TEXT_MAX);
	return strbuf_steal(&b);
}

static void
forget_prompt(struct job *job)
{
	free(job->prompt.event);
	job->prompt = (struct prompt){ 0 };
}

void
history_prompt(struct core *core, struct job *job, enum core_run_why why, uint64_t by, const struct event *event)
{
	forget_prompt(job);
	job->prompt = (struct prompt){ .why = why, .by = by, .asked = core->now };
	if (event == NULL)
		return;
	job->prompt.by = event->run;
	job->prompt.event_id = event->id;
	job->prompt.event_at = event->queued;
	job->prompt.event = event_text(core, event);
}

uint64_t
history_caller(const struct core *core, uint64_t process)
{
	const struct job *job = map_get_id(&core->process_to_job, process);

	return job != NULL ? job->run : 0;
}

/* Room for one more. */
static void
drop_oldest(struct core *core)
{
	struct core_run *run = core->later_runs;

	if (core->n_runs <= RUNS_FIRST + RUNS_LAST)
		return;
	core->later_runs = run->next;
	map_del_id(&core->runs_by_id, run->number);
	DL_DELETE(core->runs, run);
	core->n_runs--;
	core->runs_dropped++;
	(void) run_free(run);
}

int
history_add(struct core *core, struct core_run *run)
{
	if (map_put_id(&core->runs_by_id, run->number, run) < 0)
		return -ENOMEM;
	DL_APPEND(core->runs, run);
	if (++core->n_runs == RUNS_FIRST + 1)
		core->later_runs = run;
	drop_oldest(core);
	return 0;
}

/* A run begins. */
static void
begin(struct core *core, struct job *job, enum job_state from)
{
	struct core_run *run = run_of(core, job);

	if (run != NULL && run->gone == 0)
		run->gone = core->now;
	job->run = ++core->last_run;
	run = calloc(1, sizeof(*run));
	if (run == NULL) {
		core->oom = true;
		return;
	}
	run->number = job->run;
	run->job = copy_name(core, job->slot->name);
	run->instance = copy_name(core, job->name);
	run->task = job->cls->task;
	run->why = job->prompt.why != 0 ? job->prompt.why : from != JOB_WAITING ? CORE_RUN_RESPAWN : CORE_RUN_UNKNOWN;
	run->by = job->prompt.by;
	run->event_id = job->prompt.event_id;
	run->event_at = job->prompt.event_at;
	run->event = steal(&job->prompt.event);
	run->asked = job->prompt.why != 0 ? job->prompt.asked : core->now;
	run->starting = core->now;
	forget_prompt(job);
	if (run->job == NULL || run->instance == NULL || history_add(core, run) < 0) {
		(void) run_free(run);
		core->oom = true;
	}
}

void
history_waits(struct core *core, const struct job *job)
{
	struct core_run *run = run_of(core, job);

	if (run != NULL)
		run->starting_event = job->blocker;
}

/* It goes, or would if it did not come again. */
static void
ends(struct core_run *run, const struct job *job, usec_t now)
{
	if (run->stopping == 0)
		run->stopping = now;
	run->failed = job->failed;
	run->failed_kind = job->failed_kind;
}

void
history_state(struct core *core, struct job *job, enum job_state from)
{
	struct core_run *run;

	if (job->state == JOB_STARTING) {
		begin(core, job, from);
		return;
	}
	if (job->state == JOB_RUNNING)
		forget_prompt(job); /* it did not have to begin anew */
	run = run_of(core, job);
	if (run == NULL)
		return;
	switch (job->state) {
	case JOB_SECURITY_SPAWNING:
		run->begun = core->now;
		break;
	case JOB_SPAWNING:
		run->main = core->now;
		break;
	case JOB_POST_STARTING:
		run->main_ready = core->now;
		break;
	case JOB_RUNNING:
		run->stopping = 0;
		if (run->ready == 0)
			run->ready = core->now;
		break;
	case JOB_PRE_STOPPING:
	case JOB_STOPPING:
		ends(run, job, core->now);
		break;
	case JOB_WAITING:
		ends(run, job, core->now);
		run->gone = core->now;
		break;
	default:
		break;
	}
}

void
history_forget(struct core *core, struct job *job)
{
	struct core_run *run = run_of(core, job);

	if (run != NULL && run->gone == 0)
		run->gone = core->now;
	forget_prompt(job);
}

void
history_free(struct core *core)
{
	struct core_run *run, *next;

	DL_FOREACH_SAFE(core->runs, run, next)
		(void) run_free(run);
	map_deinit(&core->runs_by_id);
}

void
core_history(const struct core *core, struct core_history *view)
{
	*view = (struct core_history){ core->began, core->startup, core->runs_dropped, core->runs };
}
