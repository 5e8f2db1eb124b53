/* SPDX-License-Identifier: MIT */
#include "system/spawn_pty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <termios.h>

int
spawn_pty_open(void)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 && errno == EINVAL) {
		/* POSIX knows the first two flags only. */
		fd = posix_openpt(O_RDWR | O_NOCTTY);
		if (fd >= 0)
			(void) fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
	return fd < 0 ? -errno : fd;
}

int
spawn_pty_open_slave(int master, enum spawn_step *step)
{
	struct termios mode;
	const char *path;
	int fd;

	*step = SPAWN_GRANTPT;
	if (grantpt(master) < 0)
		return -1;
	*step = SPAWN_UNLOCKPT;
	if (unlockpt(master) < 0)
		return -1;
	*step = SPAWN_PTSNAME;
	path = ptsname(master);
	if (path == NULL)
		return -1;
	*step = SPAWN_OPENPT_SLAVE;
	fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0 && tcgetattr(fd, &mode) == 0) {
		/* What is printed is logged as it is; and the kernel takes whole pieces then, not a line at a time. */
		mode.c_oflag &= ~(tcflag_t) (ONLCR | OPOST);
		(void) tcsetattr(fd, TCSANOW, &mode);
	}
	return fd;
}
