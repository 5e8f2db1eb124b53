/* SPDX-License-Identifier: MIT */
#include "init/options.h"

#include <errno.h>

#include "unit.h"

/* The words of a line. */
static char **
words_of(const char *line)
{
	char **words = NULL;

	while (*line != '\0') {
		size_t n = strcspn(line, " ");

		assert_int_equal(strv_take(&words, span_dup((struct span){ line, n })), 0);
		line += n + (line[n] == ' ' ? 1 : 0);
	}
	return words;
}

static int
parse(struct options *o, const char *line, struct error *err)
{
	auto_strv char **words = words_of(line);

	return options_parse(o, (int) strv_len(words), words, err);
}

static void
every_form_of_a_value_is_understood(void **state)
{
	struct error err = ERROR_INIT;
	struct options o;

	assert_int_equal(parse(&o,
			       "init --user --confdir /a --confdir=/b --logdir /l --append-confdir=/c "
			       "--prepend-confdir /d -v",
			       &err),
			 0);
	assert_true(o.user && o.verbose && !o.quiet && !o.debug);
	assert_int_equal(strv_len(o.confdirs), 2);
	assert_string_equal(o.confdirs[0], "/a");
	assert_string_equal(o.confdirs[1], "/b");
	assert_string_equal(o.logdir, "/l");
	assert_string_equal(o.append[0], "/c");
	assert_string_equal(o.prepend[0], "/d");
	assert_int_equal(o.state_fd, -1);
	assert_int_equal(o.default_console, CONSOLE_LOG);
	options_deinit(&o);
}

static void
last_value_wins(void **state)
{
	struct error err = ERROR_INIT;
	struct options o;

	assert_int_equal(parse(&o, "init --logdir=/a --logdir=/b", &err), 0);
	assert_string_equal(o.logdir, "/b");
	options_deinit(&o);
}

static void
words_of_the_kernel_are_ignored(void **state)
{
	struct error err = ERROR_INIT;
	struct options o;

	assert_int_equal(parse(&o, "init ro quiet --frobnicate --level=3 -x single - -- --user", &err), 0);
	assert_false(o.user || o.quiet);
	options_deinit(&o);
}

static void
an_emergency_is_a_word_or_a_letter(void **state)
{
	struct error err = ERROR_INIT;
	struct options o;

	assert_int_equal(parse(&o, "init ro emergency quiet", &err), 0);
	assert_true(o.emergency);
	options_deinit(&o);
	assert_int_equal(parse(&o, "init -b", &err), 0);
	assert_true(o.emergency);
	options_deinit(&o);
	assert_int_equal(parse(&o, "init single emergency-room", &err), 0);
	assert_false(o.emergency);
	options_deinit(&o);
}

static void
wrong_values_are_told_and_the_rest_counts(void **state)
{
	struct error err = ERROR_INIT;
	struct options o;

	assert_int_equal(parse(&o, "init --default-console nonsense --no-log", &err), -EINVAL);
	assert_string_equal(err.text, "invalid console type specified: nonsense");
	assert_true(o.no_log);
	assert_int_equal(o.default_console, CONSOLE_LOG);
	options_deinit(&o);
	assert_int_equal(parse(&o, "init --no-log --confdir", &err), -EINVAL);
	assert_string_equal(err.text, "missing argument: --confdir");
	assert_true(o.no_log);
	options_deinit(&o);
	assert_int_equal(parse(&o, "init --user=yes", &err), -EINVAL);
	options_deinit(&o);
	assert_int_equal(parse(&o, "init --state-fd=x", &err), -EINVAL);
	options_deinit(&o);
}

static void
consoles_have_names(void **state)
{
	static const enum console_mode modes[] = { CONSOLE_NONE, CONSOLE_LOG, CONSOLE_OUTPUT, CONSOLE_OWNER };
	static const char *const names[] = { "none", "log", "output", "owner" };

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		auto_free char *line = str_printf("init --default-console=%s", names[i]);
		struct error err = ERROR_INIT;
		struct options o;

		assert_int_equal(parse(&o, line, &err), 0);
		assert_int_equal(o.default_console, modes[i]);
		options_deinit(&o);
	}
}

static void
next_image_gets_what_still_counts(void **state)
{
	auto_strv char **argv =
	    words_of("init --user -v --confdir /a --state-fd 7 --restart --debug --record=/r --state-fd=9 "
		     "--logdir=/l -- --restart");
	auto_strv char **wanted = words_of("init --restart --state-fd 12 --user --confdir /a --record=/r --logdir=/l -- --restart");
	auto_strv char **first = words_of("--restart --state-fd 12");
	auto_strv char **again = options_again(argv, first);

	assert_true(strv_equal(again, wanted));
}

static void
help_names_every_option_people_need(void **state)
{
	static const char *const names[] = {
		"--user", "--confdir=DIR", "--logdir=DIR", "--no-log", "--startup-event=NAME", "-v, --verbose",
	};
	auto_free char *text = options_help("init");

	assert_non_null(text);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_non_null(strstr(text, names[i]));
	assert_null(strstr(text, "state-fd"));
}

static int
attempt(void *data)
{
	struct error err = ERROR_INIT;
	char **argv = data;
	struct options o;
	int r = options_parse(&o, (int) strv_len(argv), argv, &err);
	auto_strv char **again = NULL;

	options_deinit(&o);
	if (r < 0)
		return r;
	again = options_again(argv, argv + 1);
	return again != NULL ? 0 : -ENOMEM;
}

static void
want_of_memory_is_reported(void **state)
{
	auto_strv char **argv = words_of("init --confdir /a --confdir=/b --logdir=/l word");

	assert_true(failalloc_each(attempt, argv) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_of_a_value_is_understood),
		cmocka_unit_test(last_value_wins),
		cmocka_unit_test(words_of_the_kernel_are_ignored),
		cmocka_unit_test(an_emergency_is_a_word_or_a_letter),
		cmocka_unit_test(wrong_values_are_told_and_the_rest_counts),
		cmocka_unit_test(consoles_have_names),
		cmocka_unit_test(next_image_gets_what_still_counts),
		cmocka_unit_test(help_names_every_option_people_need),
		cmocka_unit_test(want_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
