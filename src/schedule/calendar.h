/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A set of local times, as crontab(5) and systemd.time(7) describe them, and the next instant of it.
 *
 * Nothing here knows what time it is; all is counted in whole seconds since 1970.
 */

#include <stdbool.h>

#include "common/str.h"
#include "schedule/zone.h"

#define CALENDAR_YEARS_MAX 16 /* entries in a list of years */
#define CALENDAR_YEAR_LAST 9999
#define CALENDAR_NEVER INT64_MAX

/* from, from + step … until; a single year has step 1 and from == until. */
struct calendar_years {
	int from, until, step;
};

struct calendar {
	uint64_t second, minute; /* bit n: at n */
	uint32_t hour;
	uint32_t day;      /* bit n: the n-th of the month */
	uint32_t day_last; /* bit n: the n-th day from its end, 1 is the last */
	uint16_t month;    /* bits 1 … 12 */
	uint8_t weekday;   /* bit 0 is Monday */
	bool either_day;   /* `day` or `weekday`, not both: crontab(5) */
	/* The hour is a pattern: in a night in which the clocks change it goes by what they show, see below. */
	bool floats;
	unsigned n_years; /* 0: every year */
	struct calendar_years years[CALENDAR_YEARS_MAX];
};

/* Where in a text it goes wrong, and why. */
struct schedule_fault {
	size_t offset; /* bytes from the text's beginning */
	char text[160];
};

/* Fill `fault`; returns -EINVAL. */
int schedule_fault(struct schedule_fault *fault, size_t offset, const char *fmt, ...) printf_like(3, 4);

/*
 * Read the fields of a crontab(5) line: five, or six with seconds in front; or one of @hourly, @daily, @midnight,
 * @weekly, @monthly, @yearly, @annually. 0 or -EINVAL.
 */
int must_check calendar_read_cron(struct calendar *calendar, struct span text, struct schedule_fault *fault);

/*
 * Read a calendar event of systemd.time(7), except that seconds are whole. If a time zone stands at its end *zone is
 * its name, else empty. 0 or -EINVAL.
 */
int must_check calendar_read_event(struct calendar *calendar, struct span *zone, struct span text,
				   struct schedule_fault *fault);

/* Read days of the week, "Mon..Fri,Sun" or "Mon-Fri"; *days gets the bits. 0 or -EINVAL. */
int must_check calendar_read_weekdays(uint8_t *days, struct span text, struct schedule_fault *fault);

/* The first local time of the set at or after `local`; CALENDAR_NEVER: there is none, in 400 years at least. */
int64_t calendar_next_local(const struct calendar *calendar, int64_t local);

/*
 * The first instant after `after`; CALENDAR_NEVER: none. Where the clocks are put forward, a time that they skip comes
 * at the moment they do so; where they are put back, a repeated time comes the first time only. With `floats`
 * there are no such mercies: what is skipped does not come, what is repeated comes twice.
 */
int64_t calendar_next(const struct calendar *calendar, const struct zone *zone, int64_t after);
