/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The message bus: joining it, losing it, and who its callers are (control.md 1.4, 1.5).
 *
 * Joining never blocks: connect, Hello, then, as the last step, the name without queueing. A caller's uid is
 * asked of the bus once per sender; until the answer is there that sender's calls wait in their order.
 */

#include "control/call.h"
#include "control/peer.h"

/* 0 or -ENOMEM. */
int must_check bus_init(struct control *control);
void bus_deinit(struct control *control);

/* System and test mode: the one quiet attempt at start. */
void bus_start(struct control *control);
/* SIGUSR1 in init: join if not joined. Means nothing in a session init. */
void bus_reconnect(struct control *control);
/* init says so: after a restart of ours it remembers the address a session was notified of. */
void bus_told_to_join(struct control *control, const char *address);
/* NotifyDBusAddress: ends the call when joined, or when that failed. */
void bus_notified(struct call *call, const char *address);

/* The joined bus, or NULL. */
struct peer *bus_peer(const struct control *control);
/* The connection is gone. */
void bus_lost(struct peer *peer);
/* A call has come over it. */
DBusHandlerResult bus_method_call(struct peer *peer, DBusMessage *message);

/* Tell the bus's activation environment (session init): pairs of KEY=VALUE. A failure is only logged. */
void bus_update_environment(struct control *control, char *const *env);
