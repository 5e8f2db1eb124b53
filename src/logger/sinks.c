/* SPDX-License-Identifier: MIT */
/*
 * All sinks of a logger: when what waits is tried again, how many files are open, how many warnings are given, the
 * beginning and the end.
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <utlist.h>

#include "common/log.h"
#include "common/log_file.h"
#include "logger/sink-private.h"

#define HANG (10 * USEC_PER_SEC)    /* a write that takes so long holds up its job no more */
#define END_WAIT (2 * USEC_PER_SEC) /* for what is on its way, at the end */

struct sink *
sinks_get(struct sinks *ss, const char *path)
{
	auto_free char *usable = log_name(path);
	struct sink *s = usable != NULL ? map_get(&ss->by_path, usable) : NULL;

	if (s == NULL && usable != NULL)
		s = sink_new(ss, usable);
	if (s != NULL)
		s->users++;
	return s;
}

/* May one more warning be given? Many files fail for one reason: its first few are enough. */
bool
sinks_may_warn(struct sinks *ss, usec_t now)
{
	while (ss->budget < WARN_BURST && now >= ss->budget_at + WARN_REFILL) {
		ss->budget++;
		ss->budget_at += WARN_REFILL;
	}
	if (ss->budget == WARN_BURST)
		ss->budget_at = now;
	if (ss->budget == 0) {
		ss->suppressed++;
		return false;
	}
	ss->budget--;
	return true;
}

/* Close the file that was not written for the longest time. False: none is open that is not in use. */
bool
sinks_close_oldest(struct sinks *ss)
{
	struct sink *s;

	DL_FOREACH2(ss->open, s, open_next)
	{
		if (s->busy)
			continue;
		sink_close(s);
		return true;
	}
	return false;
}

int
sinks_flush(struct sinks *ss, usec_t now, const char **path)
{
	struct sink *s, *next;
	int first = 0;

	ss->released = false;
	DL_FOREACH_SAFE2(ss->waiting, s, next, wait_next)
	{
		int r = sink_flush(s, now);

		if (r < 0 && r != -EINPROGRESS && !sink_error_is_final(r) && first == 0) {
			first = r;
			*path = s->path;
		}
		sink_give_up_if_final(s, now);
		sink_free_if_unused(s);
	}
	if (first == 0 && ss->busy != NULL) {
		first = -ETIMEDOUT;
		*path = ss->busy->path;
	}
	return first;
}

/* It may be that it never ends: from now on what is printed goes past it, as far as there is room. */
static void
look_for_hanging(struct sinks *ss, usec_t now)
{
	struct sink *s;

	DL_FOREACH2(ss->busy, s, busy_next)
	{
		if (s->hangs || now < s->since + HANG)
			continue;
		s->hangs = s->failing = true;
		if (sinks_may_warn(ss, now))
			log_warn("Writing to log file %s hangs; its output is kept until it goes on", s->path);
		if (ss->resume != NULL)
			ss->resume(s, ss->resume_data);
	}
}

void
sinks_retry(struct sinks *ss, usec_t now)
{
	struct sink *s, *next;

	look_for_hanging(ss, now);
	if (ss->released)
		return;
	ss->next_retry = UINT64_MAX;
	DL_FOREACH_SAFE2(ss->waiting, s, next, wait_next)
	{
		if (s->busy)
			continue; /* goes on by itself */
		if (s->retry <= now) {
			(void) sink_flush(s, now);
			sink_give_up_if_final(s, now);
			sink_free_if_unused(s);
		} else if (s->retry < ss->next_retry) {
			ss->next_retry = s->retry;
		}
	}
}

usec_t
sinks_next_retry(const struct sinks *ss)
{
	usec_t next = ss->released || ss->waiting == NULL ? UINT64_MAX : ss->next_retry;
	const struct sink *s;

	DL_FOREACH2(ss->busy, s, busy_next)
	if (!s->hangs && s->since + HANG < next)
		next = s->since + HANG;
	return next;
}

int
sinks_fd(const struct sinks *ss)
{
	return workers_fd(ss->workers);
}

void
sinks_collect(struct sinks *ss, usec_t now)
{
	ss->now = now;
	workers_collect(ss->workers);
}

bool
sinks_wait(struct sinks *ss, usec_t now)
{
	ss->now = now;
	return workers_wait(ss->workers, END_WAIT);
}

void
sinks_limit_open(struct sinks *ss, size_t max)
{
	ss->max_open = max > 0 ? max : 1;
	while (ss->n_open > ss->max_open && sinks_close_oldest(ss))
		continue;
}

void
sinks_close(struct sinks *ss, bool close)
{
	ss->closes = close;
	while (close && sinks_close_oldest(ss))
		continue;
}

void
sinks_release(struct sinks *ss, usec_t now)
{
	const char *path = NULL;
	int r;

	old_files_cancel(ss->old);
	r = sinks_flush(ss, now, &path);
	if (r < 0)
		log_info("Kept until the end: output for %s and perhaps others: %s", path, strerror(-r));
	ss->released = true;
	while (sinks_close_oldest(ss))
		continue;
	(void) sinks_wait(ss, now);
}

/* -- beginning and end -------------------------------------------------------- */

static usec_t
wall_now(void)
{
	struct timespec ts;

	(void) clock_gettime(CLOCK_REALTIME, &ts);
	return (usec_t) ts.tv_sec * USEC_PER_SEC + (usec_t) ts.tv_nsec / 1000;
}

/* Something of a predecessor's waits for `path`. */
static struct store_queue *
found_cb(const char *path, void *data)
{
	struct sink *s = map_get(&((struct sinks *) data)->by_path, path);

	if (s == NULL)
		s = sink_new(data, path);
	return s != NULL ? &s->queue : NULL;
}

int
sinks_init(struct sinks *ss, struct store *store, usec_t now)
{
	struct sink *s;

	*ss = (struct sinks){ .store = store, .max_open = SIZE_MAX, .budget = WARN_BURST, .budget_at = now };
	ss->now = now;
	ss->wall = wall_now;
	ss->buffer = malloc(BUFFER_SIZE);
	ss->lines = malloc(LINES_SIZE);
	ss->workers = workers_new();
	ss->old = ss->workers != NULL ? old_files_new(ss->workers) : NULL;
	if (ss->buffer == NULL || ss->lines == NULL || ss->old == NULL) {
		sinks_deinit(ss);
		return -ENOMEM;
	}
	store_recover(store, found_cb, ss);
	DL_FOREACH(ss->all, s)
		sink_update_waiting(s);
	ss->next_retry = ss->waiting != NULL ? now : UINT64_MAX;
	return 0;
}

void
sinks_deinit(struct sinks *ss)
{
	struct sink *s, *next;

	ss->resume = NULL;
	if (ss->old != NULL)
		old_files_cancel(ss->old);
	ss->released = true;
	if (ss->workers != NULL)
		(void) sinks_wait(ss, ss->now);
	DL_FOREACH_SAFE(ss->all, s, next) {
		if (s->busy)
			continue; /* a thread hangs in it, until the process ends */
		file_close(&s->file);
		names_unref(s->names);
		free(s->path);
		free(s);
	}
	ss->all = ss->open = ss->waiting = ss->busy = NULL;
	map_deinit(&ss->by_path);
	ss->old = old_files_free(ss->old);
	ss->workers = workers_free(ss->workers);
	free(steal(&ss->buffer));
	free(steal(&ss->spare));
	free(steal(&ss->lines));
}
