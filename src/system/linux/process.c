/* SPDX-License-Identifier: MIT */
#include "system/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

int
process_become_subreaper(void)
{
	return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ? -errno : 0;
}

int
process_signal(pid_t pid, int pidfd, int number)
{
#ifdef SYS_pidfd_send_signal
	if (pidfd >= 0) {
		if (syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0) == 0)
			return 0;
		if (errno != ENOSYS)
			return -errno;
	}
#endif
	/* As long as it is not reaped, and only init reaps it, the number is nobody else's. */
	return kill(pid, number) < 0 ? -errno : 0;
}

/* What a file of the kernel's says, as far as it fits: the number of bytes or a negative errno. */
static ssize_t
read_once(const char *path, char *buf, size_t size)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return -errno;
	do
		n = read(fd, buf, size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int
process_user(pid_t pid, uid_t *uid)
{
	char path[64], status[4096];
	const char *line;
	ssize_t n;

	(void) snprintf(path, sizeof(path), "/proc/%d/status", (int) pid);
	n = read_once(path, status, sizeof(status) - 1);
	if (n < 0)
		return n == -ENOENT ? -ESRCH : (int) n;
	status[n] = '\0';
	line = strstr(status, "\nUid:");
	if (line == NULL)
		return -EIO;
	*uid = (uid_t) strtoul(line + strlen("\nUid:"), NULL, 10);
	return 0;
}

/* How many numbers a process has, from our PID namespace to its own, and the last of them; 0: it is gone. */
static unsigned
read_numbers(pid_t pid, pid_t *last)
{
	char path[64], status[4096];
	char *line, *end;
	unsigned n = 0;
	ssize_t size;

	(void) snprintf(path, sizeof(path), "/proc/%d/status", (int) pid);
	size = read_once(path, status, sizeof(status) - 1);
	if (size < 0)
		return 0;
	status[size] = '\0';
	line = strstr(status, "\nNSpid:");
	if (line == NULL)
		return 0;
	line += strlen("\nNSpid:");
	for (long number = strtol(line, &end, 10); end != line && *line != '\n'; number = strtol(line, &end, 10)) {
		*last = (pid_t) number;
		n++;
		line = end;
		if (*line == '\n')
			break;
	}
	return n;
}

/* Which PID namespace it is in; "" when that can't be told. */
static void
read_namespace(pid_t pid, char *buf, size_t size)
{
	char path[64];
	ssize_t n;

	(void) snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int) pid);
	n = readlink(path, buf, size - 1);
	buf[n > 0 ? n : 0] = '\0';
}

pid_t
process_outer_pid(pid_t who, pid_t inner)
{
	char theirs[64], other[64];
	unsigned depth;
	pid_t last = 0, found = 0;
	const struct dirent *e;
	DIR *dir;

	depth = read_numbers(who, &last);
	if (depth <= 1)
		return inner;
	read_namespace(who, theirs, sizeof(theirs));
	dir = opendir("/proc");
	while (dir != NULL && found == 0 && (e = readdir(dir)) != NULL) {
		pid_t pid = (pid_t) strtol(e->d_name, NULL, 10);

		if (pid <= 0 || read_numbers(pid, &last) != depth || last != inner)
			continue;
		read_namespace(pid, other, sizeof(other));
		if (strcmp(theirs, other) == 0)
			found = pid;
	}
	if (dir != NULL)
		(void) closedir(dir);
	return found;
}

char *
process_own_path(const char *argv0)
{
	static const char deleted[] = " (deleted)";
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n > 0 && path[0] == '/') {
		path[n] = '\0';
		if ((size_t) n > strlen(deleted) && strcmp(path + n - strlen(deleted), deleted) == 0)
			path[(size_t) n - strlen(deleted)] = '\0';
		return strdup(path);
	}
	return realpath(argv0, NULL);
}

int
process_exec_again(const char *path, char **argv)
{
	sigset_t all, before;
	int r;

	/* What arrives between two images waits for the second. */
	(void) sigfillset(&all);
	(void) sigprocmask(SIG_SETMASK, &all, &before);
	(void) execv(path, argv);
	if (errno == ENOENT)
		(void) execv("/proc/self/exe", argv);
	r = -errno;
	(void) sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}
