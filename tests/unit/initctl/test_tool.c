/* SPDX-License-Identifier: MIT */
#include "initctl/tool.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
undo(void)
{
	(void) !write(STDERR_FILENO, "undone, ", strlen("undone, "));
}

/* What a process says that has no memory. */
static void
assert_end(void (*at_nomem)(void), const char *expected)
{
	char got[64] = "";
	size_t used = 0;
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void) dup2(fds[1], STDERR_FILENO);
		tool_undo_at_nomem(at_nomem);
		tool_nomem();
	}
	close(fds[1]);
	while ((n = read(fds[0], got + used, sizeof(got) - 1 - used)) > 0)
		used += (size_t) n;
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE);
	assert_string_equal(got, expected);
}

static void
test_want_of_memory_first_undoes_what_there_is(void **state)
{
	assert_end(NULL, "Out of memory\n");
	assert_end(undo, "undone, Out of memory\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_want_of_memory_first_undoes_what_there_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
