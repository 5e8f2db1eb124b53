/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * From a method call message to the handler of its row in the tables.
 */

#include "control/peer.h"

/* A call over the bus whose sender's credentials are known (uid -1, pid 0: they can't be). False: out of memory. */
bool dispatch_call(struct peer *peer, DBusMessage *message, int32_t uid, int32_t pid);
/* A call of a private client: its credentials are the socket's, whatever sender the message claims. */
DBusHandlerResult dispatch_private(struct peer *peer, DBusMessage *message);
