/* SPDX-License-Identifier: MIT */
/*
 * All descriptors there are, however far they lie apart.
 */
#include "system/descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "system/process.h"
#include "unit.h"

#define FIRST 100
#define MAX_FOUND 3500

static const int places[] = { FIRST, FIRST + 1, 1200, 2999, 3000, 7000, 9000 };

struct found {
	int fds[MAX_FOUND];
	size_t n;
	bool closes;
};

static void
found_cb(int fd, void *data)
{
	struct found *found = data;

	assert_true(found->n < MAX_FOUND);
	found->fds[found->n++] = fd;
	if (found->closes)
		assert_int_equal(close(fd), 0);
}

static int
open_places(void **state)
{
	struct rlimit before;

	(void) state;
	assert_int_equal(process_raise_nofile(&before), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	assert_true(before.rlim_cur <= PROCESS_NOFILE_MAX);
	for (int fd = FIRST; fd <= places[ARRAY_SIZE(places) - 1]; fd++)
		(void) close(fd); /* whoever runs tests may leave anything open */
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		assert_int_equal(dup2(STDIN_FILENO, places[i]), places[i]);
	return 0;
}

static int
close_places(void **state)
{
	(void) state;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		(void) close(places[i]);
	return 0;
}

static void
assert_places(const struct found *found)
{
	assert_int_equal(found->n, ARRAY_SIZE(places));
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		assert_int_equal(found->fds[i], places[i]);
}

static void
all_are_found(void **state)
{
	struct found found = { 0 };

	(void) state;
	descriptors_each(FIRST, found_cb, &found);
	assert_places(&found);
}

static void
all_are_found_where_nothing_lists_them(void **state)
{
	struct found found = { 0 };

	(void) state;
	descriptors_tried(FIRST, found_cb, &found);
	assert_places(&found);
}

static void
those_above_a_lowered_limit_are_found(void **state)
{
	struct rlimit before, low;
	struct found found = { 0 };

	(void) state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	low = (struct rlimit){ FIRST, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	descriptors_each(FIRST, found_cb, &found);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_places(&found);
}

/* No number is left to look with. */
static void
all_are_found_by_a_process_that_can_open_no_more(void **state)
{
	struct found found = { 0 };
	struct rlimit limit;
	int copy, first = -1;

	(void) state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 3000;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	while ((copy = dup(STDIN_FILENO)) >= 0)
		first = first < 0 ? copy : first;
	descriptors_each(0, found_cb, &found);
	for (int fd = first; fd < 3000; fd++)
		(void) close(fd);
	assert_int_equal(found.n, 3000 + 3);
	assert_int_equal(found.fds[found.n - 1], 9000);
}

static void
they_may_be_closed_meanwhile(void **state)
{
	struct found found = { .closes = true }, left = { 0 };

	(void) state;
	descriptors_each(FIRST, found_cb, &found);
	assert_places(&found);
	descriptors_each(FIRST, found_cb, &left);
	assert_int_equal(left.n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_are_found, open_places, close_places),
		cmocka_unit_test_setup_teardown(all_are_found_where_nothing_lists_them, open_places, close_places),
		cmocka_unit_test_setup_teardown(those_above_a_lowered_limit_are_found, open_places, close_places),
		cmocka_unit_test_setup_teardown(they_may_be_closed_meanwhile, open_places, close_places),
		cmocka_unit_test_setup_teardown(all_are_found_by_a_process_that_can_open_no_more, open_places, close_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
