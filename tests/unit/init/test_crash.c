/* SPDX-License-Identifier: MIT */
/*
 * What becomes of a crash when little could be had at the start. Each runs in a child, which the crash is the end of; the
 * machine's end is the test's own.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/crash.h"
#include "rig.h"
#include "system/boot.h"
#include "unit.h"

#define ENDED 40 /* and how */

int __wrap_boot_end(enum boot_end how, const char *argument);
void __wrap_sync(void);

int
__wrap_boot_end(enum boot_end how, const char *argument)
{
	(void) argument;
	_exit(ENDED + (int) how);
}

void
__wrap_sync(void)
{
}

static void
prepare(struct rig *rig)
{
	struct init *init = &rig->init;

	rig_init(rig);
	(void) prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L); /* no core is left */
	init->mode = MODE_SYSTEM;
	init->options.state_fd = -1;
	init->own_path = strdup("/nowhere");
	assert_int_equal(strv_add(&init->argv, "init"), 0);
}

static int
wait_for(pid_t pid)
{
	int status;

	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Handling of crashes that could not be had at the start is had when the way down has begun. */
static void
test_last_crash_ends_a_machine_though_handling_came_late(void **state)
{
	struct rig rig;
	pid_t pid;

	(void) state;
	pid = fork();
	if (pid == 0) {
		prepare(&rig);
		rig.init.options.crash = strdup("15:0:0:11");
		crash_begin(&rig.init);
		rig.init.last.level = strdup("6");
		crash_turn(&rig.init);
		(void) raise(SIGSEGV);
		_exit(1);
	}
	assert_int_equal(wait_for(pid), ENDED + BOOT_END_RESTART);
}

/* What the options say of a way down that was called off meanwhile ends nothing. */
static void
test_last_crash_ends_no_machine_that_stays(void **state)
{
	struct rig rig;
	pid_t pid;

	(void) state;
	pid = fork();
	if (pid == 0) {
		prepare(&rig);
		rig.init.again = true;
		rig.init.options.crash = strdup("15:0:0:11");
		crash_begin(&rig.init);
		rig.init.options.down = strdup("6");
		crash_turn(&rig.init);
		(void) raise(SIGSEGV);
		_exit(1);
	}
	assert_int_equal(wait_for(pid), 70); /* it is not process 1: given up */
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_last_crash_ends_a_machine_though_handling_came_late),
		cmocka_unit_test(test_last_crash_ends_no_machine_that_stays),
	};

	(void) argv;
	if (argc > 1) /* a next image, which is not to be */
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
