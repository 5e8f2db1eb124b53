/* SPDX-License-Identifier: MIT */
#include "sysv/countdown.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MINUTE 60
#define HOUR (60 * MINUTE)

/* 14:30 of a day in January 2025, in UTC. */
static const time_t afternoon = 1737383400;

static int
minutes_of(const char *text)
{
	const char *fault = NULL;
	int minutes = -1;

	assert_int_equal(countdown_parse(text, afternoon, &minutes, &fault), 0);
	assert_null(fault);
	return minutes;
}

static const char *
fault_of(const char *text)
{
	const char *fault = NULL;
	int minutes;

	assert_int_equal(countdown_parse(text, afternoon, &minutes, &fault), -EINVAL);
	return fault;
}

static void
test_times(void **state)
{
	(void) state;
	assert_int_equal(minutes_of("now"), 0);
	assert_int_equal(minutes_of("0"), 0);
	assert_int_equal(minutes_of("+0"), 0);
	assert_int_equal(minutes_of("+15"), 15);
	assert_int_equal(minutes_of("007"), 7);
	assert_int_equal(minutes_of("14:30"), 0);
	assert_int_equal(minutes_of("14:31"), 1);
	assert_int_equal(minutes_of("14:29"), 24 * 60 - 1);
	assert_int_equal(minutes_of("0:00"), 9 * 60 + 30);
	assert_int_equal(minutes_of("23:59"), 9 * 60 + 29);
	assert_int_equal(minutes_of("9:5"), 18 * 60 + 35);
}

static int
minutes_in(const char *zone, time_t now, const char *text)
{
	const char *fault = NULL;
	int minutes = -1;

	(void) setenv("TZ", zone, 1);
	tzset();
	assert_int_equal(countdown_parse(text, now, &minutes, &fault), 0);
	(void) setenv("TZ", "UTC0", 1);
	tzset();
	return minutes;
}

/* `text` at `now` in a zone whose clocks are set on the last Sundays of March and October. */
static int
minutes_in_europe(time_t now, const char *text)
{
	return minutes_in("CET-1CEST,M3.5.0,M10.5.0/3", now, text);
}

static void
test_times_of_days_that_are_not_24_hours_long(void **state)
{
	const time_t spring = 1743292800;  /* 2025-03-30 01:00 CET; at 02:00 it is 03:00 */
	const time_t autumn = 1761429600;  /* 2025-10-26 00:00 CEST; at 03:00 it is 02:00 */

	(void) state;
	assert_int_equal(minutes_in_europe(spring, "1:00"), 0);
	assert_int_equal(minutes_in_europe(spring, "1:59"), 59);
	assert_int_equal(minutes_in_europe(spring, "3:00"), 60);
	assert_int_equal(minutes_in_europe(spring, "4:30"), 150);
	assert_int_equal(minutes_in_europe(spring, "0:59"), 23 * 60 - 1);
	/* The time that is skipped. */
	assert_int_equal(minutes_in_europe(spring, "2:30"), 60);
	assert_int_equal(minutes_in_europe(spring - 23 * HOUR, "2:30"), 30);

	assert_int_equal(minutes_in_europe(autumn, "2:30"), 150);
	assert_int_equal(minutes_in_europe(autumn, "3:00"), 240);
	assert_int_equal(minutes_in_europe(autumn, "23:00"), 24 * 60);
	/* The second half past two is the next one, when the first is over. */
	assert_int_equal(minutes_in_europe(autumn + 2 * HOUR + 31 * MINUTE, "2:30"), 59);
	assert_int_equal(minutes_in_europe(autumn + 3 * HOUR + 31 * MINUTE, "2:30"), 24 * 60 - 1);
}

/* As in Cuba: at midnight it is one o'clock, and at one o'clock midnight. */
static void
test_times_of_days_that_begin_at_another_hour(void **state)
{
	static const char zone[] = "CST5CDT,M3.2.0/0,M11.1.0/1";
	const time_t spring = 1741492800;  /* 2025-03-08 23:00 CST */
	const time_t autumn = 1762056000;  /* 2025-11-02 00:00 CDT */

	(void) state;
	assert_int_equal(minutes_in(zone, spring, "23:59"), 59);
	assert_int_equal(minutes_in(zone, spring, "0:00"), 60);
	assert_int_equal(minutes_in(zone, spring, "0:30"), 60);
	assert_int_equal(minutes_in(zone, spring, "1:00"), 60);
	assert_int_equal(minutes_in(zone, spring, "1:30"), 90);
	assert_int_equal(minutes_in(zone, spring, "22:59"), 23 * 60 - 1);
	assert_int_equal(minutes_in(zone, autumn - HOUR, "0:30"), 90);
	assert_int_equal(minutes_in(zone, autumn + 31 * MINUTE, "0:30"), 59);
	assert_int_equal(minutes_in(zone, autumn, "1:00"), 120);
	assert_int_equal(minutes_in(zone, autumn, "23:30"), 24 * 60 + 30);
}

static void
test_what_is_no_time(void **state)
{
	static const char *const times[] = { "", "+", "-1", "++1", "soon", "1h", "now ", " 1", "35791395", "99999999999999" };
	static const char *const hours[] = { ":", ":30", "24:00", "-1:00", "x:00", "999999999999:00" };
	static const char *const minutes[] = { "1:", "1:60", "1:-1", "1:3x", "1:2:3" };

	(void) state;
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++)
		assert_string_equal(fault_of(times[i]), "illegal time value");
	for (size_t i = 0; i < sizeof(hours) / sizeof(*hours); i++)
		assert_string_equal(fault_of(hours[i]), "illegal hour value");
	for (size_t i = 0; i < sizeof(minutes) / sizeof(*minutes); i++)
		assert_string_equal(fault_of(minutes[i]), "illegal minute value");
}

static void
test_when_users_are_told(void **state)
{
	static const int told[] = { 0, 1, 5, 9, 15, 30, 45, 60, 90, 120, 150, 180, 240, 600 };
	static const int silent[] = { 10, 14, 16, 59, 75, 61, 105, 165, 179, 210, 599 };

	(void) state;
	for (size_t i = 0; i < sizeof(told) / sizeof(*told); i++)
		assert_true(countdown_is_told(told[i]));
	for (size_t i = 0; i < sizeof(silent) / sizeof(*silent); i++)
		assert_false(countdown_is_told(silent[i]));
	assert_true(countdown_bars_logins(5));
	assert_true(countdown_bars_logins(0));
	assert_false(countdown_bars_logins(6));
}

static void
test_what_users_are_told(void **state)
{
	static const struct {
		int minutes;
		const char *message, *text;
	} cases[] = {
		{ 0, "", "\rThe system is going down for reboot NOW!\r\n" },
		{ 1, "", "\rThe system is going down for reboot in 1 minute!\r\n" },
		{ 2, "save all ", "\rThe system is going down for reboot in 2 minutes!\r\nsave all \r\n" },
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *text = countdown_warning("reboot", cases[i].minutes, cases[i].message);

		assert_string_equal(text, cases[i].text);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_times_of_days_that_are_not_24_hours_long),
		cmocka_unit_test(test_times_of_days_that_begin_at_another_hour),
		cmocka_unit_test(test_what_is_no_time),
		cmocka_unit_test(test_when_users_are_told),
		cmocka_unit_test(test_what_users_are_told),
	};

	(void) setenv("TZ", "UTC0", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
