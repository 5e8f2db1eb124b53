/* SPDX-License-Identifier: MIT */
/*
 * The event queue (runtime.md section 2). An event is pending until its turn, then handled
 * once, then stays until nothing blocks it, and is finished.
 *
 * The queue is walked in passes, from the head: an event that can be finished is finished
 * before the next one is looked at; one that becomes ready behind the walker waits for the next
 * pass. Only events about which something can be done are looked at: they lie in a heap by id,
 * which is their order of arrival.
 */
#include "core/internal.h"

#include "common/invariant.h"
#include "common/log.h"
#include "common/msg.h"

#include <string.h>
#include <utlist.h>

static int
heap_push(struct heap *h, uint64_t id)
{
	size_t i = h->n;

	if (h->n == h->cap) {
		size_t cap = h->cap ? 2 * h->cap : 16;
		uint64_t *p = realloc(h->p, cap * sizeof(*p));

		if (p == NULL)
			return -1;
		h->p = p;
		h->cap = cap;
	}
	h->n++;
	for (; i > 0 && h->p[(i - 1) / 2] > id; i = (i - 1) / 2)
		h->p[i] = h->p[(i - 1) / 2];
	h->p[i] = id;
	return 0;
}

static uint64_t
heap_pop(struct heap *h)
{
	uint64_t top = h->p[0], last = h->p[--h->n];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= h->n)
			break;
		if (child + 1 < h->n && h->p[child + 1] < h->p[child])
			child++;
		if (h->p[child] >= last)
			break;
		h->p[i] = h->p[child];
		i = child;
	}
	if (h->n > 0)
		h->p[i] = last;
	return top;
}

struct event *
event_get(const struct core *core, uint64_t id)
{
	return id != 0 ? map_get_id(&core->events_by_id, id) : NULL;
}

/* Something can be done about the event: now in this pass, or in the next. */
void
event_ready(struct core *core, const struct event *event)
{
	struct heap *h = core->draining && event->id <= core->pass ? &core->later : &core->ready;

	if (heap_push(h, event->id) < 0)
		core->oom = true;
}

struct event *
event_emit(struct core *core, const char *name, char *const *env)
{
	return event_emit_in(core, scope_of(NULL), name, env);
}

static struct event *
queue_new(struct core *core, struct span root, const char *name, char *const *env, bool silent)
{
	struct event *event = calloc(1, sizeof(*event));

	if (event == NULL)
		goto fail;
	event->id = core_new_id(core);
	event->name = strdup(name);
	event->root = root.n > 0 ? span_dup(root) : NULL;
	event->silent = silent;
	event->queued = core->now;
	if (event->name == NULL || (root.n > 0 && event->root == NULL) || strv_dup(&event->env, env) < 0 ||
	    map_put_id(&core->events_by_id, event->id, event) < 0)
		goto fail;
	DL_APPEND(core->events, event);
	event_ready(core, event);
	if (!silent)
		core_notify(core, NOTIFY_EVENT_QUEUED, NULL, event->root, event->name, event->env, 0);
	return event;
fail:
	if (event != NULL) {
		free(event->name);
		free(event->root);
		event->env = strv_free(event->env);
		free(event);
	}
	core->oom = true;
	return NULL;
}

struct event *
event_emit_in(struct core *core, struct span root, const char *name, char *const *env)
{
	return queue_new(core, root, name, env, false);
}

struct event *
event_emit_silent(struct core *core, struct span root, const char *name)
{
	return queue_new(core, root, name, NULL, true);
}

void
event_free(struct core *core, struct event *event)
{
	map_del_id(&core->events_by_id, event->id);
	DL_DELETE(core->events, event);
	free(event->name);
	free(event->root);
	event->env = strv_free(event->env);
	event->classes = strv_free(event->classes);
	event->instances = strv_free(event->instances);
	u64v_deinit(&event->fds);
	u64v_deinit(&event->requests);
	u64v_deinit(&event->holders);
	free(event);
}

void
event_block(struct event *event)
{
	event->blockers++;
}

void
event_block_for(struct core *core, struct event *event, uint64_t job)
{
	event_block(event);
	core_oom(core, u64v_add(&event->holders, job));
}

void
event_unblock(struct core *core, struct event *event, bool failed)
{
	if (failed)
		event->failed = true;
	invariant(event->blockers > 0, core->broken = true; return);
	event->blockers--;
	if (event->blockers == 0 && event->progress == EVENT_HANDLING)
		event_ready(core, event);
}

/* Does its failure have an event of its own? That of a failure has not. */
static bool
failure_is_told(const char *name)
{
	const char *slash = strrchr(name, '/');

	return strcmp(slash != NULL ? slash + 1 : name, "failed") != 0;
}

struct event *
event_emit_failed(struct core *core, struct span root, const char *name, char *const *env)
{
	auto_free char *failed = NULL;

	if (!failure_is_told(name))
		return NULL;
	failed = str_printf("%s/failed", name);
	if (failed == NULL) {
		core->oom = true;
		return NULL;
	}
	return event_emit_in(core, root, failed, env);
}

/* The event is over: first those it blocked go on, last everybody hears of it. */
static void
finish(struct core *core, struct event *event)
{
	struct job *job = job_get(core, event->job);

	step_event(core, CORE_STEP_FINISHED, event);
	event->job = 0;
	if (job != NULL && job->blocker == event->id) {
		job->blocker = 0;
		job_advance(core, job);
	}
	for (size_t i = 0; i + 1 < event->requests.n; i += 2)
		request_answer(core, event->requests.p[i], event->requests.p[i + 1],
			       event->failed ? ERR_EVENT_FAILED : NULL, event->failed ? "Event failed" : NULL, NULL, NULL);
	fd_release(core, event->fd);
	for (size_t i = 0; i < event->fds.n; i++)
		fd_release(core, event->fds.p[i]);
	if (event->failed && !event->silent) {
		struct event *failed = event_emit_failed(core, scope_of(event->root), event->name, event->env);

		if (failed != NULL) {
			failed->cause = event->cause;
			failed->lineage = event->lineage;
			failed->run = event->run;
		}
	}
	if (!event->silent)
		core_notify(core, NOTIFY_EVENT_EMITTED, NULL, event->root, event->name, event->env, 0);
	event_free(core, event);
}

/* One event's turn: handle it if it is new, finish it if nothing blocks it. */
static void
look_at(struct core *core, struct event *event)
{
	if (event->progress == EVENT_PENDING) {
		core_log(core, LOG_LEVEL_INFO, event->silent ? "Handling %s" : "Handling %s event", event->name);
		event->progress = EVENT_HANDLING;
		step_event(core, CORE_STEP_HANDLED, event);
		event_block(event); /* no one finishes it while it is handled */
		if (!event->silent)
			trigger_dispatch(core, event);
		state_runlevel(core, event);
		if (strcmp(event->name, "startup") == 0 && event->root == NULL) {
			core->startup = core->startup != 0 ? core->startup : event->queued;
			follow_awake(core);
		}
		event->blockers--;
		if (event->blockers > 0)
			step_event(core, CORE_STEP_HELD, event);
	}
	if (event->blockers == 0)
		finish(core, event);
	follow_run(core); /* what has risen by it has, before the next is handled */
}

void
event_drain(struct core *core)
{
	unsigned turns = 0;

	core->draining = true;
	core->pass = 0;
	while (core->woken.n > 0 || core->ready.n > 0 || core->later.n > 0) {
		struct event *event;

		/* One that goes on may end the rest of another. Whatever ends the loop, none is left: they are not saved. */
		while (core->woken.n > 0)
			pace_go_on(core);
		if (core->ready.n == 0 && core->later.n == 0)
			continue;
		if (core->ready.n == 0) { /* the end of the queue: from the head again */
			struct heap h = core->ready;

			core->ready = core->later;
			core->later = h;
			core->pass = 0;
		}
		if (turns++ >= EVENTS_PER_TURN) {
			if (core->yield_timer == 0) {
				core_log(core, LOG_LEVEL_WARN, "Events follow each other without end, others go first");
				core->yield_timer = core_timer(core, core->now);
			}
			break;
		}
		core->pass = heap_pop(&core->ready);
		event = event_get(core, core->pass);
		if (event != NULL)
			look_at(core, event);
	}
	/* What is left for the next turn must be found there. */
	while (core->later.n > 0)
		if (heap_push(&core->ready, heap_pop(&core->later)) < 0)
			core->oom = true;
	core->draining = false;
}
