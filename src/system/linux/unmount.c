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

#include "common/str.h"

#define LIMIT_MOUNT 10u /* seconds */
#define LIMIT_SWAP 60u
#define LIMIT_LOOP 10u
#define LIMIT_ROOT 30u
#define LIMIT_SYNC 60u
#define NO_TIME "no time was left for it"
#define FIRM 5u /* seconds in which the root and the disks are not skipped */
#define ROUNDS_MAX 20u /* more than anybody stacks */

struct mounted {
	char *path;   /* owned, as all here */
	char *type;
	char *device; /* "MAJOR:MINOR", the same for all mounts of one file system */
	char *server; /* that it lies on; "": on none */
};

struct mounts {
	struct mounted *p;
	size_t n;
};

/* -- one thing at a time --------------------------------------------------------------------- */

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

/* The server of "SERVER:/PATH" or "//SERVER/PATH", as file systems on servers have their sources. The caller's; NULL: no memory. */
static char *
server_of(const char *source)
{
	const char *end = strncmp(source, "//", 2) == 0 ? source + 2 + strcspn(source + 2, "/") : strstr(source, ":/");

	return strndup(source, end != NULL ? (size_t) (end - source) : 0);
}

/* The word there and the place behind it; "" at the end of the line. */
static char *
next_word(char **line)
{
	char *word = *line;
	size_t n = strcspn(word, " \n");

	*line += n + (word[n] != '\0' ? 1 : 0);
	word[n] = '\0';
	return word;
}

static void
free_mounted(struct mounted *m)
{
	free(m->path);
	free(m->type);
	free(m->device);
	free(m->server);
}

/* "ID PARENT MAJOR:MINOR ROOT PATH OPTIONS [FIELD…] - TYPE SOURCE OPTIONS". 0, or -ENOMEM; nothing of what is no such line. */
static int
add_line(struct mounts *list, char *line)
{
	char *rest = strstr(line, " - "), *words[5], *type, *source;
	struct mounted *more, m;

	if (rest == NULL)
		return 0;
	rest += 3;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = next_word(&line);
	type = next_word(&rest);
	source = next_word(&rest);
	if (words[4][0] == '\0')
		return 0;
	unescape(words[4]);
	unescape(source);
	m = (struct mounted) { strdup(words[4]), strdup(type), strdup(words[2]), server_of(source) };
	more = realloc(list->p, (list->n + 1) * sizeof(*more));
	if (more != NULL)
		list->p = more;
	if (more == NULL || m.path == NULL || m.type == NULL || m.device == NULL || m.server == NULL) {
		free_mounted(&m);
		return -ENOMEM;
	}
	more[list->n++] = m;
	return 0;
}

static void
free_mounts(struct mounts *list)
{
	for (size_t i = 0; i < list->n; i++)
		free_mounted(&list->p[i]);
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
note_left(struct unmount *u, const char *path, const char *why, const char *more)
{
	char *text = str_printf("%s: %s%s", path, why, more);

	if (text != NULL)
		(void) !strv_take(&u->left, text);
}

/* What was not to be had in its time is not tried again; what never had its time may still be made read-only. */
static int
try(struct unmount *u, const char *path, unsigned limit, int (*fn)(const void *arg))
{
	int r = unmount_attempt(u, path, limit, fn, path);

	if (r == -ETIMEDOUT)
		(void) !strv_add(&u->hung, path);
	else if (r == -ECANCELED)
		(void) !strv_add(&u->cut, path);
	return r;
}

static bool
is_given_up(const struct unmount *u, const char *path)
{
	return strv_has(u->hung, path) || strv_has(u->cut, path);
}

/* All that can be switched off. Memory may be lacking before, and no more after, more has been unmounted. */
static bool
swap_off(struct unmount *u)
{
	FILE *file = fopen("/proc/swaps", "re");
	char *line = NULL;
	size_t size = 0;
	bool any = false;

	while (file != NULL && getline(&line, &size, file) >= 0) {
		line[strcspn(line, " \t\n")] = '\0';
		unescape(line);
		if (line[0] == '/' && !is_given_up(u, line))
			any = try(u, line, LIMIT_SWAP, do_swapoff) == 0 || any;
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
		    is_given_up(u, device) || access(backing, F_OK) < 0)
			continue;
		(void) try(u, device, LIMIT_LOOP, do_free_loop);
		any = any || access(backing, F_OK) < 0; /* one in use only lets go of it at its end */
	}
	if (dir != NULL)
		(void) closedir(dir);
	return any;
}

/* What lies on a server, or is a file system, that did not answer is not worth a wait of its own. */
static unsigned
limit_of(const struct unmount *u, const struct mounted *m)
{
	return strv_has(u->dead, m->device) || strv_has(u->dead, m->server) ? 0 : LIMIT_MOUNT;
}

static void
note_dead(struct unmount *u, const struct mounted *m)
{
	(void) !strv_add(&u->dead, m->device);
	if (m->server[0] != '\0')
		(void) !strv_add(&u->dead, m->server);
}

static bool
try_mount(struct unmount *u, const struct mounted *m)
{
	int r = try(u, m->path, limit_of(u, m), do_unmount);

	if (r == -ETIMEDOUT) {
		note_left(u, m->path, strerror(-r), "");
		note_dead(u, m);
	}
	return r == 0;
}

/* Try everything once. False: nothing moves any more. */
static bool
go_round(struct unmount *u)
{
	struct mounts list = read_mounts();
	bool any = swap_off(u);

	for (size_t i = list.n; i-- > 0;)
		if (!stays(&list.p[i]) && !is_given_up(u, list.p[i].path))
			any = try_mount(u, &list.p[i]) || any;
	free_mounts(&list);
	return free_loops(u) || any;
}

/* Nobody has said yet what becomes of it. */
static bool
is_rest(const struct unmount *u, const struct mounted *m)
{
	return !stays(m) && !is_in_memory(m->type) && !strv_has(u->hung, m->path);
}

static const char *
why_left(const struct unmount *u, const struct mounted *m)
{
	return strv_has(u->cut, m->path) ? NO_TIME : strerror(EBUSY);
}

/* What came of making it read-only; of what is in use why not is clear. */
static void
note_tried(struct unmount *u, const struct mounted *m, int r)
{
	auto_free char *text = NULL;
	const char *more = r == 0 ? ", read-only now" : ", and it can't be made read-only";

	if (r < 0 && r != -EBUSY)
		text = str_printf("%s: %s", more, r == -ECANCELED ? NO_TIME : strerror(-r));
	note_left(u, m->path, why_left(u, m), text != NULL ? text : more);
}

static void
note_rest(struct unmount *u)
{
	struct mounts list = read_mounts();

	u->settled = strv_len(u->left);
	for (size_t i = list.n; i-- > 0;)
		if (is_rest(u, &list.p[i]))
			note_left(u, list.p[i].path, why_left(u, &list.p[i]), "");
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
	note_rest(u);
}

void
unmount_rest(struct unmount *u)
{
	struct mounts list = read_mounts();

	for (size_t i = strv_len(u->left); i-- > u->settled;) {
		free(u->left[i]);
		u->left[i] = NULL;
	}
	for (size_t i = list.n; i-- > 0;) {
		const struct mounted *m = &list.p[i];
		int r;

		if (!is_rest(u, m))
			continue;
		r = unmount_attempt(u, m->path, limit_of(u, m), do_read_only, m->path);
		if (r == -ETIMEDOUT)
			note_dead(u, m);
		note_tried(u, m, r);
	}
	free_mounts(&list);
	u->settled = strv_len(u->left);
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
		note_left(u, "/", strerror(-r), ", it can't be made read-only");
	free_mounts(&list);
	(void) unmount_attempt(u, "the disks", LIMIT_SYNC, do_sync, NULL);
}

void
unmount_deinit(struct unmount *u)
{
	u->left = strv_free(u->left);
	u->hung = strv_free(u->hung);
	u->cut = strv_free(u->cut);
	u->dead = strv_free(u->dead);
}
