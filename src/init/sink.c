/* SPDX-License-Identifier: MIT */
#include "init/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "common/backoff.h"
#include "common/str.h"
#include "system/clock.h"

#define RING_SIZE ((size_t) 32 * 1024)
#define LINE_MAX_BYTES ((size_t) 2200)
#define PIECE ((size_t) 512) /* what a line with room for anything takes without waiting */
#define RETRY (50 * USEC_PER_MSEC) /* first, then doubling */
#define RETRY_MAX (1 * USEC_PER_SEC)
#define TRIES_MAX 30u /* of a file that can't be opened; then the next message tries it */

enum outlet_kind {
	OUTLET_CLOSED,
	OUTLET_FILE,   /* writes never wait for anybody */
	OUTLET_ASK,    /* ask whether it is writable, then a little at a time */
	OUTLET_OWN,    /* a description of our own that does not block */
	OUTLET_SOCKET, /* send() can be told not to wait */
};

/* One way out, with what waits for it. */
struct outlet {
	enum outlet_kind kind;
	int fd; /* owned if it is our own description */
	bool own;
	const char *path; /* borrowed; opened when needed; one line per write */
	char *ring; /* borrowed: one of the sink's */
	size_t len;
	unsigned lost;
};

struct sink {
	const char *program; /* borrowed */
	struct outlet out, err;
	bool to_file;
	bool to_err; /* all of it */
	bool to_console; /* from level message on, too */
	struct outlet console;
	struct loop_timer *retry;
	usec_t delay;	/* before the next try */
	unsigned tries; /* in vain, one after the other */
	char rings[3][RING_SIZE]; /* last, and never cleared: what nobody needs takes no memory */
};

void
sink_prefix(const char *program, const char *text, char *buf, size_t size)
{
	const char *first = strpbrk(text, " :");

	(void) snprintf(buf, size, "%s:%s%s", program, first != NULL && *first == ':' ? "" : " ", text);
}

/* -- outlets ---------------------------------------------------------------------- */

/* How to write to an inherited descriptor without ever waiting. */
static void
outlet_init(struct outlet *o, int fd)
{
	char path[40];
	struct stat st;

	o->fd = fd;
	if (fstat(fd, &st) < 0) {
		o->kind = OUTLET_CLOSED;
	} else if (S_ISREG(st.st_mode)) {
		o->kind = OUTLET_FILE;
	} else if (S_ISSOCK(st.st_mode)) {
		o->kind = OUTLET_SOCKET;
	} else {
		int own;

		/* Its flags are shared with whoever else has it: a second description is ours alone. */
		(void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		o->kind = own >= 0 ? OUTLET_OWN : OUTLET_ASK;
		o->own = own >= 0;
		o->fd = own >= 0 ? own : fd;
	}
}

static void
outlet_close(struct outlet *o)
{
	if (o->own)
		(void) close(o->fd);
	o->own = false;
	o->fd = -1;
	o->kind = OUTLET_CLOSED;
}

/* Write up to n bytes without waiting; bytes written, or a negative errno (-EAGAIN). */
static ssize_t
outlet_put(struct outlet *o, const char *p, size_t n)
{
	struct pollfd ask = { .fd = o->fd, .events = POLLOUT };
	ssize_t done;

	switch (o->kind) {
	case OUTLET_CLOSED:
		return -EBADF;
	case OUTLET_SOCKET:
		done = send(o->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case OUTLET_ASK:
		if (poll(&ask, 1, 0) <= 0 || (ask.revents & POLLOUT) == 0)
			return -EAGAIN;
		done = write(o->fd, p, n < PIECE ? n : PIECE);
		break;
	default:
		done = write(o->fd, p, n);
		break;
	}
	return done < 0 ? -errno : done;
}

/* A file that is opened when there is something to say: it may come and go. */
static bool
outlet_open(struct outlet *o)
{
	if (o->path == NULL || o->kind != OUTLET_CLOSED)
		return o->kind != OUTLET_CLOSED;
	o->fd = open(o->path, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (o->fd < 0)
		return false;
	o->own = true;
	o->kind = OUTLET_OWN;
	return true;
}

/* Write what can be written now. */
static void
outlet_drain(struct outlet *o)
{
	size_t done = 0;

	while (done < o->len && outlet_open(o)) {
		const char *end = memchr(o->ring + done, '\n', o->len - done);
		size_t n = o->path != NULL && end != NULL ? (size_t) (end + 1 - (o->ring + done)) : o->len - done;
		ssize_t r = outlet_put(o, o->ring + done, n);

		if (r == -EINTR)
			continue;
		if (r == -EAGAIN)
			break;
		if (r < 0 && o->path != NULL && (r == -EPIPE || r == -EBADF)) {
			outlet_close(o); /* its reader went: the next try opens it anew */
			break;
		}
		/* What nobody can take is gone, or it would stop all that follows. */
		done += r < 0 ? n : (size_t) r;
	}
	if (o->kind == OUTLET_CLOSED && o->path == NULL)
		done = o->len;
	o->len -= done;
	memmove(o->ring, o->ring + done, o->len);
}

static void
outlet_add(struct outlet *o, const char *line, size_t n)
{
	if (o->lost > 0 && o->len + n + 64 <= RING_SIZE) {
		int said = snprintf(o->ring + o->len, RING_SIZE - o->len, "%u messages were lost here\n", o->lost);

		o->len += said > 0 ? (size_t) said : 0;
		o->lost = 0;
	}
	if (o->len + n > RING_SIZE) {
		o->lost++;
		return;
	}
	memcpy(o->ring + o->len, line, n);
	o->len += n;
}

/* -- the sink ----------------------------------------------------------------------- */

struct sink *
sink_new(const char *program)
{
	struct sink *sink = malloc(sizeof(*sink));

	if (sink == NULL)
		return NULL;
	memset(sink, 0, offsetof(struct sink, rings));
	sink->program = program;
	sink->out.ring = sink->rings[0];
	sink->err.ring = sink->rings[1];
	sink->console.ring = sink->rings[2];
	outlet_init(&sink->out, STDOUT_FILENO);
	outlet_init(&sink->err, STDERR_FILENO);
	sink->console.fd = -1;
	sink->console.path = "/dev/console";
	return sink;
}

struct sink *
sink_free(struct sink *sink)
{
	if (sink == NULL)
		return NULL;
	outlet_drain(&sink->out);
	outlet_drain(&sink->err);
	outlet_drain(&sink->console);
	(void) loop_timer_free(sink->retry);
	outlet_close(&sink->out);
	outlet_close(&sink->err);
	free(sink);
	return NULL;
}

void
sink_use_file(struct sink *sink, const char *path)
{
	outlet_drain(&sink->out);
	outlet_close(&sink->out);
	sink->to_file = true;
	sink->out.path = path;
}

void
sink_use_stderr(struct sink *sink)
{
	sink->to_err = true;
}

/* The kernel shows what is more urgent than its console's level: the first number there. */
static bool
kernel_shows(char priority)
{
	auto_close int fd = open("/proc/sys/kernel/printk", O_RDONLY | O_CLOEXEC);
	char text[8] = "";

	return fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 && strtol(text, NULL, 10) > priority - '0';
}

void
sink_use_console(struct sink *sink, bool use)
{
	sink->to_console = use && sink->to_file;
}

/* Does anything wait for a reader, who may come back, and not for a file that is not there? */
static bool
has_reader(const struct outlet *o)
{
	return o->len > 0 && (o->path == NULL || o->kind != OUTLET_CLOSED);
}

static void
drain(struct sink *sink)
{
	size_t before = sink->out.len + sink->err.len + sink->console.len, left;

	outlet_drain(&sink->out);
	outlet_drain(&sink->err);
	outlet_drain(&sink->console);
	left = sink->out.len + sink->err.len + sink->console.len;
	if (left < before)
		sink->delay = sink->tries = 0;
	if (left == 0 || sink->retry == NULL || loop_timer_is_set(sink->retry))
		return;
	if (sink->tries >= TRIES_MAX && !has_reader(&sink->out) && !has_reader(&sink->err) && !has_reader(&sink->console))
		return;
	sink->delay = backoff_next(sink->delay, RETRY, RETRY_MAX);
	loop_timer_set(sink->retry, clock_now() + sink->delay);
}

static void
retry_cb(void *data)
{
	struct sink *sink = data;

	sink->tries++;
	drain(sink);
}

int
sink_attach(struct sink *sink, struct loop *loop)
{
	sink->retry = loop_timer_new(loop, retry_cb, sink);
	if (sink->retry == NULL)
		return -ENOMEM;
	drain(sink);
	return 0;
}

void
sink_write(enum log_level level, const char *text, void *data)
{
	static const char priorities[LOG_LEVEL_COUNT] = { '7', '6', '5', '4', '3', '2' };
	char priority = level < LOG_LEVEL_COUNT ? priorities[level] : '4';
	struct sink *sink = data;
	char line[LINE_MAX_BYTES];
	int saved = errno;

	if (sink->to_file)
		(void) snprintf(line, sizeof(line) - 1, "<%c>%s: %s", priority, sink->program, text);
	else if (level <= LOG_LEVEL_MESSAGE && !sink->to_err)
		(void) snprintf(line, sizeof(line) - 1, "%s", text);
	else
		sink_prefix(sink->program, text, line, sizeof(line) - 1);
	(void) strcat(line, "\n");
	outlet_add(sink->to_file || (level <= LOG_LEVEL_MESSAGE && !sink->to_err) ? &sink->out : &sink->err, line, strlen(line));
	if (sink->to_console && level >= LOG_LEVEL_MESSAGE && !kernel_shows(priority)) {
		sink_prefix(sink->program, text, line, sizeof(line) - 1);
		(void) strcat(line, "\n");
		outlet_add(&sink->console, line, strlen(line));
	}
	drain(sink);
	errno = saved;
}
