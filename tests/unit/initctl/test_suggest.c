/* SPDX-License-Identifier: MIT */
#include "initctl/suggest.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *const names[] = { "start", "stop", "status", "restart", "reload-configuration", "x", NULL };

static void
test_closest_name_is_found(void **state unused)
{
	static const struct {
		const char *word, *closest;
	} cases[] = {
		{ "strat", "start" }, /* two letters swapped */
		{ "sstop", "stop" },
		{ "stp", "stop" },
		{ "statuss", "status" },
		{ "resart", "restart" },
		{ "relaod-configuraton", "reload-configuration" },
		{ "xy", "x" },
		{ "elephant", NULL },
		{ "y", NULL },
		{ "", NULL },
		{ "stop", "stop" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *closest = suggest_closest(cases[i].word, names);

		if (cases[i].closest)
			assert_string_equal(closest, cases[i].closest);
		else
			assert_null(closest);
	}
}

static void
test_long_words_are_like_nothing(void **state unused)
{
	char word[200];

	memset(word, 's', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	assert_null(suggest_closest(word, names));
	assert_null(suggest_closest("start", (const char *const[]){ word, NULL }));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_closest_name_is_found),
		cmocka_unit_test(test_long_words_are_like_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
