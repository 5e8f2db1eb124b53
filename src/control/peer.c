/* SPDX-License-Identifier: MIT */
#include "control/peer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <utlist.h>

#include "bus/library.h"
#include "common/log.h"
#include "control/bound.h"
#include "control/bus.h"
#include "control/call.h"
#include "control/dispatch.h"
#include "control/libdbus.h"
#include "control/notify.h"
#include "control/root.h"

#define FLUSH_STEP_MS 20
#define CROWD 64 /* so many clients are one */

/* -- one peer ----------------------------------------------------------------- */

static DBusHandlerResult
filter_cb(DBusConnection *dbus, DBusMessage *message, void *data)
{
	struct peer *peer = data;

	if (dbus_message_is_signal(message, DBUS_INTERFACE_LOCAL, "Disconnected")) {
		if (peer->is_bus)
			bus_lost(peer);
		peer_free(peer);
		return DBUS_HANDLER_RESULT_HANDLED;
	}
	if (peer->is_bus && dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_SIGNAL)
		bound_signal(peer->control, message);
	if (peer->closing || dbus_message_get_type(message) != DBUS_MESSAGE_TYPE_METHOD_CALL)
		return DBUS_HANDLER_RESULT_HANDLED; /* signals and stray replies */
	if (peer->is_bus)
		return bus_method_call(peer, message);
	if (root_holds(peer, message))
		return DBUS_HANDLER_RESULT_HANDLED;
	return dispatch_private(peer, message);
}

struct peer *
peer_new(struct control *control, DBusConnection *dbus, bool is_bus)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	libdbus_harden(dbus, is_bus);
	if (peer != NULL) {
		peer->control = control;
		peer->dbus = dbus;
		peer->is_bus = is_bus;
		peer->number = ++control->counter;
		peer->watch = watch_connection(control->base, dbus);
	}
	if (peer == NULL || peer->watch == NULL || !dbus_connection_add_filter(dbus, filter_cb, peer, NULL)) {
		if (peer != NULL)
			peer->watch = watch_free(peer->watch);
		dbus_connection_close(dbus);
		dbus_connection_unref(dbus);
		free(peer);
		return NULL;
	}
	DL_APPEND(control->peers, peer);
	control->n_peers++;
	if (control->n_peers > control->crowd)
		control->crowd = control->n_peers;
	return peer;
}

void
peer_free(struct peer *peer)
{
	struct control *control = peer->control;
	bool hoards = peer->hoards;

	DL_DELETE(control->peers, peer);
	control->n_peers--;
	if (peer->subscribed)
		notify_audience(control);
	bound_peer_ended(peer);
	call_forget_peer(control, peer);
	dbus_connection_remove_filter(peer->dbus, filter_cb, peer);
	peer->watch = watch_free(peer->watch);
	dbus_connection_close(peer->dbus);
	dbus_connection_unref(peer->dbus);
	root_forget(peer);
	free(peer->root);
	free(peer);
	/* When a crowd has gone, or one that had needed much, so shall the memory. */
	if (hoards || (control->crowd >= CROWD && control->n_peers <= control->crowd / 8)) {
		control->crowd = control->n_peers;
		library_trim();
	}
}

void
peer_close(struct peer *peer)
{
	peer->closing = true;
	dbus_connection_close(peer->dbus);
}

bool
peer_send(struct peer *peer, DBusMessage *message)
{
	if (peer->closing)
		return true;
	if (!dbus_connection_send(peer->dbus, message, NULL))
		return false;
	if (peer_outgoing(peer) > LIBDBUS_OUTGOING_MAX) {
		log_warn("Closing a D-Bus connection that does not read");
		peer->hoards = true;
		peer_close(peer);
	}
	return true;
}

size_t
peer_outgoing(const struct peer *peer)
{
	long n = dbus_connection_get_outgoing_size(peer->dbus);

	return n > 0 ? (size_t) n : 0;
}

void
peer_flush_all(struct control *control, usec_t usec)
{
	usec_t end = control_now() + usec;
	struct peer *peer;

	DL_FOREACH(control->peers, peer)
		while (dbus_connection_has_messages_to_send(peer->dbus) && control_now() < end)
			if (!dbus_connection_read_write(peer->dbus, FLUSH_STEP_MS))
				break;
}

/* -- listening ---------------------------------------------------------------- */

/* Root and the user init runs as; others are dropped before anything they say is handled (control.md 1.5). */
static bool
is_welcome(const struct control *control, unsigned long uid)
{
	return uid == 0 || uid == (unsigned long) geteuid();
}

static dbus_bool_t
user_cb(DBusConnection *dbus, unsigned long uid, void *data)
{
	return is_welcome(data, uid);
}

/* The kernel knows who connects before anything is read: false for strangers, so that they can't even take up room. */
static bool
check_credentials(const struct control *control, DBusConnection *dbus)
{
#ifdef SO_PEERCRED
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int fd;

	if (dbus_connection_get_socket(dbus, &fd) && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0)
		return is_welcome(control, cred.uid);
#endif
	return true; /* the authentication decides */
}

static void
connected_cb(DBusServer *server, DBusConnection *dbus, void *data)
{
	struct control *control = data;
	struct peer *peer;

	/* Strangers can't fill the log either. */
	if (control->ending || !check_credentials(control, dbus)) {
		dbus_connection_close(dbus);
		return;
	}
	log_info("Connection from private client");
	if (control->n_peers >= control->max_peers) {
		if (!control->full)
			log_warn("Too many private clients: connections are refused");
		control->full = true;
		dbus_connection_close(dbus);
		return;
	}
	control->full = false;
	dbus_connection_set_unix_user_function(dbus, user_cb, control, NULL);
	peer = peer_new(control, dbus_connection_ref(dbus), false);
	if (peer == NULL || !root_ask(peer)) {
		log_error("Unable to serve private client: Out of Memory");
		if (peer != NULL)
			peer_close(peer);
	}
}

/* Listen on one address. 0, or -1 and *error is set. */
static int
listen_on(struct control *control, const char *address, DBusError *error)
{
	static const char *const mechanisms[] = { "EXTERNAL", NULL };
	DBusServer *server = dbus_server_listen(address, error);

	if (server == NULL)
		return -1;
	dbus_server_set_new_connection_function(server, connected_cb, control, NULL);
	if (!dbus_server_set_auth_mechanisms(server, (const char **) (uintptr_t) mechanisms) ||
	    watch_server(control->base, server) < 0) {
		dbus_set_error_const(error, DBUS_ERROR_NO_MEMORY, "Out of Memory");
		dbus_server_disconnect(server);
		dbus_server_unref(server);
		return -1;
	}
	control->servers[control->n_servers++] = server;
	return 0;
}

/* The sockets lie at 3, 4 … as the convention wants (main.c put them there); only the variables are missing. */
static int
listen_on_given(struct control *control, DBusError *error)
{
	char pid[24], count[24];

	(void) snprintf(pid, sizeof(pid), "%ld", (long) getpid());
	(void) snprintf(count, sizeof(count), "%zu", control->options.n_listen_fds);
	if (setenv("LISTEN_PID", pid, 1) < 0 || setenv("LISTEN_FDS", count, 1) < 0) {
		dbus_set_error_const(error, DBUS_ERROR_NO_MEMORY, "Out of Memory");
		return -1;
	}
	return listen_on(control, "systemd:", error);
}

void
peer_listen(struct control *control)
{
	const struct options *options = &control->options;
	DBusError error = DBUS_ERROR_INIT;

	if (options->n_listen_fds > 0) {
		if (listen_on_given(control, &error) == 0)
			return;
		log_debug("Unable to use the sockets of init: %s", error.message);
		dbus_error_free(&error);
		for (size_t i = 0; i < options->n_listen_fds; i++)
			(void) close(options->listen_fds[i]);
	}
	for (size_t i = 0; i < options->n_listen; i++) {
		if (listen_on(control, options->listen[i], &error) == 0)
			continue;
		log_warn("Unable to listen for private connections: %s", error.message);
		dbus_error_free(&error);
	}
}

void
peer_stop_listening(struct control *control)
{
	for (size_t i = 0; i < control->n_servers; i++) {
		dbus_server_disconnect(control->servers[i]);
		dbus_server_unref(control->servers[i]);
	}
	control->n_servers = 0;
}
