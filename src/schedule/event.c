/* SPDX-License-Identifier: MIT */
/*
 * Calendar events of systemd.time(7): [WEEKDAYS] [[YEAR-]MONTH-DAY] [HOUR:MINUTE[:SECOND]] [ZONE], or one word.
 *
 * Words are split at blanks first; what each is shows by its first character and by the '-', '~' or ':' in it.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "schedule/calendar.h"
#include "schedule/civil.h"

#define NUMBER_MAX 1000000

static const char *const weekday_names[] = { "monday", "tuesday", "wednesday", "thursday",
					     "friday", "saturday", "sunday" };

static const struct {
	const char *name, *meaning;
} shortcuts[] = {
	{ "minutely", "*-*-* *:*:00" },
	{ "hourly", "*-*-* *:00:00" },
	{ "daily", "*-*-* 00:00:00" },
	{ "weekly", "Mon *-*-* 00:00:00" },
	{ "monthly", "*-*-01 00:00:00" },
	{ "yearly", "*-01-01 00:00:00" },
	{ "annually", "*-01-01 00:00:00" },
	{ "quarterly", "*-01,04,07,10-01 00:00:00" },
	{ "semiannually", "*-01,07-01 00:00:00" },
	{ "semi-annually", "*-01,07-01 00:00:00" },
	{ "biannually", "*-01,07-01 00:00:00" },
	{ "bi-annually", "*-01,07-01 00:00:00" },
};

struct part {
	const char *name;
	int min, max;
};

static const struct part year_part = { "year", 1970, CALENDAR_YEAR_LAST };
static const struct part month_part = { "month", 1, 12 };
static const struct part day_part = { "day", 1, 31 };
static const struct part hour_part = { "hour", 0, 23 };
static const struct part minute_part = { "minute", 0, 59 };
static const struct part second_part = { "second", 0, 59 };

/* A piece of the text that is read. */
struct reader {
	const char *start; /* of the whole text */
	struct span rest;
	struct schedule_fault *fault;
};

static int
fail(struct reader *r, const char *why)
{
	return schedule_fault(r->fault, (size_t) (r->rest.p - r->start), "%s", why);
}

static char
peek(const struct reader *r)
{
	return r->rest.n > 0 ? r->rest.p[0] : '\0';
}

static bool
take(struct reader *r, const char *text)
{
	size_t n = strlen(text);

	if (r->rest.n < n || memcmp(r->rest.p, text, n) != 0)
		return false;
	r->rest.p += n;
	r->rest.n -= n;
	return true;
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int
read_number(struct reader *r, const struct part *part, int *value)
{
	struct reader at = *r;
	int n = 0;

	if (!is_digit(peek(r)))
		return schedule_fault(r->fault, (size_t) (r->rest.p - r->start), "a %s is missing", part->name);
	for (; is_digit(peek(r)); r->rest.p++, r->rest.n--) {
		if (n < NUMBER_MAX)
			n = n * 10 + (peek(r) - '0');
	}
	/* Two digits are years of our time. */
	if (part == &year_part && r->rest.p - at.rest.p <= 2)
		n += n < 70 ? 2000 : 1900;
	*value = n;
	if (n < part->min || n > part->max)
		return schedule_fault(r->fault, (size_t) (at.rest.p - r->start), "a %s is from %d to %d", part->name,
				      part->min, part->max);
	return 0;
}

/* "/N": every N-th, which may be more than there are. */
static int
read_step(struct reader *r, int *step)
{
	static const struct part part = { "step", 1, NUMBER_MAX };

	return read_number(r, &part, step);
}

/* One element of a list: *, N, N..M, with /N. Sets *all for a bare '*', *pattern for any '*' or '/'. */
static int
read_element(struct reader *r, const struct part *part, struct calendar_years *range, bool *all, bool *pattern)
{
	*range = (struct calendar_years) { part->min, part->max, 1 };
	*all = false;
	if (take(r, "*")) {
		*pattern = true;
		if (!take(r, "/")) {
			*all = true;
			return 0;
		}
		return read_step(r, &range->step);
	}
	if (read_number(r, part, &range->from) < 0)
		return -EINVAL;
	if (take(r, "..")) {
		if (read_number(r, part, &range->until) < 0)
			return -EINVAL;
		if (range->until < range->from)
			return fail(r, "the range goes backwards");
	} else if (peek(r) != '/') {
		range->until = range->from;
	}
	if (!take(r, "/"))
		return 0;
	*pattern = true;
	return read_step(r, &range->step);
}

/* A list, into bits. */
static int
read_list(struct reader *r, const struct part *part, uint64_t *bits, bool *pattern)
{
	struct calendar_years range;
	bool all;

	*bits = 0;
	do {
		if (read_element(r, part, &range, &all, pattern) < 0)
			return -EINVAL;
		for (int i = range.from; i <= range.until; i += range.step)
			*bits |= UINT64_C(1) << i;
	} while (take(r, ","));
	return 0;
}

static int
read_years(struct reader *r, struct calendar *c)
{
	struct calendar_years range;
	bool all, any = false, pattern;

	do {
		if (read_element(r, &year_part, &range, &all, &pattern) < 0)
			return -EINVAL;
		any |= all;
		if (c->n_years == CALENDAR_YEARS_MAX)
			return fail(r, "too many years in a list");
		c->years[c->n_years++] = range;
	} while (take(r, ","));
	if (any)
		c->n_years = 0;
	return 0;
}

/* Days from the end of a month: ~01 is the last, ~07/1 all of the last seven. */
static int
read_days_from_end(struct reader *r, struct calendar *c)
{
	struct calendar_years range;
	bool all, pattern;

	c->day = 0;
	do {
		if (read_element(r, &day_part, &range, &all, &pattern) < 0)
			return -EINVAL;
		if (all || range.from == range.until) {
			range.step = 1;
		} else if (range.until == day_part.max) {
			/* Steps lead on towards the end. */
			range.until = range.from;
			range.from = range.until - (range.until - 1) / range.step * range.step;
		}
		for (int i = range.from; i <= range.until; i += range.step)
			c->day_last |= UINT32_C(1) << i;
	} while (take(r, ","));
	return 0;
}

static int
read_date(struct reader *r, struct calendar *c)
{
	struct reader begin = *r;
	unsigned separators = 0;
	uint64_t bits;
	bool pattern;

	for (size_t i = 0; i < r->rest.n; i++)
		separators += r->rest.p[i] == '-' || r->rest.p[i] == '~';
	if (separators < 1 || separators > 2)
		return fail(&begin, "a date is YEAR-MONTH-DAY or MONTH-DAY");
	if (separators == 2) {
		if (read_years(r, c) < 0)
			return -EINVAL;
		if (!take(r, "-"))
			return fail(r, "`-' and a month must follow");
	}
	if (read_list(r, &month_part, &bits, &pattern) < 0)
		return -EINVAL;
	c->month = (uint16_t) bits;
	if (take(r, "~")) {
		if (read_days_from_end(r, c) < 0)
			return -EINVAL;
	} else {
		if (!take(r, "-"))
			return fail(r, "`-' and a day must follow");
		if (read_list(r, &day_part, &bits, &pattern) < 0)
			return -EINVAL;
		c->day = (uint32_t) bits;
	}
	return r->rest.n > 0 ? fail(r, "this has no meaning in a date") : 0;
}

static int
read_time(struct reader *r, struct calendar *c)
{
	bool pattern = false, ignored;
	uint64_t bits;

	if (read_list(r, &hour_part, &bits, &pattern) < 0)
		return -EINVAL;
	c->hour = (uint32_t) bits;
	c->floats = pattern;
	if (!take(r, ":"))
		return fail(r, "`:' and a minute must follow");
	if (read_list(r, &minute_part, &c->minute, &ignored) < 0)
		return -EINVAL;
	c->second = 1;
	if (take(r, ":") && read_list(r, &second_part, &c->second, &ignored) < 0)
		return -EINVAL;
	if (peek(r) == '.')
		return fail(r, "seconds are whole here");
	return r->rest.n > 0 ? fail(r, "this has no meaning in a time") : 0;
}

/* A day by at least three letters of its name; -1: it is none. */
static int
weekday_of(struct span name)
{
	for (int i = 0; i < 7; i++) {
		size_t n = strlen(weekday_names[i]);

		if ((name.n == 3 || name.n == n) && strncasecmp(name.p, weekday_names[i], name.n) == 0)
			return i;
	}
	return -1;
}

static int
read_weekday(struct reader *r, int *day)
{
	struct span name = { r->rest.p, 0 };

	while (name.n < r->rest.n && is_letter(name.p[name.n]))
		name.n++;
	*day = weekday_of(name);
	if (*day < 0)
		return fail(r, "a day of the week is missing");
	r->rest.p += name.n;
	r->rest.n -= name.n;
	return 0;
}

/* A list of days and ranges; a comma may follow the last. */
static int
read_weekdays(struct reader *r, uint8_t *days)
{
	*days = 0;
	do {
		int from, until;

		if (*days && r->rest.n == 0)
			return 0;
		if (read_weekday(r, &from) < 0)
			return -EINVAL;
		until = from;
		if ((take(r, "..") || take(r, "-")) && read_weekday(r, &until) < 0)
			return -EINVAL;
		/* Sat..Mon goes over the end of the week. */
		for (int i = from;; i = (i + 1) % 7) {
			*days |= (uint8_t) (1 << i);
			if (i == until)
				break;
		}
	} while (take(r, ","));
	return r->rest.n > 0 ? fail(r, "this has no meaning among days of the week") : 0;
}

int
calendar_read_weekdays(uint8_t *days, struct span text, struct schedule_fault *fault)
{
	struct reader r = { text.p, text, fault };

	return read_weekdays(&r, days);
}

/* -- the words ------------------------------------------------------------------ */

/* The next word, and what follows it; false at the end. */
static bool
next_word(struct span *rest, struct span *word)
{
	while (rest->n > 0 && (rest->p[0] == ' ' || rest->p[0] == '\t')) {
		rest->p++;
		rest->n--;
	}
	*word = (struct span) { rest->p, 0 };
	while (word->n < rest->n && rest->p[word->n] != ' ' && rest->p[word->n] != '\t')
		word->n++;
	rest->p += word->n;
	rest->n -= word->n;
	return word->n > 0;
}

static bool
begins_with_weekday(struct span word)
{
	struct span name = { word.p, 0 };

	while (name.n < word.n && is_letter(word.p[name.n]))
		name.n++;
	return weekday_of(name) >= 0;
}

/* A date, a time, or both with a T in between. */
static int
read_date_or_time(struct reader *r, struct calendar *c, bool *date, bool *time)
{
	const char *t = memchr(r->rest.p, 'T', r->rest.n);
	struct reader part = *r;

	if (t) {
		part.rest.n = (size_t) (t - r->rest.p);
		if (*date || *time)
			return fail(r, "there is a date or a time already");
		*date = *time = true;
		if (read_date(&part, c) < 0)
			return -EINVAL;
		part.rest = (struct span) { t + 1, r->rest.n - (size_t) (t + 1 - r->rest.p) };
		return read_time(&part, c);
	}
	if (memchr(r->rest.p, ':', r->rest.n)) {
		if (*time)
			return fail(r, "there is a time already");
		*time = true;
		return read_time(&part, c);
	}
	if (*date || *time)
		return fail(r, "a date stands before the time, and once");
	*date = true;
	return read_date(&part, c);
}

static const char *
shortcut_meaning(struct span word)
{
	for (size_t i = 0; i < ARRAY_SIZE(shortcuts); i++) {
		if (word.n == strlen(shortcuts[i].name) && strncasecmp(word.p, shortcuts[i].name, word.n) == 0)
			return shortcuts[i].meaning;
	}
	return NULL;
}

/* @SECONDS since 1970, UTC. */
static int
read_epoch(struct reader *r, struct calendar *c, struct span *zone)
{
	int64_t seconds = 0;
	struct civil t;

	(void) take(r, "@");
	if (!is_digit(peek(r)))
		return fail(r, "seconds since 1970 are missing");
	for (; is_digit(peek(r)); r->rest.p++, r->rest.n--) {
		seconds = seconds * 10 + (peek(r) - '0');
		if (seconds > INT64_C(253402300799))
			return fail(r, "that is after the year 9999");
	}
	if (r->rest.n > 0)
		return fail(r, "nothing may follow");
	civil_from_seconds(&t, seconds);
	*c = (struct calendar) { .second = UINT64_C(1) << t.second, .minute = UINT64_C(1) << t.minute };
	c->hour = UINT32_C(1) << t.hour;
	c->day = UINT32_C(1) << t.day;
	c->month = (uint16_t) (1 << t.month);
	c->weekday = 0x7f;
	c->n_years = 1;
	c->years[0] = (struct calendar_years) { t.year, t.year, 1 };
	*zone = SPAN("UTC");
	return 0;
}

/* The words of an event that is no shortcut. */
static int
read_words(struct reader *r, struct calendar *c, struct span *zone)
{
	struct span rest = r->rest, word;
	bool first = true, date = false, time = false, days = false;

	while (next_word(&rest, &word)) {
		r->rest = word;
		if (zone->n > 0)
			return fail(r, "nothing may follow the time zone");
		if (first && begins_with_weekday(word)) {
			days = true;
			if (read_weekdays(r, &c->weekday) < 0)
				return -EINVAL;
		} else if (is_letter(word.p[0])) {
			if (first || !zone_is_name(word))
				return fail(r, "neither a date nor a time, nor a day of the week");
			*zone = word;
		} else if (read_date_or_time(r, c, &date, &time) < 0) {
			return -EINVAL;
		}
		first = false;
	}
	r->rest = rest;
	return days || date || time ? 0 : fail(r, "a date or a time is missing");
}

int
calendar_read_event(struct calendar *c, struct span *zone, struct span text, struct schedule_fault *fault)
{
	struct reader r = { text.p, text, fault };
	struct span rest = text, word, more;
	const char *meaning;

	*zone = (struct span) { "", 0 };
	*c = (struct calendar) {
		.second = 1, .minute = 1, .hour = 1, .day = UINT32_MAX - 1, .month = 0x1ffe, .weekday = 0x7f,
	};
	if (!next_word(&rest, &word))
		return schedule_fault(fault, 0, "it is empty");
	meaning = shortcut_meaning(word);
	if (meaning) {
		if (next_word(&rest, zone) && (!zone_is_name(*zone) || next_word(&rest, &more))) {
			r.rest = *zone;
			return fail(&r, "nothing but a time zone may follow");
		}
		return calendar_read_event(c, &more, span_of(meaning), fault);
	}
	if (word.p[0] == '@') {
		r.rest = (struct span) { word.p, (size_t) (text.p + text.n - word.p) };
		return read_epoch(&r, c, zone);
	}
	if (read_words(&r, c, zone) < 0)
		return -EINVAL;
	if (calendar_next_local(c, 0) == CALENDAR_NEVER)
		return schedule_fault(fault, 0, "there is no such day");
	return 0;
}
