/* SPDX-License-Identifier: MIT */
#include "sysv/argument.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/str.h"

#define FOLDER "/run/upstart"

int
argument_leave(const char *argument)
{
	int fd auto_close = -1;
	size_t length;

	if (unlink(ARGUMENT_FILE) < 0 && errno != ENOENT && errno != ENOTDIR)
		return -errno;
	if (!argument)
		return 0;
	if (mkdir(FOLDER, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = open(ARGUMENT_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	length = strlen(argument);
	return write(fd, argument, length) == (ssize_t) length ? 0 : -EIO;
}

const char *
argument_left(char buffer[ARGUMENT_MAX])
{
	int fd auto_close = open(ARGUMENT_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buffer, ARGUMENT_MAX - 1);

	if (n <= 0)
		return NULL;
	buffer[n] = '\0';
	return buffer;
}

void
argument_forget(void)
{
	(void) unlink(ARGUMENT_FILE);
}
