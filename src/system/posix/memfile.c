/* SPDX-License-Identifier: MIT */
/*
 * Unnamed files as temporary files, unlinked as soon as they exist. The first folder that can
 * be written to is taken: early at boot that is often none but a memory file system.
 */
#include "system/memfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

static const char *const folders[] = { "/dev/shm", "/run", "/tmp", "/var/tmp" };

int
memfile_new(const char *name)
{
	int error = ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		char path[128];
		int fd, flags;
		int n = snprintf(path, sizeof(path), "%s/%.64s-XXXXXX", folders[i], name);

		if (n < 0 || (size_t) n >= sizeof(path))
			continue;
		fd = mkstemp(path);
		if (fd < 0) {
			error = errno;
			continue;
		}
		(void) unlink(path);
		flags = fcntl(fd, F_GETFD);
		if (flags >= 0 && fcntl(fd, F_SETFD, flags | FD_CLOEXEC) == 0)
			return fd;
		error = errno;
		(void) close(fd);
	}
	return -error;
}

/* Nothing can be sealed here; mode 0400 and the missing name are all there is. */
void
memfile_seal(int fd)
{
	(void) fd;
}
