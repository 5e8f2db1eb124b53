/* SPDX-License-Identifier: MIT */
#include "mountall/disks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libmount.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/str.h"

#define AT_ONCE 8		       /* processes that may get an answer */
#define PATIENCE (5 * USEC_PER_SEC)    /* with one disk; it may still answer, but makes room for others */
#define ANSWER_MAX 1024

struct disk {
	char *name; /* owned: of the kernel */
	char *path; /* owned */
	char *said; /* owned: "LABEL=X", each with its NUL, and one more; NULL: nothing */
	pid_t pid;  /* of who asks it; 0: nobody does */
	int answer; /* owned: a pipe, while it is asked */
	usec_t since;
	unsigned asked; /* at which change */
	bool seen;
};

struct disks {
	struct disk *list; /* owned */
	size_t count;
};

struct disks *
disks_new(void)
{
	return calloc(1, sizeof(struct disks));
}

/* A process that stands before a dead disk dies when the disk does; that is not waited for. */
static void
disk_deinit(struct disk *disk)
{
	if (disk->pid > 0)
		(void) kill(disk->pid, SIGKILL);
	if (disk->pid > 0)
		fd_close(&disk->answer);
	free(disk->name);
	free(disk->path);
	free(disk->said);
}

struct disks *
disks_free(struct disks *d)
{
	for (size_t i = 0; d != NULL && i < d->count; i++)
		disk_deinit(&d->list[i]);
	if (d != NULL)
		free(d->list);
	free(d);
	return NULL;
}

/* -- which there are ------------------------------------------------------------------ */

/* A part of something else, such as an array, or of a disk with two ways to it: that has the names. */
static bool
is_held(const char *name)
{
	auto_free char *plain = strdup(name), *path = NULL;
	const struct dirent *entry;
	bool held = false;
	DIR *dir;

	for (char *p = plain; p != NULL && *p != '\0'; p++)
		*p = *p == '/' ? '!' : *p;
	path = plain != NULL ? str_printf("/sys/class/block/%s/holders", plain) : NULL;
	dir = path != NULL ? opendir(path) : NULL;
	while (dir != NULL && !held && (entry = readdir(dir)) != NULL)
		held = entry->d_name[0] != '.';
	if (dir != NULL)
		(void) closedir(dir);
	return held;
}

/* What people call it, if it is one of the device mapper's. Owned. */
static char *
path_of(const char *name)
{
	auto_free char *about = strncmp(name, "dm-", 3) == 0 ? str_printf("/sys/class/block/%s/dm/name", name) : NULL;
	auto_free char *path = NULL;
	char text[256] = "";
	FILE *f = about != NULL ? fopen(about, "re") : NULL;

	if (f != NULL && fgets(text, sizeof(text), f) != NULL)
		text[strcspn(text, "\n")] = '\0';
	if (f != NULL)
		(void) fclose(f);
	path = *text != '\0' ? str_printf("/dev/mapper/%s", text) : NULL;
	if (path != NULL && access(path, F_OK) == 0)
		return steal(&path);
	return str_printf("/dev/%s", name);
}

static void
see(struct disks *d, const char *name)
{
	struct disk *more, fresh = { .answer = -1, .seen = true };

	for (size_t i = 0; i < d->count; i++) {
		if (strcmp(d->list[i].name, name) == 0) {
			d->list[i].seen = true;
			return;
		}
	}
	fresh.name = strdup(name);
	fresh.path = path_of(name);
	more = fresh.name != NULL && fresh.path != NULL ? reallocarray(d->list, d->count + 1, sizeof(*more)) : NULL;
	if (more == NULL) {
		disk_deinit(&fresh);
		return;
	}
	d->list = more;
	d->list[d->count++] = fresh;
}

static void
look(struct disks *d)
{
	FILE *f = fopen("/proc/partitions", "re");
	char line[256], name[128];
	size_t kept = 0;

	for (size_t i = 0; i < d->count; i++)
		d->list[i].seen = false;
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, " %*u %*u %*u %127s", name) == 1 && !is_held(name))
			see(d, name);
	}
	if (f != NULL)
		(void) fclose(f);
	for (size_t i = 0; i < d->count; i++) {
		if (d->list[i].seen)
			d->list[kept++] = d->list[i];
		else
			disk_deinit(&d->list[i]);
	}
	d->count = kept;
}

/* -- asking ---------------------------------------------------------------------------- */

static void
answer(const char *path, int fd)
{
	static const char *const tags[] = { "LABEL", "UUID", "PARTLABEL", "PARTUUID" };
	struct libmnt_cache *cache = mnt_new_cache();
	char text[ANSWER_MAX];
	size_t used = 0;
	sigset_t none;

	(void) sigemptyset(&none);
	(void) sigprocmask(SIG_SETMASK, &none, NULL);
	if (cache == NULL || mnt_cache_read_tags(cache, path) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		const char *value = mnt_cache_find_tag_value(cache, path, tags[i]);
		int n = value != NULL ? snprintf(text + used, sizeof(text) - used, "%s=%s", tags[i], value) : -1;

		if (n >= 0 && used + (size_t) n < sizeof(text))
			used += (size_t) n + 1;
	}
	if (used > 0)
		(void) !write(fd, text, used);
}

static void
ask(struct disk *disk, unsigned change, usec_t now)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		answer(disk->path, ends[1]);
		_exit(EXIT_SUCCESS);
	}
	(void) close(ends[1]);
	if (pid < 0) {
		(void) close(ends[0]);
		return;
	}
	disk->pid = pid;
	disk->answer = ends[0];
	disk->since = now;
	disk->asked = change;
}

static bool
has_time(const struct disk *disk, usec_t now)
{
	return disk->pid != 0 && now - disk->since < PATIENCE;
}

void
disks_ask(struct disks *d, unsigned change, usec_t now)
{
	size_t busy = 0;

	look(d);
	for (size_t i = 0; i < d->count; i++)
		busy += has_time(&d->list[i], now);
	for (size_t i = 0; i < d->count && busy < AT_ONCE; i++) {
		if (d->list[i].pid != 0 || d->list[i].asked == change)
			continue;
		ask(&d->list[i], change, now);
		busy++;
	}
}

bool
disks_ended(struct disks *d, pid_t pid)
{
	char text[ANSWER_MAX + 1];
	ssize_t n;

	for (size_t i = 0; i < d->count; i++) {
		struct disk *disk = &d->list[i];

		if (disk->pid != pid)
			continue;
		n = read(disk->answer, text, ANSWER_MAX);
		fd_close(&disk->answer);
		disk->pid = 0;
		free(disk->said);
		disk->said = n > 0 ? calloc(1, (size_t) n + 1) : NULL;
		if (disk->said != NULL)
			memcpy(disk->said, text, (size_t) n);
		return true;
	}
	return false;
}

bool
disks_are_asked(const struct disks *d, usec_t now)
{
	for (size_t i = 0; i < d->count; i++) {
		if (has_time(&d->list[i], now))
			return true;
	}
	return false;
}

usec_t
disks_due(const struct disks *d, usec_t now)
{
	usec_t due = 0;

	for (size_t i = 0; i < d->count; i++) {
		if (has_time(&d->list[i], now) && (due == 0 || d->list[i].since + PATIENCE < due))
			due = d->list[i].since + PATIENCE;
	}
	return due;
}

/* -- what they have said ------------------------------------------------------------------ */

/* Is it the same? Values may stand in quotes; numbers in capitals, too. */
static bool
says(const char *word, const char *spec)
{
	size_t tag = strcspn(word, "=") + 1, n;
	const char *value = spec + tag;

	if (strncmp(word, spec, tag) != 0)
		return false;
	word += tag;
	n = strlen(value);
	if (n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n - 1] == value[0]) {
		value++;
		n -= 2;
	}
	if (strlen(word) != n)
		return false;
	return strncmp(spec, "UUID=", 5) == 0 || strncmp(spec, "PARTUUID=", 9) == 0 ? strncasecmp(word, value, n) == 0
											  : memcmp(word, value, n) == 0;
}

const char *
disks_find(const struct disks *d, const char *spec)
{
	for (size_t i = 0; i < d->count; i++) {
		for (const char *word = d->list[i].said; word != NULL && *word != '\0'; word += strlen(word) + 1) {
			if (says(word, spec))
				return d->list[i].path;
		}
	}
	return NULL;
}
