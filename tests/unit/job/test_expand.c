/* SPDX-License-Identifier: MIT */
/*
 * Variable expansion (job-language.md 5).
 */
#include "common/env.h"
#include "jobtest.h"

static const char *const env[] = { "A=one",    "B=two",     "EMPTY=", "NAME=A", "A_1=under",
				   "1A=digit", "A B=blank", "X=${A}", "E=a=b",  NULL };

static const struct {
	const char *text;
	const char *want;  /* NULL: refused */
	const char *error; /* its text */
} cases[] = {
	{ "", "", NULL },
	{ "plain", "plain", NULL },
	{ "$A", "one", NULL },
	{ "x$A.y", "xone.y", NULL },
	{ "$A_1", "under", NULL },
	{ "$A-$B", "one-two", NULL },
	{ "${A}b", "oneb", NULL },
	{ "$EMPTY", "", NULL },
	{ "${EMPTY}", "", NULL },
	{ "${1A}", "digit", NULL },
	{ "${A B}", "blank", NULL },
	{ "${}", "$", NULL },
	{ "${}A", "$A", NULL },
	{ "$1 $( $$ $", "$1 $( $$ $", NULL },
	{ "$${A}", "$one", NULL },
	{ "\\$A", "\\one", NULL },
	{ "$X", "${A}", NULL },
	{ "}-:+{", "}-:+{", NULL },
	/* with a default */
	{ "${A:-w}", "one", NULL },
	{ "${A-w}", "one", NULL },
	{ "${EMPTY:-w}", "w", NULL },
	{ "${EMPTY-w}", "", NULL },
	{ "${NO:-w}", "w", NULL },
	{ "${NO-w}", "w", NULL },
	{ "${NO-}", "", NULL },
	{ "a${NO:-unset}b${NO:+set}c", "aunsetbc", NULL },
	/* if set */
	{ "${A:+w}", "w", NULL },
	{ "${A+w}", "w", NULL },
	{ "${EMPTY:+w}", "", NULL },
	{ "${EMPTY+w}", "w", NULL },
	{ "${NO:+w}", "", NULL },
	{ "${NO+w}", "", NULL },
	/* nesting */
	{ "${$NAME}", "one", NULL },
	{ "${${NAME}}", "one", NULL },
	{ "${${NO:-B}}", "two", NULL },
	{ "${NO:-${NO2:-c}}", "c", NULL },
	{ "${NO:-$A}", "one", NULL },
	{ "${NO:-${A}x${B}}y", "onextwoy", NULL },
	{ "${NO:-a:-b+c}", "a:-b+c", NULL },
	{ "${A-{x}}", "one}", NULL },
	{ "${NO-{x}}", "{x}", NULL },
	{ "${$NAME:+${B}}", "two", NULL },
	/* D31: the branch that is not used is not looked at */
	{ "${NO:+$NO2}", "", NULL },
	{ "${A:-$NO}", "one", NULL },
	{ "${A:-${NO}${B:x}}!", "one!", NULL },
	{ "${A:+$NO}", NULL, "Unknown parameter: NO" },
	/* refused */
	{ "$NO", NULL, "Unknown parameter: NO" },
	{ "${NO}", NULL, "Unknown parameter: NO" },
	{ "$A$NO", NULL, "Unknown parameter: NO" },
	{ "${A?x}", NULL, "Unknown parameter: A?x" },
	{ "x${V=q}", NULL, "Unknown parameter: V=q" },
	{ "${E=a}", NULL, "Unknown parameter: E=a" },
	{ "${$EMPTY}", NULL, "Unknown parameter: " },
	{ "${A", NULL, "Mismatched braces" },
	{ "x${V", NULL, "Mismatched braces" },
	{ "${", NULL, "Mismatched braces" },
	{ "${A:", NULL, "Mismatched braces" },
	{ "${A:-x", NULL, "Mismatched braces" },
	{ "${NO:-x", NULL, "Mismatched braces" },
	{ "${A:-${B}", NULL, "Mismatched braces" },
	{ "${A:x}", NULL, "Expected operator" },
	{ "${A:=x}", NULL, "Expected operator" },
	{ "${A:?x}", NULL, "Expected operator" },
	{ "${A:}", NULL, "Expected operator" },
};

static void
test_cases(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = ERROR_INIT;
		auto_free char *got = NULL;
		int r = env_expand(&got, cases[i].text, TABLE(env), &err);

		if (r != (cases[i].want != NULL ? 0 : -EINVAL))
			fail_msg("%s gives %d", cases[i].text, r);
		if (cases[i].want != NULL) {
			assert_string_equal(got, cases[i].want);
			continue;
		}
		assert_string_equal(err.text, cases[i].error);
		assert_string_equal(err.name, ERR_INVALID_ARGS);
		assert_int_equal(err.code, -EINVAL);
	}
}

static void
test_no_environment(void **state)
{
	struct error err = ERROR_INIT;
	auto_free char *got = NULL;

	assert_int_equal(env_expand(&got, "${A:-x}${}", NULL, &err), 0);
	assert_string_equal(got, "x$");
}

/* Any depth, used or not, in a name or a word. */
static void
test_deep(void **state)
{
	static const char *const opens[] = { "${NO:-", "${A:-", "${A+", "${" };
	enum { DEPTH = 100000 };

	for (size_t i = 0; i < ARRAY_SIZE(opens); i++) {
		auto_strbuf struct strbuf b = STRBUF_INIT;
		struct error err = ERROR_INIT;
		auto_free char *got = NULL;

		for (int j = 0; j < DEPTH; j++)
			strbuf_add(&b, opens[i]);
		assert_int_equal(env_expand(&got, b.p, TABLE(env), &err), -EINVAL);
		assert_string_equal(err.text, "Mismatched braces");
		strbuf_add(&b, i < 3 ? "A" : "NAME");
		for (int j = 0; j < DEPTH; j++)
			strbuf_add(&b, "}");
		assert_int_equal(env_expand(&got, b.p, TABLE(env), &err), i < 3 ? 0 : -EINVAL);
		if (i < 3)
			assert_string_equal(got, i == 1 ? "one" : "A");
	}
}

static void
test_too_long(void **state)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;
	auto_strbuf struct strbuf pair = STRBUF_INIT;
	struct error err = ERROR_INIT;
	auto_free char *got = NULL;

	strbuf_add(&pair, "L=");
	for (int i = 0; i < 10000; i++) {
		strbuf_add(&b, "$L");
		strbuf_add(&pair, "0123456789");
	}
	char *const large[] = { pair.p, NULL };

	assert_int_equal(env_expand(&got, b.p, large, &err), -EINVAL);
	assert_string_equal(err.text, "Expanded text too long");
	assert_null(got);
}

static int
expand_one(void *data)
{
	struct error err = ERROR_INIT;
	auto_free char *got = NULL;
	int r = env_expand(&got, data, TABLE(env), &err);

	if (r == -ENOMEM)
		assert_string_equal(err.name, ERR_NO_MEMORY);
	return r;
}

static void
test_without_memory(void **state)
{
	static const char *const texts[] = { "", "a$A", "${${NO:-${NO:-${NO:-${NO:-${NO:-B}}}}}}",
					     "${$NAME:+${B}${}}" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_true(failalloc_each(expand_one, (void *) (uintptr_t) texts[i]) > 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),    cmocka_unit_test(test_no_environment), cmocka_unit_test(test_deep),
		cmocka_unit_test(test_too_long), cmocka_unit_test(test_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
