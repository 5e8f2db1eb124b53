/* SPDX-License-Identifier: MIT */
/*
 * By signalfd. The signals stay blocked, over an exec of ourselves as well, so that none is lost between
 * two images.
 */
#include "system/signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>

int
signals_open(const int *list, size_t n)
{
	sigset_t set;
	int fd;

	(void) sigemptyset(&set);
	for (size_t i = 0; i < n; i++) {
		(void) sigaddset(&set, list[i]);
		/* An ignored signal would not even become pending. */
		(void) signal(list[i], SIG_DFL);
	}
	if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int
signals_read(int fd)
{
	struct signalfd_siginfo info;
	ssize_t n;

	do
		n = read(fd, &info, sizeof(info));
	while (n < 0 && errno == EINTR);
	return n == (ssize_t) sizeof(info) ? (int) info.ssi_signo : 0;
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
