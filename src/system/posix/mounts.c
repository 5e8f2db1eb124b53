/* SPDX-License-Identifier: MIT */
#include "system/mounts.h"

#include <errno.h>

int
mounts_watch(void)
{
	return -ENOSYS;
}

void
mounts_heard(int fd)
{
	(void) fd;
}

int
mounts_open_file(int dir, const char *path)
{
	(void) dir;
	(void) path;
	return -ENOSYS;
}
