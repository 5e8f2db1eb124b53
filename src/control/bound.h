/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Connections that states are bound to: init is told when one ends.
 */

#include "control/call.h"

/* The name of the caller's connection; no two ever have the same. Owned; NULL: out of memory. */
char *bound_name(const struct call *call);
/* From now on the end of the caller's connection is told. False: out of memory. */
bool bound_watch(const struct call *call);
/* A private connection ends; all of the bus do. */
void bound_peer_ended(struct peer *peer);
void bound_bus_ended(struct control *control);
/* A signal from the bus: did somebody leave it? */
void bound_signal(struct control *control, DBusMessage *message);
