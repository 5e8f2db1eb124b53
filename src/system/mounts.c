/* SPDX-License-Identifier: MIT */
#include "system/mounts.h"

#include <sys/stat.h>

#include "common/str.h"

bool
mounts_has(const char *path)
{
	auto_free char *up = str_printf("%s/..", path);
	struct stat here, above;

	return up != NULL && stat(path, &here) == 0 && stat(up, &above) == 0 && here.st_dev != above.st_dev;
}
