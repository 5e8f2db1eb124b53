/* SPDX-License-Identifier: MIT */
/*
 * By inotify: of the file, and of the folder when its names change. File systems that don't tell are looked at once a
 * second.
 */
#include "initctl/log_wait.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "common/macros.h"
#include "common/str.h"

#define LOOK_MS 1000

struct log_wait {
	char *path; /* owned */
	int fd;	    /* owned; -1: nobody tells us */
	int file;   /* watch of the file; -1: none */
};

static void
watch_folder(struct log_wait *w)
{
	const char *slash = strrchr(w->path, '/');
	auto_free char *folder = slash != NULL ? span_dup((struct span){ w->path, (size_t) (slash - w->path) }) : NULL;

	if (folder != NULL)
		(void) inotify_add_watch(w->fd, *folder != '\0' ? folder : "/", IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
}

struct log_wait *
log_wait_new(const char *path)
{
	struct log_wait *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->file = -1;
	w->path = strdup(path);
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->path == NULL)
		return log_wait_free(w);
	if (w->fd >= 0)
		watch_folder(w);
	log_wait_for_file(w);
	return w;
}

struct log_wait *
log_wait_free(struct log_wait *w)
{
	if (w == NULL)
		return NULL;
	if (w->fd >= 0)
		(void) close(w->fd);
	free(w->path);
	free(w);
	return NULL;
}

void
log_wait_for_file(struct log_wait *w)
{
	if (w->fd < 0)
		return;
	if (w->file >= 0)
		(void) inotify_rm_watch(w->fd, w->file);
	w->file = inotify_add_watch(w->fd, w->path, IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF);
}

bool
log_wait_once(struct log_wait *w)
{
	/* What was a pipe or terminal and has lost its reader says so unasked. */
	struct pollfd p[] = { { .fd = STDOUT_FILENO }, { .fd = w->fd, .events = POLLIN } };
	char events[4096];

	(void) poll(p, ARRAY_SIZE(p), LOOK_MS);
	while (w->fd >= 0 && read(w->fd, events, sizeof(events)) > 0)
		continue;
	return (p[0].revents & (POLLERR | POLLHUP)) == 0;
}
