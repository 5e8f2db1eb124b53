/* SPDX-License-Identifier: MIT */
/*
 * Abstract socket names: they need no file system and vanish with their owner (control.md 1.2).
 */
#include "system/listen.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/private.h"
#include "common/str.h"

#define PREFIX "unix:abstract="

char *
listen_address(int session)
{
	if (!session)
		return strdup(PRIVATE_SYSTEM);
	return str_printf(PRIVATE_SESSION "%u/%d", (unsigned) getuid(), (int) getpid());
}

/* Owner and process stay where those who read addresses look for them. */
char *
listen_other_address(void)
{
	uint64_t secret = 0;

	if (getrandom(&secret, sizeof(secret), GRND_NONBLOCK) != (ssize_t) sizeof(secret))
		return NULL;
	return str_printf(PRIVATE_SESSION "%u/%016" PRIx64 "/%d", (unsigned) getuid(), secret,
			  (int) getpid());
}

int
listen_open(const char *address)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	auto_close int fd = -1;
	const char *name;
	size_t n;

	if (strncmp(address, PREFIX, strlen(PREFIX)) != 0)
		return listen_open_path(address);
	name = address + strlen(PREFIX);
	n = strlen(name);
	if (n + 1 > sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path + 1, name, n);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *) &addr, (socklen_t) (offsetof(struct sockaddr_un, sun_path) + 1 + n)) <
		0 ||
	    listen(fd, SOMAXCONN) < 0)
		return -errno;
	return steal_fd(&fd);
}

const char *
listen_second_address(void)
{
	return PRIVATE_RUN;
}
