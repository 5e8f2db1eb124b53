/* SPDX-License-Identifier: MIT */
#include "sysv/argument.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/reboot_argument.h"
#include "common/str.h"

#define FOLDER "/run/upstart"

int
argument_leave(const char *argument)
{
	int fd auto_close = -1;
	size_t length;

	if (unlink(REBOOT_ARGUMENT_FILE) < 0 && errno != ENOENT && errno != ENOTDIR)
		return -errno;
	if (!argument)
		return 0;
	if (mkdir(FOLDER, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = open(REBOOT_ARGUMENT_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	length = strlen(argument);
	return write(fd, argument, length) == (ssize_t) length ? 0 : -EIO;
}

void
argument_forget(void)
{
	(void) unlink(REBOOT_ARGUMENT_FILE);
}
