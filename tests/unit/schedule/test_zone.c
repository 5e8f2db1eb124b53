/* SPDX-License-Identifier: MIT */
#include "schedule/zone.h"

#include <errno.h>
#include <sys/stat.h>

#include "rig.h"
#include "schedule/civil.h"
#include "unit.h"

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"

static void
test_civil_dates_go_both_ways(void **state)
{
	struct civil c;
	int64_t day = civil_days(-400, 3, 1);

	assert_int_equal(civil_days(1970, 1, 1), 0);
	assert_int_equal(civil_days(2000, 2, 29), 11016);
	assert_int_equal(civil_weekday(0), 3);
	assert_int_equal(civil_weekday(-4), 6);
	for (; day < civil_days(2500, 1, 1); day++) {
		civil_from_seconds(&c, day * SECONDS_PER_DAY + 86399);
		assert_int_equal(civil_days(c.year, c.month, c.day), day);
		assert_true(c.day <= civil_month_length(c.year, c.month));
		assert_int_equal(civil_seconds(&c), day * SECONDS_PER_DAY + 86399);
	}
}

static void
test_rule_changes_clocks(void **state)
{
	struct zone *zone = rig_zone(BERLIN);
	struct zone_span span;

	zone_at(zone, 1704067200, &span); /* 2024-01-01 */
	assert_int_equal(span.offset, 3600);
	assert_string_equal(span.name, "CET");
	assert_int_equal(span.until, 1711846800); /* 2024-03-31 01:00 UTC */
	zone_at(zone, span.until, &span);
	assert_int_equal(span.offset, 7200);
	assert_int_equal(span.before, 3600);
	assert_string_equal(span.name, "CEST");
	assert_int_equal(span.from, 1711846800);
	assert_int_equal(span.until, 1729990800); /* 2024-10-27 01:00 UTC */
	zone_at(zone, span.until - 1, &span);
	assert_int_equal(span.offset, 7200);
	(void) zone_free(zone);
}

static void
test_local_times_are_there_once_twice_or_not(void **state)
{
	struct zone *zone = rig_zone(BERLIN);
	int64_t first;

	assert_int_equal(zone_instants(zone, rig_local("2024-01-01 00:00:00"), &first), 1);
	assert_int_equal(first, 1704063600);
	assert_int_equal(zone_instants(zone, rig_local("2024-03-31 01:59:59"), &first), 1);
	assert_int_equal(zone_instants(zone, rig_local("2024-03-31 02:00:00"), &first), 0);
	assert_int_equal(first, 1711846800);
	assert_int_equal(zone_instants(zone, rig_local("2024-03-31 02:59:59"), &first), 0);
	assert_int_equal(first, 1711846800);
	assert_int_equal(zone_instants(zone, rig_local("2024-03-31 03:00:00"), &first), 1);
	assert_int_equal(first, 1711846800);
	assert_int_equal(zone_instants(zone, rig_local("2024-10-27 01:59:59"), &first), 1);
	assert_int_equal(zone_instants(zone, rig_local("2024-10-27 02:00:00"), &first), 2);
	assert_int_equal(first, 1729987200);
	assert_int_equal(zone_instants(zone, rig_local("2024-10-27 02:59:59"), &first), 2);
	assert_int_equal(zone_instants(zone, rig_local("2024-10-27 03:00:00"), &first), 1);
	(void) zone_free(zone);
}

/* Forms of rules, with the offset in January and July of 2030. */
static const struct {
	const char *rule;
	int january, july;
} rules[] = {
	{ "UTC0", 0, 0 },
	{ "IST-5:30", 19800, 19800 },
	{ "<+1245>-12:45<+1345>,M9.5.0/2:45,M4.1.0/3:45", 49500, 45900 },
	{ "<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", -10800, -7200 },
	{ "EST5EDT,M3.2.0,M11.1.0", -18000, -14400 },
	{ "AEST-10AEDT,M10.1.0,M4.1.0/3", 39600, 36000 },
	{ "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 39600, 37800 },
	{ "IST-1GMT0,M10.5.0,M3.5.0/1", 0, 3600 },
	{ "XXX3YYY,J60/0,J300", -10800, -7200 },
	{ "XXX3YYY,59/0,299", -10800, -7200 },
	{ "IST-2IDT,M3.4.4/26,M10.5.0", 7200, 10800 },
	{ "EET-2EEST,M3.5.5/0,M10.5.5/0", 7200, 10800 },
	{ "WGT3WGST,M3.4.6/22,M10.4.6/23", -10800, -7200 },
	{ "XXX12:34:56", -45296, -45296 },
};

static void
test_forms_of_rules(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		struct zone *zone = rig_zone(rules[i].rule);
		struct zone_span span;

		zone_at(zone, rig_local("2030-01-10 12:00:00"), &span);
		assert_int_equal(span.offset, rules[i].january);
		zone_at(zone, rig_local("2030-07-10 12:00:00"), &span);
		assert_int_equal(span.offset, rules[i].july);
		(void) zone_free(zone);
	}
}

static void
test_leap_day_has_no_number_in_julian_rules(void **state)
{
	struct zone *zone = rig_zone("XXX0YYY,J60/0,J300/0");
	struct zone_span span;

	zone_at(zone, rig_local("2028-01-10 00:00:00"), &span);
	assert_int_equal(span.until, rig_local("2028-03-01 00:00:00"));
	zone_at(zone, rig_local("2027-01-10 00:00:00"), &span);
	assert_int_equal(span.until, rig_local("2027-03-01 00:00:00"));
	(void) zone_free(zone);
}

/* A file with one change and a rule. */
static unsigned char sound[160];
#define SOUND_SIZE ((size_t) (2 * 44 + 6 + 4 + 8 + 1 + 2 * 6 + 8 + 6))

static void
make_sound(void)
{
	unsigned char *p = sound;

	memcpy(p, "TZif2", 5);
	p[39] = 1; /* types */
	p[43] = 4; /* characters */
	p += 44 + 6;
	memcpy(p, "LMT", 4);
	p += 4;
	memcpy(p, "TZif2", 5);
	p[35] = 1; /* changes */
	p[39] = 2;
	p[43] = 8;
	p += 44;
	p[5] = 1; /* 1970-01-01 18:12:16 */
	p += 8;
	*p++ = 1;
	p += 6;
	memcpy(p, "\0\0\16\20\1\4", 6);
	p += 6;
	memcpy(p, "LMT\0SUM", 8);
	memcpy(p + 8, "\nUTC0\n", 6);
}

static void
test_damaged_files_are_refused(void **state)
{
	struct zone *zone = NULL;
	uint64_t seed = 1;

	make_sound();
	assert_int_equal(zone_parse(&zone, sound, SOUND_SIZE), 0);
	zone = zone_free(zone);
	for (size_t n = 0; n < SOUND_SIZE - 6; n++)
		assert_int_equal(zone_parse(&zone, sound, n), -EINVAL);
	/* Whatever the bytes are: an answer, and one that can be asked. */
	for (unsigned i = 0; i < 20000; i++) {
		unsigned char bytes[SOUND_SIZE];
		struct zone_span span;
		int64_t first;

		memcpy(bytes, sound, SOUND_SIZE);
		for (unsigned k = 0; k < 3; k++)
			bytes[unit_random(&seed) % SOUND_SIZE] = (unsigned char) unit_random(&seed);
		if (zone_parse(&zone, bytes, SOUND_SIZE) < 0)
			continue;
		zone_at(zone, (int64_t) (unit_random(&seed) % 4000000000), &span);
		(void) zone_instants(zone, (int64_t) (unit_random(&seed) % 4000000000), &first);
		zone = zone_free(zone);
	}
}

static int
parse_once(void *data)
{
	struct zone *zone = NULL;
	int r = zone_parse(&zone, sound, SOUND_SIZE);

	(void) zone_free(zone);
	return r;
}

static void
test_memory_runs_out(void **state)
{
	make_sound();
	assert_true(failalloc_each(parse_once, NULL) > 0);
}

static void
test_names(void **state)
{
	static const char *const names[] = { "UTC", "Europe/Berlin", "America/Port-au-Prince", "Etc/GMT+5",
					     "America/Argentina/Buenos_Aires" };
	static const char *const none[] = { "", "/etc/passwd", "../x", "Europe/../x", "Europe//Berlin", "Europe/", "a b",
					    "5", "Eu\nrope", ".hidden", "Europe/.x" };
	struct zone *zone = NULL;
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_true(zone_is_name(span_of(names[i])));
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		assert_false(zone_is_name(span_of(none[i])));
	assert_int_equal(zone_load(&zone, "../x", &err), -EINVAL);
	assert_string_equal(err.text, "Not the name of a time zone: ../x");
}

static void
test_files_are_looked_for_in_tzdir(void **state)
{
	char folder[] = "/tmp/upstart-zone-XXXXXX";
	char *path, *bad;
	struct zone *zone = NULL;
	struct error err = ERROR_INIT;
	FILE *file;

	make_sound();
	assert_non_null(mkdtemp(folder));
	path = str_printf("%s/Own", folder);
	bad = str_printf("%s/Bad", folder);
	file = fopen(path, "w");
	assert_int_equal(fwrite(sound, 1, SOUND_SIZE, file), SOUND_SIZE);
	(void) fclose(file);
	file = fopen(bad, "w");
	(void) fputs("nonsense", file);
	(void) fclose(file);
	(void) setenv("TZDIR", folder, 1);
	assert_int_equal(zone_load(&zone, "Own", &err), 0);
	zone = zone_free(zone);
	assert_int_equal(zone_load(&zone, "Other", &err), -ENOENT);
	assert_string_equal(err.text, "There is no time zone Other");
	assert_int_equal(zone_load(&zone, "Own/Other", &err), -ENOENT);
	assert_int_equal(zone_load(&zone, "Bad", &err), -EBADMSG);
	/* UTC needs no file. */
	assert_int_equal(zone_load(&zone, "UTC", &err), 0);
	zone = zone_free(zone);
	(void) unsetenv("TZDIR");
	(void) unlink(path);
	(void) unlink(bad);
	(void) rmdir(folder);
	free(path);
	free(bad);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_civil_dates_go_both_ways),
		cmocka_unit_test(test_rule_changes_clocks),
		cmocka_unit_test(test_local_times_are_there_once_twice_or_not),
		cmocka_unit_test(test_forms_of_rules),
		cmocka_unit_test(test_leap_day_has_no_number_in_julian_rules),
		cmocka_unit_test(test_damaged_files_are_refused),
		cmocka_unit_test(test_memory_runs_out),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_files_are_looked_for_in_tzdir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
