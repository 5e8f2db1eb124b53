/* SPDX-License-Identifier: MIT */
#include "mountall/devices.h"

#include <errno.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "common/macros.h"

int
devices_open(void)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	return fd >= 0 ? fd : -errno;
}

void
devices_watch(int fd)
{
	static const char *const folders[] = {
		"/dev",		"/dev/disk",	      "/dev/disk/by-uuid",  "/dev/disk/by-label",
		"/dev/mapper",	"/dev/disk/by-partuuid", "/dev/disk/by-partlabel", "/dev/disk/by-id",
		"/dev/disk/by-path",
	};

	/* One that is watched already is watched on; one that is not there comes below another. */
	for (size_t i = 0; fd >= 0 && i < ARRAY_SIZE(folders); i++)
		(void) inotify_add_watch(fd, folders[i], IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
}

void
devices_read(int fd)
{
	char buffer[4096];

	while (read(fd, buffer, sizeof(buffer)) > 0)
		;
}
