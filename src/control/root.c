/* SPDX-License-Identifier: MIT */
#include "control/root.h"

#include <string.h>
#include <sys/socket.h>
#include <utlist.h>

#include "common/log.h"
#include "control/call.h"
#include "control/dispatch.h"
#include "control/request.h"

#define HELD_MAX 1024 /* calls of one client */

struct held_call {
	struct held_call *prev, *next;
	DBusMessage *message; /* ref */
};

void
root_forget(struct peer *peer)
{
	struct held_call *held, *next;

	DL_FOREACH_SAFE(peer->held, held, next) {
		DL_DELETE(peer->held, held);
		dbus_message_unref(held->message);
		free(held);
	}
	peer->n_held = 0;
}

/* Nothing is known of the client, and nothing can be: it must not get what is not its own. */
static void
give_up(struct call *call)
{
	struct peer *peer = call->peer;

	call_free(call);
	if (peer == NULL)
		return;
	log_debug("A client whose root directory cannot be told is closed");
	root_forget(peer);
	peer_close(peer);
}

static void
answered(struct call *call, const struct msg_reply *reply)
{
	struct peer *peer = call->peer;
	struct held_call *held, *next;

	if (peer != NULL && reply->value != NULL && reply->value[0] == '/') {
		peer->root = strdup(reply->value);
		if (peer->root == NULL) {
			give_up(call);
			return;
		}
	} else if (peer != NULL && (reply->value == NULL || reply->value[0] != '\0')) {
		give_up(call);
		return;
	}
	call_free(call);
	if (peer == NULL)
		return;
	peer->asking = false;
	DL_FOREACH_SAFE(peer->held, held, next)
		if (!peer->closing && dispatch_private(peer, held->message) != DBUS_HANDLER_RESULT_HANDLED)
			log_error("Unable to handle a D-Bus call: Out of Memory");
	root_forget(peer);
}

/* The client's process; 0: unknown. libdbus would tell only after the client has said who it is. */
static int32_t
process_of(const struct peer *peer)
{
#ifdef SO_PEERCRED
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int fd;

	if (dbus_connection_get_socket(peer->dbus, &fd) && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0)
		return cred.pid;
#endif
	return 0;
}

bool
root_ask(struct peer *peer)
{
	struct control *control = peer->control;
	struct call *call;
	size_t before;

	if (!control->chroot_sessions)
		return true;
	call = call_new(control, peer, NULL);
	if (call == NULL)
		return false;
	call->pid = process_of(peer);
	call->gone = give_up;
	peer->asking = true;
	before = control->n_calls;
	request_simple(call, REQUEST_GET_ROOT, answered);
	return control->n_calls >= before; /* a call that can't be sent has ended */
}

bool
root_holds(struct peer *peer, DBusMessage *message)
{
	struct held_call *held;

	if (!peer->asking)
		return false;
	held = peer->n_held < HELD_MAX ? calloc(1, sizeof(*held)) : NULL;
	if (held == NULL) {
		peer_close(peer);
		return true;
	}
	held->message = dbus_message_ref(message);
	DL_APPEND(peer->held, held);
	peer->n_held++;
	return true;
}
