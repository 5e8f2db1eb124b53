/* SPDX-License-Identifier: MIT */
/*
 * The table of small blocks: they lie together, are used again, and are blocks like others in all else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/slots.h"

#define MANY 20000 /* more than the table holds */

static void
test_small_blocks_lie_together_and_are_used_again(void **state)
{
	char *one = slots_malloc(1), *two = slots_malloc(SLOT_SIZE), *again;

	assert_true(slots_hold(one) && slots_hold(two));
	assert_true((uintptr_t) one % SLOT_SIZE == 0);
	assert_true(two - one == SLOT_SIZE || one - two == SLOT_SIZE);
	slots_free(one);
	again = slots_malloc(2);
	assert_ptr_equal(again, one);
	slots_free(again);
	slots_free(two);
	slots_free(NULL);
}

static void
test_larger_blocks_come_from_elsewhere(void **state)
{
	char *block = slots_malloc(SLOT_SIZE + 1);

	assert_non_null(block);
	assert_false(slots_hold(block));
	slots_free(block);
}

static void
test_block_that_grows_keeps_what_is_in_it(void **state)
{
	char *block = slots_realloc(NULL, 4), *grown;

	assert_true(slots_hold(block));
	memcpy(block, "abc", 4);
	assert_ptr_equal(slots_realloc(block, SLOT_SIZE), block);
	grown = slots_realloc(block, 1000);
	assert_false(slots_hold(grown));
	assert_string_equal(grown, "abc");
	grown = slots_realloc(grown, 2000);
	assert_string_equal(grown, "abc");
	slots_free(grown);
}

static void
test_full_table_hands_out_others(void **state)
{
	static void *blocks[MANY];
	size_t inside = 0;

	for (int round = 0; round < 2; round++) {
		size_t n = 0;

		for (size_t i = 0; i < MANY; i++) {
			blocks[i] = slots_malloc(SLOT_SIZE);
			assert_non_null(blocks[i]);
			memset(blocks[i], 0xee, SLOT_SIZE);
			n += slots_hold(blocks[i]) ? 1 : 0;
		}
		assert_true(n > 1000 && n < MANY);
		assert_true(round == 0 || n == inside);
		inside = n;
		for (size_t i = 0; i < MANY; i++)
			slots_free(blocks[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_blocks_lie_together_and_are_used_again),
		cmocka_unit_test(test_larger_blocks_come_from_elsewhere),
		cmocka_unit_test(test_block_that_grows_keeps_what_is_in_it),
		cmocka_unit_test(test_full_table_hands_out_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
