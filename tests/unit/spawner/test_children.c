/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "spawner/children.h"

/* A child that waits for a signal, leader of a session; it has told when this returns. */
static pid_t
program_new(const char *program, const char *script, char *const *env)
{
	char *const argv[] = { (char *) "sh", (char *) "-c", (char *) (uintptr_t) script, NULL };
	int told[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(told, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void) setsid();
		(void) fcntl(told[1], F_SETFD, 0);
		(void) dup2(told[1], 3);
		(void) execve(program, argv, env);
		_exit(126);
	}
	(void) close(told[1]);
	assert_int_equal(read(told[0], &byte, 1), 1);
	(void) close(told[0]);
	return pid;
}

static pid_t
child_new(char *const *env)
{
	return program_new("/bin/sh", "echo >&3; exec sleep 1000", env);
}

static char *const env_job[] = { (char *) "PATH=/bin:/usr/bin", (char *) "UPSTART_JOB=x", NULL };
static char *const env_other[] = { (char *) "PATH=/bin:/usr/bin", (char *) "NOT_UPSTART_JOB=x", NULL };

static void
end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	(void) await_child(pid);
}

static void
test_children_dead_one_is_not_noted(void **state)
{
	struct children c = CHILDREN_INIT;
	pid_t pid = child_new(env_job);

	(void) state;
	end(pid);
	assert_int_equal(children_add(&c, pid), -ESRCH);
	/* Nor one that is dead but not reaped. */
	pid = child_new(env_job);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t) pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
	assert_int_equal(children_add(&c, pid), -ESRCH);
	(void) await_child(pid);
	assert_int_equal(children_signal(&c, SIGTERM), 0);
	children_deinit(&c);
	children_deinit(&c);
}

static void
test_children_living_ones_are_signalled(void **state)
{
	struct children c = CHILDREN_INIT;
	pid_t pids[3];

	(void) state;
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = child_new(env_job);
		assert_int_equal(children_add(&c, pids[i]), 0);
	}
	end(pids[1]);
	assert_int_equal(children_signal(&c, SIGTERM), 2);
	assert_int_equal(WTERMSIG(await_child(pids[0])), SIGTERM);
	assert_int_equal(WTERMSIG(await_child(pids[2])), SIGTERM);
	assert_int_equal(children_signal(&c, SIGTERM), 0);
	children_deinit(&c);
}

/* The pid is another's by now: its start time says so. */
static void
test_children_recycled_pid_is_left_alone(void **state)
{
	struct children c = CHILDREN_INIT;
	pid_t pid = child_new(env_job);
	int status;

	(void) state;
	assert_int_equal(children_add(&c, pid), 0);
	c.list[0].started--;
	assert_int_equal(children_signal(&c, SIGTERM), 0);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	end(pid);
	children_deinit(&c);
}

/* Room follows the living, however many came and went. */
static void
test_children_dead_ones_take_no_room(void **state)
{
	struct children c = CHILDREN_INIT;
	pid_t living = child_new(env_job);

	(void) state;
	assert_int_equal(children_add(&c, living), 0);
	for (int i = 0; i < 500; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			(void) pause();
			_exit(0);
		}
		assert_int_equal(children_add(&c, pid), 0);
		end(pid);
	}
	assert_in_range(c.cap, 1, 128);
	assert_in_range(c.n, 1, c.cap);
	assert_int_equal(children_signal(&c, SIGTERM), 1);
	assert_int_equal(WTERMSIG(await_child(living)), SIGTERM);
	children_deinit(&c);
}

static void
test_children_jobs_of_an_earlier_spawner_are_adopted(void **state)
{
	struct children c = CHILDREN_INIT;
	pid_t job = child_new(env_job), other = child_new(env_other);
	char *folder = folder_new();
	char path[4096];
	pid_t servant, member;
	int status;

	(void) state;
	(void) snprintf(path, sizeof(path), "%s/upstart-logger", folder);
	assert_int_equal(symlink("/bin/sh", path), 0);
	servant = program_new(path, "echo >&3; kill -STOP $$", env_job);
	/* Ours, but no leader of anything. */
	member = fork();
	assert_true(member >= 0);
	if (member == 0) {
		(void) pause();
		_exit(0);
	}
	assert_int_equal(children_adopt(&c, getpid()), 0);
	assert_int_equal(c.n, 1);
	assert_int_equal(c.list[0].pid, job);
	assert_int_equal(children_signal(&c, SIGTERM), 1);
	assert_int_equal(WTERMSIG(await_child(job)), SIGTERM);
	assert_int_equal(waitpid(other, &status, WNOHANG), 0);
	assert_int_equal(waitpid(servant, &status, WNOHANG), 0);
	end(servant);
	folder_remove(folder);
	end(other);
	end(member);
	children_deinit(&c);
}

/* More than are looked at at once; in the end nobody's child is left who looked. */
static void
test_children_many_jobs_are_adopted(void **state)
{
	struct children c = CHILDREN_INIT;
	pid_t jobs[60], other = child_new(env_other);

	(void) state;
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		jobs[i] = child_new(env_job);
	assert_int_equal(children_adopt(&c, getpid()), 0);
	assert_int_equal(c.n, ARRAY_SIZE(jobs));
	assert_int_equal(children_signal(&c, SIGTERM), ARRAY_SIZE(jobs));
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		assert_int_equal(WTERMSIG(await_child(jobs[i])), SIGTERM);
	end(other);
	/* On a busy machine time is up before all have looked: those were killed. */
	while (waitpid(-1, NULL, 0) > 0)
		;
	assert_int_equal(errno, ECHILD);
	children_deinit(&c);
}

static void *
stay(void *data)
{
	for (;;)
		(void) pause();
	return data;
}

/* It lives as long as others of its threads do. */
static void
test_children_without_a_first_thread_are_signalled(void **state)
{
	struct children c = CHILDREN_INIT;
	char path[64], text[1024];
	pid_t pid = fork();
	pthread_t thread;
	FILE *file;

	(void) state;
	assert_true(pid >= 0);
	if (pid == 0) {
		(void) setsid();
		if (pthread_create(&thread, NULL, stay, NULL) != 0)
			_exit(1);
		pthread_exit(NULL);
	}
	(void) snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
	do {
		file = fopen(path, "re");
		assert_non_null(file);
		assert_non_null(fgets(text, sizeof(text), file));
		(void) fclose(file);
	} while (strstr(text, ") Z") == NULL);
	assert_int_equal(children_add(&c, pid), 0);
	assert_int_equal(children_signal(&c, SIGTERM), 1);
	assert_int_equal(WTERMSIG(await_child(pid)), SIGTERM);
	children_deinit(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_children_dead_one_is_not_noted),
		cmocka_unit_test(test_children_living_ones_are_signalled),
		cmocka_unit_test(test_children_recycled_pid_is_left_alone),
		cmocka_unit_test(test_children_dead_ones_take_no_room),
		cmocka_unit_test(test_children_jobs_of_an_earlier_spawner_are_adopted),
		cmocka_unit_test(test_children_many_jobs_are_adopted),
		cmocka_unit_test(test_children_without_a_first_thread_are_signalled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
