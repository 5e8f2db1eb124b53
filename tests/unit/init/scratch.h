/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A folder of its own for a test, gone with it.
 */

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/str.h"
#include "unit.h"

struct scratch {
	char path[64];
};

static inline void
scratch_init(struct scratch *s)
{
	strcpy(s->path, "/tmp/upstart-unit-XXXXXX");
	assert_non_null(mkdtemp(s->path));
}

static inline void
scratch_deinit(struct scratch *s)
{
	char command[128];

	(void) snprintf(command, sizeof(command), "rm -rf '%s'", s->path);
	assert_int_equal(system(command), 0);
}

/* "SCRATCH/name"; valid until the next eight calls. */
static inline const char *
scratch_path(const struct scratch *s, const char *name)
{
	static char paths[8][512];
	static unsigned turn;
	char *path = paths[turn++ % 8];

	(void) snprintf(path, sizeof(paths[0]), "%s/%s", s->path, name);
	return path;
}

/* Write a file, with the folders it needs. */
static inline void
scratch_write(const struct scratch *s, const char *name, const char *text)
{
	const char *path = scratch_path(s, name);
	char folder[512];
	int fd;

	(void) snprintf(folder, sizeof(folder), "%s", path);
	for (char *p = folder + strlen(s->path) + 1; *p != '\0'; p++)
		if (*p == '/') {
			*p = '\0';
			(void) mkdir(folder, 0755);
			*p = '/';
		}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t) strlen(text));
	(void) close(fd);
}
