/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The lines of one stream on their way into a log that has the time before each, or is JSON (`log format`):
 *
 *     2026-11-23T09:30:00.250Z what was said
 *     {"time":"2026-11-23T09:30:00.250Z","job":"web","instance":"","process":"main","pid":812,"line":"what was said"}
 *
 * Nothing is held back until a line ends: what has come of a line is written, and the rest of it behind that. When
 * another stream writes to the same log meanwhile, the line is ended there (in JSON with "more":true), and what comes
 * of it later is a line of its own. So no line is ever torn, none is too long, and a logger that dies has nothing to
 * lose.
 */

#include <stdbool.h>

#include "common/msg.h"

#define LINE_STAMP_SIZE sizeof("2026-11-23T09:30:00.250Z")

/* A time (microseconds since 1970) as it stands in logs, with its NUL. */
void line_stamp(usec_t when, char stamp[LINE_STAMP_SIZE]);

struct line {
	uint32_t format; /* enum msg_log_format */
	char *head;	 /* owned; of JSON: what stands between the time and the text */
	bool begun;	 /* a line has been begun and not ended */
	char carry[4];	 /* of JSON: the beginning of a character that is not complete */
	size_t n_carry;
};

/* For the stream that *open tells of. 0 or -ENOMEM. */
int must_check line_init(struct line *line, const struct msg_log_open *open);
void line_deinit(struct line *line); /* idempotent */

/*
 * Take from the front of *in as much as fits into buf, at least something if size is LINE_SIZE_MIN; how much of buf is
 * filled. `when` is the time of the lines that begin. Not for MSG_LOG_PLAIN.
 */
size_t line_put(struct line *line, struct span *in, usec_t when, char *buf, size_t size);
#define LINE_SIZE_MIN ((size_t) 16 * 1024)

/*
 * End a line that is begun: for ever, or because somebody else has to write. How much of buf, of LINE_END_MAX bytes, is
 * filled: 0 if none is begun.
 */
size_t line_end(struct line *line, bool for_ever, char *buf);
#define LINE_END_MAX ((size_t) 32)
