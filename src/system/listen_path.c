/* SPDX-License-Identifier: MIT */
/*
 * Sockets in the file system.
 */
#include "system/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/str.h"

#define PREFIX "unix:path="

/* Make the directory the socket lies in; its parents must be there. */
static void
make_parent(const char *path)
{
	auto_free char *dir = strdup(path);
	char *slash = dir != NULL ? strrchr(dir, '/') : NULL;

	if (slash == NULL || slash == dir)
		return;
	*slash = '\0';
	(void) mkdir(dir, 0755); /* others lie there, too; the socket has a mode of its own */
}

int
listen_open_path(const char *address)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	auto_close int fd = -1;
	const char *path;
	mode_t mask;
	int r;

	if (strncmp(address, PREFIX, strlen(PREFIX)) != 0)
		return -EINVAL;
	path = address + strlen(PREFIX);
	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path));
	make_parent(path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0)
		return -errno;
	(void) fcntl(fd, F_SETFD, FD_CLOEXEC);
	(void) fcntl(fd, F_SETFL, O_NONBLOCK);
	(void) unlink(path); /* a dead init's: its pid is ours now */
	mask = umask(0177);
	r = bind(fd, (const struct sockaddr *) &addr, sizeof(addr));
	(void) umask(mask);
	if (r < 0 || listen(fd, SOMAXCONN) < 0)
		return -errno;
	return steal_fd(&fd);
}

void
listen_remove(const char *address)
{
	if (strncmp(address, PREFIX, strlen(PREFIX)) == 0)
		(void) unlink(address + strlen(PREFIX));
}
