/* SPDX-License-Identifier: MIT */
#include "schedule/span.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MINUTE (60 * USEC_PER_SEC)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define MONTH UINT64_C(2629800000000)  /* 30.44 days */
#define YEAR UINT64_C(31557600000000)  /* 365.25 days */
#define SPAN_MAX (1000 * YEAR)
#define DECIMALS_MAX 6

/* The first of each length is what it is called in print. */
static const struct {
	const char *name;
	usec_t length;
	bool printed;
} units[] = {
	{ "y", YEAR, true },
	{ "year", YEAR, false },
	{ "years", YEAR, false },
	{ "month", MONTH, true },
	{ "months", MONTH, false },
	{ "M", MONTH, false },
	{ "w", 7 * DAY, true },
	{ "week", 7 * DAY, false },
	{ "weeks", 7 * DAY, false },
	{ "d", DAY, true },
	{ "day", DAY, false },
	{ "days", DAY, false },
	{ "h", HOUR, true },
	{ "hr", HOUR, false },
	{ "hour", HOUR, false },
	{ "hours", HOUR, false },
	{ "min", MINUTE, true },
	{ "m", MINUTE, false },
	{ "minute", MINUTE, false },
	{ "minutes", MINUTE, false },
	{ "s", USEC_PER_SEC, true },
	{ "sec", USEC_PER_SEC, false },
	{ "second", USEC_PER_SEC, false },
	{ "seconds", USEC_PER_SEC, false },
	{ "ms", USEC_PER_MSEC, true },
	{ "msec", USEC_PER_MSEC, false },
	{ "us", 1, true },
	{ "usec", 1, false },
	{ "\302\265s", 1, false }, /* with the micro sign */
	{ "\316\274s", 1, false }, /* with the Greek letter */
};

struct reader {
	struct span text;
	size_t pos;
	struct schedule_fault *fault;
};

static char
peek(const struct reader *r)
{
	return r->pos < r->text.n ? r->text.p[r->pos] : '\0';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void
skip_blanks(struct reader *r)
{
	while (peek(r) == ' ' || peek(r) == '\t')
		r->pos++;
}

/* Its length; 0: there is no such unit. */
static usec_t
unit_length(struct span name)
{
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (span_is(name, units[i].name))
			return units[i].length;
	}
	return 0;
}

static int
read_unit(struct reader *r, usec_t *length)
{
	size_t start = r->pos;
	struct span name;

	while (r->pos < r->text.n && !is_digit(peek(r)) && !strchr(" \t.", peek(r)))
		r->pos++;
	name = (struct span) { r->text.p + start, r->pos - start };
	*length = name.n > 0 ? unit_length(name) : USEC_PER_SEC;
	if (*length > 0)
		return 0;
	return schedule_fault(r->fault, start, "`%.*s' is no unit of time", (int) (name.n > 20 ? 20 : name.n), name.p);
}

/* A number with its unit, added to *sum. */
static int
read_term(struct reader *r, usec_t *sum)
{
	size_t start = r->pos;
	usec_t whole = 0, part = 0, scale = 1, length, span;
	bool any = false;

	for (; is_digit(peek(r)); r->pos++, any = true) {
		if (whole <= SPAN_MAX)
			whole = whole * 10 + (usec_t) (peek(r) - '0');
	}
	if (peek(r) == '.') {
		r->pos++;
		for (unsigned n = 0; is_digit(peek(r)); r->pos++, any = true) {
			if (n++ < DECIMALS_MAX) {
				part = part * 10 + (usec_t) (peek(r) - '0');
				scale *= 10;
			}
		}
	}
	if (!any)
		return schedule_fault(r->fault, start, "a number is missing");
	skip_blanks(r);
	if (read_unit(r, &length) < 0)
		return -EINVAL;
	/* A year has 2^45 microseconds, a million 2^20: nothing overflows but the whole part, which is looked at. */
	span = whole > SPAN_MAX / length ? SPAN_MAX + 1 : whole * length;
	if (span <= SPAN_MAX)
		span += length / scale * part + length % scale * part / scale;
	if (span > SPAN_MAX || *sum + span > SPAN_MAX)
		return schedule_fault(r->fault, start, "that is more than 1000 years");
	*sum += span;
	return 0;
}

int
span_read(usec_t *span, struct span text, struct schedule_fault *fault)
{
	struct reader r = { .text = text, .fault = fault };
	usec_t sum = 0;

	skip_blanks(&r);
	do {
		if (read_term(&r, &sum) < 0)
			return -EINVAL;
		skip_blanks(&r);
	} while (r.pos < r.text.n);
	*span = sum;
	return 0;
}

const char *
span_print(char buffer[SPAN_TEXT_MAX], usec_t span)
{
	size_t n = 0;
	unsigned used = 0;

	(void) snprintf(buffer, SPAN_TEXT_MAX, "0");
	for (size_t i = 0; i < ARRAY_SIZE(units) && used < 3; i++) {
		usec_t count = span / units[i].length;

		if (!units[i].printed || count == 0)
			continue;
		n += (size_t) snprintf(buffer + n, SPAN_TEXT_MAX - n, "%s%llu%s", used > 0 ? " " : "",
				       (unsigned long long) count, units[i].name);
		span %= units[i].length;
		used++;
	}
	return buffer;
}
