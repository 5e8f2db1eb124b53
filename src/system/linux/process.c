/* SPDX-License-Identifier: MIT */
#include "system/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#ifndef NS_GET_TGID_FROM_PIDNS
#define NS_GET_TGID_FROM_PIDNS _IOR(NSIO, 0x7, int)
#endif

#define DELETED " (deleted)" /* after the name of a file that is no longer there */
#define LOOKS_MAX 128 /* at so many processes for one number */

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

/* More of a list of numbers with a blank behind each; one may be cut. 0 or -ENOMEM. */
static int
add_numbers(struct u64v *numbers, uint64_t *begun, const char *text, ssize_t n)
{
	for (ssize_t i = 0; i < n; i++) {
		if (text[i] >= '0' && text[i] <= '9') {
			*begun = *begun * 10 + (uint64_t) (text[i] - '0');
			continue;
		}
		if (*begun != 0 && u64v_add(numbers, *begun) < 0)
			return -ENOMEM;
		*begun = 0;
	}
	return 0;
}

int
process_children(struct u64v *pids)
{
	char path[64], text[4096];
	uint64_t begun = 0;
	ssize_t n;

	(void) snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int) getpid());
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return errno == ENOENT ? -ENOSYS : -errno;
	do {
		n = read(fd, text, sizeof(text));
		if (add_numbers(pids, &begun, text, n) < 0)
			return -ENOMEM;
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
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

struct numbers {
	unsigned depth; /* how many it has, from our PID namespace to its own */
	pid_t own;	/* the last of them */
	pid_t parent;
};

/* 0, -ESRCH: it is gone; or another negative errno. */
static int
read_numbers(pid_t pid, struct numbers *numbers)
{
	char path[64], status[4096];
	const char *line, *stop;
	char *end;
	ssize_t size;

	*numbers = (struct numbers){ .depth = 1, .own = pid };
	(void) snprintf(path, sizeof(path), "/proc/%d/status", (int) pid);
	size = read_once(path, status, sizeof(status) - 1);
	if (size < 0)
		return size == -ENOENT ? -ESRCH : (int) size;
	status[size] = '\0';
	line = strstr(status, "\nPPid:");
	if (line != NULL)
		numbers->parent = (pid_t) strtol(line + strlen("\nPPid:"), NULL, 10);
	line = strstr(status, "\nNSpid:");
	stop = line != NULL ? strchr(line + 1, '\n') : NULL;
	if (stop == NULL) /* one in many groups has more to say than fits; others are of a kernel without such namespaces */
		return (size_t) size == sizeof(status) - 1 ? -EOVERFLOW : 0;
	line += strlen("\nNSpid:");
	numbers->depth = 0;
	for (long number = strtol(line, &end, 10); end != line && end <= stop; number = strtol(line, &end, 10)) {
		numbers->own = (pid_t) number;
		numbers->depth++;
		line = end;
	}
	return 0;
}

/* One of the children of `parent` that has the same depth, thus the same namespace, and that number; 0: none. */
static pid_t
search_children(pid_t parent, unsigned depth, pid_t inner, unsigned *looks)
{
	char path[64], list[4096];
	struct numbers numbers;
	char *at = list, *end;
	ssize_t size;

	(void) snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int) parent, (int) parent);
	size = read_once(path, list, sizeof(list) - 1);
	list[size > 0 ? size : 0] = '\0';
	for (long pid = strtol(at, &end, 10); end != at && *end != '\0' && *looks > 0; pid = strtol(at, &end, 10)) {
		at = end;
		(*looks)--;
		if (read_numbers((pid_t) pid, &numbers) == 0 && numbers.depth == depth && numbers.own == inner)
			return (pid_t) pid;
	}
	return 0;
}

/* For kernels that can't be asked: the process itself, those it comes from, and their children; no more than a few. */
static pid_t
search_around(pid_t who, unsigned depth, pid_t inner)
{
	unsigned looks = LOOKS_MAX;
	struct numbers numbers;
	pid_t found = 0;

	for (pid_t pid = who; found == 0 && looks > 0; pid = numbers.parent) {
		looks--;
		if (pid <= 0 || read_numbers(pid, &numbers) < 0 || numbers.depth != depth)
			break;
		found = numbers.own == inner ? pid : search_children(pid, depth, inner, &looks);
	}
	return found;
}

/* As process_outer_pid(), of one in another namespace; -ENOTTY or another errno: the kernel can't be asked. */
static int
ask_kernel(pid_t who, pid_t inner)
{
	char path[64];
	int r;

	(void) snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int) who);
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = ioctl(fd, NS_GET_TGID_FROM_PIDNS, inner); /* since Linux 6.11 */
	if (r < 0)
		return errno == ESRCH ? 0 : -errno;
	return r;
}

pid_t
process_outer_pid(pid_t who, pid_t inner)
{
	struct numbers numbers;
	int r = read_numbers(who, &numbers);

	if (r < 0)
		return r;
	if (numbers.depth <= 1)
		return inner;
	r = ask_kernel(who, inner);
	return r >= 0 ? r : search_around(who, numbers.depth, inner);
}

pid_t
process_inner_pid(pid_t pid)
{
	struct numbers numbers;
	int r = read_numbers(pid, &numbers);

	return r < 0 ? r : numbers.own;
}

/* Of a line of /proc/self/maps: code of a file that is no longer there? */
static bool
is_deleted_code(const char *line)
{
	const char *perms = strchr(line, ' ');
	const char *path = strchr(line, '/');
	size_t n = strcspn(line, "\n");

	return perms != NULL && path != NULL && strlen(perms) > 3 && perms[3] == 'x' && n > strlen(DELETED) &&
	       strncmp(line + n - strlen(DELETED), DELETED, strlen(DELETED)) == 0 && strncmp(path, "/memfd:", 7) != 0;
}

bool
process_is_replaced(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	bool found = false;
	char *line = NULL;
	size_t size = 0;

	while (file != NULL && !found && getline(&line, &size, file) >= 0)
		found = is_deleted_code(line);
	free(line);
	if (file != NULL)
		(void) fclose(file);
	return found;
}

char *
process_own_path(const char *argv0)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n > 0 && path[0] == '/') {
		path[n] = '\0';
		if ((size_t) n > strlen(DELETED) && strcmp(path + n - strlen(DELETED), DELETED) == 0)
			path[(size_t) n - strlen(DELETED)] = '\0';
		return strdup(path);
	}
	return realpath(argv0, NULL);
}

int
process_exec_image(const char *path, char **argv)
{
	(void) execv(path, argv);
	if (errno == ENOENT)
		(void) execv("/proc/self/exe", argv);
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
