/* SPDX-License-Identifier: MIT */
#include "init/omit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "system/boot.h"
#include "system/mounts.h"
#include "system/process.h"

#define TOP "/run"
#define NAME "sendsigs.omit.d"
#define FOLDER TOP "/" NAME
#define OWN FOLDER "/upstart"
#define DRAFT FOLDER "/.upstart.new" /* scripts list what has no dot before it */
#define SIZE_MAX_READ 4096

void
omit_write(const struct init *init)
{
	char text[SERVANT_COUNT * 16 + 1];
	size_t n = 0;
	int fd;
	bool done;

	/* In memory /run is, so that writing waits for nobody. */
	if (!init_is_machine(init) || !boot_owns_machine() || !mounts_has("/run"))
		return;
	for (int i = 0; i < SERVANT_COUNT; i++)
		if (init->servants[i].pid > 0)
			n += (size_t) snprintf(text + n, sizeof(text) - n, "%d\n", (int) init->servants[i].pid);
	if (mkdir(FOLDER, 0755) < 0 && errno != EEXIST)
		return;
	(void) unlink(DRAFT);
	fd = open(DRAFT, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return;
	done = write(fd, text, n) == (ssize_t) n;
	(void) close(fd);
	if (!done || rename(DRAFT, OWN) < 0)
		log_debug("Unable to write %s: %s", OWN, strerror(errno));
}

/* The descriptor, or a negative errno. */
static int
error_of_open(int fd)
{
	return fd >= 0 ? fd : -errno;
}

/* Anything but a file of root's is nobody's word, and might never end or never be there. */
static bool
is_trusted(const struct stat *st, mode_t type)
{
	mode_t others = S_IWOTH | (st->st_gid != 0 ? S_IWGRP : 0);

	return (st->st_mode & S_IFMT) == type && st->st_uid == 0 && (st->st_mode & others) == 0;
}

/* One of a user who alone can write it, as daemons leave them that are not root any more. */
static bool
is_of_user(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_uid != 0 && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Root's link has said that this user may name somebody: one process, and one of their own. */
static int
add_of_user(struct u64v *pids, unsigned long pid, uid_t user)
{
	uid_t uid;

	if (pid > INT_MAX || process_user((pid_t) pid, &uid) < 0 || uid != user)
		return 0;
	return u64v_add(pids, pid);
}

/*
 * The file that a link of root's leads to, as scripts of daemons put them there: one below /run, where nothing hangs. A
 * descriptor that is the caller's, or a negative errno.
 */
static int
open_linked(int dir, const char *name)
{
	static const char *const tops[] = { TOP "/", "/var" TOP "/" };
	auto_close int top = error_of_open(open(TOP, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir, name, target, sizeof(target));
	auto_free char *relative = NULL;

	if (top < 0)
		return top;
	if (n <= 0 || n == (ssize_t) sizeof(target))
		return -EINVAL;
	target[n] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(tops); i++)
		if (strncmp(target, tops[i], strlen(tops[i])) == 0)
			return mounts_open_file(top, target + strlen(tops[i]));
	if (target[0] == '/')
		return -EINVAL;
	relative = str_printf(NAME "/%s", target);
	return relative != NULL ? mounts_open_file(top, relative) : -ENOMEM;
}

/* `linked`: by a link of root's. */
static int
open_entry(int dir, const char *name, bool *linked)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	*linked = S_ISLNK(st.st_mode);
	if (S_ISLNK(st.st_mode) && st.st_uid == 0)
		return open_linked(dir, name);
	/* Devices and the like are not even opened. */
	if (!is_trusted(&st, S_IFREG))
		return -EINVAL;
	return error_of_open(openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

/* 0, also if it says nothing, or a negative errno. */
static int
read_entry(int dir, const char *name, struct u64v *pids)
{
	bool linked = false;
	auto_close int fd = open_entry(dir, name, &linked);
	char text[SIZE_MAX_READ + 1];
	struct stat st;
	ssize_t n;
	char *p = text, *end;
	bool of_user;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	of_user = linked && is_of_user(&st);
	if (!of_user && !is_trusted(&st, S_IFREG))
		return -EINVAL;
	n = read(fd, text, SIZE_MAX_READ);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	for (;; p = end) {
		unsigned long pid = strtoul(p, &end, 10);

		if (end == p)
			return 0;
		if (of_user)
			return add_of_user(pids, pid, st.st_uid);
		if (u64v_add(pids, pid) < 0)
			return -ENOMEM;
	}
}

/* What says nothing is passed over; the negative errno of a want, or 0. */
static int
read_all(DIR *dir, struct u64v *pids)
{
	int fd = dirfd(dir), r = 0;
	struct stat st;

	if (fstat(fd, &st) < 0 || !is_trusted(&st, S_IFDIR))
		return 0;
	while (!error_is_want(r)) {
		const struct dirent *entry;

		errno = 0;
		entry = readdir(dir);
		if (entry == NULL)
			return error_is_want(-errno) ? -errno : 0;
		r = entry->d_name[0] != '.' ? read_entry(fd, entry->d_name, pids) : 0;
	}
	return r;
}

int
omit_read(struct u64v *pids)
{
	int fd = error_of_open(open(FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)), r;
	DIR *dir;

	if (fd < 0)
		return error_is_want(fd) ? fd : 0;
	dir = fdopendir(fd);
	if (dir == NULL) {
		fd_close(&fd);
		return -ENOMEM;
	}
	r = read_all(dir, pids);
	(void) closedir(dir);
	return r;
}
