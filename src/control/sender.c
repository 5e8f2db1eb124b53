/* SPDX-License-Identifier: MIT */
#include "control/sender.h"

#include <string.h>
#include <utlist.h>

#include "common/log.h"
#include "control/dispatch.h"
#include "control/libdbus.h"

#define SENDERS_REMEMBERED 64
#define ASK_TIMEOUT_MS 10000 /* after that the caller counts as unknown */
#define HELD_MAX 1024	     /* calls of one sender that wait for the bus's answer */
#define HELD_ALL_MAX 8192    /* of all senders */

/*
 * What waits takes room in the connection, behind which the bus's answers come: were it full, they could not be read.
 * These keep it within the limits of libdbus_harden().
 */
#define HELD_BYTES_MAX (4 * 1024 * 1024) /* of one call; more than a command line holds */
#define HELD_LONG_MAX 16		 /* calls of all senders that are longer than this: */
#define HELD_SHORT (16 * 1024)
#define HELD_FILES_MAX 8 /* calls of all senders that have descriptors */

struct held {
	struct held *prev, *next;
	DBusMessage *message; /* ref */
	bool is_long, has_files;
};

struct sender {
	struct sender *prev, *next;
	struct senders *senders; /* borrowed */
	struct peer *bus;	 /* borrowed */
	char *name;		 /* owned */
	bool known;		 /* asked, whatever came of it */
	int32_t uid, pid;
	DBusPendingCall *question; /* ref; NULL: none */
	struct held *held;
	size_t n_held;
};

struct senders {
	struct sender *list; /* oldest first */
	size_t n;
	size_t n_held, n_long, n_files; /* what is held, of all of them */
};

struct senders *
senders_new(void)
{
	return calloc(1, sizeof(struct senders));
}

static void
drop_held(struct sender *sender, struct held *held)
{
	DL_DELETE(sender->held, held);
	sender->n_held--;
	sender->senders->n_held--;
	sender->senders->n_long -= held->is_long ? 1 : 0;
	sender->senders->n_files -= held->has_files ? 1 : 0;
	dbus_message_unref(held->message);
	free(held);
}

static void
sender_free(struct sender *sender)
{
	struct held *held, *next;

	DL_DELETE(sender->senders->list, sender);
	sender->senders->n--;
	DL_FOREACH_SAFE(sender->held, held, next)
		drop_held(sender, held);
	if (sender->question != NULL) {
		dbus_pending_call_cancel(sender->question);
		dbus_pending_call_unref(sender->question);
	}
	free(sender->name);
	free(sender);
}

struct senders *
senders_free(struct senders *senders)
{
	if (senders == NULL)
		return NULL;
	while (senders->list != NULL)
		sender_free(senders->list);
	free(senders);
	return NULL;
}

/* Make room by forgetting the oldest that is not waiting for anything. */
static void
trim(struct senders *senders)
{
	struct sender *sender, *next;

	DL_FOREACH_SAFE(senders->list, sender, next) {
		if (senders->n < SENDERS_REMEMBERED)
			return;
		if (sender->known)
			sender_free(sender);
	}
}

/* Take uid and pid from the answer of GetConnectionCredentials: a{sv}. */
static void
read_credentials(struct sender *sender, DBusMessage *answer)
{
	DBusMessageIter it, dict;

	if (dbus_message_get_type(answer) != DBUS_MESSAGE_TYPE_METHOD_RETURN ||
	    !dbus_message_has_signature(answer, "a{sv}"))
		return;
	(void) dbus_message_iter_init(answer, &it);
	dbus_message_iter_recurse(&it, &dict);
	for (; dbus_message_iter_get_arg_type(&dict) == DBUS_TYPE_DICT_ENTRY; (void) dbus_message_iter_next(&dict)) {
		DBusMessageIter entry, value;
		const char *key;
		dbus_uint32_t number;

		dbus_message_iter_recurse(&dict, &entry);
		dbus_message_iter_get_basic(&entry, &key);
		(void) dbus_message_iter_next(&entry);
		dbus_message_iter_recurse(&entry, &value);
		if (dbus_message_iter_get_arg_type(&value) != DBUS_TYPE_UINT32)
			continue;
		dbus_message_iter_get_basic(&value, &number);
		if (strcmp(key, "UnixUserID") == 0)
			sender->uid = (int32_t) number;
		else if (strcmp(key, "ProcessID") == 0)
			sender->pid = (int32_t) number;
	}
}

static void
answered_cb(DBusPendingCall *question, void *data)
{
	struct sender *sender = data;
	DBusMessage *answer = dbus_pending_call_steal_reply(question);
	struct held *held, *next;

	if (answer != NULL) {
		read_credentials(sender, answer);
		dbus_message_unref(answer);
	}
	sender->known = true;
	dbus_pending_call_unref(sender->question);
	sender->question = NULL;
	DL_FOREACH_SAFE(sender->held, held, next) {
		if (!dispatch_call(sender->bus, held->message, sender->uid, sender->pid))
			log_error("Unable to handle a D-Bus call: Out of Memory");
		drop_held(sender, held);
	}
}

static bool
ask(struct sender *sender)
{
	DBusMessage *m = dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS,
						      "GetConnectionCredentials");
	bool ok = m != NULL && dbus_message_append_args(m, DBUS_TYPE_STRING, &sender->name, DBUS_TYPE_INVALID) &&
		  dbus_connection_send_with_reply(sender->bus->dbus, m, &sender->question, ASK_TIMEOUT_MS);

	if (m != NULL)
		dbus_message_unref(m);
	if (!ok)
		return false;
	if (sender->question == NULL) { /* disconnected: nobody needs an answer any more */
		sender->known = true;
		return true;
	}
	return dbus_pending_call_set_notify(sender->question, answered_cb, sender, NULL);
}

/* A new entry whose credentials are being asked for. NULL: out of memory. */
static struct sender *
sender_new(struct senders *senders, struct peer *bus, const char *name)
{
	struct sender *sender = calloc(1, sizeof(*sender));

	if (sender == NULL)
		return NULL;
	trim(senders);
	sender->senders = senders;
	sender->bus = bus;
	sender->uid = -1;
	DL_APPEND(senders->list, sender);
	senders->n++;
	sender->name = strdup(name);
	if (sender->name == NULL || !ask(sender)) {
		sender_free(sender);
		return NULL;
	}
	return sender;
}

static DBusHandlerResult
refuse(struct sender *sender, DBusMessage *message)
{
	DBusMessage *error = libdbus_error(message, DBUS_ERROR_LIMITS_EXCEEDED, "Too many calls are waiting");
	bool ok = error != NULL && (dbus_message_get_no_reply(message) || peer_send(sender->bus, error));

	if (error != NULL)
		dbus_message_unref(error);
	return ok ? DBUS_HANDLER_RESULT_HANDLED : DBUS_HANDLER_RESULT_NEED_MEMORY;
}

static DBusHandlerResult
hold(struct sender *sender, DBusMessage *message)
{
	struct senders *senders = sender->senders;
	bool is_long = libdbus_is_longer(message, HELD_SHORT);
	bool has_files = dbus_message_contains_unix_fds(message);
	struct held *held;

	if (sender->n_held >= HELD_MAX || senders->n_held >= HELD_ALL_MAX ||
	    (is_long && senders->n_long >= HELD_LONG_MAX) || (has_files && senders->n_files >= HELD_FILES_MAX) ||
	    (is_long && libdbus_is_longer(message, HELD_BYTES_MAX)))
		return refuse(sender, message);
	held = calloc(1, sizeof(*held));
	if (held == NULL)
		return DBUS_HANDLER_RESULT_NEED_MEMORY;
	held->is_long = is_long;
	held->has_files = has_files;
	senders->n_held++;
	senders->n_long += is_long ? 1 : 0;
	senders->n_files += has_files ? 1 : 0;
	held->message = dbus_message_ref(message);
	DL_APPEND(sender->held, held);
	sender->n_held++;
	return DBUS_HANDLER_RESULT_HANDLED;
}

DBusHandlerResult
sender_method_call(struct senders *senders, struct peer *bus, DBusMessage *message)
{
	const char *name = dbus_message_get_sender(message);
	struct sender *sender;

	if (name == NULL) /* a bus always says who */
		return DBUS_HANDLER_RESULT_HANDLED;
	DL_FOREACH(senders->list, sender)
		if (strcmp(sender->name, name) == 0)
			break;
	if (sender == NULL)
		sender = sender_new(senders, bus, name);
	if (sender == NULL)
		return DBUS_HANDLER_RESULT_NEED_MEMORY;
	if (!sender->known)
		return hold(sender, message);
	return dispatch_call(bus, message, sender->uid, sender->pid) ? DBUS_HANDLER_RESULT_HANDLED
								     : DBUS_HANDLER_RESULT_NEED_MEMORY;
}
