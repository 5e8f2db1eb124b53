/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include <fcntl.h>

/* Write the bytes in pieces of `piece`, look after each, close, look again. */
static enum spawn_outcome
feed(struct spawn_status *s, const void *bytes, size_t n, size_t piece)
{
	enum spawn_outcome outcome = SPAWN_OUTCOME_OPEN;
	int fds[2];

	*s = (struct spawn_status){ 0 };
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(spawn_status_read(s, fds[0]), SPAWN_OUTCOME_OPEN);
	for (size_t at = 0; at < n && outcome == SPAWN_OUTCOME_OPEN; at += piece) {
		size_t size = n - at < piece ? n - at : piece;

		assert_int_equal(write(fds[1], (const char *) bytes + at, size), size);
		outcome = spawn_status_read(s, fds[0]);
	}
	(void) close(fds[1]);
	if (outcome == SPAWN_OUTCOME_OPEN)
		outcome = spawn_status_read(s, fds[0]);
	(void) close(fds[0]);
	return outcome;
}

static void
test_status_byte_then_end_is_exec(void **state)
{
	struct spawn_status s;

	(void) state;
	assert_int_equal(feed(&s, "x", 1, 1), SPAWN_OUTCOME_EXECUTED);
}

static void
test_status_end_without_byte_is_death_in_setup(void **state)
{
	struct spawn_status s;

	(void) state;
	assert_int_equal(feed(&s, "", 0, 1), SPAWN_OUTCOME_FAILED);
	assert_int_equal(s.record.step, SPAWN_SETUP);
	assert_int_equal(s.record.error, 0);
}

static void
test_status_record_comes_in_any_pieces(void **state)
{
	const struct spawn_record record = { .tag = 'e', .step = SPAWN_CHDIR, .arg = 3, .error = 2 };
	char both[1 + sizeof(record)] = { SPAWN_READY_BYTE };

	(void) state;
	memcpy(both + 1, &record, sizeof(record));
	for (size_t piece = 1; piece <= sizeof(both); piece++)
		for (int ready = 0; ready < 2; ready++) {
			struct spawn_status s;
			enum spawn_outcome outcome =
			    ready ? feed(&s, both, sizeof(both), piece) : feed(&s, &record, sizeof(record), piece);

			assert_int_equal(outcome, SPAWN_OUTCOME_FAILED);
			assert_memory_equal(&s.record, &record, sizeof(record));
		}
}

static void
test_status_damage_is_death_in_setup(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} damaged[] = {
		{ "y", 1 },
		{ "xx", 2 },
		{ "e", 1 },
		{ "xe", 2 },
		{ "e\1\0\0\0\0\0", 7 },
		{ "e\0\0\0\0\0\0\0", 8 },
		{ "e\377\0\0\0\0\0\0", 8 },
	};

	(void) state;
	for (size_t i = 0; i < ARRAY_SIZE(damaged); i++) {
		struct spawn_status s;

		assert_int_equal(feed(&s, damaged[i].bytes, damaged[i].n, 1), SPAWN_OUTCOME_FAILED);
		assert_int_equal(s.record.step, SPAWN_SETUP);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status_byte_then_end_is_exec),
		cmocka_unit_test(test_status_end_without_byte_is_death_in_setup),
		cmocka_unit_test(test_status_record_comes_in_any_pieces),
		cmocka_unit_test(test_status_damage_is_death_in_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
