/* SPDX-License-Identifier: MIT */
/*
 * How long an attempt is let work. Clock and children are the test's own: a child works for as long as the test says.
 */
#include "system/unmount.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "unit.h"

#define CHILD 4711
#define FOR_EVER UINT64_MAX
#define SECONDS(n) ((n) *USEC_PER_SEC)
#define MILLISECONDS(n) ((n) *USEC_PER_MSEC)

int __wrap_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_nanosleep(const struct timespec *t, struct timespec *left);
pid_t __wrap_fork(void);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);
int __wrap_kill(pid_t pid, int number);

static struct {
	usec_t now;
	usec_t needs, began; /* the child, to do its work */
	int status;
	unsigned killed;
	unsigned refused; /* calls of fork() that still fail */
	unsigned said;
	volatile sig_atomic_t skip;
} world;

int
__wrap_clock_gettime(clockid_t id, struct timespec *t)
{
	(void) id;
	*t = (struct timespec){ (time_t) (world.now / USEC_PER_SEC), (long) (world.now % USEC_PER_SEC * 1000) };
	return 0;
}

int
__wrap_nanosleep(const struct timespec *t, struct timespec *left)
{
	(void) left;
	world.now += (usec_t) t->tv_sec * USEC_PER_SEC + (usec_t) t->tv_nsec / 1000;
	return 0;
}

pid_t
__wrap_fork(void)
{
	if (world.refused > 0) {
		world.refused--;
		errno = EAGAIN;
		return -1;
	}
	world.began = world.now;
	return CHILD;
}

pid_t
__wrap_waitpid(pid_t pid, int *status, int options)
{
	assert_int_equal(pid, CHILD);
	assert_int_equal(options, WNOHANG);
	if (world.needs == FOR_EVER || world.now < world.began + world.needs)
		return 0;
	*status = world.status << 8;
	return pid;
}

int
__wrap_kill(pid_t pid, int number)
{
	assert_int_equal(pid, CHILD);
	assert_int_equal(number, SIGKILL);
	world.killed++;
	return 0;
}

static void
say(const char *text)
{
	(void) text;
	world.said++;
}

static int
never(const void *arg)
{
	(void) arg;
	fail_msg("this is the child's work");
	return 0;
}

/* What becomes of a child that needs so long, when nothing is waited for after `until`. */
static int
attempt(usec_t needs, unsigned limit, usec_t until, unsigned firm)
{
	struct unmount u = { .say = say, .skip = &world.skip, .until = until, .firm = firm };

	world.needs = needs;
	world.killed = world.said = 0;
	return unmount_attempt(&u, "it", limit, never, NULL);
}

static int
set_up(void **state)
{
	(void) state;
	memset(&world, 0, sizeof(world));
	world.now = SECONDS(1000);
	return 0;
}

static void
what_is_done_in_time_has_its_result(void **state)
{
	(void) state;
	assert_int_equal(attempt(MILLISECONDS(9500), 10, 0, 0), 0);
	assert_int_equal(world.said, 9);
	world.status = EBUSY;
	assert_int_equal(attempt(MILLISECONDS(1), 10, SECONDS(2000), 0), -EBUSY);
	assert_int_equal(world.killed, 0);
	assert_int_equal(world.said, 0);
}

static void
what_hangs_is_left_after_its_limit(void **state)
{
	usec_t began = world.now;

	(void) state;
	assert_int_equal(attempt(FOR_EVER, 10, 0, 0), -ETIMEDOUT);
	assert_int_equal(world.killed, 1);
	assert_in_range(world.now - began, SECONDS(10), SECONDS(11));
}

static void
what_has_no_limit_to_speak_of_is_tried_shortly(void **state)
{
	usec_t began = world.now;

	(void) state;
	assert_int_equal(attempt(MILLISECONDS(100), 0, 0, 0), 0);
	assert_int_equal(attempt(FOR_EVER, 0, 0, 0), -ETIMEDOUT);
	assert_in_range(world.now - began, MILLISECONDS(200), SECONDS(1));
}

/* Whatever others have cost: each has a moment. */
static void
what_comes_when_all_time_is_over_is_tried(void **state)
{
	(void) state;
	for (int i = 0; i < 200; i++) {
		assert_int_equal(attempt(MILLISECONDS(100), 10, SECONDS(500), 0), 0);
		assert_int_equal(world.killed, 0);
	}
}

/* … but not waited for; and it is not its own limit that has passed. */
static void
what_hangs_then_costs_a_moment(void **state)
{
	usec_t began = world.now;

	(void) state;
	assert_int_equal(attempt(FOR_EVER, 10, SECONDS(500), 0), -ECANCELED);
	assert_int_equal(world.killed, 1);
	assert_in_range(world.now - began, MILLISECONDS(200), SECONDS(1));
	/* The same if the end of all time comes meanwhile. */
	began = world.now;
	assert_int_equal(attempt(FOR_EVER, 10, world.now + SECONDS(3), 0), -ECANCELED);
	assert_in_range(world.now - began, SECONDS(3), SECONDS(4));
}

static void
who_waits_no_longer_is_heard(void **state)
{
	usec_t began = world.now;
	struct unmount u = { .say = say, .skip = &world.skip };

	(void) state;
	world.needs = FOR_EVER;
	world.skip = 1; /* that was for what was waited for before */
	assert_int_equal(unmount_attempt(&u, "it", 3, never, NULL), -ETIMEDOUT);
	assert_in_range(world.now - began, SECONDS(3), SECONDS(4));
}

static void
a_child_is_waited_for_when_there_is_none_to_be_had(void **state)
{
	(void) state;
	world.refused = 10;
	assert_int_equal(attempt(0, 10, 0, 0), 0);
	world.refused = 10;
	assert_int_equal(attempt(0, 10, SECONDS(500), 0), 0);
	world.refused = UINT32_MAX;
	assert_int_equal(attempt(0, 10, 0, 0), -EAGAIN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_done_in_time_has_its_result, set_up),
		cmocka_unit_test_setup(what_hangs_is_left_after_its_limit, set_up),
		cmocka_unit_test_setup(what_has_no_limit_to_speak_of_is_tried_shortly, set_up),
		cmocka_unit_test_setup(what_comes_when_all_time_is_over_is_tried, set_up),
		cmocka_unit_test_setup(what_hangs_then_costs_a_moment, set_up),
		cmocka_unit_test_setup(who_waits_no_longer_is_heard, set_up),
		cmocka_unit_test_setup(a_child_is_waited_for_when_there_is_none_to_be_had, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
