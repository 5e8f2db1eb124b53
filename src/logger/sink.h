/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Log files: one sink per path, shared by all streams that write there.
 *
 * A sink opens its file at the first output, notices when the name no longer leads to the file
 * it has open (deleted, renamed, replaced) and opens it anew, and keeps what cannot be written
 * in a bounded queue until it can (runtime.md sections 13 and 19.30).
 */

#include <stdbool.h>

#include "common/map.h"
#include "logger/file.h"
#include "logger/line.h"
#include "logger/store.h"

struct sink;

/* All sinks of a logger. */
struct sinks {
	struct map by_path;
	struct sink *all;     /* in order of creation; owned */
	struct sink *open;    /* with an open file, the least recently written first */
	struct sink *waiting; /* with something in their queue, the first to fail first */
	struct sink *busy;    /* whose write takes its time, the longest first */
	size_t n_open;
	size_t max_open;     /* files open at a time */
	struct store *store; /* borrowed */
	usec_t next_retry;   /* no sink is due before */
	bool released;	     /* keep no file open, only buffer */
	bool closes;	     /* keep none open that is not written to */
	unsigned budget;     /* warnings that may still be given */
	usec_t budget_at;    /* when it was last filled up */
	unsigned suppressed;
	usec_t (*wall)(void);			    /* microseconds since 1970 */
	usec_t now;				    /* of sinks_collect() */
	void (*resume)(struct sink *s, void *data); /* see sink_is_busy(); may be NULL */
	void *resume_data;
	struct workers *workers; /* owned */
	char *buffer;		 /* owned; what is to be written */
	char *spare;		 /* owned; the next one, if a thread keeps that; NULL: to be made */
	char *lines;		 /* owned; for making lines */
	struct old_files *old;	 /* owned */
};

/* 0 or -ENOMEM. Takes over what `store` holds from before. `now` is any monotonic time, here and below. */
int must_check sinks_init(struct sinks *ss, struct store *store, usec_t now);
void sinks_deinit(struct sinks *ss); /* idempotent; what waits stays in the store if that has a file */

/* The sink of `path` (cut as log_name() says), with one more user; NULL: out of memory. */
struct sink *sinks_get(struct sinks *ss, const char *path);
/* One user less: without users a sink goes as soon as nothing waits in it. */
void sink_put(struct sink *s);

/* When its file becomes an old one. The last one said holds for all who share the file. */
void sink_limit(struct sink *s, const struct file_limits *limits);

/*
 * Does a write take its time? Then better don't read what it is for: the job waits for its disk, instead of losing
 * output. sinks.resume is called when that is over, or has lasted for too long.
 */
bool sink_is_busy(const struct sink *s);

/* Write, or keep until it can be written. Loses nothing silently. */
void sink_write(struct sink *s, const char *p, size_t n, usec_t now);
/*
 * The same for output that is made into lines (NULL: as it is). A line that another stream has begun is ended before.
 */
void sink_write_lines(struct sink *s, struct line *line, const char *p, size_t n, usec_t now);
/* A stream ends: so does the line it has begun. */
void sink_end_line(struct sink *s, struct line *line, usec_t now);

/*
 * Write all that waits. 0, or the first negative errno and the path that has it (borrowed); -ETIMEDOUT: a write is
 * not done yet. Something else in the place of a log file (a link, a folder, a pipe) does not count: it is there until
 * somebody takes it away, and only that file's output waits for it, as long as a job writes there.
 */
int must_check sinks_flush(struct sinks *ss, usec_t now, const char **path);
/* Try again those that are due. */
void sinks_retry(struct sinks *ss, usec_t now);
/* When sinks_retry() should be called next; UINT64_MAX: nothing waits. */
usec_t sinks_next_retry(const struct sinks *ss);

/* Readable when a write that took its time has ended: then sinks_collect() is to be called. */
int sinks_fd(const struct sinks *ss);
void sinks_collect(struct sinks *ss, usec_t now);
/* Wait until no write is on its way, for some seconds at most. False: there still is. */
bool sinks_wait(struct sinks *ss, usec_t now);

/* No more than `max` files open at a time (at least 1). */
void sinks_limit_open(struct sinks *ss, size_t max);
/* From now on close each file as soon as nothing waits to be written to it, or no longer do so. */
void sinks_close(struct sinks *ss, bool close);
/* Write what can be written, close all files, compress no more, and only buffer from now on until the next
 * sinks_flush(). */
void sinks_release(struct sinks *ss, usec_t now);
