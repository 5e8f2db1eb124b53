/* SPDX-License-Identifier: MIT */
/*
 * Crontabs are read again when something changes in the folders they lie in. init sees for itself which jobs come of them;
 * where it does not, because it watches nothing there, it is told to look.
 */
#include <errno.h>
#include <string.h>
#include <sys/inotify.h>

#include "bridges/time_bridge.h"
#include "common/log.h"

#define SETTLE_USEC 200000 /* several changes at once are one */
#define LOOK_SEC 2         /* init has seen the jobs by then, or will not */
/* init answers in turn. When it first says that it knows the job, we have asked what the job asks for; the next two answers
   come behind those that tell, see ask_properties() and ask_details() of scan.c. */
#define ANSWERS 3
#define WATCHED (IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_ONLYDIR)

struct time_crontab {
	struct time_bridge *tb; /* borrowed */
	struct crontabs crontabs;
	int watch_fd;
	struct event *watch, *settle, *look; /* owned */
	bool known;    /* init has seen the jobs that were made first, or will not */
	bool mounted;  /* all file systems are there, as init told */
	unsigned answers; /* how often it has said that it knows the last job */
	bool reloaded; /* init has been told to look at all its files */
};

/* -- does init know the jobs? ------------------------------------------------------------ */

static void
look_later(struct time_crontab *c)
{
	static const struct timeval later = { LOOK_SEC, 0 };

	if (event_add(c->look, &later) < 0)
		log_warn("Out of memory: whether init sees the jobs of crontabs is not known");
}

static void
reloaded_cb(void *data, DBusMessage *reply)
{
	char buffer[ERROR_TEXT_MAX];
	const char *error = peer_error_text(reply, buffer);

	if (error)
		log_warn("Unable to have init read the jobs of crontabs: %s", error);
	else
		look_later(data);
}

static void ask(struct time_crontab *c);

static void
found_cb(void *data, DBusMessage *reply)
{
	struct time_crontab *c = data;
	DBusMessage *message;

	if (dbus_message_get_type(reply) != DBUS_MESSAGE_TYPE_ERROR) {
		/* A job that has no timer by now will have none, and is not waited for. */
		if (++c->answers < ANSWERS)
			ask(c);
		else if (c->tb->running)
			c->known = c->tb->timers.settled = true;
		else
			look_later(c);
		return;
	}
	if (c->reloaded) {
		c->known = c->tb->timers.settled = true;
		log_warn("init reads no jobs in %s: those of crontabs do not run", c->crontabs.folder);
		return;
	}
	c->reloaded = true;
	message = dbus_message_new_method_call(NULL, MANAGER_PATH, MANAGER_INTERFACE, "ReloadConfiguration");
	if (bridge_call(c->tb->bridge, message, reloaded_cb, c, NULL) == -ENOMEM)
		log_error("Out of memory: init may not see the jobs of crontabs");
}

/* Ask for the one that was made last. */
static void
ask(struct time_crontab *c)
{
	size_t n = strv_len(c->crontabs.jobs);
	DBusMessage *message;

	if (n == 0)
		return;
	message = dbus_message_new_method_call(NULL, MANAGER_PATH, MANAGER_INTERFACE, "GetJobByName");
	if (message && !dbus_message_append_args(message, DBUS_TYPE_STRING, &c->crontabs.jobs[n - 1], DBUS_TYPE_INVALID)) {
		dbus_message_unref(message);
		message = NULL;
	}
	/* Without a connection nothing need be asked: an init that comes back has read its files. */
	if (bridge_call(c->tb->bridge, message, found_cb, c, NULL) == -ENOMEM)
		log_error("Out of memory: init may not see the jobs of crontabs");
}

static void
look_cb(evutil_socket_t fd, short what, void *data)
{
	struct time_crontab *c = data;

	c->answers = 0;
	ask(c);
}

/* -- reading ------------------------------------------------------------------------------ */

/* The folder of a file, or the folder itself: a file that is replaced is another file. */
static void
watch_path(const struct time_crontab *c, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *parent auto_free = slash ? span_dup((struct span) { path, (size_t) (slash - path) + 1 }) : strdup(".");

	if (inotify_add_watch(c->watch_fd, path, WATCHED) >= 0)
		return;
	if (!parent || (errno != ENOTDIR && errno != ENOENT) ||
	    (inotify_add_watch(c->watch_fd, parent, WATCHED) < 0 && errno != ENOENT))
		log_warn("Unable to watch %s: changes are not noticed", path);
}

static void
watch_all(const struct time_crontab *c)
{
	for (char *const *path = c->tb->crontabs; path && *path; path++)
		watch_path(c, *path);
	for (char *const *path = c->tb->user_crontabs; path && *path; path++)
		watch_path(c, *path);
}

/* True: there are other jobs now. */
static bool
read_all(struct time_crontab *c)
{
	bool changed = false;
	int r;

	/* First, so that nothing that changes while we read is missed; and always, for folders that are others by now. */
	if (c->watch_fd >= 0)
		watch_all(c);
	r = crontabs_make(&c->crontabs, &changed);
	if (r == -ENOMEM)
		log_error("Out of memory: crontabs are not read");
	if (!changed)
		return false;
	log_info("%zu jobs of crontabs", strv_len(c->crontabs.jobs));
	c->reloaded = false;
	look_later(c);
	return true;
}

void
time_crontab_mounted(struct time_crontab *c)
{
	/* What lay on them belongs to the start, as if it had been read with the rest: its @reboot is still to come. */
	if (read_all(c) && !c->mounted)
		c->known = c->tb->timers.settled = false;
	c->mounted = true;
}

static void
settle_cb(evutil_socket_t fd, short what, void *data)
{
	(void) read_all(data);
}

static void
watch_cb(evutil_socket_t fd, short what, void *data)
{
	static const struct timeval soon = { 0, SETTLE_USEC };
	struct time_crontab *c = data;
	char buffer[4096];

	while (read(fd, buffer, sizeof(buffer)) > 0)
		;
	(void) event_add(c->settle, &soon);
}

/* Has the job a timer? */
static bool
has_timer(const struct time_bridge *tb, const char *job)
{
	for (const struct timer *timer = tb->timers.list; timer; timer = timer->next) {
		const struct want *want = timer->data;

		if (want->job && strcmp(want->job, job) == 0)
			return true;
	}
	return false;
}

bool
time_crontab_is_known(struct time_crontab *c)
{
	for (char *const *job = c->crontabs.jobs; job && *job && !c->known; job++) {
		if (!has_timer(c->tb, *job))
			return false;
	}
	c->known = true;
	return true;
}

/* -- making and unmaking -------------------------------------------------------------------- */

static int
make_events(struct time_crontab *c)
{
	struct event_base *base = bridge_base(c->tb->bridge);

	c->settle = event_new(base, -1, 0, settle_cb, c);
	c->look = event_new(base, -1, 0, look_cb, c);
	if (!c->settle || !c->look)
		return -ENOMEM;
	if (!c->tb->crontabs && !c->tb->user_crontabs)
		return 0;
	c->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (c->watch_fd < 0) {
		log_warn("Unable to watch crontabs: %s", strerror(errno));
		return 0;
	}
	c->watch = event_new(base, c->watch_fd, EV_READ | EV_PERSIST, watch_cb, c);
	return c->watch && event_add(c->watch, NULL) == 0 ? 0 : -ENOMEM;
}

struct time_crontab *
time_crontab_new(struct time_bridge *tb, struct error *err)
{
	struct time_crontab *c = calloc(1, sizeof(*c));

	if (!c) {
		(void) error_nomem(err);
		return NULL;
	}
	*c = (struct time_crontab) { .tb = tb, .watch_fd = -1 };
	c->crontabs = (struct crontabs) { .files = tb->crontabs, .user_files = tb->user_crontabs, .session = tb->common.user,
					  .folder = tb->places.jobs };
	if (make_events(c) < 0) {
		(void) error_nomem(err);
		return time_crontab_free(c);
	}
	/* Also without crontabs: there may have been some the last time. */
	if (!read_all(c))
		look_later(c);
	return c;
}

struct time_crontab *
time_crontab_free(struct time_crontab *c)
{
	if (!c)
		return NULL;
	if (c->watch)
		event_free(c->watch);
	if (c->settle)
		event_free(c->settle);
	if (c->look)
		event_free(c->look);
	fd_close(&c->watch_fd);
	crontabs_deinit(&c->crontabs);
	free(c);
	return NULL;
}
