/* SPDX-License-Identifier: MIT */
/*
 * A private connection ends with its peer. One over the bus has a unique name, which the bus says the end of to who
 * asked for that; whether it had ended before that was asked is asked then.
 */
#include "control/bound.h"

#include <string.h>
#include <utlist.h>

#include "common/log.h"
#include "control/bus.h"
#include "control/libdbus.h"

#define RULE                                                                                                           \
	"type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',member='NameOwnerChanged',"      \
	"arg0='%s'"
#define ASK_TIMEOUT_MS 10000

struct bound {
	struct bound *prev, *next;
	struct control *control;   /* borrowed */
	char *name;		   /* owned */
	DBusPendingCall *question; /* ref: is it still there? NULL: it was when that was asked */
};

char *
bound_name(const struct call *call)
{
	const char *sender = dbus_message_get_sender(call->message);

	if (call->peer->is_bus && sender != NULL)
		return strdup(sender);
	return str_printf("private/%llu", (unsigned long long) call->peer->number);
}

static void
tell(struct control *control, const char *name)
{
	struct msg_request request = { .action = REQUEST_STATE_ENDED, .connection = (char *) (uintptr_t) name };
	struct call *call;

	if (control->ending)
		return;
	call = call_new(control, NULL, NULL);
	if (call != NULL)
		call_ask(call, &request, call_finish_empty, -1);
	else
		log_error("Unable to tell init that a connection has ended: Out of Memory");
}

static void
bound_free(struct bound *bound)
{
	DL_DELETE(bound->control->bound, bound);
	if (bound->question != NULL) {
		dbus_pending_call_cancel(bound->question);
		dbus_pending_call_unref(bound->question);
	}
	free(bound->name);
	free(bound);
}

/* Ask the bus to say, or say no more, when the name ends. */
static bool
match(const struct bound *bound, struct peer *bus, const char *member)
{
	auto_free char *rule = str_printf(RULE, bound->name);
	DBusMessage *m =
	    dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, member);
	bool ok = rule != NULL && m != NULL &&
		  dbus_message_append_args(m, DBUS_TYPE_STRING, &rule, DBUS_TYPE_INVALID);

	if (ok) {
		dbus_message_set_no_reply(m, TRUE);
		ok = peer_send(bus, m);
	}
	if (m != NULL)
		dbus_message_unref(m);
	return ok;
}

static void
ended(struct bound *bound)
{
	struct peer *bus = bus_peer(bound->control);

	tell(bound->control, bound->name);
	if (bus != NULL)
		(void) match(bound, bus, "RemoveMatch");
	bound_free(bound);
}

static void
answered_cb(DBusPendingCall *question, void *data)
{
	struct bound *bound = data;
	DBusMessage *answer = dbus_pending_call_steal_reply(question);
	dbus_bool_t there = TRUE;

	dbus_pending_call_unref(bound->question);
	bound->question = NULL;
	if (answer != NULL) {
		(void) dbus_message_get_args(answer, NULL, DBUS_TYPE_BOOLEAN, &there, DBUS_TYPE_INVALID);
		dbus_message_unref(answer);
	}
	if (!there)
		ended(bound);
}

static bool
ask(struct bound *bound, const struct peer *bus)
{
	DBusMessage *m = dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS,
						      "NameHasOwner");
	bool ok = m != NULL && dbus_message_append_args(m, DBUS_TYPE_STRING, &bound->name, DBUS_TYPE_INVALID) &&
		  dbus_connection_send_with_reply(bus->dbus, m, &bound->question, ASK_TIMEOUT_MS);

	if (m != NULL)
		dbus_message_unref(m);
	if (!ok)
		return false;
	/* Without a question the bus is gone, which is told by itself. */
	return bound->question == NULL ||
	       dbus_pending_call_set_notify(bound->question, answered_cb, bound, NULL);
}

static bool
watch_bus(struct control *control, struct peer *bus, const char *name)
{
	struct bound *bound;

	DL_FOREACH(control->bound, bound)
		if (strcmp(bound->name, name) == 0)
			return true;
	bound = calloc(1, sizeof(*bound));
	if (bound == NULL)
		return false;
	bound->control = control;
	bound->name = strdup(name);
	DL_APPEND(control->bound, bound);
	if (bound->name != NULL && match(bound, bus, "AddMatch") && ask(bound, bus))
		return true;
	bound_free(bound);
	return false;
}

bool
bound_watch(const struct call *call)
{
	const char *sender = dbus_message_get_sender(call->message);

	if (call->peer->is_bus && sender != NULL)
		return watch_bus(call->control, call->peer, sender);
	call->peer->bound = true;
	return true;
}

void
bound_peer_ended(struct peer *peer)
{
	auto_free char *name = peer->bound ? str_printf("private/%llu", (unsigned long long) peer->number) : NULL;

	if (name != NULL)
		tell(peer->control, name);
	else if (peer->bound)
		log_error("Unable to tell init that a connection has ended: Out of Memory");
}

void
bound_bus_ended(struct control *control)
{
	while (control->bound != NULL) {
		tell(control, control->bound->name);
		bound_free(control->bound);
	}
}

void
bound_signal(struct control *control, DBusMessage *message)
{
	const char *name, *before, *after, *sender = dbus_message_get_sender(message);
	struct bound *bound, *next;

	/* Anybody may send a signal of that name; only the bus can send it in its own. */
	if (control->bound == NULL || sender == NULL || strcmp(sender, DBUS_SERVICE_DBUS) != 0 ||
	    !dbus_message_is_signal(message, DBUS_INTERFACE_DBUS, "NameOwnerChanged") ||
	    !dbus_message_get_args(message, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING, &before, DBUS_TYPE_STRING,
				   &after, DBUS_TYPE_INVALID) ||
	    *after != '\0')
		return;
	DL_FOREACH_SAFE(control->bound, bound, next)
		if (strcmp(bound->name, name) == 0)
			ended(bound);
}
