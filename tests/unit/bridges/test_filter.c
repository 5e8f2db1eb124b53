/* SPDX-License-Identifier: MIT */
/*
 * What may pass from the outside into an event.
 */
#include "bridges/filter.h"

#include <errno.h>

#include "common/log.h"
#include "unit.h"

static unsigned warnings;
static char last_warning[2048];

static void
count_warnings(enum log_level level, const char *text, void *data)
{
	if (level != LOG_LEVEL_WARN)
		return;
	warnings++;
	(void) snprintf(last_warning, sizeof(last_warning), "%s", text);
}

static int
setup(void **state)
{
	warnings = 0;
	log_set_sink(count_warnings, NULL);
	return 0;
}

static int
teardown(void **state)
{
	log_set_sink(NULL, NULL);
	return 0;
}

/* -- names -- */

static void
test_filter_name_verdicts(void **state)
{
	static const struct {
		unsigned flags;
		const char *name;
		enum filter_verdict verdict;
	} cases[] = {
		{ 0, "A", FILTER_PASS },
		{ 0, "_", FILTER_PASS },
		{ 0, "a9_Z", FILTER_PASS },
		{ 0, "", FILTER_ODD },
		{ 0, "9a", FILTER_ODD },
		{ 0, "a b", FILTER_ODD },
		{ 0, "a\nb", FILTER_ODD },
		{ 0, "a-b", FILTER_ODD },
		{ 0, "a.b", FILTER_ODD },
		{ 0, "a\xc3\xa9", FILTER_ODD },
		{ 0, "BASH_FUNC_x%%", FILTER_ODD },
		{ FILTER_DOTS, "persist.sys.usb-config", FILTER_PASS },
		{ FILTER_DOTS, ".a", FILTER_ODD },
		{ FILTER_DOTS, "-a", FILTER_ODD },
		{ 0, "PATH", FILTER_RESERVED },
		{ 0, "IFS", FILTER_RESERVED },
		{ 0, "ENV", FILTER_RESERVED },
		{ 0, "BASH_ENV", FILTER_RESERVED },
		{ 0, "SHELL", FILTER_RESERVED },
		{ 0, "HOME", FILTER_RESERVED },
		{ 0, "TERM", FILTER_RESERVED },
		{ 0, "path", FILTER_PASS },
		{ 0, "PATHS", FILTER_PASS },
		{ 0, "PAT", FILTER_PASS },
		{ 0, "LD_PRELOAD", FILTER_RESERVED },
		{ 0, "LD_", FILTER_RESERVED },
		{ 0, "LD", FILTER_PASS },
		{ 0, "UPSTART_JOB", FILTER_RESERVED },
		{ FILTER_JOBS, "UPSTART_JOB", FILTER_RESERVED },
		{ 0, "DBUS_SESSION_BUS_ADDRESS", FILTER_RESERVED },
		{ 0, "JOB", FILTER_RESERVED },
		{ 0, "INSTANCE", FILTER_RESERVED },
		{ 0, "RESULT", FILTER_RESERVED },
		{ 0, "PROCESS", FILTER_RESERVED },
		{ 0, "EXIT_STATUS", FILTER_RESERVED },
		{ 0, "EXIT_SIGNAL", FILTER_RESERVED },
		{ FILTER_JOBS, "JOB", FILTER_PASS },
		{ FILTER_JOBS, "EXIT_SIGNAL", FILTER_PASS },
		{ FILTER_JOBS, "PATH", FILTER_RESERVED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct filter filter = { .flags = cases[i].flags };

		if (filter_name(&filter, span_of(cases[i].name)) != cases[i].verdict)
			fail_msg("verdict on \"%s\" with flags %u", cases[i].name, cases[i].flags);
	}
}

static void
test_filter_allow_and_deny(void **state)
{
	char *deny[] = { (char *) "SEC*", NULL };
	char *allow[] = { (char *) "LD_*", (char *) "SECOND", (char *) "a b", NULL };
	struct filter filter = { .deny = deny, .allow = allow };

	assert_int_equal(filter_name(&filter, SPAN("LD_PRELOAD")), FILTER_PASS);
	assert_int_equal(filter_name(&filter, SPAN("a b")), FILTER_PASS);
	assert_int_equal(filter_name(&filter, SPAN("PATH")), FILTER_RESERVED);
	assert_int_equal(filter_name(&filter, SPAN("SECOND")), FILTER_DENIED);
	assert_int_equal(filter_name(&filter, SPAN("OTHER")), FILTER_PASS);
	assert_int_equal(filter_name(&filter, SPAN("")), FILTER_ODD);
}

/* -- values -- */

#define RC "\xef\xbf\xbd"

static void
test_filter_value_is_utf8(void **state)
{
	static const struct {
		struct span in;
		const char *out;
		unsigned change;
	} cases[] = {
		{ SPAN(""), "", 0 },
		{ SPAN("plain\ttext\n"), "plain\ttext\n", 0 },
		{ SPAN("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 0 },
		{ SPAN("a\0b"), "ab", FILTER_REPAIRED },
		{ SPAN("caf\xe9"), "caf" RC, FILTER_REPAIRED },
		{ SPAN("\xe9t\xe9"), RC "t" RC, FILTER_REPAIRED },
		{ SPAN("\xc3"), RC, FILTER_REPAIRED },
		{ SPAN("\xe2\x82"), RC RC, FILTER_REPAIRED },
		{ SPAN("\xc0\x80"), RC RC, FILTER_REPAIRED },             /* overlong NUL */
		{ SPAN("\xe0\x80\x80"), RC RC RC, FILTER_REPAIRED },      /* overlong */
		{ SPAN("\xf0\x80\x80\x80"), RC RC RC RC, FILTER_REPAIRED },
		{ SPAN("\xed\xa0\x80"), RC RC RC, FILTER_REPAIRED },      /* a surrogate */
		{ SPAN("\xf4\x90\x80\x80"), RC RC RC RC, FILTER_REPAIRED }, /* beyond the last one */
		{ SPAN("\xff\xfe"), RC RC, FILTER_REPAIRED },
		{ SPAN("\x80x"), RC "x", FILTER_REPAIRED },
	};
	const struct filter filter = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_strbuf struct strbuf out = STRBUF_INIT;

		assert_int_equal(filter_value(&filter, cases[i].in, &out), cases[i].change);
		assert_string_equal(out.p ? out.p : "", cases[i].out);
	}
}

static void
test_filter_value_can_be_stripped(void **state)
{
	const struct filter filter = { .flags = FILTER_STRIP };
	auto_strbuf struct strbuf out = STRBUF_INIT;

	assert_int_equal(filter_value(&filter, SPAN("a\xff\xc3\xa9"), &out), FILTER_REPAIRED);
	assert_string_equal(out.p, "a_\xc3\xa9");
}

static void
test_filter_value_is_cut_between_characters(void **state)
{
	const struct filter filter = { 0 };
	auto_strbuf struct strbuf in = STRBUF_INIT;
	auto_strbuf struct strbuf out = STRBUF_INIT;

	strbuf_addc(&in, 'x');
	while (in.len < FILTER_VALUE_MAX)
		strbuf_add(&in, "\xc3\xa9");
	assert_int_equal(in.len, FILTER_VALUE_MAX + 1);
	assert_int_equal(filter_value(&filter, (struct span) { in.p, in.len }, &out), FILTER_CUT);
	assert_int_equal(out.len, FILTER_VALUE_MAX - 1);
	assert_memory_equal(out.p, in.p, out.len);

	strbuf_deinit(&out);
	assert_int_equal(filter_value(&filter, (struct span) { in.p + 1, in.len - 1 }, &out), 0);
	assert_int_equal(out.len, FILTER_VALUE_MAX);
}

/* -- events -- */

static void
test_filter_env_keeps_order_and_says_what_it_drops(void **state)
{
	char *env[] = {
		(char *) "B=1", (char *) "PATH=/evil", (char *) "A=2", (char *) "no pair", (char *) "=x",
		(char *) "C=caf\xe9", (char *) "E=", (char *) "D=a=b", NULL,
	};
	char *expected[] = {
		(char *) "B=1", (char *) "A=2", (char *) "C=caf" RC, (char *) "E=", (char *) "D=a=b", NULL
	};
	struct filter filter = { 0 };
	char **clean = NULL;

	assert_int_equal(filter_env(&filter, "event", env, &clean), 0);
	assert_true(strv_equal(clean, expected));
	assert_int_equal(warnings, 4);
	clean = strv_free(clean);

	/* Once for each source is enough. */
	assert_int_equal(filter_env(&filter, "event", env, &clean), 0);
	clean = strv_free(clean);
	assert_int_equal(warnings, 4);
	assert_int_equal(filter_env(&filter, "other", env, &clean), 0);
	clean = strv_free(clean);
	assert_int_equal(warnings, 8);

	assert_int_equal(filter_env(&filter, "event", NULL, &clean), 0);
	assert_null(clean);
	filter_deinit(&filter);
	filter_deinit(&filter);
}

static void
test_filter_env_drops_the_denied_without_a_word(void **state)
{
	char *env[] = { (char *) "SECRET=1", (char *) "A=2", NULL };
	char *deny[] = { (char *) "S*", NULL };
	struct filter filter = { .deny = deny };
	char **clean = NULL;

	assert_int_equal(filter_env(&filter, "event", env, &clean), 0);
	assert_int_equal(strv_len(clean), 1);
	assert_string_equal(clean[0], "A=2");
	assert_int_equal(warnings, 0);
	(void) strv_free(clean);
	filter_deinit(&filter);
}

static void
test_filter_env_is_bounded(void **state)
{
	struct filter filter = { 0 };
	char **env = NULL, **clean = NULL;
	size_t size = 0;

	for (unsigned i = 0; i < FILTER_VARIABLES_MAX + 10; i++)
		assert_int_equal(strv_take(&env, str_printf("V%u=x", i)), 0);
	assert_int_equal(filter_env(&filter, "many", env, &clean), 0);
	assert_int_equal(strv_len(clean), FILTER_VARIABLES_MAX);
	assert_int_equal(warnings, 1);
	env = strv_free(env);
	clean = strv_free(clean);

	for (unsigned i = 0; i < 10; i++) {
		char *value = calloc(1, 60001);

		memset(value, 'x', 60000);
		assert_int_equal(strv_take(&env, str_printf("V%u=%s", i, value)), 0);
		free(value);
	}
	assert_int_equal(strv_add(&env, "SMALL=1"), 0);
	assert_int_equal(filter_env(&filter, "long", env, &clean), 0);
	for (size_t i = 0; clean[i]; i++)
		size += strlen(clean[i]);
	assert_true(size <= FILTER_EVENT_MAX);
	assert_int_equal(strv_len(clean), 5);
	assert_string_equal(clean[4], "SMALL=1");
	(void) strv_free(env);
	(void) strv_free(clean);
	filter_deinit(&filter);
}

/* Ever new names fill neither memory nor the log. */
static void
test_filter_remembers_a_bounded_number(void **state)
{
	struct filter filter = { 0 };
	unsigned most;

	for (unsigned i = 0; i < 5000; i++) {
		auto_free char *pair = str_printf("bad %u=x", i);
		char *env[] = { pair, NULL };
		char **clean = NULL;

		assert_int_equal(filter_env(&filter, "event", env, &clean), 0);
		assert_null(clean);
	}
	most = warnings;
	assert_true(most < 300);
	filter_deinit(&filter);
}

static void
test_filter_warnings_are_printable(void **state)
{
	char *env[] = { (char *) "a\x1b[31m\n\xff=1", NULL };
	struct filter filter = { 0 };
	char buffer[FILTER_SHOWN_SIZE], *longer = calloc(1, 1001), **clean = NULL;

	assert_int_equal(filter_env(&filter, "ev\nent", env, &clean), 0);
	assert_int_equal(warnings, 1);
	for (const char *p = last_warning; *p; p++)
		assert_true(*p >= ' ' && *p <= '~');
	filter_deinit(&filter);

	memset(longer, 'y', 1000);
	assert_int_equal(strlen(filter_shown(buffer, longer)), FILTER_SHOWN_SIZE - 1);
	assert_string_equal(filter_shown(buffer, "short"), "short");
	free(longer);
}

static int
filter_something(void *data)
{
	char *env[] = { (char *) "A=1", (char *) "PATH=x", (char *) "B=\xff", (char *) "C=3", (char *) "D=4", NULL };
	struct filter filter = { 0 };
	char **clean = NULL;
	int r = filter_env(&filter, "event", env, &clean);

	if (r == 0)
		assert_int_equal(strv_len(clean), 4);
	else
		assert_null(clean);
	(void) strv_free(clean);
	filter_deinit(&filter);
	return r;
}

static void
test_filter_survives_want_of_memory(void **state)
{
	/* That something was told about need not be remembered. */
	assert_true(failalloc_each_lenient(filter_something, NULL) > 5);
}

/* Bytes in any order come out as UTF-8, and what is UTF-8 comes out as it is. */
static void
test_filter_value_random(void **state)
{
	const struct filter filter = { 0 };
	uint64_t random = 1;

	for (int i = 0; i < 20000; i++) {
		auto_strbuf struct strbuf once = STRBUF_INIT;
		auto_strbuf struct strbuf twice = STRBUF_INIT;
		char bytes[24];
		size_t n = unit_random(&random) % sizeof(bytes);

		for (size_t j = 0; j < n; j++) {
			uint64_t r = unit_random(&random);

			bytes[j] = (char) (r & 0x100 ? r & 0x7f : 0x80 | (r & 0x7f));
		}
		(void) filter_value(&filter, (struct span) { bytes, n }, &once);
		assert_int_equal(filter_value(&filter, (struct span) { once.p, once.len }, &twice), 0);
		assert_int_equal(once.len, twice.len);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filter_name_verdicts),
		cmocka_unit_test(test_filter_allow_and_deny),
		cmocka_unit_test(test_filter_value_is_utf8),
		cmocka_unit_test(test_filter_value_can_be_stripped),
		cmocka_unit_test(test_filter_value_is_cut_between_characters),
		cmocka_unit_test(test_filter_value_random),
		cmocka_unit_test_setup_teardown(test_filter_env_keeps_order_and_says_what_it_drops, setup, teardown),
		cmocka_unit_test_setup_teardown(test_filter_env_drops_the_denied_without_a_word, setup, teardown),
		cmocka_unit_test_setup_teardown(test_filter_env_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_filter_remembers_a_bounded_number, setup, teardown),
		cmocka_unit_test_setup_teardown(test_filter_warnings_are_printable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_filter_survives_want_of_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
