/* SPDX-License-Identifier: MIT */
/*
 * A table of keys reads the words; what keys may stand together is looked at after.
 */
#include "schedule/schedule.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "schedule/civil.h"
#include "schedule/span.h"

#define COUNT_MAX INT64_C(2147483647)
#define PERIOD_MIN USEC_PER_SEC
#define WINDOW_SEARCH (9 * SECONDS_PER_DAY) /* a beginning lies at most a week back */

enum key { EVERY, CRON, CALENDAR, AT, AFTER, BETWEEN, DELAY, COUNT, JITTER, MISSED, CLOCK, TZ, DAYS, KEYS };

struct reading {
	struct schedule *s;
	char *const *words;
	size_t at[KEYS];   /* index of the word + 1; 0: not there */
	struct span value; /* of the word that is read */
	struct schedule_fault fault;
	uint8_t days;
};

/* -- values ---------------------------------------------------------------------- */

static int
read_every(struct reading *r)
{
	if (span_read(&r->s->period, r->value, &r->fault) < 0)
		return -EINVAL;
	if (r->s->period < PERIOD_MIN)
		return schedule_fault(&r->fault, 0, "less than a second");
	return 0;
}

static int
read_cron(struct reading *r)
{
	if (!span_is(r->value, "@reboot"))
		return calendar_read_cron(&r->s->calendar, r->value, &r->fault);
	r->s->kind = SCHEDULE_AFTER;
	return strv_add(&r->s->after, "startup");
}

static int
take_zone(struct reading *r, struct span name)
{
	free(r->s->zone);
	r->s->zone = span_dup(name);
	return r->s->zone ? 0 : -ENOMEM;
}

static int
read_calendar(struct reading *r)
{
	struct span zone;

	if (calendar_read_event(&r->s->calendar, &zone, r->value, &r->fault) < 0)
		return -EINVAL;
	return zone.n > 0 ? take_zone(r, zone) : 0;
}

/* Z, +HH:MM or -HH:MM at the end; returns its length, 0: there is none. */
static size_t
read_offset(struct span text, int *offset)
{
	int sign, hours, minutes, n = 0;
	char digits[7] = "";

	*offset = 0;
	if (text.n > 1 && text.p[text.n - 1] == 'Z')
		return 1;
	if (text.n < 6)
		return 0;
	memcpy(digits, text.p + text.n - 6, 6);
	sign = digits[0] == '-' ? -1 : 1;
	if ((digits[0] != '+' && digits[0] != '-') ||
	    sscanf(digits + 1, "%2d:%2d%n", &hours, &minutes, &n) != 2 || n != 5 || hours > 23 || minutes > 59 ||
	    hours < 0 || minutes < 0)
		return 0;
	*offset = sign * (hours * 3600 + minutes * 60);
	return 6;
}

/* A calendar that holds one time only. */
static bool
is_one_time(const struct calendar *c)
{
	return c->n_years == 1 && c->years[0].from == c->years[0].until && c->day_last == 0 &&
	       __builtin_popcount(c->month) == 1 && __builtin_popcount(c->day) == 1 &&
	       __builtin_popcount(c->hour) == 1 && __builtin_popcountll(c->minute) == 1 &&
	       __builtin_popcountll(c->second) == 1;
}

static bool
is_daily(const struct calendar *c)
{
	return c->n_years == 0 && c->month == 0x1ffe && c->day == UINT32_MAX - 1 && c->weekday == 0x7f &&
	       __builtin_popcount(c->hour) == 1 && __builtin_popcountll(c->minute) == 1 &&
	       __builtin_popcountll(c->second) == 1;
}

static int
read_at(struct reading *r)
{
	struct span text = r->value, zone;
	size_t suffix;
	int offset = 0;
	bool dated;

	/* A date has a '-', too: only after a time is it an offset. */
	suffix = memchr(text.p, ':', text.n) && (memchr(text.p, 'T', text.n) || memchr(text.p, ' ', text.n))
		     ? read_offset(text, &offset)
		     : 0;
	text.n -= suffix;
	if (calendar_read_event(&r->s->calendar, &zone, text, &r->fault) < 0)
		return -EINVAL;
	dated = is_one_time(&r->s->calendar);
	if (!dated && !is_daily(&r->s->calendar))
		return schedule_fault(&r->fault, 0, "not a date with a time, nor a time");
	r->s->count = 1;
	if (zone.n > 0)
		return take_zone(r, zone);
	if (suffix == 0)
		return 0;
	if (!dated)
		return schedule_fault(&r->fault, text.n, "an offset needs a date");
	r->s->kind = SCHEDULE_INSTANT;
	r->s->instant = calendar_next_local(&r->s->calendar, 0) - offset;
	return 0;
}

/* Words as in a condition: parted by blanks, quotes keep them together. */
static int
read_after(struct reading *r)
{
	struct strbuf word auto_strbuf = STRBUF_INIT;
	bool inside = false;
	char quote = '\0';

	for (size_t i = 0; i <= r->value.n; i++) {
		char c = i < r->value.n ? r->value.p[i] : '\0';

		if (i == r->value.n && quote)
			return schedule_fault(&r->fault, i, "a quote is not closed");
		if (!quote && (i == r->value.n || c == ' ' || c == '\t')) {
			if (inside && strv_take(&r->s->after, strbuf_steal(&word)) < 0)
				return -ENOMEM;
			inside = false;
			continue;
		}
		inside = true;
		if (quote ? c == quote : c == '"' || c == '\'') {
			quote = quote ? '\0' : c;
			continue;
		}
		if (!quote && (c == '(' || c == ')'))
			return schedule_fault(&r->fault, i, "one event, without parentheses");
		strbuf_addc(&word, c);
	}
	if (word.failed)
		return -ENOMEM;
	return r->s->after ? 0 : schedule_fault(&r->fault, 0, "an event is missing");
}

/* "HH:MM[:SS]", up to 24:00, as seconds; *p goes on. */
static int
read_clock_time(struct reading *r, size_t *pos, int *seconds)
{
	int part[3] = { 0 };
	size_t start = *pos;
	unsigned n = 0;

	for (;;) {
		size_t digits = *pos;

		for (; *pos < r->value.n && r->value.p[*pos] >= '0' && r->value.p[*pos] <= '9' && *pos < digits + 2; (*pos)++)
			part[n] = part[n] * 10 + (r->value.p[*pos] - '0');
		if (*pos == digits)
			return schedule_fault(&r->fault, *pos, "a time is HH:MM or HH:MM:SS");
		if (++n == 3 || *pos == r->value.n || r->value.p[*pos] != ':')
			break;
		(*pos)++;
	}
	if (n < 2)
		return schedule_fault(&r->fault, *pos, "a time is HH:MM or HH:MM:SS");
	*seconds = part[0] * 3600 + part[1] * 60 + part[2];
	if (part[0] > 24 || part[1] > 59 || part[2] > 59 || *seconds > SECONDS_PER_DAY)
		return schedule_fault(&r->fault, start, "there is no such time of day");
	return 0;
}

static void
set_time_of_day(struct calendar *c, int seconds)
{
	seconds %= SECONDS_PER_DAY;
	*c = (struct calendar) {
		.second = UINT64_C(1) << seconds % 60,
		.minute = UINT64_C(1) << seconds / 60 % 60,
		.hour = UINT32_C(1) << seconds / 3600,
		.day = UINT32_MAX - 1,
		.month = 0x1ffe,
		.weekday = 0x7f,
	};
}

static int
read_between(struct reading *r)
{
	int from = 0, until = 0;
	size_t pos = 0;

	if (read_clock_time(r, &pos, &from) < 0)
		return -EINVAL;
	if (pos < r->value.n && r->value.p[pos] == '-')
		pos++;
	else if (pos + 1 < r->value.n && r->value.p[pos] == '.' && r->value.p[pos + 1] == '.')
		pos += 2;
	else
		return schedule_fault(&r->fault, pos, "`-' and the end must follow");
	if (read_clock_time(r, &pos, &until) < 0)
		return -EINVAL;
	if (pos < r->value.n)
		return schedule_fault(&r->fault, pos, "nothing may follow");
	set_time_of_day(&r->s->calendar, from);
	set_time_of_day(&r->s->end, until);
	return 0;
}

static int
read_delay(struct reading *r)
{
	return span_read(&r->s->period, r->value, &r->fault);
}

static int
read_count(struct reading *r)
{
	int64_t n = 0;

	for (size_t i = 0; i < r->value.n; i++) {
		if (r->value.p[i] < '0' || r->value.p[i] > '9')
			return schedule_fault(&r->fault, i, "not a number");
		n = n <= COUNT_MAX ? n * 10 + (r->value.p[i] - '0') : n;
	}
	if (n < 1 || n > COUNT_MAX)
		return schedule_fault(&r->fault, 0, "a number from 1 to %lld is needed", (long long) COUNT_MAX);
	r->s->count = (uint64_t) n;
	return 0;
}

static int
read_jitter(struct reading *r)
{
	return span_read(&r->s->jitter, r->value, &r->fault);
}

static int
read_missed(struct reading *r)
{
	r->s->run_missed = span_is(r->value, "run");
	if (r->s->run_missed || span_is(r->value, "skip"))
		return 0;
	return schedule_fault(&r->fault, 0, "`run' or `skip' is needed");
}

static int
read_clock(struct reading *r)
{
	if (span_is(r->value, "active"))
		r->s->clock = SCHEDULE_ACTIVE;
	else if (!span_is(r->value, "boot"))
		return schedule_fault(&r->fault, 0, "`boot' or `active' is needed");
	return 0;
}

static int
read_zone(struct reading *r)
{
	if (!zone_is_name(r->value))
		return schedule_fault(&r->fault, 0, "not the name of a time zone");
	return take_zone(r, r->value);
}

static int
read_days(struct reading *r)
{
	return calendar_read_weekdays(&r->days, r->value, &r->fault);
}

/* -- words ------------------------------------------------------------------------ */

#define ON(key) (1u << (key))
#define KINDS (ON(EVERY) | ON(CRON) | ON(CALENDAR) | ON(AT) | ON(AFTER) | ON(BETWEEN))
#define CLOCK_KINDS (ON(CRON) | ON(CALENDAR) | ON(AT))
#define EVENT_KINDS (KINDS & ~ON(BETWEEN))

static const struct {
	const char *name;
	unsigned with; /* which of the kinds it may stand with */
	int (*read)(struct reading *r);
	enum schedule_kind kind;
} keys[KEYS] = {
	[EVERY] = { "EVERY", ON(EVERY), read_every, SCHEDULE_EVERY },
	[CRON] = { "CRON", ON(CRON), read_cron, SCHEDULE_CALENDAR },
	[CALENDAR] = { "CALENDAR", ON(CALENDAR), read_calendar, SCHEDULE_CALENDAR },
	[AT] = { "AT", ON(AT), read_at, SCHEDULE_CALENDAR },
	[AFTER] = { "AFTER", ON(AFTER), read_after, SCHEDULE_AFTER },
	[BETWEEN] = { "BETWEEN", ON(BETWEEN), read_between, SCHEDULE_BETWEEN },
	[DELAY] = { "DELAY", ON(AFTER), read_delay, 0 },
	[COUNT] = { "COUNT", EVENT_KINDS & ~ON(AT), read_count, 0 },
	[JITTER] = { "JITTER", EVENT_KINDS, read_jitter, 0 },
	[MISSED] = { "MISSED", EVENT_KINDS, read_missed, 0 },
	[CLOCK] = { "CLOCK", ON(EVERY) | ON(AFTER), read_clock, 0 },
	[TZ] = { "TZ", CLOCK_KINDS | ON(BETWEEN), read_zone, 0 },
	[DAYS] = { "DAYS", ON(BETWEEN), read_days, 0 },
};

static int
wrong(struct schedule_error *why, size_t word, size_t offset, const char *key, const char *text)
{
	why->word = word;
	why->offset = offset;
	(void) snprintf(why->text, sizeof(why->text), "%s%s%s", key, *key ? ": " : "", text);
	return -EINVAL;
}

/* Which key a word begins with; KEYS: none. */
static enum key
key_of(const char *word, size_t n)
{
	for (unsigned i = 0; i < KEYS; i++) {
		if (strlen(keys[i].name) == n && strncmp(keys[i].name, word, n) == 0)
			return (enum key) i;
	}
	return KEYS;
}

static int
find_words(struct reading *r, bool state, struct schedule_error *why)
{
	for (size_t i = 0; r->words && r->words[i]; i++) {
		const char *word = r->words[i], *equals = strchr(word, '=');
		enum key key = equals ? key_of(word, (size_t) (equals - word)) : KEYS;

		if (!equals)
			return wrong(why, i, 0, "", "only KEY=VALUE makes a schedule");
		if (equals > word && equals[-1] == '!')
			return wrong(why, i, (size_t) (equals - word) - 1, "", "`!=' makes no schedule");
		if (key == KEYS)
			return wrong(why, i, 0, "", "not a key of schedules");
		if (r->at[key] > 0)
			return wrong(why, i, 0, keys[key].name, "given twice");
		if (strchr(equals, '$') && key != AFTER)
			return wrong(why, i, (size_t) (strchr(equals, '$') - word), keys[key].name,
				     "variables have no value here");
		if (state != (key == BETWEEN || key == DAYS) && key != TZ)
			return wrong(why, i, 0, keys[key].name, state ? "not in a `while'" : "only in a `while'");
		r->at[key] = i + 1;
	}
	return 0;
}

/* The one key that says which kind it is; KEYS: there is none, or more than one, which is told. */
static enum key
kind_of(const struct reading *r, bool state, struct schedule_error *why)
{
	enum key kind = KEYS;

	for (unsigned i = 0; i < KEYS; i++) {
		if (!(ON(i) & KINDS) || r->at[i] == 0)
			continue;
		if (kind != KEYS) {
			(void) wrong(why, r->at[i] - 1, 0, keys[i].name, "another schedule in the same condition");
			return KEYS;
		}
		kind = (enum key) i;
	}
	if (kind == KEYS)
		(void) wrong(why, strv_len(r->words), 0, "",
			     state ? "BETWEEN is missing" : "one of EVERY, CRON, CALENDAR, AT or AFTER is needed");
	return kind;
}

static int
read_words(struct reading *r, bool state, struct schedule_error *why)
{
	enum key kind;

	if (find_words(r, state, why) < 0)
		return -EINVAL;
	kind = kind_of(r, state, why);
	if (kind == KEYS)
		return -EINVAL;
	r->s->kind = keys[kind].kind;
	/* In this order, so that TZ comes after what may bring a zone along, and is the one that counts. */
	for (unsigned i = 0; i < KEYS; i++) {
		size_t word = r->at[i] - 1, n = strlen(keys[i].name) + 1;
		int result;

		if (r->at[i] == 0)
			continue;
		if (!(keys[i].with & ON(kind)))
			return wrong(why, word, 0, keys[i].name, "has no meaning with this kind of schedule");
		r->value = span_of(r->words[word] + n);
		result = keys[i].read(r);
		if (result == -EINVAL)
			return wrong(why, word, n + r->fault.offset, keys[i].name, r->fault.text);
		if (result < 0)
			return result;
	}
	if (kind == AFTER && r->at[DELAY] == 0)
		return wrong(why, strv_len(r->words), 0, "", "DELAY is missing");
	return 0;
}

int
schedule_read(struct schedule *schedule, char *const *words, bool state, struct schedule_error *why)
{
	struct reading r = { .s = schedule, .words = words, .days = 0x7f };
	int result;

	*schedule = (struct schedule) { 0 };
	result = read_words(&r, state, why);
	if (result == 0)
		schedule->calendar.weekday &= r.days;
	else
		schedule_deinit(schedule);
	return result;
}

void
schedule_deinit(struct schedule *schedule)
{
	free(steal(&schedule->zone));
	schedule->after = strv_free(schedule->after);
}

/* -- when ---------------------------------------------------------------------------- */

int64_t
schedule_next(const struct schedule *s, const struct zone *zone, int64_t after)
{
	if (s->kind == SCHEDULE_INSTANT)
		return s->instant > after ? s->instant : CALENDAR_NEVER;
	return calendar_next(&s->calendar, zone, after);
}

bool
schedule_window(const struct schedule *s, const struct zone *zone, int64_t now, int64_t *until)
{
	int64_t begin = calendar_next(&s->calendar, zone, now - WINDOW_SEARCH), end;

	for (; begin <= now; begin = calendar_next(&s->calendar, zone, begin)) {
		end = calendar_next(&s->end, zone, begin);
		if (end > now) {
			*until = end;
			return true;
		}
	}
	*until = begin;
	return false;
}

const char *
schedule_time(char buffer[SCHEDULE_TIME_MAX], const struct zone *zone, int64_t t)
{
	struct zone_span span;
	struct civil c;
	int offset;

	zone_at(zone, t, &span);
	offset = span.offset < 0 ? -span.offset : span.offset;
	civil_from_seconds(&c, t + span.offset);
	(void) snprintf(buffer, SCHEDULE_TIME_MAX, "%04d-%02d-%02dT%02d:%02d:%02d%c%02d:%02d", c.year, c.month, c.day,
			c.hour, c.minute, c.second, span.offset < 0 ? '-' : '+', offset / 3600 % 100, offset / 60 % 60);
	return buffer;
}
