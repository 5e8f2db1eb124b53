/* SPDX-License-Identifier: MIT */
#include "sysv/oldinit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#define REQUEST_MAGIC 0x03091969
#define REQUEST_CHANGE_LEVEL 1
#define REQUEST_SLEEP_SECONDS 5

/* What is written into the FIFO, in the machine's own integers. */
struct request {
	int32_t magic;
	int32_t command;
	int32_t level;
	int32_t sleep_seconds;
	char rest[368];
};

_Static_assert(sizeof(struct request) == 384, "as System V init reads it");

static int
ask(const char *path, const struct request *request)
{
	/* Without a reader the open fails at once, with one the request fits into the pipe. */
	int fd auto_close = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISFIFO(st.st_mode))
		return -ENXIO;
	n = write(fd, request, sizeof(*request));
	if (n < 0)
		return -errno;
	return n == (ssize_t) sizeof(*request) ? 0 : -EIO;
}

int
oldinit_change_level(char level)
{
	const struct request request = {
		.magic = REQUEST_MAGIC,
		.command = REQUEST_CHANGE_LEVEL,
		.level = level,
		.sleep_seconds = REQUEST_SLEEP_SECONDS,
	};

	return ask("/run/initctl", &request) == 0 ? 0 : ask("/dev/initctl", &request);
}
