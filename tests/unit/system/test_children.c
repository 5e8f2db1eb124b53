/* SPDX-License-Identifier: MIT */
/*
 * News of children, and signals that are read.
 */
#include "system/children.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "system/signals.h"
#include "system/trace.h"
#include "unit.h"

/* The next news, waited for. */
static struct child_event
next_of(bool continued)
{
	struct child_event e = { 0 };

	for (int i = 0; i < 20000; i++) {
		if (children_peek(&e, continued) == 1)
			return e;
		(void) poll(NULL, 0, 1);
	}
	fail_msg("no news");
	return e;
}

static struct child_event
next(void)
{
	return next_of(true);
}

static pid_t
child(int status, int number)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (number != 0) {
			(void) signal(number, SIG_DFL);
			(void) raise(number);
		}
		_exit(status);
	}
	assert_true(pid > 0);
	return pid;
}

static void
exit_is_seen_until_it_is_taken(void **state)
{
	pid_t pid = child(7, 0);
	struct child_event e = next(), again = { 0 };

	assert_int_equal(e.pid, pid);
	assert_int_equal(e.news, CHILD_ENDED);
	assert_int_equal(e.status, 7);
	assert_int_equal(children_peek(&again, true), 1);
	assert_int_equal(again.pid, pid);
	assert_int_equal(kill(pid, 0), 0); /* its number is not free yet */
	assert_false(children_take(&e));
	assert_int_equal(children_peek(&again, true), 0);
	assert_int_equal(kill(pid, 0), -1);
}

static void
death_by_signal_is_told_in_the_upper_byte(void **state)
{
	pid_t pid = child(0, SIGTERM);
	struct child_event e = next();

	assert_int_equal(e.pid, pid);
	assert_int_equal(e.status, SIGTERM << 8);
	assert_false(children_take(&e));
}

static void
stop_and_continue_are_told(void **state)
{
	pid_t pid = child(3, SIGSTOP);
	struct child_event e = next();

	assert_int_equal(e.news, CHILD_STOPPED);
	assert_int_equal(e.status, SIGSTOP);
	assert_false(children_take(&e));
	assert_int_equal(children_peek(&e, true), 0);
	assert_int_equal(kill(pid, SIGCONT), 0);
	e = next();
	if (e.news == CHILD_CONTINUED) { /* it may have ended already */
		assert_false(children_take(&e));
		e = next();
	}
	assert_int_equal(e.news, CHILD_ENDED);
	assert_int_equal(e.status, 3);
	assert_false(children_take(&e));
}

/* A stop that is looked at, then a death: taking the stop must not reap the dead. */
static void
a_stop_is_told_though_a_death_stands_before_it(void **state)
{
	pid_t dead = child(5, 0);
	struct child_event e = next(), stop = { 0 };
	pid_t stopped;

	assert_int_equal(e.pid, dead);
	assert_int_equal(children_peek_stop(&stop), 0);
	stopped = child(0, SIGSTOP);
	for (int i = 0; i < 20000 && children_peek_stop(&stop) != 1; i++)
		(void) poll(NULL, 0, 1);
	assert_int_equal(stop.pid, stopped);
	assert_int_equal(stop.news, CHILD_STOPPED);
	assert_false(children_take(&stop));
	assert_int_equal(children_peek_stop(&stop), 0);
	assert_int_equal(kill(stopped, SIGKILL), 0);
	assert_false(children_take(&e));
	e = next();
	assert_int_equal(e.pid, stopped);
	assert_false(children_take(&e));
}

static void
taking_a_stop_leaves_the_death(void **state)
{
	pid_t pid = child(3, SIGSTOP);
	struct child_event e = next();

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_false(children_take(&e));
	e = next();
	assert_int_equal(e.pid, pid);
	assert_int_equal(e.news, CHILD_ENDED);
	assert_int_equal(e.status, SIGKILL << 8);
	assert_false(children_take(&e));
}

/* What the next trap of a followed child says; it must be this. */
static struct trace_stop
trap(pid_t pid, enum trace_reason reason, int number)
{
	struct child_event e = next_of(false);
	struct trace_stop stop;

	assert_int_equal(e.pid, pid);
	assert_int_equal(e.news, CHILD_TRAPPED);
	trace_understand(pid, e.status, &stop);
	assert_int_equal(stop.reason, reason);
	assert_int_equal(stop.signal, number);
	return stop;
}

/* The kernel gives a trap to whoever asks for anything of a tracee. It would wait for ever. */
static void
a_trap_taken_in_place_of_other_news_is_told(void **state)
{
	pid_t pid = child(3, SIGSTOP);
	struct child_event e = next();
	struct trace_stop stop;

	assert_false(children_take(&e));
	if (trace_seize(pid) == -ENOSYS) {
		assert_int_equal(kill(pid, SIGKILL), 0);
		e = next();
		assert_false(children_take(&e));
		skip();
	}
	stop = trap(pid, TRACE_HALTED, 0);
	trace_resume(&stop);
	assert_int_equal(kill(pid, SIGCONT), 0);
	stop = trap(pid, TRACE_ATTENTION, 0);
	trace_resume(&stop);
	stop = trap(pid, TRACE_SIGNAL, SIGCONT);
	e = (struct child_event){ pid, CHILD_CONTINUED, SIGCONT };
	assert_true(children_take(&e));
	assert_int_equal(e.news, CHILD_TRAPPED);
	assert_int_equal(e.status, SIGCONT);
	/* That it continued is there still, for who asks. */
	assert_int_equal(children_peek(&e, false), 0);
	trace_resume(&stop);
	e = next();
	if (e.news == CHILD_CONTINUED) {
		assert_false(children_take(&e));
		e = next();
	}
	assert_int_equal(e.news, CHILD_ENDED);
	assert_false(children_take(&e));
}

static void
without_children_there_is_no_news(void **state)
{
	struct child_event e;

	assert_int_equal(children_peek(&e, true), 0);
}

static void
signals_are_read(void **state)
{
	static const int list[] = { SIGUSR1, SIGTERM };
	struct pollfd p = { .events = POLLIN };
	int fd = signals_open(list, 2), seen = 0;
	pid_t pid;
	int status;

	assert_true(fd >= 0);
	assert_int_equal(signals_read(fd), 0);
	(void) raise(SIGUSR1);
	(void) raise(SIGTERM);
	p.fd = fd;
	assert_int_equal(poll(&p, 1, 10000), 1);
	for (int number; (number = signals_read(fd)) != 0;)
		seen |= number == SIGUSR1 ? 1 : number == SIGTERM ? 2 : 4;
	assert_int_equal(seen, 3);
	/* A child of ours hears them as everybody does. */
	pid = fork();
	if (pid == 0) {
		signals_reset();
		(void) raise(SIGTERM);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	(void) close(fd);
	signals_reset();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_is_seen_until_it_is_taken),
		cmocka_unit_test(death_by_signal_is_told_in_the_upper_byte),
		cmocka_unit_test(stop_and_continue_are_told),
		cmocka_unit_test(a_stop_is_told_though_a_death_stands_before_it),
		cmocka_unit_test(taking_a_stop_leaves_the_death),
		cmocka_unit_test(a_trap_taken_in_place_of_other_news_is_told),
		cmocka_unit_test(without_children_there_is_no_news),
		cmocka_unit_test(signals_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
