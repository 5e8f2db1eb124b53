/* SPDX-License-Identifier: MIT */
#include "initctl/options.h"

#include <string.h>

#include "common/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct data {
	bool flag;
	bool other;
	const char *value;
	char **list;
};

static const struct option_spec specs[] = {
	{ 'n', "no-wait", NULL, "", OPTION_FLAG, offsetof(struct data, flag) },
	{ 'w', "warn", NULL, "", OPTION_FLAG, offsetof(struct data, other) },
	{ 'd', "dest", "NAME", "", OPTION_VALUE, offsetof(struct data, value) },
	{ 'i', "ignore", "LIST", "", OPTION_LIST, offsetof(struct data, list) },
	{ 't', NULL, "SECONDS", "", OPTION_IGNORE, 0 },
	OPTIONS_END,
};

static const struct option_spec *const tables[] = { specs, options_common, NULL };

/* One command line: its words, how it ends, and which operands were seen before, joined by blanks. */
struct line {
	struct data data;
	struct options_scan scan;
	enum options_result result;
	char **operands;
};

#define WORDS(...) ((const char *[]) { "prog", __VA_ARGS__, NULL })

static void
scan(struct line *line, const char **words)
{
	const char *operand;

	*line = (struct line) { 0 };
	assert_true(options_init(&line->scan, (int) strv_len((char **) words), (char **) words));
	while ((line->result = options_next(&line->scan, tables, &line->data, &operand)) == OPTIONS_OPERAND)
		assert_int_equal(strv_add(&line->operands, operand), 0);
}

static void
assert_operands(const struct line *line, const char *expected)
{
	char *joined auto_free = strv_join(line->operands, " ");

	assert_string_equal(joined, expected);
}

static void
done(struct line *line)
{
	strv_free(line->operands);
	strv_free(line->data.list);
	options_deinit(&line->scan);
}

static void
assert_invalid(const char **words, const char *problem, const char *culprit)
{
	struct line line;

	scan(&line, words);
	assert_int_equal(line.result, OPTIONS_INVALID);
	assert_string_equal(line.scan.problem, problem);
	assert_string_equal(line.scan.culprit, culprit);
	done(&line);
}

static void
test_options_and_operands_mix(void **state)
{
	struct line line;

	scan(&line, WORDS("a", "-n", "b", "--warn", "-", "c"));
	assert_int_equal(line.result, OPTIONS_DONE);
	assert_true(line.data.flag && line.data.other);
	assert_operands(&line, "a b - c");
	done(&line);
}

static void
test_dashes_end_options(void **state)
{
	struct line line;

	scan(&line, WORDS("a", "--", "-n", "--", "--warn"));
	assert_int_equal(line.result, OPTIONS_DONE);
	assert_false(line.data.flag || line.data.other);
	assert_operands(&line, "a -n -- --warn");
	done(&line);
}

static void
test_letters_may_be_grouped(void **state)
{
	struct line line;

	scan(&line, WORDS("-nqw", "x"));
	assert_int_equal(line.result, OPTIONS_DONE);
	assert_true(line.data.flag && line.data.other);
	assert_int_equal(line.scan.level, TOOL_QUIET);
	assert_operands(&line, "x");
	done(&line);
}

static void
test_only_the_first_letter_takes_a_glued_argument(void **state)
{
	struct line line;

	scan(&line, WORDS("-dnw", "x"));
	assert_string_equal(line.data.value, "nw");
	assert_false(line.data.flag);
	assert_operands(&line, "x");
	done(&line);

	scan(&line, WORDS("-nd", "x", "y"));
	assert_string_equal(line.data.value, "x");
	assert_true(line.data.flag);
	assert_operands(&line, "y");
	done(&line);

	assert_invalid(WORDS("-ndz", "x"), "invalid option", "-z");
}

static void
test_argument_is_a_later_word_that_is_no_option(void **state)
{
	struct line line;

	scan(&line, WORDS("-i", "-n", "--dest", "one", "two", "three"));
	assert_int_equal(line.result, OPTIONS_DONE);
	assert_true(line.data.flag);
	assert_string_equal(line.data.list[0], "one");
	assert_string_equal(line.data.value, "two");
	assert_operands(&line, "three");
	done(&line);

	scan(&line, WORDS("-d", "--", "-x", "y"));
	assert_string_equal(line.data.value, "-x");
	assert_operands(&line, "y");
	done(&line);
}

static void
test_values_last_wins_lists_grow(void **state)
{
	struct line line;

	scan(&line, WORDS("--dest=a", "--dest", "b", "--dest=", "-ia", "--ignore=b,c", "-i", "d", "-t", "9"));
	assert_int_equal(line.result, OPTIONS_DONE);
	assert_string_equal(line.data.value, "");
	assert_int_equal(strv_len(line.data.list), 3);
	assert_string_equal(line.data.list[1], "b,c");
	assert_operands(&line, "");
	done(&line);
}

static void
test_what_is_wrong_is_named_as_typed(void **state)
{
	assert_invalid(WORDS("-z"), "invalid option", "-z");
	assert_invalid(WORDS("-nz"), "invalid option", "-z");
	assert_invalid(WORDS("--no"), "invalid option", "--no");
	assert_invalid(WORDS("--frob=1"), "invalid option", "--frob=1");
	assert_invalid(WORDS("--no-wait=1"), "unexpected argument", "--no-wait=1");
	assert_invalid(WORDS("--dest"), "missing argument", "--dest");
	assert_invalid(WORDS("--dest", "-n"), "missing argument", "--dest");
	assert_invalid(WORDS("-nd"), "missing argument", "-d");
}

static void
test_help_and_version_act_at_once(void **state)
{
	struct line line;

	scan(&line, WORDS("a", "--help", "--bogus"));
	assert_int_equal(line.result, OPTIONS_HELP);
	assert_operands(&line, "a");
	done(&line);
	scan(&line, WORDS("--version", "--help"));
	assert_int_equal(line.result, OPTIONS_VERSION);
	done(&line);
	scan(&line, WORDS("-v", "--debug"));
	assert_int_equal(line.scan.level, TOOL_DEBUG);
	done(&line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_and_operands_mix),
		cmocka_unit_test(test_dashes_end_options),
		cmocka_unit_test(test_letters_may_be_grouped),
		cmocka_unit_test(test_only_the_first_letter_takes_a_glued_argument),
		cmocka_unit_test(test_argument_is_a_later_word_that_is_no_option),
		cmocka_unit_test(test_values_last_wins_lists_grow),
		cmocka_unit_test(test_what_is_wrong_is_named_as_typed),
		cmocka_unit_test(test_help_and_version_act_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
