/* SPDX-License-Identifier: MIT */
/*
 * Who sends a datagram is nothing POSIX tells: there are no notification sockets.
 */
#include "system/notify.h"

#include <errno.h>

int
notify_socket(void)
{
	return -ENOSYS;
}

char *
notify_address(int fd)
{
	(void) fd;
	return NULL;
}

bool
notify_is_unread(int fd)
{
	(void) fd;
	return false;
}

/* It can't be left there. */
ssize_t
notify_peek(int fd, void *buf, size_t size)
{
	ssize_t n = read(fd, buf, size);

	return n < 0 ? -errno : n;
}
