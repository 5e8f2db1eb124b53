/* SPDX-License-Identifier: MIT */
#include "init/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "common/scope.h"
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
	struct msg_log_open open; /* owned: what the logger is told; `stream` is its id */
	int fd;			  /* owned */
	bool ended;		  /* its process is over */
	bool told;		  /* the logger was */
	struct loop_fd *drain;	  /* owned; read here, while there is no logger */
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
	map_del_id(&l->by_id, s->open.stream);
	DL_DELETE(l->list, s);
	l->ended -= s->ended ? 1 : 0;
	s->drain = loop_fd_free(s->drain);
	if (s->fd >= 0)
		(void) close(s->fd);
	msg_free(MSG_LOG_OPEN, &s->open);
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

	strbuf_addf(&b, "%.*s%s/", (int) scope_root(job).n, scope_root(job).n > 0 ? job : "", dir);
	add_name(&b, scope_plain(job));
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

static uint32_t
format_of(const struct job_log *log)
{
	return log->format == LOG_FORMAT_TIME	? MSG_LOG_TIME
	       : log->format == LOG_FORMAT_JSON ? MSG_LOG_JSON
						: MSG_LOG_PLAIN;
}

static uint32_t
forward_of(const struct job_log *log)
{
	return log->forward == LOG_FORWARD_SYSLOG     ? MSG_FORWARD_SYSLOG
	       : log->forward == LOG_FORWARD_JOURNALD ? MSG_FORWARD_JOURNALD
						      : MSG_FORWARD_NONE;
}

static enum console_mode
mode_of(const struct init *init, const struct job_class *cls)
{
	return cls != NULL && cls->console != CONSOLE_UNSET ? cls->console : init->options.default_console;
}

/* Is there to be a file? Not of what the console shall have. */
static bool
log_wanted(const struct init *init, const struct job_class *cls)
{
	return init->log_dir != NULL && mode_of(init, cls) == CONSOLE_LOG;
}

/* A container's console is its standard output, where it has no other. */
static bool
console_is_missing(const struct init *init)
{
	return init->container && access("/dev/console", W_OK) < 0;
}

static uint32_t
print_of(const struct init *init, const struct job_class *cls)
{
	if (mode_of(init, cls) == CONSOLE_OUTPUT)
		return MSG_PRINT_BARE;
	return logs_print(init) ? MSG_PRINT_NAMED : MSG_PRINT_NOT;
}

bool
logs_print(const struct init *init)
{
	return init->options.log_stdout && (init->container || !init_is_system(init));
}

enum console_mode
logs_console(const struct init *init, const struct job_class *cls)
{
	enum console_mode mode = mode_of(init, cls);

	if (mode == CONSOLE_OUTPUT && console_is_missing(init))
		return CONSOLE_LOG;
	return mode == CONSOLE_LOG && init->log_dir == NULL && !logs_print(init) ? CONSOLE_NONE : mode;
}

int
logs_plan(const struct init *init, const struct effect_spawn *e, const struct job_class *cls, struct msg_log_open *plan)
{
	static const struct job_log nothing = { LOG_UNSET, LOG_UNSET, LOG_UNSET };
	const struct job_log *log = cls != NULL ? &cls->log : &nothing;

	*plan = (struct msg_log_open){
		.stream = e->process,
		.path = log_wanted(init, cls) ? logs_path(init->log_dir, e->job, e->instance) : strdup(""),
		.print = print_of(init, cls),
		.max_size = log->max_size != LOG_UNSET ? log->max_size : 0,
		.max_age = log->max_age != LOG_UNSET ? log->max_age : 0,
		.keep = log->keep != LOG_UNSET ? log->keep : KEEP_DEFAULT,
		.compress = log->compress != LOG_COMPRESS_NONE,
		.format = format_of(log),
		.forward = forward_of(log),
	};
	if (plan->path == NULL || str_copy(&plan->job, e->job) < 0 || str_copy(&plan->instance, e->instance) < 0 ||
	    str_copy(&plan->process, process_kind_name((enum process_kind) e->kind)) < 0)
		return -ENOMEM;
	return 0;
}

/* Numbers of the note, in this order; those behind came later. */
#define NOTE_NUMBERS(X)                                                                                                \
	X(max_size)                                                                                                    \
	X(keep)                                                                                                        \
	X(compress)                                                                                                    \
	X(max_age)                                                                                                     \
	X(format)                                                                                                      \
	X(forward)                                                                                                     \
	X(pid)                                                                                                         \
	X(print)
#define FIRST_NUMBER 2 /* after those of the descriptor and whether it ended */

static void
note(struct init *init, const struct stream *s)
{
	const uint64_t numbers[] = {
		NOTE_FD(s->fd),
		s->ended,
#define X(member) (uint64_t) s->open.member,
		NOTE_NUMBERS(X)
#undef X
	};
	char *const names[] = { s->open.job, s->open.instance, s->open.process, NULL };
	const struct note n = {
		.kind = NOTE_STREAM,
		.id = s->open.stream,
		.numbers = { (uint64_t *) (uintptr_t) numbers, ARRAY_SIZE(numbers) },
		.text = s->open.path,
		/* All three, or none: an init before this one did not know them. */
		.list = names[0] != NULL && names[1] != NULL && names[2] != NULL ? (char **) (uintptr_t) names : NULL,
	};

	state_note_list(init, &n);
}

/* Tell the logger of a stream; a logger that is not there is told when it comes. */
static void
tell_open(struct init *init, struct stream *s)
{
	int r;

	/* Lost on the way over a crash: only the logger that was there before can have it. */
	if (s->fd < 0) {
		s->told = true;
		return;
	}
	r = servants_send(init, SERVANT_LOGGER, MSG_LOG_OPEN, 0, &s->open, &s->fd, 1);
	s->told = r == 0;
	if (r < 0 && r != -ENOTCONN)
		loop_timer_set(init->logs->retry, clock_now() + RETRY);
}

static void
tell_finish(struct init *init, struct stream *s)
{
	struct msg_log_finish finish = { .stream = s->open.stream };
	int r = s->told ? servants_send(init, SERVANT_LOGGER, MSG_LOG_FINISH, 0, &finish, NULL, 0) : 0;

	/* Told as a whole again then. */
	if (r < 0 && r != -ENOTCONN) {
		s->told = false;
		loop_timer_set(init->logs->retry, clock_now() + RETRY);
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
	if (s->drain != NULL || s->ended || s->fd < 0)
		return;
	(void) fcntl(s->fd, F_SETFL, fcntl(s->fd, F_GETFL) | O_NONBLOCK);
	s->drain = loop_fd_new(init->loop, s->fd, LOOP_READ, drain_cb, s);
	if (s->drain == NULL)
		log_error("Out of memory: what is printed for %s waits", s->open.path);
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
		loop_timer_set(init->logs->patience, clock_now() + PATIENCE);
}

static void
drain_no_more(struct init *init)
{
	struct stream *s;

	init->logs->draining = false;
	DL_FOREACH(init->logs->list, s)
		s->drain = loop_fd_free(s->drain);
}

/* A stream of what *open says, which is taken over; NULL: out of memory. */
static struct stream *
put(struct logs *l, struct msg_log_open *open, int fd)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	if (map_put_id(&l->by_id, open->stream, s) < 0) {
		free(s);
		return NULL;
	}
	s->open = *open;
	*open = (struct msg_log_open){ 0 };
	s->fd = fd;
	DL_APPEND(l->list, s);
	return s;
}

int
logs_open(struct init *init, struct msg_log_open *plan, pid_t pid, int fd)
{
	struct stream *s;

	/* Told again after a crash: it is the same terminal. */
	if (map_get_id(&init->logs->by_id, plan->stream) != NULL) {
		(void) close(fd);
		return 0;
	}
	plan->pid = (int32_t) pid;
	s = put(init->logs, plan, fd);
	if (s == NULL) {
		(void) close(fd);
		return -ENOMEM;
	}
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
		STATE_NOTE(init, NOTE_STREAM_GONE, s->open.stream, NULL, 0);
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
	if (s->fd < 0 && s->told)
		logs_ended(init, process); /* nobody may know of it, and say so */
	limit_orphans(init);
}

void
logs_ended(struct init *init, uint64_t process)
{
	struct stream *s = map_get_id(&init->logs->by_id, process);

	if (s == NULL)
		return;
	STATE_NOTE(init, NOTE_STREAM_GONE, s->open.stream, NULL, 0);
	stream_free(init->logs, s);
}

void
logs_logger_came(struct init *init)
{
	struct stream *s, *next;

	drain_no_more(init);
	DL_FOREACH_SAFE(init->logs->list, s, next) {
		tell(init, s);
		if (s->fd < 0 && s->ended && s->told)
			logs_ended(init, s->open.stream);
	}
}

void
logs_save(struct init *init)
{
	const struct stream *s;

	DL_FOREACH(init->logs->list, s)
		note(init, s);
}

/* What the logger was told, from a note. 0 or -ENOMEM; to be freed in any case. */
static int
open_of_note(const struct note *n, struct msg_log_open *open)
{
	size_t i = FIRST_NUMBER;

	*open = (struct msg_log_open){ .stream = n->id };
#define X(member) open->member = (__typeof__(open->member)) note_number(n, i++);
	NOTE_NUMBERS(X)
#undef X
	if (str_copy(&open->path, n->text != NULL ? n->text : "") < 0)
		return -ENOMEM;
	if (strv_len(n->list) < 3)
		return 0;
	return str_copy(&open->job, n->list[0]) < 0 || str_copy(&open->instance, n->list[1]) < 0 ||
		       str_copy(&open->process, n->list[2]) < 0
		   ? -ENOMEM
		   : 0;
}

int
logs_load(struct init *init, const struct note *n)
{
	struct stream *s = map_get_id(&init->logs->by_id, n->id);
	struct msg_log_open open;

	if (s != NULL) {
		s->fd = -1; /* what was its number may be another's now, or comes again */
		stream_free(init->logs, s);
	}
	if (n->kind == NOTE_STREAM_GONE)
		return 0;
	s = open_of_note(n, &open) == 0 ? put(init->logs, &open, note_fd(n, 0)) : NULL;
	msg_free(MSG_LOG_OPEN, &open);
	if (s == NULL)
		return -ENOMEM;
	s->ended = note_number(n, 1) != 0;
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
