/* SPDX-License-Identifier: MIT */
#include "system/spawn_fds.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>

#include "system/spawn.h"

#define FIRST_OTHER 3	      /* 0, 1 and 2 are replaced, not closed */
#define FIRST_CLEAR 10	      /* above those that have a meaning */
#define BLIND_CLOSE_MAX 65536 /* how far to go where descriptors can't be listed */

static bool
is_kept(const int *keep, size_t n, int fd)
{
	for (size_t i = 0; i < n; i++)
		if (keep[i] == fd)
			return true;
	return false;
}

static int
compare(const void *a, const void *b)
{
	int x = *(const int *) a, y = *(const int *) b;

	return (x > y) - (x < y);
}

/* Close the gaps between the kept ones. */
static int
close_gaps(const int *keep, size_t n)
{
	unsigned from = FIRST_OTHER;
	int r;

	for (size_t i = 0; i < n; i++) {
		if (keep[i] < (int) from)
			continue;
		if ((unsigned) keep[i] > from) {
			r = spawn_close_range(from, (unsigned) keep[i] - 1);
			if (r < 0)
				return r;
		}
		from = (unsigned) keep[i] + 1;
	}
	return spawn_close_range(from, UINT_MAX);
}

/* Close what a folder of open descriptors lists. */
static int
close_listed(const char *folder, const int *keep, size_t n)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;

	if (dir == NULL)
		return -errno;
	while ((entry = readdir(dir)) != NULL) {
		char *end;
		long fd = strtol(entry->d_name, &end, 10);

		if (*end == '\0' && end != entry->d_name && fd >= FIRST_OTHER && fd <= INT_MAX && fd != dirfd(dir) &&
		    !is_kept(keep, n, (int) fd))
			(void) close((int) fd);
	}
	(void) closedir(dir);
	return 0;
}

void
spawn_fds_close_others(int *keep, size_t n)
{
	long max;

	if (n > 0)
		qsort(keep, n, sizeof(*keep), compare);
	if (close_gaps(keep, n) == 0)
		return;
	if (close_listed("/proc/self/fd", keep, n) == 0 || close_listed("/dev/fd", keep, n) == 0)
		return;
	max = sysconf(_SC_OPEN_MAX);
	if (max < 0 || max > BLIND_CLOSE_MAX)
		max = BLIND_CLOSE_MAX;
	for (int fd = FIRST_OTHER; fd < max; fd++)
		if (!is_kept(keep, n, fd))
			(void) close(fd);
}

int
spawn_fds_clear(int *fd, const struct u64v *numbers)
{
	int from = FIRST_CLEAR;

	for (;;) {
		int copy = fcntl(*fd, F_DUPFD_CLOEXEC, from);

		if (copy < 0)
			return -1;
		if (!u64v_has(numbers, (uint64_t) copy)) {
			(void) close(*fd);
			*fd = copy;
			return 0;
		}
		(void) close(copy);
		from = copy + 1;
	}
}

int
spawn_fds_place(int fd, int to)
{
	if (fd == to)
		return fcntl(fd, F_SETFD, 0);
	if (dup2(fd, to) < 0)
		return -1;
	(void) close(fd);
	return 0;
}
