/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Answers to queries, from looking into the core.
 */

#include "init/init.h"

/*
 * Fill *reply (zeroed; release it with wire_free_struct()). 0; -EAGAIN: what is asked about is about to be
 * known, the question should wait; -ENOMEM.
 */
int must_check query_answer(struct init *init, const struct msg_request *m, struct msg_reply *reply);
/* Make *reply an error; 0 or -ENOMEM. */
int must_check query_refuse(struct msg_reply *reply, const char *name, const char *fmt, ...) printf_like(3, 4);
