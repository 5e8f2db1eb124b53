/* SPDX-License-Identifier: MIT */
#include "control/bus.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "common/error.h"
#include "common/log.h"
#include "control/bound.h"
#include "control/libdbus.h"
#include "control/sender.h"

#define JOIN_TIMEOUT_MS 25000

enum bus_state {
	BUS_OFF,
	BUS_HELLO, /* connected, waiting for our unique name */
	BUS_NAMED, /* waiting for the well-known name */
	BUS_ON,
};

struct bus {
	enum bus_state state;
	struct peer *peer;	   /* borrowed; NULL in BUS_OFF */
	DBusPendingCall *question; /* ref; the open step of joining */
	struct senders *senders;   /* owned */
	char *address;		   /* owned: of the bus being joined, or joined */
	bool quiet;		   /* the attempt may fail silently */
	bool again;		   /* asked to reconnect meanwhile */
};

static void try_join(struct control *control, const char *address, bool quiet);

static const char *
label(const struct control *control)
{
	switch (control->options.mode) {
	case MODE_SYSTEM:
		return "D-Bus system bus";
	case MODE_SESSION:
		return "D-Bus session bus";
	case MODE_USER:
		break;
	}
	return "notified D-Bus bus";
}

/* The usual bus of system and test mode; NULL if nothing says where it is. Owned. */
static char *
usual_address(const struct control *control)
{
	const char *address, *runtime;

	if (control->options.mode == MODE_SYSTEM) {
		address = getenv("DBUS_SYSTEM_BUS_ADDRESS");
		return strdup(address != NULL && *address != '\0' ? address : SYSTEM_BUS_ADDRESS);
	}
	address = getenv("DBUS_SESSION_BUS_ADDRESS");
	if (address != NULL && *address != '\0')
		return strdup(address);
	runtime = getenv("XDG_RUNTIME_DIR");
	return runtime != NULL && *runtime == '/' ? str_printf("unix:path=%s/bus", runtime) : NULL;
}

/* -- the end of an attempt ---------------------------------------------------- */

static void
finish_question(struct bus *bus)
{
	if (bus->question == NULL)
		return;
	dbus_pending_call_cancel(bus->question);
	dbus_pending_call_unref(bus->question);
	bus->question = NULL;
}

/* Back to the beginning; the connection itself goes through `Disconnected`. */
static void
reset(struct control *control)
{
	struct bus *bus = control->bus;

	finish_question(bus);
	bound_bus_ended(control);
	bus->senders = senders_free(bus->senders);
	bus->peer = NULL;
	bus->state = BUS_OFF;
	free(bus->address);
	bus->address = NULL;
}

/* Joined: answer who asked for it. init is told the address, so that our successors find it again. */
static void
joined(struct control *control)
{
	struct msg_request request = { .action = REQUEST_BUS_ADDRESS, .name = control->bus->address };
	struct call *call, *next, *first = NULL;
	bool notified = false;

	control->bus->state = BUS_ON;
	control->bus->again = false;
	log_debug("Joined the %s", label(control));
	DL_FOREACH_SAFE(control->calls, call, next) {
		if (!call->joining)
			continue;
		call->joining = false;
		notified = true;
		if (first == NULL && call->peer != NULL)
			first = call;
		else
			call_return(call);
	}
	if (!notified)
		return;
	if (first == NULL) /* who asked has left; it is remembered all the same */
		first = call_new(control, NULL, NULL);
	if (first == NULL) {
		log_error("Unable to tell init the bus address: Out of Memory");
		return;
	}
	first->lasting = true;
	call_ask(first, &request, call_finish_empty, -1);
}

/* The attempt came to nothing: no trace of it stays. */
static void
failed(struct control *control, const char *name, const char *text)
{
	struct bus *bus = control->bus;
	auto_free char *address = steal(&bus->address);
	bool quiet = bus->quiet;
	struct call *call, *next, *other = NULL;

	if (bus->peer != NULL)
		peer_close(bus->peer);
	reset(control);
	DL_FOREACH_SAFE(control->calls, call, next) {
		if (!call->joining)
			continue;
		if (address != NULL && call->list != NULL && strcmp(call->list[0], address) != 0) {
			other = other != NULL ? other : call;
			continue;
		}
		call->joining = false;
		call_error(call, name, "%s", text);
		quiet = true;
	}
	if (!quiet)
		log_warn("Unable to connect to the %s: %s", label(control), text);
	else
		log_debug("Unable to connect to the %s: %s", label(control), text);
	if (bus->again && !control->ending) {
		bus->again = false;
		try_join(control, NULL, false);
	} else if (other != NULL) {
		/* Somebody asked for another one meanwhile. */
		try_join(control, other->list[0], true);
	}
}

/* -- joining ------------------------------------------------------------------ */

/* Take the answer to the open step; NULL (and the attempt has failed) if it is an error. A reference. */
static DBusMessage *
step_answer(struct control *control, DBusPendingCall *question)
{
	DBusMessage *answer = dbus_pending_call_steal_reply(question);
	DBusError error = DBUS_ERROR_INIT;

	dbus_pending_call_unref(control->bus->question);
	control->bus->question = NULL;
	if (answer != NULL && !dbus_set_error_from_message(&error, answer))
		return answer;
	if (answer == NULL)
		dbus_set_error_const(&error, DBUS_ERROR_NO_MEMORY, "Out of Memory");
	else
		dbus_message_unref(answer);
	failed(control, error.name, error.message);
	dbus_error_free(&error);
	return NULL;
}

/* Send one step of joining; false and the attempt has failed. The message's reference is taken; NULL: out of memory. */
static bool
step(struct control *control, DBusMessage *message, DBusPendingCallNotifyFunction answered)
{
	struct bus *bus = control->bus;
	bool ok = message != NULL &&
		  dbus_connection_send_with_reply(bus->peer->dbus, message, &bus->question, JOIN_TIMEOUT_MS);

	if (message != NULL)
		dbus_message_unref(message);
	if (ok && bus->question == NULL) {
		failed(control, DBUS_ERROR_DISCONNECTED, "Connection is closed");
		return false;
	}
	if (!ok || !dbus_pending_call_set_notify(bus->question, answered, control, NULL)) {
		failed(control, ERR_NO_MEMORY, "Out of Memory");
		return false;
	}
	return true;
}

static void
name_answered_cb(DBusPendingCall *question, void *data)
{
	struct control *control = data;
	DBusMessage *answer = step_answer(control, question);
	dbus_uint32_t result = 0;

	if (answer == NULL)
		return;
	(void) dbus_message_get_args(answer, NULL, DBUS_TYPE_UINT32, &result, DBUS_TYPE_INVALID);
	dbus_message_unref(answer);
	if (result == DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER || result == DBUS_REQUEST_NAME_REPLY_ALREADY_OWNER)
		joined(control);
	else
		failed(control, ERR_FAILED, "Name already taken");
}

/* The name comes last, so that who sees it finds a working service. */
static void
request_name(struct control *control)
{
	const char *name = BUS_NAME;
	dbus_uint32_t flags = DBUS_NAME_FLAG_DO_NOT_QUEUE;
	DBusMessage *m =
	    dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "RequestName");

	if (m != NULL &&
	    !dbus_message_append_args(m, DBUS_TYPE_STRING, &name, DBUS_TYPE_UINT32, &flags, DBUS_TYPE_INVALID)) {
		dbus_message_unref(m);
		m = NULL;
	}
	control->bus->state = BUS_NAMED;
	(void) step(control, m, name_answered_cb);
}

static void
hello_answered_cb(DBusPendingCall *question, void *data)
{
	struct control *control = data;
	DBusMessage *answer = step_answer(control, question);
	const char *name = NULL;
	bool ok;

	if (answer == NULL)
		return;
	ok = dbus_message_get_args(answer, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID) &&
	     dbus_bus_set_unique_name(control->bus->peer->dbus, name);
	dbus_message_unref(answer);
	if (ok)
		request_name(control);
	else
		failed(control, ERR_FAILED, "The bus gave no name");
}

/* Start an attempt; only from BUS_OFF. NULL: the usual bus. */
static void
try_join(struct control *control, const char *address, bool quiet)
{
	struct bus *bus = control->bus;
	DBusError error = DBUS_ERROR_INIT;
	DBusConnection *dbus;

	bus->quiet = quiet;
	bus->address = address != NULL ? strdup(address) : usual_address(control);
	if (bus->address == NULL) {
		failed(control, DBUS_ERROR_NOT_SUPPORTED, "No bus address is known");
		return;
	}
	dbus = dbus_connection_open_private(bus->address, &error);
	if (dbus == NULL) {
		failed(control, error.name, error.message);
		dbus_error_free(&error);
		return;
	}
	bus->senders = senders_new();
	bus->peer = peer_new(control, dbus, true);
	if (bus->senders == NULL || bus->peer == NULL) {
		failed(control, ERR_NO_MEMORY, "Out of Memory");
		return;
	}
	bus->state = BUS_HELLO;
	(void) step(control,
		    dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "Hello"),
		    hello_answered_cb);
}

/* -- what the others ask for -------------------------------------------------- */

int
bus_init(struct control *control)
{
	control->bus = calloc(1, sizeof(*control->bus));
	return control->bus != NULL ? 0 : -ENOMEM;
}

void
bus_deinit(struct control *control)
{
	if (control->bus == NULL)
		return;
	reset(control);
	free(control->bus);
	control->bus = NULL;
}

void
bus_start(struct control *control)
{
	if (control->options.mode == MODE_USER)
		return;
	if (control->options.no_dbus)
		log_info("Not connecting to %s bus", control->options.mode == MODE_SYSTEM ? "system" : "session");
	else if (control->bus->state == BUS_OFF)
		try_join(control, NULL, true);
}

void
bus_reconnect(struct control *control)
{
	struct bus *bus = control->bus;

	if (control->options.mode == MODE_USER || control->options.no_dbus || bus->state == BUS_ON || control->ending)
		return;
	log_info("Reconnecting to %s", label(control));
	if (bus->state == BUS_OFF)
		try_join(control, NULL, false);
	else
		bus->again = true;
}

void
bus_told_to_join(struct control *control, const char *address)
{
	bool user = control->options.mode == MODE_USER;

	if (control->bus->state != BUS_OFF || control->ending)
		return;
	/* A session init joins what it was notified of and nothing else; the others only the usual bus. */
	if (user && address != NULL)
		try_join(control, address, false);
	else if (!user && !control->options.no_dbus)
		try_join(control, NULL, true);
}

void
bus_notified(struct call *call, const char *address)
{
	struct control *control = call->control;

	if (control->bus->state == BUS_ON) {
		call_return(call);
		return;
	}
	call->list = strv_free(call->list);
	if (strv_add(&call->list, address) < 0) {
		call_error(call, ERR_NO_MEMORY, "Out of Memory");
		return;
	}
	call->joining = true;
	call->lasting = true;
	if (control->bus->state == BUS_OFF)
		try_join(control, address, true);
}

struct peer *
bus_peer(const struct control *control)
{
	return control->bus->state == BUS_ON ? control->bus->peer : NULL;
}

void
bus_lost(struct peer *peer)
{
	struct control *control = peer->control;

	if (control->bus->peer != peer) /* an attempt that has failed already */
		return;
	if (control->bus->state == BUS_ON) {
		if (!control->ending)
			log_warn("Disconnected from %s", label(control));
		reset(control);
	} else {
		failed(control, DBUS_ERROR_DISCONNECTED, "Connection is closed");
	}
}

DBusHandlerResult
bus_method_call(struct peer *peer, DBusMessage *message)
{
	return sender_method_call(peer->control->bus->senders, peer, message);
}

/* -- the activation environment ----------------------------------------------- */

static bool
put_pair(DBusMessageIter *dict, const char *pair)
{
	const char *equals = strchr(pair, '=');
	auto_free char *key = equals != NULL ? span_dup((struct span){ pair, (size_t) (equals - pair) }) : strdup(pair);
	DBusMessageIter entry;

	return key != NULL && dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry) &&
	       libdbus_put_string(&entry, key) && libdbus_put_string(&entry, equals != NULL ? equals + 1 : "") &&
	       dbus_message_iter_close_container(dict, &entry);
}

static void
environment_answered_cb(DBusPendingCall *question, void *data)
{
	DBusMessage *answer = dbus_pending_call_steal_reply(question);
	DBusError error = DBUS_ERROR_INIT;

	if (answer != NULL && dbus_set_error_from_message(&error, answer)) {
		log_warn("Unable to update the D-Bus activation environment: %s", error.message);
		dbus_error_free(&error);
	}
	if (answer != NULL)
		dbus_message_unref(answer);
}

void
bus_update_environment(struct control *control, char *const *env)
{
	struct peer *peer = bus_peer(control);
	DBusPendingCall *question = NULL;
	DBusMessageIter it, dict;
	DBusMessage *m;
	bool ok;

	if (peer == NULL || env == NULL || env[0] == NULL)
		return;
	m = dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS,
					 "UpdateActivationEnvironment");
	if (m == NULL)
		return;
	dbus_message_iter_init_append(m, &it);
	ok = dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "{ss}", &dict);
	for (; ok && *env != NULL; env++)
		ok = put_pair(&dict, *env);
	ok = ok && dbus_message_iter_close_container(&it, &dict) &&
	     dbus_connection_send_with_reply(peer->dbus, m, &question, JOIN_TIMEOUT_MS);
	if (!ok)
		log_warn("Unable to update the D-Bus activation environment: Out of Memory");
	if (question != NULL) {
		(void) dbus_pending_call_set_notify(question, environment_answered_cb, NULL, NULL);
		dbus_pending_call_unref(question);
	}
	dbus_message_unref(m);
}
