/* SPDX-License-Identifier: MIT */
/*
 * Who waits for whom. Three kinds of waits make a graph:
 *
 *   an instance waits for its own event         starting, stopping: job->blocker, event->job
 *   an event waits for an instance              job->waiters
 *   a call waits for an instance or an event    job->waiters, event->requests; core->calls where a job makes it
 *
 * A call that a process of an instance makes counts as that instance: its hook does not end before the answer. The
 * graph has no circle: a wait that would close one is not made, which is told, and the event or call goes on at once
 * (docs: initctl(8)). All other changes only take waits away.
 */
#include "core/internal.h"

#include "common/log.h"
#include "common/msg.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

/* -- calls that jobs make: core->calls ---------------------------------------------------- */

#define CALL_REQUEST 0
#define CALL_TOKEN 1
#define CALL_PROCESS 2 /* who makes it */
#define CALL_TARGET 3  /* the instance or event it waits for */
#define CALL_WORDS 4

static void
drop_call(struct core *core, size_t at)
{
	struct u64v *v = &core->calls;

	v->n -= CALL_WORDS;
	memmove(&v->p[at], &v->p[at + CALL_WORDS], (v->n - at) * sizeof(v->p[0]));
	if (v->n == 0)
		u64v_deinit(v);
}

void
call_answered(struct core *core, uint64_t request, uint64_t token)
{
	for (size_t i = core->calls.n; i > 0; i -= CALL_WORDS) {
		const uint64_t *call = &core->calls.p[i - CALL_WORDS];

		if (call[CALL_REQUEST] == request && call[CALL_TOKEN] == token)
			drop_call(core, i - CALL_WORDS);
	}
}

void
call_process_ended(struct core *core, uint64_t process)
{
	for (size_t i = core->calls.n; i > 0; i -= CALL_WORDS)
		if (core->calls.p[i - CALL_WORDS + CALL_PROCESS] == process)
			drop_call(core, i - CALL_WORDS);
}

void
call_forget_requests(struct core *core)
{
	for (size_t i = core->calls.n; i > 0; i -= CALL_WORDS) {
		if (core->calls.p[i - CALL_WORDS + CALL_TOKEN] == 0)
			drop_call(core, i - CALL_WORDS);
		else
			core->calls.p[i - CALL_WORDS + CALL_REQUEST] = 0;
	}
}

static int
add_call(struct core *core, const struct asker *who, uint64_t target)
{
	const uint64_t words[CALL_WORDS] = { who->request, who->token, who->process, target };
	size_t n = core->calls.n;

	for (size_t i = 0; i < CALL_WORDS; i++)
		if (u64v_add(&core->calls, words[i]) < 0) {
			core->calls.n = n;
			return -ENOMEM;
		}
	return 0;
}

/* The instance whose process makes a call; NULL: it is over. */
static struct job *
caller_of(const struct core *core, const uint64_t *call)
{
	return map_get_id(&core->process_to_job, call[CALL_PROCESS]);
}

/* -- circles ------------------------------------------------------------------------------- */

/*
 * Those who wait, found from what they wait for, as triples: the instance, the event over which it waits (0: a call
 * straight for another instance), and the place of what that one waits for (STEP_NONE: the start).
 */
#define STEP_JOB 0
#define STEP_EVENT 1
#define STEP_NEXT 2
#define STEP_WORDS 3
#define STEP_NONE UINT64_MAX

struct steps {
	struct u64v v;
	bool failed; /* memory ran out: some are missing */
};

static void
add_step(struct steps *steps, uint64_t job, uint64_t event, uint64_t next)
{
	struct u64v *v = &steps->v;

	for (size_t i = 0; i < v->n; i += STEP_WORDS)
		if (v->p[i + STEP_JOB] == job)
			return;
	if (job != 0 && (u64v_add(v, job) < 0 || u64v_add(v, event) < 0 || u64v_add(v, next) < 0)) {
		v->n -= v->n % STEP_WORDS;
		steps->failed = true;
	}
}

static void
add_callers(const struct core *core, struct steps *steps, uint64_t target, uint64_t event, uint64_t next)
{
	for (size_t i = 0; i < core->calls.n; i += CALL_WORDS) {
		const struct job *job = caller_of(core, &core->calls.p[i]);

		if (core->calls.p[i + CALL_TARGET] == target && job != NULL)
			add_step(steps, job->id, event, next);
	}
}

static void
add_waiting_for_event(const struct core *core, struct steps *steps, const struct event *event, uint64_t next)
{
	add_step(steps, event->job, event->id, next);
	add_callers(core, steps, event->id, event->id, next);
}

static void
add_waiting_for_job(const struct core *core, struct steps *steps, const struct job *job, uint64_t next)
{
	add_callers(core, steps, job->id, 0, next);
	for (size_t i = 0; i + WAITER_WORDS <= job->waiters.n; i += WAITER_WORDS) {
		const struct event *event =
		    (job->waiters.p[i] & 0xff) != WAITER_REQUEST ? event_get(core, job->waiters.p[i + 1]) : NULL;

		if (event != NULL)
			add_waiting_for_event(core, steps, event, next);
	}
}

/* Where in `steps` the instance is, looking on until everybody who waits is there; STEP_NONE: it does not wait. */
static uint64_t
find_waiting(const struct core *core, struct steps *steps, const struct job *wanted)
{
	for (size_t i = 0; i + STEP_WORDS <= steps->v.n; i += STEP_WORDS) {
		const struct job *job = job_get(core, steps->v.p[i + STEP_JOB]);

		if (job == wanted)
			return i;
		if (job != NULL)
			add_waiting_for_job(core, steps, job, i);
	}
	return STEP_NONE;
}

static void
name_event(const struct core *core, struct strbuf *b, const struct event *event)
{
	const struct job *job = job_get(core, event->job);
	char display[JOB_DISPLAY_MAX];

	strbuf_addf(b, "%s event", event->name);
	if (job != NULL)
		strbuf_addf(b, " of %s", job_display(job, display, sizeof(display)));
}

/* "b -> starting event of b -> a": how the one at `at` waits. */
static void
name_steps(const struct core *core, struct strbuf *b, const struct steps *steps, uint64_t at)
{
	char display[JOB_DISPLAY_MAX];

	for (; at != STEP_NONE; at = steps->v.p[at + STEP_NEXT]) {
		const struct job *job = job_get(core, steps->v.p[at + STEP_JOB]);
		const struct event *event = event_get(core, steps->v.p[at + STEP_EVENT]);

		if (job != NULL)
			strbuf_addf(b, "%s -> ", job_display(job, display, sizeof(display)));
		if (event != NULL && steps->v.p[at + STEP_NEXT] != STEP_NONE) {
			name_event(core, b, event);
			strbuf_add(b, " -> ");
		}
	}
}

/*
 * Would a wait for `job` close a circle? That of the event, or (NULL) of a call by `caller`. Told if so. An event that
 * nobody waits for can't be in one, which is quickly found.
 */
static bool
closes_circle(struct core *core, const struct event *event, const struct job *caller, const struct job *job)
{
	auto_strbuf struct strbuf who = STRBUF_INIT, way = STRBUF_INIT;
	struct steps steps = { 0 };
	char display[JOB_DISPLAY_MAX], name[JOB_DISPLAY_MAX];
	uint64_t at;

	if (event != NULL)
		add_waiting_for_event(core, &steps, event, STEP_NONE);
	else if (caller != NULL)
		add_step(&steps, caller->id, 0, STEP_NONE);
	at = find_waiting(core, &steps, job);
	if (at != STEP_NONE) {
		if (event != NULL)
			name_event(core, &who, event);
		else
			strbuf_addf(&who, "A call by %s", job_display(caller, name, sizeof(name)));
		name_steps(core, &way, &steps, at);
		core_log(core, LOG_LEVEL_WARN, "%s does not wait for %s, which waits for it: %sit",
			 who.failed ? "?" : who.p, job_display(job, display, sizeof(display)),
			 way.failed || way.p == NULL ? "" : way.p);
	}
	core->oom = core->oom || steps.failed;
	u64v_deinit(&steps.v);
	return at != STEP_NONE;
}

/* -- an instance's waiters ------------------------------------------------------------------ */

static int
add_waiter(struct job *job, uint64_t type, uint64_t id, uint64_t token)
{
	size_t n = job->waiters.n;

	if (u64v_add(&job->waiters, type) < 0 || u64v_add(&job->waiters, id) < 0 ||
	    u64v_add(&job->waiters, token) < 0) {
		job->waiters.n = n;
		return -ENOMEM;
	}
	return 0;
}

static int
wait_event(struct core *core, struct job *job, struct event *event, enum waiter_type type)
{
	int r;

	if (closes_circle(core, event, NULL, job))
		return 0;
	r = add_waiter(job, type, event->id, 0);
	if (r == 0)
		event_block_for(core, event, job->id);
	return r;
}

int
job_wait_event(struct core *core, struct job *job, struct event *event)
{
	return wait_event(core, job, event, WAITER_EVENT);
}

int
job_wait_fall(struct core *core, struct job *job, struct event *event)
{
	return wait_event(core, job, event, WAITER_FALL);
}

int
job_wait_request(struct core *core, struct job *job, uint32_t kind, const struct asker *who)
{
	const struct job *caller = map_get_id(&core->process_to_job, who->process);
	int r;

	if (caller != NULL && closes_circle(core, NULL, caller, job))
		return 1;
	r = add_waiter(job, WAITER_REQUEST | (uint64_t) kind << 8, who->request, who->token);
	if (r == 0 && caller != NULL)
		r = add_call(core, who, job->id);
	return r;
}

int
event_wait_request(struct core *core, struct event *event, const struct asker *who)
{
	size_t n = event->requests.n;

	if (u64v_add(&event->requests, who->request) < 0 || u64v_add(&event->requests, who->token) < 0) {
		event->requests.n = n;
		return -ENOMEM;
	}
	return map_get_id(&core->process_to_job, who->process) != NULL ? add_call(core, who, event->id) : 0;
}

/* -- the end of waits ------------------------------------------------------------------------ */

static const char *
failure_text(uint64_t kind)
{
	switch (kind) {
	case JOB_STOP:
	case INSTANCE_STOP:
	case JOB_RESET:
	case INSTANCE_RESET:
		return "Job failed while stopping";
	case JOB_RESTART:
	case INSTANCE_RESTART:
		return "Job failed to restart";
	default:
		return "Job failed to start";
	}
}

void
job_finish(struct core *core, struct job *job, bool failed)
{
	struct u64v waiters = job->waiters;

	/* Detached first: answering may lead back here. */
	job->waiters = (struct u64v){ 0 };
	for (size_t i = 0; i + WAITER_WORDS <= waiters.n; i += WAITER_WORDS) {
		const uint64_t *w = &waiters.p[i];

		if ((w[0] & 0xff) == WAITER_FALL) {
			core_oom(core, add_waiter(job, w[0], w[1], w[2])); /* its time comes later */
		} else if ((w[0] & 0xff) == WAITER_EVENT) {
			struct event *event = event_get(core, w[1]);

			if (event != NULL)
				event_unblock(core, event, failed);
		} else {
			request_answer(core, w[1], w[2], failed ? ERR_JOB_FAILED : NULL,
				       failed ? failure_text(w[0] >> 8) : NULL, job->slot->name, job->name);
		}
	}
	u64v_deinit(&waiters);
}

void
job_release_falls(struct core *core, struct job *job)
{
	struct u64v waiters = job->waiters;

	job->waiters = (struct u64v){ 0 };
	for (size_t i = 0; i + WAITER_WORDS <= waiters.n; i += WAITER_WORDS) {
		const uint64_t *w = &waiters.p[i];
		struct event *event = (w[0] & 0xff) == WAITER_FALL ? event_get(core, w[1]) : NULL;

		if ((w[0] & 0xff) != WAITER_FALL)
			core_oom(core, add_waiter(job, w[0], w[1], w[2]));
		else if (event != NULL)
			event_unblock(core, event, false);
	}
	u64v_deinit(&waiters);
}

/* -- checking --------------------------------------------------------------------------------- */

/* Of each instance, by its place in `ids`, how many wait for it counts up or down; who comes to 0 goes into `none`. */
static bool
count_waits(const struct core *core, uint64_t id, const struct map *places, struct u64v *counts, int by,
	    struct u64v *none)
{
	const struct job *job = job_get(core, id);
	struct steps steps = { 0 };

	if (job != NULL)
		add_waiting_for_job(core, &steps, job, STEP_NONE);
	for (size_t s = 0; s + STEP_WORDS <= steps.v.n; s += STEP_WORDS) {
		uintptr_t place = (uintptr_t) map_get_id(places, steps.v.p[s + STEP_JOB]);

		if (place == 0)
			continue;
		counts->p[place - 1] += (uint64_t) (int64_t) by;
		if (by < 0 && counts->p[place - 1] == 0 && u64v_add(none, steps.v.p[s + STEP_JOB]) < 0)
			steps.failed = true;
	}
	u64v_deinit(&steps.v);
	return !steps.failed;
}

/* Those who wait for nobody are taken away, again and again; what is left hangs in a circle. */
int
wait_check(const struct core *core)
{
	struct u64v ids = { 0 }, counts = { 0 }, none = { 0 };
	struct map places = MAP_INIT;
	const struct slot *slot;
	const struct job *job;
	bool ok = true;

	DL_FOREACH(core->slots, slot)
		DL_FOREACH(slot->jobs, job)
			ok = ok && u64v_add(&ids, job->id) == 0 && u64v_add(&counts, 0) == 0 &&
			     map_put_id(&places, job->id, (void *) (uintptr_t) ids.n) == 0;
	for (size_t i = 0; ok && i < ids.n; i++)
		ok = count_waits(core, ids.p[i], &places, &counts, 1, &none);
	for (size_t i = 0; ok && i < ids.n; i++)
		ok = counts.p[i] > 0 || u64v_add(&none, ids.p[i]) == 0;
	for (size_t i = 0; ok && i < none.n; i++)
		ok = count_waits(core, none.p[i], &places, &counts, -1, &none);
	ok = !ok || none.n == ids.n;
	u64v_deinit(&ids);
	u64v_deinit(&counts);
	u64v_deinit(&none);
	map_deinit(&places);
	return ok ? 0 : -ELOOP;
}
