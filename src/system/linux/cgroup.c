/* SPDX-License-Identifier: MIT */
/*
 * cgroup v2 by its file system. The lock on the base directory says whose it is: the kernel drops it with the last
 * descriptor, so one that is not locked is a dead init's.
 */
#include "system/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "common/error.h"
#include "common/str.h"

#define BASES_MAX 1000 /* inits in one group */
#define DEPTH_MAX 32   /* groups in groups */
#define LINE_SIZE 4096
#define READS_MAX 16 /* of what has happened to groups, before others have their turn */

/* -- where we are --------------------------------------------------------------------------- */

/* Undo how mountinfo writes blanks and the like: \ and three octal digits. */
static void
unescape(char *s)
{
	char *to = s;

	while (*s != '\0') {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
		    s[3] <= '7') {
			*to++ = (char) ((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

/* The n-th word of a line that is cut up; NULL: there is none. */
static char *
word_at(char *line, unsigned n)
{
	char *save = NULL, *word = strtok_r(line, " \n", &save);

	while (word != NULL && n-- > 0)
		word = strtok_r(NULL, " \n", &save);
	return word;
}

/* Where the first cgroup v2 is mounted, and which group one sees there. Both owned; false: nowhere. */
static bool
find_mount(char **root, char **point)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[LINE_SIZE];
	bool found = false;

	while (!found && file != NULL && fgets(line, sizeof(line), file) != NULL) {
		auto_free char *first = strdup(line), *second = strdup(line);

		if (strstr(line, " - cgroup2 ") == NULL || first == NULL || second == NULL)
			continue;
		if (str_copy(root, word_at(first, 3)) < 0 || str_copy(point, word_at(second, 4)) < 0)
			break;
		found = *root != NULL && *point != NULL;
	}
	if (file != NULL)
		(void) fclose(file);
	if (found) {
		unescape(*root);
		unescape(*point);
	}
	return found;
}

/* *path: the group of a process, owned; NULL: it has none, or is gone. 0, or a negative errno that is a want. */
static int
group_of(pid_t pid, char **path)
{
	auto_free char *name = pid > 0 ? str_printf("/proc/%d/cgroup", (int) pid) : strdup("/proc/self/cgroup");
	FILE *file = name != NULL ? fopen(name, "re") : NULL;
	int r = name == NULL ? -ENOMEM : file == NULL && error_is_want(-errno) ? -errno : 0;
	char line[LINE_SIZE], *group = NULL;

	while (group == NULL && r == 0 && file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, "0::", 3) == 0) {
			line[strcspn(line, "\n")] = '\0';
			group = strdup(line + 3);
			r = group == NULL ? -ENOMEM : 0;
		}
	if (file != NULL)
		(void) fclose(file);
	*path = group;
	return r;
}

/* The directory of our own group; NULL: it can't be reached. */
static char *
own_directory(void)
{
	auto_free char *root = NULL, *point = NULL, *group = NULL;
	const char *below;
	size_t n;

	if (group_of(0, &group) < 0 || group == NULL || !find_mount(&root, &point))
		return NULL;
	n = strcmp(root, "/") == 0 ? 0 : strlen(root);
	if (strncmp(group, root, n) != 0 || (group[n] != '/' && group[n] != '\0'))
		return NULL;
	below = group + n;
	if (strstr(below, "/..") != NULL)
		return NULL; /* outside of what we see */
	return str_printf("%s%s", point, strcmp(below, "/") == 0 ? "" : below);
}

/* -- groups ------------------------------------------------------------------------------------ */

static int
open_directory(int base, const char *name)
{
	int fd = openat(base, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int
cgroup_make(int base, const char *name)
{
	return mkdirat(base, name, 0755) < 0 ? -errno : 0;
}

/* Call `fn` with each group below that one; its descriptor stays ours. 0, what fn gave first, or a negative errno. */
static int
each_below(int group, int (*fn)(int group, const char *name, unsigned depth, void *data), unsigned depth, void *data)
{
	int copy = open_directory(group, ".");
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	const struct dirent *e;
	int r = 0;

	if (dir == NULL) {
		r = copy < 0 ? copy : -errno;
		if (copy >= 0)
			(void) close(copy);
		return r;
	}
	while (r == 0 && (e = readdir(dir)) != NULL)
		if (e->d_type == DT_DIR && strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = fn(group, e->d_name, depth, data);
	(void) closedir(dir);
	return r;
}

static int
remove_one(int parent, const char *name, unsigned depth, void *data)
{
	int r = unlinkat(parent, name, AT_REMOVEDIR) < 0 ? -errno : 0;
	int group;

	if (r == -ENOENT)
		return 0;
	if ((r != -EBUSY && r != -ENOTEMPTY) || depth == 0)
		return r;
	group = open_directory(parent, name);
	if (group < 0)
		return group;
	/* Somebody is in it, or there are groups in it. */
	r = each_below(group, remove_one, depth - 1, data);
	(void) close(group);
	if (r < 0)
		return r;
	return unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

int
cgroup_remove(int base, const char *name)
{
	return remove_one(base, name, DEPTH_MAX, NULL);
}

/* Read the file of a group. The length, or a negative errno. */
static ssize_t
read_file(int base, const char *name, const char *file, char *buf, size_t size)
{
	auto_free char *path = str_printf("%s/%s", name, file);
	auto_close int fd = path != NULL ? openat(base, path, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t n;

	if (fd < 0)
		return path == NULL ? -ENOMEM : -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return n;
}

int
cgroup_is_populated(int base, const char *name)
{
	char text[256];
	ssize_t n = read_file(base, name, "cgroup.events", text, sizeof(text));

	if (n < 0)
		return error_is_want((int) n) ? (int) n : 0;
	return strstr(text, "populated 1") != NULL ? 1 : 0;
}

static int
add_members(int parent, const char *name, unsigned depth, void *data)
{
	struct u64v *pids = data;
	int group = open_directory(parent, name);
	int fd, r = 0;
	FILE *file;
	long pid;

	if (group < 0)
		return group == -ENOENT ? 0 : group;
	fd = openat(group, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	file = fd >= 0 ? fdopen(fd, "re") : NULL;
	if (file == NULL)
		r = fd >= 0 ? -ENOMEM : error_is_want(-errno) ? -errno : 0;
	if (file == NULL && fd >= 0)
		(void) close(fd);
	/* 0: somebody we do not see. */
	while (r == 0 && file != NULL && fscanf(file, "%ld", &pid) == 1)
		r = pid > 0 ? u64v_add(pids, (uint64_t) pid) : 0;
	if (file != NULL)
		(void) fclose(file);
	if (r == 0 && depth > 0)
		r = each_below(group, add_members, depth - 1, data);
	(void) close(group);
	return r;
}

int
cgroup_members(int base, const char *name, struct u64v *pids)
{
	return add_members(base, name, DEPTH_MAX, pids);
}

int
cgroup_has(const char *path, const char *name, pid_t pid)
{
	auto_free char *group = NULL;
	const char *slash = strrchr(path, '/');
	auto_free char *part = str_printf("%s/%s", slash != NULL ? slash : "", name);
	int r = part != NULL ? group_of(pid, &group) : -ENOMEM;
	const char *at = r == 0 && group != NULL && slash != NULL ? strstr(group, part) : NULL;

	if (r < 0)
		return r;

	return at != NULL && (at[strlen(part)] == '\0' || at[strlen(part)] == '/');
}

int
cgroup_kill(int base, const char *name)
{
	auto_free char *path = str_printf("%s/cgroup.kill", name);
	auto_close int fd = path != NULL ? openat(base, path, O_WRONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		return path == NULL ? -ENOMEM : -errno;
	return write(fd, "1", 1) < 0 ? -errno : 0;
}

/* -- the base ------------------------------------------------------------------------------------- */

/* Is the directory that is open the one of that name still? */
static bool
is_there(int fd, const char *path)
{
	struct stat here, there;

	return fstat(fd, &here) == 0 && stat(path, &there) == 0 && here.st_dev == there.st_dev &&
	       here.st_ino == there.st_ino;
}

/* The descriptor; -EEXIST: it is another's; or another negative errno. */
static int
take_base(const char *path)
{
	int fd;

	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -EEXIST : -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || !is_there(fd, path) || each_below(fd, remove_one, DEPTH_MAX, NULL) < 0 ||
	    faccessat(fd, ".", W_OK, AT_EACCESS) < 0) {
		(void) close(fd);
		return -EEXIST;
	}
	return fd;
}

int
cgroup_open_base(const char *prefix, char **path)
{
	auto_free char *own = own_directory();
	int fd = -EEXIST;

	*path = NULL;
	if (own == NULL)
		return -ENODEV;
	for (unsigned i = 1; fd == -EEXIST && i <= BASES_MAX; i++) {
		auto_free char *name = i == 1 ? str_printf("%s/%s", own, prefix) : str_printf("%s/%s-%u", own, prefix, i);

		if (name == NULL)
			return -ENOMEM;
		fd = take_base(name);
		if (fd >= 0)
			*path = steal(&name);
	}
	return fd;
}

void
cgroup_remove_base(const char *path)
{
	(void) rmdir(path);
}

/* -- watching ---------------------------------------------------------------------------------------- */

int
cgroup_watch_new(void)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int
cgroup_watch_add(int watch, const char *path, const char *name)
{
	auto_free char *file = str_printf("%s/%s/cgroup.events", path, name);
	int number;

	if (file == NULL)
		return -ENOMEM;
	number = inotify_add_watch(watch, file, IN_MODIFY);
	return number < 0 ? -errno : number;
}

void
cgroup_watch_read(int watch, cgroup_watch_fn fn, void *data)
{
	_Alignas(struct inotify_event) char buf[4096];

	for (int i = 0; i < READS_MAX; i++) {
		ssize_t n = read(watch, buf, sizeof(buf));
		const struct inotify_event *e;

		for (ssize_t at = 0; at < n; at += (ssize_t) (sizeof(*e) + e->len)) {
			e = (const struct inotify_event *) (const void *) (buf + at);
			if ((e->mask & IN_Q_OVERFLOW) != 0)
				fn(0, data);
			else if ((e->mask & IN_MODIFY) != 0)
				fn(e->wd, data);
		}
		if (n <= 0)
			return;
	}
}
