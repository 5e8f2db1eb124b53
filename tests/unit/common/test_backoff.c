/* SPDX-License-Identifier: MIT */
/*
 * The delays between tries.
 */
#include "common/backoff.h"

#include "unit.h"

static void
test_delays_double_from_the_first_to_the_most(void **state)
{
	static const uint64_t wanted[] = { 100, 200, 400, 800, 1000, 1000, 1000 };
	uint64_t delay = 0;

	(void) state;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		delay = backoff_next(delay, 100, 1000);
		assert_int_equal(delay, wanted[i]);
	}
	assert_int_equal(backoff_next(0, 100, 1000), 100); /* begun anew */
}

static void
test_twice_as_long_may_be_just_the_most(void **state)
{
	(void) state;
	assert_int_equal(backoff_next(500, 100, 1000), 1000);
	assert_int_equal(backoff_next(499, 100, 1000), 998);
	assert_int_equal(backoff_next(500, 100, 1001), 1000);
	assert_int_equal(backoff_next(501, 100, 1001), 1001);
}

static void
test_limits_that_shrink_shrink_the_delay(void **state)
{
	(void) state;
	assert_int_equal(backoff_next(0, 100, 10), 10);
	assert_int_equal(backoff_next(5000, 100, 1000), 1000);
}

static void
test_delay_does_not_overflow(void **state)
{
	(void) state;
	assert_int_equal(backoff_next(UINT64_MAX / 2 + 1, 1, UINT64_MAX), UINT64_MAX);
	assert_int_equal(backoff_next(UINT64_MAX / 2, 1, UINT64_MAX), UINT64_MAX - 1);
	assert_int_equal(backoff_next(UINT64_MAX, 1, UINT64_MAX), UINT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_delays_double_from_the_first_to_the_most),
		cmocka_unit_test(test_twice_as_long_may_be_just_the_most),
		cmocka_unit_test(test_limits_that_shrink_shrink_the_delay),
		cmocka_unit_test(test_delay_does_not_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
