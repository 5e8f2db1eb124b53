/* SPDX-License-Identifier: MIT */
/*
 * The table of a file holds changes, in order; after its last, the rule holds. A rule's changes are made up year by year
 * when they are asked for.
 */
#include "schedule/zone.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "schedule/civil.h"

#define HEADER 44
#define CHANGES_MAX 20000
#define OFFSET_MAX (26 * 3600) /* seconds; no place is further from UTC */
#define NAME_MAX_LENGTH 100
/* Years that rules are asked for; beyond, nothing changes any more. */
#define YEAR_MIN (-100000)
#define YEAR_MAX 100000

struct zone_type {
	int offset;
	char name[8];
};

/* When in a year a rule changes the clocks: Mm.w.d, Jn or n of POSIX. */
struct rule_day {
	char form; /* 'M', 'J', or 'n' */
	int month, week, day;
	int time; /* seconds after midnight of that day, local; may be negative or above a day */
};

struct zone {
	int64_t *at;            /* owned: instants of change … */
	unsigned char *to;      /* owned: … and the type from then on */
	size_t changes;
	struct zone_type *type; /* owned; the first is that before all changes */
	size_t types;
	bool has_rule; /* after the last change */
	bool has_summer;
	struct zone_type winter, summer;
	struct rule_day begin, end; /* of summer */
};

/* -- rules -------------------------------------------------------------------- */

static int64_t
rule_day_start(const struct rule_day *d, int64_t year)
{
	int64_t first;
	int day;

	if (d->form == 'M') {
		first = civil_days(year, d->month, 1);
		/* The rule counts from Sunday. */
		day = (d->day + 6 - civil_weekday(first) + 7) % 7 + 7 * (d->week - 1);
		while (day >= civil_month_length(year, d->month))
			day -= 7;
		return first + day;
	}
	first = civil_days(year, 1, 1);
	if (d->form == 'J') /* 29 February has no number */
		return first + d->day - 1 + (d->day >= 60 && civil_month_length(year, 2) == 29);
	return first + d->day;
}

struct rule_change {
	int64_t at;
	bool summer; /* begins */
};

/* The changes of three years around `t`, in order. Returns how many. */
static unsigned
rule_changes(const struct zone *z, int64_t t, struct rule_change change[6])
{
	struct civil c;
	unsigned n = 0;

	civil_from_seconds(&c, t);
	for (int year = c.year - 1; year <= c.year + 1; year++) {
		change[n++] = (struct rule_change) {
			rule_day_start(&z->begin, year) * SECONDS_PER_DAY + z->begin.time - z->winter.offset, true
		};
		change[n++] = (struct rule_change) {
			rule_day_start(&z->end, year) * SECONDS_PER_DAY + z->end.time - z->summer.offset, false
		};
	}
	/* At most a few are out of place: sort by insertion. */
	for (unsigned i = 1; i < n; i++) {
		struct rule_change moved = change[i];
		unsigned k = i;

		for (; k > 0 && change[k - 1].at > moved.at; k--)
			change[k] = change[k - 1];
		change[k] = moved;
	}
	return n;
}

static const struct zone_type *
rule_type(const struct zone *z, bool summer)
{
	return summer ? &z->summer : &z->winter;
}

/* What the rule says of `t`, as if it had always held. */
static void
rule_at(const struct zone *z, int64_t t, struct zone_span *span)
{
	struct rule_change change[6] = { 0 };
	unsigned n, i = 0;
	bool summer;

	*span = (struct zone_span) { INT64_MIN, INT64_MAX, z->winter.offset, z->winter.offset, "" };
	memcpy(span->name, z->winter.name, sizeof(span->name));
	if (!z->has_summer || t < INT64_C(31556952) * YEAR_MIN || t > INT64_C(31556952) * YEAR_MAX)
		return;
	n = rule_changes(z, t, change);
	while (i < n && change[i].at <= t)
		i++;
	/* One that leads to what there is already changes nothing. */
	summer = i > 0 ? change[i - 1].summer : !change[0].summer;
	if (i > 0)
		span->from = change[i - 1].at;
	if (i < n)
		span->until = change[i].at;
	span->offset = rule_type(z, summer)->offset;
	span->before = rule_type(z, i > 1 ? change[i - 2].summer : !summer)->offset;
	memcpy(span->name, rule_type(z, summer)->name, sizeof(span->name));
}

/* -- looking up ---------------------------------------------------------------- */

/* How many changes lie at or before `t`. */
static size_t
changes_until(const struct zone *z, int64_t t)
{
	size_t low = 0, high = z->changes;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (z->at[middle] <= t)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct zone_type *
type_after(const struct zone *z, size_t changes)
{
	return &z->type[changes > 0 ? z->to[changes - 1] : 0];
}

void
zone_at(const struct zone *z, int64_t t, struct zone_span *span)
{
	size_t n = changes_until(z, t);
	const struct zone_type *type;

	if (n == z->changes && z->has_rule) {
		rule_at(z, t, span);
		/* The rule takes over at the last change, whatever it would have said before. */
		if (n > 0 && span->from <= z->at[n - 1]) {
			span->from = z->at[n - 1];
			span->before = type_after(z, n - 1)->offset;
		}
		return;
	}
	type = type_after(z, n);
	*span = (struct zone_span) {
		.from = n > 0 ? z->at[n - 1] : INT64_MIN,
		.until = n < z->changes ? z->at[n] : INT64_MAX,
		.offset = type->offset,
		.before = n > 0 ? type_after(z, n - 1)->offset : type->offset,
	};
	memcpy(span->name, type->name, sizeof(span->name));
}

unsigned
zone_instants(const struct zone *z, int64_t local, int64_t *first)
{
	int64_t t = local - OFFSET_MAX, end = local + OFFSET_MAX, gap = INT64_MIN;
	struct zone_span span;
	unsigned n = 0;

	for (bool last = false; !last; t = span.until) {
		zone_at(z, t, &span);
		last = span.until > end;
		if (span.from != INT64_MIN && local - span.before >= span.from && local - span.offset < span.from)
			gap = span.from;
		if (local - span.offset >= span.from && local - span.offset < span.until && n++ == 0)
			*first = local - span.offset;
	}
	if (n == 0)
		*first = gap;
	return n;
}

/* -- reading the rule ----------------------------------------------------------- */

/* The cursor `*p` lies in a text that ends with a NUL. */
static bool
read_number(const char **p, int max, int *value)
{
	const char *start = *p;
	int n = 0;

	for (; **p >= '0' && **p <= '9'; (*p)++) {
		n = n * 10 + (**p - '0');
		if (n > max)
			return false;
	}
	*value = n;
	return *p > start;
}

/* A name: letters, or between < and > also digits and signs. */
static bool
read_name(const char **p, char name[8])
{
	bool quoted = **p == '<';
	size_t n = 0;

	if (quoted)
		(*p)++;
	for (;; (*p)++) {
		char c = **p;
		bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

		if (!letter && !(quoted && ((c >= '0' && c <= '9') || c == '+' || c == '-')))
			break;
		if (n < 7)
			name[n++] = c;
	}
	name[n] = '\0';
	if (quoted && *(*p)++ != '>')
		return false;
	return n > 0;
}

/* [+-]hh[:mm[:ss]], as seconds. */
static bool
read_time(const char **p, int *seconds)
{
	int sign = **p == '-' ? -1 : 1, hours, minutes = 0, rest = 0;

	if (**p == '-' || **p == '+')
		(*p)++;
	if (!read_number(p, 167, &hours))
		return false;
	if (**p == ':') {
		(*p)++;
		if (!read_number(p, 59, &minutes))
			return false;
		if (**p == ':') {
			(*p)++;
			if (!read_number(p, 59, &rest))
				return false;
		}
	}
	*seconds = sign * (hours * 3600 + minutes * 60 + rest);
	return true;
}

static bool
read_rule_day(const char **p, struct rule_day *d)
{
	bool good;

	*d = (struct rule_day) { .form = 'n', .time = 2 * 3600 };
	if (*(*p)++ != ',')
		return false;
	if (**p == 'M' || **p == 'J')
		d->form = *(*p)++;
	if (d->form == 'M') {
		good = read_number(p, 12, &d->month) && d->month > 0 && *(*p)++ == '.' &&
		       read_number(p, 5, &d->week) && d->week > 0 && *(*p)++ == '.' && read_number(p, 6, &d->day);
	} else {
		good = read_number(p, 365, &d->day) && (d->form == 'n' || d->day > 0);
	}
	if (!good || **p != '/')
		return good;
	(*p)++;
	return read_time(p, &d->time);
}

/* std offset [dst [offset] , start , end] */
static bool
read_rule(struct zone *z, const char *p)
{
	int west;

	if (!read_name(&p, z->winter.name) || !read_time(&p, &west) || west > OFFSET_MAX || west < -OFFSET_MAX)
		return false;
	z->winter.offset = -west;
	if (*p == '\0')
		return true;
	if (!read_name(&p, z->summer.name))
		return false;
	z->summer.offset = z->winter.offset + 3600;
	if (*p != ',') {
		if (!read_time(&p, &west) || west > OFFSET_MAX || west < -OFFSET_MAX)
			return false;
		z->summer.offset = -west;
	}
	z->has_summer = true;
	return read_rule_day(&p, &z->begin) && read_rule_day(&p, &z->end) && *p == '\0';
}

/* -- reading the file ----------------------------------------------------------- */

static int64_t
big_endian(const unsigned char *p, unsigned bytes)
{
	uint64_t value = p[0] & 0x80 ? UINT64_MAX : 0;

	for (unsigned i = 0; i < bytes; i++)
		value = value << 8 | p[i];
	return (int64_t) value;
}

/* What a header says, and where its block's parts lie. */
struct block {
	size_t changes, types, characters;
	const unsigned char *at, *to, *type, *text;
	size_t size; /* of all of it, with the header */
};

static bool
read_block(struct block *b, const unsigned char *p, size_t size, unsigned width)
{
	int64_t count[6];
	uint64_t need = HEADER;

	if (size < HEADER || memcmp(p, "TZif", 4) != 0)
		return false;
	for (unsigned i = 0; i < 6; i++) {
		count[i] = big_endian(p + 20 + 4 * i, 4);
		if (count[i] < 0 || count[i] > CHANGES_MAX)
			return false;
	}
	/* In the order of the header: UT flags, standard flags, leap seconds, changes, types, characters. */
	b->changes = (size_t) count[3];
	b->types = (size_t) count[4];
	b->characters = (size_t) count[5];
	b->at = p + need;
	need += b->changes * width;
	b->to = p + need;
	need += b->changes;
	b->type = p + need;
	need += b->types * 6;
	b->text = p + need;
	need += b->characters + (uint64_t) count[2] * (width + 4) + (uint64_t) (count[1] + count[0]);
	b->size = (size_t) need;
	return need <= size && b->types > 0 && b->types <= 256;
}

static bool
take_types(struct zone *z, const struct block *b)
{
	for (size_t i = 0; i < b->types; i++) {
		const unsigned char *p = b->type + 6 * i;
		int64_t offset = big_endian(p, 4);
		size_t n = p[5];

		if (offset > OFFSET_MAX || offset < -OFFSET_MAX || n >= b->characters)
			return false;
		z->type[i].offset = (int) offset;
		for (size_t k = 0; k < 7 && n + k < b->characters && b->text[n + k]; k++)
			z->type[i].name[k] = (char) b->text[n + k];
	}
	return true;
}

/* Changes in order; those before the year -100000 are as if always there. */
static bool
take_changes(struct zone *z, const struct block *b, unsigned width)
{
	for (size_t i = 0; i < b->changes; i++) {
		z->at[i] = big_endian(b->at + width * i, width);
		z->to[i] = b->to[i];
		if (z->to[i] >= b->types || (i > 0 && z->at[i] <= z->at[i - 1]))
			return false;
	}
	z->changes = b->changes;
	return true;
}

/* The rule: a line of its own after the second block. */
static bool
take_rule(struct zone *z, const unsigned char *p, size_t n)
{
	char text[128];

	if (n < 2 || p[0] != '\n' || n - 2 >= sizeof(text))
		return n == 0;
	if (p[n - 1] != '\n' || memchr(p, '\0', n))
		return false;
	memcpy(text, p + 1, n - 2);
	text[n - 2] = '\0';
	z->has_rule = text[0] != '\0';
	return !z->has_rule || read_rule(z, text);
}

/* 0, -EINVAL or -ENOMEM. */
static int
zone_fill(struct zone *z, const unsigned char *p, size_t size)
{
	unsigned width = 4;
	struct block b;

	if (!read_block(&b, p, size, width))
		return -EINVAL;
	if (p[4] >= '2') { /* all is there a second time, with wider numbers */
		p += b.size;
		size -= b.size;
		width = 8;
		if (!read_block(&b, p, size, width))
			return -EINVAL;
	}
	z->at = calloc(b.changes + 1, sizeof(*z->at));
	z->to = calloc(b.changes + 1, sizeof(*z->to));
	z->type = calloc(b.types, sizeof(*z->type));
	z->types = b.types;
	if (!z->at || !z->to || !z->type)
		return -ENOMEM;
	if (!take_types(z, &b) || !take_changes(z, &b, width))
		return -EINVAL;
	if (width == 8 && !take_rule(z, p + b.size, size - b.size))
		return -EINVAL;
	return 0;
}

int
zone_parse(struct zone **zone, const void *bytes, size_t size)
{
	struct zone *z = calloc(1, sizeof(*z));
	int r = z ? zone_fill(z, bytes, size) : -ENOMEM;

	if (r < 0) {
		(void) zone_free(z);
		return r;
	}
	*zone = z;
	return 0;
}

struct zone *
zone_fixed(int offset)
{
	struct zone *z = calloc(1, sizeof(*z));

	if (!z)
		return NULL;
	z->type = calloc(1, sizeof(*z->type));
	if (!z->type)
		return zone_free(z);
	z->types = 1;
	z->type[0].offset = offset;
	memcpy(z->type[0].name, "UTC", 4);
	return z;
}

struct zone *
zone_free(struct zone *z)
{
	if (!z)
		return NULL;
	free(z->at);
	free(z->to);
	free(z->type);
	free(z);
	return NULL;
}

bool
zone_is_name(struct span name)
{
	char before = '/';

	if (name.n == 0 || name.n > NAME_MAX_LENGTH)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

		if (before == '/' && !letter)
			return false; /* a part that is empty, or hidden, or leads up */
		if (!letter && !(c >= '0' && c <= '9') && !strchr("/_+-", c))
			return false;
		before = c;
	}
	return before != '/';
}
