/* SPDX-License-Identifier: MIT */
/*
 * A system without device file systems to mount: the console and the surroundings of the process.
 */
#include "system/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "common/log.h"

static void
open_on_standard(const char *path)
{
	int fd = open(path, O_RDWR | O_APPEND | O_NOCTTY | O_NONBLOCK);
	int flags;

	if (fd < 0) {
		log_warn("Unable to open %s", path);
		return;
	}
	flags = fcntl(fd, F_GETFL);
	(void) fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
	for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
		if (fd != i)
			(void) dup2(fd, i);
	if (fd > STDERR_FILENO)
		(void) close(fd);
}

void
boot_prepare(bool again, bool groups)
{
	(void) again;
	(void) groups;
	(void) setsid();
	(void) umask(0);
	open_on_standard("/dev/console");
	(void) setenv("PATH", BOOT_PATH, 1);
	if (chdir("/") < 0)
		log_warn("Unable to change to the root directory");
}

void
boot_leave_console(void)
{
	open_on_standard("/dev/null");
}

bool
boot_owns_machine(void)
{
	return false; /* nobody tells */
}

int
boot_end(enum boot_end how, const char *argument)
{
	(void) how;
	(void) argument;
	return -ENOSYS;
}

const char *
boot_log_path(void)
{
	return NULL;
}
