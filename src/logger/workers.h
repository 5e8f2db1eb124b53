/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What may hang: calls on files of a disk that is slow or dead, run by threads of their own so that nothing else waits
 * for them.
 *
 * The one that gives out work waits for its end, for a moment: on a disk that works nothing overlaps, and all is as if
 * there were no threads. What takes longer goes on by itself, and is collected when it has ended. A work that hangs for
 * ever holds one thread; when all hang, further work waits for one.
 */

#include <stdbool.h>

#include "common/macros.h"

struct workers;

/* One piece of work; part of a bigger structure. While it is out its memory belongs to the thread that does it. */
struct work {
	struct work *next;
	void (*run)(struct work *w);	  /* in a thread of its own */
	void (*finished)(struct work *w); /* by workers_collect(), where the end was not waited for */
	/* guarded by the workers' lock while it is out */
	enum { WORK_NONE, WORK_WAITED, WORK_OUT, WORK_DONE } state;
	bool late; /* its end was waited for in vain */
};

/* NULL: out of memory or descriptors. No thread is made before there is work. */
struct workers *workers_new(void);
/* Takes NULL, returns NULL. Work that hangs is left to itself: its memory and that of `w` stay then. */
struct workers *workers_free(struct workers *ws);

/* Readable when there is something to collect. */
int workers_fd(const struct workers *ws);
/* Call `finished` of all that has ended. */
void workers_collect(struct workers *ws);

/*
 * Have work->run called. True: it has run. False: it goes on, or waits for a thread; work->finished will be called.
 * Waits at most a tenth of a second, and less while something hangs.
 */
bool workers_run(struct workers *ws, struct work *work);
/* The same without waiting. */
void workers_start(struct workers *ws, struct work *work);

/* How many are out. */
size_t workers_busy(const struct workers *ws);
/* Wait until none is out, at most so long, and collect. True: none is. */
bool workers_wait(struct workers *ws, usec_t limit);
