/* SPDX-License-Identifier: MIT */
#include "init/own.h"

#include <errno.h>
#include <string.h>

#include "init/brain.h"
#include "init/shutdown.h"
#include "system/clock.h"

#define RETRY (100 * USEC_PER_MSEC)

static int
emit(struct init *init, const char *name)
{
	struct input in = { .type = INPUT_EMIT };

	in.emit.name = strdup(name);
	return in.emit.name != NULL ? brain_feed(init, &in) : -ENOMEM;
}

static int
end_session(struct init *init)
{
	struct input in = { .type = INPUT_SESSION_END };

	in.session_end.type = strdup("shutdown");
	return in.session_end.type != NULL ? brain_feed(init, &in) : -ENOMEM;
}

static int
tell_control(struct init *init)
{
	struct input in = { .type = INPUT_CONTROL, .control.present = init->own.control };

	return brain_feed(init, &in);
}

/* One of each kind at most; how often a signal came by then makes no difference. */
static int
tell_shutdown(struct init *init, enum shutdown_action what)
{
	struct input in = { .type = INPUT_SHUTDOWN };
	int r;

	if ((init->own.down_owed & 1u << what) == 0)
		return 0;
	r = shutdown_fill(init, what, &in.shutdown);
	r = r == 0 ? brain_feed(init, &in) : r;
	if (r == 0)
		init->own.down_owed &= ~(1u << what);
	return r;
}

/* Tell what is owed, in order. */
static void
tell(struct init *init)
{
	struct own *own = &init->own;
	size_t n = 0;
	int r = 0;

	if (own->control_owed)
		r = tell_control(init);
	own->control_owed = r < 0;
	if (r == 0)
		r = tell_shutdown(init, SHUTDOWN_RULES);
	while (r == 0 && n < own->n_events && (r = emit(init, own->events[n])) == 0)
		n++;
	own->n_events -= n;
	memmove(own->events, own->events + n, own->n_events * sizeof(own->events[0]));
	for (int what = SHUTDOWN_BEGIN; r == 0 && what <= SHUTDOWN_LOST; what++)
		r = tell_shutdown(init, (enum shutdown_action) what);
	if (r == 0 && own->end_owed)
		own->end_owed = (r = end_session(init)) < 0;
	if (r == 0)
		return;
	log_debug("init has to wait to tell what it knows: %s", strerror(-r));
	loop_timer_set(own->retry, clock_now() + RETRY);
}

static void
retry_cb(void *data)
{
	tell(data);
}

int
own_init(struct init *init)
{
	init->own.retry = loop_timer_new(init->loop, retry_cb, init);
	return init->own.retry != NULL ? 0 : -ENOMEM;
}

void
own_deinit(struct init *init)
{
	init->own.retry = loop_timer_free(init->own.retry);
}

void
own_emit(struct init *init, const char *name)
{
	struct own *own = &init->own;
	size_t i = 0;

	while (i < own->n_events && strcmp(own->events[i], name) != 0)
		i++;
	if (i == OWN_EVENTS_MAX)
		return;
	if (i == own->n_events)
		own->events[own->n_events++] = name;
	tell(init);
}

void
own_control(struct init *init, bool present)
{
	init->own.control = present;
	init->own.control_owed = true;
	tell(init);
}

void
own_session_end(struct init *init)
{
	init->own.end_owed = true;
	tell(init);
}

void
own_shutdown(struct init *init, enum shutdown_action what)
{
	init->own.down_owed |= 1u << what;
	tell(init);
}
