/* SPDX-License-Identifier: MIT */
/*
 * Reading job output. Knows terminals: their master says EIO, not end of file, when the last
 * process has closed the other side.
 */
#include "logger/stream.h"

#include <errno.h>
#include <fcntl.h>

int
stream_new(struct stream **stream, struct sinks *sinks, struct forwards *forwards, const struct msg_log_open *open,
	   int fd, struct event_base *base, event_callback_fn ready)
{
	struct stream *s = calloc(1, sizeof(*s));
	int flags = fcntl(fd, F_GETFL);

	if (s == NULL)
		return -ENOMEM;
	s->id = open->stream;
	s->fd = -1;
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		int r = -errno;

		free(s);
		return r;
	}
	if (line_init(&s->line, open) < 0 || forward_new(&s->forward, forwards, open) < 0 ||
	    forward_new_printer(&s->print, forwards, open) < 0 ||
	    (*open->path != '\0' && (s->sink = sinks_get(sinks, open->path)) == NULL)) {
		(void) stream_free(s, 0);
		return -ENOMEM;
	}
	errno = 0;
	if (event_assign(&s->event, base, fd, EV_READ | EV_PERSIST, ready, s) < 0 || event_add(&s->event, NULL) < 0) {
		int r = errno == EPERM || errno == EBADF || errno == EINVAL ? -errno : -ENOMEM;

		(void) stream_free(s, 0);
		return r;
	}
	s->fd = fd;
	*stream = s;
	return 0;
}

struct stream *
stream_free(struct stream *s, usec_t now)
{
	if (s == NULL)
		return NULL;
	if (event_initialized(&s->event))
		(void) event_del(&s->event);
	if (s->fd >= 0)
		(void) close(s->fd);
	if (s->sink != NULL) {
		sink_end_line(s->sink, &s->line, now);
		sink_put(s->sink);
	}
	(void) forward_free(s->forward);
	(void) forward_free(s->print);
	line_deinit(&s->line);
	free(s);
	return NULL;
}

void
stream_pause(struct stream *s)
{
	(void) event_del(&s->event);
	s->paused = true;
}

int
stream_resume(struct stream *s)
{
	if (s->paused && event_add(&s->event, NULL) < 0)
		return -ENOMEM;
	s->paused = false;
	return 0;
}

bool
stream_read(struct stream *s, char *buf, size_t max, usec_t now, size_t *moved)
{
	size_t got = 0;
	bool open = true;

	if (max > STREAM_TURN)
		max = STREAM_TURN;
	/* A terminal gives 4 KiB at a time; write them to the file in one piece. */
	while (got < max) {
		ssize_t n = read(s->fd, buf + got, max - got);

		if (n > 0) {
			got += (size_t) n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		open = n < 0 && errno == EAGAIN;
		break;
	}
	if (got > 0) {
		if (s->sink != NULL)
			sink_write_lines(s->sink, &s->line, buf, got, now);
		forward_add(s->forward, buf, got);
		forward_add(s->print, buf, got);
	}
	if (moved != NULL)
		*moved = got;
	return open;
}
