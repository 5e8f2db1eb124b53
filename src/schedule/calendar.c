/* SPDX-License-Identifier: MIT */
/*
 * The search goes down from years to seconds and leaves out what cannot match; a day is a constant number of steps.
 * Zones are taken one even interval after the other, so that inside each local time is just an addition.
 */
#include "schedule/calendar.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "schedule/civil.h"

#define YEARS_AHEAD 400 /* after that all repeats */
#define SPANS_MAX 1000  /* intervals of a zone that are looked at; each holds a candidate, or is the one before */
#define CLOSE (4 * SECONDS_PER_DAY) /* no clock is further from UTC, nor put forward or back by more */
#define FIRST INT64_C(-62135596800) /* the year 1: nobody asks for what was before */
#define LAST INT64_C(253402300799)  /* the end of the year 9999 */

int
schedule_fault(struct schedule_fault *fault, size_t offset, const char *fmt, ...)
{
	va_list args;

	fault->offset = offset;
	va_start(args, fmt);
	(void) vsnprintf(fault->text, sizeof(fault->text), fmt, args);
	va_end(args);
	return -EINVAL;
}

/* -- local time ----------------------------------------------------------------- */

static bool
has_year(const struct calendar *c, int year)
{
	for (unsigned i = 0; i < c->n_years; i++) {
		const struct calendar_years *y = &c->years[i];

		if (year >= y->from && year <= y->until && (year - y->from) % y->step == 0)
			return true;
	}
	return c->n_years == 0;
}

static bool
has_day(const struct calendar *c, int year, int month, int day)
{
	int length = civil_month_length(year, month);
	bool of_month = (c->day >> day & 1) || (c->day_last >> (length - day + 1) & 1);
	bool of_week = c->weekday >> civil_weekday(civil_days(year, month, day)) & 1;

	return c->either_day ? of_month || of_week : of_month && of_week;
}

/* The first set bit at or above `from`, or -1. */
static int
next_bit(uint64_t bits, int from)
{
	if (from > 63)
		return -1;
	bits &= UINT64_MAX << from;
	return bits ? __builtin_ctzll(bits) : -1;
}

/* The first time of day at or after that of `t`, into `t`; false: none is left. */
static bool
next_time(const struct calendar *c, struct civil *t)
{
	int hour = next_bit(c->hour, t->hour), minute = -1, second = -1;

	if (hour == t->hour) {
		minute = next_bit(c->minute, t->minute);
		if (minute == t->minute) {
			second = next_bit(c->second, t->second);
			if (second < 0)
				minute = next_bit(c->minute, t->minute + 1);
		}
		if (minute < 0)
			hour = next_bit(c->hour, t->hour + 1);
	}
	if (hour < 0)
		return false;
	t->hour = hour;
	t->minute = minute >= 0 ? minute : next_bit(c->minute, 0);
	t->second = second >= 0 ? second : next_bit(c->second, 0);
	return t->minute >= 0 && t->second >= 0;
}

/* To the beginning of the next day, month or year. */
static void
skip_day(struct civil *t)
{
	t->hour = t->minute = t->second = 0;
	if (++t->day <= civil_month_length(t->year, t->month))
		return;
	t->day = 1;
	if (++t->month <= 12)
		return;
	t->month = 1;
	t->year++;
}

static void
skip_month(struct civil *t)
{
	t->day = 31;
	if (civil_month_length(t->year, t->month) < 31)
		t->day = civil_month_length(t->year, t->month);
	skip_day(t);
}

static void
skip_year(struct civil *t)
{
	*t = (struct civil) { t->year + 1, 1, 1, 0, 0, 0 };
}

int64_t
calendar_next_local(const struct calendar *c, int64_t local)
{
	struct civil t;
	int last;

	civil_from_seconds(&t, local);
	last = t.year + YEARS_AHEAD;
	/* Years that are named may lie further ahead. */
	for (unsigned i = 0; i < c->n_years; i++) {
		if (last < c->years[i].until)
			last = c->years[i].until;
	}
	while (t.year <= last && t.year <= CALENDAR_YEAR_LAST) {
		if (!has_year(c, t.year))
			skip_year(&t);
		else if (!(c->month >> t.month & 1))
			skip_month(&t);
		else if (has_day(c, t.year, t.month, t.day) && next_time(c, &t))
			return civil_seconds(&t);
		else
			skip_day(&t);
	}
	return CALENDAR_NEVER;
}

/* -- instants -------------------------------------------------------------------- */

/*
 * The first instant at or after `from` in the interval. `local` is the first local time of the set at or after that of
 * `from`.
 */
static int64_t
next_in_span(const struct calendar *c, const struct zone *zone, const struct zone_span *span, int64_t local)
{
	int64_t first;

	while (local != CALENDAR_NEVER && (span->until == INT64_MAX || local < span->until + span->offset)) {
		if (c->floats)
			return local - span->offset;
		(void) zone_instants(zone, local, &first);
		if (first == local - span->offset)
			return first;
		/* It has been here before. Where all of an hour is repeated there is no use in trying each second. */
		if (span->from != INT64_MIN && local < span->from + span->before)
			local = span->from + span->before - 1;
		local = calendar_next_local(c, local + 1);
	}
	return CALENDAR_NEVER;
}

/* Is a time of the set among those that the clocks skip when the interval begins? */
static bool
has_skipped(const struct calendar *c, const struct zone *zone, const struct zone_span *span)
{
	int64_t local, first;

	if (c->floats || span->from == INT64_MIN || span->offset <= span->before)
		return false;
	local = calendar_next_local(c, span->from + span->before);
	while (local < span->from + span->offset) {
		if (zone_instants(zone, local, &first) == 0)
			return true;
		local = calendar_next_local(c, local + 1);
	}
	return false;
}

/* When the interval ends, do the clocks go back to before `local`, to a time of the set? */
static bool
is_repeated(const struct calendar *c, const struct zone *zone, const struct zone_span *span, int64_t local)
{
	struct zone_span next;

	zone_at(zone, span->until, &next);
	return next.offset < span->offset && calendar_next_local(c, span->until + next.offset) < local;
}

int64_t
calendar_next(const struct calendar *c, const struct zone *zone, int64_t after)
{
	int64_t from = after < FIRST ? FIRST : after + 1;

	if (after > LAST)
		return CALENDAR_NEVER;
	for (unsigned i = 0; i < SPANS_MAX; i++) {
		struct zone_span span;
		int64_t local, found;

		zone_at(zone, from, &span);
		if (span.from == from && has_skipped(c, zone, &span))
			return from;
		local = calendar_next_local(c, from + span.offset);
		if (local == CALENDAR_NEVER)
			return CALENDAR_NEVER;
		found = next_in_span(c, zone, &span, local);
		if (found != CALENDAR_NEVER)
			return found;
		if (span.until == INT64_MAX)
			return CALENDAR_NEVER;
		/* What comes before the first candidate need not be looked at, but the change of clocks that it may lie in. */
		from = span.until > local - CLOSE || is_repeated(c, zone, &span, local) ? span.until : local - CLOSE;
	}
	return CALENDAR_NEVER;
}
