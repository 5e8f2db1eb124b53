/* SPDX-License-Identifier: MIT */
#include "system/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

pid_t
process_fork(void)
{
	sigset_t all, before;
	pid_t pid;
	int error;

	(void) sigfillset(&all);
	(void) sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		return 0;
	error = errno;
	(void) sigprocmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return pid;
}

void
process_set_cloexec(int fd, bool on)
{
	(void) fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0);
}

void
process_hide_arguments(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		memset(argv[i], 0, strlen(argv[i]));
}

int
process_raise_nofile(struct rlimit *before)
{
	static const rlim_t highest = PROCESS_NOFILE_MAX;
	struct rlimit wanted;

	if (getrlimit(RLIMIT_NOFILE, before) < 0)
		return -errno;
	wanted = *before;
	if (wanted.rlim_max < highest) {
		wanted.rlim_cur = wanted.rlim_max = highest;
		if (setrlimit(RLIMIT_NOFILE, &wanted) == 0)
			return 0;
		wanted = *before;
	}
	/* Where kernels allow a thousand times as many nobody could look through all numbers there may be. */
	wanted.rlim_cur = wanted.rlim_max > highest ? highest : wanted.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &wanted) < 0 ? -errno : 0;
}

int
process_raise_fsize(struct rlimit *before)
{
	struct rlimit wanted = { RLIM_INFINITY, RLIM_INFINITY };

	if (getrlimit(RLIMIT_FSIZE, before) < 0)
		return -errno;
	if (setrlimit(RLIMIT_FSIZE, &wanted) == 0)
		return 0;
	wanted.rlim_cur = wanted.rlim_max = before->rlim_max;
	return setrlimit(RLIMIT_FSIZE, &wanted) < 0 ? -errno : 0;
}
