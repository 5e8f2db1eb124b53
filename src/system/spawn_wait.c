/* SPDX-License-Identifier: MIT */
#include "system/spawn_wait.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "system/spawn.h"

#define LOOK_MS 20
#define AGAIN 25 /* looks, until the same is said again */
#define TEXT_SIZE 32

/* What is in the file, up to a few bytes; "" when it is not there. */
static void
look(const char *path, char text[TEXT_SIZE])
{
	auto_close int fd = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, TEXT_SIZE - 1) : 0;

	text[n > 0 ? n : 0] = '\0';
}

/* A number, alone in its line; 0: it is none. A line without end may be half written: `sure` says that it is not. */
static long
pid_of(const char *text, bool sure)
{
	char *end;
	long pid;

	while (isblank((unsigned char) *text))
		text++;
	if (!isdigit((unsigned char) *text))
		return 0;
	errno = 0;
	pid = strtol(text, &end, 10);
	if (errno != 0 || pid <= 0 || pid > INT32_MAX || (*end == '\0' ? !sure : !isspace((unsigned char) *end)))
		return 0;
	return pid;
}

void
spawn_wait_pidfile(const char *path, int out)
{
	char text[TEXT_SIZE] = "", before[TEXT_SIZE];
	long said = 0;
	int looks = 0;

	spawn_set_name("pidfile-watch");
	for (;;) {
		struct pollfd p = { .fd = out };
		long pid;

		(void) memcpy(before, text, sizeof(text));
		look(path, text);
		pid = pid_of(text, strcmp(text, before) == 0);
		if (pid != 0 && (pid != said || ++looks >= AGAIN)) {
			char line[TEXT_SIZE];
			int n = snprintf(line, sizeof(line), "%ld\n", pid);

			if (write(out, line, (size_t) n) < 0 && errno == EPIPE)
				break;
			said = pid;
			looks = 0;
		}
		if (poll(&p, 1, LOOK_MS) > 0)
			break; /* nobody reads */
	}
	_exit(0);
}
