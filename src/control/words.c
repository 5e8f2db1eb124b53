/* SPDX-License-Identifier: MIT */
/*
 * A datagram is looked at, told to init, and only then taken away: a control that dies in between leaves it to its
 * successor, and init knows by an empty socket that it has been told all.
 *
 * Anybody may write to such a socket, as fast as he likes, and what is told shares its way with the requests of clients.
 * So of each socket only a few messages are on their way at a time, and init says whom to disregard.
 */
#include "control/words.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "common/log.h"
#include "control/link.h"

#define DATAGRAM_MAX 16384
#define DATAGRAMS_PER_TURN 16 /* of one process, before others get their turn */
#define FDS_MAX 253	      /* a datagram can't hold more */
#define PAUSE_USEC 100000L    /* after something was lacking */
#define TOLD_MAX 16	      /* of one process, that init has not acknowledged */
#define STRANGERS_MAX 16      /* of one process, that are remembered */
#define STRANGER_TIME (10 * USEC_PER_SEC) /* then init is asked again: a pid may have become another's */

/* Who may not speak. */
struct stranger {
	int32_t pid, uid;
	usec_t until; /* 0: nobody */
};

struct words {
	struct words *prev, *next;
	struct control *control; /* borrowed */
	uint64_t process;
	int fd;			/* owned */
	struct event *readable; /* owned */
	struct event *again;	/* owned; a timer */
	uint64_t told[TOLD_MAX]; /* numbers of what init has not acknowledged, */
	size_t n_told;		 /* so many, the oldest first */
	struct stranger strangers[STRANGERS_MAX];
	size_t next_stranger; /* the place of the next one */
	bool warned;	      /* of one that is too long */
};

static void
words_free(struct words *w)
{
	DL_DELETE(w->control->words, w);
	if (w->readable != NULL)
		event_free(w->readable);
	if (w->again != NULL)
		event_free(w->again);
	(void) close(w->fd);
	free(w);
}

/* -- what a datagram says -------------------------------------------------------------------------- */

/* A number of microseconds, or a pid. */
static bool
read_number(struct span text, uint64_t *value)
{
	*value = 0;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9' || *value > (UINT64_MAX - 9) / 10)
			return false;
		*value = *value * 10 + (uint64_t) (text.p[i] - '0');
	}
	return text.n > 0;
}

/* Text that may be shown to anybody: what is no printable UTF-8 becomes "?". */
static char *
clean(struct span text)
{
	struct strbuf b = STRBUF_INIT;

	while (text.n > 0) {
		size_t n = span_utf8(text);
		bool good = n > 0 && (unsigned char) *text.p >= ' ' && *text.p != 0x7f;

		n = n > 0 ? n : 1;
		if (b.len + n > SAID_STATUS_MAX)
			break;
		if (good)
			strbuf_addn(&b, text.p, n);
		else
			strbuf_addc(&b, '?');
		text = (struct span){ text.p + n, text.n - n };
	}
	if (!b.failed)
		return strbuf_steal(&b);
	strbuf_deinit(&b);
	return NULL;
}

static void
say_main(struct msg_said *said, struct span value)
{
	uint64_t pid;

	if (!read_number(value, &pid) || pid == 0 || pid > INT32_MAX)
		return;
	said->main_pid = (int32_t) pid;
	said->what |= SAID_MAIN;
}

static void
say_status(struct msg_said *said, struct span value)
{
	free(said->status);
	said->status = value.n > 0 ? clean(value) : NULL;
	said->what |= SAID_STATUS;
}

static void
say_watchdog(struct msg_said *said, struct span value)
{
	if (span_is(value, "1"))
		said->what |= SAID_ALIVE;
	else if (span_is(value, "trigger"))
		said->what |= SAID_SICK;
}

static void
say_period(struct msg_said *said, struct span value)
{
	if (read_number(value, &said->watchdog))
		said->what |= SAID_WATCHDOG;
}

static void
say_extend(struct msg_said *said, struct span value)
{
	if (read_number(value, &said->extend))
		said->what |= SAID_EXTEND;
}

/* Of a variable with a value of its own, or one that only "1" is said of. */
static const struct {
	const char *name;
	uint32_t bit;
	void (*say)(struct msg_said *said, struct span value);
} variables[] = {
	{ "READY", SAID_READY, NULL },
	{ "RELOADING", SAID_RELOADING, NULL },
	{ "STOPPING", SAID_STOPPING, NULL },
	{ "MAINPID", 0, say_main },
	{ "STATUS", 0, say_status },
	{ "WATCHDOG", 0, say_watchdog },
	{ "WATCHDOG_USEC", 0, say_period },
	{ "EXTEND_TIMEOUT_USEC", 0, say_extend },
};

static void
say(struct msg_said *said, struct span name, struct span value, bool *barrier)
{
	if (span_is(name, "BARRIER"))
		*barrier = span_is(value, "1");
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		if (!span_is(name, variables[i].name))
			continue;
		if (variables[i].say != NULL)
			variables[i].say(said, value);
		else if (span_is(value, "1"))
			said->what |= variables[i].bit;
		return;
	}
}

bool
words_parse(const char *text, size_t n, struct msg_said *said, bool *barrier)
{
	*said = (struct msg_said){ 0 };
	*barrier = false;
	while (n > 0) {
		const char *end = memchr(text, '\n', n);
		size_t line = end != NULL ? (size_t) (end - text) : n;
		const char *equals = memchr(text, '=', line);

		if (equals != NULL)
			say(said, (struct span){ text, (size_t) (equals - text) },
			    (struct span){ equals + 1, line - (size_t) (equals - text) - 1 }, barrier);
		text += end != NULL ? line + 1 : line;
		n -= end != NULL ? line + 1 : line;
	}
	return said->what != 0;
}

/* -- hearing ------------------------------------------------------------------------------------------ */

union room {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(struct ucred))];
};

/* Look at the next one. The number of its bytes, or a negative errno; *cut: it does not fit; *has_fds: there are. */
static ssize_t
look(const struct words *w, char *buf, struct ucred *from, bool *cut, bool *has_fds)
{
	struct iovec part = { buf, DATAGRAM_MAX };
	union room room;
	struct msghdr m = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof(room)
	};
	/* There is no room for descriptors: they are not copied for a look. */
	ssize_t n = recvmsg(w->fd, &m, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return -errno;
	*from = (struct ucred){ 0, (uid_t) -1, (gid_t) -1 };
	*cut = (m.msg_flags & MSG_TRUNC) != 0;
	*has_fds = (m.msg_flags & MSG_CTRUNC) != 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS)
			memcpy(from, CMSG_DATA(c), sizeof(*from));
	return n;
}

/* A copy of the first descriptor of the next one, which stays where it is; -1: none, or none can be opened. */
static int
copy_descriptor(const struct words *w)
{
	char byte;
	struct iovec part = { &byte, 1 };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(FDS_MAX * sizeof(int))];
	} room;
	struct msghdr m = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof(room)
	};
	int got = -1;

	if (recvmsg(w->fd, &m, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
		return -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c)) {
		size_t n = c->cmsg_type == SCM_RIGHTS ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;

		for (size_t i = 0; i < n && c->cmsg_level == SOL_SOCKET; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (got < 0)
				got = fd;
			else
				(void) close(fd);
		}
	}
	return got;
}

/* Take it away. Without room for them its descriptors are closed by the kernel. */
static void
take(const struct words *w)
{
	char byte;

	(void) !recv(w->fd, &byte, sizeof(byte), MSG_DONTWAIT);
}

/* NULL: not known. */
static struct stranger *
find_stranger(struct words *w, int32_t pid, int32_t uid)
{
	for (size_t i = 0; i < STRANGERS_MAX; i++)
		if (w->strangers[i].pid == pid && w->strangers[i].uid == uid)
			return &w->strangers[i];
	return NULL;
}

static bool
is_stranger(struct words *w, const struct ucred *from)
{
	const struct stranger *s = find_stranger(w, from->pid, (int32_t) from->uid);

	return s != NULL && control_now() <= s->until;
}

/* Tell init of it. 0 or a negative errno. */
static int
tell(struct words *w, struct msg_said *said, const struct ucred *from, int barrier)
{
	auto_strbuf struct strbuf body = STRBUF_INIT;
	uint64_t number;
	int r;

	said->process = w->process;
	said->pid = from->pid;
	said->uid = (int32_t) from->uid;
	wire_put_struct(&body, msg_schema(MSG_SAID), said);
	if (body.failed)
		return -ENOMEM;
	r = link_send_said(w->control->link, &body, barrier, &number);
	if (r == 0)
		w->told[w->n_told++] = number;
	return r;
}

/* Hear one. 1; 0: there is none; a negative errno: later. */
static int
hear(struct words *w)
{
	char buf[DATAGRAM_MAX];
	bool cut = false, has_fds = false, barrier, says;
	auto_close int fd = -1;
	struct msg_said said;
	struct ucred from = { 0 };
	ssize_t n = look(w, buf, &from, &cut, &has_fds);
	int r = 0;

	if (n == -EINTR)
		return 1;
	if (n < 0)
		return n == -EAGAIN ? 0 : (int) n;
	if (is_stranger(w, &from)) {
		take(w);
		return 1;
	}
	if (cut && !w->warned)
		log_warn("Process %d sends a notification of more than %d bytes: it is thrown away", (int) from.pid,
			 DATAGRAM_MAX);
	w->warned = w->warned || cut;
	says = words_parse(buf, cut ? 0 : (size_t) n, &said, &barrier);
	/* It goes to init, and is closed by both when init has heard all that was said before. */
	if (barrier && has_fds)
		fd = copy_descriptor(w);
	if (says || fd >= 0)
		r = tell(w, &said, &from, fd);
	if (r == 0)
		take(w);
	free(said.status);
	return r < 0 ? r : 1;
}

/* Wait for what comes, if init may be told of it. */
static void
wait_for_more(struct words *w)
{
	if (w->n_told < TOLD_MAX)
		(void) event_add(w->readable, NULL);
	else
		(void) event_del(w->readable);
}

static void
readable_cb(evutil_socket_t fd, short what, void *data)
{
	const struct timeval pause = { 0, PAUSE_USEC };
	struct words *w = data;
	int r = 1;

	(void) fd;
	(void) what;
	for (int i = 0; i < DATAGRAMS_PER_TURN && r > 0 && w->n_told < TOLD_MAX; i++)
		r = hear(w);
	if (r >= 0) {
		wait_for_more(w);
		return;
	}
	/* It stays readable: to come here again at once would be a busy loop. */
	log_debug("A notification is looked at again later: %s", strerror(-r));
	(void) event_del(w->readable);
	(void) event_add(w->again, &pause);
}

static void
again_cb(evutil_socket_t fd, short what, void *data)
{
	struct words *w = data;

	readable_cb(fd, what, w);
}

/* -- sockets ------------------------------------------------------------------------------------------- */

static struct words *
find(const struct control *control, uint64_t process)
{
	struct words *w;

	DL_FOREACH(control->words, w)
		if (w->process == process)
			return w;
	return NULL;
}

void
words_listen(struct control *control, uint64_t process, int fd)
{
	struct words *w;

	words_end(control, process);
	w = calloc(1, sizeof(*w));
	if (w == NULL) {
		log_error("Out of memory: a job's notifications are not heard");
		return;
	}
	*w = (struct words){ .control = control, .process = process, .fd = fcntl(fd, F_DUPFD_CLOEXEC, 3) };
	DL_APPEND(control->words, w);
	if (w->fd >= 0) {
		w->readable = event_new(control->base, w->fd, EV_READ | EV_PERSIST, readable_cb, w);
		w->again = event_new(control->base, -1, 0, again_cb, w);
	}
	if (w->readable != NULL && w->again != NULL && event_add(w->readable, NULL) == 0)
		return;
	log_error("Unable to hear a job's notifications: %s", w->fd < 0 ? strerror(errno) : "Out of memory");
	words_free(w);
}

void
words_end(struct control *control, uint64_t process)
{
	struct words *w = find(control, process);

	if (w != NULL)
		words_free(w);
}

/* Forget what has arrived. */
static void
forget_told(struct words *w, uint64_t upto)
{
	size_t n = 0;

	while (n < w->n_told && w->told[n] <= upto)
		n++;
	w->n_told -= n;
	memmove(w->told, w->told + n, w->n_told * sizeof(*w->told));
}

void
words_acknowledged(struct control *control, uint64_t upto)
{
	struct words *w;

	DL_FOREACH(control->words, w) {
		bool full = w->n_told == TOLD_MAX;

		forget_told(w, upto);
		if (full && !event_pending(w->again, EV_TIMEOUT, NULL))
			wait_for_more(w);
	}
}

void
words_disbelieve(struct control *control, const struct msg_disbelieved *m)
{
	struct words *w = find(control, m->process);
	struct stranger *s;

	if (w == NULL)
		return;
	s = find_stranger(w, m->pid, m->uid);
	if (s == NULL) {
		s = &w->strangers[w->next_stranger];
		w->next_stranger = (w->next_stranger + 1) % STRANGERS_MAX;
	}
	*s = (struct stranger){ m->pid, m->uid, control_now() + STRANGER_TIME };
}

void
words_deinit(struct control *control)
{
	struct words *w, *next;

	DL_FOREACH_SAFE(control->words, w, next)
		words_free(w);
}
