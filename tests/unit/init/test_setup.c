/* SPDX-License-Identifier: MIT */
/*
 * A start that fails for want of memory is gone on with, as process 1 must: nothing is done twice, and nothing is lost.
 * Each attempt is made in a child, since a start changes signals, limits and descriptors of the process.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "failalloc.h"
#include "init/settings.h"
#include "init/setup.h"
#include "init/sources.h"
#include "unit.h"

#define TRIES 3 /* of which the last one has all the memory it wants */
#define GOOD 0
#define FAILED 1 /* also good: an allocation has failed on the way */
#define BAD 2

extern char **environ;

static char *arguments[] = { (char *) "init",	      (char *) "--user",
			     (char *) "--no-dbus",    (char *) "--confdir",
			     (char *) "/nowhere/a",   (char *) "--append-confdir",
			     (char *) "/nowhere/b",   (char *) "--logdir",
			     (char *) "/nowhere/log", NULL };
#define N_ARGUMENTS ((int) ARRAY_SIZE(arguments) - 1)

static long *left; /* shared with the children: what the last one did not give back */

static bool
holds(bool what, const char *text)
{
	if (!what)
		(void) fprintf(stderr, "%s\n", text);
	return what;
}

/* Is it as a start that nothing has come in the way of? */
static bool
is_whole(const struct init *init)
{
	auto_strv char **sources = sources_paths(init);

	return holds(strv_equal(init->argv, arguments), "the arguments are others") &&
	       holds(strv_equal(init->own_env, environ), "the environment is another") &&
	       holds(strv_len(init->job_env) == strv_len(environ), "the environment of jobs is another") &&
	       holds(init->log_dir != NULL && strcmp(init->log_dir, "/nowhere/log") == 0, "the log is elsewhere") &&
	       holds(init->core != NULL && init->listen_fd >= 0 && init->ring_fd >= 0 && init->state.journal != NULL,
		     "something is missing") &&
	       holds(strv_len(sources) == 2, "there are more sources, or fewer");
}

/* The start, as main() makes it, with allocation number `n` failing; what the child exits with. */
static int
start(unsigned long n, bool for_good)
{
	static struct init init;
	long before = failalloc_held();
	bool failed = false;
	int r = -EINVAL;

	if (setup_options(&init, N_ARGUMENTS, arguments) != SETUP_GO_ON)
		return BAD;
	failalloc_arm(n, for_good);
	for (int i = 0; i < TRIES && r < 0; i++) {
		if (i == TRIES - 1)
			failed = failalloc_disarm();
		r = setup_surroundings(&init, N_ARGUMENTS, arguments);
		if (r == 0)
			r = setup_machine(&init);
	}
	failed = failalloc_disarm() || failed;
	if (!holds(r == 0, "it does not start") || !is_whole(&init))
		return BAD;
	setup_deinit(&init);
	*left = failalloc_held() - before;
	return failed ? FAILED : GOOD;
}

static int
start_in_child(unsigned long n, bool for_good)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(start(n, for_good));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) == BAD)
		fail_msg("allocation %lu: status %x", n, (unsigned) status);
	return WEXITSTATUS(status);
}

static void
test_start_that_fails_is_gone_on_with(void **state)
{
	long kept; /* the words for a start after a crash are kept for good */

	(void) state;
	assert_int_equal(start_in_child(0, false), GOOD);
	kept = *left;
	for (int for_good = 0; for_good < 2; for_good++) {
		unsigned long n = 1;

		while (start_in_child(n, for_good == 1) == FAILED) {
			if (*left > kept)
				fail_msg("allocation %lu: %ld blocks are lost", n, *left - kept);
			n++;
		}
		assert_true(n > 50); /* it does need memory */
	}
}

/* Defaults in place of what the administrator wrote would stay for good. */
static void
test_settings_are_read_whole_or_not_at_all(void **state)
{
	static const struct options none;
	char path[] = "/tmp/upstart-settings-XXXXXX.conf";
	auto_close int fd = mkstemps(path, 5);
	unsigned long n = 0;
	bool failed;

	(void) state;
	assert_true(fd >= 0 && write(fd, "zero-exit-fails\n", 16) == 16);
	do {
		struct settings settings;
		int r;

		failalloc_arm(++n, false);
		r = settings_read(&settings, &none, path);
		failed = failalloc_disarm();
		assert_true(r == -ENOMEM || (r == 0 && settings.zero_exit_fails));
	} while (failed);
	assert_true(n > 2); /* it does need memory */
	(void) unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start_that_fails_is_gone_on_with),
		cmocka_unit_test(test_settings_are_read_whole_or_not_at_all),
	};

	left = mmap(NULL, sizeof(*left), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (left == MAP_FAILED)
		return 1;
	(void) clearenv();
	(void) setenv("PATH", "/bin:/usr/bin", 1);
	(void) setenv("HOME", "/nowhere", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
