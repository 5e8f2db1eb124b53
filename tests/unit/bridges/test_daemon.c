/* SPDX-License-Identifier: MIT */
/*
 * Where the pid file lies, and how a daemon tells that it is ready. The rest is tested with whole programs.
 */
#include "bridges/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/str.h"
#include "unit.h"

static void
test_pid_path_of_the_system(void **state)
{
	struct error err = ERROR_INIT;
	auto_free char *path = NULL;

	assert_int_equal(daemon_pid_path(&path, "upstart-x-bridge", NULL, &err), 0);
	assert_string_equal(path, "/var/run/upstart-x-bridge.pid");
}

static void
test_pid_path_of_a_session(void **state)
{
	static const char *const addresses[] = {
		"unix:abstract=/com/ubuntu/upstart-session/1000/4321",
		"unix:abstract=/com/ubuntu/upstart-session/1000/4321,guid=00ff99",
		"unix:path=/run/user/1000/upstart/4321;unix:abstract=/x/1",
		"/4321",
	};

	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		struct error err = ERROR_INIT;
		char *path = NULL;

		assert_int_equal(setenv("XDG_RUNTIME_DIR", "/run/user/1000", 1), 0);
		assert_int_equal(daemon_pid_path(&path, "b", addresses[i], &err), 0);
		assert_string_equal(path, "/run/user/1000/b.4321.pid");
		free(path);

		assert_int_equal(unsetenv("XDG_RUNTIME_DIR"), 0);
		assert_int_equal(setenv("HOME", "/home/u", 1), 0);
		assert_int_equal(daemon_pid_path(&path, "b", addresses[i], &err), 0);
		assert_string_equal(path, "/home/u/b.4321.pid");
		free(path);
	}
}

static void
test_pid_path_refuses(void **state)
{
	static const char *const addresses[] = {
		"", "/", "unix:abstract=/x/", "unix:abstract=/x/y12", "4321", "unix:abstract=/x/12345678901", "/a,/1",
	};
	struct error err = ERROR_INIT;
	char *path = NULL;

	assert_int_equal(setenv("HOME", "/home/u", 1), 0);
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		assert_int_equal(daemon_pid_path(&path, "b", addresses[i], &err), -EINVAL);
		assert_string_equal(err.text, "Invalid value for UPSTART_SESSION");
		assert_null(path);
	}
	assert_int_equal(setenv("XDG_RUNTIME_DIR", "relative", 1), 0);
	assert_int_equal(setenv("HOME", "", 1), 0);
	assert_int_equal(daemon_pid_path(&path, "b", "/1", &err), -EINVAL);
}

static void
test_ready_is_parsed(void **state)
{
	static const char *const bad[] = {
		"", "go", "stopp", "1", "2", "-3", "3x", " ", "9999", "99999999999999999999"
	};
	enum daemon_ready how = DAEMON_READY_QUIET;
	struct error err = ERROR_INIT;
	char text[16];
	int fd = -1, pipes[2];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(daemon_ready_parse(bad[i], &how, &fd, &err), -EINVAL);
	assert_int_equal(how, DAEMON_READY_QUIET);
	assert_int_equal(daemon_ready_parse("stop", &how, &fd, &err), 0);
	assert_int_equal(how, DAEMON_READY_STOP);

	assert_int_equal(pipe(pipes), 0);
	(void) snprintf(text, sizeof(text), "%d", pipes[1]);
	assert_int_equal(daemon_ready_parse(text, &how, &fd, &err), 0);
	assert_int_equal(how, DAEMON_READY_FD);
	assert_int_equal(fd, pipes[1]);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	daemon_ready_tell(how, &fd);
	assert_int_equal(fd, -1);
	assert_int_equal(read(pipes[0], text, sizeof(text)), 1); /* the newline … */
	assert_int_equal(text[0], '\n');
	assert_int_equal(read(pipes[0], text, sizeof(text)), 0); /* … and the end */
	(void) close(pipes[0]);
}

static void
test_ready_notifies(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = -1, sock = socket(AF_UNIX, SOCK_DGRAM, 0);
	socklen_t length = sizeof(address);
	char text[64] = { 0 };

	/* The kernel chooses an abstract name. */
	assert_int_equal(bind(sock, (struct sockaddr *) &address, sizeof(sa_family_t)), 0);
	assert_int_equal(getsockname(sock, (struct sockaddr *) &address, &length), 0);
	text[0] = '@';
	memcpy(text + 1, address.sun_path + 1, length - sizeof(sa_family_t) - 1);
	assert_int_equal(setenv("NOTIFY_SOCKET", text, 1), 0);
	daemon_ready_tell(DAEMON_READY_QUIET, &fd);
	memset(text, 0, sizeof(text));
	assert_int_equal(recv(sock, text, sizeof(text), MSG_DONTWAIT), 7);
	assert_string_equal(text, "READY=1");
	(void) close(sock);
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pid_path_of_the_system),
		cmocka_unit_test(test_pid_path_of_a_session),
		cmocka_unit_test(test_pid_path_refuses),
		cmocka_unit_test(test_ready_is_parsed),
		cmocka_unit_test(test_ready_notifies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
