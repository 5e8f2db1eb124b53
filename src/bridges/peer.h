/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A D-Bus connection that comes back.
 *
 * A peer is `up` from the first answer of the other side until the connection is lost; then it is tried again by
 * itself: every 100 ms for 10 s, after that in ever longer pauses, up to 10 s, or not at all if it has a limit.
 */

#include <dbus/dbus.h>
#include <event2/event.h>
#include <stdbool.h>

#include "common/error.h"
#include "common/macros.h"

#define MANAGER_PATH "/com/ubuntu/Upstart"
#define MANAGER_INTERFACE "com.ubuntu.Upstart0_6"
#define JOB_INTERFACE "com.ubuntu.Upstart0_6.Job"
/* What only Upstart 2 has: requests that carry a token, more properties. */
#define MANAGER2_INTERFACE "com.ubuntu.Upstart2"
#define JOB2_INTERFACE "com.ubuntu.Upstart2.Job"

enum peer_kind {
	PEER_PRIVATE,    /* the other side itself */
	PEER_SYSTEM_BUS, /* the system bus */
};

struct peer_ops {
	/* Each may be NULL. None may free the peer. */
	void (*up)(void *data);
	/* Lost: nothing that was asked will be answered. Or, not `was_up`, closed by the other side without a word. */
	void (*down)(void *data, bool was_up);
	/* It was not had back within the limit: no more tries. */
	void (*gone)(void *data);
	/* Also before it is up. */
	void (*signal)(void *data, DBusMessage *message);
};

struct peer;

/*
 * `address` may be NULL for PEER_SYSTEM_BUS: the usual one; `name` is what messages call it; `limit` how long a lost
 * connection is tried again, 0 for ever. `address` is copied, the others are borrowed. NULL: out of memory.
 */
struct peer *peer_new(struct event_base *base, enum peer_kind kind, const char *address, const char *name, usec_t limit,
		      const struct peer_ops *ops, void *data);
struct peer *peer_free(struct peer *peer); /* takes NULL, returns NULL */

/*
 * Try for the first time, now. -EINVAL: the address is none; -ENOTCONN: nobody is there; peer_retry() tries on. For
 * both `err` has a text for the user.
 */
int must_check peer_connect(struct peer *peer, struct error *err);
void peer_retry(struct peer *peer);

bool peer_is_up(const struct peer *peer);

/* `reply` is a method return or an error. A call whose connection is lost is never answered, only freed. */
typedef void (*peer_reply_fn)(void *data, DBusMessage *reply);

/*
 * Send a call; `message` is unref'ed in any case and may be NULL, for out of memory. `release` (may be NULL) is called
 * with `data` when it is not needed any more, also on failure. 0, -ENOTCONN or -ENOMEM.
 */
int must_check peer_call(struct peer *peer, DBusMessage *message, peer_reply_fn reply, void *data,
			 void (*release)(void *data));

/* The text of an error reply, copied into `buffer` without a newline at its end; NULL if `reply` is not an error. */
const char *peer_error_text(DBusMessage *reply, char buffer[ERROR_TEXT_MAX]);
