/* SPDX-License-Identifier: MIT */
/*
 * Linux: /proc/self/mountinfo says what there is, in the order in which it was mounted.
 */
#include "system/unmount.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <time.h>

#include "common/str.h"
#include "system/clock.h"

#define LIMIT_MOUNT 10u /* seconds */
#define LIMIT_SWAP 60u
#define LIMIT_LOOP 10u
#define LIMIT_ROOT 30u
#define LIMIT_SYNC 60u
#define FIRM 5u /* seconds in which the root and the disks are not skipped */
#define ROUNDS_MAX 20u /* more than anybody stacks */
#define LOOK_SHORT (500l * 1000) /* nanoseconds */
#define LOOK_LONG (10l * 1000 * 1000)
#define IMPATIENT (20 * USEC_PER_MSEC)
#define FORK_PAUSE (10l * 1000 * 1000)

struct mounted {
	char *path;
	char *type;
};

struct mounts {
	struct mounted *p;
	size_t n;
};

/* -- one thing at a time --------------------------------------------------------------------- */

static void
say_waiting(const struct unmount *u, const char *what, unsigned seconds, unsigned limit)
{
	auto_free char *text = str_printf("waiting for %s: %u of %u s", what, seconds, limit);

	if (text != NULL)
		u->say(text);
}

/* It is over, or nobody wants to wait any longer. */
static bool
is_late(const struct unmount *u, usec_t began, usec_t until)
{
	usec_t now = clock_now();

	return (*u->skip && now - began >= u->firm * USEC_PER_SEC) || now >= until || (u->until != 0 && now >= u->until);
}

/* fork(). Nothing is done without a child: it might hang. */
static pid_t
begin_attempt(const struct unmount *u, usec_t until)
{
	static const struct timespec moment = { 0, FORK_PAUSE };
	usec_t began = clock_now();
	pid_t pid;

	while ((pid = fork()) < 0 && !is_late(u, began, until))
		(void) nanosleep(&moment, NULL);
	return pid;
}

int
unmount_attempt(struct unmount *u, const char *what, unsigned limit, int (*fn)(const void *arg), const void *arg)
{
	usec_t began = clock_now();
	unsigned told = 0;
	pid_t pid;

	*u->skip = 0; /* what was skipped before is not this */
	pid = begin_attempt(u, began + limit * USEC_PER_SEC);
	if (pid < 0)
		return -EAGAIN;
	if (pid == 0)
		_exit(-fn(arg));
	for (;;) {
		usec_t passed = clock_now() - began;
		const struct timespec look = { 0, passed < IMPATIENT ? LOOK_SHORT : LOOK_LONG };
		unsigned seconds = (unsigned) (passed / USEC_PER_SEC);
		int status;

		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
		if (seconds > told)
			say_waiting(u, what, told = seconds, limit);
		if (is_late(u, began, began + limit * USEC_PER_SEC)) {
			(void) kill(pid, SIGKILL);
			return -ETIMEDOUT;
		}
		(void) nanosleep(&look, NULL);
	}
}

static int
do_unmount(const void *path)
{
	return umount2(path, UMOUNT_NOFOLLOW) < 0 ? -errno : 0;
}

static int
do_read_only(const void *path)
{
	return mount(NULL, path, NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0 ? -errno : 0;
}

static int
do_swapoff(const void *path)
{
	return swapoff(path) < 0 ? -errno : 0;
}

static int
do_sync(const void *arg)
{
	(void) arg;
	sync();
	return 0;
}

/* -- what is mounted ------------------------------------------------------------------------- */

/* Blanks and the like are written as \ooo there. */
static void
unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0'; to++) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] != '\0' && from[3] != '\0') {
			*to = (char) ((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

/* "ID PARENT MAJOR:MINOR ROOT PATH OPTIONS [FIELD…] - TYPE SOURCE OPTIONS". 0, or -ENOMEM; nothing of what is no such line. */
static int
add_line(struct mounts *list, char *line)
{
	char *dash = strstr(line, " - ");
	char *path = line, *type = dash != NULL ? dash + 3 : NULL;
	struct mounted *more;

	for (int i = 0; i < 4 && path != NULL; i++) {
		path = strchr(path, ' ');
		path = path != NULL ? path + 1 : NULL;
	}
	if (path == NULL || type == NULL)
		return 0;
	path[strcspn(path, " ")] = '\0';
	type[strcspn(type, " ")] = '\0';
	unescape(path);
	more = realloc(list->p, (list->n + 1) * sizeof(*more));
	if (more == NULL)
		return -ENOMEM;
	list->p = more;
	more[list->n] = (struct mounted) { strdup(path), strdup(type) };
	list->n++;
	return more[list->n - 1].path != NULL && more[list->n - 1].type != NULL ? 0 : -ENOMEM;
}

static void
free_mounts(struct mounts *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->p[i].path);
		free(list->p[i].type);
	}
	free(list->p);
}

/* As many as there is memory for. */
static struct mounts
read_mounts(void)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	struct mounts list = { 0 };
	char *line = NULL;
	size_t size = 0;

	while (file != NULL && getline(&line, &size, file) >= 0)
		if (add_line(&list, line) < 0)
			break;
	while (list.n > 0 && (list.p[list.n - 1].path == NULL || list.p[list.n - 1].type == NULL)) {
		free(list.p[list.n - 1].path);
		free(list.p[list.n - 1].type);
		list.n--;
	}
	free(line);
	if (file != NULL)
		(void) fclose(file);
	return list;
}

static bool
is_one_of(const char *text, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(text, names[i]) == 0)
			return true;
	return false;
}

/* In memory: there is nothing to lose there. */
static bool
is_in_memory(const char *type)
{
	static const char *const types[] = {
		"autofs",   "binfmt_misc", "bpf",	 "cgroup",     "cgroup2",    "configfs", "debugfs", "devpts",
		"devtmpfs", "efivarfs",	   "fusectl",	 "hugetlbfs",  "mqueue",     "nsfs",	 "proc",    "pstore",
		"ramfs",    "rootfs",	   "rpc_pipefs", "securityfs", "selinuxfs",  "sysfs",	 "tmpfs",   "tracefs",
	};

	return is_one_of(type, types, ARRAY_SIZE(types));
}

static bool
is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return strncmp(path, top, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

/* The root, and what we and the kernel need to the end. */
static bool
stays(const struct mounted *m)
{
	static const char *const places[] = { "/proc", "/sys", "/dev", "/run" };

	if (strcmp(m->path, "/") == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (is_below(m->path, places[i]) && is_in_memory(m->type))
			return true;
	return false;
}

/* -- rounds ------------------------------------------------------------------------------------ */

static void
note_left(struct unmount *u, const char *path, int r, const char *more)
{
	char *text = str_printf("%s: %s%s", path, strerror(-r), more);

	if (text != NULL)
		(void) !strv_take(&u->left, text);
}

/* All that can be switched off. Memory may be lacking before, and no more after, more has been unmounted. */
static bool
swap_off(struct unmount *u)
{
	FILE *file = fopen("/proc/swaps", "re");
	char *line = NULL;
	size_t size = 0;
	bool any = false;
	int r;

	while (file != NULL && getline(&line, &size, file) >= 0) {
		line[strcspn(line, " \t\n")] = '\0';
		unescape(line);
		if (line[0] != '/' || strv_has(u->hung, line))
			continue;
		r = unmount_attempt(u, line, LIMIT_SWAP, do_swapoff, line);
		any = any || r == 0;
		if (r == -ETIMEDOUT)
			(void) !strv_add(&u->hung, line);
	}
	free(line);
	if (file != NULL)
		(void) fclose(file);
	return any;
}

static int
do_free_loop(const void *device)
{
	auto_close int fd = open(device, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 || ioctl(fd, LOOP_CLR_FD, 0) < 0 ? -errno : 0;
}

/* Files that stand for disks hold the file system in which they lie, which may be one that does not answer. */
static bool
free_loops(struct unmount *u)
{
	DIR *dir = opendir("/sys/block");
	const struct dirent *entry;
	bool any = false;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		auto_free char *backing = str_printf("/sys/block/%s/loop/backing_file", entry->d_name);
		auto_free char *device = str_printf("/dev/%s", entry->d_name);

		if (strncmp(entry->d_name, "loop", 4) != 0 || backing == NULL || device == NULL ||
		    strv_has(u->hung, device) || access(backing, F_OK) < 0)
			continue;
		if (unmount_attempt(u, device, LIMIT_LOOP, do_free_loop, device) == -ETIMEDOUT)
			(void) !strv_add(&u->hung, device);
		any = any || access(backing, F_OK) < 0; /* one in use only lets go of it at its end */
	}
	if (dir != NULL)
		(void) closedir(dir);
	return any;
}

/* Try everything once. False: nothing moves any more. */
static bool
go_round(struct unmount *u)
{
	struct mounts list = read_mounts();
	bool any = swap_off(u);

	for (size_t i = list.n; i-- > 0;) {
		const struct mounted *m = &list.p[i];
		int r;

		if (stays(m) || strv_has(u->hung, m->path))
			continue;
		r = unmount_attempt(u, m->path, LIMIT_MOUNT, do_unmount, m->path);
		any = any || r == 0;
		if (r == -ETIMEDOUT) {
			note_left(u, m->path, r, "");
			(void) !strv_add(&u->hung, m->path);
		}
	}
	free_mounts(&list);
	return free_loops(u) || any;
}

/* What is in use can at least be written out. */
static void
make_rest_read_only(struct unmount *u)
{
	struct mounts list = read_mounts();

	for (size_t i = list.n; i-- > 0;) {
		const struct mounted *m = &list.p[i];
		int r;

		if (stays(m) || is_in_memory(m->type) || strv_has(u->hung, m->path))
			continue;
		r = unmount_attempt(u, m->path, LIMIT_MOUNT, do_read_only, m->path);
		note_left(u, m->path, -EBUSY, r == 0 ? ", read-only now" : ", and it can't be made read-only");
	}
	free_mounts(&list);
}

/* Whatever hangs below, and for how long: what can be written is on its way. */
static void
begin_sync(void)
{
	if (fork() == 0)
		_exit(-do_sync(NULL));
}

void
unmount_all(struct unmount *u)
{
	begin_sync();
	for (unsigned i = 0; i < ROUNDS_MAX && go_round(u); i++)
		continue;
	make_rest_read_only(u);
}

void
unmount_root(struct unmount *u)
{
	struct mounts list = read_mounts();
	const struct mounted *root = NULL;
	int r = 0;

	begin_sync(); /* whatever becomes of the rest, and of us */
	u->until = 0;
	u->firm = FIRM;
	for (size_t i = 0; i < list.n; i++)
		if (strcmp(list.p[i].path, "/") == 0)
			root = &list.p[i]; /* the last one is on top */
	if (root == NULL || !is_in_memory(root->type))
		r = unmount_attempt(u, "the root file system", LIMIT_ROOT, do_read_only, "/");
	if (r < 0)
		note_left(u, "/", r, ", it can't be made read-only");
	free_mounts(&list);
	(void) unmount_attempt(u, "the disks", LIMIT_SYNC, do_sync, NULL);
}

void
unmount_deinit(struct unmount *u)
{
	u->left = strv_free(u->left);
	u->hung = strv_free(u->hung);
}
