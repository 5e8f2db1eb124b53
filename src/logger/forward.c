/* SPDX-License-Identifier: MIT */
/*
 * Receivers: one socket and one queue each. Messages of syslog are as syslog(3) makes them, those of the journal in its
 * native form (key, value). Both are datagrams: whole or not at all. Standard output is a stream: what went out of a message
 * is remembered, and it is never waited for.
 */
#include "logger/forward.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#include "common/backoff.h"
#include "common/log.h"

#define PRIORITY 6    /* LOG_INFO: the terminal does not tell errors from other output */
#define FACILITY 3    /* LOG_DAEMON */
#define RETRY_MIN 100 /* milliseconds until a receiver that is not there is looked for again; doubles */
#define RETRY_MAX 10000
#define OWN_NAME "upstart-logger" /* who speaks when nobody's output is missing */

/* A message that waits. */
struct parcel {
	struct parcel *next;
	size_t n;
	char data[];
};

struct receiver {
	enum msg_log_forward kind; /* MSG_FORWARD_NONE: standard output */
	struct event_base *base; /* borrowed */
	char *path;		 /* owned */
	int fd;			 /* owned; -1: not connected */
	struct event *writable;	 /* owned; while it is waited for */
	struct event *retry;	 /* owned; a timer */
	unsigned delay;		 /* milliseconds before the next try */
	struct parcel *queue;	 /* owned */
	size_t bytes;		 /* in the queue */
	size_t sent;		 /* of its first message; of standard output only */
	uint64_t dropped;	 /* lines since the last that went into the queue */
	bool failing;		 /* has been told */
};

struct forwards {
	struct receiver syslog, journald, out;
};

struct forward {
	struct receiver *to; /* borrowed */
	char *job;	     /* owned, as the others */
	char *instance;
	char *process;
	char *tag; /* "job-instance"; printed: "job (instance)", or "" */
	int32_t pid;
	size_t n; /* bytes of a line that has not ended */
	char line[FORWARD_LINE_MAX];
};

/* -- sending ------------------------------------------------------------------ */

static void pump(struct receiver *r);

static void
retry_later(struct receiver *r)
{
	struct timeval tv;

	r->delay = (unsigned) backoff_next(r->delay, RETRY_MIN, RETRY_MAX);
	tv = (struct timeval){ r->delay / 1000, (suseconds_t) (r->delay % 1000) * 1000 };
	(void) evtimer_add(r->retry, &tv); /* without memory the next line tries */
}

static bool
is_stdout(const struct receiver *r)
{
	return r->kind == MSG_FORWARD_NONE;
}

static void
disconnect(struct receiver *r)
{
	if (r->writable != NULL)
		event_free(r->writable);
	r->writable = NULL;
	if (is_stdout(r))
		r->fd = -1; /* it comes again, if at all, as it went */
	fd_close(&r->fd);
}

/* 0 or a negative errno. */
static int
connect_to(struct receiver *r)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int error;

	if (r->fd >= 0)
		return 0;
	if (is_stdout(r)) {
		r->fd = STDOUT_FILENO;
		return 0;
	}
	if (strlen(r->path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	(void) strcpy(address.sun_path, r->path);
	r->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (r->fd < 0)
		return -errno;
	if (connect(r->fd, (const struct sockaddr *) &address, sizeof(address)) == 0)
		return 0;
	error = errno;
	disconnect(r);
	return -error;
}

static void
writable_cb(evutil_socket_t fd unused, short what unused, void *data)
{
	pump(data);
}

static void
retry_cb(evutil_socket_t fd unused, short what unused, void *data)
{
	pump(data);
}

/* It does not keep up: go on when it has room again. */
static void
wait_for_room(struct receiver *r)
{
	if (r->writable == NULL)
		r->writable = event_new(r->base, r->fd, EV_WRITE, writable_cb, r);
	if (r->writable == NULL || event_add(r->writable, NULL) < 0)
		retry_later(r);
}

static void
parcel_done(struct receiver *r)
{
	struct parcel *p = r->queue;

	LL_DELETE(r->queue, p);
	r->bytes -= p->n;
	r->sent = 0;
	free(p);
}

/*
 * Write what goes without waiting. The flags of a description that others have as well are not ours to change: one that
 * may block is asked first, and given no more than it has room for then. Bytes, or a negative errno.
 */
static ssize_t
write_some(int fd, const char *p, size_t n)
{
	struct pollfd ask = { .fd = fd, .events = POLLOUT };
	int flags = fcntl(fd, F_GETFL);
	struct stat st;
	ssize_t done;

	if (flags < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISSOCK(st.st_mode)) {
		done = send(fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		return done < 0 ? -errno : done;
	}
	if ((flags & O_NONBLOCK) == 0 && !S_ISREG(st.st_mode)) {
		if (poll(&ask, 1, 0) <= 0 || (ask.revents & (POLLOUT | POLLERR)) == 0)
			return -EAGAIN;
		n = n < _POSIX_PIPE_BUF ? n : _POSIX_PIPE_BUF;
	}
	done = write(fd, p, n);
	return done < 0 ? -errno : done;
}

/* As send_first(). */
static int
print_first(struct receiver *r)
{
	const struct parcel *p = r->queue;

	while (r->sent < p->n) {
		ssize_t n = write_some(r->fd, p->data + r->sent, p->n - r->sent);

		if (n < 0 && n != -EINTR)
			return (int) n;
		r->sent += n > 0 ? (size_t) n : 0;
	}
	return 0;
}

/* Send the first message. 0; -EAGAIN: no room; another negative errno: there is no receiver. */
static int
send_first(struct receiver *r)
{
	ssize_t n;
	int error = connect_to(r);

	if (error < 0)
		return error;
	if (is_stdout(r))
		return print_first(r);
	do
		n = send(r->fd, r->queue->data, r->queue->n, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return 0;
	if (errno == EMSGSIZE) { /* it never takes this one */
		r->dropped++;
		return 0;
	}
	return errno == ENOBUFS ? -EAGAIN : -errno;
}

/* Send what waits, as long as it goes. */
static void
pump(struct receiver *r)
{
	bool again = true; /* a receiver that was replaced is looked for once more at once */

	while (r->queue != NULL) {
		int error = send_first(r);

		if (error == 0) {
			parcel_done(r);
			r->delay = 0;
			again = true;
			if (r->failing && r->queue == NULL && r->dropped == 0)
				log_info("%s takes the output of jobs again", r->path);
			r->failing = r->failing && r->queue != NULL;
			continue;
		}
		if (error == -EAGAIN) {
			wait_for_room(r);
			return;
		}
		disconnect(r);
		if (again &&
		    (error == -ECONNREFUSED || error == -ENOTCONN || error == -EPIPE || error == -ECONNRESET)) {
			again = false;
			continue;
		}
		if (!r->failing)
			log_warn("The output of jobs can't be forwarded to %s: %s; it waits", r->path,
				 strerror(-error));
		r->failing = true;
		retry_later(r);
		return;
	}
}

/* -- messages ----------------------------------------------------------------- */

/* Take a finished message (NULL: there was no memory for it) if it fits. */
static bool
enqueue(struct receiver *r, struct strbuf *b)
{
	struct parcel *p = NULL;

	if (!b->failed && r->bytes + b->len <= FORWARD_QUEUE_MAX)
		p = malloc(sizeof(*p) + b->len);
	if (p == NULL)
		return false;
	p->next = NULL;
	p->n = b->len;
	memcpy(p->data, b->p, b->len);
	LL_APPEND(r->queue, p);
	r->bytes += p->n;
	return true;
}

/* A field of the journal's. */
static void
add_field(struct strbuf *b, const char *key, const char *p, size_t n)
{
	unsigned char size[8];

	strbuf_add(b, key);
	if (memchr(p, '\n', n) == NULL) {
		strbuf_addc(b, '=');
	} else {
		for (size_t i = 0; i < sizeof(size); i++)
			size[i] = (unsigned char) ((uint64_t) n >> (8 * i));
		strbuf_addc(b, '\n');
		strbuf_addn(b, size, sizeof(size));
	}
	strbuf_addn(b, p, n);
	strbuf_addc(b, '\n');
}

static void
add_text_field(struct strbuf *b, const char *key, const char *text)
{
	add_field(b, key, text, strlen(text));
}

static void
make_journald(struct strbuf *b, const struct forward *f, const char *tag, const char *p, size_t n)
{
	char number[16];

	add_field(b, "MESSAGE", p, n);
	(void) snprintf(number, sizeof(number), "%d", PRIORITY);
	add_text_field(b, "PRIORITY", number);
	(void) snprintf(number, sizeof(number), "%d", FACILITY);
	add_text_field(b, "SYSLOG_FACILITY", number);
	add_text_field(b, "SYSLOG_IDENTIFIER", tag);
	if (f == NULL)
		return;
	(void) snprintf(number, sizeof(number), "%d", (int) f->pid);
	add_text_field(b, "SYSLOG_PID", number);
	add_text_field(b, "UPSTART_JOB", f->job);
	add_text_field(b, "UPSTART_INSTANCE", f->instance);
	add_text_field(b, "UPSTART_PROCESS", f->process);
}

/* "<30>Nov 23 09:30:00 tag[pid]: text", in local time, as syslog(3) has it. */
static void
make_syslog(struct strbuf *b, const struct forward *f, const char *tag, const char *p, size_t n)
{
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t now = time(NULL);
	struct tm tm = { .tm_mday = 1 };

	(void) localtime_r(&now, &tm);
	strbuf_addf(b, "<%d>%s %2d %02d:%02d:%02d %s", FACILITY << 3 | PRIORITY, months[tm.tm_mon], tm.tm_mday,
		    tm.tm_hour, tm.tm_min, tm.tm_sec, tag);
	if (f != NULL)
		strbuf_addf(b, "[%d]", (int) f->pid);
	strbuf_add(b, ": ");
	for (; n > 0; p++, n--)
		strbuf_addc(b, *p != '\0' ? *p : ' '); /* it would be the end */
}

static void
make_print(struct strbuf *b, const char *tag, const char *p, size_t n)
{
	if (*tag != '\0')
		strbuf_addf(b, "%s: ", tag);
	strbuf_addn(b, p, n);
	strbuf_addc(b, '\n');
}

/* Put a message into the queue. False: it does not fit. */
static bool
post(struct receiver *r, const struct forward *f, const char *tag, const char *p, size_t n)
{
	auto_strbuf struct strbuf b = STRBUF_INIT;

	if (r->kind == MSG_FORWARD_JOURNALD)
		make_journald(&b, f, tag, p, n);
	else if (is_stdout(r))
		make_print(&b, tag, p, n);
	else
		make_syslog(&b, f, tag, p, n);
	return enqueue(r, &b);
}

/* Say how many lines are missing, before the next one. */
static bool
post_dropped(struct receiver *r)
{
	char text[80];
	int n;

	if (r->dropped == 0)
		return true;
	n = snprintf(text, sizeof(text), "%llu lines of output of jobs were dropped here",
		     (unsigned long long) r->dropped);
	if (!post(r, NULL, OWN_NAME, text, (size_t) n))
		return false;
	r->dropped = 0;
	return true;
}

static void
send_line(struct forward *f, const char *p, size_t n)
{
	struct receiver *r = f->to;

	if (n > 0 && p[n - 1] == '\r')
		n--;
	/* One that dropped takes nothing until half of what waits has gone: one gap is better than a hundred. */
	if ((r->dropped > 0 && r->bytes > FORWARD_QUEUE_MAX / 2) || !post_dropped(r) || !post(r, f, f->tag, p, n)) {
		if (r->dropped++ == 0)
			log_warn("%s does not keep up: lines of the output of jobs are dropped there", r->path);
	}
	/* One without room says when it has some. */
	if (r->writable == NULL || event_pending(r->writable, EV_WRITE, NULL) == 0)
		pump(r);
}

/* -- lines -------------------------------------------------------------------- */

void
forward_add(struct forward *f, const char *p, size_t n)
{
	while (f != NULL && n > 0) {
		size_t room = sizeof(f->line) - f->n;
		const char *end = memchr(p, '\n', n);
		size_t part = end != NULL ? (size_t) (end - p) : n;

		if (part > room)
			part = room;
		/* Most lines come whole: no need to copy them together. */
		if (f->n == 0 && end == p + part) {
			send_line(f, p, part);
		} else {
			memcpy(f->line + f->n, p, part);
			f->n += part;
			if (end == p + part || f->n == sizeof(f->line)) {
				send_line(f, f->line, f->n);
				f->n = 0;
			}
		}
		part += end == p + part ? 1 : 0;
		p += part;
		n -= part;
	}
}

/* What syslog takes for a name: no blanks, nor what ends one. */
static char *
make_tag(const char *job, const char *instance)
{
	char *tag = *instance != '\0' ? str_printf("%s-%s", job, instance) : strdup(job);

	for (char *p = tag; p != NULL && *p != '\0'; p++)
		if ((unsigned char) *p <= ' ' || *p == '[' || *p == ':' || *p == '/' || *p == 0x7f)
			*p = '_';
	return tag;
}

/* What init calls it in its own messages, or nothing. */
static char *
make_name(const struct msg_log_open *open)
{
	const char *job = open->job != NULL ? open->job : "", *instance = open->instance != NULL ? open->instance : "";

	if (open->print == MSG_PRINT_BARE)
		return strdup("");
	return *instance != '\0' ? str_printf("%s (%s)", job, instance) : strdup(job);
}

static int
make(struct forward **forward, struct receiver *to, const struct msg_log_open *open)
{
	struct forward *f = calloc(1, sizeof(*f));

	*forward = NULL;
	if (f == NULL)
		return -ENOMEM;
	f->to = to;
	f->pid = open->pid;
	f->job = strdup(open->job != NULL ? open->job : "");
	f->instance = strdup(open->instance != NULL ? open->instance : "");
	f->process = strdup(open->process != NULL ? open->process : "");
	if (f->job != NULL && f->instance != NULL)
		f->tag = is_stdout(to) ? make_name(open) : make_tag(f->job, f->instance);
	if (f->tag == NULL || f->process == NULL) {
		(void) forward_free(f);
		return -ENOMEM;
	}
	*forward = f;
	return 0;
}

int
forward_new(struct forward **forward, struct forwards *all, const struct msg_log_open *open)
{
	*forward = NULL;
	if (open->forward != MSG_FORWARD_SYSLOG && open->forward != MSG_FORWARD_JOURNALD)
		return 0;
	return make(forward, open->forward == MSG_FORWARD_SYSLOG ? &all->syslog : &all->journald, open);
}

int
forward_new_printer(struct forward **forward, struct forwards *all, const struct msg_log_open *open)
{
	*forward = NULL;
	if (open->print != MSG_PRINT_NAMED && open->print != MSG_PRINT_BARE)
		return 0;
	return make(forward, &all->out, open);
}

struct forward *
forward_free(struct forward *f)
{
	if (f == NULL)
		return NULL;
	if (f->n > 0)
		send_line(f, f->line, f->n);
	free(f->job);
	free(f->instance);
	free(f->process);
	free(f->tag);
	free(f);
	return NULL;
}

/* -- receivers ---------------------------------------------------------------- */

static int
receiver_init(struct receiver *r, enum msg_log_forward kind, struct event_base *base, const char *path)
{
	*r = (struct receiver){ .kind = kind, .base = base, .fd = -1 };
	r->path = strdup(path);
	r->retry = evtimer_new(base, retry_cb, r);
	return r->path != NULL && r->retry != NULL ? 0 : -ENOMEM;
}

static void
receiver_deinit(struct receiver *r)
{
	while (r->queue != NULL)
		parcel_done(r);
	disconnect(r);
	if (r->retry != NULL)
		event_free(r->retry);
	free(r->path);
}

struct forwards *
forwards_new(struct event_base *base, const char *syslog, const char *journald)
{
	struct forwards *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return NULL;
	all->syslog.fd = all->journald.fd = all->out.fd = -1;
	if (receiver_init(&all->syslog, MSG_FORWARD_SYSLOG, base, syslog) < 0 ||
	    receiver_init(&all->journald, MSG_FORWARD_JOURNALD, base, journald) < 0 ||
	    receiver_init(&all->out, MSG_FORWARD_NONE, base, "standard output") < 0)
		return forwards_free(all);
	return all;
}

struct forwards *
forwards_free(struct forwards *all)
{
	if (all == NULL)
		return NULL;
	receiver_deinit(&all->syslog);
	receiver_deinit(&all->journald);
	receiver_deinit(&all->out);
	free(all);
	return NULL;
}

static size_t
left_in(struct receiver *r)
{
	const struct parcel *p;
	size_t n = 0;

	pump(r);
	LL_COUNT(r->queue, p, n);
	return n + (size_t) r->dropped;
}

size_t
forwards_last_words(struct forwards *all)
{
	return left_in(&all->syslog) + left_in(&all->journald) + left_in(&all->out);
}
