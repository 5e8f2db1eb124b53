/* SPDX-License-Identifier: MIT */
/*
 * Threads are made one at a time, when work is there and all others are busy. They share one lock, which is never held
 * while work is done, nor, before the end, while others are woken: they would only wait for it again. Signals are the main
 * thread's.
 */
#include "logger/workers.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <utlist.h>

#include "common/log.h"

#define THREADS_MAX 16
#define STACK_SIZE ((size_t) 256 * 1024)
#define PATIENCE (100 * USEC_PER_MSEC)	   /* for one piece of work */
#define PATIENCE_BUSY (10 * USEC_PER_MSEC) /* while another hangs: then it is likely to be the disk of all */

struct workers {
	pthread_mutex_t lock;
	pthread_cond_t wanted; /* there is work, or the end */
	pthread_cond_t ended;  /* work that is waited for has ended */
	struct work *queue;    /* that no thread has taken */
	struct work *done;     /* that is to be collected */
	size_t threads, idle;
	size_t out;    /* pieces of work that are not collected */
	size_t queued; /* of those, in the queue */
	size_t late;   /* of those, that were waited for in vain */
	bool end;
	int pipe[2]; /* owned; a byte lies in it while there is something to collect */
	bool told;   /* there is a byte */
};

struct workers *
workers_new(void)
{
	struct workers *ws = calloc(1, sizeof(*ws));
	pthread_condattr_t attributes;

	if (ws == NULL)
		return NULL;
	if (pipe2(ws->pipe, O_CLOEXEC | O_NONBLOCK) < 0) {
		free(ws);
		return NULL;
	}
	/* None of these allocates or fails with glibc and musl. */
	(void) pthread_condattr_init(&attributes);
	(void) pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void) pthread_mutex_init(&ws->lock, NULL);
	(void) pthread_cond_init(&ws->wanted, NULL);
	(void) pthread_cond_init(&ws->ended, &attributes);
	(void) pthread_condattr_destroy(&attributes);
	return ws;
}

int
workers_fd(const struct workers *ws)
{
	return ws->pipe[0];
}

/* -- threads ------------------------------------------------------------------ */

/* A piece has been done; with the lock held. Then those who wait for `ended` are to be told. */
static void
work_ended(struct workers *ws, struct work *w)
{
	bool waited = w->state == WORK_WAITED;

	w->state = WORK_DONE;
	if (waited)
		return;
	LL_APPEND(ws->done, w);
	if (!ws->told)
		ws->told = write(ws->pipe[1], "", 1) == 1;
}

static void *
thread_main(void *data)
{
	struct workers *ws = data;

	(void) pthread_mutex_lock(&ws->lock);
	for (;;) {
		struct work *w = ws->queue;

		if (w == NULL) {
			if (ws->end)
				break;
			ws->idle++;
			(void) pthread_cond_wait(&ws->wanted, &ws->lock);
			ws->idle--;
			continue;
		}
		LL_DELETE(ws->queue, w);
		ws->queued--;
		(void) pthread_mutex_unlock(&ws->lock);
		w->run(w);
		(void) pthread_mutex_lock(&ws->lock);
		work_ended(ws, w);
		(void) pthread_mutex_unlock(&ws->lock);
		(void) pthread_cond_broadcast(&ws->ended);
		(void) pthread_mutex_lock(&ws->lock);
	}
	ws->threads--;
	(void) pthread_cond_broadcast(&ws->ended);
	(void) pthread_mutex_unlock(&ws->lock);
	return NULL;
}

/* One more, if there can be one; with the lock held. */
static void
thread_new(struct workers *ws)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	pthread_t thread;

	if (ws->threads == THREADS_MAX || pthread_attr_init(&attributes) != 0)
		return;
	(void) pthread_attr_setstacksize(&attributes, STACK_SIZE);
	(void) pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	(void) sigfillset(&all);
	(void) pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&thread, &attributes, thread_main, ws) == 0)
		ws->threads++;
	(void) pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void) pthread_attr_destroy(&attributes);
}

/* -- work --------------------------------------------------------------------- */

/*
 * Put it into the queue; with the lock held. False: there is no thread to do it, and there will be none; else one of those
 * who wait for `wanted` is to be told.
 */
static bool
enqueue(struct workers *ws, struct work *w)
{
	if (ws->idle <= ws->queued)
		thread_new(ws);
	if (ws->threads == 0)
		return false;
	w->next = NULL;
	LL_APPEND(ws->queue, w);
	ws->queued++;
	ws->out++;
	return true;
}

static struct timespec
deadline_in(usec_t wait)
{
	struct timespec ts;

	(void) clock_gettime(CLOCK_MONOTONIC, &ts);
	wait += (usec_t) ts.tv_nsec / 1000;
	ts.tv_sec += (time_t) (wait / USEC_PER_SEC);
	ts.tv_nsec = (long) (wait % USEC_PER_SEC) * 1000;
	return ts;
}

bool
workers_run(struct workers *ws, struct work *w)
{
	struct timespec deadline;
	bool done;

	(void) pthread_mutex_lock(&ws->lock);
	deadline = deadline_in(ws->late > 0 ? PATIENCE_BUSY : PATIENCE);
	w->state = WORK_WAITED;
	if (!enqueue(ws, w)) {
		(void) pthread_mutex_unlock(&ws->lock);
		w->run(w); /* better with a risk than not at all */
		w->state = WORK_NONE;
		return true;
	}
	(void) pthread_mutex_unlock(&ws->lock);
	(void) pthread_cond_signal(&ws->wanted);
	(void) pthread_mutex_lock(&ws->lock);
	while (w->state == WORK_WAITED && pthread_cond_timedwait(&ws->ended, &ws->lock, &deadline) == 0)
		continue;
	done = w->state == WORK_DONE;
	w->state = done ? WORK_NONE : WORK_OUT;
	w->late = !done;
	ws->out -= done ? 1 : 0;
	ws->late += done ? 0 : 1;
	(void) pthread_mutex_unlock(&ws->lock);
	return done;
}

void
workers_start(struct workers *ws, struct work *w)
{
	bool taken;

	(void) pthread_mutex_lock(&ws->lock);
	w->state = WORK_OUT;
	w->late = false;
	taken = enqueue(ws, w);
	(void) pthread_mutex_unlock(&ws->lock);
	if (taken) {
		(void) pthread_cond_signal(&ws->wanted);
		return;
	}
	w->run(w);
	(void) pthread_mutex_lock(&ws->lock);
	ws->out++;
	work_ended(ws, w);
	(void) pthread_mutex_unlock(&ws->lock);
	(void) pthread_cond_broadcast(&ws->ended);
}

void
workers_collect(struct workers *ws)
{
	struct work *done, *w;
	char byte;

	(void) pthread_mutex_lock(&ws->lock);
	done = ws->done;
	ws->done = NULL;
	if (ws->told)
		(void) !read(ws->pipe[0], &byte, 1);
	ws->told = false;
	LL_FOREACH(done, w) {
		ws->out--;
		ws->late -= w->late ? 1 : 0;
	}
	(void) pthread_mutex_unlock(&ws->lock);
	while ((w = done) != NULL) {
		done = w->next;
		w->state = WORK_NONE;
		w->finished(w);
	}
}

size_t
workers_busy(const struct workers *ws)
{
	return ws->out;
}

bool
workers_wait(struct workers *ws, usec_t limit)
{
	struct timespec deadline = deadline_in(limit);
	bool late = false;

	for (;;) {
		workers_collect(ws); /* may begin more */
		(void) pthread_mutex_lock(&ws->lock);
		while (ws->out > 0 && ws->done == NULL && !late)
			late = pthread_cond_timedwait(&ws->ended, &ws->lock, &deadline) != 0;
		if (ws->out == 0 || (late && ws->done == NULL)) {
			(void) pthread_mutex_unlock(&ws->lock);
			return ws->out == 0;
		}
		(void) pthread_mutex_unlock(&ws->lock);
	}
}

struct workers *
workers_free(struct workers *ws)
{
	bool hangs;

	if (ws == NULL)
		return NULL;
	(void) pthread_mutex_lock(&ws->lock);
	ws->end = true;
	(void) pthread_cond_broadcast(&ws->wanted);
	while (ws->threads > 0 && ws->out == 0)
		(void) pthread_cond_wait(&ws->ended, &ws->lock);
	hangs = ws->threads > 0;
	(void) pthread_mutex_unlock(&ws->lock);
	if (hangs)
		return NULL; /* a thread will still look at it */
	(void) pthread_mutex_destroy(&ws->lock);
	(void) pthread_cond_destroy(&ws->wanted);
	(void) pthread_cond_destroy(&ws->ended);
	(void) close(ws->pipe[0]);
	(void) close(ws->pipe[1]);
	free(ws);
	return NULL;
}
