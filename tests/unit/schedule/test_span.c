/* SPDX-License-Identifier: MIT */
#include "schedule/span.h"

#include <errno.h>

#include "rig.h"
#include "unit.h"

static const struct {
	const char *text;
	usec_t span;
	const char *printed;
} good[] = {
	{ "1", 1000000, "1s" },
	{ "90", 90000000, "1min 30s" },
	{ "0", 0, "0" },
	{ "15m", 900000000, "15min" },
	{ "15 min", 900000000, "15min" },
	{ "1h30m", 5400000000, "1h 30min" },
	{ "1h 30min 5s", 5405000000, "1h 30min 5s" },
	{ "2.5d", 216000000000, "2d 12h" },
	{ ".5s", 500000, "500ms" },
	{ "1.s", 1000000, "1s" },
	{ "1w", 604800000000, "1w" },
	{ "1 month", 2629800000000, "1month" },
	{ "1M", 2629800000000, "1month" },
	{ "1y", 31557600000000, "1y" },
	{ "1 year 12 months", 63115200000000, "2y" },
	{ "250ms", 250000, "250ms" },
	{ "3us", 3, "3us" },
	{ "3\302\265s", 3, "3us" },
	{ "3\316\274s", 3, "3us" },
	{ "  2  hours  ", 7200000000, "2h" },
	{ "1d2h3min4sec5msec6usec", 93784005006, "1d 2h 3min" },
	{ "1.0000001s", 1000000, "1s" },
	{ "0.000001s", 1, "1us" },
	{ "1000y", 31557600000000000, "1000y" },
};

static const struct {
	const char *text;
	size_t offset;
	const char *why;
} bad[] = {
	{ "", 0, "a number is missing" },
	{ " ", 1, "a number is missing" },
	{ "m", 0, "a number is missing" },
	{ "-5", 0, "a number is missing" },
	{ ".", 0, "a number is missing" },
	{ "5x", 1, "`x' is no unit of time" },
	{ "5 fortnights", 2, "`fortnights' is no unit of time" },
	{ "1h 5q", 4, "`q' is no unit of time" },
	{ "1h -", 3, "a number is missing" },
	{ "1001y", 0, "that is more than 1000 years" },
	{ "999y 2y", 5, "that is more than 1000 years" },
	{ "99999999999999999999999999", 0, "that is more than 1000 years" },
};

static void
test_spans_are_read_and_printed(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct schedule_fault fault = { 0 };
		char buffer[SPAN_TEXT_MAX];
		usec_t span;

		if (span_read(&span, span_of(good[i].text), &fault) < 0)
			fail_msg("%s: %s", good[i].text, fault.text);
		if (span != good[i].span)
			fail_msg("%s: %llu", good[i].text, (unsigned long long) span);
		assert_string_equal(span_print(buffer, span), good[i].printed);
	}
}

static void
test_what_is_no_span_is_told_with_its_place(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct schedule_fault fault = { 0 };
		usec_t span;

		assert_int_equal(span_read(&span, span_of(bad[i].text), &fault), -EINVAL);
		assert_string_equal(fault.text, bad[i].why);
		assert_int_equal(fault.offset, bad[i].offset);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spans_are_read_and_printed),
		cmocka_unit_test(test_what_is_no_span_is_told_with_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
