/* SPDX-License-Identifier: MIT */
#include "init/timers.h"

#include <errno.h>
#include <utlist.h>

#include "init/brain.h"
#include "init/state.h"
#include "init/tracer.h"
#include "system/clock.h"

#define RETRY (100 * USEC_PER_MSEC)

struct timer {
	struct timer *prev, *next;
	struct init *init; /* borrowed */
	uint64_t id;
	usec_t due;
	struct loop_timer *source; /* owned; NULL while loading */
};

struct timers {
	struct timer *list;
	struct map by_id;
	struct loop_timer *retry; /* owned; set while one of them could not be */
};

static void retry_cb(void *data);

int
timers_init(struct init *init)
{
	init->timers = calloc(1, sizeof(*init->timers));
	if (init->timers == NULL)
		return -ENOMEM;
	init->timers->retry = loop_timer_new(init->loop, retry_cb, init);
	return init->timers->retry != NULL ? 0 : -ENOMEM;
}

static void
timer_free(struct init *init, struct timer *t)
{
	map_del_id(&init->timers->by_id, t->id);
	DL_DELETE(init->timers->list, t);
	(void) loop_timer_free(t->source);
	free(t);
}

void
timers_deinit(struct init *init)
{
	struct timer *t, *next;

	if (init->timers == NULL)
		return;
	DL_FOREACH_SAFE(init->timers->list, t, next)
		timer_free(init, t);
	map_deinit(&init->timers->by_id);
	(void) loop_timer_free(init->timers->retry);
	free(init->timers);
	init->timers = NULL;
}

static void
retry_later(struct init *init)
{
	if (!loop_timer_is_set(init->timers->retry))
		loop_timer_set(init->timers->retry, clock_now() + RETRY);
}

static void
due_cb(void *data)
{
	struct timer *t = data;
	struct init *init = t->init;
	uint64_t id = t->id;
	struct input in = { .type = INPUT_TIMER, .timer.timer = t->id };

	/* What it is about may hang from what nobody tells. */
	if (tracer_look(init) < 0 || brain_feed(init, &in) < 0) {
		t = map_get_id(&init->timers->by_id, id); /* what was seen may have cancelled it */
		if (t != NULL)
			loop_timer_set(t->source, clock_now() + RETRY);
		return;
	}
	/* The core may have cancelled it meanwhile. In any case it is over. */
	(void) !timers_set(init, id, 0);
}

static int
arm(struct init *init, struct timer *t)
{
	if (t->source == NULL)
		t->source = loop_timer_new(init->loop, due_cb, t);
	if (t->source == NULL)
		return -ENOMEM;
	loop_timer_set(t->source, t->due);
	return 0;
}

int
timers_set(struct init *init, uint64_t id, usec_t due)
{
	struct timer *t = map_get_id(&init->timers->by_id, id);

	if (due == 0) {
		if (t != NULL)
			timer_free(init, t);
		return 0;
	}
	if (t == NULL) {
		t = calloc(1, sizeof(*t));
		if (t == NULL || map_put_id(&init->timers->by_id, id, t) < 0) {
			free(t);
			return -ENOMEM;
		}
		t->init = init;
		t->id = id;
		DL_APPEND(init->timers->list, t);
	}
	t->due = due;
	return init->state.loading ? 0 : arm(init, t);
}

void
timers_start(struct init *init)
{
	struct timer *t;

	DL_FOREACH(init->timers->list, t)
		if ((t->source == NULL || !loop_timer_is_set(t->source)) && arm(init, t) < 0)
			retry_later(init);
}

static void
retry_cb(void *data)
{
	timers_start(data);
}

void
timers_save(struct init *init)
{
	const struct timer *t;

	DL_FOREACH(init->timers->list, t)
		STATE_NOTE(init, NOTE_TIMER, t->id, NULL, t->due);
}

int
timers_load(struct init *init, const struct note *note)
{
	return timers_set(init, note->id, note_number(note, 0));
}
