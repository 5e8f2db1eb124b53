/* SPDX-License-Identifier: MIT */
#include "common/reboot_argument.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/str.h"

const char *
reboot_argument_left(char buffer[REBOOT_ARGUMENT_MAX])
{
	auto_close int fd = open(REBOOT_ARGUMENT_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buffer, REBOOT_ARGUMENT_MAX - 1);

	if (n <= 0)
		return NULL;
	buffer[n] = '\0';
	return buffer;
}
