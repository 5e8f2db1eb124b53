/* SPDX-License-Identifier: MIT */
/*
 * What all platforms share: filling an unnamed file.
 */
#include "system/memfile.h"

#include <errno.h>
#include <sys/stat.h>

static int
write_all(int fd, const char *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pwrite(fd, data + done, len - done, (off_t) done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t) n;
	}
	return 0;
}

int
memfile_from(const char *name, const void *data, size_t len)
{
	auto_close int fd = memfile_new(name);
	int r;

	if (fd < 0)
		return fd;
	r = write_all(fd, data, len);
	if (r < 0)
		return r;
	if (fchmod(fd, 0400) < 0)
		return -errno;
	memfile_seal(fd);
	return steal_fd(&fd);
}
