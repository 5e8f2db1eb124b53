/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Copies of what jobs print for syslog and the journal of systemd (`log forward`), a line a message; and for standard
 * output (init --log-stdout), a line with the name of its job before it.
 *
 * Only copies: the log file, where there is one, has all. A receiver that is not there or does not keep up never holds anybody up: what
 * it can't take waits, a bounded number of bytes, and what does not fit is counted, and told to the receiver when it
 * listens again, and once to init.
 */

#include <event2/event.h>
#include <stdbool.h>

#include "common/msg.h"

#define FORWARD_LINE_MAX ((size_t) 8192)	/* bytes; a longer line is several messages */
#define FORWARD_QUEUE_MAX ((size_t) 256 * 1024) /* bytes that wait for one receiver */

struct forwards; /* the receivers */

/* Where they listen; both are copied. NULL: out of memory. */
struct forwards *forwards_new(struct event_base *base, const char *syslog, const char *journald);
struct forwards *forwards_free(struct forwards *all); /* takes NULL, returns NULL; what still waits is lost */
#define FORWARD_SYSLOG "/dev/log"
#define FORWARD_JOURNALD "/run/systemd/journal/socket"

/* Send what can be sent now: nobody will come after us. How many messages are lost. */
size_t forwards_last_words(struct forwards *all);

struct forward; /* the lines of one stream */

/* As *open says; *forward is NULL when nothing is forwarded. 0 or -ENOMEM. */
int must_check forward_new(struct forward **forward, struct forwards *all, const struct msg_log_open *open);
/* For standard output, as open->print says. */
int must_check forward_new_printer(struct forward **forward, struct forwards *all, const struct msg_log_open *open);
/* What the stream has printed; takes NULL. */
void forward_add(struct forward *forward, const char *p, size_t n);
/* The stream is over: a line that has no end is sent as well. Takes NULL, returns NULL. */
struct forward *forward_free(struct forward *forward);
