/* SPDX-License-Identifier: MIT */
/*
 * Which events the jobs ask for.
 */
#include "bridges/terms.h"

#include <errno.h>

#include "unit.h"

/* start on a X=1 and (b or c Y!=2 "z z") as D-Bus shows it. */
static const char *const condition[][4] = {
	{ "a", "X=1" }, { "b" }, { "c", "Y!=2", "z z" }, { "/OR" }, { "/AND" }, { NULL },
};

static int
fill(struct term_list *list)
{
	for (size_t i = 0; i < ARRAY_SIZE(condition); i++) {
		if (term_list_add(list, TERM_START, (char *const *) condition[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

static void
test_terms_are_all_but_operators(void **state)
{
	struct term_list list = { 0 };

	assert_int_equal(fill(&list), 0);
	assert_int_equal(term_list_add(&list, TERM_START, NULL), 0);
	assert_int_equal(list.count, 3);
	assert_string_equal(list.terms[0].event, "a");
	assert_int_equal(strv_len(list.terms[0].args), 1);
	assert_string_equal(list.terms[0].args[0], "X=1");
	assert_string_equal(list.terms[1].event, "b");
	assert_int_equal(strv_len(list.terms[1].args), 0);
	assert_string_equal(list.terms[2].event, "c");
	assert_string_equal(list.terms[2].args[1], "z z");
	term_list_deinit(&list);
	term_list_deinit(&list);
	assert_int_equal(list.count, 0);
}

static void
test_terms_of_a_job_are_replaced(void **state)
{
	struct terms terms = TERMS_INIT;
	struct term_list list = { 0 };
	struct terms_job *job, *other;
	char *words[] = { (char *) "d", NULL };

	assert_null(terms_get(&terms, "/a"));
	job = terms_add(&terms, "/a");
	other = terms_add(&terms, "/b");
	assert_non_null(job);
	assert_ptr_equal(terms_get(&terms, "/a"), job);
	assert_ptr_equal(terms_get(&terms, "/b"), other);
	assert_ptr_equal(terms.jobs, job);
	assert_ptr_equal(job->next, other);

	assert_false(terms_set(job, &list)); /* nothing before, nothing now */
	assert_int_equal(fill(&list), 0);
	assert_true(terms_set(job, &list));
	assert_int_equal(list.count, 0);
	assert_int_equal(job->list.count, 3);
	assert_int_equal(fill(&list), 0);
	assert_false(terms_set(job, &list)); /* the same again */
	assert_int_equal(fill(&list), 0);
	assert_int_equal(term_list_add(&list, TERM_START, words), 0);
	assert_true(terms_set(job, &list));
	assert_int_equal(job->list.count, 4);
	/* Other arguments, other order, another name are changes. */
	assert_int_equal(fill(&list), 0);
	words[0] = (char *) "e";
	assert_int_equal(term_list_add(&list, TERM_START, words), 0);
	assert_true(terms_set(job, &list));
	assert_int_equal(fill(&list), 0);
	assert_true(terms_set(job, &list));

	assert_true(terms_remove(&terms, job));
	assert_null(terms_get(&terms, "/a"));
	assert_false(terms_remove(&terms, other)); /* it asked for nothing */
	assert_null(terms.jobs);
	assert_non_null(terms_add(&terms, "/c"));
	terms_deinit(&terms);
	terms_deinit(&terms);
}

static int
fill_terms(void *data)
{
	struct terms terms = TERMS_INIT;
	struct term_list list = { 0 };
	struct terms_job *job = terms_add(&terms, "/a");
	int r = job ? fill(&list) : -ENOMEM;

	if (r == 0)
		assert_true(terms_set(job, &list));
	term_list_deinit(&list);
	terms_deinit(&terms);
	return r;
}

static void
test_terms_survive_want_of_memory(void **state)
{
	assert_true(failalloc_each(fill_terms, NULL) > 8);
}

/* -- arguments -- */

static void
test_term_argument_kinds(void **state)
{
	static const struct {
		const char *word;
		enum term_argument_kind kind;
		const char *name, *value;
	} cases[] = {
		{ "eth0", TERM_POSITIONAL, NULL, "eth0" },
		{ "", TERM_POSITIONAL, NULL, "" },
		{ "PROTO=inet", TERM_LITERAL, "PROTO", "inet" },
		{ "P=inet", TERM_LITERAL, "P", "inet" }, /* not short for PROTO */
		{ "FILE=", TERM_LITERAL, "FILE", "" },
		{ "K=a=b", TERM_LITERAL, "K", "a=b" },
		{ "K=a!=b", TERM_LITERAL, "K", "a!=b" },
		{ "EVENT!=delete", TERM_ANY, "EVENT", "delete" },
		{ "K!=$X", TERM_ANY, "K", "$X" },
		{ "FILE=/tmp/*", TERM_ANY, "FILE", "/tmp/*" },
		{ "K=a?", TERM_ANY, "K", "a?" },
		{ "K=[ab]", TERM_ANY, "K", "[ab]" },
		{ "K=\\*", TERM_ANY, "K", "\\*" },
		{ "FILE=$DIR/f", TERM_LITERAL, "FILE", "/run/x/f" },
		{ "FILE=${DIR}/*", TERM_ANY, "FILE", "/run/x/*" },
		{ "FILE=${NONE:-/d}", TERM_LITERAL, "FILE", "/d" },
		{ "FILE=/dev/$TTY", TERM_INSTANCE, "FILE", "/dev/$TTY" },
		{ "=x", TERM_LITERAL, "", "x" },
		{ "!=x", TERM_ANY, "", "x" },
	};
	char *env[] = { (char *) "DIR=/run/x", NULL };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct term_argument argument;

		assert_int_equal(term_argument_read(&argument, cases[i].word, env), 0);
		if (argument.kind != cases[i].kind)
			fail_msg("kind of \"%s\"", cases[i].word);
		if (cases[i].name)
			assert_string_equal(argument.name, cases[i].name);
		else
			assert_null(argument.name);
		assert_string_equal(argument.value, cases[i].value);
		term_argument_deinit(&argument);
		term_argument_deinit(&argument);
	}
}

static int
read_argument(void *data)
{
	char *env[] = { (char *) "A=1", NULL };
	struct term_argument argument;
	int r = term_argument_read(&argument, "K=$A", env);

	if (r == 0)
		assert_string_equal(argument.value, "1");
	term_argument_deinit(&argument);
	return r;
}

static void
test_term_argument_survives_want_of_memory(void **state)
{
	assert_true(failalloc_each(read_argument, NULL) >= 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_terms_are_all_but_operators),
		cmocka_unit_test(test_terms_of_a_job_are_replaced),
		cmocka_unit_test(test_terms_survive_want_of_memory),
		cmocka_unit_test(test_term_argument_kinds),
		cmocka_unit_test(test_term_argument_survives_want_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
