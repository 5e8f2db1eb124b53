/* SPDX-License-Identifier: MIT */
#include "bridges/timing.h"

#include "unit.h"

static void
test_ratelimit_counts_what_it_withholds(void **state)
{
	struct ratelimit limit = RATELIMIT_INIT(10);
	unsigned long withheld = 99;

	assert_true(ratelimit_pass(&limit, 1000, &withheld));
	assert_int_equal(withheld, 0);
	assert_false(ratelimit_pass(&limit, 1000, &withheld));
	assert_false(ratelimit_pass(&limit, 1009, &withheld));
	assert_true(ratelimit_pass(&limit, 1010, &withheld));
	assert_int_equal(withheld, 2);
	assert_true(ratelimit_pass(&limit, 5000, &withheld));
	assert_int_equal(withheld, 0);
}

static void
test_timing_goes_forward(void **state)
{
	usec_t before = timing_now();

	assert_true(before > 0);
	assert_true(timing_now() >= before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ratelimit_counts_what_it_withholds),
		cmocka_unit_test(test_timing_goes_forward),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
