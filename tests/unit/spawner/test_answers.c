/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include "spawner/answers.h"

static struct answer
answer_of(uint64_t process)
{
	return (struct answer){ .process = process, .pid = (int32_t) (process % 30000 + 1) };
}

static void
test_answers_unknown_process_is_not_found(void **state)
{
	struct answers *a = answers_new();

	(void) state;
	assert_non_null(a);
	assert_null(answers_find(a, 0));
	assert_null(answers_find(a, 1));
	assert_null(answers_free(a));
}

/* Whatever the distance of the ids, exactly the last ANSWERS_MAX are known. */
static void
test_answers_last_ones_are_kept(void **state)
{
	static const uint64_t strides[] = { 1, 2, 3, 4096, 8192, UINT64_C(1) << 32, UINT64_C(0x100000001) };

	(void) state;
	for (size_t s = 0; s < ARRAY_SIZE(strides); s++) {
		struct answers *a = answers_new();
		uint64_t total = 3 * ANSWERS_MAX + 17;

		assert_non_null(a);
		for (uint64_t i = 1; i <= total; i++) {
			struct answer answer = answer_of(i * strides[s]);

			answers_add(a, &answer);
			/* Looking through colliding ids is slow on purpose here: not at every step. */
			if (strides[s] > 1 && i % 997 != 0)
				continue;
			assert_int_equal(answers_find(a, i * strides[s])->pid, answer.pid);
			if (i > ANSWERS_MAX) {
				assert_null(answers_find(a, (i - ANSWERS_MAX) * strides[s]));
				assert_non_null(answers_find(a, (i - ANSWERS_MAX + 1) * strides[s]));
			}
		}
		for (uint64_t i = 1; i <= total; i++) {
			const struct answer *found = answers_find(a, i * strides[s]);

			if (i + ANSWERS_MAX <= total)
				assert_null(found);
			else
				assert_int_equal(found->process, i * strides[s]);
		}
		(void) answers_free(a);
	}
}

static void
test_answers_free_takes_null(void **state)
{
	(void) state;
	assert_null(answers_free(NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_unknown_process_is_not_found),
		cmocka_unit_test(test_answers_last_ones_are_kept),
		cmocka_unit_test(test_answers_free_takes_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
