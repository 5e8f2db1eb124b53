/* SPDX-License-Identifier: MIT */
#include "initctl/condition.h"

#include <errno.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Reverse Polish from text: nodes parted by ';', their words by blanks. */
static char ***
rpn_of(const char *text)
{
	char ***rpn = calloc(strlen(text) + 2, sizeof(char **));
	char *copy auto_free = strdup(text), *rest = copy, *node;
	size_t n = 0;

	assert_non_null(rpn);
	while (*text && (node = strsep(&rest, ";"))) {
		char *word;

		rpn[n] = calloc(1, sizeof(char *));
		while ((word = strsep(&node, " "))) {
			if (*word)
				assert_int_equal(strv_add(&rpn[n], word), 0);
		}
		n++;
	}
	return rpn;
}

static void
rpn_free(char ***rpn)
{
	for (size_t i = 0; rpn[i]; i++)
		strv_free(rpn[i]);
	free(rpn);
}

static void
assert_prints(const char *text, const char *expected)
{
	struct condition_tree tree auto_condition = CONDITION_TREE_INIT;
	struct strbuf out auto_strbuf = STRBUF_INIT;
	char ***rpn = rpn_of(text);

	assert_int_equal(condition_tree_read(&tree, (char *const *const *) rpn), 0);
	assert_non_null(tree.root);
	condition_format(tree.root, &out);
	assert_string_equal(out.p, expected);
	rpn_free(rpn);
}

static void
assert_senseless(const char *text)
{
	struct condition_tree tree auto_condition = CONDITION_TREE_INIT;
	char ***rpn = rpn_of(text);

	assert_int_equal(condition_tree_read(&tree, (char *const *const *) rpn), -EINVAL);
	assert_null(tree.root);
	rpn_free(rpn);
}

static void
test_every_operator_is_bracketed(void **state)
{
	assert_prints("startup", "startup");
	assert_prints("a X=1;b;c;/OR;/AND", "(a X=1 and (b or c))");
	assert_prints("a;b;/OR;c;/AND", "((a or b) and c)");
	assert_prints("link-up IFACE=eth0;startup;started $DEV;/OR;/AND",
		      "(link-up IFACE=eth0 and (startup or started $DEV))");
}

/* As a job file has to say it. */
static void
test_words_are_quoted_where_they_must_be(void **state)
{
	static const char *const words[] = { "and", "x y", "K=a b", "K!=(c)", "#", "", "K=", "$V", "[!0-9]*", NULL };
	struct condition leaf = { .op = CONDITION_EVENT, .words = (char *const *) (uintptr_t) words };
	struct strbuf out auto_strbuf = STRBUF_INIT;

	condition_format(&leaf, &out);
	assert_string_equal(out.p, "\"and\" \"x y\" K=\"a b\" K!=\"(c)\" \"#\" \"\" K= $V [!0-9]*");
}

static void
test_no_condition_is_an_empty_tree(void **state)
{
	struct condition_tree tree auto_condition = CONDITION_TREE_INIT;
	char ***rpn = rpn_of("");

	assert_int_equal(condition_tree_read(&tree, (char *const *const *) rpn), 0);
	assert_null(tree.root);
	rpn_free(rpn);
}

static void
test_what_is_no_expression_is_refused(void **state)
{
	assert_senseless("/AND");
	assert_senseless("a;/OR");
	assert_senseless("a;b");
	assert_senseless("a;b;/OR;c");
	assert_senseless("a; ;/OR");
}

static void
assert_job(const char *leaf, const char *job, size_t word)
{
	struct condition_tree tree auto_condition = CONDITION_TREE_INIT;
	char ***rpn = rpn_of(leaf);
	const char *found;
	size_t at = 0;

	assert_int_equal(condition_tree_read(&tree, (char *const *const *) rpn), 0);
	found = condition_job(tree.root, &at);
	if (job) {
		assert_non_null(found);
		assert_string_equal(found, job);
		assert_int_equal(at, word);
	} else {
		assert_null(found);
	}
	rpn_free(rpn);
}

static void
test_job_events_name_their_job(void **state)
{
	assert_job("started src", "src", 1);
	assert_job("starting X=1 JOB=ghost", "ghost", 2);
	assert_job("stopping p1 RESULT=failed", "p1", 1);
	assert_job("stopped a JOB=b", "b", 2);
	assert_job("stopped RESULT=failed", NULL, 0);
	assert_job("stopped JOB!=x", NULL, 0);
	assert_job("started", NULL, 0);
	assert_job("runlevel 6", NULL, 0);
	assert_job("other JOB=x", NULL, 0);
}

static void
note(const struct condition *leaf, void *data)
{
	struct strbuf *out = data;

	strbuf_add(out, leaf->words[0]);
}

static void
test_events_are_visited_from_left_to_right(void **state)
{
	struct condition_tree tree auto_condition = CONDITION_TREE_INIT;
	struct strbuf out auto_strbuf = STRBUF_INIT;
	char ***rpn = rpn_of("a;b;/OR;c;d;/AND;/OR");

	assert_int_equal(condition_tree_read(&tree, (char *const *const *) rpn), 0);
	condition_visit(tree.root, note, &out);
	assert_string_equal(out.p, "abcd");
	rpn_free(rpn);
}

static void
test_expression_over_states_has_not(void **state)
{
	struct condition_tree tree auto_condition = CONDITION_TREE_INIT;
	struct condition_tree bad auto_condition = CONDITION_TREE_INIT;
	struct strbuf out auto_strbuf = STRBUF_INIT, seen auto_strbuf = STRBUF_INIT;
	char ***rpn = rpn_of("a X=1;b;c;/OR;/NOT;/AND"), ***lone = rpn_of("/NOT");

	(void) state;
	assert_int_equal(condition_tree_read_while(&tree, (char *const *const *) rpn), 0);
	condition_format(tree.root, &out);
	assert_string_equal(out.p, "(a X=1 and not (b or c))");
	condition_visit(tree.root, note, &seen);
	assert_string_equal(seen.p, "abc");
	assert_int_equal(condition_tree_read_while(&bad, (char *const *const *) lone), -EINVAL);
	/* Over events it is a name like another. */
	assert_int_equal(condition_tree_read(&bad, (char *const *const *) lone), 0);
	assert_int_equal(bad.root->op, CONDITION_EVENT);
	rpn_free(rpn);
	rpn_free(lone);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_operator_is_bracketed),
		cmocka_unit_test(test_words_are_quoted_where_they_must_be),
		cmocka_unit_test(test_no_condition_is_an_empty_tree),
		cmocka_unit_test(test_what_is_no_expression_is_refused),
		cmocka_unit_test(test_job_events_name_their_job),
		cmocka_unit_test(test_events_are_visited_from_left_to_right),
		cmocka_unit_test(test_expression_over_states_has_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
