/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The link to init: what comes over it is told to the other files, in its order.
 *
 * Effects (replies to requests, notices) carry ascending ids; one that has been seen is not
 * handled twice, and what has been seen is acknowledged once per turn of the loop. When the link
 * ends, init is gone and so are we.
 */

#include "control/control.h"

/* Take over the descriptor and listen for the first HELLO. 0 or a negative errno. */
int must_check link_open(struct control *control, int fd);
void link_close(struct control *control); /* takes an unopened one */

/* Send an encoded MSG_REQUEST; it is kept until init acknowledges it. The descriptors stay the caller's. */
int must_check link_send_request(struct link *link, const struct strbuf *body, const int *fds, size_t n_fds);
/* The same of an encoded MSG_SAID; with one, or -1. *number: of the message, for words_acknowledged(). */
int must_check link_send_said(struct link *link, const struct strbuf *body, int fd, uint64_t *number);
int must_check link_send_audience(struct link *link, bool subscribers);
int must_check link_send_query(struct link *link, const struct strbuf *body);
