/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a condition on `time` says: the words after it, and when that is. Pure: now, zone and schedule give the next time.
 *
 *	EVERY=SPAN  CRON="…"  CALENDAR="…"  AT="…"  AFTER="EVENT [MATCH]…" DELAY=SPAN     one of them
 *	[TZ=] [COUNT=] [JITTER=] [MISSED=run|skip] [CLOCK=boot|active]
 *
 * and of `while time`: BETWEEN="HH:MM-HH:MM" [DAYS=] [TZ=].
 */

#include "schedule/calendar.h"

#define SCHEDULE_EVENT "time" /* the event and the state */

enum schedule_kind {
	SCHEDULE_EVERY,    /* period */
	SCHEDULE_CALENDAR, /* CRON, CALENDAR, and AT without an offset: calendar */
	SCHEDULE_INSTANT,  /* AT with an offset from UTC: instant */
	SCHEDULE_AFTER,    /* after `after`, period */
	SCHEDULE_BETWEEN,  /* the state: calendar has its beginnings, end its ends */
};

enum schedule_clock {
	SCHEDULE_BOOT,   /* goes on while the machine sleeps */
	SCHEDULE_ACTIVE, /* does not */
};

struct schedule {
	enum schedule_kind kind;
	struct calendar calendar, end;
	int64_t instant; /* seconds since 1970 */
	usec_t period;   /* EVERY, DELAY */
	char *zone;      /* owned: its name; NULL: the system's */
	char **after;    /* owned: the event and its matches; quotes removed, variables not expanded */
	uint64_t count;  /* at most so many times; 0: no limit */
	usec_t jitter;
	bool run_missed;
	enum schedule_clock clock;
};

/* Which word is wrong, and where in it. */
struct schedule_error {
	size_t word;   /* its index; that of the terminating NULL: something is missing */
	size_t offset; /* bytes from the word's beginning */
	char text[200];
};

/*
 * Read the words of a condition on the event `time`, or with `state` on the state. 0; -EINVAL with *why filled; -ENOMEM.
 * On failure there is nothing to free.
 */
int must_check schedule_read(struct schedule *schedule, char *const *words, bool state, struct schedule_error *why);
void schedule_deinit(struct schedule *schedule); /* idempotent */

/*
 * The first time after `after`, seconds since 1970, that a schedule of kind CALENDAR or INSTANT falls due, without
 * jitter; of kind BETWEEN: that it begins. CALENDAR_NEVER: none.
 */
int64_t schedule_next(const struct schedule *schedule, const struct zone *zone, int64_t after);

/* Does the window of a schedule of kind BETWEEN hold at `now`, and until when is that so? */
bool schedule_window(const struct schedule *schedule, const struct zone *zone, int64_t now, int64_t *until);

/* Seconds since 1970 as "2026-12-24T18:00:00+01:00"; `buffer` is returned. */
#define SCHEDULE_TIME_MAX 40
const char *schedule_time(char buffer[SCHEDULE_TIME_MAX], const struct zone *zone, int64_t t);
