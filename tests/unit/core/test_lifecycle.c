/* SPDX-License-Identifier: MIT */
/*
 * The life cycle's table says the same in the header, for people, and in the code.
 */
#include "core/lifecycle.h"

#include "rig.h"

static const char *header_path;

/* The state of a cell of the header's table; JOB_STATE_COUNT for its dash. */
static enum job_state
cell(const char *word)
{
	enum job_state state;

	if (strcmp(word, "-") == 0)
		return JOB_STATE_COUNT;
	if (!job_state_from_name(word, &state))
		fail_msg("the header's table knows a state \"%s\"", word);
	return state;
}

/* The first reading of a row: main lives, no restart is asked for. */
static void
check_row(const char *name, char words[JOB_GOAL_COUNT][64])
{
	const struct lifecycle_facts plain = { true, false };
	enum job_state state;

	assert_true(job_state_from_name(name, &state));
	for (int goal = 0; goal < JOB_GOAL_COUNT; goal++) {
		enum job_state next = lifecycle_next(state, (enum job_goal) goal, plain);

		if (next != cell(words[goal]))
			fail_msg("%s, goal %s: %s in the code, %s in the header", name,
				 job_goal_name((enum job_goal) goal),
				 next == JOB_STATE_COUNT ? "-" : job_state_name(next), words[goal]);
	}
}

static void
test_lifecycle_table_is_the_headers(void **state)
{
	FILE *f = fopen(header_path, "re");
	unsigned rules = 0, rows = 0;
	char line[512];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		char name[64], words[JOB_GOAL_COUNT][64];

		if (strstr(line, "--------") != NULL) {
			rules++;
			continue;
		}
		if (rules != 1)
			continue;
		if (sscanf(line, " * %63s %63s %63s %63s", name, words[0], words[1], words[2]) != 4)
			fail_msg("not a row: %s", line);
		assert_string_equal(name, job_state_name((enum job_state) rows));
		check_row(name, words);
		rows++;
	}
	(void) fclose(f);
	assert_int_equal(rules, 2);
	assert_int_equal(rows, JOB_STATE_COUNT);
}

static void
test_lifecycle_second_readings(void **state)
{
	const struct lifecycle_facts dead = { false, false }, restart = { true, true };

	assert_int_equal(lifecycle_next(JOB_RUNNING, GOAL_STOP, dead), JOB_STOPPING);
	assert_int_equal(lifecycle_next(JOB_RUNNING, GOAL_STOP, restart), JOB_PRE_STOPPING);
	assert_int_equal(lifecycle_next(JOB_PRE_STOP, GOAL_START, restart), JOB_STOPPING);
	assert_int_equal(lifecycle_next(JOB_PRE_STOP, GOAL_START, dead), JOB_RUNNING);
	assert_int_equal(lifecycle_next(JOB_PRE_STOP, GOAL_STOP, restart), JOB_STOPPING);
}

/* No other row heeds the facts. */
static void
test_lifecycle_facts_matter_in_two_rows_only(void **state)
{
	for (unsigned s = 0; s < JOB_STATE_COUNT; s++)
		for (unsigned g = 0; g < JOB_GOAL_COUNT; g++)
			for (unsigned facts = 0; facts < 4; facts++) {
				const struct lifecycle_facts plain = { true, false }, f = { facts & 1, facts & 2 };

				if ((s == JOB_RUNNING && g == GOAL_STOP) || (s == JOB_PRE_STOP && g == GOAL_START))
					continue;
				assert_int_equal(lifecycle_next((enum job_state) s, (enum job_goal) g, f),
						 lifecycle_next((enum job_state) s, (enum job_goal) g, plain));
			}
}

static void
test_lifecycle_unknown_values(void **state)
{
	const struct lifecycle_facts plain = { true, false };
	enum job_state s = JOB_RUNNING;
	enum job_goal g = GOAL_STOP;

	assert_int_equal(lifecycle_next(JOB_STATE_COUNT, GOAL_START, plain), JOB_STATE_COUNT);
	assert_int_equal(lifecycle_next(JOB_RUNNING, JOB_GOAL_COUNT, plain), JOB_STATE_COUNT);
	assert_string_equal(job_state_name(JOB_STATE_COUNT), "unknown");
	assert_string_equal(job_goal_name(JOB_GOAL_COUNT), "unknown");
	assert_false(job_state_from_name("unknown", &s));
	assert_false(job_state_from_name("", &s));
	assert_false(job_goal_from_name("run", &g));
	assert_int_equal(s, JOB_RUNNING);
}

static void
test_lifecycle_names_round_trip(void **state)
{
	for (unsigned i = 0; i < JOB_STATE_COUNT; i++) {
		enum job_state s;

		assert_true(job_state_from_name(job_state_name((enum job_state) i), &s));
		assert_int_equal(s, i);
	}
	for (unsigned i = 0; i < JOB_GOAL_COUNT; i++) {
		enum job_goal g;

		assert_true(job_goal_from_name(job_goal_name((enum job_goal) i), &g));
		assert_int_equal(g, i);
	}
}

/* From every state that is left by itself the end is reached in a few steps, whatever the goal. */
static void
test_lifecycle_has_no_circle_within_a_goal(void **state)
{
	const struct lifecycle_facts dead = { false, false };

	for (unsigned s = 1; s < JOB_STATE_COUNT; s++) {
		enum job_state at = (enum job_state) s;
		unsigned steps = 0;

		for (; at != JOB_WAITING; steps++) {
			assert_true(steps < JOB_STATE_COUNT);
			at = lifecycle_next(at, GOAL_STOP, dead);
		}
		for (at = (enum job_state) s; at != JOB_RUNNING; steps++) {
			assert_true(steps < 3 * JOB_STATE_COUNT);
			at = lifecycle_next(at, GOAL_START, dead);
		}
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lifecycle_table_is_the_headers),
		cmocka_unit_test(test_lifecycle_second_readings),
		cmocka_unit_test(test_lifecycle_facts_matter_in_two_rows_only),
		cmocka_unit_test(test_lifecycle_unknown_values),
		cmocka_unit_test(test_lifecycle_names_round_trip),
		cmocka_unit_test(test_lifecycle_has_no_circle_within_a_goal),
	};

	if (argc != 2) {
		(void) fprintf(stderr, "usage: test_lifecycle PATH-OF-lifecycle.h\n");
		return 2;
	}
	header_path = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
