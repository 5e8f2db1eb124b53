/* SPDX-License-Identifier: MIT */
/*
 * One event of the loop, `turn`, does all that changes the state: the next try, the end of patience with an opening
 * that nobody answers, and the clean-up of a lost connection, which must not happen inside libdbus.
 */
#include "bridges/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/timing.h"
#include "bus/watch.h"
#include "common/backoff.h"
#include "common/log.h"
#include "common/private.h"
#include "common/str.h"

#define RETRY_FIRST (100 * USEC_PER_MSEC)
#define RETRY_EAGER (10 * USEC_PER_SEC) /* how long at that pace */
#define RETRY_LAST (10 * USEC_PER_SEC)
/* The other side accepted the connection but does not say a word: it may be re-executing, or stuck. */
#define OPENING_LIMIT (30 * USEC_PER_SEC)
#define RECEIVED_MAX (32L * 1024 * 1024) /* bytes of messages not yet handled */

enum peer_state {
	PEER_IDLE,    /* never tried, or given up */
	PEER_WAITING, /* for the next try */
	PEER_OPENING, /* for the first answer */
	PEER_UP,
	PEER_LOST,    /* noticed; to be cleaned up by the next turn */
};

struct peer {
	struct event_base *base; /* borrowed */
	enum peer_kind kind;
	char *address;    /* owned; NULL: the usual one of the bus */
	const char *name; /* borrowed */
	usec_t limit;
	const struct peer_ops *ops; /* borrowed */
	void *data;                 /* borrowed: theirs */
	enum peer_state state;
	bool was_up;
	usec_t outage;          /* when it began; 0: it is up, or was until just now */
	usec_t pause;           /* before the next try */
	struct event *turn;     /* owned */
	DBusConnection *dbus;   /* owned; NULL unless opening, up or lost */
	struct watch *watch; /* owned */
};

static void
schedule(struct peer *peer, usec_t delay)
{
	const struct timeval tv = { (time_t) (delay / USEC_PER_SEC), (suseconds_t) (delay % USEC_PER_SEC) };

	if (event_add(peer->turn, &tv) < 0)
		log_error("Unable to set a timer for %s", peer->name);
}

static void
peer_close(struct peer *peer)
{
	if (!peer->dbus)
		return;
	peer->watch = watch_free(peer->watch);
	dbus_connection_close(peer->dbus);
	dbus_connection_unref(peer->dbus);
	peer->dbus = NULL;
}

static void
peer_lose(struct peer *peer)
{
	peer->state = PEER_LOST;
	schedule(peer, 0);
}

static DBusHandlerResult
message_cb(DBusConnection *dbus, DBusMessage *message, void *data)
{
	struct peer *peer = data;

	if (dbus_message_is_signal(message, DBUS_INTERFACE_LOCAL, "Disconnected")) {
		peer_lose(peer);
		return DBUS_HANDLER_RESULT_HANDLED;
	}
	if (dbus_message_get_type(message) != DBUS_MESSAGE_TYPE_SIGNAL)
		return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
	/* Signals that libdbus makes up itself have this interface; nobody else may use it. */
	if (peer->ops->signal && !dbus_message_has_interface(message, DBUS_INTERFACE_LOCAL))
		peer->ops->signal(peer->data, message);
	return DBUS_HANDLER_RESULT_HANDLED;
}

/* -- calls -------------------------------------------------------------------- */

struct peer_call {
	struct peer *peer; /* borrowed: calls end with its connection */
	peer_reply_fn reply;
	void *data;
	void (*release)(void *data);
};

static void
call_free(void *data)
{
	struct peer_call *call = data;

	if (call->release)
		call->release(call->data);
	free(call);
}

/* libdbus answers calls of a lost connection by itself. */
static bool
is_made_up(const struct peer *peer, DBusMessage *reply)
{
	return !dbus_connection_get_is_connected(peer->dbus) && (dbus_message_is_error(reply, DBUS_ERROR_NO_REPLY) ||
								 dbus_message_is_error(reply, DBUS_ERROR_DISCONNECTED));
}

static void
call_cb(DBusPendingCall *pending, void *data)
{
	struct peer_call *call = data;
	DBusMessage *reply = dbus_pending_call_steal_reply(pending);

	if (!reply)
		return;
	if (call->reply && !is_made_up(call->peer, reply))
		call->reply(call->data, reply);
	dbus_message_unref(reply);
}

static int
call_send(struct peer *peer, DBusMessage *message, struct peer_call *call)
{
	DBusPendingCall *pending = NULL;

	if (!peer->dbus || peer->state == PEER_LOST)
		return -ENOTCONN;
	if (!dbus_connection_send_with_reply(peer->dbus, message, &pending, DBUS_TIMEOUT_INFINITE))
		return -ENOMEM;
	if (!pending)
		return -ENOTCONN;
	if (!dbus_pending_call_set_notify(pending, call_cb, call, call_free)) {
		dbus_pending_call_cancel(pending);
		dbus_pending_call_unref(pending);
		return -ENOMEM;
	}
	dbus_pending_call_unref(pending); /* the connection keeps it */
	return 0;
}

int
peer_call(struct peer *peer, DBusMessage *message, peer_reply_fn reply, void *data, void (*release)(void *data))
{
	struct peer_call *call = calloc(1, sizeof(*call));
	int r = -ENOMEM;

	if (call) {
		*call = (struct peer_call) { peer, reply, data, release };
		if (message)
			r = call_send(peer, message, call);
		if (r < 0)
			call_free(call);
	} else if (release) {
		release(data);
	}
	if (message)
		dbus_message_unref(message);
	return r;
}

const char *
peer_error_text(DBusMessage *reply, char buffer[ERROR_TEXT_MAX])
{
	const char *text = NULL;
	size_t n;

	if (dbus_message_get_type(reply) != DBUS_MESSAGE_TYPE_ERROR)
		return NULL;
	if (!dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID))
		text = dbus_message_get_error_name(reply);
	n = strlen(text);
	while (n > 0 && text[n - 1] == '\n')
		n--;
	if (n >= ERROR_TEXT_MAX)
		n = ERROR_TEXT_MAX - 1;
	memcpy(buffer, text, n);
	buffer[n] = '\0';
	return buffer;
}

/* -- opening ------------------------------------------------------------------ */

static const char *
usual_address(void)
{
	const char *address = getenv("DBUS_SYSTEM_BUS_ADDRESS");

	return address && *address ? address : SYSTEM_BUS_ADDRESS;
}

/* The first answer. Whatever it is, somebody is there; a bus must also have given us a name. */
static void
opened_cb(void *data, DBusMessage *reply)
{
	struct peer *peer = data;
	char text[ERROR_TEXT_MAX];
	const char *unique;

	if (peer->state != PEER_OPENING)
		return;
	if (peer->kind == PEER_SYSTEM_BUS &&
	    (!dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &unique, DBUS_TYPE_INVALID) ||
	     !dbus_bus_set_unique_name(peer->dbus, unique))) {
		log_debug("%s does not welcome us: %s", peer->name,
			  peer_error_text(reply, text) ? text : "it gives us no name");
		peer_lose(peer);
		return;
	}
	peer->state = PEER_UP;
	peer->outage = 0;
	peer->pause = RETRY_FIRST;
	(void) event_del(peer->turn);
	if (peer->was_up)
		log_message("Connected to %s again", peer->name);
	else
		log_info("Connected to %s", peer->name);
	peer->was_up = true;
	if (peer->ops->up)
		peer->ops->up(peer->data);
}

static int
say_hello(struct peer *peer)
{
	DBusMessage *hello;

	if (peer->kind == PEER_SYSTEM_BUS)
		hello = dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "Hello");
	else
		hello = dbus_message_new_method_call(NULL, MANAGER_PATH, DBUS_INTERFACE_PEER, "Ping");
	return peer_call(peer, hello, opened_cb, peer, NULL);
}

static int
open_error(struct error *err, const DBusError *derr)
{
	bool bad = dbus_error_has_name(derr, DBUS_ERROR_BAD_ADDRESS);

	if (dbus_error_has_name(derr, DBUS_ERROR_NO_MEMORY))
		return error_nomem(err);
	return error_set(err, bad ? -EINVAL : -ENOTCONN, NULL, "%s", derr->message ? derr->message : derr->name);
}

/*
 * Before anything is said to it: is it init that listens there? NULL: no, *r is set. *foreign: the listener is in no
 * namespace of ours.
 */
static DBusConnection *
open_socket(const char *address, bool *foreign, int *r, struct error *err)
{
	DBusError derr __attribute__((cleanup(dbus_error_free))) = DBUS_ERROR_INIT;
	DBusConnection *dbus = dbus_connection_open_private(address, &derr);
	int fd = -1;

	if (!dbus) {
		*r = open_error(err, &derr);
		return NULL;
	}
	*r = 0;
	if (!dbus_connection_get_socket(dbus, &fd))
		fd = -1;
	if (!private_is_init(address, fd, foreign)) {
		dbus_connection_close(dbus);
		dbus_connection_unref(dbus);
		*r = error_set(err, -ENOTCONN, NULL, "Another user listens at %s", address);
		return NULL;
	}
	return dbus;
}

/* As libupstart does it: the machine's init has a second socket, for when the first is not its own. */
static int
open_private(struct peer *peer, struct error *err)
{
	const char *address = peer->address ? peer->address : PRIVATE_SYSTEM, *other;
	struct error none = ERROR_INIT;
	bool foreign = false, unknown;
	DBusConnection *second;
	int r, ignored;

	peer->dbus = open_socket(address, &foreign, &r, err);
	other = private_second(address, !peer->dbus || foreign);
	if (r == -ENOMEM || !other)
		return r;
	second = open_socket(other, &unknown, &ignored, &none);
	if (!second)
		return r;
	if (peer->dbus) {
		dbus_connection_close(peer->dbus);
		dbus_connection_unref(peer->dbus);
	}
	peer->dbus = second;
	return 0;
}

static int
open_bus(struct peer *peer, struct error *err)
{
	DBusError derr __attribute__((cleanup(dbus_error_free))) = DBUS_ERROR_INIT;

	peer->dbus = dbus_connection_open_private(peer->address ? peer->address : usual_address(), &derr);
	return peer->dbus ? 0 : open_error(err, &derr);
}

static int
peer_open(struct peer *peer, struct error *err)
{
	int r;

	if (peer->address && !dbus_validate_utf8(peer->address, NULL))
		return error_set(err, -EINVAL, NULL, "The address is not UTF-8");
	r = peer->kind == PEER_PRIVATE ? open_private(peer, err) : open_bus(peer, err);
	if (r < 0)
		return r;
	peer->state = PEER_OPENING;
	dbus_connection_set_exit_on_disconnect(peer->dbus, FALSE);
	dbus_connection_set_max_received_size(peer->dbus, RECEIVED_MAX);
	if (!dbus_connection_add_filter(peer->dbus, message_cb, peer, NULL)) {
		r = -ENOMEM;
	} else {
		peer->watch = watch_connection(peer->base, peer->dbus);
		r = peer->watch ? say_hello(peer) : -ENOMEM;
	}
	if (r == 0) {
		schedule(peer, OPENING_LIMIT);
		return 0;
	}
	peer_close(peer);
	return r == -ENOMEM ? error_nomem(err) : error_set(err, r, NULL, "The connection was closed at once");
}

/* -- coming back -------------------------------------------------------------- */

static void
give_up(struct peer *peer)
{
	peer->state = PEER_IDLE;
	if (peer->ops->gone)
		peer->ops->gone(peer->data);
}

/* Wait before the next try, unless patience has ended. */
static void
wait_longer(struct peer *peer)
{
	usec_t past = timing_now() - peer->outage;

	if (peer->limit && past >= peer->limit) {
		give_up(peer);
		return;
	}
	if (past >= RETRY_EAGER && peer->pause < RETRY_LAST)
		peer->pause = backoff_next(peer->pause, RETRY_FIRST, RETRY_LAST);
	peer->state = PEER_WAITING;
	schedule(peer, peer->pause);
}

static void
clean_up(struct peer *peer)
{
	bool was_up = peer->outage == 0;

	peer_close(peer);
	peer->state = PEER_WAITING;
	if (was_up) {
		peer->outage = timing_now();
		log_message("Lost the connection to %s", peer->name);
	}
	if (peer->ops->down)
		peer->ops->down(peer->data, was_up);
	wait_longer(peer);
}

static void
turn_cb(evutil_socket_t fd, short what, void *data)
{
	struct peer *peer = data;
	struct error err = ERROR_INIT;

	switch (peer->state) {
	case PEER_WAITING:
		if (peer_open(peer, &err) < 0) {
			log_debug("Unable to connect to %s: %s", peer->name, err.text);
			wait_longer(peer);
		}
		break;
	case PEER_OPENING: /* nobody answered */
	case PEER_LOST:
		clean_up(peer);
		break;
	case PEER_IDLE:
	case PEER_UP:
		break;
	}
}

struct peer *
peer_new(struct event_base *base, enum peer_kind kind, const char *address, const char *name, usec_t limit,
	 const struct peer_ops *ops, void *data)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	if (!peer)
		return NULL;
	peer->base = base;
	peer->kind = kind;
	peer->name = name;
	peer->limit = limit;
	peer->ops = ops;
	peer->data = data;
	peer->pause = RETRY_FIRST;
	peer->turn = event_new(base, -1, 0, turn_cb, peer);
	if (address)
		peer->address = strdup(address);
	if (!peer->turn || (address && !peer->address))
		return peer_free(peer);
	return peer;
}

struct peer *
peer_free(struct peer *peer)
{
	if (!peer)
		return NULL;
	peer_close(peer);
	if (peer->turn)
		event_free(peer->turn);
	free(peer->address);
	free(peer);
	return NULL;
}

int
peer_connect(struct peer *peer, struct error *err)
{
	peer->outage = timing_now();
	return peer_open(peer, err);
}

void
peer_retry(struct peer *peer)
{
	if (!peer->dbus)
		wait_longer(peer);
}

bool
peer_is_up(const struct peer *peer)
{
	return peer->state == PEER_UP;
}
