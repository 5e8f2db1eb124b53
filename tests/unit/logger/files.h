/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A scratch folder per test, and what lies in it.
 */

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

struct folder {
	char path[64];
	bool mounted;
	char buf[4][400]; /* what folder_path() gives, in turn */
	unsigned turn;
};

static inline void
folder_make(struct folder *f)
{
	*f = (struct folder){ .path = "/tmp/upstart-test-log-XXXXXX" };
	assert_non_null(mkdtemp(f->path));
}

static inline const char *
folder_path(struct folder *f, const char *name)
{
	char *buf = f->buf[f->turn++ % 4];

	assert_true(strlen(f->path) + strlen(name) + 2 <= sizeof(f->buf[0]));
	(void) stpcpy(stpcpy(stpcpy(buf, f->path), "/"), name);
	return buf;
}

/* Remove a folder and what is in it, two levels deep. */
static inline void
folder_remove(struct folder *f)
{
	char command[128];

	if (f->mounted)
		assert_int_equal(umount(f->path), 0);
	assert_true(snprintf(command, sizeof(command), "rm -rf '%s'", f->path) < (int) sizeof(command));
	assert_int_equal(system(command), 0);
}

/* Mount a file system of `kib` KiB there, seen by this process only. False where that is not allowed. */
static inline bool
folder_mount_small(struct folder *f, unsigned kib)
{
	char options[32];

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return false;
	(void) snprintf(options, sizeof(options), "size=%uk", kib);
	f->mounted = mount("upstart-test", f->path, "tmpfs", 0, options) == 0;
	return f->mounted;
}

/* What a file holds, terminated, the caller's; NULL when there is none. */
static inline char *
file_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *text;
	ssize_t n;

	if (fd < 0)
		return NULL;
	assert_int_equal(fstat(fd, &st), 0);
	text = calloc(1, (size_t) st.st_size + 1);
	assert_non_null(text);
	n = read(fd, text, (size_t) st.st_size);
	assert_true(n >= 0);
	text[n] = '\0';
	close(fd);
	return text;
}

static inline void
file_put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static inline bool
file_is(const char *path, const char *expected)
{
	char *text = file_read(path);
	bool same = text != NULL && strcmp(text, expected) == 0;

	free(text);
	return same;
}

static inline void
assert_file(const char *path, const char *expected)
{
	char *text = file_read(path);

	if (text == NULL)
		fail_msg("%s does not exist", path);
	assert_string_equal(text, expected);
	free(text);
}
