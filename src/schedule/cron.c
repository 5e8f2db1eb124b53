/* SPDX-License-Identifier: MIT */
/*
 * Fields of crontab(5), with the rule of Vixie's cron for days: if neither the day of the month nor that of the week
 * begins with '*', either of them will do.
 */
#include <errno.h>
#include <string.h>

#include "schedule/calendar.h"

struct field {
	const char *name;
	int min, max;
	const char *const *words; /* names from `min` on; NULL: none */
};

static const char *const month_words[] = { "jan", "feb", "mar", "apr", "may", "jun",
					   "jul", "aug", "sep", "oct", "nov", "dec", NULL };
/* As crontab(5) counts: 0 is Sunday, and so is 7. */
static const char *const weekday_words[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL };

enum { SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELDS };

static const struct field fields[FIELDS] = {
	[SECOND] = { "second", 0, 59, NULL },   [MINUTE] = { "minute", 0, 59, NULL },
	[HOUR] = { "hour", 0, 23, NULL },       [DAY] = { "day of the month", 1, 31, NULL },
	[MONTH] = { "month", 1, 12, month_words }, [WEEKDAY] = { "day of the week", 0, 7, weekday_words },
};

static const struct {
	const char *name, *meaning;
} shortcuts[] = {
	{ "@yearly", "0 0 1 1 *" }, { "@annually", "0 0 1 1 *" }, { "@monthly", "0 0 1 * *" },  { "@weekly", "0 0 * * 0" },
	{ "@daily", "0 0 * * *" },  { "@midnight", "0 0 * * *" }, { "@hourly", "0 * * * *" },
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
is_blank(char c)
{
	return c == ' ' || c == '\t';
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

static void
skip_blanks(struct reader *r)
{
	while (is_blank(peek(r)))
		r->pos++;
}

static int
read_name(struct reader *r, const struct field *f, int *value)
{
	size_t start = r->pos, n;

	while (is_letter(peek(r)))
		r->pos++;
	n = r->pos - start;
	for (int i = 0; f->words && f->words[i]; i++) {
		if (n == 3 && strncasecmp(f->words[i], r->text.p + start, 3) == 0) {
			*value = f->min + i;
			return 0;
		}
	}
	return schedule_fault(r->fault, start, "`%.*s' is no %s", (int) (n > 20 ? 20 : n), r->text.p + start, f->name);
}

static int
read_digits(struct reader *r, int *value)
{
	int n = 0;

	while (is_digit(peek(r))) {
		if (n < 100000)
			n = n * 10 + (peek(r) - '0');
		r->pos++;
	}
	*value = n;
	return 0;
}

/* A number or a name. */
static int
read_value(struct reader *r, const struct field *f, int *value)
{
	size_t start = r->pos;
	char c = peek(r);

	if (is_letter(c))
		return read_name(r, f, value);
	if (!is_digit(c) && (c == '\0' || is_blank(c)))
		return schedule_fault(r->fault, start, "a %s is missing", f->name);
	if (!is_digit(c))
		return schedule_fault(r->fault, start, "`%c' has no meaning in a %s", c, f->name);
	(void) read_digits(r, value);
	if (*value < f->min || *value > f->max)
		return schedule_fault(r->fault, start, "a %s is from %d to %d", f->name, f->min, f->max);
	return 0;
}

/* "/N" after a range. */
static int
read_step(struct reader *r, const struct field *f, int *step)
{
	size_t start = ++r->pos;

	if (!is_digit(peek(r)))
		return schedule_fault(r->fault, start, "a number must follow `/'");
	(void) read_digits(r, step);
	if (*step < 1 || *step > f->max)
		return schedule_fault(r->fault, start, "a step of a %s is from 1 to %d", f->name, f->max);
	return 0;
}

/* One element of a list: *, N, N-M, with /N. */
static int
read_range(struct reader *r, const struct field *f, uint64_t *bits)
{
	size_t start = r->pos;
	int from = f->min, until = f->max, step = 1;
	bool single = false;

	if (peek(r) == '*') {
		r->pos++;
		if (f->words == weekday_words)
			until = 6;
	} else {
		if (read_value(r, f, &from) < 0)
			return -EINVAL;
		single = peek(r) != '-';
		until = from;
		if (!single) {
			r->pos++;
			if (read_value(r, f, &until) < 0)
				return -EINVAL;
			if (until == 0 && f->words == weekday_words)
				until = 7;
		}
		if (until < from)
			return schedule_fault(r->fault, start, "the range goes backwards");
	}
	if (peek(r) == '/') {
		if (single)
			return schedule_fault(r->fault, r->pos, "a step needs a range before it, as in %d-%d/%s", from,
					      f->max, "2");
		if (read_step(r, f, &step) < 0)
			return -EINVAL;
	}
	for (int i = from; i <= until; i += step)
		*bits |= UINT64_C(1) << i;
	return 0;
}

static int
read_field(struct reader *r, const struct field *f, uint64_t *bits)
{
	*bits = 0;
	for (;;) {
		char c;

		if (read_range(r, f, bits) < 0)
			return -EINVAL;
		c = peek(r);
		if (c == '\0' || is_blank(c))
			return 0;
		if (c != ',')
			return schedule_fault(r->fault, r->pos, "`%c' has no meaning in a %s", c, f->name);
		r->pos++;
	}
}

static unsigned
count_fields(struct span text)
{
	unsigned n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += !is_blank(text.p[i]) && (i == 0 || is_blank(text.p[i - 1]));
	return n;
}

static int
read_shortcut(struct calendar *c, struct span text, struct schedule_fault *fault)
{
	for (size_t i = 0; i < ARRAY_SIZE(shortcuts); i++) {
		if (span_is(text, shortcuts[i].name))
			return calendar_read_cron(c, span_of(shortcuts[i].meaning), fault);
	}
	return schedule_fault(fault, 0, "there is no such shortcut");
}

/* Monday becomes bit 0. */
static uint8_t
weekdays_from_monday(uint64_t bits)
{
	bits |= bits >> 7 & 1; /* 7 is 0 */
	return (uint8_t) ((bits >> 1 & 0x3f) | (bits & 1) << 6);
}

/* A date that no year has: 30 February. */
static bool
is_possible(const struct calendar *c)
{
	return calendar_next_local(c, 0) != CALENDAR_NEVER;
}

static struct span
trimmed(struct span text, size_t *skipped)
{
	*skipped = 0;
	for (; text.n > 0 && is_blank(text.p[0]); text.p++, text.n--)
		(*skipped)++;
	while (text.n > 0 && is_blank(text.p[text.n - 1]))
		text.n--;
	return text;
}

int
calendar_read_cron(struct calendar *c, struct span text, struct schedule_fault *fault)
{
	struct reader r = { .text = text, .fault = fault };
	uint64_t bits[FIELDS] = { [SECOND] = 1 };
	bool star[FIELDS] = { false }, pattern = false;
	unsigned n = count_fields(text);
	size_t skipped;
	struct span inner = trimmed(text, &skipped);

	if (inner.n > 0 && inner.p[0] == '@')
		return read_shortcut(c, inner, fault);
	if (n < 5 || n > 6)
		return schedule_fault(fault, n > 6 ? 0 : text.n, "five fields are needed, or six with seconds; there are %u", n);
	for (unsigned i = n == 6 ? SECOND : MINUTE; i < FIELDS; i++) {
		size_t start;

		skip_blanks(&r);
		start = r.pos;
		star[i] = peek(&r) == '*';
		if (read_field(&r, &fields[i], &bits[i]) < 0)
			return -EINVAL;
		if (i == HOUR)
			pattern = memchr(text.p + start, '*', r.pos - start) || memchr(text.p + start, '/', r.pos - start);
	}
	*c = (struct calendar) {
		.second = bits[SECOND],
		.minute = bits[MINUTE],
		.hour = (uint32_t) bits[HOUR],
		.day = (uint32_t) bits[DAY],
		.month = (uint16_t) bits[MONTH],
		.weekday = weekdays_from_monday(bits[WEEKDAY]),
		.either_day = !star[DAY] && !star[WEEKDAY],
		.floats = pattern,
	};
	if (!is_possible(c))
		return schedule_fault(fault, 0, "there is no such day in any year");
	return 0;
}
