/* SPDX-License-Identifier: MIT */
/*
 * What is found out about processes: who our children are, what somebody was started with, who is dead.
 */
#include "system/started_with.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system/process.h"
#include "system/procfile.h"
#include "system/trace.h"
#include "unit.h"

static void
pause_briefly(void)
{
	(void) poll(NULL, 0, 1);
}

static void
end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* A program that stays, with that environment; it runs. */
static pid_t
program(char *const *env)
{
	int gate[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		(void) execle("/bin/sleep", "sleep", "1000", (char *) NULL, env);
		_exit(127);
	}
	assert_true(pid > 0);
	(void) close(gate[1]);
	assert_int_equal(read(gate[0], &byte, 1), 0);
	(void) close(gate[0]);
	return pid;
}

static enum started_with
answer_of(pid_t child)
{
	enum started_with answer;

	assert_true(child > 0);
	while ((answer = started_with_answer(child)) == STARTED_NOT_TOLD)
		pause_briefly();
	return answer;
}

static enum started_with
ask(pid_t pid, const struct started_variable *variables, size_t n)
{
	enum started_with answer;

	/* The gate is closed a moment before the new environment is there. */
	while ((answer = answer_of(started_with_ask(pid, variables, n))) == STARTED_UNKNOWN)
		pause_briefly();
	return answer;
}

static void
what_it_was_started_with_is_told(void **state)
{
	static const struct started_variable both[] = { { "ONE", "1" }, { "TWO", "" } }, any[] = { { "ONE", NULL } },
					     other[] = { { "ONE", "1" }, { "TWO", "2" } }, part[] = { { "ON", NULL } };
	char *env[] = { (char *) "ONE=1", (char *) "TWO=", NULL };
	pid_t pid = program(env);

	(void) state;
	assert_int_equal(ask(pid, both, 2), STARTED_WITH);
	assert_int_equal(ask(pid, any, 1), STARTED_WITH);
	assert_int_equal(ask(pid, other, 2), STARTED_WITHOUT);
	assert_int_equal(ask(pid, part, 1), STARTED_WITHOUT);
	end(pid);
	assert_int_equal(ask(pid, any, 1), STARTED_WITHOUT);
}

/* One that has nothing for good is no doubt. */
static void
empty_environment_is_known(void **state)
{
	static const struct started_variable any = { "ONE", NULL };
	char *env[] = { NULL };
	pid_t pid = program(env);

	(void) state;
	assert_int_equal(ask(pid, &any, 1), STARTED_WITHOUT);
	end(pid);
}

static void
child_that_looks_can_be_dropped(void **state)
{
	static const struct started_variable any = { "PATH", NULL };
	pid_t child = started_with_ask(getpid(), &any, 1);

	(void) state;
	assert_true(child > 0);
	started_with_drop(child);
	(void) answer_of(child); /* whichever came first */
	assert_int_equal(waitpid(child, NULL, WNOHANG), -1);
	assert_int_equal(started_with_status(SIGKILL << 8), STARTED_UNKNOWN);
	assert_int_equal(started_with_status(SIGALRM << 8), STARTED_WITHOUT);
	assert_int_equal(started_with_status(STARTED_WITH), STARTED_WITH);
	assert_int_equal(started_with_status(STARTED_UNKNOWN), STARTED_UNKNOWN);
	assert_int_equal(started_with_status(77), STARTED_WITHOUT);
}

/* More than are read at once; the dead among them. */
static void
children_are_listed_in_order(void **state)
{
	pid_t made[1000];
	struct u64v pids = { 0 };
	siginfo_t info;
	int r;

	(void) state;
	for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
		made[i] = fork();
		if (made[i] == 0) {
			if (i % 2 == 0)
				(void) pause();
			_exit(0);
		}
		assert_true(made[i] > 0);
	}
	assert_int_equal(waitid(P_PID, (id_t) made[1], &info, WEXITED | WNOWAIT), 0);
	r = process_children(&pids);
	if (r != -ENOSYS) {
		assert_int_equal(r, 0);
		assert_int_equal(pids.n, ARRAY_SIZE(made));
		for (size_t i = 0; i < pids.n; i++)
			assert_int_equal(pids.p[i], made[i]);
	}
	u64v_deinit(&pids);
	for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
		(void) kill(made[i], SIGKILL);
		assert_int_equal(waitpid(made[i], NULL, 0), made[i]);
	}
	if (r == -ENOSYS)
		skip();
}

/* Whoever killed the child has not answered. */
static void
child_that_is_killed_tells_nothing(void **state)
{
	siginfo_t info;
	pid_t child = fork();

	(void) state;
	if (child == 0)
		for (;;)
			(void) pause();
	assert_true(child > 0);
	assert_int_equal(started_with_answer(child), STARTED_NOT_TOLD);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t) child, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(started_with_answer(child), STARTED_UNKNOWN);
}

static void *
stay(void *data)
{
	for (;;)
		(void) pause();
	return data;
}

/* It is the same whoever its groups are: the kernel's file tells of all, before it tells how many threads there are. */
static void
have_many_groups(void)
{
	gid_t groups[2000];

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		groups[i] = 1000000 + (gid_t) i;
	(void) setgroups(ARRAY_SIZE(groups), groups); /* root may */
}

static void
process_lives_as_long_as_a_thread_of_it(void **state)
{
	static const struct started_variable path = { "PATH", NULL };
	struct trace_brief brief;
	struct trace_task task;
	char text[1024];
	siginfo_t info;
	pid_t pid = fork();
	pthread_t thread;

	(void) state;
	if (pid == 0) {
		have_many_groups();
		if (pthread_create(&thread, NULL, stay, NULL) != 0)
			_exit(1);
		pthread_exit(NULL);
	}
	assert_true(pid > 0);
	do {
		pause_briefly();
		assert_true(procfile_read(pid, "stat", text, sizeof(text)) > 0);
	} while (strstr(text, ") Z") == NULL);
	assert_int_equal(trace_look(pid, &task), 0);
	assert_int_equal(trace_look_briefly(pid, &brief), 0);
	assert_false(task.dead);
	assert_false(brief.dead);
	/* Nor does it forget how it began. */
	assert_int_equal(ask(pid, &path, 1), STARTED_WITH);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t) pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(trace_look(pid, &task), 0);
	assert_int_equal(trace_look_briefly(pid, &brief), 0);
	assert_true(task.dead);
	assert_true(brief.dead);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_was_started_with_is_told),
		cmocka_unit_test(empty_environment_is_known),
		cmocka_unit_test(child_that_looks_can_be_dropped),
		cmocka_unit_test(child_that_is_killed_tells_nothing),
		cmocka_unit_test(children_are_listed_in_order),
		cmocka_unit_test(process_lives_as_long_as_a_thread_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
