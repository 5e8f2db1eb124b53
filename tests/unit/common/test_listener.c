/* SPDX-License-Identifier: MIT */
/*
 * Addresses of `expect listen`, and the kernel's tables of sockets.
 */
#include <string.h>

#include "common/listener.h"
#include "common/macros.h"
#include "unit.h"

static void
test_listener_addresses(void **state)
{
	static const struct {
		const char *text;
		bool tcp4, tcp6;
		uint16_t port;
	} good[] = {
		{ "80", true, true, 80 },	    { "tcp:1", true, true, 1 },	  { "tcp4:65535", true, false, 65535 },
		{ "tcp6:22", false, true, 22 },	    { "/run/x", false, false, 0 }, { "@x", false, false, 0 },
	};
	static const char *const bad[] = { "", "0", "65536", "-1", "+1", " 1", "1 ", "80x",
					   "tcp:", "tcp5:1", "udp:1", "/", "@", "run/x", "http" };
	struct listener l;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_true(listener_read(good[i].text, &l));
		assert_int_equal(l.tcp4, good[i].tcp4);
		assert_int_equal(l.tcp6, good[i].tcp6);
		assert_int_equal(l.port, good[i].port);
		assert_true((l.path != NULL) == (good[i].port == 0));
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (listener_read(bad[i], &l))
			fail_msg("\"%s\" is an address", bad[i]);
}

static void
test_listener_tcp_lines(void **state)
{
	static const struct {
		const char *line;
		uint64_t inode;
	} cases[] = {
		{ "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 31337 1 0", 31337 },
		{ "  12: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 "
		  "00:00000000 00000000  1000        0 4711 1 0",
		  4711 },
		/* Connected; another port; the other side's port; the heading. */
		{ "   0: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 31337 1 0", 0 },
		{ "   0: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 31337 1 0", 0 },
		{ "   0: 0100007F:0050 00000000:1F90 0A 00000000:00000000 00:00000000 00000000     0        0 31337 1 0", 0 },
		{ "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode", 0 },
		{ "", 0 },
	};
	struct listener l;

	assert_true(listener_read("8080", &l));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(listener_match_tcp(&l, cases[i].line), cases[i].inode);
}

static void
test_listener_unix_lines(void **state)
{
	static const struct {
		const char *address, *line;
		uint64_t inode;
	} cases[] = {
		{ "/run/x", "ffff9d0c: 00000002 00000000 00010000 0001 01 31337 /run/x", 31337 },
		{ "/run/a b", "0000000000000000: 00000002 00000000 00010000 0005 01 31337 /run/a b", 31337 },
		{ "@x", "0000000000000000: 00000002 00000000 00010000 0001 01 31337 @x", 31337 },
		/* Bound only; another; one without a name; the heading. */
		{ "/run/x", "0000000000000000: 00000002 00000000 00000000 0001 01 31337 /run/x", 0 },
		{ "/run/x", "0000000000000000: 00000002 00000000 00010000 0001 01 31337 /run/xy", 0 },
		{ "/run/x", "0000000000000000: 00000002 00000000 00010000 0001 03 31337", 0 },
		{ "/run/x", "Num       RefCount Protocol Flags    Type St Inode Path", 0 },
	};
	struct listener l;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_true(listener_read(cases[i].address, &l));
		assert_int_equal(listener_match_unix(&l, cases[i].line), cases[i].inode);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listener_addresses),
		cmocka_unit_test(test_listener_tcp_lines),
		cmocka_unit_test(test_listener_unix_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
