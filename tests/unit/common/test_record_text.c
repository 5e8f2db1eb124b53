/* SPDX-License-Identifier: MIT */
#include "common/record_text.h"

#include <errno.h>

#include "unit.h"

static char *
text_of(const char *const *fields, bool two)
{
	struct strbuf b = STRBUF_INIT;

	for (int i = 0; i < (two ? 2 : 1); i++) {
		for (size_t k = 0; fields[k] != NULL; k++)
			record_text_add(&b, fields[k]);
		record_text_end(&b);
	}
	return strbuf_steal(&b);
}

static void
test_record_any_bytes_come_back(void **state)
{
	const char *const fields[] = { "plain", "", "a\tb\nc\\d", "\\t", "\xff", NULL };
	auto_free char *text = text_of(fields, true);
	const char *at = text;
	char **read;

	(void) state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(record_text_next(&at, &read), 1);
		assert_true(strv_equal(read, (char **) (uintptr_t) fields));
		(void) strv_free(read);
	}
	assert_int_equal(record_text_next(&at, &read), 0);
}

static void
test_record_without_fields_is_one(void **state)
{
	const char *at = "\n";
	char **read;

	(void) state;
	assert_int_equal(record_text_next(&at, &read), 1);
	assert_int_equal(strv_len(read), 0);
	assert_int_equal(record_text_next(&at, &read), 0);
}

static void
test_record_damaged_text_is_refused(void **state)
{
	static const char *const damaged[] = { "a", "a\n", "a\t", "a\\\t\n", "a\\x\t\n", "\\" };

	(void) state;
	for (size_t i = 0; i < ARRAY_SIZE(damaged); i++) {
		const char *at = damaged[i];
		char **read;

		assert_int_equal(record_text_next(&at, &read), -EBADMSG);
		assert_null(read);
	}
}

static int
write_and_read(void *data)
{
	const char *const fields[] = { "one", "two\t", NULL };
	auto_free char *text = text_of(fields, false);
	const char *at = text;
	char **read = NULL;
	int r = text != NULL ? record_text_next(&at, &read) : -ENOMEM;

	(void) data;
	(void) strv_free(read);
	return r == 1 ? 0 : r;
}

static void
test_record_survives_want_of_memory(void **state)
{
	(void) state;
	(void) failalloc_each(write_and_read, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record_any_bytes_come_back),
		cmocka_unit_test(test_record_without_fields_is_one),
		cmocka_unit_test(test_record_damaged_text_is_refused),
		cmocka_unit_test(test_record_survives_want_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
