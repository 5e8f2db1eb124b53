/* SPDX-License-Identifier: MIT */
/*
 * Look-up tables: by name and by number, and what a failed insert leaves behind.
 */
#include "common/map.h"

#include <errno.h>

#include "unit.h"

static int values[5000];

static void
test_map_empty_has_nothing(void **state)
{
	struct map m = MAP_INIT;

	assert_int_equal(map_count(&m), 0);
	assert_null(map_get(&m, "a"));
	assert_null(map_get_id(&m, 0));
	map_del(&m, "a");
	map_del_id(&m, 7);
	map_deinit(&m);
	map_deinit(&m);
}

static void
test_map_put_replaces(void **state)
{
	struct map m = MAP_INIT;

	assert_int_equal(map_put(&m, "key", &values[1]), 0);
	assert_int_equal(map_put(&m, "key", &values[2]), 0);
	assert_int_equal(map_count(&m), 1);
	assert_ptr_equal(map_get(&m, "key"), &values[2]);
	assert_null(map_get(&m, "ke"));
	assert_null(map_get(&m, "keys"));
	assert_null(map_get(&m, ""));
	assert_int_equal(map_put(&m, "", &values[3]), 0);
	assert_ptr_equal(map_get(&m, ""), &values[3]);
	map_del(&m, "key");
	assert_null(map_get(&m, "key"));
	assert_int_equal(map_count(&m), 1);
	map_deinit(&m);
}

static void
test_map_copies_its_keys(void **state)
{
	struct map m = MAP_INIT;
	char key[] = "name";

	assert_int_equal(map_put(&m, key, &values[0]), 0);
	key[0] = 'X';
	assert_ptr_equal(map_get(&m, "name"), &values[0]);
	map_deinit(&m);
}

static void
test_map_ids_use_all_bits(void **state)
{
	static const uint64_t ids[] = { 0, 1, UINT32_MAX, UINT64_C(1) << 32, UINT64_C(1) << 63, UINT64_MAX };
	struct map m = MAP_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		assert_int_equal(map_put_id(&m, ids[i], &values[i]), 0);
	assert_int_equal(map_count(&m), ARRAY_SIZE(ids));
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		assert_ptr_equal(map_get_id(&m, ids[i]), &values[i]);
	map_del_id(&m, UINT32_MAX);
	assert_null(map_get_id(&m, UINT32_MAX));
	assert_non_null(map_get_id(&m, UINT64_C(1) << 32));
	map_deinit(&m);
}

static void
test_map_holds_thousands(void **state)
{
	struct map m = MAP_INIT;
	char key[32];

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		(void) snprintf(key, sizeof(key), "job/%zu", i);
		assert_int_equal(map_put(&m, key, &values[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(values); i += 2) {
		(void) snprintf(key, sizeof(key), "job/%zu", i);
		map_del(&m, key);
	}
	assert_int_equal(map_count(&m), ARRAY_SIZE(values) / 2);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		(void) snprintf(key, sizeof(key), "job/%zu", i);
		assert_ptr_equal(map_get(&m, key), i % 2 ? &values[i] : NULL);
	}
	map_deinit(&m);
}

/* A put that fails leaves the map as it was; the first time and when the table has to grow. */
static void
test_map_failed_insert_changes_nothing(void **state)
{
	struct map m = MAP_INIT;
	long before = failalloc_held();
	size_t failures = 0;

	for (size_t i = 0; i < 1000; i++) {
		for (unsigned long n = 1;; n++) {
			size_t count = map_count(&m);
			int r;

			failalloc_arm(n, false);
			r = map_put_id(&m, i, &values[i]);
			if (!failalloc_disarm()) {
				assert_int_equal(r, 0);
				break;
			}
			if (r == 0) /* a table that could not grow is slower, and still right */
				break;
			assert_int_equal(r, -ENOMEM);
			failures++;
			assert_int_equal(map_count(&m), count);
			assert_null(map_get_id(&m, i));
			for (size_t k = 0; k < i; k += 37)
				assert_ptr_equal(map_get_id(&m, k), &values[k]);
		}
		assert_ptr_equal(map_get_id(&m, i), &values[i]);
	}
	assert_true(failures >= 1000);
	for (size_t i = 0; i < 1000; i++)
		assert_ptr_equal(map_get_id(&m, i), &values[i]);
	map_deinit(&m);
	assert_int_equal(failalloc_held(), before);
}

static void
test_map_replacing_needs_no_memory(void **state)
{
	struct map m = MAP_INIT;

	assert_int_equal(map_put(&m, "key", &values[0]), 0);
	failalloc_arm(1, true);
	assert_int_equal(map_put(&m, "key", &values[1]), 0);
	map_del(&m, "other");
	assert_ptr_equal(map_get(&m, "key"), &values[1]);
	map_del(&m, "key");
	assert_false(failalloc_disarm());
	map_deinit(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_empty_has_nothing),
		cmocka_unit_test(test_map_put_replaces),
		cmocka_unit_test(test_map_copies_its_keys),
		cmocka_unit_test(test_map_ids_use_all_bits),
		cmocka_unit_test(test_map_holds_thousands),
		cmocka_unit_test(test_map_failed_insert_changes_nothing),
		cmocka_unit_test(test_map_replacing_needs_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
