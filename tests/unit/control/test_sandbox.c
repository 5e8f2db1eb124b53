/* SPDX-License-Identifier: MIT */
/*
 * What upstart-control may not do once it serves, whoever has taken it over: each is tried in a child that has entered
 * the sandbox as control does.
 */
#include "control/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DONE 0
#define REFUSED 1

static char path[] = "/tmp/upstart-sandbox-XXXXXX"; /* a file of ours */
static char fresh[sizeof(path) + 4];		    /* none yet */

/* Does that work in the sandbox? */
static bool
works(bool (*attempt)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		sandbox_enter(false);
		_exit(attempt() ? DONE : REFUSED);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == DONE || WEXITSTATUS(status) == REFUSED);
	return WEXITSTATUS(status) == DONE;
}

static bool
reading(void)
{
	char byte;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && read(fd, &byte, 1) == 1;
}

static bool
writing(void)
{
	return open(path, O_WRONLY) >= 0;
}

static bool
both(void)
{
	return open(path, O_RDWR | O_CLOEXEC) >= 0;
}

static bool
truncating(void)
{
	return open(path, O_RDONLY | O_TRUNC) >= 0;
}

static bool
creating(void)
{
	return open("/tmp", O_RDWR | O_TMPFILE, 0600) >= 0 || open(fresh, O_RDONLY | O_CREAT, 0600) >= 0;
}

static bool
deleting(void)
{
	return unlink(path) == 0;
}

static bool
renaming(void)
{
	return rename(path, "/tmp/upstart-sandbox-other") == 0;
}

static bool
changing_modes(void)
{
	return chmod(path, 0777) == 0;
}

static bool
executing(void)
{
	(void) execl("/bin/true", "true", (char *) NULL); /* its status says that it works */
	return false;
}

static bool
forking(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(DONE);
	return pid > 0;
}

static bool
signalling(void)
{
	return kill(getppid(), 0) == 0;
}

static bool
own_limits(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0;
}

static bool
limits_of_others(void)
{
	const struct rlimit none = { 0, 0 };

	return prlimit(getppid(), RLIMIT_CORE, &none, NULL) == 0;
}

static bool
tracing(void)
{
	char name[64];

	(void) snprintf(name, sizeof(name), "/proc/%d/mem", (int) getppid());
	return open(name, O_RDWR) >= 0;
}

static bool
a_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0;
}

static int
set_up(void **state)
{
	int fd = mkstemp(path);

	(void) state;
	(void) snprintf(fresh, sizeof(fresh), "%s.new", path);
	return fd < 0 || write(fd, "x", 1) != 1 || close(fd) < 0 ? -1 : 0;
}

static int
tear_down(void **state)
{
	(void) state;
	return unlink(path);
}

static void
test_sandbox_reads_and_speaks(void **state)
{
	(void) state;
	assert_true(works(reading));
	assert_true(works(own_limits));
	assert_true(works(a_socket));
}

static void
test_sandbox_changes_no_file(void **state)
{
	(void) state;
	assert_false(works(writing));
	assert_false(works(both));
	assert_false(works(truncating));
	assert_false(works(creating));
	assert_false(works(deleting));
	assert_false(works(renaming));
	assert_false(works(changing_modes));
}

static void
test_sandbox_touches_no_process(void **state)
{
	(void) state;
	assert_false(works(executing));
	assert_false(works(forking));
	assert_false(works(signalling));
	assert_false(works(limits_of_others));
	assert_false(works(tracing));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sandbox_reads_and_speaks),
		cmocka_unit_test(test_sandbox_changes_no_file),
		cmocka_unit_test(test_sandbox_touches_no_process),
	};

	if (getenv("UPSTART_TEST_NO_SANDBOX") != NULL)
		return 77;
	return cmocka_run_group_tests_name("sandbox", tests, set_up, tear_down);
}
