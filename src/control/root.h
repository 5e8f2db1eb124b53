/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Which chroot session a private client belongs to (control.md 1.6). Init knows; it is asked once for each connection,
 * and until it has answered the client's calls wait. Those that come over a bus count as the machine's.
 */

#include "control/peer.h"

/* Ask init about a new client, if there are chroot sessions at all. False: out of memory. */
bool root_ask(struct peer *peer);

/* Does the call have to wait? Then it is kept, or the client, who has too many, is closed. */
bool root_holds(struct peer *peer, DBusMessage *message);

/* Forget the calls that wait. */
void root_forget(struct peer *peer);
