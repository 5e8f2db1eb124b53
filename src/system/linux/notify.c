/* SPDX-License-Identifier: MIT */
/*
 * The socket has an abstract name (decision 017): it needs no file system, is seen in every chroot and vanishes with
 * its process. The name is public (/proc/net/unix), but no other has or had it: what is left of an old process never
 * finds a new one's.
 */
#include "system/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/str.h"

#define NAME "/com/ubuntu/upstart/notify/"

/* Names that begin with a NUL are abstract. 0 or a negative errno. */
static int
bind_somewhere(int fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	uint64_t secret[2];
	int n;

	if (getrandom(secret, sizeof(secret), GRND_NONBLOCK) != (ssize_t) sizeof(secret)) {
		/* Early at boot there is no secret yet: the kernel gives a name that is nobody else's. */
		return bind(fd, (struct sockaddr *) &address, sizeof(address.sun_family)) < 0 ? -errno : 0;
	}
	n = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, NAME "%016" PRIx64 "%016" PRIx64, secret[0],
		     secret[1]);
	return bind(fd, (struct sockaddr *) &address,
		    (socklen_t) (offsetof(struct sockaddr_un, sun_path) + 1 + (size_t) n)) < 0
		   ? -errno
		   : 0;
}

int
notify_socket(void)
{
	auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int on = 1;
	int r;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		return -errno;
	r = bind_somewhere(fd);
	return r < 0 ? r : steal_fd(&fd);
}

char *
notify_address(int fd)
{
	struct sockaddr_un address;
	socklen_t size = sizeof(address);
	size_t start = offsetof(struct sockaddr_un, sun_path) + 1;

	if (getsockname(fd, (struct sockaddr *) &address, &size) < 0 || size <= start)
		return NULL;
	return str_printf("@%.*s", (int) (size - start), address.sun_path + 1);
}

bool
notify_is_unread(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

/* What tee() copies stays where it was. */
ssize_t
notify_peek(int fd, void *buf, size_t size)
{
	int copy[2];
	ssize_t n;

	if (pipe2(copy, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	n = tee(fd, copy[1], size, SPLICE_F_NONBLOCK);
	if (n < 0)
		n = -errno;
	else if (n > 0)
		n = read(copy[0], buf, (size_t) n);
	(void) close(copy[0]);
	(void) close(copy[1]);
	return n;
}
