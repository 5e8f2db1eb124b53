/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The timers of upstart-time-bridge: which is due when, on which clock, and what becomes of them when clocks are set,
 * when the machine slept, and when there was nobody to look.
 *
 * Nothing here asks what time it is: it is told. So all of it can be tested without waiting.
 */

#include "schedule/ledger.h"
#include "schedule/schedule.h"

/* What a timer waits on. */
enum timers_clock {
	TIMERS_REAL,   /* CLOCK_REALTIME: may be set, goes on while the machine sleeps */
	TIMERS_BOOT,   /* CLOCK_BOOTTIME: never set, goes on */
	TIMERS_ACTIVE, /* CLOCK_MONOTONIC: never set, stands while the machine sleeps */
	TIMERS_CLOCKS,
};

/* What the clocks show; microseconds. */
struct timers_now {
	usec_t at[TIMERS_CLOCKS];
};

struct timer;

/* One thing that will happen; a timer that goes after an event has one for each instance of it. */
struct timers_entry {
	struct timers_entry *next; /* of the same timer */
	struct timer *timer;       /* borrowed */
	char *instance;            /* owned: whose event it goes after; NULL: none's */
	uint64_t id;               /* of its record */
	enum timers_clock clock;
	size_t place;      /* in its heap + 1; 0: it is in none */
	usec_t due;
	int64_t scheduled; /* what it is due for, seconds since 1970 */
	int64_t last;      /* what it fired for last; 0: never */
	uint64_t runs; /* of all instances: at the one without */
};

struct timer {
	struct timer *next, *prev;
	char *key;                     /* owned: what makes it this timer and no other */
	struct schedule schedule;      /* owned */
	const struct zone *zone;       /* borrowed */
	usec_t jitter;                 /* the timer's own share of JITTER */
	bool holds;                    /* its window, if it is one */
	bool seen;                     /* for the owner: while it looks which are still wanted */
	void *data;                    /* the owner's */
	struct timers_entry *entries;  /* owned; the one without instance is always there, last */
	struct timers_entry *root;     /* borrowed: that one */
	uint64_t id;
};

struct timers_ops {
	/*
	 * It is due: `late` tells that the time was missed and is made up for. That it fired has been written already:
	 * whatever happens, it does so once. `entry` is borrowed for the call.
	 */
	void (*fire)(void *data, struct timer *timer, const struct timers_entry *entry, int64_t scheduled, bool late);
	/* It was due while the machine slept, and does not want to be told later. */
	void (*skipped)(void *data, struct timer *timer, int64_t scheduled);
	/* Its window has begun or ended, see `holds`. */
	void (*window)(void *data, struct timer *timer);
	/* The timer is freed: so may be its `data`. */
	void (*gone)(void *data, struct timer *timer);
};

struct timers {
	const struct timers_ops *ops; /* borrowed */
	void *data;                   /* borrowed: theirs */
	struct timer *list;           /* owned */
	struct map by_key;
	struct timers_entry **heap[TIMERS_CLOCKS]; /* owned; entries are borrowed */
	size_t count[TIMERS_CLOCKS], room[TIMERS_CLOCKS];
	size_t made[TIMERS_CLOCKS]; /* entries there are, in the heap or not */
	struct ledger *ledger;  /* borrowed: all timers */
	struct ledger *durable; /* borrowed: those with MISSED=run */
	int64_t plausible;      /* the clock shows nonsense before this; seconds since 1970 */
	bool calendars;         /* it has been plausible */
	bool settled;           /* the owner's: all jobs of the start are there, what comes now is new */
	usec_t started;         /* when init was started, on CLOCK_BOOTTIME */
	usec_t slept;           /* how long the machine has, in all, when it was last looked at */
	bool failed;            /* a ledger could not be written */
};

void timers_init(struct timers *timers, const struct timers_ops *ops, void *data, struct ledger *ledger,
		 struct ledger *durable, const struct timers_now *now);
/* Idempotent. What waits is there again when the records are read the next time. */
void timers_deinit(struct timers *timers);

struct timer *timers_find(const struct timers *timers, const char *key);

/*
 * Add a timer and arm it; `schedule` is taken over and left empty, in any case; `zone` must outlive it. `jitter` as in
 * struct timer. NULL: out of memory.
 */
struct timer *timers_add(struct timers *timers, const char *key, struct schedule *schedule, const struct zone *zone,
			 usec_t jitter, void *data, const struct timers_now *now);
/* The timer is not wanted any more. */
void timers_remove(struct timers *timers, struct timer *timer);

/*
 * The event that the timer goes after has happened, to `instance` (NULL: nobody's): it is due the delay from now. What
 * was waiting for the same instance waits anew. One that goes after startup has been armed already. 0 or -ENOMEM.
 */
int must_check timers_after(struct timers *timers, struct timer *timer, const char *instance,
			    const struct timers_now *now);

/* Do all that is due. */
void timers_run(struct timers *timers, const struct timers_now *now);

/* The clock was set, or zones have changed: what goes by the calendar is looked at anew. Then timers_run(). */
void timers_clock_set(struct timers *timers, const struct timers_now *now);

/* When timers_run() is to be called next; UINT64_MAX: there is nothing to wait for. */
usec_t timers_next(const struct timers *timers, enum timers_clock clock);

/* Records of timers with MISSED=run are there now that were not before. Then timers_run(). */
void timers_recall(struct timers *timers, const struct timers_now *now);

/* The share of `jitter` that falls to `key` on the machine `machine`: always the same. */
usec_t timers_jitter(usec_t jitter, const char *machine, const char *key);
