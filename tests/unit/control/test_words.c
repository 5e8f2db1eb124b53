/* SPDX-License-Identifier: MIT */
/*
 * What a datagram of sd_notify(3) says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "control/words.h"

static struct msg_said
parse(const char *text, bool *barrier)
{
	struct msg_said said;

	(void) words_parse(text, strlen(text), &said, barrier);
	return said;
}

static const struct {
	const char *text;
	uint32_t what;
} cases[] = {
	{ "READY=1", SAID_READY },
	{ "READY=1\n", SAID_READY },
	{ "\n\nREADY=1\n\n", SAID_READY },
	{ "READY=1\nRELOADING=1\nSTOPPING=1\nWATCHDOG=1", SAID_READY | SAID_RELOADING | SAID_STOPPING | SAID_ALIVE },
	{ "WATCHDOG=trigger", SAID_SICK },
	{ "WATCHDOG=2", 0 },
	{ "WATCHDOG_USEC=5", SAID_WATCHDOG },
	{ "WATCHDOG_USEC=-5", 0 },
	{ "WATCHDOG_USEC=", 0 },
	{ "EXTEND_TIMEOUT_USEC=18446744073709551616", 0 },
	{ "EXTEND_TIMEOUT_USEC=7", SAID_EXTEND },
	{ "MAINPID=1", SAID_MAIN },
	{ "MAINPID=0", 0 },
	{ "MAINPID=2147483648", 0 },
	{ "MAINPID= 7", 0 },
	{ "MAINPID=7x", 0 },
	{ "STATUS=x", SAID_STATUS },
	{ "STATUS=", SAID_STATUS },
	{ "READY", 0 },
	{ "READY=0", 0 },
	{ "READY=11", 0 },
	{ "XREADY=1", 0 },
	{ "=1", 0 },
	{ "", 0 },
	{ "FDSTORE=1\nFDNAME=x\nERRNO=2\nX_MINE=1", 0 },
};

static void
test_datagrams(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool barrier;
		struct msg_said said = parse(cases[i].text, &barrier);

		if (said.what != cases[i].what)
			fail_msg("%s: %x", cases[i].text, (unsigned) said.what);
		assert_false(barrier);
		free(said.status);
	}
}

static void
test_values(void **state)
{
	bool barrier;
	struct msg_said said = parse("MAINPID=4711\nWATCHDOG_USEC=20\nSTATUS=first\nEXTEND_TIMEOUT_USEC=30\nSTATUS=last", &barrier);

	assert_int_equal(said.main_pid, 4711);
	assert_int_equal(said.watchdog, 20);
	assert_int_equal(said.extend, 30);
	assert_string_equal(said.status, "last");
	free(said.status);
	said = parse("STATUS=x\nSTATUS=", &barrier);
	assert_int_equal(said.what, SAID_STATUS);
	assert_null(said.status);
	said = parse("BARRIER=1", &barrier);
	assert_int_equal(said.what, 0);
	assert_true(barrier);
}

/* Whatever it is, it can be shown; and not at any length. */
static void
test_status_is_printable(void **state)
{
	char text[3000] = "STATUS=";
	bool barrier;
	struct msg_said said = parse("STATUS=a\tb\x1b[31m\xc3\xbc\xff\xc3", &barrier);

	assert_string_equal(said.status, "a?b?[31m\xc3\xbc??");
	free(said.status);
	memset(text + 7, 0xc3, sizeof(text) - 7);
	for (size_t i = 8; i < sizeof(text) - 1; i += 2)
		text[i] = (char) 0xbc;
	assert_true(words_parse(text, sizeof(text), &said, &barrier));
	assert_int_equal(strlen(said.status), SAID_STATUS_MAX);
	free(said.status);
}

/* Without a NUL at its end, and cut anywhere. */
static void
test_bytes_that_are_cut(void **state)
{
	static const char whole[] = "READY=1\nSTATUS=abc\nMAINPID=12\n";
	bool barrier;

	for (size_t n = 0; n < sizeof(whole); n++) {
		char *copy = malloc(n + 1);
		struct msg_said said;

		assert_non_null(copy);
		memcpy(copy, whole, n);
		assert_int_equal(words_parse(copy, n, &said, &barrier), n >= 7);
		free(said.status);
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_datagrams),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_status_is_printable),
		cmocka_unit_test(test_bytes_that_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
