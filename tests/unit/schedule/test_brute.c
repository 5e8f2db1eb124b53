/* SPDX-License-Identifier: MIT */
/*
 * Random schedules against the clocks of libc, minute by minute: what a crontab says is read a second time here, in the
 * simplest way, and the rules for changed clocks are applied to what localtime_r() shows. Also: each zone's whole table.
 * UPSTART_TEST_LONG: ten years in ten zones, instead of some months of them.
 */
#include <time.h>

#include "rig.h"
#include "unit.h"

static const char *const zone_names[] = {
	"Europe/Berlin", "America/New_York", "America/Santiago", "Australia/Lord_Howe", "Asia/Kolkata",
	"Asia/Kathmandu", "Pacific/Apia", "America/St_Johns", "Africa/Casablanca", "Pacific/Auckland",
};

#define YEAR INT64_C(31556952)

struct field {
	int min, max;
	bool set[64];
	bool star; /* the text begins with '*' */
	bool pattern;
};

struct sample {
	struct field field[5]; /* minute, hour, day, month, weekday */
	char text[256];
};

static void
use_zone(const char *name)
{
	(void) setenv("TZ", name, 1);
	tzset();
}

/* A random field as text, and what it means. */
static void
make_field(struct field *f, char *out, uint64_t *seed, unsigned dense)
{
	unsigned parts = 1 + (unsigned) (unit_random(seed) % 3);

	memset(f->set, 0, sizeof(f->set));
	f->star = f->pattern = unit_random(seed) % 100 < dense;
	if (f->star) {
		int step = unit_random(seed) % 2 ? 1 : 2 + (int) (unit_random(seed) % 5);

		for (int i = f->min; i <= f->max; i += step)
			f->set[i] = true;
		(void) sprintf(out, step > 1 ? "*/%d" : "*", step);
		return;
	}
	for (unsigned k = 0; k < parts; k++) {
		int from = f->min + (int) (unit_random(seed) % (uint64_t) (f->max - f->min + 1)), until = from, step = 1;

		if (unit_random(seed) % 3 == 0)
			until = from + (int) (unit_random(seed) % (uint64_t) (f->max - from + 1));
		if (until > from && unit_random(seed) % 2)
			step = 1 + (int) (unit_random(seed) % 5);
		out += sprintf(out, "%s%d", k > 0 ? "," : "", from);
		if (until > from)
			out += sprintf(out, "-%d", until);
		if (step > 1)
			out += sprintf(out, "/%d", step);
		f->pattern |= step > 1;
		for (int i = from; i <= until; i += step)
			f->set[i] = true;
	}
}

static void
make_sample(struct sample *s, uint64_t *seed)
{
	static const int range[5][2] = { { 0, 59 }, { 0, 23 }, { 1, 31 }, { 1, 12 }, { 0, 6 } };
	static const unsigned dense[5] = { 40, 50, 70, 80, 60 };
	char *out = s->text;

	for (unsigned i = 0; i < 5; i++) {
		s->field[i].min = range[i][0];
		s->field[i].max = range[i][1];
		make_field(&s->field[i], out, seed, dense[i]);
		out += strlen(out);
		(void) strcpy(out, i < 4 ? " " : "");
		out += strlen(out);
	}
}

static bool
matches(const struct sample *s, const struct tm *tm)
{
	bool day = s->field[2].set[tm->tm_mday], week = s->field[4].set[tm->tm_wday];

	if (!s->field[0].set[tm->tm_min] || !s->field[1].set[tm->tm_hour] || !s->field[3].set[tm->tm_mon + 1])
		return false;
	return s->field[2].star || s->field[4].star ? day && week : day || week;
}

/* A wall clock that knows how to be put forward and back: what the last minutes were. */
struct wall {
	time_t t;
	struct tm tm;
	long before;    /* offset a minute ago */
	time_t changed; /* when the clocks were put back last, … */
	long by;        /* … and by how much */
};

static void
wall_step(struct wall *w)
{
	w->before = w->tm.tm_gmtoff;
	w->t += 60;
	(void) localtime_r(&w->t, &w->tm);
	if (w->tm.tm_gmtoff < w->before) {
		w->changed = w->t;
		w->by = w->before - w->tm.tm_gmtoff;
	}
}

/* Did the clocks skip a minute that matches, just now? */
static bool
skipped_match(const struct sample *s, const struct wall *w)
{
	for (long gone = w->before; gone < w->tm.tm_gmtoff; gone += 60) {
		time_t shown = w->t + gone;
		struct tm tm;

		(void) gmtime_r(&shown, &tm);
		if (matches(s, &tm))
			return true;
	}
	return false;
}

static bool
is_due(const struct sample *s, const struct wall *w)
{
	bool pattern = s->field[1].pattern;

	if (!pattern && skipped_match(s, w))
		return true;
	if (!matches(s, &w->tm))
		return false;
	return pattern || w->t >= w->changed + w->by;
}

/* One schedule from `from` on for `minutes`; it is the same as libc says, at every minute. */
static void
walk(const struct sample *s, const struct zone *zone, const char *name, int64_t from, int64_t minutes)
{
	struct wall w = { .t = (time_t) from - 3 * 86400 };
	struct schedule_fault fault;
	struct calendar c;
	int64_t next;

	if (calendar_read_cron(&c, span_of(s->text), &fault) < 0) {
		assert_string_equal(fault.text, "there is no such day in any year");
		return;
	}
	(void) localtime_r(&w.t, &w.tm);
	while (w.t < from)
		wall_step(&w);
	next = calendar_next(&c, zone, from);
	while (minutes-- > 0) {
		bool due;

		wall_step(&w);
		due = is_due(s, &w);
		if (due != (next == w.t))
			fail_msg("%s in %s: %s at %lld, next is %lld", s->text, name, due ? "due" : "not due",
				 (long long) w.t, (long long) next);
		if (due)
			next = calendar_next(&c, zone, next);
	}
}

static struct zone *
load(const char *name)
{
	struct error err = ERROR_INIT;
	struct zone *zone = NULL;

	return zone_load(&zone, name, &err) == 0 ? zone : NULL;
}

static void
test_schedules_go_by_the_clocks(void **state)
{
	bool all = getenv("UPSTART_TEST_LONG") != NULL;
	uint64_t seed = 20261129;
	unsigned zones = 0;

	for (size_t i = 0; i < ARRAY_SIZE(zone_names); i++) {
		struct zone *zone = load(zone_names[i]);

		if (!zone)
			continue;
		zones++;
		use_zone(zone_names[i]);
		for (unsigned k = 0; k < 12; k++) {
			struct sample s;
			/* Whole minutes; from 2008 on, in short runs around the changes of clocks. */
			int64_t from = INT64_C(1199145600) + (int64_t) (unit_random(&seed) % 200) * 14 * 86400;

			make_sample(&s, &seed);
			walk(&s, zone, zone_names[i], all ? INT64_C(1199145600) : from,
			     all ? 10 * YEAR / 60 : 45 * 1440);
		}
		(void) zone_free(zone);
	}
	if (zones == 0)
		skip();
}

static void
test_nights_of_change_go_by_the_clocks(void **state)
{
	uint64_t seed = 7;

	for (size_t i = 0; i < ARRAY_SIZE(zone_names); i++) {
		struct zone *zone = load(zone_names[i]);
		int64_t t = INT64_C(1262304000), end = INT64_C(1577836800);

		if (!zone)
			continue;
		use_zone(zone_names[i]);
		while (t < end) {
			struct zone_span span;
			struct sample s;

			zone_at(zone, t, &span);
			if (span.until == INT64_MAX || span.until > end)
				break;
			t = span.until;
			make_sample(&s, &seed);
			walk(&s, zone, zone_names[i], t - t % 60 - 2 * 86400, 5 * 1440);
		}
		(void) zone_free(zone);
	}
}

static void
test_zones_are_those_of_libc(void **state)
{
	uint64_t seed = 3;

	for (size_t i = 0; i < ARRAY_SIZE(zone_names); i++) {
		struct zone *zone = load(zone_names[i]);

		if (!zone)
			continue;
		use_zone(zone_names[i]);
		for (unsigned k = 0; k < 20000; k++) {
			/* From 1850 to 2150. */
			time_t t = (time_t) (unit_random(&seed) % (300 * YEAR)) - 120 * YEAR;
			struct zone_span span;
			struct tm tm;

			(void) localtime_r(&t, &tm);
			zone_at(zone, t, &span);
			if (span.offset != tm.tm_gmtoff)
				fail_msg("%s at %lld: %d instead of %ld", zone_names[i], (long long) t, span.offset, tm.tm_gmtoff);
			assert_true(span.from <= t && t < span.until);
		}
		(void) zone_free(zone);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zones_are_those_of_libc),
		cmocka_unit_test(test_nights_of_change_go_by_the_clocks),
		cmocka_unit_test(test_schedules_go_by_the_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
