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
/* The same for the properties of all jobs and instances of the caller's session: `fn` is called with each. */
typedef void (*query_object_fn)(struct init *init, const struct msg_request *m, struct msg_reply *reply);
int must_check query_objects(struct init *init, const struct msg_request *m, query_object_fn fn);
/* Make *reply an error; 0 or -ENOMEM. */
int must_check query_refuse(struct msg_reply *reply, const char *name, const char *fmt, ...) printf_like(3, 4);
