/* SPDX-License-Identifier: MIT */
/*
 * Environment tables, and the expansion of variables (job-language.md section 5).
 */
#include "common/env.h"

#include <errno.h>

#include "unit.h"

static char **
table(const char *first, ...)
{
	char **env = NULL;
	va_list args;

	va_start(args, first);
	for (const char *s = first; s != NULL; s = va_arg(args, const char *))
		assert_int_equal(strv_add(&env, s), 0);
	va_end(args);
	return env;
}

static void
test_env_get_compares_the_whole_key(void **state)
{
	auto_strv char **env = table("FOOBAR=1", "FOO=2", "EMPTY=", "EQUALS=a=b", "novalue", NULL);

	assert_string_equal(env_get(env, "FOO"), "2");
	assert_string_equal(env_get(env, "FOOBAR"), "1");
	assert_string_equal(env_get(env, "EMPTY"), "");
	assert_string_equal(env_get(env, "EQUALS"), "a=b");
	assert_null(env_get(env, "FO"));
	assert_null(env_get(env, "FOOBARS"));
	assert_null(env_get(env, "foo"));
	assert_null(env_get(env, "novalue"));
	assert_null(env_get(NULL, "FOO"));
	assert_string_equal(env_get_span(env, (struct span) { "FOOBAR", 3 }), "2");
}

static void
test_env_set_replaces_in_place(void **state)
{
	auto_strv char **env = table("A=1", "B=2", NULL);
	auto_strv char **expected = table("A=9", "B=2", "C=3=4", "D=", NULL);

	assert_int_equal(env_set(&env, "A=9"), 0);
	assert_int_equal(env_set(&env, "C=3=4"), 0);
	assert_int_equal(env_set_value(&env, "D", ""), 0);
	assert_true(strv_equal(env, expected));
}

/* Defect 26 of the original: UnsetEnv of FOOBAR took FOO. */
static void
test_env_unset_removes_exactly_the_key(void **state)
{
	auto_strv char **env = table("FOO=1", "FOOBAR=2", "X=3", NULL);
	auto_strv char **expected = table("FOO=1", "X=3", NULL);

	assert_true(env_unset(&env, "FOOBAR"));
	assert_false(env_unset(&env, "FOOBAR"));
	assert_false(env_unset(&env, "FO"));
	assert_true(strv_equal(env, expected));
	assert_true(env_unset(&env, "FOO"));
	assert_true(env_unset(&env, "X"));
	assert_int_equal(strv_len(env), 0);
	for (int i = 0; i < 10; i++) /* and it can grow again */
		assert_int_equal(strv_add(&env, "Y=1"), 0);
}

static void
test_env_unset_in_an_empty_table(void **state)
{
	char **env = NULL;

	assert_false(env_unset(&env, "A"));
}

static void
test_env_merge_lets_the_later_win(void **state)
{
	auto_strv char **env = table("A=1", "B=2", NULL);
	auto_strv char **over = table("B=3", "C=4", "B=5", NULL);
	auto_strv char **expected = table("A=1", "B=5", "C=4", NULL);

	assert_int_equal(env_merge(&env, over), 0);
	assert_true(strv_equal(env, expected));
	assert_int_equal(env_merge(&env, NULL), 0);
	assert_true(strv_equal(env, expected));
}

static void
test_env_fault_names_what_is_wrong(void **state)
{
	auto_strv char **good = table("A=1", "=x", "B=", NULL);
	auto_strv char **bad = table("A=1", "B", NULL);

	auto_strv char **many = NULL;
	const char *error = NULL;

	for (int i = 0; i < ENV_MAX; i++)
		assert_int_equal(strv_add(&many, "A=1"), 0);
	assert_null(env_fault(good, &error));
	assert_null(env_fault(NULL, &error));
	assert_null(env_fault(many, &error));
	assert_string_equal(env_fault(bad, &error), "Env must be KEY=VALUE pairs");
	assert_string_equal(error, ERR_INVALID_ARGS);
	assert_int_equal(strv_add(&many, "B=2"), 0);
	assert_string_equal(env_fault(many, &error), "More than 4096 variables");
	assert_string_equal(error, ERR_LIMITS);
}

struct expansion {
	const char *text;
	const char *result; /* NULL: error */
	const char *error;
};

static const struct expansion expansions[] = {
	{ "", "", NULL },
	{ "plain text", "plain text", NULL },
	{ "$A", "one", NULL },
	{ "${A}", "one", NULL },
	{ "x$A.y", "xone.y", NULL },
	{ "$A$B", "onetwo", NULL },
	{ "$A_", NULL, "Unknown parameter: A_" },
	{ "${A}_", "one_", NULL },
	{ "$AB", NULL, "Unknown parameter: AB" },
	{ "$NONE", NULL, "Unknown parameter: NONE" },
	{ "${NONE}", NULL, "Unknown parameter: NONE" },
	{ "${}", "$", NULL },
	{ "${}A", "$A", NULL },
	{ "$1", "$1", NULL },
	{ "$(ls)", "$(ls)", NULL },
	{ "$$", "$$", NULL },
	{ "cost: 5$", "cost: 5$", NULL },
	{ "${1A}", "digit", NULL },
	{ "${A B}", "blank", NULL },
	{ "${A?x}", NULL, "Unknown parameter: A?x" },
	{ "${A:-x}", "one", NULL },
	{ "${E:-x}", "x", NULL },
	{ "${E-x}", "", NULL },
	{ "${NONE-x}", "x", NULL },
	{ "${NONE:-x}", "x", NULL },
	{ "${NONE-}", "", NULL },
	{ "${A:+x}", "x", NULL },
	{ "${E:+x}", "", NULL },
	{ "${E+x}", "x", NULL },
	{ "${NONE+x}", "", NULL },
	{ "${NONE:+x}", "", NULL },
	{ "${NAME_OF_A}", "A", NULL },
	{ "${$NAME_OF_A}", "one", NULL },
	{ "${${NAME_OF_A}}", "one", NULL },
	{ "${NONE:-${B:-c}}", "two", NULL },
	{ "${NONE:-${ALSO:-c}}", "c", NULL },
	{ "${NONE:-$A and ${B}}", "one and two", NULL },
	{ "${NONE-{x}}", "{x}", NULL },
	{ "${NONE:-a:-b+c}", "a:-b+c", NULL },
	{ "${A:-$NONE}", "one", NULL }, /* the branch not taken is left alone (D31) */
	{ "${E:+$NONE}", "", NULL },
	{ "${A:+$NONE}", NULL, "Unknown parameter: NONE" },
	{ "${A", NULL, "Mismatched braces" },
	{ "${", NULL, "Mismatched braces" },
	{ "${A:-x", NULL, "Mismatched braces" },
	{ "${NONE:-${A}", NULL, "Mismatched braces" },
	{ "${A:x}", NULL, "Expected operator" },
	{ "${A:}", NULL, "Expected operator" },
	{ "\\$A", "\\one", NULL },
	{ "$DOLLAR", "$A", NULL }, /* inserted text is not looked at again */
	{ "a}b", "a}b", NULL },
};

static char **
expansion_table(void)
{
	return table("A=one", "B=two", "E=", "1A=digit", "A B=blank", "NAME_OF_A=A", "DOLLAR=$A", NULL);
}

static void
test_env_expand_cases(void **state)
{
	auto_strv char **env = expansion_table();

	for (size_t i = 0; i < ARRAY_SIZE(expansions); i++) {
		const struct expansion *x = &expansions[i];
		auto_free char *out = NULL;
		struct error err = ERROR_INIT;
		int r = env_expand(&out, x->text, env, &err);

		if (x->result != NULL && (r != 0 || strcmp(out, x->result) != 0))
			fail_msg("%s gives %s %s, not %s", x->text, out ? out : "(nothing)", err.text, x->result);
		if (x->error == NULL)
			continue;
		if (r != -EINVAL || strcmp(err.text, x->error) != 0)
			fail_msg("%s gives %d %s, not the error %s", x->text, r, err.text, x->error);
		assert_string_equal(err.name, ERR_INVALID_ARGS);
		assert_null(out);
	}
}

static void
test_env_expand_is_bounded(void **state)
{
	auto_strv char **env = NULL;
	auto_strbuf struct strbuf deep = STRBUF_INIT, wide = STRBUF_INIT;
	auto_free char *out = NULL;
	struct error err = ERROR_INIT;
	char big[10000];

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(env_set_value(&env, "A", big), 0);
	for (int i = 0; i < 100000; i++)
		strbuf_add(&deep, "${N:-");
	assert_int_equal(env_expand(&out, deep.p, env, &err), -EINVAL);
	for (int i = 0; i < 100000; i++)
		strbuf_addc(&deep, '}');
	assert_int_equal(env_expand(&out, deep.p, env, &err), 0);
	assert_string_equal(out, "");
	free(steal(&out));
	for (int i = 0; i < 10000; i++)
		strbuf_add(&wide, "$A");
	assert_int_equal(env_expand(&out, wide.p, env, &err), -EINVAL);
	assert_null(out);
}

static int
tables_and_expansion(void *data)
{
	auto_strv char **env = NULL;
	auto_strv char **copy = NULL;
	auto_free char *out = NULL;
	struct error err;

	if (env_set(&env, "A=1") < 0 || env_set(&env, "B=2") < 0 || env_set(&env, "A=3") < 0 ||
	    env_set_value(&env, "C", "4") < 0 || env_set_value(&env, "C", "5") < 0 || env_merge(&copy, env) < 0 ||
	    env_merge(&copy, env) < 0)
		return -ENOMEM;
	assert_string_equal(env_get(copy, "C"), "5");
	return env_expand(&out, "$A ${B} ${N:-${M:-$C}} ${${N-A}}", env, &err);
}

static void
test_env_survives_want_of_memory(void **state)
{
	assert_true(failalloc_each(tables_and_expansion, NULL) > 10);
}

/* A pair that could not be replaced is still the old one. */
static void
test_env_failed_set_changes_nothing(void **state)
{
	auto_strv char **env = table("A=1", NULL);

	failalloc_arm(1, true);
	assert_int_equal(env_set(&env, "A=2"), -ENOMEM);
	assert_int_equal(env_set(&env, "B=2"), -ENOMEM);
	assert_true(failalloc_disarm());
	assert_string_equal(env_get(env, "A"), "1");
	assert_int_equal(strv_len(env), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_env_get_compares_the_whole_key),
		cmocka_unit_test(test_env_set_replaces_in_place),
		cmocka_unit_test(test_env_unset_removes_exactly_the_key),
		cmocka_unit_test(test_env_unset_in_an_empty_table),
		cmocka_unit_test(test_env_merge_lets_the_later_win),
		cmocka_unit_test(test_env_fault_names_what_is_wrong),
		cmocka_unit_test(test_env_expand_cases),
		cmocka_unit_test(test_env_expand_is_bounded),
		cmocka_unit_test(test_env_survives_want_of_memory),
		cmocka_unit_test(test_env_failed_set_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
