/* SPDX-License-Identifier: MIT */
#include "common/folder.h"

#include <errno.h>
#include <string.h>

#include "common/str.h"

static int
make(const char *path, mode_t mode)
{
	return mkdir(path, mode) < 0 && errno != EEXIST ? -errno : 0;
}

int
folder_make_above(const char *path, mode_t mode)
{
	auto_free char *copy = strdup(path);
	int r = 0;

	if (copy == NULL)
		return -ENOMEM;
	for (char *p = copy + 1; r == 0 && *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		r = make(copy, mode);
		*p = '/';
	}
	return r;
}

int
folder_make(const char *path, mode_t mode)
{
	int r = folder_make_above(path, mode);

	return r == 0 ? make(path, mode) : r;
}
