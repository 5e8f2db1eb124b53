/* SPDX-License-Identifier: MIT */
#include "sysv/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/str.h"

pid_t
pidfile_holder(const char *path)
{
	int fd auto_close = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	/* Who may only read can hold but a read lock, which does not count. */
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };

	if (fd < 0 || fcntl(fd, F_GETLK, &lock) < 0)
		return -errno;
	return lock.l_type == F_UNLCK ? 0 : lock.l_pid;
}

static int
fill(int fd, const char *temporary, const char *path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fchmod(fd, 0644) < 0 || fcntl(fd, F_SETLK, &lock) < 0 || dprintf(fd, "%d\n", getpid()) < 0 ||
	    rename(temporary, path) < 0)
		return -errno;
	return 0;
}

int
pidfile_write(struct pidfile *file, const char *path)
{
	char *temporary auto_free = str_printf("%s.XXXXXX", path);
	int fd auto_close = -1;
	int r;

	file->path = strdup(path);
	if (!file->path || !temporary)
		return -ENOMEM;
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fill(fd, temporary, path);
	if (r < 0) {
		(void) unlink(temporary);
		return r;
	}
	file->fd = steal_fd(&fd);
	return 0;
}

void
pidfile_remove(struct pidfile *file)
{
	if (file->fd >= 0) {
		(void) unlink(file->path);
		(void) close(file->fd);
	}
	free(file->path);
	file->path = NULL;
	file->fd = -1;
}
