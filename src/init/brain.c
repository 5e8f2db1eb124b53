/* SPDX-License-Identifier: MIT */
#include "init/brain.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "common/backoff.h"
#include "common/error.h"
#include "init/condemn.h"
#include "init/crash.h"
#include "init/effects.h"
#include "init/servants.h"
#include "init/spawn.h"
#include "init/state.h"
#include "system/clock.h"

#define RETRY (100 * USEC_PER_MSEC)
#define MEND_FIRST (10 * USEC_PER_MSEC) /* after something was lacking; then doubling */
#define MEND_MAX (1 * USEC_PER_SEC)

/* An input that waits its turn. */
struct fed {
	struct fed *prev, *next;
	struct input in;
	enum servant_id from;
	uint64_t number;
};

static void
retry_cb(void *data)
{
	brain_deliver(data);
}

static void
retry_later(struct init *init)
{
	if (!loop_timer_is_set(init->brain.retry))
		loop_timer_set(init->brain.retry, clock_now() + RETRY);
}

int
brain_init(struct init *init)
{
	init->brain.retry = loop_timer_new(init->loop, retry_cb, init);
	return init->brain.retry != NULL ? 0 : -ENOMEM;
}

void
brain_deinit(struct init *init)
{
	struct fed *fed, *next;

	DL_FOREACH_SAFE(init->brain.queue, fed, next) {
		DL_DELETE(init->brain.queue, fed);
		input_free(&fed->in);
		free(fed);
	}
	init->brain.retry = loop_timer_free(init->brain.retry);
}

/* -- effects ------------------------------------------------------------------------ */

/* Hand one effect on. 0, or a negative errno: later. */
static int
deliver(struct init *init, const struct effect *e)
{
	crash_at(effect_type_name(e->type));
	switch (effect_target_of(e->type)) {
	case TARGET_LOCAL:
		return effect_local(init, e);
	case TARGET_SPAWNER:
		return spawn_effect(init, e);
	case TARGET_CONTROL:
		return effect_control(init, e);
	default:
		return 0;
	}
}

/* It made init crash twice: done without. A process that was to be made has failed. 0, or a negative errno: later. */
static int
give_up(struct init *init, const struct effect *e)
{
	struct input in = { .type = INPUT_SPAWN_FAILED };

	condemn_effect(init, e);
	if (e->type != EFFECT_SPAWN)
		return 0;
	in.spawn_failed.process = e->spawn.process;
	in.spawn_failed.step = SPAWN_SERVANT;
	in.spawn_failed.error = EFAULT;
	return brain_feed(init, &in);
}

static void
deliver_target(struct init *init, enum effect_target target)
{
	uint64_t *cursor = &init->brain.cursor[target];
	const struct effect *e = core_outbox(init->core, *cursor);
	int r;

	for (; e != NULL; e = e->next) {
		if (effect_target_of(e->type) != target)
			continue;
		crash_point();
		crash_in_hand(CRASH_EFFECT(e->id));
		r = crash_condemned(CRASH_EFFECT(e->id)) > 0 ? give_up(init, e) : deliver(init, e);
		crash_in_hand(0);
		crash_point();
		if (r < 0) {
			retry_later(init);
			return;
		}
		*cursor = e->id;
	}
	*cursor = core_last_effect(init->core);
}

static void
deliver_all(struct init *init)
{
	if (init->brain.spoiled)
		return;
	/* Nobody in here applies an input: those that come up wait, so the outbox stands still. */
	for (int target = 0; target < TARGET_COUNT; target++)
		if (init->brain.cursor[target] < core_last_effect(init->core))
			deliver_target(init, (enum effect_target) target);
}

/* -- inputs ------------------------------------------------------------------------- */

/* Tell what can't be told by the input's result. */
static void
judge(struct init *init, const struct input *in, uint64_t before, int r)
{
	struct brain *b = &init->brain;

	if (r == -ENOMEM) {
		/*
		 * The core lacks something, and what it said of this input is not what it will say when the journal is read
		 * again: effects of the same number must be the same.
		 */
		log_error("Out of memory while handling input %s", input_type_name(in->type));
		b->spoiled = true;
		b->before = before;
	} else if (r < 0) {
		log_debug("Input %s refused: %s", input_type_name(in->type), strerror(-r));
	}
}

static int
apply(struct init *init, struct input *in, enum servant_id from, uint64_t number)
{
	uint64_t before = core_last_effect(init->core);
	bool broken;
	int r;

	if (init->brain.spoiled)
		return -EAGAIN; /* a moment, then the journal is read again */
	in->now = clock_now();
	if (in->type == INPUT_DEFINE)
		state_record_definition(init, in->define.class_id);
	r = state_input(init, in, from, number);
	if (r < 0)
		return r;
	crash_at(input_type_name(in->type));
	r = core_apply(init->core, in);
	broken = r == -ENOTRECOVERABLE || crash_breaks(input_type_name(in->type));
	if (broken) {
		r = condemn_broken(init, in, from, number);
		if (r < 0)
			return r;
	}
	crash_in_hand(0);
	if (from != SERVANT_NONE)
		init->servants[from].received = number;
	judge(init, in, before, r);
	if (broken)
		state_record_core(init);
	else if (r != -ENOMEM)
		state_record_effects(init, before);
	deliver_all(init);
	crash_carried_through();
	return 0;
}

static int
enqueue(struct init *init, struct input *in, enum servant_id from, uint64_t number)
{
	struct fed *fed = calloc(1, sizeof(*fed));

	if (fed == NULL) {
		input_free(in);
		return -ENOMEM;
	}
	*fed = (struct fed){ .in = *in, .from = from, .number = number };
	DL_APPEND(init->brain.queue, fed);
	return 0;
}

/* Those that came up meanwhile. What is refused now is tried again a moment later. */
static void
work_off(struct init *init)
{
	struct fed *fed, *next;

	DL_FOREACH_SAFE(init->brain.queue, fed, next) {
		if (apply(init, &fed->in, fed->from, fed->number) < 0) {
			retry_later(init);
			return;
		}
		DL_DELETE(init->brain.queue, fed);
		input_free(&fed->in);
		free(fed);
		next = init->brain.queue;
	}
}

int
brain_feed_from(struct init *init, enum servant_id from, uint64_t number, struct input *in)
{
	int r;

	if (init->brain.busy)
		return enqueue(init, in, from, number);
	if (init->brain.queue != NULL) {
		/* What waits was first: it may be what this one builds on, or of the same servant with a lower number. */
		input_free(in);
		return -EAGAIN;
	}
	init->brain.busy = true;
	r = apply(init, in, from, number);
	input_free(in);
	/* Whoever is refused must find everything as it was; those that wait have a timer of their own. */
	if (r == 0)
		work_off(init);
	init->brain.busy = false;
	return r;
}

int
brain_feed(struct init *init, struct input *in)
{
	return brain_feed_from(init, SERVANT_NONE, 0, in);
}

int
brain_mend(struct init *init)
{
	struct brain *b = &init->brain;
	int r;

	if (!b->spoiled || clock_now() < b->mend_at)
		return 0;
	r = state_reread(init);
	if (r == 0) {
		b->spoiled = false;
		b->mend_at = b->mend_delay = 0;
		state_record_effects(init, b->before);
		brain_deliver(init);
		return 0;
	}
	/* The next image may not come, either. */
	b->mend_delay = backoff_next(b->mend_delay, MEND_FIRST, MEND_MAX);
	b->mend_at = clock_now() + b->mend_delay;
	loop_timer_set(b->retry, b->mend_at);
	return error_is_want(r) ? 0 : r;
}

void
brain_deliver(struct init *init)
{
	if (init->brain.busy || init->core == NULL)
		return;
	init->brain.busy = true;
	work_off(init);
	deliver_all(init);
	work_off(init);
	init->brain.busy = false;
}

void
brain_deliver_again(struct init *init, enum effect_target target)
{
	init->brain.cursor[target] = 0;
	brain_deliver(init);
}

void
brain_turn(struct init *init)
{
	struct brain *b = &init->brain;
	struct input in = { .type = INPUT_ACK };

	if (b->queue != NULL)
		retry_later(init);
	/* That the session is over stays to be done: a successor must leave, too. */
	if (b->cursor[TARGET_LOCAL] <= b->acked[TARGET_LOCAL] || init->phase >= PHASE_LEAVING)
		return;
	in.ack.target = TARGET_LOCAL;
	in.ack.upto = b->cursor[TARGET_LOCAL];
	if (brain_feed(init, &in) == 0)
		b->acked[TARGET_LOCAL] = in.ack.upto;
}
