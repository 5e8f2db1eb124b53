/* SPDX-License-Identifier: MIT */
#include "init/omit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "system/boot.h"
#include "system/mounts.h"

#define FOLDER "/run/sendsigs.omit.d"
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

/* Anything but a file of root's is nobody's word, and might never end or never be there. */
static bool
is_trusted(const struct stat *st, mode_t type)
{
	return (st->st_mode & S_IFMT) == type && st->st_uid == 0 && (st->st_mode & S_IWOTH) == 0;
}

static void
read_file(int dir, const char *name, struct u64v *pids)
{
	auto_close int fd = -1;
	char text[SIZE_MAX_READ + 1];
	struct stat st;
	ssize_t n;
	char *p = text, *end;

	/* Devices and the like are not even opened. */
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !is_trusted(&st, S_IFREG))
		return;
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !is_trusted(&st, S_IFREG))
		return;
	n = read(fd, text, SIZE_MAX_READ);
	if (n <= 0)
		return;
	text[n] = '\0';
	for (;; p = end) {
		unsigned long pid = strtoul(p, &end, 10);

		if (end == p)
			return;
		(void) !u64v_add(pids, pid);
	}
}

void
omit_read(struct u64v *pids)
{
	int fd = open(FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	struct stat st;

	if (dir == NULL) {
		fd_close(&fd);
		return;
	}
	while (fstat(fd, &st) == 0 && is_trusted(&st, S_IFDIR) && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			read_file(fd, entry->d_name, pids);
	(void) closedir(dir);
}
