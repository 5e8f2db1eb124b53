/* SPDX-License-Identifier: MIT */
#include "system/descriptors.h"

#include <fcntl.h>

#include "system/process.h"

#define GAP 1024 /* closed ones in a row: there are no more above, unless the limit says that there may be */

void
descriptors_tried(int first, descriptors_fn fn, void *data)
{
	struct rlimit limit;
	int bound = PROCESS_NOFILE_MAX;
	int missed = 0;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < PROCESS_NOFILE_MAX)
		bound = (int) limit.rlim_max;
	/* Somebody may have lowered the limit meanwhile. */
	for (int fd = first; fd < bound || missed < GAP; fd++) {
		if (fcntl(fd, F_GETFD) < 0) {
			missed++;
			continue;
		}
		missed = 0;
		fn(fd, data);
	}
}

void
descriptors_each(int first, descriptors_fn fn, void *data)
{
	if (descriptors_listed(&first, fn, data) < 0)
		descriptors_tried(first, fn, data);
}
