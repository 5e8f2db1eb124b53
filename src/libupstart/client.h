/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Inside libupstart: one connection, one call at a time, and what happens when the other side goes away.
 */

#include <dbus/dbus.h>

#include <stdint.h>

#include "libupstart/upstart.h"

#define MANAGER_PATH "/com/ubuntu/Upstart"
#define MANAGER_INTERFACE "com.ubuntu.Upstart0_6"
#define JOB_INTERFACE "com.ubuntu.Upstart0_6.Job"
#define INSTANCE_INTERFACE "com.ubuntu.Upstart0_6.Instance"
/* What only Upstart 2 has: requests that carry a token. */
#define MANAGER2_INTERFACE "com.ubuntu.Upstart2"
#define JOB2_INTERFACE "com.ubuntu.Upstart2.Job"
#define INSTANCE2_INTERFACE "com.ubuntu.Upstart2.Instance"
#define ALL_INTERFACES "" /* of properties */

#define WATCHES_MAX 4 /* libdbus has one for reading and one for writing */

struct upstart {
	enum upstart_transport transport;
	char *where;          /* owned: address or bus name */
	DBusConnection *dbus; /* owned, private; NULL while there is none */
	DBusWatch *watches[WATCHES_MAX]; /* borrowed from libdbus: what it waits for; NULL: free */
	int64_t opened;       /* when, ms */
	bool heard;           /* something arrived on this connection */
	bool resent;          /* the last call was sent more than once */
	unsigned int quick;   /* ms */
	unsigned int retry;   /* ms */
	struct client_async *async; /* owned: requests that are not answered yet, in order */
	upstart_signal_fn signal; /* who hears of signals; NULL: nobody */
	void *signal_data;
	bool queued; /* they want to hear of queued events */
};

enum call_mode {
	CALL_AGAIN,      /* quick; may be repeated, so it is sent again once when the connection is lost */
	CALL_ONCE,       /* quick; never sent twice */
	CALL_WAIT_ONCE,  /* no time limit; never sent twice */
	CALL_TOKEN,      /* quick; the same request when sent again, so it is until answered */
	CALL_WAIT_TOKEN, /* the same without time limit */
};

struct call {
	const char *path;
	const char *interface;
	const char *member;
	enum call_mode mode;
	/*
	 * One letter per argument: s string, a array of strings (char *const *), b bool (int), v string as a
	 * variant, h descriptor (int), d the two names that say whose environment is meant (two char *), e the options of
	 * an event (const struct upstart_emit_options *) and a token (const char *), A array of
	 * arrays of strings (char *const *const *), o options of a state (unsigned int).
	 */
	const char *format;
};

/* Fill `err` (may be NULL) and return `code`. */
int client_error(struct upstart_error *err, int code, const char *name, const char *text);
int client_nomem(struct upstart_error *err);
/* Hand `ours` over with the result `r`: `err` (may be NULL) becomes it, or is cleared when r is 0. Returns r. */
int client_error_move(int r, struct upstart_error *ours, struct upstart_error *err);
/*
 * True if `r` and `ours`, of the last call, mean that init has no such method and an older way must be tried;
 * `ours` is cleared. Otherwise client_error_move().
 */
bool client_fall_back(const struct upstart *u, int r, struct upstart_error *ours, struct upstart_error *err);

/* Append the options of an event, a{sv}. 0 or a negative errno. */
int client_append_options(DBusMessageIter *iter, const struct upstart_emit_options *options, const char *token,
			  struct upstart_error *err);

/* Open u->dbus; whatever was there is closed. */
int client_open(struct upstart *u, struct upstart_error *err);
void client_close(struct upstart *u);

/* The message of a call; the caller's to unref. */
int client_message(const struct upstart *u, const struct call *call, DBusMessage **message, struct upstart_error *err, ...);

/*
 * Send `message` and have `answer` called later. `older`: what is sent instead to an init that does not know the first,
 * which has a token then; NULL: there is no token, it is sent once. Takes both messages, also when it fails.
 */
int client_async(struct upstart *u, DBusMessage *message, DBusMessage *older, upstart_answer_fn answer, void *data,
		 struct upstart_error *err);
void client_async_suspend(struct upstart *u); /* the connection goes */
void client_async_resume(struct upstart *u);  /* there is a new one */
/* Answer all that is asked now. */
void client_async_fail(struct upstart *u, int result, const char *name, const char *text);

/* Open it again after it was lost, patiently: until init lets us in, or nobody listens any more. 0 or -ENOTCONN. */
int client_reopen(struct upstart *u, struct upstart_error *err);

/* A signal has come: tell who wants to know. */
void client_signal(struct upstart *u, DBusMessage *message);
/* Ask for the signals that init sends to those only who ask; nobody waits for the answer. 0, or -ENOMEM. */
int client_ask_queued(const struct upstart *u, struct upstart_error *err);
/* On a bus: ask for init's signals. 0, or -ENOMEM. */
int client_match(const struct upstart *u, struct upstart_error *err);

/* Make the call and wait for its answer; *reply (may be NULL: not wanted) is the caller's to unref. */
int client_call(struct upstart *u, const struct call *call, DBusMessage **reply, struct upstart_error *err, ...);
/* A call of the manager without arguments whose answer has no content. */
int client_call_plain(struct upstart *u, const char *member, enum call_mode mode, struct upstart_error *err);

/* The only content of a reply: type is DBUS_TYPE_STRING or DBUS_TYPE_OBJECT_PATH. */
int client_reply_string(DBusMessage *reply, int type, char **value, struct upstart_error *err);
int client_reply_strv(DBusMessage *reply, int type, char ***values, struct upstart_error *err);
int client_reply_malformed(struct upstart_error *err);

/* A property that is a string. */
int client_property(struct upstart *u, const char *path, const char *interface, const char *name, char **value,
		    struct upstart_error *err);

/* All properties of one interface, each given to `read` once; its negative result ends the reading. */
typedef int (*client_read_fn)(void *data, const char *name, DBusMessageIter *value, struct upstart_error *err);
int client_properties(struct upstart *u, const char *path, const char *interface, client_read_fn read, void *data,
		      struct upstart_error *err);

/* Copies of the strings an array iterator stands on. */
int client_iter_strv(DBusMessageIter *array, int type, char ***values, struct upstart_error *err);

/* Job and instance of an instance's path, which is cut up. False: it is none, or memory is lacking. */
bool client_read_path(const char *path, char **job, char **instance);

/* Random hexadecimal digits that name a request. */
#define TOKEN_BYTES 16
#define TOKEN_SIZE (2 * TOKEN_BYTES + 1)
int client_token(char token[TOKEN_SIZE], struct upstart_error *err);
