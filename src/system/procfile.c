/* SPDX-License-Identifier: MIT */
#include "system/procfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/macros.h"

ssize_t
procfile_read(pid_t pid, const char *file, char *buf, size_t size)
{
	char path[64];
	size_t done = 0;
	auto_close int fd = -1;

	(void) snprintf(path, sizeof(path), "/proc/%d/%s", (int) pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (done < size - 1) {
		ssize_t n = read(fd, buf + done, size - 1 - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t) n;
	}
	buf[done] = '\0';
	return (ssize_t) done;
}

bool
procfile_has_variable(const char *text, size_t n, const char *name, const char *value)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < n; i += strlen(text + i) + 1) {
		const char *pair = text + i;

		if (strncmp(pair, name, length) == 0 && pair[length] == '=' &&
		    (value == NULL || strcmp(pair + length + 1, value) == 0))
			return true;
	}
	return false;
}
