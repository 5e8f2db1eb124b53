/* SPDX-License-Identifier: MIT */
/*
 * Processes the Linux way: clone3 with CLONE_PARENT and CLONE_PIDFD. Each call has a way to do
 * without it: older kernels, sandboxes that hide clone3 and valgrind answer ENOSYS or EPERM.
 */
#include "system/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* Numbers that are the same on every architecture, for headers older than the kernel. */
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

void
spawn_set_name(const char *name)
{
	(void) prctl(PR_SET_NAME, name);
}

int
spawn_pidfd_open(pid_t pid)
{
	long fd = syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : (int) fd;
}

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

/* What Linux 5.7 knows; a longer one is refused by what is older. */
struct new_clone_args {
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	} old;
	uint64_t set_tid, set_tid_size, cgroup;
};

/* The clone of old: the flags are its first argument everywhere but on s390, where the stack is. */
static pid_t
clone_sibling_legacy(void)
{
	const unsigned long flags = CLONE_PARENT | SIGCHLD;

#ifdef __s390__
	return (pid_t) syscall(SYS_clone, 0UL, flags, 0UL, 0UL, 0UL);
#else
	return (pid_t) syscall(SYS_clone, flags, 0UL, 0UL, 0UL, 0UL);
#endif
}

/*
 * A raw clone runs no fork handlers: fine for a process with one thread (no lock can be held by
 * another), and the child goes on to exec. The exit signal must be 0 with CLONE_PARENT: the child
 * inherits the caller's own, SIGCHLD for whatever init started with fork.
 */
static pid_t
clone_sibling(int cgroup, int *pidfd, bool *outside)
{
	struct new_clone_args args = {
		.old = { .flags = CLONE_PARENT | CLONE_PIDFD, .pidfd = (uint64_t) (uintptr_t) pidfd },
	};
	long pid = -1;

	if (cgroup >= 0) {
		args.old.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t) cgroup;
		pid = syscall(SYS_clone3, &args, sizeof(args));
		*outside = pid < 0;
		/* A group that refuses is no reason not to start. */
		args.old.flags &= ~(uint64_t) CLONE_INTO_CGROUP;
	}
	if (pid < 0)
		pid = syscall(SYS_clone3, &args.old, sizeof(args.old));
	if (pid >= 0)
		return (pid_t) pid;
	*pidfd = -1;
	if (errno != ENOSYS && errno != EPERM)
		return -1;
	pid = clone_sibling_legacy();
	if (pid > 0)
		*pidfd = spawn_pidfd_open((pid_t) pid);
	return (pid_t) pid;
}

/* Move a child that waits at its gate. */
static bool
move(int cgroup, pid_t pid)
{
	auto_close int fd = openat(cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", (int) pid);

	return fd >= 0 && write(fd, text, (size_t) n) == n;
}

pid_t
spawn_clone(enum spawn_parent parent, const char *cgroup, int *pidfd, bool *outside)
{
	auto_close int group = cgroup != NULL ? open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	pid_t pid;

	*pidfd = -1;
	*outside = cgroup != NULL;
	if (parent == SPAWN_SIBLING) {
		pid = clone_sibling(group, pidfd, outside);
	} else {
		pid = fork();
		if (pid > 0)
			*pidfd = spawn_pidfd_open(pid);
	}
	if (pid > 0 && *outside && group >= 0)
		*outside = !move(group, pid);
	if (*pidfd < 0)
		*pidfd = -1;
	return pid;
}

int
spawn_close_range(unsigned first, unsigned last)
{
	return syscall(SYS_close_range, first, last, 0) < 0 ? -errno : 0;
}

/* Write a text to a file of the kernel's that exists. 0 or a negative errno. */
static int
write_file(const char *path, const char *text)
{
	auto_close int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	return n < 0 ? -errno : (size_t) n < strlen(text) ? -EIO : 0;
}

#define OLD_OOM_DISABLE 17 /* oom_adj: -17 … 15 */
#define OLD_OOM_MAX 15
#define OOM_SCORE_MAX 1000

int
spawn_set_oom_score(int score)
{
	char text[16];
	int r;

	(void) snprintf(text, sizeof(text), "%d\n", score);
	r = write_file("/proc/self/oom_score_adj", text);
	if (r != -ENOENT)
		return r;
	/* Kernels before 2.6.36. */
	(void) snprintf(text, sizeof(text), "%d\n",
			score * (score < 0 ? OLD_OOM_DISABLE : OLD_OOM_MAX) / OOM_SCORE_MAX);
	return write_file("/proc/self/oom_adj", text);
}

bool
spawn_apparmor_is_usable(void)
{
	int fd = open("/sys/module/apparmor/parameters/enabled", O_RDONLY | O_CLOEXEC);
	char c = 'N';

	if (fd < 0)
		return false;
	if (read(fd, &c, 1) != 1)
		c = 'N';
	(void) close(fd);
	return c == 'Y' && access("/sbin/apparmor_parser", X_OK) == 0 && access("/run/container_type", F_OK) < 0 &&
	       access("/rofs/etc/apparmor.d", F_OK) < 0;
}

int
spawn_switch_profile(const char *profile)
{
	auto_free char *command = NULL;
	int r;

	if (!spawn_apparmor_is_usable())
		return 0;
	command = str_printf("exec %s", profile);
	if (command == NULL)
		return -ENOMEM;
	/* Where several security modules are stacked, the first name is AppArmor's own. */
	r = write_file("/proc/self/attr/apparmor/exec", command);
	return r == -ENOENT ? write_file("/proc/self/attr/exec", command) : r;
}
