/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the methods of manager and jobs share: reading arguments that are checked the same way, and answers
 * made of object paths.
 */

#include "control/call.h"

/* Ask init for something that needs no arguments but the object. */
void request_simple(struct call *call, enum request_action action, call_finish_fn finish);

/* Requests take strings that they do not change; the structure is shared with who owns them. */
#define REQUEST_BORROW(s) ((char *) (uintptr_t) (s))

/* False: memory was lacking for an argument; the call has been answered. */
bool request_args_ok(struct call *call, const struct args *args);
/*
 * The client's own name of the request: at most REQUEST_TOKEN_MAX bytes, "" is none.
 * False: the call has been answered.
 */
bool request_token(struct call *call, struct args *args, struct msg_request *request);
bool request_set_token(struct call *call, const char *token, struct msg_request *request);
#define REQUEST_TOKEN_MAX 255

/* Answer with one path (owned by the caller, NULL: out of memory), or a sorted array of the paths of all names. */
void request_reply_path(struct call *call, const char *path);
void request_reply_paths(struct call *call, char **names, char *(*path_of)(const struct call *call, const char *name));

/* Order names in place. */
void request_sort(char **names);
