/* SPDX-License-Identifier: MIT */
/*
 * The kernel tells by the exceptional condition of a file that is always readable: a set of its own turns that into a
 * descriptor which is readable just then.
 */
#include "system/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
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
