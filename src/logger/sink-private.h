/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A sink from inside: what sink.c, which writes, and sinks.c, which sees to all of them, share.
 */

#include "logger/sink.h"

#define BUFFER_SIZE ((size_t) 64 * 1024) /* bytes written at a time */
#define LINES_SIZE ((size_t) 32 * 1024)	 /* bytes of lines that are made at a time */
#define WARN_BURST 5u			 /* warnings at once … */
#define WARN_REFILL (30 * USEC_PER_SEC)	 /* … and one more for each such time */

struct sink {
	struct sink *prev, *next;	    /* in sinks.all */
	struct sink *open_prev, *open_next; /* in sinks.open */
	struct sink *wait_prev, *wait_next; /* in sinks.waiting */
	struct sink *busy_prev, *busy_next; /* in sinks.busy */
	bool waiting;
	struct sinks *sinks; /* borrowed */
	char *path;	     /* owned */
	unsigned users;
	struct names *names; /* ref */
	struct file file;    /* a thread's while that writes */
	bool open;	     /* as known here */
	struct file_limits limits;
	bool limits_changed;
	struct line *line; /* the line that is begun and not ended; borrowed */
	bool fresh;	   /* what is written next begins a line */
	bool owed;	   /* the same, and was refused: it comes again, before all else */
	/* what is being written */
	struct work work;
	struct file_write op;
	bool busy;     /* it takes its time */
	char *in_hand; /* owned: the bytes, then */
	usec_t since;  /* since when, then */
	bool hangs;    /* for so long that its streams are read in spite of it */
	bool closing;  /* the file is to be closed when it is done */
	struct store_queue queue;
	bool failing; /* the last attempt failed; has been told */
	int error;    /* of the last failed attempt, negative */
	usec_t tried; /* the last failed attempt */
	usec_t retry; /* the next one */
	usec_t delay;
};

/* A sink without users; NULL: out of memory. */
struct sink *sink_new(struct sinks *ss, const char *path);
void sink_free(struct sink *s);
/* It goes when nobody needs it; what waits in it goes when it can never be written and nobody prints more. */
void sink_free_if_unused(struct sink *s);
void sink_give_up_if_final(struct sink *s, usec_t now);
/* Waiting won't mend it: somebody has put something else where the file should be. */
bool sink_error_is_final(int r);
/* Close its file, now or when the thread that has it is done. */
void sink_close(struct sink *s);
/* Write what waits in it. 0, -EINPROGRESS, or the error that keeps the rest waiting. */
int sink_flush(struct sink *s, usec_t now);
/* Keep the list of waiting sinks in step with its queue. */
void sink_update_waiting(struct sink *s);

/* Close the file that was not written for the longest time. False: none is open that is not in use. */
bool sinks_close_oldest(struct sinks *ss);
/* May one more warning be given? Many files fail for one reason: its first few are enough. */
bool sinks_may_warn(struct sinks *ss, usec_t now);
