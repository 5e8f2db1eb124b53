/* SPDX-License-Identifier: MIT */
/*
 * By a handler that writes the number into a pipe.
 */
#include "system/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

/* The writing end: a handler has no other way to know it. */
static volatile sig_atomic_t pipe_w = -1;

static void
handler(int number)
{
	int saved = errno;
	unsigned char c = (unsigned char) number;

	/* A full pipe drops it: whoever reads so late finds the same signal there many times. */
	(void) !write(pipe_w, &c, 1);
	errno = saved;
}

static void
configure(int fd)
{
	(void) fcntl(fd, F_SETFL, O_NONBLOCK);
	(void) fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int
signals_open(const int *list, size_t n)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
	sigset_t none;
	int fds[2];

	if (pipe(fds) < 0)
		return -errno;
	configure(fds[0]);
	configure(fds[1]);
	pipe_w = fds[1];
	(void) sigfillset(&action.sa_mask);
	for (size_t i = 0; i < n; i++)
		if (sigaction(list[i], &action, NULL) < 0) {
			int error = errno;

			(void) close(fds[0]);
			(void) close(fds[1]);
			return -error;
		}
	(void) sigemptyset(&none);
	(void) sigprocmask(SIG_SETMASK, &none, NULL);
	return fds[0];
}

int
signals_read(int fd)
{
	unsigned char c;
	ssize_t n;

	do
		n = read(fd, &c, 1);
	while (n < 0 && errno == EINTR);
	return n == 1 ? c : 0;
}

void
signals_ignore(int number)
{
	(void) signal(number, SIG_IGN);
}

void
signals_reset(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void) signal(i, SIG_DFL);
	(void) sigemptyset(&none);
	(void) sigprocmask(SIG_SETMASK, &none, NULL);
}
