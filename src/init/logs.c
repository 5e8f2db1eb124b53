/* SPDX-License-Identifier: MIT */
#include "init/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "init/servants.h"
#include "init/state.h"
#include "job/class.h"
#include "system/clock.h"

/* So many streams whose process is over wait for a logger; the oldest are let go. */
#define ORPHANS_MAX 64
#define KEEP_DEFAULT 7
#define RETRY (100 * USEC_PER_MSEC)
/* For so long jobs that print may wait for a logger; from then on what they print is lost. */
#define PATIENCE (10 * USEC_PER_SEC)
#define DRAIN_PER_TURN 16

struct stream {
	struct stream *prev, *next;
	uint64_t id;
	char *path; /* owned */
	struct log_limits limits;
	int fd;	    /* owned */
	bool ended; /* its process is over */
	bool told;  /* the logger was */
	struct loop_fd *drain; /* owned; read here, while there is no logger */
};

struct logs {
	struct stream *list; /* in order of opening */
	struct map by_id;
	size_t ended;
	struct loop_timer *retry;    /* what the logger could not be told */
	struct loop_timer *patience; /* runs while there is no logger */
	bool draining;
};

static void retry_cb(void *data);
static void patience_cb(void *data);

int
logs_init(struct init *init)
{
	init->logs = calloc(1, sizeof(*init->logs));
	if (init->logs == NULL)
		return -ENOMEM;
	init->logs->retry = loop_timer_new(init->loop, retry_cb, init);
	init->logs->patience = loop_timer_new(init->loop, patience_cb, init);
	return init->logs->retry != NULL && init->logs->patience != NULL ? 0 : -ENOMEM;
}

static void
stream_free(struct logs *l, struct stream *s)
{
	map_del_id(&l->by_id, s->id);
	DL_DELETE(l->list, s);
	l->ended -= s->ended ? 1 : 0;
	s->drain = loop_fd_free(s->drain);
	if (s->fd >= 0)
		(void) close(s->fd);
	free(s->path);
	free(s);
}

void
logs_deinit(struct init *init)
{
	struct stream *s, *next;

	if (init->logs == NULL)
		return;
	DL_FOREACH_SAFE(init->logs->list, s, next)
		stream_free(init->logs, s);
	map_deinit(&init->logs->by_id);
	(void) loop_timer_free(init->logs->retry);
	(void) loop_timer_free(init->logs->patience);
	free(init->logs);
	init->logs = NULL;
}

static void
add_name(struct strbuf *b, const char *name)
{
	for (; *name != '\0'; name++)
		strbuf_addc(b, *name == '/' ? '_' : *name);
}

char *
logs_path(const char *dir, const char *job, const char *instance)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_addf(&b, "%s/", dir);
	add_name(&b, job);
	if (instance != NULL && *instance != '\0') {
		strbuf_addc(&b, '-');
		add_name(&b, instance);
	}
	strbuf_add(&b, ".log");
	if (!b.failed)
		return strbuf_steal(&b);
	strbuf_deinit(&b);
	return NULL;
}

struct log_limits
logs_limits(const struct job_class *cls)
{
	return (struct log_limits){
		.max_size = cls->log.max_size != LOG_UNSET ? cls->log.max_size : 0,
		.keep = cls->log.keep != LOG_UNSET ? cls->log.keep : KEEP_DEFAULT,
		.compress = cls->log.compress != LOG_COMPRESS_NONE,
	};
}

static void
note(struct init *init, const struct stream *s)
{
	STATE_NOTE(init, NOTE_STREAM, s->id, s->path, NOTE_FD(s->fd), s->ended, s->limits.max_size, s->limits.keep,
		   s->limits.compress);
}

/* Tell the logger of a stream; a logger that is not there is told when it comes. */
static void
tell_open(struct init *init, struct stream *s)
{
	struct msg_log_open open = {
		.stream = s->id,
		.path = s->path,
		.max_size = s->limits.max_size,
		.keep = s->limits.keep,
		.compress = s->limits.compress,
	};

	int r;

	r = servants_send(init, SERVANT_LOGGER, MSG_LOG_OPEN, 0, &open, &s->fd, 1);
	s->told = r == 0;
	if (r < 0 && r != -ENOTCONN)
		(void) !loop_timer_set(init->logs->retry, clock_now() + RETRY);
}

static void
tell_finish(struct init *init, struct stream *s)
{
	struct msg_log_finish finish = { .stream = s->id };
	int r = s->told ? servants_send(init, SERVANT_LOGGER, MSG_LOG_FINISH, 0, &finish, NULL, 0) : 0;

	/* Told as a whole again then. */
	if (r < 0 && r != -ENOTCONN) {
		s->told = false;
		(void) !loop_timer_set(init->logs->retry, clock_now() + RETRY);
	}
}

static void
tell(struct init *init, struct stream *s)
{
	tell_open(init, s);
	if (s->ended)
		tell_finish(init, s);
}

static void
retry_cb(void *data)
{
	struct init *init = data;
	struct stream *s;

	DL_FOREACH(init->logs->list, s)
		if (!s->told)
			tell(init, s);
}

/* -- without a logger ------------------------------------------------------------------------ */

/* A job must not wait for a reader that may never come. */
static void
drain_cb(unsigned events, void *data)
{
	struct stream *s = data;
	char buffer[4096];
	ssize_t n;

	(void) events;
	for (int i = 0; i < DRAIN_PER_TURN; i++) {
		n = read(s->fd, buffer, sizeof(buffer));
		if (n <= 0)
			break;
	}
	/* All ends of the terminal are closed: it would be readable for ever. */
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		s->drain = loop_fd_free(s->drain);
}

static void
drain(struct init *init, struct stream *s)
{
	if (s->drain != NULL || s->ended)
		return;
	(void) fcntl(s->fd, F_SETFL, fcntl(s->fd, F_GETFL) | O_NONBLOCK);
	s->drain = loop_fd_new(init->loop, s->fd, LOOP_READ, drain_cb, s);
	if (s->drain == NULL)
		log_error("Out of memory: what is printed for %s waits", s->path);
}

static void
patience_cb(void *data)
{
	struct init *init = data;
	struct stream *s;

	if (!servants_hopeless(init, SERVANT_LOGGER))
		return;
	log_error("There is no logger: what jobs print is lost until there is one");
	init->logs->draining = true;
	DL_FOREACH(init->logs->list, s)
		drain(init, s);
}

void
logs_do_without(struct init *init)
{
	if (!init->logs->draining && !loop_timer_is_set(init->logs->patience))
		(void) !loop_timer_set(init->logs->patience, clock_now() + PATIENCE);
}

static void
drain_no_more(struct init *init)
{
	struct stream *s;

	init->logs->draining = false;
	DL_FOREACH(init->logs->list, s)
		s->drain = loop_fd_free(s->drain);
}

static struct stream *
put(struct logs *l, uint64_t id, const char *path, int fd)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->path = strdup(path);
	if (s->path == NULL || map_put_id(&l->by_id, id, s) < 0) {
		free(s->path);
		free(s);
		return NULL;
	}
	s->id = id;
	s->fd = fd;
	DL_APPEND(l->list, s);
	return s;
}

int
logs_open(struct init *init, uint64_t process, const char *path, const struct log_limits *limits, int fd)
{
	struct stream *s;

	/* Told again after a crash: it is the same terminal. */
	if (map_get_id(&init->logs->by_id, process) != NULL) {
		(void) close(fd);
		return 0;
	}
	s = put(init->logs, process, path, fd);
	if (s == NULL) {
		(void) close(fd);
		return -ENOMEM;
	}
	s->limits = *limits;
	note(init, s);
	tell_open(init, s);
	if (init->logs->draining)
		drain(init, s);
	return 0;
}

/* Without a logger what is over can't be kept for ever. */
static void
limit_orphans(struct init *init)
{
	struct logs *l = init->logs;
	struct stream *s, *next;

	if (!servants_hopeless(init, SERVANT_LOGGER))
		return;
	DL_FOREACH_SAFE(l->list, s, next) {
		if (l->ended <= ORPHANS_MAX)
			return;
		if (!s->ended)
			continue;
		STATE_NOTE(init, NOTE_STREAM_GONE, s->id, NULL, 0);
		stream_free(l, s);
	}
}

void
logs_finish(struct init *init, uint64_t process)
{
	struct stream *s = map_get_id(&init->logs->by_id, process);

	if (s == NULL || s->ended)
		return;
	s->ended = true;
	init->logs->ended++;
	note(init, s);
	tell_finish(init, s);
	limit_orphans(init);
}

void
logs_ended(struct init *init, uint64_t process)
{
	struct stream *s = map_get_id(&init->logs->by_id, process);

	if (s == NULL)
		return;
	STATE_NOTE(init, NOTE_STREAM_GONE, s->id, NULL, 0);
	stream_free(init->logs, s);
}

void
logs_logger_came(struct init *init)
{
	struct stream *s;

	drain_no_more(init);
	DL_FOREACH(init->logs->list, s)
		tell(init, s);
}

void
logs_save(struct init *init)
{
	const struct stream *s;

	DL_FOREACH(init->logs->list, s)
		note(init, s);
}

int
logs_load(struct init *init, const struct note *n)
{
	struct stream *s = map_get_id(&init->logs->by_id, n->id);

	if (s != NULL) {
		s->fd = -1; /* what was its number may be another's now, or comes again */
		stream_free(init->logs, s);
	}
	if (n->kind == NOTE_STREAM_GONE)
		return 0;
	s = put(init->logs, n->id, n->text != NULL ? n->text : "", note_fd(n, 0));
	if (s == NULL)
		return -ENOMEM;
	s->ended = note_number(n, 1) != 0;
	s->limits = (struct log_limits){ note_number(n, 2), note_number(n, 3), note_number(n, 4) != 0 };
	init->logs->ended += s->ended ? 1 : 0;
	return 0;
}

void
logs_each(const struct init *init, void (*fn)(int fd, void *data), void *data)
{
	const struct stream *s;

	DL_FOREACH(init->logs->list, s)
		fn(s->fd, data);
}
