/* SPDX-License-Identifier: MIT */
#pragma once

/* Waiting for a file without looking again and again: the kernel tells of what comes into its folder. */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

/* Until a file of that name is there. 0; -1: that can't be waited for (errno). */
static inline int
await_file(const char *name)
{
	char events[sizeof(struct inotify_event) + NAME_MAX + 1], folder[PATH_MAX];
	const char *slash = strrchr(name, '/');
	int fd = inotify_init1(IN_CLOEXEC);
	int r = 0;

	(void) snprintf(folder, sizeof(folder), "%.*s", slash != NULL ? (int) (slash - name) : 1,
			slash != NULL ? name : ".");
	if (fd < 0 || inotify_add_watch(fd, *folder != '\0' ? folder : "/", IN_CREATE | IN_MOVED_TO) < 0)
		r = -1;
	while (r == 0 && access(name, F_OK) < 0)
		if (read(fd, events, sizeof(events)) < 0 && errno != EINTR)
			r = -1;
	if (fd >= 0)
		(void) close(fd);
	return r;
}
