/* SPDX-License-Identifier: MIT */
/*
 * Strings: spans, growing buffers, string vectors, each also when memory runs out.
 */
#include "common/str.h"

#include <errno.h>

#include "unit.h"

static void
test_span_compares_by_bytes(void **state)
{
	struct span s = span_of("and now");

	assert_int_equal(s.n, 7);
	assert_true(span_is(s, "and now"));
	assert_false(span_is(s, "and"));
	assert_false(span_is(s, "and now "));
	s.n = 3;
	assert_true(span_is(s, "and"));
	assert_true(span_is((struct span) { NULL, 0 }, ""));
	assert_false(span_is((struct span) { NULL, 0 }, "x"));
	assert_int_equal(SPAN("four").n, 4);
}

static void
test_span_dup_terminates(void **state)
{
	struct span s = { "abcdef", 3 };
	auto_free char *copy = span_dup(s);
	auto_free char *empty = span_dup((struct span) { NULL, 0 });

	assert_string_equal(copy, "abc");
	assert_string_equal(empty, "");
}

static void
test_strbuf_grows(void **state)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	auto_strbuf struct strbuf by_char = STRBUF_INIT;

	for (int i = 0; i < 1000; i++) {
		strbuf_addf(&b, "%d,", i % 10);
		strbuf_addc(&by_char, (char) ('0' + i % 10));
		strbuf_add(&by_char, ",");
		assert_int_equal(b.p[b.len], '\0');
	}
	assert_false(b.failed);
	assert_int_equal(b.len, 2000);
	assert_int_equal(by_char.len, 2000);
	assert_memory_equal(b.p, by_char.p, 2001);
}

static void
test_strbuf_keeps_nul_bytes(void **state)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	strbuf_addn(&b, "a\0b", 3);
	strbuf_addn(&b, "", 0);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.p, "a\0b", 4);
}

static void
test_strbuf_steal_leaves_an_empty_one(void **state)
{
	struct strbuf b = STRBUF_INIT;
	auto_free char *empty = strbuf_steal(&b);
	char *text;

	assert_string_equal(empty, "");
	strbuf_add(&b, "text");
	text = strbuf_steal(&b);
	assert_string_equal(text, "text");
	free(text);
	assert_null(b.p);
	assert_int_equal(b.len, 0);
	strbuf_deinit(&b);
	strbuf_deinit(&b);
}

static void
test_strbuf_refuses_a_size_no_memory_has(void **state)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	strbuf_add(&b, "kept");
	strbuf_addn(&b, "x", SIZE_MAX - 2);
	assert_true(b.failed);
	assert_string_equal(b.p, "kept");
	strbuf_add(&b, "not added any more");
	assert_int_equal(b.len, 4);
	assert_null(strbuf_steal(&b));
	assert_false(b.failed);
}

static void
test_str_printf_formats(void **state)
{
	auto_free char *s = str_printf("%s-%d%%", "x", -5);
	auto_free char *empty = str_printf("%s", "");

	assert_string_equal(s, "x--5%");
	assert_string_equal(empty, "");
}

static void
test_strv_null_is_empty(void **state)
{
	char **copy = NULL;
	auto_free char *joined = strv_join(NULL, ", ");

	assert_int_equal(strv_len(NULL), 0);
	assert_int_equal(strv_dup(&copy, NULL), 0);
	assert_null(copy);
	assert_int_equal(strv_extend(&copy, NULL), 0);
	assert_null(copy);
	assert_null(strv_free(NULL));
	assert_false(strv_has(NULL, ""));
	assert_true(strv_equal(NULL, NULL));
	assert_string_equal(joined, "");
}

static void
test_strv_appends_in_order(void **state)
{
	auto_strv char **v = NULL;
	char text[16];

	for (unsigned i = 0; i < 300; i++) {
		(void) snprintf(text, sizeof(text), "%u", i);
		assert_int_equal(strv_add(&v, text), 0);
		assert_int_equal(strv_len(v), i + 1);
	}
	for (unsigned i = 0; i < 300; i++) {
		(void) snprintf(text, sizeof(text), "%u", i);
		assert_string_equal(v[i], text);
	}
	assert_true(strv_has(v, "299"));
	assert_false(strv_has(v, "300"));
	assert_false(strv_has(v, "29 9"));
}

static void
test_strv_new_has_room(void **state)
{
	for (size_t n = 0; n < 40; n++) {
		auto_strv char **v = strv_new(n);

		assert_int_equal(strv_len(v), 0);
		for (size_t i = 0; i < n; i++)
			v[i] = strdup("by hand");
		for (size_t i = 0; i < 5; i++)
			assert_int_equal(strv_add(&v, "appended"), 0);
		assert_int_equal(strv_len(v), n + 5);
	}
}

static void
test_strv_take_frees_on_null(void **state)
{
	auto_strv char **v = NULL;

	assert_int_equal(strv_take(&v, NULL), -ENOMEM);
	assert_null(v);
	assert_int_equal(strv_take(&v, str_printf("%d", 1)), 0);
	assert_int_equal(strv_take(&v, NULL), -ENOMEM);
	assert_int_equal(strv_len(v), 1);
}

static void
test_strv_equal_compares_all(void **state)
{
	char *a[] = { (char *) "x", (char *) "y", NULL };
	char *b[] = { (char *) "x", (char *) "y", (char *) "z", NULL };
	char *c[] = { (char *) "x", (char *) "Y", NULL };
	char *none[] = { NULL };
	auto_strv char **copy = NULL;

	assert_false(strv_equal(a, b));
	assert_false(strv_equal(b, a));
	assert_false(strv_equal(a, c));
	assert_true(strv_equal(none, NULL));
	assert_int_equal(strv_dup(&copy, b), 0);
	assert_true(strv_equal(copy, b));
	assert_ptr_not_equal(copy[0], b[0]);
}

static void
test_strv_join_puts_separators_between(void **state)
{
	char *v[] = { (char *) "a", (char *) "", (char *) "c", NULL };
	auto_free char *s = strv_join(v, ", ");

	assert_string_equal(s, "a, , c");
}

static int
many_strings(void *data)
{
	auto_strv char **v = NULL;
	auto_strv char **copy = NULL;
	auto_strbuf struct strbuf b = STRBUF_INIT;
	auto_free char *joined = NULL, *printed = NULL, *stolen = NULL, *span = NULL;

	for (int i = 0; i < 9; i++)
		if (strv_add(&v, "string") < 0)
			return -ENOMEM;
	if (strv_dup(&copy, v) < 0) {
		assert_null(copy);
		return -ENOMEM;
	}
	if (strv_extend(&copy, v) < 0)
		return -ENOMEM;
	joined = strv_join(v, "-");
	printed = str_printf("%s", "text");
	span = span_dup(SPAN("span"));
	for (int i = 0; i < 100; i++)
		strbuf_addf(&b, "%d", i);
	stolen = strbuf_steal(&b);
	return joined && printed && span && stolen ? 0 : -ENOMEM;
}

static void
test_str_survives_want_of_memory(void **state)
{
	assert_true(failalloc_each(many_strings, NULL) > 20);
}

static void
test_span_utf8(void **state)
{
	static const struct {
		const char *text;
		size_t n;
	} cases[] = {
		{ "", 0 },
		{ "a", 1 },
		{ "\x7f", 1 },
		{ "\x80", 0 },
		{ "\xc1\xbf", 0 },
		{ "\xc3\xa9", 2 },
		{ "\xc3", 0 },
		{ "\xc3z", 0 },
		{ "\xe0\x9f\xbf", 0 },
		{ "\xe2\x82\xac", 3 },
		{ "\xed\xa0\x80", 0 },
		{ "\xf0\x8f\xbf\xbf", 0 },
		{ "\xf0\x9f\x98\x80", 4 },
		{ "\xf4\x90\x80\x80", 0 },
		{ "\xf5\x80\x80\x80", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(span_utf8(span_of(cases[i].text)), cases[i].n);
	assert_int_equal(span_utf8((struct span){ "\xe2\x82\xac", 2 }), 0);
}

static void
test_hex_value(void **state)
{
	assert_int_equal(hex_value('0'), 0);
	assert_int_equal(hex_value('9'), 9);
	assert_int_equal(hex_value('a'), 10);
	assert_int_equal(hex_value('f'), 15);
	assert_int_equal(hex_value('g'), -1);
	assert_int_equal(hex_value('A'), -1);
	assert_int_equal(hex_value('\0'), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_span_compares_by_bytes),
		cmocka_unit_test(test_span_dup_terminates),
		cmocka_unit_test(test_strbuf_grows),
		cmocka_unit_test(test_strbuf_keeps_nul_bytes),
		cmocka_unit_test(test_strbuf_steal_leaves_an_empty_one),
		cmocka_unit_test(test_strbuf_refuses_a_size_no_memory_has),
		cmocka_unit_test(test_str_printf_formats),
		cmocka_unit_test(test_strv_null_is_empty),
		cmocka_unit_test(test_strv_appends_in_order),
		cmocka_unit_test(test_strv_new_has_room),
		cmocka_unit_test(test_strv_take_frees_on_null),
		cmocka_unit_test(test_strv_equal_compares_all),
		cmocka_unit_test(test_strv_join_puts_separators_between),
		cmocka_unit_test(test_str_survives_want_of_memory),
		cmocka_unit_test(test_span_utf8),
		cmocka_unit_test(test_hex_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
