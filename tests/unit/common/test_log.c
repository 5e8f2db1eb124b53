/* SPDX-License-Identifier: MIT */
/*
 * A program's own messages, errors, and invariants that fail.
 */
#include "common/log.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/error.h"
#include "common/invariant.h"
#include "unit.h"

static char last_text[4096];
static enum log_level last_level;
static unsigned lines;

static void
sink(enum log_level level, const char *text, void *data)
{
	assert_ptr_equal(data, &lines);
	(void) snprintf(last_text, sizeof(last_text), "%s", text);
	last_level = level;
	lines++;
	errno = EIO; /* as a sink that writes may do */
}

static void
test_log_names_round_trip(void **state)
{
	enum log_level level;

	for (int i = 0; i < LOG_LEVEL_COUNT; i++) {
		assert_true(log_level_from_name(log_level_name((enum log_level) i), &level));
		assert_int_equal(level, i);
	}
	assert_false(log_level_from_name("Debug", &level));
	assert_false(log_level_from_name("", &level));
	assert_string_equal(log_level_name(LOG_LEVEL_COUNT), "unknown");
}

static void
test_log_threshold(void **state)
{
	lines = 0;
	log_set_sink(sink, &lines);
	assert_int_equal(log_get_level(), LOG_LEVEL_MESSAGE);
	log_info("not shown");
	assert_int_equal(lines, 0);
	log_message("shown: %d", 5);
	assert_int_equal(lines, 1);
	assert_string_equal(last_text, "shown: 5");
	log_set_level(LOG_LEVEL_FATAL);
	log_error("not shown");
	assert_int_equal(lines, 1);
	log_write(LOG_LEVEL_FATAL, "the end");
	assert_int_equal(last_level, LOG_LEVEL_FATAL);
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("all");
	assert_int_equal(lines, 3);
	log_set_level(LOG_LEVEL_MESSAGE);
	log_set_sink(NULL, NULL);
}

/* Standard error that nobody reads: what does not fit is counted, and told when there is room. */
static void
test_log_without_reader_loses_and_says_so(void **state)
{
	char text[1200], said[100000];
	int pair[2], saved = dup(STDERR_FILENO);
	unsigned told = 0;
	ssize_t n;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_true(dup2(pair[1], STDERR_FILENO) >= 0);
	for (int i = 0; i < 1000; i++)
		log_error("%s", text);
	while ((n = recv(pair[0], said, sizeof(said), MSG_DONTWAIT)) > 0)
		told += (unsigned) n;
	log_error("there is room");
	n = recv(pair[0], said, sizeof(said) - 1, MSG_DONTWAIT);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	assert_true(n > 0);
	said[n] = '\0';
	assert_in_range(told, 1, 1000 * sizeof(text));
	assert_non_null(strstr(said, " messages were lost) there is room\n"));
	close(saved);
	close(pair[0]);
	close(pair[1]);
}

static void
test_log_keeps_errno_and_cuts_long_lines(void **state)
{
	char text[5000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_set_sink(sink, &lines);
	errno = ENOENT;
	log_warn("%s", text);
	assert_int_equal(errno, ENOENT);
	assert_true(strlen(last_text) > 1000);
	assert_true(strncmp(last_text, text, strlen(last_text)) == 0);
	log_set_sink(NULL, NULL);
}

static void
test_log_text_can_not_be_forged(void **state)
{
	static const struct {
		const char *name, *shown;
	} cases[] = {
		{ "a\nupstart: forged", "a\\nupstart: forged" },
		{ "\x1b[2J\r\t\x7f", "\\x1b[2J\\x0d\\x09\\x7f" },
		{ "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
		  "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80" },
		{ "\xc2\x9b"
		  "31m",
		  "\\xc2\\x9b31m" },
		{ "\x9b"
		  "1m \xfc \xc3",
		  "\\x9b1m \\xfc \\xc3" },
	};
	char text[2047];

	log_set_sink(sink, &lines);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		log_warn("%s", cases[i].name);
		assert_string_equal(last_text, cases[i].shown);
	}
	/* What does not fit is cut between letters. */
	memset(text, '\n', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_warn("%s", text);
	assert_int_equal(strlen(last_text), 2046);
	assert_true(strcmp(last_text + 2044, "\\n") == 0);
	log_set_sink(NULL, NULL);
}

static void
test_log_needs_no_memory(void **state)
{
	log_set_sink(sink, &lines);
	failalloc_arm(1, true);
	log_warn("%s %d", "words", 7);
	assert_false(failalloc_disarm());
	assert_string_equal(last_text, "words 7");
	log_set_sink(NULL, NULL);
}

static void
test_error_set_fills_and_returns(void **state)
{
	struct error err = ERROR_INIT;
	char text[ERROR_TEXT_MAX + 100];

	assert_int_equal(error_set(&err, -EINVAL, ERR_INVALID_ARGS, "Unknown job: %s", "x"), -EINVAL);
	assert_int_equal(err.code, -EINVAL);
	assert_string_equal(err.name, "org.freedesktop.DBus.Error.InvalidArgs");
	assert_string_equal(err.text, "Unknown job: x");
	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	(void) error_set(&err, -EIO, NULL, "%s", text);
	assert_int_equal(strlen(err.text), ERROR_TEXT_MAX - 1);
	assert_null(err.name);
	assert_int_equal(error_nomem(&err), -ENOMEM);
	assert_string_equal(err.text, "Out of Memory");
	assert_string_equal(err.name, "org.freedesktop.DBus.Error.NoMemory");
}

static unsigned told;

static void
hook(const char *file, int line, const char *what, void *data)
{
	assert_ptr_equal(data, &told);
	assert_non_null(strstr(file, "test_log.c"));
	assert_true(line > 0);
	assert_string_equal(what, "n < 3");
	told++;
}

#ifndef UPSTART_STRICT
static int
invariant_holds(int n)
{
	invariant(n < 3, return -ENOTRECOVERABLE);
	return 0;
}
#endif

static void
test_invariant_is_told_once_and_goes_on(void **state)
{
#ifdef UPSTART_STRICT
	(void) hook; /* a strict build ends here */
	skip();
#else
	unsigned before = invariant_count();

	invariant_set_hook(hook, &told);
	assert_int_equal(invariant_holds(1), 0);
	assert_int_equal(invariant_holds(3), -ENOTRECOVERABLE);
	assert_int_equal(invariant_holds(4), -ENOTRECOVERABLE);
	assert_int_equal(told, 1);
	assert_int_equal(invariant_count(), before + 2);
	invariant_set_hook(NULL, NULL);
	assert_int_equal(invariant_holds(5), -ENOTRECOVERABLE);
#endif
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_log_names_round_trip),
		cmocka_unit_test(test_log_threshold),
		cmocka_unit_test(test_log_without_reader_loses_and_says_so),
		cmocka_unit_test(test_log_keeps_errno_and_cuts_long_lines),
		cmocka_unit_test(test_log_text_can_not_be_forged),
		cmocka_unit_test(test_log_needs_no_memory),
		cmocka_unit_test(test_error_set_fills_and_returns),
		cmocka_unit_test(test_invariant_is_told_once_and_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
