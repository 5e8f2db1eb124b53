/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The lines of a log on their way to stdout: those since a time, or the last ones.
 *
 * As JSON each line is an object with the line as text; one that is JSON already, in logs of that format, stays as it is
 * if it is whole.
 * A line without time stamp belongs to the one with a stamp before it. Ends the program when memory runs out.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/str.h"
#include "initctl/log_time.h"

struct log_output {
	uint64_t skip; /* lines that are passed over first */
	usec_t since;  /* microseconds since 1970; 0: all lines */
	/* where in a line we are */
	char head[LOG_STAMP_MAX]; /* of a line whose time is not known yet */
	size_t n_head;
	bool within; /* behind the head */
	bool shown;  /* lines are, at present */
	/* the last lines, when only they are wanted */
	uint64_t last;	     /* how many; 0: all are printed at once */
	struct strbuf *ring; /* owned */
	size_t ring_used, ring_at;
	bool ring_within; /* its last line has not ended */
	/* as JSON */
	bool json;
	struct strbuf text; /* owned: what has come of a line */
	bool pieces;	    /* and some of the line has been printed */
};

#define LOG_OUTPUT_INIT                                                                                                \
	{                                                                                                              \
		.shown = true                                                                                          \
	}

/* Print what has come of the last line, if it has not been, and free all; idempotent. */
void log_output_deinit(struct log_output *out);

/* The next bytes of the log. */
void log_output_add(struct log_output *out, const char *p, size_t n);
/* Another file follows: what it begins with is shown until a stamp says otherwise. */
void log_output_next_file(struct log_output *out);
/* Print what is held back, and from now on all at once. */
void log_output_flush(struct log_output *out);
