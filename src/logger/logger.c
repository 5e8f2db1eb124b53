/* SPDX-License-Identifier: MIT */
/*
 * The logger's link to init, its streams and its end (architecture: "upstart-logger").
 *
 * init holds its own copy of every terminal master and tells a new logger of all streams again, so
 * nothing here has to survive but what waits for the disk, and that lies in the store.
 * A stream ends by itself (its last writer is gone), or when init says that its job is over:
 * then what is readable is taken, and descendants that hold the terminal are cut off.
 * Either way init hears LOG_ENDED, kept until it is acknowledged, and lets go of its copy.
 */
#include "logger/logger.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <utlist.h>

#include "common/log.h"
#include "common/msg.h"
#include "logger/stream.h"

#define FD_RESERVE 96u /* descriptors that are neither streams nor log files */
#define NOFILE_WANTED ((rlim_t) 1024 * 1024)
#define FINISH_MAX ((size_t) 1024 * 1024)   /* taken from a stream that is told to finish */
#define LAST_WORDS_MAX ((size_t) 64 * 1024) /* taken from each stream that is open at the end */
#define LINGER (1 * USEC_PER_SEC)	    /* init is gone: wait so long for the jobs' last words */
#define NOMEM_WAIT (100 * USEC_PER_MSEC)    /* before a message that found no memory is tried again */
#define MESSAGES_PER_TURN 64

/* The middle one is what libevent gives to an event that says nothing. */
enum { PRIORITY_LINK, PRIORITY_STREAM, PRIORITY_COUNT };

struct logger {
	struct event_base *base;	   /* owned */
	struct ipc *ipc;		   /* owned; NULL once init is gone */
	struct event *readable, *writable; /* of the link; owned */
	struct event *retry;		   /* timer: sinks; owned */
	struct event *again;		   /* timer: the link lacks something other than room; owned */
	struct event *resume;		   /* timer: the held message; owned */
	struct event *collect;		   /* of what took its time; owned */
	struct event *linger;		   /* timer: the end; owned */
	int ring_fd;			   /* owned, or -1 */
	struct store *store;		   /* owned */
	struct sinks sinks;
	struct forwards *forwards; /* owned */
	struct map by_id;	   /* streams */
	struct stream *streams;	   /* owned */
	size_t n_streams;
	size_t nofile;
	struct ipc_message held; /* found no memory; type 0: none */
	bool unresumed;		 /* a stream could not be watched again */
	bool done;
	char *buffer; /* owned; STREAM_TURN bytes */
};

static usec_t
now_usec(void)
{
	struct timespec ts;

	(void) clock_gettime(CLOCK_MONOTONIC, &ts);
	return (usec_t) ts.tv_sec * USEC_PER_SEC + (usec_t) ts.tv_nsec / 1000;
}

static void
timer_set(struct event *timer, usec_t delay)
{
	struct timeval tv = { (time_t) (delay / USEC_PER_SEC), (suseconds_t) (delay % USEC_PER_SEC) };

	(void) evtimer_add(timer, &tv); /* can't fail: the heap of timers was filled once in logger_new() */
}

/* Bring the timers in line with what waits. */
static void
arm_timers(struct logger *lg, usec_t now)
{
	usec_t next = sinks_next_retry(&lg->sinks);

	if (lg->unresumed && next > now + NOMEM_WAIT)
		next = now + NOMEM_WAIT;
	if (next == UINT64_MAX)
		(void) evtimer_del(lg->retry);
	else
		timer_set(lg->retry, next > now ? next - now : 0);
}

/* Terminals and link come first; files get what is left of the descriptors. */
static void
share_descriptors(struct logger *lg)
{
	size_t taken = lg->n_streams + FD_RESERVE;

	sinks_limit_open(&lg->sinks, lg->nofile > taken ? lg->nofile - taken : 1);
}

static void
logger_finish(struct logger *lg)
{
	lg->done = true;
	(void) event_base_loopbreak(lg->base);
}

/* -- the link ---------------------------------------------------------------- */

/* init is gone. Its jobs may still have last words. */
static void
link_lost(struct logger *lg)
{
	if (lg->ipc == NULL)
		return;
	(void) event_del(lg->readable);
	(void) event_del(lg->writable);
	(void) event_del(lg->resume);
	(void) event_del(lg->again);
	lg->ipc = ipc_free(lg->ipc);
	ipc_message_deinit(&lg->held);
	if (lg->streams == NULL)
		logger_finish(lg);
	else
		timer_set(lg->linger, LINGER);
}

/* Send what waits, or see to it that it is sent later. */
static void
link_flush(struct logger *lg)
{
	int r = lg->ipc != NULL ? ipc_flush(lg->ipc) : 0;

	if (r < 0)
		link_lost(lg);
	else if (r > 0 && ipc_is_short(lg->ipc))
		timer_set(lg->again, NOMEM_WAIT);
	else if (r > 0)
		(void) event_add(lg->writable, NULL);
}

static int
send_kept(struct logger *lg, uint32_t type, const void *obj)
{
	int r;

	if (lg->ipc == NULL)
		return 0;
	r = msg_send_kept(lg->ipc, type, obj, NULL, 0);
	if (r == -EPIPE) {
		link_lost(lg);
		return 0;
	}
	link_flush(lg);
	return r;
}

static int
send_ended(struct logger *lg, uint64_t id)
{
	const struct msg_log_ended ended = { .stream = id };

	return send_kept(lg, MSG_LOG_ENDED, &ended);
}

/* -- streams ----------------------------------------------------------------- */

/* The stream is over: tell init and forget it. -ENOMEM: it is still there, try again. */
static int
stream_end(struct logger *lg, struct stream *s)
{
	int r = send_ended(lg, s->id);

	if (r < 0)
		return r;
	map_del_id(&lg->by_id, s->id);
	DL_DELETE(lg->streams, s);
	lg->n_streams--;
	(void) stream_free(s, now_usec());
	share_descriptors(lg);
	if (lg->ipc == NULL && lg->streams == NULL)
		logger_finish(lg);
	return 0;
}

static void
stream_ready_cb(evutil_socket_t fd unused, short what unused, void *data)
{
	struct stream *s = data;
	struct logger *lg = s->owner;
	usec_t now = now_usec();

	/* Without memory for LOG_ENDED the stream stays readable and we come here again. */
	if (!stream_read(s, lg->buffer, STREAM_TURN, now, NULL))
		(void) stream_end(lg, s);
	else if (s->sink != NULL && sink_is_busy(s->sink))
		stream_pause(s);
	arm_timers(lg, now);
}

/* Watch again the streams of a sink, or of all that are not busy (NULL). */
static void
resume(struct logger *lg, const struct sink *sink)
{
	struct stream *s;

	lg->unresumed = false;
	DL_FOREACH(lg->streams, s)
		if (s->paused && s->sink != NULL && (sink == NULL || s->sink == sink) && !sink_is_busy(s->sink) && stream_resume(s) < 0)
			lg->unresumed = true;
}

static void
resume_cb(struct sink *sink, void *data)
{
	resume(data, sink);
}

/* Take what is there, at most `max`. */
static void
stream_drain(struct logger *lg, struct stream *s, size_t max, usec_t now)
{
	size_t moved = STREAM_TURN, total = 0;

	/* Less than was asked for: nothing more is there now. */
	while (total < max && moved == STREAM_TURN && stream_read(s, lg->buffer, STREAM_TURN, now, &moved))
		total += moved;
}

/* -- messages ---------------------------------------------------------------- */

static int
handle_hello(struct logger *lg, const void *body)
{
	const struct msg_hello *hello = body;
	int r;

	if (hello->log_level >= 0 && hello->log_level < LOG_LEVEL_COUNT)
		log_set_level((enum log_level) hello->log_level);
	r = ipc_resend(lg->ipc, hello->received);
	if (r == -EPIPE)
		link_lost(lg);
	else
		link_flush(lg);
	return r == -ENOMEM ? r : 0;
}

static int
handle_ack(struct logger *lg, const void *body)
{
	ipc_acknowledged(lg->ipc, ((const struct msg_ack *) body)->upto);
	return 0;
}

static bool
path_is_usable(const struct msg_log_open *open)
{
	const char *path = open->path;
	size_t len = path != NULL ? strlen(path) : 0;

	if (path != NULL && len == 0)
		return open->print != MSG_PRINT_NOT; /* only copies are wanted */
	return len > 1 && path[0] == '/' && path[len - 1] != '/';
}

static int
handle_log_open(struct logger *lg, const void *body)
{
	const struct msg_log_open *open = body;
	struct stream *s;
	int r;

	if (map_get_id(&lg->by_id, open->stream) != NULL)
		return 0; /* told again after a re-exec of init */
	if (lg->held.n_fds != 1 || !path_is_usable(open)) {
		log_error("Cannot log stream %llu: %s", (unsigned long long) open->stream,
			  lg->held.lost_fds	? strerror(EMFILE)
			  : lg->held.n_fds != 1 ? "no terminal came with it"
						: "its file name is not absolute");
		return send_ended(lg, open->stream);
	}
	r = stream_new(&s, &lg->sinks, lg->forwards, open, lg->held.fds[0], lg->base, stream_ready_cb);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		log_error("Cannot log to %s: %s", open->path, strerror(-r));
		return send_ended(lg, open->stream);
	}
	if (map_put_id(&lg->by_id, s->id, s) < 0) {
		s->fd = -1; /* it stays with the message, which is tried again */
		(void) stream_free(s, now_usec());
		return -ENOMEM;
	}
	(void) steal_fd(&lg->held.fds[0]);
	if (s->sink != NULL)
		sink_limit(s->sink, &(struct file_limits){ open->max_size, open->max_age, open->keep,
							   open->compress != 0, open->format });
	s->owner = lg;
	DL_APPEND(lg->streams, s);
	lg->n_streams++;
	share_descriptors(lg);
	return 0;
}

static int
handle_log_finish(struct logger *lg, const void *body)
{
	const struct msg_log_finish *finish = body;
	struct stream *s = map_get_id(&lg->by_id, finish->stream);

	if (s == NULL)
		return send_ended(lg, finish->stream); /* init must not wait for what a predecessor knew */
	stream_drain(lg, s, FINISH_MAX, now_usec());
	return stream_end(lg, s);
}

static int
handle_log_flush(struct logger *lg, const void *body)
{
	const struct msg_log_flush *flush = body;
	const char *path = NULL;
	int r = sinks_flush(&lg->sinks, now_usec(), &path);
	struct msg_log_flushed flushed = { .request = flush->request, .error = -r, .path = (char *) (uintptr_t) path };

	return send_kept(lg, MSG_LOG_FLUSHED, &flushed);
}

static int
handle_shutdown(struct logger *lg, const void *body)
{
	const struct msg_shutdown *shutdown = body;

	if (shutdown->why == SHUTDOWN_RELEASE)
		sinks_release(&lg->sinks, now_usec());
	else if (shutdown->why == SHUTDOWN_CLOSE)
		sinks_close(&lg->sinks, true);
	else if (shutdown->why == SHUTDOWN_OPEN)
		sinks_close(&lg->sinks, false);
	else if (shutdown->why == SHUTDOWN_END)
		logger_finish(lg);
	else
		log_debug("a newer init says %u of the way down", shutdown->why);
	return 0;
}

static const struct {
	uint32_t type;
	int (*handle)(struct logger *lg, const void *body); /* 0, or -ENOMEM: call again later */
} handlers[] = {
	{ MSG_HELLO, handle_hello },	     { MSG_ACK, handle_ack },
	{ MSG_LOG_OPEN, handle_log_open },   { MSG_LOG_FINISH, handle_log_finish },
	{ MSG_LOG_FLUSH, handle_log_flush }, { MSG_SHUTDOWN, handle_shutdown },
};

/* Every message the logger understands, decoded. */
union body {
	struct msg_hello hello;
	struct msg_ack ack;
	struct msg_log_open log_open;
	struct msg_log_finish log_finish;
	struct msg_log_flush log_flush;
	struct msg_shutdown shutdown;
};

/* Handle lg->held. 0: done with, -ENOMEM: again later. */
static int
handle_held(struct logger *lg)
{
	uint32_t type = lg->held.type;
	union body body;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++) {
		if (handlers[i].type != type)
			continue;
		r = msg_decode(&lg->held, &body);
		if (r == 0) {
			r = handlers[i].handle(lg, &body);
			msg_free(type, &body);
		}
		if (r == -ENOMEM)
			return r;
		if (r < 0)
			log_error("A %s message from init could not be used: %s", msg_type_name(type), strerror(-r));
		return 0;
	}
	log_warn("A %s message from init is not for the logger", msg_type_name(type));
	return 0;
}

/* Acknowledge an effect of init's, so that it is not sent again. */
static int
acknowledge(struct logger *lg, uint64_t id)
{
	const struct msg_ack ack = { .upto = id };
	int r;

	if (id == 0 || lg->ipc == NULL)
		return 0;
	r = msg_send(lg->ipc, MSG_ACK, 0, &ack, NULL, 0);
	if (r == -EPIPE)
		link_lost(lg);
	else
		link_flush(lg);
	return r == -ENOMEM ? r : 0;
}

/* Take messages until there are none, or too many. The order is kept: a held one stops all behind it. */
static void
link_work(struct logger *lg)
{
	for (int i = 0; i < MESSAGES_PER_TURN && lg->ipc != NULL && !lg->done; i++) {
		int r = 1;

		if (lg->held.type == 0)
			r = ipc_receive(lg->ipc, &lg->held);
		if (r == 1)
			r = handle_held(lg);
		else if (r == 0)
			return;
		if (r == 0)
			r = acknowledge(lg, lg->held.id);
		if (r == -ENOMEM) {
			(void) event_del(lg->readable);
			timer_set(lg->resume, NOMEM_WAIT);
			return;
		}
		if (r == -EBADMSG)
			log_error("A damaged message from init was thrown away");
		else if (r < 0)
			link_lost(lg);
		ipc_message_deinit(&lg->held);
	}
}

static void
readable_cb(evutil_socket_t fd unused, short what unused, void *data)
{
	struct logger *lg = data;

	link_work(lg);
	arm_timers(lg, now_usec());
}

static void
writable_cb(evutil_socket_t fd unused, short what unused, void *data)
{
	link_flush(data);
}

static void
again_cb(evutil_socket_t fd unused, short what unused, void *data)
{
	link_flush(data);
}

static void
held_cb(evutil_socket_t fd unused, short what unused, void *data)
{
	struct logger *lg = data;

	if (lg->ipc == NULL)
		return;
	(void) event_add(lg->readable, NULL);
	link_work(lg);
}

static void
retry_cb(evutil_socket_t fd unused, short what unused, void *data)
{
	struct logger *lg = data;
	usec_t now = now_usec();

	sinks_retry(&lg->sinks, now);
	if (lg->unresumed)
		resume(lg, NULL);
	arm_timers(lg, now);
}

static void
collect_cb(evutil_socket_t fd unused, short what unused, void *data)
{
	struct logger *lg = data;
	usec_t now = now_usec();

	sinks_collect(&lg->sinks, now);
	arm_timers(lg, now);
}

static void
linger_cb(evutil_socket_t fd unused, short what unused, void *data)
{
	logger_finish(data);
}

/* -- life -------------------------------------------------------------------- */

static int
base_new(struct logger *lg)
{
	struct event_config *config = event_config_new();
	const struct timeval turn = { 0, 10000 };

	if (config == NULL)
		return -ENOMEM;
	(void) event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
	/* However many streams are busy, init is heard at least so often. */
	(void) event_config_set_max_dispatch_interval(config, &turn, 256, PRIORITY_STREAM);
	lg->base = event_base_new_with_config(config);
	event_config_free(config);
	return lg->base != NULL && event_base_priority_init(lg->base, PRIORITY_COUNT) == 0 ? 0 : -ENOMEM;
}

static int
events_new(struct logger *lg)
{
	const struct timeval far = { 3600, 0 };
	struct event **const timers[] = { &lg->retry, &lg->resume, &lg->again, &lg->linger };
	const event_callback_fn callbacks[] = { retry_cb, held_cb, again_cb, linger_cb };

	lg->readable = event_new(lg->base, ipc_fd(lg->ipc), EV_READ | EV_PERSIST, readable_cb, lg);
	lg->writable = event_new(lg->base, ipc_fd(lg->ipc), EV_WRITE, writable_cb, lg);
	lg->collect = event_new(lg->base, sinks_fd(&lg->sinks), EV_READ | EV_PERSIST, collect_cb, lg);
	if (lg->readable == NULL || lg->writable == NULL || lg->collect == NULL)
		return -ENOMEM;
	(void) event_priority_set(lg->collect, PRIORITY_LINK);
	(void) event_priority_set(lg->readable, PRIORITY_LINK);
	(void) event_priority_set(lg->writable, PRIORITY_LINK);
	/* All at once in the heap of timers: later none needs memory. */
	for (size_t i = 0; i < ARRAY_SIZE(timers); i++) {
		*timers[i] = evtimer_new(lg->base, callbacks[i], lg);
		if (*timers[i] == NULL)
			return -ENOMEM;
		(void) event_priority_set(*timers[i], PRIORITY_LINK);
		if (evtimer_add(*timers[i], &far) < 0)
			return -ENOMEM;
	}
	for (size_t i = 0; i < ARRAY_SIZE(timers); i++)
		(void) evtimer_del(*timers[i]);
	return event_add(lg->readable, NULL) == 0 && event_add(lg->collect, NULL) == 0 ? 0 : -ENOMEM;
}

static void
events_free(struct logger *lg)
{
	struct event *const events[] = { lg->readable, lg->writable, lg->retry, lg->resume,
					 lg->again,    lg->collect,  lg->linger };

	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		if (events[i] != NULL)
			event_free(events[i]);
}

/* The file that outlives us, if it is one. */
static int
check_ring(int fd)
{
	struct stat st;
	int flags;

	if (fd < 0)
		return -1;
	flags = fcntl(fd, F_GETFL);
	if (flags >= 0 && (flags & O_ACCMODE) == O_RDWR && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		(void) fcntl(fd, F_SETFD, FD_CLOEXEC);
		return fd;
	}
	log_warn("Descriptor %d cannot keep output; what waits for the disk will not outlive this process", fd);
	if (flags >= 0)
		(void) close(fd);
	return -1;
}

int
logger_new(struct logger **logger, int link_fd, int ring_fd)
{
	struct logger *lg = calloc(1, sizeof(*lg));
	struct rlimit limit;
	int r = -ENOMEM;

	if (lg == NULL) {
		(void) close(link_fd);
		if (ring_fd >= 0)
			(void) close(ring_fd);
		return -ENOMEM;
	}
	lg->ring_fd = check_ring(ring_fd);
	lg->ipc = ipc_new(link_fd);
	lg->buffer = malloc(STREAM_TURN);
	lg->store = store_new(lg->ring_fd);
	lg->nofile = getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (size_t) limit.rlim_cur : 1024;
	if (lg->ipc != NULL && lg->buffer != NULL && lg->store != NULL)
		r = base_new(lg);
	if (r == 0)
		r = sinks_init(&lg->sinks, lg->store, now_usec());
	if (r == 0)
		r = events_new(lg);
	if (r == 0) {
		lg->forwards = forwards_new(lg->base, FORWARD_SYSLOG, FORWARD_JOURNALD);
		r = lg->forwards != NULL ? 0 : -ENOMEM;
	}
	if (r < 0) {
		(void) logger_free(lg);
		return r;
	}
	lg->sinks.resume = resume_cb;
	lg->sinks.resume_data = lg;
	share_descriptors(lg);
	arm_timers(lg, now_usec());
	*logger = lg;
	return 0;
}

struct logger *
logger_free(struct logger *lg)
{
	struct stream *s, *next;

	if (lg == NULL)
		return NULL;
	DL_FOREACH_SAFE(lg->streams, s, next)
		(void) stream_free(s, now_usec());
	map_deinit(&lg->by_id);
	sinks_deinit(&lg->sinks);
	(void) forwards_free(lg->forwards);
	(void) store_free(lg->store);
	ipc_message_deinit(&lg->held);
	events_free(lg);
	if (lg->base != NULL)
		event_base_free(lg->base);
	(void) ipc_free(lg->ipc);
	if (lg->ring_fd >= 0)
		(void) close(lg->ring_fd);
	free(lg->buffer);
	free(lg);
	return NULL;
}

/* Write all there is: nobody will come after us, or only one who finds the store. */
static void
last_words(struct logger *lg)
{
	usec_t now = now_usec();
	const char *path = NULL;
	struct stream *s;
	size_t lost;
	int r;

	DL_FOREACH(lg->streams, s)
		stream_drain(lg, s, LAST_WORDS_MAX, now);
	r = sinks_flush(&lg->sinks, now, &path);
	if (r == -ETIMEDOUT && sinks_wait(&lg->sinks, now))
		r = sinks_flush(&lg->sinks, now, &path);
	if (r < 0)
		log_warn("%zu bytes of output were not written: %s: %s", store_bytes(lg->store), path, strerror(-r));
	lost = forwards_last_words(lg->forwards);
	if (lost > 0)
		log_warn("%zu lines of output were not forwarded", lost);
}

int
logger_run(struct logger *lg)
{
	while (!lg->done)
		if (event_base_loop(lg->base, EVLOOP_NO_EXIT_ON_EMPTY) < 0) {
			log_error("The event loop failed: %s", strerror(errno));
			last_words(lg);
			return -EIO;
		}
	last_words(lg);
	return 0;
}

size_t
logger_raise_nofile(void)
{
	struct rlimit limit = { NOFILE_WANTED, NOFILE_WANTED };

	if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return (size_t) limit.rlim_cur;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	(void) setrlimit(RLIMIT_NOFILE, &limit);
	(void) getrlimit(RLIMIT_NOFILE, &limit);
	return (size_t) limit.rlim_cur;
}
