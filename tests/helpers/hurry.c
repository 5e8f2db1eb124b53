/* SPDX-License-Identifier: MIT */
/*
 * Put before libc by LD_PRELOAD: waits of shutdown pass at once, on a clock that knows of them. Each is told in the file that
 * $HURRY_LOG names: how many seconds have passed since the first, and what keeps people from logging in. Before a wait, all
 * children have ended, so that what they write comes in order.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static time_t passed; /* seconds */

int
clock_gettime(clockid_t clock, struct timespec *now)
{
	int r = (int) syscall(SYS_clock_gettime, clock, now);

	if (r == 0 && (clock == CLOCK_BOOTTIME || clock == CLOCK_MONOTONIC))
		now->tv_sec += passed;
	return r;
}

static void
tell(void)
{
	static time_t first;
	struct timespec now = { 0 };
	const char *path = getenv("HURRY_LOG");
	FILE *log = path ? fopen(path, "ae") : NULL;
	FILE *barred = fopen("/etc/nologin", "re");
	char text[256] = "";

	(void) clock_gettime(CLOCK_MONOTONIC, &now);
	if (!first)
		first = now.tv_sec;
	if (barred) {
		text[fread(text, 1, sizeof(text) - 1, barred)] = '\0';
		(void) fclose(barred);
	}
	for (char *p = text; *p; p++)
		*p = *p == '\r' || *p == '\n' ? '/' : *p;
	if (log) {
		(void) fprintf(log, "%lld %s\n", (long long) (now.tv_sec - first), text);
		(void) fclose(log);
	}
}

int
sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
	while (wait(NULL) > 0 || errno == EINTR)
		;
	tell();
	passed += timeout->tv_sec;
	errno = EAGAIN;
	return -1;
}
