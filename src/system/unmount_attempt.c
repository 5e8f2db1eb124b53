/* SPDX-License-Identifier: MIT */
/*
 * One thing at a time, in a child: what hangs is left to itself.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "common/str.h"
#include "system/clock.h"
#include "system/unmount.h"

#define LOOK_SHORT (500l * 1000) /* nanoseconds */
#define LOOK_LONG (10l * 1000 * 1000)
#define IMPATIENT (20 * USEC_PER_MSEC)
#define LEAST (200 * USEC_PER_MSEC) /* for each, also when all time is over */
#define FORK_PAUSE (10l * 1000 * 1000)

static void
say_waiting(const struct unmount *u, const char *what, unsigned seconds, unsigned limit)
{
	auto_free char *text = str_printf("waiting for %s: %u of %u s", what, seconds, limit);

	if (text != NULL)
		u->say(text);
}

/*
 * Is it over? What has not even been tried is lost, so each has a moment, whatever the others have cost. 0: not yet;
 * -ETIMEDOUT: its own time has passed, or nobody wants to wait for it any longer; -ECANCELED: all time has.
 */
static int
is_late(const struct unmount *u, usec_t began, unsigned limit)
{
	usec_t passed = clock_now() - began;

	if (*u->skip && passed >= u->firm * USEC_PER_SEC)
		return -ETIMEDOUT;
	if (passed < LEAST)
		return 0;
	if (passed >= limit * USEC_PER_SEC)
		return -ETIMEDOUT;
	return u->until != 0 && began + passed >= u->until ? -ECANCELED : 0;
}

/* fork(). Nothing is done without a child: it might hang. */
static pid_t
begin_attempt(const struct unmount *u, unsigned limit)
{
	static const struct timespec moment = { 0, FORK_PAUSE };
	usec_t began = clock_now();
	pid_t pid;

	while ((pid = fork()) < 0 && is_late(u, began, limit) == 0)
		(void) nanosleep(&moment, NULL);
	return pid;
}

int
unmount_attempt(struct unmount *u, const char *what, unsigned limit, int (*fn)(const void *arg), const void *arg)
{
	usec_t began;
	unsigned told = 0;
	pid_t pid;

	*u->skip = 0; /* what was skipped before is not this */
	pid = begin_attempt(u, limit);
	if (pid < 0)
		return -EAGAIN;
	if (pid == 0)
		_exit(-fn(arg));
	began = clock_now();
	for (;;) {
		usec_t passed = clock_now() - began;
		const struct timespec look = { 0, passed < IMPATIENT ? LOOK_SHORT : LOOK_LONG };
		unsigned seconds = (unsigned) (passed / USEC_PER_SEC);
		int status, late;

		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
		if (seconds > told)
			say_waiting(u, what, told = seconds, limit);
		late = is_late(u, began, limit);
		if (late < 0) {
			(void) kill(pid, SIGKILL);
			return late;
		}
		(void) nanosleep(&look, NULL);
	}
}
