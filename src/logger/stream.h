/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Streams: the output of one process each, read from the master of its terminal.
 */

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>

#include "logger/forward.h"
#include "logger/sink.h"

struct stream {
	struct stream *prev, *next;
	uint64_t id; /* what init calls it */
	int fd;	     /* owned */
	struct event event;
	struct sink *sink; /* one use of it is held; NULL: no file */
	struct line line;
	struct forward *forward; /* owned; NULL: nobody else gets it */
	struct forward *print;	 /* owned; NULL: it is not printed */
	bool paused;		 /* not watched: its sink is busy */
	void *owner;		 /* borrowed, for the callback */
};

/* Read what a stream has, at most this much in one turn, so that a flood leaves turns to the others. */
#define STREAM_TURN ((size_t) 64 * 1024)

/*
 * A stream over `fd` (owned on success, made non-blocking), logged as *open says, watched in `base`: `ready` is called
 * with the stream as its argument. 0; -ENOMEM: try again; other negative errno: this descriptor can't be watched.
 */
int must_check stream_new(struct stream **stream, struct sinks *sinks, struct forwards *forwards,
			  const struct msg_log_open *open, int fd, struct event_base *base, event_callback_fn ready);
/* Takes NULL, returns NULL. A line that is begun ends `now`. */
struct stream *stream_free(struct stream *s, usec_t now);

/* Don't watch it as long as its sink is busy. */
void stream_pause(struct stream *s);
/* 0, also when it was not paused, or -ENOMEM. */
int must_check stream_resume(struct stream *s);

/*
 * Move up to `max` bytes to the log through `buf` (STREAM_TURN bytes). True: there may be more, now
 * or later; false: the stream has come to its end. *moved (may be NULL): how much.
 */
bool stream_read(struct stream *s, char *buf, size_t max, usec_t now, size_t *moved);
