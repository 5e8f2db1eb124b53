/* SPDX-License-Identifier: MIT */
#include "system/process.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "common/str.h"

int
process_become_subreaper(void)
{
	return -ENOSYS;
}

int
process_signal(pid_t pid, int pidfd, int number)
{
	(void) pidfd;
	return kill(pid, number) < 0 ? -errno : 0;
}

pid_t
process_outer_pid(pid_t who, pid_t inner)
{
	(void) who;
	return inner;
}

pid_t
process_inner_pid(pid_t pid)
{
	return pid;
}

int
process_children(struct u64v *pids)
{
	(void) pids;
	return -ENOSYS;
}

int
process_user(pid_t pid, uid_t *uid)
{
	(void) pid;
	(void) uid;
	return -ENOSYS;
}

bool
process_is_replaced(void)
{
	return false;
}

char *
process_own_path(const char *argv0)
{
	const char *path = getenv("PATH");

	if (strchr(argv0, '/') != NULL || path == NULL)
		return realpath(argv0, NULL);
	while (*path != '\0') {
		size_t n = strcspn(path, ":");
		auto_free char *candidate = str_printf("%.*s/%s", (int) n, path, argv0);

		if (candidate != NULL && access(candidate, X_OK) == 0)
			return realpath(candidate, NULL);
		path += n + (path[n] == ':' ? 1 : 0);
	}
	return NULL;
}

int
process_exec_image(const char *path, char **argv)
{
	(void) execv(path, argv);
	return -errno;
}

int
process_exec_again(const char *path, char **argv)
{
	sigset_t all, before;
	int r;

	/* What arrives between two images waits for the second. */
	(void) sigfillset(&all);
	(void) sigprocmask(SIG_SETMASK, &all, &before);
	r = process_exec_image(path, argv);
	(void) sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}
