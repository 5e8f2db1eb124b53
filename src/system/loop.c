/* SPDX-License-Identifier: MIT */
/*
 * Owns the libevent base and knows all sources, so that it can make the base anew. libevent
 * ends the process on faults it thinks fatal; its callback leaves by a jump instead, and the base, in an unknown
 * state then, is left where it is.
 */
#include "system/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <setjmp.h>
#include <unistd.h>
#include <utlist.h>

#include "common/log.h"
#include "system/clock.h"

#define WANT_PAUSE 1000 /* microseconds */

struct loop_fd {
	struct loop_fd *prev, *next;
	struct loop *loop; /* borrowed */
	struct event event;
	int fd;
	unsigned wanted;
	bool added;
	loop_fd_fn fn;
	void *data; /* borrowed */
};

struct loop_timer {
	struct loop_timer *prev, *next;
	struct loop *loop; /* borrowed */
	struct event event;
	usec_t due;
	bool set, starved; /* starved: set, but the library had no memory for it */
	loop_timer_fn fn;
	void *data; /* borrowed */
};

struct loop {
	struct event_base *base;
	struct loop_fd *fds;
	struct loop_timer *timers;
	struct loop_timer *limit; /* ends a wait */
	bool starved;		  /* some timer is */
};

/* Where libevent's fatal callback, which must not return, goes to. */
static struct {
	sigjmp_buf where;
	volatile bool armed;
} rescue;

static void
fatal_cb(int error)
{
	(void) error;
	if (rescue.armed)
		siglongjmp(rescue.where, 1);
	/* Outside of the wait there is nowhere to go back to; a pause is better than an end. */
	for (;;)
		(void) pause();
}

static void
quiet_cb(int severity, const char *text)
{
	if (severity >= EVENT_LOG_WARN)
		log_debug("libevent: %s", text);
}

static struct event_base *
base_new(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base;

	if (config == NULL)
		return NULL;
	(void) event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV | EVENT_BASE_FLAG_NOLOCK |
						 EVENT_BASE_FLAG_PRECISE_TIMER);
#ifdef UPSTART_PLATFORM_POSIX
	{
		static const char *const others[] = { "epoll", "kqueue", "devpoll", "evport", "select" };

		for (size_t i = 0; i < ARRAY_SIZE(others); i++)
			(void) event_config_avoid_method(config, others[i]);
	}
#endif
	base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

struct loop *
loop_new(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (loop == NULL)
		return NULL;
	event_set_fatal_callback(fatal_cb);
	event_set_log_callback(quiet_cb);
	loop->base = base_new();
	if (loop->base == NULL) {
		free(loop);
		return NULL;
	}
	return loop;
}

struct loop *
loop_free(struct loop *loop)
{
	if (loop == NULL)
		return NULL;
	(void) loop_timer_free(loop->limit);
	event_base_free(loop->base);
	free(loop);
	return NULL;
}

/* -- descriptors ------------------------------------------------------------ */

static void
fd_cb(evutil_socket_t fd, short what, void *data)
{
	struct loop_fd *source = data;

	(void) fd;
	source->fn((what & EV_READ ? LOOP_READ : 0) | (what & EV_WRITE ? LOOP_WRITE : 0), source->data);
}

static int
fd_add(struct loop_fd *source)
{
	short what = EV_PERSIST;

	if (source->wanted == 0)
		return 0;
	what |= source->wanted & LOOP_READ ? EV_READ : 0;
	what |= source->wanted & LOOP_WRITE ? EV_WRITE : 0;
	errno = 0;
	if (event_assign(&source->event, source->loop->base, source->fd, what, fd_cb, source) < 0)
		return -EINVAL;
	if (event_add(&source->event, NULL) < 0)
		return errno != 0 ? -errno : -ENOMEM;
	source->added = true;
	return 0;
}

struct loop_fd *
loop_fd_new(struct loop *loop, int fd, unsigned events, loop_fd_fn fn, void *data)
{
	struct loop_fd *source = calloc(1, sizeof(*source));

	if (source == NULL)
		return NULL;
	source->loop = loop;
	source->fd = fd;
	source->fn = fn;
	source->data = data;
	source->wanted = events;
	if (fd_add(source) < 0) {
		free(source);
		return NULL;
	}
	DL_APPEND(loop->fds, source);
	return source;
}

static void
fd_remove(struct loop_fd *source)
{
	if (source->added)
		(void) event_del(&source->event);
	source->added = false;
}

int
loop_fd_want(struct loop_fd *source, unsigned events)
{
	if (source->wanted == events && (source->added || events == 0))
		return 0;
	fd_remove(source);
	source->wanted = events;
	return fd_add(source);
}

struct loop_fd *
loop_fd_free(struct loop_fd *source)
{
	if (source == NULL)
		return NULL;
	fd_remove(source);
	DL_DELETE(source->loop->fds, source);
	free(source);
	return NULL;
}

/* -- timers ------------------------------------------------------------------ */

static void
timer_add(struct loop_timer *timer)
{
	usec_t now = clock_now();
	usec_t left = timer->due > now ? timer->due - now : 0;
	struct timeval tv = { (time_t) (left / USEC_PER_SEC), (suseconds_t) (left % USEC_PER_SEC) };

	timer->set = true;
	/* Without memory for a place in the row it is looked at in each turn. */
	timer->starved = event_add(&timer->event, &tv) < 0;
	timer->loop->starved = timer->loop->starved || timer->starved;
}

static void
timer_cb(evutil_socket_t fd, short what, void *data)
{
	struct loop_timer *timer = data;

	(void) fd;
	(void) what;
	/* The library's clock may be a little ahead of ours. */
	if (clock_now() < timer->due) {
		timer_add(timer);
		return;
	}
	timer->set = false;
	timer->fn(timer->data);
}

struct loop_timer *
loop_timer_new(struct loop *loop, loop_timer_fn fn, void *data)
{
	struct loop_timer *timer = calloc(1, sizeof(*timer));

	if (timer == NULL)
		return NULL;
	timer->loop = loop;
	timer->fn = fn;
	timer->data = data;
	if (event_assign(&timer->event, loop->base, -1, 0, timer_cb, timer) < 0) {
		free(timer);
		return NULL;
	}
	DL_APPEND(loop->timers, timer);
	return timer;
}

void
loop_timer_set(struct loop_timer *timer, usec_t due)
{
	timer->due = due;
	timer_add(timer);
}

void
loop_timer_cancel(struct loop_timer *timer)
{
	if (timer->set)
		(void) event_del(&timer->event);
	timer->set = timer->starved = false;
}

bool
loop_timer_is_set(const struct loop_timer *timer)
{
	return timer->set;
}

struct loop_timer *
loop_timer_free(struct loop_timer *timer)
{
	if (timer == NULL)
		return NULL;
	loop_timer_cancel(timer);
	DL_DELETE(timer->loop->timers, timer);
	free(timer);
	return NULL;
}

/* -- running ----------------------------------------------------------------- */

/* Leave the broken base behind and put all sources into a fresh one. */
static int
renew(struct loop *loop)
{
	struct event_base *base = base_new();
	struct loop_fd *source;
	struct loop_timer *timer;

	if (base == NULL)
		return -ENOMEM;
	loop->base = base;
	DL_FOREACH(loop->fds, source) {
		source->added = false;
		if (fd_add(source) < 0)
			log_error("A descriptor is not watched any more: %d", source->fd);
	}
	DL_FOREACH(loop->timers, timer) {
		bool set = timer->set;

		timer->set = false;
		(void) event_assign(&timer->event, base, -1, 0, timer_cb, timer);
		if (set)
			timer_add(timer);
	}
	return 0;
}

static void
limit_cb(void *data)
{
	(void) data;
}

/* The wait itself, from which libevent's fatal callback may jump back to here. 0 or -EIO. */
static int
run_base(struct event_base *base, int flags)
{
	int r;

	if (sigsetjmp(rescue.where, 0) != 0) {
		rescue.armed = false;
		return -EIO;
	}
	rescue.armed = true;
	r = event_base_loop(base, flags);
	rescue.armed = false;
	return r >= 0 ? 0 : -EIO;
}

/* Timers that found no memory: those that are due come in this turn, others try again. True while some are left. */
static bool
feed_starved(struct loop *loop)
{
	usec_t now = clock_now();
	struct loop_timer *timer;

	loop->starved = false;
	DL_FOREACH(loop->timers, timer) {
		if (!timer->starved)
			continue;
		if (timer->due > now) {
			timer_add(timer);
			continue;
		}
		timer->starved = false;
		event_active(&timer->event, EV_TIMEOUT, 0);
	}
	return loop->starved;
}

int
loop_run_once(struct loop *loop, usec_t timeout)
{
	int flags = EVLOOP_ONCE;
	int r;

	if (timeout == 0) {
		flags |= EVLOOP_NONBLOCK;
	} else if (timeout != UINT64_MAX) {
		if (loop->limit == NULL)
			loop->limit = loop_timer_new(loop, limit_cb, NULL);
		if (loop->limit != NULL)
			loop_timer_set(loop->limit, clock_now() + timeout);
		else
			flags |= EVLOOP_NONBLOCK;
	}
	if (loop->starved && feed_starved(loop)) {
		flags |= EVLOOP_NONBLOCK;
		(void) usleep(WANT_PAUSE);
	}
	r = run_base(loop->base, flags);
	if (loop->limit != NULL)
		loop_timer_cancel(loop->limit);
	if (r == 0)
		return 0;
	log_error("The event loop failed and is made anew");
	return renew(loop);
}
