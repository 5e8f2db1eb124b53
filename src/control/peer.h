/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Connections: private clients, and the message bus when one is joined.
 *
 * A peer lives until libdbus reports its disconnection; whoever wants to be rid of one closes it
 * (peer_close) and lets that report come.
 */

#include "bus/watch.h"
#include "control/control.h"

struct peer {
	struct peer *prev, *next;
	struct control *control; /* borrowed */
	DBusConnection *dbus;	 /* ref; private: closed before it is released */
	struct watch *watch;	 /* owned */
	bool is_bus;		 /* joined, or being joined */
	bool closing;		 /* only its disconnection is waited for */
	bool hoards;		 /* it was closed with much unread */
	bool subscribed;	 /* gets the signals that the original has not, too; of a bus: somebody there has asked */
	uint64_t number;	 /* no other ever has it */
	bool bound;		 /* init is told when it ends: bound.c */
	/* root.c: */
	bool asking;		/* init has not said yet where it is */
	char *root;		/* owned: of its chroot session; NULL: none */
	struct held_call *held; /* owned: calls that wait for that */
	size_t n_held;
};

/* Listen on the sockets init handed over, else on the addresses given. A failure is a warning. */
void peer_listen(struct control *control);
void peer_stop_listening(struct control *control);

/* Take over a connection (its reference) and handle what comes. NULL: out of memory, it is closed. */
struct peer *peer_new(struct control *control, DBusConnection *dbus, bool is_bus);
void peer_free(struct peer *peer);
void peer_close(struct peer *peer);

/* Queue a message; a peer that does not read is closed once it is too far behind. False: out of memory. */
bool peer_send(struct peer *peer, DBusMessage *message);
/* Bytes that are queued for it. */
size_t peer_outgoing(const struct peer *peer);
/* Write what is queued for all peers, for at most `usec`. */
void peer_flush_all(struct control *control, usec_t usec);
