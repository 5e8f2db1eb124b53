/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A method call on its way: from the client's message to its answer.
 *
 * A handler owns the call it is given and must, exactly once, hand it to one of the functions
 * that end it (call_return, call_reply, call_error, call_unknown) or to call_ask(), which keeps it
 * until init has replied. Every call that waits for init has a number in `control->by_number`.
 *
 * A client that leaves cancels nothing it asked for (control.md 7.2): only its call is forgotten.
 */

#include "control/path.h"

struct method;
struct objects;
struct property;

/* Ends the call with what init said; the reply carries no error. */
typedef void (*call_finish_fn)(struct call *call, const struct msg_reply *reply);

struct call {
	struct call *prev, *next;
	struct control *control; /* borrowed */
	struct peer *peer;	 /* borrowed; NULL: nobody waits for the answer */
	DBusMessage *message;	 /* ref; NULL: control itself asks */
	const struct method *method;
	struct object object;
	int32_t uid; /* the caller's, -1 unknown */
	int32_t pid; /* the caller's, 0 unknown */
	char *root;  /* owned: of the caller's chroot session; NULL: none */

	call_finish_fn finish;
	void (*gone)(struct call *call); /* instead of call_unknown() when init does not know the object */
	/* When the answer comes in parts: begins it, again when init was replaced; takes each but the last. */
	void (*begin)(struct call *call);
	void (*part)(struct call *call, const struct msg_reply *reply);
	struct objects *objects; /* owned: what they make */
	bool lasting;			 /* `finish` does more than answer: kept when the client leaves */
	bool joining;			 /* waits for the bus, not for init */
	const struct property *property; /* Get, Set */
	char *name;			 /* owned: what the handler needs again */
	char **list;			 /* owned: as well */

	uint64_t number;    /* 0: not sent to init */
	bool query;	    /* to be asked again when init was replaced */
	struct strbuf body; /* owned: the encoded query */
	int fd;		    /* borrowed: what came with init's answer; -1: nothing */
	size_t cost;	    /* bytes it makes us keep */
};

/* A call from a client's message, in the list of all calls. NULL: out of memory. */
struct call *call_new(struct control *control, struct peer *peer, DBusMessage *message);
/* End a call without answering. */
void call_free(struct call *call);

/* Answer and end. `reply` is consumed; NULL means that memory was lacking to make it. */
void call_reply(struct call *call, DBusMessage *reply);
void call_return(struct call *call); /* with an empty reply */
void call_error(struct call *call, const char *name, const char *fmt, ...) printf_like(3, 4);
/* Is so much queued for the bus that this caller gets no answers now? */
bool call_is_crowded(const struct call *call);
#define CALL_CROWDED "Too many answers are waiting"
/* "Method … doesn't exist": no such object, interface, member or property (control.md 3). */
void call_unknown(struct call *call);

/* An empty reply to fill, or NULL (out of memory, or a call without message). */
DBusMessage *call_reply_new(const struct call *call);
/* Send it, which is taken; where it could not be filled (only without memory) an error goes in its place. */
void call_reply_filled(struct call *call, DBusMessage *answer, bool filled);

/*
 * Ask init. The number, the caller and the object's names are filled in here where the request has none.
 * `fd` travels along unless it is -1; it stays the caller's.
 */
void call_ask(struct call *call, struct msg_request *request, call_finish_fn finish, int fd);
/* The same with several descriptors; at most IPC_MAX_FDS. */
void call_ask_with(struct call *call, struct msg_request *request, call_finish_fn finish, const int *fds, size_t n_fds);
/* Run `finish` once it is sure that the object exists, with its properties (NULL for the manager). */
void call_require_object(struct call *call, call_finish_fn finish);

/*
 * init's answer to the call of that number, with a descriptor that stays the caller's, or -1; unknown numbers are of
 * clients that left, or of a former control.
 */
void call_answered(struct control *control, struct msg_reply *reply, int fd);
/* init was replaced: ask the unanswered queries again. */
void call_ask_again(struct control *control);
/* The connection is gone. */
void call_forget_peer(struct control *control, const struct peer *peer);

/* Finish functions that many methods share. */
void call_finish_empty(struct call *call, const struct msg_reply *reply);
void call_finish_value(struct call *call, const struct msg_reply *reply); /* s */
void call_finish_list(struct call *call, const struct msg_reply *reply);  /* as */

/* Arguments, in the order of the signature that has been checked. */
struct args {
	DBusMessageIter it;
	bool failed; /* memory was lacking */
};

void args_init(struct args *args, const struct call *call);
const char *args_string(struct args *args); /* borrowed from the message */
bool args_bool(struct args *args);
char **args_strv(struct args *args); /* the caller's; NULL when empty */
int args_fd(struct args *args);	     /* the caller's, or -1 */
