/* SPDX-License-Identifier: MIT */
/*
 * The kernel tells by the exceptional condition of a file that is always readable: a set of its own turns that into a
 * descriptor which is readable just then.
 */
#include "system/mounts.h"

#include <errno.h>
#include <fcntl.h>
#if __has_include(<linux/openat2.h>)
#include <linux/openat2.h>
#endif
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/str.h"

int
mounts_watch(void)
{
	struct epoll_event want = { .events = EPOLLPRI };
	auto_close int set = epoll_create1(EPOLL_CLOEXEC);

	if (set < 0)
		return -errno;
	/* It stays open with the set. */
	want.data.fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (want.data.fd < 0)
		return -errno;
	if (epoll_ctl(set, EPOLL_CTL_ADD, want.data.fd, &want) < 0) {
		int r = -errno;

		(void) close(want.data.fd);
		return r;
	}
	return steal_fd(&set);
}

void
mounts_heard(int fd)
{
	struct epoll_event news;

	(void) epoll_wait(fd, &news, 1, 0);
}

static int
open_within(int dir, const char *path, int flags)
{
#ifdef SYS_openat2
	const struct open_how how = {
		.flags = (uint64_t) (flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
	};
	long fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int) fd;
#else
	(void) dir;
	(void) path;
	(void) flags;
	return -ENOSYS;
#endif
}

int
mounts_open_file(int dir, const char *path)
{
	auto_close int seen = open_within(dir, path, O_PATH);
	struct stat st;

	if (seen < 0)
		return seen;
	if (fstat(seen, &st) < 0 || !S_ISREG(st.st_mode))
		return -EINVAL;
	return open_within(dir, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
}
