/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where init's own messages go. Nothing here blocks: lines wait in a bounded ring and leave it by writes that do
 * not wait; what does not fit is counted, and the count is told.
 *
 * Session: up to level message on standard output without prefix, worse ones on standard error as
 * "init: LINE". PID 1: the kernel's log, as "<P>init: LINE".
 */

#include "common/log.h"
#include "system/loop.h"

struct sink;

/* A sink on descriptors 1 and 2; NULL when out of memory. `program` is borrowed. */
struct sink *sink_new(const char *program);
struct sink *sink_free(struct sink *sink); /* takes NULL, returns NULL; writes what can be written */

/* From now on write to that file (the kernel's log) instead; opened when there is something to say. */
void sink_use_file(struct sink *sink, const char *path);
/* From now on all goes to standard error, with the program's name before it: standard output is the jobs'. */
void sink_use_stderr(struct sink *sink);

/*
 * Besides the file, the console hears what is worth a message, unless the kernel shows it there anyway. The way down is
 * watched. It stays open: closing a line that nobody reads may wait.
 */
void sink_use_console(struct sink *sink, bool use);

/*
 * Lines that could not be written at once are tried again by this loop, after a delay that doubles up to a second. A file
 * that can't be opened is tried for half a minute, then with each new line. 0 or -ENOMEM.
 */
int must_check sink_attach(struct sink *sink, struct loop *loop);

/* A log_sink_fn; `data` is the sink. */
void sink_write(enum log_level level, const char *text, void *data);

/* "PROGRAM: TEXT", without the blank when the text's first blank or colon is a colon. Writes at most size - 1 bytes. */
void sink_prefix(const char *program, const char *text, char *buf, size_t size);
