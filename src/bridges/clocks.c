/* SPDX-License-Identifier: MIT */
#include "bridges/clocks.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <time.h>

#include "common/log.h"

#define LOCALTIME "/etc/localtime"
/* After the link was taken away a new one is made; until then there is nothing to watch. */
#define REWATCH_USEC 200000
/* So far away that it does not matter, yet fit for a 64-bit count of nanoseconds. */
#define FAR ((usec_t) 9000000000 * USEC_PER_SEC)

static const clockid_t ids[TIMERS_CLOCKS] = {
	[TIMERS_REAL] = CLOCK_REALTIME, [TIMERS_BOOT] = CLOCK_BOOTTIME, [TIMERS_ACTIVE] = CLOCK_MONOTONIC,
};

struct clocks {
	const struct clocks_ops *ops; /* borrowed */
	void *data;                   /* borrowed: theirs */
	int fd[TIMERS_CLOCKS];
	struct event *event[TIMERS_CLOCKS]; /* owned, as all here */
	usec_t armed[TIMERS_CLOCKS];        /* UINT64_MAX: not */
	int watch_fd;
	struct event *watch, *rewatch;
};

void
clocks_read(struct timers_now *now)
{
	for (unsigned i = 0; i < TIMERS_CLOCKS; i++) {
		struct timespec ts = { 0 };

		(void) clock_gettime(ids[i], &ts);
		now->at[i] = ts.tv_sec < 0 ? 0 : (usec_t) ts.tv_sec * USEC_PER_SEC + (usec_t) ts.tv_nsec / 1000;
	}
}

static void
timer_cb(evutil_socket_t fd, short what, void *data)
{
	struct clocks *clocks = data;
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));

	for (unsigned i = 0; i < TIMERS_CLOCKS; i++) {
		if (clocks->fd[i] == fd)
			clocks->armed[i] = UINT64_MAX;
	}
	if (n < 0 && errno == ECANCELED)
		clocks->ops->set(clocks->data);
	else if (n == sizeof(count))
		clocks->ops->due(clocks->data);
}

void
clocks_arm(struct clocks *clocks, enum timers_clock clock, usec_t when)
{
	int flags = TFD_TIMER_ABSTIME | (clock == TIMERS_REAL ? TFD_TIMER_CANCEL_ON_SET : 0);
	struct itimerspec spec = { 0 };

	if (clocks->armed[clock] == when)
		return;
	if (when != UINT64_MAX) {
		/* All zero would mean: never. */
		usec_t at = when == 0 ? 1 : when < FAR ? when : FAR;

		spec.it_value.tv_sec = (time_t) (at / USEC_PER_SEC);
		spec.it_value.tv_nsec = (long) (at % USEC_PER_SEC) * 1000;
	}
	clocks->armed[clock] = when;
	/* ECANCELED: it is armed, but the clock was set before it was; the descriptor says so, too. */
	if (timerfd_settime(clocks->fd[clock], flags, &spec, NULL) < 0 && errno != ECANCELED)
		log_error("Unable to set a timer: %s", strerror(errno));
}

/* -- the zone ---------------------------------------------------------------------- */

/* Watch the link itself, which wakes us only when it is replaced. */
static void
watch_zone(struct clocks *clocks)
{
	static const struct timeval later = { 0, REWATCH_USEC };

	if (inotify_add_watch(clocks->watch_fd, LOCALTIME, IN_DONT_FOLLOW | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF) < 0 &&
	    errno == ENOENT && event_add(clocks->rewatch, &later) < 0)
		log_warn("Unable to watch %s: a change of the time zone is not noticed", LOCALTIME);
}

static void
zone_cb(evutil_socket_t fd, short what, void *data)
{
	static const struct timeval later = { 0, REWATCH_USEC };
	struct clocks *clocks = data;
	char buffer[4096];

	while (read(fd, buffer, sizeof(buffer)) > 0)
		;
	(void) event_add(clocks->rewatch, &later);
}

static void
rewatch_cb(evutil_socket_t fd, short what, void *data)
{
	struct clocks *clocks = data;

	if (access(LOCALTIME, F_OK) == 0)
		watch_zone(clocks);
	clocks->ops->zone(clocks->data);
}

/* -- making and unmaking -------------------------------------------------------------- */

static int
make_zone_watch(struct clocks *clocks, struct event_base *base)
{
	clocks->rewatch = event_new(base, -1, 0, rewatch_cb, clocks);
	clocks->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (!clocks->rewatch)
		return -ENOMEM;
	if (clocks->watch_fd < 0) {
		log_warn("Unable to watch %s: %s", LOCALTIME, strerror(errno));
		return 0;
	}
	clocks->watch = event_new(base, clocks->watch_fd, EV_READ | EV_PERSIST, zone_cb, clocks);
	if (!clocks->watch || event_add(clocks->watch, NULL) < 0)
		return -ENOMEM;
	if (access(LOCALTIME, F_OK) == 0)
		watch_zone(clocks);
	return 0;
}

static int
make_timers(struct clocks *clocks, struct event_base *base)
{
	for (unsigned i = 0; i < TIMERS_CLOCKS; i++) {
		clocks->armed[i] = UINT64_MAX;
		clocks->fd[i] = timerfd_create(ids[i], TFD_CLOEXEC | TFD_NONBLOCK);
		if (clocks->fd[i] < 0)
			return -errno;
		clocks->event[i] = event_new(base, clocks->fd[i], EV_READ | EV_PERSIST, timer_cb, clocks);
		if (!clocks->event[i] || event_add(clocks->event[i], NULL) < 0)
			return -ENOMEM;
	}
	return 0;
}

struct clocks *
clocks_new(struct event_base *base, const struct clocks_ops *ops, void *data, struct error *err)
{
	struct clocks *clocks = calloc(1, sizeof(*clocks));
	int r;

	if (!clocks) {
		(void) error_nomem(err);
		return NULL;
	}
	*clocks = (struct clocks) { .ops = ops, .data = data, .fd = { -1, -1, -1 }, .watch_fd = -1 };
	r = make_timers(clocks, base);
	if (r == 0)
		r = make_zone_watch(clocks, base);
	if (r == 0)
		return clocks;
	(void) error_set(err, r, NULL, "Unable to make timers: %s", strerror(-r));
	return clocks_free(clocks);
}

struct clocks *
clocks_free(struct clocks *clocks)
{
	if (!clocks)
		return NULL;
	for (unsigned i = 0; i < TIMERS_CLOCKS; i++) {
		if (clocks->event[i])
			event_free(clocks->event[i]);
		fd_close(&clocks->fd[i]);
	}
	if (clocks->watch)
		event_free(clocks->watch);
	if (clocks->rewatch)
		event_free(clocks->rewatch);
	fd_close(&clocks->watch_fd);
	free(clocks);
	return NULL;
}
